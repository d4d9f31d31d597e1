//! The queue of exits: what is covered is paid at once, the rest waits its turn (TREASURY 6).

use super::network::empty;
use crate::driver::Engine;
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::{AssetIx, PositionId};
use usance_core::ledger::LedgerAccount;
use usance_core::machine::state::ClockMode;
use usance_core::machine::verb::{
    Attest, NewNetwork, Patch, ProductText, Redeem, SaleText, SignProposal, Source, Subscribe, TopUp, WalletMove,
};
use usance_core::machine::{Answer, Command, ExitOutlook, Rejection, preview};
use usance_core::money::{Amount, Rate};
use usance_core::person::proposal::{Matter, Verdict};
use usance_core::product::{Distribution, EarlyRedemption, ExitTerms, Kind, RateMode, StakingTerms, Status};
use usance_core::reward::clawback::AccountKind;
use usance_core::treasury::digest::digest;
use usance_core::treasury::network::NetworkTerms;
use usance_core::treasury::picture::{Delegation, Effect, Inflow, Liquid, Picture, Settled, Unbonding};
use usance_core::treasury::queue::ExitStanding;
use usance_workload::Situation;
use usance_workload::people::{public_key_of, signed};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// 2026-01-01, noon.
const NOON: i64 = 1_767_268_800_000;

/// One asset without decimals, SOL: alice and bob have 1,000 each in Spot and stake what they like; the treasury has begun empty.
struct Scene {
    engine: Engine,
    now: i64,
    picture: Picture,
    proposals: u64,
}

impl Scene {
    fn new() -> Scene {
        let engine = Engine::new(ClockMode::System, 0, Timestamp::from_ms(NOON));
        let picture = Picture { number: 0, addresses: vec!["addr-1".to_owned()], ..empty() };
        let mut scene = Scene { engine, now: NOON, picture, proposals: 0 };
        scene.ok(Command::CreateAsset { symbol: "SOL".to_owned(), name: "Sol".to_owned(), decimals: 0, display_decimals: 0 });
        scene.ok(Command::PublishAgreement { version: "1".to_owned(), text: "words".to_owned() });
        for name in ["flex", "term"] {
            scene.product(name);
        }
        for customer in ["alice", "bob", "carol"] {
            scene.ok(Command::CreateCustomer { id: customer.to_owned() });
            scene.ok(Command::Deposit(moved(customer, "1000", "d")));
        }
        scene.begin();
        scene
    }

    /// A network, two people, an address, and a first picture with nothing.
    fn begin(&mut self) {
        let terms = NetworkTerms {
            compounds: false,
            unbonding_ms: 21 * DAY_MS,
            earned_at_most: Rate::parse("1").unwrap(),
            slashed_at_most: Rate::parse("0.1").unwrap(),
        };
        let coins = vec![("SOL".to_owned(), "usol".to_owned())];
        let (name, chain_id) = ("hub".to_owned(), "hub-1".to_owned());
        self.ok(Command::CreateNetwork(Box::new(NewNetwork { name, chain_id, coins, terms })));
        for name in ["anna", "ben"] {
            self.ok(Command::RegisterPerson { name: name.to_owned(), key: public_key_of(name) });
        }
        self.decide(Matter::AddTreasuryAddress { network: "hub".to_owned(), address: "addr-1".to_owned() });
        self.attest("3000");
        self.look();
        let shown = digest(&self.picture);
        self.decide(Matter::ConfirmPicture { network: "hub".to_owned(), number: 1, digest: shown });
        assert!(self.engine.state.treasury.is_open(AssetIx(0)));
    }

    fn product(&mut self, id: &str) {
        let kind = if id == "flex" { Kind::Flexible } else { Kind::FixedTerm { term_days: 30 } };
        let sale = SaleText { minimum: Patch::Set("1".to_owned()), ..SaleText::default() };
        let is_term = id != "flex";
        let product = ProductText {
            id: id.to_owned(),
            asset: "SOL".to_owned(),
            name: id.to_owned(),
            kind,
            rates: vec![(self.today(), vec![(None, Rate::parse("3.65").unwrap())])],
            rate_mode: Some(RateMode::Floating),
            distribution: is_term.then_some(Distribution::AtMaturity),
            early_redemption: is_term.then_some(EarlyRedemption::Clawback),
            staking: StakingTerms { exit: ExitTerms::MayQueue, ..StakingTerms::default() },
            sale,
        };
        self.ok(Command::CreateProduct(Box::new(product)));
        self.ok(Command::SetProductStatus { product: id.to_owned(), status: Status::Open });
    }

    fn run(&mut self, command: Command) -> Result<Answer, Rejection> {
        self.engine.run(&command, Timestamp::from_ms(self.now))
    }
    fn ok(&mut self, command: Command) -> Answer {
        let told = self.run(command.clone());
        told.unwrap_or_else(|refused| panic!("{command:?}: {refused:?}"))
    }
    fn decide(&mut self, matter: Matter) {
        self.ok(Command::Propose { matter: Box::new(matter), expires_at: None });
        self.proposals += 1;
        let (proposal, verdict) = (self.proposals, Verdict::Approve);
        for name in ["anna", "ben"] {
            let text = self.engine.state.text_to_sign(proposal, verdict).unwrap();
            let (person, signature) = (name.to_owned(), signed(name, &text));
            self.ok(Command::SignProposal(Box::new(SignProposal { proposal, person, verdict, signature })));
        }
    }
    fn later(&mut self, days: i64) {
        self.now += days * DAY_MS;
    }
    /// The wallet has so much, and says so.
    fn attest(&mut self, amount: &str) {
        let movement = self.engine.state.registry.counters.wallet_moves;
        let at = Timestamp::from_ms(self.now);
        self.ok(Command::Attest(Attest { asset: "SOL".to_owned(), amount: amount.to_owned(), at, movement }));
    }
    /// The next picture.
    fn look(&mut self) -> Answer {
        (self.picture.number, self.picture.height) = (self.picture.number + 1, self.picture.height + 1);
        self.picture.time = Timestamp::from_ms(self.now);
        let picture = Box::new(self.picture.clone());
        self.ok(Command::Observe { network: "hub".to_owned(), picture })
    }
    fn top_up(&mut self, amount: &str) {
        let (network, address, asset, hash) = ("hub".to_owned(), "addr-1".to_owned(), "SOL".to_owned(), format!("h{}", self.now));
        self.ok(Command::ReportTopUp(Box::new(TopUp { network, address, asset, amount: amount.to_owned(), hash, order: None })));
    }
    /// A picture shows that the last top-up has arrived, and is free.
    fn arrives(&mut self, amount: &str) {
        let units = Amount::parse(amount, 0).unwrap();
        let (address, denomination) = ("addr-1".to_owned(), "usol".to_owned());
        self.free(units.units());
        let (hash, from) = (format!("h{}", self.now), "wallet".to_owned());
        self.picture.inflows = vec![Inflow { hash, from, address, denomination, amount: units }];
        self.look();
        self.picture.inflows.clear();
    }
    /// So much is free at the treasury.
    fn free(&mut self, units: u128) {
        let (address, denomination) = ("addr-1".to_owned(), "usol".to_owned());
        self.picture.liquid = vec![Liquid { address, denomination, amount: Amount::from_units(units) }];
    }
    /// So much is staked.
    fn stake(&mut self, units: u128) {
        let (address, validator) = ("addr-1".to_owned(), "v".to_owned());
        let stake = Amount::from_units(units);
        self.picture.delegations = vec![Delegation { address, validator, stake, claimable: Amount::ZERO, shares: None }];
    }
    /// The next picture shows a transaction.
    fn transact(&mut self, hash: &str, effects: Vec<Effect>) {
        let (hash, address, sequence) = (hash.to_owned(), "addr-1".to_owned(), self.picture.number);
        self.picture.transactions = vec![Settled {
            hash,
            address,
            sequence,
            succeeded: true,
            fee_denomination: "usol".to_owned(),
            fee: Amount::ZERO,
            effects,
            released: Vec::new(),
        }];
    }
    fn subscribe(&mut self, customer: &str, product: &str, amount: &str) {
        let (customer, product, amount) = (customer.to_owned(), product.to_owned(), amount.to_owned());
        let agreement = "1".to_owned();
        self.ok(Command::Subscribe(Subscribe { customer, product, amount, source: Source::Spot, agreement, auto_renew: false }));
    }
    fn redeem(&mut self, customer: &str, position: u64, amount: &str) -> Result<Answer, Rejection> {
        self.run(Command::Redeem(asked(customer, position, amount)))
    }
    fn queue(&mut self, customer: &str, position: u64, amount: &str) -> Answer {
        self.ok(Command::QueueExit(asked(customer, position, amount)))
    }
    fn spot(&self, customer: &str) -> u128 {
        self.engine.balance(customer, "SOL", AccountKind::Spot).units()
    }
    fn funding(&self, customer: &str) -> u128 {
        self.engine.balance(customer, "SOL", AccountKind::Funding).units()
    }
    /// Who waits, by redemption, and for how much.
    fn line(&self) -> Vec<(u64, u128)> {
        self.engine.state.treasury.queue().in_line(AssetIx(0)).map(|exit| (exit.redemption, exit.left().units())).collect()
    }
    fn covered(&self) -> i128 {
        self.engine.state.covered(AssetIx(0)).unwrap().units()
    }
    fn books(&self, account: LedgerAccount) -> i128 {
        self.engine.state.registry.control[0].balance(account).units()
    }
    fn today(&self) -> Day {
        self.day_at(self.now)
    }
    fn day_at(&self, at: i64) -> Day {
        self.engine.offset().day_of(Timestamp::from_ms(at))
    }
}

fn moved(customer: &str, amount: &str, reference: &str) -> WalletMove {
    WalletMove {
        customer: customer.to_owned(),
        asset: "SOL".to_owned(),
        account: AccountKind::Spot,
        amount: amount.to_owned(),
        reference: format!("{reference}-{customer}"),
    }
}

fn asked(customer: &str, position: u64, amount: &str) -> Redeem {
    let (customer, position) = (customer.to_owned(), Some(PositionId(position)));
    Redeem { customer, position, amount: Some(amount.to_owned()), to: None, quoted_payout: None, quoted_from_funding: None }
}

/// Alice has staked 600, bob 300, and 900 of their coins went to the treasury: 2,100 are in the wallet, and all of it is somebody's.
fn staked() -> Scene {
    let mut scene = Scene::new();
    scene.subscribe("alice", "flex", "600");
    scene.subscribe("bob", "flex", "300");
    scene.top_up("900");
    assert_eq!(scene.covered(), 0);
    scene
}

#[test]
fn what_is_not_covered_is_refused_with_what_is_and_by_when_the_rest_can_be_paid() {
    let mut scene = staked();
    let expected = Day::from_number(scene.today().number() + 22);
    let asset = AssetIx(0);
    assert_eq!(
        scene.redeem("alice", 1, "100"),
        Err(Rejection::InstantExitUnavailable { asset, available: Amount::ZERO, expected }),
        "nothing is in the wallet, on its way or being freed: it takes the network's time and a day"
    );
    scene.ok(Command::FundRewardPool { asset: "SOL".to_owned(), amount: "40".to_owned() });
    let refused = scene.redeem("alice", 1, "41");
    assert_eq!(refused, Err(Rejection::InstantExitUnavailable { asset, available: Amount::from_units(40), expected }));
    scene.redeem("alice", 1, "40").unwrap();
    assert_eq!((scene.spot("alice"), scene.covered()), (440, 0));
    scene.later(2);
    scene.ok(Command::FundRewardPool { asset: "SOL".to_owned(), amount: "500".to_owned() });
    let refused = scene.redeem("alice", 1, "1");
    assert!(
        matches!(refused, Err(Rejection::InstantExitUnavailable { available: Amount::ZERO, .. })),
        "the wallet's word is stale: {refused:?}"
    );
}

#[test]
fn a_preview_says_at_once_or_by_when() {
    let mut scene = staked();
    scene.ok(Command::FundRewardPool { asset: "SOL".to_owned(), amount: "40".to_owned() });
    let look = |scene: &Scene, amount: &str| {
        let asked = asked("alice", 1, amount);
        let now = Timestamp::from_ms(scene.now);
        preview::redemption(&scene.engine.state, &asked.customer, asked.position, asked.amount.as_deref(), None, now).unwrap().exit
    };
    assert_eq!(look(&scene, "40"), ExitOutlook::AtOnce);
    let expected = Day::from_number(scene.today().number() + 22);
    assert_eq!(look(&scene, "41"), ExitOutlook::Queued { available: Amount::from_units(40), expected });
    // Coins that have arrived at the treasury and are free there are a transfer away.
    scene.arrives("900");
    let expected = Day::from_number(scene.today().number() + 1);
    assert_eq!(look(&scene, "41"), ExitOutlook::Queued { available: Amount::from_units(40), expected });
}

#[test]
fn small_exits_wait_behind_a_large_head_which_is_paid_in_part() {
    let mut scene = staked();
    let Answer::ExitQueued { id: 1, promised, position, .. } = scene.queue("alice", 1, "500") else { panic!("queued") };
    assert_eq!((position.principal.units(), promised.number() - scene.today().number()), (100, 22));
    scene.queue("bob", 2, "10");
    scene.queue("bob", 2, "5");
    assert_eq!(scene.line(), [(1, 500), (2, 10), (3, 5)]);
    assert_eq!((scene.books(LedgerAccount::RedemptionsQueued), scene.books(LedgerAccount::CustomerPrincipal)), (515, 385));
    // Coins come: the head is paid in part, in the same instant.
    let at = scene.now;
    scene.ok(Command::FundRewardPool { asset: "SOL".to_owned(), amount: "200".to_owned() });
    assert_eq!((scene.line(), scene.spot("alice"), scene.covered(), at), (vec![(1, 300), (2, 10), (3, 5)], 600, 0, scene.now));
    // Somebody stakes: what it brings belongs to whoever waits.
    scene.subscribe("carol", "flex", "312");
    assert_eq!((scene.line(), scene.spot("alice"), scene.spot("bob")), (vec![(3, 3)], 900, 712));
    assert_eq!(scene.engine.state.treasury.queue().of_redemption(1).unwrap().standing, ExitStanding::Paid);
    let events: Vec<&str> =
        scene.engine.log.iter().rev().take(4).flat_map(|record| record.events.iter().map(usance_core::machine::Event::name)).collect();
    assert_eq!(events, ["ExitPaid", "ExitPaid", "ExitPaid", "Subscribed"], "each with its own record, right behind");
}

#[test]
fn while_anyone_waits_at_once_is_what_the_queue_does_not_need_and_a_small_allowance() {
    let mut scene = staked();
    scene.ok(Command::SetExitAllowance { asset: "SOL".to_owned(), allowance: "30".to_owned() });
    scene.queue("alice", 1, "500");
    // The word is stale: nothing is paid, to nobody.
    scene.later(2);
    scene.ok(Command::FundRewardPool { asset: "SOL".to_owned(), amount: "120".to_owned() });
    assert_eq!(scene.line(), [(1, 500)]);
    // The wallet says that it has less than that: 20 beyond what is somebody's.
    let owed = scene.books(LedgerAccount::CustomerSpot) + scene.books(LedgerAccount::CustomerFunding);
    scene.attest(&(owed + 20).to_string());
    assert_eq!(scene.line(), [(1, 480)], "what is covered goes to the head first");
    let refused = scene.redeem("bob", 2, "1");
    assert!(matches!(refused, Err(Rejection::InstantExitUnavailable { available: Amount::ZERO, .. })), "{refused:?}");
}

#[test]
fn who_cancels_subscribes_anew() {
    let mut scene = staked();
    scene.queue("alice", 1, "500");
    scene.queue("bob", 2, "50");
    let cancel = |customer: &str, redemption, agreement: &str| Command::CancelExit {
        customer: customer.to_owned(),
        redemption,
        agreement: agreement.to_owned(),
    };
    assert_eq!(scene.run(cancel("bob", 1, "1")), Err(Rejection::ExitNotFound), "it is alice's");
    assert_eq!(scene.run(cancel("alice", 9, "1")), Err(Rejection::ExitNotFound));
    let old = Rejection::AgreementNotAccepted { in_force: Some("1".to_owned()) };
    assert_eq!(scene.run(cancel("alice", 1, "0")), Err(old));
    scene.later(1);
    scene.attest("2100");
    let Answer::ExitCancelled { redemption: 1, position, .. } = scene.ok(cancel("alice", 1, "1")) else { panic!("cancelled") };
    assert_eq!((position.principal.units(), position.pending.units()), (600, 500), "it earns from tomorrow");
    assert_eq!((scene.line(), scene.books(LedgerAccount::RedemptionsQueued)), (vec![(2, 50)], 50));
    assert_eq!(scene.run(cancel("alice", 1, "1")), Err(Rejection::ExitNotWaiting));
    scene.ok(Command::SetProductStatus { product: "flex".to_owned(), status: Status::Paused });
    assert_eq!(scene.run(cancel("bob", 2, "1")), Err(Rejection::ProductNotOpen));
}

#[test]
fn who_waits_longer_than_promised_earns_at_the_platforms_cost() {
    let mut scene = staked();
    // All that is to come is free at the treasury: promised for tomorrow.
    scene.arrives("900");
    let Answer::ExitQueued { promised, .. } = scene.queue("alice", 1, "450") else { panic!("queued") };
    assert_eq!(promised, scene.today().next());
    let (pool, funding) = (scene.books(LedgerAccount::RewardPool), scene.funding("alice"));
    scene.later(2);
    scene.attest("2100");
    // Alice's remaining 150 earned 1.5 a day for one complete day; what waits earned nothing through the promised day.
    assert_eq!(scene.engine.state.treasury.queue().of_redemption(1).unwrap().earned_through, promised);
    assert_eq!(scene.funding("alice") - funding, 1);
    scene.later(3);
    scene.attest("2100");
    // Three days at one per cent of 450: 4.5 a day, 4 and 5 by turns; the position has had three more days of 1.5.
    let waited = scene.engine.state.treasury.queue().of_redemption(1).unwrap();
    assert_eq!((waited.earned_through, waited.carry), (scene.today().previous(), 18_250_000_000));
    let position = scene.engine.state.position(PositionId(1)).unwrap().0.distributed.get().units();
    assert_eq!(scene.funding("alice") - funding, position + 13);
    assert_eq!(pool - scene.books(LedgerAccount::RewardPool), i128::try_from(scene.funding("alice") + scene.funding("bob")).unwrap());
}

#[test]
fn a_date_moves_with_what_comes_and_the_promise_stays() {
    let mut scene = staked();
    scene.queue("alice", 1, "500");
    let whole = |scene: &Scene, amount| {
        let (amount, now) = (Amount::from_units(amount), Timestamp::from_ms(scene.now));
        scene.engine.state.expected_day(AssetIx(0), amount, now).number() - scene.today().number()
    };
    assert_eq!(whole(&scene, 500), 22);
    // The top-up arrives, and 450 of it are staked.
    scene.arrives("900");
    assert_eq!(whole(&scene, 500), 1, "all of it is free at the treasury");
    scene.transact("delegate", vec![Effect::Delegated { validator: "v".to_owned(), amount: Amount::from_units(850) }]);
    scene.stake(850);
    scene.free(50);
    scene.look();
    assert_eq!((whole(&scene, 50), whole(&scene, 51)), (1, 22));
    // 460 of these are undelegated, and free in five days.
    let (validator, started, amount) = ("v".to_owned(), 7, Amount::from_units(460));
    let completes_at = Timestamp::from_ms(scene.now + 5 * DAY_MS);
    scene.transact("undelegate", vec![Effect::Undelegated { validator: validator.clone(), started, amount }]);
    scene.stake(390);
    scene.picture.unbonding = vec![Unbonding { address: "addr-1".to_owned(), validator, started, completes_at, balance: amount }];
    scene.look();
    assert_eq!((whole(&scene, 50), whole(&scene, 510), whole(&scene, 511)), (1, 6, 22));
    let promised = scene.engine.state.treasury.queue().of_redemption(1).unwrap().promised;
    assert_eq!(promised, scene.day_at(scene.now + 22 * DAY_MS), "what was promised stays as it was");
    // Whoever comes now is promised the day on which all before are paid as well.
    for (amount, days) in [("10", 6), ("1", 22)] {
        let Answer::ExitQueued { promised, .. } = scene.queue("bob", 2, amount) else { panic!("queued") };
        assert_eq!(promised.number() - scene.today().number(), days, "{amount} behind others");
    }
}

#[test]
fn a_term_that_is_left_early_waits_with_what_is_left_of_it() {
    let mut scene = Scene::new();
    scene.subscribe("alice", "term", "600");
    scene.top_up("600");
    scene.later(4);
    scene.attest("2400");
    let mut exit = asked("alice", 1, "600");
    assert!(matches!(scene.run(Command::QueueExit(exit.clone())), Err(Rejection::QuoteChanged { .. })), "the quote is asked for as ever");
    exit.quoted_payout = Some("600".to_owned());
    let Answer::ExitQueued { early: true, figures, position, .. } = scene.ok(Command::QueueExit(exit)) else { panic!("queued") };
    assert_eq!((figures.payout.units(), figures.forfeited_accrued.units(), position.principal.units()), (600, 18, 0));
    assert_eq!((scene.line(), scene.spot("alice"), scene.books(LedgerAccount::RewardsPayable)), (vec![(1, 600)], 400, 0));
}

#[test]
fn where_no_treasury_has_begun_everything_is_paid_at_once() {
    let mut scene = Scene::new();
    scene.ok(Command::CreateAsset { symbol: "WEI".to_owned(), name: "Wei".to_owned(), decimals: 0, display_decimals: 0 });
    let now = Timestamp::from_ms(scene.now);
    let alice = scene.engine.state.customer_ix("alice").unwrap();
    assert_eq!(scene.engine.state.exit_outlook(AssetIx(1), alice, Amount::from_units(5), now), ExitOutlook::AtOnce);
    let asked = Command::SetExitAllowance { asset: "WEI".to_owned(), allowance: "1".to_owned() };
    assert_eq!(scene.run(asked), Err(Rejection::NetworkNotFound));
}
