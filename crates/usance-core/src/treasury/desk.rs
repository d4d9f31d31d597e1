//! All that a network's orders are: the policy they come of, those that wait and those that are over, who carries them out, and what was seen of
//! validators (TREASURY 9).

use super::order::{Order, OrderStanding};
use super::picture::Picture;
use super::policy::InForce;
use super::score::{ValidatorRecord, look, seen_slashed};
use crate::calendar::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Who carries out a network's orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Office {
    /// Counted from 1: what an older one sends is refused.
    pub epoch: u64,
    /// What the agent calls itself.
    pub agent: String,
    /// Since when.
    pub since: Timestamp,
}

/// All that a network's orders are, and what they follow from beside its pictures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desk {
    /// What operators allow; nothing is planned without it.
    pub policy: Option<InForce>,
    /// How many plans changed something.
    pub generation: u64,
    /// How many orders there ever were: the last number.
    pub orders: u64,
    /// Orders that are not over, by number.
    pub live: BTreeMap<u64, Order>,
    /// Orders that are over, by number; without the replaced ones.
    pub ended: BTreeMap<u64, Order>,
    /// Who carries them out.
    pub office: Option<Office>,
    /// What was seen of validators.
    pub validators: BTreeMap<String, ValidatorRecord>,
    /// Since when something can be claimed, by address and validator.
    pub claimable_since: BTreeMap<(String, String), Timestamp>,
}

impl Desk {
    /// An order by its number.
    #[must_use]
    pub fn order(&self, number: u64) -> Option<&Order> {
        self.live.get(&number).or_else(|| self.ended.get(&number))
    }
    /// Whether there was an order of that number that a later plan replaced.
    #[must_use]
    pub fn was_replaced(&self, number: u64) -> bool {
        (1..=self.orders).contains(&number) && self.order(number).is_none()
    }
    /// The order whose transaction has a hash, among those that are not over.
    #[must_use]
    pub fn by_hash(&self, hash: &str) -> Option<(u64, &Order)> {
        let mut live = self.live.iter();
        live.find(|(_, order)| order.hash.as_deref() == Some(hash)).map(|(number, order)| (*number, order))
    }
    /// Whether any order ever had a hash.
    #[must_use]
    pub fn knows(&self, hash: &str) -> bool {
        self.live.values().chain(self.ended.values()).any(|order| order.hash.as_deref() == Some(hash))
    }
    /// Adds what a picture that counts shows of validators and of what can be claimed.
    pub fn look(&mut self, before: Option<&Picture>, after: &Picture) {
        let slashed = before.map(|before| seen_slashed(before, after)).unwrap_or_default();
        let names = |in_force: &InForce| -> BTreeSet<String> {
            let approved = in_force.policy.validators.iter().map(|approved| approved.validator.clone());
            approved.chain(in_force.policy.barred.iter().cloned()).collect()
        };
        let named = self.policy.as_ref().map(names).unwrap_or_default();
        look(&mut self.validators, after, &slashed, |validator| named.contains(validator));
        let released = after.transactions.iter().flat_map(|one| one.released.iter().map(|released| (&one.address, &released.validator)));
        let released: BTreeSet<(&String, &String)> = released.collect();
        let mut since = BTreeMap::new();
        for line in after.delegations.iter().filter(|line| !line.claimable.is_zero()) {
            let key = (line.address.clone(), line.validator.clone());
            let was = self.claimable_since.get(&key).filter(|_| !released.contains(&(&line.address, &line.validator)));
            since.insert(key, was.copied().unwrap_or(after.time));
        }
        self.claimable_since = since;
    }
    /// Ends an order; the bytes that were signed are in the log.
    pub fn end(&mut self, number: u64, standing: OrderStanding, at: Timestamp, picture: Option<u64>) {
        if let Some(mut order) = self.live.remove(&number) {
            (order.standing, order.since, order.signed, order.picture) = (standing, at, None, picture);
            self.ended.insert(number, order);
        }
    }
}
