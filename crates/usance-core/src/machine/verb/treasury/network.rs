//! `CreateNetwork`, and what two people add to one: addresses of the treasury, destinations of sweeps.

use crate::calendar::Timestamp;
use crate::id::{AssetIx, NetworkIx, is_outside_id};
use crate::ledger::{JournalEntry, Unbalanced};
use crate::limits::{NETWORK_COINS_MAX, PICTURE_TEXT_BYTES_MAX, PRODUCT_ID_BYTES_MAX, TREASURY_ADDRESSES_MAX};
use crate::machine::answer::Answer;
use crate::machine::news::News;
use crate::machine::post::Catalogue;
use crate::machine::rejection::Rejection;
use crate::machine::state::State;
use crate::machine::verb::fact::{Fact, NO_MONEY};
use crate::machine::verb::named::{asset, invalid};
use crate::money::Rate;
use crate::treasury::desk::Desk;
use crate::treasury::network::{Address, Coin, Destination, Network, NetworkTerms};
use crate::treasury::yields::Earnings;
use serde::{Deserialize, Serialize};

/// A network as an operator describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNetwork {
    /// What operators call it.
    pub name: String,
    /// What it calls itself.
    pub chain_id: String,
    /// Symbols of assets and what the network calls them; the first is what is staked.
    pub coins: Vec<(String, String)>,
    /// What it is like.
    pub terms: NetworkTerms,
}

/// There is a new network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkCreated {
    /// What operators call it.
    pub name: String,
    /// What it calls itself.
    pub chain_id: String,
    /// Its coins.
    pub coins: Vec<Coin>,
    /// What it is like.
    pub terms: NetworkTerms,
}

/// An address is the treasury's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressAdded {
    /// Where.
    pub network: NetworkIx,
    /// As the network writes it.
    pub address: String,
}

/// Coins may be swept there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationAdded {
    /// Where.
    pub network: NetworkIx,
    /// Which.
    pub destination: Destination,
}

/// Adds a network.
///
/// # Errors
/// `asset_not_found`, `terms_invalid`, `already_exists`.
pub fn create(state: &State, asked: &NewNetwork) -> Result<NetworkCreated, Rejection> {
    if !is_outside_id(&asked.name, PRODUCT_ID_BYTES_MAX) {
        return Err(invalid("a network's name is 1 to 64 of A-Z a-z 0-9 . _ -"));
    }
    if state.treasury.named(&asked.name).is_some() {
        return Err(Rejection::AlreadyExists);
    }
    check_text("chain_id", &asked.chain_id)?;
    if asked.coins.is_empty() || asked.coins.len() > NETWORK_COINS_MAX {
        return Err(invalid(format!("a network has 1 to {NETWORK_COINS_MAX} coins")));
    }
    let mut coins: Vec<Coin> = Vec::new();
    for (symbol, denomination) in &asked.coins {
        let (asset, _) = asset(state, symbol)?;
        check_text("denomination", denomination)?;
        if coins.iter().any(|coin| coin.asset == asset || coin.denomination == *denomination) {
            return Err(invalid("a coin is there once"));
        }
        coins.push(Coin { asset, denomination: denomination.clone() });
    }
    if state.treasury.networks().iter().any(|known| known.chain_id == asked.chain_id) {
        return Err(invalid("another network has that chain id: its addresses would be there twice"));
    }
    if asked.terms.unbonding_ms < 0 || Rate::parse("1").is_ok_and(|all| asked.terms.slashed_at_most > all) {
        return Err(invalid("unbonding takes no less than no time, and a slash no more than all"));
    }
    Ok(NetworkCreated { name: asked.name.clone(), chain_id: asked.chain_id.clone(), coins, terms: asked.terms })
}

/// Adds an address that two people approved. The first picture that tells of it is kept aside.
///
/// # Errors
/// `network_not_found`, `terms_invalid`, `already_exists`.
pub fn add_address(state: &State, name: &str, address: &str) -> Result<AddressAdded, Rejection> {
    let (ix, network) = found(state, name)?;
    check_text("address", address)?;
    if network.address(address).is_some() || network.destinations.iter().any(|known| known.address == address) {
        return Err(Rejection::AlreadyExists);
    }
    if network.addresses.len() >= TREASURY_ADDRESSES_MAX {
        return Err(invalid(format!("a treasury has at most {TREASURY_ADDRESSES_MAX} addresses")));
    }
    Ok(AddressAdded { network: ix, address: address.to_owned() })
}

/// Adds a destination that two people approved.
///
/// # Errors
/// `network_not_found`, `terms_invalid`, `already_exists`.
pub fn add_destination(state: &State, name: &str, destination: &Destination) -> Result<DestinationAdded, Rejection> {
    let (ix, network) = found(state, name)?;
    check_text("address", &destination.address)?;
    if !destination.memo.is_empty() {
        check_text("memo", &destination.memo)?;
    }
    if network.destinations.contains(destination) || network.address(&destination.address).is_some() {
        return Err(Rejection::AlreadyExists);
    }
    if network.destinations.len() >= TREASURY_ADDRESSES_MAX {
        return Err(invalid(format!("a network has at most {TREASURY_ADDRESSES_MAX} destinations")));
    }
    Ok(DestinationAdded { network: ix, destination: destination.clone() })
}

/// A network by its name.
pub(super) fn found<'a>(state: &'a State, name: &str) -> Result<(NetworkIx, &'a Network), Rejection> {
    state.treasury.named(name).ok_or(Rejection::NetworkNotFound)
}

/// What a network writes: one line that a reader sees whole.
pub(super) fn check_text(field: &str, text: &str) -> Result<(), Rejection> {
    let is_short = (1..=PICTURE_TEXT_BYTES_MAX).contains(&text.len());
    if is_short && !text.chars().any(crate::id::is_unseen) {
        return Ok(());
    }
    Err(invalid(format!("{field} is 1 to {PICTURE_TEXT_BYTES_MAX} bytes of text without signs that are not seen")))
}

impl Fact for NetworkCreated {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        let NetworkCreated { name, chain_id, coins, terms } = self.clone();
        let assets: Vec<AssetIx> = coins.iter().map(|coin| coin.asset).collect();
        state.treasury.add(Network {
            name,
            chain_id,
            coins,
            terms,
            addresses: Vec::new(),
            destinations: Vec::new(),
            picture: None,
            aside: None,
            apart: Vec::new(),
            differences: 0,
            under_way: Vec::new(),
            desk: Desk::default(),
            last_slash: None,
            earnings: Earnings::default(),
        });
        for asset in assets {
            if state.treasury.coverage(asset).is_none() {
                state.treasury.cover(asset);
                // What custody is now is what an attestation can first name.
                state.wallet_moved(asset, true);
            }
        }
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        Answer::Network(NetworkIx::from_index(state.treasury.networks().len().saturating_sub(1)))
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

impl Fact for AddressAdded {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        match state.treasury.network_mut(self.network) {
            Some(network) => network.addresses.push(Address { text: self.address.clone(), added_at: at }),
            None => state.break_with("an address has a network", self.address.clone()),
        }
    }
    fn answer(&self, _: &State, _: Timestamp) -> Answer {
        Answer::Network(self.network)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}

impl Fact for DestinationAdded {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, _: Timestamp) {
        match state.treasury.network_mut(self.network) {
            Some(network) => network.destinations.push(self.destination.clone()),
            None => state.break_with("a destination has a network", self.destination.address.clone()),
        }
    }
    fn answer(&self, _: &State, _: Timestamp) -> Answer {
        Answer::Network(self.network)
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}
