//! What the treasury's agents, wallets and people ask for (TREASURY): networks, pictures, and coins between wallet and treasury.

pub mod network;
pub mod pay;
pub mod picture;
pub mod wallet;

pub use network::{AddressAdded, DestinationAdded, NetworkCreated, NewNetwork};
pub use pay::NetworkYieldSet;
pub use picture::{DifferenceExplained, PictureConfirmed, PictureTaken};
pub use wallet::{Attest, Attested, SweepReceived, TopUp, TopUpSent};
