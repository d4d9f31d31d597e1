//! Customers: who holds coins.

use crate::app::App;
use crate::json::call::{Call, created};
use crate::wire::input::Body;
use crate::wire::problem::Problem;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use usance_engine::operations::customer;
use utoipa::ToSchema;

/// A new customer.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerAsked {
    id: String,
}

/// POST /v1/operator/customers
pub async fn customer_create(State(app): State<App>, call: Call, Body(asked): Body<CustomerAsked>) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    created(&app, customer::create(&app.engine, &call.caller, &once, asked.id).await)
}
