//! Numbers for keys, in the order in which they came. Open addressing: the keys are looked up some
//! millions of times, and no order of theirs is ever used.

/// A table of keys.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Number of the key and one; 0 is free. A power of two.
    slots: Vec<u32>,
    keys: Vec<(u128, u32)>,
}

/// Slots of the first table.
const FIRST: usize = 1 << 10;

impl Table {
    /// The number of a key, and whether it is new.
    pub(super) fn number(&mut self, key: u128, more: u32) -> (u32, bool) {
        if self.keys.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let key = (key, more);
        let slot = self.slot(key);
        let known = self.slots[slot];
        if known > 0 {
            return (known - 1, false);
        }
        self.keys.push(key);
        let number = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        self.slots[slot] = number;
        (number - 1, true)
    }

    /// Where the key stands, or should.
    fn slot(&self, key: (u128, u32)) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash(key) & mask;
        loop {
            let number = usize::try_from(self.slots[at]).unwrap_or(0);
            if number == 0 || self.keys[number - 1] == key {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    fn grow(&mut self) {
        self.slots = vec![0; (self.slots.len() * 4).max(FIRST)];
        for (number, at) in (1u32..).zip(0..self.keys.len()) {
            let slot = self.slot(self.keys[at]);
            self.slots[slot] = number;
        }
    }
}

/// Mixes all bits of a key into the low ones.
fn hash((key, more): (u128, u32)) -> usize {
    let mixed =
        (key ^ u128::from(more) << 96).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    usize::try_from((mixed >> 96) & 0xffff_ffff).unwrap_or(0)
}
