//! Reaching one of several servers, each in a time of its own.
//!
//! A server that is frozen still accepts connections, by its kernel, and answers nothing. So each host has a limit that covers the
//! whole start of a session, the next host is tried beside one that is slow, and the host that was good last comes first.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, TargetSessionAttrs};

use crate::error::StoreError;

/// As [`Hosts::session`], to the last setting.
pub(super) const SESSION: Duration = Duration::from_secs(5);
/// How long one address of a host is waited for: a name may have several, of which the first leads nowhere.
pub(super) const CONNECT: Duration = Duration::from_millis(1_500);
/// As [`Hosts::beside`].
const BESIDE: Duration = Duration::from_millis(300);

/// The hosts of an address.
pub(super) struct Hosts {
    /// How to reach each of them, in the address's order.
    each: Vec<Config>,
    /// Where the last session began.
    good: AtomicUsize,
    /// How long the start of a session on one host may take.
    session: Duration,
    /// How long one host is waited for before the next is tried beside it.
    beside: Duration,
}

impl Hosts {
    /// The hosts of a configuration that the driver has read.
    ///
    /// # Errors
    /// [`StoreError::Address`] for several hosts of which any will do: a replica cannot be written, and a server that was replaced
    /// may still answer.
    pub fn of(config: &Config) -> Result<Self, StoreError> {
        let refuse = |reason: &str| Err(StoreError::Address(reason.to_owned()));
        let (hosts, ports) = (config.get_hosts(), config.get_ports());
        if !config.get_hostaddrs().is_empty() && config.get_hostaddrs().len() != hosts.len() {
            return refuse("hostaddr names as many addresses as there are hosts");
        }
        if ports.len() > 1 && ports.len() != hosts.len() {
            return refuse("there is one port for all hosts, or one for each");
        }
        if hosts.len() > 1 && config.get_target_session_attrs() != TargetSessionAttrs::ReadWrite {
            return refuse("with several hosts it says target_session_attrs=read-write: only the primary may be written to");
        }
        let each = (0..hosts.len()).map(|index| only(config, index)).collect();
        Ok(Hosts { each, good: AtomicUsize::new(0), session: SESSION, beside: BESIDE })
    }

    /// The host that was good last is in doubt: from now on it is tried behind all others. A server whose place another one has taken may
    /// still take connections, and commits that nobody will ever confirm.
    pub fn doubt(&self) {
        let next = self.good.load(Ordering::Relaxed).saturating_add(1).checked_rem(self.each.len()).unwrap_or(0);
        self.good.store(next, Ordering::Relaxed);
    }

    /// Begins a session on the first host on which `begin` succeeds.
    ///
    /// # Errors
    /// What was said of each host, when none will do.
    pub async fn first<T>(&self, server: &str, begin: impl AsyncFn(&Config) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let good = self.good.load(Ordering::Relaxed);
        let mut waiting = (0..self.each.len()).map(|step| (good + step) % self.each.len());
        let (mut trying, mut failures) = (FuturesUnordered::new(), Vec::new());
        let attempt = async |index: usize, config: &Config| {
            let begun = tokio::time::timeout(self.session, begin(config)).await;
            let silent = || StoreError::Unreachable { server: server.to_owned(), reason: "it does not answer".to_owned() };
            (index, begun.unwrap_or_else(|_| Err(silent())))
        };
        let mut is_due = true;
        loop {
            if is_due && let Some((index, config)) = waiting.next().and_then(|index| self.each.get(index).map(|config| (index, config))) {
                trying.push(attempt(index, config));
            }
            tokio::select! {
                tried = trying.next() => match tried {
                    Some((index, Ok(session))) => {
                        self.good.store(index, Ordering::Relaxed);
                        return Ok(session);
                    }
                    Some((index, Err(error))) => {
                        failures.push((index, error));
                        is_due = true;
                    }
                    None => return Err(self.told(server, failures)),
                },
                () = tokio::time::sleep(self.beside) => is_due = true,
            }
        }
    }

    /// Every host's failure as one: what one of them said where any did, else why each was not reached.
    fn told(&self, server: &str, mut failures: Vec<(usize, StoreError)>) -> StoreError {
        // That another server answers says more than that one refuses.
        let other = failures.iter().position(|(_, error)| matches!(error, StoreError::OtherServer { .. }));
        let said = || failures.iter().position(|(_, error)| !matches!(error, StoreError::Unreachable { .. }));
        if let Some(index) = other.or_else(said).or((failures.len() == 1).then_some(0)) {
            return failures.swap_remove(index).1;
        }
        failures.sort_by_key(|(index, _)| *index);
        let reasons = failures.iter().map(|(index, error)| match error {
            StoreError::Unreachable { reason, .. } => format!("{}: {reason}", self.name(*index)),
            other => other.to_string(),
        });
        StoreError::Unreachable { server: server.to_owned(), reason: reasons.collect::<Vec<_>>().join("; ") }
    }

    fn name(&self, index: usize) -> String {
        let Some(config) = self.each.get(index) else { return String::new() };
        config.get_hosts().first().map_or_else(String::new, |host| name(host, config.get_ports().first().copied()))
    }
}

/// A host as people write it.
pub(super) fn name(host: &Host, port: Option<u16>) -> String {
    let port = port.unwrap_or(5432);
    match host {
        Host::Tcp(name) => format!("{name}:{port}"),
        Host::Unix(path) => format!("{}:{port}", path.display()),
    }
}

/// The same configuration with one of its hosts. The driver cannot take hosts away, so all else is set anew.
fn only(config: &Config, index: usize) -> Config {
    let mut one = Config::new();
    match config.get_hosts().get(index) {
        Some(Host::Tcp(name)) => one.host(name),
        Some(Host::Unix(path)) => one.host_path(path),
        None => &mut one,
    };
    if let Some(address) = config.get_hostaddrs().get(index) {
        one.hostaddr(*address);
    }
    if let Some(port) = config.get_ports().get(index).or_else(|| config.get_ports().first()) {
        one.port(*port);
    }
    config.get_user().map(|user| one.user(user));
    config.get_password().map(|password| one.password(password));
    config.get_dbname().map(|name| one.dbname(name));
    config.get_options().map(|options| one.options(options));
    config.get_application_name().map(|name| one.application_name(name));
    config.get_connect_timeout().map(|timeout| one.connect_timeout(*timeout));
    config.get_tcp_user_timeout().map(|timeout| one.tcp_user_timeout(*timeout));
    config.get_keepalives_interval().map(|interval| one.keepalives_interval(interval));
    config.get_keepalives_retries().map(|retries| one.keepalives_retries(retries));
    one.ssl_mode(config.get_ssl_mode()).ssl_negotiation(config.get_ssl_negotiation());
    one.keepalives(config.get_keepalives()).keepalives_idle(config.get_keepalives_idle());
    one.target_session_attrs(config.get_target_session_attrs()).channel_binding(config.get_channel_binding());
    one.load_balance_hosts(config.get_load_balance_hosts());
    one
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Hosts of whom none is waited for in earnest.
    fn hosts(text: &str) -> Hosts {
        let hosts = Hosts::of(&text.parse().unwrap()).unwrap();
        Hosts { session: Duration::from_millis(60), beside: Duration::from_millis(5), ..hosts }
    }

    fn unreachable(reason: &str) -> StoreError {
        StoreError::Unreachable { server: "the server".to_owned(), reason: reason.to_owned() }
    }

    #[tokio::test]
    async fn a_silent_host_keeps_nobody_from_the_next_and_the_good_one_comes_first() {
        let hosts = hosts("postgres://ann@one:5432,two:7,three:5432/books?target_session_attrs=read-write&options=-c%20x%3D1");
        let asked = Mutex::new(Vec::new());
        let begin = async |config: &Config| {
            assert_eq!((config.get_user(), config.get_options(), config.get_hosts().len()), (Some("ann"), Some("-c x=1"), 1));
            let host = name(&config.get_hosts()[0], config.get_ports().first().copied());
            asked.lock().unwrap().push(host.clone());
            match host.as_str() {
                "one:5432" => std::future::pending().await,
                "two:7" => Err(unreachable("refused")),
                _ => Ok(host),
            }
        };
        assert_eq!(hosts.first("the server", begin).await.unwrap(), "three:5432");
        assert_eq!(asked.lock().unwrap().drain(..).collect::<Vec<_>>(), ["one:5432", "two:7", "three:5432"]);
        assert_eq!(hosts.first("the server", begin).await.unwrap(), "three:5432");
        assert_eq!(asked.lock().unwrap().drain(..).collect::<Vec<_>>(), ["three:5432"], "it was good last");
        hosts.doubt();
        assert_eq!(hosts.first("the server", begin).await.unwrap(), "three:5432");
        assert_eq!(asked.lock().unwrap().drain(..).collect::<Vec<_>>(), ["one:5432", "two:7", "three:5432"], "it is asked last");
    }

    #[tokio::test]
    async fn no_host_is_waited_for_longer_than_a_session_may_begin() {
        let hosts = hosts("postgres://ann@one,two/books?target_session_attrs=read-write");
        let never = async |_: &Config| std::future::pending::<Result<(), StoreError>>().await;
        let refused = hosts.first("the server", never).await.unwrap_err().to_string();
        assert_eq!(refused, "the server cannot be reached: one:5432: it does not answer; two:5432: it does not answer");
    }

    #[test]
    fn several_hosts_say_that_the_primary_is_meant() {
        let refused = Hosts::of(&"postgres://ann@one,two/books".parse().unwrap()).map(drop).unwrap_err();
        assert!(refused.to_string().contains("target_session_attrs=read-write"), "{refused}");
        assert!(Hosts::of(&"postgres://ann@one/books".parse().unwrap()).is_ok());
    }
}
