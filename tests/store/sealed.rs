//! What is personal lies sealed; and what becomes of a store when its keys rotate, are wrong or are
//! gone, and of one that a build wrote which did not seal.

use dana::store::{CallRow, IntentState, Recorded, Settled, Store, StoreError};
use sqlx::{AnyConnection, Connection, Executor, Row};

use super::*;

/// Keys of these ids, the first of them sealing.
fn with(ids: &[u32]) -> Keys {
    let secret = |id: u32| [u8::try_from(id).expect("few"); 32];
    Keys::new(ids.iter().map(|id| (*id, secret(*id))))
}

fn path(folder: &TempDir) -> StoreUrl {
    StoreUrl::sqlite(&folder.path().join("dana.db"))
}

async fn opened(folder: &TempDir, keys: &Keys) -> Sql {
    Sql::open(&path(folder), keys).await.expect("a store")
}

async fn refused(folder: &TempDir, keys: &Keys) -> String {
    match Sql::open(&path(folder), keys).await {
        Err(StoreError::Unusable(why)) => why,
        other => panic!("{other:?}"),
    }
}

async fn ends(store: &Sql, key: &str) {
    let settled = Settled {
        state: IntentState::Rejected,
        next_in: AT_ONCE,
        note: "",
    };
    assert_eq!(store.settle(key, 1, settled).await, Ok(true));
}

fn call(key: &str) -> CallRow {
    CallRow {
        call_key: key.to_owned(),
        began: 1_000,
        resumes: 0,
        closed: true,
        from: Some(number(1)),
        body: "{\"call\":\"c\"}".to_owned(),
    }
}

const ONE_FILE: &str = "\n\nhint: all replicas of a store have one file of `journal.keys`; a key may \
                        go when nothing is left that it sealed; of a lost one there is a backup, or \
                        the store begins anew";

#[tokio::test]
async fn keys_rotate_and_what_is_open_for_a_line_is_found_all_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = opened(&folder, &with(&[1])).await;
    let old = order("old", 1);
    store.record(&old, MINUTE).await.expect("an answer");
    store.put_calls(&[call("old")]).await.expect("an answer");
    store.close().await;

    // One replica seals with the new key already, the other not yet.
    let (two, one) = (
        opened(&folder, &with(&[2, 1])).await,
        opened(&folder, &with(&[1, 2])).await,
    );
    for store in [&two, &one] {
        let busy = store.record(&order("another", 1), MINUTE).await;
        assert!(matches!(busy, Ok(Recorded::Busy(other)) if other.order == old));
        assert_eq!(store.has_unsettled(&login(1)).await, Ok(true));
        assert_eq!(store.call("old").await, Ok(Some(call("old"))));
    }
    let new = order("new", 2);
    two.record(&new, MINUTE).await.expect("an answer");
    let seen = one.intent(&new.key).await.expect("an answer");
    assert_eq!(seen.map(|intent| intent.order), Some(new.clone()));
    one.close().await;
    two.close().await;

    // The old key goes too early, and then not any more.
    opened(&folder, &with(&[2, 1])).await.close().await;
    let why = refused(&folder, &with(&[2])).await;
    let said = "orders that have not ended are sealed with key 1, which is not at hand";
    assert_eq!(why, format!("{said}{ONE_FILE}"));
    let store = opened(&folder, &with(&[2, 1])).await;
    ends(&store, &old.key).await;
    store.close().await;
    let store = opened(&folder, &with(&[2])).await;
    assert_eq!(store.has_unsettled(&login(2)).await, Ok(true));
    let gone = store
        .intent(&old.key)
        .await
        .expect("an answer")
        .expect("it is there");
    assert_eq!(gone.order.payload.intact(), None, "nobody can read it");
    assert_eq!(
        store
            .calls_of(&number(1), "", 9)
            .await
            .map(|calls| calls.len()),
        Ok(1)
    );
}

#[tokio::test]
async fn keys_that_are_replaced_under_a_store_seal_from_then_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = with(&[1]);
    let store = opened(&folder, &keys).await;
    keys.replace([(2, [2; 32])]);
    assert_eq!(store.reseal().await, Ok(()));
    store
        .record(&order("new", 1), MINUTE)
        .await
        .expect("an answer");
    store.close().await;
    let store = opened(&folder, &with(&[2])).await;
    let seen = store.intent(&order("new", 1).key).await.expect("an answer");
    assert_eq!(seen.map(|intent| intent.order), Some(order("new", 1)));
}

#[tokio::test]
async fn without_the_right_keys_there_are_bundles_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = opened(&folder, &Keys::none()).await;
    store.publish("aa", b"files").await.expect("an answer");
    let sealed = StoreError::Unusable("the store is sealed, and there is no key".to_owned());
    assert_eq!(
        store.record(&order("a", 1), MINUTE).await,
        Err(sealed.clone())
    );
    assert_eq!(store.put_calls(&[call("a")]).await, Err(sealed));
    store.close().await;
    opened(&folder, &with(&[1])).await.close().await;
    let why = refused(&folder, &with(&[9])).await;
    let said = "the store is sealed with key 1, which is not at hand";
    assert_eq!(why, format!("{said}{ONE_FILE}"));
}

#[tokio::test]
async fn what_is_moved_to_another_row_does_not_open_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = opened(&folder, &keys()).await;
    for (key, index) in [("a", 1), ("b", 2)] {
        store
            .record(&order(key, index), MINUTE)
            .await
            .expect("an answer");
        store.put_calls(&[call(key)]).await.expect("an answer");
    }
    let url = format!("sqlite:{}", folder.path().join("dana.db").display());
    let mut connection = sqlx::SqliteConnection::connect(&url)
        .await
        .expect("a store");
    let moved = "UPDATE ticket_intents SET sealed = (SELECT sealed FROM ticket_intents \
                 WHERE intent_key LIKE '%:b:%'); \
                 UPDATE calls SET sealed = (SELECT sealed FROM calls WHERE call_key = 'b')";
    sqlx::raw_sql(moved)
        .execute(&mut connection)
        .await
        .expect("an answer");
    let intact = async |key: &str| {
        let intent = store.intent(&order(key, 0).key).await.expect("an answer");
        intent
            .expect("it is there")
            .order
            .payload
            .intact()
            .is_some()
    };
    assert_eq!((intact("a").await, intact("b").await), (false, true));
    let moved = store
        .call("a")
        .await
        .expect("an answer")
        .expect("it is there");
    assert_eq!((moved.from, moved.body.as_str()), (None, ""));
}

/// The tables as the first version made them, with an order that has not ended, one whose bytes rotted,
/// and a record.
const FIRST: &str = r#"
    CREATE TABLE store_versions (version BIGINT PRIMARY KEY, readable_by BIGINT NOT NULL);
    INSERT INTO store_versions VALUES (1, 1);
    CREATE VIEW store_clock AS SELECT {now} AS ms;
    CREATE TABLE ticket_intents (
        intent_key {key} PRIMARY KEY, login TEXT NOT NULL, state TEXT NOT NULL,
        ticket TEXT NOT NULL DEFAULT '', payload {bytes} NOT NULL, digest {bytes} NOT NULL,
        posts BIGINT NOT NULL, looks BIGINT NOT NULL, epoch BIGINT NOT NULL,
        created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, sent_at BIGINT NOT NULL,
        next_at BIGINT NOT NULL, leased_until BIGINT NOT NULL, note TEXT NOT NULL);
    CREATE UNIQUE INDEX ticket_intents_ticket ON ticket_intents (ticket) WHERE ticket <> '';
    CREATE UNIQUE INDEX ticket_intents_open ON ticket_intents (login)
        WHERE state IN ('pending', 'sending', 'unknown');
    CREATE INDEX ticket_intents_unsettled ON ticket_intents (login)
        WHERE state IN ('pending', 'sending', 'unknown', 'handed_over');
    CREATE INDEX ticket_intents_due ON ticket_intents (next_at)
        WHERE state IN ('pending', 'sending', 'unknown', 'handed_over');
    CREATE TABLE offices (
        office TEXT PRIMARY KEY, holder TEXT NOT NULL, held_until BIGINT NOT NULL);
    CREATE TABLE calls (
        call_key {key} PRIMARY KEY, began BIGINT NOT NULL, resumes BIGINT NOT NULL,
        closed BIGINT NOT NULL, body TEXT NOT NULL);
    CREATE INDEX calls_began ON calls (began);
    CREATE INDEX calls_unclosed ON calls (began) WHERE closed = 0;
    CREATE TABLE bundles (
        hash TEXT PRIMARY KEY, files {bytes} NOT NULL, stored_at BIGINT NOT NULL);
    CREATE TABLE publications (
        seq {serial} PRIMARY KEY, hash TEXT NOT NULL REFERENCES bundles (hash),
        published_at BIGINT NOT NULL);
    INSERT INTO calls VALUES ('a', 1000, 0, 1, '{"call":"c-0770000001"}')"#;

/// Makes such a store.
async fn first_version(raw: &str, words: [(&str, &str); 4]) {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(raw).await.expect("a store");
    for statement in FIRST.split(';') {
        let own = |text: String, (word, own): &(&str, &str)| text.replace(word, own);
        let statement = words.iter().fold(statement.to_owned(), own);
        let made = connection.execute(sqlx::AssertSqlSafe(statement)).await;
        made.expect("the first version");
    }
    for (key, index, frozen) in [("a", 1, true), ("b", 2, false)] {
        let order = order(key, index);
        let bytes = order.payload.intact().expect("it is whole").to_vec();
        let digest = if frozen {
            bytes.clone()
        } else {
            b"rot".to_vec()
        };
        let digest = ring::digest::digest(&ring::digest::SHA256, &digest);
        let row = "INSERT INTO ticket_intents VALUES \
                   ($1, $2, 'unknown', '', $3, $4, 1, 0, 1, 1, 1, 1, 1, 0, '')";
        let row = sqlx::query(row)
            .bind(order.key)
            .bind(order.login.reveal().to_owned())
            .bind(bytes)
            .bind(digest.as_ref().to_vec());
        row.execute(&mut connection).await.expect("a row");
    }
    connection.close().await.expect("it closes");
}

/// Makes such a store, opens it, and closes it; what it reads then.
async fn brought_up_to_date(url: &StoreUrl, raw: &str, words: [(&str, &str); 4]) {
    first_version(raw, words).await;
    let without = Sql::open(url, &Keys::none()).await;
    assert!(
        matches!(without, Err(StoreError::Unusable(_))),
        "{without:?}"
    );
    let store = Sql::open(url, &keys()).await.expect("a store");
    let busy = store
        .record(&order("c", 1), MINUTE)
        .await
        .expect("an answer");
    let Recorded::Busy(other) = busy else {
        panic!("{busy:?}")
    };
    let known = Order {
        contact: None,
        ..order("a", 1)
    };
    assert_eq!(other.order, known);
    let rotten = store.intent(&order("b", 2).key).await.expect("an answer");
    assert_eq!(rotten.expect("it is there").order.payload.intact(), None);
    let record = store
        .call("a")
        .await
        .expect("an answer")
        .expect("it is there");
    assert_eq!(record.body, r#"{"call":"c-0770000001"}"#);
    store.close().await;

    // A service of that build that still runs gets errors, and writes nothing.
    let mut connection = AnyConnection::connect(raw).await.expect("a store");
    let then = "INSERT INTO ticket_intents (intent_key, login, state, payload, digest, posts, looks, \
                epoch, created_at, updated_at, sent_at, next_at, leased_until, note) \
                VALUES ('d', '0770000009', 'sending', '', '', 1, 0, 1, 1, 1, 1, 1, 1, '')";
    assert!(connection.execute(then).await.is_err());
    let rows = connection
        .fetch_all("SELECT login_hash FROM ticket_intents")
        .await;
    for row in rows.expect("an answer") {
        let hash: String = row.try_get("login_hash").expect("a text");
        assert_eq!(
            (hash.len(), hash.contains("0770000")),
            (64, false),
            "{hash}"
        );
    }
    connection.close().await.expect("it closes");
}

#[tokio::test]
async fn s16_what_the_first_version_wrote_in_plain_text_is_sealed_and_nothing_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("dana.db");
    let raw = format!("sqlite://{}?mode=rwc", file.display());
    let words = [
        ("{now}", "CAST(unixepoch('subsec') * 1000 AS INTEGER)"),
        ("{key}", "TEXT"),
        ("{bytes}", "BLOB"),
        ("{serial}", "INTEGER"),
    ];
    brought_up_to_date(&path(&folder), &raw, words).await;
    let bytes = std::fs::read(&file).expect("a file");
    for secret in ["0770000", "externalId"] {
        let found = bytes
            .windows(secret.len())
            .any(|at| at == secret.as_bytes());
        assert!(!found, "{secret} is left in the file");
    }
}

#[tokio::test]
async fn the_first_version_in_postgres_too() {
    let Some(url) = postgres::database().await else {
        return;
    };
    let words = [
        (
            "{now}",
            "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
        ),
        ("{key}", "TEXT COLLATE \"C\""),
        ("{bytes}", "BYTEA"),
        ("{serial}", "BIGINT GENERATED ALWAYS AS IDENTITY"),
    ];
    brought_up_to_date(&url.0, &url.1, words).await;
}
