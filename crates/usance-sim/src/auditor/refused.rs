//! Why nothing changed, as a sender has to be told.

use crate::facts::Facts;
use std::fmt::Display;

/// Why nothing changed, with its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub Facts);

impl Refused {
    /// A code without numbers.
    #[must_use]
    pub fn of(code: &'static str) -> Refused {
        Refused(Facts::of("refused").with("code", code))
    }
    /// A code with a number.
    #[must_use]
    pub fn with(self, name: &'static str, value: impl Display) -> Refused {
        Refused(self.0.with(name, value))
    }
    /// A code about amounts of an asset.
    #[must_use]
    pub fn about(code: &'static str, asset: usize) -> Refused {
        Refused::of(code).with("asset", asset)
    }
    /// `amount_invalid` and where.
    #[must_use]
    pub fn amount(field: &'static str) -> Refused {
        Refused::of("amount_invalid").with("field", field)
    }
}

/// What a sender is told.
pub type Told = Result<Facts, Refused>;
