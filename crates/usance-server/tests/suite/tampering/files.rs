//! Bytes of the database files themselves, wherever they lie: pages, indexes, heads. A change of which nothing is said has
//! changed nothing that can be read. And the people of a copy, who have no chain but its note.

use super::scene::{Scene, expect_named};
use super::tables::names;
use crate::suite::harness::{Server, Start};
use rusqlite::{Connection, OpenFlags};
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use usance_server::cli::examination::{Examination, Verdict};
use usance_store::Note;
use usance_workload::SplitMix64;

/// Every definition and every row of every table.
fn everything(path: &Path) -> rusqlite::Result<Vec<String>> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let ask = |sql: &str| -> rusqlite::Result<Vec<Vec<String>>> {
        let mut select = connection.prepare(sql)?;
        let columns = select.column_count();
        let mut rows = select.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push((0..columns).map(|column| Ok(format!("{:?}", row.get_ref(column)?))).collect::<rusqlite::Result<Vec<_>>>()?);
        }
        Ok(found)
    };
    let mut all: Vec<String> = ask("SELECT type, name, tbl_name, sql FROM sqlite_schema")?.iter().map(|row| row.join(" ")).collect();
    let mut select = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")?;
    let names: Vec<String> = select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for name in names {
        let mut rows: Vec<String> = ask(&format!("SELECT * FROM \"{name}\""))?.iter().map(|row| row.join("|")).collect();
        rows.sort_unstable();
        all.push(name);
        all.extend(rows);
    }
    Ok(all)
}

#[test]
fn a_byte_of_any_page() {
    for (name, seed, tables) in [("log.sqlite", 1, false), ("people.sqlite", 2, false), ("read.sqlite", 3, true)] {
        let scene = if tables { Scene::new() } else { Scene::without_tables() };
        let path = scene.data().join(name);
        let (whole, bytes) = (everything(&path).expect("it is whole"), fs::read(&path).expect("a file"));
        let file = fs::OpenOptions::new().write(true).open(&path).expect("a file");
        let (mut dice, mut found, mut harmless) = (SplitMix64::new(seed), 0, 0);
        for round in 0..400_u64 {
            // The file's head and the definitions behind it, then anywhere.
            let at = if round < 100 { round } else { dice.below(bytes.len() as u64) };
            let byte = bytes[at as usize] ^ (1 << dice.below(8));
            file.write_all_at(&[byte], at).expect("written");
            let case = format!("byte {at} of {name}");
            let examination = scene.examine();
            if examination.is_healthy() {
                let same = everything(&path).is_ok_and(|now| now == whole);
                assert!(same, "{case}: nothing was found, and it reads otherwise");
                harmless += 1;
            } else {
                let said = super::scene::broken(&examination);
                assert!(said.contains(name) || said.contains("batch "), "{case}: neither the file nor a place is named in\n{said}");
                found += 1;
            }
            file.write_all_at(&bytes[at as usize..=at as usize], at).expect("put back");
        }
        println!("{name}: {found} found, {harmless} in bytes that hold nothing");
        assert!(found > 50, "{name}: {found}");
        assert!(scene.examine().is_healthy(), "{name}: everything was put back");
    }
}

/// Every column of every table of the people of a copy, none of which is empty.
#[test]
fn the_people_of_a_copy() {
    let scene = Scene::without_tables();
    let people = scene.open("people.sqlite");
    let mut cases = 0;
    // Only a release before there was a secrets file kept secrets here.
    for table in names(&people).into_iter().filter(|table| table != "secret") {
        let mut select = people.prepare(&format!("SELECT name, type FROM pragma_table_info('{table}')")).expect("a table");
        let columns: Vec<(String, String)> =
            select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("columns").collect::<Result<_, _>>().expect("columns");
        let rows: i64 = people.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).expect("a number");
        assert!(rows > 0, "{table} is empty");
        for (column, kind) in columns {
            let to = match kind.as_str() {
                "INTEGER" => format!("coalesce({column}, 0) + 70"),
                "BLOB" => format!("CAST(substr({column}, 1, length({column}) - 1) || x'00ff' AS BLOB)"),
                _ => format!("coalesce({column}, '') || 'x'"),
            };
            people
                .execute_batch(&format!("SAVEPOINT s; CREATE TABLE kept AS SELECT * FROM {table}; UPDATE {table} SET {column} = {to}"))
                .expect(&column);
            people.execute_batch("ALTER TABLE kept RENAME TO kept_aside; RELEASE s").expect("changed");
            expect_named(&format!("{table}.{column}"), &scene.examine(), &["people.sqlite", &format!("table {table}")]);
            people
                .execute_batch(&format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_aside; DROP TABLE kept_aside"))
                .expect("put back");
            cases += 1;
        }
        people.execute_batch(&format!("CREATE TABLE kept AS SELECT * FROM {table}; DELETE FROM {table}")).expect("deleted");
        expect_named(&format!("{table} emptied"), &scene.examine(), &["people.sqlite", &format!("table {table}")]);
        people.execute_batch(&format!("INSERT INTO {table} SELECT * FROM kept; DROP TABLE kept")).expect("put back");
    }
    assert!(cases >= 31, "{cases}");
    assert!(scene.examine().is_healthy(), "everything was put back");
    fs::remove_file(scene.data().join("people.sqlite")).expect("removed");
    expect_named("no people", &scene.examine(), &["people.sqlite"]);
}

/// What is said of a check.
fn seen(found: &Examination, name: &str) -> (Verdict, String) {
    let check = found.checks.iter().find(|check| check.name == name).unwrap_or_else(|| panic!("no {name:?}"));
    (check.verdict, check.seen.clone())
}

/// Read tables that say they are of an older release are not looked at, which is said, and none of their rows is shown to
/// anybody: the next start builds them anew.
#[test]
fn read_tables_of_an_older_version_are_said_to_be_so() {
    const NAME: &str = "the read tables are what the log gives";
    let scene = Scene::new();
    let edited = "UPDATE history SET spot = '9' || spot; PRAGMA user_version = 1";
    scene.open("read.sqlite").execute_batch(edited).expect("changed");
    let (verdict, said) = seen(&scene.examine(), NAME);
    assert!(verdict == Verdict::Holds && said.contains("of an older release") && said.contains("built anew"), "{said}");
    let mut server = Server::start_in(&scene.data(), &Start::default()).expect("the copy starts");
    assert!(server.terminate());
    let (verdict, said) = seen(&scene.examine(), NAME);
    assert!(verdict == Verdict::Holds && said.starts_with("every row up to batch"), "{said}");
}

/// A file of people is held against the definitions of the version it has, whichever that is, also without a note.
#[test]
fn people_of_an_older_version_are_looked_at_too() {
    let scene = Scene::without_tables();
    fs::remove_file(scene.data().join("copied.txt")).expect("a note");
    let people = scene.open("people.sqlite");
    people.execute_batch(&format!("{}; PRAGMA user_version = 1", super::scene::TO_VERSION_2)).expect("changed");
    expect_named("a lower version", &scene.examine(), &["people.sqlite", "table session on session is of a later version"]);
    people.execute_batch("DROP TABLE session; DROP TABLE second_factor").expect("changed");
    assert!(scene.examine().is_healthy(), "{}", super::scene::broken(&scene.examine()));
    people.execute_batch("CREATE TRIGGER t AFTER INSERT ON token BEGIN DELETE FROM token; END").expect("changed");
    expect_named("a trigger", &scene.examine(), &["people.sqlite", "trigger t on token does not belong here"]);
}

/// People that a newer release has brought up cannot be held against the note any more: that is no finding, and not healthy.
#[test]
fn people_of_a_newer_version_than_the_note_are_not_checked() {
    let scene = Scene::without_tables();
    let mut note = Note::read(&scene.data()).expect("a note").expect("a note");
    note.people.version -= 1;
    note.write(&scene.data()).expect("written");
    let found = scene.examine();
    let (verdict, said) = seen(&found, "people are what was copied");
    assert!(verdict == Verdict::Unchecked && said.contains("newer release"), "{said}");
    assert!(!found.is_healthy() && !found.is_broken());
}
