//! Weights by feature: a table that what no example has is not looked up in.

use hashbrown::HashTable;

/// A feature of an utterance, by its hash.
pub(super) type Feature = u32;

/// Rows of weights: a row a feature, a lane a label. What no example has has no row.
pub(super) struct Rows<const N: usize> {
    table: HashTable<(Feature, [i8; N])>,
    /// The features that have one, roughly, a bit each: what is not in it has none.
    present: Box<[u64]>,
}

/// Words of that set. Small: it stays in a processor's nearest caches.
const PRESENT: usize = 1 << 12;

impl<const N: usize> Rows<N> {
    /// A table of rows, each of another feature.
    pub(super) fn new(rows: impl ExactSizeIterator<Item = (Feature, [i8; N])>) -> Self {
        let mut table = HashTable::with_capacity(rows.len());
        let mut present = vec![0; PRESENT].into_boxed_slice();
        for row in rows {
            let (word, bit) = presence(row.0);
            present[word] |= 1 << bit;
            table.insert_unique(spread(row.0), row, |(feature, _)| spread(*feature));
        }
        Self { table, present }
    }

    /// Whether a feature has a row, roughly: what is denied has none.
    pub(super) fn may_have(&self, feature: Feature) -> bool {
        let (word, bit) = presence(feature);
        self.present[word] >> bit & 1 != 0
    }

    /// The row of a feature.
    pub(super) fn get(&self, feature: Feature) -> Option<&[i8; N]> {
        let row = self.table.find(spread(feature), |(of, _)| *of == feature);
        row.map(|(_, row)| row)
    }

    /// Adds the rows of features up, of those that have one.
    pub(super) fn add(&self, features: &[Feature], sums: &mut [i16; N]) {
        for row in features.iter().filter_map(|feature| self.get(*feature)) {
            add(sums, row);
        }
    }

    /// How many there are, and each in the order of the features.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut rows: Vec<_> = self.table.iter().collect();
        rows.sort_unstable();
        let mut bytes = u32::try_from(rows.len())
            .unwrap_or(u32::MAX)
            .to_le_bytes()
            .to_vec();
        for (feature, row) in rows {
            bytes.extend(feature.to_le_bytes());
            bytes.extend(row.iter().flat_map(|weight| weight.to_le_bytes()));
        }
        bytes
    }

    /// The rows that a file begins with, and what is behind them.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (count, rest) = bytes.split_first_chunk()?;
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        let size = size_of::<Feature>() + N;
        let (rows, rest) = rest.split_at_checked(count.checked_mul(size)?)?;
        let row = |row: &[u8]| {
            let (feature, weights) = row.split_first_chunk().unwrap_or((&[0; 4], &[]));
            let mut row = [0; N];
            for (weight, byte) in row.iter_mut().zip(weights) {
                *weight = i8::from_le_bytes([*byte]);
            }
            (u32::from_le_bytes(*feature), row)
        };
        Some((Self::new(rows.chunks_exact(size).map(row)), rest))
    }
}

/// Adds weights up, the lanes side by side. Nothing that a caller says comes near the limits.
pub(super) fn add<W: Copy + Into<i16>, const N: usize>(sums: &mut [i16; N], row: &[W; N]) {
    for (sum, weight) in sums.iter_mut().zip(row) {
        *sum = sum.saturating_add((*weight).into());
    }
}

/// The place of a feature in the set of those that are present.
fn presence(feature: Feature) -> (usize, u32) {
    let word = usize::try_from(feature >> 6).unwrap_or_default() % PRESENT;
    (word, feature % 64)
}

/// A table wants all bits of a key spread.
fn spread(feature: Feature) -> u64 {
    u64::from(feature) << 32 | u64::from(feature)
}
