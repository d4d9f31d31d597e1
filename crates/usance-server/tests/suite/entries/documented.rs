//! Whether an answer is one that the contract's document has: its status, its kind, and every field that it promises.
//!
//! The document's own test (`document`) reads the schemas to the last word, on answers to requests that are well. Here it is
//! enough that nothing promised is missing or of another type, for whatever was asked.

use super::Answer;
use axum::http::{Method, header};
use serde_json::Value;
use usance_server::contract::openapi;

/// Looks up the answer to a request for one of the document's paths, `asked` by one of that path's methods.
pub fn check(path: &str, asked: &Method, answer: &Answer) -> Result<(), String> {
    let method = if *asked == Method::HEAD { Method::GET } else { asked.clone() };
    let operation = &openapi::document()["paths"][path][method.as_str().to_lowercase()];
    let told = resolved(&operation["responses"][answer.status.as_str()]);
    let content = told["content"].as_object().ok_or_else(|| format!("the document has no {} here", answer.status))?;
    let kind = answer.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim();
    let media = content.get(kind).ok_or_else(|| format!("{kind:?} is none of {:?}", content.keys().collect::<Vec<_>>()))?;
    // An answer to HEAD has no body.
    if *asked == Method::HEAD || !kind.ends_with("json") {
        return Ok(());
    }
    misses(&media["schema"], &answer.json(), "the answer").map_or(Ok(()), Err)
}

/// What a reference of the document stands for.
fn resolved(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => {
            let found = openapi::document().pointer(reference.trim_start_matches('#'));
            found.unwrap_or_else(|| panic!("{reference} leads nowhere"))
        }
        None => value,
    }
}

fn is_of(kind: &str, body: &Value) -> bool {
    match kind {
        "null" => body.is_null(),
        "boolean" => body.is_boolean(),
        "integer" => body.is_i64() || body.is_u64(),
        "number" => body.is_number(),
        "string" => body.is_string(),
        "array" => body.is_array(),
        _ => body.is_object(),
    }
}

/// What a body lacks of its schema, if it lacks anything.
fn misses(schema: &'static Value, body: &Value, place: &str) -> Option<String> {
    let schema = resolved(schema);
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = choices.iter().any(|choice| misses(choice, body, place).is_none());
        return (!fits).then(|| format!("{place}: none of the choices: {body}"));
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is_of(kind, body)) {
        return Some(format!("{place}: {body} is none of {kinds:?}"));
    }
    let mut parts = schema["allOf"].as_array().into_iter().flatten();
    if let Some(missed) = parts.find_map(|part| misses(part, body, place)) {
        return Some(missed);
    }
    if let Some(fields) = body.as_object() {
        let mut promised = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        if let Some(missing) = promised.find(|name| !fields.contains_key(*name)) {
            return Some(format!("{place}: {missing} is missing"));
        }
        let mut properties = schema["properties"].as_object().into_iter().flatten();
        return properties.find_map(|(name, own)| misses(own, fields.get(name)?, &format!("{place}.{name}")));
    }
    body.as_array().into_iter().flatten().find_map(|item| misses(&schema["items"], item, place))
}
