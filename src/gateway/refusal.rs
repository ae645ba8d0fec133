//! Every way in which a stream is refused or ended by us: a canonical status with google.rpc
//! details, as the contract lists them.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::metrics::Metrics;

/// A refusal of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    FirstMessageNotAnOffer,
    BadCallId,
    SequenceStartsAtOne,
    CallIsLive,
    BadToken,
    SequenceGap,
    ResumedElsewhere,
    TooManyCalls,
    Overloaded,
    TooManyEvents,
    NoFirstMessage,
    Draining,
    Idle,
}

impl Refused {
    /// A message that cannot be read ends its stream: garbage, a lie about its length, too large.
    pub(super) fn unreadable(status: &Status, metrics: &Metrics) -> Status {
        metrics.refused(UNREADABLE);
        let details = ErrorDetails::with_error_info(UNREADABLE, "dana", []);
        Status::with_error_details(status.code(), status.message(), details)
    }
}

/// The reason of a message that cannot be read.
const UNREADABLE: &str = "UNREADABLE_MESSAGE";

/// When a gateway may try again after a refusal for lack of room.
const RETRY_AFTER: Duration = Duration::from_secs(2);

impl Refused {
    /// Its reason in the details.
    pub(super) const fn reason(self) -> &'static str {
        self.row().1
    }

    const fn row(self) -> (Code, &'static str, &'static str) {
        match self {
            Self::FirstMessageNotAnOffer => (
                Code::InvalidArgument,
                "FIRST_MESSAGE_NOT_AN_OFFER",
                "the first message of a stream is CallOffered or CallResumed",
            ),
            Self::BadCallId => (
                Code::InvalidArgument,
                "BAD_CALL_ID",
                "call_id is 1 to 128 printable ASCII characters",
            ),
            Self::SequenceStartsAtOne => (
                Code::InvalidArgument,
                "SEQUENCE_STARTS_AT_ONE",
                "CallOffered has seq 1",
            ),
            Self::CallIsLive => (
                Code::AlreadyExists,
                "CALL_IS_LIVE",
                "a call of this id is live: resume it",
            ),
            Self::BadToken => (
                Code::PermissionDenied,
                "BAD_TOKEN",
                "the token is not of this call, is too old, or the call is over",
            ),
            Self::SequenceGap => (
                Code::FailedPrecondition,
                "SEQUENCE_GAP",
                "an event is missing: resume",
            ),
            Self::ResumedElsewhere => (
                Code::Aborted,
                "RESUMED_ELSEWHERE",
                "a newer stream serves this call",
            ),
            Self::TooManyCalls => (
                Code::ResourceExhausted,
                "TOO_MANY_CALLS",
                "no more calls can be taken now",
            ),
            Self::Overloaded => (
                Code::ResourceExhausted,
                "OVERLOADED",
                "too busy for another call now",
            ),
            Self::TooManyEvents => (
                Code::ResourceExhausted,
                "TOO_MANY_EVENTS",
                "a call has a few events a second",
            ),
            Self::NoFirstMessage => (
                Code::DeadlineExceeded,
                "NO_FIRST_MESSAGE",
                "the stream's first message is late",
            ),
            Self::Draining => (
                Code::Unavailable,
                "DRAINING",
                "going down: resume at another replica",
            ),
            Self::Idle => (
                Code::Unavailable,
                "IDLE",
                "no message for 30 s: send KeepAlive every 10 s",
            ),
        }
    }
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        let (code, reason, message) = refused.row();
        let mut details = ErrorDetails::with_error_info(reason, "dana", []);
        if matches!(
            refused,
            Refused::TooManyCalls | Refused::Overloaded | Refused::Draining
        ) {
            details.set_retry_info(Some(RETRY_AFTER));
        }
        Self::with_error_details(code, message, details)
    }
}
