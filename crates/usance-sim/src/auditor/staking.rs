//! Subscriptions and redemptions: every check in its order, every amount, then the change (RULES 6, 8).

use super::arithmetic::{MOST, read};
use super::days::{NewPosition, signed};
use super::refused::{Refused, Told};
use super::sharing::both;
use super::terms::Product;
use super::verbs::{REDEMPTIONS, SUBSCRIPTIONS, positive};
use super::{Account, Auditor, Lot};
use crate::facts::Facts;
use usance_core::id::PositionId;
use usance_core::machine::verb::{Redeem, Source, Subscribe};
use usance_core::position::PositionState;
use usance_core::product::Status;
use usance_core::reward::clawback::AccountKind;

/// Every amount of a redemption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Principal that leaves.
    pub principal: u128,
    /// Taken back of what was paid.
    pub clawback_distributed: u128,
    /// The part of it from Funding.
    pub clawback_from_funding: u128,
    /// What could not be taken back.
    pub written_off: u128,
    /// Accrued and lost.
    pub forfeited_accrued: u128,
    /// Paid out.
    pub payout: u128,
    /// The part of it to Spot.
    pub to_spot: u128,
    /// The part of the principal's Spot part that is used up.
    pub spot_part: u128,
}

impl Figures {
    /// As facts.
    #[must_use]
    pub fn facts(&self) -> Facts {
        Facts::of("redemption")
            .with("leaves", self.principal)
            .with("clawback_distributed", self.clawback_distributed)
            .with("clawback_from_funding", self.clawback_from_funding)
            .with("figures_written_off", self.written_off)
            .with("forfeited_accrued", self.forfeited_accrued)
            .with("payout", self.payout)
            .with("to_spot", self.to_spot)
            .with("to_funding", self.payout - self.to_spot)
            .with("spot_part", self.spot_part)
    }
}

/// What a subscription would do.
pub struct Subscribing {
    pub(super) customer: usize,
    pub(super) product: usize,
    pub(super) units: u128,
    pub(super) from_funding: u128,
    /// The flexible position that it adds to.
    pub(super) adds_to: Option<usize>,
    pub(super) value_date: i64,
}

/// What is staked, wherever it came from.
pub(super) struct Entering {
    pub customer: usize,
    pub product: usize,
    pub units: u128,
    pub from_spot: u128,
    /// The flexible position that it adds to.
    pub adds_to: Option<usize>,
    pub value_date: i64,
}

impl Auditor {
    pub(super) fn subscribe(&mut self, asked: &Subscribe, at: i64) -> Told {
        let doing = self.check_subscription(asked, at)?;
        let Subscribing { customer, product, units, from_funding, adds_to, value_date } = doing;
        let asset = self.products[product].asset;
        self.take(customer, asset, Account::Funding, from_funding);
        self.take(customer, asset, Account::Spot, units - from_funding);
        let entering = Entering { customer, product, units, from_spot: units - from_funding, adds_to, value_date };
        let number = self.enter(&entering, asked.auto_renew, at);
        let id = self.count(SUBSCRIPTIONS);
        Ok(Facts::of("subscribed").with("subscription", id).with_all(self.position_facts(number)))
    }

    /// What was taken from somewhere opens a position or adds to one; gives its number.
    pub(super) fn enter(&mut self, entering: &Entering, auto_renew: bool, at: i64) -> usize {
        let Entering { customer, product, units, from_spot, adds_to, value_date } = *entering;
        let lot = Lot { units, value_date };
        if let Some(number) = adds_to {
            let position = &mut self.positions[number];
            position.lots.push(lot);
            position.from_spot += from_spot;
            position.opened += units;
            return number;
        }
        let locked = if self.products[product].locked { self.products[product].reference(self.today).cloned() } else { None };
        let agreement = self.agreements.len() - 1;
        self.open(NewPosition { customer, product, lot, from_spot, locked, auto_renew, agreement, at });
        self.positions.len() - 1
    }

    /// Every check of a subscription in its order (RULES 6).
    ///
    /// # Errors
    /// The first that fails.
    pub fn check_subscription(&self, asked: &Subscribe, at: i64) -> Result<Subscribing, Refused> {
        let customer = self.customer(&asked.customer)?;
        let product = self.product(&asked.product)?;
        let terms = &self.products[product];
        let units = self.check_entry(customer, product, &asked.agreement, at, || positive(&asked.amount, terms.decimals, "amount"))?;
        let (funding, spot) = (self.balance(customer, terms.asset, Account::Funding), self.balance(customer, terms.asset, Account::Spot));
        let (available, from_funding) = match asked.source {
            Source::Funding => (funding, units),
            Source::Spot => (spot, 0),
            Source::FundingThenSpot => (funding + spot, units.min(funding)),
        };
        if units > available {
            return Err(Refused::about("insufficient_balance", terms.asset).with("available", available));
        }
        if asked.auto_renew && (terms.term.is_none() || !terms.sale.renewal) {
            return Err(Refused::of("renewal_not_allowed"));
        }
        let adds_to = self.check_whole(customer, product, units)?;
        Ok(Subscribing { customer, product, units, from_funding, adds_to, value_date: self.value_date(at) })
    }

    /// Checks of whatever is staked, up to the limits.
    pub(super) fn check_entry(
        &self,
        customer: usize,
        product: usize,
        agreement: &str,
        at: i64,
        amount: impl Fn() -> Result<u128, Refused>,
    ) -> Result<u128, Refused> {
        let terms = &self.products[product];
        if terms.status == Status::Draft {
            return Err(Refused::of("product_not_found"));
        }
        check_sale(terms, at)?;
        if self.agreements.last().is_none_or(|in_force| in_force != agreement) {
            let in_force = self.agreements.last().map_or("none", String::as_str);
            return Err(Refused::of("agreement_not_accepted").with("in_force", in_force));
        }
        let units = amount()?;
        self.check_limits(product, customer, units)?;
        Ok(units)
    }

    /// The position that an amount adds to, which has a bound as a whole.
    pub(super) fn check_whole(&self, customer: usize, product: usize, units: u128) -> Result<Option<usize>, Refused> {
        let terms = &self.products[product];
        let mut of_mine = self.positions.iter().enumerate().filter(|(_, each)| each.product == product && each.customer == customer);
        let adds_to = if terms.term.is_none() { of_mine.find(|(_, each)| each.is_active()).map(|(number, _)| number) } else { None };
        if adds_to.map_or(0, |number| self.positions[number].principal()) + units > MOST {
            return Err(Refused::about("above_limit", terms.asset).with("limit", MOST));
        }
        Ok(adds_to)
    }

    fn check_limits(&self, product: usize, customer: usize, units: u128) -> Result<(), Refused> {
        let terms = &self.products[product];
        if units < terms.sale.minimum {
            return Err(Refused::about("below_minimum", terms.asset).with("minimum", terms.sale.minimum));
        }
        if let Some(step) = terms.sale.step.filter(|step| !units.is_multiple_of(*step)) {
            return Err(Refused::about("not_a_step_multiple", terms.asset).with("step", step));
        }
        let left = |most: Option<u128>, held: u128| most.map(|most| most.saturating_sub(held)).filter(|left| units > *left);
        if let Some(left) = left(terms.sale.personal_maximum, self.staked(product, Some(customer))) {
            return Err(Refused::about("above_personal_maximum", terms.asset).with("left", left));
        }
        if let Some(left) = left(terms.sale.capacity, self.staked(product, None)) {
            return Err(Refused::about("above_capacity", terms.asset).with("left", left));
        }
        Ok(())
    }

    pub(super) fn own(&self, customer: &str, id: Option<PositionId>) -> Result<usize, Refused> {
        let customer = self.customer(customer)?;
        let number = id.and_then(|id| usize::try_from(id.0).ok()?.checked_sub(1));
        let number = number.filter(|number| self.positions.get(*number).is_some_and(|position| position.customer == customer));
        let number = number.ok_or_else(|| Refused::of("position_not_found"))?;
        if self.positions[number].is_active() { Ok(number) } else { Err(Refused::of("position_closed")) }
    }

    pub(super) fn set_auto_renew(&mut self, customer: &str, position: Option<PositionId>, auto_renew: bool) -> Told {
        let number = self.own(customer, position)?;
        let terms = &self.products[self.positions[number].product];
        if auto_renew && (terms.term.is_none() || !terms.sale.renewal) {
            return Err(Refused::of("renewal_not_allowed"));
        }
        self.positions[number].auto_renew = auto_renew;
        Ok(Facts::of("position").with_all(self.position_facts(number)))
    }

    /// What a redemption would do, before its quote is looked at.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn check_redemption(&self, asked: &Redeem) -> Result<(usize, Figures), Refused> {
        let number = self.own(&asked.customer, asked.position)?;
        let position = &self.positions[number];
        let terms = &self.products[position.product];
        let principal = position.principal();
        let Some(term) = terms.term else {
            let units = match &asked.amount {
                None => principal,
                Some(text) => positive(text, terms.decimals, "amount")?,
            };
            if units > principal {
                return Err(Refused::about("above_principal", terms.asset).with("principal", principal));
            }
            let spot_part = units.min(position.from_spot);
            let figures = Figures { principal: units, payout: units, spot_part, ..Figures::default() };
            return Ok((number, aimed(figures, spot_part, asked.to)));
        };
        if !terms.early {
            return Err(Refused::of("early_redemption_not_allowed").with("matures_at", self.start_of(position.value_date + term)));
        }
        if asked.amount.as_ref().is_some_and(|text| read(text, terms.decimals) != Some(principal)) {
            return Err(Refused::about("partial_not_allowed", terms.asset).with("principal", principal));
        }
        let deducted = position.distributed.min(principal);
        let from_funding = (position.distributed - deducted).min(self.balance(position.customer, terms.asset, Account::Funding));
        // The part from Funding bears the deduction first.
        let borne_by_spot = deducted.saturating_sub(principal - position.from_spot);
        let figures = Figures {
            principal,
            clawback_distributed: deducted + from_funding,
            clawback_from_funding: from_funding,
            written_off: position.distributed - deducted - from_funding,
            forfeited_accrued: position.accrued,
            payout: principal - deducted,
            to_spot: 0,
            spot_part: position.from_spot,
        };
        Ok((number, aimed(figures, position.from_spot - borne_by_spot, asked.to)))
    }

    pub(super) fn redeem(&mut self, asked: &Redeem, at: i64) -> Told {
        let (number, figures) = self.quoted_redemption(asked)?;
        self.check_at_once(number, &figures, at)?;
        let withheld = self.withheld_of(number, &figures);
        if withheld == 0 {
            return Ok(self.pay_at_once(number, &figures, at));
        }
        let (spot, funding) = both(withheld, figures.to_spot, figures.payout - figures.to_spot);
        let (customer, asset) = (self.positions[number].customer, self.products[self.positions[number].product].asset);
        let promised = self.day_of(at);
        self.count_at_once(number, &figures, withheld, at);
        let redemption = self.leave_position(number, &figures, at);
        self.give(customer, asset, Account::Spot, figures.to_spot - spot);
        self.give(customer, asset, Account::Funding, figures.payout - figures.to_spot - funding);
        self.wait(redemption, number, (spot, funding), withheld, promised, at);
        self.met.insert("what is withheld of what is paid at once");
        Ok(self.queued_facts(redemption, number, &figures))
    }

    /// Every check of a redemption but whether it can be paid at once.
    pub(super) fn quoted_redemption(&self, asked: &Redeem) -> Result<(usize, Figures), Refused> {
        let (number, figures) = self.check_redemption(asked)?;
        let product = self.positions[number].product;
        let (asset, decimals, early) =
            (self.products[product].asset, self.products[product].decimals, self.products[product].term.is_some());
        let quoted = |text: &Option<String>, field| match text {
            None => Ok(None),
            Some(text) => read(text, decimals).map(Some).ok_or_else(|| Refused::amount(field)),
        };
        let payout = quoted(&asked.quoted_payout, "quoted_payout")?;
        let from_funding = quoted(&asked.quoted_from_funding, "quoted_from_funding")?;
        let payout_right = payout.map_or(!early, |payout| payout == figures.payout);
        if !payout_right || from_funding.unwrap_or(0) != figures.clawback_from_funding {
            return Err(Refused(Refused::about("quote_changed", asset).0.with_all(figures.facts())));
        }
        Ok((number, figures))
    }

    /// Leaves a position and pays it out.
    pub(super) fn pay_at_once(&mut self, number: usize, figures: &Figures, at: i64) -> Facts {
        self.count_at_once(number, figures, 0, at);
        let id = self.leave_position(number, figures, at);
        let (customer, product) = (self.positions[number].customer, &self.products[self.positions[number].product]);
        let (asset, early) = (product.asset, product.term.is_some());
        self.give(customer, asset, Account::Spot, figures.to_spot);
        self.give(customer, asset, Account::Funding, figures.payout - figures.to_spot);
        Facts::of("redeemed").with("redemption", id).with("early", early).with_all(figures.facts()).with_all(self.position_facts(number))
    }

    /// Leaves a position, with what is taken back; nobody has been paid yet. Gives the redemption's number.
    pub(super) fn leave_position(&mut self, number: usize, figures: &Figures, at: i64) -> u64 {
        let (customer, product) = (self.positions[number].customer, &self.products[self.positions[number].product]);
        let (asset, early, is_passed_on) = (product.asset, product.term.is_some(), product.passing.is_some());
        if early {
            self.leave_early(number, figures, at)
        } else {
            self.leave(number, figures, at)
        }
        self.take(customer, asset, Account::Funding, figures.clawback_from_funding);
        let back = figures.clawback_distributed + figures.forfeited_accrued;
        let source = if is_passed_on { &mut self.pots[asset].units } else { &mut self.pool[asset] };
        *source += signed(back);
        self.count(REDEMPTIONS)
    }

    /// A flexible position gives first what has not started earning.
    fn leave(&mut self, number: usize, figures: &Figures, at: i64) {
        let today = self.today;
        let position = &mut self.positions[number];
        let mut left = figures.principal;
        position.lots.sort_by_key(|lot| lot.value_date <= today);
        for lot in &mut position.lots {
            let taken = lot.units.min(left);
            lot.units -= taken;
            left -= taken;
        }
        position.lots.retain(|lot| lot.units > 0);
        position.from_spot -= figures.spot_part;
        position.returned += figures.payout;
        if position.lots.is_empty() {
            position.state = PositionState::Redeemed;
            position.closed_at = Some(at);
        }
    }

    fn leave_early(&mut self, number: usize, figures: &Figures, at: i64) {
        let position = &mut self.positions[number];
        position.lots.clear();
        position.accrued = 0;
        position.written_off = figures.written_off;
        position.returned = figures.payout;
        position.state = PositionState::RedeemedEarly;
        position.closed_at = Some(at);
    }
}

fn check_sale(terms: &Product, at: i64) -> Result<(), Refused> {
    if terms.status != Status::Open {
        return Err(Refused::of("product_not_open"));
    }
    let (opens_at, closes_at) = (terms.sale.opens_at, terms.sale.closes_at);
    if opens_at.is_some_and(|opens| at < opens) || closes_at.is_some_and(|closes| at >= closes) {
        let facts = Facts::of("refused").with("code", "outside_sale_window");
        return Err(Refused(facts.with_some("opens_at", opens_at).with_some("closes_at", closes_at)));
    }
    Ok(())
}

/// A payout goes where it came from, unless its customer names an account.
fn aimed(figures: Figures, spot_share: u128, to: Option<AccountKind>) -> Figures {
    let to_spot = match to {
        None => spot_share,
        Some(AccountKind::Spot) => figures.payout,
        Some(AccountKind::Funding) => 0,
    };
    Figures { to_spot, ..figures }
}
