//! `CreateAsset`: what can be held and staked (RULES 1).

use super::fact::{Fact, NO_MONEY};
use super::named::{check_name, invalid, last};
use crate::calendar::Timestamp;
use crate::id::{AssetIx, is_outside_id};
use crate::ledger::{JournalEntry, Unbalanced};
use crate::limits::{ASSET_DECIMALS_MAX, ASSET_SYMBOL_BYTES_MAX};
use crate::machine::answer::Answer;
use crate::machine::news::News;
use crate::machine::post::Catalogue;
use crate::machine::rejection::Rejection;
use crate::machine::state::{Asset, State};
use serde::{Deserialize, Serialize};

/// An asset was added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetCreated {
    /// Its symbol.
    pub symbol: String,
    /// Its name.
    pub name: String,
    /// Decimals of a base unit.
    pub decimals: u8,
    /// Decimals that pages show.
    pub display_decimals: u8,
}

/// Adds an asset.
///
/// # Errors
/// `terms_invalid`, `already_exists`.
pub fn create_asset(state: &State, symbol: &str, name: &str, decimals: u8, display_decimals: u8) -> Result<AssetCreated, Rejection> {
    if !is_outside_id(symbol, ASSET_SYMBOL_BYTES_MAX) {
        return Err(invalid("symbol is 1 to 16 of A-Z a-z 0-9 . _ -"));
    }
    check_name("name", name)?;
    if decimals > ASSET_DECIMALS_MAX || display_decimals > decimals {
        return Err(invalid("decimals is 0 to 18, display_decimals at most decimals"));
    }
    if state.asset_ix(symbol).is_some() {
        return Err(Rejection::AlreadyExists);
    }
    Ok(AssetCreated { symbol: symbol.to_owned(), name: name.to_owned(), decimals, display_decimals })
}

impl Fact for AssetCreated {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        let (symbol, name) = (self.symbol.clone(), self.name.clone());
        state.add_asset(Asset { symbol, name, decimals: self.decimals, display_decimals: self.display_decimals });
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        Answer::Asset(AssetIx::from_index(last(state.registry.assets.len())))
    }
    fn news(&self) -> News<'_> {
        News::Asset { symbol: &self.symbol, decimals: self.decimals }
    }
}
