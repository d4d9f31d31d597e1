//! How far a thread is, as a number that grows unless something was lost, and a way to wait for it.

use tokio::sync::watch;

/// A number that others wait for.
#[derive(Debug)]
pub struct Progress {
    sender: watch::Sender<Reached>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reached {
    number: u64,
    /// It will not grow any more.
    ended: bool,
}

impl Progress {
    /// Starts at a number.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Progress { sender: watch::Sender::new(Reached { number, ended: false }) }
    }
    /// The number now.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.sender.borrow().number
    }
    /// Whether it has ended.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.sender.borrow().ended
    }
    /// It is that far.
    pub fn set(&self, number: u64) {
        self.sender.send_modify(|reached| reached.number = reached.number.max(number));
    }
    /// It is that far, and no farther: what was reached may have been lost again.
    pub fn put(&self, number: u64) {
        self.sender.send_modify(|reached| reached.number = number);
    }
    /// It will not get farther.
    pub fn end(&self) {
        self.sender.send_modify(|reached| reached.ended = true);
    }
    /// Waits until it is that far; false when it ended before.
    pub async fn reached(&self, number: u64) -> bool {
        if self.sender.borrow().number >= number {
            return true;
        }
        let mut receiver = self.sender.subscribe();
        let seen = receiver.wait_for(|reached| reached.number >= number || reached.ended).await;
        seen.is_ok_and(|reached| reached.number >= number)
    }
    /// Waits until it is less far than it was.
    pub async fn falls_behind(&self, number: u64) {
        let mut receiver = self.sender.subscribe();
        let _ = receiver.wait_for(|reached| reached.number < number).await;
    }
    /// Waits until it has ended.
    pub async fn closed(&self) {
        let mut receiver = self.sender.subscribe();
        // The sender lives as long as this value, so this cannot fail before the end is told.
        let _ = receiver.wait_for(|reached| reached.ended).await;
    }
}
