//! A platform that lives: some sixty days of customers, in a log as a writer would have written it.
//!
//! What is asked is drawn from a seed by `usance-workload` against the state as it stands, so most commands are meaningful,
//! some are refused, and the same seed gives the same log. Records are stored with their keys, in batches of every size. [`World::views`]
//! keeps the state as it was at the end of each batch.

use std::collections::{BTreeMap, BTreeSet};

use usance_core::audit;
use usance_core::calendar::{Day, DayOffset, Timestamp};
use usance_core::id::{AssetIx, NetworkIx};
use usance_core::machine::state::{ClockMode, Platform};
use usance_core::machine::verb::{
    Attest, LossAccepted, OrdersExpired, Patch, ProductText, ProposalExpired, RateText, Redeemed, ReserveSide, SaleText, SignProposal,
    Source, Subscribe, WalletMove, WriterStarted,
};
use usance_core::machine::{self, Answer, Command, Event, Executed, Rejection, State, close, verb};
use usance_core::money::Rate;
use usance_core::person::proposal::{Matter, Verdict};
use usance_core::position::position_link;
use usance_core::product::{Distribution, Kind, RateMode, SlashingTerms, StakingTerms, Status, YieldTerms};
use usance_core::reward::clawback::AccountKind::{Funding, Spot};
use usance_core::treasury::loss::Loss;
use usance_core::treasury::yields::NetworkYield;
use usance_store::codec::{self, Fact, Record, UsedKey};
use usance_store::recovery::replay_batch;
use usance_store::{Appended, Batch, BatchBuilder, Head, LogPosition, LogReader, LogStore, MemoryLog, StoreError};
use usance_workload::Situation;
use usance_workload::people::{public_key_of, signed};
use usance_workload::{Cast, Dice, Entrance, Form, Outline, References, SplitMix64, Wish, Workload};

const DAY_MS: i64 = 86_400_000;
/// Steps of a treasury in which a world's customers share a loss, at most.
const SHARING_MAX: usize = 2_000;
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
    /// What a release's stored log is made of, when it is written.
    pub const fn golden() -> Size {
        Size { seed: 2028, customers: 4, days: 30, commands: 30, records_max: 12 }
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

    /// What a stored log tells, run again.
    pub fn of(log: &MemoryLog) -> World {
        let (mut state, mut records, mut views) = (None, 0, Vec::new());
        for batch in batches(log) {
            records += replay_batch(&mut state, &batch).unwrap();
            views.push((batch.head(), state.clone().unwrap()));
        }
        let (head, state) = views.last().cloned().unwrap();
        World { state, head, records, views }
    }

    /// Lets a world happen in an empty log.
    pub fn live(log: &mut dyn LogStore, size: Size) -> World {
        let mut writer = Writer::found(log, size);
        let end = writer.state.registry.open_day.plus_days(size.days);
        let middle = writer.state.registry.open_day.plus_days(size.days / 2);
        let mut has_shared = false;
        while writer.state.registry.open_day < end {
            if !has_shared && writer.state.registry.open_day >= middle {
                has_shared = writer.share_a_loss();
            }
            for _ in 0..writer.dice.below(size.commands) {
                let command = writer.something();
                // A refusal is a record like any other.
                let _outcome = writer.run(&command);
            }
            writer.pass_time();
            writer.speak_for_the_wallet();
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

/// Sixteen bytes that nothing else has.
fn bytes16(dice: &mut SplitMix64) -> [u8; 16] {
    (u128::from(dice.roll()) << 64 | u128::from(dice.roll())).to_le_bytes()
}

/// Two people who let a third one come, go, and propose what nobody signs in time.
fn people(state: &mut State, at: Timestamp) -> Vec<Event> {
    let key = public_key_of;
    let register = |name: &str| Command::RegisterPerson { name: name.to_owned(), key: key(name) };
    let propose = |matter| Command::Propose { matter: Box::new(matter), expires_at: None };
    let come = |name: &str| propose(Matter::RegisterPerson { name: name.to_owned(), key: key(name) });
    let sign = |proposal: u64, name: &str, state: &State| {
        let text = state.text_to_sign(proposal, Verdict::Approve).expect("a proposal");
        let (person, signature) = (name.to_owned(), signed(name, &text));
        Command::SignProposal(Box::new(SignProposal { proposal, person, verdict: Verdict::Approve, signature }))
    };
    let mut events = Vec::new();
    let mut run = |state: &mut State, command: &Command| {
        let Executed { events: these, outcome } = machine::execute(state, command, at);
        assert!(outcome.is_ok(), "{command:?}: {outcome:?}");
        events.extend(these);
    };
    for command in [register("anna"), register("ben"), come("cleo")] {
        run(state, &command);
    }
    for (proposal, then) in [(1, propose(Matter::RemovePerson { name: "cleo".to_owned() })), (2, come("dan"))] {
        for name in ["anna", "ben"] {
            let signed = sign(proposal, name, state);
            run(state, &signed);
        }
        run(state, &then);
    }
    let expired = vec![Event::ProposalExpired(ProposalExpired { proposal: 3 })];
    machine::replay(state, &expired, at);
    events.extend(expired);
    events
}

/// What a life of orders leaves in a log.
const OF_ORDERS: [&str; 9] = [
    "PolicySet",
    "OrdersPlanned",
    "OrderSigned",
    "OrderTold",
    "OfficeTaken",
    "OrderPrepared",
    "OrderSent",
    "PictureTaken",
    "SweepReceived",
];

/// More than any world ever has of an asset.
fn plenty(decimals: u8) -> String {
    format!("1{}", "0".repeat(27 - usize::from(decimals)))
}

/// What comes before a network's yield is passed on: a product, and something set aside.
fn before_a_yield(day: Day) -> Vec<Command> {
    let (sol, pass) = (|| ASSETS[0].0.to_owned(), || PASSING.to_owned());
    let half = Rate::parse("0.5").unwrap();
    let product = ProductText {
        id: pass(),
        asset: sol(),
        name: format!("Product {PASSING}"),
        kind: Kind::Flexible,
        rates: vec![(day, bands(&[(None, "0.5")]))],
        rate_mode: None,
        distribution: None,
        early_redemption: None,
        staking: StakingTerms { yields: YieldTerms::Network { over_days: 2, step: half }, ..StakingTerms::default() },
        sale: SaleText::default(),
    };
    let amount = || "100".to_owned();
    vec![
        Command::CreateProduct(Box::new(product)),
        Command::SetProductStatus { product: pass(), status: Status::Open },
        Command::SettleRateFor { product: pass(), day, rate: half, reason: "The network is young.".to_owned() },
        Command::FundLossReserve { asset: sol(), amount: amount(), from: ReserveSide::RewardPool },
        Command::WithdrawLossReserve { asset: sol(), amount: "1".to_owned(), to: ReserveSide::RewardPool },
    ]
}

/// The product that passes on what the network pays.
const PASSING: &str = "sol-pass";

/// A customer brings coins and stakes them in the product that passes the network's yield on.
fn a_stake_that_passes(round: u32) -> [Command; 2] {
    let (sol, amount) = (|| ASSETS[0].0.to_owned(), || "100".to_owned());
    let reference = format!("for a yield {round}");
    let stake = Subscribe {
        customer: name(0),
        product: PASSING.to_owned(),
        amount: amount(),
        source: Source::Spot,
        agreement: "v1".to_owned(),
        auto_renew: false,
    };
    [
        Command::Deposit(WalletMove { customer: name(0), asset: sol(), account: Spot, amount: amount(), reference }),
        Command::Subscribe(stake),
    ]
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
    dice: SplitMix64,
    /// What the wallet says and who leaves where it says little.
    wallet: SplitMix64,
    cast: Cast,
    size: Size,
}

impl<'a> Writer<'a> {
    fn found(log: &'a mut dyn LogStore, size: Size) -> Self {
        let mut dice = SplitMix64::new(size.seed);
        let platform = Platform {
            shard: 0,
            offset: DayOffset::from_minutes([480, 0, -300][dice.below(3) as usize]).unwrap(),
            clock: ClockMode::Simulated,
            created_at: Timestamp::from_ms(1_767_225_600_000 + i64::try_from(dice.below(40_000_000)).unwrap()),
            seed: [u8::try_from(size.seed % 251).unwrap(); 32],
        };
        let (state, cast) = (State::new(platform.clone()), cast(size.customers));
        let mut writer = Writer {
            log,
            state,
            head: Head::GENESIS,
            builder: BatchBuilder::new(),
            room: 1,
            records: 0,
            views: Vec::new(),
            dice,
            wallet: SplitMix64::new(size.seed),
            cast,
            size,
        };
        let at = platform.created_at;
        writer.push(&Record::of_engine(at, vec![Event::PlatformCreated(Box::new(platform))]));
        let given_up = Event::LossAccepted(LossAccepted { by: "ann".to_owned(), ends_at: 1, through: 3 });
        let mut engines = vec![Event::WriterStarted(WriterStarted { epoch: 1 }), given_up];
        machine::replay(&mut writer.state, &engines, at);
        engines.extend(people(&mut writer.state, at));
        writer.push(&Record::of_engine(at, engines));
        for command in writer.first_commands() {
            assert!(writer.run(&command).is_ok(), "{command:?}");
        }
        writer.live_with_a_treasury(150);
        writer.pass_a_yield_on();
        writer
    }

    /// So many steps of a treasury's life; gives the names of what happened.
    fn steps_of_a_treasury(&mut self, dice: &mut Dice<'_>, steps: usize) -> Vec<String> {
        let (at, mut happened) = (self.state.registry.last_at, Vec::new());
        for _ in 0..steps {
            let command = Workload::new(&self.state, &self.cast).treasury(dice);
            let done = machine::execute(&mut self.state, &command, at).events;
            happened.extend(done.iter().map(|event| event.name().to_owned()));
            if !done.is_empty() {
                self.push(&Record::of_engine(at, done));
            }
            self.pay_waiting();
        }
        happened
    }

    /// The wallet says that it holds everything.
    fn attest_plenty(&mut self) {
        for (index, (symbol, decimals)) in ASSETS.iter().enumerate() {
            let coverage = self.state.treasury.coverage(AssetIx::from_index(index)).expect("a treasury that has begun");
            let movement = coverage.movements.back().map_or(0, |(number, _)| *number);
            let at = self.state.registry.last_at;
            let attest = Attest { asset: (*symbol).to_owned(), amount: plenty(*decimals), at, movement };
            self.run_without_key(&Command::Attest(attest)).unwrap();
        }
    }

    /// What a treasury needs to begin, and then at least so many steps of a life, until each of [`OF_ORDERS`] has happened and an order waits.
    fn live_with_a_treasury(&mut self, steps: usize) {
        let mut numbers = SplitMix64::new(7);
        let mut dice = Dice::from_numbers(&mut numbers);
        let mut missing = BTreeSet::from(OF_ORDERS);
        let live = |state: &State| state.treasury.networks().first().and_then(|network| network.desk.live.keys().next().copied());
        let at = self.state.registry.last_at;
        let mut taken = 0;
        while taken < steps || !missing.is_empty() || live(&self.state).is_none() {
            assert!(taken < 20_000, "what never happened: {missing:?}");
            taken += 1;
            let happened = self.steps_of_a_treasury(&mut dice, 1);
            missing.retain(|name| !happened.iter().any(|event| event == name));
        }
        // Time stands still here, so that what is over with time is told by hand.
        let over = OrdersExpired { network: NetworkIx(0), orders: vec![live(&self.state).expect("an order that is not over")] };
        let expired = vec![Event::OrdersExpired(Box::new(over))];
        machine::replay(&mut self.state, &expired, at);
        self.push(&Record::of_engine(at, expired));
    }

    /// A treasury's life goes on until customers have borne a part of a loss and got something of it back, or for so long.
    fn share_a_loss(&mut self) -> bool {
        let mut numbers = SplitMix64::new(9);
        let mut dice = Dice::from_numbers(&mut numbers);
        let is_over = |state: &State| {
            let came_back = |loss: &Loss| loss.borne.is_some_and(|borne| !borne.recovered.customers.is_zero());
            state.treasury.losses().iter().any(came_back)
        };
        let mut taken = 0;
        while taken < SHARING_MAX && !is_over(&self.state) {
            taken += 1;
            self.steps_of_a_treasury(&mut dice, 1);
        }
        is_over(&self.state)
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

    /// A network pays for customers until there is commission, which is taken out. All in the batch at hand and without the writer's dice.
    fn pass_a_yield_on(&mut self) {
        let room = std::mem::replace(&mut self.room, u64::MAX);
        let day = self.state.registry.open_day;
        for command in before_a_yield(day) {
            let outcome = self.run_without_key(&command);
            assert!(outcome.is_ok(), "{command:?}: {outcome:?}");
        }
        let terms = NetworkYield { commission: Rate::parse("1").unwrap(), ..NetworkYield::default() };
        let mut numbers = SplitMix64::new(7);
        let mut dice = Dice::from_numbers(&mut numbers);
        let mut taken = |round: u32| {
            self.steps_of_a_treasury(&mut dice, 60);
            // Whoever was in the product may have left it.
            for command in a_stake_that_passes(round) {
                self.run_without_key(&command).unwrap();
            }
            self.attest_plenty();
            self.run_without_key(&Command::SetNetworkYield { network: usance_workload::seen::NETWORK.to_owned(), terms }).unwrap();
            let next = self.state.registry.platform.offset.first_instant(self.state.registry.open_day.next());
            self.run_without_key(&Command::MoveClock { to: next }).unwrap();
            self.run_without_key(&Command::WithdrawCommission { asset: ASSETS[0].0.to_owned(), amount: "0.000000001".to_owned() })
        };
        let rounds: Vec<_> = (0..9).map_while(|round| taken(round).err()).collect();
        assert!(rounds.len() < 9, "a network that pays: {rounds:?}");
        self.room = room;
    }

    /// Runs a command now. Most come with a key.
    fn run(&mut self, command: &Command) -> Result<Answer, Rejection> {
        let (executed, at) = self.execute(command);
        let key = (self.dice.below(8) > 0).then(|| UsedKey { hash: bytes16(&mut self.dice), fingerprint: bytes16(&mut self.dice) });
        let outcome = executed.outcome.clone();
        self.push(&Record { fact: Fact { at, key, actor: None, events: executed.events }, outcome: executed.outcome });
        self.pay_waiting();
        outcome
    }

    fn run_without_key(&mut self, command: &Command) -> Result<Answer, Rejection> {
        let (executed, at) = self.execute(command);
        let outcome = executed.outcome.clone();
        self.push(&Record { fact: Fact { at, key: None, actor: None, events: executed.events }, outcome: executed.outcome });
        self.pay_waiting();
        outcome
    }

    fn execute(&mut self, command: &Command) -> (Executed, Timestamp) {
        let now = self.state.registry.last_at;
        match command {
            Command::MoveClock { to } => {
                let executed = self.move_clock(*to);
                let at = if executed.outcome.is_ok() { *to } else { now };
                (executed, at)
            }
            command => (machine::execute(&mut self.state, command, now), now),
        }
    }

    /// Whoever waits is paid, each with a record of its own.
    fn pay_waiting(&mut self) {
        let at = self.state.registry.last_at;
        while let Some(event) = machine::pay_next(&mut self.state, at) {
            self.push(&Record::of_engine(at, vec![event]));
        }
    }

    /// The wallet says what it has: for five days more than enough, and for sixteen hardly what customers may take. Then exits wait longer
    /// than promised, some are cancelled, and the line is paid in part.
    fn speak_for_the_wallet(&mut self) {
        let is_scarce = self.state.registry.open_day.number().rem_euclid(21) < 16;
        for (asset, (symbol, decimals)) in ASSETS.into_iter().enumerate() {
            let seen = self.state.treasury();
            let (Some(owed), Some((Some(movement), _))) = (seen.owed.get(asset), seen.wallet.get(asset)) else { continue };
            let units = if is_scarce { owed + seen.waiting[asset] / 16 * u128::from(self.wallet.once_in(4)) } else { 10_u128.pow(27) };
            let (at, amount) = (self.state.registry.last_at, format!("{units}e-{decimals}"));
            let attest = Attest { asset: symbol.to_owned(), amount, at, movement: *movement };
            self.run(&Command::Attest(attest)).unwrap();
        }
        for _ in 0..self.wallet.below(if is_scarce { 8 } else { 3 }) {
            let seen = self.state.treasury();
            let command = Workload::new(&self.state, &self.cast).exit(&mut Dice::from_numbers(&mut self.wallet), &seen);
            // A refusal is a record like any other.
            let _outcome = self.run(&command);
        }
    }

    /// The days on the way are closed within the record of the move.
    fn move_clock(&mut self, to: Timestamp) -> Executed {
        if let Err(rejection) = verb::clock::check_move(&self.state, to) {
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
                self.pay_waiting();
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
                let account = if self.dice.once_in(2) { Funding } else { Spot };
                commands.push(Command::Deposit(WalletMove { customer, asset, account, amount, reference: format!("first-{number}") }));
            }
        }
        commands
    }

    fn something(&mut self) -> Command {
        Workload::new(&self.state, &self.cast).command(&mut Dice::from_numbers(&mut self.dice))
    }
}

fn name(number: usize) -> String {
    format!("customer-{number:02}")
}

const fn outline(id: &'static str, asset: usize, form: Form) -> Outline {
    Outline { id, asset, form, entrance: Entrance::Open }
}

/// Many people who stake and few who do all else; [`products`] in outline.
fn cast(customers: usize) -> Cast {
    Cast {
        customers: (0..customers).map(name).collect(),
        // A few do most of it, so that positions are topped up and one customer has many.
        usual_customers: (0..customers).chain((0..customers).map(|number| number % 5)).collect(),
        assets: ASSETS.to_vec(),
        products: vec![
            outline("sol-flex", 0, Form::Flexible),
            outline("wei-dust", 1, Form::Flexible),
            outline("sol-daily", 0, Form::Term),
            outline("sol-thirds", 0, Form::Term),
            outline("sol-end", 0, Form::Term),
            outline("wei-hot", 1, Form::Long),
            outline("wei-end", 1, Form::Short),
        ],
        usual_products: vec![0, 1, 2, 3, 4, 5, 6],
        // None is closed for good, and most are open most of the time.
        statuses: vec![Status::Open, Status::Open, Status::Paused, Status::Draft],
        references: References::NewEachDay,
        wishes: vec![
            (Wish::Subscription, 18),
            (Wish::Redemption, 5),
            (Wish::Outgrown, 3),
            (Wish::Renewal, 4),
            (Wish::Transfer, 4),
            (Wish::Deposit, 2),
            (Wish::Withdrawal, 2),
            (Wish::RewardPool, 1),
            (Wish::Offering, 3),
            (Wish::Relief, 3),
            (Wish::Stray, 1),
        ],
    }
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
        staking: StakingTerms { slashing: SlashingTerms::Shared, ..StakingTerms::default() },
        sale: SaleText::default(),
    };
    let term = |term_days| Kind::FixedTerm { term_days };
    let renewal = || SaleText { renewal: Patch::Set(true), ..SaleText::default() };
    let set = |text: &str| Patch::Set(text.to_owned());
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
pub const SEEDS: [u64; 4] = [1, 3, 9, 12];

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
    let mut names = super::codec::event_names();
    // Only earlier releases wrote it.
    assert!(names.remove("ProductCreated"));
    assert_eq!(seen.events, names, "every event there is");
    assert!(seen.rejections.len() >= 20, "{:?}", seen.rejections);
    assert!(seen.batch_sizes.len() > 15, "batches of many sizes: {:?}", seen.batch_sizes);
    let least = [
        ("a further subscription to a flexible position", 40),
        ("a stake that earns from its first instant", 100),
        ("a partial redemption", 20),
        ("a redemption to another account than it came from", 20),
        ("an early exit that takes rewards out of Funding", 3),
        ("an early exit whose rewards nobody can give back", 5),
        ("a renewal that pays a rest out", 5),
        ("a reward for waiting longer than promised", 20),
        ("a payment to somebody who waited", 40),
        ("a position that is Active", 150),
        ("a position that is Matured", 200),
        ("a position that is Renewed", 300),
        ("a position that is Redeemed", 40),
        ("a position that is RedeemedEarly", 80),
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
                Event::Redeemed(event) => self.redeemed(event),
                Event::ExitQueued(event) => self.redeemed(&event.redeemed),
                Event::ExitEarned(event) => self.count("a reward for waiting longer than promised", !event.reward.is_zero()),
                Event::ExitPaid(_) => self.count("a payment to somebody who waited", true),
                _ => {}
            }
        }
    }

    fn redeemed(&mut self, event: &Redeemed) {
        let figures = &event.figures;
        let is_partial = !event.stake.earning.plus(event.stake.pending).is_zero();
        self.count("a partial redemption", is_partial);
        self.count("a redemption to another account than it came from", !event.early && figures.to_spot != figures.spot_part);
        self.count("an early exit that takes rewards out of Funding", !figures.clawback_from_funding.is_zero());
        self.count("an early exit whose rewards nobody can give back", !figures.written_off.is_zero());
    }
}
