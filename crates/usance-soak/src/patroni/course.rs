//! The faults, one after the other, each on a whole cluster under load, and what each cost.

use super::canary::Canary;
use super::cluster::{Cluster, NAMES};
use super::roles::{Led, Roles};
use super::writer::Field;
use anyhow::Context;
use std::time::{Duration, Instant};

/// How much longer writes may pause than nobody could commit, which is as long as nobody led, and until a replica follows the next one.
pub const ALLOWANCE: Duration = Duration::from_secs(3);
/// How long everything is well before the next fault.
const CALM: Duration = Duration::from_secs(3);
/// How long the service may take to write again once the cluster is whole.
const RECOVERY: Duration = Duration::from_secs(60);
/// How long the others may take to have a new leader.
const SUCCESSION: Duration = Duration::from_secs(60);
/// How long a server without its Patroni goes on beside the new leader.
const ORPHANED: Duration = Duration::from_secs(15);
/// How often it is looked for something that is waited for.
const LOOK: Duration = Duration::from_millis(50);

/// What is done to the host that leads, or to the one that confirms its commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is told to hand over, in order.
    Switchover,
    /// All its processes are killed at once, and Patroni is started again when another one leads.
    Kill,
    /// Patroni alone is killed: its server goes on with nobody to stop it until Patroni is started again, a while after another one leads.
    Orphan,
    /// All its processes are stopped for a while, and then go on as if nothing had been.
    Freeze(Duration),
    /// The same to the host that confirms.
    FreezeConfirming(Duration),
}

impl Fault {
    /// As it stands in the report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Fault::Switchover => "switchover",
            Fault::Kill => "kill -9",
            Fault::Orphan => "orphan",
            Fault::Freeze(_) => "freeze",
            Fault::FreezeConfirming(_) => "freeze sync",
        }
    }
}

/// What a fault cost.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What was done.
    pub fault: Fault,
    /// To which host.
    pub host: &'static str,
    /// When.
    pub at: Instant,
    /// How long writes paused.
    pub paused: Duration,
    /// How long nobody could commit anything, on any of the servers.
    pub stuck: Duration,
    /// Who led meanwhile.
    pub led: Led,
}

/// Does faults to a cluster that is under load.
pub struct Course<'a> {
    /// What the faults are done to.
    pub cluster: &'a mut Cluster,
    /// What writers note.
    pub field: &'a Field,
    /// Who leads.
    pub roles: &'a Roles,
    /// Who can commit.
    pub canary: &'a Canary,
}

impl Course<'_> {
    /// Does a fault to the host that leads, waits until all is well again, and gives what it cost.
    ///
    /// # Errors
    /// When it is not well again in time.
    pub fn suffer(&mut self, fault: Fault) -> anyhow::Result<Figure> {
        let order = self.cluster.wait_until_whole()?;
        self.wait("the service writes", RECOVERY, |course| course.field.is_acknowledging(Duration::from_secs(1)))?;
        std::thread::sleep(CALM);
        let place = if matches!(fault, Fault::FreezeConfirming(_)) { order.confirming } else { order.leader };
        let host = NAMES.get(place).copied().context("a host")?;
        println!("{} of {host}", fault.name());
        let at = Instant::now();
        match fault {
            Fault::Switchover => self.cluster.switch_over(&order)?,
            Fault::Kill => {
                self.cluster.host(place)?.kill()?;
                self.wait_for_successor(at)?;
                self.cluster.restart(place)?;
            }
            Fault::Orphan => {
                self.cluster.host(place)?.orphan()?;
                self.wait_for_successor(at)?;
                std::thread::sleep(ORPHANED);
                self.cluster.restart(place)?;
            }
            Fault::Freeze(length) | Fault::FreezeConfirming(length) => self.freeze(place, length)?,
        }
        self.cluster.wait_until_whole()?;
        self.wait("the service writes", RECOVERY, |course| course.field.is_acknowledging(Duration::from_secs(1)))?;
        std::thread::sleep(CALM);
        let (until, field) = (Instant::now(), self.field);
        let (paused, stuck) = (field.longest_pause(at, until), self.canary.longest_pause(at, until));
        let figure = Figure { fault, host, at, paused, stuck, led: self.roles.over(at, until) };
        println!("{}", line(&figure));
        if figure.paused > figure.stuck + ALLOWANCE {
            let [paused, stuck] = [figure.paused, figure.stuck].map(|length| length.as_secs_f64());
            field.find(format!(
                "{} of {host}: writes paused for {paused:.1} s, though others could commit after {stuck:.1} s",
                fault.name()
            ));
        }
        Ok(figure)
    }

    fn wait_for_successor(&self, since: Instant) -> anyhow::Result<()> {
        self.wait("another host leads", SUCCESSION, |course| course.roles.over(since, Instant::now()).in_turn.len() > 1)
    }

    fn freeze(&self, place: usize, length: Duration) -> anyhow::Result<()> {
        let host = self.cluster.hosts.get(place).context("a host")?;
        let frozen = host.freeze().inspect_err(|_| drop(host.thaw()))?;
        println!("{frozen} processes stand still for {} s", length.as_secs());
        std::thread::sleep(length);
        host.thaw()
    }

    fn wait(&self, what: &str, patience: Duration, is_so: impl Fn(&Self) -> bool) -> anyhow::Result<()> {
        let until = Instant::now() + patience;
        while !is_so(self) {
            anyhow::ensure!(Instant::now() < until, "waited {patience:?} in vain until {what}");
            std::thread::sleep(LOOK);
        }
        Ok(())
    }
}

/// A figure as a line of the report.
#[must_use]
pub fn line(figure: &Figure) -> String {
    let Figure { fault, host, paused, stuck, led, .. } = figure;
    let [paused, stuck, nobody, several] = [paused, stuck, &led.nobody, &led.several].map(Duration::as_secs_f64);
    format!(
        "{:<11} of {host:<5}  nobody led {nobody:>4.1} s, several {several:>3.1} s; no commit {stuck:>4.1} s, writes paused {paused:>4.1} s; led: {}",
        fault.name(),
        led.in_turn.join(", ")
    )
}
