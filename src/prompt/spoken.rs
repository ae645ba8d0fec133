//! Numbers, dates and times in words, per locale: what a slot says. Table-driven and complete for
//! every digit, every day of a year and every minute of a day; never reads a clock.
//!
//! The forms fit the prompts' sentences: a date is "on the twenty-fifth of November" (Russian
//! genitive, Kazakh nominative), a time is "at fourteen thirty" (Russian «в …», Kazakh locative).

use crate::call::Locale;
use crate::prompt::{Slot, Values};
use crate::time::WallTime;

/// What a slot says; `None` when its value is missing.
pub(super) fn fill(slot: Slot, locale: Locale, values: &Values) -> Option<String> {
    let line = values.line.as_ref();
    Some(match slot {
        Slot::TicketNumber => digits(locale, values.ticket_number.as_deref()?),
        Slot::VisitDate => date(locale, values.visit_at?),
        Slot::VisitTime => time(locale, values.visit_at?),
        Slot::RestoredDate => date(locale, values.restored_at?),
        Slot::RestoredTime => time(locale, values.restored_at?),
        Slot::LineKey => digits(locale, &line?.0.to_string()),
        Slot::LineDigits => digits(locale, &line?.1),
    })
}

/// One by one, with pauses between groups of two or three: a long number is written down by ear.
pub fn digits(locale: Locale, number: &str) -> String {
    let names = match locale {
        Locale::Ru => &RU_UNITS,
        Locale::Kk => &KK_UNITS,
    };
    let words: Vec<&str> = (number.chars())
        .filter_map(|c| c.to_digit(10).and_then(|digit| usize::try_from(digit).ok()))
        .filter_map(|digit| {
            if digit == 0 {
                Some(zero(locale))
            } else {
                names.get(digit).copied()
            }
        })
        .collect();
    let group = if words.len() <= 4 { 2 } else { 3 };
    words
        .chunks(group)
        .map(|group| group.join(" "))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Day and month: «двадцать пятого ноября», «жиырма бесінші қараша».
pub fn date(locale: Locale, at: WallTime) -> String {
    let local = at.in_kazakhstan();
    let day = usize::try_from(local.day()).unwrap_or(1);
    let month = usize::try_from(local.month())
        .unwrap_or(1)
        .saturating_sub(1);
    match locale {
        Locale::Ru => format!("{} {}", ru_ordinal_genitive(day), RU_MONTHS[month]),
        Locale::Kk => format!("{} {}", kk_ordinal(day), KK_MONTHS[month]),
    }
}

/// Time of day: «в четырнадцать часов тридцать минут», «сағат он төрт отызда».
pub fn time(locale: Locale, at: WallTime) -> String {
    let local = at.in_kazakhstan();
    let hour = usize::try_from(local.hour()).unwrap_or(0);
    let minute = usize::try_from(local.minute()).unwrap_or(0);
    match locale {
        Locale::Ru => ru_time(hour, minute),
        Locale::Kk => kk_time(hour, minute),
    }
}

fn ru_time(hour: usize, minute: usize) -> String {
    let hours = ru_plural(hour, ["час", "часа", "часов"]);
    let hour = ru_cardinal(hour, false);
    if minute == 0 {
        return format!("в {hour} {hours} ровно");
    }
    let minutes = ru_plural(minute, ["минуту", "минуты", "минут"]);
    format!("в {hour} {hours} {} {minutes}", ru_cardinal(minute, true))
}

/// The locative ending follows the last word said: hour when the minutes are zero, else minutes.
fn kk_time(hour: usize, minute: usize) -> String {
    if minute == 0 {
        format!("сағат {}", kk_locative(&kk_cardinal(hour)))
    } else {
        format!(
            "сағат {} {}",
            kk_cardinal(hour),
            kk_locative(&kk_cardinal(minute))
        )
    }
}

const fn zero(locale: Locale) -> &'static str {
    match locale {
        Locale::Ru => "ноль",
        Locale::Kk => "нөл",
    }
}

const fn ru_plural(count: usize, forms: [&'static str; 3]) -> &'static str {
    match (count % 10, count % 100) {
        (1, tens) if tens != 11 => forms[0],
        (2..=4, tens) if tens < 12 || tens > 14 => forms[1],
        _ => forms[2],
    }
}

/// 0 to 59. Minutes are feminine and stand in the accusative: «одну», «две».
fn ru_cardinal(number: usize, feminine: bool) -> String {
    let unit = |unit: usize| match (unit, feminine) {
        (1, true) => "одну",
        (2, true) => "две",
        (unit, _) => RU_UNITS[unit],
    };
    match (number / 10, number % 10) {
        (0, 0) => zero(Locale::Ru).to_owned(),
        (0, ones) => unit(ones).to_owned(),
        (1, ones) => RU_TEENS[ones].to_owned(),
        (tens, 0) => RU_TENS[tens].to_owned(),
        (tens, ones) => format!("{} {}", RU_TENS[tens], unit(ones)),
    }
}

/// 1 to 31.
fn ru_ordinal_genitive(day: usize) -> String {
    match day {
        20 => "двадцатого".to_owned(),
        30 => "тридцатого".to_owned(),
        21..=29 => format!("двадцать {}", RU_ORDINALS[day - 20]),
        31 => format!("тридцать {}", RU_ORDINALS[1]),
        day => RU_ORDINALS.get(day).copied().unwrap_or("").to_owned(),
    }
}

/// 0 to 59.
fn kk_cardinal(number: usize) -> String {
    match (number / 10, number % 10) {
        (0, 0) => zero(Locale::Kk).to_owned(),
        (0, ones) => KK_UNITS[ones].to_owned(),
        (tens, 0) => KK_TENS[tens].to_owned(),
        (tens, ones) => format!("{} {}", KK_TENS[tens], KK_UNITS[ones]),
    }
}

/// 1 to 31.
fn kk_ordinal(day: usize) -> String {
    match (day / 10, day % 10) {
        (2, 0) => "жиырмасыншы".to_owned(),
        (tens, 0) => format!("{}ыншы", KK_TENS[tens]),
        (0, ones) => KK_ORDINALS[ones].to_owned(),
        (tens, ones) => format!("{} {}", KK_TENS[tens], KK_ORDINALS[ones]),
    }
}

/// The locative of a number word: -да/-де after a voiced end, -та/-те after a voiceless one, the
/// vowel by the word's last vowel.
fn kk_locative(words: &str) -> String {
    let front = words.chars().rev().find_map(|c| match c {
        'і' | 'е' | 'ө' | 'ү' | 'ә' | 'и' => Some(true),
        'а' | 'о' | 'ұ' | 'ы' => Some(false),
        _ => None,
    });
    let voiceless = words.ends_with(['п', 'ф', 'к', 'қ', 'т', 'с', 'ш', 'щ', 'ч', 'ц', 'х', 'һ']);
    let ending = match (voiceless, front.unwrap_or(false)) {
        (true, true) => "те",
        (true, false) => "та",
        (false, true) => "де",
        (false, false) => "да",
    };
    format!("{words}{ending}")
}

const RU_UNITS: [&str; 10] = [
    "",
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
const RU_TEENS: [&str; 10] = [
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
const RU_TENS: [&str; 6] = ["", "", "двадцать", "тридцать", "сорок", "пятьдесят"];
const RU_ORDINALS: [&str; 20] = [
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
const RU_MONTHS: [&str; 12] = [
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
const KK_UNITS: [&str; 10] = [
    "",
    "бір",
    "екі",
    "үш",
    "төрт",
    "бес",
    "алты",
    "жеті",
    "сегіз",
    "тоғыз",
];
const KK_TENS: [&str; 6] = ["", "он", "жиырма", "отыз", "қырық", "елу"];
const KK_ORDINALS: [&str; 10] = [
    "",
    "бірінші",
    "екінші",
    "үшінші",
    "төртінші",
    "бесінші",
    "алтыншы",
    "жетінші",
    "сегізінші",
    "тоғызыншы",
];
const KK_MONTHS: [&str; 12] = [
    "қаңтар",
    "ақпан",
    "наурыз",
    "сәуір",
    "мамыр",
    "маусым",
    "шілде",
    "тамыз",
    "қыркүйек",
    "қазан",
    "қараша",
    "желтоқсан",
];
