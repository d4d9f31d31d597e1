//! The operator's journal: every entry with its postings, and a customer's share of the closes.

use crate::app::App;
use crate::json::security::ActorShape;
use crate::json::shape;
use crate::wire::input::Query;
use crate::wire::page::{Page, limit, place, turn, turn_part};
use crate::wire::problem::Problem;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use usance_core::id::LogPosition;
use usance_core::ledger::{Posting, Side, Whose};
use usance_core::machine::State as Machine;
use usance_engine::operations::journal::{self, EntryKey, Posted, RecordSeen};
use usance_store::secrets::Purpose;
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
    /// In the books of which day it is: a close is of the day that it closes.
    day: String,
    asset: String,
    /// Whose it is, for a customer's entry.
    customer: Option<String>,
    /// Of which product, for the totals of a close and a customer's share of them.
    product: Option<String>,
    /// The staking position, for a customer's share of a close.
    position: Option<String>,
    /// Who had it decided; null where a day was over, and in records of releases before it was kept.
    actor: Option<ActorShape>,
    postings: Vec<PostingShape>,
}

fn entry(state: &Machine, posted: &Posted) -> EntryShape {
    let entry = &posted.entry;
    let line = |posting: &Posting| PostingShape {
        account: posting.account.name(),
        side: if posting.side == Side::Debit { "debit" } else { "credit" },
        amount: shape::amount(state, entry.asset(), posting.amount),
    };
    let (customer, product) = match entry.whose() {
        Whose::Customer(ix) => (state.customers.get(ix.index()).map(|customer| customer.id.to_string()), None),
        Whose::Product(ix) => (None, Some(ix)),
        Whose::Platform => (None, None),
    };
    EntryShape {
        log_position: posted.key.0.to_string(),
        at: posted.at.to_string(),
        day: posted.day.to_string(),
        asset: shape::symbol(state, entry.asset()),
        customer,
        product: posted.share_of.map(|(product, _)| product).or(product).map(|product| shape::product_id(state, product)),
        position: posted.share_of.map(|(_, position)| position.to_string()),
        actor: posted.actor.map(ActorShape::from),
        postings: entry.postings().map(line).collect(),
    }
}

/// GET /v1/operator/journal
pub async fn journal_list(State(app): State<App>, Query(filter): Query<JournalFilter>) -> Result<Json<Page<EntryShape>>, Problem> {
    let size = limit(filter.limit.as_deref())?;
    let list = format!("journal {:?} {:?}", filter.customer, filter.asset);
    let before: Option<EntryKey> = place(&app.auth.key(Purpose::Cursors)?, &list, filter.cursor.as_deref())?;
    let found = journal::list(&app.engine, filter.customer.as_deref(), filter.asset.as_deref(), before, size + 1).await;
    let found = found.map_err(|refusal| app.refused(refusal))?;
    let shown = app.engine.peek(|state| found.found.iter().map(|posted| (posted.key, entry(state, posted))).collect());
    Ok(Json(turn_part(&app.auth.key(Purpose::Cursors)?, &list, (shown, found.paused_at), size)))
}

/// A record of the log: when, by whom, and what came of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecordShape {
    log_position: String,
    at: String,
    /// Who had it decided; null where a day was over, and in records of releases before it was kept.
    actor: Option<ActorShape>,
    /// What came of it, like `subscribed`; empty where a rule said no, or where what was done is no affair of the books (a token, a
    /// password: see the security events).
    events: Vec<String>,
}

/// Filters of records.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordFilter {
    limit: Option<String>,
    cursor: Option<String>,
}

/// GET /v1/operator/records
pub async fn record_list(State(app): State<App>, Query(filter): Query<RecordFilter>) -> Result<Json<Page<RecordShape>>, Problem> {
    let size = limit(filter.limit.as_deref())?;
    let key = app.auth.key(Purpose::Cursors)?;
    let before: Option<u64> = place(&key, "records", filter.cursor.as_deref())?;
    let found = journal::records(&app.engine, before.map(LogPosition::from_number), size + 1).await;
    let found = found.map_err(|refusal| app.refused(refusal))?;
    let shape = |record: RecordSeen| RecordShape {
        log_position: record.place.to_string(),
        at: record.at.to_string(),
        actor: record.actor.map(ActorShape::from),
        events: record.events.into_iter().map(snake_case).collect(),
    };
    let keyed = found.into_iter().map(|record| (record.place.number(), shape(record))).collect();
    Ok(Json(turn(&key, "records", keyed, size)))
}

/// `RateAnnounced` as `rate_announced`.
fn snake_case(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}
