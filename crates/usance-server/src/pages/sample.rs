//! What only a demo has: entering as a sample customer without a password, and letting the day end.

use crate::app::App;
use crate::auth::identity::address_class;
use crate::json::clock::ClockAsked;
use crate::pages::sheet::{new_key, once};
use crate::pages::shell::go;
use crate::pages::sign_in::{enter, own_path};
use crate::pages::visitor::{Form, Visitor};
use crate::wire::input;
use crate::wire::problem::Problem;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde::Deserialize;
use usance_engine::caller::{Actor, Caller, Credential};
use usance_engine::operations::clock;
use usance_store::{Role, Scopes};

/// Where nothing of a demo may be done.
fn no_demo() -> Problem {
    Problem::not_found("not_found", "This is not a demo.")
}

/// A sample customer.
#[derive(Deserialize)]
pub struct SampleForm {
    customer: String,
    #[serde(default)]
    next: String,
}

/// POST /sign-in/sample: in a demo anybody may enter as a sample customer.
pub async fn sample_post(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(form): Form<SampleForm>,
) -> Result<Response, Problem> {
    if !app.site.sample_customers.contains(&form.customer) {
        return Err(no_demo());
    }
    enter(&app, &visitor, &headers, (&form.customer, Credential::Demo), &own_path(&form.next))
}

/// The end of a day. Two taps name the same one, and a clock that stands there already stays.
#[derive(Deserialize)]
pub struct DayForm {
    to: String,
}

/// POST /sample/next-day: in a demo anybody may let the day end, as its operator would.
pub async fn next_day_post(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(form): Form<DayForm>,
) -> Result<Response, Problem> {
    if app.site.sample_customers.is_empty() {
        return Err(no_demo());
    }
    let to = input::instant("to", &form.to)?;
    let actor = Some(Actor { role: Role::Operator, credential: Credential::Demo, address: address_class(visitor.address) });
    let (scopes, scope) = (Scopes::ALL, "operator:demo-pages".to_owned());
    let operator = Caller { role: Role::Operator, scopes, scope, customer: None, actor };
    let once = once(&new_key()?, clock::PATH, &ClockAsked { to: form.to })?;
    app.booked(clock::move_to(&app.engine, &operator, &once, to).await)?;
    app.go_on().await;
    // Back to the page on which it was asked for.
    let from = headers.get(header::REFERER).and_then(|from| from.to_str().ok()).and_then(|from| from.parse::<axum::http::Uri>().ok());
    Ok(go(&own_path(from.as_ref().and_then(|from| from.path_and_query()).map_or("", |path| path.as_str()))))
}
