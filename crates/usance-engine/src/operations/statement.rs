//! The statement: every movement of Spot and Funding, newest first, each with the balance after it.

use super::state;
use crate::caller::{Caller, Permission, Right};
use crate::life::engine::Engine;
use crate::lines::statement::{Filter, Walk};
use crate::lines::{Chosen, Cut};
use crate::refusal::Refusal;
use crate::unavailable::Unavailable;
use usance_core::calendar::Day;
use usance_core::machine::movement::MovementKind;
use usance_core::reward::clawback::AccountKind;

pub use crate::lines::statement::{Bookmark, StatementLine, Stop};

/// Who may do what.
pub const RIGHTS: &[Right] = &[("statement_get", Permission::CustomerRead)];

/// Which movements; both days are included.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// Only of this asset.
    pub asset: Option<&'a str>,
    /// Only of this account.
    pub account: Option<AccountKind>,
    /// Only of this product.
    pub product: Option<&'a str>,
    /// Only of this kind.
    pub kind: Option<MovementKind>,
    /// Not before this day of the platform.
    pub from: Option<Day>,
    /// Not after this day of the platform.
    pub to: Option<Day>,
}

/// A statement on its way back into the past.
pub struct Statement {
    walk: Walk,
    filter: Filter,
}

/// Begins a statement: at this moment, or where a bookmark stands.
///
/// # Errors
/// `product_not_found`, `customer_not_found`, `asset_not_found`, an engine that cannot answer now.
pub async fn begin(engine: &Engine, caller: &Caller, asked: Asked<'_>, mark: Option<Bookmark>) -> Result<Statement, Refusal> {
    let cut = Cut::take(engine, caller.acts_for(), Chosen { asset: asked.asset, ..Chosen::default() }).await?;
    begin_at(engine, cut, asked, mark)
}

/// As [`begin`], at a moment that was taken.
///
/// # Errors
/// `product_not_found`.
pub fn begin_at(engine: &Engine, cut: Cut, asked: Asked<'_>, mark: Option<Bookmark>) -> Result<Statement, Refusal> {
    let (product, offset) = engine.peek(|state| {
        let product = asked.product.map(|id| state::seen(state, id).map(|(ix, _)| ix)).transpose();
        (product, state.registry.platform.offset)
    });
    let filter = Filter {
        account: asked.account,
        product: product?,
        kind: asked.kind,
        from: asked.from.map(|day| offset.first_instant(day)),
        until: asked.to.map(|day| offset.first_instant(day.next())),
        since: asked.from,
        to: asked.to,
    };
    Ok(Statement { walk: Walk::new(cut, mark), filter })
}

impl Statement {
    /// The next lines, newest first, at most so many, and why there are no more of them.
    ///
    /// # Errors
    /// When the read tables cannot be read.
    pub async fn next(&mut self, engine: &Engine, most: usize) -> Result<(Vec<StatementLine>, Stop), Unavailable> {
        self.walk.next(engine, self.filter, most).await
    }

    /// The next lines, and where the ones after them begin, if there may be any: a page may be shorter than asked for, and yet not
    /// the last.
    ///
    /// # Errors
    /// When the read tables cannot be read.
    pub async fn page(&mut self, engine: &Engine, most: usize) -> Result<(Vec<StatementLine>, Option<Bookmark>), Unavailable> {
        let (lines, stop) = self.next(engine, most).await?;
        let mark = self.walk.mark().clone();
        let has_more = match stop {
            Stop::End => false,
            Stop::Budget => true,
            Stop::Size => {
                let (more, stop) = self.next(engine, 1).await?;
                !more.is_empty() || stop == Stop::Budget
            }
        };
        Ok((lines, has_more.then_some(mark)))
    }

    /// Takes the limit away from what may be read for it.
    pub fn lift_budget(&self) {
        self.walk.budget().lift();
    }
}
