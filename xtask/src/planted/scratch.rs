//! A copy of the tree below the target directory, into which one patch after another is applied; the tree itself stays as it
//! is. One copy and one build directory serve all: what a patch does not touch is built once.
//!
//! Cargo builds anew what is younger than the build before it, so a file is written only when it differs, and never keeps the
//! time of the file that it was copied from: what a patch changed would pass for built when it is taken back.

use crate::places;
use anyhow::{Context, bail, ensure};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The copy, as the tree stood when it was made.
pub struct Scratch {
    tree: PathBuf,
    built: PathBuf,
    /// Where the repository's own builds lie: what comes from outside is taken from there.
    shared: PathBuf,
}

impl Scratch {
    /// Makes the copy, or makes it as the tree is now.
    pub fn of(root: &Path) -> anyhow::Result<Scratch> {
        let target = places::target(root);
        let folder = target.join("planted");
        let scratch = Scratch { tree: folder.join("tree"), built: folder.join("built"), shared: target };
        mirror(root, &files(root)?, &scratch.tree)?;
        Ok(scratch)
    }

    /// Plants a bug.
    pub fn apply(&self, patch: &Path) -> anyhow::Result<()> {
        git_apply(&self.tree, &[], patch)
    }

    /// Takes it out again.
    pub fn take_back(&self, patch: &Path) -> anyhow::Result<()> {
        git_apply(&self.tree, &["--reverse"], patch)
    }

    /// Builds the simulator, in the debug profile: an incremental build takes seconds, and worlds run nearly as quickly as in the
    /// release profile, because what runs them is optimised there, too. Its warnings are nobody's: what a bug leaves unused is part of the bug.
    pub fn build(&self) -> anyhow::Result<PathBuf> {
        let mut cargo = places::cargo_command();
        // With the features of the whole workspace, so that what the tests were built on serves here, too.
        cargo.args(["build", "--quiet", "--locked", "--workspace", "--bin", "usance-sim", "--target-dir"]).arg(&self.built);
        cargo.env("CARGO_BUILD_BUILD_DIR", &self.shared).current_dir(&self.tree).stdin(Stdio::null());
        let output = cargo.output().context("cargo")?;
        let said = String::from_utf8_lossy(&output.stderr);
        let errors: Vec<&str> = said.lines().skip_while(|line| !line.starts_with("error")).take(8).collect();
        ensure!(output.status.success(), "it does not build: {}", errors.join("\n"));
        Ok(self.built.join("debug/usance-sim"))
    }

    /// Builds the simulator and puts it where no later build replaces it.
    pub fn build_apart(&self) -> anyhow::Result<PathBuf> {
        let apart = self.built.join("usance-sim-without");
        std::fs::copy(self.build()?, &apart)?;
        Ok(apart)
    }
}

/// Whether a patch applies to the tree, of which nothing is changed.
#[cfg(test)]
pub fn applies(root: &Path, patch: &Path) -> anyhow::Result<()> {
    git_apply(root, &["--check"], patch)
}

/// Inside a repository, `git apply` passes in silence over every file that is not below the folder it runs in, as the
/// repository sees it. A repository that does not exist makes it apply to the folder alone.
fn git_apply(folder: &Path, words: &[&str], patch: &Path) -> anyhow::Result<()> {
    let mut git = Command::new("git");
    git.args(["apply", "--whitespace=nowarn"]).args(words).arg(patch).current_dir(folder);
    git.env("GIT_DIR", folder.join("no repository")).env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    let output = git.output().context("git")?;
    ensure!(output.status.success(), "it does not apply: {}", String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; "));
    Ok(())
}

/// Files of the tree that the repository knows or would take, and that are there.
fn files(root: &Path) -> anyhow::Result<BTreeSet<PathBuf>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    let output = git.output().context("git")?;
    if !output.status.success() {
        bail!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let listed = String::from_utf8(output.stdout)?;
    Ok(listed.split_terminator('\0').map(PathBuf::from).filter(|file| root.join(file).is_file()).collect())
}

/// Makes `copy` hold these files of `root` and nothing else. Those that are as they should be stay untouched.
fn mirror(root: &Path, files: &BTreeSet<PathBuf>, copy: &Path) -> anyhow::Result<()> {
    for file in files {
        let (text, path) = (std::fs::read(root.join(file))?, copy.join(file));
        if std::fs::read(&path).ok().as_ref() != Some(&text) {
            std::fs::create_dir_all(path.parent().context("a folder")?)?;
            std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        }
    }
    let mut folders = vec![copy.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if !files.contains(path.strip_prefix(copy)?) {
                std::fs::remove_file(&path)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::time::{Duration, SystemTime};

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let folder = std::env::temp_dir().join(format!("usance-xtask-{name}-{}", std::process::id()));
            fs::create_dir_all(&folder).expect("a folder");
            Folder(folder)
        }
        fn write(&self, file: &str, text: &str) -> PathBuf {
            let path = self.0.join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(&path, text).expect("a file");
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn only_what_differs_is_written_and_what_is_gone_goes() {
        let folder = Folder::new("mirror");
        let long_ago = SystemTime::now() - Duration::from_secs(3600);
        for (file, text) in
            [("root/a.rs", "a"), ("root/in/b.rs", "b"), ("copy/a.rs", "a"), ("copy/in/b.rs", "patched"), ("copy/in/gone.rs", "")]
        {
            let path = folder.write(file, text);
            fs::File::options().append(true).open(path).and_then(|file| file.set_modified(long_ago)).expect("a time");
        }
        let files = BTreeSet::from(["a.rs".into(), "in/b.rs".into()]);
        mirror(&folder.0.join("root"), &files, &folder.0.join("copy")).expect("a copy");
        let age = |file: &str| fs::metadata(folder.0.join(file)).and_then(|about| about.modified()).expect("a time");
        assert_eq!(age("copy/a.rs"), long_ago, "what is the same is not built again");
        assert!(age("copy/in/b.rs") > long_ago, "what was patched is built again");
        assert_eq!(fs::read_to_string(folder.0.join("copy/in/b.rs")).expect("a file"), "b");
        assert!(!folder.0.join("copy/in/gone.rs").exists());
    }

    /// Where it matters: in a folder inside a repository, whose ignored files git would pass over.
    #[test]
    fn a_patch_changes_the_folder_that_it_is_applied_to() {
        let folder = Folder::new("apply");
        let git = Command::new("git").args(["init", "--quiet"]).current_dir(&folder.0).status().expect("git");
        assert!(git.success());
        let file = folder.write("copy/a.rs", "one\ntwo\n");
        let patch = folder
            .write("A.patch", "A\nA sentence.\n\ndiff --git a/a.rs b/a.rs\n--- a/a.rs\n+++ b/a.rs\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n");
        let copy = folder.0.join("copy");
        git_apply(&copy, &["--check"], &patch).expect("it applies");
        assert_eq!(fs::read_to_string(&file).expect("a file"), "one\ntwo\n", "a check changes nothing");
        git_apply(&copy, &[], &patch).expect("it applies");
        assert_eq!(fs::read_to_string(&file).expect("a file"), "one\nthree\n");
        assert!(git_apply(&copy, &[], &patch).is_err(), "it applies once");
        git_apply(&copy, &["--reverse"], &patch).expect("it goes");
        assert_eq!(fs::read_to_string(&file).expect("a file"), "one\ntwo\n");
    }
}
