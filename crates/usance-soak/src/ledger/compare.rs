//! One customer's ledger against what the engine shows: accounts, positions, the whole statement. Exact, to the base unit.
//!
//! A pure function of what was booked and what was shown, so that it can be shown to notice (see its tests). A renewal's size is the
//! engine's to say; what it leaves over has to be in the statement, the Spot part first (RULES 8).

use super::{Exit, Holder, Open, Row, Stake, Statement, Sum};
use crate::money::{field, text, word};
use anyhow::Context;
use serde_json::Value;
use std::collections::BTreeMap;

/// What the engine shows of a customer, read while nothing of it moved.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// The items of `/v1/accounts`.
    pub accounts: Vec<Value>,
    /// Every item of `/v1/positions`.
    pub positions: Vec<Value>,
    /// `/v1/statement` as CSV.
    pub statement: Vec<u8>,
}

/// What positions add to the ledger.
#[derive(Default)]
struct Derived {
    sums: BTreeMap<Row, Sum>,
    staked: BTreeMap<String, i128>,
    by_product: BTreeMap<String, i128>,
    rewards: BTreeMap<String, i128>,
    parts: BTreeMap<u64, Stake>,
    open: Vec<Open>,
}

/// Compares; gives how many lines the statement has, and notes which positions are open now.
///
/// # Errors
/// With the first thing that differs.
pub fn compare(holder: &mut Holder, shown: &Shown) -> anyhow::Result<u64> {
    let statement = Statement::read(&shown.statement)?;
    let derived = walk(holder, &shown.positions)?;
    for id in holder.stakes.keys().chain(holder.exits.keys()) {
        anyhow::ensure!(derived.parts.contains_key(id), "position {id} was acknowledged and is gone");
    }
    let mut expected = holder.sums.clone();
    expected.extend(derived.sums);
    expected.retain(|_, sum| sum.count > 0);
    // Several days' rewards and positions share no line, but how many lines they make is the engine's to say.
    let uncounted = |sums: &BTreeMap<Row, Sum>| -> BTreeMap<Row, Sum> {
        sums.iter().map(|(row, sum)| (row.clone(), if row.2 == "reward" { Sum { count: 0, ..*sum } } else { *sum })).collect()
    };
    same("lines of the statement", &uncounted(&expected), &uncounted(&statement.sums))?;
    same("references of deposits and withdrawals", &holder.references, &statement.references)?;
    let mut listed = 0;
    for account in &shown.accounts {
        let asset = word(account, "asset")?.to_owned();
        for name in ["spot", "funding"] {
            let running = statement.balances.get(&(asset.clone(), name)).copied().unwrap_or_default();
            anyhow::ensure!(field(account, name)? == running, "{name} is {account}, its statement ends at {}", text(running));
            listed += usize::from(statement.balances.contains_key(&(asset.clone(), name)));
        }
        let staked = derived.staked.get(&asset).copied().unwrap_or_default();
        anyhow::ensure!(field(account, "staked")? == staked, "staked is {} by the ledger: {account}", text(staked));
        let rewards = derived.rewards.get(&asset).copied().unwrap_or_default();
        anyhow::ensure!(field(account, "rewards_total")? == rewards, "rewards are {} by the positions: {account}", text(rewards));
    }
    anyhow::ensure!(listed == statement.balances.len(), "an account that moved is not listed: {:?}", statement.balances.keys());
    holder.open = derived.open;
    holder.staked = derived.by_product;
    holder.newest = derived.parts.keys().next_back().copied().unwrap_or(0);
    Ok(statement.lines)
}

/// Compares all reward lines of a position with what it was paid, what it has accrued and what was forfeited as it was left.
///
/// # Errors
/// When they come to anything else.
pub fn compare_rewards(holder: &Holder, position: &Value, lines: &[Value]) -> anyhow::Result<()> {
    let sum = lines.iter().map(|line| field(line, "reward")).sum::<anyhow::Result<i128>>()?;
    let forfeited = holder.exits.get(&word(position, "id")?.parse::<u64>()?).map_or(0, |exit| exit.forfeited);
    let booked = field(position, "distributed")? + field(position, "accrued")? + forfeited;
    let count = lines.len();
    anyhow::ensure!(sum == booked, "{count} reward lines come to {}, {} was forfeited: {position}", text(sum), text(forfeited));
    Ok(())
}

/// Goes through the positions from the oldest on, each against what was booked for it.
fn walk(holder: &Holder, positions: &[Value]) -> anyhow::Result<Derived> {
    let mut derived = Derived::default();
    let mut ordered = BTreeMap::new();
    for position in positions {
        let before = ordered.insert(word(position, "id")?.parse::<u64>()?, position);
        anyhow::ensure!(before.is_none(), "listed twice: {position}");
    }
    for (id, position) in &ordered {
        let parts = begun(holder, &derived, *id, position)?;
        let exit = holder.exits.get(id).copied().unwrap_or_default();
        let renewed = match position.get("renewed_into").and_then(Value::as_str) {
            None => None,
            Some(into) => {
                let successor = ordered.get(&into.parse()?).with_context(|| format!("renewed into nothing: {position}"))?;
                anyhow::ensure!(successor.get("renewed_from").and_then(Value::as_str) == Some(id.to_string().as_str()), "{successor}");
                Some(field(successor, "principal_opened")?)
            }
        };
        derived.add(*id, position, &parts, exit, renewed)?;
        derived.parts.insert(*id, parts);
    }
    Ok(derived)
}

/// What a position began with: a subscription that was acknowledged, or what another position was renewed for.
fn begun(holder: &Holder, derived: &Derived, id: u64, position: &Value) -> anyhow::Result<Stake> {
    if let Some(stake) = holder.stakes.get(&id) {
        return Ok(stake.clone());
    }
    let from = position.get("renewed_from").and_then(Value::as_str);
    let before = from.and_then(|from| derived.parts.get(&from.parse().ok()?)).with_context(|| format!("nobody was told of {position}"))?;
    let principal = field(position, "principal_opened")?;
    anyhow::ensure!(principal > 0 && principal <= before.principal, "renewed for more than there was: {position}");
    let (spot, funding) = paid_out(before, before.principal - principal);
    Ok(Stake { principal, from_funding: before.from_funding - funding, from_spot: before.from_spot - spot })
}

/// To Spot and to Funding: the Spot part first.
fn paid_out(stake: &Stake, units: i128) -> (i128, i128) {
    let spot = units.min(stake.from_spot);
    (spot, units - spot)
}

impl Derived {
    fn add(&mut self, id: u64, position: &Value, parts: &Stake, exit: Exit, renewed: Option<i128>) -> anyhow::Result<()> {
        let asset = word(position, "asset")?.to_owned();
        let [principal, accrued, distributed, back, written_off] =
            ["principal", "accrued", "distributed", "clawed_back", "written_off"].map(|name| field(position, name));
        let (principal, accrued, distributed) = (principal?, accrued?, distributed?);
        let left = parts.principal - exit.principal;
        let state = word(position, "state")?;
        let holds = match state {
            "active" => principal == left && left > 0 && !exit.is_early,
            "matured" | "renewed" => principal == 0 && exit.principal == 0 && renewed.is_some() == (state == "renewed"),
            "redeemed" => principal == 0 && left == 0 && !exit.is_early,
            "redeemed_early" => principal == 0 && left == 0 && exit.is_early,
            _ => false,
        };
        anyhow::ensure!(holds, "{} of {} is left by the ledger: {position}", text(left), text(parts.principal));
        if matches!(state, "matured" | "renewed") {
            let (spot, funding) = paid_out(parts, parts.principal - renewed.unwrap_or(0));
            self.sums.entry((asset.clone(), "spot", "maturity")).or_default().add(spot);
            self.sums.entry((asset.clone(), "funding", "maturity")).or_default().add(funding);
        }
        if state == "active" {
            self.open.push(Open { id, is_flexible: word(position, "kind")? == "flexible" });
        }
        self.sums.entry((asset.clone(), "funding", "reward")).or_default().add(distributed);
        *self.by_product.entry(word(position, "product")?.to_owned()).or_default() += principal;
        *self.staked.entry(asset.clone()).or_default() += principal;
        *self.rewards.entry(asset).or_default() += distributed + accrued - back? - written_off?;
        Ok(())
    }
}

/// Expects two books to be one; names the first rows that differ.
fn same<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    what: &str,
    expected: &BTreeMap<K, V>,
    shown: &BTreeMap<K, V>,
) -> anyhow::Result<()> {
    let differing = expected.keys().chain(shown.keys()).find(|key| expected.get(key) != shown.get(key));
    let Some(key) = differing else { return Ok(()) };
    anyhow::bail!("{what}: {key:?} is {:?} by the ledger and shown as {:?}", expected.get(key), shown.get(key))
}
