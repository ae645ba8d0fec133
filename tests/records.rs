//! Call records on their way to the store, and calls that never came back.

use std::fs;
use std::time::Duration;

use dana::call::{CallId, Disposition, Login, PhoneNumber, ticket_key};
use dana::dialog::action::Action;
use dana::dialog::event::{Capabilities, EndedBy, Event, Offer};
use dana::journal::cdr::{Cdr, fold};
use dana::journal::recorder::Recorder;
use dana::journal::{Entry, Header, Retention};
use dana::records::{Spool, ship, sweep};
use dana::seal::Keys;
use dana::store::memory::Memory;
use dana::store::{IntentState, Order, Payload, Store};
use dana::time::{CallTime, WallTime};

fn header(call: &str, began: i64) -> Header {
    let offer = Offer {
        call: CallId::new(call).expect("an id"),
        call_key: format!("gateway:{call}:{began}").into(),
        from: PhoneNumber::parse("+77770000101"),
        to: "3131".to_owned(),
        locale: None,
        capabilities: Capabilities {
            recognizer: true,
            transfer: true,
        },
        began: WallTime::from_unix_ms(began),
    };
    Header::new("a-bundle".to_owned(), 0, 0, offer)
}

fn keys() -> Keys {
    Keys::new([(1, [7; 32])])
}

fn begun(call: &str, began: i64) -> Cdr {
    fold(&[Entry::Header(Box::new(header(call, began)))]).expect("a record")
}

fn ended(call: &str, began: i64) -> Cdr {
    Cdr {
        disposition: Some(Disposition::InformedOutage),
        ..begun(call, began)
    }
}

async fn stored(store: &Memory, record: &Cdr) -> Option<Cdr> {
    let row = store.call(&record.call_key).await.expect("an answer")?;
    Some(serde_json::from_str(&row.body).expect("a record"))
}

#[tokio::test]
async fn records_wait_on_disk_while_the_store_is_away_and_a_restart_forgets_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = Spool::open(folder.path(), &keys()).expect("a spool");
    spool.push(&[begun("c-1", 1_000)]);
    spool.push(&[ended("c-1", 1_000)]);
    drop(spool);
    // A process died in mid-line.
    let torn = folder.path().join("000000000007.jsonl");
    fs::write(&torn, b"{\"call\":\"c-9\",\"cal").expect("it is written");

    let spool = Spool::open(folder.path(), &keys()).expect("a spool");
    spool.push(&[begun("c-2", 2_000)]);
    let store = Memory::default();
    ship(&spool, &store).await.expect("it is taken");
    let first = stored(&store, &ended("c-1", 1_000)).await;
    assert_eq!(first, Some(ended("c-1", 1_000)), "the last word");
    let second = stored(&store, &begun("c-2", 2_000)).await;
    assert_eq!(second, Some(begun("c-2", 2_000)));
    let number = PhoneNumber::parse("+77770000101").expect("a number");
    let own = store.calls_of(&number, "", 9).await.expect("an answer");
    assert_eq!(own.len(), 2, "found by the number");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[tokio::test]
async fn records_whose_key_is_not_at_hand_wait_for_it_and_delay_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let both = Keys::new([(2, [8; 32]), (1, [7; 32])]);
    let spool = Spool::open(folder.path(), &both).expect("a spool");
    spool.push(&[ended("c-1", 1_000)]);
    drop(spool);

    let spool = Spool::open(folder.path(), &keys()).expect("a spool");
    spool.push(&[ended("c-2", 2_000)]);
    let store = Memory::default();
    let told = ship(&spool, &store).await.expect_err("it is told");
    let path = folder.path().join("000000000000.jsonl");
    let expected = format!(
        "the spool of call records: {}:1: sealed with key 2, which is not at hand: name its file \
         (--keys, or the setting journal.keys)",
        path.display()
    );
    assert_eq!(told.to_string(), expected);
    assert_eq!(stored(&store, &ended("c-1", 1_000)).await, None);
    assert!(stored(&store, &ended("c-2", 2_000)).await.is_some());

    let spool = Spool::open(folder.path(), &both).expect("a spool");
    ship(&spool, &store).await.expect("it is taken");
    assert!(stored(&store, &ended("c-1", 1_000)).await.is_some());
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[tokio::test]
async fn a_file_that_could_not_be_written_costs_its_record_and_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = Spool::open(folder.path(), &keys()).expect("a spool");
    let in_the_way = folder.path().join("000000000000.jsonl");
    fs::create_dir(&in_the_way).expect("a folder");
    spool.push(&[ended("c-1", 1_000)]);
    spool.push(&[ended("c-2", 2_000)]);
    fs::remove_dir(&in_the_way).expect("ours");
    let store = Memory::default();
    ship(&spool, &store).await.expect("it is taken");
    assert_eq!(stored(&store, &ended("c-1", 1_000)).await, None);
    assert!(stored(&store, &ended("c-2", 2_000)).await.is_some());
}

#[tokio::test]
async fn thousands_of_records_at_once_all_reach_the_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = Spool::open(folder.path(), &keys()).expect("a spool");
    let records: Vec<Cdr> = (0..5_000).map(|at| ended(&format!("c-{at}"), at)).collect();
    spool.push(&records);
    let store = Memory::default();
    ship(&spool, &store).await.expect("it is taken");
    for record in records {
        assert_eq!(stored(&store, &record).await, Some(record));
    }
    assert_eq!(spool.load(), (0, 0));
}

#[tokio::test]
async fn a_file_that_is_begun_while_others_are_shipped_is_left_to_its_writer() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = Spool::open(folder.path(), &keys()).expect("a spool");
    spool.push(&[ended("c-1", 1_000)]);
    // Stands for what this one begins in mid-shipping.
    let begins = Spool::open(folder.path(), &keys()).expect("a spool");
    begins.push(&[ended("c-2", 2_000)]);
    let store = Memory::default();
    ship(&spool, &store).await.expect("it is taken");
    assert!(stored(&store, &ended("c-1", 1_000)).await.is_some());
    begins.push(&[ended("c-3", 3_000)]);
    ship(&begins, &store).await.expect("it is taken");
    for record in [ended("c-2", 2_000), ended("c-3", 3_000)] {
        assert_eq!(stored(&store, &record).await, Some(record));
    }
}

#[tokio::test]
async fn a_call_that_never_came_back_is_closed_when_no_token_of_it_opens_any_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = Spool::open(folder.path(), &keys()).expect("a spool");
    let store = Memory::default();
    let now = dana::clock::now().unix_ms();
    spool.push(&[begun("lost", now)]);
    spool.push(&[ended("ended", now)]);
    ship(&spool, &store).await.expect("it is taken");
    store.pass_time(Duration::from_mins(80));
    assert_eq!(sweep(&store).await, Ok(0), "it may still come back");
    store.pass_time(Duration::from_mins(11));
    // A gateway died while a transfer rang, and nobody knows who has its order.
    let order = Order {
        key: ticket_key(&begun("lost", now).call_key),
        login: Login::new("0770000101").expect("a login"),
        contact: None,
        payload: Payload::new(Vec::new()),
    };
    store
        .record(&order, Duration::from_mins(1))
        .await
        .expect("an answer");
    let owned = store.pass(&order.key, IntentState::OPEN, IntentState::HandedOver);
    owned.await.expect("an answer").expect("it is there");
    assert_eq!(sweep(&store).await, Ok(1));
    let order = store.intent(&order.key).await.expect("an answer");
    assert_eq!(order.map(|order| order.state), Some(IntentState::Unknown));
    let lost = stored(&store, &begun("lost", now)).await.expect("a record");
    assert_eq!(
        (lost.disposition, lost.ended_ms),
        (Some(Disposition::Failed), None)
    );
    assert_eq!(sweep(&store).await, Ok(0));
    // Its own record was only late: it has the last word.
    spool.push(&[ended("lost", now)]);
    ship(&spool, &store).await.expect("it is taken");
    let late = stored(&store, &begun("lost", now)).await.expect("a record");
    assert_eq!(late.disposition, Some(Disposition::InformedOutage));
}

#[tokio::test]
async fn a_journal_tells_of_a_call_when_it_begins_and_when_it_is_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool =
        std::sync::Arc::new(Spool::open(&folder.path().join("spool"), &keys()).expect("a spool"));
    let told = std::sync::Arc::clone(&spool);
    let tell = Box::new(move |records: &[Cdr]| told.push(records));
    let retention = Retention {
        days: 1,
        bytes: u64::MAX,
    };
    let recorder = Recorder::to_folder_telling(folder.path(), Keys::none(), retention, tell);
    let recorder = recorder.expect("a recorder");
    let store = Memory::default();
    let began = dana::clock::now().unix_ms();
    let mut call = recorder.begin(header("c-1", began));
    call.action(CallTime::ZERO, &Action::Answer);
    assert!(recorder.flush(Duration::from_secs(10)));
    ship(&spool, &store).await.expect("it is taken");
    let begun = stored(&store, &begun("c-1", began))
        .await
        .expect("a record");
    assert_eq!(begun.disposition, None);
    let over = Event::CallEnded {
        by: EndedBy::Caller,
        sip_code: 0,
        q850_cause: 16,
    };
    call.event(CallTime::from_ms(5_000), Some(2), &over);
    call.ended(CallTime::from_ms(5_000), Disposition::CallerHungUp);
    drop(call);
    assert!(recorder.flush(Duration::from_secs(10)));
    ship(&spool, &store).await.expect("it is taken");
    let over = stored(&store, &begun).await.expect("a record");
    assert_eq!(
        (over.disposition, over.ended_ms),
        (Some(Disposition::CallerHungUp), Some(5_000))
    );
}
