//! Recorded calls replayed. The recordings are those of the call scripts: every exit of the flow.

mod command;
mod known;
mod regressions;

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use dana::bundle::Bundle;
use dana::cli::test::scripts;
use dana::dialog::event::Event;
use dana::flow::Flow;
use dana::journal::{Entry, Header};
use dana::replay::again::{Again, again};
use dana::replay::report::Report;
use dana::replay::verdict::{Candidate, Compared, Verdict, changes, compare};
use dana::retrace::retrace;
use dana::script::run;

pub(crate) static BUNDLE: LazyLock<Arc<Bundle>> =
    LazyLock::new(|| Bundle::load(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("our own bundle"));

/// Every script's recording, by the script's file.
pub(crate) static RECORDINGS: LazyLock<Vec<(String, Vec<Entry>)>> = LazyLock::new(|| {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/calls");
    let scripts = scripts(&[folder]).expect("scripts");
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    scripts
        .iter()
        .map(|script| {
            (
                name(&script.source.path),
                run::play(&BUNDLE, script).entries,
            )
        })
        .collect()
});

/// Our own bundle with a change of the flow.
fn with(change: impl FnOnce(&mut Flow)) -> Candidate {
    let bundle = Bundle {
        flow: Arc::new(BUNDLE.flow.with(change)),
        ..Bundle::clone(&BUNDLE)
    };
    Candidate::new(Arc::new(bundle), Some(Arc::clone(&BUNDLE)))
}

fn report(candidate: &Candidate) -> Report {
    let mut report = Report::default();
    for (_, entries) in RECORDINGS.iter() {
        let call = compare(candidate, entries).expect("a header");
        report.count(entries, &call);
    }
    report
}

fn compared(candidate: &Candidate) -> Vec<(&'static str, Compared)> {
    let each = RECORDINGS.iter();
    each.map(|(name, entries)| {
        (
            name.as_str(),
            compare(candidate, entries).expect("a header"),
        )
    })
    .collect()
}

/// What is not the same, by the script: for a message.
fn not_same(candidate: &Candidate) -> Vec<String> {
    let compared = compared(candidate).into_iter();
    let other =
        compared.filter(|(_, call)| !matches!(call.verdict, Verdict::Same { another_way: false }));
    other
        .map(|(name, call)| {
            format!(
                "{name}: {:?} {:?} {:?}",
                call.verdict,
                call.turning.map(|turning| turning.to_string()),
                changes(&call.endings)
            )
        })
        .collect()
}

#[test]
fn the_same_build_and_bundle_give_every_action_to_the_byte() {
    for (name, entries) in RECORDINGS.iter() {
        assert_eq!(again(&BUNDLE, entries), Some(Again::Identical), "{name}");
    }
}

#[test]
fn the_old_bundle_gives_all_same() {
    let candidate = Candidate::new(Arc::clone(&BUNDLE), None);
    assert_eq!(not_same(&candidate), Vec::<String>::new());
}

/// A replica dies behind a finding that no gateway heard of; the next one asks for it again.
fn resumed(entries: &[Entry]) -> Option<Vec<Entry>> {
    let found = |entry: &Entry| match entry {
        Entry::Event { event, .. } => matches!(event, Event::Found(_)),
        Entry::Header(_) | Entry::Action { .. } | Entry::Gap { .. } | Entry::Ended { .. } => false,
    };
    let untold = entries.iter().position(found)?;
    let (before, rest) = entries.split_at(untold);
    let (Entry::Header(header), Entry::Event { at, .. }) = (&before[0], &rest[0]) else {
        return None;
    };
    let next = Entry::Header(Box::new(Header {
        resume: 1,
        ..Header::clone(header)
    }));
    let resumed = Entry::Event {
        at: *at,
        seq: None,
        event: Event::Resumed,
    };
    let goes_on = [before, &[next, resumed], rest].concat();
    let goes_on = retrace(&BUNDLE, &goes_on)?.entries;
    let actions = rest.iter().skip(1);
    let actions = actions.take_while(|entry| matches!(entry, Entry::Action { .. }));
    let (before, after) = goes_on.split_at(untold);
    Some([before, &rest[..=actions.count()], after].concat())
}

#[test]
fn what_a_dead_replica_did_behind_the_last_turn_never_happened() {
    let candidate = Candidate::new(Arc::clone(&BUNDLE), None);
    let all = RECORDINGS.iter();
    let calls: Vec<_> = all
        .filter_map(|(name, call)| Some((name, resumed(call)?)))
        .collect();
    assert!(calls.len() > 20);
    for (name, call) in calls {
        assert_eq!(again(&BUNDLE, &call), Some(Again::Identical), "{name}");
        let verdict = compare(&candidate, &call).expect("a header").verdict;
        assert_eq!(verdict, Verdict::Same { another_way: false }, "{name}");
    }
}

/// Each call is held anew from its first question on: nothing is left of the recording but what
/// caller and back ends did.
#[test]
fn a_limit_that_no_call_meets_gives_all_same() {
    let candidate = with(|flow| flow.limits.max_speech_ms += 1);
    assert_eq!(not_same(&candidate), Vec::<String>::new());
}
