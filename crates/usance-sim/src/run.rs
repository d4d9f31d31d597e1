//! Runs a plan to its end or to the first thing that is wrong.

use crate::compare::Found;
use crate::coverage::Coverage;
use crate::plan::{Plan, Turn};
use crate::world::World;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A run that came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Turns.
    pub turns: usize,
    /// The hash of every answer, every trouble, the log's head, the last state and the read tables: the same seed gives the
    /// same.
    pub hash: blake3::Hash,
    /// What happened.
    pub coverage: Coverage,
}

/// What a run found, and after how many turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Turns until then.
    pub turns: usize,
    /// What is wrong.
    pub what: Found,
    /// Whether something stopped with a panic, instead of a check that saw it.
    pub panicked: bool,
}

/// Runs a plan. A panic is a finding, too.
///
/// # Errors
/// The first finding.
pub fn run(plan: &Plan) -> Result<Held, Finding> {
    let mut turns = 0;
    let ended = catch_unwind(AssertUnwindSafe(|| walk(plan, &mut turns)));
    match ended {
        Ok(Ok((hash, coverage))) => Ok(Held { turns, hash, coverage }),
        Ok(Err(what)) => Err(Finding { turns, what, panicked: false }),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(Finding { turns, what: format!("a panic: {}", text.unwrap_or_default()), panicked: true })
        }
    }
}

fn walk(plan: &Plan, turns: &mut usize) -> Result<(blake3::Hash, Coverage), Found> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut world = World::found(plan, dir.path())?;
    for turn in &plan.turns {
        *turns += 1;
        world.turn(&mut Turn::of(turn))?;
    }
    let hash = world.finish()?;
    Ok((hash, world.coverage))
}
