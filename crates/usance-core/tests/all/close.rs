//! A close over several chunks of positions, closed ones in between: it gives what a close that looks at all of them gives,
//! and leaves alone what is closed.

use crate::driver::{Engine, instant, slow_digest, through_parts};
use proptest::prelude::{ProptestConfig, proptest};
use std::sync::Arc;
use usance_core::audit;
use usance_core::calendar::Day;
use usance_core::id::PositionId;
use usance_core::machine::state::ClockMode;
use usance_core::machine::verb::{Patch, ProductText, Redeem, SaleText, Source, Subscribe, WalletMove};
use usance_core::machine::{Command, Event, State, close, execute};
use usance_core::money::{Amount, Rate};
use usance_core::pieces::packed::Packed96;
use usance_core::pieces::{CHUNK_LEN, Column};
use usance_core::position::PositionState;
use usance_core::product::{Distribution, EarlyRedemption, Kind, StakingTerms, Status};
use usance_core::reward::clawback::AccountKind;
use usance_workload::SplitMix64;

/// Two terms, one of them over soon; both can be left.
const TERMS: [u32; 2] = [2, 30];

fn run(engine: &mut Engine, command: &Command) {
    let at = engine.state.registry.last_at;
    let done = execute(&mut engine.state, command, at);
    assert!(done.outcome.is_ok(), "{command:?}: {:?}", done.outcome);
}

fn found(customers: usize) -> Engine {
    let mut engine = Engine::new(ClockMode::Simulated, 0, instant("2026-01-01T00:00:00.000Z"));
    run(&mut engine, &Command::CreateAsset { symbol: "SOL".into(), name: "Solana".into(), decimals: 9, display_decimals: 6 });
    run(&mut engine, &Command::PublishAgreement { version: "v1".into(), text: "Terms.".into() });
    for term_days in TERMS {
        let product = ProductText {
            id: format!("term-{term_days}"),
            asset: "SOL".into(),
            name: "Term".into(),
            kind: Kind::FixedTerm { term_days },
            rates: vec![(Day::from_number(0), vec![(None, Rate::parse("0.05").expect("a rate"))])],
            rate_mode: None,
            distribution: Some(Distribution::Daily),
            early_redemption: Some(EarlyRedemption::Clawback),
            staking: StakingTerms::default(),
            sale: SaleText { capacity: Patch::Set("1000000000000".into()), renewal: Patch::Set(true), ..SaleText::default() },
        };
        run(&mut engine, &Command::CreateProduct(Box::new(product)));
        run(&mut engine, &Command::SetProductStatus { product: format!("term-{term_days}"), status: Status::Open });
    }
    for number in 0..customers {
        let customer = format!("c{number}");
        run(&mut engine, &Command::CreateCustomer { id: customer.clone() });
        let deposit = WalletMove {
            reference: format!("r{number}"),
            asset: "SOL".into(),
            account: AccountKind::Funding,
            amount: "1e9".into(),
            customer,
        };
        run(&mut engine, &Command::Deposit(deposit));
    }
    engine
}

fn subscribe(engine: &mut Engine, customer: usize, term_days: u32, amount: u64, auto_renew: bool) {
    let subscription = Subscribe {
        customer: format!("c{customer}"),
        product: format!("term-{term_days}"),
        amount: format!("{amount}"),
        source: Source::FundingThenSpot,
        agreement: "v1".into(),
        auto_renew,
    };
    run(engine, &Command::Subscribe(subscription));
}

/// Leaves the position at a place of the column.
fn leave(engine: &mut Engine, place: usize) {
    let position = PositionId::from_index(place);
    let (running, _) = engine.state.position(position).expect("a position");
    let account = engine.state.accounts.get(running.account.index()).expect("an account");
    let customer = engine.state.customers.get(account.customer.index()).expect("a customer").id.to_string();
    let asked = Redeem { customer, position: Some(position), amount: None, to: None, quoted_payout: None, quoted_from_funding: None };
    let at = engine.state.registry.last_at;
    let figures = engine.preview(&asked, at).unwrap_or_else(|rejection| panic!("{place}: {rejection:?}")).figures;
    let quoted_payout = Some(figures.payout.to_text(9));
    let quoted_from_funding = Some(figures.clawback_from_funding.to_text(9));
    run(engine, &Command::Redeem(Redeem { quoted_payout, quoted_from_funding, ..asked }));
}

fn assert_sound(state: &State) {
    assert_eq!(state.broken, None);
    let findings = audit::audit(state);
    assert!(audit::is_healthy(&findings), "{findings:#?}");
}

/// Which chunks two columns share.
fn shared<T: Clone>(one: &Column<T>, other: &Column<T>) -> Vec<bool> {
    one.chunks().iter().zip(other.chunks()).map(|(one, other)| Arc::ptr_eq(one, other)).collect()
}

#[test]
fn a_close_leaves_what_is_closed_shared_with_a_frozen_view() {
    // A customer of the second half has nothing but a position of the second chunk, and leaves it.
    let mut engine = found(2 * CHUNK_LEN);
    for (first, whose) in [(0, 0), (CHUNK_LEN, CHUNK_LEN), (2 * CHUNK_LEN, 0)] {
        assert_eq!(engine.state.running.len(), first);
        for number in 0..CHUNK_LEN {
            subscribe(&mut engine, whose + number, 30, 1_000, false);
        }
    }
    for place in CHUNK_LEN..2 * CHUNK_LEN {
        leave(&mut engine, place);
    }
    // On the first day everything waits for its value date.
    engine.close_day();
    let frozen = engine.state.clone();
    let day = engine.state.registry.open_day;
    let closed = close::close_day(&mut engine.state);
    assert_eq!((closed.day, closed.products[1].earning_positions), (day, 2 * CHUNK_LEN as u64));
    assert_eq!(shared(&engine.state.running, &frozen.running), [false, true, false]);
    assert_eq!(shared(&engine.state.origins, &frozen.origins), [true; 3]);
    assert_eq!(shared(&engine.state.accounts, &frozen.accounts), [false, true]);
    assert_eq!(closed.digest, slow_digest(&frozen));
    assert_sound(&engine.state);
}

#[test]
fn a_position_that_a_close_would_pass_over_stops_the_writer() {
    let mut engine = found(1);
    for amount in 1..=3 {
        subscribe(&mut engine, 0, 30, amount, false);
    }
    (0..3).for_each(|place| leave(&mut engine, place));
    engine.close_day();
    assert_eq!(engine.state.broken, None);
    // What a bug would do: the position is active again, and the close is not told.
    let running = engine.state.running.get_mut(1).expect("a position");
    (running.state, running.earning) = (PositionState::Active, Packed96::new(Amount::ONE));
    engine.state.registry.products[1].staked = Amount::ONE;
    assert!(!audit::is_healthy(&audit::audit(&engine.state)));
    close::close_day(&mut engine.state);
    let broken = engine.state.broken.expect("a broken invariant");
    assert_eq!(broken.invariant, "a close visits every active position");
    assert!(broken.seen.ends_with("product term-30: staked 1, visited 0"), "{}", broken.seen);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Positions end in runs of any length, so that words, chunks and their edges are closed, open or mixed. Each close is
    /// compared with one that looks at every position (`Engine::close_day`), and with that of a state that was read back.
    #[test]
    fn closed_positions_in_between_change_no_close(seed in proptest::num::u64::ANY, length in 1usize..3 * CHUNK_LEN) {
        let mut dice = SplitMix64::new(seed);
        let mut engine = found(40);
        for _ in 0..length {
            let (customer, term, amount) = (dice.below(40), TERMS[dice.below(4).min(1) as usize], 1 + dice.below(1_000_000));
            subscribe(&mut engine, customer as usize, term, amount, dice.once_in(2));
        }
        for _ in 0..4 {
            let mut place = 0;
            while place < engine.state.running.len() {
                let longest = [3, 64, 200, 5_000][dice.below(4) as usize];
                let until = (place + 1 + dice.below(longest) as usize).min(engine.state.running.len());
                let some = dice.below(3);
                for place in place..until {
                    let active = engine.state.position(PositionId::from_index(place)).expect("a position").0.is_active();
                    if active && (some == 0 || some == 1 && dice.once_in(2)) {
                        leave(&mut engine, place);
                    }
                }
                place = until;
            }
            let active = engine.state.running.iter().filter(|running| running.is_active()).count() as u64;
            assert_eq!(engine.state.active().count(), active);
            let mut back = through_parts(&engine.state);
            engine.close_day();
            let again = close::close_day(&mut back);
            let last = engine.log.last().map(|record| record.events.as_slice());
            assert_eq!(last, Some([Event::DayClosed(Box::new(again))].as_slice()));
            assert!(back == engine.state, "a state that was read back closes as the one that ran");
            assert_sound(&engine.state);
        }
    }
}
