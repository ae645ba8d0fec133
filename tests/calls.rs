//! Every call script of `tests/calls` gives the conversation that stands in it.

use std::path::{Path, PathBuf};

use dana::bundle::Bundle;
use dana::cli::against;
use dana::cli::test::{run_all, scripts};

#[test]
fn every_conversation_is_as_its_file_expects() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let bundle = Bundle::load(home).expect("our own bundle");
    let scripts: PathBuf = home.join("tests/calls");
    let outcomes = run_all(&bundle, &[scripts], false).expect("our own scripts");
    let failed: Vec<String> = (outcomes.iter().filter(|outcome| !outcome.passed))
        .map(|outcome| format!("{}\n{}", outcome.path, outcome.difference.join("\n")))
        .collect();
    assert!(
        failed.is_empty(),
        "{}\n\nafter a wanted change: dana test --bless",
        failed.join("\n\n")
    );
    assert!(
        outcomes.len() >= 60,
        "only {} scripts were found",
        outcomes.len()
    );
}

/// The same conversations, to the millisecond, through gRPC, the session and its resume tokens: the
/// whole service on virtual time.
#[test]
fn every_conversation_is_the_same_through_the_service() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let bundle = Bundle::load(home).expect("our own bundle");
    let scripts = scripts(&[home.join("tests/calls")]).expect("our own scripts");
    let count = scripts.len();
    let played = against::play(&bundle, scripts, None).expect("a service of our own");
    assert_eq!(played.len(), count);
    for played in played {
        let [expected, said] = played.lines;
        assert!(
            expected == said,
            "{}\n{said}\ninstead of\n{expected}",
            played.path
        );
    }
}
