//! The ledger that books answers: what every customer was told, and nothing that was not.
//!
//! One thread owns a customer and waits for each of its answers, so a customer's ledger is whole at any moment. [`compare`] holds
//! it against what the engine shows. It shares no arithmetic with the engine; what it cannot know (rewards, how much was renewed) is
//! taken from positions and has to fit the statement.

pub mod compare;

use crate::money::{field, units, word};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::collections::BTreeMap;

/// Lines that were added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub count: u64,
    /// What they come to.
    pub units: i128,
}

impl Sum {
    /// Adds a line; nothing moved is no line.
    pub fn add(&mut self, units: i128) {
        if units != 0 {
            self.count += 1;
            self.units += units;
        }
    }
}

/// Asset, account and kind of a statement's line.
pub type Row = (String, &'static str, &'static str);

/// What somebody staked into one position.
#[derive(Clone, Debug, Default)]
pub struct Stake {
    /// All of it, ever.
    pub principal: i128,
    /// The part from Funding.
    pub from_funding: i128,
    /// The part from Spot.
    pub from_spot: i128,
}

/// What was redeemed of a position.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exit {
    /// The principal that left.
    pub principal: i128,
    /// Rewards that had accrued and are not paid any more.
    pub forfeited: i128,
    /// Whether its term was broken off.
    pub is_early: bool,
}

/// A position that was active when it was last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// Its number.
    pub id: u64,
    /// Flexible, or a fixed term.
    pub is_flexible: bool,
}

/// One customer.
#[derive(Clone, Debug, Default)]
pub struct Holder {
    /// What moved in the accounts.
    pub sums: BTreeMap<Row, Sum>,
    /// Every deposit and withdrawal, by asset and reference.
    pub references: BTreeMap<(String, String), i128>,
    /// Positions that were opened by a subscription.
    pub stakes: BTreeMap<u64, Stake>,
    /// Positions that were left, wholly or in part.
    pub exits: BTreeMap<u64, Exit>,
    /// Positions to do something with.
    pub open: Vec<Open>,
    /// Subscriptions that were accepted.
    pub subscriptions: u64,
    /// Redemptions that were accepted.
    pub redemptions: u64,
    /// What was staked in each product when it was last compared.
    pub staked: BTreeMap<String, i128>,
    /// The newest position that was seen.
    pub newest: u64,
}

/// The names under which a ledger knows the two accounts.
fn account(word: &str) -> &'static str {
    if word == "spot" { "spot" } else { "funding" }
}

impl Holder {
    fn move_by(&mut self, asset: &str, account: &'static str, kind: &'static str, units: i128) {
        self.sums.entry((asset.to_owned(), account, kind)).or_default().add(units);
    }

    /// Books an accepted write by its path, what was asked and what was answered.
    ///
    /// # Errors
    /// When the answer is not what such a write is answered with.
    pub fn book(&mut self, path: &str, asked: &Value, answer: &Value) -> anyhow::Result<()> {
        match path {
            "/v1/operator/deposits" => self.wallet(asked, "deposit", 1),
            "/v1/operator/withdrawals" => self.wallet(asked, "withdrawal", -1),
            "/v1/transfers" => {
                let (asset, amount) = (word(asked, "asset")?, field(asked, "amount")?);
                self.move_by(asset, account(word(asked, "from")?), "transfer", -amount);
                self.move_by(asset, account(word(asked, "to")?), "transfer", amount);
                Ok(())
            }
            "/v1/subscriptions" => self.subscribed(asked, answer),
            path if path.ends_with("/redemptions") => self.redeemed(answer),
            // Automatic renewal moves nothing by itself.
            _ => Ok(()),
        }
    }

    fn wallet(&mut self, asked: &Value, kind: &'static str, sign: i128) -> anyhow::Result<()> {
        let (asset, amount) = (word(asked, "asset")?, sign * field(asked, "amount")?);
        self.move_by(asset, account(word(asked, "account")?), kind, amount);
        let before = self.references.insert((asset.to_owned(), word(asked, "reference")?.to_owned()), amount);
        ensure!(before.is_none(), "a reference was accepted twice: {asked}");
        Ok(())
    }

    fn subscribed(&mut self, asked: &Value, answer: &Value) -> anyhow::Result<()> {
        let amount = field(asked, "amount")?;
        let position = answer.get("position").context("a position")?;
        let (asset, id) = (word(position, "asset")?, word(position, "id")?.parse::<u64>()?);
        let is_flexible = word(position, "kind")? == "flexible";
        let (from_funding, from_spot) = match word(asked, "source")? {
            "funding" => (amount, 0),
            "spot" => (0, amount),
            // Only a term is staked from both: its position is of this subscription alone.
            _ => (field(position, "from_funding")?, field(position, "from_spot")?),
        };
        ensure!(from_funding + from_spot == amount, "{amount} was asked, not {answer}");
        self.move_by(asset, "funding", "subscription", -from_funding);
        self.move_by(asset, "spot", "subscription", -from_spot);
        let stake = self.stakes.entry(id).or_default();
        ensure!(is_flexible || stake.principal == 0, "one term for two subscriptions: {answer}");
        stake.principal += amount;
        stake.from_funding += from_funding;
        stake.from_spot += from_spot;
        self.subscriptions += 1;
        if !self.open.iter().any(|open| open.id == id) {
            self.open.push(Open { id, is_flexible });
        }
        Ok(())
    }

    fn redeemed(&mut self, answer: &Value) -> anyhow::Result<()> {
        let position = answer.get("position").context("a position")?;
        let (asset, id) = (word(position, "asset")?, word(position, "id")?.parse::<u64>()?);
        let [principal, back, taken, written_off, payout, to_spot, to_funding] =
            ["principal", "clawback_distributed", "clawback_from_funding", "written_off", "payout", "to_spot", "to_funding"]
                .map(|name| field(answer, name));
        let (principal, taken, to_spot, to_funding) = (principal?, taken?, to_spot?, to_funding?);
        let forfeited = field(answer, "forfeited_accrued")?;
        ensure!(payout? == to_spot + to_funding, "a payout that is not its parts: {answer}");
        ensure!(principal + taken == to_spot + to_funding + back?, "a redemption that does not add up: {answer}");
        ensure!(written_off? == 0 || to_spot + to_funding == 0, "written off beside a payout: {answer}");
        self.move_by(asset, "spot", "redemption", to_spot);
        self.move_by(asset, "funding", "redemption", to_funding);
        self.move_by(asset, "funding", "clawback", -taken);
        self.redemptions += 1;
        let exit = self.exits.entry(id).or_default();
        exit.principal += principal;
        exit.forfeited += forfeited;
        exit.is_early |= word(answer, "kind")? == "early";
        if word(position, "state")? != "active" {
            self.open.retain(|open| open.id != id);
        }
        Ok(())
    }

    /// What deposits less withdrawals of an asset come to.
    #[must_use]
    pub fn brought_in(&self, asset: &str) -> i128 {
        self.sums
            .iter()
            .filter(|((own, _, kind), _)| own == asset && matches!(*kind, "deposit" | "withdrawal"))
            .map(|(_, sum)| sum.units)
            .sum()
    }
}

/// A statement as CSV, in sums.
#[derive(Clone, Debug, Default)]
pub struct Statement {
    /// By asset, account and kind.
    pub sums: BTreeMap<Row, Sum>,
    /// Deposits and withdrawals by asset and reference.
    pub references: BTreeMap<(String, String), i128>,
    /// Where each account ends.
    pub balances: BTreeMap<(String, &'static str), i128>,
    /// How many lines.
    pub lines: u64,
}

impl Statement {
    /// Reads it, from the oldest line on, and adds up as it goes.
    ///
    /// # Errors
    /// When a line's balance is not the balance before and its amount, a balance is below zero, or a reference comes twice.
    pub fn read(bytes: &[u8]) -> anyhow::Result<Statement> {
        const KINDS: [&str; 8] = ["deposit", "withdrawal", "transfer", "subscription", "redemption", "clawback", "reward", "maturity"];
        let mut reader = csv::Reader::from_reader(bytes);
        let mut lines = reader.records().collect::<Result<Vec<_>, _>>()?;
        lines.reverse();
        let mut statement = Statement { lines: lines.len() as u64, ..Statement::default() };
        for line in lines {
            let cell = |place: usize| line.get(place).context("a cell is missing");
            let (asset, account, amount) = (cell(1)?.to_owned(), account(cell(2)?), units(cell(4)?)?);
            let kind = KINDS.into_iter().find(|kind| Some(*kind) == line.get(3)).with_context(|| format!("of no kind: {line:?}"))?;
            let balance = statement.balances.entry((asset.clone(), account)).or_default();
            *balance += amount;
            ensure!(*balance == units(cell(5)?)? && *balance >= 0 && amount != 0, "the balance runs to {balance} at {line:?}");
            statement.sums.entry((asset.clone(), account, kind)).or_default().add(amount);
            if matches!(kind, "deposit" | "withdrawal") {
                let before = statement.references.insert((asset, cell(9)?.to_owned()), amount);
                ensure!(before.is_none(), "booked twice: {line:?}");
            }
        }
        Ok(statement)
    }
}
