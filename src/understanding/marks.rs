//! The phrases that were found in an utterance.

use std::ops::Deref;

use crate::understanding::phrases::{Meaning, Phrase, SUBJECT};

/// A phrase that was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark<'g> {
    pub(super) phrase: &'g Phrase,
    /// The phrase's meaning, turned by a Kazakh suffix of negation.
    pub(super) meaning: Meaning,
    /// Its first and its last word.
    pub(super) first: u8,
    pub(super) last: u8,
    /// How many words the phrase has; the others from `first` to `last` are not its own.
    pub(super) words: u8,
}

impl Mark<'_> {
    /// Belongs to the question that was asked.
    pub(super) const fn asked(&self) -> bool {
        self.phrase.question.is_some()
    }

    /// Nothing stands between its words.
    pub(super) const fn whole(&self) -> bool {
        self.last + 1 - self.first == self.words
    }
}

/// The phrases of an utterance, in the order of their ends.
#[derive(Debug)]
pub(super) struct Marks<'g> {
    all: Vec<Mark<'g>>,
    /// What they mean, a bit each.
    meanings: u16,
    /// The words behind «не» and those before «емес», a bit each.
    turned: [u64; 2],
}

impl<'g> Deref for Marks<'g> {
    type Target = [Mark<'g>];

    fn deref(&self) -> &Self::Target {
        &self.all
    }
}

impl<'g> Marks<'g> {
    pub(super) fn new(mut all: Vec<Mark<'g>>) -> Self {
        all.sort_by_key(|mark| u32::from(mark.last) << 16 | u32::from(mark.phrase.weight));
        let (mut meanings, mut turned) = (0, [0; 2]);
        for mark in &all {
            meanings |= mark.meaning.bit();
            let is = |meaning| u64::from(mark.meaning == meaning);
            turned[0] |= is(Meaning::NotBefore) * (bit(mark.last) << 1);
            turned[1] |= is(Meaning::NotAfter) * (bit(mark.first) >> 1);
        }
        Self {
            all,
            meanings,
            turned,
        }
    }

    /// Whether any names a subject.
    pub(super) const fn name_a_subject(&self) -> bool {
        self.meanings & SUBJECT != 0
    }

    /// Whether any means one of these; all subjects are one, and all languages.
    pub(super) fn mean(&self, meanings: &[Meaning]) -> bool {
        meanings
            .iter()
            .any(|meaning| self.meanings & meaning.bit() != 0)
    }

    /// Whether «не» stands before a phrase, or «емес» behind it.
    pub(super) fn turn(&self, mark: &Mark<'_>) -> bool {
        let [first, last] = self.turned;
        first & bit(mark.first) != 0 || last & bit(mark.last) != 0
    }
}

/// The bit of a word; an utterance has at most 64.
pub(super) const fn bit(word: u8) -> u64 {
    if word < 64 { 1 << word } else { 0 }
}
