//! A running server, asked by its HTTP contract: where it is, with whose token, and what it says when it says no.

use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use usance_store::random::random_bytes;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The largest answer that is read.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// Which server, and with whose token.
#[derive(Args, Clone, Debug)]
pub struct RemoteFlags {
    /// The server's address.
    #[arg(long, global = true, value_name = "URL", env = "USANCE_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// A token of the server; better by the environment, where no list of processes shows it.
    #[arg(long, global = true, value_name = "TOKEN", env = "USANCE_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// A server to ask.
pub struct Remote {
    agent: ureq::Agent,
    url: String,
    token: String,
}

impl RemoteFlags {
    /// The server that the flags name.
    ///
    /// # Errors
    /// Without a token; when this machine's certificates cannot be read and the address is one of HTTPS.
    pub fn open(&self) -> anyhow::Result<Remote> {
        let token = self.token.clone().context("name a token of the server: --token, or USANCE_TOKEN")?;
        let mut config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
        if self.url.starts_with("https://") {
            let found = rustls_native_certs::load_native_certs().certs;
            if found.is_empty() {
                bail!("this machine has no certificates to know {} by", self.url);
            }
            let roots = found.iter().map(|certificate| Certificate::from_der(certificate).to_owned());
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let tls = TlsConfig::builder().provider(TlsProvider::Rustls).root_certs(RootCerts::new_with_certs(&roots.collect::<Vec<_>>()));
            config = config.tls_config(tls.unversioned_rustls_crypto_provider(provider).build());
        }
        Ok(Remote { agent: config.build().into(), url: self.url.trim_end_matches('/').to_owned(), token })
    }
}

impl Remote {
    /// Asks for something.
    ///
    /// # Errors
    /// With the server's own sentence where it says no.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        let asked = self.agent.get(format!("{}{path}", self.url)).header("authorization", format!("Bearer {}", self.token));
        self.told(asked.call())
    }

    /// Sends a write, once only: under a key of its own.
    ///
    /// # Errors
    /// With the server's own sentence where it says no.
    pub fn post(&self, path: &str, body: &impl Serialize) -> anyhow::Result<Value> {
        let key = random_bytes::<16>()?.iter().fold(String::from("cli-"), |key, byte| format!("{key}{byte:02x}"));
        let asked = self.agent.post(format!("{}{path}", self.url)).header("authorization", format!("Bearer {}", self.token));
        let asked = asked.header("content-type", "application/json").header("idempotency-key", key);
        self.told(asked.send(serde_json::to_vec(body)?))
    }

    /// All pages of a list.
    ///
    /// # Errors
    /// As [`Remote::get`].
    pub fn list(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let (mut items, mut next) = (Vec::new(), path.to_owned());
        loop {
            let page = self.get(&next)?;
            items.extend(page["items"].as_array().cloned().unwrap_or_default());
            let Some(cursor) = page["next_cursor"].as_str() else { return Ok(items) };
            next = format!("{path}{}cursor={cursor}", if path.contains('?') { '&' } else { '?' });
        }
    }

    fn told(&self, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> anyhow::Result<Value> {
        let mut answer = answer.with_context(|| format!("{} cannot be asked", self.url))?;
        let text = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string().context("the answer breaks off")?;
        let told: Value = serde_json::from_str(&text).unwrap_or_default();
        if answer.status().is_success() {
            return Ok(told);
        }
        match (told["detail"].as_str(), told["code"].as_str()) {
            (Some(detail), Some(code)) => bail!("{detail} ({code})"),
            _ => bail!("{} answers {}", self.url, answer.status()),
        }
    }
}
