//! Reads journals back. Never guesses: a newer form is refused, a bad line is told with its number;
//! only the torn last line of a writer that died is passed over. Its errors show nothing of a
//! line's content, which holds numbers and words of a caller.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::Deserialize;

use crate::journal::Entry;
use crate::journal::FORMAT;
use crate::journal::files::SealedHead;
use crate::journal::written;
use crate::seal::Keys;
use crate::seal::PieceKey;

/// Longest line, sealed or not. A turn's largest action, a `Play` of a hundred prompts, has some
/// 40 KiB.
pub const MAX_LINE: usize = 2 << 20;

/// How a header's line begins.
const HEADER: &[u8] = b"{\"header\":";
/// How the first line of a sealed piece begins.
const SEALED: &[u8] = b"{\"sealed\":";

/// Why a journal, or one line of it, could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The file could not be opened or read.
    #[error("cannot read `{path}`: {why}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// A newer build wrote it. Nothing more of this call is read.
    #[error(
        "{path}:{line}: written in form {format}, this build reads up to {FORMAT}: use a newer build"
    )]
    Newer {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// Its form.
        format: u32,
    },
    /// It is sealed with a key that is not at hand.
    #[error(
        "{path}:{line}: sealed with key {key}, which is not at hand: name its file (--keys, or the setting journal.keys)"
    )]
    Sealed {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// Id of the key.
        key: u32,
    },
    /// A line is no entry. Reading goes on behind it.
    #[error("{path}:{line}: {why}")]
    Bad {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong, without the line's content.
        why: String,
    },
}

/// The entries of one segment, in order.
pub fn read<'k>(
    path: &Path,
    keys: &'k Keys,
) -> impl Iterator<Item = Result<Entry, ReadError>> + use<'k> {
    let mut lines = Lines::open(path, keys);
    let mut begun = false;
    let mut over = false;
    std::iter::from_fn(move || {
        if over {
            return None;
        }
        let line = match lines.next()? {
            Ok(line) => line,
            Err(error) => return Some(Err(error)),
        };
        let entry = match line.entry(&lines.path) {
            Err(_) if line.torn => return None,
            Ok(entry) if !begun && !matches!(entry, Entry::Header(_)) => {
                let why = "a journal begins with a header".to_owned();
                Err(bad(&lines.path, line.number, why))
            }
            entry => entry,
        };
        begun = true;
        over = matches!(entry, Err(ReadError::Newer { .. }));
        Some(entry)
    })
}

/// One line of a file of journals, opened if it was sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'t> {
    /// Its number in the file, from 1; lines that were sealed together have one.
    pub number: usize,
    /// Its text, without the end.
    pub text: Cow<'t, [u8]>,
    /// It is the last one and has no end.
    pub torn: bool,
}

impl Line<'_> {
    /// Whether a call, or what follows a resume, begins here.
    pub fn is_header(&self) -> bool {
        self.text.starts_with(HEADER)
    }

    /// Whether it is a header, and not that of what follows a resume.
    pub fn begins_call(&self) -> bool {
        let header = serde_json::from_slice(&self.text);
        self.is_header() && header.is_ok_and(|AnyHeader { header }| header.resume == 0)
    }

    /// What it says.
    pub fn entry(&self, path: &str) -> Result<Entry, ReadError> {
        entry(path, self.number, &self.text)
    }
}

/// What is read of a header before the rest: a newer one may have any other field.
#[derive(Deserialize)]
struct AnyHeader {
    header: AnyFormat,
}

#[derive(Deserialize)]
struct AnyFormat {
    format: u32,
    #[serde(default)]
    resume: u32,
}

/// Reads one line.
pub fn entry(path: &str, number: usize, text: &[u8]) -> Result<Entry, ReadError> {
    match written::from_slice::<Entry>(text) {
        Ok(Entry::Header(header)) if header.format > FORMAT => {
            Err(newer(path, number, header.format))
        }
        Ok(entry) => Ok(entry),
        Err(error) => match serde_json::from_slice(text) {
            Ok(AnyHeader { header }) if header.format > FORMAT => {
                Err(newer(path, number, header.format))
            }
            Ok(_) | Err(_) => {
                let what = if error.is_data() { "an entry" } else { "JSON" };
                let why = format!("not {what}, at byte {}", error.column());
                Err(bad(path, number, why))
            }
        },
    }
}

fn newer(path: &str, line: usize, format: u32) -> ReadError {
    let path = path.to_owned();
    ReadError::Newer { path, line, format }
}

fn bad(path: &str, line: usize, why: String) -> ReadError {
    let path = path.to_owned();
    ReadError::Bad { path, line, why }
}

/// The lines of a file, each opened; what cannot be is told once and passed over.
#[derive(Debug)]
pub struct Lines<'k> {
    path: String,
    /// `None` when nothing more can be read.
    input: Option<BufReader<File>>,
    failed: Option<ReadError>,
    keys: &'k Keys,
    number: usize,
    piece: Piece,
    /// What was sealed together and is not given yet, the last first.
    opened: Vec<Line<'static>>,
}

/// What the lines at hand belong to.
#[derive(Debug)]
enum Piece {
    Plain,
    Sealed(Box<PieceKey>, u64),
    /// Sealed, and it cannot be opened.
    Closed,
}

impl<'k> Lines<'k> {
    /// A file that cannot be opened is the first and only error.
    pub fn open(path: &Path, keys: &'k Keys) -> Self {
        let name = path.display().to_string();
        let (input, failed) = match File::open(path) {
            Ok(file) => (Some(BufReader::with_capacity(1 << 16, file)), None),
            Err(error) => (None, Some(unreadable(&name, &error))),
        };
        Self {
            path: name,
            input,
            failed,
            keys,
            number: 0,
            piece: Piece::Plain,
            opened: Vec::new(),
        }
    }

    /// The next line as it stands in the file; a longer one is read to its end and told.
    fn raw(&mut self) -> Option<Result<(Vec<u8>, bool), ReadError>> {
        let input = self.input.as_mut()?;
        let mut text = Vec::new();
        let most = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
        self.number += 1;
        let read = input.take(most).read_until(b'\n', &mut text);
        let too_long = text.len() >= MAX_LINE && text.last() != Some(&b'\n');
        let read = match read {
            Ok(_) if too_long => pass_over(input),
            read => read.map(drop),
        };
        if let Err(error) = read {
            self.input = None;
            return Some(Err(unreadable(&self.path, &error)));
        }
        if too_long {
            let why = format!("longer than {MAX_LINE} bytes");
            return Some(Err(bad(&self.path, self.number, why)));
        }
        if text.is_empty() {
            self.input = None;
            return None;
        }
        let torn = text.pop_if(|byte| *byte == b'\n').is_none();
        Some(Ok((text, torn)))
    }

    fn begin(&mut self, text: &[u8]) -> Result<(), ReadError> {
        let head = serde_json::from_slice::<SealedHead>(text);
        let head = head.map_err(|_| {
            let why = "not the head of a sealed piece".to_owned();
            bad(&self.path, self.number, why)
        });
        self.piece = Piece::Closed;
        let head = head?.sealed;
        let key = self.keys.open(&head).ok_or_else(|| ReadError::Sealed {
            path: self.path.clone(),
            line: self.number,
            key: head.key,
        })?;
        self.piece = Piece::Sealed(Box::new(key), 0);
        Ok(())
    }
}

/// Reads on behind the end of the line, and keeps nothing of it.
fn pass_over(input: &mut BufReader<File>) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let (read, found) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), false),
        };
        input.consume(read);
        if found {
            return Ok(());
        }
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<Line<'static>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(failed) = self.failed.take() {
            return Some(Err(failed));
        }
        loop {
            if let Some(line) = self.opened.pop() {
                return Some(Ok(line));
            }
            let (text, torn) = match self.raw()? {
                Ok(read) => read,
                Err(error) => return Some(Err(error)),
            };
            let number = self.number;
            if text.starts_with(SEALED) {
                match self.begin(&text) {
                    Ok(()) => continue,
                    Err(_) if torn => return None,
                    Err(error) => return Some(Err(error)),
                }
            }
            match &mut self.piece {
                Piece::Plain => {
                    let text = text.into();
                    return Some(Ok(Line { number, text, torn }));
                }
                Piece::Closed => {}
                Piece::Sealed(key, next) => match unseal(key, *next, &text) {
                    Some(lines) => {
                        *next += 1;
                        let lines = lines.split(|byte| *byte == b'\n').rev();
                        self.opened.extend(lines.map(|text| Line {
                            number,
                            text: text.to_vec().into(),
                            torn,
                        }));
                    }
                    None if torn => return None,
                    None => {
                        *next += 1;
                        let why = "sealed, and not as it was written".to_owned();
                        return Some(Err(bad(&self.path, number, why)));
                    }
                },
            }
        }
    }
}

fn unseal(key: &PieceKey, number: u64, text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = STANDARD_NO_PAD.decode(text).ok()?;
    key.open(number, &mut bytes)?;
    Some(bytes)
}

fn unreadable(path: &str, error: &io::Error) -> ReadError {
    ReadError::Unreadable {
        path: path.to_owned(),
        why: error.to_string(),
    }
}
