//! The answers of an operation: how it succeeds, and every status it may be refused with.
//!
//! Which refusals are possible follows from the line in the route table: who is asked for a token, who sends a body, who names
//! something that may not be there. Each refusal is described once, under `components/responses`.

use crate::contract::route::{Permission, Route};
use serde_json::{Map, Value, json};

/// Every refusal: its status, and when it comes.
const REFUSALS: [(u16, &str); 12] = [
    (400, "The request could not be read, or lacks something that every such request has."),
    (401, "No token came, or one that nobody knows."),
    (403, "The token's role may not do that."),
    (404, "There is no such thing, or it is somebody else's."),
    (406, "`Accept` names nothing of what there is here; `available` does."),
    (408, "The body did not come in time."),
    (409, "Something else came first: the state is another, or the key was used for another request."),
    (413, "The body is longer than is read of its sender: 65,536 bytes of operators and services, 8,192 of everybody else."),
    (415, "The body is not application/json."),
    (422, "A rule of the platform says no."),
    (429, "More requests came than are allowed; `Retry-After` says when to come again."),
    (503, "Not now: this instance is not the writer, not ready, or has too much to do. Nothing was done."),
];

/// The refusals, for `components/responses`.
pub(super) fn shared() -> Value {
    let named = REFUSALS.into_iter().map(|(status, about)| {
        let content = json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}});
        let mut refusal = json!({"description": about, "content": content});
        if let (429 | 503, Some(fields)) = (status, refusal.as_object_mut()) {
            fields.insert("headers".into(), json!({"Retry-After": {"$ref": "#/components/headers/Retry-After"}}));
        }
        (format!("Refused{status}"), refusal)
    });
    Value::Object(named.collect())
}

/// The headers of answers, for `components/headers`.
pub(super) fn headers() -> Value {
    json!({
        "RateLimit-Policy": {
            "description": "The limits that count this request: a name, `q` requests in `w` seconds each.",
            "schema": {"type": "string"},
        },
        "RateLimit": {
            "description": "What is left of each limit: `r` requests at once, and `t` seconds until all of it is there again.",
            "schema": {"type": "string"},
        },
        "Retry-After": {"description": "Seconds to wait before the same request is sent again.", "schema": {"type": "integer", "minimum": 1}},
        "Usance-Log-Position": {
            "description": "The batch of the log up to which, at least, everything is in this answer.",
            "schema": {"type": "integer", "minimum": 0},
        },
        "Idempotency-Replayed": {"description": "`true` where this answer was given before.", "schema": {"type": "boolean"}},
    })
}

/// The answers of a route.
pub(super) fn of(route: &Route, answer: Option<Value>) -> Value {
    let mut all = Map::new();
    all.insert(route.done.to_string(), success(route, answer));
    for status in refusals(route) {
        all.insert(status.to_string(), json!({"$ref": format!("#/components/responses/Refused{status}")}));
    }
    if route.operation == "readiness_get" {
        let object = json!({"schema": {"type": "object"}});
        all.insert("503".into(), json!({"description": "Not ready; `reason` says why.", "content": {"application/json": object}}));
    }
    Value::Object(all)
}

fn success(route: &Route, answer: Option<Value>) -> Value {
    let content = route.forms().iter().map(|form| {
        let is_json = *form == "application/json";
        let told = if is_json { answer.clone().unwrap_or_else(|| json!({"type": "object"})) } else { json!({"type": "string"}) };
        ((*form).to_owned(), json!({"schema": told}))
    });
    let content: Map<String, Value> = content.collect();
    let mut success = json!({"description": "Done.", "content": content});
    if let (Some(fields), true) = (success.as_object_mut(), in_contract(route)) {
        let mut names = vec!["RateLimit-Policy", "RateLimit", "Usance-Log-Position"];
        if route.writes() {
            names.push("Idempotency-Replayed");
        }
        let headers = names.into_iter().map(|name| (name.to_owned(), json!({"$ref": format!("#/components/headers/{name}")})));
        fields.insert("headers".into(), Value::Object(headers.collect()));
    }
    success
}

fn in_contract(route: &Route) -> bool {
    route.path.starts_with("/v1/")
}

/// Which refusals a route may answer with.
fn refusals(route: &Route) -> Vec<u16> {
    let names_something = route.path.contains('{') || route.body.is_some() || route.permission.for_customer() || !route.query.is_empty();
    let decides = route.writes() || route.body.is_some() || route.operation == "estimate_get";
    let fits = |status: u16| match status {
        400 => in_contract(route) || !route.query.is_empty(),
        401 | 403 => route.permission != Permission::Public,
        404 => in_contract(route) && (names_something || route.operation == "agreement_get"),
        408 | 413 | 415 => route.body.is_some(),
        409 => route.writes() || ["redemption_preview", "loss_allocation_preview"].contains(&route.operation),
        422 => decides,
        // How the service is, is told however much is asked, and to whoever asks.
        406 | 429 | 503 => in_contract(route) || ["openapi_get", "docs_get"].contains(&route.operation),
        _ => false,
    };
    REFUSALS.into_iter().map(|(status, _)| status).filter(|status| fits(*status)).collect()
}
