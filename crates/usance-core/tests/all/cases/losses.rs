//! What networks took and who bears it (TREASURY 8), computed by hand.

use super::begun::{Scene, rate};
use super::network::validator;
use usance_core::id::AssetIx;
use usance_core::ledger::LedgerAccount::{
    CommissionIncome, Custody, LossReserve, RewardPool, SlashingLoss, TreasuryLiquid, TreasuryStaked,
};
use usance_core::machine::verb::ReserveSide;
use usance_core::machine::{Answer, Command, Rejection};
use usance_core::money::{Amount, Balance};
use usance_core::person::proposal::{DifferenceIs, Matter};
use usance_core::product::{Kind, YieldTerms};
use usance_core::treasury::loss::{Borne, Evidence, Shares};
use usance_core::treasury::network::SlashedFrom;
use usance_core::treasury::picture::{Happened, Inflow, Picture};
use usance_core::treasury::yields::NetworkYield;

pub fn units(units: u128) -> Amount {
    Amount::from_units(units)
}

fn shares(reserve: u128, commission: u128, pool: u128) -> Shares {
    Shares { reserve: units(reserve), commission: units(commission), pool: units(pool), customers: units(0) }
}

pub fn asset() -> String {
    "ATOM".to_owned()
}

fn allocate(loss: u64, reserve: &str, commission: &str, pool: &str) -> Matter {
    let text = str::to_owned;
    Matter::AllocateLoss {
        loss,
        asset: asset(),
        reserve: text(reserve),
        commission: text(commission),
        pool: text(pool),
        customers: text("0"),
    }
}

fn recover(loss: u64, amount: &str, difference: Option<u64>) -> Matter {
    Matter::RecoverLoss { loss, asset: asset(), amount: amount.to_owned(), difference }
}

impl Scene {
    /// The next picture, changed.
    fn shows(&mut self, change: impl FnOnce(&mut Picture)) {
        self.picture.number += 1;
        self.picture.height += 1;
        self.picture.time = self.at;
        change(&mut self.picture);
        let picture = Box::new(self.picture.clone());
        let told = self.ok(&Command::Observe { network: "hub".into(), picture });
        assert!(matches!(told, Answer::Picture { aside: None, .. }), "{told:?}");
        self.picture.inflows.clear();
    }
    /// A slash takes so much of what is with anna.
    pub fn slashed(&mut self, amount: u128) {
        self.shows(|picture| picture.validators = vec![validator("anna")]);
        self.shows(|picture| {
            let stake = &mut picture.delegations[0].stake;
            *stake = stake.left_after(units(amount));
            picture.happened = vec![Happened::Slashed { validator: "anna".into() }];
        });
        self.picture.happened.clear();
    }
    pub fn proposed(&mut self, matter: Matter) -> Result<Answer, Rejection> {
        self.run(&Command::Propose { matter: Box::new(matter), expires_at: None })
    }
    fn stand(&self) -> [i128; 4] {
        [SlashingLoss, LossReserve, CommissionIncome, RewardPool].map(|account| self.stands(account))
    }
}

#[test]
fn a_slash_is_a_loss_at_once_and_two_people_say_who_bears_it() {
    let mut scene = Scene::begun();
    scene.ok(&Command::FundRewardPool { asset: asset(), amount: "500".into() });
    scene.ok(&Command::FundLossReserve { asset: asset(), amount: "300".into(), from: ReserveSide::RewardPool });
    let pool = scene.stands(RewardPool);
    scene.slashed(1_000);
    assert_eq!((scene.stands(TreasuryStaked), scene.stand()), (9_999_000, [1_000, 300, 0, pool]));
    let loss = scene.engine.state.treasury.loss(1).expect("a loss").clone();
    let from = vec![SlashedFrom { validator: "anna".into(), name: "anna".into(), amount: units(1_000) }];
    assert_eq!(
        (loss.evidence, loss.amount, loss.found_at, loss.borne),
        (Evidence::Slash { picture: 3, from }, units(1_000), scene.at, None)
    );
    // What cannot be borne so is refused before anybody signs.
    let missing = |units| Err(Rejection::InsufficientBalance { asset: AssetIx(0), available: Balance::from_units(units) });
    let all = |reason: &str| Err(Rejection::TermsInvalid { reason: reason.to_owned() });
    assert_eq!(scene.proposed(allocate(2, "300", "0", "700")), Err(Rejection::LossNotFound));
    assert_eq!(scene.proposed(allocate(0, "300", "0", "700")), Err(Rejection::LossNotFound));
    assert_eq!(scene.proposed(allocate(1, "300", "0", "699")), all("the shares have to be all of the loss: 1000"));
    assert_eq!(scene.proposed(allocate(1, "301", "0", "699")), missing(300));
    assert_eq!(scene.proposed(allocate(1, "300", "1", "699")), missing(0));
    assert!(matches!(scene.proposed(allocate(1, "-1", "0", "1001")), Err(Rejection::AmountInvalid { .. })));
    assert_eq!(scene.proposed(recover(1, "1", None)), all("two people have to say who bears the loss first"));
    // The pool may be overdrawn by it: somebody has to bear it.
    scene.both(allocate(1, "3e2", "0", "700.0"));
    assert_eq!(scene.stand(), [0, 0, 0, pool - 700]);
    let borne = Borne { by: shares(300, 0, 700), at: scene.at, recovered: Shares::default() };
    assert_eq!(scene.engine.state.treasury.loss(1).expect("a loss").borne, Some(borne));
    assert_eq!(scene.proposed(allocate(1, "0", "0", "1000")), Err(Rejection::LossNotOpen));
    scene.close();
    scene.check_replay();
}

#[test]
fn what_people_sign_has_amounts_as_they_are_written_plainly() {
    let mut scene = Scene::begun();
    scene.slashed(1_000);
    scene.proposed(allocate(1, "0", "0e3", "1e3")).expect("it can be borne so");
    let proposed = scene.engine.state.people.proposal(scene.proposals + 1).expect("a proposal");
    let lines =
        [("loss", "1"), ("asset", "ATOM"), ("loss_reserve", "0"), ("commission_income", "0"), ("reward_pool", "1000"), ("customers", "0")];
    assert_eq!(proposed.matter.lines(), lines.map(|(name, value)| (name, value.to_owned())));
    assert_eq!(scene.proposed(allocate(1, "0", "0", "1000")), Err(Rejection::AlreadyExists), "however it is written");
}

#[test]
fn what_comes_back_goes_to_those_who_bore_it_in_proportion() {
    let mut scene = Scene::begun();
    scene.ok(&Command::FundLossReserve { asset: asset(), amount: "300".into(), from: ReserveSide::Custody });
    scene.slashed(1_000);
    scene.both(allocate(1, "300", "0", "700"));
    let (pool, custody) = (scene.stands(RewardPool), scene.stands(Custody));
    // Who validates sends a part of it to the treasury; nobody had told of it.
    scene.shows(|picture| {
        picture.liquid[0].amount = units(101);
        let (address, denomination) = ("addr1".to_owned(), "uatom".to_owned());
        picture.inflows = vec![Inflow { address, denomination, amount: units(101), from: "anna".into(), hash: "sorry".into() }];
    });
    let mistaken = |reason: &str| Err(Rejection::TermsInvalid { reason: reason.to_owned() });
    let other = "the difference is not so much of this asset beyond the books";
    assert_eq!(scene.proposed(recover(1, "100", Some(1))), mistaken(other));
    assert_eq!(scene.proposed(recover(1, "101", Some(2))), Err(Rejection::DifferenceNotFound));
    assert_eq!(scene.proposed(recover(1, "1001", None)), mistaken("of this loss 1000 can still come back"));
    scene.both(recover(1, "101", Some(1)));
    // 101 * 300 / 1,000 are 30.3: 30 and 71.
    assert_eq!((scene.stands(TreasuryLiquid), scene.stand()), (101, [0, 30, 0, pool + 71]));
    assert!(scene.engine.state.treasury.networks()[0].apart.is_empty());
    // The rest comes to the wallet: of 270 and 629 each gets all.
    scene.both(recover(1, "899", None));
    assert_eq!((scene.stands(Custody), scene.stand()), (custody + 899, [0, 300, 0, pool + 700]));
    assert_eq!(scene.proposed(recover(1, "1", None)), mistaken("of this loss 0 can still come back"));
    scene.close();
    scene.check_replay();
}

#[test]
fn a_difference_that_two_people_call_a_loss_is_one_and_commission_may_bear_it() {
    let mut scene = Scene::begun();
    // 40 units of stake are gone, and nothing says that anybody was slashed.
    scene.shows(|picture| {
        let stake = &mut picture.delegations[0].stake;
        *stake = stake.left_after(units(40));
    });
    scene.both(Matter::ExplainDifference { network: "hub".into(), number: 1, was: DifferenceIs::Loss });
    let loss = scene.engine.state.treasury.loss(1).expect("a loss");
    assert_eq!((&loss.evidence, loss.amount), (&Evidence::Difference { number: 1 }, units(40)));
    scene.slashed(1);
    assert_eq!(scene.engine.state.treasury.losses().len(), 1, "what may be rounding is no slash");
    scene.slashed(60);
    assert_eq!((scene.engine.state.treasury.losses_stand(AssetIx(0)).units(), scene.stands(SlashingLoss)), (100, 100));
    // What a day's commission came to bears a part.
    let terms = NetworkYield { commission: rate("1"), ..NetworkYield::default() };
    scene.product("pass", Kind::Flexible, YieldTerms::Network { over_days: 2, step: rate("1") }, ("alice", 1_000));
    scene.close();
    scene.ok(&Command::SetNetworkYield { network: "hub".into(), terms });
    scene.earn(50);
    scene.close();
    assert_eq!(scene.stands(CommissionIncome), 50);
    scene.both(allocate(2, "0", "50", "10"));
    assert_eq!(scene.stand(), [40, 0, 0, -10]);
    scene.close();
    scene.check_replay();
}
