//! What somebody is told or shown, as plain named values: the one language in which the auditor's prediction and the
//! machine's answer are compared.
//!
//! Owns how a difference is said. Every value is its plain text (whole numbers in base units, instants in
//! milliseconds, days as numbers since 1970); nothing here computes.

use std::collections::BTreeMap;
use std::fmt;

/// Named values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    of: &'static str,
    values: BTreeMap<&'static str, String>,
}

impl Facts {
    /// Nothing known yet of something.
    #[must_use]
    pub fn of(of: &'static str) -> Facts {
        Facts { of, values: BTreeMap::new() }
    }
    /// With one more value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Facts {
        self.values.insert(name, value.to_string());
        self
    }
    /// With a value that may not be there.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<impl fmt::Display>) -> Facts {
        let value = value.map_or_else(|| "none".to_owned(), |value| value.to_string());
        self.with(name, value)
    }
    /// With the values of something within it.
    #[must_use]
    pub fn with_all(mut self, within: Facts) -> Facts {
        self.values.extend(within.values);
        self
    }
    /// What it is of.
    #[must_use]
    pub fn subject(&self) -> &'static str {
        self.of
    }
    /// One value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }
    /// One value that is a number; 0 where it is none.
    #[must_use]
    pub fn number(&self, name: &str) -> u64 {
        self.get(name).and_then(|value| value.parse().ok()).unwrap_or_default()
    }
    /// How what was seen differs from what was expected; nothing when it does not.
    #[must_use]
    pub fn differs_from(&self, seen: &Facts) -> Option<String> {
        if self == seen {
            return None;
        }
        if self.of != seen.of {
            return Some(format!("expected {self}, seen {seen}"));
        }
        let names: std::collections::BTreeSet<_> = self.values.keys().chain(seen.values.keys()).collect();
        let missing = "nothing".to_owned();
        let differing = names.into_iter().filter_map(|name| {
            let (expected, seen) = (self.values.get(name).unwrap_or(&missing), seen.values.get(name).unwrap_or(&missing));
            (expected != seen).then(|| format!("{name}: expected {expected}, seen {seen}"))
        });
        Some(format!("{}: {}", self.of, differing.collect::<Vec<_>>().join("; ")))
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.of)?;
        self.values.iter().try_for_each(|(name, value)| write!(out, " {name}={value}"))
    }
}
