//! Numbers, dates, times and durations as clips, per locale. Table-driven and complete: every digit,
//! every number from 0 to 9,999, every day of a year, every minute of a day, every duration up to a
//! month. Never reads a clock.
//!
//! The forms fit the prompts' sentences: a date is "on the twenty-fifth of November", a time "at …"
//! or "until …", a duration "in …". The words of a language are in `russian.rs` and `kazakh.rs`; a
//! clip is as long as its grammar reaches («в четырнадцать часов», «отызға дейін»), so that no
//! ending depends on the clip beside it.

use jiff::civil::{Date, Time};

use crate::call::{Locale, named};
use crate::prompt::{kazakh, russian};

/// What a slot says: a typed value, always one that can be spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Digit by digit.
    Digits(Digits),
    /// A number.
    Number(Number),
    /// On a day.
    Date(Date),
    /// At a time of day, to the minute.
    TimeAt(Time),
    /// Until a time of day, to the minute.
    TimeUntil(Time),
    /// After a while.
    Duration(Span),
}

/// One to twenty digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digits(String);

impl Digits {
    /// Nobody writes down more by ear.
    pub const MOST: usize = 20;

    /// `None` unless it is one to twenty digits.
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=Self::MOST).contains(&text.len());
        (fits && text.bytes().all(|b| b.is_ascii_digit())).then(|| Self(text.to_owned()))
    }
}

/// A number that can be spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number(u16);

impl Number {
    /// The largest.
    pub const MOST: u16 = 9_999;

    /// `None` above 9,999.
    pub const fn new(number: u16) -> Option<Self> {
        if number <= Self::MOST {
            Some(Self(number))
        } else {
            None
        }
    }
}

/// A duration in at most two units: days and hours, or hours and minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    days: u16,
    hours: u16,
    minutes: u16,
}

impl Span {
    /// The longest: 31 days.
    pub const MOST_MINUTES: u32 = 31 * 24 * 60;

    /// That many minutes, exact below a day, else in full hours; `None` for 0 and above 31 days.
    pub fn about(minutes: u32) -> Option<Self> {
        let minutes = Some(minutes).filter(|m| (1..=Self::MOST_MINUTES).contains(m))?;
        let part = |value: u32| u16::try_from(value).ok();
        let days = part(minutes / (24 * 60))?;
        Some(Self {
            days,
            hours: part(minutes / 60 % 24)?,
            minutes: if days == 0 { part(minutes % 60)? } else { 0 },
        })
    }
}

named! {
    /// A series of clips, numbered.
    Series {
        /// 0 to 9, alone.
        Digit = "digit",
        /// 0 to 99: «двадцать пять».
        Cardinal = "cardinal",
        /// 1 to 9: «двести».
        Hundred = "hundred",
        /// 1 to 9: «две тысячи».
        Thousand = "thousand",
        /// 1 to 31, of a month: «двадцать пятого».
        Day = "day",
        /// 1 to 12, after its day: «ноября», «қарашада».
        Month = "month",
        /// 0 to 23, before minutes: «в четырнадцать часов», «сағат он төрт».
        HourAt = "hour_at",
        /// 0 to 23, on the hour: «в четырнадцать часов ровно», «сағат он төртте».
        HourSharp = "hour_sharp",
        /// 1 to 59, after an hour, Kazakh only: «отызда».
        MinuteAt = "minute_at",
        /// 0 to 23: «до восемнадцати часов», «сағат он сегізге дейін».
        HourUntil = "hour_until",
        /// 1 to 59, after an hour: «тридцати минут», «отызға дейін».
        MinuteUntil = "minute_until",
        /// 1 to 31, Kazakh only: «үш күн».
        Days = "days",
        /// 1 to 23: «два часа», «екі сағат».
        Hours = "hours",
        /// 1 to 59, Russian only: «тридцать минут».
        Minutes = "minutes",
        /// 1 to 31: «через три дня», «үш күннен кейін».
        InDays = "in_days",
        /// 1 to 23: «через два часа», «екі сағаттан кейін».
        InHours = "in_hours",
        /// 1 to 59: «через тридцать минут», «отыз минуттан кейін».
        InMinutes = "in_minutes",
    }
}

impl Series {
    const fn numbers(self) -> std::ops::RangeInclusive<u16> {
        match self {
            Self::Digit => 0..=9,
            Self::Cardinal => 0..=99,
            Self::Hundred | Self::Thousand => 1..=9,
            Self::Day | Self::Days | Self::InDays => 1..=31,
            Self::Month => 1..=12,
            Self::HourAt | Self::HourSharp | Self::HourUntil => 0..=23,
            Self::Hours | Self::InHours => 1..=23,
            Self::MinuteAt | Self::MinuteUntil | Self::Minutes | Self::InMinutes => 1..=59,
        }
    }
}

/// One clip of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    series: Series,
    number: u16,
}

impl Unit {
    /// Id of its clip: no prompt has a `-` in its name.
    pub fn id(self) -> String {
        format!("{}-{}", self.series, self.number)
    }

    /// What it says; `None` in a language that speaks without it.
    pub fn text(self, locale: Locale) -> Option<String> {
        let number = usize::from(self.number);
        match locale {
            Locale::Ru => russian::text(self.series, number),
            Locale::Kk => kazakh::text(self.series, number),
        }
    }
}

/// Every clip of numbers that a language needs, with its text.
pub fn inventory(locale: Locale) -> impl Iterator<Item = (Unit, String)> {
    let all = Series::ALL
        .iter()
        .flat_map(|&series| series.numbers().map(move |number| Unit { series, number }));
    all.filter_map(move |unit| Some((unit, unit.text(locale)?)))
}

/// A clip in its place, and whether a short pause follows: a comma for the ear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The clip.
    pub unit: Unit,
    /// Whether a pause follows.
    pub comma: bool,
}

/// The clips that speak a value.
pub fn pieces(locale: Locale, value: &Value) -> Vec<Piece> {
    let ru = locale == Locale::Ru;
    let plain = |units: &[(Series, u16)]| -> Vec<Piece> {
        let piece = |&(series, number): &(Series, u16)| Piece {
            unit: Unit { series, number },
            comma: false,
        };
        units.iter().map(piece).collect()
    };
    match value {
        Value::Digits(digits) => self::digits(digits),
        Value::Number(number) => plain(&self::number(*number)),
        Value::Date(date) => plain(&[
            (Series::Day, small(date.day())),
            (Series::Month, small(date.month())),
        ]),
        Value::TimeAt(time) => {
            let (hour, minute) = (small(time.hour()), small(time.minute()));
            let minutes = if ru {
                Series::Minutes
            } else {
                Series::MinuteAt
            };
            match minute {
                0 => plain(&[(Series::HourSharp, hour)]),
                minute => plain(&[(Series::HourAt, hour), (minutes, minute)]),
            }
        }
        Value::TimeUntil(time) => {
            let (hour, minute) = (small(time.hour()), small(time.minute()));
            let hours = if ru {
                Series::HourUntil
            } else {
                Series::HourAt
            };
            match minute {
                0 => plain(&[(Series::HourUntil, hour)]),
                minute => plain(&[(hours, hour), (Series::MinuteUntil, minute)]),
            }
        }
        Value::Duration(span) => plain(&duration(*span, ru)),
    }
}

/// One by one, with pauses between groups of two or three: a long number is written down by ear.
fn digits(digits: &Digits) -> Vec<Piece> {
    let group = if digits.0.len() <= 4 { 2 } else { 3 };
    let last = digits.0.len();
    let piece = |(byte, count): (u8, usize)| Piece {
        unit: Unit {
            series: Series::Digit,
            number: u16::from(byte.saturating_sub(b'0')),
        },
        comma: count.is_multiple_of(group) && count < last,
    };
    digits.0.bytes().zip(1..).map(piece).collect()
}

fn number(number: Number) -> Vec<(Series, u16)> {
    let Number(number) = number;
    let parts = [
        (Series::Thousand, number / 1_000),
        (Series::Hundred, number / 100 % 10),
        (Series::Cardinal, number % 100),
    ];
    let said = parts
        .into_iter()
        .filter(|&(series, part)| part > 0 || (series == Series::Cardinal && number == 0));
    said.collect()
}

/// Russian says "in" before the first unit, Kazakh "after" behind the last.
fn duration(span: Span, ru: bool) -> Vec<(Series, u16)> {
    let units = [
        (Series::Days, Series::InDays, span.days),
        (Series::Hours, Series::InHours, span.hours),
        (Series::Minutes, Series::InMinutes, span.minutes),
    ];
    let said: Vec<_> = units.into_iter().filter(|(_, _, n)| *n > 0).collect();
    let marked = if ru { 0 } else { said.len().saturating_sub(1) };
    let unit = |(at, &(bare, with_in, n))| (if at == marked { with_in } else { bare }, n);
    said.iter().enumerate().map(unit).collect()
}

/// Days, months, hours and minutes of jiff's civil types are never negative.
fn small(number: i8) -> u16 {
    u16::from(number.unsigned_abs())
}

/// What the clips of a value say, in one line.
pub fn text(locale: Locale, value: &Value) -> String {
    let words = pieces(locale, value).into_iter().map(|piece| {
        let text = piece.unit.text(locale).unwrap_or_default();
        if piece.comma { text + "," } else { text }
    });
    words.collect::<Vec<_>>().join(" ")
}
