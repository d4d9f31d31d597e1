//! What a soak has to have done at least: one that did nothing would find nothing.
//!
//! A floor that is missed is a finding like any other. What takes its time (a copy, a clean end, growth) is asked only of a load
//! that is long enough for it. How quick anything was is not judged here: machines are shared, and binaries may be built for tests.

use crate::course::{End, Outcome, Plan};
use crate::stage::Stage;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// From this load on everything has had its turn.
const LONG: Duration = Duration::from_secs(300);
/// And from so many lives of the middle length on: the second ends by SIGTERM, the third has a copy, growth wants five.
const LIVES: u32 = 8;
/// Answers a minute that show that something happened at all: a twelfth of what is offered by default.
const ANSWERS_A_MINUTE: f64 = 600.0;
/// Where less is offered, one in so many is asked for.
const OFFERED_AN_ANSWER: f64 = 12.0;
/// Kills after which answers were lost in both ways: one kill in three alone leaves no write that had been done.
const KILLS: usize = 8;

/// What was not reached, as sentences.
#[must_use]
pub fn missed(plan: Plan, stage: &Stage, outcome: &Outcome, is_growth_judged: bool) -> Vec<String> {
    let mut missed = Vec::new();
    let mut expect = |holds: bool, what: String| {
        if !holds {
            missed.push(format!("too little was done to tell anything: {what}"));
        }
    };
    let ended = |end: &dyn Fn(End) -> bool| outcome.restarts.iter().filter(|restart| end(restart.end)).count();
    let answered = outcome.tally.taken.iter().filter(|taken| taken.kind.is_write() || taken.kind.is_read()).count() as u64;
    let wanted = answers_wanted(plan.rate, outcome.load);
    expect(answered > 0 && answered >= wanted, format!("{answered} requests were answered, {wanted} at least are wanted"));
    let customers = u64::from(plan.threads) * u64::from(plan.customers);
    let (compared, lines) = (outcome.tally.customers_compared, outcome.tally.lines_compared);
    expect(customers > 0 && compared >= customers && lines > 0, format!("{compared} comparisons of {customers} customers, {lines} lines"));
    let kills = ended(&|end| end != End::Terminated);
    if kills >= KILLS {
        let (before, now) = (stage.done_before.load(Ordering::Relaxed), stage.done_now.load(Ordering::Relaxed));
        let what = format!("of the writes whose answer {kills} kills took {before} had been done and {now} had not");
        expect(before > 0 && now > 0, what);
        let keys = outcome.tally.keys_compared;
        expect(keys >= kills as u64, format!("{keys} earlier writes sent again after {kills} kills"));
    }
    if plan.load >= LONG && plan.load >= plan.kill_every * LIVES {
        expect(outcome.copies > 0, "no copy was made under load".to_owned());
        expect(ended(&|end| end == End::Terminated) > 0, "no life was ended by SIGTERM".to_owned());
        expect(kills > 0, "no life was killed".to_owned());
        expect(is_growth_judged, "growth could not be judged".to_owned());
    }
    missed
}

/// How many answers are wanted of a load that was offered so many requests a second. It does not grow with the rate.
fn answers_wanted(rate: u32, load: Duration) -> u64 {
    let a_minute = (f64::from(rate) * 60.0 / OFFERED_AN_ANSWER).min(ANSWERS_A_MINUTE);
    (a_minute * load.as_secs_f64() / 60.0) as u64
}

#[cfg(test)]
mod tests {
    use super::{answers_wanted, missed};
    use crate::course::{End, Outcome, Plan, Restart};
    use crate::stage::Stage;
    use crate::tally::{Kind, Taken};
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    const MINUTES: Duration = Duration::from_secs(300);

    fn plan() -> Plan {
        Plan { seed: 1, load: MINUTES, rate: 4, threads: 2, customers: 3, kill_every: Duration::from_secs(30) }
    }

    fn restart(end: End) -> Restart {
        Restart { at: Duration::ZERO, end, gap: Duration::ZERO, start: Duration::ZERO }
    }

    fn enough() -> (Stage, Outcome) {
        let stage = Stage::default();
        stage.done_before.store(1, Ordering::Relaxed);
        stage.done_now.store(1, Ordering::Relaxed);
        let mut outcome = Outcome { load: MINUTES, copies: 1, ..Outcome::default() };
        outcome.tally.taken = vec![Taken { at_ms: 0, kind: Kind::Look, micros: 1 }; 100];
        (outcome.tally.customers_compared, outcome.tally.lines_compared, outcome.tally.keys_compared) = (6, 1, 8);
        outcome.restarts = vec![restart(End::Killed); 8];
        outcome.restarts.push(restart(End::Terminated));
        (stage, outcome)
    }

    #[test]
    fn enough_is_enough_and_nothing_is_not() {
        let (stage, outcome) = enough();
        assert_eq!(missed(plan(), &stage, &outcome, true), Vec::<String>::new());
        assert_eq!(missed(plan(), &stage, &outcome, false).len(), 1, "growth");
        assert_eq!(missed(plan(), &Stage::default(), &outcome, true).len(), 1, "no answer was lost");
        let nothing = missed(plan(), &Stage::default(), &Outcome { load: MINUTES, ..Outcome::default() }, false);
        assert_eq!(nothing.len(), 6, "{nothing:#?}");
        assert_eq!(missed(plan(), &Stage::default(), &Outcome::default(), false).len(), 6, "not even the load");
    }

    #[test]
    fn each_floor_is_held_alone() {
        type Change = (&'static str, fn(&mut Outcome));
        let changes: [Change; 6] = [
            ("answered", |outcome| outcome.tally.taken.truncate(99)),
            ("comparisons", |outcome| outcome.tally.customers_compared = 5),
            ("0 lines", |outcome| outcome.tally.lines_compared = 0),
            ("sent again", |outcome| outcome.tally.keys_compared = 7),
            ("copy", |outcome| outcome.copies = 0),
            ("SIGTERM", |outcome| outcome.restarts.truncate(8)),
        ];
        for (words, change) in changes {
            let (stage, mut outcome) = enough();
            change(&mut outcome);
            let missed = missed(plan(), &stage, &outcome, true);
            assert!(missed.len() == 1 && missed[0].contains(words), "{words}: {missed:?}");
        }
    }

    #[test]
    fn few_answers_are_enough_whatever_was_offered() {
        assert_eq!([4, 120, 1_200].map(|rate| answers_wanted(rate, MINUTES)), [100, 3_000, 3_000]);
        assert_eq!(answers_wanted(120, Duration::from_secs(3_600)), 36_000);
    }

    #[test]
    fn a_short_load_owes_no_copy() {
        let (stage, mut outcome) = enough();
        (outcome.copies, outcome.load) = (0, MINUTES / 2);
        outcome.restarts.clear();
        assert_eq!(missed(Plan { load: MINUTES / 2, ..plan() }, &stage, &outcome, false), Vec::<String>::new());
    }
}
