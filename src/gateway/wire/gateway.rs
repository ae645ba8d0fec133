//! The gateway's side of the contract, for a scripted gateway: events out, turns in.

use std::sync::Arc;

use crate::call::{CallId, Digit, Locale, Login, PhoneNumber, Queue, Said};
use crate::dialog::action::{Action, Listen, Play, Transfer, TransferContext};
use crate::dialog::event::{ActionFailure, Alternative, EndedBy, Event};
use crate::gateway::wire::pb::call_action::Action as Do;
use crate::gateway::wire::pb::call_event::Event as Happened;
use crate::gateway::wire::{
    barge_in, pb, pb_listen_cause, pb_playback_cause, pb_transfer_result, subtag, type_ahead,
};
use crate::prompt::{Segment, estimated_ms};
use crate::time::WallTime;

/// Writes an event, as a gateway would; `None` for what only happens on our side.
pub fn pb_event(seq: u64, offset_ms: u32, event: &Event) -> Option<pb::CallEvent> {
    let happened = match event {
        Event::Answered => Happened::CallAnswered(pb::CallAnswered {}),
        Event::PlaybackFinished {
            playback,
            cause,
            played_ms,
        } => Happened::PlaybackFinished(pb::PlaybackFinished {
            playback_id: *playback,
            cause: pb_playback_cause(*cause).into(),
            played_ms: *played_ms,
        }),
        Event::ListenFinished { .. } => listen_finished(event)?,
        Event::DtmfReceived { digit, duration_ms } => Happened::DtmfReceived(pb::DtmfReceived {
            digit: digit.as_char().to_string(),
            duration_ms: *duration_ms,
            method: "RFC4733".to_owned(),
        }),
        Event::SpeechStarted => Happened::SpeechStarted(pb::SpeechStarted {}),
        Event::TransferProgress { transfer, sip_code } => {
            Happened::TransferProgress(pb::TransferProgress {
                transfer_id: *transfer,
                sip_code: *sip_code,
            })
        }
        Event::TransferFinished {
            transfer,
            result,
            sip_code,
        } => Happened::TransferFinished(pb::TransferFinished {
            transfer_id: *transfer,
            result: pb_transfer_result(*result).into(),
            sip_code: *sip_code,
        }),
        Event::CallEnded {
            by,
            sip_code,
            q850_cause,
        } => call_ended(*by, *sip_code, *q850_cause),
        Event::ActionFailed { action, reason } => action_failed(*action, *reason),
        Event::Found(_)
        | Event::TicketFinished(_)
        | Event::Resumed
        | Event::Woke
        | Event::Unknown => return None,
    };
    Some(pb::CallEvent {
        seq,
        offset_ms,
        event: Some(happened),
    })
}

fn listen_finished(event: &Event) -> Option<Happened> {
    let Event::ListenFinished {
        listen,
        cause,
        digits,
        alternatives,
        locale,
    } = event
    else {
        return None;
    };

    let alternative = |heard: &Alternative| pb::Alternative {
        text: heard.text.reveal().to_owned(),
        confidence_permille: heard.confidence_permille.map(u32::from),
    };
    Some(Happened::ListenFinished(pb::ListenFinished {
        listen_id: *listen,
        cause: pb_listen_cause(*cause).into(),
        digits: digits.reveal().to_owned(),
        alternatives: alternatives.iter().map(alternative).collect(),
        locale: subtag(*locale),
    }))
}

fn action_failed(action: u32, reason: ActionFailure) -> Happened {
    let reason = match reason {
        ActionFailure::InvalidState => pb::action_failed::Reason::InvalidState,
        ActionFailure::NotSupported => pb::action_failed::Reason::NotSupported,
        ActionFailure::InvalidArgument => pb::action_failed::Reason::InvalidArgument,
        ActionFailure::MediaUnavailable => pb::action_failed::Reason::MediaUnavailable,
    };
    Happened::ActionFailed(pb::ActionFailed {
        action_id: action,
        reason: reason.into(),
    })
}

fn call_ended(by: EndedBy, sip_code: u32, q850_cause: u32) -> Happened {
    let by = match by {
        EndedBy::Caller => pb::call_ended::By::Caller,
        EndedBy::Dana => pb::call_ended::By::Dana,
        EndedBy::Operator => pb::call_ended::By::Operator,
        EndedBy::Network => pb::call_ended::By::Network,
    };

    Happened::CallEnded(pb::CallEnded {
        by: by.into(),
        sip_code,
        q850_cause,
    })
}

/// Writes an offer, as a gateway would.
pub fn pb_offer(
    call: &CallId,
    from: Option<&PhoneNumber>,
    locale: Option<Locale>,
    at: WallTime,
) -> pb::CallEvent {
    let started_at = prost_types::Timestamp {
        seconds: at.unix_ms().div_euclid(1000),
        nanos: i32::try_from(at.unix_ms().rem_euclid(1000)).unwrap_or(0) * 1_000_000,
    };
    let offered = pb::CallOffered {
        call_id: call.as_str().to_owned(),
        from: from.map_or_else(String::new, |number| number.reveal().to_owned()),
        to: "3131".to_owned(),
        started_at: Some(started_at),
        locale: subtag(locale),
        ..pb::CallOffered::default()
    };
    pb::CallEvent {
        seq: 1,
        offset_ms: 0,
        event: Some(Happened::CallOffered(offered)),
    }
}

/// Writes a resume, as a gateway would.
pub fn pb_resume(
    call: &CallId,
    token: Vec<u8>,
    last_event_seq: u64,
    offset_ms: u32,
) -> pb::CallEvent {
    let resumed = pb::CallResumed {
        call_id: call.as_str().to_owned(),
        resume_token: token,
        last_event_seq,
        offset_ms,
    };
    pb::CallEvent {
        seq: 0,
        offset_ms,
        event: Some(Happened::CallResumed(resumed)),
    }
}

/// A sign of life.
pub fn pb_keep_alive(offset_ms: u32) -> pb::CallEvent {
    pb::CallEvent {
        seq: 0,
        offset_ms,
        event: Some(Happened::KeepAlive(pb::KeepAlive {})),
    }
}

/// Reads the actions of a turn, as a gateway would. What this build does not know is left out.
pub fn actions(turn: pb::CallTurn) -> Vec<Action> {
    turn.actions
        .into_iter()
        .filter_map(|action| read_action(action.action?))
        .collect()
}

fn read_action(action: Do) -> Option<Action> {
    Some(match action {
        Do::Answer(_) => Action::Answer,
        Do::Reject(m) => Action::Reject {
            sip_code: m.sip_code,
        },
        Do::Play(m) => Action::Play(Play {
            id: m.playback_id,
            locale: m.locale.parse().ok()?,
            barge_in: barge_in(m.barge_in())?,
            barge_in_after_ms: m.barge_in_after_ms,
            segments: m.segments.into_iter().map(read_segment).collect(),
        }),
        Do::StopPlayback(_) => Action::StopPlayback,
        Do::Listen(m) => Action::Listen(read_listen(m)?),
        Do::StopListening(_) => Action::StopListening,
        Do::Transfer(m) => Action::Transfer(read_transfer(m)?),
        Do::HangUp(m) => Action::HangUp {
            q850_cause: m.q850_cause,
            disposition: m.disposition.parse().ok()?,
        },
    })
}

/// The contract gives no duration: a gateway knows its audio, or estimates as we do.
fn read_segment(segment: pb::Segment) -> Segment {
    let (text, silence_ms) = match segment.content {
        Some(pb::segment::Content::Text(text)) => (text, 0),
        Some(pb::segment::Content::SilenceMs(ms)) => (String::new(), ms),
        None => (String::new(), 0),
    };
    let duration_ms = estimated_ms(&text).saturating_add(silence_ms);
    Segment {
        prompt: segment.prompt_id.into(),
        sha256: segment.sha256.into(),
        text: text.into(),
        duration_ms,
    }
}

fn read_listen(m: pb::Listen) -> Option<Listen> {
    let type_ahead = type_ahead(m.type_ahead())?;
    let dtmf = m.dtmf.unwrap_or_default();
    Some(Listen {
        id: m.listen_id,
        question: m.question.parse().ok()?,
        after_playback: m.after_playback_id,
        locale: m.locale.parse().ok(),
        phrases: m.phrases.into_iter().map(Arc::from).collect(),
        max_digits: dtmf.max_digits,
        terminator: dtmf.terminator.chars().next().and_then(Digit::new),
        inter_digit_ms: dtmf.inter_digit_ms,
        no_input_ms: m.no_input_ms,
        max_speech_ms: m.max_speech_ms,
        type_ahead,
        sensitive: m.sensitive,
    })
}

/// Whom a transfer leads to.
pub const fn queue(queue: pb::transfer::Queue) -> Option<Queue> {
    match queue {
        pb::transfer::Queue::Operator => Some(Queue::Operator),
        pb::transfer::Queue::Universal => Some(Queue::Universal),
        pb::transfer::Queue::Unspecified => None,
    }
}

fn read_transfer(m: pb::Transfer) -> Option<Transfer> {
    let queue = queue(m.queue())?;
    let context = m.context.unwrap_or_default();
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    let texts = |texts: Vec<String>| texts.into_iter().map(Arc::from).collect();
    Some(Transfer {
        id: m.transfer_id,
        queue,
        reason: m.reason.parse().ok()?,
        ring_timeout_ms: m.ring_timeout_ms,
        context: Box::new(TransferContext {
            locale: context.locale.parse().ok(),
            login: Login::new(&context.login),
            login_claimed: some(context.login_claimed).map(|text| Said::new(&text)),
            topic: context.topic.parse().ok(),
            findings: texts(context.findings),
            ticket_key: some(context.ticket_key),
            ticket_state: context.ticket_state.parse().ok(),
            asked_and_answered: texts(context.asked_and_answered),
        }),
    })
}
