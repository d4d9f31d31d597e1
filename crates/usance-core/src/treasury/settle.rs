//! What a picture makes of orders: which of them it ends, and which transactions of ours nobody ordered (TREASURY 9).

use super::apart::{Apart, Cause, PlaceKind};
use super::network::Network;
use super::order::{Order, OrderKind, OrderStanding};
use super::picture::{Picture, Settled};
use crate::money::Balance;

/// What a picture shows of orders and of transactions that are none's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settlement {
    /// Orders that it ends, and how.
    pub ended: Vec<(u64, OrderStanding)>,
    /// Transactions that belong to no order or did something else, held apart with no amount.
    pub unordered: Vec<Apart>,
}

/// Holds a picture's transactions against a network's orders. `arrived` are the hashes of top-ups that it shows.
#[must_use]
pub fn settle(network: &Network, after: &Picture, arrived: &[(String, u32, u32)]) -> Settlement {
    let mut settlement = Settlement::default();
    let (Some(before), true) = (&network.picture, network.desk.policy.is_some()) else { return settlement };
    for one in after.transactions.iter().filter(|one| before.addresses.contains(&one.address)) {
        let order = network.desk.by_hash(&one.hash).filter(|(_, order)| order.planned.task.kind().is_a_transaction());
        let order = order.filter(|(_, order)| order.planned.task.address() == one.address);
        if let Some((number, _)) = order {
            settlement.ended.push((number, if one.succeeded { OrderStanding::Done } else { OrderStanding::Failed }));
        }
        if !order.is_some_and(|(_, order)| is_as_ordered(network, order, one)) {
            settlement.unordered.extend(held(network, one, after));
        }
    }
    for (number, order) in &network.desk.live {
        let has_arrived = || arrived.iter().any(|(hash, ..)| order.hash.as_ref() == Some(hash));
        if order.planned.task.kind() == OrderKind::TopUp && has_arrived() {
            settlement.ended.push((*number, OrderStanding::Done));
        }
        let is_ended = settlement.ended.iter().any(|(ended, _)| ended == number);
        if !is_ended && can_never_happen(order, after) {
            settlement.ended.push((*number, OrderStanding::Expired));
        }
    }
    settlement
}

/// Whether a transaction is what was ordered, at a fee within its bound; one that failed did nothing.
fn is_as_ordered(network: &Network, order: &Order, one: &Settled) -> bool {
    let coin = network.coins.first().map_or("", |coin| coin.denomination.as_str());
    let is_cheap = one.fee.is_zero() || one.fee_denomination == coin && one.fee <= order.fee_max;
    is_cheap && (!one.succeeded || order.planned.is_done_by(one, coin))
}

/// Whether a signed transaction is past its last height, or another one used its sequence number.
fn can_never_happen(order: &Order, after: &Picture) -> bool {
    let Some(signed) = &order.signed else { return false };
    let address = order.planned.task.address();
    let mut others = after.transactions.iter().filter(|one| one.address == address && order.hash.as_ref() != Some(&one.hash));
    signed.last_valid_height.is_some_and(|last| after.height > last) || others.any(|one| one.sequence == signed.sequence)
}

fn held(network: &Network, one: &Settled, after: &Picture) -> Option<Apart> {
    let address = network.address(&one.address)?;
    let (cause, since) = (Cause::Unordered { hash: one.hash.clone() }, after.time);
    Some(Apart { number: 0, address, place: PlaceKind::Liquid, validator: String::new(), coin: 0, amount: Balance::ZERO, cause, since })
}
