//! The words that phrases are made of, in one tree of letters: from a word that was said to the
//! symbols that it stands for, as it is, by its root, by its beginning, or, if it is known in no
//! way, by what it sounds like.

use std::collections::BTreeMap;

use frostem::{Algorithm, Stemmer};
use hashbrown::HashMap;

use crate::understanding::kazakh::{self, Suffixes};
use crate::understanding::letters::{End, FEWEST_SOUNDS, Reached, Search, Tree, tolerance};
use crate::understanding::words::{Words, sound};

/// What a word of a phrase is called inside.
pub(super) type Symbol = u16;

/// How a word of a phrase is to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shape {
    /// `=слово`: this word and no other form of it.
    Whole,
    /// `слово`: all its forms, by the Russian stemmer and by Kazakh suffixes.
    Russian,
    /// The same in a Kazakh grammar: by Kazakh suffixes.
    Kazakh,
    /// `слово*`: every word that begins so.
    Beginning,
}

/// A word of a phrase, folded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pattern {
    pub(super) text: String,
    pub(super) shape: Shape,
}

/// A symbol that a word stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) symbol: Symbol,
    /// A Kazakh verb with the suffix of negation.
    pub(super) denied: bool,
}

/// Every word of every phrase.
pub(super) struct Lexicon {
    /// The words that callers say most, read already.
    common: HashMap<Box<str>, Box<[Token]>>,
    words: Tree,
    sounds: Tree,
    suffixes: Suffixes,
    stemmer: Stemmer,
}

impl std::fmt::Debug for Lexicon {
    /// Its name: nobody wants to read all words.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lexicon").finish_non_exhaustive()
    }
}

impl Default for Lexicon {
    fn default() -> Self {
        Self {
            common: HashMap::new(),
            words: Tree::default(),
            sounds: Tree::default(),
            suffixes: Suffixes::default(),
            stemmer: Stemmer::new(Algorithm::Russian),
        }
    }
}

/// Fewest letters of a word that has other forms.
pub(super) const FEWEST_ROOT: usize = 3;
impl Lexicon {
    /// Takes a word of a phrase in.
    pub(super) fn add(&mut self, pattern: &Pattern, symbol: Symbol) {
        let text = pattern.text.as_str();
        let stem = self.stemmer.stem(text);
        let (heard, end) = match pattern.shape {
            Shape::Whole => (text, End::Whole),
            Shape::Beginning => (text, End::Beginning),
            Shape::Kazakh => (text, End::Root),
            Shape::Russian => (stem.as_ref(), End::Stem),
        };
        self.words.add(heard.chars(), end, symbol);
        if matches!(pattern.shape, Shape::Russian | Shape::Kazakh) {
            self.words.add(text.chars(), End::Root, symbol);
            if let Some(soft) = kazakh::softened(text) {
                self.words.add(soft.chars(), End::Root, symbol);
            }
        }
        let mut sounds = Vec::new();
        sound(heard, matches!(end, End::Whole), &mut sounds);
        if sounds.len() >= FEWEST_SOUNDS {
            self.sounds.add(sounds.into_iter(), end, symbol);
        }
    }

    /// The symbols of a word as it is spelt; of a phrase's word at least `beyond` letters and one
    /// more must be in it.
    fn spelt(&self, word: &str, beyond: Option<usize>, tokens: &mut Vec<Token>) {
        let mut stem = None;
        let (mut node, mut depth) = (0, 0);
        let mut letters = word.char_indices();
        loop {
            let tail = letters.as_str();
            let far = beyond.is_none_or(|beyond| depth > beyond);
            for (end, symbol) in self.words.ends(node).filter(|_| far) {
                let (fits, denied) = match end {
                    End::Whole => (tail.is_empty(), false),
                    End::Beginning => (true, kazakh::denies(tail) || kazakh::lacks(tail)),
                    End::Root => (self.suffixes.make(tail), false),
                    End::Stem => {
                        let stem = stem.get_or_insert_with(|| self.stemmer.stem(word));
                        (stem.len() + tail.len() == word.len(), false)
                    }
                };
                if fits && !tokens.iter().any(|token| token.symbol == symbol) {
                    tokens.push(Token { symbol, denied });
                }
            }
            let Some(next) = letters.next().and_then(|(_, c)| self.words.child(node, c)) else {
                return;
            };
            node = next;
            depth += 1;
        }
    }

    /// The symbols of the words that sound most like this one, with at most `most` sounds wrong.
    fn alike(&self, word: &str, beyond: usize, most: usize, tokens: &mut Vec<Token>) {
        let (mut sounds, mut open) = (Vec::with_capacity(24), Vec::with_capacity(24));
        sound(word, true, &mut sounds);
        sound(word, false, &mut open);
        if !(FEWEST_SOUNDS..=MOST_SOUNDS).contains(&sounds.len()) {
            return;
        }
        for wrong in 0..=most.min(tolerance(sounds.len() + 1)) {
            for sounds in [&sounds, &open] {
                let search = Search {
                    tree: &self.sounds,
                    sounds,
                    beyond,
                    wrong,
                };
                search.walk(Reached::beginning(wrong), tokens);
            }
            if !tokens.is_empty() {
                return;
            }
        }
    }
}

/// Most sounds of a word that is compared by sound; a longer one is none.
const MOST_SOUNDS: usize = 20;
/// The symbols of each word of an utterance.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    all: Vec<Token>,
    ends: Vec<usize>,
    /// Whether any word was known as it is spelt.
    pub(super) known: bool,
}

/// A set of symbols, roughly: what is not in it is not among them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mask(u64);

impl Mask {
    pub(super) fn add(&mut self, symbol: Symbol) {
        self.0 |= 1 << (symbol % 64);
    }

    pub(super) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl Tokens {
    /// The symbols of the word at `at`.
    pub(super) fn of(&self, at: usize) -> &[Token] {
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before));
        let end = self.ends.get(at).copied().unwrap_or_default();
        self.all
            .get(start.copied().unwrap_or_default()..end)
            .unwrap_or_default()
    }

    /// The symbols of each word, roughly.
    pub(super) fn masks(&self) -> Vec<Mask> {
        let mask = |at| {
            let mut mask = Mask::default();
            self.of(at).iter().for_each(|token| mask.add(token.symbol));
            mask
        };
        (0..self.len()).map(mask).collect()
    }

    /// How many words there are.
    pub(super) const fn len(&self) -> usize {
        self.ends.len()
    }

    /// The symbols of the next word.
    fn take(&mut self, symbols: &[Token]) {
        self.all.extend_from_slice(symbols);
        self.ends.push(self.all.len());
    }

    /// Takes the last word back.
    fn drop_last(&mut self) {
        self.ends.pop();
        self.all
            .truncate(self.ends.last().copied().unwrap_or_default());
    }
}

impl Lexicon {
    /// Reads the words that come most often in texts, once and for all. One that no phrase has is not
    /// taken for a misheard one either.
    pub(super) fn remember<'t>(&mut self, texts: impl Iterator<Item = &'t str>) {
        let mut times = BTreeMap::new();
        for text in texts {
            let words = Words::new(text);
            for word in words.iter() {
                if let Some(times) = times.get_mut(word) {
                    *times += 1;
                } else {
                    times.insert(word.to_owned(), 1_usize);
                }
            }
        }
        for (word, _) in times.into_iter().filter(|(_, times)| *times >= OFTEN) {
            let mut tokens = Vec::new();
            self.spelt(&word, None, &mut tokens);
            self.common.insert(word.into(), tokens.into());
        }
    }

    /// Reads an utterance, and mends words that the recogniser tore apart or ran together.
    pub(super) fn read(&self, words: &mut Words) -> Tokens {
        let mut tokens = Tokens::default();
        let mut found = Vec::with_capacity(8);
        let mut at = 0;
        while at < words.len() {
            if let Some(known) = self.common.get(words.get(at)) {
                tokens.take(known);
                tokens.known = true;
                at += 1;
                continue;
            }
            found.clear();
            self.spelt(words.get(at), None, &mut found);
            if found.is_empty() && at > 0 && self.join(words, at - 1, &mut found) {
                at -= 1;
                tokens.drop_last();
            }
            if found.is_empty() && !self.join(words, at, &mut found) {
                self.part(words, at, &mut found);
            }
            if found.is_empty() {
                self.alike(words.get(at), 0, MOST_WRONG, &mut found);
            } else {
                tokens.known = true;
            }
            tokens.take(&found);
            at += 1;
        }
        tokens
    }

    /// «тех ник» is one word, if that is known, as it is spelt or as it sounds.
    fn join(&self, words: &mut Words, at: usize, found: &mut Vec<Token>) -> bool {
        let Some(joined) = words.joined(at) else {
            return false;
        };
        let [first, second] = [at, at + 1].map(|at| words.get(at).chars().count());
        if first.min(second) > MOST_PARTICLE {
            return false;
        }
        self.spelt(joined, Some(first), found);
        if found.is_empty() {
            self.alike(joined, first, 0, found);
        }
        if !found.is_empty() {
            words.join(at);
        }
        !found.is_empty()
    }

    /// «неработает» is two words, if both are known.
    fn part(&self, words: &mut Words, at: usize, found: &mut Vec<Token>) {
        let mut second = Vec::new();
        for letters in (1..=MOST_PARTICLE).rev() {
            let word = words.get(at);
            let end = word
                .char_indices()
                .nth(letters)
                .map_or(word.len(), |(end, _)| end);
            let (head, tail) = word.split_at_checked(end).unwrap_or_default();
            if tail.chars().count() < FEWEST_SOUNDS {
                continue;
            }
            self.spelt(head, None, found);
            self.spelt(tail, None, &mut second);
            if !found.is_empty() && !second.is_empty() {
                words.split(at, end);
                return;
            }
            found.clear();
            second.clear();
        }
    }
}

/// How often a word comes among the examples to be one of the common ones.
const OFTEN: usize = 4;
/// Most sounds of a word that may be wrong.
const MOST_WRONG: usize = 1;
/// Letters of the longest particle that runs together with the next word.
const MOST_PARTICLE: usize = 3;
