//! What `docs/read-tables.md` grants to whoever asks with SQL, tried with a real role.

use usance_core::calendar::DayOffset;
use usance_store::{Identities, LogStore, NewToken, PostgresIdentities, PostgresLog, Role};

use super::postgres::postgres;

/// The list in the document, which stands there as SQL.
fn listed() -> String {
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/read-tables.md")).unwrap();
    let (_, behind) = document.split_once("```sql\nGRANT USAGE ON SCHEMA usance").expect("the list of grants");
    format!("GRANT USAGE ON SCHEMA usance{}", behind.split_once("```").unwrap().0)
}

#[test]
fn whoever_has_the_listed_grants_reads_the_read_tables_and_nothing_else() {
    let home = postgres();
    assert_eq!(PostgresLog::open(&home).unwrap().head(0).unwrap(), None);
    PostgresIdentities::open(&home).unwrap().add_token(&NewToken::plain("kept", Role::Operator, None), 1).unwrap();
    drop(usance_store::Home::Postgres((*home).clone()).projector(0, DayOffset::default()).unwrap());
    let (schema, owner) = (home.schema(), home.connect().unwrap());
    let grants =
        listed().replace("usance.", &format!("{schema}.")).replace("SCHEMA usance", &format!("SCHEMA {schema}")).replace("reports", schema);
    owner.batch(&format!("CREATE ROLE {schema}; {grants}")).unwrap();
    let tables = owner
        .query("SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname IN ($1, $2)", &[&schema, &home.people().schema()])
        .unwrap();
    let analyst = home.with(&format!("options=-c%20role%3D{schema}")).unwrap().connect().unwrap();
    let (mut read, mut refused) = (Vec::new(), Vec::new());
    for table in tables.iter().map(|row| row.get::<_, String>(0)) {
        let plain = table.split_once('.').unwrap().1.to_owned();
        match analyst.query(&format!("SELECT * FROM {table} LIMIT 1"), &[]) {
            Ok(_) => read.push(plain),
            Err(error) => {
                assert!(error.to_string().contains("permission denied"), "{table}: {error}");
                refused.push(plain);
            }
        }
        assert!(analyst.batch(&format!("DELETE FROM {table}")).is_err(), "{table} is only read");
    }
    read.sort();
    assert_eq!(read, ["assets", "books", "closes", "customers", "days", "history", "products", "progress", "rates", "staked"]);
    for closed in ["log", "token", "password", "second_factor", "remembered", "secret", "session", "security_event"] {
        assert!(refused.iter().any(|table| table == closed), "{closed} is closed: {refused:?}");
    }
    drop(analyst);
    owner.batch(&format!("DROP OWNED BY {schema}; DROP ROLE {schema}")).unwrap();
}
