//! What any redemption pays, takes back and forfeits: the figures a customer is shown and the ones that are booked.
//!
//! A preview and a decision call the same two functions, so they agree by construction.

use crate::money::Amount;
use serde::{Deserialize, Serialize};

/// Spot or Funding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AccountKind {
    /// The trading account.
    Spot,
    /// The account rewards are paid into.
    Funding,
}

impl AccountKind {
    /// The customer's other account.
    #[must_use]
    pub const fn other(self) -> AccountKind {
        match self {
            AccountKind::Spot => AccountKind::Funding,
            AccountKind::Funding => AccountKind::Spot,
        }
    }
}

/// Every amount of a redemption (RULES 8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedemptionFigures {
    /// Principal that leaves the position.
    pub principal: Amount,
    /// All that is taken back of what was paid: from the principal and from Funding.
    pub clawback_distributed: Amount,
    /// The part of it that Funding has to give.
    pub clawback_from_funding: Amount,
    /// What neither reaches: the pool bears it.
    pub written_off: Amount,
    /// Accrued rewards that are not paid any more.
    pub forfeited_accrued: Amount,
    /// Principal that is paid out.
    pub payout: Amount,
    /// The part of the payout that goes to Spot.
    pub to_spot: Amount,
    /// The part of the payout that goes to Funding.
    pub to_funding: Amount,
    /// How much less of the remaining principal counts as having come from Spot.
    pub spot_part: Amount,
}

/// A flexible redemption: nothing is taken back; the Spot part is used up first, unless `to` names an account.
#[must_use]
pub fn flexible(amount: Amount, from_spot: Amount, to: Option<AccountKind>) -> RedemptionFigures {
    let spot_part = amount.min(from_spot);
    pay_out(RedemptionFigures { principal: amount, payout: amount, spot_part, ..RedemptionFigures::default() }, spot_part, to)
}

/// An early exit: `payout = principal - distributed`; what the principal cannot give, Funding gives as far as it
/// reaches, and the rest is written off. The deduction falls on the part that came from Funding first.
///
/// ```
/// use usance_core::{money::Amount, reward::clawback::early};
/// let units = Amount::from_units;
/// // 100 staked (40 from Spot), 70 already paid out: 30 come back, all of it Spot's.
/// let figures = early(units(100), units(40), units(70), units(5), units(0), None);
/// assert_eq!((figures.payout, figures.to_spot, figures.to_funding), (units(30), units(30), units(0)));
/// assert_eq!((figures.clawback_distributed, figures.forfeited_accrued), (units(70), units(5)));
/// ```
#[must_use]
pub fn early(
    principal: Amount,
    from_spot: Amount,
    distributed: Amount,
    accrued: Amount,
    funding_balance: Amount,
    to: Option<AccountKind>,
) -> RedemptionFigures {
    let from_principal = distributed.min(principal);
    let beyond = distributed.left_after(principal);
    let clawback_from_funding = beyond.min(funding_balance);
    let from_funding = principal.left_after(from_spot);
    let borne_by_spot_part = from_principal.left_after(from_funding);
    pay_out(
        RedemptionFigures {
            principal,
            clawback_distributed: from_principal.plus(clawback_from_funding),
            clawback_from_funding,
            written_off: beyond.left_after(clawback_from_funding),
            forfeited_accrued: accrued,
            payout: principal.left_after(from_principal),
            spot_part: from_spot,
            ..RedemptionFigures::default()
        },
        from_spot.left_after(borne_by_spot_part),
        to,
    )
}

fn pay_out(figures: RedemptionFigures, spot_share: Amount, to: Option<AccountKind>) -> RedemptionFigures {
    let to_spot = match to {
        None => spot_share,
        Some(AccountKind::Spot) => figures.payout,
        Some(AccountKind::Funding) => Amount::ZERO,
    };
    RedemptionFigures { to_spot, to_funding: figures.payout.left_after(to_spot), ..figures }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn nothing_is_created_or_lost(
            principal in 1u128..1000, spot in 0u128..1000, distributed in 0u128..3000, accrued in 0u128..50, funding in 0u128..3000,
            to in proptest::option::of(proptest::bool::ANY),
        ) {
            let units = Amount::from_units;
            let from_spot = units(spot.min(principal));
            let to = to.map(|spot| if spot { AccountKind::Spot } else { AccountKind::Funding });
            let figures = early(units(principal), from_spot, units(distributed), units(accrued), units(funding), to);
            proptest::prop_assert_eq!(figures.to_spot.plus(figures.to_funding), figures.payout);
            proptest::prop_assert_eq!(figures.clawback_distributed.plus(figures.written_off), units(distributed));
            proptest::prop_assert_eq!(figures.payout.plus(figures.clawback_distributed), figures.principal.plus(figures.clawback_from_funding));
            proptest::prop_assert!(figures.clawback_from_funding <= units(funding));
            proptest::prop_assert!(to.is_some() || figures.to_spot <= from_spot);
            let part = flexible(units(principal), from_spot, to);
            proptest::prop_assert_eq!(part.to_spot.plus(part.to_funding), units(principal));
        }
    }
}
