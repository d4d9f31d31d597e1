//! The statement over HTTP: JSON in pages, or everything as CSV; and the operator's view of a customer, which shows it.

use crate::app::App;
use crate::auth::credential::Credential;
use crate::json::account::{AccountShape, shapes};
use crate::json::shape;
use crate::wire::accept;
use crate::wire::cell::{cell, crlf_writer};
use crate::wire::fair::Party;
use crate::wire::input::{self, Path, Query};
use crate::wire::page::{LIMIT_MAX, Page, cursor, limit, place};
use crate::wire::problem::Problem;
use crate::wire::rejected::rejected;
use crate::wire::streams::Open;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use usance_core::machine::State as Machine;
use usance_core::machine::movement::MovementKind;
use usance_engine::caller::Caller;
use usance_engine::lines::Cut;
use usance_engine::operations::statement::{self, Asked, Bookmark, Statement, StatementLine, Stop};
use usance_engine::operations::words::AccountWord;
use usance_engine::operations::{account, position};
use usance_store::secrets::Purpose;
use utoipa::ToSchema;

/// Filters of the statement.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementFilter {
    /// Only of this asset.
    pub asset: Option<String>,
    /// Only of this account.
    pub account: Option<AccountWord>,
    /// Only of this product.
    pub product: Option<String>,
    /// Only of this kind.
    pub kind: Option<MovementWord>,
    /// Not before this day.
    pub from: Option<String>,
    /// Not after this day.
    pub to: Option<String>,
    /// Items in the page.
    pub limit: Option<String>,
    /// Where it begins.
    pub cursor: Option<String>,
}

/// What a movement was, on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MovementKind)]
pub enum MovementWord {
    /// Coins came in.
    Deposit,
    /// Coins went out.
    Withdrawal,
    /// Between the two accounts.
    Transfer,
    /// Staked.
    Subscription,
    /// Unstaked.
    Redemption,
    /// Taken back from Funding by an early exit.
    Clawback,
    /// A reward was paid.
    Reward,
    /// A term ended and principal came back.
    Maturity,
    /// Principal that had waited for coins was paid.
    ExitPayment,
    /// A reward for waiting longer than promised.
    ExitReward,
    /// A part of a loss: borne by what is staked or waits, so no line of an account.
    Loss,
    /// A part of what came back of a loss.
    LossReturned,
}

impl From<MovementKind> for MovementWord {
    fn from(kind: MovementKind) -> Self {
        match kind {
            MovementKind::Deposit => MovementWord::Deposit,
            MovementKind::Withdrawal => MovementWord::Withdrawal,
            MovementKind::Transfer => MovementWord::Transfer,
            MovementKind::Subscription => MovementWord::Subscription,
            MovementKind::Redemption => MovementWord::Redemption,
            MovementKind::Clawback => MovementWord::Clawback,
            MovementKind::Reward => MovementWord::Reward,
            MovementKind::Maturity => MovementWord::Maturity,
            MovementKind::ExitPayment => MovementWord::ExitPayment,
            MovementKind::ExitReward => MovementWord::ExitReward,
            MovementKind::Loss => MovementWord::Loss,
            MovementKind::LossReturned => MovementWord::LossReturned,
        }
    }
}

impl MovementWord {
    /// The word itself.
    #[must_use]
    pub const fn word(self) -> &'static str {
        self.kind().word()
    }
    /// What it names.
    const fn kind(self) -> MovementKind {
        match self {
            MovementWord::Deposit => MovementKind::Deposit,
            MovementWord::Withdrawal => MovementKind::Withdrawal,
            MovementWord::Transfer => MovementKind::Transfer,
            MovementWord::Subscription => MovementKind::Subscription,
            MovementWord::Redemption => MovementKind::Redemption,
            MovementWord::Clawback => MovementKind::Clawback,
            MovementWord::Reward => MovementKind::Reward,
            MovementWord::Maturity => MovementKind::Maturity,
            MovementWord::ExitPayment => MovementKind::ExitPayment,
            MovementWord::ExitReward => MovementKind::ExitReward,
            MovementWord::Loss => MovementKind::Loss,
            MovementWord::LossReturned => MovementKind::LossReturned,
        }
    }
}

/// One movement of Spot or Funding.
#[derive(Debug, Serialize, ToSchema)]
pub struct MovementShape {
    /// When.
    pub at: String,
    /// The asset's symbol.
    pub asset: String,
    /// Spot or Funding.
    pub account: AccountWord,
    /// What moved.
    pub kind: MovementWord,
    /// Below zero when it went out.
    pub amount: String,
    /// The account's balance after it.
    pub balance: String,
    /// The closed day of a reward or maturity.
    pub day: Option<String>,
    /// The position's number.
    pub position: Option<String>,
    /// The product's id.
    pub product: Option<String>,
    /// The wallet's reference.
    pub reference: Option<String>,
}

fn movement(state: &Machine, line: &StatementLine) -> MovementShape {
    let moved = &line.moved;
    MovementShape {
        at: line.at.to_string(),
        asset: shape::symbol(state, moved.asset),
        account: moved.account.into(),
        kind: moved.kind.into(),
        amount: shape::balance(state, moved.asset, moved.amount),
        balance: shape::balance(state, moved.asset, line.balance),
        day: moved.day.map(|day| day.to_string()),
        position: moved.position.map(|id| id.to_string()),
        product: moved.product.map(|product| shape::product_id(state, product)),
        reference: moved.reference.clone(),
    }
}

/// Everything at once.
const CSV: &str = "text/csv";
/// The forms of a statement.
pub const FORMS: [&str; 2] = ["application/json", CSV];

/// GET /v1/statement: JSON in pages, or everything as CSV.
pub async fn statement_get(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Query(asked): Query<StatementFilter>,
) -> Result<Response, Problem> {
    if accept::chosen(&headers, &FORMS)? == CSV {
        let credential = Credential::of_token(&app.auth, &headers)?;
        return statement_csv(app, caller, credential, &asked).await;
    }
    Ok(Json(statement_page(&app, &caller, &asked).await?).into_response())
}

/// Everything of a caller's statement as CSV, for as long as what opened it opens anything.
///
/// # Errors
/// 429 where as many are on their way as may; otherwise as [`statement_get`].
pub async fn statement_csv(app: App, caller: Caller, credential: Credential, asked: &StatementFilter) -> Result<Response, Problem> {
    limit(asked.limit.as_deref())?;
    let open = app.statements.one_more(caller.acts_for(), credential.clone())?;
    let (statement, _) = begin(&app, &caller, asked).await?;
    Ok(csv(app, statement, (Party::of(&caller), credential, open)))
}

/// One page of a caller's statement.
///
/// # Errors
/// For a filter, limit or cursor that cannot be read, and as [`statement::begin`].
async fn statement_page(app: &App, caller: &Caller, asked: &StatementFilter) -> Result<Page<MovementShape>, Problem> {
    let size = limit(asked.limit.as_deref())?;
    let (statement, list) = begin(app, caller, asked).await?;
    page_of(app, statement, &list, size).await
}

/// One page of a caller's statement at a moment that was taken, however much has to be read for it.
///
/// # Errors
/// For a filter, limit or cursor that cannot be read.
pub async fn statement_page_at(app: &App, caller: &Caller, asked: &StatementFilter, cut: Cut) -> Result<Page<MovementShape>, Problem> {
    let size = limit(asked.limit.as_deref())?;
    let (wanted, mark, list) = wanted(app, caller, asked)?;
    let statement = statement::begin_at(&app.engine, cut, wanted, mark).map_err(|refusal| app.refused(refusal))?;
    statement.lift_budget();
    page_of(app, statement, &list, size).await
}

/// The newest lines of a caller's statement at a moment that was taken, at most so many; and whether there are more.
///
/// # Errors
/// For a filter that cannot be read.
pub async fn statement_lines_at(
    app: &App,
    caller: &Caller,
    asked: &StatementFilter,
    (cut, most): (Cut, usize),
) -> Result<(Vec<MovementShape>, bool), Problem> {
    let (wanted, ..) = wanted(app, caller, asked)?;
    let mut statement = statement::begin_at(&app.engine, cut, wanted, None).map_err(|refusal| app.refused(refusal))?;
    statement.lift_budget();
    let (lines, mark) = statement.page(&app.engine, most).await?;
    Ok((app.engine.peek(|state| lines.iter().map(|line| movement(state, line)).collect()), mark.is_some()))
}

async fn page_of(app: &App, mut statement: Statement, list: &str, size: usize) -> Result<Page<MovementShape>, Problem> {
    let (lines, mark) = statement.page(&app.engine, size).await?;
    let key = app.auth.key(Purpose::Cursors)?;
    let next_cursor = mark.map(|mark| cursor(&key, list, &mark));
    let items = app.engine.peek(|state| lines.iter().map(|line| movement(state, line)).collect());
    Ok(Page { items, next_cursor })
}

/// A statement from where the cursor stands, and the name of the list that the cursor belongs to.
async fn begin(app: &App, caller: &Caller, asked: &StatementFilter) -> Result<(Statement, String), Problem> {
    let (wanted, mark, list) = wanted(app, caller, asked)?;
    let begun = statement::begin(&app.engine, caller, wanted, mark).await.map_err(|refusal| app.refused(refusal))?;
    Ok((begun, list))
}

/// What is asked for, where the cursor stands, and the name of the list that the cursor belongs to.
fn wanted<'a>(app: &App, caller: &Caller, asked: &'a StatementFilter) -> Result<(Asked<'a>, Option<Bookmark>, String), Problem> {
    let StatementFilter { asset, account, product, kind, from, to, .. } = asked;
    let list = format!("statement {} {asset:?} {account:?} {product:?} {kind:?} {from:?} {to:?}", caller.acts_for());
    let mark: Option<Bookmark> = place(&app.auth.key(Purpose::Cursors)?, &list, asked.cursor.as_deref())?;
    let (from, to) = input::days(from.as_deref(), to.as_deref())?;
    let wanted = Asked {
        asset: asset.as_deref(),
        account: account.map(Into::into),
        product: product.as_deref(),
        kind: kind.map(MovementWord::kind),
        from,
        to,
    };
    Ok((wanted, mark, list))
}

/// Pages of a statement on their way to a client that takes them one by one.
type CsvSender = tokio::sync::mpsc::Sender<Result<Bytes, std::io::Error>>;

/// Streams a statement as CSV, a page at a time, as fast as the client takes it and for as long as it may have it.
fn csv(app: App, statement: Statement, (party, credential, open): (Party, Credential, Open<Credential>)) -> Response {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    statement.lift_budget();
    tokio::spawn(async move {
        let ended = tokio::select! {
            ended = csv_pages(&app, statement, (party, credential), &sender) => ended,
            () = open.over() => Err(revoked()),
            // Nobody takes it any more.
            () = sender.closed() => Ok(()),
        };
        if let Err(why) = ended {
            // The status is sent already: a cut stream is how the client learns that it is not whole.
            let _ = sender.send(Err(why)).await;
        }
    });
    let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let headers =
        [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CONTENT_DISPOSITION, "attachment; filename=\"statement.csv\"")];
    (headers, Body::from_stream(stream)).into_response()
}

fn revoked() -> std::io::Error {
    std::io::Error::other("what opened this statement opens nothing any more")
}

async fn csv_pages(
    app: &App,
    mut statement: Statement,
    (party, credential): (Party, Credential),
    sender: &CsvSender,
) -> Result<(), std::io::Error> {
    let mut head = true;
    loop {
        if !app.auth.still_opens(&credential) {
            return Err(revoked());
        }
        // A place is held while a page is made, and not while somebody slow takes it.
        let Some(place) = app.admission.statements.enter_in_time(party.clone()).await else { return Ok(()) };
        let read = statement.next(&app.engine, LIMIT_MAX).await;
        drop(place);
        let (lines, stop) = read.map_err(std::io::Error::other)?;
        let text = app.engine.peek(|state| csv_text(state, &lines, head))?;
        head = false;
        if sender.send(Ok(Bytes::from(text))).await.is_err() || stop == Stop::End {
            return Ok(());
        }
    }
}

fn csv_text(state: &Machine, lines: &[StatementLine], head: bool) -> Result<Vec<u8>, std::io::Error> {
    let mut writer = crlf_writer(Vec::new());
    if head {
        writer.write_record(["at", "asset", "account", "kind", "amount", "balance", "day", "position", "product", "reference"])?;
    }
    for line in lines {
        let shown = movement(state, line);
        let account = if shown.account == AccountWord::Spot { "spot" } else { "funding" };
        let word = |text: Option<String>| text.unwrap_or_default();
        writer.write_record([
            &shown.at,
            &cell(&shown.asset),
            account,
            shown.kind.word(),
            &shown.amount,
            &shown.balance,
            &word(shown.day),
            &word(shown.position),
            &cell(&word(shown.product)),
            &cell(&word(shown.reference)),
        ])?;
    }
    writer.into_inner().map_err(|error| std::io::Error::other(error.to_string()))
}

/// A customer, as an operator sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerView {
    id: String,
    accounts: Vec<AccountShape>,
    /// The newest 500 positions.
    positions: Vec<shape::PositionShape>,
    /// The newest 100 lines of the statement.
    statement: Vec<MovementShape>,
}

/// GET /v1/operator/customers/{id}: accounts, positions and the newest of the statement. The whole lists are the customer
/// routes, with the customer named in the header.
pub async fn customer_get(State(app): State<App>, Path(id): Path<String>) -> Result<Json<CustomerView>, Problem> {
    let begun = statement::begin(&app.engine, &Caller::customer(&id), Asked::default(), None).await;
    let mut newest = begun.map_err(|refusal| app.refused(refusal))?;
    let (accounts, positions) = app
        .engine
        .read(|state, now| {
            Ok::<_, Problem>((
                account::list_at(state, now, &id).map(|found| shapes(state, &found)).map_err(|no| rejected(state, &no))?,
                position::list_at(state, &id, &position::Filter::default(), LIMIT_MAX)
                    .map(|found| found.iter().map(|view| shape::position(state, view)).collect())
                    .map_err(|no| rejected(state, &no))?,
            ))
        })
        .await??;
    newest.lift_budget();
    let (lines, _) = newest.next(&app.engine, 100).await?;
    let statement: Vec<MovementShape> = app.engine.peek(|state| lines.iter().map(|line| movement(state, line)).collect());
    Ok(Json(CustomerView { id, accounts, positions, statement }))
}
