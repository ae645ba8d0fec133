//! How fast recorded calls are replayed, beside the floor: merely parsing the same lines, which lie
//! in memory, as JSON, in the same run and with as many threads.
//!
//! `cargo bench --bench replay [-- CALLS]` makes an archive of realistic traffic, then prints calls
//! a second: parsed; read; replayed on their own bundle, to the byte; replayed on a candidate that
//! asks every caller anew (a limit of each question is another). The best of several rounds counts, so
//! that what else the machine does is not counted.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock and prints"
)]

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dana::archive::order::{all_cores, in_order};
use dana::archive::pack::{Packer, packets};
use dana::archive::{Archive, Part, Recorded};
use dana::bundle::{Bundle, EXAMPLES};
use dana::journal::Entry;
use dana::replay::again::{Repeats, again};
use dana::replay::report::Report;
use dana::replay::verdict::{Candidate, compare};
use dana::replay::what_if::what_if;
use dana::seal::Keys;
use dana::traffic::{Traffic, Wanted, Words};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 5;

fn make(bundle: &Arc<Bundle>, home: &Path, file: &Path, calls: u64) {
    let examples = fs::read_to_string(home.join(EXAMPLES)).expect("our own examples");
    let words = Words::read(&examples).expect("our own examples");
    let wanted = Wanted {
        seed: 1,
        calls,
        from: jiff::civil::date(2026, 1, 12),
        days: 14,
    };
    let traffic = Traffic::new(Arc::clone(bundle), words, wanted);
    let out = fs::File::create(file).expect("a file");
    let mut packer = Packer::new(out, &Keys::none()).expect("a packed file");
    let parts = (0..calls.div_ceil(64)).map(|at| at * 64..calls.min((at + 1) * 64));
    let pack = |numbers: std::ops::Range<u64>| {
        let calls: Vec<Vec<Entry>> = numbers.map(|number| traffic.call(number)).collect();
        packets(&calls)
    };
    let done = in_order(all_cores(), parts, pack, |packets| {
        packets?
            .into_iter()
            .try_for_each(|packet| packer.push(packet))
    });
    done.expect("it is packed");
    packer.finish().expect("it is written");
}

/// The best time of several rounds for all calls of the archive.
fn measure<T: Send + Default>(
    archive: &Archive,
    work: impl Fn(&mut T, &Recorded) + Sync,
    mut add: impl FnMut(T),
) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let each = |part: Part| {
            let mut sum = T::default();
            archive.each(&part, |call| work(&mut sum, &call.expect("a call")));
            sum
        };
        let all: Result<(), ()> = in_order(all_cores(), archive.parts(), each, |sum| {
            add(sum);
            Ok(())
        });
        all.expect("all of it");
        best = best.min(began.elapsed());
    }
    best
}

/// The same for the lines of the calls, parsed one by one.
fn parse(archive: &Archive) -> Duration {
    let lines = |calls: &[Recorded]| -> Vec<Vec<u8>> {
        let entries = calls.iter().flat_map(|call| &call.entries);
        entries
            .map(|entry| serde_json::to_vec(entry).expect("JSON"))
            .collect()
    };
    let parts: Vec<Vec<Vec<u8>>> = archive
        .parts()
        .map(|part| {
            let calls: Vec<Recorded> = archive.read(&part).into_iter().flatten().collect();
            lines(&calls)
        })
        .collect();
    let each = |lines: &Vec<Vec<u8>>| {
        let entries = lines.iter().map(|line| serde_json::from_slice(line));
        black_box(entries.collect::<Result<Vec<Entry>, _>>().expect("entries"));
    };
    let round = || {
        let began = Instant::now();
        let all: Result<(), ()> = in_order(all_cores(), &parts, each, |()| Ok(()));
        all.expect("all of it");
        began.elapsed()
    };
    (0..ROUNDS).map(|_| round()).min().expect("a round")
}

fn report(name: &str, calls: u64, took: Duration, floor: Duration) {
    let a_second = f64::from(u32::try_from(calls).unwrap_or(u32::MAX)) / took.as_secs_f64();
    let speed = floor.as_secs_f64() / took.as_secs_f64();
    println!("{name:<34} {a_second:>9.0} calls a second  {speed:>5.2} of the floor's speed");
}

fn main() {
    let calls = std::env::args().find_map(|word| word.parse().ok());
    let calls: u64 = calls.unwrap_or(20_000);
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let bundle = Bundle::load(home).expect("our own bundle");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("calls.dana");
    make(&bundle, home, &file, calls);
    let archive = Archive::open(&[file], Keys::none()).expect("an archive");
    let floor = parse(&archive);
    let read = measure(
        &archive,
        |(), call| {
            black_box(&call.entries);
        },
        |()| {},
    );
    let mut repeats = Repeats::default();
    let same = measure(
        &archive,
        |sum: &mut Repeats, call| sum.count(&call.entries, again(&bundle, &call.entries)),
        |sum| repeats.add(sum),
    );
    assert_eq!(repeats.differing, 0, "{:?}", repeats.differences.first());
    let own = Candidate::new(Arc::clone(&bundle), None);
    let other = what_if(&bundle, "limits.max_speech=16s").expect("a limit");
    let other = Candidate::new(Arc::new(other), Some(Arc::clone(&bundle)));
    let compared = |candidate: &Candidate| {
        let mut report = Report::default();
        let took = measure(
            &archive,
            |sum: &mut Report, call| {
                let compared = compare(candidate, &call.entries).expect("a header");
                sum.count(&call.entries, &compared);
            },
            |sum| report.add(&sum),
        );
        assert_eq!(report.different, 0);
        took
    };
    let (unchanged, anew) = (compared(&own), compared(&other));
    println!(
        "{calls} calls, {} threads, best of {ROUNDS} rounds",
        all_cores()
    );
    report("floor: lines in memory, parsed", calls, floor, floor);
    report("read from the archive", calls, read, floor);
    report("replayed, to the byte", calls, same, floor);
    report("a candidate without a change", calls, unchanged, floor);
    report("a candidate that asks all anew", calls, anew, floor);
}
