//! WAV files, which may be anything: each fault has its own words. Nothing is allocated by what a
//! header says, and no file makes the reader loop or panic.

use std::time::Duration;

use audio_codec_algorithms::decode_alaw;

use crate::audio::{LONGEST, RATE};

/// Largest file that is read: a minute of 24-bit stereo at 192 kHz is 69 MB.
pub const LARGEST: u64 = 80_000_000;
/// Longest call.
pub const LONGEST_CALL: Duration = Duration::from_hours(1);
/// Largest file of a call: an hour of 16-bit stereo at 16 kHz.
pub const LARGEST_CALL: u64 = 16_000 * 2 * 2 * 60 * 60 + 100_000;
/// Size of the header of a clip: RIFF, `fmt ` and `data`, nothing else.
pub const HEADER: usize = 44;
const PCM: u16 = 1;
const FLOAT: u16 = 3;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
/// The format's real tag follows in its extension.
const EXTENSIBLE: u16 = 0xfffe;

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WavError {
    /// No RIFF/WAVE file.
    #[error("this is no WAV file")]
    NotWave,
    /// The RIFF header names another size than the file has.
    #[error("its header says {declared} bytes follow, the file has {real}: save it again")]
    WrongSize {
        /// By the header.
        declared: u64,
        /// In the file.
        real: u64,
    },
    /// A chunk reaches beyond the end of the file.
    #[error("its `{chunk}` chunk says {declared} bytes, the file has {real} left: it is cut off")]
    CutOff {
        /// Its name.
        chunk: String,
        /// By its header.
        declared: u64,
        /// In the file.
        real: u64,
    },
    /// The samples come before their format.
    #[error("its samples come before their format: save it again with another program")]
    DataFirst,
    /// No format.
    #[error("it has no `fmt ` chunk, or one that is cut off")]
    NoFormat,
    /// No samples.
    #[error("it has no `data` chunk")]
    NoData,
    /// Zero samples.
    #[error("it holds no samples")]
    Empty,
    /// The last sample is cut off.
    #[error("it ends inside a sample")]
    HalfSample,
    /// A-law or µ-law in RIFF.
    #[error("it is {0}-coded: save it as 16- or 24-bit PCM")]
    Companded(&'static str),
    /// Another codec.
    #[error("its format {0} is not PCM")]
    Codec(u16),
    /// A number of channels nobody can mean.
    #[error("it has {0} channels: one or two can be read")]
    Channels(u16),
    /// A sample rate nobody can mean.
    #[error("its sample rate is {0} Hz: 8000 to 192000 can be read")]
    Rate(u32),
    /// A sample size nobody can mean.
    #[error("it has {0}-bit samples: 8, 16, 24, 32-bit PCM and 32-bit float can be read")]
    Bits(u16),
    /// Too long.
    #[error("it is {seconds} s long, at most {most} s can be read")]
    TooLong {
        /// Its length.
        seconds: u64,
        /// What can be read.
        most: u64,
    },
    /// Good sound, but not as a call is recorded.
    #[error("it is {rate} Hz, {bits} bit: a call is 8000 or 16000 Hz, 16-bit PCM or A-law")]
    NotACall {
        /// Its rate.
        rate: u32,
        /// Its sample size.
        bits: u16,
    },
    /// A float that is no number.
    #[error("it holds samples that are no numbers")]
    NotANumber,
    /// Good sound, but not of a clip's form.
    #[error(
        "it is {rate} Hz, {channels} channel(s), {bits} bit: a clip is 8000 Hz, 1 channel, 16 bit"
    )]
    NotAClip {
        /// Its rate.
        rate: u32,
        /// Its channels.
        channels: u16,
        /// Its sample size.
        bits: u16,
    },
    /// A clip with more in it than the samples.
    #[error("it holds more than its samples: import it, so that its bytes are always the same")]
    Extra,
}

/// Sound of any rate, mixed down to one channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Sound {
    /// Samples a second.
    pub rate: u32,
    /// From -1 to 1.
    pub samples: Vec<f32>,
}

/// A recorded call: 8 or 16 kHz, one channel or two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallAudio {
    /// Samples a second.
    pub rate: u32,
    /// The left channel, or the only one.
    pub left: Vec<i16>,
    /// The right channel, if there is one.
    pub right: Option<Vec<i16>>,
}

impl CallAudio {
    /// How long it is, in milliseconds.
    pub fn ms(&self) -> u32 {
        let samples = u64::try_from(self.left.len()).unwrap_or(u64::MAX);
        u32::try_from(samples.saturating_mul(1000) / u64::from(self.rate)).unwrap_or(u32::MAX)
    }
}

/// Reads the audio of a call: 16-bit PCM or A-law.
pub fn read_call(bytes: &[u8]) -> Result<CallAudio, WavError> {
    let (format, data) = format_of(bytes, LONGEST_CALL)?;
    let rate = format.rate;
    let all = match (format.tag, format.bits, rate) {
        (PCM, 16, 8_000 | 16_000) => samples(data),
        (A_LAW, 8, 8_000 | 16_000) => data.iter().map(|byte| decode_alaw(*byte)).collect(),
        (_, bits, rate) => return Err(WavError::NotACall { rate, bits }),
    };
    let every = |first: usize| all.iter().skip(first).step_by(2).copied().collect();
    Ok(if format.channels == 2 {
        let (left, right) = (every(0), Some(every(1)));
        CallAudio { rate, left, right }
    } else {
        let (left, right) = (all, None);
        CallAudio { rate, left, right }
    })
}

/// What a file's chunks say, checked against the file.
struct Format {
    tag: u16,
    channels: u16,
    rate: u32,
    bits: u16,
}

/// The samples of a clip, whose header is exactly the one that [`write()`] makes.
pub fn read_clip(bytes: &[u8]) -> Result<Vec<i16>, WavError> {
    clip(bytes).map(samples)
}

/// Little-endian samples of 16 bits.
pub fn samples(bytes: &[u8]) -> Vec<i16> {
    let sample = |pair: &[u8]| i16::from_le_bytes([pair[0], pair[1]]);
    bytes.chunks_exact(2).map(sample).collect()
}

/// The samples of a clip as they stand in the file, little-endian.
pub fn clip(bytes: &[u8]) -> Result<&[u8], WavError> {
    let (format, data) = of_a_studio(bytes)?;
    if !bytes.starts_with(&header_of(data.len(), 1)) {
        let Format {
            tag,
            channels,
            rate,
            bits,
        } = format;
        return Err(match (tag, channels, rate, bits) {
            (PCM, 1, RATE, 16) => WavError::Extra,
            _ => WavError::NotAClip {
                rate,
                channels,
                bits,
            },
        });
    }
    if bytes.len() != HEADER + data.len() {
        return Err(WavError::Extra);
    }
    Ok(data)
}

/// Reads whatever a studio may send.
pub fn read_any(bytes: &[u8]) -> Result<Sound, WavError> {
    let (format, data) = of_a_studio(bytes)?;
    let width = usize::from(format.bits / 8);
    let mut samples = Vec::with_capacity(data.len() / width);
    for sample in data.chunks_exact(width) {
        // The sample's bytes at the top of four.
        let mut four = [0; 4];
        four[4 - width..].copy_from_slice(sample);
        samples.push(match (format.tag, width) {
            (FLOAT, _) => f32::from_le_bytes(four),
            // Samples of 8 bits have no sign.
            (_, 1) => full_scale(i32::from_le_bytes([0, 0, 0, four[3] ^ 0x80])),
            _ => full_scale(i32::from_le_bytes(four)),
        });
    }
    if samples.iter().any(|sample| !sample.is_finite()) {
        return Err(WavError::NotANumber);
    }
    if format.channels == 2 {
        let mix = |pair: &[f32]| f32::midpoint(pair[0], pair[1]);
        samples = samples.chunks_exact(2).map(mix).collect();
    }
    Ok(Sound {
        rate: format.rate,
        samples,
    })
}

/// From -1 to 1.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a sample's lowest bits are below what anybody hears"
)]
const fn full_scale(sample: i32) -> f32 {
    sample as f32 / 2_147_483_648.0
}

/// A clip, or what becomes one.
fn of_a_studio(bytes: &[u8]) -> Result<(Format, &[u8]), WavError> {
    let (format, data) = format_of(bytes, LONGEST)?;
    if format.tag == A_LAW {
        return Err(WavError::Companded("A-law"));
    }
    Ok((format, data))
}

/// Checks all that a header can lie about; gives the samples' bytes.
fn format_of(bytes: &[u8], longest: Duration) -> Result<(Format, &[u8]), WavError> {
    let riff = bytes.get(..12).ok_or(WavError::NotWave)?;
    if !riff.starts_with(b"RIFF") || !riff.ends_with(b"WAVE") {
        return Err(WavError::NotWave);
    }
    let (declared, real) = (u64::from(u32_at(riff, 4)), count(bytes) - 8);
    if declared != real {
        return Err(WavError::WrongSize { declared, real });
    }
    let mut format = None;
    let mut rest = bytes.get(12..).unwrap_or_default();
    while let Some((head, body)) = rest.split_first_chunk::<8>() {
        let (name, size) = head.split_at(4);
        let size = u64::from(u32_at(size, 0));
        let fits = usize::try_from(size).ok().and_then(|size| body.get(..size));
        let Some(chunk) = fits else {
            return Err(WavError::CutOff {
                chunk: name.escape_ascii().to_string(),
                declared: size,
                real: count(body),
            });
        };
        match name {
            b"fmt " => format = Some(read_format(chunk)?),
            b"data" => {
                let format = format.ok_or(WavError::DataFirst)?;
                return Ok((data(format, count(chunk), longest)?, chunk));
            }
            // LIST, fact, bext and their likes: nothing to hear.
            _ => {}
        }
        // A chunk of an odd size has a byte behind it.
        rest = body
            .get(chunk.len() + chunk.len() % 2..)
            .unwrap_or_default();
    }
    Err(if format.is_some() {
        WavError::NoData
    } else {
        WavError::NoFormat
    })
}

fn read_format(chunk: &[u8]) -> Result<Format, WavError> {
    if chunk.len() < 16 {
        return Err(WavError::NoFormat);
    }
    let tag = match u16_at(chunk, 0) {
        EXTENSIBLE if chunk.len() >= 26 => u16_at(chunk, 24),
        tag => tag,
    };
    let format = Format {
        tag,
        channels: u16_at(chunk, 2),
        rate: u32_at(chunk, 4),
        bits: u16_at(chunk, 14),
    };
    match (format.tag, format.bits) {
        (MU_LAW, _) => Err(WavError::Companded("µ-law")),
        (PCM, 8 | 16 | 24 | 32) | (FLOAT, 32) | (A_LAW, 8) => Ok(format),
        (PCM | FLOAT | A_LAW, bits) => Err(WavError::Bits(bits)),
        (tag, _) => Err(WavError::Codec(tag)),
    }
}

fn data(format: Format, size: u64, longest: Duration) -> Result<Format, WavError> {
    if !(1..=2).contains(&format.channels) {
        return Err(WavError::Channels(format.channels));
    }
    if !(RATE..=192_000).contains(&format.rate) {
        return Err(WavError::Rate(format.rate));
    }
    let frame = u64::from(format.channels) * u64::from(format.bits / 8);
    if size == 0 {
        return Err(WavError::Empty);
    }
    if !size.is_multiple_of(frame) {
        return Err(WavError::HalfSample);
    }
    let seconds = size / frame / u64::from(format.rate);
    let most = longest.as_secs();
    if seconds >= most {
        return Err(WavError::TooLong { seconds, most });
    }
    Ok(format)
}

/// A file of 16-bit PCM at [`RATE`]: the same bytes for the same samples.
pub fn write(samples: &[i16]) -> Vec<u8> {
    write_channels(samples, 1)
}

/// Two channels, as long as the longer one.
pub fn write_stereo(left: &[i16], right: &[i16]) -> Vec<u8> {
    let at = |samples: &[i16], frame: usize| samples.get(frame).copied().unwrap_or(0);
    let frames = left.len().max(right.len());
    let samples = (0..frames).flat_map(|frame| [at(left, frame), at(right, frame)]);
    write_channels(&samples.collect::<Vec<_>>(), 2)
}

fn write_channels(samples: &[i16], channels: u16) -> Vec<u8> {
    let header = header_of(samples.len() * 2, channels);
    let data = samples.iter().flat_map(|sample| sample.to_le_bytes());
    header.into_iter().chain(data).collect()
}

/// The shortest header there is.
fn header_of(data: usize, channels: u16) -> [u8; HEADER] {
    let data = u32::try_from(data).unwrap_or(u32::MAX);
    let frame = channels * 2;
    let mut header = [0; HEADER];
    let mut put = |at: usize, bytes: &[u8]| {
        header[at..at + bytes.len()].copy_from_slice(bytes);
    };
    put(0, b"RIFF");
    put(4, &data.saturating_add(36).to_le_bytes());
    put(8, b"WAVEfmt ");
    put(16, &16u32.to_le_bytes());
    put(20, &PCM.to_le_bytes());
    put(22, &channels.to_le_bytes());
    put(24, &RATE.to_le_bytes());
    put(28, &(RATE * u32::from(frame)).to_le_bytes());
    put(32, &frame.to_le_bytes());
    put(34, &16u16.to_le_bytes());
    put(36, b"data");
    put(40, &data.to_le_bytes());
    header
}

fn count(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    let pair = bytes.get(at..).and_then(<[u8]>::first_chunk);
    pair.map_or(0, |pair| u16::from_le_bytes(*pair))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..).and_then(<[u8]>::first_chunk);
    four.map_or(0, |four| u32::from_le_bytes(*four))
}
