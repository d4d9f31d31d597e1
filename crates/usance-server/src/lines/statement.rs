//! The statement: every movement of Spot and Funding, newest first, each with the balance after it (RULES 9).
//!
//! A page starts from balances that are known (now, or what the cursor carries) and walks back, taking each movement off
//! again; so opening balance plus every line is the closing balance by construction, and a page costs what it shows.

use super::{CloseLine, Cut, closed_at};
use crate::api::App;
use crate::api::error::Problem;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::{AssetIx, LogPosition, PositionId, ProductIx};
use usance_core::machine::Event;
use usance_core::money::{Amount, Balance};
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

/// What moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MovementKind {
    /// Coins came in.
    Deposit,
    /// Coins went out.
    Withdrawal,
    /// Between the two accounts.
    Transfer,
    /// Staked.
    Subscription,
    /// Unstaked.
    Redemption,
    /// Taken back from Funding by an early exit.
    Clawback,
    /// A reward was paid.
    Reward,
    /// A term ended and principal came back.
    Maturity,
}

impl MovementKind {
    /// Every kind.
    pub const ALL: [MovementKind; 8] = [
        MovementKind::Deposit,
        MovementKind::Withdrawal,
        MovementKind::Transfer,
        MovementKind::Subscription,
        MovementKind::Redemption,
        MovementKind::Clawback,
        MovementKind::Reward,
        MovementKind::Maturity,
    ];
    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            MovementKind::Deposit => "deposit",
            MovementKind::Withdrawal => "withdrawal",
            MovementKind::Transfer => "transfer",
            MovementKind::Subscription => "subscription",
            MovementKind::Redemption => "redemption",
            MovementKind::Clawback => "clawback",
            MovementKind::Reward => "reward",
            MovementKind::Maturity => "maturity",
        }
    }
}

/// One movement of one account.
#[derive(Clone, Debug)]
pub struct Movement {
    key: LineKey,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: MovementKind,
    /// Of which asset.
    pub asset: AssetIx,
    /// Which account.
    pub account: AccountKind,
    /// By how much; below zero when it went out.
    pub amount: Balance,
    /// The balance after it.
    pub balance: Balance,
    /// The closed day of a reward or maturity.
    pub day: Option<Day>,
    /// The staking position.
    pub position: Option<PositionId>,
    /// The product.
    pub product: Option<ProductIx>,
    /// The wallet's reference.
    pub reference: Option<String>,
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
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

impl Filter {
    /// Whether a line that is not before its beginning is shown.
    fn admits(&self, line: &Movement) -> bool {
        self.account.is_none_or(|account| account == line.account)
            && self.product.is_none_or(|product| line.product == Some(product))
            && self.kind.is_none_or(|kind| kind == line.kind)
            && self.until.is_none_or(|until| line.at < until)
    }
}

/// Where a walk back stands: the last line passed, and the balances before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bookmark {
    last: LineKey,
    balances: Vec<(AssetIx, i128, i128)>,
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
            balances: cut.balances.iter().map(|(asset, both)| (*asset, units(both.spot), units(both.funding))).collect(),
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
    pub fn next(&mut self, app: &App, filter: Filter, size: usize) -> Result<Vec<Movement>, Problem> {
        let mut shown = Vec::new();
        loop {
            let (lines, end) = self.window(app)?;
            for mut line in lines {
                if filter.from.is_some_and(|from| line.at < from) {
                    return Ok(shown);
                }
                let Some((_, spot, funding)) = self.mark.balances.iter_mut().find(|(asset, ..)| *asset == line.asset) else { continue };
                let balance = if line.account == AccountKind::Spot { spot } else { funding };
                line.balance = Balance::from_units(*balance);
                *balance = balance.saturating_sub(line.amount.units());
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
    fn window(&mut self, app: &App) -> Result<(Vec<Movement>, Option<LineKey>), Problem> {
        let last = self.mark.last;
        let through = LogPosition::from_number(last.place);
        // One day more than a step: the day at which the step before ended may be read again.
        let days = usize::try_from(self.cut.step_days()).unwrap_or(1).saturating_add(1);
        let before = (last.day != BEHIND).then(|| Day::from_number(last.day).next());
        let closes = app.engine.tables(|tables| tables.closes(before, Span { after: LogPosition::START, through }, days))?;
        // The stretch reaches back to the oldest of these closes, that one included; without more of them, to the start.
        let oldest = closes.last().filter(|_| closes.len() == days);
        let mut lower =
            oldest.map(|close| LineKey { place: close.place.number(), day: close.day.number(), position: 0, asset: 0, part: 0 });
        let mut lines = Vec::new();
        for (asset, ..) in self.mark.balances.clone() {
            let after = lower.map_or(0, |lower| lower.place.saturating_sub(1));
            let span = Span { after: LogPosition::from_number(after), through };
            let rows = app.engine.tables(|tables| tables.history(self.cut.customer, asset, span, None, WINDOW_ROWS))?;
            if let (Some(oldest), true) = (rows.last(), rows.len() == WINDOW_ROWS) {
                lower = lower.max(Some(LineKey { place: oldest.place.number(), day: BEHIND, position: 0, asset: 0, part: 0 }));
            }
            rows.iter().for_each(|row| explicit(row, asset, &mut lines));
        }
        if let (Some(newest), Some(oldest)) = (closes.first(), closes.last()) {
            let places: BTreeMap<Day, u64> = closes.iter().map(|close| (close.day, close.place.number())).collect();
            let derived = self.cut.closes(app, oldest.day, newest.day)?;
            app.engine.peek(|state| {
                for line in &derived {
                    if let Some(place) = places.get(&line.day) {
                        from_close(line, *place, closed_at(state, line.day), &mut lines);
                    }
                }
            });
        }
        lines.retain(|line| line.key < last && lower.is_none_or(|lower| line.key >= lower));
        lines.sort_by_key(|line| std::cmp::Reverse(line.key));
        Ok((lines, lower))
    }
}

fn units(amount: Amount) -> i128 {
    i128::try_from(amount.units()).unwrap_or(i128::MAX)
}

fn explicit(row: &HistoryRow, asset: AssetIx, lines: &mut Vec<Movement>) {
    let (kind, position, product, reference) = match &row.event {
        Event::Deposited(moved) => (MovementKind::Deposit, None, None, Some(moved.reference.clone())),
        Event::Withdrawn(moved) => (MovementKind::Withdrawal, None, None, Some(moved.reference.clone())),
        Event::Transferred(_) => (MovementKind::Transfer, None, None, None),
        Event::Subscribed(event) => (MovementKind::Subscription, Some(event.position), Some(event.product), None),
        Event::Redeemed(event) => (MovementKind::Redemption, Some(event.position), Some(event.product), None),
        _ => return,
    };
    for (part, account, delta) in [(0, AccountKind::Spot, row.spot), (1, AccountKind::Funding, row.funding)] {
        if delta != 0 {
            let taken_back = kind == MovementKind::Redemption && delta < 0;
            lines.push(Movement {
                key: LineKey { place: row.place.number(), day: BEHIND, position: 0, asset: asset.0, part },
                at: row.at,
                kind: if taken_back { MovementKind::Clawback } else { kind },
                asset,
                account,
                amount: Balance::from_units(delta),
                balance: Balance::ZERO,
                day: None,
                position,
                product,
                reference: reference.clone(),
            });
        }
    }
}

fn from_close(line: &CloseLine, place: u64, at: Timestamp, lines: &mut Vec<Movement>) {
    let mut push = |part, kind, account, amount: Amount| {
        if !amount.is_zero() {
            lines.push(Movement {
                key: LineKey { place, day: line.day.number(), position: line.position.0, asset: line.asset.0, part },
                at,
                kind,
                asset: line.asset,
                account,
                amount: Balance::ZERO.plus(amount),
                balance: Balance::ZERO,
                day: Some(line.day),
                position: Some(line.position),
                product: Some(line.product),
                reference: None,
            });
        }
    };
    push(0, MovementKind::Reward, AccountKind::Funding, line.paid);
    if let Some(maturity) = &line.maturity {
        push(1, MovementKind::Maturity, AccountKind::Spot, maturity.to_spot);
        push(2, MovementKind::Maturity, AccountKind::Funding, maturity.to_funding);
    }
}
