//! Rewards: the pools that they are paid from, and what each day gave.

use super::words;
use crate::caller::{Caller, Permission, Right};
use crate::life::engine::Engine;
use crate::lines::{Chosen, Cut};
use crate::once::Once;
use crate::refusal::Refusal;
use crate::submit::{Told, Write};
use crate::unavailable::Unavailable;
use usance_core::calendar::Day;
use usance_core::machine::{Command, Rejection};

pub use crate::lines::{CloseLine, Part};

/// Who may do what.
pub const RIGHTS: &[Right] = &[("reward_list", Permission::CustomerRead), ("reward_pool_move", Permission::Operator)];

/// Which way a reward pool is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolMove {
    /// Coins come in.
    Fund,
    /// Coins go out.
    Withdraw,
}

/// Funds a reward pool, or takes back from it.
///
/// # Errors
/// What uses no key; see [`Engine::carry_out`].
pub async fn move_pool(
    engine: &Engine,
    caller: &Caller,
    once: &Once,
    asset: String,
    amount: String,
    which: PoolMove,
) -> Result<Told, Refusal> {
    let command = match which {
        PoolMove::Fund => Command::FundRewardPool { asset, amount },
        PoolMove::Withdraw => Command::WithdrawRewardPool { asset, amount },
    };
    engine.carry_out(Write { caller, once, method: "POST" }, command, None).await
}

/// Which days of which positions.
#[derive(Clone, Copy, Debug, Default)]
pub struct DaysAsked<'a> {
    /// Only of this asset.
    pub asset: Option<&'a str>,
    /// Only of this position.
    pub position: Option<&'a str>,
    /// Not before this day.
    pub from: Option<Day>,
    /// Not after this day.
    pub to: Option<Day>,
    /// Before this day and position.
    pub before: Option<(Day, u64)>,
    /// At most so many.
    pub most: usize,
}

/// What each closed day gave each of a customer's positions, newest first.
///
/// # Errors
/// `position_not_found`, `customer_not_found`, `asset_not_found`, an engine that cannot answer now.
pub async fn days(engine: &Engine, caller: &Caller, asked: DaysAsked<'_>) -> Result<Part<CloseLine, (Day, u64)>, Refusal> {
    let position = asked.position.map(|text| words::position(text).ok_or(Rejection::PositionNotFound)).transpose()?;
    let chosen = Chosen { asset: asked.asset, position, ..Chosen::default() };
    let mut cut = Cut::take(engine, caller.acts_for(), chosen).await?;
    if let (Some(symbol), Some(_)) = (asked.asset, position) {
        let asset = engine.peek(|state| state.asset_ix(symbol));
        cut.subjects.retain(|subject| Some(subject.past.asset) == asset);
    }
    Ok(days_at(engine, cut, asked).await?)
}

/// As [`days`], at a moment that was taken of the positions that are wanted.
///
/// # Errors
/// When the read tables cannot be read.
pub async fn days_at(engine: &Engine, mut cut: Cut, asked: DaysAsked<'_>) -> Result<Part<CloseLine, (Day, u64)>, Unavailable> {
    let first = cut.first_day(engine).max(asked.from.unwrap_or(Day::from_number(i32::MIN)));
    let mut until = asked.to.unwrap_or(cut.last_closed).min(cut.last_closed);
    until = asked.before.map_or(until, |(day, _)| until.min(day));
    let is_next = |line: &CloseLine| asked.before.is_none_or(|before| (line.day, line.position.0) < before);
    let mut found: Vec<CloseLine> = Vec::new();
    while found.len() < asked.most {
        // Days on which none of them was staked are passed at once.
        let Some(newest) = cut.staked_last(engine, until).filter(|newest| *newest >= first) else { break };
        let start = newest.plus_days(1 - cut.step_days()).max(first);
        found.extend(cut.closes(engine, start, newest).await?.into_iter().rev().filter(is_next));
        until = start.previous();
        if cut.budget.is_used_up() && found.len() < asked.most && until >= first {
            return Ok(Part { found, paused_at: Some((start, 0)) });
        }
    }
    found.truncate(asked.most);
    Ok(Part { found, paused_at: None })
}
