//! What is to be seen of a treasury, for whoever asks what is to be done next.

use usance_core::treasury::picture::Picture;

/// The one network.
pub const NETWORK: &str = "hub";

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
    /// Differences by number, and whether something is missing.
    pub differences: Vec<(u64, bool)>,
    /// Hashes of sweeps that nobody has received.
    pub sweeps: Vec<String>,
    /// Top-ups that no picture has shown: hash, address, number of the coin, base units.
    pub top_ups: Vec<(String, String, usize, u128)>,
    /// By asset: the number of the wallet's last movement, if that is remembered, and whether what was attested is fresh.
    pub wallet: Vec<(Option<u64>, bool)>,
    /// Whether somebody has said what becomes of what it pays.
    pub has_terms: bool,
    /// Base units of commission on what the first coin earned.
    pub commission: u128,
    /// Who may sign.
    pub people: Vec<String>,
    /// Proposals that wait for signatures, and who has signed.
    pub open: Vec<(u64, Vec<String>)>,
}
