//! What the figures per unit come to for a large platform, after a day, a month, a year and three years.
//!
//! The platform is an assumption, and stands here alone. It has all its customers and open positions from the first day;
//! what grows is what a day leaves behind.

use super::figures::{line, size, time};

/// Measured: bytes in memory and in a snapshot for what a state holds, bytes for what is stored, seconds for work.
#[derive(Default)]
pub struct PerUnit {
    pub customer: (f64, f64),
    pub account: (f64, f64),
    pub reference: (f64, f64),
    pub open_position: (f64, f64),
    pub closed_position: (f64, f64),
    pub key: (f64, f64),
    pub close_seconds: f64,
    pub snapshot_write: f64,
    pub snapshot_read: f64,
    pub deposit_record: f64,
    pub subscription_record: f64,
    pub redemption_record: f64,
    /// Bytes beside its records, where each record has a batch of its own.
    pub batch: f64,
    /// Seconds a batch, on files and on a server.
    pub prove: f64,
    pub postgres_prove: f64,
    pub replay: f64,
    pub rows_a_record: f64,
    pub sqlite_row: f64,
    pub sqlite_row_seconds: f64,
    pub postgres_row: f64,
    pub postgres_row_seconds: f64,
    pub session: f64,
    pub password: f64,
    pub remembered: f64,
    pub security_event: f64,
}

const CUSTOMERS: f64 = 5e6;
const ACCOUNTS: f64 = 5e6;
const OPEN_POSITIONS: f64 = 20e6;
/// Of four million records a day; each subscription opens a position, each redemption closes one.
const SUBSCRIPTIONS_A_DAY: f64 = 1.5e6;
const REDEMPTIONS_A_DAY: f64 = 1.5e6;
const WALLET_MOVES_A_DAY: f64 = 1e6;
const RECORDS_A_DAY: f64 = SUBSCRIPTIONS_A_DAY + REDEMPTIONS_A_DAY + WALLET_MOVES_A_DAY;
/// Forty-six records a second leave most of them alone in their batch.
const BATCHES_A_DAY: f64 = RECORDS_A_DAY;
const SIGN_INS_A_DAY: f64 = 5e5;
/// A sign-in stays for this many days, and an answer of the ways in is remembered for three.
const SESSION_DAYS: f64 = 30.0;
/// Keys are kept for two days, and dropped a day at a time.
const KEY_DAYS: f64 = 3.0;
/// What a machine has.
const MEMORY: f64 = 64e9;

const WHEN: [(&str, f64); 4] = [("day 1", 1.0), ("month 1", 30.0), ("year 1", 365.0), ("year 3", 1_095.0)];

impl PerUnit {
    /// Bytes of the state at the end of a day, by one side of each pair.
    fn state(&self, days: f64, side: fn((f64, f64)) -> f64) -> f64 {
        side(self.customer) * CUSTOMERS
            + side(self.account) * ACCOUNTS
            + side(self.open_position) * OPEN_POSITIONS
            + side(self.closed_position) * REDEMPTIONS_A_DAY * days
            + side(self.reference) * WALLET_MOVES_A_DAY * days
            + side(self.key) * RECORDS_A_DAY * days.min(KEY_DAYS)
    }
    fn memory(&self, days: f64) -> f64 {
        self.state(days, |(memory, _)| memory)
    }
    fn snapshot(&self, days: f64) -> f64 {
        self.state(days, |(_, snapshot)| snapshot)
    }
    fn log(&self, days: f64) -> f64 {
        let records = self.subscription_record * SUBSCRIPTIONS_A_DAY
            + self.redemption_record * REDEMPTIONS_A_DAY
            + self.deposit_record * WALLET_MOVES_A_DAY;
        (records + self.batch * BATCHES_A_DAY) * days
    }
    fn rows(&self, days: f64) -> f64 {
        self.rows_a_record * RECORDS_A_DAY * days
    }
    fn people(&self, days: f64) -> f64 {
        self.password * CUSTOMERS
            + self.session * SIGN_INS_A_DAY * days.min(SESSION_DAYS)
            + self.remembered * SIGN_INS_A_DAY * days.min(KEY_DAYS)
            + self.security_event * SIGN_INS_A_DAY * days
    }
}

/// Prints a row for each resource, and the day on which memory is full.
pub fn print(per_unit: &PerUnit) {
    println!(
        "\n  5 M customers, 20 M open positions, 4 M records a day (1.5 M subscriptions, 1.5 M redemptions, 1 M deposits), 0.5 M sign-ins"
    );
    line("", &WHEN.map(|(when, _)| format!("{when:>10}")).join(" "));
    let row = |what: &str, show: fn(f64) -> String, figure: &dyn Fn(f64) -> f64| {
        line(what, &WHEN.map(|(_, days)| format!("{:>10}", show(figure(days)))).join(" "));
    };
    row("memory", size, &|days| per_unit.memory(days));
    row("snapshot", size, &|days| per_unit.snapshot(days));
    row("writing a snapshot", time, &|days| per_unit.snapshot(days) * per_unit.snapshot_write);
    row("start: reading the snapshot", time, &|days| per_unit.snapshot(days) * per_unit.snapshot_read);
    row("start: proving the whole chain, SQLite", time, &|days| BATCHES_A_DAY * days * per_unit.prove);
    row("start: proving the whole chain, PostgreSQL", time, &|days| BATCHES_A_DAY * days * per_unit.postgres_prove);
    row("replay of the whole log", time, &|days| RECORDS_A_DAY * days * per_unit.replay);
    row("close of a day", time, &|_| OPEN_POSITIONS * per_unit.close_seconds);
    row("log", size, &|days| per_unit.log(days));
    row("read tables, SQLite", size, &|days| per_unit.rows(days) * per_unit.sqlite_row);
    row("building them anew, SQLite", time, &|days| per_unit.rows(days) * per_unit.sqlite_row_seconds);
    row("read tables, PostgreSQL", size, &|days| per_unit.rows(days) * per_unit.postgres_row);
    row("building them anew, PostgreSQL", time, &|days| per_unit.rows(days) * per_unit.postgres_row_seconds);
    row("people", size, &|days| per_unit.people(days));
    let a_day = per_unit.memory(1_001.0) - per_unit.memory(1_000.0);
    let full = (MEMORY - per_unit.memory(1_000.0)) / a_day + 1_000.0;
    line("memory grows a day by", &size(a_day));
    line("64 GB of memory are full on day", &format!("{full:.0}"));
}
