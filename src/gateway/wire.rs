//! The contract's messages ⇄ our words, in both directions: the service reads events and writes
//! turns, a client writes events and reads turns. The one file that names the generated types.
//! Whatever is unknown in a message becomes [`Event::Unknown`] or is left out, never an error.

use std::sync::Arc;

use crate::call::{BargeIn, CallId, Digit, Locale, Login, PhoneNumber, Said, WallTime};
use crate::dialog::action::{Action, Listen, Play, Transfer, TransferContext, TypeAhead};
use crate::dialog::event::{
    ActionFailure, Alternative, Capabilities, EndedBy, Event, ListenCause, PlaybackCause,
    TransferResult,
};
use crate::prompt::Segment;

/// The generated code.
#[expect(missing_docs, reason = "generated; the documentation is in the .proto")]
#[allow(
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    clippy::allow_attributes,
    unreachable_pub,
    unused_qualifications,
    reason = "generated"
)]
pub mod pb {
    tonic::include_proto!("dana.gateway.v1");
}

use pb::call_action::Action as Do;
use pb::call_event::Event as Happened;

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

/// Reads an event after the first.
pub fn event(event: pb::CallEvent) -> Event {
    match event.event {
        Some(Happened::CallAnswered(_)) => Event::Answered,
        Some(Happened::PlaybackFinished(m)) => {
            let Some(cause) = playback_cause(m.cause()) else {
                return Event::Unknown;
            };
            Event::PlaybackFinished {
                playback: m.playback_id,
                cause,
                played_ms: m.played_ms,
            }
        }
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
        Some(Happened::TransferFinished(m)) => {
            let Some(result) = transfer_result(m.result()) else {
                return Event::Unknown;
            };
            Event::TransferFinished {
                transfer: m.transfer_id,
                result,
                sip_code: m.sip_code,
            }
        }
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
    let Some(cause) = listen_cause(m.cause()) else {
        return Event::Unknown;
    };
    let alternative = |heard: pb::Alternative| Alternative {
        text: Said::new(&heard.text.chars().take(MAX_TEXT).collect::<String>()),
        confidence_permille: heard
            .confidence_permille
            .map(|permille| u16::try_from(permille.min(1000)).unwrap_or(1000)),
    };
    Event::ListenFinished {
        listen: m.listen_id,
        cause,
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

/// Pairs of the contract's value and ours; the contract's `UNSPECIFIED` and whatever it may add
/// have no value of ours.
macro_rules! pairs {
    ($read:ident $write:ident $theirs:ty, $ours:ty: $($variant:ident)+) => {
        fn $read(value: $theirs) -> Option<$ours> {
            match value {
                $(<$theirs>::$variant => Some(<$ours>::$variant),)+
                <$theirs>::Unspecified => None,
            }
        }

        fn $write(value: $ours) -> $theirs {
            match value { $(<$ours>::$variant => <$theirs>::$variant,)+ }
        }
    };
}

pairs!(playback_cause pb_playback_cause pb::playback_finished::Cause, PlaybackCause:
    Completed BargeInDtmf BargeInSpeech Stopped CallEnded Failed);
pairs!(listen_cause pb_listen_cause pb::listen_finished::Cause, ListenCause:
    Speech Digits NoInput NoMatch MaxSpeech Stopped CallEnded Failed);
pairs!(transfer_result pb_transfer_result pb::transfer_finished::Result, TransferResult:
    Connected Busy NoAnswer Declined Failed CallEnded);
pairs!(barge_in pb_barge_in pb::play::BargeIn, BargeIn: None Dtmf Any);
pairs!(type_ahead pb_type_ahead pb::listen::TypeAhead, TypeAhead: Keep Flush);

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
        Event::ListenFinished {
            listen,
            cause,
            digits,
            alternatives,
            locale,
        } => {
            let alternative = |heard: &Alternative| pb::Alternative {
                text: heard.text.reveal().to_owned(),
                confidence_permille: heard.confidence_permille.map(u32::from),
            };
            Happened::ListenFinished(pb::ListenFinished {
                listen_id: *listen,
                cause: pb_listen_cause(*cause).into(),
                digits: digits.reveal().to_owned(),
                alternatives: alternatives.iter().map(alternative).collect(),
                locale: subtag(*locale),
            })
        }
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
        } => {
            let by = match by {
                EndedBy::Caller => pb::call_ended::By::Caller,
                EndedBy::Dana => pb::call_ended::By::Dana,
                EndedBy::Operator => pb::call_ended::By::Operator,
                EndedBy::Network => pb::call_ended::By::Network,
            };
            let (sip_code, q850_cause) = (*sip_code, *q850_cause);
            Happened::CallEnded(pb::CallEnded {
                by: by.into(),
                sip_code,
                q850_cause,
            })
        }
        Event::ActionFailed { .. }
        | Event::Found(_)
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

fn subtag(locale: Option<Locale>) -> String {
    locale.map_or_else(String::new, |locale| locale.as_str().to_owned())
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

fn pb_segment(segment: &Segment) -> pb::Segment {
    pb::Segment {
        prompt_id: segment.prompt.to_string(),
        sha256: segment.sha256.to_string(),
        content: Some(pb::segment::Content::Text(segment.text.to_string())),
    }
}

fn pb_listen(listen: &Listen) -> pb::Listen {
    pb::Listen {
        listen_id: listen.id,
        question: listen.question.as_str().to_owned(),
        after_playback_id: listen.after_playback,
        locale: subtag(listen.locale),
        phrases: listen.phrases.iter().map(ToString::to_string).collect(),
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
    let texts = |texts: &[Arc<str>]| texts.iter().map(ToString::to_string).collect();
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
    let duration_ms = crate::prompt::estimated_ms(&text).saturating_add(silence_ms);
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

fn read_transfer(m: pb::Transfer) -> Option<Transfer> {
    let queue = match m.queue() {
        pb::transfer::Queue::Operator => crate::call::Queue::Operator,
        pb::transfer::Queue::Universal => crate::call::Queue::Universal,
        pb::transfer::Queue::Unspecified => return None,
    };
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
