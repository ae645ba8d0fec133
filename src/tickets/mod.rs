//! Tickets, created exactly once: an order is durable before anything is sent, one request with one
//! key and frozen bytes, a look before anything is sent again, one owner at a time.
//!
//! The [`Desk`] stands between a session and the back ends. What a call cannot bring to its end, the
//! reconciler does (`reconcile`); only it sends again, and only what no operator owns.

mod order;
mod owner;
pub mod reconcile;

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tokio::runtime::Handle;
use tracing::Instrument;

use crate::lookup::{
    Attempt, Finding, Lookup, Network, Oss, OurTicket, TicketOrder, TicketResult, TicketsFinding,
};
use crate::metrics::Metrics;
use crate::store::Store;
use crate::tickets::owner::{Wish, Wishes};

/// An order that is not durable by then is none: the caller is told so.
const DURABLE: Duration = Duration::from_secs(3);
/// An answer of the store that a caller's next words wait for.
const PROMPT: Duration = Duration::from_secs(1);

/// Settings of tickets.
#[derive(Clone, Debug)]
pub struct Settings {
    /// For a ticket, all steps of a call together: less than the flow's `ticket_wait_ms`.
    pub within: Duration,
    /// The ticket system keeps its key: a lost answer may be asked for again at once.
    pub safe_repost: bool,
    /// The ticket system, or what is in front of it, may still take a request that was sent so long
    /// ago. "Not found" before is no evidence.
    pub quiet: Duration,
    /// What is not done after this is for an operator.
    pub park_after: Duration,
    /// Tickets that the reconciler sends a second at most: after an outage of the ticket system
    /// its backlog must not be the next one.
    pub backlog_per_second: u32,
    /// What is counted.
    pub metrics: Metrics,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            within: Duration::from_millis(7_500),
            safe_repost: false,
            quiet: Duration::from_mins(2),
            park_after: Duration::from_hours(3 * 24),
            backlog_per_second: 10,
            metrics: Metrics::default(),
        }
    }
}

/// The ticket desk: the back ends as a session sees them. Cheap to clone.
pub struct Desk<S, O> {
    inner: Arc<Inner<S, O>>,
    /// Where the store and the requests live: orders outlive the worker that made them.
    home: Handle,
}

struct Inner<S, O> {
    store: S,
    oss: O,
    settings: Settings,
    wishes: Mutex<Wishes>,
}

impl<S, O> Clone for Desk<S, O> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            home: self.home.clone(),
        }
    }
}

impl<S: Store, O: Oss> Desk<S, O> {
    /// A desk whose work is done on `home`, the runtime that the store was opened in.
    pub fn new(store: S, oss: O, settings: Settings, home: Handle) -> Self {
        let wishes = Mutex::default();
        Self {
            inner: Arc::new(Inner {
                store,
                oss,
                settings,
                wishes,
            }),
            home,
        }
    }

    /// The end: says what the store was not told yet, for so long and no longer.
    pub async fn close(&self, within: Duration) {
        self.inner.say_last(within).await;
    }

    /// Its store.
    pub fn store(&self) -> &S {
        &self.inner.store
    }

    /// All tickets of ours in the ticket system; `None` if it does not list them.
    pub async fn our_tickets(&self) -> Option<Vec<OurTicket>> {
        self.inner.oss.our_tickets().await
    }
}

impl<S: Store, O: Oss> Network for Desk<S, O> {
    async fn look_up(&self, lookup: Lookup) -> Finding {
        let Lookup::Tickets { login } = lookup.clone() else {
            return self.inner.oss.look_up(lookup).await;
        };
        let inner = Arc::clone(&self.inner);
        let own = self.home.spawn(async move {
            let asked = inner.store.has_unsettled(&login);
            tokio::time::timeout(PROMPT, asked).await
        });
        let (finding, own) = tokio::join!(self.inner.oss.look_up(lookup), own);
        let own = matches!(own, Ok(Ok(Ok(true))));
        if own && finding == Finding::Tickets(TicketsFinding::None) {
            // An own order that may still become a ticket: no other one is offered, and none is
            // claimed to exist. Without an answer of the store no order can be recorded either.
            return Finding::Tickets(TicketsFinding::Unavailable);
        }
        finding
    }

    async fn create_ticket(&self, order: TicketOrder, attempt: Attempt) -> TicketResult {
        let inner = Arc::clone(&self.inner);
        let span = tracing::info_span!("ticket", attempt = attempt.as_str());
        let create = async move { inner.create(order, attempt).await };
        let created = self.home.spawn(create.instrument(span.clone()));
        let result = created.await.unwrap_or(TicketResult::Unconfirmed);
        self.inner.settings.metrics.ticket(result.class());
        span.in_scope(|| tracing::debug!(result = result.class(), "ordered"));
        result
    }

    async fn hand_over(&self, key: String) {
        let inner = Arc::clone(&self.inner);
        inner.wish(&key, Wish::Operator);
        let said = self.home.spawn(async move { inner.say_now(&key).await });
        // It says itself what it could not do.
        let _ = said.await;
    }

    /// A store that does not answer knows of none: rather a call twice than a caller dropped.
    async fn is_over(&self, call_key: Arc<str>) -> bool {
        let inner = Arc::clone(&self.inner);
        let recorded = self
            .home
            .spawn(async move { tokio::time::timeout(PROMPT, inner.store.call(&call_key)).await });
        matches!(recorded.await, Ok(Ok(Ok(Some(call)))) if call.closed)
    }

    fn take_back(&self, key: String) {
        let inner = Arc::clone(&self.inner);
        inner.wish(&key, Wish::Automatic);
        self.home.spawn(async move { inner.say_now(&key).await });
    }
}
