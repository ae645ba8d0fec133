//! What is measured, and how it is told: as Markdown. Floor and Dana take turns, round by round, so
//! that what else the machine does hits both.

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use dana::bundle::Bundle;
use dana::call::Locale;
use dana::client::Target;
use dana::load;
use dana::load::{Pattern, Plan, Report};
use dana::network::mock::{Api, Fault, Line, Mock, Subscriber};

use crate::service::{FOLDER, Kind, Running, outage, pin, situation, tape};

/// The service's core, and the client's.
const SERVER: usize = 0;
const CLIENT: usize = 1;
/// Calls at once, and over how many connections.
const LEVELS: [(u32, u32); 5] = [(16, 4), (64, 4), (256, 4), (2_000, 8), (20_000, 80)];
/// Calls at once of the growth curves, each with an event every three seconds.
const GROWTH: [u32; 5] = [1_000, 2_500, 5_000, 10_000, 20_000];
/// Calls on one connection of the growth curves.
const A_CONNECTION: u32 = 250;

/// What was asked for on the command line.
pub(crate) struct Run {
    rounds: usize,
    seconds: f64,
    /// Calls a second of the open loop.
    rate: f64,
    /// URLs of stores beside a new SQLite file.
    stores: Vec<String>,
    /// The one level of calls at once that the ratios are wanted of; 0: all of them.
    streams: usize,
}

/// The tables by their names.
type Table = (&'static str, fn(&Run));
const TABLES: [Table; 7] = [
    ("ratios", ratios),
    ("latency", latency),
    ("growth", growth),
    ("idle", idle),
    ("stores", stores),
    ("runtimes", runtimes),
    ("surge", surge),
];

pub(crate) fn run(arguments: &[String]) {
    let number = |name: &str, default: f64| {
        let given = arguments.iter().find_map(|a| a.strip_prefix(name));
        given.map_or(default, |given| given.parse().expect("a number"))
    };
    let run = Run {
        rounds: whole(number("rounds=", 7.0)),
        seconds: number("seconds=", 3.0),
        rate: number("rate=", 2_000.0),
        stores: arguments
            .iter()
            .filter_map(|a| a.strip_prefix("store="))
            .map(str::to_owned)
            .collect(),
        streams: whole(number("streams=", 0.0)),
    };
    let asked = |name: &str| arguments.iter().any(|a| a == name);
    let all = !TABLES.iter().any(|(name, _)| asked(name));
    println!("{}\n", machine());
    pin(&[CLIENT]);
    for (name, table) in TABLES {
        if all || asked(name) {
            table(&run);
            println!();
        }
    }
    let _ = std::fs::remove_dir_all(FOLDER.as_path());
}

fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let name = name.map_or("unknown", |name| name.trim_matches([' ', '\t', ':']));
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    format!("Machine: {name}, {cores} cores, Linux {}", kernel.trim())
}

/// A closed loop as fast as it goes.
fn plan(running: &Running, streams: u32, connections: u32, seconds: f64) -> Plan {
    Plan {
        target: Target::at(&format!("http://{}", running.target), None).expect("a service"),
        threads: 1,
        connections,
        pattern: Pattern::Closed {
            calls: streams,
            ramp: Duration::from_millis(200),
        },
        think: Duration::ZERO,
        jitter_percent: 50,
        seed: 1,
        warm_up: Duration::from_secs_f64(seconds / 3.0),
        lasts: Duration::from_secs_f64(seconds),
        calls: None,
        mix: vec![(1, situation())],
        process: Some(running.process()),
    }
}

/// So many calls, each with an event every three seconds.
fn sparse(running: &Running, calls: u32) -> Plan {
    let ramp = Duration::from_secs(6);
    Plan {
        pattern: Pattern::Closed { calls, ramp },
        think: Duration::from_secs(3),
        warm_up: Duration::from_secs(10),
        lasts: Duration::from_secs(15),
        ..plan(running, calls, calls.div_ceil(A_CONNECTION), 1.0)
    }
}

fn measure(plan: Plan) -> Report {
    let report = load::run(plan, |_| {}).expect("it runs");
    let failures = &report.figures.failures;
    assert!(failures.is_empty(), "calls failed: {failures:?}");
    report
}

fn float(count: u64) -> f64 {
    f64::from(u32::try_from(count).expect("a small count"))
}

fn whole(number: f64) -> usize {
    format!("{number:.0}").parse().expect("a whole number")
}

fn service_cpu(report: &Report) -> f64 {
    report.service.expect("a process").cpu().as_secs_f64()
}

/// Calls per second of the service's processor time, reckoned from the events that were answered: of
/// 20,000 calls at once hardly one begins and ends while it is counted.
fn per_cpu(report: &Report) -> f64 {
    float(report.figures.events) / events_of_a_call() / service_cpu(report)
}

fn events_of_a_call() -> f64 {
    static EVENTS: LazyLock<f64> = LazyLock::new(|| {
        let bundle = Bundle::load(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("our own bundle");
        float(u64::try_from(tape(&bundle).len()).expect("some"))
    });
    *EVENTS
}

/// Median, least and most.
fn spread(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    (
        values[values.len() / 2],
        values[0],
        values[values.len() - 1],
    )
}

fn ratios(run: &Run) {
    println!(
        "Calls per second of the service's processor time, closed loop, medians of {} rounds; one \
         runtime on one core:\n",
        run.rounds
    );
    println!(
        "| streams | connections | untuned | floor | framed | dana | dana / floor (least–most) | dana / framed | client / floor |"
    );
    println!("|--:|--:|--:|--:|--:|--:|:-:|--:|--:|");
    let asked = |streams: u32| run.streams == 0 || u32::try_from(run.streams) == Ok(streams);
    for (streams, connections) in LEVELS.into_iter().filter(|(streams, _)| asked(*streams)) {
        let seconds = run.seconds * if streams > 10_000 { 3.0 } else { 1.0 };
        let services = Kind::ALL.map(|kind| Running::start(kind, 1, &[SERVER]));
        let mut rates = [const { Vec::new() }; 4];
        let (mut ratios, mut framed_ratios, mut client) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..run.rounds {
            let reports =
                [0, 1, 2, 3].map(|at| measure(plan(&services[at], streams, connections, seconds)));
            for (rates, report) in rates.iter_mut().zip(&reports) {
                rates.push(per_cpu(report));
            }
            let [_, floor, framed, dana] = &reports;
            ratios.push(per_cpu(dana) / per_cpu(floor));
            framed_ratios.push(per_cpu(dana) / per_cpu(framed));
            let own = floor.own.expect("our own").cpu().as_secs_f64();
            client.push(own / service_cpu(floor));
        }
        let [untuned, floor, framed, dana] = rates.map(|rates| spread(rates).0);
        let (ratio, least, most) = spread(ratios);
        let (framed_ratio, client) = (spread(framed_ratios).0, spread(client).0);
        println!(
            "| {streams} | {connections} | {untuned:.0} | {floor:.0} | {framed:.0} | {dana:.0} | \
             **{ratio:.2}** ({least:.2}–{most:.2}) | {framed_ratio:.2} | {client:.2} |"
        );
    }
    println!("\nA call has {:.0} events.", events_of_a_call());
}

fn latency(run: &Run) {
    let rate = run.rate;
    println!(
        "From event to turn at {rate:.0} calls a second (open loop, by chance, 16 connections, an \
         event every 20 ms ± 50 % in each call, from the moment it was due), medians of {} \
         rounds:\n",
        run.rounds
    );
    println!("| | p50 | p95 | p99 | p99.9 | share of the core |\n|---|--:|--:|--:|--:|--:|");
    let kinds = [Kind::Floor, Kind::Dana];
    let services = kinds.map(|kind| Running::start(kind, 1, &[SERVER]));
    let mut times = [const { [const { Vec::new() }; 5] }; 2];
    let mut ratios = Vec::new();
    for _ in 0..run.rounds {
        let mut p99 = Vec::new();
        for (running, times) in services.iter().zip(&mut times) {
            let report = measure(Plan {
                pattern: Pattern::Open { rate },
                think: Duration::from_millis(20),
                ..plan(running, 0, 16, run.seconds * 2.0)
            });
            for (times, percentile) in times.iter_mut().zip([50.0, 95.0, 99.0, 99.9]) {
                times.push(float(report.figures.latency_us(percentile)));
            }
            times[4].push(100.0 * service_cpu(&report) / report.lasted.as_secs_f64());
            p99.push(float(report.figures.latency_us(99.0)));
        }
        ratios.push(p99[1] / p99[0]);
    }
    for (kind, times) in kinds.iter().zip(times) {
        let [p50, p95, p99, p999, share] = times.map(|times| spread(times).0);
        println!(
            "| {} | {p50:.0} µs | {p95:.0} µs | {p99:.0} µs | {p999:.0} µs | {share:.0} % |",
            kind.name()
        );
    }
    let (ratio, least, most) = spread(ratios);
    println!("\np99, dana / floor: **{ratio:.2}** ({least:.2}–{most:.2})");
}

/// A bar of that part of the longest.
fn bar(part: f64) -> String {
    "█".repeat(whole(part * 30.0).max(1))
}

fn growth(_: &Run) {
    println!(
        "Calls at once, each with an event every 3 s ± 50 %, {A_CONNECTION} calls on a \
         connection:\n"
    );
    println!(
        "| | calls | p50 | p99 | p99.9 | memory | a call | |\n|---|--:|--:|--:|--:|--:|--:|---|"
    );
    for kind in Kind::ALL {
        for calls in GROWTH {
            if kind != Kind::Dana && calls != GROWTH[4] {
                continue;
            }
            let running = Running::start(kind, 1, &[SERVER]);
            let report = measure(sparse(&running, calls));
            let usage = report.service.expect("a process");
            let mebibytes = float(usage.ended.memory) / f64::from(1 << 20);
            let each =
                float(usage.ended.memory.saturating_sub(usage.idle.memory)) / float(report.at_once);
            let [p50, p99, p999] = [50.0, 99.0, 99.9].map(|at| report.figures.latency_us(at));
            println!(
                "| {} | {calls} | {p50} µs | {p99} µs | {p999} µs | {mebibytes:.0} MiB | \
                 {:.1} KiB | {} |",
                kind.name(),
                each / 1024.0,
                bar(mebibytes / 400.0)
            );
        }
    }
}

/// Calls that wait for nothing but a sign of life. It is over before Dana gives up one that is offered
/// and never answered.
fn idle(_: &Run) {
    println!("Memory of idle calls, {A_CONNECTION} on a connection:\n");
    println!("| | calls | memory | a call |\n|---|--:|--:|--:|");
    for kind in Kind::ALL {
        let running = Running::start(kind, 1, &[SERVER]);
        let report = measure(Plan {
            think: Duration::from_mins(2),
            warm_up: Duration::from_secs(7),
            lasts: Duration::from_secs(1),
            ..sparse(&running, GROWTH[4])
        });
        let usage = report.service.expect("a process");
        let each =
            float(usage.ended.memory.saturating_sub(usage.idle.memory)) / float(report.at_once);
        println!(
            "| {} | {} | {:.0} MiB | {:.1} KiB |",
            kind.name(),
            report.at_once,
            float(usage.ended.memory) / f64::from(1 << 20),
            each / 1024.0
        );
    }
}

/// What the durable path costs: a ticket and a call record in a store for each call.
fn stores(run: &Run) {
    const RATE: f64 = 500.0;
    println!(
        "Processor time of a call at {RATE:.0} calls a second (open loop, 16 connections, an event \
         every 20 ms ± 50 %), medians of {} rounds:\n",
        run.rounds
    );
    println!("| store | a call | of none (least–most) |\n|---|--:|:-:|");
    let none = ("none", Running::start(Kind::Dana, 1, &[SERVER]));
    let urls = std::iter::once("").chain(run.stores.iter().map(String::as_str));
    let stored = urls.map(|url| {
        let name = url.split(':').next().filter(|scheme| !scheme.is_empty());
        let running = Running::on(Kind::Stored, 1, &[SERVER], url);
        (name.unwrap_or("sqlite"), running)
    });
    let services: Vec<_> = std::iter::once(none).chain(stored).collect();
    let mut costs = vec![(Vec::new(), Vec::new()); services.len()];
    for _ in 0..run.rounds {
        let mut without = None;
        for ((_, running), (costs, ratios)) in services.iter().zip(&mut costs) {
            let report = measure(Plan {
                pattern: Pattern::Open { rate: RATE },
                think: Duration::from_millis(20),
                ..plan(running, 0, 16, run.seconds * 2.0)
            });
            let cost = 1e6 / per_cpu(&report);
            costs.push(cost);
            ratios.push(cost / *without.get_or_insert(cost));
        }
    }
    for ((name, _), (costs, ratios)) in services.iter().zip(costs) {
        let (ratio, least, most) = spread(ratios);
        println!(
            "| {name} | {:.0} µs | {ratio:.2} ({least:.2}–{most:.2}) |",
            spread(costs).0
        );
    }
}

fn runtimes(run: &Run) {
    println!("Calls per second of processor time, 256 streams over 16 connections, both cores:\n");
    println!("| runtimes | calls | of one |\n|--:|--:|--:|");
    let cores = [SERVER, CLIENT];
    let services = [1, 2].map(|workers| Running::start(Kind::Dana, workers, &cores));
    let mut rates = [const { Vec::new() }; 2];
    for _ in 0..run.rounds {
        for (running, rates) in services.iter().zip(&mut rates) {
            rates.push(per_cpu(&measure(plan(running, 256, 16, run.seconds))));
        }
    }
    let [one, two] = rates.map(|rates| spread(rates).0);
    println!(
        "| 1 | {one:.0} | 1.00 |\n| 2 | {two:.0} | {:.2} |",
        two / one
    );
}

/// How late each answer of the mocked back ends is.
const BACK_ENDS_MS: u32 = 50;
/// Who calls in the surge.
const CALLS_OF_OUTAGE: &str = "+77770000904";

/// 200,000 calls in ten minutes, for one of them.
fn surge(_: &Run) {
    let (root, mock) = back_ends();
    let running = Running::on(Kind::Whole, 1, &[SERVER], &root);
    let report = measure(Plan {
        pattern: Pattern::Open { rate: 333.0 },
        think: Duration::from_secs(2),
        warm_up: Duration::from_secs(15),
        lasts: Duration::from_mins(1),
        mix: vec![(1, outage(CALLS_OF_OUTAGE))],
        ..plan(&running, 0, 40, 1.0)
    });
    let usage = report.service.expect("a process");
    let [p50, p99, p999] = [50.0, 99.0, 99.9].map(|at| report.figures.latency_us(at));
    println!(
        "The surge: 333 calls a second for a minute over 40 connections, each with an event every \
         2 s ± 50 %, look-ups over HTTP to back ends that take {BACK_ENDS_MS} ms, every caller told \
         of the outage:\n\n\
         | calls | at once | p50 | p99 | p99.9 | of a core | memory | outages asked for |\n\
         |--:|--:|--:|--:|--:|--:|--:|--:|\n\
         | {} | {} | {p50} µs | {p99} µs | {p999} µs | {:.0} % | {:.0} MiB | {} |",
        report.figures.calls,
        report.at_once,
        100.0 * service_cpu(&report) / report.lasted.as_secs_f64(),
        float(usage.ended.memory) / f64::from(1 << 20),
        mock.asked(Api::Outage)
    );
}

/// The mock on the client's core; where it is.
fn back_ends() -> (String, Arc<Mock>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .expect("a port");
    let root = format!("http://{}", listener.local_addr().expect("an address"));
    let mock = Mock::new(Duration::from_secs(2));
    mock.add(Subscriber {
        number: CALLS_OF_OUTAGE.to_owned(),
        about: "mass outage",
        package: None,
        language: Some(Locale::Ru),
        lines: vec![Line {
            login: "0770000904".to_owned(),
            suspended: false,
            payment: "paid",
            verdict: "ok",
            outage: Some(None),
            ticket: None,
        }],
        faults: Api::ALL
            .iter()
            .map(|api| (*api, Fault::Slow(BACK_ENDS_MS)))
            .collect(),
    });
    let serving = Arc::clone(&mock);
    std::thread::spawn(move || runtime.block_on(serving.serve(listener, std::future::pending())));
    (root, mock)
}
