//! `dana prompts check`: what `dana check` trusts, measured again.

use serde_json::json;

use crate::audio::library::{Audio, fault};
use crate::audio::manifest::Origin;
use crate::audio::measure::{faults, measure};
use crate::bundle::Bundle;
use crate::call::Locale;
use crate::cli::out::{self, Exit, Format};
use crate::cli::prompts::Choice;
use crate::problem::Problems;
use crate::prompt::catalog::Clip;

/// Arguments of `dana prompts check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    choice: Choice,
    /// For people, or for machines.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Checks: 0 when all is good, 1 when a clip is not.
pub fn run(args: &Args) -> Result<Exit, Exit> {
    let bundle = args.choice.load()?;
    let mut problems = bundle.audio_problems.clone();
    for locale in args.choice.locales() {
        let measured = locale_of(&bundle, locale, &mut problems);
        match args.format {
            Format::Text => out::data(&measured.to_string()),
            Format::Json => out::json(&measured.json()),
        }
    }
    if problems.is_empty() {
        return Ok(Exit::Good);
    }
    match args.format {
        Format::Text => out::data(&problems.to_string()),
        Format::Json => problems.iter().for_each(|problem| {
            let (path, line, column) = problem.location();
            let title = problem.title();
            out::json(&json!({ "path": path, "line": line, "column": column, "title": title }));
        }),
    }
    Ok(Exit::Found)
}

/// What a locale's clips are like together.
struct Measured {
    locale: Locale,
    clips: usize,
    ms: u64,
    lufs: (f64, f64),
    origins: Vec<(Origin, usize)>,
}

impl std::fmt::Display for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            locale,
            clips,
            ms,
            lufs: (quiet, loud),
            origins,
        } = self;
        let seconds = ms / 1_000;
        write!(
            f,
            "{locale}: {clips} clips, {seconds} s, {quiet:.1} to {loud:.1} LUFS"
        )?;
        origins
            .iter()
            .try_for_each(|(origin, count)| write!(f, ", {count} {origin}"))
    }
}

impl Measured {
    fn json(&self) -> serde_json::Value {
        let origins = self.origins.iter();
        let origins: serde_json::Map<_, _> = origins
            .map(|(origin, count)| (origin.to_string(), json!(count)))
            .collect();
        json!({
            "locale": self.locale.as_str(),
            "clips": self.clips,
            "duration_ms": self.ms,
            "lufs_min": self.lufs.0,
            "lufs_max": self.lufs.1,
            "sources": origins,
        })
    }
}

fn locale_of(bundle: &Bundle, locale: Locale, problems: &mut Problems) -> Measured {
    let mut measured = Measured {
        locale,
        clips: 0,
        ms: 0,
        lufs: (f64::INFINITY, f64::NEG_INFINITY),
        origins: bundle.audio.origins(locale).into_iter().collect(),
    };
    for clip in bundle.catalog.clips(locale) {
        let Some(audio) = bundle.audio.get(locale, &clip.id) else {
            continue;
        };
        let samples = match audio.samples() {
            Ok(samples) => samples,
            Err(wrong) => {
                problems.push(fault(clip, locale, &wrong.to_string()));
                continue;
            }
        };
        let measures = measure(&samples);
        measured.clips += 1;
        measured.ms += u64::from(measures.duration_ms);
        if let Some(lufs) = measures.lufs {
            measured.lufs = (measured.lufs.0.min(lufs), measured.lufs.1.max(lufs));
        }
        let mut wrong = faults(&measures, &clip.spoken);
        wrong.extend(lies(clip, audio, &measures));
        for wrong in wrong {
            problems.push(fault(clip, locale, &wrong));
        }
    }
    measured
}

/// What the manifest says and the file is not.
fn lies(clip: &Clip, audio: &Audio, measures: &crate::audio::measure::Measures) -> Vec<String> {
    let mut lies = Vec::new();
    let (said, real) = (audio.entry.duration_ms, measures.duration_ms);
    if said != real {
        lies.push(format!("the manifest says {said} ms, it has {real} ms"));
    }
    let (said, real) = (audio.entry.lufs, measures.lufs.unwrap_or(f64::NEG_INFINITY));
    if (said - real).abs() > 0.1 {
        lies.push(format!(
            "the manifest says {said:.1} LUFS, it has {real:.1}"
        ));
    }
    if let Some(word) = clip.unreadable() {
        lies.push(format!(
            "no voice can read `{word}`: write it under [pronounce]"
        ));
    }
    lies
}
