//! One host of the cluster: a Patroni process, and the PostgreSQL server that it starts.
//!
//! Its settings are `packaging/patroni.yml`, the file that operators copy, with this machine's addresses in their place. A host is
//! frozen, goes on and is killed as a whole: Patroni, the server and everything that either started.

use super::ground::{self, Ground, families, signal, unprivileged};
use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};
use std::process::Child;

/// What operators copy.
const SETTINGS: &str = include_str!("../../../../packaging/patroni.yml");
/// The line that says through which interface Patroni speaks to etcd, and the one for the third version of it.
const INTERFACE: [&str; 2] = ["\netcd:\n", "\netcd3:\n"];
/// The password of the superuser in that file.
pub const SUPERUSER_PASSWORD: &str = "a-long-password-of-its-own";

/// What a cluster is started with.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Patroni's program.
    pub patroni: PathBuf,
    /// Whether Patroni speaks to etcd through the third version of its interface, as `etcd3:` says, and not the second one.
    pub has_etcd3: bool,
    /// Settings that are changed, by their name in the file.
    pub changed: Vec<(String, String)>,
}

/// Where a host listens, at 127.0.0.1.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// PostgreSQL.
    pub database: u16,
    /// Patroni's REST interface.
    pub rest: u16,
    /// etcd, which all hosts share.
    pub etcd: u16,
}

/// A host.
pub struct Host {
    /// What Patroni calls it.
    pub name: &'static str,
    /// Where it listens.
    pub ports: Ports,
    patroni: PathBuf,
    room: PathBuf,
    child: Child,
}

impl Host {
    /// Writes the settings and starts Patroni.
    ///
    /// # Errors
    /// When a setting is not in the file, or Patroni cannot be started.
    pub fn start(ground: &Ground, name: &'static str, ports: Ports, variant: &Variant) -> anyhow::Result<Host> {
        let room = ground.room(name)?;
        // Where the programs themselves lie, and not links to some of them.
        let programs = ground::program("postgres", "postgresql")?.canonicalize()?;
        let programs = programs.parent().context("a folder of programs")?;
        ground.write(&room.join("patroni.yml"), &settings(name, ports, &room, programs, variant)?)?;
        let child = launch(ground, &variant.patroni, &room, name)?;
        Ok(Host { name, ports, patroni: variant.patroni.clone(), room, child })
    }

    /// Its settings.
    #[must_use]
    pub fn settings(&self) -> PathBuf {
        self.room.join("patroni.yml")
    }

    /// Patroni, and the server's first process where there is one.
    fn roots(&self) -> Vec<u32> {
        let file = std::fs::read_to_string(self.room.join("data/postmaster.pid")).unwrap_or_default();
        [self.child.id()].into_iter().chain(file.lines().next().and_then(|line| line.trim().parse().ok())).collect()
    }

    /// Stops every process of it, as a frozen machine would; gives how many there are.
    ///
    /// # Errors
    /// When one goes on.
    pub fn freeze(&self) -> anyhow::Result<usize> {
        let roots = self.roots();
        ensure!(roots.len() == 2, "host {} has no server that could be frozen", self.name);
        Ok(ground::stop(&roots)?.len())
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When that cannot be said.
    pub fn thaw(&self) -> anyhow::Result<()> {
        signal("CONT", &families(&self.roots()))
    }

    /// Kills every process of it at once, as when a machine loses its power.
    ///
    /// # Errors
    /// When that cannot be said.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        signal("KILL", &families(&self.roots()))?;
        self.child.wait()?;
        Ok(())
    }

    /// Kills Patroni and leaves the server running.
    ///
    /// # Errors
    /// When that cannot be said.
    pub fn orphan(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts Patroni again.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn restart(&mut self, ground: &Ground) -> anyhow::Result<()> {
        self.child = launch(ground, &self.patroni, &self.room, self.name)?;
        Ok(())
    }
}

fn launch(ground: &Ground, patroni: &Path, room: &Path, name: &str) -> anyhow::Result<Child> {
    let mut command = unprivileged(patroni);
    command.arg(room.join("patroni.yml"));
    ground.spawn(command, room, name)
}

/// The file with this host's addresses and without what this machine lacks: certificates and a watchdog.
fn settings(name: &str, ports: Ports, room: &Path, programs: &Path, variant: &Variant) -> anyhow::Result<String> {
    let Ports { database, rest, etcd } = ports;
    let mut text = SETTINGS.to_owned();
    let local = [
        ("\nname: one\n", format!("\nname: {name}\n")),
        ("10.0.0.21:8008", format!("127.0.0.1:{rest}")),
        ("10.0.0.21:5432", format!("127.0.0.1:{database}")),
        ("10.0.0.31:2379,10.0.0.32:2379,10.0.0.33:2379", format!("127.0.0.1:{etcd}")),
        ("/usr/lib/postgresql/15/bin", programs.display().to_string()),
        ("/var/lib/postgresql/15/usance", room.join("data").display().to_string()),
        ("/var/lib/postgresql/.pgpass-patroni", room.join("pgpass").display().to_string()),
        ("/var/run/postgresql", room.display().to_string()),
        ("10.0.0.0/24", "127.0.0.1/32".to_owned()),
        ("- hostssl ", "- host ".to_owned()),
        ("ssl: 'on'", "ssl: 'off'".to_owned()),
        ("mode: required", "mode: off".to_owned()),
    ];
    for (from, to) in local {
        ensure!(text.contains(from), "packaging/patroni.yml does not say {from:?}");
        text = text.replace(from, &to);
    }
    if variant.has_etcd3 {
        let [second, third] = INTERFACE;
        ensure!(text.contains(second), "packaging/patroni.yml does not say {second:?}");
        text = text.replace(second, third);
    }
    for (setting, value) in &variant.changed {
        text = changed(&text, setting, value).with_context(|| format!("packaging/patroni.yml has no setting {setting}"))?;
    }
    Ok(text)
}

/// The text with another value of a setting; nothing when it has none of that name.
fn changed(text: &str, setting: &str, value: &str) -> Option<String> {
    let head = format!("{setting}:");
    let is_it = |line: &str| line.trim_start().starts_with(&head);
    text.lines().any(is_it).then(|| {
        let line = |line: &str| {
            let indent = &line[..line.len() - line.trim_start().len()];
            if is_it(line) { format!("{indent}{setting}: {value}\n") } else { format!("{line}\n") }
        };
        text.lines().map(line).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::{Ports, SETTINGS, SUPERUSER_PASSWORD, Variant, settings};
    use std::path::{Path, PathBuf};

    fn made(changed: &[(&str, &str)], has_etcd3: bool) -> anyhow::Result<String> {
        let changed = changed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let variant = Variant { patroni: PathBuf::from("patroni"), has_etcd3, changed };
        settings("two", Ports { database: 1, rest: 2, etcd: 3 }, Path::new("/tmp/two"), Path::new("/usr/bin"), &variant)
    }

    #[test]
    fn the_file_that_operators_copy_is_the_one_that_is_tried() {
        let text = made(&[], false).expect("it can be made");
        assert!(!text.lines().any(|line| !line.starts_with('#') && (line.contains("10.0.0.") || line.contains("/var/"))), "{text}");
        assert!(
            text.contains("\nname: two\n") && text.contains("listen: 127.0.0.1:1\n") && text.contains("hosts: 127.0.0.1:3\n"),
            "{text}"
        );
        let kept = |text: &str| text.lines().skip_while(|line| *line != "bootstrap:").take_while(|line| *line != "postgresql:").count();
        assert!(kept(SETTINGS) > 20 && kept(SETTINGS) == kept(&text));
        assert!(text.contains(SUPERUSER_PASSWORD));
    }

    #[test]
    fn a_setting_is_changed_where_there_is_one() {
        let text = made(&[("synchronous_mode_strict", "false"), ("ttl", "30")], true).expect("it can be made");
        assert!(text.contains("\n    synchronous_mode_strict: false\n") && text.contains("\n    ttl: 30\n"), "{text}");
        assert!(text.contains("\netcd3:\n") && !text.contains("\netcd:\n"), "{text}");
        assert!(made(&[("synchronous_mode_strictly", "false")], false).is_err());
    }
}
