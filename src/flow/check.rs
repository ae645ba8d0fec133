//! Draft → [`Flow`], or every problem: names that lead nowhere, outcomes that are not wired, steps
//! that cannot be reached or cannot end, cycles that cost a caller no patience.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::call::Topic;
use crate::flow::graph::{asks_after, closure, ending, ends_before_operator, free_cycle, set_live};
use crate::flow::load::{Draft, DraftBody, DraftStep};
use crate::flow::values::At;
use crate::flow::{Always, Ask, Body, Flow, Outcome, Said, Step, StepId, Waiting};
use crate::lookup::LookupKind;
use crate::problem::{Problems, Source, did_you_mean};
use crate::prompt::PromptId;
use crate::prompt::catalog::Catalog;

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
            let title = format!("[always] does not say where `{key}` leads");
            self.wrong(draft.places[0].clone(), title, hint);
            None
        };
        let always = [always("operator"), always("patience"), always("trouble")];
        for topic in Topic::ALL {
            if !draft.topics.contains_key(topic) {
                let hint = format!("add {topic} = \"step\" below [topics]");
                let title = format!("[topics] does not say where `{topic}` leads");
                self.wrong(draft.places[1].clone(), title, hint);
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
            look_up: self.fillers(&draft.filler, "look_up", &draft.places[2]),
            ticket: self.fillers(&draft.ticket_filler, "ticket", &draft.places[2]),
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

    fn fillers(&mut self, prompts: &[At<String>], key: &str, at: &Range<usize>) -> Vec<PromptId> {
        if prompts.is_empty() {
            let hint = format!("add {key} = [\"prompt\"] below [waiting]");
            let title = format!("[waiting] has nothing to say for `{key}`");
            self.wrong(at.clone(), title, hint);
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
        let targets: BTreeMap<Outcome, Option<StepId>> = draft
            .on
            .iter()
            .map(|(outcome, target)| (*outcome, self.step(target)))
            .collect();
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
            on.extend(
                targets
                    .get(outcome)
                    .copied()
                    .flatten()
                    .map(|step| (*outcome, step)),
            );
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
        for (key, from) in [
            ("operator", flow.always.operator),
            ("patience", flow.always.patience),
            ("trouble", flow.always.trouble),
        ] {
            if let Some(ask) = asks_after(flow, from) {
                let title = format!(
                    "[always] {key} leads to `{}`, which asks on without end",
                    flow.step(ask).name
                );
                let hint = "lead it to an operator, and from there only to a hang_up";
                self.wrong(spans[usize::from(from.0)].clone(), title, hint);
            }
            if let Some(end) = ends_before_operator(flow, from) {
                let title = format!(
                    "[always] {key} leads to `{}`, which hangs up on who needs a person",
                    flow.step(end).name
                );
                let hint = "lead it to a transfer";
                self.wrong(spans[usize::from(from.0)].clone(), title, hint);
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
