//! Known bugs, to be found: the simulator's test switches one on at a time and has to see that something is wrong.
//!
//! They exist only in a build with the feature `planted`, which nothing but that test asks for; in every other build
//! [`is`] is the constant `false` and the compiler drops them. The server refuses to be built with them.

/// Whether this build holds the bugs at all.
pub const BUILT_IN: bool = cfg!(feature = "planted");

/// The bugs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// An amount staked at the first instant of a day waits for the next.
    ValueDateOffByOne,
    /// The rest of a day's division is thrown away.
    CarryDropped,
    /// A principal earns the rate of its highest tier as a whole.
    TiersNotMarginal,
    /// A settled rate raises the bands that are below it.
    SettledRateRaises,
    /// What is due every n-th day is paid the day after.
    DistributionADayLate,
    /// What was paid is taken from the principal and once more from Funding.
    ClawbackTwice,
    /// The deduction falls on the part from Spot first.
    ClawbackFromSpotFirst,
    /// A flexible redemption takes what earns before what waits.
    EarningTakenFirst,
    /// The capacity for a renewal is asked before the maturing principal frees it.
    CapacityBeforeRenewalFreesIt,
    /// The personal maximum for a renewal counts the maturing principal.
    PersonalMaximumBeforeRenewalFreesIt,
    /// A term renews although its product is paused or closed.
    RenewalOfAPausedProduct,
    /// A renewed position keeps the rate of the term before.
    RenewalKeepsTheOldRate,
    /// At maturity the part from Funding is paid out first.
    FundingPartOutFirst,
    /// What a customer already has does not count against the personal maximum.
    PersonalMaximumPerSubscription,
    /// A sale is still open in the instant in which it ends.
    SaleEndInclusive,
    /// Any agreement that was ever in force will do.
    OldAgreementAccepted,
    /// What Funding would have to give is not compared with the quote.
    QuoteFromFundingIgnored,
    /// The reward pool can be withdrawn below zero.
    PoolOverdrawnByWithdrawal,
    /// A wallet's reference can be used again.
    ReferenceForgotten,
    /// A rate can be announced from today.
    RateFromToday,
    /// Keys are forgotten as soon as their stretch of 24 hours is over.
    KeyForgottenEarly,
    /// A close forgets that an amount was waiting for its value date.
    PendingForgottenAtClose,
    /// One day that is over is not closed before a command of the next.
    LastDueDayNotClosed,
    /// A clock that is far ahead closes its days without an operator.
    ClockNeedsNoConfirmation,
    /// A refused command's key is not remembered.
    RefusalForgotten,
    /// A repeated key is decided once more.
    KeyNotLookedUp,
    /// A restart forgets every key.
    KeysLostAtRestart,
    /// A snapshot holds no keys.
    SnapshotWithoutKeys,
    /// A start from a snapshot passes over the batch behind it.
    BatchBehindSnapshotSkipped,
    /// A snapshot's checksums are not looked at.
    SnapshotNotChecked,
    /// A batch's hash is not looked at.
    HashNotChecked,
    /// A writer that has been succeeded is let through.
    SecondWriterNotFenced,
    /// A command is decided although it is not any more as its sender was shown.
    ExpectationIgnored,
    /// A snapshot holds no references of the wallet.
    SnapshotWithoutReferences,
    /// What a customer did is put into the read tables under the other account.
    HistoryOfTheOtherAccount,
    /// Each step of the read tables leaves out its first batch.
    TablesSkipABatch,
    /// A sale is not yet open in the instant in which it begins.
    SaleStartExclusive,
    /// Customers see products that are not offered yet.
    DraftIsVisible,
    /// A renewal does not keep to the step.
    RenewalAgainstTheStep,
    /// A renewal may be smaller than the minimum.
    RenewalBelowMinimum,
    /// What could not be taken back is not recorded.
    WriteOffForgotten,
    /// A settled rate holds for the day after, too.
    SettledRateStays,
    /// A redemption goes where the principal came from, whatever account its customer named.
    NamedAccountIgnored,
    /// A day that is derived again sees a change of the principal a day late.
    DerivedChangeADayLate,
    /// A day that ends within a round is not closed before the next command.
    MidnightWithinARound,
    /// A start from a snapshot leaves out everything behind it.
    RecoveryStopsAtSnapshot,
    /// A start passes over every snapshot.
    SnapshotNeverUsed,
}

impl Bug {
    /// All of them.
    pub const ALL: [Bug; 47] = [
        Bug::ValueDateOffByOne,
        Bug::CarryDropped,
        Bug::TiersNotMarginal,
        Bug::SettledRateRaises,
        Bug::DistributionADayLate,
        Bug::ClawbackTwice,
        Bug::ClawbackFromSpotFirst,
        Bug::EarningTakenFirst,
        Bug::CapacityBeforeRenewalFreesIt,
        Bug::PersonalMaximumBeforeRenewalFreesIt,
        Bug::RenewalOfAPausedProduct,
        Bug::RenewalKeepsTheOldRate,
        Bug::FundingPartOutFirst,
        Bug::PersonalMaximumPerSubscription,
        Bug::SaleEndInclusive,
        Bug::OldAgreementAccepted,
        Bug::QuoteFromFundingIgnored,
        Bug::PoolOverdrawnByWithdrawal,
        Bug::ReferenceForgotten,
        Bug::RateFromToday,
        Bug::KeyForgottenEarly,
        Bug::PendingForgottenAtClose,
        Bug::LastDueDayNotClosed,
        Bug::ClockNeedsNoConfirmation,
        Bug::RefusalForgotten,
        Bug::KeyNotLookedUp,
        Bug::KeysLostAtRestart,
        Bug::SnapshotWithoutKeys,
        Bug::BatchBehindSnapshotSkipped,
        Bug::SnapshotNotChecked,
        Bug::HashNotChecked,
        Bug::SecondWriterNotFenced,
        Bug::ExpectationIgnored,
        Bug::SnapshotWithoutReferences,
        Bug::HistoryOfTheOtherAccount,
        Bug::TablesSkipABatch,
        Bug::SaleStartExclusive,
        Bug::DraftIsVisible,
        Bug::RenewalAgainstTheStep,
        Bug::RenewalBelowMinimum,
        Bug::WriteOffForgotten,
        Bug::SettledRateStays,
        Bug::NamedAccountIgnored,
        Bug::DerivedChangeADayLate,
        Bug::MidnightWithinARound,
        Bug::RecoveryStopsAtSnapshot,
        Bug::SnapshotNeverUsed,
    ];
}

#[cfg(feature = "planted")]
mod switch {
    use super::Bug;
    use std::sync::atomic::{AtomicU8, Ordering};

    static NOW: AtomicU8 = AtomicU8::new(u8::MAX);

    /// Switches one bug on and every other off.
    pub fn plant(bug: Option<Bug>) {
        NOW.store(bug.map_or(u8::MAX, |bug| bug as u8), Ordering::SeqCst);
    }

    /// Whether a bug is switched on.
    #[must_use]
    pub fn is(bug: Bug) -> bool {
        NOW.load(Ordering::SeqCst) == bug as u8
    }
}
#[cfg(feature = "planted")]
pub use switch::{is, plant};

/// Whether a bug is switched on: never, in this build.
#[cfg(not(feature = "planted"))]
#[must_use]
#[inline]
pub const fn is(_bug: Bug) -> bool {
    false
}
