//! What a scripted caller does: a list of turns, each bound to a question or to a moment of the
//! call. A caller with no turn left for a question stays silent. Decides nothing by chance.

use crate::call::{Digit, Locale, Question, Said};
use crate::caller::{Caller, MediaSide};
use crate::dialog::action::{Action, Listen};
use crate::dialog::event::{Alternative, Event};
use crate::time::CallTime;

/// How long a caller thinks after a question.
pub const REACTION_MS: u32 = 800;
/// How long a character takes to say.
const CHARACTER_MS: u32 = 70;
/// Pause between two keys.
const BETWEEN_KEYS_MS: u32 = 300;

/// One thing that the caller does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// When.
    pub when: When,
    /// What.
    pub does: Does,
}

/// When a turn is taken. Times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// So long after the end of a question; `None` is any question.
    After(Option<Question>, u32),
    /// So long after the beginning of a question: over the prompt.
    Over(Option<Question>, u32),
    /// At a moment of the call.
    At(CallTime),
}

/// What a caller can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Does {
    /// Says; what the recogniser hears, best first.
    Says(Vec<Alternative>, Option<Locale>),
    /// Presses keys.
    Presses(Vec<Digit>),
    /// Nothing.
    KeepsSilent,
    /// Nothing, and the recogniser fails.
    Unheard,
    /// Hangs up.
    HangsUp,
}

/// A caller with a script, at the media side of a gateway.
#[derive(Clone, Debug)]
pub struct ScriptedCaller {
    media: MediaSide,
    turns: Vec<Turn>,
    /// The turn for the present question.
    pending: Option<Pending>,
    /// Keys yet to be pressed.
    keys: Vec<(CallTime, Digit)>,
}

#[derive(Clone, Debug)]
struct Pending {
    turn: Turn,
    playback: u32,
    /// When the question began to be said.
    began: Option<CallTime>,
}

impl ScriptedCaller {
    /// A caller with these turns.
    pub fn new(media: MediaSide, turns: Vec<Turn>) -> Self {
        Self {
            media,
            turns,
            pending: None,
            keys: Vec::new(),
        }
    }

    fn turn_for(&mut self, listen: &Listen) -> Option<Pending> {
        let fits = |turn: &Turn| match turn.when {
            When::After(question, _) | When::Over(question, _) => {
                question.is_none_or(|question| question == listen.question)
            }
            When::At(_) => false,
        };
        let at = self.turns.iter().position(fits)?;
        let turn = self.turns.remove(at);
        let began = self.media.playing_since(listen.after_playback);
        Some(Pending {
            turn,
            playback: listen.after_playback,
            began,
        })
    }

    fn watch(&mut self) {
        if let Some(pending) = &mut self.pending {
            pending.began = pending
                .began
                .or_else(|| self.media.playing_since(pending.playback));
        }
    }

    fn due(&self) -> Option<CallTime> {
        let pending = self.pending.as_ref()?;
        match pending.turn.when {
            When::After(_, after_ms) => self.media.quiet_since().map(|at| at.plus(after_ms)),
            When::Over(_, after_ms) => pending.began.map(|at| at.plus(after_ms)),
            When::At(at) => Some(at),
        }
    }

    fn act(&mut self, now: CallTime) {
        if let Some(at) = self.keys.iter().position(|(at, _)| *at <= now) {
            let (_, digit) = self.keys.remove(at);
            self.media.press(digit);
            return;
        }
        let moment = |turn: &Turn| matches!(turn.when, When::At(at) if at <= now);
        if let Some(at) = self.turns.iter().position(moment) {
            let turn = self.turns.remove(at);
            self.take(now, turn.does);
        } else if self.due().is_some_and(|at| at <= now)
            && let Some(pending) = self.pending.take()
        {
            self.take(now, pending.turn.does);
        }
    }

    fn take(&mut self, now: CallTime, does: Does) {
        match does {
            Does::Says(alternatives, locale) => {
                let text = alternatives.first().map_or("", |said| said.text.reveal());
                let lasts = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
                self.media
                    .speak(alternatives, locale, lasts.saturating_mul(CHARACTER_MS));
            }
            Does::Presses(digits) => {
                let mut at = now;
                for digit in digits {
                    self.keys.push((at, digit));
                    at = at.plus(BETWEEN_KEYS_MS);
                }
            }
            Does::KeepsSilent => {}
            Does::Unheard => self.media.fail(),
            Does::HangsUp => self.media.hang_up(),
        }
    }
}

impl Caller for ScriptedCaller {
    fn apply(&mut self, at: CallTime, action: &Action) {
        self.media.apply(at, action);
        if let Action::Listen(listen) = action {
            self.pending = self.turn_for(listen);
        }
    }

    fn next(&self) -> Option<CallTime> {
        if self.media.has_ended() {
            return self.media.next();
        }
        let moment = self.turns.iter().filter_map(|turn| match turn.when {
            When::At(at) => Some(at),
            When::After(..) | When::Over(..) => None,
        });
        let keys = self.keys.iter().map(|(at, _)| *at);
        self.media
            .next()
            .into_iter()
            .chain(self.due())
            .chain(moment)
            .chain(keys)
            .min()
    }

    fn advance(&mut self, at: CallTime) -> Vec<Event> {
        let mut events = self.media.advance(at);
        self.watch();
        if events.is_empty() && !self.media.has_ended() {
            self.act(at);
            events = self.media.advance(at);
        }
        events
    }

    fn has_ended(&self) -> bool {
        self.media.has_ended()
    }
}

/// Words, heard with that confidence.
pub fn says(text: &str, confidence_permille: Option<u16>) -> Does {
    Does::Says(
        vec![Alternative {
            text: Said::new(text),
            confidence_permille,
        }],
        None,
    )
}
