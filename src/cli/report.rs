//! `dana report`: what a stretch of traffic came to.

use std::path::PathBuf;

use crate::archive::Row;
use crate::cli::calls::filter::Filter;
use crate::cli::out;
use crate::cli::out::Exit;
use crate::cli::recordings::Recordings;
use crate::report::Report;

/// Options of `dana report`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    recordings: Recordings,
    #[command(flatten)]
    filter: Filter,
    /// Also write a page that can be mailed.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = out::Format::Text)]
    format: out::Format,
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    report(args).unwrap_or_else(|exit| exit)
}

fn report(args: &Args) -> Result<Exit, Exit> {
    let archive = args.recordings.open()?;
    let names = archive.keys().names();
    let mut report = Report::default();
    let taken = |row: Row| Some(row.cdr).filter(|cdr| args.filter.takes(cdr, &names));
    let faults = args.recordings.rows(&archive, taken, |cdr| {
        if let Some(cdr) = &cdr {
            report.add(cdr);
        }
        true
    });
    let reported = report.finish();
    match args.format {
        out::Format::Json => out::json(&reported),
        out::Format::Text => out::data(reported.text().trim_end()),
    }
    if let Some(path) = &args.html {
        std::fs::write(path, reported.html()).map_err(|error| {
            out::talk(&format!(
                "error: cannot write `{}`: {error}",
                path.display()
            ));
            Exit::Environment
        })?;
    }
    Ok(faults.exit())
}
