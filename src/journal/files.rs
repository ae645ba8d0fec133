//! The files of a journal folder: where a segment and a record belong, and how a line gets there
//! whole. Never reads what it wrote for its meaning.
//!
//! ```text
//! <folder>/journals/<yyyy-mm-dd>/<call key, file-safe>.<resume>.jsonl
//! <folder>/cdr/<yyyy-mm-dd>.jsonl
//! ```
//! The date is that of the offer, in Kazakhstan. Files 0600, folders 0700: they hold plain values,
//! sealed where there is a key (see [`seal`](crate::seal)).

use std::fmt::Write as _;
use std::fs;
use std::fs::DirBuilder;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::digest::sha256;
use crate::journal::Header;
use crate::seal::{Head, Keys, PieceKey};
use crate::time::WallTime;

/// Longest call key that names a file as it is; file systems end at 255 bytes.
const MAX_NAME: usize = 200;

/// Lines of so many bytes are to be written before more is appended: sealed together, they are one
/// line for whoever reads them, and no longer one is read than [`MAX_LINE`](super::reader::MAX_LINE).
pub(super) const MAX_WRITE: usize = 1 << 18;

/// The file of one segment of a call.
pub(super) fn segment(folder: &Path, header: &Header, resume: u32) -> PathBuf {
    let name = segment_name(&header.offer.call_key);
    let date = header.offer.began.in_kazakhstan().date().to_string();
    folder
        .join("journals")
        .join(date)
        .join(format!("{name}.{resume}.jsonl"))
}

/// The file of a day's call records.
pub(super) fn records(folder: &Path, began: WallTime) -> PathBuf {
    let date = began.in_kazakhstan().date();
    folder.join("cdr").join(format!("{date}.jsonl"))
}

/// How the files of a call are named by its key. Two different keys never give one name: every byte but `A-Z a-z 0-9 _ -` and inner dots is
/// `%XX`, and what grows too long ends in the hash of the whole.
pub fn segment_name(key: &str) -> String {
    let mut name = String::with_capacity(key.len());
    for (at, byte) in key.bytes().enumerate() {
        match char::from(byte) {
            plain @ ('A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '-') => name.push(plain),
            '.' if at > 0 => name.push('.'),
            _ => {
                let _ = write!(name, "%{byte:02X}");
            }
        }
    }
    if name.len() > MAX_NAME {
        name.truncate(MAX_NAME - 65);
        name.push('~');
        name.push_str(&sha256(key.as_bytes()));
    }
    name
}

/// Makes a folder and those above it, for us alone.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The line that begins a sealed piece.
#[derive(Deserialize, Serialize)]
pub(super) struct SealedHead {
    pub(super) sealed: Head,
}

/// A file that only ever grows by whole lines, many in one write. After an error it is of no use:
/// open it again.
#[derive(Debug)]
pub(crate) struct LineFile {
    file: File,
    len: u64,
    /// Lines that are not written yet, not sealed.
    lines: Vec<u8>,
    piece: Option<Piece>,
}

/// Room for the lines of a usual turn.
const USUAL: usize = 2_048;

/// What seals this opening: the lines of one writing together, as one line.
#[derive(Debug)]
struct Piece {
    key: PieceKey,
    /// To be written before the first line.
    head: Option<Head>,
    /// Number of the next sealed line.
    next: u64,
}

impl LineFile {
    /// Opens or creates. A last line that a dead writer left torn is cut off.
    pub(crate) fn open(path: &Path, keys: &Keys) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let options = options.create(true).read(true).append(true).mode(0o600);
        let file = match (options.open(path), path.parent()) {
            (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
                make_folder(folder)?;
                options.open(path)?
            }
            (opened, _) => opened?,
        };
        let mut len = file.metadata()?.len();
        let mut last = [b'\n'];
        if let Some(at) = len.checked_sub(1) {
            file.read_exact_at(&mut last, at)?;
        }
        if last != [b'\n'] {
            let written = fs::read(path)?;
            let torn = written.iter().rev().take_while(|b| **b != b'\n').count();
            len -= u64::try_from(torn).unwrap_or(len).min(len);
            file.set_len(len)?;
        }
        let piece = keys.begin()?.map(|(head, key)| Piece {
            key,
            head: Some(head),
            next: 0,
        });
        Ok(Self {
            file,
            len,
            lines: Vec::new(),
            piece,
        })
    }

    /// Its size, once all is written.
    pub(crate) fn len(&self) -> u64 {
        let lines = u64::try_from(self.lines.len()).unwrap_or(u64::MAX);
        self.len.saturating_add(lines)
    }

    /// Appends lines to the file at `path`, if that is still this one; an erasure puts another
    /// in its place.
    pub(super) fn append_at(&mut self, path: &Path, lines: &[u8]) -> io::Result<bool> {
        // Where a file system has no locks, nothing is erased meanwhile either.
        let locked = self.file.lock().is_ok();
        let own = self.file.metadata()?.ino();
        let is_still = fs::metadata(path).is_ok_and(|there| there.ino() == own);
        let done = if is_still {
            self.lines.extend_from_slice(lines);
            self.flush()
        } else {
            Ok(())
        };
        if locked {
            self.file.unlock()?;
        }
        done.map(|()| is_still)
    }

    /// To the disk.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        self.file.sync_all()
    }

    /// Appends one line, to be written by [`flush`](Self::flush).
    pub(crate) fn append(&mut self, line: &impl Serialize) -> io::Result<()> {
        self.lines.reserve(USUAL);
        let before = self.lines.len();
        let done = serde_json::to_writer(&mut self.lines, line);
        if done.is_ok() {
            self.lines.push(b'\n');
        } else {
            self.lines.truncate(before);
        }
        Ok(done?)
    }

    /// The same, of a line as it was read.
    pub(super) fn append_line(&mut self, line: &[u8]) {
        self.lines.extend_from_slice(line);
        self.lines.push(b'\n');
    }

    /// The same, of lines that have their ends.
    pub(super) fn append_lines(&mut self, lines: &[u8]) {
        self.lines.extend_from_slice(lines);
    }

    /// Whether what was appended is to be written before more is.
    pub(crate) const fn is_full(&self) -> bool {
        self.lines.len() >= MAX_WRITE
    }

    /// Writes what was appended in one write, or nothing of it.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        // Nothing is kept for the next: there are more files than turns at a time.
        let mut lines = std::mem::take(&mut self.lines);
        if lines.is_empty() {
            return Ok(());
        }
        if let Some(piece) = &mut self.piece {
            lines = piece.seal(lines)?;
        }
        let written = self.file.write_all(&lines);
        match written {
            Ok(()) => self.len += u64::try_from(lines.len()).unwrap_or(u64::MAX),
            Err(_) => self.file.set_len(self.len)?,
        }
        written
    }
}

impl Piece {
    fn seal(&mut self, mut lines: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        if let Some(sealed) = self.head.take() {
            serde_json::to_writer(&mut text, &SealedHead { sealed })?;
            text.push(b'\n');
        }
        // The end of the sealed line is that of its last.
        lines.pop();
        self.key.seal(self.next, &mut lines)?;
        self.next += 1;
        let (from, most) = (text.len(), lines.len() / 3 * 4 + 4);
        text.resize(from + most, 0);
        let room = text.get_mut(from..).unwrap_or_default();
        let written = STANDARD_NO_PAD.encode_slice(&lines, room);
        text.truncate(from + written.map_err(io::Error::other)?);
        text.push(b'\n');
        Ok(text)
    }
}
