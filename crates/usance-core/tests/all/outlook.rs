//! What is shown before it is booked comes true: today's reward is what the close then gives, a term that is kept brings
//! what it was said to, the most that can be subscribed is taken and no step more.
//!
//! Each figure is held against what the machine does next, on a copy of the state. The histories are those of `world`;
//! figures that can be checked in the head stand in `cases::outlook`.

use crate::driver::{Engine, Line, instant};
use crate::world::{self, CAST, History};
use proptest::prelude::{Just, ProptestConfig, Strategy, prop_oneof, proptest};
use proptest::test_runner::FileFailurePersistence;
use std::collections::BTreeSet;
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::{PositionId, ProductIx};
use usance_core::limits::{AMOUNT_UNITS_MAX, BANDS_MAX, RATE_UNITS_MAX, TERM_DAYS_MAX};
use usance_core::machine::state::ClockMode;
use usance_core::machine::verb::{Patch, ProductText, SaleText, Source, Subscribe, Subscribed, WalletMove, clock, subscribe};
use usance_core::machine::{Command, Rejection, State, close, execute, outlook, yields};
use usance_core::money::{Amount, Rate};
use usance_core::position::{PositionState, Running};
use usance_core::product::rates::{Band, Bands};
use usance_core::product::{Kind, Status};
use usance_core::reward::clawback::AccountKind;
use usance_workload::Dice;

const DAY_MS: i64 = 86_400_000;
const SOURCES: [Source; 3] = [Source::Funding, Source::Spot, Source::FundingThenSpot];

fn config(cases: u32) -> ProptestConfig {
    let seeds = FileFailurePersistence::Direct("tests/all/seeds.txt");
    ProptestConfig { cases, failure_persistence: Some(Box::new(seeds)), ..ProptestConfig::default() }
}

// --- today's reward ---

/// Whether a product's rate is known at the close alone: it passes on what the network paid.
fn passes_on(state: &State, product: ProductIx) -> bool {
    state.product(product).is_some_and(|product| product.staking.passes_on())
}

/// Closes the days before an instant. Each gives every position what was shown right before it, and nobody else; where the network's
/// yield is passed on, it settles what was to be settled.
fn close_as_shown(engine: &mut Engine, at: Timestamp) {
    while engine.state.registry.open_day < engine.offset().day_of(at) {
        let day = engine.state.registry.open_day;
        let line = |(index, running)| Line {
            day,
            position: PositionId::from_index(index).0,
            amount: outlook::reward_today(&engine.state, running),
        };
        let is_known = |(_, running): &(usize, &Running)| !passes_on(&engine.state, running.product);
        let mut shown: Vec<Line> = engine.state.running.iter().enumerate().filter(is_known).map(line).collect();
        shown.retain(|line| !line.amount.is_zero());
        let to_settle = yields::to_settle(&engine.state);
        let known = engine.rewards.len();
        engine.close_day();
        let state = &engine.state;
        let is_known =
            |line: &&Line| state.position(PositionId(line.position)).is_some_and(|(running, _)| !passes_on(state, running.product));
        let gave: Vec<Line> = engine.rewards[known..].iter().filter(is_known).copied().collect();
        assert_eq!(gave, shown, "what {day} was said to give and what it gave");
        for (product, why) in to_settle {
            let closed = state.product(product).and_then(|product| product.closed_day(day)).expect("a closed day");
            assert_eq!(closed.settled, Some(why.rate), "what {day} was to settle and what it settled");
        }
    }
}

// --- a term that is kept ---

/// Every position that runs a term has a figure, no other has; nobody leaving and no rate changing, it is what they get.
fn check_kept(state: &State) {
    let mut shown: Vec<(PositionId, Amount)> = Vec::new();
    for (index, running) in state.running.iter().enumerate() {
        let id = PositionId::from_index(index);
        let runs_a_term = running.is_active() && state.product(running.product).is_some_and(|product| product.kind != Kind::Flexible);
        let kept = outlook::reward_if_kept(state, id);
        assert_eq!(kept.is_some(), runs_a_term, "position {id} is {:?}", running.state);
        shown.extend(kept.filter(|_| !passes_on(state, running.product)).map(|kept| (id, kept)));
    }
    assert_eq!(outlook::reward_if_kept(state, state.next_position()), None, "there is no such position");
    let mut ahead = state.clone();
    let mut closes = 0;
    while shown.iter().any(|(id, _)| ahead.position(*id).is_some_and(|(running, _)| running.is_active())) {
        close::close_day(&mut ahead);
        closes += 1;
        assert!(closes <= TERM_DAYS_MAX + 1, "every term ends");
    }
    for (id, kept) in shown {
        let (running, _) = ahead.position(id).expect("a position");
        assert!(matches!(running.state, PositionState::Matured | PositionState::Renewed), "position {id} is {:?}", running.state);
        assert_eq!((kept, Amount::ZERO), (running.distributed.get(), running.accrued.get()), "position {id}, kept to its end");
    }
}

// --- the most that can be subscribed ---

/// Who would subscribe to what, from where.
#[derive(Clone, Copy, Debug)]
struct Buyer<'a> {
    customer: &'a str,
    product: &'a str,
    source: Source,
}

impl Buyer<'_> {
    fn most(self, state: &State) -> Amount {
        let (customer, product) = (state.customer_ix(self.customer), state.product_ix(self.product));
        outlook::subscribable(state, customer.expect("a customer"), product.expect("a product"), self.source)
    }
    /// The command that subscribes this much under the agreement in force.
    fn command(self, state: &State, amount: Amount) -> Subscribe {
        let product = state.product_ix(self.product).and_then(|ix| state.product(ix)).expect("a product");
        let decimals = state.asset(product.asset).expect("an asset").decimals;
        let (_, agreement) = state.agreement_in_force().expect("an agreement");
        Subscribe {
            customer: self.customer.to_owned(),
            product: self.product.to_owned(),
            amount: amount.to_text(decimals),
            source: self.source,
            agreement: agreement.version.clone(),
            auto_renew: false,
        }
    }
    fn tries(self, state: &State, amount: Amount) -> Result<Subscribed, Rejection> {
        let command = self.command(state, amount);
        let asked = subscribe::Asked {
            customer: self.customer,
            product: self.product,
            amount: &command.amount,
            source: Some(self.source),
            agreement: Some(&command.agreement),
            auto_renew: false,
        };
        subscribe::check(state, &asked, state.registry.last_at)
    }
    /// An amount that minimum and step allow is more than a limit or a balance does.
    fn is_refused(self, state: &State, amount: Amount) {
        match self.tries(state, amount) {
            Err(
                Rejection::AbovePersonalMaximum { .. }
                | Rejection::AboveCapacity { .. }
                | Rejection::InsufficientBalance { .. }
                | Rejection::AboveLimit { .. },
            ) => {}
            Err(Rejection::AmountInvalid { .. }) if amount > Amount::MAX => {}
            other => panic!("{self:?}: {amount:?} is too much, and yet {other:?}"),
        }
    }
    /// The most is taken and a step more is not; where it is nothing, not even the smallest amount is taken.
    fn check_most(self, state: &State) {
        let sale = &state.product_ix(self.product).and_then(|ix| state.product(ix)).expect("a product").sale;
        let most = self.most(state);
        if most.is_zero() {
            return self.is_refused(state, sale.smallest_allowed());
        }
        let taken = self.tries(state, most).unwrap_or_else(|rejection| panic!("{self:?}: {most:?} and yet {rejection:?}"));
        assert_eq!(taken.amount(), most);
        self.is_refused(state, most.plus(sale.step.unwrap_or(Amount::ONE)));
    }
}

/// The same state with every product on sale: what can be subscribed does not ask for that, a subscription does.
fn on_sale(state: &State) -> State {
    let mut state = state.clone();
    for product in &mut state.registry.products {
        (product.status, product.sale.opens_at, product.sale.closes_at) = (Status::Open, None, None);
    }
    state
}

fn check_subscribable(state: &State) {
    let state = on_sale(state);
    for customer in CAST.customers.iter().map(String::as_str).chain(["dora"]) {
        for product in &CAST.products {
            for source in SOURCES {
                Buyer { customer, product: product.id, source }.check_most(&state);
            }
        }
    }
}

fn run(history: &History) {
    let (mut engine, commands) = world::found(&history.founding.0);
    let founded_at = engine.state.registry.last_at;
    let dora = Command::CreateCustomer { id: "dora".to_owned() }; // never has an account
    for command in commands.iter().chain([&dora]) {
        engine.run(command, founded_at).unwrap_or_else(|rejection| panic!("{command:?}: {rejection:?}"));
    }
    for turn in &history.turns {
        let dice = &mut Dice::of(&turn.0);
        let at = world::when(&engine, dice);
        close_as_shown(&mut engine, at);
        let command = world::what(&engine, dice);
        if let Command::MoveClock { to } = &command
            && clock::check_move(&engine.state, *to).is_ok()
        {
            close_as_shown(&mut engine, *to);
        }
        let _ = engine.run(&command, at.max(engine.state.registry.last_at)); // refusals are `properties`'
        check_kept(&engine.state);
        check_subscribable(&engine.state);
    }
}

proptest! {
    #![proptest_config(config(64))]

    #[test]
    fn what_every_history_shows_comes_true(history in world::history()) {
        run(&history);
    }
}

// --- the same with every limit, counted out ---

/// A product's limits and what alice has, in whole units; 0 is none.
#[derive(Clone, Debug)]
struct Offer {
    flexible: bool,
    minimum: u8,
    step: u8,
    personal_maximum: u8,
    capacity: u8,
    funding: u8,
    spot: u8,
    staked: u8,
    staked_by_bob: u8,
}

fn an_offer() -> impl Strategy<Value = Offer> {
    let limit = |most: u8| prop_oneof![0..1u8, 1..=most];
    let limits = (limit(12), limit(9), limit(50), limit(70));
    (proptest::bool::ANY, limits, (0..40u8, 0..40u8, 0..25u8, 0..25u8)).prop_map(|(flexible, limits, coins)| {
        let (minimum, step, personal_maximum, capacity) = limits;
        let (funding, spot, staked, staked_by_bob) = coins;
        Offer { flexible, minimum, step, personal_maximum, capacity, funding, spot, staked, staked_by_bob }
    })
}

/// More than alice ever has.
const TOO_MUCH: u128 = 100;

/// Alice and bob have staked before the limits came, so that they may be below what is staked.
fn offered(offer: &Offer) -> State {
    let mut engine = Engine::new(ClockMode::Simulated, 0, instant("2026-01-01T12:00:00.000Z"));
    let limit = |value: u8| if value == 0 { Patch::Clear } else { Patch::Set(value.to_string()) };
    let deposit = |customer: &str, account: AccountKind, amount: u8, reference: &str| {
        let (customer, asset, amount, reference) = (customer.to_owned(), "COIN".to_owned(), amount.to_string(), reference.to_owned());
        (amount != "0").then_some(Command::Deposit(WalletMove { customer, asset, account, amount, reference }))
    };
    let stake = |customer: &str, amount: u8| {
        let (customer, product, amount) = (customer.to_owned(), "it".to_owned(), amount.to_string());
        let stake = Subscribe { customer, product, amount, source: Source::Funding, agreement: "v1".to_owned(), auto_renew: false };
        (stake.amount != "0").then_some(Command::Subscribe(stake))
    };
    let product = ProductText {
        id: "it".to_owned(),
        asset: "COIN".to_owned(),
        name: "It".to_owned(),
        kind: if offer.flexible { Kind::Flexible } else { Kind::FixedTerm { term_days: 7 } },
        rates: vec![(Day::parse("2026-01-01").expect("a day"), vec![(None, Rate::ZERO)])],
        rate_mode: None,
        distribution: None,
        early_redemption: None,
        staking: usance_core::product::StakingTerms::default(),
        sale: SaleText::default(),
    };
    let sale = SaleText {
        minimum: limit(offer.minimum),
        step: limit(offer.step),
        personal_maximum: limit(offer.personal_maximum),
        capacity: limit(offer.capacity),
        ..SaleText::default()
    };
    let asset = Command::CreateAsset { symbol: "COIN".to_owned(), name: "Coin".to_owned(), decimals: 0, display_decimals: 0 };
    let commands = [
        Some(asset),
        Some(Command::PublishAgreement { version: "v1".to_owned(), text: "The words of the agreement.".to_owned() }),
        Some(Command::CreateCustomer { id: "alice".to_owned() }),
        Some(Command::CreateCustomer { id: "bob".to_owned() }),
        Some(Command::CreateProduct(Box::new(product))),
        Some(Command::SetProductStatus { product: "it".to_owned(), status: Status::Open }),
        deposit("alice", AccountKind::Funding, offer.staked, "before"),
        deposit("bob", AccountKind::Funding, offer.staked_by_bob, "bob"),
        stake("alice", offer.staked),
        stake("bob", offer.staked_by_bob),
        deposit("alice", AccountKind::Funding, offer.funding, "funding"),
        deposit("alice", AccountKind::Spot, offer.spot, "spot"),
        Some(Command::ChangeProduct { product: "it".to_owned(), sale: Box::new(sale) }),
    ];
    for command in commands.iter().flatten() {
        let now = engine.state.registry.last_at;
        engine.run(command, now).unwrap_or_else(|rejection| panic!("{command:?}: {rejection:?}"));
    }
    engine.state
}

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn the_most_is_the_largest_amount_that_is_taken(offer in an_offer()) {
        let state = offered(&offer);
        for source in SOURCES {
            let buyer = Buyer { customer: "alice", product: "it", source };
            let taken = |units: &u128| buyer.tries(&state, Amount::from_units(*units)).is_ok();
            let largest = (1..=TOO_MUCH).rev().find(taken).unwrap_or_default();
            assert_eq!(buyer.most(&state).units(), largest, "{buyer:?}");
            buyer.check_most(&state);
            if largest == 0 {
                continue;
            }
            let mut after = state.clone();
            let command = Command::Subscribe(buyer.command(&state, Amount::from_units(largest)));
            execute(&mut after, &command, state.registry.last_at).outcome.expect("the most is taken");
            assert_eq!(buyer.most(&after), Amount::ZERO, "{buyer:?} took the most");
        }
    }
}

// --- arithmetic that is shown ---

/// The part again, by doubling: after each bit of `elapsed`, `quotient * whole + rest` is `units` times the bits read.
fn slow_part(units: u128, elapsed: u64, whole: u64) -> u128 {
    if elapsed >= whole {
        return units;
    }
    let whole = u128::from(whole);
    let (mut quotient, mut rest) = (0, 0);
    for bit in (0..64).rev() {
        (quotient, rest) = (quotient * 2, rest * 2);
        if elapsed >> bit & 1 == 1 {
            (quotient, rest) = (quotient + units / whole, rest + units % whole);
        }
        (quotient, rest) = (quotient + rest / whole, rest % whole);
    }
    quotient
}

fn units() -> impl Strategy<Value = u128> {
    prop_oneof![0..1u128, 0..100u128, 0..=u128::from(u64::MAX), 0..=AMOUNT_UNITS_MAX, AMOUNT_UNITS_MAX - 5..=AMOUNT_UNITS_MAX]
}

/// A length of time up to 2^34 ms, often a very short or a very long one.
fn length() -> impl Strategy<Value = u64> {
    const LONGEST: u64 = 1 << 34;
    prop_oneof![0..4u64, 0..=LONGEST, LONGEST - 3..=LONGEST, 86_399_999..=86_400_001u64]
}

fn some_bands() -> impl Strategy<Value = Bands> {
    let bounds = proptest::collection::btree_set(prop_oneof![1..40u128, 1..=AMOUNT_UNITS_MAX], 0..BANDS_MAX);
    let rates = proptest::collection::vec(prop_oneof![0..=RATE_UNITS_MAX, 0..3u64], BANDS_MAX);
    (bounds, rates).prop_map(|(bounds, rates): (BTreeSet<u128>, Vec<u64>)| {
        let bounds = bounds.into_iter().map(|bound| Some(Amount::from_units(bound))).chain([None]);
        let rates = rates.into_iter().map(|rate| Rate::from_units(rate).expect("a rate"));
        Bands::new(bounds.zip(rates).map(|(up_to, rate)| Band { up_to, rate }).collect()).expect("bounds that rise")
    })
}

/// The parts fill the bands from the lowest on, and nothing is left out or counted twice.
fn check_parts(bands: &Bands, principal: Amount) {
    let parts = bands.parts(principal);
    let sum = parts.iter().fold(Amount::ZERO, |sum, (part, _)| sum.plus(*part));
    assert_eq!(sum, principal, "{bands:?}");
    let numerator: u128 = parts.iter().map(|(part, rate)| part.units() * u128::from(rate.units())).sum();
    assert_eq!(numerator, bands.numerator(principal), "{bands:?} {principal:?}");
    let mut reached = Amount::ZERO;
    for (index, (part, rate)) in parts.iter().enumerate() {
        let band = bands.as_slice()[index];
        reached = reached.plus(*part);
        assert_eq!(*rate, band.rate, "part {index} of {principal:?} in {bands:?}");
        assert!(!part.is_zero() && band.up_to.is_none_or(|bound| reached <= bound), "part {index} of {principal:?} in {bands:?}");
        assert!(index + 1 == parts.len() || band.up_to == Some(reached), "part {index} of {principal:?} in {bands:?}");
    }
}

proptest! {
    #![proptest_config(config(1024))]

    #[test]
    fn an_elapsed_part_is_rounded_down_once(units in units(), elapsed in length(), whole in length()) {
        let part = Amount::from_units(units).elapsed_part(elapsed, whole).units();
        assert_eq!(part, slow_part(units, elapsed, whole));
    }

    #[test]
    fn parts_are_the_principal_and_its_numerator(bands in some_bands(), principal in units()) {
        let around = |band: &Band| band.up_to.map_or(0, Amount::units).saturating_sub(1);
        let bounds = bands.as_slice().iter().flat_map(|band| (0..3).map(move |more| around(band) + more));
        for units in bounds.chain([0, principal, AMOUNT_UNITS_MAX]) {
            check_parts(&bands, Amount::from_units(units.min(AMOUNT_UNITS_MAX)));
        }
    }

    #[test]
    fn an_estimate_grows_through_its_day(
        units in units(),
        offset in prop_oneof![Just(0), Just(480), Just(-210), -720..=840i32],
        (created, closes) in (0..DAY_MS, 0..3),
        instants in proptest::collection::btree_set(0..=DAY_MS, 0..12),
    ) {
        let created_at = Timestamp::from_ms(instant("2026-01-01T00:00:00.000Z").ms() + created);
        let mut state = Engine::new(ClockMode::Simulated, offset, created_at).state;
        (0..closes).for_each(|_| drop(close::close_day(&mut state)));
        let start = i64::from(state.registry.open_day.number()) * DAY_MS - i64::from(offset) * 60_000;
        let so_far = |elapsed: i64| outlook::reward_so_far(&state, Amount::from_units(units), Timestamp::from_ms(start + elapsed)).units();
        assert_eq!((so_far(0), so_far(DAY_MS)), (0, units));
        let mut before = 0;
        for elapsed in instants {
            let part = so_far(elapsed);
            assert!(part >= before, "{part} after {before}");
            assert_eq!(part, slow_part(units, u64::try_from(elapsed).expect("later"), 86_400_000), "after {elapsed} ms");
            before = part;
        }
    }
}
