//! The one thread that writes journals and call records. Never fails: a line that cannot be
//! written is counted and stands as a gap in the journal once the disk writes again.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use hashbrown::HashMap;
use rustix::process::{Resource, getrlimit, setpriority_process};
use tracing::{info, warn};

use crate::digest::name;
use crate::journal::Entry;
use crate::journal::Header;
use crate::journal::Retention;
use crate::journal::cdr;
use crate::journal::cdr::Cdr;
use crate::journal::files;
use crate::journal::files::{LineFile, MAX_WRITE};
use crate::journal::fold::Fold;
use crate::journal::queue::{Batch, Found, Message, Queue};
use crate::journal::reader;
use crate::journal::recorder::Ending;
use crate::journal::recorder::Line;
use crate::journal::recorder::Tell;
use crate::journal::recorder::written;
use crate::seal::Keys;
use crate::time::WallTime;

/// Most files kept open, whatever the process may have.
const MAX_OPEN: u64 = 1 << 16;

/// Longest segment of a call, in bytes; what comes after it is counted as lost. A talkative hour has
/// less than 2 MB: this is a gateway that never stops sending.
const MAX_SEGMENT: u64 = 16 << 20;

/// How much time may pass on the clock of the offers until old recordings are looked for again.
const PRUNE_EVERY_MS: i64 = 60 * 60 * 1000;

/// On a core that they share, calls come first, and this thread still gets three tenths of it: the
/// journal takes less than two, and a queue that runs full loses entries.
const NICE: i32 = 4;

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
pub(super) fn start(place: Place, queue: Arc<Queue>) -> io::Result<()> {
    let mut writer = Writer {
        place,
        most_open: most_open(),
        calls: HashMap::new(),
        open: BTreeSet::new(),
        unflushed: None,
        records: None,
        closed: BTreeMap::new(),
        told: Vec::new(),
        pruned: None,
    };
    let run = move || {
        // Of this thread alone. Where it may not, calls wait a little more.
        let _ = setpriority_process(None, NICE);
        let mut batch = Batch::default();
        loop {
            match queue.take(&mut batch) {
                Found::Some => {
                    queue.give(&mut batch, |message, text| writer.take(message, text));
                    writer.flush();
                    queue.done(&mut batch);
                }
                Found::Nothing => writer.look_round(),
                Found::End => return writer.look_round(),
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
    /// The call with lines that are not written yet: there is one at a time.
    unflushed: Option<u64>,
    /// Today's call records.
    records: Option<(PathBuf, LineFile)>,
    /// Call records that are not written yet, by their files.
    closed: BTreeMap<PathBuf, Vec<u8>>,
    /// Call records that nobody was told of yet.
    told: Vec<Cdr>,
    /// When old recordings were last looked for: an offer's time, as this thread reads no clock.
    pruned: Option<WallTime>,
}

struct Journal {
    /// The first line, also when a disk refused it at first.
    header: Box<Header>,
    begun: bool,
    ending: Arc<Ending>,
    file: Option<LineFile>,
    /// Lines that are not written yet.
    unflushed: u64,
    /// Lines that could not be written since the last that could.
    unwritten: u64,
    /// All that could not be written.
    missing: u64,
}

impl Writer {
    fn take(&mut self, message: Message, text: &[u8]) {
        match message {
            Message::Begin(call, header, ending) => self.begin(call, header, ending),
            Message::Lines(call, lines) => self.write(call, lines.of(text), lines.count),
            Message::Close(call) => self.close(call),
        }
    }

    /// Nothing comes: time for what could not be said, and for the disk.
    fn look_round(&mut self) {
        self.sweep();
        self.flush();
    }

    fn begin(&mut self, call: u64, header: Box<Header>, ending: Arc<Ending>) {
        let began = header.offer.began;
        let mut fold = Fold::default();
        fold.header(&header);
        // Should nothing more ever come of it, somebody knows that there was a call.
        if let Some(begun) = fold.finish() {
            self.told.push(begun);
        }
        let journal = Journal {
            header,
            begun: false,
            ending,
            file: None,
            unflushed: 0,
            unwritten: 0,
            missing: 0,
        };
        self.calls.insert(call, Box::new(journal));
        self.write(call, &[], 0);
        self.prune(began);
    }

    fn write(&mut self, call: u64, lines: &[u8], count: u64) {
        if self.unflushed != Some(call) {
            self.flush_call();
            self.unflushed = Some(call);
        }
        let Some(journal) = self.calls.get_mut(&call) else {
            return;
        };
        let was_open = journal.file.is_some();
        if let Err(error) = journal.write(lines, count, &self.place) {
            journal.failed(&error, count, &self.place);
        }
        if journal.file.as_ref().is_some_and(LineFile::is_full) {
            journal.flush(&self.place);
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
            journal.file = None;
        }
    }

    /// Writes what has gathered.
    fn flush(&mut self) {
        self.flush_call();
        self.flush_records();
    }

    fn flush_call(&mut self) {
        let call = self.unflushed.take();
        if let Some(journal) = call.and_then(|call| self.calls.get_mut(&call)) {
            journal.flush(&self.place);
        }
    }

    fn flush_records(&mut self) {
        for (path, records) in std::mem::take(&mut self.closed) {
            if let Err(error) = self.append_records(&path, &records) {
                let path = path.display();
                warn!(%path, %error, "call records cannot be written; what is in their journals is kept");
            }
        }
        if !self.told.is_empty() {
            (self.place.tell)(&std::mem::take(&mut self.told));
        }
    }

    fn close(&mut self, call: u64) {
        let Some(mut journal) = self.calls.remove(&call) else {
            return;
        };
        self.open.remove(&call);
        journal.flush(&self.place);
        let header = &*journal.header;
        let ending = &journal.ending.fold;
        let fold = ending.lock().unwrap_or_else(PoisonError::into_inner).take();
        let record = if header.resume == 0 {
            let mut fold = fold.unwrap_or_default();
            if journal.missing > 0 {
                let entries = journal.missing;
                fold.push(&Entry::Gap { entries });
            }
            fold.finish()
        } else {
            // Its earlier segments may have lines that have only gathered.
            self.flush_call();
            let segments = (0..=header.resume).map(|resume| {
                let path = files::segment(&self.place.folder, header, resume);
                reader::read(&path, &self.place.keys)
                    .filter_map(Result::ok)
                    .collect()
            });
            cdr::fold(&cdr::join(segments))
        };
        let path = files::records(&self.place.folder, header.offer.began);
        let Some(record) = record else { return };
        let records = self.closed.entry(path).or_default();
        written(&record, |line| records.extend_from_slice(line));
        self.told.push(record);
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
            let entries = self.calls.get_mut(&call).map_or(0, |journal| {
                let lost = journal.ending.lost.load(Ordering::Relaxed);
                journal.missing += lost;
                lost
            });
            if entries > 0 {
                written(&Entry::Gap { entries }, |line| self.write(call, line, 1));
            }
            self.close(call);
        }
    }
}

impl Journal {
    fn flush(&mut self, place: &Place) {
        let lines = std::mem::take(&mut self.unflushed);
        let flushed = self.file.as_mut().map_or(Ok(()), LineFile::flush);
        if let Err(error) = flushed {
            self.file = None;
            self.failed(&error, lines, place);
        }
    }

    fn failed(&mut self, error: &io::Error, lines: u64, place: &Place) {
        // One word a call: a full disk must not fill the log too.
        if self.unwritten == 0 {
            let call = name(&self.header.offer.call_key);
            warn!(call, %error, "a journal cannot be written; its lines are counted as lost");
        }
        self.unwritten += lines;
        self.missing += lines;
        place.lost.fetch_add(lines, Ordering::Relaxed);
    }

    fn path(&self, place: &Place) -> PathBuf {
        files::segment(&place.folder, &self.header, self.header.resume)
    }

    fn write(&mut self, lines: &[u8], count: u64, place: &Place) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => LineFile::open(&self.path(place), &place.keys)?,
        };
        if file.len() >= MAX_SEGMENT {
            self.file = Some(file);
            return Err(io::Error::other("the journal of one call is too long"));
        }
        if !self.begun || file.len() == 0 {
            file.append(&Line::Header(&self.header))?;
            self.begun = true;
        }
        if self.unwritten > 0 {
            let entries = self.unwritten;
            file.append(&Entry::Gap { entries })?;
            file.flush()?;
            self.unwritten = 0;
        }
        self.unflushed += count;
        file.append_lines(lines);
        self.file = Some(file);
        Ok(())
    }
}
