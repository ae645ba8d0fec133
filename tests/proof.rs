//! The proof: the shipped flow keeps its rules, mistakes of the kind that a supervisor makes are
//! caught with a call that shows them, and the explored states are all there are.

use std::path::Path;
use std::sync::Arc;
use std::sync::LazyLock;

use dana::bundle::Bundle;
use dana::cli;
use dana::flow::{load, rules};
use dana::problem::Source;
use dana::proof::{Proof, Verdict, prove, sample, targets};
use dana::script::{parse, run};

static BUNDLE: LazyLock<Arc<Bundle>> =
    LazyLock::new(|| Bundle::load(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("our own bundle"));
static PROOF: LazyLock<Proof> = LazyLock::new(|| prove(&BUNDLE));

/// The shipped bundle with its flow changed: the first of each pair becomes the second. A call's
/// patience is cut short, so that a debug build proves it in seconds.
fn changed(changes: &[(&str, &str)]) -> Arc<Bundle> {
    let mut text = BUNDLE.sources[0]
        .text
        .replacen("patience = 8", "patience = 2", 1);
    for (from, to) in changes {
        assert!(text.contains(from), "nothing to change: {from}");
        text = text.replacen(from, to, 1);
    }
    let mut bundle = Bundle::clone(&BUNDLE);
    let flow = load::load(&Source::new("dana.toml", text), &bundle.catalog).expect("a whole flow");
    bundle.rules = rules::load(&bundle.sources[1], &flow, &bundle.catalog)
        .expect("our own rules")
        .into();
    bundle.flow = Arc::new(flow);
    Arc::new(bundle)
}

fn broken(proof: &Proof) -> Vec<String> {
    let broken = proof
        .verdicts()
        .filter(|(_, verdict)| *verdict == Verdict::Broken);
    broken.map(|(rule, _)| rule.name.clone()).collect()
}

/// The rule is broken, and the call that the proof gives for it is one that runs as it says.
#[track_caller]
fn shows(bundle: &Arc<Bundle>, rule: &str, line: &str) {
    let proof = prove(bundle);
    assert!(
        broken(&proof).iter().any(|of| of == rule),
        "{rule} is not broken, but {:?}",
        broken(&proof)
    );
    let example = proof.example(rule).expect("a call that shows it");
    assert!(
        example.text.contains(line),
        "`{line}` is not in\n{}",
        example.text
    );
    let script = parse::parse(&Source::new("example", example.text.as_str())).expect("a script");
    assert_eq!(run::run(bundle, &script), script.expected);
}

#[test]
fn the_shipped_flow_keeps_every_rule() {
    let verdicts: Vec<_> = PROOF
        .verdicts()
        .filter(|(_, verdict)| *verdict != Verdict::Holds)
        .map(|(rule, verdict)| format!("{} {}", verdict.as_str(), rule.name))
        .collect();
    assert_eq!(verdicts, Vec::<String>::new());
    assert!(PROOF.is_whole());
    assert!(PROOF.states() <= 300_000, "{} states", PROOF.states());
}

#[test]
fn the_same_bundle_is_proven_alike() {
    let bundle = changed(&[]);
    let text = || cli::prove::text(&prove(&bundle));
    assert_eq!(text(), text());
}

/// Texts, times and answers as they like: nothing leads out of what was explored.
#[test]
fn random_calls_stay_within_the_explored_states() {
    assert_eq!(sample(&PROOF, 5_000), None);
}

#[test]
fn every_exit_of_the_shipped_flow_is_taken_by_a_script() {
    let scripts = [Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/calls")];
    let scripts = cli::test::scripts(&scripts).expect("our own scripts");
    let taken: Vec<_> = scripts
        .iter()
        .flat_map(|script| targets(&BUNDLE.flow, &run::play(&BUNDLE, script).passed))
        .collect();
    let missing: Vec<String> = (PROOF.exits().iter())
        .filter(|exit| !taken.contains(exit))
        .map(ToString::to_string)
        .collect();
    assert_eq!(missing, Vec::<String>::new(), "dana test --write-missing");
}

#[test]
fn a_ticket_before_the_confirmation_is_caught() {
    let skipped = changed(&[(
        "none = \"offer\", unavailable = \"operator_check\"",
        "none = \"create\", unavailable = \"offer\"",
    )]);
    shows(
        &skipped,
        "ticket_needs",
        "Dana    transfers to operator: internal_error",
    );
}

#[test]
fn an_outage_that_is_passed_over_is_caught() {
    let silent = changed(&[(
        "known = \"outage\", none = \"check_tickets\"",
        "known = \"open\", none = \"check_tickets\"",
    )]);
    shows(&silent, "outage_is_told", "found   outage: known");
}

#[test]
fn a_ticket_that_is_told_before_it_exists_is_caught() {
    let early = changed(&[(
        "unconfirmed = \"operator_unconfirmed\", refused",
        "unconfirmed = \"created\", refused",
    )]);
    shows(&early, "created_is_true", "заявка на выезд техника создана");
}

#[test]
fn a_date_that_is_not_there_is_caught() {
    let blind = changed(&[(
        "yes = \"visit_when\", no = \"visit_call\"",
        "yes = \"visit_call\", no = \"visit_when\"",
    )]);
    shows(&blind, "every_step_works", "internal_error");
}

#[test]
fn what_is_said_to_a_stranger_is_caught() {
    let open = changed(&[(
        "unknown = \"operator_subscriber\", unavailable = \"operator_check\" }\n\n[steps.visit_tickets]",
        "unknown = \"operator_no_ticket\", unavailable = \"operator_check\" }\n\n[steps.visit_tickets]",
    )]);
    shows(&open, "private", "subscriber: unknown");
}
