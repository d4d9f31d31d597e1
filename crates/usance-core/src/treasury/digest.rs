//! What two people sign of a picture: a digest over all of it, so that no other picture passes for it.

use super::picture::{Effect, Happened, Picture, Released};
use crate::money::Amount;

/// Feeds values into a hash, each with its length or in a fixed width, so that no two pictures give the same bytes.
struct Feed(blake3::Hasher);

impl Feed {
    fn number(&mut self, number: u128) {
        self.0.update(&number.to_le_bytes());
    }
    fn amount(&mut self, amount: Amount) {
        self.number(amount.units());
    }
    fn count(&mut self, count: usize) {
        self.number(u128::try_from(count).unwrap_or(u128::MAX));
    }
    fn time(&mut self, at: crate::calendar::Timestamp) {
        self.0.update(&at.ms().to_le_bytes());
    }
    fn texts(&mut self, texts: &[&str]) {
        for text in texts {
            self.count(text.len());
            self.0.update(text.as_bytes());
        }
    }
    fn some(&mut self, number: Option<u128>) {
        self.count(usize::from(number.is_some()));
        self.number(number.unwrap_or(0));
    }
    fn released(&mut self, released: &Released) {
        self.texts(&[&released.validator, &released.denomination]);
        self.amount(released.amount);
    }
    fn effect(&mut self, effect: &Effect) {
        match effect {
            Effect::Delegated { validator, .. } => self.texts(&["delegated", validator]),
            Effect::Undelegated { validator, started, .. } => {
                self.texts(&["undelegated", validator]);
                self.number((*started).into());
            }
            Effect::Cancelled { validator, started, .. } => {
                self.texts(&["cancelled", validator]);
                self.number((*started).into());
            }
            Effect::Redelegated { from, to, .. } => self.texts(&["redelegated", from, to]),
            Effect::Sent { denomination, to, memo, .. } => self.texts(&["sent", denomination, to, memo]),
        }
        self.amount(effect.amount());
    }
    fn happened(&mut self, happened: &Happened) {
        match happened {
            Happened::Matured { address, validator, started, .. } => {
                self.texts(&["matured", address, validator]);
                self.number((*started).into());
            }
            Happened::ReleasedTo { address, released } => {
                self.texts(&["released_to", address]);
                self.released(released);
            }
            Happened::Slashed { validator } => self.texts(&["slashed", validator]),
        }
        self.amount(happened.amount());
    }
}

/// The digest of a picture, as 64 hexadecimal digits: BLAKE3 over every value of it in order.
#[must_use]
pub fn digest(picture: &Picture) -> String {
    let mut feed = Feed(blake3::Hasher::new());
    feed.texts(&["usance picture, version 1", &picture.chain_id, &picture.hash]);
    feed.number(picture.number.into());
    feed.number(picture.height.into());
    feed.time(picture.time);
    feed.count(picture.addresses.len());
    picture.addresses.iter().for_each(|address| feed.texts(&[address]));
    feed.count(picture.liquid.len());
    for line in &picture.liquid {
        feed.texts(&[&line.address, &line.denomination]);
        feed.amount(line.amount);
    }
    feed.count(picture.delegations.len());
    for line in &picture.delegations {
        feed.texts(&[&line.address, &line.validator]);
        feed.amount(line.stake);
        feed.amount(line.claimable);
        feed.some(line.shares);
    }
    feed.count(picture.validators.len());
    for line in &picture.validators {
        feed.texts(&[&line.validator, &line.name, line.status.word()]);
        feed.number(line.commission.units().into());
        feed.amount(line.tokens);
        feed.some(line.shares);
        feed.number(line.power.units().into());
        feed.number(line.missed.into());
    }
    feed.count(picture.unbonding.len());
    for line in &picture.unbonding {
        feed.texts(&[&line.address, &line.validator]);
        feed.number(line.started.into());
        feed.time(line.completes_at);
        feed.amount(line.balance);
    }
    feed.count(picture.redelegations.len());
    for line in &picture.redelegations {
        feed.texts(&[&line.address, &line.from, &line.to]);
        feed.time(line.until);
        feed.amount(line.amount);
    }
    feed.count(picture.transactions.len());
    for one in &picture.transactions {
        feed.texts(&[&one.hash, &one.address, &one.fee_denomination]);
        feed.number(one.sequence.into());
        feed.count(usize::from(one.succeeded));
        feed.amount(one.fee);
        feed.count(one.effects.len());
        one.effects.iter().for_each(|effect| feed.effect(effect));
        feed.count(one.released.len());
        one.released.iter().for_each(|released| feed.released(released));
    }
    feed.count(picture.inflows.len());
    for one in &picture.inflows {
        feed.texts(&[&one.hash, &one.address, &one.from, &one.denomination]);
        feed.amount(one.amount);
    }
    feed.count(picture.happened.len());
    picture.happened.iter().for_each(|happened| feed.happened(happened));
    feed.count(picture.sequences.len());
    for line in &picture.sequences {
        feed.texts(&[&line.address]);
        feed.number(line.next.into());
    }
    feed.0.finalize().to_hex().to_string()
}
