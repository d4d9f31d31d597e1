//! Paths that mean to be another: nobody gets where it may not go, and nothing is answered with 5xx.

use super::wire::{Wire, request};
use crate::suite::harness::Server;
use crate::suite::platform::Platform;

/// What a target is answered without a token.
fn asked(server: &Server, target: &str) -> Option<(u16, String)> {
    let mut wire = Wire::to(server);
    wire.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n"));
    let answer = wire.answer()?;
    let problem = answer.header("content-type") == Some("application/problem+json");
    Some((answer.status, if problem { answer.code() } else { answer.text() }))
}

#[test]
fn no_spelling_of_a_path_passes_its_guard() {
    let platform = Platform::new();
    let spellings = [
        "/v1/assets/../operator/books",
        "/v1/assets/%2e%2e/operator/books",
        "/v1/assets/..%2foperator/books",
        "/v1/assets/..;/operator/books",
        "/v1/products/..%2f..%2foperator%2fbooks",
        "/static/../v1/operator/books",
        "/static/x/..%2f..%2fv1%2foperator%2fbooks",
        "//v1/operator/books",
        "/v1//operator/books",
        "/v1/operator//books",
        "/./v1/operator/books",
        "/v1/operator/books/",
        "/v1/operator/books/.",
        "/v1/operator/books;x=y",
        "/v1/operator/books%00",
        "/v1/operator/books%20",
        "/v1/operator%2fbooks",
        "/v1%2foperator%2fbooks",
        "/%76%31/operator/books",
        "/V1/operator/books",
        "/v1/Operator/books",
        "/v1/operator/BOOKS",
        "/v1\\operator\\books",
        "/v1/operator/%c0%aebooks",
        "/v1/operator/b%6fo%6bs",
        "/healthz/../v1/operator/books",
        "/healthz%2f..%2fv1/operator/books",
        "http://test/v1/operator/books",
        "http://test//v1/operator/books",
        "*",
        "/v1/operator/books#fragment",
        "/v1/operator/books%23",
        "/v1/operator/books?",
    ];
    let books = platform.operator.get("/v1/operator/books").text();
    for spelling in spellings {
        let Some((status, said)) = asked(&platform.server, spelling) else { continue };
        assert!(matches!(status, 400 | 401 | 404 | 405), "{spelling}: {status} {said}");
        assert!(
            matches!(said.as_str(), "" | "not_found" | "unauthorized" | "product_not_found" | "malformed_request"),
            "{spelling}: {said}"
        );
        assert_ne!(said, books);
    }
}

#[test]
fn a_role_gets_no_further_by_spelling() {
    let platform = Platform::new();
    let made =
        platform.operator.post("/v1/operator/tokens", serde_json::json!({"name": "ada", "role": "customer", "customer": "alice"})).ok();
    let token = made["token"].as_str().expect("a token");
    for spelling in ["/v1/accounts/../operator/books", "/v1/positions/..%2foperator%2fbooks", "/v1//operator/books", "/v1/operator/books"] {
        let mut wire = Wire::to(&platform.server);
        wire.send(format!("GET {spelling} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\n\r\n"));
        let answer = wire.answer().expect("an answer");
        assert!(matches!(answer.status, 403 | 404), "{spelling}: {} {}", answer.status, answer.text());
    }
}

#[test]
fn names_that_nothing_has_are_not_found() {
    let platform = Platform::new();
    let long = "9".repeat(900);
    let names = [
        "%00",
        "%ff",
        "%c0%ae",
        "%e2%80%ae",
        "..",
        "%2e%2e",
        "%2f",
        "a%2fb",
        "-1",
        "0",
        "01",
        "1e3",
        "18446744073709551616",
        "%",
        "%zz",
        ";",
        "a;b",
        "+",
        "%0d%0a",
        "'",
        long.as_str(),
    ];
    for name in names {
        for path in ["/v1/products/", "/v1/positions/", "/v1/agreements/", "/products/", "/holdings/", "/static/x/", "/receipts/"] {
            let mut wire = Wire::to(&platform.server);
            wire.send(request("GET", &format!("{path}{name}"), "", ""));
            let answer = wire.answer().expect("an answer");
            assert!(matches!(answer.status, 303 | 400 | 404), "{path}{name}: {} {}", answer.status, answer.text());
        }
    }
}
