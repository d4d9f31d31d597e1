//! A platform that lives: some sixty days of customers, in a log as a writer would have written it.
//!
//! What is asked is drawn from a seed against the state as it stands, so most commands are meaningful, some are refused,
//! and the same seed gives the same log. Records are stored with their keys, in batches of every size. [`World::views`]
//! keeps the state as it was at the end of each batch.

use std::collections::{BTreeMap, BTreeSet};

use usance_core::audit;
use usance_core::calendar::{Day, DayOffset, Timestamp};
use usance_core::id::PositionId;
use usance_core::machine::command::{Change, ProductText, RateText, Redeem, SaleText, Source, Subscribe, WalletMove};
use usance_core::machine::state::{ClockMode, Platform};
use usance_core::machine::{self, Answer, Command, Event, Executed, Rejection, State, close, decide};
use usance_core::money::{Amount, Rate};
use usance_core::position::position_link;
use usance_core::product::{Distribution, Kind, Product, RateMode, Status};
use usance_core::reward::clawback::AccountKind::{self, Funding, Spot};
use usance_store::codec::{self, Fact, Record, UsedKey};
use usance_store::{Appended, Batch, BatchBuilder, Head, LogPosition, LogReader, LogStore, MemoryLog, StoreError};

const DAY_MS: i64 = 86_400_000;
/// The product whose rewards outgrow its principal, by its number.
const HOT: usize = 5;
const ASSETS: [(&str, u8); 2] = [("SOL", 9), ("WEI", 18)];

/// How much happens.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub seed: u64,
    pub customers: usize,
    pub days: i32,
    /// Commands between two moves of the clock.
    pub commands: u64,
    /// Records in one batch, at most.
    pub records_max: u64,
}

impl Size {
    pub const fn usual(seed: u64) -> Size {
        Size { seed, customers: 30, days: 60, commands: 60, records_max: 24 }
    }
    /// What `tests/golden/v1/log.txt` was made of.
    pub const fn golden() -> Size {
        Size { seed: 2026, customers: 4, days: 30, commands: 30, records_max: 12 }
    }
    pub const fn small(seed: u64) -> Size {
        Size { seed, customers: 6, days: 20, commands: 20, records_max: 12 }
    }
}

/// What a seed came to.
pub struct World {
    /// The state after the last batch.
    pub state: State,
    /// The end of the log.
    pub head: Head,
    /// How many records the log has.
    pub records: u64,
    /// The end of the log and the state after each batch.
    pub views: Vec<(Head, State)>,
}

impl World {
    /// A world in a log of its own, in memory.
    pub fn in_memory(size: Size) -> (World, MemoryLog) {
        let mut log = MemoryLog::new();
        (World::live(&mut log, size), log)
    }

    /// Lets a world happen in an empty log.
    pub fn live(log: &mut dyn LogStore, size: Size) -> World {
        let mut writer = Writer::found(log, size);
        let end = writer.state.registry.open_day.plus_days(size.days);
        while writer.state.registry.open_day < end {
            for _ in 0..writer.dice.below(size.commands) {
                let command = writer.something();
                // A refusal is a record like any other.
                let _outcome = writer.run(&command);
            }
            writer.pass_time();
        }
        writer.flush();
        let (state, head) = (writer.state, writer.head);
        World { state, head, records: writer.records, views: writer.views }
    }
}

/// The first batches of a log as a log of their own.
pub fn cut(log: &MemoryLog, through: u64) -> MemoryLog {
    let mut short = MemoryLog::new();
    for batch in batches(log).iter().take_while(|batch| batch.seq <= through) {
        assert_eq!(short.append(batch.seq - 1, batch), Appended::Done);
    }
    short
}

/// Every batch of a log.
pub fn batches(log: &dyn LogReader) -> Vec<Batch> {
    let mut all = Vec::new();
    usance_store::verify_chain::<StoreError>(log, 0, Head::GENESIS, |batch| {
        all.push(batch.clone());
        Ok(())
    })
    .unwrap();
    all
}

/// The names of a record's events.
pub fn event_names(record: &Record) -> Vec<String> {
    record.fact.events.iter().map(|event| format!("{event:?}").split(['(', ' ']).next().unwrap().to_owned()).collect()
}

/// Numbers that look random and are not: SplitMix64.
pub struct Dice(pub u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
    pub fn below(&mut self, sides: u64) -> u64 {
        self.roll() % sides
    }
    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize].clone()
    }
    fn bytes16(&mut self) -> [u8; 16] {
        (u128::from(self.roll()) << 64 | u128::from(self.roll())).to_le_bytes()
    }
}

/// The writer in small: stamps, decides, applies, and appends what gathered.
struct Writer<'a> {
    log: &'a mut dyn LogStore,
    state: State,
    head: Head,
    builder: BatchBuilder,
    /// Records that the batch at hand takes.
    room: u64,
    records: u64,
    views: Vec<(Head, State)>,
    dice: Dice,
    size: Size,
}

impl<'a> Writer<'a> {
    fn found(log: &'a mut dyn LogStore, size: Size) -> Self {
        let mut dice = Dice(size.seed);
        let platform = Platform {
            shard: 0,
            offset: DayOffset::from_minutes(dice.one_of(&[480, 0, -300])).unwrap(),
            clock: ClockMode::Simulated,
            created_at: Timestamp::from_ms(1_767_225_600_000 + i64::try_from(dice.below(40_000_000)).unwrap()),
            seed: [u8::try_from(size.seed % 251).unwrap(); 32],
        };
        let state = State::new(platform.clone());
        let mut writer =
            Writer { log, state, head: Head::GENESIS, builder: BatchBuilder::new(), room: 1, records: 0, views: Vec::new(), dice, size };
        let at = platform.created_at;
        writer.push(&Record::of_engine(at, vec![Event::PlatformCreated(Box::new(platform))]));
        let started = Event::WriterStarted { epoch: 1 };
        machine::replay(&mut writer.state, std::slice::from_ref(&started), at);
        writer.push(&Record::of_engine(at, vec![started]));
        for command in writer.first_commands() {
            assert!(writer.run(&command).is_ok(), "{command:?}");
        }
        writer
    }

    /// Adds a record to the batch; says where it stands.
    fn push(&mut self, record: &Record) -> LogPosition {
        let seq = self.head.seq + 1;
        let index = self.builder.try_push_with::<StoreError>(|bytes| codec::encode(record, bytes)).unwrap();
        if let Some(key) = record.fact.key {
            self.state.keys.remember(key.hash, LogPosition::new(seq, index), record.fact.at);
        }
        self.records += 1;
        self.room -= 1;
        if self.room == 0 {
            self.flush();
        }
        LogPosition::new(seq, index)
    }

    fn flush(&mut self) {
        self.room = 1 + self.dice.below(self.size.records_max);
        let builder = std::mem::take(&mut self.builder);
        if builder.is_empty() {
            return;
        }
        assert_eq!(self.state.broken, None);
        let batch = builder.seal(0, self.head.seq + 1, self.state.registry.last_at.ms(), self.head.hash).unwrap();
        assert_eq!(self.log.append(self.head.seq, &batch), Appended::Done);
        self.head = batch.head();
        self.views.push((self.head, self.state.clone()));
    }

    /// Runs a command now. Most come with a key.
    fn run(&mut self, command: &Command) -> Result<Answer, Rejection> {
        let now = self.state.registry.last_at;
        let (executed, at) = match command {
            Command::MoveClock { to } => {
                let executed = self.move_clock(*to);
                let at = if executed.outcome.is_ok() { *to } else { now };
                (executed, at)
            }
            command => (machine::execute(&mut self.state, command, now), now),
        };
        let key = (self.dice.below(8) > 0).then(|| UsedKey { hash: self.dice.bytes16(), fingerprint: self.dice.bytes16() });
        let outcome = executed.outcome.clone();
        self.push(&Record { fact: Fact { at, key, actor: None, events: executed.events }, outcome: executed.outcome });
        outcome
    }

    /// The days on the way are closed within the record of the move.
    fn move_clock(&mut self, to: Timestamp) -> Executed {
        if let Err(rejection) = decide::clock::check_move(&self.state, to) {
            return Executed { events: Vec::new(), outcome: Err(rejection) };
        }
        let last = self.state.registry.platform.offset.day_of(to);
        let mut events = Vec::new();
        while self.state.registry.open_day < last {
            events.push(Event::DayClosed(Box::new(close::close_day(&mut self.state))));
        }
        let moved = machine::execute(&mut self.state, &Command::MoveClock { to }, to);
        events.extend(moved.events);
        Executed { events, outcome: moved.outcome }
    }

    /// Later in the day, on another day, or at its very first instant with the close in a record of its own.
    fn pass_time(&mut self) {
        let (offset, open_day) = (self.state.registry.platform.offset, self.state.registry.open_day);
        let now = self.state.registry.last_at.ms();
        let start = |days: i32| offset.first_instant(open_day.plus_days(days)).ms();
        let within_day = i64::try_from(self.dice.below(DAY_MS as u64)).unwrap();
        let to = match self.dice.below(8) {
            0 => now + within_day / 8,
            1 => start(1) - 1,
            2 => start(1) + 1,
            3 => start(1),
            4 => start(3) + within_day,
            5 => start(1) + within_day,
            _ => {
                let closed = close::close_day(&mut self.state);
                let at = offset.first_instant(closed.day.next());
                self.push(&Record::of_engine(at, vec![Event::DayClosed(Box::new(closed))]));
                return;
            }
        };
        self.run(&Command::MoveClock { to: Timestamp::from_ms(to.max(now)) }).unwrap();
    }

    // --- what is asked ---

    fn first_commands(&mut self) -> Vec<Command> {
        let mut commands = vec![Command::PublishAgreement { version: "v1".to_owned(), text: "The words of the agreement.".to_owned() }];
        for (symbol, decimals) in ASSETS {
            commands.push(Command::CreateAsset { symbol: symbol.to_owned(), name: format!("The {symbol}"), decimals, display_decimals: 4 });
            commands.push(Command::FundRewardPool { asset: symbol.to_owned(), amount: "1000".to_owned() });
        }
        let since = self.state.registry.open_day.plus_days(-10);
        for product in products(since) {
            let id = product.id.clone();
            commands.push(Command::CreateProduct(Box::new(product)));
            commands.push(Command::SetProductStatus { product: id, status: Status::Open });
        }
        for number in 0..self.size.customers {
            commands.push(Command::CreateCustomer { id: name(number) });
            for (asset, _) in ASSETS {
                let (customer, asset, amount) = (name(number), asset.to_owned(), "250.000000001".to_owned());
                let account = self.dice.one_of(&[Funding, Spot]);
                commands.push(Command::Deposit(WalletMove { customer, asset, account, amount, reference: format!("first-{number}") }));
            }
        }
        commands
    }

    fn something(&mut self) -> Command {
        match self.dice.below(40) {
            0..=17 => self.subscribe(),
            18..=20 => self.redeem(),
            21..=24 => {
                let (customer, position) = self.a_position();
                Command::SetAutoRenew { customer, position, auto_renew: self.dice.below(4) > 0 }
            }
            25..=28 => self.transfer(),
            29..=30 => Command::Deposit(self.wallet_move()),
            31..=32 => Command::Withdraw(self.wallet_move()),
            _ => self.operate(),
        }
    }

    fn operate(&mut self) -> Command {
        let open_day = self.state.registry.open_day;
        let rate = |dice: &mut Dice| Rate::parse(dice.one_of(&["0.05", "0.0123", "0", "0.31", "0.00000007"])).unwrap();
        let (product, ahead) = (self.a_product().id.clone(), i32::try_from(self.dice.below(4)).unwrap());
        let asset = self.dice.one_of(&ASSETS).0.to_owned();
        match self.dice.below(14) {
            0..=2 => {
                let (low, high) = (rate(&mut self.dice), rate(&mut self.dice));
                let bands = if self.dice.below(2) == 0 { vec![(None, low)] } else { vec![(Some("3.5".to_owned()), high), (None, low)] };
                Command::AnnounceRate { product, from: open_day.plus_days(ahead), rate: bands }
            }
            3..=5 => Command::SettleRate { product, day: open_day.plus_days(ahead), rate: rate(&mut self.dice) },
            6 => Command::SetProductStatus { product, status: Status::Paused },
            7 | 12 | 13 => Command::SetProductStatus { product, status: Status::Open },
            8 => {
                let mut bound = |texts: [&str; 3]| Change::Set(self.dice.one_of(&texts).to_owned());
                let (capacity, personal_maximum) = (bound(["400", "25", "2000"]), bound(["6.1", "30", "150"]));
                Command::ChangeProduct { product, sale: Box::new(SaleText { capacity, personal_maximum, ..SaleText::default() }) }
            }
            9 => Command::FundRewardPool { asset, amount: self.dice.one_of(&["5", "0.000000001"]).to_owned() },
            10 => Command::WithdrawRewardPool { asset, amount: "3".to_owned() },
            _ => Command::ConfirmClock { clock: self.state.registry.last_at },
        }
    }

    fn subscribe(&mut self) -> Command {
        let customer = self.a_customer();
        let product = self.a_product().id.clone();
        Command::Subscribe(Subscribe {
            customer,
            product,
            amount: self.dice.one_of(&["1", "2.5", "10", "0.25", "40", "0.000000007", "3.75", "100"]).to_owned(),
            source: self.dice.one_of(&[Source::FundingThenSpot, Source::Funding, Source::Spot]),
            agreement: if self.dice.below(24) == 0 { "v0" } else { "v1" }.to_owned(),
            auto_renew: self.dice.below(2) == 0,
        })
    }

    fn redeem(&mut self) -> Command {
        let (customer, position) = self.a_position();
        let found = position.and_then(|id| self.state.position(id)).map(|(running, _)| *running);
        let asset = found.and_then(|running| self.state.product(running.product)).map_or(0, |product| product.asset.index());
        let (symbol, decimals) = ASSETS[asset];
        let principal = found.map_or(Amount::ZERO, |running| running.principal());
        // The hot ones are left in peace until their rewards outgrow them; before some exits their Funding is emptied.
        let hot = found.filter(|running| running.product.index() == HOT && running.is_active());
        let funding = self.balance(&customer, symbol, Funding);
        let patience = hot.map_or(0, |running| if running.distributed.get() < principal { 7 } else { 4 });
        if self.dice.below(8) < patience {
            let amount = funding.to_text(decimals);
            return Command::Transfer { customer, asset: symbol.to_owned(), from: Funding, to: Spot, amount };
        }
        let part = Amount::from_units(principal.units() / (2 + u128::from(self.dice.below(5))));
        let amount = self.dice.one_of(&[None, Some(part), Some(part), Some(principal), Some(principal.plus(Amount::ONE))]);
        let amount = amount.map(|amount| amount.to_text(decimals));
        let to = self.dice.one_of(&[None, None, Some(Spot), Some(Funding)]);
        let shown = decide::redeem::check(&self.state, &customer, position, amount.as_deref(), to);
        let quote = |of: fn(&machine::event::Redeemed) -> Amount| shown.as_ref().ok().map(|shown| of(shown).to_text(decimals));
        let quoted_from_funding = quote(|shown| shown.figures.clawback_from_funding);
        let quoted_payout = quote(|shown| shown.figures.payout).filter(|_| self.dice.below(16) > 0);
        Command::Redeem(Redeem { customer, position, amount, to, quoted_payout, quoted_from_funding })
    }

    fn transfer(&mut self) -> Command {
        let (customer, (symbol, decimals)) = (self.a_customer(), self.dice.one_of(&ASSETS));
        let (from, to) = self.dice.one_of(&[(Funding, Spot), (Spot, Funding), (Funding, Spot), (Spot, Spot)]);
        let part = 1 + u128::from(self.dice.below(6));
        let amount = Amount::from_units(self.balance(&customer, symbol, from).units() / part);
        Command::Transfer { customer, asset: symbol.to_owned(), from, to, amount: amount.to_text(decimals) }
    }

    fn wallet_move(&mut self) -> WalletMove {
        WalletMove {
            customer: self.a_customer(),
            asset: self.dice.one_of(&ASSETS).0.to_owned(),
            account: self.dice.one_of(&[Funding, Spot]),
            amount: self.dice.one_of(&["25", "0.000000001", "75", "120"]).to_owned(),
            reference: format!("wallet-{}", self.dice.below(400)),
        }
    }

    /// Mostly a position that runs and its owner.
    fn a_position(&mut self) -> (String, Option<PositionId>) {
        let last = self.state.running.len() as u64;
        let outgrown = self.state.running.iter().position(|running| running.is_active() && running.distributed.get() > running.principal());
        let mut id = PositionId(1 + self.dice.below(last + 1));
        if let (Some(index), 0) = (outgrown, self.dice.below(2)) {
            id = PositionId::from_index(index);
        }
        for _ in 0..6 {
            if self.state.position(id).is_some_and(|(running, _)| running.is_active()) {
                break;
            }
            id = PositionId(1 + self.dice.below(last + 1));
        }
        let account = self.state.position(id).and_then(|(running, _)| self.state.accounts.get(running.account.index()));
        let owner = account.map(|account| name(account.customer.index())).unwrap_or_else(|| self.a_customer());
        (owner, Some(id))
    }

    fn a_customer(&mut self) -> String {
        // A few do most of it, so that positions are topped up and one customer has many.
        let number = self.dice.below(self.size.customers as u64);
        let number = if self.dice.below(2) == 0 { number } else { number % 5 };
        name(number as usize)
    }

    fn a_product(&mut self) -> &Product {
        let products = self.state.registry.products.len() as u64;
        &self.state.registry.products[self.dice.below(products) as usize]
    }

    fn balance(&self, customer: &str, symbol: &str, kind: AccountKind) -> Amount {
        let (customer, asset) = (self.state.customer_ix(customer).unwrap(), self.state.asset_ix(symbol).unwrap());
        self.state.balance(self.state.account_ix(customer, asset), kind)
    }
}

fn name(number: usize) -> String {
    format!("customer-{number:02}")
}

/// Every kind of product: tiers, dust, each way to pay, renewal within limits, and one whose rewards outgrow its principal.
fn products(since: Day) -> Vec<ProductText> {
    let product = |id: &str, asset: usize, kind: Kind, rate: &[(Option<&str>, &str)]| ProductText {
        id: id.to_owned(),
        asset: ASSETS[asset].0.to_owned(),
        name: format!("Product {id}"),
        kind,
        rates: vec![(since, bands(rate))],
        rate_mode: None,
        distribution: None,
        early_redemption: None,
        sale: SaleText::default(),
    };
    let term = |term_days| Kind::FixedTerm { term_days };
    let renewal = || SaleText { renewal: Change::Set(true), ..SaleText::default() };
    let set = |text: &str| Change::Set(text.to_owned());
    vec![
        product("sol-flex", 0, Kind::Flexible, &[(Some("5"), "0.08"), (Some("40"), "0.05"), (None, "0.02")]),
        product("wei-dust", 1, Kind::Flexible, &[(None, "0.00000003")]),
        ProductText {
            rate_mode: Some(RateMode::Floating),
            distribution: Some(Distribution::Daily),
            sale: renewal(),
            ..product("sol-daily", 0, term(7), &[(None, "0.12")])
        },
        ProductText {
            distribution: Some(Distribution::EveryNDays(3)),
            sale: SaleText { step: set("0.25"), minimum: set("0.5"), capacity: set("60"), ..renewal() },
            ..product("sol-thirds", 0, term(8), &[(Some("2"), "0.2"), (None, "0.1")])
        },
        ProductText {
            early_redemption: Some(usance_core::product::EarlyRedemption::NotAllowed),
            ..product("sol-end", 0, term(5), &[(None, "0.07654321")])
        },
        ProductText { distribution: Some(Distribution::Daily), ..product("wei-hot", 1, term(120), &[(None, "10")]) },
        ProductText {
            rate_mode: Some(RateMode::Floating),
            sale: SaleText { personal_maximum: set("80"), ..renewal() },
            ..product("wei-end", 1, term(3), &[(Some("7.5"), "0.5"), (None, "0.25")])
        },
    ]
}

fn bands(rate: &[(Option<&str>, &str)]) -> RateText {
    rate.iter().map(|(up_to, rate)| (up_to.map(str::to_owned), Rate::parse(rate).unwrap())).collect()
}

#[test]
fn a_seed_gives_the_same_log_and_another_seed_another() {
    let heads = [1, 1, 2].map(|seed| World::in_memory(Size::small(seed)).0.head);
    assert_eq!(heads[0], heads[1]);
    assert_ne!(heads[0].hash, heads[2].hash);
}

/// The seeds whose worlds are asked whether they add up.
pub const SEEDS: [u64; 3] = [1, 2, 3];

/// The other tests are worth what happens here: everything a position can go through does happen.
#[test]
fn the_worlds_have_seen_everything() {
    let mut seen = Seen::default();
    for seed in SEEDS {
        let (world, log) = World::in_memory(Size::usual(seed));
        let findings = audit::audit(&world.state);
        assert!(audit::is_healthy(&findings), "{findings:#?}");
        assert!(world.head.seq > 60 && world.records > 800, "{} batches, {} records", world.head.seq, world.records);
        assert!(world.views.iter().any(|(_, state)| state.keys.generations().len() > 2), "keys of several days");
        assert!(world.state.keys.len() < world.records as usize / 2, "and keys that were forgotten");
        seen.state(&world.state);
        for batch in batches(&log) {
            seen.batch_sizes.insert(batch.records().count());
            codec::records(&batch).for_each(|item| seen.record(&item.unwrap().1));
        }
    }
    assert_eq!(seen.events, super::codec::event_names(), "every event there is");
    assert!(seen.rejections.len() >= 12, "{:?}", seen.rejections);
    assert!(seen.batch_sizes.len() > 15, "batches of many sizes: {:?}", seen.batch_sizes);
    let least = [
        ("a further subscription to a flexible position", 10),
        ("a stake that earns from its first instant", 10),
        ("a partial redemption", 10),
        ("a redemption to another account than it came from", 5),
        ("an early exit that takes rewards out of Funding", 1),
        ("an early exit whose rewards nobody can give back", 1),
        ("a renewal that pays a rest out", 1),
        ("a position that is Active", 30),
        ("a position that is Matured", 30),
        ("a position that is Renewed", 30),
        ("a position that is Redeemed", 10),
        ("a position that is RedeemedEarly", 10),
    ];
    for (what, least) in least {
        let count = seen.counts.get(what).copied().unwrap_or_default();
        assert!(count >= least, "{count} times {what}, not {least}: {:#?}", seen.counts);
    }
}

/// What happened in some worlds.
#[derive(Default)]
struct Seen {
    events: BTreeSet<String>,
    rejections: BTreeSet<&'static str>,
    batch_sizes: BTreeSet<usize>,
    counts: BTreeMap<String, u32>,
}

impl Seen {
    fn count(&mut self, what: impl Into<String>, is_so: bool) {
        *self.counts.entry(what.into()).or_default() += u32::from(is_so);
    }

    fn state(&mut self, state: &State) {
        for (running, origin) in state.running.iter().zip(state.origins.iter()) {
            self.count(format!("a position that is {:?}", running.state), true);
            let next = position_link(origin.renewed_into).and_then(|next| state.position(next));
            let is_partly = next.is_some_and(|(_, next)| next.principal_opened != origin.principal_opened);
            self.count("a renewal that pays a rest out", is_partly);
        }
    }

    fn record(&mut self, record: &Record) {
        self.events.extend(event_names(record));
        self.rejections.extend(record.outcome.as_ref().err().map(Rejection::code));
        for event in &record.fact.events {
            match event {
                Event::Subscribed(event) => {
                    let stake = event.stake.earning.plus(event.stake.pending);
                    self.count("a further subscription to a flexible position", stake != event.amount());
                    self.count("a stake that earns from its first instant", event.stake.earning == event.amount());
                }
                Event::Redeemed(event) => {
                    let figures = &event.figures;
                    let is_partial = !event.stake.earning.plus(event.stake.pending).is_zero();
                    self.count("a partial redemption", is_partial);
                    self.count("a redemption to another account than it came from", !event.early && figures.to_spot != figures.spot_part);
                    self.count("an early exit that takes rewards out of Funding", !figures.clawback_from_funding.is_zero());
                    self.count("an early exit whose rewards nobody can give back", !figures.written_off.is_zero());
                }
                _ => {}
            }
        }
    }
}
