//! What Dana sounds like: every clip of the repository is measured, every wrong file has its words,
//! a sound becomes a clip, and a call becomes a tape.

mod commands;
mod files;
pub(crate) mod folder;

use std::path::Path;
use std::sync::{Arc, LazyLock};

use dana::audio::library::Library;
use dana::audio::manifest::Origin;
use dana::audio::measure::{self, TARGET_LUFS, faults, loudness, measure};
use dana::audio::shape::{ShapeError, shape};
use dana::audio::wav::Sound;
use dana::bundle::Bundle;
use dana::call::{BargeIn, Digit, Locale};
use dana::cli::tape::tape;
use dana::dialog::action::{Action, Play};
use dana::dialog::event::{Event, PlaybackCause};
use dana::journal::Entry;
use dana::prompt::Segment;
use dana::time::CallTime;

static BUNDLE: LazyLock<Arc<Bundle>> =
    LazyLock::new(|| Bundle::load(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("our own bundle"));

/// Most bytes of audio in the repository.
const BUDGET: usize = 40_000_000;

#[test]
fn every_clip_of_every_locale_is_there_and_good() {
    assert_eq!(BUNDLE.audio_problems.to_string(), "0 problems");
    let mut bytes = 0;
    for &locale in Locale::ALL {
        for clip in BUNDLE.catalog.clips(locale) {
            let audio = BUNDLE.audio.get(locale, &clip.id);
            let audio = audio.unwrap_or_else(|| panic!("{locale}/{}", clip.id));
            let samples = audio.samples().expect("its file");
            let measured = measure(&samples);
            assert_eq!(
                faults(&measured, &clip.spoken),
                Vec::<String>::new(),
                "{locale}/{}",
                clip.id
            );
            assert_eq!(audio.entry.duration_ms, measured.duration_ms);
            assert_eq!(clip.unreadable(), None, "{locale}/{}", clip.id);
            bytes += 2 * samples.len() + 44;
        }
    }
    assert!(bytes < BUDGET, "{bytes} bytes of audio");
}

#[test]
fn a_placeholder_is_told_and_a_voice_is_not() {
    let told = BUNDLE.audio.placeholders();
    for &locale in Locale::ALL {
        let is_told = told
            .iter()
            .any(|line| line.contains(&format!("`{locale}`")));
        let has = BUNDLE
            .audio
            .origins(locale)
            .contains_key(&Origin::Placeholder);
        assert_eq!(is_told, has, "{locale}");
    }
}

/// A tone that comes and goes like speech, with silence around it.
fn sound(rate: u32, loud: f64, lead_ms: u32, tail_ms: u32) -> Sound {
    let at = |ms: u32| rate * ms / 1_000;
    let tone = |n: u32| {
        let time = f64::from(n) / f64::from(rate);
        let swell = 0.6 + 0.4 * (time * 20.0).sin();
        narrow(loud * swell * (time * 500.0 * std::f64::consts::TAU).sin())
    };
    let silence = |ms: u32| std::iter::repeat_n(0.0, usize::try_from(at(ms)).expect("small"));
    let samples = silence(lead_ms)
        .chain((0..at(1_000)).map(tone))
        .chain(silence(tail_ms))
        .collect();
    Sound { rate, samples }
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "a test tone"
)]
const fn narrow(sample: f64) -> f32 {
    sample as f32
}

#[test]
fn any_sound_becomes_a_clip_of_one_rate_one_loudness_and_short_ends() {
    for (rate, loud, lead_ms, tail_ms) in [
        (8_000, 0.5, 900, 900),
        (16_000, 0.02, 0, 0),
        (22_050, 0.9, 40, 2_000),
        (24_000, 0.3, 300, 10),
        (44_100, 0.3, 300, 700),
        (48_000, 1.0, 500, 500),
    ] {
        let sound = sound(rate, loud, lead_ms, tail_ms);
        let clip = shape(&sound).expect("a clip");
        let measured = measure(&clip);
        assert_eq!(
            faults(&measured, "двенадцать букв"),
            Vec::<String>::new(),
            "{rate}"
        );
        let lufs = loudness(&clip).expect("sound");
        assert!((lufs - TARGET_LUFS).abs() < 0.2, "{rate}: {lufs}");
        assert!(
            (1_000..1_150).contains(&measured.duration_ms),
            "{rate}: {measured:?}"
        );
        assert_eq!(shape(&sound), Ok(clip), "the same again");
    }
    let silent = Sound {
        rate: 48_000,
        samples: vec![0.0; 48_000],
    };
    assert_eq!(shape(&silent), Err(ShapeError::Silent));
    let nothing = Sound {
        rate: 8_000,
        samples: Vec::new(),
    };
    assert_eq!(shape(&nothing), Err(ShapeError::Silent));
}

#[test]
fn what_is_wrong_with_a_clip_is_measured() {
    let good = shape(&sound(8_000, 0.5, 0, 0)).expect("a clip");
    let told = |samples: &[i16], text: &str| faults(&measure(samples), text).join("; ");
    let with_silence = |before: usize, after: usize| -> Vec<i16> {
        let silence = |ms: usize| std::iter::repeat_n(0, ms * 8);
        let sound = silence(before).chain(good.iter().copied());
        sound.chain(silence(after)).collect()
    };
    let louder: Vec<i16> = good.iter().map(|sample| sample.saturating_mul(2)).collect();
    let cut: Vec<i16> = good
        .iter()
        .map(|sample| sample.saturating_mul(30))
        .collect();
    let text = "двенадцать букв";
    assert_eq!(told(&good, text), "");
    assert!(told(&with_silence(200, 0), text).contains("of silence before it, at most 150"));
    assert!(told(&with_silence(0, 300), text).contains("of silence after it, at most 150"));
    assert!(
        told(&louder, text).starts_with("its loudness is -17.0 LUFS"),
        "{}",
        told(&louder, text)
    );
    assert!(told(&cut, text).starts_with("its peaks are cut off"));
    assert_eq!(told(&[0; 8_000], text), "it is silent");
    assert_eq!(told(&[], text), "it is silent");
    assert!(told(&good, &"слово ".repeat(20)).contains("cannot be right for its 100 letters"));
    assert!(told(&good, "я").contains("cannot be right for its 1 letters"));
    assert!(measure::is_clipped(&[32_767; 3]) && !measure::is_clipped(&[32_767, 0, 32_767]));
}

#[test]
fn a_call_becomes_a_tape_with_keys_left_and_dana_right() {
    let open = BUNDLE.audio.get(Locale::Ru, "open").expect("audio");
    let segment = |id: &str, duration_ms| Segment {
        prompt: id.into(),
        duration_ms,
        ..Segment::silence(0)
    };
    let play = Play {
        id: 1,
        locale: Locale::Ru,
        segments: vec![
            Segment::silence(100),
            segment("open", 0),
            segment("no_audio", 50),
        ],
        barge_in: BargeIn::Any,
        barge_in_after_ms: 0,
    };
    let event = |ms, event| Entry::Event {
        at: CallTime::from_ms(ms),
        seq: None,
        event,
    };
    let finished = |played_ms| Event::PlaybackFinished {
        playback: 1,
        cause: PlaybackCause::BargeInDtmf,
        played_ms,
    };
    let key = Event::DtmfReceived {
        digit: Digit::new('5').expect("a key"),
        duration_ms: 90,
    };
    let entries = [
        Entry::Action {
            at: CallTime::ZERO,
            action: Action::Play(play),
        },
        event(1_000, key),
        event(1_000, finished(500)),
    ];
    let tape = tape(&entries, &BUNDLE.audio);
    // She spoke from 0.5 s to 1.0 s, the first 0.1 s of it a pause.
    assert_eq!(tape.dana.len(), 8_000);
    assert!(tape.dana[..4_800].iter().all(|sample| *sample == 0));
    assert_eq!(
        tape.dana[4_800..],
        open.samples().expect("its file")[..3_200]
    );
    // The key sounds for 90 ms.
    assert_eq!(tape.caller.len(), 8_720);
    assert!(tape.caller[..8_000].iter().all(|sample| *sample == 0));
    assert!(tape.caller[8_000..].iter().any(|sample| *sample > 8_000));
    assert_eq!(
        dana::cli::tape::tape(&[], &Library::default()).dana,
        Vec::<i16>::new()
    );
}
