//! `dana calls export`: JSON lines, as journals have them, to standard output.

use std::path::PathBuf;

use crate::archive::Recorded;
use crate::bundle::Bundle;
use crate::cli::archive::examples;
use crate::cli::calls::filter::Filter;
use crate::cli::out;
use crate::cli::out::Exit;
use crate::cli::recordings::Recordings;
use crate::journal::Entry;
use crate::redact::Redactor;

/// Options.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    recordings: Recordings,
    #[command(flatten)]
    filter: Filter,
    /// Only the call of that key.
    #[arg(long, value_name = "KEY")]
    call: Option<String>,
    /// Replace numbers, logins, addresses and words, the same by the same: the call replays alike.
    /// With a key of recordings the replacements are the same in every export, else only in this.
    #[arg(long)]
    redact: bool,
    /// The folder with flows, prompts and grammars that the calls were made with, to redact them.
    #[arg(long, visible_alias = "flow", value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Exit, Exit> {
    let archive = args.recordings.open()?;
    let keys = archive.keys();
    let names = keys.names();
    let redactor = if args.redact {
        let key = keys.pseudonyms().map_err(|error| {
            out::error(&error);
            Exit::Environment
        })?;
        let bundle = Bundle::load(&args.bundle).map_err(|error| out::bad_file(&error))?;
        let words = examples(&args.bundle)?;
        Some(Redactor::new(bundle, words, key))
    } else {
        None
    };
    let made = |call: Recorded| -> Option<Result<Vec<u8>, String>> {
        if args.call.as_ref().is_some_and(|key| call.key() != key) {
            return None;
        }
        let row = call.row()?;
        if !args.filter.takes(&row.cdr, &names) {
            return None;
        }
        let entries = match &redactor {
            None => Ok(call.entries),
            Some(redactor) => redactor.redact(&call.entries),
        };
        let told = |why| {
            format!(
                "error: {}: not redacted: {why} (call {})",
                row.place, row.cdr.call_key
            )
        };
        Some(entries.map(|entries| text(&entries)).map_err(told))
    };
    let mut lines = out::Lines::new();
    let (mut refused, mut found) = (0, false);
    let faults = args.recordings.each(&archive, made, |call| match call {
        None => true,
        Some(Ok(text)) => {
            found = true;
            lines.bytes(&text)
        }
        Some(Err(told)) => {
            refused += 1;
            out::talk(&told);
            true
        }
    });
    drop(lines);
    let exit = faults.exit();
    if let Some(key) = args.call.as_ref().filter(|_| !found && refused == 0) {
        out::talk(&format!("error: there is no call `{key}` here"));
        return Err(Exit::BadFile);
    }
    Ok(if refused > 0 { Exit::Found } else { exit })
}

fn text(entries: &[Entry]) -> Vec<u8> {
    let mut text = Vec::new();
    for entry in entries {
        // Into memory, and every entry has a form: nothing that could fail.
        let _ = serde_json::to_writer(&mut text, entry);
        text.push(b'\n');
    }
    text
}
