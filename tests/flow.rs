//! Broken flows, each with the whole message that it gets (`tests/flow/broken.txt`), and a flow
//! that is good. The service never runs on half a flow.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use dana::call::{Locale, Topic};
use dana::flow::Flow;
use dana::flow::load::load;
use dana::problem::{Problems, Source};
use dana::prompt::catalog::Catalog;
use proptest::prelude::*;

/// A small flow that is good.
fn good() -> String {
    let topics: Vec<String> = Topic::ALL
        .iter()
        .map(|topic| format!("{topic} = \"home\""))
        .collect();
    let topics = topics.join("\n");
    format!(
        r#"name = "small"
start = "hello"

[always]
operator = "operator"
patience = "operator"
trouble = "operator"

[topics]
{topics}

[late.outage]
known = "outage"

[waiting]
look_up = ["wait"]
ticket = ["wait"]

[limits]
patience = 8

[steps.hello]
kind = "say"
say = ["hello"]
next = "who"

[steps.who]
kind = "look_up"
look_up = "outage"
on = {{ known = "outage", none = "open", unavailable = "open" }}

[steps.outage]
kind = "say"
say = ["outage"]
outcome = "informed_outage"
next = "open"

[steps.open]
kind = "ask"
question = "open"
say = ["open"]
no_input = ["again", "again"]
no_match = ["again", "again"]
on = {{ confirm = "sure", no_input = "bye", no_match = "operator" }}

[steps.sure]
kind = "ask"
question = "confirm_topic"
say = ["about_{{topic}}"]
no_input = ["again", "again"]
no_match = ["again", "again"]
on = {{ no = "open", no_input = "bye", no_match = "operator" }}

[steps.home]
kind = "when"
when = "peak_period"
on = {{ yes = "operator", no = "bye" }}

[steps.operator]
kind = "transfer"
say = ["hello"]
queue = "operator"
reason = "topic"
on = {{ connected = "gone", busy = "bye", no_answer = "bye", declined = "bye", failed = "bye" }}

[steps.gone]
kind = "hang_up"
disposition = "transferred_operator"

[steps.bye]
kind = "hang_up"
say = ["hello"]
disposition = "outcome"
"#
    )
}

fn catalog() -> Catalog {
    let mut text =
        "hello = \"x\"\nwait = \"x\"\noutage = \"x\"\nopen = \"x\"\nagain = \"x\"\n".to_owned();
    for topic in Topic::ALL {
        writeln!(text, "about_{topic} = \"x\"").expect("a string takes it");
    }
    let file = |&locale: &Locale| (locale, Source::new(format!("{locale}.toml"), text.as_str()));
    Catalog::load(&Locale::ALL.iter().map(file).collect::<Vec<_>>()).expect("a good catalog")
}

fn read(text: &str) -> Result<Flow, Problems> {
    let source: Arc<Source> = Source::new("flow.toml", text);
    load(&source, &catalog())
}

/// What is changed, and into what.
const BROKEN: &[(&str, &str)] = &[
    ("start = \"hello\"", "start = \"hello"),
    ("start = \"hello\"", ""),
    ("start = \"hello\"", "start = \"helo\""),
    ("start = \"hello\"", "start = 7"),
    ("name = \"small\"", "nam = \"small\""),
    ("operator = \"operator\"\npatience", "patience"),
    ("trouble = \"operator\"", "trubble = \"operator\""),
    ("tv = \"home\"\n", ""),
    ("tv = \"home\"", "tv = \"nowhere\""),
    ("tv = \"home\"", "television = \"home\""),
    (
        "known = \"outage\"\n\n[waiting]",
        "open = \"outage\"\n\n[waiting]",
    ),
    ("[late.outage]", "[late.outrage]"),
    ("look_up = [\"wait\"]\n", ""),
    ("look_up = [\"wait\"]", "look_up = \"wait\""),
    ("look_up = [\"wait\"]", "look_up = [\"wate\"]"),
    ("patience = \"operator\"", "patience = \"open\""),
    ("patience = \"operator\"", "patience = \"bye\""),
    ("trouble = \"operator\"", "trouble = \"who\""),
    ("patience = 8", "patienc = 8"),
    ("patience = 8", "patience = 0"),
    ("patience = 8", "patience = \"eight\""),
    ("patience = 8", "no_input = 5"),
    ("patience = 8", "filler_after_ms = 5000"),
    ("patience = 8", "accept_permille = 200"),
    (
        "kind = \"say\"\nsay = [\"hello\"]",
        "kind = \"sing\"\nsay = [\"hello\"]",
    ),
    ("kind = \"say\"\nsay = [\"hello\"]", "say = [\"hello\"]"),
    (
        "kind = \"say\"\nsay = [\"hello\"]",
        "kind = \"say\"\nsay = [\"hallo\"]",
    ),
    ("kind = \"say\"\nsay = [\"hello\"]", "kind = \"say\""),
    (
        "kind = \"say\"\nsay = [\"hello\"]",
        "kind = \"say\"\nsay = [\"hello\"]\nqueue = \"operator\"",
    ),
    (
        "kind = \"say\"\nsay = [\"hello\"]",
        "kind = \"say\"\nsay = [\"hello\"]\nbarge_in = \"some\"",
    ),
    ("next = \"who\"", "next = \"whom\""),
    ("next = \"who\"", ""),
    ("look_up = \"outage\"", "look_up = \"outages\""),
    ("none = \"open\", unavailable = \"open\"", "none = \"open\""),
    ("none = \"open\"", "none = \"open\", paid = \"open\""),
    ("none = \"open\"", "nothing = \"open\""),
    (
        "outcome = \"informed_outage\"",
        "outcome = \"informed_outrage\"",
    ),
    ("question = \"open\"", "question = \"opening\""),
    (
        "no_input = [\"again\", \"again\"]\nno_match = [\"again\", \"again\"]\non = { confirm",
        "no_input = [\"again\"]\nno_match = [\"again\", \"again\"]\non = { confirm",
    ),
    (
        "no_input = [\"again\", \"again\"]\nno_match = [\"again\", \"again\"]\non = { confirm",
        "no_match = [\"again\", \"again\"]\non = { confirm",
    ),
    ("about_{topic}", "abuot_{topic}"),
    ("when = \"peak_period\"", "when = \"peak\""),
    ("queue = \"operator\"", "queue = \"operators\""),
    ("reason = \"topic\"", "reason = \"caller_askd\""),
    ("connected = \"gone\"", "connected = \"bye\""),
    ("disposition = \"outcome\"", "disposition = \"outcomes\""),
    ("disposition = \"outcome\"", ""),
    ("[steps.bye]", "[steps.Bye]"),
    ("[steps.bye]", "[steps.gone]"),
    ("next = \"open\"", "next = \"hello\""),
    (
        "yes = \"operator\", no = \"bye\"",
        "yes = \"home\", no = \"bye\"",
    ),
    (
        "[steps.gone]",
        "[steps.lost]\nkind = \"say\"\nsay = [\"hello\"]\nnext = \"bye\"\n\n[steps.gone]",
    ),
    ("[steps.hello]", "[steps]\nhello = 3\n\n[steps.hallo]"),
    (
        "kind = \"hang_up\"\nsay",
        "kind = \"say\"\nnext = \"bye\"\nsay",
    ),
];

#[test]
fn a_good_flow_is_read_whole() {
    let flow = read(&good()).expect("it is good");
    let names: Vec<&str> = flow.steps().map(|(_, step)| step.name.as_ref()).collect();
    let wanted = [
        "hello", "who", "outage", "open", "sure", "home", "operator", "gone", "bye",
    ];
    assert_eq!(names, wanted);
}

#[test]
fn each_broken_flow_gets_its_whole_message() {
    let mut all = String::new();
    for (at, (from, to)) in BROKEN.iter().enumerate() {
        let text = good();
        assert!(text.contains(from), "row {at}: nothing to change");
        let problems = read(&text.replacen(from, to, 1)).expect_err(&format!("row {at} is broken"));
        writeln!(all, "=== {from:?} -> {to:?}\n{problems}\n").expect("a string takes it");
    }
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let expected = fs::read_to_string(home.join("tests/flow/broken.txt")).unwrap_or_default();
    if all != expected {
        let now = Path::new(env!("CARGO_TARGET_TMPDIR")).join("broken.txt");
        fs::write(&now, &all).expect("a place to write to");
        panic!(
            "messages have changed: compare tests/flow/broken.txt with {}",
            now.display()
        );
    }
}

#[test]
fn hostile_files_are_refused_within_limits() {
    let huge = format!("{}# {}", good(), "x".repeat(1 << 20));
    assert!(
        read(&huge)
            .expect_err("too large")
            .to_string()
            .contains("larger than")
    );
    let nested = format!(
        "{}x = {}1{}",
        good(),
        "[".repeat(20_000),
        "]".repeat(20_000)
    );
    assert!(read(&nested).is_err());
    let crowd = format!(
        "{}[steps]\n{}",
        "name = \"x\"\n",
        "aaaa={}\n".repeat(70_000)
    );
    assert!(read(&crowd).is_err());
    let mut many = good();
    for at in 0..1_001 {
        write!(many, "\n[steps.s{at}]\nkind = \"say\"\n").expect("a string takes it");
    }
    assert!(
        read(&many)
            .expect_err("too many")
            .to_string()
            .contains("more than 1000 steps")
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn any_slip_of_the_pen_is_a_message_and_never_a_panic(
        at in any::<prop::sample::Index>(),
        length in 0usize..40,
        put in "[\\[\\]={}\"a-z_. \n0-9]{0,6}",
    ) {
        let characters: Vec<char> = good().chars().collect();
        let at = at.index(characters.len());
        let (head, rest) = characters.split_at(at);
        let tail = rest.iter().skip(length);
        let text: String = head.iter().copied().chain(put.chars()).chain(tail.copied()).collect();
        if let Err(problems) = read(&text) {
            prop_assert!(!problems.to_string().is_empty());
        }
    }
}
