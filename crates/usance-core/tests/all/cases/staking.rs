//! What customers see of the treasury (TREASURY 10): parts that add up, whatever is held apart.

use super::network::{empty, validator};
use usance_core::calendar::{Day, DayOffset, Timestamp};
use usance_core::id::AssetIx;
use usance_core::ledger::{JournalEntry, LedgerAccount, Whose, credit, debit};
use usance_core::limits::VALIDATORS_SHOWN_MAX;
use usance_core::machine::State;
use usance_core::machine::registry::Asset;
use usance_core::machine::staking::{CoinPlace, KnownValidator, StakingView, staking};
use usance_core::machine::state::{ClockMode, Platform};
use usance_core::machine::treasury::Treasury;
use usance_core::money::{Amount, Balance, Rate, SHARE_WHOLE, shares};
use usance_core::treasury::apart::{Apart, Cause, PlaceKind};
use usance_core::treasury::explain::explain;
use usance_core::treasury::network::{Address, Coin, Network, NetworkTerms, Slash, SlashedFrom};
use usance_core::treasury::picture::{Delegation, Happened, Liquid, PICTURE_FRESH_MS, Picture, Unbonding, Validator, ValidatorStatus};

const DAY_MS: i64 = 86_400_000;
const SOL: AssetIx = AssetIx(0);
const USD: AssetIx = AssetIx(1);
const ETH: AssetIx = AssetIx(2);

fn units(units: u128) -> Amount {
    Amount::from_units(units)
}

fn booked(units: i128) -> Balance {
    Balance::from_units(units)
}

fn rate(text: &str) -> Rate {
    Rate::parse(text).expect("a rate")
}

/// Anna has 300 from two addresses, ben 200; 70 are being freed on two days, 30 are free.
fn picture() -> Picture {
    let stake = |address: &str, validator: &str, stake, claimable| Delegation {
        address: address.into(),
        validator: validator.into(),
        stake: units(stake),
        claimable: units(claimable),
        shares: None,
    };
    let freed = |started, at_ms, balance| Unbonding {
        address: "one".into(),
        validator: "ben".into(),
        started,
        completes_at: Timestamp::from_ms(at_ms),
        balance: units(balance),
    };
    Picture {
        number: 4,
        height: 900,
        time: Timestamp::from_ms(10 * DAY_MS),
        addresses: vec!["one".into(), "two".into()],
        liquid: vec![Liquid { address: "one".into(), denomination: "usol".into(), amount: units(30) }],
        delegations: vec![stake("one", "ben", 200, 1), stake("one", "anna", 100, 0), stake("two", "anna", 200, 4)],
        validators: vec![Validator { name: "Anna's".into(), ..validator("anna") }],
        unbonding: vec![freed(1, 12 * DAY_MS + 5, 10), freed(2, 13 * DAY_MS, 40), freed(3, 12 * DAY_MS, 20)],
        ..empty()
    }
}

fn network(picture: Option<Picture>) -> Network {
    let terms = NetworkTerms { compounds: false, unbonding_ms: 21 * DAY_MS, earned_at_most: rate("0.5"), slashed_at_most: rate("0.1") };
    let address = |text: &str| Address { text: text.into(), added_at: Timestamp::from_ms(0) };
    Network {
        name: "hub".into(),
        chain_id: "hub-1".into(),
        coins: vec![Coin { asset: SOL, denomination: "usol".into() }, Coin { asset: USD, denomination: "uusd".into() }],
        terms,
        addresses: vec![address("one"), address("two")],
        destinations: Vec::new(),
        picture: picture.map(Box::new),
        aside: None,
        apart: Vec::new(),
        differences: 0,
        under_way: Vec::new(),
        last_slash: None,
        earnings: Default::default(),
        desk: Default::default(),
    }
}

/// A state with that network, whose books say what it has; 400 are in the wallet.
fn state(network: Network) -> State {
    let offset = DayOffset::from_minutes(0).expect("an offset");
    let created_at = Timestamp::from_ms(0);
    let mut state = State::new(Platform { shard: 0, offset, clock: ClockMode::Simulated, created_at, seed: [7; 32] });
    for symbol in ["SOL", "USD", "ETH"] {
        state.registry.assets.push(Asset { symbol: symbol.into(), name: symbol.into(), decimals: 0, display_decimals: 0 });
        state.registry.control.push(Default::default());
        state.registry.sub_ledger.push(Default::default());
    }
    let places = network.places(SOL);
    let held = [
        (LedgerAccount::Custody, booked(400)),
        (LedgerAccount::TreasuryLiquid, places.liquid),
        (LedgerAccount::TreasuryStaked, places.staked),
        (LedgerAccount::TreasuryUnbonding, places.unbonding),
        (LedgerAccount::TreasuryClaimable, places.claimable),
    ];
    for (account, balance) in held {
        let (amount, equity) = (units(balance.units().unsigned_abs()), LedgerAccount::OpeningEquity);
        let lines = if balance.is_overdrawn() {
            [credit(account, amount), debit(equity, amount)]
        } else {
            [debit(account, amount), credit(equity, amount)]
        };
        state.registry.control[0].post(&JournalEntry::new(SOL, Whose::Platform, &lines).expect("it balances"));
    }
    state.treasury = Treasury::from_parts(vec![network], Default::default(), Default::default(), Default::default(), Vec::new());
    state
}

fn apart(place: PlaceKind, validator: &str, amount: i128) -> Apart {
    let since = Timestamp::from_ms(0);
    Apart { number: 1, address: 0, place, validator: validator.into(), coin: 0, amount: booked(amount), cause: Cause::Unexplained, since }
}

fn place(view: &StakingView, place: CoinPlace) -> (i128, Option<u16>) {
    view.places.iter().find(|one| one.place == place).map(|one| (one.amount.units(), one.share)).expect("every place")
}

/// Parts make their whole: shares, places, validators, what is being freed.
fn adds_up(view: &StakingView) {
    let sum = |amounts: &mut dyn Iterator<Item = Balance>| amounts.fold(0, |sum, one| sum + one.units());
    assert_eq!(sum(&mut view.places.iter().map(|one| one.amount)), view.total.units());
    let shares: Option<Vec<u16>> = view.places.iter().map(|one| one.share).collect();
    assert!(shares.is_none_or(|shares| shares.iter().map(|share| u32::from(*share)).sum::<u32>() == u32::from(SHARE_WHOLE)));
    let [network] = view.networks.as_slice() else { panic!("{view:?}") };
    assert_eq!(sum(&mut network.validators.iter().map(|one| one.stake)) + network.others.1.units(), place(view, CoinPlace::Staked).0);
    assert_eq!(sum(&mut network.unbonding.iter().map(|one| one.amount)), place(view, CoinPlace::Unbonding).0);
}

#[test]
fn where_the_coins_of_an_asset_are() {
    let view = staking(&state(network(Some(picture()))), SOL, Timestamp::from_ms(10 * DAY_MS + 60_000));
    adds_up(&view);
    assert!(view.is_staked);
    assert_eq!(view.total, booked(1_005));
    let seen = CoinPlace::ALL.map(|(of, _)| place(&view, of));
    // 3,980.0995, 298.5075, 4,975.1244, 696.5174 and 49.7512: rounded down they lack two, which go to the last two.
    let expected = [(400, 3_980), (0, 0), (30, 298), (500, 4_975), (70, 697), (5, 50)];
    assert_eq!(seen, expected.map(|(amount, share)| (amount, Some(share))));
    let network = &view.networks[0];
    assert_eq!((network.picture, network.height, network.is_stale), (4, 900, false));
    let validators: Vec<(&str, i128, bool)> =
        network.validators.iter().map(|one| (one.validator.as_str(), one.stake.units(), one.known.is_some())).collect();
    assert_eq!(validators, [("anna", 300, true), ("ben", 200, false)], "the most first; of ben the picture does not tell");
    let known = KnownValidator { name: "Anna's".into(), commission: rate("0.05"), status: ValidatorStatus::Active };
    assert_eq!(network.validators[0].known, Some(known));
    let freed: Vec<(Option<Day>, i128, u32)> = network.unbonding.iter().map(|one| (one.day, one.amount.units(), one.entries)).collect();
    assert_eq!(freed, [(Some(Day::from_number(12)), 30, 2), (Some(Day::from_number(13)), 40, 1)]);
    assert_eq!(network.last_slash, None);
}

#[test]
fn an_asset_without_a_treasury_has_no_places() {
    let nothing = |view: StakingView| (view.is_staked, view.places.len(), view.networks.len(), view.total.units());
    let at = Timestamp::from_ms(10 * DAY_MS);
    assert_eq!(nothing(staking(&state(network(Some(picture()))), ETH, at)), (false, 0, 0, 0));
    assert_eq!(nothing(staking(&state(network(None)), SOL, at)), (false, 0, 0, 0), "a network whose treasury has not begun");
    assert_eq!(nothing(staking(&state(network(None)), AssetIx(9), at)), (false, 0, 0, 0));
    // A coin that the treasury holds and does not stake: it has places, but no yield of its own, and no validators.
    let view = staking(&state(network(Some(picture()))), USD, at);
    assert_eq!(nothing(view.clone()), (false, 6, 1, 0));
    assert!(view.networks[0].validators.is_empty() && view.networks[0].unbonding.is_empty());
    assert!(view.places.iter().all(|place| place.share.is_none()), "nothing has no shares");
}

#[test]
fn a_picture_is_stale_after_twenty_six_hours() {
    let state = state(network(Some(picture())));
    let is_stale = |ms| staking(&state, SOL, Timestamp::from_ms(ms)).networks[0].is_stale;
    let last = 10 * DAY_MS + PICTURE_FRESH_MS;
    assert_eq!((is_stale(last), is_stale(last + 1)), (false, true));
}

#[test]
fn what_is_held_apart_is_in_no_part() {
    let mut network = network(Some(picture()));
    network.apart = vec![
        apart(PlaceKind::Staked, "anna", 300),
        apart(PlaceKind::Staked, "gone", -50),
        apart(PlaceKind::Unbonding, "ben", -7),
        apart(PlaceKind::Liquid, "", 45),
    ];
    let view = staking(&state(network), SOL, Timestamp::from_ms(10 * DAY_MS));
    adds_up(&view);
    assert_eq!(place(&view, CoinPlace::Liquid), (-15, Some(0)), "below zero where what is held apart was used: it has no share");
    let validators: Vec<(&str, i128)> = view.networks[0].validators.iter().map(|one| (one.validator.as_str(), one.stake.units())).collect();
    assert_eq!(validators, [("ben", 200), ("gone", 50)], "of anna's nothing is booked; what is missing of another is");
    let last = view.networks[0].unbonding.last().expect("one");
    assert_eq!((last.day, last.amount.units(), last.entries), (None, 7, 0), "seven that nobody sees any more have no day");
}

#[test]
fn many_validators_are_added_up() {
    let mut many = picture();
    let line = many.delegations[0].clone();
    let stake = |number: usize| Delegation { validator: format!("v{number:04}"), stake: units(1 + number as u128), ..line.clone() };
    many.delegations = (0..VALIDATORS_SHOWN_MAX + 3).map(stake).collect();
    let view = staking(&state(network(Some(many))), SOL, Timestamp::from_ms(10 * DAY_MS));
    adds_up(&view);
    let network = &view.networks[0];
    assert_eq!((network.validators.len(), network.others), (VALIDATORS_SHOWN_MAX, (3, booked(1 + 2 + 3))));
}

#[test]
fn a_slash_is_all_that_one_picture_took_by_validator() {
    let before = network(Some(picture()));
    let mut next = Picture { number: 5, height: 901, time: Timestamp::from_ms(11 * DAY_MS), ..picture() };
    assert_eq!(Slash::seen(&next, &explain(&before, &next).0.moves), None);
    next.happened = ["anna", "ben"].map(|validator| Happened::Slashed { validator: validator.into() }).into();
    for (line, stake) in next.delegations.iter_mut().zip([190, 95, 190]) {
        line.stake = units(stake);
    }
    next.unbonding[1].balance = units(38);
    let slash = Slash::seen(&next, &explain(&before, &next).0.moves).expect("a slash");
    let from = |validator: &str, name: &str, amount| SlashedFrom { validator: validator.into(), name: name.into(), amount: units(amount) };
    assert_eq!(slash.from, [from("anna", "Anna's", 15), from("ben", "", 10 + 2)], "stake at both addresses, and what is being freed");
    assert_eq!((slash.at, slash.amount()), (next.time, units(27)));
}

/// Shares are never further from the truth than one ten-thousandth, and always make a whole.
#[test]
fn shares_make_a_whole() {
    let mut seed = 0u64;
    let mut drawn = |below: i128| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (i128::from(seed >> 33) * below) >> 31
    };
    for round in 0..3_000 {
        let largest = [3, 10_000, 10i128.pow(28)][round % 3];
        let parts: Vec<Balance> = (0..6).map(|_| booked(drawn(largest) - i128::from(round % 2 == 0))).collect();
        let whole: u128 = parts.iter().map(|part| u128::try_from(part.units()).unwrap_or(0)).sum();
        let Some(shares) = shares(&parts) else {
            assert_eq!(whole, 0);
            continue;
        };
        assert_eq!(shares.iter().copied().sum::<u16>(), SHARE_WHOLE, "{parts:?}");
        for (part, share) in parts.iter().zip(shares) {
            let exact = u128::try_from(part.units()).unwrap_or(0) * u128::from(SHARE_WHOLE);
            assert!((u128::from(share) * whole).abs_diff(exact) < whole, "{parts:?}: {share}");
        }
    }
}
