//! `dana calls show`.

use std::path::PathBuf;
use std::sync::Arc;

use crate::bundle::Bundle;
use crate::call::{Locale, Question};
use crate::cli::out;
use crate::cli::out::{Exit, Format};
use crate::cli::recordings::Recordings;
use crate::dialog::action::Action;
use crate::dialog::event::{Event, ListenCause};
use crate::dialog::trail::Passed;
use crate::journal::Entry;
use crate::journal::cdr::{fold, silences};
use crate::proof::target;
use crate::retrace::{Retraced, does_the_same, retrace};
use crate::script::render;
use crate::time::CallTime;

/// Shorter silences are how people speak.
const SILENCE_MS: u32 = 200;

/// Options.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    recordings: Recordings,
    /// The key of the call, as `list` shows it.
    #[arg(long, value_name = "KEY")]
    call: String,
    /// The folder with flows, prompts and grammars that the call was made with: for the decisions.
    #[arg(long, visible_alias = "flow", value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
    /// How to print: JSON is the recording itself.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Exit, Exit> {
    let archive = args.recordings.open()?;
    let call = match archive.find(&args.call) {
        Some(Ok(call)) => call,
        Some(Err(fault)) => {
            out::error(&fault);
            return Ok(Exit::Found);
        }
        None => {
            out::talk(&format!("error: there is no call `{}` here", args.call));
            return Ok(Exit::BadFile);
        }
    };
    if args.format == Format::Json {
        call.entries.iter().for_each(out::json);
        return Ok(Exit::Good);
    }
    let bundle = Bundle::load(&args.bundle)
        .map_err(|error| out::talk(&error.to_string()))
        .ok();
    let retraced = bundle
        .as_ref()
        .and_then(|bundle| decisions(bundle, &call.entries));
    let decisions = bundle.as_deref().zip(retraced.as_ref());
    for line in lines(&call.entries, decisions) {
        out::data(&line);
    }
    if decisions.is_none() {
        out::talk(
            "the call was made with another flow: its decisions are not shown (--bundle DIR)",
        );
    }
    Ok(Exit::Good)
}

fn decisions(bundle: &Arc<Bundle>, entries: &[Entry]) -> Option<Retraced> {
    let retraced = retrace(bundle, entries)?;
    does_the_same(entries, &retraced.entries).then_some(retraced)
}

/// The conversation. A decision stands behind what led to it.
fn lines(entries: &[Entry], decisions: Option<(&Bundle, &Retraced)>) -> Vec<String> {
    let mut silences = silences(entries).into_iter().peekable();
    let mut passed = decisions
        .map(|(_, retraced)| retraced.passed.iter())
        .into_iter()
        .flatten()
        .peekable();
    let mut asked: Option<(Question, Option<Locale>)> = None;
    let mut lines = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        if let Some((_, ms)) = silences.next_if(|(of, _)| *of == place)
            && ms >= SILENCE_MS
            && let Some(at) = at(entry)
        {
            let began = CallTime::from_ms(at.ms().saturating_sub(ms));
            lines.push(format!(
                "{began:>8}  {:<7} {}",
                "silence",
                render::seconds(ms)
            ));
        }
        lines.extend(render::line(entry));
        if let Entry::Action {
            action: Action::Listen(listen),
            ..
        } = entry
        {
            asked = Some((listen.question, listen.locale));
        }
        let Some((bundle, _)) = decisions else {
            continue;
        };
        let mut note = |who: &str, text: String| {
            let at = at(entry).unwrap_or(CallTime::ZERO);
            lines.push(format!("{at:>8}  {who:<7} {text}"));
        };
        if let Some(means) = means(bundle, asked, entry) {
            note("means", means);
        }
        if let Some((_, passed)) = passed.next_if(|(of, _)| *of == place) {
            let step = |passed: &Passed| target(&bundle.flow, *passed);
            passed
                .iter()
                .filter_map(step)
                .for_each(|target| note("step", target.to_string()));
        }
    }
    if let Some(cdr) = fold(entries) {
        lines.push(render::ending(&cdr));
    }
    lines
}

fn at(entry: &Entry) -> Option<CallTime> {
    match entry {
        Entry::Event { at, .. } | Entry::Action { at, .. } | Entry::Ended { at, .. } => Some(*at),
        Entry::Header(_) | Entry::Gap { .. } => None,
    }
}

/// What words were taken for, and why.
fn means(
    bundle: &Bundle,
    asked: Option<(Question, Option<Locale>)>,
    entry: &Entry,
) -> Option<String> {
    let Entry::Event {
        event:
            Event::ListenFinished {
                cause: ListenCause::Speech,
                alternatives,
                ..
            },
        ..
    } = entry
    else {
        return None;
    };
    let (question, locale) = asked?;
    let best = alternatives.first()?;
    let explained = bundle
        .grammars
        .explain(locale, question, best.text.reveal());
    let understood = explained.understood;
    let (intent, score) = (understood.intent.as_str(), understood.score);
    Some(format!(
        "{intent} ({score}): «{}», {}",
        explained.words, understood.rule
    ))
}
