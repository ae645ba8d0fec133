//! Archives of recordings: read alike whether they are the folder of a service, files of JSON lines
//! or packed files (see [`pack`]). What can be read is read; every call that cannot be is named,
//! with its file and line. Memory stays flat however large an archive is: it is read in parts of
//! some dozens of calls, by any thread.
//!
//! ```text
//! for each part of archive.parts()      one thread, in order
//!     archive.each(&part, take)         any thread: the calls, whole, one after the other
//!     archive.rows(&part)               any thread: their records only, much quicker when packed
//! ```

mod calls;
mod folder;
pub mod order;
pub mod pack;
mod packed;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::journal::Entry;
use crate::journal::cdr::{Cdr, fold};
use crate::journal::known::Known;
use crate::journal::reader::{Line, ReadError};
use crate::seal::Keys;
use calls::Split;
use folder::Group;
use packed::{Block, Packed};

/// Calls in a part, and in a block of a packed file.
pub const CALLS_IN_PART: usize = 64;
/// Bytes in a part: with fewer calls if they are long.
pub const BYTES_IN_PART: usize = 4 << 20;
/// Most bytes of one call: the longest segment of a service and some.
pub const MAX_CALL: usize = 64 << 20;

/// One call, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Where it stands.
    pub place: Place,
    /// All its segments joined: a header (of the first one that is there), then what happened.
    pub entries: Vec<Entry>,
}

impl Recorded {
    /// The call's key.
    pub fn key(&self) -> &str {
        match self.entries.first() {
            Some(Entry::Header(header)) => &header.offer.call_key,
            Some(
                Entry::Event { .. }
                | Entry::Action { .. }
                | Entry::Gap { .. }
                | Entry::Ended { .. },
            )
            | None => "",
        }
    }

    /// The call's record.
    pub fn row(&self) -> Option<Row> {
        let cdr = fold(&self.entries)?;
        let place = self.place.clone();
        Some(Row { place, cdr })
    }
}

/// The record of a call, and where the call stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it stands.
    pub place: Place,
    /// The record.
    pub cdr: Cdr,
}

/// Where a call stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<str>,
    /// The line, from 1; in a packed file the line of its block's text.
    pub line: usize,
    /// The block's first byte, in a packed file.
    pub block: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.block {
            Some(at) => write!(f, "{}:{} (in the block at byte {at})", self.file, self.line),
            None => write!(f, "{}:{}", self.file, self.line),
        }
    }
}

/// Something of an archive that could not be read. It shows nothing of what was said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A line of a journal; its call is not read.
    #[error("{error}{}", of_call(.call.as_ref()))]
    Journal {
        /// The call, if it is known.
        call: Option<String>,
        /// Why.
        error: ReadError,
    },
    /// A packed file, or a block of it.
    #[error("{file}: {why}{}", of_call(.call.as_ref()))]
    Packed {
        /// The file.
        file: String,
        /// A call that is lost by it, if it is known.
        call: Option<String>,
        /// What is wrong, and at which byte.
        why: String,
    },
    /// A file or folder.
    #[error("cannot read `{file}`: {why}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
}

fn of_call(call: Option<&String>) -> String {
    call.map_or_else(String::new, |call| format!(" (call {call})"))
}

impl Fault {
    fn unreadable(path: &Path, error: impl fmt::Display) -> Self {
        Self::Unreadable {
            file: path.display().to_string(),
            why: error.to_string(),
        }
    }
}

/// A piece of an archive: some dozens of calls.
#[derive(Debug)]
pub struct Part(Inner);

#[derive(Debug)]
enum Inner {
    /// A block of a packed file.
    Block(Arc<Packed>, Block),
    /// Files of some calls.
    Files(Vec<Group>),
    /// Lines of a long file.
    Lines(Arc<str>, Vec<Result<Line<'static>, ReadError>>),
    /// What stands in place of a part that is not there.
    Fault(Fault),
}

/// An archive, or several that are read as one.
#[derive(Debug)]
pub struct Archive {
    paths: Vec<PathBuf>,
    keys: Keys,
    /// What the threads that read know, when they do not.
    known: Mutex<Vec<Known>>,
}

impl Archive {
    /// Folders of services, folders of files, and files. Segments of one call are joined, also where
    /// several services wrote them.
    ///
    /// # Errors
    /// One of them is not there.
    pub fn open(paths: &[PathBuf], keys: Keys) -> Result<Self, Fault> {
        let mut known = BTreeSet::new();
        let mut once = Vec::with_capacity(paths.len());
        for path in paths {
            let real = path.canonicalize();
            let real = real.map_err(|error| Fault::unreadable(path, error))?;
            // What is named twice is read once.
            if known.insert(real) {
                once.push(path.clone());
            }
        }
        Ok(Self {
            paths: once,
            keys,
            known: Mutex::default(),
        })
    }

    /// All parts, in order. The same archive always gives the same ones.
    pub fn parts(&self) -> impl Iterator<Item = Part> + '_ {
        folder::parts(&self.paths, &self.keys).map(Part)
    }

    /// How many calls there are, where that can be told without reading them.
    pub fn calls(&self) -> Option<u64> {
        let mut calls = 0u64;
        for path in &self.paths {
            calls = calls.saturating_add(Packed::open(path, &self.keys).ok()?.calls()?);
        }
        Some(calls)
    }

    /// Gives the calls of a part, one after the other, so that none is kept for longer than it is
    /// looked at; tells how many.
    pub fn each(&self, part: &Part, mut take: impl FnMut(Result<Recorded, Fault>)) -> usize {
        let mut calls = 0;
        let take = &mut |call| {
            calls += 1;
            take(call);
        };
        self.knowing(|known| match &part.0 {
            Inner::Block(packed, block) => packed.read(known, block, take),
            Inner::Files(groups) => {
                for group in groups {
                    folder::read(known, group, &self.keys, take);
                }
            }
            Inner::Lines(path, lines) => {
                let mut calls = Split::new(known, take);
                for line in lines {
                    calls.take(path, line.clone());
                }
                calls.finish();
            }
            Inner::Fault(fault) => take(Err(fault.clone())),
        });
        calls
    }

    /// All calls of a part.
    pub fn read(&self, part: &Part) -> Vec<Result<Recorded, Fault>> {
        let mut calls = Vec::new();
        self.each(part, |call| calls.push(call));
        calls
    }

    /// Reads with what another thread, or this one, has read before.
    fn knowing<T>(&self, read: impl FnOnce(&mut Known) -> T) -> T {
        let idle = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = idle().pop().unwrap_or_default();
        let read = read(&mut known);
        idle().push(known);
        read
    }

    /// The records of a part's calls. A packed file has them apart from the calls.
    pub fn rows(&self, part: &Part) -> Vec<Result<Row, Fault>> {
        if let Inner::Block(packed, block) = &part.0 {
            return self.knowing(|known| packed.rows(known, block));
        }
        let mut rows = Vec::new();
        self.each(part, |call| {
            rows.extend(call.map(|call| call.row()).transpose());
        });
        rows
    }

    /// The records of a part's calls where they are kept apart from the calls; of damaged ones none.
    pub fn records(&self, part: &Part) -> Option<Vec<Cdr>> {
        match &part.0 {
            Inner::Block(packed, block) => Some(packed.apart(block)),
            Inner::Files(_) | Inner::Lines(..) | Inner::Fault(_) => None,
        }
    }

    /// What recordings are sealed with here.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// One call by its key.
    pub fn find(&self, key: &str) -> Option<Result<Recorded, Fault>> {
        let mut unreadable = None;
        for path in &self.paths {
            match Packed::open(path, &self.keys) {
                Ok(packed) => {
                    if let Some(found) = packed.find(key) {
                        return Some(found);
                    }
                }
                Err(fault) if Packed::is_one(path) => unreadable = Some(fault),
                Err(_) => {}
            }
        }
        if let Some(group) = folder::find(&self.paths, key) {
            let mut found = None;
            let is_it = |call: &Result<Recorded, Fault>| {
                call.as_ref().map_or(true, |call| call.key() == key)
            };
            folder::read(&mut Known::default(), &group, &self.keys, &mut |call| {
                if found.is_none() && is_it(&call) {
                    found = Some(call);
                }
            });
            return found;
        }
        let mut found = None;
        let search = |part: Part| {
            let rows = self.rows(&part);
            let is_it =
                |row: &Result<Row, Fault>| row.as_ref().is_ok_and(|row| *row.cdr.call_key == *key);
            rows.iter().any(is_it).then_some(part)
        };
        // Nothing to tell: either it ends early, or nothing was found.
        let _: Result<(), ()> = order::in_order(order::all_cores(), self.parts(), search, |part| {
            found = part;
            if found.is_some() { Err(()) } else { Ok(()) }
        });
        // It may be in the file that cannot be read.
        let Some(part) = found else {
            return unreadable.map(Err);
        };
        let mut calls = self.read(&part).into_iter();
        calls.find(|call| call.as_ref().is_ok_and(|call| call.key() == key))
    }
}
