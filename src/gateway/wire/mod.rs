//! The contract's messages ⇄ our words. [`service`] reads events and writes turns, [`gateway`]
//! writes events and reads turns; nothing else names the generated types. Whatever is unknown in a
//! message becomes [`Event::Unknown`](crate::dialog::event::Event::Unknown) or is left out, never
//! an error.

pub mod gateway;
pub mod service;

use crate::call::{BargeIn, Locale};
use crate::dialog::action::TypeAhead;
use crate::dialog::event::{ListenCause, PlaybackCause, TransferResult};

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

/// Pairs of the contract's value and ours; the contract's `UNSPECIFIED` and whatever it may add
/// have no value of ours.
macro_rules! pairs {
    ($read:ident $write:ident $theirs:ty, $ours:ty: $($variant:ident)+) => {
        pub(super) fn $read(value: $theirs) -> Option<$ours> {
            match value {
                $(<$theirs>::$variant => Some(<$ours>::$variant),)+
                <$theirs>::Unspecified => None,
            }
        }

        pub(super) fn $write(value: $ours) -> $theirs {
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

/// A BCP 47 language subtag; empty while there is none.
pub(super) fn subtag(locale: Option<Locale>) -> String {
    locale.map_or_else(String::new, |locale| locale.as_str().to_owned())
}
