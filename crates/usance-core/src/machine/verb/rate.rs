//! `AnnounceRate`, `SettleRate`, `SettleRateFor`: what a product pays from a later day on, and what caps one day (RULES 3).

use super::fact::{Fact, NO_MONEY};
use super::named::{check_text, invalid, last, positive, product};
use crate::calendar::{Day, Timestamp};
use crate::id::{ProductIx, RateVersionIx};
use crate::ledger::{JournalEntry, Unbalanced};
use crate::limits::REASON_BYTES_MAX;
use crate::machine::answer::Answer;
use crate::machine::news::News;
use crate::machine::post::Catalogue;
use crate::machine::rejection::{AmountField, Rejection};
use crate::machine::state::State;
use crate::money::Rate;
use crate::product::rates::{Band, Bands, RateVersion};
use serde::{Deserialize, Serialize};

/// One rate as it is asked for: a single one or tiers whose bounds are amounts in text.
pub type RateText = Vec<(Option<String>, Rate)>;

/// A rate was announced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateAnnounced {
    /// Whose.
    pub product: ProductIx,
    /// From when.
    pub from: Day,
    /// What.
    pub bands: Bands,
}

/// A day's rate was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateSettled {
    /// Whose.
    pub product: ProductIx,
    /// Which day.
    pub day: Day,
    /// The cap.
    pub rate: Rate,
}

/// A day's rate was settled for a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateSettledFor {
    /// What was settled.
    pub settled: RateSettled,
    /// Why, in an operator's words.
    pub reason: String,
}

/// Announces a rate from a day after today on.
///
/// # Errors
/// `product_not_found`, `rate_not_future`, `amount_invalid`, `terms_invalid`.
pub fn announce_rate(state: &State, id: &str, from: Day, rate: &RateText) -> Result<RateAnnounced, Rejection> {
    let (ix, product) = product(state, id)?;
    let earliest = state.registry.open_day.next();
    if from < earliest {
        return Err(Rejection::RateNotFuture { earliest });
    }
    let decimals = state.asset(product.asset).map_or(0, |asset| asset.decimals);
    Ok(RateAnnounced { product: ix, from, bands: bands(rate, decimals)? })
}

/// Settles the rate of a day that is not closed: a cap on every band.
///
/// # Errors
/// `product_not_found`, `day_closed`, `rate_missing`, `rate_above_reference`; `terms_invalid` where the network's yield is passed on, which
/// takes a reason.
pub fn settle_rate(state: &State, id: &str, day: Day, rate: Rate) -> Result<RateSettled, Rejection> {
    let (_, found) = product(state, id)?;
    let settled = settled(state, id, day, rate)?;
    if found.staking.passes_on() {
        return Err(invalid("where the network's yield is passed on, an operator settles a rate with a reason"));
    }
    Ok(settled)
}

/// Settles the rate of a day that is not closed, and says why.
///
/// # Errors
/// As of [`settle_rate`]; `terms_invalid` where the reason is no text.
pub fn settle_rate_for(state: &State, id: &str, day: Day, rate: Rate, reason: &str) -> Result<RateSettledFor, Rejection> {
    let settled = settled(state, id, day, rate)?;
    check_text("reason", reason, REASON_BYTES_MAX)?;
    Ok(RateSettledFor { settled, reason: reason.to_owned() })
}

fn settled(state: &State, id: &str, day: Day, rate: Rate) -> Result<RateSettled, Rejection> {
    let (ix, product) = product(state, id)?;
    if day < state.registry.open_day {
        return Err(Rejection::DayClosed { open_day: state.registry.open_day });
    }
    let reference = product.version_on(day).and_then(|version| state.bands(version)).ok_or(Rejection::RateMissing)?.highest();
    if rate > reference {
        return Err(Rejection::RateAboveReference { reference });
    }
    Ok(RateSettled { product: ix, day, rate })
}

/// Reads the bands of a rate.
pub(super) fn bands(rate: &RateText, decimals: u8) -> Result<Bands, Rejection> {
    let bands: Result<Vec<_>, Rejection> = rate
        .iter()
        .map(|(up_to, rate)| {
            let up_to = up_to.as_deref().map(|text| positive(text, decimals, AmountField::UpTo)).transpose()?;
            Ok(Band { up_to, rate: *rate })
        })
        .collect();
    Bands::new(bands?).map_err(|bad| invalid(bad.to_string()))
}

impl Fact for RateAnnounced {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        announce(state, self.product, self.from, &self.bands, at);
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        Answer::Rate { product: self.product, version: RateVersionIx::from_index(last(state.registry.rate_versions.len())) }
    }
    fn news(&self) -> News<'_> {
        News::Rate { product: self.product, from: self.from, bands: &self.bands }
    }
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
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

impl Fact for RateSettledFor {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        self.settled.apply(state, at);
        state.settled_for(self.settled.product, self.settled.day, &self.reason);
    }
    fn answer(&self, state: &State, at: Timestamp) -> Answer {
        self.settled.answer(state, at)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

/// Puts a rate version into a product's schedule.
pub(super) fn announce(state: &mut State, product: ProductIx, from: Day, bands: &Bands, at: Timestamp) {
    let version = RateVersionIx::from_index(state.registry.rate_versions.len());
    state.registry.rate_versions.push(RateVersion { product, from, bands: bands.clone(), announced_at: at });
    if let Some(product) = state.registry.products.get_mut(product.index()) {
        product.schedule.insert(from, version);
    }
}
