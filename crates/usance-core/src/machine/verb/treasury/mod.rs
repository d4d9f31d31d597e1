//! What the treasury's agents, wallets and people ask for (TREASURY): networks, pictures, policies, orders, losses, and coins between wallet and treasury.

pub mod bear;
pub mod loss;
pub mod network;
pub mod order;
pub mod pay;
pub mod picture;
pub mod policy;
pub mod wallet;

pub use bear::{ExitBears, LossBorne, LossReturned, LossSettled, PositionBears};
pub use loss::{LossAllocated, LossRecovered};
pub use network::{AddressAdded, DestinationAdded, NetworkCreated, NewNetwork};
pub use order::{OfficeTaken, OrderPrepared, OrderSent, OrderSigned, OrderTold, OrdersExpired, PrepareOrder, SignOrder};
pub use pay::NetworkYieldSet;
pub use picture::{DifferenceExplained, PictureConfirmed, PictureTaken};
pub use policy::{OrdersPlanned, PolicySet};
pub use wallet::{Attest, Attested, SweepReceived, TopUp, TopUpSent};
