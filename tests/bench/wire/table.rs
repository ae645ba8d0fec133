//! What is measured, and how it is told: as Markdown.

use std::time::Duration;

use dana::load;
use dana::load::{Pattern, Plan, Report};

use crate::service::{Kind, Running, pin, situation};

/// The service's core, and the client's.
const SERVER: usize = 0;
const CLIENT: usize = 1;

fn plan(running: &Running, streams: u32, connections: u32, seconds: f64) -> Plan {
    Plan {
        target: running.target.clone(),
        threads: 1,
        connections,
        pattern: Pattern::Closed {
            calls: streams,
            ramp: Duration::from_millis(200),
        },
        think: Duration::ZERO,
        jitter_percent: 50,
        seed: 1,
        warm_up: Duration::from_secs_f64(seconds / 4.0),
        lasts: Duration::from_secs_f64(seconds),
        calls: None,
        mix: vec![(1, situation())],
        process: Some(running.process()),
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

/// Calls per second of the service's processor time.
fn per_cpu(report: &Report) -> f64 {
    let cpu = report.service.expect("a process").cpu.as_secs_f64();
    float(report.figures.calls) / cpu
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

pub(crate) fn run(arguments: &[String]) {
    let number = |name: &str, default: f64| {
        let given = arguments.iter().find_map(|a| a.strip_prefix(name));
        given.map_or(default, |given| given.parse().expect("a number"))
    };
    let rounds = number("rounds=", 7.0) as usize;
    let seconds = number("seconds=", 2.0);
    let only = number("streams=", 0.0) as u32;
    pin(&[CLIENT]);
    println!(
        "| streams | connections | floor, calls per CPU-s | untuned | dana | dana / floor (least–most) | events a call | client CPU per call / floor's |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (streams, connections) in [(16, 4), (64, 4), (256, 4), (2_000, 8), (20_000, 80)] {
        if only != 0 && only != streams {
            continue;
        }
        let seconds = if streams > 10_000 {
            seconds * 3.0
        } else {
            seconds
        };
        let services = Kind::ALL.map(|kind| Running::start(kind, 1, &[SERVER]));
        let mut rates = [const { Vec::new() }; 3];
        let mut ratios = Vec::new();
        let (mut events, mut own) = (0.0, Vec::new());
        for _ in 0..rounds {
            let reports =
                [0, 1, 2].map(|at| measure(plan(&services[at], streams, connections, seconds)));
            for (rates, report) in rates.iter_mut().zip(&reports) {
                rates.push(per_cpu(report));
            }
            ratios.push(per_cpu(&reports[2]) / per_cpu(&reports[0]));
            let dana = &reports[2].figures;
            events = float(dana.events) / float(dana.calls);
            let floor = &reports[0];
            own.push(
                floor.own.expect("our own").cpu.as_secs_f64()
                    / floor.service.expect("a process").cpu.as_secs_f64(),
            );
        }
        let [floor, untuned, dana] = rates.map(|rates| spread(rates).0);
        let (ratio, least, most) = spread(ratios);
        println!(
            "| {streams} | {connections} | {floor:.0} | {untuned:.0} | {dana:.0} | **{ratio:.2}** ({least:.2}–{most:.2}) | {events:.1} | {:.2} |",
            spread(own).0
        );
    }
}
