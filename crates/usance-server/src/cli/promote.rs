//! `usance promote`: ask the writer to hand over to a standby, and wait until it has.

use crate::cli::output::Output;
use crate::cli::store_flags::{ServerFlags, plain_name, server_of};
use anyhow::{Context, bail};
use clap::Args;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use usance_engine::life::lease::{LAPSE, RENEWAL};
use usance_engine::life::settings::SHARD;
use usance_store::postgres::{ANYBODY, FollowerView, Lease};

/// How long a handover may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often the lease is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(50);

/// Hand the writing over to a standby, in order.
///
/// The writer finishes what it has, gives up the lease, and goes on as a standby; clients see a moment of 503. Nothing
/// happens when no standby follows. A standby takes over by itself when the writer is gone: this is for maintenance.
#[derive(Args)]
pub struct Promote {
    #[command(flatten)]
    server: ServerFlags,
    /// The standby that is to write, by its name; whichever is first, if none is named.
    #[arg(long, value_name = "NAME", value_parser = plain_name)]
    node: Option<String>,
    #[command(flatten)]
    pub(super) output: Output,
}

/// Runs the verb.
///
/// # Errors
/// With a sentence: nobody follows, or nobody took over in time.
pub fn run(verb: &Promote) -> anyhow::Result<ExitCode> {
    let postgres = server_of(&verb.server)?;
    let lease = Lease::open_to_watch(&postgres, SHARD)?;
    let before = lease.look()?.with_context(|| format!("nobody has ever written to {postgres}"))?;
    let writer = before.holder.clone().unwrap_or_default();
    let alive = following(&lease, &writer, verb.node.as_deref())?;
    match &verb.node {
        Some(node) if *node == writer => bail!("{node} is the writer already"),
        Some(node) if !alive.contains(node) => bail!("{node} does not follow; these do: {}", listed(&alive)),
        None if alive.is_empty() => bail!("no standby follows; nothing was changed"),
        _ => {}
    }
    let begun = Instant::now();
    if !lease.want(before.term, verb.node.as_deref().unwrap_or(ANYBODY))? {
        bail!("another instance has begun to write meanwhile; nothing was changed");
    }
    let writer = loop {
        let now = lease.look()?.context("the lease is gone")?;
        if let (Some(holder), true) = (now.holder, now.term > before.term) {
            break holder;
        }
        if begun.elapsed() > PATIENCE {
            bail!("nobody took over within {} s; see what the instances say", PATIENCE.as_secs());
        }
        std::thread::sleep(LOOK);
    };
    let took = begun.elapsed();
    if let Some(node) = verb.node.as_ref().filter(|node| **node != writer) {
        bail!("{writer} writes now, and not {node}: it was faster");
    }
    if verb.output.json {
        println!("{}", serde_json::json!({"writer": writer, "milliseconds": u64::try_from(took.as_millis()).unwrap_or(u64::MAX)}));
    } else {
        println!("{writer} writes now, after {} ms", took.as_millis());
    }
    Ok(ExitCode::SUCCESS)
}

/// The standbys that are seen to be alive, by their names: they tell where they are twice a second or more.
fn following(lease: &Lease, writer: &str, wanted: Option<&str>) -> anyhow::Result<Vec<String>> {
    let before = lease.followers()?;
    let until = Instant::now() + LAPSE;
    loop {
        std::thread::sleep(RENEWAL);
        let now = lease.followers()?;
        let moved = |one: &&FollowerView| one.node != writer && before.iter().all(|other| other.node != one.node || other.beat != one.beat);
        let alive: Vec<String> = now.iter().filter(moved).map(|one| one.node.clone()).collect();
        let enough = wanted.map_or(!alive.is_empty(), |wanted| wanted == writer || alive.iter().any(|node| node == wanted));
        if enough || Instant::now() > until {
            return Ok(alive);
        }
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
