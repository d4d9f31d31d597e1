//! `Redeem`, `SetAutoRenew`: leaving a position, whole or in part, and what happens at its end (RULES 8).

use super::named::{customer, positive};
use crate::id::{CustomerIx, PositionId};
use crate::machine::command::Redeem;
use crate::machine::event::{Event, Redeemed};
use crate::machine::rejection::{AmountField, Rejection};
use crate::machine::state::State;
use crate::money::Amount;
use crate::position::{Origin, Running};
use crate::product::{EarlyRedemption, Product};
use crate::reward::accrue::Stake;
use crate::reward::clawback::{self, AccountKind, RedemptionFigures};

/// Unstakes.
///
/// # Errors
/// In this order: `customer_not_found`, `position_not_found`, `position_closed`, `early_redemption_not_allowed`,
/// `partial_not_allowed`, `amount_invalid`, `above_principal`, `quote_changed`.
pub fn decide(state: &State, command: &Redeem) -> Result<Event, Rejection> {
    let redeemed = check(state, &command.customer, command.position, command.amount.as_deref(), command.to)?;
    check_quote(state, command, &redeemed)?;
    Ok(Event::Redeemed(Box::new(redeemed)))
}

/// Runs every check but the quote's and returns what would be booked: the preview.
///
/// # Errors
/// As [`decide`], without `quote_changed`.
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
pub fn set_auto_renew(state: &State, who: &str, position: Option<PositionId>, auto_renew: bool) -> Result<Event, Rejection> {
    let customer = customer(state, who)?;
    let found = own(state, customer, position)?;
    if auto_renew && !found.product.renews() {
        return Err(Rejection::RenewalNotAllowed);
    }
    Ok(Event::AutoRenewSet { customer, position: found.id, auto_renew })
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
