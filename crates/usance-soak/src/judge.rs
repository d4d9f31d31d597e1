//! Whether memory, descriptors or threads grow without bound.
//!
//! The state lives in memory, so memory grows with what is stored: a position is about 200 bytes, a remembered key and a reference
//! about as much again. So growth is held against writes, not against zero. A life is measured at its end (the middle of its last
//! samples); the last quarter of the lives is held against the first, of which the very first is left out. Within a life, growth
//! is held against the requests of that life, which is where a leak of the process itself would show: a kill would hide it. The
//! bounds are wide, because SQLite keeps pages of growing files (up to about 110 MiB over all connections) and allocators keep what
//! they were given: a leak of kilobytes a request is found, one of some bytes is not. The allocator keeps a heap for each thread, and
//! a busy machine has more threads that read at once, so memory is allowed for each thread that was gained; threads have a bound of
//! their own.
//!
//! Descriptors and threads grow with nothing: this soak's connections, the files and the engine's pools are all there is. Every life
//! is a new process, so what leaks in one is the same at the end of all; they are held against the beginning of their own life.

use crate::watch::Sample;
use std::collections::BTreeMap;

/// Bytes of memory that a write may cost for good.
const PER_WRITE: u64 = 1_024;
/// Bytes of memory that a request may cost within one life.
const PER_REQUEST: u64 = 4_096;
/// Bytes that the allocator keeps for a thread that reads: eight customers who read long statements gained 24 threads and 7 to 8 MiB
/// with each, most of which it gave back when those threads ended.
const PER_THREAD: u64 = 8 << 20;
/// Bytes that buffers, caches and the allocator may hold on to.
const SLACK: u64 = 96 << 20;
/// Descriptors that the last lives may have more than the first.
const DESCRIPTORS_MORE: u64 = 24;
/// Descriptors that a life may gain: the engine opens what its pools read from when it is first asked for, sixteen readers with two
/// files each, and customers connect again.
const DESCRIPTORS_WITHIN: u64 = 64;
/// Threads that a life may gain: the engine has 32 at most that wait for files, each started when it is needed.
const THREADS_WITHIN: u64 = 40;
/// Samples at the beginning and at the end of a life that are looked at.
const EDGE_SAMPLES: usize = 5;
/// Lives, the first one not counted, from which on growth can be judged.
const LIVES_MIN: usize = 4;

/// A life, as far as it was sampled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// The process's own memory at its beginning.
    pub own_first: u64,
    /// The process's own memory at its end.
    pub own_last: u64,
    /// Open descriptors at its beginning.
    pub descriptors_first: u64,
    /// Open descriptors at its end.
    pub descriptors_last: u64,
    /// Threads at its beginning.
    pub threads_first: u64,
    /// Threads at its end.
    pub threads_last: u64,
}

/// What was found about growth.
#[derive(Clone, Debug, Default)]
pub struct Growth {
    /// What was compared, as sentences.
    pub said: Vec<String>,
    /// What is wrong.
    pub wrong: Vec<String>,
    /// Whether there were enough lives to tell.
    pub is_judged: bool,
}

fn middle(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

/// The lives that were long enough to be sampled at their beginning and at their end.
#[must_use]
pub fn lives(samples: &[Sample]) -> Vec<Life> {
    let mut by_life: BTreeMap<u32, Vec<&Sample>> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| sample.life > 0) {
        by_life.entry(sample.life).or_default().push(sample);
    }
    let long = by_life.into_values().filter(|samples| samples.len() > 2 * EDGE_SAMPLES);
    long.map(|samples| {
        let first: Vec<_> = samples.iter().copied().take(EDGE_SAMPLES).collect();
        let last: Vec<_> = samples.iter().copied().rev().take(EDGE_SAMPLES).collect();
        let of = |edge: &[&Sample], value: fn(&Sample) -> u64| middle(edge.iter().map(|sample| value(sample)).collect());
        Life {
            own_first: of(&first, |sample| sample.own),
            own_last: of(&last, |sample| sample.own),
            descriptors_first: of(&first, |sample| sample.descriptors),
            descriptors_last: of(&last, |sample| sample.descriptors),
            threads_first: of(&first, |sample| sample.threads),
            threads_last: of(&last, |sample| sample.threads),
        }
    })
    .collect()
}

/// A value in the middle of some lives.
fn over(lives: &[Life], of: fn(&Life) -> u64) -> u64 {
    middle(lives.iter().map(of).collect())
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

impl Growth {
    fn say(&mut self, sentence: String, holds: bool) {
        if !holds {
            self.wrong.push(sentence.clone());
        }
        self.said.push(sentence);
    }

    /// Bytes that were gained.
    fn hold(&mut self, what: &str, seen: u64, allowed: u64) {
        self.say(format!("{what}: {:.1} MiB, allowed {:.1} MiB.", mib(seen), mib(allowed)), seen <= allowed);
    }

    /// Things that were counted.
    fn count(&mut self, what: &str, before: u64, more: u64, allowed: u64) {
        self.say(format!("{what}: {before} first, {more} more in the end, allowed {allowed} more."), more <= allowed);
    }
}

/// Judges lives that together took so many writes and requests.
#[must_use]
pub fn judge(lives: &[Life], writes: u64, requests: u64) -> Growth {
    let mut growth = Growth::default();
    let counted = lives.get(1..).unwrap_or_default();
    if counted.len() < LIVES_MIN {
        growth.said.push(format!("Growth is not judged: {} lives were long enough, {} are needed.", lives.len(), LIVES_MIN + 1));
        return growth;
    }
    growth.is_judged = true;
    let quarter = counted.len().div_ceil(4);
    let (first, last) = (counted.get(..quarter).unwrap_or_default(), counted.get(counted.len() - quarter..).unwrap_or_default());
    let (before, after) = (over(first, |life| life.own_last), over(last, |life| life.own_last));
    let threads = over(last, |life| life.threads_last).saturating_sub(over(first, |life| life.threads_last));
    growth.hold(
        &format!(
            "Own memory at the end of a life, last quarter of the lives ({:.1} MiB) over the first ({:.1} MiB)",
            mib(after),
            mib(before)
        ),
        after.saturating_sub(before),
        SLACK + PER_WRITE * writes + PER_THREAD * threads,
    );
    let within = over(counted, |life| life.own_last.saturating_sub(life.own_first));
    let each = requests / u64::try_from(lives.len()).unwrap_or(1).max(1);
    let threads = over(counted, |life| life.threads_last.saturating_sub(life.threads_first));
    let allowed = SLACK / 2 + PER_REQUEST * each + PER_THREAD * threads;
    growth.hold("Own memory gained within a life, in the middle", within, allowed);
    let (before, after) = (over(first, |life| life.descriptors_last), over(last, |life| life.descriptors_last));
    let what = "Open descriptors at the end of a life, first and last quarter of the lives";
    growth.count(what, before, after.saturating_sub(before), DESCRIPTORS_MORE);
    let (before, more) =
        (over(counted, |life| life.descriptors_first), over(counted, |life| life.descriptors_last.saturating_sub(life.descriptors_first)));
    growth.count("Open descriptors within a life, in the middle", before, more, DESCRIPTORS_WITHIN);
    let (before, more) =
        (over(counted, |life| life.threads_first), over(counted, |life| life.threads_last.saturating_sub(life.threads_first)));
    growth.count("Threads within a life, in the middle", before, more, THREADS_WITHIN);
    growth
}

#[cfg(test)]
mod tests {
    use super::{Life, judge, lives};
    use crate::watch::Sample;

    fn grown(by: u64, within: u64, descriptors: u64) -> Vec<Life> {
        let life = |number: u64| {
            let (first, descriptors) = ((100 << 20) + number * by, 60 + number * descriptors);
            let (descriptors_first, descriptors_last) = (descriptors, descriptors);
            Life { own_first: first, own_last: first + within, descriptors_first, descriptors_last, threads_first: 12, threads_last: 12 }
        };
        (0..20).map(life).collect()
    }

    /// What is wrong with twenty lives, all of which gain the same, second by second, and give it back at their end.
    fn leaking(descriptors: u64, threads: u64) -> Vec<String> {
        let sample = |life: u32, second: u64| Sample {
            life,
            own: 100 << 20,
            descriptors: 60 + second * descriptors,
            threads: 12 + second * threads,
            ..Sample::default()
        };
        let samples: Vec<_> = (1..=20).flat_map(|life| (0..30).map(move |second| sample(life, second))).collect();
        judge(&lives(&samples), 20_000, 60_000).wrong
    }

    #[test]
    fn growth_with_the_state_passes_and_growth_without_bound_does_not() {
        assert!(judge(&grown(1 << 20, 4 << 20, 0), 20_000, 60_000).wrong.is_empty());
        assert_eq!(judge(&grown(20 << 20, 4 << 20, 0), 20_000, 60_000).wrong.len(), 1, "from life to life");
        assert_eq!(judge(&grown(0, 120 << 20, 0), 20_000, 60_000).wrong.len(), 1, "within a life");
        assert_eq!(judge(&grown(0, 0, 3), 20_000, 60_000).wrong.len(), 1, "descriptors from life to life");
    }

    #[test]
    fn threads_that_were_gained_have_memory_of_their_own_and_no_more() {
        let with = |threads: u64, own: u64| -> Vec<Life> {
            let life = |number: u64| Life {
                own_first: 100 << 20,
                own_last: (100 << 20) + if number < 10 { 0 } else { own },
                descriptors_first: 60,
                descriptors_last: 60,
                threads_first: 12,
                threads_last: if number < 10 { 12 } else { 12 + threads },
            };
            (0..20).map(life).collect()
        };
        assert!(!judge(&with(0, 160 << 20), 20_000, 60_000).wrong.is_empty(), "memory without threads");
        assert!(judge(&with(20, 160 << 20), 20_000, 60_000).wrong.is_empty(), "memory with threads");
        assert!(!judge(&with(20, 300 << 20), 20_000, 60_000).wrong.is_empty(), "more than the threads explain");
    }

    #[test]
    fn a_leak_that_every_life_repeats_is_noticed() {
        assert_eq!(leaking(1, 1), Vec::<String>::new(), "pools that fill");
        for (wrong, words) in [(leaking(4, 0), "descriptors within a life"), (leaking(0, 4), "Threads within a life")] {
            assert!(wrong.len() == 1 && wrong[0].contains(words), "{words}: {wrong:?}");
        }
    }

    #[test]
    fn a_life_is_measured_at_its_beginning_and_its_end() {
        let sample = |at: u64, life: u32| Sample { life, own: at, descriptors: 100 + at, threads: 200 + at, ..Sample::default() };
        let mut samples: Vec<_> = (0..20).map(|at| sample(at, 1)).collect();
        samples.extend((0..4).map(|at| sample(at, 2)));
        samples.push(sample(0, 0));
        let life =
            Life { own_first: 2, own_last: 17, descriptors_first: 102, descriptors_last: 117, threads_first: 202, threads_last: 217 };
        assert_eq!(lives(&samples), [life], "a short life is left out");
    }
}
