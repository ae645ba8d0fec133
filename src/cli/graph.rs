//! `dana graph`: the flow as a picture (SVG) or as Mermaid text, in reading order: each step with
//! what it says and where each outcome leads; what no script takes in another colour.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;
use std::path::PathBuf;

use crate::bundle::Bundle;
use crate::call::{Locale, Question};
use crate::cli::out;
use crate::cli::out::Exit;
use crate::cli::test::run_all;
use crate::flow::{Body, Flow, Outcome, Said, Step, StepId};
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
    /// Colour the exits that these scripts, or folders of scripts, take, and those that none takes.
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
            Ok(outcomes) => taken = Some(outcomes.into_iter().flat_map(|o| o.exits).collect()),
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
        Picture::Svg => graph.svg(),
        Picture::Mermaid => graph.mermaid(),
    };
    out::data(text.trim_end());
    Exit::Good
}

/// A flow to be drawn.
struct Graph<'b> {
    bundle: &'b Bundle,
    flow: &'b Flow,
    locale: Locale,
    /// The exits that scripts take, where that is asked for.
    taken: Option<BTreeSet<Target>>,
}

/// Outcomes that lead to the same step.
struct Row {
    label: String,
    to: StepId,
    taken: Option<bool>,
}

impl Graph<'_> {
    /// Where a step leads, outcomes with the same target together.
    fn rows(&self, step: &Step) -> Vec<Row> {
        let mut by_target: Vec<(StepId, Vec<Outcome>)> = Vec::new();
        for outcome in step.body.outcomes() {
            let Some(to) = step.on.get(outcome) else {
                continue;
            };
            match by_target.iter_mut().find(|(of, _)| of == to) {
                Some((_, outcomes)) => outcomes.push(*outcome),
                None => by_target.push((*to, vec![*outcome])),
            }
        }
        let row = |(to, outcomes): (StepId, Vec<Outcome>)| {
            let names: Vec<&str> = outcomes.iter().map(|outcome| outcome.as_str()).collect();
            Row {
                label: names.join(", "),
                to,
                taken: self.taken.as_ref().map(|taken| {
                    let exit = |outcome: &Outcome| Target::Exit {
                        step: step.name.to_string(),
                        exit: outcome.to_string(),
                    };
                    outcomes
                        .iter()
                        .any(|outcome| taken.contains(&exit(outcome)))
                }),
            }
        };
        by_target.into_iter().map(row).collect()
    }

    /// What a step says, or does, in a line.
    fn says(&self, step: &Step) -> String {
        let text = step.say.first().map(|said| match said {
            Said::Prompt(id) => self.bundle.catalog.text(*id, self.locale).to_string(),
            Said::ByTopic(_) => "…{topic}".to_owned(),
        });
        text.unwrap_or_else(|| does(step))
    }

    /// Subjects by the step that they lead to.
    fn subjects(&self) -> BTreeMap<StepId, Vec<String>> {
        let mut subjects: BTreeMap<StepId, Vec<String>> = BTreeMap::new();
        for (id, _) in self.flow.steps() {
            let names = self.flow.always_leads(id);
            if !names.is_empty() {
                subjects.insert(id, names);
            }
        }
        subjects
    }

    fn mermaid(&self) -> String {
        let mut text = "flowchart TD\n".to_owned();
        for (id, step) in self.flow.steps() {
            let (open, close) = match step.body {
                Body::Say => ("[", "]"),
                Body::Ask(_) => ("([", "])"),
                Body::LookUp(_) | Body::CreateTicket => ("[[", "]]"),
                Body::When(_) => ("{", "}"),
                Body::Transfer { .. } => ("[/", "/]"),
                Body::HangUp(_) => ("((", "))"),
            };
            let words = plain(&cut(&self.says(step), 60));
            let _ = writeln!(text, "  s{}{open}\"{}<br>{words}\"{close}", id.0, step.name);
        }
        for (to, names) in self.subjects() {
            let names = names.join("<br>");
            let _ = writeln!(text, "  t{}>\"{names}\"] -.-> s{}", to.0, to.0);
        }
        let mut edges = 0;
        let mut missing = Vec::new();
        for (id, step) in self.flow.steps() {
            for row in self.rows(step) {
                let _ = writeln!(text, "  s{} -->|{}| s{}", id.0, row.label, row.to.0);
                if row.taken == Some(false) {
                    missing.push(edges.to_string());
                }
                edges += 1;
            }
        }
        if !missing.is_empty() {
            let first = self.subjects().len();
            let numbers = missing.iter().filter_map(|at| at.parse::<usize>().ok());
            let numbers: Vec<String> = numbers.map(|at| (at + first).to_string()).collect();
            let _ = writeln!(
                text,
                "  linkStyle {} stroke:#c33,stroke-width:3px",
                numbers.join(",")
            );
        }
        text
    }

    /// How many steps after the beginning each step first comes.
    fn depths(&self) -> BTreeMap<StepId, usize> {
        let mut depths = BTreeMap::from([(self.flow.start, 0)]);
        let mut open = VecDeque::from([self.flow.start]);
        while let Some(id) = open.pop_front() {
            let depth = depths.get(&id).copied().unwrap_or(0);
            let step = self.flow.step(id);
            let asks = matches!(&step.body, Body::Ask(ask) if ask.question == Question::Open);
            let topics = self.flow.topics.values().filter(|_| asks);
            for to in step.on.values().chain(topics) {
                if !depths.contains_key(to) {
                    depths.insert(*to, depth + 1);
                    open.push_back(*to);
                }
            }
        }
        depths
    }

    fn svg(&self) -> String {
        let depths = self.depths();
        let last = depths.values().max().copied().unwrap_or(0) + 1;
        let mut bottoms: BTreeMap<usize, usize> = BTreeMap::new();
        let mut cards = BTreeMap::new();
        for (id, step) in self.flow.steps() {
            let column = depths.get(&id).copied().unwrap_or(last);
            let top = bottoms.entry(column).or_insert(MARGIN);
            let names = self.flow.always_leads(id).len();
            let height = HEAD + ROW * (self.rows(step).len() + names) + ROW / 2;
            cards.insert(id, (MARGIN + column * (CARD + GAP), *top, height));
            *top += height + ROW;
        }
        let width = MARGIN * 2 + (last + 1) * (CARD + GAP);
        let height = bottoms.values().max().copied().unwrap_or(0) + MARGIN;
        let mut lines = String::new();
        let mut boxes = String::new();
        for (id, step) in self.flow.steps() {
            if let Some(card) = cards.get(&id) {
                self.card((id, step), *card, &cards, (&mut lines, &mut boxes));
            }
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
             <title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
             {lines}{boxes}</svg>\n",
            escape(&self.flow.name)
        )
    }

    /// A step: its name, what it says, and a row for each way on, with a line from the row.
    fn card(
        &self,
        (id, step): (StepId, &Step),
        (x, y, height): Card,
        cards: &BTreeMap<StepId, Card>,
        (lines, boxes): (&mut String, &mut String),
    ) {
        let fill = match step.body {
            Body::Say => "#eef3fb",
            Body::Ask(_) => "#fff4d6",
            Body::LookUp(_) | Body::CreateTicket => "#e6f5ea",
            Body::When(_) => "#f3f0fa",
            Body::Transfer { .. } => "#fde8e4",
            Body::HangUp(_) => "#eeeeee",
        };
        let _ = writeln!(
            boxes,
            "<g><rect x=\"{x}\" y=\"{y}\" width=\"{CARD}\" height=\"{height}\" rx=\"6\" \
             fill=\"{fill}\" stroke=\"#889\"/><text x=\"{}\" y=\"{}\" font-weight=\"bold\">{}</text>\
             <text x=\"{}\" y=\"{}\" fill=\"#555\">{}</text><title>{}</title></g>",
            x + PAD,
            y + ROW,
            escape(&step.name),
            x + PAD,
            y + ROW * 2,
            escape(&cut(&self.says(step), 36)),
            escape(&format!("{}: {}", does(step), self.says(step))),
        );
        let mut at = y + HEAD + ROW / 2;
        for name in self.flow.always_leads(id) {
            let _ = writeln!(
                boxes,
                "<text x=\"{}\" y=\"{at}\" fill=\"#06c\">▸ {}</text>",
                x + PAD,
                escape(&name)
            );
            at += ROW;
        }
        for row in self.rows(step) {
            let target = self.flow.step(row.to);
            let colour = match row.taken {
                Some(true) => "#2a7d2a",
                Some(false) => "#c33",
                None => "#333",
            };
            let _ = writeln!(
                boxes,
                "<text x=\"{}\" y=\"{at}\" fill=\"{colour}\">{}</text>",
                x + PAD,
                escape(&cut(&format!("{} → {}", row.label, target.name), 39))
            );
            // Lines to operators would hide all others; the row names them.
            let drawn = !matches!(target.body, Body::Transfer { .. } | Body::HangUp(_));
            if let Some((to_x, to_y, _)) = cards.get(&row.to).filter(|_| drawn) {
                let (from_x, from_y) = (x + CARD, at - 4);
                let to_y = to_y + ROW;
                let bend = GAP / 2;
                let before = i64::try_from(*to_x).unwrap_or(0) - i64::try_from(bend).unwrap_or(0);
                let _ = writeln!(
                    lines,
                    "<path d=\"M{from_x} {from_y} C{} {from_y} {before} {to_y} {to_x} {to_y}\" \
                     fill=\"none\" stroke=\"{colour}\" stroke-opacity=\"0.45\"/>",
                    from_x + bend
                );
            }
            at += ROW;
        }
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

/// Left, top and height of a step's box.
type Card = (usize, usize, usize);

const MARGIN: usize = 20;
const CARD: usize = 250;
const GAP: usize = 70;
const ROW: usize = 15;
const HEAD: usize = ROW * 2 + 6;
const PAD: usize = 8;

/// The first so many characters.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let short: String = text.chars().take(most).collect();
    short + "…"
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

/// Mermaid has no escapes but entities for quotes.
fn plain(text: &str) -> String {
    text.replace('"', "#quot;")
}
