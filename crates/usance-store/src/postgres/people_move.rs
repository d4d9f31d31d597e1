//! Tables of people that an older release made among the platform's: they move into the schema of people.
//!
//! Owns the list of those tables, which no release adds to any more. Of many processes that open them at once one moves them and the
//! others find them moved. The older release finds them no more: whoever may read the platform's tables could read its secrets there.

use super::schema::Component;
use super::wire::Wire;
use crate::error::StoreError;

/// What the release before had of people.
const TABLES: [&str; 8] = ["counter", "token", "password", "sign_in_link", "session", "second_factor", "remembered", "secret"];

/// Moves them out of the platform's schema into the one that `wire` works in, if they are still there.
pub(super) fn from_schema_of(wire: &Wire, platform: &str, people: &Component) -> Result<(), StoreError> {
    if !has_version(wire, platform)? {
        return Ok(());
    }
    people.make_room(wire)?;
    wire.transaction(|| {
        let select = format!("SELECT version FROM {platform}.schema_version WHERE component = $1 FOR UPDATE");
        let Some(version) = wire.one(&select, &[&people.name])?.map(|row| row.get::<_, i64>(0)).filter(|version| *version > 0) else {
            return Ok(());
        };
        let schema = wire.postgres().schema();
        for table in TABLES {
            wire.batch(&format!("ALTER TABLE {platform}.{table} SET SCHEMA {schema}"))?;
            // Whoever might read it there may not here.
            let others = "SELECT DISTINCT quote_ident(grantee) FROM information_schema.role_table_grants
                          WHERE table_schema = $1 AND table_name = $2 AND grantee <> current_user AND grantee <> 'PUBLIC'";
            for row in wire.query(others, &[&schema, &table])? {
                wire.batch(&format!("REVOKE ALL ON {schema}.{table} FROM {}", row.get::<_, String>(0)))?;
            }
            wire.batch(&format!("REVOKE ALL ON {schema}.{table} FROM PUBLIC"))?;
        }
        wire.execute("INSERT INTO schema_version(component, version) VALUES ($1, $2)", &[&people.name, &version])?;
        wire.execute(&format!("DELETE FROM {platform}.schema_version WHERE component = $1"), &[&people.name]).map(drop)
    })
}

/// Whether the platform's schema has a table of versions at all.
fn has_version(wire: &Wire, platform: &str) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM information_schema.tables WHERE table_schema = $1 AND table_name = 'schema_version'";
    Ok(wire.one(sql, &[&platform])?.is_some())
}
