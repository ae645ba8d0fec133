//! When calls come: hours of the day, days of the week, a mass outage, hours in which a back end is
//! in trouble.

use crate::chance::Chance;
use crate::lookup::LookupKind;
use crate::time::WallTime;
use crate::traffic::Wanted;

const HOUR_MS: u64 = 60 * 60 * 1000;

/// How many calls come in each hour of a day, beside each other.
const HOURS: [u64; 24] = [
    9, 5, 3, 3, 3, 4, 8, 16, 32, 52, 66, 68, 62, 60, 62, 64, 66, 72, 84, 96, 98, 84, 52, 24,
];
/// The same for the days of a week, from Monday.
const DAYS: [u64; 7] = [118, 108, 102, 100, 100, 84, 80];

/// A mass outage: from the evening of a day two fifths into the stretch, so long; and so many calls
/// beside what a whole usual day has, in hundredths.
const SURGE_HOUR: u64 = 19;
const SURGE_HOURS: u64 = 2;
const SURGE_PERCENT: u64 = 60;
/// Until the outage's system knows of it.
const SURGE_UNKNOWN_MS: u64 = 8 * 60 * 1000;
/// Until it knows when the outage ends.
const SURGE_NO_END_MS: u64 = 35 * 60 * 1000;
/// Hours in which a back end is in trouble, out of a thousand, for each of them.
const TROUBLE: u64 = 12;

/// The moment of a call and what is the matter then.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub(super) now: WallTime,
    /// The house is without internet like many others.
    pub(super) surge: Option<Surge>,
    /// Back ends in trouble, and whether they are dead rather than slow.
    pub(super) trouble: Vec<(LookupKind, bool)>,
    /// Operators have much to do, 0 to 100.
    pub(super) busy: u64,
}

/// How far a mass outage has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Surge {
    pub(super) known: bool,
    pub(super) ends: Option<WallTime>,
}

/// How the calls are spread.
#[derive(Debug)]
pub(super) struct Calendar {
    wanted: Wanted,
    /// Unix time of the first midnight, in milliseconds.
    midnight: i64,
    /// Weight of all hours before each hour.
    before: Vec<u64>,
    /// The hour in which the mass outage begins.
    surge: u64,
    /// What it adds to each of its hours.
    surge_weight: u64,
}

impl Calendar {
    pub(super) fn new(wanted: Wanted) -> Self {
        let midnight = wanted.from.at(0, 0, 0, 0);
        let midnight = jiff::tz::Offset::constant(5).to_timestamp(midnight);
        let midnight = midnight.map_or(0, jiff::Timestamp::as_millisecond);
        let days = u64::from(wanted.days.max(1));
        let surge = days * 2 / 5 * 24 + SURGE_HOUR;
        let usual: u64 = HOURS.iter().sum::<u64>() * 100;
        let surge_weight = usual * SURGE_PERCENT / 100 / SURGE_HOURS;
        let mut calendar = Self {
            wanted,
            midnight,
            before: vec![0],
            surge,
            surge_weight,
        };
        let first = u64::try_from(wanted.from.weekday().to_monday_zero_offset()).unwrap_or(0);
        let mut total = 0;
        for hour in 0..days * 24 {
            let of = |table: &[u64], at: u64| {
                let at = usize::try_from(at).unwrap_or(0);
                table.get(at % table.len()).copied().unwrap_or(1)
            };
            total += of(&HOURS, hour) * of(&DAYS, first + hour / 24);
            total += calendar.added(hour);
            calendar.before.push(total);
        }
        calendar
    }

    /// What the mass outage adds to an hour.
    fn added(&self, hour: u64) -> u64 {
        let within = (self.surge..self.surge + SURGE_HOURS).contains(&hour);
        if within { self.surge_weight } else { 0 }
    }

    /// The moment of a call: each call has its own stretch of equal weight, one after the other.
    pub(super) fn moment(&self, number: u64, chance: &mut Chance) -> Moment {
        const FINE: u64 = 1 << 20;
        let total = u128::from(self.before.last().copied().unwrap_or(1));
        let place = u128::from(number) * u128::from(FINE) + u128::from(chance.below(FINE));
        // In millionths of weight, so that many calls of one hour differ.
        let calls = u128::from(self.wanted.calls.max(1)) * u128::from(FINE);
        let at = place * total * 1_000_000 / calls;
        let weight = u64::try_from(at / 1_000_000).unwrap_or(0);
        let hour = self.before.partition_point(|before| *before <= weight) - 1;
        let hour = hour.min(self.before.len().saturating_sub(2));
        let bound = |index: usize| u128::from(self.before.get(index).copied().unwrap_or(0));
        let (from, to) = (bound(hour), bound(hour + 1));
        let within = (at - from * 1_000_000) * u128::from(HOUR_MS);
        let within = u64::try_from(within / ((to - from).max(1) * 1_000_000)).unwrap_or(0);
        let hour = u64::try_from(hour).unwrap_or(0);
        let ms = hour * HOUR_MS + within.min(HOUR_MS - 1);
        let now = WallTime::from_unix_ms(self.midnight.saturating_add_unsigned(ms));
        let weight = u64::try_from(to - from).unwrap_or(1);
        let caught = chance.below(weight.max(1)) < self.added(hour);
        Moment {
            now,
            surge: caught.then(|| self.surge_at(ms)),
            trouble: self.trouble(hour),
            busy: (weight * 100 / (HOURS[20] * 118)).min(100),
        }
    }

    fn surge_at(&self, ms: u64) -> Surge {
        let since = ms.saturating_sub(self.surge * HOUR_MS);
        let end = (self.surge + SURGE_HOURS + 1) * HOUR_MS;
        let ends = WallTime::from_unix_ms(self.midnight.saturating_add_unsigned(end));
        Surge {
            known: since >= SURGE_UNKNOWN_MS,
            ends: (since >= SURGE_NO_END_MS).then_some(ends),
        }
    }

    fn trouble(&self, hour: u64) -> Vec<(LookupKind, bool)> {
        let kinds = LookupKind::ALL.iter().zip(0..);
        let troubled = kinds.filter_map(|(kind, place)| {
            let mut chance = Chance::new(self.wanted.seed, &[3, hour, place]);
            chance
                .happens(TROUBLE)
                .then(|| (*kind, chance.happens(600)))
        });
        troubled.collect()
    }
}
