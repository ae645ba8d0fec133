//! Keys in a caller's audio (ITU-T Q.23, Q.24): two tones at once, one of each group, loud enough,
//! alike in level, alone, and for long enough. Speech has energy elsewhere and does not hold still.
//!
//! The Goertzel algorithm over short blocks that overlap by half.

use std::f64::consts::PI;

use crate::call::Digit;

/// The tones of the rows and columns of a keypad, in Hz.
const ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS: [f64; 3] = [1209.0, 1336.0, 1477.0];
const KEYS: [[char; 3]; 4] = [
    ['1', '2', '3'],
    ['4', '5', '6'],
    ['7', '8', '9'],
    ['*', '0', '#'],
];
/// Blocks a second: each is of 12.7 ms, which tells the tones of a group apart, and begins in the
/// middle of the one before.
const BLOCKS: u32 = 157;
/// Softest tone, of full scale: 40 dB below a full sine.
const SOFTEST: f64 = 0.01;
/// How much louder one of the two may be (Q.24 asks for 4 to 8 dB): 9 dB, in power.
const TWIST: f64 = 8.0;
/// How much the second strongest of a group is below the strongest: 6 dB, in power.
const ALONE: f64 = 4.0;
/// How much of a block's power the two tones have. Speech has less; noise 12 dB below leaves 0.94.
const PURE: f64 = 0.75;
/// Half-blocks that a key lasts at least: 36 ms are heard for sure, 20 ms never (Q.24: 40, 20).
const SHORTEST: usize = 4;
/// Half-blocks without it that end a key.
const PAUSE: usize = 3;
/// A block that has the key, but less than so much of its loudest block's power, is its edge.
const EDGE: f64 = 0.4;

/// A key that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// From the beginning, in milliseconds.
    pub at_ms: u32,
    /// For how long.
    pub ms: u32,
    /// Which.
    pub digit: Digit,
}

/// The keys in a channel of `rate` samples a second.
pub fn keys(samples: &[i16], rate: u32) -> Vec<Key> {
    let size = usize::try_from(rate * 2 / BLOCKS).unwrap_or(0);
    let step = (size / 2).max(1);
    let tones = Tones::new(rate);
    let mut keys = Vec::new();
    let mut run: Option<Run> = None;
    for (number, from) in (0..samples.len()).step_by(step).enumerate() {
        let Some(block) = samples.get(from..from + size) else {
            break;
        };
        let found = tones.key(block);
        run = match (run, found) {
            (Some(mut held), Some((key, power))) if held.key == key => {
                held.blocks.push((number, power));
                Some(held)
            }
            (Some(held), Some((key, power))) => {
                keys.extend(held.finish(step, rate));
                Some(Run::new(key, number, power))
            }
            (None, Some((key, power))) => Some(Run::new(key, number, power)),
            (Some(held), None) if number - held.last() < PAUSE => Some(held),
            (Some(held), None) => {
                keys.extend(held.finish(step, rate));
                None
            }
            (None, None) => None,
        };
    }
    keys.extend(run.and_then(|held| held.finish(step, rate)));
    keys
}

/// Blocks that have the same key.
struct Run {
    key: char,
    blocks: Vec<(usize, f64)>,
}

impl Run {
    fn new(key: char, number: usize, power: f64) -> Self {
        let blocks = vec![(number, power)];
        Self { key, blocks }
    }

    fn last(&self) -> usize {
        self.blocks.last().map_or(0, |(number, _)| *number)
    }

    fn finish(mut self, step: usize, rate: u32) -> Option<Key> {
        let loudest = self
            .blocks
            .iter()
            .map(|(_, power)| *power)
            .fold(0.0, f64::max);
        self.blocks.retain(|(_, power)| *power >= loudest * EDGE);
        let (first, _) = self.blocks.first()?;
        let halves = self.last() + 1 - first;
        if halves < SHORTEST {
            return None;
        }
        let ms = |steps: usize| {
            let samples = u64::try_from(steps * step).unwrap_or(u64::MAX);
            u32::try_from(samples * 1000 / u64::from(rate)).unwrap_or(u32::MAX)
        };
        Some(Key {
            at_ms: ms(*first),
            ms: ms(halves),
            digit: Digit::new(self.key)?,
        })
    }
}

/// Twice the cosine of each tone's step.
struct Tones {
    rows: [f64; 4],
    columns: [f64; 3],
}

impl Tones {
    fn new(rate: u32) -> Self {
        let step = |hertz: f64| 2.0 * (2.0 * PI * hertz / f64::from(rate)).cos();
        Self {
            rows: ROWS.map(step),
            columns: COLUMNS.map(step),
        }
    }

    /// The key that a block has, and its power.
    fn key(&self, block: &[i16]) -> Option<(char, f64)> {
        let count = f64::from(u32::try_from(block.len()).ok()?);
        let scaled = || block.iter().map(|sample| f64::from(*sample) / 32_768.0);
        let power = scaled().map(|sample| sample * sample).sum::<f64>() / count;
        if power < SOFTEST * SOFTEST {
            return None;
        }
        // A sine of amplitude a has the power a² / 2, and Goertzel gives (a · count / 2)².
        let of = |step: &f64| {
            let (mut one, mut two) = (0.0, 0.0);
            for sample in scaled() {
                (one, two) = (step * one - two + sample, one);
            }
            (one * one + two * two - step * one * two) * 2.0 / (count * count)
        };
        let rows = self.rows.map(|step| of(&step));
        let columns = self.columns.map(|step| of(&step));
        let (row, high_row) = strongest(&rows)?;
        let (column, high_column) = strongest(&columns)?;
        let loud = high_row.min(high_column) >= SOFTEST * SOFTEST / 2.0;
        let twist = high_row < high_column * TWIST && high_column < high_row * TWIST;
        let pure = high_row + high_column >= power * PURE;
        let key = KEYS.get(row)?.get(column)?;
        (loud && twist && pure).then_some((*key, high_row + high_column))
    }
}

/// The strongest of a group, if it is alone.
fn strongest(group: &[f64]) -> Option<(usize, f64)> {
    let by_power = |(_, one): &(usize, &f64), (_, other): &(usize, &f64)| one.total_cmp(other);
    let (place, most) = group.iter().enumerate().max_by(by_power)?;
    let alone = |(other, power): (usize, &f64)| other == place || power * ALONE < *most;
    group
        .iter()
        .enumerate()
        .all(alone)
        .then_some((place, *most))
}
