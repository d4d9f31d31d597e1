//! Plans and orders of a network: what people look at and sign, and what is told by whoever carries them out.

use crate::app::App;
use crate::json::call::{Call, created};
use crate::json::proposal::VerdictShape;
use crate::json::shape::order::{self as shape, OrderShape, PlanShape};
use crate::wire::input::{Body, Path, Query, number};
use crate::wire::page::{Page, limit, place, turn};
use crate::wire::problem::Problem;
use crate::wire::rejected::rejected;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use usance_core::machine::verb::PrepareOrder;
use usance_core::machine::{Rejection, State as Machine};
use usance_core::treasury::network::Network;
use usance_core::treasury::order::{OrderStanding, SignedTransaction};
use usance_engine::operations::order::{self, Signing};
use usance_engine::operations::whole::whole;
use usance_store::secrets::Purpose;
use utoipa::ToSchema;

fn network<'a>(state: &'a Machine, name: &str) -> Result<&'a Network, Problem> {
    state.treasury.named(name).map(|(_, network)| network).ok_or_else(|| rejected(state, &Rejection::NetworkNotFound))
}

/// A number that a network counts: digits alone, and not so many that nothing can come after it.
fn counted(field: &str, text: &str) -> Result<u64, Problem> {
    let digits = Some(text).filter(|text| (1..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()));
    digits
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Problem::malformed(format!("{field}: a whole number of 1 to 19 digits, as text")))
}

/// GET /v1/operator/treasury/networks/{id}/plan
pub async fn plan_get(State(app): State<App>, Path(id): Path<String>) -> Result<Json<PlanShape>, Problem> {
    let found = app.engine.read(|state, now| Ok::<_, Problem>(shape::planned(state, network(state, &id)?, now)));
    Ok(Json(found.await??))
}

/// Filters of the orders.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderFilter {
    standing: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// GET /v1/operator/treasury/networks/{id}/orders: newest first, without those that a later plan replaced.
pub async fn order_list(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(filter): Query<OrderFilter>,
) -> Result<Json<Page<OrderShape>>, Problem> {
    let size = limit(filter.limit.as_deref())?;
    let wanted = filter.standing.as_deref();
    if wanted.is_some_and(|word| OrderStanding::ALL.iter().all(|standing| standing.word() != word)) {
        return Err(Problem::malformed("standing: proposed, approved, prepared, sent, done, failed, expired or declined"));
    }
    let (list, key) = (format!("orders {id:?} {wanted:?}"), app.auth.key(Purpose::Cursors)?);
    let before: Option<u64> = place(&key, &list, filter.cursor.as_deref())?;
    let found = app.engine.read(|state, now| {
        let network = network(state, &id)?;
        let (live, ended) = (&network.desk.live, &network.desk.ended);
        let mut all: Vec<_> = match before {
            Some(before) => live.range(..before).chain(ended.range(..before)).collect(),
            None => live.iter().chain(ended.iter()).collect(),
        };
        all.retain(|(_, order)| wanted.is_none_or(|word| order.standing_at(now).word() == word));
        all.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(**number));
        let shown = all.into_iter().take(size + 1).map(|(number, one)| (*number, shape::order(state, network, (*number, one), now)));
        Ok::<_, Problem>(shown.collect())
    });
    Ok(Json(turn(&key, &list, found.await??, size)))
}

/// GET /v1/operator/treasury/networks/{id}/orders/{order}
pub async fn order_get(State(app): State<App>, Path((id, order)): Path<(String, String)>) -> Result<Json<OrderShape>, Problem> {
    let number = number(&order);
    let found = app.engine.read(|state, now| {
        let network = network(state, &id)?;
        let found = network.desk.order(number).map(|order| shape::order(state, network, (number, order), now));
        found.ok_or_else(|| rejected(state, &Rejection::OrderNotFound))
    });
    Ok(Json(found.await??))
}

/// A person's signature under an order.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderSignatureAsked {
    /// Whose.
    person: String,
    verdict: VerdictShape,
    /// The 64 bytes of an Ed25519 signature over the order's text for this verdict, as hexadecimal digits.
    #[schema(pattern = "^[0-9a-fA-F]{128}$")]
    signature: String,
}

/// POST /v1/operator/treasury/networks/{id}/orders/{order}/signatures
pub async fn order_sign(
    State(app): State<App>,
    call: Call,
    Path((id, order)): Path<(String, String)>,
    Body(asked): Body<OrderSignatureAsked>,
) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    let (order, verdict) = (number(&order), asked.verdict.into());
    let signing = Signing { network: id, order, person: asked.person, verdict, signature: asked.signature };
    created(&app, order::sign(&app.engine, &call.caller, &once, signing).await)
}

/// GET /v1/treasury/{id}/orders: what is to be carried out, oldest first.
pub async fn order_list_due(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Page<OrderShape>>, Problem> {
    let found = app.engine.read(|state, now| {
        let network = network(state, &id)?;
        let due = network.desk.live.iter().filter(|(_, order)| order.standing_at(now).is_under_way());
        Ok::<_, Problem>(due.map(|(number, order)| shape::order(state, network, (*number, order), now)).collect())
    });
    Ok(Json(Page::whole(found.await??)))
}

/// An agent that takes office.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfficeAsked {
    /// What it calls itself: 1 to 128 of `A-Z a-z 0-9 . _ -`.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,128}$")]
    agent: String,
}

/// POST /v1/treasury/{id}/office
pub async fn office_take(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Body(asked): Body<OfficeAsked>,
) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    created(&app, order::take_office(&app.engine, &call.caller, &once, id, asked.agent).await)
}

/// A transaction that an agent has signed.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreparedAsked {
    /// The agent's epoch.
    #[serde(deserialize_with = "whole")]
    epoch: u64,
    /// The hash of the transaction.
    hash: String,
    /// The exact bytes, at most 32 KiB, as hexadecimal digits.
    #[schema(pattern = "^([0-9a-fA-F]{2})+$")]
    bytes: String,
    /// The sequence number that it uses.
    #[schema(pattern = "^[0-9]{1,19}$")]
    sequence: String,
    /// The last height at which it can happen, where the network has one.
    #[schema(pattern = "^[0-9]{1,19}$")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_valid_height: Option<String>,
}

/// Bytes that came as hexadecimal digits.
fn unhex(field: &str, text: &str) -> Result<Vec<u8>, Problem> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(pair).collect();
    bytes.ok_or_else(|| Problem::malformed(format!("{field}: bytes are pairs of hexadecimal digits")))
}

/// POST /v1/treasury/{id}/orders/{order}/prepared
pub async fn order_prepare(
    State(app): State<App>,
    call: Call,
    Path((id, order)): Path<(String, String)>,
    Body(asked): Body<PreparedAsked>,
) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    let signed = SignedTransaction {
        epoch: asked.epoch,
        bytes: unhex("bytes", &asked.bytes)?,
        sequence: counted("sequence", &asked.sequence)?,
        last_valid_height: asked.last_valid_height.as_deref().map(|text| counted("last_valid_height", text)).transpose()?,
    };
    let asked = PrepareOrder { network: id, order: number(&order), hash: asked.hash, signed };
    created(&app, order::prepare(&app.engine, &call.caller, &once, asked).await)
}

/// Who sent it.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SentAsked {
    /// The agent's epoch.
    #[serde(deserialize_with = "whole")]
    epoch: u64,
}

/// POST /v1/treasury/{id}/orders/{order}/sent
pub async fn order_send(
    State(app): State<App>,
    call: Call,
    Path((id, order)): Path<(String, String)>,
    Body(asked): Body<SentAsked>,
) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    created(&app, order::send(&app.engine, &call.caller, &once, id, number(&order), asked.epoch).await)
}

/// Which transaction does it.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DoneAsked {
    /// The hash of the transaction that a later picture has to show.
    hash: String,
}

/// POST /v1/treasury/{id}/orders/{order}/done
pub async fn order_tell(
    State(app): State<App>,
    call: Call,
    Path((id, order)): Path<(String, String)>,
    Body(asked): Body<DoneAsked>,
) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    created(&app, order::tell(&app.engine, &call.caller, &once, id, number(&order), asked.hash).await)
}
