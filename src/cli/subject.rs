//! `dana export-subject` and `dana erase-subject`: what is recorded of one number, for him who asks
//! what is known of him, or to be forgotten. The frozen orders of tickets in the store, which hold the
//! contact number until `store.keep_days`, are not reached.

use std::io::BufRead;
use std::path::PathBuf;

use serde::Serialize;

use crate::archive::Recorded;
use crate::call::PhoneNumber;
use crate::cli::out;
use crate::cli::out::Exit;
use crate::cli::recordings::{Recordings, Sealed};
use crate::journal::cdr::{Cdr, fold};
use crate::journal::{Entry, subject};

/// Options of `dana export-subject`.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// The number; `-` reads it from standard input, so that no list of processes shows it.
    #[arg(value_name = "NUMBER")]
    number: String,
    #[command(flatten)]
    recordings: Recordings,
}

/// Options of `dana erase-subject`.
#[derive(Debug, clap::Args)]
pub struct EraseArgs {
    /// The number; `-` reads it from standard input, so that no list of processes shows it.
    #[arg(value_name = "NUMBER")]
    number: String,
    /// The folder of a service, which may be running. A packed file cannot be changed: pack anew
    /// what is left.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    #[command(flatten)]
    sealed: Sealed,
}

fn number(text: &str) -> Result<PhoneNumber, Exit> {
    let mut line = String::new();
    let text = if text == "-" {
        // Nothing to read is no number.
        let _ = std::io::stdin().lock().read_line(&mut line);
        line.trim()
    } else {
        text
    };
    PhoneNumber::parse(text).ok_or_else(|| {
        out::talk("error: that is no telephone number");
        Exit::BadFile
    })
}

/// A call, as it is handed out.
#[derive(Serialize)]
struct Call {
    record: Option<Cdr>,
    entries: Vec<Entry>,
}

/// Prints every call from the number, whole: one JSON object a line.
pub fn export(args: &ExportArgs) -> Exit {
    let done = number(&args.number).and_then(|number| {
        let archive = args.recordings.open()?;
        let own = |call: &Recorded| {
            matches!(call.entries.first(), Some(Entry::Header(header))
                if header.offer.from.as_ref() == Some(&number))
        };
        let mut calls = 0usize;
        let read = |call: Recorded| own(&call).then_some(call.entries);
        let faults = args.recordings.each(
            &archive,
            |part| archive.read(part),
            read,
            |call| {
                if let Some(entries) = call {
                    calls += 1;
                    let record = fold(&entries);
                    out::json(&Call { record, entries });
                }
                true
            },
        );
        out::talk(&format!("{calls} calls from {number}"));
        Ok(faults.exit())
    });
    done.unwrap_or_else(|exit| exit)
}

/// Erases every call from the number: 1 if something could not be read, and so may be one.
pub fn erase(args: &EraseArgs) -> Exit {
    let found = number(&args.number).and_then(|number| {
        let keys = args.sealed.keys(std::slice::from_ref(&args.folder))?;
        Ok((subject::erase(&args.folder, &keys, &number), number))
    });
    match found {
        Ok((Ok(erased), number)) => {
            for error in &erased.unread {
                out::talk(&format!("error: {error}"));
            }
            let (journals, records) = (erased.journals, erased.records);
            out::data(&format!(
                "erased of {number}: {journals} journals, {records} call records"
            ));
            if erased.unread.is_empty() {
                Exit::Good
            } else {
                Exit::Found
            }
        }
        Ok((Err(error), _)) => {
            out::talk(&format!(
                "error: cannot erase in `{}`: {error}",
                args.folder.display()
            ));
            Exit::Environment
        }
        Err(exit) => exit,
    }
}
