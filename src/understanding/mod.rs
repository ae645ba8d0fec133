//! From what a recogniser heard to an intent: pure, deterministic, explainable.

mod decide;
mod kazakh;
mod letters;
mod lexicon;
mod load;
mod marks;
mod model;
mod numbers;
mod phrases;
mod place;
mod rows;
mod rules;
mod tokens;
mod train;
mod vocabulary;
mod words;

use std::cmp::Ordering;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::{self, ScopedJoinHandle};

use serde::{Deserialize, Serialize};

use crate::call::{Locale, Question, Topic};
use crate::problem::{Problems, Source};
use crate::understanding::decide::Decision;
use crate::understanding::marks::{Mark, Marks};
use crate::understanding::model::{Kind, Logits, Model};
use crate::understanding::phrases::Meaning;
use crate::understanding::tokens::Tokens;
use crate::understanding::words::Words;

pub use crate::understanding::load::File;
pub use crate::understanding::place::Place;
pub use crate::understanding::train::{Learnt, train};

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
    /// The next likely meaning.
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
pub struct Grammars {
    grammar: load::Grammar,
    model: Option<Model>,
}

/// An utterance, taken apart.
struct Heard<'g, 't> {
    words: Words<'t>,
    tokens: Tokens,
    marks: Marks<'g>,
    /// What the model makes of it, where it knows such questions.
    logits: Option<(Kind, Logits)>,
}

impl Grammars {
    /// Reads the grammars from their files, and the weights that were learnt from examples; without
    /// weights the rules decide alone.
    pub fn load(files: &[File], weights: Option<(&Arc<Source>, &[u8])>) -> Result<Self, Problems> {
        // Side by side: neither needs the other.
        let (grammar, model) = thread::scope(|scope| {
            let model = weights.map(|(examples, bytes)| scope.spawn(|| learnt(examples, bytes)));
            let grammar = load::read(files);
            let model = model.map(ScopedJoinHandle::join).transpose();
            (grammar, model.unwrap_or_else(|panic| resume_unwind(panic)))
        });
        let (mut grammar, model) = match (grammar, model.transpose()) {
            (Ok(grammar), Ok(model)) => (grammar, model),
            (grammar, model) => {
                let mut problems = Problems::default();
                for found in [model.err(), grammar.err()].into_iter().flatten() {
                    problems.extend(found);
                }
                return Err(problems);
            }
        };
        if let Some(Model { words, .. }) = &model {
            grammar.lexicon.remember(words);
        }
        Ok(Self { grammar, model })
    }

    fn hear<'t>(&self, question: Question, text: &'t str) -> Heard<'_, 't> {
        let words = self.grammar.lexicon.words(text);
        // A word that is said twice in a row counts once, but a digit does not.
        let mut words = if asks_digits(question) {
            words
        } else {
            words.without_echoes()
        };
        let model = self.model.as_ref().zip(Kind::of(question));
        let logits = model.map(|(model, kind)| (kind, model.logits(kind, question, &words)));
        let tokens = self.grammar.lexicon.read(&mut words);
        let marks = self.grammar.phrases.find(&tokens, question);
        Heard {
            words,
            tokens,
            marks,
            logits,
        }
    }

    /// The words that tell one label from the next likely one, by the examples.
    fn telling(&self, question: Question, words: &Words<'_>, likely: [usize; 2]) -> String {
        let model = self.model.as_ref().zip(Kind::of(question));
        let shares = model.map(|(model, kind)| model.shares((kind, question), words, likely));
        let shares = shares.unwrap_or_default();
        let most = shares.iter().copied().max().unwrap_or_default();
        let tells = |at: &usize| shares.get(*at).is_some_and(|share| share * 2 > most.max(1));
        let told: Vec<String> = (0..words.len())
            .filter(tells)
            .map(|at| words.get(at))
            .collect();
        told.join(" ")
    }

    /// What `text` means in answer to `question`. `locale` is the language of the call, `None`
    /// while it is not known; words of the other language are understood too.
    pub fn understand(&self, locale: Option<Locale>, question: Question, text: &str) -> Understood {
        let heard = self.hear(question, text);
        self.decide(locale, question, &heard).0
    }

    /// The same, with its reasons.
    pub fn explain(&self, locale: Option<Locale>, question: Question, text: &str) -> Explained {
        let heard = self.hear(question, text);
        let (understood, decision) = self.decide(locale, question, &heard);
        let words = match (decision.mark, decision.likely) {
            (Some(mark), _) => heard.words.said(mark.first.into(), mark.last.into()),
            (None, Some(likely)) => self.telling(question, &heard.words, likely),
            (None, None) if understood.intent == Intent::Digits => {
                heard.words.said(0, heard.words.len().saturating_sub(1))
            }
            (None, None) => String::new(),
        };
        let found = |mark: &Mark<'_>| Found {
            words: heard.words.said(mark.first.into(), mark.last.into()),
            phrase: self.grammar.phrases.text(mark.phrase),
            meaning: mark.meaning.to_string(),
        };
        let phrases = heard.marks.in_order().into_iter().map(found).collect();
        let unknown = (0..heard.tokens.len()).filter(|at| heard.tokens.of(*at).is_empty());
        let unknown = unknown.map(|at| heard.words.get(at)).collect();
        let runner_up = decision.runner_up;
        Explained {
            understood,
            words,
            runner_up,
            phrases,
            unknown,
        }
    }

    /// What it means, and what decided.
    fn decide<'h>(
        &self,
        locale: Option<Locale>,
        question: Question,
        heard: &'h Heard<'_, '_>,
    ) -> (Understood, Decision<'h>) {
        let person = || rules::standing(&heard.marks, Meaning::Operator).is_some();
        let digits = self.digits(question, heard).filter(|_| !person());
        // Of words that nobody knows, the examples say nothing either.
        let logits = heard.logits.as_ref().filter(|_| heard.tokens.known);
        let decision = if digits.is_some() {
            Decision::DIGITS
        } else {
            decide::decide(question, &heard.marks, heard.words.len(), logits)
        };
        let heard_in = spoken(&heard.marks, locale);
        let understood = Understood {
            intent: decision.intent,
            score: decision.score,
            digits: digits.unwrap_or_default(),
            locale: heard_in.filter(|_| decision.intent != Intent::Unclear),
            rule: decision.rule,
        };
        (understood, decision)
    }

    /// Digits and number words, where digits are asked.
    fn digits(&self, question: Question, heard: &Heard<'_, '_>) -> Option<String> {
        if !asks_digits(question) {
            return None;
        }
        let (numbers, _) = self.grammar.numbers.read(&heard.words, &heard.tokens);
        let digits = numbers.concat();
        (1..=MAX_DIGITS).contains(&digits.len()).then_some(digits)
    }

    /// Hints for a recogniser at this question: at most 32 phrases.
    pub fn phrases(&self, locale: Option<Locale>, question: Question) -> Arc<[Arc<str>]> {
        let hints = self.grammar.hints.get(&(locale, question));
        hints.cloned().unwrap_or_default()
    }
}

/// A text as it is compared: its words folded, one that is said twice in a row once.
pub fn folded(text: &str) -> String {
    let words: Vec<String> = Words::new(text).without_echoes().iter().collect();
    words.join(" ")
}

/// The model, if its weights were learnt from these examples.
fn learnt(examples: &Arc<Source>, weights: &[u8]) -> Result<Model, Problems> {
    Model::read(weights, &examples.text).ok_or_else(|| {
        let stale = "the weights were not learnt from these examples, or are damaged";
        let mut problems = Problems::default();
        problems.push(examples.problem(0..0, stale).hint("run `dana train`"));
        problems
    })
}

const fn asks_digits(question: Question) -> bool {
    matches!(question, Question::AskLogin | Question::ChooseLogin)
}

/// A login has no more.
const MAX_DIGITS: usize = 16;

/// The language that was spoken: the one whose phrases weigh more.
fn spoken(marks: &Marks<'_>, call: Option<Locale>) -> Option<Locale> {
    let (mut kazakh, mut russian) = (0, 0);
    for Mark { phrase, .. } in marks.iter() {
        let of = |locale| u32::from(phrase.locale == Some(locale)) * u32::from(phrase.weight);
        kazakh += of(Locale::Kk);
        russian += of(Locale::Ru);
    }
    match kazakh.cmp(&russian) {
        Ordering::Greater => Some(Locale::Kk),
        Ordering::Less => Some(Locale::Ru),
        Ordering::Equal => call,
    }
}
