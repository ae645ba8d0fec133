//! The phrases that were found in an utterance.

use std::ops::Deref;

use crate::understanding::phrases::{Meaning, Phrase};

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

    /// Its length, then what it says: by these a phrase counts more than one inside it.
    pub(super) fn size(&self) -> u32 {
        let [words, weight] = [self.words.into(), u32::from(self.phrase.weight)];
        words << 17 | weight << 1 | u32::from(self.asked())
    }

    /// Nothing stands between its words.
    pub(super) const fn whole(&self) -> bool {
        self.last + 1 - self.first == self.words
    }
}

/// The phrases of an utterance, as they were found.
#[derive(Debug)]
pub(super) struct Marks<'g> {
    all: Vec<Mark<'g>>,
    /// What they mean, a bit each; and the same without those that are asked about before they count.
    meanings: u16,
    clear: u16,
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
    pub(super) fn new(all: Vec<Mark<'g>>) -> Self {
        let (mut meanings, mut clear, mut turned) = (0, 0, [0; 2]);
        for mark in &all {
            meanings |= mark.meaning.bit();
            clear |= mark.meaning.bit() * u16::from(!mark.phrase.weak);
            let is = |meaning| u64::from(mark.meaning == meaning);
            turned[0] |= is(Meaning::NotBefore) * (bit(mark.last) << 1);
            turned[1] |= is(Meaning::NotAfter) * (bit(mark.first) >> 1);
        }
        Self {
            all,
            meanings,
            clear,
            turned,
        }
    }

    /// In the order of their ends.
    pub(super) fn in_order(&self) -> Vec<&Mark<'g>> {
        let mut all: Vec<_> = self.all.iter().collect();
        all.sort_by_key(|mark| (mark.last, mark.phrase.weight));
        all
    }

    /// The one with the greatest key of those that stand; of equals the one that was found last, and none
    /// with the key 0. All are compared without a branch: each utterance has other ones.
    pub(super) fn greatest(
        &self,
        key: impl Fn(&Mark<'_>) -> u64,
        stands: impl Fn(&Mark<'_>) -> bool,
    ) -> Option<&Mark<'g>> {
        let mut below = u64::MAX;
        loop {
            let keys = (0..=PLACE).zip(&self.all);
            let keys = keys.map(|(place, mark)| key(mark) << PLACE.count_ones() | place);
            let key = keys.map(|key| key * u64::from(key < below)).max()?;
            if key <= PLACE {
                return None;
            }
            let mark = self.all.get(usize::try_from(key & PLACE).ok()?)?;
            if stands(mark) {
                return Some(mark);
            }
            below = key;
        }
    }

    /// Whether any means one of these; all subjects are one, and all languages.
    pub(super) const fn mean(&self, meanings: u16) -> bool {
        self.meanings & meanings != 0
    }

    /// Whether any that is no mere hint means one of these.
    pub(super) const fn mean_clearly(&self, meanings: u16) -> bool {
        self.clear & meanings != 0
    }

    /// Whether «не» stands before a phrase, or «емес» behind it.
    pub(super) fn turn(&self, mark: &Mark<'_>) -> bool {
        let [first, last] = self.turned;
        first & bit(mark.first) != 0 || last & bit(mark.last) != 0
    }
}

/// The place of a phrase below its key; no utterance has more phrases.
const PLACE: u64 = 0xFFFF;

/// The bit of a word; an utterance has at most 64.
pub(super) const fn bit(word: u8) -> u64 {
    if word < 64 { 1 << word } else { 0 }
}
