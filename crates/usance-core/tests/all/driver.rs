//! The engine in small: it closes every day before the first command of a later one, keeps what happened as a log would,
//! and watches each close from the outside.
//!
//! A rejected command has to leave the state as it was: [`Engine::run`] compares all of it, so every test of this binary
//! is also a test of that.

use serde::Serialize;
use std::collections::BTreeMap;
use usance_core::calendar::{Day, DayOffset, Timestamp};
use usance_core::id::{PositionId, ProductIx};
use usance_core::machine::people::People;
use usance_core::machine::state::{ClockMode, Columns, Platform};
use usance_core::machine::treasury::Treasury;
use usance_core::machine::verb::{Redeem, Redeemed, clock, redeem};
use usance_core::machine::{Answer, Command, Event, Rejection, State, close, execute, expire, pay_next, plan_after_closes, replay, yields};
use usance_core::money::Amount;
use usance_core::pieces::Column;
use usance_core::position::{FLOATING, PositionState};
use usance_core::product::rates::Bands;
use usance_core::reward::accrue::Stake;
use usance_core::reward::clawback::AccountKind;
use usance_core::reward::history::{Segment, walk};
use usance_core::treasury::queue::Queue;

/// One position's money of one day. Lines of nothing are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub day: Day,
    pub position: u64,
    pub amount: Amount,
}

/// What one command or one close wrote.
pub struct Record {
    pub at: Timestamp,
    pub events: Vec<Event>,
}

pub struct Engine {
    pub state: State,
    pub log: Vec<Record>,
    /// What each close added to a position's accrued and distributed rewards together.
    pub rewards: Vec<Line>,
    /// What each close added to a position's distributed rewards.
    pub distributions: Vec<Line>,
}

impl Engine {
    pub fn new(clock: ClockMode, offset_minutes: i32, created_at: Timestamp) -> Engine {
        let offset = DayOffset::from_minutes(offset_minutes).expect("an offset of the platform");
        let platform = Platform { shard: 0, offset, clock, created_at, seed: [7; 32] };
        Engine { state: State::new(platform), log: Vec::new(), rewards: Vec::new(), distributions: Vec::new() }
    }

    pub fn offset(&self) -> DayOffset {
        self.state.registry.platform.offset
    }

    /// Closes every day before the one that holds an instant, one after another; then the treasury is planned anew.
    pub fn close_before(&mut self, at: Timestamp) {
        let open_day = self.state.registry.open_day;
        while self.state.registry.open_day < self.offset().day_of(at) {
            self.close_day();
        }
        if self.state.registry.open_day > open_day {
            self.pay_waiting(self.offset().first_instant(self.state.registry.open_day));
            self.plan();
        }
    }

    /// Plans as after the close of the last day that is closed.
    pub fn plan(&mut self) {
        let at = self.offset().first_instant(self.state.registry.open_day);
        let events = plan_after_closes(&mut self.state, at);
        if !events.is_empty() {
            self.log.push(Record { at, events });
        }
    }

    /// Closes the open day and notes what it gave to whom.
    pub fn close_day(&mut self) {
        let day = self.state.registry.open_day;
        let paid_and_owed = |state: &State| -> Vec<(Amount, Amount)> {
            state.running.iter().map(|running| (running.distributed.get(), running.accrued.get())).collect()
        };
        let announced: Vec<_> = (0..self.state.running.len())
            .map(|index| usance_core::machine::view::position(&self.state, PositionId::from_index(index)))
            .map(|view| view.and_then(|view| view.next_distribution_at))
            .collect();
        let before = paid_and_owed(&self.state);
        let expected = slow_digest(&self.state);
        let closed = close::close_day(&mut self.state);
        assert_eq!(closed.digest, expected, "close of {day}: the positions that earned, in order, and what each of them got");
        let at = self.offset().first_instant(day.next());
        for (index, (paid, owed)) in paid_and_owed(&self.state).into_iter().enumerate() {
            let (paid_before, owed_before) = before.get(index).copied().unwrap_or_default();
            let line = |amount: Amount| Line { day, position: PositionId::from_index(index).0, amount };
            let grown = |now: Amount, then: Amount| now.checked_minus(then).expect("a close never takes a reward back");
            let (reward, distributed) = (grown(paid.plus(owed), paid_before.plus(owed_before)), grown(paid, paid_before));
            if !reward.is_zero() {
                self.rewards.push(line(reward));
            }
            if !distributed.is_zero() {
                self.distributions.push(line(distributed));
                assert_eq!(announced[index], Some(at), "position {}: paid when it had said it would be", index + 1);
            }
        }
        self.log.push(Record { at, events: vec![Event::DayClosed(Box::new(closed))] });
    }

    /// Runs one command at an instant, after the days before it.
    pub fn run(&mut self, command: &Command, at: Timestamp) -> Result<Answer, Rejection> {
        assert!(at >= self.state.registry.last_at, "instants never run backwards: {at} after {}", self.state.registry.last_at);
        if let Command::MoveClock { to } = command {
            clock::check_move(&self.state, *to)?;
            self.close_before(*to);
        }
        self.close_before(at);
        self.pay_waiting(at.max(self.state.registry.last_at));
        let events = expire(&mut self.state, at);
        if !events.is_empty() {
            self.log.push(Record { at, events });
        }
        let before = self.state.clone();
        let done = execute(&mut self.state, command, at);
        match &done.outcome {
            Ok(_) => {
                self.log.push(Record { at, events: done.events });
                self.pay_waiting(at.max(self.state.registry.last_at));
            }
            Err(rejection) => {
                assert_eq!(done.events, [], "a rejection has no events");
                assert!(self.state == before, "a rejected command leaves no trace: {command:?} {rejection:?}");
            }
        }
        done.outcome
    }

    /// Pays whoever waits, as far as there is something.
    pub fn pay_waiting(&mut self, at: Timestamp) {
        while let Some(event) = pay_next(&mut self.state, at) {
            self.log.push(Record { at, events: vec![event] });
        }
    }

    /// What a redemption would do at an instant.
    pub fn preview(&mut self, asked: &Redeem, at: Timestamp) -> Result<Redeemed, Rejection> {
        self.close_before(at);
        redeem::check(&self.state, &asked.customer, asked.position, asked.amount.as_deref(), asked.to)
    }

    /// Redeems with the figures of a preview of the same instant.
    pub fn redeem_as_shown(&mut self, mut asked: Redeem, at: Timestamp) -> Result<Answer, Rejection> {
        if let Ok(shown) = self.preview(&asked, at) {
            let decimals = self.decimals(shown.product);
            asked.quoted_payout = Some(shown.figures.payout.to_text(decimals));
            asked.quoted_from_funding = Some(shown.figures.clawback_from_funding.to_text(decimals));
        }
        self.run(&Command::Redeem(asked), at)
    }

    pub fn decimals(&self, product: ProductIx) -> u8 {
        self.state.product(product).and_then(|product| self.state.asset(product.asset)).expect("an asset").decimals
    }

    /// A customer's balance; nothing where there is no account yet.
    pub fn balance(&self, customer: &str, symbol: &str, kind: AccountKind) -> Amount {
        let (customer, asset) = (self.state.customer_ix(customer).expect("a customer"), self.state.asset_ix(symbol).expect("an asset"));
        self.state.balance(self.state.account_ix(customer, asset), kind)
    }

    /// Every reward line again, derived from the log and the rates of closed days: by day, then position.
    pub fn derived_rewards(&self) -> Vec<Line> {
        let mut lines: Vec<Line> =
            (0..self.state.running.len()).flat_map(|index| self.derived_lines(PositionId::from_index(index))).collect();
        lines.retain(|line| !line.amount.is_zero());
        lines.sort_unstable();
        lines
    }

    /// One position's lines, oldest first.
    pub fn derived_lines(&self, id: PositionId) -> Vec<Line> {
        let (running, origin) = self.state.position(id).expect("a position");
        let product = self.state.product(running.product).expect("a product");
        let opening = Segment { from: running.value_date, stake: Stake { earning: origin.principal_opened.get(), ..Stake::default() } };
        let mut segments = self.segments(id);
        if product.keeps_principal() {
            segments = vec![opening];
        } else if origin.renewed_from.get() != 0 {
            segments.retain(|segment| segment.from != opening.from || segment.stake != opening.stake);
            segments.insert(0, opening);
        }
        let ended_on = origin.closed_at().map_or(self.state.registry.open_day, |at| self.offset().day_of(at));
        let bands_on = |day: Day| -> Option<Bands> {
            if running.rate_version != FLOATING {
                return self.state.bands(running.rate_version).cloned();
            }
            let closed = product.closed_day(day)?;
            self.state.bands(closed.version).map(|bands| bands.capped(closed.settled))
        };
        let mut lines = Vec::new();
        let first = self.offset().day_of(origin.opened_at());
        walk(
            &segments,
            first,
            ended_on.previous(),
            |day| (bands_on(day), day),
            |line| {
                lines.push(Line { day: line.day, position: id.0, amount: line.reward });
            },
        );
        lines
    }

    /// How a position's stake stood after each of its events.
    pub fn segments(&self, id: PositionId) -> Vec<Segment> {
        let events = self.log.iter().flat_map(|record| record.events.iter().map(move |event| (record.at, event)));
        events
            .filter_map(|(at, event)| match event {
                Event::Subscribed(event) if event.position == id => Some((at, event.stake)),
                Event::Redeemed(event) if event.position == id => Some((at, event.stake)),
                Event::ExitQueued(event) if event.redeemed.position == id => Some((at, event.redeemed.stake)),
                Event::ExitCancelled(event) if event.subscribed.position == id => Some((at, event.subscribed.stake)),
                Event::LossBorne(event) if event.id == id => event.position.map(|bears| (at, bears.stake)),
                _ => None,
            })
            .map(|(at, stake)| Segment { from: self.offset().day_of(at), stake })
            .collect()
    }

    /// The state that the log gives when it is run from the beginning.
    pub fn replayed(&self) -> State {
        let mut state = State::new(self.state.registry.platform.clone());
        for record in &self.log {
            replay(&mut state, &record.events, record.at);
        }
        state
    }
}

/// The digest of a close that looks at every position there ever was, one after the other.
pub fn slow_digest(state: &State) -> [u8; 32] {
    let day = state.registry.open_day;
    let mut hasher = blake3::Hasher::new();
    // What networks pay settles a rate at the close; the cases of it are in `cases/yields`.
    let passed_on = yields::to_settle(state);
    for (index, running) in state.running.iter().enumerate() {
        let product = state.product(running.product).expect("a product");
        let floating = || {
            let settled = passed_on.get(&running.product).map(|why| why.rate).or(product.settled.get(&day).copied());
            product.version_on(day).and_then(|version| state.bands(version)).map(|bands| bands.capped(settled))
        };
        let bands = if running.rate_version == FLOATING { floating() } else { state.bands(running.rate_version).cloned() };
        let mut stake = Stake { earning: running.earning.get(), pending: running.pending.get(), carry: running.carry.get() };
        if running.state != PositionState::Active || stake.earning.is_zero() {
            continue;
        }
        let reward = stake.close_day(&bands.expect("a product with a position has a rate"));
        hasher.update(&PositionId::from_index(index).0.to_le_bytes()).update(&reward.units().to_le_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// A hash over everything a snapshot would hold, in one order: equal states have equal hashes.
pub fn hash(state: &State) -> blake3::Hash {
    fn add(hasher: &mut blake3::Hasher, part: &impl Serialize) {
        let bytes = serde_json::to_vec(part).expect("a state is plain values");
        hasher.update(&(bytes.len() as u64).to_le_bytes()).update(&bytes);
    }
    fn column<T: Clone + Serialize>(hasher: &mut blake3::Hasher, column: &Column<T>) {
        add(hasher, &column.iter().collect::<Vec<_>>());
    }
    let mut hasher = blake3::Hasher::new();
    add(&mut hasher, &state.registry);
    column(&mut hasher, &state.customers);
    column(&mut hasher, &state.accounts);
    column(&mut hasher, &state.holdings);
    column(&mut hasher, &state.running);
    column(&mut hasher, &state.origins);
    add(&mut hasher, &state.treasury.networks().iter().map(|network| format!("{network:?}")).collect::<Vec<_>>());
    add(&mut hasher, &state.treasury.coverages().iter().collect::<Vec<_>>());
    column(&mut hasher, state.treasury.queue().exits());
    add(&mut hasher, &state.treasury.queue().lines().iter().collect::<Vec<_>>());
    for piece in 0..state.references.piece_count() {
        for (key, ()) in state.references.sorted_piece(piece) {
            hasher.update(&key);
        }
    }
    hasher.finalize()
}

/// The state as it comes back from its own parts, the small ones through text.
pub fn through_parts(state: &State) -> State {
    let registry = serde_json::to_string(&state.registry).expect("a registry is plain values");
    let registry = serde_json::from_str(&registry).expect("and comes back");
    let columns = Columns {
        customers: state.customers.clone(),
        accounts: state.accounts.clone(),
        holdings: state.holdings.clone(),
        running: state.running.clone(),
        origins: state.origins.clone(),
        keys: state.keys.clone(),
        references: state.references.clone(),
        treasury: Treasury::from_parts(
            state.treasury.networks().to_vec(),
            state.treasury.coverages().clone(),
            Queue::from_parts(state.treasury.queue().exits().clone(), state.treasury.queue().lines().clone()),
            state.treasury.yields().clone(),
            state.treasury.losses().to_vec(),
        ),
        people: People::from_parts(state.people.people().to_vec(), state.people.proposals().to_vec()),
    };
    State::from_parts(registry, columns)
}

/// Reads `2026-01-01T12:00:00.000Z`.
pub fn instant(text: &str) -> Timestamp {
    let read = || -> Option<Timestamp> {
        let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
        let (clock, ms) = time.split_once('.')?;
        let mut parts = clock.split(':').map(|part| part.parse::<i64>().ok());
        let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
        let start = DayOffset::default().first_instant(Day::parse(date)?);
        Some(Timestamp::from_ms(start.ms() + ((hour * 60 + minute) * 60 + second) * 1000 + ms.parse::<i64>().ok()?))
    };
    let at = read().unwrap_or_else(|| panic!("not an instant: {text}"));
    assert_eq!(at.to_text(), text, "an instant that exists");
    at
}

/// Sums of lines by position.
pub fn by_position(lines: &[Line]) -> BTreeMap<u64, Amount> {
    let mut sums = BTreeMap::new();
    for line in lines {
        let sum: &mut Amount = sums.entry(line.position).or_default();
        *sum = sum.plus(line.amount);
    }
    sums
}
