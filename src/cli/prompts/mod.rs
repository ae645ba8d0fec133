//! `dana prompts`: the texts and their audio. Each subcommand has a file.

pub mod check;
pub mod import;
pub mod list;
pub mod render;
pub mod say;
pub mod script;
mod shelf;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;

use crate::bundle::Bundle;
use crate::call::Locale;
use crate::cli::out::{self, Exit};

/// Arguments of `dana prompts`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every clip: id, source, length, where it is used, text.
    List(list::Args),
    /// Measure every clip again: format, silence, clipping, loudness, length.
    Check(check::Args),
    /// Speak the clips whose text changed, by an installed voice.
    Render(render::Args),
    /// Take recordings from a folder: WAV files named by the clips' ids.
    Import(import::Args),
    /// All texts of a locale as a page for a voice talent.
    Script(script::Args),
    /// How a sentence comes out, slots filled: `say "Номер заявки: {digits=900345}."`
    Say(say::Args),
    /// Play clips by their ids.
    Play(say::PlayArgs),
}

/// The bundle, and which locales of it.
#[derive(Debug, clap::Args)]
pub struct Choice {
    /// Folder that holds flows/, grammars/, prompts/ and audio/.
    #[arg(long, value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
    /// One locale; all of them without it.
    #[arg(long, value_parser = ["ru", "kk"])]
    locale: Option<String>,
}

impl Choice {
    /// The bundle, or how the command ends without it.
    fn load(&self) -> Result<Arc<Bundle>, Exit> {
        Bundle::load(&self.bundle).map_err(|error| out::bad_file(&error))
    }

    fn locales(&self) -> impl Iterator<Item = Locale> {
        let only: Option<Locale> = self.locale.as_deref().and_then(|name| name.parse().ok());
        let all = Locale::ALL.iter().copied();
        all.filter(move |locale| only.is_none_or(|only| only == *locale))
    }
}

/// Runs the subcommand.
pub fn run(args: &Args) -> Exit {
    let ended = match &args.command {
        Command::List(args) => list::run(args),
        Command::Check(args) => check::run(args),
        Command::Render(args) => render::run(args),
        Command::Import(args) => import::run(args),
        Command::Script(args) => script::run(args),
        Command::Say(args) => say::run(args),
        Command::Play(args) => say::play(args),
    };
    ended.unwrap_or_else(|exit| exit)
}
