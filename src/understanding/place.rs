//! Addresses, as people say them and as they are on record: only what is needed to tell a caller's
//! lines apart. Neither holds a text; nothing of it is ever said.

use serde::{Deserialize, Serialize};

use crate::understanding::Grammars;
use crate::understanding::words::sound;

/// Words that name no street: what the parts of an address are called. Folded.
const PARTS: &[&str] = &[
    "г",
    "город",
    "ул",
    "улица",
    "улице",
    "улицу",
    "пр",
    "просп",
    "проспект",
    "проспекте",
    "мкр",
    "микрорайон",
    "микрорайоне",
    "д",
    "дом",
    "дома",
    "доме",
    "кв",
    "квартира",
    "квартире",
    "квартиру",
    "корпус",
    "обл",
    "область",
    "р",
    "район",
    "пер",
    "переулок",
    "коше",
    "кошеси",
    "даниги",
    "дангили",
    "шагин",
    "аудани",
    "аудан",
    "уй",
    "уйи",
    "патер",
    "патери",
    "кала",
    "каласи",
    "на",
    "по",
    "адрес",
    "адресу",
    "мекенжай",
    "мекенжайи",
    "который",
    "тот",
    "что",
    "это",
    "логин",
    "логину",
    "бойинша",
    "номер",
    "номири",
];
/// Fewest letters of a word that can name a street.
const FEWEST_LETTERS: usize = 3;
/// Sounds that two forms of one name share, and sounds that tell most names apart.
const SHARED: usize = 4;
const OWN: usize = 6;

/// What an address is recognised by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// For each word: a hash of its first sounds, and one of more of them.
    words: Vec<(u32, u32)>,
    /// House and flat, as digits.
    numbers: Vec<String>,
}

impl Place {
    /// The one of a caller's places that is meant, by its street and, if he says one, its number;
    /// or by its number alone. `None` if none or several fit.
    pub fn nearest(&self, places: &[Self]) -> Option<u8> {
        let by_street = best(places, |place| self.likeness(place));
        by_street.or_else(|| best(places, |place| usize::from(self.shares_number(place))))
    }

    fn likeness(&self, place: &Self) -> usize {
        let like = |(short, long): &(u32, u32)| {
            let shared = place.words.iter().any(|(other, _)| other == short);
            let own = place.words.iter().any(|(_, other)| other == long);
            usize::from(shared) + usize::from(own)
        };
        let street: usize = self.words.iter().map(like).sum();
        match (street, self.numbers.is_empty(), self.shares_number(place)) {
            (0, _, _) | (_, false, false) => 0,
            (street, _, numbered) => street + usize::from(numbered),
        }
    }

    fn shares_number(&self, place: &Self) -> bool {
        self.numbers
            .iter()
            .any(|number| place.numbers.contains(number))
    }
}

impl Grammars {
    /// What `text` has of an address.
    pub fn place(&self, text: &str) -> Place {
        let mut words = self.grammar.lexicon.words(text);
        let tokens = self.grammar.lexicon.read(&mut words);
        let (numbers, numerals) = self.grammar.numbers.read(&words, &tokens);
        let mut sounds = Vec::new();
        let mut place = Place {
            words: Vec::new(),
            numbers,
        };
        for (at, word) in words.iter().enumerate() {
            let names = word.chars().count() >= FEWEST_LETTERS && !PARTS.contains(&word.as_str());
            if names && !numerals.contains(&at) {
                sound(&word, false, &mut sounds);
                place
                    .words
                    .push((hash(&sounds, SHARED), hash(&sounds, OWN)));
            }
        }
        place
    }
}

/// The one place that is likest, if there is one.
fn best(places: &[Place], likeness: impl Fn(&Place) -> usize) -> Option<u8> {
    let best = places
        .iter()
        .map(&likeness)
        .max()
        .filter(|best| *best > 0)?;
    let mut like = (0u8..)
        .zip(places)
        .filter(|(_, place)| likeness(place) == best);
    let (index, _) = like.next()?;
    like.next().is_none().then_some(index)
}

/// FNV-1a over the first sounds.
fn hash(sounds: &[char], first: usize) -> u32 {
    let step = |hash: u32, c: &char| (hash ^ u32::from(*c)).wrapping_mul(0x0100_0193);
    sounds.iter().take(first).fold(0x811c_9dc5, step)
}
