//! Orders by the auditor's own books, written from TREASURY.md: which may be signed, prepared, told of and sent, and what a picture ends.
//! What a plan asks for is taken from the machine and held against what a plan may ask for ([`super::desk`]).

use super::Auditor;
use super::network::Net;
use super::order_book::{Looked, Order, words};
use super::refused::{Refused, Told};
use crate::facts::Facts;
use std::collections::BTreeSet;
use usance_core::calendar::Timestamp;
use usance_core::machine::verb::{PrepareOrder, SignOrder};
use usance_core::person::proposal::Verdict;
use usance_core::treasury::order::Task;
use usance_core::treasury::picture::{Effect, Picture, Settled};
use usance_core::treasury::policy::Policy;

fn not_open(standing: &str) -> Refused {
    Refused::of("order_not_open").with("standing", standing)
}

/// Orders that end, by number, and how.
type Ended = Vec<(u64, &'static str)>;
/// Transactions that nobody ordered: hash and address.
type Unordered = Vec<(String, String)>;

impl Auditor {
    /// What is signed under an order, line by line as TREASURY.md has it.
    #[must_use]
    pub fn order_to_sign(&self, number: u64, approves: bool) -> Option<String> {
        let net = self.net.as_ref()?;
        let order = net.orders.all.get(&number).filter(|order| order.standing != "replaced")?;
        let verdict = if approves { "approve" } else { "decline" };
        let (kind, lines) = words(&order.planned.task);
        let head = format!("usance order, version 1\nverdict: {verdict}\nplatform: {}\nnetwork: {}\n", self.name, net.name);
        let head = format!("{head}chain_id: {}\norder: {number}\nkind: {kind}\naddress: {}\n", net.chain, order.planned.task.address());
        let (coin, amount, until) = (&net.coins[0].1, order.planned.amount.units(), Timestamp::from_ms(order.expires_at).to_text());
        let tail = format!("coin: {coin}\namount: {amount}\nfee_max: {}\nexpires_at: {until}\npolicy: {}\n", order.fee_max, order.policy);
        Some(format!("{head}{lines}{tail}"))
    }

    pub(super) fn set_policy(&mut self, name: &str, policy: &Policy) -> Told {
        self.net(name)?;
        if policy.entries_max < 2 {
            return Err(Refused::of("terms_invalid"));
        }
        let Some(net) = &mut self.net else { return Err(Refused::of("network_not_found")) };
        let version = net.orders.policy.as_ref().map_or(1, |(version, _)| version + 1);
        net.orders.policy = Some((version, policy.clone()));
        net.orders.plan_due = true;
        Ok(Facts::of("policy").with("version", version))
    }

    /// Writes down the orders that were not begun in time.
    pub(super) fn expire_orders(&mut self, at: i64) {
        let Some(net) = &mut self.net else { return };
        for order in net.orders.all.values_mut().filter(|order| order.standing != "expired" && order.standing_at(at) == "expired") {
            order.standing = "expired";
            self.now = self.now.max(at);
        }
    }

    fn order(&self, number: u64, at: i64, may: &[&str]) -> Result<&Order, Refused> {
        let order = self.net.as_ref().and_then(|net| net.orders.all.get(&number)).ok_or_else(|| Refused::of("order_not_found"))?;
        let standing = order.standing_at(at);
        if may.contains(&standing) { Ok(order) } else { Err(not_open(standing)) }
    }

    fn change(&mut self, number: u64, change: impl FnOnce(&mut Order)) {
        if let Some(order) = self.net.as_mut().and_then(|net| net.orders.all.get_mut(&number)) {
            change(order);
        }
    }

    pub(super) fn sign_order(&mut self, asked: &SignOrder, at: i64) -> Told {
        self.net(&asked.network)?;
        let person = self.active(&asked.person)?;
        let approves = asked.verdict == Verdict::Approve;
        let may: &[&str] = if approves { &["proposed"] } else { &["proposed", "approved", "sent"] };
        let order = self.order(asked.order, at, may)?;
        if order.standing == "sent" && order.signed.is_some() {
            return Err(not_open("sent"));
        }
        let text = self.order_to_sign(asked.order, approves).unwrap_or_default();
        if !self.is_signed(person, &text, &asked.signature.bytes()) {
            return Err(Refused::of("signature_invalid"));
        }
        if !approves {
            self.change(asked.order, |order| (order.standing, order.signed) = ("declined", None));
            return Ok(self.order_told(asked.order));
        }
        if order.approved_by.contains(&person) {
            return Err(Refused::of("already_signed"));
        }
        let others = order.approved_by.iter().filter(|other| !self.people[**other].removed).count();
        let is_last = others + 1 >= order.needed;
        if is_last {
            self.may_begin(asked.order)?;
        }
        self.change(asked.order, |order| {
            order.approved_by.push(person);
            if is_last {
                order.standing = "approved";
            }
        });
        Ok(self.order_told(asked.order))
    }

    fn knows_hash(&self, hash: &str) -> bool {
        let mut all = self.net.iter().flat_map(|net| net.orders.all.values());
        all.any(|order| order.hash.as_deref() == Some(hash))
    }

    /// Whether anything may be begun now, and this at its address: `others` says which other orders are in its way.
    fn runs(&self, number: u64, at: i64, others: impl Fn(&Order) -> bool) -> Result<(), Refused> {
        let refused = || Refused::of("order_refused");
        let Some(net) = &self.net else { return Err(refused()) };
        let halted_after = net.orders.policy.as_ref().map_or(i64::MAX, |(_, policy)| policy.halted_after_ms);
        let halted = net.picture.as_ref().is_none_or(|picture| at - picture.time.ms() > halted_after);
        if halted || net.held.iter().any(|held| held.stranger.is_none()) {
            return Err(refused());
        }
        let address = net.orders.all[&number].planned.task.address();
        let busy = net.orders.all.iter().any(|(other, order)| {
            let begun = matches!(order.standing, "prepared" | "sent") && !order.is_top_up();
            *other != number && begun && order.planned.task.address() == address && others(order)
        });
        if busy { Err(refused()) } else { Ok(()) }
    }

    pub(super) fn report_done(&mut self, name: &str, number: u64, hash: &str, at: i64) -> Told {
        self.net(name)?;
        let order = self.order(number, at, &["approved", "sent"])?;
        if order.signed.is_some() {
            return Err(not_open(order.standing));
        }
        if order.is_top_up() {
            return Err(Refused::of("terms_invalid"));
        }
        if self.knows_hash(hash) {
            return Err(Refused::of("already_exists"));
        }
        self.runs(number, at, |other| other.signed.is_some())?;
        self.may_begin(number)?;
        self.change(number, |order| (order.standing, order.hash) = ("sent", Some(hash.to_owned())));
        Ok(self.order_told(number))
    }

    pub(super) fn take_office(&mut self, name: &str, agent: &str) -> Told {
        self.net(name)?;
        if agent.is_empty() {
            return Err(Refused::of("terms_invalid"));
        }
        let Some(net) = &mut self.net else { return Err(Refused::of("network_not_found")) };
        net.orders.epoch += 1;
        Ok(Facts::of("office").with("epoch", net.orders.epoch))
    }

    fn in_office(&self, name: &str, epoch: u64) -> Result<(), Refused> {
        let now = self.net(name)?.orders.epoch;
        if now > 0 && epoch == now { Ok(()) } else { Err(Refused::of("epoch_over").with("epoch", now)) }
    }

    pub(super) fn prepare(&mut self, asked: &PrepareOrder, at: i64) -> Told {
        let PrepareOrder { order: number, hash, signed, .. } = asked;
        self.in_office(&asked.network, signed.epoch)?;
        let order = self.order(*number, at, &["approved"])?;
        if order.is_top_up() {
            return Err(Refused::of("terms_invalid"));
        }
        if self.knows_hash(hash) {
            return Err(Refused::of("already_exists"));
        }
        self.runs(*number, at, |_| true)?;
        let picture = self.net.as_ref().and_then(|net| net.picture.as_ref());
        let is_late = picture.is_some_and(|picture| signed.last_valid_height.is_some_and(|last| last <= picture.height));
        let next = picture.and_then(|picture| picture.sequences.iter().find(|known| known.address == order.planned.task.address()));
        if is_late || next.is_some_and(|known| known.next != signed.sequence) {
            return Err(Refused::of("order_refused"));
        }
        self.may_begin(*number)?;
        self.change(*number, |order| {
            order.standing = "prepared";
            order.hash = Some(hash.clone());
            order.signed = Some((signed.sequence, signed.last_valid_height));
        });
        Ok(self.order_told(*number))
    }

    pub(super) fn report_sent(&mut self, name: &str, number: u64, epoch: u64, at: i64) -> Told {
        self.in_office(name, epoch)?;
        self.order(number, at, &["prepared"])?;
        self.change(number, |order| order.standing = "sent");
        Ok(self.order_told(number))
    }

    /// The order that a top-up says it does.
    pub(super) fn ordered_top_up(&self, number: u64, coin: usize, (address, units): (&str, u128), at: i64) -> Result<(), Refused> {
        if coin != 0 {
            return Err(Refused::of("terms_invalid"));
        }
        let order = self.order(number, at, &["approved"])?;
        let same = order.is_top_up() && order.planned.task.address() == address && order.planned.amount.units() == units;
        if same { Ok(()) } else { Err(Refused::of("order_refused")) }
    }

    /// A top-up is on its way that an order asked for; or it is there already.
    pub(super) fn top_up_is_sent(&mut self, number: u64, hash: &str, is_there: bool) {
        let picture = self.net.as_ref().and_then(|net| net.picture.as_ref()).map(|picture| picture.number);
        self.change(number, |order| {
            (order.standing, order.hash) = ("sent", Some(hash.to_owned()));
            if is_there {
                (order.standing, order.picture) = ("done", picture);
            }
        });
    }

    fn order_told(&self, number: u64) -> Facts {
        let all = self.net.iter().find_map(|net| net.orders.all.get(&number));
        let Some(order) = all else { return Facts::of("nothing") };
        let approved: Vec<String> = order.approved_by.iter().map(usize::to_string).collect();
        let facts = Facts::of("order").with("number", number).with("approved_by", approved.join(","));
        facts.with("standing", order.standing).with_some("hash", order.hash.as_deref())
    }

    /// An order as operators see it.
    #[must_use]
    pub fn order_facts(&self, number: u64) -> Facts {
        let Some(order) = self.net.iter().find_map(|net| net.orders.all.get(&number)) else { return Facts::of("no order") };
        if order.standing == "replaced" {
            return Facts::of("replaced order");
        }
        let standing = order.standing_at(self.now);
        self.order_told(number)
            .with("standing", standing)
            .with("text", self.order_to_sign(number, true).unwrap_or_default())
            .with("needed", order.needed)
            .with_some("picture", order.picture)
            .with_some("signed", order.signed.map(|(sequence, last)| format!("{sequence} {last:?}")))
    }

    /// How many orders there ever were.
    #[must_use]
    pub fn orders(&self) -> u64 {
        self.net.as_ref().and_then(|net| net.orders.all.keys().next_back().copied()).unwrap_or_default()
    }

    /// What was seen of validators.
    #[must_use]
    pub fn validators_facts(&self) -> Facts {
        let looked = self.net.iter().flat_map(|net| &net.orders.looked);
        let lines: Vec<String> = looked
            .map(|(validator, seen)| {
                let Looked { since, commission, changes, raises, jailings, slashes, out: _ } = seen;
                format!("{validator}:{since}:{commission}:{changes}:{raises}:{jailings}:{slashes}")
            })
            .collect();
        let net = self.net.as_ref();
        let version = net.and_then(|net| net.orders.policy.as_ref()).map(|(version, _)| *version);
        Facts::of("desk")
            .with("validators", lines.join(" "))
            .with_some("policy", version)
            .with("epoch", net.map_or(0, |net| net.orders.epoch))
    }
}

impl Net {
    /// Whether a transaction did just what an order asks for, within its fee.
    fn as_ordered(&self, order: &Order, one: &Settled) -> bool {
        let cheap = one.fee.is_zero() || (one.fee_denomination == self.coins[0].1 && one.fee.units() <= order.fee_max);
        if !one.succeeded || !cheap {
            return cheap;
        }
        let units = order.planned.amount.units();
        let only =
            |fits: &dyn Fn(&Effect) -> bool| one.effects.len() == 1 && one.effects[0].amount().units() == units && fits(&one.effects[0]);
        match &order.planned.task {
            Task::TopUp { .. } => false,
            Task::Claim { validator, .. } => one.effects.is_empty() && one.released.iter().all(|released| released.validator == *validator),
            Task::Delegate { validator: to, .. } => {
                only(&|effect| matches!(effect, Effect::Delegated { validator, .. } if validator == to))
            }
            Task::Undelegate { validator: from, .. } => {
                only(&|effect| matches!(effect, Effect::Undelegated { validator, .. } if validator == from))
            }
            Task::CancelUndelegation { validator: with, started: at, .. } => {
                only(&|effect| matches!(effect, Effect::Cancelled { validator, started, .. } if validator == with && started == at))
            }
            Task::Redelegate { from: here, to: there, .. } => {
                only(&|effect| matches!(effect, Effect::Redelegated { from, to, .. } if from == here && to == there))
            }
            Task::Sweep { to: there, memo: words, .. } => only(
                &|effect| matches!(effect, Effect::Sent { denomination, to, memo, .. } if *denomination == self.coins[0].1 && to == there && memo == words),
            ),
        }
    }

    /// What a picture ends, and the hashes of what nobody ordered, with their addresses. `arrived` are the top-ups that it shows.
    pub(super) fn settle(&self, picture: &Picture, arrived: &[(String, String, usize)]) -> (Ended, Unordered) {
        let (mut ends, mut unordered) = (Vec::new(), Vec::new());
        if self.picture.is_none() || self.orders.policy.is_none() {
            return (ends, unordered);
        }
        for one in picture.transactions.iter().filter(|one| !self.is_new(&one.address)) {
            let mut live = self.orders.all.iter().filter(|(_, order)| order.is_live() && !order.is_top_up());
            let own = live.find(|(_, order)| order.hash.as_ref() == Some(&one.hash) && order.planned.task.address() == one.address);
            if let Some((number, _)) = own {
                ends.push((*number, if one.succeeded { "done" } else { "failed" }));
            }
            if !own.is_some_and(|(_, order)| self.as_ordered(order, one)) {
                unordered.push((one.hash.clone(), one.address.clone()));
            }
        }
        for (number, order) in self.orders.all.iter().filter(|(_, order)| order.is_live()) {
            if ends.iter().any(|(ended, _)| ended == number) {
                continue;
            }
            if order.is_top_up() && arrived.iter().any(|(hash, ..)| order.hash.as_ref() == Some(hash)) {
                ends.push((*number, "done"));
            }
            let Some((sequence, last)) = order.signed else { continue };
            let used = picture.transactions.iter().any(|one| {
                one.address == order.planned.task.address() && one.sequence == sequence && order.hash.as_ref() != Some(&one.hash)
            });
            if used || last.is_some_and(|last| picture.height > last) {
                ends.push((*number, "expired"));
            }
        }
        (ends, unordered)
    }

    /// Adds what a picture shows of validators.
    pub(super) fn look(&mut self, picture: &Picture, slashed: &BTreeSet<String>) {
        let named: Vec<String> = self
            .orders
            .policy
            .iter()
            .flat_map(|(_, policy)| {
                let approved = policy.validators.iter().map(|approved| approved.validator.clone());
                approved.chain(policy.barred.iter().cloned()).collect::<Vec<_>>()
            })
            .collect();
        let shown = |validator: &String| picture.validators.iter().any(|seen| seen.validator == *validator);
        self.orders.looked.retain(|validator, _| shown(validator) || named.contains(validator));
        for seen in &picture.validators {
            let out = matches!(seen.status.word(), "jailed" | "tombstoned");
            let commission = seen.commission.units();
            let Some(known) = self.orders.looked.get_mut(&seen.validator) else {
                let (since, jailings) = (picture.time.ms(), u32::from(out));
                let first = Looked { since, commission, changes: 0, raises: 0, out, jailings, slashes: 0 };
                self.orders.looked.insert(seen.validator.clone(), first);
                continue;
            };
            known.changes += u32::from(commission != known.commission);
            known.raises += u32::from(commission > known.commission);
            known.jailings += u32::from(out && !known.out);
            known.slashes += u32::from(slashed.contains(&seen.validator));
            (known.commission, known.out) = (commission, out);
        }
    }
}
