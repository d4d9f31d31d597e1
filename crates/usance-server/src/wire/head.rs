//! The head of a request: it names its host once and as one, its target has no `#`, and what decides who asks, for whom, once
//! or as what stands in it once.
//!
//! RFC 9112 (3.2) wants 400 for HTTP/1.1 without a `Host`, with several, or with one that is none: two readers of such a request
//! might think of different sites. What it names is believed by nobody here. The same holds for the other headers: of two lines
//! a gateway in front might have written one, and nobody could say which.

use super::pace::Pace;
use super::problem::Problem;
use crate::wire::headers::fill;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Version, header};
use axum::response::{IntoResponse, Response};

/// What stands in a head once, if it stands there at all. Lists, which may be split over lines, are read whole where they are read.
const ONCE: [&str; 9] = [
    "authorization",
    "usance-customer",
    "idempotency-key",
    "usance-allow-stale",
    "last-event-id",
    "content-type",
    "origin",
    "sec-fetch-site",
    "hx-request-type",
];

/// Refuses a request that says twice what decides who asks, for whom, once or as what: also where both lines say the same.
///
/// # Errors
/// 400 with the header's name.
pub fn once(headers: &HeaderMap) -> Result<(), Problem> {
    match ONCE.into_iter().find(|name| headers.get_all(*name).iter().nth(1).is_some()) {
        Some(name) => Err(Problem::malformed(format!("{name}: this header may stand once")).with("header", name)),
        None => Ok(()),
    }
}

/// The answer to a request that does not say where it is meant to go, if this is one.
pub(super) fn refusal(version: Version, headers: &HeaderMap, pace: &Pace) -> Option<Response> {
    let wrong = if pace.has_fragment() {
        "The target of a request has no fragment; in a path or a query # is written %23"
    } else if is_host_named(version, headers) {
        return None;
    } else {
        "Host: one header, with a host and perhaps a port"
    };
    let mut response = Problem::malformed(wrong).into_response();
    fill(response.headers_mut());
    // Whatever stands behind it is not read either.
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    Some(response)
}

fn is_host_named(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, None) => version < Version::HTTP_11,
        (Some(host), None) => is_host(host),
        _ => false,
    }
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
        let mut named = HeaderMap::new();
        for host in hosts {
            named.append(header::HOST, HeaderValue::from_static(host));
        }
        refusal(version, &named, &Pace::new()).is_some()
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
