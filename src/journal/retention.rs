//! How long recordings are kept, and how much of them: what is beyond is deleted, oldest first.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::civil::Date;

use crate::time::WallTime;

/// What is kept of a folder of journals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Days, the present one not counted.
    pub days: u32,
    /// Bytes of journals. Of the present day nothing is deleted for them.
    pub bytes: u64,
}

impl Retention {
    /// Keeps everything.
    pub const FOR_EVER: Self = Self {
        days: u32::MAX,
        bytes: u64::MAX,
    };

    /// Deletes what is not kept; gives how many files.
    ///
    /// # Errors
    /// A folder cannot be read, or a file not deleted.
    pub fn prune(self, folder: &Path, now: WallTime) -> io::Result<u64> {
        let today = now.in_kazakhstan().date();
        let too_old = |day: Date| {
            let days = today.since(day).map_or(0, |span| span.get_days());
            u32::try_from(days).is_ok_and(|days| days > self.days)
        };
        let mut deleted = 0;
        let mut kept: Vec<(Date, SystemTime, PathBuf, u64)> = Vec::new();
        for (day, path) in dated(&folder.join("journals"))? {
            for file in files_in(&path)? {
                let about = fs::metadata(&file)?;
                if too_old(day) {
                    fs::remove_file(&file)?;
                    deleted += 1;
                } else {
                    kept.push((day, about.modified()?, file, about.len()));
                }
            }
            if too_old(day) {
                fs::remove_dir(&path)?;
            }
        }
        for (day, path) in dated(&folder.join("cdr"))? {
            if too_old(day) {
                fs::remove_file(&path)?;
                deleted += 1;
            }
        }
        kept.sort();
        let mut total: u64 = kept.iter().map(|(.., len)| len).sum();
        for (day, _, file, len) in kept {
            if total <= self.bytes || day >= today {
                break;
            }
            fs::remove_file(&file)?;
            total -= len;
            deleted += 1;
        }
        Ok(deleted)
    }
}

/// What is in a folder and named by a date, oldest first; nothing if there is no such folder.
pub(super) fn dated(folder: &Path) -> io::Result<Vec<(Date, PathBuf)>> {
    let mut dated: Vec<(Date, PathBuf)> = Vec::new();
    for path in files_in(folder)? {
        let name = path.file_stem().and_then(|name| name.to_str());
        if let Some(day) = name.and_then(|name| name.parse().ok()) {
            dated.push((day, path));
        }
    }
    dated.sort();
    Ok(dated)
}

pub(super) fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    entries.map(|entry| Ok(entry?.path())).collect()
}
