//! Reads `grammars/<locale>.toml`: lists of phrases by meaning. Every problem has its place; a
//! phrase that two meanings claim is one, and shows both.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use crate::call::{Locale, Question, Topic};
use crate::problem::{Problems, Source, did_you_mean};
use crate::understanding::words::words;

/// Largest grammar file.
const MAX_BYTES: usize = 1 << 20;
/// Most phrases of a locale.
const MAX_PHRASES: usize = 10_000;
/// What ends a word that stands for all its endings.
const STEM: char = '*';
/// What ends a phrase that is only a hint: asked about before it counts.
const WEAK: char = '?';

/// What a phrase means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Meaning {
    Yes,
    No,
    /// Neither: put off, not sure.
    Doubt,
    Operator,
    Repeat,
    Language(Locale),
    Topic(Topic),
    /// Means nothing of its own, and takes nothing from a yes.
    Filler,
    /// Turns the meaning of what follows.
    NotBefore,
    /// Turns the meaning of what came before.
    NotAfter,
}

/// A word of a phrase.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pattern {
    /// Folded.
    pub(super) text: String,
    /// It stands for all words that begin so.
    pub(super) stem: bool,
}

/// Words that mean something, in order.
#[derive(Clone, Debug)]
pub(super) struct Phrase {
    pub(super) patterns: Vec<Pattern>,
    pub(super) meaning: Meaning,
    /// Only as an answer to this question.
    pub(super) question: Option<Question>,
    pub(super) locale: Locale,
    pub(super) weak: bool,
}

/// One grammar file, read.
#[derive(Debug, Default)]
pub(super) struct Grammar {
    pub(super) phrases: Vec<Phrase>,
    /// Words for digits and numbers below a hundred.
    pub(super) digits: BTreeMap<String, String>,
    /// Hints for a recogniser, by question.
    pub(super) hints: BTreeMap<Question, Vec<Arc<str>>>,
}

/// Reads one file, as far as it can be read.
pub(super) fn read(locale: Locale, source: &Arc<Source>, problems: &mut Problems) -> Grammar {
    let mut reader = Reader {
        locale,
        source,
        problems,
        grammar: Grammar::default(),
        claimed: BTreeMap::new(),
    };
    if source.text.len() > MAX_BYTES {
        reader.wrong(
            0..0,
            format!("the file is larger than {MAX_BYTES} bytes"),
            "split it",
        );
        return reader.grammar;
    }
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        reader.problems.push(source.problem(span, error.message()));
    }
    reader.file(table.get_ref());
    if reader.grammar.phrases.is_empty() {
        reader.wrong(
            0..0,
            "the grammar has no phrases",
            "add yes = [\"…\"], no = [\"…\"] and so on",
        );
    }
    if reader.grammar.phrases.len() > MAX_PHRASES {
        reader.wrong(
            0..0,
            format!("more than {MAX_PHRASES} phrases"),
            "split the file",
        );
    }
    reader.grammar
}

type Value<'t> = toml::Spanned<DeValue<'t>>;

struct Reader<'a> {
    locale: Locale,
    source: &'a Arc<Source>,
    problems: &'a mut Problems,
    grammar: Grammar,
    /// Who has a phrase already, and where.
    claimed: BTreeMap<Claim, (Meaning, Range<usize>)>,
}

/// A phrase, and the question that it is for.
type Claim = (Vec<Pattern>, Option<Question>);

const GENERAL: &[(&str, Meaning)] = &[
    ("yes", Meaning::Yes),
    ("no", Meaning::No),
    ("doubt", Meaning::Doubt),
    ("operator", Meaning::Operator),
    ("repeat", Meaning::Repeat),
    ("language_ru", Meaning::Language(Locale::Ru)),
    ("language_kk", Meaning::Language(Locale::Kk)),
    ("fillers", Meaning::Filler),
    ("not_before", Meaning::NotBefore),
    ("not_after", Meaning::NotAfter),
];

impl Reader<'_> {
    fn wrong(&mut self, span: Range<usize>, title: impl Into<String>, hint: impl Into<String>) {
        self.problems
            .push(self.source.problem(span, title).hint(hint));
    }

    fn unknown(&mut self, span: Range<usize>, name: &str, known: &[&str]) {
        let hint = did_you_mean(name, known.iter().copied()).map_or_else(
            || format!("there are: {}", known.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        self.wrong(span, format!("`{name}` is not known here"), hint);
    }

    fn file(&mut self, table: &DeTable<'_>) {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let name = key.get_ref().as_ref();
            if let Some((_, meaning)) = GENERAL.iter().find(|(known, _)| *known == name) {
                self.phrases(value, *meaning, None);
                continue;
            }
            match (name, value.get_ref()) {
                ("topics", DeValue::Table(topics)) => self.topics(topics),
                ("questions", DeValue::Table(questions)) => self.questions(questions),
                ("digits", DeValue::Table(digits)) => self.digits(digits),
                ("hints", DeValue::Table(hints)) => self.hints(hints),
                _ => {
                    let mut known: Vec<&str> = GENERAL.iter().map(|(name, _)| *name).collect();
                    known.extend(["[topics]", "[questions.…]", "[digits]", "[hints]"]);
                    self.unknown(key.span(), name, &known);
                }
            }
        }
    }

    fn topics(&mut self, topics: &DeTable<'_>) {
        for (key, value) in topics {
            let name = key.get_ref().as_ref();
            if let Ok(topic) = name.parse() {
                self.phrases(value, Meaning::Topic(topic), None);
            } else {
                let known: Vec<&str> = Topic::ALL.iter().map(|topic| topic.as_str()).collect();
                self.unknown(key.span(), name, &known);
            }
        }
    }

    fn question(&mut self, span: Range<usize>, name: &str) -> Option<Question> {
        let question = name.parse().ok();
        if question.is_none() {
            let known: Vec<&str> = Question::ALL.iter().map(|q| q.as_str()).collect();
            self.unknown(span, name, &known);
        }
        question
    }

    fn questions(&mut self, questions: &DeTable<'_>) {
        for (key, value) in questions {
            let question = self.question(key.span(), key.get_ref());
            let DeValue::Table(meanings) = value.get_ref() else {
                self.wrong(
                    value.span(),
                    "a table is wanted here",
                    "write [questions.confirm_home]",
                );
                continue;
            };
            for (key, value) in meanings {
                let name = key.get_ref().as_ref();
                match GENERAL.iter().take(3).find(|(known, _)| *known == name) {
                    Some((_, meaning)) => self.phrases(value, *meaning, question),
                    None => self.unknown(key.span(), name, &["yes", "no", "doubt"]),
                }
            }
        }
    }

    fn digits(&mut self, digits: &DeTable<'_>) {
        for (key, value) in digits {
            let name = key.get_ref().as_ref();
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_digit()) {
                self.wrong(
                    key.span(),
                    format!("`{name}` is no number"),
                    "write 7 = [\"семь\"]",
                );
            }
            for (span, text) in self.texts(value) {
                match words(&text).as_slice() {
                    [word] => {
                        self.grammar.digits.insert(word.clone(), name.to_owned());
                    }
                    _ => self.wrong(
                        span,
                        "one word is wanted here",
                        "a number word stands alone",
                    ),
                }
            }
        }
    }

    fn hints(&mut self, hints: &DeTable<'_>) {
        for (key, value) in hints {
            let question = self.question(key.span(), key.get_ref());
            let texts = self
                .texts(value)
                .into_iter()
                .map(|(_, text)| text.into())
                .collect();
            self.grammar
                .hints
                .extend(question.map(|question| (question, texts)));
        }
    }

    fn texts(&mut self, value: &Value<'_>) -> Vec<(Range<usize>, String)> {
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong(
                value.span(),
                "a list of phrases is wanted here",
                "write [\"…\", \"…\"]",
            );
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in items {
            if let DeValue::String(text) = item.get_ref() {
                texts.push((item.span(), text.to_string()));
            } else {
                self.wrong(
                    item.span(),
                    "a phrase is a text",
                    "write it in quotes: \"…\"",
                );
            }
        }
        texts
    }

    fn phrases(&mut self, value: &Value<'_>, meaning: Meaning, question: Option<Question>) {
        for (span, text) in self.texts(value) {
            let (text, weak) = match text.strip_suffix(WEAK) {
                Some(text) => (text, true),
                None => (text.as_str(), false),
            };
            let patterns: Vec<Pattern> = text.split_whitespace().filter_map(pattern).collect();
            if patterns.is_empty() {
                self.wrong(
                    span,
                    "this phrase has no words",
                    "write words, `*` for any ending",
                );
                continue;
            }
            let claim = (patterns.clone(), question);
            if let Some((other, there)) = self.claimed.get(&claim) {
                let title = if *other == meaning {
                    format!("`{text}` stands here twice")
                } else {
                    format!("two meanings claim `{text}`")
                };
                let problem = self
                    .source
                    .problem(span, title)
                    .related(there.clone(), "and here");
                self.problems.push(problem.hint("keep it in one list"));
                continue;
            }
            self.claimed.insert(claim, (meaning, span));
            let locale = self.locale;
            self.grammar.phrases.push(Phrase {
                patterns,
                meaning,
                question,
                locale,
                weak,
            });
        }
    }
}

/// `интернет*` is every word that begins so.
fn pattern(word: &str) -> Option<Pattern> {
    let stem = word.ends_with(STEM);
    let mut folded = words(word).into_iter();
    let text = folded.next()?;
    folded.next().is_none().then_some(Pattern { text, stem })
}
