//! The resume token: the dialog's state, sealed, held by the gateway. Whoever has the key goes on
//! with the call; nobody else can read it, make it, or use it for another call. Never logged.

use std::fmt;
use std::sync::Arc;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::call::CallId;
use crate::compact;
use crate::dialog::action::TransferContext;
use crate::dialog::event::Offer;
use crate::time::CallTime;

/// Longest token. Beyond it the call cannot be carried and goes to the operator.
pub const MAX_TOKEN: usize = 4096;
/// Room for what changes in a usual one, and for what proves it.
const USUAL_REST: usize = 160;
/// A token is accepted so long after its call's offer: no call of ours is longer.
pub const MAX_AGE_MS: i64 = 60 * 60 * 1000;

/// Form of the envelope. Every build reads every older one.
const VERSION: u8 = 2;
/// Bytes of the key's id at the front.
const KEY_ID_LEN: usize = 4;
/// Random bytes of a nonce, drawn once a stream; the rest counts the stream's tokens. A call of one
/// stream never has a nonce twice. Of one that is resumed each 200 ms for an hour, 18,000 times on
/// whatever replicas, two streams draw the same bytes in one of 10¹³ such calls.
const RANDOM_LEN: usize = 9;
/// Tokens of a stream; a call has 360,000 events at most.
const MAX_TOKENS: u32 = 1 << (8 * (NONCE_LEN - RANDOM_LEN));
/// What is in plain text, and what proves the rest.
const HEAD_LEN: usize = KEY_ID_LEN + NONCE_LEN;
const TAG_LEN: usize = 16;

/// What a token holds: an envelope that every build can read, and the dialog's state, which only
/// the same bundle and form can.
#[derive(PartialEq, Eq, Deserialize)]
pub struct Envelope {
    version: u8,
    /// The call as it was offered.
    pub offer: Arc<Offer>,
    /// Hash of the bundle.
    pub bundle: String,
    /// What an operator would be told.
    pub context: TransferContext,
    /// How far the call is.
    pub progress: Progress,
    /// For [`Dialog::from_bytes`](crate::dialog::Dialog::from_bytes).
    pub state: Vec<u8>,
}

/// How far a call is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The effects of all events up to this one are in the token.
    pub acked_event_seq: u64,
    /// The turn that carries it.
    pub turn_seq: u64,
    /// When that turn was made.
    pub at: CallTime,
    /// How often the call was resumed.
    pub resume: u32,
}

/// What of a call seldom changes, as it stands in each of its tokens: an envelope up to its context,
/// and the beginning of a state.
#[derive(Clone, PartialEq, Eq)]
pub struct Known {
    bytes: Vec<u8>,
    context_at: u32,
    state_at: u32,
}

impl Known {
    /// Of the call, nothing yet of what is learnt in it.
    pub fn new(offer: &Offer, bundle: &str) -> Self {
        let mut bytes = Vec::new();
        let _ = compact::append(&(VERSION, offer, bundle), &mut bytes);
        let end = place(&bytes);
        Self {
            context_at: end,
            state_at: end,
            bytes,
        }
    }

    /// Something was learnt: what an operator would be told now, and what begins the state.
    pub fn learn(&mut self, context: &TransferContext, state: impl FnOnce(&mut Vec<u8>)) {
        self.bytes.truncate(at(self.context_at));
        let _ = compact::append(context, &mut self.bytes);
        self.state_at = place(&self.bytes);
        state(&mut self.bytes);
        self.bytes.shrink_to_fit();
    }

    /// What an operator would be told, as it was learnt last.
    pub fn context(&self) -> TransferContext {
        let bytes = self.bytes.get(at(self.context_at)..).unwrap_or_default();
        postcard::from_bytes(bytes).unwrap_or_default()
    }
}

/// The end of some bytes, as a place among them: half of the room, for every open call.
fn place(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

fn at(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// A master key with its id.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    /// Goes into every token, so that keys can be changed.
    pub id: u32,
    /// 32 random bytes.
    pub secret: [u8; 32],
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

/// The keys of all replicas: the first seals, all open.
#[derive(Clone)]
pub struct TokenKeys {
    keys: Vec<MasterKey>,
    random: SystemRandom,
}

impl TokenKeys {
    /// `None` without a key.
    pub fn new(keys: Vec<MasterKey>) -> Option<Self> {
        let random = SystemRandom::new();
        (!keys.is_empty()).then_some(Self { keys, random })
    }

    /// What seals the tokens of one stream of a call; `None` never but without a key or randomness.
    pub fn sealer(&self, gateway: &str, call: &CallId) -> Option<Sealer> {
        let master = self.keys.first()?;
        let key = derive(master, gateway, call)?;
        let bound = bound(gateway, call).into();
        let mut random = [0; RANDOM_LEN];
        self.random.fill(&mut random).ok()?;
        Some(Sealer {
            id: master.id,
            key,
            bound,
            random,
            sealed: 0,
        })
    }

    /// Opens a token of that call from that gateway; `None` for any other bytes.
    pub fn open(&self, gateway: &str, call: &CallId, token: &[u8]) -> Option<Envelope> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let (id, rest) = token.split_at_checked(KEY_ID_LEN)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
        let id = u32::from_be_bytes(id.try_into().ok()?);
        let key = derive(self.keys.iter().find(|key| key.id == id)?, gateway, call)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut bytes = sealed.to_vec();
        let plain = cipher(&key)?
            .open_in_place(nonce, Aad::from(bound(gateway, call)), &mut bytes)
            .ok()?;
        let envelope: Envelope = postcard::from_bytes(plain).ok()?;
        (envelope.version == VERSION && envelope.offer.call == *call).then_some(envelope)
    }
}

/// Seals the tokens of one stream of a call. No two of them share a nonce, nor do those of another
/// stream: see `RANDOM_LEN`.
pub struct Sealer {
    id: u32,
    /// Schedule and tables of a cipher take 544 bytes, and 0.2 µs to make anew for each token.
    key: [u8; 32],
    bound: Box<[u8]>,
    random: [u8; RANDOM_LEN],
    sealed: u32,
}

impl Sealer {
    /// Seals; `rest` appends what is not known of the state. `None` when it would be longer than
    /// [`MAX_TOKEN`].
    pub fn seal(
        &mut self,
        known: &Known,
        progress: &Progress,
        rest: impl FnOnce(&mut Vec<u8>),
    ) -> Option<Vec<u8>> {
        let nonce = self.nonce()?;
        let (envelope, state) = known.bytes.split_at_checked(at(known.state_at))?;
        let mut token = Vec::with_capacity(known.bytes.len() + USUAL_REST);
        token.extend_from_slice(&self.id.to_be_bytes());
        token.extend_from_slice(&nonce);
        token.extend_from_slice(envelope);
        compact::append(progress, &mut token)?;
        let length_at = token.len();
        token.extend_from_slice(&[0; 2]);
        token.extend_from_slice(state);
        rest(&mut token);
        if token.len() + TAG_LEN > MAX_TOKEN {
            return None;
        }
        // Seven bits a byte, lowest first, as always; in two bytes, whether it fills them or not.
        let length = u16::try_from(token.len() - length_at - 2).ok()?;
        let [low, high] = (length << 1).to_le_bytes();
        token
            .get_mut(length_at..length_at + 2)?
            .copy_from_slice(&[low >> 1 | 0x80, high]);
        let plain = token.get_mut(HEAD_LEN..)?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let aad = Aad::from(&self.bound);
        let cipher = cipher(&self.key)?;
        let tag = cipher.seal_in_place_separate_tag(nonce, aad, plain).ok()?;
        token.extend_from_slice(tag.as_ref());
        Some(token)
    }

    /// One that was never used with this key.
    fn nonce(&mut self) -> Option<[u8; NONCE_LEN]> {
        if self.sealed == MAX_TOKENS {
            return None;
        }
        let mut nonce = [0; NONCE_LEN];
        let (random, count) = nonce.split_at_mut(RANDOM_LEN);
        random.copy_from_slice(&self.random);
        let [_, number @ ..] = self.sealed.to_be_bytes();
        count.copy_from_slice(&number);
        self.sealed += 1;
        Some(nonce)
    }
}

/// What a token is bound to: gateway and call.
fn bound(gateway: &str, call: &CallId) -> Vec<u8> {
    [gateway.as_bytes(), b"\0", call.as_str().as_bytes()].concat()
}

/// The key of one call.
fn derive(master: &MasterKey, gateway: &str, call: &CallId) -> Option<[u8; 32]> {
    let bound = bound(gateway, call);
    let info: [&[u8]; 2] = [b"dana resume token", &bound];
    let secret = Salt::new(HKDF_SHA256, &[]).extract(&master.secret);
    let mut key = [0; 32];
    let okm = secret.expand(&info, &AES_256_GCM).ok()?;
    okm.fill(&mut key).ok()?;
    Some(key)
}

fn cipher(key: &[u8; 32]) -> Option<LessSafeKey> {
    let key = UnboundKey::new(&AES_256_GCM, key).ok()?;
    Some(LessSafeKey::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{PhoneNumber, Topic};
    use crate::dialog::event::Capabilities;
    use crate::time::WallTime;

    fn keys(ids: &[u32]) -> TokenKeys {
        let key = |id: &u32| MasterKey {
            id: *id,
            secret: [u8::try_from(*id).unwrap(); 32],
        };
        TokenKeys::new(ids.iter().map(key).collect()).unwrap()
    }

    fn offer(call: &CallId) -> Offer {
        Offer {
            call: call.clone(),
            call_key: "gateway:c-1:0".into(),
            from: PhoneNumber::parse("+77770000101"),
            to: "3131".to_owned(),
            locale: None,
            capabilities: Capabilities {
                recognizer: true,
                transfer: true,
            },
            began: WallTime::from_unix_ms(0),
        }
    }

    fn context() -> TransferContext {
        TransferContext {
            topic: Some(Topic::InternetDown),
            findings: vec!["outage=none".into()],
            ..TransferContext::default()
        }
    }

    /// A token with a state of so many bytes, half of them known.
    fn sealed(sealer: &mut Sealer, call: &CallId, state: usize) -> Option<Vec<u8>> {
        let mut known = Known::new(&offer(call), "bundle");
        let half = |to: &mut Vec<u8>| to.extend(vec![7; state / 2]);
        known.learn(&TransferContext::default(), |to| to.extend([1; 99]));
        known.learn(&context(), half);
        assert_eq!(known.context(), context());
        sealer.seal(&known, &PROGRESS, half)
    }

    const PROGRESS: Progress = Progress {
        acked_event_seq: 1 << 40,
        turn_seq: 300,
        at: CallTime::from_ms(70_000),
        resume: 2,
    };

    #[test]
    fn a_token_opens_for_its_call_its_gateway_and_its_key_only() {
        let call = CallId::new("c-1").unwrap();
        let other = CallId::new("c-2").unwrap();
        let mut sealer = keys(&[1]).sealer("a", &call).unwrap();
        let token = sealed(&mut sealer, &call, 200).unwrap();
        assert!(
            keys(&[2, 1]).open("a", &call, &token).is_some(),
            "an older key still opens"
        );
        assert!(keys(&[2]).open("a", &call, &token).is_none());
        assert!(keys(&[1]).open("b", &call, &token).is_none());
        assert!(keys(&[1]).open("a", &other, &token).is_none());
        for at in 0..token.len() {
            let mut forged = token.clone();
            forged[at] ^= 1;
            assert!(keys(&[1]).open("a", &call, &forged).is_none(), "byte {at}");
            assert!(
                keys(&[1]).open("a", &call, &token[..at]).is_none(),
                "cut at {at}"
            );
        }
    }

    /// A nonce that came twice under one key would open both tokens to whoever holds them.
    #[test]
    fn no_two_tokens_of_a_call_share_a_nonce() {
        let call = CallId::new("c-1").unwrap();
        let keys = keys(&[1]);
        let nonce = |token: &[u8]| token[KEY_ID_LEN..KEY_ID_LEN + NONCE_LEN].to_vec();
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..100 {
            let mut sealer = keys.sealer("a", &call).unwrap();
            for _ in 0..300 {
                let token = sealed(&mut sealer, &call, 200).unwrap();
                assert!(seen.insert(nonce(&token)));
            }
            sealer.sealed = MAX_TOKENS;
            let more = sealed(&mut sealer, &call, 200);
            assert!(more.is_none(), "it would begin anew");
        }
    }

    /// The form is the same whoever wrote it: in pieces, or as one value.
    #[test]
    fn a_token_opens_to_what_was_sealed_unless_that_was_too_large() {
        let call = CallId::new("c-1").unwrap();
        let mut sealer = keys(&[1]).sealer("a", &call).unwrap();
        for length in [0, 2, 126, 128, 130, 254, 256, 3_000] {
            let token = sealed(&mut sealer, &call, length).unwrap();
            let opened = keys(&[1]).open("a", &call, &token).unwrap();
            let (offer, context) = (offer(&call), context());
            let whole = (
                VERSION,
                offer,
                "bundle",
                context,
                PROGRESS,
                vec![7_u8; length],
            );
            let mut bytes = Vec::new();
            compact::append(&whole, &mut bytes).unwrap();
            assert!(postcard::from_bytes(&bytes) == Ok(opened), "{length}");
        }
        assert!(sealed(&mut sealer, &call, MAX_TOKEN).is_none());
    }
}
