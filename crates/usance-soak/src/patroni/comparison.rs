//! What was acknowledged against what there is in the end: every customer's statement, then every write once more under its key.
//!
//! The statements come first: a write that was lost is done again when it is repeated.

use super::writer::{Acknowledged, Asker, Field, Writer};
use crate::ledger::compare::{Shown, compare};
use anyhow::Context;
use serde_json::Value;
use std::time::Instant;

/// How it came out.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// Writes that were repeated.
    pub repeated: usize,
    /// When those were acknowledged that the service did not know any more.
    pub lost: Vec<Instant>,
    /// Writes that were answered otherwise.
    pub otherwise: usize,
}

/// Compares everything; what differs is a finding.
///
/// # Errors
/// When the service does not answer any more.
pub fn compare_all(field: &Field, writers: Vec<Writer<'_>>) -> anyhow::Result<Comparison> {
    let mut all = Vec::new();
    for mut writer in writers {
        for (customer, holder) in &mut writer.holders {
            let shown = shown(&Asker::new(field), customer)?;
            if let Err(error) = compare(holder, &shown) {
                field.find(format!("{customer}: {error:#}"));
            }
        }
        all.push(writer.acknowledged);
    }
    let parts = std::thread::scope(|scope| {
        let threads: Vec<_> = all.iter().map(|acknowledged| scope.spawn(|| repeat(field, acknowledged))).collect();
        threads.into_iter().map(|thread| thread.join().ok()).collect::<Option<Vec<_>>>()
    });
    let mut whole = Comparison::default();
    for part in parts.context("a thread that repeated writes panicked")? {
        let part = part?;
        whole.repeated += part.repeated;
        whole.otherwise += part.otherwise;
        whole.lost.extend(part.lost);
    }
    if !whole.lost.is_empty() {
        field.find(format!("{} of {} acknowledged writes were lost", whole.lost.len(), whole.repeated));
    }
    Ok(whole)
}

fn shown(asker: &Asker<'_>, customer: &str) -> anyhow::Result<Shown> {
    let accounts = asker.read("/v1/accounts", customer, "application/json")?.json()?;
    let accounts = accounts.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let statement = asker.read("/v1/statement", customer, "text/csv")?.bytes;
    Ok(Shown { accounts, positions: Vec::new(), statement })
}

/// Sends writes again, under their keys: the same bytes have to come, from memory.
fn repeat(field: &Field, acknowledged: &[Acknowledged]) -> anyhow::Result<Comparison> {
    let asker = Asker::new(field);
    let mut comparison = Comparison::default();
    for Acknowledged { write, answer, at } in acknowledged {
        let again = asker.deliver(write)?;
        comparison.repeated += 1;
        if again.header("idempotency-replayed").is_none() {
            comparison.lost.push(*at);
        }
        if (again.status, &again.bytes) != (answer.status, &answer.bytes) {
            comparison.otherwise += 1;
            field.find(format!("{write:?} was answered {} {}, and now {} {}", answer.status, answer.text(), again.status, again.text()));
        }
    }
    Ok(comparison)
}
