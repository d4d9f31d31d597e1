//! The tables, and the steps that lead to them from those of every release.
//!
//! Owns one row a component in `schema_version`: the number of steps that the component's tables have gone through. It
//! refuses tables of a newer release before it changes anything. Of many processes that open older tables at once, one
//! takes the steps and the others find them taken.

use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::wire::Wire;
use crate::error::{StoreError, is_given_up};

/// How often the schema and the table of versions are made, when others make them, too.
const TRIES: u32 = 20;

/// A part of the tables with a version of its own.
pub(crate) struct Component {
    /// Its name in `schema_version`.
    pub name: &'static str,
    /// The statements that lead from each version to the next, from no tables at all on. A step that was released is
    /// never changed: tables have gone through it.
    pub steps: &'static [&'static str],
}

impl Component {
    const fn version(&self) -> usize {
        self.steps.len()
    }

    /// Brings the tables up to this release's version; creates the schema and the tables where there are none.
    pub fn bring_up(&self, wire: &Wire) -> Result<(), StoreError> {
        if self.found(wire)? == Some(self.version()) {
            return Ok(());
        }
        self.make_room(wire)?;
        wire.execute("INSERT INTO schema_version(component, version) VALUES ($1, 0) ON CONFLICT DO NOTHING", &[&self.name])?;
        wire.transaction(|| {
            let locked = wire.one("SELECT version FROM schema_version WHERE component = $1 FOR UPDATE", &[&self.name])?;
            let found = self.known(wire, locked.map_or(0, |row| row.get(0)))?;
            if found == self.version() {
                return Ok(());
            }
            for step in self.steps.iter().skip(found) {
                wire.batch(step)?;
            }
            let version = i64::try_from(self.version()).unwrap_or(i64::MAX);
            wire.execute("UPDATE schema_version SET version = $2 WHERE component = $1", &[&self.name, &version]).map(drop)
        })
    }

    /// Makes the tables anew: for those that can be built again from something else. `drop` takes away what there is.
    pub fn start_over(&self, wire: &Wire, drop: &str) -> Result<(), StoreError> {
        wire.transaction(|| {
            wire.batch(drop)?;
            wire.execute("UPDATE schema_version SET version = 0 WHERE component = $1", &[&self.name]).map(|_| ())
        })?;
        self.bring_up(wire)
    }

    /// Makes the schema and the table of versions where there are none. Of many who do that in the same instant the server
    /// refuses all but one, whatever IF NOT EXISTS says: the others look again.
    pub(super) fn make_room(&self, wire: &Wire) -> Result<(), StoreError> {
        let schema = wire.postgres().schema();
        let mut tries = 0;
        loop {
            tries += 1;
            // One that is there needs no right to make others.
            let there = wire.one("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", &[&schema])?.is_some();
            let create = if there { String::new() } else { format!("CREATE SCHEMA IF NOT EXISTS {schema};") };
            let table = "CREATE TABLE IF NOT EXISTS schema_version(component TEXT PRIMARY KEY, version BIGINT NOT NULL);";
            match wire.batch(&format!("{create}{table}")) {
                Err(error) if error.sql_state().is_some_and(is_made_already) && tries < TRIES => {
                    std::thread::sleep(Duration::from_millis(u64::from(tries) * 2));
                }
                done => return done,
            }
        }
    }

    /// Refuses tables of a newer release, and where there are none. Tables of an older release are taken as they are: they
    /// are brought up by whoever opens them for writing.
    pub fn expect(&self, wire: &Wire) -> Result<(), StoreError> {
        match self.found(wire)? {
            Some(version) if version > 0 => Ok(()),
            _ => Err(StoreError::NotFound { what: format!("tables of the {} in {}", self.name, wire.postgres()) }),
        }
    }

    /// As [`Component::expect`], for tables that are made anew with a version and not brought up: those of an older release
    /// cannot be read, and are named.
    pub fn expect_this_release(&self, wire: &Wire) -> Result<(), StoreError> {
        self.expect(wire)?;
        match self.found(wire)? {
            Some(found) if found < self.version() => Err(StoreError::OlderVersion {
                what: format!("{} in {}", self.name, wire.postgres()),
                found: found as u64,
                oldest: self.version() as u64,
            }),
            _ => Ok(()),
        }
    }

    /// The version of the tables, `None` where there are none.
    fn found(&self, wire: &Wire) -> Result<Option<usize>, StoreError> {
        if !is_there(wire)? {
            return Ok(None);
        }
        let row = wire.one("SELECT version FROM schema_version WHERE component = $1", &[&self.name])?;
        row.map(|row| self.known(wire, row.get(0))).transpose()
    }

    fn known(&self, wire: &Wire, version: i64) -> Result<usize, StoreError> {
        match usize::try_from(version) {
            Ok(found) if found <= self.version() => Ok(found),
            Ok(found) => Err(StoreError::NewerVersion {
                what: format!("{} in {}", self.name, wire.postgres()),
                found: found as u64,
                known: self.version() as u64,
            }),
            Err(_) => Err(StoreError::damaged("database", format!("{}: {} has version {version}", wire.postgres(), self.name))),
        }
    }
}

/// Whether somebody else has made it in the same instant: the server says so, or that its own list of schemas is older.
fn is_made_already(code: &SqlState) -> bool {
    let made = [SqlState::UNIQUE_VIOLATION, SqlState::DUPLICATE_SCHEMA, SqlState::DUPLICATE_TABLE, SqlState::DUPLICATE_OBJECT];
    made.contains(code) || *code == SqlState::INVALID_SCHEMA_NAME || is_given_up(code)
}

/// Whether there is a table of versions.
fn is_there(wire: &Wire) -> Result<bool, StoreError> {
    let found = wire.one(
        "SELECT 1 FROM information_schema.tables WHERE table_schema = $1 AND table_name = 'schema_version'",
        &[&wire.postgres().schema()],
    )?;
    Ok(found.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::local::Fresh;
    use std::sync::Barrier;
    use std::thread;

    /// Each needs the one before, and none can be taken twice unnoticed.
    static STEPS: [&str; 3] = [
        "CREATE TABLE kept(x BIGINT); CREATE TABLE beside(x BIGINT)",
        "ALTER TABLE kept ADD COLUMN y BIGINT; DROP TABLE beside",
        "INSERT INTO kept VALUES (1, 2)",
    ];

    fn component(steps: &'static [&'static str]) -> Component {
        Component { name: "test", steps }
    }

    fn sum(wire: &Wire) -> i64 {
        wire.one("SELECT CAST(sum(y) AS BIGINT) FROM kept", &[]).unwrap().unwrap().get(0)
    }

    #[test]
    fn tables_of_any_version_take_the_steps_they_lack() {
        for from in 0..=STEPS.len() {
            let home = Fresh::make().unwrap();
            let wire = home.connect().unwrap();
            component(&STEPS[..from]).bring_up(&wire).unwrap();
            component(&STEPS).bring_up(&wire).unwrap();
            assert_eq!(component(&STEPS).found(&wire).unwrap(), Some(STEPS.len()), "from {from}");
            assert_eq!(sum(&wire), 2, "from {from}");
        }
    }

    #[test]
    fn a_step_that_fails_leaves_the_tables_as_they_were() {
        let home = Fresh::make().unwrap();
        let wire = home.connect().unwrap();
        component(&STEPS[..1]).bring_up(&wire).unwrap();
        // The second statement of the second step fails, and the first one is undone.
        wire.batch("DROP TABLE beside").unwrap();
        let failed = component(&STEPS).bring_up(&wire).unwrap_err().to_string();
        assert!(failed.contains("\"beside\" does not exist"), "{failed}");
        assert_eq!(component(&STEPS).found(&wire).unwrap(), Some(1));
        assert!(wire.query("SELECT y FROM kept", &[]).is_err());
        wire.batch("CREATE TABLE beside(x BIGINT)").unwrap();
        component(&STEPS).bring_up(&wire).unwrap();
        assert_eq!(sum(&wire), 2);
    }

    #[test]
    fn tables_of_a_newer_release_are_refused_and_older_ones_are_only_read() {
        let home = Fresh::make().unwrap();
        let wire = home.connect().unwrap();
        let nothing = component(&STEPS).expect(&wire);
        assert!(matches!(nothing, Err(StoreError::NotFound { .. })), "{nothing:?}");
        component(&STEPS[..2]).bring_up(&wire).unwrap();
        for refused in [component(&STEPS[..1]).bring_up(&wire), component(&STEPS[..1]).expect(&wire)] {
            assert!(matches!(refused, Err(StoreError::NewerVersion { found: 2, known: 1, .. })), "{refused:?}");
        }
        component(&STEPS).expect(&wire).unwrap();
        assert_eq!(component(&STEPS).found(&wire).unwrap(), Some(2));
        wire.batch("UPDATE schema_version SET version = -1").unwrap();
        assert!(matches!(component(&STEPS).bring_up(&wire), Err(StoreError::Damaged { .. })));
    }

    /// From nothing at all: the schema, the table of versions and the steps are all raced for.
    #[test]
    fn of_many_that_come_at_once_one_takes_the_steps() {
        for turn in 0..5 {
            let home = Fresh::make().unwrap();
            home.connect().unwrap().batch(&format!("DROP SCHEMA {}", home.schema())).unwrap();
            let ready = Barrier::new(4);
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        let wire = home.connect().unwrap();
                        ready.wait();
                        component(&STEPS).bring_up(&wire).unwrap();
                        assert_eq!(sum(&wire), 2, "turn {turn}");
                    });
                }
            });
        }
    }

    #[test]
    fn who_may_not_create_a_schema_uses_the_one_that_was_made() {
        let home = Fresh::make().unwrap();
        let (beside, name) = (home.connect().unwrap(), home.schema());
        beside.batch(&format!("CREATE ROLE {name}; GRANT ALL ON SCHEMA {name} TO {name}")).unwrap();
        let wire = home.with(&format!("options=-c%20role%3D{name}")).unwrap().connect().unwrap();
        assert!(wire.batch("CREATE SCHEMA another").is_err());
        component(&STEPS).bring_up(&wire).unwrap();
        assert_eq!(sum(&wire), 2);
        drop(wire);
        beside.batch(&format!("DROP OWNED BY {name}; DROP ROLE {name}")).unwrap();
    }
}
