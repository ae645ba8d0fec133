//! The caller of a recording at a simulated media side: he does what he did, at the same stimulus
//! and the same reaction time, and nothing else. Where the recording has no answer, he says so.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::call::BargeIn;
use crate::caller::MediaSide;
use crate::dialog::action::{Action, Listen, Transfer};
use crate::dialog::event::{Event, PlaybackCause, TransferResult};
use crate::journal::Entry;
use crate::replay::adapt::adapted;
use crate::replay::testimony::{Act, Place, Point, Testimony, always_acts, is_act, left};
use crate::replay::told::{Course, Facts};
use crate::replay::unknown::{Stimulus, Unknown, Why};
use crate::time::CallTime;

/// The caller of one recorded call.
#[derive(Debug)]
pub(super) struct RecordedCaller {
    facts: Arc<Facts>,
    testimony: Arc<Testimony>,
    pub(super) media: MediaSide,
    pub(super) course: Course,
    place: Place,
    since: CallTime,
    begins: CallTime,
    point: Option<Point>,
    /// When the first act of the stretch was done.
    began: Option<CallTime>,
    acts: VecDeque<Act>,
    unknown: Option<Unknown>,
    /// An answer was carried over to a question in other words.
    pub(super) reworded: bool,
    /// The recording is followed as it is: what was not answered there made no difference.
    follows: bool,
}

impl RecordedCaller {
    /// At the beginning of the call.
    pub(super) fn new(facts: Arc<Facts>, testimony: Arc<Testimony>) -> Self {
        let mut caller = Self {
            facts,
            testimony,
            media: MediaSide::default(),
            course: Course::default(),
            place: Place::Start,
            since: CallTime::ZERO,
            begins: CallTime::ZERO,
            point: None,
            began: None,
            acts: VecDeque::new(),
            unknown: None,
            reworded: false,
            follows: false,
        };
        caller.open(Place::Start, CallTime::ZERO);
        caller
    }

    /// What has no answer, if anything was met that has none.
    pub(super) fn unknown(&self) -> Option<Unknown> {
        self.unknown.clone()
    }

    /// Does what Dana asks.
    pub(super) fn apply(&mut self, at: CallTime, action: &Action) {
        self.course.take(&self.facts, action);
        // The gateway took its time to answer.
        if matches!(action, Action::Answer) && self.acts.iter().any(|act| answers(&act.event)) {
            return;
        }
        self.media.apply(at, action);
        match action {
            Action::Listen(listen) => self.listen(at, listen),
            Action::Transfer(transfer) => self.transfer(at, transfer),
            Action::StopListening => self.answered(at),
            Action::Answer
            | Action::Reject { .. }
            | Action::Play(_)
            | Action::StopPlayback
            | Action::HangUp { .. }
            | Action::LookUp(_)
            | Action::CreateTicket(..) => {}
        }
    }

    /// Follows what is recorded of the call up to here.
    pub(super) fn follow(&mut self, entries: &[Entry]) {
        self.follows = true;
        for entry in entries {
            match entry {
                Entry::Action { at, action } => self.apply(*at, action),
                Entry::Event { at, event, .. } => self.told(*at, event),
                Entry::Header(_) | Entry::Gap { .. } | Entry::Ended { .. } => {}
            }
        }
        self.follows = false;
    }

    fn told(&mut self, at: CallTime, event: &Event) {
        if !self.media.still_has(event) {
            return;
        }
        if is_act(self.place, event, &self.media) && !self.acts.is_empty() {
            self.acts.pop_front();
            self.began.get_or_insert(at);
        }
        self.media.told(at, event);
        self.notice(at, event);
    }

    /// When something happens by itself.
    pub(super) fn next(&self) -> Option<CallTime> {
        let act = self.due().filter(|_| !self.media.has_ended());
        self.media.next().into_iter().chain(act).min()
    }

    /// What has happened by `at`, in order.
    pub(super) fn advance(&mut self, at: CallTime) -> Vec<Event> {
        let mut events = self.media.advance(at);
        if events.is_empty()
            && !self.media.has_ended()
            && self.due().is_some_and(|due| due <= at)
            && let Some(act) = self.acts.pop_front()
        {
            self.began.get_or_insert(at);
            self.act(at, &act);
            events = self.media.advance(at);
        }
        for event in &events {
            self.notice(at, event);
        }
        events
    }

    fn due(&self) -> Option<CallTime> {
        let act = self.acts.front()?;
        if let Some(began) = self.began {
            return Some(began.plus(act.after_ms));
        }
        match self.point? {
            Point::Since(ms) => Some(self.since.plus(ms)),
            Point::AfterEnd(ms) => {
                let quiet = self.media.quiet_since()?;
                Some(quiet.max(self.since).plus(ms))
            }
            Point::Over(ms) => {
                let at = i64::from(self.begins.ms()).saturating_add(ms);
                let at = CallTime::from_ms(u32::try_from(at).unwrap_or(0));
                Some(at.max(self.since))
            }
        }
    }

    /// A new stretch, with what happened in the one of the recording.
    fn open(&mut self, place: Place, at: CallTime) {
        self.place = place;
        self.since = at;
        self.begins = at;
        self.began = None;
        if self.follows {
            self.unknown = None;
        }
        let known = self.testimony.stretches.get(&place);
        self.point = known.and_then(|stretch| stretch.point);
        self.acts.clear();
        let acts = known.into_iter().flat_map(|stretch| &stretch.acts);
        self.acts.extend(acts.cloned());
    }

    fn listen(&mut self, at: CallTime, listen: &Listen) {
        let Some(asked) = self.course.asked else {
            return;
        };
        let early = self.acts.iter().any(|act| is_loose(&act.event));
        self.open(Place::Asked(asked), at);
        self.begins = self.media.begins(listen.after_playback).unwrap_or(at);
        let testimony = Arc::clone(&self.testimony);
        let stretch = testimony.stretches.get(&self.place);
        let known = stretch.and_then(|stretch| Some((stretch, stretch.listen.as_ref()?)));
        let answer = match known {
            None => Err(Why::NeverMet),
            Some(_) if early => Err(Why::Sooner),
            Some((stretch, _)) if !same(&stretch.told, &self.course.told) => Err(Why::OtherFacts),
            Some((stretch, was)) => adapted(stretch, was, listen).map(|acts| (stretch, acts)),
        };
        match answer {
            Ok((stretch, acts)) => {
                self.acts = acts;
                self.reworded |= self.media.words(listen.after_playback) != stretch.words;
            }
            Err(why) => self.lost(at, Stimulus::Asked(asked), why),
        }
    }

    fn transfer(&mut self, at: CallTime, transfer: &Transfer) {
        let queue = transfer.queue;
        let last = self.media.last_begins();
        self.open(Place::Transfer(queue, self.course.transfers(queue)), at);
        self.begins = last.unwrap_or(at);
        let stretch = self.testimony.stretches.get(&self.place);
        let ring_timeout_ms = stretch.map_or(0, |stretch| stretch.ring_timeout_ms);
        let rung_out = self.acts.iter().any(|act| {
            let no_answer = TransferResult::NoAnswer;
            matches!(&act.event, Event::TransferFinished { result, .. } if *result == no_answer)
        });
        if self.acts.is_empty() {
            let met = ring_timeout_ms > 0;
            let why = if met { Why::NoAnswer } else { Why::NeverMet };
            self.lost(at, Stimulus::Transfer(queue), why);
        } else if rung_out && transfer.ring_timeout_ms > ring_timeout_ms {
            self.lost(at, Stimulus::Transfer(queue), Why::CutShort);
        }
    }

    fn answered(&mut self, at: CallTime) {
        if let Place::Asked(asked) = self.place {
            self.course.answered();
            self.open(Place::After(asked), at);
        }
    }

    fn notice(&mut self, at: CallTime, event: &Event) {
        match left(self.place, event) {
            Some(Place::After(_)) => self.answered(at),
            Some(place) => self.open(place, at),
            None => {}
        }
    }

    fn act(&mut self, at: CallTime, act: &Act) {
        let why = match &act.event {
            Event::ActionFailed { .. } => Some(Why::GatewayFailed),
            Event::PlaybackFinished { cause, .. } => match cause {
                PlaybackCause::Failed => Some(Why::GatewayFailed),
                PlaybackCause::BargeInDtmf => self.deaf(BargeIn::Dtmf),
                PlaybackCause::Completed
                | PlaybackCause::BargeInSpeech
                | PlaybackCause::Stopped
                | PlaybackCause::CallEnded => self.deaf(BargeIn::Any),
            },
            Event::SpeechStarted => self.deaf(BargeIn::Any),
            Event::DtmfReceived { digit, .. } if !always_acts(*digit) => self.deaf(BargeIn::Dtmf),
            Event::DtmfReceived { .. } | Event::CallEnded { .. } => self.elsewhere(act),
            Event::Answered => {
                self.media.apply(at, &Action::Answer);
                None
            }
            Event::ListenFinished { .. }
            | Event::TransferFinished { .. }
            | Event::TransferProgress { .. }
            | Event::Found(_)
            | Event::TicketFinished(_)
            | Event::Resumed
            | Event::Woke
            | Event::Unknown => None,
        };
        match why {
            Some(why) => self.lost(at, self.stimulus(), why),
            None => self.media.relay(&act.event),
        }
    }

    fn deaf(&self, means: BargeIn) -> Option<Why> {
        (!self.media.may_be_cut(means)).then_some(Why::NotHeard)
    }

    /// Between questions, the caller had been told just that much.
    fn elsewhere(&self, act: &Act) -> Option<Why> {
        let between = matches!(
            self.place,
            Place::Start | Place::After(_) | Place::AfterTransfer(..)
        );
        let stretch = self.testimony.stretches.get(&self.place);
        let told = stretch.map_or(&[][..], |stretch| &stretch.told);
        let told = told.get(..act.told).unwrap_or(told);
        (between && !same(told, &self.course.told)).then_some(Why::OtherFacts)
    }

    fn stimulus(&self) -> Stimulus {
        match self.place {
            Place::Start => Stimulus::Told(None),
            Place::Asked(asked) => Stimulus::Asked(asked),
            Place::After(asked) => Stimulus::Told(Some(asked)),
            Place::Transfer(queue, _) | Place::AfterTransfer(queue, _) => Stimulus::Transfer(queue),
        }
    }

    fn lost(&mut self, at: CallTime, stimulus: Stimulus, why: Why) {
        self.acts.clear();
        self.unknown.get_or_insert(Unknown { at, stimulus, why });
    }
}

/// A key for the operator or the end of the call, outside of any question.
fn is_loose(event: &Event) -> bool {
    if let Event::DtmfReceived { digit, .. } = event {
        always_acts(*digit)
    } else {
        matches!(event, Event::CallEnded { .. })
    }
}

fn answers(event: &Event) -> bool {
    *event == Event::Answered
}

/// The same facts, in whatever order and how often.
fn same(one: &[Arc<str>], other: &[Arc<str>]) -> bool {
    one.iter().all(|fact| other.contains(fact)) && other.iter().all(|fact| one.contains(fact))
}
