//! `dana load`: calls by the thousand against a service that runs: how many it takes, how fast it
//! answers, what that costs it. Creates no ticket unless a script of yours agrees to one.

use std::net::ToSocketAddrs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::call::{Disposition, Locale};
use crate::cli::certificates::Shown;
use crate::cli::demo::{CALLERS, Caller};
use crate::cli::in_runtime;
use crate::cli::out::Exit;
use crate::cli::{out, test};
use crate::client::Target;
use crate::load;
use crate::load::{Pattern, Plan, Process, Progress, Report, Situation, Spent};

/// Options of `dana load`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The service.
    #[arg(default_value = "http://127.0.0.1:50051", value_name = "URL")]
    target: String,
    #[command(flatten)]
    shown: Shown,
    /// Calls at once: each is followed by the next.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000), conflicts_with = "rate")]
    at_once: u32,
    /// Calls a second instead, whatever becomes of the others: latency as callers would have it.
    #[arg(long, value_name = "CALLS", value_parser = rate)]
    rate: Option<f64>,
    /// Connections; a service takes some 500 calls on each.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
    /// From what Dana says to the event that follows, in ms on average; 0: at once.
    #[arg(long, default_value_t = 1_000, value_name = "MS")]
    think: u32,
    /// How far that goes up and down, in percent.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=100))]
    jitter: u32,
    /// How long to measure, in seconds.
    #[arg(long = "for", default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    lasts: u32,
    /// How long to go on before that, in seconds. The first calls come within it.
    #[arg(long, default_value_t = 3, value_name = "SECONDS")]
    warm_up: u32,
    /// Make so many calls and no more.
    #[arg(long, value_name = "COUNT")]
    calls: Option<u64>,
    /// Who calls when, and how long each takes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Call scripts, or folders of them, in equal parts, instead of the mix for the mocked back
    /// ends. Each names the number that calls and how the call has to end.
    #[arg(long, value_name = "FILE")]
    script: Vec<PathBuf>,
    /// Threads that make the calls.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    threads: u32,
    /// The service's process, for its processor time and memory; found if it runs here.
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = out::Format::Text)]
    format: out::Format,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text
        .parse()
        .ok()
        .filter(|rate| (0.001..=1e6).contains(rate));
    rate.ok_or_else(|| "calls a second, from 0.001 to 1000000".to_owned())
}

/// A caller who changes nothing in the back ends, though his cable is damaged.
const DECLINES: Caller = Caller {
    name: "cable, declines",
    number: "+77770000101",
    locale: Some(Locale::Ru),
    does: "open says \"нет интернета\"\nconfirm_home says \"да домашний\"\nconfirm_ticket says \"ладно обойдусь\"\nanything_else says \"нет\"",
    ends: Disposition::EndedDeclined,
    tickets: 0,
};

/// Parts of a hundred, as the line's statistics might be.
const MIX: &[(u64, &str)] = &[
    (30, DECLINES.name),
    (20, "mass outage"),
    (15, "no fault"),
    (10, "open ticket"),
    (10, "fee not paid"),
    (5, "mobile in a package"),
    (5, "mobile, no package"),
    (3, "unknown number"),
    (2, "silence"),
];

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    let mix = match mix(&args.script) {
        Ok(mix) => mix,
        Err(error) => {
            out::error(&error);
            return Exit::BadFile;
        }
    };
    let target = match args.shown.at(&args.target) {
        Ok(target) => target,
        Err(error) => {
            out::error(&error);
            return Exit::BadFile;
        }
    };
    if let Err(error) = in_runtime(target.connect()) {
        out::talk(&format!("error: nobody answers at {target}: {error}"));
        return Exit::Environment;
    }
    let report = match load::run(plan(args, target, mix), tell) {
        Ok(report) => report,
        Err(error) => {
            out::talk(&format!("error: the calls cannot be made: {error}"));
            return Exit::Environment;
        }
    };
    match args.format {
        out::Format::Json => out::json(&Summary::new(args, &report)),
        out::Format::Text => print(args, &report),
    }
    if report.figures.failures.is_empty() {
        Exit::Good
    } else {
        Exit::Found
    }
}

fn plan(args: &Args, target: Target, mix: Vec<(u64, Arc<Situation>)>) -> Plan {
    let warm_up = Duration::from_secs(args.warm_up.into());
    let pattern = match args.rate {
        Some(rate) => Pattern::Open { rate },
        None => Pattern::Closed {
            calls: args.at_once,
            ramp: warm_up / 2,
        },
    };
    let found = || {
        let mut all = target.authority().to_socket_addrs().ok()?;
        all.find(|at| at.ip().is_loopback())
            .and_then(Process::listening)
    };
    Plan {
        threads: args.threads,
        connections: args.connections,
        pattern,
        think: Duration::from_millis(args.think.into()),
        jitter_percent: args.jitter,
        seed: args.seed,
        // All calls count where they are counted by number.
        warm_up: Some(warm_up)
            .filter(|_| args.calls.is_none())
            .unwrap_or_default(),
        lasts: Duration::from_secs(args.lasts.into()),
        calls: args.calls,
        mix,
        process: args.pid.map(Process::new).or_else(found),
        target,
    }
}

fn mix(scripts: &[PathBuf]) -> Result<Vec<(u64, Arc<Situation>)>, String> {
    if scripts.is_empty() {
        return MIX
            .iter()
            .map(|(weight, name)| Ok((*weight, built_in(name)?)))
            .collect();
    }
    let scripts = test::scripts(scripts).map_err(|error| error.to_string())?;
    if scripts.is_empty() {
        return Err("there are no call scripts here\n\nhint: they end in .call".to_owned());
    }
    let own = |script: &crate::script::Script| {
        let situation = Situation::new(&script.source.path, script);
        situation.map(|situation| (1, Arc::new(situation)))
    };
    let all: Result<_, _> = scripts.iter().map(own).collect();
    all.map_err(|error: load::Unfit| error.to_string())
}

fn built_in(name: &str) -> Result<Arc<Situation>, String> {
    let mut all = CALLERS.iter().chain([&DECLINES]);
    let caller = all.find(|caller| caller.name == name);
    let caller = caller.ok_or_else(|| format!("there is no caller `{name}`"))?;
    let mut script = caller.script().map_err(|problems| problems.to_string())?;
    script.situation.number = crate::call::PhoneNumber::parse(caller.number);
    script.situation.locale = caller.locale;
    let situation = Situation::ending(name, &script, caller.ends);
    situation.map(Arc::new).map_err(|error| error.to_string())
}

fn tell(progress: Progress) {
    let Progress {
        since,
        begun,
        ended,
    } = progress;
    let seconds = since.as_secs();
    let at_once = begun.saturating_sub(ended);
    out::talk(&format!(
        "{seconds:>5} s  {at_once} calls at once, {ended} over"
    ));
}

/// What was measured, for programs: times in µs, memory in bytes. `before` is before the load,
/// `begun` after the warm-up.
#[derive(Debug, Serialize)]
struct Summary {
    connections: u32,
    seconds: f64,
    calls: u64,
    calls_per_second: f64,
    events: u64,
    events_per_second: f64,
    calls_at_once: u64,
    p50_us: u64,
    p95_us: u64,
    p99_us: u64,
    p999_us: u64,
    max_us: u64,
    resumes: u64,
    failures: std::collections::BTreeMap<String, u64>,
    service_cpu_seconds: Option<f64>,
    service_memory: Option<u64>,
    service_memory_begun: Option<u64>,
    service_memory_before: Option<u64>,
    service_descriptors: Option<usize>,
    service_descriptors_begun: Option<usize>,
    service_descriptors_before: Option<usize>,
    own_cpu_seconds: Option<f64>,
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "counts for people"
)]
const fn float(count: u64) -> f64 {
    count as f64
}

impl Summary {
    fn new(args: &Args, report: &Report) -> Self {
        let figures = &report.figures;
        let seconds = report.lasted.as_secs_f64();
        Self {
            connections: args.connections,
            seconds,
            calls: figures.calls,
            calls_per_second: float(figures.calls) / seconds,
            events: figures.events,
            events_per_second: float(figures.events) / seconds,
            calls_at_once: report.at_once,
            p50_us: figures.latency_us(50.0),
            p95_us: figures.latency_us(95.0),
            p99_us: figures.latency_us(99.0),
            p999_us: figures.latency_us(99.9),
            max_us: figures.latency_us(100.0),
            resumes: figures.resumes,
            failures: figures.failures.clone(),
            service_cpu_seconds: report.service.map(|spent| spent.cpu().as_secs_f64()),
            service_memory: report.service.map(|spent| spent.ended.memory),
            service_memory_begun: report.service.map(|spent| spent.begun.memory),
            service_memory_before: report.service.map(|spent| spent.idle.memory),
            service_descriptors: report.service.map(|spent| spent.ended.descriptors),
            service_descriptors_begun: report.service.map(|spent| spent.begun.descriptors),
            service_descriptors_before: report.service.map(|spent| spent.idle.descriptors),
            own_cpu_seconds: report.own.map(|spent| spent.cpu().as_secs_f64()),
        }
    }
}

fn print(args: &Args, report: &Report) {
    let all = Summary::new(args, report);
    let rows = [
        (
            "calls",
            format!(
                "{} in {:.1} s, {:.1} a second, {} at once at the end",
                all.calls, all.seconds, all.calls_per_second, all.calls_at_once
            ),
        ),
        (
            "events",
            format!(
                "{}, {:.0} a second, over {} connections",
                all.events, all.events_per_second, all.connections
            ),
        ),
        (
            "event to turn",
            format!(
                "p50 {}  p95 {}  p99 {}  p99.9 {}  max {}",
                time(all.p50_us),
                time(all.p95_us),
                time(all.p99_us),
                time(all.p999_us),
                time(all.max_us)
            ),
        ),
    ];
    for (name, text) in rows {
        out::data(&format!("{name:<14} {text}"));
    }
    if args.rate.is_none() && args.think == 0 {
        out::data(
            "               (calls without a pace: it is as fast as the service is, and no caller's)",
        );
    }
    if let (Some(service), Some(own)) = (report.service, report.own) {
        print_spent(&all, &service, &own);
    }
    if all.resumes > 0 {
        out::data(&format!(
            "resumed        {} streams were lost and went on",
            all.resumes
        ));
    }
    for (failure, times) in &all.failures {
        out::data(&format!("failed         {times} × {failure}"));
    }
    if all.failures.is_empty() && all.calls == 0 {
        out::talk("no call ended in that time\n\nhint: measure for longer (--for)");
    } else if all.failures.is_empty() {
        out::talk("each call ended as it should");
    } else {
        out::talk(&format!(
            "{} of {} calls failed",
            report.figures.failed_calls(),
            report.figures.begun
        ));
    }
}

/// What the service and this command have spent.
fn print_spent(all: &Summary, service: &Spent, own: &Spent) {
    let cpu = service.cpu().as_secs_f64();
    let per_call = Some(cpu * 1e6 / float(all.calls)).filter(|_| all.calls > 0);
    let per_call = per_call.map_or_else(String::new, |us| format!(", {us:.1} µs a call"));
    let share = 100.0 * cpu / all.seconds;
    out::data(&format!(
        "service        {cpu:.2} s of processor time{per_call}, {share:.0} % of a core"
    ));
    let moments = [service.ended, service.begun, service.idle];
    let [memory, begun, before] = moments.map(|usage| float(usage.memory) / f64::from(1 << 20));
    out::data(&format!(
        "               {memory:.1} MiB of memory; {begun:.1} after the warm-up, {before:.1} before"
    ));
    let [open, begun, before] = moments.map(|usage| usage.descriptors);
    out::data(&format!(
        "               {open} descriptors; {begun} after the warm-up, {before} before"
    ));
    let own = own.cpu().as_secs_f64();
    out::data(&format!("this command   {own:.2} s of processor time"));
}

fn time(us: u64) -> String {
    let ms = float(us) / 1000.0;
    match us {
        0..10_000 => format!("{us} µs"),
        _ => format!("{ms:.1} ms"),
    }
}
