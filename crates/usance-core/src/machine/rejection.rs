//! Every way in which the rules say no, in the order in which they are checked (RULES 6, 8; API).
//!
//! The order of the variants is the order of the checks within one verb. A rejection is a true sentence and carries its
//! numbers. Which HTTP status it gets is the server's `api/error.rs`.

use crate::calendar::{Day, Timestamp};
use crate::id::AssetIx;
use crate::money::{Amount, Balance, Rate};
use crate::person::proposal::Standing;
use crate::reward::clawback::RedemptionFigures;
use crate::treasury::order::OrderStanding;
use serde::{Deserialize, Serialize};

/// Why a command changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rejection {
    /// There is no such customer. Checked before all others.
    CustomerNotFound,
    /// There is no such asset.
    AssetNotFound,
    /// There is no such product, or customers do not see it.
    ProductNotFound,
    /// There is no such position of this customer.
    PositionNotFound,
    /// The product is closed for good.
    ProductClosed,
    /// A product's life does not go that way.
    StatusNotReachable,
    /// No rate is in force.
    RateMissing,
    /// The product is paused or closed.
    ProductNotOpen,
    /// The sale has not begun or is over.
    OutsideSaleWindow {
        /// When it begins.
        opens_at: Option<Timestamp>,
        /// When it ended.
        closes_at: Option<Timestamp>,
    },
    /// The agreement in force was not accepted.
    AgreementNotAccepted {
        /// The version in force.
        in_force: Option<String>,
    },
    /// The position has ended.
    PositionClosed,
    /// The term cannot be left early.
    EarlyRedemptionNotAllowed {
        /// When it ends.
        matures_at: Timestamp,
    },
    /// A fixed term is redeemed whole.
    PartialNotAllowed {
        /// Of which asset.
        asset: AssetIx,
        /// The whole.
        principal: Amount,
    },
    /// The accounts are the same.
    SameAccount,
    /// The text is not a positive amount of the asset.
    AmountInvalid {
        /// Which field.
        field: AmountField,
    },
    /// Terms that contradict themselves.
    TermsInvalid {
        /// How.
        reason: String,
    },
    /// There is one with that name.
    AlreadyExists,
    /// Less than the minimum.
    BelowMinimum {
        /// Of which asset.
        asset: AssetIx,
        /// The minimum.
        minimum: Amount,
    },
    /// Not a multiple of the step.
    NotAStepMultiple {
        /// Of which asset.
        asset: AssetIx,
        /// The step.
        step: Amount,
    },
    /// More than one customer may have.
    AbovePersonalMaximum {
        /// Of which asset.
        asset: AssetIx,
        /// What is left.
        left: Amount,
    },
    /// More than the product takes.
    AboveCapacity {
        /// Of which asset.
        asset: AssetIx,
        /// What is left.
        left: Amount,
    },
    /// More than the position has.
    AbovePrincipal {
        /// Of which asset.
        asset: AssetIx,
        /// What it has.
        principal: Amount,
    },
    /// More than the account has.
    InsufficientBalance {
        /// Of which asset.
        asset: AssetIx,
        /// What it has.
        available: Balance,
    },
    /// The product or the position's kind does not renew.
    RenewalNotAllowed,
    /// A total would pass 10^28 base units.
    AboveLimit {
        /// Of which asset.
        asset: AssetIx,
        /// The limit.
        limit: Amount,
    },
    /// The quote is missing or no longer right.
    QuoteChanged {
        /// Of which asset.
        asset: AssetIx,
        /// The figures as they are now.
        figures: Box<RedemptionFigures>,
    },
    /// Rates are announced from a later day on.
    RateNotFuture {
        /// The first day that is later.
        earliest: Day,
    },
    /// The day is closed.
    DayClosed {
        /// The first day that is not.
        open_day: Day,
    },
    /// A settled rate caps; it does not raise.
    RateAboveReference {
        /// The highest band.
        reference: Rate,
    },
    /// Only a simulated clock can be moved.
    ClockNotSimulated,
    /// Clocks run forward.
    ClockBackwards {
        /// Where it stands.
        now: Timestamp,
    },
    /// A move goes 3,660 days at most, and never past the year 9999.
    ClockMoveTooFar {
        /// The last instant it can go to.
        latest: Timestamp,
    },
    /// There is no such person, or it signs nothing more.
    PersonNotFound,
    /// There is no such proposal.
    ProposalNotFound,
    /// The proposal cannot be signed any more.
    ProposalNotOpen {
        /// Where it stands.
        standing: Standing,
    },
    /// The signature is not this person's over the proposal's text.
    SignatureInvalid,
    /// The person has approved already.
    AlreadySigned,
    /// Two people have to approve it.
    ApprovalNeeded,
    /// There is no such network.
    NetworkNotFound,
    /// A picture cannot be the next one.
    PictureRefused {
        /// Why.
        reason: String,
    },
    /// No such picture is kept aside.
    PictureNotFound,
    /// There is no such difference.
    DifferenceNotFound,
    /// No such coins are under way.
    TransferNotFound,
    /// The coins that are there are not enough for what customers may take.
    CoverageInsufficient {
        /// Of which asset.
        asset: AssetIx,
        /// What is covered.
        covered: Balance,
    },
    /// The liquid coins do not cover all of it now.
    InstantExitUnavailable {
        /// Of which asset.
        asset: AssetIx,
        /// What could be taken at once.
        available: Amount,
        /// The day by which all of it can be paid to whoever is queued now.
        expected: Day,
    },
    /// There is no such exit of this customer.
    ExitNotFound,
    /// The exit waits no more.
    ExitNotWaiting,
    /// Something of the exit is withheld until two people have said who bears a loss.
    ExitWithheld {
        /// Of which asset.
        asset: AssetIx,
        /// How much.
        withheld: Amount,
    },
    /// What an older epoch sends is refused.
    EpochOver {
        /// The epoch that is in office; 0 where nobody is.
        epoch: u64,
    },
    /// There is no such order.
    OrderNotFound,
    /// The order does not stand where this can be done to it.
    OrderNotOpen {
        /// Where it stands.
        standing: OrderStanding,
    },
    /// The order may not be begun now.
    OrderRefused {
        /// Why.
        reason: String,
    },
    /// There is no such loss of this asset.
    LossNotFound,
    /// Two people have said before who bears the loss.
    LossNotOpen,
}

/// The field whose text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AmountField {
    /// `amount`
    Amount,
    /// `minimum`
    Minimum,
    /// `step`
    Step,
    /// `personal_maximum`
    PersonalMaximum,
    /// `capacity`
    Capacity,
    /// `up_to` of a tier
    UpTo,
    /// `quoted_payout`
    QuotedPayout,
    /// `quoted_from_funding`
    QuotedFromFunding,
}

impl AmountField {
    /// The field's name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            AmountField::Amount => "amount",
            AmountField::Minimum => "minimum",
            AmountField::Step => "step",
            AmountField::PersonalMaximum => "personal_maximum",
            AmountField::Capacity => "capacity",
            AmountField::UpTo => "up_to",
            AmountField::QuotedPayout => "quoted_payout",
            AmountField::QuotedFromFunding => "quoted_from_funding",
        }
    }
}

/// Says each variant's code once: the list cannot lack one.
macro_rules! codes {
    ($($variant:ident => $code:literal,)+) => {
        impl Rejection {
            /// Every code, in the order of the checks.
            pub const CODES: &'static [&'static str] = &[$($code),+];

            /// The code on the wire: the variant's name in snake_case.
            #[must_use]
            pub const fn code(&self) -> &'static str {
                match self {
                    $(Rejection::$variant { .. } => $code,)+
                }
            }
        }
    };
}

codes! {
    CustomerNotFound => "customer_not_found",
    AssetNotFound => "asset_not_found",
    ProductNotFound => "product_not_found",
    PositionNotFound => "position_not_found",
    ProductClosed => "product_closed",
    StatusNotReachable => "status_not_reachable",
    RateMissing => "rate_missing",
    ProductNotOpen => "product_not_open",
    OutsideSaleWindow => "outside_sale_window",
    AgreementNotAccepted => "agreement_not_accepted",
    PositionClosed => "position_closed",
    EarlyRedemptionNotAllowed => "early_redemption_not_allowed",
    PartialNotAllowed => "partial_not_allowed",
    SameAccount => "same_account",
    AmountInvalid => "amount_invalid",
    TermsInvalid => "terms_invalid",
    AlreadyExists => "already_exists",
    BelowMinimum => "below_minimum",
    NotAStepMultiple => "not_a_step_multiple",
    AbovePersonalMaximum => "above_personal_maximum",
    AboveCapacity => "above_capacity",
    AbovePrincipal => "above_principal",
    InsufficientBalance => "insufficient_balance",
    RenewalNotAllowed => "renewal_not_allowed",
    AboveLimit => "above_limit",
    QuoteChanged => "quote_changed",
    RateNotFuture => "rate_not_future",
    DayClosed => "day_closed",
    RateAboveReference => "rate_above_reference",
    ClockNotSimulated => "clock_not_simulated",
    ClockBackwards => "clock_backwards",
    ClockMoveTooFar => "clock_move_too_far",
    PersonNotFound => "person_not_found",
    ProposalNotFound => "proposal_not_found",
    ProposalNotOpen => "proposal_not_open",
    SignatureInvalid => "signature_invalid",
    AlreadySigned => "already_signed",
    ApprovalNeeded => "approval_needed",
    NetworkNotFound => "network_not_found",
    PictureRefused => "picture_refused",
    PictureNotFound => "picture_not_found",
    DifferenceNotFound => "difference_not_found",
    TransferNotFound => "transfer_not_found",
    CoverageInsufficient => "coverage_insufficient",
    InstantExitUnavailable => "instant_exit_unavailable",
    ExitNotFound => "exit_not_found",
    ExitNotWaiting => "exit_not_waiting",
    ExitWithheld => "exit_withheld",
    EpochOver => "epoch_over",
    OrderNotFound => "order_not_found",
    OrderNotOpen => "order_not_open",
    OrderRefused => "order_refused",
    LossNotFound => "loss_not_found",
    LossNotOpen => "loss_not_open",
}
