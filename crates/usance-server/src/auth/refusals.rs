//! Why nobody is let in that has nothing to do with who it is: the people, or the keys, are not at hand.

use crate::wire::problem::Problem;
use axum::http::StatusCode;
use usance_store::StoreError;

/// 503: nothing can be signed or opened here.
#[must_use]
pub fn keyless() -> Problem {
    let detail = "The secrets file of this instance is not the store's; try another instance.";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "secrets_outdated", detail).retry_after(1)
}

pub(super) fn failed(error: &StoreError) -> Problem {
    tracing::error!(%error, "sessions could not be read or written");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store_unreadable", "The identities could not be read or written.").retry_after(1)
}
