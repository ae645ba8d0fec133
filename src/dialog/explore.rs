//! The dialog as something to be explored: where a call stands as one number, what may happen next
//! without texts and scores, and the few facts that may be assumed either way. All of it steps the
//! same functions as [`Dialog::handle`]; nothing of it is used in a live call.
//!
//! Left out of a position, as nothing that follows branches on it or every way it can stand is
//! tried where it is read: the clock's facts, whether the line is in a package, whether an outage has
//! an end, a ticket a number or a date; the caller's subject; how often the media side has failed; which of the languages it is, if one is known;
//! the last outcome passed.

use crate::call::{Digit, Locale, Topic};
use crate::dialog::Dialog;
use crate::dialog::action::Turn;
use crate::dialog::event::{PlaybackCause, TransferResult};
use crate::dialog::hear::Heard;
use crate::dialog::say::MAX_FAILURES;
use crate::dialog::state::{Phase, Slot, Ticket, ask_of};
use crate::flow::rules::TicketIs;
use crate::flow::{Fact, Outcome, StepId};
use crate::lookup::LookupKind;
use crate::time::CallTime;

/// What a call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Waits {
    /// To be answered.
    Answer,
    /// For the caller.
    Caller,
    /// For a look-up.
    Finding(LookupKind),
    /// For the ticket.
    Ticket,
    /// For an operator.
    Operator,
    /// For an operator's end of the call.
    Connected,
    /// For its own last words to be played.
    Ending,
    /// For nothing.
    Nothing,
}

/// Bits of a position that are the step.
pub const STEP_BITS: u32 = 12;
/// Bits of a position that are the misses.
pub const MISSES_BITS: u32 = 2;

/// Facts that may be assumed either way where a step asks for them.
pub const EITHER_WAY: [Fact; 6] = [
    Fact::PeakPeriod,
    Fact::TechnicianHours,
    Fact::InPackage,
    Fact::RestorationKnown,
    Fact::VisitAgreed,
    Fact::Numbered,
];

/// An id of a ticket that can be spoken.
const TICKET: &str = "TT-900345";
/// When an outage ends or a technician comes, after the call began.
const LATER_MS: i64 = 6 * 60 * 60 * 1000;

/// What of a state the rest of a flow can tell apart.
#[derive(Clone, Debug, Default)]
pub struct Horizon {
    /// For each step, whether a question can follow it.
    pub asks_ahead: Vec<bool>,
    /// Facts whose value is said without being asked for right before: they are part of a state.
    pub held: Vec<Fact>,
}

impl Dialog {
    /// What the call waits for.
    pub const fn waits(&self) -> Waits {
        match self.core.phase {
            Phase::Offered => Waits::Answer,
            Phase::Asking => Waits::Caller,
            Phase::Finding(kind) => Waits::Finding(kind),
            Phase::Ticketing => Waits::Ticket,
            Phase::Transferring => Waits::Operator,
            Phase::Connected => Waits::Connected,
            Phase::Ending => Waits::Ending,
            Phase::Ended => Waits::Nothing,
        }
    }

    /// The step the call is in.
    pub const fn step_id(&self) -> StepId {
        self.core.step
    }

    /// Silences and answers not understood in this visit of the question.
    pub const fn misses(&self) -> u8 {
        self.core.misses
    }

    /// The class of a finding that has come.
    pub const fn class(&self, kind: LookupKind) -> Option<Outcome> {
        self.core.slot(kind).class()
    }

    /// Whether a look-up was asked and is not answered.
    pub const fn is_running(&self, kind: LookupKind) -> bool {
        self.core.slot(kind).is_running()
    }

    /// Whether a step has given up waiting for that look-up, which may still be answered.
    pub fn is_late(&self, kind: LookupKind) -> bool {
        self.core.slot(kind) == Slot::Late
    }

    /// Whether nothing that follows reads that look-up.
    pub fn is_forgotten(&self, kind: LookupKind) -> bool {
        self.core.slot(kind) == Slot::Forgotten
    }

    /// Whether a line was identified by the caller's own number.
    pub const fn is_identified(&self) -> bool {
        self.core.facts.identified
    }

    /// Whether home internet was confirmed, and whether the ticket was.
    pub const fn confirmed(&self) -> (bool, bool) {
        (self.core.facts.home, self.core.facts.consent)
    }

    /// Where this call's ticket stands.
    pub const fn ticket(&self) -> TicketIs {
        match self.core.ticket {
            Ticket::None => TicketIs::None,
            Ticket::Ordered => TicketIs::Ordered,
            Ticket::Created => TicketIs::Created,
            Ticket::Unconfirmed => TicketIs::Unconfirmed,
            Ticket::Failed => TicketIs::Failed,
        }
    }

    /// Where the call stands: equal numbers have equal futures, but for the language: the flow asks
    /// only whether it is known. `unread` are look-ups that no step has read: whether they have come makes no difference yet.
    ///
    /// The last [`MISSES_BITS`] bits are the misses, the [`STEP_BITS`] before them the step.
    pub fn position(&self, horizon: &Horizon, unread: &[LookupKind]) -> u128 {
        let core = &self.core;
        let mut packed = Packed(0);
        packed.put(u128::from(phase_code(core.phase)), 4);
        if matches!(core.phase, Phase::Connected | Phase::Ending | Phase::Ended) {
            return packed.0 << 100;
        }
        let asks = horizon.asks_ahead.get(usize::from(core.step.0)) != Some(&false);
        let asks = asks || core.phase == Phase::Ticketing;
        packed.put(if asks { u128::from(core.patience) } else { 0 }, 6);
        packed.put(u128::from(asks && core.facts.topic), 1);
        packed.put(u128::from(core.locale.is_some()), 1);
        packed.put(
            u128::from(core.facts.spoken && core.subscriber.is_running()),
            1,
        );
        packed.put(u128::from(core.facts.identified), 1);
        let ordered = core.ticket != Ticket::None;
        packed.put(u128::from(core.facts.home && !ordered), 1);
        packed.put(u128::from(core.facts.consent && !ordered), 1);
        packed.put(u128::from(ticket_code(core.ticket)), 3);
        let read = |kind| !unread.contains(&kind);
        let outage = core.outage.class() == Some(Outcome::Known) && read(LookupKind::Outage);
        let open = matches!(core.tickets.class(), Some(Outcome::Open | Outcome::Overdue));
        let open = open && read(LookupKind::Tickets);
        let number = open || core.ticket == Ticket::Created;
        let held = |fact| horizon.held.contains(&fact);
        let end = outage && held(Fact::RestorationKnown);
        packed.put(u128::from(core.facts.restoration_known && end), 1);
        let visit = open && held(Fact::VisitAgreed);
        packed.put(u128::from(core.facts.visit_agreed && visit), 1);
        let number = number && held(Fact::Numbered);
        packed.put(u128::from(core.facts.numbered && number), 1);
        for &kind in LookupKind::ALL {
            packed.put(self.slot_code(kind, unread), 7);
        }
        packed.put(u128::from(core.step.0), STEP_BITS);
        packed.put(if asks { u128::from(core.misses) } else { 0 }, MISSES_BITS);
        packed.0
    }

    fn slot_code(&self, kind: LookupKind, unread: &[LookupKind]) -> u128 {
        let slot = self.core.slot(kind);
        let outage_unread = unread.contains(&LookupKind::Outage);
        let slot = match slot {
            Slot::Running | Slot::Ready(_) if kind == LookupKind::LineTest && outage_unread => {
                Slot::Idle
            }
            Slot::Ready(_) if unread.contains(&kind) => Slot::Running,
            // Nothing leads aside to tell it: it is as if it had come in time.
            Slot::Untold(class) if !self.bundle.flow.late.contains_key(&(kind, class)) => {
                Slot::Ready(class)
            }
            Slot::Idle
            | Slot::Skipped
            | Slot::Running
            | Slot::Late
            | Slot::Ready(_)
            | Slot::Untold(_)
            | Slot::Forgotten => slot,
        };
        match slot {
            Slot::Idle => 0,
            Slot::Skipped => 1,
            Slot::Running => 2,
            Slot::Late => 3,
            Slot::Forgotten => 4,
            Slot::Ready(class) => 5 + outcome_code(class),
            Slot::Untold(class) => 64 + outcome_code(class),
        }
    }

    /// Assumes a fact of [`EITHER_WAY`], with the value that a prompt would say.
    pub fn assume(&mut self, fact: Fact, holds: bool) {
        let later = Some(self.offer.began.plus_ms(LATER_MS)).filter(|_| holds);
        let id = if holds { TICKET } else { "" };
        let facts = &mut self.core.facts;
        match fact {
            Fact::PeakPeriod => facts.peak_period = holds,
            Fact::TechnicianHours => facts.technician_hours = holds,
            Fact::InPackage => facts.in_package = holds,
            Fact::RestorationKnown => {
                facts.restoration_known = holds;
                self.case.restored_at = later;
            }
            Fact::VisitAgreed => {
                facts.visit_agreed = holds;
                if let Some(ticket) = &mut self.case.open_ticket {
                    ticket.visit_at = later;
                }
            }
            Fact::Numbered => {
                facts.numbered = holds;
                let open = self.case.open_ticket.as_mut().map(|ticket| &mut ticket.id);
                for ticket in open.into_iter().chain(self.case.ticket_id.as_mut()) {
                    id.clone_into(ticket);
                }
            }
            Fact::LanguageKnown | Fact::Identified | Fact::TicketCreated => {}
        }
    }

    /// The gateway's language hint, before anything was said.
    pub const fn hint(&mut self, locale: Option<Locale>) {
        self.core.locale = locale;
    }

    /// When to wake the dialog if nothing happens.
    pub fn wake_at(&self) -> Option<CallTime> {
        self.deadline()
    }

    /// Lets all that plays be heard to its end, and forgets what only an operator would be told:
    /// the call as it stands before the next thing happens.
    pub fn settle(&mut self, horizon: &Horizon) {
        self.ledger.at = self.ledger.at.max(self.ledger.quiet_at);
        self.ledger.quiet_at = self.ledger.at;
        self.ledger.playing.clear();
        if self.ledger.fillers == 0 {
            self.ledger.waits_from = self.ledger.at;
        }
        self.case.answers.clear();
        self.case.classes.clear();
        for fact in EITHER_WAY {
            if !horizon.held.contains(&fact) {
                self.assume(fact, false);
            }
        }
        self.trail.clear();
    }

    /// The time of the call, and when all that plays will have been heard.
    pub const fn times(&self) -> (CallTime, CallTime) {
        (self.ledger.at, self.ledger.quiet_at)
    }

    /// What plays first: its id, and how long it takes.
    pub fn plays(&self) -> Option<(u32, u32)> {
        let playing = self.ledger.playing.front()?;
        Some((playing.id, playing.duration_ms))
    }

    /// The caller's answer to the question that is asked, without texts and scores; `language` is
    /// the one that it was in, where that makes the call follow him.
    pub fn hear(&mut self, heard: Heard, language: Option<Locale>) -> Turn {
        self.begin(self.ledger.at);
        let bundle = std::sync::Arc::clone(&self.bundle);
        if self.core.phase == Phase::Asking
            && let Some(ask) = ask_of(bundle.flow.step(self.core.step))
        {
            self.subject_before(&heard);
            self.core.drifted = language.is_some();
            self.core.failures = 0;
            self.meant(ask, heard, language);
            self.core.drifted = false;
        }
        self.turn()
    }

    /// The subject so far is another one than the one that comes, and the one to be confirmed is
    /// the one that was heard.
    fn subject_before(&mut self, heard: &Heard) {
        if let Heard::Topic { topic, .. } = heard {
            let other = |of: &Topic| of != topic;
            let before = Topic::ALL.iter().copied().find(other);
            self.case.topic = before.filter(|_| self.core.facts.topic);
        }
    }

    /// The subject that a question for confirmation was about.
    pub fn about(&mut self, topic: Topic) {
        self.case.topic_heard = Some(topic);
    }

    /// The transfer ends, with that result.
    pub fn transfer_ends(&mut self, result: TransferResult) -> Turn {
        self.begin(self.ledger.at);
        if self.core.phase == Phase::Transferring {
            self.transferred(result);
        }
        self.turn()
    }

    /// A key is pressed.
    pub fn press(&mut self, key: char) -> Turn {
        self.begin(self.ledger.at);
        if let Some(digit) = Digit::new(key) {
            self.key(digit);
        }
        self.turn()
    }

    /// The media side fails once more; the last time that it may.
    pub fn media_fails(&mut self) -> Turn {
        self.begin(self.ledger.at);
        self.core.failures = MAX_FAILURES - 1;
        self.ledger
            .playing
            .push_back(crate::dialog::state::Playing {
                id: 0,
                duration_ms: 0,
            });
        self.played(0, PlaybackCause::Failed);
        self.turn()
    }
}

/// Fields of few bits, one after the other.
struct Packed(u128);

impl Packed {
    fn put(&mut self, value: u128, bits: u32) {
        debug_assert!(value < (1 << bits), "{value} in {bits} bits");
        self.0 = (self.0 << bits) | value;
    }
}

const fn phase_code(phase: Phase) -> u8 {
    match phase {
        Phase::Offered => 0,
        Phase::Asking => 1,
        Phase::Finding(_) => 2,
        Phase::Ticketing => 3,
        Phase::Transferring => 4,
        Phase::Connected => 5,
        Phase::Ending => 6,
        Phase::Ended => 7,
    }
}

const fn ticket_code(ticket: Ticket) -> u8 {
    match ticket {
        Ticket::None => 0,
        Ticket::Ordered => 1,
        Ticket::Created => 2,
        Ticket::Unconfirmed => 3,
        Ticket::Failed => 4,
    }
}

fn outcome_code(outcome: Outcome) -> u128 {
    let at = Outcome::ALL.iter().position(|of| *of == outcome);
    at.and_then(|at| u128::try_from(at).ok()).unwrap_or(0)
}
