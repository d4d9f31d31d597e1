//! What a customer is shown before it confirms: the figures of a subscription or a redemption as they would be booked now.
//!
//! A preview runs the checks of its command and books nothing. It is a value, so what was shown can travel with the command and
//! be compared with what holds in the instant of deciding ([`of`]); the agreement and the wish to renew are no part of it.

use super::verb::{Subscribed, redeem, subscribe};
use super::view::{self, IfSubscribedNow, Prospect};
use super::{Command, ExitOutlook, Rejection, State, outlook};
use crate::calendar::Timestamp;
use crate::id::{AgreementIx, AssetIx, PositionId};
use crate::money::Amount;
use crate::reward::clawback::{AccountKind, RedemptionFigures};

/// What a command would book, as it is shown before it is confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preview {
    /// Of a subscription.
    Subscription(SubscriptionPreview),
    /// Of a redemption.
    Redemption(RedemptionPreview),
}

/// What a subscription would book and earn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionPreview {
    /// Of which asset.
    pub asset: AssetIx,
    /// What would be staked.
    pub amount: Amount,
    /// Its dates.
    pub dates: IfSubscribedNow,
    /// What it would earn.
    pub prospect: Prospect,
    /// What leaves Funding.
    pub from_funding: Amount,
    /// What leaves Spot.
    pub from_spot: Amount,
    /// The agreement in force, to be accepted.
    pub agreement: AgreementIx,
}

/// What a redemption would pay and take back, and what it would give up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedemptionPreview {
    /// Of which asset.
    pub asset: AssetIx,
    /// Whether it is before the end of a term.
    pub early: bool,
    /// Its amounts; `spot_part` is nothing here, because nobody is shown it.
    pub figures: RedemptionFigures,
    /// Whether it would be paid at once, or by when.
    pub exit: ExitOutlook,
    /// What of it would not be paid before two people have said who bears a loss.
    pub withheld: Amount,
    /// All rewards of the term if the position is kept to its end: an estimate; fixed-term only.
    pub total_reward_if_kept: Option<Amount>,
}

/// What a subscription would book and earn at an instant.
///
/// # Errors
/// The rejection that it would meet.
pub fn subscription(state: &State, asked: &subscribe::Asked<'_>, now: Timestamp) -> Result<SubscriptionPreview, Rejection> {
    let booked = subscribe::check(state, asked, now)?;
    let product = state.product(booked.product).ok_or(Rejection::ProductNotFound)?;
    Ok(SubscriptionPreview {
        asset: product.asset,
        amount: booked.amount(),
        dates: view::if_subscribed(state, product, booked.value_date),
        prospect: prospect_of(state, &booked).ok_or(Rejection::ProductNotFound)?,
        from_funding: booked.from_funding,
        from_spot: booked.from_spot,
        agreement: booked.agreement,
    })
}

/// What a redemption would pay and take back now.
///
/// # Errors
/// The rejection that it would meet.
pub fn redemption(
    state: &State,
    customer: &str,
    position: Option<PositionId>,
    amount: Option<&str>,
    to: Option<AccountKind>,
    now: Timestamp,
) -> Result<RedemptionPreview, Rejection> {
    let booked = redeem::check(state, customer, position, amount, to)?;
    let product = state.product(booked.product).ok_or(Rejection::ProductNotFound)?;
    let withheld = booked.withheld(state);
    Ok(RedemptionPreview {
        asset: product.asset,
        early: booked.early,
        exit: state.exit_outlook(product.asset, booked.customer, booked.paid_out().left_after(withheld), now),
        withheld,
        figures: RedemptionFigures { spot_part: Amount::ZERO, ..booked.figures },
        total_reward_if_kept: outlook::reward_if_kept(state, booked.position),
    })
}

/// What a decided subscription would earn; a locked position's top-up earns by the version that position keeps.
#[must_use]
pub fn prospect_of(state: &State, subscribed: &Subscribed) -> Option<Prospect> {
    let product = state.product(subscribed.product)?;
    let amount = subscribed.amount();
    let before = subscribed.stake.earning.plus(subscribed.stake.pending).left_after(amount);
    Some(view::prospect_at(state, product, subscribed.rate_version, view::Addition { before, amount, value_date: subscribed.value_date }))
}

/// What a command would be shown to book at an instant; nothing for one that is not previewed, or that a rule refuses.
#[must_use]
pub fn of(state: &State, command: &Command, now: Timestamp) -> Option<Preview> {
    if let Command::Subscribe(asked) = command {
        let look = subscribe::Asked {
            customer: &asked.customer,
            product: &asked.product,
            amount: &asked.amount,
            source: Some(asked.source),
            agreement: None,
            auto_renew: false,
        };
        return subscription(state, &look, now).ok().map(Preview::Subscription);
    }
    if let Command::Redeem(asked) | Command::QueueExit(asked) = command {
        let found = redemption(state, &asked.customer, asked.position, asked.amount.as_deref(), asked.to, now);
        return found.ok().map(Preview::Redemption);
    }
    None
}
