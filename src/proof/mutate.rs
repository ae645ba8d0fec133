//! Small mistakes, made on purpose: a flow that is changed in one place, with the change in words.
//! What neither the scripts nor the rules notice is what they do not look after.

use crate::call::{BargeIn, Disposition, OtherReason, Queue, TransferReason};
use crate::flow::{Body, Flow, Limits, Outcome, Step, StepId};

/// A flow with one mistake.
#[derive(Debug)]
pub struct Mutant {
    /// The mistake, as the first half of a sentence: "if …".
    pub what: String,
    /// The flow that has it.
    pub flow: Flow,
}

/// Every mistake that is tried, in the order of the file.
pub fn mutants(flow: &Flow) -> Vec<Mutant> {
    let mut all = Vec::new();
    for (id, step) in flow.steps() {
        swaps(flow, id, step, &mut all);
        skips(flow, id, step, &mut all);
        words(flow, id, step, &mut all);
        ends(flow, id, step, &mut all);
    }
    topics(flow, &mut all);
    limits(flow, &mut all);
    all
}

fn add(all: &mut Vec<Mutant>, flow: &Flow, what: String, change: impl FnOnce(&mut Flow)) {
    let flow = flow.with(change);
    all.push(Mutant { what, flow });
}

/// Two outcomes lead where the other should.
fn swaps(flow: &Flow, id: StepId, step: &Step, all: &mut Vec<Mutant>) {
    let on: Vec<(Outcome, StepId)> = step.on.iter().map(|(of, to)| (*of, *to)).collect();
    for pair in on.windows(2) {
        let [(a, to_a), (b, to_b)] = pair else {
            continue;
        };
        if to_a == to_b {
            continue;
        }
        let what = format!("`{}` took {a} for {b} and {b} for {a}", step.name);
        add(all, flow, what, |flow| {
            let on = &mut flow.step_mut(id).on;
            on.insert(*a, *to_b);
            on.insert(*b, *to_a);
        });
    }
}

/// A step is left out: what led to it leads to what follows it.
fn skips(flow: &Flow, id: StepId, step: &Step, all: &mut Vec<Mutant>) {
    let outcome = match &step.body {
        Body::Ask(_) => [Outcome::Yes, Outcome::Chosen, Outcome::Confirm]
            .into_iter()
            .find(|outcome| step.on.contains_key(outcome)),
        Body::Say => Some(Outcome::Next),
        Body::LookUp(_) | Body::When(_) => step.on.keys().next().copied(),
        Body::CreateTicket | Body::Transfer { .. } | Body::HangUp(_) => None,
    };
    let Some((outcome, to)) = outcome.and_then(|of| Some((of, *step.on.get(&of)?))) else {
        return;
    };
    let name = &step.name;
    let what = if outcome == Outcome::Next {
        format!("`{name}` were not said")
    } else {
        format!("`{name}` were skipped, as if the answer were {outcome}")
    };
    add(all, flow, what, |flow| {
        let ids: Vec<StepId> = flow.steps().map(|(id, _)| id).collect();
        let lead = |target: &mut StepId| {
            if *target == id {
                *target = to;
            }
        };
        for step in ids {
            flow.step_mut(step).on.values_mut().for_each(lead);
        }
        flow.topics.values_mut().for_each(lead);
        flow.late.values_mut().for_each(lead);
        lead(&mut flow.start);
    });
}

/// A prompt is left out, a reprompt is the other one, what must be heard can be cut.
fn words(flow: &Flow, id: StepId, step: &Step, all: &mut Vec<Mutant>) {
    let name = &step.name;
    if step.say.len() > 1 || !matches!(step.body, Body::Say | Body::Ask(_)) {
        for at in 0..step.say.len() {
            let what = format!("`{name}` left out its prompt {}", at + 1);
            add(all, flow, what, |flow| {
                flow.step_mut(id).say.remove(at);
            });
        }
    }
    if let Body::Ask(ask) = &step.body {
        for (silent, reprompts) in [(true, ask.no_input), (false, ask.no_match)] {
            if reprompts[0] != reprompts[1] {
                misses(flow, id, silent, all);
            }
        }
    }
    if step.barge_in == BargeIn::None {
        add(
            all,
            flow,
            format!("`{name}` could be spoken over"),
            |flow| {
                flow.step_mut(id).barge_in = BargeIn::Any;
            },
        );
    }
    if step.barge_in_after_ms > 0 {
        let what = format!("`{name}` could be answered before it was heard");
        add(all, flow, what, |flow| {
            flow.step_mut(id).barge_in_after_ms = 0;
        });
    }
}

/// A reprompt is the other one.
fn misses(flow: &Flow, id: StepId, silent: bool, all: &mut Vec<Mutant>) {
    let name = &flow.step(id).name;
    let of = if silent {
        "a silence"
    } else {
        "something not understood"
    };
    for (miss, word) in [(0, "first"), (1, "second")] {
        let what = format!("`{name}` asked after the {word} miss, {of}, as after the other");
        add(all, flow, what, |flow| {
            if let Body::Ask(ask) = &mut flow.step_mut(id).body {
                let of = if silent {
                    &mut ask.no_input
                } else {
                    &mut ask.no_match
                };
                of[miss] = of[1 - miss];
            }
        });
    }
}

/// How the call is booked, to whom it goes and why.
fn ends(flow: &Flow, id: StepId, step: &Step, all: &mut Vec<Mutant>) {
    let name = &step.name;
    if let Some(outcome) = step.outcome {
        let what = format!("`{name}` did not count as {outcome}");
        add(all, flow, what, |flow| flow.step_mut(id).outcome = None);
    }
    match step.body {
        Body::Transfer { queue, .. } => {
            let other = match queue {
                Queue::Operator => Queue::Universal,
                Queue::Universal => Queue::Operator,
            };
            add(
                all,
                flow,
                format!("`{name}` went to the queue {other}"),
                |flow| {
                    if let Body::Transfer { queue, .. } = &mut flow.step_mut(id).body {
                        *queue = other;
                    }
                },
            );
            let wrong = Some(TransferReason::Other(OtherReason::TicketCancelRequest));
            add(all, flow, format!("`{name}` gave another reason"), |flow| {
                if let Body::Transfer { reason, .. } = &mut flow.step_mut(id).body {
                    *reason = wrong;
                }
            });
        }
        Body::HangUp(_) => {
            add(
                all,
                flow,
                format!("`{name}` booked the call as failed"),
                |flow| {
                    flow.step_mut(id).body = Body::HangUp(Some(Disposition::Failed));
                },
            );
        }
        Body::Say | Body::Ask(_) | Body::LookUp(_) | Body::CreateTicket | Body::When(_) => {}
    }
}

/// Subjects that lead elsewhere, late findings that are not told.
fn topics(flow: &Flow, all: &mut Vec<Mutant>) {
    let topics: Vec<_> = flow
        .topics
        .iter()
        .map(|(topic, to)| (*topic, *to))
        .collect();
    for (at, (topic, to)) in topics.iter().enumerate() {
        let next = topics.iter().cycle().skip(at + 1).take(topics.len());
        let Some((of, other)) = next.clone().find(|(_, other)| other != to) else {
            continue;
        };
        let what = format!("the subject {topic} led where {of} leads");
        add(all, flow, what, |flow| {
            flow.topics.insert(*topic, *other);
        });
    }
    for key in flow.late.keys().copied() {
        let what = format!("{} {} were not told when it comes late", key.0, key.1);
        add(all, flow, what, |flow| {
            flow.late.remove(&key);
        });
    }
}

/// A change of the limits.
type Change = fn(&mut Limits);

const LIMITS: [(&str, Change); 11] = [
    ("the patience of a call were twice as long", |l| {
        l.patience = l.patience.saturating_mul(2);
    }),
    ("the patience of a call were half as long", |l| {
        l.patience /= 2;
    }),
    ("silence counted after twice the time", |l| {
        l.no_input_ms *= 2;
    }),
    ("two keys could be twice as far apart", |l| {
        l.inter_digit_ms *= 2;
    }),
    ("a caller could speak half as long", |l| {
        l.max_speech_ms /= 2;
    }),
    ("a silence were broken after twice the time", |l| {
        l.filler_after_ms *= 2;
    }),
    ("a look-up were waited for twice as long", |l| {
        l.look_up_wait_ms *= 2;
    }),
    ("the ticket were waited for twice as long", |l| {
        l.ticket_wait_ms *= 2;
    }),
    ("a transfer could ring twice as long", |l| {
        l.ring_timeout_ms *= 2;
    }),
    ("less sure answers counted", |l| l.accept_permille /= 2),
    ("hardly heard answers were asked about", |l| {
        l.reject_permille /= 4;
    }),
];

fn limits(flow: &Flow, all: &mut Vec<Mutant>) {
    for (what, change) in LIMITS {
        add(all, flow, what.to_owned(), |flow| change(&mut flow.limits));
    }
}
