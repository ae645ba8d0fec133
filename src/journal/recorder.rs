//! Writes journals through a bounded queue that can never slow a call.
//!
//! On the call's side lines are made while what they tell is at hand, and queued, or counted as lost:
//! no file, and no wait but for the copy of another call's line. One thread writes; it never stops a
//! call, and what it cannot write it counts.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;

use crate::call::Disposition;
use crate::dialog::action::Action;
use crate::dialog::event::Event;
use crate::journal::Entry;
use crate::journal::Header;
use crate::journal::Retention;
use crate::journal::cdr::Cdr;
use crate::journal::files;
use crate::journal::fold::Fold;
use crate::journal::queue::{Message, Queue};
use crate::journal::writer;
use crate::seal::Keys;
use crate::time::CallTime;

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
    Folder(Arc<Sender>),
}

/// The writer, seen from the calls' side.
#[derive(Debug)]
struct Sender {
    queue: Arc<Queue>,
    next_call: AtomicU64,
    /// Entries that are in no journal, whoever lost them.
    lost: Arc<AtomicU64>,
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.queue.end();
    }
}

/// Writes a line, with its end, where it is warm, and gives it away.
pub(super) fn written<R>(line: &impl Serialize, give: impl FnOnce(&[u8]) -> R) -> R {
    thread_local! {
        static DESK: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    DESK.with_borrow_mut(|desk| {
        desk.clear();
        // It holds nothing that JSON does not.
        let _ = serde_json::to_writer(&mut *desk, line);
        desk.push(b'\n');
        give(desk)
    })
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

/// Is told of call records, many at a time.
pub type Tell = Box<dyn Fn(&[Cdr]) + Send>;

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
    /// and when its journal is closed, of those that were written together at once. In the writer's
    /// thread: it must not wait.
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
        let (queue, lost) = (Arc::default(), Arc::default());
        let place = writer::Place {
            folder: folder.to_owned(),
            keys,
            retention,
            tell,
            lost: Arc::clone(&lost),
        };
        writer::start(place, Arc::clone(&queue))?;
        let next_call = AtomicU64::new(0);
        let sender = Sender {
            queue,
            next_call,
            lost,
        };
        Ok(Self {
            target: Target::Folder(Arc::new(sender)),
        })
    }

    /// Begins the journal of a call, or of what follows a resume.
    pub fn begin(&self, header: Header) -> CallRecorder {
        let call = match &self.target {
            Target::Folder(sender) => sender.next_call.fetch_add(1, Ordering::Relaxed),
            Target::Nowhere | Target::Memory(_) => 0,
        };
        let mut recorder = CallRecorder {
            target: self.target.clone(),
            call,
            header: None,
            fold: Fold::default(),
            ending: Arc::default(),
            lost: 0,
        };
        recorder.fold.header(&header);
        match &self.target {
            Target::Nowhere => {}
            Target::Memory(calls) => {
                keep(
                    calls,
                    recorder.fold.call_key(),
                    Entry::Header(header.into()),
                );
            }
            Target::Folder(_) => {
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
            Target::Folder(sender) => sender.lost.load(Ordering::Relaxed),
            Target::Nowhere | Target::Memory(_) => 0,
        }
    }

    /// Waits until all that was queued before is in the files; `false` if the deadline came first.
    /// To be called before the process ends: the writer does not outlive it. It blocks its thread:
    /// in async code, call it in `spawn_blocking`.
    pub fn flush(&self, deadline: Duration) -> bool {
        match &self.target {
            Target::Folder(sender) => sender.queue.flush(deadline),
            Target::Nowhere | Target::Memory(_) => true,
        }
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
    /// The call's number at the writer.
    call: u64,
    /// Not queued yet: nothing else may go before it.
    header: Option<Box<Header>>,
    /// The call's record so far.
    fold: Fold,
    ending: Arc<Ending>,
    /// Entries lost since the last that was queued.
    lost: u64,
}

impl CallRecorder {
    /// Something happened.
    pub fn event(&mut self, at: CallTime, seq: Option<u64>, event: &Event) {
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

    /// Keeps an entry, or queues its line and adds what it tells to the record.
    fn record(
        &mut self,
        line: &impl Serialize,
        entry: impl FnOnce() -> Entry,
        fold: impl FnOnce(&mut Fold),
    ) {
        match &self.target {
            Target::Nowhere => {}
            Target::Memory(calls) => keep(calls, self.fold.call_key(), entry()),
            Target::Folder(_) => {
                if !(self.catch_up() && self.queue(line)) {
                    self.lose();
                }
                fold(&mut self.fold);
            }
        }
    }

    /// An entry that nobody will read.
    fn lose(&mut self) {
        self.lost = self.lost.saturating_add(1);
        if let Target::Folder(sender) = &self.target {
            sender.lost.fetch_add(1, Ordering::Relaxed);
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
            if !self.queue(&gap) {
                return false;
            }
            self.fold.push(&gap);
            self.lost = 0;
        }
        true
    }

    /// Queues a line; `false` if there is no room.
    fn queue(&self, line: &impl Serialize) -> bool {
        match &self.target {
            Target::Folder(sender) => written(line, |line| sender.queue.line(self.call, line)),
            Target::Nowhere | Target::Memory(_) => true,
        }
    }

    fn send(&self, message: Message) -> Result<(), Message> {
        match &self.target {
            Target::Folder(sender) => sender.queue.push(message),
            Target::Nowhere | Target::Memory(_) => Ok(()),
        }
    }
}

impl Drop for CallRecorder {
    fn drop(&mut self) {
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
