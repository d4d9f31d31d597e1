//! What customers bear of a loss: who would, how much of it at most, and how far two people's word has been carried out (TREASURY 8).
//!
//! Who bears is frozen in the instant in which the evidence counts. Until two people allocate the loss, whoever leaves keeps back what it
//! would bear at most; then each bears its part, one after another. Nothing here knows a position or an exit beyond its number.

use crate::money::{Amount, mul_div};
use crate::pieces::Column;
use crate::pieces::packed::{Packed48, Packed96};
use serde::{Deserialize, Serialize};

/// One that bears: a position, or an exit that waited already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bearer {
    /// The number of the position, or of the exit's redemption.
    pub number: Packed48,
    /// What of it bears.
    pub principal: Packed96,
    /// What it has borne.
    pub borne: Packed96,
    /// What of that was a position's that ran; the rest was kept back of it, or waited.
    pub of_position: Packed96,
    /// The position that it was when it bore: one that was renewed bears as the one that continues it. 0 until then, and of an exit.
    pub bore_as: Packed48,
}

impl Bearer {
    /// One that has borne nothing yet.
    #[must_use]
    pub const fn new(number: u64, principal: Amount) -> Bearer {
        Bearer {
            number: Packed48::new(number),
            principal: Packed96::new(principal),
            borne: Packed96::new(Amount::ZERO),
            of_position: Packed96::new(Amount::ZERO),
            bore_as: Packed48::new(0),
        }
    }
}

/// One after another gets its part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turns {
    /// What all of them get together at most.
    pub amount: Amount,
    /// What they have got.
    pub given: Amount,
    /// The first one who has not had its turn: positions first, then exits.
    pub next: u64,
}

impl Turns {
    /// What nobody has got yet.
    #[must_use]
    pub const fn left(&self) -> Amount {
        self.amount.left_after(self.given)
    }
    /// One had its turn.
    pub const fn took(&mut self, place: u64, amount: Amount) {
        self.given = self.given.plus(amount);
        self.next = place.saturating_add(1);
    }
}

/// Who of its customers bears a loss.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bearing {
    /// Positions, by number.
    #[serde(skip)]
    pub positions: Column<Bearer>,
    /// Exits, by the numbers of their redemptions.
    #[serde(skip)]
    pub exits: Column<Bearer>,
    /// What of all of them bears.
    pub principal: Amount,
    /// What all of them bear at most.
    pub at_most: Amount,
    /// Two people have said what they bear, and not all have borne it yet.
    pub sharing: Option<Turns>,
    /// Something came back, and not all have got their part yet.
    pub returning: Option<Turns>,
}

impl Bearing {
    /// Adds one that bears; they come by number.
    pub fn add(&mut self, is_exit: bool, number: u64, principal: Amount) {
        let column = if is_exit { &mut self.exits } else { &mut self.positions };
        column.push(Bearer::new(number, principal));
        self.principal = self.principal.plus(principal);
    }
    /// Says what all bear at most: of the loss their part of all coins of the treasury before it, and never all that they have.
    pub fn bound(&mut self, loss: Amount, coins: Amount) {
        let (part, _) = mul_div(loss.units(), self.principal.units(), coins.units().max(1));
        self.at_most = Amount::from_units(part).min(loss).min(self.principal.left_after(Amount::ONE));
    }
    /// Whether nobody bears.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty() && self.exits.is_empty()
    }
    /// How many bear.
    #[must_use]
    pub fn count(&self) -> u64 {
        u64::try_from(self.positions.len().saturating_add(self.exits.len())).unwrap_or(u64::MAX)
    }
    /// Of what all bear, the part of one, rounded down.
    #[must_use]
    pub fn part(&self, bearer: &Bearer, of: Amount) -> Amount {
        Amount::from_units(mul_div(bearer.principal.get().units(), of.units(), self.principal.units()).0)
    }
    /// What one bears at most.
    #[must_use]
    pub fn at_most_of(&self, bearer: &Bearer) -> Amount {
        self.part(bearer, self.at_most)
    }
    /// The one at a place, and whether it is an exit.
    #[must_use]
    pub fn at(&self, place: u64) -> Option<(&Bearer, bool)> {
        let place = usize::try_from(place).ok()?;
        if let Some(bearer) = self.positions.get(place) {
            return Some((bearer, false));
        }
        Some((self.exits.get(place.checked_sub(self.positions.len())?)?, true))
    }
    /// The same, to be changed.
    pub fn at_mut(&mut self, place: u64) -> Option<&mut Bearer> {
        let place = usize::try_from(place).ok()?;
        let exit = place.checked_sub(self.positions.len());
        exit.map_or_else(|| self.positions.get_mut(place), |exit| self.exits.get_mut(exit))
    }
    /// A position that bears, and its place.
    #[must_use]
    pub fn position(&self, number: u64) -> Option<(u64, &Bearer)> {
        found(&self.positions, number)
    }
}

fn found(bearers: &Column<Bearer>, number: u64) -> Option<(u64, &Bearer)> {
    let (mut low, mut high) = (0_usize, bearers.len());
    while low < high {
        let middle = low.midpoint(high);
        let bearer = bearers.get(middle)?;
        if bearer.number.get() == number {
            return Some((u64::try_from(middle).ok()?, bearer));
        }
        if bearer.number.get() < number { low = middle.saturating_add(1) } else { high = middle }
    }
    None
}

/// An amount pro rata over a Spot and a Funding part, which are no smaller together: the Spot part is rounded down.
#[must_use]
pub fn pro_rata(amount: Amount, spot: Amount, funding: Amount) -> (Amount, Amount) {
    let (units, _) = mul_div(amount.units(), spot.units(), spot.plus(funding).units());
    let to_spot = Amount::from_units(units);
    (to_spot, amount.left_after(to_spot))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(units: u128) -> Amount {
        Amount::from_units(units)
    }

    #[test]
    fn customers_bear_their_part_of_all_coins_and_never_all_that_they_have() {
        let mut bearing = Bearing::default();
        bearing.add(false, 3, units(100));
        bearing.add(false, 8, units(200));
        bearing.add(true, 5, units(1));
        bearing.bound(units(100), units(602));
        assert_eq!((bearing.principal, bearing.at_most), (units(301), units(50)));
        let parts: Vec<u128> = (0..3).filter_map(|place| bearing.at(place)).map(|(one, _)| bearing.at_most_of(one).units()).collect();
        assert_eq!(parts, [16, 33, 0]);
        assert_eq!(bearing.position(8).map(|(place, _)| place), Some(1));
        assert_eq!((bearing.position(5), bearing.at(3)), (None, None));
        bearing.bound(units(400), units(300));
        assert_eq!(bearing.at_most, units(300), "one unit less than all of it");
        let keeps = |place| bearing.at(place).is_some_and(|(one, _)| bearing.at_most_of(one) < one.principal.get());
        assert!((0..3).all(keeps), "each keeps something");
    }

    #[test]
    fn a_part_of_both_accounts_is_in_both() {
        assert_eq!(pro_rata(units(7), units(2), units(1)), (units(4), units(3)));
        assert_eq!(pro_rata(units(3), units(2), units(1)), (units(2), units(1)));
        assert_eq!(pro_rata(units(1), units(0), units(5)), (units(0), units(1)));
        assert_eq!(pro_rata(units(0), units(0), units(0)), (units(0), units(0)));
    }

    proptest::proptest! {
        #[test]
        fn no_part_is_larger_than_what_it_is_of(spot in 0u128..1_000, funding in 0u128..1_000, part in 0u128..=1_000) {
            let amount = (spot + funding) * part / 1_000;
            let (to_spot, to_funding) = pro_rata(units(amount), units(spot), units(funding));
            proptest::prop_assert_eq!(to_spot.plus(to_funding), units(amount));
            proptest::prop_assert!(to_spot <= units(spot) && to_funding <= units(funding));
        }
    }
}
