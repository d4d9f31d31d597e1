//! Asks a built simulator: whether it finds the bug that was planted in it, or whether a world holds.

use anyhow::{Context, bail, ensure};
use std::path::Path;
use std::process::{Command, Output};

/// Worlds in which a bug has to show.
const WORLDS: &str = "100";

/// Where a bug was seen first, and as what.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    /// The world, by its seed.
    pub world: u64,
    /// Turns until then, over all worlds before.
    pub turns: u64,
    /// What the check that saw it says.
    pub what: String,
}

/// Runs the plans that were kept for a bug and then worlds, until one finds it.
pub fn hunt(simulator: &Path, bug: &str, keep: Option<&Path>) -> anyhow::Result<Seen> {
    let mut hunt = Command::new(simulator);
    hunt.args(["hunt", "--worlds", WORLDS, "--planted", bug]);
    if let Some(keep) = keep {
        hunt.arg("--keep").arg(keep);
    }
    let output = hunt.output().with_context(|| simulator.display().to_string())?;
    let seen = seen(&String::from_utf8_lossy(&output.stdout))?;
    ensure!(output.status.success(), "the hunt ended with {}", last_words(&output));
    Ok(seen)
}

/// Makes sure that a world holds, in a simulator without a bug.
pub fn holds(simulator: &Path, world: u64) -> anyhow::Result<()> {
    let output = Command::new(simulator).args(["replay", &world.to_string()]).output()?;
    ensure!(output.status.success(), "world {world} finds something, too: {}", last_words(&output));
    Ok(())
}

fn last_words(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    format!("{}: {}", output.status, said.lines().last().unwrap_or_default())
}

/// What a hunt printed: each kept plan has to have found the bug, and the last world.
fn seen(printed: &str) -> anyhow::Result<Seen> {
    let mut first = None;
    for line in printed.lines() {
        let [ran, ended, turns, what] = line.split('\t').collect::<Vec<_>>()[..] else { bail!("it says {line:?}") };
        let world = ran.strip_prefix("world ").map(str::parse).transpose()?;
        match (ended, world) {
            ("found", Some(world)) => first = Some(Seen { world, turns: turns.parse()?, what: what.to_owned() }),
            ("found", None) => {}
            ("held", Some(worlds)) => bail!("not found in {worlds} worlds of {turns} turns"),
            ("held", None) => bail!("{ran}, which was kept for it, does not find it any more"),
            _ => bail!("{ran} {ended} after {turns} turns: {what}"),
        }
    }
    first.context("no world was run")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_is_seen_by_every_kept_plan_and_by_a_world() {
        let kept = "planted-X\tfound\t3\tbooks: expected 1, seen 2\n";
        let world = "world 12\tfound\t840\tdays closed: expected 2, seen 0\n";
        let all = Seen { world: 12, turns: 840, what: "days closed: expected 2, seen 0".into() };
        assert_eq!(seen(&format!("{kept}{world}")).expect("seen"), all);
        assert_eq!(seen(world).expect("seen"), all);
        for (printed, why) in [
            (kept.to_owned(), "no world was run"),
            (String::new(), "no world was run"),
            ("world 100\theld\t6912\t\n".to_owned(), "not found in 100 worlds of 6912 turns"),
            (format!("planted-X\theld\t9\t\n{world}"), "planted-X, which was kept for it, does not find it any more"),
            ("world 2\tpanicked\t90\ta panic: index\n".to_owned(), "world 2 panicked after 90 turns: a panic: index"),
            ("thread main panicked".to_owned(), "it says \"thread main panicked\""),
        ] {
            assert_eq!(seen(&printed).expect_err(&printed).to_string(), why);
        }
    }
}
