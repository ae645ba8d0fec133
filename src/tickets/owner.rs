//! Who owns an unconfirmed order, the reconciler or an operator; and facts that could not be written
//! yet. What the store did not take is kept, one word a key, and said again until it does.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::digest::name;
use crate::lookup::Oss;
use crate::store::{Confirmed, IntentState, Store, StoreError};
use crate::tickets::{Inner, PROMPT};

/// Words kept for a store that is away. Each is an order whose call went on without it: a minute
/// of two hundred calls a second.
const MAX_WISHES: usize = 12_000;
/// An order whose commit was not heard of may come to be in the store so much later: PostgreSQL ends
/// a commit that waits for its standby after ten seconds.
const AMBIGUOUS: Duration = Duration::from_secs(15);

/// What the store has to be told about an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// The operator owns it.
    Operator,
    /// It is automatic again.
    Automatic,
    /// It is this ticket.
    Ticket(String),
}

/// Words by key, and since when.
pub(super) type Wishes = BTreeMap<String, (Wish, Instant)>;

impl<S: Store, O: Oss> Inner<S, O> {
    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a word until the store has taken it. The last word on a key counts, but a ticket that
    /// exists stays a fact.
    pub(super) fn wish(&self, key: &str, wish: Wish) {
        let mut wishes = self.wishes();
        if matches!(wishes.get(key), Some((Wish::Ticket(_), _))) {
            return;
        }
        if wishes.len() >= MAX_WISHES && !wishes.contains_key(key) {
            tracing::error!(
                order = name(key),
                ?wish,
                "the store is away for too long: a word is lost"
            );
            return;
        }
        wishes.insert(key.to_owned(), (wish, Instant::now()));
    }

    /// Says what is kept; gives up at the first that the store does not take.
    pub(super) async fn say_wishes(&self) {
        let kept: Vec<String> = self.wishes().keys().cloned().collect();
        for key in kept {
            if self.say(&key).await.is_err() {
                return;
            }
        }
    }

    /// The last chance: what is not said now is said by nobody.
    pub(super) async fn say_last(&self, within: Duration) {
        // What could not be said is told below.
        let _ = timeout(within, self.say_wishes()).await;
        for (key, (wish, _)) in self.wishes().iter() {
            tracing::error!(
                order = name(key),
                ?wish,
                "the store was not told before the end"
            );
        }
    }

    /// Says what is kept for one key.
    async fn say(&self, key: &str) -> Result<(), StoreError> {
        let Some((wish, since)) = self.wishes().get(key).cloned() else {
            return Ok(());
        };
        let mut is_known = true;
        match &wish {
            Wish::Operator => {
                let passed = self
                    .store
                    .pass(key, IntentState::OPEN, IntentState::HandedOver);
                is_known = passed.await?.is_some();
            }
            Wish::Automatic => {
                let from = [IntentState::HandedOver];
                let passed = self.store.pass(key, &from, IntentState::Unknown);
                passed.await.map(drop)?;
            }
            Wish::Ticket(id) => alarm(key, self.store.confirm(key, id).await?),
        }
        if !is_known && since.elapsed() < AMBIGUOUS {
            return Ok(());
        }
        let mut wishes = self.wishes();
        if wishes.get(key) == Some(&(wish, since)) {
            wishes.remove(key);
        }
        Ok(())
    }

    /// One compare-and-set at once. If the store does not answer in time, it is told as soon as it
    /// does: long before the quiet window of an order is over.
    pub(super) async fn say_now(&self, key: &str) {
        if !matches!(timeout(PROMPT, self.say(key)).await, Ok(Ok(()))) {
            tracing::warn!(
                order = name(key),
                "the store does not answer: ownership passes when it does"
            );
        }
    }
}

/// Two tickets for one order, or one ticket for two orders: somebody has to look at it.
pub(super) fn alarm(key: &str, confirmed: Confirmed) {
    match confirmed {
        Confirmed::Done | Confirmed::Nobody => {}
        Confirmed::Second => tracing::error!(
            order = name(key),
            "one order has two tickets: for an operator"
        ),
        Confirmed::Foreign => {
            tracing::error!(
                order = name(key),
                "the ticket system answered with another order's ticket"
            );
        }
    }
}
