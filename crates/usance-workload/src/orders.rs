//! Orders of a treasury: what operators allow, what people sign, what an agent, the wallet and somebody by hand do, and what the network
//! shows of it: mostly what was ordered, else nothing yet, a failure, or something else.

use crate::amount::written;
use crate::clock::DAY_MS;
use crate::dice::Dice;
use crate::people::signed;
use crate::seen::{NETWORK, OrderSeen, TreasurySeen};
use crate::treasury::{DENOMINATIONS, Making, UNBONDING_MS, VALIDATORS, propose, units};
use crate::workload::Workload;
use usance_core::calendar::Timestamp;
use usance_core::machine::Command;
use usance_core::machine::verb::{PrepareOrder, SignOrder, TopUp};
use usance_core::money::Rate;
use usance_core::person::proposal::{Matter, Verdict};
use usance_core::treasury::order::{OrderKind, OrderStanding, SignedTransaction, Task};
use usance_core::treasury::picture::{Effect, Redelegation, Unbonding, ValidatorStatus};
use usance_core::treasury::policy::{Approvals, Approved, Needed, Policy};

/// The most that an order may cost.
const FEE_MAX: u128 = 5;
/// How old the last picture may be.
const HALTED_MS: i64 = 26 * 60 * 60 * 1000;

fn rate(hundredths: u64) -> Rate {
    Rate::from_units(hundredths * 1_000_000).expect("a rate")
}

impl Workload<'_> {
    /// Something about orders, where there is anything to do; nothing else where there is not.
    pub(crate) fn order(&self, dice: &mut Dice<'_>, seen: &TreasurySeen) -> Option<Command> {
        if seen.policy.is_none() || dice.once_in(24) {
            return Some(self.policy(dice));
        }
        if let Some((number, answers)) = seen.differences.first().filter(|_| dice.below(2) == 0) {
            let was = dice.one_of(answers);
            return Some(propose(Matter::ExplainDifference { network: NETWORK.to_owned(), number: *number, was }));
        }
        if seen.epoch == 0 || dice.once_in(30) {
            let agent = dice.one_of(&["agent-a", "agent-b"]).to_owned();
            return Some(Command::TakeOffice { network: NETWORK.to_owned(), agent });
        }
        let young = seen.picture.as_ref().is_some_and(|picture| self.situation.now().ms() - picture.time.ms() < HALTED_MS);
        if !young && dice.below(8) > 0 {
            return None;
        }
        let order = self.chosen(dice, seen)?;
        match order.standing {
            OrderStanding::Proposed => self.sign_order(dice, seen, order),
            OrderStanding::Approved if dice.once_in(12) => self.sign_order(dice, seen, order),
            OrderStanding::Approved if order.planned.task.kind() == OrderKind::TopUp => Some(self.ordered_top_up(dice, order)),
            OrderStanding::Approved if dice.below(2) == 0 => Some(self.report_done(dice, order)),
            OrderStanding::Approved => Some(self.prepare(dice, seen, order)),
            OrderStanding::Prepared => Some(self.report_sent(dice, seen, order)),
            OrderStanding::Sent if dice.once_in(6) => self.sign_order(dice, seen, order),
            OrderStanding::Sent if dice.once_in(6) => Some(self.report_done(dice, order)),
            _ => None,
        }
    }

    /// An order that waits for something, mostly one that is approved.
    fn chosen<'s>(&self, dice: &mut Dice<'_>, seen: &'s TreasurySeen) -> Option<&'s OrderSeen> {
        let ready = |order: &&OrderSeen| matches!(order.standing, OrderStanding::Approved | OrderStanding::Prepared);
        let ready: Vec<&OrderSeen> = seen.orders.iter().filter(ready).collect();
        let open: Vec<&OrderSeen> = seen.orders.iter().filter(|order| order.standing != OrderStanding::Expired).collect();
        let among = if ready.is_empty() || dice.below(3) == 0 { open } else { ready };
        among.get(dice.index(among.len())).copied()
    }

    fn policy(&self, dice: &mut Dice<'_>) -> Command {
        let (low, target, high) = dice.one_of(&[(0, 0, 1), (1, 2, 100), (100, 100, 100), (30, 50, 90)]);
        let needed = |none_below, people| Needed { none_below: units(none_below), people };
        let small = dice.one_of(&[0_u128, 1_000_000, 10_000_000_000_000]);
        let approved = |(place, validator): (u32, &&str)| {
            let cap = rate(50 + 20 * u64::from(place % 2));
            Approved { validator: (*validator).to_owned(), weight: place + 1, cap }
        };
        let barred = if dice.below(4) == 0 { vec![VALIDATORS[2].to_owned()] } else { Vec::new() };
        let named = VALIDATORS.iter().filter(|validator| !barred.iter().any(|barred| barred == *validator));
        let mut policy = Policy {
            validators: (0_u32..).zip(named).map(approved).collect(),
            barred,
            buffer_low: rate(low),
            buffer_target: rate(target),
            buffer_high: rate(high),
            gas_reserve: units(50_000),
            order_min: units(100_000),
            claim_above: units(1_000_000),
            claim_days: 2,
            entries_max: 3,
            commission_max: rate(10),
            fee_max: units(FEE_MAX),
            order_life_ms: dice.one_of(&[DAY_MS / 4, 2 * DAY_MS, 2 * DAY_MS]),
            halted_after_ms: HALTED_MS,
            redelegates: dice.below(3) > 0,
            cancels: dice.below(2) == 0,
            approvals: Approvals {
                top_up: needed(small, 1),
                delegate: needed(small, 1),
                undelegate: needed(small, 2),
                cancel_undelegation: needed(small, 1),
                redelegate: needed(small, 2),
                claim: needed(small, 1),
                sweep_one_below: units(500_000_000),
            },
        };
        if dice.once_in(10) {
            policy.entries_max = 1;
        }
        Command::SetPolicy { network: NETWORK.to_owned(), policy: Box::new(policy) }
    }

    /// Somebody who has not signed yet signs, mostly for it; now and then somebody who has, or with another's key.
    fn sign_order(&self, dice: &mut Dice<'_>, seen: &TreasurySeen, order: &OrderSeen) -> Option<Command> {
        let verdict = if dice.once_in(10) || order.standing != OrderStanding::Proposed { Verdict::Decline } else { Verdict::Approve };
        let signs = |person: &&String| dice.once_in(16) || !order.approved_by.contains(person);
        let person = seen.people.iter().find(signs)?.clone();
        let text = self.situation.order_text(order.number, verdict).unwrap_or_default();
        let signature = if dice.once_in(20) { signed("nobody", &text) } else { signed(&person, &text) };
        let (network, order) = (NETWORK.to_owned(), order.number);
        Some(Command::SignOrder(Box::new(SignOrder { network, order, person, verdict, signature })))
    }

    fn ordered_top_up(&self, dice: &mut Dice<'_>, order: &OrderSeen) -> Command {
        let (symbol, decimals) = self.cast.assets[0];
        let less = u128::from(dice.once_in(12));
        let amount = written(order.planned.amount.units() - less, decimals);
        let (address, hash) = (order.planned.task.address().to_owned(), format!("order-{}", order.number));
        let (network, asset) = (NETWORK.to_owned(), symbol.to_owned());
        Command::ReportTopUp(Box::new(TopUp { network, address, asset, amount, hash, order: Some(order.number) }))
    }

    fn report_done(&self, dice: &mut Dice<'_>, order: &OrderSeen) -> Command {
        let hash = format!("by-hand-{}-{}", order.number - u64::from(dice.once_in(12)), dice.below(2));
        Command::ReportDone { network: NETWORK.to_owned(), order: order.number, hash }
    }

    /// An epoch: mostly the one in office, now and then one before it.
    fn epoch(dice: &mut Dice<'_>, seen: &TreasurySeen) -> u64 {
        if dice.once_in(10) { seen.epoch.saturating_sub(1) } else { seen.epoch }
    }

    fn prepare(&self, dice: &mut Dice<'_>, seen: &TreasurySeen, order: &OrderSeen) -> Command {
        let height = seen.picture.as_ref().map_or(0, |picture| picture.height);
        let known =
            seen.picture.as_ref().and_then(|picture| picture.sequences.iter().find(|one| one.address == order.planned.task.address()));
        let sequence = known.map_or(0, |known| known.next) + u64::from(dice.once_in(16));
        let last_valid_height = dice.one_of(&[Some(height + 1), Some(height + 2), Some(height + 3), Some(height + 9), None, Some(height)]);
        let signed = SignedTransaction { epoch: Self::epoch(dice, seen), bytes: vec![7; 40], sequence, last_valid_height };
        let hash = format!("signed-{}-{}", order.number, seen.epoch);
        Command::PrepareOrder(Box::new(PrepareOrder { network: NETWORK.to_owned(), order: order.number, hash, signed }))
    }

    fn report_sent(&self, dice: &mut Dice<'_>, seen: &TreasurySeen, order: &OrderSeen) -> Command {
        Command::ReportSent { network: NETWORK.to_owned(), order: order.number, epoch: Self::epoch(dice, seen) }
    }

    /// What nobody should ask about orders, or not now.
    pub(crate) fn order_out_of_turn(&self, dice: &mut Dice<'_>, seen: &TreasurySeen) -> Command {
        let network = dice.one_of(&[NETWORK, NETWORK, "nowhere"]).to_owned();
        let order = u64::from(dice.below(40));
        match dice.below(5) {
            0 => Command::TakeOffice { network, agent: dice.one_of(&["", "agent-a"]).to_owned() },
            1 => Command::ReportSent { network, order, epoch: seen.epoch },
            2 => Command::ReportDone { network, order, hash: "gone".to_owned() },
            3 => {
                let signed = SignedTransaction { epoch: seen.epoch, bytes: vec![7], sequence: 0, last_valid_height: None };
                Command::PrepareOrder(Box::new(PrepareOrder { network, order, hash: "gone".to_owned(), signed }))
            }
            _ => {
                let person = dice.one_of(&["anna", "zoe"]).to_owned();
                let text = self.situation.order_text(order, Verdict::Approve).unwrap_or_default();
                let signature = signed(&person, &text);
                Command::SignOrder(Box::new(SignOrder { network, order, person, verdict: Verdict::Approve, signature }))
            }
        }
    }
}

impl Making {
    /// What becomes of the transactions of orders: they are shown as ordered, or as failed, or as something else, or not yet.
    pub(crate) fn show_orders(&mut self, dice: &mut Dice<'_>, seen: &TreasurySeen) {
        for order in &seen.orders {
            let Some(hash) = order.hash.clone() else { continue };
            let task = &order.planned.task;
            if task.kind() == OrderKind::TopUp || !self.picture.addresses.iter().any(|known| known == task.address()) {
                continue;
            }
            match dice.below(8) {
                0..=3 => self.show(dice, &hash, order, order.planned.amount.units()),
                4 => self.settle_as(dice, (task.address(), &hash, order.sequence), Vec::new(), Vec::new()),
                5 => self.show(dice, &hash, order, order.planned.amount.units() / 2),
                _ => {}
            }
        }
    }

    /// Shows a transaction that did what was ordered with so many units; where they are not there it failed.
    fn show(&mut self, dice: &mut Dice<'_>, hash: &str, order: &OrderSeen, amount: u128) {
        let (amount, height, time) = (units(amount), self.picture.height, self.picture.time);
        let address = order.planned.task.address().to_owned();
        let mut released = Vec::new();
        let effects = match &order.planned.task {
            Task::TopUp { .. } => return,
            Task::Delegate { validator, .. } if *self.liquid(&address, 0) >= amount => {
                released.push(self.release(&address, validator));
                self.take(&address, 0, amount);
                self.bond(&address, validator, amount);
                vec![Effect::Delegated { validator: validator.clone(), amount }]
            }
            Task::Undelegate { validator, .. } if self.stake(&address, validator).stake >= amount && !self.frees(&address, validator) => {
                released.push(self.release(&address, validator));
                self.unbond(&address, validator, amount);
                let completes_at = Timestamp::from_ms(time.ms() + UNBONDING_MS);
                let (owner, from) = (address.clone(), validator.clone());
                let entry = Unbonding { address: owner, validator: from, started: height, completes_at, balance: amount };
                self.picture.unbonding.push(entry);
                vec![Effect::Undelegated { validator: validator.clone(), started: height, amount }]
            }
            Task::CancelUndelegation { validator, started, .. } => {
                let same = |entry: &&mut Unbonding| entry.address == address && entry.validator == *validator && entry.started == *started;
                match self.picture.unbonding.iter_mut().find(same) {
                    Some(entry) if entry.balance > amount => {
                        entry.balance = entry.balance.left_after(amount);
                        released.push(self.release(&address, validator));
                        self.bond(&address, validator, amount);
                        vec![Effect::Cancelled { validator: validator.clone(), started: *started, amount }]
                    }
                    _ => Vec::new(),
                }
            }
            Task::Redelegate { from, to, .. } if self.stake(&address, from).stake >= amount => {
                released.extend([self.release(&address, from), self.release(&address, to)]);
                self.unbond(&address, from, amount);
                self.bond(&address, to, amount);
                let until = Timestamp::from_ms(time.ms() + UNBONDING_MS);
                let (address, from, to) = (address.clone(), from.clone(), to.clone());
                self.picture.redelegations.push(Redelegation { address, from: from.clone(), to: to.clone(), until, amount });
                vec![Effect::Redelegated { from, to, amount }]
            }
            Task::Claim { validator, .. } => {
                released.push(self.release(&address, validator));
                Vec::new()
            }
            Task::Sweep { to, memo, .. } if *self.liquid(&address, 0) >= amount => {
                self.take(&address, 0, amount);
                vec![Effect::Sent { denomination: DENOMINATIONS[0].to_owned(), amount, to: to.clone(), memo: memo.clone() }]
            }
            Task::Delegate { .. } | Task::Undelegate { .. } | Task::Redelegate { .. } | Task::Sweep { .. } => Vec::new(),
        };
        self.settle_as(dice, (&address, hash, order.sequence), effects, released);
    }

    /// Whether an undelegation began at this height already.
    fn frees(&self, address: &str, validator: &str) -> bool {
        let height = self.picture.height;
        self.picture.unbonding.iter().any(|entry| entry.address == address && entry.validator == validator && entry.started == height)
    }

    /// Validators are put out and come back, and ask for more or less.
    pub(crate) fn change_validators(&mut self, dice: &mut Dice<'_>) {
        if !dice.once_in(10) {
            return;
        }
        let place = dice.index(VALIDATORS.len());
        let Some(seen) = self.picture.validators.get_mut(place) else { return };
        match dice.below(3) {
            0 if seen.status == ValidatorStatus::Active => seen.status = dice.one_of(&[ValidatorStatus::Jailed, ValidatorStatus::Inactive]),
            0 => seen.status = ValidatorStatus::Active,
            _ => seen.commission = rate(dice.one_of(&[5, 4, 10, 11])),
        }
    }
}
