//! What a released version left behind, under the present binary: a retry across the upgrade gets its old bytes, every read tells
//! what it told before, and `usance verify` finds the log healthy. `tests/released/README.md` says what lies there.

use super::harness::{Client, OPERATOR, Server, Start, usance};
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn released(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/released").join(version)
}

pub fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).expect("an entry");
        if path.is_dir() {
            copy_directory(&path, &to.join(name));
        } else {
            std::fs::copy(&path, to.join(name)).expect("a copy");
        }
    }
}

/// One request that a released version was sent, and what it answered.
struct Asked {
    line: Value,
}

impl Asked {
    fn text(&self, field: &str) -> &str {
        self.line[field].as_str().unwrap_or_default()
    }

    fn is_write(&self) -> bool {
        self.line["key"].is_string()
    }

    /// Sends it again: a write with the key that it had, to be answered from what is stored.
    fn again(&self, server: &Server, tokens: &Value) {
        let client = Client::new(
            &server.url,
            tokens[self.text("by")].as_str().map(|text| if self.text("by") == "operator" { OPERATOR } else { text }),
            self.line["customer"].as_str(),
        );
        let body = (!self.line["body"].is_null()).then(|| self.line["body"].to_string());
        let mut headers = Vec::new();
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        if self.is_write() {
            headers.push(("idempotency-key", self.text("key")));
        }
        let what = format!("{} {} of {}", self.text("method"), self.text("path"), self.text("by"));
        let answer = client.send(self.text("method"), self.text("path"), &headers, body.as_deref().map(str::as_bytes));
        assert_eq!(Some(u64::from(answer.status)), self.line["status"].as_u64(), "{what}: {}", answer.text());
        if self.is_write() || answer.text() == self.text("answer") {
            assert_eq!(answer.text(), self.text("answer"), "{what}");
        } else {
            // What is read may have more in it by now, and nothing less.
            let before: Value = serde_json::from_str(self.text("answer")).expect("JSON");
            assert!(holds(&answer.json(), &before), "{what}: {} is not in {}", self.text("answer"), answer.text());
        }
        assert_eq!(answer.header("idempotency-replayed").is_some(), self.is_write(), "{what}: told again and not done again");
    }
}

/// Whether everything of before is there: fields of objects, and items of lists in their order.
fn holds(now: &Value, before: &Value) -> bool {
    match (now, before) {
        (Value::Object(now), Value::Object(before)) => {
            before.iter().all(|(name, value)| now.get(name).is_some_and(|now| holds(now, value)))
        }
        (Value::Array(now), Value::Array(before)) => {
            let mut rest = now.iter();
            before.iter().all(|value| rest.any(|now| holds(now, value)))
        }
        (now, before) => now == before,
    }
}

#[test]
fn a_directory_of_the_first_release_is_taken_over_to_the_byte() {
    let directory = TempDir::new().expect("a directory");
    let data = directory.path().join("data");
    let folder = released("0.1.0");
    copy_directory(&folder.join("data"), &data);
    let tokens: Value = serde_json::from_slice(&std::fs::read(folder.join("tokens.json")).expect("tokens")).expect("JSON");
    let lines = std::fs::read_to_string(folder.join("requests.jsonl")).expect("requests");
    let asked: Vec<Asked> = lines.lines().map(|line| Asked { line: serde_json::from_str(line).expect("JSON") }).collect();
    assert!(asked.iter().filter(|asked| asked.is_write()).count() > 30 && asked.len() > 80, "all of it is there");
    // Twice: the second start begins with what the first one wrote.
    for _ in 0..2 {
        let mut server = Server::start_in(&data, &Start::default()).expect("it starts");
        asked.iter().for_each(|asked| asked.again(&server, &tokens));
        assert!(server.terminate(), "{}", server.printed());
    }
    let verified = usance(&["verify", "--data", data.to_str().expect("a path")]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}
