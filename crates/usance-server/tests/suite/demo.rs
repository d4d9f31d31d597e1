//! A demo in a person's hands: what it says to type is right.

use super::harness::{Client, Server, Start, binary};
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
    }
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
