//! Scripts, styles and the icon: built into the binary, served under a name that holds their hash (`pages/file`),
//! kept by browsers for a year.

use std::sync::LazyLock;

/// One file that pages ask for.
pub struct File {
    /// Its name in the repository.
    pub name: &'static str,
    /// Its type on the wire.
    pub kind: &'static str,
    /// What is in it.
    pub bytes: &'static [u8],
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

/// Digits of a mark.
pub const MARK_DIGITS: usize = 12;

/// The first bytes of a file's hash: a changed file has another address.
fn mark(file: &File) -> String {
    blake3::hash(file.bytes).to_hex()[..MARK_DIGITS].to_owned()
}

/// Where a file lies; empty for one that is not there, which a test finds.
#[must_use]
pub fn address(name: &str) -> &'static str {
    FILES.iter().position(|file| file.name == name).map_or("", |at| ADDRESSES[at].as_str())
}
