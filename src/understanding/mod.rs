//! From what a recogniser heard to an intent: pure, deterministic, explainable.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::call::{Locale, Question, Topic};
use crate::problem::{Problems, Source};

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
pub struct Grammars {}

impl Grammars {
    /// Reads the grammar of each locale from its file.
    pub fn load(files: &[(Locale, Arc<Source>)]) -> Result<Self, Problems> {
        let _ = files;
        Ok(Self {})
    }

    /// What `text` means in answer to `question`. `locale` is the language of the call, `None`
    /// while it is not known; words of the other language are understood too.
    pub fn understand(&self, locale: Option<Locale>, question: Question, text: &str) -> Understood {
        let _ = (locale, question, text);
        let why = String::new();
        Understood {
            intent: Intent::Unclear,
            score: 0,
            digits: String::new(),
            locale: None,
            why,
        }
    }

    /// Hints for a recogniser at this question: at most 32 phrases.
    pub fn phrases(&self, locale: Option<Locale>, question: Question) -> Vec<Arc<str>> {
        let _ = (locale, question);
        Vec::new()
    }
}
