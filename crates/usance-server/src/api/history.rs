//! A customer's past: subscriptions, redemptions, transfers, rewards, the statement, acceptances, notices, the journal.

use super::App;
use super::customer::customer;
use super::error::{Problem, rejected};
use super::input::{self, AccountWord, Path, Query};
use super::page::{LIMIT_MAX, Page, cursor, limit, place};
use super::shape::{self, RateShape};
use crate::auth::Caller;
use crate::lines::statement::{Bookmark, Filter, Movement, Walk};
use crate::lines::{Chosen, CloseLine, Cut, closed_at};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::{AssetIx, LogPosition, ProductIx};
use usance_core::ledger::{JournalEntry, LedgerAccount, Posting, Side, Whose, credit, debit};
use usance_core::machine::{Event, Rejection, State as Machine, post};
use usance_core::product::Kind;
use usance_store::projection::{HistoryKind, HistoryRow, Span};
use utoipa::ToSchema;

/// An asset and a page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryFilter {
    asset: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// Rows of some kind over a customer's assets, newest first, before a place in the log.
fn rows(app: &App, cut: &Cut, kind: Option<HistoryKind>, before: Option<u64>, size: usize) -> Result<Vec<(AssetIx, HistoryRow)>, Problem> {
    let through = before.map_or(cut.through, |before| LogPosition::from_number(before.saturating_sub(1)));
    let mut found = Vec::new();
    for (asset, _) in &cut.balances {
        let span = Span { after: LogPosition::START, through };
        let some = app.engine.tables(|tables| tables.history(cut.customer, *asset, span, kind, size))?;
        found.extend(some.into_iter().map(|row| (*asset, row)));
    }
    found.sort_by_key(|(_, row)| std::cmp::Reverse(row.place));
    found.truncate(size);
    Ok(found)
}

async fn history(
    app: &App,
    caller: &Caller,
    filter: &HistoryFilter,
    (name, kind): (&str, HistoryKind),
    show: impl Fn(&Machine, AssetIx, &HistoryRow) -> Value,
) -> Result<Json<Page<Value>>, Problem> {
    let who = customer(caller);
    let size = limit(filter.limit.as_deref())?;
    let list = format!("{name} {who} {:?}", filter.asset);
    let before: Option<u64> = place(app, &list, filter.cursor.as_deref())?;
    let cut = Cut::take(app, &who, Chosen { asset: filter.asset.as_deref(), position: None }).await?;
    let mut found = rows(app, &cut, Some(kind), before, size + 1)?;
    let more = found.len() > size;
    found.truncate(size);
    let next = if more { found.last().map(|(_, row)| cursor(app, &list, &row.place.number())) } else { None };
    let items = app.engine.peek(|state| found.iter().map(|(asset, row)| show(state, *asset, row)).collect());
    Ok(Json(Page { items, next_cursor: next }))
}

/// GET /v1/subscriptions
pub async fn subscription_list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Query(filter): Query<HistoryFilter>,
) -> Result<Json<Page<Value>>, Problem> {
    history(&app, &caller, &filter, ("subscriptions", HistoryKind::Subscription), |state, asset, row| match &row.event {
        Event::Subscribed(event) => json!({
            "subscription_id": event.id.to_string(),
            "position": event.position.to_string(),
            "product": shape::product_id(state, event.product),
            "asset": shape::symbol(state, asset),
            "amount": shape::amount(state, asset, event.amount()),
            "from_funding": shape::amount(state, asset, event.from_funding),
            "from_spot": shape::amount(state, asset, event.from_spot),
            "value_date": event.value_date.to_string(),
            "auto_renew": event.auto_renew,
            "agreement": agreement_version(state, event.agreement.index()),
            "at": row.at.to_string(),
        }),
        _ => Value::Null,
    })
    .await
}

/// GET /v1/redemptions
pub async fn redemption_list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Query(filter): Query<HistoryFilter>,
) -> Result<Json<Page<Value>>, Problem> {
    history(&app, &caller, &filter, ("redemptions", HistoryKind::Redemption), |state, asset, row| match &row.event {
        Event::Redeemed(event) => {
            let mut shown = json!({
                "redemption_id": event.id.to_string(),
                "position": event.position.to_string(),
                "product": shape::product_id(state, event.product),
                "asset": shape::symbol(state, asset),
                "kind": if event.early { "early" } else { "flexible" },
                "at": row.at.to_string(),
            });
            if let Value::Object(fields) = &mut shown {
                fields.extend(shape::figures(state, asset, &event.figures).map(|(name, text)| (name.to_owned(), Value::String(text))));
            }
            shown
        }
        _ => Value::Null,
    })
    .await
}

/// GET /v1/transfers
pub async fn transfer_list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Query(filter): Query<HistoryFilter>,
) -> Result<Json<Page<Value>>, Problem> {
    history(&app, &caller, &filter, ("transfers", HistoryKind::Transfer), |state, asset, row| match &row.event {
        Event::Transferred(event) => json!({
            "transfer_id": event.id.to_string(),
            "asset": shape::symbol(state, asset),
            "from": AccountWord::from(event.from),
            "to": AccountWord::from(shape::other(event.from)),
            "amount": shape::amount(state, asset, event.amount),
            "at": row.at.to_string(),
        }),
        _ => Value::Null,
    })
    .await
}

fn agreement_version(state: &Machine, index: usize) -> String {
    state.registry.agreements.get(index).map(|agreement| agreement.version.clone()).unwrap_or_default()
}

/// GET /v1/acceptances: every subscription accepted an agreement.
pub async fn acceptance_list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Query(filter): Query<HistoryFilter>,
) -> Result<Json<Page<Value>>, Problem> {
    history(&app, &caller, &filter, ("acceptances", HistoryKind::Subscription), |state, _, row| match &row.event {
        Event::Subscribed(event) => json!({
            "version": agreement_version(state, event.agreement.index()),
            "sha256": state.registry.agreements.get(event.agreement.index()).map(|agreement| shape::hex(&agreement.sha256)),
            "accepted_at": row.at.to_string(),
            "subscription_id": event.id.to_string(),
            "position": event.position.to_string(),
        }),
        _ => Value::Null,
    })
    .await
}

/// Filters of reward lines.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewardFilter {
    asset: Option<String>,
    position: Option<String>,
    from: Option<String>,
    to: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// One position's day.
#[derive(Debug, Serialize, ToSchema)]
pub struct RewardShape {
    day: String,
    position: String,
    product: String,
    asset: String,
    /// The principal that earned that day.
    principal: String,
    #[serde(flatten)]
    rate: RateShape,
    /// The rest of the division of the day before, in units of 1 / (365 * 10^8) base units.
    carry_before: String,
    reward: String,
    /// `accrued`, `paid`, `forfeited` or `clawed_back`.
    state: &'static str,
}

fn reward_shape(state: &Machine, line: &CloseLine) -> RewardShape {
    let digits = shape::decimals(state, line.asset);
    RewardShape {
        day: line.day.to_string(),
        position: line.position.to_string(),
        product: shape::product_id(state, line.product),
        asset: shape::symbol(state, line.asset),
        principal: line.principal.to_text(digits),
        rate: shape::bands(digits, &line.bands),
        carry_before: line.carry_before.to_string(),
        reward: line.reward.to_text(digits),
        state: line.state.word(),
    }
}

/// Days looked at in one step back.
const STEP_DAYS: i32 = 64;

/// GET /v1/rewards
pub async fn reward_list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Query(filter): Query<RewardFilter>,
) -> Result<Json<Page<RewardShape>>, Problem> {
    let who = customer(&caller);
    let size = limit(filter.limit.as_deref())?;
    let list = format!("rewards {who} {:?} {:?} {:?} {:?}", filter.asset, filter.position, filter.from, filter.to);
    let before: Option<(i32, u64)> = place(&app, &list, filter.cursor.as_deref())?;
    let from = filter.from.as_deref().map(|text| input::day("from", text)).transpose()?;
    let to = filter.to.as_deref().map(|text| input::day("to", text)).transpose()?;
    let position = match &filter.position {
        None => None,
        Some(text) => Some(input::position(text).ok_or_else(|| app.engine.peek(|state| rejected(state, &Rejection::PositionNotFound)))?),
    };
    let mut cut = Cut::take(&app, &who, Chosen { asset: filter.asset.as_deref(), position }).await?;
    if let (Some(symbol), Some(_)) = (&filter.asset, position) {
        let asset = app.engine.peek(|state| state.asset_ix(symbol));
        cut.subjects.retain(|subject| Some(subject.asset) == asset);
    }
    let first = cut.first_day(&app).max(from.unwrap_or(Day::from_number(i32::MIN)));
    let mut until = to.unwrap_or(cut.last_closed).min(cut.last_closed);
    until = before.map_or(until, |(day, _)| until.min(Day::from_number(day)));
    let mut found: Vec<CloseLine> = Vec::new();
    while until >= first && found.len() <= size {
        let start = until.plus(1 - STEP_DAYS).max(first);
        let lines = cut.closes(&app, start, until)?;
        found.extend(lines.into_iter().rev().filter(|line| before.is_none_or(|before| (line.day.number(), line.position.0) < before)));
        until = start.previous();
    }
    let more = found.len() > size;
    found.truncate(size);
    let next = if more { found.last().map(|line| cursor(&app, &list, &(line.day.number(), line.position.0))) } else { None };
    let items = app.engine.peek(|state| found.iter().map(|line| reward_shape(state, line)).collect());
    Ok(Json(Page { items, next_cursor: next }))
}

/// Filters of the statement.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementFilter {
    asset: Option<String>,
    account: Option<AccountWord>,
    from: Option<String>,
    to: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// One movement of Spot or Funding.
#[derive(Debug, Serialize, ToSchema)]
pub struct MovementShape {
    at: String,
    asset: String,
    account: AccountWord,
    /// `deposit`, `withdrawal`, `transfer`, `subscription`, `redemption`, `clawback`, `reward` or `maturity`.
    kind: &'static str,
    /// Below zero when it went out.
    amount: String,
    /// The account's balance after it.
    balance: String,
    /// The closed day of a reward or maturity.
    day: Option<String>,
    position: Option<String>,
    product: Option<String>,
    reference: Option<String>,
}

fn movement(state: &Machine, line: &Movement) -> MovementShape {
    MovementShape {
        at: line.at.to_string(),
        asset: shape::symbol(state, line.asset),
        account: line.account.into(),
        kind: line.kind.word(),
        amount: shape::balance(state, line.asset, line.amount),
        balance: shape::balance(state, line.asset, line.balance),
        day: line.day.map(|day| day.to_string()),
        position: line.position.map(|id| id.to_string()),
        product: line.product.map(|product| shape::product_id(state, product)),
        reference: line.reference.clone(),
    }
}

/// `from` and `to` are days of the platform, both included.
fn statement_filter(app: &App, asked: &StatementFilter) -> Result<Filter, Problem> {
    let from = asked.from.as_deref().map(|text| input::day("from", text)).transpose()?;
    let to = asked.to.as_deref().map(|text| input::day("to", text)).transpose()?;
    let offset = app.engine.peek(|state| state.registry.platform.offset);
    Ok(Filter {
        account: asked.account.map(Into::into),
        from: from.map(|day| offset.first_instant(day)),
        until: to.map(|day| offset.first_instant(day.next())),
    })
}

/// GET /v1/statement: JSON in pages, or everything as CSV.
pub async fn statement_get(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Query(asked): Query<StatementFilter>,
) -> Result<Response, Problem> {
    let who = customer(&caller);
    let filter = statement_filter(&app, &asked)?;
    let size = limit(asked.limit.as_deref())?;
    let list = format!("statement {who} {:?} {:?} {:?} {:?}", asked.asset, asked.account, asked.from, asked.to);
    let mark: Option<Bookmark> = place(&app, &list, asked.cursor.as_deref())?;
    let cut = Cut::take(&app, &who, Chosen { asset: asked.asset.as_deref(), position: None }).await?;
    let mut walk = Walk::new(cut, mark);
    if headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/csv")) {
        return Ok(csv(app, walk, filter));
    }
    let lines = walk.next(&app, filter, size)?;
    let mark = walk.mark().clone();
    let more = lines.len() == size && !walk.next(&app, filter, 1)?.is_empty();
    let next_cursor = more.then(|| cursor(&app, &list, &mark));
    let items: Vec<MovementShape> = app.engine.peek(|state| lines.iter().map(|line| movement(state, line)).collect());
    Ok(Json(Page { items, next_cursor }).into_response())
}

/// Streams a statement as CSV, a page at a time, as fast as the client takes it.
fn csv(app: App, mut walk: Walk, filter: Filter) -> Response {
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(4);
    tokio::task::spawn_blocking(move || {
        let mut head = true;
        loop {
            let lines = match walk.next(&app, filter, LIMIT_MAX) {
                Ok(lines) => lines,
                Err(problem) => {
                    // The status is sent already: a cut stream is how the client learns that it is not whole.
                    let _ = sender.blocking_send(Err(std::io::Error::other(format!("{problem:?}"))));
                    return;
                }
            };
            let last = lines.len() < LIMIT_MAX;
            let text = app.engine.peek(|state| csv_text(state, &lines, head));
            head = false;
            if sender.blocking_send(text.map(Bytes::from)).is_err() || last {
                return;
            }
        }
    });
    let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let headers =
        [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CONTENT_DISPOSITION, "attachment; filename=\"statement.csv\"")];
    (headers, Body::from_stream(stream)).into_response()
}

fn csv_text(state: &Machine, lines: &[Movement], head: bool) -> Result<Vec<u8>, std::io::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    if head {
        writer.write_record(["at", "asset", "account", "kind", "amount", "balance", "day", "position", "product", "reference"])?;
    }
    for line in lines {
        let shown = movement(state, line);
        let account = if shown.account == AccountWord::Spot { "spot" } else { "funding" };
        let word = |text: Option<String>| text.unwrap_or_default();
        writer.write_record([
            &shown.at,
            &shown.asset,
            account,
            shown.kind,
            &shown.amount,
            &shown.balance,
            &word(shown.day),
            &word(shown.position),
            &word(shown.product),
            &harmless(&word(shown.reference)),
        ])?;
    }
    writer.into_inner().map_err(|error| std::io::Error::other(error.to_string()))
}

/// Free text that a spreadsheet would take for a formula gets a quote in front.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// A notice's place among all: when, of which position (or product), and which of its notices then. It never changes.
type NoticeKey = (i64, u64, u8);

/// GET /v1/notices: rewards paid, rates ahead, maturities near, renewed; newest first.
pub async fn notice_list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Query(filter): Query<HistoryFilter>,
) -> Result<Json<Page<Value>>, Problem> {
    let who = customer(&caller);
    let size = limit(filter.limit.as_deref())?;
    let list = format!("notices {who} {:?}", filter.asset);
    let before: Option<NoticeKey> = place(&app, &list, filter.cursor.as_deref())?;
    let mut cut = Cut::take(&app, &who, Chosen { asset: filter.asset.as_deref(), position: None }).await?;
    let mut notices = app.engine.peek(|state| notices_ahead(state, &cut));
    let (first, mut until) = (cut.first_day(&app), cut.last_closed);
    if let Some((at, ..)) = before {
        let day = app.engine.peek(|state| state.registry.platform.offset.day_of(Timestamp::from_ms(at)));
        until = until.min(day.previous());
    }
    notices.retain(|(key, _)| before.is_none_or(|before| *key < before));
    while until >= first {
        let start = until.plus(1 - STEP_DAYS).max(first);
        let lines = cut.closes(&app, start, until)?;
        let reached = app.engine.peek(|state| {
            for line in &lines {
                let told = close_notices(state, line).into_iter().zip(0..);
                let keyed = told.map(|((at, notice), part)| ((at.ms(), line.position.0, part), notice));
                notices.extend(keyed.filter(|(key, _)| before.is_none_or(|before| *key < before)));
            }
            closed_at(state, start).ms()
        });
        // What lies ahead may have been announced long ago; only what is newer than the days looked at is complete.
        if notices.iter().filter(|(key, _)| key.0 >= reached).count() > size {
            break;
        }
        until = start.previous();
    }
    notices.sort_unstable_by_key(|(key, _)| std::cmp::Reverse(*key));
    let more = notices.len() > size;
    notices.truncate(size);
    let next = if more { notices.last().map(|(key, _)| cursor(&app, &list, key)) } else { None };
    Ok(Json(Page { items: notices.into_iter().map(|(_, notice)| notice).collect(), next_cursor: next }))
}

/// What a close told one position's customer: rewards paid, a term over, a term begun again.
pub fn close_notices(state: &Machine, line: &CloseLine) -> Vec<(Timestamp, Value)> {
    let at = closed_at(state, line.day);
    let text = |amount| shape::amount(state, line.asset, amount);
    let mut notices = Vec::new();
    let base = |kind: &str| {
        json!({
            "kind": kind, "at": at.to_string(), "day": line.day.to_string(), "asset": shape::symbol(state, line.asset),
            "product": shape::product_id(state, line.product), "position": line.position.to_string(),
        })
    };
    let with = |mut notice: Value, more: Value| {
        if let (Value::Object(notice), Value::Object(more)) = (&mut notice, more) {
            notice.extend(more);
        }
        notice
    };
    if !line.paid.is_zero() {
        notices.push((at, with(base("reward_paid"), json!({"amount": text(line.paid)}))));
    }
    if let Some(maturity) = &line.maturity {
        let figures = json!({"to_spot": text(maturity.to_spot), "to_funding": text(maturity.to_funding)});
        match maturity.renewed_into {
            None => notices.push((at, with(base("matured"), figures))),
            Some(next) => notices.push((at, with(with(base("renewed"), figures), json!({"renewed_into": next.to_string()})))),
        }
    }
    notices
}

/// What lies ahead of a customer's active positions: announced rates and maturities within a week.
fn notices_ahead(state: &Machine, cut: &Cut) -> Vec<(NoticeKey, Value)> {
    const NEAR_DAYS: i32 = 7;
    const RATE_AHEAD: u8 = 8;
    const MATURITY_NEAR: u8 = 9;
    let offset = state.registry.platform.offset;
    let mut notices = Vec::new();
    let mut told: Vec<ProductIx> = Vec::new();
    for subject in cut.subjects.iter().filter(|subject| subject.running.is_active()) {
        let Some(product) = state.product(subject.product) else { continue };
        let floating = subject.running.rate_version == usance_core::position::FLOATING;
        if let (true, Some((from, version))) =
            (floating && !told.contains(&subject.product), product.next_version_after(state.registry.open_day))
        {
            told.push(subject.product);
            if let Some(version) = state.registry.rate_versions.get(version.index()) {
                let rate = shape::bands(shape::decimals(state, product.asset), &version.bands);
                let notice = json!({
                    "kind": "rate_ahead", "at": version.announced_at.to_string(), "from": from.to_string(), "product": product.id,
                    "asset": shape::symbol(state, product.asset), "rate": rate.rate, "tiers": rate.tiers,
                });
                notices.push(((version.announced_at.ms(), u64::from(subject.product.0), RATE_AHEAD), notice));
            }
        }
        if let Some(matures) = subject.running.maturity_day(product.kind)
            && matures.since(state.registry.open_day) <= NEAR_DAYS
        {
            let at = offset.first_instant(matures.plus(-NEAR_DAYS)).max(subject.origin.opened_at());
            let notice = json!({
                "kind": "maturity_near", "at": at.to_string(), "matures_at": offset.first_instant(matures).to_string(),
                "product": product.id, "asset": shape::symbol(state, product.asset), "position": subject.id.to_string(),
                "auto_renew": subject.running.auto_renew,
            });
            notices.push(((at.ms(), subject.id.0, MATURITY_NEAR), notice));
        }
    }
    notices
}

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
    let before: Option<(u64, u64)> = place(&app, &list, filter.cursor.as_deref())?;
    let mut found = match &filter.customer {
        Some(customer) => customer_journal(&app, customer, filter.asset.as_deref(), before, size + 1).await?,
        None => platform_journal(&app, filter.asset.as_deref(), before, size + 1).await?,
    };
    let more = found.len() > size;
    found.truncate(size);
    let next = if more { found.last().map(|(key, _)| cursor(&app, &list, key)) } else { None };
    Ok(Json(Page { items: found.into_iter().map(|(_, entry)| entry).collect(), next_cursor: next }))
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
                let record = usance_store::codec::decode(bytes.map_err(crate::engine::Unavailable::from)?)
                    .map_err(crate::engine::Unavailable::from)?;
                let place = LogPosition::new(batch.seq, u16::try_from(index).unwrap_or(u16::MAX)).number();
                app.engine.peek(|state| {
                    let posted = record.events.iter().flat_map(|event| {
                        // A move of the clock closes days on its way; each is stamped with its own end.
                        let at = if let Event::DayClosed(closed) = event { closed_at(state, closed.day) } else { record.at };
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
    let mut cut = Cut::take(app, customer, Chosen { asset, position: None }).await?;
    let through = LogPosition::from_number(before.map_or(cut.through.number(), |(place, _)| place).min(cut.through.number()));
    let is_next = |key: (u64, u64)| before.is_none_or(|before| key < before);
    // One row more than fits: the one at which the page before ended is read again.
    let rows = rows(app, &cut, None, Some(through.number().saturating_add(1)), size + 1)?;
    let mut found: Vec<Keyed> = app.engine.peek(|state| {
        let posted = rows.iter().filter_map(|(_, row)| post::one(state, &row.event).ok().flatten().map(|posted| (row, posted)));
        // What a customer did comes after the closes of the same record.
        let keyed = posted.map(|(row, posted)| ((row.place.number(), u64::MAX), entry(state, row.place.number(), row.at, &posted)));
        keyed.filter(|(key, _)| is_next(*key)).collect()
    });
    let first = cut.first_day(app);
    let mut newest: Option<Day> = None;
    loop {
        let span = Span { after: LogPosition::START, through };
        let closes = app.engine.tables(|tables| tables.closes(newest, span, STEP_DAYS as usize))?;
        let (Some(to), Some(from)) = (closes.first(), closes.last()) else { break };
        let lines = cut.closes(app, from.day, to.day)?;
        app.engine.peek(|state| {
            for line in &lines {
                let Some(close) = closes.iter().find(|close| close.day == line.day) else { continue };
                for (part, posted) in shares(state, line, cut.customer).into_iter().enumerate() {
                    let number = (line.day.number().unsigned_abs() as u64) << 36 | (line.position.0 & 0xffff_ffff) << 4 | part as u64;
                    let mut shown = entry(state, close.place.number(), closed_at(state, line.day), &posted);
                    (shown.product, shown.position) = (Some(shape::product_id(state, line.product)), Some(line.position.to_string()));
                    if is_next((close.place.number(), number)) {
                        found.push(((close.place.number(), number), shown));
                    }
                }
            }
        });
        newest = Some(from.day);
        // Everything behind the oldest close that was read is there; so a page that lies behind it is whole.
        let enough = found.iter().filter(|(key, _)| key.0 > from.place.number()).count() >= size;
        if from.day <= first || enough {
            break;
        }
    }
    found.sort_by_key(|(key, _)| std::cmp::Reverse(*key));
    found.truncate(size);
    Ok(found)
}

/// One position's share of a close's entries.
fn shares(state: &Machine, line: &CloseLine, customer: usance_core::id::CustomerIx) -> Vec<JournalEntry> {
    use LedgerAccount::{CustomerFunding, CustomerPrincipal, CustomerSpot, RewardPool, RewardsPayable};
    let whose = Whose::Customer(customer);
    let fixed = state.product(line.product).is_some_and(|product| product.kind != Kind::Flexible);
    let mut entries = Vec::new();
    let mut add = |lines: &[Posting]| entries.extend(JournalEntry::new(line.asset, whose, lines).ok().filter(|entry| !entry.is_empty()));
    if fixed {
        add(&[debit(RewardPool, line.reward), credit(RewardsPayable, line.reward)]);
        add(&[debit(RewardsPayable, line.paid), credit(CustomerFunding, line.paid)]);
    } else {
        add(&[debit(RewardPool, line.paid), credit(CustomerFunding, line.paid)]);
    }
    if let Some(end) = &line.maturity {
        add(&[
            debit(CustomerPrincipal, end.to_spot.plus(end.to_funding)),
            credit(CustomerSpot, end.to_spot),
            credit(CustomerFunding, end.to_funding),
        ]);
    }
    entries
}

/// GET /v1/operator/customers/{id}: accounts, positions and the newest of the statement.
pub async fn customer_get(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let cut = Cut::take(&app, &id, Chosen::default()).await?;
    let (accounts, positions) = app
        .engine
        .read(|state, _| Ok::<_, Problem>((super::customer::accounts(state, &id)?, super::customer::all_positions(state, &id, LIMIT_MAX)?)))
        .await??;
    let lines = Walk::new(cut, None).next(&app, Filter::default(), 100)?;
    let statement: Vec<MovementShape> = app.engine.peek(|state| lines.iter().map(|line| movement(state, line)).collect());
    Ok(Json(json!({"id": id, "accounts": accounts, "positions": positions, "statement": statement})))
}
