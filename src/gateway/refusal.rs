//! Every way in which a stream is refused or ended by us: a canonical status with google.rpc
//! details, as the contract lists them.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

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
    TooManyEvents,
    NoFirstMessage,
    Draining,
    Idle,
}

impl Refused {
    /// A message that cannot be read ends its stream: garbage, a lie about its length, too large.
    pub(super) fn unreadable(status: &Status) -> Status {
        let details = ErrorDetails::with_error_info("UNREADABLE_MESSAGE", "dana", []);
        Status::with_error_details(status.code(), status.message(), details)
    }
}

/// When a gateway may try again after `TOO_MANY_CALLS`.
const RETRY_AFTER: Duration = Duration::from_secs(2);

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        let (code, reason, message) = match refused {
            Refused::FirstMessageNotAnOffer => (
                Code::InvalidArgument,
                "FIRST_MESSAGE_NOT_AN_OFFER",
                "the first message of a stream is CallOffered or CallResumed",
            ),
            Refused::BadCallId => (
                Code::InvalidArgument,
                "BAD_CALL_ID",
                "call_id is 1 to 128 printable ASCII characters",
            ),
            Refused::SequenceStartsAtOne => (
                Code::InvalidArgument,
                "SEQUENCE_STARTS_AT_ONE",
                "CallOffered has seq 1",
            ),
            Refused::CallIsLive => (
                Code::AlreadyExists,
                "CALL_IS_LIVE",
                "a call of this id is live: resume it",
            ),
            Refused::BadToken => (
                Code::PermissionDenied,
                "BAD_TOKEN",
                "the token is not of this call, is too old, or the call is over",
            ),
            Refused::SequenceGap => (
                Code::FailedPrecondition,
                "SEQUENCE_GAP",
                "an event is missing: resume",
            ),
            Refused::ResumedElsewhere => (
                Code::Aborted,
                "RESUMED_ELSEWHERE",
                "a newer stream serves this call",
            ),
            Refused::TooManyCalls => (
                Code::ResourceExhausted,
                "TOO_MANY_CALLS",
                "no more calls can be taken now",
            ),
            Refused::TooManyEvents => (
                Code::ResourceExhausted,
                "TOO_MANY_EVENTS",
                "a call has a few events a second",
            ),
            Refused::NoFirstMessage => (
                Code::DeadlineExceeded,
                "NO_FIRST_MESSAGE",
                "the stream's first message is late",
            ),
            Refused::Draining => (
                Code::Unavailable,
                "DRAINING",
                "going down: resume at another replica",
            ),
            Refused::Idle => (
                Code::Unavailable,
                "IDLE",
                "no message for 30 s: send KeepAlive every 10 s",
            ),
        };
        let mut details = ErrorDetails::with_error_info(reason, "dana", []);
        if matches!(refused, Refused::TooManyCalls | Refused::Draining) {
            details.set_retry_info(Some(RETRY_AFTER));
        }
        Self::with_error_details(code, message, details)
    }
}
