//! What a connection may do, and for how long: as it is typed, and as it is kept to.

use clap::Args;
use std::num::NonZeroUsize;
use std::time::Duration;

/// What a connection may do.
#[derive(Args, Clone, Debug)]
pub struct Limits {
    /// Connections at a time; more are closed again. Fewer where the system allows fewer open files.
    #[arg(long = "connections", value_name = "N", env = "USANCE_CONNECTIONS", default_value = "16384")]
    pub all_max: NonZeroUsize,
    /// Connections at a time from one address (of IPv6: one /64). Not behind a proxy, where all come from one [default: as many as in all].
    #[arg(long = "connections-per-address", value_name = "N", env = "USANCE_CONNECTIONS_PER_ADDRESS")]
    pub address_max: Option<NonZeroUsize>,
    /// Seconds that the head of a request may take to arrive.
    #[arg(long = "head-seconds", value_name = "S", env = "USANCE_HEAD_SECONDS", default_value = "10", value_parser = seconds)]
    pub head: Duration,
    /// Seconds that a body may take to arrive.
    #[arg(long = "body-seconds", value_name = "S", env = "USANCE_BODY_SECONDS", default_value = "20", value_parser = seconds)]
    pub body: Duration,
    /// Seconds after which a connection without a request is closed. Longer than a proxy keeps one, so that it closes first.
    #[arg(long = "idle-seconds", value_name = "S", env = "USANCE_IDLE_SECONDS", default_value = "75", value_parser = seconds)]
    pub idle: Duration,
    /// Seconds for which a client may take nothing of an answer that waits for it, or less than 1 KiB a second of it.
    #[arg(long = "take-seconds", value_name = "S", env = "USANCE_TAKE_SECONDS", default_value = "30", value_parser = seconds)]
    pub take: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let read = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    read.filter(|seconds| (Duration::from_millis(1)..=Duration::from_secs(86_400)).contains(seconds))
        .ok_or_else(|| "expected seconds, like 10 or 0.5".into())
}
