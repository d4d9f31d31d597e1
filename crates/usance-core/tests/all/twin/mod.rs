//! The slow twin: the rules again, written the way one would explain them, sharing no arithmetic with the core.
//!
//! It counts on decimal digits as taught at school, keeps every subscription as a lot with its own value date, and
//! knows no carry: what a position earned on a day is the floor of all its numerators over D, less the floor of those
//! before. It answers every command of a random history with the code the rules ask for, and after every close and
//! every command all balances, positions and books have to agree with the machine's.

mod rules;
mod school;

use crate::driver::Engine;
use crate::world::{self, ASSETS, CUSTOMERS, Dice, PRODUCTS};
use proptest::prelude::{ProptestConfig, proptest};
use proptest::test_runner::FileFailurePersistence;
use rules::{Twin, account_name};
use std::collections::BTreeMap;
use usance_core::id::PositionId;
use usance_core::ledger::LedgerAccount;
use usance_core::machine::{Command, view};
use usance_core::position::PositionState;
use usance_core::reward::clawback::AccountKind::{Funding, Spot};

/// Everything that a customer, an operator or an auditor can see of money.
fn compare(engine: &Engine, twin: &Twin, after: &str) {
    let state = &engine.state;
    assert_eq!(state.broken, None, "{after}");
    assert_eq!(i64::from(state.registry.open_day.number()), twin.today, "{after}");
    for (index, (symbol, _)) in ASSETS.into_iter().enumerate() {
        let control = |account| state.registry.control[index].balance(account).units();
        let kept = |of: &BTreeMap<&'static str, i128>| of.get(symbol).copied().unwrap_or_default();
        assert_eq!(control(LedgerAccount::Custody), kept(&twin.custody), "{after}: custody of {symbol}");
        assert_eq!(control(LedgerAccount::RewardPool), kept(&twin.pool), "{after}: reward pool of {symbol}");
        for customer in CUSTOMERS {
            for account in [Spot, Funding] {
                let kept = twin.balances.get(&(customer.to_owned(), symbol, account_name(account))).copied().unwrap_or_default();
                assert_eq!(engine.balance(customer, symbol, account).units(), kept, "{after}: {account:?} {symbol} of {customer}");
            }
        }
    }
    for name in PRODUCTS.into_iter().filter(|name| twin.products.contains_key(*name)) {
        let product = state.product_ix(name).and_then(|ix| state.product(ix)).expect("a product");
        assert_eq!((product.staked.units(), product.status), (twin.staked(name, None), twin.products[name].status), "{after}: {name}");
    }
    assert_eq!(state.running.len(), twin.positions.len(), "{after}: positions");
    for (index, kept) in twin.positions.iter().enumerate() {
        let seen = view::position(state, PositionId::from_index(index)).expect("a position");
        let pending: u128 = kept.lots.iter().filter(|lot| lot.value_date > twin.today).map(|lot| lot.units).sum();
        let from_spot = if kept.state == PositionState::Active { kept.from_spot } else { 0 };
        let link = |id: PositionId| usize::try_from(id.0).expect("few positions");
        let clawed_back = if kept.state == PositionState::RedeemedEarly { kept.distributed - kept.written_off } else { 0 };
        assert_eq!(
            (seen.state, seen.principal.units(), seen.pending.units(), seen.from_spot.units(), seen.accrued.units()),
            (kept.state, kept.principal(), pending, from_spot, kept.accrued),
            "{after}: state, principal, pending, from_spot, accrued of position {}",
            index + 1
        );
        assert_eq!(
            (seen.distributed.units(), seen.written_off.units(), seen.clawed_back.units(), seen.auto_renew, seen.renewed_into.map(link)),
            (kept.distributed, kept.written_off, clawed_back, kept.auto_renew, kept.renewed_into),
            "{after}: distributed, written_off, clawed_back, auto_renew, renewed_into of position {}",
            index + 1
        );
        assert_eq!(i64::from(seen.value_date.number()), kept.value_date, "{after}: value date of position {}", index + 1);
    }
}

/// Lets both answer one command.
fn run_both(engine: &mut Engine, twin: &mut Twin, command: &Command, at: usance_core::calendar::Timestamp) {
    let answer = twin.run(command, at.ms());
    let seen = engine.run(command, at).map(|_| ()).map_err(|rejection| rejection.code());
    assert_eq!(seen, answer, "{command:?} at {at}");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/all/seeds.txt"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_machine_and_its_twin_agree(history in world::history()) {
        let (mut engine, commands) = world::found(&history.founding.0);
        let created_at = engine.state.registry.last_at;
        let today = i64::from(engine.state.registry.open_day.number());
        let offset_ms = i64::from(engine.offset().minutes()) * 60_000;
        let mut twin = Twin { offset_ms, today, now: created_at.ms(), ..Twin::default() };
        for command in &commands {
            run_both(&mut engine, &mut twin, command, created_at);
        }
        for turn in &history.turns {
            let dice = &mut Dice(&turn.0);
            let at = world::when(&engine, dice);
            while engine.state.registry.open_day < engine.offset().day_of(at) {
                engine.close_day();
                twin.close_day();
                compare(&engine, &twin, &format!("after the close before {}", engine.state.registry.open_day));
            }
            let command = world::what(&engine, dice);
            run_both(&mut engine, &mut twin, &command, at);
            compare(&engine, &twin, &format!("after {command:?} at {at}"));
        }
    }
}
