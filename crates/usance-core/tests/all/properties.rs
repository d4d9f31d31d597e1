//! What holds after every command of any history: the books, the refusals, the previews, the derived lines, and that the
//! same log gives the same state.
//!
//! The histories are those of `world`. Whether the amounts themselves are right say the golden cases and the simulator's auditor (`usance-sim`).

use crate::driver::{Engine, Line, by_position, hash, through_parts};
use crate::past;
use crate::world::{self, History};
use proptest::prelude::{ProptestConfig, proptest};
use proptest::test_runner::FileFailurePersistence;
use std::collections::BTreeMap;
use usance_core::audit;
use usance_core::calendar::Timestamp;
use usance_core::id::{AssetIx, PositionId};
use usance_core::ledger::LedgerAccount;
use usance_core::machine::rejection::AmountField;
use usance_core::machine::verb::{
    LossReserveFunded, LossReserveWithdrawn, Redeemed, ReserveSide, RewardPoolFunded, RewardPoolWithdrawn, Subscribed, Verb, clock, redeem,
    subscribe,
};
use usance_core::machine::view::{self, Prospect};
use usance_core::machine::{Command, Event, Rejection, State, execute};
use usance_core::money::Amount;
use usance_core::position::PositionState;
use usance_core::product::{Availability, RateMode};
use usance_core::treasury::apart::PlaceKind;
use usance_core::treasury::explain::Explained;
use usance_core::treasury::moves::MoveKind;
use usance_workload::Dice;

/// What an asset's coins come to, from the ground: every account and position, and the pool.
fn coins(state: &State, asset: usize) -> i128 {
    let units = |amount: Amount| i128::try_from(amount.units()).expect("an amount");
    let accounts = state.accounts.iter().filter(|account| account.asset.index() == asset);
    let in_accounts: i128 = accounts.map(|account| units(account.spot) + units(account.funding)).sum();
    let positions = state.running.iter().filter(|running| state.product(running.product).is_some_and(|own| own.asset.index() == asset));
    let in_positions: i128 = positions.map(|running| units(running.principal()) + units(running.accrued.get())).sum();
    let in_line: i128 = state.treasury.queue().in_line(AssetIx::from_index(asset)).map(|exit| units(exit.left())).sum();
    let of = |account| state.registry.control[asset].balance(account).units();
    in_accounts + in_positions + in_line + of(LedgerAccount::RewardPool) + of(LedgerAccount::LossReserve)
}

/// What came in from outside and went out again, by asset.
#[derive(Default)]
struct Outside(BTreeMap<usize, i128>);

impl Outside {
    fn note(&mut self, event: &Event) {
        let (asset, amount, sign) = match event {
            Event::Deposited(moved) => (moved.asset, moved.amount, 1),
            Event::Withdrawn(moved) => (moved.asset, moved.amount, -1),
            Event::RewardPoolFunded(RewardPoolFunded { asset, amount }) => (*asset, *amount, 1),
            Event::RewardPoolWithdrawn(RewardPoolWithdrawn { asset, amount }) => (*asset, *amount, -1),
            Event::LossReserveFunded(LossReserveFunded { asset, amount, from: ReserveSide::Custody }) => (*asset, *amount, 1),
            Event::LossReserveWithdrawn(LossReserveWithdrawn { asset, amount, to: ReserveSide::Custody }) => (*asset, *amount, -1),
            Event::TopUpSent(top_up) => (top_up.asset, top_up.sent.amount, -1),
            Event::SweepReceived(sweep) => (sweep.asset, sweep.amount, 1),
            Event::PictureTaken(taken) if taken.aside.is_none() => return self.note_opened(&taken.assets, &taken.explained),
            Event::PictureConfirmed(confirmed) => return self.note_opened(&confirmed.assets, &confirmed.explained),
            _ => return,
        };
        *self.0.entry(asset.index()).or_default() += sign * i128::try_from(amount.units()).expect("an amount");
    }
    /// What a treasury begins with comes out of the wallet, but for what can be claimed.
    fn note_opened(&mut self, assets: &[AssetIx], explained: &Explained) {
        for one in &explained.moves {
            if matches!(one.kind, MoveKind::Opened(PlaceKind::Liquid | PlaceKind::Staked | PlaceKind::Unbonding)) {
                let asset = assets[usize::try_from(one.coin).expect("a number")];
                *self.0.entry(asset.index()).or_default() -= i128::try_from(one.amount.units()).expect("an amount");
            }
        }
    }
}

/// Coins that are not in the wallet. What is held apart may be used on the network before somebody says what it is.
const IN_THE_TREASURY: [LedgerAccount; 5] = [
    LedgerAccount::InTransit,
    LedgerAccount::TreasuryLiquid,
    LedgerAccount::TreasuryStaked,
    LedgerAccount::TreasuryUnbonding,
    LedgerAccount::TreasuryClaimable,
];
/// What networks took.
const GONE: [LedgerAccount; 3] = [LedgerAccount::SlashingLoss, LedgerAccount::NetworkFees, LedgerAccount::NetworkRounding];

fn check_books(state: &State, outside: &Outside, after: &str) {
    assert_eq!(state.broken, None, "{after}");
    let findings = audit::audit(state);
    assert!(audit::is_healthy(&findings), "{after}: {findings:#?}");
    for (index, control) in state.registry.control.iter().enumerate() {
        let custody = control.balance(LedgerAccount::Custody).units();
        assert_eq!(custody, outside.0.get(&index).copied().unwrap_or_default(), "{after}: custody is what came in and stayed");
        let sum = |accounts: &[LedgerAccount]| accounts.iter().map(|account| control.balance(*account).units()).sum::<i128>();
        let there = custody + sum(&IN_THE_TREASURY) + sum(&GONE);
        let claims = coins(state, index)
            + sum(&[
                LedgerAccount::OtherIncome,
                LedgerAccount::OpeningEquity,
                LedgerAccount::YieldUndistributed,
                LedgerAccount::CommissionIncome,
            ]);
        assert_eq!(there, claims, "{after}: no coin is made or lost");
        for account in LedgerAccount::ALL {
            let may_be_overdrawn = matches!(account, LedgerAccount::Custody | LedgerAccount::RewardPool | LedgerAccount::NetworkRounding)
                || IN_THE_TREASURY.contains(&account);
            assert!(may_be_overdrawn || !control.balance(account).is_overdrawn(), "{after}: {} is negative", account.name());
        }
    }
}

/// What was shown right before a command.
enum Shown {
    Subscription(Result<Subscribed, Rejection>),
    /// And the payout that its sender was quoted.
    Redemption(Result<Redeemed, Rejection>, Option<String>),
    Nothing,
}

fn preview(state: &State, command: &Command, at: Timestamp) -> Shown {
    match command {
        Command::Subscribe(asked) => {
            let whole = subscribe::Asked {
                customer: &asked.customer,
                product: &asked.product,
                amount: &asked.amount,
                source: Some(asked.source),
                agreement: Some(&asked.agreement),
                auto_renew: asked.auto_renew,
            };
            let shown = subscribe::check(state, &whole, at);
            check_open_preview(state, &whole, at, &shown);
            Shown::Subscription(shown)
        }
        Command::Redeem(asked) => {
            let shown = redeem::check(state, &asked.customer, asked.position, asked.amount.as_deref(), asked.to);
            Shown::Redemption(shown, asked.quoted_payout.clone())
        }
        _ => Shown::Nothing,
    }
}

/// A preview that leaves source and agreement open sees the same subscription, and fails where the whole one does, but
/// for what it leaves open.
fn check_open_preview(state: &State, asked: &subscribe::Asked<'_>, at: Timestamp, whole: &Result<Subscribed, Rejection>) {
    let open = subscribe::check(state, &subscribe::Asked { source: None, agreement: None, ..*asked }, at);
    match (open, whole) {
        (Ok(open), Ok(whole)) => {
            let dates =
                |event: &Subscribed| (event.position, event.product, event.amount(), event.value_date, event.rate_version, event.stake);
            assert_eq!(dates(&open), dates(whole));
        }
        (open, Err(Rejection::AgreementNotAccepted { .. } | Rejection::InsufficientBalance { .. })) => drop(open),
        (open, whole) => assert_eq!(open.err(), whole.as_ref().err().cloned()),
    }
}

/// A product that calls itself available takes its smallest amount from somebody with room and coins, and only then.
fn check_availability(state: &State, at: Timestamp) {
    for product in &state.registry.products {
        let decimals = state.asset(product.asset).expect("an asset").decimals;
        let amount = product.sale.smallest_allowed().to_text(decimals);
        let asked =
            subscribe::Asked { customer: "dora", product: &product.id, amount: &amount, source: None, agreement: None, auto_renew: false };
        let expected = match (subscribe::check(state, &asked, at), product.availability(at)) {
            (Err(Rejection::AbovePersonalMaximum { .. }), _) => continue, // says nothing about capacity
            (Ok(_), availability) => (availability, Availability::Available),
            (Err(Rejection::AboveCapacity { .. }), availability) => (availability, Availability::SoldOut),
            (Err(Rejection::ProductNotOpen), availability) => (availability, Availability::Unavailable),
            (Err(Rejection::OutsideSaleWindow { .. }), availability) => {
                assert!(matches!(availability, Availability::Upcoming | Availability::Ended), "{availability:?}");
                continue;
            }
            (Err(other), availability) => panic!("{}: {availability:?} and yet {other:?}", product.id),
        };
        assert_eq!(expected.0, expected.1, "{}", product.id);
    }
}

/// What a running term was said to bring, to be compared when it is over.
struct Promise {
    position: PositionId,
    prospect: Prospect,
    matures_at: Option<Timestamp>,
}

/// A locked term's figures are a promise; a floating one's are an estimate.
fn promises_of_new_positions(state: &State, known: usize, promises: &mut Vec<Promise>) {
    for index in known..state.running.len() {
        let position = PositionId::from_index(index);
        let (running, origin) = state.position(position).expect("a position");
        let product = state.product(running.product).expect("a product");
        if product.rate_mode == RateMode::Floating || !product.kind.accrues() {
            continue;
        }
        let amount = origin.principal_opened.get();
        let prospect = view::prospect(state, product, Amount::ZERO, amount, running.value_date);
        let dates = view::if_subscribed(state, product, running.value_date);
        let shown = view::position(state, position).expect("a position");
        assert_eq!((shown.matures_at, shown.next_distribution_at), (dates.matures_at, Some(dates.first_distribution_at)), "{position}");
        promises.push(Promise { position, prospect, matures_at: dates.matures_at });
    }
}

fn check_promises(engine: &Engine, promises: &[Promise]) {
    for promise in promises {
        let (running, origin) = engine.state.position(promise.position).expect("a position");
        let first = engine.derived_lines(promise.position).first().copied();
        if let Some(first) = first.filter(|line| line.day == running.value_date) {
            assert_eq!(first.amount, promise.prospect.reward_per_day, "position {}: its first day", promise.position);
        }
        if matches!(running.state, PositionState::Matured | PositionState::Renewed) {
            let total = promise.prospect.total_reward_at_maturity;
            assert_eq!(Some(running.distributed.get()), total, "position {}: its whole term", promise.position);
            assert_eq!(origin.closed_at(), promise.matures_at, "position {}: its end", promise.position);
        }
    }
}

/// An accepted command is one event of its own kind, and what follows of it; proposals and orders that expired are written down before it, and
/// the plans that closes ask for; the closes before it are one event each, day after day.
fn check_order(engine: &Engine, logged_before: usize, command: &Command, accepted: bool, open_day_before: usance_core::calendar::Day) {
    let mut day = open_day_before;
    let (closes, own) = engine.log[logged_before..].split_at(engine.log.len() - logged_before - usize::from(accepted));
    let is_none = |events: &[Event]| matches!(events, [Event::ProposalExpired(_) | Event::OrdersExpired(_) | Event::OrdersPlanned(_), ..]);
    for record in closes.iter().filter(|record| !is_none(&record.events)) {
        let [Event::DayClosed(closed)] = record.events.as_slice() else { panic!("only closes come before a command: {:?}", record.events) };
        assert_eq!((closed.day, record.at), (day, engine.offset().first_instant(day.next())));
        day = day.next();
    }
    assert_eq!(day, engine.state.registry.open_day, "every day on the way is closed");
    for record in own {
        let [event, effects @ ..] = record.events.as_slice() else { panic!("one command, one event: {:?}", record.events) };
        let carries_out = matches!(event, Event::ProposalSigned(signed) if signed.carries_out);
        let (plans, carried): (Vec<&Event>, Vec<&Event>) = effects.iter().partition(|event| matches!(event, Event::OrdersPlanned(_)));
        assert_eq!(carried.len(), usize::from(carries_out), "what follows of a command: {effects:?}");
        let may_plan = |event: &&Event| matches!(event, Event::PictureTaken(_) | Event::PictureConfirmed(_) | Event::PolicySet(_));
        let asks = carried.iter().copied().chain([event]).any(|event| may_plan(&event));
        assert!(plans.len() <= usize::from(asks), "a plan follows of a picture or a policy: {effects:?}");
        // What is queued where nobody has to wait is paid at once.
        let is_paid_at_once = matches!((command, event), (Command::QueueExit(_), Event::Redeemed(_)));
        let fits = is_paid_at_once || Verb::of_event(event) == Some(Verb::of(command));
        assert!(fits, "{command:?} became {event:?}");
    }
}

/// What was shown is what was booked, or the same refusal; only the quote is checked after a redemption's preview.
fn check_shown(state: &State, shown: Shown, refused: Option<&Rejection>, booked: Option<&Event>) {
    match shown {
        Shown::Subscription(Ok(event)) => {
            let (running, _) = state.position(event.position).expect("a position");
            assert_eq!(running.rate_version, event.rate_version, "the prospect was that of the rates it earns by");
            assert_eq!(booked, Some(&Event::Subscribed(Box::new(event))));
        }
        Shown::Subscription(Err(rejection)) => assert_eq!(refused, Some(&rejection)),
        Shown::Redemption(Ok(event), quoted) => match refused {
            None => assert_eq!(booked, Some(&Event::Redeemed(Box::new(event)))),
            Some(Rejection::QuoteChanged { figures, .. }) => assert_eq!(**figures, event.figures),
            Some(Rejection::AmountInvalid { field: AmountField::QuotedPayout }) => {
                let asset = state.product(event.product).and_then(|product| state.asset(product.asset)).expect("an asset");
                assert!(quoted.is_some_and(|quoted| Amount::parse(&quoted, asset.decimals).is_err()), "the quote was an amount");
            }
            Some(other) => panic!("{other:?} after a preview that was fine"),
        },
        Shown::Redemption(Err(rejection), _) => assert_eq!(refused, Some(&rejection)),
        Shown::Nothing => {}
    }
}

/// Several days closed at once are the same as one by one with reads and commands that change nothing in between.
fn close_both_ways(engine: &mut Engine, at: Timestamp, promises: &mut Vec<Promise>) {
    let target = engine.offset().day_of(at);
    if engine.state.registry.open_day >= target {
        return;
    }
    let mut slow = Engine { state: engine.state.clone(), log: Vec::new(), rewards: Vec::new(), distributions: Vec::new() };
    while slow.state.registry.open_day < target {
        let known = slow.state.running.len();
        slow.close_day();
        promises_of_new_positions(&slow.state, known, promises);
        let now = slow.state.registry.last_at;
        let nothing = Command::Transfer {
            customer: "alice".to_owned(),
            asset: "SOL".to_owned(),
            from: usance_core::reward::clawback::AccountKind::Spot,
            to: usance_core::reward::clawback::AccountKind::Spot,
            amount: "1".to_owned(),
        };
        assert_eq!(execute(&mut slow.state, &nothing, now).outcome, Err(Rejection::SameAccount));
        execute(&mut slow.state, &Command::MoveClock { to: now }, now).outcome.expect("to now is fine");
    }
    slow.plan();
    engine.close_before(at);
    assert!(slow.state == engine.state, "closing up to {target} at once and one by one differ");
}

/// Derived lines are the observed ones, and sum to what each position was paid, is owed and lost.
fn check_history(engine: &Engine, forfeited: &BTreeMap<u64, Amount>) {
    let mut observed: Vec<Line> = engine.rewards.clone();
    observed.sort_unstable();
    let derived = engine.derived_rewards();
    assert_eq!(derived, observed, "history derives what the closes gave");
    let sums = by_position(&derived);
    for (index, running) in engine.state.running.iter().enumerate() {
        let id = PositionId::from_index(index).0;
        let lost = forfeited.get(&id).copied().unwrap_or_default();
        let whole = running.distributed.get().plus(running.accrued.get()).plus(lost);
        assert_eq!(sums.get(&id).copied().unwrap_or_default(), whole, "position {id}: its lines sum to what it earned");
    }
}

fn check_replay(engine: &Engine) {
    let again = engine.replayed();
    assert!(again == engine.state, "the log gives the same state again");
    assert_eq!(hash(&again), hash(&engine.state));
    let back = through_parts(&engine.state);
    assert!(back == engine.state, "a state comes back from its parts");
    assert_eq!(hash(&back), hash(&engine.state));
}

fn run(history: &History) {
    let (mut engine, commands) = world::found(&history.founding.0);
    let (mut outside, mut promises, mut forfeited) = (Outside::default(), Vec::new(), BTreeMap::new());
    let founded_at = engine.state.registry.last_at;
    let dora = Command::CreateCustomer { id: "dora".to_owned() };
    for command in commands.iter().chain([&dora]) {
        engine.run(command, founded_at).unwrap_or_else(|rejection| panic!("{command:?}: {rejection:?}"));
        engine.log.last().expect("a record").events.iter().for_each(|event| outside.note(event));
    }
    for turn in &history.turns {
        let dice = &mut Dice::of(&turn.0);
        let at = world::when(&engine, dice);
        let (logged, open_day) = (engine.log.len(), engine.state.registry.open_day);
        close_both_ways(&mut engine, at, &mut promises);
        let command = world::what(&engine, dice);
        if let Command::MoveClock { to } = &command
            && clock::check_move(&engine.state, *to).is_ok()
        {
            close_both_ways(&mut engine, *to, &mut promises);
        }
        let at = at.max(engine.state.registry.last_at);
        let shown = preview(&engine.state, &command, at);
        let known = engine.state.running.len();
        let refused = engine.run(&command, at).err();
        let booked = if refused.is_none() { engine.log.last().map(|record| &record.events[0]) } else { None };
        if booked.is_some() {
            engine.log.last().expect("a record").events.iter().for_each(|event| outside.note(event));
        }
        if let Some(Event::Redeemed(event)) = booked {
            forfeited.insert(event.position.0, event.figures.forfeited_accrued);
        }
        check_shown(&engine.state, shown, refused.as_ref(), booked);
        check_order(&engine, logged, &command, refused.is_none(), open_day);
        promises_of_new_positions(&engine.state, known, &mut promises);
        check_books(&engine.state, &outside, &format!("after {command:?} at {at}"));
        check_availability(&engine.state, at.max(engine.state.registry.last_at));
    }
    check_promises(&engine, &promises);
    check_history(&engine, &forfeited);
    past::check(&engine);
    check_replay(&engine);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/all/seeds.txt"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_history_keeps_its_promises(history in world::history()) {
        run(&history);
    }
}
