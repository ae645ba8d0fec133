//! The words that phrases are made of, in one tree of letters: from a word that was said to the
//! symbols that it stands for, as it is, by its root, by its beginning, or, if it is known in no
//! way, by what it sounds like.

use std::panic::resume_unwind;
use std::{iter, mem, thread};

use frostem::{Algorithm, Stemmer};
use hashbrown::HashTable;

use crate::understanding::kazakh::{self, Suffixes};
use crate::understanding::letters::{
    End, FEWEST_SOUNDS, Growing, Reached, Search, Tree, at, place, tolerance,
};
use crate::understanding::tokens::{Mask, Symbol, Token, Tokens};
use crate::understanding::words::{Words, key, sound};

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

/// A word of the examples, read once and for all. Small: most of what a look-up costs is waiting for memory.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// Its symbols, roughly.
    mask: Mask,
    /// The first of them, and how many there are in all.
    first: [Token; FIRST],
    count: u16,
    read: Read,
    /// Where those behind the first begin.
    more: u32,
}

/// Symbols of a word that stand beside it: few words have more.
const FIRST: usize = 6;

/// How a word of the examples was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    /// As it is spelt, or it comes often and no phrase has it.
    Surely,
    /// By what it sounds like. It may be part of a torn word before it is taken for a misheard one.
    BySound,
    /// Not: it is two words that ran together.
    Parted,
}

/// Every word of every phrase.
pub(super) struct Lexicon {
    /// The words that callers say, by number: as the examples' list has them.
    known: Vec<Known>,
    /// Their numbers, each behind its key.
    numbers: HashTable<(u64, u32)>,
    /// Their symbols behind the first.
    symbols: Vec<Token>,
    /// What words and sounds grow into, until [closed](Self::close).
    growing: [Growing; 2],
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
            known: Vec::new(),
            numbers: HashTable::new(),
            symbols: Vec::new(),
            growing: Default::default(),
            words: Tree::default(),
            sounds: Tree::default(),
            suffixes: Suffixes::default(),
            stemmer: Stemmer::new(Algorithm::Russian),
        }
    }
}

/// Fewest letters of a word that has other forms.
pub(super) const FEWEST_ROOT: usize = 3;
/// Most sounds of a word that is compared by sound; a longer one is none.
const MOST_SOUNDS: usize = 20;
/// Most sounds of a word that may be wrong.
const MOST_WRONG: usize = 1;
/// Letters of the longest particle that runs together with the next word.
const MOST_PARTICLE: usize = 3;

impl Lexicon {
    /// Takes a word of a phrase in.
    pub(super) fn add(&mut self, pattern: &Pattern, symbol: Symbol) {
        let text = pattern.text.as_str();
        let stem;
        let (heard, end) = match pattern.shape {
            Shape::Whole => (text, End::Whole),
            Shape::Beginning => (text, End::Beginning),
            Shape::Kazakh => (text, End::Root),
            Shape::Russian => {
                stem = self.stemmer.stem(text);
                (stem.as_ref(), End::Stem)
            }
        };
        let [words, sounds_of] = &mut self.growing;
        words.add(heard.chars(), end, symbol);
        if matches!(pattern.shape, Shape::Russian | Shape::Kazakh) {
            words.add(text.chars(), End::Root, symbol);
            if let Some(soft) = kazakh::softened(text) {
                words.add(soft.chars(), End::Root, symbol);
            }
        }
        let mut sounds = Vec::new();
        sound(heard, matches!(end, End::Whole), &mut sounds);
        if sounds.len() >= FEWEST_SOUNDS {
            sounds_of.add(sounds.into_iter(), end, symbol);
        }
    }

    /// All words of phrases are there.
    pub(super) fn close(&mut self) {
        let [words, sounds] = mem::take(&mut self.growing);
        self.words = words.grown();
        self.sounds = sounds.grown();
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
                    tokens.push(Token::new(symbol, denied));
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

    /// Reads words that callers say, once and for all: those that come often, then the others. One that
    /// comes often and no phrase has is not taken for a misheard one either.
    pub(super) fn remember(&mut self, [often, seldom]: &[Vec<String>; 2]) {
        let often = often.iter().zip(iter::repeat(true));
        let words: Vec<_> = often
            .chain(seldom.iter().zip(iter::repeat(false)))
            .collect();
        let (first, second) = words.split_at(words.len() / 2);
        let (first, second) = thread::scope(|scope| {
            let second = scope.spawn(|| self.recalled(second));
            let first = self.recalled(first);
            (
                first,
                second.join().unwrap_or_else(|panic| resume_unwind(panic)),
            )
        });
        for (known, symbols) in [first, second] {
            let before = place(self.symbols.len());
            self.symbols.extend(symbols);
            self.known.extend(known.into_iter().map(|word| Known {
                more: word.more + before,
                ..word
            }));
        }
        self.numbers.reserve(words.len(), |_| 0);
        for (number, (word, _)) in (0..).zip(&words) {
            let key = key(word);
            self.numbers.insert_unique(key, (key, number), |_| 0);
        }
    }

    /// Reads words of the examples, those that come often with a mark; and their symbols behind the first.
    fn recalled(&self, words: &[(&String, bool)]) -> (Vec<Known>, Vec<Token>) {
        let (mut known, mut symbols) = (Vec::with_capacity(words.len()), Vec::new());
        let mut tokens = Vec::new();
        for (word, often) in words {
            tokens.clear();
            let read = self.recall(word, *often, &mut tokens);
            let mut first = [Token::new(0, false); FIRST];
            let beside = tokens.len().min(FIRST);
            first[..beside].copy_from_slice(&tokens[..beside]);
            known.push(Known {
                mask: Mask::of(&tokens),
                first,
                count: u16::try_from(tokens.len()).unwrap_or(u16::MAX),
                read,
                more: place(symbols.len()),
            });
            symbols.extend_from_slice(&tokens[beside..]);
        }
        (known, symbols)
    }

    /// Reads a word of the examples.
    fn recall(&self, word: &str, often: bool, tokens: &mut Vec<Token>) -> Read {
        self.spelt(word, None, tokens);
        if often || !tokens.is_empty() {
            return Read::Surely;
        }
        if self.parted(word, tokens).is_some() {
            tokens.clear();
            return Read::Parted;
        }
        self.alike(word, 0, MOST_WRONG, tokens);
        Read::BySound
    }

    /// The number of a word of the examples, by its key.
    pub(super) fn number(&self, key: u64) -> Option<usize> {
        let found = self.numbers.find(key, |(of, _)| *of == key);
        found.map(|(_, number)| at(*number))
    }

    /// Takes the symbols of a known word.
    fn known(&self, known: &Known, tokens: &mut Tokens) {
        let (count, start) = (usize::from(known.count), at(known.more));
        let more = start..start + count.saturating_sub(FIRST);
        let more = self.symbols.get(more).unwrap_or_default();
        tokens.take_known(&known.first, more, count.min(FIRST), known.mask);
    }

    /// The words of a text, with their numbers.
    pub(super) fn words<'t>(&self, text: &'t str) -> Words<'t> {
        let mut words = Words::new(text);
        words.look_up(0, |key| self.number(key));
        words
    }

    /// Reads an utterance, and mends words that the recogniser tore apart or ran together.
    pub(super) fn read(&self, words: &mut Words<'_>) -> Tokens {
        let mut tokens = Tokens::new(words.len());
        let mut found = Vec::new();
        let mut at = 0;
        while at < words.len() {
            let known = words.number(at).and_then(|number| self.known.get(number));
            let read = known.map(|known| known.read);
            if let Some(known) = known.filter(|known| known.read == Read::Surely) {
                self.known(known, &mut tokens);
                tokens.known = true;
                at += 1;
                continue;
            }
            found.clear();
            if read.is_none() {
                self.spelt(&words.get(at), None, &mut found);
            }
            if found.is_empty() && at > 0 && self.join(words, at - 1, &mut found) {
                at -= 1;
                tokens.pop();
            }
            if found.is_empty() && !self.join(words, at, &mut found) && read != Some(Read::BySound)
            {
                self.part(words, at, &mut found);
            }
            if let Some(known) = known.filter(|_| found.is_empty()) {
                self.known(known, &mut tokens);
            } else {
                if found.is_empty() {
                    self.alike(&words.get(at), 0, MOST_WRONG, &mut found);
                } else {
                    tokens.known = true;
                }
                tokens.take(&found, Mask::of(&found));
            }
            at += 1;
        }
        tokens.close();
        tokens
    }

    /// «тех ник» is one word, if that is known, as it is spelt or as it sounds.
    fn join(&self, words: &mut Words<'_>, at: usize, found: &mut Vec<Token>) -> bool {
        let [first, second] = [at, at + 1].map(|at| words.length(at));
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
            words.look_up(at + 1, |key| self.number(key));
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
