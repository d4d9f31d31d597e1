//! What customers bear of a loss where their product's terms say so (TREASURY 8), computed by hand.

use super::begun::Scene;
use super::losses::{asset, units};
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::{AssetIx, PositionId};
use usance_core::ledger::LedgerAccount::{Custody, CustomerPrincipal, LossReserve, RedemptionsQueued, RewardPool, SlashingLoss};
use usance_core::machine::verb::{Attest, Patch, ProductText, Redeem, ReserveSide, SaleText};
use usance_core::machine::{Answer, Command, Rejection, preview, view};
use usance_core::money::{Amount, Rate};
use usance_core::person::proposal::Matter;
use usance_core::position::PositionState;
use usance_core::product::{Distribution, EarlyRedemption, Kind, RateMode, SlashingTerms, StakingTerms, Status};
use usance_core::reward::clawback::AccountKind;
use usance_core::treasury::loss::Loss;
use usance_core::treasury::queue::{Exit, ExitStanding};

const NO_RATE: &str = "0";

impl Scene {
    /// A product whose slashing is shared, which pays nothing, so that only losses move principal.
    fn shared(&mut self, id: &str, kind: Kind) {
        let accrues = kind.accrues();
        let product = ProductText {
            id: id.into(),
            asset: asset(),
            name: id.into(),
            kind,
            rates: vec![(Day::from_number(0), vec![(None, Rate::parse(NO_RATE).expect("a rate"))])],
            rate_mode: Some(RateMode::Floating),
            distribution: Some(if accrues { Distribution::AtMaturity } else { Distribution::Daily }),
            early_redemption: accrues.then_some(EarlyRedemption::Clawback),
            staking: StakingTerms { slashing: SlashingTerms::Shared, ..StakingTerms::default() },
            sale: SaleText { renewal: Patch::Set(accrues), ..SaleText::default() },
        };
        self.ok(&Command::CreateProduct(Box::new(product)));
        self.ok(&Command::SetProductStatus { product: id.into(), status: Status::Open });
    }
    fn allocate(&mut self, loss: u64, [reserve, pool, customers]: [u128; 3]) {
        let [reserve, pool, customers] = [reserve, pool, customers].map(|units| units.to_string());
        self.both(Matter::AllocateLoss { loss, asset: asset(), reserve, commission: "0".into(), pool, customers });
    }
    fn redeem(&self, customer: &str, position: u64, amount: Option<u128>) -> Redeem {
        let state = &self.engine.state;
        let position = Some(PositionId(position));
        let text = amount.map(|units| units.to_string());
        let shown = preview::redemption(state, customer, position, text.as_deref(), None, self.at).expect("a preview");
        let quoted_payout = Some(shown.figures.payout.units().to_string());
        Redeem { customer: customer.into(), position, amount: text, to: None, quoted_payout, quoted_from_funding: None }
    }
    fn exits(&self, customer: &str) -> Vec<Exit> {
        let customer = self.engine.state.customer_ix(customer).expect("a customer");
        self.engine.state.treasury.queue().of_customer(customer).copied().collect()
    }
    fn principal(&self, position: u64) -> (u128, u128) {
        let state = &self.engine.state;
        let view = view::position(state, PositionId(position)).expect("a position");
        (view.principal.units(), state.principal_lost(PositionId(position)).units())
    }
    fn spot(&self, customer: &str) -> u128 {
        self.engine.balance(customer, "ATOM", AccountKind::Spot).units()
    }
    /// The wallet has what the books say that it has.
    fn attest(&mut self) {
        let (amount, movement) = (self.stands(Custody).to_string(), self.engine.state.registry.counters.wallet_moves);
        self.ok(&Command::Attest(Attest { asset: asset(), amount, at: self.at, movement }));
    }
    fn all_turns_are_over(&self) {
        let over = |loss: &Loss| loss.bearing.sharing.is_none() && loss.bearing.returning.is_none();
        assert!(self.engine.state.treasury.losses().iter().all(over));
    }
}

/// 10,000,000 units are staked, and 400,000 are slashed: 4 %. Alice has 30,001 in a shared product and bob 69,999, with 1,000 that wait for
/// their value date. Carol is not there yet.
fn slashed() -> Scene {
    let mut scene = Scene::begun();
    scene.ok(&Command::FundRewardPool { asset: asset(), amount: "20000000".into() });
    scene.ok(&Command::FundLossReserve { asset: asset(), amount: "350000".into(), from: ReserveSide::Custody });
    scene.shared("shared", Kind::Flexible);
    scene.stake("alice", "shared", 30_001);
    scene.stake("bob", "shared", 69_999);
    scene.close();
    scene.at = Timestamp::from_ms(scene.at.ms() + 1);
    scene.stake("bob", "shared", 1_000);
    scene.slashed(400_000);
    scene
}

#[test]
fn customers_bear_their_part_of_the_treasury_pro_rata_and_the_rest_of_a_unit_is_the_platforms() {
    let mut scene = slashed();
    let bearing = &scene.engine.state.treasury.loss(1).expect("a loss").bearing;
    // 400,000 * 100,000 / 10,000,000: what waits for its value date bears nothing.
    assert_eq!((bearing.principal.units(), bearing.at_most.units(), bearing.count()), (100_000, 4_000, 2));
    let beyond = scene.proposed(Matter::AllocateLoss {
        loss: 1,
        asset: asset(),
        reserve: "0".into(),
        commission: "0".into(),
        pool: "395999".into(),
        customers: "4001".into(),
    });
    assert_eq!(beyond, Err(Rejection::TermsInvalid { reason: "customers may bear 4000 of this loss".into() }));
    let (principal, pool) = (scene.stands(CustomerPrincipal), scene.stands(RewardPool));
    scene.allocate(1, [350_000, 46_001, 3_999]);
    scene.all_turns_are_over();
    // 3,999 * 30,001 / 100,000 are 1,199.7, and 3,999 * 69,999 / 100,000 are 2,799.2; one unit is left over.
    assert_eq!((scene.principal(1), scene.principal(2)), ((28_802, 1_199), (68_200, 2_799)));
    assert_eq!((scene.stands(SlashingLoss), scene.stands(CustomerPrincipal)), (0, principal - 3_998));
    assert_eq!((scene.stands(LossReserve), scene.stands(RewardPool)), (0, pool - 46_002));
    // 1,000 come back to the wallet. Reserve and pool get 990, customers 10: alice 2.99 and bob 7.001; one is left over.
    scene.both(Matter::RecoverLoss { loss: 1, asset: asset(), amount: "1000".into(), difference: None });
    scene.all_turns_are_over();
    assert_eq!((scene.funding("alice"), scene.funding("bob")), (2, 7));
    assert_eq!((scene.stands(SlashingLoss), scene.principal(1)), (0, (28_802, 1_199)));
    assert_eq!(scene.stands(LossReserve), 875);
    scene.close();
    scene.check_replay();
}

#[test]
fn who_leaves_before_it_is_said_who_bears_keeps_back_what_it_would_bear() {
    let mut scene = slashed();
    let spot = scene.spot("alice");
    // What stays bears enough: 1,200 of 30,001 at most.
    assert!(matches!(scene.ok(&Command::Redeem(scene.redeem("alice", 1, Some(28_000)))), Answer::Redeemed { .. }));
    // 500 stay: 701 are kept back, so that with them it has one unit more than it may lose.
    let asked = scene.redeem("alice", 1, Some(1_501));
    let shown = preview::redemption(&scene.engine.state, "alice", Some(PositionId(1)), Some("1501"), None, scene.at).expect("a preview");
    assert_eq!(shown.withheld, units(701));
    assert!(
        matches!(scene.ok(&Command::Redeem(asked)), Answer::ExitQueued { waits, withheld, .. } if waits == units(701) && withheld == waits)
    );
    assert_eq!((scene.spot("alice"), scene.stands(RedemptionsQueued)), (spot + 28_000 + 800, 701));
    // Bob leaves whole: 2,799 wait, and 68,200 are his.
    scene.ok(&Command::QueueExit(scene.redeem("bob", 2, None)));
    assert_eq!((scene.spot("bob"), scene.exits("bob")[0].left().units()), (100_000_000 - 70_999 + 68_200, 2_799));
    let (customer, agreement) = ("bob".to_owned(), "v1".to_owned());
    let again = Command::CancelExit { customer, redemption: scene.exits("bob")[0].redemption, agreement };
    assert_eq!(scene.run(&again), Err(Rejection::ExitWithheld { asset: AssetIx(0), withheld: units(2_799) }));
    scene.close();
    assert_eq!(scene.stands(RedemptionsQueued), 3_500, "nothing is paid of what is withheld, though coins are there");
    scene.attest();
    // Half of it: alice bears 600, all of it of what was kept back; bob 1,399.
    scene.allocate(1, [350_000, 48_000, 2_000]);
    scene.all_turns_are_over();
    assert_eq!(scene.principal(1), (500, 0), "its own was not needed");
    let alice = scene.exits("alice")[0];
    assert_eq!((alice.standing, alice.lost.units(), alice.withheld.units()), (ExitStanding::Paid, 600, 0));
    let bob = scene.exits("bob")[0];
    assert_eq!((bob.standing, bob.lost.units()), (ExitStanding::Paid, 1_399));
    assert_eq!((scene.spot("alice"), scene.spot("bob")), (spot + 28_801 + 100, 100_000_000 - 1_399));
    assert_eq!((scene.stands(RedemptionsQueued), scene.stands(SlashingLoss)), (0, 0));
    scene.close();
    scene.check_replay();
}

#[test]
fn what_waited_already_bears_and_a_term_that_ends_keeps_back_what_it_would_bear() {
    let mut scene = Scene::begun();
    scene.shared("term", Kind::FixedTerm { term_days: 2 });
    scene.shared("shared", Kind::Flexible);
    scene.stake("alice", "term", 50_000);
    scene.stake("bob", "term", 30_000);
    let (customer, position) = ("bob".to_owned(), Some(PositionId(2)));
    scene.ok(&Command::SetAutoRenew { customer, position, auto_renew: true });
    scene.stake("bob", "shared", 20_000);
    scene.close();
    // The wallet's word is too old to pay anybody: bob waits with his 20,000.
    scene.at = Timestamp::from_ms(scene.at.ms() + 86_400_000 / 2);
    scene.ok(&Command::QueueExit(scene.redeem("bob", 3, None)));
    scene.slashed(1_000_000);
    let bearing = &scene.engine.state.treasury.loss(1).expect("a loss").bearing;
    assert_eq!((bearing.positions.len(), bearing.exits.len(), bearing.at_most.units()), (2, 1, 10_000));
    assert_eq!(scene.exits("bob")[0].payable().units(), 18_000);
    scene.at = Timestamp::from_ms(scene.at.ms() - 86_400_000 / 2);
    scene.close();
    scene.close();
    // Alice's term has ended: 45,000 are hers, 5,000 wait. Bob's goes on in another position, which bears.
    assert_eq!((scene.principal(1), scene.exits("alice")[0].withheld.units()), ((0, 0), 5_000));
    assert_eq!(view::position(&scene.engine.state, PositionId(2)).map(|view| view.state), Some(PositionState::Renewed));
    assert_eq!(scene.engine.state.owed_by(PositionId(4)).units(), 3_000);
    // A second slash while the first is open: what the first may take bears nothing of it.
    scene.slashed(90_000);
    let bearing = &scene.engine.state.treasury.loss(2).expect("a loss").bearing;
    // 27,000 of the position, and the 18,000 that waits for coins.
    assert_eq!((bearing.principal.units(), bearing.count()), (45_000, 2));
    scene.allocate(1, [0, 990_000, 10_000]);
    assert_eq!((scene.principal(4), scene.principal(2)), ((27_000, 3_000), (0, 0)));
    let alice = scene.exits("alice")[0];
    assert_eq!((alice.standing, alice.lost.units()), (ExitStanding::Lost, 5_000));
    assert_eq!((scene.exits("bob")[0].lost.units(), scene.exits("bob")[0].left().units()), (2_000, 18_000));
    scene.allocate(2, [0, 90_000, 0]);
    scene.all_turns_are_over();
    assert_eq!(scene.exits("bob")[0].withheld, Amount::ZERO, "nothing of the second is theirs");
    assert_eq!((scene.stands(SlashingLoss), scene.stands(Custody)), (0, 190_000_000));
    scene.close();
    scene.check_replay();
}
