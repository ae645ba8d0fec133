//! `dana calls prune`: what the service does by its settings, by hand.

use std::path::{Path, PathBuf};

use crate::cli::calls::filter::moment;
use crate::cli::out;
use crate::cli::out::Exit;
use crate::clock;
use crate::journal::Retention;
use crate::time::WallTime;

/// Options.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folders of services. A packed file is not changed: delete it, or export what is to stay.
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Days that are kept, today not counted.
    #[arg(long, value_name = "DAYS")]
    keep_days: u32,
    /// Megabytes of journals that are kept; beyond it the oldest go, but none of today.
    #[arg(long, value_name = "MB")]
    keep_mb: Option<u64>,
    /// Instead of today.
    #[arg(long, value_name = "TIME", value_parser = moment, hide = true)]
    now: Option<WallTime>,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Exit, Exit> {
    let retention = Retention {
        days: args.keep_days,
        bytes: args
            .keep_mb
            .map_or(u64::MAX, |mb| mb.saturating_mul(1_000_000)),
    };
    let now = args.now.unwrap_or_else(clock::now);
    for folder in &args.folders {
        if !folder.join("journals").is_dir() {
            out::talk(&format!(
                "error: `{}` is no folder of a service: it has no journals/",
                folder.display()
            ));
            return Err(Exit::BadFile);
        }
        let deleted = retention.prune(folder, now);
        let deleted = deleted.map_err(|error| cannot(folder, &error))?;
        out::talk(&format!("{}: {deleted} files deleted", folder.display()));
    }
    Ok(Exit::Good)
}

fn cannot(folder: &Path, error: &std::io::Error) -> Exit {
    out::talk(&format!(
        "error: cannot delete in `{}`: {error}",
        folder.display()
    ));
    Exit::Environment
}
