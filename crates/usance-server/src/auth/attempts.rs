//! How often somebody may try to come in, so that guessing is slow and nobody can shut out somebody else.
//!
//! A device on which a customer has signed in before (see `device`) has a budget of its own; all strangers together share
//! one a customer, and no single address can use that up. A part of it is kept for networks that hardly failed at this customer
//! for a day, so that it takes hundreds of networks to keep a new device waiting. Many addresses guess no faster than one a
//! minute, and the customer's own devices never notice. A right answer gives its try back, but for a slower budget of its own: each
//! check takes a core for a while, whatever comes of it, so nobody has passwords checked for ever.
//!
//! Counts are in memory only and begin anew with the process. Their memory is fixed: a key is two places in a table, found
//! by a hash that nobody outside can compute; of the two the less used one counts, so strangers meet only under a flood.
//! Requests of signed-in customers are counted elsewhere (`rates`).

use crate::wire::address::{line, network};
use parking_lot::Mutex;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Places in each of a table's two rows: half a mebibyte a row.
const PLACES: usize = 1 << 16;

/// A number of tries at once; after that, one each interval.
#[derive(Clone, Copy, Debug)]
struct Budget {
    at_once: u64,
    every_ms: u64,
}

/// Any password, from one line.
const LINE: Budget = Budget { at_once: 120, every_ms: 500 };
/// One customer's password, from one line: slower than [`STRANGERS`] in the long run, so that no single address shuts the others out.
const PAIR: Budget = Budget { at_once: 10, every_ms: 5 * 60_000 };
/// One customer's password, from all strangers together.
const STRANGERS: Budget = Budget { at_once: 20, every_ms: 2 * 60_000 };
/// The same once that is used up, from networks that are still [`FRESH`].
const RESERVE: Budget = Budget { at_once: 10, every_ms: 2 * 60_000 };
/// One customer's password, from one network: who stays within this may have of the reserve.
const FRESH: Budget = Budget { at_once: 3, every_ms: 8 * 60 * 60_000 };
/// One customer's password, from a device of that customer.
const DEVICE: Budget = Budget { at_once: 10, every_ms: 60_000 };
/// Checks of one customer's password, right or wrong, from one network; those of known devices apart.
const CHECKS: Budget = Budget { at_once: 60, every_ms: 60_000 };
/// Checks of any password, right or wrong, from one network; those of known devices apart.
const CHECKS_OF_NETWORK: Budget = Budget { at_once: 1200, every_ms: 250 };
/// One customer's codes, from all strangers who have the password: three codes of a million are right at a time.
const CODES_OF_STRANGERS: Budget = Budget { at_once: 6, every_ms: 10 * 60_000 };
/// Bearer tokens that are none, from one line: no token can be guessed, so this is for the store and for whoever reads the log.
const BEARERS: Budget = Budget { at_once: 60, every_ms: 1000 };
/// One customer's codes, from a device of that customer, or within a session.
const CODES_OF_ONE: Budget = Budget { at_once: 6, every_ms: 5 * 60_000 };

/// Who tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A device on which this customer has signed in before.
    Known {
        /// Its number.
        device: String,
        /// Where it is now.
        address: IpAddr,
    },
    /// Anybody else, by address.
    Stranger(IpAddr),
}

impl Sender {
    /// Where it is.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        match self {
            Sender::Known { address, .. } | Sender::Stranger(address) => *address,
        }
    }
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryEnd {
    /// What was sent is right.
    Right,
    /// It is not.
    Wrong,
    /// Nobody looked at it.
    Unseen,
}

/// Tries that were counted, to be given back when they were right.
#[must_use = "a right answer gives its try back"]
#[derive(Debug, Default)]
pub struct Taken(Vec<(BudgetName, [usize; 2])>);

/// What is counted, each in a table of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BudgetName {
    Line,
    Pair,
    Strangers,
    Reserve,
    Fresh,
    Device,
    Checks,
    ChecksOfNetwork,
    CodesOfStrangers,
    CodesOfDevice,
    CodesOfSession,
    Bearers,
}

impl BudgetName {
    const ALL: [BudgetName; 12] = [
        BudgetName::Line,
        BudgetName::Pair,
        BudgetName::Strangers,
        BudgetName::Reserve,
        BudgetName::Fresh,
        BudgetName::Device,
        BudgetName::Checks,
        BudgetName::ChecksOfNetwork,
        BudgetName::CodesOfStrangers,
        BudgetName::CodesOfDevice,
        BudgetName::CodesOfSession,
        BudgetName::Bearers,
    ];

    const fn budget(self) -> Budget {
        match self {
            BudgetName::Line => LINE,
            BudgetName::Pair => PAIR,
            BudgetName::Strangers => STRANGERS,
            BudgetName::Reserve => RESERVE,
            BudgetName::Fresh => FRESH,
            BudgetName::Device => DEVICE,
            BudgetName::Checks => CHECKS,
            BudgetName::ChecksOfNetwork => CHECKS_OF_NETWORK,
            BudgetName::CodesOfStrangers => CODES_OF_STRANGERS,
            BudgetName::CodesOfDevice | BudgetName::CodesOfSession => CODES_OF_ONE,
            BudgetName::Bearers => BEARERS,
        }
    }

    /// Whether it counts that somebody looked, whatever came of it.
    const fn counts_right_ones(self) -> bool {
        matches!(self, BudgetName::Checks | BudgetName::ChecksOfNetwork)
    }
}

/// For each place the instant at which everything tried there is forgotten (the generic cell rate algorithm).
struct Table {
    door: BudgetName,
    rows: [Vec<u64>; 2],
}

impl Table {
    fn new(door: BudgetName) -> Table {
        Table { door, rows: [vec![0; PLACES], vec![0; PLACES]] }
    }

    /// Counts a try at these places; the error is how long to wait.
    fn take(&mut self, places: [usize; 2], now_ms: u64) -> Result<(), Duration> {
        let Budget { at_once, every_ms } = self.door.budget();
        let least = self.cells(places).map(|cell| (*cell).max(now_ms)).min().unwrap_or(now_ms);
        let wait_ms = (least + every_ms).saturating_sub(now_ms + at_once * every_ms);
        if wait_ms > 0 {
            return Err(Duration::from_millis(wait_ms));
        }
        self.cells(places).for_each(|cell| *cell = (*cell).max(now_ms) + every_ms);
        Ok(())
    }

    fn give_back(&mut self, places: [usize; 2]) {
        let every_ms = self.door.budget().every_ms;
        self.cells(places).for_each(|cell| *cell = cell.saturating_sub(every_ms));
    }

    fn cells(&mut self, places: [usize; 2]) -> impl Iterator<Item = &mut u64> {
        self.rows.iter_mut().zip(places).filter_map(|(row, place)| row.get_mut(place))
    }
}

/// Every count of a process.
pub struct Attempts {
    /// Chosen at random by each process.
    key: [u8; 32],
    tables: [Mutex<Table>; 12],
    began: Instant,
}

impl Attempts {
    /// Nothing was tried yet. `key` is random.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Attempts {
        Attempts { key, tables: BudgetName::ALL.map(|door| Mutex::new(Table::new(door))), began: Instant::now() }
    }

    /// Counts a try at a customer's password.
    ///
    /// # Errors
    /// How long to wait.
    pub fn password(&self, customer: &str, sender: &Sender) -> Result<Taken, Duration> {
        self.password_at(customer, sender, self.now_ms())
    }

    fn password_at(&self, customer: &str, sender: &Sender, now_ms: u64) -> Result<Taken, Duration> {
        let (kind, guess) = match sender {
            Sender::Known { device, .. } => ("known", self.take(&[(BudgetName::Device, &[customer, device])], now_ms)),
            Sender::Stranger(address) => ("stranger", self.strangers_password(customer, *address, now_ms)),
        };
        let (Taken(mut taken), network) = (guess?, network(sender.address()).to_string());
        let checks: [(_, &[&str]); 2] =
            [(BudgetName::Checks, &[kind, &network, customer]), (BudgetName::ChecksOfNetwork, &[kind, &network])];
        for check in checks {
            match self.take(&[check], now_ms) {
                Ok(counted) => taken.extend(counted.0),
                Err(wait) => {
                    self.refuse(taken);
                    return Err(wait);
                }
            }
        }
        Ok(Taken(taken))
    }

    /// Gives back what was counted for a try that is refused: of a refusal only the line takes notice.
    fn refuse(&self, mut taken: Vec<(BudgetName, [usize; 2])>) {
        taken.retain(|(door, _)| *door != BudgetName::Line);
        self.settle(Taken(taken), TryEnd::Unseen);
    }

    fn strangers_password(&self, customer: &str, address: IpAddr, now_ms: u64) -> Result<Taken, Duration> {
        let (line, network) = (line(address).to_string(), network(address).to_string());
        let Taken(mut taken) = self.take(&[(BudgetName::Line, &[&line]), (BudgetName::Pair, &[&line, customer])], now_ms)?;
        let shared = self.take(&[(BudgetName::Strangers, &[customer])], now_ms);
        // Every try makes its network less fresh, whatever pays for it.
        let fresh = self.take(&[(BudgetName::Fresh, &[&network, customer])], now_ms);
        let paid = match (shared, &fresh) {
            (Err(_), Ok(_)) => self.take(&[(BudgetName::Reserve, &[customer])], now_ms),
            (shared, _) => shared,
        };
        taken.extend(fresh.into_iter().flat_map(|fresh| fresh.0));
        match paid {
            Ok(paid) => {
                taken.extend(paid.0);
                Ok(Taken(taken))
            }
            Err(wait) => {
                self.refuse(taken);
                Err(wait)
            }
        }
    }

    /// Counts a try at a customer's code, by whoever knows the password.
    ///
    /// # Errors
    /// How long to wait.
    pub fn code(&self, customer: &str, sender: &Sender) -> Result<Taken, Duration> {
        match sender {
            Sender::Known { device, .. } => self.take(&[(BudgetName::CodesOfDevice, &[customer, device])], self.now_ms()),
            Sender::Stranger(_) => self.take(&[(BudgetName::CodesOfStrangers, &[customer])], self.now_ms()),
        }
    }

    /// Counts a try at a code within a session.
    ///
    /// # Errors
    /// How long to wait.
    pub fn code_within(&self, session: i64) -> Result<Taken, Duration> {
        self.take(&[(BudgetName::CodesOfSession, &[&session.to_string()])], self.now_ms())
    }

    /// Counts a bearer token from an address, before it is known whether it is one.
    ///
    /// # Errors
    /// How long to wait.
    pub fn bearer(&self, from: IpAddr) -> Result<Taken, Duration> {
        self.take(&[(BudgetName::Bearers, &[&line(from).to_string()])], self.now_ms())
    }

    /// Gives back what does not count: everything of a try that was never looked at; of one that was right all but that somebody
    /// looked.
    pub fn settle(&self, taken: Taken, end: TryEnd) {
        let counts = |door: BudgetName| match end {
            TryEnd::Unseen => false,
            TryEnd::Right => door.counts_right_ones(),
            TryEnd::Wrong => true,
        };
        for (door, places) in taken.0.into_iter().filter(|(door, _)| !counts(*door)) {
            if let Some(table) = self.tables.get(door as usize) {
                table.lock().give_back(places);
            }
        }
    }

    /// Counts at each door in turn, up to the first that is closed: what stands behind it is not used up.
    fn take(&self, doors: &[(BudgetName, &[&str])], now_ms: u64) -> Result<Taken, Duration> {
        let mut taken = Taken::default();
        for (door, names) in doors {
            let places = self.places(*door, names);
            if let Some(table) = self.tables.get(*door as usize) {
                table.lock().take(places, now_ms)?;
            }
            taken.0.push((*door, places));
        }
        Ok(taken)
    }

    fn places(&self, door: BudgetName, names: &[&str]) -> [usize; 2] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&[door as u8]);
        for name in names {
            hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
        }
        let mut bytes = [[0; 4]; 2];
        hasher.finalize_xof().fill(bytes.as_flattened_mut());
        bytes.map(|four| u32::from_le_bytes(four) as usize % PLACES)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    fn stranger(number: u32) -> Sender {
        Sender::Stranger(IpAddr::from(number.to_be_bytes()))
    }

    fn known(device: &str, number: u32) -> Sender {
        Sender::Known { device: device.into(), address: IpAddr::from(number.to_be_bytes()) }
    }

    fn tries(attempts: &Attempts, customer: &str, sender: &Sender, now_ms: u64, most: usize) -> usize {
        (0..most).filter(|_| attempts.password_at(customer, sender, now_ms).is_ok()).count()
    }

    #[test]
    fn many_addresses_guess_no_faster_than_one_a_minute_and_no_device_notices() {
        let attempts = Attempts::new([7; 32]);
        let mut guesses = 0;
        let network = |number: u32| number.wrapping_mul(0x9e37_79b1);
        for minute in 0..60 {
            guesses += (0..50)
                .map(|number| tries(&attempts, "alice", &stranger(network(minute * 50 + number)), u64::from(minute) * MINUTE, 1))
                .sum::<usize>();
        }
        assert_eq!(guesses, 30 + 2 * 29);
        let device = known("d1", 9);
        assert_eq!(tries(&attempts, "alice", &device, 60 * MINUTE, 100), 10);
        assert_eq!(tries(&attempts, "alice", &known("d2", 9), 60 * MINUTE, 100), 10, "another device has its own");
        assert_eq!(tries(&attempts, "bob", &stranger(1), 60 * MINUTE, 1), 1, "another customer is not slowed down");
    }

    #[test]
    fn one_address_cannot_use_up_what_strangers_have() {
        let attempts = Attempts::new([7; 32]);
        for minute in 0..600u64 {
            tries(&attempts, "alice", &stranger(1), minute * MINUTE, 100);
        }
        assert_eq!(tries(&attempts, "alice", &stranger(2), 600 * MINUTE, 1), 1, "the customer on a new device");
    }

    #[test]
    fn a_few_networks_cannot_use_up_what_strangers_have() {
        let attempts = Attempts::new([7; 32]);
        let five = [0x0100_0001, 0x0200_0001, 0x0300_0001, 0x0400_0001, 0x0500_0001].map(stranger);
        let mut guesses = 0;
        for minute in 0..1440u64 {
            let most = if minute == 0 { 10 } else { 1 };
            guesses += five.iter().map(|one| tries(&attempts, "alice", one, minute * MINUTE, most)).sum::<usize>();
        }
        assert!(guesses >= 20 + 719, "they go on all day with what is shared: {guesses}");
        // Their neighbours are as little believed as they are.
        let now = 1440 * MINUTE - 1;
        assert_eq!(tries(&attempts, "alice", &stranger(0x0600_0001), now, 10), 3, "the customer on a new device, mistyping twice");
        assert_eq!(tries(&attempts, "alice", &stranger(0x0100_00ff), now, 1), 0, "from the network of one of them it waits");
        let six = |site: u16| Sender::Stranger(IpAddr::from([0x2001, 0xdb8, 7, site, 0, 0, 0, 1]));
        assert_eq!((0..9).map(|site| tries(&attempts, "alice", &six(site), now, 1)).sum::<usize>(), 3, "a /48 is one network");
    }

    #[test]
    fn a_refusal_uses_up_nothing_of_a_customers_own() {
        let attempts = Attempts::new([7; 32]);
        let own = stranger(0x0100_0001);
        for number in 2..30 {
            tries(&attempts, "alice", &stranger(number << 24), 0, 10);
        }
        assert_eq!(tries(&attempts, "alice", &own, 0, 50), 0);
        assert_eq!(tries(&attempts, "alice", &own, 60 * MINUTE, 50), 10);
    }

    #[test]
    fn a_line_tries_many_customers_slowly_and_its_ipv6_addresses_are_one() {
        let attempts = Attempts::new([7; 32]);
        let v6 = |last: u16| Sender::Stranger(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]));
        let counted = (0..1000u16).filter(|number| attempts.password_at(&format!("c{number}"), &v6(*number), 0).is_ok()).count();
        assert_eq!(counted, 120);
        let elsewhere = Sender::Stranger(IpAddr::from([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1]));
        assert_eq!(tries(&attempts, "c999", &elsewhere, 0, 1), 1);
    }

    #[test]
    fn what_was_right_does_not_count_and_waiting_is_told_exactly() {
        let attempts = Attempts::new([7; 32]);
        let device = known("d", 9);
        for end in [TryEnd::Unseen; 100].into_iter().chain([TryEnd::Right; 30]) {
            let taken = attempts.password_at("alice", &device, 5).expect("given back each time");
            attempts.settle(taken, end);
        }
        assert_eq!(tries(&attempts, "alice", &device, 5, 100), 10);
        let wait = attempts.password_at("alice", &device, 5).expect_err("used up");
        assert_eq!(wait, Duration::from_millis(MINUTE));
        assert!(attempts.password_at("alice", &device, 4 + MINUTE).is_err());
        assert!(attempts.password_at("alice", &device, 5 + MINUTE).is_ok());
    }

    #[test]
    fn right_passwords_use_up_a_slower_budget_that_is_the_networks_own() {
        let attempts = Attempts::new([7; 32]);
        let right = |customer: &str, sender: &Sender, now_ms: u64, most: usize| {
            let tried = (0..most).map_while(|_| attempts.password_at(customer, sender, now_ms).ok());
            tried.map(|taken| attempts.settle(taken, TryEnd::Right)).count()
        };
        // Signing in makes a device: new ones, and other addresses of the network, change nothing.
        assert_eq!(right("mallory", &known("d0", 0x0900_0001), 0, 100), 60);
        assert_eq!(right("mallory", &known("d1", 0x0900_0002), 0, 100), 0);
        assert_eq!(right("mallory", &stranger(0x0900_0003), 0, 100), 60, "strangers are counted apart");
        assert_eq!(right("mallory", &known("d0", 0x0900_0001), 10 * MINUTE, 100), 10);
        assert_eq!(right("mallory", &known("d0", 0x0800_0001), 10 * MINUTE, 1), 1, "from elsewhere the customer comes in");
        // With many accounts a network has so many checked, and no more.
        let counted: usize = (0..30).map(|number| right(&format!("m{number}"), &known("d", 0x0700_0001), 0, 60)).sum();
        assert_eq!(counted, 1200);
        assert_eq!(right("alice", &known("d", 0x0700_0001), 0, 1), 0);
        assert_eq!(right("alice", &stranger(0x0700_0001), 0, 1), 1);
        assert_eq!(right("alice", &known("d", 0x0600_0001), 0, 1), 1);
        // What is refused for this uses up no guess.
        assert_eq!(tries(&attempts, "mallory", &stranger(0x0900_0003), 0, 50), 0);
        assert_eq!(right("mallory", &stranger(0x0900_0003), 60 * MINUTE, 60), 60);
    }

    #[test]
    fn memory_does_not_grow_with_addresses() {
        let attempts = Attempts::new([7; 32]);
        let size = |attempts: &Attempts| {
            attempts.tables.iter().map(|table| table.lock().rows.iter().map(Vec::capacity).sum::<usize>()).sum::<usize>()
        };
        let before = size(&attempts);
        for number in 0..200_000u32 {
            let _ = attempts.password_at(&"x".repeat(number as usize % 100), &stranger(number), 0);
        }
        assert_eq!(size(&attempts), before);
        assert_eq!(before, BudgetName::ALL.len() * 2 * PLACES);
    }
}
