//! The host that a request names: once, and as one, or the request is nobody's.
//!
//! RFC 9112 (3.2) wants 400 for HTTP/1.1 without a `Host`, with several, or with one that is none: two readers of such a request
//! might think of different sites. What it names is believed by nobody here.

use crate::wire::headers::fill;
use crate::wire::problem::Problem;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Version, header};
use axum::response::{IntoResponse, Response};

/// The answer to a request that does not say where it is meant to go, if this is one.
pub(super) fn refusal(version: Version, headers: &HeaderMap) -> Option<Response> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let is_named = match (hosts.next(), hosts.next()) {
        (None, None) => version < Version::HTTP_11,
        (Some(host), None) => is_host(host),
        _ => false,
    };
    if is_named {
        return None;
    }
    let mut response = Problem::malformed("Host: one header, with a host and perhaps a port").into_response();
    fill(response.headers_mut());
    // Whatever stands behind it is not read either.
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    Some(response)
}

/// Whether a value is a host and perhaps a port. An empty one is, too: where nobody is named.
fn is_host(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    bytes.is_empty() || (!bytes.contains(&b'@') && Authority::try_from(bytes).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(version: Version, hosts: &[&'static str]) -> bool {
        let headers = hosts.iter().map(|host| (header::HOST, HeaderValue::from_static(host)));
        let mut named = HeaderMap::new();
        headers.for_each(|(name, value)| {
            named.append(name, value);
        });
        refusal(version, &named).is_some()
    }

    #[test]
    fn a_host_is_named_once_and_is_one() {
        for host in ["", "test", "test:8080", "127.0.0.1:80", "[::1]:80", "xn--fiqs8s.example"] {
            assert!(!is_refused(Version::HTTP_11, &[host]), "{host}");
        }
        for host in ["a/b", "a/b@c", "user@test", "a b"] {
            assert!(is_refused(Version::HTTP_11, &[host]), "{host}");
        }
        for version in [Version::HTTP_10, Version::HTTP_11] {
            assert!(is_refused(version, &["test", "test"]) && is_refused(version, &["", "test"]));
        }
        assert!(is_refused(Version::HTTP_11, &[]) && !is_refused(Version::HTTP_10, &[]), "the older one knows none");
    }
}
