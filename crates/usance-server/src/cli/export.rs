//! `usance export`: the journal, positions and daily rewards as CSV files, straight from the log.

use crate::cli::output::{Output, progress};
use crate::cli::replay::{Replay, days_of};
use crate::cli::store_flags::StoreFlags;
use crate::json::shape;
use crate::wire::cell::{cell, crlf_writer};
use anyhow::{Context, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use usance_core::id::PositionId;
use usance_core::ledger::{Side, Whose};
use usance_core::machine::{State, verb, view};
use usance_store::{Head, LogReader, files};

/// The files of an export.
const FILES: [&str; 3] = ["journal.csv", "positions.csv", "rewards.csv"];

/// Write the journal, positions and daily rewards as CSV files.
///
/// Runs the whole log; a running engine may go on. Amounts are in the asset's own unit. The files are for their owner alone,
/// and get their names when all three are whole. Files that are there already are left as they are, and the verb is refused:
/// name a directory for each export, or ask for --replace.
#[derive(Args)]
pub struct Export {
    #[command(flatten)]
    place: StoreFlags,
    /// The directory for journal.csv, positions.csv and rewards.csv.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Put the new files in the place of those of an earlier export.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    pub(super) output: Output,
}

/// A CSV file that has its name when the export is whole.
type CsvFile = csv::Writer<files::Unfinished>;

fn begin(to: &Path, name: &str) -> anyhow::Result<CsvFile> {
    Ok(crlf_writer(files::Unfinished::beside(&to.join(name))?))
}

/// Refuses to write over the files of an earlier export, before the log is run.
fn refuse_to_replace(to: &Path) -> anyhow::Result<()> {
    match FILES.into_iter().map(|name| to.join(name)).find(|path| path.symlink_metadata().is_ok()) {
        Some(path) => bail!(
            "{} is there already and is left as it is: name another directory with --to, for instance one a day, or put the new files in \
             its place with --replace",
            path.display()
        ),
        None => Ok(()),
    }
}

/// Gives the files their names.
fn finish(written: [CsvFile; 3], is_replacing: bool) -> anyhow::Result<()> {
    for file in written {
        let file = file.into_inner().map_err(|error| error.into_error())?;
        if is_replacing { file.replace() } else { file.finish_new() }?;
    }
    Ok(())
}

/// Runs the verb.
///
/// # Errors
/// With a sentence.
pub fn run(verb: &Export) -> anyhow::Result<ExitCode> {
    let visited = verb.place.visit()?;
    let end = visited.end()?;
    files::create_directory(&verb.to)?;
    if !verb.replace {
        refuse_to_replace(&verb.to)?;
    }
    let [journal, positions, rewards] = FILES.map(|name| begin(&verb.to, name));
    let (mut journal, mut positions, mut rewards) = (journal?, positions?, rewards?);
    let (postings, replay) = postings(verb, visited.reader.as_ref(), end, &mut journal)?;
    let state = replay.state.as_ref().context("the log holds no platform")?;
    let opened = write_positions(verb, state, &mut positions)?;
    let days = write_rewards(verb, state, &replay, &mut rewards)?;
    finish([journal, positions, rewards], verb.replace)?;
    if verb.output.json {
        println!(
            "{}",
            serde_json::json!({"to": verb.to.display().to_string(), "postings": postings, "positions": opened, "rewards": days})
        );
    } else {
        println!("{}: {postings} postings, {opened} positions, {days} daily rewards", verb.to.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs the log and writes every posting; gives how many there are, and where the log led.
fn postings(verb: &Export, reader: &dyn LogReader, end: Head, journal: &mut CsvFile) -> anyhow::Result<(u64, Replay)> {
    let bar = progress("journal", end.seq, verb.output);
    journal.write_record(["log_position", "at", "asset", "customer", "product", "account", "side", "amount", "day", "actor"])?;
    let mut postings = 0u64;
    let replay = Replay::walk(reader, end, |batch, state, records| {
        bar.set_position(batch.seq);
        let Some(state) = state else { return Ok(()) };
        for (index, record) in records.iter().enumerate() {
            let place = (batch.seq << 16 | index as u64).to_string();
            let actor = record.fact.actor.map_or_else(String::new, |actor| actor.to_string());
            for event in &record.fact.events {
                let (at, day) = verb::stamped(state, event, record.fact.at);
                for entry in verb::post(state, event)? {
                    let (customer, product) = match entry.whose() {
                        Whose::Customer(ix) => (state.customers.get(ix.index()).map_or("", |customer| &*customer.id), String::new()),
                        Whose::Product(ix) => ("", shape::product_id(state, ix)),
                        Whose::Platform => ("", String::new()),
                    };
                    for line in entry.postings() {
                        let side = if line.side == Side::Debit { "debit" } else { "credit" };
                        let (asset, amount) = (shape::symbol(state, entry.asset()), shape::amount(state, entry.asset(), line.amount));
                        journal.write_record([
                            &place,
                            &at.to_string(),
                            &cell(&asset),
                            &cell(customer),
                            &cell(&product),
                            line.account.name(),
                            side,
                            &amount,
                            &day.to_string(),
                            &actor,
                        ])?;
                        postings += 1;
                    }
                }
            }
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    Ok((postings, replay))
}

fn owner(state: &State, id: PositionId) -> &str {
    let account = state.position(id).and_then(|(running, _)| state.accounts.get(running.account.index()));
    account.and_then(|account| state.customers.get(account.customer.index())).map_or("", |customer| &customer.id)
}

fn write_positions(verb: &Export, state: &State, file: &mut CsvFile) -> anyhow::Result<usize> {
    let bar = progress("positions", state.running.len() as u64, verb.output);
    let head = [
        "id",
        "customer",
        "product",
        "asset",
        "state",
        "principal",
        "from_funding",
        "from_spot",
        "accrued",
        "distributed",
        "clawed_back",
        "written_off",
    ];
    file.write_record(head.into_iter().chain([
        "value_date",
        "opened_at",
        "closed_at",
        "principal_opened",
        "principal_returned",
        "principal_lost",
        "renewed_from",
        "renewed_into",
    ]))?;
    for index in 0..state.running.len() {
        let id = PositionId::from_index(index);
        let Some(shown) = view::position(state, id).map(|view| shape::position_now(state, &view)) else { continue };
        let word = serde_json::to_value(shown.state)?;
        let none = String::new;
        file.write_record([
            &shown.id,
            &cell(owner(state, id)),
            &cell(&shown.product),
            &cell(&shown.asset),
            word.as_str().unwrap_or(""),
            &shown.principal,
            &shown.from_funding,
            &shown.from_spot,
            &shown.accrued,
            &shown.distributed,
            &shown.clawed_back,
            &shown.written_off,
            &shown.value_date,
            &shown.opened_at,
            &shown.closed_at.unwrap_or_else(none),
            &shown.principal_opened,
            &shown.principal_returned,
            &shown.principal_lost.unwrap_or_else(none),
            &shown.renewed_from.unwrap_or_else(none),
            &shown.renewed_into.unwrap_or_else(none),
        ])?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(state.running.len())
}

fn write_rewards(verb: &Export, state: &State, replay: &Replay, file: &mut CsvFile) -> anyhow::Result<u64> {
    let bar = progress("rewards", state.running.len() as u64, verb.output);
    file.write_record(["day", "position", "customer", "product", "asset", "principal", "highest_rate", "carry_before", "reward"])?;
    let (mut lines, mut failed) = (0u64, None);
    for index in 0..state.running.len() {
        let id = PositionId::from_index(index);
        let Some((running, _)) = state.position(id) else { continue };
        let Some(product) = state.product(running.product) else { continue };
        let (asset, digits) = (shape::symbol(state, product.asset), shape::decimals(state, product.asset));
        days_of(state, id, &replay.segments, |line| {
            lines += 1;
            let written = file.write_record([
                &line.day.to_string(),
                &id.to_string(),
                &cell(owner(state, id)),
                &cell(&product.id),
                &cell(&asset),
                &line.principal.to_text(digits),
                &line.bands.highest().to_text(),
                &line.carry_before.to_string(),
                &line.reward.to_text(digits),
            ]);
            if let Err(error) = written {
                failed.get_or_insert(error);
            }
        });
        bar.inc(1);
    }
    if let Some(error) = failed {
        return Err(error.into());
    }
    bar.finish_and_clear();
    Ok(lines)
}
