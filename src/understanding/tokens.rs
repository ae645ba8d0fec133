//! What the words of an utterance stand for.

use crate::understanding::letters::at;
use crate::understanding::lexicon::Known;

/// What a word of a phrase is called inside.
pub(super) type Symbol = u16;

/// A symbol that a word stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) symbol: Symbol,
    /// A Kazakh verb with the suffix of negation.
    pub(super) denied: bool,
}

/// The symbols of each word of an utterance.
#[derive(Debug)]
pub(super) struct Tokens<'l> {
    /// Those of the examples' words.
    known_words: &'l [Token],
    /// Those of words that were not read before.
    fresh: Vec<Token>,
    words: Vec<Span>,
    /// Whether any word was known as it is spelt.
    pub(super) known: bool,
}

/// Where the symbols of a word are, and what they are, roughly.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: usize,
    end: usize,
    is_fresh: bool,
    mask: Mask,
    /// The symbols of all words behind it.
    rest: Mask,
}

/// A set of symbols, roughly: what is not in it is not among them. The low bits of a symbol are one bit,
/// those above them are another.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mask([u64; 2]);

impl Mask {
    const fn bits(symbol: Symbol) -> [u64; 2] {
        [1 << (symbol % 64), 1 << (symbol / 64 % 64)]
    }

    pub(super) fn add(&mut self, symbol: Symbol) {
        let [low, high] = Self::bits(symbol);
        self.0[0] |= low;
        self.0[1] |= high;
    }

    pub(super) fn of(tokens: &[Token]) -> Self {
        let mut mask = Self::default();
        for token in tokens {
            mask.add(token.symbol);
        }
        mask
    }

    pub(super) const fn has(self, symbol: Symbol) -> bool {
        self.meets(Self(Self::bits(symbol)))
    }

    /// All that is in one of both.
    pub(super) const fn or(self, other: Self) -> Self {
        Self([self.0[0] | other.0[0], self.0[1] | other.0[1]])
    }

    pub(super) const fn meets(self, other: Self) -> bool {
        self.0[0] & other.0[0] != 0 && self.0[1] & other.0[1] != 0
    }
}

impl<'l> Tokens<'l> {
    /// Room for so many words, and the symbols of those that were read before.
    pub(super) fn new(known_words: &'l [Token], words: usize) -> Self {
        Self {
            known_words,
            fresh: Vec::new(),
            words: Vec::with_capacity(words + 1),
            known: false,
        }
    }

    /// Drops the last word.
    pub(super) fn pop(&mut self) {
        self.words.pop();
    }

    /// Whether a word has symbols that are in a set, roughly.
    pub(super) fn meets(&self, at: usize, set: Mask) -> bool {
        self.words.get(at).is_some_and(|word| word.mask.meets(set))
    }

    /// The symbols of all words behind one, roughly.
    pub(super) fn rest(&self, at: usize) -> Mask {
        self.words.get(at).map(|word| word.rest).unwrap_or_default()
    }

    /// Of each word behind one its symbols, exactly and roughly.
    pub(super) fn behind(&self, at: usize) -> impl Iterator<Item = (&[Token], Mask)> {
        let words = self.words.get(at + 1..).unwrap_or_default();
        words.iter().map(|word| (self.symbols(*word), word.mask))
    }

    /// The symbols of the word at `at`.
    pub(super) fn of(&self, at: usize) -> &[Token] {
        self.words.get(at).map_or(&[], |word| self.symbols(*word))
    }

    fn symbols(&self, word: Span) -> &[Token] {
        let symbols = if word.is_fresh {
            self.fresh.as_slice()
        } else {
            self.known_words
        };
        symbols.get(word.start..word.end).unwrap_or_default()
    }

    /// How many words there are.
    pub(super) const fn len(&self) -> usize {
        self.words.len()
    }

    /// The symbols of the next word, which was read before.
    pub(super) fn take_known(&mut self, word: &Known) {
        let start = at(word.start);
        self.words.push(Span {
            start,
            end: start + usize::from(word.count),
            is_fresh: false,
            mask: word.mask,
            rest: Mask::default(),
        });
    }

    /// The symbols of the next word, which was not.
    pub(super) fn take_fresh(&mut self, symbols: &[Token]) {
        let start = self.fresh.len();
        self.fresh.extend_from_slice(symbols);
        self.words.push(Span {
            start,
            end: self.fresh.len(),
            is_fresh: true,
            mask: Mask::of(symbols),
            rest: Mask::default(),
        });
    }

    /// All words are there: sums up what stands behind each.
    pub(super) fn close(&mut self) {
        let mut rest = Mask::default();
        for word in self.words.iter_mut().rev() {
            word.rest = rest;
            rest = rest.or(word.mask);
        }
    }
}
