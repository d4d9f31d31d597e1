//! Backpressure: a gate lets few in at a time, has few wait, and tells the rest at once that they came too many.

use crate::unavailable::Unavailable;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// A door with few places and a short wait.
pub struct Gate {
    places: Semaphore,
    waiting: AtomicUsize,
    waiting_max: usize,
    patience: Duration,
}

impl Gate {
    /// So many places, for each of which four may wait so long.
    #[must_use]
    pub const fn new(places: usize, patience: Duration) -> Self {
        Gate { places: Semaphore::const_new(places), waiting: AtomicUsize::new(0), waiting_max: places * 4, patience }
    }

    /// A place, perhaps after a short wait.
    ///
    /// # Errors
    /// [`Unavailable::Overloaded`] when too many wait, or it was waited too long.
    pub async fn enter(&self) -> Result<SemaphorePermit<'_>, Unavailable> {
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        let waiting = InFlight::one_more(&self.waiting);
        if waiting.before >= self.waiting_max {
            return Err(Unavailable::Overloaded);
        }
        match tokio::time::timeout(self.patience, self.places.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(Unavailable::Overloaded),
        }
    }
}

/// One more of a number, for as long as this value lives.
pub struct InFlight<'a> {
    number: &'a AtomicUsize,
    /// How many there were before.
    pub before: usize,
}

impl<'a> InFlight<'a> {
    /// One more than there were.
    pub fn one_more(number: &'a AtomicUsize) -> Self {
        InFlight { number, before: number.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.number.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::pin::{Pin, pin};
    use std::task::Poll;

    /// How a wait ended, or nothing while it goes on.
    async fn now<T>(mut wait: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        poll_fn(|context| {
            Poll::Ready(match wait.as_mut().poll(context) {
                Poll::Ready(ended) => Some(ended),
                Poll::Pending => None,
            })
        })
        .await
    }

    #[tokio::test]
    async fn a_gate_lets_few_in_and_has_few_wait() {
        let gate = Gate::new(2, Duration::from_secs(600));
        let inside = (gate.enter().await, gate.enter().await);
        assert!(inside.0.is_ok() && inside.1.is_ok());
        let mut waiting: Vec<_> = (0..gate.waiting_max).map(|_| Box::pin(gate.enter())).collect();
        for one in &mut waiting {
            assert!(now(one.as_mut()).await.is_none(), "it waits");
        }
        assert!(matches!(now(pin!(gate.enter())).await, Some(Err(Unavailable::Overloaded))), "one more is refused at once");
        drop(inside.0);
        let mut ended = Vec::new();
        for one in &mut waiting {
            ended.extend(now(one.as_mut()).await);
        }
        assert!(ended.len() == 1 && ended.iter().all(Result::is_ok), "one place, one who has it");
        drop((inside.1, waiting, ended));
        assert!(gate.enter().await.is_ok());
        assert_eq!(gate.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn nobody_waits_at_a_gate_for_ever() {
        let gate = Gate::new(1, Duration::from_millis(10));
        let inside = gate.enter().await;
        assert!(inside.is_ok() && matches!(gate.enter().await, Err(Unavailable::Overloaded)));
        drop(inside);
        assert!(gate.enter().await.is_ok());
    }
}
