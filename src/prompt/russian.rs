//! Russian words of numbers: genders, cases, plural forms. Complete for the numbers of each series.

use crate::prompt::spoken::Series;

/// What a clip says; `None` for a series that Russian does without.
pub(super) fn text(series: Series, number: usize) -> Option<String> {
    let accusative = |number| cardinal(number, &ONES_MASCULINE, &TEENS, &TENS);
    let feminine = |number| cardinal(number, &ONES_FEMININE, &TEENS, &TENS);
    let hours = |number| format!("{} {}", accusative(number), plural(number, HOURS));
    let minutes = |number| format!("{} {}", feminine(number), plural(number, MINUTES));
    let days = |number| format!("{} {}", accusative(number), plural(number, DAYS));
    Some(match series {
        Series::Digit | Series::Cardinal => accusative(number),
        Series::Hundred => (*HUNDREDS.get(number)?).to_owned(),
        Series::Thousand => format!(
            "{} {}",
            cardinal(number, &ONES_COUNTING, &TEENS, &TENS),
            plural(number, ["тысяча", "тысячи", "тысяч"])
        ),
        Series::Day => ordinal_genitive(number)?,
        Series::Month => (*MONTHS.get(number)?).to_owned(),
        Series::HourAt => format!("в {}", hours(number)),
        Series::HourSharp => format!("в {} ровно", hours(number)),
        Series::HourUntil => {
            let hour = cardinal(number, &ONES_GENITIVE, &TEENS_GENITIVE, &TENS_GENITIVE);
            format!("до {hour} {}", plural(number, ["часа", "часов", "часов"]))
        }
        Series::MinuteUntil => {
            let ones = &ONES_GENITIVE_FEMININE;
            let minute = cardinal(number, ones, &TEENS_GENITIVE, &TENS_GENITIVE);
            format!("{minute} {}", plural(number, ["минуты", "минут", "минут"]))
        }
        Series::Hours => hours(number),
        Series::Minutes => minutes(number),
        Series::InDays => format!("через {}", days(number)),
        Series::InHours => format!("через {}", hours(number)),
        Series::InMinutes => format!("через {}", minutes(number)),
        Series::MinuteAt | Series::Days => return None,
    })
}

/// 1, 2 to 4, the rest; 11 to 14 belong to the rest.
const fn plural(count: usize, forms: [&'static str; 3]) -> &'static str {
    match (count % 10, count % 100) {
        (1, tens) if tens != 11 => forms[0],
        (2..=4, tens) if tens < 12 || tens > 14 => forms[1],
        _ => forms[2],
    }
}

/// 0 to 99 in one case and gender.
fn cardinal(number: usize, ones: &[&str; 10], teens: &[&str; 10], tens: &[&str; 10]) -> String {
    let (ten, one) = (number / 10 % 10, number % 10);
    match (ten, one) {
        (0, one) => ones[one].to_owned(),
        (1, one) => teens[one].to_owned(),
        (ten, 0) => tens[ten].to_owned(),
        (ten, one) => format!("{} {}", tens[ten], ones[one]),
    }
}

/// 1 to 31.
fn ordinal_genitive(day: usize) -> Option<String> {
    Some(match day {
        20 => "двадцатого".to_owned(),
        30 => "тридцатого".to_owned(),
        21..=29 => format!("двадцать {}", ORDINALS.get(day - 20)?),
        31 => format!("тридцать {}", ORDINALS[1]),
        day => (*ORDINALS.get(day)?).to_owned(),
    })
}

const HOURS: [&str; 3] = ["час", "часа", "часов"];
/// Accusative: «в два часа одну минуту».
const MINUTES: [&str; 3] = ["минуту", "минуты", "минут"];
const DAYS: [&str; 3] = ["день", "дня", "дней"];

const ONES_MASCULINE: [&str; 10] = [
    "ноль",
    "один",
    "два",
    "три",
    "четыре",
    "пять",
    "шесть",
    "семь",
    "восемь",
    "девять",
];
/// One and two alone have a gender.
const fn ones(all: [&'static str; 10], [one, two]: [&'static str; 2]) -> [&'static str; 10] {
    let mut all = all;
    all[1] = one;
    all[2] = two;
    all
}

/// Accusative.
const ONES_FEMININE: [&str; 10] = ones(ONES_MASCULINE, ["одну", "две"]);
/// Nominative, feminine.
const ONES_COUNTING: [&str; 10] = ones(ONES_MASCULINE, ["одна", "две"]);
const ONES_GENITIVE: [&str; 10] = [
    "нуля",
    "одного",
    "двух",
    "трёх",
    "четырёх",
    "пяти",
    "шести",
    "семи",
    "восьми",
    "девяти",
];
const ONES_GENITIVE_FEMININE: [&str; 10] = ones(ONES_GENITIVE, ["одной", "двух"]);
const TEENS: [&str; 10] = [
    "десять",
    "одиннадцать",
    "двенадцать",
    "тринадцать",
    "четырнадцать",
    "пятнадцать",
    "шестнадцать",
    "семнадцать",
    "восемнадцать",
    "девятнадцать",
];
const TEENS_GENITIVE: [&str; 10] = [
    "десяти",
    "одиннадцати",
    "двенадцати",
    "тринадцати",
    "четырнадцати",
    "пятнадцати",
    "шестнадцати",
    "семнадцати",
    "восемнадцати",
    "девятнадцати",
];
const TENS: [&str; 10] = [
    "",
    "",
    "двадцать",
    "тридцать",
    "сорок",
    "пятьдесят",
    "шестьдесят",
    "семьдесят",
    "восемьдесят",
    "девяносто",
];
const TENS_GENITIVE: [&str; 10] = [
    "",
    "",
    "двадцати",
    "тридцати",
    "сорока",
    "пятидесяти",
    "шестидесяти",
    "семидесяти",
    "восьмидесяти",
    "девяноста",
];
const HUNDREDS: [&str; 10] = [
    "",
    "сто",
    "двести",
    "триста",
    "четыреста",
    "пятьсот",
    "шестьсот",
    "семьсот",
    "восемьсот",
    "девятьсот",
];
const ORDINALS: [&str; 20] = [
    "",
    "первого",
    "второго",
    "третьего",
    "четвёртого",
    "пятого",
    "шестого",
    "седьмого",
    "восьмого",
    "девятого",
    "десятого",
    "одиннадцатого",
    "двенадцатого",
    "тринадцатого",
    "четырнадцатого",
    "пятнадцатого",
    "шестнадцатого",
    "семнадцатого",
    "восемнадцатого",
    "девятнадцатого",
];
const MONTHS: [&str; 13] = [
    "",
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
];
