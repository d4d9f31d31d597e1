//! Looks for a bug that is known to be in this tree: first with the plans that were kept for it, then in worlds from seed 1 on.
//!
//! `cargo xtask planted` plants the bug, builds this crate and reads what is printed: a line for each kept plan and one for
//! the worlds, of what was run, how it ended, turns and what was seen, with tabs between them. A panic is told apart from
//! what a check saw. The exit code only says whether the hunt took place.

use crate::plan::Plan;
use crate::run::{Finding, run};
use crate::{seeds, shrink};
use anyhow::{Context, ensure};
use std::path::Path;

/// Hunts. With `keep`, the first world that finds the bug is made small and kept there, in place of what was kept for it.
///
/// # Errors
/// When plans cannot be read or kept, and when there is nothing to keep.
pub fn hunt(planted: Option<&str>, worlds: u64, keep: Option<&Path>) -> anyhow::Result<()> {
    for (name, plan) in seeds::kept(&seeds::directory())? {
        if keep.is_none() && planted.is_some() && plan.planted.as_deref() == planted {
            let ended = run(&plan);
            let turns = ended.as_ref().map_or_else(|finding| finding.turns, |held| held.turns);
            println!("{}", line(&name, turns, ended.err().as_ref()));
        }
    }
    let mut turns = 0;
    let found = (1..=worlds).find_map(|seed| match run(&Plan::of(seed)) {
        Ok(held) => {
            turns += held.turns;
            None
        }
        Err(finding) => Some((seed, finding)),
    });
    let last = found.as_ref().map_or(worlds, |(seed, _)| *seed);
    turns += found.as_ref().map_or(0, |(_, finding)| finding.turns);
    println!("{}", line(&format!("world {last}"), turns, found.as_ref().map(|(_, finding)| finding)));
    keep.map_or(Ok(()), |keep| {
        let (seed, _) = found.context("no world finds anything, so none is kept")?;
        let bug = planted.context("a plan is kept under the name of a bug")?;
        let (small, finding) = shrink::shrink(&Plan { planted: Some(bug.to_owned()), ..Plan::of(seed) });
        let finding = finding.context("a world that found something finds it again")?;
        ensure!(!finding.panicked, "a panic is not kept: {}", finding.what);
        seeds::keep(keep, &small, &format!("with {bug} planted: {}", finding.what))?;
        Ok(())
    })
}

/// One line of what was run.
fn line(ran: &str, turns: usize, finding: Option<&Finding>) -> String {
    let ended = finding.map_or("held", |finding| if finding.panicked { "panicked" } else { "found" });
    let what = finding.map_or("", |finding| &finding.what).replace(['\t', '\n'], " ");
    format!("{ran}\t{ended}\t{turns}\t{what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_apart_how_a_plan_ended() {
        let finding = |panicked| Finding { turns: 4, what: "books:\t1,\nseen 2".into(), panicked };
        assert_eq!(line("world 3", 9, None), "world 3\theld\t9\t");
        assert_eq!(line("world 3", 9, Some(&finding(false))), "world 3\tfound\t9\tbooks: 1, seen 2");
        assert_eq!(line("planted-X", 4, Some(&finding(true))), "planted-X\tpanicked\t4\tbooks: 1, seen 2");
    }
}
