//! The media side of a gateway, simulated: it plays, listens, counts the silence and cuts prompts,
//! exactly as the contract says (`proto/dana/gateway/v1/gateway.proto`). Pure, on virtual time:
//! call scripts, the terminal talk and the live client drive the same model. It never decides what
//! a caller does: see [`turns`].

mod relay;
pub mod turns;

use std::collections::VecDeque;

use crate::call::{BargeIn, Digit, Locale, Question, Said};
use crate::dialog::action::{Action, Listen, Play, Transfer, TypeAhead};
use crate::dialog::event::{
    Alternative, EndedBy, Event, ListenCause, PlaybackCause, TransferResult,
};
use crate::time::CallTime;

/// How long a key is held.
const KEY_MS: u32 = 90;
/// How long after the connection the operator's side ends the call.
const RELEASE_MS: u32 = 1_000;
/// Most keys kept for a later question.
const MAX_TYPE_AHEAD: usize = 32;

/// A caller at the media side of a gateway, on virtual time.
pub trait Caller: std::fmt::Debug + Send + Sync {
    /// Does what the backend asks.
    fn apply(&mut self, at: CallTime, action: &Action);
    /// When something happens by itself.
    fn next(&self) -> Option<CallTime>;
    /// What has happened by `at`, in order.
    fn advance(&mut self, at: CallTime) -> Vec<Event>;
    /// Whether the call is over.
    fn has_ended(&self) -> bool;
}

/// The media side of one call.
#[derive(Clone, Debug, Default)]
pub struct MediaSide {
    now: CallTime,
    queue: VecDeque<Play>,
    /// When the front of the queue began.
    front_since: CallTime,
    /// Since when nothing plays.
    quiet_since: CallTime,
    listen: Option<Listen>,
    listening_since: CallTime,
    speech: Option<Speech>,
    /// The caller is at it, as a real media side told: this is no silence.
    relayed: bool,
    /// Keys collected for the listen, and when the last one came.
    keys: String,
    last_key_at: CallTime,
    typed: VecDeque<Digit>,
    transfer: Option<Ringing>,
    /// The transfers' fate.
    outlook: (Option<TransferResult>, u32),
    hang_up: bool,
    connected_at: Option<CallTime>,
    ended: bool,
    out: Vec<Event>,
}

/// Words that are being said.
#[derive(Clone, Debug)]
struct Speech {
    until: CallTime,
    too_long: bool,
    alternatives: Vec<Alternative>,
    locale: Option<Locale>,
}

/// A transfer: since when it rings, once the queue is played.
#[derive(Clone, Debug)]
struct Ringing {
    id: u32,
    timeout_ms: u32,
    since: Option<CallTime>,
}

impl MediaSide {
    /// A media side whose transfers end so after ringing so long; without a result they ring out.
    pub fn new(transfers: Option<TransferResult>, after_ms: u32) -> Self {
        Self {
            outlook: (transfers, after_ms),
            ..Self::default()
        }
    }

    /// Does what the backend asks. Look-ups and tickets are not its business.
    pub fn apply(&mut self, at: CallTime, action: &Action) {
        self.now = self.now.max(at);
        match action {
            Action::Answer => self.out.push(Event::Answered),
            Action::Reject { sip_code } => self.end(EndedBy::Dana, *sip_code),
            // Nobody hears what comes after the end.
            Action::Play(_) | Action::Listen(_) | Action::Transfer(_) if self.ended => {}
            Action::Play(play) => {
                if self.queue.is_empty() {
                    self.front_since = self.now;
                }
                self.queue.push_back(play.clone());
            }
            Action::StopPlayback => self.cut(PlaybackCause::Stopped),
            Action::Listen(listen) => {
                self.finish(ListenCause::Stopped);
                self.listening_since = self.now;
                if listen.type_ahead == TypeAhead::Flush {
                    self.typed.clear();
                }
                self.keys.clear();
                self.speech = None;
                self.relayed = false;
                self.listen = Some(listen.clone());
            }
            Action::StopListening => self.finish(ListenCause::Stopped),
            Action::Transfer(Transfer {
                id,
                ring_timeout_ms,
                ..
            }) => {
                let (id, timeout_ms) = (*id, *ring_timeout_ms);
                self.transfer = Some(Ringing {
                    id,
                    timeout_ms,
                    since: None,
                });
            }
            Action::HangUp { .. } => self.hang_up = true,
            Action::LookUp(_) | Action::CreateTicket(..) => {}
        }
    }

    /// When something happens by itself; `None` when only an action or the caller can go on.
    pub fn next(&self) -> Option<CallTime> {
        if !self.out.is_empty() {
            return Some(self.now);
        }
        if self.ended {
            return None;
        }
        let front = self
            .queue
            .front()
            .map(|play| self.front_since.plus(length(play)));
        let speech = self.speech.as_ref().map(|speech| speech.until);
        [
            front,
            speech,
            self.listen_ends(),
            self.transfer_goes_on(),
            self.call_ends(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// What has happened by `at`, in order.
    pub fn advance(&mut self, at: CallTime) -> Vec<Event> {
        while let Some(next) = self
            .next()
            .filter(|next| *next <= at && self.out.is_empty())
        {
            self.now = self.now.max(next);
            self.settle();
        }
        self.now = self.now.max(at);
        std::mem::take(&mut self.out)
    }

    /// The question that is listened for, if words are heard by now.
    pub fn hears(&self) -> Option<Question> {
        let listen = self.listen.as_ref()?;
        self.cuttable(BargeIn::Any).then_some(listen.question)
    }

    /// Since when nothing plays; `None` while something does.
    pub fn quiet_since(&self) -> Option<CallTime> {
        self.queue.is_empty().then_some(self.quiet_since)
    }

    /// When the `Play` with that id began; `None` before that and after its end.
    pub fn playing_since(&self, id: u32) -> Option<CallTime> {
        self.queue
            .front()
            .filter(|play| play.id == id)
            .map(|_| self.front_since)
    }

    /// Whether the caller is speaking.
    pub const fn is_spoken_to(&self) -> bool {
        self.speech.is_some()
    }

    /// Whether the call is over.
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// The caller begins to speak for `lasts_ms`. Nobody hears it unless a listen is armed.
    pub fn speak(&mut self, alternatives: Vec<Alternative>, locale: Option<Locale>, lasts_ms: u32) {
        if self.hears().is_none() || self.speech.is_some() {
            return;
        }
        self.out.push(Event::SpeechStarted);
        self.cut(PlaybackCause::BargeInSpeech);
        // Who speaks too long is cut off: the recogniser has heard enough.
        let longest = self
            .listen
            .as_ref()
            .map_or(lasts_ms, |listen| listen.max_speech_ms);
        let (too_long, lasts_ms) = (lasts_ms > longest, lasts_ms.min(longest));
        let until = self.now.plus(lasts_ms);
        self.speech = Some(Speech {
            until,
            too_long,
            alternatives,
            locale,
        });
    }

    /// The caller presses a key.
    pub fn press(&mut self, digit: Digit) {
        if self.ended {
            return;
        }
        self.out.push(Event::DtmfReceived {
            digit,
            duration_ms: KEY_MS,
        });
        let keep = self
            .listen
            .as_ref()
            .is_none_or(|l| l.type_ahead == TypeAhead::Keep);
        if self.listen.is_some() && self.cuttable(BargeIn::Dtmf) {
            self.cut(PlaybackCause::BargeInDtmf);
            self.collect(digit);
        } else if keep && self.typed.len() < MAX_TYPE_AHEAD {
            self.typed.push_back(digit);
        }
    }

    /// The recogniser fails.
    pub fn fail(&mut self) {
        self.finish(ListenCause::Failed);
    }

    /// The caller hangs up.
    pub fn hang_up(&mut self) {
        self.end(EndedBy::Caller, 0);
    }

    /// Everything that is due at `self.now`, one thing at a time.
    fn settle(&mut self) {
        let now = self.now;
        if let Some(play) = self.queue.front() {
            let ends = self.front_since.plus(length(play));
            if ends <= now {
                self.played(PlaybackCause::Completed);
                return;
            }
        }
        if self
            .speech
            .as_ref()
            .is_some_and(|speech| speech.until <= now)
        {
            self.finish(ListenCause::Speech);
        } else if self.listen_ends().is_some_and(|at| at <= now) {
            self.listen_times_out();
        } else if self.transfer_goes_on().is_some_and(|at| at <= now) {
            self.ring();
        } else if self.call_ends().is_some_and(|at| at <= now) {
            let by = if self.hang_up {
                EndedBy::Dana
            } else {
                EndedBy::Operator
            };
            self.end(by, 0);
        }
    }

    fn played(&mut self, cause: PlaybackCause) {
        if let Some(play) = self.queue.pop_front() {
            let played_ms = self.now.since(self.front_since).min(length(&play));
            self.out.push(Event::PlaybackFinished {
                playback: play.id,
                cause,
                played_ms,
            });
            self.front_since = self.now;
            self.quiet_since = self.now;
        }
    }

    fn cut(&mut self, cause: PlaybackCause) {
        while !self.queue.is_empty() {
            self.played(cause);
        }
    }

    /// Whether all that plays and waits may be cut now by that means.
    fn cuttable(&self, means: BargeIn) -> bool {
        let allows = |play: &Play| match play.barge_in {
            BargeIn::None => false,
            BargeIn::Dtmf => means == BargeIn::Dtmf,
            BargeIn::Any => true,
        };
        let ripe = |(at, play): (usize, &Play)| {
            let played = if at == 0 {
                self.now.since(self.front_since)
            } else {
                0
            };
            allows(play) && play.barge_in_after_ms <= played
        };
        self.queue.iter().enumerate().all(ripe)
    }

    fn listen_ends(&self) -> Option<CallTime> {
        let acting = self.speech.is_some() || self.relayed;
        let listen = self.listen.as_ref().filter(|_| !acting)?;
        if !self.keys.is_empty() {
            return Some(self.last_key_at.plus(listen.inter_digit_ms));
        }
        if !self.typed.is_empty() && self.cuttable(BargeIn::Dtmf) {
            return Some(self.now);
        }
        self.queue.is_empty().then(|| {
            self.quiet_since
                .max(self.listening_since)
                .plus(listen.no_input_ms)
        })
    }

    fn listen_times_out(&mut self) {
        if !self.keys.is_empty() {
            self.finish(ListenCause::Digits);
        } else if let Some(digit) = self.typed.pop_front() {
            self.cut(PlaybackCause::BargeInDtmf);
            self.collect(digit);
        } else {
            self.finish(ListenCause::NoInput);
        }
    }

    fn collect(&mut self, digit: Digit) {
        let Some(listen) = &self.listen else { return };
        let (most, terminator) = (listen.max_digits, listen.terminator);
        if terminator == Some(digit) {
            self.finish(ListenCause::Digits);
            return;
        }
        self.keys.push(digit.as_char());
        self.last_key_at = self.now;
        if u32::try_from(self.keys.len()).unwrap_or(u32::MAX) >= most {
            self.finish(ListenCause::Digits);
        }
    }

    fn finish(&mut self, cause: ListenCause) {
        let Some(listen) = self.listen.take() else {
            return;
        };
        let speech = self.speech.take();
        let too_long =
            cause == ListenCause::Speech && speech.as_ref().is_some_and(|speech| speech.too_long);
        let cause = if too_long {
            ListenCause::MaxSpeech
        } else {
            cause
        };
        let words = speech.filter(|_| cause == ListenCause::Speech);
        let locale = words.as_ref().and_then(|speech| speech.locale);
        let digits = Said::new(if cause == ListenCause::Digits {
            &self.keys
        } else {
            ""
        });
        let alternatives = words.map(|speech| speech.alternatives).unwrap_or_default();
        let listen = listen.id;
        self.keys.clear();
        self.relayed = false;
        self.out.push(Event::ListenFinished {
            listen,
            cause,
            digits,
            alternatives,
            locale,
        });
    }

    fn transfer_goes_on(&self) -> Option<CallTime> {
        let ringing = self.transfer.as_ref().filter(|_| self.queue.is_empty())?;
        let Some(since) = ringing.since else {
            return Some(self.now);
        };
        let (result, after_ms) = self.outlook;
        let after = if result.is_some() {
            after_ms
        } else {
            ringing.timeout_ms
        };
        Some(since.plus(after.min(ringing.timeout_ms)))
    }

    fn ring(&mut self) {
        let Some(ringing) = &mut self.transfer else {
            return;
        };
        let (transfer, since) = (ringing.id, ringing.since);
        if since.is_none() {
            ringing.since = Some(self.now);
            self.out.push(Event::TransferProgress {
                transfer,
                sip_code: 180,
            });
            return;
        }
        let result = self.outlook.0.unwrap_or(TransferResult::NoAnswer);
        self.transfer = None;
        self.out.push(Event::TransferFinished {
            transfer,
            result,
            sip_code: sip_code(result),
        });
        if result == TransferResult::Connected {
            self.connected_at = Some(self.now);
        }
    }

    fn call_ends(&self) -> Option<CallTime> {
        let hung_up = (self.hang_up && self.queue.is_empty()).then_some(self.now);
        hung_up.or_else(|| self.connected_at.map(|at| at.plus(RELEASE_MS)))
    }

    /// Each action still gets its one end, then the call ends, once.
    fn end(&mut self, by: EndedBy, sip_code: u32) {
        if self.ended {
            return;
        }
        self.cut(PlaybackCause::CallEnded);
        self.finish(ListenCause::CallEnded);
        if let Some(ringing) = self.transfer.take() {
            let result = TransferResult::CallEnded;
            self.out.push(Event::TransferFinished {
                transfer: ringing.id,
                result,
                sip_code: 0,
            });
        }
        self.out.push(Event::CallEnded {
            by,
            sip_code,
            q850_cause: 16,
        });
        self.ended = true;
    }
}

fn length(play: &Play) -> u32 {
    play.segments
        .iter()
        .map(|segment| segment.duration_ms)
        .fold(0, u32::saturating_add)
}

/// RFC 3261.
const fn sip_code(result: TransferResult) -> u32 {
    match result {
        TransferResult::Connected => 200,
        TransferResult::Busy => 486,
        TransferResult::NoAnswer => 480,
        TransferResult::Declined => 603,
        TransferResult::Failed => 503,
        TransferResult::CallEnded => 0,
    }
}
