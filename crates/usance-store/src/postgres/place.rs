//! Where a PostgreSQL server is, and how to speak to it. No text it makes ever holds a password.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use percent_encoding::{percent_decode_str, utf8_percent_encode};
use tokio::runtime::Runtime;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::reach::{self, Hosts};
use super::server_mark::ServerMark;
use super::tls;
use crate::error::StoreError;

/// The schema that holds the tables, unless the address names another.
const SCHEMA: &str = "usance";
/// What an address is kept from being split at.
const RESERVED: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'-').remove(b'/');

/// Where a server is, and how to speak to it. Clones share the thread on which connections live.
#[derive(Clone)]
pub struct Postgres {
    pub(super) inner: Arc<Inner>,
    schema: Arc<str>,
}

pub(super) struct Inner {
    pub(super) hosts: Hosts,
    /// The one server that may answer, while a life of the machine lasts.
    pinned: RwLock<Option<ServerMark>>,
    /// What has to hold in the database for this process to write people: that it still has the lease.
    leads: RwLock<Option<String>>,
    pub(super) tls: tokio_postgres_rustls::MakeRustlsConnect,
    /// The address without its password, and without the schema.
    shown: String,
    /// What is not proven or not encrypted, where a network may lie in between.
    weakness: Option<&'static str>,
    runtime: Threads,
}

/// The thread on which connections live. It is left behind, not waited for: the last clone may be dropped anywhere.
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Postgres {
    /// Reads an address like `postgres://user@host:5432/database?sslmode=verify-full&sslrootcert=/etc/ca.pem`. Beside the
    /// settings of the driver it knows `sslmode` (`disable`, `prefer`, `require`, `verify-full`; if none is named `verify-full`, and
    /// `disable` over a socket), `sslrootcert` (a PEM file of the authorities to trust in place of the system's) and `schema`
    /// (where the tables lie, `usance` if none is named).
    /// `password` takes the place of the address's.
    ///
    /// # Errors
    /// [`StoreError::Address`], without the address's text: it may hold a password.
    pub fn parse(address: &str, password: Option<&str>) -> Result<Self, StoreError> {
        let refuse = |reason: &str| StoreError::Address(reason.to_owned());
        if !(address.starts_with("postgres://") || address.starts_with("postgresql://")) {
            return Err(refuse("it begins with postgres://"));
        }
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let (mut schema, mut mode, mut authorities, mut others) = (SCHEMA.to_owned(), None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| refuse("a setting is NAME=VALUE"))?;
            let plain = percent_decode_str(value).decode_utf8().map_err(|_| refuse("a setting is UTF-8"))?.into_owned();
            match name {
                "schema" => schema = plain,
                "sslmode" => mode = Some(tls::Mode::parse(&plain)?),
                "sslrootcert" => authorities = Some(PathBuf::from(plain)),
                _ => others.push(format!("{name}={}", utf8_percent_encode(&plain, RESERVED))),
            }
        }
        if !is_plain_name(&schema) {
            return Err(refuse("a schema is 1 to 48 of a-z 0-9 _, and begins with a letter"));
        }
        let rest = if others.is_empty() { path.to_owned() } else { format!("{path}?{}", others.join("&")) };
        // The driver's own words may quote what they could not read.
        let mut config: Config = rest.parse().map_err(|_| refuse("expected postgres://USER@HOST:PORT/DATABASE?SETTING=VALUE"))?;
        if config.get_hosts().is_empty() || config.get_user().is_none() {
            return Err(refuse("it names a user and a host: postgres://USER@HOST:PORT/DATABASE"));
        }
        let mode = mode.unwrap_or_else(|| default_mode(config.get_hosts()));
        if let Some(password) = password {
            config.password(password);
        }
        if config.get_application_name().is_none() {
            config.application_name("usance");
        }
        config.ssl_mode(match mode {
            tls::Mode::Disable => SslMode::Disable,
            tls::Mode::Prefer => SslMode::Prefer,
            tls::Mode::Require | tls::Mode::VerifyFull => SslMode::Require,
        });
        config.connect_timeout(reach::CONNECT).tcp_user_timeout(Duration::from_secs(20)).keepalives_idle(Duration::from_secs(10));
        let tls = tls::connector(mode, authorities.as_deref())?;
        let (shown, weakness, hosts) = (shown(&config), weakness(config.get_hosts(), mode), Hosts::of(&config)?);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("postgres").enable_all().build();
        let runtime = Threads(Some(runtime.map_err(|error| StoreError::Address(error.to_string()))?));
        Ok(Postgres {
            inner: Arc::new(Inner { hosts, pinned: RwLock::new(None), leads: RwLock::new(None), tls, shown, weakness, runtime }),
            schema: schema.into(),
        })
    }

    /// The schema that holds the tables.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// The same server, where people lie: beside the platform's tables, in a schema of their own.
    #[must_use]
    pub fn people(&self) -> Self {
        Postgres { inner: Arc::clone(&self.inner), schema: format!("{}_people", self.schema).into() }
    }

    /// What of the connection is not encrypted, or not proven, where somebody may stand in between; nothing over a socket, and
    /// nothing where a plain connection stays on this machine.
    #[must_use]
    pub fn weakness(&self) -> Option<&'static str> {
        self.inner.weakness
    }

    /// Says which server may answer from now on, on every connection of this process, the open ones too: what leads elsewhere counts
    /// as lost. `None`: whichever answers.
    pub fn pin(&self, server: Option<ServerMark>) {
        *self.inner.pinned.write().unwrap_or_else(PoisonError::into_inner) = server;
    }

    /// From now on this process writes people only as long as the lease of the shard is its own, by that term and name.
    pub fn write_people_as(&self, shard: u16, term: i64, node: &str) {
        let (schema, node) = (&self.schema, node.replace('\'', "''"));
        let holds = format!("EXISTS (SELECT 1 FROM {schema}.lease WHERE shard = {shard} AND term = {term} AND holder = '{node}')");
        *self.inner.leads.write().unwrap_or_else(PoisonError::into_inner) = Some(holds);
    }

    /// What has to hold for a write of people, as SQL.
    pub(super) fn leads(&self) -> Option<String> {
        self.inner.leads.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The host that answered last is in doubt: others are tried before it.
    pub fn doubt(&self) {
        self.inner.hosts.doubt();
    }

    /// Whether a server is not the one that may answer.
    pub(super) fn is_elsewhere(&self, server: &ServerMark) -> bool {
        let pinned = self.inner.pinned.read().unwrap_or_else(PoisonError::into_inner);
        pinned.as_ref().is_some_and(|pinned| !pinned.fits(server))
    }

    /// Refuses a server that is not the one that may answer.
    pub(super) fn expect(&self, server: &ServerMark) -> Result<(), StoreError> {
        if self.is_elsewhere(server) {
            return Err(StoreError::OtherServer { server: self.to_string(), found: server.to_string() });
        }
        Ok(())
    }

    pub(super) fn runtime(&self) -> Result<&Runtime, StoreError> {
        self.inner.runtime.0.as_ref().ok_or_else(|| StoreError::Unknown("the thread of the connections has ended".to_owned()))
    }
}

impl fmt::Display for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (schema {})", self.inner.shown, self.schema)
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Postgres({self})")
    }
}

/// What is asked of a connection of which nothing is said: that the server is proven, unless it can be nobody else.
fn default_mode(hosts: &[Host]) -> tls::Mode {
    if hosts.iter().any(|host| matches!(host, Host::Tcp(_))) { tls::Mode::VerifyFull } else { tls::Mode::Disable }
}

fn weakness(hosts: &[Host], mode: tls::Mode) -> Option<&'static str> {
    let names = || hosts.iter().filter_map(|host| if let Host::Tcp(name) = host { Some(name.as_str()) } else { None });
    match mode {
        tls::Mode::Disable if names().all(is_here) => None,
        tls::Mode::Prefer | tls::Mode::Require if names().next().is_none() => None,
        tls::Mode::VerifyFull => None,
        tls::Mode::Disable => Some("sslmode=disable: nothing that is said to the database server is encrypted"),
        tls::Mode::Prefer => Some("sslmode=prefer: whoever stands in between can read along, and pass for the database server"),
        tls::Mode::Require => Some("sslmode=require: whoever stands in between can pass for the database server"),
    }
}

/// Whether a host is this machine.
fn is_here(name: &str) -> bool {
    name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Whether a name needs no quotes in SQL.
fn is_plain_name(name: &str) -> bool {
    let letters = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    letters && (1..=48).contains(&name.len()) && name.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
}

fn shown(config: &Config) -> String {
    let hosts = config
        .get_hosts()
        .iter()
        .enumerate()
        .map(|(number, host)| reach::name(host, config.get_ports().get(number).or_else(|| config.get_ports().first()).copied()));
    let user = config.get_user().unwrap_or("");
    format!("postgres://{user}@{}/{}", hosts.collect::<Vec<_>>().join(","), config.get_dbname().unwrap_or(user))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        let rows = [
            ("postgres://ann:secret@db:5433/books?sslmode=disable", "postgres://ann@db:5433/books (schema usance)"),
            (
                "postgresql://ann:secret@one:1,two:2/books?schema=other&sslmode=prefer&target_session_attrs=read-write",
                "postgres://ann@one:1,two:2/books (schema other)",
            ),
            ("postgres://ann@%2Frun%2Fpg/books", "postgres://ann@/run/pg:5432/books (schema usance)"),
        ];
        for (address, shown) in rows {
            let postgres = Postgres::parse(address, Some("another secret")).unwrap();
            assert_eq!(postgres.to_string(), shown);
            assert!(!format!("{postgres:?}").contains("secret"));
        }
    }

    #[test]
    fn a_server_is_proven_unless_the_address_says_otherwise_and_that_is_told() {
        let config = |hosts: &str| format!("postgres://ann@{hosts}/books").parse::<Config>().unwrap();
        for (hosts, mode) in [
            ("db", tls::Mode::VerifyFull),
            ("127.0.0.1", tls::Mode::VerifyFull),
            ("%2Frun%2Fpg,db", tls::Mode::VerifyFull),
            ("%2Frun%2Fpg", tls::Mode::Disable),
        ] {
            assert_eq!(default_mode(config(hosts).get_hosts()), mode, "{hosts}");
        }
        for (hosts, mode, told) in [
            ("db", tls::Mode::VerifyFull, None),
            ("db", tls::Mode::Require, Some("sslmode=require")),
            ("127.0.0.1", tls::Mode::Prefer, Some("sslmode=prefer")),
            ("db", tls::Mode::Disable, Some("sslmode=disable")),
            ("localhost,db", tls::Mode::Disable, Some("sslmode=disable")),
            ("localhost,[::1],127.0.0.9", tls::Mode::Disable, None),
            ("%2Frun%2Fpg", tls::Mode::Disable, None),
            ("%2Frun%2Fpg", tls::Mode::Prefer, None),
        ] {
            let found = weakness(config(hosts).get_hosts(), mode).and_then(|told| told.split(':').next());
            assert_eq!(found, told, "{hosts} {mode:?}");
        }
        // What is said nothing of is verified, so it may name authorities.
        let refused = Postgres::parse("postgres://ann@db/books?sslrootcert=/nowhere", None).unwrap_err();
        assert!(refused.to_string().contains("sslrootcert /nowhere"), "{refused}");
    }

    #[test]
    fn what_is_not_understood_is_refused_without_being_repeated() {
        let rows = [
            "mysql://ann:secret@db/books",
            "postgres://ann:secret@db:port/books",
            "postgres://ann:secret@db/books?sslmode=verify-ca",
            "postgres://ann:secret@db/books?sslmode=secret",
            "postgres://ann:secret@db/books?schema=se cret",
            "postgres://ann:secret@db/books?schema=1st",
            "postgres://ann:secret@db/books?colour=secret",
            "postgres://ann:secret@db/books?sslmode",
            "postgres://ann:secret@one,two/books",
            "postgres://db/books",
            "postgres://",
        ];
        for address in rows {
            let refused = Postgres::parse(address, None).map(drop).unwrap_err();
            assert!(matches!(refused, StoreError::Address(_)), "{address}: {refused:?}");
            assert!(!refused.to_string().contains("secret"), "{address}: {refused}");
        }
    }
}
