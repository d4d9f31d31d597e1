//! Two people: registered, proposed and signed over HTTP, by the command line, and with another tool's signature.

use crate::suite::harness::{Answer, Client, OPERATOR, fresh_key, usance};
use crate::suite::platform::Platform;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use usance_workload::people::{public_key_of, signed};

/// Registers one of the first two.
pub fn register(platform: &Platform, name: &str) -> Answer {
    platform.operator.post("/v1/operator/people", json!({"name": name, "public_key": public_key_of(name).to_string()}))
}

/// Proposes that somebody comes.
pub fn propose(platform: &Platform, name: &str) -> Answer {
    let matter = json!({"kind": "register_person", "name": name, "public_key": public_key_of(name).to_string()});
    platform.operator.post("/v1/operator/proposals", json!({"matter": matter}))
}

/// Has anna and ben, who are registered, agree on something.
pub fn agree(platform: &Platform, matter: &Value) -> Value {
    let proposal = platform.operator.post("/v1/operator/proposals", json!({"matter": matter})).ok();
    sign(platform, "anna", &proposal, "approve").ok();
    sign(platform, "ben", &proposal, "approve").ok()
}

/// What somebody's signature under a proposal is brought with.
pub fn signature(name: &str, proposal: &Value, verdict: &str) -> Value {
    let signature = signed(name, proposal["sign"][verdict].as_str().expect("a text")).to_string();
    json!({"person": name, "verdict": verdict, "signature": signature})
}

/// Brings somebody's signature under a proposal.
pub fn sign(platform: &Platform, name: &str, proposal: &Value, verdict: &str) -> Answer {
    let path = format!("/v1/operator/proposals/{}/signatures", proposal["proposal_id"].as_str().expect("a number"));
    platform.operator.post(&path, signature(name, proposal, verdict))
}

#[test]
fn what_two_people_signed_is_done_and_stays_known() {
    let mut platform = Platform::new();
    let anna = register(&platform, "anna").ok();
    assert_eq!((&anna["name"], &anna["public_key"]), (&json!("anna"), &json!(public_key_of("anna").to_string())));
    register(&platform, "ben").ok();
    register(&platform, "cleo").refused(422, "approval_needed");
    for body in [json!({"name": "x", "public_key": "12"}), json!({"name": "x"}), json!({"name": "x", "public_key": 1})] {
        platform.operator.post("/v1/operator/people", body).refused(400, "malformed_request");
    }
    let proposal = propose(&platform, "cleo").ok();
    assert_eq!((&proposal["standing"], &proposal["about"]["name"]), (&json!("open"), &json!("cleo")));
    propose(&platform, "cleo").refused(409, "already_exists");
    let elsewhere = json!({"matter": {"kind": "rule_the_world"}});
    platform.operator.post("/v1/operator/proposals", elsewhere).refused(400, "malformed_request");
    sign(&platform, "cleo", &proposal, "approve").refused(404, "person_not_found");
    let key = fresh_key();
    let body = signature("anna", &proposal, "approve");
    let once = platform.operator.write("POST", "/v1/operator/proposals/1/signatures", &key, &body);
    let again = platform.operator.write("POST", "/v1/operator/proposals/1/signatures", &key, &body);
    assert_eq!((once.text(), again.header("idempotency-replayed")), (again.text(), Some("true")));
    sign(&platform, "anna", &proposal, "approve").refused(409, "already_signed");
    let mut wrong = body.clone();
    wrong["person"] = json!("ben");
    platform.operator.post("/v1/operator/proposals/1/signatures", wrong).refused(422, "signature_invalid");
    let done = sign(&platform, "ben", &proposal, "approve").ok();
    assert_eq!((&done["standing"], &done["approved_by"]), (&json!("carried_out"), &json!(["anna", "ben"])));
    sign(&platform, "ben", &proposal, "decline").refused(409, "proposal_not_open");
    let second = propose(&platform, "dan").ok();
    let declined = sign(&platform, "cleo", &second, "decline").ok();
    assert_eq!((&declined["standing"], &declined["declined_by"]), (&json!("declined"), &json!("cleo")));
    platform.operator.get("/v1/operator/proposals/9").refused(404, "proposal_not_found");
    platform.operator.get("/v1/operator/proposals/x").refused(404, "proposal_not_found");
    platform.operator.get("/v1/operator/proposals?standing=sleeping").refused(400, "malformed_request");
    let seen = |platform: &Platform| {
        let open = platform.operator.get("/v1/operator/proposals?standing=open").ok()["items"].as_array().map(Vec::len);
        (platform.operator.all("/v1/operator/proposals", 1), platform.operator.get("/v1/operator/people").ok(), open)
    };
    let before = seen(&platform);
    assert_eq!((before.0.len(), before.1["items"].as_array().map(Vec::len), before.2), (2, Some(3), Some(0)));
    platform.restart(crate::suite::harness::Server::kill);
    assert_eq!(seen(&platform), before, "nothing of it is forgotten");
    let auditor = platform.operator.post("/v1/operator/tokens", json!({"name": "eye", "role": "auditor"})).ok();
    let auditor = Client::new(&platform.server.url, auditor["token"].as_str(), None);
    auditor.get("/v1/operator/proposals/1").ok();
    auditor.post("/v1/operator/people", json!({"name": "eve", "public_key": public_key_of("dan").to_string()})).refused(403, "forbidden");
}

/// What a verb prints as JSON.
fn told(platform: &Platform, words: &[&str]) -> Value {
    let remote = ["--url", &platform.server.url, "--token", OPERATOR, "--json"];
    let output = usance(&[words, &remote].concat());
    assert!(output.status.success(), "{words:?}: {output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn keygen(file: &Path) -> String {
    let output = usance(&["approve", "keygen", "--out", file.to_str().expect("text"), "--json"]);
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    told["public_key"].as_str().expect("a key").to_owned()
}

#[test]
fn the_command_line_makes_keys_and_signs_and_so_do_other_tools() {
    let platform = Platform::new();
    let dir = tempfile::tempdir().expect("a directory");
    let file = |name: &str| dir.path().join(name);
    let text = |name: &str| dir.path().join(name).to_str().expect("text").to_owned();
    for name in ["anna", "ben", "cleo"] {
        let key = keygen(&file(name));
        told(&platform, &["person", "add", name, "--public-key", &key]);
    }
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(file("anna")).expect("a file"));
    assert_eq!(mode & 0o777, 0o600);
    let taken = usance(&["approve", "keygen", "--out", &text("anna")]);
    assert_eq!(taken.status.code(), Some(1), "a key is never written over: {taken:?}");
    assert_eq!(told(&platform, &["approve"]).as_array().map(Vec::len), Some(1), "the third one is proposed");
    assert_eq!(told(&platform, &["approve", "1"])["standing"], "open");
    assert_eq!(told(&platform, &["approve", "1", "--key", &text("anna")])["approved_by"], json!(["anna"]));
    let cleo = text("cleo");
    let stranger = [&["approve", "1", "--key", &cleo][..], &["--url", &platform.server.url, "--token", OPERATOR]].concat();
    let stranger = usance(&stranger);
    let said = String::from_utf8_lossy(&stranger.stderr).into_owned();
    assert!(stranger.status.code() == Some(1) && said.contains("nobody is registered with the public key"), "{stranger:?}");
    // The second signature is OpenSSL's, with the very file that the verb made.
    let proposal = platform.operator.get("/v1/operator/proposals/1").ok();
    std::fs::write(file("text"), proposal["sign"]["approve"].as_str().expect("a text")).expect("a file");
    let signing = ["pkeyutl", "-sign", "-rawin", "-inkey", &text("ben"), "-in", &text("text"), "-out", &text("signature")];
    let openssl = Command::new("openssl").args(signing).output().expect("openssl runs: Debian's package openssl");
    assert!(openssl.status.success(), "{openssl:?}");
    let signature = std::fs::read(file("signature")).expect("a file").iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let body = json!({"person": "ben", "verdict": "approve", "signature": signature});
    assert_eq!(platform.operator.post("/v1/operator/proposals/1/signatures", body).ok()["standing"], "carried_out");
    let people = told(&platform, &["person", "list"]);
    assert_eq!(people.as_array().map(Vec::len), Some(3));
    told(&platform, &["person", "remove", "cleo"]);
    assert_eq!(told(&platform, &["approve", "2", "--key", &text("cleo"), "--decline"])["declined_by"], "cleo");
    let nobody = usance(&["person", "list", "--url", "http://127.0.0.1:1", "--token", "x"]);
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("cannot be asked"), "{nobody:?}");
}
