//! The contract against its own document: schemathesis reads `/openapi.json` of the built binary and sends what the document
//! allows, and what it does not, as everybody who may knock: nobody, a customer, a service, an auditor, an operator.
//!
//! Owns the tool's folder under `target/`: a virtual environment with one pinned version of everything (`requirements.txt`, by
//! hash), installed once. It refuses to be skipped: where the tool cannot be installed, the step fails with what is missing.
//! What the checks are told stands in `xtask/schemathesis/schemathesis.toml`.

use anyhow::{Context, bail};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// The operator's token of the engine under test. It is the bootstrap token: no request can revoke it.
const OPERATOR: &str = "usance_schemathesis_5d1f0c8b7a9e4236b0d1f2a3c4e5";
/// The same requests every time.
const SEED: &str = "20261120";
/// Requests of each kind per operation, at most: what five senders send within three minutes on two free cores.
const EXAMPLES: &str = "40";

/// Operations of which the operator need not get anything but refusals, and why.
const REFUSED: [(&str, &str); 15] = [
    ("commission_withdraw", "no network has paid any: that takes a treasury that two people have opened"),
    ("event_stream", "it does not end, so it is not sent"),
    ("exit_cancel", "it needs somebody who waits, and so a treasury that two people have opened"),
    ("exit_get", "it needs somebody who waits, and so a treasury that two people have opened"),
    ("loss_allocation_preview", "the demo's one loss is allocated"),
    ("order_get", "an order takes a picture that two people have confirmed"),
    ("order_prepare", "as order_get"),
    ("order_send", "as order_get"),
    ("order_sign", "as order_get, and a signature cannot be made up"),
    ("order_tell", "as order_get"),
    ("person_create", "the demo has two people, who decide together who comes"),
    ("picture_create", "it tells of addresses that two people have added"),
    ("proposal_sign", "a signature over what was proposed cannot be made up"),
    ("sweep_create", "it names a transaction that a picture has shown"),
    ("top_up_create", "it needs a treasury that two people have opened"),
];

/// Who knocks, and the customer it names.
const SENDERS: [(&str, Option<&str>); 5] =
    [("nobody", None), ("customer", None), ("service", Some("alice")), ("auditor", Some("alice")), ("operator", Some("alice"))];

/// Runs everything. Fails with what was found, or with what is missing.
pub fn run(root: &Path) -> anyhow::Result<()> {
    let target = crate::places::target(root);
    let folder = target.join("schemathesis");
    std::fs::create_dir_all(&folder)?;
    let tool = install(root, &folder)?;
    let binary = target.join("debug/usance");
    let data = folder.join("data");
    if data.exists() {
        std::fs::remove_dir_all(&data)?;
    }
    let sample = Engine::start(Command::new(&binary).args(["demo", "--data"]).arg(&data))?;
    let customer = sample.told("alice")?;
    drop(sample);
    let service = token(&binary, &data, "service")?;
    let auditor = token(&binary, &data, "auditor")?;
    let mut serve = Command::new(&binary);
    serve
        .args(["serve", "--customer-rate", "1000000", "--history-rate", "1000000", "--data"])
        .arg(&data)
        .env("USANCE_OPERATOR_TOKEN", OPERATOR);
    let engine = Engine::start(&mut serve)?;
    let url = engine.told("url")?;
    for (sender, names) in SENDERS {
        let token = match sender {
            "customer" => Some(customer.as_str()),
            "service" => Some(service.as_str()),
            "auditor" => Some(auditor.as_str()),
            "operator" => Some(OPERATOR),
            _ => None,
        };
        let started = Instant::now();
        let before = accepted(&url)?;
        println!("schemathesis: as {sender}");
        knock(root, &tool, &url, token, names).with_context(|| format!("as {sender}, something was found: see above"))?;
        println!("schemathesis: as {sender} took {} s", started.elapsed().as_secs());
        if sender == "operator" {
            let after = accepted(&url)?;
            expect_accepted(&get(&url, "/openapi.json")?, |operation| after.get(operation) > before.get(operation))?;
        }
    }
    drop(engine);
    Ok(std::fs::remove_dir_all(&data)?)
}

/// Fails where nothing but refusals came: such a run says little about an operation.
fn expect_accepted(document: &str, is_accepted: impl Fn(&str) -> bool) -> anyhow::Result<()> {
    let operations = document.split("\"operationId\":\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0));
    let known = |operation: &str| REFUSED.iter().any(|(refused, _)| *refused == operation);
    let (mut seen, mut wrong) = (0, Vec::new());
    for operation in operations {
        seen += 1;
        match (is_accepted(operation), known(operation)) {
            (false, false) => wrong.push(format!("{operation}: nothing that was sent to it was accepted")),
            (true, true) => wrong.push(format!("{operation}: accepted, so it is no exception any more")),
            _ => {}
        }
    }
    if seen > 0 && wrong.is_empty() { Ok(()) } else { bail!("of {seen} operations, as the operator: {}", wrong.join("; ")) }
}

/// How many requests of each operation were not refused so far, by the engine's own count.
fn accepted(url: &str) -> anyhow::Result<BTreeMap<String, i64>> {
    let mut counts = BTreeMap::new();
    for line in get(url, "/metrics")?.lines() {
        let sign = match line.split_once('{') {
            Some(("usance_http_seconds_count", _)) => 1,
            Some(("usance_http_errors_total", _)) => -1,
            _ => continue,
        };
        let operation = line.split_once("operation=\"").and_then(|(_, rest)| Some(rest.split_once('"')?.0)).context("an operation")?;
        let count: i64 = line.rsplit(' ').next().unwrap_or_default().parse().with_context(|| line.to_owned())?;
        *counts.entry(operation.to_owned()).or_default() += sign * count;
    }
    Ok(counts)
}

/// What stands at a path that is for everybody.
fn get(url: &str, path: &str) -> anyhow::Result<String> {
    let host = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer")?;
    if head.starts_with("HTTP/1.1 200 ") { Ok(body.to_owned()) } else { bail!("{path}: {head}") }
}

/// One run, as one sender.
fn knock(root: &Path, tool: &Path, url: &str, token: Option<&str>, names: Option<&str>) -> anyhow::Result<()> {
    let mut command = Command::new(tool);
    // The configuration names its hooks by where it is read from.
    command.current_dir(root.join("xtask/schemathesis")).stdin(Stdio::null());
    command.args(["--config-file", "schemathesis.toml", "run", &format!("{url}/openapi.json"), "--no-color", "--checks", "all"]);
    command.args(["--seed", SEED, "--max-examples", EXAMPLES, "--request-timeout", "20", "--continue-on-failure", "--warnings", "off"]);
    if let Some(token) = token {
        command.args(["-H", &format!("Authorization: Bearer {token}")]);
    }
    if let Some(customer) = names {
        command.args(["-H", &format!("Usance-Customer: {customer}")]);
    }
    finished(&mut command)
}

/// Installs the tool where that has not been done; gives its program.
fn install(root: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let wanted = root.join("xtask/schemathesis/requirements.txt");
    let environment = folder.join("venv");
    let mark = environment.join("requirements.txt");
    let tool = environment.join("bin/schemathesis");
    if tool.is_file() && std::fs::read(&mark).is_ok_and(|installed| std::fs::read(&wanted).is_ok_and(|wanted| installed == wanted)) {
        return Ok(tool);
    }
    finished(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))
        .context("schemathesis needs python3 with its venv module (Debian: python3-venv), 3.11 or newer")?;
    let mut pip = Command::new(environment.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:", "-r"]).arg(&wanted);
    finished(&mut pip).with_context(|| {
        format!("schemathesis is missing: the packages of {} could not be installed from the Python package index", wanted.display())
    })?;
    std::fs::copy(&wanted, &mark)?;
    Ok(tool)
}

/// A new token of a role, made while no engine runs.
fn token(binary: &Path, data: &Path, role: &str) -> anyhow::Result<String> {
    let mut command = Command::new(binary);
    command.args(["token", "create", "--json", "--role", role, "--name", &format!("schemathesis-{role}"), "--data"]).arg(data);
    let made = command.stdin(Stdio::null()).output()?;
    field(&String::from_utf8_lossy(&made.stdout), "token")
        .with_context(|| format!("usance token create: {}", String::from_utf8_lossy(&made.stderr)))
}

/// Runs a command to its end.
fn finished(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("{program} could not be started"))?;
    if status.success() { Ok(()) } else { bail!("{program} ended with {status}") }
}

/// An engine that ends with this value.
struct Engine {
    child: Child,
    greeting: String,
}

impl Engine {
    /// Starts an engine on a free port and waits until it says where it listens.
    fn start(command: &mut Command) -> anyhow::Result<Engine> {
        command.args(["--json", "--listen", "127.0.0.1:0"]).env("USANCE_LOG", "error").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().context("the built binary could not be started")?;
        let pipe = child.stdout.take().context("piped")?;
        let mut engine = Engine { child, greeting: String::new() };
        BufReader::new(pipe).read_line(&mut engine.greeting)?;
        if engine.greeting.is_empty() { bail!("the engine did not begin to serve") } else { Ok(engine) }
    }

    /// What it said when it began.
    fn told(&self, name: &str) -> anyhow::Result<String> {
        field(&self.greeting, name).with_context(|| format!("no {name} in what the engine says: {}", self.greeting))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A text field of a line of JSON that holds nothing that is escaped.
fn field(line: &str, name: &str) -> Option<String> {
    let after = line.split_once(&format!("\"{name}\":"))?.1.trim_start().strip_prefix('"')?;
    Some(after.split_once('"')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::expect_accepted;

    #[test]
    fn an_operation_that_only_refuses_is_told() {
        let document = r#"{"operationId":"a_get"},{"operationId":"event_stream"}"#;
        assert!(expect_accepted(document, |operation| operation == "a_get").is_ok());
        let error = |is_accepted: fn(&str) -> bool| expect_accepted(document, is_accepted).expect_err("told").to_string();
        assert!(error(|_| false).contains("a_get: nothing"));
        assert!(error(|_| true).contains("event_stream: accepted"));
        assert!(expect_accepted("{}", |_| true).is_err(), "no document");
    }
}
