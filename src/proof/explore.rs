//! Walks every state that a call can be in, breadth first, so that the first way found to a state
//! is a shortest one. The same on every run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::bundle::Bundle;
use crate::call::{CallId, Locale, PhoneNumber};
use crate::dialog::Dialog;
use crate::dialog::action::{Action, Turn};
use crate::dialog::event::{Capabilities, Event, Offer, PlaybackCause};
use crate::dialog::explore::{EITHER_WAY, Horizon, MISSES_BITS, STEP_BITS, Waits};
use crate::dialog::trail::{Exit, Passed};
use crate::flow::{Body, Outcome, StepId};
use crate::lookup::LookupKind;
use crate::proof::horizon;
use crate::proof::input::{Choices, GROUP, Input, Inputs, Who};
use crate::proof::table::Table;
use crate::proof::watch::{Event as Seen, Watch};
use crate::time::WallTime;

/// Most states. A flow of a support line has some tens of thousands; beyond this it is no longer
/// checked in the time that a person waits.
pub const MAX_STATES: usize = 1_000_000;

/// The end of a call.
pub(super) const END: u32 = u32::MAX;
/// Wake-ups in one wait: a wait of more does not end.
const MAX_WAKES: usize = 200;

/// A state, and how it was first reached.
#[derive(Debug)]
pub(super) struct Node {
    /// Until it is expanded.
    dialog: Option<Box<Dialog>>,
    pub(super) waits: Waits,
    pub(super) step: u16,
    pub(super) position: u128,
    said: u32,
    pub(super) parent: u32,
    pub(super) via: Via,
    /// How long the wait of this state lasts when nobody answers, and its longest silence.
    pub(super) wait_ms: u32,
    pub(super) silence_ms: u32,
    /// Its edges: its own, and those that it shares.
    pub(super) edges: [(u32, u32); 3],
}

/// Which of a state's inputs, and which facts were assumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Via {
    pub(super) input: u16,
    pub(super) assumed: u8,
}

/// One step from a state to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) to: u32,
    /// What is said then, until the next thing can happen.
    pub(super) plays_ms: u32,
    pub(super) via: Via,
    pub(super) prompts: u8,
    pub(super) who: Who,
}

/// All states of a flow.
#[derive(Debug)]
pub(super) struct Space {
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
    /// The walk was given up at [`MAX_STATES`].
    pub(super) whole: bool,
    /// Where each exit of each step was first taken.
    pub(super) exits: BTreeMap<(StepId, Exit), (u32, Via)>,
    /// Where each finding that came late was first told.
    pub(super) late: BTreeMap<(LookupKind, Outcome), (u32, Via)>,
}

/// A call as it begins in every exploration.
pub(super) fn offer(began: WallTime) -> Offer {
    Offer {
        call: CallId::new("proof").unwrap_or_else(|| unreachable!("a valid id")),
        call_key: "".into(),
        from: PhoneNumber::parse("+77770000101"),
        to: String::new(),
        locale: None,
        capabilities: Capabilities {
            recognizer: true,
            transfer: true,
        },
        began,
    }
}

/// What one input led to.
pub(super) struct Ran {
    pub(super) dialog: Dialog,
    pub(super) trail: Vec<Passed>,
    pub(super) plays_ms: u32,
    pub(super) prompts: u8,
    pub(super) ordered: bool,
    /// For a wait: how long until it was left, and its longest silence.
    pub(super) waited_ms: u32,
    pub(super) silence_ms: u32,
}

/// Steps a settled call by one input.
pub(super) fn run(dialog: &Dialog, input: &Input, assumed: u8) -> Ran {
    let mut dialog = dialog.clone();
    for (bit, fact) in EITHER_WAY.into_iter().enumerate() {
        if assumed & (1 << bit) != 0 {
            dialog.assume(fact, true);
        }
    }
    if *input == Input::Waits {
        return wait(dialog);
    }
    let turn = input.apply(&mut dialog);
    let (at, quiet) = dialog.times();
    Ran {
        trail: dialog.trail().to_vec(),
        plays_ms: quiet.since(at),
        prompts: prompts(&turn),
        ordered: orders(&turn),
        waited_ms: 0,
        silence_ms: 0,
        dialog,
    }
}

/// Lets time pass until the call waits for something else.
fn wait(mut dialog: Dialog) -> Ran {
    let waits = dialog.waits();
    let mut ran = Ran {
        trail: Vec::new(),
        plays_ms: 0,
        prompts: 0,
        ordered: false,
        waited_ms: 0,
        silence_ms: 0,
        dialog: dialog.clone(),
    };
    let (began, mut quiet) = dialog.times();
    let mut wake_at = dialog.wake_at();
    for _ in 0..MAX_WAKES {
        let turn = match (dialog.plays(), wake_at) {
            (Some((playback, lasts)), _) => {
                let ends = dialog.times().0.plus(lasts);
                let event = Event::PlaybackFinished {
                    playback,
                    cause: PlaybackCause::Completed,
                    played_ms: 0,
                };
                quiet = ends;
                dialog.handle(ends, event)
            }
            (None, Some(at)) => dialog.handle(at, Event::Woke),
            (None, None) => break,
        };
        wake_at = turn.wake_at;
        ran.trail.extend_from_slice(dialog.trail());
        ran.prompts = ran.prompts.saturating_add(prompts(&turn));
        ran.ordered |= orders(&turn);
        let (at, ends) = dialog.times();
        let left = dialog.waits() != waits;
        if left || dialog.plays().is_some() {
            ran.silence_ms = ran.silence_ms.max(at.since(quiet));
        }
        if left {
            ran.waited_ms = at.since(began);
            ran.plays_ms = ends.since(at);
            break;
        }
    }
    ran.dialog = dialog;
    ran
}

/// What a turn says, each language counted apart.
fn prompts(turn: &Turn) -> u8 {
    let plays = turn
        .actions
        .iter()
        .filter(|action| matches!(action, Action::Play(_)));
    u8::try_from(plays.count()).unwrap_or(u8::MAX)
}

fn orders(turn: &Turn) -> bool {
    (turn.actions.iter()).any(|action| matches!(action, Action::CreateTicket(..)))
}

/// Explores; every step of every call is shown to the watch.
pub(super) fn explore(bundle: &Arc<Bundle>, began: WallTime, watch: &mut Watch<'_>) -> Space {
    let mut explorer = Explorer {
        inputs: Inputs::of(&bundle.flow, &bundle.rules, began),
        horizon: horizon::of(&bundle.flow, &bundle.catalog),
        known: Table::default(),
        shared: [
            (Table::default(), Vec::new()),
            (Table::default(), Vec::new()),
        ],
        fresh: BTreeSet::new(),
        space: Space {
            nodes: Vec::new(),
            edges: Vec::new(),
            whole: true,
            exits: BTreeMap::new(),
            late: BTreeMap::new(),
        },
        watch,
    };
    let (mut dialog, _) = Dialog::answer(Arc::clone(bundle), offer(began));
    dialog.settle(&explorer.horizon);
    for locale in HINTS {
        dialog.hint(locale);
        explorer.reach(dialog.clone(), 0, END, Via::default());
    }
    let mut at = 0;
    let mut choices = Choices::default();
    while at < explorer.space.nodes.len() {
        if explorer.space.nodes.len() > MAX_STATES {
            explorer.space.whole = false;
            break;
        }
        explorer.expand(at, &mut choices);
        at += 1;
    }
    explorer.space
}

/// The language hints that calls begin with: none, and one of them for all.
pub(super) const HINTS: [Option<Locale>; 2] = [None, Some(Locale::Ru)];

struct Explorer<'w, 'f> {
    inputs: Inputs,
    horizon: Horizon,
    known: Table,
    /// Edges that states share: by all of a position but its misses, and but its step.
    shared: [(Table, Vec<(u32, u32)>); 2],
    /// Steps whose shared edges were once followed from them.
    fresh: BTreeSet<(u16, usize)>,
    space: Space,
    watch: &'w mut Watch<'f>,
}

impl Explorer<'_, '_> {
    /// The state of a settled call; a new one is remembered.
    fn reach(&mut self, dialog: Dialog, said: u32, parent: u32, via: Via) -> u32 {
        let waits = dialog.waits();
        if waits == Waits::Nothing {
            return END;
        }
        let position = dialog.position(&self.horizon, &[]);
        let (id, new) = self.known.number(position, said);
        if new {
            self.space.nodes.push(Node {
                waits,
                step: dialog.step_id().0,
                dialog: Some(Box::new(dialog)),
                position,
                said,
                parent,
                via,
                wait_ms: 0,
                silence_ms: 0,
                edges: [(0, 0); 3],
            });
        }
        id
    }

    fn expand(&mut self, at: usize, choices: &mut Choices) {
        let Some(node) = self.space.nodes.get_mut(at) else {
            return;
        };
        let (said, waits, position) = (node.said, node.waits, node.position);
        let node_step = node.step;
        let Some(dialog) = node.dialog.take() else {
            return;
        };
        self.inputs.at(&dialog, choices);
        let mut edges = [self.all(at, &dialog, said, (&choices.own, 0)); 3];
        let groups = [
            (&choices.answers, MISSES_BITS),
            (&choices.subjects, MISSES_BITS + STEP_BITS),
        ];
        for (group, (inputs, cut)) in groups.into_iter().enumerate() {
            edges[group + 1] = (0, 0);
            if waits != Waits::Caller {
                continue;
            }
            let (id, new) = self.shared[group].0.number(position >> cut, said);
            let base = GROUP * (u16::try_from(group).unwrap_or(0) + 1);
            if !new && self.fresh.insert((node_step, group)) {
                for (input, number) in inputs.iter().zip(base..) {
                    let ran = run(&dialog, input, 0);
                    self.exits(
                        &ran.trail,
                        at,
                        Via {
                            input: number,
                            assumed: 0,
                        },
                    );
                }
            }
            if new {
                self.fresh.insert((node_step, group));
                let range = self.all(at, &dialog, said, (inputs, base));
                self.shared[group].1.push(range);
            }
            edges[group + 1] = self.shared[group].1[index(id)];
        }
        let limits = &dialog.bundle().flow.limits;
        if let Some(node) = self.space.nodes.get_mut(at) {
            node.edges = edges;
            if waits == Waits::Caller {
                node.wait_ms = limits.no_input_ms;
            } else if waits == Waits::Operator {
                node.wait_ms = limits.ring_timeout_ms;
            }
        }
    }

    fn exits(&mut self, trail: &[Passed], at: usize, via: Via) {
        let at = (u32::try_from(at).unwrap_or(END), via);
        for passed in trail {
            match passed {
                Passed::Left(step, exit) => {
                    self.space.exits.entry((*step, *exit)).or_insert(at);
                }
                Passed::Late(kind, class) => {
                    self.space.late.entry((*kind, *class)).or_insert(at);
                }
                Passed::Entered(_) | Passed::Broke(_) => {}
            }
        }
    }

    /// Follows these inputs; gives the range of their edges.
    fn all(
        &mut self,
        at: usize,
        dialog: &Dialog,
        said: u32,
        inputs: (&[Input], u16),
    ) -> (u32, u32) {
        let count = |edges: &Vec<Edge>| u32::try_from(edges.len()).unwrap_or(END);
        let first = count(&self.space.edges);
        for (input, number) in inputs.0.iter().zip(inputs.1..) {
            self.follow(at, dialog, said, (input, number));
        }
        (first, count(&self.space.edges))
    }

    /// Every way that one input can go: with each fact that is asked on the way either way.
    fn follow(&mut self, at: usize, dialog: &Dialog, said: u32, input: (&Input, u16)) {
        let (input, number) = input;
        let mut tried = 0u64;
        let mut open = vec![0u8];
        while let Some(assumed) = open.pop() {
            if tried & (1 << assumed) != 0 {
                continue;
            }
            tried |= 1 << assumed;
            let ran = run(dialog, input, assumed);
            let via = Via {
                input: number,
                assumed,
            };
            let flow = &dialog.bundle().flow;
            for (bit, fact) in EITHER_WAY.into_iter().enumerate() {
                let asks = |passed: &Passed| match passed {
                    Passed::Entered(id) => {
                        matches!(flow.step(*id).body, Body::When(of) if of == fact)
                    }
                    Passed::Left(..) | Passed::Late(..) | Passed::Broke(_) => false,
                };
                let held = self.horizon.held.contains(&fact) || input.decides(fact);
                if assumed & (1 << bit) == 0 && !held && ran.trail.iter().any(asks) {
                    open.push(assumed | (1 << bit));
                }
            }
            let parent = u32::try_from(at).unwrap_or(END);
            let seen = Seen {
                before: dialog,
                after: &ran.dialog,
                trail: &ran.trail,
                input,
                ordered: ran.ordered,
                at: (parent, via),
            };
            let now = self.watch.see(said, &seen);
            self.exits(&ran.trail, at, via);
            if *input == Input::Waits
                && let Some(node) = self.space.nodes.get_mut(at)
            {
                node.wait_ms = node.wait_ms.max(ran.waited_ms);
                node.silence_ms = node.silence_ms.max(ran.silence_ms);
            }
            let mut next = ran.dialog;
            next.settle(&self.horizon);
            let to = self.reach(next, now, parent, via);
            self.space.edges.push(Edge {
                to,
                plays_ms: ran.plays_ms,
                via,
                prompts: ran.prompts,
                who: input.who(),
            });
        }
    }
}

impl Space {
    /// The shortest way to a state: the inputs from the beginning.
    pub(super) fn way_to(&self, state: u32) -> Vec<Via> {
        let mut way = Vec::new();
        let mut at = state;
        while let Some(node) = self.nodes.get(index(at)) {
            if node.parent == END {
                way.push(Via {
                    input: u16::try_from(at).unwrap_or(0),
                    assumed: 0,
                });
                break;
            }
            way.push(node.via);
            at = node.parent;
        }
        way.reverse();
        way
    }

    /// The edges of a state, with their numbers.
    pub(super) fn edges_of(&self, state: usize) -> impl Iterator<Item = (u32, &Edge)> {
        let ranges = self.nodes.get(state).map_or([(0, 0); 3], |node| node.edges);
        ranges.into_iter().flat_map(|(first, last)| {
            let edges = self.edges.get(index(first)..index(last));
            (first..last).zip(edges.unwrap_or(&[]))
        })
    }
}

pub(super) fn index(id: u32) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}
