//! Closed days: what each close did to each product.

use super::state::asset;
use crate::caller::{Permission, Right};
use crate::life::engine::Engine;
use crate::refusal::Refusal;
use usance_core::calendar::Day;
use usance_core::machine::day::ProductDay;
use usance_core::machine::{Rejection, State};

/// Who may do what.
pub const RIGHTS: &[Right] = &[("day_list", Permission::Back)];

/// Which closed days.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only of products of this asset.
    pub asset: Option<String>,
    /// Only of this product, a draft too.
    pub product: Option<String>,
    /// Only those before this day and product.
    pub before: Option<(Day, u32)>,
}

/// What closes did, newest first, at most so many lines.
///
/// # Errors
/// `asset_not_found`, `product_not_found`; an engine that cannot answer now.
pub async fn list(engine: &Engine, filter: &Filter, most: usize) -> Result<Vec<(Day, ProductDay)>, Refusal> {
    let (chosen, seen) = engine.read_at(|state, _| chosen(state, filter)).await?;
    let chosen = chosen?;
    let reached = engine.projected_as_far(seen).await?;
    let is_chosen = |line: &ProductDay| chosen.get(line.product.index()).copied().unwrap_or(false);
    Ok(engine.tables(reached, |tables| tables.days(filter.before, is_chosen, most))?)
}

/// Which products are asked for, by their numbers.
fn chosen(state: &State, filter: &Filter) -> Result<Vec<bool>, Rejection> {
    let asset = filter.asset.as_ref().map(|symbol| asset(state, symbol)).transpose()?;
    let product = filter.product.as_ref().map(|id| state.product_ix(id).ok_or(Rejection::ProductNotFound)).transpose()?;
    let products = state.registry.products.iter().enumerate();
    let is_chosen =
        products.map(|(ix, terms)| product.is_none_or(|only| only.index() == ix) && asset.is_none_or(|only| terms.asset == only));
    Ok(is_chosen.collect())
}
