//! Assets: what a customer has of each coin, what it earned, and what is earning now.

use crate::app::App;
use crate::json::account::AccountShape;
use crate::json::shape::{AvailabilityWord, ProductShape};
use crate::pages::products::by_rate;
use crate::pages::seen::look;
use crate::pages::shell::{Room, Shell, show};
use crate::pages::visitor::Visitor;
use crate::wire::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

/// A coin that is held, and the best that is offered for it.
struct Held {
    account: AccountShape,
    best_apr: Option<String>,
}

#[derive(Template)]
#[template(path = "assets.html", blocks = ["live"])]
struct AssetsPage {
    s: Shell,
    held: Vec<Held>,
    others: Vec<(String, String)>,
}

/// GET /assets
pub async fn assets_get(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    let seen = look(&app, |seen| Ok((seen.accounts(&signed.caller)?, seen.offered(), seen.shell(&visitor, Room::Assets))));
    let (accounts, mut products, s) = seen.await?;
    products.retain(|product| product.availability == AvailabilityWord::Available);
    let others = s.coins.iter().filter(|coin| accounts.iter().all(|account| account.asset != coin.symbol));
    let others = others.filter_map(|coin| Some((coin.symbol.clone(), best_apr(&products, &coin.symbol)?))).collect();
    let held = accounts.into_iter().map(|account| Held { best_apr: best_apr(&products, &account.asset), account }).collect();
    let page = AssetsPage { s, held, others };
    if visitor.wants_fragment { show(&page.as_live(), StatusCode::OK) } else { show(&page, StatusCode::OK) }
}

/// The highest reference APR that is offered for a coin now.
fn best_apr(products: &[ProductShape], asset: &str) -> Option<String> {
    let rates = products.iter().filter(|product| product.asset == asset).filter_map(|product| product.reference_apr.clone());
    rates.max_by(|left, right| by_rate(left, right))
}
