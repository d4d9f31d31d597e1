//! A platform under load through many interruptions: what was asked, what was answered, and what it must hold.
//!
//! The seed is printed first and can be given as USANCE_TEST_SEED.

use super::harness::Server;
use super::load::{Done, Harvest, Known, Load, Model, now_ms};
use std::sync::Arc;
use usance_workload::SplitMix64;

/// Threads of one load.
const THREADS: usize = 4;

/// What is sent and when it is interrupted, from a seed that is printed.
pub fn dice() -> SplitMix64 {
    let given = std::env::var("USANCE_TEST_SEED").ok().map(|text| text.parse().expect("USANCE_TEST_SEED is a number"));
    let seed = given.unwrap_or_else(|| std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_nanos() as u64);
    println!("USANCE_TEST_SEED={seed}");
    SplitMix64::new(seed)
}

/// A platform, what was asked of it, and what it must hold.
pub struct Story {
    pub known: Arc<Known>,
    pub model: Model,
    pub done: Vec<Done>,
    pub last: Harvest,
    /// Of the commands that got no answer, how many had been done.
    pub survived: usize,
    /// And how many had not.
    pub lost: usize,
    pub replayed: usize,
}

impl Story {
    pub fn new() -> Story {
        Story {
            known: Arc::default(),
            model: Model::default(),
            done: Vec::new(),
            last: Harvest::default(),
            survived: 0,
            lost: 0,
            replayed: 0,
        }
    }

    /// Everybody asks again what got no answer, with the same key; then what was answered is asked again.
    pub fn settle(&mut self, server: &Server, dice: &mut SplitMix64, sample: usize) {
        let client = server.operator();
        let mut last = std::mem::take(&mut self.last);
        for sent in last.unanswered {
            let answer = sent.send(&client).unwrap_or_else(|error| panic!("{sent:?}: {error}"));
            assert_ne!(answer.status, 503, "{}", answer.text());
            let before = answer.header("idempotency-replayed").is_some();
            *(if before { &mut self.survived } else { &mut self.lost }) += 1;
            last.done.push(Done { sent, status: answer.status, body: answer.bytes });
        }
        last.done.iter().for_each(|done| self.known.note(done));
        self.model.book_all(&last.done);
        let now = now_ms(&client);
        let older = (0..sample).filter_map(|_| self.done.get(dice.below(self.done.len() as u64) as usize));
        for done in last.done.iter().chain(older).filter(|done| done.is_kept(now)) {
            done.expect_again(&client);
            self.replayed += 1;
        }
        self.done.extend(last.done);
    }

    pub fn load(&self, server: &Server, dice: &mut SplitMix64) -> Load {
        Load::start(server, &self.known, dice, THREADS)
    }
}
