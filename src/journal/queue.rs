//! What waits to be written: the lines of all calls in one piece of memory, one behind the other, which
//! the writer takes as a whole. Bounded; no call waits for more than the copy of another's line.

use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::journal::Header;
use crate::journal::files::MAX_WRITE;
use crate::journal::recorder::Ending;

/// Most bytes of lines. A call has a turn of one KB every three seconds: 20,000 calls fill it in 5 s of a
/// disk that stands still.
const MAX_TEXT: usize = 32 << 20;

/// Most messages: as many turns as these bytes are, and some.
const MAX_MESSAGES: usize = 1 << 16;

/// Room that is kept for the next lines.
const KEPT_TEXT: usize = 1 << 20;

/// How long lines gather before they are written. One write then takes many of them, and a busy
/// service wakes the writer so often and no more: each wake-up costs more than a line.
const GATHER: Duration = Duration::from_millis(20);

/// The queue was empty for so long: time to look for calls that could not say that they ended.
const IDLE: Duration = Duration::from_millis(200);

/// What the writer is told.
#[derive(Debug)]
pub(super) enum Message {
    /// A call begins.
    Begin(u64, Box<Header>, Arc<Ending>),
    /// So many lines of a call are next in the text, of so many bytes together.
    Lines(u64, Lines),
    /// A call is over.
    Close(u64),
}

/// How many lines, and how many bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines {
    pub(super) count: u64,
    pub(super) bytes: usize,
}

/// Messages, and the text of their lines.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) messages: Vec<Message>,
    pub(super) text: Vec<u8>,
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
}

impl Queue {
    /// A line of a call, with its end; `false` if there is no room.
    pub(super) fn line(&self, call: u64, line: &[u8]) -> bool {
        let mut state = self.state();
        let Batch { messages, text } = &mut state.waiting;
        if text.len() + line.len() > MAX_TEXT || messages.len() == MAX_MESSAGES {
            return false;
        }
        text.extend_from_slice(line);
        let first = messages.is_empty();
        match messages.last_mut() {
            Some(Message::Lines(of, lines)) if *of == call && lines.bytes < MAX_WRITE => {
                lines.count += 1;
                lines.bytes += line.len();
            }
            _ => {
                let (count, bytes) = (1, line.len());
                messages.push(Message::Lines(call, Lines { count, bytes }));
            }
        }
        drop(state);
        self.came(first);
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
        drop(state);
        self.came(first);
        Ok(())
    }

    /// The writer waits for the first only.
    fn came(&self, first: bool) {
        if first {
            self.filled.notify_one();
        }
    }

    /// Nothing more will come.
    pub(super) fn end(&self) {
        self.state().ended = true;
        self.filled.notify_one();
    }

    /// Waits for something, lets more gather, and puts it into `batch`, which is empty.
    pub(super) fn take(&self, batch: &mut Batch) -> Found {
        let nothing = |state: &mut State| state.waiting.messages.is_empty();
        let waited = self
            .filled
            .wait_timeout_while(self.state(), IDLE, |state| nothing(state) && !state.ended);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if nothing(&mut state) {
            return if state.ended {
                Found::End
            } else {
                Found::Nothing
            };
        }
        if !state.ended {
            drop(state);
            thread::sleep(GATHER);
            state = self.state();
        }
        mem::swap(&mut state.waiting, batch);
        state.taken += 1;
        Found::Some
    }

    /// The writer is done with a batch, all of whose messages it took; its room is used again.
    pub(super) fn done(&self, batch: &mut Batch) {
        batch.text.clear();
        batch.text.shrink_to(KEPT_TEXT);
        self.state().done += 1;
        self.written.notify_all();
    }

    /// Waits until the writer is done with what waits now; `false` if the deadline came first.
    pub(super) fn flush(&self, deadline: Duration) -> bool {
        let state = self.state();
        let target = state.taken + u64::from(!state.waiting.messages.is_empty());
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
