//! The wall clock: read here and nowhere else. A dialog never reads it; a service reads it once a
//! call, at its offer.

use crate::time::WallTime;

/// Now, by this machine. A clock before 1970 reads as 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the wall clock"
)]
pub fn now() -> WallTime {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let ms = since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    });
    WallTime::from_unix_ms(ms)
}
