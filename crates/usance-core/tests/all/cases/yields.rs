//! What a network pays for customers (TREASURY 7), computed by hand: an asset without decimals, days that begin at their first instant,
//! and 3,650,000 units staked, on which 1,000 a day are a tenth a year.

use super::begun::{FIRST, Scene, rate};
use proptest::prelude::{ProptestConfig, proptest};
use usance_core::calendar::Timestamp;
use usance_core::id::{AssetIx, PositionId, ProductIx};
use usance_core::ledger::LedgerAccount::{self, CommissionIncome, CustomerFunding, RewardPool, RewardsPayable, YieldUndistributed};
use usance_core::machine::verb::{Attest, Redeem, ReserveSide};
use usance_core::machine::{Answer, Command, Event, Rejection, yields};
use usance_core::money::Rate;
use usance_core::product::{Kind, YieldTerms};
use usance_core::treasury::yields::NetworkYield;

const NONE: YieldTerms = YieldTerms::Reference;

fn network(over_days: u32, step: &str) -> YieldTerms {
    YieldTerms::Network { over_days, step: rate(step) }
}

#[test]
fn a_days_earnings_are_divided_by_who_earned_and_every_division_keeps_its_rest() {
    let mut scene = Scene::begun();
    scene.product("pass", Kind::Flexible, network(90, "1"), ("alice", 1_000_000));
    scene.product("own", Kind::Flexible, NONE, ("bob", 3_000_000));
    scene.ok(&Command::SettleRate { product: "own".into(), day: scene.engine.state.registry.open_day, rate: Rate::ZERO });
    scene.ok(&Command::SetNetworkYield {
        network: "hub".into(),
        terms: NetworkYield { commission: rate("0.1"), ..NetworkYield::default() },
    });
    // A quarter of 101 is 25.25; a tenth of that share is the platform's.
    let days = [(25 - 2, 2, 76), (25 - 3, 3, 76), (25 - 2, 2, 76), (26 - 3, 3, 75)];
    let (mut net, mut commission, mut pool) = (0, 0, 0);
    for (to_customers, kept, to_pool) in days {
        scene.settle("pass", "0");
        if scene.at.ms() > FIRST {
            scene.settle("own", "0");
        }
        scene.earn(100);
        scene.earn(1);
        assert_eq!(scene.stands(YieldUndistributed), net + 101, "it waits for the close of its day");
        assert_eq!(scene.stands(RewardPool), pool, "and nobody can take it out before");
        scene.close();
        (net, commission, pool) = (net + to_customers, commission + kept, pool + to_pool);
        assert_eq!((scene.stands(YieldUndistributed), scene.stands(CommissionIncome), scene.stands(RewardPool)), (net, commission, pool));
    }
    scene.check_replay();
}

#[test]
fn without_a_product_that_passes_it_on_all_is_the_pools_at_once() {
    let mut scene = Scene::begun();
    scene.product("own", Kind::Flexible, NONE, ("bob", 3_000_000));
    scene.settle("own", "0");
    scene.earn(101);
    assert_eq!((scene.stands(YieldUndistributed), scene.stands(RewardPool)), (0, 101));
    scene.close();
    assert_eq!((scene.stands(YieldUndistributed), scene.stands(RewardPool)), (0, 101));
    let events = scene.engine.log.iter().flat_map(|record| &record.events);
    assert!(events.filter_map(|event| if let Event::DayClosed(closed) = event { Some(closed.rule) } else { None }).all(|rule| rule == 1));
}

/// 1,000 are earned a day, by alice alone; three days are averaged.
fn steady(step: &str) -> Scene {
    let mut scene = Scene::begun();
    scene.product("pass", Kind::Flexible, network(3, step), ("alice", 3_650_000));
    scene
}

#[test]
fn a_start_is_an_operators_until_there_are_days_enough_and_then_rates_rise_by_a_step() {
    let mut scene = steady("0.03");
    // Nothing is there on the first day; the carry of one position has room on the others.
    let days = [
        ("0.02", "0.00000000", 1_000),
        ("0.02", "0.02000000", 1_800),
        ("0.02", "0.02000000", 2_600),
        ("", "0.05000000", 3_100),
        ("", "0.08000000", 3_300),
        ("", "0.10000000", 3_300),
        ("0.01", "0.01000000", 4_200),
        ("", "0.04000000", 4_800),
    ];
    for (asked, settled, left) in days {
        if !asked.is_empty() {
            scene.settle("pass", asked);
        }
        scene.earn(1_000);
        scene.close();
        assert_eq!((scene.settled(0).as_str(), scene.stands(YieldUndistributed)), (settled, left));
    }
    assert_eq!(scene.funding("alice"), 8 * 1_000 - 4_800);
    scene.check_replay();
}

#[test]
fn an_operator_who_settles_what_a_network_paid_says_why() {
    let mut scene = steady("0.03");
    let (product, day) = (|| "pass".to_owned(), scene.engine.state.registry.open_day);
    let said = |reason: &str| Command::SettleRateFor { product: product(), day, rate: rate("0.02"), reason: reason.into() };
    let is_refused = |told: Result<Answer, Rejection>| assert!(matches!(told, Err(Rejection::TermsInvalid { .. })), "{told:?}");
    is_refused(scene.run(&Command::SettleRate { product: product(), day, rate: rate("0.02") }));
    is_refused(scene.run(&said("")));
    is_refused(scene.run(&said(&"x".repeat(513))));
    let settled = scene.ok(&said("The network is young."));
    assert_eq!(settled, Answer::Settled { product: ProductIx(0), day, rate: rate("0.02") });
    let of = |scene: &Scene| scene.engine.state.treasury.yields()[&AssetIx(0)].clone();
    let ahead = yields::to_settle(&scene.engine.state);
    assert_eq!((ahead[&ProductIx(0)].reason.as_deref(), ahead[&ProductIx(0)].rate), (Some("The network is young."), Rate::ZERO));
    scene.close();
    assert_eq!(of(&scene).why, ahead, "what was to be settled was settled");
    assert!(of(&scene).reasons.is_empty(), "a day that is closed needs no word any more");
    scene.close();
    assert_eq!(of(&scene).why[&ProductIx(0)].reason, None);
    scene.check_replay();
}

#[test]
fn a_day_that_nobody_settles_pays_what_is_there_and_at_most_the_reference() {
    let mut scene = steady("0.03");
    scene.earn(1_000);
    scene.close();
    scene.earn(9_000);
    scene.close();
    // 999 of 1,000 on 3,650,000: the last may be a carry's.
    assert_eq!((scene.settled(0).as_str(), scene.funding("alice")), ("0.09990000", 999));
    scene.close();
    assert_eq!((scene.settled(0).as_str(), scene.funding("alice")), ("0.36500000", 999 + 3_650));
}

#[test]
fn whoever_comes_is_paid_what_is_there_and_never_more() {
    let mut scene = steady("1");
    for _ in 0..4 {
        scene.settle("pass", "0.1");
        scene.earn(1_000);
        scene.close();
    }
    assert_eq!(
        (scene.stands(YieldUndistributed), scene.funding("alice")),
        (1_000 + 1, 2_999),
        "0.0999 on the first day that had something"
    );
    // Ten times as much comes in the middle of a day: it waits, and takes nothing off that day.
    scene.at = Timestamp::from_ms(scene.at.ms() + 1);
    scene.stake("bob", "pass", 36_500_000);
    scene.earn(1_000);
    scene.at = Timestamp::from_ms(scene.at.ms() - 1);
    scene.close();
    assert_eq!((scene.settled(0).as_str(), scene.funding("alice")), ("0.10000000", 3_999));
    // 1,001 are there, and two carries: 999 on 40,150,000 are 0.00908181, whatever the days before came to.
    scene.earn(11_000);
    scene.close();
    assert_eq!((scene.settled(0).as_str(), scene.funding("alice"), scene.funding("bob")), ("0.00908181", 3_999 + 90, 908));
    assert_eq!(scene.stands(YieldUndistributed), 1_001 - 90 - 908 + 11_000);
    // From then on what they earned together is averaged: 13,000 on 3,650,000 twice and 40,150,000 once, which is the same.
    scene.earn(11_000);
    scene.close();
    assert_eq!(scene.settled(0).as_str(), "0.10000000", "11,003 are there");
    scene.earn(11_000);
    scene.close();
    assert_eq!(scene.settled(0).as_str(), "0.10000000");
    scene.check_replay();
}

#[test]
fn a_gap_is_spread_over_its_days_and_no_day_is_paid_twice() {
    let mut scene = steady("1");
    for _ in 0..4 {
        scene.settle("pass", "0.1");
        scene.earn(1_000);
        scene.close();
    }
    // Four days without a picture: the average falls as days without earnings enter it, and what is there is spent.
    let quiet = [("0.10000000", 1_000), ("0.00000000", 0), ("0.00000000", 0), ("0.00000000", 0)];
    let mut paid = scene.funding("alice");
    for (settled, more) in quiet {
        scene.close();
        paid += more;
        assert_eq!((scene.settled(0).as_str(), scene.funding("alice")), (settled, paid));
    }
    // A lump of five days comes. It is in the books of this day alone, and in the averages of all five.
    scene.earn(5_003);
    scene.close();
    assert_eq!((scene.settled(0).as_str(), scene.stands(YieldUndistributed)), ("0.00000000", 1 + 5_003));
    let days = &scene.engine.state.treasury.yields()[&AssetIx(0)].days;
    assert_eq!(days.iter().map(|day| day.net.units()).collect::<Vec<_>>(), [1_000, 1_000, 1_003], "as many days as are averaged are kept");
    // Its average is 0.1001 for these three days, and it is earned once: a day pays a day.
    scene.earn(1_000);
    scene.close();
    assert_eq!((scene.settled(0).as_str(), scene.funding("alice")), ("0.10010000", paid + 1_001));
    assert_eq!(scene.divided(), (10_003, 0));
    assert_eq!(scene.funding("alice") as i128 + scene.stands(YieldUndistributed), 10_003);
    scene.check_replay();
}

#[test]
fn what_an_early_exit_gives_up_returns_to_where_it_came_from_and_is_new() {
    let mut scene = Scene::begun();
    let terms = NetworkYield { undistributed_days: 3, ..NetworkYield::default() };
    scene.ok(&Command::SetNetworkYield { network: "hub".into(), terms });
    scene.product("term", Kind::FixedTerm { term_days: 30 }, network(90, "1"), ("alice", 3_650_000));
    for _ in 0..3 {
        scene.settle("term", "0.1");
        scene.earn(1_000);
        scene.close();
    }
    assert_eq!((scene.stands(YieldUndistributed), scene.stands(RewardsPayable), scene.funding("alice")), (1_001, 0, 1_999));
    // Coins are there and the wallet says so: nobody waits.
    scene.ok(&Command::Attest(Attest { asset: "ATOM".into(), amount: "200000000".into(), at: scene.at, movement: 2 }));
    scene.ok(&Command::FundLossReserve { asset: "ATOM".into(), amount: "20000000".into(), from: ReserveSide::Custody });
    let (payout, customer) = ((3_650_000 - 1_999).to_string(), "alice".to_owned());
    let exit =
        Redeem { customer, position: Some(PositionId(1)), amount: None, to: None, quoted_payout: Some(payout), quoted_from_funding: None };
    scene.ok(&Command::QueueExit(exit));
    assert_eq!((scene.stands(YieldUndistributed), scene.stands(RewardPool)), (3_000, 0));
    // Nobody is left: a day's earnings are the pool's, and what came first passes to it after three days. What came back is of its day.
    scene.earn(1_000);
    scene.close();
    assert_eq!(
        (scene.stands(YieldUndistributed), scene.stands(RewardPool)),
        (3_000, 1_000),
        "one unit of the first day was a carry's, and is paid"
    );
    scene.close();
    assert_eq!((scene.stands(YieldUndistributed), scene.stands(RewardPool)), (2_999, 1_001));
    scene.close();
    assert_eq!((scene.stands(YieldUndistributed), scene.stands(RewardPool)), (1_999, 2_001));
    scene.close();
    assert_eq!((scene.stands(YieldUndistributed), scene.stands(RewardPool)), (0, 4_000));
    scene.check_replay();
}

#[test]
fn a_reserve_is_set_aside_and_what_goes_out_is_covered() {
    let mut scene = steady("1");
    let (asset, reserve) = (|| "ATOM".to_owned(), LedgerAccount::LossReserve);
    let fund = |amount: &str, from| Command::FundLossReserve { asset: "ATOM".into(), amount: amount.into(), from };
    let back = |amount: &str, to| Command::WithdrawLossReserve { asset: "ATOM".into(), amount: amount.into(), to };
    let missing =
        |units| Err(Rejection::InsufficientBalance { asset: AssetIx(0), available: usance_core::money::Balance::from_units(units) });
    assert_eq!(scene.run(&fund("1", ReserveSide::RewardPool)), missing(0));
    scene.ok(&Command::FundRewardPool { asset: asset(), amount: "500".into() });
    scene.ok(&fund("300", ReserveSide::RewardPool));
    scene.ok(&fund("50", ReserveSide::Custody));
    assert_eq!((scene.stands(reserve), scene.stands(RewardPool)), (350, 200));
    assert_eq!(scene.run(&back("351", ReserveSide::RewardPool)), missing(350));
    scene.ok(&back("100", ReserveSide::RewardPool));
    // 10,000,000 went to the network and 3,650,000 are staked: nothing covers what would go out.
    let covered = scene.engine.state.covered(AssetIx(0)).expect("a treasury");
    assert_eq!(covered.units(), 200_000_000 - 10_000_000 + 550 - (200_000_000 - 3_650_000));
    assert_eq!(scene.run(&back("1", ReserveSide::Custody)), Err(Rejection::CoverageInsufficient { asset: AssetIx(0), covered }));
    assert_eq!(scene.run(&Command::WithdrawCommission { asset: asset(), amount: "1".into() }), missing(0));
    scene.check_replay();
}

/// What was earned for customers is with them, is undistributed, or has passed to the pool, whatever they do.
fn conserve(turns: &[(u8, u32, u8)]) {
    let mut scene = Scene::begun();
    let terms = NetworkYield { commission: rate("0.07"), undistributed_days: 4 };
    scene.ok(&Command::SetNetworkYield { network: "hub".into(), terms });
    scene.product("pass", Kind::Flexible, network(2, "0.02"), ("alice", 1_000_003));
    scene.product("term", Kind::FixedTerm { term_days: 3 }, network(5, "0.5"), ("bob", 77_777));
    scene.product("own", Kind::Flexible, NONE, ("bob", 500_001));
    for (what, amount, times) in turns {
        let (amount, state) = (u128::from(*amount), &scene.engine.state);
        match what % 6 {
            0 | 1 => scene.earn(amount % 20_000),
            2 => scene.stake("bob", "pass", amount + 1),
            3 => scene.stake("alice", "term", amount % 50_000 + 1),
            4 => {
                let open: Vec<_> =
                    (1..=state.running.len() as u64).filter(|id| state.position(PositionId(*id)).unwrap().0.is_active()).collect();
                if let Some(id) = open.get(usize::from(*times) % open.len().max(1)).copied() {
                    let (running, _) = scene.engine.state.position(PositionId(id)).unwrap();
                    let customer = scene
                        .engine
                        .state
                        .customers
                        .get(scene.engine.state.accounts.get(running.account.index()).unwrap().customer.index());
                    let customer = customer.unwrap().id.to_string();
                    let mut asked = Redeem {
                        customer,
                        position: Some(PositionId(id)),
                        amount: None,
                        to: None,
                        quoted_payout: None,
                        quoted_from_funding: None,
                    };
                    // Where nothing is covered it waits; what it gives up is given up at once.
                    let shown = scene.engine.preview(&asked, scene.at).expect("an exit");
                    asked.quoted_payout = Some(shown.figures.payout.to_text(0));
                    asked.quoted_from_funding = Some(shown.figures.clawback_from_funding.to_text(0));
                    scene.engine.run(&Command::QueueExit(asked), scene.at).expect("an exit");
                }
            }
            _ => scene.settle(["pass", "term"][usize::from(*times) % 2], ["0", "0.1", "0.365"][usize::from(*times) % 3]),
        }
        for _ in 0..times % 3 {
            scene.close();
            let (net, passed) = scene.divided();
            let lines = scene.engine.state.running.iter().zip(scene.engine.state.origins.iter());
            let credited: i128 = lines
                .filter(|(running, _)| running.product.0 != 2)
                .map(|(running, _)| {
                    let left_early = running.state == usance_core::position::PositionState::RedeemedEarly;
                    let all = running.distributed.get().plus(running.accrued.get()).units() as i128;
                    if left_early { 0 } else { all }
                })
                .sum();
            let undistributed = scene.engine.state.undistributed(AssetIx(0)).units();
            assert!(undistributed >= 0);
            assert_eq!(credited + undistributed + passed as i128, net as i128);
        }
    }
    assert_eq!(scene.stands(CustomerFunding), (scene.funding("alice") + scene.funding("bob")) as i128);
    scene.check_replay();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_was_earned_for_customers_is_theirs_undistributed_or_passed_on(
        turns in proptest::collection::vec((proptest::num::u8::ANY, 0u32..2_000_000, proptest::num::u8::ANY), 20..60)
    ) {
        conserve(&turns);
    }
}
