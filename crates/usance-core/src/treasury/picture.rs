//! A picture: what a network finally says of the treasury's addresses at one height, and what happened since the picture before.

use crate::calendar::Timestamp;
use crate::ledger::Places;
use crate::limits::{AMOUNT_UNITS_MAX, PICTURE_LINES_MAX, PICTURE_TEXT_BYTES_MAX};
use crate::money::{Amount, Balance, Rate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How long a picture is fresh, in milliseconds: as long as an attestation, for both are told once a day at least.
pub const PICTURE_FRESH_MS: i64 = super::coverage::FRESH_MS;

/// Free coins at an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Liquid {
    /// Where.
    pub address: String,
    /// Which.
    pub denomination: String,
    /// How much.
    pub amount: Amount,
}

/// What an address has with a validator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegation {
    /// Whose.
    pub address: String,
    /// With whom.
    pub validator: String,
    /// What it is worth.
    pub stake: Amount,
    /// Earned, not yet claimed.
    pub claimable: Amount,
    /// Its share of the validator in units of 10^-18, where the network counts in shares.
    pub shares: Option<u128>,
}

/// How a validator stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValidatorStatus {
    /// It takes part.
    Active,
    /// It does not.
    Inactive,
    /// It was put out for a time.
    Jailed,
    /// It was put out for ever.
    Tombstoned,
}

impl ValidatorStatus {
    /// Every status.
    pub const ALL: [ValidatorStatus; 4] =
        [ValidatorStatus::Active, ValidatorStatus::Inactive, ValidatorStatus::Jailed, ValidatorStatus::Tombstoned];
    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            ValidatorStatus::Active => "active",
            ValidatorStatus::Inactive => "inactive",
            ValidatorStatus::Jailed => "jailed",
            ValidatorStatus::Tombstoned => "tombstoned",
        }
    }
}

/// A validator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validator {
    /// As the network writes it.
    pub validator: String,
    /// What people call it.
    pub name: String,
    /// What it keeps of rewards.
    pub commission: Rate,
    /// How it stands.
    pub status: ValidatorStatus,
    /// What all of its stake is worth.
    pub tokens: Amount,
    /// All of its shares, in units of 10^-18, where the network counts in shares.
    pub shares: Option<u128>,
    /// Its part of the network.
    pub power: Rate,
    /// Blocks that it missed of those that count.
    pub missed: u64,
}

/// Undelegated coins that are not free yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unbonding {
    /// Whose.
    pub address: String,
    /// From whom.
    pub validator: String,
    /// What tells it from others of the same two: the height at which it began, as a rule.
    pub started: u64,
    /// When it is free.
    pub completes_at: Timestamp,
    /// What it is worth.
    pub balance: Amount,
}

/// A redelegation that can still be slashed for where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redelegation {
    /// Whose.
    pub address: String,
    /// From whom.
    pub from: String,
    /// To whom.
    pub to: String,
    /// Until when.
    pub until: Timestamp,
    /// How much was moved.
    pub amount: Amount,
}

/// What a transaction of ours did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Liquid coins became stake.
    Delegated {
        /// With whom.
        validator: String,
        /// How much.
        amount: Amount,
    },
    /// Stake began to be freed.
    Undelegated {
        /// From whom.
        validator: String,
        /// What tells the entry from others.
        started: u64,
        /// How much.
        amount: Amount,
    },
    /// What was being freed is stake again.
    Cancelled {
        /// With whom.
        validator: String,
        /// Of which entry.
        started: u64,
        /// How much.
        amount: Amount,
    },
    /// Stake changed its validator.
    Redelegated {
        /// From whom.
        from: String,
        /// To whom.
        to: String,
        /// How much.
        amount: Amount,
    },
    /// Coins left the address.
    Sent {
        /// Which.
        denomination: String,
        /// How much.
        amount: Amount,
        /// Where to.
        to: String,
        /// What was said beside it.
        memo: String,
    },
}

/// Rewards that became liquid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// From whom.
    pub validator: String,
    /// Which.
    pub denomination: String,
    /// How much.
    pub amount: Amount,
}

/// A transaction of ours that is final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Its hash.
    pub hash: String,
    /// Whose.
    pub address: String,
    /// Its number among those of the address.
    pub sequence: u64,
    /// Whether it did what it should.
    pub succeeded: bool,
    /// What its fee was paid in.
    pub fee_denomination: String,
    /// Its fee, also where it failed.
    pub fee: Amount,
    /// What it did.
    pub effects: Vec<Effect>,
    /// Rewards that it released.
    pub released: Vec<Released>,
}

/// Coins that somebody sent to an address of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inflow {
    /// The transaction's hash.
    pub hash: String,
    /// Where.
    pub address: String,
    /// Who sent them.
    pub from: String,
    /// Which.
    pub denomination: String,
    /// How much.
    pub amount: Amount,
}

/// How many transactions an address has behind it: the sequence number that its next one has to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// Whose.
    pub address: String,
    /// The next number.
    pub next: u64,
}

/// What blocks did by themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Happened {
    /// Undelegated coins became free.
    Matured {
        /// Whose.
        address: String,
        /// From whom.
        validator: String,
        /// Which entry.
        started: u64,
        /// How much was paid.
        amount: Amount,
    },
    /// Rewards became liquid without a transaction.
    ReleasedTo {
        /// Whose.
        address: String,
        /// What.
        released: Released,
    },
    /// A validator was slashed; how much is what the pictures say.
    Slashed {
        /// Who.
        validator: String,
    },
}

/// A picture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Counted from 1 over the network.
    pub number: u64,
    /// What the network calls itself.
    pub chain_id: String,
    /// The final height.
    pub height: u64,
    /// The hash of its block.
    pub hash: String,
    /// The block's time.
    pub time: Timestamp,
    /// The treasury's addresses of which it tells all.
    pub addresses: Vec<String>,
    /// Free coins.
    pub liquid: Vec<Liquid>,
    /// What is delegated.
    pub delegations: Vec<Delegation>,
    /// Validators that matter to us.
    pub validators: Vec<Validator>,
    /// What is being freed.
    pub unbonding: Vec<Unbonding>,
    /// What moved and can still be slashed.
    pub redelegations: Vec<Redelegation>,
    /// Our transactions since the picture before.
    pub transactions: Vec<Settled>,
    /// What others sent since then.
    pub inflows: Vec<Inflow>,
    /// What blocks did since then.
    pub happened: Vec<Happened>,
    /// The next sequence numbers, of addresses that have them and of which they are known.
    pub sequences: Vec<Sequence>,
}

impl Picture {
    /// What all addresses have staked with a validator.
    #[must_use]
    pub fn staked_with(&self, validator: &str) -> Amount {
        let stakes = self.delegations.iter().filter(|line| line.validator == validator);
        stakes.fold(Amount::ZERO, |sum, line| sum.plus(line.stake))
    }

    /// What of one coin is where.
    #[must_use]
    pub(super) fn places(&self, is_coin: impl Fn(&str) -> bool, is_staked: bool) -> Places {
        let of = |amounts: &mut dyn Iterator<Item = Amount>| amounts.fold(Balance::ZERO, Balance::plus);
        let mut liquid = self.liquid.iter().filter(|line| is_coin(&line.denomination)).map(|line| line.amount);
        let mut places = Places { liquid: of(&mut liquid), ..Places::default() };
        if is_staked {
            places.staked = of(&mut self.delegations.iter().map(|line| line.stake));
            places.claimable = of(&mut self.delegations.iter().map(|line| line.claimable));
            places.unbonding = of(&mut self.unbonding.iter().map(|line| line.balance));
        }
        places
    }

    /// Why it does not add up in itself, as a sentence; `None` when it does. `is_ours` says which addresses are the treasury's.
    #[must_use]
    pub fn contradiction(&self, is_ours: impl Fn(&str) -> bool) -> Option<String> {
        self.contradiction_of_lines(is_ours).or_else(|| self.contradiction_of_happenings())
    }

    fn contradiction_of_lines(&self, is_ours: impl Fn(&str) -> bool) -> Option<String> {
        let lists = [self.liquid.len(), self.delegations.len(), self.validators.len(), self.unbonding.len(), self.redelegations.len()];
        let happenings = [self.transactions.len(), self.inflows.len(), self.happened.len(), self.sequences.len()];
        if lists.into_iter().chain(happenings).any(|len| len > PICTURE_LINES_MAX) {
            return Some(format!("a list of a picture has at most {PICTURE_LINES_MAX} lines"));
        }
        let texts = self.liquid.iter().flat_map(|line| [&line.address, &line.denomination]);
        let texts = texts.chain(self.delegations.iter().flat_map(|line| [&line.address, &line.validator]));
        let texts = texts.chain(self.validators.iter().flat_map(|line| [&line.validator, &line.name]));
        let texts = texts.chain(self.unbonding.iter().flat_map(|line| [&line.address, &line.validator]));
        let texts = texts.chain([&self.chain_id, &self.hash]);
        if texts.into_iter().any(|text| !is_text(text)) {
            return Some(format!("names and hashes are 1 to {PICTURE_TEXT_BYTES_MAX} bytes of text without signs that are not seen"));
        }
        if let Some(stranger) = self.addresses.iter().find(|text| !is_ours(text)) {
            return Some(format!("{stranger} is no address of the treasury"));
        }
        if self.addresses.is_empty() || repeats(self.addresses.iter()) {
            return Some("a picture names the addresses that it tells of, each once".to_owned());
        }
        let ours = |text: &str| self.addresses.iter().any(|own| own == text);
        let owners = self.liquid.iter().map(|line| &line.address).chain(self.delegations.iter().map(|line| &line.address));
        let owners = owners.chain(self.sequences.iter().map(|line| &line.address));
        let mut owners = owners.chain(self.unbonding.iter().map(|line| &line.address));
        if let Some(stranger) = owners.find(|text| !ours(text)) {
            return Some(format!("{stranger} is no address that the picture tells of"));
        }
        let amounts =
            self.liquid.iter().map(|line| line.amount).chain(self.delegations.iter().flat_map(|line| [line.stake, line.claimable]));
        let amounts = amounts.chain(self.unbonding.iter().map(|line| line.balance)).chain(self.validators.iter().map(|line| line.tokens));
        if total(amounts).is_none_or(|units| units > AMOUNT_UNITS_MAX) {
            return Some("its amounts pass 10^28 base units".to_owned());
        }
        let twice = repeats(self.liquid.iter().map(|line| (&line.address, &line.denomination)))
            || repeats(self.delegations.iter().map(|line| (&line.address, &line.validator)))
            || repeats(self.validators.iter().map(|line| &line.validator))
            || repeats(self.sequences.iter().map(|line| &line.address))
            || repeats(self.unbonding.iter().map(|line| (&line.address, &line.validator, line.started)));
        twice.then(|| "a line is there twice".to_owned())
    }

    fn contradiction_of_happenings(&self) -> Option<String> {
        let ours = |text: &str| self.addresses.iter().any(|own| own == text);
        for transaction in &self.transactions {
            if !ours(&transaction.address) || !is_text(&transaction.hash) {
                return Some(format!("transaction {} is not of an address that the picture tells of", transaction.hash));
            }
            if !(transaction.succeeded || transaction.effects.is_empty() && transaction.released.is_empty()) {
                return Some(format!("transaction {} failed and did something", transaction.hash));
            }
        }
        let hashes = self.transactions.iter().map(|one| (&one.hash, &one.address));
        if repeats(hashes) || repeats(self.inflows.iter().map(|one| (&one.hash, &one.address, &one.denomination))) {
            return Some("a transaction is there twice".to_owned());
        }
        let sent = self.transactions.iter().flat_map(|one| &one.effects).filter_map(|effect| match effect {
            Effect::Sent { to, memo, .. } => Some((to, memo)),
            Effect::Delegated { .. } | Effect::Undelegated { .. } | Effect::Cancelled { .. } | Effect::Redelegated { .. } => None,
        });
        let mut sent = sent.flat_map(|(to, memo)| [to].into_iter().chain(Some(memo).filter(|memo| !memo.is_empty())));
        if sent.any(|text| !is_text(text)) || self.inflows.iter().any(|inflow| !is_text(&inflow.from)) {
            return Some("who sent and who received is a text without signs that are not seen".to_owned());
        }
        if self.inflows.iter().any(|inflow| !ours(&inflow.address) || !is_text(&inflow.hash)) {
            return Some("an inflow is not of an address that the picture tells of".to_owned());
        }
        let moved = self.transactions.iter().flat_map(|one| one.effects.iter().map(Effect::amount).chain([one.fee]));
        let released = self.transactions.iter().flat_map(|one| one.released.iter().map(|released| released.amount));
        let amounts = moved.chain(released).chain(self.inflows.iter().map(|inflow| inflow.amount));
        let amounts = amounts.chain(self.happened.iter().map(Happened::amount));
        total(amounts).is_none_or(|units| units > AMOUNT_UNITS_MAX).then(|| "what happened passes 10^28 base units".to_owned())
    }
}

impl Happened {
    /// How much it moved.
    #[must_use]
    pub const fn amount(&self) -> Amount {
        match self {
            Happened::Matured { amount, .. } | Happened::ReleasedTo { released: Released { amount, .. }, .. } => *amount,
            Happened::Slashed { .. } => Amount::ZERO,
        }
    }
}

impl Effect {
    /// How much it moved.
    #[must_use]
    pub const fn amount(&self) -> Amount {
        match self {
            Effect::Delegated { amount, .. }
            | Effect::Undelegated { amount, .. }
            | Effect::Cancelled { amount, .. }
            | Effect::Redelegated { amount, .. }
            | Effect::Sent { amount, .. } => *amount,
        }
    }
}

fn is_text(text: &str) -> bool {
    !text.is_empty() && text.len() <= PICTURE_TEXT_BYTES_MAX && !text.chars().any(crate::id::is_unseen)
}

fn total(mut amounts: impl Iterator<Item = Amount>) -> Option<u128> {
    amounts.try_fold(0u128, |sum, amount| sum.checked_add(amount.units()))
}

fn repeats<T: Ord>(mut lines: impl Iterator<Item = T>) -> bool {
    let mut seen = BTreeSet::new();
    !lines.all(|line| seen.insert(line))
}
