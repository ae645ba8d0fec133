//! The bundles that a service has at hand: that of new calls, and those that calls still go on with.
//! What is not at hand is fetched, once, for whoever resumes on it.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{FutureExt, Shared};

use crate::bundle::Bundle;

/// Bundles kept beside the newest: calls last an hour at most, and nobody publishes more often.
const KEPT: usize = 4;

/// A bundle that comes, or is not to be had.
pub type Fetched = Pin<Box<dyn Future<Output = Option<Arc<Bundle>>> + Send>>;
type Fetch = Box<dyn Fn(String) -> Fetched + Send + Sync>;

/// The bundles at hand. Cheap to clone; clones are one shelf.
#[derive(Clone)]
pub struct Shelf {
    inner: Arc<Inner>,
}

struct Inner {
    /// The newest first.
    bundles: Mutex<Vec<Arc<Bundle>>>,
    fetch: Option<Fetch>,
    /// What is being fetched: a service that starts again has a thousand calls that wait for one.
    fetching: Mutex<BTreeMap<String, Shared<Fetched>>>,
}

impl From<Arc<Bundle>> for Shelf {
    /// A shelf with one bundle, which never changes.
    fn from(bundle: Arc<Bundle>) -> Self {
        Self::new(bundle, None)
    }
}

impl Shelf {
    /// A shelf with one bundle. `fetch` gets another by its hash.
    pub fn new(bundle: Arc<Bundle>, fetch: Option<Fetch>) -> Self {
        let bundles = Mutex::new(vec![bundle]);
        Self {
            inner: Arc::new(Inner {
                bundles,
                fetch,
                fetching: Mutex::default(),
            }),
        }
    }

    fn bundles(&self) -> MutexGuard<'_, Vec<Arc<Bundle>>> {
        let bundles = self.inner.bundles.lock();
        bundles.unwrap_or_else(PoisonError::into_inner)
    }

    fn fetching(&self) -> MutexGuard<'_, BTreeMap<String, Shared<Fetched>>> {
        let fetching = self.inner.fetching.lock();
        fetching.unwrap_or_else(PoisonError::into_inner)
    }

    /// The bundle of new calls.
    pub fn newest(&self) -> Arc<Bundle> {
        // Made with one, and one is always kept.
        Arc::clone(&self.bundles()[0])
    }

    /// The bundle with that hash, if it is at hand.
    pub fn get(&self, hash: &str) -> Option<Arc<Bundle>> {
        self.bundles()
            .iter()
            .find(|bundle| *bundle.hash == *hash)
            .cloned()
    }

    /// Gets a bundle that is not at hand.
    pub async fn fetch(self, hash: String) -> Option<Arc<Bundle>> {
        let fetch = self.inner.fetch.as_ref()?;
        let fetched = {
            let mut fetching = self.fetching();
            // It may have come meanwhile.
            if let Some(bundle) = self.get(&hash) {
                return Some(bundle);
            }
            let new = || fetch(hash.clone()).shared();
            fetching.entry(hash.clone()).or_insert_with(new).clone()
        };
        let bundle = fetched.await;
        let mut fetching = self.fetching();
        let first = fetching.remove(&hash).is_some();
        if let Some(bundle) = bundle.clone().filter(|_| first) {
            let mut bundles = self.bundles();
            bundles.insert(1, bundle);
            bundles.truncate(1 + KEPT);
        }
        bundle
    }

    /// From now on new calls are on this bundle.
    pub fn put(&self, bundle: Arc<Bundle>) {
        let mut bundles = self.bundles();
        bundles.retain(|known| known.hash != bundle.hash);
        bundles.insert(0, bundle);
        bundles.truncate(1 + KEPT);
    }
}
