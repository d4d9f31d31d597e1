//! Makes a failing plan small: fewer kinds of faults, fewer turns, plainer turns, as long as it still fails.
//!
//! Any failure counts as the same one: what is left is the plainest world in which something is wrong.

use crate::plan::Plan;
use crate::run::{Finding, Held, run};

/// Runs that a shrink may take.
const RUNS_MAX: usize = 500;

/// The smallest failing plan that is found in some hundred runs, and what it finds. A plan that holds comes back as it is.
#[must_use]
pub fn shrink(plan: &Plan) -> (Plan, Option<Finding>) {
    shrink_by(plan, run)
}

/// As [`shrink`], where the caller says what a run is and when it fails.
#[must_use]
pub fn shrink_by(plan: &Plan, run: impl Fn(&Plan) -> Result<Held, Finding>) -> (Plan, Option<Finding>) {
    let Err(found) = run(plan) else { return (plan.clone(), None) };
    let mut search = Search { run, best: plan.clone(), found, left: RUNS_MAX };
    let mut begun = plan.clone();
    begun.turns.truncate(search.found.turns.max(1));
    search.fails(begun);
    loop {
        let size = weight(&search.best);
        search.kinds();
        search.turns();
        search.bytes();
        if search.left == 0 || weight(&search.best) == size {
            return (search.best, Some(search.found));
        }
    }
}

fn weight(plan: &Plan) -> usize {
    let bytes = plan.turns.iter().chain([&plan.founding]).flatten().filter(|byte| **byte != 0).count();
    plan.swarm.kinds().count() + plan.turns.len() + bytes
}

struct Search<R> {
    run: R,
    best: Plan,
    found: Finding,
    left: usize,
}

impl<R: Fn(&Plan) -> Result<Held, Finding>> Search<R> {
    fn fails(&mut self, plan: Plan) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        match (self.run)(&plan) {
            Ok(_) => false,
            Err(found) => {
                (self.best, self.found) = (plan, found);
                true
            }
        }
    }

    fn kinds(&mut self) {
        for kind in self.best.swarm.kinds().collect::<Vec<_>>() {
            let plan = Plan { swarm: self.best.swarm.without(kind), ..self.best.clone() };
            self.fails(plan);
        }
    }

    /// Takes stretches of turns away, long ones first.
    fn turns(&mut self) {
        let mut stretch = self.best.turns.len() / 2;
        while stretch > 0 {
            let mut from = 0;
            while from < self.best.turns.len() {
                let mut plan = self.best.clone();
                let to = (from + stretch).min(plan.turns.len());
                plan.turns.drain(from..to);
                if !self.fails(plan) {
                    from += stretch;
                }
                if self.left == 0 {
                    return;
                }
            }
            stretch /= 2;
        }
    }

    /// Makes stretches of turns and of the founding plain, long ones first.
    fn bytes(&mut self) {
        for stretch in [64, 16, 4, 1] {
            for turn in 0..=self.best.turns.len() {
                let mut from = 0;
                while let Some(len) = self.purse(turn).map(Vec::len).filter(|len| from < *len) {
                    let to = (from + stretch).min(len);
                    let mut plan = self.best.clone();
                    let bytes = plan.turns.get_mut(turn).unwrap_or(&mut plan.founding);
                    if bytes[from..to].iter().any(|byte| *byte != 0) {
                        bytes[from..to].fill(0);
                        self.fails(plan);
                    }
                    from = to;
                }
                if self.left == 0 {
                    return;
                }
            }
        }
    }

    /// A turn's bytes; behind the last turn the founding's.
    fn purse(&self, turn: usize) -> Option<&Vec<u8>> {
        self.best.turns.get(turn).or_else(|| (turn == self.best.turns.len()).then_some(&self.best.founding))
    }
}
