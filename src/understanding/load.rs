//! Reads `grammars/*.toml`: words that stand for one another, and lists of phrases by meaning. Every
//! problem has its place; a phrase that two meanings claim is one, and shows both.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashMap;
use toml::de::{DeTable, DeValue};

use crate::call::{Locale, Question, Topic};
use crate::problem::{Problems, Source, did_you_mean};
use crate::understanding::lexicon::Lexicon;
use crate::understanding::numbers::{Number, Numbers};
use crate::understanding::phrases::{Gathered, Meaning, Phrase, Phrases};
use crate::understanding::vocabulary::{ANY_ORDER, Unwritable, Vocabulary, WHOLE};

/// Largest grammar file.
const MAX_BYTES: usize = 1 << 20;
/// Most phrases of all grammars.
const MAX_PHRASES: usize = 20_000;
/// What ends a phrase that is only a hint: asked about before it counts.
const WEAK: char = '?';
/// What ends a phrase that counts only when it is all that was said.
const ALONE: char = '!';
/// Words that may stand between two words of a phrase about a subject; those of an answer stand
/// side by side.
const GAP: u8 = 2;
/// The same where the parts come in any order.
const WIDE_GAP: u8 = 5;
/// What `{words}` weigh in a phrase: about the letters of one of them.
const CLASS_WEIGHT: u16 = 7;
/// What a word weighs at most: more letters say no more.
const MAX_WEIGHT: u16 = 64;

/// A grammar file and its language; `None` is shared by all.
pub type File = (Option<Locale>, Arc<Source>);

/// All grammars, read.
#[derive(Debug)]
pub(super) struct Grammar {
    pub(super) lexicon: Lexicon,
    pub(super) phrases: Phrases,
    pub(super) numbers: Numbers,
    /// Hints for a recogniser.
    pub(super) hints: Hints,
}

/// By locale and question; without a locale those of all.
pub(super) type Hints = BTreeMap<(Option<Locale>, Question), Arc<[Arc<str>]>>;

/// Hints that a recogniser can make use of.
const MAX_HINTS: usize = 32;

/// Reads all files; what `[words]` of one names, the others may use.
pub(super) fn read(files: &[File]) -> Result<Grammar, Problems> {
    let mut reader = Reader::default();
    let mut tables = Vec::new();
    for file in files {
        let source = &file.1;
        if source.text.len() > MAX_BYTES {
            let title = format!("the file is larger than {MAX_BYTES} bytes");
            reader
                .problems
                .push(source.problem(0..0, title).hint("split it"));
            continue;
        }
        let (table, errors) = DeTable::parse_recoverable(&source.text);
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            reader.problems.push(source.problem(span, error.message()));
        }
        tables.push((file, table));
    }
    for (file, table) in &tables {
        reader.lists(&Place(file), table.get_ref());
    }
    for (file, table) in &tables {
        reader.file(&Place(file), table.get_ref());
    }
    reader.done(files)
}

type Value<'t> = toml::Spanned<DeValue<'t>>;
type Key<'t> = toml::Spanned<Cow<'t, str>>;

/// The file that is being read.
struct Place<'a>(&'a File);

#[derive(Default)]
struct Reader {
    problems: Problems,
    vocabulary: Vocabulary,
    phrases: Gathered,
    numbers: Numbers,
    hints: BTreeMap<(Locale, Question), Vec<Arc<str>>>,
    /// Who has a phrase already, and where. Looked up only, so its order does not matter.
    claimed: HashMap<Claim, (Meaning, Range<usize>)>,
}

/// A file, where a spelling of a phrase of it ends, and the question that it is for.
type Claim = (Option<Locale>, u32, Option<Question>);

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

impl Reader {
    fn wrong(
        &mut self,
        at: &Place<'_>,
        span: Range<usize>,
        title: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.problems.push(at.0.1.problem(span, title).hint(hint));
    }

    fn unknown(&mut self, at: &Place<'_>, span: Range<usize>, name: &str, known: &[&str]) {
        let hint = did_you_mean(name, known.iter().copied()).map_or_else(
            || format!("there are: {}", known.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        self.wrong(at, span, format!("`{name}` is not known here"), hint);
    }

    /// First pass: `[words]`, and the words that turn a meaning.
    fn lists(&mut self, at: &Place<'_>, table: &DeTable<'_>) {
        for (key, value) in sorted(table) {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("words", DeValue::Table(lists)) => {
                    for (key, value) in sorted(lists) {
                        self.list(at, key, value);
                    }
                }
                ("not_before", _) => self.negations(at, value),
                _ => {}
            }
        }
    }

    fn negations(&mut self, at: &Place<'_>, value: &Value<'_>) {
        for (_, text) in self.texts(at, value) {
            for word in text.split_whitespace() {
                if let Some(symbol) = self.vocabulary.word(at.0.0, word) {
                    self.phrases.negates(symbol);
                }
            }
        }
    }

    fn list(&mut self, at: &Place<'_>, key: &Key<'_>, value: &Value<'_>) {
        let name = key.get_ref().as_ref();
        if self.vocabulary.has_list(name) {
            let title = format!("there is a list `{name}` already");
            self.wrong(at, key.span(), title, "keep them in one");
            return;
        }
        self.vocabulary.list(name);
        for (span, text) in self.texts(at, value) {
            if let Err(Unwritable { title, hint }) = self.vocabulary.fill(name, at.0.0, &text) {
                self.wrong(at, span, title, hint);
            }
        }
    }

    /// Second pass: the phrases.
    fn file(&mut self, at: &Place<'_>, table: &DeTable<'_>) {
        for (key, value) in sorted(table) {
            let name = key.get_ref().as_ref();
            if let Some((_, meaning)) = GENERAL.iter().find(|(known, _)| *known == name) {
                self.phrases(at, value, *meaning, None);
                continue;
            }
            match (name, value.get_ref(), at.0.0) {
                ("words", DeValue::Table(_), _) => {}
                ("topics", DeValue::Table(topics), _) => self.topics(at, topics),
                ("questions", DeValue::Table(questions), _) => self.questions(at, questions),
                ("digits", DeValue::Table(digits), _) => self.digits(at, digits),
                ("hints", DeValue::Table(hints), Some(locale)) => self.hints(at, locale, hints),
                _ => {
                    let mut known: Vec<&str> = GENERAL.iter().map(|(name, _)| *name).collect();
                    known.extend([
                        "[words]",
                        "[topics]",
                        "[questions.…]",
                        "[digits]",
                        "[hints]",
                    ]);
                    self.unknown(at, key.span(), name, &known);
                }
            }
        }
    }

    fn topics(&mut self, at: &Place<'_>, topics: &DeTable<'_>) {
        for (key, value) in sorted(topics) {
            let name = key.get_ref().as_ref();
            if let Ok(topic) = name.parse() {
                self.phrases(at, value, Meaning::Topic(topic), None);
            } else {
                let known: Vec<&str> = Topic::ALL.iter().map(|topic| topic.as_str()).collect();
                self.unknown(at, key.span(), name, &known);
            }
        }
    }

    fn question(&mut self, at: &Place<'_>, span: Range<usize>, name: &str) -> Option<Question> {
        let question = name.parse().ok();
        if question.is_none() {
            let known: Vec<&str> = Question::ALL.iter().map(|q| q.as_str()).collect();
            self.unknown(at, span, name, &known);
        }
        question
    }

    fn questions(&mut self, at: &Place<'_>, questions: &DeTable<'_>) {
        for (key, value) in sorted(questions) {
            let question = self.question(at, key.span(), key.get_ref());
            let DeValue::Table(meanings) = value.get_ref() else {
                self.wrong(
                    at,
                    value.span(),
                    "a table is wanted here",
                    "write [questions.confirm_home]",
                );
                continue;
            };
            for (key, value) in sorted(meanings) {
                let name = key.get_ref().as_ref();
                match ANSWERS.iter().find(|(known, _)| *known == name) {
                    Some((_, meaning)) => self.phrases(at, value, *meaning, question),
                    None => self.unknown(at, key.span(), name, &ANSWERS.map(|(name, _)| name)),
                }
            }
        }
    }

    fn digits(&mut self, at: &Place<'_>, digits: &DeTable<'_>) {
        for (key, value) in sorted(digits) {
            let name = key.get_ref().as_ref();
            let Some(number) = Number::new(name, at.0.0) else {
                self.wrong(
                    at,
                    key.span(),
                    format!("`{name}` is no number below a thousand"),
                    "write 7 = [\"семь\"]",
                );
                continue;
            };
            for (span, text) in self.texts(at, value) {
                match self.vocabulary.word(at.0.0, &text) {
                    Some(symbol) => self.numbers.add(symbol, number),
                    None => self.wrong(
                        at,
                        span,
                        "one word is wanted here",
                        "a number word stands alone",
                    ),
                }
            }
        }
    }

    fn hints(&mut self, at: &Place<'_>, locale: Locale, hints: &DeTable<'_>) {
        for (key, value) in sorted(hints) {
            let texts = self
                .texts(at, value)
                .into_iter()
                .map(|(_, text)| text.into())
                .collect();
            if let Some(question) = self.question(at, key.span(), key.get_ref()) {
                self.hints.insert((locale, question), texts);
            }
        }
    }

    fn texts(&mut self, at: &Place<'_>, value: &Value<'_>) -> Vec<(Range<usize>, String)> {
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong(
                at,
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
                    at,
                    item.span(),
                    "a phrase is a text",
                    "write it in quotes: \"…\"",
                );
            }
        }
        texts
    }

    fn phrases(
        &mut self,
        at: &Place<'_>,
        value: &Value<'_>,
        meaning: Meaning,
        question: Option<Question>,
    ) {
        for (span, written) in self.texts(at, value) {
            let text = written.trim_end_matches([WEAK, ALONE]);
            if text.trim().is_empty() {
                self.wrong(
                    at,
                    span,
                    "this phrase has no words",
                    "write words, `*` for any ending",
                );
                continue;
            }
            let spellings = match self.vocabulary.spellings(at.0.0, text) {
                Ok(spellings) => spellings,
                Err(Unwritable { title, hint }) => {
                    self.wrong(at, span, title, hint);
                    continue;
                }
            };
            let phrase = Phrase {
                meaning,
                question,
                locale: at.0.0,
                weak: written.ends_with(WEAK),
                alone: written.ends_with(ALONE),
                gap: match meaning.topic() {
                    _ if text.contains(ANY_ORDER) => WIDE_GAP,
                    Some(_) => GAP,
                    None => 0,
                },
                whole: text.starts_with(WHOLE) && !text.contains(' '),
                weight: text.split_whitespace().map(weight).sum(),
                place: 0,
            };
            let ends = spellings.iter();
            let ends: Vec<u32> = ends.map(|way| self.phrases.end(way, phrase.gap)).collect();
            if self.claim(at, &span, (&phrase, text), &ends) {
                let spellings = spellings.iter().zip(ends);
                self.phrases.add(phrase, text, spellings);
            }
        }
    }

    /// Whether nobody else has a phrase that ends there; then it is taken.
    fn claim(
        &mut self,
        at: &Place<'_>,
        span: &Range<usize>,
        (phrase, text): (&Phrase, &str),
        ends: &[u32],
    ) -> bool {
        let Phrase {
            meaning, question, ..
        } = *phrase;
        if matches!(
            meaning,
            Meaning::Filler | Meaning::NotBefore | Meaning::NotAfter
        ) {
            return true;
        }
        let source = &at.0.1;
        let claims = ends.iter().map(|end| (at.0.0, *end, question));
        for claim in claims.clone() {
            let Some((other, there)) = self.claimed.get(&claim) else {
                continue;
            };
            let again = source.text.get(there.clone()) == source.text.get(span.clone());
            let title = match (*other == meaning, again) {
                (true, true) => format!("`{text}` stands here twice"),
                (true, false) => continue,
                (false, _) => format!("two meanings claim `{text}`"),
            };
            let problem = source
                .problem(span.clone(), title)
                .related(there.clone(), "and here");
            self.problems.push(problem.hint("keep it in one list"));
            return false;
        }
        for claim in claims {
            self.claimed.insert(claim, (meaning, span.clone()));
        }
        true
    }

    fn done(mut self, files: &[File]) -> Result<Grammar, Problems> {
        let too_many = if self.phrases.len() > MAX_PHRASES {
            Some(format!("more than {MAX_PHRASES} phrases"))
        } else if self.vocabulary.is_full() {
            Some("more different words than there is room for".to_owned())
        } else {
            None
        };
        if let (Some(title), Some(file)) = (too_many, files.first()) {
            self.wrong(&Place(file), 0..0, title, "take some out");
        }
        for (locale, source) in files {
            let said = |(of, ..): &Claim| of == locale;
            if locale.is_some() && !self.claimed.keys().any(said) {
                let problem = source.problem(0..0, "the grammar has no phrases");
                self.problems
                    .push(problem.hint("add yes = [\"…\"], no = [\"…\"] and so on"));
            }
        }
        let Self {
            problems,
            mut vocabulary,
            phrases,
            numbers,
            hints,
            ..
        } = self;
        vocabulary.lexicon.close();
        problems.or_ok(Grammar {
            phrases: phrases.packed(vocabulary.symbols()),
            lexicon: vocabulary.lexicon,
            numbers,
            hints: hints_of(&hints),
        })
    }
}

fn hints_of(hints: &BTreeMap<(Locale, Question), Vec<Arc<str>>>) -> Hints {
    let mut all: BTreeMap<_, Vec<Arc<str>>> = BTreeMap::new();
    for ((locale, question), texts) in hints {
        for locale in [Some(*locale), None] {
            all.entry((locale, *question))
                .or_default()
                .extend(texts.iter().cloned());
        }
    }
    let first = |texts: Vec<Arc<str>>| texts.into_iter().take(MAX_HINTS).collect();
    all.into_iter()
        .map(|(key, texts)| (key, first(texts)))
        .collect()
}

/// What a question may have of its own.
const ANSWERS: [(&str, Meaning); 4] = [
    ("yes", Meaning::Yes),
    ("no", Meaning::No),
    ("doubt", Meaning::Doubt),
    ("fillers", Meaning::Filler),
];

/// The entries of a table as the file has them.
fn sorted<'a, 't>(table: &'a DeTable<'t>) -> Vec<(&'a Key<'t>, &'a Value<'t>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// What a word of a phrase weighs.
fn weight(written: &str) -> u16 {
    if written.starts_with('{') {
        return CLASS_WEIGHT;
    }
    let open = written.ends_with('*');
    let letters = written.chars().filter(|c| c.is_alphanumeric()).count();
    u16::try_from(letters).unwrap_or(MAX_WEIGHT).min(MAX_WEIGHT) + u16::from(!open)
}
