//! The proof: explores every state that a call can be in, on the same dialog that serves live
//! calls, and tells which rules of the flow hold, the worst cases as figures, and for each rule
//! that does not hold the shortest call that breaks it.
//!
//! A state is a step, its misses, the patience left, whether the language is known, what is known
//! of each look-up, what the caller has agreed to, the ticket. From each one every class of input is
//! tried: each answer that the question can have, each way a back end can answer (in time, late,
//! never), each end of a transfer, a failing media side, the end of the call. Texts and scores,
//! gateway faults and resumes are not in it.
//!
//! States grow with the questions that can be reached from anywhere, times the patience, times what
//! can be known by then of the look-ups; not with prompts, subjects that lead to one step, or steps
//! that do not wait. Beyond [`MAX_STATES`] the proof is given up, and says so.

mod cover;
mod example;
mod explore;
mod figures;
mod horizon;
mod input;
pub mod mutate;
mod sample;
mod table;
mod walk;
mod watch;
mod words;

use std::sync::Arc;

use crate::bundle::Bundle;
use crate::call::Locale;
use crate::dialog::hear::Heard;
use crate::flow::rules::{Check, Rule};
use crate::flow::{Outcome, StepId};
use crate::proof::explore::{END, Space, Via, explore, index};
use crate::proof::figures::Figures;
use crate::proof::input::Input;
use crate::proof::walk::Walk;
use crate::proof::watch::Watch;
use crate::time::WallTime;
use crate::understanding::Grammars;

pub use crate::proof::cover::{Target, target, targets};
pub use crate::proof::example::Example;
pub use crate::proof::explore::MAX_STATES;
pub use crate::proof::figures::Cost;
pub use crate::proof::sample::{Stray, sample};
pub use crate::proof::walk::Projection;

/// A Tuesday at eleven: far from both ends of any period that a flow asks for.
const BEGAN: &str = "2025-10-14T11:00:00+05:00";

/// What was proven of a bundle.
#[derive(Debug)]
pub struct Proof {
    bundle: Arc<Bundle>,
    space: Space,
    figures: Figures,
    /// Each rule, in the order of the file, and the way that breaks it.
    verdicts: Vec<(Verdict, Way)>,
}

/// A way through the states, by its first state's hint and the inputs from there.
type Way = Vec<Via>;

/// What became of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds in every call.
    Holds,
    /// Nothing could ever break it: it says nothing about this flow.
    Vacuous,
    /// It is broken.
    Broken,
    /// Not all states were seen, and it was not broken in those that were.
    Unknown,
}

impl Verdict {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Vacuous => "vacuous",
            Self::Broken => "broken",
            Self::Unknown => "unknown",
        }
    }
}

/// The worst cases of all calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worst {
    /// From the wish for a person to the hand-over, wherever it comes.
    pub person: Cost,
    /// From the greeting to a person or a goodbye, for a caller who is silent or not understood.
    pub unlucky: Cost,
    /// The longest silence, if back ends hang.
    pub silence_ms: u32,
    /// The longest wait for a back end, fillers included.
    pub wait_ms: u32,
    /// The longest call: the caller thinks and speaks as long as he may, every operator rings out.
    pub call: Cost,
}

/// When the explored calls begin.
fn began() -> WallTime {
    WallTime::from_rfc3339(BEGAN).unwrap_or(WallTime::from_unix_ms(0))
}

/// The bundle without grammars: no text is heard in an exploration, and no hints are collected.
fn speechless(bundle: &Arc<Bundle>) -> Arc<Bundle> {
    let mut bundle = Bundle::clone(bundle);
    if let Ok(none) = Grammars::load(&[], None) {
        bundle.grammars = Arc::new(none);
    }
    Arc::new(bundle)
}

/// Explores a bundle.
pub fn prove(bundle: &Arc<Bundle>) -> Proof {
    let quiet = speechless(bundle);
    let mut watch = Watch::new(&bundle.flow, &bundle.rules);
    let space = explore(&quiet, began(), &mut watch);
    let figures = figures::of(&space, &bundle.flow.limits);
    let mut proof = Proof {
        bundle: Arc::clone(bundle),
        space,
        figures,
        verdicts: Vec::new(),
    };
    proof.verdicts = (bundle.rules.iter().enumerate().zip(&watch.broken))
        .map(|((at, rule), broken)| proof.verdict(rule, watch.is_armed(at), *broken))
        .collect();
    proof
}

impl Proof {
    fn verdict(&self, rule: &Rule, armed: bool, broken: Option<(u32, Via)>) -> (Verdict, Way) {
        let worst = self.worst();
        let figures = &self.figures;
        let waits = |state: u32| self.way_then(state, |input| *input == Input::Waits);
        let within = |most: u32, is: u32, way: Way| {
            if is > most {
                (Verdict::Broken, way)
            } else {
                (Verdict::Holds, Vec::new())
            }
        };
        let verdict = match &rule.check {
            Check::PersonWithin { prompts, ms } => {
                if let Some(state) = figures.no_person {
                    (Verdict::Broken, self.space.way_to(state))
                } else {
                    let over = worst.person.prompts > *prompts || worst.person.ms > *ms;
                    let asks = |input: &Input| {
                        matches!(input, Input::KeyOperator | Input::Says(Heard::Operator, _))
                    };
                    within(0, u32::from(over), self.way_then(figures.person.1, asks))
                }
            }
            Check::SilenceWithin { ms } => within(*ms, worst.silence_ms, waits(figures.silence.1)),
            Check::WaitWithin { ms } => within(*ms, worst.wait_ms, waits(figures.wait.1)),
            Check::CallWithin { ms } => match figures.endless {
                Some(state) => (Verdict::Broken, self.space.way_to(state)),
                None => within(*ms, worst.call.ms, self.longest_way()),
            },
            Check::Languages(languages) => {
                let missing = languages.iter().any(|of| !Locale::ALL.contains(of));
                within(0, u32::from(missing), Vec::new())
            }
            Check::Works
            | Check::Ends
            | Check::AsksWithin { .. }
            | Check::OnlyIf(_)
            | Check::Once { .. } => match (broken, armed || matches!(rule.check, Check::Works)) {
                (Some((state, via)), _) => (Verdict::Broken, self.way_by(state, via)),
                (None, true) => (Verdict::Holds, Vec::new()),
                (None, false) => (Verdict::Vacuous, Vec::new()),
            },
        };
        if !self.space.whole && verdict.0 != Verdict::Broken {
            return (Verdict::Unknown, Vec::new());
        }
        verdict
    }

    fn way_by(&self, state: u32, via: Via) -> Way {
        let mut way = self.space.way_to(state);
        way.push(via);
        way
    }

    /// The way to a state, and then the first input of that kind.
    fn way_then(&self, state: u32, wanted: impl Fn(&Input) -> bool) -> Way {
        let mut way = self.space.way_to(state);
        let walk = Walk::along(&speechless(&self.bundle), began(), &way);
        way.extend(
            walk.choices()
                .find(wanted)
                .map(|input| Via { input, assumed: 0 }),
        );
        way
    }

    fn longest_way(&self) -> Way {
        let mut at = self.figures.call.1;
        let mut way = self.space.way_to(at);
        let edges = |state: u32| self.figures.next[0].get(index(state)).copied();
        while let Some(edge) = edges(at).filter(|edge| *edge != END) {
            let Some(edge) = self.space.edges.get(index(edge)) else {
                break;
            };
            way.push(edge.via);
            at = edge.to;
        }
        way
    }

    /// The bundle that was explored.
    pub fn bundle(&self) -> &Arc<Bundle> {
        &self.bundle
    }

    /// How many states a call can be in.
    pub fn states(&self) -> usize {
        self.space.nodes.len()
    }

    /// How many steps lead from one to another.
    pub fn steps(&self) -> usize {
        self.space.edges.len()
    }

    /// Whether all of them were seen.
    pub fn is_whole(&self) -> bool {
        self.space.whole
    }

    /// The worst cases.
    pub fn worst(&self) -> Worst {
        Worst {
            person: self.figures.person.0,
            unlucky: self.figures.unlucky.0,
            silence_ms: self.figures.silence.0,
            wait_ms: self.figures.wait.0,
            call: self.figures.call.0,
        }
    }

    /// Each rule and what became of it, in the order of the file.
    pub fn verdicts(&self) -> impl Iterator<Item = (&Rule, Verdict)> {
        let verdicts = self.verdicts.iter().map(|(verdict, _)| *verdict);
        self.bundle.rules.iter().zip(verdicts)
    }

    /// Whether every rule holds and means something.
    pub fn is_good(&self) -> bool {
        self.verdicts
            .iter()
            .all(|(verdict, _)| *verdict == Verdict::Holds)
    }

    /// The shortest call that breaks a rule, as a script; `None` if it is not broken, or not by
    /// anything that a script can do.
    pub fn example(&self, rule: &str) -> Option<Example> {
        let at = self.bundle.rules.iter().position(|of| of.name == rule)?;
        let (verdict, way) = self.verdicts.get(at)?;
        if *verdict != Verdict::Broken || way.is_empty() {
            return None;
        }
        let walk = Walk::along(&speechless(&self.bundle), began(), way);
        let title = format!("Breaks the rule `{rule}`: the shortest call that does.");
        example::example(&self.bundle, &walk, &title)
    }

    /// Every exit that some call can take.
    pub fn exits(&self) -> Vec<Target> {
        cover::all(&self.bundle.flow, &self.space)
    }

    /// Calls that take the exits that are missing, each with a name for its file; and the exits that
    /// no script could be written for.
    pub fn missing(&self, covered: &[Target]) -> (Vec<(String, Example)>, Vec<Target>) {
        cover::write(self, covered)
    }

    /// For the test of the abstraction itself.
    pub fn projection(&self) -> Projection {
        Projection::of(&self.bundle, began(), &self.space)
    }

    /// How often each step is in a state, for those who draw.
    pub fn visits(&self, step: StepId) -> usize {
        self.space
            .nodes
            .iter()
            .filter(|node| node.step == step.0)
            .count()
    }

    /// The outcomes of a step that some call takes.
    pub fn takes(&self, step: StepId, outcome: Outcome) -> bool {
        let exit = crate::dialog::trail::Exit::By(outcome);
        self.space.exits.contains_key(&(step, exit))
    }
}
