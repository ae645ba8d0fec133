//! `dana prompts render`: speaks what has no audio or another text than its audio.

use std::sync::Arc;

use crate::audio::manifest::{Entry, Origin};
use crate::audio::shape::shape;
use crate::audio::synthesis::{self, SynthesisError, Voice};
use crate::bundle::Bundle;
use crate::call::Locale;
use crate::cli::out::{self, Exit};
use crate::cli::prompts::Choice;
use crate::cli::prompts::shelf::{Refused, Shelf};
use crate::prompt::catalog::Clip;

/// Arguments of `dana prompts render`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    choice: Choice,
    /// Speak every clip again that a voice spoke; recordings stay.
    #[arg(long)]
    all: bool,
}

/// Renders: 0 when every clip has its audio, 1 when some could not be spoken, 3 without a voice.
pub fn run(args: &Args) -> Result<Exit, Exit> {
    let bundle = args.choice.load()?;
    let mut exit = Exit::Good;
    for locale in args.choice.locales() {
        let mut shelf = Shelf::open(&args.choice.bundle, locale)?;
        let rendered = locale_of(&bundle, locale, args.all, &mut shelf);
        // What was spoken before a fault is kept.
        shelf.close()?;
        if rendered? > 0 {
            exit = Exit::Found;
        }
    }
    Ok(exit)
}

/// Gives how many clips could not be spoken.
fn locale_of(bundle: &Bundle, locale: Locale, all: bool, shelf: &mut Shelf) -> Result<usize, Exit> {
    let voice = synthesis::voice(locale);
    remove_unused(bundle, locale, shelf)?;
    let due = |clip: &&Clip| {
        let entry = shelf.entries.get(&clip.id);
        let again = all && entry.is_some_and(|entry| entry.source != Origin::Recorded);
        let good = entry.is_some_and(|entry| entry.says(clip)) && shelf.path(&clip.id).is_file();
        again || !good
    };
    let due: Vec<&Clip> = bundle.catalog.clips(locale).filter(due).collect();
    if due.is_empty() {
        out::talk(&format!("{locale}: nothing to render"));
        return Ok(0);
    }
    let by = Entry {
        id: Arc::from(""),
        text_sha256: String::new(),
        source: voice.origin,
        engine: voice.engine.to_owned(),
        version: voice.version(),
        voice: voice.name.to_owned(),
        duration_ms: 0,
        lufs: 0.0,
        sha256: Arc::from(""),
    };
    let mut refused = 0;
    for (clip, count) in due.iter().zip(1..) {
        match clip_of(clip, &voice, &by, shelf)? {
            Ok(ms) => out::data(&format!(
                "{locale}  {:<28} {:>6.2} s  {}",
                clip.id,
                f64::from(ms) / 1_000.0,
                clip.text
            )),
            Err(wrong) => {
                refused += 1;
                let problem = clip.problem(format!("`{}` cannot be rendered: {wrong}", clip.id));
                out::talk(&problem.to_string());
            }
        }
        if count % 100 == 0 {
            out::talk(&format!("{locale}: {count} of {}", due.len()));
        }
    }
    out::talk(&format!(
        "{locale}: {} rendered, {refused} not",
        due.len() - refused
    ));
    Ok(refused)
}

/// Speaks one clip: its length, or why it could not be made.
fn clip_of(
    clip: &Clip,
    voice: &Voice,
    by: &Entry,
    shelf: &mut Shelf,
) -> Result<Result<u32, String>, Exit> {
    if let Some(word) = clip.unreadable() {
        let wrong =
            format!("no voice can read `{word}`: write it in letters, or under [pronounce]");
        return Ok(Err(wrong));
    }
    let sound = match voice.speak(&clip.spoken, shelf.folder()) {
        Ok(sound) => sound,
        Err(error @ SynthesisError::Missing { .. }) => {
            out::error(&error);
            return Err(Exit::Environment);
        }
        Err(error @ SynthesisError::Failed { .. }) => return Ok(Err(error.to_string())),
    };
    let samples = match shape(&sound) {
        Ok(samples) => samples,
        Err(error) => return Ok(Err(error.to_string())),
    };
    match shelf.put(clip, &samples, by.clone()) {
        Ok(ms) => Ok(Ok(ms)),
        Err(Refused::Clip(wrong)) => Ok(Err(wrong)),
        Err(Refused::Folder(exit)) => Err(exit),
    }
}

/// Clips that a voice spoke and nothing says any more. Recordings stay: a person made them.
fn remove_unused(bundle: &Bundle, locale: Locale, shelf: &mut Shelf) -> Result<(), Exit> {
    let unused: Vec<Arc<str>> = (shelf.entries.values())
        .filter(|entry| entry.source != Origin::Recorded)
        .filter(|entry| bundle.catalog.clip(locale, &entry.id).is_none())
        .map(|entry| Arc::clone(&entry.id))
        .collect();
    for id in unused {
        shelf.remove(&id)?;
        out::talk(&format!("{locale}: removed {id}, nothing says it"));
    }
    Ok(())
}
