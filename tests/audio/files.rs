//! Files that are no clip: each fault has its own words, and nothing makes the reader loop, panic or
//! believe a header.

use std::sync::LazyLock;

use dana::audio::wav::{Sound, WavError, read_any, read_clip, write, write_stereo};
use proptest::prelude::*;

/// A chunk with its true size.
fn chunk(name: &str, body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len()).expect("small").to_le_bytes();
    let padding = std::iter::repeat_n(0, body.len() % 2);
    let head = name.bytes().chain(size);
    head.chain(body.iter().copied()).chain(padding).collect()
}

/// A file with its true size.
fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut body = b"WAVE".to_vec();
    for chunk in chunks {
        body.extend(chunk);
    }
    chunk("RIFF", &body)
}

fn format(tag: u16, channels: u16, rate: u32, bits: u16) -> Vec<u8> {
    let frame = channels * (bits / 8);
    let mut body = Vec::new();
    body.extend(tag.to_le_bytes());
    body.extend(channels.to_le_bytes());
    body.extend(rate.to_le_bytes());
    body.extend((rate * u32::from(frame)).to_le_bytes());
    body.extend(frame.to_le_bytes());
    body.extend(bits.to_le_bytes());
    chunk("fmt ", &body)
}

fn clip() -> Vec<u8> {
    write(&[1, -2, 3, -4])
}

#[test]
fn a_clip_is_read_back_as_it_was_written() {
    assert_eq!(read_clip(&clip()), Ok(vec![1, -2, 3, -4]));
    let wide = read_any(&clip()).expect("sound");
    assert_eq!((wide.rate, wide.samples.len()), (8_000, 4));
    let stereo = read_any(&write_stereo(&[16_384, 0], &[16_384])).expect("sound");
    assert_eq!(
        stereo,
        Sound {
            rate: 8_000,
            samples: vec![0.5, 0.0]
        }
    );
}

#[test]
fn what_a_studio_sends_is_read() {
    let float: Vec<u8> = [0.5f32, -0.5]
        .iter()
        .flat_map(|s| s.to_le_bytes())
        .collect();
    let list = chunk("LIST", b"INFOISFT\x05\0\0\0Dana\0");
    // What editors write for 24 bits: the real tag stands in the extension.
    let mut extensible = format(0xfffe, 1, 48_000, 24)[8..].to_vec();
    extensible.extend([22, 0, 24, 0, 4, 0, 0, 0, 1, 0]);
    extensible.extend(*b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71");
    let extensible = chunk("fmt ", &extensible);
    let files = [
        riff(&[extensible, chunk("data", &[0, 0, 64, 0, 0, 192])]),
        riff(&[
            format(1, 1, 44_100, 24),
            chunk("data", &[0, 0, 64, 0, 0, 192]),
        ]),
        riff(&[
            format(1, 1, 48_000, 16),
            list,
            chunk("data", &[0, 64, 0, 192]),
        ]),
        riff(&[format(3, 1, 48_000, 32), chunk("data", &float)]),
        riff(&[format(1, 1, 8_000, 8), chunk("data", &[192, 64])]),
    ];
    for file in files {
        let sound = read_any(&file).expect("sound");
        assert_eq!(sound.samples, [0.5, -0.5], "{} Hz", sound.rate);
    }
}

type Wrong = (&'static str, Vec<u8>, WavError);

/// Eight samples of silence.
fn samples() -> Vec<u8> {
    chunk("data", &[0; 16])
}

fn good() -> Vec<u8> {
    format(1, 1, 8_000, 16)
}

/// A good file with four bytes of its header changed.
fn lying(at: usize, size: u32) -> Vec<u8> {
    let mut file = riff(&[good(), samples()]);
    file[at..at + 4].copy_from_slice(&size.to_le_bytes());
    file
}

/// Sizes that are not true.
fn lies() -> Vec<Wrong> {
    let mut cut_off = riff(&[good(), samples()]);
    cut_off.truncate(48);
    let size = |declared, real| WavError::WrongSize { declared, real };
    let chunk = WavError::CutOff {
        chunk: "data".to_owned(),
        declared: 0xffff_ffff,
        real: 16,
    };
    vec![
        ("cut off", cut_off, size(52, 40)),
        (
            "size never written",
            lying(4, u32::MAX),
            size(0xffff_ffff, 52),
        ),
        ("data of 4 GiB", lying(40, u32::MAX), chunk),
    ]
}

/// Chunks that are missing, empty or out of order.
fn misshapen() -> Vec<Wrong> {
    let empty: Vec<Vec<u8>> = vec![chunk("junk", &[]); 10_000];
    let long = chunk("data", &vec![0; 8_000 * 2 * 61]);
    let short = chunk("fmt ", &[1, 0]);
    let text = b"RIFF is what it says, and no more".to_vec();
    vec![
        ("nothing", Vec::new(), WavError::NotWave),
        ("text", text, WavError::NotWave),
        ("half a header", clip()[..11].to_vec(), WavError::NotWave),
        (
            "data first",
            riff(&[samples(), good()]),
            WavError::DataFirst,
        ),
        ("no format", riff(&[]), WavError::NoFormat),
        (
            "short format",
            riff(&[short, samples()]),
            WavError::NoFormat,
        ),
        ("chunks of size 0", riff(&empty), WavError::NoFormat),
        ("no data", riff(&[good()]), WavError::NoData),
        (
            "no samples",
            riff(&[good(), chunk("data", &[])]),
            WavError::Empty,
        ),
        (
            "half a sample",
            riff(&[good(), chunk("data", &[0; 3])]),
            WavError::HalfSample,
        ),
        (
            "a minute",
            riff(&[good(), long]),
            WavError::TooLong {
                seconds: 61,
                most: 60,
            },
        ),
    ]
}

/// Sound that is none of ours to read.
fn foreign() -> Vec<Wrong> {
    let of = |tag, channels, rate, bits| riff(&[format(tag, channels, rate, bits), samples()]);
    vec![
        ("A-law", of(6, 1, 8_000, 8), WavError::Companded("A-law")),
        ("µ-law", of(7, 1, 8_000, 8), WavError::Companded("µ-law")),
        ("MP3 in RIFF", of(0x55, 1, 8_000, 16), WavError::Codec(0x55)),
        ("no channel", of(1, 0, 8_000, 16), WavError::Channels(0)),
        ("six channels", of(1, 6, 8_000, 16), WavError::Channels(6)),
        ("0 Hz", of(1, 1, 0, 16), WavError::Rate(0)),
        ("1 MHz", of(1, 1, 1_000_000, 16), WavError::Rate(1_000_000)),
        ("12 bit", of(1, 1, 8_000, 12), WavError::Bits(12)),
        ("64-bit float", of(3, 1, 8_000, 64), WavError::Bits(64)),
    ]
}

/// Every wrong file, and what is said of it.
fn wrong() -> impl Iterator<Item = Wrong> {
    lies().into_iter().chain(misshapen()).chain(foreign())
}

#[test]
fn every_wrong_file_has_its_own_words() {
    let mut said = std::collections::BTreeSet::new();
    for (name, file, error) in wrong() {
        assert_eq!(read_any(&file).map(drop), Err(error.clone()), "{name}");
        assert_eq!(read_clip(&file).map(drop), Err(error.clone()), "{name}");
        said.insert(error.to_string());
    }
    assert_eq!(said.len(), 19);
    let nan = f32::NAN.to_le_bytes();
    let file = riff(&[format(3, 1, 8_000, 32), chunk("data", &nan)]);
    assert_eq!(read_any(&file), Err(WavError::NotANumber));
}

#[test]
fn good_sound_of_another_form_is_no_clip() {
    for (rate, channels, bits) in [(44_100, 1, 16), (8_000, 2, 16), (8_000, 1, 8)] {
        let file = riff(&[format(1, channels, rate, bits), samples()]);
        let error = WavError::NotAClip {
            rate,
            channels,
            bits,
        };
        assert_eq!(read_clip(&file), Err(error));
    }
    let list = chunk("LIST", b"INFO");
    let file = riff(&[good(), samples(), list]);
    assert_eq!(read_clip(&file), Err(WavError::Extra));
}

/// What is changed below: a good file and the wrong ones, but the large.
static SMALL: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let wrong = wrong().map(|(_, file, _)| file);
    let small = wrong.filter(|file| file.len() < 1_000);
    small.chain([clip()]).collect()
});

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_any(&bytes);
        let _ = read_clip(&bytes);
    }

    /// Good files with a few bytes changed get further than noise does.
    #[test]
    fn no_changed_bytes_do_harm(
        which in 0..SMALL.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut file = SMALL[which].clone();
        if !file.is_empty() {
            for (at, byte) in changes {
                let at = at.index(file.len().min(64));
                file[at] = byte;
            }
        }
        // Whatever it reads is no more than what is there.
        if let Ok(sound) = read_any(&file) {
            prop_assert!(sound.samples.len() <= file.len());
            prop_assert!(sound.samples.iter().all(|sample| sample.is_finite()));
        }
        let _ = read_clip(&file);
    }

    #[test]
    fn what_is_written_is_read(samples in prop::collection::vec(any::<i16>(), 1..300)) {
        prop_assert_eq!(read_clip(&write(&samples)), Ok(samples));
    }
}
