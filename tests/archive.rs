//! Archives: what was packed is read again, whatever is damaged is named and costs nothing else.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

use dana::archive::order::{all_cores, in_order};
use dana::archive::pack::{Packer, packets};
use dana::archive::{Archive, Fault, Recorded};
use dana::call::{CallId, PhoneNumber};
use dana::dialog::event::{Capabilities, EndedBy, Event, Offer};
use dana::journal::{Entry, Header};
use dana::seal::Keys;
use dana::time::{CallTime, WallTime};

fn keys() -> Keys {
    Keys::new([(7, [7; 32])])
}

fn call(number: u32) -> Vec<Entry> {
    let offer = Offer {
        call: CallId::new(&format!("call-{number}")).unwrap(),
        call_key: format!("gw/call-{number}/7").into(),
        from: PhoneNumber::parse("+77011234567"),
        to: "3131".to_owned(),
        locale: None,
        capabilities: Capabilities {
            recognizer: true,
            transfer: true,
        },
        began: WallTime::from_rfc3339("2026-01-10T20:00:00Z").unwrap(),
    };
    let event = |at, event| Entry::Event {
        at: CallTime::from_ms(at),
        seq: None,
        event,
    };
    let mut entries = vec![Entry::Header(Box::new(Header::new("b0", 0, 0, offer)))];
    for at in 0..number % 7 {
        entries.push(event(at, Event::Woke));
    }
    entries.push(event(
        9_000,
        Event::CallEnded {
            by: EndedBy::Caller,
            sip_code: 0,
            q850_cause: 16,
        },
    ));
    entries
}

fn pack(path: &Path, calls: &[Vec<Entry>], keys: &Keys) {
    let mut packer = Packer::new(fs::File::create(path).unwrap(), keys).unwrap();
    for calls in calls.chunks(10) {
        for packet in packets(calls).unwrap() {
            packer.push(packet).unwrap();
        }
    }
    packer.finish().unwrap();
}

fn text(calls: &[Vec<Entry>]) -> String {
    let line = |entry: &Entry| serde_json::to_string(entry).unwrap() + "\n";
    calls.iter().flatten().map(line).collect()
}

/// All calls in order, and what could not be read.
fn read(path: &Path, keys: Keys) -> (Vec<Vec<Entry>>, Vec<String>) {
    let archive = Archive::open(&[path.to_owned()], keys).unwrap();
    let (mut calls, mut faults) = (Vec::new(), Vec::new());
    let read: Result<(), ()> = in_order(
        all_cores(),
        archive.parts(),
        |part| {
            let calls = archive.read(&part);
            let rows: Vec<_> = archive.rows(&part).into_iter().flatten().collect();
            let read = calls.iter().flatten().filter_map(Recorded::row);
            // Records of a block outlive its text.
            assert!(read.into_iter().all(|row| rows.contains(&row)));
            calls
        },
        |part: Vec<Result<Recorded, Fault>>| {
            for call in part {
                match call {
                    Ok(call) => calls.push(call.entries),
                    Err(fault) => faults.push(
                        fault
                            .to_string()
                            .replace(&path.display().to_string(), "FILE"),
                    ),
                }
            }
            Ok(())
        },
    );
    read.unwrap();
    (calls, faults)
}

fn some_calls() -> Vec<Vec<Entry>> {
    (0..35).map(call).collect()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

#[test]
fn what_was_packed_is_read_again_plain_or_sealed() {
    let folder = Folder::new();
    let path = folder.file("a.archive");
    let calls = some_calls();
    for keys in [Keys::none(), keys()] {
        pack(&path, &calls, &keys);
        assert_eq!(read(&path, keys.clone()), (calls.clone(), vec![]));
        let archive = Archive::open(std::slice::from_ref(&path), keys).unwrap();
        assert_eq!(archive.calls(), Some(35));
        for number in 0..35 {
            let found = archive
                .find(&format!("gw/call-{number}/7"))
                .unwrap()
                .unwrap();
            assert_eq!(found.entries, call(number));
        }
        assert_eq!(archive.find("nobody"), None);
    }
    let locked = Archive::open(std::slice::from_ref(&path), Keys::none()).unwrap();
    let found = locked.find("gw/call-1/7");
    assert!(matches!(found, Some(Err(_))), "why it is not found is told");
    let (calls, faults) = read(&path, Keys::none());
    assert_eq!(calls, Vec::<Vec<Entry>>::new());
    assert_eq!(
        faults,
        [
            "FILE: sealed with key 7, which is not at hand: name its file (--keys, or the setting journal.keys)"
        ]
    );
    assert!(!fs::read_to_string(&path).is_ok_and(|text| text.contains("7701123")));
}

#[test]
fn a_flipped_bit_costs_a_block_and_names_its_calls() {
    let folder = Folder::new();
    let path = folder.file("a.archive");
    let calls = some_calls();
    pack(&path, &calls, &Keys::none());
    let whole = fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(13) {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        fs::write(&path, bytes).unwrap();
        let (read, faults) = read(&path, Keys::none());
        assert!(
            read.len() >= 25 || at < 42,
            "byte {at}: {} {faults:?}",
            read.len()
        );
        assert!(read.iter().all(|call| calls.contains(call)), "byte {at}");
        // A flip in the records or in the directory costs no call.
        assert!(read.len() == 35 || !faults.is_empty(), "byte {at}");
    }
}

#[test]
fn records_that_were_damaged_are_none_though_every_call_can_be_read() {
    let folder = Folder::new();
    let path = folder.file("a.archive");
    let calls = some_calls();
    pack(&path, &calls, &Keys::none());
    let records = || -> Vec<usize> {
        let archive = Archive::open(std::slice::from_ref(&path), Keys::none()).unwrap();
        let parts: Vec<_> = archive.parts().collect();
        let count = |part| archive.records(part).map_or(0, |records| records.len());
        parts.iter().map(count).collect()
    };
    assert_eq!(records().iter().sum::<usize>(), 35);
    let whole = fs::read(&path).unwrap();
    let damaged = (0..whole.len()).step_by(13).any(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        fs::write(&path, bytes).unwrap();
        read(&path, Keys::none()).0 == calls && records().contains(&0)
    });
    assert!(damaged, "no place is in the records alone");
}

#[test]
fn a_file_that_was_cut_off_gives_what_is_there() {
    let folder = Folder::new();
    let path = folder.file("a.archive");
    let calls = some_calls();
    pack(&path, &calls, &keys());
    let whole = fs::read(&path).unwrap();
    let mut most = 0;
    for len in (0..whole.len()).step_by(17).chain([whole.len() - 1]) {
        fs::write(&path, &whole[..len]).unwrap();
        let (read, faults) = read(&path, keys());
        // Too short to be anything: a line whose writer died.
        assert!(!faults.is_empty() || len < 13, "cut at {len}");
        assert_eq!(read, calls[..read.len()], "cut at {len}");
        assert!(read.len() >= most, "cut at {len}");
        most = read.len();
    }
    assert_eq!(most, 35);
}

#[test]
fn a_file_of_many_calls_names_what_cannot_be_read_and_reads_the_rest() {
    let folder = Folder::new();
    let path = folder.file("a.jsonl");
    let calls: Vec<Vec<Entry>> = some_calls();
    let one = text(&calls[..1]);
    let other = text(&calls[1..2]);
    let newer = "{\"header\":{\"format\":99,\"all\":\"else\"}}\n{\"strange\":1}\n";
    let torn = "{\"header\":{\"form";
    let broken = other.replacen("{\"event\"", "{\"evint\"", 1);
    fs::write(
        &path,
        format!("{{\"foreign\":1}}\n{{\"foreign\":2}}\n{one}{newer}{broken}{one}{torn}"),
    )
    .unwrap();
    assert_eq!(
        read(&path, Keys::none()),
        (
            vec![calls[0].clone(), calls[0].clone()],
            vec![
                "FILE:1: not an entry, at byte 10".to_owned(),
                "FILE:5: written in form 99, this build reads up to 2: use a newer build"
                    .to_owned(),
                "FILE:8: not an entry, at byte 8 (call gw/call-1/7)".to_owned(),
            ]
        )
    );
}

#[test]
fn a_line_without_end_costs_its_call_and_no_memory() {
    let folder = Folder::new();
    let path = folder.file("a.jsonl");
    let calls = some_calls();
    let long = "x".repeat(5_000_000);
    let [one, other, third] = [0, 1, 2].map(|call| text(&calls[call..=call]));
    fs::write(&path, format!("{one}{long}\n{other}{third}{long}\n{one}")).unwrap();
    assert_eq!(
        read(&path, Keys::none()),
        (
            vec![calls[1].clone(), calls[0].clone()],
            vec![
                "FILE:3: longer than 2097152 bytes (call gw/call-0/7)".to_owned(),
                "FILE:11: longer than 2097152 bytes (call gw/call-2/7)".to_owned(),
            ]
        )
    );
}

/// A call that went on with another service, whose folders are read as one.
#[test]
fn segments_of_several_services_are_one_call() {
    let folder = Folder::new();
    let whole = call(6);
    let mut later = whole[0].clone();
    if let Entry::Header(header) = &mut later {
        header.resume = 1;
    }
    let day = |service: &str| folder.file(service).join("journals/2026-01-11");
    for (service, name, entries) in [
        ("a", "gw%2Fcall-6%2F7.0.jsonl", &whole[..3]),
        (
            "b",
            "gw%2Fcall-6%2F7.1.jsonl",
            &[&[later.clone()], &whole[3..]].concat()[..],
        ),
        ("b", "gw%2Fcall-1%2F7.0.jsonl", &call(1)[..]),
    ] {
        fs::create_dir_all(day(service)).unwrap();
        fs::write(day(service).join(name), text(&[entries.to_vec()])).unwrap();
    }
    let archive = Archive::open(&[folder.file("a"), folder.file("b")], Keys::none()).unwrap();
    let joined = [&whole[..3], &[later], &whole[3..]].concat();
    let read: Vec<Vec<Entry>> = archive
        .parts()
        .flat_map(|part| archive.read(&part))
        .map(|call| call.unwrap().entries)
        .collect();
    assert_eq!(read, [call(1), joined.clone()]);
    let found = archive.find("gw/call-6/7").unwrap().unwrap();
    assert_eq!(found.entries, joined);
}

#[test]
fn a_call_is_found_whole_however_often_it_was_resumed() {
    let folder = Folder::new();
    let day = folder.file("a").join("journals/2026-01-11");
    fs::create_dir_all(&day).unwrap();
    let Entry::Header(header) = call(6)[0].clone() else {
        panic!("a header");
    };
    // One is lost.
    let mut heads = Vec::new();
    for resume in (0..150).filter(|resume| *resume != 70) {
        let header = Header {
            resume,
            ..(*header).clone()
        };
        let head = Entry::Header(Box::new(header));
        let name = format!("gw%2Fcall-6%2F7.{resume}.jsonl");
        fs::write(day.join(name), text(&[vec![head.clone()]])).unwrap();
        heads.push(head);
    }
    let archive = Archive::open(&[folder.file("a")], Keys::none()).unwrap();
    let found = archive.find("gw/call-6/7").unwrap().unwrap();
    assert_eq!(found.entries, heads);
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(200))]

    /// Whatever happened to a file: it is read to its end, and what the harm did not touch is whole.
    #[test]
    fn whatever_is_done_to_a_file_the_rest_of_it_is_read(
        packed: bool,
        harm in proptest::collection::vec((0usize..20_000, proptest::option::of(0u8..)), 1..4),
    ) {
        let folder = Folder::new();
        let path = folder.file("a.archive");
        let calls = some_calls();
        if packed {
            pack(&path, &calls, &Keys::none());
        } else {
            fs::write(&path, text(&calls)).unwrap();
        }
        let mut bytes = fs::read(&path).unwrap();
        for (at, byte) in &harm {
            let at = at % bytes.len();
            match byte {
                Some(byte) => bytes[at] = *byte,
                None => { bytes.remove(at); }
            }
        }
        fs::write(&path, bytes).unwrap();
        let archive = Archive::open(&[path], Keys::none()).unwrap();
        let read: Vec<Recorded> = archive
            .parts()
            .flat_map(|part| archive.read(&part))
            .flatten()
            .collect();
        let untouched = read.iter().filter(|call| calls.contains(&call.entries)).count();
        if !packed {
            // A harm may break a call, and a broken header the one before it.
            proptest::prop_assert!(untouched + 2 * harm.len() >= 35, "{untouched}");
        }
    }
}
