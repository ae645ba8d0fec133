//! The one thread that writes journals and call records. Never fails: a line that cannot be
//! written is counted and stands as a gap in the journal once the disk writes again.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::Duration;

use tracing::warn;

use crate::journal::Entry;
use crate::journal::Header;
use crate::journal::cdr;
use crate::journal::cdr::Fold;
use crate::journal::files;
use crate::journal::files::LineFile;
use crate::journal::reader;
use crate::journal::recorder::Ending;
use crate::journal::recorder::Message;

/// Files kept open; the least recently written is closed for the next. Half of the usual limit of
/// 1,024 a process: the other half is for connections.
const MAX_OPEN: usize = 512;

/// The queue was empty for so long: time to look for calls that could not say that they ended.
const IDLE: Duration = Duration::from_millis(200);

/// Starts the thread. It ends when nobody can send any more.
pub(super) fn start(
    folder: PathBuf,
    receiver: Receiver<Message>,
    done: Arc<(Mutex<u64>, Condvar)>,
) -> io::Result<()> {
    let mut writer = Writer {
        folder,
        calls: BTreeMap::new(),
        open: BTreeMap::new(),
        clock: 0,
        records: None,
    };
    let run = move || {
        loop {
            match receiver.recv_timeout(IDLE) {
                Ok(message) => {
                    writer.take(message);
                    let (count, changed) = &*done;
                    *count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                    changed.notify_all();
                }
                Err(RecvTimeoutError::Timeout) => writer.sweep(),
                Err(RecvTimeoutError::Disconnected) => return writer.sweep(),
            }
        }
    };
    let thread = thread::Builder::new().name("journal".to_owned());
    thread.spawn(run).map(drop)
}

struct Writer {
    folder: PathBuf,
    calls: BTreeMap<u64, Journal>,
    /// Last use → call, of the journals whose file is open.
    open: BTreeMap<u64, u64>,
    /// Counts uses.
    clock: u64,
    /// Today's call records.
    records: Option<(PathBuf, LineFile)>,
}

struct Journal {
    path: PathBuf,
    header: Header,
    fold: Fold,
    ending: Arc<Ending>,
    file: Option<LineFile>,
    used: u64,
    /// Lines that could not be written since the last that could.
    unwritten: u64,
}

impl Writer {
    fn take(&mut self, message: Message) {
        match message {
            Message::Begin(call, header, ending) => {
                let journal = Journal {
                    path: files::segment(&self.folder, &header, header.resume),
                    header: (*header).clone(),
                    fold: Fold::default(),
                    ending,
                    file: None,
                    used: 0,
                    unwritten: 0,
                };
                self.calls.insert(call, journal);
                self.write(call, &Entry::Header(header));
            }
            Message::Entry(call, entry) => self.write(call, &entry),
            Message::Close(call) => self.close(call),
        }
    }

    fn write(&mut self, call: u64, entry: &Entry) {
        let Some(journal) = self.calls.get_mut(&call) else {
            return;
        };
        self.open.remove(&journal.used);
        self.clock += 1;
        journal.used = self.clock;
        if let Err(error) = journal.write(entry) {
            // One word a call: a full disk must not fill the log too.
            if journal.unwritten == 0 {
                let path = journal.path.display();
                warn!(%path, %error, "a journal cannot be written; its lines are counted as lost");
            }
            journal.unwritten += 1;
        }
        journal.fold.push(entry);
        if journal.file.is_some() {
            self.open.insert(self.clock, call);
        }
        if self.open.len() > MAX_OPEN
            && let Some((_, oldest)) = self.open.pop_first()
            && let Some(journal) = self.calls.get_mut(&oldest)
        {
            journal.file = None;
        }
    }

    fn close(&mut self, call: u64) {
        let Some(mut journal) = self.calls.remove(&call) else {
            return;
        };
        self.open.remove(&journal.used);
        if journal.unwritten > 0 {
            let entries = journal.unwritten;
            journal.fold.push(&Entry::Gap { entries });
        }
        let header = journal.header;
        let record = if header.resume == 0 {
            journal.fold.finish()
        } else {
            let segments = (0..=header.resume).map(|resume| {
                let path = files::segment(&self.folder, &header, resume);
                reader::read(&path).filter_map(Result::ok).collect()
            });
            cdr::fold(&cdr::join(segments))
        };
        let path = files::records(&self.folder, header.offer.began);
        if let Some(record) = record
            && let Err(error) = self.append_record(&path, &record)
        {
            let path = path.display();
            warn!(%path, %error, "a call record cannot be written; its journal holds the call");
        }
    }

    fn append_record(&mut self, path: &PathBuf, record: &cdr::Cdr) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        if let Some((open, file)) = &mut self.records
            && open == path
        {
            return file.append(&line);
        }
        let mut file = LineFile::open(path)?;
        file.append(&line)?;
        self.records = Some((path.clone(), file));
        Ok(())
    }

    /// Ends the journals whose calls ended while the queue was full. Only on an empty queue: so
    /// nothing of theirs is still under way.
    fn sweep(&mut self) {
        let ended = |journal: &Journal| journal.ending.closed.load(Ordering::Acquire);
        let calls: Vec<u64> = self
            .calls
            .iter()
            .filter(|(_, j)| ended(j))
            .map(|(c, _)| *c)
            .collect();
        for call in calls {
            let lost = |journal: &Journal| journal.ending.lost.load(Ordering::Relaxed);
            let entries = self.calls.get(&call).map_or(0, lost);
            if entries > 0 {
                self.write(call, &Entry::Gap { entries });
            }
            self.close(call);
        }
    }
}

impl Journal {
    fn write(&mut self, entry: &Entry) -> io::Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => LineFile::open(&self.path)?,
        };
        let file = self.file.insert(file);
        if file.is_empty() && !matches!(entry, Entry::Header(_)) {
            file.append(&line(&Entry::Header(Box::new(self.header.clone())))?)?;
            self.unwritten = self.unwritten.saturating_sub(1);
        }
        if self.unwritten > 0 {
            let entries = self.unwritten;
            file.append(&line(&Entry::Gap { entries })?)?;
            self.fold.push(&Entry::Gap { entries });
            self.unwritten = 0;
        }
        file.append(&line(entry)?)
    }
}

fn line(entry: &Entry) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    Ok(line)
}
