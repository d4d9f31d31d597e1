//! Every error as RFC 9457 `application/problem+json`, and the one place that says which rejection gets which status.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use usance_core::id::AssetIx;
use usance_core::machine::{Rejection, State};
use usance_core::money::Amount;
use usance_engine::Unavailable;

use super::shape;

/// An error on its way out.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    numbers: BTreeMap<String, Value>,
    retry_after_seconds: Option<u64>,
}

impl Problem {
    /// An error with a code and a sentence.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Problem { status, code, detail: detail.into(), numbers: BTreeMap::new(), retry_after_seconds: None }
    }
    /// 400: the request could not be read.
    #[must_use]
    pub fn malformed(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, "malformed_request", detail)
    }
    /// 404: nothing there, or not yours.
    #[must_use]
    pub fn not_found(code: &'static str, detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::NOT_FOUND, code, detail)
    }
    /// Adds a number or word that a program can use.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.numbers.insert(name.to_owned(), value.into());
        self
    }
    /// Adds `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }
    /// Seconds after which it is worth trying again.
    #[must_use]
    pub const fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after_seconds
    }
    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }
    /// The name of what is wrong, in snake_case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }
    /// What is wrong, in English.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
    /// The numbers and words that go with it, each as text.
    pub fn numbers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.numbers.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
    }
    /// The body: `type`, `title`, `status`, `detail`, `code` and the numbers.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        /// The fields in the order of RFC 9457, whatever the library's own maps do.
        #[derive(Serialize)]
        struct Body<'a> {
            r#type: String,
            title: String,
            status: u16,
            detail: &'a str,
            code: &'a str,
            #[serde(flatten)]
            numbers: &'a BTreeMap<String, Value>,
        }
        let whole = Body {
            r#type: format!("/problems/{}", self.code),
            title: title(self.code),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            numbers: &self.numbers,
        };
        // Names are text and values are JSON already: nothing here can fail.
        serde_json::to_vec(&whole).unwrap_or_default()
    }
}

/// `above_capacity` as `Above capacity`.
fn title(code: &str) -> String {
    let words = code.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body()).into_response();
        let problem = self.clone();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // For whoever shows it in another form: the guard of the pages does.
        response.extensions_mut().insert(problem);
        response
    }
}

/// Why nobody can be answered, as those outside are told. What failed in the engine or its store names files and servers: that
/// is for the service's own log.
#[must_use]
pub fn outward(unavailable: &Unavailable) -> String {
    match unavailable {
        Unavailable::Stopped(_) => "The engine has stopped; the service's own log says why.".to_owned(),
        Unavailable::Store(_) => "The store could not be read; the service's own log says why.".to_owned(),
        other => other.to_string(),
    }
}

impl From<Unavailable> for Problem {
    fn from(unavailable: Unavailable) -> Self {
        let code = match &unavailable {
            Unavailable::Stopped(_) => "engine_stopped",
            Unavailable::NotWriter { .. } => "not_writer",
            Unavailable::Overloaded => "overloaded",
            Unavailable::ClockUnconfirmed { .. } => "clock_unconfirmed",
            Unavailable::ProjectionBehind => "projection_behind",
            Unavailable::Store(_) => "store_unreadable",
        };
        if let Unavailable::Store(reason) = &unavailable {
            tracing::error!(reason, "a read failed");
        }
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, outward(&unavailable)).retry_after(1);
        match unavailable {
            Unavailable::NotWriter { writer: Some(writer) } => problem.with("writer", writer),
            _ => problem,
        }
    }
}

/// The status of a rejection: 404 for what is not there, 409 where something else came first, 422 where a rule says no.
const fn status(rejection: &Rejection) -> StatusCode {
    match rejection {
        Rejection::CustomerNotFound | Rejection::AssetNotFound | Rejection::ProductNotFound | Rejection::PositionNotFound => {
            StatusCode::NOT_FOUND
        }
        Rejection::QuoteChanged { .. }
        | Rejection::PositionClosed
        | Rejection::ProductClosed
        | Rejection::StatusNotReachable
        | Rejection::DayClosed { .. }
        | Rejection::AlreadyExists => StatusCode::CONFLICT,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// A rejection as a problem, its numbers in the asset's own unit.
#[must_use]
pub fn rejected(state: &State, rejection: &Rejection) -> Problem {
    let text = |asset: &AssetIx, amount: &Amount| shape::amount(state, *asset, *amount);
    let problem = |detail: String| Problem::new(status(rejection), rejection.code(), detail);
    match rejection {
        Rejection::CustomerNotFound => problem("There is no such customer.".into()),
        Rejection::AssetNotFound => problem("There is no such asset.".into()),
        Rejection::ProductNotFound => problem("There is no such product.".into()),
        Rejection::PositionNotFound => problem("This customer has no such position.".into()),
        Rejection::ProductClosed => problem("The product is closed for good.".into()),
        Rejection::StatusNotReachable => problem("A product goes from draft to open, between open and paused, and from either to closed.".into()),
        Rejection::RateMissing => problem("No rate is in force for that day.".into()),
        Rejection::ProductNotOpen => problem("The product takes no subscriptions now.".into()),
        Rejection::OutsideSaleWindow { opens_at, closes_at } => problem("The product's sale has not begun or is over.".into())
            .with("opens_at", opens_at.map(|at| at.to_string()))
            .with("closes_at", closes_at.map(|at| at.to_string())),
        Rejection::AgreementNotAccepted { in_force } => {
            problem("The Staking Service Agreement in force has to be accepted by its version.".into()).with("in_force", in_force.clone())
        }
        Rejection::PositionClosed => problem("The position has ended.".into()),
        Rejection::EarlyRedemptionNotAllowed { matures_at } => {
            problem(format!("This term cannot be left early; it ends at {matures_at}.")).with("matures_at", matures_at.to_string())
        }
        Rejection::PartialNotAllowed { asset, principal } => {
            problem(format!("A fixed term is redeemed whole: {}.", text(asset, principal))).with("principal", text(asset, principal))
        }
        Rejection::SameAccount => problem("A transfer goes from one account to the other.".into()),
        Rejection::AmountInvalid { field } => problem(format!(
            "{} is not a positive amount of this asset: digits like 1.25 or 5e-9, at most 64 characters, a whole number of base units, at most 10^28 of them.",
            field.name()
        ))
        .with("field", field.name()),
        Rejection::TermsInvalid { reason } => problem(format!("The terms do not fit together: {reason}.")),
        Rejection::AlreadyExists => problem("There is one with that name or reference already.".into()),
        Rejection::BelowMinimum { asset, minimum } => problem(format!("The minimum is {}.", text(asset, minimum))).with("minimum", text(asset, minimum)),
        Rejection::NotAStepMultiple { asset, step } => problem(format!("The amount has to be a multiple of {}.", text(asset, step))).with("step", text(asset, step)),
        Rejection::AbovePersonalMaximum { asset, left } => problem(format!("Your personal maximum leaves {}.", text(asset, left))).with("left", text(asset, left)),
        Rejection::AboveCapacity { asset, left } => problem(format!("The product's capacity leaves {}.", text(asset, left))).with("left", text(asset, left)),
        Rejection::AbovePrincipal { asset, principal } => {
            problem(format!("The position holds {}.", text(asset, principal))).with("principal", text(asset, principal))
        }
        Rejection::InsufficientBalance { asset, available } => {
            let available = shape::balance(state, *asset, *available);
            problem(format!("The account holds {available}.")).with("available", available)
        }
        Rejection::RenewalNotAllowed => problem("This position cannot renew by itself: the product is flexible or does not offer it.".into()),
        Rejection::AboveLimit { asset, limit } => problem("A total would pass 10^28 base units.".into()).with("limit", text(asset, limit)),
        Rejection::QuoteChanged { asset, figures } => {
            let mut changed = problem("The quote is missing or has changed; these are the figures now.".into());
            for (name, value) in shape::figures(state, *asset, figures) {
                changed = changed.with(name, value);
            }
            changed
        }
        Rejection::RateNotFuture { earliest } => problem(format!("A rate is announced from {earliest} on, or later.")).with("earliest", earliest.to_string()),
        Rejection::DayClosed { open_day } => problem(format!("The day is closed; the open day is {open_day}.")).with("open_day", open_day.to_string()),
        Rejection::RateAboveReference { reference } => {
            problem(format!("A settled rate caps the reference, which is {}.", reference.to_text())).with("reference_apr", reference.to_text())
        }
        Rejection::ClockNotSimulated => problem("Only a simulated clock can be moved.".into()),
        Rejection::ClockBackwards { now } => problem(format!("The clock stands at {now} and runs forward only.")).with("now", now.to_string()),
        Rejection::ClockMoveTooFar { latest } => problem(format!("One move goes 3,660 days at most: until {latest}.")).with("latest", latest.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_inside_is_not_told_outside() {
        let why = "/var/lib/usance/log.sqlite: postgres://usance@db:5432/one: disk I/O error";
        for (unavailable, code) in
            [(Unavailable::Stopped(why.to_owned()), "engine_stopped"), (Unavailable::Store(why.to_owned()), "store_unreadable")]
        {
            let problem = Problem::from(unavailable);
            let text = String::from_utf8(problem.body()).expect("text");
            assert_eq!((problem.code(), problem.retry_after_seconds()), (code, Some(1)));
            assert!(["/var", "sqlite", "postgres", "disk"].iter().all(|word| !text.contains(word)), "{text}");
        }
        assert!(outward(&Unavailable::Overloaded).contains("try again shortly"), "what names nothing is told");
    }
}
