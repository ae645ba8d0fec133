//! The service's side of the contract: events in, turns out.

use std::sync::Arc;

use crate::call::{CallId, Digit, Locale, PhoneNumber, Said};
use crate::dialog::action::{Action, Listen, Transfer};
use crate::dialog::event::{
    ActionFailure, Alternative, Capabilities, EndedBy, Event, ListenCause, PlaybackCause,
    TransferResult,
};
use crate::gateway::wire::pb::call_action::Action as Do;
use crate::gateway::wire::pb::call_event::Event as Happened;
use crate::gateway::wire::{
    listen_cause, pb, pb_barge_in, pb_type_ahead, playback_cause, subtag, transfer_result,
};
use crate::prompt::Segment;
use crate::time::WallTime;

/// The first message of a stream.
#[derive(Debug)]
pub enum First {
    /// A new call.
    Offered(Box<Offered>),
    /// A call that goes on.
    Resumed(Resumed),
    /// Neither.
    Other,
}

/// `CallOffered`, read.
#[derive(Debug)]
pub struct Offered {
    /// `None`: not a usable id.
    pub call: Option<CallId>,
    /// `None`: withheld or unreadable.
    pub from: Option<PhoneNumber>,
    /// The dialled number, cut to 64 characters.
    pub to: String,
    /// The gateway's clock.
    pub started_at: Option<WallTime>,
    /// The language hint.
    pub locale: Option<Locale>,
    /// What the gateway can do.
    pub capabilities: Capabilities,
}

/// `CallResumed`, read.
#[derive(Debug)]
pub struct Resumed {
    /// `None`: not a usable id.
    pub call: Option<CallId>,
    /// The token.
    pub token: Vec<u8>,
    /// The last event that will be sent again.
    pub last_event_seq: u64,
    /// The gateway's time.
    pub offset_ms: u32,
}

/// Reads the first message of a stream.
pub fn first(event: &pb::CallEvent) -> First {
    match &event.event {
        Some(Happened::CallOffered(offered)) => First::Offered(Box::new(self::offered(offered))),
        Some(Happened::CallResumed(resumed)) => First::Resumed(Resumed {
            call: CallId::new(&resumed.call_id),
            token: resumed.resume_token.clone(),
            last_event_seq: resumed.last_event_seq,
            offset_ms: resumed.offset_ms,
        }),
        _ => First::Other,
    }
}

fn offered(offered: &pb::CallOffered) -> Offered {
    let capabilities = offered.capabilities.as_ref();
    let started_at = offered.started_at.as_ref().map(|at| {
        let nanos = i64::from(at.nanos / 1_000_000);
        WallTime::from_unix_ms(at.seconds.saturating_mul(1000).saturating_add(nanos))
    });
    Offered {
        call: CallId::new(&offered.call_id),
        from: PhoneNumber::parse(&offered.from),
        to: offered.to.chars().take(64).collect(),
        started_at,
        locale: offered.locale.parse().ok(),
        capabilities: Capabilities {
            recognizer: capabilities.is_none_or(|c| c.recognizer),
            transfer: capabilities.is_none_or(|c| !c.transfer_kinds.is_empty()),
        },
    }
}

/// Whether a message is only a sign of life.
pub const fn is_keep_alive(event: &pb::CallEvent) -> bool {
    matches!(event.event, Some(Happened::KeepAlive(_)))
}

/// Reads an event after the first. What has ended has ended, also in a way that this build does not know:
/// a playback was played, a listen heard nothing that it knows, a transfer reached nobody.
pub fn event(event: pb::CallEvent) -> Event {
    match event.event {
        Some(Happened::CallAnswered(_)) => Event::Answered,
        Some(Happened::PlaybackFinished(m)) => Event::PlaybackFinished {
            playback: m.playback_id,
            cause: playback_cause(m.cause()).unwrap_or(PlaybackCause::Completed),
            played_ms: m.played_ms,
        },
        Some(Happened::ListenFinished(m)) => listen_finished(m),
        Some(Happened::DtmfReceived(m)) => {
            let mut keys = m.digit.chars();
            match (keys.next().and_then(Digit::new), keys.next()) {
                (Some(digit), None) => Event::DtmfReceived {
                    digit,
                    duration_ms: m.duration_ms,
                },
                _ => Event::Unknown,
            }
        }
        Some(Happened::SpeechStarted(_)) => Event::SpeechStarted,
        Some(Happened::TransferProgress(m)) => Event::TransferProgress {
            transfer: m.transfer_id,
            sip_code: m.sip_code,
        },
        Some(Happened::TransferFinished(m)) => Event::TransferFinished {
            transfer: m.transfer_id,
            result: transfer_result(m.result()).unwrap_or(TransferResult::Failed),
            sip_code: m.sip_code,
        },
        Some(Happened::CallEnded(m)) => {
            let by = match m.by() {
                pb::call_ended::By::Caller => EndedBy::Caller,
                pb::call_ended::By::Dana => EndedBy::Dana,
                pb::call_ended::By::Operator => EndedBy::Operator,
                // However a call ended, it is over.
                pb::call_ended::By::Network | pb::call_ended::By::Unspecified => EndedBy::Network,
            };
            Event::CallEnded {
                by,
                sip_code: m.sip_code,
                q850_cause: m.q850_cause,
            }
        }
        Some(Happened::ActionFailed(m)) => {
            let reason = match m.reason() {
                pb::action_failed::Reason::InvalidState => ActionFailure::InvalidState,
                pb::action_failed::Reason::NotSupported
                | pb::action_failed::Reason::Unspecified => ActionFailure::NotSupported,
                pb::action_failed::Reason::InvalidArgument => ActionFailure::InvalidArgument,
                pb::action_failed::Reason::MediaUnavailable => ActionFailure::MediaUnavailable,
            };
            Event::ActionFailed {
                action: m.action_id,
                reason,
            }
        }
        Some(Happened::CallOffered(_) | Happened::CallResumed(_) | Happened::KeepAlive(_))
        | None => Event::Unknown,
    }
}

/// A recogniser's text beyond this is noise.
const MAX_TEXT: usize = 1_000;
/// A longer n-best list is cut.
const MAX_ALTERNATIVES: usize = 16;

fn listen_finished(m: pb::ListenFinished) -> Event {
    let alternative = |heard: pb::Alternative| Alternative {
        text: Said::new(&heard.text.chars().take(MAX_TEXT).collect::<String>()),
        confidence_permille: heard
            .confidence_permille
            .map(|permille| u16::try_from(permille.min(1000)).unwrap_or(1000)),
    };
    Event::ListenFinished {
        listen: m.listen_id,
        cause: listen_cause(m.cause()).unwrap_or(ListenCause::NoMatch),
        digits: Said::new(&m.digits.chars().take(64).collect::<String>()),
        alternatives: m
            .alternatives
            .into_iter()
            .take(MAX_ALTERNATIVES)
            .map(alternative)
            .collect(),
        locale: m.locale.parse().ok(),
    }
}

/// Writes a turn. Look-ups and tickets are ours to do and are left out.
pub fn pb_turn(
    seq: u64,
    acked_event_seq: u64,
    resume_token: Vec<u8>,
    actions: &[Action],
) -> pb::CallTurn {
    let actions = actions.iter().filter_map(pb_action).collect();
    pb::CallTurn {
        seq,
        acked_event_seq,
        resume_token,
        actions,
    }
}

fn pb_action(action: &Action) -> Option<pb::CallAction> {
    let action = match action {
        Action::Answer => Do::Answer(pb::Answer {}),
        Action::Reject { sip_code } => Do::Reject(pb::Reject {
            sip_code: *sip_code,
        }),
        Action::Play(play) => Do::Play(pb::Play {
            playback_id: play.id,
            locale: play.locale.as_str().to_owned(),
            segments: play.segments.iter().map(pb_segment).collect(),
            barge_in: pb_barge_in(play.barge_in).into(),
            barge_in_after_ms: play.barge_in_after_ms,
        }),
        Action::StopPlayback => Do::StopPlayback(pb::StopPlayback {}),
        Action::Listen(listen) => Do::Listen(pb_listen(listen)),
        Action::StopListening => Do::StopListening(pb::StopListening {}),
        Action::Transfer(transfer) => Do::Transfer(pb_transfer(transfer)),
        Action::HangUp {
            q850_cause,
            disposition,
        } => Do::HangUp(pb::HangUp {
            q850_cause: *q850_cause,
            disposition: disposition.as_str().to_owned(),
        }),
        Action::LookUp(_) | Action::CreateTicket(..) => return None,
    };
    Some(pb::CallAction {
        action: Some(action),
    })
}

/// A copy, without the formatting that `to_string` of a shared text is.
fn text(shared: &Arc<str>) -> String {
    str::to_owned(shared)
}

fn pb_segment(segment: &Segment) -> pb::Segment {
    let content = if segment.is_silence() {
        pb::segment::Content::SilenceMs(segment.duration_ms)
    } else {
        pb::segment::Content::Text(text(&segment.text))
    };
    pb::Segment {
        prompt_id: text(&segment.prompt),
        sha256: text(&segment.sha256),
        content: Some(content),
    }
}

fn pb_listen(listen: &Listen) -> pb::Listen {
    pb::Listen {
        listen_id: listen.id,
        question: listen.question.as_str().to_owned(),
        after_playback_id: listen.after_playback,
        locale: subtag(listen.locale),
        phrases: listen.phrases.iter().map(text).collect(),
        dtmf: Some(pb::listen::Dtmf {
            max_digits: listen.max_digits,
            terminator: listen
                .terminator
                .map_or_else(String::new, |key| key.as_char().to_string()),
            inter_digit_ms: listen.inter_digit_ms,
        }),
        no_input_ms: listen.no_input_ms,
        max_speech_ms: listen.max_speech_ms,
        type_ahead: pb_type_ahead(listen.type_ahead).into(),
        sensitive: listen.sensitive,
    }
}

fn pb_transfer(transfer: &Transfer) -> pb::Transfer {
    let context = &transfer.context;
    let texts = |texts: &[Arc<str>]| texts.iter().map(text).collect();
    let queue = match transfer.queue {
        crate::call::Queue::Operator => pb::transfer::Queue::Operator,
        crate::call::Queue::Universal => pb::transfer::Queue::Universal,
    };
    let state = context.ticket_state.map(|state| state.as_str().to_owned());
    let claimed = context
        .login_claimed
        .as_ref()
        .map(|said| said.reveal().to_owned());
    pb::Transfer {
        transfer_id: transfer.id,
        queue: queue.into(),
        reason: transfer.reason.as_str().to_owned(),
        ring_timeout_ms: transfer.ring_timeout_ms,
        context: Some(pb::transfer::Context {
            locale: subtag(context.locale),
            login: context
                .login
                .as_ref()
                .map_or_else(String::new, |l| l.reveal().to_owned()),
            login_claimed: claimed.unwrap_or_default(),
            topic: context
                .topic
                .map_or_else(String::new, |topic| topic.as_str().to_owned()),
            findings: texts(&context.findings),
            ticket_key: context.ticket_key.clone().unwrap_or_default(),
            ticket_state: state.unwrap_or_default(),
            asked_and_answered: texts(&context.asked_and_answered),
        }),
    }
}
