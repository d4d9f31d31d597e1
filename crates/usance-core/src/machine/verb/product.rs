//! `CreateProduct`, `SetProductStatus`, `ChangeProduct`: what is offered, and on which terms (RULES 5, 6).

use super::fact::{Fact, NO_MONEY};
use super::named::{asset, check_name, check_text, invalid, last, positive, product};
use super::rate::{RateText, announce, bands};
use crate::calendar::{Day, Timestamp};
use crate::id::{AssetIx, ProductIx, is_outside_id};
use crate::ledger::{JournalEntry, Unbalanced};
use crate::limits::{PRODUCT_ID_BYTES_MAX, RISK_NOTICE_BYTES_MAX};
use crate::machine::answer::{self, Answer};
use crate::machine::news::News;
use crate::machine::post::Catalogue;
use crate::machine::rejection::{AmountField, Rejection};
use crate::machine::state::State;
use crate::money::Amount;
use crate::product::rates::Bands;
use crate::product::{Distribution, EarlyRedemption, Kind, Product, RateMode, SaleTerms, StakingTerms, Status, contradiction};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A product as an operator describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductText {
    /// Its id.
    pub id: String,
    /// The asset's symbol.
    pub asset: String,
    /// Shown to customers.
    pub name: String,
    /// Flexible or fixed-term.
    pub kind: Kind,
    /// The rate schedule; any day, also past.
    pub rates: Vec<(Day, RateText)>,
    /// Default by kind.
    pub rate_mode: Option<RateMode>,
    /// Default by kind.
    pub distribution: Option<Distribution>,
    /// Default: clawback.
    pub early_redemption: Option<EarlyRedemption>,
    /// How its stake in the network is its customers'.
    pub staking: StakingTerms,
    /// What may change later.
    pub sale: SaleText,
}

/// A change of one optional field: left alone, cleared or set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// Not mentioned.
    #[default]
    Keep,
    /// Asked to be empty.
    Clear,
    /// Asked to be this.
    Set(T),
}

/// The changeable fields of a product, amounts as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SaleText {
    /// See `SaleTerms`.
    pub name: Patch<String>,
    /// See `SaleTerms`.
    pub minimum: Patch<String>,
    /// See `SaleTerms`.
    pub step: Patch<String>,
    /// See `SaleTerms`.
    pub personal_maximum: Patch<String>,
    /// See `SaleTerms`.
    pub capacity: Patch<String>,
    /// See `SaleTerms`.
    pub opens_at: Patch<Timestamp>,
    /// See `SaleTerms`.
    pub closes_at: Patch<Timestamp>,
    /// See `SaleTerms`.
    pub renewal: Patch<bool>,
    /// See `SaleTerms`.
    pub risk_notice: Patch<String>,
}

/// A product that was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductCreated {
    /// The operator's id.
    pub id: String,
    /// Its asset.
    pub asset: AssetIx,
    /// Flexible or fixed-term.
    pub kind: Kind,
    /// Floating or locked.
    pub rate_mode: RateMode,
    /// When rewards are paid.
    pub distribution: Distribution,
    /// What an early exit costs.
    pub early_redemption: EarlyRedemption,
    /// What may change later.
    pub sale: SaleTerms,
    /// The schedule it starts with.
    pub rates: Vec<(Day, Bands)>,
}

/// A product was added, with the terms of its stake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductAdded {
    /// Its terms.
    pub product: ProductCreated,
    /// How its stake in the network is its customers'.
    pub staking: StakingTerms,
}

/// A product moved along its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductStatusSet {
    /// Which.
    pub product: ProductIx,
    /// Where to.
    pub status: Status,
}

/// What may change was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleTermsChanged {
    /// Whose.
    pub product: ProductIx,
    /// All of them, as they are now.
    pub sale: Box<SaleTerms>,
}

/// Adds a product, as a draft.
///
/// # Errors
/// `asset_not_found`, `terms_invalid`, `already_exists`, `amount_invalid`.
pub fn create_product(state: &State, asked: &ProductText) -> Result<ProductAdded, Rejection> {
    let (asset_ix, asset) = asset(state, &asked.asset)?;
    if !is_outside_id(&asked.id, PRODUCT_ID_BYTES_MAX) {
        return Err(invalid("a product id is 1 to 64 of A-Z a-z 0-9 . _ -"));
    }
    if state.product_ix(&asked.id).is_some() {
        return Err(Rejection::AlreadyExists);
    }
    let nothing = SaleTerms {
        name: String::new(),
        minimum: Amount::ONE,
        step: None,
        personal_maximum: None,
        capacity: None,
        opens_at: None,
        closes_at: None,
        renewal: false,
        risk_notice: String::new(),
    };
    let mut sale = changed(&nothing, &asked.sale, asset.decimals)?;
    check_name("name", &asked.name)?;
    sale.name.clone_from(&asked.name);
    let distribution = asked.distribution.unwrap_or(asked.kind.default_distribution());
    if let Some(reason) = contradiction(asked.kind, distribution, &sale) {
        return Err(invalid(reason));
    }
    let rates: Result<Vec<_>, _> = asked.rates.iter().map(|(from, rate)| Ok((*from, bands(rate, asset.decimals)?))).collect();
    let rate_mode = asked.rate_mode.unwrap_or(asked.kind.default_rate_mode());
    if let Some(reason) = asked.staking.contradiction(rate_mode) {
        return Err(invalid(reason));
    }
    let product = ProductCreated {
        id: asked.id.clone(),
        asset: asset_ix,
        kind: asked.kind,
        rate_mode,
        distribution,
        early_redemption: asked.early_redemption.unwrap_or(EarlyRedemption::Clawback),
        sale,
        rates: rates?,
    };
    Ok(ProductAdded { product, staking: asked.staking })
}

/// Moves a product along its life.
///
/// # Errors
/// `product_not_found`, `product_closed`, `status_not_reachable`, `rate_missing`.
pub fn set_status(state: &State, id: &str, status: Status) -> Result<ProductStatusSet, Rejection> {
    let (ix, product) = product(state, id)?;
    if !product.status.may_become(status) {
        return Err(if product.status == Status::Closed { Rejection::ProductClosed } else { Rejection::StatusNotReachable });
    }
    if status == Status::Open && product.version_on(state.registry.open_day).is_none() {
        return Err(Rejection::RateMissing);
    }
    Ok(ProductStatusSet { product: ix, status })
}

/// Changes what may change.
///
/// # Errors
/// `product_not_found`, `product_closed`, `amount_invalid`, `terms_invalid`.
pub fn change_product(state: &State, id: &str, asked: &SaleText) -> Result<SaleTermsChanged, Rejection> {
    let (ix, product) = product(state, id)?;
    if product.status == Status::Closed {
        return Err(Rejection::ProductClosed);
    }
    let decimals = state.asset(product.asset).map_or(0, |asset| asset.decimals);
    let sale = changed(&product.sale, asked, decimals)?;
    check_name("name", &sale.name)?;
    if let Some(reason) = contradiction(product.kind, product.distribution, &sale) {
        return Err(invalid(reason));
    }
    Ok(SaleTermsChanged { product: ix, sale: Box::new(sale) })
}

fn changed(now: &SaleTerms, asked: &SaleText, decimals: u8) -> Result<SaleTerms, Rejection> {
    let amount = |change: &Patch<String>, present: Option<Amount>, field| match change {
        Patch::Keep => Ok(present),
        Patch::Clear => Ok(None),
        Patch::Set(text) => positive(text, decimals, field).map(Some),
    };
    if let Patch::Set(notice) = &asked.risk_notice {
        check_text("risk_notice", notice, RISK_NOTICE_BYTES_MAX)?;
    }
    Ok(SaleTerms {
        name: chosen(&asked.name, &now.name, String::new()),
        minimum: amount(&asked.minimum, Some(now.minimum), AmountField::Minimum)?.unwrap_or(Amount::ONE),
        step: amount(&asked.step, now.step, AmountField::Step)?,
        personal_maximum: amount(&asked.personal_maximum, now.personal_maximum, AmountField::PersonalMaximum)?,
        capacity: amount(&asked.capacity, now.capacity, AmountField::Capacity)?,
        opens_at: optional(asked.opens_at.clone(), now.opens_at),
        closes_at: optional(asked.closes_at.clone(), now.closes_at),
        renewal: chosen(&asked.renewal, &now.renewal, false),
        risk_notice: chosen(&asked.risk_notice, &now.risk_notice, String::new()),
    })
}

fn chosen<T: Clone>(change: &Patch<T>, now: &T, empty: T) -> T {
    match change {
        Patch::Keep => now.clone(),
        Patch::Clear => empty,
        Patch::Set(value) => value.clone(),
    }
}

fn optional<T>(change: Patch<T>, now: Option<T>) -> Option<T> {
    match change {
        Patch::Keep => now,
        Patch::Clear => None,
        Patch::Set(value) => Some(value),
    }
}

impl ProductCreated {
    fn tell(&self, staking: StakingTerms) -> News<'_> {
        let rewards_from = staking.rewards_from();
        News::Product { id: &self.id, asset: self.asset, kind: self.kind, rewards_from, rates: &self.rates }
    }
    fn add(&self, staking: StakingTerms, state: &mut State, at: Timestamp) {
        let open_day = state.registry.open_day;
        let product = state.add_product(Product {
            id: self.id.clone(),
            asset: self.asset,
            kind: self.kind,
            rate_mode: self.rate_mode,
            distribution: self.distribution,
            early_redemption: self.early_redemption,
            staking,
            sale: self.sale.clone(),
            status: Status::Draft,
            staked: Amount::ZERO,
            schedule: BTreeMap::new(),
            settled: BTreeMap::new(),
            closed_from: open_day,
            closed: Vec::new(),
            created_at: at,
        });
        for (from, bands) in &self.rates {
            announce(state, product, *from, bands, at);
        }
    }
}

impl Fact for ProductCreated {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        self.add(StakingTerms::default(), state, at);
    }
    fn answer(&self, state: &State, at: Timestamp) -> Answer {
        answer::product(state, ProductIx::from_index(last(state.registry.products.len())), at)
    }
    fn news(&self) -> News<'_> {
        self.tell(StakingTerms::default())
    }
}

impl Fact for ProductAdded {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        self.product.add(self.staking, state, at);
    }
    fn answer(&self, state: &State, at: Timestamp) -> Answer {
        self.product.answer(state, at)
    }
    fn news(&self) -> News<'_> {
        self.product.tell(self.staking)
    }
}

impl Fact for ProductStatusSet {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        if let Some(product) = state.registry.products.get_mut(self.product.index()) {
            product.status = self.status;
        }
    }
    fn answer(&self, state: &State, at: Timestamp) -> Answer {
        answer::product(state, self.product, at)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

impl Fact for SaleTermsChanged {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        if let Some(product) = state.registry.products.get_mut(self.product.index()) {
            product.sale.clone_from(&self.sale);
        }
    }
    fn answer(&self, state: &State, at: Timestamp) -> Answer {
        answer::product(state, self.product, at)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}
