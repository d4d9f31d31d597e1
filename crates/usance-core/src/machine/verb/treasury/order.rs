//! What people and agents do with orders (TREASURY 9): `SignOrder`, `ReportDone`, `TakeOffice`, `PrepareOrder`, `ReportSent`, and the end of orders
//! that were not begun in time.
//!
//! Whoever signs is proven by the signature. What an order would be refused with is asked again with its last approval, when it is prepared and
//! when somebody tells that it is done by hand; whether the network is halted or stopped, with the last two. Nothing here books.

use super::network::{check_text, found};
use crate::calendar::Timestamp;
use crate::id::NetworkIx;
use crate::id::PersonIx;
use crate::ledger::{JournalEntry, Unbalanced};
use crate::limits::{NAME_BYTES_MAX, SIGNED_BYTES_MAX};
use crate::machine::answer::{self, Answer};
use crate::machine::news::News;
use crate::machine::post::Catalogue;
use crate::machine::rejection::Rejection;
use crate::machine::state::State;
use crate::machine::verb::fact::{Fact, NO_MONEY};
use crate::machine::verb::named::invalid;
use crate::machine::verb::person;
use crate::person::proposal::{Approval, Verdict};
use crate::person::{Person, Signature};
use crate::treasury::desk::Office;
use crate::treasury::ground::Ground;
use crate::treasury::network::Network;
use crate::treasury::order::{Heading, Order, OrderKind, OrderStanding, SignedTransaction};
use serde::{Deserialize, Serialize};

/// A signature under an order as it is brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignOrder {
    /// Of which network.
    pub network: String,
    /// Under which order.
    pub order: u64,
    /// Whose it is said to be.
    pub person: String,
    /// For or against.
    pub verdict: Verdict,
    /// Over the order's text for that verdict.
    pub signature: Signature,
}

/// A transaction that an agent has signed, as it is brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrepareOrder {
    /// Of which network.
    pub network: String,
    /// Which order.
    pub order: u64,
    /// The hash of the transaction.
    pub hash: String,
    /// What was signed.
    pub signed: SignedTransaction,
}

/// A person signed an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderSigned {
    /// Of which network.
    pub network: NetworkIx,
    /// Which order.
    pub order: u64,
    /// Who.
    pub person: PersonIx,
    /// For or against.
    pub verdict: Verdict,
    /// Over the order's text for that verdict.
    pub signature: Signature,
    /// Whether it was the last one that was needed.
    pub approves: bool,
}

/// Somebody told which transaction does an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderTold {
    /// Of which network.
    pub network: NetworkIx,
    /// Which order.
    pub order: u64,
    /// The hash of the transaction.
    pub hash: String,
}

/// An agent took office.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfficeTaken {
    /// Of which network.
    pub network: NetworkIx,
    /// What the agent calls itself.
    pub agent: String,
    /// Counted from 1.
    pub epoch: u64,
}

/// The bytes that an agent signed for an order are in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPrepared {
    /// Of which network.
    pub network: NetworkIx,
    /// Which order.
    pub order: u64,
    /// The hash of the transaction.
    pub hash: String,
    /// What was signed.
    pub signed: SignedTransaction,
}

/// An agent sent an order's transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderSent {
    /// Of which network.
    pub network: NetworkIx,
    /// Which order.
    pub order: u64,
    /// In which epoch it was told.
    pub epoch: u64,
}

/// Orders were not begun in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrdersExpired {
    /// Of which network.
    pub network: NetworkIx,
    /// Which orders.
    pub orders: Vec<u64>,
}

/// The text of an order, for a verdict; `None` where there is no such order.
#[must_use]
pub fn text(state: &State, network: &Network, number: u64, verdict: Verdict) -> Option<String> {
    let coin = network.coins.first().map_or("", |coin| coin.denomination.as_str());
    let (platform, order) = (state.platform_name(), network.desk.order(number)?);
    let heading = Heading { platform: &platform, network: &network.name, chain_id: &network.chain_id, coin, number };
    Some(order.text(&heading, verdict))
}

/// An order that may still be one of these; refused alike by every verb.
pub(super) fn standing<'a>(network: &'a Network, number: u64, now: Timestamp, may: &[OrderStanding]) -> Result<&'a Order, Rejection> {
    let Some(order) = network.desk.order(number) else {
        let replaced = Rejection::OrderNotOpen { standing: OrderStanding::Replaced };
        return Err(if network.desk.was_replaced(number) { replaced } else { Rejection::OrderNotFound });
    };
    let standing = order.standing_at(now);
    if may.contains(&standing) { Ok(order) } else { Err(Rejection::OrderNotOpen { standing }) }
}

fn refused(reason: impl Into<String>) -> Rejection {
    Rejection::OrderRefused { reason: reason.into() }
}

/// Refuses an order that may not be begun: beyond what is free, against the policy, or what the queue is owed.
pub(super) fn check_ground(state: &State, network: &Network, number: u64, order: &Order, now: Timestamp) -> Result<(), Rejection> {
    let (Some(in_force), Some(picture)) = (&network.desk.policy, network.picture.as_deref()) else {
        return Err(refused("the network has no policy or no picture that counts"));
    };
    let owed = state.owed(network, now);
    let ground = Ground::new(network, &in_force.policy, picture, &owed, Some(number));
    ground.refusal(&order.planned, &owed).map_or(Ok(()), |reason| Err(refused(reason)))
}

/// Refuses to begin anything on a network that is halted or has a difference that stops.
pub(super) fn check_runs(network: &Network, now: Timestamp) -> Result<(), Rejection> {
    if network.is_halted(now) {
        return Err(refused("the network is halted: no picture is young enough"));
    }
    if network.is_stopped() {
        return Err(refused("two people have to say what a difference was first"));
    }
    Ok(())
}

/// Signs an order, for or against. One who declines ends it.
///
/// # Errors
/// In this order: `network_not_found`, `person_not_found`, `order_not_found`, `order_not_open`, `signature_invalid`, `already_signed`, and of the
/// last approval `order_refused`.
pub fn sign(state: &State, asked: &SignOrder, now: Timestamp) -> Result<OrderSigned, Rejection> {
    let SignOrder { order: number, verdict, signature, .. } = *asked;
    let (ix, network) = found(state, &asked.network)?;
    let (person, known) = person::named(state, &asked.person)?;
    let may: &[OrderStanding] = match verdict {
        Verdict::Approve => &[OrderStanding::Proposed],
        Verdict::Decline => &[OrderStanding::Proposed, OrderStanding::Approved, OrderStanding::Sent],
    };
    let order = standing(network, number, now, may)?;
    if verdict == Verdict::Decline && !order.can_be_declined(order.standing) {
        return Err(Rejection::OrderNotOpen { standing: order.standing });
    }
    let text = text(state, network, number, verdict).unwrap_or_default();
    if !known.key.has_signed(&text, &signature) {
        return Err(Rejection::SignatureInvalid);
    }
    if verdict == Verdict::Approve && order.is_approved_by(person) {
        return Err(Rejection::AlreadySigned);
    }
    let may_sign = |approval: &&Approval| state.people.person(approval.person).is_some_and(Person::is_active);
    let others = order.approvals.iter().filter(may_sign).count();
    let approves = verdict == Verdict::Approve && others.saturating_add(1) >= usize::from(order.needed);
    if approves {
        check_ground(state, network, number, order, now)?;
    }
    Ok(OrderSigned { network: ix, order: number, person, verdict, signature, approves })
}

/// Tells which transaction does an order that is carried out by hand; told again, another hash takes the place of the first one.
///
/// # Errors
/// `network_not_found`, `order_not_found`, `order_not_open`, `terms_invalid`, `already_exists` for a hash that is another order's,
/// `order_refused`.
pub fn report_done(state: &State, name: &str, number: u64, hash: &str, now: Timestamp) -> Result<OrderTold, Rejection> {
    let (ix, network) = found(state, name)?;
    let order = standing(network, number, now, &[OrderStanding::Approved, OrderStanding::Sent])?;
    if order.signed.is_some() {
        return Err(Rejection::OrderNotOpen { standing: order.standing });
    }
    if !order.planned.task.kind().is_a_transaction() {
        return Err(invalid("a top-up is told of by the wallet"));
    }
    check_text("hash", hash)?;
    if network.desk.knows(hash) {
        return Err(Rejection::AlreadyExists);
    }
    check_runs(network, now)?;
    check_address(network, number, order, |other| other.signed.is_some())?;
    check_ground(state, network, number, order, now)?;
    Ok(OrderTold { network: ix, order: number, hash: hash.to_owned() })
}

/// One transaction of an address is under way at a time.
fn check_address(network: &Network, number: u64, order: &Order, counts: impl Fn(&Order) -> bool) -> Result<(), Rejection> {
    let address = order.planned.task.address();
    let busy = network.desk.live.iter().find(|(other, one)| {
        let begun = matches!(one.standing, OrderStanding::Prepared | OrderStanding::Sent);
        let same = one.planned.task.kind().is_a_transaction() && one.planned.task.address() == address;
        **other != number && begun && same && counts(one)
    });
    busy.map_or(Ok(()), |(other, _)| Err(refused(format!("order {other} of {address} is under way"))))
}

/// Takes office: from then on what an older epoch sends is refused.
///
/// # Errors
/// `network_not_found`, `terms_invalid`.
pub fn take_office(state: &State, name: &str, agent: &str) -> Result<OfficeTaken, Rejection> {
    let (ix, network) = found(state, name)?;
    if !crate::id::is_outside_id(agent, NAME_BYTES_MAX) {
        return Err(invalid("an agent's name is 1 to 128 of A-Z a-z 0-9 . _ -"));
    }
    let epoch = network.desk.office.as_ref().map_or(0, |office| office.epoch).saturating_add(1);
    Ok(OfficeTaken { network: ix, agent: agent.to_owned(), epoch })
}

fn check_epoch(network: &Network, epoch: u64) -> Result<(), Rejection> {
    let now = network.desk.office.as_ref().map_or(0, |office| office.epoch);
    if epoch == now && now > 0 { Ok(()) } else { Err(Rejection::EpochOver { epoch: now }) }
}

/// Puts the bytes that an agent signed into the log, before the first of them is sent.
///
/// # Errors
/// `network_not_found`, `epoch_over`, `order_not_found`, `order_not_open`, `terms_invalid`, `already_exists` for a hash that is another order's,
/// `order_refused`.
pub fn prepare(state: &State, asked: &PrepareOrder, now: Timestamp) -> Result<OrderPrepared, Rejection> {
    let PrepareOrder { order: number, hash, signed, .. } = asked;
    let (ix, network) = found(state, &asked.network)?;
    check_epoch(network, signed.epoch)?;
    let order = standing(network, *number, now, &[OrderStanding::Approved])?;
    if !order.planned.task.kind().is_a_transaction() {
        return Err(invalid("a top-up is done by the wallet"));
    }
    check_text("hash", hash)?;
    if !(1..=SIGNED_BYTES_MAX).contains(&signed.bytes.len()) {
        return Err(invalid(format!("a signed transaction has 1 to {SIGNED_BYTES_MAX} bytes")));
    }
    if network.desk.knows(hash) {
        return Err(Rejection::AlreadyExists);
    }
    check_runs(network, now)?;
    check_address(network, *number, order, |_| true)?;
    let picture = network.picture.as_ref();
    if signed.last_valid_height.zip(picture).is_some_and(|(last, picture)| last <= picture.height) {
        return Err(refused("its last valid height is over"));
    }
    let address = order.planned.task.address();
    let next = picture.and_then(|picture| picture.sequences.iter().find(|known| known.address == address));
    if let Some(next) = next.filter(|next| next.next != signed.sequence) {
        return Err(refused(format!("the next sequence number of {address} is {}", next.next)));
    }
    check_ground(state, network, *number, order, now)?;
    Ok(OrderPrepared { network: ix, order: *number, hash: hash.clone(), signed: signed.clone() })
}

/// Tells that an order's transaction was sent. Whoever is in office may tell it of what an agent before prepared.
///
/// # Errors
/// `network_not_found`, `epoch_over`, `order_not_found`, `order_not_open`.
pub fn report_sent(state: &State, name: &str, number: u64, epoch: u64, now: Timestamp) -> Result<OrderSent, Rejection> {
    let (ix, network) = found(state, name)?;
    check_epoch(network, epoch)?;
    standing(network, number, now, &[OrderStanding::Prepared])?;
    Ok(OrderSent { network: ix, order: number, epoch })
}

/// Changes an order that is not over.
fn change(state: &mut State, ix: NetworkIx, number: u64, change: impl FnOnce(&mut Order)) {
    let order = state.treasury.network_mut(ix).and_then(|network| network.desk.live.get_mut(&number));
    match order {
        Some(order) => change(order),
        None => state.break_with("what is done to an order is done to one", format!("order {number}")),
    }
}

impl Fact for OrderSigned {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        let OrderSigned { network, order: number, person, verdict, signature, approves } = *self;
        change(state, network, number, |order| match verdict {
            Verdict::Approve => {
                order.approvals.push(Approval { person, signature, at });
                if approves {
                    (order.standing, order.since) = (OrderStanding::Approved, at);
                }
            }
            Verdict::Decline => order.declined_by = Some(person),
        });
        if let (Verdict::Decline, Some(network)) = (verdict, state.treasury.network_mut(network)) {
            network.desk.end(number, OrderStanding::Declined, at, None);
        }
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        answer::order(state, self.network, self.order)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

impl Fact for OrderTold {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        change(state, self.network, self.order, |order| {
            (order.standing, order.since, order.hash) = (OrderStanding::Sent, at, Some(self.hash.clone()));
        });
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        answer::order(state, self.network, self.order)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

impl Fact for OfficeTaken {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        match state.treasury.network_mut(self.network) {
            Some(network) => network.desk.office = Some(Office { epoch: self.epoch, agent: self.agent.clone(), since: at }),
            None => state.break_with("an office has a network", format!("network {}", self.network.0)),
        }
    }
    fn answer(&self, _: &State, _: Timestamp) -> Answer {
        Answer::Office { network: self.network, epoch: self.epoch }
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

impl Fact for OrderPrepared {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        change(state, self.network, self.order, |order| {
            (order.standing, order.since) = (OrderStanding::Prepared, at);
            (order.hash, order.signed) = (Some(self.hash.clone()), Some(self.signed.clone()));
        });
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        answer::order(state, self.network, self.order)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

impl Fact for OrderSent {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        change(state, self.network, self.order, |order| (order.standing, order.since) = (OrderStanding::Sent, at));
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        answer::order(state, self.network, self.order)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

impl Fact for OrdersExpired {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        match state.treasury.network_mut(self.network) {
            Some(network) => self.orders.iter().for_each(|number| network.desk.end(*number, OrderStanding::Expired, at, None)),
            None => state.break_with("orders have a network", format!("network {}", self.network.0)),
        }
    }
    fn answer(&self, _: &State, _: Timestamp) -> Answer {
        Answer::Network(self.network)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

/// The order that a top-up says it does; refused unless it is approved and just that.
pub(super) fn of_top_up(network: &Network, number: u64, top_up: (&str, u128), now: Timestamp) -> Result<(), Rejection> {
    let order = standing(network, number, now, &[OrderStanding::Approved])?;
    let (address, units) = top_up;
    let task = &order.planned.task;
    if task.kind() != OrderKind::TopUp || task.address() != address || order.planned.amount.units() != units {
        return Err(refused("the order asks for another amount, to another address, or for no top-up"));
    }
    Ok(())
}
