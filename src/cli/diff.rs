//! `dana diff OLD NEW`: what a change does to callers, in words: steps, wording, recordings, limits; which
//! rules and worst cases move; which call scripts now end otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::bundle::{Bundle, BundleError};
use crate::call::Locale;
use crate::cli::out;
use crate::cli::out::Exit;
use crate::cli::prove::figures;
use crate::cli::test::scripts;
use crate::flow::{Body, Flow, Said, Step};
use crate::prompt::PromptId;
use crate::proof::{Proof, prove};
use crate::script::run;

/// Options of `dana diff`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder with the old flows, prompts and grammars.
    old: PathBuf,
    /// The folder with the new ones.
    new: PathBuf,
    /// Call scripts, or folders of them, to run on both.
    #[arg(long, value_name = "PATH", default_value = "tests/calls")]
    calls: Vec<PathBuf>,
}

/// Runs the command: 0 when nothing changes for callers, 1 when something does.
pub fn run(args: &Args) -> Exit {
    let load = |folder: &Path| -> Result<Arc<Bundle>, BundleError> { Bundle::load(folder) };
    let (old, new) = match (load(&args.old), load(&args.new)) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(error), _) | (_, Err(error)) => return out::bad_file(&error),
    };
    let scripts = match scripts(&args.calls) {
        Ok(scripts) => scripts,
        Err(error) => return out::bad_file(&error),
    };
    let mut changes = steps(&old, &new);
    changes.extend(waiting(&old, &new));
    changes.extend(wording(&old, &new));
    changes.extend(recordings(&old, &new));
    changes.extend(limits(&old.flow, &new.flow));
    changes.extend(proven(&prove(&old), &prove(&new)));
    let (mut otherwise, mut other) = (Vec::new(), 0usize);
    for script in &scripts {
        let (before, after) = (run::run(&old, script), run::run(&new, script));
        let end = |text: &str| text.lines().last().unwrap_or("").to_owned();
        let bare = |text: &str| {
            end(text)
                .split(", dead air")
                .next()
                .unwrap_or("")
                .to_owned()
        };
        if bare(&before) != bare(&after) {
            otherwise.push(format!(
                "{}\n  - {}\n  + {}",
                script.source.path,
                end(&before),
                end(&after)
            ));
        } else if before != after {
            other += 1;
        }
    }
    if !otherwise.is_empty() {
        changes.push("calls that end otherwise".to_owned());
        changes.extend(otherwise);
    }
    if other > 0 {
        changes.push(format!(
            "calls that end alike, with other words or times: {other}"
        ));
    }
    if changes.is_empty() {
        out::data("nothing changes for callers");
        return Exit::Good;
    }
    out::data(&changes.join("\n"));
    Exit::Found
}

/// Steps that come, go or change, and what leads to steps from everywhere.
fn steps(old: &Bundle, new: &Bundle) -> Vec<String> {
    let named = |bundle: &Bundle| -> BTreeMap<String, BTreeMap<String, String>> {
        let steps = bundle.flow.steps();
        steps
            .map(|(_, step)| (step.name.to_string(), facts(bundle, step)))
            .collect()
    };
    let (before, after) = (named(old), named(new));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut changes = Vec::new();
    for name in names {
        match (before.get(name), after.get(name)) {
            (Some(_), None) => changes.push(format!("step `{name}` is gone")),
            (None, Some(facts)) => {
                let kind = facts.get("kind").map_or("", String::as_str);
                changes.push(format!("step `{name}` is new: {kind}"));
            }
            (Some(before), Some(after)) => {
                let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
                for key in keys {
                    let value = |of: &BTreeMap<String, String>| {
                        of.get(key)
                            .map_or_else(|| "nothing".to_owned(), String::clone)
                    };
                    if before.get(key) != after.get(key) {
                        let (was, is) = (value(before), value(after));
                        changes.push(format!("step `{name}`: {key} was {was}, is {is}"));
                    }
                }
            }
            (None, None) => {}
        }
    }
    changes.extend(everywhere(&old.flow, &new.flow));
    changes
}

fn everywhere(old: &Flow, new: &Flow) -> Vec<String> {
    let leads = |flow: &Flow| -> BTreeMap<String, String> {
        let steps = flow.steps();
        steps
            .flat_map(|(id, step)| {
                let name = step.name.to_string();
                let leads = flow.always_leads(id).into_iter();
                leads
                    .map(move |lead| (lead, name.clone()))
                    .collect::<Vec<_>>()
            })
            .collect()
    };
    let (before, after) = (leads(old), leads(new));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changed = names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name));
    changed
        .map(|name| {
            let to = |of: &BTreeMap<String, String>| {
                of.get(name)
                    .map_or_else(|| "nowhere".to_owned(), |to| format!("to `{to}`"))
            };
            format!("{name} led {}, leads {}", to(&before), to(&after))
        })
        .collect()
}

/// What can be told of a step, by key.
fn facts(bundle: &Bundle, step: &Step) -> BTreeMap<String, String> {
    let name = |id: PromptId| bundle.catalog.name(id).to_string();
    let said = step.say.iter().map(|said| match said {
        Said::Prompt(id) => name(*id),
        Said::ByTopic(prompts) => prompts
            .values()
            .next()
            .map_or_else(String::new, |id| name(*id)),
    });
    let mut facts = BTreeMap::from([
        ("kind".to_owned(), step.body.kind().to_owned()),
        (
            "what is said".to_owned(),
            said.collect::<Vec<_>>().join(", "),
        ),
        ("barge-in".to_owned(), step.barge_in.to_string()),
        (
            "barge-in after".to_owned(),
            format!("{} ms", step.barge_in_after_ms),
        ),
    ]);
    let mut add = |key: &str, value: String| {
        facts.insert(key.to_owned(), value);
    };
    if let Some(outcome) = step.outcome {
        add("what is achieved", outcome.to_string());
    }
    match &step.body {
        Body::Ask(ask) => {
            add("the question", ask.question.to_string());
            let pair = |ids: [PromptId; 2]| ids.map(name).join(", ");
            add("what is said after silences", pair(ask.no_input));
            add("what is said when not understood", pair(ask.no_match));
        }
        Body::LookUp(kind) => add("the look-up", kind.to_string()),
        Body::When(fact) => add("the fact", fact.to_string()),
        Body::Transfer { queue, reason } => {
            add("the queue", queue.to_string());
            add(
                "the reason",
                reason.map_or("topic", |reason| reason.as_str()).to_owned(),
            );
        }
        Body::HangUp(end) => {
            add(
                "the disposition",
                end.map_or("outcome", |end| end.as_str()).to_owned(),
            );
        }
        Body::Say | Body::CreateTicket => {}
    }
    for (outcome, to) in &step.on {
        let to = format!("`{}`", bundle.flow.step(*to).name);
        facts.insert(format!("the way by {outcome}"), to);
    }
    facts
}

/// What is said while callers wait.
fn waiting(old: &Bundle, new: &Bundle) -> Vec<String> {
    let said = |bundle: &Bundle, prompts: &[PromptId]| {
        let names = prompts
            .iter()
            .map(|id| bundle.catalog.name(*id).to_string());
        names.collect::<Vec<_>>().join(", ")
    };
    let of = |bundle: &Bundle| {
        let waiting = &bundle.flow.waiting;
        [
            ("a look-up", said(bundle, &waiting.look_up)),
            ("the ticket", said(bundle, &waiting.ticket)),
        ]
    };
    let pairs = of(old).into_iter().zip(of(new));
    let changed = pairs.filter(|(was, is)| was != is);
    changed
        .map(|((what, was), (_, is))| {
            format!("what is said while {what} is waited for was {was}, is {is}")
        })
        .collect()
}

/// Clips with the same text that sound otherwise, and for how long.
fn recordings(old: &Bundle, new: &Bundle) -> Vec<String> {
    let mut changes = Vec::new();
    for &locale in Locale::ALL {
        for clip in new.catalog.clips(locale) {
            let [was, is] = [old, new].map(|bundle| bundle.audio.get(locale, &clip.id));
            let (Some(was), Some(is)) = (was, is) else {
                continue;
            };
            let [before, after] = [was, is].map(|audio| &audio.entry);
            if before.sha256 != after.sha256 && before.text_sha256 == after.text_sha256 {
                changes.push(format!(
                    "clip `{}` [{locale}]: another recording, was {} ms, is {} ms",
                    clip.id, before.duration_ms, after.duration_ms
                ));
            }
        }
    }
    changes
}

/// Prompts that come, go or are worded otherwise.
fn wording(old: &Bundle, new: &Bundle) -> Vec<String> {
    let mut changes = Vec::new();
    let names = |bundle: &Bundle| -> BTreeSet<Arc<str>> {
        bundle.catalog.names().iter().cloned().collect()
    };
    let (before, after) = (names(old), names(new));
    for name in before.union(&after) {
        for &locale in Locale::ALL {
            let text = |bundle: &Bundle| {
                let id = bundle.catalog.find(name)?;
                Some(bundle.catalog.text(id, locale).to_string())
            };
            let (was, is) = (text(old), text(new));
            if was == is {
                continue;
            }
            changes.push(format!("prompt `{name}` [{locale}]"));
            changes.extend(was.map(|text| format!("  - {text}")));
            changes.extend(is.map(|text| format!("  + {text}")));
        }
    }
    changes
}

fn limits(old: &Flow, new: &Flow) -> Vec<String> {
    let values = |flow: &Flow| match serde_json::to_value(flow.limits) {
        Ok(serde_json::Value::Object(values)) => values,
        Ok(_) | Err(_) => serde_json::Map::new(),
    };
    let (before, after) = (values(old), values(new));
    let changed = after
        .iter()
        .filter(|(key, value)| before.get(*key) != Some(*value));
    changed
        .map(|(key, is)| {
            let was = before
                .get(key)
                .map_or_else(String::new, ToString::to_string);
            format!("limit {key} was {was}, is {is}")
        })
        .collect()
}

/// Worst cases and rules that moved.
fn proven(old: &Proof, new: &Proof) -> Vec<String> {
    let mut changes = Vec::new();
    for ((what, was), (_, is)) in figures(old).into_iter().zip(figures(new)) {
        if was != is {
            changes.push(format!("{what}: was {was}, is {is}"));
        }
    }
    let verdicts = |proof: &Proof| -> BTreeMap<String, &'static str> {
        let verdicts = proof.verdicts();
        verdicts
            .map(|(rule, verdict)| (rule.name.clone(), verdict.as_str()))
            .collect()
    };
    let (before, after) = (verdicts(old), verdicts(new));
    for name in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        let of = |verdicts: &BTreeMap<String, &'static str>| {
            verdicts.get(name).copied().unwrap_or("not there")
        };
        if before.get(name) != after.get(name) {
            changes.push(format!(
                "rule `{name}`: was {}, is {}",
                of(&before),
                of(&after)
            ));
        }
    }
    changes
}
