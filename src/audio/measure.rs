//! Measuring a clip: silence at its ends, clipping, loudness; and what is wrong with it.

use crate::audio::{RATE, length_ms, samples_in};

/// The loudness of every clip, in LUFS: speech at the middle of what telephone networks expect.
pub const TARGET_LUFS: f64 = -23.0;
/// How far a clip may be from it.
pub const TOLERANCE_LU: f64 = 1.0;
/// Most silence at either end: what stands between two clips is the dialog's to say.
pub const MAX_SILENCE_MS: u32 = 150;
/// A frame below this is silence: 48 dB below full scale, 25 dB below speech.
pub const SILENCE: f64 = 0.004;
/// Frames in which silence is looked for.
const FRAME_MS: u32 = 10;
/// A sample at the end of the scale.
const FULL: u16 = 32_700;
/// One sample there may be a peak; a run is a cut one.
const CLIPPED_RUN: usize = 3;
/// Loudness is measured in gated blocks of 400 ms; a shorter clip is repeated up to this.
const LOUDNESS_MS: u32 = 3_000;
/// Shortest and longest time that a character can take, and what a clip may take beyond.
const CHARACTER_MS: (u32, u32) = (28, 190);
const ALLOWANCE_MS: u32 = 500;

/// What a clip is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measures {
    /// How long it is.
    pub duration_ms: u32,
    /// Silence before the first sound.
    pub lead_ms: u32,
    /// Silence after the last one.
    pub tail_ms: u32,
    /// Whether peaks are cut off.
    pub clipped: bool,
    /// EBU R 128; `None`: it is silent.
    pub lufs: Option<f64>,
}

/// Measures samples at [`RATE`].
pub fn measure(samples: &[i16]) -> Measures {
    let sounds = sounding(samples, SILENCE).unwrap_or(samples.len()..samples.len());
    Measures {
        duration_ms: length_ms(samples.len()),
        lead_ms: length_ms(sounds.start),
        tail_ms: length_ms(samples.len() - sounds.end),
        clipped: is_clipped(samples),
        lufs: loudness(samples),
    }
}

/// Whether several samples in a row are at the end of the scale.
pub fn is_clipped(samples: &[i16]) -> bool {
    let mut runs = samples.chunk_by(|a, b| is_full(*a) && is_full(*b));
    runs.any(|run| run.len() >= CLIPPED_RUN)
}

const fn is_full(sample: i16) -> bool {
    sample.unsigned_abs() >= FULL
}

/// From the first frame above the floor to the last one; `None` when there is none.
pub fn sounding(samples: &[i16], floor: f64) -> Option<std::ops::Range<usize>> {
    let frame = samples_in(FRAME_MS);
    let mut loud = samples
        .chunks(frame)
        .enumerate()
        .filter(|(_, frame)| level(frame) > floor)
        .map(|(at, _)| at);
    let first = loud.next()?;
    let last = loud.next_back().unwrap_or(first);
    Some(first * frame..((last + 1) * frame).min(samples.len()))
}

/// Root mean square, 1 is full scale.
fn level(samples: &[i16]) -> f64 {
    let sum: f64 = samples
        .iter()
        .map(|&s| (f64::from(s) / 32_768.0).powi(2))
        .sum();
    let count = f64::from(u32::try_from(samples.len().max(1)).unwrap_or(u32::MAX));
    (sum / count).sqrt()
}

/// Integrated loudness by EBU R 128.
pub fn loudness(samples: &[i16]) -> Option<f64> {
    let mut meter = ebur128::EbuR128::new(1, RATE, ebur128::Mode::I).ok()?;
    let mut left = samples_in(LOUDNESS_MS).max(samples.len());
    while left > 0 && !samples.is_empty() {
        meter.add_frames_i16(samples).ok()?;
        left = left.saturating_sub(samples.len());
    }
    meter.loudness_global().ok().filter(|lufs| lufs.is_finite())
}

/// What is wrong with a clip that says `text`.
pub fn faults(measures: &Measures, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let Some(lufs) = measures.lufs else {
        return vec!["it is silent".to_owned()];
    };
    for (ms, end) in [(measures.lead_ms, "before"), (measures.tail_ms, "after")] {
        if ms > MAX_SILENCE_MS {
            faults.push(format!(
                "{ms} ms of silence {end} it, at most {MAX_SILENCE_MS}"
            ));
        }
    }
    if measures.clipped {
        faults.push("its peaks are cut off".to_owned());
    }
    if (lufs - TARGET_LUFS).abs() > TOLERANCE_LU {
        faults.push(format!(
            "its loudness is {lufs:.1} LUFS, it must be {TARGET_LUFS:.0} ± {TOLERANCE_LU:.0}"
        ));
    }
    let letters = text.chars().filter(|c| c.is_alphanumeric()).count();
    let letters = u32::try_from(letters).unwrap_or(u32::MAX);
    let (least, most) = CHARACTER_MS;
    let most = letters.saturating_mul(most).saturating_add(ALLOWANCE_MS);
    if measures.duration_ms < letters.saturating_mul(least) || measures.duration_ms > most {
        let seconds = f64::from(measures.duration_ms) / 1_000.0;
        faults.push(format!(
            "{seconds:.2} s cannot be right for its {letters} letters"
        ));
    }
    faults
}
