//! What Dana may say: the same facts in both languages, nothing that is in no source, numbers and
//! dates with the right grammar; and what a broken file of prompts is told.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use dana::bundle::Bundle;
use dana::call::Locale;
use dana::problem::Source;
use dana::prompt::catalog::Catalog;
use dana::prompt::spoken::{self, Digits, Number, Span, Value, text as spoken_text};
use dana::prompt::{PromptId, Segment, Slot, Values, text_of};
use dana::time::WallTime;

static BUNDLE: LazyLock<Arc<Bundle>> =
    LazyLock::new(|| Bundle::load(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("our own bundle"));

fn text(name: &str, locale: Locale) -> String {
    let id = BUNDLE
        .catalog
        .find(name)
        .unwrap_or_else(|| panic!("no prompt {name}"));
    BUNDLE.catalog.text(id, locale).to_lowercase()
}

#[test]
fn nothing_is_promised_for_today_and_no_number_or_address_is_made_up() {
    for name in BUNDLE.catalog.names() {
        for &locale in Locale::ALL {
            let text = text(name, locale);
            for never in ["сегодня", "бүгін", "3131", "смс", "sms", "http"] {
                assert!(!text.contains(never), "{name}/{locale} says {never}");
            }
            // One sum is in the seed: below it a refund needs no receipt (F35).
            let sum = text.contains("тенге") || text.contains("теңге");
            assert!(
                !sum || &**name == "paid_wrong_login",
                "{name}/{locale} says a sum"
            );
            let dot = text
                .split_whitespace()
                .find(|word| word.trim_end_matches(['.', ',', ':']).contains('.'));
            assert!(
                dot.is_none_or(|word| word.starts_with("beeline.kz")),
                "{name}/{locale}: {dot:?}"
            );
            assert!(
                !text.chars().any(|c| c.is_ascii_digit()),
                "{name}/{locale}: numbers are words"
            );
        }
    }
}

/// Facts and the words that carry them, Russian and Kazakh.
const FACTS: &[(&str, &[&str], &[&str])] = &[
    ("outage", &["массовый сбой"], &["жаппай"]),
    (
        "cable_damaged",
        &["повреждён кабель"],
        &["кабель зақымданған"],
    ),
    ("fee_unpaid", &["абонентскую плату"], &["абоненттік төлем"]),
    (
        "confirm_ticket",
        &["создать заявку", "техник"],
        &["техниктің келуіне өтінім"],
    ),
    ("ticket_created", &["создана"], &["жасалды"]),
    (
        "terms_dispatcher",
        &["в течение дня", "диспетчер"],
        &["күн ішінде", "диспетчер"],
    ),
    (
        "terms_visit",
        &[
            "в течение суток",
            "в течение трёх дней",
            "стараемся",
            "крыше",
        ],
        &[
            "бір тәулік ішінде",
            "үш күн ішінде",
            "тырысамыз",
            "шатырдағы",
        ],
    ),
    (
        "terms_hours",
        &["ежедневно с девяти до восемнадцати"],
        &["күн сайын", "тоғыздан он сегізге"],
    ),
    (
        "callback",
        &["по очереди", "трёх суток"],
        &["кезекпен", "үш тәуліктен"],
    ),
    (
        "callback_peak",
        &["могут", "компенсацию за время простоя"],
        &["мүмкін", "өтемақы"],
    ),
    (
        "mobile_116",
        &["сто шестнадцать", "beeline", "бесплатно"],
        &["жүз он алты", "beeline", "тегін"],
    ),
    ("not_at_home", &["дома"], &["үйде"]),
    ("reboot", &["через две минуты"], &["екі минуттан"]),
    (
        "other_channels",
        &["beeline.kz", "«мой beeline»", "соцсетях"],
        &["beeline.kz", "«мой beeline»", "әлеуметтік желі"],
    ),
    (
        "ticket_unconfirmed",
        &["не подтверждена"],
        &["расталған жоқ"],
    ),
];

#[test]
fn each_fact_is_said_in_both_languages() {
    for (name, russian, kazakh) in FACTS {
        for (locale, words) in [(Locale::Ru, russian), (Locale::Kk, kazakh)] {
            let text = text(name, locale);
            for word in *words {
                assert!(
                    text.contains(word),
                    "{name}/{locale} lacks «{word}»: {text}"
                );
            }
        }
    }
}

/// An instant in Kazakhstan.
fn at(text: &str) -> WallTime {
    WallTime::from_rfc3339(&format!("{text}:00+05:00")).expect("a time")
}

fn both(value: &Value) -> (String, String) {
    (
        spoken_text(Locale::Ru, value),
        spoken_text(Locale::Kk, value),
    )
}

fn digits(text: &str) -> Value {
    Value::Digits(Digits::new(text).expect("digits"))
}

fn number(number: u16) -> Value {
    Value::Number(Number::new(number).expect("a number"))
}

/// Every clip of numbers, every minute of a day, every day of a year, durations and numbers: what is
/// said, in one file a language, so that a changed word is a changed line.
fn table(locale: Locale) -> String {
    use std::fmt::Write;
    let mut table = String::new();
    let mut line = |key: String, value: Value| {
        let _ = writeln!(table, "{key}\t{}", spoken_text(locale, &value));
    };
    let midnight = at("2028-01-01T00:00");
    for minute in 0..24 * 60 {
        let time = midnight.plus_ms(minute * 60_000).in_kazakhstan().time();
        let clock = time.strftime("%H:%M");
        line(format!("at {clock}"), Value::TimeAt(time));
        line(format!("until {clock}"), Value::TimeUntil(time));
    }
    for day in 0..366 {
        let date = midnight.plus_ms(day * 86_400_000).in_kazakhstan().date();
        line(date.strftime("%m-%d").to_string(), Value::Date(date));
    }
    let hours = (1..24).flat_map(|hour| [hour * 60, hour * 60 + 1]);
    let days = (1..=31).flat_map(|day| [day * 1_440, day * 1_440 + 60]);
    let durations = (1..60)
        .chain(hours)
        .chain(days)
        .chain([23 * 60 + 59, 1_441]);
    for minutes in durations {
        if let Some(span) = Span::about(minutes) {
            line(format!("in {minutes}"), Value::Duration(span));
        }
    }
    // Thousands, hundreds and the rest do not depend on each other.
    let thousands = (0..10).flat_map(|n| [n * 1_000, n * 1_000 + 1, n * 1_000 + 999]);
    for n in (0..1_000).chain(thousands.skip(3)) {
        line(format!("{n}"), number(n));
    }
    table
}

#[test]
fn all_that_can_be_spoken_stands_in_the_golden_tables() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/prompts");
    let mut changed = Vec::new();
    for &locale in Locale::ALL {
        let said = table(locale);
        let golden = folder.join(format!("spoken.{locale}.txt"));
        if std::fs::read_to_string(&golden).is_ok_and(|golden| golden == said) {
            continue;
        }
        let now = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("spoken.{locale}.txt"));
        std::fs::write(&now, said).expect("a writable target");
        changed.push(format!("diff {} {}", golden.display(), now.display()));
    }
    assert_eq!(changed, Vec::<String>::new(), "what is said changed");
}

/// What a word of a number is worth.
const WORTH: &[(u16, &str, &str)] = &[
    (1, "один", "бір"),
    (2, "два", "екі"),
    (3, "три", "үш"),
    (4, "четыре", "төрт"),
    (5, "пять", "бес"),
    (6, "шесть", "алты"),
    (7, "семь", "жеті"),
    (8, "восемь", "сегіз"),
    (9, "девять", "тоғыз"),
    (10, "десять", "он"),
    (11, "одиннадцать", "-"),
    (12, "двенадцать", "-"),
    (13, "тринадцать", "-"),
    (14, "четырнадцать", "-"),
    (15, "пятнадцать", "-"),
    (16, "шестнадцать", "-"),
    (17, "семнадцать", "-"),
    (18, "восемнадцать", "-"),
    (19, "девятнадцать", "-"),
    (20, "двадцать", "жиырма"),
    (30, "тридцать", "отыз"),
    (40, "сорок", "қырық"),
    (50, "пятьдесят", "елу"),
    (60, "шестьдесят", "алпыс"),
    (70, "семьдесят", "жетпіс"),
    (80, "восемьдесят", "сексен"),
    (90, "девяносто", "тоқсан"),
    (100, "сто", "-"),
    (200, "двести", "-"),
    (300, "триста", "-"),
    (400, "четыреста", "-"),
    (500, "пятьсот", "-"),
    (600, "шестьсот", "-"),
    (700, "семьсот", "-"),
    (800, "восемьсот", "-"),
    (900, "девятьсот", "-"),
    (1, "одна", "-"),
    (2, "две", "-"),
];

/// Understands a number as a listener does; `None` where a word is none.
fn heard(said: &str) -> Option<u16> {
    let (mut whole, mut part) = (0, 0);
    for word in said.split(' ') {
        match word {
            "ноль" | "нөл" => {}
            "тысяча" | "тысячи" | "тысяч" | "мың" => {
                (whole, part) = (part * 1_000, 0);
            }
            "жүз" => part = part.max(1) * 100,
            word => {
                let known = WORTH.iter().find(|(_, ru, kk)| [*ru, *kk].contains(&word));
                part += known?.0;
            }
        }
    }
    Some(whole + part)
}

#[test]
fn every_number_up_to_9999_is_heard_as_it_was_meant() {
    for n in 0..=9_999 {
        let (russian, kazakh) = both(&number(n));
        assert_eq!(heard(&russian), Some(n), "{n}: «{russian}»");
        assert_eq!(heard(&kazakh), Some(n), "{n}: «{kazakh}»");
    }
    let said = [
        (1_000, "одна тысяча", "бір мың"),
        (2_002, "две тысячи два", "екі мың екі"),
        (5_100, "пять тысяч сто", "бес мың жүз"),
        (
            9_999,
            "девять тысяч девятьсот девяносто девять",
            "тоғыз мың тоғыз жүз тоқсан тоғыз",
        ),
    ];
    for (n, russian, kazakh) in said {
        assert_eq!(both(&number(n)), (russian.to_owned(), kazakh.to_owned()));
    }
}

#[test]
fn what_cannot_be_spoken_is_no_value() {
    assert_eq!(Number::new(10_000), None);
    assert_eq!(Span::about(0), None);
    assert_eq!(Span::about(Span::MOST_MINUTES + 1), None);
    for text in ["", "12a", "-1", "1.5", "123456789012345678901", "٣"] {
        assert_eq!(Digits::new(text), None, "{text}");
    }
}

#[test]
fn digits_are_spoken_in_groups_that_can_be_written_down() {
    assert_eq!(
        both(&digits("900345")),
        (
            "девять ноль ноль, три четыре пять".to_owned(),
            "тоғыз нөл нөл, үш төрт бес".to_owned()
        )
    );
    assert_eq!(both(&digits("4567")).1, "төрт бес, алты жеті");
    assert_eq!(both(&digits("7")).0, "семь");
}

#[test]
fn every_clip_that_a_value_asks_for_is_in_the_catalog() {
    for &locale in Locale::ALL {
        let mut said = Vec::new();
        let midnight = at("2028-01-01T00:00");
        let moments = (0..24 * 60).map(|minute| midnight.plus_ms(minute * 60_000));
        let times = moments.flat_map(|moment| {
            let time = moment.in_kazakhstan().time();
            [Value::TimeAt(time), Value::TimeUntil(time)]
        });
        let days = (0..366).map(|day| midnight.plus_ms(day * 86_400_000));
        let dates = days.map(|day| Value::Date(day.in_kazakhstan().date()));
        let spans = (1..=Span::MOST_MINUTES).filter_map(Span::about);
        let numbers = (0..=Number::MOST).map(number);
        let values = times.chain(dates).chain(numbers);
        for value in values.chain(spans.map(Value::Duration)) {
            said.clear();
            let filled = BUNDLE.catalog.fill(locale, &value, &mut said);
            assert!(filled.is_some(), "{locale}: {value:?}");
        }
        assert!(spoken::inventory(locale).count() > 400);
    }
}

fn segments(id: PromptId, locale: Locale, nth: u8, values: &Values) -> Option<Vec<Segment>> {
    let said = BUNDLE.catalog.segments(id, locale, nth, values);
    said.map(std::borrow::Cow::into_owned)
}

#[test]
fn a_prompt_with_slots_is_spoken_by_its_parts() {
    let values = Values {
        ticket_number: Some("900345".to_owned()),
        restored_at: Some(at("2026-11-25T18:30")),
        now: Some(at("2026-11-25T16:00")),
        line: Some((2, "4567".to_owned())),
        ..Values::default()
    };
    let said = |name: &str, locale| {
        let id = BUNDLE.catalog.find(name).expect("a prompt");
        let segments = segments(id, locale, 0, &values);
        let segments = segments.expect("values");
        let ids: Vec<_> = segments.iter().map(|s| s.prompt.to_string()).collect();
        (text_of(&segments), ids.join(" "))
    };
    assert_eq!(
        said("ticket_number", Locale::Ru),
        (
            "Номер заявки: девять ноль ноль, три четыре пять.".to_owned(),
            "ticket_number-1 digit-9 digit-0 digit-0  digit-3 digit-4 digit-5 ".to_owned()
        )
    );
    assert_eq!(
        said("outage_until", Locale::Ru).0,
        "Примерный срок восстановления: двадцать пятого ноября, до восемнадцати часов тридцати минут."
    );
    assert_eq!(
        said("outage_until", Locale::Kk).0,
        "Интернет шамамен жиырма бесінші қарашада, сағат он сегіз отызға дейін қалпына келеді."
    );
    assert_eq!(
        said("choose_login_line", Locale::Ru),
        (
            "Логин, который заканчивается на четыре пять, шесть семь: нажмите два.".to_owned(),
            "choose_login_line-1 digit-4 digit-5  digit-6 digit-7  choose_login_line-2 digit-2 "
                .to_owned()
        )
    );
    assert_eq!(
        Slot::RestoredIn.value(&values),
        Span::about(150).map(Value::Duration)
    );
    // A prompt whose value is missing is not said at all.
    let visit = BUNDLE.catalog.find("visit_when").expect("a prompt");
    let said = segments(visit, Locale::Ru, 0, &values);
    assert_eq!(said, None);
}

#[test]
fn other_words_are_there_for_the_second_time() {
    let id = BUNDLE.catalog.find("anything_else").expect("a prompt");
    let said = |nth| {
        let segments = segments(id, Locale::Ru, nth, &Values::default());
        segments.map(|segments| text_of(&segments))
    };
    let said: Vec<_> = (0..4).filter_map(said).collect();
    let wanted = [
        "Могу ещё чем-то помочь?",
        "Остались ещё вопросы?",
        "Что-нибудь ещё?",
        "Могу ещё чем-то помочь?",
    ];
    assert_eq!(said, wanted);
    assert!(BUNDLE.catalog.varies(id));
}

#[test]
fn a_file_of_prompts_that_nobody_wrote_is_refused_by_its_size() {
    let huge = "hello = \"да\"\n".repeat(20_000);
    let files = Locale::ALL
        .iter()
        .map(|of| (*of, Source::new(format!("{of}.toml"), huge.as_str())));
    let files: Vec<_> = files.collect();
    let problems = Catalog::load(&files).expect_err("it is too large");
    let titles: Vec<_> = problems
        .iter()
        .map(|problem| problem.title().to_owned())
        .collect();
    assert_eq!(titles, ["the file is larger than 262144 bytes"; 2]);
}

#[test]
fn a_broken_file_of_prompts_is_told_all_that_is_wrong_with_it() {
    let long = "а".repeat(601);
    let russian = format!(
        "hello = \"да\"\nonly_here = \"да\"\nnumber = \"{{ticket_numbr}}\"\nother = \"{{visit_date}}\"\nlong = \"{long}\"\nempty = \" \"\nseven = 7\n\"Bad Id\" = \"да\"\nopen = \"{{visit\"\n"
    );
    let kazakh = "hello = \"иә\"\nother = \"{visit_time}\"\nnumber = \"x\"\nlong = \"x\"\nempty = \"x\"\nseven = \"x\"\n\"Bad Id\" = \"x\"\nopen = \"x\"\n";
    let files = [
        (Locale::Ru, Source::new("ru.toml", russian)),
        (Locale::Kk, Source::new("kk.toml", kazakh)),
    ];
    let problems = Catalog::load(&files).expect_err("it is broken");
    let said: Vec<String> = (problems.iter())
        .map(|problem| {
            let (path, line, column) = problem.location();
            format!("{path}:{line}:{column} {}", problem.title())
        })
        .collect();
    let wanted = [
        "kk.toml:7:1 `Bad Id` cannot name a prompt",
        "ru.toml:2:1 prompt `only_here` is missing in `kk`",
        "ru.toml:3:10 no slot is called `ticket_numbr`",
        "ru.toml:4:1 prompt `other` has other slots in `ru`",
        "ru.toml:5:8 prompt `long` is too long",
        "ru.toml:6:9 prompt `empty` says nothing",
        "ru.toml:7:9 prompt `seven` is not a text",
        "ru.toml:8:1 `Bad Id` cannot name a prompt",
        "ru.toml:9:8 prompt `open` opens a slot and does not close it",
    ];
    for line in wanted {
        assert!(
            said.iter().any(|said| said == line),
            "{line} is not among\n{}",
            said.join("\n")
        );
    }
}
