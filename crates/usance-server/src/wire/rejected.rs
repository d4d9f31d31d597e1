//! The one place that says which rejection of a rule gets which status, and what it says.

use super::problem::Problem;
use super::text;
use axum::http::StatusCode;
use usance_core::id::AssetIx;
use usance_core::machine::{Rejection, State};
use usance_core::money::Amount;

/// The status of a rejection: 404 for what is not there, 409 where something else came first, 422 where a rule says no.
const fn status(rejection: &Rejection) -> StatusCode {
    match rejection {
        Rejection::CustomerNotFound
        | Rejection::AssetNotFound
        | Rejection::ProductNotFound
        | Rejection::PositionNotFound
        | Rejection::PersonNotFound
        | Rejection::NetworkNotFound
        | Rejection::PictureNotFound
        | Rejection::DifferenceNotFound
        | Rejection::TransferNotFound
        | Rejection::ExitNotFound
        | Rejection::OrderNotFound
        | Rejection::LossNotFound
        | Rejection::ProposalNotFound => StatusCode::NOT_FOUND,
        Rejection::QuoteChanged { .. }
        | Rejection::PositionClosed
        | Rejection::ProductClosed
        | Rejection::StatusNotReachable
        | Rejection::DayClosed { .. }
        | Rejection::ProposalNotOpen { .. }
        | Rejection::AlreadySigned
        | Rejection::ExitNotWaiting
        | Rejection::ExitWithheld { .. }
        | Rejection::EpochOver { .. }
        | Rejection::OrderNotOpen { .. }
        | Rejection::LossNotOpen
        | Rejection::AlreadyExists => StatusCode::CONFLICT,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// A rejection as a problem, its numbers in the asset's own unit.
#[must_use]
pub fn rejected(state: &State, rejection: &Rejection) -> Problem {
    let unit = |asset: &AssetIx, amount: &Amount| text::amount(state, *asset, *amount);
    let problem = |detail: String| Problem::new(status(rejection), rejection.code(), detail);
    match rejection {
        Rejection::CustomerNotFound => problem("There is no such customer.".into()),
        Rejection::AssetNotFound => problem("There is no such asset.".into()),
        Rejection::ProductNotFound => problem("There is no such product.".into()),
        Rejection::PositionNotFound => problem("This customer has no such position.".into()),
        Rejection::ProductClosed => problem("The product is closed for good.".into()),
        Rejection::StatusNotReachable => problem("A product goes from draft to open, between open and paused, and from either to closed.".into()),
        Rejection::RateMissing => problem("No rate is in force for that day.".into()),
        Rejection::ProductNotOpen => problem("The product takes no subscriptions now.".into()),
        Rejection::OutsideSaleWindow { opens_at, closes_at } => problem("The product's sale has not begun or is over.".into())
            .with("opens_at", opens_at.map(|at| at.to_string()))
            .with("closes_at", closes_at.map(|at| at.to_string())),
        Rejection::AgreementNotAccepted { in_force } => {
            problem("The Staking Service Agreement in force has to be accepted by its version.".into()).with("in_force", in_force.clone())
        }
        Rejection::PositionClosed => problem("The position has ended.".into()),
        Rejection::EarlyRedemptionNotAllowed { matures_at } => {
            problem(format!("This term cannot be left early; it ends at {matures_at}.")).with("matures_at", matures_at.to_string())
        }
        Rejection::PartialNotAllowed { asset, principal } => {
            problem(format!("A fixed term is redeemed whole: {}.", unit(asset, principal))).with("principal", unit(asset, principal))
        }
        Rejection::SameAccount => problem("A transfer goes from one account to the other.".into()),
        Rejection::AmountInvalid { field } => problem(format!(
            "{} is not a positive amount of this asset: digits like 1.25 or 5e-9, at most 64 characters, a whole number of base units, at most 10^28 of them.",
            field.name()
        ))
        .with("field", field.name()),
        Rejection::TermsInvalid { reason } => problem(format!("The terms do not fit together: {reason}.")),
        Rejection::AlreadyExists => problem("There is one with that name or reference already.".into()),
        Rejection::BelowMinimum { asset, minimum } => problem(format!("The minimum is {}.", unit(asset, minimum))).with("minimum", unit(asset, minimum)),
        Rejection::NotAStepMultiple { asset, step } => problem(format!("The amount has to be a multiple of {}.", unit(asset, step))).with("step", unit(asset, step)),
        Rejection::AbovePersonalMaximum { asset, left } => problem(format!("Your personal maximum leaves {}.", unit(asset, left))).with("left", unit(asset, left)),
        Rejection::AboveCapacity { asset, left } => problem(format!("The product's capacity leaves {}.", unit(asset, left))).with("left", unit(asset, left)),
        Rejection::AbovePrincipal { asset, principal } => {
            problem(format!("The position holds {}.", unit(asset, principal))).with("principal", unit(asset, principal))
        }
        Rejection::InsufficientBalance { asset, available } => {
            let available = text::balance(state, *asset, *available);
            problem(format!("The account holds {available}.")).with("available", available)
        }
        Rejection::RenewalNotAllowed => problem("This position cannot renew by itself: the product is flexible or does not offer it.".into()),
        Rejection::AboveLimit { asset, limit } => problem("A total would pass 10^28 base units.".into()).with("limit", unit(asset, limit)),
        Rejection::QuoteChanged { asset, figures } => {
            let mut changed = problem("The quote is missing or has changed; these are the figures now.".into());
            for (name, value) in text::figures(state, *asset, figures) {
                changed = changed.with(name, value);
            }
            changed
        }
        Rejection::RateNotFuture { earliest } => problem(format!("A rate is announced from {earliest} on, or later.")).with("earliest", earliest.to_string()),
        Rejection::DayClosed { open_day } => problem(format!("The day is closed; the open day is {open_day}.")).with("open_day", open_day.to_string()),
        Rejection::RateAboveReference { reference } => {
            problem(format!("A settled rate caps the reference, which is {}.", reference.to_text())).with("reference_apr", reference.to_text())
        }
        Rejection::ClockNotSimulated => problem("Only a simulated clock can be moved.".into()),
        Rejection::ClockBackwards { now } => problem(format!("The clock stands at {now} and runs forward only.")).with("now", now.to_string()),
        Rejection::ClockMoveTooFar { latest } => problem(format!("One move goes 3,660 days at most: until {latest}.")).with("latest", latest.to_string()),
        Rejection::NetworkNotFound => problem("There is no such network, or none with this asset.".into()),
        Rejection::PictureRefused { reason } => problem(format!("The picture cannot be the next one: {reason}.")),
        Rejection::PictureNotFound => problem("No such picture is kept aside.".into()),
        Rejection::DifferenceNotFound => problem("There is no such difference that waits for an explanation.".into()),
        Rejection::TransferNotFound => problem("No picture has shown such a sweep to leave, or it was received already.".into()),
        Rejection::CoverageInsufficient { asset, covered } => {
            let covered = text::balance(state, *asset, *covered);
            problem(format!("The coins that are there leave {covered}: the treasury has to bring some back first.")).with("covered", covered)
        }
        Rejection::InstantExitUnavailable { asset, available, expected } => {
            let available = unit(asset, available);
            problem(format!("{available} can be taken at once. Whoever is queued now is paid by {expected}, as things stand: ask with exit queued."))
                .with("available", available)
                .with("expected", expected.to_string())
        }
        Rejection::ExitNotFound => problem("This customer has no such exit.".into()),
        Rejection::ExitNotWaiting => problem("This exit waits no more: it was paid, cancelled or lost.".into()),
        Rejection::ExitWithheld { asset, withheld } => {
            let withheld = unit(asset, withheld);
            problem(format!("{withheld} of this exit is withheld until two people have said who bears a loss.")).with("withheld", withheld)
        }
        Rejection::EpochOver { epoch } => {
            problem(format!("Another agent is in office, by epoch {epoch}: what an older one sends is refused.")).with("epoch", *epoch)
        }
        Rejection::LossNotFound => problem("There is no such loss of this asset.".into()),
        Rejection::LossNotOpen => problem("Two people have said who bears this loss.".into()),
        Rejection::OrderNotFound => problem("There is no such order.".into()),
        Rejection::OrderNotOpen { standing } => {
            problem(format!("That cannot be done to an order that is {}.", standing.word())).with("standing", standing.word())
        }
        Rejection::OrderRefused { reason } => problem(format!("The order may not be begun now: {reason}.")),
        Rejection::PersonNotFound => problem("There is no person of that name who may sign.".into()),
        Rejection::ProposalNotFound => problem("There is no such proposal.".into()),
        Rejection::ProposalNotOpen { standing } => {
            problem(format!("The proposal takes no more signatures: it is {}.", standing.word())).with("standing", standing.word())
        }
        Rejection::SignatureInvalid => problem("The signature is not this person's over the text for this verdict.".into()),
        Rejection::AlreadySigned => problem("This person has approved it already; another one has to.".into()),
        Rejection::ApprovalNeeded => problem("There are two people already: they decide. Make a proposal and have two of them sign it.".into()),
    }
}
