//! PasswordQueues to have a password checked: whose try waits for one, and who has to come again.
//!
//! Each check takes a core and 19 MiB for a moment, so few are made at a time: so many for strangers, and as many for devices
//! that are known, for a crowd of strangers takes no turn from a customer. PasswordQueues are given in the order of coming. A right
//! password gives its try back (`attempts`), so what keeps one customer or one network from filling the queue with right ones
//! stands here: each has few places in it, and there are not many in all. Whoever finds none is refused at once.

use crate::auth::attempts::Sender;
use crate::wire::address::network;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Passwords that are checked at once for strangers, and as many for known devices.
const AT_ONCE: usize = 2;
/// Tries that wait for a turn or have one, in each of the two queues.
const PRESENT_MAX: usize = 24;
/// Of these, tries at one customer's password.
const OF_CUSTOMER_MAX: usize = 2;
/// Of these, tries of strangers from one network (IPv4 /24, IPv6 /48).
const OF_NETWORK_MAX: usize = 8;
/// How long a turn is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a try has no place in its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Its customer or its network has as many there as it may.
    Own,
    /// There are as many as there may be.
    All,
}

/// Who has few places in a queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Party {
    Customer(String),
    Network(IpAddr),
}

impl Party {
    const fn max(&self) -> usize {
        match self {
            Party::Customer(_) => OF_CUSTOMER_MAX,
            Party::Network(_) => OF_NETWORK_MAX,
        }
    }
}

/// Who is in a queue.
#[derive(Default)]
struct Present {
    all: usize,
    by_party: HashMap<Party, usize>,
}

/// Those who wait for a turn, and those who have one.
struct Queue {
    turns: Arc<Semaphore>,
    present: Mutex<Present>,
}

impl Queue {
    fn new() -> Arc<Queue> {
        Arc::new(Queue { turns: Arc::new(Semaphore::new(AT_ONCE)), present: Mutex::default() })
    }
}

/// The two queues.
pub(super) struct PasswordQueues {
    strangers: Arc<Queue>,
    known: Arc<Queue>,
}

impl PasswordQueues {
    pub fn new() -> PasswordQueues {
        PasswordQueues { strangers: Queue::new(), known: Queue::new() }
    }

    /// A place in the queue of a sender for a try at a customer's password.
    ///
    /// # Errors
    /// At once, where there is none.
    pub fn place(&self, customer: &str, sender: &Sender) -> Result<QueueSlot, Refused> {
        let customer = Party::Customer(customer.to_owned());
        let (queue, parties) = match sender {
            Sender::Known(_) => (&self.known, vec![customer]),
            Sender::Stranger(address) => (&self.strangers, vec![customer, Party::Network(network(*address))]),
        };
        let mut present = queue.present.lock();
        if parties.iter().any(|party| present.by_party.get(party).is_some_and(|count| *count >= party.max())) {
            return Err(Refused::Own);
        }
        if present.all >= PRESENT_MAX {
            return Err(Refused::All);
        }
        present.all += 1;
        for party in &parties {
            *present.by_party.entry(party.clone()).or_default() += 1;
        }
        drop(present);
        Ok(QueueSlot { queue: Arc::clone(queue), parties })
    }
}

/// A place in a queue; it comes back with this value.
pub(super) struct QueueSlot {
    queue: Arc<Queue>,
    parties: Vec<Party>,
}

impl QueueSlot {
    /// A turn, when it comes; nothing when that takes too long. It belongs to whoever checks, also when nobody waits for the
    /// answer any more: a check that has begun goes on.
    pub async fn turn(self) -> Option<CheckPermit> {
        let turns = Arc::clone(&self.queue.turns);
        let permit = tokio::time::timeout(PATIENCE, turns.acquire_owned()).await.ok()?.ok()?;
        Some(CheckPermit { _permit: permit, _place: self })
    }
}

impl Drop for QueueSlot {
    fn drop(&mut self) {
        let mut present = self.queue.present.lock();
        present.all -= 1;
        for party in &self.parties {
            if let Some(count) = present.by_party.get_mut(party) {
                *count -= 1;
                if *count == 0 {
                    present.by_party.remove(party);
                }
            }
        }
    }
}

/// A turn to check a password; the next one has it when this value is gone.
pub(super) struct CheckPermit {
    _permit: OwnedSemaphorePermit,
    _place: QueueSlot,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stranger(number: u32) -> Sender {
        Sender::Stranger(IpAddr::from(number.to_be_bytes()))
    }

    #[test]
    fn a_customer_and_a_network_have_few_places_and_leave_the_rest_to_others() {
        let turns = PasswordQueues::new();
        let elsewhere = |number: u32| stranger(number << 8);
        let of_bob: Vec<QueueSlot> = (0..2).map(|number| turns.place("bob", &elsewhere(number)).expect("a place")).collect();
        assert_eq!(turns.place("bob", &elsewhere(7)).err(), Some(Refused::Own), "one customer, from wherever");
        let of_network: Vec<QueueSlot> =
            (0..8).map(|number| turns.place(&format!("c{number}"), &stranger(0x0900_0000 + number)).expect("a place")).collect();
        assert_eq!(turns.place("alice", &stranger(0x0900_00ff)).err(), Some(Refused::Own), "one network, at whomever");
        let alice = turns.place("alice", &elsewhere(3)).expect("somebody else, from elsewhere");
        // Devices that are known have a queue of their own.
        let phone = Sender::Known("phone".into());
        let of_phone: Vec<QueueSlot> = (0..2).map(|_| turns.place("bob", &phone).expect("a place")).collect();
        assert_eq!(turns.place("bob", &Sender::Known("tablet".into())).err(), Some(Refused::Own));
        assert!(turns.place("alice", &phone).is_ok());
        drop((of_bob, of_network, alice, of_phone));
        assert!(turns.place("bob", &elsewhere(7)).is_ok() && turns.place("bob", &phone).is_ok(), "places come back");
        assert!([&turns.strangers, &turns.known].iter().all(|queue| queue.present.lock().by_party.is_empty()), "and nobody is remembered");
    }

    #[test]
    fn a_queue_has_an_end() {
        let turns = PasswordQueues::new();
        let all = u32::try_from(PRESENT_MAX).expect("few");
        let present: Vec<QueueSlot> =
            (0..all).map(|number| turns.place(&format!("c{number}"), &stranger(number << 8)).expect("a place")).collect();
        assert_eq!(turns.place("alice", &stranger(0xff00_0000)).err(), Some(Refused::All));
        drop(present);
        assert!(turns.place("alice", &stranger(0xff00_0000)).is_ok());
    }

    async fn waits<T>(turn: impl Future<Output = T>) -> bool {
        tokio::time::timeout(Duration::from_millis(20), turn).await.is_err()
    }

    #[tokio::test]
    async fn turns_are_few_and_come_back_in_order() {
        let turns = PasswordQueues::new();
        let place = |customer: &str| turns.place(customer, &stranger(1)).expect("a place");
        let (first, second) = (place("a").turn().await, place("b").turn().await);
        assert!(first.is_some() && second.is_some());
        let (mut third, mut fourth) = (Box::pin(place("c").turn()), Box::pin(place("d").turn()));
        assert!(waits(third.as_mut()).await && waits(fourth.as_mut()).await, "two at a time");
        drop(first);
        assert!(waits(fourth.as_mut()).await, "who came later waits");
        assert!(third.await.is_some());
        assert!(fourth.await.is_some());
    }
}
