//! The tables, as a list of versions. A build knows the versions up to its own; it runs on a newer
//! schema as long as that one says that it can be read by ours, and changes it only by adding.

use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};

use crate::seal::Keys;
use crate::store::StoreError;
use crate::store::sql::sealed::seal_all;
use crate::store::sql::unusable;

/// One step. `{…}` stands for what the engines call differently; `{seal}` for what no SQL can.
struct Version {
    /// The oldest build that may run on it, by the version that it knows.
    readable_by: i64,
    sql: &'static str,
}

const VERSIONS: &[Version] = &[
    Version {
        readable_by: 1,
        sql: "
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
            published_at BIGINT NOT NULL)",
    },
    // What has ended well is most of what there is: nobody who looks for the rest reads it.
    Version {
        readable_by: 1,
        sql: "
        CREATE INDEX ticket_intents_left ON ticket_intents (intent_key)
            WHERE state NOT IN ('done', 'already_open');
        CREATE INDEX ticket_intents_ended ON ticket_intents (updated_at)
            WHERE state NOT IN ('pending', 'sending', 'unknown', 'handed_over')",
    },
    // What is personal is sealed. Columns have other names, so that a service of the build before,
    // which still runs, gets errors: its callers are handed over, and it writes nothing in plain text.
    Version {
        readable_by: 3,
        sql: "
        CREATE TABLE secrets (name TEXT PRIMARY KEY, sealed {bytes} NOT NULL);
        ALTER TABLE ticket_intents RENAME COLUMN login TO login_hash;
        ALTER TABLE ticket_intents ADD COLUMN number_hash TEXT NOT NULL DEFAULT '';
        ALTER TABLE ticket_intents ADD COLUMN sealed {bytes} NOT NULL DEFAULT '';
        ALTER TABLE calls ADD COLUMN number_hash TEXT NOT NULL DEFAULT '';
        ALTER TABLE calls ADD COLUMN sealed {bytes} NOT NULL DEFAULT '';
        {seal};
        ALTER TABLE ticket_intents DROP COLUMN payload;
        ALTER TABLE ticket_intents DROP COLUMN digest;
        ALTER TABLE calls DROP COLUMN body;
        CREATE INDEX ticket_intents_number ON ticket_intents (number_hash);
        CREATE INDEX calls_number ON calls (number_hash) WHERE number_hash <> ''",
    },
    // An order that goes well is in no index but those that make it one: each costs every order a page,
    // twice. What has not ended is few, and found by its line. A service of the build before goes on, and
    // reads more than it has to.
    Version {
        readable_by: 3,
        sql: "
        DROP INDEX ticket_intents_unsettled;
        DROP INDEX ticket_intents_due;
        DROP INDEX ticket_intents_left;
        CREATE INDEX ticket_intents_operators ON ticket_intents (login_hash)
            WHERE state IN ('handed_over', 'rejected', 'duplicate', 'parked')",
    },
];

/// An engine's own words.
pub(super) struct Dialect {
    words: &'static [(&'static str, &'static str)],
    begin: &'static str,
    /// Nobody else changes the tables until we are done.
    lock: &'static str,
    /// How many tables of versions there are.
    known: &'static str,
}

pub(super) const SQLITE: Dialect = Dialect {
    words: &[
        ("{now}", "CAST(unixepoch('subsec') * 1000 AS INTEGER)"),
        ("{key}", "TEXT"),
        ("{bytes}", "BLOB"),
        ("{serial}", "INTEGER"),
    ],
    begin: "BEGIN IMMEDIATE",
    lock: "SELECT 1",
    known: "SELECT count(*) FROM sqlite_schema WHERE name = 'store_versions'",
};

pub(super) const POSTGRES: Dialect = Dialect {
    words: &[
        (
            "{now}",
            "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
        ),
        ("{key}", "TEXT COLLATE \"C\""),
        ("{bytes}", "BYTEA"),
        ("{serial}", "BIGINT GENERATED ALWAYS AS IDENTITY"),
    ],
    begin: "BEGIN",
    lock: "SELECT pg_advisory_xact_lock(3131)",
    known: "SELECT count(*) FROM pg_tables \
            WHERE schemaname = current_schema() AND tablename = 'store_versions'",
};

/// Brings the tables to our version, all or nothing; refuses such as are too new for us. Where
/// they are up to date it changes nothing, so that a service needs no right to.
pub(super) async fn migrate(
    connection: &mut AnyConnection,
    dialect: &Dialect,
    keys: &Keys,
) -> Result<(), StoreError> {
    let ours = i64::try_from(VERSIONS.len()).unwrap_or(i64::MAX);
    let upgraded = upgrade(connection, dialect, ours, keys).await;
    let (there, readable_by) = upgraded.map_err(|Failed(error)| error)?;
    if readable_by <= ours {
        return Ok(());
    }
    Err(StoreError::Unusable(format!(
        "the store was written by a newer dana: its tables have version {there}, this build knows \
         {ours}\n\nhint: start a build that knows version {readable_by} or a later one"
    )))
}

/// Why an upgrade was not made.
pub(super) struct Failed(pub(super) StoreError);

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self(unusable(&error))
    }
}

/// Version of the tables and the oldest that may read them, after the upgrade.
async fn upgrade(
    connection: &mut AnyConnection,
    dialect: &Dialect,
    ours: i64,
    keys: &Keys,
) -> Result<(i64, i64), Failed> {
    let mut tx = connection.begin_with(dialect.begin).await?;
    tx.execute(dialect.lock).await?;
    let known: i64 = sqlx::query_scalar(dialect.known)
        .fetch_one(&mut *tx)
        .await?;
    if known == 0 {
        let table = "CREATE TABLE store_versions \
                     (version BIGINT PRIMARY KEY, readable_by BIGINT NOT NULL)";
        tx.execute(table).await?;
    }
    let newest = "SELECT version, readable_by FROM store_versions ORDER BY version DESC LIMIT 1";
    let row = sqlx::query_as(newest).fetch_optional(&mut *tx).await?;
    let (mut there, mut readable_by): (i64, i64) = row.unwrap_or((0, 0));
    if readable_by <= ours {
        for (at, version) in (1..).zip(VERSIONS) {
            if at <= there {
                continue;
            }
            let own = |text: String, (word, own): &(&str, &str)| text.replace(word, own);
            let sql = dialect.words.iter().fold(version.sql.to_owned(), own);
            for statement in sql.split(';') {
                if statement.trim() == "{seal}" {
                    seal_all(&mut tx, keys).await?;
                } else {
                    tx.execute(AssertSqlSafe(statement.to_owned())).await?;
                }
            }
            let row = "INSERT INTO store_versions (version, readable_by) VALUES ($1, $2)";
            let row = sqlx::query(row).bind(at).bind(version.readable_by);
            row.execute(&mut *tx).await?;
            (there, readable_by) = (at, version.readable_by);
        }
    }
    tx.commit().await?;
    Ok((there, readable_by))
}
