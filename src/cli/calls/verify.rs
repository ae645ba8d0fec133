//! `dana calls verify`: what a report can be built on.

use crate::archive::{Part, Recorded};
use crate::cli::out;
use crate::cli::out::Exit;
use crate::cli::recordings::{Recordings, Take};
use crate::journal::Entry;
use crate::journal::cdr::Cdr;

/// Options.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    recordings: Recordings,
}

/// What is odd about a call that can be read.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    calls: u64,
    without_beginning: u64,
    without_end: u64,
    with_gaps: u64,
    wrong_records: u64,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Exit, Exit> {
    let archive = args.recordings.open()?;
    let mut counts = Counts::default();
    // A packed file has its records twice: apart, and in the calls.
    let work = |part: &Part, take: Take<'_, (Vec<String>, Counts)>| {
        let records = archive.records(part);
        let right = |call: &Recorded| {
            let own = call.row().map(|row| row.cdr);
            let has = |records: &Vec<Cdr>| own.is_some_and(|own| records.contains(&own));
            records.as_ref().is_none_or(has)
        };
        archive.each(part, |call| {
            take(call.map(|call| look(&call, right(&call))));
        })
    };
    let faults = args.recordings.over(&archive, work, |(told, found)| {
        counts.calls += 1;
        counts.without_beginning += found.without_beginning;
        counts.without_end += found.without_end;
        counts.with_gaps += found.with_gaps;
        counts.wrong_records += found.wrong_records;
        for line in &told {
            out::data(line);
        }
        true
    });
    let exit = faults.exit();
    out::data(&format!(
        "{} calls can be read; {} have no beginning, {} no end, {} gaps, {} a wrong record",
        counts.calls,
        counts.without_beginning,
        counts.without_end,
        counts.with_gaps,
        counts.wrong_records
    ));
    let odd = counts.without_beginning + counts.with_gaps + counts.wrong_records;
    Ok(if odd > 0 { Exit::Found } else { exit })
}

fn look(call: &Recorded, right: bool) -> (Vec<String>, Counts) {
    let mut told = Vec::new();
    let mut tell = |odd: bool, what: &str| {
        if odd {
            told.push(format!("{}: {what} (call {})", call.place, call.key()));
        }
        u64::from(odd)
    };
    let beginning =
        matches!(call.entries.first(), Some(Entry::Header(header)) if header.resume > 0);
    let cdr = call.row().map(|row| row.cdr);
    let ended = cdr.as_ref().is_some_and(|cdr| cdr.ended_ms.is_some());
    let gaps = cdr.as_ref().map_or(0, |cdr| cdr.gaps);
    let counts = Counts {
        calls: 1,
        without_beginning: tell(beginning, "its beginning is not here"),
        without_end: tell(!ended, "it has no end"),
        with_gaps: tell(gaps > 0, &format!("{gaps} entries are lost")),
        wrong_records: tell(!right, "its record is not what the journal says"),
    };
    (told, counts)
}
