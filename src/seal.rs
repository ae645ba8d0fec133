//! What is written down, sealed: AES-256-GCM under keys that rotate. Never shows a key.
//!
//! Recordings: what is written at once (or a block of an archive) by itself, as one line, so that a
//! file is whole up to the last line that was written whole. A sealed piece of a file begins with a
//! head in plain text that names the key and a random salt; from both comes a key that seals this
//! piece alone, and the number of a line is its nonce: lines cannot be changed, swapped or moved to
//! another file. Whoever opens a file again begins a new piece.
//!
//! Values, as a store has them: each by itself, with the id of its key and its salt in front, for one
//! place only.

use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::error::Unspecified;
use ring::hkdf::{HKDF_SHA256, Prk, Salt};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::digest::hex;

/// The keys of what is written down: the first seals, all of them open. Without one, recordings are
/// written in plain text, and only such can be read; a value is not sealed at all. Clones are the
/// same keys, also when they are replaced.
#[derive(Clone, Default)]
pub struct Keys(Arc<RwLock<Ring>>);

#[derive(Clone, Default)]
struct Ring {
    keys: Vec<(u32, Prk)>,
    first: Option<[u8; 32]>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ring = self.ring();
        let ids = ring.keys.iter().map(|(id, _)| id);
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

/// Seals and opens the lines of one piece. Thousands are kept at once: schedule and tables of a cipher
/// take 544 bytes, and 0.2 µs to make anew.
pub struct PieceKey([u8; 32]);

impl fmt::Debug for PieceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PieceKey")
    }
}

/// Why a sealed value does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// The key is another one.
    #[error("sealed with key {0}, which is not at hand")]
    Key(u32),
    /// These are not the bytes that were sealed for this place.
    #[error("sealed, and not as it was written")]
    Damaged,
}

/// Form of a sealed value, its first byte.
const FORM: u8 = 1;
/// Random bytes of a value's salt: no two values of a key ever have the same.
const SALT_LEN: usize = 16;
/// What stands before it: the form, and the id of the key.
const HEAD_LEN: usize = 5;

impl Keys {
    /// Reads and writes plain text only.
    pub fn none() -> Self {
        Self::default()
    }

    /// Ids with 32 random bytes each.
    pub fn new(keys: impl IntoIterator<Item = (u32, [u8; 32])>) -> Self {
        Self(Arc::new(RwLock::new(Ring::new(keys))))
    }

    /// From now on these seal, for every clone. What one of the old ones sealed is still opened, until
    /// the process ends.
    pub fn replace(&self, keys: impl IntoIterator<Item = (u32, [u8; 32])>) {
        let mut new = Ring::new(keys);
        let mut ring = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (id, old) in std::mem::take(&mut ring.keys) {
            if new.get(id).is_none() {
                new.keys.push((id, old));
            }
        }
        *ring = new;
    }

    fn ring(&self) -> RwLockReadGuard<'_, Ring> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Id of the key that seals; `None` without one.
    pub fn first(&self) -> Option<u32> {
        self.ring().keys.first().map(|(id, _)| *id)
    }

    /// Whether what was sealed with that key opens.
    pub fn has(&self, id: u32) -> bool {
        self.ring().get(id).is_some()
    }

    /// Begins a piece; `None` where there is no key and plain text is written.
    ///
    /// # Errors
    /// The machine has no random numbers.
    pub fn begin(&self) -> io::Result<Option<(Head, PieceKey)>> {
        let ring = self.ring();
        let Some((id, master)) = ring.keys.first() else {
            return Ok(None);
        };
        let salt = hex(&random::<32>()?);
        let key = derive(master, &[b"dana recording", salt.as_bytes()]);
        let head = Head { key: *id, salt };
        Ok(key.map(|key| (head, key)))
    }

    /// The key of a piece; `None` if the key it names is not among these.
    pub fn open(&self, head: &Head) -> Option<PieceKey> {
        let ring = self.ring();
        let master = ring.get(head.key)?;
        derive(master, &[b"dana recording", head.salt.as_bytes()])
    }

    /// Seals a value that belongs in `place` and opens nowhere else.
    ///
    /// # Errors
    /// There is no key, or the machine has no random numbers.
    pub fn seal_value(&self, place: &str, value: &[u8]) -> io::Result<Vec<u8>> {
        let ring = self.ring();
        let (id, master) = ring.keys.first().ok_or_else(|| refused("no key"))?;
        let salt = random::<SALT_LEN>()?;
        let key = value_key(master, &salt, place).ok_or_else(|| refused("no key"))?;
        let mut sealed = value.to_vec();
        key.seal(0, &mut sealed)?;
        let id = id.to_be_bytes();
        Ok([&[FORM], id.as_slice(), &salt, &sealed].concat())
    }

    /// Opens a value of that place.
    pub fn open_value(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>, Closed> {
        let (id, salt, sealed) = parts(sealed).ok_or(Closed::Damaged)?;
        let ring = self.ring();
        let master = ring.get(id).ok_or(Closed::Key(id))?;
        let key = value_key(master, salt, place).ok_or(Closed::Damaged)?;
        let mut value = sealed.to_vec();
        key.open(0, &mut value).ok_or(Closed::Damaged)?;
        Ok(value)
    }

    /// What pseudonyms are made with that leave the house: of the first key, so that they stay the
    /// same from one export to the next for whoever has it; without a key, random.
    ///
    /// # Errors
    /// The machine has no random numbers.
    pub fn pseudonyms(&self) -> io::Result<hmac::Key> {
        let secret = match self.ring().first {
            Some(first) => first,
            None => random()?,
        };
        Ok(pseudonyms(&secret, b"dana pseudonyms"))
    }

    /// What numbers are shown by in lists: always the same. Without a key, whoever has the archive
    /// has the numbers too.
    pub fn names(&self) -> hmac::Key {
        pseudonyms(&self.ring().first.unwrap_or_default(), b"dana names")
    }
}

impl Ring {
    fn new(keys: impl IntoIterator<Item = (u32, [u8; 32])>) -> Self {
        let keys: Vec<(u32, [u8; 32])> = keys.into_iter().collect();
        let master = |secret: &[u8; 32]| Salt::new(HKDF_SHA256, &[]).extract(secret);
        Self {
            first: keys.first().map(|(_, secret)| *secret),
            keys: keys.iter().map(|(id, key)| (*id, master(key))).collect(),
        }
    }

    fn get(&self, id: u32) -> Option<&Prk> {
        let found = self.keys.iter().find(|(known, _)| *known == id);
        found.map(|(_, master)| master)
    }
}

/// Id of the key that sealed a value, of which the first five bytes are enough; `None` if it is none
/// of ours.
pub fn key_of(sealed: &[u8]) -> Option<u32> {
    let (form, rest) = sealed.split_first()?;
    let id = rest.first_chunk()?;
    (*form == FORM).then_some(u32::from_be_bytes(*id))
}

/// Id of the key, salt, and what is sealed.
fn parts(value: &[u8]) -> Option<(u32, &[u8; SALT_LEN], &[u8])> {
    let id = key_of(value)?;
    let (_, rest) = value.split_first_chunk::<HEAD_LEN>()?;
    let (salt, sealed) = rest.split_first_chunk()?;
    Some((id, salt, sealed))
}

fn pseudonyms(secret: &[u8; 32], purpose: &[u8]) -> hmac::Key {
    let master = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let derived = hmac::sign(&master, purpose);
    hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())
}

fn refused(why: &str) -> io::Error {
    io::Error::other(why.to_owned())
}

/// Random bytes.
///
/// # Errors
/// The machine has none.
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut random = [0; N];
    let filled = SystemRandom::new().fill(&mut random);
    filled.map_err(|_| refused("no random numbers"))?;
    Ok(random)
}

fn value_key(master: &Prk, salt: &[u8; SALT_LEN], place: &str) -> Option<PieceKey> {
    derive(master, &[b"dana value", salt, place.as_bytes()])
}

fn derive(master: &Prk, info: &[&[u8]]) -> Option<PieceKey> {
    let mut key = [0; 32];
    let okm = master.expand(info, &AES_256_GCM).ok()?;
    okm.fill(&mut key).ok()?;
    Some(PieceKey(key))
}

impl PieceKey {
    fn cipher(&self) -> Result<LessSafeKey, Unspecified> {
        UnboundKey::new(&AES_256_GCM, &self.0).map(LessSafeKey::new)
    }

    /// Seals what has that number in its piece. No number twice.
    pub fn seal(&self, number: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
        self.cipher()
            .and_then(|key| key.seal_in_place_append_tag(nonce(number), Aad::empty(), bytes))
            .map_err(|_| io::Error::other("cannot be sealed"))
    }

    /// Opens it again; `None` for any other bytes.
    pub fn open(&self, number: u64, bytes: &mut Vec<u8>) -> Option<()> {
        let key = self.cipher().ok()?;
        let plain = key.open_in_place(nonce(number), Aad::empty(), bytes);
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
