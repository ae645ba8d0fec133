//! Where a command takes recordings from: the options that they share, and how what cannot be read
//! is told.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use crate::archive::order::{all_cores, in_order};
use crate::archive::{Archive, Fault, Part, Recorded, Row};
use crate::cli::out;
use crate::cli::out::Exit;
use crate::cli::progress::Progress;
use crate::seal::Keys;
use crate::serve::config::Config;
use crate::serve::keys;

/// Faults that are told one by one; the rest are counted.
const TOLD: usize = 20;

/// Options.
#[derive(Clone, Debug, clap::Args)]
pub struct Recordings {
    /// Archives: the folder of a service, a folder of files, a packed file, a file of JSON lines.
    #[arg(required = true, value_name = "ARCHIVE")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    sealed: Sealed,
    /// Threads; all cores if not given. The output is the same for any number.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

/// Options of whoever reads or writes what is sealed.
#[derive(Clone, Debug, clap::Args)]
pub struct Sealed {
    /// The file of the keys that recordings are sealed with; else `journal.keys` in the folder of
    /// recordings, or that of the settings.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
}

impl Sealed {
    /// As if that file were named.
    pub const fn of(keys: Option<PathBuf>) -> Self {
        Self { keys }
    }

    /// The keys; none where there is no file of them.
    pub fn keys(&self, folders: &[PathBuf]) -> Result<Keys, Exit> {
        let load = |path: &Path| {
            let loaded = keys::load(path).map(keys::of_recordings);
            loaded.map_err(|error| out::bad_file(&error))
        };
        if let Some(path) = &self.keys {
            return load(path);
        }
        let mut likely = folders.iter().map(|folder| folder.join("journal.keys"));
        if let Some(path) = likely.find(|path| path.is_file()) {
            return load(&path);
        }
        let path = Config::load(None).map(|config| config.journal_keys());
        match path {
            Ok(path) if path.is_file() => load(&path),
            Ok(_) => Ok(Keys::none()),
            Err(error) => Err(out::bad_file(&error)),
        }
    }
}

impl Recordings {
    /// As if these were named.
    pub fn of(paths: &[PathBuf], sealed: &Sealed) -> Self {
        Self {
            paths: paths.to_vec(),
            sealed: sealed.clone(),
            threads: None,
        }
    }

    /// Opens them.
    ///
    /// # Errors
    /// Told already.
    pub fn open(&self) -> Result<Archive, Exit> {
        let keys = self.sealed.keys(&self.paths)?;
        Archive::open(&self.paths, keys).map_err(|fault| out::bad_file(&fault))
    }

    /// How many threads work.
    pub fn threads(&self) -> NonZeroUsize {
        self.threads.unwrap_or_else(all_cores)
    }

    /// Makes something of every call of an archive, in any thread, and gives it to `sink`, in order.
    pub fn each<T: Send>(
        &self,
        archive: &Archive,
        made: impl Fn(Recorded) -> T + Sync,
        sink: impl FnMut(T) -> bool,
    ) -> Faults {
        let work =
            |part: &Part, take: Take<'_, T>| archive.each(part, |call| take(call.map(&made)));
        self.over(archive, work, sink)
    }

    /// The same of every record.
    pub fn rows<T: Send>(
        &self,
        archive: &Archive,
        made: impl Fn(Row) -> T + Sync,
        sink: impl FnMut(T) -> bool,
    ) -> Faults {
        let work = |part: &Part, take: Take<'_, T>| {
            let rows = archive.rows(part);
            let count = rows.len();
            for row in rows {
                take(row.map(&made));
            }
            count
        };
        self.over(archive, work, sink)
    }

    /// Does `work` on every part of an archive, in any thread, and gives what came of it to `sink`,
    /// in order; tells what could not be read. `work` gives what it made and says how many calls that
    /// were; `sink` ends it early by `false`.
    pub fn over<T: Send>(
        &self,
        archive: &Archive,
        work: impl Fn(&Part, Take<'_, T>) -> usize + Sync,
        mut sink: impl FnMut(T) -> bool,
    ) -> Faults {
        let mut progress = Progress::new("calls", archive.calls());
        let mut faults = Faults::default();
        let mut read = 0;
        let work = |part: Part| {
            let mut made = Vec::new();
            let calls = work(&part, &mut |one| made.push(one));
            (calls, made)
        };
        let mut take = |one: Result<T, Fault>| match one {
            Ok(one) => sink(one),
            Err(fault) => {
                faults.tell(&fault);
                true
            }
        };
        // Ended early is no fault.
        let _: Result<(), ()> = in_order(self.threads(), archive.parts(), work, |(calls, made)| {
            progress.add(calls);
            read += calls;
            if made.into_iter().all(&mut take) {
                Ok(())
            } else {
                Err(())
            }
        });
        drop(progress);
        faults.calls = read;
        faults
    }
}

/// Who is given what was made.
pub type Take<'a, T> = &'a mut dyn FnMut(Result<T, Fault>);

/// What could not be read.
#[derive(Debug, Default)]
pub struct Faults {
    count: usize,
    /// How many calls there were, those that could not be read among them.
    calls: usize,
}

impl Faults {
    /// Tells one more.
    pub fn tell(&mut self, fault: &Fault) {
        self.count += 1;
        if self.count <= TOLD {
            out::error(&fault);
        }
    }

    /// Whether there was anything at all; if not, that is told: what was to be judged is not there.
    ///
    /// # Errors
    /// There was nothing.
    pub fn of_something(&self) -> Result<(), Exit> {
        if self.calls > 0 {
            return Ok(());
        }
        out::talk(
            "error: there are no recordings here\n\nhint: name the folder of a service, or an archive",
        );
        Err(Exit::BadFile)
    }

    /// How a command ends that was good but for these.
    pub fn exit(&self) -> Exit {
        if self.count > TOLD {
            out::talk(&format!("error: {} more are not told", self.count - TOLD));
        }
        if self.count == 0 {
            return Exit::Good;
        }
        out::talk("what could not be read is left out");
        Exit::Found
    }
}
