//! The one place that prints: data to stdout, talk to stderr. A reader that went away (`| head`)
//! is no error.

use std::fmt;
use std::io;
use std::io::{IsTerminal, Write};

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is good.
    Good,
    /// Differences or failures were found.
    Found,
    /// Wrong usage or a bad file.
    BadFile,
    /// The environment is not as it must be: a port, a folder, a back end.
    Environment,
}

impl Exit {
    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Found => 1,
            Self::BadFile => 2,
            Self::Environment => 3,
        }
    }
}

/// How a command prints its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// A line of data.
pub fn data(line: &str) {
    put(&mut io::stdout().lock(), line);
}

/// A line of data for a program.
pub fn json(value: &impl serde::Serialize) {
    match serde_json::to_string(value) {
        Ok(line) => data(&line),
        Err(failed) => error(&failed),
    }
}

/// A line for the person in front of it.
pub fn talk(line: &str) {
    put(&mut io::stderr().lock(), line);
}

/// Says that something failed. The problems of a file say so themselves.
pub fn error(why: &dyn fmt::Display) {
    let why = why.to_string();
    let said = if why.starts_with("error: ") {
        ""
    } else {
        "error: "
    };
    talk(&format!("{said}{why}"));
}

/// Says that a file or an option is bad, and how the command ends by it.
pub fn bad_file(why: &dyn std::error::Error) -> Exit {
    error(why);
    Exit::BadFile
}

fn put(stream: &mut impl Write, line: &str) {
    // Nobody is left to be told that nobody reads.
    let _ = writeln!(stream, "{line}").and_then(|()| stream.flush());
}

/// Where logs go.
pub fn log() -> io::Stderr {
    io::stderr()
}

/// Whether a person watches what is said.
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Says something in the place of what was said so last; an empty text takes it away.
pub fn again(text: &str) {
    let mut stream = io::stderr().lock();
    let _ = write!(stream, "\r{text}\x1b[K").and_then(|()| stream.flush());
}

/// Many lines of data, one after the other.
#[derive(Debug)]
pub struct Lines(io::BufWriter<io::StdoutLock<'static>>);

impl Lines {
    /// Nothing else is printed meanwhile.
    pub fn new() -> Self {
        Self(io::BufWriter::new(io::stdout().lock()))
    }

    /// One more; `false` when nobody reads any longer.
    pub fn data(&mut self, line: &str) -> bool {
        writeln!(self.0, "{line}").is_ok()
    }

    /// Lines that have their ends.
    pub fn bytes(&mut self, lines: &[u8]) -> bool {
        self.0.write_all(lines).is_ok()
    }
}

impl Default for Lines {
    fn default() -> Self {
        Self::new()
    }
}
