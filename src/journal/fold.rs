//! How the call's record is folded from its entries, one by one.

use std::sync::Arc;

use crate::call::{Disposition, Queue};
use crate::dialog::action::Action;
use crate::dialog::event::{EndedBy, Event, ListenCause, Offer, PlaybackCause, TransferResult};
use crate::journal::Entry;
use crate::journal::Header;
use crate::journal::cdr::{
    Cdr, LeftAt, LookupRecord, QuestionRecord, TicketRecord, TransferRecord,
};
use crate::lookup::LookupKind;
use crate::lookup::TicketResult;
use crate::time::CallTime;

/// A record that grows entry by entry. Every live call has one.
#[derive(Debug, Default)]
pub(super) struct Fold {
    record: Option<Draft>,
    last: CallTime,
    /// The dialog's own word, and what stands in for it.
    ended: Option<Disposition>,
    hung_up: Option<Disposition>,
    ended_by: Option<EndedBy>,
    media: Media,
}

/// A [`Cdr`] in the making.
#[derive(Debug)]
struct Draft {
    offer: Arc<Offer>,
    bundle: Arc<str>,
    resumes: u32,
    gaps: u64,
    answered_ms: Option<u32>,
    ended_ms: Option<u32>,
    left_at: Option<LeftAt>,
    transfers: Vec<TransferRecord>,
    tickets: Vec<TicketRecord>,
    look_ups: Vec<LookUp>,
    questions: Vec<QuestionRecord>,
    dead_air_ms: u32,
    longest_silence_ms: u32,
}

/// A [`LookupRecord`] in the making.
#[derive(Debug)]
struct LookUp {
    kind: LookupKind,
    asked_at: CallTime,
    /// Class of the finding, and how long it took.
    found: Option<(&'static str, u32)>,
}

/// What of the call can be heard.
#[derive(Debug, Default)]
struct Media {
    up: bool,
    /// Nothing more is to come: handed over, hung up or over.
    over: bool,
    playing: Vec<u32>,
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
        self.playing.retain(|playing| *playing != id);
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

    /// The key of the call; empty without a header.
    pub(super) fn call_key(&self) -> &str {
        let record = self.record.as_ref();
        record.map_or("", |record| &record.offer.call_key)
    }

    /// The silence of all that was taken.
    pub(super) fn dead_air_ms(&self) -> u32 {
        self.record.as_ref().map_or(0, |record| record.dead_air_ms)
    }

    /// The record of all that was taken; `None` without a header.
    pub(super) fn finish(self) -> Option<Cdr> {
        let disposition = self.disposition();
        let record = self.record?;
        let offer = &*record.offer;
        let look_ups = record.look_ups.into_iter().map(|look_up| LookupRecord {
            kind: look_up.kind,
            class: look_up.found.map(|(class, _)| class.into()),
            ms: look_up.found.map(|(_, ms)| ms),
        });
        Some(Cdr {
            call: offer.call.clone(),
            call_key: Arc::clone(&offer.call_key),
            from: offer.from.clone(),
            to: offer.to.clone(),
            began: offer.began,
            answered_ms: record.answered_ms,
            ended_ms: record.ended_ms,
            duration_ms: record.ended_ms.unwrap_or_else(|| self.last.ms()),
            bundle: record.bundle,
            disposition,
            left_at: record.left_at,
            transfers: record.transfers,
            tickets: record.tickets,
            look_ups: look_ups.collect(),
            misses: record.questions.iter().map(|asked| asked.misses).sum(),
            questions: record.questions,
            dead_air_ms: record.dead_air_ms,
            longest_silence_ms: record.longest_silence_ms,
            resumes: record.resumes,
            gaps: record.gaps,
        })
    }

    /// Takes the head of a segment.
    pub(super) fn header(&mut self, header: &Header) {
        if let Some(record) = &mut self.record {
            record.resumes = header.resume;
            return;
        }
        self.record = Some(Draft {
            offer: Arc::clone(&header.offer),
            bundle: Arc::clone(&header.bundle),
            resumes: header.resume,
            gaps: 0,
            answered_ms: None,
            ended_ms: None,
            left_at: None,
            transfers: Vec::new(),
            tickets: Vec::new(),
            look_ups: Vec::with_capacity(LookupKind::ALL.len()),
            questions: Vec::new(),
            dead_air_ms: 0,
            longest_silence_ms: 0,
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
                let mut asked = record.look_ups.iter_mut();
                let open = asked.find(|l| l.kind == finding.kind() && l.found.is_none());
                if let Some(look_up) = open {
                    look_up.found = Some((finding.class(), at.since(look_up.asked_at)));
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
                self.media.playing.push(play.id);
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
                record.look_ups.push(LookUp {
                    kind: lookup.kind(),
                    asked_at: at,
                    found: None,
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
