//! Who asks what is known of him gets it; who asks to be forgotten is, while the service writes on.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use dana::call::{CallId, Disposition, PhoneNumber};
use dana::dialog::event::{Capabilities, EndedBy, Event, Offer};
use dana::journal::recorder::Recorder;
use dana::seal::Keys;
use dana::journal::{Header, Retention};
use dana::time::{CallTime, WallTime};

use super::*;

fn record(recorder: &Recorder, id: &str, number: &str) {
    let offer = Offer {
        call: CallId::new(id).expect("an id"),
        call_key: format!("gateway:{id}:1"),
        from: PhoneNumber::parse(number),
        to: "3131".to_owned(),
        locale: None,
        capabilities: Capabilities {
            recognizer: true,
            transfer: true,
        },
        began: WallTime::from_unix_ms(1_760_418_000_000),
    };
    let mut call = recorder.begin(Header::new("bundle".to_owned(), 0, 0, offer));
    let at = CallTime::from_ms(1_000);
    call.event(at, Some(2), &Event::Answered);
    let ended = Event::CallEnded {
        by: EndedBy::Caller,
        sip_code: 0,
        q850_cause: 16,
    };
    call.event(at, Some(3), &ended);
    call.ended(at, Disposition::CallerHungUp);
    drop(call);
    assert!(recorder.flush(PATIENCE));
}

#[test]
fn a_subject_is_exported_whole_and_erased_while_the_service_writes() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("journal.keys");
    fs::write(&keys, format!("1 {}\n", "07".repeat(32))).expect("it is written");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).expect("ours");
    let sealed = Keys::new([(1, [7; 32])]);
    let recorder = Recorder::to_folder(folder.path(), sealed, Retention::FOR_EVER);
    let recorder = recorder.expect("a folder");
    let (subject, other) = ("+77770000101", "+77770000102");
    for (id, number) in [("c-1", subject), ("c-2", other), ("c-3", subject)] {
        record(&recorder, id, number);
    }
    let at = folder.path().display().to_string();
    let export = |number: &str| {
        let (code, lines, said) = dana(&["export-subject", number, &at]);
        assert_eq!(code, Some(0), "{said}");
        let calls = lines.lines().map(|line| {
            let call: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let record = &call["record"];
            assert_eq!(record["from"], number);
            assert_eq!(call["entries"].as_array().map(Vec::len), Some(4));
            record["call"].as_str().expect("an id").to_owned()
        });
        calls.collect::<Vec<_>>()
    };
    assert_eq!(export(subject), ["c-1", "c-3"]);

    let (code, erased, said) = dana(&["erase-subject", subject, &at]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(erased, "erased of +777***01: 2 journals, 2 call records\n");
    // The service goes on in the file that it had open before.
    record(&recorder, "c-4", other);
    assert_eq!(export(subject), Vec::<String>::new());
    assert_eq!(export(other), ["c-2", "c-4"]);
    let again = dana(&["erase-subject", other, &at]);
    assert_eq!(
        again.1, "erased of +777***02: 2 journals, 2 call records\n",
        "{}",
        again.2
    );

    let nobody = dana(&["erase-subject", "nobody", &at]);
    assert_eq!(
        (nobody.0, nobody.2.as_str()),
        (Some(2), "error: that is no telephone number\n")
    );
}
