//! Exits: what waits for coins, by when it comes, and the way back into the product.

use crate::app::App;
use crate::json::exit::{ExitShape, ExitStandingWord};
use crate::json::shape::ProductShape;
use crate::pages::seen::look;
use crate::pages::sheet::{new_key, once};
use crate::pages::shell::{Room, Shell, go, show};
use crate::pages::visitor::{Form, Signed, Visitor};
use crate::wire::input::{Path, Query};
use crate::wire::page::{place, turn};
use crate::wire::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use usance_core::id::LogPosition;
use usance_engine::operations::exit::{self, CancellationAsked};
use usance_store::secrets::Purpose;

/// Exits on one page.
const PAGE: usize = 50;

/// An exit with its product.
struct Listed {
    exit: ExitShape,
    product: Option<ProductShape>,
}

impl Listed {
    fn name(&self) -> &str {
        self.product.as_ref().map_or(self.exit.product.as_str(), |product| product.name.as_str())
    }
    fn standing(&self) -> &'static str {
        match self.exit.standing {
            ExitStandingWord::Waiting => "waiting",
            ExitStandingWord::Paid => "paid",
            ExitStandingWord::Cancelled => "cancelled",
            ExitStandingWord::Lost => "lost",
        }
    }
    fn waits(&self) -> bool {
        self.exit.standing == ExitStandingWord::Waiting
    }
    /// What is withheld of it, if anything is.
    fn withheld(&self) -> Option<&str> {
        Some(self.exit.withheld.as_str()).filter(|withheld| *withheld != "0")
    }
    /// What it has lost, if anything.
    fn lost(&self) -> Option<&str> {
        Some(self.exit.lost.as_str()).filter(|lost| *lost != "0")
    }
    /// Whether it is expected on another day than was promised.
    fn has_moved(&self) -> bool {
        self.exit.expected.as_ref().is_some_and(|expected| *expected != self.exit.promised)
    }
}

#[derive(Template)]
#[template(path = "exits.html")]
struct ExitsPage {
    s: Shell,
    exits: Vec<Listed>,
    next: Option<String>,
    agreement: String,
    key: String,
    fault: Option<String>,
}

/// What GET /exits may carry.
#[derive(Deserialize)]
pub struct ExitsLook {
    cursor: Option<String>,
}

/// GET /exits
pub async fn exits_get(State(app): State<App>, visitor: Visitor, Query(wanted): Query<ExitsLook>) -> Result<Response, Problem> {
    show(&page(&app, &visitor, wanted.cursor.as_deref(), None).await?, StatusCode::OK)
}

async fn page(app: &App, visitor: &Visitor, cursor: Option<&str>, fault: Option<Problem>) -> Result<ExitsPage, Problem> {
    let signed = visitor.customer()?;
    let list = format!("exits {}", signed.caller.acts_for());
    let before: Option<u64> = place(&app.auth.key(Purpose::Cursors)?, &list, cursor)?;
    let seen = look(app, |seen| {
        let found = seen.exits(&signed.caller, before, PAGE + 1)?;
        Ok((found, seen.offered(), seen.agreement_in_force(), seen.shell(visitor, Room::Holdings)))
    });
    let (found, products, agreement, s) = seen.await?;
    let page = turn(&app.auth.key(Purpose::Cursors)?, &list, found, PAGE);
    let of = |exit: &ExitShape| products.iter().find(|product| product.id == exit.product).cloned();
    let exits = page.items.into_iter().map(|exit| Listed { product: of(&exit), exit }).collect();
    let next = page.next_cursor.map(|cursor| format!("/exits?cursor={cursor}"));
    let fault = fault.map(|problem| crate::pages::failure::sentence(&s, &problem, ""));
    Ok(ExitsPage { s, exits, next, agreement, key: new_key()?, fault })
}

/// What is sent by whoever stakes again.
#[derive(Deserialize)]
pub struct CancelForm {
    /// Ticked: the version of the agreement that is accepted.
    #[serde(default)]
    agreement: String,
    #[serde(default)]
    key: String,
}

async fn book(app: &App, signed: &Signed, id: &str, form: CancelForm) -> Result<LogPosition, Problem> {
    let asked = CancellationAsked { agreement: form.agreement };
    let once = once(&form.key, &exit::cancellation_path(id), &asked)?;
    app.booked(exit::cancel(&app.engine, &signed.caller, &once, id, asked).await)
}

/// POST /exits/{id}/cancel
pub async fn cancel_post(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<CancelForm>,
) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    let refused = match book(&app, signed, &id, form).await {
        Ok(place) => return Ok(go(&format!("/receipts/{}?new=1", place.number()))),
        Err(refused) => refused,
    };
    let status = refused.status();
    show(&page(&app, &visitor, None, Some(refused)).await?, status)
}
