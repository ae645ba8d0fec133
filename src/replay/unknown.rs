//! Why it cannot be known how a call would end now.

use std::fmt;

use crate::call::{Queue, named};
use crate::lookup::LookupKind;
use crate::replay::told::Asking;
use crate::time::CallTime;

/// The first stimulus that the recording has no answer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// When it was met.
    pub at: CallTime,
    /// What was met.
    pub stimulus: Stimulus,
    /// Why nothing recorded answers it.
    pub why: Why,
}

/// What a caller, an operator or a back end would have to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stimulus {
    /// A question.
    Asked(Asking),
    /// What is told between two questions, after that one.
    Told(Option<Asking>),
    /// A look-up.
    LookUp(LookupKind),
    /// A ticket.
    Ticket,
    /// A transfer.
    Transfer(Queue),
    /// The whole call.
    Call,
}

impl fmt::Display for Stimulus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked(asking) => write!(f, "question {asking}"),
            Self::Told(Some(asking)) => write!(f, "what follows {asking}"),
            Self::Told(None) => f.write_str("the opening"),
            Self::LookUp(kind) => write!(f, "look-up {kind}"),
            Self::Ticket => f.write_str("the ticket"),
            Self::Transfer(queue) => write!(f, "transfer to {queue}"),
            Self::Call => f.write_str("the call"),
        }
    }
}

named! {
    /// Why a recorded answer does not carry over, or is not there.
    Why {
        /// The recording never met it.
        NeverMet = "never_met",
        /// It met it, and holds no answer.
        NoAnswer = "no_answer",
        /// Other facts had been told since the last answer.
        OtherFacts = "other_facts",
        /// It was put in another language.
        OtherLanguage = "other_language",
        /// The caller was silent for less time than he is now given.
        SilentForLess = "silent_for_less",
        /// The caller spoke or pressed a key over something that may not be cut now.
        NotHeard = "not_heard",
        /// Keys are collected otherwise.
        OtherKeys = "other_keys",
        /// Speech was cut off that may now go on, or an operator rung for less time than now.
        CutShort = "cut_short",
        /// It came sooner than what the caller did before it.
        Sooner = "sooner",
        /// The gateway failed there.
        GatewayFailed = "gateway_failed",
        /// Entries of the recording are lost.
        Gap = "gap",
        /// The recording does not hold the call's beginning.
        NoBegin = "no_begin",
        /// The recording does not hold the call's end.
        NoEnd = "no_end",
        /// The candidate never ends the call.
        Endless = "endless",
    }
}

impl Why {
    /// In words, for a sentence that begins with the stimulus.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NeverMet => "was never met in the recording",
            Self::NoAnswer => "was never answered in the recording",
            Self::OtherFacts => "is met after other facts were told",
            Self::OtherLanguage => "is put in another language",
            Self::SilentForLess => "waits longer than the caller was silent",
            Self::NotHeard => "may not be cut where the caller cut in",
            Self::OtherKeys => "collects keys otherwise",
            Self::CutShort => "waits longer than was waited for",
            Self::Sooner => "comes sooner than what the caller did before it",
            Self::GatewayFailed => "is where the gateway failed",
            Self::Gap => "has a gap in its recording",
            Self::NoBegin => "is recorded without its beginning",
            Self::NoEnd => "is recorded without its end",
            Self::Endless => "would never end",
        }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.stimulus, self.why.words())
    }
}
