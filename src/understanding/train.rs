//! Learns the weights of the model from `grammars/examples.tsv`: multinomial logistic regression by
//! stochastic gradient descent with `AdaGrad`'s steps. Only exact operations in a fixed order: the same
//! examples give the same bytes on every machine.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::iter;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::call::Question;
use crate::problem::{Problems, Source, did_you_mean};
use crate::understanding::model::{
    self, Kind, LANES, MAX_LETTERS, Model, Place, UNIT, Weights, likelihoods,
};
use crate::understanding::rows::{Feature, Rows};
use crate::understanding::words::Words;

/// How often every example is gone through, of an open answer and of a yes or no.
const ROUNDS: usize = 20;
const ROUNDS_YES_NO: usize = 60;
/// How far a first step goes.
const STEP: f64 = 0.5;
/// Keeps the first steps of a rare feature from being too long.
const FIRST: f64 = 0.1;
/// How many of a hundred features are left out each time, so that no word is relied on alone.
const LEFT_OUT: usize = 40;
/// Below this, in units, a weight tells too little to be kept.
const LEAST: u8 = 12;
/// Most examples.
const MAX_EXAMPLES: usize = 200_000;
/// What the question of an example is called whose answer fits any yes/no question.
const ANY: &str = "any";

/// An utterance and what it meant.
struct Example {
    label: usize,
    /// What adds to what is understood, and whether it learns from this example.
    features: Vec<((Place, Feature), bool)>,
}

/// What was learnt.
#[derive(Debug)]
pub struct Learnt {
    /// The file of weights.
    pub weights: Vec<u8>,
    /// How many examples there were, of open and of yes/no questions.
    pub examples: [usize; 2],
}

/// Learns weights from examples, or tells every problem of their file.
pub fn train(source: &Arc<Source>) -> Result<Learnt, Problems> {
    let [open, yes_no] = read(source)?;
    let model = Model::new(
        learn(Kind::Open, &open),
        learn(Kind::YesNo, &yes_no),
        words(source),
    );
    Ok(Learnt {
        weights: model.bytes(&source.text),
        examples: [open.len(), yes_no.len()],
    })
}

/// The examples of open and of yes/no questions.
fn read(source: &Arc<Source>) -> Result<[Vec<Example>; 2], Problems> {
    let mut problems = Problems::default();
    let mut examples = [Vec::new(), Vec::new()];
    let mut start = 0;
    for (at, line) in source.text.split_inclusive('\n').enumerate() {
        let span = start..start + line.trim_end().len();
        start += line.len();
        if at == 0 || line.trim().is_empty() {
            continue;
        }
        match example(line.trim_end_matches(['\n', '\r'])) {
            Ok((Kind::Open, example)) => examples[0].push(example),
            Ok((Kind::YesNo, example)) => examples[1].push(example),
            Err((title, hint)) => problems.push(source.problem(span, title).hint(hint)),
        }
    }
    if source.text.lines().next() != Some(HEADER) {
        let problem = source.problem(0..0, "the first line names other columns");
        problems.push(problem.hint(format!("write {}", HEADER.replace('\t', ", "))));
    }
    if examples.iter().map(Vec::len).sum::<usize>() > MAX_EXAMPLES {
        let title = format!("more than {MAX_EXAMPLES} examples");
        problems.push(source.problem(0..0, title).hint("take some out"));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(examples)
}

/// How often a word comes among the examples to be one that nobody takes for a misheard one.
const OFTEN: usize = 4;

/// The words of the examples: those that come often, then the others.
fn words(source: &Source) -> [Vec<String>; 2] {
    let mut times = BTreeMap::new();
    let lines = source.text.lines().skip(1);
    for text in lines.filter_map(|line| line.split('\t').next_back()) {
        for word in Words::new(text).iter() {
            *times.entry(word).or_insert(0_usize) += 1;
        }
    }
    times.retain(|word, _| word.chars().count() <= MAX_LETTERS);
    // What comes most stands together: a processor's cache holds it.
    let mut words: Vec<(String, usize)> = times.into_iter().collect();
    words.sort_by_key(|(_, times)| Reverse(*times));
    let often = words.partition_point(|(_, times)| *times >= OFTEN);
    let mut words = words.into_iter().map(|(word, _)| word);
    let often = words.by_ref().take(often).collect();
    [often, words.collect()]
}

/// The columns, with tabs between them.
const HEADER: &str = "question\texpected\ttext";

fn example(line: &str) -> Result<(Kind, Example), (String, String)> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [question, expected, text] = fields.as_slice() else {
        return Err((
            format!("{} columns instead of 3", fields.len()),
            format!("write {}", HEADER.replace('\t', ", ")),
        ));
    };
    let asked = match *question {
        ANY => Some(Question::ConfirmTopic),
        name => name.parse().ok(),
    };
    let Some((question, kind)) = asked.and_then(|asked| Some((asked, Kind::of(asked)?))) else {
        let known = Question::ALL.iter().filter(|of| Kind::of(**of).is_some());
        let known: Vec<&str> = known.map(|of| of.as_str()).chain([ANY]).collect();
        return Err((
            format!("`{question}` has no examples"),
            nearest(question, &known),
        ));
    };
    let labels = kind.labels();
    let Some(label) = labels.iter().position(|label| label.as_str() == *expected) else {
        let known: Vec<&str> = labels.iter().map(|label| label.as_str()).collect();
        return Err((
            format!("`{expected}` is no answer to this"),
            nearest(expected, &known),
        ));
    };
    let mut features = Vec::new();
    let words = Words::new(text).without_echoes();
    // «Жоқ» at the end of a call says nothing about what happened: there, only the question's own learn.
    let all = question != Question::AnythingElse;
    model::features(question, &words, |_, place, feature, own| {
        features.push(((place, feature), own || all));
    });
    if words.len() == 0 {
        return Err(("no words".to_owned(), "take the line out".to_owned()));
    }
    Ok((kind, Example { label, features }))
}

fn nearest(name: &str, known: &[&str]) -> String {
    did_you_mean(name, known.iter().copied()).map_or_else(
        || format!("there are: {}", known.join(", ")),
        |near| format!("did you mean `{near}`?"),
    )
}

fn learn<const N: usize>(kind: Kind, examples: &[Example]) -> Weights<N> {
    let labels = kind.labels().len();
    let rounds = match kind {
        Kind::Open => ROUNDS,
        Kind::YesNo => ROUNDS_YES_NO,
    };
    let (rows, examples) = numbered(examples);
    let mut weights: Vec<[f64; N]> = iter::repeat_n([0.0; N], rows.len()).collect();
    let mut squares: Vec<[f64; N]> = iter::repeat_n([FIRST; N], rows.len()).collect();
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut random = Random(1);
    let mut features = Vec::new();
    for _ in 0..rounds {
        random.shuffle(&mut order);
        for at in &order {
            let (label, all) = &examples[*at];
            features.clear();
            features.extend(all.iter().filter(|_| random.below(100) >= LEFT_OUT));
            let count = u16::try_from(features.len()).unwrap_or(u16::MAX).max(1);
            let share = 1.0 / f64::from(count).sqrt();
            let mut logits = [0.0; LANES];
            for (feature, _) in &features {
                for (logit, weight) in logits.iter_mut().zip(&weights[*feature]) {
                    *logit += weight * share;
                }
            }
            let mut slopes = logits;
            likelihoods(labels, &mut slopes);
            slopes[*label] -= 1.0;
            for (feature, _) in features.iter().filter(|(_, learns)| *learns) {
                let rows = weights[*feature].iter_mut().zip(&mut squares[*feature]);
                for ((weight, square), slope) in rows.zip(&slopes) {
                    let slope = slope * share;
                    *square += slope * slope;
                    *weight -= STEP * slope / square.sqrt();
                }
            }
        }
    }
    let weights = weights.iter().map(|row| row.map(quantised));
    let tells = |row: &[i8; N]| row.iter().any(|weight| weight.unsigned_abs() >= LEAST);
    let learnt = rows.iter().zip(weights).filter(|(_, row)| tells(row));
    let (inside, beside) = learnt.partition::<Vec<_>, _>(|((place, _), _)| *place == Place::Inside);
    let rows = |of: Vec<(&(Place, Feature), [i8; N])>| {
        Rows::new(of.into_iter().map(|((_, feature), row)| (*feature, row)))
    };
    Weights {
        inside: rows(inside),
        beside: rows(beside),
    }
}

/// A label, and the numbers of features that learn from it or not.
type Numbered = (usize, Vec<(usize, bool)>);

/// Every feature of the examples, and the examples by these' numbers.
fn numbered(examples: &[Example]) -> (Vec<(Place, Feature)>, Vec<Numbered>) {
    let (mut numbers, mut features) = (HashMap::new(), Vec::new());
    let mut number = |(feature, learns): &((Place, Feature), bool)| {
        let number = numbers.entry(*feature).or_insert_with(|| {
            features.push(*feature);
            features.len() - 1
        });
        (*number, *learns)
    };
    let mut numbered = Vec::with_capacity(examples.len());
    for Example { label, features } in examples {
        numbered.push((*label, features.iter().map(&mut number).collect()));
    }
    (features, numbered)
}

/// The nearest whole number of units.
fn quantised(weight: f64) -> i8 {
    let units = (weight / UNIT).round();
    (i8::MIN..=i8::MAX)
        .find(|whole| f64::from(*whole) >= units)
        .unwrap_or(i8::MAX)
}

/// Numbers in an order that looks like none, the same every time: Lehmer's generator.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0 * 48_271 % 0x7FFF_FFFF;
        usize::try_from(self.0).unwrap_or_default() % limit.max(1)
    }

    fn shuffle(&mut self, order: &mut [usize]) {
        for at in (1..order.len()).rev() {
            order.swap(at, self.below(at + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn an_order_is_a_permutation_and_the_same_every_time() {
        let order = || {
            let mut order: Vec<usize> = (0..100).collect();
            Random(1).shuffle(&mut order);
            order
        };
        let mut sorted = order();
        assert_eq!(order(), sorted);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
    }
}
