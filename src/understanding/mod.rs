//! From what a recogniser heard to an intent: pure, deterministic, explainable.

mod kazakh;
mod lexicon;
mod load;
mod numbers;
mod phrases;
mod place;
mod rules;
mod vocabulary;
mod words;

use std::cmp::Ordering;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::call::{Locale, Question, Topic};
use crate::problem::Problems;
use crate::understanding::lexicon::Tokens;
use crate::understanding::phrases::{Mark, Meaning};
use crate::understanding::words::Words;

pub use crate::understanding::load::File;
pub use crate::understanding::place::Place;

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

/// The meaning of an utterance.
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
    /// The rule that decided.
    pub rule: &'static str,
}

/// Why an utterance means what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// What it means.
    pub understood: Understood,
    /// The words that decided, as they were compared: folded.
    pub words: String,
    /// What it would mean without the phrase that decided.
    pub runner_up: Option<(Intent, u16)>,
    /// Every phrase that was found: the words, the grammar's phrase, its meaning.
    pub phrases: Vec<Found>,
    /// Words that no grammar knows.
    pub unknown: Vec<String>,
}

/// A phrase that was found in an utterance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The words of the caller, folded.
    pub words: String,
    /// The phrase as the grammar writes it.
    pub phrase: Arc<str>,
    /// What it means: `yes`, `filler`, `tv` …
    pub meaning: String,
}

/// The grammars of all locales. Loaded whole or not at all.
#[derive(Debug)]
pub struct Grammars(load::Grammar);

/// Hints that a recogniser can make use of.
const MAX_HINTS: usize = 32;

/// An utterance, taken apart.
struct Heard<'g> {
    words: Words,
    tokens: Tokens,
    marks: Vec<Mark<'g>>,
}

impl Grammars {
    /// Reads the grammars from their files.
    pub fn load(files: &[File]) -> Result<Self, Problems> {
        load::read(files).map(Self)
    }

    fn hear(&self, question: Question, text: &str) -> Heard<'_> {
        let words = Words::new(text);
        // A word that is said twice in a row counts once, but a digit does not.
        let mut words = if asks_digits(question) {
            words
        } else {
            words.without_echoes()
        };
        let tokens = self.0.lexicon.read(&mut words);
        let marks = self.0.phrases.find(&tokens, question);
        Heard {
            words,
            tokens,
            marks,
        }
    }

    /// What `text` means in answer to `question`. `locale` is the language of the call, `None`
    /// while it is not known; words of the other language are understood too.
    pub fn understand(&self, locale: Option<Locale>, question: Question, text: &str) -> Understood {
        let heard = self.hear(question, text);
        self.decide(locale, question, &heard).0
    }

    /// The same, with its reasons.
    pub fn explain(&self, locale: Option<Locale>, question: Question, text: &str) -> Explained {
        let mut heard = self.hear(question, text);
        let (understood, decided) = self.decide(locale, question, &heard);
        let words = decided.map_or_else(String::new, |(first, last)| heard.words.said(first, last));
        let found = |mark: &Mark<'_>| Found {
            words: heard.words.said(mark.first, mark.last),
            phrase: Arc::clone(&mark.phrase.text),
            meaning: mark.meaning.to_string(),
        };
        let phrases = heard.marks.iter().map(found).collect();
        let unknown = (0..heard.tokens.len()).filter(|at| heard.tokens.of(*at).is_empty());
        let unknown = unknown.map(|at| heard.words.get(at).to_owned()).collect();
        let meant = |mark: &Mark<'_>| {
            decided.is_some_and(|(first, last)| mark.first <= last && first <= mark.last)
        };
        heard.marks.retain(|mark| !meant(mark));
        let next = self.decide(locale, question, &heard).0;
        let other = next.intent != understood.intent && next.intent != Intent::Unclear;
        let runner_up = other.then_some((next.intent, next.score));
        Explained {
            understood,
            words,
            runner_up,
            phrases,
            unknown,
        }
    }

    /// What it means, and from which word to which that was said.
    fn decide(
        &self,
        locale: Option<Locale>,
        question: Question,
        heard: &Heard<'_>,
    ) -> (Understood, Option<(usize, usize)>) {
        let marks = heard.marks.as_slice();
        let understood = |intent, score, rule| Understood {
            intent,
            score,
            digits: String::new(),
            locale: spoken(marks, locale),
            rule,
        };
        let person = rules::standing(marks, Meaning::Operator).is_some();
        if let Some(digits) = self.digits(question, heard).filter(|_| !person) {
            let understood = understood(Intent::Digits, rules::CLEAR, "number words");
            return (
                Understood {
                    digits,
                    ..understood
                },
                Some((0, heard.words.len().saturating_sub(1))),
            );
        }
        let mut found = answer(question, marks);
        let consent = question == Question::ConfirmTicket
            && found.is_some_and(|(intent, ..)| intent == Intent::Yes);
        if consent && !rules::consents(marks, heard.words.len()) {
            let other = rules::topic(marks).filter(|(topic, mark)| {
                !mark.phrase.weak && !is_asked_about(question, *topic, rules::verdict(marks))
            });
            found = other.map(|(_, mark)| other_topic(mark));
        }
        match found {
            Some((intent, score, mark, rule)) => (
                understood(intent, score, rule),
                Some((mark.first, mark.last)),
            ),
            None => (
                Understood {
                    locale: None,
                    ..understood(Intent::Unclear, 0, "nothing was recognised")
                },
                None,
            ),
        }
    }

    /// Digits and number words, where digits are asked.
    fn digits(&self, question: Question, heard: &Heard<'_>) -> Option<String> {
        if !asks_digits(question) {
            return None;
        }
        let (numbers, _) = self.0.numbers.read(&heard.words, &heard.tokens);
        let digits = numbers.concat();
        (1..=MAX_DIGITS).contains(&digits.len()).then_some(digits)
    }

    /// Hints for a recogniser at this question: at most 32 phrases.
    pub fn phrases(&self, locale: Option<Locale>, question: Question) -> Vec<Arc<str>> {
        let locales = Locale::ALL
            .iter()
            .filter(|of| locale.is_none_or(|locale| locale == **of));
        let hints = locales.filter_map(|of| self.0.hints.get(&(*of, question)));
        hints.flatten().take(MAX_HINTS).cloned().collect()
    }
}

const fn asks_digits(question: Question) -> bool {
    matches!(question, Question::AskLogin | Question::ChooseLogin)
}

/// A login has no more.
const MAX_DIGITS: usize = 16;

/// What is meant, how sure, the phrase that decided, and the rule.
type Answer<'m> = (Intent, u16, &'m Mark<'m>, &'static str);

/// The rules, the strongest first.
fn answer<'m>(question: Question, marks: &'m [Mark<'m>]) -> Option<Answer<'m>> {
    let topic = rules::topic(marks);
    let person = rules::standing(marks, Meaning::Operator);
    // The word alone may be said of an operator («оператор обещал»); a subject then tells more.
    let person =
        person.filter(|mark| !mark.phrase.weak || topic.is_none_or(|(_, topic)| topic.phrase.weak));
    let verdict = rules::verdict(marks);
    if let Some(mark) = person.filter(|person| !agrees_to_person(question, person, marks)) {
        return Some((Intent::Operator, rules::CLEAR, mark, "asks for a person"));
    }
    for &locale in Locale::ALL {
        if let Some(mark) = rules::standing(marks, Meaning::Language(locale)) {
            return Some((
                Intent::Language(locale),
                rules::CLEAR,
                mark,
                "asks for a language",
            ));
        }
    }
    let open = matches!(question, Question::Open | Question::AnythingElse);
    let subject = topic
        .filter(|(_, mark)| open && !mark.phrase.weak && !says_no_after(question, verdict, mark));
    if let Some((topic, mark)) = subject {
        return Some((Intent::Topic(topic), rules::CLEAR, mark, "names a subject"));
    }
    // Who wants to hear it again has agreed to nothing yet.
    if let Some(mark) = rules::standing(marks, Meaning::Repeat) {
        return Some((Intent::Repeat, rules::CLEAR, mark, "asks to hear it again"));
    }
    match (question, topic) {
        (Question::Open, Some((topic, mark))) => Some((
            Intent::Topic(topic),
            rules::HINT,
            mark,
            "a hint of a subject",
        )),
        (Question::Open | Question::AnythingElse, _) => yes_no(verdict),
        (question, topic) => closed(question, topic, verdict),
    }
}

/// «Соедините» agrees where an operator was offered, and asks for one anywhere else.
fn agrees_to_person(question: Question, person: &Mark<'_>, marks: &[Mark<'_>]) -> bool {
    let agrees = |mark: &Mark<'_>| {
        mark.meaning == Meaning::Yes
            && mark.asked()
            && mark.first <= person.first
            && person.last <= mark.last
    };
    question == Question::ConfirmOperator && marks.iter().any(agrees)
}

type Verdict<'m> = Option<(Meaning, &'m Mark<'m>)>;

/// Where nothing else was offered, a no behind the subject takes it back.
fn says_no_after(question: Question, verdict: Verdict<'_>, topic: &Mark<'_>) -> bool {
    let no =
        |(meaning, mark): (Meaning, &Mark<'_>)| meaning == Meaning::No && mark.first > topic.last;
    question == Question::AnythingElse && verdict.is_some_and(no)
}

/// Whether a subject is what the question is about: a fault always is, the mobile line is the other
/// side of `confirm_home`, a technician that of `confirm_ticket`.
fn is_asked_about(question: Question, topic: Topic, verdict: Verdict<'_>) -> bool {
    match topic {
        Topic::InternetDown | Topic::CableDamaged | Topic::FrequentDrops | Topic::SlowInternet => {
            true
        }
        Topic::MobileNumber | Topic::MobileBalance => question == Question::ConfirmHome,
        Topic::TechnicianEta => {
            question == Question::ConfirmTicket && verdict.is_some_and(|(_, said)| said.asked())
        }
        Topic::Tv
        | Topic::Password
        | Topic::PaidWrongLogin
        | Topic::PaymentNotArrived
        | Topic::ChangeTariff
        | Topic::CallbackWait
        | Topic::Relocation
        | Topic::TariffInfo
        | Topic::StaticIp
        | Topic::EquipmentLostOrDamaged
        | Topic::VoluntaryBlock
        | Topic::ReturnEquipment => false,
    }
}

/// A yes/no question: another matter stands instead of an answer, unless the answer is given beside
/// it, or the matter is the one that is asked about.
fn closed<'m>(
    question: Question,
    topic: Option<(Topic, &'m Mark<'m>)>,
    verdict: Verdict<'m>,
) -> Option<Answer<'m>> {
    let Some((topic, mark)) = topic.filter(|(_, mark)| !mark.phrase.weak) else {
        return yes_no(verdict);
    };
    match verdict {
        None if question == Question::ConfirmHome && is_asked_about(question, topic, verdict) => {
            Some((
                Intent::Yes,
                rules::DECENT,
                mark,
                "describes what was asked about",
            ))
        }
        verdict if is_asked_about(question, topic, verdict) => yes_no(verdict),
        Some((meaning, said)) if answers_beside(question, mark, meaning, said) => yes_no(verdict),
        _ => Some(other_topic(mark)),
    }
}

const fn other_topic<'m>(mark: &'m Mark<'m>) -> Answer<'m> {
    (
        Intent::OtherTopic,
        rules::DECENT,
        mark,
        "brings up another matter",
    )
}

/// Whether a yes or no is an answer of its own and no part of the words about another matter. Consent
/// is never read out of words about something else.
fn answers_beside(question: Question, topic: &Mark<'_>, meaning: Meaning, said: &Mark<'_>) -> bool {
    let part = topic.first <= said.first && said.last <= topic.last;
    let own = said.asked() && !said.phrase.weak && !part;
    let behind = said.first > topic.last;
    let agrees = said.phrase.whole() && question != Question::ConfirmTicket;
    own || (behind && (meaning == Meaning::No || agrees))
}

fn yes_no(verdict: Verdict<'_>) -> Option<Answer<'_>> {
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
    let score = if mark.phrase.weak {
        rules::DECENT
    } else {
        rules::CLEAR
    };
    Some((intent, score, mark, "the last word on it"))
}

/// The language that was spoken: the one whose phrases weigh more.
fn spoken(marks: &[Mark<'_>], call: Option<Locale>) -> Option<Locale> {
    let weight = |locale: Locale| -> usize {
        let of = marks
            .iter()
            .filter(|mark| mark.phrase.locale == Some(locale));
        of.map(|mark| mark.phrase.weight).sum()
    };
    match weight(Locale::Kk).cmp(&weight(Locale::Ru)) {
        Ordering::Greater => Some(Locale::Kk),
        Ordering::Less => Some(Locale::Ru),
        Ordering::Equal => call,
    }
}
