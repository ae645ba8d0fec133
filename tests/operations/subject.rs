//! Who asks what is known of him gets it; who asks to be forgotten is, while the service writes on.

use std::fs;

use dana::call::{CallId, Disposition, Login, PhoneNumber};
use dana::dialog::event::{Capabilities, EndedBy, Event, Offer};
use dana::journal::cdr::fold;
use dana::journal::recorder::Recorder;
use dana::journal::{Entry, Header, Retention};
use dana::records::Spool;
use dana::seal::Keys;
use dana::store::sql::Sql;
use dana::store::{CallRow, Confirmed, Order, Payload, Store, StoreUrl};
use dana::time::{CallTime, WallTime};

use super::*;

/// The head of a call from that number.
pub(crate) fn header(id: &str, number: &str) -> Header {
    let offer = Offer {
        call: CallId::new(id).expect("an id"),
        call_key: format!("gateway:{id}:1").into(),
        from: PhoneNumber::parse(number),
        to: "3131".to_owned(),
        locale: None,
        capabilities: Capabilities {
            recognizer: true,
            transfer: true,
        },
        began: WallTime::from_unix_ms(1_760_418_000_000),
    };
    Header::new("bundle".to_owned(), 0, 0, offer)
}

fn record(recorder: &Recorder, id: &str, number: &str) {
    let mut call = recorder.begin(header(id, number));
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

/// Everything that a service has of two callers: recordings, records in the store, orders of tickets.
struct House {
    folder: tempfile::TempDir,
    recorder: Recorder,
    config: String,
}

const SUBJECT: &str = "+77770000101";
const OTHER: &str = "+77770000102";

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        crate::cli::key_file(&folder.path().join("journal.keys"));
        let recorder = Recorder::to_folder(folder.path(), keys(), Retention::FOR_EVER);
        let text = format!("[service]\nstate = {:?}\n", path(""));
        fs::write(folder.path().join("dana.toml"), text).expect("it is written");
        Self {
            config: path("dana.toml"),
            recorder: recorder.expect("a folder"),
            folder,
        }
    }

    async fn store(&self) -> Sql {
        let url = StoreUrl::sqlite(&self.folder.path().join("dana.db"));
        Sql::open(&url, &keys()).await.expect("a store")
    }

    /// A call and what the store has of it: all, or its record, or nothing yet.
    fn record(&self, id: &str, number: &str) {
        record(&self.recorder, id, number);
    }

    fn ask(&self, command: &str, number: &str) -> (Option<i32>, String, String) {
        dana(&[command, number, "--config", &self.config])
    }

    /// The calls and orders that are handed out of a number.
    fn export(&self, number: &str) -> (Vec<String>, Vec<String>) {
        let (code, lines, said) = self.ask("export-subject", number);
        assert_eq!(code, Some(0), "{said}");
        let (mut calls, mut orders) = (Vec::new(), Vec::new());
        for line in lines.lines() {
            let part: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let text = |at: &str| {
                part.pointer(at)
                    .and_then(|text| text.as_str())
                    .unwrap_or("")
            };
            if part["order"].is_null() {
                assert_eq!(text("/record/from"), number);
                let entries = part["entries"].as_array().map_or(0, Vec::len);
                calls.push(format!("{} {entries}", text("/record/call")));
            } else {
                assert_eq!(text("/order/login"), "0770000101");
                orders.push(format!(
                    "{} {}",
                    text("/order/state"),
                    text("/order/request/number")
                ));
            }
        }
        (calls, orders)
    }
}

fn keys() -> Keys {
    Keys::new([(1, [7; 32])])
}

/// An order of that number.
fn order(id: &str, number: &str) -> Order {
    Order {
        key: format!("ivr:gateway:{id}:1:technicianVisit"),
        login: Login::new("0770000101").expect("a login"),
        contact: PhoneNumber::parse(number),
        payload: Payload::new(format!("{{\"number\":\"{number}\"}}").into_bytes()),
    }
}

/// The record of a call whose recording is gone.
fn old(id: &str, number: &str) -> CallRow {
    let header = header(id, number);
    let record = fold(&[Entry::Header(Box::new(header))]).expect("a record");
    CallRow {
        call_key: record.call_key.to_string(),
        began: record.began.unix_ms(),
        resumes: 0,
        closed: true,
        from: record.from.clone(),
        body: serde_json::to_string(&record).expect("JSON"),
    }
}

#[tokio::test]
async fn a_subject_is_exported_whole_and_erased_while_the_service_writes() {
    let house = House::new();
    for (id, number) in [("c-1", SUBJECT), ("c-2", OTHER), ("c-3", SUBJECT)] {
        house.record(id, number);
    }
    let store = house.store().await;
    let rows = [old("c-0", SUBJECT), old("c-1", SUBJECT), old("c-2", OTHER)];
    store.put_calls(&rows).await.expect("an answer");
    let minute = Duration::from_mins(1);
    for (id, number) in [("c-1", SUBJECT), ("c-2", OTHER)] {
        store
            .record(&order(id, number), minute)
            .await
            .expect("an answer");
        let ticket = store.confirm(&order(id, number).key, id).await;
        assert_eq!(ticket, Ok(Confirmed::Done));
    }
    store
        .record(&order("c-3", SUBJECT), minute)
        .await
        .expect("an answer");

    let (calls, orders) = house.export(SUBJECT);
    assert_eq!(calls, ["c-1 4", "c-3 4", "c-0 0"]);
    assert_eq!(
        orders,
        [format!("done {SUBJECT}"), format!("sending {SUBJECT}")]
    );

    let (code, erased, said) = house.ask("erase-subject", SUBJECT);
    assert_eq!(code, Some(1), "an order has not ended");
    assert_eq!(
        erased,
        "erased of +777***01: 2 journals, 2 call records; in the store 2 call records, 1 orders of \
         tickets\n"
    );
    assert_eq!(
        said,
        "1 orders of tickets have not ended and stay: what was promised to the caller would be lost\n\n\
         hint: erase again when `dana tickets list` shows no open order of his\n\
         not reached: tickets in the ticket system, packed archives, backups\n"
    );
    // The service goes on in the file that it had open before.
    house.record("c-4", OTHER);
    let sending = vec![format!("sending {SUBJECT}")];
    assert_eq!(house.export(SUBJECT), (vec![], sending));
    let (calls, orders) = house.export(OTHER);
    assert_eq!(calls, ["c-2 4", "c-4 4"]);
    assert_eq!(orders, [format!("done {OTHER}")]);

    let ticket = store.confirm(&order("c-3", SUBJECT).key, "c-3").await;
    assert_eq!(ticket, Ok(Confirmed::Done));
    let (code, erased, said) = house.ask("erase-subject", SUBJECT);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        erased,
        "erased of +777***01: 0 journals, 0 call records; in the store 0 call records, 1 orders of \
         tickets\n"
    );
    assert_eq!(house.export(SUBJECT), (vec![], vec![]));
}

#[tokio::test]
async fn what_a_service_did_not_bring_to_its_store_before_it_stopped_is_told() {
    let house = House::new();
    house.record("c-1", OTHER);
    house.store().await.close().await;
    let spool = house.folder.path().join("spool");
    let spool = Spool::open(&spool, &keys()).expect("a spool");
    let record = serde_json::from_str(&old("c-1", OTHER).body);
    spool.push(&[record.expect("a record")]);
    let (code, erased, said) = house.ask("erase-subject", OTHER);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(
        erased,
        "erased of +777***02: 1 journals, 1 call records; in the store 0 call records, 0 orders of \
         tickets\n"
    );
    let wait = "call records wait to be stored, and may be his\n";
    assert!(said.starts_with(wait), "{said}");

    let nobody = house.ask("erase-subject", "nobody");
    assert_eq!(
        (nobody.0, nobody.2.as_str()),
        (Some(2), "error: that is no telephone number\n")
    );
}

#[tokio::test]
async fn without_the_store_nothing_is_erased() {
    let house = House::new();
    house.record("c-1", SUBJECT);
    let (code, erased, said) = house.ask("erase-subject", SUBJECT);
    assert_eq!((code, erased.as_str()), (Some(3), ""));
    assert!(said.starts_with("error: there is no store `"), "{said}");
    house.store().await.close().await;
    assert_eq!(house.export(SUBJECT), (vec!["c-1 4".to_owned()], vec![]));
}
