//! The read tables: the same rows however they were built, and rows that add up to the balances.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rusqlite::Connection;
use usance_core::calendar::Day;
use usance_core::id::{AssetIx, CustomerIx, LogPosition, PositionId};
use usance_core::machine::{Event, State};
use usance_core::money::Amount;
use usance_core::position::{FLOATING, Origin, PositionState, Running, position_link};
use usance_core::product::rates::Bands;
use usance_core::product::{Kind, Product};
use usance_core::reward::accrue::Stake;
use usance_core::reward::clawback::AccountKind;
use usance_core::reward::history::{Segment, walk};
use usance_store::codec;
use usance_store::projection::{HistoryKind, HistoryRow, Projector, Reading, Span, StakeRow};
use usance_store::{MemoryLog, StoreError};

use super::world::{Dice, SEEDS, Size, World, batches, cut};

const ALL: usize = usize::MAX;
const EVERYTHING: Span = Span { after: LogPosition::START, through: LogPosition::end_of(LogPosition::SEQ_MAX) };

/// A world, its log, and read tables that nothing is in yet.
struct Tables {
    world: World,
    log: MemoryLog,
    dir: tempfile::TempDir,
}

impl Tables {
    fn new(size: Size) -> Tables {
        let (world, log) = World::in_memory(size);
        Tables { world, log, dir: tempfile::tempdir().unwrap() }
    }
    fn full(size: Size) -> Tables {
        let tables = Tables::new(size);
        project(&mut tables.projector(), &tables.log, ALL);
        tables
    }
    fn path(&self) -> PathBuf {
        self.dir.path().join("read.sqlite")
    }
    fn projector(&self) -> Projector {
        Projector::open(&self.path(), 0, self.world.state.registry.platform.offset).unwrap()
    }
    fn reading(&self) -> Reading {
        Reading::open(&self.path(), 0).unwrap()
    }
    fn fingerprint(&self) -> [u8; 32] {
        self.reading().fingerprint().unwrap()
    }
    /// Every customer with every asset.
    fn pairs(&self) -> impl Iterator<Item = (CustomerIx, AssetIx)> {
        let assets = self.world.state.registry.assets.len();
        let customers = (0..self.world.state.customers.len()).map(CustomerIx::from_index);
        customers.flat_map(move |customer| (0..assets).map(move |asset| (customer, AssetIx::from_index(asset))))
    }
    fn history(&self, customer: CustomerIx, asset: AssetIx, span: Span) -> Vec<HistoryRow> {
        self.reading().history(customer, asset, span, None, ALL).unwrap()
    }
}

/// Steps to the end of the log; gives how many batches that were.
fn project(projector: &mut Projector, log: &MemoryLog, max_batches: usize) -> usize {
    let mut whole = 0;
    loop {
        let count = projector.step(log, max_batches).unwrap();
        assert!(count <= max_batches);
        whole += count;
        if count == 0 {
            return whole;
        }
    }
}

// --- built in any way, they are the same ---

#[test]
fn steps_of_any_length_build_the_same_rows() {
    let whole = Tables::full(Size::small(1));
    let length = whole.world.views.len();
    assert_eq!(whole.reading().reached().unwrap(), LogPosition::end_of(whole.world.head.seq));
    for max_batches in [1, 2, 3, 7, length - 1, length, length + 1] {
        let stepped = Tables::new(Size::small(1));
        let mut projector = stepped.projector();
        assert_eq!(project(&mut projector, &stepped.log, max_batches), length);
        assert_eq!(projector.reached(), LogPosition::end_of(whole.world.head.seq));
        assert_eq!(stepped.fingerprint(), whole.fingerprint(), "in steps of {max_batches}");
    }
}

#[test]
fn another_log_or_a_shorter_one_builds_other_rows() {
    let fingerprints = [Size::small(1), Size::small(2)].map(|size| Tables::full(size).fingerprint());
    assert_ne!(fingerprints[0], fingerprints[1]);
    let tables = Tables::new(Size::small(1));
    project(&mut tables.projector(), &cut(&tables.log, tables.world.head.seq - 1), ALL);
    assert_ne!(tables.fingerprint(), fingerprints[0]);
}

#[test]
fn opened_again_they_go_on_where_they_were() {
    let whole = Tables::full(Size::small(3));
    let tables = Tables::new(Size::small(3));
    let mut dice = Dice(3);
    let mut reached = LogPosition::START;
    while reached.seq() < tables.world.head.seq {
        let mut projector = tables.projector();
        assert_eq!(projector.reached(), reached);
        projector.step(&tables.log, 1 + dice.below(5) as usize).unwrap();
        assert!(projector.reached() > reached);
        reached = projector.reached();
        assert_eq!(tables.reading().reached().unwrap(), reached);
    }
    assert_eq!(tables.fingerprint(), whole.fingerprint());
    assert_eq!(tables.projector().step(&tables.log, ALL).unwrap(), 0);
    assert_eq!(tables.projector().step(&tables.log, 0).unwrap(), 0);
    assert_eq!(tables.fingerprint(), whole.fingerprint(), "nothing more to take changes nothing");
}

#[test]
fn an_empty_log_gives_empty_tables() {
    let tables = Tables::new(Size::small(1));
    let mut projector = tables.projector();
    assert_eq!((projector.step(&MemoryLog::new(), ALL).unwrap(), projector.reached()), (0, LogPosition::START));
    let reading = tables.reading();
    assert_eq!(reading.reached().unwrap(), LogPosition::START);
    assert_eq!(reading.history(CustomerIx(0), AssetIx(0), EVERYTHING, None, ALL).unwrap(), []);
    assert_eq!(reading.stakes(PositionId(1), EVERYTHING.through).unwrap(), []);
    assert_eq!(reading.closes(None, EVERYTHING, ALL).unwrap(), []);
    assert_eq!(reading.announcements(EVERYTHING).unwrap(), []);
    assert_eq!(reading.days(None, |_| true, ALL).unwrap(), []);
}

// --- a step that fails leaves nothing ---

/// The tables as they were, then built to their end: the same as if nothing had ever failed.
fn check_recovers(tables: &Tables, projector: &mut Projector, before: ([u8; 32], LogPosition)) {
    assert_eq!((tables.fingerprint(), projector.reached()), before, "nothing of the failed step is in the tables");
    assert_eq!(tables.reading().reached().unwrap(), before.1);
}

#[test]
fn a_damaged_batch_stops_them_until_it_is_whole_again() {
    let whole = Tables::full(Size::small(4));
    // Batch 2 lies among the first assets, customers and products, the others among what these do.
    for seq in [2, 4, 9, whole.world.head.seq / 2] {
        let tables = Tables::new(Size::small(4));
        let mut projector = tables.projector();
        projector.step(&tables.log, 1).unwrap();
        let before = (tables.fingerprint(), projector.reached());
        let flip = |batch: &mut usance_store::Batch| *batch.body.last_mut().unwrap() ^= 1;
        assert!(tables.log.damage(0, seq, flip));
        for _ in 0..2 {
            let sentence = projector.step(&tables.log, ALL).unwrap_err().to_string();
            assert_eq!(sentence, format!("log record damaged: shard 0 batch {seq}: hash does not match"));
            check_recovers(&tables, &mut projector, before);
        }
        assert!(tables.log.damage(0, seq, flip));
        project(&mut projector, &tables.log, ALL);
        assert_eq!(tables.fingerprint(), whole.fingerprint());
    }
}

#[test]
fn a_missing_batch_is_not_stepped_over() {
    let tables = Tables::new(Size::small(4));
    let mut projector = tables.projector();
    projector.step(&tables.log, 3).unwrap();
    let before = (tables.fingerprint(), projector.reached());
    assert!(tables.log.lose(0, 4));
    let sentence = projector.step(&tables.log, ALL).unwrap_err().to_string();
    assert_eq!(sentence, "log record damaged: shard 0 batch 4: it is missing, the next is batch 5");
    check_recovers(&tables, &mut projector, before);
}

/// A full disk, a lost file: here a trigger refuses a row in the middle of a step.
#[test]
fn tables_that_refuse_a_row_take_it_later() {
    let whole = Tables::full(Size::small(5));
    for table in ["assets", "customers", "products", "announcements", "closes", "days", "history", "progress"] {
        let tables = Tables::new(Size::small(5));
        let mut projector = tables.projector();
        let before = (tables.fingerprint(), projector.reached());
        let operator = Connection::open(tables.path()).unwrap();
        let sql = format!("CREATE TRIGGER stop BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'not now'); END");
        operator.execute_batch(&sql).unwrap();
        assert!(matches!(projector.step(&tables.log, ALL), Err(StoreError::Sqlite { .. })), "{table}");
        check_recovers(&tables, &mut projector, before);
        operator.execute_batch("DROP TRIGGER stop").unwrap();
        project(&mut projector, &tables.log, 4);
        assert_eq!(tables.fingerprint(), whole.fingerprint(), "{table}");
    }
}

/// Two processes can only meet when the directory's lock was passed by; even then the rows are those of one log.
#[test]
fn a_second_projector_takes_over_where_the_first_stands() {
    let whole = Tables::full(Size::small(6));
    let tables = Tables::new(Size::small(6));
    let (mut one, mut other) = (tables.projector(), tables.projector());
    let mut dice = Dice(6);
    while tables.reading().reached().unwrap().seq() < tables.world.head.seq {
        let projector = if dice.below(2) == 0 { &mut one } else { &mut other };
        projector.step(&tables.log, 1 + dice.below(4) as usize).unwrap();
    }
    assert_eq!(tables.fingerprint(), whole.fingerprint());
}

#[test]
fn tables_of_another_log_are_known_and_do_not_grow() {
    let tables = Tables::new(Size::small(7));
    let other = Tables::new(Size::small(8));
    let mut projector = tables.projector();
    assert!(projector.belongs_to(&other.log).unwrap(), "empty tables belong to any log");
    projector.step(&tables.log, 5).unwrap();
    assert!(projector.belongs_to(&tables.log).unwrap());
    assert!(!projector.belongs_to(&other.log).unwrap());
    assert!(!projector.belongs_to(&cut(&tables.log, 4)).unwrap(), "a log that ends before them");
    let before = (tables.fingerprint(), projector.reached());
    let sentence = projector.step(&other.log, ALL).unwrap_err().to_string();
    assert_eq!(sentence, "log record damaged: shard 0 batch 6: it does not follow from the batch before");
    check_recovers(&tables, &mut projector, before);
}

// --- what is asked of them ---

type Told = (LogPosition, HistoryKind, Event);

/// What the log says that a customer did with an asset, oldest first.
fn told_by_the_log(tables: &Tables) -> BTreeMap<(CustomerIx, AssetIx), Vec<Told>> {
    let mut rows: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let asset_of = |product| tables.world.state.product(product).unwrap().asset;
    for batch in batches(&tables.log) {
        for item in codec::records(&batch) {
            let (place, record) = item.unwrap();
            for event in record.events {
                let (customer, asset, kind) = match &event {
                    Event::Deposited(moved) => (moved.customer, moved.asset, HistoryKind::Deposit),
                    Event::Withdrawn(moved) => (moved.customer, moved.asset, HistoryKind::Withdrawal),
                    Event::Transferred(moved) => (moved.customer, moved.asset, HistoryKind::Transfer),
                    Event::Subscribed(event) => (event.customer, asset_of(event.product), HistoryKind::Subscription),
                    Event::Redeemed(event) => (event.customer, asset_of(event.product), HistoryKind::Redemption),
                    _ => continue,
                };
                rows.entry((customer, asset)).or_default().push((place, kind, event));
            }
        }
    }
    rows
}

#[test]
fn history_is_what_the_log_says() {
    let tables = Tables::full(Size::usual(1));
    let mut told = told_by_the_log(&tables);
    for (customer, asset) in tables.pairs() {
        let mut rows = tables.history(customer, asset, EVERYTHING);
        assert!(rows.is_sorted_by(|one, other| one.place > other.place), "newest first");
        rows.reverse();
        let rows: Vec<_> = rows.into_iter().map(|row| (row.place, row.kind, row.event)).collect();
        assert_eq!(rows, told.remove(&(customer, asset)).unwrap_or_default());
    }
    assert!(told.is_empty(), "nobody is forgotten");
}

#[test]
fn history_keeps_to_its_span_its_kind_and_its_limit() {
    let tables = Tables::full(Size::usual(2));
    let reading = tables.reading();
    let (customer, asset) = (CustomerIx(1), AssetIx(0));
    let all = tables.history(customer, asset, EVERYTHING);
    assert!(all.len() > 30, "{} rows", all.len());
    for kind in HistoryKind::ALL {
        let only = reading.history(customer, asset, EVERYTHING, Some(kind), ALL).unwrap();
        assert_eq!(only, all.iter().filter(|row| row.kind == kind).cloned().collect::<Vec<_>>(), "{}", kind.word());
        assert!(!only.is_empty(), "{}", kind.word());
        assert_eq!(reading.history(customer, asset, EVERYTHING, Some(kind), 2).unwrap(), only[..only.len().min(2)]);
    }
    for limit in [0, 1, 7, all.len() - 1, all.len(), all.len() + 1] {
        assert_eq!(reading.history(customer, asset, EVERYTHING, None, limit).unwrap(), all[..limit.min(all.len())]);
    }
    let mut places: Vec<LogPosition> = all.iter().map(|row| row.place).collect();
    places.push(LogPosition::START);
    for (newer, older) in [(0, 1), (0, places.len() - 1), (3, 9), (5, 5), (9, 3), (places.len() - 2, places.len() - 1)] {
        let span = Span { after: places[older], through: places[newer] };
        let expected = if newer < older { &all[newer..older] } else { &[] };
        assert_eq!(tables.history(customer, asset, span), expected, "after the {older}th, through the {newer}th");
    }
    // A page after a page, as a client asks for them.
    let (mut paged, mut through) = (Vec::new(), EVERYTHING.through);
    loop {
        let page = reading.history(customer, asset, Span { after: LogPosition::START, through }, None, 4).unwrap();
        let Some(last) = page.last() else { break };
        through = LogPosition::from_number(last.place.number() - 1);
        paged.extend(page);
    }
    assert_eq!(paged, all);
}

#[test]
fn closes_and_days_are_those_of_the_log() {
    let tables = Tables::full(Size::usual(3));
    let reading = tables.reading();
    let (mut closes, mut days, mut announced) = (Vec::new(), Vec::new(), Vec::new());
    for batch in batches(&tables.log) {
        for item in codec::records(&batch) {
            let (place, record) = item.unwrap();
            for event in record.events {
                match event {
                    Event::DayClosed(closed) => {
                        closes.push((closed.day, place));
                        days.extend(closed.products.iter().map(|line| (closed.day, line.clone())));
                    }
                    Event::RateAnnounced { product, from, .. } => announced.push((place, product, from)),
                    _ => {}
                }
            }
        }
    }
    assert!(closes.len() >= 60 && announced.len() > 10);
    assert_eq!(reading.announcements(EVERYTHING).unwrap(), announced);
    let span = Span { after: announced[1].0, through: announced[6].0 };
    assert_eq!(reading.announcements(span).unwrap(), announced[2..=6]);

    closes.reverse();
    let asked = |before, span, limit| -> Vec<_> {
        reading.closes(before, span, limit).unwrap().into_iter().map(|closed| (closed.day, closed.place)).collect()
    };
    assert_eq!(asked(None, EVERYTHING, ALL), closes);
    assert_eq!(asked(None, EVERYTHING, 3), closes[..3]);
    assert_eq!(asked(Some(closes[4].0), EVERYTHING, 3), closes[5..8]);
    // Days that were closed by one move of the clock share a place.
    let (after, through) = (closes[20].1, closes[5].1);
    let within = closes.iter().filter(|(_, place)| *place > after && *place <= through).copied().collect::<Vec<_>>();
    assert_eq!(asked(None, Span { after, through }, ALL), within);
    assert!(!within.is_empty() && within.len() < closes.len());

    days.sort_by_key(|(day, line)| std::cmp::Reverse((*day, line.product)));
    assert_eq!(reading.days(None, |_| true, ALL).unwrap(), days);
    for limit in [0, 1, 5] {
        assert_eq!(reading.days(None, |_| true, limit).unwrap(), days[..limit]);
    }
    let (day, line) = &days[10];
    assert_eq!(reading.days(Some((*day, line.product.0)), |_| true, 7).unwrap(), days[11..18]);
    let paying = |line: &usance_core::machine::event::ProductDay| !line.distributed.is_zero();
    let expected: Vec<_> = days.iter().filter(|(_, line)| paying(line)).take(9).cloned().collect();
    assert_eq!(reading.days(None, paying, 9).unwrap(), expected);
}

// --- and they add up ---

/// Spot and Funding, in base units.
type Money = (i128, i128);

fn signed(amount: Amount) -> i128 {
    i128::try_from(amount.units()).unwrap()
}

/// One position at a cut of the log, as it stood in the state there.
struct Subject<'a> {
    state: &'a State,
    id: PositionId,
    running: &'a Running,
    origin: &'a Origin,
    product: &'a Product,
}

impl Subject<'_> {
    fn segments(&self, reading: &Reading, through: LogPosition) -> Vec<Segment> {
        match self.product.kind {
            Kind::Flexible => {
                let rows = reading.stakes(self.id, through).unwrap();
                rows.into_iter().map(|row| Segment { from: row.day, stake: row.stake }).collect()
            }
            Kind::FixedTerm { .. } => {
                assert!(reading.stakes(self.id, through).unwrap().iter().all(|row| row.stake.carry < usance_core::money::DAY_DIVISOR));
                let stake = Stake { earning: self.origin.principal_opened.get(), ..Stake::default() };
                vec![Segment { from: self.running.value_date, stake }]
            }
        }
    }

    fn bands_on(&self, day: Day) -> Option<Bands> {
        if self.running.rate_version != FLOATING {
            return self.state.bands(self.running.rate_version).cloned();
        }
        let closed = self.product.closed_day(day)?;
        self.state.bands(closed.version).map(|bands| bands.capped(closed.settled))
    }

    /// The last closed day on which it was staked.
    fn last_day(&self) -> Day {
        let offset = self.state.registry.platform.offset;
        self.origin.closed_at().map_or(self.state.registry.open_day, |at| offset.day_of(at)).previous()
    }

    /// What the closes gave, by the rates of the days and nothing else: what was paid, and what is still owed or was
    /// forfeited.
    fn rewards(&self, reading: &Reading, through: LogPosition) -> (Amount, Amount) {
        let (mut paid, mut owed) = (Amount::ZERO, Amount::ZERO);
        let first = self.state.registry.platform.offset.day_of(self.origin.opened_at());
        walk(
            &self.segments(reading, through),
            first,
            self.last_day(),
            |day| self.bands_on(day),
            |line| {
                owed = owed.plus(line.reward);
                let is_paid = match self.product.kind {
                    Kind::Flexible => true,
                    Kind::FixedTerm { .. } => self.product.distributes_on(self.running.interest_day(line.day)),
                };
                if is_paid {
                    paid = paid.plus(std::mem::take(&mut owed));
                }
            },
        );
        (paid, owed)
    }

    /// What the end of a term gave back.
    fn maturity(&self) -> Money {
        if !matches!(self.running.state, PositionState::Matured | PositionState::Renewed) {
            return (0, 0);
        }
        let next = position_link(self.origin.renewed_into).and_then(|next| self.state.position(next));
        let renewed = next.map_or(Amount::ZERO, |(_, next)| next.principal_opened.get());
        let rest = self.origin.principal_opened.get().left_after(renewed);
        let to_spot = rest.min(self.origin.from_spot.get());
        (signed(to_spot), signed(rest.left_after(to_spot)))
    }
}

/// For every customer and asset: what the customer did, what the closes paid and what the terms gave back, each derived
/// from the tables and the rates, is what the state says the customer has.
fn check_sums(tables: &Tables, reading: &Reading, state: &State, through: LogPosition) {
    let span = Span { after: LogPosition::START, through };
    for (customer, asset) in tables.pairs() {
        let mut sum: Money = (0, 0);
        for row in reading.history(customer, asset, span, None, ALL).unwrap() {
            sum = (sum.0 + row.spot, sum.1 + row.funding);
        }
        for id in state.positions_of(customer, |account, _| account.asset == asset) {
            let (running, origin) = state.position(id).unwrap();
            let subject = Subject { state, id, running, origin, product: state.product(running.product).unwrap() };
            let (paid, owed) = subject.rewards(reading, through);
            assert_eq!(paid, running.distributed.get(), "position {id}: what was paid");
            if running.is_active() {
                assert_eq!(owed, running.accrued.get(), "position {id}: what is owed");
            }
            let returned = subject.maturity();
            sum = (sum.0 + returned.0, sum.1 + returned.1 + signed(paid));
        }
        let account = state.account_ix(customer, asset);
        let has = [AccountKind::Spot, AccountKind::Funding].map(|kind| signed(state.balance(account, kind)));
        assert_eq!((sum.0, sum.1), (has[0], has[1]), "{customer:?} {asset:?} at {through}");
    }
}

#[test]
fn rows_and_derived_rewards_add_up_to_the_balances() {
    for seed in SEEDS {
        let tables = Tables::full(Size::usual(seed));
        let reading = tables.reading();
        // At every so many batches and at the end: what comes later is left out.
        let last = tables.world.views.len() - 1;
        for view in (0..=last).step_by(last / 12).chain([last]) {
            let (head, state) = &tables.world.views[view];
            if state.registry.assets.len() == 2 {
                check_sums(&tables, &reading, state, LogPosition::end_of(head.seq));
            }
        }
    }
}

#[test]
fn stakes_are_those_of_the_log_up_to_a_place() {
    let tables = Tables::full(Size::usual(5));
    let (reading, offset) = (tables.reading(), tables.world.state.registry.platform.offset);
    let mut stakes: BTreeMap<PositionId, Vec<(LogPosition, StakeRow)>> = BTreeMap::new();
    for batch in batches(&tables.log) {
        for item in codec::records(&batch) {
            let (place, record) = item.unwrap();
            for event in &record.events {
                let (position, stake) = match event {
                    Event::Subscribed(event) => (event.position, event.stake),
                    Event::Redeemed(event) => (event.position, event.stake),
                    _ => continue,
                };
                stakes.entry(position).or_default().push((place, StakeRow { day: offset.day_of(record.at), stake }));
            }
        }
    }
    assert!(stakes.values().any(|rows| rows.len() > 4));
    for (position, rows) in stakes {
        for (index, (place, _)) in rows.iter().enumerate() {
            let expected = |count: usize| rows[..count].iter().map(|(_, row)| *row).collect::<Vec<_>>();
            assert_eq!(reading.stakes(position, *place).unwrap(), expected(index + 1), "position {position} through {place}");
            let before = LogPosition::from_number(place.number() - 1);
            assert_eq!(reading.stakes(position, before).unwrap(), expected(index), "position {position} before {place}");
        }
    }
}

/// A position's stake after each event is the one the machine kept, and a walk from it meets the live carry.
#[test]
fn stakes_lead_to_the_live_carry() {
    let tables = Tables::full(Size::usual(4));
    let (reading, state) = (tables.reading(), &tables.world.state);
    let mut seen = 0;
    for (index, running) in state.running.iter().enumerate() {
        let id = PositionId::from_index(index);
        let product = state.product(running.product).unwrap();
        if product.kind != Kind::Flexible || !running.is_active() {
            continue;
        }
        let (running, origin) = state.position(id).unwrap();
        let subject = Subject { state, id, running, origin, product };
        let last = *reading.stakes(id, EVERYTHING.through).unwrap().last().unwrap();
        let mut stake = last.stake;
        for day in (0..state.registry.open_day.since(last.day)).map(|days| last.day.plus(days)) {
            stake.close_day(&subject.bands_on(day).unwrap());
        }
        let live = Stake { earning: running.earning.get(), pending: running.pending.get(), carry: running.carry.get() };
        assert_eq!(stake, live, "position {id}");
        seen += 1;
    }
    assert!(seen > 5, "{seen} flexible positions");
}
