//! Samples of what stands in a record about the treasury, for [`super::codec`].

use usance_core::calendar::Timestamp;
use usance_core::id::{AccountIx, AssetIx, CustomerIx, NetworkIx, PositionId, ProductIx};
use usance_core::ledger::LedgerAccount;
use usance_core::machine::day::YieldClosed;
use usance_core::machine::verb::{
    ExitBears, ExitEarned, ExitPaid, ExitQueued, LossBorne, LossRecovered, LossReserveFunded, LossReserveWithdrawn, LossReturned,
    LossSettled, PictureTaken, PositionBears, ReserveSide, TopUpSent,
};
use usance_core::machine::{Answer, Event};
use usance_core::money::{Amount, Balance, Rate};
use usance_core::person::proposal::DifferenceIs;
use usance_core::reward::accrue::Stake;
use usance_core::treasury::apart::{Apart, Cause, PlaceKind};
use usance_core::treasury::explain::Explained;
use usance_core::treasury::loss::Shares;
use usance_core::treasury::moves::{Move, MoveKind};
use usance_core::treasury::network::{Destination, Direction, Implausible, NetworkTerms, UnderWay};
use usance_core::treasury::order::OrderStanding;
use usance_core::treasury::picture::{
    Delegation, Effect, Happened, Inflow, Liquid, Picture, Redelegation, Released, Sequence, Settled, Unbonding, Validator, ValidatorStatus,
};
use usance_core::treasury::yields::Divided;

use super::codec::{AT, DAY};
use super::codec_staking::redeemed;
use super::golden::{each, every};

every!(differences: DifferenceIs { OtherIncome: DifferenceIs::OtherIncome; Loss: DifferenceIs::Loss; Fee: DifferenceIs::Fee; Known: DifferenceIs::Known; });
every!(implausibles: Implausible {
    Opening: Implausible::Opening; EarnedTooMuch: Implausible::EarnedTooMuch; SlashedTooMuch: Implausible::SlashedTooMuch;
    StakeFromNowhere: Implausible::StakeFromNowhere;
});
every!(place_kinds: PlaceKind {
    Liquid: PlaceKind::Liquid; Staked: PlaceKind::Staked; Unbonding: PlaceKind::Unbonding; Claimable: PlaceKind::Claimable;
});
every!(causes: Cause {
    Unexplained: Cause::Unexplained;
    Stranger: Cause::Stranger { hash: "tx-7".to_owned(), from: "somebody".to_owned() };
    SentElsewhere: Cause::SentElsewhere { hash: "tx-6".to_owned(), to: "elsewhere".to_owned() };
    Unordered: Cause::Unordered { hash: "tx-12".to_owned() };
});
every!(statuses_of_validators: ValidatorStatus {
    Active: ValidatorStatus::Active; Inactive: ValidatorStatus::Inactive; Jailed: ValidatorStatus::Jailed;
    Tombstoned: ValidatorStatus::Tombstoned;
});
every!(directions: Direction { TopUp: Direction::TopUp; Sweep: Direction::Sweep; });
every!(effects: Effect {
    Delegated: Effect::Delegated { validator: "val-a".to_owned(), amount: units(1) };
    Undelegated: Effect::Undelegated { validator: "val-a".to_owned(), started: 2, amount: units(3) };
    Cancelled: Effect::Cancelled { validator: "val-a".to_owned(), started: 4, amount: units(5) };
    Redelegated: Effect::Redelegated { from: "val-a".to_owned(), to: "val-b".to_owned(), amount: units(6) };
    Sent: Effect::Sent { denomination: "uatom".to_owned(), amount: units(7), to: "wallet".to_owned(), memo: String::new() };
});
every!(happenings: Happened {
    Matured: Happened::Matured { address: "addr-1".to_owned(), validator: "val-a".to_owned(), started: 8, amount: units(9) };
    ReleasedTo: Happened::ReleasedTo { address: "addr-1".to_owned(), released: released() };
    Slashed: Happened::Slashed { validator: "val-b".to_owned() };
});
every!(move_kinds: MoveKind {
    Opened: MoveKind::Opened(PlaceKind::Staked); ToppedUp: MoveKind::ToppedUp; Swept: MoveKind::Swept; Delegated: MoveKind::Delegated;
    Undelegated: MoveKind::Undelegated; Cancelled: MoveKind::Cancelled; Matured: MoveKind::Matured;
    Earned: MoveKind::Earned(PlaceKind::Claimable); Claimed: MoveKind::Claimed; OtherIncome: MoveKind::OtherIncome; Fee: MoveKind::Fee;
    Slashed: MoveKind::Slashed(PlaceKind::Unbonding); RoundedUp: MoveKind::RoundedUp(PlaceKind::Staked);
    RoundedDown: MoveKind::RoundedDown(PlaceKind::Staked);
});

fn units(units: u128) -> Amount {
    Amount::from_units(units)
}

fn rate(units: u64) -> Rate {
    Rate::from_units(units).unwrap()
}

pub fn network_terms() -> NetworkTerms {
    NetworkTerms { compounds: true, unbonding_ms: 1_501, earned_at_most: rate(1_502), slashed_at_most: rate(1_503) }
}

pub fn destination() -> Destination {
    Destination { address: "wallet".to_owned(), memo: "7".to_owned() }
}

fn released() -> Released {
    Released { validator: "val-a".to_owned(), denomination: "uatom".to_owned(), amount: units(1_504) }
}

pub fn apart(cause: Cause, place: PlaceKind) -> Apart {
    let (validator, amount) = ("val-a".to_owned(), Balance::from_units(-1_505));
    Apart { number: 1_506, address: 1_507, place, validator, coin: 1_508, amount, cause, since: AT }
}

fn under_way(direction: Direction) -> UnderWay {
    UnderWay { direction, address: 1_509, coin: 1_510, amount: units(1_511), hash: "tx-5".to_owned(), at: AT }
}

pub fn top_up_sent(seen: Option<u64>, order: Option<u64>) -> Event {
    Event::TopUpSent(Box::new(TopUpSent { network: NetworkIx(1), asset: AssetIx(1), sent: under_way(Direction::TopUp), seen, order }))
}

pub fn exit_queued() -> Event {
    let (to_spot, to_funding, withheld) = (units(1_723), units(1_724), units(1_725));
    Event::ExitQueued(Box::new(ExitQueued { redeemed: redeemed(true), to_spot, to_funding, withheld, promised: DAY }))
}

pub fn exit_paid() -> Event {
    Event::ExitPaid(ExitPaid {
        redemption: 1_701,
        customer: CustomerIx(1_702),
        account: AccountIx(1_703),
        asset: AssetIx(1),
        to_spot: units(1_704),
        to_funding: units(1_705),
    })
}

pub fn exit_earned() -> Event {
    Event::ExitEarned(ExitEarned {
        redemption: 1_706,
        customer: CustomerIx(1_707),
        account: AccountIx(1_708),
        asset: AssetIx(1),
        through: DAY,
        reward: units(1_709),
        carry: 1_710,
    })
}

pub fn explained() -> Explained {
    let moved = |kind| Move { kind, address: 1_512, coin: 1_513, validator: "val-a".to_owned(), amount: units(1_514) };
    Explained {
        moves: each(move_kinds()).map(moved).collect(),
        apart: vec![apart(Cause::Unexplained, PlaceKind::Claimable)],
        arrived: vec![("tx-4".to_owned(), 1_516, 1_517)],
        begun: each(directions()).map(under_way).collect(),
        unknown: vec![("umystery".to_owned(), units(1_515))],
        ended: vec![(1_518, OrderStanding::Failed)],
    }
}

pub fn picture_taken(aside: Option<Implausible>) -> Event {
    let (address, validator, denomination) = ("addr-1".to_owned(), "val-a".to_owned(), "uatom".to_owned());
    let validators = each(statuses_of_validators()).map(|status| Validator {
        validator: "val-a".to_owned(),
        name: "Ann's".to_owned(),
        commission: rate(1_601),
        status,
        tokens: units(1_602),
        shares: Some(1_603),
        power: rate(1_604),
        missed: 1_605,
    });
    let (stake, claimable) = (units(1_609), units(1_610));
    let picture = Picture {
        number: 1_606,
        chain_id: "hub-1".to_owned(),
        height: 1_607,
        hash: "b1607".to_owned(),
        time: AT,
        addresses: vec![address.clone()],
        liquid: vec![Liquid { address: address.clone(), denomination: denomination.clone(), amount: units(1_608) }],
        delegations: vec![Delegation { address: address.clone(), validator: validator.clone(), stake, claimable, shares: None }],
        validators: validators.collect(),
        unbonding: vec![Unbonding {
            address: address.clone(),
            validator: validator.clone(),
            started: 1_611,
            completes_at: Timestamp::from_ms(AT.ms() + 5),
            balance: units(1_612),
        }],
        redelegations: vec![Redelegation {
            address: address.clone(),
            from: validator,
            to: "val-b".to_owned(),
            until: AT,
            amount: units(1_613),
        }],
        transactions: vec![Settled {
            hash: "tx-3".to_owned(),
            address: address.clone(),
            sequence: 1_614,
            succeeded: true,
            fee_denomination: denomination.clone(),
            fee: units(1_615),
            effects: each(effects()).collect(),
            released: vec![released()],
        }],
        inflows: vec![Inflow { hash: "tx-2".to_owned(), address, from: "somebody".to_owned(), denomination, amount: units(1_616) }],
        happened: each(happenings()).collect(),
        sequences: vec![Sequence { address: "addr-1".to_owned(), next: 1_617 }],
    };
    Event::PictureTaken(Box::new(PictureTaken {
        network: NetworkIx(1),
        assets: vec![AssetIx(1), AssetIx(2)],
        picture: Box::new(picture),
        explained: explained(),
        waits: true,
        aside,
    }))
}

pub fn yield_closed() -> YieldClosed {
    let divided = Divided { earned: units(912), net: units(913), commission: units(914) };
    YieldClosed { asset: AssetIx(915), divided, passed: units(916) }
}

pub fn reserve_funded(from: ReserveSide) -> Event {
    Event::LossReserveFunded(LossReserveFunded { asset: AssetIx(1), amount: units(1_308), from })
}

pub fn reserve_withdrawn(to: ReserveSide) -> Event {
    Event::LossReserveWithdrawn(LossReserveWithdrawn { asset: AssetIx(1), amount: units(1_309), to })
}

pub fn equity(account: LedgerAccount, funded: bool) -> Answer {
    Answer::Equity { asset: AssetIx(1), account, amount: units(1_408), funded, balance: Balance::from_units(1_409) }
}

/// What came back of a loss, as a difference or to the wallet.
pub fn loss_recovered(apart: Option<Apart>) -> Event {
    let to = Shares { reserve: units(1_317), commission: units(1_318), pool: units(1_319), customers: units(1_322) };
    Event::LossRecovered(Box::new(LossRecovered { loss: 1_320, network: NetworkIx(1), asset: AssetIx(1), apart, to }))
}

/// What a customer bears of a loss: a position and what was kept back of it, or an exit that waited already.
pub fn loss_borne(is_position: bool) -> Event {
    let stake = Stake { earning: units(1_326), pending: units(1_327), carry: 1_328 };
    let position = PositionBears { product: ProductIx(5), amount: units(1_329), spot_part: units(1_330), stake };
    let exit = ExitBears { redemption: 1_331, from_spot: units(1_332), from_funding: units(1_333), comes_free: units(1_334) };
    Event::LossBorne(Box::new(LossBorne {
        loss: 1_323,
        place: 1_324,
        customer: CustomerIx(3),
        account: AccountIx(4),
        asset: AssetIx(1),
        id: PositionId(if is_position { 1_325 } else { 0 }),
        position: is_position.then_some(position),
        exits: if is_position { vec![exit, exit] } else { vec![exit] },
    }))
}

pub fn loss_returned() -> Event {
    let (customer, account) = (CustomerIx(3), AccountIx(4));
    Event::LossReturned(LossReturned { loss: 1_323, place: 1_324, customer, account, asset: AssetIx(1), amount: units(1_335) })
}

pub fn loss_settled(came_back: bool) -> Event {
    Event::LossSettled(LossSettled { loss: 1_323, asset: AssetIx(1), came_back, rest: units(1_336) })
}
