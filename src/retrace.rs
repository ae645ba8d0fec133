//! A recorded call, taken through the dialog once more by its recorded events: the steps that it
//! led through, and whether it was the same call. Judges nothing: see what uses it.

use std::sync::Arc;

use crate::bundle::Bundle;
use crate::dialog::Dialog;
use crate::dialog::action::{Action, Turn};
use crate::dialog::event::Event;
use crate::dialog::trail::Passed;
use crate::journal::Entry;
use crate::time::CallTime;

/// A call, retraced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retraced {
    /// The recorded events, with the actions that they lead to now.
    pub entries: Vec<Entry>,
    /// What each event led through, by the place of its entry in the recording.
    pub passed: Vec<(usize, Vec<Passed>)>,
    /// Whether every wake-up is recorded that was due, and no other.
    pub punctual: bool,
}

impl Retraced {
    /// All that was passed, in order.
    pub fn all_passed(&self) -> impl Iterator<Item = Passed> + '_ {
        self.passed
            .iter()
            .flat_map(|(_, passed)| passed.iter().copied())
    }
}

/// Takes a call through the dialog of a bundle; `None` if its beginning is not there.
pub fn retrace(bundle: &Arc<Bundle>, recorded: &[Entry]) -> Option<Retraced> {
    let Some(Entry::Header(header)) = recorded.first().filter(|_| begins(recorded)) else {
        return None;
    };
    let mut retraced = Retraced {
        entries: vec![Entry::Header(header.clone())],
        passed: Vec::new(),
        punctual: true,
    };
    let (mut dialog, turn) = Dialog::answer(Arc::clone(bundle), Arc::clone(&header.offer));
    let mut wake_at = turn.wake_at;
    retraced.take(CallTime::ZERO, turn);
    let mut told = false;
    for (place, entry) in recorded.iter().enumerate().skip(1) {
        match entry {
            Entry::Event { at, event, .. } => {
                retraced.entries.push(entry.clone());
                retraced.punctual &= is_punctual(event, *at, wake_at);
                let turn = dialog.handle(*at, event.clone());
                wake_at = turn.wake_at;
                retraced.passed.push((place, dialog.trail().to_vec()));
                retraced.take(*at, turn);
                if let Some(disposition) = dialog.disposition().filter(|_| !told) {
                    let at = *at;
                    retraced.entries.push(Entry::Ended { at, disposition });
                    told = true;
                }
            }
            Entry::Header(_) | Entry::Gap { .. } => retraced.entries.push(entry.clone()),
            Entry::Action { .. } | Entry::Ended { .. } => {}
        }
    }
    Some(retraced)
}

fn begins(recorded: &[Entry]) -> bool {
    matches!(recorded.first(), Some(Entry::Header(header)) if header.resume == 0)
}

impl Retraced {
    fn take(&mut self, at: CallTime, turn: Turn) {
        let actions = turn.actions.into_iter();
        self.entries
            .extend(actions.map(|action| Entry::Action { at, action }));
    }
}

/// How late a live service may deliver a wake-up. One that is missing for longer was not due.
const LATE_MS: u32 = 200;

/// Whether an event comes when it can, if a wake-up is due at `wake_at`: that wake-up not before, any other
/// event not long after it.
pub fn is_punctual(event: &Event, at: CallTime, wake_at: Option<CallTime>) -> bool {
    match wake_at {
        Some(due) if *event == Event::Woke => due <= at,
        Some(due) => at <= due.plus(LATE_MS),
        None => *event != Event::Woke,
    }
}

/// Whether a recording does the same as another one: what is asked of the caller and of the back
/// ends, ordered, handed over, and how it ends; not the words, ids and times of it. A recording that
/// breaks off does the same as far as it goes.
pub fn does_the_same(recorded: &[Entry], other: &[Entry]) -> bool {
    let is_end = |entry: &Entry| match entry {
        Entry::Ended { .. } => true,
        Entry::Event { event, .. } => matches!(event, Event::CallEnded { .. }),
        Entry::Header(_) | Entry::Action { .. } | Entry::Gap { .. } => false,
    };
    let mut others = other.iter().filter_map(deed);
    let mut deeds = recorded.iter().filter_map(deed);
    let same = deeds.all(|deed| others.next() == Some(deed));
    same && (others.next().is_none() || !recorded.iter().any(is_end))
}

fn deed(entry: &Entry) -> Option<String> {
    let Entry::Action { action, .. } = entry else {
        return None;
    };
    Some(match action {
        Action::Listen(listen) => format!("listen {}", listen.question),
        Action::LookUp(lookup) => format!("look up {}", lookup.kind()),
        Action::CreateTicket(_, attempt) => format!("ticket {attempt}"),
        Action::Transfer(transfer) => format!("transfer {} {}", transfer.queue, transfer.reason),
        Action::HangUp { disposition, .. } => format!("hang up {disposition}"),
        Action::Reject { sip_code } => format!("reject {sip_code}"),
        Action::Answer | Action::Play(_) | Action::StopPlayback | Action::StopListening => {
            return None;
        }
    })
}
