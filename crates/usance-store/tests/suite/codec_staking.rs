//! Samples of what stands in a record about subscriptions and redemptions, for [`super::codec`].

use super::codec::{DAY, stake, units};
use usance_core::id::{AccountIx, AgreementIx, CustomerIx, PositionId, ProductIx, RateVersionIx};
use usance_core::machine::verb::{Redeemed, Subscribed};
use usance_core::reward::clawback::RedemptionFigures;

pub fn subscribed() -> Subscribed {
    Subscribed {
        id: 701,
        position: PositionId(702),
        customer: CustomerIx(703),
        account: AccountIx(704),
        product: ProductIx(2),
        from_funding: units(705),
        from_spot: units(706),
        value_date: DAY,
        rate_version: RateVersionIx(707),
        agreement: AgreementIx(3),
        auto_renew: true,
        stake: stake(),
    }
}

pub fn figures() -> RedemptionFigures {
    RedemptionFigures {
        principal: units(801),
        clawback_distributed: units(802),
        clawback_from_funding: units(803),
        written_off: units(804),
        forfeited_accrued: units(805),
        payout: units(806),
        to_spot: units(807),
        to_funding: units(808),
        spot_part: units(809),
    }
}

pub fn redeemed(early: bool) -> Redeemed {
    Redeemed {
        id: 810,
        position: PositionId(811),
        customer: CustomerIx(812),
        account: AccountIx(813),
        product: ProductIx(4),
        early,
        figures: if early { figures() } else { RedemptionFigures::default() },
        stake: stake(),
    }
}
