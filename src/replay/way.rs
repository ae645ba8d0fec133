//! Which step of the candidate led to what: a turn may pass many steps.

use crate::bundle::Bundle;
use crate::dialog::trail::Passed;
use crate::flow::{Body, Said, StepId};
use crate::replay::told::Item;

/// The way of one turn through the flow.
#[derive(Debug)]
pub(super) struct Way<'b> {
    bundle: &'b Bundle,
    /// The step that the turn began in, then those that it entered.
    steps: Vec<StepId>,
    /// How far it is told.
    at: usize,
}

impl<'b> Way<'b> {
    pub(super) fn new(bundle: &'b Bundle, from: StepId, trail: &[Passed]) -> Self {
        let entered = trail.iter().filter_map(|passed| match passed {
            Passed::Entered(step) => Some(*step),
            Passed::Left(..) | Passed::Late(..) | Passed::Broke(_) => None,
        });
        Self {
            bundle,
            steps: [from].into_iter().chain(entered).collect(),
            at: 0,
        }
    }

    /// The step that led to the one that does this.
    pub(super) fn led_to(&mut self, item: &Item) -> StepId {
        let ahead = self.steps.iter().enumerate().skip(self.at.max(1));
        let mut ahead = ahead.filter(|(_, step)| does(self.bundle, **step, item));
        if let Some((at, _)) = ahead.next() {
            self.at = at;
        }
        let before = self.at.saturating_sub(1);
        let step = self.steps.get(before).or_else(|| self.steps.first());
        step.copied().unwrap_or(self.bundle.flow.start)
    }
}

/// Whether a step does this.
fn does(bundle: &Bundle, step: StepId, item: &Item) -> bool {
    let step = bundle.flow.step(step);
    match (item, &step.body) {
        (Item::Told(fact), _) => step.say.iter().any(|said| match said {
            Said::Prompt(id) => bundle.catalog.name(*id) == fact,
            Said::ByTopic(ids) => ids.values().any(|id| bundle.catalog.name(*id) == fact),
        }),
        (Item::Asked(question), Body::Ask(ask)) => ask.question == *question,
        (Item::Ticket, Body::CreateTicket)
        | (Item::Transfer(..), Body::Transfer { .. })
        | (Item::HungUp(_), Body::HangUp(_)) => true,
        _ => false,
    }
}
