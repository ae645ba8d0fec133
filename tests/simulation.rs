//! The whole service under seeds: replicas that are killed, drained and started again, connections
//! that break, back ends that are slow, silent, or do and do not say so; on virtual time. A seed gives
//! the same callers and the same faults at the same moments; only what falls into one millisecond
//! with a fault comes in the order that HTTP/2 takes it. `DANA_SEEDS=10000` is the long form,
//! `DANA_SEED=77` plays one seed again.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the seeds come from whoever runs the long form, and he wants the figures"
)]

mod life;
mod ticket_system;
mod wire;
mod world;

use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use dana::script::Script;

/// Seeds of the short form.
const SEEDS: u64 = 150;

static SCRIPTS: LazyLock<Vec<Script>> = LazyLock::new(|| {
    let calls = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/calls");
    dana::cli::test::scripts(&[calls]).expect("our own scripts")
});

#[test]
fn nothing_is_lost_and_nothing_is_done_twice_whatever_dies() {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let seeds = match number("DANA_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("DANA_SEEDS").unwrap_or(SEEDS),
    };
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut figures = world::Figures::default();
        let mut wrong = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return (figures, wrong);
            }
            let run = std::panic::catch_unwind(|| world::run(seed, &SCRIPTS));
            match run {
                Ok(Ok(of)) => figures.add(&of),
                Ok(Err(what)) => wrong.push(format!("seed {seed}: {what}")),
                Err(_) => wrong.push(format!("seed {seed}: a panic")),
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let done = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let done = threads
            .into_iter()
            .map(|thread| thread.join().expect("it catches panics"));
        done.collect::<Vec<_>>()
    });
    let mut figures = world::Figures::default();
    let mut wrong = Vec::new();
    for (of, what) in done {
        figures.add(&of);
        wrong.extend(what);
    }
    println!("{} seeds: {figures}", seeds.end - seeds.start);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        figures.is_telling(),
        "nothing happened that could go wrong: {figures}"
    );
}
