//! The machine's values as text: amounts in their asset's unit, and the names of what they belong to.

use usance_core::id::{AgreementIx, AssetIx, ProductIx};
use usance_core::machine::State;
use usance_core::money::{Amount, Balance};
use usance_core::reward::clawback::RedemptionFigures;

/// Decimals of an asset.
#[must_use]
pub fn decimals(state: &State, asset: AssetIx) -> u8 {
    state.asset(asset).map_or(0, |asset| asset.decimals)
}
/// An amount in its asset's unit.
#[must_use]
pub fn amount(state: &State, asset: AssetIx, amount: Amount) -> String {
    amount.to_text(decimals(state, asset))
}
/// A balance in its asset's unit; it may be below zero.
#[must_use]
pub fn balance(state: &State, asset: AssetIx, balance: Balance) -> String {
    balance.to_text(decimals(state, asset))
}
/// An asset's symbol.
#[must_use]
pub fn symbol(state: &State, asset: AssetIx) -> String {
    state.asset(asset).map(|asset| asset.symbol.clone()).unwrap_or_default()
}
/// A product's id.
#[must_use]
pub fn product_id(state: &State, product: ProductIx) -> String {
    state.product(product).map(|product| product.id.clone()).unwrap_or_default()
}
/// An agreement's version.
#[must_use]
pub fn agreement_version(state: &State, ix: AgreementIx) -> String {
    state.registry.agreements.get(ix.index()).map(|agreement| agreement.version.clone()).unwrap_or_default()
}
/// Hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A redemption's amounts, by the names of the contract.
#[must_use]
pub fn figures(state: &State, asset: AssetIx, figures: &RedemptionFigures) -> [(&'static str, String); 8] {
    let text = |part: Amount| amount(state, asset, part);
    [
        ("principal", text(figures.principal)),
        ("clawback_distributed", text(figures.clawback_distributed)),
        ("clawback_from_funding", text(figures.clawback_from_funding)),
        ("written_off", text(figures.written_off)),
        ("forfeited_accrued", text(figures.forfeited_accrued)),
        ("payout", text(figures.payout)),
        ("to_spot", text(figures.to_spot)),
        ("to_funding", text(figures.to_funding)),
    ]
}
