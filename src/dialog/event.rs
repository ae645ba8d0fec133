//! What can happen to a call: everything that a [`Dialog`](super::Dialog) is ever told.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::call::{CallId, Digit, Locale, PhoneNumber, Said, named};
use crate::lookup::{Finding, TicketResult};
use crate::time::WallTime;

/// The arrival of a call: what is known when it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The gateway's name of the call.
    pub call: CallId,
    /// Unique over restarts of gateways: gateway identity, call id and start.
    pub call_key: Arc<str>,
    /// The calling number; `None` when withheld or unreadable.
    pub from: Option<PhoneNumber>,
    /// The dialled number.
    pub to: String,
    /// Language the gateway suggests.
    pub locale: Option<Locale>,
    /// What the gateway can do.
    pub capabilities: Capabilities,
    /// The wall clock, read once, at the offer.
    pub began: WallTime,
}

/// What a gateway can do. A gateway that says nothing can do everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// It recognises speech. Without it, questions are asked in the same words: each takes keys too, and
    /// whoever presses none comes to an operator.
    pub recognizer: bool,
    /// It can transfer.
    pub transfer: bool,
}

/// Everything that happens. Events that do not fit the dialog's state change nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Media is up.
    Answered,
    /// Exactly one for each `Play`.
    PlaybackFinished {
        /// Id of the `Play`.
        playback: u32,
        /// Why it ended.
        cause: PlaybackCause,
        /// How much of it was heard, in milliseconds.
        played_ms: u32,
    },
    /// Exactly one for each `Listen`.
    ListenFinished {
        /// Id of the `Listen`.
        listen: u32,
        /// Why it ended.
        cause: ListenCause,
        /// The keys, for `Digits`.
        digits: Said,
        /// What was heard, for `Speech`, best first.
        alternatives: Vec<Alternative>,
        /// The language that the recogniser detected.
        locale: Option<Locale>,
    },
    /// A key, as it was pressed. Acts only for `0` and `*`.
    DtmfReceived {
        /// The key.
        digit: Digit,
        /// How long it was held.
        duration_ms: u32,
    },
    /// The caller began to speak.
    SpeechStarted,
    /// A transfer goes on.
    TransferProgress {
        /// Id of the `Transfer`.
        transfer: u32,
        /// SIP status.
        sip_code: u32,
    },
    /// Exactly one for each `Transfer`.
    TransferFinished {
        /// Id of the `Transfer`.
        transfer: u32,
        /// How it ended.
        result: TransferResult,
        /// SIP status, 0 if none.
        sip_code: u32,
    },
    /// The call is over. Once, last.
    CallEnded {
        /// Who ended it.
        by: EndedBy,
        /// SIP status, 0 if none.
        sip_code: u32,
        /// Q.850 cause, 0 if none.
        q850_cause: u32,
    },
    /// The gateway could not do an action.
    ActionFailed {
        /// Id of the action.
        action: u32,
        /// Why.
        reason: ActionFailure,
    },
    /// A back end answered.
    Found(Finding),
    /// The creation of the ticket ended.
    TicketFinished(TicketResult),
    /// The call goes on after a reconnect, from the resume token.
    Resumed,
    /// The time that the last turn asked for has come.
    Woke,
    /// Something that this build does not know: tolerated, journaled.
    Unknown,
}

impl Event {
    /// Whether it tells of playing and ringing only, from which nobody learns anything of the case.
    pub const fn is_of_media(&self) -> bool {
        match self {
            Self::Answered | Self::SpeechStarted | Self::TransferProgress { .. } => true,
            // Of failures a way to the operator may come.
            Self::PlaybackFinished { cause, .. } => !matches!(cause, PlaybackCause::Failed),
            Self::ListenFinished { .. }
            | Self::DtmfReceived { .. }
            | Self::TransferFinished { .. }
            | Self::CallEnded { .. }
            | Self::ActionFailed { .. }
            | Self::Found(_)
            | Self::TicketFinished(_)
            | Self::Resumed
            | Self::Woke
            | Self::Unknown => false,
        }
    }
}

/// One thing that a recogniser may have heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alternative {
    /// The words.
    pub text: Said,
    /// The recogniser's confidence, 0–1000; `None` if it gives none.
    pub confidence_permille: Option<u16>,
}

named! {
    /// Why a playback ended.
    PlaybackCause {
        /// Played to the end.
        Completed = "completed",
        /// A key cut it.
        BargeInDtmf = "barge_in_dtmf",
        /// Speech cut it.
        BargeInSpeech = "barge_in_speech",
        /// `StopPlayback` cut it.
        Stopped = "stopped",
        /// The call ended.
        CallEnded = "call_ended",
        /// It could not be played.
        Failed = "failed",
    }
}

named! {
    /// Why a listen ended. The causes fold RFC 6787's completion causes.
    ListenCause {
        /// Words.
        Speech = "speech",
        /// Keys.
        Digits = "digits",
        /// Silence.
        NoInput = "no_input",
        /// Something that the recogniser could not make out.
        NoMatch = "no_match",
        /// Speech that went on too long.
        MaxSpeech = "max_speech",
        /// `StopListening` ended it.
        Stopped = "stopped",
        /// The call ended.
        CallEnded = "call_ended",
        /// The recogniser failed.
        Failed = "failed",
    }
}

named! {
    /// How a transfer ended.
    TransferResult {
        /// A person answered; the gateway releases our leg.
        Connected = "connected",
        /// Busy.
        Busy = "busy",
        /// Nobody answered.
        NoAnswer = "no_answer",
        /// Declined.
        Declined = "declined",
        /// It could not be made.
        Failed = "failed",
        /// The caller hung up meanwhile.
        CallEnded = "call_ended",
    }
}

named! {
    /// Who ended the call.
    EndedBy {
        /// The caller.
        Caller = "caller",
        /// Dana, by `HangUp`.
        Dana = "dana",
        /// The operator's side, after a transfer.
        Operator = "operator",
        /// The network.
        Network = "network",
    }
}

named! {
    /// Why an action could not be done.
    ActionFailure {
        /// Not possible in the call's state.
        InvalidState = "invalid_state",
        /// The gateway cannot do that.
        NotSupported = "not_supported",
        /// It did not understand.
        InvalidArgument = "invalid_argument",
        /// Media could not be had.
        MediaUnavailable = "media_unavailable",
    }
}
