//! A demo in a person's hands: what it says to type is right.

use super::harness::{Client, Server, Start, binary};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use tempfile::TempDir;

/// A demo as a person starts it, and what it said; it ends with this value.
struct InWords(Child, String);

impl InWords {
    fn demo(data: &Path) -> InWords {
        let mut command = binary();
        command.args(["demo", "--listen", "127.0.0.1:0", "--data"]).arg(data).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut said = InWords(child, String::new());
        while !said.1.contains("Stop with") {
            said.1.push_str(&lines.next().expect("more of it").expect("text"));
            said.1.push('\n');
        }
        said
    }

    /// What stands in the words between two texts.
    fn between(&self, before: &str, after: &str) -> &str {
        self.1.split_once(before).and_then(|(_, rest)| rest.split_once(after)).unwrap_or_else(|| panic!("{before} in {}", self.1)).0
    }
}

impl Drop for InWords {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the demo says to type moves its clock, at the first start and at each that follows.
#[test]
fn the_line_that_moves_the_clock_of_a_demo_is_right_at_every_start() {
    let directory = TempDir::new().expect("a directory");
    let data = directory.path().join("demo");
    let mut day = None;
    for start in ["the first", "a second", "a third"] {
        let demo = InWords::demo(&data);
        let operator = Client::new(&format!("http://{}", demo.between("http://", "/")), Some(demo.between("operator  ", "\n")), None);
        let body = serde_json::from_str(demo.between("-d '", "'")).expect("JSON");
        let moved = operator.write("POST", "/v1/operator/clock", demo.between("Idempotency-Key: ", "'"), &body);
        assert_eq!((moved.status, moved.header("idempotency-replayed")), (200, None), "{start}: {}", moved.text());
        let clock = operator.get("/v1/clock").ok();
        assert!(Some(&clock["day"]) != day.as_ref() && clock["now"] == body["to"], "{start}: {clock}");
        day = Some(clock["day"].clone());
        if start == "a second" {
            // A demo that an earlier release made has no keys of people.
            for name in ["anna", "ben"] {
                std::fs::remove_file(data.join(format!("{name}.pem"))).expect("it was there");
            }
        }
    }
}

/// ETH and SOL are staked on two networks, and go on by themselves when the clock moves, by a day or by many.
#[test]
fn the_treasury_of_a_demo_has_a_past_and_goes_on() {
    let directory = TempDir::new().expect("a directory");
    let demo = InWords::demo(&directory.path().join("demo"));
    let operator = Client::new(&format!("http://{}", demo.between("http://", "/")), Some(demo.between("operator  ", "\n")), None);
    let get = |path: &str| operator.get(&format!("/v1/operator/{path}")).ok();
    let losses = get("treasury/losses");
    assert_eq!((losses["items"].as_array().map(Vec::len), &losses["items"][0]["standing"]), (Some(1), &json!("allocated")));
    assert_eq!(losses["items"][0]["borne_by"]["loss_reserve"], losses["items"][0]["amount"], "the reserve bore it");
    let validators = |network: &str| get(&format!("treasury/networks/{network}/validators"))["items"].as_array().map(Vec::len);
    assert_eq!((validators("ethereum"), validators("solana")), (Some(4), Some(4)));
    assert_ne!(get("treasury/networks/ethereum")["places"][0]["unbonding"], "0", "coins are being freed");
    let waits = |asset: &str| {
        get("treasury/queues")["items"].as_array().and_then(|all| all.iter().find(|line| line["asset"] == asset)).expect("a line")["exits"]
            .clone()
    };
    assert_eq!((waits("ETH"), waits("SOL")), (json!(2), json!(0)));
    for (asset, product) in [("ETH", "eth-flex"), ("SOL", "sol-flex")] {
        let shown = operator.get(&format!("/v1/products/{product}")).ok();
        let settled = get(&format!("treasury/assets/{asset}/rates"))["settled"][0].clone();
        let rate = |text: &serde_json::Value| usance_core::money::Rate::parse(text.as_str().expect("a rate")).expect("a rate");
        assert_eq!((&shown["yield_source"], &settled["product"]), (&json!("network"), &json!(product)));
        assert!(rate(&settled["rate"]) < rate(&shown["reference_apr"]), "{settled} {shown}");
    }
    let mut day = operator.get("/v1/clock").ok()["day"].as_str().expect("a day").to_owned();
    for days in [1, 1, 30] {
        let to = usance_core::calendar::Day::parse(&day).expect("a day").plus_days(days);
        day = to.to_string();
        operator.post("/v1/operator/clock", json!({"to": format!("{day}T00:00:00Z")})).ok();
        let now = operator.get("/v1/clock").ok()["now"].clone();
        for network in ["ethereum", "solana"] {
            let shown = get(&format!("treasury/networks/{network}"));
            assert_eq!((&shown["picture"]["time"], &shown["halted"], &shown["stopped"]), (&now, &json!(false), &json!(false)), "{network}");
        }
        for line in get("treasury/coverage")["items"].as_array().expect("lines") {
            assert_eq!(line["stale"], false, "{line}");
        }
    }
    assert_eq!(waits("ETH"), 0, "whoever waited was paid");
    assert_eq!(operator.ask("/v1/operator/audit", json!({})).ok()["healthy"], true);
}

/// Nothing is listened on here: where it may listen, it then finds another platform in its directory.
#[test]
fn a_demo_that_others_can_reach_asks_for_consent() {
    let mut server = Server::start(&Start::default());
    assert!(server.terminate());
    let data = server.data.to_str().expect("UTF-8");
    let said = |listen: &str, more: &[&str], consent: &str| {
        let mut command = binary();
        command.args(["demo", "--data", data, "--listen", listen]).args(more).env("USANCE_I_KNOW_EVERYBODY_CAN_ENTER", consent);
        let output = command.output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    const CONSENT: &str = "--i-know-everybody-can-enter";
    for listen in ["0.0.0.0:0", "[::]:0", "[::ffff:0.0.0.0]:0", "192.0.2.1:8080"] {
        assert!(said(listen, &[], "").contains(CONSENT) && said(listen, &[], "false").contains(CONSENT), "{listen}");
    }
    for (listen, more, consent) in [("127.0.0.1:0", &[][..], ""), ("0.0.0.0:0", &[CONSENT], ""), ("0.0.0.0:0", &[], "1")] {
        assert!(said(listen, more, consent).contains("holds another platform"), "{listen} {more:?} {consent}");
    }
}
