//! Writes journals through a bounded queue that can never slow a call.
//!
//! On the call's side lines are made while what they tell is at hand, and queued, or counted as lost:
//! no wait, no file, no lock between calls. One thread writes; it never stops a call, and what it
//! cannot write it counts.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use serde::Serialize;

use crate::call::Disposition;
use crate::dialog::action::Action;
use crate::dialog::event::Event;
use crate::journal::Entry;
use crate::journal::Header;
use crate::journal::Retention;
use crate::journal::cdr::Cdr;
use crate::journal::cdr::Fold;
use crate::journal::files;
use crate::journal::writer;
use crate::seal::Keys;
use crate::time::CallTime;

/// Turns that wait for the writer, each with the event before it. A call makes about one a second:
/// 1,000 calls fill it in 8 s of a disk that stands still, and it then holds some 20 MB.
const QUEUE: usize = 8_192;

/// Hands out one [`CallRecorder`] a call (or segment of a call). Cheap to clone. The default one
/// writes nowhere.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    target: Target,
}

#[derive(Clone, Debug, Default)]
enum Target {
    #[default]
    Nowhere,
    Memory(Arc<Mutex<BTreeMap<String, Vec<Entry>>>>),
    Folder(Arc<Queue>),
}

/// The writer, seen from the calls' side.
#[derive(Debug)]
pub(super) struct Queue {
    sender: SyncSender<Message>,
    next_call: AtomicU64,
    sent: AtomicU64,
    /// Entries that are in no journal, whoever lost them.
    lost: Arc<AtomicU64>,
    /// How many messages the writer has done with, for [`Recorder::flush`].
    pub(super) done: Arc<(Mutex<u64>, Condvar)>,
}

/// What the writer is told.
#[derive(Debug)]
pub(super) enum Message {
    Begin(u64, Box<Header>, Arc<Ending>),
    Lines(u64, Lines),
    Close(u64),
}

/// Lines of a journal, each with its end, and how many they are.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) text: Vec<u8>,
    pub(super) count: u64,
}

impl Lines {
    /// One more.
    pub(super) fn push(&mut self, line: &impl Serialize) {
        // Where a line is written is warm; what is kept of it is as long as it is.
        thread_local! {
            static DESK: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        DESK.with_borrow_mut(|desk| {
            desk.clear();
            // It holds nothing that JSON does not.
            let _ = serde_json::to_writer(&mut *desk, line);
            desk.push(b'\n');
            self.text.reserve_exact(desk.len());
            self.text.extend_from_slice(desk);
        });
        self.count += 1;
    }
}

/// An [`Entry`] as it is written, of what others own.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line<'a> {
    Header(&'a Header),
    Event {
        at: CallTime,
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        event: &'a Event,
    },
    Action {
        at: CallTime,
        action: &'a Action,
    },
}

/// How a journal ends, also if the queue is full at that moment: the writer looks here when it is
/// idle.
#[derive(Debug, Default)]
pub(super) struct Ending {
    pub(super) closed: AtomicBool,
    pub(super) lost: AtomicU64,
    /// The call's record, once it is over.
    pub(super) fold: Mutex<Option<Box<Fold>>>,
}

/// Is told of call records.
pub type Tell = Box<dyn Fn(&Cdr) + Send>;

impl Recorder {
    /// Writes nothing down.
    pub fn nowhere() -> Self {
        Self::default()
    }

    /// Keeps every entry, for tests and the demo. It is not bounded.
    pub fn in_memory() -> Self {
        Self {
            target: Target::Memory(Arc::default()),
        }
    }

    /// Writes into `folder` (made if it is not there), sealed by the first of the keys, with a
    /// thread of its own, which ends when the last clone and the last [`CallRecorder`] are gone.
    /// One process writes into a folder. What `retention` does not keep is deleted meanwhile.
    ///
    /// # Errors
    /// The folder cannot be made, or the thread not started.
    pub fn to_folder(folder: &Path, keys: Keys, retention: Retention) -> io::Result<Self> {
        Self::to_folder_telling(folder, keys, retention, Box::new(|_| {}))
    }

    /// The same, and `tell` is told of every call record: when a call begins, as far as it is known,
    /// and when its journal is closed. In the writer's thread: it must not wait.
    ///
    /// # Errors
    /// As for [`to_folder`](Self::to_folder).
    pub fn to_folder_telling(
        folder: &Path,
        keys: Keys,
        retention: Retention,
        tell: Tell,
    ) -> io::Result<Self> {
        files::make_folder(&folder.join("journals"))?;
        files::make_folder(&folder.join("cdr"))?;
        let (sender, receiver) = sync_channel(QUEUE);
        let done = Arc::new((Mutex::new(0), Condvar::new()));
        let lost = Arc::new(AtomicU64::new(0));
        let place = writer::Place {
            folder: folder.to_owned(),
            keys,
            retention,
            tell,
            lost: Arc::clone(&lost),
        };
        writer::start(place, receiver, Arc::clone(&done))?;
        let queue = Queue {
            sender,
            next_call: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            lost,
            done,
        };
        Ok(Self {
            target: Target::Folder(Arc::new(queue)),
        })
    }

    /// Begins the journal of a call, or of what follows a resume.
    pub fn begin(&self, header: Header) -> CallRecorder {
        let call_key = Arc::clone(&header.offer.call_key);
        let call = match &self.target {
            Target::Folder(queue) => queue.next_call.fetch_add(1, Ordering::Relaxed),
            Target::Nowhere | Target::Memory(_) => 0,
        };
        let mut recorder = CallRecorder {
            target: self.target.clone(),
            call_key,
            call,
            header: None,
            turn: Lines::default(),
            fold: Fold::default(),
            ending: Arc::default(),
            lost: 0,
        };
        match &self.target {
            Target::Nowhere => {}
            Target::Memory(calls) => keep(calls, &recorder.call_key, Entry::Header(header.into())),
            Target::Folder(_) => {
                recorder.fold.header(&header);
                recorder.header = Some(Box::new(header));
                recorder.catch_up();
            }
        }
        recorder
    }

    /// What was recorded of a call so far, all its segments in order. Only for
    /// [`in_memory`](Self::in_memory); else empty.
    pub fn entries(&self, call_key: &str) -> Vec<Entry> {
        match &self.target {
            Target::Memory(calls) => {
                let calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
                calls.get(call_key).cloned().unwrap_or_default()
            }
            Target::Nowhere | Target::Folder(_) => Vec::new(),
        }
    }

    /// The keys of the calls recorded so far. Only for [`in_memory`](Self::in_memory); else empty.
    pub fn call_keys(&self) -> Vec<String> {
        match &self.target {
            Target::Memory(calls) => {
                let calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
                calls.keys().cloned().collect()
            }
            Target::Nowhere | Target::Folder(_) => Vec::new(),
        }
    }

    /// Entries that are in no journal since the start: the queue was full, or the disk refused them.
    pub fn lost(&self) -> u64 {
        match &self.target {
            Target::Folder(queue) => queue.lost.load(Ordering::Relaxed),
            Target::Nowhere | Target::Memory(_) => 0,
        }
    }

    /// Waits until all that was queued before is in the files; `false` if the deadline came first.
    /// To be called before the process ends: the writer does not outlive it. It blocks its thread:
    /// in async code, call it in `spawn_blocking`.
    pub fn flush(&self, deadline: Duration) -> bool {
        let Target::Folder(queue) = &self.target else {
            return true;
        };
        let target = queue.sent.load(Ordering::Acquire);
        let (done, changed) = &*queue.done;
        let done = done.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(done, deadline, |done| *done < target);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

/// Adds to what is kept of a call.
fn keep(calls: &Mutex<BTreeMap<String, Vec<Entry>>>, call_key: &str, entry: Entry) {
    let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
    calls.entry(call_key.to_owned()).or_default().push(entry);
}

/// The journal of one call. Dropping it closes the journal.
#[derive(Debug)]
pub struct CallRecorder {
    target: Target,
    call_key: Arc<str>,
    /// The call's number at the writer.
    call: u64,
    /// Not queued yet: nothing else may go before it.
    header: Option<Box<Header>>,
    /// What is not queued yet.
    turn: Lines,
    /// The call's record so far.
    fold: Fold,
    ending: Arc<Ending>,
    /// Entries lost since the last that was queued.
    lost: u64,
}

impl CallRecorder {
    /// Something happened: a new turn begins.
    pub fn event(&mut self, at: CallTime, seq: Option<u64>, event: &Event) {
        self.commit();
        let entry = || Entry::Event {
            at,
            seq,
            event: event.clone(),
        };
        let line = Line::Event { at, seq, event };
        self.record(&line, entry, |fold| fold.event(at, event));
    }

    /// Something was done.
    pub fn action(&mut self, at: CallTime, action: &Action) {
        let entry = || Entry::Action {
            at,
            action: action.clone(),
        };
        let line = Line::Action { at, action };
        self.record(&line, entry, |fold| fold.action(at, action));
    }

    /// The call ended: the dialog's own word on how, as the last line.
    pub fn ended(&mut self, at: CallTime, disposition: Disposition) {
        let entry = Entry::Ended { at, disposition };
        self.record(&entry, || entry.clone(), |fold| fold.push(&entry));
    }

    /// The turn is whole: it goes to the writer in one piece.
    pub fn commit(&mut self) {
        if self.turn.count == 0 {
            return;
        }
        let turn = std::mem::take(&mut self.turn);
        let entries = turn.count;
        if !self.catch_up() || self.send(Message::Lines(self.call, turn)).is_err() {
            self.lost = self.lost.saturating_add(entries);
            if let Target::Folder(queue) = &self.target {
                queue.lost.fetch_add(entries, Ordering::Relaxed);
            }
        }
    }

    /// Keeps an entry, or adds its line to the turn and what it tells to the record.
    fn record(
        &mut self,
        line: &impl Serialize,
        entry: impl FnOnce() -> Entry,
        fold: impl FnOnce(&mut Fold),
    ) {
        match &self.target {
            Target::Nowhere => {}
            Target::Memory(calls) => keep(calls, &self.call_key, entry()),
            Target::Folder(_) => {
                self.turn.push(line);
                fold(&mut self.fold);
            }
        }
    }

    /// Queues the header and the gap that are still owed; `false` if there is no room yet.
    fn catch_up(&mut self) -> bool {
        if let Some(header) = self.header.take() {
            let begin = Message::Begin(self.call, header, Arc::clone(&self.ending));
            if let Err(Message::Begin(_, header, _)) = self.send(begin) {
                self.header = Some(header);
                return false;
            }
        }
        if self.lost > 0 {
            let gap = Entry::Gap { entries: self.lost };
            let mut line = Lines::default();
            line.push(&gap);
            if self.send(Message::Lines(self.call, line)).is_err() {
                return false;
            }
            self.fold.push(&gap);
            self.lost = 0;
        }
        true
    }

    fn send(&self, message: Message) -> Result<(), Message> {
        let Target::Folder(queue) = &self.target else {
            return Ok(());
        };
        queue
            .sender
            .try_send(message)
            .map_err(|error| match error {
                std::sync::mpsc::TrySendError::Full(message)
                | std::sync::mpsc::TrySendError::Disconnected(message) => message,
            })?;
        queue.sent.fetch_add(1, Ordering::Release);
        Ok(())
    }
}

impl Drop for CallRecorder {
    fn drop(&mut self) {
        self.commit();
        let caught_up = self.catch_up();
        let fold = Box::new(std::mem::take(&mut self.fold));
        let kept = &self.ending.fold;
        *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(fold);
        if !caught_up || self.send(Message::Close(self.call)).is_err() {
            self.ending.lost.store(self.lost, Ordering::Relaxed);
            self.ending.closed.store(true, Ordering::Release);
        }
    }
}
