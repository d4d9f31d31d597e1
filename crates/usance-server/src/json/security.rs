//! Security events on the wire: a customer's own, and all of them for whoever runs the platform or looks after it.

use crate::app::App;
use crate::wire::input::Query;
use crate::wire::page::{Page, limit, place, turn};
use crate::wire::problem::Problem;
use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use usance_core::calendar::Timestamp;
use usance_engine::caller::{Actor, Caller};
use usance_engine::operations::security;
use usance_store::SecurityEvent;
use usance_store::secrets::Purpose;
use utoipa::ToSchema;

/// Who did something, without anything that lets somebody in.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActorShape {
    /// By what right: `customer`, `service`, `operator`, `auditor`, `treasury`.
    role: &'static str,
    /// How it was known: `token`, `session`, `sign_in` (a password that was just shown), `link`, `command_line`, `demo`.
    credential: &'static str,
    /// The number of that token or session.
    credential_id: Option<String>,
    /// Where it came from: `loopback`, `private`, `public`, `unknown`. The address itself is not kept.
    address: &'static str,
}

impl From<Actor> for ActorShape {
    fn from(actor: Actor) -> Self {
        let (credential, id) = actor.credential.parts();
        let credential_id = id.map(|id| id.to_string());
        ActorShape { role: actor.role.as_str(), credential, credential_id, address: actor.address.word() }
    }
}

/// Something that happened to the ways in.
#[derive(Debug, Serialize, ToSchema)]
pub struct SecurityEventShape {
    /// Its number, from 1 without a gap.
    id: String,
    at: String,
    /// `signed_in`, `session_ended`, `sessions_ended`, `link_made`, `links_ended`, `password_set`, `factor_set`, `factor_removed`,
    /// `token_made`, `token_revoked`, `token_exposed`, `secrets_rotated`, `secrets_lost`, `people_restored`.
    kind: &'static str,
    /// Whom it is about.
    customer: Option<String>,
    /// The number of the token or session that it is about.
    subject: Option<String>,
    /// Who did it; null where the service did it by itself.
    actor: Option<ActorShape>,
    /// The hash of the chain up to this event.
    hash: String,
}

fn shape(event: &SecurityEvent) -> SecurityEventShape {
    let SecurityEvent { id, at_ms, event, hash } = event;
    SecurityEventShape {
        id: id.to_string(),
        at: Timestamp::from_ms(*at_ms).to_string(),
        kind: event.kind.word(),
        customer: event.customer.clone(),
        subject: event.subject.map(|number| number.to_string()),
        actor: event.actor.map(ActorShape::from),
        hash: crate::wire::text::hex(hash),
    }
}

/// Which events.
#[derive(Deserialize)]
pub struct SecurityEventFilter {
    customer: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// GET /v1/security-events
pub async fn security_event_list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Query(filter): Query<SecurityEventFilter>,
) -> Result<Json<Page<SecurityEventShape>>, Problem> {
    listed(&app, Some(caller.acts_for()), &filter).await
}

/// GET /v1/operator/security-events
pub async fn security_event_list_all(
    State(app): State<App>,
    Query(filter): Query<SecurityEventFilter>,
) -> Result<Json<Page<SecurityEventShape>>, Problem> {
    listed(&app, filter.customer.as_deref(), &filter).await
}

async fn listed(app: &App, customer: Option<&str>, filter: &SecurityEventFilter) -> Result<Json<Page<SecurityEventShape>>, Problem> {
    let size = limit(filter.limit.as_deref())?;
    let (key, list) = (app.auth.key(Purpose::Cursors)?, format!("security events {customer:?}"));
    let before: Option<i64> = place(&key, &list, filter.cursor.as_deref())?;
    let found = match customer {
        Some(customer) => security::list_of(&app.engine, &app.auth.people, customer, before, size + 1).await,
        None => security::list(&app.auth.people, None, before, size + 1),
    };
    let found = found.map_err(|refusal| app.refused(refusal))?;
    let keyed = found.iter().map(|event| (event.id, shape(event))).collect();
    Ok(Json(turn(&key, &list, keyed, size)))
}
