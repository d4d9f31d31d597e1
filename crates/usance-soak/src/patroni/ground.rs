//! What a cluster stands on: a directory, free ports of the loopback interface, programs of the machine, and an unprivileged
//! account to run them.
//!
//! Owns the promise to leave nothing behind. Everything that is started here works below one directory; a shell that holds our
//! end of a pipe kills whoever works there and removes it, also when this process is killed.

use anyhow::{Context, bail, ensure};
use std::fs::{self, File, OpenOptions, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The account and group as whom everything runs when we are root, which PostgreSQL refuses to be: `nobody`.
const NOBODY: u32 = 65534;

/// Once its standard input ends, kills every process that works below a directory, until there is none, and removes it. SIGKILL
/// ends a stopped process, too.
const WATCH: &str = r#"
read -r _
found=yes
while [ "$found" ]; do
  found=
  for process in /proc/[0-9]*; do
    case "$(readlink "$process/cwd")" in
      "$1"|"$1"/*) kill -9 "${process#/proc/}" && found=yes ;;
    esac
  done
  sleep 0.1
done
rm -rf "$1"
"#;

/// A directory, and whoever works in it.
pub struct Ground {
    /// The directory. Unprivileged programs may write into it.
    pub directory: PathBuf,
    /// Where their words go.
    pub logs: PathBuf,
    watch: Child,
}

impl Ground {
    /// Makes a directory below the system's temporary one. What programs print goes to files in `logs`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(logs: &Path) -> anyhow::Result<Ground> {
        let directory = tempfile::Builder::new().prefix("usance-patroni-").tempdir()?.keep();
        give_away(&directory)?;
        let mut watch = Command::new("sh");
        watch.args(["-c", WATCH, "watch"]).arg(&directory).current_dir("/");
        // An interrupt of the terminal is for us; the shell has to outlive us.
        watch.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Ground { watch: watch.spawn()?, directory, logs: logs.to_owned() })
    }

    /// A directory in it, for a program of its own.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn room(&self, name: &str) -> anyhow::Result<PathBuf> {
        let room = self.directory.join(name);
        fs::create_dir(&room).with_context(|| format!("making {}", room.display()))?;
        give_away(&room)?;
        Ok(room)
    }

    /// A file in it that only the unprivileged account can read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, file: &Path, text: &str) -> anyhow::Result<()> {
        fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
        fs::set_permissions(file, Permissions::from_mode(0o600))?;
        if is_root() {
            chown(file, Some(NOBODY), Some(NOBODY))?;
        }
        Ok(())
    }

    /// Starts a program that works in a directory of this ground; its words are added to a log of this name.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&self, mut command: Command, room: &Path, name: &str) -> anyhow::Result<Child> {
        let said = self.log(name)?;
        command.current_dir(room).env("HOME", room).stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said).process_group(0);
        command.spawn().with_context(|| format!("starting {command:?}"))
    }

    fn log(&self, name: &str) -> anyhow::Result<File> {
        let file = self.logs.join(format!("{name}.log"));
        OpenOptions::new().create(true).append(true).open(&file).with_context(|| format!("opening {}", file.display()))
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        drop(self.watch.stdin.take());
        // The shell ends everything; whoever waits for this value waits for that.
        let _ = self.watch.wait();
    }
}

fn give_away(directory: &Path) -> anyhow::Result<()> {
    fs::set_permissions(directory, Permissions::from_mode(0o700))?;
    if is_root() {
        chown(directory, Some(NOBODY), Some(NOBODY))?;
    }
    Ok(())
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// A program as the unprivileged account runs it.
#[must_use]
pub fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new(program);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.env("LC_ALL", "C.UTF-8");
    command
}

/// Ports of 127.0.0.1 that nobody has; somebody may take one before it is used, which then fails loudly.
///
/// # Errors
/// When the system has none.
pub fn free_ports<const N: usize>() -> anyhow::Result<[u16; N]> {
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// A program on the search path, or where Debian puts it: each release of PostgreSQL has a folder of its own, the newest is first.
///
/// # Errors
/// When it is nowhere; the text says what to install.
pub fn program(name: &str, package: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut releases: Vec<PathBuf> =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    releases.sort_by_key(|folder| std::cmp::Reverse(folder.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok())));
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/bin")]);
    let mut folders = folders.chain(releases.into_iter().map(|folder| folder.join("bin")));
    let found = folders.find_map(|folder| Some(folder.join(name)).filter(|file| file.is_file()));
    found.with_context(|| format!("this machine has no {name}: install the Debian package {package}"))
}

/// A process and everything it started, and what those started.
#[must_use]
pub fn families(roots: &[u32]) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = processes().filter_map(|process| Some((process, parent(process)?))).collect();
    let mut family: Vec<u32> = roots.iter().copied().filter(|root| parents.iter().any(|(process, _)| process == root)).collect();
    let mut at = 0;
    while let Some(&elder) = family.get(at) {
        at += 1;
        let young: Vec<u32> =
            parents.iter().filter(|(process, parent)| *parent == elder && !family.contains(process)).map(|(process, _)| *process).collect();
        family.extend(young);
    }
    family
}

fn processes() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The words of a process's state behind its name, which may hold anything.
fn state_of(process: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    Some(stat.rsplit_once(") ")?.1.to_owned())
}

fn parent(process: u32) -> Option<u32> {
    state_of(process)?.split(' ').nth(1)?.parse().ok()
}

/// Whether a process does not run any more: it is stopped, or has ended and waits for its parent to notice.
fn is_still(process: u32) -> bool {
    state_of(process).is_none_or(|state| state.starts_with(['T', 'Z']))
}

/// Sends a signal to processes. One that has ended meanwhile is none that is missed.
///
/// # Errors
/// When `kill` cannot be started.
pub fn signal(name: &str, processes: &[u32]) -> anyhow::Result<()> {
    if processes.is_empty() {
        return Ok(());
    }
    let mut kill = Command::new("kill");
    kill.arg(format!("-{name}"))
        .args(processes.iter().map(u32::to_string))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    kill.status().context("starting kill")?;
    Ok(())
}

/// Stops processes and everything they started, and gives all of them: none runs then.
///
/// # Errors
/// When one of them still runs after several tries.
pub fn stop(roots: &[u32]) -> anyhow::Result<Vec<u32>> {
    for _ in 0..50 {
        let family = families(roots);
        ensure!(!family.is_empty(), "nothing to stop: none of {roots:?} is there");
        signal("STOP", &family)?;
        std::thread::sleep(std::time::Duration::from_millis(10));
        // Somebody may have been started while the first ones were stopped.
        if families(roots).into_iter().all(is_still) {
            return Ok(family);
        }
    }
    bail!("a process of {roots:?} still runs")
}

#[cfg(test)]
mod tests {
    use super::{Ground, families, is_still, signal, stop, unprivileged};
    use std::path::Path;
    use std::time::{Duration, Instant};

    #[test]
    fn what_is_stopped_with_all_it_started_goes_on_or_is_ended_with_its_ground() {
        let logs = tempfile::tempdir().expect("a directory");
        let ground = Ground::new(logs.path()).expect("a ground");
        let room = ground.room("one").expect("a room");
        let mut shell = unprivileged(Path::new("/bin/sh"));
        shell.args(["-c", "sleep 600 & sleep 600"]);
        let mut shell = ground.spawn(shell, &room, "one").expect("a shell");
        let until = Instant::now() + Duration::from_secs(10);
        while families(&[shell.id()]).len() < 3 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        let family = stop(&[shell.id()]).expect("it is there");
        assert_eq!(family.len(), 3, "{family:?}");
        assert!(family.iter().all(|process| is_still(*process)));
        signal("CONT", &family).expect("a signal");
        while family.iter().any(|process| is_still(*process)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(!family.iter().any(|process| is_still(*process)), "they go on");
        stop(&[shell.id()]).expect("it is there");
        let directory = ground.directory.clone();
        drop(ground);
        assert!(!shell.wait().expect("it has ended").success() && !directory.exists());
        assert!(family.iter().all(|process| is_still(*process)), "nobody runs any more");
        assert!(stop(&[u32::MAX]).is_err(), "what is not there cannot be stopped");
    }
}
