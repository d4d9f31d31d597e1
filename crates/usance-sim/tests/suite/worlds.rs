//! Worlds: the plans that once found something, seeds that are always the same, and fresh ones that are printed.

use std::io::Write;
use std::time::{Duration, Instant};
use usance_core::machine::Rejection;
use usance_sim::coverage::Coverage;
use usance_sim::plan::{Plan, Trouble};
use usance_sim::run::{Finding, run};
use usance_sim::{seeds, shrink};

/// How long worlds are run, of fixed seeds and of fresh ones each; never fewer than the least. What has to happen has to
/// happen in the least of the fixed ones, so that it does not hang on how quick a machine is.
const SECONDS: u64 = 20;
const LEAST: u64 = 60;

/// What somebody has to be told in the fixed worlds beside every refusal that there is: every kind of answer.
const ANSWERS: [&str; 18] = [
    "agreement",
    "asset",
    "clock",
    "customer",
    "equity",
    "exit allowance",
    "exit cancelled",
    "exit queued",
    "nothing",
    "position",
    "product",
    "rate",
    "redeemed",
    "reward pool",
    "settled",
    "subscribed",
    "transferred",
    "wallet moved",
];

/// What has to become of what networks pay, and of what they take, somewhere in the fixed worlds.
const MET: [&str; 19] = [
    "a cap",
    "a commission",
    "a division",
    "a gap",
    "a position that bears",
    "a renewed position that bears",
    "a reward of a network",
    "a step down",
    "a step up",
    "an average",
    "an exit that bears",
    "what a customer gets back of a loss",
    "what came back",
    "what is withheld of a term that ended",
    "what is withheld of an exit",
    "what is withheld of what is paid at once",
    "what passed to the pool",
    "what was withheld bears",
    "what was withheld comes free",
];

fn holds(seed: u64) -> (usize, Coverage) {
    match run(&Plan::of(seed)) {
        Ok(held) => (held.turns, held.coverage),
        Err(finding) => {
            let (small, found) = shrink::shrink(&Plan::of(seed));
            let what = found.map_or(finding.what, |finding| finding.what);
            let kept = seeds::keep(&seeds::directory(), &small, &what);
            panic!("seed {seed}: {what}\nkept: {kept:?}\n{}", small.to_text(&what));
        }
    }
}

fn for_a_while(first: u64) -> Coverage {
    let started = Instant::now();
    let (mut worlds, mut turns, mut coverage) = (0, 0, Coverage::default());
    while worlds < LEAST || started.elapsed() < Duration::from_secs(SECONDS) {
        let (more, happened) = holds(first.wrapping_add(worlds));
        turns += more;
        if worlds < LEAST {
            coverage.add(happened);
        }
        worlds += 1;
    }
    let _ = writeln!(std::io::stderr(), "usance-sim: {worlds} worlds from seed {first}, {turns} turns, all as the rules say");
    coverage
}

#[test]
fn fixed_seeds_hold() {
    let coverage = for_a_while(322);
    for trouble in Trouble::ALL {
        let times = coverage.troubles.get(&trouble).copied().unwrap_or_default();
        assert!(times >= 3, "{trouble:?} happened {times} times: a trouble that does not happen finds nothing");
    }
    for answer in ANSWERS.iter().chain(&MET).chain(Rejection::CODES) {
        assert!(coverage.answers.contains(*answer), "nobody was told {answer}: {:?}", coverage.answers);
    }
}

#[test]
fn fresh_seeds_hold() {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock after 1970");
    let first = u64::try_from(since.as_micros()).expect("a clock before 500,000");
    // Said past the test runner, so that it is there whatever becomes of the test.
    let _ = writeln!(std::io::stderr(), "usance-sim: fresh seeds from {first}");
    for_a_while(first);
}

#[test]
fn what_once_failed_holds() {
    let kept = seeds::kept(&seeds::directory()).expect("the kept plans");
    assert!(!kept.is_empty(), "seeds/ holds at least what planted bugs were found by");
    for (name, plan) in kept {
        if let Some(bug) = &plan.planted {
            let patch = seeds::directory().with_file_name("planted").join(format!("{bug}.patch"));
            assert!(patch.is_file(), "{name} was kept for a bug that nothing plants: {}", patch.display());
        }
        if let Err(finding) = run(&plan) {
            panic!("{name}: {}", finding.what);
        }
    }
}

/// What is left of a failing plan still fails, is smaller, and comes back from its text. A damaged snapshot and a run in one
/// world stand for what is wrong: that hangs on several turns and on several kinds of faults.
#[test]
fn a_finding_is_made_small() {
    let looked_for = |plan: &Plan| {
        let held = run(plan)?;
        let troubles = [Trouble::SnapshotDamage, Trouble::Runs];
        let happened = troubles.iter().all(|trouble| held.coverage.troubles.contains_key(trouble));
        if happened { Err(Finding { turns: held.turns, what: "both happened".into(), panicked: false }) } else { Ok(held) }
    };
    let plan = (1..=4 * LEAST).map(Plan::of).find(|plan| looked_for(plan).is_err()).expect("a failing world");
    let (small, finding) = shrink::shrink_by(&plan, looked_for);
    assert!(finding.is_some() && small.turns.len() < plan.turns.len() / 4, "{} of {} turns", small.turns.len(), plan.turns.len());
    assert!(small.swarm.kinds().count() < plan.swarm.kinds().count(), "what it does not need does not happen any more");
    let kept = Plan::from_text(&small.to_text("what it found")).expect("a plan");
    assert_eq!(looked_for(&kept), Err(finding.expect("a finding")), "a kept plan finds it again");
    assert_eq!(shrink::shrink_by(&kept, run), (kept, None), "what holds is left as it is");
}

#[test]
fn the_same_seed_gives_the_same_state() {
    for seed in [3, 7, 20_261_120, u64::MAX] {
        let once = run(&Plan::of(seed));
        assert_eq!(once, run(&Plan::of(seed)), "seed {seed}");
        assert!(once.is_ok(), "seed {seed}: {once:?}");
        assert_ne!(once.map(|held| held.hash), run(&Plan::of(seed ^ 1)).map(|held| held.hash), "another seed is another world");
    }
}
