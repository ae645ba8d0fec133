//! A supervisor's day: a talk that is kept as a script, a change in words, the flow as a picture,
//! the scripts through the real service.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::{dana, out};

/// The shipped bundle below `folder`, with a short patience and these changes, file by file.
fn bundle(folder: &Path, changes: &[(&str, &str, &str)]) -> PathBuf {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    for room in ["flows", "prompts", "grammars"] {
        fs::create_dir_all(folder.join(room)).expect("a folder");
        for file in fs::read_dir(home.join(room)).expect("our own files") {
            let file = file.expect("a file").path();
            let name = file.file_name().expect("a name");
            fs::copy(&file, folder.join(room).join(name)).expect("a copy");
        }
    }
    let short = ("flows/dana.toml", "patience = 8", "patience = 1");
    for (file, from, to) in [short].iter().chain(changes) {
        let path = folder.join(file);
        let text = fs::read_to_string(&path).expect("it is there");
        assert!(text.contains(from), "nothing to change: {from}");
        fs::write(&path, text.replacen(from, to, 1)).expect("it is written");
    }
    folder.to_owned()
}

#[test]
fn a_talk_is_kept_as_a_script_that_goes_the_same_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let saved = folder.path().join("saved.call").display().to_string();
    let lines = format!(
        "нет интернета\n/over да домашний\n/after 2 нет\n/back\n/delay ticket 3\nда создавайте\n\
         нет\n/save {saved}\n"
    );
    // The talk is over when the goodbye was said: what is saved is saved before.
    let lines = lines.replace("нет\n/save", "/save");
    let talk = dana(
        &[
            "talk",
            "--situation",
            "tests/calls/cable_fault_ticket_ru.call",
        ],
        &lines,
    );
    assert!(out(&talk).contains("caller  cuts in"), "{}", out(&talk));
    assert!(
        out(&talk).contains("заявка на визит техника создана"),
        "{}",
        out(&talk)
    );
    let text = fs::read_to_string(&saved).expect("it was saved");
    for line in [
        "  line_test   cable_fault after=4.000s",
        "  ticket      created TT-900345 after=3.000s",
        "  confirm_home    says \"да домашний\" over=0.6s",
        "  confirm_ticket  says \"да создавайте\"",
    ] {
        assert!(text.contains(line), "`{line}` is not in\n{text}");
    }
    assert_eq!(
        dana(&["test", "--bless", &saved], "").status.code(),
        Some(0)
    );
    let text = fs::read_to_string(&saved).expect("it is there");
    assert!(text.contains("caller  cuts in"), "{text}");
    assert!(text.contains("ticket: created TT-900345"), "{text}");
}

#[test]
fn a_script_goes_through_the_service_as_through_the_engine() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("short.call");
    let text = "situation\n  locale ru\n  outage known\ncaller\n  at 1.2s hangs up\n";
    fs::write(&script, text).expect("it is written");
    let path = script.display().to_string();
    assert_eq!(dana(&["test", "--bless", &path], "").status.code(), Some(0));
    let through = dana(&["test", "--against", "own", &path], "");
    assert_eq!(through.status.code(), Some(0), "{}", out(&through));
}

#[test]
fn a_change_is_told_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let old = bundle(&folder.path().join("old"), &[]);
    let old = old.display().to_string();
    let calls = ["--calls", "tests/calls/topic_change_tariff.call"];
    let new = bundle(
        &folder.path().join("new"),
        &[
            (
                "prompts/ru.toml",
                "Расскажите, что случилось?",
                "Слушаю вас.",
            ),
            (
                "flows/dana.toml",
                "tv = \"operator_tv\"",
                "tv = \"operator_damage\"",
            ),
            (
                "flows/dana.toml",
                "operator = \"operator_asked\"",
                "operator = \"operator_tv\"",
            ),
            (
                "flows/dana.toml",
                "[steps.operator_tv]",
                "[steps.operator_tv] # asked for",
            ),
            (
                "flows/dana.toml",
                "change_tariff = \"operator_topic\"",
                "change_tariff = \"operator_asked\"",
            ),
            (
                "flows/dana.toml",
                "ticket = [\"wait_ticket\", \"wait_2\"]",
                "ticket = [\"wait_ticket\", \"wait_1\"]",
            ),
        ],
    );
    let new = new.display().to_string();
    let told = dana(&["diff", &old, &new, calls[0], calls[1]], "");
    assert_eq!(told.status.code(), Some(1), "{}", out(&told));
    for line in [
        "change_tariff led to `operator_topic`, leads to `operator_asked`",
        "operator led to `operator_asked`, leads to `operator_tv`",
        "tv led to `operator_tv`, leads to `operator_damage`",
        "what is said while the ticket is waited for was wait_ticket, wait_2, is wait_ticket, wait_1",
        "prompt `open` [ru]",
        "  - Расскажите, что случилось?",
        "  + Слушаю вас.",
        "rule `a_person_is_near`: was holds, is broken",
        "calls that end otherwise",
    ] {
        assert!(
            out(&told).lines().any(|told| told == line),
            "`{line}` is not in\n{}",
            out(&told)
        );
    }
    let same = dana(&["diff", &old, &old, calls[0], calls[1]], "");
    assert_eq!(out(&same), "nothing changes for callers\n");
    assert_eq!(same.status.code(), Some(0));
}

#[test]
fn a_candidate_that_is_not_whole_is_refused_with_its_problems() {
    let folder = tempfile::tempdir().expect("a folder");
    let new = bundle(
        folder.path(),
        &[("flows/dana.toml", "no = \"declined\"", "no = \"declind\"")],
    );
    let new = new.display().to_string();
    let check = dana(&["check", "--flow", &new], "");
    assert_eq!(check.status.code(), Some(2));
    assert!(
        out(&check).contains("did you mean `declined`?"),
        "{}",
        out(&check)
    );
    assert_eq!(dana(&["prove", "--flow", &new], "").status.code(), Some(2));
    assert_eq!(dana(&["diff", ".", &new], "").status.code(), Some(2));
}

#[test]
fn the_picture_has_every_step_and_every_way() {
    let flow = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("flows/dana.toml"))
        .expect("our own flow");
    let steps = flow.lines().filter_map(|line| line.strip_prefix("[steps."));
    let steps: Vec<&str> = steps.filter_map(|line| line.strip_suffix(']')).collect();
    let svg = out(&dana(&["graph"], ""));
    let mermaid = out(&dana(&["graph", "--format", "mermaid"], ""));
    for step in &steps {
        assert!(
            svg.contains(&format!(">{step}</text>")),
            "{step} is not drawn"
        );
        assert!(
            mermaid.contains(&format!("\"{step}<br>")),
            "{step} is not written"
        );
    }
    assert!(mermaid.contains("-->|\"unpaid\"|"));
    let label = r##"fill="#445">unpaid</text>"##;
    assert!(svg.contains(label), "the outcome stands at its way");
}

#[test]
fn the_picture_counts_calls_and_reddens_ways_that_none_takes() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let call = home.join("tests/calls/fee_unpaid.call");
    let svg = out(&dana(
        &["graph", "--coverage", &call.display().to_string()],
        "",
    ));
    assert!(svg.contains(r##"fill="#445">unpaid (1)</text>"##));
    assert!(svg.contains(r##"fill="#c22">equipment_off (0)</text>"##));
}

#[test]
fn a_table_of_utterances_is_scored_and_a_label_that_is_none_is_told_with_its_line() {
    let score = |label: &str| {
        let table = format!(
            "id\tlocale\tquestion\texpected\ttext\na\tru\tconfirm_ticket\tno\tхочу отказаться\n\
             b\tru\tconfirm_ticket\t{label}\tнет не надо\n"
        );
        let scored = dana(&["understand", "--expect"], &table);
        let told = String::from_utf8_lossy(&scored.stderr).into_owned();
        (scored.status.code(), out(&scored), told)
    };
    let table = "b\tno\t950 (expected yes)\t«нет не надо» at confirm_ticket: the last word on it in \
                 «нет не надо»; then yes 0\n\
                 ru     yes/no     1 of    2   50.0 %\n   1 × yes understood as no\n\
                 all    1 of 2, 50.0 %; a wrong yes to a ticket: 0; a missed operator: 0\n";
    assert_eq!(score("yes"), (Some(1), table.to_owned(), String::new()));
    let labels = "\n\nhint: labels are yes no operator repeat other_topic unclear digits language_kk \
                  language_ru, and the subjects\n";
    for (label, what) in [
        ("yess", "`yess` is no label"),
        ("-", "the expected label is missing"),
    ] {
        let told = format!("error: stdin:3: {what}{labels}");
        assert_eq!(score(label), (Some(2), String::new(), told));
    }
}
