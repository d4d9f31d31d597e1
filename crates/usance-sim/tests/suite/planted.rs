//! The simulator is known to work: every bug that is built in on purpose is found, and it is said after how many turns.

use std::io::Write;
use usance_core::planted::{Bug, plant};
use usance_sim::plan::Plan;
use usance_sim::run::run;
use usance_sim::{seeds, shrink};

/// Worlds in which a bug has to show.
const WORLDS: u64 = 100;

/// Says a line past the test runner: how long it took is what the table is for.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// One test, because a bug is switched on for the whole process.
#[test]
fn every_planted_bug_is_found() {
    let mut missed = Vec::new();
    say(&format!("{:<32} {:>6} {:>7}  what was seen", "planted bug", "world", "turns"));
    for bug in Bug::ALL {
        plant(Some(bug));
        let mut turns = 0;
        let found = (1..=WORLDS).find_map(|seed| match run(&Plan::of(seed)) {
            Ok(held) => {
                turns += held.turns;
                None
            }
            Err(finding) => Some((seed, turns + finding.turns, finding.what)),
        });
        match found {
            Some((world, turns, what)) => {
                plant(None);
                assert!(run(&Plan::of(world)).is_ok(), "world {world} finds something without {bug:?}, too");
                let what: String = what.chars().take(110).collect();
                say(&format!("{:<32} {world:>6} {turns:>7}  {what}", format!("{bug:?}")));
            }
            None => {
                say(&format!("{:<32} {:>6} {turns:>7}  nothing", format!("{bug:?}"), "none"));
                missed.push(bug);
            }
        }
    }
    a_finding_is_made_small();
    what_is_kept_still_finds();
    plant(None);
    assert!(missed.is_empty(), "not found in {WORLDS} worlds: {missed:?}");
    assert!(Bug::ALL.len() >= 20);
}

/// A plan that was kept because a planted bug failed in it still fails with that bug: a change of what dice are spent on makes
/// plans mean something else, and then they have to be made again (`usance-sim plant`).
fn what_is_kept_still_finds() {
    let kept = seeds::kept(&seeds::directory()).expect("the kept plans");
    let of_bugs: Vec<_> = kept.iter().filter_map(|(name, plan)| Some((name, plan, plan.planted.as_ref()?))).collect();
    assert!(of_bugs.len() >= 3, "plans of planted bugs are kept");
    for (name, plan, planted) in of_bugs {
        let bug = Bug::ALL.into_iter().find(|bug| &format!("{bug:?}") == planted);
        plant(Some(bug.unwrap_or_else(|| panic!("{name}: no planted bug {planted}"))));
        assert!(run(plan).is_err(), "{name} does not find {planted} any more");
    }
}

/// What is left of a failing plan still fails, is smaller, comes back from its text, and holds once the bug is gone.
fn a_finding_is_made_small() {
    plant(Some(Bug::SnapshotWithoutKeys));
    let plan = (1..=WORLDS).map(Plan::of).find(|plan| run(plan).is_err()).expect("a failing world");
    let (small, finding) = shrink::shrink(&plan);
    assert!(finding.is_some() && small.turns.len() < plan.turns.len() / 4, "{} of {} turns", small.turns.len(), plan.turns.len());
    let kept = Plan::from_text(&small.to_text("what it found")).expect("a plan");
    assert!(run(&kept).is_err(), "a kept plan finds it again");
    plant(None);
    assert!(run(&kept).is_ok(), "and holds without the bug");
}
