//! The people of a copy, which shipping makes what those of a server are, again and again.
//!
//! Owns the one transaction in which they change, and what is done just before it commits: whoever ships brings the log there and
//! announces the next note ([`crate::note`]), which says what the people will be. So a copy whose shipping was cut off has the people of
//! the shipping before, or the new ones, and never fewer.
//!
//! What differs alone is written. Of answers, most of what there is, only minutes are read in which there are more or fewer than here:
//! an answer is never changed but by a rotation of keys or a restore, and those leave a security event; then all are read. Security
//! events hang on a chain, so those behind the last one that is here are read. Of everything else all is read and compared. A file that is
//! not what its note says is believed in nothing: all of it is read, and written anew.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use rusqlite::{OptionalExtension, ToSql, params};

use crate::connection::Database;
use crate::error::StoreError;
use crate::identity_dump::{ANSWERS_MS, People};
use crate::postgres::PeopleMoment;
use crate::security::{SecurityEvent, SecurityKind};
use crate::soundness::{PeopleHashes, hashes_of};
use crate::{identity_sqlite, identity_sqlite_dump};

/// How many security events are read at a time.
const EVENTS: u32 = 10_000;
/// How many answers are read at a time, as long as one minute has no more.
const ANSWERS: i64 = 20_000;
/// What changes answers that were given before.
const CHANGES_ANSWERS: [SecurityKind; 3] = [SecurityKind::SecretsRotated, SecurityKind::SecretsLost, SecurityKind::PeopleRestored];

/// The people of a copy, open to be changed.
#[derive(Debug)]
pub struct PeopleCopy {
    database: Database,
}

/// Whether answers that are here may be what was on the server once, and be it no longer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Here {
    Known,
    Unknown,
}

impl PeopleCopy {
    /// Opens the file at `path`, and creates it when there is none. A file of an older release is brought up.
    ///
    /// # Errors
    /// As [`crate::SqliteIdentities::open`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Database::open(path, &identity_sqlite::SCHEMA)?;
        identity_sqlite::overwrite_what_is_removed(&database)?;
        Ok(PeopleCopy { database })
    }

    /// Makes them the people of the server, in one transaction. `noted` is what the copy's note says of them. `before` is given the hashes
    /// of the people as they will be; what it does is done before they are that, and where it fails nothing of them changes.
    ///
    /// # Errors
    /// What `before` gave; as the file and the server answer.
    pub fn bring<T, E: From<StoreError>>(
        &mut self,
        server: &PeopleMoment,
        noted: &PeopleHashes,
        before: impl FnOnce(PeopleHashes) -> Result<T, E>,
    ) -> Result<T, E> {
        let transaction = self.database.begin()?;
        if hashes_of(&self.database)? != *noted {
            identity_sqlite_dump::empty(&self.database.connection).map_err(|error| self.database.write_error(error))?;
        }
        let (events, key) = (self.bring_events(server)?, self.bring_few(server)?);
        self.bring_answers(server, if (events, key) == (Here::Known, Here::Known) { Here::Known } else { Here::Unknown })?;
        let done = before(hashes_of(&self.database)?)?;
        transaction.commit().map_err(|error| self.database.write_error(error))?;
        Ok(done)
    }

    /// Adds the security events that are new, where those that are here are the server's; says whether answers are what they were.
    fn bring_events(&self, server: &PeopleMoment) -> Result<Here, StoreError> {
        let sql = "SELECT id, hash FROM security_event ORDER BY id DESC LIMIT 1";
        let mut last: Option<(i64, [u8; 32])> =
            self.run(|| self.database.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).optional())?;
        let id = last.map_or(0, |(id, _)| id);
        // The last one is asked for again: it has to be the same there.
        let is_there = |found: &SecurityEvent| Some((found.id, found.hash)) == last;
        let mut answers = Here::Known;
        if last.is_none() || !server.events_after(id - 1, 1)?.first().is_some_and(is_there) {
            self.change("DELETE FROM security_event", &[])?;
            (last, answers) = (None, Here::Unknown);
        }
        loop {
            let events = server.events_after(last.map_or(0, |(id, _)| id), EVENTS)?;
            let Some(newest) = events.last() else { return Ok(answers) };
            last = Some((newest.id, newest.hash));
            if events.iter().any(|added| CHANGES_ANSWERS.contains(&added.event.kind)) {
                answers = Here::Unknown;
            }
            self.add(&People { security_events: events, ..People::default() })?;
        }
    }

    /// Brings everything but answers and security events, row by row; says whether the key that seals is the same.
    fn bring_few(&self, server: &PeopleMoment) -> Result<Here, StoreError> {
        let (theirs, own) = (server.few()?, self.run(|| identity_sqlite_dump::few(&self.database.connection))?);
        let remove = |sql: &str, key: &dyn ToSql| self.change(sql, &[key]);
        let come = People {
            tokens: differing(&own.tokens, &theirs.tokens, |kept| kept.record.id, |id| remove("DELETE FROM token WHERE id = ?1", &id))?,
            passwords: differing(
                &own.passwords,
                &theirs.passwords,
                |kept| kept.customer.clone(),
                |customer| remove("DELETE FROM password WHERE customer = ?1", &customer),
            )?,
            sign_in_links: differing(
                &own.sign_in_links,
                &theirs.sign_in_links,
                |kept| kept.hash,
                |hash| remove("DELETE FROM sign_in_link WHERE hash = ?1", &hash),
            )?,
            sessions: differing(
                &own.sessions,
                &theirs.sessions,
                |kept| kept.record.id,
                |id| remove("DELETE FROM session WHERE id = ?1", &id),
            )?,
            second_factors: differing(
                &own.second_factors,
                &theirs.second_factors,
                |kept| kept.customer.clone(),
                |customer| remove("DELETE FROM second_factor WHERE customer = ?1", &customer),
            )?,
            secrets: differing(
                &own.secrets,
                &theirs.secrets,
                |kept| kept.name.clone(),
                |name| remove("DELETE FROM secret WHERE name = ?1", &name),
            )?,
            sealing_key: theirs.sealing_key.filter(|key| own.sealing_key != Some(*key)),
            ..People::default()
        };
        let is_same_key = own.sealing_key == theirs.sealing_key;
        if !is_same_key {
            self.change("DELETE FROM sealing_key", &[])?;
        }
        self.add(&come)?;
        let last = |table, own: i64, theirs: i64| {
            if own == theirs { Ok(()) } else { identity_sqlite_dump::set_last(&self.database.connection, table, theirs.max(own)) }
        };
        self.run(|| last("token", own.last_token_id, theirs.tokens_end()))?;
        self.run(|| last("session", own.last_session_id, theirs.sessions_end()))?;
        Ok(if is_same_key { Here::Known } else { Here::Unknown })
    }

    /// Brings the answers of the minutes that have more or fewer there than here; all of them where nothing here is known.
    fn bring_answers(&self, server: &PeopleMoment, here: Here) -> Result<(), StoreError> {
        let theirs = server.answers_by_minute()?;
        let own = match here {
            Here::Known => self.answers_by_minute()?,
            Here::Unknown => {
                self.change("DELETE FROM remembered", &[])?;
                BTreeMap::new()
            }
        };
        let gone = own.keys().filter(|minute| !theirs.contains_key(*minute));
        gone.copied().try_for_each(|minute| self.remove_answers(&(minute..minute + ANSWERS_MS)))?;
        for given in stretches(&own, &theirs) {
            if here == Here::Known {
                self.remove_answers(&given)?;
            }
            self.add(&People { remembered: server.answers(given)?, ..People::default() })?;
        }
        Ok(())
    }

    fn answers_by_minute(&self) -> Result<BTreeMap<i64, i64>, StoreError> {
        let sql = format!("SELECT at_ms - at_ms % {ANSWERS_MS} AS minute, count(*) FROM remembered GROUP BY minute");
        self.run(|| self.database.connection.prepare(&sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
    }

    fn remove_answers(&self, given: &Range<i64>) -> Result<(), StoreError> {
        self.change("DELETE FROM remembered WHERE at_ms >= ?1 AND at_ms < ?2", params![given.start, given.end])
    }

    fn add(&self, people: &People) -> Result<(), StoreError> {
        identity_sqlite_dump::add(&self.database.connection, people).map_err(|error| self.database.write_error(error))
    }

    fn change(&self, sql: &str, values: &[&dyn ToSql]) -> Result<(), StoreError> {
        let changed = self.database.connection.prepare_cached(sql).and_then(|mut change| change.execute(values));
        changed.map(drop).map_err(|error| self.database.write_error(error))
    }

    fn run<T>(&self, work: impl FnOnce() -> rusqlite::Result<T>) -> Result<T, StoreError> {
        work().map_err(|error| self.database.error(error))
    }
}

/// Removes what differs here, and gives what takes its place. Both lists are in the order of their keys.
fn differing<T: Clone + PartialEq, K: Ord>(
    own: &[T],
    theirs: &[T],
    key: impl Fn(&T) -> K,
    mut remove: impl FnMut(K) -> Result<(), StoreError>,
) -> Result<Vec<T>, StoreError> {
    let (mut own, mut come) = (own.iter().peekable(), Vec::new());
    for wanted in theirs {
        while let Some(gone) = own.next_if(|kept| key(kept) < key(wanted)) {
            remove(key(gone))?;
        }
        match own.next_if(|kept| key(kept) == key(wanted)) {
            Some(kept) if kept == wanted => {}
            Some(changed) => {
                remove(key(changed))?;
                come.push(wanted.clone());
            }
            None => come.push(wanted.clone()),
        }
    }
    own.try_for_each(|gone| remove(key(gone)))?;
    Ok(come)
}

/// The stretches of time whose answers are not as many here as there; neighbours are read together, as long as they are few.
fn stretches(own: &BTreeMap<i64, i64>, theirs: &BTreeMap<i64, i64>) -> Vec<Range<i64>> {
    let mut found: Vec<(Range<i64>, i64)> = Vec::new();
    for (minute, count) in theirs.iter().filter(|(minute, count)| own.get(minute) != Some(count)) {
        let end = minute + ANSWERS_MS;
        let between = |from: i64| theirs.range(from..*minute).next().is_none();
        match found.last_mut() {
            Some((given, before)) if *before + count <= ANSWERS && between(given.end) => (given.end, *before) = (end, *before + count),
            _ => found.push((*minute..end, *count)),
        }
    }
    found.into_iter().map(|(given, _)| given).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_that_differ_are_read_together_as_long_as_they_are_few() {
        const MINUTE: i64 = ANSWERS_MS;
        let minutes = |rows: &[(i64, i64)]| rows.iter().map(|(minute, count)| (minute * MINUTE, *count)).collect::<BTreeMap<_, _>>();
        let theirs = minutes(&[(1, 5), (2, 7), (9, 1), (10, 4), (11, ANSWERS), (12, 1)]);
        let all = |own: &[(i64, i64)]| {
            stretches(&minutes(own), &theirs).into_iter().map(|given| (given.start / MINUTE, given.end / MINUTE)).collect::<Vec<_>>()
        };
        assert_eq!(all(&[]), [(1, 11), (11, 12), (12, 13)], "nothing lies between");
        assert_eq!(all(&[(2, 7), (5, 3)]), [(1, 2), (9, 11), (11, 12), (12, 13)]);
        assert_eq!(all(&[(1, 5), (2, 7), (9, 1), (10, 4), (11, ANSWERS)]), [(12, 13)]);
    }
}
