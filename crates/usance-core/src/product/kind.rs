//! What a kind of product is able to do: the only place that tells the kinds apart.
//!
//! Everybody else asks for an ability ([`KindName::accrues`], [`KindName::takes_top_ups`], [`KindName::leaving`], …) and
//! never for a kind by name. A new kind is a variant here and an arm in each method; no method has a catch-all, so a kind whose
//! abilities are not said does not compile. The feature `third-kind` adds one for tests, to show that nothing outside
//! this room has to know it.

use super::terms::{Distribution, RateMode, SaleTerms};
use crate::limits::TERM_DAYS_MAX;
use serde::{Deserialize, Serialize};

/// Flexible, or locked up for a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Redeemable any time.
    Flexible,
    /// Locked up for a number of days.
    FixedTerm {
        /// 1..=3650.
        term_days: u32,
    },
    /// Runs for a term, pays every day, and may be left any time, in part too. It exists for tests alone.
    #[cfg(feature = "third-kind")]
    OpenTerm {
        /// 1..=3650.
        term_days: u32,
    },
}

/// A kind without its term: the word in which it is asked for and shown, and what it is able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KindName {
    /// See [`Kind::Flexible`].
    Flexible,
    /// See [`Kind::FixedTerm`].
    FixedTerm,
    /// See [`Kind::OpenTerm`].
    #[cfg(feature = "third-kind")]
    OpenTerm,
}

/// How a position of a kind can be left before any end of its term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// Any time, in whole or in part; nothing is taken back.
    AtWill,
    /// Only as a whole, and at the price that the product's terms say ([`super::terms::EarlyRedemption`]).
    Early,
}

/// Why a name and a term do not make a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAKind {
    /// The kind has a term, and none was given.
    TermMissing,
    /// The kind has no term, and one was given.
    TermNotAllowed,
}

impl KindName {
    /// Every kind, in the order in which documents list them.
    pub const ALL: &'static [KindName] = &[
        KindName::Flexible,
        KindName::FixedTerm,
        #[cfg(feature = "third-kind")]
        KindName::OpenTerm,
    ];

    /// The word of every kind, as in [`KindName::ALL`].
    pub const WORDS: &'static [&'static str] = &[
        KindName::Flexible.word(),
        KindName::FixedTerm.word(),
        #[cfg(feature = "third-kind")]
        KindName::OpenTerm.word(),
    ];

    /// The word on the wire and in tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            KindName::Flexible => "flexible",
            KindName::FixedTerm => "fixed_term",
            #[cfg(feature = "third-kind")]
            KindName::OpenTerm => "open_term",
        }
    }

    /// Whether it runs for a term and ends with it.
    #[must_use]
    pub const fn has_term(self) -> bool {
        match self {
            KindName::Flexible => false,
            KindName::FixedTerm => true,
            #[cfg(feature = "third-kind")]
            KindName::OpenTerm => true,
        }
    }

    /// Whether rewards accrue first and are paid as the product's [`Distribution`] says. Otherwise each close pays the
    /// day's reward into Funding.
    #[must_use]
    pub const fn accrues(self) -> bool {
        match self {
            KindName::Flexible => false,
            KindName::FixedTerm => true,
            #[cfg(feature = "third-kind")]
            KindName::OpenTerm => false,
        }
    }

    /// Whether a further subscription adds to the customer's running position. Otherwise it opens another one. No kind both
    /// takes top-ups and renews: what a renewed position began with could not be told any more.
    #[must_use]
    pub const fn takes_top_ups(self) -> bool {
        match self {
            KindName::Flexible => true,
            KindName::FixedTerm => false,
            #[cfg(feature = "third-kind")]
            KindName::OpenTerm => false,
        }
    }

    /// How a position can be left before any end of its term.
    #[must_use]
    pub const fn leaving(self) -> Leaving {
        match self {
            KindName::Flexible => Leaving::AtWill,
            KindName::FixedTerm => Leaving::Early,
            #[cfg(feature = "third-kind")]
            KindName::OpenTerm => Leaving::AtWill,
        }
    }

    /// Whether a position can be left only early, at a price.
    #[must_use]
    pub const fn leaves_early(self) -> bool {
        matches!(self.leaving(), Leaving::Early)
    }

    /// Whether a matured position can start another term: it has one to renew.
    #[must_use]
    pub const fn can_renew(self) -> bool {
        self.has_term()
    }

    /// Whether the principal of a position stays what it was opened with until it ends. Where it does not, the stake's
    /// history is needed to derive its days again.
    #[must_use]
    pub const fn keeps_principal(self) -> bool {
        !self.takes_top_ups() && self.leaves_early()
    }

    /// The kind that a word names.
    #[must_use]
    pub fn of(word: &str) -> Option<KindName> {
        KindName::ALL.iter().copied().find(|name| name.word() == word)
    }

    /// The kind with a term, where it has one.
    ///
    /// # Errors
    /// [`NotAKind`] where the term is missing, or there must be none.
    pub const fn with_term(self, term_days: Option<u32>) -> Result<Kind, NotAKind> {
        match (self, term_days) {
            (KindName::Flexible, None) => Ok(Kind::Flexible),
            (KindName::Flexible, Some(_)) => Err(NotAKind::TermNotAllowed),
            (KindName::FixedTerm, Some(term_days)) => Ok(Kind::FixedTerm { term_days }),
            #[cfg(feature = "third-kind")]
            (KindName::OpenTerm, Some(term_days)) => Ok(Kind::OpenTerm { term_days }),
            (_, None) => Err(NotAKind::TermMissing),
        }
    }
}

impl Kind {
    /// Its name, without its term.
    #[must_use]
    pub const fn name(self) -> KindName {
        match self {
            Kind::Flexible => KindName::Flexible,
            Kind::FixedTerm { .. } => KindName::FixedTerm,
            #[cfg(feature = "third-kind")]
            Kind::OpenTerm { .. } => KindName::OpenTerm,
        }
    }

    /// Days of its term; `None` when it runs without an end.
    #[must_use]
    pub const fn term_days(self) -> Option<u32> {
        match self {
            Kind::Flexible => None,
            Kind::FixedTerm { term_days } => Some(term_days),
            #[cfg(feature = "third-kind")]
            Kind::OpenTerm { term_days } => Some(term_days),
        }
    }

    /// See [`KindName::accrues`].
    #[must_use]
    pub const fn accrues(self) -> bool {
        self.name().accrues()
    }

    /// See [`KindName::takes_top_ups`].
    #[must_use]
    pub const fn takes_top_ups(self) -> bool {
        self.name().takes_top_ups()
    }

    /// See [`KindName::leaving`].
    #[must_use]
    pub const fn leaving(self) -> Leaving {
        self.name().leaving()
    }

    /// See [`KindName::leaves_early`].
    #[must_use]
    pub const fn leaves_early(self) -> bool {
        self.name().leaves_early()
    }

    /// See [`KindName::can_renew`].
    #[must_use]
    pub const fn can_renew(self) -> bool {
        self.name().can_renew()
    }

    /// See [`KindName::keeps_principal`].
    #[must_use]
    pub const fn keeps_principal(self) -> bool {
        self.name().keeps_principal()
    }

    /// When rewards are paid if the operator does not say.
    #[must_use]
    pub const fn default_distribution(self) -> Distribution {
        if self.accrues() { Distribution::AtMaturity } else { Distribution::Daily }
    }

    /// How a position's rate is found if the operator does not say.
    #[must_use]
    pub const fn default_rate_mode(self) -> RateMode {
        if self.accrues() { RateMode::Locked } else { RateMode::Floating }
    }

    /// Why terms contradict what the kind is able to do, as a sentence; `None` when they do not.
    #[must_use]
    pub fn contradiction(self, distribution: Distribution, sale: &SaleTerms) -> Option<&'static str> {
        if self.term_days().is_some_and(|term_days| !(1..=TERM_DAYS_MAX).contains(&term_days)) {
            return Some("term_days is 1 to 3650");
        }
        if let Distribution::EveryNDays(every) = distribution
            && !(1..=TERM_DAYS_MAX).contains(&every)
        {
            return Some("every_n_days is 1 to 3650");
        }
        if !self.accrues() && distribution != Distribution::Daily {
            return Some(match self.name() {
                KindName::Flexible => "a flexible product distributes daily",
                KindName::FixedTerm => "a fixed_term product distributes daily",
                #[cfg(feature = "third-kind")]
                KindName::OpenTerm => "an open_term product distributes daily",
            });
        }
        if !self.can_renew() && sale.renewal {
            return Some("a flexible product has no term to renew");
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_names_its_kind_and_every_kind_its_word() {
        for name in KindName::ALL {
            assert_eq!(KindName::of(name.word()), Some(*name));
            let kinds: Vec<Kind> = [None, Some(7)].into_iter().filter_map(|term| name.with_term(term).ok()).collect();
            assert_eq!(kinds.len(), 1, "{name:?} either has a term or has none");
            assert_eq!((kinds[0].name(), kinds[0].term_days().is_some()), (*name, name.has_term()));
            assert!(KindName::WORDS.contains(&name.word()));
            assert!(!(kinds[0].takes_top_ups() && kinds[0].can_renew()), "{name:?}");
        }
        assert_eq!(KindName::of("elastic"), None);
        assert_eq!(KindName::Flexible.with_term(Some(7)), Err(NotAKind::TermNotAllowed));
        assert_eq!(KindName::FixedTerm.with_term(None), Err(NotAKind::TermMissing));
    }
}
