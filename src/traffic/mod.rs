//! Traffic that could have been: calls by the hundred thousand, for tests, demonstrations and
//! benchmarks. Each is made by the dialog that serves live calls, with a simulated caller, on
//! virtual time; who calls, when, why and what answers is drawn from a seed. A call depends on the
//! seed and its number alone: any thread may make any of them, and they come in the order of time.
//!
//! No number is a real one (there is no area code 000), and callers say what stands in the examples
//! of the grammars.

mod calendar;
mod people;
mod words;
mod world;

use std::sync::Arc;

use jiff::civil::Date;

use crate::bundle::Bundle;
use crate::call::CallId;
use crate::chance::Chance;
use crate::dialog::event::{Capabilities, Event, Offer};
use crate::journal::Entry;
use crate::script::run::played;
use calendar::Calendar;
pub use words::{NoWords, Words};

/// Calls that break off in the middle, as when a machine dies, out of ten thousand.
const TORN: u64 = 3;

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The same seed gives the same calls.
    pub seed: u64,
    /// How many.
    pub calls: u64,
    /// The first day.
    pub from: Date,
    /// How many days.
    pub days: u16,
}

/// The calls of a stretch of time.
#[derive(Debug)]
pub struct Traffic {
    bundle: Arc<Bundle>,
    words: Words,
    wanted: Wanted,
    calendar: Calendar,
}

impl Traffic {
    /// Traffic as it is wanted, for that bundle.
    pub fn new(bundle: Arc<Bundle>, words: Words, wanted: Wanted) -> Self {
        let calendar = Calendar::new(wanted);
        Self {
            bundle,
            words,
            wanted,
            calendar,
        }
    }

    /// Makes the call of that number, from 0. Calls of higher numbers begin later.
    pub fn call(&self, number: u64) -> Vec<Entry> {
        let mut chance = Chance::new(self.wanted.seed, &[1, number]);
        let moment = self.calendar.moment(number, &mut chance);
        let caller = people::caller(self.wanted, number);
        let world = world::World::draw(&caller, &moment, self.wanted.seed, &mut chance);
        let turns = people::turns(&world, &self.words, &mut chance);
        let offer = self.offer(number, &world);
        let run = played(&self.bundle, offer, &world.situation, turns);
        let mut entries = run.entries;
        if chance.below(10_000) < TORN {
            let len = u64::try_from(entries.len()).unwrap_or(0);
            let kept = 1 + usize::try_from(chance.below(len)).unwrap_or(0);
            entries.truncate(kept);
        }
        number_events(&mut entries);
        entries
    }

    fn offer(&self, number: u64, world: &world::World) -> Offer {
        let name = Chance::new(self.wanted.seed, &[2, number]).draw();
        let call = format!("{name:016x}");
        let began = world.situation.now;
        Offer {
            call_key: format!("made:{call}:{}", began.unix_ms()).into(),
            call: CallId::new(&call).unwrap_or_else(|| unreachable!("sixteen hexadecimal digits")),
            from: world.situation.number.clone(),
            to: "3131".to_owned(),
            locale: world.situation.locale,
            capabilities: Capabilities {
                recognizer: true,
                transfer: true,
            },
            began,
        }
    }
}

/// Gives the gateway's events their numbers: the offer is 1.
fn number_events(entries: &mut [Entry]) {
    let mut next = 2;
    for entry in entries {
        if let Entry::Event { seq, event, .. } = entry
            && !matches!(
                event,
                Event::Found(_) | Event::TicketFinished(_) | Event::Woke | Event::Resumed
            )
        {
            *seq = Some(next);
            next += 1;
        }
    }
}
