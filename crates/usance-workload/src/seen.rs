//! What is to be seen of a treasury, for whoever asks what is to be done next.

use usance_core::person::proposal::DifferenceIs;
use usance_core::treasury::order::{OrderStanding, Planned};
use usance_core::treasury::picture::Picture;

/// The one network.
pub const NETWORK: &str = "hub";

/// An order that is not over.
#[derive(Clone, Debug)]
pub struct OrderSeen {
    /// Its number.
    pub number: u64,
    /// What it asks for.
    pub planned: Planned,
    /// Where it stands.
    pub standing: OrderStanding,
    /// Who has approved.
    pub approved_by: Vec<String>,
    /// The hash of its transaction.
    pub hash: Option<String>,
    /// The sequence number that an agent signed it with.
    pub sequence: Option<u64>,
}

/// A loss that is not over.
#[derive(Clone, Debug)]
pub struct LossSeen {
    /// Its number.
    pub number: u64,
    /// The symbol of its asset.
    pub asset: String,
    /// The asset's decimals.
    pub decimals: u8,
    /// All of it, in base units.
    pub whole: u128,
    /// What nobody has borne, in base units.
    pub open: u128,
    /// What customers may bear at most, in base units.
    pub at_most: u128,
    /// What can still come back to those who bear it, in base units.
    pub left: u128,
}

/// What an agent, a wallet and people see of a treasury.
#[derive(Clone, Debug, Default)]
pub struct TreasurySeen {
    /// Whether there is a network.
    pub is_created: bool,
    /// The treasury's addresses.
    pub addresses: Vec<String>,
    /// Whether coins may be swept anywhere.
    pub has_destination: bool,
    /// The last picture that counts.
    pub picture: Option<Picture>,
    /// The picture that is kept aside.
    pub aside: Option<Picture>,
    /// Differences by number, and what each may have been.
    pub differences: Vec<(u64, Vec<DifferenceIs>)>,
    /// Hashes of sweeps that nobody has received.
    pub sweeps: Vec<String>,
    /// Top-ups that no picture has shown: hash, address, number of the coin, base units.
    pub top_ups: Vec<(String, String, usize, u128)>,
    /// By asset: the number of the wallet's last movement, if that is remembered, and whether what was attested is fresh.
    pub wallet: Vec<(Option<u64>, bool)>,
    /// By asset: what customers have in Spot and Funding together, in base units.
    pub owed: Vec<u128>,
    /// By asset: what waits for coins, in base units.
    pub waiting: Vec<u128>,
    /// Every exit that ever waited: the number of its redemption, whose it is, and whether it still waits.
    pub exits: Vec<(u64, String, bool)>,
    /// Whether somebody has said what becomes of what it pays.
    pub has_terms: bool,
    /// Base units of commission on what the first coin earned.
    pub commission: u128,
    /// Base units of the first coin that are set aside for losses.
    pub reserve: u128,
    /// Who may sign.
    pub people: Vec<String>,
    /// Proposals that wait for signatures, and who has signed.
    pub open: Vec<(u64, Vec<String>)>,
    /// The version of the policy.
    pub policy: Option<u64>,
    /// Orders that are not over.
    pub orders: Vec<OrderSeen>,
    /// Coins of the first coin that nobody had told of, by the number of the difference, in base units.
    pub strays: Vec<(u64, u128)>,
    /// Losses that nobody has borne, or of which something can still come back.
    pub losses: Vec<LossSeen>,
    /// The agent's epoch that is in office; 0 where nobody is.
    pub epoch: u64,
}

/// What a difference may have been: nobody ordered it, or coins are missing, or there are too many.
#[must_use]
pub fn may_have_been(is_unordered: bool, is_missing: bool) -> Vec<DifferenceIs> {
    match (is_unordered, is_missing) {
        (true, _) => vec![DifferenceIs::Known],
        (false, true) => vec![DifferenceIs::Loss, DifferenceIs::Fee],
        (false, false) => vec![DifferenceIs::OtherIncome],
    }
}
