//! `dana graph`: the flow as a picture (SVG) or as Mermaid text, in reading order: each step with
//! what it says, each way on with its outcomes, and how many scripts go that way.

mod mermaid;
mod svg;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::bundle::Bundle;
use crate::call::Locale;
use crate::cli::out;
use crate::cli::out::Exit;
use crate::cli::test::run_all;
use crate::flow::{Body, Flow, Said, Step, StepId};
use crate::proof::Target;

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
    let mut taken = None;
    if let Some(path) = &args.coverage {
        match run_all(&bundle, std::slice::from_ref(path), false) {
            Ok(outcomes) => {
                let counts: &mut Counts = taken.insert(Counts::new());
                for exit in outcomes.into_iter().flat_map(|outcome| outcome.exits) {
                    *counts.entry(exit).or_default() += 1;
                }
            }
            Err(error) => return out::bad_file(&error),
        }
    }
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

/// How many calls take each exit.
type Counts = BTreeMap<Target, usize>;

/// A flow to be drawn.
struct Graph<'b> {
    bundle: &'b Bundle,
    flow: &'b Flow,
    locale: Locale,
    /// How many scripts take each exit, where that is asked for.
    taken: Option<Counts>,
}

/// Outcomes of a step that lead to the same one.
struct Way {
    outcomes: Vec<&'static str>,
    to: StepId,
    /// How many calls go there, where that is asked for.
    taken: Option<usize>,
}

impl Way {
    const fn colour(&self) -> &'static str {
        match self.taken {
            Some(0) => "#c22",
            Some(_) | None => "#445",
        }
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
                taken.get(&exit).copied().unwrap_or(0)
            });
            match ways.iter_mut().find(|way| way.to == *to) {
                Some(way) => {
                    way.outcomes.push(outcome.as_str());
                    way.taken = way.taken.zip(taken).map(|(one, other)| one + other);
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
