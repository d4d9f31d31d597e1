//! What may be ordered, written from TREASURY.md: what is free, what is staked, what is owed, and whether a plan keeps to all of it. Which of
//! several good plans is made is the machine's to say.

use super::Auditor;
use super::arithmetic::signed;
use super::network::Net;
use super::order_book::Order;
use super::refused::Refused;
use crate::compare::Found;
use std::collections::{BTreeMap, BTreeSet};
use usance_core::treasury::order::{Planned, Task};
use usance_core::treasury::picture::{Picture, ValidatorStatus};
use usance_core::treasury::policy::{Needed, Policy};

const WHOLE: u128 = 100_000_000;

/// Where coins will be once some orders have happened.
#[derive(Default)]
struct Coins {
    free: BTreeMap<String, i128>,
    stake: BTreeMap<(String, String), i128>,
    /// Without what is still to come.
    there: BTreeMap<(String, String), i128>,
    entries: BTreeMap<(String, String), u32>,
    freeing: BTreeMap<(String, String, u64), i128>,
    fixed: BTreeSet<(String, String)>,
    wallet: i128,
}

impl Coins {
    fn happen(&mut self, planned: &Planned, is_sent: bool) {
        let (units, address) = (signed(planned.amount.units()), planned.task.address().to_owned());
        let key = |validator: &String| (address.clone(), validator.clone());
        match &planned.task {
            Task::TopUp { .. } => self.wallet -= if is_sent { 0 } else { units },
            Task::Delegate { validator, .. } => {
                *self.free.entry(address.clone()).or_default() -= units;
                *self.stake.entry(key(validator)).or_default() += units;
            }
            Task::Undelegate { validator, .. } => {
                *self.stake.entry(key(validator)).or_default() -= units;
                *self.there.entry(key(validator)).or_default() -= units;
                *self.entries.entry(key(validator)).or_default() += 1;
            }
            Task::CancelUndelegation { validator, started, .. } => {
                *self.stake.entry(key(validator)).or_default() += units;
                *self.freeing.entry((address.clone(), validator.clone(), *started)).or_default() -= units;
            }
            Task::Redelegate { from, to, .. } => {
                *self.stake.entry(key(from)).or_default() -= units;
                *self.there.entry(key(from)).or_default() -= units;
                *self.stake.entry(key(to)).or_default() += units;
                self.fixed.insert(key(to));
            }
            Task::Claim { .. } => {}
            Task::Sweep { .. } => {
                *self.free.entry(address.clone()).or_default() -= units;
                self.wallet += units;
            }
        }
    }
    fn staked(&self) -> i128 {
        self.stake.values().map(|units| (*units).max(0)).sum()
    }
    fn all_free(&self) -> i128 {
        self.free.values().map(|units| (*units).max(0)).sum()
    }
}

fn good(policy: &Policy, picture: &Picture, validator: &str) -> bool {
    let approved = policy.validators.iter().any(|approved| approved.validator == validator);
    let seen = picture.validators.iter().find(|seen| seen.validator == validator);
    let takes_part = seen.is_some_and(|seen| seen.status == ValidatorStatus::Active && seen.commission <= policy.commission_max);
    approved && takes_part && !policy.barred.iter().any(|barred| barred == validator)
}

fn drained(policy: &Policy, picture: &Picture, validator: &str) -> bool {
    let seen = picture.validators.iter().find(|seen| seen.validator == validator);
    let out = seen.is_some_and(|seen| matches!(seen.status.word(), "jailed" | "tombstoned") || seen.commission > policy.commission_max);
    out || policy.barred.iter().any(|barred| barred == validator)
}

fn needed(policy: &Policy, planned: &Planned) -> usize {
    let all = &policy.approvals;
    let Needed { none_below, people } = match planned.task {
        Task::Sweep { .. } => return if planned.amount < all.sweep_one_below { 1 } else { 2 },
        Task::TopUp { .. } => all.top_up,
        Task::Delegate { .. } => all.delegate,
        Task::Undelegate { .. } => all.undelegate,
        Task::CancelUndelegation { .. } => all.cancel_undelegation,
        Task::Redelegate { .. } => all.redelegate,
        Task::Claim { .. } => all.claim,
    };
    if planned.amount < none_below { 0 } else { people.into() }
}

impl Net {
    /// Coins as the last picture shows them, without what is held apart and the gas reserve, once chosen orders have happened.
    fn coins(&self, policy: &Policy, covered: i128, chosen: impl Fn(u64, &Order) -> bool) -> Coins {
        let mut coins = Coins { wallet: covered, ..Coins::default() };
        let Some(picture) = &self.picture else { return coins };
        for address in &picture.addresses {
            let shown = picture.liquid.iter().filter(|line| line.address == *address && line.denomination == self.coins[0].1);
            let shown: i128 = shown.map(|line| signed(line.amount.units())).sum();
            let held = self.held.iter().filter(|held| held.coin == 0 && held.account == "treasury_liquid" && held.address == *address);
            let held: i128 = held.map(|held| held.units.max(0)).sum();
            coins.free.insert(address.clone(), ((shown - held).max(0) - signed(policy.gas_reserve.units())).max(0));
        }
        for line in &picture.delegations {
            coins.stake.insert((line.address.clone(), line.validator.clone()), signed(line.stake.units()));
            coins.there.insert((line.address.clone(), line.validator.clone()), signed(line.stake.units()));
        }
        for line in &picture.unbonding {
            *coins.entries.entry((line.address.clone(), line.validator.clone())).or_default() += 1;
            coins.freeing.insert((line.address.clone(), line.validator.clone(), line.started), signed(line.balance.units()));
        }
        let live = picture.redelegations.iter().filter(|moved| moved.until > picture.time);
        coins.fixed.extend(live.map(|moved| (moved.address.clone(), moved.to.clone())));
        coins.wallet +=
            self.moving.iter().filter(|moving| moving.sweep && moving.coin == 0).map(|moving| signed(moving.units)).sum::<i128>();
        for (number, order) in &self.orders.all {
            if chosen(*number, order) {
                coins.happen(&order.planned, order.standing == "sent");
                // What is ordered beyond what is there does not lend to others.
                coins.free.values_mut().for_each(|units| *units = (*units).max(0));
                coins.stake.values_mut().for_each(|units| *units = (*units).max(0));
                coins.there.values_mut().for_each(|units| *units = (*units).max(0));
                coins.freeing.values_mut().for_each(|units| *units = (*units).max(0));
            }
        }
        coins
    }
}

impl Auditor {
    /// Principal of fixed terms that end within the unbonding time and do not start anew.
    fn maturing(&self, asset: usize, at: i64, unbonding_ms: i64) -> i128 {
        let last = self.day_of(at + unbonding_ms);
        let ends = |position: &&super::Position| {
            let product = &self.products[position.product];
            let day = product.term.map(|term| position.value_date + term);
            position.is_active() && !position.auto_renew && product.asset == asset && day.is_some_and(|day| day <= last)
        };
        self.positions.iter().filter(ends).map(|position| signed(position.principal())).sum()
    }

    /// Whether an order may be begun as coins are, without what it takes itself.
    pub(super) fn may_begin(&self, number: u64) -> Result<(), Refused> {
        let refused = || Refused::of("order_refused");
        let net = self.net.as_ref().ok_or_else(refused)?;
        let ((_, policy), picture) = (net.orders.policy.as_ref().ok_or_else(refused)?, net.picture.as_ref().ok_or_else(refused)?);
        let covered = self.covered(net.coins[0].0).unwrap_or_default();
        let queued = signed(self.queued(net.coins[0].0));
        let coins = net.coins(policy, covered, |other, order| other != number && order.is_under_way());
        let planned = &net.orders.all[&number].planned;
        let (units, address) = (signed(planned.amount.units()), planned.task.address().to_owned());
        let stake = |validator: &String| coins.there.get(&(address.clone(), validator.clone())).copied().unwrap_or_default();
        let free = coins.free.get(&address).copied().unwrap_or_default();
        let may = picture.addresses.contains(&address)
            && match &planned.task {
                Task::TopUp { .. } => units <= (coins.wallet - queued).max(0),
                Task::Delegate { validator, .. } => {
                    let owed = (queued - coins.wallet).max(0);
                    good(policy, picture, validator) && units <= free && units <= coins.all_free() - owed
                }
                Task::Undelegate { validator, .. } => {
                    let entries = coins.entries.get(&(address.clone(), validator.clone())).copied().unwrap_or_default();
                    entries < policy.entries_max && units <= stake(validator)
                }
                Task::CancelUndelegation { validator, started, .. } => {
                    let there = coins.freeing.get(&(address.clone(), validator.clone(), *started)).copied().unwrap_or_default();
                    good(policy, picture, validator) && units <= there
                }
                Task::Redelegate { from, to, .. } => {
                    let fixed = coins.fixed.contains(&(address.clone(), from.clone()));
                    policy.redelegates && !fixed && good(policy, picture, to) && units <= stake(from)
                }
                Task::Claim { .. } => true,
                Task::Sweep { to, memo, .. } => net.destinations.contains(&(to.clone(), memo.clone())) && units <= free,
            };
        if may { Ok(()) } else { Err(refused()) }
    }

    /// Takes what the machine has planned: only when there was something to plan after, only within what a plan may ask for, and never in
    /// place of what was approved. `shown` are all of the machine's orders by number, `last` is the last number.
    ///
    /// # Errors
    /// What a plan may not do.
    pub fn see_plan(&mut self, shown: &[(u64, Planned)], last: u64, at: i64) -> Result<(), Found> {
        let Some(net) = &mut self.net else { return Ok(()) };
        let was_due = std::mem::take(&mut net.orders.plan_due);
        let known = net.orders.all.keys().next_back().copied().unwrap_or_default();
        let mut changed = false;
        for (number, order) in net.orders.all.iter_mut().filter(|(_, order)| order.is_live()) {
            if shown.iter().all(|(other, _)| other != number) {
                if order.standing != "proposed" {
                    return Err(format!("order {number} is {}, and a plan has replaced it", order.standing));
                }
                (order.standing, changed) = ("replaced", true);
            }
        }
        let new: Vec<&(u64, Planned)> = shown.iter().filter(|(number, _)| *number > known).collect();
        if last != known + u64::try_from(new.len()).unwrap_or(u64::MAX) {
            return Err(format!("orders are numbered one by one: {known} were there, {} are new, and {last} is the last", new.len()));
        }
        if (changed || !new.is_empty()) && !(was_due && net.picture.is_some()) {
            return Err("a plan was made though nothing has happened to plan after".to_owned());
        }
        let Some((version, policy)) = net.orders.policy.clone() else {
            return if new.is_empty() { Ok(()) } else { Err("a network without a policy is planned".to_owned()) };
        };
        for (number, planned) in new.iter().copied() {
            let needed = needed(&policy, planned);
            let order = Order {
                planned: planned.clone(),
                fee_max: policy.fee_max.units(),
                expires_at: at + policy.order_life_ms,
                policy: version,
                needed,
                approved_by: Vec::new(),
                standing: if needed == 0 { "approved" } else { "proposed" },
                hash: None,
                signed: None,
                picture: None,
            };
            net.orders.all.insert(*number, order);
        }
        let new: Vec<u64> = new.iter().map(|(number, _)| *number).collect();
        if changed || !new.is_empty() {
            self.now = self.now.max(at);
        }
        if was_due { self.plan_keeps(&policy, &new, at) } else { Ok(()) }
    }

    /// What holds of every plan, for the orders that are new with it.
    fn plan_keeps(&self, policy: &Policy, new: &[u64], at: i64) -> Result<(), Found> {
        let Some((net, picture)) = self.net.as_ref().and_then(|net| Some((net, net.picture.as_ref()?))) else { return Ok(()) };
        let covered = self.covered(net.coins[0].0).unwrap_or_default();
        let before = net.coins(policy, covered, |number, order| order.is_under_way() && !new.contains(&number));
        let all = net.coins(policy, covered, |_, order| order.is_live());
        let fault = |number: &u64, why: &str| Err(format!("order {number} {:?}: {why}", net.orders.all[number].planned));
        let mut takes: BTreeMap<String, i128> = BTreeMap::new();
        let mut delegates = false;
        for number in new {
            let planned = &net.orders.all[number].planned;
            let (units, address) = (signed(planned.amount.units()), planned.task.address().to_owned());
            let key = |validator: &String| (address.clone(), validator.clone());
            if planned.amount < policy.order_min && !matches!(planned.task, Task::Claim { .. }) {
                return fault(number, "it is below the smallest order");
            }
            match &planned.task {
                Task::Delegate { validator, .. } => {
                    delegates = true;
                    *takes.entry(address.clone()).or_default() += units;
                    if !good(policy, picture, validator) {
                        return fault(number, "nothing may be staked there");
                    }
                    let with: i128 = all.stake.iter().filter(|((_, with), _)| with == validator).map(|(_, units)| *units).sum();
                    let cap = policy.validators.iter().find(|approved| approved.validator == *validator).map_or(0, |one| one.cap.units());
                    // What is too little for an order of its own stays free, and still counts where shares are made.
                    let left = signed(policy.order_min.units()) * i128::try_from(policy.validators.len()).unwrap_or(i128::MAX);
                    if with * signed(WHOLE) > (all.staked() + left) * i128::from(cap) {
                        return fault(number, "more is staked there than its cap");
                    }
                }
                Task::Redelegate { from, to, .. } => {
                    if !policy.redelegates
                        || before.fixed.contains(&key(from))
                        || !good(policy, picture, to)
                        || !drained(policy, picture, from)
                    {
                        return fault(number, "that cannot be moved there");
                    }
                }
                Task::CancelUndelegation { validator, .. } => {
                    if !policy.cancels || !good(policy, picture, validator) {
                        return fault(number, "that cannot be taken back");
                    }
                }
                Task::Undelegate { validator, .. } => {
                    let there = before.entries.get(&key(validator)).copied().unwrap_or_default();
                    let free_one = u32::from(!drained(policy, picture, validator));
                    if there + free_one >= policy.entries_max || units > before.there.get(&key(validator)).copied().unwrap_or_default() {
                        return fault(number, "there is no entry or no stake for it");
                    }
                }
                Task::Sweep { to, memo, .. } => {
                    *takes.entry(address.clone()).or_default() += units;
                    if !net.destinations.contains(&(to.clone(), memo.clone())) {
                        return fault(number, "it is swept where nothing may be");
                    }
                }
                Task::TopUp { .. } => {
                    if units > covered - signed(self.queued(net.coins[0].0)) {
                        return fault(number, "it tops up with what is not covered, or is the queue's");
                    }
                }
                Task::Claim { .. } => {}
            }
        }
        for (address, units) in takes {
            if units > before.free.get(&address).copied().unwrap_or_default() {
                return Err(format!("a plan takes {units} from {address}, which are not free"));
            }
        }
        let asset = net.coins[0].0;
        let principal: i128 =
            self.positions.iter().filter(|one| self.products[one.product].asset == asset).map(|one| signed(one.principal())).sum();
        let due = self.maturing(asset, at, net.unbonding_ms) + signed(self.queued(asset));
        let low = due + principal * i128::from(policy.buffer_low.units()) / signed(WHOLE);
        if delegates && all.wallet + all.all_free() < low {
            return Err(format!("what is due and the buffer come first: {low} should be there, {} are", all.wallet));
        }
        for ((address, validator), units) in &before.there {
            let is_ordered = |order: &Order| {
                let leaves = match &order.planned.task {
                    Task::Undelegate { validator: from, .. } | Task::Redelegate { from, .. } => from == validator,
                    _ => false,
                };
                leaves && order.is_live() && order.planned.task.address() == address
            };
            let full = before.entries.get(&(address.clone(), validator.clone())).is_some_and(|entries| *entries >= policy.entries_max);
            let leaves = net.orders.all.values().any(is_ordered);
            if *units >= signed(policy.order_min.units()) && drained(policy, picture, validator) && !full && !leaves {
                return Err(format!("{units} stay with {validator}, which has to be drained"));
            }
        }
        Ok(())
    }
}
