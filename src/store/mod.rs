//! What outlives a process: ticket intents, call records, published bundles. One trait; an
//! in-memory model, and SQLite or PostgreSQL by the store's URL. Nothing of a live dialog.
//!
//! Every operation can be repeated: it is keyed, or a compare-and-set whose outcome is read back. So
//! a commit whose answer was lost is simply asked again. Leases run on the store's own clock.
//!
//! What is personal lies sealed in the engines; a line and a number are found there by a keyed hash.

pub mod memory;
mod schema;

pub mod sql;
mod url;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::call::{Login, PhoneNumber, named};
pub use crate::store::url::StoreUrl;

named! {
    /// Where a ticket intent stands.
    IntentState {
        /// Surely never sent, or refused for now (429): to be sent.
        Pending = "pending",
        /// Committed before a POST: the ticket may come to exist at any moment.
        Sending = "sending",
        /// Sent, and how it ended is not known.
        Unknown = "unknown",
        /// An operator owns it: nothing is sent any more.
        HandedOver = "handed_over",
        /// The ticket exists.
        Done = "done",
        /// Another open ticket for the login stands in its place.
        AlreadyOpen = "already_open",
        /// The ticket system refused it for good: for an operator.
        Rejected = "rejected",
        /// More than one ticket has its key: for an operator.
        Duplicate = "duplicate",
        /// Given up on: for an operator.
        Parked = "parked",
    }
}

impl IntentState {
    /// Automatic, and not ended: the reconciler brings it to an end. At most one a login.
    pub const OPEN: &'static [Self] = &[Self::Pending, Self::Sending, Self::Unknown];
    /// Not ended: it may still become a ticket.
    pub const UNSETTLED: &'static [Self] = &[
        Self::Pending,
        Self::Sending,
        Self::Unknown,
        Self::HandedOver,
    ];
    /// The operators' work list.
    pub const FOR_OPERATORS: &'static [Self] = &[Self::Rejected, Self::Duplicate, Self::Parked];
}

/// A ticket that was agreed to, before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// `ivr:{call_key}:technicianVisit`.
    pub key: String,
    /// The line that it is for.
    pub login: Login,
    /// The number that ordered it, and that the dispatcher calls; `None` for an order of an old build.
    pub contact: Option<PhoneNumber>,
    /// The body of the request, frozen.
    pub payload: Payload,
}

/// The bytes of a request, frozen. `Debug` shows the length only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Payload(Option<Vec<u8>>);

impl Payload {
    /// What was frozen, and is not to be had any more.
    pub(crate) const DAMAGED: Self = Self(None);

    /// Freezes the bytes.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(Some(bytes))
    }

    /// The bytes, if they are still those that were frozen.
    pub fn intact(&self) -> Option<&[u8]> {
        self.0.as_deref()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(bytes) => write!(f, "‹{} bytes›", bytes.len()),
            None => f.write_str("‹damaged›"),
        }
    }
}

/// A durable ticket intent. All times are ms since the epoch by the store's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// What was agreed to. If it cannot be opened any more, its payload is not intact, and its line is
    /// nobody's.
    pub order: Order,
    /// Where it stands.
    pub state: IntentState,
    /// The ticket's id in the ticket system, once known.
    pub ticket: Option<String>,
    /// How often it was sent.
    pub posts: i64,
    /// How often it was looked at without an end.
    pub looks: i64,
    /// Counts leases and changes of owner: a result with an older one is not taken.
    pub epoch: i64,
    /// When it was recorded.
    pub created_at: i64,
    /// When it last changed.
    pub updated_at: i64,
    /// When it was last sent; 0: never.
    pub sent_at: i64,
    /// Not to be looked at before.
    pub next_at: i64,
    /// Whoever holds it, holds it until then; 0: nobody.
    pub leased_until: i64,
    /// Why it stands where it stands, in a few words of ours.
    pub note: String,
    /// The store's clock when this was read.
    pub read_at: i64,
}

/// What became of an order that was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is new: leased to whoever recorded it, in state `sending`, with this epoch.
    New {
        /// Fences its results.
        epoch: i64,
    },
    /// The key was recorded before.
    Known(Box<Intent>),
    /// Another open intent for the login stands in the way; nothing was recorded.
    Busy(Box<Intent>),
}

/// A result that ends a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The new state. `Sending` keeps the lease and counts a POST.
    pub state: IntentState,
    /// Not to be looked at before so much time has passed.
    pub next_in: Duration,
    /// Why.
    pub note: &'static str,
}

/// What a fact about a ticket led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// The intent is done, with this ticket.
    Done,
    /// It had another ticket already: the intent is a duplicate now.
    Second,
    /// The ticket is that of another intent: nothing was changed.
    Foreign,
    /// There is no such intent.
    Nobody,
}

/// A call record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRow {
    /// The call's key.
    pub call_key: String,
    /// When it was offered, ms since the epoch.
    pub began: i64,
    /// How often it was resumed: of two records, that with more counts.
    pub resumes: i64,
    /// Whether its end is known.
    pub closed: bool,
    /// The calling number.
    pub from: Option<PhoneNumber>,
    /// The record, as JSON; empty if it cannot be opened any more.
    pub body: String,
}

/// What a store no longer has of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Call records.
    pub calls: u64,
    /// Intents.
    pub intents: u64,
    /// Intents that have not ended, and stay.
    pub unsettled: u64,
}

/// One publication of a bundle. The newest is that of new calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Counts up.
    pub seq: i64,
    /// The bundle.
    pub hash: String,
    /// When, by the store's clock.
    pub at: i64,
}

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It cannot be used at all: to be told to whoever starts us.
    #[error("{0}")]
    Unusable(String),
    /// It did not answer, or with an error: what was asked may have been done or not.
    #[error("the store did not answer: {0}")]
    Away(String),
}

type Answer<T> = Result<T, StoreError>;

/// As the store counts time.
pub(crate) fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

/// A store. Every answer comes within a few seconds.
pub trait Store: Send + Sync + 'static {
    /// Records an order, leased to the caller for `lease`. Durable when it returns.
    fn record(
        &self,
        order: &Order,
        lease: Duration,
    ) -> impl Future<Output = Answer<Recorded>> + Send;
    /// The intent of that key.
    fn intent(&self, key: &str) -> impl Future<Output = Answer<Option<Intent>>> + Send;
    /// Intents in those states whose key is above `after`, in the order of keys.
    fn intents(
        &self,
        states: &[IntentState],
        after: &str,
        limit: u32,
    ) -> impl Future<Output = Answer<Vec<Intent>>> + Send;
    /// Whether an intent for that login has not ended.
    fn has_unsettled(&self, login: &Login) -> impl Future<Output = Answer<bool>> + Send;
    /// Keys of unsettled intents that are due and that nobody holds, the longest due first.
    fn due(&self, limit: u32) -> impl Future<Output = Answer<Vec<String>>> + Send;
    /// Takes hold of an unsettled intent; `None` if somebody has it, or it has ended.
    fn lease(
        &self,
        key: &str,
        lease: Duration,
    ) -> impl Future<Output = Answer<Option<Intent>>> + Send;
    /// Writes a result, if the lease with that epoch is still the newest; else `false`.
    fn settle(
        &self,
        key: &str,
        epoch: i64,
        settled: Settled,
    ) -> impl Future<Output = Answer<bool>> + Send;
    /// The ticket exists: a fact, whoever holds the intent.
    fn confirm(&self, key: &str, ticket: &str) -> impl Future<Output = Answer<Confirmed>> + Send;
    /// One compare-and-set to `to`, from any of `from`, that fences whoever holds the intent; gives the
    /// intent as it stands then.
    fn pass(
        &self,
        key: &str,
        from: &[IntentState],
        to: IntentState,
    ) -> impl Future<Output = Answer<Option<Intent>>> + Send;
    /// Takes or keeps an office that one of all replicas holds.
    fn hold(
        &self,
        office: &str,
        holder: &str,
        lease: Duration,
    ) -> impl Future<Output = Answer<bool>> + Send;

    /// Stores call records; of several of one call the last word stands.
    fn put_calls(&self, calls: &[CallRow]) -> impl Future<Output = Answer<()>> + Send;
    /// The record of a call.
    fn call(&self, call_key: &str) -> impl Future<Output = Answer<Option<CallRow>>> + Send;
    /// Records without an end of calls that began so long ago or longer.
    fn unclosed(
        &self,
        older_than: Duration,
        limit: u32,
    ) -> impl Future<Output = Answer<Vec<CallRow>>> + Send;

    /// Stores a bundle and makes it that of new calls.
    fn publish(&self, hash: &str, files: &[u8])
    -> impl Future<Output = Answer<Publication>> + Send;
    /// The newest publications, newest first.
    fn publications(&self, limit: u32) -> impl Future<Output = Answer<Vec<Publication>>> + Send;
    /// The files of a bundle.
    fn bundle(&self, hash: &str) -> impl Future<Output = Answer<Option<Vec<u8>>>> + Send;

    /// Call records of that number whose key is above `after`, in the order of keys.
    fn calls_of(
        &self,
        number: &PhoneNumber,
        after: &str,
        limit: u32,
    ) -> impl Future<Output = Answer<Vec<CallRow>>> + Send;
    /// Intents of that number whose key is above `after`, in the order of keys.
    fn intents_of(
        &self,
        number: &PhoneNumber,
        after: &str,
        limit: u32,
    ) -> impl Future<Output = Answer<Vec<Intent>>> + Send;
    /// Erases what there is of a number: call records, and intents that have ended.
    fn erase(&self, number: &PhoneNumber) -> impl Future<Output = Answer<Erased>> + Send;

    /// Forgets bundles that others have stood in the place of for so long, but never the newest nor
    /// the one that a rollback goes back to. How many.
    fn forget_bundles(&self, replaced_for: Duration) -> impl Future<Output = Answer<u64>> + Send;
    /// Forgets what is older: call records, and intents that have ended. How many rows.
    fn forget(&self, older_than: Duration) -> impl Future<Output = Answer<u64>> + Send;
}
