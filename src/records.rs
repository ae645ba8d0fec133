//! Call records on their way to the store: a bounded spool on disk, so that no call waits for its
//! record and no record for the store; and the sweeper, which closes calls that never came back.
//!
//! Both hold it sealed, with the caller's number, so that he can have it erased.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::future::Future;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::sleep;

use crate::call::{Disposition, ticket_key};
use crate::journal::cdr::Cdr;
use crate::journal::files::LineFile;
use crate::journal::reader::{Lines, ReadError};
use crate::seal::Keys;
use crate::store::{CallRow, IntentState, Store, StoreError};
use crate::token::MAX_AGE_MS;

/// Bytes of the spool: an hour of a hundred calls a second. What comes after it is counted and is
/// in the journals only.
const MAX_SPOOL: u64 = 512 << 20;
/// Records of one transaction.
const BATCH: usize = 200;
/// Between two looks into the spool.
const EVERY: Duration = Duration::from_secs(1);
/// Between two sweeps, and the office for it: one replica does it.
const SWEEP_EVERY: Duration = Duration::from_mins(1);
const OFFICE: &str = "records";
/// No token of a call is accepted any more, and the records of its end have had time to arrive.
const MARGIN: Duration = Duration::from_mins(30);
/// Calls closed by one sweep.
const SWEPT: u32 = 500;

/// The spool: lines of records in files, sealed, oldest first.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    keys: Keys,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    open: Option<LineFile>,
    next: u64,
    bytes: u64,
    lost: u64,
}

impl Spool {
    /// A spool in `folder`, with what an earlier process left there.
    pub fn open(folder: &Path, keys: &Keys) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let mut state = State::default();
        for (number, path) in segments(folder)? {
            state.next = number + 1;
            state.bytes += path.metadata()?.len();
        }
        Ok(Self {
            folder: folder.to_owned(),
            keys: keys.clone(),
            state: Mutex::new(state),
        })
    }

    /// Bytes that wait for the store, and how many records will never come there.
    pub fn load(&self) -> (u64, u64) {
        let state = self.lock();
        (state.bytes, state.lost)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes records, in as few writes as hold them; where it cannot, counts them. Never waits for the
    /// store.
    pub fn push(&self, records: &[Cdr]) {
        let mut state = self.lock();
        let mut left = records;
        while !left.is_empty() {
            match self.write(&mut state, left) {
                Ok(written) => left = left.get(written..).unwrap_or_default(),
                Err(error) => {
                    if state.lost == 0 {
                        tracing::error!(%error, "call records do not reach the store; what is in their journals is kept");
                    }
                    state.lost += u64::try_from(left.len()).unwrap_or(u64::MAX);
                    return;
                }
            }
        }
    }

    /// Writes as many of them as one write takes; how many.
    fn write(&self, state: &mut State, records: &[Cdr]) -> io::Result<usize> {
        if state.bytes > MAX_SPOOL {
            return Err(io::Error::other("the spool is full"));
        }
        let mut file = if let Some(file) = state.open.take() {
            file
        } else {
            let path = self.folder.join(format!("{:012}.jsonl", state.next));
            // Whatever becomes of this file, the next one is another.
            state.next += 1;
            LineFile::open(&path, &self.keys)?
        };
        let (before, mut written) = (file.len(), 0);
        for record in records {
            file.append(record)?;
            written += 1;
            if file.is_full() {
                break;
            }
        }
        file.flush()?;
        state.bytes += file.len() - before;
        state.open = Some(file);
        Ok(written)
    }

    /// The files that are not written to any more, oldest first.
    fn closed(&self) -> io::Result<Vec<PathBuf>> {
        let next = {
            let mut state = self.lock();
            state.open = None;
            state.next
        };
        // One that is begun meanwhile is another's to write.
        let closed = segments(&self.folder)?.into_iter();
        Ok(closed
            .filter(|(number, _)| *number < next)
            .map(|(_, path)| path)
            .collect())
    }

    fn forget(&self, path: &Path) -> io::Result<()> {
        let length = path.metadata()?.len();
        std::fs::remove_file(path)?;
        let mut state = self.lock();
        state.bytes = state.bytes.saturating_sub(length);
        Ok(())
    }
}

/// How many files of records wait in that folder of a service, which may be running.
pub fn waiting(folder: &Path) -> io::Result<usize> {
    match segments(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        found => Ok(found?.len()),
    }
}

fn segments(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let number = path
            .file_stem()
            .and_then(|name| name.to_str()?.parse().ok());
        found.extend(number.map(|number| (number, path)));
    }
    found.sort();
    Ok(found)
}

/// A record as the store has it; `None` if it could not be written as JSON.
fn row(record: &Cdr) -> Option<CallRow> {
    Some(CallRow {
        call_key: record.call_key.to_string(),
        began: record.began.unix_ms(),
        resumes: i64::from(record.resumes),
        closed: record.disposition.is_some(),
        from: record.from.clone(),
        body: serde_json::to_string(record).ok()?,
    })
}

/// Why records did not reach the store.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The spool cannot be read.
    #[error("the spool of call records: {0}")]
    Spool(#[from] io::Error),
    /// The store did not take them.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// Brings all that is in the spool to the store. A file that cannot be read stays there, is told, and
/// delays no other.
pub async fn ship(spool: &Spool, store: &impl Store) -> Result<(), RecordError> {
    let mut unread = Ok(());
    for path in spool.closed()? {
        let (file, keys) = (path.clone(), spool.keys.clone());
        let rows = tokio::task::spawn_blocking(move || rows_of(&file, &keys));
        let rows = match rows.await.map_err(io::Error::other)? {
            Ok(rows) => rows,
            Err(error) => {
                unread = Err(error.into());
                continue;
            }
        };
        for batch in rows.chunks(BATCH) {
            store.put_calls(batch).await?;
        }
        spool.forget(&path)?;
    }
    unread
}

/// The records of a file; of several of a call the last is enough.
fn rows_of(path: &Path, keys: &Keys) -> io::Result<Vec<CallRow>> {
    let mut rows = BTreeMap::new();
    for line in Lines::open(path, keys) {
        let record = match line {
            Ok(line) => serde_json::from_slice::<Cdr>(&line.text).ok(),
            Err(error @ (ReadError::Unreadable { .. } | ReadError::Sealed { .. })) => {
                return Err(io::Error::other(error));
            }
            Err(ReadError::Newer { .. } | ReadError::Bad { .. }) => None,
        };
        if let Some(row) = record.as_ref().and_then(row) {
            rows.insert(row.call_key.clone(), row);
        } else {
            // A process died in mid-line; its journal has the call.
            tracing::warn!(path = %path.display(), "a torn record in the spool");
        }
    }
    Ok(rows.into_values().collect())
}

/// Closes the calls that never came back; how many.
pub async fn sweep(store: &impl Store) -> Result<usize, StoreError> {
    let age = Duration::from_millis(u64::try_from(MAX_AGE_MS).unwrap_or(u64::MAX)) + MARGIN;
    let mut closed = Vec::new();
    for lost in store.unclosed(age, SWEPT).await? {
        let record = serde_json::from_str::<Cdr>(&lost.body)
            .ok()
            .map(|record| Cdr {
                disposition: Some(Disposition::Failed),
                ..record
            });
        closed.push(record.as_ref().and_then(row).unwrap_or(CallRow {
            closed: true,
            ..lost
        }));
    }
    if !closed.is_empty() {
        store.put_calls(&closed).await?;
        for lost in &closed {
            // Nobody knows whether an operator took the caller: whoever finds no ticket goes on with it.
            let key = ticket_key(&lost.call_key);
            let from = [IntentState::HandedOver];
            store.pass(&key, &from, IntentState::Unknown).await?;
        }
        tracing::warn!(
            calls = closed.len(),
            "calls that never came back were closed"
        );
    }
    Ok(closed.len())
}

/// Ships, sweeps and forgets until `stop`, as `holder`: unique among replicas.
pub async fn work(
    spool: &Spool,
    store: &impl Store,
    (holder, keep): (&str, Duration),
    stop: impl Future<Output = ()>,
) {
    let mut stop = std::pin::pin!(stop);
    let mut rounds = 0_u64;
    // Why they wait is said once, not each second.
    let mut told = None;
    loop {
        tokio::select! {
            () = &mut stop => return,
            () = sleep(EVERY) => {}
        }
        let why = ship(spool, store).await.err();
        let why = why.map(|error| error.to_string());
        if let Some(error) = why.as_ref().filter(|_| why != told) {
            tracing::warn!(error, "call records wait");
        }
        told = why;
        if told.is_some() {
            continue;
        }
        if rounds.is_multiple_of(SWEEP_EVERY.as_secs())
            && store.hold(OFFICE, holder, SWEEP_EVERY * 2).await == Ok(true)
        {
            let swept = sweep(store).await.map(drop);
            if let Err(error) = swept.and(store.forget(keep).await.map(drop)) {
                tracing::warn!(%error, "the sweeper pauses");
            }
        }
        rounds += 1;
    }
}
