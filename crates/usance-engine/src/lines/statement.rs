//! The statement: every movement of Spot and Funding, newest first, each with the balance after it (RULES 9).
//!
//! A page starts from balances that are known (now, or what the cursor carries) and walks back, taking each movement off
//! again; so opening balance plus every line is the closing balance by construction, and a page costs what it shows.

use crate::life::engine::Engine;
use crate::lines::{CloseLine, Cut, closed_at};
use crate::unavailable::Unavailable;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::{AssetIx, LogPosition, ProductIx};
use usance_core::machine::movement::{self, BothBalances, Movement, MovementKind};
use usance_core::machine::verb;
use usance_core::money::Balance;
use usance_core::reward::clawback::AccountKind;
use usance_store::projection::{HistoryRow, Span};

/// Rows of one asset looked at in one step back.
const WINDOW_ROWS: usize = 512;

/// Where a line stands among all: log position, closed day (after all days for what a customer did), position, part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LineKey {
    place: u64,
    day: i32,
    position: u64,
    asset: u32,
    part: u8,
}

/// Behind every line of a record.
const BEHIND: i32 = i32::MAX;

/// One movement in its place among all.
#[derive(Clone, Debug)]
pub struct StatementLine {
    key: LineKey,
    /// When.
    pub at: Timestamp,
    /// What moved.
    pub moved: Movement,
    /// The balance after it.
    pub balance: Balance,
}

impl StatementLine {
    /// Whether it is of a day that ended by the first instant of another: what a close moved is of the day that it closed,
    /// though it is stamped with that instant (RULES 2).
    fn is_of_before(&self, first_instant: Timestamp) -> bool {
        self.at < first_instant || (self.at == first_instant && self.moved.day.is_some())
    }
}

/// What to show.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Only one account.
    pub account: Option<AccountKind>,
    /// Only one product.
    pub product: Option<ProductIx>,
    /// Only one kind.
    pub kind: Option<MovementKind>,
    /// Not of a day that ended by then.
    pub from: Option<Timestamp>,
    /// Of a day that ended by then.
    pub until: Option<Timestamp>,
}

impl Filter {
    /// Whether a line that is not before its beginning is shown.
    fn admits(&self, line: &StatementLine) -> bool {
        self.account.is_none_or(|account| account == line.moved.account)
            && self.product.is_none_or(|product| line.moved.product == Some(product))
            && self.kind.is_none_or(|kind| kind == line.moved.kind)
            && self.until.is_none_or(|until| line.is_of_before(until))
    }
}

/// Where a walk back stands: the last line passed, and the balances before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bookmark {
    last: LineKey,
    balances: Vec<(AssetIx, BothBalances)>,
}

/// A walk back through a customer's movements.
pub struct Walk {
    cut: Cut,
    mark: Bookmark,
}

impl Walk {
    /// Starts at the cut, or where a bookmark stands.
    #[must_use]
    pub fn new(cut: Cut, mark: Option<Bookmark>) -> Walk {
        let now = || Bookmark {
            last: LineKey { place: cut.through.number(), day: BEHIND, position: u64::MAX, asset: u32::MAX, part: u8::MAX },
            balances: cut.balances.iter().map(|(asset, both)| (*asset, BothBalances::of(*both))).collect(),
        };
        let mark = mark.unwrap_or_else(now);
        Walk { cut, mark }
    }

    /// Where the walk stands.
    #[must_use]
    pub const fn mark(&self) -> &Bookmark {
        &self.mark
    }

    /// The next lines that pass the filter, newest first; fewer than `size` only at the end.
    ///
    /// # Errors
    /// When the read tables cannot be read.
    pub fn next(&mut self, engine: &Engine, filter: Filter, size: usize) -> Result<Vec<StatementLine>, Unavailable> {
        let mut shown = Vec::new();
        loop {
            let (lines, end) = self.window(engine)?;
            for mut line in lines {
                if filter.from.is_some_and(|from| line.is_of_before(from)) {
                    return Ok(shown);
                }
                let Some((_, both)) = self.mark.balances.iter_mut().find(|(asset, _)| *asset == line.moved.asset) else { continue };
                line.balance = both.take_off(&line.moved);
                self.mark.last = line.key;
                if filter.admits(&line) {
                    shown.push(line);
                    if shown.len() == size {
                        return Ok(shown);
                    }
                }
            }
            match end {
                Some(lower) => self.mark.last = lower,
                None => return Ok(shown),
            }
        }
    }

    /// The lines of the next stretch back, newest first, and the key at which the one after it begins.
    fn window(&mut self, engine: &Engine) -> Result<(Vec<StatementLine>, Option<LineKey>), Unavailable> {
        let last = self.mark.last;
        let through = LogPosition::from_number(last.place);
        // One day more than a step: the day at which the step before ended may be read again.
        let days = usize::try_from(self.cut.step_days()).unwrap_or(1).saturating_add(1);
        let before = (last.day != BEHIND).then(|| Day::from_number(last.day).next());
        let closes = engine.tables(|tables| tables.closes(before, Span { after: LogPosition::START, through }, days))?;
        // The stretch reaches back to the oldest of these closes, that one included; without more of them, to the start.
        let oldest = closes.last().filter(|_| closes.len() == days);
        let mut lower =
            oldest.map(|close| LineKey { place: close.place.number(), day: close.day.number(), position: 0, asset: 0, part: 0 });
        let mut lines = Vec::new();
        for (asset, _) in self.mark.balances.clone() {
            let after = lower.map_or(0, |lower| lower.place.saturating_sub(1));
            let span = Span { after: LogPosition::from_number(after), through };
            let rows = engine.tables(|tables| tables.history(self.cut.customer, asset, span, None, WINDOW_ROWS))?;
            if let (Some(oldest), true) = (rows.last(), rows.len() == WINDOW_ROWS) {
                lower = lower.max(Some(LineKey { place: oldest.place.number(), day: BEHIND, position: 0, asset: 0, part: 0 }));
            }
            lines.extend(rows.iter().flat_map(|row| of_row(row, asset)));
        }
        if let (Some(newest), Some(oldest)) = (closes.first(), closes.last()) {
            let places: BTreeMap<Day, u64> = closes.iter().map(|close| (close.day, close.place.number())).collect();
            let derived = self.cut.closes(engine, oldest.day, newest.day)?;
            engine.peek(|state| {
                for line in &derived {
                    if let Some(place) = places.get(&line.day) {
                        lines.extend(of_line(line, *place, closed_at(state, line.day)));
                    }
                }
            });
        }
        lines.retain(|line| line.key < last && lower.is_none_or(|lower| line.key >= lower));
        lines.sort_by_key(|line| std::cmp::Reverse(line.key));
        Ok((lines, lower))
    }
}

/// What a row of the history moved.
fn of_row(row: &HistoryRow, asset: AssetIx) -> impl Iterator<Item = StatementLine> {
    let (place, at) = (row.place.number(), row.at);
    let moved = verb::movements(&row.event, asset, Balance::from_units(row.spot), Balance::from_units(row.funding));
    moved.into_iter().map(move |moved| {
        let key = LineKey { place, day: BEHIND, position: 0, asset: asset.0, part: moved.part };
        StatementLine { key, at, moved, balance: Balance::ZERO }
    })
}

/// What a close moved for one position.
fn of_line(line: &CloseLine, place: u64, at: Timestamp) -> impl Iterator<Item = StatementLine> {
    let (day, position, asset) = (line.day.number(), line.position.0, line.asset.0);
    movement::of_close(line).into_iter().map(move |moved| {
        let key = LineKey { place, day, position, asset, part: moved.part };
        StatementLine { key, at, moved, balance: Balance::ZERO }
    })
}
