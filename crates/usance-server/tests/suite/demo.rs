//! A demo in a person's hands: what it says to type is right.

use super::harness::{Client, binary};
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
