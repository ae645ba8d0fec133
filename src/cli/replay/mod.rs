//! `dana replay`: recorded calls again, on the build and bundle of today, to the byte; or on a
//! candidate (`--flow`, `--what-if`), with a verdict for each: same, different, cannot know; or
//! through a service, as a gateway would (`--against`).

mod against;
mod html;
mod people;
mod print;
mod show;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::archive::{Archive, Part};
use crate::bundle::Bundle;
use crate::cli::out;
use crate::cli::out::{Exit, Format};
use crate::cli::recordings::{Faults, Recordings, Take};
use crate::replay::again::{Repeats, again};
use crate::replay::expect::Expected;
use crate::replay::report::Report;
use crate::replay::verdict::{Candidate, compare};
use crate::replay::what_if::what_if;

/// Options of `dana replay`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    recordings: Recordings,
    /// The folder of the candidate's flows, prompts and grammars: which calls would end otherwise?
    #[arg(long, value_name = "DIR")]
    flow: Option<PathBuf>,
    /// A limit or threshold of the flow as it would be: `limits.no_input=7s`. May be given again.
    #[arg(long, value_name = "LIMIT=VALUE")]
    what_if: Vec<String>,
    /// The bundle that the calls were recorded on.
    #[arg(long, value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
    /// One call, by its key: as it was and as it would be, side by side.
    #[arg(long, value_name = "CALL")]
    show: Option<String>,
    /// A reviewed list of differences that are expected: any other one is a failure.
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// Write that list as it would have to be, for a person to review.
    #[arg(long, requires = "expect")]
    bless: bool,
    #[command(flatten)]
    through: against::Options,
    /// Write the report as a page that can be mailed.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Runs the command: 0 when all is the same, 1 when something is different or could not be read.
pub fn run(args: &Args) -> Exit {
    let done = if let Some(service) = &args.through.against {
        against::against(args, service)
    } else if args.show.is_some() || args.flow.is_some() || !args.what_if.is_empty() {
        beside(args)
    } else {
        repeat(args)
    };
    done.unwrap_or_else(|exit| exit)
}

fn load(folder: &Path) -> Result<Arc<Bundle>, Exit> {
    Bundle::load(folder).map_err(|error| out::bad_file(&error))
}

/// Does `work` on all calls of an archive, in any thread, and adds up what comes of each part.
fn over<T: Send>(
    args: &Args,
    archive: &Archive,
    work: impl Fn(&mut T, &[crate::journal::Entry]) + Sync,
    new: impl Fn() -> T + Sync,
    mut add: impl FnMut(T),
) -> Faults {
    let each = |part: &Part, take: Take<'_, T>| {
        let mut sum = new();
        let calls = archive.each(part, |call| match call {
            Ok(call) => work(&mut sum, &call.entries),
            Err(fault) => take(Err(fault)),
        });
        take(Ok(sum));
        calls
    };
    args.recordings.over(archive, each, |sum| {
        add(sum);
        true
    })
}

/// The same build and bundle.
fn repeat(args: &Args) -> Result<Exit, Exit> {
    let bundle = load(&args.bundle)?;
    let archive = args.recordings.open()?;
    let mut repeats = Repeats::default();
    let faults = over(
        args,
        &archive,
        |sum: &mut Repeats, entries| sum.count(entries, again(&bundle, entries)),
        Repeats::default,
        |sum| repeats.add(sum),
    );
    faults.of_something()?;
    match args.format {
        Format::Text => print::repeats(&repeats, &bundle),
        Format::Json => print::repeats_json(&repeats, &bundle),
    }
    for (other, calls) in &repeats.other_bundles {
        out::talk(&format!(
            "{calls} calls were recorded on bundle {other}, {} is {}: they were not replayed\n\nhint: \
             name their bundle with --bundle, or compare them with --flow {}",
            args.bundle.display(),
            bundle.hash,
            args.bundle.display(),
        ));
    }
    if repeats.replayed() == 0 && !repeats.other_bundles.is_empty() {
        return Err(Exit::BadFile);
    }
    let good = repeats.differing == 0 && repeats.other_bundles.is_empty();
    let read = faults.exit();
    Ok(if good { read } else { Exit::Found })
}

/// A candidate.
fn beside(args: &Args) -> Result<Exit, Exit> {
    let recorded = match (&args.flow, Bundle::load(&args.bundle)) {
        (_, Ok(bundle)) => Some(bundle),
        // The candidate alone will do.
        (Some(_), Err(_)) => None,
        (None, Err(error)) => return Err(out::bad_file(&error)),
    };
    let mut bundle = match (&args.flow, &recorded) {
        (Some(folder), _) => load(folder)?,
        (None, Some(recorded)) => Arc::clone(recorded),
        (None, None) => return Err(Exit::BadFile),
    };
    for change in &args.what_if {
        let changed = what_if(&bundle, change);
        bundle = changed.map(Arc::new).map_err(|problem| {
            out::error(&problem);
            Exit::BadFile
        })?;
    }
    let candidate = Candidate::new(bundle, recorded.clone());
    let archive = args.recordings.open()?;
    if let Some(key) = &args.show {
        return show::show(&archive, &candidate, key);
    }
    let mut report = Report::default();
    let faults = over(
        args,
        &archive,
        |sum: &mut Report, entries| {
            if let Some(call) = compare(&candidate, entries) {
                sum.count(entries, &call);
            }
        },
        Report::default,
        |sum| report.add(&sum),
    );
    faults.of_something()?;
    match args.format {
        Format::Text => print::report(&report, &candidate),
        Format::Json => print::report_json(&report, &candidate),
    }
    if let Some(path) = &args.html {
        fs::write(path, html::html(&report, &candidate))
            .map_err(|error| unwritten(path, &error))?;
        out::talk(&format!("written: {}", path.display()));
    }
    let base = recorded.as_ref().filter(|_| args.flow.is_none());
    if let Some(base) = base.filter(|base| report.bundles.keys().any(|hash| *hash != *base.hash)) {
        out::talk(&format!(
            "some calls were not recorded on {}, which is changed here: not every difference is the \
             change's",
            base.hash
        ));
    }
    let read = faults.exit();
    let reviewed = match &args.expect {
        Some(path) => review(path, &report, args.bless)?,
        None if report.different > 0 => Exit::Found,
        None => Exit::Good,
    };
    Ok(if reviewed == Exit::Good {
        read
    } else {
        reviewed
    })
}

/// A file that can be neither written nor read.
fn unwritten(path: &Path, error: &std::io::Error) -> Exit {
    out::talk(&format!("error: {}: {error}", path.display()));
    Exit::BadFile
}

fn review(path: &Path, report: &Report, bless: bool) -> Result<Exit, Exit> {
    let bad = |error: std::io::Error| unwritten(path, &error);
    if bless {
        fs::write(path, Expected::of(report)).map_err(bad)?;
        out::talk(&format!("written: {}, to be reviewed", path.display()));
        return Ok(Exit::Good);
    }
    let expected = Expected::read(&fs::read_to_string(path).map_err(bad)?);
    let review = expected.review(report);
    for line in &review.missing {
        out::talk(&format!("expected, and not there: {line}"));
    }
    for (line, calls) in &review.unexpected {
        out::talk(&format!("not expected, {calls} calls: {line}"));
    }
    Ok(if review.unexpected.is_empty() {
        out::talk("every difference is expected");
        Exit::Good
    } else {
        Exit::Found
    })
}
