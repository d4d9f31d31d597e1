//! A small HTTP client with the operator's token: it sends, and gives back whatever came or why nothing did.

use anyhow::Context;
use serde_json::Value;
use std::io::BufReader;
use std::time::Duration;

/// The operator's token of the engine under load.
pub const OPERATOR: &str = "usance_soak_5d1f0c8b7a9e4236b0d1f2a3c4e59687";
/// After this an answer counts as lost.
const PATIENCE: Duration = Duration::from_secs(60);

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
    /// What stands for an answer that nobody waits for any more.
    #[must_use]
    pub const fn missing() -> Answer {
        Answer { status: 0, headers: Vec::new(), bytes: Vec::new() }
    }
    /// The body as JSON.
    ///
    /// # Errors
    /// When it is none.
    pub fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_slice(&self.bytes).with_context(|| format!("not JSON: {}", self.text()))
    }
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
    /// A problem's code.
    #[must_use]
    pub fn code(&self) -> String {
        self.json().ok().and_then(|body| Some(body.get("code")?.as_str()?.to_owned())).unwrap_or_default()
    }
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// Connections to wherever the engine listens.
#[derive(Clone, Debug)]
pub struct Client {
    agent: ureq::Agent,
}

impl Default for Client {
    fn default() -> Self {
        Client::patient(PATIENCE)
    }
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// GET, POST or PATCH.
    pub method: &'a str,
    /// With its query.
    pub path: &'a str,
    /// Beside the token.
    pub headers: &'a [(&'a str, &'a str)],
    /// What is sent.
    pub body: Option<&'a [u8]>,
}

impl Client {
    /// One for which an answer counts as lost after this time.
    #[must_use]
    pub fn patient(patience: Duration) -> Self {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).timeout_global(Some(patience)).build();
        Client { agent: agent.into() }
    }

    /// Sends a request to an engine.
    ///
    /// # Errors
    /// When no whole answer came.
    pub fn send(&self, url: &str, request: Request<'_>) -> Result<Answer, ureq::Error> {
        let mut built = ureq::http::Request::builder().method(request.method).uri(format!("{url}{}", request.path));
        if !request.headers.iter().any(|(name, _)| *name == "cookie") {
            built = built.header("authorization", format!("Bearer {OPERATOR}"));
        }
        for (name, value) in request.headers {
            built = built.header(*name, *value);
        }
        let mut response = match request.body {
            Some(body) => self.agent.run(built.body(body.to_vec())?)?,
            None => self.agent.run(built.body(())?)?,
        };
        let headers = response.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("").to_owned())).collect();
        let bytes = response.body_mut().with_config().limit(1 << 30).read_to_vec()?;
        Ok(Answer { status: response.status().as_u16(), headers, bytes })
    }

    /// Opens a customer's event stream behind an event; gives its status and what comes.
    ///
    /// # Errors
    /// When there is no head of an answer.
    pub fn listen(url: &str, customer: &str, after: &str) -> Result<(u16, BufReader<impl std::io::Read + use<>>), ureq::Error> {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = agent.get(format!("{url}/v1/events")).header("authorization", format!("Bearer {OPERATOR}"));
        let response = request.header("usance-customer", customer).header("last-event-id", after).call()?;
        Ok((response.status().as_u16(), BufReader::new(response.into_body().into_reader())))
    }
}
