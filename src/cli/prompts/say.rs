//! `dana prompts say`: how a sentence will come out. `dana prompts play`: clips by their ids.

use std::path::PathBuf;

use jiff::civil::{Date, Time};

use crate::audio::library::{Audio, folder};
use crate::audio::samples_in;
use crate::audio::shape::shape;
use crate::audio::{synthesis, wav};
use crate::bundle::Bundle;
use crate::call::Locale;
use crate::cli::out::{self, Exit};
use crate::cli::prompts::Choice;
use crate::cli::speaker::Speaker;
use crate::prompt::Segment;
use crate::prompt::spoken::{Digits, Number, Span, Value};

/// Between two pieces that a comma or a full stop parts.
const PAUSE_MS: u32 = 250;

/// Arguments of `dana prompts say`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The sentence, with slots.
    #[arg(
        help = "The sentence; slots: {digits=900345} {number=1234} {date=2026-11-25} {time_at=14:30} {time_until=18:00} {duration=2:30}"
    )]
    text: String,
    #[command(flatten)]
    choice: Choice,
    /// Write it to a WAV file instead of playing it.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

/// Arguments of `dana prompts play`.
#[derive(Debug, clap::Args)]
pub struct PlayArgs {
    /// Their ids; `dana prompts list` knows them.
    #[arg(required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    choice: Choice,
}

/// Says: to the sound card, or to a file. 3 when there is neither a clip nor a voice for the words.
pub fn run(args: &Args) -> Result<Exit, Exit> {
    let bundle = args.choice.load()?;
    // Without --locale: Russian, unless the text has a letter that only Kazakh has.
    let kazakh = args.text.contains([
        'ә', 'ғ', 'қ', 'ң', 'ө', 'ұ', 'ү', 'һ', 'і', 'Қ', 'Ө', 'Ү', 'І',
    ]);
    let guess = if kazakh { Locale::Kk } else { Locale::Ru };
    let named = args
        .choice
        .locale
        .as_deref()
        .and_then(|name| name.parse().ok());
    let locale = named.unwrap_or(guess);
    let mut samples = Vec::new();
    for piece in pieces(&args.text)? {
        let heard = match piece {
            Piece::Words(words) => of_words(&bundle, &args.choice, locale, words)?,
            Piece::Value(value) => of_value(&bundle, locale, &value)?,
        };
        samples.extend(heard);
    }
    match &args.record {
        Some(file) => match std::fs::write(file, wav::write(&samples)) {
            Ok(()) => Ok(Exit::Good),
            Err(error) => {
                out::talk(&format!("error: {}: {error}", file.display()));
                Err(Exit::Environment)
            }
        },
        None => aloud(&samples),
    }
}

/// Plays clips one after the other.
pub fn play(args: &PlayArgs) -> Result<Exit, Exit> {
    let bundle = args.choice.load()?;
    let mut samples = Vec::new();
    for id in &args.ids {
        let mut locales = args.choice.locales();
        let found = locales.find_map(|locale| Some((locale, bundle.audio.get(locale, id)?)));
        let Some((locale, audio)) = found else {
            out::talk(&format!(
                "error: there is no audio called `{id}`\nhint: dana prompts list"
            ));
            return Err(Exit::BadFile);
        };
        samples.extend(heard(locale, audio)?);
        samples.extend(silence(PAUSE_MS));
    }
    aloud(&samples)
}

fn aloud(samples: &[i16]) -> Result<Exit, Exit> {
    match Speaker::open() {
        Ok(speaker) => {
            speaker.play(samples);
            speaker.wait();
            Ok(Exit::Good)
        }
        Err(error) => {
            out::talk(&format!(
                "error: {error}\nhint: `dana prompts say --record FILE.wav` needs none"
            ));
            Err(Exit::Environment)
        }
    }
}

enum Piece<'t> {
    Words(&'t str),
    Value(Value),
}

/// Splits the text at its slots.
fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Exit> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        pieces.push(Piece::Words(before));
        // A slot that is not closed has no value either.
        let (slot, after) = after.split_once('}').unwrap_or(("", after));
        let Some(value) = value(slot) else {
            out::talk(&format!(
                "error: the slot `{{{slot}}}` cannot be said\nhint: {{digits=900345}} (up to {} digits), \
                 {{number=0}} to {{number={}}}, {{date=2026-11-25}}, {{time_at=14:30}}, \
                 {{time_until=18:00}}, {{duration=2:30}} (hours and minutes, up to 31 days)",
                Digits::MOST,
                Number::MOST,
            ));
            return Err(Exit::BadFile);
        };
        pieces.push(Piece::Value(value));
        rest = after;
    }
    pieces.push(Piece::Words(rest));
    Ok(pieces)
}

fn value(slot: &str) -> Option<Value> {
    let (kind, text) = slot.split_once('=')?;
    let date = || text.parse::<Date>().ok();
    let time = || Time::strptime("%H:%M", text).ok();
    Some(match kind {
        "digits" => Value::Digits(Digits::new(text)?),
        "number" => Value::Number(Number::new(text.parse().ok()?)?),
        "date" => Value::Date(date()?),
        "time_at" => Value::TimeAt(time()?),
        "time_until" => Value::TimeUntil(time()?),
        "duration" => {
            let (hours, minutes) = text.split_once(':')?;
            let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
            Value::Duration(Span::about(hours.checked_mul(60)?.checked_add(minutes)?)?)
        }
        _ => return None,
    })
}

/// A clip that says just this, or the locale's voice; a mark alone is a pause.
fn of_words(
    bundle: &Bundle,
    choice: &Choice,
    locale: Locale,
    words: &str,
) -> Result<Vec<i16>, Exit> {
    let marked = words.trim();
    let words = marked.trim_start_matches([',', ':', ';', '.']).trim();
    if words.is_empty() {
        return Ok(if marked.is_empty() {
            Vec::new()
        } else {
            silence(PAUSE_MS)
        });
    }
    let clip = bundle
        .catalog
        .clips(locale)
        .find(|clip| clip.text.as_ref() == words);
    if let Some(audio) = clip.and_then(|clip| bundle.audio.get(locale, &clip.id)) {
        return heard(locale, audio);
    }
    let voice = synthesis::voice(locale);
    let spoken = bundle.catalog.pronounced(locale, words);
    let sound = voice.speak(&spoken, &folder(&choice.bundle, locale));
    let samples = sound.map_err(|error| error.to_string());
    let samples = samples.and_then(|sound| shape(&sound).map_err(|error| error.to_string()));
    match samples {
        Ok(samples) => {
            out::data(&format!(
                "{locale}  {:<28} {} {}: {spoken}",
                "-", voice.engine, voice.name
            ));
            Ok(samples)
        }
        Err(error) => {
            out::error(&error);
            Err(Exit::Environment)
        }
    }
}

fn of_value(bundle: &Bundle, locale: Locale, value: &Value) -> Result<Vec<i16>, Exit> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut samples = Vec::new();
    let said = bundle.catalog.fill(locale, value, &mut segments);
    for segment in &segments {
        if segment.is_silence() {
            samples.extend(silence(segment.duration_ms));
            continue;
        }
        let Some(audio) = bundle.audio.get(locale, &segment.prompt) else {
            let id = &segment.prompt;
            out::talk(&format!(
                "error: `{id}` has no audio in `{locale}`\nhint: dana prompts render"
            ));
            return Err(Exit::BadFile);
        };
        samples.extend(heard(locale, audio)?);
    }
    said.map(|()| samples).ok_or(Exit::BadFile)
}

/// Tells what is heard.
fn heard(locale: Locale, audio: &Audio) -> Result<Vec<i16>, Exit> {
    let samples = audio.samples().map_err(|wrong| {
        out::error(&format!("audio/{locale}/{}.wav: {wrong}", audio.entry.id));
        Exit::BadFile
    })?;
    let entry = &audio.entry;
    let seconds = f64::from(entry.duration_ms) / 1_000.0;
    out::data(&format!(
        "{locale}  {:<28} {seconds:>6.2} s  {}",
        entry.id, entry.source
    ));
    Ok(samples)
}

fn silence(ms: u32) -> Vec<i16> {
    vec![0; samples_in(ms)]
}
