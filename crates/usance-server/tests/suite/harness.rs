//! A running `usance` on a free port with a data directory of its own, and a small HTTP client for it.
//!
//! Every process that is started here is killed when its value is dropped, and every directory is removed.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use totp_rs::{Algorithm, Builder, Secret};

/// The operator's token of every test engine.
pub const OPERATOR: &str = "usance_test_5d1f0c8b7a9e4236b0d1f2a3c4e59687";

/// Every environment variable that the binary looks at.
const VARIABLES: [&str; 32] = [
    "USANCE_DATA",
    "USANCE_LISTEN",
    "USANCE_CLOCK",
    "USANCE_PROVE_ALL",
    "USANCE_DAY_OFFSET_MINUTES",
    "USANCE_CUSTOMER_RATE",
    "USANCE_HISTORY_RATE",
    "USANCE_PREVIEW_RATE",
    "USANCE_WRITE_RATE",
    "USANCE_SENDER_RATE",
    "USANCE_ADDRESS_RATE",
    "USANCE_ROUTE_RATE",
    "USANCE_REQUESTS",
    "USANCE_POSITIONS_MAX",
    "USANCE_CONNECTIONS",
    "USANCE_CONNECTIONS_PER_ADDRESS",
    "USANCE_HEAD_SECONDS",
    "USANCE_BODY_SECONDS",
    "USANCE_IDLE_SECONDS",
    "USANCE_TAKE_SECONDS",
    "USANCE_HTTPS",
    "USANCE_TRUSTED_PROXY",
    "USANCE_LOG_JSON",
    "USANCE_OPERATOR_TOKEN",
    "USANCE_STORE",
    "USANCE_STORE_PASSWORD",
    "USANCE_STORE_PASSWORD_FILE",
    "USANCE_ROLE",
    "USANCE_NODE",
    "USANCE_ADVERTISE",
    "USANCE_SECRETS_FILE",
    "USANCE_I_KNOW_EVERYBODY_CAN_ENTER",
];

/// A command that sees none of them.
fn plain(program: &str) -> Command {
    let mut command = Command::new(program);
    for name in VARIABLES {
        command.env_remove(name);
    }
    command.env("USANCE_LOG", "warn").stdin(Stdio::null());
    command
}

/// The binary under test.
pub fn binary() -> Command {
    plain(env!("CARGO_BIN_EXE_usance"))
}

/// A shell that runs a script in which `$0` is the binary under test, and `$@` what follows.
pub fn shell(script: &str) -> Command {
    let mut command = plain("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_usance")]);
    command
}

/// Runs a verb to its end.
pub fn usance(words: &[&str]) -> Output {
    binary().args(words).output().expect("the binary runs")
}

/// A process that has ended, or did not begin to serve.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it printed, on both streams.
    pub text: String,
}

/// How an engine is started.
#[derive(Clone, Debug)]
pub struct Start {
    /// `system` or `simulated:INSTANT`.
    pub clock: String,
    /// Minutes.
    pub offset: i32,
    /// Further words.
    pub more: Vec<String>,
}

impl Default for Start {
    fn default() -> Self {
        Start {
            clock: "simulated:2026-01-01T00:00:00Z".into(),
            offset: 0,
            more: ["--customer-rate", "100000", "--history-rate", "100000"].map(str::to_owned).to_vec(),
        }
    }
}

/// A running engine.
pub struct Server {
    child: Child,
    /// The first line it printed, which tells its address.
    pub greeting: Value,
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// Its data directory.
    pub data: PathBuf,
    printed: Arc<Mutex<Vec<String>>>,
    pipes: Vec<JoinHandle<()>>,
    _directory: Option<TempDir>,
}

/// Keeps a pipe empty, so that the engine never waits for us, and keeps what came out of it.
fn drain(pipe: impl std::io::Read + Send + 'static, printed: &Arc<Mutex<Vec<String>>>) -> JoinHandle<()> {
    let printed = Arc::clone(printed);
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            eprintln!("engine: {line}");
            printed.lock().expect("no reader of a pipe panics").push(line);
        }
    })
}

impl Server {
    /// Starts an engine on a new directory.
    pub fn start(start: &Start) -> Server {
        let directory = TempDir::new().expect("a directory");
        let data = directory.path().join("data");
        let mut server = Server::start_in(&data, start).expect("the engine starts");
        server._directory = Some(directory);
        server
    }

    /// Starts an engine on a directory; the error is what it printed.
    pub fn start_in(data: &Path, start: &Start) -> Result<Server, String> {
        Server::start_as(binary(), data, start).map_err(|ended| ended.text)
    }

    /// Starts an engine on a directory by a command that ends in the binary under test.
    pub fn start_as(mut command: Command, data: &Path, start: &Start) -> Result<Server, Ended> {
        command.arg("serve").args(["--data".as_ref(), data.as_os_str()]);
        command.args(["--clock", &start.clock, "--day-offset-minutes", &start.offset.to_string()]).args(&start.more);
        command.args(["--json", "--listen", "127.0.0.1:0"]);
        // Instances whose directories lie side by side are one platform's.
        command.env("USANCE_SECRETS_FILE", data.with_file_name("secrets"));
        Server::run(command.env("USANCE_LOG", "info"), data)
    }

    /// Runs a command that begins to serve, or does not.
    pub fn run(command: &mut Command, data: &Path) -> Result<Server, Ended> {
        Server::run_with(command, data, Some(OPERATOR))
    }

    /// As [`Server::run`], with another operator's token in the environment, or none.
    pub fn run_with(command: &mut Command, data: &Path, token: Option<&str>) -> Result<Server, Ended> {
        command.envs(token.map(|token| ("USANCE_OPERATOR_TOKEN", token))).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let printed = Arc::default();
        let errors = drain(child.stderr.take().expect("piped"), &printed);
        let mut line = String::new();
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        lines.read_line(&mut line).expect("a line");
        let greeting: Value = serde_json::from_str(&line).unwrap_or_default();
        match greeting["url"].as_str().map(str::to_owned) {
            Some(url) => {
                let pipes = vec![errors, drain(lines, &printed)];
                Ok(Server { child, greeting, url, data: data.to_owned(), printed, pipes, _directory: None })
            }
            None => {
                let code = child.wait().expect("it ends").code();
                drain(lines, &printed).join().expect("read to its end");
                errors.join().expect("read to its end");
                Err(Ended { code, text: line + printed.lock().expect("whole").join("\n").as_str() })
            }
        }
    }

    /// What it printed so far after its greeting: its own log, and the error it ended with.
    pub fn printed(&self) -> String {
        self.printed.lock().expect("whole").join("\n")
    }

    /// The first line of its own log that holds these words; waits for it a moment.
    pub fn log_line(&self, words: &str) -> String {
        let until = Instant::now() + Duration::from_secs(5);
        loop {
            let found = self.printed.lock().expect("whole").iter().find(|line| line.contains(words)).cloned();
            match found {
                Some(line) => return line,
                None => assert!(Instant::now() < until, "nothing of {words:?} in {}", self.printed()),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until it ends by itself.
    pub fn ended(&mut self, patience: Duration) -> Ended {
        let until = Instant::now() + patience;
        let status = loop {
            match self.child.try_wait().expect("it is ours") {
                Some(status) => break status,
                None => assert!(Instant::now() < until, "it still runs after {patience:?}: {}", self.printed()),
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        for pipe in self.pipes.drain(..) {
            pipe.join().expect("read to its end");
        }
        Ended { code: status.code(), text: self.printed() }
    }

    /// SIGKILL, and wait until it is gone.
    pub fn kill(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal, by its name.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().expect("kill runs").success());
    }

    /// SIGTERM, and wait; true when it ended with success.
    pub fn terminate(&mut self) -> bool {
        self.signal("-TERM");
        self.child.wait().expect("it ends").success()
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A client with the operator's token.
    pub fn operator(&self) -> Client {
        Client::new(&self.url, Some(OPERATOR), None)
    }

    /// A client with the operator's token that acts for a customer.
    pub fn acting_for(&self, customer: &str) -> Client {
        Client::new(&self.url, Some(OPERATOR), Some(customer))
    }

    /// A client without a token.
    pub fn public(&self) -> Client {
        Client::new(&self.url, None, None)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text()))
    }
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
    /// A problem's code.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or("").to_owned()
    }
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
    /// Expects success.
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.text());
        self.json()
    }
    /// Expects a problem.
    pub fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.code().as_str()), (status, code), "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        self.json()
    }
}

/// Seconds since the Unix epoch, by the system's clock.
pub fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// The code that an authenticator shows at a moment (seconds since the Unix epoch), from the secret as the page shows it. A code
/// lasts thirty seconds; the next one is accepted a little early, so `seconds_now() + 30` is right and newer than any before.
pub fn factor_code(secret: &str, seconds: u64) -> String {
    let letters: String = secret.chars().filter(|letter| !letter.is_whitespace()).collect();
    let secret = Secret::try_from_base32(&letters).expect("a secret");
    let totp = Builder::new().with_algorithm(Algorithm::SHA1).with_digits(6).with_secret(secret).build_noncompliant();
    totp.generate(seconds).to_string()
}

static KEYS: AtomicU64 = AtomicU64::new(1);

/// A key nobody used yet.
pub fn fresh_key() -> String {
    format!("test-{}-{}", std::process::id(), KEYS.fetch_add(1, Ordering::Relaxed))
}

/// A client with a token and, perhaps, a customer to act for.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    url: String,
    token: Option<String>,
    customer: Option<String>,
}

impl Client {
    /// A client.
    pub fn new(url: &str, token: Option<&str>, customer: Option<&str>) -> Client {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(std::time::Duration::from_secs(120)))
            .build()
            .into();
        Client { agent, url: url.to_owned(), token: token.map(str::to_owned), customer: customer.map(str::to_owned) }
    }

    /// The same sender, acting for a customer.
    pub fn naming(&self, customer: &str) -> Client {
        Client { customer: Some(customer.to_owned()), ..self.clone() }
    }

    /// Sends a request with exactly these extra headers; errors are those of the connection.
    pub fn try_send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Result<Answer, ureq::Error> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in self.identity() {
            request = request.header(name, value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = match body {
            Some(body) => self.agent.run(request.body(body.to_vec()).expect("a request"))?,
            None => self.agent.run(request.body(()).expect("a request"))?,
        };
        let headers = response.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("").to_owned())).collect();
        let bytes = response.body_mut().with_config().limit(1 << 30).read_to_vec()?;
        Ok(Answer { status: response.status().as_u16(), headers, bytes })
    }

    /// Sends a request.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Answer {
        self.try_send(method, path, headers, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// GET.
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None)
    }

    /// A write with a key.
    pub fn write(&self, method: &str, path: &str, key: &str, body: &Value) -> Answer {
        let bytes = body.to_string().into_bytes();
        self.send(method, path, &[("idempotency-key", key), ("content-type", "application/json")], Some(&bytes))
    }

    /// POST with a fresh key.
    pub fn post(&self, path: &str, body: Value) -> Answer {
        self.write("POST", path, &fresh_key(), &body)
    }

    /// PATCH with a fresh key.
    pub fn patch(&self, path: &str, body: Value) -> Answer {
        self.write("PATCH", path, &fresh_key(), &body)
    }

    /// A POST that reads: no key.
    pub fn ask(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], Some(body.to_string().as_bytes()))
    }

    /// GET of a body that does not end: answers once the head is there.
    pub fn open(&self, path: &str, headers: &[(&str, &str)]) -> (u16, BufReader<impl std::io::Read + use<>>) {
        let mut request = self.agent.get(format!("{}{path}", self.url));
        for (name, value) in self.identity() {
            request = request.header(name, value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.call().unwrap_or_else(|error| panic!("GET {path}: {error}"));
        (response.status().as_u16(), BufReader::new(response.into_body().into_reader()))
    }

    /// A header of an answer whose body is not waited for.
    pub fn header_of(&self, path: &str, name: &str) -> Option<String> {
        let request = self
            .identity()
            .into_iter()
            .fold(self.agent.get(format!("{}{path}", self.url)), |request, (name, value)| request.header(name, value));
        let response = request.call().unwrap_or_else(|error| panic!("GET {path}: {error}"));
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    }

    /// Who sends, and for whom, as headers.
    fn identity(&self) -> Vec<(&'static str, String)> {
        let token = self.token.iter().map(|token| ("authorization", format!("Bearer {token}")));
        token.chain(self.customer.iter().map(|customer| ("usance-customer", customer.clone()))).collect()
    }

    /// Everything of a list, page by page.
    pub fn all(&self, path: &str, limit: usize) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let page = self.get(&format!("{path}{joint}limit={limit}{after}")).ok();
            items.extend(page["items"].as_array().expect("items").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return items,
            }
        }
    }
}
