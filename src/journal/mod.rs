//! The journal of a call: JSON lines, a header, then every event and action with its `CallTime`.
//! Nothing lost and nothing invented; the call's record (CDR) is a fold over it.

pub mod cdr;
mod files;
pub mod reader;
pub mod recorder;
mod writer;

use serde::{Deserialize, Serialize};

use crate::call::Disposition;
use crate::dialog::action::Action;
use crate::dialog::event::{Event, Offer};
use crate::time::CallTime;

/// Version of the form of a journal line. A reader refuses a newer one.
pub const FORMAT: u32 = 1;

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

/// The head of a segment: a call, or what follows a resume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: u32,
    /// Version of the build that wrote it.
    pub build: String,
    /// Hash of the bundle.
    pub bundle: String,
    /// 0, then 1, 2, … for each resume.
    pub resume: u32,
    /// The gateway's clock at the offer minus ours, in milliseconds.
    pub skew_ms: i64,
    /// The call.
    pub offer: Offer,
}
