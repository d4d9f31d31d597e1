//! `Attest`, `ReportTopUp`, `ReportSweep`: what the exchange's wallet says that it holds, sent and received (TREASURY 2, 5).

use super::network::{check_text, found};
use super::order::of_top_up;
use crate::calendar::Timestamp;
use crate::id::{AssetIx, NetworkIx, hash16};
use crate::ledger::{JournalEntry, LedgerAccount, Unbalanced, Whose, credit, debit};
use crate::machine::answer::Answer;
use crate::machine::news::News;
use crate::machine::post::Catalogue;
use crate::machine::rejection::{AmountField, Rejection};
use crate::machine::state::State;
use crate::machine::verb::fact::{Fact, NO_MONEY};
use crate::machine::verb::named::{asset, check_covered, control, invalid, positive};
use crate::money::{Amount, Balance};
use crate::treasury::apart::Cause;
use crate::treasury::coverage::Attestation;
use crate::treasury::network::{Direction, UnderWay};
use crate::treasury::order::OrderStanding;
use serde::{Deserialize, Serialize};

/// What the wallet says that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attest {
    /// Of which asset.
    pub asset: String,
    /// How much; it may be nothing.
    pub amount: String,
    /// When it was so.
    pub at: Timestamp,
    /// The number of the last movement that is in it.
    pub movement: u64,
}

/// The wallet said what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attested {
    /// Of which asset.
    pub asset: AssetIx,
    /// What.
    pub attestation: Attestation,
}

/// Coins that the wallet sent to the treasury.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopUp {
    /// Over which network.
    pub network: String,
    /// To which of the treasury's addresses.
    pub address: String,
    /// Of which asset.
    pub asset: String,
    /// How much.
    pub amount: String,
    /// The hash of the transaction.
    pub hash: String,
    /// The number of the order that it does, if it was ordered.
    pub order: Option<u64>,
}

/// Coins are on their way to the treasury.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopUpSent {
    /// Over which network.
    pub network: NetworkIx,
    /// Of which asset.
    pub asset: AssetIx,
    /// To which address, which coin, how much.
    pub sent: UnderWay,
    /// The number of the difference that it is: a picture has shown the coins already.
    pub seen: Option<u64>,
    /// The number of the order that it does.
    pub order: Option<u64>,
}

/// Coins of the treasury have come to the wallet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepReceived {
    /// Over which network.
    pub network: NetworkIx,
    /// Of which asset.
    pub asset: AssetIx,
    /// How much.
    pub amount: Amount,
    /// The hash of the transaction.
    pub hash: String,
}

/// Takes what the wallet says that it holds.
///
/// # Errors
/// `asset_not_found`, `network_not_found` where no network has the asset, `amount_invalid`, `terms_invalid` with the reason.
pub fn attest(state: &State, asked: &Attest, now: Timestamp) -> Result<Attested, Rejection> {
    let (ix, asset) = asset(state, &asked.asset)?;
    let coverage = state.treasury.coverage(ix).ok_or(Rejection::NetworkNotFound)?;
    let invalid_amount = || Rejection::AmountInvalid { field: AmountField::Amount };
    let amount = Amount::parse(&asked.amount, asset.decimals).map_err(|_| invalid_amount())?;
    if asked.at > now {
        return Err(invalid(format!("it is of {}, which is still to come; it is {now}", asked.at)));
    }
    if coverage.attested.is_some_and(|before| asked.at < before.at || asked.movement < before.movement) {
        return Err(invalid("it is older than the last attestation"));
    }
    let custody = coverage.custody_after(asked.movement);
    let custody = custody.ok_or_else(|| invalid(format!("movement {} of {} is not known", asked.movement, asset.symbol)))?;
    Ok(Attested { asset: ix, attestation: Attestation { amount, at: asked.at, movement: asked.movement, custody } })
}

/// Books coins that the wallet sent to the treasury.
///
/// # Errors
/// `network_not_found`, `asset_not_found`, `terms_invalid`, `amount_invalid`, `already_exists` (the hash), of an order `order_not_found`,
/// `order_not_open` and `order_refused`, `insufficient_balance`, `coverage_insufficient`.
pub fn top_up(state: &State, asked: &TopUp, now: Timestamp) -> Result<TopUpSent, Rejection> {
    let (ix, network) = found(state, &asked.network)?;
    let (asset_ix, asset) = asset(state, &asked.asset)?;
    let coin = network.coin_of(asset_ix).ok_or_else(|| invalid(format!("{} is no coin of {}", asset.symbol, network.name)))?;
    let address = network.address(&asked.address).ok_or_else(|| invalid(format!("{} is no address of the treasury", asked.address)))?;
    check_text("hash", &asked.hash)?;
    let amount = positive(&asked.amount, asset.decimals, AmountField::Amount)?;
    if !network.picture.as_ref().is_some_and(|picture| picture.addresses.contains(&asked.address)) {
        return Err(invalid("no picture that counts has told of that address: two people have to confirm the first that does"));
    }
    if state.references.get(&reference(state, &network.name, &asked.address, &asset.symbol, &asked.hash)).is_some() {
        return Err(Rejection::AlreadyExists);
    }
    if let Some(number) = asked.order {
        if coin != 0 {
            return Err(invalid("orders are of the coin that is staked"));
        }
        of_top_up(network, number, (&asked.address, amount.units()), now)?;
    }
    let available = control(state, asset_ix, LedgerAccount::Custody);
    if available.minus(amount).is_overdrawn() {
        return Err(Rejection::InsufficientBalance { asset: asset_ix, available });
    }
    check_covered(state, asset_ix, amount)?;
    let is_it = |cause: &Cause| matches!(cause, Cause::Stranger { hash, .. } if *hash == asked.hash);
    let same = |apart: &&crate::treasury::apart::Apart| {
        apart.coin == coin && apart.address == address && is_it(&apart.cause) && apart.amount == Balance::ZERO.plus(amount)
    };
    let seen = network.apart.iter().find(same).map(|apart| apart.number);
    let sent = UnderWay { direction: Direction::TopUp, address, coin, amount, hash: asked.hash.clone(), at: now };
    Ok(TopUpSent { network: ix, asset: asset_ix, sent, seen, order: asked.order })
}

/// What a top-up is remembered by, for ever: a transfer that is told of twice is one.
fn reference(state: &State, network: &str, address: &str, asset: &str, hash: &str) -> [u8; 16] {
    hash16(&state.registry.platform.seed, "top_up", &[network, address, asset, hash])
}

/// Books coins of the treasury that have come to the wallet: of a transaction with several transfers one at a time, in their order.
///
/// # Errors
/// `network_not_found`, `transfer_not_found` where no such sweep was seen to leave.
pub fn sweep(state: &State, name: &str, hash: &str) -> Result<SweepReceived, Rejection> {
    let (ix, network) = found(state, name)?;
    let moving = network.under_way.iter().find(|moving| moving.direction == Direction::Sweep && moving.hash == hash);
    let moving = moving.ok_or(Rejection::TransferNotFound)?;
    let asset = network.asset(moving.coin).ok_or(Rejection::AssetNotFound)?;
    Ok(SweepReceived { network: ix, asset, amount: moving.amount, hash: hash.to_owned() })
}

impl Fact for Attested {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        match state.treasury.coverage_mut(self.asset) {
            Some(coverage) => coverage.attest(self.attestation),
            None => state.break_with("what is attested is a coin of a network", format!("asset {}", self.asset.0)),
        }
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        let Attestation { amount, at, movement, .. } = self.attestation;
        Answer::Attested { asset: self.asset, amount, at, movement, covered: state.covered(self.asset) }
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

fn told(network: NetworkIx, asset: AssetIx, direction: Direction, amount: Amount, hash: &str, state: &State) -> Answer {
    let movement = state.registry.counters.wallet_moves;
    Answer::Moving { network, asset, direction, amount, hash: hash.to_owned(), movement }
}

impl Fact for TopUpSent {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        let entry =
            |to, from| JournalEntry::new(self.asset, Whose::Platform, &[debit(to, self.sent.amount), credit(from, self.sent.amount)]);
        let mut entries = vec![entry(LedgerAccount::InTransit, LedgerAccount::Custody)?];
        if self.seen.is_some() {
            entries.push(entry(LedgerAccount::TreasuryLiquid, LedgerAccount::InTransit)?);
        }
        Ok(entries)
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        let Some(network) = state.treasury.network_mut(self.network) else {
            return state.break_with("a top-up has a network", self.sent.hash.clone());
        };
        let address = network.addresses.get(usize::try_from(self.sent.address).unwrap_or(usize::MAX));
        let (name, address) = (network.name.clone(), address.map(|address| address.text.clone()).unwrap_or_default());
        match self.seen {
            Some(number) => network.apart.retain(|apart| apart.number != number),
            None => network.under_way.push(self.sent.clone()),
        }
        if let Some(number) = self.order {
            let picture = network.picture.as_ref().map(|picture| picture.number);
            if let Some(order) = network.desk.live.get_mut(&number) {
                (order.standing, order.since, order.hash) = (OrderStanding::Sent, at, Some(self.sent.hash.clone()));
            }
            if self.seen.is_some() {
                network.desk.end(number, OrderStanding::Done, at, picture);
            }
        }
        let symbol = state.asset(self.asset).map(|asset| asset.symbol.clone()).unwrap_or_default();
        let reference = reference(state, &name, &address, &symbol, &self.sent.hash);
        state.references.insert(reference, ());
        state.wallet_moved(self.asset, false);
        state.recount_places(self.asset);
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        told(self.network, self.asset, Direction::TopUp, self.sent.amount, &self.sent.hash, state)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

impl Fact for SweepReceived {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        let lines = [debit(LedgerAccount::Custody, self.amount), credit(LedgerAccount::InTransit, self.amount)];
        Ok(vec![JournalEntry::new(self.asset, Whose::Platform, &lines)?])
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        let Some(network) = state.treasury.network_mut(self.network) else {
            return state.break_with("a sweep has a network", self.hash.clone());
        };
        let first = network.under_way.iter().position(|moving| moving.direction == Direction::Sweep && moving.hash == self.hash);
        if let Some(first) = first {
            network.under_way.remove(first);
        }
        state.wallet_moved(self.asset, false);
        state.recount_places(self.asset);
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        told(self.network, self.asset, Direction::Sweep, self.amount, &self.hash, state)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}
