//! The parameters of an operation: names in its path, its query, its headers.
//!
//! The route table holds the names; what each may be stands here. A word that can be one of several is named as such, so that
//! whoever generates requests from the document makes none that is refused for its form alone.

use crate::contract::route::Route;
use serde_json::{Value, json};

/// The parameters of a route.
pub(super) fn of(route: &Route) -> Vec<Value> {
    let in_path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut all: Vec<Value> =
        in_path.map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})).collect();
    all.extend(route.query.iter().map(|name| {
        let required = route.operation == "estimate_get";
        json!({"name": name, "in": "query", "required": required, "schema": query(route.operation, name)})
    }));
    if route.permission.for_customer() {
        let about = "The customer acted for; required for service, operator and auditor tokens.";
        all.push(header("Usance-Customer", false, about, json!({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"})));
    }
    if route.writes() {
        let about = "Makes the write once only: the same key and request get the same answer. In quotes it is the same key.";
        let pattern = "^([A-Za-z0-9._:-]{1,64}|\"[A-Za-z0-9._:-]{1,64}\")$";
        all.push(header("Idempotency-Key", true, about, json!({"type": "string", "pattern": pattern})));
    }
    if !route.writes() && route.path.starts_with("/v1/") {
        let about = "`true`: also an instance that does not write may answer, by what it has; `Usance-Log-Position` tells how far that is.";
        all.push(header("Usance-Allow-Stale", false, about, json!({"type": "boolean"})));
    }
    if route.operation == "event_stream" {
        let about = "The id of the last event that came; the stream goes on behind it.";
        all.push(header("Last-Event-ID", false, about, json!({"type": "string"})));
    }
    all
}

fn header(name: &str, required: bool, about: &str, schema: Value) -> Value {
    json!({"name": name, "in": "header", "required": required, "description": about, "schema": schema})
}

/// What a query parameter may be.
fn query(operation: &str, name: &str) -> Value {
    let words = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    match (operation, name) {
        (_, "limit") => json!({"type": "integer", "minimum": 1, "maximum": 500, "default": 100}),
        (_, "from" | "to" | "at") => json!({"type": "string", "format": "date"}),
        (_, "amount") => {
            json!({"type": "string", "maxLength": 64, "pattern": "^[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$"})
        }
        (_, "cursor") => json!({"type": "string", "description": "The `next_cursor` of the page before."}),
        (_, "revoke_tokens") => json!({"type": "boolean", "default": false}),
        (_, "role") => json!({"type": "string", "enum": ["writer", "standby"], "default": "writer"}),
        (_, "account") => words("AccountWord"),
        ("statement_get", "kind") => words("MovementKind"),
        (_, "kind") => words("KindWord"),
        (_, "status") => words("StatusWord"),
        ("order_list", "standing") => {
            json!({"type": "string", "enum": ["proposed", "approved", "prepared", "sent", "done", "failed", "expired", "declined"]})
        }
        ("loss_list", "standing") => json!({"type": "string", "enum": ["open", "allocated"]}),
        (_, "standing") => json!({"type": "string", "enum": ["open", "carried_out", "declined", "expired"]}),
        (_, "state") => json!({"type": "string", "enum": ["active", "closed", "all"], "default": "all"}),
        _ => json!({"type": "string"}),
    }
}
