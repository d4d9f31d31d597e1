//! The course of a soak: founds a platform, lets everybody work, ends the engine again and again, and looks at what is left.
//!
//! Every life ends by SIGKILL after half a minute, give or take, in the middle of a short rush of writes; every fifth by SIGTERM,
//! which leaves a snapshot; after every fifth, too, the next start is killed as well, within a sixteenth of a second. In every fifth a
//! copy is made under load and verified. The first three lives have one of each, so that a short load has them, however far a copy
//! stretches the life in which it is made. The seed fixes all of it but how far the machine got by then.

use crate::caller::Caller;
use crate::client::{Client, Request};
use crate::crowd::{self, Crowd};
use crate::desk::{self, Desk};
use crate::engine::{Engine, Installation};
use crate::founding::{self, ASSETS};
use crate::ledger::Holder;
use crate::listener::Listener;
use crate::money::{field, text, word};
use crate::stage::Stage;
use crate::tally::Tally;
use crate::watch::{Sample, watch};
use anyhow::Context;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use usance_workload::SplitMix64;

/// How long everybody writes as fast as possible before a life is ended.
const RUSH: Duration = Duration::from_millis(300);
/// How long a start may take until that is a finding.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long events may take that were not heard yet.
const HEARING: Duration = Duration::from_secs(60);

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Fixes what is sent, and when the engine is killed.
    pub seed: u64,
    /// How long the load lasts.
    pub load: Duration,
    /// Requests a second, all customers together.
    pub rate: u32,
    /// Threads of customers.
    pub threads: u32,
    /// Customers of each thread.
    pub customers: u32,
    /// The time between two kills, in the middle.
    pub kill_every: Duration,
}

/// What happens in a life, and how it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LifePlan {
    has_copy: bool,
    end: End,
}

impl LifePlan {
    /// That of a life, counted from 1.
    const fn of(number: u64) -> LifePlan {
        let end = match number {
            number if number % 5 == 2 => End::Terminated,
            number if number % 4 == 3 => End::KilledTwice,
            _ => End::Killed,
        };
        LifePlan { has_copy: number % 5 == 3, end }
    }
}

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// `kill -9`.
    Killed,
    /// `kill -9`, and the start after it, too.
    KilledTwice,
    /// SIGTERM.
    Terminated,
}

/// A restart.
#[derive(Clone, Copy, Debug)]
pub struct Restart {
    /// When the life before was ended.
    pub at: Duration,
    /// How.
    pub end: End,
    /// From then until a start was ready.
    pub gap: Duration,
    /// From the last spawn until it was ready.
    pub start: Duration,
}

/// All that is known in the end.
#[derive(Default)]
pub struct Outcome {
    /// How long answers took.
    pub tally: Tally,
    /// The process and its files, a second apart.
    pub samples: Vec<Sample>,
    /// Every restart.
    pub restarts: Vec<Restart>,
    /// Copies that were made under load and verified.
    pub copies: u64,
    /// Where the log ends.
    pub batches: u64,
    /// Positions that were opened.
    pub positions: u64,
    /// Days that were closed.
    pub days: i64,
    /// Subscriptions that were heard of as events.
    pub events: usize,
    /// How often event streams were taken up.
    pub streams: usize,
    /// When the load ended.
    pub load: Duration,
}

/// Runs it.
///
/// # Errors
/// When the engine cannot be started, the platform not founded, or the soak not go on to its end; everything else is a finding on
/// the stage.
pub fn run(stage: &Stage, place: &Installation, plan: Plan) -> anyhow::Result<Outcome> {
    let mut dice = SplitMix64::new(plan.seed);
    let mut founder = Caller::new(stage, "founder".to_owned(), dice.roll());
    let mut course = Course { stage, place, plan, dice: SplitMix64::new(dice.roll()), engine: None, outcome: Outcome::default() };
    course.begin_life(Instant::now())?;
    let names: Vec<Vec<String>> =
        (0..plan.threads).map(|thread| (0..plan.customers).map(|number| format!("c{thread}-{number}")).collect()).collect();
    founding::found(&mut founder, &names.concat())?;
    let began_ms = desk::clock_ms(&mut founder)?;
    stage.clock_ms.store(began_ms, Ordering::Relaxed);
    let listeners: Vec<Listener> = names.iter().take(2).filter_map(|own| Some(Listener::new(own.first()?.clone()))).collect();
    let (is_done, mean) = (AtomicBool::new(false), Duration::from_secs(1) * plan.threads / plan.rate.max(1));
    let worked = std::thread::scope(|scope| {
        // Dropped before the scope waits for its threads, on every way out.
        let ending = Ending { course: &mut course, is_done: &is_done, listeners: &listeners };
        let watching = scope.spawn(|| watch(stage, &place.data, &is_done));
        let listening: Vec<_> = listeners.iter().map(|listener| scope.spawn(|| listener.listen(stage))).collect();
        let crowds: Vec<_> = (0..)
            .zip(names)
            .map(|(thread, own)| {
                let caller = Caller::new(stage, format!("c{thread}"), dice.roll());
                scope.spawn(move || Crowd::new(caller, own).work(mean))
            })
            .collect();
        let desk = Desk::new(Caller::new(stage, "desk".to_owned(), dice.roll()))?;
        let desk = scope.spawn(|| desk.work());
        stage.is_attended.store(true, Ordering::Relaxed);
        ending.course.live()?;
        stage.is_attended.store(false, Ordering::Relaxed);
        stage.is_over.store(true, Ordering::Relaxed);
        let desk = desk.join().ok().context("the operator's thread panicked")?;
        let crowds = joined(crowds).context("a thread of customers panicked")?;
        let crowds = joined(crowds.into_iter().map(|crowd| scope.spawn(|| crowd.finish())).collect());
        let crowds: Vec<crowd::Harvest> = crowds.context("a thread of customers panicked")?;
        anyhow::ensure!(!stage.is_given_up(), "the engine answers nothing any more");
        ending.course.compare_whole(&mut founder, &crowds, &desk.pools)?;
        ending.course.hear_out(&listeners, &crowds);
        ending.course.outcome.days = (desk::clock_ms(&mut founder)? - began_ms) / 86_400_000;
        listeners.iter().for_each(|listener| listener.is_done.store(true, Ordering::Relaxed));
        ending.course.end_all();
        listening.into_iter().for_each(|thread| drop(thread.join()));
        is_done.store(true, Ordering::Relaxed);
        ending.course.outcome.samples = watching.join().ok().context("the watching thread panicked")?;
        crowds.into_iter().for_each(|crowd| ending.course.outcome.tally.join(crowd.tally));
        ending.course.outcome.tally.join(desk.tally);
        Ok::<_, anyhow::Error>(())
    });
    worked?;
    Ok(course.outcome)
}

/// Lets every thread end, however the course does: a thread that waits for an answer or a life that does not come would keep
/// the soak for ever.
struct Ending<'s, 'a> {
    course: &'s mut Course<'a>,
    is_done: &'s AtomicBool,
    listeners: &'s [Listener],
}

impl Drop for Ending<'_, '_> {
    fn drop(&mut self) {
        if self.is_done.swap(true, Ordering::Relaxed) {
            return;
        }
        self.course.stage.give_up();
        self.listeners.iter().for_each(|listener| listener.is_done.store(true, Ordering::Relaxed));
        // Streams end with the engine.
        drop(self.course.engine.take());
    }
}

/// What threads left behind; nothing when one of them panicked.
fn joined<T>(threads: Vec<std::thread::ScopedJoinHandle<'_, T>>) -> Option<Vec<T>> {
    threads.into_iter().map(|thread| thread.join().ok()).collect()
}

struct Course<'a> {
    stage: &'a Stage,
    place: &'a Installation,
    plan: Plan,
    dice: SplitMix64,
    engine: Option<Engine>,
    outcome: Outcome,
}

impl Course<'_> {
    /// Starts the engine and waits until it is ready; gives how long that took.
    fn begin_life(&mut self, begun: Instant) -> anyhow::Result<Duration> {
        let engine = self.place.start(PATIENCE.saturating_sub(begun.elapsed()))?;
        let client = Client::default();
        loop {
            let request = Request { method: "GET", path: "/readyz", headers: &[], body: None };
            if client.send(&engine.url, request).is_ok_and(|answer| answer.status == 200) {
                break;
            }
            anyhow::ensure!(begun.elapsed() < PATIENCE, "not ready after {PATIENCE:?}; see {}", self.place.log.display());
            std::thread::sleep(Duration::from_millis(2));
        }
        let took = begun.elapsed();
        self.stage.is_ready_at(&engine.url, engine.id());
        self.engine = Some(engine);
        Ok(took)
    }

    /// One life after the other, for as long as the load is to last. The last one goes on.
    fn live(&mut self) -> anyhow::Result<()> {
        for number in 1.. {
            let middle = self.plan.kill_every;
            let life = middle * 3 / 4 + middle / 2 * u32::try_from(self.dice.below(1_000)).unwrap_or(0) / 1_000;
            let until = Instant::now() + life;
            let turn = LifePlan::of(number);
            if turn.has_copy {
                self.wait_until((Instant::now() + life / 4).min(until))?;
                self.copy(number);
            }
            self.wait_until(until - RUSH)?;
            self.stage.is_rushing.store(true, Ordering::Relaxed);
            self.wait_until(until)?;
            if self.stage.begun.elapsed() >= self.plan.load {
                self.outcome.load = self.stage.begun.elapsed();
                self.stage.is_rushing.store(false, Ordering::Relaxed);
                return Ok(());
            }
            self.restart(turn.end)?;
        }
        Ok(())
    }

    /// Waits, and sees whether the engine ended by itself.
    fn wait_until(&mut self, until: Instant) -> anyhow::Result<()> {
        while Instant::now() < until && self.stage.begun.elapsed() < self.plan.load {
            let ended = self.engine.as_mut().map(Engine::has_ended).transpose()?.flatten();
            if let Some(status) = ended {
                self.stage.find(format!("the engine ended by itself: {status}; see {}", self.place.log.display()));
                self.restart(End::Killed)?;
            }
            std::thread::sleep(Duration::from_millis(50).min(until.saturating_duration_since(Instant::now())));
        }
        Ok(())
    }

    fn restart(&mut self, end: End) -> anyhow::Result<()> {
        let (at, begun) = (self.stage.begun.elapsed(), Instant::now());
        match (end, self.engine.take()) {
            (End::Terminated, Some(engine)) => {
                if let Err(error) = engine.terminate() {
                    self.stage.find(format!("{error:#}"));
                }
            }
            (_, engine) => drop(engine),
        }
        self.stage.has_ended();
        self.stage.is_rushing.store(false, Ordering::Relaxed);
        if end == End::KilledTwice {
            self.place.start_and_kill(Duration::from_micros(self.dice.below(62_500)))?;
        }
        let start = self.begin_life(Instant::now())?;
        let gap = begun.elapsed();
        self.outcome.restarts.push(Restart { at, end, gap, start });
        println!(
            "  {:>5} s  {:<12} ready again after {:.2} s",
            at.as_secs(),
            match end {
                End::Killed => "kill -9",
                End::KilledTwice => "kill -9 twice",
                End::Terminated => "SIGTERM",
            },
            gap.as_secs_f64()
        );
        Ok(())
    }

    /// A copy under load, verified while the load goes on.
    fn copy(&mut self, number: u64) {
        let copied = || -> anyhow::Result<u64> {
            let directory = tempfile::tempdir()?;
            let copy = directory.path().join("copy");
            let head = self.place.back_up(&copy)?;
            let verified = self.place.verify_copy(&copy)?;
            anyhow::ensure!(head == verified, "the copy ends at {verified}, not at {head}");
            Ok(head)
        };
        match copied() {
            Ok(head) => {
                self.outcome.copies += 1;
                println!("  {:>5} s  copied under load up to batch {head}, and verified", self.stage.begun.elapsed().as_secs());
            }
            Err(error) => self.stage.find(format!("the copy in life {number}: {error:#}")),
        }
    }

    /// The whole platform against all ledgers together: custody, what is staked in each product, the audit.
    fn compare_whole(
        &mut self,
        caller: &mut Caller<'_>,
        crowds: &[crowd::Harvest],
        pools: &BTreeMap<&'static str, i128>,
    ) -> anyhow::Result<()> {
        let books = caller.surely(Request { method: "GET", path: "/v1/operator/books", headers: &[], body: None })?.json()?;
        let holders = || crowds.iter().flat_map(|crowd| crowd.holders.values());
        let items = books.get("items").and_then(Value::as_array).context("books")?;
        for (symbol, _) in ASSETS {
            let line = items.iter().find(|line| line.get("asset").and_then(Value::as_str) == Some(symbol)).context("books of an asset")?;
            let expected =
                pools.get(symbol).copied().unwrap_or(0) + holders().map(|holder: &Holder| holder.brought_in(symbol)).sum::<i128>();
            if field(line, "custody")? != expected || line.get("balanced") != Some(&Value::Bool(true)) {
                self.stage.find(format!("custody is {} by the ledgers: {line}", text(expected)));
            }
        }
        let headers = [("content-type", "application/json")];
        let audit = caller.surely(Request { method: "POST", path: "/v1/operator/audit", headers: &headers, body: Some(b"{}") })?;
        if let Err(error) = desk::healthy(&audit.json()) {
            self.stage.find(format!("audit: {error:#}"));
        }
        let products = caller.surely(Request { method: "GET", path: "/v1/products", headers: &[], body: None })?.json()?;
        for product in products.get("items").and_then(Value::as_array).into_iter().flatten() {
            let staked: i128 = holders().filter_map(|holder| holder.staked.get(word(product, "id").ok()?)).sum();
            if field(product, "staked")? != staked {
                self.stage.find(format!("{} is staked by the ledgers: {product}", text(staked)));
            }
        }
        self.outcome.positions = holders().map(|holder| holder.newest).max().unwrap_or(0);
        Ok(())
    }

    /// Waits until everybody who listens has heard of every subscription that was accepted.
    fn hear_out(&mut self, listeners: &[Listener], crowds: &[crowd::Harvest]) {
        for listener in listeners {
            let holder = crowds.iter().find_map(|crowd| crowd.holders.get(&listener.customer));
            let accepted = usize::try_from(holder.map_or(0, |holder| holder.subscriptions)).unwrap_or(0);
            let until = Instant::now() + HEARING;
            while listener.heard.load(Ordering::Relaxed) < accepted && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(50));
            }
            let heard = listener.heard.load(Ordering::Relaxed);
            if heard != accepted {
                self.stage.find(format!("{} heard of {heard} subscriptions, {accepted} were accepted", listener.customer));
            }
            self.outcome.events += heard;
            self.outcome.streams += listener.resumed.load(Ordering::Relaxed);
        }
    }

    /// Ends the engine in order and has everything verified.
    fn end_all(&mut self) {
        self.stage.is_closing();
        if let Some(Err(error)) = self.engine.take().map(Engine::terminate) {
            self.stage.find(format!("{error:#}"));
        }
        match self.place.verify() {
            Ok(head) => self.outcome.batches = head,
            Err(error) => self.stage.find(format!("verify: {error:#}")),
        }
        let log = std::fs::read_to_string(&self.place.log).unwrap_or_default();
        for line in log.lines().filter(|line| line.contains("panicked") || line.contains("ERROR")) {
            self.stage.find(format!("the engine said: {line}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{End, LifePlan};

    #[test]
    fn the_first_three_lives_have_a_kill_an_end_in_order_and_a_copy() {
        let first: Vec<LifePlan> = (1..=3).map(LifePlan::of).collect();
        assert!(first.iter().any(|turn| turn.end == End::Killed) && first.iter().any(|turn| turn.end == End::Terminated));
        assert!(first.iter().any(|turn| turn.has_copy));
        let many: Vec<LifePlan> = (1..=40).map(LifePlan::of).collect();
        let ended = |end: End| many.iter().filter(|turn| turn.end == end).count();
        assert_eq!((ended(End::Terminated), ended(End::KilledTwice), ended(End::Killed)), (8, 8, 24));
        assert_eq!(many.iter().filter(|turn| turn.has_copy).count(), 8);
    }
}
