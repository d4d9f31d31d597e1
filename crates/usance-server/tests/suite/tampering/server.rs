//! The same on a database server: rows of the log, cells of every read table, and rows that are gone.

use super::scene::{Scene, expect_named, look_at};
use super::tables::names;
use crate::suite::platform::Platform;
use crate::suite::postgres::{Database, on};
use std::path::Path;
use tempfile::TempDir;
use usance_server::cli::StoreFlags;
use usance_server::cli::store_flags::ServerFlags;

fn changed(kind: &str, column: &str) -> String {
    match kind {
        "bigint" => format!("coalesce({column}, 0) + 100000"),
        "numeric" => format!("coalesce({column}, 0) + 1"),
        "date" => format!("coalesce({column}, DATE '2026-01-01') + 10000"),
        "timestamp with time zone" => format!("{column} + interval '1 microsecond'"),
        "bytea" => format!("set_byte({column}, 0, get_byte({column}, 0) # 1)"),
        _ => format!("coalesce({column}, '') || 'x'"),
    }
}

#[test]
fn any_column_on_a_server() {
    let directory = TempDir::new().expect("a directory");
    let database = Database::new();
    let mut platform = Platform::lived_on(&on(database.address(), &[]));
    assert!(platform.server.terminate());
    let place = StoreFlags {
        data: directory.path().to_owned(),
        server: ServerFlags { store: Some(database.address().to_owned()), store_password_file: None },
        secrets: None,
    };
    let healthy = || assert!(look_at(&place).is_healthy(), "{}", super::scene::broken(&look_at(&place)));
    healthy();
    let mut cases = 0;
    let mut expect = |table: &str, sql: &str, names: &[&str]| {
        database.run(&format!("CREATE TABLE kept AS SELECT * FROM {table}"));
        database.run(sql);
        expect_named(sql, &look_at(&place), names);
        database.run(&format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept; DROP TABLE kept"));
        cases += 1;
    };
    // Both homes have the same read tables.
    for table in names(&Scene::new().open("read.sqlite")) {
        let table = table.as_str();
        let columns = database.texts(&format!(
            "SELECT column_name || ':' || data_type FROM information_schema.columns
             WHERE table_schema = current_schema() AND table_name = '{table}' ORDER BY ordinal_position"
        ));
        assert!(columns.len() >= 3, "{table}: {columns:?}");
        // One row, by where it lies.
        let one = format!("ctid = (SELECT ctid FROM {table} ORDER BY ctid LIMIT 1 OFFSET (SELECT count(*) / 2 FROM {table}))");
        for column in columns.iter().skip(1) {
            let (name, kind) = column.split_once(':').expect("two words");
            if table == "progress" && name == "log_position" {
                continue;
            }
            let sql = format!("UPDATE {table} SET {name} = {} WHERE {one}", changed(kind, name));
            expect(table, &sql, &["the read tables are what the log gives", &format!("{table} (")]);
        }
        if table != "progress" {
            expect(table, &format!("DELETE FROM {table} WHERE {one}"), &[&format!("{table} ("), "the row is missing"]);
        }
    }
    expect("progress", "UPDATE progress SET log_position = log_position + 65536", &["progress", "ahead of the log"]);
    expect("progress", "DELETE FROM progress", &["differ"]);
    let last = database.number("SELECT max(seq) FROM log");
    for seq in (1..last).step_by(7) {
        let batch = format!("batch {seq}:");
        for set in [
            "at_ms = at_ms + 1",
            "previous = set_byte(previous, 5, get_byte(previous, 5) # 4)",
            "hash = set_byte(hash, 31, get_byte(hash, 31) # 128)",
            "body = set_byte(body, length(body) - 1, get_byte(body, length(body) - 1) # 1)",
            "body = substring(body from 2)",
        ] {
            expect("log", &format!("UPDATE log SET {set} WHERE seq = {seq}"), &[&batch]);
        }
        expect("log", &format!("DELETE FROM log WHERE seq = {seq}"), &[&batch]);
    }
    // The read tables know how far the log went.
    expect("log", &format!("DELETE FROM log WHERE seq = {last}"), &["ahead of the log"]);
    println!("{cases} changes on a server");
    assert!(cases > 100);
    healthy();
    assert!(Path::new(&place.data).exists());
}
