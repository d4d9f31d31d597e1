//! An exit as the auditor keeps it.

use num_bigint::BigUint;

/// Principal that left its position and waits, or has waited.
#[derive(Clone, Debug)]
pub struct Exit {
    /// The number of its redemption.
    pub redemption: u64,
    /// Whose.
    pub customer: usize,
    /// Of what.
    pub asset: usize,
    /// Out of which product.
    pub product: usize,
    /// Out of which position, by number from 0.
    pub position: usize,
    /// What was to be paid.
    pub queued: u128,
    /// What of what waits is withheld because the exit itself bears a loss.
    pub own_withheld: u128,
    /// What of what waits is kept for the position, which bears.
    pub kept_for_position: u128,
    /// What a loss took of it.
    pub lost: u128,
    /// What still waits for Spot.
    pub to_spot: u128,
    /// What still waits for Funding.
    pub to_funding: u128,
    /// When it was queued.
    pub queued_at: i64,
    /// By which day it was promised.
    pub promised: i64,
    /// The last day that it has earned for.
    pub earned_through: i64,
    /// The numerators of all days that it has earned for.
    pub numerators: BigUint,
    /// What they have given.
    pub rewarded: u128,
    /// What became of it, and when.
    pub over: Option<(&'static str, i64)>,
}

impl Exit {
    /// What still waits.
    #[must_use]
    pub const fn left(&self) -> u128 {
        self.to_spot + self.to_funding
    }
    /// What of that is not paid until two people have said who bears a loss.
    #[must_use]
    pub const fn withheld(&self) -> u128 {
        self.own_withheld + self.kept_for_position
    }
    /// Whether it waits.
    #[must_use]
    pub const fn waits(&self) -> bool {
        self.over.is_none()
    }
}
