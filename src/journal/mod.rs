//! The journal of a call: JSON lines, a header, then every event and action with its `CallTime`.
//! Nothing lost and nothing invented: what could not be written stands as a gap. The call's record
//! (CDR) is a fold over it.

pub mod cdr;
pub(crate) mod files;
mod fold;
pub mod known;
mod queue;
pub mod reader;
pub mod recorder;
mod retention;
pub mod subject;
mod writer;
pub mod written;

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::call::Disposition;
use crate::dialog::action::Action;
use crate::dialog::event::{Event, Offer};
use crate::time::CallTime;

pub use files::segment_name;
pub use retention::Retention;

/// Version of the form of a journal line. A reader reads every older one and refuses a newer one.
/// 2: the header has the time zone, and the caller's audio if there is some.
pub const FORMAT: u32 = 2;

/// The time zone of everything that Dana says and decides by the clock: see
/// [`WallTime::in_kazakhstan`](crate::time::WallTime::in_kazakhstan).
pub const TIME_ZONE: &str = "+05:00";

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// The first line of a segment.
    Header(Box<Header>),
    /// Something happened.
    Event {
        /// When.
        at: CallTime,
        /// The gateway's sequence number; `None` for what did not come from a gateway.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        /// What.
        event: Event,
    },
    /// Something was done.
    Action {
        /// When.
        at: CallTime,
        /// What.
        action: Action,
    },
    /// So many entries could not be written.
    Gap {
        /// How many.
        entries: u64,
    },
    /// The last line of a call that ended: the dialog's own word on how.
    Ended {
        /// When.
        at: CallTime,
        /// How.
        disposition: Disposition,
    },
}

/// The head of a segment: a call, or what follows a resume. The language that the gateway hinted at
/// is the offer's `locale`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: u32,
    /// Version of the build that wrote it.
    pub build: Cow<'static, str>,
    /// Hash of the bundle.
    pub bundle: Arc<str>,
    /// [`TIME_ZONE`].
    #[serde(default = "time_zone")]
    pub time_zone: Cow<'static, str>,
    /// 0, then 1, 2, … for each resume.
    pub resume: u32,
    /// The gateway's clock at the offer minus ours, in milliseconds.
    pub skew_ms: i64,
    /// The call.
    pub offer: Arc<Offer>,
    /// The caller's audio, if the call was recorded as such too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<Box<Audio>>,
}

/// Where a call's audio is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audio {
    /// Name of the WAV file.
    pub file: String,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
}

impl Header {
    /// The head of what this build writes.
    pub fn new(
        bundle: impl Into<Arc<str>>,
        resume: u32,
        skew_ms: i64,
        offer: impl Into<Arc<Offer>>,
    ) -> Self {
        Self {
            format: FORMAT,
            build: env!("CARGO_PKG_VERSION").into(),
            bundle: bundle.into(),
            time_zone: time_zone(),
            resume,
            skew_ms,
            offer: offer.into(),
            audio: None,
        }
    }
}

const fn time_zone() -> Cow<'static, str> {
    Cow::Borrowed(TIME_ZONE)
}
