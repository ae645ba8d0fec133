//! `dana config`: the effective configuration, itself a configuration file, without secrets.

use std::path::PathBuf;

use crate::cli::out;
use crate::cli::out::Exit;
use crate::serve::config::Config;
use crate::serve::config::ConfigError;

/// Arguments of `dana config`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration file [default: $`DANA_CONFIG`, else dana.toml if it is there].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Prints it.
pub fn run(args: &Args) -> Exit {
    match Config::load(args.config.as_deref()) {
        Ok(config) => {
            out::data(config.to_toml().trim_end());
            Exit::Good
        }
        Err(ConfigError::Problems(problems)) => {
            out::talk(&problems.to_string());
            Exit::BadFile
        }
        Err(error @ ConfigError::Unreadable { .. }) => out::bad_file(&error),
    }
}
