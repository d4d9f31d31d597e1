//! The journal: every entry with its postings, straight from the log; or a customer's, with its share of every close.

use super::state;
use crate::caller::{Actor, Permission, Right};
use crate::life::engine::Engine;
use crate::lines::budget::{Budget, ROW_DAYS};
use crate::lines::{Chosen, Cut, Part, closed_at};
use crate::refusal::Refusal;
use crate::unavailable::Unavailable;
use std::cmp::Reverse;
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::{AssetIx, LogPosition, PositionId, ProductIx};
use usance_core::ledger::JournalEntry;
use usance_core::machine::{Event, State, post, verb};
use usance_store::projection::Span;
use usance_store::{Batch, codec};

/// Who may do what.
pub const RIGHTS: &[Right] = &[("journal_list", Permission::Back), ("record_list", Permission::Back)];

/// Batches that are read from the log at a time.
const BATCHES: usize = 64;

/// An entry's place among all: its record's place in the log, and which of the record's entries it is.
pub type EntryKey = (u64, u64);

/// A journal entry in its place.
#[derive(Clone, Debug)]
pub struct Posted {
    /// Its place among all.
    pub key: EntryKey,
    /// When.
    pub at: Timestamp,
    /// In the books of which day it is.
    pub day: Day,
    /// The entry.
    pub entry: JournalEntry,
    /// Who had it decided; nobody where a day was over, or where the record is older than the field.
    pub actor: Option<Actor>,
    /// Whose share of a close it is, if it is one.
    pub share_of: Option<(ProductIx, PositionId)>,
}

/// A record of the log, without what it holds: when, by whom, and what came of it.
#[derive(Clone, Debug)]
pub struct RecordSeen {
    /// Its place in the log.
    pub place: LogPosition,
    /// When.
    pub at: Timestamp,
    /// Who had it decided; nobody where a day was over, or where the record is older than the field.
    pub actor: Option<Actor>,
    /// The names of its events; none where a rule said no, or where what was done lies elsewhere.
    pub events: Vec<&'static str>,
}

/// The records before a place, newest first, at most so many.
///
/// # Errors
/// An engine that cannot answer now.
pub async fn records(engine: &Engine, before: Option<LogPosition>, most: usize) -> Result<Vec<RecordSeen>, Refusal> {
    let (shard, through) = engine.read_at(|now, _| now.registry.platform.shard).await?;
    let mut below = before.map_or(through.seq(), LogPosition::seq).saturating_add(1);
    let mut found: Vec<RecordSeen> = Vec::new();
    while found.len() < most {
        let batches = engine.log(|reader| reader.read_before(shard, below, BATCHES))?;
        let Some(last) = batches.last() else { break };
        below = last.seq;
        for batch in &batches {
            let mut seen = Vec::new();
            for item in codec::facts(batch) {
                let (place, fact) = item.map_err(Unavailable::from)?;
                let events = fact.events.iter().map(Event::name).collect();
                seen.push(RecordSeen { place, at: fact.at, actor: fact.actor, events });
            }
            found.extend(seen.into_iter().rev().filter(|record| before.is_none_or(|before| record.place < before)));
            if found.len() >= most {
                break;
            }
        }
    }
    found.truncate(most);
    Ok(found)
}

/// Who had the records at these places decided, one after the other.
///
/// # Errors
/// An engine that cannot answer now.
pub fn actors(engine: &Engine, places: impl IntoIterator<Item = LogPosition>) -> Result<Vec<Option<Actor>>, Unavailable> {
    places.into_iter().map(|place| Ok(engine.record(place)?.fact.actor)).collect()
}

/// The entries before a place, newest first, at most so many: of the platform, or of one customer.
///
/// # Errors
/// `asset_not_found`, `customer_not_found`, an engine that cannot answer now.
pub async fn list(
    engine: &Engine,
    customer: Option<&str>,
    asset: Option<&str>,
    before: Option<EntryKey>,
    most: usize,
) -> Result<Part<Posted, EntryKey>, Refusal> {
    let mut part = match customer {
        Some(customer) => of_customer(engine, customer, asset, before, most).await?,
        None => of_platform(engine, asset, before, most).await?,
    };
    part.found.truncate(most);
    Ok(part)
}

/// The whole journal, straight from the log.
async fn of_platform(
    engine: &Engine,
    asset: Option<&str>,
    before: Option<EntryKey>,
    most: usize,
) -> Result<Part<Posted, EntryKey>, Refusal> {
    let look = engine.read_at(|now, _| (asset.map(|symbol| state::asset(now, symbol)).transpose(), now.registry.platform.shard));
    let ((asset, shard), through) = look.await?;
    let asset = asset?;
    let mut below = before.map_or(through.seq(), |(place, _)| LogPosition::from_number(place).seq()).saturating_add(1);
    let mut found: Vec<Posted> = Vec::new();
    let budget = Budget::of_request();
    while found.len() < most {
        let batches = engine.log(|reader| reader.read_before(shard, below, BATCHES))?;
        let Some(last) = batches.last() else { break };
        below = last.seq;
        for batch in &batches {
            let entries = of_batch(engine, batch, asset)?;
            budget.spend((entries.len() as u64 + 1) * ROW_DAYS).await;
            found.extend(entries.into_iter().rev().filter(|posted| before.is_none_or(|before| posted.key < before)));
        }
        if budget.is_used_up() && found.len() < most {
            let paused_at = (LogPosition::new(below, 0).number(), 0);
            return Ok(Part { found, paused_at: Some(paused_at) });
        }
    }
    Ok(Part { found, paused_at: None })
}

/// The entries of a batch, in order.
fn of_batch(engine: &Engine, batch: &Batch, asset: Option<AssetIx>) -> Result<Vec<Posted>, Unavailable> {
    let mut entries = Vec::new();
    for item in codec::facts(batch) {
        let (place, fact) = item?;
        engine.peek(|state| {
            let posted = fact.events.iter().flat_map(|event| {
                let stamp = verb::stamped(state, event, fact.at);
                posted(state, event).map(move |entry| (stamp, entry))
            });
            let of_asset = posted.filter(|(_, entry)| asset.is_none_or(|only| only == entry.asset()));
            let keyed = of_asset.zip(0..).map(|(((at, day), entry), number)| Posted {
                key: (place.number(), number),
                at,
                day,
                entry,
                actor: fact.actor,
                share_of: None,
            });
            entries.extend(keyed);
        });
    }
    Ok(entries)
}

/// The entries of an event. What stands in the log was balanced when it was decided.
fn posted(state: &State, event: &Event) -> impl Iterator<Item = JournalEntry> + use<> {
    verb::post(state, event).unwrap_or_default().into_iter()
}

/// A customer's entries: what the customer did, and its share of every close, which the totals sum up.
async fn of_customer(
    engine: &Engine,
    customer: &str,
    asset: Option<&str>,
    before: Option<EntryKey>,
    most: usize,
) -> Result<Part<Posted, EntryKey>, Refusal> {
    let mut cut = Cut::take(engine, customer, Chosen { asset, ..Chosen::default() }).await?;
    let through = LogPosition::from_number(before.map_or(cut.through.number(), |(place, _)| place).min(cut.through.number()));
    let is_next = |posted: &Posted| before.is_none_or(|before| posted.key < before);
    // One row more than fits: the one at which the page before ended is read again.
    let rows = cut.rows(engine, None, Some(through.number().saturating_add(1)), most.saturating_add(1)).await?;
    let mut found: Vec<Posted> = engine.peek(|state| {
        // What a customer did comes after the closes of the same record.
        let did = rows.iter().flat_map(|(_, row)| {
            let key = (row.place.number(), u64::MAX);
            let (at, day) = verb::stamped(state, &row.event, row.at);
            posted(state, &row.event).map(move |entry| Posted { key, at, day, entry, actor: None, share_of: None })
        });
        did.filter(is_next).collect()
    });
    let first = cut.first_day(engine);
    let (mut newest, mut paused_at): (Option<Day>, _) = (None, None);
    loop {
        let span = Span { after: LogPosition::START, through };
        let closes = engine.tables(cut.through, |tables| tables.closes(newest, span, usize::try_from(cut.step_days()).unwrap_or(1)))?;
        let (Some(to), Some(from)) = (closes.first(), closes.last()) else { break };
        let lines = cut.closes(engine, from.day, to.day).await?;
        engine.peek(|state| {
            for line in &lines {
                let Some(close) = closes.iter().find(|close| close.day == line.day) else { continue };
                let at = closed_at(state, line.day);
                let shares = post::share_of_close(cut.customer, line).unwrap_or_default().into_iter().zip(0_u64..);
                let keyed = shares.map(|(entry, part)| {
                    let number = day_part(line.day) | (line.position.0 & 0xffff_ffff) << 4 | part;
                    Posted {
                        key: (close.place.number(), number),
                        at,
                        day: line.day,
                        entry,
                        actor: None,
                        share_of: Some((line.product, line.position)),
                    }
                });
                found.extend(keyed.filter(is_next));
            }
        });
        newest = Some(from.day);
        // Everything from the oldest close that was read on is there, that one included: a page that lies behind it is whole.
        // Many closes may lie in one record, so it is the day that tells them apart.
        let reached = (from.place.number(), day_part(from.day));
        let is_enough = found.iter().filter(|posted| posted.key >= reached).count() >= most;
        if from.day <= first || is_enough {
            break;
        }
        if cut.budget.is_used_up() {
            // What is older was not looked at yet.
            found.retain(|posted| posted.key >= reached);
            paused_at = Some(reached);
            break;
        }
    }
    found.sort_by_key(|posted| Reverse(posted.key));
    found.truncate(most);
    name_actors(engine, &mut found)?;
    Ok(Part { found, paused_at })
}

/// Names who had a customer's own entries decided: the log says so.
fn name_actors(engine: &Engine, found: &mut [Posted]) -> Result<(), Unavailable> {
    let mut known: Option<(u64, Option<Actor>)> = None;
    for posted in found.iter_mut().filter(|posted| posted.share_of.is_none()) {
        let place = posted.key.0;
        let actor = match known {
            Some((same, actor)) if same == place => actor,
            _ => engine.record(LogPosition::from_number(place))?.fact.actor,
        };
        known = Some((place, actor));
        posted.actor = actor;
    }
    Ok(())
}

/// Where the entries of a closed day begin within the key of their record.
fn day_part(day: Day) -> u64 {
    u64::from(day.number().unsigned_abs()) << 36
}
