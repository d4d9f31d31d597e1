//! The treasury of the sample platform: two networks by hand, the wallet, and the two people who look after them, as a script.
//!
//! [`next`] gives the next command from how things stand, so that the script goes on wherever it was left: what a network shows follows from
//! its last picture and the time, orders are carried out as soon as they may be, the wallet attests once a day. Nothing is drawn.

use crate::situation::Situation;
use usance_core::calendar::Timestamp;
use usance_core::ledger::LedgerAccount;
use usance_core::limits::AMOUNT_UNITS_MAX;
use usance_core::machine::verb::treasury::order;
use usance_core::machine::verb::{Attest, NewNetwork, ReserveSide, SignOrder, SignProposal, TopUp};
use usance_core::machine::{Command, State};
use usance_core::money::{Amount, Rate, mul_div};
use usance_core::person::proposal::{Matter, Proposal, Verdict};
use usance_core::person::{PublicKey, Signature};
use usance_core::treasury::digest::digest;
use usance_core::treasury::loss::Loss;
use usance_core::treasury::network::{Direction, Network, NetworkTerms};
use usance_core::treasury::order::{Order, OrderStanding, Task};
use usance_core::treasury::picture::{
    Delegation, Effect, Happened, Inflow, Liquid, Picture, Released, Settled, Unbonding, Validator, ValidatorStatus,
};
use usance_core::treasury::policy::{Approvals, Approved, HALTED_MS_BY_HAND, Needed, Policy};
use usance_core::treasury::yields::NetworkYield;

const DAY_MS: i64 = 86_400_000;
const YEAR_MS: u128 = 365 * 86_400_000;
/// A picture, and what the wallet attests, is made anew when the last one is so old.
const DUE_MS: i64 = 14 * 60 * 60 * 1000;

/// What the platform keeps of what networks pay for customers, in hundredths of a percent.
const COMMISSION: u64 = 1_500;

/// So many commands at a time are more than the script ever needs.
pub const COMMANDS_MAX: usize = 500;

/// The two people who look after the sample treasury.
pub const PEOPLE: [&str; 2] = ["anna", "ben"];

/// Who signs for them.
pub trait Signers {
    /// The public half of somebody's key.
    fn public_key(&self, name: &str) -> Option<PublicKey>;
    /// What somebody signs.
    fn sign(&self, name: &str, text: &str) -> Option<Signature>;
}

/// A validator of a sample network.
#[derive(Clone, Copy)]
struct Own {
    /// As the network writes it.
    id: &'static str,
    name: &'static str,
    /// What it keeps, in hundredths of a percent.
    commission: u64,
}

const fn own(id: &'static str, name: &'static str, commission: u64) -> Own {
    Own { id, name, commission }
}

/// A network of the sample platform.
struct Sample {
    name: &'static str,
    chain_id: &'static str,
    asset: &'static str,
    denomination: &'static str,
    address: &'static str,
    wallet: &'static str,
    /// Base units of a transaction's fee.
    fee: u128,
    /// Base units of the smallest order: a tenth of it stays for fees.
    order_min: u128,
    /// Base units that are set aside for losses.
    reserve: u128,
    unbonding_days: i64,
    block_ms: i64,
    /// What it pays a year before its validators' commission, in units of 10^-8.
    yearly: u64,
    /// Its validators.
    validators: [Own; 4],
    /// The day of the sample on which the first validator is slashed by a hundredth.
    slashed_on: Option<i32>,
    /// The day of the sample from which on the last validator is barred.
    barred_on: Option<i32>,
}

/// Of the network on which customers wait for coins at the end of the sample: its name, and the treasury's address.
pub const QUEUED: (&str, &str) = (SAMPLES[0].name, SAMPLES[0].address);

const SAMPLES: [Sample; 2] = [
    Sample {
        name: "ethereum",
        chain_id: "1",
        asset: "ETH",
        denomination: "wei",
        address: "0x5afe00000000000000000000000000000000a11e",
        wallet: "0x5afe0000000000000000000000000000000ca511",
        fee: 400_000_000_000_000,
        order_min: 500_000_000_000_000_000,
        reserve: 4_000_000_000_000_000_000,
        unbonding_days: 9,
        block_ms: 12_000,
        yearly: 2_500_000,
        validators: [
            own("417201", "Aurora", 500),
            own("88034", "Bluestone", 800),
            own("902615", "Cedar Peak", 700),
            own("1200458", "Driftwood", 1_000),
        ],
        slashed_on: Some(240),
        barred_on: Some(360),
    },
    Sample {
        name: "solana",
        chain_id: "mainnet-beta",
        asset: "SOL",
        denomination: "lamport",
        address: "EvergreenTreasury11111111111111111111111111",
        wallet: "ExchangeWallet11111111111111111111111111111",
        fee: 5_000,
        order_min: 20_000_000_000,
        reserve: 50_000_000_000,
        unbonding_days: 3,
        block_ms: 400,
        yearly: 4_600_000,
        validators: [
            own("EvergreenVote111111111111111111111111111111", "Evergreen", 500),
            own("FoxgLoveVote1111111111111111111111111111111", "Foxglove", 700),
            own("GraniteVote11111111111111111111111111111111", "Granite", 600),
            own("HarborVote111111111111111111111111111111111", "Harbor", 800),
        ],
        slashed_on: None,
        barred_on: None,
    },
];

/// The next command of the script; nothing when all is as it should be. While the sample is made its people sign what the script proposes;
/// later they only approve sweeps, for a demo belongs to whoever looks at it.
#[must_use]
pub fn next(state: &State, now: Timestamp, signers: &dyn Signers, is_made: bool) -> Option<Command> {
    let script = Script { state, now, signers };
    if !is_made && let Some(name) = PEOPLE.into_iter().nth(state.people.people().len()) {
        return Some(Command::RegisterPerson { name: name.to_owned(), key: signers.public_key(name)? });
    }
    SAMPLES.iter().find_map(|sample| script.next_of(sample, is_made))
}

struct Script<'a> {
    state: &'a State,
    now: Timestamp,
    signers: &'a dyn Signers,
}

impl Script<'_> {
    fn next_of(&self, sample: &Sample, is_made: bool) -> Option<Command> {
        let Some((_, network)) = self.state.treasury.named(sample.name) else {
            return (!is_made).then(|| create(sample));
        };
        let founding = || self.proposal(sample).or_else(|| self.founding(sample, network));
        let founded = if is_made { None } else { founding() };
        founded.or_else(|| self.attest(sample)).or_else(|| self.running(sample, network, is_made))
    }

    fn age_ms(&self, at: Timestamp) -> i64 {
        self.now.ms() - at.ms()
    }
    /// Days since the sample began.
    fn day(&self) -> i32 {
        let platform = &self.state.registry.platform;
        platform.offset.day_of(self.now).since(platform.offset.day_of(platform.created_at))
    }
    fn text(&self, sample: &Sample, amount: Amount) -> String {
        let decimals = self.state.asset_ix(sample.asset).and_then(|ix| self.state.asset(ix)).map_or(0, |asset| asset.decimals);
        amount.to_text(decimals)
    }
    fn stands(&self, sample: &Sample, account: LedgerAccount) -> Amount {
        let control = self.state.asset_ix(sample.asset).and_then(|ix| self.state.registry.control.get(ix.index()));
        Amount::from_units(control.and_then(|control| u128::try_from(control.balance(account).units()).ok()).unwrap_or(0))
    }

    /// Somebody signs what the script has proposed.
    fn proposal(&self, sample: &Sample) -> Option<Command> {
        let is_of_it = |proposal: &Proposal| match &proposal.matter {
            Matter::AddTreasuryAddress { network, .. }
            | Matter::AddDestination { network, .. }
            | Matter::ConfirmPicture { network, .. } => network == sample.name,
            Matter::AllocateLoss { asset, .. } => asset == sample.asset,
            _ => false,
        };
        let (number, proposal) = self.state.people.open().find(|(_, proposal)| is_of_it(proposal))?;
        let person = PEOPLE.into_iter().nth(proposal.approvals.len())?;
        let text = self.state.text_to_sign(number, Verdict::Approve)?;
        let signature = self.signers.sign(person, &text)?;
        let signed = SignProposal { proposal: number, person: person.to_owned(), verdict: Verdict::Approve, signature };
        Some(Command::SignProposal(Box::new(signed)))
    }

    /// What is missing for a treasury to run, and who bears what it lost.
    fn founding(&self, sample: &Sample, network: &Network) -> Option<Command> {
        let name = || sample.name.to_owned();
        if network.addresses.is_empty() {
            return Some(propose(Matter::AddTreasuryAddress { network: name(), address: sample.address.to_owned() }));
        }
        if network.destinations.is_empty() {
            return Some(propose(Matter::AddDestination { network: name(), address: sample.wallet.to_owned(), memo: String::new() }));
        }
        if self.stands(sample, LedgerAccount::LossReserve).is_zero() && network.picture.is_none() {
            let amount = self.text(sample, Amount::from_units(sample.reserve));
            return Some(Command::FundLossReserve { asset: sample.asset.to_owned(), amount, from: ReserveSide::RewardPool });
        }
        if network.earnings.terms == NetworkYield::default() {
            let terms = NetworkYield { commission: rate(COMMISSION), ..NetworkYield::default() };
            return Some(Command::SetNetworkYield { network: name(), terms });
        }
        let loss = (1..).zip(self.state.treasury.losses()).find(|(_, loss)| loss.borne.is_none() && self.is_of(sample, loss));
        if let Some((loss, lost)) = loss {
            let reserve = lost.amount.min(self.stands(sample, LedgerAccount::LossReserve));
            let pool = lost.amount.left_after(reserve);
            let (reserve, pool) = (self.text(sample, reserve), self.text(sample, pool));
            let asset = sample.asset.to_owned();
            let nothing = || "0".to_owned();
            return Some(propose(Matter::AllocateLoss { loss, asset, reserve, commission: nothing(), pool, customers: nothing() }));
        }
        None
    }

    fn is_of(&self, sample: &Sample, loss: &Loss) -> bool {
        self.state.treasury.network(loss.network).is_some_and(|network| network.name == sample.name)
    }

    /// The wallet has what the books say.
    fn attest(&self, sample: &Sample) -> Option<Command> {
        let coverage = self.state.treasury.coverage(self.state.asset_ix(sample.asset)?)?;
        if coverage.attested.is_some_and(|last| self.age_ms(last.at) < DUE_MS) {
            return None;
        }
        let amount = self.text(sample, self.stands(sample, LedgerAccount::Custody));
        let movement = coverage.movements.back().map_or(0, |(number, _)| *number);
        Some(Command::Attest(Attest { asset: sample.asset.to_owned(), amount, at: self.now, movement }))
    }

    /// Pictures, orders, coins between the wallet and the network.
    fn running(&self, sample: &Sample, network: &Network, is_made: bool) -> Option<Command> {
        let name = || sample.name.to_owned();
        let Some(last) = &network.picture else {
            return match &network.aside {
                _ if is_made => None,
                None => Some(self.observe(sample, first(sample, self.now))),
                Some(aside) => {
                    let (number, digest) = (aside.picture.number, digest(&aside.picture));
                    Some(propose(Matter::ConfirmPicture { network: name(), number, digest }))
                }
            };
        };
        if self.age_ms(last.time) >= DUE_MS {
            return Some(self.observe(sample, self.after(sample, network, last)));
        }
        let is_barred = sample.barred_on.is_some_and(|day| self.day() >= day);
        let policy = network.desk.policy.as_ref().map(|in_force| &in_force.policy);
        if !is_made && policy.is_none_or(|policy| policy.barred.is_empty() == is_barred) {
            return Some(Command::SetPolicy { network: name(), policy: Box::new(policy_of(sample, is_barred)) });
        }
        if let Some(moving) = network.under_way.iter().find(|moving| moving.direction == Direction::Sweep) {
            return Some(Command::ReportSweep { network: name(), hash: moving.hash.clone() });
        }
        let mut orders = network.desk.live.iter();
        let order = orders.find_map(|(number, order)| self.carried_out(sample, network, *number, order));
        let is_awaited = || {
            let is_sent = network.desk.live.values().any(|order| order.standing == OrderStanding::Sent);
            (is_sent || !network.under_way.is_empty()) && self.now > last.time
        };
        order.or_else(|| is_awaited().then(|| self.observe(sample, self.after(sample, network, last))))
    }

    /// What is to be done for an order now.
    fn carried_out(&self, sample: &Sample, network: &Network, number: u64, order: &Order) -> Option<Command> {
        let name = || sample.name.to_owned();
        let hash = format!("{}-{number}", sample.name);
        match (&order.planned.task, order.standing_at(self.now)) {
            (Task::Sweep { .. }, OrderStanding::Proposed) => {
                let text = order::text(self.state, network, number, Verdict::Approve)?;
                let (person, signature) = (PEOPLE[0].to_owned(), self.signers.sign(PEOPLE[0], &text)?);
                Some(Command::SignOrder(Box::new(SignOrder {
                    network: name(),
                    order: number,
                    person,
                    verdict: Verdict::Approve,
                    signature,
                })))
            }
            (Task::TopUp { address }, OrderStanding::Approved) => {
                let amount = self.text(sample, order.planned.amount);
                let (address, asset) = (address.clone(), sample.asset.to_owned());
                Some(Command::ReportTopUp(Box::new(TopUp { network: name(), address, asset, amount, hash, order: Some(number) })))
            }
            (_, OrderStanding::Approved) if !network.is_stopped() => Some(Command::ReportDone { network: name(), order: number, hash }),
            _ => None,
        }
    }

    fn observe(&self, sample: &Sample, picture: Picture) -> Command {
        Command::Observe { network: sample.name.to_owned(), picture: Box::new(picture) }
    }

    /// What the network shows now, after what it showed before and what has been sent since.
    fn after(&self, sample: &Sample, network: &Network, last: &Picture) -> Picture {
        let passed = self.age_ms(last.time).max(1);
        let mut next = Picture {
            number: last.number + 1,
            height: last.height + u64::try_from(passed / sample.block_ms).unwrap_or(0).max(1),
            time: self.now,
            transactions: Vec::new(),
            inflows: Vec::new(),
            happened: Vec::new(),
            ..last.clone()
        };
        next.hash = format!("{}-block-{}", sample.name, next.height);
        // What was staked has earned since then.
        let earned: Vec<Amount> = last.delegations.iter().map(|line| earned(sample, line, passed)).collect();
        let slashed_on = sample.slashed_on.filter(|day| self.day() >= *day);
        let is_over = self.state.treasury.losses().iter().any(|loss| self.is_of(sample, loss));
        let guilty = sample.validators[0].id;
        if slashed_on.is_some() && !is_over && last.delegations.iter().any(|line| line.validator == guilty) {
            next.happened.push(Happened::Slashed { validator: guilty.to_owned() });
            for line in next.delegations.iter_mut().filter(|line| line.validator == guilty) {
                line.stake = line.stake.left_after(Amount::from_units(line.stake.units() / 100));
            }
        }
        for (number, order) in network.desk.live.iter().filter(|(_, order)| order.standing == OrderStanding::Sent) {
            self.transaction(sample, &mut next, *number, order);
        }
        for (line, earned) in next.delegations.iter_mut().zip(&earned) {
            line.claimable = line.claimable.plus(*earned);
        }
        next.delegations.retain(|line| !(line.stake.is_zero() && line.claimable.is_zero()));
        self.mature(sample, &mut next);
        for moving in network.under_way.iter().filter(|moving| moving.direction == Direction::TopUp) {
            let (address, denomination) = (sample.address.to_owned(), sample.denomination.to_owned());
            let (amount, from, hash) = (moving.amount, sample.wallet.to_owned(), moving.hash.clone());
            next.liquid[0].amount = next.liquid[0].amount.plus(amount);
            next.inflows.push(Inflow { address, denomination, amount, from, hash });
        }
        next
    }

    /// What was undelegated long enough ago is free.
    fn mature(&self, sample: &Sample, next: &mut Picture) {
        let (free, waits): (Vec<Unbonding>, Vec<Unbonding>) = next.unbonding.drain(..).partition(|entry| entry.completes_at <= self.now);
        next.unbonding = waits;
        for entry in free {
            next.liquid[0].amount = next.liquid[0].amount.plus(entry.balance);
            let (address, validator) = (sample.address.to_owned(), entry.validator);
            next.happened.push(Happened::Matured { address, validator, started: entry.started, amount: entry.balance });
        }
    }

    /// The transaction of an order.
    fn transaction(&self, sample: &Sample, next: &mut Picture, number: u64, order: &Order) {
        let Some(hash) = order.hash.clone().filter(|_| order.planned.task.kind().is_a_transaction()) else { return };
        let (amount, address, fee) = (order.planned.amount, sample.address.to_owned(), Amount::from_units(sample.fee));
        let (mut effects, mut released) = (Vec::new(), Vec::new());
        let free = next.liquid[0].amount.left_after(fee);
        let free = match &order.planned.task {
            Task::Delegate { validator, .. } => {
                let line = line_of(next, validator);
                line.stake = line.stake.plus(amount);
                effects.push(Effect::Delegated { validator: validator.clone(), amount });
                free.left_after(amount)
            }
            Task::Undelegate { validator, .. } => {
                let line = line_of(next, validator);
                line.stake = line.stake.left_after(amount);
                let started = next.height * 1_000 + number;
                let completes_at = Timestamp::from_ms(self.now.ms() + sample.unbonding_days * DAY_MS);
                next.unbonding.push(Unbonding {
                    address: address.clone(),
                    validator: validator.clone(),
                    started,
                    completes_at,
                    balance: amount,
                });
                effects.push(Effect::Undelegated { validator: validator.clone(), started, amount });
                free
            }
            Task::Claim { validator, .. } => {
                let line = line_of(next, validator);
                let amount = std::mem::take(&mut line.claimable);
                released.push(Released { validator: validator.clone(), denomination: sample.denomination.to_owned(), amount });
                free.plus(amount)
            }
            Task::Sweep { to, memo, .. } => {
                let denomination = sample.denomination.to_owned();
                effects.push(Effect::Sent { denomination, amount, to: to.clone(), memo: memo.clone() });
                free.left_after(amount)
            }
            Task::TopUp { .. } | Task::Redelegate { .. } | Task::CancelUndelegation { .. } => return,
        };
        next.liquid[0].amount = free;
        let fee_denomination = sample.denomination.to_owned();
        next.transactions.push(Settled { hash, address, sequence: number, succeeded: true, fee_denomination, fee, effects, released });
    }
}

fn propose(matter: Matter) -> Command {
    Command::Propose { matter: Box::new(matter), expires_at: None }
}

fn rate(hundredths_of_a_percent: u64) -> Rate {
    Rate::from_units(hundredths_of_a_percent * 10_000).unwrap_or(Rate::MAX)
}

fn create(sample: &Sample) -> Command {
    Command::CreateNetwork(Box::new(NewNetwork {
        name: sample.name.to_owned(),
        chain_id: sample.chain_id.to_owned(),
        coins: vec![(sample.asset.to_owned(), sample.denomination.to_owned())],
        terms: NetworkTerms {
            compounds: false,
            unbonding_ms: sample.unbonding_days * DAY_MS,
            earned_at_most: rate(2_000),
            slashed_at_most: rate(1_000),
        },
    }))
}

fn policy_of(sample: &Sample, is_barred: bool) -> Policy {
    let amount = Amount::from_units;
    let last = sample.validators[3].id;
    let approved = sample.validators.iter().filter(|own| !(is_barred && own.id == last));
    let approved = approved.map(|own| Approved { validator: own.id.to_owned(), weight: 1, cap: rate(5_000) });
    let nobody = Needed { none_below: amount(AMOUNT_UNITS_MAX), people: 1 };
    Policy {
        validators: approved.collect(),
        barred: if is_barred { vec![last.to_owned()] } else { Vec::new() },
        buffer_low: rate(500),
        buffer_target: rate(1_500),
        buffer_high: rate(3_000),
        gas_reserve: amount(sample.order_min / 10),
        order_min: amount(sample.order_min),
        claim_above: amount(sample.order_min),
        claim_days: 30,
        entries_max: 7,
        commission_max: rate(1_500),
        fee_max: amount(sample.fee * 2),
        order_life_ms: 2 * DAY_MS,
        halted_after_ms: HALTED_MS_BY_HAND,
        redelegates: false,
        cancels: false,
        approvals: Approvals {
            top_up: nobody,
            delegate: nobody,
            undelegate: nobody,
            cancel_undelegation: nobody,
            redelegate: nobody,
            claim: nobody,
            sweep_one_below: amount(AMOUNT_UNITS_MAX),
        },
    }
}

/// Nothing is there yet.
fn first(sample: &Sample, now: Timestamp) -> Picture {
    let validator = |own: &Own| Validator {
        validator: own.id.to_owned(),
        name: own.name.to_owned(),
        commission: rate(own.commission),
        status: ValidatorStatus::Active,
        tokens: Amount::from_units(sample.order_min * 1_000_000),
        shares: None,
        power: rate(150),
        missed: 0,
    };
    Picture {
        number: 1,
        chain_id: sample.chain_id.to_owned(),
        height: 20_000_000,
        hash: format!("{}-block-20000000", sample.name),
        time: now,
        addresses: vec![sample.address.to_owned()],
        liquid: vec![Liquid { address: sample.address.to_owned(), denomination: sample.denomination.to_owned(), amount: Amount::ZERO }],
        validators: sample.validators.iter().map(validator).collect(),
        ..Picture::default()
    }
}

/// What a delegation has earned in so many milliseconds, after its validator's commission.
fn earned(sample: &Sample, line: &Delegation, passed: i64) -> Amount {
    let commission = sample.validators.iter().find(|own| own.id == line.validator).map_or(0, |own| own.commission);
    let parts = u128::from(sample.yearly) * u128::from(10_000 - commission) * u128::try_from(passed).unwrap_or(0);
    Amount::from_units(mul_div(line.stake.units(), parts, 100_000_000 * 10_000 * YEAR_MS).0)
}

/// What the address has with a validator.
fn line_of<'p>(picture: &'p mut Picture, validator: &str) -> &'p mut Delegation {
    let place = picture.delegations.iter().position(|line| line.validator == validator).unwrap_or_else(|| {
        let address = picture.addresses[0].clone();
        let (stake, claimable) = (Amount::ZERO, Amount::ZERO);
        picture.delegations.push(Delegation { address, validator: validator.to_owned(), stake, claimable, shares: None });
        picture.delegations.len() - 1
    });
    &mut picture.delegations[place]
}
