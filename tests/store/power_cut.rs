//! What a power cut leaves of a SQLite store. It writes to its log in order, and says yes when that
//! is on the disk; what was being written then is torn anywhere. When the log is brought into the
//! file, the log is whole, and the file may be torn at any page.

use std::fs;
use std::path::{Path, PathBuf};

use dana::store::{Recorded, Store};

use super::*;

const PAGE: usize = 4096;
/// The log's head, and that of each page in it.
const LOG_HEAD: usize = 32;
const FRAME: usize = 24 + PAGE;
const ORDERS: u32 = 4;

fn log_of(file: &Path) -> PathBuf {
    file.with_extension("db-wal")
}

/// Orders that were said yes to, each with the length of the log then; the file; the log; and the
/// file as it is when the log was brought into it.
struct Life {
    said_yes: Vec<(Order, usize)>,
    file: Vec<u8>,
    log: Vec<u8>,
    closed: Vec<u8>,
}

async fn life() -> Life {
    let (store, folder) = sqlite().await;
    let file = folder.path().join("dana.db");
    let mut said_yes = Vec::new();
    for index in 0..ORDERS {
        let made = order(&format!("c-{index}"), index);
        let answer = store.record(&made, AT_ONCE).await;
        assert_eq!(answer, Ok(Recorded::New { epoch: 1 }));
        let log = fs::metadata(log_of(&file)).expect("a log");
        said_yes.push((made, usize::try_from(log.len()).expect("short")));
    }
    let (before, log) = (fs::read(&file), fs::read(log_of(&file)));
    store.close().await;
    Life {
        said_yes,
        file: before.expect("a file"),
        log: log.expect("a log"),
        closed: fs::read(&file).expect("a file"),
    }
}

/// The next process finds this; how many orders it knows, each one of them whole. It goes on.
async fn found(life: &Life, file: &[u8], log: &[u8]) -> usize {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dana.db");
    fs::write(&path, file).expect("it is written");
    fs::write(log_of(&path), log).expect("it is written");
    let store = Sql::open(&StoreUrl::sqlite(&path), &keys()).await;
    let store = store.expect("it opens without repair");
    let mut known = 0;
    for (at, (made, _)) in life.said_yes.iter().enumerate() {
        let intent = store.intent(&made.key).await.expect("an answer");
        if let Some(intent) = intent {
            assert_eq!((&intent.order, known), (made, at), "in their order");
            known += 1;
        }
    }
    let next = store.record(&order("next", 99), MINUTE).await;
    assert_eq!(next, Ok(Recorded::New { epoch: 1 }));
    store.close().await;
    known
}

#[tokio::test]
async fn s1_no_order_that_was_acknowledged_is_lost_to_a_power_cut() {
    let life = life().await;
    let pages = (life.log.len() - LOG_HEAD) / FRAME;
    assert!(pages >= 8, "a log of {pages} pages");
    for page in 0..=pages {
        // Whole up to a page; and torn in the next one, whose rest the disk never wrote.
        let whole = LOG_HEAD + page * FRAME;
        for torn in [0, FRAME / 2] {
            let cut = (whole + torn).min(life.log.len());
            let mut log = life.log[..cut].to_vec();
            if torn > 0 {
                log.resize(life.log.len(), 0);
            }
            let acknowledged = life.said_yes.iter().filter(|(_, log)| *log <= cut);
            let known = found(&life, &life.file, &log).await;
            assert_eq!(known, acknowledged.count(), "cut at {cut}");
        }
    }
    // In the midst of bringing the log into the file, page by page.
    let pages = life.closed.len() / PAGE;
    assert!(pages > 1 && life.closed != life.file);
    for page in 0..=pages {
        let done = page * PAGE;
        let rest = life.file.get(done..).unwrap_or_default();
        let file = [&life.closed[..done], rest].concat();
        let known = found(&life, &file, &life.log).await;
        assert_eq!(known, life.said_yes.len(), "at page {page} of the file");
    }
}
