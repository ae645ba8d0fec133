//! What of a state the rest of a flow can tell apart, read off its graph: the smaller that is, the
//! fewer states there are.

use std::collections::BTreeSet;

use crate::dialog::explore::Horizon;
use crate::flow::{Body, Fact, Flow, Said, Step, StepId};
use crate::prompt::Slot;
use crate::prompt::catalog::Catalog;

/// Facts that stand for a value, and the slots that say it.
const VALUES: [(Fact, &[Slot]); 3] = [
    (
        Fact::RestorationKnown,
        &[Slot::RestoredDate, Slot::RestoredTime],
    ),
    (Fact::VisitAgreed, &[Slot::VisitDate, Slot::VisitTime]),
    (Fact::Numbered, &[Slot::TicketNumber]),
];

pub(super) fn of(flow: &Flow, catalog: &Catalog) -> Horizon {
    let held = VALUES
        .iter()
        .filter(|(fact, slots)| is_held(flow, catalog, *fact, slots));
    Horizon {
        asks_ahead: asks_ahead(flow),
        held: held.map(|(fact, _)| *fact).collect(),
    }
}

/// For each step, whether a question can follow it.
fn asks_ahead(flow: &Flow) -> Vec<bool> {
    let asks = |(_, step): (StepId, &Step)| matches!(step.body, Body::Ask(_));
    let mut ahead: BTreeSet<StepId> = flow
        .steps()
        .filter(|s| asks(*s))
        .map(|(id, _)| id)
        .collect();
    loop {
        let before = ahead.len();
        for (id, _) in flow.steps() {
            if flow.successors(id).any(|next| ahead.contains(&next)) {
                ahead.insert(id);
            }
        }
        if ahead.len() == before {
            return flow.steps().map(|(id, _)| ahead.contains(&id)).collect();
        }
    }
}

/// Whether the value of a fact can be said without the fact having been asked since the call last
/// waited for something.
fn is_held(flow: &Flow, catalog: &Catalog, fact: Fact, slots: &[Slot]) -> bool {
    let says = |step: &Step| {
        let prompts = step.say.iter().flat_map(|said| match said {
            Said::Prompt(id) => vec![*id],
            Said::ByTopic(prompts) => prompts.values().copied().collect(),
        });
        let reprompts = if let Body::Ask(ask) = &step.body {
            [ask.no_input, ask.no_match].concat()
        } else {
            Vec::new()
        };
        let mut all = prompts.chain(reprompts);
        all.any(|id| catalog.slots(id).iter().any(|slot| slots.contains(slot)))
    };
    let rests = |step: &Step| !matches!(step.body, Body::Say | Body::When(_));
    let mut open: Vec<StepId> = Vec::new();
    for (id, step) in flow.steps() {
        if says(step) {
            if rests(step) && matches!(step.body, Body::Ask(_)) {
                return true;
            }
            open.push(id);
        }
    }
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        // Subjects, the wish for a person and late findings come from where a call waits.
        if id == flow.start || !flow.always_leads(id).is_empty() {
            return true;
        }
        for (before, step) in flow
            .steps()
            .filter(|(_, step)| step.on.values().any(|to| *to == id))
        {
            if rests(step) {
                return true;
            }
            if !matches!(step.body, Body::When(of) if of == fact) {
                open.push(before);
            }
        }
    }
    false
}
