//! A SQLite file that is damaged, from another build, or used by two; and what survives.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use dana::store::{Recorded, Store, StoreError};
use sqlx::{Connection, SqliteConnection};

use super::*;

async fn open(path: &Path) -> Result<Sql, StoreError> {
    Sql::open(&StoreUrl::sqlite(path), &keys()).await
}

/// Why it does not open.
async fn refused(path: &Path) -> String {
    match open(path).await {
        Err(StoreError::Unusable(why)) => why,
        other => panic!("{other:?}"),
    }
}

/// A store with some orders in it, closed: one file.
async fn used(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("state/dana.db");
    let store = open(&path).await.expect("a store");
    for index in 0..50 {
        let made = order(&format!("c-{index}"), index);
        assert_eq!(
            store.record(&made, MINUTE).await,
            Ok(Recorded::New { epoch: 1 })
        );
    }
    store.close().await;
    path
}

#[tokio::test]
async fn a_store_is_for_us_alone_and_holds_what_it_was_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = used(folder.path()).await;
    let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!(
        (mode(&path), mode(path.parent().expect("a folder"))),
        (0o600, 0o700)
    );
    let store = open(&path).await.expect("a store");
    for index in 0..50 {
        let key = order(&format!("c-{index}"), index).key;
        assert!(
            store.intent(&key).await.expect("an answer").is_some(),
            "{key}"
        );
    }
}

#[tokio::test]
async fn s5_a_damaged_file_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = used(folder.path()).await;
    let whole = std::fs::read(&path).expect("a file");
    let half = whole.len() / 2;
    let mut flipped = whole.clone();
    // The header of the second page, and of each tenth after it.
    for page in (1..whole.len() / 4096).step_by(10) {
        flipped[page * 4096] ^= 0xff;
    }
    let cases = [
        ("empty", Vec::new(), "is empty: what it held is lost"),
        ("truncated", whole[..half].to_vec(), "is damaged"),
        (
            "something else",
            b"key = value\n".repeat(1_000),
            "is damaged",
        ),
        ("flipped bits", flipped, "is damaged"),
    ];
    for (name, bytes, said) in cases {
        std::fs::write(&path, bytes).expect("it is written");
        let why = refused(&path).await;
        assert!(
            why.contains(said) && why.contains("\n\nhint: restore"),
            "{name}: {why}"
        );
        assert!(why.contains(&path.display().to_string()), "{name}: {why}");
    }
    std::fs::write(&path, whole).expect("it is written");
    assert!(open(&path).await.is_ok());
    // What is around the file is no reason to put an older one in its place.
    let folder = folder.path().join("folder.db");
    std::fs::create_dir(&folder).expect("a folder");
    assert_eq!(
        refused(&folder).await,
        format!(
            "the store `{}` cannot be used: error returned from database: (code: 14) unable to open \
             database file\n\nhint: the file and its folder have to be writable, and the disk needs room",
            folder.display()
        )
    );
}

#[tokio::test]
async fn s5_s16_a_newer_schema_is_read_as_long_as_it_says_that_it_can_be() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = used(folder.path()).await;
    let url = format!("sqlite:{}", path.display());
    let mut connection = SqliteConnection::connect(&url).await.expect("a store");
    // The next build added something, and said that this one may go on.
    let newer = "ALTER TABLE calls ADD COLUMN mood TEXT NOT NULL DEFAULT ''; \
                 INSERT INTO store_versions (version, readable_by) VALUES (5, 4)";
    sqlx::raw_sql(newer)
        .execute(&mut connection)
        .await
        .expect("an answer");
    let store = open(&path).await.expect("it is read");
    assert_eq!(
        store.record(&order("new", 99), MINUTE).await,
        Ok(Recorded::New { epoch: 1 })
    );
    assert_eq!(store.put_calls(&[]).await, Ok(()));
    store.close().await;
    // The one after that changed it for good.
    let newest = "INSERT INTO store_versions (version, readable_by) VALUES (6, 5)";
    sqlx::raw_sql(newest)
        .execute(&mut connection)
        .await
        .expect("an answer");
    assert_eq!(
        refused(&path).await,
        "the store was written by a newer dana: its tables have version 6, this build knows 4\n\n\
         hint: start a build that knows version 5 or a later one"
    );
}

#[tokio::test]
async fn nothing_is_promised_on_a_file_that_was_removed_or_replaced() {
    let (store, folder) = sqlite().await;
    let path = folder.path().join("dana.db");
    let why = format!(
        "the file `{}` was removed or replaced while it was open",
        path.display()
    );
    let away = || Err(StoreError::Away(why.clone()));
    std::fs::rename(&path, folder.path().join("backup")).expect("it is moved");
    assert_eq!(store.record(&order("gone", 1), MINUTE).await, away());
    std::fs::write(&path, "another").expect("a file");
    assert_eq!(store.record(&order("another", 1), MINUTE).await, away());
    std::fs::rename(folder.path().join("backup"), &path).expect("it is back");
    let recorded = store.record(&order("back", 1), MINUTE).await;
    assert_eq!(recorded, Ok(Recorded::New { epoch: 1 }));
}

#[tokio::test]
async fn s6_what_is_read_waits_for_no_writer() {
    let (store, folder) = sqlite().await;
    let url = format!("sqlite:{}", folder.path().join("dana.db").display());
    let mut other = SqliteConnection::connect(&url).await.expect("a store");
    let mut say = async |sql: &'static str| {
        let said = sqlx::raw_sql(sql).execute(&mut other).await;
        said.expect("an answer");
    };
    // As long as another process writes, an order waits.
    say("BEGIN IMMEDIATE").await;
    let order = order("waits", 1);
    let reads = async {
        let answer = store.has_unsettled(&order.login).await;
        say("COMMIT").await;
        answer
    };
    let (recorded, read) = tokio::join!(store.record(&order, MINUTE), reads);
    assert_eq!(
        (recorded, read),
        (Ok(Recorded::New { epoch: 1 }), Ok(false))
    );
}

#[tokio::test]
async fn s6_two_processes_may_use_one_file() {
    let (one, folder) = sqlite().await;
    let two = open(&folder.path().join("dana.db")).await.expect("a store");
    let mut running = tokio::task::JoinSet::new();
    for index in 0..40 {
        for store in [one.clone(), two.clone()] {
            running.spawn(async move {
                let made = order(&format!("c-{index}"), index);
                store.record(&made, MINUTE).await.expect("an answer")
            });
        }
    }
    let recorded = running.join_all().await;
    let new = recorded
        .iter()
        .filter(|recorded| matches!(recorded, Recorded::New { .. }));
    assert_eq!(new.count(), 40);
}

#[tokio::test]
async fn s14_an_operation_that_is_dropped_holds_nothing() {
    let (store, _folder) = sqlite().await;
    for index in 0..200 {
        let made = order(&format!("c-{index}"), index);
        // Polled once, then dropped.
        let _ = tokio::time::timeout(Duration::ZERO, store.record(&made, AT_ONCE)).await;
    }
    assert_eq!(
        store.record(&order("last", 999), MINUTE).await,
        Ok(Recorded::New { epoch: 1 })
    );
}
