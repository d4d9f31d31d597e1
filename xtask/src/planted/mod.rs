//! Bugs that are planted on purpose, so that it is known that the simulator looks: each is a patch in
//! `crates/usance-sim/planted`, with a name and a sentence above the difference. It is applied to a scratch copy of the tree,
//! the simulator is built there, and has to find it: in every plan that was kept for it, and in one of a hundred fixed worlds.
//!
//! A patch that does not apply any more, one that does not build, a panic in place of a finding, and a bug that nobody sees
//! are failures; all are said at the end. The worlds that found something are run once more without any bug, and have to hold.

mod hunt;
mod scratch;

use anyhow::{Context, bail, ensure};
use clap::Args;
use scratch::Scratch;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Where the patches lie.
const PATCHES: &str = "crates/usance-sim/planted";
/// Where plans are kept.
const SEEDS: &str = "crates/usance-sim/seeds";

/// Which bugs to plant, and whether to keep what finds them.
#[derive(Args, Default)]
pub struct Words {
    /// Bugs by name; all of them when none is named.
    names: Vec<String>,
    /// As many as this, others at every commit.
    #[arg(long, value_name = "N", conflicts_with = "names")]
    sample: Option<usize>,
    /// Keep the smallest world that finds each of them, to be run with every test.
    #[arg(long)]
    keep: bool,
}

/// A patch that plants a bug.
struct Bug {
    name: String,
    patch: PathBuf,
}

/// Plants as many as asked for, others at every commit.
pub fn sample(root: &Path, count: usize) -> anyhow::Result<()> {
    run(root, &Words { sample: Some(count), ..Words::default() })
}

/// Plants one bug after another.
pub fn run(root: &Path, words: &Words) -> anyhow::Result<()> {
    let started = Instant::now();
    let bugs = chosen(root, bugs(root)?, words)?;
    let scratch = Scratch::of(root)?;
    let without = scratch.build_apart().context("the tree without a bug")?;
    println!("{:<36} {:>6} {:>6}  what was seen", "planted bug", "world", "turns");
    let (mut missed, mut worlds) = (Vec::new(), BTreeSet::new());
    for bug in &bugs {
        print!("{:<36} ", bug.name);
        std::io::stdout().flush()?;
        match planted(&scratch, bug, words.keep.then(|| root.join(SEEDS)).as_deref())? {
            Ok(seen) => {
                println!("{:>6} {:>6}  {:.110}", seen.world, seen.turns, seen.what);
                worlds.insert(seen.world);
            }
            Err(why) => {
                println!("{:>6} {:>6}  {why}", "-", "-");
                missed.push(format!("{}: {why:#}", bug.name));
            }
        }
    }
    missed.extend(worlds.into_iter().filter_map(|world| hunt::holds(&without, world).err()).map(|why| format!("without a bug, {why:#}")));
    println!("{} bugs, {} failures, {} s", bugs.len(), missed.len(), started.elapsed().as_secs());
    missed.iter().for_each(|each| println!("planted: {each}"));
    if missed.is_empty() { Ok(()) } else { bail!("planted bugs: {} failures", missed.len()) }
}

/// What was seen of a bug, or why nothing was. Fails as a whole when the scratch copy is not again as it was.
fn planted(scratch: &Scratch, bug: &Bug, keep: Option<&Path>) -> anyhow::Result<anyhow::Result<hunt::Seen>> {
    if let Err(stale) = scratch.apply(&bug.patch) {
        return Ok(Err(stale));
    }
    let seen = scratch.build().and_then(|simulator| hunt::hunt(&simulator, &bug.name, keep));
    scratch.take_back(&bug.patch)?;
    Ok(seen)
}

/// All bugs, by name.
fn bugs(root: &Path) -> anyhow::Result<Vec<Bug>> {
    let folder = root.join(PATCHES);
    let mut bugs = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let patch = entry?.path();
        let text = std::fs::read_to_string(&patch).with_context(|| patch.display().to_string())?;
        let name = name(&patch, &text)?;
        bugs.push(Bug { name, patch });
    }
    bugs.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(bugs)
}

/// A bug's name: the file has it, and its first line; what is wrong is one sentence in the second, and the third is empty.
fn name(patch: &Path, text: &str) -> anyhow::Result<String> {
    let stem = patch.file_stem().unwrap_or_default().to_string_lossy();
    let mut head = text.lines();
    let begins_well = head.next() == Some(&*stem) && head.next().is_some_and(|line| line.ends_with('.')) && head.next() == Some("");
    ensure!(
        begins_well && patch.extension().is_some_and(|ending| ending == "patch"),
        "{} does not begin with its name, a sentence and an empty line",
        patch.display()
    );
    Ok(stem.into_owned())
}

/// Those that are to be planted.
fn chosen(root: &Path, bugs: Vec<Bug>, words: &Words) -> anyhow::Result<Vec<Bug>> {
    if let Some(unknown) = words.names.iter().find(|name| bugs.iter().all(|bug| bug.name != **name)) {
        bail!("no patch in {PATCHES} plants {unknown}");
    }
    let Some(count) = words.sample else {
        return Ok(bugs.into_iter().filter(|bug| words.names.is_empty() || words.names.contains(&bug.name)).collect());
    };
    let picked = stretch(bugs.len(), count, commit(root)?);
    Ok(bugs.into_iter().enumerate().filter(|(index, _)| picked.contains(index)).map(|(_, bug)| bug).collect())
}

/// A number that is another one at the next commit: the next, where the history is there; else drawn from the commit's hash.
fn commit(root: &Path) -> anyhow::Result<usize> {
    let git = |words: &[&str]| -> anyhow::Result<String> {
        let output = Command::new("git").args(words).current_dir(root).output().context("git")?;
        ensure!(output.status.success(), "git {} failed: {}", words.join(" "), String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    if git(&["rev-parse", "--is-shallow-repository"])? == "false" {
        return Ok(git(&["rev-list", "--count", "HEAD"])?.parse()?);
    }
    let hash = git(&["rev-parse", "HEAD"])?;
    Ok(usize::from_str_radix(hash.get(..7).context("a commit's hash")?, 16)?)
}

/// `count` places among `all`, which begin where those of the number before ended: all come, before one comes again.
fn stretch(all: usize, count: usize, number: usize) -> BTreeSet<usize> {
    let first = number.wrapping_mul(count);
    (0..count.min(all)).filter_map(|step| first.wrapping_add(step).checked_rem(all)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> PathBuf {
        crate::places::root().expect("the repository")
    }

    #[test]
    fn every_patch_applies_to_the_tree() {
        let bugs = bugs(&root()).expect("patches that say what they are");
        assert!(bugs.len() >= 47, "{} bugs", bugs.len());
        let stale: Vec<String> =
            bugs.iter().filter_map(|bug| Some(format!("{}: {:#}", bug.name, scratch::applies(&root(), &bug.patch).err()?))).collect();
        assert!(stale.is_empty(), "docs/how-to/simulator.md says how to mend a patch:\n{}", stale.join("\n"));
    }

    #[test]
    fn a_patch_begins_with_its_name_and_a_sentence() {
        let good = "CarryDropped\nThe rest is thrown away.\n\ndiff --git a/x b/x\n";
        assert_eq!(name(Path::new("planted/CarryDropped.patch"), good).expect("a name"), "CarryDropped");
        for (path, text) in [
            ("planted/Other.patch", good),
            ("planted/CarryDropped.diff", good),
            ("planted/CarryDropped.patch", "CarryDropped\n\ndiff --git a/x b/x\n"),
            ("planted/CarryDropped.patch", "CarryDropped\nThe rest is thrown away.\ndiff --git a/x b/x\n"),
        ] {
            assert!(name(Path::new(path), text).is_err(), "{path}: {text}");
        }
    }

    #[test]
    fn money_code_says_nothing_of_planted_bugs() {
        for package in ["usance-core", "usance-store"] {
            let words = ["grep", "-l", "-i", "planted", "--", &format!("crates/{package}")].map(str::to_owned);
            let output = Command::new("git").args(words).current_dir(root()).output().expect("git");
            assert_eq!(String::from_utf8_lossy(&output.stdout), "", "in {package}");
        }
    }

    #[test]
    fn samples_of_successive_commits_come_round() {
        for first in [0, 1, 39, usize::MAX - 9] {
            let samples: Vec<_> = (0..6).map(|more| stretch(47, 8, first + more)).collect();
            assert!(samples.iter().all(|sample| sample.len() == 8), "{samples:?}");
            assert_ne!(samples[0], samples[1]);
        }
        let union: BTreeSet<usize> = (100..106).flat_map(|number| stretch(47, 8, number)).collect();
        assert_eq!(union.len(), 47, "six commits plant everything");
        assert_eq!(stretch(3, 8, 5), BTreeSet::from([0, 1, 2]));
        assert_eq!(stretch(0, 8, 5), BTreeSet::new());
    }
}
