//! The proof: the shipped flow keeps its rules, mistakes of the kind that a supervisor makes are
//! caught with a call that shows them, and the explored states are all there are.

use std::path::Path;
use std::sync::Arc;
use std::sync::LazyLock;

use dana::bundle::Bundle;
use dana::call::Locale;
use dana::cli;
use dana::flow::{load, rules};
use dana::problem::Source;
use dana::prompt::catalog::Catalog;
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
        .replacen("patience = 8", "patience = 1", 1);
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
    let early = changed(&[("refused = \"not_created\"", "refused = \"created\"")]);
    shows(&early, "created_is_true", "заявка на визит техника создана");
}

/// Whenever it is said: also to fill a wait, and when a question is asked again.
#[test]
fn what_is_said_while_waiting_or_asking_again_is_caught() {
    let again = ["[\"confirm_ticket_silence_1\",", "[\"ticket_created\","];
    let ticket = [
        "ticket = [\"wait_ticket\",",
        "ticket = [\"ticket_created\",",
    ];
    let outage = ["look_up = [\"wait_1\",", "look_up = [\"outage\","];
    let number = ["look_up = [\"wait_1\",", "look_up = [\"ticket_number\","];
    for ([from, to], rule) in [
        (again, "created_is_true"),
        (ticket, "created_is_true"),
        (outage, "private"),
        (number, "every_step_works"),
    ] {
        let proof = prove(&changed(&[(from, to)]));
        assert!(
            broken(&proof).iter().any(|of| of == rule),
            "{to}: {:?}",
            broken(&proof)
        );
    }
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

/// Each back end that hangs is waited for with the same filler: a long one adds up.
#[test]
fn a_filler_that_is_too_long_is_caught() {
    let mut bundle = Bundle::clone(&changed(&[]));
    let prompts = Locale::ALL.iter().map(|&locale| {
        let path = format!("{}/prompts/{locale}.toml", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).expect("our own prompts");
        let long = format!("wait_1 = \"{} ", "подождите ".repeat(25));
        let text = text.replacen("wait_1 = \"", &long, 1);
        (locale, Source::new(format!("{locale}.toml"), text))
    });
    let catalog = Catalog::load(&prompts.collect::<Vec<_>>()).expect("a whole catalog");
    bundle.catalog = Arc::new(catalog);
    shows(&Arc::new(bundle), "no_long_wait", "subscriber  never");
}

#[test]
fn a_rule_that_nothing_could_break_is_called_vacuous() {
    let mut bundle = Bundle::clone(&changed(&[]));
    let text = "[rules.idle]\nkind = \"never\"\nat = { says = [\"ticket_created\"] }\n\
                when = { ticket = \"none\", identified = \"no\", fee = \"unpaid\" }\n";
    let rules = rules::load(&Source::new("r.toml", text), &bundle.flow, &bundle.catalog);
    bundle.rules = rules.expect("a rule").into();
    let proof = prove(&Arc::new(bundle));
    let verdicts: Vec<Verdict> = proof.verdicts().map(|(_, verdict)| verdict).collect();
    assert_eq!(verdicts, [Verdict::Vacuous]);
}

/// What is wrong with a file of rules, in a word, and the whole message of one.
#[test]
fn broken_rules_are_told_with_their_place() {
    let problem = |text: &str| {
        let rules = rules::load(&Source::new("r.toml", text), &BUNDLE.flow, &BUNDLE.catalog);
        rules.expect_err("broken").to_string()
    };
    let cases = [
        ("[rules.a]\nkind = \"nevr\"", "did you mean `never`?"),
        ("[rules.a]", "`kind` is missing"),
        ("rules = 7", "`rules` is not a table"),
        ("[rule.a]", "did you mean `rules`?"),
        (
            "[rules.a]\nkind = \"silence_within\"",
            "`seconds` is missing",
        ),
        (
            "[rules.a]\nkind = \"silence_within\"\nseconds = \"4\"",
            "a whole number is wanted here",
        ),
        (
            "[rules.a]\nkind = \"once\"\nat = 3",
            "a table is wanted here",
        ),
        (
            "[rules.a]\nkind = \"once\"\nat = { asks = [\"confirm_tiket\"] }",
            "did you mean `confirm_ticket`?",
        ),
        (
            "[rules.a]\nkind = \"once\"\nat = { does = [\"dance\"] }",
            "`dance` is no kind of step that this flow has",
        ),
        (
            "[rules.a]\nkind = \"once\"\nat = { steps = [\"ofer\"] }",
            "did you mean `offer`?",
        ),
        (
            "[rules.a]\nkind = \"once\"\nat = { says = [\"outge\"] }",
            "did you mean `outage`?",
        ),
        (
            "[rules.a]\nkind = \"only_if\"\nat = { steps = [\"offer\"] }",
            "this rule wants nothing",
        ),
        (
            "[rules.a]\nkind = \"never\"\nat = { steps = [\"offer\"] }\nwhen = { outage = \"paid\" }",
            "`outage` never gives `paid`",
        ),
        (
            "[rules.a]\nkind = \"never\"\nat = { steps = [\"offer\"] }\nwhen = { weather = \"fine\" }",
            "`weather` is no condition",
        ),
        (
            "[rules.a]\nkind = \"languages\"\nlanguages = [\"en\"]",
            "`en` is no language",
        ),
    ];
    for (text, wanted) in cases {
        let told = problem(text);
        assert!(told.contains(wanted), "`{wanted}` is not in\n{told}");
    }
    let huge = format!("# {}", "x".repeat(1 << 18));
    assert!(problem(&huge).contains("larger than"));
    let whole = "\
error: `nevr` is no kind of rule
 --> r.toml:2:8
  |
2 | kind = \"nevr\"
  |        ^^^^^^
  |
  = hint: did you mean `never`?

1 problem";
    assert_eq!(problem("[rules.a]\nkind = \"nevr\""), whole);
}
