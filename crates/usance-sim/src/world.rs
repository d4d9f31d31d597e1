//! A whole world in one thread: customers, operators, clocks, one or two processes, a log and what can go wrong.
//!
//! Each turn some time passes, some requests arrive, a round decides them ([`crate::decide`]), the disk takes what it takes
//! ([`crate::disk`]), and a process may die between any two of these and start again ([`crate::start`]). Before each step
//! the auditor says what must come of it. What a process decided ahead of the log is kept beside the auditor of that
//! moment; whatever a recovery finds in the log decides which of them was true.

use crate::auditor::Auditor;
use crate::auditor::arithmetic::DAY_MS;
use crate::compare::{self, Found, equal};
use crate::coverage::Coverage;
use crate::facts::Facts;
use crate::machine_clock::MachineClock;
use crate::node::{Met, Node, Request};
use crate::plan::{Plan, Swarm, Trouble, Turn};
use crate::shown::Shown;
use crate::tables::Tables;
use crate::workload::{self, leaving, occasions};
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::rc::Rc;
use usance_core::calendar::{DayOffset, Timestamp};
use usance_core::machine::state::{ClockMode, Platform};
use usance_core::machine::{Command, State};
use usance_store::{Appended, Batch, Head, LogReader, LogStore, MemoryLog, image, round};
use usance_workload::{Dice, SplitMix64};

const HOUR_MS: i64 = 3_600_000;
/// Answered requests that may come again.
const ANSWERED_KEPT: usize = 24;

/// Commands after which a world begins without a treasury that runs.
const BEGINNING: usize = 40;

/// A world and everything in it.
pub struct World {
    pub(crate) swarm: Swarm,
    pub(crate) log: MemoryLog,
    pub(crate) nodes: [Node; 2],
    /// The process that last became the writer.
    pub(crate) writer: usize,
    /// The auditor at every batch that was ever sealed.
    pub(crate) known: HashMap<[u8; 32], Rc<Auditor>>,
    /// The last batch whose answers were given.
    pub(crate) acknowledged: Head,
    /// A batch that was stored torn.
    pub(crate) torn: Option<u64>,
    /// A batch whose append nobody heard of, on its way to the log.
    pub(crate) late: Option<Batch>,
    /// Requests that wait for another try.
    pub(crate) mail: Vec<Request>,
    answered: VecDeque<Request>,
    sent: u64,
    pub(crate) tables: Option<Tables>,
    /// What has happened so far.
    pub coverage: Coverage,
    trace: blake3::Hasher,
}

impl World {
    /// Founds a world in an empty directory.
    ///
    /// # Errors
    /// What is wrong already.
    pub fn found(plan: &Plan, dir: &Path) -> Result<World, Found> {
        let dice = &mut Dice::of(&plan.founding);
        let offset = DayOffset::from_minutes(dice.one_of(&[0, 480, -300, 330, 840, -720])).ok_or("an offset")?;
        let mode = dice.one_of(&[ClockMode::System, ClockMode::Simulated]);
        // The first instant of a UTC day, a millisecond after it, and an evening.
        let at = 1_767_225_600_000 + dice.one_of(&[0, 1, 70_200_000]);
        let seed = *blake3::hash(&plan.seed.to_le_bytes()).as_bytes();
        let platform = Platform { shard: 0, offset, clock: mode, created_at: Timestamp::from_ms(at), seed };
        let mut log = MemoryLog::new();
        let (state, batch) = round::founding(platform, Head::GENESIS).map_err(|error| error.to_string())?;
        equal("founding", Appended::Done, log.append(0, &batch))?;
        let name = state.platform_name();
        let auditor = Auditor::founded(i64::from(offset.minutes()) * 60_000, mode == ClockMode::Simulated, at, name);
        let node = |name| {
            let snapshots = dir.join(name);
            std::fs::create_dir_all(&snapshots).map_err(|error| error.to_string())?;
            Ok::<_, Found>(Node { snapshots, clock: MachineClock::at(at), life: None })
        };
        let mut world = World {
            swarm: plan.swarm,
            log,
            nodes: [node("a")?, node("b")?],
            writer: 0,
            known: HashMap::from([(batch.hash, Rc::new(auditor))]),
            acknowledged: batch.head(),
            torn: None,
            late: None,
            mail: Vec::new(),
            answered: VecDeque::new(),
            sent: 0,
            tables: plan.swarm.has(Trouble::Tables).then(|| Tables::within(dir, offset)),
            coverage: Coverage::default(),
            trace: blake3::Hasher::new(),
        };
        world.start(0, &mut Dice::of(&[]))?;
        let founding: Vec<Request> = workload::founding(dice).into_iter().map(|command| world.request(Some(command))).collect();
        world.round(0, Met { requests: founding, ..Met::default() })?;
        world.flush(0, None)?;
        if world.has(Trouble::TreasuryRuns) {
            world.begin_treasury(plan.seed)?;
        }
        Ok(world)
    }

    /// Goes on with what a treasury needs until it has begun, or for so long.
    fn begin_treasury(&mut self, seed: u64) -> Result<(), Found> {
        let mut numbers = SplitMix64::new(seed);
        for _ in 0..BEGINNING {
            let Some(life) = self.nodes[0].life.as_ref().filter(|life| !life.auditor.has_treasury()) else { break };
            let command = workload::workload(&life.auditor).treasury(&mut Dice::from_numbers(&mut numbers));
            let requests = vec![self.request(Some(command))];
            self.round(0, Met { requests, ..Met::default() })?;
            self.flush(0, None)?;
        }
        let has_begun = self.nodes[0].life.as_ref().is_some_and(|life| life.auditor.has_treasury());
        self.happened_if(Trouble::TreasuryRuns, has_begun);
        Ok(())
    }

    /// One turn.
    ///
    /// # Errors
    /// What came out otherwise than the auditor said.
    pub fn turn(&mut self, turn: &mut Turn<'_>) -> Result<(), Found> {
        while self.nodes[self.writer].life.is_none() {
            self.start(self.writer, &mut turn.faults)?;
        }
        if self.has(Trouble::Rival) && turn.time.once_in(12) {
            self.happened(Trouble::Rival);
            self.take_over(&mut turn.faults)?;
        }
        let other = 1 - self.writer;
        let believes = self.nodes[other].life.is_some();
        let at = if believes && turn.time.below(3) == 2 { other } else { self.writer };
        self.pass_time(at, &mut turn.time);
        let requests = self.requests(at, turn);
        let pause = self.pause(at, requests.len(), &mut turn.time);
        let freeze = self.has(Trouble::Snapshots) && turn.time.once_in(6);
        let breaks_off = self.has(Trouble::BreaksOff) && turn.time.once_in(16);
        self.round(at, Met { requests, pause, freeze, breaks_off })?;
        if self.dies(at, &mut turn.faults) {
            return Ok(());
        }
        self.disk(at, &mut turn.faults)?;
        // A torn batch stops whoever reads the log, until a start has found it.
        if let Some(tables) = self.tables.as_mut().filter(|_| self.torn.is_none()) {
            let filled = tables.turn(&self.log, &mut turn.time)?;
            let fell_back = self.swarm.has(Trouble::TablesFallBack) && tables.fall_back(&mut turn.time)?;
            self.happened_if(Trouble::Tables, filled);
            self.happened_if(Trouble::TablesFallBack, fell_back);
        }
        self.dies(at, &mut turn.faults);
        self.arrive_late(&mut turn.faults)?;
        self.lose_end(&mut turn.faults)?;
        self.second_primary(&mut turn.faults)
    }

    /// Lets everything come to rest and holds the end against the auditor; gives the hash of all that happened.
    ///
    /// # Errors
    /// What is wrong at the end.
    pub fn finish(&mut self) -> Result<blake3::Hash, Found> {
        self.swarm = Swarm::default();
        let calm = &mut Dice::of(&[]);
        self.late = None;
        for node in [1 - self.writer, self.writer] {
            let lost = self.nodes[node].die();
            self.mail.extend(lost);
        }
        self.start(self.writer, calm)?;
        for request in std::mem::take(&mut self.mail) {
            self.round(self.writer, Met { requests: vec![request], ..Met::default() })?;
            self.flush(self.writer, None)?;
        }
        let Some(life) = &self.nodes[self.writer].life else { return Err("no process at the end".into()) };
        let reader = life.log.reader().map_err(|error| error.to_string())?;
        let whole = usance_store::recovery::recover(reader.as_ref(), 0, None, |_| ()).map_err(|error| error.to_string())?;
        equal("the head of the log", life.head, whole.head)?;
        let again = whole.state.ok_or("the log gives no state")?;
        let hash = |state: &State| image::state_hash(state).map_err(|error| error.to_string());
        equal("the state that the whole log gives", hash(&life.state)?, hash(&again)?)?;
        let batches = LogReader::read(&self.log, 0, 1, usize::MAX).map_err(|error| error.to_string())?;
        compare::log(&life.state, &life.auditor, &batches)?;
        self.coverage.answers.extend(life.auditor.met.iter().map(|what| (*what).to_owned()));
        compare::keys(&life.state, &life.auditor, &self.log)?;
        self.trace.update(&life.head.hash).update(&hash(&life.state)?);
        if let Some(tables) = &mut self.tables {
            self.trace.update(&tables.finish(&self.log, &life.auditor)?);
        }
        Ok(self.trace.finalize())
    }

    /// Whether a trouble may happen.
    pub(crate) fn has(&self, trouble: Trouble) -> bool {
        self.swarm.has(trouble)
    }

    /// Notes that a trouble really happened.
    pub(crate) fn happened(&mut self, trouble: Trouble) {
        *self.coverage.troubles.entry(trouble).or_default() += 1;
        self.trace.update(format!("{trouble:?}").as_bytes());
    }

    pub(crate) fn happened_if(&mut self, trouble: Trouble, really: bool) {
        if really {
            self.happened(trouble);
        }
    }

    /// Notes what a sender was told.
    pub(crate) fn told(&mut self, request: Request, told: &Facts) {
        self.trace.update(told.to_string().as_bytes());
        self.coverage.answers.insert(told.get("code").unwrap_or(told.subject()).to_owned());
        self.answered.push_back(request);
        if self.answered.len() > ANSWERED_KEPT {
            self.answered.pop_front();
        }
    }

    // --- what is sent ---

    fn request(&mut self, command: Option<Command>) -> Request {
        self.sent += 1;
        let key = first_16(&blake3::hash(&self.sent.to_le_bytes()));
        let fingerprint = first_16(&blake3::hash(format!("{command:?}").as_bytes()));
        Request { key, fingerprint, command, shown: None }
    }

    fn requests(&mut self, at: usize, turn: &mut Turn<'_>) -> Vec<Request> {
        let Some(life) = self.nodes[at].life.as_ref() else { return Vec::new() };
        let (auditor, state) = (life.auditor.clone(), life.state.clone());
        let mut requests = Vec::new();
        for command in self.commands(at, &auditor, turn) {
            let dice = &mut turn.requests;
            let mut request = self.request((!dice.once_in(60)).then_some(command));
            if self.has(Trouble::Expectations) && dice.once_in(2) {
                request.shown = request.command.as_ref().and_then(|command| Shown::now(&state, &auditor, command));
            }
            if self.has(Trouble::ReusedKeys)
                && dice.once_in(10)
                && let Some(before) = self.answered.back()
            {
                request.key = before.key;
                self.happened(Trouble::ReusedKeys);
            }
            if self.has(Trouble::Delays) && dice.once_in(8) {
                self.happened(Trouble::Delays);
                self.mail.push(request);
                continue;
            }
            if self.has(Trouble::Duplicates) && dice.once_in(5) {
                self.happened(Trouble::Duplicates);
                requests.push(request.clone());
            }
            requests.push(request);
        }
        let dice = &mut turn.time;
        if self.has(Trouble::Duplicates) && dice.once_in(6) && !self.answered.is_empty() {
            requests.push(self.answered[dice.index(self.answered.len())].clone());
        }
        if !self.mail.is_empty() && dice.below(2) == 0 {
            requests.push(self.mail.swap_remove(dice.index(self.mail.len())));
        }
        requests
    }

    fn commands(&mut self, at: usize, auditor: &Auditor, turn: &mut Turn<'_>) -> Vec<Command> {
        let mut commands = Vec::new();
        if auditor.simulated {
            let to = workload::later(auditor, &mut turn.time, auditor.now);
            let to = if turn.time.once_in(40) { auditor.now - 1 } else { to };
            let moves = to != auditor.now || turn.time.once_in(40);
            commands.extend(moves.then_some(Command::MoveClock { to: Timestamp::from_ms(to) }));
        } else if self.is_unconfirmed(at, auditor) && turn.time.below(3) == 0 {
            commands.push(Command::ConfirmClock { clock: Timestamp::from_ms(self.nodes[at].clock.wall) });
        }
        let clock = auditor.said(self.nodes[at].clock.wall);
        let dice = &mut turn.requests;
        commands.extend(occasions::at_the_edge(auditor, dice, clock));
        if self.has(Trouble::Launches) && occasions::opens_at(auditor, clock) && dice.below(3) != 2 {
            self.happened(Trouble::Launches);
            commands.extend(occasions::launch(auditor, dice));
        }
        if self.has(Trouble::Maturities) && occasions::have_many_matured(auditor) && dice.below(3) != 2 {
            commands.extend(occasions::after_maturity(auditor, dice));
        }
        match dice.below(24) {
            23 if self.has(Trouble::Launches) => commands.extend(occasions::launch(auditor, dice)),
            22 if self.has(Trouble::Runs) => {
                self.happened(Trouble::Runs);
                commands.extend(occasions::run_on(auditor, dice));
            }
            19 if self.has(Trouble::Maturities) => commands.extend(occasions::same_term(auditor, dice)),
            17 => commands.extend(occasions::outgrown(auditor, dice)),
            18 => commands.extend(occasions::partly_renewed(auditor, dice)),
            8 | 4 => commands.extend(occasions::treasury(auditor, dice)),
            16 => commands.extend(occasions::people(auditor, dice)),
            12 => commands.extend(occasions::removed_meanwhile(auditor, dice)),
            20 | 21 => commands.extend(occasions::in_and_out(auditor, dice)),
            9 | 10 | 14 if leaving::has_begun(auditor) => commands.extend(leaving::line(auditor, dice)),
            1 | 3 | 7 if self.has(Trouble::TreasuryRuns) && leaving::has_begun(auditor) => commands.extend(leaving::losing(auditor, dice)),
            5 if leaving::has_begun(auditor) => commands.extend(leaving::line_dissolves(auditor, dice)),
            few => (0..few % 4).for_each(|_| commands.push(workload::workload(auditor).command(dice))),
        }
        commands
    }

    /// Whether a process would ask for a confirmation now. It asks a copy of its clocks, so that nothing is learnt by looking.
    fn is_unconfirmed(&self, at: usize, auditor: &Auditor) -> bool {
        let mut clock = self.nodes[at].clock.clone();
        clock.read(auditor.now).is_ok_and(|(_, says)| auditor.unconfirmed(says).is_some())
    }

    /// Now and then a round takes so long that a day ends in it.
    fn pause(&self, at: usize, requests: usize, dice: &mut Dice<'_>) -> Option<(usize, i64)> {
        let auditor = &self.nodes[at].life.as_ref()?.auditor;
        let clock = self.nodes[at].clock.wall;
        let passes = dice.once_in(4).then(|| workload::later(auditor, dice, clock) - clock)?;
        Some((dice.index(requests), passes))
    }

    /// Machines' clocks go on, each by itself; one may jump, and be put right again.
    fn pass_time(&mut self, at: usize, dice: &mut Dice<'_>) {
        let Some(auditor) = self.nodes[at].life.as_ref().map(|life| life.auditor.clone()) else { return };
        let other = self.nodes[1 - at].clock.wall;
        let clock = &mut self.nodes[at].clock;
        // A clock that lags behind the engine is mostly put right in the end.
        let from = if dice.below(4) == 3 { clock.wall } else { clock.wall.max(auditor.now) };
        clock.set(from);
        clock.pass_to(workload::later(&auditor, dice, from));
        if self.swarm.has(Trouble::ClockJumps) && dice.once_in(12) {
            let jumps = [-1, -HOUR_MS, -3 * DAY_MS, HOUR_MS, 7 * HOUR_MS, 47 * HOUR_MS, 4 * DAY_MS, 30 * DAY_MS];
            let jump = dice.one_of(&jumps);
            clock.set(if dice.below(4) == 3 { other } else { clock.wall + jump });
            self.happened(Trouble::ClockJumps);
        }
    }
}

pub(crate) fn first_16(hash: &blake3::Hash) -> [u8; 16] {
    let mut first = [0; 16];
    first.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
    first
}
