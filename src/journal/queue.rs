//! What waits to be written: the lines of all calls in one piece of memory, one behind the other, which
//! the writer takes as a whole. Bounded; no call waits for more than the copy of another's line.

use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::journal::Header;
use crate::journal::files::MAX_WRITE;
use crate::journal::recorder::Ending;

/// Most bytes of lines. A call has a turn of one KB every three seconds: 20,000 calls fill it in 5 s of a
/// disk that stands still.
const MAX_TEXT: usize = 32 << 20;

/// Most messages: as many turns as these bytes are, and some.
const MAX_MESSAGES: usize = 1 << 16;

/// The writer takes so much before its time.
const MUCH_TEXT: usize = MAX_TEXT / 4;
const MUCH_MESSAGES: usize = MAX_MESSAGES / 4;

/// Room that is kept for the next lines, at least.
const KEPT_TEXT: usize = 1 << 20;

/// How long lines gather before they are written; the next gather meanwhile, so that twice this of a
/// call may die with the process. One write takes all of a call's, and each costs more than the lines
/// themselves.
const GATHER: Duration = Duration::from_millis(100);

/// What was taken is written in so many pieces, that calls of the same core need not wait for all of it,
/// and in no more: each pause is paid for with what the core's caches held.
const PIECES: usize = 8;
/// Messages that are worth no pause: a millisecond's work.
const FEW: usize = 64;
const PAUSE: Duration = Duration::from_millis(10);

/// The queue was empty for so long: time to look for calls that could not say that they ended.
const IDLE: Duration = Duration::from_millis(200);

/// What the writer is told.
#[derive(Debug)]
pub(super) enum Message {
    /// A call begins.
    Begin(u64, Box<Header>, Arc<Ending>),
    /// Lines of a call.
    Lines(u64, Lines),
    /// A call is over.
    Close(u64),
}

impl Message {
    /// The call's number.
    const fn call(&self) -> u64 {
        match self {
            Self::Begin(call, ..) | Self::Lines(call, _) | Self::Close(call) => *call,
        }
    }
}

/// How many lines, and where in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines {
    pub(super) count: u64,
    at: usize,
    bytes: usize,
}

/// Messages, and the text of their lines.
#[derive(Debug, Default)]
pub(super) struct Batch {
    messages: Vec<Message>,
    text: Vec<u8>,
    /// Pauses while what was there before was written: the next gathered meanwhile.
    paused: Duration,
}

impl Lines {
    /// Their text, of all.
    pub(super) fn of(self, text: &[u8]) -> &[u8] {
        let own = text.get(self.at..).and_then(|own| own.get(..self.bytes));
        own.unwrap_or_default()
    }
}

/// What the writer finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Something.
    Some,
    /// Nothing for a while.
    Nothing,
    /// Nothing, and nothing will come.
    End,
}

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Something came, or nothing more will.
    filled: Condvar,
    /// The writer is done with what it took.
    written: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Batch,
    ended: bool,
    /// How often the writer took what was there, and was done with it.
    taken: u64,
    done: u64,
    /// Up to which of these it hurries.
    pressed: u64,
}

impl Queue {
    /// A line of a call, with its end; `false` if there is no room.
    pub(super) fn line(&self, call: u64, line: &[u8]) -> bool {
        let mut state = self.state();
        let Batch { messages, text, .. } = &mut state.waiting;
        if text.len() + line.len() > MAX_TEXT || messages.len() == MAX_MESSAGES {
            return false;
        }
        let at = text.len();
        text.extend_from_slice(line);
        let first = messages.is_empty();
        match messages.last_mut() {
            Some(Message::Lines(of, lines)) if *of == call && lines.bytes < MAX_WRITE => {
                lines.count += 1;
                lines.bytes += line.len();
            }
            _ => {
                let (count, bytes) = (1, line.len());
                messages.push(Message::Lines(call, Lines { count, at, bytes }));
            }
        }
        self.came(state, first);
        true
    }

    /// Anything else; given back if there is no room.
    pub(super) fn push(&self, message: Message) -> Result<(), Message> {
        let mut state = self.state();
        let messages = &mut state.waiting.messages;
        if messages.len() == MAX_MESSAGES {
            return Err(message);
        }
        let first = messages.is_empty();
        messages.push(message);
        self.came(state, first);
        Ok(())
    }

    /// The writer waits for the first, and then for much.
    fn came(&self, mut state: MutexGuard<'_, State>, first: bool) {
        let Batch { messages, text, .. } = &state.waiting;
        let much = text.len() >= MUCH_TEXT || messages.len() >= MUCH_MESSAGES;
        let next = state.taken + 1;
        let presses = much && state.pressed < next;
        if presses {
            state.pressed = next;
        }
        drop(state);
        if first || presses {
            self.filled.notify_one();
        }
    }

    /// Nothing more will come.
    pub(super) fn end(&self) {
        self.state().ended = true;
        self.filled.notify_one();
    }

    /// Waits for something that has gathered, and puts it into `batch`, which is empty.
    pub(super) fn take(&self, batch: &mut Batch) -> Found {
        let nothing = |state: &mut State| state.waiting.messages.is_empty();
        let waited = self
            .filled
            .wait_timeout_while(self.state(), IDLE, |state| nothing(state) && !state.ended);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let paused = mem::take(&mut batch.paused);
        if nothing(&mut state) {
            return if state.ended {
                Found::End
            } else {
                Found::Nothing
            };
        }
        (state, _) = self.rest(state, GATHER.saturating_sub(paused));
        mem::swap(&mut state.waiting, batch);
        state.taken += 1;
        Found::Some
    }

    /// Gives away what was taken, call by call, each in the order in which it went on: with the text of
    /// all, and piece by piece.
    pub(super) fn give(&self, batch: &mut Batch, mut to: impl FnMut(Message, &[u8])) {
        batch.messages.sort_by_key(Message::call);
        let piece = FEW.max(batch.messages.len().div_ceil(PIECES));
        for (nth, message) in batch.messages.drain(..).enumerate() {
            if nth > 0 && nth % piece == 0 {
                batch.paused += self.rest(self.state(), PAUSE).1;
            }
            to(message, &batch.text);
        }
    }

    /// Waits for so long, or not any longer if somebody presses, which counts as no time.
    fn rest<'s>(
        &self,
        state: MutexGuard<'s, State>,
        most: Duration,
    ) -> (MutexGuard<'s, State>, Duration) {
        let rests = |state: &mut State| state.done >= state.pressed && !state.ended;
        let rested = self.filled.wait_timeout_while(state, most, rests);
        let (state, whole) = rested.unwrap_or_else(PoisonError::into_inner);
        let rested = if whole.timed_out() {
            most
        } else {
            Duration::ZERO
        };
        (state, rested)
    }

    /// The writer is done with a batch, all of whose messages it took; its room is used again, if it
    /// was used.
    pub(super) fn done(&self, batch: &mut Batch) {
        let kept = KEPT_TEXT.max(2 * batch.text.len());
        batch.text.clear();
        batch.text.shrink_to(kept);
        self.state().done += 1;
        self.written.notify_all();
    }

    /// Waits until the writer is done with what waits now; `false` if the deadline came first.
    pub(super) fn flush(&self, deadline: Duration) -> bool {
        let mut state = self.state();
        let waits = !state.waiting.messages.is_empty();
        let target = state.taken + u64::from(waits);
        state.pressed = state.pressed.max(target);
        self.filled.notify_one();
        let waited = self
            .written
            .wait_timeout_while(state, deadline, |state| state.done < target);
        let (_state, late) = waited.unwrap_or_else(PoisonError::into_inner);
        !late.timed_out()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
