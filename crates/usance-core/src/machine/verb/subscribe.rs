//! `Subscribe`: from an account into a product (RULES 6). A preview runs the same checks and shows the same event.

use super::fact::Fact;
use super::named::{above_limit, customer, positive, visible_product};
use crate::calendar::{Day, Timestamp};
use crate::id::{AccountIx, AgreementIx, AssetIx, CustomerIx, PositionId, ProductIx, RateVersionIx};
use crate::ledger::LedgerAccount::{CustomerFunding, CustomerPrincipal, CustomerSpot};
use crate::ledger::{JournalEntry, Unbalanced, Whose, credit, debit};
use crate::limits::AMOUNT_UNITS_MAX;
use crate::machine::answer::{self, Answer};
use crate::machine::news::{Deed, HistoryKind, News, Staking};
use crate::machine::open::{NewPosition, open_position};
use crate::machine::post::{Catalogue, asset_of, one};
use crate::machine::rejection::{AmountField, Rejection};
use crate::machine::state::{Holding, State};
use crate::money::{Amount, Balance};
use crate::pieces::packed::{Packed96, Packed128};
use crate::position::{FLOATING, position_link};
use crate::product::limit::personal_left;
use crate::product::{Product, RateMode, Status};
use crate::reward::accrue::Stake;
use crate::reward::clawback::AccountKind;
use serde::{Deserialize, Serialize};

/// Where a subscription's principal comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Funding alone.
    Funding,
    /// Spot alone.
    Spot,
    /// Funding first, the rest from Spot.
    FundingThenSpot,
}

/// A subscription as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe {
    /// Who.
    pub customer: String,
    /// Into what.
    pub product: String,
    /// How much.
    pub amount: String,
    /// From where.
    pub source: Source,
    /// The accepted agreement's version.
    pub agreement: String,
    /// Whether to start another term at maturity.
    pub auto_renew: bool,
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscribed {
    /// Counted from 1 over the platform.
    pub id: u64,
    /// The position that it opened or added to.
    pub position: PositionId,
    /// Who.
    pub customer: CustomerIx,
    /// The customer's pair of accounts.
    pub account: AccountIx,
    /// Into what.
    pub product: ProductIx,
    /// The part from Funding.
    pub from_funding: Amount,
    /// The part from Spot.
    pub from_spot: Amount,
    /// The first day that the amount earns.
    pub value_date: Day,
    /// The version a locked position keeps.
    pub rate_version: RateVersionIx,
    /// The accepted agreement.
    pub agreement: AgreementIx,
    /// Whether it renews by itself.
    pub auto_renew: bool,
    /// How the position's stake stands after it.
    pub stake: Stake,
}

impl Subscribed {
    /// The whole amount.
    #[must_use]
    pub const fn amount(&self) -> Amount {
        self.from_funding.plus(self.from_spot)
    }
}

/// Stakes.
///
/// # Errors
/// In this order: `customer_not_found`, `product_not_found`, `product_not_open`, `outside_sale_window`,
/// `agreement_not_accepted`, `amount_invalid`, `below_minimum`, `not_a_step_multiple`, `above_personal_maximum`,
/// `above_capacity`, `insufficient_balance`, `renewal_not_allowed`, `above_limit`.
pub fn decide(state: &State, command: &Subscribe, now: Timestamp) -> Result<Subscribed, Rejection> {
    let asked = Asked {
        customer: &command.customer,
        product: &command.product,
        amount: &command.amount,
        source: Some(command.source),
        agreement: Some(&command.agreement),
        auto_renew: command.auto_renew,
    };
    check(state, &asked, now)
}

/// What is asked; a preview may leave the source and the agreement open.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Who.
    pub customer: &'a str,
    /// Into what.
    pub product: &'a str,
    /// How much.
    pub amount: &'a str,
    /// From where; without it balances are not checked and everything counts as from Funding.
    pub source: Option<Source>,
    /// The accepted version; without it the one in force counts as accepted.
    pub agreement: Option<&'a str>,
    /// Whether to renew.
    pub auto_renew: bool,
}

/// Runs every check and returns what would be booked.
///
/// # Errors
/// As [`decide`].
pub fn check(state: &State, asked: &Asked<'_>, now: Timestamp) -> Result<Subscribed, Rejection> {
    let customer = customer(state, asked.customer)?;
    let (product_ix, product) = visible_product(state, asked.product)?;
    check_on_sale(product, now)?;
    let agreement = check_agreement(state, asked.agreement)?;
    let decimals = state.asset(product.asset).map_or(0, |asset| asset.decimals);
    let amount = positive(asked.amount, decimals, AmountField::Amount)?;
    let account = state.account_ix(customer, product.asset);
    let holding = account.and_then(|account| state.holding(account, product_ix)).map(|(_, holding)| holding);
    check_limits(product, holding, amount)?;
    let (from_funding, from_spot) = draw(state, account, product.asset, amount, asked.source)?;
    if asked.auto_renew && !product.renews() {
        return Err(Rejection::RenewalNotAllowed);
    }
    let running = position_to_top_up(state, product, holding);
    let mut stake = running.map(|running| running.stake).unwrap_or_default();
    let whole = stake.earning.plus(stake.pending).plus(amount);
    if whole.units() > AMOUNT_UNITS_MAX {
        return Err(above_limit(product.asset));
    }
    let value_date = state.registry.platform.offset.value_date(now);
    if value_date == state.registry.open_day {
        stake.earning = stake.earning.plus(amount);
    } else {
        stake.pending = stake.pending.plus(amount);
    }
    Ok(Subscribed {
        id: state.registry.counters.subscriptions.saturating_add(1),
        position: running.map_or_else(|| state.next_position(), |running| running.id),
        customer,
        account: account.unwrap_or(AccountIx(u32::MAX)),
        product: product_ix,
        from_funding,
        from_spot,
        value_date,
        rate_version: running.map_or_else(|| locked_version(state, product), |running| running.rate_version),
        agreement,
        auto_renew: asked.auto_renew,
        stake,
    })
}

fn check_on_sale(product: &Product, now: Timestamp) -> Result<(), Rejection> {
    if product.status != Status::Open {
        return Err(Rejection::ProductNotOpen);
    }
    let (opens_at, closes_at) = (product.sale.opens_at, product.sale.closes_at);
    if opens_at.is_some_and(|opens| now < opens) || closes_at.is_some_and(|closes| now >= closes) {
        return Err(Rejection::OutsideSaleWindow { opens_at, closes_at });
    }
    Ok(())
}

fn check_agreement(state: &State, accepted: Option<&str>) -> Result<AgreementIx, Rejection> {
    match state.agreement_in_force() {
        Some((ix, in_force)) if accepted.is_none_or(|version| version == in_force.version) => Ok(ix),
        in_force => Err(Rejection::AgreementNotAccepted { in_force: in_force.map(|(_, agreement)| agreement.version.clone()) }),
    }
}

fn check_limits(product: &Product, holding: Option<&Holding>, amount: Amount) -> Result<(), Rejection> {
    let asset = product.asset;
    if amount < product.sale.minimum {
        return Err(Rejection::BelowMinimum { asset, minimum: product.sale.minimum });
    }
    if let Some(step) = product.sale.step
        && !amount.is_multiple_of(step)
    {
        return Err(Rejection::NotAStepMultiple { asset, step });
    }
    let held = holding.map_or(Amount::ZERO, |holding| holding.staked.get());
    if let Some(left) = personal_left(product, held)
        && amount > left
    {
        return Err(Rejection::AbovePersonalMaximum { asset, left });
    }
    if let Some(left) = product.capacity_left()
        && amount > left
    {
        return Err(Rejection::AboveCapacity { asset, left });
    }
    Ok(())
}

/// How much comes from Funding and how much from Spot.
fn draw(
    state: &State,
    account: Option<AccountIx>,
    asset: AssetIx,
    amount: Amount,
    source: Option<Source>,
) -> Result<(Amount, Amount), Rejection> {
    let funding = state.balance(account, AccountKind::Funding);
    let spot = state.balance(account, AccountKind::Spot);
    let (available, parts) = match source {
        None => return Ok((amount, Amount::ZERO)),
        Some(Source::Funding) => (funding, (amount, Amount::ZERO)),
        Some(Source::Spot) => (spot, (Amount::ZERO, amount)),
        Some(Source::FundingThenSpot) => (funding.plus(spot), (amount.min(funding), amount.left_after(funding))),
    };
    if available < amount { Err(Rejection::InsufficientBalance { asset, available: Balance::ZERO.plus(available) }) } else { Ok(parts) }
}

/// A running position that a further subscription adds to. What it is locked to holds for what is added, too.
#[derive(Clone, Copy)]
struct AddedTo {
    id: PositionId,
    stake: Stake,
    rate_version: RateVersionIx,
}

fn position_to_top_up(state: &State, product: &Product, holding: Option<&Holding>) -> Option<AddedTo> {
    if !product.kind.takes_top_ups() {
        return None;
    }
    let id = position_link(holding?.newest)?;
    let (running, _) = state.position(id)?;
    running.is_active().then(|| AddedTo {
        id,
        stake: Stake { earning: running.earning.get(), pending: running.pending.get(), carry: running.carry.get() },
        rate_version: running.rate_version,
    })
}

/// The version that a position opened today keeps.
fn locked_version(state: &State, product: &Product) -> RateVersionIx {
    match product.rate_mode {
        RateMode::Floating => FLOATING,
        RateMode::Locked => product.version_on(state.registry.open_day).unwrap_or(FLOATING),
    }
}

impl Fact for Subscribed {
    fn entries(&self, catalogue: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        let lines =
            [debit(CustomerFunding, self.from_funding), debit(CustomerSpot, self.from_spot), credit(CustomerPrincipal, self.amount())];
        one(asset_of(catalogue, self.product), Whose::Customer(self.customer), &lines)
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        state.debit(self.account, AccountKind::Funding, self.from_funding);
        state.debit(self.account, AccountKind::Spot, self.from_spot);
        self.enter(state, at);
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        answer::position(state, self.position, |position| Answer::Subscribed { id: self.id, position })
    }
    fn news(&self) -> News<'_> {
        let Subscribed { product, position, value_date, stake, .. } = *self;
        let staking = Staking { product, position, value_date: Some(value_date), stake, early: None };
        News::Deed(Deed { customer: self.customer, kind: HistoryKind::Subscription, reference: None, staking: Some(staking) })
    }
}

impl Subscribed {
    /// Opens the position or adds to it; what it is made of was debited from somewhere.
    pub(super) fn enter(&self, state: &mut State, at: Timestamp) {
        state.registry.counters.subscriptions = self.id;
        let holding = state.ensure_holding(self.account, self.product);
        state.stake(self.product, holding, self.amount());
        if self.position == state.next_position() {
            let opening = NewPosition {
                account: self.account.0,
                product: self.product,
                holding,
                earning: self.stake.earning,
                pending: self.stake.pending,
                from_spot: self.from_spot,
                value_date: self.value_date,
                rate_version: self.rate_version,
                auto_renew: self.auto_renew,
                agreement: self.agreement,
                at,
                renewed_from: 0,
            };
            open_position(state, &opening);
            return;
        }
        let index = self.position.index().unwrap_or(usize::MAX);
        let (Some(running), Some(origin)) = (state.running.get_mut(index), state.origins.get_mut(index)) else {
            return state.break_with("a top-up has a position", self.position.to_string());
        };
        let waited = running.pending.get();
        running.earning = Packed96::new(self.stake.earning);
        running.pending = Packed96::new(self.stake.pending);
        state.staked.waits(self.product, waited, self.stake.pending);
        origin.from_spot = Packed96::new(origin.from_spot.get().plus(self.from_spot));
        origin.principal_opened = Packed128::new(origin.principal_opened.get().plus(self.amount()));
    }
}
