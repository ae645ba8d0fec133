//! Runs a call on virtual time: dialog, media side, caller and back ends in one loop. The dialog is
//! the one that serves live calls.

use std::sync::Arc;

use crate::bundle::Bundle;
use crate::call::CallId;
use crate::caller::turns::{Does, ScriptedCaller, Turn};
use crate::caller::{Caller, MediaSide};
use crate::dialog::Dialog;
use crate::dialog::action::{Action, Turn as Done};
use crate::dialog::event::{Capabilities, Event, Offer};
use crate::dialog::explore::Waits;
use crate::dialog::trail::Passed;
use crate::journal::cdr::{Cdr, fold};
use crate::journal::{Entry, Header};
use crate::script::render::dana;
use crate::script::{Script, Situation, render};
use crate::time::CallTime;

/// A call longer than this on virtual time has no end.
const MAX_CALL: CallTime = CallTime::from_ms(60 * 60 * 1000);
/// The ending of a call that has none.
pub const ENDLESS: &str = "ending  none: the call goes on for ever\n";
/// A call of more events than this goes in circles.
const MAX_EVENTS: usize = 10_000;

/// What answers look-ups and tickets, and after how long.
pub trait BackEnds {
    /// The event that an action leads to, and its delay in milliseconds; `None`: no answer comes.
    fn answer(&mut self, action: &Action) -> Option<(u32, Event)>;
}

impl BackEnds for Situation {
    fn answer(&mut self, action: &Action) -> Option<(u32, Event)> {
        if let Action::LookUp(lookup) = action {
            let found = self.findings.get(&lookup.kind())?;
            Some((found.after_ms, Event::Found(found.value.clone())))
        } else if matches!(action, Action::CreateTicket(..)) {
            let ticket = self.ticket.as_ref()?;
            Some((ticket.after_ms, Event::TicketFinished(ticket.value.clone())))
        } else {
            None
        }
    }
}

/// A call on virtual time.
#[derive(Clone)]
pub struct Run<B> {
    /// The dialog.
    pub dialog: Dialog,
    /// What happened and was done.
    pub entries: Vec<Entry>,
    /// What it led through in the flow.
    pub passed: Vec<Passed>,
    /// What the call waited for, each with the time from which on it did.
    pub waited: Vec<(CallTime, Waits)>,
    back_ends: B,
    /// What is on its way from the back ends.
    coming: Vec<(CallTime, Event)>,
    wake_at: Option<CallTime>,
    at: CallTime,
}

impl<B: BackEnds> Run<B> {
    /// Offers the call; gives what is to be done at the media side.
    pub fn begin(bundle: &Arc<Bundle>, offer: Offer, back_ends: B) -> (Self, Vec<Action>) {
        let header = Header::new(Arc::clone(&bundle.hash), 0, 0, offer.clone());
        let (dialog, turn) = Dialog::answer(Arc::clone(bundle), offer);
        let mut run = Self {
            dialog,
            entries: vec![Entry::Header(Box::new(header))],
            passed: Vec::new(),
            waited: Vec::new(),
            back_ends,
            coming: Vec::new(),
            wake_at: None,
            at: CallTime::ZERO,
        };
        let actions = run.take(turn);
        (run, actions)
    }

    /// What answers its look-ups.
    pub const fn back_ends(&mut self) -> &mut B {
        &mut self.back_ends
    }

    /// When the dialog or a back end goes on by itself.
    pub fn next(&self) -> Option<CallTime> {
        self.coming
            .iter()
            .map(|(at, _)| *at)
            .chain(self.wake_at)
            .min()
    }

    /// What has come by `at`: findings first, else a wake-up.
    pub fn due(&mut self, at: CallTime) -> Option<Event> {
        let first = self
            .coming
            .iter()
            .enumerate()
            .min_by_key(|(_, (at, _))| *at);
        let first = first
            .filter(|(_, (due, _))| *due <= at)
            .map(|(index, _)| index);
        if let Some(index) = first {
            return Some(self.coming.remove(index).1);
        }
        self.wake_at.filter(|due| *due <= at).map(|_| Event::Woke)
    }

    /// Steps the dialog; gives what is to be done at the media side.
    pub fn handle(&mut self, at: CallTime, event: Event) -> Vec<Action> {
        self.at = at;
        self.entries.push(Entry::Event {
            at,
            seq: None,
            event: event.clone(),
        });
        let turn = self.dialog.handle(at, event);
        self.passed.extend_from_slice(self.dialog.trail());
        let waits = self.dialog.waits();
        if turn
            .actions
            .iter()
            .any(|action| matches!(action, Action::Listen(_)))
            || self.waited.last().is_none_or(|(_, last)| *last != waits)
        {
            self.waited.push((at, waits));
        }
        let actions = self.take(turn);
        if let Some(disposition) = self.dialog.disposition() {
            self.entries.push(Entry::Ended { at, disposition });
        }
        actions
    }

    /// The call's record so far.
    pub fn cdr(&self) -> Option<Cdr> {
        fold(&self.entries)
    }

    fn take(&mut self, turn: Done) -> Vec<Action> {
        self.wake_at = turn.wake_at;
        for action in &turn.actions {
            self.entries.push(Entry::Action {
                at: self.at,
                action: action.clone(),
            });
            let at = self.at;
            let answer = self.back_ends.answer(action);
            self.coming
                .extend(answer.map(|(after_ms, event)| (at.plus(after_ms), event)));
        }
        turn.actions
    }
}

/// The offer of a situation's call.
pub fn offer(situation: &Situation) -> Offer {
    let call = CallId::new("script").unwrap_or_else(|| unreachable!("a valid id"));
    Offer {
        call_key: format!("script:script:{}", situation.now.unix_ms()).into(),
        call,
        from: situation.number.clone(),
        to: "3131".to_owned(),
        locale: situation.locale,
        capabilities: Capabilities {
            recognizer: true,
            transfer: true,
        },
        began: situation.now,
    }
}

/// Runs a script to its end; gives the conversation as it would stand in the file.
pub fn run(bundle: &Arc<Bundle>, script: &Script) -> String {
    conversation(&play(bundle, script))
}

/// Runs the script once more with each of the other words of its turns; gives the words that lead
/// elsewhere, with what was said then: lines of Dana, without times.
pub fn other_ways(bundle: &Arc<Bundle>, script: &Script) -> Vec<(String, String)> {
    let mut elsewhere = Vec::new();
    for (turn, words) in &script.others {
        let mut turns = script.turns.clone();
        if let Some(Does::Says(alternatives, _)) = turns.get_mut(*turn).map(|turn| &mut turn.does)
            && let Some(best) = alternatives.first_mut()
        {
            best.text = words.clone();
        }
        let situation = &script.situation;
        let said = conversation(&played(bundle, offer(situation), situation, turns));
        if dana(&said) != dana(&script.expected) {
            elsewhere.push((words.reveal().to_owned(), dana(&said)));
        }
    }
    elsewhere
}

/// Runs a script to its end.
pub fn play(bundle: &Arc<Bundle>, script: &Script) -> Run<Situation> {
    let situation = &script.situation;
    played(bundle, offer(situation), situation, script.turns.clone())
}

/// Runs the call of such an offer in such a situation, with a caller who does that, to its end.
pub fn played(
    bundle: &Arc<Bundle>,
    offer: Offer,
    situation: &Situation,
    turns: Vec<Turn>,
) -> Run<Situation> {
    let transfer = situation.transfer.as_ref();
    let media = MediaSide::new(
        transfer.map(|transfer| transfer.value),
        transfer.map_or(0, |transfer| transfer.after_ms),
    );
    let mut caller = ScriptedCaller::new(media, turns);
    let (mut run, actions) = Run::begin(bundle, offer, situation.clone());
    apply(&mut caller, CallTime::ZERO, &actions);
    for _ in 0..MAX_EVENTS {
        let Some(at) = caller.next().into_iter().chain(run.next()).min() else {
            break;
        };
        let at = at.max(run.at);
        if run.dialog.is_over() || at > MAX_CALL {
            break;
        }
        if let Some(event) = run.due(at) {
            let actions = run.handle(at, event);
            apply(&mut caller, at, &actions);
            continue;
        }
        for event in caller.advance(at) {
            let actions = run.handle(at, event);
            apply(&mut caller, at, &actions);
        }
    }
    run
}

fn apply(caller: &mut ScriptedCaller, at: CallTime, actions: &[Action]) {
    for action in actions {
        caller.apply(at, action);
    }
}

/// The conversation, line by line, with its ending.
pub fn conversation<B: BackEnds>(run: &Run<B>) -> String {
    let mut text: String = run
        .entries
        .iter()
        .filter_map(render::line)
        .map(|l| l + "\n")
        .collect();
    match run.cdr().filter(|_| run.dialog.is_over()) {
        Some(cdr) => text.push_str(&render::ending(&cdr)),
        None => text.push_str(ENDLESS.trim_end()),
    }
    text.push('\n');
    text
}
