//! What every answer carries, whoever gave it: the last layer on the way out.
//!
//! Pages say more themselves (`pages`). Here is what holds for the rest too, refusals and what has no route included: nobody
//! frames it, nobody guesses its type, nobody keeps it, and a browser that shows it as a page runs nothing in it.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

/// For whatever is no page: it loads nothing, sends nothing and stands in nobody's frame.
const NOTHING: &str = "default-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// The layer that adds what an answer does not say itself.
pub async fn complete(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    fill(response.headers_mut());
    response
}

/// Adds what an answer does not say itself.
pub fn fill(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, NOTHING),
        // What browsers knew before `frame-ancestors`.
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}
