//! The store in memory: the model that the engines are held to, and the store of demos and talks.
//! Nothing outlives the process.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::call::{Login, PhoneNumber};
use crate::clock;
use crate::store::ms;
use crate::store::{
    Answer, CallRow, Confirmed, Erased, Intent, IntentState, Order, Publication, Recorded, Settled,
    Store,
};

/// A store in memory.
#[derive(Debug, Default)]
pub struct Memory {
    tables: Mutex<Tables>,
    /// Its clock is so much ahead, ms.
    ahead: AtomicI64,
}

#[derive(Debug, Default)]
struct Tables {
    intents: BTreeMap<String, Intent>,
    offices: BTreeMap<String, (String, i64)>,
    calls: BTreeMap<String, CallRow>,
    bundles: BTreeMap<String, Vec<u8>>,
    publications: Vec<Publication>,
}

impl Memory {
    /// Its clock jumps ahead: for what would have to be waited for.
    pub fn pass_time(&self, by: Duration) {
        self.ahead.fetch_add(ms(by), Ordering::Relaxed);
    }

    fn now(&self) -> i64 {
        clock::now().unix_ms() + self.ahead.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes an intent, if it is there and `may` says so.
    fn change(
        &self,
        key: &str,
        may: impl FnOnce(&Intent) -> bool,
        change: impl FnOnce(&mut Intent, i64),
    ) -> Option<Intent> {
        let now = self.now();
        let mut tables = self.lock();
        let intent = tables.intents.get_mut(key).filter(|intent| may(intent))?;
        change(intent, now);
        intent.read_at = now;
        Some(intent.clone())
    }
}

fn is_unsettled(intent: &Intent) -> bool {
    IntentState::UNSETTLED.contains(&intent.state)
}

impl Tables {
    fn open_of(&self, login: &Login, but: &str) -> Option<&Intent> {
        self.intents.values().find(|intent| {
            intent.order.login == *login
                && intent.order.key != but
                && IntentState::OPEN.contains(&intent.state)
        })
    }
}

impl Store for Memory {
    async fn record(&self, order: &Order, lease: Duration) -> Answer<Recorded> {
        let now = self.now();
        let mut tables = self.lock();
        if let Some(known) = tables.intents.get(&order.key) {
            return Ok(Recorded::Known(Box::new(known.clone())));
        }
        if let Some(other) = tables.open_of(&order.login, "") {
            return Ok(Recorded::Busy(Box::new(other.clone())));
        }
        let intent = Intent {
            order: order.clone(),
            state: IntentState::Sending,
            ticket: None,
            posts: 1,
            looks: 0,
            epoch: 1,
            created_at: now,
            updated_at: now,
            sent_at: now,
            next_at: now,
            leased_until: now + ms(lease),
            note: String::new(),
            read_at: now,
        };
        tables.intents.insert(order.key.clone(), intent);
        Ok(Recorded::New { epoch: 1 })
    }

    async fn intent(&self, key: &str) -> Answer<Option<Intent>> {
        Ok(self.change(key, |_| true, |_, _| {}))
    }

    async fn intents(
        &self,
        states: &[IntentState],
        after: &str,
        limit: u32,
    ) -> Answer<Vec<Intent>> {
        let tables = self.lock();
        let wanted = tables
            .intents
            .values()
            .filter(|intent| states.contains(&intent.state) && intent.order.key.as_str() > after);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(wanted.take(limit).cloned().collect())
    }

    async fn has_unsettled(&self, login: &Login) -> Answer<bool> {
        let tables = self.lock();
        let mut of_login = tables
            .intents
            .values()
            .filter(|intent| intent.order.login == *login);
        Ok(of_login.any(is_unsettled))
    }

    async fn due(&self, limit: u32) -> Answer<Vec<String>> {
        let now = self.now();
        let tables = self.lock();
        let is_due = |i: &&Intent| is_unsettled(i) && i.next_at <= now && i.leased_until <= now;
        let mut due: Vec<&Intent> = tables.intents.values().filter(is_due).collect();
        due.sort_by_key(|intent| intent.next_at);
        due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(due
            .into_iter()
            .map(|intent| intent.order.key.clone())
            .collect())
    }

    async fn lease(&self, key: &str, lease: Duration) -> Answer<Option<Intent>> {
        let free = self.now();
        Ok(self.change(
            key,
            |intent| is_unsettled(intent) && intent.leased_until <= free,
            |intent, now| {
                intent.epoch += 1;
                intent.leased_until = now + ms(lease);
            },
        ))
    }

    async fn settle(&self, key: &str, epoch: i64, settled: Settled) -> Answer<bool> {
        let sends = settled.state == IntentState::Sending;
        let may = |intent: &Intent| {
            let states = if sends {
                IntentState::OPEN
            } else {
                IntentState::UNSETTLED
            };
            intent.epoch == epoch && states.contains(&intent.state)
        };
        let done = self.change(key, may, |intent, now| {
            intent.state = settled.state;
            settled.note.clone_into(&mut intent.note);
            intent.updated_at = now;
            if sends {
                intent.posts += 1;
                intent.sent_at = now;
            } else {
                intent.looks += 1;
                intent.leased_until = 0;
                intent.next_at = now + ms(settled.next_in);
            }
        });
        Ok(done.is_some())
    }

    async fn confirm(&self, key: &str, ticket: &str) -> Answer<Confirmed> {
        let foreign = self
            .lock()
            .intents
            .values()
            .any(|intent| intent.order.key != key && intent.ticket.as_deref() == Some(ticket));
        let may = |intent: &Intent| {
            intent.ticket.as_deref().is_none_or(|known| known == ticket)
                && intent.state != IntentState::Duplicate
        };
        if foreign && self.change(key, may, |_, _| {}).is_some() {
            return Ok(Confirmed::Foreign);
        }
        let done = self.change(key, may, |intent, now| {
            intent.state = IntentState::Done;
            intent.ticket = Some(ticket.to_owned());
            intent.note.clear();
            intent.epoch += 1;
            intent.leased_until = 0;
            intent.updated_at = now;
        });
        if done.is_some() {
            return Ok(Confirmed::Done);
        }
        let second = self
            .pass(key, IntentState::ALL, IntentState::Duplicate)
            .await?;
        Ok(if second.is_some() {
            Confirmed::Second
        } else {
            Confirmed::Nobody
        })
    }

    async fn pass(
        &self,
        key: &str,
        from: &[IntentState],
        to: IntentState,
    ) -> Answer<Option<Intent>> {
        let login = self.intent(key).await?.map(|intent| intent.order.login);
        let open = IntentState::OPEN.contains(&to);
        let taken = open && login.is_some_and(|login| self.lock().open_of(&login, key).is_some());
        let to = if taken { IntentState::AlreadyOpen } else { to };
        self.change(
            key,
            |intent| from.contains(&intent.state),
            |intent, now| {
                intent.state = to;
                intent.note.clear();
                intent.epoch += 1;
                intent.looks = 0;
                intent.leased_until = 0;
                intent.next_at = now;
                intent.updated_at = now;
            },
        );
        self.intent(key).await
    }

    async fn hold(&self, office: &str, holder: &str, lease: Duration) -> Answer<bool> {
        let now = self.now();
        let mut tables = self.lock();
        let free = |(by, until): &(String, i64)| by == holder || *until <= now;
        let may = tables.offices.get(office).is_none_or(free);
        if may {
            let held = (holder.to_owned(), now + ms(lease));
            tables.offices.insert(office.to_owned(), held);
        }
        Ok(may)
    }

    async fn put_calls(&self, calls: &[CallRow]) -> Answer<()> {
        let mut tables = self.lock();
        for call in calls {
            let word = |row: &CallRow| (row.resumes, row.closed);
            let known = tables.calls.get(&call.call_key);
            if known.is_none_or(|known| word(call) >= word(known)) {
                let began = known.map_or(call.began, |known| known.began);
                let row = CallRow {
                    began,
                    ..call.clone()
                };
                tables.calls.insert(call.call_key.clone(), row);
            }
        }
        Ok(())
    }

    async fn call(&self, call_key: &str) -> Answer<Option<CallRow>> {
        Ok(self.lock().calls.get(call_key).cloned())
    }

    async fn unclosed(&self, older_than: Duration, limit: u32) -> Answer<Vec<CallRow>> {
        let latest = self.now() - ms(older_than);
        let tables = self.lock();
        let lost = |row: &&CallRow| !row.closed && row.began <= latest;
        let mut rows: Vec<CallRow> = tables.calls.values().filter(lost).cloned().collect();
        rows.sort_by_key(|row| row.began);
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(rows)
    }

    async fn publish(&self, hash: &str, files: &[u8]) -> Answer<Publication> {
        let at = self.now();
        let mut tables = self.lock();
        tables
            .bundles
            .entry(hash.to_owned())
            .or_insert_with(|| files.to_vec());
        let seq = tables.publications.last().map_or(1, |last| last.seq + 1);
        let publication = Publication {
            seq,
            hash: hash.to_owned(),
            at,
        };
        tables.publications.push(publication.clone());
        Ok(publication)
    }

    async fn publications(&self, limit: u32) -> Answer<Vec<Publication>> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(self
            .lock()
            .publications
            .iter()
            .rev()
            .take(limit)
            .cloned()
            .collect())
    }

    async fn bundle(&self, hash: &str) -> Answer<Option<Vec<u8>>> {
        Ok(self.lock().bundles.get(hash).cloned())
    }

    async fn calls_of(
        &self,
        number: &PhoneNumber,
        after: &str,
        limit: u32,
    ) -> Answer<Vec<CallRow>> {
        let tables = self.lock();
        let own = |row: &&CallRow| row.from.as_ref() == Some(number);
        let found = tables.calls.values().filter(own);
        let found = found.filter(|row| row.call_key.as_str() > after);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(found.take(limit).cloned().collect())
    }

    async fn intents_of(
        &self,
        number: &PhoneNumber,
        after: &str,
        limit: u32,
    ) -> Answer<Vec<Intent>> {
        let tables = self.lock();
        let found = tables.intents.values().filter(|intent| {
            intent.order.contact.as_ref() == Some(number) && intent.order.key.as_str() > after
        });
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(found.take(limit).cloned().collect())
    }

    async fn erase(&self, number: &PhoneNumber) -> Answer<Erased> {
        let mut tables = self.lock();
        let (calls, intents) = (tables.calls.len(), tables.intents.len());
        let own = |from: &Option<PhoneNumber>| from.as_ref() == Some(number);
        tables.calls.retain(|_, row| !own(&row.from));
        let gone = |intent: &Intent| own(&intent.order.contact) && !is_unsettled(intent);
        tables.intents.retain(|_, intent| !gone(intent));
        let left = tables.intents.values();
        let count = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
        Ok(Erased {
            calls: count(calls - tables.calls.len()),
            intents: count(intents - tables.intents.len()),
            unsettled: count(left.filter(|left| own(&left.order.contact)).count()),
        })
    }

    async fn forget_bundles(&self, replaced_for: Duration) -> Answer<u64> {
        let latest = self.now() - ms(replaced_for);
        let mut tables = self.lock();
        let Tables {
            bundles,
            publications,
            ..
        } = &mut *tables;
        let newest = publications.last().map(|newest| newest.hash.clone());
        let before = |of: &Publication| Some(&of.hash) != newest.as_ref();
        let previous = publications.iter().rposition(before).unwrap_or(0);
        let standing = publications.iter().rposition(|known| known.at <= latest);
        publications.drain(..previous.min(standing.unwrap_or(0)));
        let all = bundles.len();
        bundles.retain(|hash, _| publications.iter().any(|known| known.hash == *hash));
        Ok(u64::try_from(all - bundles.len()).unwrap_or(u64::MAX))
    }

    async fn forget(&self, older_than: Duration) -> Answer<u64> {
        let latest = self.now() - ms(older_than);
        let mut tables = self.lock();
        let before = tables.calls.len() + tables.intents.len();
        tables.calls.retain(|_, row| row.began >= latest);
        tables
            .intents
            .retain(|_, intent| is_unsettled(intent) || intent.updated_at >= latest);
        let after = tables.calls.len() + tables.intents.len();
        Ok(u64::try_from(before - after).unwrap_or(0))
    }
}
