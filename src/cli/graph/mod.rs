//! `dana graph`: the flow as a picture (SVG) or as Mermaid text, in reading order: each step with
//! what it says, each way on with its outcomes, and how many scripts go that way.

mod mermaid;
mod svg;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::bundle::Bundle;
use crate::call::Locale;
use crate::cli::out;
use crate::cli::out::Exit;
use crate::cli::recordings::Sealed;
use crate::cli::test::run_all;
use crate::cli::weight::Traffic;
use crate::flow::{Body, Flow, Said, Step, StepId};
use crate::proof::Target;
use crate::report::percent;

/// Options of `dana graph`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// As what.
    #[arg(long, value_enum, default_value_t = Picture::Svg)]
    format: Picture,
    /// Language of the prompts.
    #[arg(long, value_parser = ["ru", "kk"], default_value = "ru")]
    locale: String,
    /// Count how many of these scripts, or scripts of this folder, take each way; what none takes is
    /// red.
    #[arg(long, value_name = "PATH")]
    coverage: Option<PathBuf>,
    /// The share of recorded calls that take each way, which is as thick.
    #[arg(long, value_name = "ARCHIVE", conflicts_with = "coverage")]
    traffic: Vec<PathBuf>,
    #[command(flatten)]
    sealed: Sealed,
    /// The folder with flows, prompts and grammars.
    #[arg(long, visible_alias = "flow", value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
}

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Picture {
    /// A picture that a browser shows.
    Svg,
    /// Text that many editors and wikis draw.
    Mermaid,
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    let bundle = match Bundle::load(&args.bundle) {
        Ok(bundle) => bundle,
        Err(error) => return out::bad_file(&error),
    };
    let taken = match taken(&bundle, args) {
        Ok(taken) => taken,
        Err(exit) => return exit,
    };
    let graph = Graph {
        bundle: &bundle,
        flow: &bundle.flow,
        locale: args.locale.parse().unwrap_or(Locale::Ru),
        taken,
    };
    let text = match args.format {
        Picture::Svg => svg::draw(&graph),
        Picture::Mermaid => mermaid::draw(&graph),
    };
    out::data(text.trim_end());
    Exit::Good
}

/// What was asked for: how many scripts or recorded calls take each exit.
fn taken(bundle: &Arc<Bundle>, args: &Args) -> Result<Option<Taken>, Exit> {
    if !args.traffic.is_empty() {
        let traffic = Traffic::of(bundle, &args.traffic, &args.sealed)?;
        return Ok(Some(Taken {
            exits: traffic.exits,
            of: Some(traffic.known),
        }));
    }
    let Some(path) = &args.coverage else {
        return Ok(None);
    };
    let outcomes = run_all(bundle, std::slice::from_ref(path), false);
    let outcomes = outcomes.map_err(|error| out::bad_file(&error))?;
    let mut exits = BTreeMap::new();
    for exit in outcomes.into_iter().flat_map(|outcome| outcome.exits) {
        *exits.entry(exit).or_default() += 1;
    }
    Ok(Some(Taken { exits, of: None }))
}

/// How many calls take each exit.
struct Taken {
    exits: BTreeMap<Target, u64>,
    /// Of so many; `None` where the number itself is what counts.
    of: Option<u64>,
}

/// A flow to be drawn.
struct Graph<'b> {
    bundle: &'b Bundle,
    flow: &'b Flow,
    locale: Locale,
    taken: Option<Taken>,
}

/// Outcomes of a step that lead to the same one.
struct Way {
    outcomes: Vec<&'static str>,
    to: StepId,
    /// How many calls go there, and of how many, where that is asked for.
    taken: Option<(u64, Option<u64>)>,
}

impl Way {
    const fn colour(&self) -> &'static str {
        match self.taken {
            Some((0, _)) => "#c22",
            Some(_) | None => "#445",
        }
    }

    /// `12`, or `4.1 %`.
    fn count(&self) -> Option<String> {
        Some(match self.taken? {
            (calls, None) => calls.to_string(),
            (calls, Some(of)) => percent(calls.min(of), of),
        })
    }

    /// From 1 to 9: as thick as it is gone.
    fn width(&self) -> u64 {
        let part = |(calls, of): (u64, Option<u64>)| Some(calls.min(of?) * 8 / of?.max(1));
        1 + self.taken.and_then(part).unwrap_or(0)
    }
}

impl Graph<'_> {
    /// Where a step leads, outcomes with the same target together.
    fn ways(&self, step: &Step) -> Vec<Way> {
        let mut ways: Vec<Way> = Vec::new();
        for outcome in step.body.outcomes() {
            let Some(to) = step.on.get(outcome) else {
                continue;
            };
            let taken = self.taken.as_ref().map(|taken| {
                let exit = Target::Exit {
                    step: step.name.to_string(),
                    exit: outcome.to_string(),
                };
                (taken.exits.get(&exit).copied().unwrap_or(0), taken.of)
            });
            match ways.iter_mut().find(|way| way.to == *to) {
                Some(way) => {
                    way.outcomes.push(outcome.as_str());
                    let both = way.taken.zip(taken);
                    way.taken = both.map(|((one, of), (other, _))| (one + other, of));
                }
                None => ways.push(Way {
                    outcomes: vec![outcome.as_str()],
                    to: *to,
                    taken,
                }),
            }
        }
        ways
    }

    /// What a step says, or does, in a line.
    fn says(&self, step: &Step) -> String {
        let text = step.say.first().map(|said| match said {
            Said::Prompt(id) => self.bundle.catalog.text(*id, self.locale).to_string(),
            Said::ByTopic(_) => "…{topic}".to_owned(),
        });
        text.unwrap_or_else(|| does(step))
    }
}

/// The kind of a step with what it is about.
fn does(step: &Step) -> String {
    match &step.body {
        Body::Ask(ask) => format!("asks {}", ask.question),
        Body::LookUp(kind) => format!("looks up {kind}"),
        Body::When(fact) => format!("when {fact}?"),
        Body::Transfer { queue, reason } => {
            let reason = reason.map_or("topic", |reason| reason.as_str());
            format!("to {queue}: {reason}")
        }
        Body::HangUp(end) => format!("ends: {}", end.map_or("outcome", |end| end.as_str())),
        Body::Say | Body::CreateTicket => step.body.kind().replace('_', " "),
    }
}

/// The first so many characters.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let short: String = text.chars().take(most).collect();
    short + "…"
}
