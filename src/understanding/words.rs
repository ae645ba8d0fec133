//! From a recogniser's text to comparable words: lower case, no punctuation, Kazakh letters folded
//! onto the Russian ones that recognisers write for them.

use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashMap;

/// Longest text that is looked at, in characters: a minute of speech has a tenth of it.
const MAX_TEXT: usize = 4_096;
/// Most words of an utterance that are looked at.
const MAX_WORDS: usize = 64;
/// A longer word is compared by so many of its letters too: endings are dropped.
const STEM: usize = 4;
/// So many more letters make it longer.
const ENDING: usize = 2;

/// The words of a text, folded, in one buffer.
#[derive(Debug, Default)]
pub(super) struct Words {
    text: String,
    at: Vec<Word>,
}

/// Where a word is, and what it is looked up by.
#[derive(Clone, Copy, Debug, Default)]
struct Word {
    start: usize,
    end: usize,
    key: u64,
    stem: u64,
}

impl Words {
    /// Splits and folds a text.
    pub(super) fn new(text: &str) -> Self {
        let mut words = Self {
            text: String::with_capacity(text.len().min(MAX_TEXT)),
            at: Vec::with_capacity(16),
        };
        let mut key = Key::default();
        let mut start = 0;
        for c in text.chars().take(MAX_TEXT).chain([' ']) {
            if let Some(c) = folded(c) {
                key.push(c);
                words.text.push(c);
                continue;
            }
            if c.is_alphanumeric() {
                for c in c.to_lowercase().map(fold) {
                    key.push(c);
                    words.text.push(c);
                }
                continue;
            }
            if words.text.len() > start {
                words.at.push(key.word(start, words.text.len()));
                key = Key::default();
                start = words.text.len();
            }
            if words.at.len() == MAX_WORDS {
                break;
            }
        }
        words
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

    /// A word; empty behind the last one.
    pub(super) fn get(&self, at: usize) -> &str {
        let word = self.at.get(at).copied().unwrap_or_default();
        self.text.get(word.start..word.end).unwrap_or_default()
    }

    /// What a word is looked up by; 0 behind the last one.
    pub(super) fn key(&self, at: usize) -> u64 {
        self.at.get(at).map_or(0, |word| word.key)
    }

    /// The same for a word without its ending, if it is long; 0 behind the last one.
    pub(super) fn stem(&self, at: usize) -> u64 {
        self.at.get(at).map_or(0, |word| word.stem)
    }

    /// The words in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// What was said from one word to another, as it was understood.
    pub(super) fn said(&self, first: usize, last: usize) -> String {
        let words: Vec<&str> = (first..=last).map(|at| self.get(at)).collect();
        words.join(" ")
    }

    /// Makes two words of the one at `at`, the first of so many bytes: «неработает».
    pub(super) fn split(&mut self, at: usize, bytes: usize) {
        if let Some(Word { start, end, .. }) = self.at.get(at).copied() {
            let middle = (start + bytes).min(end);
            let parts = [(start, middle), (middle, end)].map(|(start, end)| self.word(start, end));
            self.at.splice(at..=at, parts);
        }
    }

    /// The word at `at` and the next as one, if they stand side by side in the text: «тех ник».
    pub(super) fn joined(&self, at: usize) -> Option<&str> {
        let (first, second) = (self.at.get(at)?, self.at.get(at + 1)?);
        let beside = first.end == second.start;
        beside.then(|| self.text.get(first.start..second.end))?
    }

    /// Makes them one.
    pub(super) fn join(&mut self, at: usize) {
        if at + 1 < self.at.len() {
            let second = self.at.remove(at + 1);
            self.at[at] = self.word(self.at[at].start, second.end);
        }
    }

    fn word(&self, start: usize, end: usize) -> Word {
        let mut key = Key::default();
        let letters = self.text.get(start..end).unwrap_or_default();
        letters.chars().for_each(|c| key.push(c));
        key.word(start, end)
    }
}

/// The key of a word, letter by letter.
#[derive(Default)]
struct Key {
    sum: u64,
    letters: usize,
    stem: u64,
}

impl Key {
    fn push(&mut self, letter: char) {
        self.sum = (self.sum.rotate_left(5) ^ u64::from(letter)).wrapping_mul(SPREAD);
        self.letters += 1;
        if self.letters == STEM {
            self.stem = self.sum;
        }
    }

    const fn word(&self, start: usize, end: usize) -> Word {
        let key = mix(self.sum);
        let stem = if self.letters >= STEM + ENDING {
            // Not the key of a word of four letters: a stem may mean what no word does.
            mix(self.stem ^ 1)
        } else {
            key
        };
        Word {
            start,
            end,
            key,
            stem,
        }
    }
}

/// What a word of a grammar or an example is looked up by.
pub(super) fn key(word: &str) -> u64 {
    Words::new(word).key(0)
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
    (words.len() == 1).then(|| words.get(0).to_owned())
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

/// A letter that nearly all texts consist of, folded; `None` for any other sign.
const fn folded(c: char) -> Option<char> {
    match c {
        'а'..='я' | 'ә' | 'і' | 'ң' | 'ғ' | 'ү' | 'ұ' | 'қ' | 'ө' | 'һ' | 'ё' => {
            Some(fold(c))
        }
        _ => None,
    }
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
