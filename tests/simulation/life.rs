//! Processes that die: what a dead one waits for never comes, what it has done stays done.

use std::sync::Arc;
use std::time::Duration;

use dana::call::{Login, PhoneNumber};
use dana::lookup::{Finding, Lookup, Oss, OurTicket, Posted, Sought, TicketOrder};
use dana::store::{
    CallRow, Confirmed, Erased, Intent, IntentState, Order, Publication, Recorded, Settled, Store,
    StoreError,
};
use tokio::sync::watch;

/// A process that is there, or not.
#[derive(Clone)]
pub(super) struct Life(watch::Receiver<bool>);

impl Life {
    pub(super) const fn new(alive: watch::Receiver<bool>) -> Self {
        Self(alive)
    }

    /// Until its end.
    pub(super) async fn end(&mut self) {
        // Whoever could end it is gone: it lives for ever.
        if self.0.wait_for(|alive| !alive).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What a living process gets; a dead one gets nothing, for ever.
    pub(super) async fn lived<T>(mut self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            () = self.end() => std::future::pending().await,
            done = work => done,
        }
    }
}

/// Something that outlives a process, as that process sees it.
pub(super) struct Mortal<T> {
    inner: Arc<T>,
    life: Life,
}

impl<T> Mortal<T> {
    pub(super) const fn new(inner: Arc<T>, life: Life) -> Self {
        Self { inner, life }
    }
}

/// Passes each call on, as long as the process lives.
macro_rules! passed_on {
    ($(fn $name:ident(&self $(, $arg:ident: $type:ty)*) -> $out:ty;)+) => {
        $(async fn $name(&self $(, $arg: $type)*) -> $out {
            self.life.clone().lived(self.inner.$name($($arg),*)).await
        })+
    };
}

impl<T: Oss> Oss for Mortal<T> {
    passed_on! {
        fn look_up(&self, lookup: Lookup) -> Finding;
        fn post_ticket(&self, key: &str, login: &Login, body: &[u8], within: Duration) -> Posted;
        fn find_ticket(&self, key: &str, login: &Login, within: Duration) -> Sought;
        fn our_tickets(&self) -> Option<Vec<OurTicket>>;
    }

    fn render(&self, order: &TicketOrder) -> Vec<u8> {
        self.inner.render(order)
    }
}

type Answer<T> = Result<T, StoreError>;

impl<T: Store> Store for Mortal<T> {
    passed_on! {
        fn record(&self, order: &Order, lease: Duration) -> Answer<Recorded>;
        fn intent(&self, key: &str) -> Answer<Option<Intent>>;
        fn intents(&self, states: &[IntentState], after: &str, limit: u32) -> Answer<Vec<Intent>>;
        fn has_unsettled(&self, login: &Login) -> Answer<bool>;
        fn due(&self, limit: u32) -> Answer<Vec<String>>;
        fn lease(&self, key: &str, lease: Duration) -> Answer<Option<Intent>>;
        fn settle(&self, key: &str, epoch: i64, settled: Settled) -> Answer<bool>;
        fn confirm(&self, key: &str, ticket: &str) -> Answer<Confirmed>;
        fn pass(&self, key: &str, from: &[IntentState], to: IntentState) -> Answer<Option<Intent>>;
        fn hold(&self, office: &str, holder: &str, lease: Duration) -> Answer<bool>;
        fn put_calls(&self, calls: &[CallRow]) -> Answer<()>;
        fn call(&self, call_key: &str) -> Answer<Option<CallRow>>;
        fn unclosed(&self, older_than: Duration, limit: u32) -> Answer<Vec<CallRow>>;
        fn publish(&self, hash: &str, files: &[u8]) -> Answer<Publication>;
        fn publications(&self, limit: u32) -> Answer<Vec<Publication>>;
        fn bundle(&self, hash: &str) -> Answer<Option<Vec<u8>>>;
        fn calls_of(&self, number: &PhoneNumber, after: &str, limit: u32) -> Answer<Vec<CallRow>>;
        fn intents_of(&self, number: &PhoneNumber, after: &str, limit: u32) -> Answer<Vec<Intent>>;
        fn erase(&self, number: &PhoneNumber) -> Answer<Erased>;
        fn forget_bundles(&self, replaced_for: Duration) -> Answer<u64>;
        fn forget(&self, older_than: Duration) -> Answer<u64>;
    }
}
