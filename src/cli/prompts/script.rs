//! `dana prompts script`: all texts of a locale as a page for a voice talent, in Markdown.

use crate::audio::measure::{MAX_SILENCE_MS, TARGET_LUFS};
use crate::call::Locale;
use crate::cli::out::{self, Exit};
use crate::cli::prompts::Choice;
use crate::prompt::catalog::Clip;

/// Arguments of `dana prompts script`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    choice: Choice,
}

/// Prints the script: sentences first, then their parts, then numbers.
pub fn run(args: &Args) -> Result<Exit, Exit> {
    let bundle = args.choice.load()?;
    for locale in args.choice.locales() {
        let clips: Vec<&Clip> = bundle.catalog.clips(locale).collect();
        head(locale, clips.len());
        let is_part = |clip: &Clip| {
            clip.id
                .rsplit_once('-')
                .is_some_and(|(_, n)| !n.starts_with("alt"))
        };
        let section = |clip: &Clip| match clip.prompt {
            Some(_) if !is_part(clip) => "Sentences",
            Some(_) => "Parts of sentences: a number follows or stands before",
            None => "Numbers, dates, times",
        };
        let mut titles: Vec<&str> = clips.iter().map(|clip| section(clip)).collect();
        titles.sort_unstable();
        titles.dedup();
        for title in titles.into_iter().rev() {
            out::data(&format!("\n## {title}\n\n| file | text |\n|---|---|"));
            for clip in clips.iter().filter(|clip| section(clip) == title) {
                out::data(&format!("| {}.wav | {} |", clip.id, clip.spoken));
            }
        }
    }
    Ok(Exit::Good)
}

fn head(locale: Locale, clips: usize) {
    let name = match locale {
        Locale::Kk => "Kazakh",
        Locale::Ru => "Russian",
    };
    out::data(&format!("# Recording script: {name}, {clips} clips\n"));
    out::data(&format!(
        "One WAV file a line, named as the line says; mono, 16 or 24 bit, 44.1 or 48 kHz, one voice, \
         one sitting. Calm, friendly, as to one person. An acute (о́) marks the stress where it could \
         be mistaken. Leave silence and level to us: `dana prompts import` cuts what is longer than \
         {MAX_SILENCE_MS} ms at the ends and brings each clip to {TARGET_LUFS:.0} LUFS."
    ));
}
