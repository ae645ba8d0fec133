//! What Dana may say: the same facts in both languages, nothing that is in no source, numbers and
//! dates with the right grammar; and what a broken file of prompts is told.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use dana::bundle::Bundle;
use dana::call::Locale;
use dana::problem::Source;
use dana::prompt::catalog::Catalog;
use dana::prompt::spoken::{date, digits, time};
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
        &["создать заявку на выезд техника"],
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

#[test]
fn times_are_spoken_with_the_right_endings() {
    let times = [
        ("00:00", "в ноль часов ровно", "сағат нөлде"),
        ("01:00", "в один час ровно", "сағат бірде"),
        ("02:01", "в два часа одну минуту", "сағат екі бірде"),
        ("05:02", "в пять часов две минуты", "сағат бес екіде"),
        ("09:05", "в девять часов пять минут", "сағат тоғыз бесте"),
        (
            "11:11",
            "в одиннадцать часов одиннадцать минут",
            "сағат он бір он бірде",
        ),
        (
            "12:20",
            "в двенадцать часов двадцать минут",
            "сағат он екі жиырмада",
        ),
        (
            "14:30",
            "в четырнадцать часов тридцать минут",
            "сағат он төрт отызда",
        ),
        (
            "18:40",
            "в восемнадцать часов сорок минут",
            "сағат он сегіз қырықта",
        ),
        (
            "21:21",
            "в двадцать один час двадцать одну минуту",
            "сағат жиырма бір жиырма бірде",
        ),
        (
            "22:50",
            "в двадцать два часа пятьдесят минут",
            "сағат жиырма екі елуде",
        ),
        (
            "23:59",
            "в двадцать три часа пятьдесят девять минут",
            "сағат жиырма үш елу тоғызда",
        ),
    ];
    for (clock, russian, kazakh) in times {
        let at = at(&format!("2026-11-25T{clock}"));
        assert_eq!(
            (time(Locale::Ru, at).as_str(), time(Locale::Kk, at).as_str()),
            (russian, kazakh)
        );
    }
}

#[test]
fn dates_are_spoken_with_the_right_endings_and_numbers_digit_by_digit() {
    let dates = [
        ("2026-01-01", "первого января", "бірінші қаңтар"),
        ("2026-03-03", "третьего марта", "үшінші наурыз"),
        ("2026-04-10", "десятого апреля", "оныншы сәуір"),
        ("2026-07-20", "двадцатого июля", "жиырмасыншы шілде"),
        (
            "2026-09-21",
            "двадцать первого сентября",
            "жиырма бірінші қыркүйек",
        ),
        (
            "2026-11-25",
            "двадцать пятого ноября",
            "жиырма бесінші қараша",
        ),
        ("2026-12-30", "тридцатого декабря", "отызыншы желтоқсан"),
        (
            "2026-12-31",
            "тридцать первого декабря",
            "отыз бірінші желтоқсан",
        ),
    ];
    for (day, russian, kazakh) in dates {
        let at = at(&format!("{day}T12:00"));
        assert_eq!(
            (date(Locale::Ru, at).as_str(), date(Locale::Kk, at).as_str()),
            (russian, kazakh)
        );
    }
    assert_eq!(
        digits(Locale::Ru, "900345"),
        "девять ноль ноль, три четыре пять"
    );
    assert_eq!(digits(Locale::Kk, "4567"), "төрт бес, алты жеті");
}

#[test]
fn every_minute_of_a_day_and_every_day_of_a_year_can_be_said() {
    let midnight = at("2028-01-01T00:00");
    let gaps = |said: &str| said.is_empty() || said.contains("  ") || said.ends_with(' ');
    for &locale in Locale::ALL {
        for minute in 0..24 * 60 {
            let said = time(locale, midnight.plus_ms(minute * 60_000));
            assert!(!gaps(&said), "minute {minute}: «{said}»");
        }
        for day in 0..366 {
            let said = date(locale, midnight.plus_ms(day * 86_400_000));
            assert!(!gaps(&said), "day {day}: «{said}»");
        }
    }
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
