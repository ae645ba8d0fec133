//! `dana calls list`.

use serde::Serialize;

use crate::archive::Row;
use crate::cli::calls::filter::{Filter, hash_of};
use crate::cli::out;
use crate::cli::out::{Exit, Format};
use crate::cli::recordings::Recordings;
use crate::journal::cdr::Cdr;
use crate::lookup::TicketResult;
use crate::script::render::seconds;

/// Options.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    recordings: Recordings,
    #[command(flatten)]
    filter: Filter,
    /// No more than so many.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// A call in a list. It holds no number.
#[derive(Debug, Serialize)]
struct Listed<'c> {
    call: &'c str,
    began: String,
    caller: Option<String>,
    duration_ms: u32,
    disposition: Option<&'static str>,
    reasons: Vec<&'static str>,
    tickets: Vec<&'c str>,
    misses: u32,
    dead_air_ms: u32,
    bundle: &'c str,
    gaps: u64,
    place: String,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Exit, Exit> {
    let archive = args.recordings.open()?;
    let names = archive.keys().names();
    let mut left = args.limit.unwrap_or(usize::MAX);
    let line = |row: Row| -> Option<String> {
        let taken = args.filter.takes(&row.cdr, &names);
        taken.then(|| {
            let caller = row.cdr.from.as_ref().map(|number| hash_of(number, &names));
            let listed = listed(&row, caller);
            match args.format {
                Format::Json => serde_json::to_string(&listed).unwrap_or_default(),
                Format::Text => text(&listed),
            }
        })
    };
    let mut lines = out::Lines::new();
    if args.format == Format::Text {
        lines.data(&head());
    }
    let faults = args.recordings.rows(&archive, line, |line| {
        if let Some(line) = line.filter(|_| left > 0) {
            left -= 1;
            return lines.data(&line) && left > 0;
        }
        left > 0
    });
    drop(lines);
    Ok(faults.exit())
}

fn listed(row: &Row, caller: Option<String>) -> Listed<'_> {
    let Cdr {
        call_key,
        began,
        duration_ms,
        bundle,
        disposition,
        misses,
        dead_air_ms,
        gaps,
        ..
    } = &row.cdr;
    let created = row
        .cdr
        .tickets
        .iter()
        .filter_map(|ticket| match &ticket.result {
            Some(TicketResult::Created { id }) => Some(id.as_str()),
            Some(
                TicketResult::AlreadyOpen
                | TicketResult::Unconfirmed
                | TicketResult::Refused
                | TicketResult::Unavailable,
            )
            | None => None,
        });
    Listed {
        call: call_key,
        began: format!(
            "{}+05:00",
            began.in_kazakhstan().strftime("%Y-%m-%dT%H:%M:%S")
        ),
        caller,
        duration_ms: *duration_ms,
        disposition: disposition.map(crate::call::Disposition::as_str),
        reasons: row
            .cdr
            .transfers
            .iter()
            .map(|t| t.reason.as_str())
            .collect(),
        tickets: created.collect(),
        misses: *misses,
        dead_air_ms: *dead_air_ms,
        bundle,
        gaps: *gaps,
        place: row.place.to_string(),
    }
}

fn head() -> String {
    format!(
        "{:<19}  {:<10}  {:>9}  {:<24}  {:<24}  {:<10}  {:>6}  {:>8}  call",
        "began",
        "caller",
        "lasted",
        "disposition",
        "handed over for",
        "ticket",
        "misses",
        "dead air"
    )
}

fn text(call: &Listed<'_>) -> String {
    let began = call.began.get(..19).unwrap_or_default().replace('T', " ");
    format!(
        "{began:<19}  {:<10}  {:>9}  {:<24}  {:<24}  {:<10}  {:>6}  {:>8}  {}",
        call.caller.as_deref().unwrap_or("withheld"),
        seconds(call.duration_ms),
        call.disposition.unwrap_or("none"),
        call.reasons.join(","),
        call.tickets.join(","),
        call.misses,
        seconds(call.dead_air_ms),
        call.call
    )
}
