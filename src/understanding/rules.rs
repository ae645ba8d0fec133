//! Decides what an utterance means: finds the phrases in it, then weighs them by a few rules. In an
//! answer to a yes/no question the last word wins; a wish for a person wins over everything.

use std::collections::BTreeMap;

use crate::call::{Locale, Question, Topic};
use crate::understanding::load::{Meaning, Pattern, Phrase};
use crate::understanding::words::{near, tolerance};

/// Words that may stand between two words of a phrase.
const MAX_GAP: usize = 2;

/// After these, the words of a phrase stand side by side.
const NEGATIONS: [&str; 2] = ["не", "ни"];

/// Score of what was said clearly.
pub(super) const CLEAR: u16 = 950;
/// Score of what was said in part.
pub(super) const DECENT: u16 = 750;
/// Score of a hint, to be asked about.
pub(super) const HINT: u16 = 450;

/// All phrases, by the words they begin with.
#[derive(Debug, Default)]
pub(super) struct Phrases {
    all: Vec<Phrase>,
    /// Every whole word of a phrase → its number.
    whole: BTreeMap<String, usize>,
    /// Every stem of a phrase → its number.
    stems: BTreeMap<String, usize>,
    /// By number: the phrases that begin with that word.
    beginnings: Vec<Vec<usize>>,
    /// By phrase: the numbers of its words.
    numbers: Vec<Vec<usize>>,
}

/// A phrase that was found.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub(super) meaning: Meaning,
    pub(super) first: usize,
    pub(super) last: usize,
    pub(super) locale: Locale,
    pub(super) weak: bool,
    /// The more letters of the words a phrase accounts for, the more it weighs.
    pub(super) weight: usize,
    /// Belongs to the question that was asked.
    pub(super) asked: bool,
    /// How many words the phrase has; the others from `first` to `last` are not its own.
    words: usize,
}

impl Phrases {
    pub(super) fn new(all: Vec<Phrase>) -> Self {
        let mut phrases = Self {
            all,
            ..Self::default()
        };
        for at in 0..phrases.all.len() {
            let patterns = phrases.all[at].patterns.clone();
            let mut numbers = Vec::with_capacity(patterns.len());
            for pattern in patterns {
                let next = phrases.beginnings.len();
                let table = if pattern.stem {
                    &mut phrases.stems
                } else {
                    &mut phrases.whole
                };
                let number = *table.entry(pattern.text).or_insert(next);
                if number == next {
                    phrases.beginnings.push(Vec::new());
                }
                numbers.push(number);
            }
            if let Some(first) = numbers.first() {
                phrases.beginnings[*first].push(at);
            }
            phrases.numbers.push(numbers);
        }
        phrases
    }

    /// The numbers that a word has: as a whole, by its stems, or, if it has none, by likeness.
    fn numbers_of(&self, word: &str) -> Vec<usize> {
        let mut numbers: Vec<usize> = self.whole.get(word).copied().into_iter().collect();
        for (at, c) in word.char_indices() {
            let stem = word.get(..at + c.len_utf8()).unwrap_or(word);
            numbers.extend(self.stems.get(stem));
        }
        if numbers.is_empty() {
            numbers = self.numbers_like(word);
        }
        numbers
    }

    fn numbers_like(&self, word: &str) -> Vec<usize> {
        let letters = word.chars().count();
        let limit = tolerance(letters);
        if limit == 0 || letters > 24 {
            return Vec::new();
        }
        let whole = self
            .whole
            .iter()
            .filter(|(known, _)| tolerance(known.chars().count()) > 0 && near(word, known, limit));
        let stems = self.stems.iter().filter(|(stem, _)| {
            let length = stem.chars().count();
            let head: String = word.chars().take(length).collect();
            tolerance(length) > 0 && near(&head, stem, tolerance(length))
        });
        whole.chain(stems).map(|(_, number)| *number).collect()
    }

    /// Every phrase that is in the words and fits the question, in the order of their ends.
    pub(super) fn find(&self, words: &[String], question: Question) -> Vec<Mark> {
        let numbered: Vec<Vec<usize>> = words.iter().map(|word| self.numbers_of(word)).collect();
        let mut marks = Vec::new();
        for (first, numbers) in numbered.iter().enumerate() {
            for &phrase in numbers.iter().flat_map(|number| &self.beginnings[*number]) {
                let of = self.all[phrase].question;
                if of.is_none_or(|of| of == question) {
                    let last = self.ends(phrase, first, &numbered);
                    marks.extend(last.map(|last| self.mark(phrase, first, last, &words[last])));
                }
            }
        }
        marks.sort_by_key(|mark| (mark.last, mark.weight));
        marks
    }

    /// Where the phrase that begins at `first` ends, if its words follow in order.
    fn ends(&self, phrase: usize, first: usize, numbered: &[Vec<usize>]) -> Option<usize> {
        let (mut last, mut denied) = (first, false);
        let patterns = &self.all[phrase].patterns;
        for (number, before) in self.numbers[phrase].iter().skip(1).zip(patterns) {
            let from = last + 1;
            // A negation turns the words beside it and no others.
            denied |= NEGATIONS.contains(&before.text.as_str());
            let gap = if denied { 0 } else { MAX_GAP };
            let found = numbered.iter().skip(from).take(gap + 1);
            last = from
                + found
                    .into_iter()
                    .position(|numbers| numbers.contains(number))?;
        }
        Some(last)
    }

    fn mark(&self, phrase: usize, first: usize, last: usize, word: &str) -> Mark {
        let Phrase {
            patterns,
            meaning,
            question,
            locale,
            weak,
        } = &self.all[phrase];
        let letters: usize = patterns
            .iter()
            .map(|pattern| pattern.text.chars().count())
            .sum();
        let whole = patterns.iter().filter(|pattern| !pattern.stem).count();
        let denied = *meaning == Meaning::Yes && *locale == Locale::Kk && denies(patterns, word);
        Mark {
            meaning: if denied { Meaning::No } else { *meaning },
            first,
            last,
            locale: *locale,
            weak: *weak,
            weight: letters + whole,
            asked: question.is_some(),
            words: patterns.len(),
        }
    }
}

/// Whether a Kazakh verb carries the suffix of negation behind its stem: «жаса-ма-ңыз».
fn denies(patterns: &[Pattern], word: &str) -> bool {
    let stem = patterns.last().filter(|pattern| pattern.stem);
    let rest = stem.and_then(|pattern| word.strip_prefix(pattern.text.as_str()));
    let suffixes = ["ма", "ме", "ба", "бе", "па", "пе"];
    rest.is_some_and(|rest| suffixes.iter().any(|suffix| rest.starts_with(suffix)))
}

/// The subject with the heaviest phrase; of equals the one said last.
pub(super) fn topic(marks: &[Mark]) -> Option<(Topic, &Mark)> {
    let topics = marks.iter().filter_map(|mark| match mark.meaning {
        Meaning::Topic(topic) => Some((topic, mark)),
        Meaning::Yes
        | Meaning::No
        | Meaning::Doubt
        | Meaning::Operator
        | Meaning::Repeat
        | Meaning::Language(_)
        | Meaning::Filler
        | Meaning::NotBefore
        | Meaning::NotAfter => None,
    });
    topics.max_by_key(|(_, mark)| (!mark.weak, mark.weight, mark.last))
}

/// The mark with that meaning that weighs most, unless a word beside it turns it round.
pub(super) fn unturned(marks: &[Mark], meaning: Meaning) -> Option<&Mark> {
    let mut all = marks.iter().filter(|mark| mark.meaning == meaning);
    all.rfind(|mark| !turned(marks, mark))
}

/// Whether «не» stands before a phrase, or «емес» behind it.
pub(super) fn turned(marks: &[Mark], of: &Mark) -> bool {
    marks.iter().any(|mark| match mark.meaning {
        Meaning::NotBefore => mark.last + 1 == of.first,
        Meaning::NotAfter => mark.first == of.last + 1,
        Meaning::Yes
        | Meaning::No
        | Meaning::Doubt
        | Meaning::Operator
        | Meaning::Repeat
        | Meaning::Language(_)
        | Meaning::Filler
        | Meaning::Topic(_) => false,
    })
}

/// Yes, no or doubt: the last phrase wins, a longer one covers those inside it.
pub(super) fn verdict(marks: &[Mark]) -> Option<(Meaning, &Mark)> {
    let says = |mark: &&Mark| matches!(mark.meaning, Meaning::Yes | Meaning::No | Meaning::Doubt);
    let covered = |inner: &Mark| {
        marks.iter().filter(says).any(|outer| {
            let inside = outer.first <= inner.first && inner.last <= outer.last;
            inside && (outer.weight, outer.asked) > (inner.weight, inner.asked)
        })
    };
    let last = marks.iter().filter(says).filter(|mark| !covered(mark));
    // Of two that are alike, the one that agrees counts less: a wrong yes is worse than a wrong no.
    let mark = last.max_by_key(|m| (m.last, m.asked, m.weight, m.meaning != Meaning::Yes))?;
    let meaning = match (mark.meaning, turned(marks, mark)) {
        (Meaning::Yes, true) => Meaning::No,
        (Meaning::No, true) => Meaning::Yes,
        (meaning, _) => meaning,
    };
    Some((meaning, mark))
}

/// Whether an answer is consent: every word of it agrees or is a filler, nothing doubts, and a bare
/// no («нет», «жоқ») was taken back in the question's own words. What else is said with a yes may undo it.
pub(super) fn consents(marks: &[Mark], words: usize) -> bool {
    let agrees = |mark: &Mark| matches!(mark.meaning, Meaning::Yes | Meaning::Filler);
    let covered = |at: usize| {
        marks.iter().filter(|mark| agrees(mark)).any(|mark| {
            let whole = mark.last + 1 - mark.first == mark.words;
            at == mark.first || at == mark.last || (whole && mark.first < at && at < mark.last)
        })
    };
    let denied = |at: usize| {
        let no = |mark: &&Mark| mark.meaning == Meaning::No && mark.words == 1 && mark.first == at;
        let back = |no: &Mark| {
            let yes = |mark: &Mark| mark.meaning == Meaning::Yes && mark.asked;
            marks.iter().any(|mark| yes(mark) && mark.first > no.last)
        };
        marks.iter().filter(no).any(back)
    };
    let doubts = marks.iter().any(|mark| mark.meaning == Meaning::Doubt);
    !doubts && (0..words).all(|at| covered(at) || denied(at))
}
