//! `usance accept-loss`: give up acknowledged batches that the log has lost and that nobody can put back.

use crate::cli::output::Output;
use crate::cli::store_flags::{StoreFlags, plain_name};
use anyhow::{Context, bail};
use clap::Args;
use std::process::ExitCode;
use usance_core::machine::verb::LossAccepted;
use usance_engine::life::loss;
use usance_engine::life::settings::SHARD;
use usance_store::recovery::recover;
use usance_store::{DataDirectory, Head, Home, round};

/// Give up acknowledged batches that the log has lost, so that it may be written again.
///
/// A database that failed over, or was restored to an earlier moment, may have lost the end of the log. An instance that knows of it
/// writes nothing, and says which batches are lost. First try to put them back: `usance restore` from a copy, or an instance that still
/// runs. What is given up here is gone: customers were told that it was done, and their keys would do it once more. The log keeps a
/// record of who gave up what.
#[derive(Args)]
pub struct AcceptLoss {
    #[command(flatten)]
    place: StoreFlags,
    /// Who gives them up.
    #[arg(long, value_name = "NAME", value_parser = plain_name)]
    by: String,
    /// The last batch that is given up, as it was told.
    #[arg(long, value_name = "BATCH")]
    through: u64,
    #[command(flatten)]
    pub(super) output: Output,
}

/// Runs the verb.
///
/// # Errors
/// With a sentence: nothing is lost, or another batch than the one that is named.
pub fn run(verb: &AcceptLoss) -> anyhow::Result<ExitCode> {
    let home = verb.place.home()?;
    // Files have one writer; on a server the log's primary key decides.
    let directory = match &home {
        Home::Embedded(_) => Some(DataDirectory::open_exclusive(&verb.place.data)?),
        Home::Postgres(_) => DataDirectory::open_shared(&verb.place.data).ok(),
    };
    let mut log = home.log()?;
    let known = loss::known(log.as_ref(), directory.as_ref().map(DataDirectory::path))?;
    let lost = known.context("the log is not known to have lost anything; nothing was changed")?;
    if lost.through.seq != verb.through {
        bail!("what is lost ends with batch {}, and not with {}; nothing was changed", lost.through.seq, verb.through);
    }
    let reader = log.reader()?;
    let snapshots = directory.as_ref().map(DataDirectory::snapshots);
    let recovered = recover(reader.as_ref(), SHARD, snapshots.as_deref(), |_| ())?;
    let state = recovered.state.context("the log holds no platform")?;
    let accepted = LossAccepted { by: verb.by.clone(), ends_at: lost.ends_at, through: lost.through.seq };
    let batch = round::loss_accepted(&state, recovered.head, accepted)?;
    log.append(recovered.head.seq, &batch).into_result(recovered.head.seq)?;
    loss::give_up(log.as_mut(), lost.through.seq)?;
    let Head { seq, hash, .. } = batch.head();
    if verb.output.json {
        let record = serde_json::json!({"batch": seq, "hash": crate::wire::text::hex(&hash)});
        println!("{}", serde_json::json!({"ends_at": lost.ends_at, "through": lost.through.seq, "by": verb.by, "record": record}));
    } else {
        println!("batches {} to {} are given up; the record of that is batch {seq}", lost.ends_at + 1, lost.through.seq);
    }
    Ok(ExitCode::SUCCESS)
}
