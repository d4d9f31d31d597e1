//! What commands name, found or refused alike by every verb: customers, assets, products, amounts.

use crate::id::{AssetIx, CustomerIx, ProductIx};
use crate::limits::AMOUNT_UNITS_MAX;
use crate::machine::rejection::{AmountField, Rejection};
use crate::machine::state::{Asset, State};
use crate::money::Amount;
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
