//! The life of an order (TREASURY 9): from the plan that asks for it, over signatures, to the picture that shows it.
//!
//! The coin has no decimals. The pool's 10,000 are all that there is: 1,000 free at the treasury's address, 3,000 with anna and 5,000 with ben,
//! 1,000 in the wallet. The policy is that of [`super::plans`], which leaves 100 for fees, without caps; its orders need one person, sweeps from 200
//! on two.

use super::network::{empty, validator};
use super::plans::policy;
use crate::driver::Engine;
use usance_core::calendar::Timestamp;
use usance_core::id::{AssetIx, NetworkIx};
use usance_core::machine::state::ClockMode;
use usance_core::machine::verb::treasury::order;
use usance_core::machine::verb::{Attest, NewNetwork, PrepareOrder, SignOrder, SignProposal, TopUp, WalletMove};
use usance_core::machine::{Answer, Command, Rejection};
use usance_core::money::{Amount, Rate};
use usance_core::person::proposal::{DifferenceIs, Matter, Verdict};
use usance_core::reward::clawback::AccountKind;
use usance_core::treasury::digest::digest;
use usance_core::treasury::network::{Network, NetworkTerms};
use usance_core::treasury::order::{Order, OrderStanding, SignedTransaction};
use usance_core::treasury::picture::{Delegation, Effect, Inflow, Liquid, Picture, Released, Sequence, Settled};
use usance_core::treasury::policy::{Approved, Policy};
use usance_workload::Situation;
use usance_workload::people::{public_key_of, signed};

const HOUR_MS: i64 = 3_600_000;

fn units(units: u128) -> Amount {
    Amount::from_units(units)
}

fn rate(text: &str) -> Rate {
    Rate::parse(text).unwrap()
}

/// A treasury, and its next picture in the making.
struct Scene {
    engine: Engine,
    now: Timestamp,
    next: Picture,
}

impl Scene {
    fn new() -> Scene {
        let engine = Engine::new(ClockMode::System, 0, Timestamp::from_ms(1_767_225_600_000));
        let now = engine.state.registry.last_at;
        let mut scene = Scene { engine, now, next: first_picture(now) };
        let asset =
            |symbol: &str| Command::CreateAsset { symbol: symbol.to_owned(), name: symbol.to_owned(), decimals: 0, display_decimals: 0 };
        scene.ok(&asset("ATOM"));
        scene.ok(&Command::FundRewardPool { asset: "ATOM".to_owned(), amount: "10000".to_owned() });
        let (unbonding_ms, earned_at_most, slashed_at_most) = (21 * 24 * HOUR_MS, rate("0.5"), rate("0.1"));
        let terms = NetworkTerms { compounds: false, unbonding_ms, earned_at_most, slashed_at_most };
        let coins = vec![("ATOM".to_owned(), "uatom".to_owned())];
        scene.ok(&Command::CreateNetwork(Box::new(NewNetwork { name: "hub".to_owned(), chain_id: "hub-1".to_owned(), coins, terms })));
        for name in ["anna", "ben"] {
            scene.ok(&Command::RegisterPerson { name: name.to_owned(), key: public_key_of(name) });
        }
        scene.agree(Matter::AddTreasuryAddress { network: "hub".to_owned(), address: "addr1".to_owned() });
        let (network, address, memo) = ("hub".to_owned(), "wallet".to_owned(), "42".to_owned());
        scene.agree(Matter::AddDestination { network, address, memo });
        scene.attest("10000");
        scene.observe();
        let aside = &scene.network().aside.as_ref().expect("a first picture").picture;
        let (network, number, digest) = ("hub".to_owned(), aside.number, digest(aside));
        scene.agree(Matter::ConfirmPicture { network, number, digest });
        scene
    }
    /// With a policy that leaves the wallet's 1,000 where they are.
    fn planned() -> Scene {
        let mut scene = Scene::new();
        scene.set(&quiet());
        scene
    }

    fn network(&self) -> &Network {
        self.engine.state.treasury.network(NetworkIx(0)).expect("a network")
    }
    fn run(&mut self, command: &Command) -> Result<Answer, Rejection> {
        self.engine.run(command, self.now)
    }
    fn ok(&mut self, command: &Command) -> Answer {
        self.run(command).unwrap_or_else(|rejection| panic!("{command:?}: {rejection:?}"))
    }
    /// What the wallet says that it holds, with every movement so far.
    fn attest(&mut self, amount: &str) {
        let coverage = self.engine.state.treasury.coverage(AssetIx(0)).expect("a coin of a network");
        let movement = coverage.movements.back().expect("a movement").0;
        let (asset, amount, at) = ("ATOM".to_owned(), amount.to_owned(), self.now);
        self.ok(&Command::Attest(Attest { asset, amount, at, movement }));
    }
    fn later(&mut self, hours: i64) {
        self.now = Timestamp::from_ms(self.now.ms() + hours * HOUR_MS);
    }
    fn agree(&mut self, matter: Matter) {
        let Answer::Proposal { number, .. } = self.ok(&Command::Propose { matter: Box::new(matter), expires_at: None }) else {
            panic!("a proposal")
        };
        for name in ["anna", "ben"] {
            let text = self.engine.state.text_to_sign(number, Verdict::Approve).unwrap();
            let (person, signature) = (name.to_owned(), signed(name, &text));
            self.ok(&Command::SignProposal(Box::new(SignProposal { proposal: number, person, verdict: Verdict::Approve, signature })));
        }
    }
    fn set(&mut self, policy: &Policy) -> Answer {
        self.ok(&Command::SetPolicy { network: "hub".to_owned(), policy: Box::new(policy.clone()) })
    }
    fn sign_as(&mut self, name: &str, key_of: &str, number: u64, verdict: Verdict) -> Result<Answer, Rejection> {
        let text = order::text(&self.engine.state, self.network(), number, verdict).unwrap_or_default();
        let (network, person, signature) = ("hub".to_owned(), name.to_owned(), signed(key_of, &text));
        self.run(&Command::SignOrder(Box::new(SignOrder { network, order: number, person, verdict, signature })))
    }
    fn approve(&mut self, name: &str, number: u64) -> Result<Answer, Rejection> {
        self.sign_as(name, name, number, Verdict::Approve)
    }
    fn told_done(&mut self, number: u64, hash: &str) -> Result<Answer, Rejection> {
        self.run(&Command::ReportDone { network: "hub".to_owned(), order: number, hash: hash.to_owned() })
    }
    fn take_office(&mut self, agent: &str) -> Result<Answer, Rejection> {
        self.run(&Command::TakeOffice { network: "hub".to_owned(), agent: agent.to_owned() })
    }
    fn prepare(&mut self, number: u64, epoch: u64, sequence: u64) -> Result<Answer, Rejection> {
        let signed = SignedTransaction { epoch, bytes: vec![1, 2, 3], sequence, last_valid_height: Some(self.next.height + 150) };
        let (network, hash) = ("hub".to_owned(), format!("tx-{number}"));
        self.run(&Command::PrepareOrder(Box::new(PrepareOrder { network, order: number, hash, signed })))
    }
    fn sent(&mut self, number: u64, epoch: u64) -> Result<Answer, Rejection> {
        self.run(&Command::ReportSent { network: "hub".to_owned(), order: number, epoch })
    }
    /// Posts the picture, an hour later.
    fn observe(&mut self) {
        self.later(1);
        self.next.time = self.now;
        self.ok(&Command::Observe { network: "hub".to_owned(), picture: Box::new(self.next.clone()) });
        self.next.number += 1;
        self.next.height += 100;
        (self.next.transactions, self.next.inflows) = (Vec::new(), Vec::new());
    }
    /// A transaction of the address, for a fee of 3.
    fn happened(&mut self, hash: &str, succeeded: bool, effects: Vec<Effect>, released: Vec<Released>) {
        let sequence = self.next.sequences[0].next;
        self.next.sequences[0].next += 1;
        let free = &mut self.next.liquid[0].amount;
        *free = free.checked_minus(units(3)).unwrap();
        let (hash, address, fee_denomination, fee) = (hash.to_owned(), "addr1".to_owned(), "uatom".to_owned(), units(3));
        self.next.transactions.push(Settled { hash, address, sequence, succeeded, fee_denomination, fee, effects, released });
    }
    /// 900 of the free coins with ben.
    fn delegated(&mut self, hash: &str) {
        let free = &mut self.next.liquid[0].amount;
        *free = free.checked_minus(units(900)).unwrap();
        self.next.delegations[1].stake = units(5_900);
        self.happened(hash, true, vec![Effect::Delegated { validator: "ben".to_owned(), amount: units(900) }], Vec::new());
    }

    /// Orders that are not over: number, what, how much, where they stand.
    fn live(&self) -> Vec<String> {
        let line = |(number, one): (&u64, &Order)| {
            let kind = one.planned.task.kind().word();
            format!("{number} {kind} {} {}", one.planned.amount.units(), one.standing_at(self.now).word())
        };
        self.network().desk.live.iter().map(line).collect()
    }
    fn standing(&self, number: u64) -> OrderStanding {
        self.network().desk.order(number).expect("an order").standing_at(self.now)
    }
}

/// Without caps.
fn open_policy() -> Policy {
    let mut policy = Policy { order_min: units(50), claim_above: units(5_000), ..policy() };
    policy.validators.iter_mut().for_each(|approved| approved.cap = rate("1"));
    policy
}

/// One in which only free coins ask for anything: what the wallet has is too little for an order.
fn quiet() -> Policy {
    Policy { order_min: units(600), ..open_policy() }
}

fn first_picture(time: Timestamp) -> Picture {
    let line = |validator: &str, stake| Delegation {
        address: "addr1".to_owned(),
        validator: validator.to_owned(),
        stake: units(stake),
        claimable: units(7),
        shares: None,
    };
    Picture {
        time,
        addresses: vec!["addr1".to_owned()],
        liquid: vec![Liquid { address: "addr1".to_owned(), denomination: "uatom".to_owned(), amount: units(1_000) }],
        delegations: vec![line("anna", 3_000), line("ben", 5_000)],
        validators: vec![validator("anna"), validator("ben")],
        sequences: vec![Sequence { address: "addr1".to_owned(), next: 0 }],
        ..empty()
    }
}

fn refused(outcome: Result<Answer, Rejection>) -> String {
    match outcome {
        Err(Rejection::OrderRefused { reason } | Rejection::TermsInvalid { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

fn not_open(standing: OrderStanding) -> Result<Answer, Rejection> {
    Err(Rejection::OrderNotOpen { standing })
}

#[test]
fn an_order_is_planned_signed_told_of_and_shown() {
    let mut scene = Scene::new();
    assert!(scene.live().is_empty(), "nothing is planned without a policy");
    let answer = scene.set(&quiet());
    assert_eq!(answer, Answer::Policy { network: NetworkIx(0), version: 1 });
    assert_eq!(scene.live(), ["1 delegate 900 proposed"], "1,000 less what stays for fees");
    assert_eq!(scene.approve("cleo", 1), Err(Rejection::PersonNotFound));
    assert_eq!(scene.approve("anna", 2), Err(Rejection::OrderNotFound));
    assert_eq!(scene.sign_as("anna", "ben", 1, Verdict::Approve), Err(Rejection::SignatureInvalid));
    assert_eq!(scene.told_done(1, "tx"), not_open(OrderStanding::Proposed), "nobody has approved it");
    scene.approve("anna", 1).unwrap();
    assert_eq!(scene.approve("ben", 1), not_open(OrderStanding::Approved));
    let books = scene.engine.state.registry.control.clone();
    scene.told_done(1, "tx-typo").unwrap();
    scene.told_done(1, "tx").unwrap();
    assert_eq!(scene.live(), ["1 delegate 900 sent"]);
    assert!(scene.engine.state.registry.control == books, "what was told books nothing");
    scene.observe();
    assert_eq!(scene.live(), ["1 delegate 900 sent"], "no picture has shown it, and no plan asks for it again");
    scene.delegated("tx");
    scene.observe();
    assert_eq!((scene.live(), scene.standing(1)), (vec![], OrderStanding::Done));
    assert_eq!(scene.network().desk.order(1).and_then(|order| order.picture), Some(3));
    assert!(!scene.network().is_stopped());
    assert_eq!(scene.told_done(1, "again"), not_open(OrderStanding::Done));
}

#[test]
fn a_transaction_that_failed_ends_its_order_and_the_next_plan_asks_again() {
    let mut scene = Scene::planned();
    scene.approve("ben", 1).unwrap();
    scene.told_done(1, "tx").unwrap();
    scene.happened("tx", false, Vec::new(), Vec::new());
    scene.observe();
    assert_eq!(scene.standing(1), OrderStanding::Failed);
    assert_eq!(scene.live(), ["2 delegate 897 proposed"], "the fee is gone");
    assert!(!scene.network().is_stopped());
}

#[test]
fn what_nobody_ordered_stops_until_two_people_know_it() {
    let mut scene = Scene::planned();
    scene.approve("anna", 1).unwrap();
    scene.told_done(1, "tx").unwrap();
    // Half of it went to another validator.
    scene.next.liquid[0].amount = units(550);
    scene.next.delegations[0].stake = units(3_450);
    scene.happened("tx", true, vec![Effect::Delegated { validator: "anna".to_owned(), amount: units(450) }], Vec::new());
    scene.observe();
    assert_eq!(scene.standing(1), OrderStanding::Done, "it is over: it succeeded");
    assert!(scene.network().is_stopped());
    let places = scene.network().places(AssetIx(0));
    assert_eq!((places.liquid.units(), places.staked.units()), (547, 8_450), "what it did is booked");
    scene.set(&open_policy());
    assert_eq!(scene.live(), ["2 top_up 1000 proposed", "3 delegate 447 proposed"]);
    let number = 3;
    scene.approve("anna", number).unwrap();
    let reason = "two people have to say what a difference was first";
    assert_eq!(refused(scene.told_done(number, "tx-2")), reason);
    scene.take_office("agent").unwrap();
    assert_eq!(refused(scene.prepare(number, 1, 1)), reason);
    let explain = |was| Matter::ExplainDifference { network: "hub".to_owned(), number: 1, was };
    let propose = |matter| Command::Propose { matter: Box::new(matter), expires_at: None };
    assert!(matches!(scene.run(&propose(explain(DifferenceIs::Loss))), Err(Rejection::TermsInvalid { .. })), "nothing is missing");
    let books = scene.engine.state.registry.control.clone();
    scene.agree(explain(DifferenceIs::Known));
    assert!(scene.engine.state.registry.control == books);
    scene.told_done(number, "tx-2").unwrap();
}

#[test]
fn a_halted_network_begins_nothing() {
    let mut scene = Scene::planned();
    scene.set(&Policy { order_life_ms: 10 * 24 * HOUR_MS, ..quiet() });
    scene.later(24);
    scene.approve("anna", 2).unwrap();
    scene.told_done(2, "tx").unwrap();
    let mut scene = Scene::planned();
    scene.set(&Policy { order_life_ms: 10 * 24 * HOUR_MS, ..quiet() });
    scene.later(25);
    scene.approve("anna", 2).unwrap();
    assert_eq!(refused(scene.told_done(2, "tx")), "the network is halted: no picture is young enough");
    scene.observe();
    scene.told_done(2, "tx").unwrap();
}

#[test]
fn an_agent_in_office_prepares_before_it_sends_and_an_older_one_does_nothing() {
    let mut scene = Scene::planned();
    scene.approve("anna", 1).unwrap();
    assert_eq!(scene.prepare(1, 0, 0), Err(Rejection::EpochOver { epoch: 0 }), "nobody is in office");
    assert!(refused(scene.take_office("an agent")).starts_with("an agent's name is"));
    let answer = scene.take_office("agent-a").unwrap();
    assert_eq!(answer, Answer::Office { network: NetworkIx(0), epoch: 1 });
    assert_eq!(scene.sent(1, 1), not_open(OrderStanding::Approved), "its bytes are not in the log");
    assert_eq!(refused(scene.prepare(1, 1, 1)), "the next sequence number of addr1 is 0");
    scene.prepare(1, 1, 0).unwrap();
    assert_eq!(scene.prepare(1, 1, 0), not_open(OrderStanding::Prepared));
    assert_eq!(scene.sign_as("ben", "ben", 1, Verdict::Decline), not_open(OrderStanding::Prepared), "signed bytes may be sent at any time");
    assert_eq!(scene.told_done(1, "other"), not_open(OrderStanding::Prepared));
    let order = scene.network().desk.order(1).expect("an order");
    assert_eq!(order.signed.as_ref().map(|signed| signed.bytes.as_slice()), Some([1, 2, 3].as_slice()));
    // Another agent takes over, and sends the very same bytes.
    scene.take_office("agent-b").unwrap();
    assert_eq!(scene.sent(1, 1), Err(Rejection::EpochOver { epoch: 2 }));
    scene.sent(1, 2).unwrap();
    scene.delegated("tx-1");
    scene.observe();
    assert_eq!(scene.standing(1), OrderStanding::Done);
}

#[test]
fn a_signed_order_expires_only_when_it_can_never_happen() {
    let mut scene = Scene::planned();
    scene.take_office("agent").unwrap();
    scene.approve("anna", 1).unwrap();
    scene.prepare(1, 1, 0).unwrap();
    scene.later(48);
    assert_eq!(scene.standing(1), OrderStanding::Prepared, "time alone ends nothing that was begun");
    // Its last valid height is 350: at that height it can still happen.
    for (height, standing) in [(200, OrderStanding::Prepared), (350, OrderStanding::Prepared), (351, OrderStanding::Expired)] {
        scene.next.height = height;
        scene.observe();
        assert_eq!(scene.standing(1), standing, "at {height}");
    }
    // So does another transaction with its sequence number, which nobody ordered.
    let mut scene = Scene::planned();
    scene.take_office("agent").unwrap();
    scene.approve("anna", 1).unwrap();
    scene.prepare(1, 1, 0).unwrap();
    scene.happened("elsewhere", false, Vec::new(), Vec::new());
    scene.observe();
    assert_eq!((scene.standing(1), scene.network().is_stopped()), (OrderStanding::Expired, true));
}

#[test]
fn one_transaction_of_an_address_is_under_way_at_a_time() {
    let mut scene = Scene::planned();
    scene.next.delegations[0].claimable = units(20);
    scene.observe();
    scene.set(&Policy { claim_above: units(15), ..quiet() });
    // A claim below 1,000 needs nobody.
    assert_eq!(scene.live(), ["2 delegate 900 proposed", "3 claim 20 approved"]);
    scene.take_office("agent").unwrap();
    scene.prepare(3, 1, 0).unwrap();
    scene.approve("anna", 2).unwrap();
    assert_eq!(refused(scene.prepare(2, 1, 0)), "order 3 of addr1 is under way");
    assert_eq!(refused(scene.told_done(2, "tx")), "order 3 of addr1 is under way");
    scene.sent(3, 1).unwrap();
    scene.next.delegations[0].claimable = units(0);
    scene.next.liquid[0].amount = units(1_020);
    let (validator, denomination, amount) = ("anna".to_owned(), "uatom".to_owned(), units(20));
    scene.happened("tx-3", true, Vec::new(), vec![Released { validator, denomination, amount }]);
    scene.observe();
    assert_eq!(scene.standing(3), OrderStanding::Done);
    scene.prepare(2, 1, 1).unwrap();
}

#[test]
fn who_says_no_ends_an_order_and_time_does_too() {
    let mut scene = Scene::planned();
    scene.sign_as("ben", "ben", 1, Verdict::Decline).unwrap();
    assert_eq!((scene.standing(1), scene.live()), (OrderStanding::Declined, vec![]));
    assert_eq!(scene.approve("anna", 1), not_open(OrderStanding::Declined));
    scene.observe();
    assert_eq!(scene.live(), ["2 delegate 900 proposed"], "the next plan asks again");
    scene.approve("anna", 2).unwrap();
    scene.told_done(2, "tx-typo").unwrap();
    scene.sign_as("ben", "ben", 2, Verdict::Decline).unwrap();
    assert_eq!(scene.standing(2), OrderStanding::Declined, "one that was only told of can be taken back");
    scene.observe();
    scene.approve("anna", 3).unwrap();
    scene.later(23);
    scene.observe();
    assert_eq!((scene.standing(3), scene.told_done(3, "tx")), (OrderStanding::Expired, not_open(OrderStanding::Expired)));
    assert_eq!(scene.live(), ["4 delegate 900 proposed"]);
}

#[test]
fn a_plan_replaces_what_nobody_approved_and_nothing_else() {
    let mut scene = Scene::planned();
    scene.set(&Policy { gas_reserve: units(200), ..quiet() });
    assert_eq!(scene.live(), ["2 delegate 800 proposed"]);
    assert_eq!(scene.approve("anna", 1), not_open(OrderStanding::Replaced));
    scene.approve("anna", 2).unwrap();
    let answer = scene.set(&Policy { gas_reserve: units(300), ..quiet() });
    assert_eq!(answer, Answer::Policy { network: NetworkIx(0), version: 3 });
    assert_eq!(scene.live(), ["2 delegate 800 approved"], "what is approved stays, and counts as under way");
    // But it is held against the policy of now before it is begun.
    assert_eq!(refused(scene.told_done(2, "tx")), "700 base units are free above the gas reserve, and 800 are ordered");
    let anna = Approved { validator: "anna".to_owned(), weight: 1, cap: rate("1") };
    scene.set(&Policy { validators: vec![anna], barred: vec!["ben".to_owned()], ..quiet() });
    assert_eq!(refused(scene.told_done(2, "tx")), "nothing may be staked with ben now");
}

#[test]
fn a_sweep_takes_two_people_and_a_top_up_is_done_by_the_wallet() {
    // The wallet has too much: 1,000 and no customers. Its coins go to work.
    let mut scene = Scene::new();
    scene.set(&Policy { gas_reserve: units(1_000), ..open_policy() });
    assert_eq!(scene.live(), ["1 top_up 1000 proposed"]);
    scene.approve("anna", 1).unwrap();
    scene.take_office("agent").unwrap();
    assert_eq!(refused(scene.prepare(1, 1, 0)), "a top-up is done by the wallet");
    assert_eq!(refused(scene.told_done(1, "tx")), "a top-up is told of by the wallet");
    let top_up = |amount: &str, order| {
        let (network, address, asset) = ("hub".to_owned(), "addr1".to_owned(), "ATOM".to_owned());
        Command::ReportTopUp(Box::new(TopUp { network, address, asset, amount: amount.to_owned(), hash: "up".to_owned(), order }))
    };
    assert_eq!(refused(scene.run(&top_up("999", Some(1)))), "the order asks for another amount, to another address, or for no top-up");
    scene.ok(&top_up("1000", Some(1)));
    assert_eq!(scene.live(), ["1 top_up 1000 sent"]);
    scene.next.liquid[0].amount = units(2_000);
    let (hash, address, from, denomination) = ("up".to_owned(), "addr1".to_owned(), "wallet".to_owned(), "uatom".to_owned());
    scene.next.inflows.push(Inflow { hash, address, from, denomination, amount: units(1_000) });
    scene.observe();
    assert_eq!(scene.standing(1), OrderStanding::Done);
    assert_eq!(scene.live(), ["2 delegate 1000 proposed"]);

    // The wallet says that 300 of a customer's coins are not there: as many are swept.
    let mut scene = Scene::new();
    scene.ok(&Command::CreateCustomer { id: "dora".to_owned() });
    let (customer, asset, account) = ("dora".to_owned(), "ATOM".to_owned(), AccountKind::Spot);
    scene.ok(&Command::Deposit(WalletMove { customer, asset, account, amount: "1000".to_owned(), reference: "in".to_owned() }));
    scene.attest("700");
    scene.set(&open_policy());
    assert_eq!(scene.live(), ["1 sweep 300 proposed", "2 delegate 600 proposed"]);
    scene.approve("anna", 1).unwrap();
    assert_eq!(scene.told_done(1, "tx"), not_open(OrderStanding::Proposed), "one is not enough");
    assert_eq!(scene.approve("anna", 1), Err(Rejection::AlreadySigned));
    scene.approve("ben", 1).unwrap();
    scene.told_done(1, "tx").unwrap();
    scene.next.liquid[0].amount = units(700);
    let (denomination, amount, to, memo) = ("uatom".to_owned(), units(300), "wallet".to_owned(), "42".to_owned());
    scene.happened("tx", true, vec![Effect::Sent { denomination, amount, to, memo }], Vec::new());
    scene.observe();
    assert_eq!((scene.standing(1), scene.network().is_stopped()), (OrderStanding::Done, false));
    assert_eq!(scene.live(), ["3 delegate 597 proposed"], "what is under way to the wallet counts");
}
