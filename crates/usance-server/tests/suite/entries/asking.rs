//! How bytes become a request: a route of the one table, a body that its schema allows and then not quite, a query,
//! headers, or something else altogether.
//!
//! Bodies are made from the schemas of the contract, so a route that is added is asked like every other.

use super::OPERATOR;
use super::dice::Dice;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, Uri};
use serde_json::{Map, Value, json};
use usance_server::contract::route::{Route, Schemas};
use usance_server::contract::routes::table;
use usance_workload::people::public_key_of;

/// A request, and what it is for people.
pub struct Asked {
    pub request: Request<Body>,
    pub route: Route,
    pub shown: String,
}

/// The request that the bytes ask for, if they ask for one that can be sent. `fresh` is a number that nobody had.
pub fn ask(data: &[u8], fresh: u64) -> Option<Asked> {
    let mut dice = Dice::new(data);
    let mut table = table();
    let route = table.swap_remove(dice.below(table.len()));
    let method = if dice.once_in(40) {
        dice.pick(&[Method::PUT, Method::DELETE, Method::HEAD, Method::OPTIONS]).clone()
    } else {
        route.method.clone()
    };
    let uri = uri(&route, &mut dice)?;
    let body = body(&route, &mut dice, fresh);
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers(&route, &mut dice, fresh) {
        request = request.header(name, value);
    }
    let shown = format!("{:?} {}", request, String::from_utf8_lossy(&body[..body.len().min(2_000)]));
    Some(Asked { request: request.body(Body::from(body)).ok()?, route, shown })
}

/// A text of which nothing means anything in a path, a query or a form.
pub fn encoded(text: &str) -> String {
    text.bytes()
        .take(4_000)
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn uri(route: &Route, dice: &mut Dice<'_>) -> Option<Uri> {
    let mut path = String::new();
    for part in route.path.split('/').skip(1) {
        let names: &[&str] = if route.path.contains("products") {
            &["sol-flex", "sol-7"]
        } else if route.path.contains("customers") {
            &["alice", "bob"]
        } else if part == "{asset}" || route.path.contains("treasury/assets") {
            &["SOL"]
        } else if route.path.contains("treasury") && part != "{order}" {
            &["hub"]
        } else if part == "{version}" {
            &["v1"]
        } else {
            &["1", "2", "3"]
        };
        path.push('/');
        match part {
            part if !part.starts_with('{') => path.push_str(part),
            _ if dice.once_in(6) => path.push_str(&encoded(&dice.text())),
            _ => path.push_str(dice.pick::<&str>(names)),
        }
    }
    let mut pairs = Vec::new();
    for name in route.query {
        if dice.once_in(4) {
            let usual: &[&str] = match *name {
                "limit" => &["1", "7", "500"],
                "from" | "to" | "at" => &["2026-01-01", "2026-02-01", "2025-12-31"],
                "asset" => &["SOL"],
                "kind" => &["flexible", "fixed_term", "transfer", "deposit"],
                "status" => &["open", "draft"],
                "state" => &["active", "all"],
                "account" => &["spot", "funding"],
                "product" => &["sol-flex", "sol-7"],
                "customer" => &["alice", "bob"],
                "role" => &["standby", "writer"],
                _ => &["1", "2.5"],
            };
            let value = if dice.once_in(6) || *name == "cursor" { dice.text() } else { (*dice.pick(usual)).to_owned() };
            pairs.push(format!("{name}={}", if dice.once_in(9) { value } else { encoded(&value) }));
        }
    }
    if dice.once_in(30) {
        pairs.push(format!("{}={}", encoded(&dice.text()), encoded(&dice.text())));
    }
    let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
    Uri::try_from(format!("{path}{query}")).ok()
}

fn headers(route: &Route, dice: &mut Dice<'_>, fresh: u64) -> Vec<(HeaderName, HeaderValue)> {
    let mut all: Vec<(&'static str, Vec<u8>)> = Vec::new();
    let mut put = |name, usual: &str, dice: &mut Dice<'_>| {
        match dice.below(50) {
            0 => {}
            1 => all.push((name, dice.text().into_bytes())),
            2 => all.push((name, dice.bytes(200))),
            _ => all.push((name, usual.as_bytes().to_vec())),
        };
    };
    put("authorization", &format!("Bearer {OPERATOR}"), dice);
    put("usance-customer", if dice.once_in(3) { "bob" } else { "alice" }, dice);
    if route.method != Method::GET {
        // Some keys are used again, for something else.
        let key = if dice.once_in(10) { "again".to_owned() } else { format!("fuzz-{fresh}") };
        put("idempotency-key", &key, dice);
        put("content-type", "application/json", dice);
    }
    if dice.once_in(3) {
        put("last-event-id", "65536", dice);
        put("cookie", "session=00", dice);
        let forms = [
            "text/csv",
            "application/json",
            "*/*",
            "text/csv;q=0.5, application/*;q=0.9, text/event-stream",
            "text/event-stream, */*;q=0.1",
        ];
        put("accept", dice.pick::<&str>(&forms), dice);
        put("accept-encoding", "gzip", dice);
    }
    let made = all
        .into_iter()
        .filter_map(|(name, value)| HeaderValue::from_bytes(&value).ok().map(|value| (HeaderName::from_static(name), value)));
    made.collect()
}

fn body(route: &Route, dice: &mut Dice<'_>, fresh: u64) -> Vec<u8> {
    let Some(schema_of) = route.body else { return if dice.once_in(9) { dice.bytes(200) } else { Vec::new() } };
    let mut schemas = Schemas::new();
    let name = schema_of(&mut schemas);
    let schemas = serde_json::to_value(&schemas).expect("JSON");
    let mut body = Example { schemas: &schemas, fresh, plain: false }.of(&schemas[&name], "", dice, 0);
    for _ in 0..dice.below(5).saturating_sub(2) {
        spoil(&mut body, dice);
    }
    let mut bytes = body.to_string().into_bytes();
    match dice.below(40) {
        0 => bytes = dice.bytes(400),
        1 => bytes.truncate(dice.below(bytes.len() + 1)),
        2 => {
            let at = dice.below(bytes.len() + 1);
            bytes.splice(at..at, dice.bytes(40));
        }
        3 if !bytes.is_empty() => {
            let at = dice.below(bytes.len());
            bytes[at] = dice.byte();
        }
        4 => bytes.extend_from_within(..),
        5 => bytes = format!("{}{}", "[".repeat(dice.below(300)), "{\"a\":".repeat(dice.below(300))).into_bytes(),
        _ => {}
    }
    bytes
}

/// The plainest body that a route's schema allows: what is required, and the first word for each.
pub fn plain(route: &Route) -> Option<Value> {
    let mut schemas = Schemas::new();
    let name = (route.body?)(&mut schemas);
    let schemas = serde_json::to_value(&schemas).expect("JSON");
    Some(Example { schemas: &schemas, fresh: 0, plain: true }.of(&schemas[&name], "", &mut Dice::new(&[0; 512]), 0))
}

/// Changes one value somewhere in a body.
fn spoil(body: &mut Value, dice: &mut Dice<'_>) {
    match body {
        Value::Object(fields) if !fields.is_empty() && !dice.once_in(8) => {
            let name = fields.keys().nth(dice.below(fields.len())).expect("one of them").clone();
            match dice.below(10) {
                0 => drop(fields.remove(&name)),
                1 => drop(fields.insert(dice.text(), json!(1))),
                _ => spoil(fields.get_mut(&name).expect("it is there"), dice),
            }
        }
        Value::Array(items) if !items.is_empty() && !dice.once_in(4) => {
            let at = dice.below(items.len());
            if dice.once_in(6) {
                let again = items[at].clone();
                items.extend(std::iter::repeat_n(again, dice.below(200)));
            } else {
                spoil(&mut items[at], dice);
            }
        }
        value => {
            *value = match dice.below(9) {
                0 => Value::Null,
                1 => json!(dice.once_in(2)),
                2 => json!(dice.number()),
                3 => json!(-(dice.below(1_000) as i64)),
                4 => json!([1e308, -1e308, 0.1, 1e-320][dice.below(4)]),
                5 => json!([value.clone()]),
                6 => json!({"x": value.clone()}),
                _ => json!(dice.text()),
            }
        }
    }
}

/// Bodies that a schema allows.
struct Example<'a> {
    schemas: &'a Value,
    fresh: u64,
    /// Whether what is not required is left out.
    plain: bool,
}

impl Example<'_> {
    fn of(&self, schema: &Value, name: &str, dice: &mut Dice<'_>, depth: usize) -> Value {
        if let Some(reference) = schema["$ref"].as_str() {
            let target = reference.rsplit('/').next().expect("a name");
            return self.of(&self.schemas[target], name, dice, depth + 1);
        }
        for word in ["oneOf", "anyOf", "allOf"] {
            if let Some(choices) = schema[word].as_array().filter(|choices| !choices.is_empty()) {
                return self.of(dice.pick(choices), name, dice, depth + 1);
            }
        }
        if let Some(words) = schema["enum"].as_array() {
            return dice.pick(words).clone();
        }
        let kinds: Vec<&str> = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            kind => kind.as_str().into_iter().collect(),
        };
        if depth > 12 || kinds.is_empty() {
            return Value::Null;
        }
        match *dice.pick(&kinds) {
            "object" => self.object(schema, dice, depth),
            "array" => (0..dice.below(4)).map(|_| self.of(&schema["items"], name, dice, depth + 1)).collect(),
            "integer" | "number" => json!(dice.below(20)),
            "boolean" => json!(dice.once_in(2)),
            "null" => Value::Null,
            _ => json!(self.word(name, dice)),
        }
    }

    fn object(&self, schema: &Value, dice: &mut Dice<'_>, depth: usize) -> Value {
        let required: Vec<&str> =
            schema["required"].as_array().map(|names| names.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
        let mut fields = Map::new();
        for (name, own) in schema["properties"].as_object().into_iter().flatten() {
            if required.contains(&name.as_str()) || (!self.plain && dice.once_in(3)) {
                fields.insert(name.clone(), self.of(own, name, dice, depth + 1));
            }
        }
        Value::Object(fields)
    }

    /// A text that fits a field of this name.
    fn word(&self, name: &str, dice: &mut Dice<'_>) -> String {
        let fresh = self.fresh;
        let words: &[&str] = match name {
            "customer" => &["alice", "bob"],
            "asset" => &["SOL"],
            "product" => &["sol-flex", "sol-7"],
            "agreement" => &["v1"],
            "role" => &["service", "operator", "auditor", "customer", "treasury"],
            "rate" => &["0.05", "0", "10", "0.00000001"],
            "from" | "day" => &["2026-01-03", "2026-02-01", "2027-01-01"],
            "to" | "opens_at" | "closes_at" => &["2026-01-02T00:00:00Z", "2026-03-01T12:00:00.500Z", "2026-01-09T00:00:00Z"],
            "code" => &["000000"],
            "password" => &["a long password"],
            "bytes" => &["00ff", "7a"],
            "verdict" => &["approve", "decline"],
            "public_key" => return public_key_of(&format!("N{fresh}")).to_string(),
            "id" | "version" | "reference" | "symbol" | "name" => return format!("N{fresh}"),
            _ => &["1", "0.5", "2.25", "10", "0.000000001", "1000000"],
        };
        (*dice.pick(words)).to_owned()
    }
}
