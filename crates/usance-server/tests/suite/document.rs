//! The contract about itself: the OpenAPI document names exactly what is served, and the bodies that are served are what
//! it says.
//!
//! The schema check is a small one: types, names of properties, required ones, lists, references, `allOf` and `oneOf`.
//! A word of a schema that it does not know fails, so nothing of the document goes unread.

use super::contract::exits::in_line;
use super::contract::losses::{begins_and_is_slashed, shared_and_slashed};
use super::contract::two_people::agree;
use super::harness::Client;
use super::platform::Platform;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use usance_server::contract::route::Permission;
use usance_server::contract::routes::table;

fn document() -> Value {
    usance_server::contract::openapi::document().clone()
}

fn words(value: &Value) -> BTreeSet<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn the_document_lists_exactly_what_is_served() {
    let platform = Platform::new();
    let served = platform.server.public().get("/openapi.json").ok();
    assert_eq!(served, document());
    assert!(served["openapi"].as_str().is_some_and(|version| version.starts_with("3.1.")));
    let mut listed = BTreeSet::new();
    for (path, operations) in served["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            listed.insert((path.clone(), method.to_uppercase(), operation["operationId"].as_str().expect("a name").to_owned()));
        }
    }
    let expected = table().iter().map(|route| (route.path.into(), route.method.to_string(), route.operation.into())).collect();
    assert_eq!(listed, expected);
    let names: BTreeSet<&str> = table().iter().map(|route| route.operation).collect();
    assert_eq!(names.len(), table().len(), "an operation's name is its own");
    let page = platform.server.public().get("/docs");
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
    assert!(table().iter().all(|route| page.text().contains(&format!("id=\"{}\"", route.operation))), "the page has them all, too");
}

#[test]
fn an_operation_names_its_parameters_and_who_may() {
    let document = document();
    for route in table() {
        let operation = &document["paths"][route.path][route.method.as_str().to_lowercase()];
        let parameters = operation["parameters"].as_array().expect("parameters");
        let of = |place: &str| -> BTreeSet<&str> {
            parameters.iter().filter(|each| each["in"] == place).map(|each| each["name"].as_str().expect("a name")).collect()
        };
        let in_path: BTreeSet<&str> = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(of("path"), in_path, "{}", route.operation);
        assert_eq!(of("query"), route.query.iter().copied().collect(), "{}", route.operation);
        assert_eq!(of("header").contains("Idempotency-Key"), route.writes(), "{}", route.operation);
        assert_eq!(of("header").contains("Usance-Customer"), route.permission.for_customer(), "{}", route.operation);
        assert_eq!(operation["security"].is_array(), route.permission != Permission::Public, "{}", route.operation);
        assert_eq!(operation["requestBody"].is_object(), route.body.is_some(), "{}", route.operation);
        assert!(!operation["summary"].as_str().unwrap_or("").is_empty(), "{}", route.operation);
        let responses = operation["responses"].as_object().expect("responses");
        assert!(responses.contains_key(&route.done.to_string()), "{}", route.operation);
        assert!(responses.keys().all(|status| status.parse::<u16>().is_ok()), "{}: every status by its number", route.operation);
        assert_eq!(responses.contains_key("401"), route.permission != Permission::Public, "{}", route.operation);
        assert!(!route.writes() || responses.contains_key("409"), "{}", route.operation);
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn gather(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, inner)| match inner.as_str() {
                Some(reference) if name == "$ref" => _ = found.insert(reference.to_owned()),
                _ => gather(inner, found),
            }),
            Value::Array(items) => items.iter().for_each(|inner| gather(inner, found)),
            _ => {}
        }
    }
    let document = document();
    let mut references = BTreeSet::new();
    gather(&document, &mut references);
    assert!(references.len() > 20, "{references:?}");
    for reference in &references {
        let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} leads out of the document"));
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    for name in document["components"]["schemas"].as_object().expect("schemas").keys() {
        assert!(references.contains(&format!("#/components/schemas/{name}")), "nobody refers to {name}");
    }
}

/// Whether bodies are what their schemas say; remembers which properties were seen.
struct Reader {
    document: Value,
    seen: BTreeMap<String, BTreeSet<String>>,
}

impl Reader {
    fn new() -> Reader {
        Reader { document: document(), seen: BTreeMap::new() }
    }

    /// Reads a body of an operation.
    fn read(&mut self, operation: &str, body: &Value) {
        let route = table().into_iter().find(|route| route.operation == operation).unwrap_or_else(|| panic!("no {operation}"));
        let responses = &self.document["paths"][route.path][route.method.as_str().to_lowercase()]["responses"];
        let schema = responses[route.done.to_string()]["content"]["application/json"]["schema"].clone();
        if let Err(why) = self.fits(&schema, body, operation) {
            panic!("{why}\n{body:#}");
        }
    }

    fn fits(&mut self, schema: &Value, body: &Value, place: &str) -> Result<(), String> {
        if let Some(reference) = schema["$ref"].as_str() {
            let named = self.document.pointer(reference.strip_prefix('#').expect("local")).cloned().expect("it leads somewhere");
            let place = reference.rsplit('/').next().expect("a name");
            return self.fits(&named, body, place);
        }
        for word in schema.as_object().ok_or_else(|| format!("{place}: not a schema: {schema}"))?.keys() {
            let known = [
                "type",
                "properties",
                "required",
                "items",
                "allOf",
                "oneOf",
                "enum",
                "description",
                "format",
                "minimum",
                "maxLength",
                "pattern",
                "additionalProperties",
            ];
            if !known.contains(&word.as_str()) {
                return Err(format!("{place}: {word} is not understood here"));
            }
        }
        if let Some(choices) = schema["oneOf"].as_array() {
            let fitting = choices.iter().filter(|choice| self.fits(choice, body, place).is_ok()).count();
            return if fitting == 1 { Ok(()) } else { Err(format!("{place}: {fitting} of the choices fit {body}")) };
        }
        let (mut properties, mut required) = (BTreeMap::new(), BTreeSet::new());
        self.gather(schema, &mut properties, &mut required);
        if !properties.is_empty() {
            return self.fits_object(&properties, &required, body, place);
        }
        let types = match &schema["type"] {
            Value::String(one) => BTreeSet::from([one.as_str()]),
            several => words(several),
        };
        let is = match body {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        if !types.contains(is) {
            return Err(format!("{place}: {body} is not {types:?}"));
        }
        if let (Some(word), Some(allowed)) = (body.as_str(), schema["enum"].as_array())
            && !allowed.iter().any(|each| each == word)
        {
            return Err(format!("{place}: {word} is none of {allowed:?}"));
        }
        body.as_array().into_iter().flatten().try_for_each(|item| self.fits(&schema["items"], item, place))
    }

    /// All properties of a schema and of those it is made of.
    fn gather(&self, schema: &Value, properties: &mut BTreeMap<String, Value>, required: &mut BTreeSet<String>) {
        let schema = schema["$ref"].as_str().map_or(Some(schema), |reference| self.document.pointer(&reference[1..])).expect("a schema");
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.gather(part, properties, required);
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            properties.insert(name.clone(), property.clone());
        }
        required.extend(words(&schema["required"]).into_iter().map(str::to_owned));
    }

    fn fits_object(
        &mut self,
        properties: &BTreeMap<String, Value>,
        required: &BTreeSet<String>,
        body: &Value,
        place: &str,
    ) -> Result<(), String> {
        let fields = body.as_object().ok_or_else(|| format!("{place}: {body} is not an object"))?;
        if let Some(missing) = required.iter().find(|name| !fields.contains_key(*name)) {
            return Err(format!("{place}: {missing} is missing"));
        }
        for (name, value) in fields {
            let property = properties.get(name).ok_or_else(|| format!("{place}: {name} is not in its schema"))?;
            self.fits(property, value, &format!("{place}.{name}"))?;
            self.seen.entry(place.to_owned()).or_default().insert(name.clone());
        }
        Ok(())
    }

    /// Every property of what was read was seen at least once: the schema promises nothing that never comes.
    fn check_seen(&self) {
        for (name, seen) in &self.seen {
            let Some(schema) = self.document["components"]["schemas"].get(name) else { continue };
            let (mut properties, mut required) = (BTreeMap::new(), BTreeSet::new());
            self.gather(schema, &mut properties, &mut required);
            let promised: BTreeSet<String> = properties.into_keys().collect();
            assert!(promised.is_empty() || promised == *seen, "{name} promises {promised:?} and shows {seen:?}");
        }
    }
}

#[test]
fn what_is_served_is_what_the_schemas_say() {
    let platform = Platform::lived();
    let mut reader = Reader::new();
    let tiers = json!([{"up_to": "5", "rate": "0.2"}, {"rate": "0.1"}]);
    for (product, rate) in [("eth-tiers", json!({"rate": "0.02"})), ("sol-flex", json!({"tiers": tiers}))] {
        let mut body = rate;
        body["from"] = json!("2026-03-01");
        reader.read("rate_announce", &platform.operator.post(&format!("/v1/operator/products/{product}/rates"), body).ok());
    }
    reads(&platform, &mut reader);
    writes(&platform, &mut reader);
    exits(&mut reader);
    losses(&mut reader);
    reader.check_seen();
}

/// What customers bear of a loss.
fn losses(reader: &mut Reader) {
    let platform = shared_and_slashed();
    let alice = platform.acting_for("alice");
    reader.read("redemption_create", &platform.redeem("alice", "1", json!({"amount": "29.9"})));
    reader.read("loss_get", &platform.operator.get("/v1/operator/treasury/losses/1").ok());
    let matter = json!({"kind": "allocate_loss", "loss": "1", "asset": "SOL", "reward_pool": "0.05", "customers": "0.2"});
    agree(&platform, &matter);
    reader.read("loss_get", &platform.operator.get("/v1/operator/treasury/losses/1").ok());
    reader.read("position_get", &alice.get("/v1/positions/1").ok());
    // A term that ends before anybody has said who bears.
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "100");
    platform.operator.post("/v1/operator/reward-pool", json!({"asset": "SOL", "amount": "40"})).ok();
    platform.offer(json!({
        "id": "sol-term", "asset": "SOL", "kind": "fixed_term", "term_days": 2, "rates": [{"from": "2026-01-01", "rate": "0"}],
        "slashing": "shared",
    }));
    platform.subscribe("alice", "sol-term", "40", "spot");
    begins_and_is_slashed(&platform);
    platform.operator.post("/v1/operator/clock", json!({"to": "2026-01-05T12:00:00Z"})).ok();
    reader.read("notice_list", &platform.acting_for("alice").get("/v1/notices").ok());
}

fn reads(platform: &Platform, reader: &mut Reader) {
    let get = |reader: &mut Reader, sender: &Client, operation: &str, path: &str| reader.read(operation, &sender.get(path).ok());
    let public = platform.server.public();
    get(reader, &public, "asset_list", "/v1/assets");
    get(reader, &public, "staking_get", "/v1/assets/SOL/staking");
    get(reader, &public, "product_list", "/v1/products");
    get(reader, &public, "product_get", "/v1/products/eth-tiers");
    for product in ["sol-flex", "eth-tiers"] {
        get(reader, &public, "rate_list", &format!("/v1/products/{product}/rates?limit=10"));
        get(reader, &public, "estimate_get", &format!("/v1/products/{product}/estimate?amount=20"));
    }
    get(reader, &public, "agreement_get", "/v1/agreement");
    get(reader, &public, "agreement_version_get", "/v1/agreements/v1");
    get(reader, &public, "clock_get", "/v1/clock");
    for customer in ["alice", "bob", "carol", "dave"] {
        let sender = platform.acting_for(customer);
        get(reader, &sender, "account_list", "/v1/accounts");
        get(reader, &sender, "position_list", "/v1/positions?limit=5");
        get(reader, &sender, "reward_list", "/v1/rewards?limit=20");
        get(reader, &sender, "statement_get", "/v1/statement?limit=500");
        for (operation, path) in [
            ("subscription_list", "/v1/subscriptions"),
            ("redemption_list", "/v1/redemptions"),
            ("transfer_list", "/v1/transfers"),
            ("acceptance_list", "/v1/acceptances"),
            ("notice_list", "/v1/notices"),
        ] {
            get(reader, &sender, operation, path);
        }
    }
    get(reader, &platform.acting_for("alice"), "position_get", "/v1/positions/1");
    let operator = &platform.operator;
    get(reader, operator, "product_list_all", "/v1/operator/products");
    get(reader, operator, "day_list", "/v1/operator/days?limit=30");
    get(reader, operator, "books_get", "/v1/operator/books");
    get(reader, operator, "books_get", "/v1/operator/books?at=2026-01-31");
    get(reader, operator, "journal_list", "/v1/operator/journal?limit=30");
    get(reader, operator, "journal_list", "/v1/operator/journal?customer=bob&limit=30");
    get(reader, operator, "token_list", "/v1/operator/tokens");
    reader.read("audit_run", &operator.ask("/v1/operator/audit", json!({})).ok());
}

fn writes(platform: &Platform, reader: &mut Reader) {
    let (operator, alice) = (&platform.operator, platform.acting_for("alice"));
    let look = json!({"product": "sol-7", "amount": "1", "source": "spot"});
    reader.read("subscription_preview", &alice.ask("/v1/subscriptions/preview", look).ok());
    let position = alice.all("/v1/positions?state=active&product=sol-7", 500)[0]["id"].as_str().expect("an id").to_owned();
    reader.read("redemption_preview", &alice.ask(&format!("/v1/positions/{position}/redemption-preview"), json!({})).ok());
    reader.read("position_change", &alice.patch(&format!("/v1/positions/{position}"), json!({"auto_renew": false})).ok());
    let asset = json!({"symbol": "BTC", "name": "Bitcoin", "decimals": 8, "display_decimals": 8});
    reader.read("asset_create", &operator.post("/v1/operator/assets", asset).ok());
    reader.read("agreement_publish", &operator.post("/v1/operator/agreements", json!({"version": "v2", "text": "Words."})).ok());
    let product = json!({"id": "btc", "asset": "BTC", "name": "B", "kind": "flexible", "rates": [{"from": "2026-01-01", "rate": "0.01"}]});
    reader.read("product_create", &operator.post("/v1/operator/products", product).ok());
    let change =
        json!({"capacity": "10", "step": "0.5", "personal_maximum": "5", "opens_at": "2026-01-01T00:00:00Z", "risk_notice": "Risky."});
    reader.read("product_change", &operator.patch("/v1/operator/products/btc", change).ok());
    reader.read("product_status_set", &operator.post("/v1/operator/products/btc/status", json!({"status": "open"})).ok());
    reader.read("clock_move", &operator.post("/v1/operator/clock", json!({"to": "2026-02-23T00:00:00Z"})).ok());
    reader.read("token_list", &{
        platform.with_token("customer", "phone", Some("alice"));
        operator.get("/v1/operator/tokens").ok()
    });
}

/// Leaving where coins are staked.
fn exits(reader: &mut Reader) {
    let platform = Platform::new();
    let number = in_line(&platform);
    let (operator, alice) = (&platform.operator, platform.acting_for("alice"));
    let path = format!("/v1/exits/{number}");
    let look = json!({"amount": "1"});
    reader.read("redemption_preview", &alice.ask("/v1/positions/1/redemption-preview", look).ok());
    reader.read("redemption_create", &alice.post("/v1/positions/1/redemptions", json!({"amount": "1", "exit": "queued"})).ok());
    reader.read("exit_list", &alice.get("/v1/exits").ok());
    reader.read("exit_get", &alice.get(&path).ok());
    reader.read("queue_list", &operator.get("/v1/operator/treasury/queues").ok());
    reader.read("queue_get", &operator.get("/v1/operator/treasury/queues/SOL").ok());
    reader.read("queue_change", &operator.patch("/v1/operator/treasury/queues/SOL", json!({"allowance": "1"})).ok());
    reader.read("exit_cancel", &alice.post(&format!("{path}/cancellation"), json!({"agreement": "v1"})).ok());
    reader.read("exit_get", &alice.get(&path).ok());
    reader.read("subscription_list", &alice.get("/v1/subscriptions").ok());
    reader.read("redemption_list", &alice.get("/v1/redemptions").ok());
}

#[test]
fn a_problem_is_what_its_schema_says() {
    let platform = Platform::new();
    let schema = &document()["components"]["schemas"]["Problem"];
    let answer = platform.acting_for("alice").get("/v1/positions/1");
    let problem = answer.refused(404, "position_not_found");
    for name in words(&schema["required"]) {
        assert!(problem[name].is_string() || name == "status", "{name}: {problem}");
    }
    assert_eq!(problem["type"], "/problems/position_not_found");
    assert_eq!(problem["status"], 404);
}
