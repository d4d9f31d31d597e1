//! The `usance` binary as a process: started, killed, asked to stop, and its other verbs run beside it.
//!
//! What it prints goes to a file beside the report. Nothing here is waited for without an end. A process that is still there when
//! its value is dropped is killed; a shell that holds our end of a pipe kills it when we are gone ourselves.

use crate::client::OPERATOR;
use crate::founding::FIRST_INSTANT;
use anyhow::{Context, bail};
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long it may take to stop when it was told to.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long another verb may take.
const VERB_PATIENCE: Duration = Duration::from_secs(600);
/// How often it is looked whether a process has ended.
const LOOK: Duration = Duration::from_millis(1);

/// Kills a process once its standard input ends, however that comes.
const WATCH: &str = "read -r _; kill -9 \"$0\"";

/// Where the engine keeps what it knows.
pub struct Installation {
    /// The binary.
    pub binary: PathBuf,
    /// The data directory; with a server snapshots lie there, and what it knows of the log.
    pub data: PathBuf,
    /// Where the engine's own words go.
    pub log: PathBuf,
    /// The address of the database that keeps everything else; nothing where that lies in files.
    pub store: Option<String>,
}

/// A running engine.
pub struct Engine {
    child: Child,
    watch: Child,
    /// `http://127.0.0.1:PORT`
    pub url: String,
}

impl Installation {
    /// The binary, without any of this process's settings.
    #[must_use]
    pub fn bare(&self) -> Command {
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("USANCE_") {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::null());
        command
    }

    /// A verb on its data.
    fn command(&self, verb: &str) -> Command {
        let mut command = self.bare();
        command.arg(verb).arg("--data").arg(&self.data);
        if let Some(store) = &self.store {
            command.args(["--store", store]).arg("--secrets").arg(self.data.with_extension("secrets"));
        }
        command
    }

    fn log_file(&self) -> anyhow::Result<File> {
        OpenOptions::new().create(true).append(true).open(&self.log).with_context(|| format!("opening {}", self.log.display()))
    }

    /// Spawns the service, and the shell that watches over its end.
    fn spawn(&self) -> anyhow::Result<Engine> {
        let clock = format!("simulated:{FIRST_INSTANT}");
        let words = ["--clock", &clock, "--customer-rate", "100000", "--history-rate", "100000", "--node", "soaked"];
        self.spawn_serving(&words, OPERATOR)
    }

    fn spawn_serving(&self, words: &[&str], operator: &str) -> anyhow::Result<Engine> {
        let mut command = self.command("serve");
        command.args(["--json", "--listen", "127.0.0.1:0"]).args(words);
        command.env("USANCE_OPERATOR_TOKEN", operator).env("USANCE_LOG", "info");
        command.stdout(Stdio::piped()).stderr(self.log_file()?);
        let child = command.spawn().with_context(|| format!("starting {}", self.binary.display()))?;
        let mut watch = Command::new("sh");
        watch.args(["-c", WATCH, &child.id().to_string()]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // An interrupt of the terminal is for us; the shell has to outlive us.
        let watch = watch.process_group(0).spawn()?;
        Ok(Engine { child, watch, url: String::new() })
    }

    /// Starts the service and waits until it says where it listens, which it does once it has recovered.
    ///
    /// # Errors
    /// When it ends instead, or does not say so in time.
    pub fn start(&self, patience: Duration) -> anyhow::Result<Engine> {
        self.spawn()?.told_where(patience).with_context(|| format!("its own words are in {}", self.log.display()))
    }

    /// The same with flags and an operator's token of one's own.
    ///
    /// # Errors
    /// As [`Installation::start`].
    pub fn start_serving(&self, words: &[&str], operator: &str, patience: Duration) -> anyhow::Result<Engine> {
        let told = self.spawn_serving(words, operator)?.told_where(patience);
        told.with_context(|| format!("its own words are in {}", self.log.display()))
    }

    /// Starts the service and kills it a moment later, wherever it is by then.
    ///
    /// # Errors
    /// When it cannot be spawned.
    pub fn start_and_kill(&self, after: Duration) -> anyhow::Result<()> {
        let engine = self.spawn()?;
        std::thread::sleep(after);
        drop(engine);
        Ok(())
    }

    /// Copies everything to a directory that is not there yet; gives the batch at which the copy ends.
    ///
    /// # Errors
    /// When the verb fails, or has not ended after ten minutes.
    pub fn back_up(&self, to: &Path) -> anyhow::Result<u64> {
        let told = run(self.command("backup").arg("--to").arg(to).arg("--json"), VERB_PATIENCE)?;
        told.pointer("/head/batch").and_then(Value::as_u64).with_context(|| format!("a copy without a head: {told}"))
    }

    /// Has everything checked; gives the batch at which the log ends.
    ///
    /// # Errors
    /// When it is not healthy, or that is not known after ten minutes.
    pub fn verify(&self) -> anyhow::Result<u64> {
        verified(&run(self.command("verify").arg("--json"), VERB_PATIENCE)?)
    }

    /// Has a copy checked, which is a data directory like any other.
    ///
    /// # Errors
    /// When it is not healthy, or that is not known after ten minutes.
    pub fn verify_copy(&self, copy: &Path) -> anyhow::Result<u64> {
        let mut command = Command::new(&self.binary);
        verified(&run(command.args(["verify", "--json", "--data"]).arg(copy).stdin(Stdio::null()), VERB_PATIENCE)?)
    }
}

fn verified(told: &Value) -> anyhow::Result<u64> {
    anyhow::ensure!(told.get("healthy") == Some(&Value::Bool(true)), "{told}");
    told.pointer("/head/batch").and_then(Value::as_u64).with_context(|| format!("no head: {told}"))
}

/// Runs a verb to its end; gives the last line that it printed, as JSON. One that does not end in time is killed.
fn run(command: &mut Command, patience: Duration) -> anyhow::Result<Value> {
    // Files take what is printed without anybody who reads it meanwhile.
    let (mut told, mut complaints) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.env("USANCE_LOG", "warn").stdout(told.try_clone()?).stderr(complaints.try_clone()?);
    let mut child = command.spawn().with_context(|| format!("starting {command:?}"))?;
    let ended = ended_within(&mut child, patience);
    if !matches!(ended, Ok(Some(_))) {
        let _ = child.kill();
        let _ = child.wait();
    }
    let (text, complaint) = (printed(&mut told)?, printed(&mut complaints)?);
    let Some(ended) = ended? else { bail!("{command:?} had not ended after {patience:?}, and was killed: {text} {complaint}") };
    anyhow::ensure!(ended.success(), "{command:?} ended with {ended}: {text} {complaint}");
    Ok(text.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default())
}

/// All that was printed to a file.
fn printed(file: &mut File) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// How a process ended; nothing when it has not in this time.
fn ended_within(child: &mut Child, patience: Duration) -> std::io::Result<Option<ExitStatus>> {
    let until = Instant::now() + patience;
    loop {
        let ended = child.try_wait()?;
        if ended.is_some() || Instant::now() >= until {
            return Ok(ended);
        }
        std::thread::sleep(LOOK);
    }
}

impl Engine {
    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did by itself.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn has_ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// SIGTERM, and wait for its end; one that does not end in time is killed.
    ///
    /// # Errors
    /// When it does not end with success.
    pub fn terminate(self) -> anyhow::Result<()> {
        self.terminate_within(PATIENCE)
    }

    fn terminate_within(mut self, patience: Duration) -> anyhow::Result<()> {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        anyhow::ensure!(sent.success(), "kill -TERM: {sent}");
        let Some(ended) = ended_within(&mut self.child, patience)? else {
            bail!("told to stop, it had not ended after {patience:?}, and was killed");
        };
        anyhow::ensure!(ended.success(), "told to stop, it ended with {ended}");
        Ok(())
    }

    /// Waits until it says where it listens; one that does not in time is killed.
    fn told_where(mut self, patience: Duration) -> anyhow::Result<Engine> {
        let stdout = self.child.stdout.take().context("piped")?;
        let (says, said) = mpsc::channel();
        // Ends with the engine at the latest.
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(stdout).read_line(&mut line);
            let _ = says.send(read.map(|_| line));
        });
        let Ok(line) = said.recv_timeout(patience) else {
            bail!("the engine had not said where it listens after {patience:?}, and was killed");
        };
        let line = line?;
        let told: Value = serde_json::from_str(&line).unwrap_or_default();
        let Some(url) = told.get("url").and_then(Value::as_str) else {
            let ended = ended_within(&mut self.child, PATIENCE)?.map_or_else(|| "it goes on".to_owned(), |ended| ended.to_string());
            bail!("the engine did not start ({ended}): {line}");
        };
        url.clone_into(&mut self.url);
        Ok(self)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // SIGKILL, for both. It may have ended by itself; then there is nothing to kill. The shell goes first: it knows a number only.
        let _ = self.watch.kill();
        let _ = self.watch.wait();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::{Engine, PATIENCE, run};
    use std::path::Path;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    /// A shell in the engine's place.
    fn stand_in(script: &str) -> Engine {
        let mut command = Command::new("sh");
        let child = command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("a shell");
        let watch = Command::new("sh").args(["-c", "read -r _"]).stdin(Stdio::piped()).spawn().expect("a shell");
        let mut engine = Engine { child, watch, url: String::new() };
        let mut ready = [0; 1];
        std::io::Read::read_exact(engine.child.stdout.as_mut().expect("piped"), &mut ready).expect("it says that it is ready");
        engine
    }

    #[test]
    fn an_engine_that_does_not_stop_is_killed_and_told_of() {
        let stubborn = stand_in("trap '' TERM; echo; while :; do sleep 0.05; done");
        let process = format!("/proc/{}", stubborn.id());
        let error = stubborn.terminate_within(Duration::from_millis(200)).expect_err("it does not stop").to_string();
        assert!(error.contains("had not ended") && !Path::new(&process).exists(), "{error}");
        assert!(stand_in("trap 'exit 0' TERM; echo; while :; do sleep 0.05; done").terminate().is_ok());
        assert!(stand_in("trap 'exit 3' TERM; echo; while :; do sleep 0.05; done").terminate().is_err());
    }

    #[test]
    fn an_engine_that_does_not_say_where_it_listens_is_killed_and_told_of() {
        let silent = stand_in("echo; exec sleep 60");
        let process = format!("/proc/{}", silent.id());
        let error = silent.told_where(Duration::from_millis(200)).err().expect("it says nothing").to_string();
        assert!(error.contains("had not said") && !Path::new(&process).exists(), "{error}");
        let error = stand_in("echo; exit 3").told_where(PATIENCE).err().expect("it ends").to_string();
        assert!(error.contains("did not start (exit status: 3)"), "{error}");
        let told = stand_in("echo; echo '{\"url\": \"http://127.0.0.1:1\"}'; exec sleep 60").told_where(PATIENCE).expect("it says where");
        assert_eq!(told.url, "http://127.0.0.1:1");
    }

    #[test]
    fn a_verb_that_does_not_end_is_killed_and_told_of() {
        let error = run(Command::new("sleep").arg("60"), Duration::from_millis(200)).expect_err("it does not end").to_string();
        assert!(error.contains("had not ended"), "{error}");
        let told = run(Command::new("sh").args(["-c", "echo first; echo '{\"head\": 7}'"]), PATIENCE).expect("it ends");
        assert_eq!(told["head"], 7);
        let error = run(Command::new("sh").args(["-c", "echo why >&2; exit 3"]), PATIENCE).expect_err("it fails").to_string();
        assert!(error.contains("exit status: 3") && error.contains("why"), "{error}");
    }
}
