//! The contract about itself: OpenAPI 3.1 from the route table and the shapes, and a page a person can read.
//!
//! `parameters` says what a request carries beside its body, `responses` what it may be answered. Nothing is written here
//! that the table or the shapes know; a document that says less than the server does is a bug like any other.

mod parameters;
mod responses;

use crate::contract::route::{Permission, Route, Schemas};
use crate::contract::routes::table;
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::sync::OnceLock;

/// How the page looks. It stands in the page, so the policy names it by its hash.
const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;width:100%}\
     td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8886;vertical-align:top}";
/// What the page may do: look like that, and nothing else.
pub const POLICY: &str = "default-src 'none'; style-src 'sha256-oCgp3Iy0/0NyooMy870hAU8sZoN1TBGkxO56lI3YBBQ='; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

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
        across_fields(schemas);
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
            "responses": responses::shared(),
            "headers": responses::headers(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    })
}

/// What a field allows only beside others: bodies that the reader of a shape takes apart further.
fn across_fields(schemas: &mut Map<String, Value>) {
    let none = json!({"type": "null"});
    let one_rate = json!([
        {"required": ["rate"], "properties": {"rate": {"type": "string"}, "tiers": none}},
        {"required": ["tiers"], "properties": {"tiers": {"type": "array"}, "rate": none}},
    ]);
    let term = json!([
        {"properties": {"kind": {"const": "flexible"}, "term_days": none}},
        {"required": ["term_days"], "properties": {"kind": {"const": "fixed_term"}, "term_days": {"type": "integer"}}},
    ]);
    let scopes = |words: &[&str]| json!({"type": ["array", "null"], "minItems": 1, "items": {"enum": words}});
    let (customers, services) = (scopes(&["acting", "reading"]), scopes(&["wallet", "identity", "acting", "reading"]));
    let owner = json!([
        {"required": ["customer"], "properties": {"role": {"const": "customer"}, "customer": {"type": "string"}, "scopes": customers}},
        {"properties": {"role": {"const": "service"}, "customer": none, "scopes": services}},
        {"properties": {"role": {"enum": ["operator", "auditor"]}, "customer": none, "scopes": none}},
    ]);
    for (name, choices) in [("RateAsked", one_rate), ("ProductAsked", term), ("TokenAsked", owner)] {
        if let Some(schema) = schemas.get_mut(name).and_then(Value::as_object_mut) {
            schema.insert("oneOf".into(), choices);
        }
    }
    // Each form of what is asked in one of several forms has these fields and no other.
    for name in ["DistributionWord", "YieldWord", "MatterShape", "EffectAsked", "HappenedAsked"] {
        let forms = schemas.get_mut(name).and_then(|schema| schema.get_mut("oneOf")).and_then(Value::as_array_mut);
        forms.into_iter().flatten().for_each(closed);
    }
}

/// Lets an object, and the objects in it, have no field that it does not name.
fn closed(schema: &mut Value) {
    let Some(object) = schema.as_object_mut().filter(|object| object.contains_key("properties")) else { return };
    object.insert("additionalProperties".into(), Value::Bool(false));
    let fields = object.get_mut("properties").and_then(Value::as_object_mut);
    fields.into_iter().flat_map(Map::values_mut).for_each(closed);
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
    let mut whole = json!({
        "operationId": route.operation,
        "summary": route.summary,
        "parameters": parameters::of(route),
        "responses": responses::of(route, answer),
    });
    if let Some(whole) = whole.as_object_mut() {
        if route.permission != Permission::Public {
            whole.insert("security".into(), json!([{"token": []}]));
        }
        if let Some(schema) = route.body {
            let name = schema(schemas);
            let fields = schemas.get(&name).and_then(|schema| serde_json::to_value(schema).ok()).unwrap_or_default();
            // Where every field may be left out, so may the body.
            let required = fields["required"].as_array().is_some_and(|required| !required.is_empty());
            whole
                .insert("requestBody".into(), json!({"required": required, "content": {"application/json": {"schema": reference(&name)}}}));
        }
    }
    whole
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
            Permission::Wallet => "service with wallet, operator",
            Permission::Identity => "service with identity, operator",
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
         <style>{STYLE}</style></head><body>\
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
