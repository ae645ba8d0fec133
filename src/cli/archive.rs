//! `dana archive`: packed files of recordings. `pack` makes one of what a service wrote, `make` of
//! calls that could have been.

use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Subcommand;
use jiff::civil::Date;

use crate::archive::order::{all_cores, in_order};
use crate::archive::pack::{Packer, Packet, packets};
use crate::archive::{CALLS_IN_PART, Part};
use crate::bundle;
use crate::bundle::Bundle;
use crate::cli::out;
use crate::cli::out::Exit;
use crate::cli::progress::Progress;
use crate::cli::recordings::{Recordings, Sealed, Take};
use crate::journal::Entry;
use crate::seal::Keys;
use crate::traffic::{Traffic, Wanted, Words};

/// Options of `dana archive`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Pack recordings into one file, sealed as they are.
    Pack(PackArgs),
    /// Make recordings of calls that could have been.
    Make(MakeArgs),
}

#[derive(Debug, clap::Args)]
struct PackArgs {
    #[command(flatten)]
    recordings: Recordings,
    /// The file to write; it must not be there yet.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Debug, clap::Args)]
struct MakeArgs {
    /// How many calls.
    #[arg(long, default_value_t = 10_000)]
    calls: u64,
    /// The same seed gives the same bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The first day.
    #[arg(long, value_name = "DATE", default_value = "2026-01-12")]
    from: Date,
    /// How many days.
    #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u16).range(1..=366))]
    days: u16,
    /// The file to write; it must not be there yet.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// The folder with flows, prompts and grammars.
    #[arg(long, visible_alias = "flow", value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
    /// Seal it with the first of these keys; else it is plain.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Threads; all cores if not given. The bytes are the same for any number.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    let done = match &args.command {
        Command::Pack(args) => pack(args),
        Command::Make(args) => make(args),
    };
    done.unwrap_or_else(|exit| exit)
}

fn pack(args: &PackArgs) -> Result<Exit, Exit> {
    let archive = args.recordings.open()?;
    let mut packer = create(&args.output, archive.keys())?;
    let work = |part: &Part, take: Take<'_, _>| {
        let mut calls = Vec::new();
        let count = archive.each(part, |call| match call {
            Ok(call) => calls.push(call.entries),
            Err(fault) => take(Err(fault)),
        });
        take(Ok(packets(&calls)));
        count
    };
    let mut packed = Ok(());
    let faults = args.recordings.over(&archive, work, |packets| {
        packed = push(&mut packer, packets);
        packed.is_ok()
    });
    finish(&args.output, packed, packer)?;
    Ok(faults.exit())
}

fn make(args: &MakeArgs) -> Result<Exit, Exit> {
    let bundle = Bundle::load(&args.bundle).map_err(|error| out::bad_file(&error))?;
    let traffic = traffic(bundle, args)?;
    let keys = match &args.keys {
        Some(_) => Sealed::of(args.keys.clone()).keys(&[])?,
        None => Keys::none(),
    };
    let mut packer = create(&args.output, &keys)?;
    let mut progress = Progress::new("calls", Some(args.calls));
    let part = u64::try_from(CALLS_IN_PART).unwrap_or(64);
    let parts = (0..args.calls.div_ceil(part)).map(|at| at * part..args.calls.min((at + 1) * part));
    let work = |numbers: std::ops::Range<u64>| {
        let calls: Vec<Vec<Entry>> = numbers.map(|number| traffic.call(number)).collect();
        (calls.len(), packets(&calls))
    };
    let threads = args.threads.unwrap_or_else(all_cores);
    let packed = in_order(threads, parts, work, |(calls, packets)| {
        progress.add(calls);
        push(&mut packer, packets)
    });
    drop(progress);
    finish(&args.output, packed, packer)?;
    Ok(Exit::Good)
}

/// The words of callers.
pub(super) fn examples(bundle: &Path) -> Result<Words, Exit> {
    let source = bundle::examples(bundle).map_err(|error| out::bad_file(&error))?;
    Words::read(&source.text).map_err(|error| out::bad_file(&error))
}

fn traffic(bundle: Arc<Bundle>, args: &MakeArgs) -> Result<Traffic, Exit> {
    let words = examples(&args.bundle)?;
    let wanted = Wanted {
        seed: args.seed,
        calls: args.calls,
        from: args.from,
        days: args.days,
    };
    Ok(Traffic::new(bundle, words, wanted))
}

type Out = Packer<BufWriter<File>>;

/// Begins a packed file. None is ever overwritten.
pub fn create(path: &Path, keys: &Keys) -> Result<Out, Exit> {
    let file = File::create_new(path);
    let packer = file.and_then(|file| Packer::new(BufWriter::new(file), keys));
    packer.map_err(|error| cannot_write(path, &error))
}

fn push(packer: &mut Out, packets: io::Result<Vec<Packet>>) -> io::Result<()> {
    packets?
        .into_iter()
        .try_for_each(|packet| packer.push(packet))
}

/// Ends a packed file; one that could not be written whole is taken away.
fn finish(path: &Path, packed: io::Result<()>, packer: Out) -> Result<(), Exit> {
    let calls = packer.calls();
    let packed = packed.and_then(|()| packer.finish().map(drop));
    if let Err(error) = packed {
        // What is left of it is of no use, and the error is told.
        let _ = std::fs::remove_file(path);
        return Err(cannot_write(path, &error));
    }
    let bytes = std::fs::metadata(path).map_or(0, |about| about.len());
    out::talk(&format!("{}: {calls} calls, {bytes} bytes", path.display()));
    Ok(())
}

fn cannot_write(path: &Path, error: &io::Error) -> Exit {
    out::talk(&format!(
        "error: cannot write `{}`: {error}",
        path.display()
    ));
    Exit::Environment
}
