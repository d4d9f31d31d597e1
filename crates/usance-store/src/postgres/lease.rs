//! Who may believe to be the writer of a shard: one row that the writer touches again and again, and that others watch.
//!
//! Owns the row's rules: it is taken by whoever saw it last as it still is, kept up by its holder, let go, and asked for. It
//! refuses to protect anything: two processes may both believe for a while that they hold it, and the primary key of the
//! log fences one of them. What its holder writes is waited for like money, until it is on a disk and on the replicas that
//! the server waits for: a server that was cut off from them, and replaced, keeps nobody believing. Where the server waits
//! for none, a lease may go back by a moment with it, and a term be given twice: a holder is known by its term *and* its name.
//!
//! A beat that does not move for long enough *by the watcher's own clock* means that the holder is gone: clocks of two machines are
//! not compared for that. What the holder's clock says is stored for another reason: whoever takes over has a clock to hold its own
//! against. Each renewal says where the log ends on the server that answers, so that a holder whose batches are elsewhere, or
//! nowhere, learns of it within one renewal.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use tokio_postgres::Row;

use super::line::Line;
use super::log;
use super::place::Postgres;
use super::schema::Component;
use super::server_mark::ServerMark;
use super::wire::Wire;
use crate::error::StoreError;

const TABLES: Component = Component {
    name: "lease",
    steps: &[
        "
        CREATE TABLE lease(
            shard   BIGINT NOT NULL PRIMARY KEY,
            term    BIGINT NOT NULL,
            beat    BIGINT NOT NULL,
            holder  TEXT,
            address TEXT,
            wanted  TEXT
        );
        CREATE TABLE follower(
            shard   BIGINT NOT NULL,
            node    TEXT   NOT NULL,
            address TEXT,
            seq     BIGINT NOT NULL,
            beat    BIGINT NOT NULL,
            PRIMARY KEY(shard, node)
        );
    ",
        "
        ALTER TABLE lease ADD COLUMN clock_ms BIGINT;
        ALTER TABLE lease ADD COLUMN answered BIGINT;
    ",
    ],
};

const LOOK: &str = "SELECT term, beat, holder, address, wanted, clock_ms, answered FROM lease WHERE shard = $1";
const TAKE_FIRST: &str = "INSERT INTO lease(shard, term, beat, holder, address, clock_ms) VALUES ($1, 1, 1, $2, $3, $4)
     ON CONFLICT DO NOTHING RETURNING term, current_setting('synchronous_commit', true)";
const TAKE: &str = "UPDATE lease SET term = term + 1, beat = beat + 1, holder = $4, address = $5, wanted = NULL, clock_ms = $6
     WHERE shard = $1 AND term = $2 AND beat = $3 RETURNING term, current_setting('synchronous_commit', true)";
/// Gives back what was asked, and the end of the log as the server that answers has it.
const RENEW: &str = "UPDATE lease SET beat = beat + 1, clock_ms = $4, answered = $6 WHERE shard = $1 AND term = $2 AND holder = $3
     RETURNING wanted, CAST($5 AS BIGINT),
               (SELECT max(seq) FROM log WHERE shard = $1),
               (SELECT hash FROM log WHERE shard = $1 ORDER BY seq DESC LIMIT 1),
               current_setting('synchronous_commit', true)";
const RELEASE: &str = "UPDATE lease SET beat = beat + 1, holder = NULL, address = NULL
     WHERE shard = $1 AND term = $2 AND holder = $3";
const FOLLOW: &str = "INSERT INTO follower(shard, node, address, seq, beat) VALUES ($1, $2, $3, $4, 1)
     ON CONFLICT (shard, node) DO UPDATE SET address = excluded.address, seq = excluded.seq, beat = follower.beat + 1";
const FOLLOWERS: &str = "SELECT node, address, seq, beat FROM follower WHERE shard = $1 ORDER BY node";
const FORGET: &str = "DELETE FROM follower WHERE shard = $1 AND node = $2";
const WANT: &str = "UPDATE lease SET wanted = $3 WHERE shard = $1 AND term = $2";

/// What [`Lease::want`] asks for when any standby will do.
pub const ANYBODY: &str = "*";

/// The lease as it was at one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseView {
    /// Counts those who took it.
    pub term: i64,
    /// Moves with everything that its holder does, and when it changes hands.
    pub beat: i64,
    /// The node that holds it; `None` when it was let go.
    pub holder: Option<String>,
    /// Where the holder is reached.
    pub address: Option<String>,
    /// The node that is to have it next, or [`ANYBODY`].
    pub wanted: Option<String>,
    /// What its holder's clock said when it last touched it, milliseconds since the Unix epoch; `None` from an older release.
    pub clock_ms: Option<i64>,
    /// The last batch that its holder had answered then; `None` from an older release.
    pub answered: Option<u64>,
}

/// A process that follows, as it last told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowerView {
    /// What it is called.
    pub node: String,
    /// Where it is reached, when it says so.
    pub address: Option<String>,
    /// The newest batch that it had.
    pub seq: u64,
    /// Moves whenever it tells.
    pub beat: i64,
}

/// What became of a renewal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renewed {
    /// It is still ours.
    Kept {
        /// The node that is to have it next, or [`ANYBODY`]: let it go.
        wanted: Option<String>,
        /// The last batch and its hash of the log that this server has: what was acknowledged has to be in it.
        ends_at: Option<(u64, [u8; 32])>,
    },
    /// Somebody else took it, or it was let go: stop.
    Lost,
}

/// A hold on the lease of one shard. After an error the next call opens a new connection if that is what it takes; what was
/// asked may then have happened, and [`Lease::look`] shows it.
#[derive(Debug)]
pub struct Lease {
    line: Line,
    shard: i64,
    /// As whom this hold took it.
    holder: RefCell<Option<String>>,
    /// Counts its renewals: an answer that is to another one says nothing.
    renewals: Cell<i64>,
}

impl Lease {
    /// Opens the lease of `shard`, and creates its table when there is none.
    ///
    /// # Errors
    /// [`StoreError::NewerVersion`] when a newer release made the table; [`StoreError::Unreachable`] or
    /// [`StoreError::Postgres`] when the server does not answer or says no.
    pub fn open(postgres: &Postgres, shard: u16) -> Result<Self, StoreError> {
        Lease::over(postgres, shard, |wire| log::TABLES.bring_up(wire))
    }

    /// As [`Lease::open`], for whoever watches and leaves notes: its writes are not waited for until they are on a disk or
    /// on a replica.
    ///
    /// # Errors
    /// As [`Lease::open`].
    pub fn open_to_watch(postgres: &Postgres, shard: u16) -> Result<Self, StoreError> {
        Lease::over(postgres, shard, Wire::commit_early)
    }

    fn over(postgres: &Postgres, shard: u16, greeting: fn(&Wire) -> Result<(), StoreError>) -> Result<Self, StoreError> {
        let line = Line::open(postgres, move |wire| {
            TABLES.bring_up(wire)?;
            greeting(wire)
        })?;
        Ok(Lease { line, shard: i64::from(shard), holder: RefCell::new(None), renewals: Cell::new(0) })
    }

    /// Which server it is kept on.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn server(&self) -> Result<ServerMark, StoreError> {
        self.line.with(|wire| Ok(wire.server().clone()))
    }

    /// Waits so long for each answer, in place of [`super::wire::PATIENCE`].
    pub fn set_patience(&mut self, patience: Duration) {
        self.line.set_patience(patience);
    }

    /// Tells that the process `node` follows, and has the log up to batch `seq`. It is a note for people and for
    /// `usance promote`, not for deciding who writes.
    ///
    /// # Errors
    /// When the server does not answer or says no.
    pub fn follow(&self, node: &str, address: Option<&str>, seq: u64) -> Result<(), StoreError> {
        let seq = i64::try_from(seq).unwrap_or(i64::MAX);
        self.line.with(|wire| wire.again(|| wire.execute(FOLLOW, &[&self.shard, &node, &address, &seq]))).map(drop)
    }

    /// Takes back what [`Lease::follow`] told.
    ///
    /// # Errors
    /// When the server does not answer or says no.
    pub fn forget(&self, node: &str) -> Result<(), StoreError> {
        self.line.with(|wire| wire.again(|| wire.execute(FORGET, &[&self.shard, &node]))).map(drop)
    }

    /// Every process that tells, or once told, that it follows; whose beat moves is alive.
    ///
    /// # Errors
    /// When the server does not answer or says no.
    pub fn followers(&self) -> Result<Vec<FollowerView>, StoreError> {
        let rows = self.line.with(|wire| wire.query(FOLLOWERS, &[&self.shard]))?;
        let follower = |row: &Row| FollowerView {
            node: row.get(0),
            address: row.get(1),
            seq: u64::try_from(row.get::<_, i64>(2)).unwrap_or(0),
            beat: row.get(3),
        };
        Ok(rows.iter().map(follower).collect())
    }

    /// Whether the next call opens a new connection.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.line.is_lost()
    }

    /// The lease as it is now, `None` when nobody ever took it.
    ///
    /// # Errors
    /// When the server does not answer or says no.
    pub fn look(&self) -> Result<Option<LeaseView>, StoreError> {
        let row = self.line.with(|wire| wire.one(LOOK, &[&self.shard]))?;
        Ok(row.map(|row| view(&row)))
    }

    /// Takes the lease if it is still as it was `seen`, for the node `holder` that is reached at `address` and whose clock says
    /// `clock_ms`. Gives the new term, or `None` when somebody was first. What was wanted is forgotten.
    ///
    /// # Errors
    /// When the server does not answer or says no. An answer that was lost may have been a term: it can be taken again
    /// upon the next look.
    pub fn take(&self, seen: Option<&LeaseView>, holder: &str, address: Option<&str>, clock_ms: i64) -> Result<Option<i64>, StoreError> {
        let row = self.line.with(|wire| match seen {
            Some(seen) => wire.write_one(TAKE, &[&self.shard, &seen.term, &seen.beat, &holder, &address, &clock_ms]),
            None => wire.write_one(TAKE_FIRST, &[&self.shard, &holder, &address, &clock_ms]),
        })?;
        let Some(row) = row else { return Ok(None) };
        self.holder.replace(Some(holder.to_owned()));
        Ok(Some(row.get(0)))
    }

    /// Shows that this hold, which took `term`, is alive, what its clock says, and up to which batch it has answered.
    ///
    /// # Errors
    /// When the server does not answer or says no: it is then not known whether the lease was kept.
    pub fn renew(&self, term: i64, clock_ms: i64, answered: u64) -> Result<Renewed, StoreError> {
        let (holder, asked) = (self.holder.borrow(), self.renewals.get() + 1);
        self.renewals.set(asked);
        let answered_through = i64::try_from(answered).unwrap_or(i64::MAX);
        let row = self.line.with(|wire| wire.write_one(RENEW, &[&self.shard, &term, &*holder, &clock_ms, &asked, &answered_through]))?;
        let Some(row) = row else { return Ok(Renewed::Lost) };
        let (answered, seq, hash): (i64, Option<i64>, Option<Vec<u8>>) = (row.get(1), row.get(2), row.get(3));
        if answered != asked {
            return Err(StoreError::Unknown(format!("renewal {asked} of the lease was answered as renewal {answered}")));
        }
        let ends_at = seq.and_then(|seq| Some((u64::try_from(seq).ok()?, hash?.try_into().ok()?)));
        Ok(Renewed::Kept { wanted: row.get(0), ends_at })
    }

    /// Lets the lease go if it is still what this hold took as `term`, for others to take at once. What was wanted stays.
    ///
    /// # Errors
    /// When the server does not answer or says no.
    pub fn release(&self, term: i64) -> Result<(), StoreError> {
        let holder = self.holder.borrow();
        self.line.with(|wire| wire.again(|| wire.execute(RELEASE, &[&self.shard, &term, &*holder]))).map(drop)
    }

    /// Asks the holder of `term` to let the lease go in favour of `node`, or of [`ANYBODY`]. Gives whether that term is still
    /// the lease's.
    ///
    /// # Errors
    /// When the server does not answer or says no.
    pub fn want(&self, term: i64, node: &str) -> Result<bool, StoreError> {
        let rows = self.line.with(|wire| wire.again(|| wire.execute(WANT, &[&self.shard, &term, &node])))?;
        Ok(rows == 1)
    }
}

fn view(row: &Row) -> LeaseView {
    let answered: Option<i64> = row.get(6);
    LeaseView {
        term: row.get(0),
        beat: row.get(1),
        holder: row.get(2),
        address: row.get(3),
        wanted: row.get(4),
        clock_ms: row.get(5),
        answered: answered.and_then(|seq| u64::try_from(seq).ok()),
    }
}
