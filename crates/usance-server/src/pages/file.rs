//! The files of pages as they go out: compressed once, when they are first asked for, and kept by whoever asked under the mark of
//! their bytes.

use crate::look::files::{FILES, MARK_DIGITS, address};
use crate::wire::constant::Constant;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::LazyLock;

static CONSTANTS: LazyLock<Vec<Constant>> =
    LazyLock::new(|| FILES.iter().map(|file| Constant::of(Bytes::from_static(file.bytes))).collect());

/// Under the address that its bytes gave it a file never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Under an address of no mark of its own it may.
const FOR_A_DAY: &str = "public, max-age=86400";
/// Nobody keeps it.
const NOT_AT_ALL: &str = "no-store";

/// GET /static/{mark}/{name}. While one release takes the place of another, a page of one may ask the other for its files: it gets
/// them as they are here, and keeps them under no address that is not theirs.
pub async fn file_get(Path((marked, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let Some(at) = FILES.iter().position(|file| file.name == name).filter(|_| is_mark(&marked)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let is_own = address(FILES[at].name).split('/').nth(2) == Some(marked.as_str());
    file(at, &headers, if is_own { FOR_EVER } else { NOT_AT_ALL })
}

/// GET /favicon.ico: what browsers ask for by themselves.
pub async fn icon_get(headers: HeaderMap) -> Response {
    match FILES.iter().position(|file| file.name == "icon.svg") {
        Some(at) => file(at, &headers, FOR_A_DAY),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Whether a text may be the mark of some release.
fn is_mark(text: &str) -> bool {
    text.len() == MARK_DIGITS && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

fn file(at: usize, headers: &HeaderMap, kept: &'static str) -> Response {
    let mut response = CONSTANTS[at].answer(headers, FILES[at].kind);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    response
}
