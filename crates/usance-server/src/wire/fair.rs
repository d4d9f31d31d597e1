//! A gate with fair shares: few places, few of them for one party, and a short wait in which the one with the fewest comes next.
//!
//! A party is a customer, a program of operators and services, or an address. Whoever has as many places as one may have waits for its
//! own, not for those of others; whoever has many requests waiting is told to come again (429). Where as many wait as may wait
//! in all, the party with the most of them gives one up, so that nobody takes the place of somebody who has few. A place belongs
//! to whoever holds the value: it comes back when the work ends, or when its client has gone and the work is dropped.

use crate::wire::problem::Problem;
use axum::http::StatusCode;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use usance_engine::Unavailable;
use usance_engine::caller::{Caller, Role};

/// How many requests may wait for each place, as many of them of one party as it may have places.
const WAITING_A_PLACE: usize = 4;

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crowded {
    /// Of this party as many wait as may, or it was waited too long for its own requests.
    Own,
    /// As many wait as may, or it was waited too long for others.
    All,
}

impl From<Crowded> for Problem {
    fn from(crowded: Crowded) -> Problem {
        match crowded {
            Crowded::Own => {
                let detail = "Too many requests of one sender at a time for what takes long to read; ask one after the other.";
                Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).retry_after(1)
            }
            Crowded::All => Unavailable::Overloaded.into(),
        }
    }
}

/// Whose share somebody takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// A customer's, with all of its tokens and sessions.
    Customer(String),
    /// Of operators and services, for a customer that it names.
    ActedFor(String),
    /// Of operators and services, for nobody: a program by its role and name.
    Program(String),
    /// Of whoever is not known yet, by address where that is known.
    Address(Option<IpAddr>),
}

impl Party {
    /// Whom a request is for.
    #[must_use]
    pub fn of(caller: &Caller) -> Party {
        match (&caller.customer, caller.role) {
            (Some(customer), Role::Customer) => Party::Customer(customer.clone()),
            (Some(customer), _) => Party::ActedFor(customer.clone()),
            (None, _) => Party::Program(caller.scope.clone()),
        }
    }

    /// Whether it is of operators, services or auditors, who share nothing with customers.
    #[must_use]
    pub const fn is_of_operators(&self) -> bool {
        matches!(self, Party::ActedFor(_) | Party::Program(_))
    }

    /// How many places it may have of so many, where one customer may have `own`. A program of operators and services, and those of
    /// whom no address tells one from the other, are many in one.
    const fn share(&self, own: usize, places: usize) -> usize {
        match self {
            Party::Customer(_) | Party::ActedFor(_) | Party::Address(Some(_)) => own,
            Party::Program(_) | Party::Address(None) => places,
        }
    }
}

/// A gate with fair shares.
pub struct FairGate(Arc<Inner>);

struct Inner {
    places: usize,
    /// Places of one customer.
    own: usize,
    patience: Duration,
    present: Mutex<Present>,
}

/// Who has a place, and who waits for one.
#[derive(Default)]
struct Present {
    taken: usize,
    by_party: HashMap<Party, usize>,
    /// Of each party in the order of coming; none is empty.
    waiting: HashMap<Party, VecDeque<Waiting>>,
    waiting_in_all: usize,
    /// Parties that wait and may have one more, in the order of their turns. One that has gone by now is passed over.
    turns: VecDeque<Party>,
    /// The same parties: each has one turn at a time.
    has_turn: HashSet<Party>,
    newest: u64,
}

struct Waiting {
    number: u64,
    told: oneshot::Sender<Result<Place, Crowded>>,
}

/// A place; it comes back with this value.
#[derive(Debug)]
pub struct Place {
    gate: Arc<Inner>,
    party: Party,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "a gate of {}", self.places)
    }
}

impl FairGate {
    /// So many places, so many of them for one party, and so long a wait.
    #[must_use]
    pub fn new(places: usize, own: usize, patience: Duration) -> Self {
        FairGate(Arc::new(Inner { places, own, patience, present: Mutex::default() }))
    }

    /// A place for a party, perhaps after a short wait.
    ///
    /// # Errors
    /// [`Crowded::Own`] at once where as many of the party wait as may, or it was waited too long for its own requests;
    /// [`Crowded::All`] where as many wait in all and nobody has more than this party, or it was waited too long for others.
    pub async fn enter(&self, party: Party) -> Result<Place, Crowded> {
        let waits = match self.0.ask(party.clone(), Patience::Short)? {
            Asked::Place(place) => return Ok(place),
            Asked::Wait(waits) => waits,
        };
        match tokio::time::timeout(self.0.patience, waits.told()).await {
            Ok(told) => told,
            Err(_) if self.0.present.lock().has(&party) >= self.0.share(&party) => Err(Crowded::Own),
            Err(_) => Err(Crowded::All),
        }
    }

    /// A place for a party, however long that takes: for what goes on with an answer that has begun.
    pub async fn enter_in_time(&self, party: Party) -> Option<Place> {
        match self.0.ask(party, Patience::Endless).ok()? {
            Asked::Place(place) => Some(place),
            Asked::Wait(waits) => waits.told().await.ok(),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Patience {
    Short,
    Endless,
}

enum Asked {
    Place(Place),
    Wait(Waits),
}

/// Somebody who waits; whoever gives it up waits no more.
struct Waits {
    gate: Arc<Inner>,
    party: Party,
    number: u64,
    told: oneshot::Receiver<Result<Place, Crowded>>,
}

impl Waits {
    async fn told(mut self) -> Result<Place, Crowded> {
        // The sender is dropped with an answer only.
        (&mut self.told).await.unwrap_or(Err(Crowded::All))
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.gate.present.lock().leave(&self.party, self.number);
    }
}

impl Inner {
    const fn share(&self, party: &Party) -> usize {
        party.share(self.own, self.places)
    }

    /// A place at once, or one among those who wait, which are few where patience is short.
    fn ask(self: &Arc<Self>, party: Party, patience: Patience) -> Result<Asked, Crowded> {
        let mut present = self.present.lock();
        if present.taken < self.places && present.has(&party) < self.share(&party) {
            present.take(party.clone());
            drop(present);
            return Ok(Asked::Place(Place { gate: Arc::clone(self), party }));
        }
        let mut gives_way = None;
        if patience == Patience::Short {
            let own = present.waits(&party);
            if own >= self.share(&party) * WAITING_A_PLACE {
                return Err(Crowded::Own);
            }
            if present.waiting_in_all >= self.places * WAITING_A_PLACE {
                gives_way = Some(present.most_waiting(own + 1).ok_or(Crowded::All)?);
            }
        }
        let (sender, told) = oneshot::channel();
        present.newest += 1;
        let number = present.newest;
        present.wait(&party, Waiting { number, told: sender }, self.share(&party));
        drop(present);
        if let Some(waiting) = gives_way {
            // Whoever has gone by now does not need to hear it.
            let _ = waiting.told.send(Err(Crowded::Own));
        }
        Ok(Asked::Wait(Waits { gate: Arc::clone(self), party, number, told }))
    }

    /// Gives a place back, and to whoever is next.
    fn release(self: &Arc<Self>, party: &Party) {
        let next = {
            let mut present = self.present.lock();
            present.give_back(party);
            present.line_up(party, self.share(party));
            present.next(self)
        };
        if let Some((party, waiting)) = next {
            // Whoever has gone by now drops the place, which then goes to the one after.
            let _ = waiting.told.send(Ok(Place { gate: Arc::clone(self), party }));
        }
    }
}

impl Present {
    fn has(&self, party: &Party) -> usize {
        self.by_party.get(party).copied().unwrap_or(0)
    }

    fn waits(&self, party: &Party) -> usize {
        self.waiting.get(party).map_or(0, VecDeque::len)
    }

    fn wait(&mut self, party: &Party, waiting: Waiting, share: usize) {
        self.waiting.entry(party.clone()).or_default().push_back(waiting);
        self.waiting_in_all += 1;
        if self.waits(party) == 1 {
            self.line_up(party, share);
        }
    }

    /// Gives a party that waits and may have one more its turn, after those who have theirs already.
    fn line_up(&mut self, party: &Party, share: usize) {
        let is_full = self.has(party) >= share || self.waits(party) == 0;
        if !is_full && self.has_turn.insert(party.clone()) {
            self.turns.push_back(party.clone());
        }
    }

    /// Somebody does not wait any more.
    fn leave(&mut self, party: &Party, number: u64) {
        let Some(own) = self.waiting.get_mut(party) else { return };
        let before = own.len();
        own.retain(|waiting| waiting.number != number);
        self.waiting_in_all -= before - own.len();
        if own.is_empty() {
            self.waiting.remove(party);
        }
    }

    fn take(&mut self, party: Party) {
        self.taken += 1;
        *self.by_party.entry(party).or_default() += 1;
    }

    fn give_back(&mut self, party: &Party) {
        self.taken -= 1;
        if let Some(count) = self.by_party.get_mut(party) {
            *count -= 1;
            if *count == 0 {
                self.by_party.remove(party);
            }
        }
    }

    /// Whoever has a place next, if there is one: the first of the party whose turn it is.
    fn next(&mut self, gate: &Inner) -> Option<(Party, Waiting)> {
        while self.taken < gate.places {
            let party = self.turns.pop_front()?;
            self.has_turn.remove(&party);
            if self.has(&party) >= gate.share(&party) {
                continue;
            }
            let Some(own) = self.waiting.get_mut(&party) else { continue };
            let Some(next) = own.pop_front() else { continue };
            if own.is_empty() {
                self.waiting.remove(&party);
            }
            self.waiting_in_all -= 1;
            self.take(party.clone());
            self.line_up(&party, gate.share(&party));
            return Some((party, next));
        }
        None
    }

    /// The newest request of the party with the most that wait, if those are more than so many.
    fn most_waiting(&mut self, few: usize) -> Option<Waiting> {
        let (party, most) = self.waiting.iter().map(|(party, own)| (party, own.len())).max_by_key(|(_, most)| *most)?;
        let party = party.clone();
        let newest = if most > few { self.waiting.get_mut(&party)?.pop_back() } else { None }?;
        self.waiting_in_all -= 1;
        Some(newest)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gate.release(&self.party);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::task::Poll;

    type Entering<'a> = Pin<Box<dyn Future<Output = Result<Place, Crowded>> + 'a>>;

    /// How a wait ended, or nothing while it goes on.
    async fn now(wait: &mut Entering<'_>) -> Option<Result<Place, Crowded>> {
        poll_fn(|context| {
            Poll::Ready(match wait.as_mut().poll(context) {
                Poll::Ready(ended) => Some(ended),
                Poll::Pending => None,
            })
        })
        .await
    }

    fn customer(id: &str) -> Party {
        Party::Customer(id.to_owned())
    }

    fn gate(places: usize, own: usize) -> FairGate {
        FairGate::new(places, own, Duration::from_secs(600))
    }

    #[tokio::test]
    async fn one_party_has_few_places_and_leaves_the_rest_to_others() {
        let gate = gate(4, 2);
        let [first, second] =
            [gate.enter(customer("alice")).await, gate.enter(customer("alice")).await].map(|place| place.expect("a place"));
        let mut waiting: Vec<Entering<'_>> = Vec::new();
        for _ in 0..2 * WAITING_A_PLACE {
            let mut one: Entering<'_> = Box::pin(gate.enter(customer("alice")));
            assert!(now(&mut one).await.is_none(), "a third waits, though there are places");
            waiting.push(one);
        }
        assert_eq!(gate.enter(customer("alice")).await.err(), Some(Crowded::Own), "one more is told to come again");
        assert!(gate.enter(customer("bob")).await.is_ok() && gate.enter(customer("carol")).await.is_ok(), "others have theirs");
        drop(first);
        let came = now(&mut waiting[0]).await.expect("her own place goes to her next request");
        assert!(came.is_ok() && now(&mut waiting[1]).await.is_none());
        drop((second, waiting));
        drop(came);
        assert!(gate.0.present.lock().taken == 0 && gate.0.present.lock().by_party.is_empty());
    }

    #[tokio::test]
    async fn whoever_has_most_gives_way_and_whoever_has_fewest_comes_next() {
        let gate = gate(2, 2);
        let inside = [gate.enter(customer("alice")).await, gate.enter(customer("alice")).await];
        assert!(inside.iter().all(Result::is_ok));
        let mut alices: Vec<Entering<'_>> = Vec::new();
        for _ in 0..2 * WAITING_A_PLACE {
            alices.push(Box::pin(gate.enter(customer("alice"))));
            assert!(now(alices.last_mut().expect("one")).await.is_none());
        }
        let mut bob: Entering<'_> = Box::pin(gate.enter(customer("bob")));
        assert!(now(&mut bob).await.is_none(), "he waits, though as many wait as may");
        let last = alices.last_mut().expect("one");
        assert_eq!(now(last).await.map(Result::err), Some(Some(Crowded::Own)), "her newest request gives way");
        drop(inside);
        assert!(now(&mut bob).await.is_some_and(|place| place.is_ok()), "and he comes before those who waited longer");
    }

    #[tokio::test]
    async fn where_many_have_few_each_nobody_gives_way() {
        let gate = gate(1, 1);
        let inside = gate.enter(customer("alice")).await;
        let mut waiting: Vec<Entering<'_>> = Vec::new();
        for party in ["bob", "carol", "dave", "erin"] {
            waiting.push(Box::pin(gate.enter(customer(party))));
            assert!(now(waiting.last_mut().expect("one")).await.is_none());
        }
        assert_eq!(gate.enter(customer("frank")).await.err(), Some(Crowded::All));
        // Who has gone waits no more, and takes no place with it.
        drop(waiting.remove(0));
        drop(inside);
        assert!(now(&mut waiting[0]).await.is_some_and(|place| place.is_ok()));
        drop(waiting);
        assert!(gate.enter(customer("frank")).await.is_ok());
    }

    #[tokio::test]
    async fn nobody_waits_for_ever_but_who_goes_on_with_an_answer() {
        let gate = FairGate::new(1, 1, Duration::from_millis(5));
        let inside = gate.enter(customer("alice")).await;
        assert_eq!(gate.enter(customer("bob")).await.err(), Some(Crowded::All));
        let mut on: Pin<Box<dyn Future<Output = Option<Place>>>> = Box::pin(gate.enter_in_time(customer("bob")));
        let waits = poll_fn(|context| Poll::Ready(on.as_mut().poll(context).is_pending())).await;
        assert!(waits);
        drop(inside);
        assert!(on.await.is_some());
    }
}
