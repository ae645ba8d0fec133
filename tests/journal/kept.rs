//! Journals at rest: sealed, kept as long as the retention says, read though they are old.

use std::fs;

use dana::journal::Entry;
use dana::journal::Retention;
use dana::journal::reader;
use dana::journal::recorder::Recorder;
use dana::seal::Keys;
use dana::time::WallTime;

use super::{DEADLINE, head, header, keys, read, whole_call, write};

#[test]
fn what_is_on_the_disk_says_nothing_without_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::to_folder(folder.path(), keys(), Retention::FOR_EVER).unwrap();
    let mut call = recorder.begin(header(0));
    // What is written at once is sealed together.
    for entries in whole_call().chunks(2) {
        write(&mut call, entries);
        assert!(recorder.flush(DEADLINE));
    }
    drop(call);
    assert!(recorder.flush(DEADLINE));
    let path = folder
        .path()
        .join("journals/2026-01-11/gw%2Fcall-1%2F7.0.jsonl");
    for file in [&path, &folder.path().join("cdr/2026-01-11.jsonl")] {
        let bytes = fs::read_to_string(file).unwrap();
        assert!(
            !bytes.contains("7701123") && !bytes.contains("header"),
            "{bytes}"
        );
    }
    let said = |keys: &Keys| -> Vec<String> {
        let errors = reader::read(&path, keys).filter_map(Result::err);
        errors
            .map(|e| e.to_string().replace(&path.display().to_string(), "FILE"))
            .collect()
    };
    assert_eq!(
        said(&Keys::new([(8, [8; 32])])),
        [
            "FILE:1: sealed with key 7, which is not at hand: name its file (--keys, or the setting journal.keys)"
        ]
    );
    // An older key still opens; a line that was changed or moved is told.
    assert_eq!(
        said(&Keys::new([(8, [8; 32]), (7, [7; 32])])),
        Vec::<String>::new()
    );
    let written = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<&str> = written.lines().collect();
    lines.swap(2, 3);
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    assert_eq!(
        said(&keys()),
        [
            "FILE:3: sealed, and not as it was written",
            "FILE:4: sealed, and not as it was written"
        ]
    );
}

#[test]
fn what_is_too_old_or_too_much_is_deleted_oldest_first_and_none_of_today() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, [b'x'; 100]).unwrap();
    };
    let left = || {
        let mut names: Vec<String> = Vec::new();
        for day in fs::read_dir(folder.path().join("journals")).unwrap() {
            let day = day.unwrap();
            let date = day.file_name().into_string().unwrap();
            names.extend(fs::read_dir(day.path()).unwrap().map(|file| {
                format!(
                    "{date}/{}",
                    file.unwrap().file_name().into_string().unwrap()
                )
            }));
        }
        names.sort();
        names
    };
    for name in [
        "journals/2026-01-01/a.0.jsonl",
        "journals/2026-01-08/b.0.jsonl",
        "journals/2026-01-09/c.0.jsonl",
        "journals/2026-01-10/d.0.jsonl",
        "journals/2026-01-10/e.0.jsonl",
        "cdr/2026-01-01.jsonl",
        "cdr/2026-01-10.jsonl",
    ] {
        put(name);
    }
    let now = WallTime::from_rfc3339("2026-01-10T23:00:00+05:00").unwrap();
    let prune = |days, bytes| Retention { days, bytes }.prune(folder.path(), now).unwrap();
    assert_eq!(prune(7, 1_000), 2);
    let kept = [
        "2026-01-08/b.0.jsonl",
        "2026-01-09/c.0.jsonl",
        "2026-01-10/d.0.jsonl",
        "2026-01-10/e.0.jsonl",
    ];
    assert_eq!(left(), kept);
    assert_eq!(prune(7, 350), 1);
    assert_eq!(left(), kept[1..]);
    assert_eq!(prune(7, 1), 1);
    assert_eq!(left(), kept[2..]);
    assert!(!folder.path().join("cdr/2026-01-01.jsonl").exists());
    assert!(folder.path().join("cdr/2026-01-10.jsonl").exists());
}

#[test]
fn an_older_form_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let now = serde_json::to_string(&head(0)).unwrap();
    let then = now
        .replace("\"format\":2", "\"format\":1")
        .replace("\"time_zone\":\"+05:00\",", "");
    assert_ne!(now, then);
    fs::write(&path, then + "\n").unwrap();
    let mut expected = header(0);
    expected.format = 1;
    assert_eq!(read(&path), [Entry::Header(Box::new(expected))]);
}
