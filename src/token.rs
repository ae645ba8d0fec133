//! The resume token: the dialog's state, sealed, held by the gateway. Whoever has the key goes on
//! with the call; nobody else can read it, make it, or use it for another call. Never logged.

use std::fmt;
use std::sync::Arc;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize, Serializer};

use crate::call::CallId;
use crate::compact;
use crate::dialog::action::TransferContext;
use crate::dialog::event::Offer;
use crate::time::CallTime;

/// Longest token. Beyond it the call cannot be carried and goes to the operator.
pub const MAX_TOKEN: usize = 4096;
/// Room for a usual one.
const USUAL_TOKEN: usize = 640;
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
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    version: u8,
    /// The call as it was offered.
    pub offer: Arc<Offer>,
    /// Hash of the bundle.
    pub bundle: String,
    /// What an operator would be told.
    pub context: TransferContext,
    /// The effects of all events up to this one are in here.
    pub acked_event_seq: u64,
    /// The turn that carries this token.
    pub turn_seq: u64,
    /// When that turn was made.
    pub at: CallTime,
    /// How often the call was resumed.
    pub resume: u32,
    /// [`Dialog::write_to`](crate::dialog::Dialog::write_to).
    #[serde(serialize_with = "bytes")]
    pub state: Vec<u8>,
}

/// In one piece: the same form as byte by byte.
fn bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

impl Envelope {
    /// The envelope of a call's first turn; its owner keeps it up to date.
    pub fn new(offer: impl Into<Arc<Offer>>, bundle: String) -> Self {
        Self {
            version: VERSION,
            offer: offer.into(),
            bundle,
            context: TransferContext::default(),
            acked_event_seq: 0,
            turn_seq: 0,
            at: CallTime::ZERO,
            resume: 0,
            state: Vec::new(),
        }
    }
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
        let bound = bound(gateway, call);
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
        let plain = key
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
    key: LessSafeKey,
    bound: Vec<u8>,
    random: [u8; RANDOM_LEN],
    sealed: u32,
}

impl Sealer {
    /// Seals; `None` when it would be longer than [`MAX_TOKEN`].
    pub fn seal(&mut self, envelope: &Envelope) -> Option<Vec<u8>> {
        let nonce = self.nonce()?;
        let mut token = Vec::with_capacity(USUAL_TOKEN);
        token.extend_from_slice(&self.id.to_be_bytes());
        token.extend_from_slice(&nonce);
        compact::append(envelope, &mut token)?;
        if token.len() + TAG_LEN > MAX_TOKEN {
            return None;
        }
        let plain = token.get_mut(HEAD_LEN..)?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let aad = Aad::from(&self.bound);
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, aad, plain)
            .ok()?;
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
fn derive(master: &MasterKey, gateway: &str, call: &CallId) -> Option<LessSafeKey> {
    let bound = bound(gateway, call);
    let info: [&[u8]; 2] = [b"dana resume token", &bound];
    let secret = Salt::new(HKDF_SHA256, &[]).extract(&master.secret);
    let key = secret.expand(&info, &AES_256_GCM).ok()?;
    Some(LessSafeKey::new(UnboundKey::from(key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::PhoneNumber;
    use crate::dialog::event::Capabilities;
    use crate::time::WallTime;

    fn keys(ids: &[u32]) -> TokenKeys {
        let key = |id: &u32| MasterKey {
            id: *id,
            secret: [u8::try_from(*id).unwrap(); 32],
        };
        TokenKeys::new(ids.iter().map(key).collect()).unwrap()
    }

    fn envelope(call: &CallId) -> Envelope {
        let offer = Offer {
            call: call.clone(),
            call_key: "gateway:c-1:0".to_owned(),
            from: PhoneNumber::parse("+77770000101"),
            to: "3131".to_owned(),
            locale: None,
            capabilities: Capabilities {
                recognizer: true,
                transfer: true,
            },
            began: WallTime::from_unix_ms(0),
        };
        let mut envelope = Envelope::new(offer, "bundle".to_owned());
        envelope.state = vec![7; 200];
        envelope
    }

    #[test]
    fn a_token_opens_for_its_call_its_gateway_and_its_key_only() {
        let call = CallId::new("c-1").unwrap();
        let other = CallId::new("c-2").unwrap();
        let token = keys(&[1])
            .sealer("a", &call)
            .unwrap()
            .seal(&envelope(&call))
            .unwrap();
        assert!(keys(&[1]).open("a", &call, &token) == Some(envelope(&call)));
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
                let token = sealer.seal(&envelope(&call)).unwrap();
                assert!(seen.insert(nonce(&token)));
            }
            sealer.sealed = MAX_TOKENS;
            assert!(
                sealer.seal(&envelope(&call)).is_none(),
                "it would begin anew"
            );
        }
    }

    #[test]
    fn a_state_that_is_too_large_is_not_sealed() {
        let call = CallId::new("c-1").unwrap();
        let mut envelope = envelope(&call);
        envelope.state = vec![0; MAX_TOKEN];
        assert!(
            keys(&[1])
                .sealer("a", &call)
                .unwrap()
                .seal(&envelope)
                .is_none()
        );
    }
}
