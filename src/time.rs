//! The two times of a call: its own, which every step is given, and the wall's, which is read once.
//! Nothing here reads a clock.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Milliseconds since the call began, by our monotonic clock. Never runs backwards.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct CallTime(u32);

impl CallTime {
    /// The moment the call was offered.
    pub const ZERO: Self = Self(0);

    /// `ms` milliseconds into the call.
    pub const fn from_ms(ms: u32) -> Self {
        Self(ms)
    }

    /// Milliseconds since the call began.
    pub const fn ms(self) -> u32 {
        self.0
    }

    /// This moment and `ms` milliseconds more.
    #[must_use]
    pub const fn plus(self, ms: u32) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this moment; 0 when `earlier` is later.
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for CallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{:03}", self.0 / 1000, self.0 % 1000))
    }
}

/// Wall-clock instant, milliseconds since the Unix epoch (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WallTime(i64);

impl WallTime {
    /// From milliseconds since the Unix epoch.
    pub const fn from_unix_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn unix_ms(self) -> i64 {
        self.0
    }

    /// This instant and `ms` milliseconds more.
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Date and time of day in Kazakhstan. One zone, UTC+5, since 2024-03-01: a constant, because
    /// an older tz database on the machine would still say +6. Instants outside of jiff's range
    /// (years -9999 to 9999) read as the epoch.
    pub fn in_kazakhstan(self) -> jiff::civil::DateTime {
        let offset = jiff::tz::Offset::constant(5);
        let instant =
            jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        offset.to_datetime(instant)
    }

    /// Reads RFC 3339 (`2026-01-10T09:00:00Z`, `…+05:00`).
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let instant: jiff::Timestamp = text.parse().ok()?;
        Some(Self(instant.as_millisecond()))
    }

    /// Writes RFC 3339 in UTC with seconds.
    pub fn to_rfc3339(self) -> String {
        let instant =
            jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}
