//! The recordings of one number: found, and erased for good. A service may write into the folder
//! meanwhile: what it records of others is not touched.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::call::PhoneNumber;
use crate::journal::Entry;
use crate::journal::cdr::Cdr;
use crate::journal::files::LineFile;
use crate::journal::reader;
use crate::journal::reader::{Lines, ReadError};
use crate::journal::retention::{dated, files_in};
use crate::seal::Keys;

/// What was erased.
#[derive(Debug, Default)]
pub struct Erased {
    /// Journals: files of calls, or of what followed a resume.
    pub journals: usize,
    /// Call records.
    pub records: usize,
    /// What could not be read, so that nobody knows whose it is; it stays.
    pub unread: Vec<ReadError>,
}

/// Erases the calls from `number` in the folder of a service.
///
/// # Errors
/// A folder cannot be read, or a file not changed.
pub fn erase(folder: &Path, keys: &Keys, number: &PhoneNumber) -> io::Result<Erased> {
    let mut erased = Erased::default();
    for (_, day) in dated(&folder.join("journals"))? {
        for file in files_in(&day)? {
            match reader::read(&file, keys).next() {
                Some(Ok(Entry::Header(header))) if header.offer.from.as_ref() == Some(number) => {
                    fs::remove_file(&file)?;
                    erased.journals += 1;
                }
                Some(Ok(_)) | None => {}
                Some(Err(error)) => erased.unread.push(error),
            }
        }
    }
    for (_, file) in dated(&folder.join("cdr"))? {
        erase_records(&file, keys, number, &mut erased)?;
    }
    Ok(erased)
}

/// Writes a day's records anew without those of the number, if there are some.
fn erase_records(
    file: &Path,
    keys: &Keys,
    number: &PhoneNumber,
    erased: &mut Erased,
) -> io::Result<()> {
    // The writer waits for this one line long, then finds the new file.
    let old = fs::File::open(file)?;
    old.lock()?;
    let mut kept = Vec::new();
    let (mut own, mut unread) = (0, Vec::new());
    for line in Lines::open(file, keys) {
        match line {
            Ok(line) => match serde_json::from_slice::<Cdr>(&line.text) {
                Ok(record) if record.from.as_ref() == Some(number) => own += 1,
                Ok(_) | Err(_) => kept.push(line.text.into_owned()),
            },
            Err(error) => unread.push(error),
        }
    }
    if !unread.is_empty() {
        // Written anew it would lack what could not be read.
        erased.unread.extend(unread);
        return Ok(());
    }
    if own > 0 {
        let draft: PathBuf = file.with_extension("draft");
        // One that a broken erasure left behind.
        if draft.exists() {
            fs::remove_file(&draft)?;
        }
        let mut anew = LineFile::open(&draft, keys)?;
        for line in kept {
            anew.append_line(&line);
            if anew.is_full() {
                anew.flush()?;
            }
        }
        anew.sync()?;
        fs::rename(&draft, file)?;
        erased.records += own;
    }
    Ok(())
}
