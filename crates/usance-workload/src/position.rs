//! What becomes of a position by its owner's hand: redemptions and automatic renewal.

use crate::amount::written;
use crate::dice::Dice;
use crate::situation::Held;
use crate::workload::Workload;
use usance_core::id::PositionId;
use usance_core::machine::Command;
use usance_core::machine::verb::Redeem;
use usance_core::reward::clawback::AccountKind::{Funding, Spot};

impl Workload<'_> {
    /// A position and its owner: mostly one that runs, now and then any number and any customer.
    pub(crate) fn position(&self, dice: &mut Dice<'_>) -> (String, Option<PositionId>) {
        let wild = dice.once_in(12);
        let numbered = |number| self.situation.position(number).map(|held| (number, held));
        let all = (0..self.situation.positions()).filter_map(numbered);
        let active: Vec<(usize, Held<'_>)> = all.filter(|(_, held)| held.is_active).collect();
        if wild || active.is_empty() {
            let id = dice.one_of(&[1, 2, 3, 5, 8, 0, 1_000_000]);
            let position = (dice.below(8) != 7).then_some(PositionId(id));
            return (dice.one_of(&self.cast.customers), position);
        }
        // Those of mixed origin or with something waiting, if there are any, every other time.
        let delicate: Vec<(usize, Held<'_>)> = active.iter().copied().filter(|(_, held)| is_delicate(held)).collect();
        let among = if delicate.is_empty() || dice.below(2) == 0 { &active } else { &delicate };
        let (number, held) = among[dice.index(among.len())];
        (held.owner.to_owned(), Some(PositionId::from_index(number)))
    }

    /// Somebody switches automatic renewal.
    pub(crate) fn renewal(&self, dice: &mut Dice<'_>) -> Command {
        let (customer, position) = self.position(dice);
        Command::SetAutoRenew { customer, position, auto_renew: dice.below(4) != 1 }
    }

    /// Somebody takes out all or a part.
    pub(crate) fn redemption(&self, dice: &mut Dice<'_>) -> Command {
        let (customer, position) = self.position(dice);
        let number = position.and_then(|id| usize::try_from(id.0).ok()?.checked_sub(1));
        let own = number.and_then(|number| Some((number, self.situation.position(number)?)));
        if let Some((number, held)) = own.filter(|(_, held)| held.owner == customer) {
            let units = match dice.below(8) {
                0..=3 => None,
                4 | 5 => Some(held.principal / 3),
                6 => Some(held.principal + u128::from(dice.below(2))),
                _ => Some(u128::from(dice.byte())),
            };
            return self.redemption_of(dice, number, units);
        }
        let quoted_payout = Some("1".to_owned());
        Command::Redeem(Redeem { customer, position, amount: None, to: None, quoted_payout, quoted_from_funding: None })
    }

    /// Whoever's rewards have outgrown the principal leaves early: mostly Funding is emptied first, so that nothing is there
    /// to take back from. Where nothing has outgrown its principal, somebody takes out all or a part.
    pub(crate) fn outgrown(&self, dice: &mut Dice<'_>) -> Command {
        let outgrown = (0..self.situation.positions()).find_map(|number| {
            let held = self.situation.position(number).filter(|held| held.is_active && held.distributed > held.principal)?;
            let offer = self.situation.offer(held.product).filter(|offer| offer.leaves_early)?;
            // Some terms may not be left.
            self.situation.quote(&all_of(number, &held)).map(|_| (number, held, offer))
        });
        let Some((number, held, offer)) = outgrown else { return self.redemption(dice) };
        let funding = self.situation.balance(held.owner, offer.asset, Funding);
        if funding == 0 || dice.once_in(3) {
            return self.redemption_of(dice, number, None);
        }
        let (customer, asset, amount) = (held.owner.to_owned(), offer.asset.to_owned(), written(funding, offer.decimals));
        Command::Transfer { customer, asset, from: Funding, to: Spot, amount }
    }

    /// A redemption of the position with this number, with the quote that its customer is shown, or one that is a unit off.
    pub fn redemption_of(&self, dice: &mut Dice<'_>, number: usize, units: Option<u128>) -> Command {
        let Some(held) = self.situation.position(number) else { return self.redemption(dice) };
        let offer = self.situation.offer(held.product);
        let decimals = offer.map_or(0, |offer| offer.decimals);
        let mut asked = all_of(number, &held);
        asked.amount = units.map(|units| written(units, decimals));
        asked.to = dice.one_of(&[None, None, Some(Spot), Some(Funding)]);
        if let Some(quote) = self.situation.quote(&asked) {
            let off = u128::from(dice.once_in(8));
            let must_be_quoted = offer.is_some_and(|offer| offer.leaves_early);
            let quoted = if must_be_quoted { !dice.once_in(12) } else { dice.below(2) == 1 };
            asked.quoted_payout = quoted.then(|| written(quote.payout + off, decimals));
            let off = u128::from(dice.once_in(8));
            asked.quoted_from_funding = (quote.from_funding + off > 0).then(|| written(quote.from_funding + off, decimals));
            if dice.once_in(24) {
                asked.quoted_payout = Some("1e".to_owned());
            }
            // What is not there at once is mostly queued, and now and then what is.
            let queues = quote.is_at_once.is_some_and(|at_once| if at_once { dice.once_in(6) } else { dice.below(4) != 3 });
            if queues {
                return Command::QueueExit(asked);
            }
        }
        Command::Redeem(asked)
    }
}

/// All of a position, without a quote.
fn all_of(number: usize, held: &Held<'_>) -> Redeem {
    Redeem {
        customer: held.owner.to_owned(),
        position: Some(PositionId::from_index(number)),
        amount: None,
        to: None,
        quoted_payout: None,
        quoted_from_funding: None,
    }
}

/// Of mixed origin, or with a part that waits for its value date.
fn is_delicate(held: &Held<'_>) -> bool {
    let mixed = held.from_spot > 0 && held.from_spot < held.principal;
    mixed || (held.earning > 0 && held.earning < held.principal)
}
