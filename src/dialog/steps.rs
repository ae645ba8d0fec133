//! Walking the flow: from step to step until one waits.

use std::sync::Arc;

use crate::call::{Disposition, OtherReason, Queue, TransferReason};
use crate::dialog::Dialog;
use crate::dialog::action::{Action, Transfer};
use crate::dialog::say::{Broken, Cut};
use crate::dialog::state::{Phase, Ticket, ask_of};
use crate::dialog::trail::{Exit, Passed};
use crate::flow::rules::identifies;
use crate::flow::{Body, Flow, Outcome, Step, StepId};

/// Normal call clearing, Q.850.
const NORMAL_CLEARING: u32 = 16;
/// Outcomes that nothing later makes undone.
const TICKETS: [Disposition; 2] = [Disposition::TicketCreated, Disposition::TicketUnconfirmed];
/// Temporary failure, Q.850.
const TEMPORARY_FAILURE: u32 = 41;

impl Dialog {
    /// Leaves the current step by an outcome.
    pub(super) fn leave_by(&mut self, outcome: Outcome) {
        self.pass(Exit::By(outcome));
        let bundle = Arc::clone(&self.bundle);
        match bundle.flow.step(self.core.step).on.get(&outcome) {
            Some(&next) => self.enter(next),
            None => self.give_to_operator(&bundle.flow),
        }
    }

    /// Goes to a step, and on, until one waits. A fault of ours on the way sends the caller to the
    /// operator; a second one ends the call rather than hold a caller in silence.
    pub(super) fn enter(&mut self, step: StepId) {
        let bundle = Arc::clone(&self.bundle);
        if self.walk(&bundle.flow, step).is_err() {
            self.broke();
            self.give_to_operator(&bundle.flow);
        }
    }

    fn give_to_operator(&mut self, flow: &Flow) {
        if self.walk(flow, flow.always.trouble).is_err() {
            self.broke();
            self.hang_up(Disposition::Failed, TEMPORARY_FAILURE);
        }
    }

    /// A pass over steps that do not wait visits none twice: the loader refuses a cycle without a
    /// question. Late findings can lead aside once a kind; hence the bound.
    fn walk(&mut self, flow: &Flow, first: StepId) -> Result<(), Broken> {
        let mut next = first;
        for _ in 0..flow.steps().count().saturating_mul(2) {
            match self.arrive(flow, next)? {
                Some(step) => next = step,
                None => return Ok(()),
            }
        }
        Err(Broken)
    }

    /// Enters one step; gives the next one if this one does not wait.
    fn arrive(&mut self, flow: &Flow, id: StepId) -> Result<Option<StepId>, Broken> {
        let step = flow.step(id);
        let question = ask_of(step).map(|ask| ask.question);
        if question.is_some_and(|question| !identifies(question))
            && let Some(aside) = self.untold(flow)
        {
            return Ok(Some(aside));
        }
        self.core.step = id;
        self.trail.push(Passed::Entered(id));
        self.core.misses = 0;
        self.ledger.fillers = 0;
        self.ledger.waits_from = self.ledger.quiet_at.max(self.ledger.at);
        self.forget_but(&step.live);
        if let Some(outcome) = step.outcome {
            self.achieve(outcome);
        }
        let outcome = self.act(step)?;
        if let Some(outcome) = outcome {
            self.pass(Exit::By(outcome));
        }
        outcome
            .map(|outcome| step.on.get(&outcome).copied().ok_or(Broken))
            .transpose()
    }

    /// Does what the step does; gives its outcome if that is known at once.
    fn act(&mut self, step: &Step) -> Result<Option<Outcome>, Broken> {
        if let Some(ask) = ask_of(step) {
            self.ask(step, ask)?;
            return Ok(None);
        }
        let prompts = self.resolve(&step.say)?;
        let cut = Cut {
            barge_in: step.barge_in,
            after_ms: step.barge_in_after_ms,
        };
        self.play(&prompts, cut)?;
        self.told(&prompts);
        self.ledger.waits_from = self.ledger.quiet_at.max(self.ledger.at);
        match &step.body {
            Body::Say | Body::Ask(_) => Ok(Some(Outcome::Next)),
            Body::When(fact) => Ok(Some(self.core.fact(*fact))),
            Body::LookUp(kind) => {
                self.start_look_ups();
                let outcome = self.read(*kind);
                if outcome.is_none() {
                    self.core.phase = Phase::Finding(*kind);
                }
                Ok(outcome)
            }
            Body::CreateTicket => self.create_ticket(),
            Body::Transfer { queue, reason } => Ok(self.hand_over(*queue, *reason)),
            Body::HangUp(disposition) => {
                let ending = self.ending(*disposition);
                self.hang_up(ending, NORMAL_CLEARING);
                Ok(None)
            }
        }
    }

    fn create_ticket(&mut self) -> Result<Option<Outcome>, Broken> {
        match self.core.ticket {
            Ticket::None => self.order()?,
            Ticket::Ordered => {}
            Ticket::Created => return Ok(Some(Outcome::AlreadyOpen)),
            Ticket::Unconfirmed => return Ok(Some(Outcome::Unconfirmed)),
            Ticket::Failed => return Ok(Some(Outcome::Refused)),
        }
        self.core.phase = Phase::Ticketing;
        self.ledger.waits_from = self.ledger.at;
        Ok(None)
    }

    /// A gateway that cannot transfer has failed to.
    fn hand_over(&mut self, queue: Queue, reason: Option<TransferReason>) -> Option<Outcome> {
        if !self.offer.capabilities.transfer {
            return Some(Outcome::Failed);
        }
        let topic = self.case.topic.map(TransferReason::Topic);
        let reason = reason
            .or(topic)
            .unwrap_or(TransferReason::Other(OtherReason::CallerAsked));
        let id = self.next_id();
        self.core.phase = Phase::Transferring;
        self.ledger.transfer = Some(id);
        self.actions.push(Action::Transfer(Transfer {
            id,
            queue,
            reason,
            ring_timeout_ms: self.bundle.flow.limits.ring_timeout_ms,
            context: Box::new(self.context()),
        }));
        None
    }

    /// The disposition of a hang-up: its own, or the last outcome. A ticket that was asked for
    /// outweighs how the call trailed off, unless an operator has the caller.
    fn ending(&self, own: Option<Disposition>) -> Disposition {
        let outcome = self.core.outcome.unwrap_or(Disposition::EndedDeclined);
        let ticket = TICKETS.contains(&outcome) && self.core.phase != Phase::Connected;
        own.filter(|_| !ticket).unwrap_or(outcome)
    }

    /// Ends the call after what is queued. An operator's call is not ours to end.
    fn hang_up(&mut self, disposition: Disposition, q850_cause: u32) {
        self.core.ending = Some(disposition);
        if self.core.phase != Phase::Connected {
            self.core.phase = Phase::Ending;
            self.actions.push(Action::HangUp {
                q850_cause,
                disposition,
            });
        }
    }

    /// The last outcome passed counts; a ticket that was asked for outweighs all that follows.
    pub(super) fn achieve(&mut self, outcome: Disposition) {
        let keep = self.core.outcome.is_some_and(|now| TICKETS.contains(&now));
        if !keep || outcome == Disposition::TicketCreated {
            self.core.outcome = Some(outcome);
        }
    }
}
