//! The store and the ticket desk, from the configuration: for the service and for the commands that
//! look after it.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::bundle::Bundle;
use crate::metrics::Metrics;
use crate::network;
use crate::network::TmForum;
use crate::publication;
use crate::seal::Keys;
use crate::serve::ServeError;
use crate::serve::config::Config;
use crate::serve::credentials;
use crate::serve::credentials::CredentialError;
use crate::shelf::{Fetched, Shelf};
use crate::store::StoreError;
use crate::store::sql::Sql;
use crate::tickets;
use crate::tickets::Desk;

/// A store that is not there yet is tried so often, a second apart: a database may start with us.
const TRIES: u32 = 30;
/// A caller whose bundle has to be fetched waits no longer; then he is handed over.
const FETCH: Duration = Duration::from_secs(3);

/// Opens the store; waits a while for one that does not answer yet. Without keys it gives bundles
/// only.
pub async fn store(config: &Config, keys: &Keys) -> Result<Sql, StoreError> {
    let url = config.store();
    let mut tried = 1;
    loop {
        match Sql::open(&url, keys).await {
            Err(StoreError::Away(why)) if tried < TRIES => {
                tracing::warn!(%url, why, "the store does not answer yet; nothing is served");
                tried += 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            opened => return opened,
        }
    }
}

/// The store of a service, for who looks after it: nothing is made, and nobody waits.
pub async fn kept(config: &Config, keys: &Keys) -> Result<Sql, StoreError> {
    let url = config.store();
    match url.file().filter(|path| !path.exists()) {
        Some(path) => Err(StoreError::Unusable(format!(
            "there is no store `{}`\n\nhint: name the service's configuration (--config); its first \
             start makes the store",
            path.display()
        ))),
        None => Sql::open(&url, keys).await,
    }
}

/// The bundles at hand: the newest publication, or, where there is none or none that loads, the
/// bundle of the folder.
pub(super) async fn shelf(bundle: Arc<Bundle>, store: &Sql, cache: &Path) -> Shelf {
    let home = Handle::current();
    let (to_fetch, fetched) = (store.clone(), cache.to_owned());
    let fetch = move |hash: String| -> Fetched {
        let (store, cache) = (to_fetch.clone(), fetched.clone());
        let fetch = home.spawn(async move { publication::load(&store, cache, hash).await });
        Box::pin(async move {
            let fetched = timeout(FETCH, fetch).await.ok()?.ok()?;
            fetched
                .inspect_err(
                    |error| tracing::error!(%error, "a call's own bundle is not to be had"),
                )
                .ok()
        })
    };
    let shelf = Shelf::new(bundle, Some(Box::new(fetch)));
    publication::follow(store, &shelf, cache, std::future::ready(())).await;
    shelf
}

/// A desk over that store, without a service around it. To be made in the store's runtime.
pub fn desk(config: &Config, store: Sql) -> Result<Desk<Sql, TmForum>, ServeError> {
    let metrics = Metrics::default();
    let oss = TmForum::new(back_ends(config, &metrics)?)?;
    credentials::show_token(config, &oss)?;
    Ok(Desk::new(
        store,
        oss,
        settings(config, &metrics),
        Handle::current(),
    ))
}

/// The settings of tickets.
pub(super) fn settings(config: &Config, metrics: &Metrics) -> tickets::Settings {
    tickets::Settings {
        within: ms(config.ticket_ms),
        safe_repost: config.safe_repost,
        quiet: Duration::from_secs(u64::from(config.quiet_s.get())),
        park_after: Duration::from_hours(u64::from(config.park_hours.get())),
        backlog_per_second: config.backlog_per_second.get(),
        metrics: metrics.clone(),
    }
}

/// The settings of the back ends.
pub(super) fn back_ends(
    config: &Config,
    metrics: &Metrics,
) -> Result<network::Settings, CredentialError> {
    let authorities = config.authorities.0.as_deref();
    Ok(network::Settings {
        authorities: authorities.map(credentials::open).transpose()?,
        at_once: usize::try_from(config.at_once.get()).unwrap_or(usize::MAX),
        read: ms(config.read_ms),
        line_test: ms(config.line_test_ms),
        metrics: metrics.clone(),
        ..network::Settings::new(config.root.reveal())
    })
}

pub(super) fn ms(ms: NonZeroU32) -> Duration {
    Duration::from_millis(u64::from(ms.get()))
}
