//! Kazakh words of numbers and their case endings by vowel harmony. Complete for the numbers of each
//! series.

use crate::prompt::spoken::Series;

/// What a clip says; `None` for a series that Kazakh does without.
pub(super) fn text(series: Series, number: usize) -> Option<String> {
    let cardinal = cardinal(number);
    Some(match series {
        Series::Digit | Series::Cardinal => cardinal,
        Series::Hundred if number == 1 => "жүз".to_owned(),
        Series::Hundred => format!("{cardinal} жүз"),
        Series::Thousand => format!("{cardinal} мың"),
        Series::Day => ordinal(number)?,
        Series::Month => with(LOCATIVE, MONTHS.get(number)?),
        Series::HourAt => format!("сағат {cardinal}"),
        Series::HourSharp => format!("сағат {}", with(LOCATIVE, &cardinal)),
        Series::MinuteAt => with(LOCATIVE, &cardinal),
        Series::HourUntil => format!("сағат {} дейін", with(DATIVE, &cardinal)),
        Series::MinuteUntil => format!("{} дейін", with(DATIVE, &cardinal)),
        Series::Days => format!("{cardinal} күн"),
        Series::Hours => format!("{cardinal} сағат"),
        Series::InDays => format!("{cardinal} күннен кейін"),
        Series::InHours => format!("{cardinal} сағаттан кейін"),
        Series::InMinutes => format!("{cardinal} минуттан кейін"),
        Series::Minutes => return None,
    })
}

/// 0 to 99.
fn cardinal(number: usize) -> String {
    match (number / 10 % 10, number % 10) {
        (0, ones) => ONES[ones].to_owned(),
        (tens, 0) => TENS[tens].to_owned(),
        (tens, ones) => format!("{} {}", TENS[tens], ONES[ones]),
    }
}

/// 1 to 31.
fn ordinal(day: usize) -> Option<String> {
    Some(match (day / 10, day % 10) {
        (2, 0) => "жиырмасыншы".to_owned(),
        (tens, 0) => format!("{}ыншы", TENS.get(tens)?),
        (0, ones) => ORDINALS[ones].to_owned(),
        (tens, ones) => format!("{} {}", TENS.get(tens)?, ORDINALS[ones]),
    })
}

/// Endings after: a back vowel, a front vowel; a voiceless end with a back vowel, with a front one.
type Endings = [&'static str; 4];
const LOCATIVE: Endings = ["да", "де", "та", "те"];
const DATIVE: Endings = ["ға", "ге", "қа", "ке"];

/// A word with the ending that its last vowel and its end ask for.
fn with(endings: Endings, word: &str) -> String {
    let front = word.chars().rev().find_map(|c| match c {
        'і' | 'е' | 'ө' | 'ү' | 'ә' | 'и' => Some(true),
        'а' | 'о' | 'ұ' | 'ы' => Some(false),
        // «у» goes with the vowel before it: «елуде».
        _ => None,
    });
    let front = front.unwrap_or(false);
    let voiceless = word.ends_with(['п', 'к', 'қ', 'т', 'с', 'ш']);
    let ending = match (voiceless, front) {
        (false, false) => endings[0],
        (false, true) => endings[1],
        (true, false) => endings[2],
        (true, true) => endings[3],
    };
    format!("{word}{ending}")
}

const ONES: [&str; 10] = [
    "нөл",
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
const TENS: [&str; 10] = [
    "",
    "он",
    "жиырма",
    "отыз",
    "қырық",
    "елу",
    "алпыс",
    "жетпіс",
    "сексен",
    "тоқсан",
];
const ORDINALS: [&str; 10] = [
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
const MONTHS: [&str; 13] = [
    "",
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
