//! Scripts, styles and the icon: built into the binary, served under a name that holds their hash, kept by browsers for a year.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::LazyLock;

/// One file that pages ask for.
pub struct File {
    /// Its name in the repository.
    pub name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

/// Every file.
pub const FILES: [File; 4] = [
    File { name: "app.css", kind: "text/css; charset=utf-8", bytes: include_bytes!("../../static/app.css") },
    File { name: "app.js", kind: "text/javascript; charset=utf-8", bytes: include_bytes!("../../static/app.js") },
    File { name: "htmx.min.js", kind: "text/javascript; charset=utf-8", bytes: include_bytes!("../../static/htmx.min.js") },
    File { name: "icon.svg", kind: "image/svg+xml", bytes: include_bytes!("../../static/icon.svg") },
];

static ADDRESSES: LazyLock<Vec<String>> =
    LazyLock::new(|| FILES.iter().map(|file| format!("/static/{}/{}", mark(file), file.name)).collect());

/// The first bytes of a file's hash: a changed file has another address.
fn mark(file: &File) -> String {
    blake3::hash(file.bytes).to_hex()[..12].to_owned()
}

/// Where a file lies; empty for one that is not there, which a test finds.
#[must_use]
pub fn address(name: &str) -> &'static str {
    FILES.iter().position(|file| file.name == name).map_or("", |at| ADDRESSES[at].as_str())
}

/// GET /static/{mark}/{name}
pub async fn file_get(Path((_, name)): Path<(String, String)>) -> Response {
    match FILES.iter().find(|file| file.name == name) {
        Some(file) => {
            let headers = [(header::CONTENT_TYPE, file.kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
            (headers, file.bytes).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// GET /favicon.ico: what browsers ask for by themselves.
pub async fn icon_get() -> Response {
    file_get(Path((String::new(), "icon.svg".to_owned()))).await
}
