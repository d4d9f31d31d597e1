//! Closing a day: one pass over all active positions, in ascending id, and one event (RULES 2, 3, 7, 8).
//!
//! A close cannot be refused, so it does not decide and apply apart: it computes in place and returns its receipt, the
//! `DayClosed` event. Live and on replay the same function runs; on replay the receipts must be equal. If the receipt
//! cannot be stored the process ends, and what stood in memory with it.
//!
//! The pass goes chunk by chunk: first what each position earned, which is sequential; then the credits to accounts,
//! which are random and therefore wait for memory together instead of one after another. Maturities come last, again in
//! ascending id: nothing that accrues depends on them.
//!
//! Closed positions cost next to nothing: a run of them is not read, a chunk of them not copied beside a frozen view. That
//! none was left out which earns is proven at every close: the principal of all that were visited is what each product has
//! staked.

use super::day::{DayClosed, ProductDay, WithheldDay};
use super::end::end_position;
use super::open::{NewPosition, open_position};
use super::state::{Account, BooksAtClose, State};
use super::{post, yields};
use crate::calendar::{Day, Timestamp};
use crate::id::{AccountIx, PositionId, ProductIx};
use crate::money::Amount;
use crate::pieces::packed::{Packed48, Packed96, Packed128};
use crate::pieces::{CHUNK_LEN, Thawed};
use crate::position::active::RUN_LEN;
use crate::position::transition::{Ending, after};
use crate::position::{FLOATING, PositionState, Running};
use crate::product::limit::admissible;
use crate::product::rates::{Bands, RateVersion};
use crate::product::{ClosedDay, Kind, Product, RateMode, Status};
use crate::reward::accrue::Stake;
use crate::reward::clawback::AccountKind;
use crate::treasury::bearing::pro_rata;
use crate::treasury::queue::NewExit;

/// Closes the open day and returns what it did. Afterwards the next day is open and its first instant has passed.
pub fn close_day(state: &mut State) -> DayClosed {
    let day = state.registry.open_day;
    let at = state.registry.platform.offset.first_instant(day.next());
    // The rates of what networks pay come of the days before; the pass needs them, and what is divided afterwards is by who earned today.
    let earning = yields::settle(state, day);
    let mut work = Work::new(state, day);
    let pass = accrue_all(state, &mut work, day);
    let yields = yields::divide(state, day, &earning, work.products.iter().filter_map(|product| product.totals.as_ref()));
    state.staked.close();
    state.registry.open_day = day.next();
    state.registry.last_at = state.registry.last_at.max(at);
    for id in pass.matured {
        mature(state, &mut work, id, at);
    }
    record_rates(state, &work, day);
    let held_back = |(index, product): (usize, &ProductWork)| {
        let (positions, amount) = product.withheld;
        (positions > 0).then_some(WithheldDay { product: ProductIx::from_index(index), positions, amount })
    };
    let withheld: Vec<WithheldDay> = work.products.iter().enumerate().filter_map(held_back).collect();
    let closed = DayClosed {
        day,
        rule: DayClosed::rule_of(&yields, &withheld),
        products: work.products.into_iter().filter_map(|product| product.totals).collect(),
        next_position: state.next_position(),
        digest: *pass.digest.finalize().as_bytes(),
        yields,
        withheld,
    };
    book(state, &closed);
    closed
}

/// What the pass needs of a product, gathered once.
struct ProductWork {
    kind: Kind,
    floating: Option<Bands>,
    /// Principal of the positions that the pass has visited.
    visited: Amount,
    /// Of how many positions something was withheld, and how much.
    withheld: (u64, Amount),
    totals: Option<ProductDay>,
}

struct Work {
    products: Vec<ProductWork>,
}

impl Work {
    fn new(state: &State, day: Day) -> Work {
        let gather = |(index, product): (usize, &Product)| {
            let settled = product.settled.get(&day).copied();
            let version = product.version_on(day);
            ProductWork {
                kind: product.kind,
                floating: version.and_then(|version| state.bands(version)).map(|bands| bands.capped(settled)),
                visited: Amount::ZERO,
                withheld: (0, Amount::ZERO),
                totals: version.map(|version| ProductDay {
                    product: ProductIx::from_index(index),
                    version,
                    settled,
                    earning_positions: 0,
                    rewards: Amount::ZERO,
                    distributed: Amount::ZERO,
                    matured: 0,
                    returned_spot: Amount::ZERO,
                    returned_funding: Amount::ZERO,
                    renewed: 0,
                    renewed_principal: Amount::ZERO,
                }),
            }
        };
        Work { products: state.registry.products.iter().enumerate().map(gather).collect() }
    }
    fn totals(&mut self, product: ProductIx) -> Option<&mut ProductDay> {
        self.products.get_mut(product.index())?.totals.as_mut()
    }
}

struct Pass {
    matured: Vec<PositionId>,
    digest: blake3::Hasher,
}

/// What the pass adds up per asset for the sub-ledgers.
#[derive(Clone, Copy, Default)]
struct AssetSums {
    credited: Amount,
    accrued: Amount,
    accrued_paid: Amount,
}

/// What one position got today: to be added to an account.
struct Credit {
    account: AccountIx,
    paid: Amount,
}

fn accrue_all(state: &mut State, work: &mut Work, day: Day) -> Pass {
    let mut pass = Pass { matured: Vec::new(), digest: blake3::Hasher::new() };
    let products = &state.registry.products;
    let versions = &state.registry.rate_versions;
    let mut accounts = state.accounts.thaw();
    let mut credits: Vec<Credit> = Vec::with_capacity(CHUNK_LEN);
    let mut results: Vec<u8> = Vec::with_capacity(CHUNK_LEN.saturating_mul(24));
    let mut sums = vec![AssetSums::default(); state.registry.sub_ledger.len()];
    let mut strayed = false;
    let active = &state.active;
    for chunk in 0..state.running.chunks().len() {
        if active.is_idle(chunk) {
            continue;
        }
        credits.clear();
        results.clear();
        let runs = state.running.chunk_mut(chunk).chunks_mut(RUN_LEN).zip(active.runs(chunk)).enumerate();
        for (run, (entries, _)) in runs.filter(|(_, (_, marks))| **marks != 0) {
            let PositionId(mut id) = PositionId::from_index(chunk.saturating_mul(CHUNK_LEN).saturating_add(run.saturating_mul(RUN_LEN)));
            for position in entries {
                let own = PositionId(id);
                id = id.saturating_add(1);
                if !position.is_active() {
                    continue;
                }
                let (Some(product), Some(today)) =
                    (products.get(position.product.index()), work.products.get_mut(position.product.index()))
                else {
                    strayed = true;
                    continue;
                };
                today.visited = today.visited.plus(position.principal());
                let Some(result) = accrue_one(position, product, today, versions, day) else { continue };
                results.extend_from_slice(&own.0.to_le_bytes());
                results.extend_from_slice(&result.reward.units().to_le_bytes());
                if !result.paid.is_zero() {
                    credits.push(Credit { account: position.account, paid: result.paid });
                }
                if let Some(sum) = sums.get_mut(product.asset.index()).filter(|_| today.kind.accrues()) {
                    sum.accrued = sum.accrued.plus(result.reward);
                    sum.accrued_paid = sum.accrued_paid.plus(result.paid);
                }
                if result.matures {
                    pass.matured.push(own);
                }
            }
        }
        pass.digest.update(&results);
        strayed |= !pay(&mut accounts, &mut sums, &credits);
    }
    drop(accounts);
    for (totals, sum) in state.registry.sub_ledger.iter_mut().zip(sums) {
        totals.funding = totals.funding.plus(sum.credited);
        match totals.payable.plus(sum.accrued).checked_minus(sum.accrued_paid) {
            Some(payable) => totals.payable = payable,
            None => strayed = true,
        }
    }
    if strayed {
        state.break_with("every position has a product and an account", format!("close of {day}"));
    }
    check_visited(state, work, day);
    pass
}

/// Nobody's day was left out: the principal that the pass visited is what each product has staked. Maturities come after it.
fn check_visited(state: &mut State, work: &Work, day: Day) {
    let mut products = state.registry.products.iter().zip(&work.products);
    if let Some((product, work)) = products.find(|(product, work)| product.staked != work.visited) {
        let (staked, visited) = (product.staked.units(), work.visited.units());
        let seen = format!("close of {day}, product {}: staked {staked}, visited {visited}", product.id);
        state.break_with("a close visits every active position", seen);
    }
}

/// Adds what was paid to Funding; the sums tell the sub-ledgers. False when an account is missing.
fn pay(accounts: &mut Thawed<'_, Account>, sums: &mut [AssetSums], credits: &[Credit]) -> bool {
    let mut found = true;
    for credit in credits {
        let Some(account) = accounts.get_mut(credit.account.index()) else {
            found = false;
            continue;
        };
        account.funding = account.funding.plus(credit.paid);
        match sums.get_mut(account.asset.index()) {
            Some(sum) => sum.credited = sum.credited.plus(credit.paid),
            None => found = false,
        }
    }
    found
}

struct OneDay {
    reward: Amount,
    paid: Amount,
    matures: bool,
}

/// One position's day. `None` when nothing of it earned.
#[inline]
fn accrue_one(position: &mut Running, product: &Product, today: &mut ProductWork, versions: &[RateVersion], day: Day) -> Option<OneDay> {
    let mut stake = Stake { earning: position.earning.get(), pending: position.pending.get(), carry: position.carry.get() };
    if stake.earning.is_zero() {
        // Only waiting for its value date, which is tomorrow.
        position.earning = position.pending;
        position.pending = Packed96::default();
        position.last_reward = Packed96::default();
        return None;
    }
    let locked = (position.rate_version != FLOATING).then(|| versions.get(position.rate_version.index())).flatten();
    let bands = locked.map(|version| &version.bands).or(today.floating.as_ref())?;
    let moved = !stake.pending.is_zero();
    let reward = stake.close_day(bands);
    position.carry = Packed48::new(stake.carry);
    position.last_reward = Packed96::new(reward);
    if moved {
        position.earning = Packed96::new(stake.earning);
        position.pending = Packed96::default();
    }
    let totals = today.totals.as_mut()?;
    totals.earning_positions = totals.earning_positions.saturating_add(1);
    totals.rewards = totals.rewards.plus(reward);
    let k = position.interest_day(day);
    let matures = Some(k) == today.kind.term_days();
    if !today.kind.accrues() {
        position.distributed = Packed128::new(position.distributed.get().plus(reward));
        totals.distributed = totals.distributed.plus(reward);
        return Some(OneDay { reward, paid: reward, matures });
    }
    let accrued = position.accrued.get().plus(reward);
    if !product.distributes_on(k) {
        position.accrued = Packed128::new(accrued);
        return Some(OneDay { reward, paid: Amount::ZERO, matures: false });
    }
    position.accrued = Packed128::default();
    position.distributed = Packed128::new(position.distributed.get().plus(accrued));
    totals.distributed = totals.distributed.plus(accrued);
    Some(OneDay { reward, paid: accrued, matures })
}

/// Ends a term: principal goes back to where it came from, or, as far as the product takes it, into another term.
fn mature(state: &mut State, work: &mut Work, id: PositionId, at: Timestamp) {
    let index = id.index().unwrap_or(usize::MAX);
    let (Some(running), Some(origin)) = (state.running.get(index).copied(), state.origins.get(index).copied()) else {
        return state.break_with("a maturing position exists", id.to_string());
    };
    let (principal, from_spot) = (running.principal(), origin.from_spot.get());
    state.forget_maturing(id);
    state.unstake(running.product, origin.holding, principal);
    let renewed = renewal_amount(state, &running, origin.holding, principal);
    let rest = principal.left_after(renewed);
    let to_spot = rest.min(from_spot);
    let ended = End { id, running, to_spot, to_funding: rest.left_after(to_spot), at };
    let (paid_spot, paid_funding) = ended.hold_back(state, work, renewed);
    state.credit(running.account, AccountKind::Spot, paid_spot);
    state.credit(running.account, AccountKind::Funding, paid_funding);
    let Some(product) = state.product(running.product) else {
        return state.break_with("a maturing position has a product", id.to_string());
    };
    let ending = if renewed.is_zero() { Ending::Mature } else { Ending::Renew };
    let Some(ended) = after(running.state, product.kind, product.early_redemption, ending) else {
        return state.break_with("only what may happen to a position happens", id.to_string());
    };
    let mut renewed_into = 0;
    if ended == PositionState::Renewed {
        let value_date = state.registry.open_day;
        let rate_version = match product.rate_mode {
            RateMode::Floating => FLOATING,
            RateMode::Locked => product.version_on(value_date).unwrap_or(FLOATING),
        };
        state.stake(running.product, origin.holding, renewed);
        let opening = NewPosition {
            account: running.account.0,
            product: running.product,
            holding: origin.holding,
            earning: renewed,
            pending: Amount::ZERO,
            from_spot: from_spot.left_after(to_spot),
            value_date,
            rate_version,
            auto_renew: true,
            agreement: origin.agreement,
            at,
            renewed_from: id.0,
        };
        renewed_into = open_position(state, &opening).0;
    }
    end_position(state, id, ended, at);
    if let Some(origin) = state.origins.get_mut(index) {
        origin.renewed_into = Packed48::new(renewed_into);
    }
    if let Some(totals) = work.totals(running.product) {
        totals.matured = totals.matured.saturating_add(1);
        totals.returned_spot = totals.returned_spot.plus(paid_spot);
        totals.returned_funding = totals.returned_funding.plus(paid_funding);
        if !renewed.is_zero() {
            totals.renewed = totals.renewed.saturating_add(1);
            totals.renewed_principal = totals.renewed_principal.plus(renewed);
        }
    }
}

/// A term that ends, and what it would give back to either account.
struct End {
    id: PositionId,
    running: Running,
    to_spot: Amount,
    to_funding: Amount,
    at: Timestamp,
}

impl End {
    /// What is withheld of it waits, in the queue, until two people have said who bears a loss. Gives what is paid to Spot and to Funding.
    fn hold_back(&self, state: &mut State, work: &mut Work, renewed: Amount) -> (Amount, Amount) {
        let paid = (self.to_spot, self.to_funding);
        let account = self.running.account;
        let Some(owner) = state.accounts.get(account.index()).copied() else { return paid };
        let withheld = state.to_withhold(owner.customer, self.id, renewed).min(self.to_spot.plus(self.to_funding));
        if withheld.is_zero() {
            return paid;
        }
        let (to_spot, to_funding) = pro_rata(withheld, self.to_spot, self.to_funding);
        let redemption = state.registry.counters.redemptions.saturating_add(1);
        state.registry.counters.redemptions = redemption;
        // It would have been paid now: from the next day on it earns as what waits longer than promised does.
        let promised = state.registry.open_day;
        let (asset, product, position) = (owner.asset, self.running.product, self.id);
        let (customer, at) = (owner.customer, self.at);
        state.wait(&NewExit { redemption, customer, account, asset, product, position, to_spot, to_funding, withheld, at, promised });
        if let Some(product) = work.products.get_mut(product.index()) {
            product.withheld = (product.withheld.0.saturating_add(1), product.withheld.1.plus(withheld));
        }
        (self.to_spot.left_after(to_spot), self.to_funding.left_after(to_funding))
    }
}

/// How much of a maturing principal starts another term; `unstake` has already taken it off capacity and holding.
fn renewal_amount(state: &State, running: &Running, holding: crate::id::HoldingIx, principal: Amount) -> Amount {
    let (Some(product), Some(holding)) = (state.product(running.product), state.holdings.get(holding.index())) else {
        return Amount::ZERO;
    };
    if !running.auto_renew || product.status != Status::Open || !product.renews() {
        return Amount::ZERO;
    }
    admissible(product, holding.staked.get(), principal)
}

/// Keeps the day's rates for whoever derives its lines later, and forgets the settled rate that is spent.
fn record_rates(state: &mut State, work: &Work, day: Day) {
    for (product, work) in state.registry.products.iter_mut().zip(&work.products) {
        let Some(totals) = &work.totals else { continue };
        if product.closed.is_empty() {
            product.closed_from = day;
        }
        product.closed.push(ClosedDay { version: totals.version, settled: totals.settled });
        product.settled.remove(&day);
    }
}

/// Posts the day's totals, checks every asset's books and keeps them as the day's.
fn book(state: &mut State, closed: &DayClosed) {
    match post::day_closed(state, closed) {
        Ok(entries) => entries.iter().for_each(|entry| state.post(entry)),
        Err(unbalanced) => return state.break_with("debits equal credits", unbalanced.to_string()),
    }
    state.check_all_books();
    let books = state.registry.control.iter().zip(&state.registry.sub_ledger);
    let books = books.map(|(control, sub_ledger)| BooksAtClose { control: *control, sub_ledger: *sub_ledger }).collect();
    state.registry.books.insert(closed.day, books);
}
