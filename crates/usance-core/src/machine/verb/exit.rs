//! `QueueExit`, `CancelExit`, `SetExitAllowance`, and what is paid to whoever waits: leaving a position where liquid coins do not
//! cover it (TREASURY 6).

use super::fact::{Fact, NO_MONEY};
use super::named::{asset, customer};
use super::redeem::{self, Redeem, Redeemed};
use super::subscribe::{self, Subscribed};
use crate::calendar::{Day, Timestamp};
use crate::id::{AccountIx, AssetIx, CustomerIx};
use crate::ledger::LedgerAccount::{CustomerFunding, CustomerPrincipal, CustomerSpot, RedemptionsQueued, RewardPool};
use crate::ledger::{JournalEntry, Unbalanced, Whose, credit, debit};
use crate::machine::answer::{self, Answer};
use crate::machine::exits::ExitOutlook;
use crate::machine::news::{Deed, HistoryKind, News};
use crate::machine::post::{Catalogue, asset_of, one};
use crate::machine::rejection::{AmountField, Rejection};
use crate::machine::state::State;
use crate::money::Amount;
use crate::reward::accrue::Stake;
use crate::reward::clawback::AccountKind;
use crate::treasury::bearing::pro_rata;
use crate::treasury::queue::{Exit, ExitStanding, NewExit};
use serde::{Deserialize, Serialize};

/// A redemption that waits for coins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitQueued {
    /// The redemption.
    pub redeemed: Redeemed,
    /// What of it waits for Spot; the rest is paid at once.
    pub to_spot: Amount,
    /// What of it waits for Funding.
    pub to_funding: Amount,
    /// What of that is kept for the position, which bears a loss.
    pub withheld: Amount,
    /// The day by which it was promised.
    pub promised: Day,
}

/// Coins were paid to the first in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitPaid {
    /// The number of its redemption.
    pub redemption: u64,
    /// Whose.
    pub customer: CustomerIx,
    /// The customer's pair of accounts.
    pub account: AccountIx,
    /// Of what.
    pub asset: AssetIx,
    /// To Spot.
    pub to_spot: Amount,
    /// To Funding.
    pub to_funding: Amount,
}

/// What waits longer than promised earned its product's rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitEarned {
    /// The number of its redemption.
    pub redemption: u64,
    /// Whose.
    pub customer: CustomerIx,
    /// The customer's pair of accounts.
    pub account: AccountIx,
    /// Of what.
    pub asset: AssetIx,
    /// The last day that is in it.
    pub through: Day,
    /// What was earned, to Funding.
    pub reward: Amount,
    /// The rest of the division.
    pub carry: u64,
}

/// What waited is staked again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitCancelled {
    /// The number of its redemption.
    pub redemption: u64,
    /// The subscription; its parts are what waited for either account.
    pub subscribed: Subscribed,
}

/// What each customer may take a day at once while anyone waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitAllowanceSet {
    /// Of what.
    pub asset: AssetIx,
    /// How much.
    pub allowance: Amount,
}

/// What becomes of an exit that may wait.
pub enum Leaving {
    /// It is paid at once: nothing of it has to wait.
    AtOnce(Redeemed),
    /// It waits.
    Queued(ExitQueued),
}

/// What is due to somebody who waits.
pub enum Due {
    /// Coins.
    Paid(ExitPaid),
    /// What it earned by waiting.
    Earned(ExitEarned),
}

/// Leaves a position and is paid at once; what is withheld of it for a loss waits.
///
/// # Errors
/// As [`queue`], and `instant_exit_unavailable`.
pub fn leave(state: &State, command: &Redeem, now: Timestamp) -> Result<Leaving, Rejection> {
    let redeemed = redeem::quoted(state, command)?;
    let asset = state.product(redeemed.product).ok_or(Rejection::ProductNotFound)?.asset;
    let withheld = redeemed.withheld(state);
    if let ExitOutlook::Queued { available, expected } =
        state.exit_outlook(asset, redeemed.customer, redeemed.paid_out().left_after(withheld), now)
    {
        return Err(Rejection::InstantExitUnavailable { asset, available, expected });
    }
    if withheld.is_zero() {
        return Ok(Leaving::AtOnce(redeemed));
    }
    let (to_spot, to_funding) = pro_rata(withheld, redeemed.figures.to_spot, redeemed.figures.to_funding);
    // It would have been paid now: from the next day on it earns as what waits longer than promised does.
    let promised = state.registry.platform.offset.day_of(now);
    Ok(Leaving::Queued(ExitQueued { redeemed, to_spot, to_funding, withheld, promised }))
}

/// Leaves a position at once; what it pays waits for its turn, or is paid at once where no treasury has begun.
///
/// # Errors
/// In this order: `customer_not_found`, `position_not_found`, `position_closed`, `early_redemption_not_allowed`,
/// `partial_not_allowed`, `amount_invalid`, `above_principal`, `quote_changed`.
pub fn queue(state: &State, command: &Redeem, now: Timestamp) -> Result<Leaving, Rejection> {
    let redeemed = redeem::quoted(state, command)?;
    let asset = state.product(redeemed.product).ok_or(Rejection::ProductNotFound)?.asset;
    let payout = redeemed.figures.payout;
    if payout.is_zero() || !state.treasury.is_open(asset) {
        return Ok(Leaving::AtOnce(redeemed));
    }
    let promised = state.expected_day(asset, state.treasury.queue().waiting(asset).plus(payout), now);
    let (to_spot, to_funding, withheld) = (redeemed.figures.to_spot, redeemed.figures.to_funding, redeemed.withheld(state));
    Ok(Leaving::Queued(ExitQueued { redeemed, to_spot, to_funding, withheld, promised }))
}

/// Stakes again what still waits, as a new subscription.
///
/// # Errors
/// `customer_not_found`, `exit_not_found`, `exit_not_waiting`, `exit_withheld`, and as [`subscribe::decide`].
pub fn cancel(state: &State, who: &str, redemption: u64, agreement: &str, now: Timestamp) -> Result<ExitCancelled, Rejection> {
    let customer = customer(state, who)?;
    let found = state.treasury.queue().of_redemption(redemption).filter(|exit| exit.customer == customer);
    let exit = found.ok_or(Rejection::ExitNotFound)?;
    if exit.standing != ExitStanding::Waiting {
        return Err(Rejection::ExitNotWaiting);
    }
    if !exit.withheld.is_zero() {
        return Err(Rejection::ExitWithheld { asset: exit.asset, withheld: exit.withheld });
    }
    let product = state.product(exit.product).ok_or(Rejection::ProductNotFound)?;
    let decimals = state.asset(exit.asset).map_or(0, |asset| asset.decimals);
    let asked = subscribe::Asked {
        customer: who,
        product: &product.id,
        amount: &exit.left().to_text(decimals),
        source: None,
        agreement: Some(agreement),
        auto_renew: false,
    };
    let subscribed = subscribe::check(state, &asked, now)?;
    let subscribed = Subscribed { from_funding: exit.to_funding, from_spot: exit.to_spot, ..subscribed };
    Ok(ExitCancelled { redemption, subscribed })
}

/// Sets what each customer may take a day at once while anyone waits.
///
/// # Errors
/// `asset_not_found`, `network_not_found` where no network has the asset, `amount_invalid`.
pub fn set_allowance(state: &State, symbol: &str, allowance: &str) -> Result<ExitAllowanceSet, Rejection> {
    let (ix, asset) = asset(state, symbol)?;
    state.treasury.coverage(ix).ok_or(Rejection::NetworkNotFound)?;
    let invalid = |_| Rejection::AmountInvalid { field: AmountField::Amount };
    Ok(ExitAllowanceSet { asset: ix, allowance: Amount::parse(allowance, asset.decimals).map_err(invalid)? })
}

/// What is due to whoever waits, one after another until nothing is: first what waiting has earned for closed days, then what is covered
/// to the first in each line, who may be paid in part. Nothing is paid on a stale word of the wallet.
#[must_use]
pub fn due(state: &State, now: Timestamp) -> Option<Due> {
    let queue = state.treasury.queue();
    let last_closed = state.registry.open_day.previous();
    if let Some(exit) = queue.behind(last_closed) {
        return Some(Due::Earned(earned(state, exit, last_closed)));
    }
    let waits = |asset: AssetIx| {
        let covered = state.covered(asset).filter(|_| !state.is_attestation_stale(asset, now))?;
        let there = Amount::from_units(u128::try_from(covered.units()).ok().filter(|units| *units > 0)?);
        let first = queue.first_payable(asset)?;
        let there = there.min(first.payable());
        let to_spot = first.to_spot.min(there);
        let to_funding = first.to_funding.min(there.left_after(to_spot));
        let Exit { redemption, customer, account, .. } = *first;
        Some(Due::Paid(ExitPaid { redemption, customer, account, asset, to_spot, to_funding }))
    };
    queue.lines().iter().filter(|(_, line)| line.exits > 0).find_map(|(asset, _)| waits(*asset))
}

/// What an exit has earned since the last day for which it has: its product's rate of each day, as a position of that size would.
fn earned(state: &State, exit: &Exit, through: Day) -> ExitEarned {
    let mut stake = Stake { earning: exit.left(), pending: Amount::ZERO, carry: exit.carry };
    let product = state.product(exit.product);
    let mut day = exit.earned_through.next();
    let mut reward = Amount::ZERO;
    while day <= through {
        let closed = product.and_then(|product| product.closed_day(day));
        let bands = closed.and_then(|closed| Some(state.bands(closed.version)?.capped(closed.settled)));
        if let Some(bands) = bands {
            reward = reward.plus(stake.close_day(&bands));
        }
        day = day.next();
    }
    let Exit { redemption, customer, account, asset, .. } = *exit;
    ExitEarned { redemption, customer, account, asset, through, reward, carry: stake.carry }
}

impl ExitQueued {
    /// What of it waits.
    #[must_use]
    pub const fn waits(&self) -> Amount {
        self.to_spot.plus(self.to_funding)
    }
    /// What of it is paid at once, to Spot and to Funding.
    #[must_use]
    pub const fn paid(&self) -> (Amount, Amount) {
        let figures = &self.redeemed.figures;
        (figures.to_spot.left_after(self.to_spot), figures.to_funding.left_after(self.to_funding))
    }
}

impl Fact for ExitQueued {
    fn entries(&self, catalogue: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        let (paid_spot, paid_funding) = self.paid();
        let queued = credit(RedemptionsQueued, self.waits());
        self.redeemed.entry(catalogue, &[queued, credit(CustomerSpot, paid_spot), credit(CustomerFunding, paid_funding)])
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        self.redeemed.leave(state, at);
        let Redeemed { id, position, customer, account, product, .. } = self.redeemed;
        let asset = asset_of(state, product);
        let (paid_spot, paid_funding) = self.paid();
        let paid_out = paid_spot.plus(paid_funding).left_after(self.redeemed.figures.clawback_from_funding);
        state.took_at_once(asset, customer, paid_out, at);
        state.credit(account, AccountKind::Spot, paid_spot);
        state.credit(account, AccountKind::Funding, paid_funding);
        let ExitQueued { to_spot, to_funding, withheld, promised, .. } = *self;
        state.wait(&NewExit { redemption: id, customer, account, asset, product, position, to_spot, to_funding, withheld, at, promised });
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        let Redeemed { id, early, figures, position, .. } = self.redeemed;
        let (waits, withheld, promised) = (self.waits(), self.withheld, self.promised);
        answer::position(state, position, |position| Answer::ExitQueued {
            id,
            early,
            figures: Box::new(figures),
            position,
            waits,
            withheld,
            promised,
        })
    }
    fn news(&self) -> News<'_> {
        self.redeemed.news()
    }
}

impl Fact for ExitPaid {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        let lines = [
            debit(RedemptionsQueued, self.to_spot.plus(self.to_funding)),
            credit(CustomerSpot, self.to_spot),
            credit(CustomerFunding, self.to_funding),
        ];
        one(self.asset, Whose::Customer(self.customer), &lines)
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        state.queue_less(self.asset, self.to_spot.plus(self.to_funding));
        state.credit(self.account, AccountKind::Spot, self.to_spot);
        state.credit(self.account, AccountKind::Funding, self.to_funding);
        if !state.treasury.queue_mut().take(self.redemption, self.to_spot, self.to_funding, (ExitStanding::Paid, at)) {
            state.break_with("who is paid was waiting", format!("redemption {}", self.redemption));
        }
    }
    fn answer(&self, _: &State, _: Timestamp) -> Answer {
        Answer::Done
    }
    fn news(&self) -> News<'_> {
        News::Deed(Deed { customer: self.customer, kind: HistoryKind::ExitPayment, reference: None, staking: None })
    }
}

impl Fact for ExitEarned {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        if self.reward.is_zero() {
            return NO_MONEY;
        }
        one(self.asset, Whose::Customer(self.customer), &[debit(RewardPool, self.reward), credit(CustomerFunding, self.reward)])
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        state.credit(self.account, AccountKind::Funding, self.reward);
        if !state.treasury.queue_mut().earned(self.redemption, self.through, self.carry) {
            state.break_with("who earns by waiting waits", format!("redemption {}", self.redemption));
        }
    }
    fn answer(&self, _: &State, _: Timestamp) -> Answer {
        Answer::Done
    }
    fn news(&self) -> News<'_> {
        if self.reward.is_zero() {
            return News::Nothing;
        }
        News::Deed(Deed { customer: self.customer, kind: HistoryKind::ExitReward, reference: None, staking: None })
    }
}

impl Fact for ExitCancelled {
    fn entries(&self, catalogue: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        let amount = self.subscribed.amount();
        let asset = asset_of(catalogue, self.subscribed.product);
        let lines = [debit(RedemptionsQueued, amount), credit(CustomerPrincipal, amount)];
        one(asset, Whose::Customer(self.subscribed.customer), &lines)
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        let Subscribed { product, from_spot, from_funding, .. } = self.subscribed;
        state.queue_less(asset_of(state, product), self.subscribed.amount());
        if !state.treasury.queue_mut().take(self.redemption, from_spot, from_funding, (ExitStanding::Cancelled, at)) {
            state.break_with("who stakes again was waiting", format!("redemption {}", self.redemption));
        }
        self.subscribed.enter(state, at);
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        let (redemption, id) = (self.redemption, self.subscribed.id);
        answer::position(state, self.subscribed.position, |position| Answer::ExitCancelled { redemption, id, position })
    }
    fn news(&self) -> News<'_> {
        self.subscribed.news()
    }
}

impl Fact for ExitAllowanceSet {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        state.treasury.queue_mut().line_mut(self.asset).allowance = self.allowance;
    }
    fn answer(&self, _: &State, _: Timestamp) -> Answer {
        Answer::ExitAllowance { asset: self.asset, allowance: self.allowance }
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}
