//! How many requests a second somebody may send, as it is typed.

use crate::auth::rates::{RateLimits, RouteRate};
use crate::site::router::counted_operation;
use clap::Args;
use std::num::NonZeroU32;
use std::str::FromStr;

/// How many requests a second.
#[derive(Args, Clone, Debug)]
pub struct RateFlags {
    /// Requests a second that one customer's tokens and sessions may send.
    #[arg(long = "customer-rate", value_name = "N", env = "USANCE_CUSTOMER_RATE", default_value = "50")]
    pub customer: NonZeroU32,
    /// Of these, requests for history, rewards and statements, and for the pages that show them.
    #[arg(long = "history-rate", value_name = "N", env = "USANCE_HISTORY_RATE", default_value = "20")]
    pub history: NonZeroU32,
    /// Of these, previews of subscriptions and redemptions [default: no rate of their own].
    #[arg(long = "preview-rate", value_name = "N", env = "USANCE_PREVIEW_RATE")]
    pub preview: Option<NonZeroU32>,
    /// Of these, requests and forms that change something [default: no rate of their own].
    #[arg(long = "write-rate", value_name = "N", env = "USANCE_WRITE_RATE")]
    pub write: Option<NonZeroU32>,
    /// Requests a second that the tokens of one role, customer and name may send together [default: as many as they like].
    #[arg(long = "sender-rate", value_name = "N", env = "USANCE_SENDER_RATE")]
    pub sender: Option<NonZeroU32>,
    /// Requests a second from one address that carry no valid token and no session, where the address is known: behind a proxy that --trusted-proxy names [default: as many as they like].
    #[arg(long = "address-rate", value_name = "N", env = "USANCE_ADDRESS_RATE")]
    pub address: Option<NonZeroU32>,
    /// Requests a second that one customer, else one token's name, else one known address may send to an operation of the
    /// contract or of the pages, like transfer_create=5; may be given again, or with commas. Of two for one operation the later
    /// one holds [default: no operation has a rate of its own].
    #[arg(long = "route-rate", value_name = "OPERATION=N", env = "USANCE_ROUTE_RATE", value_delimiter = ',')]
    pub route: Vec<TypedRouteRate>,
}

/// A rate of one operation as it is typed.
#[derive(Clone, Copy, Debug)]
pub struct TypedRouteRate(RouteRate);

impl FromStr for TypedRouteRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, number) = text.trim().split_once('=').ok_or("say an operation and a number, like transfer_create=5")?;
        let operation = counted_operation(name)
            .ok_or_else(|| format!("{name:?} is no operation of /openapi.json or of the pages whose requests are counted"))?;
        let a_second = number.parse().map_err(|_| format!("{number:?} is no number of requests a second from 1 to {}", u32::MAX))?;
        Ok(TypedRouteRate(RouteRate { operation, a_second }))
    }
}

impl RateFlags {
    /// What they come to.
    #[must_use]
    pub fn limits(&self) -> RateLimits {
        RateLimits {
            customer: self.customer,
            history: self.history,
            preview: self.preview,
            write: self.write,
            sender: self.sender,
            address: self.address,
            route: self.route.iter().map(|typed| typed.0).collect(),
        }
    }
}
