//! What a replay of many calls comes to: verdicts, groups by where the calls part, and what that
//! means for the business. A report of one part of an archive added to the next is the report of
//! both; nothing in it depends on who read what first.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::call::{Disposition, named};
use crate::journal::Entry;
use crate::journal::cdr::Cdr;
use crate::lookup::TicketResult;
use crate::replay::unknown::{Unknown, Why};
use crate::replay::verdict::{Compared, Turning, Verdict, changes};

/// Calls that are named for each group.
const EXAMPLES: usize = 3;

named! {
    /// The verdict on a call, in a word.
    Kind {
        /// Every answer carried over, and the ending is another.
        Different = "different",
        /// Something was met that the recording has no answer to.
        CannotKnow = "cannot_know",
        /// Another way, the same ending.
        AnotherWay = "another_way",
    }
}

/// What a group of calls has in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Key {
    /// The verdict.
    pub verdict: Kind,
    /// The candidate's step that the calls part at, or from where on it is not known.
    pub step: String,
    /// How they part there: what is recorded and what is done now, or what has no answer and why.
    pub how: String,
    /// What of the ending is another.
    pub ending: Vec<String>,
}

impl fmt::Display for Key {
    /// One line: the form of a list of expected differences.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}: {}", self.verdict, self.step, self.how)?;
        if !self.ending.is_empty() {
            write!(f, "  =>  {}", self.ending.join("; "))?;
        }
        Ok(())
    }
}

/// Calls in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// How many ended how.
    pub dispositions: BTreeMap<&'static str, u64>,
    /// How many were handed over, and why.
    pub transfers: BTreeMap<&'static str, u64>,
    /// Tickets that were created.
    pub tickets: u64,
    /// Time from the answer to the end, in milliseconds.
    pub talk_ms: u64,
    /// Time in which nothing played, listened or rang, in milliseconds.
    pub dead_air_ms: u64,
}

impl Figures {
    fn count(&mut self, record: &Cdr) {
        let end = record.disposition.map_or("none", Disposition::as_str);
        *self.dispositions.entry(end).or_default() += 1;
        for transfer in &record.transfers {
            *self.transfers.entry(transfer.reason.as_str()).or_default() += 1;
        }
        let created = record
            .tickets
            .iter()
            .filter(|ticket| matches!(ticket.result, Some(TicketResult::Created { .. })));
        self.tickets += u64::try_from(created.count()).unwrap_or(0);
        let talked = record
            .answered_ms
            .map_or(0, |from| record.duration_ms.saturating_sub(from));
        self.talk_ms += u64::from(talked);
        self.dead_air_ms += u64::from(record.dead_air_ms);
    }

    fn add(&mut self, other: &Self) {
        for (name, count) in &other.dispositions {
            *self.dispositions.entry(name).or_default() += count;
        }
        for (name, count) in &other.transfers {
            *self.transfers.entry(name).or_default() += count;
        }
        self.tickets += other.tickets;
        self.talk_ms += other.talk_ms;
        self.dead_air_ms += other.dead_air_ms;
    }

    /// All that were handed over.
    pub fn all_transfers(&self) -> u64 {
        self.transfers.values().sum()
    }
}

/// As recorded, and as it would be now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Both {
    /// As recorded.
    pub recorded: Figures,
    /// As it would be now.
    pub now: Figures,
}

impl Both {
    fn add(&mut self, other: &Self) {
        self.recorded.add(&other.recorded);
        self.now.add(&other.now);
    }
}

/// Calls that part alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Group {
    /// How many.
    pub calls: u64,
    /// What it means; empty where it cannot be known.
    pub figures: Both,
    /// The keys of the first of them.
    pub examples: Vec<String>,
}

/// The report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Calls with the same ending.
    pub same: u64,
    /// Those of them that go another way there.
    pub another_way: u64,
    /// Calls with another ending.
    pub different: u64,
    /// Calls of which it cannot be known.
    pub cannot_know: u64,
    /// Calls whose ending is known, where an answer was carried over to a question in other words.
    pub reworded: u64,
    /// What cannot be known, by why.
    pub whys: BTreeMap<Why, u64>,
    /// Calls by the bundle that they were recorded on.
    pub bundles: BTreeMap<String, u64>,
    /// Calls by the build that recorded them.
    pub builds: BTreeMap<String, u64>,
    /// The figures of all calls that are known.
    pub figures: Both,
    /// Calls that part alike.
    pub groups: BTreeMap<Key, Group>,
}

impl Report {
    /// Counts one call.
    pub fn count(&mut self, entries: &[Entry], call: &Compared) {
        let mut key = "";
        if let Some(Entry::Header(header)) = entries.first() {
            key = &header.offer.call_key;
            *self.bundles.entry(header.bundle.to_string()).or_default() += 1;
            *self.builds.entry(header.build.to_string()).or_default() += 1;
        }
        let mut both = Both::default();
        if !matches!(call.verdict, Verdict::CannotKnow(_)) {
            let now = call.now.as_ref().or(call.recorded.as_ref());
            if let Some(record) = &call.recorded {
                both.recorded.count(record);
            }
            if let Some(record) = now {
                both.now.count(record);
            }
            self.reworded += u64::from(call.reworded);
        }
        self.figures.add(&both);
        let how = match &call.verdict {
            Verdict::Same { another_way } => {
                self.same += 1;
                self.another_way += u64::from(*another_way);
                if !another_way {
                    return;
                }
                group(Kind::AnotherWay, call)
            }
            Verdict::Different => {
                self.different += 1;
                group(Kind::Different, call)
            }
            Verdict::CannotKnow(unknown) => {
                self.cannot_know += 1;
                *self.whys.entry(unknown.why).or_default() += 1;
                not_known(unknown, call)
            }
        };
        let group = self.groups.entry(how).or_default();
        group.calls += 1;
        group.figures.add(&both);
        if group.examples.len() < EXAMPLES {
            group.examples.push(key.to_owned());
        }
    }

    /// Adds what comes next in the archive.
    pub fn add(&mut self, next: &Self) {
        self.same += next.same;
        self.another_way += next.another_way;
        self.different += next.different;
        self.cannot_know += next.cannot_know;
        self.reworded += next.reworded;
        for (why, count) in &next.whys {
            *self.whys.entry(*why).or_default() += count;
        }
        for (name, count) in &next.bundles {
            *self.bundles.entry(name.clone()).or_default() += count;
        }
        for (name, count) in &next.builds {
            *self.builds.entry(name.clone()).or_default() += count;
        }
        self.figures.add(&next.figures);
        for (key, other) in &next.groups {
            let group = self.groups.entry(key.clone()).or_default();
            group.calls += other.calls;
            group.figures.add(&other.figures);
            let room = EXAMPLES.saturating_sub(group.examples.len());
            let more = other.examples.iter().take(room).cloned();
            group.examples.extend(more);
        }
    }

    /// All calls.
    pub const fn calls(&self) -> u64 {
        self.same + self.different + self.cannot_know
    }

    /// Calls whose ending is known.
    pub const fn known(&self) -> u64 {
        self.same + self.different
    }

    /// The groups of a verdict by step, the step with the most calls first, and so within it.
    pub fn by_step(&self, verdict: Kind) -> Vec<(&str, u64, Groups<'_>)> {
        let mut steps: BTreeMap<&str, Groups<'_>> = BTreeMap::new();
        for (key, group) in self.groups.iter().filter(|(key, _)| key.verdict == verdict) {
            steps.entry(&key.step).or_default().push((key, group));
        }
        let mut sorted: Vec<_> = steps
            .into_iter()
            .map(|(step, mut groups)| {
                groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.calls));
                let calls = groups.iter().map(|(_, group)| group.calls).sum();
                (step, calls, groups)
            })
            .collect();
        sorted.sort_by_key(|(_, calls, _)| std::cmp::Reverse(*calls));
        sorted
    }
}

/// Groups of calls, each with its key.
pub type Groups<'r> = Vec<(&'r Key, &'r Group)>;

fn group(verdict: Kind, call: &Compared) -> Key {
    let (step, how) = match &call.turning {
        Some(turning) => (turning.step.to_string(), way(turning)),
        None => (call.step.to_string(), "the same way".to_owned()),
    };
    let ending = changes(&call.endings);
    Key {
        verdict,
        step,
        how,
        ending,
    }
}

fn way(turning: &Turning) -> String {
    let text = turning.to_string();
    let step = format!("{}: ", turning.step);
    text.strip_prefix(&step).unwrap_or(&text).to_owned()
}

/// A call may have turned another way before it was no longer known.
fn not_known(unknown: &Unknown, call: &Compared) -> Key {
    let (step, how) = match &call.turning {
        Some(turning) => (&turning.step, format!("{}; then {unknown}", way(turning))),
        None => (&call.step, unknown.to_string()),
    };
    Key {
        verdict: Kind::CannotKnow,
        step: step.to_string(),
        how,
        ending: Vec::new(),
    }
}
