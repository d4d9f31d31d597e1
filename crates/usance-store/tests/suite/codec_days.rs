//! Samples of closed days, for [`super::codec`].

use usance_core::calendar::Day;
use usance_core::id::{PositionId, ProductIx, RateVersionIx};
use usance_core::machine::Event;
use usance_core::machine::day::{DayClosed, ProductDay, WithheldDay, YieldClosed};
use usance_core::money::{Amount, Rate};

const DAY: Day = Day::from_number(20_454);

fn units(units: u128) -> Amount {
    Amount::from_units(units)
}

pub fn product_day() -> ProductDay {
    ProductDay {
        product: ProductIx(5),
        version: RateVersionIx(901),
        settled: Rate::from_units(902),
        earning_positions: 903,
        rewards: units(904),
        distributed: units(905),
        matured: 906,
        returned_spot: units(907),
        returned_funding: units(908),
        renewed: 909,
        renewed_principal: units(910),
    }
}

pub fn withheld_day() -> WithheldDay {
    WithheldDay { product: ProductIx(5), positions: 912, amount: units(913) }
}

/// A close; where networks' yields were divided, by the rule that says so.
pub fn day_closed(products: Vec<ProductDay>, yields: Vec<YieldClosed>) -> Event {
    day_closed_with(products, yields, vec![])
}

/// A close; where something of a term was withheld, by the rule that says so.
pub fn day_closed_with(products: Vec<ProductDay>, yields: Vec<YieldClosed>, withheld: Vec<WithheldDay>) -> Event {
    let rule = DayClosed::rule_of(&yields, &withheld);
    let digest = std::array::from_fn(|index| u8::try_from(index).unwrap());
    Event::DayClosed(Box::new(DayClosed { day: DAY, rule, products, next_position: PositionId(911), digest, yields, withheld }))
}
