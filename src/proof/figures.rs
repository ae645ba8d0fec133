//! The worst cases of all calls: what the explored steps cost in time and prompts.

use crate::dialog::explore::Waits;
use crate::flow::Limits;
use crate::proof::explore::{END, Edge, Node, Space, index};
use crate::proof::input::Who;

/// A sum on the way, and the steps of that way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Milliseconds.
    pub ms: u32,
    /// Prompts.
    pub prompts: u32,
}

/// The worst cases. Each with the state or way that shows it.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// From the wish for a person to the hand-over, and the state where that is longest.
    pub(super) person: (Cost, u32),
    /// From the beginning to a person or a goodbye, for a caller who is never understood or silent.
    pub(super) unlucky: (Cost, u32),
    /// The longest silence, and its state.
    pub(super) silence: (u32, u32),
    /// The longest wait for a back end, fillers included, and its state.
    pub(super) wait: (u32, u32),
    /// The longest call, and the state that it begins in.
    pub(super) call: (Cost, u32),
    /// A state that a call can come back to without end.
    pub(super) endless: Option<u32>,
    /// A state from which no person can be reached.
    pub(super) no_person: Option<u32>,
    /// For each state, the edge that the longest call and the unlucky one take.
    pub(super) next: [Vec<u32>; 2],
}

/// For each state, what comes after it is known first.
fn backwards(space: &Space) -> Result<Vec<u32>, u32> {
    let count = space.nodes.len();
    let mut order = Vec::with_capacity(count);
    // 0 not seen, 1 on the way, 2 done
    let mut marks = vec![0u8; count];
    let mut way = Vec::new();
    for root in 0..u32::try_from(count).unwrap_or(END) {
        if marks[index(root)] != 0 {
            continue;
        }
        way.push((root, space.edges_of(index(root))));
        marks[index(root)] = 1;
        while let Some((at, edges)) = way.last_mut() {
            let Some((_, next)) = edges.next() else {
                marks[index(*at)] = 2;
                order.push(*at);
                way.pop();
                continue;
            };
            if next.to == END || next.who == Who::Fault {
                continue;
            }
            match marks[index(next.to)] {
                0 => {
                    marks[index(next.to)] = 1;
                    let to = next.to;
                    way.push((to, space.edges_of(index(to))));
                }
                1 => return Err(next.to),
                _ => {}
            }
        }
    }
    Ok(order)
}

/// How long a state lasts before that edge is taken, at worst.
fn lasts(node: &Node, edge: &Edge, limits: &Limits) -> u32 {
    match (node.waits, edge.who) {
        (Waits::Caller, Who::Caller) => limits.no_input_ms.saturating_add(limits.max_speech_ms),
        (Waits::Caller, Who::Unlucky) => limits.no_input_ms,
        (Waits::Finding(_) | Waits::Ticket | Waits::Operator, Who::World) => node.wait_ms,
        _ => 0,
    }
}

pub(super) fn of(space: &Space, limits: &Limits) -> Figures {
    let mut figures = Figures::default();
    for (node, at) in space.nodes.iter().zip(0u32..) {
        if matches!(node.waits, Waits::Finding(_) | Waits::Ticket) {
            figures.silence = figures.silence.max((node.silence_ms, END - at));
            figures.wait = figures.wait.max((node.wait_ms, END - at));
        }
    }
    figures.silence.1 = END - figures.silence.1;
    figures.wait.1 = END - figures.wait.1;
    let order = match backwards(space) {
        Ok(order) => order,
        Err(state) => {
            figures.endless = Some(state);
            return figures;
        }
    };
    let call = longest(space, limits, &order, |_, _| true);
    let goes_on = |node: &Node, edge: &Edge| {
        node.waits != Waits::Operator && matches!(edge.who, Who::Unlucky | Who::World)
    };
    let unlucky = longest(space, limits, &order, goes_on);
    let roots = || {
        (0u32..)
            .zip(&space.nodes)
            .take_while(|(_, node)| node.parent == END)
    };
    let worst = |costs: &[(Cost, u32)]| {
        let roots = roots().map(|(at, _)| (costs[index(at)].0, at));
        roots.max_by_key(|(cost, at)| (cost.ms, END - at))
    };
    figures.call = worst(&call).unwrap_or_default();
    figures.unlucky = worst(&unlucky).unwrap_or_default();
    figures.next = [call, unlucky].map(|costs| costs.iter().map(|(_, edge)| *edge).collect());
    person(space, &order, &mut figures);
    figures
}

/// The longest way from each state, and its first edge.
fn longest(
    space: &Space,
    limits: &Limits,
    order: &[u32],
    takes: impl Fn(&Node, &Edge) -> bool,
) -> Vec<(Cost, u32)> {
    let mut costs = vec![(Cost::default(), END); space.nodes.len()];
    for &at in order {
        let Some(node) = space.nodes.get(index(at)) else {
            continue;
        };
        let mut worst = (Cost::default(), END);
        for (number, edge) in space.edges_of(index(at)) {
            if edge.who == Who::Fault || !takes(node, edge) {
                continue;
            }
            let rest = costs
                .get(index(edge.to))
                .map(|(cost, _)| *cost)
                .unwrap_or_default();
            let ms = lasts(node, edge, limits).saturating_add(edge.plays_ms);
            let cost = Cost {
                ms: ms.saturating_add(rest.ms),
                prompts: u32::from(edge.prompts).saturating_add(rest.prompts),
            };
            if worst.1 == END || cost.ms > worst.0.ms {
                worst = (cost, number);
            }
        }
        costs[index(at)] = worst;
    }
    costs
}

/// From each state, the way of a caller who wants a person: he chooses, the world is against him.
fn person(space: &Space, order: &[u32], figures: &mut Figures) {
    let mut costs: Vec<Option<Cost>> = vec![None; space.nodes.len()];
    for &at in order {
        let Some(node) = space.nodes.get(index(at)) else {
            continue;
        };
        costs[index(at)] = match node.waits {
            Waits::Operator | Waits::Connected => Some(Cost::default()),
            Waits::Ending | Waits::Nothing => None,
            Waits::Answer | Waits::Caller | Waits::Finding(_) | Waits::Ticket => {
                best(space, node, at, &costs)
            }
        };
    }
    for (node, at) in space.nodes.iter().zip(0u32..) {
        if !matches!(
            node.waits,
            Waits::Caller | Waits::Finding(_) | Waits::Ticket
        ) {
            continue;
        }
        match costs[index(at)] {
            Some(cost) if cost.ms > figures.person.0.ms => figures.person = (cost, at),
            Some(_) => {}
            None => {
                figures.no_person.get_or_insert(at);
            }
        }
    }
}

fn best(space: &Space, node: &Node, at: u32, costs: &[Option<Cost>]) -> Option<Cost> {
    let edges: Vec<&Edge> = space.edges_of(index(at)).map(|(_, edge)| edge).collect();
    let mut best: Option<Cost> = None;
    let mut world: Option<Option<Cost>> = None;
    for same in edges.chunk_by(|a, b| a.via.input == b.via.input) {
        let Some(first) = same.first() else { continue };
        let lasts = if first.who == Who::World {
            node.wait_ms
        } else {
            0
        };
        let worst = worst_of(same.iter().copied(), lasts, costs);
        match first.who {
            Who::Caller => best = lesser(best, worst),
            Who::World if node.waits != Waits::Caller => {
                world = Some(match world {
                    None => worst,
                    Some(so_far) => so_far
                        .zip(worst)
                        .map(|(a, b)| if a.ms > b.ms { a } else { b }),
                });
            }
            Who::World | Who::Unlucky | Who::Fault => {}
        }
    }
    lesser(best, world.flatten())
}

fn lesser(a: Option<Cost>, b: Option<Cost>) -> Option<Cost> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.ms < a.ms { b } else { a }),
        (a, b) => a.or(b),
    }
}

/// The worst that the world can make of one input.
fn worst_of<'e>(
    edges: impl Iterator<Item = &'e Edge>,
    lasts: u32,
    costs: &[Option<Cost>],
) -> Option<Cost> {
    let mut worst: Option<Cost> = None;
    for edge in edges {
        let rest = costs.get(index(edge.to)).copied().flatten()?;
        let cost = Cost {
            ms: lasts.saturating_add(edge.plays_ms).saturating_add(rest.ms),
            prompts: u32::from(edge.prompts).saturating_add(rest.prompts),
        };
        if worst.is_none_or(|worst| cost.ms > worst.ms) {
            worst = Some(cost);
        }
    }
    worst
}
