//! Whole numbers in as few bytes as their bounds allow. Cache misses decide how long a close takes, so columns of
//! millions hold these instead of aligned 16-byte integers.
//!
//! Each type names the largest value it holds; a larger one is kept at that bound, and the sub-ledger check that
//! follows every event would then stop the writer. No rule lets one get there.

use crate::money::Amount;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An amount below 2^96: a principal (at most 10^28) or one day's reward.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Packed96([u32; 3]);

/// An amount: rewards of a life, which may pass 10^28.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Packed128([u32; 4]);

/// A number below 2^48: a carry, an instant in milliseconds, a position.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Packed48([u16; 3]);

#[expect(clippy::cast_possible_truncation, reason = "each line takes its own bits")]
const fn words(value: u128) -> [u32; 4] {
    [value as u32, (value >> 32) as u32, (value >> 64) as u32, (value >> 96) as u32]
}

impl Packed96 {
    /// Packs an amount.
    #[must_use]
    #[inline]
    pub const fn new(amount: Amount) -> Self {
        let [a, b, c, over] = words(amount.units());
        if over == 0 { Packed96([a, b, c]) } else { Packed96([u32::MAX; 3]) }
    }
    /// The amount.
    #[must_use]
    #[inline]
    pub const fn get(self) -> Amount {
        let [a, b, c] = self.0;
        Amount::from_units(a as u128 | (b as u128) << 32 | (c as u128) << 64)
    }
}

impl Packed128 {
    /// Packs an amount.
    #[must_use]
    #[inline]
    pub const fn new(amount: Amount) -> Self {
        Packed128(words(amount.units()))
    }
    /// The amount.
    #[must_use]
    #[inline]
    pub const fn get(self) -> Amount {
        let [a, b, c, d] = self.0;
        Amount::from_units(a as u128 | (b as u128) << 32 | (c as u128) << 64 | (d as u128) << 96)
    }
}

impl Packed48 {
    /// Packs a number.
    #[must_use]
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "each line takes its own bits")]
    pub const fn new(value: u64) -> Self {
        if value >> 48 == 0 { Packed48([value as u16, (value >> 16) as u16, (value >> 32) as u16]) } else { Packed48([u16::MAX; 3]) }
    }
    /// The number.
    #[must_use]
    #[inline]
    pub const fn get(self) -> u64 {
        let [a, b, c] = self.0;
        a as u64 | (b as u64) << 16 | (c as u64) << 32
    }
}

macro_rules! as_number {
    ($name:ident, $number:ty, $read:expr, $make:expr) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                let number: $number = $read(*self);
                number.serialize(to)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                <$number>::deserialize(from).map($make)
            }
        }
        impl std::fmt::Debug for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(out, "{}", $read(*self))
            }
        }
    };
}
as_number!(Packed96, u128, |packed: Packed96| packed.get().units(), |units| Packed96::new(Amount::from_units(units)));
as_number!(Packed128, u128, |packed: Packed128| packed.get().units(), |units| Packed128::new(Amount::from_units(units)));
as_number!(Packed48, u64, Packed48::get, Packed48::new);

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_packed_comes_back(small in 0u128..1 << 96, large in 0u128.., number in 0u64..1 << 48) {
            proptest::prop_assert_eq!(Packed96::new(Amount::from_units(small)).get().units(), small);
            proptest::prop_assert_eq!(Packed128::new(Amount::from_units(large)).get().units(), large);
            proptest::prop_assert_eq!(Packed48::new(number).get(), number);
        }
    }
}
