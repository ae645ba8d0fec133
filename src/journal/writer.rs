//! The one thread that writes journals and call records. Never fails: a line that cannot be
//! written is counted and stands as a gap in the journal once the disk writes again.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::Duration;

use hashbrown::HashMap;
use rustix::process::{Resource, getrlimit};
use tracing::{info, warn};

use crate::journal::Entry;
use crate::journal::Header;
use crate::journal::Retention;
use crate::journal::cdr;
use crate::journal::cdr::Fold;
use crate::journal::files;
use crate::journal::files::{LineFile, MAX_WRITE};
use crate::journal::reader;
use crate::journal::recorder::Ending;
use crate::journal::recorder::Message;
use crate::journal::recorder::Tell;
use crate::seal::Keys;
use crate::time::WallTime;

/// Most files kept open, whatever the process may have.
const MAX_OPEN: u64 = 1 << 16;

/// Longest segment of a call, in bytes; what comes after it is counted as lost. A talkative hour has
/// less than 2 MB: this is a gateway that never stops sending.
const MAX_SEGMENT: u64 = 16 << 20;

/// How much time may pass on the clock of the offers until old recordings are looked for again.
const PRUNE_EVERY_MS: i64 = 60 * 60 * 1000;

/// How long lines gather before they are written. One write then takes many of them, and a busy
/// service wakes this thread so often and no more: each wake-up costs more than a line.
const GATHER: Duration = Duration::from_millis(20);

/// Most messages between two writings: what is in memory alone.
const MOST: usize = 4_096;

/// The queue was empty for so long: time to look for calls that could not say that they ended.
const IDLE: Duration = Duration::from_millis(200);

/// Where and how recordings are kept.
pub(super) struct Place {
    /// Counts entries that are in no journal.
    pub(super) lost: Arc<AtomicU64>,
    pub(super) folder: PathBuf,
    pub(super) keys: Keys,
    pub(super) retention: Retention,
    pub(super) tell: Tell,
}

/// Starts the thread. It ends when nobody can send any more.
pub(super) fn start(
    place: Place,
    receiver: Receiver<Message>,
    done: Arc<(Mutex<u64>, Condvar)>,
) -> io::Result<()> {
    let mut writer = Writer {
        place,
        most_open: most_open(),
        calls: HashMap::new(),
        open: BTreeSet::new(),
        unflushed: Vec::new(),
        records: None,
        closed: BTreeMap::new(),
        pruned: None,
    };
    let run = move || {
        loop {
            match receiver.recv_timeout(IDLE) {
                Ok(message) => {
                    thread::sleep(GATHER);
                    writer.take(message);
                    let mut taken = 1;
                    for message in receiver.try_iter().take(MOST) {
                        // On a core that they share, calls come first.
                        thread::yield_now();
                        writer.take(message);
                        taken += 1;
                    }
                    writer.flush();
                    let (count, changed) = &*done;
                    *count.lock().unwrap_or_else(PoisonError::into_inner) += taken;
                    changed.notify_all();
                }
                Err(error) => {
                    writer.sweep();
                    writer.flush();
                    if error == RecvTimeoutError::Disconnected {
                        return;
                    }
                }
            }
        }
    };
    let thread = thread::Builder::new().name("journal".to_owned());
    thread.spawn(run).map(drop)
}

/// Files kept open; that of the oldest call is closed for the next, and opened again for its next
/// turn, which costs more than the turn. Half of what the process may have: the other half is for
/// connections.
fn most_open() -> usize {
    let half = getrlimit(Resource::Nofile).current.map(|may| may / 2);
    let most = half.map_or(MAX_OPEN, |half| half.min(MAX_OPEN));
    usize::try_from(most).unwrap_or(usize::MAX)
}

struct Writer {
    place: Place,
    most_open: usize,
    calls: HashMap<u64, Box<Journal>>,
    /// Calls whose file is open.
    open: BTreeSet<u64>,
    /// Calls with lines that are not written yet.
    unflushed: Vec<u64>,
    /// Today's call records.
    records: Option<(PathBuf, LineFile)>,
    /// Call records that are not written yet, by their files.
    closed: BTreeMap<PathBuf, Vec<u8>>,
    /// When old recordings were last looked for: an offer's time, as this thread reads no clock.
    pruned: Option<WallTime>,
}

struct Journal {
    path: PathBuf,
    header: Header,
    fold: Fold,
    ending: Arc<Ending>,
    file: Option<LineFile>,
    /// Lines that are not written yet.
    unflushed: u64,
    /// Lines that could not be written since the last that could.
    unwritten: u64,
    lost: Arc<AtomicU64>,
}

impl Writer {
    fn take(&mut self, message: Message) {
        match message {
            Message::Begin(call, header, ending) => {
                let journal = Journal {
                    path: files::segment(&self.place.folder, &header, header.resume),
                    header: (*header).clone(),
                    fold: Fold::default(),
                    ending,
                    file: None,
                    unflushed: 0,
                    unwritten: 0,
                    lost: Arc::clone(&self.place.lost),
                };
                self.calls.insert(call, Box::new(journal));
                let began = header.offer.began;
                let entry = Entry::Header(header);
                self.write(call, std::slice::from_ref(&entry));
                // Should nothing more ever come of it, somebody knows that there was a call.
                if let Some(begun) = cdr::fold(&[entry]) {
                    (self.place.tell)(&begun);
                }
                self.prune(began);
            }
            Message::Entries(call, entries) => self.write(call, &entries),
            Message::Close(call) => self.close(call),
        }
    }

    fn write(&mut self, call: u64, entries: &[Entry]) {
        let Some(journal) = self.calls.get_mut(&call) else {
            return;
        };
        if journal.unflushed == 0 {
            self.unflushed.push(call);
        }
        let was_open = journal.file.is_some();
        for entry in entries {
            if let Err(error) = journal.write(entry, &self.place.keys) {
                journal.failed(&error, 1);
            }
            if journal.file.as_ref().is_some_and(LineFile::is_full) {
                journal.flush();
            }
            journal.fold.push(entry);
        }
        match (was_open, journal.file.is_some()) {
            (false, true) => self.opened(call),
            (true, false) => drop(self.open.remove(&call)),
            (true, true) | (false, false) => {}
        }
    }

    fn opened(&mut self, call: u64) {
        self.open.insert(call);
        if self.open.len() <= self.most_open {
            return;
        }
        let oldest = self.open.iter().copied().find(|open| *open != call);
        if let Some(oldest) = oldest
            && let Some(journal) = self.calls.get_mut(&oldest)
        {
            self.open.remove(&oldest);
            journal.flush();
            journal.file = None;
        }
    }

    /// Writes what has gathered.
    fn flush(&mut self) {
        for call in self.unflushed.drain(..) {
            thread::yield_now();
            if let Some(journal) = self.calls.get_mut(&call) {
                journal.flush();
            }
        }
        self.flush_records();
    }

    fn flush_records(&mut self) {
        for (path, records) in std::mem::take(&mut self.closed) {
            if let Err(error) = self.append_records(&path, &records) {
                let path = path.display();
                warn!(%path, %error, "call records cannot be written; their journals hold the calls");
            }
        }
    }

    fn close(&mut self, call: u64) {
        let Some(mut journal) = self.calls.remove(&call) else {
            return;
        };
        self.open.remove(&call);
        journal.flush();
        if journal.unwritten > 0 {
            let entries = journal.unwritten;
            journal.fold.push(&Entry::Gap { entries });
        }
        let header = journal.header;
        let record = if header.resume == 0 {
            journal.fold.finish()
        } else {
            // Its earlier segments may have lines that have only gathered.
            self.flush();
            let segments = (0..=header.resume).map(|resume| {
                let path = files::segment(&self.place.folder, &header, resume);
                reader::read(&path, &self.place.keys)
                    .filter_map(Result::ok)
                    .collect()
            });
            cdr::fold(&cdr::join(segments))
        };
        let path = files::records(&self.place.folder, header.offer.began);
        let Some(record) = record else { return };
        (self.place.tell)(&record);
        let records = self.closed.entry(path).or_default();
        // It holds nothing that JSON does not.
        let _ = serde_json::to_writer(&mut *records, &record);
        records.push(b'\n');
        // A service that drains ends thousands of calls at once.
        if records.len() >= MAX_WRITE {
            self.flush_records();
        }
    }

    fn append_records(&mut self, path: &Path, records: &[u8]) -> io::Result<()> {
        loop {
            let mut file = match self.records.take() {
                Some((open, file)) if open == path => file,
                Some(_) | None => LineFile::open(path, &self.place.keys)?,
            };
            if file.append_at(path, records)? {
                self.records = Some((path.to_owned(), file));
                return Ok(());
            }
        }
    }

    /// Once an hour, beside the writing: a folder of a day may hold many files.
    fn prune(&mut self, now: WallTime) {
        let due = |last: WallTime| now.unix_ms().saturating_sub(last.unix_ms()) >= PRUNE_EVERY_MS;
        if self.pruned.is_some_and(|last| !due(last)) {
            return;
        }
        self.pruned = Some(now);
        let (folder, retention) = (self.place.folder.clone(), self.place.retention);
        let run = move || match retention.prune(&folder, now) {
            Ok(0) => {}
            Ok(deleted) => info!(deleted, "recordings were deleted as the retention says"),
            Err(error) => warn!(%error, "old recordings cannot be deleted"),
        };
        let thread = thread::Builder::new().name("retention".to_owned());
        if let Err(error) = thread.spawn(run) {
            warn!(%error, "old recordings cannot be deleted");
        }
    }

    /// Ends the journals whose calls ended while the queue was full. Only on an empty queue: so
    /// nothing of theirs is still under way.
    fn sweep(&mut self) {
        let ended = |journal: &Journal| journal.ending.closed.load(Ordering::Acquire);
        let all = self.calls.iter();
        let over = all.filter_map(|(call, journal)| ended(journal).then_some(*call));
        for call in over.collect::<BTreeSet<_>>() {
            let lost = |journal: &Journal| journal.ending.lost.load(Ordering::Relaxed);
            let entries = self.calls.get(&call).map_or(0, |journal| lost(journal));
            if entries > 0 {
                self.write(call, &[Entry::Gap { entries }]);
            }
            self.close(call);
        }
    }
}

impl Journal {
    fn flush(&mut self) {
        let lines = std::mem::take(&mut self.unflushed);
        let flushed = self.file.as_mut().map_or(Ok(()), LineFile::flush);
        if let Err(error) = flushed {
            self.file = None;
            self.failed(&error, lines);
        }
    }

    fn failed(&mut self, error: &io::Error, lines: u64) {
        // One word a call: a full disk must not fill the log too.
        if self.unwritten == 0 {
            let path = self.path.display();
            warn!(%path, %error, "a journal cannot be written; its lines are counted as lost");
        }
        self.unwritten += lines;
        self.lost.fetch_add(lines, Ordering::Relaxed);
    }

    fn write(&mut self, entry: &Entry, keys: &Keys) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => LineFile::open(&self.path, keys)?,
        };
        if file.len() >= MAX_SEGMENT {
            self.file = Some(file);
            return Err(io::Error::other("the journal of one call is too long"));
        }
        if file.len() == 0 && !matches!(entry, Entry::Header(_)) {
            let header = Entry::Header(Box::new(self.header.clone()));
            file.append(&header)?;
            file.flush()?;
            // It was counted as lost when it could not be written first.
            if self.unwritten > 0 {
                self.unwritten -= 1;
                self.lost.fetch_sub(1, Ordering::Relaxed);
            }
        }
        if self.unwritten > 0 {
            let entries = self.unwritten;
            file.append(&Entry::Gap { entries })?;
            file.flush()?;
            self.fold.push(&Entry::Gap { entries });
            self.unwritten = 0;
        }
        file.append(entry)?;
        self.file = Some(file);
        self.unflushed += 1;
        Ok(())
    }
}
