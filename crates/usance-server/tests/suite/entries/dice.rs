//! Decisions that bytes make.
//!
//! Each decision takes the next of them, so a byte that is changed changes one decision: whatever finds inputs by changing
//! bytes learns what they do. Where they end, a generator that they seeded goes on, so few bytes are a whole input too.

use usance_workload::SplitMix64;

/// Numbers that bytes choose.
pub struct Dice<'a> {
    rest: &'a [u8],
    behind: SplitMix64,
}

/// Texts that somebody somewhere does not expect.
const NASTY: [&str; 36] = [
    "",
    " ",
    "\0",
    "null",
    "0",
    "-1",
    "-0",
    "+1",
    "1e999",
    "1e-999",
    "0.0000000001",
    "99999999999999999999999999999999999999999",
    "10000000000000000000000000000",
    "NaN",
    "١",
    "🦀🦀🦀",
    "a\u{202e}b",
    "\r\n",
    "%00",
    "%",
    "..",
    "../../etc/passwd",
    "alice/..",
    "'; DROP TABLE log; --",
    "2026-02-30",
    "0000-01-01",
    "9999-12-31",
    "9999-12-31T23:59:59.999Z",
    "1970-01-01T00:00:00.001Z",
    "2026-01-01T00:00:60Z",
    "2026-01-01T00:00:00+99:99",
    "18446744073709551615",
    "18446744073709551616",
    "=1+1",
    "<script>",
    "{{7*7}}",
];

impl<'a> Dice<'a> {
    pub fn new(data: &'a [u8]) -> Dice<'a> {
        let seed = blake3::hash(data).as_bytes().first_chunk().copied().map_or(0, u64::from_le_bytes);
        Dice { rest: data, behind: SplitMix64::new(seed) }
    }

    pub fn byte(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((byte, rest)) => {
                self.rest = rest;
                *byte
            }
            None => self.behind.roll() as u8,
        }
    }

    /// At most so many bytes.
    pub fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most + 1);
        (0..length).map(|_| self.byte()).collect()
    }

    /// Any number of 64 bits.
    pub fn number(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// A number below this one: one byte where one is enough, else four.
    pub fn below(&mut self, sides: usize) -> usize {
        let bytes = if sides <= 256 { 1 } else { 4 };
        let number = (0..bytes).fold(0, |number, _| number << 8 | usize::from(self.byte()));
        number % sides.max(1)
    }

    pub fn once_in(&mut self, sides: usize) -> bool {
        self.below(sides) == 0
    }

    pub fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }

    /// A text from the list, one that is too long, or whatever the bytes say.
    pub fn text(&mut self) -> String {
        match self.below(8) {
            0 => String::from_utf8_lossy(&self.bytes(300)).into_owned(),
            1 => "x".repeat(self.below(70_000)),
            2 => "9".repeat(self.below(70)),
            _ => (*self.pick(&NASTY)).to_owned(),
        }
    }
}
