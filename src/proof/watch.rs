//! Looks at every step of every explored call and keeps the first that breaks a rule. What a rule
//! has to remember of a call (which prompts were said) is a few bits that are part of its state.

use std::collections::BTreeSet;

use crate::dialog::Dialog;
use crate::dialog::explore::Waits;
use crate::dialog::trail::Passed;
use crate::flow::rules::{Check, Condition, Guard, Rule, TicketIs, said, says};
use crate::flow::{Flow, Outcome, StepId};
use crate::lookup::LookupKind;
use crate::prompt::PromptId;
use crate::proof::explore::Via;
use crate::proof::input::{Input, outcome_of};

/// One step of one call.
pub(super) struct Event<'e> {
    pub(super) before: &'e Dialog,
    pub(super) after: &'e Dialog,
    pub(super) trail: &'e [Passed],
    pub(super) input: &'e Input,
    pub(super) ordered: bool,
    pub(super) at: (u32, Via),
}

/// Where a rule was broken first: the state before, and the input.
pub(super) type Witness = (u32, Via);

/// What was seen of the rules.
pub(super) struct Watch<'f> {
    rules: &'f [Rule],
    /// For each step, the rules that look at it.
    at: Vec<Vec<usize>>,
    /// For each step, the bits of what it says.
    bits: Vec<u32>,
    /// For each rule, the bits of what it wants to have been said.
    wants: Vec<u32>,
    /// For each rule, whether there was anything that could have broken it.
    armed: Vec<bool>,
    /// For each `never`, whether its steps were entered, and whether its `when` held anywhere.
    halves: Vec<[bool; 2]>,
    /// For each rule, where it was broken first.
    pub(super) broken: Vec<Option<Witness>>,
}

impl<'f> Watch<'f> {
    pub(super) fn new(flow: &Flow, rules: &'f [Rule]) -> Self {
        let prompts: BTreeSet<PromptId> = said(rules).collect();
        let bit = |prompt: &PromptId| {
            let at = prompts.iter().position(|of| of == prompt);
            at.map_or(0, |at| 1u32 << at)
        };
        let guarded = |rule: &Rule, id: StepId| {
            if let Check::OnlyIf(Guard { at, .. }) | Check::Once { at } = &rule.check {
                at.contains(&id)
            } else {
                false
            }
        };
        let wants = |rule: &Rule| {
            if let Check::OnlyIf(guard) = &rule.check {
                guard.said.iter().map(bit).sum()
            } else {
                0
            }
        };
        let numbered = || rules.iter().enumerate();
        Self {
            at: (flow.steps())
                .map(|(id, _)| {
                    let looks = numbered().filter(|(_, rule)| guarded(rule, id));
                    looks.map(|(at, _)| at).collect()
                })
                .collect(),
            bits: (flow.steps())
                .map(|(_, step)| prompts.iter().filter(|p| says(step, **p)).map(bit).sum())
                .collect(),
            wants: rules.iter().map(wants).collect(),
            armed: vec![false; rules.len()],
            halves: vec![[false; 2]; rules.len()],
            broken: vec![None; rules.len()],
            rules,
        }
    }

    /// Whether anything could have broken that rule.
    pub(super) fn is_armed(&self, rule: usize) -> bool {
        self.armed.get(rule) == Some(&true) || self.halves.get(rule) == Some(&[true; 2])
    }

    /// Looks at one step; gives what has been said by now.
    pub(super) fn see(&mut self, said: u32, event: &Event<'_>) -> u32 {
        let mut said = said;
        let rules = self.rules;
        for (rule, [_, held]) in rules.iter().zip(&mut self.halves) {
            if let (Check::OnlyIf(guard), false) = (&rule.check, *held) {
                *held = guard.never && guard.when.iter().all(|of| holds(of, event));
            }
        }
        for passed in event.trail {
            match passed {
                Passed::Entered(id) => said = self.enter(usize::from(id.0), said, event),
                Passed::Broke(_) => self.breaks(|check| matches!(check, Check::Works), event),
                Passed::Left(..) | Passed::Late(..) => {}
            }
        }
        if event.after.waits() == Waits::Nothing {
            let lost = event.after.disposition().is_none();
            self.arm(|check| matches!(check, Check::Ends));
            if lost {
                self.breaks(|check| matches!(check, Check::Ends), event);
            }
        }
        if event.after.waits() == Waits::Caller {
            let asked = u32::from(event.after.misses()) + 1;
            self.arm(|check| matches!(check, Check::AsksWithin { .. }));
            let over =
                |check: &Check| matches!(check, Check::AsksWithin { times } if asked > *times);
            if rules.iter().any(|rule| over(&rule.check)) {
                self.breaks(over, event);
            }
        }
        said
    }

    /// A step is entered: its rules, then what it says.
    fn enter(&mut self, step: usize, said: u32, event: &Event<'_>) -> u32 {
        for at in 0..self.at.get(step).map_or(0, Vec::len) {
            let rule = self.at.get(step).and_then(|rules| rules.get(at)).copied();
            if let Some(rule) = rule {
                self.guard(rule, said, event);
            }
        }
        said | self.bits.get(step).copied().unwrap_or(0)
    }

    fn arm(&mut self, fits: impl Fn(&Check) -> bool) {
        for (rule, armed) in self.rules.iter().zip(&mut self.armed) {
            *armed |= fits(&rule.check);
        }
    }

    fn breaks(&mut self, fits: impl Fn(&Check) -> bool, event: &Event<'_>) {
        for (rule, broken) in self.rules.iter().zip(&mut self.broken) {
            if fits(&rule.check) {
                broken.get_or_insert(event.at);
            }
        }
    }

    fn guard(&mut self, rule: usize, said: u32, event: &Event<'_>) {
        let Some(check) = self.rules.get(rule).map(|rule| &rule.check) else {
            return;
        };
        let (armed, broken) = if let Check::OnlyIf(guard) = check {
            let when = guard.when.iter().all(|of| holds(of, event));
            if let (true, Some([entered, _])) = (guard.never, self.halves.get_mut(rule)) {
                *entered = true;
            }
            let wants = self.wants.get(rule).copied().unwrap_or(0);
            (
                when,
                when && (guard.never || breaks(guard, wants, said, event)),
            )
        } else {
            let again = event.ordered && event.before.ticket() != TicketIs::None;
            (event.ordered, again)
        };
        if let Some(of) = self.armed.get_mut(rule) {
            *of |= armed;
        }
        if broken && let Some(of) = self.broken.get_mut(rule) {
            of.get_or_insert(event.at);
        }
    }
}

fn breaks(guard: &Guard, wants: u32, said: u32, event: &Event<'_>) -> bool {
    !guard.only_if.iter().all(|of| holds(of, event)) || (wants != 0 && said & wants == 0)
}

fn holds(condition: &Condition, event: &Event<'_>) -> bool {
    let after = event.after;
    match condition {
        Condition::Found(kind, outcomes) => {
            class(*kind, event).is_some_and(|class| outcomes.contains(&class))
        }
        Condition::Identified(yes) => after.is_identified() == *yes,
        Condition::Ticket(states) => states.contains(&after.ticket()),
        Condition::HomeConfirmed => after.confirmed().0,
        Condition::Consented => after.confirmed().1,
    }
}

/// What is known by a look-up; a step that nothing reads it after has forgotten it by now.
fn class(kind: LookupKind, event: &Event<'_>) -> Option<Outcome> {
    if !event.after.is_forgotten(kind) {
        return event.after.class(kind);
    }
    let now = if let Input::Found(finding) = event.input {
        outcome_of(finding).filter(|(of, _)| *of == kind)
    } else {
        None
    };
    now.map(|(_, outcome)| outcome)
        .or_else(|| event.before.class(kind))
}
