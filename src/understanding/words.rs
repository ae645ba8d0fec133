//! From a recogniser's text to comparable words: lower case, no punctuation, Kazakh letters folded
//! onto the Russian ones that recognisers write for them.

use std::ops::Range;

/// Longest text that is looked at, in characters: a minute of speech has a tenth of it.
const MAX_TEXT: usize = 4_096;
/// Most words of an utterance that are looked at.
const MAX_WORDS: usize = 64;

/// The words of a text, folded, in one buffer.
#[derive(Debug, Default)]
pub(super) struct Words {
    text: String,
    at: Vec<Range<usize>>,
}

impl Words {
    /// Splits and folds a text.
    pub(super) fn new(text: &str) -> Self {
        let mut words = Self {
            text: String::with_capacity(text.len().min(MAX_TEXT)),
            at: Vec::with_capacity(16),
        };
        let mut start = 0;
        for c in text.chars().take(MAX_TEXT).chain([' ']) {
            if words.push(c) {
                continue;
            }
            if words.text.len() > start {
                words.at.push(start..words.text.len());
                start = words.text.len();
            }
            if words.at.len() == MAX_WORDS {
                break;
            }
        }
        words
    }

    /// Takes a letter or a digit, folded; anything else ends a word.
    fn push(&mut self, c: char) -> bool {
        match c {
            ' ' => return false,
            // What nearly all texts consist of.
            'а'..='я' | 'ә' | 'і' | 'ң' | 'ғ' | 'ү' | 'ұ' | 'қ' | 'ө' | 'һ' | 'ё' => {
                self.text.push(fold(c));
            }
            c if c.is_alphanumeric() => self.text.extend(c.to_lowercase().map(fold)),
            _ => return false,
        }
        true
    }

    /// A word that is said twice in a row counts once.
    pub(super) fn without_echoes(mut self) -> Self {
        let text = &self.text;
        self.at
            .dedup_by(|b, a| text.get(a.clone()) == text.get(b.clone()));
        self
    }

    /// How many words there are.
    pub(super) const fn len(&self) -> usize {
        self.at.len()
    }

    /// A word; empty behind the last one.
    pub(super) fn get(&self, at: usize) -> &str {
        let range = self.at.get(at).cloned().unwrap_or_default();
        self.text.get(range).unwrap_or_default()
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
        if let Some(word) = self.at.get(at).cloned() {
            let middle = (word.start + bytes).min(word.end);
            self.at
                .splice(at..=at, [word.start..middle, middle..word.end]);
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
            self.at[at].end = second.end;
        }
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
