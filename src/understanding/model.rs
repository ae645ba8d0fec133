//! What utterances like this one meant: a linear model over the words of an utterance and the letters
//! in them. It knows what no phrase says.
//!
//! Everything here is whole numbers or exact floating-point operations: the same on every machine.

use crate::call::{Question, Topic};
use crate::understanding::Intent;
use crate::understanding::words::Words;

/// Rows of a table of weights: a feature's hash names its row.
const ROWS_LOG2: u32 = 15;
pub(super) const ROWS: usize = 1 << ROWS_LOG2;
/// Weights of a row, one for each label: of open and of yes/no questions.
pub(super) const LANES: usize = 24;
pub(super) const LANES_YES_NO: usize = 8;
/// Most features of an utterance that count: the sum of so many weights is still an `i16`.
const MAX_FEATURES: u16 = 256;
/// The first bytes of a file of weights: what it is, and the version of its form and of the features.
const MAGIC: &[u8; 16] = b"dana weights 2\n\n";
/// Bytes of the digest of the examples that the weights were learnt from.
const DIGEST: usize = 32;

/// Which kind of question was asked: each has its labels and its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What happened, what else.
    Open,
    /// Yes or no.
    YesNo,
}

impl Kind {
    /// The kind of a question that examples are known for.
    pub(super) const fn of(question: Question) -> Option<Self> {
        match question {
            Question::Open | Question::AnythingElse => Some(Self::Open),
            Question::ConfirmTopic
            | Question::ConfirmHome
            | Question::AtHome
            | Question::ConfirmTicket
            | Question::ConfirmOperator => Some(Self::YesNo),
            Question::ChooseLogin
            | Question::AskLogin
            | Question::PaymentWhen
            | Question::Language => None,
        }
    }

    /// Its labels; the order is that of a row's weights.
    pub(super) fn labels(self) -> &'static [Intent] {
        match self {
            Self::Open => &OPEN,
            Self::YesNo => &YES_NO,
        }
    }
}

const YES_NO: [Intent; 6] = [
    Intent::Yes,
    Intent::No,
    Intent::Operator,
    Intent::Repeat,
    Intent::OtherTopic,
    Intent::Unclear,
];

const OPEN: [Intent; 23] = {
    let mut labels = [Intent::Unclear; 23];
    labels[1] = Intent::Yes;
    labels[2] = Intent::No;
    labels[3] = Intent::Operator;
    let mut at = 0;
    while at < Topic::ALL.len() {
        labels[4 + at] = Intent::Topic(Topic::ALL[at]);
        at += 1;
    }
    labels
};

/// A table of weights: a row a feature, a lane a label.
pub(super) type Table<const N: usize> = Vec<[i8; N]>;

/// The weights of both kinds of question.
pub(super) struct Model {
    open: Table<LANES>,
    yes_no: Table<LANES_YES_NO>,
    /// SHA-256 of the examples that they were learnt from.
    pub(super) examples: [u8; DIGEST],
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").finish_non_exhaustive()
    }
}

/// One of the weights' units is this much of a logit.
pub(super) const UNIT: f64 = 1.0 / 16.0;

/// How strongly each label is meant: logits, in the order of [`Kind::labels`].
pub(super) type Logits = [f64; LANES];

impl Model {
    pub(super) fn new(
        open: Table<LANES>,
        yes_no: Table<LANES_YES_NO>,
        examples: [u8; DIGEST],
    ) -> Self {
        Self {
            open,
            yes_no,
            examples,
        }
    }

    /// Reads a file of weights; `None` if it is none of this version.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (examples, rest) = rest.split_first_chunk::<DIGEST>()?;
        let (open, yes_no) = rest.split_at_checked(ROWS * LANES)?;
        Some(Self::new(table(open)?, table(yes_no)?, *examples))
    }

    /// The file of these weights.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let weights = self
            .open
            .as_flattened()
            .iter()
            .chain(self.yes_no.as_flattened());
        let weights = weights.flat_map(|weight| weight.to_le_bytes());
        MAGIC
            .iter()
            .chain(&self.examples)
            .copied()
            .chain(weights)
            .collect()
    }

    /// How strongly an utterance means each label.
    pub(super) fn logits(&self, kind: Kind, question: Question, words: &Words) -> Logits {
        match kind {
            Kind::Open => sum(&self.open, question, words),
            Kind::YesNo => sum(&self.yes_no, question, words),
        }
    }

    /// How much each word of an utterance speaks for one label rather than for another.
    pub(super) fn shares(
        &self,
        (kind, question): (Kind, Question),
        words: &Words,
        [label, other]: [usize; 2],
    ) -> Vec<i32> {
        let mut shares = vec![0; words.len() + 1];
        features(question, words, |word, feature, _| {
            let row: &[i8] = match kind {
                Kind::Open => &self.open[feature],
                Kind::YesNo => &self.yes_no[feature],
            };
            shares[word] += i32::from(row[label]) - i32::from(row[other]);
        });
        shares
    }
}

fn table<const N: usize>(bytes: &[u8]) -> Option<Table<N>> {
    let (rows, []) = bytes.as_chunks::<N>() else {
        return None;
    };
    let row = |row: &[u8; N]| row.map(|byte| i8::from_le_bytes([byte]));
    (rows.len() == ROWS).then(|| rows.iter().map(row).collect())
}

fn sum<const N: usize>(table: &Table<N>, question: Question, words: &Words) -> Logits {
    let mut sums = [0_i16; N];
    let count = features(question, words, |_, feature, _| {
        for (sum, weight) in sums.iter_mut().zip(&table[feature]) {
            // Cannot wrap: see MAX_FEATURES.
            *sum = sum.wrapping_add(i16::from(*weight));
        }
    });
    // A long utterance has more features; it shall not weigh more for that.
    let scale = UNIT / f64::from(count.max(1)).sqrt();
    let mut logits = [0.0; LANES];
    for (logit, sum) in logits.iter_mut().zip(sums) {
        *logit = f64::from(sum) * scale;
    }
    logits
}

/// The features of an utterance, each as the word where it begins, a row, and whether it is one of that
/// question only; how many there are. They are its words, its pairs of neighbours, their letters by fours;
/// words and pairs once more for the question that they answer.
pub(super) fn features(
    question: Question,
    words: &Words,
    mut take: impl FnMut(usize, usize, bool),
) -> u16 {
    let question = asked(question);
    let mut count = 0;
    let mut before = 0;
    for (at, word) in words.iter().chain([""]).enumerate() {
        let mut feature = |hash: u64, own: bool| {
            if count < MAX_FEATURES {
                count += 1;
                take(at, row(hash), own);
            }
        };
        // ^word$ in windows of four letters.
        let mut window = BOUNDARY;
        let mut this = WORD;
        for letter in word.chars().map(u64::from) {
            this = mix(this ^ letter);
            letters(window, letter, &mut feature);
            window = (window << 16) | (letter & 0xFFFF);
        }
        let pair = mix(before ^ this.rotate_left(21));
        feature(pair, false);
        if !word.is_empty() {
            letters(window, BOUNDARY, &mut feature);
            feature(this, false);
        }
        if question != 0 {
            feature(mix(pair ^ question), true);
            // Behind the last word: the question itself.
            let word = if word.is_empty() { 0 } else { this };
            feature(mix(word ^ question), true);
        }
        before = this;
    }
    count
}

/// The window of four letters that ends with a letter, if it is full.
fn letters(window: u64, letter: u64, feature: &mut impl FnMut(u64, bool)) {
    let window = (window << 16) | letter;
    if window >> 48 != 0 {
        feature(mix(window), false);
    }
}

/// Where the hash of a word begins.
const WORD: u64 = 0xCBF2_9CE4_8422_2325;

/// What a question adds to the hash of a word; nothing where the answer fits any.
const fn asked(question: Question) -> u64 {
    match question {
        Question::ConfirmHome => 0x9E37_79B9_0000_0001,
        Question::ConfirmTicket => 0x85EB_CA6B_0000_0003,
        Question::ConfirmOperator => 0xC2B2_AE35_0000_0005,
        Question::AtHome => 0x27D4_EB2F_0000_0007,
        Question::AnythingElse => 0x1656_67B1_0000_0009,
        Question::Open
        | Question::ConfirmTopic
        | Question::ChooseLogin
        | Question::AskLogin
        | Question::PaymentWhen
        | Question::Language => 0,
    }
}

/// Stands before and behind a word.
const BOUNDARY: u64 = 1;

/// Spreads the bits of a key.
const fn mix(key: u64) -> u64 {
    let key = (key ^ (key >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (key ^ (key >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

fn row(hash: u64) -> usize {
    usize::try_from(hash >> (64 - ROWS_LOG2)).unwrap_or_default()
}

/// The likelihood of each label, if one of them is meant.
pub(super) fn likelihoods(labels: usize, logits: &Logits) -> Logits {
    let most = logits
        .iter()
        .take(labels)
        .fold(f64::MIN, |most, logit| most.max(*logit));
    let mut odds = [0.0; LANES];
    for (odd, logit) in odds.iter_mut().zip(logits).take(labels) {
        *odd = exp(logit - most);
    }
    let sum: f64 = odds.iter().sum();
    odds.map(|odd| odd / sum)
}

/// e to the power of a number that is not above 0, by additions and multiplications alone, which are
/// exact on every machine: (1 + x/1024)^1024.
fn exp(x: f64) -> f64 {
    let base = (1.0 + x / 1024.0).max(0.0);
    (0..10).fold(base, |power, _| power * power)
}
