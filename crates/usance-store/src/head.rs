//! The end of a log: what the next batch follows from.

use serde::{Deserialize, Serialize};

/// What the first batch of a shard names as the hash before it.
pub const GENESIS_HASH: [u8; 32] = [0; 32];

/// The end of a shard's log: the last batch's place, hash and time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The last batch's seq, 0 when there is none.
    pub seq: u64,
    /// The last batch's hash.
    pub hash: [u8; 32],
    /// When the last batch was sealed, milliseconds since the Unix epoch, engine time.
    pub at_ms: i64,
}

impl Head {
    /// The end of a log without batches.
    pub const GENESIS: Head = Head { seq: 0, hash: GENESIS_HASH, at_ms: 0 };
}
