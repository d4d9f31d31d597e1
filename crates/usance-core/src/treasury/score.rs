//! What was seen of a validator over the pictures, and the score that it comes to. A score only suggests: people decide with whom coins are.

use super::picture::{Happened, Picture, Validator, ValidatorStatus};
use crate::calendar::Timestamp;
use crate::money::{Rate, is_less_in_proportion};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What was seen of a validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidatorRecord {
    /// Since when it is seen.
    pub since: Timestamp,
    /// What it kept of rewards when it was last seen.
    pub commission: Rate,
    /// How often that changed.
    pub commission_changes: u32,
    /// How often that rose.
    pub commission_raises: u32,
    /// How it stood when it was last seen.
    pub status: ValidatorStatus,
    /// How often it was put out.
    pub jailings: u32,
    /// In how many pictures it was slashed.
    pub slashes: u32,
}

impl ValidatorRecord {
    /// What is known after a first look.
    #[must_use]
    pub const fn begun(seen: &Validator, at: Timestamp) -> ValidatorRecord {
        let jailings = if is_out(seen.status) { 1 } else { 0 };
        let Validator { commission, status, .. } = *seen;
        ValidatorRecord { since: at, commission, commission_changes: 0, commission_raises: 0, status, jailings, slashes: 0 }
    }
    /// Adds another look.
    pub fn look(&mut self, seen: &Validator, is_slashed: bool) {
        if seen.commission != self.commission {
            self.commission_changes = self.commission_changes.saturating_add(1);
        }
        if seen.commission > self.commission {
            self.commission_raises = self.commission_raises.saturating_add(1);
        }
        if is_out(seen.status) && !is_out(self.status) {
            self.jailings = self.jailings.saturating_add(1);
        }
        if is_slashed {
            self.slashes = self.slashes.saturating_add(1);
        }
        (self.commission, self.status) = (seen.commission, seen.status);
    }
}

const fn is_out(status: ValidatorStatus) -> bool {
    matches!(status, ValidatorStatus::Jailed | ValidatorStatus::Tombstoned)
}

/// What a part of a score takes off the 100 that a validator begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is about.
    pub name: &'static str,
    /// How many points it takes off.
    pub off: u32,
}

/// A score with its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Score {
    /// 0 to 100; more is better.
    pub points: u32,
    /// What took points off, in one order.
    pub parts: Vec<Part>,
}

/// The score of a validator of a picture. Off 100 go: 40 when it does not take part and 100 when it is put out; a point for each whole percent
/// of commission, up to 30; 5 for each raise seen, up to 20; 20 for each slash seen, up to 60; 10 for each jailing seen, up to 30; a point for
/// each whole percent of the network's power above 5, up to 20; a point for each 100 missed blocks, up to 20.
#[must_use]
pub fn score(seen: &Validator, record: Option<&ValidatorRecord>) -> Score {
    let percents = |rate: Rate| u32::try_from(rate.units().checked_div(1_000_000).unwrap_or(0)).unwrap_or(u32::MAX);
    let count = |of: fn(&ValidatorRecord) -> u32| record.map_or(0, of);
    let status = match seen.status {
        ValidatorStatus::Active => 0,
        ValidatorStatus::Inactive => 40,
        ValidatorStatus::Jailed | ValidatorStatus::Tombstoned => 100,
    };
    let missed = u32::try_from(seen.missed.checked_div(100).unwrap_or(0)).unwrap_or(u32::MAX);
    let part = |name, off: u32, most: u32| Part { name, off: off.min(most) };
    let parts = vec![
        part("status", status, 100),
        part("commission", percents(seen.commission), 30),
        part("commission_raises", count(|record| record.commission_raises).saturating_mul(5), 20),
        part("slashes", count(|record| record.slashes).saturating_mul(20), 60),
        part("jailings", count(|record| record.jailings).saturating_mul(10), 30),
        part("power", percents(seen.power).saturating_sub(5), 20),
        part("missed", missed, 20),
    ];
    let off = parts.iter().fold(0u32, |sum, part| sum.saturating_add(part.off));
    Score { points: 100u32.saturating_sub(off), parts }
}

/// Adds what a picture shows of validators to what was seen of them. `slashed` says of whom a slash is to be seen in it; validators that
/// the picture does not show are forgotten unless somebody names them.
pub fn look(records: &mut BTreeMap<String, ValidatorRecord>, picture: &Picture, slashed: &BTreeSet<&str>, is_named: impl Fn(&str) -> bool) {
    let shown: BTreeSet<&str> = picture.validators.iter().map(|seen| seen.validator.as_str()).collect();
    records.retain(|validator, _| shown.contains(validator.as_str()) || is_named(validator));
    for seen in &picture.validators {
        match records.get_mut(&seen.validator) {
            Some(record) => record.look(seen, slashed.contains(seen.validator.as_str())),
            None => drop(records.insert(seen.validator.clone(), ValidatorRecord::begun(seen, picture.time))),
        }
    }
}

/// Of whom a slash is to be seen: the network says so, or what a share is worth has fallen.
#[must_use]
pub fn seen_slashed<'p>(before: &Picture, after: &'p Picture) -> BTreeSet<&'p str> {
    let told = after.happened.iter().filter_map(|happened| match happened {
        Happened::Slashed { validator } => Some(validator.as_str()),
        Happened::Matured { .. } | Happened::ReleasedTo { .. } => None,
    });
    let fell = after.validators.iter().filter(|now| {
        let was = before.validators.iter().find(|was| was.validator == now.validator);
        let shares = was.and_then(|was| Some((was, was.shares?, now.shares?)));
        shares.is_some_and(|(was, before, after)| is_less_in_proportion((now.tokens, after), (was.tokens, before)))
    });
    told.chain(fell.map(|validator| validator.validator.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Amount;

    #[test]
    fn a_score_is_what_its_parts_leave_of_a_hundred() {
        let mut seen = Validator {
            validator: "anna".to_owned(),
            name: "anna".to_owned(),
            commission: Rate::parse("0.05").unwrap(),
            status: ValidatorStatus::Active,
            tokens: Amount::ZERO,
            shares: None,
            power: Rate::parse("0.08").unwrap(),
            missed: 250,
        };
        let mut record = ValidatorRecord::begun(&seen, Timestamp::from_ms(0));
        // 5 for the commission, 3 for the power above 5 %, 2 for 200 missed blocks.
        assert_eq!(score(&seen, Some(&record)).points, 90);
        (seen.commission, seen.status) = (Rate::parse("0.07").unwrap(), ValidatorStatus::Jailed);
        record.look(&seen, true);
        seen.status = ValidatorStatus::Active;
        record.look(&seen, false);
        assert_eq!((record.commission_changes, record.commission_raises, record.jailings, record.slashes), (1, 1, 1, 1));
        // 7, 3 and 2 as before, 5 for the raise, 20 for the slash, 10 for the jailing.
        assert_eq!(score(&seen, Some(&record)).points, 53);
    }
}
