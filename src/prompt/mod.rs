//! What Dana says: prompts by id, in Kazakh and Russian, with slots for numbers, dates and times.

pub mod catalog;
pub mod spoken;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::call::named;
use crate::time::WallTime;

/// A prompt of the [`Catalog`](catalog::Catalog): its place in the order of ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PromptId(pub(crate) u16);

named! {
    /// What can be filled into a prompt's text, written `{name}` there.
    Slot {
        /// The number of the ticket, digit by digit.
        TicketNumber = "ticket_number",
        /// Date of the agreed visit.
        VisitDate = "visit_date",
        /// Time of the agreed visit.
        VisitTime = "visit_time",
        /// Date of the estimated end of the outage.
        RestoredDate = "restored_date",
        /// Time of the estimated end of the outage.
        RestoredTime = "restored_time",
        /// The key that chooses a line. A prompt with this slot is said once for each line.
        LineKey = "line_key",
        /// The last digits of a line's login.
        LineDigits = "line_digits",
    }
}

/// What is known to fill slots with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    /// For [`Slot::TicketNumber`]: digits only.
    pub ticket_number: Option<String>,
    /// For [`Slot::VisitDate`] and [`Slot::VisitTime`].
    pub visit_at: Option<WallTime>,
    /// For [`Slot::RestoredDate`] and [`Slot::RestoredTime`].
    pub restored_at: Option<WallTime>,
    /// For [`Slot::LineKey`] and [`Slot::LineDigits`].
    pub line: Option<(u8, String)>,
}

/// One prompt to be played, its slots filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Id of the prompt.
    pub prompt: Arc<str>,
    /// SHA-256 of its audio, lower-case hex; empty while there is none.
    pub sha256: Arc<str>,
    /// Its text, slots filled.
    pub text: Arc<str>,
    /// How long it takes: of the audio, or 65 ms a character while there is none.
    pub duration_ms: u32,
}

/// How long a character takes to say, while there is no audio.
const CHARACTER_MS: u32 = 65;

/// How long a text takes to say, while there is no audio: an estimate, in milliseconds.
pub fn estimated_ms(text: &str) -> u32 {
    let characters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    characters.saturating_mul(CHARACTER_MS)
}
