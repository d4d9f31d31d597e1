//! A sample platform: the catalogue that such products really carry, customers who behave like customers, a year of it.
//!
//! Used by `usance demo` (written into a log) and `usance simulate` (kept in memory). Deterministic by its seed: the
//! numbers come from a small generator, and nothing reads a clock.

use usance_core::calendar::{Day, Timestamp};
use usance_core::id::{CustomerIx, PositionId};
use usance_core::machine::verb::{Patch, ProductText, RateText, Redeem, SaleText, Source, Subscribe, TopUp, WalletMove, redeem};
use usance_core::machine::{Answer, Command, Event, Executed, State, close, execute, pay_next, plan_after_closes};
use usance_core::money::{Amount, Rate};
use usance_core::position::PositionState;
use usance_core::product::{EarlyRedemption, ExitTerms, Kind, StakingTerms, Status};
use usance_core::reward::clawback::AccountKind;
use usance_workload::SplitMix64;
use usance_workload::sample::COMMANDS_MAX;

/// The agreement that the sample platform publishes.
pub const AGREEMENT: &str = "2025-11";
const AGREEMENT_TEXT: &str = "Staking Service Agreement (sample).\n\n1. You stake coins that you hold with us; interest accrues from the moment of \
subscription and counts in complete natural days.\n2. A flexible product pays each day into Funding and can be redeemed any time.\n3. A fixed-term product \
is locked up for its term; leaving early costs all rewards, paid and unpaid.\n4. Staking is not principal-protected: rates change, prices fall, and \
each product says who pays what it yields, whether a slash can reduce your principal, and whether you may have to wait when you leave.\n";

/// What time it is when a sample year ends, milliseconds after midnight.
const MORNING_MS: i64 = (9 * 60 + 30) * 60_000;

/// The coins: symbol, name, decimals, display decimals, what a customer typically deposits (in thousandths of the coin).
pub const COINS: [(&str, &str, u8, u8, u64); 5] = [
    ("BTC", "Bitcoin", 8, 8, 250),
    ("ETH", "Ether", 18, 8, 4_000),
    ("SOL", "Solana", 9, 8, 60_000),
    ("USDD", "Decentralized USD", 18, 4, 5_000_000),
    ("BDX", "Beldex", 9, 4, 40_000_000),
];

/// What happened in a world, as a count.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Commands that did something.
    pub accepted: u64,
    /// Commands that a rule refused.
    pub refused: u64,
    /// Days closed.
    pub days: u64,
}

/// A world that writes down what it does.
pub struct World<'a> {
    /// The platform.
    pub state: State,
    /// What happened so far.
    pub tally: Tally,
    dice: SplitMix64,
    now: Timestamp,
    references: u64,
    record: &'a mut dyn FnMut(Timestamp, Executed),
    script: Option<Script<'a>>,
}

/// What is done beside customers: the next command from how things stand; nothing when all is as it should be.
pub type Script<'a> = &'a dyn Fn(&State, Timestamp) -> Option<Command>;

fn rate(text: &str) -> Rate {
    Rate::parse(text).unwrap_or_default()
}

/// A rate as operators announce them: whole hundredths of a percent.
fn hundredths_of_a_percent(units: u64) -> Option<Rate> {
    Rate::from_units(units / 10_000 * 10_000)
}

fn thousandths(amount: u64) -> String {
    format!("{}.{:03}", amount / 1000, amount % 1000)
}

impl<'a> World<'a> {
    /// A world on a new platform; `record` is handed everything that happens.
    pub fn new(state: State, seed: u64, record: &'a mut dyn FnMut(Timestamp, Executed)) -> Self {
        let now = state.registry.last_at;
        World { state, tally: Tally::default(), dice: SplitMix64::new(seed), now, references: 0, record, script: None }
    }

    /// Has a script go on beside the customers: at the beginning of each day, and in its middle.
    pub fn beside(&mut self, script: Script<'a>) {
        self.script = Some(script);
    }

    /// Lets the script do all that is to be done now.
    pub fn go_on(&mut self) {
        for _ in 0..COMMANDS_MAX {
            let next = self.script.and_then(|script| script(&self.state, self.now));
            if !next.is_some_and(|command| self.step(&command)) {
                return;
            }
        }
    }

    /// Whoever waits for coins is paid, each with a record of its own.
    fn pay_waiting(&mut self, at: Timestamp) {
        while let Some(event) = pay_next(&mut self.state, at) {
            (self.record)(at, Executed { events: vec![event], outcome: Ok(Answer::Done) });
        }
    }

    fn step(&mut self, command: &Command) -> bool {
        let executed = execute(&mut self.state, command, self.now);
        let accepted = executed.outcome.is_ok();
        if accepted {
            self.tally.accepted += 1
        } else {
            self.tally.refused += 1
        }
        // A refused command leaves no trace, so the sample log does not hold it either.
        if accepted {
            (self.record)(self.now, executed);
            self.pay_waiting(self.now);
        }
        accepted
    }

    /// Lets time pass, closing days on the way.
    pub fn pass_to(&mut self, at: Timestamp) {
        let offset = self.state.registry.platform.offset;
        while offset.day_of(at) > self.state.registry.open_day {
            let closed = close::close_day(&mut self.state);
            let stamped = offset.first_instant(closed.day.next());
            self.tally.days += 1;
            let event = Event::DayClosed(Box::new(closed));
            (self.record)(stamped, Executed { events: vec![event], outcome: Ok(Answer::Done) });
            self.pay_waiting(stamped);
            let planned = plan_after_closes(&mut self.state, stamped);
            if !planned.is_empty() {
                (self.record)(stamped, Executed { events: planned, outcome: Ok(Answer::Done) });
            }
        }
        self.now = self.now.max(at);
    }

    /// Assets, agreement, products on the terms that are said of each, and reward pools.
    pub fn found(&mut self, terms: impl Fn(&ProductText) -> StakingTerms) {
        for (symbol, name, decimals, display_decimals, _) in COINS {
            self.step(&Command::CreateAsset { symbol: symbol.into(), name: name.into(), decimals, display_decimals });
        }
        self.step(&Command::PublishAgreement { version: AGREEMENT.into(), text: AGREEMENT_TEXT.into() });
        let first = self.state.registry.open_day;
        for mut product in catalogue(first) {
            product.staking = terms(&product);
            let id = product.id.clone();
            self.step(&Command::CreateProduct(Box::new(product)));
            self.step(&Command::SetProductStatus { product: id, status: Status::Open });
        }
        for (symbol, .., typical) in COINS {
            self.step(&Command::FundRewardPool { asset: symbol.into(), amount: thousandths(typical * 40) });
        }
    }

    /// Adds a customer who deposits one to three coins.
    pub fn join(&mut self, number: u64) {
        let id = customer_id(number);
        if !self.step(&Command::CreateCustomer { id: id.clone() }) {
            return;
        }
        for _ in 0..=self.dice.below(3) {
            self.deposit(&id);
        }
    }

    fn deposit(&mut self, customer: &str) {
        let (asset, .., typical) = COINS[self.dice.below(COINS.len() as u64) as usize];
        self.references += 1;
        let account = if self.dice.once_in(3) { AccountKind::Spot } else { AccountKind::Funding };
        let amount = thousandths(typical / 4 + self.dice.below(typical * 2) + 1);
        let reference = format!("sample-{}", self.references);
        self.step(&Command::Deposit(WalletMove { customer: customer.into(), asset: asset.into(), account, amount, reference }));
    }

    /// One thing that one of `customers` customers does now.
    pub fn act(&mut self, customers: u64) {
        let customer = customer_id(self.dice.below(customers));
        match self.dice.below(20) {
            0..=2 => self.deposit(&customer),
            3..=11 => self.subscribe(&customer),
            12..=15 => self.redeem(&customer),
            16..=17 => {
                let (asset, .., typical) = COINS[self.dice.below(COINS.len() as u64) as usize];
                let (from, to) = if self.dice.once_in(2) {
                    (AccountKind::Spot, AccountKind::Funding)
                } else {
                    (AccountKind::Funding, AccountKind::Spot)
                };
                let amount = thousandths(typical / 20 + 1);
                self.step(&Command::Transfer { customer, asset: asset.into(), from, to, amount });
            }
            18 => {
                let (asset, .., typical) = COINS[self.dice.below(COINS.len() as u64) as usize];
                self.references += 1;
                let (reference, amount) = (format!("sample-{}", self.references), thousandths(typical / 30 + 1));
                self.step(&Command::Withdraw(WalletMove {
                    customer,
                    asset: asset.into(),
                    account: AccountKind::Funding,
                    amount,
                    reference,
                }));
            }
            _ => {
                let position = self.own_position(&customer, |state| state == PositionState::Active);
                let auto_renew = self.dice.once_in(2);
                self.step(&Command::SetAutoRenew { customer, position, auto_renew });
            }
        }
    }

    fn subscribe(&mut self, customer: &str) {
        let count = self.state.registry.products.len() as u64;
        let Some(product) = self.state.registry.products.get(self.dice.below(count) as usize) else { return };
        let (id, renewal) = (product.id.clone(), product.sale.renewal);
        let symbol = self.state.asset(product.asset).map(|asset| asset.symbol.clone()).unwrap_or_default();
        let typical = COINS.iter().find(|coin| coin.0 == symbol).map_or(1, |coin| coin.4);
        let amount = thousandths((typical / 10 + self.dice.below(typical)) / 10 * 10 + 10);
        let auto_renew = renewal && self.dice.once_in(3);
        let (customer, agreement) = (customer.to_owned(), AGREEMENT.to_owned());
        self.step(&Command::Subscribe(Subscribe { customer, product: id, amount, source: Source::FundingThenSpot, agreement, auto_renew }));
    }

    fn own_position(&mut self, customer: &str, wanted: impl Fn(PositionState) -> bool) -> Option<PositionId> {
        let ix = self.state.customer_ix(customer)?;
        let own: Vec<PositionId> = self
            .state
            .positions_of(ix, |_, _| true)
            .filter(|id| self.state.position(*id).is_some_and(|(running, _)| wanted(running.state)))
            .collect();
        own.get(self.dice.below(own.len() as u64) as usize).copied()
    }

    fn redeem(&mut self, customer: &str) {
        let position = self.own_position(customer, |state| state == PositionState::Active);
        let Some((running, product)) =
            position.and_then(|id| self.state.position(id)).and_then(|(running, _)| Some((*running, self.state.product(running.product)?)))
        else {
            return;
        };
        let digits = self.state.asset(product.asset).map_or(0, |asset| asset.decimals);
        let at_will = !product.kind.leaves_early();
        // Leaving a term early is rare: it costs all rewards.
        if !at_will && !self.dice.once_in(6) {
            return;
        }
        let part = running.principal().elapsed_part(1, 3).plus(Amount::ONE);
        let amount = (at_will && !self.dice.once_in(4)).then(|| part.to_text(digits));
        let Ok(preview) = redeem::check(&self.state, customer, position, amount.as_deref(), None) else { return };
        let quoted_payout = Some(preview.figures.payout.to_text(digits));
        let quoted_from_funding = Some(preview.figures.clawback_from_funding.to_text(digits));
        self.step(&Command::Redeem(Redeem { customer: customer.into(), position, amount, to: None, quoted_payout, quoted_from_funding }));
    }

    /// The operator's week: a rate that moves, a day that is settled lower.
    pub fn operate(&mut self) {
        let today = self.state.registry.open_day;
        let count = self.state.registry.products.len() as u64;
        let Some(product) = self.state.registry.products.get(self.dice.below(count) as usize) else { return };
        let (id, single) = (
            product.id.clone(),
            product
                .version_on(today)
                .and_then(|version| self.state.bands(version))
                .filter(|bands| bands.as_slice().len() == 1)
                .map(|bands| bands.highest()),
        );
        let Some(now) = single else { return };
        if self.dice.once_in(2) {
            let moved = hundredths_of_a_percent(now.units() * (950 + self.dice.below(100)) / 1000).unwrap_or(now);
            self.step(&Command::AnnounceRate { product: id, from: today.plus_days(2), rate: vec![(None, moved)] });
        } else {
            let settled = hundredths_of_a_percent(now.units() * (900 + self.dice.below(100)) / 1000).unwrap_or(now);
            self.step(&Command::SettleRate { product: id, day: today, rate: settled });
        }
    }

    /// What the catalogue looks like on the morning after: one product that is yet to be sold, one whose sale is over, one
    /// that is sold out, and a rate that holds from the day after tomorrow.
    pub fn launch(&mut self) {
        let offset = self.state.registry.platform.offset;
        let today = self.state.registry.open_day;
        self.pass_to(Timestamp::from_ms(offset.first_instant(today).ms() + MORNING_MS));
        let single = |text: &str| -> RateText { vec![(None, rate(text))] };
        let mut launched = [
            sample("eth-60", "ETH", "ETH 60 days", Some(60), (today, single("0.045")), "0.01"),
            sample("bdx-30", "BDX", "BDX 30 days", Some(30), (today, single("0.09")), "100"),
            sample("btc-7", "BTC", "BTC 7 days launch", Some(7), (today, single("0.05")), "0.01"),
        ];
        launched[0].sale.opens_at = Patch::Set(offset.first_instant(today.plus_days(2)));
        launched[1].sale.closes_at = Patch::Set(offset.first_instant(today.previous()));
        launched[2].sale.capacity = Patch::Set("0.001".into());
        launched[2].early_redemption = Some(EarlyRedemption::NotAllowed);
        for product in launched {
            let id = product.id.clone();
            self.step(&Command::CreateProduct(Box::new(product)));
            self.step(&Command::SetProductStatus { product: id, status: Status::Open });
        }
        self.step(&Command::AnnounceRate { product: "sol-flex".into(), from: today.plus_days(2), rate: single("0.05") });
    }

    /// Two customers who want to leave with more of an asset than can be paid at once, for the treasury just got what the wallet could spare.
    /// They wait in line.
    pub fn queue_up(&mut self, asset: &str, network: &str, address: &str) {
        self.go_on();
        let Some(ix) = self.state.asset_ix(asset) else { return };
        let decimals = self.state.asset(ix).map_or(0, |asset| asset.decimals);
        let covered = self.state.covered(ix).and_then(|covered| u128::try_from(covered.units()).ok()).unwrap_or(0);
        let amount = Amount::from_units(covered / 100 * 99).to_text(decimals);
        let (network, address, asset) = (network.to_owned(), address.to_owned(), asset.to_owned());
        let sent = TopUp { network, address, asset, amount, hash: "by-hand-1".to_owned(), order: None };
        self.step(&Command::ReportTopUp(Box::new(sent)));
        let mut large = Vec::new();
        for (number, customer) in self.state.customers.iter().enumerate() {
            for id in self.state.positions_of(CustomerIx::from_index(number), |_, _| true) {
                let Some((running, _)) = self.state.position(id).filter(|(running, _)| running.is_active()) else { continue };
                let product = self.state.product(running.product);
                let waits =
                    product.is_some_and(|one| one.asset == ix && one.staking.exit == ExitTerms::MayQueue && !one.kind.leaves_early());
                if waits {
                    large.push((running.principal(), customer.id.to_string(), id));
                }
            }
        }
        large.sort_by_key(|(principal, ..)| std::cmp::Reverse(*principal));
        for (_, customer, position) in large.into_iter().take(2) {
            let asked =
                Redeem { customer, position: Some(position), amount: None, to: None, quoted_payout: None, quoted_from_funding: None };
            self.step(&Command::QueueExit(asked));
        }
    }

    /// One day: joiners, then actions spread over its hours, then its close.
    pub fn live_day(&mut self, joiners: std::ops::Range<u64>, actions: u64) {
        let offset = self.state.registry.platform.offset;
        let day = self.state.registry.open_day;
        let start = offset.first_instant(day).ms();
        for number in joiners.clone() {
            self.join(number);
        }
        if day.number() % 7 == 0 {
            self.operate();
        }
        self.go_on();
        for step in 0..actions {
            if step == actions / 2 {
                self.go_on();
            }
            let at = start + 1 + i64::try_from(step * 86_000_000 / actions.max(1)).unwrap_or(0);
            self.pass_to(Timestamp::from_ms(at.max(self.now.ms())));
            self.act(joiners.end);
        }
        self.pass_to(offset.first_instant(day.next()));
    }
}

/// The id of a sample customer.
#[must_use]
pub fn customer_id(number: u64) -> String {
    match number {
        0 => "alice".into(),
        1 => "bob".into(),
        2 => "carol".into(),
        _ => format!("customer-{number:04}"),
    }
}

/// A sample product with its first rate.
fn sample(id: &str, asset: &str, name: &str, term: Option<u32>, first_rate: (Day, RateText), minimum: &str) -> ProductText {
    ProductText {
        id: id.into(),
        asset: asset.into(),
        name: name.into(),
        kind: term.map_or(Kind::Flexible, |term_days| Kind::FixedTerm { term_days }),
        rates: vec![first_rate],
        rate_mode: None,
        distribution: None,
        early_redemption: None,
        staking: StakingTerms::default(),
        sale: SaleText {
            minimum: Patch::Set(minimum.into()),
            renewal: if term.is_some() { Patch::Set(true) } else { Patch::Keep },
            risk_notice: Patch::Set("Not principal-protected: rates change, prices fall.".into()),
            ..SaleText::default()
        },
    }
}

/// The sample products, with rates from a day on.
fn catalogue(from: Day) -> Vec<ProductText> {
    let single = |text: &str| -> RateText { vec![(None, rate(text))] };
    let tiered =
        |bands: &[(Option<&str>, &str)]| -> RateText { bands.iter().map(|(up_to, text)| (up_to.map(str::to_owned), rate(text))).collect() };
    let product = |id: &str, asset: &str, name: &str, term: Option<u32>, bands: RateText, minimum: &str| {
        sample(id, asset, name, term, (from, bands), minimum)
    };
    let mut all = vec![
        product("btc-flex", "BTC", "BTC Flexible", None, single("0.008"), "0.0001"),
        product("btc-30", "BTC", "BTC 30 days", Some(30), single("0.015"), "0.001"),
        product("eth-flex", "ETH", "ETH Flexible", None, single("0.026"), "0.001"),
        product("eth-30", "ETH", "ETH 30 days", Some(30), single("0.034"), "0.01"),
        product("eth-90", "ETH", "ETH 90 days", Some(90), single("0.041"), "0.01"),
        product("sol-flex", "SOL", "SOL Flexible", None, single("0.0525"), "0.01"),
        product("sol-7", "SOL", "SOL 7 days", Some(7), single("0.058"), "0.1"),
        product("sol-30", "SOL", "SOL 30 days", Some(30), single("0.066"), "0.1"),
        product("sol-90", "SOL", "SOL 90 days", Some(90), single("0.078"), "0.1"),
        product("usdd-flex", "USDD", "USDD Flexible", None, tiered(&[(Some("500"), "0.08"), (Some("5000"), "0.05"), (None, "0.02")]), "1"),
        product("usdd-30", "USDD", "USDD 30 days", Some(30), single("0.07"), "10"),
        product("bdx-flex", "BDX", "BDX Flexible", None, single("0.04"), "10"),
        product("bdx-90", "BDX", "BDX 90 days", Some(90), single("0.12"), "100"),
    ];
    for product in &mut all {
        match product.id.as_str() {
            "sol-90" => product.sale.capacity = Patch::Set("20000".into()),
            "usdd-flex" => product.sale.personal_maximum = Patch::Set("50000".into()),
            "btc-30" => product.sale.capacity = Patch::Set("40".into()),
            "eth-90" => product.distribution = Some(usance_core::product::Distribution::EveryNDays(30)),
            "sol-30" => product.distribution = Some(usance_core::product::Distribution::EveryNDays(7)),
            _ => {}
        }
    }
    all
}
