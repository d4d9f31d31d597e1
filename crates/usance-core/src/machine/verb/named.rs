//! What commands name, found or refused alike by every verb: customers, assets, products, amounts.

use crate::id::{AssetIx, CustomerIx, ProductIx, is_unseen, is_unseen_in_text};
use crate::ledger::LedgerAccount;
use crate::limits::{AMOUNT_UNITS_MAX, NAME_BYTES_MAX};
use crate::machine::rejection::{AmountField, Rejection};
use crate::machine::state::{Asset, State};
use crate::money::{Amount, Balance};
use crate::product::{Product, Status};

/// A customer by the exchange's id.
pub(super) fn customer(state: &State, id: &str) -> Result<CustomerIx, Rejection> {
    state.customer_ix(id).ok_or(Rejection::CustomerNotFound)
}

/// An asset by its symbol.
pub(super) fn asset<'a>(state: &'a State, symbol: &str) -> Result<(AssetIx, &'a Asset), Rejection> {
    let ix = state.asset_ix(symbol).ok_or(Rejection::AssetNotFound)?;
    Ok((ix, state.asset(ix).ok_or(Rejection::AssetNotFound)?))
}

/// A product by its id, drafts too.
pub(super) fn product<'a>(state: &'a State, id: &str) -> Result<(ProductIx, &'a Product), Rejection> {
    let ix = state.product_ix(id).ok_or(Rejection::ProductNotFound)?;
    Ok((ix, state.product(ix).ok_or(Rejection::ProductNotFound)?))
}

/// A product as customers see it: drafts do not exist.
pub(super) fn visible_product<'a>(state: &'a State, id: &str) -> Result<(ProductIx, &'a Product), Rejection> {
    let (ix, found) = product(state, id)?;
    if found.status == Status::Draft { Err(Rejection::ProductNotFound) } else { Ok((ix, found)) }
}

/// An amount above nothing.
pub(super) fn positive(text: &str, decimals: u8, field: AmountField) -> Result<Amount, Rejection> {
    let amount = Amount::parse(text, decimals).map_err(|_| Rejection::AmountInvalid { field })?;
    if amount.is_zero() { Err(Rejection::AmountInvalid { field }) } else { Ok(amount) }
}

/// That a total would pass what any may be.
pub(super) fn above_limit(asset: AssetIx) -> Rejection {
    Rejection::AboveLimit { asset, limit: Amount::from_units(AMOUNT_UNITS_MAX) }
}

/// Terms that contradict a rule, with the reason.
pub(super) fn invalid(reason: impl Into<String>) -> Rejection {
    Rejection::TermsInvalid { reason: reason.into() }
}

/// A name: one line that a reader sees whole.
pub(super) fn check_name(field: &str, name: &str) -> Result<(), Rejection> {
    check(field, name, NAME_BYTES_MAX, is_unseen)
}

/// A text of several lines that a reader sees whole.
pub(super) fn check_text(field: &str, text: &str, bytes_max: usize) -> Result<(), Rejection> {
    check(field, text, bytes_max, is_unseen_in_text)
}

fn check(field: &str, text: &str, bytes_max: usize, is_unseen: fn(char) -> bool) -> Result<(), Rejection> {
    if text.is_empty() || text.len() > bytes_max || text.chars().any(is_unseen) {
        let seen = "without control characters and signs that are not seen or turn the direction of writing";
        return Err(invalid(format!("{field} is 1 to {bytes_max} bytes of text {seen}")));
    }
    Ok(())
}

/// What stands on a control account of an asset.
pub(super) fn control(state: &State, asset: AssetIx, account: LedgerAccount) -> Balance {
    state.registry.control.get(asset.index()).map(|control| control.balance(account)).unwrap_or_default()
}

/// The custody total of an asset stays at most 10^28 base units.
pub(super) fn check_custody(state: &State, asset: AssetIx, amount: Amount) -> Result<(), Rejection> {
    let after = control(state, asset, LedgerAccount::Custody).plus(amount);
    let fits = u128::try_from(after.units()).map_or(true, |units| units <= AMOUNT_UNITS_MAX);
    if fits { Ok(()) } else { Err(above_limit(asset)) }
}

/// Refuses what would take more out of custody than is covered.
pub(super) fn check_covered(state: &State, asset: AssetIx, amount: Amount) -> Result<(), Rejection> {
    match state.covered(asset) {
        Some(covered) if covered.minus(amount).is_overdrawn() => Err(Rejection::CoverageInsufficient { asset, covered }),
        Some(_) | None => Ok(()),
    }
}

/// The place of what was just added.
pub(super) const fn last(len: usize) -> usize {
    len.saturating_sub(1)
}
