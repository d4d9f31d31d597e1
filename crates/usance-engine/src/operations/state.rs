//! What requests name, found in a moment of the state or refused.

use usance_core::id::{AssetIx, CustomerIx, ProductIx};
use usance_core::machine::{Rejection, State};
use usance_core::product::{Product, Status};

/// A customer.
pub(super) fn customer(state: &State, id: &str) -> Result<CustomerIx, Rejection> {
    state.customer_ix(id).ok_or(Rejection::CustomerNotFound)
}

/// An asset.
pub(super) fn asset(state: &State, symbol: &str) -> Result<AssetIx, Rejection> {
    state.asset_ix(symbol).ok_or(Rejection::AssetNotFound)
}

/// A product that customers can see: drafts do not exist.
pub(super) fn seen<'a>(state: &'a State, id: &str) -> Result<(ProductIx, &'a Product), Rejection> {
    let found = state.product_ix(id).and_then(|ix| state.product(ix).map(|product| (ix, product)));
    found.filter(|(_, product)| product.status != Status::Draft).ok_or(Rejection::ProductNotFound)
}
