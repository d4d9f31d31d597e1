//! Every error as RFC 9457 `application/problem+json`. Which rejection of a rule becomes which problem stands in `rejected`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use usance_engine::Unavailable;

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
            Unavailable::StoreFull => "store_full",
            Unavailable::BatchesLost { .. } => "batches_lost",
            Unavailable::ProjectionBehind { .. } => "projection_behind",
            Unavailable::Store(_) => "store_unreadable",
        };
        if let Unavailable::Store(reason) = &unavailable {
            tracing::error!(reason, "a read failed");
        }
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, outward(&unavailable)).retry_after(1);
        match unavailable {
            Unavailable::NotWriter { writer: Some(writer) } => problem.with("writer", writer),
            Unavailable::ProjectionBehind { reached, wanted } => problem.with("reached", reached).with("wanted", wanted),
            _ => problem,
        }
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
