//! `dana prompts import`: recordings from a folder, checked, trimmed, levelled, resampled. What is
//! good is taken, what is not is said, and the folder is left as it was.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::audio::library::{files, read_file};
use crate::audio::manifest::{Entry, Origin};
use crate::audio::measure::is_clipped;
use crate::audio::shape::{quantised, shape};
use crate::audio::wav;
use crate::bundle::Bundle;
use crate::call::Locale;
use crate::cli::out::{self, Exit};
use crate::cli::prompts::Choice;
use crate::cli::prompts::shelf::{Refused, Shelf};
use crate::problem::did_you_mean;

/// Arguments of `dana prompts import`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder with the recordings: `<id>.wav`.
    folder: PathBuf,
    #[command(flatten)]
    choice: Choice,
    /// Whose voice it is; the manifest keeps it.
    #[arg(long, value_name = "NAME", default_value = "")]
    voice: String,
}

/// Imports: 0 when every file was taken, 1 when some were refused, 2 when there is nothing to take.
pub fn run(args: &Args) -> Result<Exit, Exit> {
    let locales: Vec<Locale> = args.choice.locales().collect();
    let &[locale] = locales.as_slice() else {
        out::talk("error: which language is it?\nhint: --locale kk or --locale ru");
        return Err(Exit::BadFile);
    };
    let names = files(&args.folder);
    let is_wav = |name: &&String| Path::new(name).extension().is_some_and(|e| e == "wav");
    let names: Vec<&String> = names.iter().filter(is_wav).collect();
    if names.is_empty() {
        let folder = args.folder.display();
        out::talk(&format!("error: there are no .wav files in {folder}"));
        return Err(Exit::BadFile);
    }
    let bundle = args.choice.load()?;
    let mut shelf = Shelf::open(&args.choice.bundle, locale)?;
    let source = Source {
        bundle: &bundle,
        locale,
        folder: &args.folder,
    };
    let by = Entry {
        id: Arc::from(""),
        text_sha256: String::new(),
        source: Origin::Recorded,
        engine: String::new(),
        version: String::new(),
        voice: args.voice.clone(),
        duration_ms: 0,
        lufs: 0.0,
        sha256: Arc::from(""),
    };
    let mut refused = 0;
    for name in &names {
        match source.take(name, &mut shelf, &by) {
            Ok(taken) => out::data(&taken),
            Err(Refused::Clip(wrong)) => {
                refused += 1;
                out::talk(&format!(
                    "error: {}: {wrong}",
                    args.folder.join(name).display()
                ));
            }
            Err(Refused::Folder(exit)) => {
                shelf.close()?;
                return Err(exit);
            }
        }
    }
    shelf.close()?;
    out::talk(&format!(
        "{locale}: {} taken, {refused} refused",
        names.len() - refused
    ));
    Ok(if refused == 0 {
        Exit::Good
    } else {
        Exit::Found
    })
}

/// Where recordings come from.
struct Source<'a> {
    bundle: &'a Bundle,
    locale: Locale,
    folder: &'a Path,
}

impl Source<'_> {
    /// Takes one file, and says how long its clip is.
    fn take(&self, name: &str, shelf: &mut Shelf, by: &Entry) -> Result<String, Refused> {
        let (catalog, locale) = (&self.bundle.catalog, self.locale);
        let wrong = |error: &dyn std::fmt::Display| Refused::Clip(error.to_string());
        let id = name.strip_suffix(".wav").unwrap_or(name);
        let Some(clip) = catalog.clip(locale, id) else {
            let known = catalog.clips(locale).map(|clip| clip.id.as_ref());
            let near = did_you_mean(id, known);
            let hint = near.map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
            return Err(Refused::Clip(format!(
                "nothing in `{locale}` is called `{id}`{hint}"
            )));
        };
        let bytes = read_file(&self.folder.join(name)).map_err(|error| wrong(&error))?;
        let sound = wav::read_any(&bytes).map_err(|error| wrong(&error))?;
        // Levelling would hide it: what was cut off in the studio stays cut off.
        if is_clipped(&quantised(&sound.samples)) {
            return Err(Refused::Clip(
                "its peaks are cut off: record it again, softer".to_owned(),
            ));
        }
        let samples = shape(&sound).map_err(|error| wrong(&error))?;
        let seconds = f64::from(shelf.put(clip, &samples, by.clone())?) / 1_000.0;
        Ok(format!(
            "{locale}  {id:<28} {seconds:>6.2} s  {}",
            clip.text
        ))
    }
}
