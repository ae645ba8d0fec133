//! Recorded calls replayed. The recordings are those of the call scripts: every exit of the flow.

mod command;
mod known;
mod regressions;

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use dana::bundle::Bundle;
use dana::cli::test::scripts;
use dana::flow::Flow;
use dana::journal::Entry;
use dana::replay::again::{Again, again};
use dana::replay::report::Report;
use dana::replay::verdict::{Candidate, Compared, Verdict, changes, compare};
use dana::script::run;

static BUNDLE: LazyLock<Arc<Bundle>> =
    LazyLock::new(|| Bundle::load(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("our own bundle"));

/// Every script's recording, by the script's file.
static RECORDINGS: LazyLock<Vec<(String, Vec<Entry>)>> = LazyLock::new(|| {
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

/// Each call is held anew from its first question on: nothing is left of the recording but what
/// caller and back ends did.
#[test]
fn a_limit_that_no_call_meets_gives_all_same() {
    let candidate = with(|flow| flow.limits.max_speech_ms += 1);
    assert_eq!(not_same(&candidate), Vec::<String>::new());
}
