//! The test of the abstraction itself: random calls on the live dialog, with texts, times and
//! answers that come when they like. Every state that one of them passes has to be an explored one.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::bundle::Bundle;
use crate::call::{Digit, Locale, Said};
use crate::chance::Chance;
use crate::dialog::Dialog;
use crate::dialog::action::{Action, Turn};
use crate::dialog::event::{
    ActionFailure, Alternative, EndedBy, Event, ListenCause, PlaybackCause, TransferResult,
};
use crate::dialog::trail::{Exit, Passed};
use crate::flow::{Body, Outcome};
use crate::lookup::LookupKind;
use crate::proof::Proof;
use crate::proof::explore::offer;
use crate::proof::input::Inputs;
use crate::proof::walk::Projection;
use crate::time::WallTime;

/// Events of one random call; most are over by then.
const MAX_EVENTS: usize = 80;

const WORDS: &[&str] = &[
    "нет интернета",
    "да домашний",
    "да",
    "да",
    "да",
    "нет",
    "оператор",
    "повторите",
    "иә",
    "жоқ",
    "қазақша говорите",
    "по-русски",
    "мобильный",
    "какой у меня тариф",
    "когда придёт техник",
    "оплата не поступила",
    "забыл пароль",
    "переезд",
    "кхм",
    "",
    "медленный интернет",
];
const KEYS: &[&str] = &["1", "1", "2", "0", "*", "8", "9", "5", "0771234567", "#"];

/// A call that was in a state that the proof has not seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// Which of the calls.
    pub call: u64,
    /// The step it was in, and what happened, one line an event.
    pub story: Vec<String>,
}

/// One random call.
struct Call<'p> {
    dialog: Dialog,
    inputs: &'p Inputs,
    dice: Chance,
    /// Look-ups asked and not answered.
    asked: Vec<LookupKind>,
    ordered: bool,
    playing: Vec<u32>,
    listen: Option<u32>,
    transfer: Option<u32>,
    wake: Option<crate::time::CallTime>,
    read: BTreeSet<LookupKind>,
}

/// Runs so many random calls; gives the first that strays.
pub fn sample(proof: &Proof, calls: u64) -> Option<Stray> {
    let bundle = proof.bundle();
    let began = super::began();
    let projection = proof.projection();
    let inputs = Inputs::of(&bundle.flow, &bundle.rules, began);
    (0..calls).find_map(|call| stray(bundle, &projection, &inputs, call))
}

/// A day and an hour of every kind.
fn moment(dice: &mut Chance) -> WallTime {
    let day = 24 * 60 * 60 * 1000;
    let days = i64::try_from(dice.roll(40)).unwrap_or(0);
    let hours = i64::try_from(dice.roll(24)).unwrap_or(0);
    super::began().plus_ms(days * day + hours * 60 * 60 * 1000)
}

fn stray(
    bundle: &Arc<Bundle>,
    projection: &Projection,
    inputs: &Inputs,
    call: u64,
) -> Option<Stray> {
    let mut dice = Chance::new(call, &[]);
    let mut offer = offer(moment(&mut dice));
    offer.locale = [None, Some(Locale::Ru), Some(Locale::Kk)][dice.roll(3)];
    if dice.roll(12) == 0 {
        offer.from = None;
    }
    let (dialog, turn) = Dialog::answer(Arc::clone(bundle), offer);
    let mut call_ = Call {
        dialog,
        inputs,
        dice,
        asked: Vec::new(),
        ordered: false,
        playing: Vec::new(),
        listen: None,
        transfer: None,
        wake: None,
        read: BTreeSet::new(),
    };
    let mut story = Vec::new();
    call_.take(&turn);
    for _ in 0..MAX_EVENTS {
        if call_.dialog.is_over() {
            break;
        }
        let event = call_.event();
        story.push(format!("{} {event:?}", call_.dialog.step()));
        call_.step(event);
        if !projection.knows(&call_.dialog, &call_.read) {
            story.push(format!(
                "{} {:?}",
                call_.dialog.step(),
                call_.dialog.waits()
            ));
            return Some(Stray { call, story });
        }
    }
    None
}

impl Call<'_> {
    fn take(&mut self, turn: &Turn) {
        self.wake = turn.wake_at;
        for action in &turn.actions {
            match action {
                Action::Play(play) => self.playing.push(play.id),
                Action::StopPlayback => self.playing.clear(),
                Action::Listen(listen) => self.listen = Some(listen.id),
                Action::StopListening => self.listen = None,
                Action::Transfer(transfer) => self.transfer = Some(transfer.id),
                Action::LookUp(lookup) => self.asked.push(lookup.kind()),
                Action::CreateTicket(..) => self.ordered = true,
                Action::Answer | Action::Reject { .. } | Action::HangUp { .. } => {}
            }
        }
    }

    fn step(&mut self, event: Event) {
        let (now, _) = self.dialog.times();
        let at = if event == Event::Woke {
            self.wake.unwrap_or(now)
        } else {
            now.plus(u32::try_from(self.dice.roll(1_500)).unwrap_or(0))
        };
        let turn = self.dialog.handle(at, event);
        for passed in self.dialog.trail() {
            if let Passed::Late(kind, _) = passed {
                self.read.insert(*kind);
            }
            let Passed::Left(step, Exit::By(outcome)) = passed else {
                continue;
            };
            let body = &self.dialog.bundle().flow.step(*step).body;
            if let Body::LookUp(kind) = body {
                let read = *outcome != Outcome::Unavailable || self.dialog.class(*kind).is_some();
                self.read.extend(Some(*kind).filter(|_| read));
                // The line is tested only after the outage is known.
                let tested = read && *kind == LookupKind::LineTest;
                self.read
                    .extend(Some(LookupKind::Outage).filter(|_| tested));
            } else if matches!(body, Body::CreateTicket) {
                self.read.insert(LookupKind::Tickets);
            }
        }
        self.take(&turn);
    }

    /// Something that may happen now.
    fn event(&mut self) -> Event {
        match self.dice.roll(24) {
            0..=4 => self.finding(),
            5..=8 => self.played(),
            9..=17 => self.heard(),
            18 => self.key(),
            19 => Event::Answered,
            20 => self.ended(),
            21 => self.failed(),
            22 => self.ticket(),
            _ => Event::Woke,
        }
    }

    fn finding(&mut self) -> Event {
        if self.asked.is_empty() {
            return Event::Answered;
        }
        let at = self.dice.roll(self.asked.len());
        let kind = self.asked.remove(at);
        let findings = self.inputs.of_kind(kind);
        self.dice
            .one(findings)
            .map_or(Event::Unknown, |finding| Event::Found(finding.clone()))
    }

    fn played(&mut self) -> Event {
        if self.playing.is_empty() {
            return Event::Woke;
        }
        let causes = [
            PlaybackCause::Completed,
            PlaybackCause::Completed,
            PlaybackCause::Completed,
            PlaybackCause::BargeInSpeech,
            PlaybackCause::Failed,
        ];
        let cause = causes[self.dice.roll(causes.len())];
        Event::PlaybackFinished {
            playback: self.playing.remove(0),
            cause,
            played_ms: 0,
        }
    }

    fn heard(&mut self) -> Event {
        if let Some(transfer) = self.transfer.take() {
            let result = self.dice.one(TransferResult::ALL).copied();
            return Event::TransferFinished {
                transfer,
                result: result.unwrap_or(TransferResult::Busy),
                sip_code: 0,
            };
        }
        let Some(listen) = self.listen.take() else {
            return Event::Woke;
        };
        let causes = [
            ListenCause::Speech,
            ListenCause::Speech,
            ListenCause::Speech,
            ListenCause::Speech,
            ListenCause::Digits,
            ListenCause::NoInput,
            ListenCause::NoMatch,
            ListenCause::Failed,
        ];
        let cause = causes[self.dice.roll(causes.len())];
        let confidence = [None, None, Some(900), Some(450), Some(100)][self.dice.roll(5)];
        let text = self.dice.one(WORDS).copied().unwrap_or("");
        let keys = self.dice.one(KEYS).copied().unwrap_or("");
        Event::ListenFinished {
            listen,
            cause,
            digits: Said::new(if cause == ListenCause::Digits {
                keys
            } else {
                ""
            }),
            alternatives: vec![Alternative {
                text: Said::new(text),
                confidence_permille: confidence,
            }],
            locale: [None, Some(Locale::Ru), Some(Locale::Kk)][self.dice.roll(3)],
        }
    }

    fn key(&mut self) -> Event {
        let key = ['0', '*', '1'][self.dice.roll(3)];
        Digit::new(key).map_or(Event::Unknown, |digit| Event::DtmfReceived {
            digit,
            duration_ms: 90,
        })
    }

    fn ended(&mut self) -> Event {
        // Calls that end early show little.
        if self.dice.roll(4) > 0 {
            return Event::Woke;
        }
        Event::CallEnded {
            by: EndedBy::Caller,
            sip_code: 0,
            q850_cause: 16,
        }
    }

    fn failed(&mut self) -> Event {
        let action = self.listen.or(self.transfer);
        let action = action.or_else(|| self.playing.first().copied());
        let reason = self.dice.one(ActionFailure::ALL).copied();
        Event::ActionFailed {
            action: action.unwrap_or(0),
            reason: reason.unwrap_or(ActionFailure::InvalidState),
        }
    }

    fn ticket(&mut self) -> Event {
        if !std::mem::take(&mut self.ordered) {
            return Event::Woke;
        }
        let result = self.dice.one(self.inputs.tickets()).cloned();
        result.map_or(Event::Unknown, Event::TicketFinished)
    }
}
