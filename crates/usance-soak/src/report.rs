//! What a soak says in the end: twelve windows, every kind of request, restarts, what was compared, growth, and the verdict.
//!
//! The same lines go to the terminal and, as Markdown, to `report.md`; the figures of a shared machine are its own.

use crate::course::{End, Outcome, Plan};
use crate::judge::Growth;
use crate::stage::Stage;
use crate::tally::{Kind, Spread, Tally};
use crate::watch::Sample;
use std::fmt::Write;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Rows of the table, columns of the plot in the terminal.
const WINDOWS: u32 = 12;
/// Heights of a bar in the terminal.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Where it ran, and how.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The binary and where its data lay.
    pub what: String,
    /// The machine's load average before and after.
    pub load_average: [String; 2],
}

/// The machine's load, as the kernel says it.
#[must_use]
pub fn load_average() -> String {
    std::fs::read_to_string("/proc/loadavg").unwrap_or_default().split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// One stretch of the load.
struct Window {
    from: Duration,
    until: Duration,
    writes: Spread,
    reads: Spread,
    restarts: usize,
    gap: Duration,
    /// The most of each that was seen.
    most: Sample,
    /// The most that the write-ahead logs of the log and of the read tables were together.
    write_ahead: u64,
}

impl Window {
    fn all(outcome: &Outcome) -> Vec<Window> {
        (0..WINDOWS).map(|number| Window::of(outcome, outcome.load * number / WINDOWS, outcome.load * (number + 1) / WINDOWS)).collect()
    }

    fn of(outcome: &Outcome, from: Duration, until: Duration) -> Window {
        let restarts: Vec<_> = outcome.restarts.iter().filter(|restart| (from..until).contains(&restart.at)).collect();
        let within = |sample: &&Sample| (from.as_secs_f64()..until.as_secs_f64()).contains(&sample.at);
        let (mut most, mut write_ahead) = (Sample::default(), 0);
        for sample in outcome.samples.iter().filter(within) {
            most.resident = most.resident.max(sample.resident);
            most.own = most.own.max(sample.own);
            most.threads = most.threads.max(sample.threads);
            most.descriptors = most.descriptors.max(sample.descriptors);
            most.files.log = most.files.log.max(sample.files.log);
            write_ahead = write_ahead.max(sample.files.write_ahead());
            most.files.read = most.files.read.max(sample.files.read);
            most.files.snapshots = most.files.snapshots.max(sample.files.snapshots);
        }
        Window {
            from,
            until,
            writes: outcome.tally.spread(from, until, Kind::is_write),
            reads: outcome.tally.spread(from, until, Kind::is_read),
            restarts: restarts.len(),
            gap: restarts.iter().map(|restart| restart.gap).max().unwrap_or_default(),
            most,
            write_ahead,
        }
    }

    fn a_second(&self, count: usize) -> f64 {
        count as f64 / (self.until - self.from).as_secs_f64().max(1e-9)
    }
}

fn ms(micros: u32) -> String {
    format!("{:.1}", f64::from(micros) / 1e3)
}

fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}

fn clock(at: Duration) -> String {
    format!("{}:{:02}", at.as_secs() / 60, at.as_secs() % 60)
}

/// A table in Markdown whose columns stand under each other in a terminal, too.
fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|word| word.chars().count())).max().unwrap_or(0)
    };
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells.iter().enumerate().map(|(column, cell)| format!("{cell:>0$}", width(column))).collect();
        format!("| {} |\n", padded.join(" | "))
    };
    let mut text = line(head.to_vec());
    let rule: Vec<String> = (0..head.len()).map(|column| format!("{}:", "-".repeat(width(column).max(2) - 1))).collect();
    text += &line(rule.iter().map(String::as_str).collect());
    rows.iter().for_each(|row| text += &line(row.iter().map(String::as_str).collect()));
    text
}

/// Bars in one line, the highest for the greatest value.
fn bars(values: &[f64]) -> String {
    let most = values.iter().copied().fold(0.0, f64::max);
    let bar = |value: &f64| {
        let height = if most > 0.0 { (value / most * 7.0).round() as usize } else { 0 };
        BARS.get(height).copied().unwrap_or(' ')
    };
    values.iter().map(bar).collect()
}

/// The report as Markdown.
#[must_use]
pub fn text(setting: &Setting, plan: Plan, stage: &Stage, outcome: &Outcome, growth: &Growth) -> String {
    let mut text = String::new();
    let (count, findings) = stage.findings();
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(text, "# Soak: {}\n", if count == 0 { "nothing wrong was found" } else { "FAILED" });
    let [before, after] = &setting.load_average;
    let _ = writeln!(
        text,
        "{}. Seed {}. {} of load, {} requests a second offered by {} threads for {} customers, a kill every {} s. The machine has {} cores, \
         the generator runs on them, too; load average {before} before and {after} after.\n",
        setting.what,
        plan.seed,
        clock(outcome.load),
        plan.rate,
        plan.threads,
        plan.threads * plan.customers,
        plan.kill_every.as_secs(),
        std::thread::available_parallelism().map_or(0, usize::from),
    );
    if count > 0 {
        let _ = writeln!(text, "## Found\n");
        for finding in findings {
            let _ = writeln!(text, "- {finding}");
        }
        let _ = writeln!(text, "\n{count} in all.\n");
    }
    windows(&mut text, outcome);
    kinds(&mut text, outcome);
    restarts(&mut text, stage, outcome);
    compared(&mut text, outcome);
    let _ = writeln!(text, "## Growth\n");
    for said in &growth.said {
        let _ = writeln!(text, "- {said}");
    }
    text
}

fn windows(text: &mut String, outcome: &Outcome) {
    const HEAD: [&str; 12] =
        ["from", "writes/s", "reads/s", "write ms p50", "p99", "max", "read ms p50", "p99", "max", "restarts", "longest gap s", "threads"];
    const SIZES: [&str; 9] =
        ["from", "memory MiB", "own MiB", "descriptors", "CPU s/s", "log MiB", "both WAL MiB", "read tables MiB", "snapshots MiB"];
    let windows = Window::all(outcome);
    let rows = windows.iter().map(|window| {
        let mut row = vec![
            clock(window.from),
            format!("{:.0}", window.a_second(window.writes.count)),
            format!("{:.0}", window.a_second(window.reads.count)),
        ];
        row.extend([window.writes, window.reads].iter().flat_map(|spread| [ms(spread.p50), ms(spread.p99), ms(spread.max)]));
        row.extend([window.restarts.to_string(), format!("{:.2}", window.gap.as_secs_f64()), window.most.threads.to_string()]);
        row
    });
    let _ = writeln!(text, "## Over time\n\n{}", table(&HEAD, &rows.collect::<Vec<_>>()));
    let rows: Vec<_> = windows
        .iter()
        .map(|window| {
            let files = window.most.files;
            let mut row = vec![clock(window.from), mib(window.most.resident), mib(window.most.own), window.most.descriptors.to_string()];
            row.push(format!("{:.2}", cpu(outcome, window) / (window.until - window.from).as_secs_f64().max(1e-9)));
            row.extend([files.log, window.write_ahead, files.read, files.snapshots].map(mib));
            row
        })
        .collect();
    let _ = writeln!(text, "{}", table(&SIZES, &rows));
    let _ = writeln!(
        text,
        "Memory, threads, descriptors and files are the most that was seen in the stretch; its own memory is that without pages of files. Files of a database server are not seen.\n\n```text"
    );
    let mut line = |what: &str, of: &dyn Fn(&Window) -> f64| {
        let values: Vec<f64> = windows.iter().map(of).collect();
        let most = values.iter().copied().fold(0.0, f64::max);
        let _ = writeln!(text, "{what:>24} {} up to {most:.1}", bars(&values));
    };
    line("writes a second", &|window| window.a_second(window.writes.count));
    line("writes, p99 ms", &|window| f64::from(window.writes.p99) / 1e3);
    line("reads, p99 ms", &|window| f64::from(window.reads.p99) / 1e3);
    line("longest gap, s", &|window| window.gap.as_secs_f64());
    line("memory, MiB", &|window| window.most.resident as f64 / f64::from(1 << 20));
    line("log, MiB", &|window| window.most.files.log as f64 / f64::from(1 << 20));
    let _ = writeln!(text, "```\n");
}

/// CPU seconds that the engine spent in a window, life by life.
fn cpu(outcome: &Outcome, window: &Window) -> f64 {
    let pairs = outcome.samples.iter().zip(outcome.samples.iter().skip(1));
    let within = pairs.filter(|(_, later)| (window.from.as_secs_f64()..window.until.as_secs_f64()).contains(&later.at) && later.life > 0);
    within.map(|(sooner, later)| if sooner.life == later.life { later.cpu - sooner.cpu } else { later.cpu }).sum()
}

fn kinds(text: &mut String, outcome: &Outcome) {
    let rows: Vec<_> = Kind::ALL
        .iter()
        .map(|kind| {
            let spread = outcome.tally.spread(Duration::ZERO, Duration::MAX, |other| other == *kind);
            let a_second = spread.count as f64 / outcome.load.as_secs_f64().max(1e-9);
            vec![kind.word().to_owned(), spread.count.to_string(), format!("{a_second:.1}"), ms(spread.p50), ms(spread.p99), ms(spread.max)]
        })
        .collect();
    let _ = writeln!(text, "## Requests\n\n{}", table(&["", "answered", "a second", "p50 ms", "p99 ms", "max ms"], &rows));
    let refused: Vec<_> = outcome.tally.refused.iter().map(|(code, count)| format!("{code} {count}")).collect();
    let _ = writeln!(
        text,
        "Latency counts from the moment at which a request was due; restarts are shown apart. Refused by a rule: {}.\n",
        refused.join(", ")
    );
}

fn restarts(text: &mut String, stage: &Stage, outcome: &Outcome) {
    let row = |name: &str, end: End| {
        let gaps = |of: fn(&crate::course::Restart) -> Duration| {
            let chosen = outcome.restarts.iter().filter(|restart| restart.end == end);
            Spread::of(chosen.map(|restart| u32::try_from(of(restart).as_micros()).unwrap_or(u32::MAX)).collect())
        };
        let (gap, start) = (gaps(|restart| restart.gap), gaps(|restart| restart.start));
        vec![name.to_owned(), gap.count.to_string(), ms(gap.p50), ms(gap.max), ms(start.p50), ms(start.max)]
    };
    let rows = [row("kill -9", End::Killed), row("kill -9, the next start too", End::KilledTwice), row("SIGTERM", End::Terminated)];
    let head = ["", "how often", "gap ms, middle", "longest", "start ms, middle", "longest"];
    let _ = writeln!(text, "## Restarts\n\n{}", table(&head, &rows));
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let _ = writeln!(
        text,
        "A gap is from the signal to ready. Answers lost: {}; of the writes among them {} had been done and {} were done when they were sent \
         again. 503 while stopping or starting: {}. Due while the engine was away or a thread waited for \
         more than a second, and not made up for: {}.\n",
        count(&stage.lost),
        count(&stage.done_before),
        count(&stage.done_now),
        count(&stage.not_ready),
        outcome.tally.skipped
    );
}

fn compared(text: &mut String, outcome: &Outcome) {
    let Tally { keys_compared, doubled, customers_compared, lines_compared, .. } = &outcome.tally;
    let _ = writeln!(text, "## Compared\n");
    let mut line = |sentence: String| {
        let _ = writeln!(text, "- {sentence}");
    };
    line(format!(
        "{customers_compared} times a customer against what it was told: balances, positions, {lines_compared} lines of statements, references."
    ));
    line(format!(
        "{keys_compared} earlier writes sent again with their key: the same bytes. {doubled} writes sent twice at once: done once."
    ));
    line(format!("{} subscriptions heard as events, over {} connections.", outcome.events, outcome.streams));
    line(format!("{} copies made under load, each verified.", outcome.copies));
    line(format!(
        "In the end custody, what is staked per product, the audit, and `usance verify` over {} batches, {} positions and {} days.\n",
        outcome.batches, outcome.positions, outcome.days
    ));
}

#[cfg(test)]
mod tests {
    use super::{Window, bars, table};
    use crate::course::Outcome;
    use crate::watch::{Files, Sample};
    use std::time::Duration;

    #[test]
    fn tables_and_bars_are_readable_as_they_are() {
        let rows = vec![vec!["0:00".to_owned(), "1".to_owned()], vec!["12:30".to_owned(), "1234".to_owned()]];
        assert_eq!(table(&["from", "a"], &rows), "|  from |    a |\n| ----: | ---: |\n|  0:00 |    1 |\n| 12:30 | 1234 |\n");
        assert_eq!(bars(&[0.0, 1.0, 2.0]), "▁▅█");
    }

    #[test]
    fn the_write_ahead_logs_are_shown_at_the_moment_at_which_both_together_were_largest() {
        let sample = |at: f64, log_wal: u64, read_wal: u64| Sample {
            at,
            files: Files { log_wal, read_wal, ..Files::default() },
            ..Sample::default()
        };
        let samples = vec![sample(1.0, 9, 1), sample(2.0, 6, 6), sample(3.0, 1, 10), sample(11.0, 50, 50)];
        let outcome = Outcome { samples, ..Outcome::default() };
        let window = Window::of(&outcome, Duration::ZERO, Duration::from_secs(10));
        assert_eq!(window.write_ahead, 12);
    }
}
