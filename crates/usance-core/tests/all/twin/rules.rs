//! The rules as one would explain them: lots with value dates, announcements in a list, and floors of whole lives.

use super::school::{D, Digits, MOST, positive, read};
use crate::world::ASSETS;
use std::collections::BTreeMap;
use usance_core::id::PositionId;
use usance_core::machine::Command;
use usance_core::machine::command::{Change, ProductText, RateText, Redeem, SaleText, Source, Subscribe, WalletMove};
use usance_core::position::PositionState;
use usance_core::product::{Distribution, EarlyRedemption, Kind, RateMode, Status};
use usance_core::reward::clawback::AccountKind::{self, Funding, Spot};

const DAY_MS: i64 = 86_400_000;

/// Each band's upper bound, if it has one, and its rate in units of 10^-8.
pub type Tiers = Vec<(Option<u128>, u64)>;

/// What a principal's bands come to in one day, before the division.
fn numerator(tiers: &Tiers, principal: u128) -> Digits {
    let mut below = 0;
    let mut sum = Digits::default();
    for (up_to, rate) in tiers {
        let top = up_to.unwrap_or(principal).min(principal);
        if top > below {
            sum = sum.plus(&Digits::of(top).minus(&Digits::of(below)).times(*rate));
            below = top;
        }
    }
    sum
}

pub struct Product {
    pub asset: &'static str,
    pub decimals: u8,
    pub kind: Kind,
    pub locked: bool,
    pub distribution: Distribution,
    pub early: bool,
    pub status: Status,
    /// First day and bands, in the order of announcement.
    pub announced: Vec<(i64, Tiers)>,
    pub settled: Vec<(i64, u64)>,
    pub minimum: u128,
    pub step: Option<u128>,
    pub personal_maximum: Option<u128>,
    pub capacity: Option<u128>,
    pub opens_at: Option<i64>,
    pub closes_at: Option<i64>,
    pub renewal: bool,
}

impl Product {
    /// The latest announcement of the latest day that is not after `day`.
    fn reference(&self, day: i64) -> Option<&Tiers> {
        let from = self.announced.iter().map(|(from, _)| *from).filter(|from| *from <= day).max()?;
        self.announced.iter().rev().find(|(each, _)| *each == from).map(|(_, tiers)| tiers)
    }
    fn paid(&self, day: i64) -> Tiers {
        let cap = self.settled.iter().rev().find(|(each, _)| *each == day).map(|(_, rate)| *rate);
        let reference = self.reference(day).cloned().unwrap_or_default();
        reference.into_iter().map(|(up_to, rate)| (up_to, cap.map_or(rate, |cap| cap.min(rate)))).collect()
    }
    fn term(&self) -> Option<i64> {
        match self.kind {
            Kind::Flexible => None,
            Kind::FixedTerm { term_days } => Some(i64::from(term_days)),
        }
    }
}

/// An amount that was staked together, and the first day that counts for it.
pub struct Lot {
    pub units: u128,
    pub value_date: i64,
}

pub struct Position {
    pub customer: String,
    pub product: String,
    pub lots: Vec<Lot>,
    pub from_spot: u128,
    pub locked: Option<Tiers>,
    pub value_date: i64,
    pub numerators: Digits,
    pub rewarded: u128,
    pub accrued: u128,
    pub distributed: u128,
    pub written_off: u128,
    pub auto_renew: bool,
    pub renewed_into: Option<usize>,
    pub state: PositionState,
}

impl Position {
    pub fn principal(&self) -> u128 {
        self.lots.iter().map(|lot| lot.units).sum()
    }
}

#[derive(Default)]
pub struct Twin {
    pub offset_ms: i64,
    pub today: i64,
    pub now: i64,
    pub agreement: String,
    pub agreements: Vec<String>,
    pub customers: Vec<String>,
    pub products: BTreeMap<String, Product>,
    pub positions: Vec<Position>,
    pub balances: BTreeMap<(String, &'static str, &'static str), u128>,
    pub pool: BTreeMap<&'static str, i128>,
    pub custody: BTreeMap<&'static str, i128>,
    pub references: Vec<String>,
}

type Answer = Result<(), &'static str>;

pub fn account_name(account: AccountKind) -> &'static str {
    match account {
        Spot => "spot",
        Funding => "funding",
    }
}

/// The twin's own names of the two assets and their decimals.
fn asset(symbol: &str) -> (&'static str, u8) {
    ASSETS.into_iter().find(|(each, _)| *each == symbol).expect("one of the two")
}

fn signed(units: u128) -> i128 {
    i128::try_from(units).expect("an amount")
}

impl Twin {
    fn balance(&mut self, customer: &str, asset: &'static str, account: AccountKind) -> &mut u128 {
        self.balances.entry((customer.to_owned(), asset, account_name(account))).or_default()
    }
    fn take(&mut self, customer: &str, asset: &'static str, account: AccountKind, units: u128) -> Answer {
        let balance = self.balance(customer, asset, account);
        *balance = balance.checked_sub(units).ok_or("insufficient_balance")?;
        Ok(())
    }
    pub fn staked(&self, product: &str, customer: Option<&str>) -> u128 {
        let counted = |position: &&Position| position.product == product && customer.is_none_or(|customer| position.customer == customer);
        self.positions.iter().filter(counted).map(Position::principal).sum()
    }
    fn day_of(&self, at: i64) -> i64 {
        (at + self.offset_ms).div_euclid(DAY_MS)
    }
    fn value_date(&self, at: i64) -> i64 {
        self.today + i64::from((at + self.offset_ms).rem_euclid(DAY_MS) != 0)
    }

    /// Before anything of the next day: accrue, distribute and mature each position, in ascending number.
    pub fn close_day(&mut self) {
        let day = self.today;
        self.today += 1;
        self.now = self.now.max(self.today * DAY_MS - self.offset_ms);
        for number in 0..self.positions.len() {
            let position = &mut self.positions[number];
            let product = &self.products[&position.product];
            let earning: u128 = position.lots.iter().filter(|lot| lot.value_date <= day).map(|lot| lot.units).sum();
            if position.state != PositionState::Active || earning == 0 {
                continue;
            }
            let tiers = position.locked.clone().unwrap_or_else(|| product.paid(day));
            position.numerators = position.numerators.plus(&numerator(&tiers, earning));
            let all = position.numerators.divided_by(D).number();
            position.accrued += all - position.rewarded;
            *self.pool.entry(product.asset).or_default() -= signed(all - position.rewarded);
            position.rewarded = all;
            let k = day - position.value_date + 1;
            let over = product.term() == Some(k);
            let pays = match product.distribution {
                Distribution::Daily => true,
                Distribution::EveryNDays(every) => over || k % i64::from(every) == 0,
                Distribution::AtMaturity => over,
            };
            if pays {
                let (customer, asset, paid) = (position.customer.clone(), product.asset, std::mem::take(&mut position.accrued));
                position.distributed += paid;
                *self.balance(&customer, asset, Funding) += paid;
            }
            if over {
                self.mature(number);
            }
        }
    }

    fn mature(&mut self, number: usize) {
        let (customer, name, asset) = {
            let position = &self.positions[number];
            (position.customer.clone(), position.product.clone(), self.products[&position.product].asset)
        };
        let principal: u128 = self.positions[number].lots.drain(..).map(|lot| lot.units).sum();
        let product = &self.products[&name];
        let mut again = 0;
        if self.positions[number].auto_renew && product.status == Status::Open && product.renewal {
            again = principal;
            if let Some(capacity) = product.capacity {
                again = again.min(capacity.saturating_sub(self.staked(&name, None)));
            }
            if let Some(maximum) = product.personal_maximum {
                again = again.min(maximum.saturating_sub(self.staked(&name, Some(&customer))));
            }
            if let Some(step) = product.step {
                again = again / step * step;
            }
            if again < product.minimum {
                again = 0;
            }
        }
        let locked = if product.locked { product.reference(self.today).cloned() } else { None };
        let rest = principal - again;
        let from_spot = self.positions[number].from_spot;
        let to_spot = rest.min(from_spot);
        *self.balance(&customer, asset, Spot) += to_spot;
        *self.balance(&customer, asset, Funding) += rest - to_spot;
        self.positions[number].state = if again == 0 { PositionState::Matured } else { PositionState::Renewed };
        if again > 0 {
            self.positions[number].renewed_into = Some(self.positions.len() + 1);
            let lots = vec![Lot { units: again, value_date: self.today }];
            self.open(&customer, &name, lots, from_spot - to_spot, locked, true);
        }
    }

    fn open(&mut self, customer: &str, product: &str, lots: Vec<Lot>, from_spot: u128, locked: Option<Tiers>, auto_renew: bool) {
        self.positions.push(Position {
            customer: customer.to_owned(),
            product: product.to_owned(),
            value_date: lots[0].value_date,
            lots,
            from_spot,
            locked,
            numerators: Digits::default(),
            rewarded: 0,
            accrued: 0,
            distributed: 0,
            written_off: 0,
            auto_renew,
            renewed_into: None,
            state: PositionState::Active,
        });
    }

    /// The clock stands where the last command that changed something left it.
    pub fn run(&mut self, command: &Command, at: i64) -> Answer {
        self.answer(command, at)?;
        self.now = self.now.max(at);
        Ok(())
    }

    fn answer(&mut self, command: &Command, at: i64) -> Answer {
        match command {
            Command::Subscribe(asked) => self.subscribe(asked, at),
            Command::Redeem(asked) => self.redeem(asked),
            Command::SetAutoRenew { customer, position, auto_renew } => {
                let number = self.own(customer, *position)?;
                let product = &self.products[&self.positions[number].product];
                if *auto_renew && !(product.renewal && product.term().is_some()) {
                    return Err("renewal_not_allowed");
                }
                self.positions[number].auto_renew = *auto_renew;
                Ok(())
            }
            Command::Deposit(moved) => {
                let (symbol, units) = self.wallet_move("deposit", moved)?;
                self.custody_in(symbol, units)?;
                *self.balance(&moved.customer, symbol, moved.account) += units;
                self.references.push(format!("deposit {symbol} {}", moved.reference));
                Ok(())
            }
            Command::Withdraw(moved) => {
                let (symbol, units) = self.wallet_move("withdrawal", moved)?;
                self.take(&moved.customer, symbol, moved.account, units)?;
                *self.custody.entry(symbol).or_default() -= signed(units);
                self.references.push(format!("withdrawal {symbol} {}", moved.reference));
                Ok(())
            }
            Command::Transfer { customer, asset: symbol, from, to, amount } => {
                let (symbol, decimals) = asset(symbol);
                if from == to {
                    return Err("same_account");
                }
                let units = positive(amount, decimals)?;
                self.take(customer, symbol, *from, units)?;
                *self.balance(customer, symbol, *to) += units;
                Ok(())
            }
            Command::FundRewardPool { asset: symbol, amount } => {
                let (symbol, decimals) = asset(symbol);
                let units = positive(amount, decimals)?;
                self.custody_in(symbol, units)?;
                *self.pool.entry(symbol).or_default() += signed(units);
                Ok(())
            }
            Command::WithdrawRewardPool { asset: symbol, amount } => {
                let (symbol, decimals) = asset(symbol);
                let units = signed(positive(amount, decimals)?);
                let pool = self.pool.entry(symbol).or_default();
                if *pool < units {
                    return Err("insufficient_balance");
                }
                *pool -= units;
                *self.custody.entry(symbol).or_default() -= units;
                Ok(())
            }
            _ => self.set_up(command),
        }
    }

    /// What an operator sets up.
    fn set_up(&mut self, command: &Command) -> Answer {
        let today = self.today;
        match command {
            Command::CreateAsset { .. } => Ok(()),
            Command::CreateCustomer { id } => {
                if self.customers.contains(id) {
                    return Err("already_exists");
                }
                self.customers.push(id.clone());
                Ok(())
            }
            Command::PublishAgreement { version, .. } => {
                if self.agreements.contains(version) {
                    return Err("already_exists");
                }
                self.agreements.push(version.clone());
                self.agreement.clone_from(version);
                Ok(())
            }
            Command::CreateProduct(asked) => {
                let product = self.create(asked)?;
                self.products.insert(asked.id.clone(), product);
                Ok(())
            }
            Command::AnnounceRate { product, from, rate } => {
                let product = self.products.get_mut(product).ok_or("product_not_found")?;
                let from = i64::from(from.number());
                if from <= today {
                    return Err("rate_not_future");
                }
                product.announced.push((from, tiers(rate, product.decimals)));
                Ok(())
            }
            Command::SettleRate { product, day, rate } => {
                let product = self.products.get_mut(product).ok_or("product_not_found")?;
                let day = i64::from(day.number());
                if day < today {
                    return Err("day_closed");
                }
                let highest = product.reference(day).ok_or("rate_missing")?.iter().map(|(_, rate)| *rate).max();
                if Some(rate.units()) > highest {
                    return Err("rate_above_reference");
                }
                product.settled.push((day, rate.units()));
                Ok(())
            }
            Command::SetProductStatus { product, status } => {
                let product = self.products.get_mut(product).ok_or("product_not_found")?;
                let goes = match (product.status, *status) {
                    (from, to) if from == to => true,
                    (Status::Closed, _) => return Err("product_closed"),
                    (Status::Draft, to) => to == Status::Open,
                    (_, to) => to != Status::Draft,
                };
                if !goes {
                    return Err("status_not_reachable");
                }
                product.status = *status;
                Ok(())
            }
            Command::ChangeProduct { product, sale } => {
                let product = self.products.get_mut(product).ok_or("product_not_found")?;
                if product.status == Status::Closed {
                    return Err("product_closed");
                }
                change(product, sale)
            }
            Command::MoveClock { to } => {
                if to.ms() < self.now {
                    return Err("clock_backwards");
                }
                if to.ms() > self.now + 3_660 * DAY_MS {
                    return Err("clock_move_too_far");
                }
                self.now = to.ms();
                while self.today < self.day_of(self.now) {
                    self.close_day();
                }
                Ok(())
            }
            other => panic!("the world does not ask for {other:?}"),
        }
    }

    fn create(&self, asked: &ProductText) -> Result<Product, &'static str> {
        let (symbol, decimals) = asset(&asked.asset);
        let flexible = asked.kind == Kind::Flexible;
        let mut product = Product {
            asset: symbol,
            decimals,
            kind: asked.kind,
            locked: asked.rate_mode.unwrap_or(if flexible { RateMode::Floating } else { RateMode::Locked }) == RateMode::Locked,
            distribution: asked.distribution.unwrap_or(if flexible { Distribution::Daily } else { Distribution::AtMaturity }),
            early: asked.early_redemption != Some(EarlyRedemption::NotAllowed),
            status: Status::Draft,
            announced: asked.rates.iter().map(|(from, rate)| (i64::from(from.number()), tiers(rate, decimals))).collect(),
            settled: Vec::new(),
            minimum: 1,
            step: None,
            personal_maximum: None,
            capacity: None,
            opens_at: None,
            closes_at: None,
            renewal: false,
        };
        change(&mut product, &asked.sale)?;
        Ok(product)
    }

    fn wallet_move(&self, kind: &str, moved: &WalletMove) -> Result<(&'static str, u128), &'static str> {
        let (symbol, decimals) = asset(&moved.asset);
        let units = positive(&moved.amount, decimals)?;
        if self.references.contains(&format!("{kind} {symbol} {}", moved.reference)) {
            return Err("already_exists");
        }
        Ok((symbol, units))
    }

    fn custody_in(&mut self, symbol: &'static str, units: u128) -> Answer {
        let custody = self.custody.entry(symbol).or_default();
        if *custody + signed(units) > signed(MOST) {
            return Err("above_limit");
        }
        *custody += signed(units);
        Ok(())
    }

    fn subscribe(&mut self, asked: &Subscribe, at: i64) -> Answer {
        let product = self.products.get(&asked.product).filter(|product| product.status != Status::Draft).ok_or("product_not_found")?;
        if product.status != Status::Open {
            return Err("product_not_open");
        }
        if product.opens_at.is_some_and(|opens| at < opens) || product.closes_at.is_some_and(|closes| at >= closes) {
            return Err("outside_sale_window");
        }
        if asked.agreement != self.agreement {
            return Err("agreement_not_accepted");
        }
        let units = positive(&asked.amount, product.decimals)?;
        if units < product.minimum {
            return Err("below_minimum");
        }
        if product.step.is_some_and(|step| units % step != 0) {
            return Err("not_a_step_multiple");
        }
        if product.personal_maximum.is_some_and(|most| self.staked(&asked.product, Some(&asked.customer)) + units > most) {
            return Err("above_personal_maximum");
        }
        if product.capacity.is_some_and(|most| self.staked(&asked.product, None) + units > most) {
            return Err("above_capacity");
        }
        let (symbol, term, renewal) = (product.asset, product.term(), product.renewal);
        let locked = if product.locked { product.reference(self.today).cloned() } else { None };
        let funding = *self.balance(&asked.customer, symbol, Funding);
        let from_funding = match asked.source {
            Source::Funding => units,
            Source::Spot => 0,
            Source::FundingThenSpot => units.min(funding),
        };
        if from_funding > funding || units - from_funding > *self.balance(&asked.customer, symbol, Spot) {
            return Err("insufficient_balance");
        }
        if asked.auto_renew && (term.is_none() || !renewal) {
            return Err("renewal_not_allowed");
        }
        let mine = |position: &Position| position.product == asked.product && position.customer == asked.customer;
        let running = |position: &Position| term.is_none() && position.state == PositionState::Active && mine(position);
        let top_up = self.positions.iter().position(running);
        if top_up.map_or(0, |number| self.positions[number].principal()) + units > MOST {
            return Err("above_limit");
        }
        self.take(&asked.customer, symbol, Funding, from_funding)?;
        self.take(&asked.customer, symbol, Spot, units - from_funding)?;
        let lot = Lot { units, value_date: self.value_date(at) };
        match top_up {
            Some(number) => {
                self.positions[number].lots.push(lot);
                self.positions[number].from_spot += units - from_funding;
            }
            None => self.open(&asked.customer, &asked.product, vec![lot], units - from_funding, locked, asked.auto_renew),
        }
        Ok(())
    }

    fn own(&self, customer: &str, id: Option<PositionId>) -> Result<usize, &'static str> {
        let number = id.and_then(|id| usize::try_from(id.0).ok()?.checked_sub(1)).ok_or("position_not_found")?;
        let position = self.positions.get(number).filter(|position| position.customer == customer).ok_or("position_not_found")?;
        if position.state == PositionState::Active { Ok(number) } else { Err("position_closed") }
    }

    fn redeem(&mut self, asked: &Redeem) -> Answer {
        let number = self.own(&asked.customer, asked.position)?;
        let position = &self.positions[number];
        let product = &self.products[&position.product];
        let (symbol, decimals, customer) = (product.asset, product.decimals, asked.customer.clone());
        let (principal, from_spot) = (position.principal(), position.from_spot);
        let quoted = |text: &Option<String>| text.as_ref().map(|text| read(text, decimals).expect("the world quotes amounts"));
        if product.term().is_none() {
            let units = asked.amount.as_ref().map_or(Ok(principal), |text| positive(text, decimals))?;
            if units > principal {
                return Err("above_principal");
            }
            if quoted(&asked.quoted_payout).is_some_and(|payout| payout != units) || quoted(&asked.quoted_from_funding).unwrap_or(0) != 0 {
                return Err("quote_changed");
            }
            self.take_from_lots(number, units);
            let spot_part = units.min(from_spot);
            let to_spot = match asked.to {
                None => spot_part,
                Some(Spot) => units,
                Some(Funding) => 0,
            };
            self.positions[number].from_spot -= spot_part;
            if units == principal {
                self.positions[number].state = PositionState::Redeemed;
            }
            *self.balance(&customer, symbol, Spot) += to_spot;
            *self.balance(&customer, symbol, Funding) += units - to_spot;
            return Ok(());
        }
        if !product.early {
            return Err("early_redemption_not_allowed");
        }
        if asked.amount.as_ref().is_some_and(|text| read(text, decimals) != Some(principal)) {
            return Err("partial_not_allowed");
        }
        let distributed = position.distributed;
        let payout = principal.saturating_sub(distributed);
        let funding = *self.balance(&customer, symbol, Funding);
        let from_funding = distributed.saturating_sub(principal).min(funding);
        if quoted(&asked.quoted_payout) != Some(payout) || quoted(&asked.quoted_from_funding).unwrap_or(0) != from_funding {
            return Err("quote_changed");
        }
        // The part from Funding bears the deduction first.
        let deducted = principal - payout;
        let spot_share = from_spot - deducted.saturating_sub(principal - from_spot);
        let to_spot = match asked.to {
            None => spot_share,
            Some(Spot) => payout,
            Some(Funding) => 0,
        };
        let position = &mut self.positions[number];
        position.lots.clear();
        position.state = PositionState::RedeemedEarly;
        position.written_off = distributed - deducted - from_funding;
        let forfeited = std::mem::take(&mut position.accrued);
        *self.pool.entry(symbol).or_default() += signed(deducted + from_funding + forfeited);
        self.take(&customer, symbol, Funding, from_funding)?;
        *self.balance(&customer, symbol, Spot) += to_spot;
        *self.balance(&customer, symbol, Funding) += payout - to_spot;
        Ok(())
    }

    /// First what has not started earning, then the rest.
    fn take_from_lots(&mut self, number: usize, units: u128) {
        let today = self.today;
        let mut left = units;
        let lots = &mut self.positions[number].lots;
        lots.sort_by_key(|lot| lot.value_date <= today);
        for lot in lots.iter_mut() {
            let taken = lot.units.min(left);
            lot.units -= taken;
            left -= taken;
        }
        lots.retain(|lot| lot.units > 0);
    }
}

fn tiers(rate: &RateText, decimals: u8) -> Tiers {
    let bound = |up_to: &Option<String>| up_to.as_ref().map(|text| read(text, decimals).expect("a bound"));
    rate.iter().map(|(up_to, rate)| (bound(up_to), rate.units())).collect()
}

fn change(product: &mut Product, sale: &SaleText) -> Answer {
    let decimals = product.decimals;
    let amount = |change: &Change<String>, now: Option<u128>| match change {
        Change::Keep => Ok(now),
        Change::Clear => Ok(None),
        Change::Set(text) => positive(text, decimals).map(Some),
    };
    let minimum = amount(&sale.minimum, Some(product.minimum))?.unwrap_or(1);
    let step = amount(&sale.step, product.step)?;
    let personal_maximum = amount(&sale.personal_maximum, product.personal_maximum)?;
    let capacity = amount(&sale.capacity, product.capacity)?;
    let instant = |change: &Change<usance_core::calendar::Timestamp>, now| match change {
        Change::Keep => now,
        Change::Clear => None,
        Change::Set(at) => Some(at.ms()),
    };
    let (opens_at, closes_at) = (instant(&sale.opens_at, product.opens_at), instant(&sale.closes_at, product.closes_at));
    let renewal = match sale.renewal {
        Change::Keep => product.renewal,
        Change::Clear => false,
        Change::Set(renewal) => renewal,
    };
    if (renewal && product.kind == Kind::Flexible) || opens_at.zip(closes_at).is_some_and(|(opens, closes)| closes <= opens) {
        return Err("terms_invalid");
    }
    product.minimum = minimum;
    (product.step, product.personal_maximum, product.capacity) = (step, personal_maximum, capacity);
    (product.opens_at, product.closes_at, product.renewal) = (opens_at, closes_at, renewal);
    Ok(())
}
