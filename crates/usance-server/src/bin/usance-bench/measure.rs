//! Wall time, CPU time and memory of this process, from the kernel's own counters.

use std::time::{Duration, Instant};

/// Measures from its start.
pub struct Meter {
    wall: Instant,
    cpu: Duration,
}

/// What a stretch took.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    pub wall: Duration,
    /// CPU of all threads of this process.
    pub cpu: Duration,
}

impl Meter {
    pub fn start() -> Meter {
        Meter { wall: Instant::now(), cpu: cpu_of("self") }
    }
    pub fn stop(&self) -> Spent {
        Spent { wall: self.wall.elapsed(), cpu: cpu_of("self").saturating_sub(self.cpu) }
    }
}

impl Spent {
    pub fn each(&self, operations: u64) -> (f64, f64) {
        let per = |time: Duration| time.as_secs_f64() * 1e6 / operations as f64;
        (per(self.wall), per(self.cpu))
    }
}

/// CPU time of a process, all threads, ended ones included; the kernel counts it in hundredths of a second.
pub fn cpu_of(process: &str) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name in parentheses may hold blanks; utime and stime are the 12th and 13th field after it.
    let after = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = after.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Bytes of memory this process holds.
pub fn resident() -> u64 {
    resident_of("self")
}

/// Bytes of memory a process holds.
pub fn resident_of(process: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/statm")).unwrap_or_default();
    text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

/// The same in MiB.
pub fn resident_mib(process: u32) -> f64 {
    resident_of(&process.to_string()) as f64 / f64::from(1 << 20)
}

/// The machine's load, as the kernel says it.
pub fn load_average() -> String {
    std::fs::read_to_string("/proc/loadavg").unwrap_or_default().split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}
