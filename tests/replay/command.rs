//! `dana replay` as people and programs meet it: an archive of the scripts' recordings, a candidate
//! folder with a change, what is printed, exit codes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dana::journal::Entry;
use dana::replay::again::{Again, again};

use crate::cli::{dana, out};
use crate::replay::{BUNDLE, RECORDINGS};

/// The recordings of some scripts as files, with a key of their own each.
fn archive(folder: &Path) -> PathBuf {
    let archive = folder.join("archive");
    fs::create_dir_all(&archive).expect("a folder");
    let wanted = [
        "fee_unpaid",
        "fee_disputed",
        "cable_fault_ticket_ru",
        "outage_kk",
    ];
    for (name, entries) in RECORDINGS.iter() {
        let name = name.trim_end_matches(".call");
        if wanted.contains(&name) {
            write(
                &archive.join(format!("{name}.0.jsonl")),
                &keyed(name, entries),
            );
        }
    }
    archive
}

fn keyed(name: &str, entries: &[Entry]) -> Vec<Entry> {
    let mut entries = entries.to_vec();
    if let Some(Entry::Header(header)) = entries.first_mut() {
        Arc::make_mut(&mut header.offer).call_key = name.into();
    }
    // The ticket's key is made of the call's.
    if let Some(Entry::Header(header)) = entries.first() {
        let key = format!("ivr:{}:technicianVisit", header.offer.call_key);
        for entry in &mut entries {
            use dana::dialog::action::Action;
            let Entry::Action { action, .. } = entry else {
                continue;
            };
            if let Action::CreateTicket(order, _) = action {
                order.key.clone_from(&key);
            } else if let Action::Transfer(transfer) = action
                && let Some(own) = &mut transfer.context.ticket_key
            {
                own.clone_from(&key);
            }
        }
    }
    entries
}

fn write(path: &Path, entries: &[Entry]) {
    let lines = entries.iter().map(|entry| {
        let line = serde_json::to_string(entry).expect("JSON");
        line + "\n"
    });
    fs::write(path, lines.collect::<String>()).expect("it is written");
}

/// Our own bundle below `folder`, where telling an unpaid fee counts as having answered.
fn candidate(folder: &Path) -> PathBuf {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let to = folder.join("candidate");
    for room in ["flows", "prompts", "grammars"] {
        fs::create_dir_all(to.join(room)).expect("a folder");
        for file in fs::read_dir(home.join(room)).expect("our own files") {
            let file = file.expect("a file").path();
            let name = file.file_name().expect("a name");
            fs::copy(&file, to.join(room).join(name)).expect("a copy");
        }
    }
    let path = to.join("flows/dana.toml");
    let text = fs::read_to_string(&path).expect("it is there");
    let (from, into) = ("\"informed_fee\"", "\"informed_topic\"");
    assert!(text.contains(from), "nothing to change");
    fs::write(&path, text.replacen(from, into, 1)).expect("it is written");
    to
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn what_a_recording_does_on_its_own_bundle_is_said_to_the_byte() {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = archive(folder.path());
    let replay = dana(&["replay", &text(&archive)], "");
    let expected = format!(
        "4 calls replayed on bundle {}: 4 to the byte, 0 to the byte as far as they are recorded, 0 differ\n",
        BUNDLE.hash
    );
    assert_eq!((replay.status.code(), out(&replay)), (Some(0), expected));

    // A service that said something else than the flow has it say.
    let (_, entries) = &RECORDINGS[0];
    let mut other = keyed("other", entries);
    let listen = other.iter_mut().find_map(|entry| match entry {
        Entry::Action {
            action: dana::dialog::action::Action::Listen(listen),
            ..
        } => Some(listen),
        Entry::Header(_)
        | Entry::Event { .. }
        | Entry::Action { .. }
        | Entry::Gap { .. }
        | Entry::Ended { .. } => None,
    });
    listen.expect("a question").no_input_ms = 4_000;
    let Some(Again::Differs(difference)) = again(&BUNDLE, &other) else {
        panic!("it is not noticed");
    };
    assert_eq!(
        difference.fields,
        ["action.listen.no_input_ms: 4000 != 5000"]
    );

    if let Some(Entry::Header(header)) = other.first_mut() {
        header.bundle = "0123456789abcdef0123456789abcdef".into();
    }
    write(&archive.join("other.0.jsonl"), &other);
    let replay = dana(&["replay", &text(&archive)], "");
    assert_eq!(replay.status.code(), Some(1));
    let talk = String::from_utf8_lossy(&replay.stderr).into_owned();
    assert!(
        talk.contains("1 calls were recorded on bundle 0123456789abcdef0123456789abcdef"),
        "{talk}"
    );
}

#[test]
fn a_candidate_is_reported_alike_by_any_number_of_threads_and_its_differences_are_reviewed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (archive, candidate) = (archive(folder.path()), candidate(folder.path()));
    let (archive, candidate) = (text(&archive), text(&candidate));
    let page = text(&folder.path().join("report.html"));
    let replay = |more: &[&str]| {
        let args = ["replay", &archive, "--flow", &candidate];
        dana(&[&args, more].concat(), "")
    };
    let one = replay(&["--threads", "1", "--html", &page]);
    assert_eq!(one.status.code(), Some(1));
    assert_eq!(out(&one), out(&replay(&["--threads", "3"])));
    let said = out(&one);
    for line in [
        "4 calls, recorded on bundle",
        "        3  end the same (0 by another way)",
        "        1  more\n",
        "1  hangs up: informed_fee -> hangs up: informed_topic\n",
        "disposition informed_fee -> informed_topic\n",
        "e.g. fee_unpaid\n",
    ] {
        assert!(said.contains(line), "`{line}` is not in\n{said}");
    }
    let html = fs::read_to_string(&page).expect("it is written");
    assert!(html.contains("<svg") && !html.contains("<script"), "{html}");
    assert!(!html.contains("+7777"), "a number is in the page");

    let list = text(&folder.path().join("expected.txt"));
    assert_eq!(
        replay(&["--expect", &list, "--bless"]).status.code(),
        Some(0)
    );
    assert_eq!(replay(&["--expect", &list]).status.code(), Some(0));
    fs::write(&list, "# nothing is expected\n").expect("it is written");
    let unexpected = replay(&["--expect", &list]);
    assert_eq!(unexpected.status.code(), Some(1));
    let talk = String::from_utf8_lossy(&unexpected.stderr).into_owned();
    assert!(
        talk.contains("not expected, 1 calls: different  more: "),
        "{talk}"
    );

    let shown = replay(&["--show", "fee_unpaid"]);
    let said = out(&shown);
    assert_eq!(shown.status.code(), Some(1), "{said}");
    assert!(said.contains("verdict   different"), "{said}");
    assert!(
        said.contains("parts at  more: hangs up: informed_fee"),
        "{said}"
    );
}

#[test]
fn what_if_needs_no_second_flow() {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = text(&archive(folder.path()));
    let what_if = |change: &str| dana(&["replay", &archive, "--what-if", change], "");
    let same = what_if("limits.no_input=7s");
    assert_eq!(same.status.code(), Some(0), "{}", out(&same));
    let bad = what_if("limits.nothing=7s");
    assert_eq!(bad.status.code(), Some(2));
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_replayed() {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = archive(folder.path());
    fs::write(archive.join("broken.0.jsonl"), "{\"header\":\n").expect("it is written");
    let replay = dana(&["replay", &text(&archive)], "");
    let talk = String::from_utf8_lossy(&replay.stderr).into_owned();
    assert_eq!(replay.status.code(), Some(1));
    assert!(
        out(&replay).starts_with("4 calls replayed"),
        "{}",
        out(&replay)
    );
    assert!(talk.contains("broken.0.jsonl:1"), "{talk}");
}

/// What a live service wrote: real HTTP back ends, real gRPC, wake-ups as late as the machine was.
/// The process that replays it lives in another time zone, and on a later day.
#[test]
fn a_recording_of_the_demo_is_replayed_to_the_byte_in_another_time_zone() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = text(&folder.path().join("state"));
    let demo = dana(&["demo", "--speed", "40", "--record", &record], "");
    assert_ne!(demo.status.code(), Some(3), "{}", out(&demo));
    let replay = std::process::Command::new(env!("CARGO_BIN_EXE_dana"))
        .args(["replay", &record])
        .env("TZ", "America/New_York")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("it starts");
    let said = out(&replay);
    assert_eq!(replay.status.code(), Some(0), "{said}");
    assert!(said.ends_with(" 0 differ\n"), "{said}");
    assert!(!said.starts_with("0 calls"), "{said}");
}

/// The same calls through the real gRPC service, with everything going wrong on the way.
#[test]
fn calls_are_made_again_through_the_service_whatever_happens_on_the_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = text(&archive(folder.path()));
    let faults = "duplicate=60,delay=60,reorder=60,drop=60,reconnect=60";
    for more in [&[][..], &["--faults", faults, "--seed", "7"]] {
        let args = ["replay", &archive, "--against", "own"];
        let replay = dana(&[&args[..], more].concat(), "");
        let expected =
            "4 calls through own: 4 the same, 0 different, 0 cannot be known, 0 broken\n";
        assert_eq!(
            (out(&replay).as_str(), replay.status.code()),
            (expected, Some(0))
        );
    }
}

/// One that was not recorded from begin to end is not made again, and the others are.
#[test]
fn a_call_without_its_beginning_or_its_end_cannot_be_made_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = archive(folder.path());
    let (_, whole) = RECORDINGS
        .iter()
        .find(|(name, _)| name == "outage_kk.call")
        .expect("a recording");
    let mut headless = keyed("headless", whole);
    if let Some(Entry::Header(header)) = headless.first_mut() {
        header.resume = 1;
    }
    write(&archive.join("headless.1.jsonl"), &headless);
    let endless = keyed("endless", &whole[..whole.len() - 2]);
    write(&archive.join("endless.0.jsonl"), &endless);
    let replay = dana(&["replay", &text(&archive), "--against", "own"], "");
    let expected = "\
endless  cannot know: the call is recorded without its end
headless  cannot know: the call is recorded without its beginning
6 calls through own: 4 the same, 0 different, 2 cannot be known, 0 broken
";
    assert_eq!(
        (out(&replay).as_str(), replay.status.code()),
        (expected, Some(0))
    );
}
