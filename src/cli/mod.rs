//! The commands. Data goes to stdout, talk to stderr.
//!
//! Exit codes: 0 good, 1 differences or failures found, 2 usage or bad file, 3 environment (a port,
//! a folder, a back end).

pub mod against;
pub mod archive;
mod back_ends;
mod beside;
pub mod calls;
mod certificates;
pub mod check;
pub mod config;
pub mod demo;
pub mod diff;
pub mod graph;
pub mod load;
pub mod mock;
pub mod mutate;
pub mod out;
pub mod progress;
pub mod prompts;
pub mod prove;
pub mod publish;
pub mod recordings;
pub mod replay;
pub mod report;
pub mod rollback;
pub mod serve;
pub mod speaker;
pub mod status;
pub mod subject;
pub mod talk;
pub mod tape;
pub mod test;
pub mod tickets;
pub mod train;
pub mod understand;
pub mod weight;

use std::fmt::Display;
use std::process::ExitCode;

use clap::Parser;
use clap::Subcommand;

use crate::cli::out::Exit;

/// Voice IVR backend of a home-internet support line.
#[derive(Debug, Parser)]
#[command(name = "dana", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

// A new command is a line here and a line in `main`; its file has `Args` and `run`.
#[derive(Debug, Subcommand)]
enum Command {
    /// Check flow, rules, prompts and grammars; every problem with its place.
    Check(check::Args),
    /// Prove the rules of the flow in every call that there can be.
    Prove(prove::Args),
    /// Run call scripts and show where a conversation differs from its file.
    Test(test::Args),
    /// What a change does to callers, in words.
    Diff(diff::Args),
    /// The flow as a picture.
    Graph(graph::Args),
    /// What an utterance means and why; or a table of them, scored.
    Understand(understand::Args),
    /// Learn from the examples of the grammars.
    Train(train::Args),
    /// What Dana says and how it sounds: list, check, render, import, script, say, play.
    Prompts(prompts::Args),
    /// Be the caller: type what you say, press keys, hang up.
    Talk(talk::Args),
    /// Service, mocked back ends and callers in one process.
    Demo(demo::Args),
    /// Recorded calls: list, show, export, verify, prune.
    Calls(calls::Args),
    /// What a stretch of traffic came to: containment, reasons, back ends, silences.
    Report(report::Args),
    /// Packed files of recordings: pack what a service wrote, make what could have been.
    Archive(archive::Args),
    /// Replay recorded calls: which would end otherwise?
    Replay(replay::Args),
    /// Calls by the thousand against a service that runs: how many, how fast, at what cost.
    Load(load::Args),
    /// The service.
    Serve(serve::Args),
    /// Every recorded call from a number, whole, and its orders of tickets.
    ExportSubject(subject::ExportArgs),
    /// Erase every recorded call from a number, and its orders of tickets.
    EraseSubject(subject::EraseArgs),
    /// Make a bundle that of new calls, on every replica.
    Publish(publish::Args),
    /// Go back to the bundle that was published before.
    Rollback(rollback::Args),
    /// Orders of tickets: list, show, reconcile, park.
    Tickets(tickets::Args),
    /// What a running service says of itself.
    Status(status::Args),
    /// The mocked back ends.
    Mock(mock::Args),
    /// Print the effective configuration, each setting with what it is.
    Config(config::Args),
}

/// Runs what has to wait for somebody.
fn in_runtime<T, E: Display>(work: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| format!("cannot start a runtime: {error}"))?;
    runtime.block_on(work).map_err(|error| error.to_string())
}

/// Runs the command that the process was called with.
pub fn main() -> ExitCode {
    let exit = match Cli::try_parse() {
        Ok(cli) => match cli.command {
            Command::Check(args) => check::run(&args),
            Command::Prove(args) => prove::run(&args),
            Command::Test(args) => test::run(&args),
            Command::Diff(args) => diff::run(&args),
            Command::Graph(args) => graph::run(&args),
            Command::Understand(args) => understand::run(&args),
            Command::Train(args) => train::run(&args),
            Command::Prompts(args) => prompts::run(&args),
            Command::Talk(args) => talk::run(&args),
            Command::Demo(args) => demo::run(&args),
            Command::Calls(args) => calls::run(&args),
            Command::Report(args) => report::run(&args),
            Command::Archive(args) => archive::run(&args),
            Command::Load(args) => load::run(&args),
            Command::Serve(args) => serve::run(&args),
            Command::ExportSubject(args) => subject::export(&args),
            Command::EraseSubject(args) => subject::erase(&args),
            Command::Publish(args) => publish::run(&args),
            Command::Rollback(args) => rollback::run(&args),
            Command::Tickets(args) => tickets::run(&args),
            Command::Status(args) => status::run(&args),
            Command::Mock(args) => mock::run(&args),
            Command::Replay(args) => replay::run(&args),
            Command::Config(args) => config::run(&args),
        },
        // `--help` and `--version` come as errors too, with exit code 0.
        Err(error) => match (error.exit_code(), error.print()) {
            (0, _) => Exit::Good,
            (_, Ok(()) | Err(_)) => Exit::BadFile,
        },
    };
    ExitCode::from(exit.code())
}
