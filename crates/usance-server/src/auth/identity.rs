//! Who a request comes from, and for whom it acts.

use axum::http::HeaderName;
use usance_store::Role;

/// The header in which an operator, service or auditor names a customer.
pub const CUSTOMER: HeaderName = HeaderName::from_static("usance-customer");

/// A known sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What it may do.
    pub role: Role,
    /// Its name: the scope of its idempotency keys.
    pub name: String,
    /// The customer it is, for a customer's token.
    pub customer: Option<String>,
}
