//! The words that phrases are made of, in one tree of letters: from a word that was said to the
//! symbols that it stands for, as it is, by its root, by its beginning, or, if it is known in no
//! way, by what it sounds like.

use std::iter;
use std::ops::Range;

use frostem::{Algorithm, Stemmer};

use crate::understanding::kazakh::{self, Suffixes};
use crate::understanding::letters::{
    End, FEWEST_SOUNDS, Reached, Search, Tree, at, place, tolerance,
};
use crate::understanding::words::{Keyed, Words, key, sound};

/// What a word of a phrase is called inside.
pub(super) type Symbol = u16;

/// How a word of a phrase is to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

/// A word that was read already. Small: most of what a look-up costs is waiting for memory.
struct Known {
    mask: Mask,
    /// Where its symbols begin, and how many there are.
    start: u32,
    count: u16,
    /// As it is spelt, or often said; if not, it may be part of a torn word before it is taken for a
    /// misheard one.
    certain: bool,
}

/// Every word of every phrase.
pub(super) struct Lexicon {
    /// The words that callers say, read already.
    known: Keyed<Known>,
    /// Their symbols.
    symbols: Vec<Token>,
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
            known: Keyed::default(),
            symbols: Vec::new(),
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
        let twice = sounds != open;
        let ways = [Some(&sounds), twice.then_some(&open)];
        for wrong in 0..=most.min(tolerance(sounds.len() + 1)) {
            for sounds in ways.into_iter().flatten() {
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
#[derive(Debug)]
pub(super) struct Tokens<'l> {
    words: Vec<(Symbols<'l>, Mask)>,
    /// Those of words that were not read before.
    fresh: Vec<Token>,
    /// Whether any word was known as it is spelt.
    pub(super) known: bool,
}

/// Where the symbols of a word are.
#[derive(Debug)]
enum Symbols<'l> {
    Known(&'l [Token]),
    Fresh(Range<usize>),
}

/// A set of symbols, roughly: what is not in it is not among them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mask(u64);

impl Mask {
    pub(super) fn add(&mut self, symbol: Symbol) {
        self.0 |= 1 << (symbol % 64);
    }

    fn of(tokens: &[Token]) -> Self {
        let mut mask = Self::default();
        for token in tokens {
            mask.add(token.symbol);
        }
        mask
    }

    pub(super) const fn has(self, symbol: Symbol) -> bool {
        self.0 >> (symbol % 64) & 1 != 0
    }

    /// All that is in one of both.
    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl<'l> Tokens<'l> {
    /// Whether a word has symbols that are in a set, roughly.
    pub(super) fn meets(&self, at: usize, set: Mask) -> bool {
        self.words.get(at).is_some_and(|(_, mask)| mask.meets(set))
    }

    /// The symbols of all words behind each, roughly.
    pub(super) fn rest(&self) -> Vec<Mask> {
        let mut rest = vec![Mask::default(); self.words.len()];
        for at in (1..rest.len()).rev() {
            rest[at - 1] = rest[at].or(self.words[at].1);
        }
        rest
    }

    /// Of each word behind one its symbols, exactly and roughly.
    pub(super) fn behind(&self, at: usize) -> impl Iterator<Item = (&[Token], Mask)> {
        let words = self.words.get(at + 1..).unwrap_or_default();
        words
            .iter()
            .map(|(symbols, mask)| (self.symbols(symbols), *mask))
    }

    /// The symbols of the word at `at`.
    pub(super) fn of(&self, at: usize) -> &[Token] {
        self.words
            .get(at)
            .map_or(&[], |(symbols, _)| self.symbols(symbols))
    }

    fn symbols<'t>(&'t self, of: &Symbols<'t>) -> &'t [Token] {
        match of {
            Symbols::Known(symbols) => symbols,
            Symbols::Fresh(range) => self.fresh.get(range.clone()).unwrap_or_default(),
        }
    }

    /// How many words there are.
    pub(super) const fn len(&self) -> usize {
        self.words.len()
    }

    /// The symbols of the next word, which was read already.
    fn take_known(&mut self, known: &Known, symbols: &'l [Token]) {
        let symbols = symbols.get(at(known.start)..).unwrap_or_default();
        let symbols = symbols.get(..usize::from(known.count)).unwrap_or_default();
        self.words.push((Symbols::Known(symbols), known.mask));
    }

    /// The symbols of the next word.
    fn take(&mut self, symbols: &[Token]) {
        let start = self.fresh.len();
        self.fresh.extend_from_slice(symbols);
        let range = start..self.fresh.len();
        self.words.push((Symbols::Fresh(range), Mask::of(symbols)));
    }
}

impl Lexicon {
    /// Reads words that callers say, once and for all: those that come often, then the others. One that
    /// comes often and no phrase has is not taken for a misheard one either.
    pub(super) fn remember(&mut self, [often, seldom]: &[Vec<String>; 2]) {
        let often = often.iter().zip(iter::repeat(true));
        let mut tokens = Vec::new();
        for (word, often) in often.chain(seldom.iter().zip(iter::repeat(false))) {
            tokens.clear();
            self.spelt(word, None, &mut tokens);
            let certain = often || !tokens.is_empty();
            if !certain {
                if self.parted(word, &mut tokens).is_some() {
                    continue;
                }
                self.alike(word, 0, MOST_WRONG, &mut tokens);
            }
            let known = Known {
                mask: Mask::of(&tokens),
                start: place(self.symbols.len()),
                count: u16::try_from(tokens.len()).unwrap_or(u16::MAX),
                certain,
            };
            self.symbols.extend(&tokens);
            self.known.insert(key(word), known);
        }
    }

    /// Reads an utterance, and mends words that the recogniser tore apart or ran together.
    pub(super) fn read(&self, words: &mut Words<'_>) -> Tokens<'_> {
        let mut tokens = Tokens {
            words: Vec::with_capacity(words.len() + 1),
            fresh: Vec::new(),
            known: false,
        };
        let mut found = Vec::new();
        let mut at = 0;
        while at < words.len() {
            let known = self.known.get(&words.key(at));
            if let Some(known) = known.filter(|known| known.certain) {
                tokens.take_known(known, &self.symbols);
                tokens.known = true;
                at += 1;
                continue;
            }
            found.clear();
            if known.is_none() {
                self.spelt(&words.get(at), None, &mut found);
            }
            if found.is_empty() && at > 0 && self.join(words, at - 1, &mut found) {
                at -= 1;
                tokens.words.pop();
            }
            if found.is_empty() && !self.join(words, at, &mut found) && known.is_none() {
                self.part(words, at, &mut found);
            }
            if let Some(known) = known.filter(|_| found.is_empty()) {
                tokens.take_known(known, &self.symbols);
            } else {
                if found.is_empty() {
                    self.alike(&words.get(at), 0, MOST_WRONG, &mut found);
                } else {
                    tokens.known = true;
                }
                tokens.take(&found);
            }
            at += 1;
        }
        tokens
    }

    /// «тех ник» is one word, if that is known, as it is spelt or as it sounds.
    fn join(&self, words: &mut Words<'_>, at: usize, found: &mut Vec<Token>) -> bool {
        let [first, second] = [at, at + 1].map(|at| words.letters(at).count());
        if first.min(second) > MOST_PARTICLE {
            return false;
        }
        let Some(joined) = words.joined(at) else {
            return false;
        };
        self.spelt(&joined, Some(first), found);
        if found.is_empty() {
            self.alike(&joined, first, 0, found);
        }
        if !found.is_empty() {
            words.join(at);
        }
        !found.is_empty()
    }

    /// «неработает» is two words, if both are known.
    fn part(&self, words: &mut Words<'_>, at: usize, found: &mut Vec<Token>) {
        if let Some(letters) = self.parted(&words.get(at), found) {
            words.split(at, letters);
        }
    }

    /// How many letters the first of two words has, and its symbols.
    fn parted(&self, word: &str, found: &mut Vec<Token>) -> Option<usize> {
        let mut second = Vec::new();
        for letters in (1..=MOST_PARTICLE).rev() {
            let (end, _) = word.char_indices().nth(letters)?;
            let (head, tail) = word.split_at_checked(end)?;
            if tail.chars().nth(FEWEST_SOUNDS - 1).is_none() {
                continue;
            }
            self.spelt(head, None, found);
            if !found.is_empty() {
                self.spelt(tail, None, &mut second);
            }
            if !second.is_empty() {
                return Some(letters);
            }
            found.clear();
        }
        None
    }
}

/// Most sounds of a word that may be wrong.
const MOST_WRONG: usize = 1;
/// Letters of the longest particle that runs together with the next word.
const MOST_PARTICLE: usize = 3;
