//! `dana prompts list`: every clip in one table.

use std::collections::BTreeMap;

use serde_json::json;

use crate::audio::library::Library;
use crate::bundle::Bundle;
use crate::cli::out::{self, Exit, Format};
use crate::cli::prompts::Choice;
use crate::flow::{Body, Flow, Said};
use crate::prompt::PromptId;
use crate::prompt::catalog::Clip;

/// Arguments of `dana prompts list`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    choice: Choice,
    /// For people, or for machines.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Lists.
pub fn run(args: &Args) -> Result<Exit, Exit> {
    let bundle = args.choice.load()?;
    let used = uses(&bundle.flow);
    for locale in args.choice.locales() {
        for clip in bundle.catalog.clips(locale) {
            let audio = bundle.audio.get(locale, &clip.id);
            let source = audio.map_or("none", |audio| audio.entry.source.as_str());
            let used = place(&bundle, clip, &used);
            match args.format {
                Format::Text => out::data(&format!(
                    "{locale}  {:<28} {source:<11} {:>6.2} s  {used:<24} {}",
                    clip.id,
                    f64::from(clip.duration_ms()) / 1_000.0,
                    clip.text
                )),
                Format::Json => out::json(&json!({
                    "locale": locale.as_str(), "id": &*clip.id, "source": source,
                    "duration_ms": clip.duration_ms(), "used": used,
                    "text": &*clip.text, "spoken": clip.spoken,
                })),
            }
        }
    }
    tell(&bundle.audio);
    Ok(Exit::Good)
}

fn tell(audio: &Library) {
    for warning in audio.placeholders() {
        out::talk(&format!("warning: {warning}"));
    }
}

/// Where a clip is used: the steps of its prompt.
fn place(bundle: &Bundle, clip: &Clip, used: &BTreeMap<PromptId, Vec<String>>) -> String {
    let Some(prompt) = clip.prompt else {
        return "numbers".to_owned();
    };
    match used.get(&prompt) {
        Some(steps) => steps.join(","),
        None => format!("no step ({})", bundle.catalog.name(prompt)),
    }
}

/// The steps that say each prompt.
fn uses(flow: &Flow) -> BTreeMap<PromptId, Vec<String>> {
    let mut uses: BTreeMap<PromptId, Vec<String>> = BTreeMap::new();
    let mut add = |prompt: PromptId, place: &str| {
        let places = uses.entry(prompt).or_default();
        if places.last().is_none_or(|last| last != place) {
            places.push(place.to_owned());
        }
    };
    for prompt in flow.waiting.look_up.iter().chain(&flow.waiting.ticket) {
        add(*prompt, "waiting");
    }
    for (_, step) in flow.steps() {
        for said in &step.say {
            match said {
                Said::Prompt(prompt) => add(*prompt, &step.name),
                Said::ByTopic(prompts) => prompts.values().for_each(|id| add(*id, &step.name)),
            }
        }
        if let Body::Ask(ask) = &step.body {
            let ladders = ask.no_input.iter().chain(&ask.no_match);
            ladders.for_each(|prompt| add(*prompt, &step.name));
        }
    }
    uses
}
