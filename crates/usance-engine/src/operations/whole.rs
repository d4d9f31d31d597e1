//! Whole numbers in what is asked, as JSON writes them.

use serde::{Deserialize, Deserializer};

/// A whole number. JSON knows one kind of number: `5.0` is as whole as `5`. No money comes this way.
///
/// # Errors
/// For anything else.
pub fn whole<'de, T: TryFrom<u64>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    /// The largest whole number below which a float has no gaps.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    let number = serde_json::Number::deserialize(from)?;
    let float = number.as_f64().filter(|float| float.fract() == 0.0 && (0.0..EXACT_MAX).contains(float));
    let whole = number.as_u64().or_else(|| float.and_then(|float| format!("{float:.0}").parse().ok()));
    whole
        .and_then(|whole| T::try_from(whole).ok())
        .ok_or_else(|| serde::de::Error::custom(format!("{number} is not a number that is taken here")))
}

/// As [`whole`], for a number that may be left out.
///
/// # Errors
/// As [`whole`].
pub fn some_whole<'de, T: TryFrom<u64>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    struct Whole<T>(T);
    impl<'de, T: TryFrom<u64>> Deserialize<'de> for Whole<T> {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            whole(from).map(Whole)
        }
    }
    Ok(Option::<Whole<T>>::deserialize(from)?.map(|whole| whole.0))
}
