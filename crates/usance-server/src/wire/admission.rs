//! Back-pressure: how many requests are under way at a time, and who is told 503 at once instead of waiting.
//!
//! Every request takes one of so many places, and is refused where none is free: a queue that nobody can see the end of serves
//! nobody. Where many wait too long for a core, a share of newcomers is refused until they do not, and where many are under way
//! whoever waited long behind others on its own connection. Passwords are checked slowly on purpose, so sign-ins have places of
//! their own and take none from the rest. The [`Door`] does so before anything else looks, with answers that were made when the
//! service began: as a page for whoever reads pages. What asks a database or takes a core for a while passes a [`Gate`] of its
//! own, with few places and a short wait, so that neither a hanging server nor a flood of statements takes threads or time from
//! the rest.

use crate::wire::fair::{Crowded, FairGate, Party, Place};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use usance_engine::life::gate::InFlight;
use usance_engine::life::pool::CONNECTIONS_MAX;

/// How often it is looked how long a task that is ready waits for a core.
const LOOK: Duration = Duration::from_millis(5);
/// How long it may wait, on average over eight looks, before newcomers are refused.
const WAIT_MAX: Duration = Duration::from_millis(10);
/// Where fewer are under way, or wait for a core, nobody is refused, however long the machine takes: so many may wait at gates alone.
const ALWAYS: usize = 96;
/// Where more are under way, who waited longer than this behind others on its own connection is refused: by now it is late.
const QUEUED_MAX: Duration = Duration::from_millis(40);
/// Of a thousand newcomers, so many more are refused after each look that found too long a wait.
const MORE: u32 = 40;
/// And so many fewer after each that did not.
const FEWER: u32 = 20;
/// Some are always let in: nothing else shows that it is over.
const REFUSED_MAX: u32 = 950;
/// Sign-ins with a password under way at a time: those that wait for their turns in two queues (`auth/password_queues`), and half as
/// many more, which are told at once that they have to come again.
const SIGN_INS_MAX: usize = 192;
/// How a request of some kind is let in, beyond having a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Answered from memory, or by the writer.
    Fast,
    /// Asks the read tables, the log or the stored people.
    Stored,
    /// Walks far, or takes a core for a while.
    Expensive,
    /// Waits for a password to be checked, in a queue of its own (`auth`), where nobody else waits behind it.
    SignIn,
}

/// Who is let in.
pub struct Admission {
    under_way: AtomicUsize,
    under_way_max: usize,
    /// Of those who sign in with a password.
    signing_in: AtomicUsize,
    /// Of a thousand newcomers, how many are refused now.
    refused: AtomicU32,
    newcomers: AtomicU32,
    /// For what is read from stores.
    pub stored: Shares,
    /// For what walks far.
    pub expensive: Shares,
    /// For pages, whose sessions are read from a store.
    pub pages: FairGate,
    /// For event streams that look for what is new.
    pub streams: Shares,
    /// For the next page of a statement that is streamed.
    pub statements: Shares,
}

/// Places of one kind: those of customers, and those of operators and services.
pub struct Shares {
    customers: FairGate,
    operators: FairGate,
}

impl Shares {
    /// So many places for customers, as many for operators and services, so many of them for one customer, and so long a wait.
    fn new(places: usize, own: usize, patience_ms: u64) -> Shares {
        let gate = || FairGate::new(places, own, Duration::from_millis(patience_ms));
        Shares { customers: gate(), operators: gate() }
    }

    const fn of(&self, party: &Party) -> &FairGate {
        if party.is_of_operators() { &self.operators } else { &self.customers }
    }

    /// A place for a party, perhaps after a short wait.
    ///
    /// # Errors
    /// As [`FairGate::enter`].
    pub async fn enter(&self, party: Party) -> Result<Place, Crowded> {
        self.of(&party).enter(party).await
    }

    /// A place for a party, however long that takes: for what goes on with an answer that has begun.
    pub async fn enter_in_time(&self, party: Party) -> Option<Place> {
        self.of(&party).enter_in_time(party).await
    }
}

impl Admission {
    /// So many requests at a time.
    #[must_use]
    pub fn new(under_way_max: usize) -> Self {
        Admission {
            under_way: AtomicUsize::new(0),
            under_way_max,
            signing_in: AtomicUsize::new(0),
            refused: AtomicU32::new(0),
            newcomers: AtomicU32::new(0),
            stored: Shares::new(CONNECTIONS_MAX, 2, 500),
            expensive: Shares::new(2, 1, 1000),
            pages: FairGate::new(8, 6, Duration::from_millis(500)),
            streams: Shares::new(4, 2, 250),
            statements: Shares::new(2, 1, 1000),
        }
    }

    /// A place for a request, while it is under way; it may have waited that long on its connection.
    pub fn place(&self, queued: Duration) -> Option<InFlight<'_>> {
        let place = InFlight::one_more(&self.under_way);
        let is_late = place.before >= ALWAYS && queued > QUEUED_MAX;
        if self.is_refused() || is_late || place.before >= self.under_way_max { None } else { Some(place) }
    }

    /// The same for a sign-in with a password.
    pub fn place_to_sign_in(&self) -> Option<InFlight<'_>> {
        let place = InFlight::one_more(&self.signing_in);
        if self.is_refused() || place.before >= SIGN_INS_MAX { None } else { Some(place) }
    }

    /// Whether this newcomer is one of those that are refused, evenly over a thousand.
    fn is_refused(&self) -> bool {
        let share = u64::from(self.refused.load(Ordering::Relaxed));
        let turn = u64::from(self.newcomers.fetch_add(1, Ordering::Relaxed));
        (turn + 1) * share / 1000 > turn * share / 1000
    }

    /// A party's place at the gate of a class.
    ///
    /// # Errors
    /// As [`FairGate::enter`].
    pub async fn enter(&self, class: Class, party: Party) -> Result<Option<Place>, Crowded> {
        match class {
            Class::Fast | Class::SignIn => Ok(None),
            Class::Stored => self.stored.enter(party).await.map(Some),
            Class::Expensive => self.expensive.enter(party).await.map(Some),
        }
    }

    /// Looks how long tasks wait for a core and how many do, for ever: those that a store or the log has woken and that nobody goes
    /// on with. Who has not been read yet waits where the kernel keeps connections in order, and is seen by nobody here.
    pub async fn watch(&self) {
        let runtime = tokio::runtime::Handle::current().metrics();
        let mut average = Duration::ZERO;
        loop {
            let asleep = Instant::now();
            tokio::time::sleep(LOOK).await;
            average = (average * 7 + asleep.elapsed().saturating_sub(LOOK)) / 8;
            self.adapt(average, runtime.global_queue_depth());
        }
    }

    /// Refuses more, or fewer, of the newcomers.
    fn adapt(&self, wait: Duration, waiting: usize) {
        let refused = self.refused.load(Ordering::Relaxed);
        let is_much = wait > WAIT_MAX && waiting >= ALWAYS;
        let refused = if is_much { (refused + MORE).min(REFUSED_MAX) } else { refused.saturating_sub(FEWER) };
        self.refused.store(refused, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_house_refuses_and_has_a_place_again() {
        let house = Admission::new(2);
        let (first, second) = (house.place(Duration::ZERO), house.place(Duration::ZERO));
        assert!(first.is_some() && second.is_some() && house.place(Duration::ZERO).is_none());
        drop(first);
        assert!(house.place(Duration::ZERO).is_some());
    }

    #[test]
    fn a_share_of_newcomers_is_refused_and_none_where_few_are_under_way() {
        let house = Admission::new(10_000);
        let few: Vec<_> = (0..ALWAYS).map(|_| house.place(QUEUED_MAX * 2)).collect();
        assert!(few.iter().all(Option::is_some), "with few under way it does not matter how long one waited");
        house.refused.store(250, Ordering::Relaxed);
        let refused = (0..1000).filter(|_| house.place(Duration::ZERO).is_none()).count();
        assert_eq!(refused, 250);
        house.refused.store(0, Ordering::Relaxed);
        assert!(house.place(QUEUED_MAX).is_some() && house.place(QUEUED_MAX * 2).is_none(), "who is late by now is refused");
    }

    #[test]
    fn a_slow_machine_is_no_overload_and_many_who_wait_are() {
        let (house, ms) = (Admission::new(256), Duration::from_millis);
        house.adapt(ms(100), 64);
        assert!((0..1000).all(|_| house.place(Duration::ZERO).is_some()));
        for _ in 0..100 {
            house.adapt(ms(20), 800);
        }
        assert_eq!((0..1000).filter(|_| house.place(Duration::ZERO).is_some()).count(), 50, "some are let in");
        for _ in 0..100 {
            house.adapt(ms(1), 800);
        }
        assert!((0..1000).all(|_| house.place(Duration::ZERO).is_some()), "and all when it is over");
    }

    #[test]
    fn sign_ins_take_no_place_from_the_rest() {
        let house = Admission::new(1);
        let signing_in: Vec<_> = (0..SIGN_INS_MAX).map(|_| house.place_to_sign_in()).collect();
        assert!(signing_in.iter().all(Option::is_some) && house.place_to_sign_in().is_none());
        let other = house.place(Duration::ZERO);
        assert!(other.is_some());
        drop(signing_in);
        assert!(house.place_to_sign_in().is_some(), "nor the rest from them");
    }
}
