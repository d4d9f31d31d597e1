//! What an event changes. Nothing here may fail: every check was made when the event was decided.
//!
//! The journal entry moves the control accounts, the state's own methods move the sub-ledgers, and the two have to agree
//! afterwards; where they do not, the state is marked broken and the writer stores nothing more.

use super::event::{Event, ProductCreated, Redeemed, Subscribed, WalletMoved};
use super::post;
use super::state::{Agreement, Asset, State};
use crate::calendar::{Day, Timestamp};
use crate::id::{AssetIx, HoldingIx, PositionId, ProductIx, RateVersionIx, hash16};
use crate::money::Amount;
use crate::position::packed::{Packed48, Packed96, Packed128};
use crate::position::transition::{Ending, after};
use crate::position::{Origin, PositionState, Running};
use crate::product::rates::{Bands, RateVersion};
use crate::product::{Product, Status};
use crate::reward::clawback::AccountKind;
use std::collections::BTreeMap;

/// The kinds of references, each unique on its own.
const DEPOSIT: &str = "deposit";
const WITHDRAWAL: &str = "withdrawal";

/// Applies one event that happened at an instant. A closed day is not applied: it is closed (`close::close_day`).
pub fn apply(state: &mut State, event: &Event, at: Timestamp) {
    state.registry.last_at = state.registry.last_at.max(at);
    if let Event::DayClosed(closed) = event {
        return state.break_with("a day is closed and not applied", format!("day {}", closed.day));
    }
    match post::post(state, event) {
        Ok(entries) => entries.iter().for_each(|entry| state.post(entry)),
        Err(unbalanced) => return state.break_with("debits equal credits", unbalanced.to_string()),
    }
    match event {
        // Refused above.
        Event::DayClosed(_) => {}
        // Their journal entries are all there is to them.
        Event::PlatformCreated(_) | Event::RewardPoolFunded { .. } | Event::RewardPoolWithdrawn { .. } => {}
        Event::WriterStarted { epoch } => state.registry.counters.epoch = *epoch,
        Event::AssetCreated { symbol, name, decimals, display_decimals } => {
            state.add_asset(Asset { symbol: symbol.clone(), name: name.clone(), decimals: *decimals, display_decimals: *display_decimals });
        }
        Event::CustomerCreated { id } => state.add_customer(id),
        Event::AgreementPublished { version, text, sha256 } => {
            state.registry.agreements.push(Agreement { version: version.clone(), text: text.clone(), sha256: *sha256, in_force_since: at });
        }
        Event::ProductCreated(created) => create_product(state, created, at),
        Event::ProductStatusSet { product, status } => {
            if let Some(product) = state.registry.products.get_mut(product.index()) {
                product.status = *status;
            }
        }
        Event::SaleTermsChanged { product, sale } => {
            if let Some(product) = state.registry.products.get_mut(product.index()) {
                product.sale = (**sale).clone();
            }
        }
        Event::RateAnnounced { product, from, bands } => announce(state, *product, *from, bands, at),
        Event::RateSettled { product, day, rate } => {
            if let Some(product) = state.registry.products.get_mut(product.index()) {
                product.settled.insert(*day, *rate);
            }
        }
        Event::Deposited(moved) => {
            let account = wallet_move(state, moved, DEPOSIT);
            state.credit(account, moved.account, moved.amount);
        }
        Event::Withdrawn(moved) => {
            let account = wallet_move(state, moved, WITHDRAWAL);
            state.debit(account, moved.account, moved.amount);
        }
        Event::Transferred(moved) => {
            state.registry.counters.transfers = moved.id;
            let account = state.ensure_account(moved.customer, moved.asset);
            state.debit(account, moved.from, moved.amount);
            state.credit(account, moved.from.other(), moved.amount);
        }
        Event::Subscribed(subscribed) => subscribe(state, subscribed, at),
        Event::Redeemed(redeemed) => redeem(state, redeemed, at),
        Event::AutoRenewSet { position, auto_renew, .. } => {
            if let Some(running) = position.index().and_then(|index| state.running.get_mut(index)) {
                running.auto_renew = *auto_renew;
            }
        }
        Event::ClockMoved { to } => state.registry.last_at = state.registry.last_at.max(*to),
        Event::ClockConfirmed { through } => state.registry.confirmed_through = *through,
    }
    state.check_touched_books();
}

/// The hash a deposit's or withdrawal's reference is remembered by, for ever.
#[must_use]
pub fn reference_hash(state: &State, kind: AccountMove, asset: AssetIx, reference: &str) -> [u8; 16] {
    let kind = match kind {
        AccountMove::Deposit => DEPOSIT,
        AccountMove::Withdrawal => WITHDRAWAL,
    };
    hash_reference(state, kind, asset, reference)
}

/// The two directions of the wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountMove {
    /// Coins come in.
    Deposit,
    /// Coins go out.
    Withdrawal,
}

fn hash_reference(state: &State, kind: &str, asset: AssetIx, reference: &str) -> [u8; 16] {
    let symbol = state.asset(asset).map_or("", |asset| asset.symbol.as_str());
    hash16(&state.registry.platform.seed, kind, &[symbol, reference])
}

fn wallet_move(state: &mut State, moved: &WalletMoved, kind: &str) -> crate::id::AccountIx {
    state.registry.counters.wallet_moves = moved.id;
    let hash = hash_reference(state, kind, moved.asset, &moved.reference);
    state.references.insert(hash, ());
    state.ensure_account(moved.customer, moved.asset)
}

fn create_product(state: &mut State, created: &ProductCreated, at: Timestamp) {
    let open_day = state.registry.open_day;
    let product = state.add_product(Product {
        id: created.id.clone(),
        asset: created.asset,
        kind: created.kind,
        rate_mode: created.rate_mode,
        distribution: created.distribution,
        early_redemption: created.early_redemption,
        sale: created.sale.clone(),
        status: Status::Draft,
        staked: Amount::ZERO,
        schedule: BTreeMap::new(),
        settled: BTreeMap::new(),
        closed_from: open_day,
        closed: Vec::new(),
        created_at: at,
    });
    for (from, bands) in &created.rates {
        announce(state, product, *from, bands, at);
    }
}

fn announce(state: &mut State, product: ProductIx, from: Day, bands: &Bands, at: Timestamp) {
    let version = RateVersionIx::from_index(state.registry.rate_versions.len());
    state.registry.rate_versions.push(RateVersion { product, from, bands: bands.clone(), announced_at: at });
    if let Some(product) = state.registry.products.get_mut(product.index()) {
        product.schedule.insert(from, version);
    }
}

fn subscribe(state: &mut State, event: &Subscribed, at: Timestamp) {
    state.registry.counters.subscriptions = event.id;
    state.debit(event.account, AccountKind::Funding, event.from_funding);
    state.debit(event.account, AccountKind::Spot, event.from_spot);
    let holding = state.ensure_holding(event.account, event.product);
    state.stake(event.product, holding, event.amount());
    if event.position == state.next_position() {
        let opening = NewPosition {
            account: event.account.0,
            product: event.product,
            holding,
            earning: event.stake.earning,
            pending: event.stake.pending,
            from_spot: event.from_spot,
            value_date: event.value_date,
            rate_version: event.rate_version,
            auto_renew: event.auto_renew,
            agreement: event.agreement,
            at,
            renewed_from: 0,
        };
        open_position(state, &opening);
        return;
    }
    let index = event.position.index().unwrap_or(usize::MAX);
    let (Some(running), Some(origin)) = (state.running.get_mut(index), state.origins.get_mut(index)) else {
        return state.break_with("a top-up has a position", event.position.to_string());
    };
    running.earning = Packed96::new(event.stake.earning);
    running.pending = Packed96::new(event.stake.pending);
    origin.from_spot = Packed96::new(origin.from_spot.get().plus(event.from_spot));
    origin.principal_opened = Packed128::new(origin.principal_opened.get().plus(event.amount()));
}

/// What a new position starts with.
pub(super) struct NewPosition {
    pub account: u32,
    pub product: ProductIx,
    pub holding: HoldingIx,
    pub earning: Amount,
    pub pending: Amount,
    pub from_spot: Amount,
    pub value_date: Day,
    pub rate_version: RateVersionIx,
    pub auto_renew: bool,
    pub agreement: crate::id::AgreementIx,
    pub at: Timestamp,
    pub renewed_from: u64,
}

pub(super) fn open_position(state: &mut State, opening: &NewPosition) -> PositionId {
    let running = Running {
        earning: Packed96::new(opening.earning),
        pending: Packed96::new(opening.pending),
        last_reward: Packed96::default(),
        accrued: Packed128::default(),
        distributed: Packed128::default(),
        carry: Packed48::default(),
        account: crate::id::AccountIx(opening.account),
        product: opening.product,
        value_date: opening.value_date,
        rate_version: opening.rate_version,
        state: PositionState::Active,
        auto_renew: opening.auto_renew,
    };
    let origin = Origin {
        from_spot: Packed96::new(opening.from_spot),
        principal_opened: Packed128::new(opening.earning.plus(opening.pending)),
        opened_at: packed_instant(opening.at),
        closed_at: Packed48::default(),
        renewed_from: Packed48::new(opening.renewed_from),
        renewed_into: Packed48::default(),
        previous_in_holding: Packed48::default(),
        holding: opening.holding,
        agreement: opening.agreement,
    };
    state.add_position(running, origin)
}

pub(super) fn packed_instant(at: Timestamp) -> Packed48 {
    Packed48::new(u64::try_from(at.ms()).unwrap_or(0))
}

fn redeem(state: &mut State, event: &Redeemed, at: Timestamp) {
    state.registry.counters.redemptions = event.id;
    let index = event.position.index().unwrap_or(usize::MAX);
    let Some(product) = state.product(event.product) else {
        return state.break_with("a redemption has a product", event.position.to_string());
    };
    let (kind, early, asset) = (product.kind, product.early_redemption, product.asset);
    let (Some(running), Some(origin)) = (state.running.get_mut(index), state.origins.get_mut(index)) else {
        return state.break_with("a redemption has a position", event.position.to_string());
    };
    let emptied = event.stake.earning.is_zero() && event.stake.pending.is_zero();
    running.earning = Packed96::new(event.stake.earning);
    running.pending = Packed96::new(event.stake.pending);
    let holding = origin.holding;
    let forfeited = running.accrued.get();
    if emptied {
        let ending = if event.early { Ending::RedeemEarly } else { Ending::Redeem };
        match after(running.state, kind, early, ending) {
            Some(ended) => running.state = ended,
            None => return state.break_with("only what may happen to a position happens", event.position.to_string()),
        }
        running.carry = Packed48::default();
        running.accrued = Packed128::default();
        origin.closed_at = packed_instant(at);
    }
    if !event.early {
        origin.from_spot = Packed96::new(origin.from_spot.get().left_after(event.figures.spot_part));
    }
    if event.early {
        state.forfeit(asset, forfeited);
    }
    state.unstake(event.product, holding, event.figures.principal);
    state.credit(event.account, AccountKind::Spot, event.figures.to_spot);
    state.credit(event.account, AccountKind::Funding, event.figures.to_funding);
    state.debit(event.account, AccountKind::Funding, event.figures.clawback_from_funding);
    if !event.figures.written_off.is_zero() {
        state.registry.written_off.insert(event.position, event.figures.written_off);
    }
}
