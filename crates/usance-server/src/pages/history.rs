//! What happened on Spot and Funding: filtered, page by page, as a file, and for the printer.

use crate::app::App;
use crate::auth::credential::Credential;
use crate::json::shape::ProductShape;
use crate::json::statement::{MovementShape, StatementFilter, statement_csv, statement_lines_at, statement_page_at};
use crate::pages::failure::sentence;
use crate::pages::products::product_name;
use crate::pages::receipt::account_word;
use crate::pages::seen::{Seen, look as look_at, look_back};
use crate::pages::shell::{Room, Shell, show};
use crate::pages::visitor::Visitor;
use crate::wire::input::{self, Query};
use crate::wire::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use usance_core::machine::movement::MovementKind;
use usance_engine::lines::Chosen;
use usance_engine::operations::words::AccountWord;

/// Lines on one page.
const PAGE: usize = 50;
/// Lines on paper, at most: the file has no limit.
const PAPER: usize = 2_000;

/// What GET /history may carry.
#[derive(Clone, Default, Deserialize)]
pub struct HistoryLook {
    #[serde(default)]
    asset: String,
    #[serde(default)]
    account: String,
    #[serde(default)]
    product: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    cursor: Option<String>,
}

impl HistoryLook {
    fn filter(&self, limit: usize) -> Result<StatementFilter, Problem> {
        let unknown = |field: &str| Problem::malformed(format!("{field}: not one of the choices"));
        let account = [AccountWord::Spot, AccountWord::Funding].into_iter().find(|account| account_word(*account) == self.account);
        let kind = MovementKind::ALL.into_iter().find(|kind| kind.word() == self.kind);
        if account.is_none() && !self.account.is_empty() {
            return Err(unknown("account"));
        }
        if kind.is_none() && !self.kind.is_empty() {
            return Err(unknown("kind"));
        }
        let filled = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        Ok(StatementFilter {
            asset: filled(&self.asset),
            account,
            product: filled(&self.product),
            kind: kind.map(Into::into),
            from: filled(&self.from),
            to: filled(&self.to),
            limit: Some(limit.to_string()),
            cursor: self.cursor.clone(),
        })
    }

    /// The same choice as a query.
    fn query(&self) -> String {
        let pairs = [
            ("asset", &self.asset),
            ("account", &self.account),
            ("product", &self.product),
            ("kind", &self.kind),
            ("from", &self.from),
            ("to", &self.to),
        ];
        serde_urlencoded::to_string(pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>()).unwrap_or_default()
    }
}

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage {
    s: Shell,
    look: HistoryLook,
    query: String,
    lines: Vec<MovementShape>,
    products: Vec<ProductShape>,
    older: Option<String>,
    fault: Option<String>,
}

#[derive(Template)]
#[template(path = "history_print.html")]
struct PrintPage {
    s: Shell,
    look: HistoryLook,
    lines: Vec<MovementShape>,
    products: Vec<ProductShape>,
    cut: bool,
}

fn account_name(s: &Shell, line: &MovementShape) -> String {
    s.word("account", account_word(line.account))
}

impl HistoryPage {
    fn kinds(&self) -> [&'static str; 12] {
        MovementKind::ALL.map(MovementKind::word)
    }
    fn is_kind(&self, kind: &str) -> bool {
        self.look.kind == kind
    }
    /// A day as a date field takes it: what is none leaves the field empty.
    fn day<'a>(&self, text: &'a str) -> &'a str {
        if input::day("", text).is_ok() { text } else { "" }
    }
    fn account(&self, line: &MovementShape) -> String {
        account_name(&self.s, line)
    }
    fn name<'a>(&'a self, id: &'a str) -> &'a str {
        product_name(&self.products, id)
    }
}

impl PrintPage {
    /// What was chosen, by name.
    fn chosen(&self) -> Vec<(String, String)> {
        let (s, look) = (&self.s, &self.look);
        let word = |family: &str, word: &str| if word.is_empty() { String::new() } else { s.word(family, word) };
        let day = |day: &str| if day.is_empty() { String::new() } else { s.f.day(day) };
        let product = if look.product.is_empty() { "" } else { self.name(&look.product) };
        let all = [
            ("coin", look.asset.clone()),
            ("account", word("account", &look.account)),
            ("product", product.to_owned()),
            ("kind", word("movement", &look.kind)),
            ("from-day", day(&look.from)),
            ("to-day", day(&look.to)),
        ];
        all.into_iter().filter(|(_, value)| !value.is_empty()).map(|(label, value)| (s.t(label), value)).collect()
    }
    fn account(&self, line: &MovementShape) -> String {
        account_name(&self.s, line)
    }
    fn name<'a>(&'a self, id: &'a str) -> &'a str {
        product_name(&self.products, id)
    }
}

/// What of a customer's past a choice is about.
fn chosen(filter: &StatementFilter) -> Chosen<'_> {
    Chosen { asset: filter.asset.as_deref(), ..Chosen::default() }
}

/// GET /history
pub async fn history_get(State(app): State<App>, visitor: Visitor, Query(look): Query<HistoryLook>) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    let around = |seen: &Seen<'_>| Ok((seen.shell(&visitor, Room::History), seen.offered()));
    let found = match look.filter(PAGE) {
        Ok(filter) => {
            let taken = look_back(&app, &signed.caller, chosen(&filter), around).await;
            match taken {
                Ok((cut, shown)) => statement_page_at(&app, &signed.caller, &filter, cut).await.map(|page| (page, shown)),
                Err(problem) => Err(problem),
            }
        }
        Err(problem) => Err(problem),
    };
    let query = look.query();
    // A choice that cannot be read is said, and the form keeps it.
    let (s, products, lines, cursor, fault) = match found {
        Ok((page, (s, products))) => (s, products, page.items, page.next_cursor, None),
        Err(problem) if problem.status().is_client_error() => {
            let (s, products) = look_at(&app, around).await?;
            let fault = sentence(&s, &problem, &look.asset);
            (s, products, Vec::new(), None, Some(fault))
        }
        Err(problem) => return Err(problem),
    };
    let joint = if query.is_empty() { "" } else { "&" };
    let older = cursor.map(|cursor| format!("/history?{query}{joint}cursor={cursor}"));
    let status = if fault.is_none() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    show(&HistoryPage { s, look, query, lines, products, older, fault }, status)
}

/// GET /history/print
pub async fn print_get(State(app): State<App>, visitor: Visitor, Query(look): Query<HistoryLook>) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    let mut filter = look.filter(500)?;
    filter.cursor = None;
    let seen = look_back(&app, &signed.caller, chosen(&filter), |seen| Ok((seen.shell(&visitor, Room::History), seen.offered())));
    let (past, (s, products)) = seen.await?;
    let (lines, cut) = statement_lines_at(&app, &signed.caller, &filter, (past, PAPER)).await?;
    show(&PrintPage { s, look, lines, products, cut }, StatusCode::OK)
}

/// GET /history.csv: every line of the same choice, streamed.
pub async fn csv_get(State(app): State<App>, visitor: Visitor, Query(look): Query<HistoryLook>) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    let mut filter = look.filter(PAGE)?;
    filter.cursor = None;
    statement_csv(app, signed.caller.clone(), Credential::of_session(&signed.session), &filter).await
}
