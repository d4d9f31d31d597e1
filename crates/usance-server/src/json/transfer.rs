//! Transfers between Spot and Funding.

use crate::app::App;
use crate::json::call::{Call, created};
use crate::wire::input::Body;
use crate::wire::problem::Problem;
use axum::extract::State;
use axum::response::Response;
use usance_engine::operations::transfer::{self, TransferAsked};

/// POST /v1/transfers
pub async fn transfer_create(State(app): State<App>, call: Call, Body(asked): Body<TransferAsked>) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    created(&app, transfer::make(&app.engine, &call.caller, &once, asked).await)
}
