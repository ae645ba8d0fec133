//! Every statement. The same text for both engines: the clock is a view, sets of states are texts.

use std::fmt::Write;

macro_rules! intent_columns {
    () => {
        "intent_key, state, ticket, sealed, posts, looks, epoch, created_at, updated_at, sent_at, \
         next_at, leased_until, note, (SELECT ms FROM store_clock) AS read_at"
    };
}

/// Open: at most one a line; an index of its own.
macro_rules! open {
    () => {
        "state IN ('pending', 'sending', 'unknown')"
    };
}

/// May still become a ticket.
macro_rules! unsettled {
    () => {
        "state IN ('pending', 'sending', 'unknown', 'handed_over')"
    };
}

/// An operator's, or for one: an index of its own.
macro_rules! operators {
    () => {
        "state IN ('handed_over', 'rejected', 'duplicate', 'parked')"
    };
}

/// Neither `done` nor `already_open`: those few are read by their two indexes, all of them.
macro_rules! left {
    () => {
        concat!(
            "intent_key IN (SELECT intent_key FROM ticket_intents WHERE login_hash >= '' AND ",
            open!(),
            " UNION ALL SELECT intent_key FROM ticket_intents WHERE login_hash >= '' AND ",
            operators!(),
            ")"
        )
    };
}

pub(super) const RECORD: &str = "INSERT INTO ticket_intents (intent_key, login_hash, number_hash, state, sealed, \
    posts, looks, epoch, created_at, updated_at, sent_at, next_at, leased_until, note) \
    SELECT $1, $2, $3, 'sending', $4, 1, 0, 1, ms, ms, ms, ms, ms + $5, '' FROM store_clock \
    WHERE true ON CONFLICT DO NOTHING";
pub(super) const INTENT: &str = concat!(
    "SELECT ",
    intent_columns!(),
    " FROM ticket_intents WHERE intent_key = $1"
);
pub(super) const BUSY: &str = concat!(
    "SELECT ",
    intent_columns!(),
    " FROM ticket_intents WHERE login_hash = $1 AND ",
    open!()
);
pub(super) const INTENTS: &str = concat!(
    "SELECT ",
    intent_columns!(),
    " FROM ticket_intents \
     WHERE $1 LIKE '%,' || state || ',%' AND intent_key > $2 ORDER BY intent_key LIMIT $3"
);
/// For states that are neither `done` nor `already_open`.
pub(super) const INTENTS_LEFT: &str = concat!(
    "SELECT ",
    intent_columns!(),
    " FROM ticket_intents WHERE ",
    left!(),
    " AND $1 LIKE '%,' || state || ',%' AND intent_key > $2 ORDER BY intent_key LIMIT $3"
);
pub(super) const UNSETTLED: &str = concat!(
    "SELECT (SELECT count(*) FROM ticket_intents WHERE login_hash = $1 AND ",
    open!(),
    ") + (SELECT count(*) FROM ticket_intents WHERE login_hash = $1 AND ",
    operators!(),
    " AND state = 'handed_over') AS n"
);
pub(super) const DUE: &str = concat!(
    "SELECT intent_key FROM ticket_intents WHERE ",
    left!(),
    " AND ",
    unsettled!(),
    " AND next_at <= (SELECT ms FROM store_clock) AND leased_until <= (SELECT ms FROM store_clock) \
     ORDER BY next_at, intent_key LIMIT $1"
);
pub(super) const LEASE: &str = concat!(
    "UPDATE ticket_intents SET epoch = epoch + 1, \
     leased_until = (SELECT ms FROM store_clock) + $2 \
     WHERE intent_key = $1 AND leased_until <= (SELECT ms FROM store_clock) AND ",
    unsettled!(),
    " RETURNING ",
    intent_columns!()
);
pub(super) const SEND: &str = concat!(
    "UPDATE ticket_intents SET state = 'sending', posts = posts + 1, note = $3, \
     sent_at = (SELECT ms FROM store_clock), updated_at = (SELECT ms FROM store_clock) \
     WHERE intent_key = $1 AND epoch = $2 AND ",
    open!()
);
pub(super) const SETTLE: &str = concat!(
    "UPDATE ticket_intents SET state = $3, note = $4, looks = looks + 1, \
     leased_until = 0, next_at = (SELECT ms FROM store_clock) + $5, \
     updated_at = (SELECT ms FROM store_clock) \
     WHERE intent_key = $1 AND epoch = $2 AND ",
    unsettled!()
);
/// By which keys the orders are sealed that have not ended: the beginning of each value names its own.
pub(super) const SEALED_BY: &str = concat!(
    "SELECT DISTINCT substr(sealed, 1, 5) FROM ticket_intents WHERE ",
    left!(),
    " AND ",
    unsettled!()
);
pub(super) const CONFIRM: &str = "UPDATE ticket_intents SET state = 'done', ticket = $2, note = '', \
    epoch = epoch + 1, leased_until = 0, updated_at = (SELECT ms FROM store_clock) \
    WHERE intent_key = $1 AND (ticket = '' OR ticket = $2) AND state <> 'duplicate'";
pub(super) const PASS: &str = "UPDATE ticket_intents SET state = $3, note = '', epoch = epoch + 1, looks = 0, \
    leased_until = 0, next_at = (SELECT ms FROM store_clock), \
    updated_at = (SELECT ms FROM store_clock) \
    WHERE intent_key = $1 AND $2 LIKE '%,' || state || ',%'";
pub(super) const HOLD: &str = "INSERT INTO offices (office, holder, held_until) \
    SELECT $1, $2, ms + $3 FROM store_clock WHERE true \
    ON CONFLICT (office) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until \
    WHERE offices.holder = excluded.holder OR offices.held_until <= excluded.held_until - $3";
/// Stores so many calls, each another one, of six values.
pub(super) fn put_calls(calls: usize) -> String {
    let mut sql =
        "INSERT INTO calls (call_key, began, resumes, closed, number_hash, sealed) VALUES"
            .to_owned();
    for value in 1..=6 * calls {
        let before = match value {
            1 => " (",
            _ if value % 6 == 1 => "), (",
            _ => ", ",
        };
        // Writing into a text does not fail.
        let _ = write!(sql, "{before}${value}");
    }
    sql + ") ON CONFLICT (call_key) DO UPDATE \
           SET resumes = excluded.resumes, closed = excluded.closed, \
           number_hash = excluded.number_hash, sealed = excluded.sealed \
           WHERE excluded.resumes > calls.resumes \
           OR (excluded.resumes = calls.resumes AND excluded.closed >= calls.closed)"
}
pub(super) const CALL: &str =
    "SELECT call_key, began, resumes, closed, sealed FROM calls WHERE call_key = $1";
pub(super) const UNCLOSED: &str = "SELECT call_key, began, resumes, closed, sealed FROM calls \
    WHERE closed = 0 AND began <= (SELECT ms FROM store_clock) - $1 ORDER BY began LIMIT $2";
pub(super) const KEEP_BUNDLE: &str = "INSERT INTO bundles (hash, files, stored_at) \
    SELECT $1, $2, ms FROM store_clock WHERE true ON CONFLICT DO NOTHING";
pub(super) const PUBLISH: &str = "INSERT INTO publications (hash, published_at) \
    SELECT $1, ms FROM store_clock WHERE true RETURNING seq, hash, published_at";
pub(super) const PUBLICATIONS: &str =
    "SELECT seq, hash, published_at FROM publications ORDER BY seq DESC LIMIT $1";
pub(super) const BUNDLE: &str = "SELECT files FROM bundles WHERE hash = $1";
pub(super) const CALLS_OF: &str = "SELECT call_key, began, resumes, closed, sealed FROM calls \
    WHERE number_hash = $1 AND number_hash <> '' AND call_key > $2 ORDER BY call_key LIMIT $3";
pub(super) const INTENTS_OF: &str = concat!(
    "SELECT ",
    intent_columns!(),
    " FROM ticket_intents WHERE number_hash = $1 AND intent_key > $2 ORDER BY intent_key LIMIT $3"
);
pub(super) const ERASE_CALLS: &str =
    "DELETE FROM calls WHERE number_hash = $1 AND number_hash <> ''";
pub(super) const ERASE_INTENTS: &str = "DELETE FROM ticket_intents WHERE number_hash = $1 \
    AND state NOT IN ('pending', 'sending', 'unknown', 'handed_over')";
pub(super) const LEFT: &str = "SELECT count(*) AS n FROM ticket_intents WHERE number_hash = $1";
pub(super) const FORGET_PUBLICATIONS: &str = "DELETE FROM publications \
    WHERE seq < (SELECT max(seq) FROM publications WHERE hash <> \
    (SELECT hash FROM publications ORDER BY seq DESC LIMIT 1)) \
    AND seq < (SELECT max(seq) FROM publications \
    WHERE published_at <= (SELECT ms FROM store_clock) - $1)";
pub(super) const FORGET_BUNDLES: &str =
    "DELETE FROM bundles WHERE hash NOT IN (SELECT hash FROM publications)";
pub(super) const FORGET_CALLS: &str =
    "DELETE FROM calls WHERE began < (SELECT ms FROM store_clock) - $1";
pub(super) const FORGET_INTENTS: &str = "DELETE FROM ticket_intents \
    WHERE state NOT IN ('pending', 'sending', 'unknown', 'handed_over') \
    AND updated_at < (SELECT ms FROM store_clock) - $1";

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Row};

    use super::*;
    use crate::seal::Keys;
    use crate::store::StoreUrl;
    use crate::store::sql::Sql;

    const ALL: [(&str, &str); 28] = [
        ("record", RECORD),
        ("intent", INTENT),
        ("busy", BUSY),
        ("intents", INTENTS),
        ("intents left", INTENTS_LEFT),
        ("unsettled", UNSETTLED),
        ("due", DUE),
        ("lease", LEASE),
        ("send", SEND),
        ("settle", SETTLE),
        ("sealed by", SEALED_BY),
        ("confirm", CONFIRM),
        ("pass", PASS),
        ("hold", HOLD),
        ("call", CALL),
        ("unclosed", UNCLOSED),
        ("keep bundle", KEEP_BUNDLE),
        ("publish", PUBLISH),
        ("bundle", BUNDLE),
        ("calls of", CALLS_OF),
        ("intents of", INTENTS_OF),
        ("erase calls", ERASE_CALLS),
        ("erase intents", ERASE_INTENTS),
        ("left", LEFT),
        ("forget publications", FORGET_PUBLICATIONS),
        ("publications", PUBLICATIONS),
        ("forget calls", FORGET_CALLS),
        ("forget intents", FORGET_INTENTS),
    ];

    /// The steps by which SQLite would do it.
    async fn plan(store: &Sql, sql: &str) -> Vec<String> {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let steps = sqlx::query(explain).fetch_all(&store.pool).await.unwrap();
        steps.iter().map(|step| step.get("detail")).collect()
    }

    /// A clock is one row, and so is what is written; publications are few, and come newest first.
    fn reads_all(step: &str) -> bool {
        let few = [
            "CONSTANT ROW",
            "VALUES CLAUSE",
            "store_clock",
            "publications",
        ];
        step.starts_with("SCAN") && !few.iter().any(|few| step.contains(few))
    }

    /// With millions of orders and calls: an index leads to what each statement is about.
    #[tokio::test]
    async fn s19_no_statement_reads_a_whole_table() {
        let folder = tempfile::tempdir().unwrap();
        let url = StoreUrl::sqlite(&folder.path().join("dana.db"));
        let store = Sql::open(&url, &Keys::none()).await.unwrap();
        let calls = put_calls(2);
        for (name, sql) in ALL.into_iter().chain([("put calls", calls.as_str())]) {
            let plan = plan(&store, sql).await;
            assert!(!plan.iter().any(|step| reads_all(step)), "{name}: {plan:?}");
        }
        for few in [INTENTS_LEFT, DUE, UNSETTLED, SEALED_BY] {
            let plan = plan(&store, few).await.join("; ");
            for index in ["ticket_intents_open", "ticket_intents_operators"] {
                assert!(plan.contains(index), "{plan}");
            }
        }
    }
}
