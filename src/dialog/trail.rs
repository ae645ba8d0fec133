//! The trail of one event through the flow: which steps were entered and by which exit each was
//! left. Told to whoever counts what was tried; the dialog itself never reads it.

use crate::dialog::Dialog;
use crate::flow::{Outcome, StepId};
use crate::lookup::LookupKind;

/// One thing on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Passed {
    /// A step was entered.
    Entered(StepId),
    /// Something happened at a step.
    Left(StepId, Exit),
    /// A finding that came late led aside.
    Late(LookupKind, Outcome),
    /// A step could not be done: a value for a prompt is missing, or something that a ticket needs.
    Broke(StepId),
}

/// How a step was left, or what else happened there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// By an outcome of its own.
    By(Outcome),
    /// The caller wants a person.
    Operator,
    /// The caller has another subject.
    Topic,
    /// He wants to hear it again.
    Repeat,
    /// He wants another language.
    Language,
    /// A silence, the first or the second: a reprompt.
    Silence(u8),
    /// Something not understood, the first or the second: a reprompt.
    NotUnderstood(u8),
    /// He spoke or pressed a key over the question.
    BargedIn,
    /// The call's patience is used up.
    Patience,
    /// The gateway can neither play nor listen.
    Trouble,
    /// He hung up.
    HungUp,
}

impl Dialog {
    /// What the last event led through, in order.
    pub fn trail(&self) -> &[Passed] {
        &self.trail
    }

    pub(super) fn pass(&mut self, exit: Exit) {
        self.trail.push(Passed::Left(self.core.step, exit));
    }

    pub(super) fn broke(&mut self) {
        self.trail.push(Passed::Broke(self.core.step));
    }
}
