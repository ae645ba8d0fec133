//! Chance from a seed: the same seed and names give the same numbers on every machine. The one such
//! source of the project; not for secrets.

/// A source of numbers (`SplitMix64`).
#[derive(Clone, Debug, Default)]
pub struct Chance(u64);

impl Chance {
    /// A source of its own for each name: what one draws changes nothing for another.
    pub fn new(seed: u64, names: &[u64]) -> Self {
        let mut chance = Self(seed);
        for name in names {
            chance.0 = chance.draw() ^ name.wrapping_mul(0xD6E8_FEB8_6659_FD93);
        }
        chance
    }

    /// Any number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0 to `sides` - 1; 0 for no sides.
    pub fn below(&mut self, sides: u64) -> u64 {
        let product = u128::from(self.draw()) * u128::from(sides);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// A duration between two, in milliseconds.
    pub fn ms(&mut self, from: u32, to: u32) -> u32 {
        let wide = u64::from(to.saturating_sub(from)) + 1;
        from.saturating_add(u32::try_from(self.below(wide)).unwrap_or(0))
    }

    /// Whether something happens that does so many times in a thousand.
    pub fn happens(&mut self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    /// 0 up to, but not, 1.
    pub fn share(&mut self) -> f64 {
        let drawn = self.below(1 << 32);
        f64::from(u32::try_from(drawn).unwrap_or(0)) / 4_294_967_296.0
    }

    /// 0 to `sides` - 1: a place in something of that length.
    pub fn roll(&mut self, sides: usize) -> usize {
        let sides = u64::try_from(sides).unwrap_or(u64::MAX);
        usize::try_from(self.below(sides)).unwrap_or(0)
    }

    /// One of several.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.roll(of.len()))
    }

    /// One of several, by weight.
    pub fn by_weight<T: Copy>(&mut self, of: &[(u64, T)], otherwise: T) -> T {
        let total = of.iter().map(|(weight, _)| weight).sum();
        let mut left = self.below(total);
        for (weight, value) in of {
            if left < *weight {
                return *value;
            }
            left -= weight;
        }
        otherwise
    }
}
