//! `dana calls`: recorded calls, one by one or many: list, show, export, import, verify, prune.

pub mod export;
pub mod filter;
pub mod import;
pub mod list;
pub mod prune;
pub mod show;
pub mod verify;

use clap::Subcommand;

use crate::cli::out::Exit;

/// Options of `dana calls`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One line a call: when, who (by a hash), how long, how it ended.
    List(list::Args),
    /// One call as a conversation, with its decisions and its silences.
    Show(show::Args),
    /// Calls as JSON lines, as they are or redacted.
    Export(export::Args),
    /// A call that was recorded as sound, with a transcript, as a recording.
    Import(import::Args),
    /// Whether everything can be read and is whole.
    Verify(verify::Args),
    /// Delete old recordings.
    Prune(prune::Args),
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    let done = match &args.command {
        Command::List(args) => list::run(args),
        Command::Show(args) => show::run(args),
        Command::Export(args) => export::run(args),
        Command::Import(args) => import::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Prune(args) => prune::run(args),
    };
    done.unwrap_or_else(|exit| exit)
}
