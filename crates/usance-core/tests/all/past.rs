//! The past of any history, told again: a close's shares sum to its entries, a statement walks back to nothing, and what a
//! customer earned is what its lines say.

use crate::driver::Engine;
use std::collections::BTreeMap;
use usance_core::calendar::Day;
use usance_core::id::{AssetIx, CustomerIx, PositionId, ProductIx};
use usance_core::ledger::{ControlAccounts, LedgerAccount, Whose};
use usance_core::machine::derive::{self, CloseLine, CloseSum, Past, RewardState};
use usance_core::machine::movement::{Movement, of_close};
use usance_core::machine::{Event, account, post, verb};
use usance_core::money::{Amount, Balance};
use usance_core::position::PositionState;
use usance_core::reward::clawback::AccountKind;

/// What every close did to one position, and whose it is.
struct Told {
    past: Past,
    customer: CustomerIx,
    lines: Vec<CloseLine>,
}

fn told(engine: &Engine) -> Vec<Told> {
    let state = &engine.state;
    let last_closed = state.registry.open_day.previous();
    let tell = |index: usize| {
        let past = Past::of(state, PositionId::from_index(index)).expect("a position");
        let customer = state.accounts.get(past.running.account.index()).expect("an account").customer;
        let mut lines = Vec::new();
        let always = (Day::from_number(i32::MIN), Day::from_number(i32::MAX));
        past.closes(state, &engine.segments(past.id), last_closed, always, |line| lines.push(line));
        Told { past, customer, lines }
    };
    (0..state.running.len()).map(tell).collect()
}

/// Looks at all of it.
pub fn check(engine: &Engine) {
    let told = told(engine);
    shares_sum_to_the_entries(engine, &told);
    statements_walk_back_to_nothing(engine, &told);
    sums_are_those_of_the_lines(engine, &told);
    parts_of_a_past_are_parts_of_the_whole(engine, &told);
}

fn shares_sum_to_the_entries(engine: &Engine, told: &[Told]) {
    let mut whole: BTreeMap<(Day, ProductIx), ControlAccounts> = BTreeMap::new();
    for event in engine.log.iter().flat_map(|record| &record.events) {
        let Event::DayClosed(closed) = event else { continue };
        for entry in verb::post(&engine.state, event).expect("balanced") {
            let Whose::Product(product) = entry.whose() else { panic!("a close is of products") };
            whole.entry((closed.day, product)).or_default().post(&entry);
        }
    }
    let mut shares: BTreeMap<(Day, ProductIx), ControlAccounts> = BTreeMap::new();
    for (one, line) in told.iter().flat_map(|one| one.lines.iter().map(move |line| (one, line))) {
        for entry in post::share_of_close(one.customer, line).expect("balanced") {
            assert_eq!(entry.whose(), Whose::Customer(one.customer));
            shares.entry((line.day, line.product)).or_default().post(&entry);
        }
    }
    assert_eq!(shares, whole, "the shares of a close sum to its entries");
}

fn statements_walk_back_to_nothing(engine: &Engine, told: &[Told]) {
    let state = &engine.state;
    let mut movements: Vec<(CustomerIx, Movement)> = Vec::new();
    for event in engine.log.iter().flat_map(|record| &record.events) {
        for entry in verb::post(state, event).expect("balanced") {
            let Whose::Customer(customer) = entry.whose() else { continue };
            let mut change = ControlAccounts::default();
            change.post(&entry);
            let [spot, funding] = [LedgerAccount::CustomerSpot, LedgerAccount::CustomerFunding].map(|account| change.balance(account));
            movements.extend(verb::movements(event, entry.asset(), spot, funding).into_iter().map(|movement| (customer, movement)));
        }
    }
    movements.extend(told.iter().flat_map(|one| one.lines.iter().flat_map(of_close).map(|movement| (one.customer, movement))));
    let mut left: BTreeMap<(CustomerIx, AssetIx, bool), Balance> = BTreeMap::new();
    for account in state.accounts.iter() {
        for (is_spot, amount) in [(true, account.spot), (false, account.funding)] {
            left.insert((account.customer, account.asset, is_spot), Balance::ZERO.plus(amount));
        }
    }
    for (customer, movement) in movements {
        assert_ne!(movement.amount, Balance::ZERO, "{movement:?}");
        let key = (customer, movement.asset, movement.account == AccountKind::Spot);
        let balance = left.get_mut(&key).expect("a movement has an account");
        *balance = balance.before(movement.amount);
    }
    left.retain(|_, balance| *balance != Balance::ZERO);
    assert_eq!(left, BTreeMap::new(), "every balance is the sum of its movements");
}

/// However a past is cut into stretches of days: the lines of each are those of the whole, and so is what they moved together.
fn parts_of_a_past_are_parts_of_the_whole(engine: &Engine, told: &[Told]) {
    let state = &engine.state;
    let last_closed = state.registry.open_day.previous();
    for one in told {
        let (past, segments) = (&one.past, engine.segments(one.past.id));
        let first = past.first_day(state);
        // All stretches of short pasts, and some of long ones.
        let step = usize::try_from(last_closed.since(first) / 24).unwrap_or(0) + 1;
        for from in (first.number() - 1..=last_closed.number()).step_by(step).map(Day::from_number) {
            let days = |length: i32| (from, from.plus_days(length));
            for (from, to) in [days(0), days(1), days(6), days(40), (first.previous(), from)] {
                let within: Vec<CloseLine> = one.lines.iter().filter(|line| (from..=to).contains(&line.day)).cloned().collect();
                let mut lines = Vec::new();
                past.closes(state, &segments, last_closed, (from, to), |line| lines.push(line));
                assert_eq!(lines, within, "{} from {from} to {to}", past.id);
                let mut sum = CloseSum::default();
                for line in &within {
                    let end = line.maturity.map(|end| (end.to_spot, end.to_funding)).unwrap_or_default();
                    sum.paid = sum.paid.plus(line.paid);
                    (sum.to_spot, sum.to_funding) = (sum.to_spot.plus(end.0), sum.to_funding.plus(end.1));
                }
                assert_eq!(past.moved(state, &segments, last_closed, (from, to)), sum, "{} from {from} to {to}", past.id);
            }
            // Nothing moved behind the day that is said to be the last.
            let moved = one.lines.iter().filter(|line| line.day <= from && !of_close(line).is_empty()).map(|line| line.day).max();
            assert!(past.moved_last(state, last_closed, from) >= moved, "{} up to {from}", past.id);
        }
    }
}

fn sums_are_those_of_the_lines(engine: &Engine, told: &[Told]) {
    let state = &engine.state;
    let sum = |lines: &mut dyn Iterator<Item = &CloseLine>| lines.fold(Amount::ZERO, |sum, line| sum.plus(line.reward));
    for one in told {
        let of = |wanted: RewardState| sum(&mut one.lines.iter().filter(|line| line.state == wanted));
        let (running, id) = (&one.past.running, one.past.id);
        assert_eq!(of(RewardState::Accrued), running.accrued.get(), "{id}");
        assert_eq!(of(RewardState::Paid).plus(of(RewardState::ClawedBack)), running.distributed.get(), "{id}");
        let paid = one.lines.iter().fold(Amount::ZERO, |sum, line| sum.plus(line.paid));
        assert_eq!(paid, running.distributed.get(), "{id}");
        let earned = derive::earned(state, id, &engine.segments(id));
        assert_eq!((earned.days, earned.rewards), (one.lines.len() as u64, sum(&mut one.lines.iter())), "{id}");
        assert_eq!(earned.rewards, derive::booked(running, of(RewardState::Forfeited)), "{id}");
        let was_left_early = running.state == PositionState::RedeemedEarly;
        assert!(was_left_early || of(RewardState::Forfeited).is_zero(), "{id}");
    }
    let yesterday = state.registry.open_day.previous();
    for account in state.accounts.iter() {
        let view = account::account(state, account.customer, account.asset, state.registry.last_at).expect("an account");
        let own = || told.iter().filter(|one| (one.customer, one.past.asset) == (account.customer, account.asset));
        let kept = || own().filter(|one| one.past.running.state != PositionState::RedeemedEarly).flat_map(|one| &one.lines);
        assert_eq!(view.rewards_total, sum(&mut kept()));
        assert_eq!(view.rewards_yesterday, sum(&mut kept().filter(|line| line.day == yesterday)));
        assert_eq!(view.staked, own().fold(Amount::ZERO, |staked, one| staked.plus(one.past.running.principal())));
        assert_eq!((view.free, view.total), (account.spot.plus(account.funding), view.free.plus(view.staked)));
        assert!(view.earned_so_far <= view.earning_today);
    }
}
