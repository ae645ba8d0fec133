//! What utterances like this one meant: a linear model over the words of an utterance and the letters
//! in them. It knows what no phrase says.
//!
//! Everything here is whole numbers or exact floating-point operations: the same on every machine.

use ring::digest::{Context, Digest, SHA256};

use crate::call::{Question, Topic};
use crate::understanding::Intent;
use crate::understanding::rows::{Feature, Rows, add};
use crate::understanding::words::{Words, mix};

/// Weights of a row, one for each label: of open and of yes/no questions. There is room for one more
/// than there are labels.
pub(super) const LANES: usize = 24;
pub(super) const LANES_YES_NO: usize = 8;
/// Longest word of the examples whose rows are added up at load.
pub(super) const MAX_LETTERS: usize = 64;
/// The first bytes of a file of weights: what it is, and the version of its form and of the features.
const MAGIC: &[u8; 16] = b"dana weights 5\n\n";
/// What stands between the words that come often and the others.
const BETWEEN: &str = "\n\n";
/// Bytes of the digest that ties weights to the examples that they were learnt from.
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

/// The labels of both kinds begin alike.
const FIRST: [Intent; 4] = [Intent::Unclear, Intent::Yes, Intent::No, Intent::Operator];
/// Where two of them are.
pub(super) const UNCLEAR: usize = 0;
pub(super) const OPERATOR: usize = 3;

const YES_NO: [Intent; 6] = {
    let [unclear, yes, no, operator] = FIRST;
    [
        unclear,
        yes,
        no,
        operator,
        Intent::Repeat,
        Intent::OtherTopic,
    ]
};

const OPEN: [Intent; 23] = {
    let mut labels = [FIRST[UNCLEAR]; 23];
    let mut at = 1;
    while at < labels.len() {
        labels[at] = if at < FIRST.len() {
            FIRST[at]
        } else {
            Intent::Topic(Topic::ALL[at - FIRST.len()])
        };
        at += 1;
    }
    labels
};

/// What was learnt for one kind of question: rows of what is in a word, and of what stands beside what.
pub(super) struct Weights<const N: usize> {
    pub(super) inside: Rows<N>,
    pub(super) beside: Rows<N>,
}

/// The weights of one kind of question.
struct Table<const N: usize> {
    weights: Weights<N>,
    /// For each question of the kind and each word of the examples the sum of the word's rows: most of what
    /// is said is added up once, at load. The last lane counts the features.
    words: Vec<Vec<[i16; N]>>,
    questions: &'static [Question],
}

/// The weights of both kinds of question.
pub(super) struct Model {
    open: Table<LANES>,
    yes_no: Table<LANES_YES_NO>,
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

/// The SHA-256 of examples and what was learnt from them.
fn tie(examples: &str, learnt: &[u8]) -> Digest {
    let mut both = Context::new(&SHA256);
    both.update(examples.as_bytes());
    both.update(learnt);
    both.finish()
}

/// How strongly each label is meant: logits, in the order of [`Kind::labels`].
pub(super) type Logits = [f64; LANES];

impl Model {
    pub(super) fn new(
        open: Weights<LANES>,
        yes_no: Weights<LANES_YES_NO>,
        words: [Vec<String>; 2],
    ) -> Self {
        let count = words.iter().map(Vec::len).sum();
        let mut open = Table::new(open, &OPEN_QUESTIONS, count);
        let mut yes_no = Table::new(yes_no, &YES_NO_QUESTIONS, count);
        let mut inside = Vec::new();
        for word in words.iter().flatten() {
            let word = Words::new(word);
            inside.clear();
            letters(&word, 0, |feature| inside.push(feature));
            open.remember(&word, &inside);
            yes_no.remember(&word, &inside);
        }
        Self {
            open,
            yes_no,
            words,
        }
    }

    /// Reads a file of weights; `None` if it is none of this version, is damaged, or was not learnt from
    /// these examples.
    pub(super) fn read(bytes: &[u8], examples: &str) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (digest, rest) = rest.split_first_chunk::<DIGEST>()?;
        if tie(examples, rest).as_ref() != digest {
            return None;
        }
        let (open, rest) = Weights::read(rest)?;
        let (yes_no, rest) = Weights::read(rest)?;
        let (often, seldom) = str::from_utf8(rest).ok()?.split_once(BETWEEN)?;
        let words = [often, seldom].map(|words| words.lines().map(str::to_owned).collect());
        Some(Self::new(open, yes_no, words))
    }

    /// The file of these weights, which were learnt from `examples`.
    pub(super) fn bytes(&self, examples: &str) -> Vec<u8> {
        let (open, yes_no) = (&self.open.weights, &self.yes_no.weights);
        let words = self.words.each_ref().map(|words| words.join("\n"));
        let learnt = [
            open.inside.bytes(),
            open.beside.bytes(),
            yes_no.inside.bytes(),
            yes_no.beside.bytes(),
            words.join(BETWEEN).into_bytes(),
        ]
        .concat();
        [MAGIC, tie(examples, &learnt).as_ref(), &learnt].concat()
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
        features(question, words, |word, place, feature, _| {
            let row = match kind {
                Kind::Open => self
                    .open
                    .weights
                    .row(place, feature)
                    .map(<[i8; LANES]>::as_slice),
                Kind::YesNo => self
                    .yes_no
                    .weights
                    .row(place, feature)
                    .map(<[i8; LANES_YES_NO]>::as_slice),
            };
            shares[word] += row.map_or(0, |row| i32::from(row[label]) - i32::from(row[other]));
        });
        shares
    }
}

impl<const N: usize> Weights<N> {
    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (inside, rest) = Rows::read(bytes)?;
        let (beside, rest) = Rows::read(rest)?;
        Some((Self { inside, beside }, rest))
    }

    fn row(&self, place: Place, feature: Feature) -> Option<&[i8; N]> {
        match place {
            Place::Inside => self.inside.get(feature),
            Place::Beside => self.beside.get(feature),
        }
    }
}

impl<const N: usize> Table<N> {
    /// A table that has room for so many words.
    fn new(weights: Weights<N>, questions: &'static [Question], words: usize) -> Self {
        let sums = questions.iter().map(|_| Vec::with_capacity(words));
        Self {
            weights,
            words: sums.collect(),
            questions,
        }
    }

    /// Adds the rows of the next of the examples' words up, of the word itself and of its `letters`.
    fn remember(&mut self, word: &Words<'_>, letters: &[Feature]) {
        let inside = &self.weights.inside;
        let mut any = [0; N];
        for feature in letters {
            count(&mut any, inside.get(*feature));
        }
        for (question, sums) in self.questions.iter().zip(&mut self.words) {
            let mut sum = any;
            own(*question, word, 0, |feature| {
                count(&mut sum, inside.get(feature));
            });
            sums.push(sum);
        }
    }

    fn logits(&self, question: Question, words: &Words<'_>) -> Logits {
        let Weights { inside, beside } = &self.weights;
        let (mut inside, mut beside) = (Gathered::of(inside), Gathered::of(beside));
        let mut sums = [0; N];
        let asked = self.questions.iter().position(|of| *of == question);
        let known = asked.map_or(&[][..], |asked| &self.words[asked]);
        for at in 0..words.len() {
            if let Some(sum) = words.number(at).and_then(|number| known.get(number)) {
                add(&mut sums, sum);
            } else {
                letters(words, at, |feature| inside.take(feature, &mut sums));
                own(question, words, at, |feature| {
                    inside.take(feature, &mut sums);
                });
            }
        }
        order(question, words, |_, feature, _| {
            beside.take(feature, &mut sums);
        });
        let features = [inside.close(&mut sums), beside.close(&mut sums)];
        // A long utterance has more features; it shall not weigh more for that.
        let counted = std::mem::take(&mut sums[N - 1]);
        let count = features.into_iter().fold(counted, i16::saturating_add);
        let scale = UNIT / f64::from(count.max(1)).sqrt();
        let mut logits = [0.0; LANES];
        for (logit, sum) in logits.iter_mut().zip(sums) {
            *logit = f64::from(sum) * scale;
        }
        logits
    }
}

/// Features whose rows are to be added up. Which there may be is asked first, so that no answer waits for
/// the one before.
struct Gathered<'t, const N: usize> {
    rows: &'t Rows<N>,
    there: [Feature; AT_ONCE],
    found: usize,
    /// How many there were in all.
    count: i16,
}

/// Features that are looked up together.
const AT_ONCE: usize = 32;

impl<'t, const N: usize> Gathered<'t, N> {
    const fn of(rows: &'t Rows<N>) -> Self {
        Self {
            rows,
            there: [0; AT_ONCE],
            found: 0,
            count: 0,
        }
    }

    #[inline]
    fn take(&mut self, feature: Feature, sums: &mut [i16; N]) {
        self.count = self.count.saturating_add(1);
        self.there[self.found] = feature;
        self.found += usize::from(self.rows.may_have(feature));
        if self.found == AT_ONCE {
            self.rows.add(&self.there, sums);
            self.found = 0;
        }
    }

    /// Adds the last of them; how many there were.
    fn close(&self, sums: &mut [i16; N]) -> i16 {
        self.rows.add(&self.there[..self.found], sums);
        self.count
    }
}

/// Adds the row of a feature, if it has one, and counts the feature in the last lane.
#[inline]
fn count<const N: usize>(sums: &mut [i16; N], row: Option<&[i8; N]>) {
    if let Some(row) = row {
        add(sums, row);
    }
    sums[N - 1] = sums[N - 1].saturating_add(1);
}

/// Which rows a feature is among.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// Of what is in a word.
    Inside,
    /// Of what stands beside what.
    Beside,
}

/// The features of an utterance, each as the word where it begins, where its row is, and whether it is one
/// of that question only.
pub(super) fn features(
    question: Question,
    words: &Words<'_>,
    mut take: impl FnMut(usize, Place, Feature, bool),
) {
    for at in 0..words.len() {
        letters(words, at, |feature| take(at, Place::Inside, feature, false));
        own(question, words, at, |feature| {
            take(at, Place::Inside, feature, true);
        });
    }
    order(question, words, |at, feature, own| {
        take(at, Place::Beside, feature, own);
    });
}

/// A word, the same without its ending, and its letters by fours.
fn letters(words: &Words<'_>, at: usize, mut take: impl FnMut(Feature)) {
    let mut window = BOUNDARY;
    for letter in words.letters(at).map(u64::from).chain([BOUNDARY]) {
        window = (window << 16) | (letter & 0xFFFF);
        if window >> 48 != 0 {
            take(feature(mix(window)));
        }
    }
    take(feature(words.key(at)));
    take(feature(mix(words.stem(at) ^ STEM)));
}

/// Where the question has examples of its own, for that question: a word, and the same without its ending.
fn own(question: Question, words: &Words<'_>, at: usize, mut take: impl FnMut(Feature)) {
    let question = asked(question);
    if question != 0 {
        take(feature(mix(words.key(at) ^ question)));
        take(feature(mix(words.stem(at) ^ question ^ STEM)));
    }
}

/// The order of the words: neighbours without their endings. Where the question has examples of its own,
/// for that question too: neighbours, two with one between, three in a row; and what is said there at all.
fn order(question: Question, words: &Words<'_>, mut take: impl FnMut(usize, Feature, bool)) {
    let question = asked(question);
    let [mut second, mut first] = [0; 2];
    for at in 0..=words.len() {
        let stem = words.stem(at);
        let pair = mix(first ^ stem.rotate_left(21));
        take(at, feature(pair), false);
        if question != 0 {
            take(at, feature(mix(pair ^ question)), true);
        }
        if question != 0 && at > 1 {
            let apart = second.rotate_left(42) ^ stem.rotate_left(21);
            take(at, feature(mix(apart ^ question)), true);
            take(at, feature(mix(apart ^ first ^ question)), true);
        }
        [second, first] = [first, stem];
    }
    if question != 0 {
        take(words.len(), feature(mix(question)), true);
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

/// The questions of each kind.
const OPEN_QUESTIONS: [Question; 2] = [Question::Open, Question::AnythingElse];
const YES_NO_QUESTIONS: [Question; 5] = [
    Question::ConfirmTopic,
    Question::ConfirmHome,
    Question::AtHome,
    Question::ConfirmTicket,
    Question::ConfirmOperator,
];

/// Stands before and behind a word.
const BOUNDARY: u64 = 1;
/// Tells a word without its ending from the word.
const STEM: u64 = 0x55;

fn feature(key: u64) -> Feature {
    Feature::try_from(key >> 32).unwrap_or_default()
}

/// Makes logits the likelihood of each of so many labels, if one of them is meant.
pub(super) fn likelihoods(labels: usize, logits: &mut Logits) {
    let (meant, others) = logits.split_at_mut(labels);
    let most = meant.iter().fold(f64::MIN, |most, logit| most.max(*logit));
    for odd in &mut *meant {
        *odd = exp(*odd - most);
    }
    let sum: f64 = meant.iter().sum();
    for odd in meant {
        *odd /= sum;
    }
    others.fill(0.0);
}

/// e to the power of a number that is not above 0, by additions and multiplications alone, which are
/// exact on every machine: (1 + x/1024)^1024.
fn exp(x: f64) -> f64 {
    let base = (1.0 + x / 1024.0).max(0.0);
    (0..10).fold(base, |power, _| power * power)
}
