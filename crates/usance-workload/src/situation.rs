//! What a generator may look at: nothing but what its sender could see.
//!
//! The machine's own state is one ([`State`]); the simulator's auditor is another, with sums of its own, so whoever
//! predicts an answer need not ask whom he checks. Assets and customers have names here, products and positions numbers
//! from 0 in the order of their creation.

use crate::seen::{LossSeen, NETWORK, OrderSeen, TreasurySeen, may_have_been};
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::{AssetIx, PersonIx, PositionId, ProductIx};
use usance_core::ledger::LedgerAccount;
use usance_core::machine::verb::treasury::order;
use usance_core::machine::verb::{Redeem, redeem};
use usance_core::machine::{ExitOutlook, State};
use usance_core::person::proposal::{Standing, Verdict};
use usance_core::reward::clawback::AccountKind;
use usance_core::treasury::apart::{Apart, Cause};
use usance_core::treasury::loss::Loss;
use usance_core::treasury::network::Direction;
use usance_core::treasury::order::Order;
use usance_core::treasury::queue::{Exit, ExitStanding};
use usance_core::treasury::yields::NetworkYield;

/// What is on offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer<'a> {
    /// Of which asset.
    pub asset: &'a str,
    /// The asset's decimals.
    pub decimals: u8,
    /// Whether whoever leaves has to say what was quoted.
    pub leaves_early: bool,
    /// When its sale begins.
    pub opens_at: Option<Timestamp>,
    /// When its sale ends.
    pub closes_at: Option<Timestamp>,
}

/// A position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held<'a> {
    /// Whose.
    pub owner: &'a str,
    /// The number of its product.
    pub product: usize,
    /// All that is staked, in base units.
    pub principal: u128,
    /// What of it earns today.
    pub earning: u128,
    /// What of it came from Spot.
    pub from_spot: u128,
    /// What was paid so far.
    pub distributed: u128,
    /// Whether it is staked.
    pub is_active: bool,
}

/// What a redemption is shown to bring, in base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The payout.
    pub payout: u128,
    /// What Funding gives back.
    pub from_funding: u128,
    /// Whether it would be paid at once; `None` where no treasury has begun, and everything is.
    pub is_at_once: Option<bool>,
}

/// How things stand.
pub trait Situation {
    /// The last instant at which something happened.
    fn now(&self) -> Timestamp;
    /// The day that is open.
    fn today(&self) -> Day;
    /// The first instant of a day.
    fn first_instant(&self, day: Day) -> Timestamp;
    /// How many agreements were published.
    fn agreements(&self) -> usize;
    /// The version in force; empty when there is none.
    fn agreement_in_force(&self) -> &str;
    /// What an account has, in base units; nothing where there is no account.
    fn balance(&self, customer: &str, asset: &str, account: AccountKind) -> u128;
    /// How many products there are.
    fn offers(&self) -> usize;
    /// A product.
    fn offer(&self, number: usize) -> Option<Offer<'_>>;
    /// How many positions there ever were.
    fn positions(&self) -> usize;
    /// A position.
    fn position(&self, number: usize) -> Option<Held<'_>>;
    /// What a redemption is shown to bring; `None` where it would be refused.
    fn quote(&self, asked: &Redeem) -> Option<Quote>;
    /// How many proposals there ever were.
    fn proposals(&self) -> usize;
    /// What a person would sign under a proposal, by its number; `None` where there is none.
    fn text_to_sign(&self, number: u64, verdict: Verdict) -> Option<String>;
    /// What a person would sign under an order of the network, by its number; `None` where there is none.
    fn order_text(&self, number: u64, verdict: Verdict) -> Option<String>;
    /// What is to be seen of the treasury.
    fn treasury(&self) -> TreasurySeen;
}

impl Situation for State {
    fn now(&self) -> Timestamp {
        self.registry.last_at
    }
    fn today(&self) -> Day {
        self.registry.open_day
    }
    fn first_instant(&self, day: Day) -> Timestamp {
        self.registry.platform.offset.first_instant(day)
    }
    fn agreements(&self) -> usize {
        self.registry.agreements.len()
    }
    fn agreement_in_force(&self) -> &str {
        State::agreement_in_force(self).map_or("", |(_, agreement)| &agreement.version)
    }
    fn balance(&self, customer: &str, asset: &str, account: AccountKind) -> u128 {
        let owner_and_asset = self.customer_ix(customer).zip(self.asset_ix(asset));
        owner_and_asset.map_or(0, |(customer, asset)| State::balance(self, self.account_ix(customer, asset), account).units())
    }
    fn offers(&self) -> usize {
        self.registry.products.len()
    }
    fn offer(&self, number: usize) -> Option<Offer<'_>> {
        let product = self.registry.products.get(number)?;
        let asset = self.asset(product.asset)?;
        Some(Offer {
            asset: &asset.symbol,
            decimals: asset.decimals,
            leaves_early: product.kind.leaves_early(),
            opens_at: product.sale.opens_at,
            closes_at: product.sale.closes_at,
        })
    }
    fn positions(&self) -> usize {
        self.running.len()
    }
    fn position(&self, number: usize) -> Option<Held<'_>> {
        let (running, origin) = State::position(self, PositionId::from_index(number))?;
        let account = self.accounts.get(running.account.index())?;
        let ProductIx(product) = running.product;
        Some(Held {
            owner: &self.customers.get(account.customer.index())?.id,
            product: usize::try_from(product).ok()?,
            principal: running.principal().units(),
            earning: running.earning.get().units(),
            from_spot: origin.from_spot.get().units(),
            distributed: running.distributed.get().units(),
            is_active: running.is_active(),
        })
    }
    fn quote(&self, asked: &Redeem) -> Option<Quote> {
        let shown = redeem::check(self, &asked.customer, asked.position, asked.amount.as_deref(), asked.to).ok()?;
        let (asset, now) = (State::product(self, shown.product)?.asset, self.registry.last_at);
        let is_at_once = || self.exit_outlook(asset, shown.customer, shown.paid_out(), now) == ExitOutlook::AtOnce;
        Some(Quote {
            payout: shown.figures.payout.units(),
            from_funding: shown.figures.clawback_from_funding.units(),
            is_at_once: self.treasury.is_open(asset).then(is_at_once),
        })
    }
    fn proposals(&self) -> usize {
        self.people.proposals().len()
    }
    fn text_to_sign(&self, number: u64, verdict: Verdict) -> Option<String> {
        Some(self.people.proposal(number)?.text(&self.platform_name(), number, verdict))
    }
    fn order_text(&self, number: u64, verdict: Verdict) -> Option<String> {
        let (_, network) = self.treasury.named(NETWORK)?;
        order::text(self, network, number, verdict)
    }
    fn treasury(&self) -> TreasurySeen {
        let name = |person: PersonIx| self.people.person(person).map(|person| person.name.clone()).unwrap_or_default();
        let people = self.people.people().iter().filter(|person| person.is_active()).map(|person| person.name.clone()).collect();
        let now = self.registry.last_at;
        let open = self.people.open().filter(|(_, proposal)| proposal.standing_at(now) == Standing::Open);
        let open = open.map(|(number, proposal)| (number, proposal.approvals.iter().map(|approval| name(approval.person)).collect()));
        let mut seen = TreasurySeen { people, open: open.collect(), ..TreasurySeen::default() };
        let Some((_, network)) = self.treasury.named(NETWORK) else { return seen };
        seen.is_created = true;
        seen.addresses = network.addresses.iter().map(|address| address.text.clone()).collect();
        seen.has_destination = !network.destinations.is_empty();
        seen.picture = network.picture.as_deref().cloned();
        seen.aside = network.aside.as_ref().map(|aside| aside.picture.clone());
        let answers = |apart: &Apart| may_have_been(matches!(apart.cause, Cause::Unordered { .. }), apart.amount.is_overdrawn());
        seen.differences = network.apart.iter().map(|apart| (apart.number, answers(apart))).collect();
        seen.policy = network.desk.policy.as_ref().map(|in_force| in_force.version);
        seen.epoch = network.desk.office.as_ref().map_or(0, |office| office.epoch);
        let order = |(number, order): (&u64, &Order)| OrderSeen {
            number: *number,
            planned: order.planned.clone(),
            standing: order.standing_at(now),
            approved_by: order.approvals.iter().map(|approval| name(approval.person)).collect(),
            hash: order.hash.clone(),
            sequence: order.signed.as_ref().map(|signed| signed.sequence),
        };
        seen.orders = network.desk.live.iter().map(order).collect();
        for moving in &network.under_way {
            let (coin, address) = (moving.coin as usize, seen.addresses[moving.address as usize].clone());
            match moving.direction {
                Direction::Sweep => seen.sweeps.push(moving.hash.clone()),
                Direction::TopUp => seen.top_ups.push((moving.hash.clone(), address, coin, moving.amount.units())),
            }
        }
        seen.wallet = network
            .coins
            .iter()
            .map(|coin| {
                let coverage = self.treasury.coverage(coin.asset);
                let last = coverage.and_then(|coverage| coverage.movements.back()).map(|(number, _)| *number);
                (last, coverage.is_some_and(|coverage| !coverage.is_stale(now)))
            })
            .collect();
        let owed = |asset: AssetIx| {
            let control = self.registry.control.get(asset.index()).copied().unwrap_or_default();
            let of = |account| u128::try_from(control.balance(account).units()).unwrap_or_default();
            of(LedgerAccount::CustomerSpot) + of(LedgerAccount::CustomerFunding)
        };
        let queue = self.treasury.queue();
        let id = |exit: &Exit| self.customers.get(exit.customer.index()).map(|customer| customer.id.to_string()).unwrap_or_default();
        seen.owed = network.coins.iter().map(|coin| owed(coin.asset)).collect();
        seen.waiting = network.coins.iter().map(|coin| queue.waiting(coin.asset).units()).collect();
        seen.exits = queue.exits().iter().map(|exit| (exit.redemption, id(exit), exit.standing == ExitStanding::Waiting)).collect();
        let own = network.staked().and_then(|asset| self.registry.control.get(asset.index())).copied().unwrap_or_default();
        seen.has_terms = network.earnings.terms != NetworkYield::default();
        seen.commission = u128::try_from(own.balance(LedgerAccount::CommissionIncome).units()).unwrap_or(0);
        seen.reserve = u128::try_from(own.balance(LedgerAccount::LossReserve).units()).unwrap_or(0);
        let loss = |(number, loss): (u64, &Loss)| {
            let asset = self.asset(loss.asset)?;
            let open = if loss.borne.is_none() { loss.amount.units() } else { 0 };
            let (whole, at_most, left) = (loss.amount.units(), loss.bearing.at_most.units(), loss.unrecovered().total().units());
            Some(LossSeen { number, asset: asset.symbol.clone(), decimals: asset.decimals, whole, open, at_most, left })
        };
        let stray = |apart: &&Apart| apart.coin == 0 && !apart.amount.is_overdrawn();
        seen.strays = network.apart.iter().filter(stray).map(|apart| (apart.number, apart.amount.units().unsigned_abs())).collect();
        seen.losses = (1..).zip(self.treasury.losses()).filter_map(loss).filter(|loss| loss.open > 0 || loss.left > 0).collect();
        seen
    }
}
