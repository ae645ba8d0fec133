//! Reads one segment of a journal back. Never guesses: a newer form is refused, a bad line is told
//! with its number; only the torn last line of a writer that died is passed over. Its errors show
//! nothing of a line's content, which holds numbers and words of a caller.

use std::fs::File;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use crate::journal::Entry;
use crate::journal::FORMAT;

/// Longest line. A turn's largest action, a `Play` of a hundred prompts, has some 40 KiB.
const MAX_LINE: u64 = 1 << 20;

/// Why a journal, or one line of it, could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be opened or read.
    #[error("cannot read `{path}`: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A newer build wrote it. Nothing more is read.
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
pub fn read(path: &Path) -> impl Iterator<Item = Result<Entry, ReadError>> {
    let name = path.display().to_string();
    let (input, failed) = match File::open(path) {
        Ok(file) => (Some(BufReader::new(file)), None),
        Err(source) => (None, Some(unreadable(&name, source))),
    };
    let lines = Lines {
        path: name,
        input,
        line: 0,
    };
    failed.map(Err).into_iter().chain(lines)
}

fn unreadable(path: &str, source: io::Error) -> ReadError {
    ReadError::Unreadable {
        path: path.to_owned(),
        source,
    }
}

struct Lines {
    path: String,
    /// `None` when nothing more can be read.
    input: Option<BufReader<File>>,
    line: usize,
}

/// What is read of a header before the rest: a newer one may have any other field.
#[derive(Deserialize)]
struct AnyHeader {
    header: AnyFormat,
}

#[derive(Deserialize)]
struct AnyFormat {
    format: u32,
}

impl Iterator for Lines {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut text = Vec::new();
        let input = self.input.as_mut()?;
        if let Err(source) = input.take(MAX_LINE).read_until(b'\n', &mut text) {
            self.input = None;
            return Some(Err(unreadable(&self.path, source)));
        }
        if text.is_empty() {
            return None;
        }
        self.line += 1;
        let whole = text.ends_with(b"\n");
        if !whole && u64::try_from(text.len()).is_ok_and(|len| len >= MAX_LINE) {
            self.input = None;
            return Some(Err(self.bad(format!("longer than {MAX_LINE} bytes"))));
        }
        if let Ok(AnyHeader { header }) = serde_json::from_slice(&text)
            && header.format > FORMAT
        {
            self.input = None;
            return Some(Err(ReadError::Newer {
                path: self.path.clone(),
                line: self.line,
                format: header.format,
            }));
        }
        match serde_json::from_slice::<Entry>(&text) {
            Ok(entry) if self.line == 1 && !matches!(entry, Entry::Header(_)) => {
                Some(Err(self.bad("a journal begins with a header".to_owned())))
            }
            Ok(entry) => Some(Ok(entry)),
            Err(_) if !whole => None,
            Err(error) => {
                let what = if error.is_data() { "an entry" } else { "JSON" };
                Some(Err(
                    self.bad(format!("not {what}, at byte {}", error.column()))
                ))
            }
        }
    }
}

impl Lines {
    fn bad(&self, why: String) -> ReadError {
        ReadError::Bad {
            path: self.path.clone(),
            line: self.line,
            why,
        }
    }
}
