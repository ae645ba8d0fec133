//! Draft → [`Flow`], or every problem: names that lead nowhere, outcomes that are not wired, steps
//! that cannot be reached or cannot end, cycles that cost a caller no patience.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use crate::call::{Question, Topic};
use crate::flow::load::{Draft, DraftBody, DraftStep};
use crate::flow::values::At;
use crate::flow::{Always, Ask, Body, Flow, Outcome, Said, Step, StepId, Waiting};
use crate::lookup::LookupKind;
use crate::problem::{Problems, Source, did_you_mean};
use crate::prompt::PromptId;
use crate::prompt::catalog::Catalog;

/// Most steps. A flow of a support line has some sixty.
const MAX_STEPS: usize = 1_000;

/// What stands for the caller's subject in a prompt's id.
const TOPIC: &str = "{topic}";

pub(super) fn check(
    draft: Draft,
    source: &Arc<Source>,
    catalog: &Catalog,
    problems: Problems,
) -> Result<Flow, Problems> {
    let names: BTreeMap<String, StepId> = (0u16..)
        .zip(&draft.steps)
        .map(|(at, step)| (step.name.1.clone(), StepId(at)))
        .collect();
    let mut checker = Checker {
        source,
        catalog,
        names,
        problems,
    };
    if draft.steps.len() > MAX_STEPS {
        checker.wrong(
            0..0,
            format!("more than {MAX_STEPS} steps"),
            "split the flow",
        );
        return Err(checker.problems);
    }
    let spans: Vec<Range<usize>> = draft.steps.iter().map(|step| step.name.0.clone()).collect();
    let flow = checker.flow(draft);
    match flow {
        Some(mut flow) if checker.problems.is_empty() => {
            checker.graph(&flow, &spans);
            set_live(&mut flow);
            checker.problems.or_ok(flow)
        }
        Some(_) | None => Err(checker.problems),
    }
}

struct Checker<'a> {
    source: &'a Arc<Source>,
    catalog: &'a Catalog,
    names: BTreeMap<String, StepId>,
    problems: Problems,
}

impl Checker<'_> {
    fn wrong(&mut self, span: Range<usize>, title: impl Into<String>, hint: impl Into<String>) {
        self.problems
            .push(self.source.problem(span, title).hint(hint));
    }

    fn flow(&mut self, draft: Draft) -> Option<Flow> {
        let start = draft.start.as_ref().and_then(|name| self.step(name));
        let mut always = |key: &str| {
            if let Some(name) = draft.always.get(key) {
                return self.step(name);
            }
            let hint = format!("add {key} = \"step\" below [always]");
            self.wrong(
                0..0,
                format!("[always] does not say where `{key}` leads"),
                hint,
            );
            None
        };
        let always = [always("operator"), always("patience"), always("trouble")];
        for topic in Topic::ALL {
            if !draft.topics.contains_key(topic) {
                let hint = format!("add {topic} = \"step\" below [topics]");
                self.wrong(
                    0..0,
                    format!("[topics] does not say where `{topic}` leads"),
                    hint,
                );
            }
        }
        let topics = (draft.topics.iter())
            .filter_map(|(topic, name)| self.step(name).map(|step| (*topic, step)))
            .collect();
        let late = (draft.late.iter())
            .filter_map(|(&(kind, class), name)| {
                self.late_class(kind, class, &name.0);
                self.step(name).map(|step| ((kind, class), step))
            })
            .collect();
        let waiting = Waiting {
            look_up: self.fillers(&draft.filler, "look_up"),
            ticket: self.fillers(&draft.ticket_filler, "ticket"),
        };
        let steps: Vec<Option<Step>> = draft
            .steps
            .into_iter()
            .map(|step| self.whole_step(step))
            .collect();
        let [Some(operator), Some(patience), Some(trouble)] = always else {
            return None;
        };
        Some(Flow {
            name: draft.name.into(),
            start: start?,
            always: Always {
                operator,
                patience,
                trouble,
            },
            topics,
            late,
            waiting,
            limits: draft.limits,
            steps: steps.into_iter().collect::<Option<_>>()?,
        })
    }

    fn step(&mut self, (span, name): &At<String>) -> Option<StepId> {
        let found = self.names.get(name).copied();
        if found.is_none() {
            let near = did_you_mean(name, self.names.keys().map(String::as_str));
            let hint = near.map_or_else(
                || format!("add [steps.{name}]"),
                |near| format!("did you mean `{near}`?"),
            );
            self.wrong(span.clone(), format!("there is no step `{name}`"), hint);
        }
        found
    }

    fn late_class(&mut self, kind: LookupKind, class: Outcome, span: &Range<usize>) {
        let body = Body::LookUp(kind);
        if !body.outcomes().contains(&class) {
            let hint = format!("{kind} gives: {}", join(body.outcomes()));
            self.wrong(
                span.clone(),
                format!("`{kind}` never gives `{class}`"),
                hint,
            );
        }
    }

    fn fillers(&mut self, prompts: &[At<String>], key: &str) -> Vec<PromptId> {
        if prompts.is_empty() {
            let hint = format!("add {key} = [\"prompt\"] below [waiting]");
            self.wrong(
                0..0,
                format!("[waiting] has nothing to say for `{key}`"),
                hint,
            );
        }
        prompts
            .iter()
            .filter_map(|prompt| self.prompt(prompt))
            .collect()
    }

    fn prompt(&mut self, (span, name): &At<String>) -> Option<PromptId> {
        let found = self.catalog.find(name);
        if found.is_none() {
            let known = self.catalog.names().iter().map(AsRef::as_ref);
            let hint = did_you_mean(name, known).map_or_else(
                || format!("add {name} = \"…\" to the prompts of each locale"),
                |near| format!("did you mean `{near}`?"),
            );
            self.wrong(span.clone(), format!("there is no prompt `{name}`"), hint);
        }
        found
    }

    fn said(&mut self, prompt: &At<String>) -> Option<Said> {
        if !prompt.1.contains(TOPIC) {
            return self.prompt(prompt).map(Said::Prompt);
        }
        let mut prompts = BTreeMap::new();
        for topic in Topic::ALL {
            let name = prompt.1.replace(TOPIC, topic.as_str());
            prompts.insert(*topic, self.prompt(&(prompt.0.clone(), name))?);
        }
        Some(Said::ByTopic(prompts))
    }

    fn whole_step(&mut self, draft: DraftStep) -> Option<Step> {
        let name = draft.name.1.clone();
        let wanted: usize = draft.say.len();
        let say: Vec<Said> = draft
            .say
            .iter()
            .filter_map(|prompt| self.said(prompt))
            .collect();
        let speaks = matches!(draft.body, Some(DraftBody::Say | DraftBody::Ask { .. }));
        if wanted == 0 && speaks {
            let hint = "add say = [\"prompt\"]";
            self.wrong(
                draft.name.0.clone(),
                format!("step `{name}` says nothing"),
                hint,
            );
        }
        let body = self.body(draft.body?)?;
        let mut on = BTreeMap::new();
        for (outcome, target) in &draft.on {
            if !body.outcomes().contains(outcome) {
                let title = format!("step `{name}` never leaves by `{outcome}`");
                self.wrong(
                    target.0.clone(),
                    title,
                    format!("it has: {}", join(body.outcomes())),
                );
            }
            on.extend(self.step(target).map(|step| (*outcome, step)));
        }
        for outcome in body.outcomes() {
            if !draft.on.contains_key(outcome) {
                let title = format!("step `{name}` does not say where `{outcome}` leads");
                let hint = format!("it has: {}", join(body.outcomes()));
                self.wrong(draft.on_span.clone(), title, hint);
            }
        }
        Some(Step {
            name: name.into(),
            outcome: draft.outcome,
            say,
            barge_in: draft.barge_in,
            barge_in_after_ms: draft.barge_in_after_ms,
            body,
            on,
            live: Vec::new(),
        })
    }

    fn body(&mut self, draft: DraftBody) -> Option<Body> {
        Some(match draft {
            DraftBody::Say => Body::Say,
            DraftBody::Ask {
                question,
                no_input,
                no_match,
            } => {
                let mut pair = |prompts: Vec<At<String>>| -> Option<[PromptId; 2]> {
                    let ids: Vec<_> = prompts.iter().filter_map(|p| self.prompt(p)).collect();
                    ids.try_into().ok()
                };
                let (no_input, no_match) = (pair(no_input), pair(no_match));
                Body::Ask(Ask {
                    question,
                    no_input: no_input?,
                    no_match: no_match?,
                })
            }
            DraftBody::LookUp(kind) => Body::LookUp(kind),
            DraftBody::CreateTicket => Body::CreateTicket,
            DraftBody::When(fact) => Body::When(fact),
            DraftBody::Transfer { queue, reason } => Body::Transfer { queue, reason },
            DraftBody::HangUp(disposition) => Body::HangUp(disposition),
        })
    }

    /// What only the whole graph shows.
    fn graph(&mut self, flow: &Flow, spans: &[Range<usize>]) {
        let reached = closure(flow, [flow.start]);
        let ends = ending(flow);
        for ((id, step), span) in flow.steps().zip(spans) {
            let name = &step.name;
            if !reached.contains(&id) {
                let hint = "lead some step to it, or delete it";
                self.wrong(
                    span.clone(),
                    format!("step `{name}` cannot be reached"),
                    hint,
                );
            }
            if !ends.contains(&id) {
                let hint = "lead it, over however many steps, to a hang_up";
                self.wrong(
                    span.clone(),
                    format!("step `{name}` cannot reach an end"),
                    hint,
                );
            }
            if let Some(&next) = step.on.get(&Outcome::Connected) {
                let end = flow.step(next);
                if !matches!(end.body, Body::HangUp(_)) || !end.say.is_empty() {
                    let title = format!("`{name}` goes on after the caller was connected");
                    let hint = "lead `connected` to a hang_up that says nothing";
                    self.wrong(span.clone(), title, hint);
                }
            }
        }
        if let Some(cycle) = free_cycle(flow) {
            let names: Vec<_> = cycle
                .iter()
                .map(|id| flow.step(*id).name.as_ref())
                .collect();
            let first = cycle
                .first()
                .map_or(0..0, |id| spans[usize::from(id.0)].clone());
            let title = format!("a caller can go round for ever: {}", names.join(" → "));
            let hint = "only a change of subject and the `no` of confirm_topic cost patience: \
                        break the circle";
            self.wrong(first, title, hint);
        }
    }
}

fn join(outcomes: &[Outcome]) -> String {
    let names: Vec<_> = outcomes.iter().map(|outcome| outcome.as_str()).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

/// Every step that can follow one of these.
fn closure(flow: &Flow, from: impl IntoIterator<Item = StepId>) -> BTreeSet<StepId> {
    let mut open: Vec<StepId> = from.into_iter().chain([flow.always.trouble]).collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if seen.insert(id) {
            open.extend(flow.successors(id));
        }
    }
    seen
}

/// Every step from which a `hang_up` can be reached by its own outcomes.
fn ending(flow: &Flow) -> BTreeSet<StepId> {
    let mut ends = BTreeSet::new();
    loop {
        let before = ends.len();
        for (id, step) in flow.steps() {
            let end = matches!(step.body, Body::HangUp(_));
            if end || step.on.values().any(|next| ends.contains(next)) {
                ends.insert(id);
            }
        }
        if ends.len() == before {
            return ends;
        }
    }
}

/// A cycle over edges that cost no patience, if there is one.
fn free_cycle(flow: &Flow) -> Option<Vec<StepId>> {
    let mut done = BTreeSet::new();
    let mut path = Vec::new();
    flow.steps()
        .find_map(|(id, _)| visit(flow, id, &mut done, &mut path))
}

/// Depth first. Recursion is bounded by [`MAX_STEPS`].
fn visit(
    flow: &Flow,
    id: StepId,
    done: &mut BTreeSet<StepId>,
    path: &mut Vec<StepId>,
) -> Option<Vec<StepId>> {
    if let Some(at) = path.iter().position(|seen| *seen == id) {
        return Some(path.iter().skip(at).chain([&id]).copied().collect());
    }
    if !done.insert(id) {
        return None;
    }
    path.push(id);
    let step = flow.step(id);
    let topic = matches!(&step.body, Body::Ask(ask) if ask.question == Question::ConfirmTopic);
    let free = step
        .on
        .iter()
        .filter(|(outcome, _)| !(topic && **outcome == Outcome::No));
    let cycle = free
        .map(|(_, next)| *next)
        .find_map(|next| visit(flow, next, done, path));
    path.pop();
    cycle
}

/// What each step or one that can follow may read.
fn set_live(flow: &mut Flow) {
    let late: Vec<LookupKind> = flow.late.keys().map(|(kind, _)| *kind).collect();
    let reads: Vec<BTreeSet<LookupKind>> =
        flow.steps.iter().map(|step| reads(step, &late)).collect();
    for at in 0..flow.steps.len() {
        let id = StepId(u16::try_from(at).unwrap_or(u16::MAX));
        let live: BTreeSet<LookupKind> = (closure(flow, [id]).iter())
            .flat_map(|step| {
                reads
                    .get(usize::from(step.0))
                    .into_iter()
                    .flatten()
                    .copied()
            })
            .collect();
        if let Some(step) = flow.steps.get_mut(at) {
            step.live = live.into_iter().collect();
        }
    }
}

fn reads(step: &Step, late: &[LookupKind]) -> BTreeSet<LookupKind> {
    match &step.body {
        Body::Ask(_) => late
            .iter()
            .copied()
            .chain([LookupKind::Subscriber])
            .collect(),
        Body::LookUp(kind) => BTreeSet::from([*kind]),
        Body::CreateTicket => LookupKind::ALL.iter().copied().collect(),
        Body::When(fact) => fact.reads().into_iter().collect(),
        Body::Say | Body::Transfer { .. } | Body::HangUp(_) => BTreeSet::new(),
    }
}
