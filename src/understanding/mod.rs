//! From what a recogniser heard to an intent: pure, deterministic, explainable.

mod load;
mod rules;
mod words;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::call::{Locale, Question, Topic};
use crate::problem::{Problems, Source};
use crate::understanding::load::Meaning;
use crate::understanding::rules::{Mark, Phrases};

/// What a caller means. The labels are those of an answer to a yes/no question and of an answer to
/// an open one; the question decides which of them can come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// Agrees with, or confirms, what was asked.
    Yes,
    /// Denies, refuses or puts off.
    No,
    /// Wants a person.
    Operator,
    /// Wants to hear it again.
    Repeat,
    /// Brings up another matter instead of answering a yes/no question.
    OtherTopic,
    /// A subject, in answer to an open question.
    Topic(Topic),
    /// Wants another language.
    Language(Locale),
    /// Digits, in answer to `choose_login` or `ask_login`: see [`Understood::digits`].
    Digits,
    /// Nothing of these.
    Unclear,
}

impl Intent {
    /// The label of `examples.md`'s form: `yes`, `internet_down`, `other_topic` …
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Operator => "operator",
            Self::Repeat => "repeat",
            Self::OtherTopic => "other_topic",
            Self::Topic(topic) => topic.as_str(),
            Self::Language(Locale::Kk) => "language_kk",
            Self::Language(Locale::Ru) => "language_ru",
            Self::Digits => "digits",
            Self::Unclear => "unclear",
        }
    }
}

/// The meaning of an utterance, with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Understood {
    /// What is meant.
    pub intent: Intent,
    /// How sure, 0–1000. Below the flow's accept limit it is asked about, below reject dropped.
    pub score: u16,
    /// For [`Intent::Digits`]: the digits.
    pub digits: String,
    /// The language whose grammar understood it; `None` if both or neither.
    pub locale: Option<Locale>,
    /// The words that decided, and the rule.
    pub why: String,
}

/// The grammars of all locales. Loaded whole or not at all.
#[derive(Debug)]
pub struct Grammars {
    phrases: Phrases,
    digits: BTreeMap<String, String>,
    hints: BTreeMap<(Locale, Question), Vec<Arc<str>>>,
}

/// Hints that a recogniser can make use of.
const MAX_HINTS: usize = 32;

impl Grammars {
    /// Reads the grammar of each locale from its file.
    pub fn load(files: &[(Locale, Arc<Source>)]) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut phrases = Vec::new();
        let mut digits = BTreeMap::new();
        let mut hints = BTreeMap::new();
        for (locale, source) in files {
            let grammar = load::read(*locale, source, &mut problems);
            phrases.extend(grammar.phrases);
            digits.extend(grammar.digits);
            hints.extend(
                grammar
                    .hints
                    .into_iter()
                    .map(|(q, texts)| ((*locale, q), texts)),
            );
        }
        problems.or_ok(Self {
            phrases: Phrases::new(phrases),
            digits,
            hints,
        })
    }

    /// What `text` means in answer to `question`. `locale` is the language of the call, `None`
    /// while it is not known; words of the other language are understood too.
    pub fn understand(&self, locale: Option<Locale>, question: Question, text: &str) -> Understood {
        let spoken_words = words::words(text);
        // A word that is said twice in a row counts once.
        let mut words = spoken_words.clone();
        words.dedup();
        let marks = self.phrases.find(&words, question);
        let person = rules::unturned(&marks, Meaning::Operator).is_some();
        if let Some(understood) = self.digits(question, &spoken_words).filter(|_| !person) {
            return understood;
        }
        let found = answer(question, &marks).filter(|(intent, ..)| {
            let consent = *intent == Intent::Yes && question == Question::ConfirmTicket;
            !consent || rules::consents(&marks, words.len())
        });
        let Some((intent, score, mark, rule)) = found else {
            return Understood {
                intent: Intent::Unclear,
                score: 0,
                digits: String::new(),
                locale: None,
                why: "nothing was recognised".to_owned(),
            };
        };
        let said = words
            .get(mark.first..=mark.last)
            .unwrap_or_default()
            .join(" ");
        Understood {
            intent,
            score,
            digits: String::new(),
            locale: spoken(&marks, locale),
            why: format!("«{said}»: {rule}"),
        }
    }

    /// Digits and number words, where digits are asked and nothing else was said.
    fn digits(&self, question: Question, words: &[String]) -> Option<Understood> {
        if !matches!(question, Question::AskLogin | Question::ChooseLogin) {
            return None;
        }
        let mut digits = String::new();
        for word in words {
            if word.bytes().all(|b| b.is_ascii_digit()) {
                digits.push_str(word);
            } else if let Some(number) = self.digits.get(word) {
                join(&mut digits, number);
            }
        }
        (!digits.is_empty() && digits.len() <= MAX_DIGITS).then(|| Understood {
            intent: Intent::Digits,
            score: rules::CLEAR,
            digits,
            locale: None,
            why: "number words".to_owned(),
        })
    }

    /// Hints for a recogniser at this question: at most 32 phrases.
    pub fn phrases(&self, locale: Option<Locale>, question: Question) -> Vec<Arc<str>> {
        let locales = Locale::ALL
            .iter()
            .filter(|of| locale.is_none_or(|locale| locale == **of));
        let hints = locales.filter_map(|of| self.hints.get(&(*of, question)));
        hints.flatten().take(MAX_HINTS).cloned().collect()
    }
}

/// A login has no more.
const MAX_DIGITS: usize = 16;

/// «сорок пять» is 45: a ten takes the unit that follows it.
fn join(digits: &mut String, number: &str) {
    let round = digits.len() >= 2 && digits.ends_with('0') && number.len() == 1 && number != "0";
    if round && tens(digits) {
        digits.pop();
    }
    digits.push_str(number);
}

/// Whether the last two digits are a round ten that a unit may complete.
fn tens(digits: &str) -> bool {
    let mut last = digits.chars().rev();
    last.next() == Some('0') && last.next().is_some_and(|ten| ('2'..='9').contains(&ten))
}

type Found<'m> = (Intent, u16, &'m Mark, &'static str);

/// The rules, the strongest first.
fn answer(question: Question, marks: &[Mark]) -> Option<Found<'_>> {
    if let Some(mark) = rules::unturned(marks, Meaning::Operator) {
        return Some((Intent::Operator, rules::CLEAR, mark, "asks for a person"));
    }
    for &locale in Locale::ALL {
        if let Some(mark) = rules::unturned(marks, Meaning::Language(locale)) {
            return Some((
                Intent::Language(locale),
                rules::CLEAR,
                mark,
                "asks for a language",
            ));
        }
    }
    let verdict = rules::verdict(marks);
    let topic = rules::topic(marks);
    // Who wants to hear it again has agreed to nothing yet.
    if let Some(mark) = rules::unturned(marks, Meaning::Repeat) {
        return Some((Intent::Repeat, rules::CLEAR, mark, "asks to hear it again"));
    }
    match question {
        Question::Open => open(topic, verdict),
        Question::AnythingElse => match topic {
            Some((topic, mark)) if !mark.weak && !says_no_after(verdict, mark) => {
                Some((Intent::Topic(topic), rules::CLEAR, mark, "names a subject"))
            }
            Some(_) | None => yes_no(verdict),
        },
        Question::ConfirmTopic
        | Question::ChooseLogin
        | Question::AskLogin
        | Question::ConfirmHome
        | Question::AtHome
        | Question::ConfirmTicket
        | Question::ConfirmOperator
        | Question::PaymentWhen
        | Question::Language => closed(question, topic, verdict),
    }
}

type Verdict<'m> = Option<(Meaning, &'m Mark)>;

fn says_no_after(verdict: Verdict<'_>, topic: &Mark) -> bool {
    verdict.is_some_and(|(meaning, mark)| meaning == Meaning::No && mark.last > topic.last)
}

fn open<'m>(topic: Option<(Topic, &'m Mark)>, verdict: Verdict<'m>) -> Option<Found<'m>> {
    match topic {
        Some((topic, mark)) if mark.weak => Some((
            Intent::Topic(topic),
            rules::HINT,
            mark,
            "a hint of a subject",
        )),
        Some((topic, mark)) => Some((Intent::Topic(topic), rules::CLEAR, mark, "names a subject")),
        None => yes_no(verdict),
    }
}

/// A yes/no question: another matter stands instead of an answer, unless the answer is a yes, or
/// the matter is the one that is asked about.
fn closed<'m>(
    question: Question,
    topic: Option<(Topic, &'m Mark)>,
    verdict: Verdict<'m>,
) -> Option<Found<'m>> {
    let asked_about = |topic: Topic| {
        matches!(
            topic,
            Topic::InternetDown | Topic::CableDamaged | Topic::FrequentDrops | Topic::SlowInternet
        )
    };
    match (topic, verdict) {
        (Some((topic, mark)), verdict) if !mark.weak && !asked_about(topic) => {
            // Consent is never read out of words about something else.
            let after = question != Question::ConfirmTicket;
            let answered =
                verdict.is_some_and(|(_, said)| said.asked || (after && said.first > mark.last));
            if answered {
                return yes_no(verdict);
            }
            Some((
                Intent::OtherTopic,
                rules::DECENT,
                mark,
                "brings up another matter",
            ))
        }
        (Some((topic, mark)), None) if question == Question::ConfirmHome && asked_about(topic) => {
            Some((
                Intent::Yes,
                rules::DECENT,
                mark,
                "describes what was asked about",
            ))
        }
        (_, verdict) => yes_no(verdict),
    }
}

fn yes_no(verdict: Verdict<'_>) -> Option<Found<'_>> {
    let (meaning, mark) = verdict?;
    let intent = match meaning {
        Meaning::Yes => Intent::Yes,
        Meaning::No => Intent::No,
        Meaning::Doubt
        | Meaning::Operator
        | Meaning::Repeat
        | Meaning::Language(_)
        | Meaning::Topic(_)
        | Meaning::Filler
        | Meaning::NotBefore
        | Meaning::NotAfter => return None,
    };
    let score = if mark.weak { rules::HINT } else { rules::CLEAR };
    Some((intent, score, mark, "the last word on it"))
}

/// The language that was spoken: the one whose phrases weigh more.
fn spoken(marks: &[Mark], call: Option<Locale>) -> Option<Locale> {
    let weight = |locale: Locale| -> usize {
        marks
            .iter()
            .filter(|mark| mark.locale == locale)
            .map(|mark| mark.weight)
            .sum()
    };
    match weight(Locale::Kk).cmp(&weight(Locale::Ru)) {
        Ordering::Greater => Some(Locale::Kk),
        Ordering::Less => Some(Locale::Ru),
        Ordering::Equal => call,
    }
}
