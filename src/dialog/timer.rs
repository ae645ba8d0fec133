//! When to wake. Nothing is stored but the times from which a wait runs; every deadline follows
//! from the state, so that no timer can outlive what it guards.

use crate::call::Disposition;
use crate::dialog::Dialog;
use crate::dialog::action::Action;
use crate::dialog::event::{ListenCause, PlaybackCause, TransferResult};
use crate::dialog::say::Cut;
use crate::dialog::state::Phase;
use crate::lookup::LookupKind;
use crate::time::CallTime;

/// `CallAnswered` comes within this, or the call is broken: gateways reject after 3 s.
const ANSWER_GUARD_MS: u32 = 10_000;
/// How late a playback may end before its end is taken as lost.
const PLAYBACK_GRACE_MS: u32 = 2_000;
/// How late a listen or a transfer may end before its end is taken as lost.
const RESULT_GRACE_MS: u32 = 5_000;
/// `CallEnded` comes within this after all was played, or is taken as lost.
const END_GUARD_MS: u32 = 10_000;

/// A timer of the dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// When to take `CallAnswered` as lost.
    Answer,
    /// When to take the end of a playback as lost.
    Playback,
    /// When to take the end of a listen as lost.
    Listen,
    /// When to break the silence.
    Filler,
    /// When to wait for a look-up no longer.
    LookUp(LookupKind),
    /// When to wait for the ticket no longer.
    Ticket,
    /// When to take the end of a transfer as lost.
    Transfer,
    /// When to take the end of the call as lost.
    End,
}

impl Dialog {
    /// The next timer, if any runs.
    fn next_timer(&self) -> Option<(CallTime, Timer)> {
        let limits = &self.bundle.flow.limits;
        let ledger = &self.ledger;
        let quiet = ledger.playing.is_empty();
        let from = ledger.waits_from;
        let filler = ledger.quiet_at.plus(limits.filler_after_ms);
        // A duration may be an estimate: half as much again is still no loss.
        let front = ledger
            .playing
            .front()
            .map_or(0, |playing| playing.duration_ms / 2);
        let played = ledger
            .quiet_at
            .plus(front.saturating_add(PLAYBACK_GRACE_MS));
        let playback = (!quiet).then_some((played, Timer::Playback));
        let silence = quiet.then_some((filler, Timer::Filler));
        match self.core.phase {
            Phase::Offered => Some((CallTime::from_ms(ANSWER_GUARD_MS), Timer::Answer)),
            Phase::Asking => {
                let longest = limits.no_input_ms.saturating_add(limits.max_speech_ms);
                let end = longest.saturating_add(RESULT_GRACE_MS);
                playback.or_else(|| Some((ledger.quiet_at.plus(end), Timer::Listen)))
            }
            Phase::Finding(kind) => {
                let waited = (from.plus(limits.look_up_wait_ms), Timer::LookUp(kind));
                let waited = Some(waited).filter(|_| quiet || ledger.fillers > 0);
                earliest([playback, silence, waited])
            }
            Phase::Ticketing => {
                let waited = Some((from.plus(limits.ticket_wait_ms), Timer::Ticket));
                earliest([playback, silence, waited])
            }
            Phase::Transferring => {
                let ring = limits.ring_timeout_ms.saturating_add(RESULT_GRACE_MS);
                playback.or_else(|| Some((ledger.quiet_at.plus(ring), Timer::Transfer)))
            }
            Phase::Ending => {
                playback.or_else(|| Some((ledger.quiet_at.plus(END_GUARD_MS), Timer::End)))
            }
            // An operator has the caller; the gateway tells the end.
            Phase::Connected | Phase::Ended => None,
        }
    }

    pub(super) fn deadline(&self) -> Option<CallTime> {
        self.next_timer().map(|(at, _)| at)
    }

    /// Runs the timers that are due. One may lead to the next; more than a handful is not a wait.
    pub(super) fn woke(&mut self) {
        for _ in 0..8 {
            match self.next_timer() {
                Some((at, timer)) if at <= self.ledger.at => self.fire(timer),
                Some(_) | None => return,
            }
        }
    }

    fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::Answer => self.lost(Disposition::Failed, true),
            Timer::Playback => {
                while let Some(playing) = self.ledger.playing.front() {
                    let id = playing.id;
                    self.played(id, PlaybackCause::Completed);
                }
            }
            Timer::Listen => {
                self.actions.push(Action::StopListening);
                self.listened(ListenCause::NoInput, "", &[], None);
            }
            Timer::Filler => self.filler(),
            Timer::LookUp(kind) => self.stop_waiting(kind),
            Timer::Ticket => self.ticket_overdue(),
            Timer::Transfer => self.transferred(TransferResult::Failed),
            Timer::End => self.lost(self.core.ending.unwrap_or(Disposition::Failed), false),
        }
    }

    /// The gateway told no more of the call.
    fn lost(&mut self, disposition: Disposition, hang_up: bool) {
        if hang_up {
            self.actions.push(Action::HangUp {
                q850_cause: 41,
                disposition,
            });
        }
        self.core.ending = Some(disposition);
        self.core.phase = Phase::Ended;
    }

    /// Breaks the silence of a wait.
    fn filler(&mut self) {
        let waiting = &self.bundle.flow.waiting;
        let ticket = self.core.phase == Phase::Ticketing;
        let prompts = if ticket {
            &waiting.ticket
        } else {
            &waiting.look_up
        };
        let turn = usize::from(self.ledger.fillers);
        let prompt = prompts.iter().copied().cycle().nth(turn);
        self.ledger.fillers = self.ledger.fillers.saturating_add(1);
        let said = prompt.map(|prompt| self.play(&[prompt], Cut::ANY));
        if matches!(said, Some(Err(_))) {
            self.broke();
        }
        if !matches!(said, Some(Ok(_))) {
            self.ledger.quiet_at = self.ledger.at;
        }
    }
}

fn earliest<const N: usize>(timers: [Option<(CallTime, Timer)>; N]) -> Option<(CallTime, Timer)> {
    timers.into_iter().flatten().min_by_key(|(at, _)| *at)
}
