//! The endings of Kazakh words: which tails of letters are nothing but suffixes.
//!
//! A suffix is written with archiphonemes, as grammars of Kazakh do, and stands for all its shapes:
//! vowel harmony chooses `A` (а е) and `I` (ы і, folded to и), assimilation `L` (л д т), `D` (д т), `N` (н д т),
//! `G` (г к), `B` (б п м). Recognisers and loan words break the harmony («роутерды»), so any shape
//! may follow any stem. The suffix of negation is not among them: it turns the word.

use std::collections::BTreeSet;

/// Over folded letters: ы and і are и, қ is к, ғ is г, ң is н.
const SUFFIXES: &[&str] = &[
    // Number.
    "LAр", //
    // Whose: my, your, his, our.
    "м",
    "Iм",
    "н",
    "Iн",
    "нIз",
    "IнIз",
    "I",
    "сI",
    "мIз",
    "IмIз", //
    // Cases: whose, whither, whom, where, whence, with whom.
    "NIн",
    "GA",
    "A",
    "нA",
    "NI",
    "н",
    "DA",
    "ндA",
    "DAн",
    "нAн",
    "ндAн",
    "Bен",
    "менен", //
    // At that place, like, without, having.
    "DAGI",
    "GI",
    "нIкI",
    "DIкI",
    "сIз",
    "LI",
    "LIк",
    "дAй",
    "тAй", //
    // Verbs: converbs, past, present, future, wishes, orders, the infinitive.
    "п",
    "Iп",
    "DI",
    "DIм",
    "DIн",
    "DIнIз",
    "DIк",
    "GAн",
    "GAнмIн",
    "GAнбIз",
    "й",
    "йдI",
    "AдI",
    "AйIн",
    "йIн",
    "AйIк",
    "йIк",
    "сA",
    "сAм",
    "сAк",
    "сAнIз",
    "мIн",
    "BIз",
    "сIн",
    "шI",
    "у",
    "GIм",
    "GIмIз",
    "р",
    "Aр",
];

/// Most suffixes in a row that a word may carry.
const MAX_SUFFIXES: usize = 5;

/// What makes a Kazakh verb say no (-мен and its shapes are a case, «with»): «жаса-ма-ңыз», «істе-мей».
const NEGATION: [&str; 6] = ["ма", "ме", "ба", "бе", "па", "пе"];

/// All shapes of all suffixes, each packed into a number, in order.
#[derive(Debug)]
pub(super) struct Suffixes {
    all: Vec<u64>,
    /// The letters that they begin with, a bit each.
    firsts: u64,
}

impl Default for Suffixes {
    fn default() -> Self {
        let shapes = SUFFIXES.iter().flat_map(|suffix| shapes(suffix));
        let (mut all, mut firsts) = (BTreeSet::new(), 0);
        for shape in shapes {
            firsts |= shape.chars().next().map_or(0, bit);
            all.insert(shape.chars().fold(0, pack));
        }
        Self {
            all: all.into_iter().collect(),
            firsts,
        }
    }
}

/// A letter's bit; Cyrillic small letters have one each.
fn bit(letter: char) -> u64 {
    1 << (u64::from(letter) % 64)
}

/// One letter more; [`LONGEST`] letters fit.
fn pack(packed: u64, letter: char) -> u64 {
    packed << 10 | (u64::from(letter) & 0x3FF)
}

impl Suffixes {
    /// Whether a tail is suffixes and nothing else. No tail is one too.
    pub(super) fn make(&self, tail: &str) -> bool {
        let Some(first) = tail.chars().next() else {
            return true;
        };
        self.firsts & bit(first) != 0 && !denies(tail) && self.take(tail, MAX_SUFFIXES)
    }

    fn take(&self, tail: &str, left: usize) -> bool {
        if tail.is_empty() {
            return true;
        }
        let mut packed = 0;
        left > 0
            && tail.char_indices().take(LONGEST).any(|(at, c)| {
                packed = pack(packed, c);
                let rest = || tail.get(at + c.len_utf8()..).unwrap_or_default();
                self.all.binary_search(&packed).is_ok() && self.take(rest(), left - 1)
            })
    }
}

/// Letters of the longest suffix.
const LONGEST: usize = 6;

fn shapes(suffix: &str) -> Vec<String> {
    let grow = |made: Vec<String>, letter: char| {
        let letters = archiphoneme(letter).map_or_else(|| letter.to_string(), str::to_owned);
        made.iter()
            .flat_map(|head| letters.chars().map(move |c| format!("{head}{c}")))
            .collect()
    };
    suffix.chars().fold(vec![String::new()], grow)
}

const fn archiphoneme(letter: char) -> Option<&'static str> {
    match letter {
        'A' => Some("ае"),
        'I' => Some("и"),
        'L' => Some("лдт"),
        'D' => Some("дт"),
        'N' => Some("ндт"),
        'G' => Some("гк"),
        'B' => Some("бпм"),
        _ => None,
    }
}

/// The root as it stands before a suffix that begins with a vowel: «жылдамдық», «жылдамдығы».
pub(super) fn softened(root: &str) -> Option<String> {
    let (last, soft) = [('к', 'г'), ('п', 'б')]
        .into_iter()
        .find(|(last, _)| root.ends_with(*last))?;
    let head = root.strip_suffix(last)?;
    (head.chars().count() >= 3).then(|| format!("{head}{soft}"))
}

/// Whether what follows a noun's root means «without».
pub(super) fn lacks(tail: &str) -> bool {
    tail.starts_with("сиз")
}

/// Whether what follows a verb's root makes it say no, the causative between them or not: «шақыр-т-па».
pub(super) fn denies(tail: &str) -> bool {
    let tail = tail.strip_prefix('т').unwrap_or(tail);
    let with = ["мен", "бен", "пен"]
        .iter()
        .any(|suffix| tail.starts_with(suffix));
    !with && NEGATION.iter().any(|suffix| tail.starts_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::{Suffixes, softened};

    #[test]
    fn tails_of_nouns_and_verbs_are_suffixes_and_a_negation_is_none() {
        let suffixes = Suffixes::default();
        // From интернетіміздің, роутерлеріңіздің, кабельден, үйдегі, төледім, қосыңызшы.
        for tail in ["", "имиздин", "лериниздин", "ден", "деги", "дим", "инизши"]
        {
            assert!(suffixes.make(tail), "«{tail}»");
        }
        // From істемейді, жасамаңыз, and a Russian ending.
        for tail in ["мейди", "маниз", "остью"] {
            assert!(!suffixes.make(tail), "«{tail}»");
        }
    }

    #[test]
    fn a_root_softens_before_a_vowel() {
        assert_eq!(softened("жилдамдик").as_deref(), Some("жилдамдиг"));
        assert_eq!(softened("интернет"), None);
    }
}
