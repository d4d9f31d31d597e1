//! What is told while it happens: server-sent events, notices, health and metrics.

use crate::suite::harness::{Client, Server, Start, fresh_key};
use crate::suite::platform::Platform;
use serde_json::{Value, json};
use std::io::BufRead;

/// One event as it came.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    kind: String,
    data: Value,
    id: Option<String>,
}

/// The events of an open stream.
struct Stream<R> {
    lines: std::io::Lines<R>,
    /// Where it says that it stands, beside the events.
    position: Option<String>,
}

fn listen(sender: &Client, last_event_id: Option<&str>) -> Stream<impl BufRead + use<>> {
    let headers: Vec<(&str, &str)> = last_event_id.iter().map(|id| ("last-event-id", *id)).collect();
    let (status, body) = sender.open("/v1/events", &headers);
    assert_eq!(status, 200);
    Stream { lines: body.lines(), position: None }
}

impl<R: BufRead> Stream<R> {
    fn next(&mut self) -> Told {
        self.next_or_end().expect("the stream goes on")
    }

    /// The next event; nothing when the stream has ended.
    fn next_or_end(&mut self) -> Option<Told> {
        let mut told = Told { kind: String::new(), data: Value::Null, id: None };
        loop {
            let line = self.lines.next()?.expect("a line");
            match line.split_once(": ").or_else(|| line.split_once(':')) {
                Some(("event", kind)) => told.kind = kind.to_owned(),
                Some(("data", data)) => told.data = serde_json::from_str(data).expect("JSON"),
                Some(("id", id)) => told.id = Some(id.to_owned()),
                // An empty line ends an event, unless it only said where the stream stands.
                None if told.kind.is_empty() => self.position = told.id.take().or(self.position.take()),
                None => return Some(told),
                Some(other) => panic!("{other:?} is not understood here"),
            }
        }
    }

    /// Where it says that it stands when it begins.
    fn first_position(&mut self) -> String {
        let line = self.lines.next().expect("the stream goes on").expect("a line");
        line.strip_prefix("id: ").or_else(|| line.strip_prefix("id:")).unwrap_or_else(|| panic!("{line:?}")).to_owned()
    }

    /// Reads until an event of this kind has come, that one included.
    fn until(&mut self, kind: &str) -> Vec<Told> {
        let mut all = Vec::new();
        loop {
            all.push(self.next());
            if all.last().is_some_and(|told| told.kind == kind) {
                return all;
            }
        }
    }
}

/// Something for everybody to hear: days, a payment, a maturity, a renewal, a rate, an exit. `redeemed` comes last, once.
fn live_a_little(platform: &Platform) {
    platform.deposit("alice", "SOL", "spot", "2000");
    platform.subscribe("alice", "sol-flex", "730", "spot");
    let term = json!({"product": "sol-7", "amount": "365", "source": "spot", "agreement": "v1", "auto_renew": true});
    platform.acting_for("alice").post("/v1/subscriptions", term).ok();
    platform.subscribe("alice", "sol-7", "3.65", "spot");
    platform.move_to("2026-01-03T09:00:00Z");
    platform.operator.post("/v1/operator/products/sol-flex/rates", json!({"from": "2026-01-06", "rate": "0.01"})).ok();
    platform.operator.post("/v1/operator/products/eth-tiers/rates", json!({"from": "2026-01-06", "rate": "0.01"})).ok();
    platform.move_to("2026-01-08T00:00:00Z");
    platform.redeem("alice", "1", json!({"amount": "1"}));
}

#[test]
fn a_reward_is_heard_when_its_day_is_closed() {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "1000");
    let alice = platform.with_token("customer", "phone", Some("alice"));
    let mut stream = listen(&alice, None);
    platform.subscribe("alice", "sol-flex", "730", "spot");
    let opened = stream.next();
    assert_eq!(opened.kind, "position_opened");
    assert_eq!(
        opened.data,
        json!({"position": "1", "product": "sol-flex", "asset": "SOL", "amount": "730", "at": "2026-01-01T00:00:00.000Z"})
    );
    platform.move_to("2026-01-02T00:00:00Z");
    let credited = stream.next();
    let expected = json!({
        "kind": "reward_paid", "at": "2026-01-02T00:00:00.000Z", "day": "2026-01-01", "asset": "SOL", "product": "sol-flex",
        "position": "1", "amount": "0.1",
    });
    assert_eq!((credited.kind.as_str(), credited.data), ("reward_credited", expected));
    let number = |told: &Option<String>| told.as_deref().and_then(|id| id.parse::<u64>().ok()).expect("a log position");
    assert!(number(&credited.id) > number(&opened.id), "ids go up");
    assert_eq!(platform.balance("alice", "SOL", "funding"), "0.1", "who hears of it has it");
}

#[test]
fn whoever_comes_back_misses_nothing_and_hears_nothing_of_others() {
    let mut platform = Platform::new();
    live_a_little(&platform);
    let all = listen(&platform.acting_for("alice"), Some("0")).until("redeemed");
    let count = |kind: &str| all.iter().filter(|told| told.kind == kind).count();
    // Seven days of a flexible position, two terms paid at their end, one of which goes on.
    assert_eq!(count("position_opened"), 3);
    assert_eq!(count("reward_credited"), 7 + 2);
    assert_eq!((count("matured"), count("renewed"), count("redeemed")), (1, 1, 1));
    assert_eq!(count("rate_changed"), 1, "of the rate of what she holds: {all:?}");
    platform.restart(Server::kill);
    let alice = platform.acting_for("alice");
    for (heard, told) in all.iter().enumerate().filter(|(heard, _)| heard + 1 < all.len()) {
        if let Some(id) = &told.id {
            assert_eq!(listen(&alice, Some(id)).until("redeemed"), all[heard + 1..], "after {told:?}");
        }
    }
    let mut bob = listen(&platform.acting_for("bob"), Some("0"));
    platform.deposit("bob", "SOL", "spot", "1");
    platform.subscribe("bob", "sol-flex", "1", "spot");
    assert_eq!(bob.next().data["amount"], "1", "the first that he hears is his own");
    for id in ["x", "-1", "1.5", "18446744073709551615"] {
        alice.send("GET", "/v1/events", &[("last-event-id", id)], None).refused(400, "malformed_request");
    }
}

#[test]
fn a_stream_that_is_cut_off_before_its_first_event_loses_nothing() {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "10");
    let alice = platform.with_token("customer", "phone", Some("alice"));
    let position = listen(&alice, None).first_position();
    // Between two connections.
    platform.subscribe("alice", "sol-flex", "2", "spot");
    let mut again = listen(&alice, Some(&position));
    assert_eq!(again.next().kind, "position_opened");
    assert_eq!(again.position.as_deref(), Some(position.as_str()), "it begins where the other one stood");
    assert_eq!(alice.header_of("/v1/events", "x-accel-buffering").as_deref(), Some("no"), "no proxy keeps it back");
}

#[test]
fn years_closed_at_once_are_told_in_parts_and_the_last_event_carries_the_id() {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "1000");
    platform.subscribe("alice", "sol-flex", "10", "spot");
    platform.subscribe("alice", "sol-7", "10", "spot");
    platform.move_to("2026-12-31T00:00:00Z");
    platform.subscribe("alice", "sol-flex", "1", "spot");
    let told = listen(&platform.acting_for("alice"), Some("0")).until("matured");
    assert_eq!(told.iter().filter(|told| told.kind == "reward_credited").count(), 7 + 1, "up to the end of the term");
    let mut all = listen(&platform.acting_for("alice"), Some("0"));
    let opened = [all.next(), all.next()];
    assert!(opened.iter().all(|told| told.kind == "position_opened" && told.id.is_some()));
    // 364 days of one position, seven of which the other one had, too: it paid at its end.
    let closed: Vec<Told> = (0..364 + 2).map(|_| all.next()).collect();
    let with_id: Vec<usize> = (0..closed.len()).filter(|index| closed[*index].id.is_some()).collect();
    assert_eq!(with_id, [closed.len() - 1], "one record, one id, at its end");
    let last = all.next();
    assert_eq!((last.kind.as_str(), &last.data["amount"]), ("position_opened", &json!("1")));
}

#[test]
fn a_stream_ends_with_the_token_that_opened_it() {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "10");
    let made = platform.operator.post("/v1/operator/tokens", json!({"name": "phone", "role": "customer", "customer": "alice"})).ok();
    let phone = Client::new(&platform.server.url, made["token"].as_str(), None);
    let tablet = platform.with_token("customer", "tablet", Some("alice"));
    let (mut of_phone, mut of_tablet) = (listen(&phone, None), listen(&tablet, None));
    platform.subscribe("alice", "sol-flex", "2", "spot");
    assert_eq!((of_phone.next().kind.as_str(), of_tablet.next().kind.as_str()), ("position_opened", "position_opened"));
    let token = format!("/v1/operator/tokens/{}", made["id"].as_str().expect("an id"));
    platform.operator.send("DELETE", &token, &[("idempotency-key", &fresh_key())], None).ok();
    assert_eq!(of_phone.next_or_end(), None, "nothing more is told");
    platform.subscribe("alice", "sol-flex", "3", "spot");
    assert_eq!(of_tablet.next().data["amount"], "3", "what another token opened goes on");
}

#[test]
fn notices_tell_what_was_paid_and_what_lies_ahead() {
    let platform = Platform::new();
    live_a_little(&platform);
    platform.operator.post("/v1/operator/products/sol-flex/rates", json!({"from": "2026-01-20", "rate": "0.02"})).ok();
    let notices = platform.acting_for("alice").all("/v1/notices", 500);
    let of = |kind: &str| notices.iter().filter(|notice| notice["kind"] == kind).cloned().collect::<Vec<Value>>();
    assert_eq!(of("reward_paid").len(), 9);
    let base = json!({"at": "2026-01-08T00:00:00.000Z", "asset": "SOL", "product": "sol-7"});
    let with = |more: Value| {
        let mut whole = base.clone();
        whole.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        whole
    };
    assert_eq!(
        of("matured"),
        [with(json!({"kind": "matured", "day": "2026-01-07", "position": "3", "to_spot": "3.65", "to_funding": "0"}))]
    );
    let renewed = json!({"kind": "renewed", "day": "2026-01-07", "position": "2", "to_spot": "0", "to_funding": "0", "renewed_into": "4"});
    assert_eq!(of("renewed"), [with(renewed)]);
    let near = json!({"kind": "maturity_near", "matures_at": "2026-01-15T00:00:00.000Z", "position": "4", "auto_renew": true});
    assert_eq!(of("maturity_near"), [with(near)]);
    let ahead = json!({"kind": "rate_ahead", "product": "sol-flex", "from": "2026-01-20", "rate": "0.02000000"});
    assert_eq!(of("rate_ahead"), [with(ahead)]);
    // However long ago it was.
    platform.move_to("2026-08-01T00:00:00Z");
    let later = platform.acting_for("alice").all("/v1/notices", 500);
    let oldest = later.last().expect("a notice");
    assert_eq!((&oldest["kind"], &oldest["day"]), (&json!("reward_paid"), &json!("2026-01-01")));
}

#[test]
fn health_readiness_and_metrics_answer_without_a_token() {
    let platform = Platform::new();
    platform.deposit("alice", "SOL", "spot", "10");
    platform.subscribe("alice", "sol-7", "10", "spot");
    platform.acting_for("alice").get("/v1/positions/9").refused(404, "position_not_found");
    let public = platform.server.public();
    assert_eq!(public.get("/healthz").ok(), json!({"status": "ok"}));
    let ready = public.get("/readyz").ok();
    assert_eq!((&ready["ready"], &ready["reason"]), (&json!(true), &Value::Null));
    assert!(ready["durable"].as_u64() > Some(0) && ready["applied"] == ready["durable"], "{ready}");
    let answer = public.get("/metrics");
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")));
    let text = answer.text();
    let value = |name: &str| -> u64 {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} is not in {text}"));
        line.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{line}"))
    };
    assert_eq!(value("usance_positions{"), 1);
    assert_eq!(value("usance_customers{"), 4);
    assert_eq!(value(r#"usance_account_overdrawn{shard="0",asset="SOL",account="reward_pool"}"#), 0);
    assert_eq!(value(r#"usance_http_errors_total{operation="position_get"}"#), 1);
    assert_eq!(value(r#"usance_http_seconds_count{operation="subscription_create"}"#), 1);
    // Two coins, an agreement, four customers, four products opened, a deposit, a subscription.
    assert_eq!(value("usance_idempotency_keys{"), 2 + 1 + 4 + 2 * 4 + 2);
    assert!(value("usance_log_durable_batches{") >= 17);
    assert!(!text.contains("alice"), "metrics name nobody");
}

#[test]
fn the_clock_says_which_it_is() {
    let ticking = Platform::started(&Start { clock: "system".into(), offset: -330, ..Start::default() });
    let public = ticking.server.public();
    let shown = public.get("/v1/clock").ok();
    assert_eq!((&shown["mode"], &shown["day_offset_minutes"]), (&json!("system"), &json!(-330)));
    let instant = |value: &Value| value.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok()).expect("an instant");
    assert!(jiff::Timestamp::now().duration_since(instant(&shown["now"])).as_secs().abs() < 60, "{shown}");
    assert!(instant(&shown["next_close_at"]) > instant(&shown["now"]));
    assert!(shown["next_close_at"].as_str().is_some_and(|at| at.ends_with("T05:30:00.000Z")), "{shown}");
    ticking.operator.post("/v1/operator/clock", json!({"to": "2030-01-01T00:00:00Z"})).refused(422, "clock_not_simulated");
    // Nothing is overdue; to say that the clock is right is fine all the same.
    assert_eq!(ticking.operator.post("/v1/operator/clock/confirmation", json!({})).ok()["mode"], "system");
    let simulated = Platform::started(&Start { offset: 480, ..Start::default() });
    let moved = simulated.operator.post("/v1/operator/clock", json!({"to": "2026-01-01T15:59:59.999Z"})).ok();
    let expected = json!({
        "now": "2026-01-01T15:59:59.999Z", "day": "2026-01-01", "day_offset_minutes": 480, "mode": "simulated",
        "next_close_at": "2026-01-01T16:00:00.000Z",
    });
    assert_eq!(moved, expected);
    assert_eq!(simulated.server.public().get("/v1/clock").ok(), expected);
    assert_eq!(simulated.operator.post("/v1/operator/clock", json!({"to": "2026-01-01T16:00:00Z"})).ok()["day"], "2026-01-02");
}
