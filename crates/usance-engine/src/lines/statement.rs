//! The statement: every movement of Spot and Funding, newest first, each with the balance after it (RULES 9).
//!
//! A page starts from balances that are known (now, or what the cursor carries) and walks back, taking each movement off
//! again; so opening balance plus every line is the closing balance by construction, and a page costs what it shows. Where a
//! filter shows nothing for a while, the walk goes to what it shows next and takes off what lies between as sums; it stops
//! where the budget of its request is used up.

use crate::life::engine::Engine;
use crate::lines::budget::{Budget, ROW_DAYS};
use crate::lines::{CloseLine, Cut, closed_at};
use crate::unavailable::Unavailable;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::{AssetIx, LogPosition, ProductIx};
use usance_core::machine::derive::{self, Past};
use usance_core::machine::movement::{self, BothBalances, Movement, MovementKind};
use usance_core::machine::verb;
use usance_core::money::Balance;
use usance_core::reward::clawback::AccountKind;
use usance_store::projection::{ClosedOn, Deeds, HistoryKind, HistoryRow, Span};

/// Rows of one asset looked at in one step back.
const WINDOW_ROWS: usize = 512;
/// Rows of one asset passed in one step back.
const PASSED_ROWS: usize = 2_048;
/// With more positions a day costs more than a row: what the customer did is then looked at row by row.
const POSITIONS_IN_A_WINDOW: usize = 32;

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

impl LineKey {
    /// Behind everything at a place.
    const fn behind(place: u64) -> LineKey {
        LineKey { place, day: BEHIND, position: u64::MAX, asset: u32::MAX, part: u8::MAX }
    }
    /// Where the rows at a place begin; closes of the same record lie before.
    const fn at_row(place: u64) -> LineKey {
        LineKey { place, day: BEHIND, position: 0, asset: 0, part: 0 }
    }
    /// Where the lines of a day begin that was closed at a place.
    const fn at_close(place: u64, day: Day) -> LineKey {
        LineKey { place, day: day.number(), position: 0, asset: 0, part: 0 }
    }
    /// Through which place rows lie before this key, perhaps in part.
    fn rows_through(self) -> LogPosition {
        let is_whole = self.day == BEHIND && self > LineKey::at_row(self.place);
        LogPosition::from_number(if is_whole { self.place } else { self.place.saturating_sub(1) })
    }
    /// Behind which place rows lie at this key or after it.
    fn rows_after(self) -> LogPosition {
        LogPosition::from_number(if self > LineKey::at_row(self.place) { self.place } else { self.place.saturating_sub(1) })
    }
}

/// Why a walk gives no more lines for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// As many as were asked for are there.
    Size,
    /// There are no more.
    End,
    /// What may be read in one go was read.
    Budget,
}

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
    /// The first day that is shown.
    pub since: Option<Day>,
    /// The last day that is shown.
    pub to: Option<Day>,
}

impl Filter {
    /// The kind of what the customer did, where only that is shown.
    const fn deed(&self) -> Option<HistoryKind> {
        match self.kind {
            Some(MovementKind::Deposit) => Some(HistoryKind::Deposit),
            Some(MovementKind::Withdrawal) => Some(HistoryKind::Withdrawal),
            Some(MovementKind::Transfer) => Some(HistoryKind::Transfer),
            Some(MovementKind::Subscription) => Some(HistoryKind::Subscription),
            Some(MovementKind::Redemption | MovementKind::Clawback) => Some(HistoryKind::Redemption),
            Some(MovementKind::ExitPayment) => Some(HistoryKind::ExitPayment),
            Some(MovementKind::ExitReward) => Some(HistoryKind::ExitReward),
            Some(MovementKind::Loss) => Some(HistoryKind::Loss),
            Some(MovementKind::LossReturned) => Some(HistoryKind::LossReturned),
            Some(MovementKind::Reward | MovementKind::Maturity) | None => None,
        }
    }

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
            last: LineKey::behind(cut.through.number()),
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

    /// The next lines that pass the filter, newest first, and why there are no more of them.
    ///
    /// # Errors
    /// When the read tables cannot be read.
    pub async fn next(&mut self, engine: &Engine, filter: Filter, size: usize) -> Result<(Vec<StatementLine>, Stop), Unavailable> {
        let mut shown = Vec::new();
        loop {
            let Some(ahead) = self.ahead(engine, &filter).await? else { return Ok((shown, Stop::End)) };
            if ahead < self.mark.last && !self.pass(engine, ahead).await? {
                return Ok((shown, Stop::Budget));
            }
            let by_row = filter.deed().is_some() && self.cut.subjects.len() > POSITIONS_IN_A_WINDOW;
            let (lines, end) = if by_row { self.row(engine).await? } else { self.window(engine).await? };
            for mut line in lines {
                if filter.from.is_some_and(|from| line.is_of_before(from)) {
                    return Ok((shown, Stop::End));
                }
                let Some((_, both)) = self.mark.balances.iter_mut().find(|(asset, _)| *asset == line.moved.asset) else { continue };
                line.balance = both.take_off(&line.moved);
                self.mark.last = line.key;
                if filter.admits(&line) {
                    shown.push(line);
                    if shown.len() == size {
                        return Ok((shown, Stop::Size));
                    }
                }
            }
            match end {
                Some(lower) => self.mark.last = lower,
                None => return Ok((shown, Stop::End)),
            }
            if self.cut.budget.is_used_up() {
                return Ok((shown, Stop::Budget));
            }
        }
    }

    /// What may be read for this walk.
    #[must_use]
    pub const fn budget(&self) -> &Budget {
        &self.cut.budget
    }

    /// The key behind which the next line that the filter shows lies, if there is one: what lies before it need not be looked at.
    async fn ahead(&self, engine: &Engine, filter: &Filter) -> Result<Option<LineKey>, Unavailable> {
        if let Some(kind) = filter.deed() {
            return self.deed_ahead(engine, kind, filter).await;
        }
        let last = self.mark.last;
        if filter.kind.is_none() && filter.product.is_none() && filter.to.is_none() {
            return Ok(Some(last));
        }
        self.cut.budget.spend(self.cut.subjects.len() as u64 / 8 + ROW_DAYS).await;
        let newest = self.closed_through(engine, last)?.map_or(self.cut.last_closed, |closed| closed.day);
        // What the customer did lies on days that are not closed, too.
        let mut day = newest.next();
        day = filter.to.map_or(day, |to| day.min(to));
        let is_chosen = |past: &Past| filter.product.is_none_or(|only| only == past.product);
        match filter.kind {
            Some(MovementKind::Maturity) => {
                let ended = |past: &Past| past.running.maturity_day(past.kind).map(Day::previous).filter(|ended| *ended <= day);
                let chosen = self.cut.subjects.iter().map(|subject| &subject.past).filter(|past| is_chosen(past));
                let Some(newest) = chosen.filter_map(ended).max() else { return Ok(None) };
                day = newest;
            }
            Some(_) => match self.cut.moved_last(engine, day, |_, past| is_chosen(past)) {
                Some(newest) => day = newest,
                None => return Ok(None),
            },
            // A product's lines lie on the days of its positions, the one on which each ended included.
            None if filter.product.is_some() => {
                let lives = engine.peek(|state| {
                    let alive = |past: &Past| {
                        let first = past.first_day(state);
                        let ended = derive::last_day(state, &past.origin, self.cut.last_closed).next();
                        (first <= day).then(|| ended.min(day))
                    };
                    self.cut.subjects.iter().map(|subject| &subject.past).filter(|past| is_chosen(past)).filter_map(alive).max()
                });
                let Some(newest) = lives else { return Ok(None) };
                day = newest;
            }
            None => {}
        }
        if filter.since.is_some_and(|since| day < since) {
            return Ok(None);
        }
        if newest.since(day) <= self.cut.step_days() {
            return Ok(Some(last));
        }
        // Everything up to the end of that day is left.
        let span = Span { after: LogPosition::START, through: LogPosition::from_number(last.place) };
        let closed = engine.tables(self.cut.through, |tables| tables.closes(Some(day.next()), span, 1))?;
        let end = closed.first().filter(|closed| closed.day == day);
        Ok(Some(end.map_or(last, |end| LineKey::at_close(end.place.number(), day.next()).min(last))))
    }

    /// The key behind the newest row of a kind that is left.
    async fn deed_ahead(&self, engine: &Engine, kind: HistoryKind, filter: &Filter) -> Result<Option<LineKey>, Unavailable> {
        let last = self.mark.last;
        let mut span = Span { after: LogPosition::START, through: last.rows_through() };
        if let Some(since) = filter.since {
            // What was done on that day lies behind the close of the one before.
            let before = engine.tables(self.cut.through, |tables| tables.closes(Some(since), span, 1))?;
            span.after = before.first().map_or(span.after, |closed| closed.place);
        }
        let mut newest = None;
        for (asset, _) in &self.mark.balances {
            let deeds = Deeds { customer: self.cut.customer, asset: *asset, kind, span };
            newest = newest.max(engine.tables(self.cut.through, |tables| tables.places(deeds, filter.product, 1))?.first().copied());
            self.cut.budget.spend(ROW_DAYS).await;
        }
        Ok(newest.map(|place| LineKey::behind(place.number()).min(last)))
    }

    /// Moves the mark back to a key, and takes off what lies between without making lines of it; false where the budget was used
    /// up on the way.
    async fn pass(&mut self, engine: &Engine, to: LineKey) -> Result<bool, Unavailable> {
        self.finish_place(engine, to).await?;
        while self.mark.last > to {
            let last = self.mark.last;
            let rows = Span { after: to.rows_after(), through: last.rows_through() };
            let mut lower = to;
            for (asset, _) in &self.mark.balances {
                let behind = engine.tables(self.cut.through, |tables| tables.behind(self.cut.customer, *asset, rows, PASSED_ROWS))?;
                lower = behind.map_or(lower, |behind| lower.max(LineKey::at_row(behind.number())));
            }
            let rows = Span { after: lower.rows_after(), ..rows };
            for (asset, both) in &mut self.mark.balances {
                let (spot, funding, count) = engine.tables(self.cut.through, |tables| tables.moved(self.cut.customer, *asset, rows))?;
                both.take_off_all(Balance::from_units(spot), Balance::from_units(funding));
                self.cut.budget.spend((count as u64 + 2) * ROW_DAYS).await;
            }
            let newest = self.closed_through(engine, last)?;
            let before = self.closed_through(engine, lower)?;
            let first = before.map_or(Day::from_number(i32::MIN), |closed| closed.day.next());
            if let Some(newest) = newest.filter(|newest| newest.day >= first) {
                for (asset, sum) in self.cut.moved(engine, first, newest.day).await? {
                    if let Some((_, both)) = self.mark.balances.iter_mut().find(|(known, _)| *known == asset) {
                        both.take_off_closes(sum);
                    }
                }
            }
            self.mark.last = lower;
            if lower > to && self.cut.budget.is_used_up() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes off what is left of the row, or of the closed day, in which the mark stands, but nothing before a key.
    async fn finish_place(&mut self, engine: &Engine, to: LineKey) -> Result<(), Unavailable> {
        let last = self.mark.last;
        if last == LineKey::at_row(last.place) || (last.day != BEHIND && last.position == 0) {
            return Ok(());
        }
        let (lines, lower) = if last.day == BEHIND {
            self.row(engine).await?
        } else {
            let day = Day::from_number(last.day);
            let lines = self.cut.closes(engine, day, day).await?;
            let lines = lines.iter().flat_map(|line| of_line(line, last.place, Timestamp::from_ms(0)));
            let mut lines: Vec<StatementLine> = lines.filter(|line| line.key < last).collect();
            lines.sort_by_key(|line| std::cmp::Reverse(line.key));
            (lines, Some(LineKey::at_close(last.place, day)))
        };
        for line in lines.iter().take_while(|line| line.key >= to) {
            if let Some((_, both)) = self.mark.balances.iter_mut().find(|(asset, _)| *asset == line.moved.asset) {
                both.take_off(&line.moved);
            }
        }
        self.mark.last = lower.unwrap_or(to).max(to).min(last);
        Ok(())
    }

    /// The newest closed day of which lines are left before a key.
    fn closed_through(&self, engine: &Engine, key: LineKey) -> Result<Option<ClosedOn>, Unavailable> {
        let before = (key.day != BEHIND).then(|| Day::from_number(key.day));
        let span = Span { after: LogPosition::START, through: LogPosition::from_number(key.place) };
        // The day itself, where the mark stands within it.
        let before = if key.position == 0 { before } else { before.map(Day::next) };
        Ok(engine.tables(self.cut.through, |tables| tables.closes(before, span, 1))?.first().copied())
    }

    /// The lines that are left of the rows at the mark's place, newest first, and the key behind them.
    async fn row(&self, engine: &Engine) -> Result<(Vec<StatementLine>, Option<LineKey>), Unavailable> {
        let last = self.mark.last;
        let mut lines = Vec::new();
        let span = Span { after: LogPosition::from_number(last.place.saturating_sub(1)), through: last.rows_through() };
        for (asset, _) in &self.mark.balances {
            let rows = engine.tables(self.cut.through, |tables| tables.history(self.cut.customer, *asset, span, None, WINDOW_ROWS))?;
            self.cut.budget.spend((rows.len() as u64 + 1) * ROW_DAYS).await;
            lines.extend(rows.iter().flat_map(|row| of_row(row, *asset)));
        }
        lines.retain(|line| line.key < last);
        lines.sort_by_key(|line| std::cmp::Reverse(line.key));
        Ok((lines, Some(LineKey::at_row(last.place).min(last))))
    }

    /// The lines of the next stretch back, newest first, and the key at which the one after it begins.
    async fn window(&mut self, engine: &Engine) -> Result<(Vec<StatementLine>, Option<LineKey>), Unavailable> {
        let last = self.mark.last;
        let through = LogPosition::from_number(last.place);
        // One day more than a step: the day at which the step before ended may be read again.
        let days = usize::try_from(self.cut.step_days()).unwrap_or(1).saturating_add(1);
        let before = (last.day != BEHIND).then(|| Day::from_number(last.day).next());
        let closes = engine.tables(self.cut.through, |tables| tables.closes(before, Span { after: LogPosition::START, through }, days))?;
        // The stretch reaches back to the oldest of these closes, that one included; without more of them, to the start.
        let oldest = closes.last().filter(|_| closes.len() == days);
        let mut lower = oldest.map(|close| LineKey::at_close(close.place.number(), close.day));
        let mut lines = Vec::new();
        for (asset, _) in &self.mark.balances {
            let after = lower.map_or(0, |lower| lower.place.saturating_sub(1));
            let span = Span { after: LogPosition::from_number(after), through };
            let rows = engine.tables(self.cut.through, |tables| tables.history(self.cut.customer, *asset, span, None, WINDOW_ROWS))?;
            self.cut.budget.spend((rows.len() as u64 + 1) * ROW_DAYS).await;
            if let (Some(oldest), true) = (rows.last(), rows.len() == WINDOW_ROWS) {
                lower = lower.max(Some(LineKey::at_row(oldest.place.number())));
            }
            lines.extend(rows.iter().flat_map(|row| of_row(row, *asset)));
        }
        if let (Some(newest), Some(oldest)) = (closes.first(), closes.last()) {
            let places: BTreeMap<Day, u64> = closes.iter().map(|close| (close.day, close.place.number())).collect();
            let derived = self.cut.closes(engine, oldest.day, newest.day).await?;
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
