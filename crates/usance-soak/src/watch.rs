//! Samples of the engine's process and files, one a second, from the kernel's own counters.

use crate::stage::Stage;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Bytes of a page of memory, as the kernel counts it.
const PAGE: u64 = 4_096;

/// How things were at one moment. Sizes are bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// Seconds since the soak began.
    pub at: f64,
    /// Which start of the process; 0 while it is away.
    pub life: u32,
    /// Memory that the process holds.
    pub resident: u64,
    /// The part of it that is its own: not the pages of files, which the system takes back when it needs them.
    pub own: u64,
    /// Its threads.
    pub threads: u64,
    /// Its open descriptors.
    pub descriptors: u64,
    /// CPU seconds that this life has spent.
    pub cpu: f64,
    /// The files, by kind.
    pub files: Files,
}

/// Sizes of files.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Files {
    /// The log.
    pub log: u64,
    /// Its write-ahead log.
    pub log_wal: u64,
    /// The read tables.
    pub read: u64,
    /// Their write-ahead log.
    pub read_wal: u64,
    /// People, with their write-ahead log.
    pub people: u64,
    /// Snapshots.
    pub snapshots: u64,
}

fn size(path: PathBuf) -> u64 {
    std::fs::metadata(path).map_or(0, |entry| entry.len())
}

fn entries(path: impl AsRef<Path>) -> impl Iterator<Item = std::fs::DirEntry> {
    std::fs::read_dir(path).into_iter().flatten().flatten()
}

impl Files {
    fn of(data: &Path) -> Files {
        Files {
            log: size(data.join("log.sqlite")),
            log_wal: size(data.join("log.sqlite-wal")),
            read: size(data.join("read.sqlite")),
            read_wal: size(data.join("read.sqlite-wal")),
            people: size(data.join("people.sqlite")) + size(data.join("people.sqlite-wal")),
            snapshots: entries(data.join("snapshots")).map(|entry| size(entry.path())).sum(),
        }
    }

    /// The write-ahead logs of the log and of the read tables together.
    #[must_use]
    pub const fn write_ahead(&self) -> u64 {
        self.log_wal + self.read_wal
    }
}

/// Looks once.
fn look(stage: &Stage, data: &Path) -> Sample {
    let mut sample = Sample { at: stage.begun.elapsed().as_secs_f64(), files: Files::of(data), ..Sample::default() };
    let process = stage.process.load(Ordering::Relaxed);
    let statm = std::fs::read_to_string(format!("/proc/{process}/statm")).unwrap_or_default();
    // Where the process has gone meanwhile, the sample is one of its absence.
    let mut pages = statm.split_whitespace().skip(1).map_while(|pages| pages.parse::<u64>().ok());
    let (Some(resident), Some(shared)) = (pages.next(), pages.next()) else { return sample };
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields: Vec<u64> =
        stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
    let at = |place: usize| fields.get(place).copied().unwrap_or(0);
    sample.life = stage.address().life;
    (sample.resident, sample.own) = (resident * PAGE, resident.saturating_sub(shared) * PAGE);
    sample.cpu = (at(11) + at(12)) as f64 / 100.0;
    sample.threads = at(17);
    sample.descriptors = entries(format!("/proc/{process}/fd")).count() as u64;
    sample
}

/// Looks every second until told to stop.
pub fn watch(stage: &Stage, data: &Path, is_done: &AtomicBool) -> Vec<Sample> {
    let mut samples = Vec::new();
    while !is_done.load(Ordering::Relaxed) {
        samples.push(look(stage, data));
        std::thread::sleep(Duration::from_secs(1));
    }
    samples
}
