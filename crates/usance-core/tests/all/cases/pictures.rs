//! How one picture of a network becomes the next (TREASURY 3), in base units.

use super::network;
use usance_core::calendar::Timestamp;
use usance_core::id::AssetIx;
use usance_core::ledger::{ControlAccounts, LedgerAccount, Places};
use usance_core::money::{Amount, Balance, Rate};
use usance_core::treasury::apart::{Cause, PlaceKind};
use usance_core::treasury::desk::Desk;
use usance_core::treasury::digest::digest;
use usance_core::treasury::explain::{Explained, explain};
use usance_core::treasury::moves::{MoveKind, entries};
use usance_core::treasury::network::{Address, Coin, Destination, Direction, Implausible, Network, NetworkTerms, UnderWay};
use usance_core::treasury::picture::{
    Delegation, Effect, Happened, Inflow, Liquid, Picture, Redelegation, Released, Settled, Unbonding, Validator,
};
use usance_core::treasury::yields::Earnings;

const DAY_MS: i64 = 86_400_000;
const UNBONDING_MS: i64 = 21 * DAY_MS;

fn units(units: u128) -> Amount {
    Amount::from_units(units)
}

fn booked(units: i128) -> Balance {
    Balance::from_units(units)
}

/// A network as it stands, and the next picture of it in the making.
struct Scene {
    network: Network,
    next: Picture,
}

impl Scene {
    /// 1,000 free, 10,000 with anna's validator of which 5 can be claimed, and the same with ben's.
    fn opened() -> Scene {
        let terms = NetworkTerms {
            compounds: false,
            unbonding_ms: UNBONDING_MS,
            earned_at_most: Rate::parse("0.5").unwrap(),
            slashed_at_most: Rate::parse("0.1").unwrap(),
        };
        let coin = |asset, denomination: &str| Coin { asset: AssetIx(asset), denomination: denomination.to_owned() };
        let network = Network {
            name: "hub".to_owned(),
            chain_id: "hub-1".to_owned(),
            coins: vec![coin(0, "uatom"), coin(1, "uusd")],
            terms,
            addresses: vec![Address { text: "addr1".to_owned(), added_at: Timestamp::from_ms(0) }],
            destinations: vec![Destination { address: "wallet".to_owned(), memo: "42".to_owned() }],
            picture: None,
            aside: None,
            apart: Vec::new(),
            differences: 0,
            under_way: Vec::new(),
            desk: Desk::default(),
            last_slash: None,
            earnings: Earnings::default(),
        };
        let next = Picture {
            time: Timestamp::from_ms(DAY_MS),
            addresses: vec!["addr1".to_owned()],
            liquid: vec![Liquid { address: "addr1".to_owned(), denomination: "uatom".to_owned(), amount: units(1_000) }],
            ..network::empty()
        };
        let mut scene = Scene { network, next };
        for validator in ["anna", "ben"] {
            scene.next.delegations.push(Delegation {
                address: "addr1".to_owned(),
                validator: validator.to_owned(),
                stake: units(10_000),
                claimable: units(5),
                shares: Some(10_000_000),
            });
            scene.next.validators.push(Validator { shares: Some(1_000_000_000), ..network::validator(validator) });
        }
        let (_, doubt) = scene.look();
        assert_eq!(doubt, Some(Implausible::Opening));
        scene
    }

    fn stake(&mut self, validator: &str) -> &mut Delegation {
        self.next.delegations.iter_mut().find(|line| line.validator == validator).expect("a stake")
    }
    fn liquid(&mut self) -> &mut Amount {
        &mut self.next.liquid[0].amount
    }
    /// A transaction that did something, released something and cost something, as the free coins show it.
    fn transaction(&mut self, effects: Vec<Effect>, released: Vec<(&str, u128)>, fee: u128) {
        let sequence = self.next.transactions.len() as u64;
        for effect in &effects {
            if let Effect::Delegated { amount, .. } | Effect::Sent { amount, .. } = effect {
                *self.liquid() = self.liquid().checked_minus(*amount).expect("enough");
            }
        }
        let released: Vec<Released> = released
            .into_iter()
            .map(|(validator, amount)| Released {
                validator: validator.to_owned(),
                denomination: "uatom".to_owned(),
                amount: units(amount),
            })
            .collect();
        for one in &released {
            *self.liquid() = self.liquid().plus(one.amount);
        }
        *self.liquid() = self.liquid().checked_minus(units(fee)).expect("enough");
        self.next.transactions.push(Settled {
            hash: format!("tx{}-{sequence}", self.next.number),
            address: "addr1".to_owned(),
            sequence,
            succeeded: true,
            fee_denomination: "uatom".to_owned(),
            fee: units(fee),
            effects,
            released,
        });
    }

    /// Explains the picture and takes it; what moved and what is held apart add up to what changed, whatever it was.
    fn look(&mut self) -> (Explained, Option<Implausible>) {
        assert_eq!(self.next.contradiction(|address| self.network.address(address).is_some()), None);
        let (explained, doubt) = explain(&self.network, &self.next);
        let before = self.network.places(AssetIx(0));
        let mut control = ControlAccounts::default();
        entries(|coin| self.network.asset(coin), &explained.moves, LedgerAccount::RewardPool)
            .unwrap()
            .iter()
            .filter(|entry| entry.asset() == AssetIx(0))
            .for_each(|entry| control.post(entry));
        assert!(control.is_balanced());
        self.network.differences += explained.apart.len() as u64;
        self.network.apart.extend(explained.apart.iter().cloned());
        self.network.under_way.retain(|moving| !explained.arrived.iter().any(|(hash, ..)| *hash == moving.hash));
        self.network.under_way.extend(explained.begun.iter().cloned());
        self.network.picture = Some(Box::new(self.next.clone()));
        let after = self.network.places(AssetIx(0));
        let change = |of: fn(&Places) -> Balance| of(&after).units() - of(&before).units();
        let of = |account| control.balance(account).units();
        assert_eq!(of(LedgerAccount::TreasuryLiquid), change(|places| places.liquid), "liquid: {explained:#?}");
        assert_eq!(of(LedgerAccount::TreasuryStaked), change(|places| places.staked), "staked: {explained:#?}");
        assert_eq!(of(LedgerAccount::TreasuryUnbonding), change(|places| places.unbonding), "unbonding: {explained:#?}");
        assert_eq!(of(LedgerAccount::TreasuryClaimable), change(|places| places.claimable), "claimable: {explained:#?}");
        assert_eq!(of(LedgerAccount::InTransit), change(|places| places.in_transit), "in transit: {explained:#?}");
        let next = Picture {
            number: self.next.number + 1,
            height: self.next.height + 100,
            time: Timestamp::from_ms(self.next.time.ms() + DAY_MS),
            transactions: Vec::new(),
            inflows: Vec::new(),
            happened: Vec::new(),
            ..self.next.clone()
        };
        self.next = next;
        (explained, doubt)
    }
}

/// Kinds and amounts of moves, in order.
fn moved(explained: &Explained) -> Vec<(MoveKind, u128)> {
    let mut moved: Vec<_> = explained.moves.iter().map(|one| (one.kind, one.amount.units())).collect();
    moved.sort_unstable();
    moved
}

fn delegated(validator: &str, amount: u128) -> Effect {
    Effect::Delegated { validator: validator.to_owned(), amount: units(amount) }
}

#[test]
fn an_opening_comes_from_custody_and_what_can_be_claimed_is_nobodys_earnings() {
    let scene = Scene::opened();
    let places = scene.network.places(AssetIx(0));
    assert_eq!((places.liquid, places.staked, places.claimable), (booked(1_000), booked(20_000), booked(10)));
}

#[test]
fn a_quiet_day_earns_and_nothing_else() {
    let mut scene = Scene::opened();
    scene.stake("anna").claimable = units(9);
    let (explained, doubt) = scene.look();
    assert_eq!((moved(&explained), doubt), (vec![(MoveKind::Earned(PlaceKind::Claimable), 4)], None));
}

#[test]
fn a_delegation_change_releases_rewards_and_a_failed_transaction_costs_its_fee() {
    let mut scene = Scene::opened();
    // 5 were claimable, 3 more were earned until the delegation released 8, and 1 since.
    scene.transaction(vec![delegated("anna", 500)], vec![("anna", 8)], 2);
    let stake = scene.stake("anna");
    (stake.stake, stake.claimable, stake.shares) = (units(10_500), units(1), Some(10_500_000));
    scene.transaction(Vec::new(), Vec::new(), 3);
    scene.next.transactions[1].succeeded = false;
    let (explained, doubt) = scene.look();
    let expected = vec![
        (MoveKind::Delegated, 500),
        (MoveKind::Earned(PlaceKind::Claimable), 4),
        (MoveKind::Claimed, 8),
        (MoveKind::Fee, 2),
        (MoveKind::Fee, 3),
    ];
    assert_eq!((moved(&explained), doubt, explained.apart.len()), (expected, None, 0));
}

#[test]
fn undelegated_coins_are_freed_when_they_are_due() {
    let mut scene = Scene::opened();
    scene.transaction(vec![Effect::Undelegated { validator: "anna".to_owned(), started: 150, amount: units(400) }], vec![("anna", 5)], 1);
    let stake = scene.stake("anna");
    (stake.stake, stake.claimable) = (units(9_600), units(0));
    let completes_at = Timestamp::from_ms(scene.next.time.ms() + UNBONDING_MS);
    let entry = |balance| Unbonding {
        address: "addr1".to_owned(),
        validator: "anna".to_owned(),
        started: 150,
        completes_at,
        balance: units(balance),
    };
    scene.next.unbonding.push(entry(400));
    let (explained, _) = scene.look();
    assert_eq!(moved(&explained), [(MoveKind::Undelegated, 400), (MoveKind::Claimed, 5), (MoveKind::Fee, 1)]);
    // 100 of them are taken back.
    scene.transaction(vec![Effect::Cancelled { validator: "anna".to_owned(), started: 150, amount: units(100) }], Vec::new(), 1);
    scene.stake("anna").stake = units(9_700);
    scene.next.unbonding = vec![entry(300)];
    let (explained, _) = scene.look();
    assert_eq!(moved(&explained), [(MoveKind::Cancelled, 100), (MoveKind::Fee, 1)]);
    // The rest is due; nobody has to tell of it.
    scene.next.time = completes_at;
    scene.next.unbonding.clear();
    *scene.liquid() = scene.liquid().plus(units(300));
    let (explained, doubt) = scene.look();
    assert_eq!((moved(&explained), doubt, explained.apart.len()), (vec![(MoveKind::Matured, 300)], None, 0));
}

#[test]
fn an_entry_that_is_gone_before_it_is_due_is_no_slash_and_no_release() {
    let mut scene = Scene::opened();
    let completes_at = Timestamp::from_ms(scene.next.time.ms() + UNBONDING_MS);
    scene.transaction(vec![Effect::Undelegated { validator: "ben".to_owned(), started: 1, amount: units(50) }], Vec::new(), 0);
    scene.stake("ben").stake = units(9_950);
    let (address, validator) = ("addr1".to_owned(), "ben".to_owned());
    scene.next.unbonding.push(Unbonding { address, validator, started: 1, completes_at, balance: units(50) });
    scene.look();
    scene.next.unbonding.clear();
    let (explained, _) = scene.look();
    assert_eq!(moved(&explained), []);
    assert_eq!(
        (explained.apart[0].place, explained.apart[0].amount.units(), explained.apart[0].stops()),
        (PlaceKind::Unbonding, -50, true)
    );
}

#[test]
fn a_unit_that_the_network_rounds_is_no_slash() {
    let mut scene = Scene::opened();
    scene.stake("anna").stake = units(9_999);
    scene.stake("ben").stake = units(10_001);
    let (explained, doubt) = scene.look();
    let expected = vec![(MoveKind::RoundedUp(PlaceKind::Staked), 1), (MoveKind::RoundedDown(PlaceKind::Staked), 1)];
    assert_eq!((moved(&explained), doubt), (expected, None));
}

#[test]
fn a_slash_is_seen_by_what_a_share_is_worth_and_takes_what_the_pictures_say() {
    let mut scene = Scene::opened();
    scene.next.validators[0].tokens = units(990_000);
    scene.stake("anna").stake = units(9_900);
    let (explained, doubt) = scene.look();
    assert_eq!((moved(&explained), doubt), (vec![(MoveKind::Slashed(PlaceKind::Staked), 100)], None));
    // Others left with the validator: its tokens fell, a share is worth what it was.
    (scene.next.validators[0].tokens, scene.next.validators[0].shares) = (units(495_000), Some(500_000_000));
    let (explained, _) = scene.look();
    assert_eq!(moved(&explained), []);
    scene.next.happened.push(Happened::Slashed { validator: "ben".to_owned() });
    scene.stake("ben").stake = units(8_500);
    let (explained, doubt) = scene.look();
    assert_eq!((moved(&explained), doubt), (vec![(MoveKind::Slashed(PlaceKind::Staked), 1_500)], Some(Implausible::SlashedTooMuch)));
}

#[test]
fn what_is_being_freed_and_what_was_moved_can_be_slashed_too() {
    let mut scene = Scene::opened();
    let completes_at = Timestamp::from_ms(scene.next.time.ms() + UNBONDING_MS);
    let (from, to) = ("anna".to_owned(), "ben".to_owned());
    scene.transaction(vec![Effect::Redelegated { from: from.clone(), to: to.clone(), amount: units(1_000) }], Vec::new(), 0);
    scene.transaction(vec![Effect::Undelegated { validator: from.clone(), started: 7, amount: units(200) }], Vec::new(), 0);
    (scene.stake("anna").stake, scene.stake("ben").stake) = (units(8_800), units(11_000));
    (scene.stake("anna").shares, scene.stake("ben").shares) = (Some(8_800_000), Some(11_000_000));
    let address = "addr1".to_owned();
    scene.next.redelegations.push(Redelegation {
        address: address.clone(),
        from: from.clone(),
        to,
        until: completes_at,
        amount: units(1_000),
    });
    scene.next.unbonding.push(Unbonding { address, validator: from, started: 7, completes_at, balance: units(200) });
    let (explained, _) = scene.look();
    assert_eq!(moved(&explained), [(MoveKind::Undelegated, 200)]);
    // anna's validator is slashed by a tenth: of what is there, of what is being freed, and of what came from there.
    scene.next.validators[0].tokens = units(900_000);
    scene.stake("anna").stake = units(7_920);
    scene.next.unbonding[0].balance = units(180);
    (scene.stake("ben").stake, scene.stake("ben").shares) = (units(10_900), Some(10_900_000));
    let (explained, doubt) = scene.look();
    let slashed = [(PlaceKind::Staked, 100), (PlaceKind::Staked, 880), (PlaceKind::Unbonding, 20)];
    assert_eq!((moved(&explained), doubt), (slashed.map(|(place, amount)| (MoveKind::Slashed(place), amount)).to_vec(), None));
}

#[test]
fn where_no_shares_are_told_a_slash_reaches_what_came_by_a_redelegation_and_nothing_else() {
    for (came_from, expected) in [("anna", vec![(MoveKind::Slashed(PlaceKind::Staked), 100)]), ("cleo", Vec::new())] {
        let mut scene = Scene::opened();
        scene.stake("ben").shares = None;
        scene.look();
        scene.next.redelegations.push(Redelegation {
            address: "addr1".to_owned(),
            from: came_from.to_owned(),
            to: "ben".to_owned(),
            until: Timestamp::from_ms(scene.next.time.ms() + UNBONDING_MS),
            amount: units(1_000),
        });
        scene.next.happened.push(Happened::Slashed { validator: "anna".to_owned() });
        scene.stake("ben").stake = units(9_900);
        let (explained, doubt) = scene.look();
        assert_eq!((moved(&explained), doubt), (expected, None), "came from {came_from}");
    }
}

#[test]
fn an_entry_that_began_was_slashed_and_matured_between_two_pictures_is_worth_what_it_paid() {
    let mut scene = Scene::opened();
    scene.transaction(vec![Effect::Undelegated { validator: "anna".to_owned(), started: 9, amount: units(300) }], Vec::new(), 0);
    scene.stake("anna").stake = units(9_700);
    let (address, validator) = ("addr1".to_owned(), "anna".to_owned());
    scene.next.happened.push(Happened::Matured { address, validator, started: 9, amount: units(285) });
    *scene.liquid() = scene.liquid().plus(units(285));
    scene.next.time = Timestamp::from_ms(scene.next.time.ms() + 30 * DAY_MS);
    let (explained, _) = scene.look();
    let expected = vec![(MoveKind::Undelegated, 300), (MoveKind::Matured, 285), (MoveKind::Slashed(PlaceKind::Unbonding), 15)];
    assert_eq!(moved(&explained), expected);
}

#[test]
fn a_top_up_that_was_told_of_arrives_and_a_strangers_coins_are_held_apart() {
    let mut scene = Scene::opened();
    let (hash, at) = ("tx-wallet".to_owned(), Timestamp::from_ms(0));
    scene.network.under_way.push(UnderWay { direction: Direction::TopUp, address: 0, coin: 0, amount: units(70), hash, at });
    for (hash, amount) in [("tx-wallet", 70), ("tx-strange", 3)] {
        let (address, from, denomination) = ("addr1".to_owned(), "somebody".to_owned(), "uatom".to_owned());
        scene.next.inflows.push(Inflow { hash: hash.to_owned(), address, from, denomination, amount: units(amount) });
    }
    *scene.liquid() = scene.liquid().plus(units(73));
    let (explained, doubt) = scene.look();
    assert_eq!(
        (moved(&explained), doubt, explained.arrived.as_slice()),
        (vec![(MoveKind::ToppedUp, 70)], None, &[("tx-wallet".to_owned(), 0, 0)][..])
    );
    let [held] = explained.apart.as_slice() else { panic!("{explained:?}") };
    assert!(matches!(&held.cause, Cause::Stranger { hash, .. } if hash == "tx-strange") && !held.stops());
    assert_eq!((held.amount.units(), scene.network.places(AssetIx(0)).liquid), (3, booked(1_070)), "it is in no book");
}

#[test]
fn coins_go_to_a_listed_destination_and_are_held_apart_anywhere_else() {
    let mut scene = Scene::opened();
    let sent = |to: &str, memo: &str, amount| Effect::Sent {
        denomination: "uatom".to_owned(),
        amount: units(amount),
        to: to.to_owned(),
        memo: memo.to_owned(),
    };
    scene.transaction(vec![sent("wallet", "42", 100)], Vec::new(), 1);
    scene.transaction(vec![sent("wallet", "", 20)], Vec::new(), 0);
    let (explained, _) = scene.look();
    assert_eq!(moved(&explained), [(MoveKind::Swept, 100), (MoveKind::Fee, 1)]);
    assert_eq!((explained.begun[0].amount, scene.network.places(AssetIx(0)).in_transit), (units(100), booked(100)));
    assert!(matches!(&explained.apart[0].cause, Cause::SentElsewhere { .. }) && explained.apart[0].stops());
    assert_eq!(explained.apart[0].amount.units(), -20);
}

#[test]
fn coins_that_are_missing_without_a_reason_stay_in_the_books_until_somebody_says_what_it_was() {
    let mut scene = Scene::opened();
    *scene.liquid() = units(600);
    let (explained, _) = scene.look();
    assert_eq!((explained.apart[0].amount.units(), scene.network.places(AssetIx(0)).liquid), (-400, booked(1_000)));
    let (explained, _) = scene.look();
    assert_eq!(explained, Explained::default(), "it is said once");
}

#[test]
fn another_coins_rewards_are_other_income_and_unknown_ones_are_listed() {
    let mut scene = Scene::opened();
    scene.transaction(Vec::new(), Vec::new(), 0);
    let released = |denomination: &str, amount| Released {
        validator: "anna".to_owned(),
        denomination: denomination.to_owned(),
        amount: units(amount),
    };
    scene.next.transactions[0].released = vec![released("uusd", 12), released("umystery", 8)];
    let free =
        |denomination: &str, amount| Liquid { address: "addr1".to_owned(), denomination: denomination.to_owned(), amount: units(amount) };
    scene.next.liquid.extend([free("uusd", 12), free("umystery", 8)]);
    let (explained, _) = scene.look();
    assert_eq!(moved(&explained), [(MoveKind::OtherIncome, 12)]);
    assert_eq!(explained.moves[0].coin, 1);
    assert_eq!(explained.unknown, [("umystery".to_owned(), units(8))]);
}

#[test]
fn too_much_of_anything_is_not_believed_by_itself() {
    let mut scene = Scene::opened();
    scene.stake("anna").claimable = units(5 + 100);
    assert_eq!(scene.look().1, Some(Implausible::EarnedTooMuch), "20,000 at 50 % a year earn 27 a day");
    let mut scene = Scene::opened();
    scene.stake("anna").stake = units(10_900);
    let (explained, doubt) = scene.look();
    assert_eq!((doubt, explained.apart[0].amount.units()), (Some(Implausible::StakeFromNowhere), 900));
    // The bound grows with the time that has passed.
    let mut scene = Scene::opened();
    scene.next.time = Timestamp::from_ms(scene.next.time.ms() + 4 * DAY_MS);
    scene.stake("anna").claimable = units(5 + 100);
    assert_eq!(scene.look().1, None);
}

#[test]
fn where_rewards_compound_growth_is_earned() {
    let mut scene = Scene::opened();
    scene.network.terms.compounds = true;
    scene.stake("ben").stake = units(10_001);
    scene.stake("anna").stake = units(10_004);
    let (explained, _) = scene.look();
    assert_eq!(moved(&explained), [(MoveKind::Earned(PlaceKind::Staked), 1), (MoveKind::Earned(PlaceKind::Staked), 4)]);
}

#[test]
fn a_picture_that_does_not_add_up_is_named() {
    let scene = Scene::opened();
    let says = |change: &dyn Fn(&mut Picture)| {
        let mut picture = scene.next.clone();
        change(&mut picture);
        picture.contradiction(|address| scene.network.address(address).is_some()).unwrap_or_default()
    };
    assert_eq!(says(&|_| ()), "");
    assert!(says(&|picture| picture.liquid[0].address = "elsewhere".to_owned()).contains("elsewhere is no address"));
    assert!(says(&|picture| picture.delegations[0].stake = units(10_000_000_000_000_000_000_000_000_001)).contains("10^28"));
    assert!(says(&|picture| picture.delegations.push(picture.delegations[0].clone())).contains("twice"));
    assert!(says(&|picture| picture.hash.clear()).contains("1 to 128 bytes"));
    let failed = Settled {
        hash: "t".to_owned(),
        address: "addr1".to_owned(),
        sequence: 0,
        succeeded: false,
        fee_denomination: "uatom".to_owned(),
        fee: units(1),
        effects: vec![delegated("anna", 1)],
        released: Vec::new(),
    };
    assert!(says(&|picture| picture.transactions.push(failed.clone())).contains("failed and did something"));
}

/// What is held apart can be used on the network before anybody has said what it was: the books then fall below zero, and still balance.
#[test]
fn coins_that_are_held_apart_can_leave_again() {
    let mut scene = Scene::opened();
    let (hash, address, from) = ("tx-early".to_owned(), "addr1".to_owned(), "the wallet".to_owned());
    scene.next.inflows.push(Inflow { hash, address, from, denomination: "uatom".to_owned(), amount: units(5_000) });
    *scene.liquid() = units(6_000);
    scene.transaction(vec![delegated("anna", 5_990)], Vec::new(), 0);
    scene.stake("anna").stake = units(15_990);
    let (explained, doubt) = scene.look();
    assert_eq!((doubt, explained.apart.len()), (None, 1));
    let places = scene.network.places(AssetIx(0));
    assert_eq!((places.liquid, places.staked), (booked(-4_990), booked(25_990)));
    // Somebody explains the strange coins, and another sends as much away: whichever comes first, nothing is clamped.
    let sent = Effect::Sent { denomination: "uatom".to_owned(), amount: units(10), to: "elsewhere".to_owned(), memo: String::new() };
    scene.transaction(vec![sent], Vec::new(), 0);
    scene.look();
    assert_eq!(scene.network.places(AssetIx(0)).liquid, booked(-4_990), "0 are free, 5,000 are held apart and 10 are missing");
}

#[test]
fn more_than_an_entry_has_is_unexplained_and_not_lost_from_sight() {
    let mut scene = Scene::opened();
    scene.transaction(vec![Effect::Cancelled { validator: "anna".to_owned(), started: 3, amount: units(150) }], Vec::new(), 0);
    scene.stake("anna").stake = units(10_150);
    let (explained, _) = scene.look();
    assert_eq!((explained.apart[0].place, explained.apart[0].amount), (PlaceKind::Unbonding, booked(150)));
    let (address, validator) = ("addr1".to_owned(), "ben".to_owned());
    scene.next.happened.push(Happened::Matured { address, validator, started: 9, amount: units(40) });
    *scene.liquid() = scene.liquid().plus(units(40));
    let (explained, _) = scene.look();
    assert_eq!((explained.apart[0].place, explained.apart[0].amount), (PlaceKind::Unbonding, booked(40)));
}

#[test]
fn a_digest_is_of_one_picture() {
    let scene = Scene::opened();
    let first = digest(&scene.next);
    let others: [&dyn Fn(&mut Picture); 6] = [
        &|picture| picture.liquid[0].amount = units(1_001),
        &|picture| picture.delegations[0].shares = None,
        &|picture| picture.delegations.swap(0, 1),
        &|picture| picture.validators[0].missed = 1,
        &|picture| picture.time = Timestamp::from_ms(picture.time.ms() + 1),
        &|picture| picture.happened.push(Happened::Slashed { validator: String::new() }),
    ];
    for change in others {
        let mut other = scene.next.clone();
        change(&mut other);
        assert_ne!(digest(&other), first);
    }
    assert_eq!(digest(&scene.next.clone()), first);
}
