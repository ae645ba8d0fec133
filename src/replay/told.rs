//! What a call told its caller and asked of him, in order: the same fold over a recorded call and
//! over the one that a candidate would have held. Wording and times play no part.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::bundle::Bundle;
use crate::call::{Disposition, Question, Queue, TransferReason};
use crate::dialog::action::Action;
use crate::flow::{Body, Flow, Said, StepId};
use crate::prompt::spoken::Series;

/// The name of a prompt that tells something.
pub type Fact = Arc<str>;

/// Which prompts tell something: those of `say` steps, and what a question says before it asks. Not
/// what opens a call before anything is known of it, nor fillers, questions, reprompts, and what
/// is said before a transfer or the end: those endings speak for themselves.
#[derive(Debug, Default)]
pub struct Facts {
    /// Every prompt of the bundles, and whether it tells something in one of them.
    prompts: HashMap<Arc<str>, bool>,
}

impl Facts {
    /// Of the candidate, and of the bundle that was recorded where it is at hand. A prompt that none
    /// of them has counts as telling.
    pub fn of<'a>(bundles: impl IntoIterator<Item = &'a Bundle>) -> Self {
        let mut prompts = HashMap::new();
        for bundle in bundles {
            for name in bundle.catalog.names() {
                prompts.entry(Arc::clone(name)).or_insert(false);
            }
            for said in telling(&bundle.flow) {
                let ids = match said {
                    Said::Prompt(id) => vec![*id],
                    Said::ByTopic(ids) => ids.values().copied().collect(),
                };
                for id in ids {
                    prompts.insert(Arc::clone(bundle.catalog.name(id)), true);
                }
            }
        }
        Self { prompts }
    }

    /// The fact that a clip is part of.
    fn fact(&self, clip: &str) -> Option<Fact> {
        let name = clip.split('-').next().unwrap_or(clip);
        if name.is_empty() {
            return None;
        }
        match self.prompts.get_key_value(name) {
            Some((fact, true)) => Some(Arc::clone(fact)),
            Some((_, false)) => None,
            None if name.parse::<Series>().is_ok() => None,
            None => Some(name.into()),
        }
    }
}

fn telling(flow: &Flow) -> impl Iterator<Item = &Said> {
    let opening = opening(flow);
    flow.steps().flat_map(move |(id, step)| {
        let told = match &step.body {
            Body::Say if opening.contains(&id) => 0,
            Body::Say | Body::LookUp(_) | Body::When(_) | Body::CreateTicket => step.say.len(),
            // Last comes the question.
            Body::Ask(_) => step.say.len().saturating_sub(1),
            Body::Transfer { .. } | Body::HangUp(_) => 0,
        };
        step.say.iter().take(told)
    })
}

/// The steps that a call passes before anything is looked up or asked.
fn opening(flow: &Flow) -> BTreeSet<StepId> {
    let mut opening = BTreeSet::new();
    let mut next = vec![flow.start];
    while let Some(id) = next.pop() {
        let step = flow.step(id);
        if matches!(step.body, Body::Say | Body::When(_)) && opening.insert(id) {
            next.extend(step.on.values());
        }
    }
    opening
}

/// One asking of a question: the same on both sides is the same stimulus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asking {
    /// Which question.
    pub question: Question,
    /// Its visit, from 1: askings in a row are one visit.
    pub visit: u16,
    /// The asking within the visit, from 1.
    pub asking: u16,
}

impl fmt::Display for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            question,
            visit,
            asking,
        } = self;
        write!(f, "{question}")?;
        if *visit > 1 {
            write!(f, ", visit {visit}")?;
        }
        if *asking > 1 {
            write!(f, ", asked {asking} times")?;
        }
        Ok(())
    }
}

/// What a call did, as far as it makes a difference to its caller.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// It told that.
    Told(Fact),
    /// It asked that.
    Asked(Question),
    /// It ordered a ticket.
    Ticket,
    /// It handed the caller over.
    Transfer(Queue, TransferReason),
    /// It ended.
    HungUp(Disposition),
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told(fact) => write!(f, "tells {fact}"),
            Self::Asked(question) => write!(f, "asks {question}"),
            Self::Ticket => f.write_str("orders a ticket"),
            Self::Transfer(queue, reason) => write!(f, "transfers to {queue}: {reason}"),
            Self::HungUp(disposition) => write!(f, "hangs up: {disposition}"),
        }
    }
}

/// The course of a call, action by action.
#[derive(Clone, Debug, Default)]
pub(super) struct Course {
    /// What it did, in order.
    pub(super) items: Vec<Item>,
    /// What was told since the last answer, in order.
    pub(super) told: Vec<Fact>,
    /// The last asking.
    pub(super) asked: Option<Asking>,
    visits: BTreeMap<Question, u16>,
    transfers: BTreeMap<Queue, u16>,
}

impl Course {
    /// Takes what the call does next.
    pub(super) fn take(&mut self, facts: &Facts, action: &Action) {
        match action {
            Action::Play(play) => {
                let mut last = None;
                for segment in &play.segments {
                    let fact = facts.fact(&segment.prompt);
                    // A prompt with slots is several clips, with those of numbers between them.
                    if let Some(fact) = fact.filter(|fact| last.as_ref() != Some(fact)) {
                        self.told.push(Arc::clone(&fact));
                        self.items.push(Item::Told(Arc::clone(&fact)));
                        last = Some(fact);
                    }
                }
            }
            Action::Listen(listen) => {
                let question = listen.question;
                let again = self.asked.filter(|asked| asked.question == question);
                let visits = self.visits.entry(question).or_insert(0);
                if again.is_none() {
                    *visits += 1;
                    self.items.push(Item::Asked(question));
                }
                self.asked = Some(Asking {
                    question,
                    visit: *visits,
                    asking: again.map_or(1, |asked| asked.asking.saturating_add(1)),
                });
            }
            Action::Transfer(transfer) => {
                *self.transfers.entry(transfer.queue).or_insert(0) += 1;
                self.items
                    .push(Item::Transfer(transfer.queue, transfer.reason));
            }
            Action::HangUp { disposition, .. } => self.items.push(Item::HungUp(*disposition)),
            Action::CreateTicket(..) => {
                if !self.items.contains(&Item::Ticket) {
                    self.items.push(Item::Ticket);
                }
            }
            Action::Answer
            | Action::Reject { .. }
            | Action::StopPlayback
            | Action::StopListening
            | Action::LookUp(_) => {}
        }
    }

    /// The last question was answered, or fell silent.
    pub(super) fn answered(&mut self) {
        self.told.clear();
    }

    /// How many transfers to a queue there were.
    pub(super) fn transfers(&self, queue: Queue) -> u16 {
        self.transfers.get(&queue).copied().unwrap_or(0)
    }

    /// Everything that was told.
    pub(super) fn facts(&self) -> BTreeSet<Fact> {
        let told = self.items.iter().filter_map(|item| match item {
            Item::Told(fact) => Some(Arc::clone(fact)),
            Item::Asked(_) | Item::Ticket | Item::Transfer(..) | Item::HungUp(_) => None,
        });
        told.collect()
    }
}
