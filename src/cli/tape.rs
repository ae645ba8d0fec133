//! A call as sound: the caller's keys as tones on the left, Dana on the right. Made of the call's
//! entries when it is over, so that it is the same with and without a sound card. What the caller
//! said is in no entry as sound, and stays silent.

use std::collections::BTreeMap;

use crate::audio::library::Library;
use crate::audio::{RATE, samples_in};
use crate::call::{Digit, Locale};
use crate::dialog::action::{Action, Play};
use crate::dialog::event::{Event, PlaybackCause};
use crate::journal::Entry;
use crate::prompt::Segment;

/// Both sides, at the rate of the clips.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tape {
    /// The caller's keys.
    pub caller: Vec<i16>,
    /// Dana.
    pub dana: Vec<i16>,
}

/// How loud each of the two tones of a key is: together 9 dB below full scale.
const TONE: f64 = 5_800.0;

/// Makes the tape of a call, as long as the call. A clip without audio is as long as its estimate,
/// and silent.
pub fn tape(entries: &[Entry], audio: &Library) -> Tape {
    let mut tape = Tape::default();
    let mut plays: BTreeMap<u32, &Play> = BTreeMap::new();
    for entry in entries {
        if let Entry::Action {
            action: Action::Play(play),
            ..
        } = entry
        {
            plays.insert(play.id, play);
        }
        let Entry::Event { at, event, .. } = entry else {
            continue;
        };
        lay(&mut tape.dana, at.ms(), &[]);
        if let Event::DtmfReceived { digit, duration_ms } = event {
            lay(&mut tape.caller, at.ms(), &tone(*digit, *duration_ms));
        } else if let Event::PlaybackFinished {
            playback,
            cause,
            played_ms,
        } = event
            && *cause != PlaybackCause::Failed
            && let Some(play) = plays.remove(playback)
        {
            let mut heard = sound(play.locale, &play.segments, audio);
            heard.truncate(samples_in(*played_ms));
            lay(&mut tape.dana, at.ms().saturating_sub(*played_ms), &heard);
        }
    }
    tape
}

/// What segments sound like, one after the other.
pub fn sound(locale: Locale, segments: &[Segment], audio: &Library) -> Vec<i16> {
    let mut samples = Vec::new();
    for segment in segments {
        let clip = audio.get(locale, &segment.prompt);
        match clip.and_then(|clip| clip.samples().ok()) {
            Some(clip) => samples.extend(clip),
            None => samples.resize(samples.len() + samples_in(segment.duration_ms), 0),
        }
    }
    samples
}

/// Lays a sound on a track; silence up to it.
fn lay(track: &mut Vec<i16>, at_ms: u32, sound: &[i16]) {
    let from = samples_in(at_ms);
    let to = from.saturating_add(sound.len());
    if track.len() < to {
        track.resize(to, 0);
    }
    if let Some(place) = track.get_mut(from..to) {
        place.copy_from_slice(sound);
    }
}

/// The two tones of a key (ITU-T Q.23).
fn tone(digit: Digit, ms: u32) -> Vec<i16> {
    let (low, high) = match digit.as_char() {
        '1' => (697, 1209),
        '2' => (697, 1336),
        '3' => (697, 1477),
        '4' => (770, 1209),
        '5' => (770, 1336),
        '6' => (770, 1477),
        '7' => (852, 1209),
        '8' => (852, 1336),
        '9' => (852, 1477),
        '*' => (941, 1209),
        '0' => (941, 1336),
        _ => (941, 1477),
    };
    let wave = |hertz: u32, time: f64| (time * f64::from(hertz) * std::f64::consts::TAU).sin();
    let sample = |at: u32| {
        let time = f64::from(at) / f64::from(RATE);
        rounded(TONE * (wave(low, time) + wave(high, time)))
    };
    let count = u32::try_from(samples_in(ms)).unwrap_or(0);
    (0..count).map(sample).collect()
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "two tones stay below full scale, and a float cast saturates"
)]
const fn rounded(sample: f64) -> i16 {
    sample as i16
}
