//! What only the whole graph of a flow shows: what can be reached, what ends, what goes round.

use std::collections::BTreeSet;

use crate::call::Question;
use crate::flow::{Body, Flow, Outcome, Step, StepId};
use crate::lookup::LookupKind;

/// Every step that can follow one of these.
pub(super) fn closure(flow: &Flow, from: impl IntoIterator<Item = StepId>) -> BTreeSet<StepId> {
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
pub(super) fn ending(flow: &Flow) -> BTreeSet<StepId> {
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

/// A hang-up that can follow by outcomes alone before any transfer, if there is one.
pub(super) fn ends_before_operator(flow: &Flow, from: StepId) -> Option<StepId> {
    first(
        flow,
        from,
        |body| matches!(body, Body::HangUp(_)),
        |body| matches!(body, Body::Transfer { .. } | Body::Ask(_)),
    )
}

/// A question that can follow by outcomes alone, if there is one.
pub(super) fn asks_after(flow: &Flow, from: StepId) -> Option<StepId> {
    first(flow, from, |body| matches!(body, Body::Ask(_)), |_| false)
}

/// The first step that is wanted from one on, not looking behind those that end the way.
fn first(
    flow: &Flow,
    from: StepId,
    wanted: impl Fn(&Body) -> bool,
    ends: impl Fn(&Body) -> bool,
) -> Option<StepId> {
    let mut open = vec![from];
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        let step = flow.step(id);
        if wanted(&step.body) {
            return Some(id);
        }
        if seen.insert(id) && !ends(&step.body) {
            open.extend(step.on.values());
        }
    }
    None
}

/// A cycle over edges that cost no patience, if there is one.
pub(super) fn free_cycle(flow: &Flow) -> Option<Vec<StepId>> {
    let mut done = BTreeSet::new();
    let mut path = Vec::new();
    flow.steps()
        .find_map(|(id, _)| visit(flow, id, &mut done, &mut path))
}

/// Depth first. Recursion is bounded by the number of steps.
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
pub(super) fn set_live(flow: &mut Flow) {
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
