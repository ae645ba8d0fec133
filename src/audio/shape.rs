//! Shaping a sound into a clip: resampled, trimmed, levelled. The same sound makes the same clip.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};

use crate::audio::measure::{MAX_SILENCE_MS, SILENCE, TARGET_LUFS, loudness, sounding};
use crate::audio::wav::Sound;
use crate::audio::{RATE, samples_in};

/// What is left of the silence before a clip and after it.
const LEAD_MS: u32 = 20;
const TAIL_MS: u32 = 80;
const _: () = assert!(LEAD_MS < MAX_SILENCE_MS && TAIL_MS < MAX_SILENCE_MS);
/// What is cut as silence: 2 dB more than what is measured as silence, as the last levelling may
/// make the ends a little softer.
const FLOOR: f64 = SILENCE * 1.25;
/// Above this, peaks are bent instead of cut: 3 dB below full scale.
const KNEE: f32 = 0.7;
/// Frames that are resampled at a time.
const CHUNK: usize = 1_024;

/// Why no clip can be made of a sound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// Nothing to be heard.
    #[error("it is silent")]
    Silent,
    /// The resampler refused it.
    #[error("it cannot be resampled: {0}")]
    Resample(String),
}

/// Makes a clip of a sound.
pub fn shape(sound: &Sound) -> Result<Vec<i16>, ShapeError> {
    let samples = resample(sound)?;
    // Levelled before it is trimmed: what silence is depends on how loud the rest is.
    let rough = level(&samples)?;
    let sounds = sounding(&quantised(&rough), FLOOR).ok_or(ShapeError::Silent)?;
    let from = sounds.start.saturating_sub(samples_in(LEAD_MS));
    let to = sounds
        .end
        .saturating_add(samples_in(TAIL_MS))
        .min(samples.len());
    let trimmed = samples.get(from..to).unwrap_or_default();
    Ok(quantised(&level(trimmed)?))
}

fn resample(sound: &Sound) -> Result<Vec<f32>, ShapeError> {
    if sound.rate == RATE {
        return Ok(sound.samples.clone());
    }
    let refused = |error: &dyn std::error::Error| ShapeError::Resample(error.to_string());
    let rate = |hertz: u32| usize::try_from(hertz).unwrap_or(usize::MAX);
    let (from, to) = (rate(sound.rate), rate(RATE));
    let mut resampler =
        Fft::<f32>::new(from, to, CHUNK, 1, FixedSync::Both).map_err(|e| refused(&e))?;
    let frames = sound.samples.len();
    let input = InterleavedSlice::new(&sound.samples, 1, frames).map_err(|e| refused(&e))?;
    let output = resampler.process_all(&input, frames, None);
    Ok(output.map_err(|e| refused(&e))?.take_data())
}

/// Brings speech to the target: the gain by what is measured, then once more, as bent peaks cost a
/// little.
fn level(samples: &[f32]) -> Result<Vec<f32>, ShapeError> {
    let mut gain = 1.0;
    let mut levelled = samples.to_vec();
    for _ in 0..3 {
        let lufs = loudness(&quantised(&levelled)).ok_or(ShapeError::Silent)?;
        gain *= 10f64.powf((TARGET_LUFS - lufs) / 20.0);
        levelled = samples.iter().map(|&s| bent(s * narrow(gain))).collect();
    }
    Ok(levelled)
}

/// Leaves a sample alone up to the knee, and below full scale beyond it.
fn bent(sample: f32) -> f32 {
    let size = sample.abs();
    if size <= KNEE {
        return sample;
    }
    let room = 0.99 - KNEE;
    (KNEE + room * ((size - KNEE) / room).tanh()).copysign(sample)
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "a gain needs no more digits than a sample has"
)]
const fn narrow(gain: f64) -> f32 {
    gain as f32
}

/// Samples of 16 bits.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "a float cast saturates, and the sample was rounded"
)]
pub fn quantised(samples: &[f32]) -> Vec<i16> {
    let sample = |&s: &f32| (s * 32_767.0).round() as i16;
    samples.iter().map(sample).collect()
}
