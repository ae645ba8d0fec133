//! A flow: a checked graph of named steps, written for supervisors in `flows/dana.toml`.
//!
//! No expressions, no scripting: each kind of step has a closed set of outcomes ([`Body::outcomes`])
//! and a flow wires every one of them. What is the same everywhere is wired once: `[always]`,
//! `[topics]`, `[late]`.
//!
//! ```toml
//! name  = "dana"
//! start = "greet"
//!
//! [always]                       # wired once for the whole flow
//! operator = "operator_asked"    # key 0 or the wish for a person, anywhere
//! patience = "not_understood"    # the call's patience is used up
//! trouble  = "internal_error"    # a fault of ours
//!
//! [topics]                       # where each subject leads, from any question: all 19 are there
//! internet_down = "at_fault"
//!
//! [late.outage]                  # findings that came after their step had given up waiting:
//! known = "outage"               # told before the next question that does not identify
//!
//! [waiting]                      # said when a look-up or the ticket makes the caller wait
//! look_up = ["filler_1", "filler_2"]
//! ticket  = ["filler_ticket", "filler_2"]
//!
//! [limits]                       # all optional; see `Limits`
//! patience = 8
//!
//! [steps.greet]
//! kind = "say"                   # say · ask · look_up · create_ticket · when · transfer · hang_up
//! say  = ["greeting"]            # ids of prompts; `{topic}` stands for the caller's subject
//! barge_in = "any"               # none · dtmf · any (default any)
//! next = "who"
//!
//! [steps.who]
//! kind = "look_up"
//! look_up = "subscriber"
//! on = { one = "…", several = "…", unknown = "…", unavailable = "…" }
//!
//! [steps.home]
//! kind = "ask"
//! question = "confirm_home"      # the question's name decides what can be answered
//! say = ["confirm_home"]
//! no_input = ["confirm_home_silence_1", "confirm_home_silence_2"]   # reprompts: exactly two
//! no_match = ["confirm_home_again_1", "confirm_home_again_2"]
//! barge_in_after_ms = 0
//! on = { yes = "…", no = "…", no_input = "…", no_match = "…" }
//!
//! [steps.peak]
//! kind = "when"
//! when = "peak_period"
//! on = { yes = "…", no = "…" }
//!
//! [steps.create]
//! kind = "create_ticket"
//! on = { created = "…", already_open = "…", unconfirmed = "…", refused = "…", unavailable = "…" }
//!
//! [steps.operator_asked]
//! kind = "transfer"
//! say = ["connecting"]           # optional, before the transfer
//! queue = "operator"
//! reason = "caller_asked"        # or "topic": the caller's subject
//! on = { connected = "…", busy = "…", no_answer = "…", declined = "…", failed = "…" }
//!
//! [steps.bye]
//! kind = "hang_up"
//! say = ["goodbye"]              # optional, before the end
//! disposition = "outcome"        # or a disposition: "outcome" is the last `outcome` passed
//! ```
//!
//! Any step may carry `outcome = "<disposition>"`: from there on the call has achieved that.

pub mod check;
mod graph;
pub mod load;
pub mod rules;
pub(crate) mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::call::{BargeIn, Disposition, Question, Queue, Topic, TransferReason, named};
use crate::lookup::LookupKind;
use crate::prompt::PromptId;

/// A step of a flow: its place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StepId(pub(crate) u16);

/// A flow whose every outcome is wired. Built by [`load::load`] only.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Its name.
    pub name: Arc<str>,
    /// Where a call begins.
    pub start: StepId,
    /// What is the same everywhere.
    pub always: Always,
    /// Where each subject leads. Complete: one entry for each [`Topic`].
    pub topics: BTreeMap<Topic, StepId>,
    /// Where a late finding leads, before the next question that does not identify.
    pub late: BTreeMap<(LookupKind, Outcome), StepId>,
    /// What is said while the caller waits.
    pub waiting: Waiting,
    /// Limits.
    pub limits: Limits,
    pub(crate) steps: Vec<Step>,
}

impl Flow {
    /// The step with that id.
    pub fn step(&self, id: StepId) -> &Step {
        &self.steps[usize::from(id.0)]
    }

    /// All steps with their ids, in the order of the file.
    pub fn steps(&self) -> impl Iterator<Item = (StepId, &Step)> {
        (0u16..).map(StepId).zip(&self.steps)
    }

    /// The same flow with some steps changed; what is read after each of them is found anew.
    #[must_use]
    pub fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut flow = self.clone();
        change(&mut flow);
        graph::set_live(&mut flow);
        flow
    }

    /// The step with that id, to be changed within [`Self::with`].
    pub fn step_mut(&mut self, id: StepId) -> &mut Step {
        &mut self.steps[usize::from(id.0)]
    }

    /// What leads to a step from everywhere: subjects, late findings, what is wired once.
    pub fn always_leads(&self, id: StepId) -> Vec<String> {
        let always = [
            ("operator", self.always.operator),
            ("patience", self.always.patience),
            ("trouble", self.always.trouble),
        ];
        let always = always.into_iter().filter(|(_, to)| *to == id);
        let topics = self.topics.iter().filter(|(_, to)| **to == id);
        let late = self.late.iter().filter(|(_, to)| **to == id);
        always
            .map(|(name, _)| name.to_owned())
            .chain(topics.map(|(topic, _)| topic.to_string()))
            .chain(late.map(|((kind, class), _)| format!("late {kind} {class}")))
            .collect()
    }

    /// Where a call can be after this step, other than by hanging up.
    pub fn successors(&self, id: StepId) -> impl Iterator<Item = StepId> {
        let step = self.step(id);
        let asks = matches!(step.body, Body::Ask(_));
        let waits = matches!(step.body, Body::LookUp(_) | Body::CreateTicket);
        let everywhere = [
            self.always.operator,
            self.always.patience,
            self.always.trouble,
        ];
        step.on
            .values()
            .copied()
            .chain(everywhere.into_iter().filter(move |_| asks || waits))
            .chain(self.topics.values().copied().filter(move |_| asks))
            .chain(self.late.values().copied().filter(move |_| asks))
    }
}

/// Wired once for the whole flow.
#[derive(Clone, Copy, Debug)]
pub struct Always {
    /// The caller asks for a person.
    pub operator: StepId,
    /// The call's patience is used up.
    pub patience: StepId,
    /// A fault of ours.
    pub trouble: StepId,
}

/// What is said while the caller waits, in turn.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// For a look-up.
    pub look_up: Vec<PromptId>,
    /// For the ticket.
    pub ticket: Vec<PromptId>,
}

/// Limits of a flow, with their reasons. Times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Misses, repeats, changes of topic and of language that a call may cost its caller; then an
    /// operator. Every cycle of a flow spends some: so every call is finite.
    pub patience: u8,
    /// Silence after a question that counts as no input.
    pub no_input_ms: u32,
    /// Longest pause between two keys.
    pub inter_digit_ms: u32,
    /// Longest utterance.
    pub max_speech_ms: u32,
    /// Silence after which a filler is said.
    pub filler_after_ms: u32,
    /// Longest silence that a look-up may cost.
    pub look_up_wait_ms: u32,
    /// Longest wait for the ticket: past it, the ticket is unconfirmed.
    pub ticket_wait_ms: u32,
    /// How long a transfer may ring.
    pub ring_timeout_ms: u32,
    /// Confidence from which an answer counts.
    pub accept_permille: u16,
    /// Confidence below which an answer is not even asked about.
    pub reject_permille: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            patience: 8,
            no_input_ms: 5_000,
            inter_digit_ms: 3_000,
            max_speech_ms: 15_000,
            filler_after_ms: 2_000,
            look_up_wait_ms: 4_000,
            ticket_wait_ms: 8_000,
            ring_timeout_ms: 30_000,
            accept_permille: 600,
            reject_permille: 300,
        }
    }
}

impl Limits {
    /// What their values keep to each other.
    pub const ORDER: &str = "filler_after_ms < look_up_wait_ms, reject_permille <= accept_permille";

    /// The least and the most that a limit may be, by its name.
    pub fn range(name: &str) -> (u32, u32) {
        match name {
            "patience" => (1, 50),
            "accept_permille" | "reject_permille" => (0, 1000),
            _ => (100, 120_000),
        }
    }

    /// Whether they do not keep [`Self::ORDER`].
    pub const fn contradict(&self) -> bool {
        self.filler_after_ms >= self.look_up_wait_ms || self.reject_permille > self.accept_permille
    }
}

/// The third miss in one visit of a question leaves it.
pub const MAX_MISSES: u8 = 3;

/// A step.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name in the file.
    pub name: Arc<str>,
    /// What the call has achieved from here on.
    pub outcome: Option<Disposition>,
    /// What it says first, in order.
    pub say: Vec<Said>,
    /// What may cut that.
    pub barge_in: BargeIn,
    /// Nothing may cut the last of it before so many milliseconds of it were played.
    pub barge_in_after_ms: u32,
    /// What it does.
    pub body: Body,
    /// Where each outcome leads: exactly the outcomes of its body.
    pub on: BTreeMap<Outcome, StepId>,
    /// The look-ups that this step or one that can follow may read. The rest is forgotten here.
    pub live: Vec<LookupKind>,
}

/// A prompt that a step says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// This one.
    Prompt(PromptId),
    /// The one for the caller's subject: complete, one for each [`Topic`].
    ByTopic(BTreeMap<Topic, PromptId>),
}

/// What a step does, by kind.
#[derive(Clone, Debug)]
pub enum Body {
    /// Says, and goes on.
    Say,
    /// Says, and listens for words and keys at once.
    Ask(Ask),
    /// Waits for a look-up that runs already.
    LookUp(LookupKind),
    /// Creates the ticket and waits for it.
    CreateTicket,
    /// Asks a named fact.
    When(Fact),
    /// Hands over.
    Transfer {
        /// To whom.
        queue: Queue,
        /// Why; `None` is the caller's subject.
        reason: Option<TransferReason>,
    },
    /// Ends the call; `None` is the last outcome passed.
    HangUp(Option<Disposition>),
}

/// A question.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Which one.
    pub question: Question,
    /// What is said after the first and the second silence.
    pub no_input: [PromptId; 2],
    /// What is said when the caller was not understood once and twice.
    pub no_match: [PromptId; 2],
}

named! {
    /// A fact that a `when` step can ask for.
    Fact {
        /// Day ≥ 27 or day ≤ 4 in Kazakhstan (C13): `yes · no`.
        PeakPeriod = "peak_period",
        /// 09:00 to 18:00 in Kazakhstan (F20): `yes · no`.
        TechnicianHours = "technician_hours",
        /// The line is in a package of the calling number: `yes · no · unknown`.
        InPackage = "in_package",
        /// The existing ticket carries a date and time: `yes · no · unknown`.
        VisitAgreed = "visit_agreed",
        /// The outage has an estimated end: `yes · no · unknown`.
        RestorationKnown = "restoration_known",
        /// The ticket's number can be spoken: `yes · no`.
        Numbered = "numbered",
        /// The language of the call is known: `yes · no`.
        LanguageKnown = "language_known",
        /// A line was identified by the caller's own number: `yes · no`.
        Identified = "identified",
        /// This call has created a ticket: `yes · no`.
        TicketCreated = "ticket_created",
    }
}

impl Fact {
    /// The look-up that it is read from.
    pub const fn reads(self) -> Option<LookupKind> {
        match self {
            Self::InPackage | Self::Identified => Some(LookupKind::Subscriber),
            Self::VisitAgreed => Some(LookupKind::Tickets),
            Self::RestorationKnown => Some(LookupKind::Outage),
            Self::PeakPeriod
            | Self::TechnicianHours
            | Self::Numbered
            | Self::LanguageKnown
            | Self::TicketCreated => None,
        }
    }
}

named! {
    /// The outcomes of all kinds of step.
    Outcome {
        /// `say`: said.
        Next = "next",
        /// Yes.
        Yes = "yes",
        /// No.
        No = "no",
        /// `open`: a subject that has to be confirmed first.
        Confirm = "confirm",
        /// A line, a login or a language was given.
        Chosen = "chosen",
        /// The third miss was silence.
        NoInput = "no_input",
        /// The third miss was something not understood.
        NoMatch = "no_match",
        /// One line.
        One = "one",
        /// Several lines.
        Several = "several",
        /// Not registered, or not known.
        Unknown = "unknown",
        /// It could not be found out or done.
        Unavailable = "unavailable",
        /// An outage.
        Known = "known",
        /// None.
        None = "none",
        /// An open ticket.
        Open = "open",
        /// An open ticket whose time is past.
        Overdue = "overdue",
        /// A damaged cable.
        CableFault = "cable_fault",
        /// No fault.
        NoFault = "no_fault",
        /// Another fault of the line.
        LineError = "line_error",
        /// The equipment is off.
        EquipmentOff = "equipment_off",
        /// Paid.
        Paid = "paid",
        /// Not paid.
        Unpaid = "unpaid",
        /// The ticket exists.
        Created = "created",
        /// Another ticket stood in the way.
        AlreadyOpen = "already_open",
        /// The ticket may exist.
        Unconfirmed = "unconfirmed",
        /// The ticket was refused.
        Refused = "refused",
        /// A person answered.
        Connected = "connected",
        /// Busy.
        Busy = "busy",
        /// Nobody answered.
        NoAnswer = "no_answer",
        /// Declined.
        Declined = "declined",
        /// It could not be done.
        Failed = "failed",
    }
}

impl Body {
    /// The kind of step, as it is written.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Say => "say",
            Self::Ask(_) => "ask",
            Self::LookUp(_) => "look_up",
            Self::CreateTicket => "create_ticket",
            Self::When(_) => "when",
            Self::Transfer { .. } => "transfer",
            Self::HangUp(_) => "hang_up",
        }
    }

    /// The closed set of outcomes that a flow must wire, and no others.
    pub const fn outcomes(&self) -> &'static [Outcome] {
        use Outcome as O;
        match self {
            Self::Say => &[O::Next],
            Self::Ask(ask) => match ask.question {
                Question::Open => &[O::Confirm, O::NoInput, O::NoMatch],
                Question::ConfirmTopic => &[O::No, O::NoInput, O::NoMatch],
                Question::ChooseLogin | Question::AskLogin | Question::Language => {
                    &[O::Chosen, O::NoInput, O::NoMatch]
                }
                Question::ConfirmHome
                | Question::AtHome
                | Question::ConfirmTicket
                | Question::ConfirmOperator
                | Question::PaymentWhen
                | Question::AnythingElse => &[O::Yes, O::No, O::NoInput, O::NoMatch],
            },
            Self::LookUp(kind) => match kind {
                LookupKind::Subscriber => &[O::One, O::Several, O::Unknown, O::Unavailable],
                LookupKind::Outage => &[O::Known, O::None, O::Unavailable],
                LookupKind::Tickets => &[O::Open, O::Overdue, O::None, O::Unavailable],
                LookupKind::LineTest => &[
                    O::CableFault,
                    O::NoFault,
                    O::LineError,
                    O::EquipmentOff,
                    O::Unavailable,
                ],
                LookupKind::Fee => &[O::Paid, O::Unpaid, O::Unavailable],
            },
            Self::CreateTicket => &[
                O::Created,
                O::AlreadyOpen,
                O::Unconfirmed,
                O::Refused,
                O::Unavailable,
            ],
            Self::When(fact) => match fact {
                Fact::InPackage | Fact::VisitAgreed | Fact::RestorationKnown => {
                    &[O::Yes, O::No, O::Unknown]
                }
                Fact::PeakPeriod
                | Fact::TechnicianHours
                | Fact::Numbered
                | Fact::LanguageKnown
                | Fact::Identified
                | Fact::TicketCreated => &[O::Yes, O::No],
            },
            Self::Transfer { .. } => &[O::Connected, O::Busy, O::NoAnswer, O::Declined, O::Failed],
            Self::HangUp(_) => &[],
        }
    }
}
