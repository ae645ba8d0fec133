//! What utterances like this one meant: a linear model over the words of an utterance and the letters
//! in them. It knows what no phrase says.
//!
//! Everything here is whole numbers or exact floating-point operations: the same on every machine.

use crate::call::{Question, Topic};
use crate::understanding::Intent;
use crate::understanding::words::{Keyed, Words, key, mix};

/// Rows of a table of weights: a feature's hash names its row.
const ROWS_LOG2: u32 = 16;
pub(super) const ROWS: usize = 1 << ROWS_LOG2;
/// Weights of a row, one for each label: of open and of yes/no questions.
pub(super) const LANES: usize = 24;
pub(super) const LANES_YES_NO: usize = 8;
/// Longest word of the examples whose rows are added up at load: their sum is still an `i16`.
pub(super) const MAX_LETTERS: usize = 64;
/// The first bytes of a file of weights: what it is, and the version of its form and of the features.
const MAGIC: &[u8; 16] = b"dana weights 3\n\n";
/// What stands between the words that come often and the others.
const BETWEEN: &str = "\n\n";
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

/// Rows of weights: a row a feature, a lane a label.
pub(super) type Rows<const N: usize> = Vec<[i8; N]>;

/// The weights of one kind of question.
struct Table<const N: usize> {
    rows: Rows<N>,
    /// Of each word of the examples the sum of its rows and how many they are: most of what is said
    /// is added up once, at load.
    words: Keyed<([i16; N], u16)>,
}

/// The weights of both kinds of question.
pub(super) struct Model {
    open: Table<LANES>,
    yes_no: Table<LANES_YES_NO>,
    /// SHA-256 of the examples that they were learnt from.
    pub(super) examples: [u8; DIGEST],
    /// The words of the examples: those that come often, then the others.
    pub(super) words: [Vec<String>; 2],
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
        open: Rows<LANES>,
        yes_no: Rows<LANES_YES_NO>,
        examples: [u8; DIGEST],
        words: [Vec<String>; 2],
    ) -> Self {
        let mut model = Self {
            open: Table::new(open),
            yes_no: Table::new(yes_no),
            examples,
            words,
        };
        let mut features = Vec::new();
        for word in model.words.iter().flatten() {
            features.clear();
            let key = key(word);
            letters(word.chars(), key, |feature| features.push(feature));
            model.open.sum(key, &features);
            model.yes_no.sum(key, &features);
        }
        model
    }

    /// Reads a file of weights; `None` if it is none of this version.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (examples, rest) = rest.split_first_chunk::<DIGEST>()?;
        let (open, rest) = rest.split_at_checked(ROWS * LANES)?;
        let (yes_no, rest) = rest.split_at_checked(ROWS * LANES_YES_NO)?;
        let (often, seldom) = str::from_utf8(rest).ok()?.split_once(BETWEEN)?;
        let words = [often, seldom].map(|words| words.lines().map(str::to_owned).collect());
        Some(Self::new(rows(open)?, rows(yes_no)?, *examples, words))
    }

    /// The file of these weights.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let weights = self.open.rows.as_flattened().iter();
        let weights = weights.chain(self.yes_no.rows.as_flattened());
        let weights = weights.flat_map(|weight| weight.to_le_bytes());
        let words = self.words.each_ref().map(|words| words.join("\n"));
        MAGIC
            .iter()
            .chain(&self.examples)
            .copied()
            .chain(weights)
            .chain(words.join(BETWEEN).into_bytes())
            .collect()
    }

    /// How strongly an utterance means each label.
    pub(super) fn logits(&self, kind: Kind, question: Question, words: &Words<'_>) -> Logits {
        match kind {
            Kind::Open => self.open.logits(question, words),
            Kind::YesNo => self.yes_no.logits(question, words),
        }
    }

    /// How much each word of an utterance speaks for one label rather than for another.
    pub(super) fn shares(
        &self,
        (kind, question): (Kind, Question),
        words: &Words<'_>,
        [label, other]: [usize; 2],
    ) -> Vec<i32> {
        let mut shares = vec![0; words.len() + 1];
        features(question, words, |word, feature, _| {
            let row: &[i8] = match kind {
                Kind::Open => &self.open.rows[feature],
                Kind::YesNo => &self.yes_no.rows[feature],
            };
            shares[word] += i32::from(row[label]) - i32::from(row[other]);
        });
        shares
    }
}

fn rows<const N: usize>(bytes: &[u8]) -> Option<Rows<N>> {
    let (rows, []) = bytes.as_chunks::<N>() else {
        return None;
    };
    let row = |row: &[u8; N]| row.map(|byte| i8::from_le_bytes([byte]));
    (rows.len() == ROWS).then(|| rows.iter().map(row).collect())
}

impl<const N: usize> Table<N> {
    fn new(rows: Rows<N>) -> Self {
        Self {
            rows,
            words: Keyed::default(),
        }
    }

    /// Adds the rows of a word up. Its letters are few enough for the sum: see [`MAX_LETTERS`].
    fn sum(&mut self, word: u64, features: &[usize]) {
        let mut sum = [0; N];
        for feature in features {
            add(&mut sum, &self.rows[*feature]);
        }
        let sum = sum.map(|sum| i16::try_from(sum).unwrap_or_default());
        let count = u16::try_from(features.len()).unwrap_or_default();
        self.words.insert(word, (sum, count));
    }

    fn logits(&self, question: Question, words: &Words<'_>) -> Logits {
        let (mut sums, mut count) = ([0_i32; N], 0_u32);
        for at in 0..words.len() {
            let key = words.key(at);
            if let Some((sum, of)) = self.words.get(&key) {
                add(&mut sums, sum);
                count += u32::from(*of);
            } else {
                letters(words.letters(at), key, |feature| {
                    add(&mut sums, &self.rows[feature]);
                    count += 1;
                });
            }
        }
        order(question, words, |_, feature, _| {
            add(&mut sums, &self.rows[feature]);
            count += 1;
        });
        // A long utterance has more features; it shall not weigh more for that.
        let scale = UNIT / f64::from(count.max(1)).sqrt();
        let mut logits = [0.0; LANES];
        for (logit, sum) in logits.iter_mut().zip(sums) {
            *logit = f64::from(sum) * scale;
        }
        logits
    }
}

/// Adds weights up. Cannot overflow: an utterance has at most 4096 letters and 64 words.
fn add<W: Copy + Into<i32>, const N: usize>(sums: &mut [i32; N], row: &[W; N]) {
    for (sum, weight) in sums.iter_mut().zip(row) {
        // Without the check of what cannot be the processor adds all lanes at once.
        *sum = sum.wrapping_add((*weight).into());
    }
}

/// The features of an utterance, each as the word where it begins, a row, and whether it is one of that
/// question only.
pub(super) fn features(
    question: Question,
    words: &Words<'_>,
    mut take: impl FnMut(usize, usize, bool),
) {
    for at in 0..words.len() {
        let letters_of = words.letters(at);
        letters(letters_of, words.key(at), |feature| {
            take(at, feature, false);
        });
    }
    order(question, words, take);
}

/// A word and its letters by fours.
fn letters(word: impl Iterator<Item = char>, key: u64, mut take: impl FnMut(usize)) {
    let mut window = BOUNDARY;
    for letter in word.map(u64::from).chain([BOUNDARY]) {
        window = (window << 16) | (letter & 0xFFFF);
        if window >> 48 != 0 {
            take(row(mix(window)));
        }
    }
    take(row(key));
}

/// The order of the words: neighbours without their endings. Where the question has examples of its own,
/// for that question too: each word, neighbours, two with one between, and three in a row.
fn order(question: Question, words: &Words<'_>, mut take: impl FnMut(usize, usize, bool)) {
    let question = asked(question);
    let [mut second, mut first] = [0; 2];
    for at in 0..=words.len() {
        let stem = words.stem(at);
        let pair = mix(first ^ stem.rotate_left(21));
        take(at, row(pair), false);
        if question != 0 {
            take(at, row(mix(pair ^ question)), true);
            take(at, row(mix(words.key(at) ^ question)), true);
        }
        if question != 0 && at > 1 {
            let apart = second.rotate_left(42) ^ stem.rotate_left(21);
            take(at, row(mix(apart ^ question)), true);
            take(at, row(mix(apart ^ first ^ question)), true);
        }
        [second, first] = [first, stem];
    }
}

/// What a question adds to the key of a word; nothing where the answer fits any.
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

fn row(key: u64) -> usize {
    usize::try_from(key >> (64 - ROWS_LOG2)).unwrap_or_default()
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
