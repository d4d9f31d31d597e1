//! Proving, beside the running machine, what a start believed: the chain of the log up to where it was proven before.
//!
//! A start proves what lies behind a signed word ([`usance_store::known_end`]) before anybody is answered, and this thread the rest. Damage
//! that it finds ends the process, names the batch, and takes the word back.

use super::engine::Engine;
use super::launch::spawn;
use super::live::{Lasting, Proof};
use super::settings::SHARD;
use std::thread::JoinHandle;
use std::time::Duration;
use usance_store::recovery::prove;
use usance_store::{Head, Home, Proven, StoreError};

/// How long is waited before the next try where the log could not be read.
const REST: Duration = Duration::from_secs(2);

/// Begins to prove the chain up to `through`, where a signed word was believed for it.
pub(super) fn begin(
    engine: &Engine,
    home: &Home,
    lasting: &Lasting,
    believed: Option<Proven>,
    through: Head,
) -> anyhow::Result<Option<JoinHandle<()>>> {
    let Some(proven) = believed else { return Ok(None) };
    *lasting.proof.lock() = Proof::Signed(proven);
    let (engine, ending, home, lasting) = (engine.weak(), engine.ending(), home.clone(), lasting.clone());
    let goes_on = move || engine.upgrade().is_some_and(|engine| !engine.has_ended());
    let work = move || {
        while goes_on() {
            match home.log_reader().and_then(|reader| prove(reader.as_ref(), SHARD, through, &goes_on)) {
                Ok(true) => {
                    tracing::info!(through = through.seq, "the whole log is proven");
                    *lasting.proof.lock() = Proof::Whole;
                    return;
                }
                Ok(false) => return,
                // What the log lost is judged by whoever looks after its end (`super::loss`).
                Err(_) if ends_before(&home, through) => std::thread::sleep(REST),
                Err(error) if !matches!(error, StoreError::Damaged { .. } | StoreError::Batch(_)) || error.is_hindrance() => {
                    tracing::debug!(%error, "the log is not proven further for now");
                    std::thread::sleep(REST);
                }
                Err(error) => {
                    tracing::error!(%error, "the log is damaged where a start had believed it; this process ends");
                    // The next start proves everything, and refuses.
                    *lasting.proof.lock() = Proof::Nothing;
                    return ending(format!("the log is damaged: {error}"));
                }
            }
        }
    };
    spawn("prover", work).map(Some)
}

/// Whether the log ends before a batch that it had, or cannot say.
fn ends_before(home: &Home, through: Head) -> bool {
    home.log_reader().and_then(|reader| reader.head(SHARD)).map_or(true, |head| head.is_none_or(|head| head.seq < through.seq))
}
