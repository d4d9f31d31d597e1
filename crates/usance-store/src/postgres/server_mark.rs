//! Which server answers: what distinguishes one server, and one life of it, from every other.
//!
//! A name leads to whichever server has it now. After a replica has taken its place, or a restart that lost something, a new connection may lead to
//! a server that does not have what the last one had. So a life of the machine pins the server it began with ([`super::Postgres::pin`]),
//! and every connection that leads elsewhere counts as lost. A server that cannot say what it is matches every mark: some databases
//! that speak the protocol do not know these functions.

use std::fmt;

use tokio_postgres::{Client, SimpleQueryMessage};

/// The cluster's own number, when this server process began, and the timeline that it writes.
const ASK: &str = "SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system()),
    pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time()),
    CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL
         ELSE pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8) END";

/// What a server says of itself. Parts that it does not know are empty, and match whatever another connection was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerMark {
    system: Option<String>,
    started: Option<String>,
    timeline: Option<String>,
}

impl ServerMark {
    /// Asks a server. One that refuses the question is not known.
    pub(super) async fn ask(client: &Client) -> Result<Self, tokio_postgres::Error> {
        let rows = match client.simple_query(ASK).await {
            Ok(rows) => rows,
            Err(refused) if refused.as_db_error().is_some() => return Ok(ServerMark::default()),
            Err(lost) => return Err(lost),
        };
        let row = rows.iter().find_map(|message| if let SimpleQueryMessage::Row(row) = message { Some(row) } else { None });
        let part = |index| row.and_then(|row| row.get(index)).map(str::to_owned);
        Ok(ServerMark { system: part(0), started: part(1), timeline: part(2) })
    }

    /// Whether both may be of one server in one of its lives.
    #[must_use]
    pub fn fits(&self, other: &ServerMark) -> bool {
        let same = |one: &Option<String>, other: &Option<String>| match (one, other) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        same(&self.system, &other.system) && same(&self.started, &other.started) && same(&self.timeline, &other.timeline)
    }
}

impl fmt::Display for ServerMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "unknown".to_owned());
        write!(f, "system {}, timeline {}, started {}", part(&self.system), part(&self.timeline), part(&self.started))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(system: &str, started: &str, timeline: Option<&str>) -> ServerMark {
        ServerMark { system: Some(system.into()), started: Some(started.into()), timeline: timeline.map(str::to_owned) }
    }

    #[test]
    fn marks_fit_where_nothing_that_both_know_differs() {
        let first = mark("7", "noon", Some("00000001"));
        assert!(first.fits(&first) && first.fits(&ServerMark::default()) && ServerMark::default().fits(&first));
        assert!(first.fits(&mark("7", "noon", None)));
        for other in [mark("8", "noon", Some("00000001")), mark("7", "one", Some("00000001")), mark("7", "noon", Some("00000002"))] {
            assert!(!first.fits(&other), "{other}");
        }
    }
}
