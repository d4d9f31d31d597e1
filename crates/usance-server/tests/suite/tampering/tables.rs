//! Read tables: every column of rows of every table, rows that are gone or too many, and the progress.

use super::scene::{Scene, build_tables, expect_named};
use rusqlite::Connection;
use rusqlite::types::Value;
use usance_store::projection::Reading;
use usance_workload::SplitMix64;

/// A table's columns; the first `key` of them behind the shard are its key.
fn columns(tables: &Connection, table: &str) -> Vec<(String, bool)> {
    let mut select = tables.prepare(&format!("SELECT name, pk FROM pragma_table_info('{table}')")).expect("a table");
    let read = select.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? > 0)));
    read.expect("columns").collect::<Result<_, _>>().expect("columns")
}

/// The tables of a file, as it says itself, without those that SQLite keeps for itself.
pub fn names(file: &Connection) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name";
    let mut select = file.prepare(sql).expect("a database");
    select.query_map([], |row| row.get(0)).expect("tables").collect::<Result<_, _>>().expect("tables")
}

fn changed(value: &Value, dice: &mut SplitMix64) -> Value {
    match value {
        Value::Null => Value::Integer(dice.below(100) as i64),
        Value::Integer(number) => Value::Integer(number ^ (1 << dice.below(40))),
        Value::Real(number) => Value::Real(number + 1.0),
        Value::Text(text) => {
            let mut bytes = text.clone().into_bytes();
            let at = dice.below(bytes.len() as u64) as usize;
            // Another digit or letter, one that is of the same kind.
            bytes[at] = if bytes[at] == b'7' { b'8' } else { b'7' };
            Value::Text(String::from_utf8(bytes).expect("ASCII"))
        }
        Value::Blob(bytes) => {
            let mut bytes = bytes.clone();
            let at = dice.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << dice.below(8);
            Value::Blob(bytes)
        }
    }
}

/// One cell at a time, to another value of the same kind: the row and the column are named, and nothing else.
#[test]
fn any_cell() {
    let scene = Scene::new();
    let path = scene.data().join("read.sqlite");
    let again = scene.data().join("again.sqlite");
    build_tables(&scene.data(), &again);
    let given = || Reading::open(&again, 0);
    let tables = scene.open("read.sqlite");
    let reading = Reading::open(&path, 0).expect("tables");
    let (mut dice, mut cases) = (SplitMix64::new(42), 0);
    let all = names(&tables);
    assert!(all.len() >= 10, "{all:?}");
    for table in &all {
        let columns = columns(&tables, table);
        let rows: i64 = tables.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).expect("a number");
        assert!(rows > 0, "{table} is empty");
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let step = (rows / 24).max(1) as usize;
        for at in (0..rows).step_by(step) {
            let select = format!("SELECT {} FROM {table} LIMIT 1 OFFSET {at}", names.join(", "));
            let row: Vec<Value> =
                tables.query_row(&select, [], |row| (0..names.len()).map(|column| row.get(column)).collect()).expect("a row");
            for (index, (name, in_key)) in columns.iter().enumerate() {
                let other = changed(&row[index], &mut dice);
                let key: Vec<usize> = (0..columns.len()).filter(|column| columns[*column].1).collect();
                let with = |values: &[Value], to: &Value| {
                    let marks: Vec<String> =
                        key.iter().enumerate().map(|(mark, column)| format!("{} = ?{}", names[*column], mark + 2)).collect();
                    let sql = format!("UPDATE {table} SET {name} = ?1 WHERE {}", marks.join(" AND "));
                    let bound = std::iter::once(to).chain(key.iter().map(|column| &values[*column]));
                    tables.execute(&sql, rusqlite::params_from_iter(bound)).ok()
                };
                // Another row may have that key already: the file itself refuses it.
                let Some(count) = with(&row, &other) else { continue };
                assert_eq!(count, 1, "{table}.{name}");
                let found = reading.differences(10, &mut |_| given()).expect("compared");
                let said = found.to_string();
                if *in_key {
                    assert!(said.contains(table.as_str()), "{table}.{name}: {said}");
                    assert!(said.contains("is missing") || said.contains("no such row"), "{table}.{name}: {said}");
                } else {
                    assert_eq!(found.rows.len(), 1, "{table}.{name}: {said}");
                    assert!(said.starts_with(&format!("{table} (")) && said.contains(&format!("{name} is ")), "{table}.{name}: {said}");
                }
                let mut now = row.clone();
                now[index] = other;
                assert_eq!(with(&now, &row[index]), Some(1), "{table}.{name} put back");
                cases += 1;
            }
        }
    }
    println!("{cases} cells");
    assert!(cases > 1_000);
    assert!(reading.differences(10, &mut |_| given()).expect("compared").rows.is_empty(), "everything was put back");
    assert!(scene.examine().is_healthy(), "everything was put back");
}

/// The whole examination, on rows and tables at once, and on values that are not of their column's kind.
#[test]
fn whole_rows() {
    let scene = Scene::new();
    let tables = scene.open("read.sqlite");
    let kept = Scene::new();
    tables.execute("ATTACH ?1 AS kept", [super::scene::text(&kept.data().join("read.sqlite"))]).expect("attached");
    let (all, mut cases) = (names(&tables), 0);
    let mut expect = |sql: &str, names: &[&str]| {
        tables.execute_batch(&format!("BEGIN; {sql}; COMMIT")).unwrap_or_else(|error| panic!("{sql}: {error}"));
        expect_named(sql, &scene.examine(), names);
        for table in &all {
            tables.execute_batch(&format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept.{table}")).expect("put back");
        }
        cases += 1;
    };
    for table in all.iter().filter(|table| *table != "progress") {
        let missing: &[&str] = &[&format!("{table} ("), "the row is missing"];
        let columns = columns(&tables, table);
        let key = &columns[1].0;
        let first = format!("FROM {table} ORDER BY {key} LIMIT 1");
        expect(&format!("DELETE FROM {table} WHERE {key} = (SELECT {key} {first})"), missing);
        expect(&format!("UPDATE {table} SET shard = 5 WHERE {key} = (SELECT {key} {first})"), missing);
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let others = names[2..].join(", ");
        let more = format!("INSERT INTO {table}(shard, {key}, {others}) SELECT 0, 900000000000, {others} {first}");
        expect(&more, &[&format!("{table} ("), "the log gives no such row"]);
        expect(&format!("DELETE FROM {table}"), missing);
        for wrong in ["'x'", "x'ff'", "1.5"] {
            let last = names[names.len() - 1];
            expect(&format!("UPDATE {table} SET {last} = {wrong}"), &[&format!("{table} ("), &format!("{last} is ")]);
        }
    }
    for (sql, names) in [
        ("DELETE FROM progress", ["progress", "differ"]),
        ("UPDATE progress SET log_position = log_position - 65536 * 9", ["progress (shard 0)", "differ"]),
        ("UPDATE progress SET log_position = log_position + 65536", ["progress", "ahead of the log"]),
        ("UPDATE progress SET log_position = -1", ["table progress", "something else belongs"]),
        ("UPDATE progress SET log_position = 'x'", ["table progress", "something else belongs"]),
        ("UPDATE progress SET hash = x'00'", ["progress (shard 0)", "hash is "]),
        ("UPDATE progress SET at = at + 1", ["progress (shard 0)", "at is "]),
        ("UPDATE progress SET open_day = open_day + 1", ["progress (shard 0)", "open_day is "]),
        ("UPDATE progress SET shard = 3", ["progress", "differ"]),
    ] {
        expect(sql, &names);
    }
    println!("{cases} changes");
    assert!(scene.examine().is_healthy(), "everything was put back");
}

/// A definition that is another one: an index that is gone, a trigger that waits, a table that is gone.
#[test]
fn definitions() {
    for (file, sql, names) in [
        ("read.sqlite", "DROP INDEX history_customer", ["read.sqlite", "index history_customer on history is missing"]),
        ("read.sqlite", "CREATE TRIGGER t AFTER INSERT ON history BEGIN DELETE FROM history; END", ["read.sqlite", "trigger t on history"]),
        ("read.sqlite", "DROP TABLE staked", ["read.sqlite", "table staked on staked is missing"]),
        ("read.sqlite", "ALTER TABLE days ADD COLUMN extra", ["read.sqlite", "table days on days is not defined"]),
        ("log.sqlite", "CREATE TRIGGER t AFTER INSERT ON log BEGIN DELETE FROM log; END", ["log.sqlite", "trigger t on log"]),
        ("log.sqlite", "DROP TABLE meta", ["log.sqlite", "table meta on meta is missing"]),
        (
            "log.sqlite",
            "ALTER TABLE log RENAME TO old; CREATE TABLE log AS SELECT * FROM old; DROP TABLE old",
            ["log.sqlite", "table log on log is not defined"],
        ),
        ("people.sqlite", "DROP INDEX session_customer", ["people.sqlite", "index session_customer on session is missing"]),
        ("people.sqlite", "PRAGMA user_version = 99", ["people.sqlite", "version 99"]),
        ("log.sqlite", "PRAGMA user_version = 0", ["log.sqlite", "other tables"]),
    ] {
        let scene = Scene::new();
        scene.open(file).execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        expect_named(sql, &scene.examine(), &names);
    }
}
