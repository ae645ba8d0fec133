//! How long an utterance takes: the whole corpus, each utterance by itself, in nanoseconds.
//!
//! `cargo bench --bench understand` prints mean, p50, p99 and the slowest over the corpus, beside the
//! floor: the same texts split into lower-case words and looked up in one hash table. A figure is the
//! least of several rounds for an utterance, so that what else the machine does is not counted. Beside them:
//! how long the grammars take to load.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock and prints"
)]

use std::collections::HashSet;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use dana::bundle::{Bundle, EXAMPLES, WEIGHTS};
use dana::call::{Locale, Question};
use dana::problem::Source;
use dana::understanding::Grammars;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 50;

struct Utterance {
    locale: Option<Locale>,
    question: Question,
    text: String,
}

fn corpus(folder: &Path) -> Vec<Utterance> {
    let mut utterances = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let text = fs::read_to_string(entry.expect("a file").path()).expect("a corpus");
        let header: Vec<&str> = text
            .lines()
            .next()
            .unwrap_or_default()
            .split('\t')
            .collect();
        let column = |name: &str| {
            header
                .iter()
                .position(|column| *column == name)
                .expect("a column")
        };
        let (lang, question, said) = (column("lang"), column("question"), column("text"));
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split('\t').collect();
            utterances.push(Utterance {
                locale: fields[lang].parse().ok(),
                question: match fields[question] {
                    "-" => Question::Open,
                    "any" => Question::ConfirmTopic,
                    name => name.parse().expect("a question"),
                },
                text: fields[said].to_owned(),
            });
        }
    }
    utterances
}

/// Least nanoseconds of each utterance, of two ways to take it. They go turn by turn, so that neither has
/// a better hour than the other.
fn measure(utterances: &[Utterance], ways: [&dyn Fn(&Utterance); 2]) -> [Vec<u128>; 2] {
    let once = |utterance: &Utterance, way: &dyn Fn(&Utterance)| {
        let start = Instant::now();
        way(utterance);
        start.elapsed().as_nanos()
    };
    let mut least = [(); 2].map(|()| vec![u128::MAX; utterances.len()]);
    for _ in 0..ROUNDS {
        for (way, least) in ways.iter().zip(&mut least) {
            for (utterance, least) in utterances.iter().zip(least) {
                *least = (*least).min(once(utterance, way));
            }
        }
    }
    for least in &mut least {
        least.sort_unstable();
    }
    least
}

fn show(name: &str, sorted: &[u128]) -> u128 {
    let at = |permille: usize| sorted[(sorted.len() - 1) * permille / 1000];
    let count = u128::try_from(sorted.len()).expect("a count");
    let mean = sorted.iter().sum::<u128>() / count;
    println!(
        "{name:<12} mean {mean:>6} ns  p50 {:>6}  p99 {:>6}  max {:>6}",
        at(500),
        at(990),
        at(1000)
    );
    mean
}

/// How long the grammars take from their texts: the least of a few times.
fn loaded(root: &Path) -> Duration {
    let file = |name: &str| {
        let text = fs::read_to_string(root.join(name)).expect("a grammar");
        Source::new(name, text)
    };
    let files = [
        (None, file("grammars/shared.toml")),
        (Some(Locale::Kk), file("grammars/kk.toml")),
        (Some(Locale::Ru), file("grammars/ru.toml")),
    ];
    let (examples, weights) = (
        file(EXAMPLES),
        fs::read(root.join(WEIGHTS)).expect("weights"),
    );
    let once = || {
        let start = Instant::now();
        black_box(Grammars::load(&files, Some((&examples, &weights))).expect("our own grammars"));
        start.elapsed()
    };
    (0..10).map(|_| once()).min().unwrap_or_default()
}

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let loaded = loaded(root);
    let bundle = Bundle::load(root).expect("our own bundle");
    let utterances = corpus(&root.join("tests/corpus"));
    let known: HashSet<String> = utterances
        .iter()
        .flat_map(|u| u.text.split_whitespace())
        .map(str::to_lowercase)
        .collect();
    let floor = |utterance: &Utterance| {
        let words = utterance
            .text
            .split_whitespace()
            .filter(|word| known.contains(&word.to_lowercase()));
        black_box(words.count());
    };
    let ours = |utterance: &Utterance| {
        let Utterance {
            locale,
            question,
            text,
        } = utterance;
        black_box(bundle.grammars.understand(*locale, *question, text));
    };
    let [floor, ours] = measure(&utterances, [&floor, &ours]);
    println!(
        "{} utterances, {ROUNDS} rounds; the grammars load in {loaded:.1?}",
        utterances.len()
    );
    let floor = show("floor", &floor);
    let ours = show("understand", &ours);
    println!(
        "{}.{} times the floor",
        ours / floor,
        ours * 10 / floor % 10
    );
}
