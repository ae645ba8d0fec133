//! Follows a recording with the engine of today: the recorded events at their recorded times, the
//! actions computed anew. Stops where they part.

use std::borrow::Cow;
use std::sync::Arc;

use crate::bundle::Bundle;
use crate::call::Disposition;
use crate::dialog::Dialog;
use crate::dialog::action::{Action, Turn};
use crate::dialog::event::Event;
use crate::flow::StepId;
use crate::journal::{Entry, Header};
use crate::retrace::is_punctual;
use crate::time::CallTime;

/// How far the recording and the engine went the same way.
#[derive(Debug)]
pub(super) enum Followed {
    /// To the recorded end.
    ToTheEnd,
    /// To the last thing recorded: there is no end.
    NoEnd,
    /// To a gap.
    Gap,
    /// To here.
    Parted(Box<Parted>),
}

/// Where they part.
#[derive(Debug)]
pub(super) struct Parted {
    /// The call, after it.
    pub(super) dialog: Dialog,
    /// The step that the call was in before.
    pub(super) step: StepId,
    /// Index of the first entry that does not fit: the first recorded action behind the event.
    pub(super) index: usize,
    /// When.
    pub(super) at: CallTime,
    /// What the engine does now.
    pub(super) turn: Turn,
    /// What parts them.
    pub(super) by: By,
}

/// What parts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// Another action, at this place of the turn.
    Action(usize),
    /// A wake-up at that time, which is not recorded.
    WakeUp(CallTime),
    /// A recorded wake-up, which is not due before that time, or at all.
    NoWakeUp(Option<CallTime>),
    /// Another disposition.
    Ending(Option<Disposition>),
}

/// Follows a whole call, which begins with its header.
pub(super) fn follow(bundle: &Arc<Bundle>, header: &Header, entries: &[Entry]) -> Followed {
    let (dialog, turn) = Dialog::answer(Arc::clone(bundle), Arc::clone(&header.offer));
    let mut follower = Follower {
        step: dialog.step_id(),
        dialog,
        entries,
        index: 1,
        at: CallTime::ZERO,
        wake_at: turn.wake_at,
    };
    if let Some(followed) = follower.compare(turn) {
        return followed;
    }
    while let Some(entry) = follower.entries.get(follower.index) {
        if let Some(followed) = follower.take(entry) {
            return followed;
        }
    }
    Followed::NoEnd
}

struct Follower<'e> {
    dialog: Dialog,
    step: StepId,
    entries: &'e [Entry],
    index: usize,
    at: CallTime,
    wake_at: Option<CallTime>,
}

impl Follower<'_> {
    fn take(&mut self, entry: &Entry) -> Option<Followed> {
        match entry {
            Entry::Header(_) => {
                self.index += 1;
                None
            }
            Entry::Gap { .. } => Some(Followed::Gap),
            // An action that no event led to: a service that does more than it is told.
            Entry::Action { at, .. } => {
                self.at = *at;
                Some(self.part(self.nothing(), self.index, By::Action(0)))
            }
            Entry::Ended { at, disposition } => {
                self.at = *at;
                let ended = self.dialog.disposition();
                if ended == Some(*disposition) {
                    return Some(Followed::ToTheEnd);
                }
                Some(self.part(self.nothing(), self.index, By::Ending(ended)))
            }
            Entry::Event { at, event, .. } => self.event(*at, event),
        }
    }

    fn event(&mut self, at: CallTime, event: &Event) -> Option<Followed> {
        self.at = at;
        self.step = self.dialog.step_id();
        if !is_punctual(event, at, self.wake_at) {
            let missing = self.wake_at.filter(|_| *event != Event::Woke);
            let Some(due) = missing else {
                let by = By::NoWakeUp(self.wake_at);
                return Some(self.part(self.nothing(), self.index, by));
            };
            self.at = due;
            let turn = self.dialog.handle(due, Event::Woke);
            return Some(self.part(turn, self.index, By::WakeUp(due)));
        }
        let turn = self.dialog.handle(at, event.clone());
        self.wake_at = turn.wake_at;
        self.index += 1;
        self.compare(turn)
    }

    /// Compares a turn with the actions that are recorded for it.
    fn compare(&mut self, turn: Turn) -> Option<Followed> {
        let rest = self.entries.get(self.index..).unwrap_or_default();
        let recorded = rest.iter().map_while(action);
        let mut count = 0;
        let mut wanted = turn.actions.iter();
        for recorded in recorded {
            if wanted.next() != Some(recorded) {
                return Some(self.part(turn, self.index, By::Action(count)));
            }
            count += 1;
        }
        if count == turn.actions.len() {
            self.index += count;
            return None;
        }
        // What is not there may be lost.
        match rest.get(count) {
            Some(Entry::Gap { .. }) => Some(Followed::Gap),
            None => Some(Followed::NoEnd),
            Some(_) => Some(self.part(turn, self.index, By::Action(count))),
        }
    }

    const fn nothing(&self) -> Turn {
        Turn {
            actions: Vec::new(),
            wake_at: self.wake_at,
        }
    }

    fn part(&self, turn: Turn, index: usize, by: By) -> Followed {
        Followed::Parted(Box::new(Parted {
            dialog: self.dialog.clone(),
            step: self.step,
            index,
            at: self.at,
            turn,
            by,
        }))
    }
}

/// The action of an entry.
pub(super) fn action(entry: &Entry) -> Option<&Action> {
    if let Entry::Action { action, .. } = entry {
        Some(action)
    } else {
        None
    }
}

/// What happened as far as the call went on from it, on the bundle that was recorded. A call goes on
/// after a reconnect from the newest turn that its gateway knows. What came after that, and from no
/// gateway, never happened; how much that is, only the way on tells.
pub(super) fn as_told<'e>(
    bundle: &Arc<Bundle>,
    header: &Header,
    entries: &'e [Entry],
) -> Cow<'e, [Entry]> {
    let is_header = |entry: &Entry| matches!(entry, Entry::Header(_));
    let resumed = entries.iter().skip(1).any(is_header);
    let mut told = Cow::Borrowed(entries);
    while resumed
        && let Followed::Parted(parted) = follow(bundle, header, &told)
        && let Some(shorter) = without_untold(&told, &parted)
    {
        told = Cow::Owned(shorter);
    }
    told
}

fn without_untold(entries: &[Entry], parted: &Parted) -> Option<Vec<Entry>> {
    let resumed = entries.get(..parted.index)?.iter().rposition(|entry| {
        matches!(
            entry,
            Entry::Event {
                event: Event::Resumed,
                ..
            }
        )
    })?;
    let header = entries
        .get(..resumed)?
        .iter()
        .rposition(|entry| matches!(entry, Entry::Header(_)))?;
    let last = entries
        .get(..header)?
        .iter()
        .rposition(|entry| matches!(entry, Entry::Event { .. }))?;
    let untold = matches!(entries.get(last), Some(Entry::Event { seq: None, .. }));
    let mut shorter = entries.to_vec();
    shorter.drain(last..header);
    untold.then_some(shorter)
}
