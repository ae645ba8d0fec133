//! The call as the candidate would have held it: from where it parts from the recording, on virtual
//! time, with the caller and the back ends of the recording.

use std::sync::Arc;

use crate::dialog::Dialog;
use crate::dialog::action::{Action, Turn};
use crate::dialog::event::Event;
use crate::dialog::explore::Waits;
use crate::dialog::trail::Passed;
use crate::flow::rules::TicketIs;
use crate::flow::{Body, StepId};
use crate::journal::Entry;
use crate::lookup::{Finding, LookupKind, TicketOrder, TicketResult};
use crate::replay::caller::RecordedCaller;
use crate::replay::follow::{By, Parted};
use crate::replay::testimony::{Asked, Testimony};
use crate::replay::told::{Course, Facts};
use crate::replay::unknown::{Stimulus, Unknown, Why};
use crate::replay::way::Way;
use crate::time::CallTime;

/// A call longer than this has no end.
const MAX_CALL: CallTime = CallTime::from_ms(60 * 60 * 1000);
/// A call of more events than this goes in circles.
const MAX_EVENTS: usize = 10_000;

/// The candidate's call.
#[derive(Debug)]
pub(super) struct Held {
    /// What happened and was done.
    pub(super) entries: Vec<Entry>,
    /// What it came to for the caller.
    pub(super) course: Course,
    /// The step that led to each thing in the course.
    pub(super) steps: Vec<StepId>,
    /// An answer was carried over to a question in other words.
    pub(super) reworded: bool,
    /// Where it is not known how it goes on.
    pub(super) unknown: Option<Unknown>,
    /// The step that the call was in at the end.
    pub(super) step: StepId,
}

/// Something on its way from a back end.
#[derive(Debug)]
enum Coming {
    Answer(Event),
    /// From here on it is not known whether an answer came.
    Doubt(Stimulus),
}

struct Candidate {
    dialog: Dialog,
    caller: RecordedCaller,
    testimony: Arc<Testimony>,
    entries: Vec<Entry>,
    steps: Vec<StepId>,
    coming: Vec<(CallTime, Coming)>,
    /// What was asked and is past the recording's end without an answer.
    doubts: Vec<Stimulus>,
    /// Which of the recorded look-ups have been asked.
    used: Vec<usize>,
    wake_at: Option<CallTime>,
    at: CallTime,
    unknown: Option<Unknown>,
}

/// Holds the call from where it parted.
pub(super) fn hold(
    facts: &Arc<Facts>,
    testimony: &Arc<Testimony>,
    recorded: &[Entry],
    parted: Parted,
) -> Held {
    let before = recorded.get(..parted.index).unwrap_or_default();
    let mut caller = RecordedCaller::new(Arc::clone(facts), Arc::clone(testimony));
    caller.follow(before);
    let steps = vec![parted.step; caller.course.items.len()];
    let mut candidate = Candidate {
        dialog: parted.dialog,
        caller,
        testimony: Arc::clone(testimony),
        entries: before.to_vec(),
        steps,
        coming: Vec::new(),
        doubts: Vec::new(),
        used: Vec::new(),
        wake_at: None,
        at: parted.at,
        unknown: None,
    };
    candidate.catch_up(before);
    if let By::WakeUp(at) = parted.by {
        let event = Event::Woke;
        candidate.entries.push(Entry::Event {
            at,
            seq: None,
            event,
        });
    }
    candidate.take(parted.step, parted.turn);
    candidate.go_on();
    Held {
        step: candidate.dialog.step_id(),
        reworded: candidate.caller.reworded,
        entries: candidate.entries,
        course: candidate.caller.course,
        steps: candidate.steps,
        unknown: candidate.unknown,
    }
}

impl Candidate {
    /// What was asked of the back ends before, and was not answered by then.
    fn catch_up(&mut self, before: &[Entry]) {
        for entry in before {
            match entry {
                Entry::Action { at, action } => self.ask(*at, action),
                Entry::Event { event, .. } => self.coming.retain(|(_, coming)| match coming {
                    Coming::Answer(answer) => !same_answer(answer, event),
                    Coming::Doubt(_) => true,
                }),
                Entry::Header(_) | Entry::Gap { .. } | Entry::Ended { .. } => {}
            }
        }
        self.unknown = None;
    }

    fn go_on(&mut self) {
        for _ in 0..MAX_EVENTS {
            self.unknown = self.unknown.take().or_else(|| self.caller.unknown());
            if let Some(stimulus) = self.doubtful() {
                let (at, why) = (self.at, Why::NoAnswer);
                self.unknown.get_or_insert(Unknown { at, stimulus, why });
            }
            if self.unknown.is_some() || self.dialog.is_over() {
                return;
            }
            let coming = self.coming.iter().map(|(at, _)| *at).min();
            let next = [coming, self.wake_at, self.caller.next()];
            let Some(at) = next.into_iter().flatten().min() else {
                break;
            };
            self.at = self.at.max(at);
            if self.at > MAX_CALL {
                break;
            }
            self.one();
        }
        let stimulus = Stimulus::Call;
        let why = Why::Endless;
        self.unknown.get_or_insert(Unknown {
            at: self.at,
            stimulus,
            why,
        });
    }

    /// What is due: answers first, then a wake-up, then the caller.
    fn one(&mut self) {
        let first = self
            .coming
            .iter()
            .enumerate()
            .min_by_key(|(_, (at, _))| *at);
        if let Some((index, _)) = first.filter(|(_, (at, _))| *at <= self.at) {
            match self.coming.remove(index).1 {
                Coming::Answer(event) => self.handle(event),
                Coming::Doubt(stimulus) => self.doubts.push(stimulus),
            }
        } else if self.wake_at.is_some_and(|due| due <= self.at) {
            self.handle(Event::Woke);
        } else {
            for event in self.caller.advance(self.at) {
                self.handle(event);
            }
        }
    }

    fn handle(&mut self, event: Event) {
        let at = self.at;
        self.entries.push(Entry::Event {
            at,
            seq: None,
            event: event.clone(),
        });
        let step = self.dialog.step_id();
        let turn = self.dialog.handle(at, event);
        self.take(step, turn);
    }

    fn take(&mut self, step: StepId, turn: Turn) {
        let at = self.at;
        self.wake_at = turn.wake_at;
        for action in turn.actions {
            self.caller.apply(at, &action);
            self.ask(at, &action);
            self.entries.push(Entry::Action { at, action });
        }
        let items = self.caller.course.items.get(self.steps.len()..);
        let mut way = Way::new(self.dialog.bundle(), step, self.dialog.trail());
        for item in items.unwrap_or_default() {
            self.steps.push(way.led_to(item));
        }
        let ended = matches!(self.entries.last(), Some(Entry::Ended { .. }));
        if let Some(disposition) = self.dialog.disposition().filter(|_| !ended) {
            self.entries.push(Entry::Ended { at, disposition });
        }
    }

    /// What a back end will answer, and when; known only if it answered the same question.
    fn ask(&mut self, at: CallTime, action: &Action) {
        let ends_at = self.testimony.ends_at;
        let answered = if let Action::LookUp(lookup) = action {
            let known = self.testimony.look_ups.iter().enumerate();
            let mut known = known.filter(|(_, asked)| asked.question == *lookup);
            // Asked more often than recorded, a back end answers as it did last.
            let fresh = known.clone().find(|(at, _)| !self.used.contains(at));
            let Some((place, known)) = fresh.or_else(|| known.next_back()) else {
                return self.never_met(at, Stimulus::LookUp(lookup.kind()));
            };
            self.used.push(place);
            let event = |finding: &Finding| Event::Found(finding.clone());
            let answer = known.answer.as_ref().map(|(ms, found)| (*ms, event(found)));
            (answer, known.at, Stimulus::LookUp(lookup.kind()))
        } else if let Action::CreateTicket(order, _) = action {
            let same = |asked: &&Asked<TicketOrder, _>| asked.question.login == order.login;
            let Some(known) = self.testimony.tickets.iter().find(same) else {
                return self.never_met(at, Stimulus::Ticket);
            };
            let event = |(ms, result): &(u32, _)| (*ms, ticket(result));
            (known.answer.as_ref().map(event), known.at, Stimulus::Ticket)
        } else {
            return;
        };
        self.coming.push(match answered {
            (Some((after_ms, event)), _, _) => (at.plus(after_ms), Coming::Answer(event)),
            (None, asked_at, stimulus) => {
                // Up to its last moment the recording says that none came.
                let silent_ms = ends_at.since(asked_at).saturating_add(1);
                (at.plus(silent_ms), Coming::Doubt(stimulus))
            }
        });
    }

    fn never_met(&mut self, at: CallTime, stimulus: Stimulus) {
        let why = Why::NeverMet;
        self.unknown.get_or_insert(Unknown { at, stimulus, why });
    }

    /// What the recording ended before the answer of, and what the call now makes something of.
    fn doubtful(&self) -> Option<Stimulus> {
        let over = matches!(
            self.dialog.waits(),
            Waits::Ending | Waits::Connected | Waits::Nothing
        );
        let mut doubts = self.doubts.iter().copied().filter(|_| !over);
        doubts.find(|doubt| match doubt {
            Stimulus::LookUp(kind) => self.dialog.is_running(*kind) && self.reads(*kind),
            Stimulus::Asked(_)
            | Stimulus::Told(_)
            | Stimulus::Ticket
            | Stimulus::Transfer(_)
            | Stimulus::Call => matches!(
                self.dialog.ticket(),
                TicketIs::Ordered | TicketIs::Unconfirmed
            ),
        })
    }

    /// Whether a look-up is waited for, or told when it comes, or was asked for a fact just now. The
    /// line is only tested once the outage is known.
    fn reads(&self, kind: LookupKind) -> bool {
        let waits = self.dialog.waits();
        let line_test = waits == Waits::Finding(LookupKind::LineTest);
        let waits = waits == Waits::Finding(kind) || (line_test && kind == LookupKind::Outage);
        let flow = &self.dialog.bundle().flow;
        let asked = |passed: &Passed| match passed {
            Passed::Entered(step) => {
                matches!(flow.step(*step).body, Body::When(fact) if fact.reads() == Some(kind))
            }
            Passed::Left(..) | Passed::Late(..) | Passed::Broke(_) => false,
        };
        waits || self.dialog.is_late(kind) || self.dialog.trail().iter().any(asked)
    }
}

fn ticket(result: &TicketResult) -> Event {
    Event::TicketFinished(result.clone())
}

fn same_answer(one: &Event, other: &Event) -> bool {
    match (one, other) {
        (Event::Found(one), Event::Found(other)) => one.kind() == other.kind(),
        (Event::TicketFinished(_), Event::TicketFinished(_)) => true,
        _ => false,
    }
}
