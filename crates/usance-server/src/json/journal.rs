//! The operator's journal: every entry with its postings, and a customer's share of the closes.

use crate::app::App;
use crate::json::shape;
use crate::wire::input::Query;
use crate::wire::page::{Page, limit, place, turn};
use crate::wire::problem::Problem;
use crate::wire::rejected::rejected;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::LogPosition;
use usance_core::ledger::{JournalEntry, Posting, Side, Whose};
use usance_core::machine::{Event, Rejection, State as Machine, post};
use usance_engine::Unavailable;
use usance_engine::lines::{Chosen, Cut, closed_at};
use usance_store::projection::Span;
use utoipa::ToSchema;

/// Filters of the journal.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalFilter {
    customer: Option<String>,
    asset: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// One line of a journal entry.
#[derive(Debug, Serialize, ToSchema)]
pub struct PostingShape {
    account: &'static str,
    /// `debit` or `credit`.
    side: &'static str,
    amount: String,
}

/// A journal entry: its debits equal its credits.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntryShape {
    log_position: String,
    at: String,
    asset: String,
    /// Whose it is, for a customer's entry.
    customer: Option<String>,
    /// Of which product, for the totals of a close and a customer's share of them.
    product: Option<String>,
    /// The staking position, for a customer's share of a close.
    position: Option<String>,
    postings: Vec<PostingShape>,
}

fn entry(state: &Machine, place: u64, at: Timestamp, entry: &JournalEntry) -> EntryShape {
    let line = |posting: &Posting| PostingShape {
        account: posting.account.name(),
        side: if posting.side == Side::Debit { "debit" } else { "credit" },
        amount: shape::amount(state, entry.asset(), posting.amount),
    };
    EntryShape {
        log_position: place.to_string(),
        at: at.to_string(),
        asset: shape::symbol(state, entry.asset()),
        customer: match entry.whose() {
            Whose::Customer(ix) => state.customers.get(ix.index()).map(|customer| customer.id.to_string()),
            _ => None,
        },
        product: match entry.whose() {
            Whose::Product(ix) => Some(shape::product_id(state, ix)),
            _ => None,
        },
        position: None,
        postings: entry.postings().map(line).collect(),
    }
}

/// GET /v1/operator/journal
pub async fn journal_list(State(app): State<App>, Query(filter): Query<JournalFilter>) -> Result<Json<Page<EntryShape>>, Problem> {
    let size = limit(filter.limit.as_deref())?;
    let list = format!("journal {:?} {:?}", filter.customer, filter.asset);
    let before: Option<(u64, u64)> = place(&app.seed, &list, filter.cursor.as_deref())?;
    let found = match &filter.customer {
        Some(customer) => customer_journal(&app, customer, filter.asset.as_deref(), before, size + 1).await?,
        None => platform_journal(&app, filter.asset.as_deref(), before, size + 1).await?,
    };
    Ok(Json(turn(&app.seed, &list, found, size)))
}

type Keyed = ((u64, u64), EntryShape);

/// The whole journal, newest first, straight from the log.
async fn platform_journal(app: &App, asset: Option<&str>, before: Option<(u64, u64)>, size: usize) -> Result<Vec<Keyed>, Problem> {
    const BATCHES: usize = 64;
    let ((asset, shard), through) = app
        .engine
        .read_at(|state, _| {
            (
                asset.map(|symbol| state.asset_ix(symbol).ok_or_else(|| rejected(state, &Rejection::AssetNotFound))),
                state.registry.platform.shard,
            )
        })
        .await?;
    let asset = asset.transpose()?;
    let mut below = before.map_or(through.seq(), |(place, _)| LogPosition::from_number(place).seq()).saturating_add(1);
    let mut found: Vec<Keyed> = Vec::new();
    while found.len() < size {
        let batches = app.engine.log(|reader| reader.read_before(shard, below, BATCHES))?;
        let Some(last) = batches.last() else { break };
        below = last.seq;
        for batch in &batches {
            let mut entries: Vec<Keyed> = Vec::new();
            for (index, bytes) in batch.records().enumerate() {
                let record = usance_store::codec::decode(bytes.map_err(Unavailable::from)?).map_err(Unavailable::from)?;
                let place = LogPosition::new(batch.seq, u16::try_from(index).unwrap_or(u16::MAX)).number();
                app.engine.peek(|state| {
                    let posted = record.fact.events.iter().flat_map(|event| {
                        // A move of the clock closes days on its way; each is stamped with its own end.
                        let at = if let Event::DayClosed(closed) = event { closed_at(state, closed.day) } else { record.fact.at };
                        post::post(state, event).unwrap_or_default().into_iter().map(move |posted| (at, posted))
                    });
                    let of_asset = posted.filter(|(_, entry)| asset.is_none_or(|only| only == entry.asset()));
                    let keyed =
                        of_asset.enumerate().map(|(number, (at, posted))| ((place, number as u64), entry(state, place, at, &posted)));
                    entries.extend(keyed);
                });
            }
            found.extend(entries.into_iter().rev().filter(|(key, _)| before.is_none_or(|before| *key < before)));
        }
    }
    found.truncate(size);
    Ok(found)
}

/// A customer's entries: what the customer did, and its share of every close, which the totals sum up.
async fn customer_journal(
    app: &App,
    customer: &str,
    asset: Option<&str>,
    before: Option<(u64, u64)>,
    size: usize,
) -> Result<Vec<Keyed>, Problem> {
    let mut cut = Cut::take(&app.engine, customer, Chosen { asset, position: None }).await.map_err(|no| app.refused(no))?;
    let through = LogPosition::from_number(before.map_or(cut.through.number(), |(place, _)| place).min(cut.through.number()));
    let is_next = |key: (u64, u64)| before.is_none_or(|before| key < before);
    // One row more than fits: the one at which the page before ended is read again.
    let rows = cut.rows(&app.engine, None, Some(through.number().saturating_add(1)), size + 1)?;
    let mut found: Vec<Keyed> = app.engine.peek(|state| {
        let posted =
            rows.iter().flat_map(|(_, row)| post::post(state, &row.event).unwrap_or_default().into_iter().map(move |posted| (row, posted)));
        // What a customer did comes after the closes of the same record.
        let keyed = posted.map(|(row, posted)| ((row.place.number(), u64::MAX), entry(state, row.place.number(), row.at, &posted)));
        keyed.filter(|(key, _)| is_next(*key)).collect()
    });
    let first = cut.first_day(&app.engine);
    let mut newest: Option<Day> = None;
    loop {
        let span = Span { after: LogPosition::START, through };
        let closes = app.engine.tables(|tables| tables.closes(newest, span, usize::try_from(cut.step_days()).unwrap_or(1)))?;
        let (Some(to), Some(from)) = (closes.first(), closes.last()) else { break };
        let lines = cut.closes(&app.engine, from.day, to.day)?;
        app.engine.peek(|state| {
            for line in &lines {
                let Some(close) = closes.iter().find(|close| close.day == line.day) else { continue };
                for (part, posted) in post::share_of_close(cut.customer, line).unwrap_or_default().into_iter().enumerate() {
                    let number = day_part(line.day) | (line.position.0 & 0xffff_ffff) << 4 | part as u64;
                    let mut shown = entry(state, close.place.number(), closed_at(state, line.day), &posted);
                    (shown.product, shown.position) = (Some(shape::product_id(state, line.product)), Some(line.position.to_string()));
                    if is_next((close.place.number(), number)) {
                        found.push(((close.place.number(), number), shown));
                    }
                }
            }
        });
        newest = Some(from.day);
        // Everything from the oldest close that was read on is there, that one included: a page that lies behind it is whole.
        // Many closes may lie in one record, so it is the day that tells them apart.
        let reached = (from.place.number(), day_part(from.day));
        let enough = found.iter().filter(|(key, _)| *key >= reached).count() >= size;
        if from.day <= first || enough {
            break;
        }
    }
    found.sort_by_key(|(key, _)| std::cmp::Reverse(*key));
    found.truncate(size);
    Ok(found)
}

/// Where the entries of a closed day begin within the key of their record.
fn day_part(day: Day) -> u64 {
    u64::from(day.number().unsigned_abs()) << 36
}
