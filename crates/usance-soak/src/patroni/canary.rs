//! Commits beside the service: one row after the other into each server, directly, and what becomes of them.
//!
//! They tell what the cluster did from what the service did: how long nobody could commit at all, and whether a commit that a
//! server confirmed is gone in the end, which no client can help. `psql` sends them, so nothing of the product is involved.

use super::cluster::Cluster;
use super::writer::longest_pause;
use anyhow::Context;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How often a row is sent to each server.
const EVERY: Duration = Duration::from_millis(100);
/// What `psql` says of a row that was committed.
const COMMITTED: &str = "INSERT 0 1";
/// What it is told to say behind each statement.
const END: &str = "end of statement";

/// Rows that a server confirmed.
#[derive(Debug, Default)]
pub struct Canary {
    confirmed: Mutex<Vec<(Instant, String)>>,
}

/// How the rows fared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kept {
    /// Rows that were confirmed.
    pub confirmed: usize,
    /// Those of them that are gone.
    pub gone: usize,
}

impl Canary {
    /// Makes the table.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn prepare(cluster: &Cluster, leader: usize) -> anyhow::Result<()> {
        cluster.sql(leader, "CREATE TABLE canary(row TEXT PRIMARY KEY)").map(drop)
    }

    /// Sends rows to a server until told to stop.
    ///
    /// # Errors
    /// When `psql` cannot be started.
    pub fn sing(&self, host: &str, mut psql: Command, is_done: &AtomicBool) -> anyhow::Result<()> {
        let mut rows = 0..;
        while !is_done.load(Ordering::Relaxed) {
            let mut session = Session::open(&mut psql)?;
            // A server that refuses rows, as replicas do, need not write that down every time.
            let mut told = session.ask("SET log_min_messages TO fatal", is_done);
            while told.is_some() {
                // Each row is sent once: of one that was not confirmed nothing is known.
                let row = format!("{host}-{}", rows.next().unwrap_or(0));
                told = session.ask(&format!("INSERT INTO canary VALUES ('{row}')"), is_done);
                if told.as_deref() == Some(COMMITTED) {
                    self.confirmed.lock().push((Instant::now(), row));
                }
                std::thread::sleep(EVERY);
            }
            std::thread::sleep(EVERY);
        }
        Ok(())
    }

    /// The longest time in which nothing was confirmed, of which a part lies between two moments.
    #[must_use]
    pub fn longest_pause(&self, from: Instant, to: Instant) -> Duration {
        longest_pause(self.confirmed.lock().iter().map(|(at, _)| *at).collect(), from, to)
    }

    /// Looks for every confirmed row.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn look_back(&self, cluster: &Cluster, leader: usize) -> anyhow::Result<Kept> {
        let there = cluster.sql(leader, "COPY canary TO STDOUT")?;
        let there: BTreeSet<&str> = there.lines().collect();
        let confirmed = self.confirmed.lock();
        let gone = confirmed.iter().filter(|(_, row)| !there.contains(row.as_str())).count();
        Ok(Kept { confirmed: confirmed.len(), gone })
    }
}

/// A `psql` that goes on, statement after statement.
struct Session {
    child: Child,
    asked: ChildStdin,
    told: Receiver<String>,
}

impl Session {
    fn open(psql: &mut Command) -> anyhow::Result<Session> {
        let mut child = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("starting psql")?;
        let (asked, out) = (child.stdin.take().context("piped")?, child.stdout.take().context("piped")?);
        let (says, told) = channel();
        // Ends with the child at the latest.
        std::thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| says.send(line)));
        Ok(Session { child, asked, told })
    }

    /// Has a statement done; gives all that is said of it, a warning beside the commit, too: that one is not confirmed then. Nothing
    /// when the session is over, or nobody waits any more.
    fn ask(&mut self, statement: &str, is_done: &AtomicBool) -> Option<String> {
        writeln!(self.asked, "{statement};\n\\echo {END}").ok()?;
        let mut said = Vec::new();
        while !is_done.load(Ordering::Relaxed) {
            match self.told.recv_timeout(EVERY) {
                Ok(line) if line == END => return Some(said.join("\n")),
                Ok(line) => said.push(line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        None
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
