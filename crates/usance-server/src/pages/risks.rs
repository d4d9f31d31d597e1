//! What can go wrong with a product, as sentences that follow from its terms: the one place that decides which.
//!
//! A page shows them beside what the operator wrote; the risks page explains each at length.

use crate::json::shape::{EarlyRedemptionWord, ExitWord, ProductShape, RateModeWord, SlashingWord, YieldSourceWord, YieldWord};

/// What a product's risks follow from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RiskTerms {
    /// Where its yield comes from.
    pub source: YieldSourceWord,
    /// Who bears what a network takes.
    pub slashing: SlashingWord,
    /// When whoever leaves is paid.
    pub exit: ExitWord,
    /// Whether its rate is what a network pays.
    pub follows_network: bool,
    /// Whether a position keeps the rate of its first day.
    pub is_locked: bool,
    /// Whether it has a term, and leaving before its end is early.
    pub has_term: bool,
    /// Whether that is possible.
    pub may_leave_early: bool,
}

impl RiskTerms {
    /// Those of a product.
    #[must_use]
    pub fn of(product: &ProductShape) -> RiskTerms {
        // What no release said of its stake is the platform's.
        let staking = product.staking.as_ref();
        RiskTerms {
            source: staking.map_or(YieldSourceWord::Platform, |staking| staking.yield_source),
            slashing: staking.map_or(SlashingWord::Platform, |staking| staking.slashing),
            exit: staking.map_or(ExitWord::Instant, |staking| staking.exit),
            follows_network: staking.is_some_and(|staking| matches!(staking.yields, YieldWord::Network { .. })),
            is_locked: product.rate == RateModeWord::Locked,
            has_term: product.kind.0.leaves_early(),
            may_leave_early: product.early_redemption == EarlyRedemptionWord::Clawback,
        }
    }

    /// The names of the sentences, in the order in which they are read.
    #[must_use]
    pub fn sentences(self) -> Vec<&'static str> {
        let stake: &[&str] = match (self.source, self.slashing) {
            (YieldSourceWord::Platform, SlashingWord::Platform) => &["risk-platform"],
            (YieldSourceWord::Platform, SlashingWord::Shared) => &["risk-platform", "risk-slashing-shared-later"],
            (YieldSourceWord::Network, SlashingWord::Platform) => &["risk-slashing-platform"],
            (YieldSourceWord::Network, SlashingWord::Shared) => &["risk-slashing-shared"],
        };
        let rate = match (self.is_locked, self.follows_network, self.source) {
            (true, ..) => "risk-rate-locked",
            (false, false, _) => "risk-rate-reference",
            (false, true, YieldSourceWord::Network) => "risk-rate-network",
            (false, true, YieldSourceWord::Platform) => "risk-rate-network-later",
        };
        let leaving = match (self.has_term && !self.may_leave_early, self.exit) {
            (true, _) => None,
            (false, ExitWord::Instant) => Some("risk-exit-instant"),
            (false, ExitWord::MayQueue) => Some("risk-exit-may_queue"),
        };
        let term = self.has_term.then_some("risk-lock-up");
        let all = ["risk-principal"].into_iter().chain(stake.iter().copied()).chain([rate]);
        all.chain(term).chain(leaving).chain(["risk-price"]).collect()
    }

    /// The name of what is said of leaving a product that can be left any time.
    #[must_use]
    pub const fn any_time(self) -> &'static str {
        match self.exit {
            ExitWord::Instant => "timeline-any-time-explain",
            ExitWord::MayQueue => "timeline-any-time-explain-may_queue",
        }
    }

    /// The name of the rule about redeeming such a product.
    #[must_use]
    pub const fn redeem_rule(self) -> &'static str {
        match self.exit {
            ExitWord::Instant => "rule-flexible-redeem",
            ExitWord::MayQueue => "rule-flexible-redeem-may_queue",
        }
    }
}

/// The names of the sentences about a product.
#[must_use]
pub fn sentences(product: &ProductShape) -> Vec<&'static str> {
    RiskTerms::of(product).sentences()
}

#[cfg(test)]
mod tests {
    use super::{ExitWord, RiskTerms, SlashingWord, YieldSourceWord};
    use crate::look::format::Language;
    use crate::look::words::Words;

    /// Every combination that there can be, with what has to be said and what must not.
    #[test]
    fn what_is_said_follows_from_the_terms_alone() {
        let mut combinations = 0;
        for bits in 0..128u32 {
            let is = |bit: u32| bits & (1 << bit) != 0;
            let terms = RiskTerms {
                source: if is(0) { YieldSourceWord::Network } else { YieldSourceWord::Platform },
                slashing: if is(1) { SlashingWord::Shared } else { SlashingWord::Platform },
                exit: if is(2) { ExitWord::MayQueue } else { ExitWord::Instant },
                follows_network: is(3),
                is_locked: is(4),
                has_term: is(5),
                may_leave_early: is(6),
            };
            combinations += 1;
            let said = terms.sentences();
            let says = |name: &str| said.contains(&name);
            assert!(said.first() == Some(&"risk-principal") && said.last() == Some(&"risk-price"), "{terms:?}: {said:?}");
            // Validators can be slashed where coins are staked, and nowhere else.
            let expected = [
                ("risk-platform", !is(0)),
                ("risk-slashing-shared-later", !is(0) && is(1)),
                ("risk-slashing-platform", is(0) && !is(1)),
                ("risk-slashing-shared", is(0) && is(1)),
                ("risk-rate-locked", is(4)),
                ("risk-rate-reference", !is(4) && !is(3)),
                ("risk-rate-network", !is(4) && is(3) && is(0)),
                ("risk-rate-network-later", !is(4) && is(3) && !is(0)),
                ("risk-lock-up", is(5)),
                ("risk-exit-instant", !is(2) && (!is(5) || is(6))),
                ("risk-exit-may_queue", is(2) && (!is(5) || is(6))),
            ];
            for (name, is_said) in expected {
                assert_eq!(says(name), is_said, "{terms:?}: {name}");
            }
            assert_eq!(
                said.len(),
                2 + expected.iter().filter(|(_, is_said)| *is_said).count(),
                "{terms:?}: nothing else, and nothing twice"
            );
            let words = Words::new(Language::English);
            assert!(
                said.iter().all(|name| words.knows(name)) && words.knows(terms.any_time()) && words.knows(terms.redeem_rule()),
                "{said:?}"
            );
        }
        assert_eq!(combinations, 128);
    }

    /// The words themselves: no promise of instant payment where one may wait, no slash where nothing is staked.
    #[test]
    fn the_words_say_what_their_names_do() {
        let words = Words::new(Language::English);
        let says = |name: &str, text: &str| words.say(name).contains(text);
        assert!(says("risk-platform", "no validator can be slashed") && says("risk-slashing-platform", "The platform bears"));
        assert!(says("risk-slashing-shared", "reduces your principal") && says("risk-slashing-shared-later", "later"));
        assert!(says("timeline-any-time-explain", "at once") && !says("timeline-any-time-explain-may_queue", "at once"));
        assert!(says("risk-exit-instant", "at once") && says("risk-exit-may_queue", "wait"));
    }
}
