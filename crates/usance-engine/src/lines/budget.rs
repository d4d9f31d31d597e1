//! How much of the past one request may read.
//!
//! A budget is counted in days of positions: what a day of one position costs, or a row of the read tables as some of them. Whoever
//! has used it up stops where it stands and says where to go on. What is spent is spent in small pieces: between two of them other
//! tasks have their turn, and a request whose client has gone is dropped there, with all that it holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What one request may read, in days of positions.
pub const DAYS_MAX: u64 = 65_536;
/// What a row of the read tables, or a question that finds none, costs as much as.
pub const ROW_DAYS: u64 = 16;
/// After so many other tasks have their turn.
const PIECE_DAYS: u64 = 4_096;

tokio::task_local! {
    /// The budget of the request that this task answers.
    static OF_REQUEST: Budget;
}

/// What may be read, and what was.
#[derive(Clone, Debug, Default)]
pub struct Budget(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    spent: AtomicU64,
    is_lifted: AtomicBool,
}

impl Budget {
    /// The budget of the request that this task answers; one of its own for who answers none.
    #[must_use]
    pub fn of_request() -> Budget {
        OF_REQUEST.try_with(Clone::clone).unwrap_or_default()
    }

    /// Answers a request within this budget: whatever it reads of the past is spent from it.
    pub async fn within<T>(self, work: impl Future<Output = T>) -> T {
        OF_REQUEST.scope(self, work).await
    }

    /// Spends so much of it; others have their turn now and then.
    pub async fn spend(&self, days: u64) {
        let before = self.0.spent.fetch_add(days, Ordering::Relaxed);
        if before / PIECE_DAYS != before.saturating_add(days) / PIECE_DAYS {
            tokio::task::yield_now().await;
        }
    }

    /// Whether nothing is left of it.
    #[must_use]
    pub fn is_used_up(&self) -> bool {
        self.spent() >= DAYS_MAX && !self.0.is_lifted.load(Ordering::Relaxed)
    }

    /// All that was spent.
    #[must_use]
    pub fn spent(&self) -> u64 {
        self.0.spent.load(Ordering::Relaxed)
    }

    /// Takes its limit away, for who goes on by itself: a page of the app, a file. What is spent is still counted, in small pieces.
    pub fn lift(&self) {
        self.0.is_lifted.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::task::Poll;

    #[tokio::test]
    async fn a_budget_is_used_up_or_lifted_and_all_of_it_is_counted() {
        let budget = Budget::default();
        budget.spend(DAYS_MAX - 1).await;
        assert!(!budget.is_used_up());
        budget.clone().within(async { Budget::of_request().spend(1).await }).await;
        assert!(budget.is_used_up());
        budget.lift();
        budget.spend(DAYS_MAX).await;
        assert!(!budget.is_used_up());
        assert_eq!(budget.spent(), 2 * DAYS_MAX);
        assert_eq!(Budget::of_request().spent(), 0, "who answers no request has one of its own");
    }

    #[tokio::test]
    async fn others_have_their_turn_after_each_piece() {
        let budget = Budget::default();
        let mut long = Box::pin(async {
            for _ in 0..10 * PIECE_DAYS {
                budget.spend(1).await;
            }
        });
        let mut turns = 0;
        while poll_fn(|context| Poll::Ready(long.as_mut().poll(context).is_pending())).await {
            turns += 1;
        }
        assert_eq!(turns, 10);
        // Whoever is dropped between two pieces spends nothing more.
        drop(long);
        assert_eq!(budget.spent(), 10 * PIECE_DAYS);
    }
}
