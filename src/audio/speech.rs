//! When somebody speaks in a channel: louder than its noise, for longer than a click. Knows no
//! words.

use std::ops::Range;

/// Frames a second.
const FRAMES: u32 = 50;
const FRAME_MS: u32 = 1000 / FRAMES;
/// Power above the noise: 9 dB.
const ABOVE: f64 = 8.0;
/// Nothing softer is speech: 50 dB below full scale, in power.
const SOFTEST: f64 = 1e-5;
/// The noise is the softest tenth of the frames.
const NOISE: usize = 10;
/// A pause between words ends nothing.
const PAUSE_MS: u32 = 400;
/// A click is no speech.
const SHORTEST_MS: u32 = 120;

/// The times of speech, in milliseconds.
pub fn spoken(samples: &[i16], rate: u32) -> Vec<Range<u32>> {
    let size = usize::try_from(rate / FRAMES).unwrap_or(1).max(1);
    let powers: Vec<f64> = samples.chunks(size).map(power).collect();
    let mut sorted = powers.clone();
    sorted.sort_by(f64::total_cmp);
    let noise = sorted.get(sorted.len() / NOISE).copied().unwrap_or(0.0);
    let floor = (noise * ABOVE).max(SOFTEST);
    let mut spoken: Vec<Range<u32>> = Vec::new();
    for (power, frame) in powers.iter().zip(0u32..) {
        if *power < floor {
            continue;
        }
        let from = frame.saturating_mul(FRAME_MS);
        let to = from.saturating_add(FRAME_MS);
        match spoken.last_mut() {
            Some(last) if from.saturating_sub(last.end) <= PAUSE_MS => last.end = to,
            Some(_) | None => spoken.push(from..to),
        }
    }
    spoken.retain(|times| times.end - times.start >= SHORTEST_MS);
    spoken
}

fn power(frame: &[i16]) -> f64 {
    let count = f64::from(u32::try_from(frame.len()).unwrap_or(1).max(1));
    let square = |sample: &i16| (f64::from(*sample) / 32_768.0).powi(2);
    frame.iter().map(square).sum::<f64>() / count
}
