//! The verdict on one call: how it ended, how it would end now, and where the two part.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::bundle::Bundle;
use crate::call::{Disposition, Queue, TransferReason};
use crate::dialog::action::Action;
use crate::dialog::event::Event;
use crate::dialog::trail::Passed;
use crate::flow::StepId;
use crate::journal::Entry;
use crate::journal::cdr::{Cdr, fold};
use crate::lookup::TicketResult;
use crate::replay::candidate::{Held, hold};
use crate::replay::follow::{Followed, Parted, as_told, follow};
use crate::replay::testimony::testimony;
use crate::replay::told::{Course, Fact, Facts, Item};
use crate::replay::unknown::{Stimulus, Unknown, Why};
use crate::retrace::retrace;
use crate::time::CallTime;

/// What recorded calls are held against.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The flow, prompts and grammars that might answer.
    pub bundle: Arc<Bundle>,
    /// What counts as told.
    facts: Arc<Facts>,
    /// The bundle that may have been recorded.
    recorded: Option<Arc<Bundle>>,
}

impl Candidate {
    /// A candidate; `recorded` is the bundle of the recordings, where it is at hand: it tells which
    /// prompts say something, and at which step a call parts. No verdict needs it.
    pub fn new(bundle: Arc<Bundle>, recorded: Option<Arc<Bundle>>) -> Self {
        let facts = Facts::of([&*bundle].into_iter().chain(recorded.as_deref()));
        Self {
            bundle,
            facts: Arc::new(facts),
            recorded,
        }
    }

    pub(super) fn facts(&self) -> Arc<Facts> {
        Arc::clone(&self.facts)
    }
}

/// How a recorded call would end now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every answer carried over, and the ending is the same.
    Same {
        /// It goes another way there.
        another_way: bool,
    },
    /// Every answer carried over, and the ending is another.
    Different,
    /// Something was met that the recording has no answer to.
    CannotKnow(Unknown),
}

/// How a call ended, as far as caller and business are concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// For the business.
    pub disposition: Option<Disposition>,
    /// To whom he was handed over and why, in order.
    pub transfers: Vec<(Queue, TransferReason)>,
    /// Tickets: the login's last digits, and the result in one word.
    pub tickets: Vec<(String, &'static str)>,
    /// What he was told.
    pub told: BTreeSet<Fact>,
}

/// Where a call turns another way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Turning {
    /// The candidate's step that it turns at.
    pub step: Arc<str>,
    /// What the recorded call did next; `None`: nothing more.
    pub recorded: Option<Item>,
    /// What it does next now; `None`: nothing more.
    pub now: Option<Item>,
}

impl fmt::Display for Turning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let item = |item: &Option<Item>| {
            item.as_ref()
                .map_or_else(|| "nothing more".to_owned(), ToString::to_string)
        };
        let (recorded, now) = (item(&self.recorded), item(&self.now));
        write!(f, "{}: {recorded} -> {now}", self.step)
    }
}

/// A recorded call beside the candidate's.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The verdict.
    pub verdict: Verdict,
    /// Where it turns another way, if it does before it is not known how it goes on.
    pub turning: Option<Turning>,
    /// The step that the candidate's call was in at the end, or when it was no longer known.
    pub step: Arc<str>,
    /// The ending that is recorded, and the one now as far as it is known.
    pub endings: [Ending; 2],
    /// The recorded call's record.
    pub recorded: Option<Cdr>,
    /// The record of the candidate's call, where that is not the recorded one to the letter.
    pub now: Option<Cdr>,
    /// An answer was carried over to a question in other words.
    pub reworded: bool,
    /// The candidate's call, where it is not the recorded one to the letter.
    pub held: Option<Vec<Entry>>,
}

/// Holds one whole call, segments joined, against a candidate; `None` without a header.
pub fn compare(candidate: &Candidate, entries: &[Entry]) -> Option<Compared> {
    let Some(Entry::Header(header)) = entries.first() else {
        return None;
    };
    let record = fold(entries);
    let whole = whole(entries);
    let step = |id| Arc::clone(&candidate.bundle.flow.step(id).name);
    let compared = |record, verdict, step| Compared {
        verdict,
        turning: None,
        step,
        endings: Default::default(),
        recorded: record,
        now: None,
        reworded: false,
        held: None,
    };
    if let Err(unknown) = whole {
        let verdict = Verdict::CannotKnow(unknown);
        return Some(compared(record, verdict, step(candidate.bundle.flow.start)));
    }
    let is_recorded = |bundle: &&Arc<Bundle>| bundle.hash == header.bundle;
    let mut bundles = candidate.recorded.iter().chain([&candidate.bundle]);
    let entries = match bundles.find(is_recorded) {
        Some(bundle) => as_told(bundle, header, entries),
        None => Cow::Borrowed(entries),
    };
    Some(match follow(&candidate.bundle, header, &entries) {
        Followed::Parted(parted) => apart(candidate, &entries, record, *parted),
        Followed::ToTheEnd | Followed::NoEnd | Followed::Gap => {
            let verdict = Verdict::Same { another_way: false };
            compared(record, verdict, step(candidate.bundle.flow.start))
        }
    })
}

/// A recording that can be told from begin to end; else why not.
pub(super) fn whole(entries: &[Entry]) -> Result<(), Unknown> {
    let stimulus = Stimulus::Call;
    let at = CallTime::ZERO;
    let gap = |entry: &Entry| matches!(entry, Entry::Gap { .. });
    let headless = |entry: &Entry| matches!(entry, Entry::Header(header) if header.resume > 0);
    let why = if entries.first().is_some_and(headless) {
        Why::NoBegin
    } else if entries.iter().any(gap) {
        Why::Gap
    } else if entries.iter().any(|e| matches!(e, Entry::Ended { .. })) {
        return Ok(());
    } else {
        Why::NoEnd
    };
    Err(Unknown { at, stimulus, why })
}

/// A call that goes on otherwise.
fn apart(
    candidate: &Candidate,
    entries: &[Entry],
    record: Option<Cdr>,
    parted: Parted,
) -> Compared {
    let flow = &candidate.bundle.flow;
    let heard = Arc::new(testimony(&candidate.facts, entries));
    let held = hold(&candidate.facts, &heard, entries, parted);
    let now = fold(&held.entries);
    let endings = [
        ending(entries, record.as_ref(), &heard.course),
        ending(&held.entries, now.as_ref(), &held.course),
    ];
    let turning = turning(&heard.course, &held).map(|(step, recorded, now)| Turning {
        step: last_common_step(candidate, entries, &held)
            .unwrap_or_else(|| Arc::clone(&flow.step(step).name)),
        recorded,
        now,
    });
    let verdict = match held.unknown {
        Some(unknown) => Verdict::CannotKnow(unknown),
        None if endings[0] == endings[1] => Verdict::Same {
            another_way: turning.is_some(),
        },
        None => Verdict::Different,
    };
    Compared {
        verdict,
        turning,
        step: Arc::clone(&flow.step(held.step).name),
        endings,
        recorded: record,
        now,
        reworded: held.reworded,
        held: Some(held.entries),
    }
}

/// The first thing that is not the same in both courses. A call that is not known to its end has not
/// turned by ending.
fn turning(recorded: &Course, held: &Held) -> Option<(StepId, Option<Item>, Option<Item>)> {
    let now = &held.course.items;
    let alike = recorded.items.iter().zip(now);
    let at = alike.take_while(|(recorded, now)| recorded == now).count();
    let (recorded, now) = (recorded.items.get(at), now.get(at));
    if recorded == now || (now.is_none() && held.unknown.is_some()) {
        return None;
    }
    let step = held.steps.get(at).or_else(|| held.steps.last());
    let step = step.copied().unwrap_or(held.step);
    Some((step, recorded.cloned(), now.cloned()))
}

/// The last step that both calls passed before one of them was in another: to be known where the
/// recorded bundle is at hand and both have the steps of the other.
fn last_common_step(candidate: &Candidate, entries: &[Entry], held: &Held) -> Option<Arc<str>> {
    let Some(Entry::Header(header)) = entries.first() else {
        return None;
    };
    let recorded = candidate.recorded.as_ref();
    let recorded = recorded.filter(|bundle| *bundle.hash == *header.bundle)?;
    let was = steps(recorded, entries)?;
    let now = steps(&candidate.bundle, &held.entries)?;
    let alike = was.iter().zip(&now).take_while(|(was, now)| was == now);
    let at = alike.count();
    let has = |bundle: &Bundle, name: &Arc<str>| bundle.flow.steps().any(|(_, s)| s.name == *name);
    let (was_next, now_next) = (was.get(at), now.get(at));
    let other = was_next.or(now_next)?;
    let renamed = !has(&candidate.bundle, other) || now_next.is_some_and(|s| !has(recorded, s));
    now.get(at.checked_sub(1)?).filter(|_| !renamed).cloned()
}

/// The steps that a call passed.
fn steps(bundle: &Arc<Bundle>, entries: &[Entry]) -> Option<Vec<Arc<str>>> {
    let retraced = retrace(bundle, entries)?;
    let entered = retraced.all_passed().filter_map(|passed| match passed {
        Passed::Entered(step) => Some(Arc::clone(&bundle.flow.step(step).name)),
        Passed::Left(..) | Passed::Late(..) | Passed::Broke(_) => None,
    });
    Some(entered.collect())
}

fn ending(entries: &[Entry], record: Option<&Cdr>, course: &Course) -> Ending {
    let mut tickets: Vec<(String, &'static str)> = Vec::new();
    let mut transfers = Vec::new();
    for entry in entries {
        if let Entry::Action { action, .. } = entry {
            if let Action::CreateTicket(order, _) = action {
                if tickets.is_empty() {
                    tickets.push((order.login.last_digits(), "not answered"));
                }
            } else if let Action::Transfer(transfer) = action {
                transfers.push((transfer.queue, transfer.reason));
            }
        } else if let Entry::Event {
            event: Event::TicketFinished(result),
            ..
        } = entry
            && let Some((_, known)) = tickets.last_mut()
        {
            *known = ticket(result);
        }
    }
    Ending {
        disposition: record.and_then(|record| record.disposition),
        transfers,
        tickets,
        told: course.facts(),
    }
}

const fn ticket(result: &TicketResult) -> &'static str {
    match result {
        TicketResult::Created { .. } => "created",
        TicketResult::AlreadyOpen => "already_open",
        TicketResult::Unconfirmed => "unconfirmed",
        TicketResult::Refused => "refused",
        TicketResult::Unavailable => "unavailable",
    }
}

/// What of an ending is another now, in words: `disposition informed_fee -> ended_declined`.
pub fn changes(endings: &[Ending; 2]) -> Vec<String> {
    let [was, now] = endings;
    let mut changes = Vec::new();
    let mut changed = |what: &str, was: String, now: String| {
        if was != now {
            changes.push(format!("{what} {was} -> {now}"));
        }
    };
    let end = |ending: &Ending| {
        ending
            .disposition
            .map_or("none", Disposition::as_str)
            .to_owned()
    };
    changed("disposition", end(was), end(now));
    let transfers = |ending: &Ending| {
        let each = ending.transfers.iter();
        list(each.map(|(queue, reason)| format!("{queue}: {reason}")))
    };
    changed("transfer", transfers(was), transfers(now));
    let tickets = |ending: &Ending| list(ending.tickets.iter().map(|(_, end)| (*end).to_owned()));
    let logins = |ending: &Ending| list(ending.tickets.iter().map(|(login, _)| login.clone()));
    changed("ticket", tickets(was), tickets(now));
    if !was.tickets.is_empty() && !now.tickets.is_empty() && logins(was) != logins(now) {
        changes.push("ticket for another login".to_owned());
    }
    let more = now
        .told
        .difference(&was.told)
        .map(|fact| format!("also told {fact}"));
    let less = was
        .told
        .difference(&now.told)
        .map(|fact| format!("no longer told {fact}"));
    changes.extend(less.chain(more));
    changes
}

fn list(words: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = words.collect();
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    }
}
