//! Hashes, and how they are written. Not for passwords or secrets.

use std::fmt::Write;

use ring::digest::{SHA256, digest};

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The SHA-256 in hex: 64 digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

/// What a call or an order is called in logs: the first 16 digits of the SHA-256 of its key. A gateway's id
/// of a call, of which keys are made, may hold a number; who has a record finds its lines by this.
pub fn name(key: &str) -> String {
    let mut name = sha256(key.as_bytes());
    name.truncate(16);
    name
}

/// The first eight bytes of the SHA-256: two of a million are taken for one in one case of thirty
/// million.
pub fn short(bytes: &[u8]) -> u64 {
    let hash = digest(&SHA256, bytes);
    let first = hash.as_ref().first_chunk::<8>();
    u64::from_le_bytes(*first.unwrap_or(&[0; 8]))
}
