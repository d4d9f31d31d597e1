//! Queues to have a password checked: whose try waits for a turn, who gets the next one, and who has to come again.
//!
//! Each check takes a core and 19 MiB for a moment, so few are made at a time: so many for strangers, and as many for devices
//! that are known, for a crowd of strangers takes no turn from a customer. Both queues are fair between networks (IPv4 /24, IPv6
//! /48), and between the addresses of one: turns go round them, and where a queue is full, whoever holds most of it gives way. A
//! newcomer whose network holds less takes the place of the last one there, who is told to come again. So a few networks cannot
//! keep others out, however much they send and however right their passwords are; it takes as many networks as a queue has
//! places. What keeps one customer's places fair stands here, too: few of them, shared between networks in the same way. How many
//! checks somebody may have in the long run is counted elsewhere (`attempts`).

use crate::auth::attempts::Sender;
use crate::wire::address::{line, network};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Passwords that are checked at once for strangers, and as many for known devices.
const AT_ONCE: usize = 2;
/// Tries that wait for a turn or have one, in each of the two queues.
pub const PRESENT_MAX: usize = 64;
/// Of these, tries at one customer's password.
const OF_CUSTOMER_MAX: usize = 4;
/// Of these, from one network.
const OF_CUSTOMER_IN_NETWORK_MAX: usize = 2;
/// How long a turn is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a password was not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Its customer or its network holds as much of the queue as anybody does.
    Own,
    /// Everybody holds as little of a full queue.
    All,
    /// It waited, and gave way to somebody who holds less.
    GaveWay,
    /// Its turn did not come in time.
    Late,
}

/// Whose a try is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Whose {
    customer: String,
    line: IpAddr,
    network: IpAddr,
}

impl Whose {
    fn new(customer: &str, sender: &Sender) -> Whose {
        let address = sender.address();
        Whose { customer: customer.to_owned(), line: line(address), network: network(address) }
    }
}

/// A try that waits.
struct Waiting {
    number: u64,
    whose: Whose,
    turn: oneshot::Sender<CheckPermit>,
}

/// Who is in a queue.
#[derive(Default)]
struct Present {
    /// In the order of coming.
    waiting: Vec<Waiting>,
    having_turns: Vec<(u64, Whose)>,
    came: u64,
    turns: u64,
    /// Which turn those who are present had last, by network and by line.
    last_turns: [HashMap<IpAddr, u64>; 2],
}

impl Present {
    fn all(&self) -> impl Iterator<Item = &Whose> {
        self.waiting.iter().map(|waiting| &waiting.whose).chain(self.having_turns.iter().map(|(_, whose)| whose))
    }

    fn count(&self, is_counted: impl Fn(&Whose) -> bool) -> usize {
        self.all().filter(|whose| is_counted(whose)).count()
    }

    /// Who has to give way to a newcomer among so many: the last of those who hold most, if the newcomer will hold less.
    fn gives_way(&self, newcomer: &Whose, is_among: impl Fn(&Whose) -> bool) -> Option<usize> {
        let held = |whose: &Whose| {
            let in_network = self.count(|other| is_among(other) && other.network == whose.network);
            (in_network, self.count(|other| is_among(other) && other.line == whose.line))
        };
        let (in_network, in_line) = held(newcomer);
        let holds_more = |whose: &Whose| {
            if whose.network == newcomer.network { held(whose).1 > in_line + 1 } else { held(whose).0 > in_network + 1 }
        };
        let more = self.waiting.iter().enumerate().filter(|(_, one)| is_among(&one.whose) && holds_more(&one.whose));
        more.max_by_key(|(_, one)| (held(&one.whose), one.number)).map(|(index, _)| index)
    }

    /// Who has the next turn: of the network, and in it of the line, whose last one is longest ago.
    fn next(&mut self) -> Option<Waiting> {
        let last = |whose: &Whose| {
            let [networks, lines] = &self.last_turns;
            (networks.get(&whose.network).copied(), lines.get(&whose.line).copied())
        };
        let next = self.waiting.iter().enumerate().min_by_key(|(_, one)| (last(&one.whose), one.number));
        let index = next.map(|(index, _)| index)?;
        Some(self.waiting.remove(index))
    }

    fn forget_absent(&mut self, gone: &Whose) {
        let [networks, lines] = [self.count(|one| one.network == gone.network), self.count(|one| one.line == gone.line)];
        if networks == 0 {
            self.last_turns[0].remove(&gone.network);
        }
        if lines == 0 {
            self.last_turns[1].remove(&gone.line);
        }
    }
}

/// Those who wait for a turn, and those who have one.
#[derive(Default)]
struct Queue {
    present: Mutex<Present>,
}

impl Queue {
    fn place(self: &Arc<Self>, whose: Whose) -> Result<QueueSlot, Refused> {
        let is_customers = |other: &Whose| other.customer == whose.customer;
        let mut present = self.present.lock();
        if present.count(|other| is_customers(other) && other.network == whose.network) >= OF_CUSTOMER_IN_NETWORK_MAX {
            return Err(Refused::Own);
        }
        let gives_way = if present.count(is_customers) >= OF_CUSTOMER_MAX {
            Some(present.gives_way(&whose, is_customers).ok_or(Refused::Own)?)
        } else if present.all().count() >= PRESENT_MAX {
            let is_alone = present.count(|other| other.network == whose.network) == 0;
            Some(present.gives_way(&whose, |_| true).ok_or(if is_alone { Refused::All } else { Refused::Own })?)
        } else {
            None
        };
        if let Some(index) = gives_way {
            // It learns of it by the turn that cannot come any more.
            let gone = present.waiting.remove(index);
            present.forget_absent(&gone.whose);
        }
        let (turn, granted) = oneshot::channel();
        let number = present.came;
        present.came += 1;
        present.waiting.push(Waiting { number, whose, turn });
        let untaken = self.grant(&mut present);
        drop(present);
        drop(untaken);
        Ok(QueueSlot { queue: Arc::clone(self), number, granted })
    }

    /// Gives the turns that are free. A permit that nobody took comes back; it is to be dropped when the queue is let go of.
    fn grant(self: &Arc<Self>, present: &mut Present) -> Vec<CheckPermit> {
        let mut untaken = Vec::new();
        while present.having_turns.len() < AT_ONCE {
            let Some(next) = present.next() else { break };
            present.turns += 1;
            let turns = present.turns;
            let [networks, lines] = &mut present.last_turns;
            networks.insert(next.whose.network, turns);
            lines.insert(next.whose.line, turns);
            present.having_turns.push((next.number, next.whose));
            untaken.extend(next.turn.send(CheckPermit { queue: Arc::clone(self), number: next.number }).err());
        }
        untaken
    }
}

/// The two queues.
#[derive(Default)]
pub(super) struct PasswordQueues {
    strangers: Arc<Queue>,
    known: Arc<Queue>,
}

impl PasswordQueues {
    pub fn new() -> PasswordQueues {
        PasswordQueues::default()
    }

    /// A place in the queue of a sender for a try at a customer's password.
    ///
    /// # Errors
    /// At once, where there is none.
    pub fn place(&self, customer: &str, sender: &Sender) -> Result<QueueSlot, Refused> {
        let queue = match sender {
            Sender::Known { .. } => &self.known,
            Sender::Stranger(_) => &self.strangers,
        };
        queue.place(Whose::new(customer, sender))
    }
}

/// A place in a queue; it comes back with this value.
pub(super) struct QueueSlot {
    queue: Arc<Queue>,
    number: u64,
    granted: oneshot::Receiver<CheckPermit>,
}

impl QueueSlot {
    /// A turn, when it comes. It belongs to whoever checks, also when nobody waits for the answer any more: a check that has begun
    /// goes on.
    ///
    /// # Errors
    /// When that takes too long, or somebody who holds less took the place.
    pub async fn turn(mut self) -> Result<CheckPermit, Refused> {
        match tokio::time::timeout(PATIENCE, &mut self.granted).await {
            Ok(granted) => granted.map_err(|_| Refused::GaveWay),
            Err(_) => Err(Refused::Late),
        }
    }
}

impl Drop for QueueSlot {
    fn drop(&mut self) {
        let mut present = self.queue.present.lock();
        let index = present.waiting.iter().position(|waiting| waiting.number == self.number);
        if let Some(gone) = index.map(|index| present.waiting.remove(index)) {
            present.forget_absent(&gone.whose);
        }
    }
}

/// A turn to check a password; the next one has it when this value is gone.
pub(super) struct CheckPermit {
    queue: Arc<Queue>,
    number: u64,
}

impl Drop for CheckPermit {
    fn drop(&mut self) {
        let mut present = self.queue.present.lock();
        let index = present.having_turns.iter().position(|(number, _)| *number == self.number);
        if let Some((_, gone)) = index.map(|index| present.having_turns.remove(index)) {
            present.forget_absent(&gone);
        }
        let untaken = self.queue.grant(&mut present);
        drop(present);
        drop(untaken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::{Context, Poll, Waker};

    fn stranger(number: u32) -> Sender {
        Sender::Stranger(IpAddr::from(number.to_be_bytes()))
    }

    fn known(number: u32) -> Sender {
        Sender::Known { device: "phone".into(), address: IpAddr::from(number.to_be_bytes()) }
    }

    /// Tries of customers of their own, at the addresses of one network, as far as they find a place.
    fn crowd(queues: &PasswordQueues, sender: fn(u32) -> Sender, network: u32, count: u32) -> Vec<QueueSlot> {
        (0..count).filter_map(|number| queues.place(&format!("c{network}-{number}"), &sender(network << 8 | number)).ok()).collect()
    }

    fn has_turn(slot: &mut QueueSlot) -> Option<CheckPermit> {
        slot.granted.try_recv().ok()
    }

    /// How a wait ends that has ended.
    fn ended(slot: QueueSlot) -> Option<Refused> {
        match std::pin::pin!(slot.turn()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(ended) => ended.err(),
            Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn whoever_holds_most_of_a_full_queue_gives_way() {
        for sender in [stranger as fn(u32) -> Sender, known] {
            let queues = PasswordQueues::new();
            let mut held: Vec<Vec<QueueSlot>> = (1..=3).map(|network| crowd(&queues, sender, network, 100)).collect();
            assert_eq!(held.iter().map(Vec::len).sum::<usize>(), 64 + 32 + 21, "each of them, when it came, took of those who held more");
            // A fourth network comes in as often as it holds less, and the last of the largest give way.
            let fourth = crowd(&queues, sender, 9, 5);
            assert_eq!(fourth.len(), 5);
            assert!(queues.place("alice", &sender(7 << 8)).is_ok(), "and a fifth, which is then alone");
            let gave_way = held.remove(0).into_iter().filter_map(ended).filter(|ended| *ended == Refused::GaveWay).count();
            assert!(gave_way > 32, "{gave_way}");
        }
    }

    #[tokio::test]
    async fn in_a_network_the_address_that_holds_most_gives_way() {
        let queues = PasswordQueues::new();
        let from = |customer: &str, last: u32| queues.place(customer, &stranger(0x0900_0000 | last));
        let held: Vec<QueueSlot> = (0..100).filter_map(|number| from(&format!("c{number}"), 1).ok()).collect();
        assert_eq!(held.len(), PRESENT_MAX);
        assert_eq!(from("another", 1).err(), Some(Refused::Own));
        assert!(from("alice", 2).is_ok(), "a neighbour");
    }

    #[test]
    fn where_everybody_holds_one_place_the_queue_has_an_end() {
        let queues = PasswordQueues::new();
        let networks = u32::try_from(PRESENT_MAX).expect("few");
        let held: Vec<QueueSlot> = (0..networks).flat_map(|network| crowd(&queues, stranger, network, 1)).collect();
        assert_eq!(held.len(), PRESENT_MAX);
        assert_eq!(queues.place("alice", &stranger(0xff00_0000)).err(), Some(Refused::All));
        assert!(queues.place("alice", &known(0xff00_0000)).is_ok(), "known devices have a queue of their own");
        drop(held);
        assert!(queues.place("alice", &stranger(0xff00_0000)).is_ok());
        let nobody = queues.strangers.present.lock();
        assert!(nobody.all().count() == 0 && nobody.last_turns.iter().all(HashMap::is_empty), "and nobody is remembered");
    }

    #[tokio::test]
    async fn a_customer_has_few_places_and_networks_share_them() {
        let queues = PasswordQueues::new();
        let at_bob = |network: u32| queues.place("bob", &stranger(network << 8));
        let thief: Vec<QueueSlot> = [1, 1, 2, 2].map(|network| at_bob(network).expect("a place")).into();
        assert_eq!(at_bob(1).err(), Some(Refused::Own), "one customer, one network");
        let own = at_bob(3).expect("the customer, from a network that holds less");
        assert_eq!(at_bob(4).err(), Some(Refused::Own), "none holds more than one now, but those who have their turn");
        assert_eq!(thief.into_iter().filter_map(ended).collect::<Vec<_>>(), [Refused::GaveWay], "the last of those who held two");
        assert!(ended(own).is_none());
        assert!(at_bob(1).is_ok(), "places come back");
    }

    #[test]
    fn turns_go_round_networks_and_come_in_order_within_one() {
        let queues = PasswordQueues::new();
        let mut many = crowd(&queues, stranger, 1, 10);
        let mut turns: Vec<CheckPermit> = many.iter_mut().filter_map(has_turn).collect();
        assert_eq!(turns.len(), AT_ONCE);
        let mut others: Vec<QueueSlot> = [2, 3].into_iter().flat_map(|network| crowd(&queues, stranger, network, 2)).collect();
        let mut order = Vec::new();
        for _ in 0..6 {
            drop(turns.remove(0));
            let network = many.iter_mut().map(|slot| (1, slot)).chain(others.iter_mut().zip([2, 2, 3, 3]).map(|(slot, of)| (of, slot)));
            for (of, slot) in network {
                if let Some(turn) = has_turn(slot) {
                    order.push(of);
                    turns.push(turn);
                }
            }
        }
        assert_eq!(order, [2, 3, 1, 2, 3, 1], "the crowd that came first waits behind nobody, and nobody waits behind the crowd");
        let mut third = crowd(&queues, stranger, 4, 1);
        drop(turns.remove(0));
        assert!(third.iter_mut().filter_map(has_turn).count() == 1);
    }

    #[test]
    fn who_leaves_gives_the_turn_that_came_meanwhile_to_the_next() {
        let queues = PasswordQueues::new();
        let mut slots = crowd(&queues, stranger, 1, 4);
        let first = has_turn(&mut slots[0]).expect("a turn");
        drop(slots.remove(1));
        assert!(has_turn(&mut slots[1]).is_some(), "the second had a turn and never took it");
        drop(first);
        assert!(has_turn(&mut slots[2]).is_some());
    }
}
