//! What callers say and what it means: the corpus, utterance by utterance, and the loader.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use dana::call::{Locale, Question};
use dana::problem::Source;
use dana::understanding::{Grammars, Intent};
use proptest::prelude::*;

static GRAMMARS: LazyLock<Grammars> = LazyLock::new(|| {
    let names = [
        (None, "shared"),
        (Some(Locale::Ru), "ru"),
        (Some(Locale::Kk), "kk"),
    ];
    let files = names.map(|(locale, name)| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("grammars/{name}.toml"));
        let text = fs::read_to_string(&path).expect("a file");
        (locale, Source::new(path.display().to_string(), text))
    });
    Grammars::load(&files).expect("our own grammars")
});

/// A line of `tests/corpus/*.tsv`: id, language, question, text, expected label.
struct Row {
    id: String,
    lang: String,
    question: Question,
    text: String,
    expected: String,
}

fn corpus(name: &str) -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(name);
    let text = fs::read_to_string(path).expect("a corpus");
    let row = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [id, lang, question, text, expected] = fields.as_slice() else {
            panic!("{name}: five fields wanted: {line}")
        };
        Row {
            id: (*id).to_owned(),
            lang: (*lang).to_owned(),
            question: question.parse().expect("a question"),
            text: (*text).to_owned(),
            expected: (*expected).to_owned(),
        }
    };
    text.lines().skip(1).map(row).collect()
}

fn label(row: &Row) -> &'static str {
    let locale = row.lang.parse().ok();
    let understood = GRAMMARS.understand(locale, row.question, &row.text);
    // In the reject band nothing is meant; in the confirm band an open answer is asked about.
    if understood.score < 300 {
        "unclear"
    } else {
        understood.intent.as_str()
    }
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "the table is what one wants to read of this test"
)]
fn callers_are_understood() {
    let rows = corpus("callers.tsv");
    let mut table: BTreeMap<(String, bool), (usize, usize)> = BTreeMap::new();
    let mut misses = Vec::new();
    for row in &rows {
        let is = label(row);
        let open = row.question == Question::Open;
        let cell = table.entry((row.lang.clone(), open)).or_default();
        cell.1 += 1;
        if is == row.expected {
            cell.0 += 1;
        } else {
            let Row {
                id,
                question,
                text,
                expected,
                ..
            } = row;
            misses.push(format!(
                "{id}: «{text}» at {question}: {is}, should be {expected}"
            ));
        }
        let consent = row.question == Question::ConfirmTicket && is == "yes";
        assert!(
            !consent || row.expected == "yes",
            "a wrong yes to a ticket: «{}»",
            row.text
        );
        assert!(
            row.expected != "operator" || is == "operator",
            "a missed operator: «{}»",
            row.text
        );
    }
    for ((lang, open), (right, of)) in &table {
        let context = if *open { "open" } else { "yes/no" };
        println!("{lang:<6} {context:<7} {right:>4} of {of:>4}");
    }
    for miss in &misses {
        println!("{miss}");
    }
    let right = rows.len() - misses.len();
    assert!(
        right * 100 >= rows.len() * 95,
        "{right} of {} right",
        rows.len()
    );
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
        let understood = GRAMMARS.understand(None, Question::AskLogin, text);
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
            let understood = GRAMMARS.understand(None, *question, text);
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
    let problems = Grammars::load(&[(Some(Locale::Ru), source)]).expect_err("two claims");
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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn anything_at_all_is_an_answer_and_never_a_panic(
        text in any::<String>(),
        question in prop::sample::select(Question::ALL),
        locale in prop::option::of(prop::sample::select(Locale::ALL)),
    ) {
        let understood = GRAMMARS.understand(locale, question, &text);
        prop_assert!(understood.score <= 1000);
    }
}

#[test]
fn an_hour_of_noise_is_unclear_at_once() {
    let noise = "щ".repeat(64 * 1024) + &" ъъъ".repeat(10_000);
    let understood = GRAMMARS.understand(None, Question::ConfirmTicket, &noise);
    assert_eq!((understood.intent, understood.score), (Intent::Unclear, 0));
}
