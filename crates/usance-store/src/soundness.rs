//! Whether the SQLite files of an embedded home are sound in themselves, whatever their rows say.
//!
//! Owns two questions: do the pages, and the indexes beside the tables, hold together (SQLite's own check), and are the
//! tables, indexes and keys defined as the release that made them defines them, with no trigger among them. An index that
//! lies, or a key that is gone, would make a question answer wrongly while every row is right. It also owns the hashes by
//! which a copy's people are known again. It changes nothing. What rows have to say is [`crate::recovery`]'s and
//! [`crate::projection`]'s.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::types::ValueRef;

use crate::connection::{Database, Schema};
use crate::error::StoreError;
use crate::projection::SQLITE_SCHEMA;
use crate::{identity_sqlite, sqlite};

/// Faults of one file that are told.
const TOLD: usize = 10;

/// One of the files of an embedded home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The log of record.
    Log,
    /// The read tables.
    Read,
    /// People and tokens.
    People,
}

impl Kind {
    const fn schema(self) -> &'static Schema {
        match self {
            Kind::Log => &sqlite::SCHEMA,
            Kind::Read => &SQLITE_SCHEMA,
            Kind::People => &identity_sqlite::SCHEMA,
        }
    }
}

/// What was found in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Soundness {
    /// What is wrong; nothing when it is sound.
    pub faults: Vec<String>,
    /// Tables, views and indexes that this release did not make. They change no answer.
    pub foreign: Vec<String>,
}

/// What is wrong with a file, and what in it is not ours.
///
/// # Errors
/// [`StoreError::NotFound`] without the file; otherwise as the file answers when it cannot even be opened.
pub fn faults(path: &Path, kind: Kind) -> Result<Soundness, StoreError> {
    let schema = kind.schema();
    let database = Database::open_to_read(path, schema)?;
    let mut found = Soundness { faults: pages(&database)?, foreign: Vec::new() };
    // Read tables of an older release are not looked at by anybody: the next start drops them.
    if kind != Kind::Read || database.is_current(schema)? {
        definitions(&database, schema, &mut found)?;
    }
    found.faults.truncate(TOLD);
    found.foreign.truncate(TOLD);
    Ok(found)
}

/// What SQLite finds wrong.
fn pages(database: &Database) -> Result<Vec<String>, StoreError> {
    let fail = |error| database.error(error);
    let mut check = database.connection.prepare(&format!("PRAGMA integrity_check({TOLD})")).map_err(fail)?;
    let told = check.query_map([], |row| row.get::<_, String>(0)).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(fail)?;
    Ok(told.into_iter().filter(|line| line != "ok").map(|line| line.replace('\n', ", ")).collect())
}

/// What is defined otherwise than the release did whose version the file has. What somebody added for questions of their own,
/// a table, a view or an index, changes no answer and is named; a trigger would, and so would what a later version makes.
fn definitions(database: &Database, schema: &Schema, told: &mut Soundness) -> Result<(), StoreError> {
    let (found, known) = (defined(database)?, defined(&Database::in_memory(&database.schema_of(schema)?)?)?);
    let later = defined(&Database::in_memory(schema)?)?;
    let faults = &mut told.faults;
    for (name, sql) in &known {
        match found.get(name) {
            None => faults.push(format!("{name} is missing")),
            Some(own) if own != sql => faults.push(format!("{name} is not defined as its release defines it")),
            Some(_) => {}
        }
    }
    // What SQLite keeps for itself has names of its own.
    for name in
        found.keys().filter(|name| !known.contains_key(*name) && name.split(' ').nth(1).is_some_and(|name| !name.starts_with("sqlite_")))
    {
        if name.starts_with("trigger ") {
            faults.push(format!("{name} does not belong here"));
        } else if later.contains_key(name) {
            faults.push(format!("{name} is of a later version than the file says it has"));
        } else {
            told.foreign.push(name.clone());
        }
    }
    Ok(())
}

fn defined(database: &Database) -> Result<BTreeMap<String, String>, StoreError> {
    let fail = |error| database.error(error);
    let sql = "SELECT type || ' ' || name || ' on ' || tbl_name, coalesce(sql, '') FROM sqlite_schema";
    let mut select = database.connection.prepare(sql).map_err(fail)?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(fail)?;
    rows.collect::<Result<_, _>>().map_err(fail)
}

/// The people of a copy, as one hash a table, by which they are known again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeopleHashes {
    /// The version of the file's tables: a newer release brings them up, and then they hash otherwise.
    pub version: i64,
    /// The hash of each table, in hexadecimal.
    pub tables: BTreeMap<String, String>,
}

impl PeopleHashes {
    /// What differs from these in those of later, as a sentence; `None` when nothing does.
    #[must_use]
    pub fn difference(&self, now: &PeopleHashes) -> Option<String> {
        if self == now {
            return None;
        }
        let names: BTreeSet<_> = self.tables.keys().chain(now.tables.keys()).collect();
        let unlike: Vec<_> = names.into_iter().filter(|name| self.tables.get(*name) != now.tables.get(*name)).cloned().collect();
        let what = if unlike.is_empty() { "the version of its tables".to_owned() } else { format!("table {}", unlike.join(", table ")) };
        Some(format!("{what} differs"))
    }
}

/// Hashes people table by table, rows in whatever order.
///
/// # Errors
/// As the file answers.
pub fn people_hashes(path: &Path) -> Result<PeopleHashes, StoreError> {
    hashes_of(&Database::open_to_read(path, &identity_sqlite::SCHEMA)?)
}

/// The same of an open file, as its connection sees it: within a transaction, as it will be.
pub(crate) fn hashes_of(database: &Database) -> Result<PeopleHashes, StoreError> {
    let fail = |error| database.error(error);
    let version = database.connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(fail)?;
    let mut select = database.connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").map_err(fail)?;
    let names = select.query_map([], |row| row.get(0)).and_then(Iterator::collect::<Result<Vec<String>, _>>).map_err(fail)?;
    let tables = names.into_iter().map(|name| table_hash(database, &name).map(|hash| (name, hash)));
    Ok(PeopleHashes { version, tables: tables.collect::<rusqlite::Result<_>>().map_err(fail)? })
}

fn table_hash(database: &Database, name: &str) -> rusqlite::Result<String> {
    let mut select = database.connection.prepare(&format!("SELECT * FROM \"{name}\""))?;
    let columns = select.column_count();
    let mut rows = select.query([])?;
    let mut hashes = Vec::new();
    while let Some(row) = rows.next()? {
        let mut hasher = blake3::Hasher::new();
        for column in 0..columns {
            hash_value(row.get_ref(column)?, &mut hasher);
        }
        hashes.push(*hasher.finalize().as_bytes());
    }
    hashes.sort_unstable();
    Ok(blake3::hash(&hashes.concat()).to_hex().to_string())
}

fn hash_value(value: ValueRef<'_>, hasher: &mut blake3::Hasher) {
    let mut put = |kind: u8, bytes: &[u8]| {
        hasher.update(&[kind]).update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
    };
    match value {
        ValueRef::Null => put(0, &[]),
        ValueRef::Integer(number) => put(1, &number.to_le_bytes()),
        ValueRef::Real(number) => put(2, &number.to_bits().to_le_bytes()),
        ValueRef::Text(bytes) => put(3, bytes),
        ValueRef::Blob(bytes) => put(4, bytes),
    }
}
