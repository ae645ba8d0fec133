//! A single call, walked input by input: along a way that the exploration found, and on from there.
//! And the states themselves, as something that other calls can be held against.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::bundle::Bundle;
use crate::call::{Locale, Topic};
use crate::dialog::Dialog;
use crate::dialog::explore::{Horizon, Waits};
use crate::dialog::hear::Heard;
use crate::dialog::trail::Passed;
use crate::lookup::LookupKind;
use crate::proof::explore::{HINTS, Space, Via, offer, run};
use crate::proof::horizon;
use crate::proof::input::{Choices, Input, Inputs};
use crate::time::WallTime;

/// One step of a way.
#[derive(Clone, Debug)]
pub(super) struct Walked {
    pub(super) input: Input,
    /// Facts of [`EITHER_WAY`] that were assumed.
    pub(super) assumed: u8,
    /// What the call waited for before.
    pub(super) waits: Waits,
    /// The caller speaks or presses over the question.
    pub(super) over: bool,
}

/// A call that is walked step by step.
pub(super) struct Walk {
    inputs: Inputs,
    horizon: Horizon,
    pub(super) dialog: Dialog,
    pub(super) hint: Option<Locale>,
    pub(super) walked: Vec<Walked>,
}

impl Walk {
    /// A call that has not begun.
    pub(super) fn new(bundle: &Arc<Bundle>, began: WallTime, hint: Option<Locale>) -> Self {
        let horizon = horizon::of(&bundle.flow, &bundle.catalog);
        let (mut dialog, _) = Dialog::answer(Arc::clone(bundle), offer(began));
        dialog.settle(&horizon);
        dialog.hint(hint);
        Self {
            inputs: Inputs::of(&bundle.flow, &bundle.rules, began),
            horizon,
            dialog,
            hint,
            walked: Vec::new(),
        }
    }

    /// A way of [`Space::way_to`] again.
    pub(super) fn along(bundle: &Arc<Bundle>, began: WallTime, way: &[Via]) -> Self {
        let hint = way
            .first()
            .and_then(|via| HINTS.get(usize::from(via.input)));
        let mut walk = Self::new(bundle, began, hint.copied().flatten());
        for via in way.iter().skip(1) {
            if let Some(input) = walk.choices().get(via.input).cloned() {
                walk.step(input, via.assumed, false);
            }
        }
        walk
    }

    /// What can happen next.
    pub(super) fn choices(&self) -> Choices {
        let mut choices = Choices::default();
        self.inputs.at(&self.dialog, &mut choices);
        choices
    }

    /// Takes one step; gives what it led through.
    pub(super) fn step(&mut self, input: Input, assumed: u8, over: bool) -> Vec<Passed> {
        let waits = self.dialog.waits();
        let ran = run(&self.dialog, &input, assumed);
        self.dialog = ran.dialog;
        self.dialog.settle(&self.horizon);
        self.walked.push(Walked {
            input,
            assumed,
            waits,
            over,
        });
        ran.trail
    }

    /// The last input names that subject instead.
    pub(super) fn last_subject(&mut self, subject: Topic) {
        if let Some(Walked {
            input: Input::Says(Heard::Topic { topic, .. }, _),
            ..
        }) = self.walked.last_mut()
        {
            *topic = subject;
        }
    }

    /// What a step would lead through.
    pub(super) fn try_step(&self, input: &Input) -> Vec<Passed> {
        run(&self.dialog, input, 0).trail
    }
}

/// Projects calls of any kind onto the explored states: each call whose every state is one of them
/// is a call that the proof has seen.
#[derive(Debug)]
pub struct Projection {
    horizon: Horizon,
    known: BTreeSet<u128>,
    eager: BTreeSet<LookupKind>,
}

impl Projection {
    /// Of the states of an explored bundle.
    pub(super) fn of(bundle: &Arc<Bundle>, began: WallTime, space: &Space) -> Self {
        Self {
            horizon: horizon::of(&bundle.flow, &bundle.catalog),
            known: space.nodes.iter().map(|node| node.position).collect(),
            eager: Inputs::of(&bundle.flow, &bundle.rules, began).eager,
        }
    }

    /// Whether the state that a call stands in was explored. `read` are the look-ups that some step
    /// of the call has read by now.
    pub fn knows(&self, dialog: &Dialog, read: &BTreeSet<LookupKind>) -> bool {
        let unread = LookupKind::ALL.iter().copied();
        let unread = unread.filter(|kind| !read.contains(kind) && !self.eager.contains(kind));
        let unread: Vec<LookupKind> = unread.collect();
        dialog.waits() == Waits::Nothing
            || self
                .known
                .contains(&dialog.position(&self.horizon, &unread))
    }
}
