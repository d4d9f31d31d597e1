//! `usance simulate`: many customers over many days, in memory at full speed.

use crate::cli::output::{Output, progress};
use crate::cli::world::World;
use clap::Args;
use std::process::ExitCode;
use std::time::Instant;
use usance_core::audit::{audit, is_healthy};
use usance_core::calendar::{Day, DayOffset};
use usance_core::ledger::LedgerAccount;
use usance_core::machine::State;
use usance_core::machine::state::{ClockMode, Platform};
use usance_core::product::StakingTerms;

/// Run many customers over many days in memory at full speed, and print what happened.
///
/// Nothing is stored. The same seed gives the same world, and the same state hash, on every machine.
#[derive(Args)]
pub struct Simulate {
    /// Customers.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    customers: u64,
    /// Days.
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u64).range(1..=36_500))]
    days: u64,
    /// Things that all customers together do in a day.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(0..=100_000_000))]
    actions: u64,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    pub(super) output: Output,
}

/// Runs the verb.
///
/// # Errors
/// When the state cannot be hashed.
pub fn run(verb: &Simulate) -> anyhow::Result<ExitCode> {
    let offset = DayOffset::default();
    let first = Day::parse("2026-01-01").unwrap_or_default();
    let platform = Platform {
        shard: 0,
        offset,
        clock: ClockMode::Simulated,
        created_at: offset.first_instant(first),
        seed: *blake3::hash(&verb.seed.to_le_bytes()).as_bytes(),
    };
    let started = Instant::now();
    let bar = progress("days", verb.days, verb.output);
    let mut forget = |_, _| {};
    let mut world = World::new(State::new(platform), verb.seed, &mut forget);
    world.found(|_| StakingTerms::default());
    for day in 0..verb.days {
        world.live_day(if day == 0 { 0..verb.customers } else { verb.customers..verb.customers }, verb.actions);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let seconds = started.elapsed().as_secs_f64();
    let findings = audit(&world.state);
    let healthy = is_healthy(&findings);
    let hash = crate::wire::text::hex(&usance_store::image::state_hash(&world.state)?);
    let (state, tally) = (&world.state, world.tally);
    let rows: Vec<[String; 5]> = state
        .registry
        .assets
        .iter()
        .zip(&state.registry.control)
        .map(|(asset, control)| {
            let text = |account| control.balance(account).to_text(asset.decimals);
            [
                asset.symbol.clone(),
                text(LedgerAccount::Custody),
                text(LedgerAccount::CustomerPrincipal),
                text(LedgerAccount::RewardsPayable),
                text(LedgerAccount::RewardPool),
            ]
        })
        .collect();
    if verb.output.json {
        let books: Vec<_> = rows
            .iter()
            .map(|[asset, custody, staked, payable, pool]| serde_json::json!({"asset": asset, "custody": custody, "customer_principal": staked, "rewards_payable": payable, "reward_pool": pool}))
            .collect();
        println!(
            "{}",
            serde_json::json!({
                "seed": verb.seed, "customers": state.customers.len(), "positions": state.running.len(), "days": tally.days, "accepted": tally.accepted,
                "refused": tally.refused, "seconds": seconds, "healthy": healthy, "state_hash": hash, "books": books,
            })
        );
    } else {
        println!(
            "seed {}: {} customers, {} days, {} commands accepted, {} refused, {} positions, in {seconds:.2} s",
            verb.seed,
            state.customers.len(),
            tally.days,
            tally.accepted,
            tally.refused,
            state.running.len()
        );
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING).set_header(["asset", "custody", "staked", "rewards payable", "reward pool"]);
        for row in rows {
            table.add_row(row);
        }
        println!("{table}");
        for finding in findings.iter().filter(|finding| !finding.holds) {
            println!("BROKEN {}: {}", finding.name, finding.figures);
        }
        println!("audit: {}\nstate: {hash}", if healthy { "healthy" } else { "NOT HEALTHY" });
    }
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
