//! A recorded call to be made again through a real service: its caller for a gateway's media side,
//! its back ends for the service, and what it came to, to compare.

use std::sync::{Arc, Mutex, PoisonError};

use crate::caller::Caller;
use crate::dialog::action::Action;
use crate::dialog::event::Event;
use crate::journal::Entry;
use crate::lookup::{Finding, Lookup, TicketOrder, TicketResult};
use crate::replay::caller::RecordedCaller;
use crate::replay::testimony::{Testimony, testimony};
use crate::replay::told::{Course, Facts, Item};
use crate::replay::unknown::Unknown;
use crate::replay::verdict::{Candidate, whole};
use crate::time::CallTime;

/// A recorded call, ready to be made again.
#[derive(Clone, Debug)]
pub struct Stage {
    facts: Arc<Facts>,
    testimony: Arc<Testimony>,
    unknown: Arc<Mutex<Option<Unknown>>>,
}

impl Stage {
    /// Of a whole call, segments joined.
    ///
    /// # Errors
    /// It cannot be told from begin to end, and so not be made again.
    pub fn new(candidate: &Candidate, entries: &[Entry]) -> Result<Self, Unknown> {
        whole(entries)?;
        let facts = candidate.facts();
        Ok(Self {
            testimony: Arc::new(testimony(&facts, entries)),
            facts,
            unknown: Arc::default(),
        })
    }

    /// Its caller. Where the recording has no answer he hangs up, and [`Self::unknown`] tells why.
    pub fn caller(&self) -> Box<dyn Caller> {
        let (facts, testimony) = (Arc::clone(&self.facts), Arc::clone(&self.testimony));
        Box::new(Staged {
            caller: RecordedCaller::new(facts, testimony),
            unknown: Arc::clone(&self.unknown),
        })
    }

    /// What had no answer, if anything was met that has none.
    pub fn unknown(&self) -> Option<Unknown> {
        let unknown = self.unknown.lock();
        unknown.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What a look-up found, and after how long; `None`: it was never asked, or never answered.
    pub fn look_up(&self, lookup: &Lookup) -> Option<(u32, Finding)> {
        let mut asked = self.testimony.look_ups.iter();
        asked
            .find(|asked| asked.question == *lookup)?
            .answer
            .clone()
    }

    /// Every look-up that was answered.
    pub fn findings(&self) -> impl Iterator<Item = (&Lookup, u32, &Finding)> {
        let asked = self.testimony.look_ups.iter();
        asked.filter_map(|asked| {
            let (ms, finding) = asked.answer.as_ref()?;
            Some((&asked.question, *ms, finding))
        })
    }

    /// How a ticket for that login ended, and after how long; `None`: none was ordered, or none was
    /// ever answered.
    pub fn ticket(&self, order: &TicketOrder) -> Option<(u32, TicketResult)> {
        let mut asked = self.testimony.tickets.iter();
        let asked = asked.find(|asked| asked.question.login == order.login)?;
        asked.answer.clone()
    }

    /// How the recorded ticket ended, and after how long.
    pub fn recorded_ticket(&self) -> Option<(u32, &TicketResult)> {
        let asked = self.testimony.tickets.first()?;
        asked.answer.as_ref().map(|(ms, result)| (*ms, result))
    }

    /// What the recorded call did, as far as a gateway can see.
    pub fn recorded(&self) -> Vec<Item> {
        seen(&self.testimony.course)
    }

    /// What a call did, as far as a gateway can see.
    pub fn made(&self, entries: &[Entry]) -> Vec<Item> {
        let mut course = Course::default();
        for entry in entries {
            if let Entry::Action { action, .. } = entry {
                course.take(&self.facts, action);
            }
        }
        seen(&course)
    }
}

/// Tickets are ordered behind the gateway's back.
fn seen(course: &Course) -> Vec<Item> {
    let items = course.items.iter();
    items
        .filter(|item| **item != Item::Ticket)
        .cloned()
        .collect()
}

/// The caller at a real gateway's media side.
#[derive(Debug)]
struct Staged {
    caller: RecordedCaller,
    unknown: Arc<Mutex<Option<Unknown>>>,
}

impl Staged {
    fn give_up(&mut self) {
        if let Some(unknown) = self.caller.unknown() {
            let mut known = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
            if known.is_none() {
                *known = Some(unknown);
                self.caller.media.hang_up();
            }
        }
    }
}

impl Caller for Staged {
    fn apply(&mut self, at: CallTime, action: &Action) {
        self.caller.apply(at, action);
        self.give_up();
    }

    fn next(&self) -> Option<CallTime> {
        self.caller.next()
    }

    fn advance(&mut self, at: CallTime) -> Vec<Event> {
        let events = self.caller.advance(at);
        self.give_up();
        events
    }

    fn has_ended(&self) -> bool {
        self.caller.media.has_ended()
    }
}
