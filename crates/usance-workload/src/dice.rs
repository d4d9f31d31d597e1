//! Dice: what chooses. Bytes that are spent one by one, or numbers that go on for ever from a seed.
//!
//! Bytes can be kept, and made fewer and smaller: when they are gone every choice is the first, so a byte of nothing is
//! always the plainest choice. That is what makes a failing history shrink. What a byte is spent on is therefore part of
//! every plan that was kept: whoever reorders draws makes other worlds of them.

/// A small, well-known generator (SplitMix64, Steele, Lea and Flood 2014): enough for samples, not for secrets.
#[derive(Clone, Debug)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// Numbers that are always the same for a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        SplitMix64(seed)
    }
    /// The next 64 bits.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
    /// A number below `bound`; 0 below nothing.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound.max(1)
    }
    /// True once in `every` times.
    pub fn once_in(&mut self, every: u64) -> bool {
        self.below(every) == 0
    }
}

/// Dice, a byte at a throw.
#[derive(Debug)]
pub struct Dice<'a>(Source<'a>);

#[derive(Debug)]
enum Source<'a> {
    Bytes(&'a [u8]),
    Numbers(&'a mut SplitMix64),
}

impl<'a> Dice<'a> {
    /// Dice of some bytes; when they are gone every choice is the first.
    #[must_use]
    pub const fn of(bytes: &'a [u8]) -> Dice<'a> {
        Dice(Source::Bytes(bytes))
    }
    /// Dice that never run out.
    #[must_use]
    pub const fn from_numbers(numbers: &'a mut SplitMix64) -> Dice<'a> {
        Dice(Source::Numbers(numbers))
    }
    /// One byte.
    pub fn byte(&mut self) -> u8 {
        match &mut self.0 {
            Source::Bytes(bytes) => {
                let Some((first, rest)) = bytes.split_first() else { return 0 };
                *bytes = rest;
                *first
            }
            Source::Numbers(numbers) => numbers.roll().to_be_bytes()[0],
        }
    }
    /// A number below `sides`.
    pub fn below(&mut self, sides: u8) -> u8 {
        self.byte() % sides
    }
    /// A number of two bytes.
    pub fn large(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }
    /// Whether a thing that happens once in `times` happens; nothing spent is no.
    pub fn once_in(&mut self, times: u8) -> bool {
        self.byte() % times == times - 1
    }
    /// One of several.
    pub fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        let at = usize::from(self.byte()) % choices.len();
        choices[at].clone()
    }
    /// A number below a length, 0 of nothing.
    pub fn index(&mut self, len: usize) -> usize {
        usize::from(self.large()).checked_rem(len).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        // The first numbers of seed 1234567, as the reference implementation prints them.
        let mut numbers = SplitMix64::new(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| numbers.roll()).collect();
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn spent_dice_choose_the_first() {
        let mut dice = Dice::of(&[7, 1, 2]);
        assert_eq!((dice.below(4), dice.large()), (3, 0x0102));
        assert_eq!((dice.below(4), dice.large(), dice.index(9), dice.once_in(2), dice.one_of(&["a", "b"])), (0, 0, 0, false, "a"));
        assert_eq!(Dice::of(&[5, 5]).index(0), 0);
    }
}
