//! `dana archive`, `dana calls`, `dana report` and `dana test --weight` as they are called.

use std::fs;
use std::path::Path;

use dana::audio::wav::write_stereo;

use crate::cli::{dana, out};

/// The output of a command that ended so.
fn said(args: &[&str], code: i32) -> String {
    let output = dana(args, "");
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {talk}");
    out(&output)
}

fn make(folder: &Path, name: &str, args: &[&str]) -> String {
    let path = folder.join(name).display().to_string();
    let base = [
        "archive", "make", "--calls", "150", "--days", "3", "--output", &path,
    ];
    said(&[&base[..], args].concat(), 0);
    path
}

#[test]
fn an_archive_is_made_listed_reported_and_exported_alike_for_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let one = make(folder.path(), "one.archive", &["--threads", "1"]);
    let three = make(folder.path(), "three.archive", &["--threads", "3"]);
    assert_eq!(fs::read(&one).unwrap(), fs::read(&three).unwrap());
    // None is overwritten.
    said(&["archive", "make", "--output", &one], 3);

    let list = said(&["calls", "list", &one, "--threads", "1"], 0);
    assert_eq!(list, said(&["calls", "list", &one, "--threads", "3"], 0));
    assert_eq!(list.lines().count(), 151);
    assert!(!list.contains("+7000"), "{list}");
    let html = folder.path().join("calls.html").display().to_string();
    let report = said(&["report", &one, "--threads", "1", "--html", &html], 0);
    // What is named twice is read once.
    assert_eq!(report, said(&["report", &one, &one, "--threads", "3"], 0));
    assert!(report.starts_with("150 calls, "), "{report}");
    let page = fs::read_to_string(&html).unwrap();
    assert!(page.contains("<svg") && !page.contains("<script") && !page.contains("http:"));

    // JSON lines, packed again, are the same calls.
    let exported = said(&["calls", "export", &one], 0);
    let lines = folder.path().join("calls.jsonl");
    fs::write(&lines, &exported).unwrap();
    let packed = folder.path().join("packed.archive").display().to_string();
    said(
        &[
            "archive",
            "pack",
            &lines.display().to_string(),
            "--output",
            &packed,
        ],
        0,
    );
    assert_eq!(fs::read(&one).unwrap(), fs::read(&packed).unwrap());
    let verified = said(&["calls", "verify", &one], 0);
    let last = verified.lines().last().unwrap();
    assert!(
        last.starts_with("150 calls can be read; 0 have no beginning, "),
        "{verified}"
    );
    assert!(
        last.ends_with(" no end, 0 gaps, 0 a wrong record"),
        "{verified}"
    );
}

#[test]
fn calls_are_chosen_and_one_is_shown_with_its_decisions() {
    let folder = tempfile::tempdir().unwrap();
    let archive = make(folder.path(), "a.archive", &[]);
    let chosen = |args: &[&str]| {
        let list = said(
            &[&["calls", "list", &archive, "--format", "json"], args].concat(),
            0,
        );
        list.lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .collect::<Vec<_>>()
    };
    let all = chosen(&[]);
    let told = chosen(&["--disposition", "informed_topic"]);
    assert!(
        !told.is_empty()
            && told
                .iter()
                .all(|call| call["disposition"] == "informed_topic")
    );
    let asked = chosen(&["--reason", "caller_asked", "--reason", "no_fault_found"]);
    assert!(!asked.is_empty() && asked.len() < all.len());
    let caller = all.iter().find_map(|call| call["caller"].as_str()).unwrap();
    let own = chosen(&["--number", caller]);
    assert!(!own.is_empty() && own.iter().all(|call| call["caller"] == caller));
    let day = chosen(&["--from", "2026-01-13", "--to", "2026-01-14"]);
    assert!(
        !day.is_empty()
            && day
                .iter()
                .all(|call| call["began"].as_str().unwrap().starts_with("2026-01-13"))
    );
    assert_eq!(chosen(&["--limit", "3"]).len(), 3);

    let key = told[0]["call"].as_str().unwrap();
    let shown = said(&["calls", "show", &archive, "--call", key], 0);
    for word in [
        "call    offered from",
        "Dana    answers",
        "means   ",
        "step    ",
        "ending  informed_topic",
    ] {
        assert!(shown.contains(word), "{word}:\n{shown}");
    }
    said(&["calls", "show", &archive, "--call", "nobody"], 2);
    said(&["calls", "list", &archive, "--disposition", "happy"], 2);
}

#[test]
fn traffic_weighs_what_tests_do_not_do() {
    let folder = tempfile::tempdir().unwrap();
    let archive = make(folder.path(), "a.archive", &[]);
    let script = "tests/calls/outage_kk.call";
    let weighed = said(&["test", script, "--coverage", "--weight", &archive], 0);
    let mut lines = weighed.lines();
    assert_eq!(
        lines.next(),
        Some("150 calls went as this flow goes; 0 did not, and are not counted")
    );
    assert!(lines.next().unwrap().ends_with(", 0 tests do"), "{weighed}");
    assert!(weighed.contains(", 1 test does"), "{weighed}");
}

#[test]
fn what_cannot_be_read_is_named_and_is_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("others.jsonl");
    fs::write(&path, "{\"somebody\":\"else\"}\n{}\n").unwrap();
    let output = dana(&["calls", "list", &path.display().to_string()], "");
    assert_eq!(output.status.code(), Some(1));
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(
        talk.replace(&path.display().to_string(), "FILE"),
        "error: FILE:1: not an entry, at byte 11\nwhat could not be read is left out\n"
    );
    said(&["report", "tests/nowhere"], 2);
}

#[test]
fn sound_and_a_transcript_become_a_recording() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    // 8 kHz: half a second of a loud buzz from 2 s on is taken for speech.
    let mut caller = vec![0i16; 8_000 * 5];
    for (at, sample) in caller.iter_mut().enumerate().skip(16_000).take(4_000) {
        *sample = if at / 40 % 2 == 0 { 6_000 } else { -6_000 };
    }
    fs::write(file("call.wav"), write_stereo(&caller, &[])).unwrap();
    let table = "from\tto\twho\tquestion\ttext\n0.2\t1.5\tdana\t\tЧем могу помочь?\n2.1\t2.6\tcaller\topen\tнет интернета\n";
    fs::write(file("call.tsv"), table).unwrap();
    let (wav, tsv) = (file("call.wav"), file("call.tsv"));
    let args = [
        "calls",
        "import",
        "--audio",
        &wav,
        "--transcript",
        &tsv,
        "--call",
        "pbx-1",
        "--began",
        "2026-01-12T09:00:00+05:00",
        "--number",
        "+77000000001",
        "--locale",
        "ru",
    ];
    let recording = said(&args, 0);
    let path = file("call.jsonl");
    fs::write(&path, &recording).unwrap();
    let key = "import:pbx-1:1768190400000";
    let shown = said(&["calls", "show", &path, "--call", key], 0);
    assert_eq!(
        shown,
        "   0.000  call    offered from +770***01, language hint ru
   0.000  Dana    answers
   0.000  silence 0.200 s
   0.200  Dana    [ru] Чем могу помочь?
   0.200  Dana    listens: open
   2.600  caller  «нет интернета»
   2.600  silence 2.400 s
   5.000  call    ended by caller
ending  caller_hung_up, tickets 0, dead air 2.600 s, misses 0
"
    );
    assert!(
        recording.contains("{\"at\":2000,\"seq\":4,\"event\":\"speech_started\"}"),
        "{recording}"
    );
    assert!(
        recording.contains("\"audio\":{\"file\":\"call.wav\""),
        "{recording}"
    );

    fs::write(
        file("call.tsv"),
        "from\tto\twho\tquestion\ttext\nx\t1\tdana\t\ta\n1\t2\tcaller\tnone\tb\n",
    )
    .unwrap();
    let output = dana(&args, "");
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        talk.contains("`x` is no time in seconds") && talk.contains("the question is one of open"),
        "{talk}"
    );
}

#[test]
fn a_call_that_is_not_there_and_an_archive_of_nothing_are_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let one = make(folder.path(), "one.archive", &[]);
    said(&["calls", "export", &one, "--call", "nope"], 2);
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let empty = empty.display().to_string();
    for args in [
        &["replay", &empty][..],
        &["replay", &empty, "--flow", "."],
        &["replay", &empty, "--against", "own"],
    ] {
        assert_eq!(said(args, 2), "");
    }
}
