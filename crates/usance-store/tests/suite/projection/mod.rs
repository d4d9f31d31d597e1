//! The read tables, in each home: the same rows however they were built, rows that add up to the balances, and documents
//! that are true of them.

mod asking;
mod books;
mod building;
mod documents;
mod homes;
mod sums;

use std::path::PathBuf;

use tokio_postgres::SimpleQueryMessage;
use usance_core::calendar::DayOffset;
use usance_core::id::{AssetIx, CustomerIx, LogPosition};
use usance_store::postgres::local::Fresh;
use usance_store::projection::{HistoryRow, Projector, Reading, Span};
use usance_store::{MemoryLog, Postgres};

use super::postgres::postgres;
use super::world::{Size, World};

const ALL: usize = usize::MAX;
const EVERYTHING: Span = Span { after: LogPosition::START, through: LogPosition::end_of(LogPosition::SEQ_MAX) };

/// Runs each of these functions as a test, once for every home.
macro_rules! on_every_home {
    ($($test:ident)*) => {
        mod in_a_file { $(#[test] fn $test() { super::$test(crate::suite::projection::Place::a_file); })* }
        mod on_a_server { $(#[test] fn $test() { super::$test(crate::suite::projection::Place::a_server); })* }
    };
}
use on_every_home;

/// Makes a place that nothing is in yet.
type Somewhere = fn() -> Place;

/// Where tables lie.
enum Place {
    File(tempfile::TempDir),
    Server(Fresh),
}

impl Place {
    fn a_file() -> Place {
        Place::File(tempfile::tempdir().unwrap())
    }
    fn a_server() -> Place {
        Place::Server(postgres())
    }
    fn path(dir: &tempfile::TempDir) -> PathBuf {
        dir.path().join("read.sqlite")
    }
    fn projector(&self, offset: DayOffset) -> Projector {
        match self {
            Place::File(dir) => Projector::open(&Place::path(dir), 0, offset).unwrap(),
            Place::Server(postgres) => Projector::open_postgres(postgres, 0, offset).unwrap(),
        }
    }
    fn reading(&self) -> Reading {
        match self {
            Place::File(dir) => Reading::open(&Place::path(dir), 0).unwrap(),
            Place::Server(postgres) => Reading::open_postgres(postgres, 0).unwrap(),
        }
    }
    fn discard(&self) {
        match self {
            Place::File(dir) => Projector::discard(&Place::path(dir)).unwrap(),
            Place::Server(postgres) => Projector::discard_postgres(postgres, 0).unwrap(),
        }
    }
    /// What an operator does by hand.
    fn run(&self, sql: &str) {
        match self {
            Place::File(dir) => rusqlite::Connection::open(Place::path(dir)).unwrap().execute_batch(sql).unwrap(),
            Place::Server(postgres) => postgres.connect().unwrap().batch(sql).unwrap(),
        }
    }
    /// Makes a table refuse every row, or take rows again.
    fn set_refusing(&self, table: &str, is_refusing: bool) {
        self.run(&match (self, is_refusing) {
            (Place::File(_), true) => {
                format!("CREATE TRIGGER stop BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'not now'); END")
            }
            (Place::File(_), false) => "DROP TRIGGER stop".to_owned(),
            (Place::Server(_), true) => format!("ALTER TABLE {table} ADD CONSTRAINT stop CHECK (false) NOT VALID"),
            (Place::Server(_), false) => format!("ALTER TABLE {table} DROP CONSTRAINT stop"),
        });
    }
}

/// What a server answers, as text; nothing is the empty text.
fn told(postgres: &Postgres, sql: &str) -> Vec<Vec<String>> {
    let wire = postgres.connect().unwrap();
    let messages = wire.wait(wire.client().simple_query(sql)).unwrap();
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    rows.map(|row| (0..row.len()).map(|column| row.get(column).unwrap_or("").to_owned()).collect()).collect()
}

/// A world, its log, and read tables that nothing is in yet.
struct Tables {
    world: World,
    log: MemoryLog,
    place: Place,
}

impl Tables {
    fn new(at: Somewhere, size: Size) -> Tables {
        let (world, log) = World::in_memory(size);
        Tables { world, log, place: at() }
    }
    /// Full tables of a log that was stored.
    fn of(at: Somewhere, log: MemoryLog) -> Tables {
        let tables = Tables { world: World::of(&log), log, place: at() };
        project(&mut tables.projector(), &tables.log, ALL);
        tables
    }
    fn full(at: Somewhere, size: Size) -> Tables {
        let tables = Tables::new(at, size);
        project(&mut tables.projector(), &tables.log, ALL);
        tables
    }
    fn server(&self) -> &Postgres {
        match &self.place {
            Place::Server(postgres) => postgres,
            Place::File(_) => unreachable!("these tables lie in a file"),
        }
    }
    fn projector(&self) -> Projector {
        self.place.projector(self.world.state.registry.platform.offset)
    }
    fn reading(&self) -> Reading {
        self.place.reading()
    }
    fn fingerprint(&self) -> [u8; 32] {
        self.reading().fingerprint().unwrap()
    }
    /// Every customer with every asset.
    fn pairs(&self) -> impl Iterator<Item = (CustomerIx, AssetIx)> {
        let assets = self.world.state.registry.assets.len();
        let customers = (0..self.world.state.customers.len()).map(CustomerIx::from_index);
        customers.flat_map(move |customer| (0..assets).map(move |asset| (customer, AssetIx::from_index(asset))))
    }
    fn history(&self, customer: CustomerIx, asset: AssetIx, span: Span) -> Vec<HistoryRow> {
        self.reading().history(customer, asset, span, None, ALL).unwrap()
    }
}

/// Steps to the end of the log; gives how many batches that were.
fn project(projector: &mut Projector, log: &MemoryLog, max_batches: usize) -> usize {
    let mut whole = 0;
    loop {
        let count = projector.step(log, max_batches).unwrap();
        assert!(count <= max_batches);
        whole += count;
        if count == 0 {
            return whole;
        }
    }
}
