//! The store and the ticket desk, from the configuration: for the service and for the commands that
//! look after it.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::network;
use crate::network::TmForum;
use crate::serve::ServeError;
use crate::serve::config::Config;
use crate::store::StoreError;
use crate::store::sql::Sql;
use crate::tickets;
use crate::tickets::Desk;

/// A store that is not there yet is tried so often, a second apart: a database may start with us.
const TRIES: u32 = 30;

/// Opens the store; waits a while for one that does not answer yet.
pub async fn store(config: &Config) -> Result<Sql, StoreError> {
    let url = config.store();
    let mut tried = 1;
    loop {
        match Sql::open(&url).await {
            Err(StoreError::Away(why)) if tried < TRIES => {
                tracing::warn!(%url, why, "the store does not answer yet; nothing is served");
                tried += 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            opened => return opened,
        }
    }
}

/// The desk over that store. To be made in the runtime that the store was opened in.
pub fn desk(config: &Config, store: Sql) -> Result<Desk<Sql, TmForum>, ServeError> {
    let ms = |ms: NonZeroU32| Duration::from_millis(u64::from(ms.get()));
    let back_ends = network::Settings {
        read: ms(config.read_ms),
        line_test: ms(config.line_test_ms),
        ..network::Settings::new(config.root.reveal())
    };
    let oss = TmForum::new(back_ends).map_err(|error| ServeError::Http(error.to_string()))?;
    let settings = tickets::Settings {
        within: ms(config.ticket_ms),
        safe_repost: config.safe_repost,
        quiet: Duration::from_secs(u64::from(config.quiet_s.get())),
        park_after: Duration::from_hours(u64::from(config.park_hours.get())),
        backlog_per_second: config.backlog_per_second.get(),
    };
    Ok(Desk::new(store, oss, settings, Handle::current()))
}
