//! What the tests start and the repository does not hold, as Debian packages: a browser with its driver, PostgreSQL and a pooler for it,
//! what sets a process's clock, what signs, Python; and for the step with a cluster Patroni and etcd.
//! There before the tests begin, or a plain error. PostgreSQL is needed also where USANCE_TEST_POSTGRES_URL names a server: some
//! tests stop theirs.
//!
//! Installs them where it may, which is as root with `apt-get`, as in a fresh container; anywhere else it says what to install.
//! It never lets the tests be skipped. They look for the programs in the same places.

use anyhow::{Context, bail};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Programs, and the package that holds each.
type Programs = [(&'static str, &'static str)];

/// What tests start.
const TESTS: &Programs = &[
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
    ("initdb", "postgresql"),
    ("pg_ctl", "postgresql"),
    ("pg_dump", "postgresql"),
    ("psql", "postgresql"),
    ("pgbouncer", "pgbouncer"),
    ("faketime", "faketime"),
    ("openssl", "openssl"),
    (PYTHON, "python3-venv"),
];

/// What a cluster of PostgreSQL servers under Patroni is made of.
const CLUSTER: &Programs = &[
    ("initdb", "postgresql"),
    ("pg_ctl", "postgresql"),
    ("psql", "postgresql"),
    ("patroni", "patroni"),
    ("patronictl", "patroni"),
    ("etcd", "etcd-server"),
];

/// Python with what makes environments of its own, which Debian packs apart.
const PYTHON: &str = "python3 with ensurepip";

/// Makes sure that everything is there that tests start. Fails where it is not and cannot be installed.
pub fn ensure() -> anyhow::Result<()> {
    ensure_all(TESTS)
}

/// Makes sure that everything is there that a cluster is made of. Fails where it is not and cannot be installed.
pub fn ensure_cluster() -> anyhow::Result<()> {
    ensure_all(CLUSTER)
}

fn ensure_all(programs: &Programs) -> anyhow::Result<()> {
    let before = missing(programs);
    if before.is_empty() {
        return Ok(());
    }
    let packages = packages(&before);
    let advice = advice(&before);
    let Some(installer) = program("apt-get").filter(|_| is_root()) else { bail!(advice) };
    println!("packages: {} missing, so these are installed: {}", names(&before).join(" and "), packages.join(" "));
    for words in steps(&packages) {
        println!("packages: apt-get {}", words.join(" "));
        let mut command = Command::new(&installer);
        command.args(&words).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        let status = command.status().with_context(|| advice.clone())?;
        if !status.success() {
            bail!("apt-get {} failed ({status}); {advice}", words.join(" "));
        }
    }
    let after = missing(programs);
    if after.is_empty() { Ok(()) } else { bail!("apt-get succeeded, but {}", self::advice(&after)) }
}

/// How the packages come in: first what there is, then the packages that hold the programs.
fn steps(packages: &[&'static str]) -> [Vec<&'static str>; 2] {
    [vec!["update"], [&["install", "-y", "--no-install-recommends"], packages].concat()]
}

/// The programs that are nowhere.
fn missing(programs: &Programs) -> Vec<(&'static str, &'static str)> {
    programs.iter().copied().filter(|(name, _)| !is_there(name)).collect()
}

fn names(programs: &Programs) -> Vec<&'static str> {
    programs.iter().map(|(name, _)| *name).collect()
}

fn is_there(name: &str) -> bool {
    if name != PYTHON {
        return program(name).is_some();
    }
    let probe = Command::new("python3").args(["-c", "import ensurepip, venv"]).stdin(Stdio::null()).stderr(Stdio::null()).status();
    probe.is_ok_and(|status| status.success())
}

/// The packages that hold these programs, each once.
fn packages(programs: &Programs) -> Vec<&'static str> {
    let mut packages: Vec<_> = programs.iter().map(|(_, package)| *package).collect();
    packages.dedup();
    packages
}

/// What a person has to do.
fn advice(missing: &Programs) -> String {
    let packages = packages(missing);
    let commands = steps(&packages).map(|words| format!("apt-get {}", words.join(" "))).join(" && ");
    let (names, packages) = (names(missing).join(" and "), packages.join(" and "));
    format!("the tests need {names}: install the Debian packages {packages}, as root: {commands}")
}

/// A program on the search path, or in a folder where Debian puts it: a bare environment may lack a search path, and each
/// release of PostgreSQL has a folder of its own.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let releases = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let mut folders = std::env::split_paths(&path).chain(["/usr/bin", "/usr/sbin"].map(PathBuf::from)).chain(releases);
    folders.find_map(|folder| {
        let file = folder.join(name);
        let found = std::fs::metadata(&file).is_ok_and(|entry| entry.is_file() && entry.permissions().mode() & 0o111 != 0);
        found.then_some(file)
    })
}

/// Whether this process runs as root: its own entry under `/proc` belongs to whoever it runs as.
fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}
