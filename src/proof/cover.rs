//! Exits: every way that a step can be left by, which of them were taken, and calls that take the
//! rest.

use std::collections::BTreeSet;
use std::fmt;

use crate::call::{BargeIn, Topic};
use crate::dialog::explore::Waits;
use crate::dialog::hear::Heard;
use crate::dialog::trail::{Exit, Passed};
use crate::flow::{Body, Flow, Outcome, StepId};
use crate::lookup::LookupKind;
use crate::proof::explore::{Space, Via};
use crate::proof::input::{Input, Who};
use crate::proof::walk::{Walk, Walked};
use crate::proof::{Example, Proof, began, example, speechless};

/// Something that a call can do to a flow and a test can be missing for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A step was left that way.
    Exit {
        /// Its name.
        step: String,
        /// How, in a word.
        exit: String,
    },
    /// A finding came late and led aside.
    Late(LookupKind, Outcome),
    /// The call's patience was used up.
    Patience,
    /// The media side failed until the operator took over.
    Trouble,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit { step, exit } => write!(f, "{step}: {exit}"),
            Self::Late(kind, class) => write!(f, "{kind} {class}, told late"),
            Self::Patience => f.write_str("patience used up"),
            Self::Trouble => f.write_str("the media side fails"),
        }
    }
}

/// Inputs of a written call; a longer one is not read by anybody.
const MAX_INPUTS: usize = 16;

/// What a trail took, in words.
pub fn targets(flow: &Flow, passed: &[Passed]) -> BTreeSet<Target> {
    passed
        .iter()
        .filter_map(|passed| target(flow, *passed))
        .collect()
}

/// What one thing on a trail took; `None` for what can be missed by no test.
pub fn target(flow: &Flow, passed: Passed) -> Option<Target> {
    let (step, exit) = match passed {
        Passed::Left(step, exit) => (flow.step(step), exit),
        Passed::Late(kind, class) => return Some(Target::Late(kind, class)),
        Passed::Entered(_) | Passed::Broke(_) => return None,
    };
    let word = match exit {
        Exit::By(outcome) => {
            // Ends of a transfer that lead to the same step are one.
            let to = step.on.get(&outcome);
            let same = step.on.iter().find(|(_, of)| Some(*of) == to);
            let transfer = matches!(step.body, Body::Transfer { .. });
            let first = same
                .filter(|_| transfer)
                .map_or(outcome, |(first, _)| *first);
            first.to_string()
        }
        Exit::Operator => "operator".to_owned(),
        Exit::Topic => "another subject".to_owned(),
        Exit::Repeat => "repeat".to_owned(),
        Exit::Language => "language".to_owned(),
        Exit::Silence(miss) => format!("silence {miss}"),
        Exit::NotUnderstood(miss) => format!("not understood {miss}"),
        Exit::BargedIn => "spoken over".to_owned(),
        // Before a call is answered, or while it says goodbye, nothing is left.
        Exit::HungUp if matches!(step.body, Body::HangUp(_) | Body::When(_) | Body::Say) => {
            return None;
        }
        Exit::HungUp => "hung up".to_owned(),
        Exit::Patience => return Some(Target::Patience),
        Exit::Trouble => return Some(Target::Trouble),
    };
    Some(Target::Exit {
        step: step.name.to_string(),
        exit: word,
    })
}

/// Every exit that some call can take.
pub(super) fn all(flow: &Flow, space: &Space) -> Vec<Target> {
    let left = space
        .exits
        .keys()
        .map(|(step, exit)| Passed::Left(*step, *exit));
    let late = space
        .late
        .keys()
        .map(|(kind, class)| Passed::Late(*kind, *class));
    let over = (flow.steps())
        .filter(|(_, step)| matches!(step.body, Body::Ask(_)) && step.barge_in != BargeIn::None)
        .map(|(id, _)| Passed::Left(id, Exit::BargedIn));
    let all: Vec<Passed> = left.chain(late).chain(over).collect();
    // A caller who knows the language by now cannot be heard to choose it.
    targets(flow, &all).into_iter().collect()
}

/// Calls for what is not covered yet.
pub(super) fn write(proof: &Proof, covered: &[Target]) -> (Vec<(String, Example)>, Vec<Target>) {
    let (flow, space) = (&proof.bundle.flow, &proof.space);
    let mut covered: BTreeSet<Target> = covered.iter().cloned().collect();
    let left = space.exits.iter();
    let left = left.map(|((step, exit), at)| (Passed::Left(*step, *exit), *at));
    let late = space.late.iter();
    let late = late.map(|((kind, class), at)| (Passed::Late(*kind, *class), *at));
    let mut ways: Vec<(Target, Vec<Via>)> = left
        .chain(late)
        .filter_map(|(passed, (state, via))| {
            Some((target(flow, passed)?, proof.way_by(state, via)))
        })
        .collect();
    // Long ways first: they take much of what the short ones would.
    ways.sort_by_key(|(target, way)| (std::cmp::Reverse(way.len()), target.clone()));
    let mut calls = Vec::new();
    for (target, way) in &ways {
        if covered.contains(target) {
            continue;
        }
        let written = call(proof, way, target, &covered);
        if let Some(call) = written.filter(|call| targets(flow, &call.passed).contains(target)) {
            covered.extend(targets(flow, &call.passed));
            calls.push((file_name(target), call));
        }
    }
    for target in all(flow, space).iter().filter(|of| is_over(of)) {
        if !covered.contains(target)
            && let Some(call) = over(proof, target)
        {
            covered.extend(targets(flow, &call.passed));
            calls.push((file_name(target), call));
        }
    }
    let rest = all(flow, space)
        .into_iter()
        .filter(|of| !covered.contains(of));
    (calls, rest.collect())
}

fn is_over(target: &Target) -> bool {
    matches!(target, Target::Exit { exit, .. } if exit == "spoken over")
}

fn file_name(target: &Target) -> String {
    let name = target
        .to_string()
        .replace(": ", "_")
        .replace([' ', ','], "_");
    name.replace("__", "_")
}

fn title(target: &Target) -> String {
    format!("Written for review: {target}.")
}

/// The call that goes that way and on, as long as there is something new to be taken.
fn call(
    proof: &Proof,
    way: &[Via],
    target: &Target,
    covered: &BTreeSet<Target>,
) -> Option<Example> {
    let flow = &proof.bundle.flow;
    let mut walk = Walk::along(&speechless(&proof.bundle), began(), way);
    let takes = |call: &Example| targets(flow, &call.passed).contains(target);
    let write = |walk: &Walk| example::example(&proof.bundle, walk, &title(target)).filter(takes);
    let mut short = write(&walk);
    for subject in other_subjects(&walk) {
        if short.is_none() {
            walk.last_subject(subject);
            short = write(&walk);
        }
    }
    short.as_ref()?;
    let mut taken = covered.clone();
    taken.insert(target.clone());
    while walk.walked.len() < MAX_INPUTS {
        let choices = walk.choices();
        let new = |input: &Input| {
            let passed = walk.try_step(input);
            let ends = passed
                .iter()
                .any(|p| matches!(p, Passed::Left(_, Exit::HungUp)));
            let fails = *input == Input::MediaFails;
            !ends && !fails && targets(flow, &passed).iter().any(|of| !taken.contains(of))
        };
        let all = choices
            .own
            .iter()
            .chain(&choices.answers)
            .chain(&choices.subjects);
        let Some(next) = all.clone().find(|input| new(input)).cloned() else {
            break;
        };
        // Whoever speaks may as well speak over the question.
        let over = over_target(&walk, flow);
        let over = over.filter(|of| next.who() == Who::Caller && !taken.contains(of));
        let passed = walk.step(next, 0, over.is_some());
        taken.extend(over);
        taken.extend(targets(flow, &passed));
    }
    write(&walk).or(short)
}

/// Subjects that may stand for the last one, where a call ends with one: named twice, a subject
/// answers nothing.
fn other_subjects(walk: &Walk) -> Vec<Topic> {
    let subject = |step: &Walked| matches!(step.input, Input::Says(Heard::Topic { .. }, _));
    if walk.walked.last().is_some_and(subject) {
        Topic::ALL.to_vec()
    } else {
        Vec::new()
    }
}

/// The exit of being spoken over, where the call asks.
fn over_target(walk: &Walk, flow: &Flow) -> Option<Target> {
    let step = flow.step(walk.dialog.step_id());
    let asks = matches!(step.body, Body::Ask(_)) && step.barge_in != BargeIn::None;
    target(flow, Passed::Left(walk.dialog.step_id(), Exit::BargedIn)).filter(|_| asks)
}

/// A call in which that question is spoken over.
fn over(proof: &Proof, wanted: &Target) -> Option<Example> {
    let flow = &proof.bundle.flow;
    let at = proof.space.nodes.iter().zip(0u32..).find(|(node, _)| {
        let id = StepId(node.step);
        node.waits == Waits::Caller
            && target(flow, Passed::Left(id, Exit::BargedIn)).as_ref() == Some(wanted)
    });
    let (_, state) = at?;
    let way = proof.space.way_to(state);
    let mut walk = Walk::along(&speechless(&proof.bundle), began(), &way);
    let choices = walk.choices();
    let next = choices
        .answers
        .first()
        .or_else(|| choices.subjects.first())?
        .clone();
    walk.step(next, 0, true);
    let call = example::example(&proof.bundle, &walk, &title(wanted))?;
    targets(flow, &call.passed).contains(wanted).then_some(call)
}
