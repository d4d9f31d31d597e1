//! How long each answer took, by what was asked; kept as it is and added up at the end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Coins into an account.
    Deposit,
    /// Coins out of an account.
    Withdrawal,
    /// Between the two accounts.
    Transfer,
    /// Staking.
    Subscription,
    /// Unstaking, flexible or early.
    Redemption,
    /// Automatic renewal, on or off.
    Renewal,
    /// The operator's writes: products, rates, pool.
    Operator,
    /// Moves of the clock, with the days that they close.
    Clock,
    /// A customer's write in the rush before a kill.
    Rush,
    /// A write sent once more with its key.
    Again,
    /// Previews and estimates.
    Preview,
    /// Accounts, positions, catalogue, lists.
    Look,
    /// Pages of the statement and reward lines.
    Statement,
    /// Whole statements as CSV.
    Csv,
    /// Pages of the app.
    Page,
    /// The operator's reads: books, days, journal, audit.
    Books,
    /// Reads that only compare the ledger with the engine.
    Check,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 17] = [
        Kind::Deposit,
        Kind::Withdrawal,
        Kind::Transfer,
        Kind::Subscription,
        Kind::Redemption,
        Kind::Renewal,
        Kind::Operator,
        Kind::Clock,
        Kind::Rush,
        Kind::Again,
        Kind::Preview,
        Kind::Look,
        Kind::Statement,
        Kind::Csv,
        Kind::Page,
        Kind::Books,
        Kind::Check,
    ];

    /// Its name in the report.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Deposit => "deposit",
            Kind::Withdrawal => "withdrawal",
            Kind::Transfer => "transfer",
            Kind::Subscription => "subscription",
            Kind::Redemption => "redemption",
            Kind::Renewal => "renewal on or off",
            Kind::Operator => "operator's write",
            Kind::Clock => "clock moved, days closed",
            Kind::Rush => "write in the rush",
            Kind::Again => "sent again",
            Kind::Preview => "preview",
            Kind::Look => "accounts, positions, lists",
            Kind::Statement => "statement, reward lines",
            Kind::Csv => "whole statement as CSV",
            Kind::Page => "page of the app",
            Kind::Books => "operator's read",
            Kind::Check => "comparison",
        }
    }

    /// Whether it is one customer's write, which is what the latency of writes is taken from.
    #[must_use]
    pub const fn is_write(self) -> bool {
        matches!(self, Kind::Deposit | Kind::Withdrawal | Kind::Transfer | Kind::Subscription | Kind::Redemption | Kind::Renewal)
    }

    /// Whether it is a read that a customer waits for.
    #[must_use]
    pub const fn is_read(self) -> bool {
        matches!(self, Kind::Preview | Kind::Look | Kind::Statement | Kind::Csv | Kind::Page)
    }
}

/// One answer.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// When it came, in milliseconds of the soak.
    pub at_ms: u32,
    /// What was asked.
    pub kind: Kind,
    /// Microseconds since it was due.
    pub micros: u32,
}

/// The answers of one thread, and how often a rule refused.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Every answer.
    pub taken: Vec<Taken>,
    /// Refusals by code.
    pub refused: BTreeMap<String, u64>,
    /// Requests that were due while the engine was away and are not made up for.
    pub skipped: u64,
    /// Keys of earlier answers that were sent again and gave the same bytes.
    pub keys_compared: u64,
    /// Requests sent twice at once.
    pub doubled: u64,
    /// Comparisons of one customer with the ledger.
    pub customers_compared: u64,
    /// Lines of statements that were added up.
    pub lines_compared: u64,
}

impl Tally {
    /// Notes an answer.
    pub fn take(&mut self, begun: Instant, kind: Kind, since: Instant) {
        let micros = u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX);
        let at_ms = u32::try_from(begun.elapsed().as_millis()).unwrap_or(u32::MAX);
        self.taken.push(Taken { at_ms, kind, micros });
    }

    /// Adds another thread's.
    pub fn join(&mut self, other: Tally) {
        self.taken.extend(other.taken);
        for (code, count) in other.refused {
            *self.refused.entry(code).or_default() += count;
        }
        self.skipped += other.skipped;
        self.keys_compared += other.keys_compared;
        self.doubled += other.doubled;
        self.customers_compared += other.customers_compared;
        self.lines_compared += other.lines_compared;
    }

    /// Latencies of those between two instants that a question is about.
    #[must_use]
    pub fn spread(&self, from: Duration, until: Duration, about: impl Fn(Kind) -> bool) -> Spread {
        let within = from.as_millis()..until.as_millis();
        let chosen = self.taken.iter().filter(|taken| within.contains(&u128::from(taken.at_ms)) && about(taken.kind));
        Spread::of(chosen.map(|taken| taken.micros).collect())
    }
}

/// How long answers took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// How many.
    pub count: usize,
    /// Half were quicker; microseconds.
    pub p50: u32,
    /// All but one in a hundred were quicker; microseconds.
    pub p99: u32,
    /// The slowest; microseconds.
    pub max: u32,
}

impl Spread {
    /// Of these microseconds.
    #[must_use]
    pub fn of(mut micros: Vec<u32>) -> Spread {
        micros.sort_unstable();
        let at = |percent: usize| micros.get(micros.len().saturating_sub(1) * percent / 100).copied().unwrap_or(0);
        Spread { count: micros.len(), p50: at(50), p99: at(99), max: at(100) }
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn a_spread_is_taken_from_the_sorted_answers() {
        let spread = Spread::of((1..=101).rev().collect());
        assert_eq!(spread, Spread { count: 101, p50: 51, p99: 100, max: 101 });
        assert_eq!(Spread::of(Vec::new()), Spread::default());
    }
}
