//! The real binary on a real cluster: three PostgreSQL servers under three Patroni processes and an etcd, on this machine alone.
//!
//! [`ground`] is where processes live and end, [`host`] and [`cluster`] start them from the settings that operators copy,
//! [`roles`] hears who leads, [`canary`] who can commit, [`writer`] writes and keeps what was acknowledged, [`course`] hands over, kills and freezes the host
//! that leads, and [`comparison`] holds the end against what was acknowledged. It fails when something acknowledged is gone, or when
//! writes pause three seconds longer than nobody could commit. docs/how-to/run-on-patroni.md says what was learnt.

pub mod canary;
pub mod cluster;
pub mod comparison;
pub mod course;
pub mod ground;
pub mod host;
pub mod roles;
pub mod writer;

use crate::client::OPERATOR;
use crate::engine::Installation;
use anyhow::Context;
use canary::{Canary, Kept};
use cluster::Cluster;
use comparison::Comparison;
use course::{Course, Fault, Figure};
use ground::Ground;
use host::Variant;
use roles::Roles;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use writer::{Field, Writer};

/// How long the service may take to start.
const START: Duration = Duration::from_secs(60);

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The faults, in their order.
    pub faults: Vec<Fault>,
    /// How many write.
    pub writers: u32,
    /// Writes a second, all together.
    pub rate: u32,
    /// What the cluster is started with.
    pub variant: Variant,
}

/// How it went.
#[derive(Debug)]
pub struct Outcome {
    /// What each fault cost.
    pub figures: Vec<Figure>,
    /// The end, where it was reached.
    pub comparison: Comparison,
    /// Rows that were sent beside the service.
    pub kept: Kept,
    /// Where the log ends, when `verify` found it healthy.
    pub batches: u64,
    /// Requests that got no answer, or a 503.
    pub unanswered: u64,
    /// What is wrong, and the text of the first findings.
    pub findings: (u64, Vec<String>),
}

/// Starts a cluster and the service on it, and does all of the plan. What programs print goes to `logs`.
///
/// # Errors
/// When it cannot go on to its end; everything else is a finding.
pub fn run(binary: &Path, logs: &Path, plan: &Plan) -> anyhow::Result<Outcome> {
    let mut cluster = Cluster::start(Ground::new(logs)?, &plan.variant).context("starting the cluster")?;
    println!("the cluster is whole");
    let place = Installation {
        binary: binary.to_owned(),
        data: cluster.directory().join("engine"),
        log: logs.join("engine.log"),
        store: Some(cluster.address()),
    };
    let words = ["--customer-rate", "100000", "--history-rate", "100000", "--node", "one"];
    let engine = place.start_serving(&words, OPERATOR, START)?;
    let field = Field::new(&engine.url);
    writer::found(&field)?;
    let writers = (0..plan.writers).map(|number| Writer::new(&field, format!("w{number}"))).collect::<anyhow::Result<Vec<_>>>()?;
    let canary = Canary::default();
    Canary::prepare(&cluster, cluster.wait_until_whole()?.leader)?;
    let (figures, writers) = under_load(&mut cluster, &field, &canary, writers, plan)?;
    println!("comparing");
    let kept = canary.look_back(&cluster, cluster.wait_until_whole()?.leader)?;
    if kept.gone > 0 {
        field.find(format!("the cluster itself lost {} of {} commits that its servers had confirmed", kept.gone, kept.confirmed));
    }
    let comparison = comparison::compare_all(&field, writers)?;
    engine.terminate()?;
    let batches = place.verify().context("usance verify").unwrap_or_else(|error| {
        field.find(format!("{error:#}"));
        0
    });
    Ok(Outcome { figures, comparison, kept, batches, unanswered: field.unanswered.load(Ordering::Relaxed), findings: field.findings() })
}

/// Writes while all faults are done; gives what they cost, and the writers with all that they were told.
fn under_load<'a>(
    cluster: &mut Cluster,
    field: &'a Field,
    canary: &Canary,
    writers: Vec<Writer<'a>>,
    plan: &Plan,
) -> anyhow::Result<(Vec<Figure>, Vec<Writer<'a>>)> {
    let (roles, is_done) = (Roles::default(), AtomicBool::new(false));
    let every = Duration::from_secs(1) * plan.writers / plan.rate.max(1);
    let listened = cluster.hosts.iter().enumerate().map(|(place, host)| Ok((place, host.name, host.ports.rest, cluster.psql(place)?)));
    let listened = listened.collect::<anyhow::Result<Vec<_>>>()?;
    std::thread::scope(|scope| {
        let (roles, is_done) = (&roles, &is_done);
        // Dropped before the scope waits for its threads, on every way out.
        let ending = Ending { field, is_done };
        for (place, name, rest, psql) in listened {
            scope.spawn(move || roles.listen(place, rest, is_done));
            scope.spawn(move || canary.sing(name, psql, is_done).unwrap_or_else(|error| field.find(format!("{error:#}"))));
        }
        let writers: Vec<_> = writers.into_iter().map(|writer| scope.spawn(move || writer.work(every))).collect();
        let mut course = Course { cluster, field, roles, canary };
        let mut figures = Vec::new();
        for fault in &plan.faults {
            match course.suffer(*fault) {
                Ok(figure) => figures.push(figure),
                Err(error) => {
                    field.find(format!("{}: {error:#}", fault.name()));
                    break;
                }
            }
        }
        drop(ending);
        let writers = writers.into_iter().map(|writer| writer.join().ok()).collect::<Option<Vec<_>>>().context("a writer panicked")?;
        Ok((figures, writers.into_iter().collect::<anyhow::Result<_>>()?))
    })
}

/// Lets every thread end, whatever became of the faults.
struct Ending<'a> {
    field: &'a Field,
    is_done: &'a AtomicBool,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.field.is_over.store(true, Ordering::Relaxed);
        self.is_done.store(true, Ordering::Relaxed);
    }
}

/// The figures as text, with how many acknowledged writes were lost since each fault.
#[must_use]
pub fn report(outcome: &Outcome) -> String {
    let mut lines = Vec::new();
    for (number, figure) in outcome.figures.iter().enumerate() {
        let next = outcome.figures.get(number + 1).map(|figure| figure.at);
        let lost = outcome.comparison.lost.iter().filter(|at| **at >= figure.at && next.is_none_or(|next| **at < next)).count();
        lines.push(format!("{}; lost {lost}", course::line(figure)));
    }
    let Kept { confirmed, gone } = outcome.kept;
    lines.push(format!("beside the service {confirmed} commits were confirmed: the cluster itself lost {gone}"));
    let Comparison { repeated, lost, otherwise } = &outcome.comparison;
    lines.push(format!(
        "{repeated} acknowledged writes repeated: {} lost, {otherwise} answered otherwise; {} requests met no answer or a 503; {} batches",
        lost.len(),
        outcome.unanswered,
        outcome.batches
    ));
    lines.join("\n")
}
