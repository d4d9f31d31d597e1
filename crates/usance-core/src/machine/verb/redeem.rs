//! `Redeem`, `SetAutoRenew`: leaving a position, whole or in part, and what happens at its end (RULES 8). What cannot be paid at once
//! waits in the queue (`exit`).

use super::fact::{Fact, NO_MONEY};
use super::named::{customer, positive};
use crate::calendar::Timestamp;
use crate::id::{AccountIx, CustomerIx, PositionId, ProductIx};
use crate::ledger::LedgerAccount::{CustomerFunding, CustomerPrincipal, CustomerSpot, RewardsPayable};
use crate::ledger::{JournalEntry, Posting, Unbalanced, Whose, credit, debit};
use crate::machine::answer::{self, Answer};
use crate::machine::end::end_position;
use crate::machine::news::{Deed, EarlyExit, HistoryKind, News, Staking};
use crate::machine::post::{Catalogue, fixed_of, one};
use crate::machine::rejection::{AmountField, Rejection};
use crate::machine::state::State;
use crate::money::Amount;
use crate::pieces::packed::{Packed96, Packed128};
use crate::position::transition::{Ending, after};
use crate::position::{Origin, Running};
use crate::product::{EarlyRedemption, Product};
use crate::reward::accrue::Stake;
use crate::reward::clawback::{self, AccountKind, RedemptionFigures};
use serde::{Deserialize, Serialize};

/// A redemption as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redeem {
    /// Who.
    pub customer: String,
    /// Of which position; `None` for a number that none can have.
    pub position: Option<PositionId>,
    /// How much; everything when it is left out.
    pub amount: Option<String>,
    /// Where to, instead of where it came from.
    pub to: Option<AccountKind>,
    /// The payout the customer was shown.
    pub quoted_payout: Option<String>,
    /// What the customer was shown that Funding would give.
    pub quoted_from_funding: Option<String>,
}

/// A redemption, flexible or early.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redeemed {
    /// Counted from 1 over the platform.
    pub id: u64,
    /// Of which position.
    pub position: PositionId,
    /// Who.
    pub customer: CustomerIx,
    /// The customer's pair of accounts.
    pub account: AccountIx,
    /// Of what.
    pub product: ProductIx,
    /// Whether a fixed term was left before its end.
    pub early: bool,
    /// Every amount of it.
    pub figures: RedemptionFigures,
    /// How the position's stake stands after it.
    pub stake: Stake,
}

/// Runs every check but whether it can be paid at once.
///
/// # Errors
/// As [`super::exit::queue`].
pub(super) fn quoted(state: &State, command: &Redeem) -> Result<Redeemed, Rejection> {
    let redeemed = check(state, &command.customer, command.position, command.amount.as_deref(), command.to)?;
    check_quote(state, command, &redeemed)?;
    Ok(redeemed)
}

/// Runs every check but the quote's and returns what would be booked: the preview.
///
/// # Errors
/// As [`super::exit::queue`], without `quote_changed`.
pub fn check(
    state: &State,
    who: &str,
    position: Option<PositionId>,
    amount: Option<&str>,
    to: Option<AccountKind>,
) -> Result<Redeemed, Rejection> {
    let customer = customer(state, who)?;
    let found = own(state, customer, position)?;
    let (product, running) = (found.product, found.running);
    let decimals = state.asset(product.asset).map_or(0, |asset| asset.decimals);
    let early = product.kind.leaves_early();
    let principal = running.principal();
    let figures = if early {
        check_early(state, &found, amount, decimals)?;
        let funding = state.balance(Some(running.account), AccountKind::Funding);
        clawback::early(principal, found.origin.from_spot.get(), running.distributed.get(), running.accrued.get(), funding, to)
    } else {
        let amount = match amount {
            None => principal,
            Some(text) => positive(text, decimals, AmountField::Amount)?,
        };
        if amount > principal {
            return Err(Rejection::AbovePrincipal { asset: product.asset, principal });
        }
        clawback::flexible(amount, found.origin.from_spot.get(), to)
    };
    // What has not started earning is taken first: no complete day is lost that need not be.
    let from_pending = figures.principal.min(running.pending.get());
    let stake = Stake {
        pending: running.pending.get().left_after(from_pending),
        earning: running.earning.get().left_after(figures.principal.left_after(from_pending)),
        carry: running.carry.get(),
    };
    Ok(Redeemed {
        id: state.registry.counters.redemptions.saturating_add(1),
        position: found.id,
        customer,
        account: running.account,
        product: running.product,
        early,
        figures,
        stake,
    })
}

/// Switches automatic renewal. Off is always possible while the position runs.
///
/// # Errors
/// `customer_not_found`, `position_not_found`, `position_closed`, `renewal_not_allowed`.
pub fn set_auto_renew(state: &State, who: &str, position: Option<PositionId>, auto_renew: bool) -> Result<AutoRenewSet, Rejection> {
    let customer = customer(state, who)?;
    let found = own(state, customer, position)?;
    if auto_renew && !found.product.renews() {
        return Err(Rejection::RenewalNotAllowed);
    }
    Ok(AutoRenewSet { customer, position: found.id, auto_renew })
}

struct Own<'a> {
    id: PositionId,
    running: &'a Running,
    origin: &'a Origin,
    product: &'a Product,
}

fn own(state: &State, customer: CustomerIx, position: Option<PositionId>) -> Result<Own<'_>, Rejection> {
    let found = position.and_then(|id| state.position_of(customer, id).map(|(running, origin)| (id, running, origin)));
    let (id, running, origin) = found.ok_or(Rejection::PositionNotFound)?;
    let product = state.product(running.product).ok_or(Rejection::ProductNotFound)?;
    if running.is_active() { Ok(Own { id, running, origin, product }) } else { Err(Rejection::PositionClosed) }
}

fn check_early(state: &State, found: &Own<'_>, amount: Option<&str>, decimals: u8) -> Result<(), Rejection> {
    if found.product.early_redemption == EarlyRedemption::NotAllowed {
        let matures_on = found.running.maturity_day(found.product.kind).unwrap_or_default();
        return Err(Rejection::EarlyRedemptionNotAllowed { matures_at: state.registry.platform.offset.first_instant(matures_on) });
    }
    let principal = found.running.principal();
    let whole = amount.is_none_or(|text| Amount::parse(text, decimals) == Ok(principal));
    if whole { Ok(()) } else { Err(Rejection::PartialNotAllowed { asset: found.product.asset, principal }) }
}

/// An early exit has to carry what its customer was shown; a flexible one may.
fn check_quote(state: &State, command: &Redeem, redeemed: &Redeemed) -> Result<(), Rejection> {
    let asset = state.product(redeemed.product).map(|product| product.asset).ok_or(Rejection::ProductNotFound)?;
    let decimals = state.asset(asset).map_or(0, |asset| asset.decimals);
    let read = |text: &Option<String>, field| match text {
        None => Ok(None),
        Some(text) => Amount::parse(text, decimals).map(Some).map_err(|_| Rejection::AmountInvalid { field }),
    };
    let payout = read(&command.quoted_payout, AmountField::QuotedPayout)?;
    let from_funding = read(&command.quoted_from_funding, AmountField::QuotedFromFunding)?;
    let figures: &RedemptionFigures = &redeemed.figures;
    let payout_right = payout.map_or(!redeemed.early, |quoted| quoted == figures.payout);
    if payout_right && from_funding.unwrap_or_default() == figures.clawback_from_funding {
        Ok(())
    } else {
        Err(Rejection::QuoteChanged { asset, figures: Box::new(*figures) })
    }
}

impl Redeemed {
    /// What customers can take more of after it.
    #[must_use]
    pub const fn paid_out(&self) -> Amount {
        self.figures.payout.left_after(self.figures.clawback_from_funding)
    }
    /// What of its payout is not paid before two people have said who bears a loss.
    #[must_use]
    pub fn withheld(&self, state: &State) -> Amount {
        state.to_withhold(self.customer, self.position, self.stake.earning).min(self.figures.payout)
    }
    /// Its entry: what leaves the position and is taken back, and to whom what it pays is owed then.
    pub(super) fn entry(&self, catalogue: &dyn Catalogue, paid: &[Posting]) -> Result<Vec<JournalEntry>, Unbalanced> {
        let (figures, fixed) = (&self.figures, fixed_of(catalogue, self.product));
        let mut lines = vec![
            debit(CustomerPrincipal, figures.principal),
            debit(RewardsPayable, figures.forfeited_accrued),
            debit(CustomerFunding, figures.clawback_from_funding),
        ];
        lines.extend_from_slice(paid);
        lines.push(credit(fixed.rewards_from, figures.clawback_distributed.plus(figures.forfeited_accrued)));
        one(fixed.asset, Whose::Customer(self.customer), &lines)
    }
    /// Leaves the position; what it pays is credited to nobody yet.
    pub(super) fn leave(&self, state: &mut State, at: Timestamp) {
        state.registry.counters.redemptions = self.id;
        let index = self.position.index().unwrap_or(usize::MAX);
        let Some(product) = state.product(self.product) else {
            return state.break_with("a redemption has a product", self.position.to_string());
        };
        let (kind, early, asset) = (product.kind, product.early_redemption, product.asset);
        state.forget_maturing(self.position);
        let (Some(running), Some(origin)) = (state.running.get_mut(index), state.origins.get_mut(index)) else {
            return state.break_with("a redemption has a position", self.position.to_string());
        };
        let emptied = self.stake.earning.is_zero() && self.stake.pending.is_zero();
        let waited = running.pending.get();
        running.earning = Packed96::new(self.stake.earning);
        running.pending = Packed96::new(self.stake.pending);
        state.staked.waits(self.product, waited, self.stake.pending);
        let holding = origin.holding;
        let forfeited = running.accrued.get();
        let before = running.state;
        if !self.early {
            origin.from_spot = Packed96::new(origin.from_spot.get().left_after(self.figures.spot_part));
        }
        if emptied {
            running.accrued = Packed128::default();
            let ending = if self.early { Ending::RedeemEarly } else { Ending::Redeem };
            match after(before, kind, early, ending) {
                Some(ended) => end_position(state, self.position, ended, at),
                None => return state.break_with("only what may happen to a position happens", self.position.to_string()),
            }
        }
        state.remember_maturing(self.position);
        if self.early {
            state.forfeit(asset, forfeited);
        }
        state.unstake(self.product, holding, self.figures.principal);
        state.debit(self.account, AccountKind::Funding, self.figures.clawback_from_funding);
        if !self.figures.written_off.is_zero() {
            state.registry.written_off.insert(self.position, self.figures.written_off);
        }
    }
}

impl Fact for Redeemed {
    fn entries(&self, catalogue: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        self.entry(catalogue, &[credit(CustomerSpot, self.figures.to_spot), credit(CustomerFunding, self.figures.to_funding)])
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        self.leave(state, at);
        state.took_at_once(fixed_of(state, self.product).asset, self.customer, self.paid_out(), at);
        state.credit(self.account, AccountKind::Spot, self.figures.to_spot);
        state.credit(self.account, AccountKind::Funding, self.figures.to_funding);
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        answer::position(state, self.position, |position| Answer::Redeemed {
            id: self.id,
            early: self.early,
            figures: self.figures,
            position,
        })
    }
    fn news(&self) -> News<'_> {
        let Redeemed { product, position, stake, figures, .. } = *self;
        let early = self.early.then_some(EarlyExit {
            clawed_back: figures.clawback_distributed,
            forfeited: figures.forfeited_accrued,
            written_off: figures.written_off,
        });
        let staking = Staking { product, position, value_date: None, stake, early };
        News::Deed(Deed { customer: self.customer, kind: HistoryKind::Redemption, reference: None, staking: Some(staking) })
    }
}

/// Automatic renewal was switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoRenewSet {
    /// Whose.
    pub customer: CustomerIx,
    /// Of which position.
    pub position: PositionId,
    /// On or off.
    pub auto_renew: bool,
}

impl Fact for AutoRenewSet {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        state.forget_maturing(self.position);
        if let Some(running) = self.position.index().and_then(|index| state.running.get_mut(index)) {
            running.auto_renew = self.auto_renew;
        }
        state.remember_maturing(self.position);
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        answer::position(state, self.position, Answer::Position)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}
