//! The independent auditor: the rules again, written from RULES.md and sharing no arithmetic with the core.
//!
//! It keeps every subscription as a lot with its own value date, knows no carry, and counts without a bound
//! ([`arithmetic`]). It is told every command the machine is told, and says beforehand what the sender must hear
//! ([`verbs`]), what a close must give ([`days`]) and what everybody must then see ([`sight`]). Command and enum types
//! are the core's, as words; no function of the core is called. A clone is what the auditor would say if everything up
//! to then became durable: a run keeps one for each batch that is not.

pub mod arithmetic;
pub mod bearing;
pub mod days;
pub mod desk;
pub mod exits;
pub mod line;
mod losses;
pub mod network;
pub mod offering;
pub mod order_book;
mod orders;
pub mod passing;
pub mod paying;
pub mod people;
pub mod refused;
pub mod sharing;
pub mod sight;
pub mod staking;
pub mod terms;
pub mod treasury;
pub mod verbs;
pub mod wallet;

use crate::facts::Facts;
use arithmetic::{DAY_MS, Tiers};
use num_bigint::BigUint;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use terms::Product;
use usance_core::person::proposal::Matter;
use usance_core::position::PositionState;

/// What a clock says, and the latest that it may say without an operator.
#[derive(Clone, Copy, Debug)]
pub struct ClockSays {
    /// What it says.
    pub says: i64,
    /// The latest that is believed.
    pub believed: i64,
}

/// Hours for which a key has to be known, in milliseconds (RULES 10).
pub const KEY_KEPT_MS: i64 = 48 * 60 * 60 * 1000;

/// Spot or Funding, by the auditor's own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// Spot.
    Spot,
    /// Funding.
    Funding,
}

/// An amount that was staked together, and the first day that counts for it.
#[derive(Clone, Debug)]
pub struct Lot {
    /// How much.
    pub units: u128,
    /// From which day.
    pub value_date: i64,
}

/// A position.
#[derive(Clone, Debug)]
pub struct Position {
    /// Whose.
    pub customer: usize,
    /// Of which product.
    pub product: usize,
    /// What is staked.
    pub lots: Vec<Lot>,
    /// The part of it that came from Spot.
    pub from_spot: u128,
    /// The tiers it is locked to.
    pub locked: Option<Tiers>,
    /// The first day that counts.
    pub value_date: i64,
    /// All its days' numerators.
    pub numerators: BigUint,
    /// What they have given so far.
    pub rewarded: u128,
    /// What the last close gave.
    pub last_reward: u128,
    /// What each day gave, where it gave something.
    pub rewards: Vec<(i64, u128)>,
    /// Earned, not paid.
    pub accrued: u128,
    /// Paid over its life.
    pub distributed: u128,
    /// What an early exit could not take back.
    pub written_off: u128,
    /// Whether it renews.
    pub auto_renew: bool,
    /// When it began.
    pub opened_at: i64,
    /// When it ended.
    pub closed_at: Option<i64>,
    /// Everything subscribed into it.
    pub opened: u128,
    /// What was paid out of it.
    pub returned: u128,
    /// What a loss took of it.
    pub lost: u128,
    /// The number of the position it continues.
    pub renewed_from: Option<usize>,
    /// The number of the position that continues it.
    pub renewed_into: Option<usize>,
    /// The agreement it was opened under.
    pub agreement: usize,
    /// Where it stands.
    pub state: PositionState,
}

impl Position {
    /// All that is staked.
    #[must_use]
    pub fn principal(&self) -> u128 {
        self.lots.iter().map(|lot| lot.units).sum()
    }
    /// What is staked and counts on a day.
    #[must_use]
    pub fn earning_on(&self, day: i64) -> u128 {
        self.lots.iter().filter(|lot| lot.value_date <= day).map(|lot| lot.units).sum()
    }
    /// Whether it is staked.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.state == PositionState::Active
    }
}

/// A key that was used, for what, and what was answered.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The request.
    pub fingerprint: [u8; 16],
    /// When.
    pub at: i64,
    /// The answer.
    pub told: Rc<Facts>,
}

/// A person.
#[derive(Clone, Debug)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The public key as hexadecimal digits.
    pub key: String,
    /// Whether it signs nothing more.
    pub removed: bool,
}

/// A proposal.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// What it is about.
    pub matter: Matter,
    /// When it ends.
    pub expires_at: i64,
    /// Who has approved, by number.
    pub approved_by: Vec<usize>,
    /// What became of it: nothing yet, or a word and who or when.
    pub over: Option<String>,
}

/// Everything the auditor believes.
#[derive(Clone, Debug)]
pub struct Auditor {
    /// How far the platform's day begins before the UTC day, in milliseconds.
    pub offset_ms: i64,
    /// Whether the clock stands still until it is moved.
    pub simulated: bool,
    /// The day that is open.
    pub today: i64,
    /// The last instant at which something happened.
    pub now: i64,
    /// The last instant that any command was given, a refused one included: by it keys grow old.
    pub stamped: i64,
    /// Symbols and decimals.
    pub assets: Vec<(String, u8)>,
    /// Ids.
    pub customers: Vec<String>,
    /// Versions; the last is in force.
    pub agreements: Vec<String>,
    /// In order of creation.
    pub products: Vec<Product>,
    /// In order of opening.
    pub positions: Vec<Position>,
    /// By customer, asset and account.
    pub balances: BTreeMap<(usize, usize, Account), u128>,
    /// By asset.
    pub pool: Vec<i128>,
    /// By asset.
    pub custody: Vec<i128>,
    /// Kind, asset and the wallet's name.
    pub references: BTreeSet<String>,
    /// Rate versions announced over the platform.
    pub versions: usize,
    /// Subscriptions, redemptions, transfers, wallet moves so far.
    pub counted: [u64; 4],
    /// What closes paid into accounts, rewards and matured principal.
    pub by_closes: BTreeMap<(usize, usize, Account), u128>,
    /// What customers did to their accounts, one line each, in order.
    pub journal: Vec<Rc<Facts>>,
    /// What every closed day gave, product by product.
    pub closed: Vec<Rc<Facts>>,
    /// How closes divided what the network paid.
    pub divided: Vec<Rc<Facts>>,
    /// What closes withheld of terms that ended.
    pub withheld: Vec<Rc<Facts>>,
    /// By asset: what of that is not with customers.
    pub pots: Vec<paying::Pot>,
    /// What happened to what the network paid that has to happen somewhere.
    pub met: BTreeSet<&'static str>,
    /// By hash.
    pub keys: BTreeMap<[u8; 16], Kept>,
    /// In order of registration.
    pub people: Vec<Person>,
    /// In order of their numbers.
    pub proposals: Vec<Proposal>,
    /// What the platform is called where somebody signs.
    pub name: String,
    /// The network, once there is one.
    pub net: Option<network::Net>,
    /// By asset: what is known of the wallet's coins.
    pub wallets: BTreeMap<usize, network::Wallet>,
    /// Everybody who ever waited for coins, in the order in which they were queued.
    pub exits: Vec<line::Exit>,
    /// By asset: what each customer may take a day at once while anyone waits.
    pub allowances: BTreeMap<usize, u128>,
    /// What was taken at once while anyone waited, by asset, customer and day.
    pub taken_at_once: BTreeMap<(usize, usize, i64), u128>,
    /// What networks took, in order.
    pub losses: Vec<network::Lost>,
    /// What the treasury's own accounts of income and loss have.
    pub treasury_books: network::Books,
    /// The instant of what is being decided.
    pub deciding_at: i64,
}

impl Auditor {
    /// The platform's first instant.
    #[must_use]
    pub fn founded(offset_ms: i64, simulated: bool, at: i64, name: String) -> Auditor {
        let today = (at + offset_ms).div_euclid(DAY_MS);
        Auditor {
            offset_ms,
            simulated,
            today,
            now: at,
            stamped: at,
            assets: Vec::new(),
            customers: Vec::new(),
            agreements: Vec::new(),
            products: Vec::new(),
            positions: Vec::new(),
            balances: BTreeMap::new(),
            pool: Vec::new(),
            custody: Vec::new(),
            references: BTreeSet::new(),
            versions: 0,
            counted: [0; 4],
            by_closes: BTreeMap::new(),
            journal: Vec::new(),
            closed: Vec::new(),
            divided: Vec::new(),
            withheld: Vec::new(),
            pots: Vec::new(),
            met: BTreeSet::new(),
            keys: BTreeMap::new(),
            people: Vec::new(),
            proposals: Vec::new(),
            name,
            net: None,
            wallets: BTreeMap::new(),
            exits: Vec::new(),
            allowances: BTreeMap::new(),
            taken_at_once: BTreeMap::new(),
            treasury_books: network::Books::new(),
            losses: Vec::new(),
            deciding_at: at,
        }
    }

    /// What an account has.
    #[must_use]
    pub fn balance(&self, customer: usize, asset: usize, account: Account) -> u128 {
        self.balances.get(&(customer, asset, account)).copied().unwrap_or_default()
    }

    fn give(&mut self, customer: usize, asset: usize, account: Account, units: u128) {
        *self.balances.entry((customer, asset, account)).or_default() += units;
    }

    /// The day that an instant lies in.
    #[must_use]
    pub fn day_of(&self, at: i64) -> i64 {
        (at + self.offset_ms).div_euclid(DAY_MS)
    }

    /// The first instant of a day.
    #[must_use]
    pub fn start_of(&self, day: i64) -> i64 {
        day * DAY_MS - self.offset_ms
    }

    /// The day of an instant if it is the day's first, else the next (RULES 3).
    #[must_use]
    pub fn value_date(&self, at: i64) -> i64 {
        self.day_of(at) + i64::from(self.start_of(self.day_of(at)) != at)
    }

    /// Principal in a product, of everybody or of one customer.
    #[must_use]
    pub fn staked(&self, product: usize, customer: Option<usize>) -> u128 {
        let counted = |position: &&Position| position.product == product && customer.is_none_or(|customer| position.customer == customer);
        self.positions.iter().filter(counted).map(Position::principal).sum()
    }

    /// What the platform's clock says when the machine's own says `clock`: it never goes back, and a simulated one stands.
    #[must_use]
    pub fn said(&self, clock: i64) -> i64 {
        if self.simulated { self.now } else { clock.max(self.now) }
    }

    /// How far a system clock is ahead of the latest instant that may be believed, if it is (RULES 2).
    #[must_use]
    pub fn unconfirmed(&self, clock: ClockSays) -> Option<i64> {
        let ahead = self.said(clock.says) - clock.believed;
        (!self.simulated && ahead > 0 && self.said(clock.says) > self.now).then_some(ahead)
    }

    /// Closes what is over by the clock and pays who waits, unless the clock has to be confirmed first; gives what is to be seen of each day.
    pub fn close_due(&mut self, clock: ClockSays) -> Vec<Vec<Facts>> {
        let mut closes = Vec::new();
        if self.unconfirmed(clock).is_none() {
            while self.day_of(self.said(clock.says)) > self.today {
                closes.push(self.close_day());
            }
            if !closes.is_empty() {
                self.pay_exits(self.start_of(self.today));
            }
            self.pay_exits(self.said(clock.says));
        }
        closes
    }

    /// What a key stands for at an instant, and whether it has to be known: for 48 hours it has, later it may be.
    #[must_use]
    pub fn kept(&self, key: &[u8; 16], at: i64) -> Option<(&Kept, bool)> {
        self.keys.get(key).map(|kept| (kept, at.max(self.stamped) - kept.at <= KEY_KEPT_MS))
    }

    /// Remembers what a key was answered; keys that nobody has to know any more are forgotten after a while.
    pub fn keep(&mut self, key: [u8; 16], fingerprint: [u8; 16], at: i64, told: Facts) {
        self.stamped = self.stamped.max(at);
        self.keys.retain(|_, kept| at - kept.at <= 4 * KEY_KEPT_MS);
        self.keys.insert(key, Kept { fingerprint, at, told: Rc::new(told) });
    }
}
