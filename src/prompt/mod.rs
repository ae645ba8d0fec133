//! What Dana says: prompts by id, in Kazakh and Russian, with slots for numbers, dates and times. A
//! prompt is spoken by clips: one for each piece of its text, and clips of numbers for its slots.
//! Reads no audio: what a clip sounds like is told to the catalog.

pub mod catalog;
mod kazakh;
mod pronounce;
pub mod read;
mod russian;
pub mod spoken;
mod text;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::call::named;
use crate::prompt::spoken::{Digits, Span, Value};
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
        /// Time of the agreed visit: "at …".
        VisitTime = "visit_time",
        /// Date of the estimated end of the outage.
        RestoredDate = "restored_date",
        /// Time of the estimated end of the outage: "until …".
        RestoredTime = "restored_time",
        /// How long it is to the estimated end of the outage: "in …".
        RestoredIn = "restored_in",
        /// The key that chooses a line. A prompt with this slot is said once for each line.
        LineKey = "line_key",
        /// The last digits of a line's login.
        LineDigits = "line_digits",
    }
}

impl Slot {
    /// Its value in a call; `None` when it is missing or cannot be spoken.
    pub fn value(self, values: &Values) -> Option<Value> {
        let line = values.line.as_ref();
        Some(match self {
            Self::TicketNumber => Value::Digits(Digits::new(values.ticket_number.as_deref()?)?),
            Self::VisitDate => Value::Date(values.visit_at?.in_kazakhstan().date()),
            Self::VisitTime => Value::TimeAt(values.visit_at?.in_kazakhstan().time()),
            Self::RestoredDate => Value::Date(values.restored_at?.in_kazakhstan().date()),
            Self::RestoredTime => Value::TimeUntil(values.restored_at?.in_kazakhstan().time()),
            Self::RestoredIn => {
                let left = values.restored_at?.unix_ms() - values.now?.unix_ms();
                // An estimate that passes while it is told is about to pass.
                Value::Duration(Span::about(
                    u32::try_from(left / 60_000).map_or(1, |m| m.max(1)),
                )?)
            }
            Self::LineKey => Value::Digits(Digits::new(&line?.0.to_string())?),
            Self::LineDigits => Value::Digits(Digits::new(&line?.1)?),
        })
    }
}

/// What is known to fill slots with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    /// For [`Slot::TicketNumber`]: digits only.
    pub ticket_number: Option<String>,
    /// For [`Slot::VisitDate`] and [`Slot::VisitTime`].
    pub visit_at: Option<WallTime>,
    /// For [`Slot::RestoredDate`], [`Slot::RestoredTime`] and [`Slot::RestoredIn`].
    pub restored_at: Option<WallTime>,
    /// For [`Slot::RestoredIn`].
    pub now: Option<WallTime>,
    /// For [`Slot::LineKey`] and [`Slot::LineDigits`].
    pub line: Option<(u8, String)>,
}

/// One clip to be played, or a silence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Id of the clip; empty: a silence.
    pub prompt: Arc<str>,
    /// SHA-256 of its audio, lower-case hex; empty while there is none.
    pub sha256: Arc<str>,
    /// What it says.
    pub text: Arc<str>,
    /// How long it takes: of the audio, or 65 ms a character while there is none.
    pub duration_ms: u32,
}

impl Segment {
    /// A pause.
    pub fn silence(duration_ms: u32) -> Self {
        Self {
            prompt: Arc::default(),
            sha256: Arc::default(),
            text: Arc::default(),
            duration_ms,
        }
    }

    /// Whether it is a pause.
    pub fn is_silence(&self) -> bool {
        self.prompt.is_empty()
    }
}

/// What segments say, as one text.
pub fn text_of(segments: &[Segment]) -> String {
    let texts = segments.iter().map(|segment| segment.text.as_ref());
    texts
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The audio of a clip, as far as the catalog has to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// SHA-256 of the WAV file, lower-case hex.
    pub sha256: Arc<str>,
    /// How long it is.
    pub duration_ms: u32,
}

/// How long a character takes to say, while there is no audio.
const CHARACTER_MS: u32 = 65;

/// How long a text takes to say, while there is no audio: an estimate, in milliseconds.
pub fn estimated_ms(text: &str) -> u32 {
    let characters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    characters.saturating_mul(CHARACTER_MS)
}
