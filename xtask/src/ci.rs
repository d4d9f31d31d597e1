//! What CI runs, as data: two parts, each a list of steps with a name, and the table of what they took.
//!
//! The quick part is for every change; it stops at the first step that fails. The long part attacks what was built. Its steps
//! run in two rows beside each other, because a load waits more than it computes; each is a process of its own, whose words go
//! to a file under `target/ci` and are shown when it ends, and each is run, whatever becomes of the others. `--only` runs one
//! step of either part by its name. What a part took is kept under `target/ci`, so that one table can show both.

use super::places::{FUZZ, cargo, cargo_command, target};
use super::{deny, packages, planted, schemathesis, tidy};
use anyhow::{Context, bail};
use std::fmt::Write;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// How many tests run at a time, as the test runner knows it.
const TEST_THREADS: &str = "RUST_TEST_THREADS";

/// Something that CI runs. Its name is what is typed and what stands in the table.
struct Step {
    name: &'static str,
    run: fn(&Path) -> anyhow::Result<()>,
}

/// For every change; one after the other.
const QUICK: [Step; 7] = [
    Step { name: "packages", run: |_| packages::ensure() },
    Step { name: "format", run: format },
    Step { name: "tidy", run: tidy::check },
    Step { name: "clippy", run: |root| cargo(root, &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]) },
    Step { name: "build", run: build },
    Step { name: "test", run: test },
    Step { name: "docs", run: |root| cargo(root, &["doc", "--workspace", "--no-deps", "--locked"]) },
];

/// The long part, in rows that run beside each other.
const LONG: [&[Step]; 2] = [
    &[Step { name: "soak", run: soak }, Step { name: "schemathesis", run: schemathesis }, Step { name: "attack", run: attack }],
    &[
        Step { name: "third-kind", run: third_kind },
        Step { name: "fuzz", run: fuzz },
        Step { name: "deny", run: deny::check },
        Step { name: "planted", run: |root| planted::sample(root, 8) },
        Step { name: "patroni", run: patroni },
    ],
];

/// The two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Format, house rules, lints, every test, documents.
    Quick,
    /// What takes long, or needs what only CI installs.
    Long,
}

impl Part {
    const ALL: [Part; 2] = [Part::Quick, Part::Long];

    const fn name(self) -> &'static str {
        match self {
            Part::Quick => "quick",
            Part::Long => "long",
        }
    }

    fn rows(self) -> Vec<&'static [Step]> {
        match self {
            Part::Quick => vec![&QUICK],
            Part::Long => LONG.to_vec(),
        }
    }

    fn steps(self) -> impl Iterator<Item = &'static Step> {
        self.rows().into_iter().flatten()
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Well,
    Badly,
    /// One before it failed.
    Never,
}

impl Ended {
    const ALL: [(Ended, &'static str); 3] = [(Ended::Well, "ok"), (Ended::Badly, "FAILED"), (Ended::Never, "not run")];

    fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(ended, _)| *ended == self).map_or("", |(_, word)| word)
    }
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    name: String,
    ended: Ended,
    seconds: u64,
}

/// What became of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Times {
    /// From its beginning to its end: steps beside each other take less than their sum.
    seconds: u64,
    outcomes: Vec<Outcome>,
}

/// Runs a part to its end and says what it took.
///
/// # Errors
/// When a step fails; the table names it.
pub fn run(root: &Path, part: Part) -> anyhow::Result<()> {
    let begun = Instant::now();
    let outcomes = match part {
        Part::Quick => in_turn(root, &QUICK),
        Part::Long => {
            packages::ensure()?;
            packages::ensure_cluster()?;
            beside_each_other(root, &LONG)?
        }
    };
    let times = Times { seconds: begun.elapsed().as_secs(), outcomes };
    fs::create_dir_all(folder(root))?;
    fs::write(kept(root, part), to_text(&times))?;
    print!("{}", table(&[(part, times.clone())]));
    let failed: Vec<&str> = times.outcomes.iter().filter(|one| one.ended == Ended::Badly).map(|one| one.name.as_str()).collect();
    if failed.is_empty() { Ok(()) } else { bail!("the {} part failed: {}", part.name(), failed.join(" and ")) }
}

/// Runs one step by its name.
///
/// # Errors
/// When it fails, or when no step is called that: the text says what they are called.
pub fn run_only(root: &Path, name: &str) -> anyhow::Result<()> {
    let step = Part::ALL.into_iter().flat_map(Part::steps).find(|step| step.name == name);
    let Some(step) = step else { bail!(unknown(name)) };
    (step.run)(root)
}

/// Prints one table of what both parts took when they were last run.
///
/// # Errors
/// When neither was run here.
pub fn times(root: &Path) -> anyhow::Result<()> {
    let known = Part::ALL.into_iter().filter_map(|part| Some((part, from_text(&fs::read_to_string(kept(root, part)).ok()?)?)));
    let known: Vec<_> = known.collect();
    if known.is_empty() {
        bail!("neither `cargo xtask ci` nor `cargo xtask ci --long` was run to its end here");
    }
    print!("{}", table(&known));
    Ok(())
}

fn unknown(name: &str) -> String {
    let names = |part: Part| part.steps().map(|step| step.name).collect::<Vec<_>>().join(", ");
    format!("no step is called {name:?}; the quick part has {}; the long part has {}", names(Part::Quick), names(Part::Long))
}

fn folder(root: &Path) -> PathBuf {
    target(root).join("ci")
}

fn kept(root: &Path, part: Part) -> PathBuf {
    folder(root).join(part.name())
}

/// One step after the other, up to the first that fails.
fn in_turn(root: &Path, steps: &[Step]) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    for step in steps {
        let is_over = outcomes.last().is_some_and(|last| last.ended != Ended::Well);
        outcomes.push(if is_over {
            Outcome { name: step.name.to_owned(), ended: Ended::Never, seconds: 0 }
        } else {
            println!("== {}", step.name);
            let begun = Instant::now();
            outcome(step, begun, (step.run)(root))
        });
    }
    outcomes
}

fn outcome(step: &Step, begun: Instant, result: anyhow::Result<()>) -> Outcome {
    let seconds = begun.elapsed().as_secs();
    let ended = match result {
        Ok(()) => Ended::Well,
        Err(error) => {
            println!("== {}: {error:#}", step.name);
            Ended::Badly
        }
    };
    println!("== {} took {seconds} s", step.name);
    Outcome { name: step.name.to_owned(), ended, seconds }
}

/// Rows of steps at the same time, each step to its end.
fn beside_each_other(root: &Path, rows: &[&[Step]]) -> anyhow::Result<Vec<Outcome>> {
    fs::create_dir_all(folder(root))?;
    let outcomes = std::thread::scope(|scope| {
        let rows: Vec<_> =
            rows.iter().map(|steps| scope.spawn(|| steps.iter().map(|step| apart(root, step)).collect::<Vec<_>>())).collect();
        rows.into_iter().map(|row| row.join().ok()).collect::<Option<Vec<_>>>()
    });
    Ok(outcomes.context("a row of steps panicked")?.concat())
}

/// A step in a process of its own; what it said is printed in one piece when it ends.
fn apart(root: &Path, step: &Step) -> Outcome {
    let begun = Instant::now();
    let log = folder(root).join(format!("{}.log", step.name));
    println!("== {} begins; its words go to {} and are shown when it ends", step.name, log.display());
    let run = || -> anyhow::Result<()> {
        let said = File::create(&log).with_context(|| log.display().to_string())?;
        let mut own = Command::new(std::env::current_exe()?);
        own.args(["ci", "--only", step.name]).current_dir(root).stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
        let status = own.status()?;
        if status.success() { Ok(()) } else { bail!("it ended with {status}") }
    };
    let result = run();
    let said = fs::read(&log).unwrap_or_default();
    println!("== {} said:\n{}", step.name, String::from_utf8_lossy(&said).trim_end());
    outcome(step, begun, result)
}

fn format(root: &Path) -> anyhow::Result<()> {
    cargo(root, &["fmt", "--all", "--check"])?;
    cargo(root, &["fmt", "--manifest-path", FUZZ, "--check"])
}

/// Builds what the tests, the soak, the attack, the cluster and schemathesis run. With everything that tests need, because `cargo build` alone would
/// choose other features of what we depend on, and build half of it again.
fn build(root: &Path) -> anyhow::Result<()> {
    cargo(root, &["test", "--workspace", "--locked", "--no-run"])
}

/// Runs every test, more of them at a time than there are cores: many wait for a process, a database or a lease.
fn test(root: &Path) -> anyhow::Result<()> {
    let threads = 2 * std::thread::available_parallelism().map_or(1, usize::from);
    let mut tests = cargo_command();
    tests.args(["test", "--workspace", "--locked"]).current_dir(root).stdin(Stdio::null());
    if std::env::var_os(TEST_THREADS).is_none() {
        tests.env(TEST_THREADS, threads.to_string());
    }
    if tests.status()?.success() { Ok(()) } else { bail!("a test failed") }
}

/// Five minutes, on the binaries that the tests run: a release build would cost as much time as the soak itself.
fn soak(root: &Path) -> anyhow::Result<()> {
    build(root)?;
    let status =
        Command::new(target(root).join("debug/usance-soak")).args(["--minutes", "5"]).current_dir(root).stdin(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { bail!("the soak found something ({status})") }
}

/// Half a minute of measurements and everything else, on the same binaries.
fn attack(root: &Path) -> anyhow::Result<()> {
    build(root)?;
    let mut attack = Command::new(target(root).join("debug/usance-attack"));
    let status = attack.args(["--seconds", "30"]).current_dir(root).stdin(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { bail!("the attack found something open ({status})") }
}

/// A cluster that hands over, is killed once and frozen three times, on the same binaries: some four minutes.
fn patroni(root: &Path) -> anyhow::Result<()> {
    packages::ensure_cluster()?;
    build(root)?;
    let status = Command::new(target(root).join("debug/usance-patroni")).current_dir(root).stdin(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { bail!("the cluster found something ({status})") }
}

fn schemathesis(root: &Path) -> anyhow::Result<()> {
    build(root)?;
    schemathesis::run(root)
}

/// A third kind of product runs through the books, and the service is built with it: nothing outside the product's own room
/// has to know a kind by name. What is meant to notice one, the simulator's auditor and the golden bytes, does not compile then.
fn third_kind(root: &Path) -> anyhow::Result<()> {
    cargo(root, &["test", "--locked", "-p", "usance-core", "--features", "third-kind"])?;
    cargo(root, &["check", "--locked", "-p", "usance-server", "--lib", "--bins", "--features", "usance-core/third-kind"])
}

/// They stand apart, and only cargo-fuzz runs them; that they compile does not need it.
fn fuzz(root: &Path) -> anyhow::Result<()> {
    let target = target(root).display().to_string();
    cargo(root, &["check", "--locked", "--manifest-path", FUZZ, "--bins", "--target-dir", &target])
}

/// What a part took, a step a line.
fn to_text(times: &Times) -> String {
    let mut text = format!("{}\n", times.seconds);
    for Outcome { name, ended, seconds } in &times.outcomes {
        let _ = writeln!(text, "{name}\t{}\t{seconds}", ended.word());
    }
    text
}

/// Reads what [`to_text`] writes; `None` when it is something else.
fn from_text(text: &str) -> Option<Times> {
    let (seconds, rest) = text.split_once('\n')?;
    let outcome = |line: &str| {
        let mut words = line.split('\t');
        let (name, word, seconds) = (words.next()?, words.next()?, words.next()?);
        let (ended, _) = Ended::ALL.into_iter().find(|(_, own)| *own == word)?;
        Some(Outcome { name: name.to_owned(), ended, seconds: seconds.parse().ok()? })
    };
    Some(Times { seconds: seconds.parse().ok()?, outcomes: rest.lines().map(outcome).collect::<Option<_>>()? })
}

/// Steps and seconds, a line under each part, and one under both.
fn table(parts: &[(Part, Times)]) -> String {
    let mut text = format!("{:<6} {:<14} {:>7}\n", "part", "step", "seconds");
    for (part, times) in parts {
        for Outcome { name, ended, seconds } in &times.outcomes {
            let line = match ended {
                Ended::Well => format!("{:<6} {name:<14} {seconds:>7}", part.name()),
                Ended::Badly => format!("{:<6} {name:<14} {seconds:>7}  {}", part.name(), ended.word()),
                Ended::Never => format!("{:<6} {name:<14} {:>7}  {}", part.name(), "", ended.word()),
            };
            let _ = writeln!(text, "{line}");
        }
        let _ = writeln!(text, "{:<6} {:<14} {:>7}", part.name(), "from end to end", times.seconds);
    }
    if parts.len() > 1 {
        let _ = writeln!(text, "{:<6} {:<14} {:>7}", "both", "", parts.iter().map(|(_, times)| times.seconds).sum::<u64>());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Ended, Outcome, Part, Times, from_text, run_only, table, to_text};
    use std::collections::BTreeSet;
    use std::path::Path;

    fn times(seconds: u64, outcomes: &[(&str, Ended, u64)]) -> Times {
        let outcome = |(name, ended, seconds): &(&str, Ended, u64)| Outcome { name: (*name).to_owned(), ended: *ended, seconds: *seconds };
        Times { seconds, outcomes: outcomes.iter().map(outcome).collect() }
    }

    #[test]
    fn one_table_shows_both_parts() {
        let quick = times(812, &[("format", Ended::Well, 2), ("test", Ended::Badly, 410), ("docs", Ended::Never, 0)]);
        let long = times(305, &[("soak", Ended::Well, 303), ("fuzz", Ended::Well, 21)]);
        let shown = "\
part   step           seconds
quick  format               2
quick  test               410  FAILED
quick  docs                    not run
quick  from end to end     812
long   soak               303
long   fuzz                21
long   from end to end     305
both                     1117
";
        assert_eq!(table(&[(Part::Quick, quick.clone()), (Part::Long, long)]), shown);
        assert!(!table(&[(Part::Quick, quick)]).contains("both"));
    }

    #[test]
    fn what_a_part_took_can_be_read_again() {
        let kept = times(9, &[("format", Ended::Well, 2), ("test", Ended::Badly, 7), ("docs", Ended::Never, 0)]);
        assert_eq!(from_text(&to_text(&kept)), Some(kept));
        for spoilt in ["", "9", "nine\n", "9\nformat\n", "9\nformat\tperhaps\t2\n", "9\nformat\tok\ttwo\n"] {
            assert_eq!(from_text(spoilt), None, "{spoilt:?}");
        }
    }

    #[test]
    fn a_name_means_one_step_and_a_wrong_one_is_told_the_right_ones() {
        let steps: Vec<&str> = Part::ALL.into_iter().flat_map(Part::steps).map(|step| step.name).collect();
        assert_eq!(steps.iter().collect::<BTreeSet<_>>().len(), steps.len(), "{steps:?}");
        let said = run_only(Path::new("/nowhere"), "soap").expect_err("no such step").to_string();
        assert!(steps.iter().all(|step| said.contains(step)), "{said}");
    }
}
