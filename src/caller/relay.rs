//! What a real media side told, taken as it is: a recorded call is followed, and gone on with where
//! the recording no longer fits. Nothing is decided here about what a caller would do.

use std::sync::Arc;

use crate::call::BargeIn;
use crate::caller::{MediaSide, Ringing, length};
use crate::dialog::event::{Event, PlaybackCause, TransferResult};
use crate::time::CallTime;

impl MediaSide {
    /// Takes an event that a real media side told of the same actions; this one would not tell it
    /// again.
    pub fn told(&mut self, at: CallTime, event: &Event) {
        self.now = self.now.max(at);
        self.out.retain(|own| !is_of_the_same(own, event));
        match event {
            Event::PlaybackFinished { playback, .. } => {
                let place = self.queue.iter().position(|play| play.id == *playback);
                if let Some(place) = place {
                    self.queue.remove(place);
                    self.quiet_since = self.now;
                }
                if place == Some(0) {
                    self.front_since = self.now;
                }
            }
            Event::ListenFinished { listen: id, .. } => {
                if self.listen.as_ref().is_some_and(|listen| listen.id == *id) {
                    self.listen = None;
                    self.relayed = false;
                }
            }
            Event::SpeechStarted => self.relayed = self.listen.is_some(),
            Event::DtmfReceived { .. } => self.relayed |= self.hears_keys(),
            Event::TransferProgress { .. } => {
                if let Some(ringing) = &mut self.transfer {
                    ringing.since = ringing.since.or(Some(self.now));
                }
            }
            Event::TransferFinished { result, .. } => {
                self.transfer = None;
                if *result == TransferResult::Connected {
                    self.connected_at = Some(self.now);
                }
            }
            Event::CallEnded { .. } => self.ended = true,
            Event::Answered
            | Event::ActionFailed { .. }
            | Event::Found(_)
            | Event::TicketFinished(_)
            | Event::Resumed
            | Event::Woke
            | Event::Unknown => {}
        }
    }

    /// What a caller did elsewhere happens here: it cuts what plays, and ends the listen or the
    /// transfer of this call as it ended there.
    pub fn relay(&mut self, act: &Event) {
        if self.ended {
            return;
        }
        match act {
            Event::PlaybackFinished { cause, .. } => self.cut(*cause),
            Event::SpeechStarted => {
                self.out.push(act.clone());
                self.cut(PlaybackCause::BargeInSpeech);
                self.relayed = self.listen.is_some();
            }
            Event::DtmfReceived { .. } => {
                self.out.push(act.clone());
                if self.hears_keys() {
                    self.cut(PlaybackCause::BargeInDtmf);
                    self.relayed = true;
                }
            }
            Event::ListenFinished { .. } => {
                if let Some(listen) = self.listen.take() {
                    let mut act = act.clone();
                    if let Event::ListenFinished { listen: id, .. } = &mut act {
                        *id = listen.id;
                    }
                    self.relayed = false;
                    self.out.push(act);
                }
            }
            Event::TransferFinished {
                result, sip_code, ..
            } => {
                if let Some(Ringing { id, .. }) = self.transfer.take() {
                    self.out.push(Event::TransferFinished {
                        transfer: id,
                        result: *result,
                        sip_code: *sip_code,
                    });
                    let connected = *result == TransferResult::Connected;
                    self.connected_at = connected.then_some(self.now);
                }
            }
            Event::CallEnded { by, sip_code, .. } => self.end(*by, *sip_code),
            Event::Answered
            | Event::TransferProgress { .. }
            | Event::ActionFailed { .. }
            | Event::Found(_)
            | Event::TicketFinished(_)
            | Event::Resumed
            | Event::Woke
            | Event::Unknown => {}
        }
    }

    /// Whether an event tells the end of something that still goes on here, or of nothing at all.
    pub fn still_has(&self, event: &Event) -> bool {
        match event {
            Event::PlaybackFinished { playback: id, .. } => {
                self.queue.iter().any(|play| play.id == *id)
            }
            Event::ListenFinished { listen: id, .. } => {
                self.listen.as_ref().is_some_and(|listen| listen.id == *id)
            }
            Event::TransferFinished { transfer: id, .. } => self
                .transfer
                .as_ref()
                .is_some_and(|ringing| ringing.id == *id),
            Event::Answered
            | Event::DtmfReceived { .. }
            | Event::SpeechStarted
            | Event::TransferProgress { .. }
            | Event::CallEnded { .. }
            | Event::ActionFailed { .. }
            | Event::Found(_)
            | Event::TicketFinished(_)
            | Event::Resumed
            | Event::Woke
            | Event::Unknown => true,
        }
    }

    /// When a `Play` begins or began, if all before it is played; `None` when it is not queued.
    pub fn begins(&self, id: u32) -> Option<CallTime> {
        let place = self.queue.iter().position(|play| play.id == id)?;
        let before = self.queue.iter().take(place).map(length);
        Some(self.front_since.plus(before.fold(0, u32::saturating_add)))
    }

    /// When the last `Play` that is queued begins or began.
    pub fn last_begins(&self) -> Option<CallTime> {
        self.begins(self.queue.back()?.id)
    }

    /// What a `Play` that is queued says, piece by piece.
    pub fn words(&self, id: u32) -> Vec<Arc<str>> {
        let play = self.queue.iter().find(|play| play.id == id);
        let segments = play.into_iter().flat_map(|play| &play.segments);
        segments.map(|segment| Arc::clone(&segment.text)).collect()
    }

    /// Whether all that plays and waits to be played may be cut now by that means.
    pub fn may_be_cut(&self, means: BargeIn) -> bool {
        self.cuttable(means)
    }

    fn hears_keys(&self) -> bool {
        self.listen.is_some() && self.cuttable(BargeIn::Dtmf)
    }
}

/// Whether two events tell the end of one thing.
fn is_of_the_same(own: &Event, told: &Event) -> bool {
    match (own, told) {
        (
            Event::PlaybackFinished { playback: own, .. },
            Event::PlaybackFinished { playback: told, .. },
        )
        | (Event::ListenFinished { listen: own, .. }, Event::ListenFinished { listen: told, .. })
        | (
            Event::TransferFinished { transfer: own, .. },
            Event::TransferFinished { transfer: told, .. },
        ) => own == told,
        _ => own == told,
    }
}
