//! The contract about itself: OpenAPI 3.1 from the route table and the shapes, and a page a person can read.

use crate::routes::{Permission, Route, Schemas, table};
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::sync::OnceLock;

/// The document; made once.
pub fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(build)
}

fn build() -> Value {
    let mut schemas = Schemas::new();
    let mut paths: Map<String, Value> = Map::new();
    for route in table() {
        let operation = operation(&route, &mut schemas);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.method.as_str().to_lowercase(), operation);
        }
    }
    let mut schemas = serde_json::to_value(schemas).unwrap_or_default();
    if let Some(schemas) = schemas.as_object_mut() {
        schemas.insert("Problem".into(), problem_schema());
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Usance",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Staking for an exchange's customers. Amounts and rates are decimal strings; instants are RFC 3339 in UTC with milliseconds; days are ISO dates at the platform's offset.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    })
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "RFC 9457. `code` names the rejection; its numbers stand beside it.",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"}, "code": {"type": "string"},
        },
    })
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn operation(route: &Route, schemas: &mut Schemas) -> Value {
    let answer = route.answer.map(|schema| reference(&schema(schemas)));
    let success = if route.writes() { "2XX" } else { "200" };
    let media = match route.operation {
        "metrics_get" => "text/plain",
        "docs_get" => "text/html",
        "event_stream" => "text/event-stream",
        _ => "application/json",
    };
    let mut content = json!({media: {"schema": answer.unwrap_or_else(|| if media == "application/json" { json!({"type": "object"}) } else { json!({"type": "string"}) })}});
    if let (Some(content), "statement_get") = (content.as_object_mut(), route.operation) {
        content.insert("text/csv".into(), json!({"schema": {"type": "string"}}));
    }
    let problem = json!({"description": "An error.", "content": {"application/problem+json": {"schema": reference("Problem")}}});
    let mut responses = json!({success: {"description": "Done.", "content": content}, "4XX": problem});
    if let (Some(responses), true) = (responses.as_object_mut(), route.path.starts_with("/v1") || route.operation == "readiness_get") {
        responses.insert("503".into(), json!({"description": "Not ready.", "content": {"application/problem+json": {"schema": reference("Problem")}, "application/json": {"schema": {"type": "object"}}}}));
    }
    let mut whole = json!({
        "operationId": route.operation,
        "summary": route.summary,
        "parameters": parameters(route),
        "responses": responses,
    });
    if let Some(whole) = whole.as_object_mut() {
        if route.permission != Permission::Public {
            whole.insert("security".into(), json!([{"token": []}]));
        }
        if let Some(schema) = route.body {
            let body = reference(&schema(schemas));
            whole.insert("requestBody".into(), json!({"required": true, "content": {"application/json": {"schema": body}}}));
        }
    }
    whole
}

fn parameters(route: &Route) -> Vec<Value> {
    let text = || json!({"type": "string"});
    let in_path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut all: Vec<Value> = in_path.map(|name| json!({"name": name, "in": "path", "required": true, "schema": text()})).collect();
    let schema =
        |name: &str| if name == "limit" { json!({"type": "integer", "minimum": 1, "maximum": 500, "default": 100}) } else { text() };
    all.extend(
        route
            .query
            .iter()
            .map(|name| json!({"name": name, "in": "query", "required": route.operation == "estimate_get", "schema": schema(name)})),
    );
    if route.permission.for_customer() {
        let about = "The customer acted for; required for service, operator and auditor tokens.";
        all.push(json!({"name": "Usance-Customer", "in": "header", "required": false, "description": about, "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}}));
    }
    if route.writes() {
        let about = "Makes the write once only: the same key and request get the same answer.";
        all.push(json!({"name": "Idempotency-Key", "in": "header", "required": true, "description": about, "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$"}}));
    }
    if !route.writes() && route.path.starts_with("/v1/") {
        let about = "`true`: also an instance that does not write may answer, by what it has; `Usance-Log-Position` tells how far that is.";
        all.push(
            json!({"name": "Usance-Allow-Stale", "in": "header", "required": false, "description": about, "schema": {"type": "boolean"}}),
        );
    }
    if route.operation == "event_stream" {
        all.push(json!({"name": "Last-Event-ID", "in": "header", "required": false, "schema": text()}));
    }
    all
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The contract as a page: plain HTML, no script.
#[must_use]
pub fn page() -> String {
    let mut rows = String::new();
    for route in table() {
        let who = match route.permission {
            Permission::Public => "everybody",
            Permission::CustomerRead => "customer, service, operator, auditor",
            Permission::CustomerWrite => "customer, service, operator",
            Permission::Service => "service, operator",
            Permission::Operator => "operator",
            Permission::Back => "operator, auditor",
        };
        let query = if route.query.is_empty() { String::new() } else { format!("?{}=", route.query.join("=&amp;")) };
        // Writing to a string cannot fail.
        let _ = writeln!(
            rows,
            "<tr id=\"{}\"><td><code>{}</code></td><td><code>{}{}</code></td><td>{}</td><td>{}</td></tr>",
            route.operation,
            route.method,
            escaped(route.path),
            query,
            escaped(route.summary),
            who
        );
    }
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Usance: the HTTP contract</title><meta name=\"viewport\" content=\"width=device-width\">\
         <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}}table{{border-collapse:collapse;width:100%}}\
         td,th{{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8886;vertical-align:top}}</style></head><body>\
         <h1>Usance: the HTTP contract</h1>\
         <p>Every field, with its meaning: <a href=\"/openapi.json\">/openapi.json</a> (OpenAPI 3.1).</p>\
         <ul><li>Amounts and rates are decimal strings (<code>\"1.25\"</code>, <code>\"0.05250000\"</code>); JSON numbers for money are refused.</li>\
         <li>Instants are RFC 3339 in UTC with milliseconds; days are ISO dates at the platform's offset.</li>\
         <li>Every write carries <code>Idempotency-Key</code>; the same key with the same request gets the same bytes again, with <code>Idempotency-Replayed: true</code>.</li>\
         <li>Errors are <code>application/problem+json</code> (RFC 9457); <code>code</code> names the rule.</li>\
         <li>A service, operator or auditor names the customer in <code>Usance-Customer</code>.</li></ul>\
         <table><thead><tr><th>Method</th><th>Path</th><th>What</th><th>Who</th></tr></thead><tbody>{rows}</tbody></table></body></html>"
    )
}
