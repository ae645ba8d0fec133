//! A caller and his media side without time: what Dana does, one action after the other, becomes
//! the events that a gateway reports, in order. Pure; who plays it decides how fast.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::call::{Disposition, Question, Queue, Said};
use crate::caller::turns::Does;
use crate::dialog::event::{EndedBy, Event, ListenCause, PlaybackCause, TransferResult};
use crate::load::situation::Situation;

/// How long a key is held.
const KEY_MS: u32 = 100;

/// One caller in one call.
#[derive(Debug)]
pub struct Caller {
    situation: Arc<Situation>,
    /// A bit for each answer that was given.
    given: u64,
    /// He hung up: the call ends otherwise than it would have.
    left: bool,
    /// The call's end is reported, or is going to be: nothing comes after it.
    over: bool,
    events: VecDeque<Event>,
    outcome: Option<Disposition>,
}

impl Caller {
    /// Before anything happened.
    pub const fn new(situation: Arc<Situation>) -> Self {
        Self {
            situation,
            given: 0,
            left: false,
            over: false,
            events: VecDeque::new(),
            outcome: None,
        }
    }

    /// The next event that is to be reported.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether there is one.
    pub fn has_next(&self) -> bool {
        !self.events.is_empty()
    }

    /// `Answer`.
    pub fn answer(&mut self) {
        self.report(Event::Answered);
    }

    /// `Play`.
    pub fn play(&mut self, playback: u32) {
        self.report(Event::PlaybackFinished {
            playback,
            cause: PlaybackCause::Completed,
            played_ms: 0,
        });
    }

    /// `StopPlayback`: what waits is not played.
    pub fn stop_playback(&mut self) {
        for event in &mut self.events {
            if let Event::PlaybackFinished { cause, .. } = event {
                *cause = PlaybackCause::Stopped;
            }
        }
    }

    /// `StopListening`: what he was going to say is not heard.
    pub fn stop_listening(&mut self) {
        for event in &mut self.events {
            if let Event::ListenFinished { cause, .. } = event {
                *cause = ListenCause::Stopped;
            }
        }
    }

    /// `Listen`: he answers, or is silent.
    pub fn listen(&mut self, listen: u32, question: Question) {
        let mut digits = String::new();
        let mut alternatives = Vec::new();
        let mut locale = None;
        let cause = match self.answer_to(question) {
            Some(Does::Says(heard, spoken)) => {
                self.report(Event::SpeechStarted);
                (alternatives, locale) = (heard, spoken);
                ListenCause::Speech
            }
            Some(Does::Presses(keys)) => {
                for digit in keys {
                    let duration_ms = KEY_MS;
                    let pressed = Event::DtmfReceived { digit, duration_ms };
                    self.report(pressed);
                    digits.extend(Some(digit.as_char()).filter(|key| *key != '#'));
                }
                ListenCause::Digits
            }
            Some(Does::HangsUp) => return self.leave(),
            Some(Does::Unheard) => ListenCause::Failed,
            Some(Does::KeepsSilent) | None => ListenCause::NoInput,
        };
        self.report(Event::ListenFinished {
            listen,
            cause,
            digits: Said::new(&digits),
            alternatives,
            locale,
        });
    }

    /// `Transfer`: it rings, and ends as his situation says.
    pub fn transfer(&mut self, transfer: u32, queue: Queue) {
        let sip_code = 180;
        self.report(Event::TransferProgress { transfer, sip_code });
        let result = self.situation.transfer;
        let sip_code = 0;
        self.report(Event::TransferFinished {
            transfer,
            result,
            sip_code,
        });
        if result == TransferResult::Connected {
            self.outcome = Some(match queue {
                Queue::Operator => Disposition::TransferredOperator,
                Queue::Universal => Disposition::TransferredUniversal,
            });
            self.end(EndedBy::Operator);
        }
    }

    /// `HangUp`.
    pub fn hang_up(&mut self, disposition: Option<Disposition>) {
        self.outcome = disposition;
        self.end(EndedBy::Dana);
    }

    /// He hangs up before anything else happens.
    pub fn leave(&mut self) {
        if !self.over {
            self.left = true;
            self.events.clear();
            self.end(EndedBy::Caller);
        }
    }

    /// How the call had to end and how it ended, where that differs.
    pub fn verdict(&self) -> Result<(), (Disposition, Option<Disposition>)> {
        match self.situation.ends {
            Some(ends) if !self.left && self.outcome != Some(ends) => Err((ends, self.outcome)),
            Some(_) | None => Ok(()),
        }
    }

    /// The first answer that fits and was not given yet.
    fn answer_to(&mut self, question: Question) -> Option<Does> {
        let mut answers = self.situation.answers.iter().enumerate();
        let (at, (_, does)) = answers.find(|(at, (asked, _))| {
            self.given >> at & 1 == 0 && asked.is_none_or(|asked| asked == question)
        })?;
        self.given |= 1 << at;
        Some(does.clone())
    }

    fn end(&mut self, by: EndedBy) {
        self.report(Event::CallEnded {
            by,
            sip_code: 0,
            q850_cause: 16,
        });
        self.over = true;
    }

    fn report(&mut self, event: Event) {
        if !self.over {
            self.events.push_back(event);
        }
    }
}
