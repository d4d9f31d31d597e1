//! What a plan asks for (TREASURY 9), in base units: by hand first, then over many grounds with a model that applies what was planned.

use super::network;
use std::collections::BTreeMap;
use usance_core::calendar::Timestamp;
use usance_core::id::AssetIx;
use usance_core::money::{Amount, Balance, Rate};
use usance_core::treasury::desk::Desk;
use usance_core::treasury::ground::Owed;
use usance_core::treasury::network::{Address, Coin, Destination, Network, NetworkTerms};
use usance_core::treasury::order::{Planned, Task};
use usance_core::treasury::picture::{Delegation, Liquid, Picture, Redelegation, Unbonding, ValidatorStatus};
use usance_core::treasury::plan::plan;
use usance_core::treasury::policy::{Approvals, Approved, Needed, Policy};
use usance_workload::SplitMix64;

const DAY_MS: i64 = 86_400_000;
const NOW: Timestamp = Timestamp::from_ms(100 * DAY_MS);

fn units(units: u128) -> Amount {
    Amount::from_units(units)
}

fn rate(text: &str) -> Rate {
    Rate::parse(text).unwrap()
}

pub fn policy() -> Policy {
    let needed = Needed { none_below: units(0), people: 1 };
    Policy {
        validators: vec![
            Approved { validator: "anna".to_owned(), weight: 1, cap: rate("0.6") },
            Approved { validator: "ben".to_owned(), weight: 3, cap: rate("0.6") },
        ],
        barred: vec!["mallory".to_owned()],
        buffer_low: rate("0.05"),
        buffer_target: rate("0.1"),
        buffer_high: rate("0.2"),
        gas_reserve: units(100),
        order_min: units(50),
        claim_above: units(500),
        claim_days: 7,
        entries_max: 3,
        commission_max: rate("0.1"),
        fee_max: units(20),
        order_life_ms: DAY_MS,
        halted_after_ms: DAY_MS,
        redelegates: true,
        cancels: true,
        approvals: Approvals {
            top_up: needed,
            delegate: needed,
            undelegate: needed,
            cancel_undelegation: needed,
            redelegate: needed,
            claim: Needed { none_below: units(1_000), people: 1 },
            sweep_one_below: units(200),
        },
    }
}

/// A network with a picture, a policy, and what customers and the wallet have to do with it.
pub struct Ground {
    pub network: Network,
    pub policy: Policy,
    pub owed: Owed,
}

impl Ground {
    /// Nothing is anywhere: one address, three validators that take part.
    pub fn empty() -> Ground {
        let terms = NetworkTerms { compounds: false, unbonding_ms: 21 * DAY_MS, earned_at_most: rate("0.5"), slashed_at_most: rate("0.1") };
        let picture = Picture {
            number: 4,
            time: NOW,
            addresses: vec!["addr1".to_owned()],
            validators: ["anna", "ben", "cleo", "mallory"].map(network::validator).to_vec(),
            ..network::empty()
        };
        let network = Network {
            name: "hub".to_owned(),
            chain_id: "hub-1".to_owned(),
            coins: vec![Coin { asset: AssetIx(0), denomination: "uatom".to_owned() }],
            terms,
            addresses: vec![Address { text: "addr1".to_owned(), added_at: NOW }, Address { text: "addr2".to_owned(), added_at: NOW }],
            destinations: vec![Destination { address: "wallet".to_owned(), memo: "42".to_owned() }],
            picture: Some(Box::new(picture)),
            aside: None,
            apart: Vec::new(),
            differences: 0,
            under_way: Vec::new(),
            last_slash: None,
            earnings: Default::default(),
            desk: Desk::default(),
        };
        Ground { network, policy: policy(), owed: Owed::default() }
    }
    pub fn picture(&mut self) -> &mut Picture {
        self.network.picture.as_mut().expect("a picture")
    }
    pub fn free(mut self, address: &str, amount: u128) -> Ground {
        let line = Liquid { address: address.to_owned(), denomination: "uatom".to_owned(), amount: units(amount) };
        self.picture().liquid.push(line);
        self
    }
    pub fn staked(mut self, validator: &str, amount: u128, claimable: u128) -> Ground {
        let (address, validator) = ("addr1".to_owned(), validator.to_owned());
        let line = Delegation { address, validator, stake: units(amount), claimable: units(claimable), shares: None };
        self.picture().delegations.push(line);
        self
    }
    fn freeing(mut self, validator: &str, started: u64, amount: u128) -> Ground {
        let completes_at = Timestamp::from_ms(NOW.ms() + i64::try_from(started).unwrap() * DAY_MS);
        let (address, validator) = ("addr1".to_owned(), validator.to_owned());
        self.picture().unbonding.push(Unbonding { address, validator, started, completes_at, balance: units(amount) });
        self
    }
    fn owing(mut self, principal: u128, queued: u128, covered: i128) -> Ground {
        self.owed = Owed { principal: units(principal), queued: units(queued), maturing: units(0), covered: Balance::from_units(covered) };
        self
    }
    fn out(mut self, validator: &str, status: ValidatorStatus) -> Ground {
        let seen = self.picture().validators.iter_mut().find(|seen| seen.validator == validator).expect("a validator");
        seen.status = status;
        self
    }
    fn plan(&self) -> Vec<Planned> {
        plan(&self.network, &self.policy, &self.owed, NOW)
    }
    /// The plan, one line an order.
    fn lines(&self) -> Vec<String> {
        let line = |planned: &Planned| {
            let words: Vec<String> = planned.task.lines().into_iter().map(|(_, value)| value).collect();
            format!("{} {} {}", planned.task.kind().word(), words.join(" "), planned.amount.units()).replace("  ", " ")
        };
        self.plan().iter().map(line).collect()
    }

    /// Applies an order at once, as the network and the wallet would in the end.
    fn happen(&mut self, planned: &Planned) {
        let amount = planned.amount;
        let place = |picture: &mut Picture, address: &str, validator: &str, change: &dyn Fn(Amount) -> Amount| {
            let line = picture.delegations.iter_mut().find(|line| line.address == address && line.validator == validator);
            match line {
                Some(line) => line.stake = change(line.stake),
                None => {
                    let (address, validator) = (address.to_owned(), validator.to_owned());
                    let stake = change(Amount::ZERO);
                    picture.delegations.push(Delegation { address, validator, stake, claimable: Amount::ZERO, shares: None });
                }
            }
        };
        let more = |was: Amount| was.plus(amount);
        let less = |was: Amount| was.checked_minus(amount).expect("no more than is there");
        let free = |picture: &mut Picture, address: &str, change: &dyn Fn(Amount) -> Amount| {
            let line = picture.liquid.iter_mut().find(|line| line.address == address);
            match line {
                Some(line) => line.amount = change(line.amount),
                None => {
                    let (address, denomination) = (address.to_owned(), "uatom".to_owned());
                    picture.liquid.push(Liquid { address, denomination, amount: change(Amount::ZERO) });
                }
            }
        };
        let signed = i128::try_from(amount.units()).unwrap();
        let started = u64::try_from(self.picture().unbonding.len()).unwrap() + 1_000;
        match &planned.task {
            Task::TopUp { address } => {
                self.owed.covered = Balance::from_units(self.owed.covered.units() - signed);
                free(self.picture(), address, &more);
            }
            Task::Sweep { address, .. } => {
                self.owed.covered = Balance::from_units(self.owed.covered.units() + signed);
                free(self.picture(), address, &less);
            }
            Task::Delegate { address, validator } => {
                free(self.picture(), address, &less);
                place(self.picture(), address, validator, &more);
            }
            Task::Undelegate { address, validator } => {
                place(self.picture(), address, validator, &less);
                let (address, validator) = (address.clone(), validator.clone());
                let completes_at = Timestamp::from_ms(NOW.ms() + 21 * DAY_MS);
                self.picture().unbonding.push(Unbonding { address, validator, started, completes_at, balance: amount });
            }
            Task::CancelUndelegation { address, validator, started } => {
                let same = |entry: &&mut Unbonding| entry.address == *address && entry.validator == *validator && entry.started == *started;
                let entry = self.picture().unbonding.iter_mut().find(same).expect("an entry");
                entry.balance = less(entry.balance);
                self.picture().unbonding.retain(|entry| !entry.balance.is_zero());
                place(self.picture(), address, validator, &more);
            }
            Task::Redelegate { address, from, to } => {
                place(self.picture(), address, from, &less);
                place(self.picture(), address, to, &more);
                let (address, from, to) = (address.clone(), from.clone(), to.clone());
                let until = Timestamp::from_ms(NOW.ms() + 21 * DAY_MS);
                self.picture().redelegations.push(Redelegation { address, from, to, until, amount });
            }
            Task::Claim { address, validator } => {
                let lines = &mut self.picture().delegations;
                let line = lines.iter_mut().find(|line| line.address == *address && line.validator == *validator).expect("a stake");
                let claimed = std::mem::take(&mut line.claimable);
                free(self.picture(), address, &|was| was.plus(claimed));
            }
        }
    }
}

#[test]
fn free_coins_are_staked_by_weights_and_the_gas_reserve_stays() {
    let ground = Ground::empty().free("addr1", 10_100);
    // A quarter and three quarters of 10,000; but at most 60 % with one: what ben does not get goes to anna, though it is beyond her share.
    assert_eq!(ground.lines(), ["delegate ben 6000", "delegate anna 4000"]);
    let mut ground = Ground::empty().free("addr1", 10_100);
    ground.policy.validators[1].cap = rate("0.8");
    assert_eq!(ground.lines(), ["delegate ben 7500", "delegate anna 2500"]);
    let ground = Ground::empty().free("addr1", 149);
    assert!(ground.lines().is_empty(), "49 are less than the smallest order");
}

#[test]
fn what_is_due_comes_first_then_the_buffer() {
    // 10,000 of principal: the wallet should have 500 to 2,000, and 1,000 once it is below. It has 400, so 600 come to it.
    let ground = Ground::empty().free("addr1", 1_100).staked("anna", 4_000, 0).staked("ben", 5_000, 0).owing(10_000, 0, 400);
    assert_eq!(ground.lines(), ["sweep wallet 42 600", "delegate ben 400"]);
    // The queue is owed 700 beyond the buffer: 1,300 are lacking, all that is free is swept, and the rest of it is undelegated.
    let ground = Ground::empty().free("addr1", 1_100).staked("anna", 4_000, 0).staked("ben", 5_000, 0).owing(10_000, 700, 400);
    assert_eq!(ground.lines(), ["sweep wallet 42 1000"], "1,400 are beyond the queue's 700 and the buffer's low of 500");
    let ground = Ground::empty().free("addr1", 600).staked("anna", 4_000, 0).staked("ben", 5_000, 0).owing(10_000, 700, 400);
    // 900 are there or on their way; 1,700 should be. Of 8,200 anna should have 2,050 and ben 6,150: anna has most beyond that.
    assert_eq!(ground.lines(), ["sweep wallet 42 500", "undelegate anna 800"]);
    // A shortfall is brought back, too.
    let ground = Ground::empty().staked("anna", 4_000, 0).staked("ben", 5_000, 0).owing(0, 0, -300);
    assert_eq!(ground.lines(), ["undelegate anna 300"]);
    // What is being freed already counts.
    let ground = Ground::empty().staked("anna", 4_000, 0).freeing("anna", 5, 300).owing(0, 0, -300);
    assert!(ground.lines().is_empty());
}

#[test]
fn without_a_destination_what_the_wallet_lacks_stays_free() {
    let mut ground = Ground::empty().free("addr1", 1_100).staked("ben", 5_000, 0).staked("anna", 4_000, 0).owing(10_000, 0, 400);
    ground.network.destinations.clear();
    assert_eq!(ground.lines(), ["delegate ben 400"]);
}

#[test]
fn what_the_wallet_has_too_much_goes_to_work() {
    // Above 2,000 and twice the smallest order.
    let ground = Ground::empty().owing(10_000, 0, 2_100);
    assert!(ground.lines().is_empty());
    let ground = Ground::empty().owing(10_000, 0, 2_101);
    assert_eq!(ground.lines(), ["top_up 1101"]);
    // Undelegations that nobody waits for any more are taken back, the newest first: 4,000 too much are there.
    let ground = Ground::empty().staked("anna", 100_000, 0).staked("ben", 100_000, 0).freeing("ben", 3, 3_000).freeing("ben", 9, 2_500);
    let ground = ground.owing(10_000, 0, 500);
    assert_eq!(ground.lines(), ["cancel_undelegation ben 9 2500", "cancel_undelegation ben 3 2500"]);
}

#[test]
fn a_validator_that_is_out_barred_or_too_dear_is_drained() {
    let ground = Ground::empty().staked("anna", 4_000, 0).staked("ben", 5_000, 0).out("anna", ValidatorStatus::Jailed);
    // Ben may have 60 % of 9,000.
    assert_eq!(ground.lines(), ["undelegate anna 4000"], "there is room for 400 of them while anna's stay where they are");
    let ground = Ground::empty().staked("anna", 2_000, 0).staked("ben", 5_000, 0).staked("mallory", 900, 0);
    assert_eq!(ground.lines(), ["redelegate mallory anna 900"], "ben has more than his cap");
    let mut ground = Ground::empty().staked("anna", 2_000, 0).staked("ben", 3_000, 0).staked("mallory", 900, 0);
    let (address, from, to) = ("addr1".to_owned(), "cleo".to_owned(), "mallory".to_owned());
    let until = Timestamp::from_ms(NOW.ms() + 1);
    ground.picture().redelegations.push(Redelegation { address, from, to, until, amount: units(1) });
    assert_eq!(ground.lines(), ["undelegate mallory 900"], "what came by a live redelegation cannot go on");
    let mut ground = Ground::empty().staked("anna", 4_000, 0).staked("ben", 5_000, 0);
    ground.policy.redelegates = false;
    ground.picture().validators[0].commission = rate("0.11");
    assert_eq!(ground.lines(), ["undelegate anna 4000"]);
    // The last entry is kept free for that: two are there, three are allowed.
    let ground = Ground::empty().staked("anna", 4_000, 0).freeing("anna", 1, 10).freeing("anna", 2, 10).owing(0, 0, -500);
    assert!(ground.lines().is_empty(), "anna's entries are used up for anything else");
    let mut ground = ground.out("anna", ValidatorStatus::Tombstoned);
    ground.policy.redelegates = false;
    assert_eq!(ground.lines(), ["undelegate anna 4000"]);
}

#[test]
fn a_residue_below_the_smallest_order_leaves_with_it() {
    let ground = Ground::empty().staked("anna", 340, 0).owing(0, 0, -300);
    assert_eq!(ground.lines(), ["undelegate anna 340"]);
    let ground = Ground::empty().staked("anna", 340, 0).owing(0, 0, -10);
    assert_eq!(ground.lines(), ["undelegate anna 50"], "never less than the smallest order");
}

#[test]
fn what_was_earned_is_claimed_when_it_is_worth_it() {
    let mut ground = Ground::empty().staked("anna", 1_000, 500).staked("ben", 1_000, 499);
    assert_eq!(ground.lines(), ["claim anna 500"]);
    let since = Timestamp::from_ms(NOW.ms() - 7 * DAY_MS);
    ground.network.desk.claimable_since.insert(("addr1".to_owned(), "ben".to_owned()), since);
    assert_eq!(ground.lines(), ["claim anna 500", "claim ben 499"]);
}

#[test]
fn what_the_queue_is_owed_is_not_delegated_by_an_order_approved_earlier() {
    // 900 are free above the gas reserve. The queue is owed 700, of which the wallet has 100.
    let ground = Ground::empty().free("addr1", 1_000).owing(0, 700, 100);
    let picture = ground.network.picture.as_deref().unwrap();
    let held_against = usance_core::treasury::ground::Ground::new(&ground.network, &ground.policy, picture, &ground.owed, None);
    let delegate = |amount| {
        let task = Task::Delegate { address: "addr1".to_owned(), validator: "ben".to_owned() };
        held_against.refusal(&Planned { task, amount: units(amount) }, &ground.owed)
    };
    assert_eq!(delegate(300), None);
    assert_eq!(delegate(301).as_deref(), Some("300 base units are free beyond what the queue is owed, and 301 are ordered"));
}

/// A ground of numbers: two addresses, validators in any state, coins anywhere.
fn random(seed: u64) -> Ground {
    let mut dice = SplitMix64::new(seed);
    let mut ground = Ground::empty();
    let second = dice.once_in(2);
    if second {
        ground.picture().addresses.push("addr2".to_owned());
    }
    for address in ["addr1", "addr2"].into_iter().take(1 + usize::from(second)) {
        ground = ground.free(address, u128::from(dice.below(30_000)));
        for validator in ["anna", "ben", "cleo", "mallory"] {
            if dice.once_in(2) {
                let (address, validator) = (address.to_owned(), validator.to_owned());
                let (stake, claimable) = (units(u128::from(dice.below(40_000))), units(u128::from(dice.below(700))));
                ground.picture().delegations.push(Delegation { address, validator, stake, claimable, shares: None });
            }
        }
        for started in 1..=dice.below(5) {
            let (validator, completes_at) = (["anna", "ben"][usize::from(dice.once_in(2))], Timestamp::from_ms(NOW.ms() + 1));
            let (address, validator) = (address.to_owned(), validator.to_owned());
            ground.picture().unbonding.push(Unbonding {
                address,
                validator,
                started,
                completes_at,
                balance: units(u128::from(dice.below(9_000))),
            });
        }
    }
    if dice.once_in(2) {
        ground.policy.validators.push(Approved { validator: "cleo".to_owned(), weight: 2, cap: rate("0.5") });
    }
    for place in 0..3 {
        let seen = &mut ground.picture().validators[place];
        if dice.once_in(4) {
            seen.status = [ValidatorStatus::Jailed, ValidatorStatus::Inactive][usize::from(dice.once_in(2))];
        }
        if dice.once_in(5) {
            seen.commission = rate("0.2");
        }
    }
    ground.policy.redelegates = dice.once_in(2);
    ground.policy.cancels = dice.once_in(2);
    let principal = u128::from(dice.below(100_000));
    let (queued, maturing) = (u128::from(dice.below(4) * dice.below(5_000)), u128::from(dice.below(3) * dice.below(5_000)));
    let covered = i128::from(dice.below(40_000)) - 8_000;
    ground.owed =
        Owed { principal: units(principal), queued: units(queued), maturing: units(maturing), covered: Balance::from_units(covered) };
    ground
}

/// Whether a plan only uses coins that came free by the plan before: tops up and claims bring some.
fn brings_coins(planned: &[Planned]) -> bool {
    planned.iter().any(|one| matches!(one.task, Task::TopUp { .. } | Task::Claim { .. }))
}

#[test]
fn a_plan_that_is_applied_in_full_and_made_again_is_empty() {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..4_000 {
        let mut ground = random(seed);
        let first = ground.plan();
        first.iter().for_each(|planned| {
            *kinds.entry(planned.task.kind().word()).or_default() += 1;
            ground.happen(planned);
        });
        let second = ground.plan();
        if !brings_coins(&first) {
            assert_eq!(second, [], "seed {seed}, after {first:#?} {:#?}", ground.owed);
        }
        assert!(!brings_coins(&second), "seed {seed}: {second:#?}");
        second.iter().for_each(|planned| ground.happen(planned));
        assert_eq!(ground.plan(), [], "seed {seed}, after {first:#?} and {second:#?}");
    }
    assert_eq!(kinds.len(), 7, "{kinds:?}");
}

#[test]
fn a_plan_keeps_to_what_is_there_and_allowed() {
    for seed in 0..4_000 {
        let ground = random(seed);
        let picture = ground.network.picture.as_ref().unwrap();
        let planned = ground.plan();
        let is_good = |validator: &str| {
            let seen = picture.validators.iter().find(|seen| seen.validator == validator).unwrap();
            let approved = ground.policy.validators.iter().any(|approved| approved.validator == validator);
            approved && seen.status == ValidatorStatus::Active && seen.commission <= rate("0.1")
        };
        let mut leaves: BTreeMap<&str, u128> = BTreeMap::new();
        for one in &planned {
            let is_small = one.amount.units() < 50 && !matches!(one.task, Task::Claim { .. });
            assert!(!is_small, "seed {seed}: {one:?}");
            match &one.task {
                Task::Delegate { address, validator } => {
                    assert!(is_good(validator), "seed {seed}: {one:?}");
                    *leaves.entry(address).or_default() += one.amount.units();
                }
                Task::Redelegate { to, .. } => assert!(is_good(to), "seed {seed}: {one:?}"),
                Task::CancelUndelegation { validator, .. } => assert!(is_good(validator), "seed {seed}: {one:?}"),
                Task::Sweep { address, .. } => *leaves.entry(address).or_default() += one.amount.units(),
                Task::TopUp { .. } | Task::Undelegate { .. } | Task::Claim { .. } => {}
            }
        }
        for (address, units) in leaves {
            let line = picture.liquid.iter().find(|line| line.address == address).unwrap();
            assert!(units + 100 <= line.amount.units(), "seed {seed}: {units} of {line:?}");
        }
        let delegates = planned.iter().any(|one| matches!(one.task, Task::Delegate { .. }));
        let swept: u128 = planned.iter().filter(|one| matches!(one.task, Task::Sweep { .. })).map(|one| one.amount.units()).sum();
        let wallet = ground.owed.covered.units() + i128::try_from(swept).unwrap();
        if delegates {
            let queued = i128::try_from(ground.owed.queued.units()).unwrap();
            assert!(wallet >= queued, "seed {seed}: what the queue is owed is delegated: {planned:#?}");
        }
    }
}
