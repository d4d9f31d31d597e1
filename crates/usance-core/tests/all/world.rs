//! Random histories: a small world with every kind of product, and turns that tend to hit what is delicate.
//!
//! A turn is a handful of bytes that are spent as dice against the state as it stands, so most commands are meaningful
//! and every one of them can be made smaller: a byte of nothing is the plainest choice. Instants like the first of a
//! day, the millisecond before and the one after; amounts like all of it, a unit more and a grain of dust.

use crate::driver::{Engine, instant};
use proptest::strategy::Strategy;
use std::fmt;
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::PositionId;
use usance_core::machine::Command;
use usance_core::machine::command::{Change, ProductText, RateText, Redeem, SaleText, Source, Subscribe, WalletMove};
use usance_core::machine::state::ClockMode;
use usance_core::money::{Amount, Rate};
use usance_core::product::{Distribution, EarlyRedemption, Kind, RateMode, Status};
use usance_core::reward::clawback::AccountKind::{self, Funding, Spot};

pub const CUSTOMERS: [&str; 3] = ["alice", "bob", "carol"];
pub const ASSETS: [(&str, u8); 2] = [("SOL", 9), ("WEI", 18)];
pub const PRODUCTS: [&str; 4] = ["sol-flex", "sol-term", "wei-term", "wei-any"];
const TURNS: usize = 60;
const TURN_BYTES: usize = 14;
const FOUNDING_BYTES: usize = 96;
const DAY_MS: i64 = 86_400_000;

/// Bytes that are shown in one line.
#[derive(Clone)]
pub struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

/// What a world is founded with, and its turns.
#[derive(Clone, Debug)]
pub struct History {
    pub founding: Bytes,
    pub turns: Vec<Bytes>,
}

pub fn history() -> impl Strategy<Value = History> {
    let bytes = |count: usize| proptest::collection::vec(proptest::num::u8::ANY, count).prop_map(Bytes);
    let turns = proptest::collection::vec(bytes(TURN_BYTES), TURNS / 2..=TURNS);
    (bytes(FOUNDING_BYTES), turns).prop_map(|(founding, turns)| History { founding, turns })
}

/// Bytes that are spent one by one; when they are gone every choice is the first.
pub struct Dice<'a>(pub &'a [u8]);

impl Dice<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }
    fn below(&mut self, sides: u8) -> u8 {
        self.byte() % sides
    }
    fn large(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }
    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        let sides = u8::try_from(choices.len()).expect("few choices");
        choices[usize::from(self.below(sides))].clone()
    }
}

/// A platform with its first commands done: everything is on sale and everybody has some coins.
pub fn found(bytes: &[u8]) -> (Engine, Vec<Command>) {
    let dice = &mut Dice(bytes);
    let offset = dice.one_of(&[0, 480, -300, 330, 840, -720]);
    let created_at = instant(dice.one_of(&["2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.001Z", "2026-01-01T19:30:00.000Z"]));
    let mut commands = vec![Command::PublishAgreement { version: "v1".to_owned(), text: "The words of the agreement.".to_owned() }];
    for (symbol, decimals) in ASSETS {
        commands.push(Command::CreateAsset { symbol: symbol.to_owned(), name: symbol.to_owned(), decimals, display_decimals: 4 });
    }
    for customer in CUSTOMERS {
        commands.push(Command::CreateCustomer { id: customer.to_owned() });
    }
    for product in PRODUCTS {
        commands.push(Command::CreateProduct(Box::new(a_product(dice, product))));
        commands.push(Command::SetProductStatus { product: product.to_owned(), status: Status::Open });
    }
    for customer in CUSTOMERS {
        for (asset, _) in ASSETS {
            for (account, amount) in [(Funding, "100"), (Spot, "45.5")] {
                let reference = format!("first-{customer}-{account:?}");
                let (customer, asset, amount) = (customer.to_owned(), asset.to_owned(), amount.to_owned());
                commands.push(Command::Deposit(WalletMove { customer, asset, account, amount, reference }));
            }
        }
    }
    (Engine::new(ClockMode::Simulated, offset, created_at), commands)
}

fn a_term(_dice: &mut Dice<'_>, term_days: u32) -> Kind {
    #[cfg(feature = "third-kind")]
    if _dice.below(2) == 0 {
        return Kind::OpenTerm { term_days };
    }
    Kind::FixedTerm { term_days }
}

fn a_product(dice: &mut Dice<'_>, id: &str) -> ProductText {
    let flexible = id == "sol-flex" || (id == "wei-any" && dice.below(2) == 0);
    // One term is long, so that it is mostly left early and its rewards can outgrow it.
    let term_days = if id == "wei-term" { 120 } else { dice.one_of(&[3, 1, 2, 5, 7, 14, 30, 45]) };
    let kind = if flexible { Kind::Flexible } else { a_term(dice, term_days) };
    let daily = Some(Distribution::Daily);
    let distributions = [daily, None, daily, Some(Distribution::EveryNDays(2)), Some(Distribution::EveryNDays(5))];
    let some = |dice: &mut Dice<'_>, choices: &[&str]| match dice.one_of(choices) {
        "" => Change::Keep,
        text => Change::Set(text.to_owned()),
    };
    ProductText {
        id: id.to_owned(),
        asset: ASSETS[usize::from(id.starts_with("wei"))].0.to_owned(),
        name: id.to_owned(),
        kind,
        rates: vec![(Day::parse("2025-12-01").expect("a day"), if id == "wei-term" { hottest() } else { a_rate(dice) })],
        rate_mode: dice.one_of(&[None, Some(RateMode::Floating), Some(RateMode::Locked)]),
        distribution: if kind.accrues() { dice.one_of(&distributions) } else { None },
        early_redemption: if id == "wei-term" { None } else { dice.one_of(&[None, None, Some(EarlyRedemption::NotAllowed)]) },
        sale: SaleText {
            minimum: some(dice, &["", "", "0.5", "2"]),
            step: some(dice, &["", "", "", "", "0.25", "0.3"]),
            personal_maximum: some(dice, &["", "", "", "60", "12.5"]),
            capacity: some(dice, &["", "", "", "90", "30"]),
            renewal: Change::Set(kind.can_renew()),
            ..SaleText::default()
        },
    }
}

/// 1000 % a year: after 37 days the rewards are more than the principal.
fn hottest() -> RateText {
    vec![(None, Rate::MAX)]
}

/// One band or several; up to 1000 % a year, so that rewards outgrow a principal.
fn a_rate(dice: &mut Dice<'_>) -> RateText {
    let rates = ["0.05", "10", "10", "0.08", "0.00000001", "0", "3.65", "0.12345678", "9.99999999"];
    let mut rate = || Rate::parse(dice.one_of(&rates)).expect("a rate");
    let bands = [rate(), rate(), rate()];
    match dice.below(3) {
        0 => vec![(None, bands[0])],
        1 => vec![(Some("5".to_owned()), bands[0]), (None, bands[1])],
        _ => vec![(Some("0.3".to_owned()), bands[0]), (Some("20".to_owned()), bands[1]), (None, bands[2])],
    }
}

/// When a turn happens: at once, later in the day, around the first instant of another day, or much later.
pub fn when(engine: &Engine, dice: &mut Dice<'_>) -> Timestamp {
    let now = engine.state.registry.last_at;
    let start = |days: i32| engine.offset().first_instant(engine.state.registry.open_day.plus_days(days)).ms();
    let at = match dice.below(16) {
        0..=4 => now.ms(),
        5..=6 => now.ms() + i64::from(dice.large()),
        7..=8 => start(1),
        9 => start(1) + 1,
        10 => start(1) - 1,
        11 => start(0) + DAY_MS / 256 * i64::from(dice.byte()),
        12 => start(i32::from(dice.below(4)) + 2),
        13 => start(i32::from(dice.below(4)) + 1) + DAY_MS / 256 * i64::from(dice.byte()),
        _ => start(i32::from(dice.below(32))),
    };
    Timestamp::from_ms(at.max(now.ms()))
}

/// What a turn asks for, given how things stand at its instant.
pub fn what(engine: &Engine, dice: &mut Dice<'_>) -> Command {
    let product = |dice: &mut Dice<'_>| dice.one_of(&PRODUCTS).to_owned();
    match dice.below(32) {
        0..=9 => subscribe(engine, dice),
        10..=14 => redeem(engine, dice),
        15..=16 => {
            let (customer, position) = a_position(engine, dice);
            Command::SetAutoRenew { customer, position, auto_renew: dice.below(4) != 1 }
        }
        17 => transfer(engine, dice),
        18 => emptying(engine, dice),
        19 => Command::Deposit(wallet_move(engine, dice)),
        20..=21 => Command::Withdraw(wallet_move(engine, dice)),
        22 => pool(engine, dice),
        23..=24 => {
            let from = engine.state.registry.open_day.plus_days(i32::from(dice.below(4)));
            Command::AnnounceRate { product: product(dice), from, rate: a_rate(dice) }
        }
        25..=26 => {
            let day = engine.state.registry.open_day.plus_days(i32::from(dice.below(4)) - 1);
            let rate = Rate::parse(dice.one_of(&["0.01", "0", "0.06", "1", "10"])).expect("a rate");
            Command::SettleRate { product: product(dice), day, rate }
        }
        27 => {
            let status = dice.one_of(&[Status::Open, Status::Open, Status::Paused, Status::Paused, Status::Draft, Status::Closed]);
            Command::SetProductStatus { product: product(dice), status }
        }
        28..=29 => Command::ChangeProduct { product: product(dice), sale: Box::new(a_change(engine, dice)) },
        30 => {
            let days = dice.one_of(&[0, 1, 6, -1, 3_661]);
            let to = engine.state.registry.last_at.ms() + DAY_MS * days;
            Command::MoveClock { to: Timestamp::from_ms(to.max(0)) }
        }
        _ => dice.one_of(&[
            Command::PublishAgreement { version: "v2".to_owned(), text: "Other words.".to_owned() },
            Command::CreateCustomer { id: "alice".to_owned() },
            Command::SetProductStatus { product: "nothing".to_owned(), status: Status::Open },
        ]),
    }
}

fn subscribe(engine: &Engine, dice: &mut Dice<'_>) -> Command {
    let (customer, product) = (dice.one_of(&CUSTOMERS), dice.one_of(&PRODUCTS));
    let source = dice.one_of(&[Source::FundingThenSpot, Source::Funding, Source::Spot]);
    let auto_renew = dice.below(3) == 1;
    let agreement = engine.state.agreement_in_force().map_or("", |(_, agreement)| &agreement.version);
    let asset = usize::from(product.starts_with("wei"));
    Command::Subscribe(Subscribe {
        customer: customer.to_owned(),
        product: product.to_owned(),
        amount: an_amount(engine, dice, customer, asset),
        source,
        agreement: if dice.below(16) == 1 { "v0" } else { agreement }.to_owned(),
        auto_renew,
    })
}

/// A position and its owner: mostly one that runs, now and then any number and any customer.
fn a_position(engine: &Engine, dice: &mut Dice<'_>) -> (String, Option<PositionId>) {
    let ids = || (0..engine.state.running.len()).map(PositionId::from_index);
    let runs = |id: &PositionId| engine.state.position(*id).is_some_and(|(running, _)| running.is_active());
    let (choice, rank) = (dice.below(8), usize::from(dice.byte()));
    let running: Vec<PositionId> = ids().filter(runs).collect();
    let id = match choice {
        0 => PositionId(u64::try_from(rank % (engine.state.running.len() + 2)).expect("few positions")),
        _ => running.get(rank % running.len().max(1)).copied().unwrap_or(PositionId(1)),
    };
    let account = engine.state.position(id).and_then(|(running, _)| engine.state.accounts.get(running.account.index()));
    let owner = account.map_or("carol", |account| CUSTOMERS[account.customer.index()]);
    (if choice == 1 { "bob" } else { owner }.to_owned(), Some(id))
}

fn redeem(engine: &Engine, dice: &mut Dice<'_>) -> Command {
    let (customer, position) = a_position(engine, dice);
    let found = position.and_then(|id| engine.state.position(id));
    let (principal, decimals) = found.map_or((Amount::ZERO, 0), |(running, _)| (running.principal(), engine.decimals(running.product)));
    let units = |units: u128| Some(Amount::from_units(units).to_text(decimals));
    let amount = match dice.below(16) {
        0..=8 => None,
        9 => units(principal.units()),
        10..=11 => units(principal.units() / 3),
        12 => units(principal.units() / 256 * u128::from(dice.byte())),
        13 => units(principal.units() + 1),
        14 => units(1),
        _ => Some(dice.one_of(&["0", "1e", "0.5", "3"]).to_owned()),
    };
    let to = dice.one_of(&[None, None, Some(Spot), Some(Funding)]);
    let shown = usance_core::machine::decide::redeem::check(&engine.state, &customer, position, amount.as_deref(), to).ok();
    let (payout, from_funding) =
        shown.map_or((Amount::ZERO, Amount::ZERO), |shown| (shown.figures.payout, shown.figures.clawback_from_funding));
    let (quoted_payout, quoted_from_funding) = match dice.below(8) {
        0..=4 => (units(payout.units()), units(from_funding.units())),
        5 => (units(payout.units()), None),
        6 => (units(payout.units() + 1), units(from_funding.units())),
        _ => (None, None),
    };
    Command::Redeem(Redeem { customer, position, amount, to, quoted_payout, quoted_from_funding })
}

fn transfer(engine: &Engine, dice: &mut Dice<'_>) -> Command {
    let (customer, asset) = (dice.one_of(&CUSTOMERS), usize::from(dice.below(2)));
    let (from, to) = dice.one_of(&[(Funding, Spot), (Funding, Spot), (Spot, Funding), (Spot, Spot)]);
    let amount = an_amount(engine, dice, customer, asset);
    Command::Transfer { customer: customer.to_owned(), asset: ASSETS[asset].0.to_owned(), from, to, amount }
}

/// All of somebody's Funding goes to Spot, so that an early exit finds nothing there.
fn emptying(engine: &Engine, dice: &mut Dice<'_>) -> Command {
    let (customer, position) = a_position(engine, dice);
    let product = position.and_then(|id| engine.state.position(id)).and_then(|(running, _)| engine.state.product(running.product));
    let (symbol, decimals) = ASSETS[product.map_or(0, |product| product.asset.index())];
    let amount = engine.balance(&customer, symbol, Funding).to_text(decimals);
    Command::Transfer { customer, asset: symbol.to_owned(), from: Funding, to: Spot, amount }
}

fn wallet_move(engine: &Engine, dice: &mut Dice<'_>) -> WalletMove {
    let (customer, asset) = (dice.one_of(&CUSTOMERS), usize::from(dice.below(2)));
    WalletMove {
        customer: customer.to_owned(),
        asset: ASSETS[asset].0.to_owned(),
        account: dice.one_of(&[Funding, Spot]),
        amount: an_amount(engine, dice, customer, asset),
        reference: format!("ref-{}", dice.byte() / 8),
    }
}

fn pool(engine: &Engine, dice: &mut Dice<'_>) -> Command {
    let asset = usize::from(dice.below(2));
    let (symbol, amount) = (ASSETS[asset].0.to_owned(), an_amount(engine, dice, "bob", asset));
    if dice.below(3) == 0 {
        Command::WithdrawRewardPool { asset: symbol, amount }
    } else {
        Command::FundRewardPool { asset: symbol, amount }
    }
}

fn a_change(engine: &Engine, dice: &mut Dice<'_>) -> SaleText {
    let bound = |dice: &mut Dice<'_>| match dice.below(8) {
        0..=1 => Change::Clear,
        2 => Change::Set("0.25".to_owned()),
        _ => Change::Set(dice.byte().to_string()),
    };
    let start = |days: i32| Change::Set(engine.offset().first_instant(engine.state.registry.open_day.plus_days(days)));
    let mut sale = SaleText::default();
    match dice.below(8) {
        0..=1 => sale.capacity = bound(dice),
        2..=3 => sale.personal_maximum = bound(dice),
        4 => sale.minimum = bound(dice),
        5 => sale.step = bound(dice),
        6 => sale.renewal = Change::Set(dice.below(2) == 1),
        _ => {
            (sale.opens_at, sale.closes_at) =
                dice.one_of(&[(Change::Clear, Change::Clear), (start(-1), start(3)), (start(2), Change::Clear)])
        }
    }
    sale
}

/// An amount as text: an ordinary one, all or half of a balance, one unit, dust, the most there is, or none.
fn an_amount(engine: &Engine, dice: &mut Dice<'_>, customer: &str, asset: usize) -> String {
    let (symbol, decimals) = ASSETS[asset];
    let whole = |account: AccountKind| engine.balance(customer, symbol, account).units();
    let units = match dice.below(32) {
        0..=7 => return format!("{}.{:02}", dice.below(40), dice.below(100)),
        8..=17 => return format!("{}.5", dice.below(30)),
        18..=20 => whole(Funding) / 256 * u128::from(dice.byte()),
        21..=23 => whole(Funding),
        24 => whole(Spot),
        25 => whole(Spot) + 1,
        26 => 1,
        27..=28 => u128::from(dice.large()),
        29 => return format!("{}e{}", dice.one_of(&["1", "9.5", "0.7"]), 28 - i32::from(decimals)),
        30 => return format!("{}e-2", dice.large()),
        _ => return dice.one_of(&["0", "", "1.", "-1", "1e-19", "1,5", "0.000"]).to_owned(),
    };
    Amount::from_units(units).to_text(decimals)
}
