//! What a position earns ([`accrue`]), what an early exit takes back ([`clawback`]), and every day of it again, derived
//! ([`history`]). When rewards are paid is the product's `distributes_on`.

pub mod accrue;
pub mod clawback;
pub mod history;
