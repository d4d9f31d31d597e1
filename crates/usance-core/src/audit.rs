//! What a healthy system is: every invariant as a function over the whole state.
//!
//! Used by `usance verify`, by the operator's audit and by tests. Each adds up from the ground: it trusts no running
//! total. Nothing is repaired here.

use crate::id::{AccountIx, AssetIx, PositionId};
use crate::ledger::{LedgerAccount, SubLedgerTotals};
use crate::machine::State;
use crate::machine::maturing::Maturing;
use crate::money::{Amount, DAY_DIVISOR};
use crate::position::{PositionState, position_link};
use crate::product::Product;

/// One invariant and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The invariant, as a sentence.
    pub name: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// The numbers, in base units.
    pub figures: String,
}

/// Checks every invariant.
#[must_use]
pub fn audit(state: &State) -> Vec<Finding> {
    let ground = ground_totals(state);
    let mut findings = vec![
        books_balance(state),
        sub_ledgers_agree(state, &ground),
        running_totals_agree(state, &ground),
        product_totals_agree(state),
        holding_totals_agree(state),
        positions_are_sound(state),
        renewals_name_each_other(state),
        closed_days_have_books(state),
        yields_are_there(state),
        losses_are_borne_or_open(state),
        pool_is_shown(state),
        maturities_are_known(state),
    ];
    findings.push(Finding {
        name: "the machine met no broken invariant",
        holds: state.broken.is_none(),
        figures: state.broken.as_ref().map_or_else(|| "none".to_owned(), |broken| format!("{}: {}", broken.invariant, broken.seen)),
    });
    findings
}

/// Whether every invariant holds.
#[must_use]
pub fn is_healthy(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.holds)
}

fn finding(name: &'static str, broken: &[String], sound: String) -> Finding {
    let shown: Vec<&str> = broken.iter().take(5).map(String::as_str).collect();
    Finding {
        name,
        holds: broken.is_empty(),
        figures: if broken.is_empty() { sound } else { format!("{} broken: {}", broken.len(), shown.join("; ")) },
    }
}

fn ground_totals(state: &State) -> Vec<SubLedgerTotals> {
    let mut totals = vec![SubLedgerTotals::default(); state.registry.assets.len()];
    for account in state.accounts.iter() {
        if let Some(total) = totals.get_mut(account.asset.index()) {
            total.spot = total.spot.plus(account.spot);
            total.funding = total.funding.plus(account.funding);
        }
    }
    for running in state.running.iter() {
        if let Some(total) = state.product(running.product).and_then(|product| totals.get_mut(product.asset.index())) {
            total.principal = total.principal.plus(running.principal());
            total.payable = total.payable.plus(running.accrued.get());
        }
    }
    for (index, total) in totals.iter_mut().enumerate() {
        let asset = AssetIx::from_index(index);
        total.treasury = state.treasury.places(asset);
        total.queued = state.treasury.queue().in_line(asset).fold(Amount::ZERO, |sum, exit| sum.plus(exit.left()));
    }
    totals
}

fn maturities_are_known(state: &State) -> Finding {
    let ground = Maturing::of(&state.registry.products, &state.running);
    let broken = if ground == *state.maturing() { Vec::new() } else { vec![format!("{:?}", state.maturing())] };
    finding("what comes back when is as the positions say", &broken, format!("{} positions", state.running.len()))
}

fn symbol(state: &State, index: usize) -> &str {
    state.asset(AssetIx::from_index(index)).map_or("?", |asset| &asset.symbol)
}

fn books_balance(state: &State) -> Finding {
    let broken: Vec<String> = state
        .registry
        .control
        .iter()
        .enumerate()
        .filter(|(_, control)| !control.is_balanced())
        .map(|(index, control)| format!("{} {control:?}", symbol(state, index)))
        .collect();
    finding("assets equal liabilities and equity, per asset", &broken, format!("{} assets", state.registry.control.len()))
}

fn sub_ledgers_agree(state: &State, ground: &[SubLedgerTotals]) -> Finding {
    let mut broken = Vec::new();
    for (index, (control, total)) in state.registry.control.iter().zip(ground).enumerate() {
        for account in LedgerAccount::ALL {
            if let Some(sum) = total.of(account)
                && sum != control.balance(account)
            {
                broken.push(format!(
                    "{} {}: control {} sub-ledger {}",
                    symbol(state, index),
                    account.name(),
                    control.balance(account).units(),
                    sum.units()
                ));
            }
        }
    }
    finding(
        "sub-ledgers sum to their control accounts",
        &broken,
        format!("{} accounts, {} positions", state.accounts.len(), state.running.len()),
    )
}

fn running_totals_agree(state: &State, ground: &[SubLedgerTotals]) -> Finding {
    let broken: Vec<String> = state
        .registry
        .sub_ledger
        .iter()
        .zip(ground)
        .enumerate()
        .filter(|(_, (kept, ground))| kept != ground)
        .map(|(index, (kept, ground))| format!("{} kept {kept:?} ground {ground:?}", symbol(state, index)))
        .collect();
    finding("kept totals equal what is added up from the ground", &broken, format!("{} assets", ground.len()))
}

fn product_totals_agree(state: &State) -> Finding {
    let mut staked = vec![Amount::ZERO; state.registry.products.len()];
    for running in state.running.iter() {
        if let Some(total) = staked.get_mut(running.product.index()) {
            *total = total.plus(running.principal());
        }
    }
    let broken: Vec<String> = state
        .registry
        .products
        .iter()
        .zip(&staked)
        .filter(|(product, total)| product.staked != **total)
        .map(|(product, total)| format!("{}: kept {} ground {}", product.id, product.staked.units(), total.units()))
        .chain((!state.staked_counts_agree()).then(|| "positions and what waits of them are not what was counted".to_owned()))
        .collect();
    finding("a product's staked total is its positions' principal", &broken, format!("{} products", staked.len()))
}

fn holding_totals_agree(state: &State) -> Finding {
    let mut broken = Vec::new();
    for index in 0..state.accounts.len() {
        for (ix, holding) in state.holdings_of(AccountIx::from_index(index)) {
            let (mut sum, mut next) = (Amount::ZERO, position_link(holding.newest));
            while let Some((running, origin)) = next.and_then(|id| state.position(id)) {
                sum = sum.plus(running.principal());
                if origin.holding != ix || running.product != holding.product {
                    broken.push(format!("holding {}: a position of another holding", ix.0));
                }
                next = position_link(origin.previous_in_holding);
            }
            if sum != holding.staked.get() {
                broken.push(format!("holding {}: kept {} ground {}", ix.0, holding.staked.get().units(), sum.units()));
            }
        }
    }
    finding("a holding's total is its positions' principal", &broken, format!("{} holdings", state.holdings.len()))
}

fn positions_are_sound(state: &State) -> Finding {
    let mut broken = Vec::new();
    for (index, (running, origin)) in state.running.iter().zip(state.origins.iter()).enumerate() {
        let principal = running.principal();
        let active = running.is_active();
        let of = |product: &Product| (product.kind.accrues(), product.keeps_principal());
        let (accrues, keeps_principal) = state.product(running.product).map_or((false, false), of);
        let sound = running.carry.get() < DAY_DIVISOR
            && principal.units() <= crate::limits::AMOUNT_UNITS_MAX
            && active != principal.is_zero()
            && active == origin.closed_at().is_none()
            && active == state.active().contains(index)
            && (active || running.accrued.get().is_zero())
            && (!active || origin.from_spot.get() <= principal)
            && (accrues || running.accrued.get().is_zero())
            && (!keeps_principal || !active || principal == origin.principal_opened.get());
        if !sound {
            broken.push(format!("position {}: {running:?} {origin:?}", PositionId::from_index(index)));
        }
    }
    finding(
        "every position is sound: carry, principal, state and parts fit each other",
        &broken,
        format!("{} positions", state.running.len()),
    )
}

fn renewals_name_each_other(state: &State) -> Finding {
    let mut broken = Vec::new();
    let mut renewals = 0u64;
    for (index, (running, origin)) in state.running.iter().zip(state.origins.iter()).enumerate() {
        let id = PositionId::from_index(index);
        let into = position_link(origin.renewed_into);
        if (running.state == PositionState::Renewed) != into.is_some() {
            broken.push(format!("position {id}: renewed without a successor, or the reverse"));
        }
        if let Some(next) = into {
            renewals = renewals.saturating_add(1);
            if state.position(next).and_then(|(_, origin)| position_link(origin.renewed_from)) != Some(id) {
                broken.push(format!("position {id}: its successor {next} does not name it"));
            }
        }
    }
    finding("a renewed position and its successor name each other", &broken, format!("{renewals} renewals"))
}

fn closed_days_have_books(state: &State) -> Finding {
    let mut broken = Vec::new();
    let mut expected = state.registry.platform.offset.day_of(state.registry.platform.created_at);
    for (day, books) in &state.registry.books {
        if *day != expected {
            broken.push(format!("expected {expected}, found {day}"));
        }
        expected = day.next();
        if books.iter().any(|books| !books.control.is_balanced() || !books.sub_ledger.agrees_with(&books.control)) {
            broken.push(format!("the books of {day} do not balance"));
        }
    }
    if expected != state.registry.open_day {
        broken.push(format!("the last closed day is before {expected}, the open day is {}", state.registry.open_day));
    }
    finding(
        "every day since the first is closed once, in order, with balanced books",
        &broken,
        format!("{} days closed, {} is open", state.registry.books.len(), state.registry.open_day),
    )
}

/// What networks paid for customers is there until they get it: never less than nothing, never less than what is told of its age, and no
/// asset without a product that passes it on has any.
fn yields_are_there(state: &State) -> Finding {
    let mut broken = Vec::new();
    for (index, control) in state.registry.control.iter().enumerate() {
        let asset = AssetIx::from_index(index);
        let kept = state.undistributed_by_age(asset);
        let (stands, undistributed) = (control.balance(LedgerAccount::YieldUndistributed), state.undistributed(asset));
        let is_empty = stands.units() == 0 && kept.is_zero();
        if undistributed.minus(kept).is_overdrawn() || !(state.passes_on(asset) || is_empty) {
            broken.push(format!("{}: {} undistributed, {} by age", symbol(state, index), undistributed.units(), kept.units()));
        }
    }
    finding("what networks paid for customers is undistributed or theirs", &broken, format!("{} assets", state.registry.control.len()))
}

/// What networks took and nobody has borne stands on `slashing_loss`, nothing else does, and no loss gave back more than was borne.
fn losses_are_borne_or_open(state: &State) -> Finding {
    let mut broken = Vec::new();
    for (index, control) in state.registry.control.iter().enumerate() {
        let (asset, stands) = (AssetIx::from_index(index), control.balance(LedgerAccount::SlashingLoss));
        let open = state.treasury.losses_stand(asset);
        if stands != open {
            broken.push(format!("{}: {} on slashing_loss, {} open", symbol(state, index), stands.units(), open.units()));
        }
    }
    for (index, loss) in state.treasury.losses().iter().enumerate() {
        let Some(borne) = loss.borne else { continue };
        let mut shares = borne.by.parts().into_iter().zip(borne.recovered.parts());
        let is_over = borne.by.total() != loss.amount
            || shares.any(|((_, by), (_, recovered))| recovered > by)
            || borne.recovered.customers > borne.by.customers
            || borne.by.customers > loss.bearing.at_most;
        let bearers = loss.bearing.positions.iter().chain(loss.bearing.exits.iter());
        let by_customers = bearers.fold(Amount::ZERO, |sum, bearer| sum.plus(bearer.borne.get()));
        if is_over || by_customers != loss.bearing.sharing.map_or(borne.by.customers, |sharing| sharing.given) {
            broken.push(format!("loss {}: {borne:?}, customers {}", index.saturating_add(1), by_customers.units()));
        }
    }
    let figures = format!("{} losses", state.treasury.losses().len());
    finding("what networks took is borne by somebody or stands as a loss", &broken, figures)
}

/// An overdrawn pool breaks nothing, but it is said (RULES 7).
fn pool_is_shown(state: &State) -> Finding {
    let mut lines = Vec::new();
    for (index, control) in state.registry.control.iter().enumerate() {
        for account in [LedgerAccount::RewardPool, LedgerAccount::Custody] {
            if control.balance(account).is_overdrawn() {
                lines.push(format!("{} {} is overdrawn: {}", symbol(state, index), account.name(), control.balance(account).units()));
            }
        }
    }
    let figures = if lines.is_empty() { "no reward pool and no custody account is overdrawn".to_owned() } else { lines.join("; ") };
    Finding { name: "overdrawn reward pools and custody are named (a notice, not a fault)", holds: true, figures }
}
