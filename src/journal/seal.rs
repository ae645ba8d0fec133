//! Journals at rest: AES-256-GCM, what is written at once (or a block of an archive) by itself, as
//! one line, so that a file is whole up to the last line that was written whole. Never shows a key.
//!
//! A sealed piece of a file begins with a head in plain text that names the key and a random salt;
//! from both comes a key that seals this piece alone, and the number of a line is its nonce: lines
//! cannot be changed, swapped or moved to another file. Whoever opens a file again begins a new
//! piece.

use std::fmt;
use std::io;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Prk, Salt};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::digest::hex;

/// The keys of recordings: the first seals, all of them open. Without one, recordings are written
/// in plain text, and only such can be read.
#[derive(Clone, Default)]
pub struct Keys {
    keys: Vec<(u32, Prk)>,
    first: Option<[u8; 32]>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.keys.iter().map(|(id, _)| id);
        f.debug_list().entries(ids).finish()
    }
}

/// What a sealed piece says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Id of the key.
    pub key: u32,
    /// 32 random bytes, in hexadecimal.
    pub salt: String,
}

/// Seals and opens the lines of one piece.
pub struct PieceKey(LessSafeKey);

impl fmt::Debug for PieceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PieceKey")
    }
}

impl Keys {
    /// Reads and writes plain text only.
    pub fn none() -> Self {
        Self::default()
    }

    /// Ids with 32 random bytes each.
    pub fn new(keys: impl IntoIterator<Item = (u32, [u8; 32])>) -> Self {
        let keys: Vec<(u32, [u8; 32])> = keys.into_iter().collect();
        Self {
            first: keys.first().map(|(_, secret)| *secret),
            keys: keys
                .iter()
                .map(|(id, secret)| (*id, Salt::new(HKDF_SHA256, &[]).extract(secret)))
                .collect(),
        }
    }

    /// Begins a piece; `None` where there is no key and plain text is written.
    ///
    /// # Errors
    /// The machine has no random numbers.
    pub fn begin(&self) -> io::Result<Option<(Head, PieceKey)>> {
        let Some((id, master)) = self.keys.first() else {
            return Ok(None);
        };
        let salt = hex(&random()?);
        let key = derive(master, &salt);
        let head = Head { key: *id, salt };
        Ok(key.map(|key| (head, key)))
    }

    /// The key of a piece; `None` if the key it names is not among these.
    pub fn open(&self, head: &Head) -> Option<PieceKey> {
        let (_, master) = self.keys.iter().find(|(id, _)| *id == head.key)?;
        derive(master, &head.salt)
    }

    /// What pseudonyms are made with that leave the house: of the first key, so that they stay the
    /// same from one export to the next for whoever has it; without a key, random.
    ///
    /// # Errors
    /// The machine has no random numbers.
    pub fn pseudonyms(&self) -> io::Result<hmac::Key> {
        let secret = match self.first {
            Some(first) => first,
            None => random()?,
        };
        Ok(pseudonyms(&secret, b"dana pseudonyms"))
    }

    /// What numbers are shown by in lists: always the same. Without a key, whoever has the archive
    /// has the numbers too.
    pub fn names(&self) -> hmac::Key {
        pseudonyms(&self.first.unwrap_or_default(), b"dana names")
    }
}

fn pseudonyms(secret: &[u8; 32], purpose: &[u8]) -> hmac::Key {
    let master = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let derived = hmac::sign(&master, purpose);
    hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())
}

fn random() -> io::Result<[u8; 32]> {
    let mut random = [0u8; 32];
    SystemRandom::new()
        .fill(&mut random)
        .map_err(|_| io::Error::other("no random numbers"))?;
    Ok(random)
}

fn derive(master: &Prk, salt: &str) -> Option<PieceKey> {
    let info: [&[u8]; 2] = [b"dana recording", salt.as_bytes()];
    let key = master.expand(&info, &AES_256_GCM).ok()?;
    Some(PieceKey(LessSafeKey::new(UnboundKey::from(key))))
}

impl PieceKey {
    /// Seals what has that number in its piece. No number twice.
    pub fn seal(&self, number: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
        self.0
            .seal_in_place_append_tag(nonce(number), Aad::empty(), bytes)
            .map_err(|_| io::Error::other("cannot be sealed"))
    }

    /// Opens it again; `None` for any other bytes.
    pub fn open(&self, number: u64, bytes: &mut Vec<u8>) -> Option<()> {
        let plain = self.0.open_in_place(nonce(number), Aad::empty(), bytes);
        let length = plain.ok()?.len();
        bytes.truncate(length);
        Some(())
    }
}

fn nonce(number: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[NONCE_LEN - 8..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}
