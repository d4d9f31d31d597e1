//! Decimal text as whole numbers of 10^-18, so that tests can add up what they are shown without ever rounding. The arithmetic is
//! that of the soak; what is no amount is a failed test here.

pub use usance_soak::money::text;

/// An amount's text in units of 10^-18; a sign is fine, more than 18 decimals are not.
pub fn units(text: &str) -> i128 {
    usance_soak::money::units(text).unwrap_or_else(|error| panic!("{error:#}"))
}

/// The units of a JSON field.
pub fn field(line: &serde_json::Value, name: &str) -> i128 {
    usance_soak::money::field(line, name).unwrap_or_else(|error| panic!("{error:#}"))
}
