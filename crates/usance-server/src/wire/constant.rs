//! Bytes that are the same for everybody: compressed once, and handed out as their reader takes them.

use super::accept::takes_gzip;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// Bytes, and the same compressed.
pub struct Constant {
    plain: Bytes,
    packed: Bytes,
}

impl Constant {
    /// Compresses bytes, as well as can be: it is done once.
    #[must_use]
    pub fn of(plain: Bytes) -> Constant {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        let packed = packer.write_all(&plain).and_then(|()| packer.finish());
        // Memory takes whatever is written; were it not so, the plain bytes are right, too.
        let packed = packed.ok().filter(|packed| packed.len() < plain.len()).map_or_else(|| plain.clone(), Bytes::from);
        Constant { plain, packed }
    }

    /// The answer to whoever sent these headers.
    #[must_use]
    pub fn answer(&self, headers: &HeaderMap, kind: &'static str) -> Response {
        let is_packed = self.packed.len() < self.plain.len() && takes_gzip(headers);
        let mut response = Response::new(Body::from(if is_packed { &self.packed } else { &self.plain }.clone()));
        let told = response.headers_mut();
        told.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        told.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if is_packed {
            told.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}
