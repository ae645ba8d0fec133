//! The call's record (CDR), folded from its journal: nothing else is counted anywhere.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::call::{CallId, Disposition, PhoneNumber, Question, Queue, TransferReason, named};
use crate::dialog::action::Action;
use crate::dialog::event::{EndedBy, Event, ListenCause, PlaybackCause, TransferResult};
use crate::journal::Entry;
use crate::journal::Header;
use crate::lookup::LookupKind;
use crate::lookup::TicketResult;
use crate::time::CallTime;
use crate::time::WallTime;

/// One call. Serialised it holds the whole number; displayed it is masked. Times are milliseconds
/// since `began`. Where a call has several records, the last one stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cdr {
    /// The gateway's name of the call.
    pub call: CallId,
    /// Unique over restarts of gateways.
    pub call_key: Arc<str>,
    /// The calling number.
    pub from: Option<PhoneNumber>,
    /// The dialled number.
    pub to: String,
    /// When it was offered.
    pub began: WallTime,
    /// When media was up; `None`: never.
    pub answered_ms: Option<u32>,
    /// When it ended; `None`: it went on elsewhere, or was lost.
    pub ended_ms: Option<u32>,
    /// From the offer to the last thing known.
    pub duration_ms: u32,
    /// Hash of the bundle.
    pub bundle: Arc<str>,
    /// How it ended for the business; `None` as for `ended_ms`.
    pub disposition: Option<Disposition>,
    /// What was going on when the caller hung up; `None` if he did not.
    #[serde(default)]
    pub left_at: Option<LeftAt>,
    /// Hand-overs, in order.
    pub transfers: Vec<TransferRecord>,
    /// Tickets ordered, in order; the same key once.
    pub tickets: Vec<TicketRecord>,
    /// What was asked of the back ends, in order.
    pub look_ups: Vec<LookupRecord>,
    /// What the caller was asked, in order; the same question asked again at once is one.
    pub questions: Vec<QuestionRecord>,
    /// The sum of the questions' misses.
    pub misses: u32,
    /// Time between answer and end in which nothing played, listened or rang.
    pub dead_air_ms: u32,
    /// The longest piece of that.
    pub longest_silence_ms: u32,
    /// How often the call was resumed.
    pub resumes: u32,
    /// Journal entries that were lost: the record may lack what they held.
    pub gaps: u64,
}

named! {
    /// What was going on when a caller hung up.
    LeftAt {
        /// He was asked something, or could have answered already.
        Question = "question",
        /// Something was said to him.
        Prompt = "prompt",
        /// It rang at the operators.
        Transfer = "transfer",
        /// Nothing: he waited.
        Wait = "wait",
    }
}

/// One hand-over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferRecord {
    /// To whom.
    pub queue: Queue,
    /// Why.
    pub reason: TransferReason,
    /// How it ended.
    pub result: Option<TransferResult>,
}

/// One ticket order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketRecord {
    /// `externalId` at the ticket system.
    pub key: String,
    /// How it ended.
    pub result: Option<TicketResult>,
}

/// One look-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupRecord {
    /// What was asked.
    pub kind: LookupKind,
    /// Class of the finding (`one`, `cable_fault` …; an overdue ticket is `open`), if it came.
    pub class: Option<Cow<'static, str>>,
    /// From the asking to the answer.
    pub ms: Option<u32>,
}

/// One visit of a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionRecord {
    /// Which.
    pub question: Question,
    /// How the last asking ended.
    pub outcome: Option<ListenCause>,
    /// Askings that did not lead on: asked again, or a last one that heard nothing to understand.
    pub misses: u32,
}

/// The record of a whole journal; `None` without a header.
pub fn fold(entries: &[Entry]) -> Option<Cdr> {
    let mut fold = Fold::default();
    for entry in entries {
        fold.push(entry);
    }
    fold.finish()
}

/// The silences of a call: the entry that ended each, by its place, and how long it was.
pub fn silences(entries: &[Entry]) -> Vec<(usize, u32)> {
    let mut fold = Fold::default();
    let so_far = |fold: &Fold| fold.record.as_ref().map_or(0, |record| record.dead_air_ms);
    let mut silences = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        let before = so_far(&fold);
        fold.push(entry);
        let silence = so_far(&fold).saturating_sub(before);
        if silence > 0 {
            silences.push((place, silence));
        }
    }
    silences
}

/// The segments of one call, first to last, as one journal. A gateway tells again what our newest
/// token did not hold: from there on the earlier segment never happened, and is left out.
pub fn join(segments: impl IntoIterator<Item = Vec<Entry>>) -> Vec<Entry> {
    let seq_of = |entry: &Entry| match entry {
        Entry::Event { seq, .. } => *seq,
        Entry::Header(_) | Entry::Action { .. } | Entry::Gap { .. } | Entry::Ended { .. } => None,
    };
    let mut segments = segments.into_iter();
    let mut joined = segments.next().unwrap_or_default();
    for segment in segments {
        if let Some(first) = segment.iter().find_map(seq_of) {
            let told_again = |entry: &Entry| seq_of(entry).is_some_and(|seq| seq >= first);
            let keep = joined.iter().position(told_again).unwrap_or(joined.len());
            joined.truncate(keep);
        }
        joined.extend(segment);
    }
    joined
}

/// A record that grows entry by entry.
#[derive(Debug, Default)]
pub(super) struct Fold {
    record: Option<Cdr>,
    last: CallTime,
    /// The dialog's own word, and what stands in for it.
    ended: Option<Disposition>,
    hung_up: Option<Disposition>,
    ended_by: Option<EndedBy>,
    media: Media,
    asked_at: Vec<CallTime>,
}

/// What of the call can be heard.
#[derive(Debug, Default)]
struct Media {
    up: bool,
    /// Nothing more is to come: handed over, hung up or over.
    over: bool,
    playing: BTreeSet<u32>,
    listening: Option<u32>,
    transfer: Option<u32>,
    silent_since: Option<CallTime>,
}

impl Media {
    fn is_silent(&self) -> bool {
        let busy = self.listening.is_some() || self.transfer.is_some() || !self.playing.is_empty();
        self.up && !self.over && !busy
    }

    /// What goes on.
    fn now(&self) -> LeftAt {
        match (self.transfer, self.listening) {
            (Some(_), _) => LeftAt::Transfer,
            (None, Some(_)) => LeftAt::Question,
            (None, None) if self.playing.is_empty() => LeftAt::Wait,
            (None, None) => LeftAt::Prompt,
        }
    }

    fn gone(&mut self, id: u32) {
        self.playing.remove(&id);
        self.listening = self.listening.filter(|listen| *listen != id);
        self.transfer = self.transfer.filter(|transfer| *transfer != id);
    }
}

impl Fold {
    /// Takes the next entry.
    pub(super) fn push(&mut self, entry: &Entry) {
        match entry {
            Entry::Header(header) => self.header(header),
            Entry::Event { at, event, .. } => self.event(*at, event),
            Entry::Action { at, action } => self.action(*at, action),
            Entry::Gap { entries } => {
                if let Some(record) = &mut self.record {
                    record.gaps = record.gaps.saturating_add(*entries);
                }
            }
            Entry::Ended { at, disposition } => {
                self.ended = Some(*disposition);
                self.media.over = true;
                self.end(*at);
                self.settle(*at);
            }
        }
    }

    /// The record of all that was taken; `None` without a header.
    pub(super) fn finish(self) -> Option<Cdr> {
        let disposition = self.disposition();
        let mut record = self.record?;
        record.disposition = disposition;
        record.duration_ms = record.ended_ms.unwrap_or_else(|| self.last.ms());
        record.misses = record
            .questions
            .iter()
            .map(|question| question.misses)
            .sum();
        Some(record)
    }

    /// Takes the head of a segment.
    pub(super) fn header(&mut self, header: &Header) {
        if let Some(record) = &mut self.record {
            record.resumes = header.resume;
            return;
        }
        self.record = Some(Cdr {
            call: header.offer.call.clone(),
            call_key: Arc::clone(&header.offer.call_key),
            from: header.offer.from.clone(),
            to: header.offer.to.clone(),
            began: header.offer.began,
            answered_ms: None,
            ended_ms: None,
            duration_ms: 0,
            bundle: Arc::clone(&header.bundle),
            disposition: None,
            left_at: None,
            transfers: Vec::new(),
            tickets: Vec::new(),
            look_ups: Vec::with_capacity(LookupKind::ALL.len()),
            questions: Vec::new(),
            misses: 0,
            dead_air_ms: 0,
            longest_silence_ms: 0,
            resumes: header.resume,
            gaps: 0,
        });
    }

    /// Takes an event.
    pub(super) fn event(&mut self, at: CallTime, event: &Event) {
        self.happened(at, event);
        self.settle(at);
    }

    fn happened(&mut self, at: CallTime, event: &Event) {
        let Some(record) = &mut self.record else {
            return;
        };
        match event {
            Event::Answered => {
                record.answered_ms.get_or_insert_with(|| at.ms());
                self.media.up = true;
            }
            Event::PlaybackFinished {
                playback, cause, ..
            } => {
                self.media.gone(*playback);
                if *cause == PlaybackCause::CallEnded {
                    record.left_at.get_or_insert(LeftAt::Prompt);
                }
            }
            Event::ActionFailed { action, .. } => self.media.gone(*action),
            Event::ListenFinished { listen, cause, .. } => {
                self.media.gone(*listen);
                if *cause == ListenCause::CallEnded {
                    record.left_at = Some(LeftAt::Question);
                }
                if let Some(question) = record.questions.last_mut() {
                    question.outcome = Some(*cause);
                    question.misses += u32::from(is_miss(*cause));
                }
            }
            Event::TransferFinished {
                transfer, result, ..
            } => {
                self.media.gone(*transfer);
                if *result == TransferResult::CallEnded {
                    record.left_at = Some(LeftAt::Transfer);
                }
                self.media.over |= *result == TransferResult::Connected;
                if let Some(transfer) = record.transfers.last_mut() {
                    transfer.result = Some(*result);
                }
            }
            Event::CallEnded { by, .. } => {
                self.ended_by = Some(*by);
                let left_at = record.left_at.unwrap_or_else(|| self.media.now());
                record.left_at = (*by == EndedBy::Caller).then_some(left_at);
                self.media.over = true;
                self.end(at);
            }
            Event::Found(finding) => {
                let asked = record.look_ups.iter_mut().zip(&self.asked_at);
                let mut open = asked.filter(|(l, _)| l.kind == finding.kind() && l.ms.is_none());
                if let Some((look_up, asked_at)) = open.next() {
                    look_up.class = Some(finding.class().into());
                    look_up.ms = Some(at.since(*asked_at));
                }
            }
            Event::TicketFinished(result) => {
                if let Some(ticket) = record.tickets.last_mut() {
                    ticket.result = Some(result.clone());
                }
            }
            Event::DtmfReceived { .. }
            | Event::SpeechStarted
            | Event::TransferProgress { .. }
            | Event::Resumed
            | Event::Woke
            | Event::Unknown => {}
        }
    }

    /// Takes an action.
    pub(super) fn action(&mut self, at: CallTime, action: &Action) {
        self.done(at, action);
        self.settle(at);
    }

    fn done(&mut self, at: CallTime, action: &Action) {
        let Some(record) = &mut self.record else {
            return;
        };
        match action {
            Action::Answer => {}
            Action::Reject { .. } => self.media.over = true,
            Action::Play(play) => {
                self.media.playing.insert(play.id);
            }
            Action::StopPlayback => self.media.playing.clear(),
            Action::Listen(listen) => {
                self.media.listening = Some(listen.id);
                match record.questions.last_mut() {
                    Some(last) if last.question == listen.question => {
                        // A miss that the gateway told is counted already.
                        last.misses += u32::from(!last.outcome.is_some_and(is_miss));
                        last.outcome = None;
                    }
                    Some(_) | None => record.questions.push(QuestionRecord {
                        question: listen.question,
                        outcome: None,
                        misses: 0,
                    }),
                }
            }
            Action::StopListening => self.media.listening = None,
            Action::Transfer(transfer) => {
                self.media.transfer = Some(transfer.id);
                record.transfers.push(TransferRecord {
                    queue: transfer.queue,
                    reason: transfer.reason,
                    result: None,
                });
            }
            Action::HangUp { disposition, .. } => {
                self.hung_up = Some(*disposition);
                self.media.over = true;
            }
            Action::LookUp(lookup) => {
                self.asked_at.push(at);
                record.look_ups.push(LookupRecord {
                    kind: lookup.kind(),
                    class: None,
                    ms: None,
                });
            }
            Action::CreateTicket(order, _) => {
                if record
                    .tickets
                    .last()
                    .is_none_or(|ticket| ticket.key != order.key)
                {
                    record.tickets.push(TicketRecord {
                        key: order.key.clone(),
                        result: None,
                    });
                }
            }
        }
    }

    fn end(&mut self, at: CallTime) {
        if let Some(record) = &mut self.record {
            record.ended_ms.get_or_insert_with(|| at.ms());
        }
    }

    /// Closes or opens a piece of silence after what happened at `at`.
    fn settle(&mut self, at: CallTime) {
        self.last = self.last.max(at);
        match (self.media.silent_since, self.media.is_silent()) {
            (None, true) => self.media.silent_since = Some(at),
            (Some(since), false) => {
                self.media.silent_since = None;
                let silence = at.since(since);
                if let Some(record) = &mut self.record {
                    record.dead_air_ms = record.dead_air_ms.saturating_add(silence);
                    record.longest_silence_ms = record.longest_silence_ms.max(silence);
                }
            }
            (None, false) | (Some(_), true) => {}
        }
    }

    /// The dialog's word; without it, what the call's end says; `None` while there is no end.
    fn disposition(&self) -> Option<Disposition> {
        if let Some(said) = self.ended.or(self.hung_up) {
            return Some(said);
        }
        let record = self.record.as_ref()?;
        let connected = |t: &&TransferRecord| t.result == Some(TransferResult::Connected);
        if let Some(transfer) = record.transfers.iter().find(connected) {
            return Some(match transfer.queue {
                Queue::Operator => Disposition::TransferredOperator,
                Queue::Universal => Disposition::TransferredUniversal,
            });
        }
        let by = self.ended_by?;
        let ticket = record.tickets.last().map(|ticket| ticket.result.as_ref());
        Some(match (ticket, by) {
            (Some(Some(TicketResult::Created { .. })), _) => Disposition::TicketCreated,
            (Some(Some(TicketResult::Unconfirmed) | None), _) => Disposition::TicketUnconfirmed,
            (_, EndedBy::Caller) => Disposition::CallerHungUp,
            (_, EndedBy::Dana | EndedBy::Operator | EndedBy::Network) => Disposition::Failed,
        })
    }
}

/// Whether a listen ended with nothing to understand.
fn is_miss(cause: ListenCause) -> bool {
    match cause {
        ListenCause::NoInput
        | ListenCause::NoMatch
        | ListenCause::MaxSpeech
        | ListenCause::Failed => true,
        ListenCause::Speech
        | ListenCause::Digits
        | ListenCause::Stopped
        | ListenCause::CallEnded => false,
    }
}

impl fmt::Display for Cdr {
    /// One line, for people: the number masked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.began.to_rfc3339(), self.call)?;
        match &self.from {
            Some(from) => write!(f, " from {from}")?,
            None => f.write_str(" number withheld")?,
        }
        let ended = self.disposition.map_or("not ended", Disposition::as_str);
        let duration = CallTime::from_ms(self.duration_ms);
        let silence = CallTime::from_ms(self.dead_air_ms);
        write!(f, ": {ended} after {duration} s, {silence} s of dead air")
    }
}
