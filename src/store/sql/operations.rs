//! What a store is asked, as statements; and what comes back, as ours.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use sqlx::any::{AnyArguments, AnyQueryResult, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyPool, AssertSqlSafe, Row};

use crate::call::{Login, PhoneNumber};
use crate::store::ms;
use crate::store::sql::sealed::Seals;
use crate::store::sql::statements::{
    BUNDLE, BUSY, CALL, CALLS_OF, CONFIRM, DUE, ERASE_CALLS, ERASE_INTENTS, FORGET_BUNDLES,
    FORGET_CALLS, FORGET_INTENTS, FORGET_PUBLICATIONS, HOLD, INTENT, INTENTS, INTENTS_LEFT,
    INTENTS_OF, KEEP_BUNDLE, LEASE, LEFT, PASS, PUBLICATIONS, PUBLISH, RECORD, SEND, SETTLE,
    UNCLOSED, UNSETTLED, put_calls,
};
use crate::store::sql::{BUNDLE_PATIENCE, Sql, again};
use crate::store::{
    Answer, CallRow, Confirmed, Erased, Intent, IntentState, Order, Publication, Recorded, Settled,
    Store,
};

fn is_unique(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

/// `,pending,sending,`: a set of states as one text, for `LIKE`.
fn set(states: &[IntentState]) -> String {
    states
        .iter()
        .fold(",".to_owned(), |set, state| set + state.as_str() + ",")
}

fn intent(row: &AnyRow, seals: &Seals) -> Result<Intent, sqlx::Error> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let number = |column: &str| row.try_get::<i64, _>(column);
    let sealed: Vec<u8> = row.try_get("sealed")?;
    let odd = |what: &str| sqlx::Error::Protocol(format!("a ticket intent has no {what} of ours"));
    Ok(Intent {
        order: seals.open_order(text("intent_key")?, &sealed),
        state: text("state")?.parse().map_err(|_| odd("state"))?,
        ticket: Some(text("ticket")?).filter(|ticket| !ticket.is_empty()),
        posts: number("posts")?,
        looks: number("looks")?,
        epoch: number("epoch")?,
        created_at: number("created_at")?,
        updated_at: number("updated_at")?,
        sent_at: number("sent_at")?,
        next_at: number("next_at")?,
        leased_until: number("leased_until")?,
        note: text("note")?,
        read_at: number("read_at")?,
    })
}

fn call_row(row: &AnyRow, seals: &Seals) -> Result<CallRow, sqlx::Error> {
    let call_key: String = row.try_get("call_key")?;
    let sealed: Vec<u8> = row.try_get("sealed")?;
    let (from, body) = seals.open_call(&call_key, &sealed);
    Ok(CallRow {
        call_key,
        began: row.try_get("began")?,
        resumes: row.try_get("resumes")?,
        closed: row.try_get::<i64, _>("closed")? != 0,
        from,
        body,
    })
}

fn publication(row: &AnyRow) -> Result<Publication, sqlx::Error> {
    Ok(Publication {
        seq: row.try_get("seq")?,
        hash: row.try_get("hash")?,
        at: row.try_get("published_at")?,
    })
}

/// Call records of one statement. A connection keeps a hundred statements that it has read: those of all
/// lengths are among them.
const AT_ONCE: usize = 25;

type Asked = Query<'static, Any, AnyArguments>;

async fn one(pool: &AnyPool, query: Asked) -> Result<Option<AnyRow>, sqlx::Error> {
    // Never `fetch_optional`: an `UPDATE … RETURNING` has to be run to its end.
    Ok(query.fetch_all(pool).await?.into_iter().next())
}

/// A page of what there is of a number.
fn page(sql: &'static str, number: &str, after: &str, limit: u32) -> Asked {
    sqlx::query(sql)
        .bind(number.to_owned())
        .bind(after.to_owned())
        .bind(i64::from(limit))
}

async fn changed(pool: &AnyPool, query: Asked) -> Result<u64, sqlx::Error> {
    query
        .execute(pool)
        .await
        .map(|done: AnyQueryResult| done.rows_affected())
}

fn intent_of(row: Option<&AnyRow>, seals: &Seals) -> Result<Option<Intent>, sqlx::Error> {
    row.map(|row| intent(row, seals)).transpose()
}

impl Sql {
    fn intents_in(&self, rows: &[AnyRow]) -> Result<Vec<Intent>, sqlx::Error> {
        rows.iter().map(|row| intent(row, &self.seals)).collect()
    }

    fn calls_in(&self, rows: &[AnyRow]) -> Result<Vec<CallRow>, sqlx::Error> {
        rows.iter().map(|row| call_row(row, &self.seals)).collect()
    }
}

impl Store for Sql {
    async fn record(&self, order: &Order, lease: Duration) -> Answer<Recorded> {
        let seals = &self.seals;
        let login = &seals.login(&order.login)?;
        let number = &seals.number(order.contact.as_ref())?;
        let sealed = &seals.order(order)?;
        self.run(move |pool| async move {
            let query = sqlx::query(RECORD)
                .bind(order.key.clone())
                .bind(login.clone())
                .bind(number.clone())
                .bind(sealed.clone())
                .bind(ms(lease));
            if changed(&pool, query).await? == 1 {
                return Ok(Recorded::New { epoch: 1 });
            }
            if let Some(row) = one(&pool, sqlx::query(INTENT).bind(order.key.clone())).await? {
                return intent(&row, seals).map(|known| Recorded::Known(Box::new(known)));
            }
            let busy = sqlx::query(BUSY).bind(login.clone());
            match one(&pool, busy).await? {
                Some(row) => intent(&row, seals).map(|other| Recorded::Busy(Box::new(other))),
                // It ended just now: the order is to be made again.
                None => Err(io::Error::from(io::ErrorKind::Interrupted).into()),
            }
        })
        .await
    }

    async fn intent(&self, key: &str) -> Answer<Option<Intent>> {
        self.read(move |pool| async move {
            let row = one(&pool, sqlx::query(INTENT).bind(key.to_owned())).await?;
            intent_of(row.as_ref(), &self.seals)
        })
        .await
    }

    async fn intents(
        &self,
        states: &[IntentState],
        after: &str,
        limit: u32,
    ) -> Answer<Vec<Intent>> {
        let ended = [IntentState::Done, IntentState::AlreadyOpen];
        let left = !states.iter().any(|state| ended.contains(state));
        let statement = if left { INTENTS_LEFT } else { INTENTS };
        self.read(move |pool| async move {
            let query = sqlx::query(statement)
                .bind(set(states))
                .bind(after.to_owned())
                .bind(i64::from(limit));
            self.intents_in(&query.fetch_all(&pool).await?)
        })
        .await
    }

    async fn has_unsettled(&self, login: &Login) -> Answer<bool> {
        let login = &self.seals.login(login)?;
        self.read(move |pool| async move {
            let query = sqlx::query_scalar::<_, i64>(UNSETTLED).bind(login.clone());
            Ok(query.fetch_one(&pool).await? > 0)
        })
        .await
    }

    async fn due(&self, limit: u32) -> Answer<Vec<String>> {
        self.read(move |pool| async move {
            sqlx::query_scalar(DUE)
                .bind(i64::from(limit))
                .fetch_all(&pool)
                .await
        })
        .await
    }

    async fn lease(&self, key: &str, lease: Duration) -> Answer<Option<Intent>> {
        self.run(move |pool| async move {
            let query = sqlx::query(LEASE).bind(key.to_owned()).bind(ms(lease));
            intent_of(one(&pool, query).await?.as_ref(), &self.seals)
        })
        .await
    }

    async fn settle(&self, key: &str, epoch: i64, settled: Settled) -> Answer<bool> {
        self.run(move |pool| async move {
            let query = if settled.state == IntentState::Sending {
                sqlx::query(SEND)
                    .bind(key.to_owned())
                    .bind(epoch)
                    .bind(settled.note)
            } else {
                sqlx::query(SETTLE)
                    .bind(key.to_owned())
                    .bind(epoch)
                    .bind(settled.state.as_str())
                    .bind(settled.note)
                    .bind(ms(settled.next_in))
            };
            Ok(changed(&pool, query).await? == 1)
        })
        .await
    }

    async fn confirm(&self, key: &str, ticket: &str) -> Answer<Confirmed> {
        self.run(move |pool| async move {
            let query = sqlx::query(CONFIRM)
                .bind(key.to_owned())
                .bind(ticket.to_owned());
            match changed(&pool, query).await {
                Ok(1) => return Ok(Confirmed::Done),
                Ok(_) => {}
                Err(error) if is_unique(&error) => return Ok(Confirmed::Foreign),
                Err(error) => return Err(error),
            }
            let all = set(IntentState::ALL);
            let second = sqlx::query(PASS)
                .bind(key.to_owned())
                .bind(all)
                .bind("duplicate");
            Ok(match changed(&pool, second).await? {
                0 => Confirmed::Nobody,
                _ => Confirmed::Second,
            })
        })
        .await
    }

    async fn pass(
        &self,
        key: &str,
        from: &[IntentState],
        to: IntentState,
    ) -> Answer<Option<Intent>> {
        self.run(move |pool| async move {
            let pass = |to: IntentState| {
                sqlx::query(PASS)
                    .bind(key.to_owned())
                    .bind(set(from))
                    .bind(to.as_str())
            };
            match changed(&pool, pass(to)).await {
                // A later intent for the login is open: it stands for this one too.
                Err(error) if is_unique(&error) => {
                    changed(&pool, pass(IntentState::AlreadyOpen)).await?
                }
                other => other?,
            };
            let row = one(&pool, sqlx::query(INTENT).bind(key.to_owned())).await?;
            intent_of(row.as_ref(), &self.seals)
        })
        .await
    }

    async fn hold(&self, office: &str, holder: &str, lease: Duration) -> Answer<bool> {
        self.run(move |pool| async move {
            let query = sqlx::query(HOLD)
                .bind(office.to_owned())
                .bind(holder.to_owned())
                .bind(ms(lease));
            Ok(changed(&pool, query).await? == 1)
        })
        .await
    }

    async fn put_calls(&self, calls: &[CallRow]) -> Answer<()> {
        // Several in one statement, so each at most once: as it began first, and its last word.
        let mut last = BTreeMap::new();
        for call in calls {
            let (_, held) = last.entry(&call.call_key).or_insert((call.began, call));
            if (call.resumes, call.closed) >= (held.resumes, held.closed) {
                *held = call;
            }
        }
        let rows = last.into_values();
        let rows = rows.map(|(began, call)| Ok((began, call, self.seals.call(call)?)));
        let rows = &rows.collect::<Answer<Vec<_>>>()?;
        self.run(move |pool| async move {
            let mut tx = pool.begin().await?;
            for rows in rows.chunks(AT_ONCE) {
                let mut query = sqlx::query(AssertSqlSafe(put_calls(rows.len())));
                for (began, call, (number, sealed)) in rows {
                    query = query
                        .bind(call.call_key.clone())
                        .bind(*began)
                        .bind(call.resumes)
                        .bind(i64::from(call.closed))
                        .bind(number.clone())
                        .bind(sealed.clone());
                }
                query.execute(&mut *tx).await?;
            }
            tx.commit().await
        })
        .await
    }

    async fn call(&self, call_key: &str) -> Answer<Option<CallRow>> {
        self.read(move |pool| async move {
            let row = one(&pool, sqlx::query(CALL).bind(call_key.to_owned())).await?;
            row.as_ref()
                .map(|row| call_row(row, &self.seals))
                .transpose()
        })
        .await
    }

    async fn unclosed(&self, older_than: Duration, limit: u32) -> Answer<Vec<CallRow>> {
        self.read(move |pool| async move {
            let query = sqlx::query(UNCLOSED)
                .bind(ms(older_than))
                .bind(i64::from(limit));
            self.calls_in(&query.fetch_all(&pool).await?)
        })
        .await
    }

    async fn publish(&self, hash: &str, files: &[u8]) -> Answer<Publication> {
        self.outlives_us()?;
        again(&self.pool, BUNDLE_PATIENCE, move |pool| async move {
            let mut tx = pool.begin().await?;
            let keep = sqlx::query(KEEP_BUNDLE)
                .bind(hash.to_owned())
                .bind(files.to_vec());
            keep.execute(&mut *tx).await?;
            let rows = sqlx::query(PUBLISH)
                .bind(hash.to_owned())
                .fetch_all(&mut *tx)
                .await?;
            tx.commit().await?;
            rows.first()
                .map_or(Err(sqlx::Error::RowNotFound), publication)
        })
        .await
    }

    async fn publications(&self, limit: u32) -> Answer<Vec<Publication>> {
        self.read(move |pool| async move {
            let query = sqlx::query(PUBLICATIONS).bind(i64::from(limit));
            query
                .fetch_all(&pool)
                .await?
                .iter()
                .map(publication)
                .collect()
        })
        .await
    }

    async fn bundle(&self, hash: &str) -> Answer<Option<Vec<u8>>> {
        again(&self.readers, BUNDLE_PATIENCE, move |pool| async move {
            let row = one(&pool, sqlx::query(BUNDLE).bind(hash.to_owned())).await?;
            row.map(|row| row.try_get("files")).transpose()
        })
        .await
    }

    async fn calls_of(
        &self,
        number: &PhoneNumber,
        after: &str,
        limit: u32,
    ) -> Answer<Vec<CallRow>> {
        let number = &self.seals.number(Some(number))?;
        self.read(move |pool| async move {
            let query = page(CALLS_OF, number, after, limit);
            self.calls_in(&query.fetch_all(&pool).await?)
        })
        .await
    }

    async fn intents_of(
        &self,
        number: &PhoneNumber,
        after: &str,
        limit: u32,
    ) -> Answer<Vec<Intent>> {
        let number = &self.seals.number(Some(number))?;
        self.read(move |pool| async move {
            let query = page(INTENTS_OF, number, after, limit);
            self.intents_in(&query.fetch_all(&pool).await?)
        })
        .await
    }

    async fn erase(&self, number: &PhoneNumber) -> Answer<Erased> {
        let number = &self.seals.number(Some(number))?;
        self.run(move |pool| async move {
            let of_number = |sql| sqlx::query(sql).bind(number.clone());
            let mut tx = pool.begin().await?;
            let calls = of_number(ERASE_CALLS).execute(&mut *tx).await?;
            let intents = of_number(ERASE_INTENTS).execute(&mut *tx).await?;
            let left = sqlx::query_scalar::<_, i64>(LEFT).bind(number.clone());
            let left = left.fetch_one(&mut *tx).await?;
            tx.commit().await?;
            Ok(Erased {
                calls: calls.rows_affected(),
                intents: intents.rows_affected(),
                unsettled: u64::try_from(left).unwrap_or(0),
            })
        })
        .await
    }

    async fn forget_bundles(&self, replaced_for: Duration) -> Answer<u64> {
        self.run(move |pool| async move {
            let mut tx = pool.begin().await?;
            let publications = sqlx::query(FORGET_PUBLICATIONS).bind(ms(replaced_for));
            publications.execute(&mut *tx).await?;
            let forgotten = sqlx::query(FORGET_BUNDLES).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(forgotten.rows_affected())
        })
        .await
    }

    async fn forget(&self, older_than: Duration) -> Answer<u64> {
        self.run(move |pool| async move {
            let calls = changed(&pool, sqlx::query(FORGET_CALLS).bind(ms(older_than))).await?;
            let intents = changed(&pool, sqlx::query(FORGET_INTENTS).bind(ms(older_than))).await?;
            Ok(calls + intents)
        })
        .await
    }
}
