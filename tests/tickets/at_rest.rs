//! What a store in a file and a spool hold of a caller can be read with their keys only.

use dana::journal::Entry;
use dana::journal::cdr::fold;
use dana::records::{Spool, ship};
use dana::store::StoreUrl;
use dana::store::sql::Sql;

use super::*;
use crate::operations::subject;

/// The record of a call from the number of a fixture.
fn record(index: u32) -> dana::journal::cdr::Cdr {
    let header = subject::header(&format!("c-{index}"), &number(index));
    fold(&[Entry::Header(Box::new(header))]).expect("a record")
}

/// Every byte of every file in the folder and below.
fn files(folder: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = std::fs::read(&path).expect("a file");
            found.push((path.display().to_string(), bytes));
        }
    }
    found
}

/// Of the caller, his line and his account; of the request; of the record.
const SECRETS: [&str; 6] = [
    "7777000",
    "0770000",
    "C-00",
    "externalId",
    "relatedParty",
    "dead_air_ms",
];

#[tokio::test]
async fn nothing_of_a_caller_is_in_the_files_of_a_store() {
    let (mock, root) = mock().await;
    let folder = tempfile::tempdir().expect("a folder");
    let url = StoreUrl::sqlite(&folder.path().join("dana.db"));
    let store = Sql::open(&url, &keys()).await.expect("a store");
    let desk = Desk::new(store.clone(), client(&root), settings(), Handle::current());
    let spool = Spool::open(&folder.path().join("spool"), &keys()).expect("a spool");
    mock.break_for(&number(108), Api::CreateTicket, Fault::Status(500), 1);
    for index in [101, 108] {
        create(&desk, index).await;
        spool.push(&[record(index)]);
    }
    let look = |names: &[&str]| {
        let all = files(folder.path());
        for name in names {
            let size = all.iter().find(|(path, _)| path.ends_with(name));
            assert!(size.is_some_and(|(_, bytes)| bytes.len() > 500), "{name}");
        }
        for (path, bytes) in all {
            for secret in SECRETS {
                let found = bytes
                    .windows(secret.len())
                    .any(|at| at == secret.as_bytes());
                assert!(!found, "{secret} is in {path}");
            }
        }
    };
    look(&["dana.db", "dana.db-wal", "000000000000.jsonl"]);
    ship(&spool, &store).await.expect("it is taken");
    look(&["dana.db", "dana.db-wal"]);
    store.close().await;
    look(&["dana.db"]);

    // It is all there.
    let store = Sql::open(&url, &keys()).await.expect("a store");
    let known = store.intent(&order(101).key).await.expect("an answer");
    let known = known.expect("it was recorded").order;
    let sent = known.payload.intact().expect("it is whole");
    assert!(String::from_utf8_lossy(sent).contains(&number(101)));
    assert_eq!(known.contact, Some(order(101).contact));
    let number = PhoneNumber::parse(&number(108)).expect("a number");
    let calls = store.calls_of(&number, "", 9).await.expect("an answer");
    let body: dana::journal::cdr::Cdr = serde_json::from_str(&calls[0].body).expect("a record");
    assert_eq!((calls.len(), body), (1, record(108)));
}
