//! One look at the state: a page reads everything it shows in one moment, so that its parts fit each other.

use crate::app::App;
use crate::json::account::{self, AccountShape};
use crate::json::asset::staking_at;
use crate::json::exit::{ExitShape, shape as shapes_of_exits};
use crate::json::product::estimate_at;
use crate::json::shape::preview::{RedemptionPreviewShape, SubscriptionPreviewShape};
use crate::json::shape::{self, EstimateShape, PositionShape, ProductShape, StakingShape};
use crate::pages::shell::{Room, Shell};
use crate::pages::visitor::Visitor;
use crate::wire::problem::Problem;
use crate::wire::rejected::rejected;
use usance_core::calendar::Timestamp;
use usance_core::id::PositionId;
use usance_core::machine::{Rejection, State};
use usance_engine::caller::Caller;
use usance_engine::lines::{Chosen, Cut};
use usance_engine::operations::position::Filter;
use usance_engine::operations::product::Drafts;
use usance_engine::operations::redemption::RedemptionPreviewAsked;
use usance_engine::operations::subscription::SubscriptionPreviewAsked;
use usance_engine::operations::words::SourceWord;
use usance_engine::operations::{self, exit, position, product, redemption, subscription};

/// The state at one moment, as pages show it.
pub struct Seen<'a> {
    app: &'a App,
    /// The state.
    pub state: &'a State,
    /// The moment.
    pub now: Timestamp,
}

/// Looks once, and shows what was seen.
///
/// # Errors
/// What `show` gives, and an engine that cannot answer now.
pub async fn look<R>(app: &App, show: impl FnOnce(&Seen<'_>) -> Result<R, Problem>) -> Result<R, Problem> {
    app.engine.read(|state, now| show(&Seen { app, state, now })).await?
}

/// Looks once, and takes a customer's past at the same moment.
///
/// # Errors
/// `customer_not_found`, `asset_not_found`, `position_not_found`; otherwise as [`look`].
pub async fn look_back<R>(
    app: &App,
    caller: &Caller,
    chosen: Chosen<'_>,
    show: impl FnOnce(&Seen<'_>) -> Result<R, Problem>,
) -> Result<(Cut, R), Problem> {
    let taken = Cut::take_with(&app.engine, caller.acts_for(), chosen, |state, now| show(&Seen { app, state, now })).await;
    let (cut, shown) = taken.map_err(|refusal| app.refused(refusal))?;
    Ok((cut, shown?))
}

impl Seen<'_> {
    fn no(&self, rejection: &Rejection) -> Problem {
        rejected(self.state, rejection)
    }

    /// What every page shares.
    #[must_use]
    pub fn shell(&self, visitor: &Visitor, room: Room) -> Shell {
        Shell::at(self.state, self.now, visitor, room, !self.app.site.sample_customers.is_empty())
    }

    /// A customer's accounts.
    ///
    /// # Errors
    /// `customer_not_found`.
    pub fn accounts(&self, caller: &Caller) -> Result<Vec<AccountShape>, Problem> {
        let found = operations::account::list_at(self.state, self.now, caller.acts_for()).map_err(|no| self.no(&no))?;
        Ok(account::shapes(self.state, &found))
    }

    /// Every product that customers see.
    #[must_use]
    pub fn offered(&self) -> Vec<ProductShape> {
        let found = product::list_at(self.state, self.now, Drafts::Hidden);
        found.iter().map(|view| shape::product_now(self.state, view)).collect()
    }

    /// One product that customers see.
    ///
    /// # Errors
    /// `product_not_found`.
    pub fn product(&self, id: &str) -> Result<ProductShape, Problem> {
        let found = product::get_at(self.state, self.now, id).map_err(|no| self.no(&no))?;
        Ok(shape::product_now(self.state, &found))
    }

    /// Where the coins of an asset are.
    ///
    /// # Errors
    /// `asset_not_found`.
    pub fn staking(&self, asset: &str) -> Result<StakingShape, Problem> {
        staking_at(self.state, self.now, asset)
    }

    /// A customer's positions, newest first, each with its number.
    ///
    /// # Errors
    /// `customer_not_found`.
    pub fn positions(&self, caller: &Caller, filter: &Filter, most: usize) -> Result<Vec<(PositionId, PositionShape)>, Problem> {
        let found = position::list_at(self.state, caller.acts_for(), filter, most).map_err(|no| self.no(&no))?;
        Ok(found.iter().map(|view| (view.id, shape::position_now(self.state, view))).collect())
    }

    /// One of a customer's positions.
    ///
    /// # Errors
    /// `customer_not_found`, `position_not_found`.
    pub fn position(&self, caller: &Caller, id: &str) -> Result<PositionShape, Problem> {
        let found = position::get_at(self.state, caller, id).map_err(|no| self.no(&no))?;
        Ok(shape::position_now(self.state, &found))
    }

    /// What today brings one of a customer's positions.
    ///
    /// # Errors
    /// `customer_not_found`, `position_not_found`.
    pub fn today(&self, caller: &Caller, id: &str) -> Result<PositionToday, Problem> {
        let today = position::today_at(self.state, self.now, caller, id).map_err(|no| self.no(&no))?;
        let text = |amount| shape::amount(self.state, today.asset, amount);
        Ok(PositionToday { reward_estimate: text(today.reward), so_far_estimate: text(today.so_far) })
    }

    /// What a subscription would book.
    ///
    /// # Errors
    /// The rejection that it would meet.
    pub fn subscription(&self, caller: &Caller, asked: &SubscriptionPreviewAsked) -> Result<SubscriptionPreviewShape, Problem> {
        let found = subscription::preview_at(self.state, self.now, caller, asked).map_err(|no| self.no(&no))?;
        Ok(shape::preview::subscription(self.state, &found))
    }

    /// The most that a customer can subscribe to a product from a source, as text.
    ///
    /// # Errors
    /// `product_not_found`.
    pub fn most(&self, caller: &Caller, product: &ProductShape, source: SourceWord) -> Result<String, Problem> {
        let most = subscription::most_at(self.state, caller, &product.id, source).map_err(|no| self.no(&no))?;
        let asset = self.state.asset_ix(&product.asset).ok_or_else(|| self.no(&Rejection::AssetNotFound))?;
        Ok(shape::amount(self.state, asset, most))
    }

    /// What a redemption would pay and take back.
    ///
    /// # Errors
    /// The rejection that it would meet.
    pub fn redemption(&self, caller: &Caller, id: &str, asked: &RedemptionPreviewAsked) -> Result<RedemptionPreviewShape, Problem> {
        let found = redemption::preview_at(self.state, self.now, caller, id, asked).map_err(|no| self.no(&no))?;
        Ok(shape::preview::redemption(self.state, &found))
    }

    /// A customer's exits, newest first.
    ///
    /// # Errors
    /// `customer_not_found`.
    pub fn exits(&self, caller: &Caller, before: Option<u64>, most: usize) -> Result<Vec<(u64, ExitShape)>, Problem> {
        let found = exit::list_at(self.state, self.now, caller, before, most).map_err(|no| self.no(&no))?;
        Ok(found.iter().map(|view| (view.exit.redemption, shapes_of_exits(self.state, view))).collect())
    }

    /// The version of the agreement in force; nothing where there is none.
    #[must_use]
    pub fn agreement_in_force(&self) -> String {
        self.state.agreement_in_force().map(|(_, agreement)| agreement.version.clone()).unwrap_or_default()
    }

    /// What an amount would earn for a newcomer.
    ///
    /// # Errors
    /// `product_not_found`, `amount_invalid`.
    pub fn estimate(&self, product: &str, amount: &str) -> Result<EstimateShape, Problem> {
        estimate_at(self.state, self.now, product, amount)
    }
}

/// What today brings a position, while the day runs: estimates, as text.
#[derive(Debug)]
pub struct PositionToday {
    /// What its close gives if nothing changes.
    pub reward_estimate: String,
    /// The part of that which the day has reached.
    pub so_far_estimate: String,
}
