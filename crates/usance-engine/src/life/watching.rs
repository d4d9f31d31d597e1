//! Who follows a customer, and is woken when something of that customer became durable.
//!
//! A batch wakes those whose customers it touched, and everybody only where it closed a day or announced a rate. Whoever is not
//! woken knows all the same how far the log is, and that nothing of it was its customer's.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;
use usance_core::id::CustomerIx;
use usance_core::machine::news::Touched;

/// Everybody who follows a customer in one life of the machine.
#[derive(Debug, Default)]
pub(crate) struct Watching(Mutex<Present>);

#[derive(Debug, Default)]
struct Present {
    /// The newest batch of which everybody whom it touched has been woken.
    told: u64,
    ended: bool,
    newest: u64,
    watchers: HashMap<CustomerIx, Vec<(u64, Arc<Bell>)>>,
}

#[derive(Debug, Default)]
struct Bell {
    rang: AtomicBool,
    ended: AtomicBool,
    notify: Notify,
}

impl Bell {
    fn ring(&self) {
        self.rang.store(true, Ordering::Release);
        self.notify.notify_one();
    }
}

impl Watching {
    /// Begins behind a batch.
    pub fn behind(seq: u64) -> Self {
        Watching(Mutex::new(Present { told: seq, ..Present::default() }))
    }

    /// Whether anybody watches.
    pub fn is_watched(&self) -> bool {
        !self.0.lock().watchers.is_empty()
    }

    /// Wakes whom a batch touched, which is durable.
    pub fn tell(&self, seq: u64, touched: &Touched) {
        let mut present = self.0.lock();
        if touched.everybody {
            present.watchers.values().flatten().for_each(|(_, bell)| bell.ring());
        } else {
            let of = |customer| present.watchers.get(customer).into_iter().flatten();
            touched.customers.iter().flat_map(of).for_each(|(_, bell)| bell.ring());
        }
        present.told = present.told.max(seq);
    }

    /// Nothing more will be told.
    pub fn end(&self) {
        let mut present = self.0.lock();
        present.ended = true;
        for (_, bell) in present.watchers.values().flatten() {
            bell.ended.store(true, Ordering::Release);
            bell.ring();
        }
    }

    /// Watches a customer from now on.
    pub fn watch(self: &Arc<Self>, customer: CustomerIx) -> Watcher {
        let bell = Arc::<Bell>::default();
        let mut present = self.0.lock();
        present.newest += 1;
        let number = present.newest;
        bell.ended.store(present.ended, Ordering::Release);
        present.watchers.entry(customer).or_default().push((number, Arc::clone(&bell)));
        drop(present);
        Watcher { watching: Arc::clone(self), customer, number, bell }
    }
}

/// One who follows a customer, for as long as this value lives.
#[derive(Debug)]
pub struct Watcher {
    watching: Arc<Watching>,
    customer: CustomerIx,
    number: u64,
    bell: Arc<Bell>,
}

impl Watcher {
    /// Says that it looks now: what comes from now on wakes it again.
    pub fn look(&self) {
        self.bell.rang.store(false, Ordering::Release);
    }

    /// Waits until its customer was touched since it last looked; false when nothing more will be told.
    pub async fn touched(&self) -> bool {
        while !self.bell.rang.load(Ordering::Acquire) && !self.bell.ended.load(Ordering::Acquire) {
            self.bell.notify.notified().await;
        }
        !self.bell.ended.load(Ordering::Acquire)
    }

    /// The newest batch that everybody was told of, if nothing of its customer came since it last looked.
    #[must_use]
    pub fn quiet_through(&self) -> Option<u64> {
        let present = self.watching.0.lock();
        (!self.bell.rang.load(Ordering::Acquire)).then_some(present.told)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut present = self.watching.0.lock();
        if let Some(own) = present.watchers.get_mut(&self.customer) {
            own.retain(|(number, _)| *number != self.number);
            if own.is_empty() {
                present.watchers.remove(&self.customer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    async fn is_awake(watcher: &Watcher) -> bool {
        let mut touched = pin!(watcher.touched());
        poll_fn(|context| Poll::Ready(touched.as_mut().poll(context).is_ready())).await
    }

    fn of(customers: &[u32]) -> Touched {
        Touched { everybody: false, customers: customers.iter().map(|number| CustomerIx(*number)).collect() }
    }

    #[tokio::test]
    async fn a_batch_wakes_those_whom_it_touched_and_nobody_else() {
        let watching = Arc::new(Watching::behind(6));
        let (alice, again, bob) = (watching.watch(CustomerIx(1)), watching.watch(CustomerIx(1)), watching.watch(CustomerIx(2)));
        watching.tell(7, &of(&[1, 3, 1]));
        assert!(is_awake(&alice).await && is_awake(&again).await && !is_awake(&bob).await);
        assert_eq!((alice.quiet_through(), bob.quiet_through()), (None, Some(7)), "who sleeps knows how far the log is");
        alice.look();
        assert!(!is_awake(&alice).await);
        assert_eq!(alice.quiet_through(), Some(7));
        watching.tell(8, &of(&[1]));
        assert!(is_awake(&alice).await, "and it is woken again");
        watching.tell(9, &Touched { everybody: true, customers: Vec::new() });
        assert!(is_awake(&bob).await, "a close is everybody's");
        drop((alice, again, bob));
        assert!(!watching.is_watched(), "whoever has gone is forgotten");
    }

    #[tokio::test]
    async fn the_end_is_told_to_those_who_watch_and_to_those_who_come() {
        let watching = Arc::new(Watching::behind(0));
        let early = watching.watch(CustomerIx(1));
        watching.end();
        assert!(!early.touched().await && !watching.watch(CustomerIx(2)).touched().await);
    }
}
