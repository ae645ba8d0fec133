//! From a recogniser's text to comparable words: lower case, no punctuation, Kazakh letters folded
//! onto the Russian ones that recognisers write for them.

use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashMap;

/// Longest text that is looked at, in characters: a minute of speech has a tenth of it.
const MAX_TEXT: usize = 4_096;
/// Most words of an utterance that are looked at.
pub(super) const MAX_WORDS: usize = 64;
/// A longer word is compared by so many of its letters too: endings are dropped.
const STEM: usize = 4;
/// So many more letters make it longer.
const ENDING: usize = 2;

/// The words of a text. Most are known by their key alone: letters are folded again where they are wanted.
#[derive(Debug)]
pub(super) struct Words<'t> {
    text: &'t str,
    at: Vec<Word>,
}

/// Where a word is, and what it is looked up by.
#[derive(Clone, Copy, Debug, Default)]
struct Word {
    start: usize,
    end: usize,
    key: u64,
    stem: u64,
    letters: usize,
    /// Which of the examples' words it is.
    number: Option<usize>,
}

impl<'t> Words<'t> {
    /// Splits a text.
    pub(super) fn new(text: &'t str) -> Self {
        let mut at = Vec::with_capacity(12);
        let text = beginning(text);
        let mut signs = text.chars();
        while at.len() < MAX_WORDS {
            let start = text.len() - signs.as_str().len();
            let Some(sign) = signs.next() else { break };
            let Some(first) = letter(sign) else { continue };
            let mut key = Key::default();
            key.push(first);
            let end = loop {
                let end = text.len() - signs.as_str().len();
                match signs.next().and_then(letter) {
                    Some(letter) => key.push(letter),
                    None => break end,
                }
            };
            at.push(key.word(start, end));
        }
        Self { text, at }
    }

    /// A word that is said twice in a row counts once.
    pub(super) fn without_echoes(mut self) -> Self {
        self.at.dedup_by_key(|word| word.key);
        self
    }

    /// How many words there are.
    pub(super) const fn len(&self) -> usize {
        self.at.len()
    }

    /// The letters of a word, folded; none behind the last one.
    pub(super) fn letters(&self, at: usize) -> impl Iterator<Item = char> {
        let word = self.at.get(at).copied().unwrap_or_default();
        self.between(word.start, word.end)
    }

    /// How many letters a word has.
    pub(super) fn length(&self, at: usize) -> usize {
        self.at.get(at).map_or(0, |word| word.letters)
    }

    /// A word, folded; empty behind the last one.
    pub(super) fn get(&self, at: usize) -> String {
        let word = self.at.get(at).copied().unwrap_or_default();
        self.text_between(word.start, word.end)
    }

    /// What a word is looked up by; 0 behind the last one.
    pub(super) fn key(&self, at: usize) -> u64 {
        self.at.get(at).map_or(0, |word| word.key)
    }

    /// The same for a word without its ending, if it is long; 0 behind the last one.
    pub(super) fn stem(&self, at: usize) -> u64 {
        self.at.get(at).map_or(0, |word| word.stem)
    }

    /// Which of the examples' words it is, if it was [looked up](Self::look_up) and is one.
    pub(super) fn number(&self, at: usize) -> Option<usize> {
        self.at.get(at)?.number
    }

    /// Looks up which of the examples' words those from `from` on are, by their keys.
    pub(super) fn look_up(&mut self, from: usize, number: impl Fn(u64) -> Option<usize>) {
        for word in self.at.iter_mut().skip(from) {
            word.number = number(word.key);
        }
    }

    /// The words in order, folded.
    pub(super) fn iter(&self) -> impl Iterator<Item = String> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// What was said from one word to another, as it was understood.
    pub(super) fn said(&self, first: usize, last: usize) -> String {
        let words: Vec<String> = (first..=last).map(|at| self.get(at)).collect();
        words.join(" ")
    }

    /// Makes two words of the one at `at`, the first of so many letters: «неработает»; not where there are
    /// as many as are looked at.
    pub(super) fn split(&mut self, at: usize, letters: usize) {
        let Some(Word { start, end, .. }) = self.at.get(at).copied() else {
            return;
        };
        let word = self.text.get(start..end).unwrap_or_default();
        let mut places = word.char_indices().filter(|(_, c)| letter(*c).is_some());
        let middle = places.nth(letters).map_or(end, |(place, _)| start + place);
        if self.at.len() < MAX_WORDS {
            let parts = [(start, middle), (middle, end)].map(|(start, end)| self.word(start, end));
            self.at.splice(at..=at, parts);
        }
    }

    /// The word at `at` and the next as one, if nothing was said between them: «тех ник».
    pub(super) fn joined(&self, at: usize) -> Option<String> {
        let (first, second) = (self.at.get(at)?, self.at.get(at + 1)?);
        let beside = self.between(first.end, second.start).next().is_none();
        beside.then(|| self.text_between(first.start, second.end))
    }

    /// Makes them one.
    pub(super) fn join(&mut self, at: usize) {
        if at + 1 < self.at.len() {
            let second = self.at.remove(at + 1);
            self.at[at] = self.word(self.at[at].start, second.end);
        }
    }

    fn between(&self, start: usize, end: usize) -> impl Iterator<Item = char> {
        let text = self.text.get(start..end).unwrap_or_default();
        text.chars().filter_map(letter)
    }

    fn text_between(&self, start: usize, end: usize) -> String {
        let mut text = String::with_capacity(end.saturating_sub(start));
        text.extend(self.between(start, end));
        text
    }

    fn word(&self, start: usize, end: usize) -> Word {
        Key::of(self.between(start, end)).word(start, end)
    }
}

/// So much of a text as is looked at.
fn beginning(text: &str) -> &str {
    if text.len() <= MAX_TEXT {
        return text;
    }
    let end = text.char_indices().nth(MAX_TEXT);
    end.map_or(text, |(end, _)| text.split_at(end).0)
}

/// The key of a word, letter by letter.
#[derive(Default)]
struct Key {
    sum: u64,
    letters: usize,
    stem: u64,
}

impl Key {
    fn of(letters: impl Iterator<Item = char>) -> Self {
        let mut key = Self::default();
        letters.for_each(|c| key.push(c));
        key
    }

    fn push(&mut self, letter: char) {
        self.sum = (self.sum.rotate_left(5) ^ u64::from(letter)).wrapping_mul(SPREAD);
        self.letters = self.letters.wrapping_add(1);
        if self.letters == STEM {
            self.stem = self.sum;
        }
    }

    fn word(&self, start: usize, end: usize) -> Word {
        let key = mix(self.sum);
        // Not the key of a word of four letters: a stem may mean what no word does.
        let own = mix(self.stem ^ 1);
        let long = u64::from(self.letters >= STEM + ENDING).wrapping_neg();
        let stem = key ^ ((key ^ own) & long);
        Word {
            start,
            end,
            key,
            stem,
            letters: self.letters,
            number: None,
        }
    }
}

/// What a folded word is looked up by.
pub(super) fn key(word: &str) -> u64 {
    Key::of(word.chars()).word(0, 0).key
}

const SPREAD: u64 = 0xD6E8_FEB8_6659_FD93;

/// Spreads the bits of a key.
pub(super) const fn mix(key: u64) -> u64 {
    let key = (key ^ (key >> 32)).wrapping_mul(SPREAD);
    (key ^ (key >> 32)).wrapping_mul(SPREAD)
}

/// A table by keys that are spread already, which need no hash of their own.
pub(super) type Keyed<T> = HashMap<u64, T, BuildHasherDefault<Spread>>;

/// Takes a key as it is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 ^= key;
    }
}

/// The one word of a text; `None` if there are none or several.
pub(super) fn one_word(text: &str) -> Option<String> {
    let words = Words::new(text);
    (words.len() == 1).then(|| words.get(0))
}

/// One letter for those that are heard or written alike. Of the Russian endings that the stemmer
/// takes off, all with ы have a twin with и.
const fn fold(c: char) -> char {
    match c {
        'ё' | 'э' => 'е',
        'қ' => 'к',
        'ә' => 'а',
        'ұ' | 'ү' => 'у',
        'ө' => 'о',
        'ғ' => 'г',
        'ң' => 'н',
        'һ' => 'х',
        'і' | 'ы' => 'и',
        c => c,
    }
}

/// Nearly all texts consist of signs before this one.
const SIGNS: usize = 0x500;

/// Each of them folded, if it is a small letter or a digit.
static FOLDED: [char; SIGNS] = {
    let mut signs = [RARE; SIGNS];
    let (mut at, mut code) = (0, 0);
    while at < SIGNS {
        match char::from_u32(code) {
            Some(
                c @ ('0'..='9'
                | 'a'..='z'
                | 'а'..='я'
                | 'ә'
                | 'і'
                | 'ң'
                | 'ғ'
                | 'ү'
                | 'ұ'
                | 'қ'
                | 'ө'
                | 'һ'
                | 'ё'),
            ) => signs[at] = fold(c),
            Some(c) if c.is_ascii() && !c.is_ascii_uppercase() => signs[at] = NONE,
            _ => {}
        }
        at += 1;
        code += 1;
    }
    signs
};

/// Stands for a sign that is neither letter nor digit, and for one that Unicode is asked about.
const NONE: char = '\0';
const RARE: char = '\u{1}';

/// A letter or a digit, folded; `None` for any other sign.
#[inline]
fn letter(c: char) -> Option<char> {
    let place = usize::try_from(u32::from(c)).unwrap_or(SIGNS);
    match FOLDED.get(place).copied().unwrap_or(RARE) {
        NONE => None,
        RARE => rare(c),
        letter => Some(letter),
    }
}

/// The same for a capital letter or another alphabet's.
#[cold]
fn rare(c: char) -> Option<char> {
    let small = c.is_alphanumeric().then(|| c.to_lowercase().next());
    small.flatten().map(fold)
}

/// How a word sounds over a telephone: unstressed vowels fall together, doubled letters are one, the
/// soft and the hard sign are not heard, and the last consonant of a `whole` word has no voice.
pub(super) fn sound(word: &str, whole: bool, key: &mut Vec<char>) {
    key.clear();
    for c in word.chars() {
        let c = match c {
            'о' => 'а',
            'е' | 'и' | 'й' | 'я' if key.is_empty() => 'и',
            'ю' => 'у',
            'щ' => 'ш',
            'е' | 'и' | 'й' | 'я' | 'ь' | 'ъ' => continue,
            c => c,
        };
        match (key.last().copied(), c) {
            (Some(last), c) if last == c => {}
            // -ться, -тся
            (Some('т'), 'с') => {
                key.pop();
                key.push('ц');
            }
            (_, c) => key.push(c),
        }
    }
    if let Some(last) = key.last_mut().filter(|_| whole) {
        *last = match *last {
            'б' => 'п',
            'в' => 'ф',
            'г' => 'к',
            'д' => 'т',
            'ж' => 'ш',
            'з' => 'с',
            c => c,
        };
    }
}
