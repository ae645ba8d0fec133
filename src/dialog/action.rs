//! What can be done: everything that a [`Dialog`](super::Dialog) ever asks for, and its [`Turn`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::call::{
    BargeIn, Digit, Disposition, Locale, Login, Question, Queue, Said, Topic, TransferReason, named,
};
use crate::lookup::{Attempt, Lookup, TicketOrder};
use crate::prompt::{Segment, text_of};
use crate::time::CallTime;

/// The answer to one event: what to do now, and when to wake the dialog if nothing happens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Turn {
    /// In order; the gateway applies all of them or none.
    pub actions: Vec<Action>,
    /// When to send [`Event::Woke`](super::Event::Woke). `None`: no timer runs.
    pub wake_at: Option<CallTime>,
}

/// One thing to do. Ids count up within the call, over all kinds of action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Answer the call.
    Answer,
    /// Refuse the call.
    Reject {
        /// SIP status.
        sip_code: u32,
    },
    /// Play, after what is queued already.
    Play(Play),
    /// Clear the whole playback queue.
    StopPlayback,
    /// Listen for words and keys.
    Listen(Listen),
    /// Stop listening.
    StopListening,
    /// Hand the caller over, after what is queued.
    Transfer(Transfer),
    /// End the call, after what is queued.
    HangUp {
        /// Q.850 cause.
        q850_cause: u32,
        /// How the call ended for the business.
        disposition: Disposition,
    },
    /// Ask a back end; answered by `Event::Found`.
    LookUp(Lookup),
    /// Create a ticket; answered by `Event::TicketFinished`.
    CreateTicket(Box<TicketOrder>, Attempt),
}

/// A `Play`: segments one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Play {
    /// Its id.
    pub id: u32,
    /// Language of what is said.
    pub locale: Locale,
    /// What is said.
    pub segments: Vec<Segment>,
    /// What may cut it.
    pub barge_in: BargeIn,
    /// Nothing may cut it before so many milliseconds of it were played.
    pub barge_in_after_ms: u32,
}

impl Play {
    /// What is said, as one text.
    pub fn text(&self) -> String {
        text_of(&self.segments)
    }
}

/// A `Listen`. It belongs to the question that `after_playback` speaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listen {
    /// Its id.
    pub id: u32,
    /// The question that it waits for an answer to.
    pub question: Question,
    /// The `Play` of the question; the no-input time runs from the end of the last queued one.
    pub after_playback: u32,
    /// Expected language; `None` while it is not known.
    pub locale: Option<Locale>,
    /// Hints for the recogniser, at most 32.
    pub phrases: Arc<[Arc<str>]>,
    /// Most keys that are collected.
    pub max_digits: u32,
    /// The key that ends the collection.
    pub terminator: Option<Digit>,
    /// Longest pause between two keys.
    pub inter_digit_ms: u32,
    /// Silence after the prompt that is no input.
    pub no_input_ms: u32,
    /// Longest utterance.
    pub max_speech_ms: u32,
    /// What happens to keys pressed before.
    pub type_ahead: TypeAhead,
    /// Not to be logged by the gateway.
    pub sensitive: bool,
}

named! {
    /// What happens to keys that were pressed before the `Listen`.
    TypeAhead {
        /// They answer it.
        Keep = "keep",
        /// They are dropped: a key pressed before the question was heard is no consent.
        Flush = "flush",
    }
}

/// A hand-over with all that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Its id.
    pub id: u32,
    /// To whom.
    pub queue: Queue,
    /// Why.
    pub reason: TransferReason,
    /// How long it may ring.
    pub ring_timeout_ms: u32,
    /// What the operator sees.
    pub context: Box<TransferContext>,
}

/// What an operator sees when the caller arrives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferContext {
    /// Language of the call.
    pub locale: Option<Locale>,
    /// The identified line.
    pub login: Option<Login>,
    /// A login that a caller from an unknown number said or keyed: unverified.
    pub login_claimed: Option<Said>,
    /// The caller's subject.
    pub topic: Option<Topic>,
    /// `outage=none`, `line_test=cable_fault` …: kind and class of each finding that is known.
    pub findings: Vec<Arc<str>>,
    /// Key of this call's ticket order.
    pub ticket_key: Option<String>,
    /// State of this call's ticket.
    pub ticket_state: Option<TicketState>,
    /// What was asked and how it was answered, in order: `confirm_home=yes`.
    pub asked_and_answered: Vec<Arc<str>>,
}

named! {
    /// State of this call's ticket, as an operator sees it.
    TicketState {
        /// It exists.
        Created = "created",
        /// Another open ticket exists.
        AlreadyOpen = "already_open",
        /// Search for its key; create it if it is absent.
        Unconfirmed = "unconfirmed",
        /// The ticket system refused it.
        Refused = "refused",
        /// It was not sent.
        NotSent = "not_sent",
    }
}
