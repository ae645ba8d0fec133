//! `dana test --against`: plays call scripts through the real gRPC service. `own` is a service of
//! this process, one for each script, with the script's situation for back ends: on virtual time,
//! so that it takes no time and the whole conversation has to be the same, moment by moment. A URL
//! is a service that runs elsewhere, in real time, whose back ends have to be as the situations;
//! there the times of a conversation do not count.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::bundle::Bundle;
use crate::call::CallId;
use crate::caller::MediaSide;
use crate::cli::demo;
use crate::client;
use crate::client::{Lengths, Plan, Target};
use crate::clock;
use crate::journal::Entry;
use crate::journal::cdr::fold;
use crate::journal::recorder::Recorder;
use crate::lookup::{Attempt, Finding, Lookup, Network, TicketOrder, TicketResult};
use crate::script::render::dana;
use crate::script::{Script, Situation, render};
use crate::session::{ClockSource, Shared};

/// The name of a service of this process.
pub(super) const OWN: &str = "own";
/// Calls that run at once against a service elsewhere.
const AT_ONCE: usize = 200;

/// A script that was played.
#[derive(Debug)]
pub struct Played {
    /// The script's file.
    pub path: String,
    /// What its file expects and what was said; against a service elsewhere only the lines of
    /// Dana, without times.
    pub lines: [String; 2],
}

/// Plays scripts, in their order, through a service elsewhere or else of this process.
pub fn play(
    bundle: &Arc<Bundle>,
    scripts: Vec<Script>,
    service: Option<Target>,
) -> Result<Vec<Played>, String> {
    let Some(target) = service else {
        return own(bundle, &scripts);
    };
    let mut runtime = Builder::new_current_thread();
    run(&mut runtime)?.block_on(elsewhere(target, scripts))
}

fn run(builder: &mut Builder) -> Result<Runtime, String> {
    builder.enable_all().build().map_err(|e| e.to_string())
}

/// Every script against a service of its own, on all cores.
fn own(bundle: &Arc<Bundle>, scripts: &[Script]) -> Result<Vec<Played>, String> {
    let next = AtomicUsize::new(0);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let some = || {
        let mut played = Vec::new();
        let mut lengths = None;
        while let Some(script) = scripts.get(next.fetch_add(1, Ordering::Relaxed)) {
            let runtime = run(Builder::new_current_thread().start_paused(true))?;
            let call = runtime.block_on(one(bundle, script, &mut lengths));
            played.push(call.map_err(|error| format!("{}: {error}", script.source.path))?);
        }
        Ok(played)
    };
    let threads = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(some)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| "a thread of ours panicked")?)
            .collect::<Result<Vec<Vec<Played>>, String>>()
    });
    let mut played: Vec<Played> = threads?.into_iter().flatten().collect();
    played.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(played)
}

/// One call, as its own service writes it down.
async fn one(
    bundle: &Arc<Bundle>,
    script: &Script,
    lengths: &mut Option<Arc<Lengths>>,
) -> Result<Played, String> {
    let recorder = Recorder::in_memory();
    let shared = Shared {
        network: Arc::new(Stage(script.situation.clone())),
        recorder: recorder.clone(),
        clock: ClockSource::Gateway,
    };
    let service = demo::service(Arc::clone(bundle), shared)?;
    let (pipe, connections) = client::pipe();
    tokio::spawn(service.serve_on(connections, std::future::pending()));
    let target = Target::Pipe(pipe);
    let known = match lengths {
        Some(known) => Arc::clone(known),
        None => Arc::clone(lengths.insert(listed(&target).await?)),
    };
    let made = client::make(&target, plan(script, "script", known)?, |_| {}).await;
    made.map_err(|error| error.to_string())?;
    let keys = recorder.call_keys();
    let journal = keys.first().map(|key| recorder.entries(key));
    let journal = journal.unwrap_or_default();
    let mut said = lines(&journal);
    if let Some(cdr) = fold(&journal) {
        said.push_str(&render::ending(&cdr));
        said.push('\n');
    }
    Ok(Played {
        path: script.source.path.clone(),
        lines: [script.expected.clone(), said],
    })
}

async fn elsewhere(target: Target, scripts: Vec<Script>) -> Result<Vec<Played>, String> {
    let lengths = listed(&target).await?;
    let mut calls = JoinSet::new();
    let mut played = Vec::new();
    for (at, script) in scripts.into_iter().enumerate() {
        if calls.len() >= AT_ONCE
            && let Some(call) = calls.join_next().await
        {
            played.push(call.map_err(|error| error.to_string())??);
        }
        let id = format!("test-{at}-{}", clock::now().unix_ms());
        let (target, plan) = (target.clone(), plan(&script, &id, Arc::clone(&lengths))?);
        calls.spawn(async move {
            let path = script.source.path.clone();
            let made = client::make(&target, plan, |_| {}).await;
            let entries = made.map_err(|error| format!("{path}: {error}"))?;
            let lines = [dana(&script.expected), dana(&lines(&entries))];
            Ok::<_, String>(Played { path, lines })
        });
    }
    while let Some(call) = calls.join_next().await {
        played.push(call.map_err(|error| error.to_string())??);
    }
    played.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(played)
}

async fn listed(target: &Target) -> Result<Arc<Lengths>, String> {
    let lengths = client::lengths(target).await;
    lengths.map(Arc::new).map_err(|error| error.to_string())
}

fn lines(entries: &[Entry]) -> String {
    let lines = entries.iter().filter_map(render::line);
    lines.map(|line| line + "\n").collect()
}

/// The script's caller, on the script's day.
fn plan(script: &Script, id: &str, lengths: Arc<Lengths>) -> Result<Plan, String> {
    let situation = &script.situation;
    let transfer = situation.transfer.as_ref();
    Ok(Plan {
        call: CallId::new(id).ok_or("a call id")?,
        from: situation.number.clone(),
        locale: situation.locale,
        turns: script.turns.clone(),
        media: MediaSide::new(
            transfer.map(|transfer| transfer.value),
            transfer.map_or(0, |transfer| transfer.after_ms),
        ),
        speed: 1,
        at: situation.now,
        lengths,
        patience: client::PATIENCE,
    })
}

/// A situation as back ends.
struct Stage(Situation);

impl Network for Stage {
    async fn look_up(&self, lookup: Lookup) -> Finding {
        match self.0.findings.get(&lookup.kind()) {
            Some(found) => {
                after(found.after_ms).await;
                found.value.clone()
            }
            None => std::future::pending().await,
        }
    }

    async fn create_ticket(&self, _: TicketOrder, _: Attempt) -> TicketResult {
        match &self.0.ticket {
            Some(ticket) => {
                after(ticket.after_ms).await;
                ticket.value.clone()
            }
            None => std::future::pending().await,
        }
    }
}

async fn after(ms: u32) {
    tokio::time::sleep(Duration::from_millis(u64::from(ms))).await;
}
