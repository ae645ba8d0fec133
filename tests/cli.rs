//! The commands as people and programs meet them: output, talk, exit codes.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

pub(crate) fn dana(args: &[&str], input: impl AsRef<[u8]>) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dana"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A command that does not read ends before all is written.
    let _ = stdin.write_all(input.as_ref());
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// The file of a key whose bytes are all 7.
pub(crate) fn key_file(path: &Path) {
    fs::write(path, format!("1 {}\n", "07".repeat(32))).expect("it is written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("ours");
}

pub(crate) fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn talk(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_shipped_bundle_is_good_and_its_scripts_pass() {
    let check = dana(&["check"], "");
    assert_eq!(check.status.code(), Some(0), "{}", talk(&check));
    assert!(out(&check).starts_with("dana: good, "), "{}", out(&check));
    let test = dana(&["test", "tests/calls/outage_kk.call"], "");
    assert_eq!(
        (test.status.code(), out(&test), talk(&test)),
        (Some(0), String::new(), "1 calls, 0 different\n".to_owned())
    );
}

#[test]
fn what_is_wrong_is_said_with_its_exit_code() {
    let cases: [(&[&str], i32, &str); 7] = [
        (&["chek"], 2, "unrecognized subcommand"),
        (
            &["check", "--bundle", "tests"],
            2,
            "a bundle is a folder with flows/",
        ),
        (&["test", "tests/nowhere"], 2, "tests/nowhere"),
        (
            &["test", "grammars/weights.bin"],
            2,
            "error: grammars/weights.bin: ",
        ),
        (&["talk", "--as", "nobody"], 2, "`nobody` is no number"),
        (&["serve", "--config", "Cargo.toml"], 2, "Cargo.toml"),
        (
            &["mock", "--listen", "192.0.2.1:1"],
            3,
            "cannot serve at 192.0.2.1:1",
        ),
    ];
    for (args, code, word) in cases {
        let output = dana(args, "");
        assert_eq!(
            output.status.code(),
            Some(code),
            "{args:?}: {}",
            talk(&output)
        );
        assert!(talk(&output).contains(word), "{args:?}: {}", talk(&output));
    }
}

#[test]
fn a_difference_is_shown_line_by_line_and_is_exit_code_1() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("differs.call");
    let text =
        "situation\n  locale ru\ncaller\n  open presses 0\nconversation\n   0.000  Dana    sings\n";
    fs::write(&script, text).expect("it is written");
    let path = script.display().to_string();
    let output = dana(&["test", &path], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        out(&output).contains("\n-    0.000  Dana    sings\n"),
        "{}",
        out(&output)
    );
    assert!(
        out(&output).contains("\n+ ending  transferred_operator"),
        "{}",
        out(&output)
    );

    assert_eq!(dana(&["test", "--bless", &path], "").status.code(), Some(0));
    assert_eq!(dana(&["test", &path], "").status.code(), Some(0));
    fs::write(&script, "situaton\n").expect("it is written");
    assert_eq!(dana(&["test", "--bless", &path], "").status.code(), Some(2));
    let empty = tempfile::tempdir().expect("a folder");
    let nothing = dana(&["test", &empty.path().display().to_string()], "");
    assert_eq!(nothing.status.code(), Some(2), "{}", talk(&nothing));
}

#[test]
fn a_bless_rewrites_what_is_expected_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("new.call");
    let text = "situation\n  locale ru\ncaller\n  open presses 0\nconversation\n";
    fs::write(&script, text).expect("it is written");
    let path = script.display().to_string();
    assert_eq!(dana(&["test", "--bless", &path], "").status.code(), Some(0));
    let blessed = fs::read_to_string(&script).expect("it is there");
    assert!(
        blessed.starts_with("situation\n  locale ru\ncaller\n  open presses 0\nconversation\n")
    );
}

#[test]
fn one_can_be_the_caller_line_by_line_in_both_languages() {
    let russian = "нет интернета\nда домашний\nда создайте\nнет спасибо\n";
    let kazakh = "интернет жоқ\nиә үйдегі\nиә жасаңыз\nжоқ рақмет\n";
    for (locale, number, lines) in [
        ("ru", "+77770000101", russian),
        ("kk", "+77770000102", kazakh),
    ] {
        let output = dana(&["talk", "--as", number, "--locale", locale], lines);
        assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
        let last = out(&output).lines().last().unwrap_or_default().to_owned();
        assert!(
            last.starts_with("ending  ticket_created, tickets 1,"),
            "{}",
            out(&output)
        );
    }
    let hang_up = dana(
        &["talk", "--situation", "tests/calls/outage_kk.call"],
        "/hangup\n",
    );
    assert!(
        out(&hang_up).contains("ended by caller"),
        "{}",
        out(&hang_up)
    );
}

/// What a person has reviewed stays as it is.
#[test]
fn scripts_for_what_none_takes_are_written_beside_those_that_are_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let (scripts, exits) = (folder.path(), folder.path().join("exits"));
    let outage = "tests/calls/outage_kk.call";
    fs::copy(outage, scripts.join("outage.call")).expect("it is copied");
    fs::create_dir(&exits).expect("a folder");
    let path = scripts.display().to_string();
    let reviewed = fs::read_to_string(outage).expect("a script");
    fs::write(exits.join("home_hung_up.call"), &reviewed).expect("it is written");
    let wrote = dana(&["test", "--write-missing", "--format", "json", &path], "");
    assert_eq!(wrote.status.code(), Some(0), "{}", talk(&wrote));
    assert_eq!(
        fs::read_to_string(exits.join("home_hung_up.call")).expect("a script"),
        reviewed
    );
    for line in out(&wrote).lines() {
        serde_json::from_str::<serde_json::Value>(line).expect(line);
    }
    assert!(
        out(&wrote).contains("home_hung_up_2.call"),
        "{}",
        out(&wrote)
    );
}

#[test]
fn who_types_what_is_no_text_is_asked_again() {
    let output = dana(&["talk"], b"\xFF\n/hangup\n");
    assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
    assert!(
        talk(&output).contains("no text in UTF-8"),
        "{}",
        talk(&output)
    );
    assert!(out(&output).contains("ended by caller"), "{}", out(&output));
}

#[test]
fn a_script_that_cannot_be_read_is_told_where_and_why() {
    let cases = [
        ("situaton\n", "1:1", "this is no section"),
        (
            "situation\n  outage maybe\n",
            "2:10",
            "`maybe` is not known here",
        ),
        (
            "situation\n  fee paid after=soon\n",
            "2:12",
            "a duration is wanted here",
        ),
        ("situation\n  number 12\n", "2:10", "this is no number"),
        (
            "situation\n  now yesterday\n",
            "2:7",
            "a date and time is wanted here",
        ),
        (
            "caller\n  opne says \"да\"\n",
            "2:3",
            "`opne` is not known here",
        ),
        ("caller\n  open sings\n", "2:8", "`sings` is not known here"),
        ("caller\n  open presses 1a\n", "2:16", "these are no keys"),
        ("caller\n  open\n", "2:3", "the caller does nothing here"),
    ];
    for (text, place, title) in cases {
        let source = dana::problem::Source::new("x.call", text);
        let problems = dana::script::parse::parse(&source).expect_err(text);
        let problem = problems.iter().next().expect("a problem");
        let (_, line, column) = problem.location();
        assert_eq!(
            (format!("{line}:{column}").as_str(), problem.title()),
            (place, title)
        );
    }
}
