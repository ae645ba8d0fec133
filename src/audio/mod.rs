//! What Dana sounds like: the clips of `audio/<locale>/`, their manifest, and all that is done with
//! sound: read, measure, shape, encode, synthesise. The only room that knows WAV files and voices.
//! Never decides what is said.

pub mod codec;
pub mod dtmf;
pub mod library;
pub mod manifest;
pub mod measure;
pub mod shape;
pub mod speech;
pub mod synthesis;
pub mod wav;

use std::time::Duration;

/// Samples a second of every clip: the telephone's.
pub const RATE: u32 = 8_000;

/// How long so many samples of a clip are, in milliseconds.
pub fn length_ms(samples: usize) -> u32 {
    let ms = u64::try_from(samples)
        .unwrap_or(u64::MAX)
        .saturating_mul(1_000)
        / u64::from(RATE);
    u32::try_from(ms).unwrap_or(u32::MAX)
}

/// How many samples of a clip so many milliseconds are.
pub fn samples_in(ms: u32) -> usize {
    usize::try_from(u64::from(ms) * u64::from(RATE) / 1_000).unwrap_or(usize::MAX)
}

/// Longest clip: a prompt has at most half a minute of text, and a slow reader takes twice that.
pub const LONGEST: Duration = Duration::from_mins(1);
