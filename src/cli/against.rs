//! `dana test --against`: plays call scripts through the real gRPC service, in real time and all at
//! once, and compares what Dana says and does. On a machine that is too busy for real time, calls
//! with turns at a moment (`at 3s`) may go another way. `own` is a service of this process, one for each script, whose
//! back ends are the script's situation; a URL is a service that runs elsewhere, whose back ends
//! have to be so.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::bundle::Bundle;
use crate::call::CallId;
use crate::caller::MediaSide;
use crate::cli::demo;
use crate::client;
use crate::client::Plan;
use crate::clock;
use crate::lookup::{Attempt, Finding, Lookup, Network, TicketOrder, TicketResult};
use crate::script::render::dana;
use crate::script::{Script, Situation, render};
use crate::session::ClockSource;

/// The service of this process.
const OWN: &str = "own";
/// Calls that run at once.
const AT_ONCE: usize = 200;
/// A back end that never answers is given up by its adapter.
const NEVER: Duration = Duration::from_mins(1);

/// What was said otherwise than the script expects.
#[derive(Debug)]
pub struct Played {
    /// The script's file.
    pub path: String,
    /// What its file expects and what was said: lines of Dana, without times.
    pub lines: [String; 2],
}

/// Plays scripts; `target` is `own` or `http://host:port`.
pub fn play(
    bundle: &Arc<Bundle>,
    scripts: Vec<Script>,
    target: &str,
) -> Result<Vec<Played>, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(all(bundle, scripts, target))
}

async fn all(
    bundle: &Arc<Bundle>,
    scripts: Vec<Script>,
    target: &str,
) -> Result<Vec<Played>, String> {
    let mut calls = JoinSet::new();
    let mut played = Vec::new();
    for (at, script) in scripts.into_iter().enumerate() {
        if calls.len() >= AT_ONCE
            && let Some(call) = calls.join_next().await
        {
            played.push(call.map_err(|error| error.to_string())??);
        }
        let (bundle, target) = (Arc::clone(bundle), target.to_owned());
        calls.spawn(async move { one(bundle, script, target, at).await });
    }
    while let Some(call) = calls.join_next().await {
        played.push(call.map_err(|error| error.to_string())??);
    }
    played.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(played)
}

async fn one(
    bundle: Arc<Bundle>,
    script: Script,
    target: String,
    at: usize,
) -> Result<Played, String> {
    let situation = &script.situation;
    let target = if target == OWN {
        demo::serve(bundle, Stage(situation.clone()), ClockSource::Gateway).await?
    } else {
        target
    };
    let lengths = client::lengths(&target).await;
    let lengths = lengths.map_err(|error| format!("{target}: {error}"))?;
    let id = format!("test-{at}-{}", clock::now().unix_ms());
    let transfer = situation.transfer.as_ref();
    let plan = Plan {
        call: CallId::new(&id).ok_or("a call id")?,
        from: situation.number.clone(),
        locale: situation.locale,
        turns: script.turns.clone(),
        media: MediaSide::new(
            transfer.map(|transfer| transfer.value),
            transfer.map_or(0, |transfer| transfer.after_ms),
        ),
        speed: 1,
        at: situation.now,
        lengths: Arc::new(lengths),
    };
    let entries = client::make(&target, plan, |_| {}).await;
    let entries = entries.map_err(|error| format!("{}: {error}", script.source.path))?;
    let said: Vec<String> = entries.iter().filter_map(render::line).collect();
    Ok(Played {
        path: script.source.path.clone(),
        lines: [dana(&script.expected), dana(&said.join("\n"))],
    })
}

/// A situation as back ends.
struct Stage(Situation);

impl Network for Stage {
    async fn look_up(&self, lookup: Lookup) -> Finding {
        let kind = lookup.kind();
        let Some(found) = self.0.findings.get(&kind) else {
            tokio::time::sleep(NEVER).await;
            return Finding::unavailable(kind);
        };
        tokio::time::sleep(Duration::from_millis(u64::from(found.after_ms))).await;
        found.value.clone()
    }

    async fn create_ticket(&self, _: TicketOrder, _: Attempt) -> TicketResult {
        let Some(ticket) = &self.0.ticket else {
            tokio::time::sleep(NEVER).await;
            return TicketResult::Unconfirmed;
        };
        tokio::time::sleep(Duration::from_millis(u64::from(ticket.after_ms))).await;
        ticket.value.clone()
    }
}
