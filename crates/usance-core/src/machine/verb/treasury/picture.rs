//! `Observe`, and what two people say of pictures and differences (TREASURY 3).

use super::network::found;
use crate::calendar::Timestamp;
use crate::id::{AssetIx, NetworkIx};
use crate::ledger::{JournalEntry, LedgerAccount, Unbalanced, Whose, credit, debit};
use crate::machine::answer::Answer;
use crate::machine::news::News;
use crate::machine::post::Catalogue;
use crate::machine::rejection::Rejection;
use crate::machine::state::State;
use crate::machine::verb::fact::{Fact, NO_MONEY};
use crate::machine::verb::named::{control, invalid};
use crate::money::Amount;
use crate::person::proposal::DifferenceIs;
use crate::treasury::apart::{Apart, Cause};
use crate::treasury::digest::digest;
use crate::treasury::explain::{Explained, explain};
use crate::treasury::loss::Evidence;
use crate::treasury::moves::{MoveKind, account, earned, entries};
use crate::treasury::network::{Aside, Direction, Implausible, Network, Slash, UnderWay};
use crate::treasury::picture::Picture;
use serde::{Deserialize, Serialize};

/// A picture came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureTaken {
    /// Of which network.
    pub network: NetworkIx,
    /// The network's coins, as entries name them.
    pub assets: Vec<AssetIx>,
    /// What it shows.
    pub picture: Box<Picture>,
    /// How it came of the one before.
    pub explained: Explained,
    /// Whether what it earned waits for the close of its day, which gives customers their part.
    pub waits: bool,
    /// Why it is kept aside until two people have looked at it; nothing when it counts.
    pub aside: Option<Implausible>,
}

/// Two people said that a picture is right that was kept aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureConfirmed {
    /// Of which network.
    pub network: NetworkIx,
    /// The network's coins, as entries name them.
    pub assets: Vec<AssetIx>,
    /// Its number.
    pub number: u64,
    /// How it came of the one before.
    pub explained: Explained,
    /// Whether what it earned waits for the close of its day, which gives customers their part.
    pub waits: bool,
}

/// The account that a difference is booked to; nothing is booked of what is known.
const fn account_of(was: DifferenceIs) -> Option<LedgerAccount> {
    match was {
        DifferenceIs::OtherIncome => Some(LedgerAccount::OtherIncome),
        DifferenceIs::Loss => Some(LedgerAccount::SlashingLoss),
        DifferenceIs::Fee => Some(LedgerAccount::NetworkFees),
        DifferenceIs::Known => None,
    }
}

/// Two people said what a difference was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifferenceExplained {
    /// Of which network.
    pub network: NetworkIx,
    /// Of which asset.
    pub asset: AssetIx,
    /// The difference.
    pub apart: Apart,
    /// What it was.
    pub was: DifferenceIs,
}

/// Takes a picture. One that cannot be believed by itself is kept aside; a later one of the same number takes its place.
///
/// # Errors
/// `network_not_found`, `picture_refused` with the reason.
pub fn observe(state: &State, name: &str, picture: &Picture, now: Timestamp) -> Result<PictureTaken, Rejection> {
    let (ix, network) = found(state, name)?;
    if let Some(reason) = refusal(network, picture, now) {
        return Err(Rejection::PictureRefused { reason });
    }
    let (explained, aside) = explain(network, picture);
    let waits = waits(state, network);
    Ok(PictureTaken { network: ix, assets: assets(network), picture: Box::new(picture.clone()), explained, waits, aside })
}

fn assets(network: &Network) -> Vec<AssetIx> {
    network.coins.iter().map(|coin| coin.asset).collect()
}

/// Whether what a network pays is not the reward pool's at once: there is a product that passes it on.
fn waits(state: &State, network: &Network) -> bool {
    network.staked().is_some_and(|asset| state.passes_on(asset))
}

/// Why a picture cannot be the next one.
fn refusal(network: &Network, picture: &Picture, now: Timestamp) -> Option<String> {
    if picture.chain_id != network.chain_id {
        return Some(format!("it is of chain {}, not of {}", picture.chain_id, network.chain_id));
    }
    let next = network.next_picture();
    if picture.number != next {
        return Some(format!("its number is {}, the next one is {next}", picture.number));
    }
    if let Some(before) = &network.picture {
        if picture.height <= before.height {
            return Some(format!("its height {} is not beyond {}", picture.height, before.height));
        }
        if picture.time < before.time {
            return Some(format!("its time {} is before {}", picture.time, before.time));
        }
    }
    if picture.time > now {
        return Some(format!("its time {} is still to come; it is {now}", picture.time));
    }
    let before = network.picture.iter().flat_map(|before| &before.addresses);
    if let Some(missing) = before.into_iter().find(|address| !picture.addresses.contains(address)) {
        return Some(format!("it does not tell of {missing}, of which the picture before did"));
    }
    let has_past = !(picture.transactions.is_empty() && picture.inflows.is_empty() && picture.happened.is_empty());
    if network.picture.is_none() && has_past {
        return Some("the first picture has no past".to_owned());
    }
    picture.contradiction(|address| network.address(address).is_some())
}

/// Counts a picture that was kept aside, which two people have looked at. The first one moves what is there out of custody.
///
/// # Errors
/// `network_not_found`, `picture_not_found`; of the first picture `terms_invalid` without a fresh attestation, and `insufficient_balance`
/// where custody does not have what the picture shows.
pub fn confirm(state: &State, name: &str, number: u64, signed: &str, now: Timestamp) -> Result<PictureConfirmed, Rejection> {
    let (ix, network) = found(state, name)?;
    let aside = network.aside.as_ref().filter(|aside| aside.picture.number == number && digest(&aside.picture) == signed);
    let aside = aside.ok_or(Rejection::PictureNotFound)?;
    let (explained, _) = explain(network, &aside.picture);
    if explained.moves.iter().any(|one| matches!(one.kind, MoveKind::Opened(_))) {
        check_opening(state, network, &explained, now)?;
    }
    Ok(PictureConfirmed { network: ix, assets: assets(network), number, explained, waits: waits(state, network) })
}

fn check_opening(state: &State, network: &Network, explained: &Explained, now: Timestamp) -> Result<(), Rejection> {
    for (number, coin) in (0..).zip(&network.coins) {
        if state.is_attestation_stale(coin.asset, now) {
            return Err(invalid("the wallet has to attest what it holds of each coin before the treasury begins"));
        }
        let of_it = explained.moves.iter().filter(|one| one.coin == number);
        let change = of_it.map(|one| one.kind.change(LedgerAccount::Custody, one.amount).units()).fold(0, i128::saturating_add);
        let available = control(state, coin.asset, LedgerAccount::Custody);
        if available.units().saturating_add(change) < 0 {
            return Err(Rejection::InsufficientBalance { asset: coin.asset, available });
        }
    }
    Ok(())
}

/// Books what two people said that a difference was.
///
/// # Errors
/// `network_not_found`, `difference_not_found`; `terms_invalid` where it cannot have been that.
pub fn explain_difference(state: &State, name: &str, number: u64, was: DifferenceIs) -> Result<DifferenceExplained, Rejection> {
    let (ix, network) = found(state, name)?;
    let apart = network.apart.iter().find(|apart| apart.number == number).ok_or(Rejection::DifferenceNotFound)?;
    if (was == DifferenceIs::Known) != matches!(apart.cause, Cause::Unordered { .. }) {
        return Err(invalid("a transaction that nobody ordered is known, and nothing else is"));
    }
    if was != DifferenceIs::Known && (was == DifferenceIs::OtherIncome) == apart.amount.is_overdrawn() {
        return Err(invalid("what is there beyond the books is other income; what is missing is a loss or a fee"));
    }
    let asset = network.asset(apart.coin).ok_or(Rejection::AssetNotFound)?;
    Ok(DifferenceExplained { network: ix, asset, apart: apart.clone(), was })
}

/// What a picture changes once it counts: it takes the place of the one before, and everything that was explained with it.
fn count(state: &mut State, ix: NetworkIx, picture: Box<Picture>, explained: &Explained, waits: bool, at: Timestamp) {
    let today = state.registry.open_day;
    let Some(network) = state.treasury.network_mut(ix) else {
        return state.break_with("a picture has a network", format!("network {}", ix.0));
    };
    network.desk.look(network.picture.as_deref(), &picture);
    for (number, standing) in &explained.ended {
        network.desk.end(*number, *standing, at, Some(picture.number));
    }
    let slash = Slash::seen(&picture, &explained.moves);
    let taken = slash.as_ref().map(|slash| (Evidence::Slash { picture: picture.number, from: slash.from.clone() }, slash.amount()));
    network.last_slash = slash.map(Box::new).or_else(|| network.last_slash.take());
    network.picture = Some(picture);
    network.aside = None;
    network.earnings.count(today, if waits { earned(&explained.moves) } else { Amount::ZERO });
    network.differences = network.differences.saturating_add(u64::try_from(explained.apart.len()).unwrap_or(u64::MAX));
    network.apart.extend(explained.apart.iter().cloned());
    let arrived = |moving: &UnderWay| {
        let names = |(hash, address, coin): &(String, u32, u32)| *hash == moving.hash && *address == moving.address && *coin == moving.coin;
        moving.direction == Direction::TopUp && explained.arrived.iter().any(names)
    };
    network.under_way.retain(|moving| !arrived(moving));
    network.under_way.extend(explained.begun.iter().cloned());
    let (staked, assets) = (network.staked(), assets(network));
    if let (Some(asset), Some((evidence, amount))) = (staked, taken) {
        state.lost(ix, asset, evidence, amount, at);
    }
    for asset in assets {
        state.recount_places(asset);
    }
}

/// The entries of what was explained, in the assets of the network's coins.
fn booked(assets: &[AssetIx], explained: &Explained, waits: bool) -> Result<Vec<JournalEntry>, Unbalanced> {
    let earned_to = if waits { LedgerAccount::YieldUndistributed } else { LedgerAccount::RewardPool };
    entries(|coin| usize::try_from(coin).ok().and_then(|place| assets.get(place).copied()), &explained.moves, earned_to)
}

impl Fact for PictureTaken {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        if self.aside.is_some() { NO_MONEY } else { booked(&self.assets, &self.explained, self.waits) }
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        let Some(reason) = self.aside else {
            return count(state, self.network, self.picture.clone(), &self.explained, self.waits, at);
        };
        match state.treasury.network_mut(self.network) {
            Some(network) => network.aside = Some(Box::new(Aside { picture: (*self.picture).clone(), reason })),
            None => state.break_with("a picture has a network", format!("network {}", self.network.0)),
        }
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        let held_apart = state.treasury.network(self.network).map_or(0, |network| network.apart.len());
        let held_apart = u32::try_from(held_apart).unwrap_or(u32::MAX);
        Answer::Picture { network: self.network, number: self.picture.number, aside: self.aside, held_apart }
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

impl Fact for PictureConfirmed {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        booked(&self.assets, &self.explained, self.waits)
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        let aside = state.treasury.network_mut(self.network).and_then(|network| network.aside.take());
        let Some(aside) = aside else { return state.break_with("what is confirmed was kept aside", format!("picture {}", self.number)) };
        count(state, self.network, Box::new(aside.picture), &self.explained, self.waits, at);
        // What was in custody and is on the network now was never in the wallet that attests.
        for (number, asset) in (0..).zip(&self.assets) {
            let of_it = self.explained.moves.iter().filter(|one| one.coin == number && matches!(one.kind, MoveKind::Opened(_)));
            let change =
                of_it.map(|one| one.kind.change(LedgerAccount::Custody, one.amount)).fold(0, |sum, one| one.units().saturating_add(sum));
            state.opened(*asset, change);
        }
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        let held_apart = state.treasury.network(self.network).map_or(0, |network| network.apart.len());
        Answer::Picture {
            network: self.network,
            number: self.number,
            aside: None,
            held_apart: u32::try_from(held_apart).unwrap_or(u32::MAX),
        }
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

impl Fact for DifferenceExplained {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        let amount = Amount::from_units(self.apart.amount.units().unsigned_abs());
        let Some(other) = account_of(self.was) else { return NO_MONEY };
        let place = account(self.apart.place);
        let lines = if self.apart.amount.is_overdrawn() {
            [debit(other, amount), credit(place, amount)]
        } else {
            [debit(place, amount), credit(other, amount)]
        };
        Ok(vec![JournalEntry::new(self.asset, Whose::Platform, &lines)?])
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        match state.treasury.network_mut(self.network) {
            Some(network) => network.apart.retain(|apart| apart.number != self.apart.number),
            None => return state.break_with("a difference has a network", format!("network {}", self.network.0)),
        }
        if self.was == DifferenceIs::Loss {
            let amount = Amount::from_units(self.apart.amount.units().unsigned_abs());
            let evidence = Evidence::Difference { number: self.apart.number };
            state.lost(self.network, self.asset, evidence, amount, at);
        }
        state.recount_places(self.asset);
    }
    fn answer(&self, _: &State, _: Timestamp) -> Answer {
        Answer::Network(self.network)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}
