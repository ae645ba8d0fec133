//! The same build and bundle again: every action has to come out as it was recorded, to the byte.
//! Tokens and keep-alives are not recorded and not compared.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::bundle::Bundle;
use crate::dialog::action::Action;
use crate::journal::Entry;
use crate::replay::follow::{By, Followed, Parted, action, as_told, follow};
use crate::time::CallTime;

/// Most fields of one difference that are told.
const MAX_FIELDS: usize = 8;

/// How a recorded call compares with itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Again {
    /// To the byte.
    Identical,
    /// To the byte, as far as it is recorded: to a gap, or without its end.
    AsFarAsItGoes,
    /// Its beginning is missing: there is nothing to go on from.
    Headless,
    /// Not: a fault of ours, or another build.
    Differs(Difference),
    /// It was recorded on another bundle, which is named: it says nothing to replay it on this one.
    OtherBundle(String),
}

/// The first difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// When.
    pub at: CallTime,
    /// The step that the call was in.
    pub step: Arc<str>,
    /// Field by field: `name: recorded != now`.
    pub fields: Vec<String>,
}

/// Replays one whole call, segments joined; `None` without a header.
pub fn again(bundle: &Arc<Bundle>, entries: &[Entry]) -> Option<Again> {
    let Some(Entry::Header(header)) = entries.first() else {
        return None;
    };
    if header.bundle != bundle.hash {
        return Some(Again::OtherBundle(header.bundle.to_string()));
    }
    if header.resume > 0 {
        return Some(Again::Headless);
    }
    let told = as_told(bundle, header, entries);
    Some(match follow(bundle, header, &told) {
        Followed::ToTheEnd => Again::Identical,
        Followed::NoEnd | Followed::Gap => Again::AsFarAsItGoes,
        Followed::Parted(parted) => Again::Differs(Difference {
            at: parted.at,
            step: Arc::clone(&bundle.flow.step(parted.step).name),
            fields: fields(&told, &parted),
        }),
    })
}

fn fields(entries: &[Entry], parted: &Parted) -> Vec<String> {
    let due = |due: Option<CallTime>| due.map_or_else(|| "none".to_owned(), |due| due.to_string());
    match parted.by {
        By::WakeUp(at) => vec![format!("wake-up: none != {at}")],
        By::NoWakeUp(at) => vec![format!("wake-up: {} != {}", parted.at, due(at))],
        By::Ending(now) => {
            let recorded = entries.get(parted.index).and_then(|entry| {
                if let Entry::Ended { disposition, .. } = entry {
                    Some(disposition.as_str())
                } else {
                    None
                }
            });
            let now = now.map_or("none", |disposition| disposition.as_str());
            vec![format!(
                "disposition: {} != {now}",
                recorded.unwrap_or("none")
            )]
        }
        By::Action(nth) => {
            let recorded = entries.get(parted.index.saturating_add(nth));
            let recorded = recorded.and_then(action);
            actions(recorded, parted.turn.actions.get(nth))
        }
    }
}

fn actions(recorded: Option<&Action>, now: Option<&Action>) -> Vec<String> {
    let value = |action: Option<&Action>| {
        action.map_or(Value::Null, |action| {
            serde_json::to_value(action).unwrap_or_default()
        })
    };
    let mut found = Vec::new();
    differ("action", &value(recorded), &value(now), &mut found);
    let more = found.len().saturating_sub(MAX_FIELDS);
    found.truncate(MAX_FIELDS);
    if more > 0 {
        found.push(format!("and {more} more fields"));
    }
    found
}

/// Fields whose values are a caller's own, and are not shown.
const PERSONAL: &[&str] = &[
    "login",
    "login_claimed",
    "number",
    "contact",
    "customer",
    "address",
    "account",
    "house",
    "resource",
    "key",
    "ticket_key",
];

fn differ(name: &str, recorded: &Value, now: &Value, found: &mut Vec<String>) {
    match (recorded, now) {
        _ if recorded == now => {}
        (Value::Object(one), Value::Object(other)) => {
            let keys = one
                .keys()
                .chain(other.keys().filter(|key| !one.contains_key(*key)));
            for key in keys {
                let name = format!("{name}.{key}");
                let of = |object: &serde_json::Map<String, Value>| {
                    object.get(key).cloned().unwrap_or_default()
                };
                differ(&name, &of(one), &of(other), found);
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            for at in 0..one.len().max(other.len()) {
                let of = |list: &[Value]| list.get(at).cloned().unwrap_or_default();
                differ(&format!("{name}[{at}]"), &of(one), &of(other), found);
            }
        }
        _ => {
            let last = name.rsplit('.').next().unwrap_or(name);
            if PERSONAL.contains(&last) {
                found.push(format!("{name}: is another"));
            } else {
                found.push(format!("{name}: {} != {}", shown(recorded), shown(now)));
            }
        }
    }
}

/// A value that is too long to be read is told by its kind.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(fields) if fields.len() == 1 => {
            fields.keys().next().cloned().unwrap_or_default()
        }
        Value::Object(_) => "a structure".to_owned(),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// Differences that are told one by one; the rest are counted.
const TOLD: usize = 20;

/// What the replay of many calls on their own bundle comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repeats {
    /// To the byte.
    pub identical: u64,
    /// To the byte, as far as they are recorded.
    pub as_far_as_they_go: u64,
    /// Without their beginning: not replayed.
    pub headless: u64,
    /// Not to the byte.
    pub differing: u64,
    /// The first of those, with their keys.
    pub differences: Vec<(String, Difference)>,
    /// Recorded on another bundle, by it: not replayed.
    pub other_bundles: BTreeMap<String, u64>,
    /// By the build that recorded them.
    pub builds: BTreeMap<String, u64>,
}

impl Repeats {
    /// Counts one call.
    pub fn count(&mut self, entries: &[Entry], call: Option<Again>) {
        let Some(Entry::Header(header)) = entries.first() else {
            return;
        };
        *self.builds.entry(header.build.to_string()).or_default() += 1;
        match call {
            Some(Again::Identical) => self.identical += 1,
            Some(Again::AsFarAsItGoes) => self.as_far_as_they_go += 1,
            Some(Again::Headless) | None => self.headless += 1,
            Some(Again::Differs(difference)) => {
                self.differing += 1;
                if self.differences.len() < TOLD {
                    let key = header.offer.call_key.to_string();
                    self.differences.push((key, difference));
                }
            }
            Some(Again::OtherBundle(bundle)) => {
                *self.other_bundles.entry(bundle).or_default() += 1;
            }
        }
    }

    /// Adds what comes next in the archive.
    pub fn add(&mut self, next: Self) {
        self.identical += next.identical;
        self.as_far_as_they_go += next.as_far_as_they_go;
        self.headless += next.headless;
        self.differing += next.differing;
        let room = TOLD.saturating_sub(self.differences.len());
        self.differences
            .extend(next.differences.into_iter().take(room));
        for (bundle, calls) in next.other_bundles {
            *self.other_bundles.entry(bundle).or_default() += calls;
        }
        for (build, calls) in next.builds {
            *self.builds.entry(build).or_default() += calls;
        }
    }

    /// Calls that were replayed.
    pub const fn replayed(&self) -> u64 {
        self.identical + self.as_far_as_they_go + self.differing
    }
}
