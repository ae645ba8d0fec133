//! What answers a live call: the dialog, or, when it cannot, the way to the operator. A panic of
//! ours, a bundle or a form of state that this build does not have, a call without end: each sends
//! that one caller to an operator with what was known, and nobody else notices.

use std::panic::AssertUnwindSafe;

use crate::call::{Disposition, OtherReason, Queue, TransferReason};
use crate::dialog::action::{Action, Transfer, TransferContext, Turn};
use crate::dialog::event::{EndedBy, Event, TransferResult};
use crate::dialog::{Dialog, Reached};
use crate::time::CallTime;

/// The one action of the fallback has the last id.
const FALLBACK_ID: u32 = u32::MAX;
/// How long its transfer may ring.
const RING_MS: u32 = 30_000;
/// Its transfer, or the end of the call, is lost when nothing came by then.
const GUARD_MS: u32 = 60_000;
/// Temporary failure, Q.850.
const TEMPORARY_FAILURE: u32 = 41;

/// The dialog, or its stand-in.
pub enum Mind {
    /// As it should be.
    Dialog(Box<Dialog>),
    /// Ours is broken.
    Fallback(Box<Fallback>),
}

/// Hands the caller over and ends the call; decides nothing else.
pub struct Fallback {
    context: TransferContext,
    rings: bool,
    connected: bool,
    hung_up: bool,
    ended: Option<Disposition>,
}

impl Fallback {
    fn handle(&mut self, at: CallTime, event: &Event) -> Turn {
        let lost = match event {
            Event::CallEnded { by, .. } => {
                let with_operator = self.connected || *by == EndedBy::Operator;
                self.ended = Some(if with_operator {
                    Disposition::TransferredOperator
                } else {
                    Disposition::Failed
                });
                return Turn::default();
            }
            Event::TransferFinished {
                transfer: FALLBACK_ID,
                result,
                ..
            } => match result {
                TransferResult::Connected => {
                    self.connected = true;
                    false
                }
                // The end of the call decides.
                TransferResult::CallEnded => {
                    self.rings = false;
                    false
                }
                TransferResult::Busy
                | TransferResult::NoAnswer
                | TransferResult::Declined
                | TransferResult::Failed => true,
            },
            Event::ActionFailed {
                action: FALLBACK_ID,
                ..
            } => true,
            Event::Woke => !self.connected,
            Event::Answered
            | Event::PlaybackFinished { .. }
            | Event::ListenFinished { .. }
            | Event::DtmfReceived { .. }
            | Event::SpeechStarted
            | Event::TransferProgress { .. }
            | Event::TransferFinished { .. }
            | Event::ActionFailed { .. }
            | Event::Found(_)
            | Event::TicketFinished(_)
            | Event::Resumed
            | Event::Unknown => false,
        };
        let mut turn = Turn {
            actions: Vec::new(),
            wake_at: Some(at.plus(GUARD_MS)),
        };
        if lost && self.hung_up {
            // Nobody answers us any more.
            self.ended = Some(Disposition::Failed);
        } else if lost {
            self.hung_up = true;
            let disposition = Disposition::Failed;
            turn.actions.push(Action::HangUp {
                q850_cause: TEMPORARY_FAILURE,
                disposition,
            });
        }
        turn.wake_at = turn
            .wake_at
            .filter(|_| !self.connected && self.ended.is_none());
        turn
    }
}

impl Mind {
    /// The stand-in, with what an operator is to be told.
    pub fn fallback(context: TransferContext) -> Self {
        Self::Fallback(Box::new(Fallback {
            context,
            rings: true,
            connected: false,
            hung_up: false,
            ended: None,
        }))
    }

    /// Whether it is the dialog.
    pub const fn is_dialog(&self) -> bool {
        matches!(self, Self::Dialog(_))
    }

    /// Steps it. If the dialog panics, the fallback stands in, with what was `known` before.
    pub fn handle(
        &mut self,
        at: CallTime,
        event: Event,
        known: impl FnOnce() -> TransferContext,
    ) -> Turn {
        match self {
            Self::Dialog(dialog) => {
                let step = || dialog.handle(at, event);
                if let Ok(turn) = std::panic::catch_unwind(AssertUnwindSafe(step)) {
                    return turn;
                }
                *self = Self::fallback(known());
                self.hand_over(at)
            }
            Self::Fallback(fallback) => fallback.handle(at, &event),
        }
    }

    /// The turn that hands the caller over.
    pub fn hand_over(&self, at: CallTime) -> Turn {
        let transfer = Action::Transfer(Transfer {
            id: FALLBACK_ID,
            queue: Queue::Operator,
            reason: TransferReason::Other(OtherReason::InternalError),
            ring_timeout_ms: RING_MS,
            context: Box::new(self.context()),
        });
        let actions = vec![Action::StopPlayback, Action::StopListening, transfer];
        Turn {
            actions,
            wake_at: Some(at.plus(GUARD_MS)),
        }
    }

    /// What an operator would be told now.
    pub fn context(&self) -> TransferContext {
        match self {
            Self::Dialog(dialog) => dialog.context(),
            Self::Fallback(fallback) => fallback.context.clone(),
        }
    }

    /// Appends the case for the resume token; nothing without a dialog: who resumes from that falls
    /// back.
    pub fn write_case(&self, state: &mut Vec<u8>) {
        if let Self::Dialog(dialog) = self {
            dialog.write_case(state);
        }
    }

    /// Appends the rest of the state.
    pub fn write_rest(&self, state: &mut Vec<u8>) {
        if let Self::Dialog(dialog) = self {
            dialog.write_rest(state);
        }
    }

    /// Whom the caller is transferred to by now.
    pub fn transfer(&self) -> Reached {
        match self {
            Self::Dialog(dialog) => dialog.transfer(),
            Self::Fallback(fallback) if fallback.connected => Reached::Operator,
            Self::Fallback(fallback)
                if fallback.rings && !fallback.hung_up && fallback.ended.is_none() =>
            {
                Reached::Rings
            }
            Self::Fallback(_) => Reached::Nobody,
        }
    }

    /// How the call ended.
    pub fn disposition(&self) -> Option<Disposition> {
        match self {
            Self::Dialog(dialog) => dialog.disposition(),
            Self::Fallback(fallback) => fallback.ended,
        }
    }

    /// Whether the call is over.
    pub fn is_over(&self) -> bool {
        self.disposition().is_some()
    }
}
