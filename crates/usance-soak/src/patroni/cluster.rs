//! Three hosts and an etcd: started, asked how they are, told to hand over.

use super::ground::{self, Ground, free_ports, unprivileged};
use super::host::{Host, Ports, SUPERUSER_PASSWORD, Variant};
use anyhow::{Context, bail, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What the hosts are called.
pub const NAMES: [&str; 3] = ["one", "two", "three"];
/// The password of the service's own role.
const PASSWORD: &str = "usance-and-nobody-else";
/// How long a cluster may take to be whole, at first and after a fault.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long anything else may take that is asked of it.
const ANSWER: Duration = Duration::from_secs(2);

/// A cluster that lives as long as this value.
pub struct Cluster {
    /// Its hosts, in the order of the service's address.
    pub hosts: Vec<Host>,
    patronictl: PathBuf,
    etcd: Child,
    agent: ureq::Agent,
    // Last, so that it ends whoever is left.
    ground: Ground,
}

/// Who is what, as Patroni says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The place of the host that leads.
    pub leader: usize,
    /// The place of the host that confirms each commit.
    pub confirming: usize,
}

impl Cluster {
    /// Starts etcd and three hosts, waits until they are whole, and makes the service's role and database.
    ///
    /// # Errors
    /// When a program is missing, or the cluster is not whole in time.
    pub fn start(ground: Ground, variant: &Variant) -> anyhow::Result<Cluster> {
        let patronictl = variant.patroni.with_file_name("patronictl");
        ensure!(patronictl.is_file(), "there is no {}", patronictl.display());
        let [etcd, peer, d1, d2, d3, r1, r2, r3] = free_ports()?;
        let process = start_etcd(&ground, etcd, peer)?;
        let mut hosts = Vec::new();
        for (name, (database, rest)) in NAMES.into_iter().zip([(d1, r1), (d2, r2), (d3, r3)]) {
            hosts.push(Host::start(&ground, name, Ports { database, rest, etcd }, variant)?);
        }
        let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(ANSWER)).build().into();
        let cluster = Cluster { hosts, patronictl, etcd: process, agent, ground };
        let leader = cluster.wait_until_whole()?.leader;
        cluster.sql(leader, &format!("CREATE ROLE usance LOGIN PASSWORD '{PASSWORD}'"))?;
        cluster.sql(leader, "CREATE DATABASE usance OWNER usance TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")?;
        cluster.sql(leader, "REVOKE ALL ON DATABASE usance FROM PUBLIC")?;
        Ok(cluster)
    }

    /// The directory that goes with it.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.ground.directory
    }

    /// The address of the service's database: all hosts, of which it takes the one that can be written to.
    #[must_use]
    pub fn address(&self) -> String {
        let hosts: Vec<String> = self.hosts.iter().map(|host| format!("127.0.0.1:{}", host.ports.database)).collect();
        format!("postgres://usance:{PASSWORD}@{}/usance?target_session_attrs=read-write&sslmode=disable", hosts.join(","))
    }

    /// `psql` on a host's server, as the superuser; its complaints are where its answers are.
    ///
    /// # Errors
    /// When this machine has none.
    pub fn psql(&self, place: usize) -> anyhow::Result<Command> {
        let host = self.hosts.get(place).context("a host")?;
        let mut psql = Command::new("sh");
        psql.args(["-c", "exec \"$@\" 2>&1", "sh"]).arg(ground::program("psql", "postgresql")?).args(["-X", "-h", "127.0.0.1", "-p"]);
        psql.arg(host.ports.database.to_string()).args(["-U", "postgres", "-d", "postgres"]);
        psql.env("PGPASSWORD", SUPERUSER_PASSWORD).env("PGCONNECT_TIMEOUT", "2");
        Ok(psql)
    }

    /// Runs a statement on a host's server; gives what it printed.
    ///
    /// # Errors
    /// With what it said instead.
    pub fn sql(&self, place: usize, statement: &str) -> anyhow::Result<String> {
        said(self.psql(place)?.args(["-q", "-v", "ON_ERROR_STOP=1", "-c", statement]))
    }

    /// Waits until one host leads, the others follow it, and one of them confirms its commits.
    ///
    /// # Errors
    /// When that takes too long; the text says how it is instead.
    pub fn wait_until_whole(&self) -> anyhow::Result<Order> {
        let until = Instant::now() + PATIENCE;
        loop {
            let shown: Vec<Value> = self.hosts.iter().filter_map(|host| self.shown(host.ports.rest)).collect();
            if let Some(order) = self.order(&shown) {
                return Ok(order);
            }
            ensure!(Instant::now() < until, "the cluster is not whole after {PATIENCE:?}: {shown:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// The cluster as a host sees it.
    fn shown(&self, rest: u16) -> Option<Value> {
        let mut response = self.agent.get(format!("http://127.0.0.1:{rest}/cluster")).call().ok()?;
        serde_json::from_slice(&response.body_mut().read_to_vec().ok()?).ok()
    }

    /// The order, where every host shows the same and all is well.
    fn order(&self, shown: &[Value]) -> Option<Order> {
        let orders: Vec<Order> = shown.iter().map(order).collect::<Option<_>>()?;
        let first = orders.first()?;
        (orders.len() == self.hosts.len() && orders.iter().all(|order| order == first)).then(|| first.clone())
    }

    /// Hands over to the host that confirms, as an operator does.
    ///
    /// # Errors
    /// With what `patronictl` said.
    pub fn switch_over(&self, order: &Order) -> anyhow::Result<()> {
        let (leader, next) = (self.hosts.get(order.leader).context("a host")?, self.hosts.get(order.confirming).context("a host")?);
        let mut command = unprivileged(&self.patronictl);
        command.arg("-c").arg(leader.settings()).args(["switchover", "usance", "--force"]);
        command.args(["--leader", leader.name, "--candidate", next.name]).current_dir(&self.ground.directory);
        let told = said(&mut command)?;
        ensure!(told.contains("Successfully switched over"), "patronictl: {told}");
        Ok(())
    }

    /// A host by its place, to do something to it.
    ///
    /// # Errors
    /// When there is none.
    pub fn host(&mut self, place: usize) -> anyhow::Result<&mut Host> {
        self.hosts.get_mut(place).context("a host")
    }

    /// Starts Patroni on a host again.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn restart(&mut self, place: usize) -> anyhow::Result<()> {
        let Cluster { hosts, ground, .. } = self;
        hosts.get_mut(place).context("a host")?.restart(ground)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // What is left is ended by the ground; etcd is ours to wait for.
        let _ = self.etcd.kill();
        let _ = self.etcd.wait();
        self.hosts.iter_mut().for_each(|host| drop(host.kill()));
    }
}

/// Starts an etcd of one member, with both versions of its interface.
fn start_etcd(ground: &Ground, client: u16, peer: u16) -> anyhow::Result<Child> {
    let room = ground.room("etcd")?;
    let (client, peer) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
    let mut etcd = unprivileged(&ground::program("etcd", "etcd-server")?);
    etcd.args(["--name", "etcd", "--enable-v2=true", "--listen-client-urls", &client, "--advertise-client-urls", &client]);
    etcd.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer, "--initial-cluster", &format!("etcd={peer}")]);
    etcd.arg("--data-dir").arg(room.join("data"));
    ground.spawn(etcd, &room, "etcd")
}

/// What `/cluster` says, where all of it is well.
fn order(shown: &Value) -> Option<Order> {
    let members = shown.get("members")?.as_array()?;
    let word = |member: &Value, name: &str| member.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let well = |member: &Value| matches!(word(member, "state").as_str(), "running" | "streaming");
    let timelines: Vec<_> = members.iter().map(|member| member.get("timeline").and_then(Value::as_u64)).collect();
    let agree = timelines.iter().all(|timeline| timeline.is_some() && timeline == timelines.first().unwrap_or(&None));
    if members.len() != NAMES.len() || !members.iter().all(well) || !agree {
        return None;
    }
    let place = |role: &str| {
        let member = members.iter().find(|member| word(member, "role") == role)?;
        NAMES.iter().position(|name| *name == word(member, "name"))
    };
    Some(Order { leader: place("leader")?, confirming: place("sync_standby")? })
}

/// Runs a program to its end; gives what it printed.
fn said(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("starting {command:?}"))?;
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(told) } else { bail!("{:?}: {told}", command.get_program()) }
}

#[cfg(test)]
mod tests {
    use super::{Order, order};
    use serde_json::{Value, json};

    fn members(states: [(&str, &str, u64); 3]) -> Value {
        let member = |(name, (role, state, timeline)): (&str, (&str, &str, u64))| json!({"name": name, "role": role, "state": state, "timeline": timeline});
        let members: Vec<Value> = super::NAMES.into_iter().zip(states).map(member).collect();
        json!({ "members": members })
    }

    #[test]
    fn a_cluster_is_whole_when_one_leads_one_confirms_and_all_run() {
        let whole = members([("replica", "streaming", 4), ("leader", "running", 4), ("sync_standby", "running", 4)]);
        assert_eq!(order(&whole), Some(Order { leader: 1, confirming: 2 }));
        for broken in [
            members([("replica", "stopped", 4), ("leader", "running", 4), ("sync_standby", "running", 4)]),
            members([("replica", "running", 3), ("leader", "running", 4), ("sync_standby", "running", 4)]),
            members([("replica", "running", 4), ("leader", "running", 4), ("replica", "running", 4)]),
            members([("replica", "running", 4), ("replica", "running", 4), ("sync_standby", "running", 4)]),
            json!({"members": []}),
            json!(null),
        ] {
            assert_eq!(order(&broken), None, "{broken}");
        }
    }
}
