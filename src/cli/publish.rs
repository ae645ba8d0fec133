//! `dana publish`: checks a bundle, proves it, and makes it that of new calls on every replica. A
//! bundle with a problem, or with a rule that a call can break, is not published.

use std::path::PathBuf;

use serde_json::json;

use crate::bundle::Bundle;
use crate::cli::in_runtime;
use crate::cli::out;
use crate::cli::out::{Exit, Format};
use crate::cli::prove;
use crate::proof;
use crate::publication;
use crate::publication::PublicationError;
use crate::seal::Keys;
use crate::serve::config::Config;
use crate::serve::desk;
use crate::store::{Publication, Store};
use crate::time::WallTime;

/// Options of `dana publish`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder that holds flows/, grammars/, prompts/ and audio/.
    #[arg(value_name = "BUNDLE", default_value = ".")]
    bundle: PathBuf,
    /// The configuration file; see `dana config`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// For people, or for machines.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Runs the command: 1 if the bundle breaks a rule, 2 if it has problems.
pub fn run(args: &Args) -> Exit {
    let config = match Config::load(args.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return out::bad_file(&error),
    };
    let bundle = match Bundle::load(&args.bundle) {
        Ok(bundle) => bundle,
        Err(error) => return out::bad_file(&error),
    };
    if !bundle.audio_problems.is_empty() {
        return out::bad_file(&bundle.audio_problems);
    }
    out::talk(&format!("bundle {}: proving every call", bundle.hash));
    let proof = proof::prove(&bundle);
    if !proof.is_good() {
        out::talk(prove::text(&proof).trim_end());
        out::talk("error: a rule does not hold: not published");
        return Exit::Found;
    }
    let published = in_runtime::<_, PublicationError>(async {
        let files = publication::pack(&args.bundle)?;
        // As every replica will: what cannot be taken there is not published.
        publication::take(Some(&files), &config.bundles(), &bundle.hash)?;
        let store = desk::store(&config, &Keys::none()).await?;
        let published = store.publish(&bundle.hash, &files).await?;
        store.close().await;
        Ok(published)
    });
    tell(published, args.format)
}

/// Says what new calls are on from now on.
pub(super) fn tell(published: Result<Publication, String>, format: Format) -> Exit {
    match published {
        Ok(Publication { seq, hash, at }) => {
            let at = WallTime::from_unix_ms(at).to_rfc3339();
            match format {
                Format::Text => out::data(&format!("{hash}  publication {seq}, {at}")),
                Format::Json => out::json(&json!({ "hash": hash, "seq": seq, "at": at })),
            }
            out::talk("every replica takes it for new calls within seconds");
            Exit::Good
        }
        Err(error) => {
            out::error(&error);
            Exit::Environment
        }
    }
}
