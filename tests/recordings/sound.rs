//! Keys and speech in sound: tones as telephones send them, and what is none.

use std::f64::consts::PI;

use dana::audio::dtmf::{Key, keys};
use dana::audio::speech::spoken;
use dana::audio::wav::{WavError, read_call, write, write_stereo};
use dana::call::Digit;

/// Noise that is the same every time, from -1 to 1.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let top = u32::try_from(self.0 >> 33).unwrap();
        f64::from(top) / f64::from(1u32 << 30) - 1.0
    }
}

const ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS: [f64; 3] = [1209.0, 1336.0, 1477.0];
const KEYS: &str = "123456789*0#";

fn samples(rate: u32, ms: u32) -> u32 {
    rate * ms / 1000
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "a sample"
)]
fn sample(level: f64) -> i16 {
    (level * 32_767.0) as i16
}

/// One key, with the levels of its two tones.
fn tone(key: char, rate: u32, ms: u32, levels: (f64, f64)) -> Vec<i16> {
    let place = KEYS.find(key).unwrap();
    let (low, high) = (ROWS[place / 3], COLUMNS[place % 3]);
    let wave = |hertz: f64, at: u32| (2.0 * PI * hertz * f64::from(at) / f64::from(rate)).sin();
    (0..samples(rate, ms))
        .map(|at| sample(wave(low, at) * levels.0 + wave(high, at) * levels.1))
        .collect()
}

fn silence(rate: u32, ms: u32) -> Vec<i16> {
    vec![0; usize::try_from(samples(rate, ms)).unwrap()]
}

fn with_noise(sound: &[i16], level: f64) -> Vec<i16> {
    let mut noise = Noise(7);
    let add = |heard: &i16| heard.saturating_add(sample(noise.next() * level));
    sound.iter().map(add).collect()
}

fn heard(sound: &[i16], rate: u32) -> String {
    keys(sound, rate)
        .iter()
        .map(|key| key.digit.as_char())
        .collect()
}

/// All keys, each so long with such a pause.
fn dialled(rate: u32, ms: u32, pause: u32, levels: (f64, f64)) -> Vec<i16> {
    let mut sound = silence(rate, 100);
    for key in KEYS.chars() {
        sound.extend(tone(key, rate, ms, levels));
        sound.extend(silence(rate, pause));
    }
    sound
}

#[test]
fn every_key_is_heard_short_soft_twisted_and_in_noise() {
    for rate in [8_000, 16_000] {
        for (ms, pause, levels, noise) in [
            (90, 60, (0.25, 0.25), 0.0),
            // As short as Q.24 asks for.
            (40, 40, (0.25, 0.25), 0.0),
            (45, 40, (0.25, 0.25), 0.03),
            // 8 dB of normal twist, 4 dB of reverse twist.
            (60, 60, (0.12, 0.3), 0.0),
            (60, 60, (0.3, 0.19), 0.0),
            // Softly, from far away.
            (60, 60, (0.015, 0.015), 0.0),
            (80, 60, (0.1, 0.1), 0.05),
        ] {
            let sound = with_noise(&dialled(rate, ms, pause, levels), noise);
            assert_eq!(
                heard(&sound, rate),
                KEYS,
                "{rate} Hz, {ms} ms, {levels:?}, {noise}"
            );
        }
    }
}

#[test]
fn a_key_says_when_and_how_long() {
    for rate in [8_000, 16_000] {
        let mut sound = silence(rate, 500);
        sound.extend(tone('5', rate, 120, (0.2, 0.2)));
        sound.extend(silence(rate, 300));
        sound.extend(tone('5', rate, 80, (0.2, 0.2)));
        sound.extend(silence(rate, 300));
        let heard = keys(&sound, rate);
        let near = |key: &Key, at: u32, ms: u32| {
            key.at_ms.abs_diff(at) <= 15
                && key.ms.abs_diff(ms) <= 25
                && Digit::new('5') == Some(key.digit)
        };
        assert!(
            heard.len() == 2 && near(&heard[0], 500, 120) && near(&heard[1], 920, 80),
            "{heard:?}"
        );
    }
}

#[test]
fn what_is_no_key_is_none() {
    for rate in [8_000, 16_000] {
        for (what, sound) in [
            ("clicks of 20 ms", dialled(rate, 20, 60, (0.25, 0.25))),
            ("one tone", tone('5', rate, 200, (0.3, 0.0))),
            ("15 dB of twist", tone('5', rate, 200, (0.3, 0.05))),
            ("noise", with_noise(&silence(rate, 5_000), 0.5)),
            ("nothing", silence(rate, 1_000)),
            ("no samples", Vec::new()),
            ("inaudible", dialled(rate, 90, 60, (0.002, 0.002))),
        ] {
            assert_eq!(heard(&sound, rate), "", "{what} at {rate} Hz");
        }
    }
}

/// Voices: a pitch that glides, harmonics under formants that move, syllables and pauses.
fn speech(rate: u32, seconds: u32, seed: u64) -> Vec<i16> {
    let mut noise = Noise(seed);
    let mut sound = Vec::new();
    let mut phase = 0.0;
    while sound.len() < usize::try_from(rate * seconds).unwrap() {
        let (pitch, glide) = (110.0 + 60.0 * noise.next(), 40.0 * noise.next());
        let formants = [600.0 + 250.0 * noise.next(), 1350.0 + 450.0 * noise.next()];
        let length = samples(rate, 140);
        for at in 0..length {
            let part = f64::from(at) / f64::from(length);
            let now = pitch + glide * part;
            phase += 2.0 * PI * now / f64::from(rate);
            let level = (PI * part).sin() * 0.1;
            let harmonics = (1..30).map(|harmonic| {
                let hertz = now * f64::from(harmonic);
                let near = |formant: &f64| 1.0 / (1.0 + ((hertz - formant) / 90.0).powi(2));
                formants.iter().map(near).sum::<f64>() * (phase * f64::from(harmonic)).sin()
            });
            sound.push(sample(
                harmonics.sum::<f64>() * level + 0.004 * noise.next(),
            ));
        }
        sound.extend(silence(rate, 30));
    }
    sound
}

#[test]
fn nobody_talks_a_key() {
    for (rate, seed) in [(8_000, 1), (8_000, 2), (16_000, 3)] {
        assert_eq!(heard(&speech(rate, 30, seed), rate), "", "seed {seed}");
    }
}

#[test]
fn speech_is_found_above_the_noise_of_the_line() {
    for rate in [8_000, 16_000] {
        let mut sound = silence(rate, 1_000);
        sound.extend(speech(rate, 2, 5));
        sound.extend(silence(rate, 1_500));
        sound.extend(speech(rate, 1, 6));
        sound.extend(silence(rate, 500));
        let times = spoken(&with_noise(&sound, 0.003), rate);
        let near = |at: u32, expected: u32| at.abs_diff(expected) <= 250;
        assert!(
            times.len() == 2 && near(times[0].start, 1_000) && near(times[1].start, 4_500),
            "{times:?}"
        );
        assert_eq!(spoken(&with_noise(&silence(rate, 3_000), 0.01), rate), []);
    }
}

#[test]
fn the_sound_of_a_call_is_read_or_told_what_is_wrong() {
    let call = read_call(&write_stereo(&[1, 2], &[3, 4])).unwrap();
    assert_eq!(
        (call.rate, call.left, call.right),
        (8_000, vec![1, 2], Some(vec![3, 4]))
    );
    let mono = read_call(&write(&[5; 16])).unwrap();
    assert_eq!((mono.ms(), mono.right), (2, None));

    let whole = write_stereo(&[1, 2], &[3, 4]);
    let changed = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        read_call(&bytes).unwrap_err()
    };
    // A-law: a sample is one byte.
    let mut a_law = whole.clone();
    a_law.splice(20..22, [6, 0]);
    a_law.splice(34..36, [8, 0]);
    assert_eq!(read_call(&a_law).unwrap().left.len(), 4);
    assert_eq!(
        changed(40, 200),
        WavError::CutOff {
            chunk: "data".to_owned(),
            declared: 200,
            real: 8
        }
    );
    assert_eq!(
        changed(4, 1),
        WavError::WrongSize {
            declared: 1,
            real: 44
        }
    );
    assert_eq!(changed(22, 3), WavError::Channels(3));
    assert_eq!(
        changed(25, 0x2f),
        WavError::NotACall {
            rate: 12_096,
            bits: 16
        }
    );
    assert_eq!(read_call(&write(&[])), Err(WavError::Empty));
    assert_eq!(read_call(b"RIFF"), Err(WavError::NotWave));
}
