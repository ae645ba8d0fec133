//! A dialog's state in three parts. [`Core`] is all that is ever branched on: small, closed sets and
//! counters, so that it can be explored whole. [`Case`] and [`Ledger`] are what is only carried: ids,
//! numbers, times, what was said. None holds a text or a name.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::call::{Disposition, Locale, Question, Said, Topic};
use crate::dialog::action::TicketState;
use crate::flow::{Ask, Body, Outcome, Step, StepId};
use crate::lookup::{Line, LookupKind, OpenTicket, Subscriber};
use crate::prompt::PromptId;
use crate::time::{CallTime, WallTime};
use crate::understanding::Place;

/// What the dialog branches on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Core {
    pub(super) step: StepId,
    pub(super) phase: Phase,
    /// Silences and answers not understood in this visit of a question.
    pub(super) misses: u8,
    /// What the call may still cost its caller.
    pub(super) patience: u8,
    /// Playbacks and listens that failed: a gateway that can neither play nor listen.
    pub(super) failures: u8,
    /// `None`: not known yet, and everything is said in both.
    pub(super) locale: Option<Locale>,
    /// The last answer was in another language: a second one and the call follows.
    pub(super) drifted: bool,
    /// The last outcome passed.
    pub(super) outcome: Option<Disposition>,
    /// How the call ended, once that is decided.
    pub(super) ending: Option<Disposition>,
    pub(super) subscriber: Slot,
    pub(super) outage: Slot,
    pub(super) tickets: Slot,
    pub(super) line_test: Slot,
    pub(super) fee: Slot,
    pub(super) facts: Facts,
    pub(super) ticket: Ticket,
}

impl Core {
    pub(super) const fn slot(&self, kind: LookupKind) -> Slot {
        match kind {
            LookupKind::Subscriber => self.subscriber,
            LookupKind::Outage => self.outage,
            LookupKind::Tickets => self.tickets,
            LookupKind::LineTest => self.line_test,
            LookupKind::Fee => self.fee,
        }
    }

    pub(super) const fn slot_mut(&mut self, kind: LookupKind) -> &mut Slot {
        match kind {
            LookupKind::Subscriber => &mut self.subscriber,
            LookupKind::Outage => &mut self.outage,
            LookupKind::Tickets => &mut self.tickets,
            LookupKind::LineTest => &mut self.line_test,
            LookupKind::Fee => &mut self.fee,
        }
    }
}

/// What the dialog waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) enum Phase {
    /// For `CallAnswered`.
    Offered,
    /// For an answer to the step's question.
    Asking,
    /// For the step's look-up.
    Finding(LookupKind),
    /// For the ticket.
    Ticketing,
    /// For the transfer.
    Transferring,
    /// For the end of a call that an operator has.
    Connected,
    /// For the end of a call that Dana ends.
    Ending,
    /// For nothing: the call is over.
    Ended,
}

/// Where a look-up stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) enum Slot {
    /// Not asked: its key is not known, or nothing needs it.
    Idle,
    /// Not asked, and a step would have read it: should it be asked yet, it is late.
    Skipped,
    /// Asked.
    Running,
    /// Asked, and a step gave up waiting for it.
    Late,
    /// Answered, with its class.
    Ready(Outcome),
    /// Answered after a step gave up: to be told before the next question.
    Untold(Outcome),
    /// Nothing that can follow reads it.
    Forgotten,
}

impl Slot {
    pub(super) const fn class(self) -> Option<Outcome> {
        match self {
            Self::Ready(class) | Self::Untold(class) => Some(class),
            Self::Idle | Self::Skipped | Self::Running | Self::Late | Self::Forgotten => None,
        }
    }

    pub(super) const fn is_running(self) -> bool {
        matches!(self, Self::Running | Self::Late)
    }
}

/// Single facts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Facts {
    /// Fixed at the beginning of the call.
    pub(super) peak_period: bool,
    /// Fixed at the beginning of the call.
    pub(super) technician_hours: bool,
    /// A line was identified by the caller's own number.
    pub(super) identified: bool,
    pub(super) in_package: bool,
    pub(super) visit_agreed: bool,
    pub(super) restoration_known: bool,
    pub(super) numbered: bool,
    /// `confirm_home` was answered by a clear yes.
    pub(super) home: bool,
    /// `confirm_ticket` was answered by a clear yes.
    pub(super) consent: bool,
    /// The caller has named a subject.
    pub(super) topic: bool,
    /// The caller has spoken: the language follows him, not his record.
    pub(super) spoken: bool,
}

/// This call's ticket. At most one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) enum Ticket {
    /// Not ordered.
    None,
    /// Ordered, not answered.
    Ordered,
    /// It exists.
    Created,
    /// It may exist.
    Unconfirmed,
    /// It does not exist.
    Failed,
}

/// What is known of the caller's case: carried and never branched on, and changed only by what can
/// teach something, see [`Event::is_of_media`](super::event::Event::is_of_media).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Case {
    pub(super) subscriber: Option<Arc<Subscriber>>,
    /// What the addresses of his lines are recognised by, until one is chosen; the texts are not kept.
    pub(super) places: Vec<Place>,
    /// Index of the identified line.
    pub(super) line: Option<u8>,
    pub(super) login_claimed: Option<Said>,
    pub(super) restored_at: Option<WallTime>,
    pub(super) open_ticket: Option<OpenTicket>,
    /// Id of the line test that found a damaged cable.
    pub(super) test: Option<String>,
    /// Id of this call's ticket.
    pub(super) ticket_id: Option<String>,
    pub(super) ticket_state: Option<TicketState>,
    pub(super) topic: Option<Topic>,
    /// A subject that waits to be confirmed.
    pub(super) topic_heard: Option<Topic>,
    /// Class of every finding, kept for the operator.
    pub(super) classes: BTreeMap<LookupKind, Outcome>,
    /// Newest [`Self::MAX_ANSWERS`].
    pub(super) answers: VecDeque<(Question, Answer)>,
}

impl Case {
    /// An operator reads them; more would not be read, and the token must stay small.
    pub(super) const MAX_ANSWERS: usize = 16;

    pub(super) fn line(&self) -> Option<&Line> {
        self.subscriber.as_ref()?.lines.get(usize::from(self.line?))
    }

    pub(super) fn note(&mut self, question: Question, answer: Answer) {
        if self.answers.len() == Self::MAX_ANSWERS {
            self.answers.pop_front();
        }
        self.answers.push_back((question, answer));
    }
}

/// What of the call goes on: carried and never branched on either.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ledger {
    /// When the dialog was last stepped.
    pub(super) at: CallTime,
    pub(super) last_id: u32,
    /// What was said since the last answer, before the question: for a repeat.
    pub(super) told: Vec<PromptId>,
    /// How often a prompt was said that has other words for the next time.
    pub(super) times_said: BTreeMap<PromptId, u8>,
    /// What plays or waits to be played.
    pub(super) playing: VecDeque<Playing>,
    /// When all that plays should have ended.
    pub(super) quiet_at: CallTime,
    pub(super) listen: Option<u32>,
    pub(super) transfer: Option<u32>,
    /// When the wait of the step began to cost silence.
    pub(super) waits_from: CallTime,
    /// How many fillers the step has said.
    pub(super) fillers: u8,
}

impl Ledger {
    /// A repeat of more would be a lecture, and the token must stay small.
    pub(super) const MAX_TOLD: usize = 12;
}

/// One `Play` that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Playing {
    pub(super) id: u32,
    pub(super) duration_ms: u32,
}

/// The question of a step, if it asks one.
pub(super) fn ask_of(step: &Step) -> Option<&Ask> {
    if let Body::Ask(ask) = &step.body {
        Some(ask)
    } else {
        None
    }
}

/// How a question was answered, as the operator sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Answer {
    Yes,
    No,
    Operator,
    Repeat,
    Language(Locale),
    Topic(Topic),
    Given,
    Silence,
    NotUnderstood,
}

impl Answer {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Operator => "operator",
            Self::Repeat => "repeat",
            Self::Language(locale) => locale.as_str(),
            Self::Topic(topic) => topic.as_str(),
            Self::Given => "given",
            Self::Silence => "silence",
            Self::NotUnderstood => "not_understood",
        }
    }
}
