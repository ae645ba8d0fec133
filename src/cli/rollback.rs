//! `dana rollback`: makes the bundle that stood before the newest that of new calls again. A second
//! rollback undoes the first.

use std::path::PathBuf;

use crate::cli::in_runtime;
use crate::cli::out;
use crate::cli::out::{Exit, Format};
use crate::cli::publish;
use crate::publication;
use crate::publication::PublicationError;
use crate::seal::Keys;
use crate::serve::config::Config;
use crate::serve::desk;
use crate::store::Store;

/// Options of `dana rollback`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration file; see `dana config`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// For people, or for machines.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    let config = match Config::load(args.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return out::bad_file(&error),
    };
    let published = in_runtime::<_, PublicationError>(async {
        let store = desk::store(&config, &Keys::none()).await?;
        let previous = publication::previous(&store).await?.ok_or_else(|| {
            PublicationError::Unfit(
                "no other bundle was published before: publish the folder of the older one"
                    .to_owned(),
            )
        })?;
        // It has to load here as it will there.
        let cache = config.bundles();
        publication::load(&store, cache, previous.hash.clone()).await?;
        let published = store.publish(&previous.hash, &[]).await?;
        store.close().await;
        Ok(published)
    });
    publish::tell(published, args.format)
}
