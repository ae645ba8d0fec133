//! What callers say and what it means: the corpora, the loader, the examples, and nonsense.
//!
//! `tests/corpus/callers.tsv` are utterances that a call or a mistake taught us. `tuned.tsv` is what limits
//! and weights were chosen by, `held_out.tsv`, `fresh.tsv`, `blind.tsv`, `answers.tsv` and `week.tsv` are only measured: they were
//! written without sight of the grammars and none of their utterances is among the examples. `tests/costly.tsv`
//! is what may never be taken for consent, and who wants a person.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use dana::bundle::{Bundle, EXAMPLES, WEIGHTS, examples};
use dana::call::{Locale, Question};
use dana::problem::Source;
use dana::understanding::{Grammars, Intent, folded, train};
use proptest::prelude::*;

static BUNDLE: LazyLock<Arc<Bundle>> =
    LazyLock::new(|| Bundle::load(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("our own bundle"));

fn file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a file")
}

/// A line of `tests/corpus/*.tsv`.
struct Row {
    id: String,
    lang: String,
    question: Question,
    text: String,
    /// The right label first, then others that count.
    right: Vec<String>,
    /// People may differ.
    hard: bool,
    /// The recogniser heard badly.
    noise: bool,
}

const COLUMNS: &str = "id\tlang\tcontext\ttext\texpected\thard\tquestion\talso_ok\tnote";

fn corpus(name: &str) -> Vec<Row> {
    let text = file(&format!("tests/corpus/{name}.tsv"));
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(COLUMNS), "{name}");
    let row = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [id, lang, _, text, expected, hard, question, also_ok, note] = fields.as_slice() else {
            panic!("{name}: nine fields wanted: {line}")
        };
        let question = match *question {
            "-" => Question::Open,
            "any" => Question::ConfirmTopic,
            name => name.parse().expect("a question"),
        };
        let also = also_ok.split(',').filter(|label| !label.is_empty());
        Row {
            id: (*id).to_owned(),
            lang: (*lang).to_owned(),
            question,
            text: (*text).to_owned(),
            right: [*expected]
                .into_iter()
                .chain(also)
                .map(str::to_owned)
                .collect(),
            hard: *hard == "1",
            noise: note.starts_with("noise"),
        }
    };
    lines.map(row).collect()
}

/// How often each kind of utterance is understood, and what costs most.
#[derive(Default)]
struct Score {
    cells: BTreeMap<String, (u32, u32)>,
    confusions: BTreeMap<(String, &'static str), u32>,
    wrong_consents: Vec<String>,
    missed_operators: Vec<String>,
}

impl Score {
    fn of(names: &[&str]) -> Self {
        let mut score = Self::default();
        for row in names.iter().flat_map(|name| corpus(name)) {
            score.count(&row);
        }
        score
    }

    fn count(&mut self, row: &Row) {
        let locale = row.lang.parse().ok();
        let is = BUNDLE
            .grammars
            .understand(locale, row.question, &row.text)
            .intent;
        let right = row.right.iter().any(|label| label == is.as_str());
        let open = row.question == Question::Open;
        let answer = matches!(row.right[0].as_str(), "yes" | "no");
        let clear = !row.noise && !row.hard && row.lang != "mixed";
        let kinds = [
            Some(format!(
                "{} {}",
                row.lang,
                if open { "open" } else { "yes/no" }
            )),
            (clear && !open && answer).then(|| format!("{} clear yes or no", row.lang)),
            (row.noise || row.lang == "mixed").then(|| "noisy or mixed".to_owned()),
            (row.right[0] == "operator").then(|| "operator".to_owned()),
            Some("all".to_owned()),
        ];
        for kind in kinds.into_iter().flatten() {
            let cell = self.cells.entry(kind).or_default();
            cell.0 += u32::from(right);
            cell.1 += 1;
        }
        if right {
            return;
        }
        *self
            .confusions
            .entry((row.right[0].clone(), is.as_str()))
            .or_default() += 1;
        let told = format!("{} «{}»: {}", row.id, row.text, is.as_str());
        if is == Intent::Yes && row.question == Question::ConfirmTicket && !row.hard {
            self.wrong_consents.push(told.clone());
        }
        if row.right[0] == "operator" && !row.hard {
            self.missed_operators.push(told);
        }
    }

    fn table(&self, name: &str) -> String {
        let mut table = String::new();
        for (kind, (right, of)) in &self.cells {
            let percent = 100.0 * f64::from(*right) / f64::from(*of);
            let _ = writeln!(
                table,
                "{name:<9} {kind:<20} {right:>5} of {of:>5}  {percent:5.1} %"
            );
        }
        let mut confusions: Vec<_> = self.confusions.iter().collect();
        confusions.sort_by_key(|(_, times)| std::cmp::Reverse(**times));
        for ((expected, is), times) in confusions.into_iter().take(8) {
            let _ = writeln!(
                table,
                "{name:<9} {times:>5} × {expected} understood as {is}"
            );
        }
        for costly in self.wrong_consents.iter().chain(&self.missed_operators) {
            let _ = writeln!(table, "{name:<9} costly: {costly}");
        }
        table
    }

    /// Thousandths that were right.
    fn permille(&self, kind: &str) -> u32 {
        let (right, of) = self.cells.get(kind).copied().unwrap_or_default();
        1000 * right / of.max(1)
    }
}

/// A kind of utterance and the least thousandths of it that must be understood.
type Bars = &'static [(&'static str, u32)];

/// What is asked of utterances that nothing was learnt from, and of those that limits were chosen by.
const BARS: Bars = &[
    ("ru clear yes or no", 970),
    ("kk clear yes or no", 970),
    ("ru open", 920),
    ("kk open", 920),
    ("noisy or mixed", 880),
    ("operator", 1000),
];

/// What is only measured, and why each file was written: to be hard; with an eye to answers that say neither
/// yes nor no; as one ordinary week; clear answers alone; one more ordinary week, after all examples.
const MEASURED: [&str; 5] = ["held_out", "fresh", "blind", "answers", "week"];

/// What holds of each of them by itself: of some kinds a file has few.
const EACH: Bars = &[
    ("ru clear yes or no", 960),
    ("kk clear yes or no", 960),
    ("ru open", 920),
    ("kk open", 920),
    ("noisy or mixed", 880),
    ("operator", 1000),
];

#[test]
#[expect(
    clippy::print_stdout,
    reason = "the table is what one wants to read of this test"
)]
fn callers_are_understood() {
    let each = MEASURED
        .iter()
        .map(|name| (*name, std::slice::from_ref(name), EACH));
    let others: [(&str, &[&str], Bars); 3] = [
        ("callers", &["callers"], &[("all", 970)]),
        ("tuned", &["tuned"], BARS),
        ("measured", &MEASURED, BARS),
    ];
    let mut below = Vec::new();
    for (name, files, bars) in each.chain(others) {
        let score = Score::of(files);
        print!("{}", score.table(name));
        below.extend(score.wrong_consents.iter().cloned());
        below.extend(score.missed_operators.iter().cloned());
        for (kind, bar) in bars {
            let is = score.permille(kind);
            if score.cells.contains_key(*kind) && is < *bar {
                below.push(format!("{name}: {kind}: {is} ‰ of {bar} ‰"));
            }
        }
    }
    assert_eq!(below, Vec::<String>::new());
}

/// A wrong consent sends a technician; a wish for a person that is missed loses a caller.
#[test]
fn nobody_agrees_who_did_not_and_whoever_asks_for_a_person_is_heard() {
    let questions = [
        Question::Open,
        Question::ConfirmHome,
        Question::ConfirmTicket,
        Question::AnythingElse,
        Question::AskLogin,
        Question::PaymentWhen,
    ];
    let mut costly = Vec::new();
    for line in file("tests/costly.tsv").lines().skip(1) {
        let [locale, meant, text] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("three fields wanted: {line}")
        };
        let heard = |question| {
            let understood = BUNDLE
                .grammars
                .understand(locale.parse().ok(), question, text);
            understood.intent
        };
        let right = match meant {
            "not yes" => heard(Question::ConfirmTicket) != Intent::Yes,
            "operator" => questions.map(heard) == [Intent::Operator; 6],
            other => panic!("{other}"),
        };
        if !right {
            costly.push(line.to_owned());
        }
    }
    assert_eq!(costly, Vec::<String>::new());
}

#[test]
fn what_is_only_measured_is_not_among_the_examples() {
    let examples = file(EXAMPLES);
    let texts: BTreeSet<String> = examples
        .lines()
        .skip(1)
        .filter_map(|line| line.split('\t').next_back())
        .map(folded)
        .collect();
    for name in MEASURED {
        for row in corpus(name) {
            assert!(!texts.contains(&folded(&row.text)), "{name}: {}", row.id);
        }
    }
}

#[test]
fn examples_with_mistakes_are_told_with_their_lines() {
    let source = Source::new(
        "grammars/examples.tsv",
        "question\texpected\ttext\nconfirm_hom\tyes\tда\nopen\ttvv\tканалы\nopen\ttv\nopen\ttv\t…\n",
    );
    let problems = train(&source).expect_err("four mistakes");
    assert_eq!(
        problems.to_string(),
        "error: `confirm_hom` has no examples
 --> grammars/examples.tsv:2:1
  |
2 | confirm_hom    yes    да
  | ^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = hint: did you mean `confirm_home`?

error: `tvv` is no answer to this
 --> grammars/examples.tsv:3:1
  |
3 | open    tvv    каналы
  | ^^^^^^^^^^^^^^^^^^^^^
  |
  = hint: did you mean `tv`?

error: 2 columns instead of 3
 --> grammars/examples.tsv:4:1
  |
4 | open    tv
  | ^^^^^^^^^^
  |
  = hint: write question, expected, text

error: no words
 --> grammars/examples.tsv:5:1
  |
5 | open    tv    …
  | ^^^^^^^^^^^^^^^
  |
  = hint: take the line out

4 problems"
    );
}

#[test]
fn a_file_beyond_all_sizes_is_not_read_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("grammars")).expect("a folder");
    let path = folder.path().join(EXAMPLES);
    let file = fs::File::create(&path).expect("a file");
    file.set_len(1 << 40).expect("a terabyte of nothing");
    let error = examples(folder.path()).expect_err("too large");
    assert_eq!(
        error.to_string(),
        format!(
            "`{}` is larger than 33554432 bytes\n\nhint: take some out",
            path.display()
        )
    );
}

#[test]
fn weights_of_other_examples_and_damaged_ones_are_refused() {
    let good = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(WEIGHTS)).expect("weights");
    let mut damaged = good.clone();
    *damaged.last_mut().expect("weights") ^= 1;
    let more = file(EXAMPLES) + "open\ttv\tканалы пропали\n";
    for (examples, weights) in [(file(EXAMPLES), damaged), (more, good)] {
        let examples = Source::new("grammars/examples.tsv", examples);
        let problems = Grammars::load(&[], Some((&examples, &weights))).expect_err("no weights");
        assert_eq!(
            problems.to_string(),
            "error: the weights were not learnt from these examples, or are damaged
 --> grammars/examples.tsv:1:1
  |
1 | question    expected    text
  | ^
  |
  = hint: run `dana train`

1 problem"
        );
    }
}

#[test]
fn the_same_examples_give_the_same_weights() {
    let examples = file(EXAMPLES);
    let few: Vec<&str> = examples.lines().step_by(200).collect();
    let source = Source::new("few.tsv", few.join("\n"));
    let [first, second] = [(); 2].map(|()| train(&source).expect("examples").weights);
    assert!(first == second);
    Grammars::load(&[], Some((&source, &first))).expect("weights that fit");
}

#[test]
fn digits_are_heard_as_words_and_as_numerals() {
    let cases = [
        ("ноль семь семь один два три", "077123"),
        ("сорок пять шестьдесят семь", "4567"),
        ("нөл жеті жеті бір", "0771"),
        ("логин 0771 234", "0771234"),
        ("тысяча", ""),
    ];
    for (text, digits) in cases {
        let understood = BUNDLE.grammars.understand(None, Question::AskLogin, text);
        assert_eq!(understood.digits, digits, "«{text}»");
        assert_eq!(
            understood.intent == Intent::Digits,
            !digits.is_empty(),
            "«{text}»"
        );
    }
}

#[test]
fn a_language_is_asked_for_at_any_question() {
    for question in Question::ALL {
        for (text, locale) in [
            ("қазақша сөйлесейік", Locale::Kk),
            ("давайте по русски", Locale::Ru),
        ] {
            let understood = BUNDLE.grammars.understand(None, *question, text);
            assert_eq!(
                understood.intent,
                Intent::Language(locale),
                "«{text}» at {question}"
            );
        }
    }
}

#[test]
fn a_phrase_that_two_meanings_claim_shows_both_places() {
    let source = Source::new(
        "grammars/ru.toml",
        "yes = [\"да\", \"ладно\"]\nno = [\"нет\", \"Ладно\"]\nyess = []\n",
    );
    let problems = Grammars::load(&[(Some(Locale::Ru), source)], None).expect_err("two claims");
    assert_eq!(
        problems.to_string(),
        "error: two meanings claim `Ладно`
 --> grammars/ru.toml:2:14
  |
1 | yes = [\"да\", \"ладно\"]
  |              ------- and here
2 | no = [\"нет\", \"Ладно\"]
  |              ^^^^^^^
  |
  = hint: keep it in one list

error: `yess` is not known here
 --> grammars/ru.toml:3:1
  |
3 | yess = []
  | ^^^^
  |
  = hint: did you mean `yes`?

2 problems"
    );
}

/// Words of a phrase are numbered as they come: the last of them, which begins no phrase, has the number
/// that would be next.
#[test]
fn the_last_word_of_a_phrase_is_not_the_phrase() {
    let source = Source::new(
        "grammars/ru.toml",
        "yes = [\"да\"]\n[topics]\ntv = [\"канал пропал\"]\n",
    );
    let grammars = Grammars::load(&[(Some(Locale::Ru), source)], None).expect("a grammar");
    let found = |text: &str| {
        let explained = grammars.explain(None, Question::Open, text);
        let phrases = explained.phrases.iter();
        let phrases: Vec<String> = phrases.map(|found| found.phrase.to_string()).collect();
        (explained.understood.intent.as_str(), phrases)
    };
    assert_eq!(
        found("канал пропал"),
        ("tv", vec!["канал пропал".to_owned()])
    );
    assert_eq!(found("пропал"), ("unclear", Vec::new()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn anything_at_all_is_an_answer_and_never_a_panic(
        text in any::<String>(),
        question in prop::sample::select(Question::ALL),
        locale in prop::option::of(prop::sample::select(Locale::ALL)),
    ) {
        let understood = BUNDLE.grammars.understand(locale, question, &text);
        prop_assert!(understood.score <= 1000);
    }
}

#[test]
fn what_is_no_speech_is_unclear() {
    let hour = "щ".repeat(64 * 1024) + &" ъъъ".repeat(10_000);
    let nonsense = [
        "",
        " ",
        "\u{0}\u{1}\u{7f}",
        "🙂 🙂",
        "12345",
        "你好",
        "hello there",
        hour.as_str(),
    ];
    for question in [
        Question::Open,
        Question::ConfirmTicket,
        Question::AnythingElse,
    ] {
        for text in nonsense {
            let understood = BUNDLE.grammars.understand(None, question, text);
            let start: String = text.chars().take(9).collect();
            assert_eq!(
                understood.intent,
                Intent::Unclear,
                "«{start}» at {question}"
            );
        }
    }
}
