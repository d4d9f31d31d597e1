//! Samples of what stands in a record about policies and orders, for [`super::codec`].

use usance_core::calendar::Timestamp;
use usance_core::id::{NetworkIx, PersonIx};
use usance_core::machine::verb::{OfficeTaken, OrderPrepared, OrderSent, OrderSigned, OrderTold, OrdersExpired, OrdersPlanned, PolicySet};
use usance_core::machine::{Answer, Event};
use usance_core::money::{Amount, Rate};
use usance_core::person::Signature;
use usance_core::person::proposal::Verdict;
use usance_core::treasury::order::{OrderStanding, Planned, SignedTransaction, Task};
use usance_core::treasury::policy::{Approvals, Approved, InForce, Needed, Policy};

use super::codec::AT;
use super::golden::{each, every};

every!(tasks: Task {
    TopUp: Task::TopUp { address: "addr-1".to_owned() };
    Delegate: Task::Delegate { address: "addr-1".to_owned(), validator: "val-a".to_owned() };
    Undelegate: Task::Undelegate { address: "addr-1".to_owned(), validator: "val-b".to_owned() };
    CancelUndelegation: Task::CancelUndelegation { address: "addr-1".to_owned(), validator: "val-c".to_owned(), started: 1_701 };
    Redelegate: Task::Redelegate { address: "addr-1".to_owned(), from: "val-a".to_owned(), to: "val-b".to_owned() };
    Claim: Task::Claim { address: "addr-1".to_owned(), validator: "val-d".to_owned() };
    Sweep: Task::Sweep { address: "addr-1".to_owned(), to: "wallet".to_owned(), memo: "7".to_owned() };
});
every!(order_standings: OrderStanding {
    Proposed: OrderStanding::Proposed; Approved: OrderStanding::Approved; Prepared: OrderStanding::Prepared; Sent: OrderStanding::Sent;
    Done: OrderStanding::Done; Failed: OrderStanding::Failed; Expired: OrderStanding::Expired; Declined: OrderStanding::Declined;
    Replaced: OrderStanding::Replaced;
});

fn units(units: u128) -> Amount {
    Amount::from_units(units)
}

fn rate(units: u64) -> Rate {
    Rate::from_units(units).unwrap()
}

fn policy() -> Policy {
    let needed = |none_below, people| Needed { none_below: units(none_below), people };
    Policy {
        validators: vec![Approved { validator: "val-a".to_owned(), weight: 1_702, cap: rate(1_703) }],
        barred: vec!["val-z".to_owned()],
        buffer_low: rate(1_704),
        buffer_target: rate(1_705),
        buffer_high: rate(1_706),
        gas_reserve: units(1_707),
        order_min: units(1_708),
        claim_above: units(1_709),
        claim_days: 1_710,
        entries_max: 1_711,
        commission_max: rate(1_712),
        fee_max: units(1_713),
        order_life_ms: 1_714,
        halted_after_ms: 1_715,
        redelegates: true,
        cancels: false,
        approvals: Approvals {
            top_up: needed(1_716, 1),
            delegate: needed(1_717, 2),
            undelegate: needed(1_718, 1),
            cancel_undelegation: needed(1_719, 2),
            redelegate: needed(1_720, 1),
            claim: needed(1_721, 2),
            sweep_one_below: units(1_722),
        },
    }
}

pub fn policy_set() -> Event {
    Event::PolicySet(Box::new(PolicySet { network: NetworkIx(1), in_force: InForce { version: 1_723, policy: policy() } }))
}

pub fn orders_planned() -> Event {
    let planned = |task| (Planned { task, amount: units(1_724) }, 2);
    Event::OrdersPlanned(Box::new(OrdersPlanned {
        network: NetworkIx(1),
        generation: 1_725,
        planned_at: AT,
        policy: 1_726,
        fee_max: units(1_727),
        expires_at: Timestamp::from_ms(AT.ms() + 6),
        replaced: vec![1_728, 1_729],
        orders: each(tasks()).map(planned).collect(),
    }))
}

pub fn order_signed(verdict: Verdict) -> Event {
    let signature = Signature::from_bytes([0x5b; 64]);
    Event::OrderSigned(Box::new(OrderSigned {
        network: NetworkIx(1),
        order: 1_730,
        person: PersonIx(4),
        verdict,
        signature,
        approves: true,
    }))
}

pub fn order_told() -> Event {
    Event::OrderTold(Box::new(OrderTold { network: NetworkIx(1), order: 1_731, hash: "tx-10".to_owned() }))
}

pub fn office_taken() -> Event {
    Event::OfficeTaken(Box::new(OfficeTaken { network: NetworkIx(1), agent: "agent-a".to_owned(), epoch: 1_732 }))
}

pub fn order_prepared(last_valid_height: Option<u64>) -> Event {
    let signed = SignedTransaction { epoch: 1_733, bytes: vec![0xff, 0, 1], sequence: 1_734, last_valid_height };
    Event::OrderPrepared(Box::new(OrderPrepared { network: NetworkIx(1), order: 1_735, hash: "tx-11".to_owned(), signed }))
}

pub fn order_sent() -> Event {
    Event::OrderSent(OrderSent { network: NetworkIx(1), order: 1_736, epoch: 1_737 })
}

pub fn orders_expired() -> Event {
    Event::OrdersExpired(Box::new(OrdersExpired { network: NetworkIx(1), orders: vec![1_738, 1_739] }))
}

pub fn order_answer(standing: OrderStanding, hash: Option<&str>) -> Answer {
    let approved_by = vec![PersonIx(0), PersonIx(300)];
    Answer::Order { network: NetworkIx(6), number: 1_740, approved_by, standing, hash: hash.map(str::to_owned) }
}
