//! The dialog: one pure step function from an event to a turn. No I/O, no clock, no await, no
//! failure. It knows what an event told it and nothing else; the live service, the scripted tests
//! and the replay drive this same function.
//!
//! Its state is a core, which is branched on, and a case and a ledger, which are only carried. An
//! event that does not fit the state changes nothing.

pub mod action;
mod ask;
pub mod event;
pub mod explore;
mod findings;
pub mod hear;
mod say;
mod state;
mod steps;
mod ticket;
mod timer;
pub mod trail;

use std::sync::Arc;

use action::{Action, Turn};
use event::{ActionFailure, EndedBy, Event, ListenCause, Offer, PlaybackCause, TransferResult};
use state::{Case, Core, Facts, Ledger, Phase, Slot, Ticket};

use trail::{Exit, Passed};

use crate::bundle::Bundle;
use crate::call::{Disposition, Locale, Queue};
use crate::compact;
use crate::flow::{Body, Outcome};
use crate::lookup::LookupKind;
use crate::time::CallTime;

/// Form of the state. A new form is written one release after it can be read.
const STATE_VERSION: u8 = 4;

/// How far a transfer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// There is none.
    Nobody,
    /// It rings.
    Rings,
    /// An operator has the caller.
    Operator,
}

/// One call's conversation.
#[derive(Clone, Debug)]
pub struct Dialog {
    bundle: Arc<Bundle>,
    offer: Arc<Offer>,
    core: Core,
    case: Case,
    ledger: Ledger,
    /// The turn in the making; empty between two events.
    actions: Vec<Action>,
    /// What the last event led through; nothing is ever branched on it.
    trail: Vec<Passed>,
}

impl Dialog {
    /// Begins a call, at `CallTime` zero.
    pub fn answer(bundle: Arc<Bundle>, offer: impl Into<Arc<Offer>>) -> (Self, Turn) {
        let offer = offer.into();
        let mut dialog = Self {
            core: Core {
                step: bundle.flow.start,
                phase: Phase::Offered,
                misses: 0,
                patience: bundle.flow.limits.patience,
                failures: 0,
                locale: offer.locale,
                drifted: false,
                outcome: None,
                ending: None,
                subscriber: Slot::Idle,
                outage: Slot::Idle,
                tickets: Slot::Idle,
                line_test: Slot::Idle,
                fee: Slot::Idle,
                facts: Facts::at(offer.began),
                ticket: Ticket::None,
            },
            case: Case::default(),
            ledger: Ledger::default(),
            offer,
            actions: vec![Action::Answer],
            trail: Vec::new(),
            bundle,
        };
        dialog.start_look_ups();
        let turn = dialog.turn();
        (dialog, turn)
    }

    /// Steps the call. An event that does not fit changes nothing; time that runs backwards stands
    /// still.
    pub fn handle(&mut self, at: CallTime, event: Event) -> Turn {
        self.begin(at);
        if self.core.phase != Phase::Ended {
            self.step_by(event);
        }
        self.turn()
    }

    fn begin(&mut self, at: CallTime) {
        self.ledger.at = self.ledger.at.max(at);
        self.trail.clear();
    }

    fn turn(&mut self) -> Turn {
        Turn {
            actions: std::mem::take(&mut self.actions),
            wake_at: self.deadline(),
        }
    }

    fn step_by(&mut self, event: Event) {
        match event {
            Event::Answered => self.answered(),
            Event::PlaybackFinished {
                playback, cause, ..
            } => self.played(playback, cause),
            Event::ListenFinished {
                listen,
                cause,
                digits,
                alternatives,
                locale,
            } => {
                if self.ledger.listen == Some(listen) {
                    self.listened(cause, digits.reveal(), &alternatives, locale);
                }
            }
            Event::DtmfReceived { digit, .. } => self.key(digit),
            Event::TransferFinished {
                transfer, result, ..
            } => {
                if self.ledger.transfer == Some(transfer) {
                    self.transferred(result);
                }
            }
            Event::CallEnded { by, .. } => self.ended(by),
            Event::ActionFailed { action, reason } => self.action_failed(action, reason),
            Event::Found(finding) => self.found(finding),
            Event::TicketFinished(result) => self.ticket_finished(result),
            Event::Resumed => self.resumed(),
            Event::Woke => self.woke(),
            Event::SpeechStarted | Event::TransferProgress { .. } | Event::Unknown => {}
        }
    }

    fn answered(&mut self) {
        if self.core.phase == Phase::Offered {
            self.enter(self.bundle.flow.start);
        }
    }

    fn transferred(&mut self, result: TransferResult) {
        let outcome = match result {
            TransferResult::Connected => {
                self.core.phase = Phase::Connected;
                Outcome::Connected
            }
            TransferResult::Busy => Outcome::Busy,
            TransferResult::NoAnswer => Outcome::NoAnswer,
            TransferResult::Declined => Outcome::Declined,
            TransferResult::Failed => Outcome::Failed,
            // The end of the call decides.
            TransferResult::CallEnded => {
                self.ledger.transfer = None;
                return;
            }
        };
        self.ledger.transfer = None;
        self.leave_by(outcome);
    }

    fn action_failed(&mut self, action: u32, reason: ActionFailure) {
        if self.ledger.listen == Some(action) {
            self.listened(ListenCause::Failed, "", &[], None);
        } else if self.ledger.transfer == Some(action) {
            self.transferred(TransferResult::Failed);
        } else if reason != ActionFailure::InvalidState {
            self.played(action, PlaybackCause::Failed);
        }
    }

    /// The end of the call decides the disposition, unless Dana had decided it before.
    fn ended(&mut self, by: EndedBy) {
        if by == EndedBy::Caller {
            self.pass(Exit::HungUp);
        }
        self.core.ending = Some(
            self.core
                .ending
                .unwrap_or_else(|| self.disposition_at_end(by)),
        );
        self.core.phase = Phase::Ended;
    }

    fn disposition_at_end(&self, by: EndedBy) -> Disposition {
        let told = self.ledger.playing.is_empty();
        match (self.core.ticket, by) {
            (Ticket::Created, _) => Disposition::TicketCreated,
            (Ticket::Ordered | Ticket::Unconfirmed, _) => Disposition::TicketUnconfirmed,
            (_, EndedBy::Caller) => self
                .core
                .outcome
                .filter(|_| told)
                .unwrap_or(Disposition::CallerHungUp),
            (_, EndedBy::Operator) if self.core.phase == Phase::Transferring => {
                let body = &self.bundle.flow.step(self.core.step).body;
                let universal = matches!(
                    body,
                    Body::Transfer {
                        queue: Queue::Universal,
                        ..
                    }
                );
                if universal {
                    Disposition::TransferredUniversal
                } else {
                    Disposition::TransferredOperator
                }
            }
            (_, EndedBy::Dana | EndedBy::Operator | EndedBy::Network) => Disposition::Failed,
        }
    }

    /// Pending look-ups and the ticket are asked again, and waited for anew; what plays, plays on.
    fn resumed(&mut self) {
        for &kind in LookupKind::ALL {
            if self.core.slot(kind).is_running() {
                self.actions.extend(self.look_up(kind).map(Action::LookUp));
            }
        }
        if self.core.ticket == Ticket::Ordered {
            self.order_again();
        }
        if !self.actions.is_empty() {
            self.ledger.waits_from = self.ledger.at;
        }
    }

    /// How the call ended; `None` while it goes on.
    pub fn disposition(&self) -> Option<Disposition> {
        self.core.ending.filter(|_| self.core.phase == Phase::Ended)
    }

    /// Whether the call is over: no event will do anything any more.
    pub fn is_over(&self) -> bool {
        self.core.phase == Phase::Ended
    }

    /// Whom the caller is transferred to by now.
    pub fn transfer(&self) -> Reached {
        match self.core.phase {
            Phase::Transferring if self.ledger.transfer.is_some() => Reached::Rings,
            Phase::Connected => Reached::Operator,
            Phase::Offered
            | Phase::Asking
            | Phase::Finding(_)
            | Phase::Ticketing
            | Phase::Transferring
            | Phase::Ending
            | Phase::Ended => Reached::Nobody,
        }
    }

    /// The language of the call; `None` while it is not known.
    pub fn locale(&self) -> Option<Locale> {
        self.core.locale
    }

    /// The name of the step the call is in, for people.
    pub fn step(&self) -> &Arc<str> {
        &self.bundle.flow.step(self.core.step).name
    }

    /// The bundle that the call runs on.
    pub fn bundle(&self) -> &Arc<Bundle> {
        &self.bundle
    }

    /// Appends the state's beginning for the resume token, small and binary: the case, which stays as
    /// it is after events [of media](Event::is_of_media). Holds no texts and no names, and nothing of
    /// the offer.
    pub fn write_case(&self, state: &mut Vec<u8>) {
        let _ = compact::append(&(STATE_VERSION, &self.case), state);
    }

    /// Appends the rest of it, which every event may change.
    pub fn write_rest(&self, state: &mut Vec<u8>) {
        let _ = compact::append(&(&self.core, &self.ledger), state);
    }

    /// The call whose state that is, on the same bundle and offer; `None` if it is not of this build's
    /// form.
    /// The next event has to be [`Event::Resumed`].
    pub fn from_bytes(
        bundle: Arc<Bundle>,
        offer: impl Into<Arc<Offer>>,
        state: &[u8],
    ) -> Option<Self> {
        let (version, state) = state.split_first()?;
        if *version != STATE_VERSION {
            return None;
        }
        let (case, core, ledger): (Case, Core, Ledger) = postcard::from_bytes(state).ok()?;
        bundle.flow.steps().nth(usize::from(core.step.0))?;
        Some(Self {
            bundle,
            offer: offer.into(),
            core,
            case,
            ledger,
            actions: Vec::new(),
            trail: Vec::new(),
        })
    }
}
