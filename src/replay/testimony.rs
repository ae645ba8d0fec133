//! What a recording bears witness to: each stimulus that its caller and the back ends met, and how
//! each of them answered, when. Only what is recorded; no answer is ever made up.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::call::{BargeIn, Digit, Queue};
use crate::caller::MediaSide;
use crate::dialog::action::{Action, Listen};
use crate::dialog::event::{EndedBy, Event, ListenCause, PlaybackCause, TransferResult};
use crate::journal::Entry;
use crate::lookup::{Finding, Lookup, TicketOrder, TicketResult};
use crate::replay::told::{Asking, Course, Fact, Facts};
use crate::time::CallTime;

/// A stretch of a call, by the stimulus that it follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// From the offer on.
    Start,
    /// While a question waits for its answer.
    Asked(Asking),
    /// From the answer on.
    After(Asking),
    /// While the n-th transfer to a queue rings.
    Transfer(Queue, u16),
    /// When it did not connect.
    AfterTransfer(Queue, u16),
}

/// When the caller first did something there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Point {
    /// So long after the stretch began.
    Since(u32),
    /// So long after all was played.
    AfterEnd(u32),
    /// So long after the last prompt began, or, below 0, before it would have.
    Over(i64),
}

/// Something that happened, and how long after the first of its stretch.
#[derive(Clone, Debug)]
pub(super) struct Act {
    pub(super) after_ms: u32,
    pub(super) event: Event,
    /// How many facts had been told by then, since the last answer.
    pub(super) told: usize,
}

/// What happened in a stretch.
#[derive(Clone, Debug, Default)]
pub(super) struct Stretch {
    pub(super) point: Option<Point>,
    pub(super) acts: Vec<Act>,
    /// What was told since the last answer: before the question, or by the end of the stretch.
    pub(super) told: Vec<Fact>,
    /// The question as it was asked.
    pub(super) listen: Option<Listen>,
    /// The words of the question.
    pub(super) words: Vec<Arc<str>>,
    /// The caller said nothing.
    pub(super) silence: bool,
    /// How long the transfer might have rung.
    pub(super) ring_timeout_ms: u32,
}

/// What was asked of a back end, and its answer with the time that it took; or for how long it is
/// known that none came.
#[derive(Clone, Debug)]
pub(super) struct Asked<Q, A> {
    pub(super) question: Q,
    pub(super) at: CallTime,
    pub(super) answer: Option<(u32, A)>,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Testimony {
    pub(super) stretches: BTreeMap<Place, Stretch>,
    pub(super) look_ups: Vec<Asked<Lookup, Finding>>,
    pub(super) tickets: Vec<Asked<TicketOrder, TicketResult>>,
    /// The last thing that is known.
    pub(super) ends_at: CallTime,
    /// The course of the recorded call.
    pub(super) course: Course,
}

/// Reads it off the entries of a whole call.
pub(super) fn testimony(facts: &Facts, entries: &[Entry]) -> Testimony {
    let mut witness = Witness {
        facts,
        media: MediaSide::default(),
        place: Place::Start,
        since: CallTime::ZERO,
        first: CallTime::ZERO,
        begins: CallTime::ZERO,
        heard: Testimony::default(),
    };
    witness.open(Place::Start, CallTime::ZERO);
    for entry in entries {
        match entry {
            Entry::Event { at, event, .. } => witness.event(*at, event),
            Entry::Action { at, action } => witness.action(*at, action),
            Entry::Ended { at, .. } => witness.heard.ends_at = *at,
            Entry::Header(_) | Entry::Gap { .. } => {}
        }
    }
    witness.heard
}

struct Witness<'a> {
    facts: &'a Facts,
    media: MediaSide,
    place: Place,
    /// When the stretch began, when its first act was, when its last prompt begins.
    since: CallTime,
    first: CallTime,
    begins: CallTime,
    heard: Testimony,
}

impl Witness<'_> {
    fn open(&mut self, place: Place, at: CallTime) {
        self.place = place;
        self.since = at;
        self.begins = at;
        self.heard.stretches.entry(place).or_default();
    }

    fn stretch(&mut self) -> &mut Stretch {
        self.heard.stretches.entry(self.place).or_default()
    }

    fn action(&mut self, at: CallTime, action: &Action) {
        self.media.apply(at, action);
        self.heard.course.take(self.facts, action);
        self.heard.ends_at = at;
        match action {
            Action::Listen(listen) => {
                let Some(asked) = self.heard.course.asked else {
                    return;
                };
                self.open(Place::Asked(asked), at);
                self.begins = self.media.begins(listen.after_playback).unwrap_or(at);
                let words = self.media.words(listen.after_playback);
                let stretch = self.stretch();
                stretch.words = words;
                stretch.listen = Some(listen.clone());
            }
            Action::Transfer(transfer) => {
                let nth = self.heard.course.transfers(transfer.queue);
                let last = self.media.last_begins();
                self.open(Place::Transfer(transfer.queue, nth), at);
                self.begins = last.unwrap_or(at);
                self.stretch().ring_timeout_ms = transfer.ring_timeout_ms;
            }
            Action::StopListening => self.answered(at),
            Action::LookUp(lookup) => ask(&mut self.heard.look_ups, lookup, at),
            Action::CreateTicket(order, _) => ask(&mut self.heard.tickets, order, at),
            Action::Answer
            | Action::Reject { .. }
            | Action::Play(_)
            | Action::StopPlayback
            | Action::HangUp { .. } => {}
        }
        let told = &self.heard.course.told;
        let stretch = self.heard.stretches.entry(self.place).or_default();
        if stretch.told != *told {
            stretch.told.clone_from(told);
        }
    }

    fn event(&mut self, at: CallTime, event: &Event) {
        self.heard.ends_at = at;
        if let Event::Found(finding) = event {
            let of_kind = |asked: &&mut Asked<Lookup, Finding>| {
                asked.question.kind() == finding.kind() && asked.answer.is_none()
            };
            if let Some(asked) = self.heard.look_ups.iter_mut().find(of_kind) {
                asked.answer = Some((at.since(asked.at), finding.clone()));
            }
        } else if let Event::TicketFinished(result) = event
            && let Some(asked) = self.heard.tickets.last_mut()
            && asked.answer.is_none()
        {
            asked.answer = Some((at.since(asked.at), result.clone()));
        }
        // What was stopped in the meantime answers nothing any more.
        if !self.media.still_has(event) {
            return;
        }
        if is_silence(event) {
            self.stretch().silence = true;
        } else if is_act(self.place, event, &self.media) {
            self.act(at, event);
        }
        self.media.told(at, event);
        match left(self.place, event) {
            Some(Place::After(_)) => self.answered(at),
            Some(place) => self.open(place, at),
            None => {}
        }
    }

    fn act(&mut self, at: CallTime, event: &Event) {
        let quiet = self.media.quiet_since();
        let (since, begins) = (self.since, self.begins);
        let waits = matches!(self.place, Place::Asked(_) | Place::Transfer(..));
        let told = self.heard.course.told.len();
        if self.stretch().point.is_none() {
            let point = match quiet {
                _ if !waits => Point::Since(at.since(since)),
                Some(quiet) => Point::AfterEnd(at.since(quiet.max(since))),
                None => Point::Over(i64::from(at.ms()) - i64::from(begins.ms())),
            };
            self.first = at;
            self.stretch().point = Some(point);
        }
        let after_ms = at.since(self.first);
        let event = event.clone();
        self.stretch().acts.push(Act {
            after_ms,
            event,
            told,
        });
    }

    fn answered(&mut self, at: CallTime) {
        if let Place::Asked(asked) = self.place {
            self.heard.course.answered();
            self.open(Place::After(asked), at);
        }
    }
}

/// Asked again while it is not answered, after a reconnect, it is the same question.
fn ask<Q: Clone + PartialEq, A>(asked: &mut Vec<Asked<Q, A>>, question: &Q, at: CallTime) {
    let open = |asked: &&mut Asked<Q, A>| asked.question == *question && asked.answer.is_none();
    if let Some(open) = asked.iter_mut().find(open) {
        open.at = at;
        return;
    }
    asked.push(Asked {
        question: question.clone(),
        at,
        answer: None,
    });
}

/// Whether a listen that ended so was ended by caller or recogniser.
const fn ends(cause: ListenCause) -> bool {
    !matches!(cause, ListenCause::Stopped | ListenCause::CallEnded)
}

/// The stretch that an event leads to.
pub(super) fn left(place: Place, event: &Event) -> Option<Place> {
    match (place, event) {
        (Place::Asked(asked), Event::ListenFinished { cause, .. }) if ends(*cause) => {
            Some(Place::After(asked))
        }
        (Place::Transfer(queue, nth), Event::TransferFinished { result, .. })
            if *result != TransferResult::CallEnded =>
        {
            Some(Place::AfterTransfer(queue, nth))
        }
        _ => None,
    }
}

fn is_silence(event: &Event) -> bool {
    matches!(
        event,
        Event::ListenFinished {
            cause: ListenCause::NoInput,
            ..
        }
    )
}

/// Keys that act wherever they are pressed.
pub(super) const fn always_acts(digit: Digit) -> bool {
    matches!(digit.as_char(), '0' | '*')
}

/// Whether an event is something that the caller, an operator or a failing gateway did there: what
/// else a media side tells follows from the actions.
pub(super) fn is_act(place: Place, event: &Event, media: &MediaSide) -> bool {
    let asked = matches!(place, Place::Asked(_));
    match event {
        // How Dana or an operator ends a call follows from the actions.
        Event::CallEnded { by, .. } => matches!(by, EndedBy::Caller | EndedBy::Network),
        Event::ActionFailed { .. } => true,
        Event::PlaybackFinished { cause, .. } => match cause {
            PlaybackCause::Failed => true,
            PlaybackCause::BargeInDtmf | PlaybackCause::BargeInSpeech => asked,
            PlaybackCause::Completed | PlaybackCause::Stopped | PlaybackCause::CallEnded => false,
        },
        Event::Answered => place == Place::Start,
        Event::SpeechStarted => asked,
        Event::ListenFinished { cause, .. } => asked && ends(*cause),
        Event::DtmfReceived { digit, .. } => {
            let heard = asked && media.may_be_cut(BargeIn::Dtmf);
            heard || (always_acts(*digit) && !matches!(place, Place::Transfer(..)))
        }
        Event::TransferFinished { result, .. } => *result != TransferResult::CallEnded,
        Event::TransferProgress { .. }
        | Event::Found(_)
        | Event::TicketFinished(_)
        | Event::Resumed
        | Event::Woke
        | Event::Unknown => false,
    }
}
