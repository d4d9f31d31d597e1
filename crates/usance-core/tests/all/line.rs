//! Random histories of a treasury that runs, beside a slow twin of its lines: who waits for coins, who is paid of what in which order,
//! what waiting longer earns, and that nothing which can be refused takes what is not covered.
//!
//! The twin knows only what the log says. It walks over every exit there ever was, and counts a carry of its own.

use crate::driver::{Engine, through_parts};
use crate::world::{self, CAST};
use std::collections::BTreeMap;
use usance_core::audit;
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::{AssetIx, CustomerIx, ProductIx};
use usance_core::ledger::LedgerAccount;
use usance_core::machine::day::DayClosed;
use usance_core::machine::verb::{ExitCancelled, ExitEarned, ExitPaid, ExitQueued, LossBorne};
use usance_core::machine::{Command, Event, State};
use usance_core::money::Amount;
use usance_core::product::rates::Bands;
use usance_core::treasury::queue::ExitStanding;
use usance_workload::{Dice, Situation, SplitMix64, Workload};

/// A year's days in units of a rate: what a day's numerators are divided by (RULES 3).
const D: u128 = 36_500_000_000;
/// As long as a proposal stands, in milliseconds.
const EXPIRES_MS: i64 = 72 * 60 * 60 * 1000;
const WORLDS: u64 = 192;
/// Rare things may need more worlds: what happens in a world depends on which kinds of product there are.
const WORLDS_AT_MOST: u64 = 768;
const TURNS: usize = 90;

/// One exit as the log tells of it.
struct Waits {
    redemption: u64,
    customer: CustomerIx,
    asset: AssetIx,
    product: ProductIx,
    queued: Amount,
    to_spot: Amount,
    to_funding: Amount,
    paid: Amount,
    staked_again: Amount,
    /// What a loss took of it.
    lost: Amount,
    promised: Day,
    /// The rest of the last division, and what is due and not paid yet.
    carry: u128,
    due: u128,
}

impl Waits {
    fn left(&self) -> Amount {
        self.to_spot.plus(self.to_funding)
    }
}

/// Everybody who ever waited.
#[derive(Default)]
struct Twin {
    exits: Vec<Waits>,
    last_closed: Option<Day>,
    /// Records that were read.
    read: usize,
    /// Who was passed over when somebody behind was paid: what was left of each was withheld.
    passed_over: Vec<u64>,
    happened: BTreeMap<&'static str, u32>,
}

impl Twin {
    fn count(&mut self, what: &'static str, is_so: bool) {
        *self.happened.entry(what).or_default() += u32::from(is_so);
    }

    /// What of an exit is withheld for a loss, as the machine says: who bears what is told by the cases of `sharing`.
    fn payable(&self, state: &State, asset: AssetIx) -> Vec<(u64, Amount)> {
        let withheld = |redemption| state.treasury.queue().of_redemption(redemption).map_or(Amount::ZERO, |exit| exit.withheld);
        let line = self.waiting(asset).into_iter();
        let payable = line.map(|(redemption, left)| (redemption, left.checked_minus(withheld(redemption)).expect("no more than waits")));
        payable.filter(|(_, payable)| !payable.is_zero()).collect()
    }

    fn waiting(&self, asset: AssetIx) -> Vec<(u64, Amount)> {
        let waits = |exit: &&Waits| exit.asset == asset && !exit.left().is_zero();
        self.exits.iter().filter(waits).map(|exit| (exit.redemption, exit.left())).collect()
    }

    fn find(&mut self, redemption: u64) -> &mut Waits {
        self.exits.iter_mut().find(|exit| exit.redemption == redemption).expect("an exit that was queued")
    }

    /// Reads on in the log.
    fn follow(&mut self, engine: &Engine) {
        for event in engine.log[self.read..].iter().flat_map(|record| &record.events) {
            match event {
                Event::ExitQueued(event) => self.queued(&engine.state, event),
                Event::ExitPaid(event) => self.paid(event),
                Event::ExitEarned(event) => self.earned(event),
                Event::ExitCancelled(event) => self.cancelled(event),
                Event::LossBorne(event) => self.borne(event),
                Event::DayClosed(closed) => self.closed(&engine.state, closed),
                _ => {}
            }
        }
        self.read = engine.log.len();
    }

    fn queued(&mut self, state: &State, event: &ExitQueued) {
        let redeemed = &event.redeemed;
        let waits = event.to_spot.plus(event.to_funding);
        assert!(!waits.is_zero(), "nothing does not wait");
        self.count("what is withheld of an exit", !event.withheld.is_zero());
        self.count("what is withheld of what is paid at once", waits < redeemed.figures.payout);
        let asset = state.product(redeemed.product).expect("a product").asset;
        self.exits.push(Waits {
            redemption: redeemed.id,
            customer: redeemed.customer,
            asset,
            product: redeemed.product,
            queued: waits,
            to_spot: event.to_spot,
            to_funding: event.to_funding,
            paid: Amount::ZERO,
            staked_again: Amount::ZERO,
            lost: Amount::ZERO,
            promised: event.promised,
            carry: 0,
            due: 0,
        });
        let several = self.waiting(asset).len() > 1;
        self.count("a line of several", several);
        self.count("an exit", true);
    }

    /// Terms that ended, of which something was withheld: the machine says of which.
    fn matured(&mut self, state: &State, closed: &DayClosed) {
        let mut amounts: BTreeMap<ProductIx, Amount> = closed.withheld.iter().map(|line| (line.product, line.amount)).collect();
        let at = state.registry.platform.offset.first_instant(closed.day.next());
        for exit in state.treasury.queue().exits().iter().filter(|exit| exit.queued_at == at) {
            let is_told = self.exits.iter().any(|told| told.redemption == exit.redemption);
            let of_term = state.position(exit.position).is_some_and(|(_, origin)| origin.closed_at() == Some(at));
            let Some(left) = amounts.get_mut(&exit.product).filter(|_| !is_told && of_term) else { continue };
            let Some(less) = left.checked_minus(exit.queued) else { continue };
            *left = less;
            let (to_spot, to_funding) = exit.queued_parts();
            self.exits.push(Waits {
                redemption: exit.redemption,
                customer: exit.customer,
                asset: exit.asset,
                product: exit.product,
                queued: exit.queued,
                to_spot,
                to_funding,
                paid: Amount::ZERO,
                staked_again: Amount::ZERO,
                lost: Amount::ZERO,
                promised: exit.promised,
                carry: 0,
                due: 0,
            });
            self.count("what is withheld of a term that ended", true);
        }
        assert!(amounts.values().all(|left| left.is_zero()), "what is withheld of terms waits");
    }

    fn borne(&mut self, event: &LossBorne) {
        for part in &event.exits {
            let exit = self.find(part.redemption);
            exit.to_spot = exit.to_spot.checked_minus(part.from_spot).expect("no more than waits");
            exit.to_funding = exit.to_funding.checked_minus(part.from_funding).expect("no more than waits");
            exit.lost = exit.lost.plus(part.from_spot).plus(part.from_funding);
            let (bears, comes_free) = (!part.from_spot.plus(part.from_funding).is_zero(), !part.comes_free.is_zero());
            self.count("an exit that bears", bears);
            self.count("what was withheld comes free", comes_free);
        }
        self.passed_over.clear();
        self.count("a position that bears", event.position.is_some());
    }

    fn paid(&mut self, event: &ExitPaid) {
        // Nobody who waits before it could be paid anything: all of that is withheld.
        let before = self.waiting(event.asset).into_iter().take_while(|(redemption, _)| *redemption < event.redemption);
        let withheld: Vec<u64> = before.map(|(redemption, _)| redemption).collect();
        self.passed_over.extend(withheld);
        let exit = self.find(event.redemption);
        assert!(event.to_funding.is_zero() || event.to_spot == exit.to_spot, "the Spot part first");
        exit.to_spot = exit.to_spot.checked_minus(event.to_spot).expect("no more than waits");
        exit.to_funding = exit.to_funding.checked_minus(event.to_funding).expect("no more than waits");
        exit.paid = exit.paid.plus(event.to_spot).plus(event.to_funding);
        let (in_part, both) = (!exit.left().is_zero(), !event.to_spot.is_zero() && !event.to_funding.is_zero());
        self.count("a payment", true);
        self.count("a payment in part", in_part);
        self.count("a payment to both accounts", both);
    }

    fn cancelled(&mut self, event: &ExitCancelled) {
        let exit = self.find(event.redemption);
        let subscribed = &event.subscribed;
        assert_eq!(
            (subscribed.from_spot, subscribed.from_funding),
            (exit.to_spot, exit.to_funding),
            "all that still waits is staked again"
        );
        assert!(!exit.left().is_zero(), "what waits");
        exit.staked_again = exit.left();
        (exit.to_spot, exit.to_funding) = (Amount::ZERO, Amount::ZERO);
        let was_paid_in_part = !exit.paid.is_zero();
        self.count("a cancelled exit", true);
        self.count("a cancelled exit that was paid in part", was_paid_in_part);
    }

    fn closed(&mut self, state: &State, closed: &DayClosed) {
        self.last_closed = Some(closed.day);
        for exit in self.exits.iter_mut().filter(|exit| !exit.left().is_zero() && exit.promised < closed.day) {
            let product = closed.products.iter().find(|of| of.product == exit.product).expect("a product that was staked in has a rate");
            let bands = state.bands(product.version).expect("bands").capped(product.settled);
            let all = exit.carry + numerator(&bands, exit.left().units());
            exit.due += all / D;
            exit.carry = all % D;
        }
        self.matured(state, closed);
    }

    fn earned(&mut self, event: &ExitEarned) {
        assert_eq!(Some(event.through), self.last_closed, "right after the close");
        let exit = self.find(event.redemption);
        assert_eq!((event.reward.units(), u128::from(event.carry)), (exit.due, exit.carry), "redemption {}", event.redemption);
        exit.due = 0;
        self.count("a reward for waiting", !event.reward.is_zero());
    }

    /// Holds a state against all that was told.
    fn check(&mut self, state: &State, now: Timestamp, after: &str) {
        for (place, control) in state.registry.control.iter().enumerate() {
            let asset = AssetIx::from_index(place);
            let line: Vec<(u64, Amount)> = state.treasury.queue().in_line(asset).map(|exit| (exit.redemption, exit.left())).collect();
            assert_eq!(line, self.waiting(asset), "{after}: who waits");
            let sum = line.iter().fold(0, |sum, (_, left)| sum + i128::try_from(left.units()).expect("an amount"));
            assert_eq!(control.balance(LedgerAccount::RedemptionsQueued).units(), sum, "{after}: what waits is in the books");
            let covered = state.covered(asset).map_or(0, |covered| covered.units());
            let is_stale = state.is_attestation_stale(asset, now);
            let payable = self.payable(state, asset);
            assert!(payable.is_empty() || is_stale || covered <= 0, "{after}: {covered} are covered, and {line:?} waits");
            self.count("a stale word while somebody waits", is_stale && !line.is_empty());
        }
        for redemption in std::mem::take(&mut self.passed_over) {
            let exit = state.treasury.queue().of_redemption(redemption).expect("an exit is kept for ever");
            assert!(exit.payable().is_zero(), "{after}: redemption {redemption} was passed over");
        }
        for exit in &self.exits {
            let whole = exit.paid.plus(exit.staked_again).plus(exit.lost).plus(exit.left());
            assert_eq!(exit.queued, whole, "{after}: what was queued was paid, staked again, lost, or waits");
            let kept = state.treasury.queue().of_redemption(exit.redemption).expect("an exit is kept for ever");
            let standing = match (exit.left().is_zero(), exit.staked_again.is_zero()) {
                (false, _) => ExitStanding::Waiting,
                (true, true) => ExitStanding::Paid,
                (true, false) => ExitStanding::Cancelled,
            };
            let standing = if standing == ExitStanding::Paid && kept.standing == ExitStanding::Lost { kept.standing } else { standing };
            assert!(standing != ExitStanding::Lost || !exit.lost.is_zero(), "{after}");
            assert_eq!((kept.standing, kept.promised, kept.queued), (standing, exit.promised, exit.queued), "{after}");
            assert_eq!(kept.lost, exit.lost, "{after}");
            assert_eq!(kept.ended_at.is_some(), standing != ExitStanding::Waiting, "{after}");
            assert_eq!(exit.due, 0, "{after}: what was earned by waiting is paid");
        }
        for customer in (0..state.customers.len()).map(CustomerIx::from_index) {
            let own: Vec<u64> = state.treasury.queue().of_customer(customer).map(|exit| exit.redemption).collect();
            let told = self.exits.iter().rev().filter(|exit| exit.customer == customer).map(|exit| exit.redemption);
            assert_eq!(own, told.collect::<Vec<_>>(), "{after}: a customer's exits, newest first");
        }
    }
}

/// Each part of a principal at the rate of its band.
fn numerator(bands: &Bands, principal: u128) -> u128 {
    let (mut below, mut sum) = (0, 0);
    for band in bands.as_slice() {
        let top = band.up_to.map_or(principal, |up_to| up_to.units().min(principal)).max(below);
        sum += (top - below) * u128::from(band.rate.units());
        below = top;
    }
    sum
}

fn covered(state: &State) -> Vec<Option<i128>> {
    (0..state.registry.assets.len()).map(|asset| state.covered(AssetIx::from_index(asset)).map(|covered| covered.units())).collect()
}

/// Whether a command may be refused because coins do not cover it, or touches no coins that are covered.
fn can_be_refused(command: &Command) -> bool {
    // A word of the wallet, a picture, and what people sign say what is so; a move of the clock pays rewards and maturities.
    !matches!(command, Command::Attest(_) | Command::Observe { .. } | Command::SignProposal(_) | Command::MoveClock { .. })
}

/// A platform whose treasury has begun.
fn begun(numbers: &mut SplitMix64) -> Engine {
    let founding: Vec<u8> = (0..96).map(|_| numbers.roll().to_be_bytes()[0]).collect();
    let (mut engine, commands) = world::found(&founding);
    for command in &commands {
        let at = engine.state.registry.last_at;
        engine.run(command, at).unwrap_or_else(|rejection| panic!("{command:?}: {rejection:?}"));
    }
    for step in 0..400 {
        if engine.state.treasury.is_open(AssetIx(0)) {
            return engine;
        }
        let command = Workload::new(&engine.state, &CAST).treasury(&mut Dice::from_numbers(numbers));
        // A proposal that cannot be carried out any more stands in the way until it has expired.
        let waits = if step % 50 == 49 { EXPIRES_MS } else { 0 };
        let at = Timestamp::from_ms(engine.state.registry.last_at.ms() + waits);
        let _refused_or_not = engine.run(&command, at);
    }
    panic!("no treasury begins in 400 steps");
}

fn run(seed: u64, happened: &mut BTreeMap<&'static str, u32>) {
    let mut numbers = SplitMix64::new(seed);
    let mut engine = begun(&mut numbers);
    let mut twin = Twin::default();
    twin.follow(&engine);
    for turn in 0..TURNS {
        let dice = &mut Dice::from_numbers(&mut numbers);
        let at = world::when(&engine, dice);
        engine.close_before(at);
        engine.pay_waiting(at);
        let at = at.max(engine.state.registry.last_at);
        let workload = Workload::new(&engine.state, &CAST);
        let command = match dice.below(8) {
            0..=2 => workload.treasury(dice),
            3..=5 => workload.exit(dice, &engine.state.treasury()),
            _ => workload.command(dice),
        };
        let before = covered(&engine.state);
        let accepted = engine.run(&command, at).is_ok();
        let after = format!("world {seed}, turn {turn}, after {command:?} at {at}");
        twin.follow(&engine);
        twin.check(&engine.state, engine.state.registry.last_at, &after);
        assert_eq!(engine.state.broken, None, "{after}");
        let findings = audit::audit(&engine.state);
        assert!(audit::is_healthy(&findings), "{after}: {findings:#?}");
        for (was, is) in before.into_iter().zip(covered(&engine.state)) {
            let (was, is) = (was.unwrap_or_default(), is.unwrap_or_default());
            let may = is >= 0 || is >= was || !can_be_refused(&command);
            assert!(may, "{after}: what can be refused takes what is not covered: {was} before, {is} behind");
        }
        let paid_at_once = accepted && matches!(command, Command::Redeem(_));
        twin.count("a redemption that is paid at once", paid_at_once);
    }
    assert!(engine.replayed() == engine.state, "world {seed}: the log gives the same state again");
    assert!(through_parts(&engine.state) == engine.state, "world {seed}: a state comes back from its parts");
    twin.happened.into_iter().for_each(|(what, times)| *happened.entry(what).or_default() += times);
}

#[test]
fn every_line_is_what_its_twin_says() {
    let least = [
        ("an exit", 200),
        ("a line of several", 50),
        ("a payment", 60),
        ("a payment in part", 10),
        ("a payment to both accounts", 1),
        ("a cancelled exit", 20),
        ("a cancelled exit that was paid in part", 2),
        ("a reward for waiting", 20),
        ("a stale word while somebody waits", 100),
        ("a redemption that is paid at once", 30),
        ("what is withheld of an exit", 1),
        ("a position that bears", 1),
    ];
    let mut happened = BTreeMap::new();
    for seed in 0..WORLDS_AT_MOST {
        let is_enough = least.iter().all(|(what, least)| happened.get(what).is_some_and(|times| times >= least));
        if seed >= WORLDS && is_enough {
            return;
        }
        run(seed, &mut happened);
    }
    panic!("{WORLDS_AT_MOST} worlds show too little: {happened:#?} of at least {least:?}");
}
