//! What everything looks like on the wire: the JSON shapes of API, and how the machine's values become them.
//!
//! [`product`] and [`position`] have files of their own. Amounts and rates are decimal text, instants RFC 3339 in UTC, days ISO dates, ids text. Nothing is computed here.

pub mod order;
mod parts;
pub mod person;
pub mod policy;
mod position;
pub mod preview;
mod product;
pub mod proposal;
pub mod staking;
pub mod treasury;

pub use crate::wire::text::{agreement_version, amount, balance, decimals, figures, hex, product_id, symbol};
pub use parts::*;
pub use position::{PositionShape, PositionStateWord, position, position_now};
pub use product::*;
pub use staking::{StakingShape, staking};
