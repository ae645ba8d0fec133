//! The bytes that a gateway plays.

use audio_codec_algorithms::encode_alaw;

/// 16-bit linear in network byte order (RFC 3551, L16).
pub fn l16(samples: &[i16]) -> Vec<u8> {
    samples
        .iter()
        .flat_map(|sample| sample.to_be_bytes())
        .collect()
}

/// G.711 A-law (RFC 3551, PCMA).
pub fn pcma(samples: &[i16]) -> Vec<u8> {
    samples.iter().map(|&sample| encode_alaw(sample)).collect()
}
