//! `dana demo`: the service, the mocked back ends and callers in one process, over real gRPC and
//! HTTP on loopback; or the callers alone, against a service that runs elsewhere; or against one
//! that is killed under them.

mod callers;
mod chaos;
mod replica;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::bundle::Bundle;
use crate::call::{CallId, Disposition, PhoneNumber};
use crate::caller::MediaSide;
use crate::cli::certificates::Shown;
pub(super) use crate::cli::demo::callers::{CALLERS, Caller};
use crate::cli::out;
use crate::cli::out::Exit;
use crate::client;
use crate::client::{Plan, Target};
use crate::clock;
use crate::dialog::event::TransferResult;
use crate::gateway::{Gateway, Settings};
use crate::journal::Entry;
use crate::journal::Retention;
use crate::journal::cdr::{Cdr, fold};
use crate::journal::recorder::Recorder;
use crate::lookup::Network;
use crate::network;
use crate::network::TmForum;
use crate::network::mock::Mock;
use crate::script::render;
use crate::seal;
use crate::seal::Keys;
use crate::session::{ClockSource, Shared};
use crate::store::memory::Memory;
use crate::tickets;
use crate::tickets::Desk;
use crate::token::{MasterKey, TokenKeys};

/// Options of `dana demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many times faster than life; 1 is as callers hear it.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100))]
    speed: u32,
    /// Call a service that runs already (`http://host:port`) on the mocked back ends.
    #[arg(long, value_name = "URL")]
    against: Option<String>,
    #[command(flatten)]
    shown: Shown,
    /// Kill the service in mid-call, four times, and start it again: a process of its own, with its
    /// store. What the caller hears of it.
    #[arg(long, conflicts_with_all = ["against", "only", "record"])]
    chaos: bool,
    /// Only the caller of that name.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Record the calls into this folder, plain, as a service does: for `dana calls` and `dana replay`.
    #[arg(long, value_name = "DIR", conflicts_with = "against")]
    record: Option<PathBuf>,
    /// The folder with flows, prompts and grammars.
    #[arg(long, value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let elsewhere = match args.shown.to(args.against.as_deref()) {
        Ok(elsewhere) => elsewhere,
        Err(error) => {
            out::error(&error);
            return Exit::BadFile;
        }
    };
    let ran = match runtime {
        Ok(runtime) if args.chaos => runtime.block_on(chaos::chaos(args)),
        Ok(runtime) => runtime.block_on(demo(args, elsewhere)),
        Err(error) => Err(format!("cannot start a runtime: {error}")),
    };
    match ran {
        Ok(true) => Exit::Good,
        Ok(false) => Exit::Found,
        Err(error) => {
            out::error(&error);
            Exit::Environment
        }
    }
}

/// How long recordings may take to be written.
const WRITTEN_WITHIN: Duration = Duration::from_secs(5);

async fn demo(args: &Args, elsewhere: Option<Target>) -> Result<bool, String> {
    let recorder = match &args.record {
        Some(folder) => Recorder::to_folder(folder, Keys::none(), Retention::FOR_EVER)
            .map_err(|error| format!("{}: {error}", folder.display()))?,
        None => Recorder::nowhere(),
    };
    let good = call_all(args, elsewhere, recorder.clone()).await?;
    let written = tokio::task::spawn_blocking(move || recorder.flush(WRITTEN_WITHIN)).await;
    if written.is_ok_and(|written| written) {
        Ok(good)
    } else {
        Err("the recordings could not be written in time".to_owned())
    }
}

async fn call_all(
    args: &Args,
    elsewhere: Option<Target>,
    recorder: Recorder,
) -> Result<bool, String> {
    let (target, mock) = if let Some(target) = elsewhere {
        (target, None)
    } else {
        let (url, mock) = start(args, recorder).await?;
        (at(&url)?, Some(mock))
    };
    let wanted = |caller: &&Caller| args.only.as_deref().is_none_or(|only| only == caller.name);
    let callers: Vec<&'static Caller> = CALLERS.iter().filter(wanted).collect();
    if callers.is_empty() {
        let names: Vec<_> = CALLERS.iter().map(|caller| caller.name).collect();
        return Err(format!(
            "no caller has that name; there are:\n  {}",
            names.join("\n  ")
        ));
    }
    let lengths = client::lengths(&target).await.map_err(|e| e.to_string())?;
    let lengths = Arc::new(lengths);
    let mut calls = JoinSet::new();
    for (at, caller) in callers.into_iter().enumerate() {
        let (target, plan) = (target.clone(), plan(at, caller, args.speed, &lengths)?);
        calls.spawn(async move {
            let tell = |entry: &Entry| {
                if let Some(line) = render::line(entry) {
                    out::data(&format!("{:<22} {line}", caller.name));
                }
            };
            (caller, client::make(&target, plan, tell).await)
        });
    }
    let mut endings = Vec::new();
    while let Some(call) = calls.join_next().await {
        let (caller, made) = call.map_err(|error| error.to_string())?;
        endings.push((caller, made.map(|entries| fold(&entries))));
    }
    Ok(report(endings, args.speed, mock.as_deref()))
}

/// A service on this machine, which asks for no certificates.
fn at(url: &str) -> Result<Target, String> {
    Target::at(url, None).map_err(|error| error.to_string())
}

type Ending = (&'static Caller, Result<Option<Cdr>, client::CallFailure>);

/// The ledger, and a table of endings; whether each call ended as it should.
fn report(mut endings: Vec<Ending>, speed: u32, mock: Option<&Mock>) -> bool {
    endings.sort_by_key(|(caller, _)| CALLERS.iter().position(|c| c.name == caller.name));
    let ledger = mock.map(Mock::ledger).unwrap_or_default();
    if mock.is_some() {
        out::data("\ntickets");
        for entry in &ledger {
            let login = entry
                .login
                .get(entry.login.len().saturating_sub(4)..)
                .unwrap_or("");
            let times = entry.posts;
            out::data(&format!(
                "  {}  login …{login}  asked for {}",
                entry.id,
                if times == 1 {
                    "once".to_owned()
                } else {
                    format!("{times} times")
                }
            ));
        }
    }
    out::data("\nendings");
    let mut good = true;
    for (caller, made) in &endings {
        let login = caller.login();
        let tickets = ledger.iter().filter(|entry| entry.login == login).count();
        let (ends, dead_air) = match made {
            Ok(Some(cdr)) => (
                cdr.disposition.map_or("none", Disposition::as_str),
                cdr.dead_air_ms,
            ),
            Ok(None) => ("none", 0),
            Err(error) => {
                out::talk(&format!("{}: {error}", caller.name));
                ("broken", 0)
            }
        };
        let right = ends == caller.ends.as_str() && (mock.is_none() || tickets == caller.tickets);
        good &= right;
        let mark = if right { "ok " } else { "NOT" };
        // What a caller waits for is the service's time, which does not run faster.
        let (name, seconds) = (caller.name, f64::from(dead_air / speed) / 1000.0);
        // Back ends elsewhere tell nobody of their tickets.
        let tickets = mock.map_or_else(String::new, |_| format!("tickets {tickets}, "));
        out::data(&format!(
            "  {mark} {name:<22} {ends:<26} {tickets}dead air {seconds:.1} s"
        ));
    }
    let word = if good {
        "each call ended as it should"
    } else {
        "a call ended otherwise"
    };
    out::data(&format!("\n{} calls: {word}", endings.len()));
    good
}

fn plan(
    at: usize,
    caller: &Caller,
    speed: u32,
    lengths: &Arc<client::Lengths>,
) -> Result<Plan, String> {
    let script = caller.script().map_err(|problems| problems.to_string())?;
    let id = format!("demo-{at}-{}", clock::now().unix_ms());
    Ok(Plan {
        call: CallId::new(&id).ok_or("a call id")?,
        from: PhoneNumber::parse(caller.number),
        locale: caller.locale,
        turns: script.turns,
        media: MediaSide::new(Some(TransferResult::Connected), 3_000),
        speed,
        at: clock::now(),
        lengths: Arc::clone(lengths),
        patience: client::PATIENCE,
    })
}

/// How long a mocked line test takes: callers are asked two questions meanwhile.
const LINE_TEST: Duration = Duration::from_millis(600);

/// Mock and service, on free ports.
async fn start(args: &Args, recorder: Recorder) -> Result<(String, Arc<Mock>), String> {
    let bundle = Bundle::load(&args.bundle).map_err(|error| error.to_string())?;
    let (root, mock) = mock(LINE_TEST).await?;
    let back_ends =
        TmForum::new(network::Settings::new(root)).map_err(|error| error.to_string())?;
    let desk = desk(back_ends);
    let shared = Shared {
        network: Arc::new(desk.clone()),
        recorder,
        clock: ClockSource::Server,
    };
    tokio::spawn(async move { desk.work("demo".to_owned(), std::future::pending()).await });
    let (listener, url) = listen().await?;
    tokio::spawn(service(bundle, shared)?.serve(listener, std::future::pending()));
    Ok((url, mock))
}

/// A ticket desk that remembers as long as this process lives.
pub(super) fn desk(back_ends: TmForum) -> Desk<Memory, TmForum> {
    let settings = tickets::Settings::default();
    Desk::new(Memory::default(), back_ends, settings, Handle::current())
}

/// The mocked back ends in this process, on a free port, until the process ends; where they are.
pub(super) async fn mock(line_test: Duration) -> Result<(String, Arc<Mock>), String> {
    let (listener, root) = listen().await?;
    let mock = Mock::new(line_test);
    tokio::spawn(Arc::clone(&mock).serve(listener, std::future::pending()));
    Ok((root, mock))
}

/// A service of this process, with a key of its own.
pub(super) fn service<N: Network>(
    bundle: Arc<Bundle>,
    shared: Shared<N>,
) -> Result<Gateway<N>, String> {
    let key = MasterKey {
        id: 1,
        secret: seal::random().map_err(|error| error.to_string())?,
    };
    let keys = TokenKeys::new(vec![key]).ok_or("no key")?;
    Ok(Gateway::new(Settings::default(), bundle, shared, keys))
}

async fn listen() -> Result<(TcpListener, String), String> {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .map_err(|error| error.to_string())?;
    let at = listener.local_addr().map_err(|error| error.to_string())?;
    Ok((listener, format!("http://{at}")))
}
