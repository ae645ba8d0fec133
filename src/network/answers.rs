//! Answers that many callers wait for: one question for a key at a time, its answer good for all
//! who ask within a few seconds. A mass outage is many callers with one question.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// An answer is told for so long: an outage begins or ends by the minute.
const GOOD: Duration = Duration::from_secs(5);
/// That there was none is told for so long: who waited with the one that asked waits no longer.
const NONE: Duration = Duration::from_secs(1);
/// Keys; beyond it those that are out of date go.
const KEYS: usize = 10_000;

/// Answers by key.
#[derive(Debug)]
pub(super) struct Answers<V>(Mutex<BTreeMap<String, Arc<Slot<V>>>>);

type Slot<V> = tokio::sync::Mutex<Option<(Instant, Option<V>)>>;

impl<V> Default for Answers<V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<V: Clone> Answers<V> {
    /// The answer that is known, else what `ask` gives; `true` if somebody else had asked. If the
    /// one who asks goes away, the next who waits asks.
    pub(super) async fn get(
        &self,
        key: String,
        ask: impl Future<Output = Option<V>>,
    ) -> (Option<V>, bool) {
        let slot = self.slot(key);
        let mut slot = slot.lock().await;
        if let Some((until, answer)) = slot.as_ref()
            && Instant::now() < *until
        {
            return (answer.clone(), true);
        }
        let answer = ask.await;
        let good_for = if answer.is_some() { GOOD } else { NONE };
        *slot = Some((Instant::now() + good_for, answer.clone()));
        (answer, false)
    }

    fn slot(&self, key: String) -> Arc<Slot<V>> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= KEYS {
            let now = Instant::now();
            slots.retain(|_, slot| {
                // One that is locked is being asked for.
                slot.try_lock().map_or(true, |answer| {
                    answer.as_ref().is_some_and(|(until, _)| now < *until)
                })
            });
        }
        Arc::clone(slots.entry(key).or_default())
    }
}
