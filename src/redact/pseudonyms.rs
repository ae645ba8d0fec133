//! Names in place of names: always the same for the same one, and none can be led back without the
//! key. Digits become digits, so that what is spoken of them is as long; a zero stays one, because
//! a lone zero is a wish.

use ring::hmac;

use crate::call::{Login, PhoneNumber, Said};
use crate::digest::hex;

/// Streets that everybody knows.
const STREETS: [&str; 6] = [
    "Абая",
    "Гоголя",
    "Сатпаева",
    "Жандосова",
    "Достык",
    "Сейфуллина",
];

/// What makes them.
#[derive(Debug)]
pub(super) struct Pseudonyms(hmac::Key);

impl Pseudonyms {
    pub(super) const fn new(key: hmac::Key) -> Self {
        Self(key)
    }

    fn bytes(&self, what: &str, name: &str) -> [u8; 32] {
        let text = [what.as_bytes(), b"\0", name.as_bytes()].concat();
        let tag = hmac::sign(&self.0, &text);
        tag.as_ref().try_into().unwrap_or([0; 32])
    }

    /// Sixteen hexadecimal digits.
    pub(super) fn name(&self, what: &str, name: &str) -> String {
        hex(&self.bytes(what, name)[..8])
    }

    /// As long, with other digits; letters and signs stay.
    pub(super) fn alike(&self, what: &str, name: &str) -> String {
        let bytes = self.bytes(what, name);
        let mut bytes = bytes.iter().cycle();
        let other = |c: char| match c {
            '1'..='9' => {
                let byte = bytes.next().copied().unwrap_or(0);
                char::from(b'1' + byte % 9)
            }
            c => c,
        };
        name.chars().map(other).collect()
    }

    /// A number in an area that there is not.
    pub(super) fn number(&self, number: &PhoneNumber) -> PhoneNumber {
        let bytes = self.bytes("number", number.reveal());
        let digits = bytes
            .iter()
            .take(7)
            .map(|byte| char::from(b'0' + byte % 10));
        let own = format!("+7000{}", digits.collect::<String>());
        PhoneNumber::parse(&own).unwrap_or_else(|| number.clone())
    }

    pub(super) fn login(&self, login: &Login) -> Login {
        let own = self.alike("login", login.reveal());
        let own = own
            .chars()
            .map(|c| if c.is_ascii_alphabetic() { 'x' } else { c });
        Login::new(&own.collect::<String>()).unwrap_or_else(|| login.clone())
    }

    /// An address in the form of the back end's.
    pub(super) fn address(&self, address: &Said) -> Said {
        let (street, house, flat) = self.at(address);
        Said::new(&format!("г. Алматы, ул. {street}, д. {house}, кв. {flat}"))
    }

    /// What a caller says who means that address.
    pub(super) fn street(&self, address: &Said) -> String {
        let (street, house, _) = self.at(address);
        format!("{street} {house}")
    }

    fn at(&self, address: &Said) -> (&'static str, u8, u8) {
        let [street, house, flat, ..] = self.bytes("address", address.reveal());
        let street = STREETS.get(usize::from(street) % STREETS.len());
        (
            street.copied().unwrap_or_default(),
            1 + house % 120,
            1 + flat % 200,
        )
    }

    /// A place among so many, for a text.
    pub(super) fn place(&self, text: &str, attempt: u64, of: usize) -> usize {
        let [a, b, c, d, ..] = self.bytes(&format!("words {attempt}"), text);
        let number = u32::from_be_bytes([a, b, c, d]);
        usize::try_from(number).unwrap_or(0) % of.max(1)
    }
}
