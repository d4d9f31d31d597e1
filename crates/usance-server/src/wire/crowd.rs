//! Who has a place: so many connections in all and, where that is asked for, from one address.
//!
//! Some places are kept for this machine and the named proxies, so that whoever watches the service gets in when it is full.
//! Where no other is left, the connection that has been idle longest gives its place up: whoever asks something comes before
//! whoever only holds a connection. One that is being answered is never given up here.

use crate::wire::address::{Proxies, line};
use crate::wire::limits::Limits;
use crate::wire::pace::Pace;
use parking_lot::Mutex;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Places for this machine and the named proxies alone, where there are many.
const KEPT_PLACES: usize = 32;
/// Of few places, one of so many is kept.
const KEPT_SHARE: usize = 4;
/// How many connections may be on their way out at a time, each still with its file.
const LEAVING_MAX: usize = 64;
/// How many of those that have been idle longest are remembered from one look at all.
const REMEMBERED: usize = 64;
/// How soon it is looked again when nobody was idle.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Who is connected.
pub(super) struct Crowd {
    room: usize,
    limits: Limits,
    proxies: Proxies,
    present: Mutex<Present>,
}

/// The connections there are.
#[derive(Default)]
struct Present {
    newest: u64,
    open: HashMap<u64, Arc<Pace>>,
    /// So many more are on their way out.
    leaving: usize,
    by_address: HashMap<IpAddr, usize>,
    /// Since when they are idle, and who; the longest last. Who became idle later than these were found is not before them.
    idle: Vec<(u64, u64)>,
    nobody_idle_at: Option<Instant>,
}

/// A place that was given to a connection, and comes back with this value.
pub(super) struct ConnectionSlot {
    crowd: Arc<Crowd>,
    number: u64,
    address: Option<IpAddr>,
    /// How the connection gets on.
    pub pace: Arc<Pace>,
}

impl Crowd {
    pub fn new(limits: Limits, room: usize, proxies: Proxies) -> Self {
        Crowd { room, limits, proxies, present: Mutex::default() }
    }

    /// A place for a connection from an address, if there is one.
    pub fn place(self: &Arc<Self>, from: IpAddr) -> Option<ConnectionSlot> {
        let from = from.to_canonical();
        let ours = from.is_loopback() || self.proxies.holds(from);
        let kept = if ours { 0 } else { KEPT_PLACES.min(self.room / KEPT_SHARE) };
        let mut present = self.present.lock();
        let address = self.limits.address_max.map(|max| (line(from), max.get()));
        if address.is_some_and(|(line, max)| present.by_address.get(&line).is_some_and(|count| *count >= max)) {
            return None;
        }
        if present.open.len() + kept >= self.room && !present.give_up_idle() {
            return None;
        }
        let address = address.map(|(line, _)| line);
        if let Some(line) = address {
            *present.by_address.entry(line).or_default() += 1;
        }
        present.newest += 1;
        let (number, pace) = (present.newest, Arc::new(Pace::new()));
        present.open.insert(number, Arc::clone(&pace));
        present.tell();
        Some(ConnectionSlot { crowd: Arc::clone(self), number, address, pace })
    }
}

impl ConnectionSlot {
    /// How long a connection may be idle now: not long where few places are left.
    pub fn idle(&self) -> Duration {
        let Crowd { room, limits, present, .. } = self.crowd.as_ref();
        if present.lock().open.len() > room / 10 * 9 { limits.idle.min(limits.head) } else { limits.idle }
    }
}

impl Present {
    /// Has the connection leave that has been idle longest, if there is one.
    fn give_up_idle(&mut self) -> bool {
        if self.leaving >= LEAVING_MAX {
            return false;
        }
        if self.give_up_remembered() {
            return true;
        }
        if self.nobody_idle_at.is_some_and(|at| at.elapsed() < LOOK_AGAIN) {
            return false;
        }
        self.idle = self.open.iter().filter_map(|(number, pace)| Some((pace.idle_since()?, *number))).collect();
        self.idle.sort_unstable_by_key(|idle| Reverse(*idle));
        self.idle.drain(..self.idle.len().saturating_sub(REMEMBERED));
        let found = self.give_up_remembered();
        self.nobody_idle_at = (!found).then(Instant::now);
        found
    }

    /// As [`Present::give_up_idle`], of those that were found before and are idle since.
    fn give_up_remembered(&mut self) -> bool {
        while let Some((since, number)) = self.idle.pop() {
            if self.open.get(&number).is_some_and(|pace| pace.idle_since() == Some(since))
                && let Some(pace) = self.open.remove(&number)
            {
                pace.leave();
                self.leaving += 1;
                metrics::counter!("usance_connections_closed_total", "why" => "crowded").increment(1);
                return true;
            }
        }
        false
    }

    fn tell(&self) {
        metrics::gauge!("usance_connections").set((self.open.len() + self.leaving) as f64);
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut present = self.crowd.present.lock();
        if present.open.remove(&self.number).is_none() {
            present.leaving = present.leaving.saturating_sub(1);
        }
        present.tell();
        if let Some(line) = self.address
            && let Some(count) = present.by_address.get_mut(&line)
        {
            *count -= 1;
            if *count == 0 {
                present.by_address.remove(&line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroUsize;

    fn crowd(room: usize) -> Arc<Crowd> {
        let wait = Duration::from_secs(600);
        let limits = Limits { all_max: NonZeroUsize::MAX, address_max: None, head: wait, body: wait, idle: wait, take: wait };
        Arc::new(Crowd::new(limits, room, Proxies(vec!["10.0.0.0/8".parse().expect("a range")])))
    }

    /// A place for somebody who has asked something and waits for its answer.
    fn busy(crowd: &Arc<Crowd>, from: &str) -> Option<ConnectionSlot> {
        let place = crowd.place(from.parse().expect("an address"));
        place.inspect(|place| {
            place.pace.asked();
        })
    }

    #[test]
    fn the_last_places_are_for_this_machine_and_named_proxies() {
        let crowd = crowd(8);
        let mut foreign: Vec<ConnectionSlot> = (0..6).map(|last| busy(&crowd, &format!("203.0.113.{last}")).expect("a place")).collect();
        assert!(busy(&crowd, "203.0.113.9").is_none() && busy(&crowd, "2001:db8::1").is_none(), "of eight, two are kept");
        let ours = [busy(&crowd, "::ffff:127.0.0.1"), busy(&crowd, "10.1.2.3")];
        assert!(ours.iter().all(Option::is_some));
        assert!(busy(&crowd, "127.0.0.1").is_none(), "nor are there more than there are");
        drop(ours);
        assert!(busy(&crowd, "203.0.113.9").is_none() && busy(&crowd, "::1").is_some());
        foreign.pop();
        assert!(busy(&crowd, "203.0.113.9").is_some());
    }

    #[test]
    fn where_there_is_much_room_few_places_are_kept() {
        let crowd = crowd(1_000);
        let foreign: Vec<ConnectionSlot> = (0..2_000).map_while(|_| busy(&crowd, "203.0.113.1")).collect();
        assert_eq!(foreign.len(), 968);
        let ours: Vec<ConnectionSlot> = (0..2_000).map_while(|_| busy(&crowd, "10.1.2.3")).collect();
        assert_eq!(ours.len(), 32);
    }

    #[test]
    fn who_is_idle_makes_room_and_who_is_answered_does_not() {
        let crowd = crowd(4);
        let idle = crowd.place([203, 0, 113, 1].into()).expect("a place");
        let answered = [busy(&crowd, "203.0.113.2"), busy(&crowd, "203.0.113.3")];
        assert!(answered.iter().all(Option::is_some));
        let newer = busy(&crowd, "203.0.113.4");
        assert!(newer.is_some(), "one of three waited for nothing");
        assert!(busy(&crowd, "203.0.113.5").is_none(), "the others wait for their answers");
        // It is on its way out, and counts no more.
        drop(idle);
        assert!(busy(&crowd, "203.0.113.5").is_none());
    }
}
