//! Assets, customers, agreements, products and rates: what an operator sets up (RULES 3, 5, 6).

use super::fact::{Fact, NO_MONEY};
use super::named::{asset, positive, product};
use crate::calendar::{Day, Timestamp};
use crate::id::{AgreementIx, AssetIx, CustomerIx, ProductIx, RateVersionIx, is_outside_id};
use crate::ledger::{JournalEntry, Unbalanced};
use crate::limits::{
    AGREEMENT_TEXT_BYTES_MAX, AGREEMENT_VERSION_BYTES_MAX, ASSET_DECIMALS_MAX, ASSET_SYMBOL_BYTES_MAX, CUSTOMER_ID_BYTES_MAX,
    NAME_BYTES_MAX, PRODUCT_ID_BYTES_MAX, RISK_NOTICE_BYTES_MAX,
};
use crate::machine::answer::{self, Answer};
use crate::machine::command::{Patch, ProductText, RateText, SaleText};
use crate::machine::event::{Event, ProductCreated};
use crate::machine::movement::Cause;
use crate::machine::post::Catalogue;
use crate::machine::rejection::{AmountField, Rejection};
use crate::machine::state::{Agreement, Asset, State};
use crate::money::{Amount, Rate};
use crate::product::rates::{Band, Bands, RateVersion};
use crate::product::{EarlyRedemption, Product, SaleTerms, Status, contradiction};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

fn invalid(reason: impl Into<String>) -> Rejection {
    Rejection::TermsInvalid { reason: reason.into() }
}

fn check_text(field: &str, text: &str, bytes_max: usize) -> Result<(), Rejection> {
    if text.is_empty()
        || text.len() > bytes_max
        || text.chars().any(|each| each.is_control() && each != '\n' && each != '\r' && each != '\t')
    {
        return Err(invalid(format!("{field} is 1 to {bytes_max} bytes of text without control characters")));
    }
    Ok(())
}

/// Adds an asset.
///
/// # Errors
/// `terms_invalid`, `already_exists`.
pub fn create_asset(state: &State, symbol: &str, name: &str, decimals: u8, display_decimals: u8) -> Result<Event, Rejection> {
    if !is_outside_id(symbol, ASSET_SYMBOL_BYTES_MAX) {
        return Err(invalid("symbol is 1 to 16 of A-Z a-z 0-9 . _ -"));
    }
    check_text("name", name, NAME_BYTES_MAX)?;
    if decimals > ASSET_DECIMALS_MAX || display_decimals > decimals {
        return Err(invalid("decimals is 0 to 18, display_decimals at most decimals"));
    }
    if state.asset_ix(symbol).is_some() {
        return Err(Rejection::AlreadyExists);
    }
    Ok(Event::AssetCreated { symbol: symbol.to_owned(), name: name.to_owned(), decimals, display_decimals })
}

/// Adds a customer.
///
/// # Errors
/// `terms_invalid`, `already_exists`.
pub fn create_customer(state: &State, id: &str) -> Result<Event, Rejection> {
    if !is_outside_id(id, CUSTOMER_ID_BYTES_MAX) {
        return Err(invalid("a customer id is 1 to 64 of A-Z a-z 0-9 . _ -"));
    }
    if state.customer_ix(id).is_some() {
        return Err(Rejection::AlreadyExists);
    }
    Ok(Event::CustomerCreated { id: id.to_owned() })
}

/// Puts an agreement in force.
///
/// # Errors
/// `terms_invalid`, `already_exists`.
pub fn publish_agreement(state: &State, version: &str, text: &str) -> Result<Event, Rejection> {
    if !is_outside_id(version, AGREEMENT_VERSION_BYTES_MAX) {
        return Err(invalid("version is 1 to 64 of A-Z a-z 0-9 . _ -"));
    }
    check_text("text", text, AGREEMENT_TEXT_BYTES_MAX)?;
    if state.registry.agreements.iter().any(|agreement| agreement.version == version) {
        return Err(Rejection::AlreadyExists);
    }
    Ok(Event::AgreementPublished { version: version.to_owned(), text: text.to_owned(), sha256: Sha256::digest(text.as_bytes()).into() })
}

/// Adds a product, as a draft.
///
/// # Errors
/// `asset_not_found`, `terms_invalid`, `already_exists`, `amount_invalid`.
pub fn create_product(state: &State, asked: &ProductText) -> Result<Event, Rejection> {
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
    check_text("name", &asked.name, NAME_BYTES_MAX)?;
    sale.name.clone_from(&asked.name);
    let distribution = asked.distribution.unwrap_or(asked.kind.default_distribution());
    if let Some(reason) = contradiction(asked.kind, distribution, &sale) {
        return Err(invalid(reason));
    }
    let rates: Result<Vec<_>, _> = asked.rates.iter().map(|(from, rate)| Ok((*from, bands(rate, asset.decimals)?))).collect();
    Ok(Event::ProductCreated(Box::new(ProductCreated {
        id: asked.id.clone(),
        asset: asset_ix,
        kind: asked.kind,
        rate_mode: asked.rate_mode.unwrap_or(asked.kind.default_rate_mode()),
        distribution,
        early_redemption: asked.early_redemption.unwrap_or(EarlyRedemption::Clawback),
        sale,
        rates: rates?,
    })))
}

/// Moves a product along its life.
///
/// # Errors
/// `product_not_found`, `product_closed`, `status_not_reachable`, `rate_missing`.
pub fn set_status(state: &State, id: &str, status: Status) -> Result<Event, Rejection> {
    let (ix, product) = product(state, id)?;
    if !product.status.may_become(status) {
        return Err(if product.status == Status::Closed { Rejection::ProductClosed } else { Rejection::StatusNotReachable });
    }
    if status == Status::Open && product.version_on(state.registry.open_day).is_none() {
        return Err(Rejection::RateMissing);
    }
    Ok(Event::ProductStatusSet { product: ix, status })
}

/// Changes what may change.
///
/// # Errors
/// `product_not_found`, `product_closed`, `amount_invalid`, `terms_invalid`.
pub fn change_product(state: &State, id: &str, asked: &SaleText) -> Result<Event, Rejection> {
    let (ix, product) = product(state, id)?;
    if product.status == Status::Closed {
        return Err(Rejection::ProductClosed);
    }
    let decimals = state.asset(product.asset).map_or(0, |asset| asset.decimals);
    let sale = changed(&product.sale, asked, decimals)?;
    check_text("name", &sale.name, NAME_BYTES_MAX)?;
    if let Some(reason) = contradiction(product.kind, product.distribution, &sale) {
        return Err(invalid(reason));
    }
    Ok(Event::SaleTermsChanged { product: ix, sale: Box::new(sale) })
}

/// Announces a rate from a day after today on.
///
/// # Errors
/// `product_not_found`, `rate_not_future`, `amount_invalid`, `terms_invalid`.
pub fn announce_rate(state: &State, id: &str, from: Day, rate: &RateText) -> Result<Event, Rejection> {
    let (ix, product) = product(state, id)?;
    let earliest = state.registry.open_day.next();
    if from < earliest {
        return Err(Rejection::RateNotFuture { earliest });
    }
    let decimals = state.asset(product.asset).map_or(0, |asset| asset.decimals);
    Ok(Event::RateAnnounced { product: ix, from, bands: bands(rate, decimals)? })
}

/// Settles the rate of a day that is not closed: a cap on every band.
///
/// # Errors
/// `product_not_found`, `day_closed`, `rate_missing`, `rate_above_reference`.
pub fn settle_rate(state: &State, id: &str, day: Day, rate: Rate) -> Result<Event, Rejection> {
    let (ix, product) = product(state, id)?;
    if day < state.registry.open_day {
        return Err(Rejection::DayClosed { open_day: state.registry.open_day });
    }
    let reference = product.version_on(day).and_then(|version| state.bands(version)).ok_or(Rejection::RateMissing)?.highest();
    if rate > reference {
        return Err(Rejection::RateAboveReference { reference });
    }
    Ok(Event::RateSettled { product: ix, day, rate })
}

fn bands(rate: &RateText, decimals: u8) -> Result<Bands, Rejection> {
    let bands: Result<Vec<_>, Rejection> = rate
        .iter()
        .map(|(up_to, rate)| {
            let up_to = up_to.as_deref().map(|text| positive(text, decimals, AmountField::UpTo)).transpose()?;
            Ok(Band { up_to, rate: *rate })
        })
        .collect();
    Bands::new(bands?).map_err(|bad| invalid(bad.to_string()))
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

/// An asset was added.
pub(super) struct AssetCreated<'e> {
    pub symbol: &'e str,
    pub name: &'e str,
    pub decimals: u8,
    pub display_decimals: u8,
}

impl Fact for AssetCreated<'_> {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        let (symbol, name) = (self.symbol.to_owned(), self.name.to_owned());
        state.add_asset(Asset { symbol, name, decimals: self.decimals, display_decimals: self.display_decimals });
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        Answer::Asset(AssetIx::from_index(last(state.registry.assets.len())))
    }
    fn cause(&self) -> Option<Cause<'_>> {
        None
    }
}

/// A customer was added.
pub(super) struct CustomerCreated<'e>(pub &'e str);

impl Fact for CustomerCreated<'_> {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        state.add_customer(self.0);
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        Answer::Customer(CustomerIx::from_index(last(state.customers.len())))
    }
    fn cause(&self) -> Option<Cause<'_>> {
        None
    }
}

/// An agreement came into force.
pub(super) struct AgreementPublished<'e> {
    pub version: &'e str,
    pub text: &'e str,
    pub sha256: [u8; 32],
}

impl Fact for AgreementPublished<'_> {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        let (version, text) = (self.version.to_owned(), self.text.to_owned());
        state.registry.agreements.push(Agreement { version, text, sha256: self.sha256, in_force_since: at });
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        Answer::Agreement(AgreementIx::from_index(last(state.registry.agreements.len())))
    }
    fn cause(&self) -> Option<Cause<'_>> {
        None
    }
}

impl Fact for ProductCreated {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        let open_day = state.registry.open_day;
        let product = state.add_product(Product {
            id: self.id.clone(),
            asset: self.asset,
            kind: self.kind,
            rate_mode: self.rate_mode,
            distribution: self.distribution,
            early_redemption: self.early_redemption,
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
    fn answer(&self, state: &State, at: Timestamp) -> Answer {
        answer::product(state, ProductIx::from_index(last(state.registry.products.len())), at)
    }
    fn cause(&self) -> Option<Cause<'_>> {
        None
    }
}

/// A product moved along its life.
pub(super) struct ProductStatusSet {
    pub product: ProductIx,
    pub status: Status,
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
    fn cause(&self) -> Option<Cause<'_>> {
        None
    }
}

/// What may change was changed.
pub(super) struct SaleTermsChanged<'e> {
    pub product: ProductIx,
    pub sale: &'e SaleTerms,
}

impl Fact for SaleTermsChanged<'_> {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        if let Some(product) = state.registry.products.get_mut(self.product.index()) {
            product.sale = self.sale.clone();
        }
    }
    fn answer(&self, state: &State, at: Timestamp) -> Answer {
        answer::product(state, self.product, at)
    }
    fn cause(&self) -> Option<Cause<'_>> {
        None
    }
}

/// A rate was announced.
pub(super) struct RateAnnounced<'e> {
    pub product: ProductIx,
    pub from: Day,
    pub bands: &'e Bands,
}

impl Fact for RateAnnounced<'_> {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        announce(state, self.product, self.from, self.bands, at);
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        Answer::Rate { product: self.product, version: RateVersionIx::from_index(last(state.registry.rate_versions.len())) }
    }
    fn cause(&self) -> Option<Cause<'_>> {
        None
    }
}

/// A day's rate was settled.
pub(super) struct RateSettled {
    pub product: ProductIx,
    pub day: Day,
    pub rate: Rate,
}

impl Fact for RateSettled {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        if let Some(product) = state.registry.products.get_mut(self.product.index()) {
            product.settled.insert(self.day, self.rate);
        }
    }
    fn answer(&self, _: &State, _: Timestamp) -> Answer {
        Answer::Settled { product: self.product, day: self.day, rate: self.rate }
    }
    fn cause(&self) -> Option<Cause<'_>> {
        None
    }
}

fn announce(state: &mut State, product: ProductIx, from: Day, bands: &Bands, at: Timestamp) {
    let version = RateVersionIx::from_index(state.registry.rate_versions.len());
    state.registry.rate_versions.push(RateVersion { product, from, bands: bands.clone(), announced_at: at });
    if let Some(product) = state.registry.products.get_mut(product.index()) {
        product.schedule.insert(from, version);
    }
}

/// The place of what was just added.
const fn last(len: usize) -> usize {
    len.saturating_sub(1)
}
