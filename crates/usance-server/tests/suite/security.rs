//! What must not happen, and does not: every threat of `docs/SECURITY.md` that can be tried over HTTP is tried here.
//!
//! Scripts planted in texts are tried in `browser`, in a real one. [`Jar`] is somebody with a browser's cookies, at an address.

mod document;
mod entry;
mod files;
mod forms;
mod injection;
mod roles;
mod secrets;
mod thief;
mod ways_in;

use super::harness::{Answer, Client, Server, Start};
use super::platform::Platform;
use serde_json::json;
use std::collections::BTreeMap;

/// The password of every customer who has one.
pub const PASSWORD: &str = "correct horse battery";

/// A platform whose engine believes what this machine says of addresses, and whose alice and bob have a password.
pub fn house(more: &[&str]) -> Platform {
    let mut start = Start::default();
    start.more.extend(more.iter().map(|&word| word.to_owned()));
    let platform = Platform::started(&start);
    for customer in ["alice", "bob"] {
        set_password(&platform.operator, customer, PASSWORD);
        platform.deposit(customer, "SOL", "spot", "10");
    }
    assert_eq!(platform.subscribe("alice", "sol-7", "1", "spot"), "1");
    platform
}

/// Believe this machine when it says who is behind it.
pub const BEHIND_US: [&str; 2] = ["--trusted-proxy", "127.0.0.1"];

/// Sets a password, as the exchange does.
pub fn set_password(operator: &Client, customer: &str, password: &str) {
    operator.post(&format!("/v1/operator/customers/{customer}/password"), json!({"password": password})).ok();
}

/// A form's body.
pub fn encoded(pairs: &[(&str, &str)]) -> String {
    serde_urlencoded::to_string(pairs).expect("a form")
}

/// What stands between two texts.
pub fn between(text: &str, before: &str, after: &str) -> String {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split_once(after).expect("an end").0.to_owned()
}

/// Somebody's browser: it keeps cookies, and may say that it is at an address.
#[derive(Clone)]
pub struct Jar {
    client: Client,
    /// Name and value.
    pub cookies: BTreeMap<String, String>,
    address: Option<String>,
}

impl Jar {
    /// A browser that has never been here.
    pub fn new(server: &Server) -> Jar {
        Jar { client: server.public(), cookies: BTreeMap::new(), address: None }
    }

    /// The same at an address, for an engine that believes us.
    pub fn at(server: &Server, address: &str) -> Jar {
        Jar { address: Some(address.to_owned()), ..Jar::new(server) }
    }

    /// The cookies as a browser sends them.
    pub fn cookie(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn call(&mut self, method: &str, path: &str, more: &[(&str, &str)], body: Option<&str>) -> Answer {
        let cookie = self.cookie();
        let mut headers = vec![("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
        headers.extend(self.address.iter().map(|address| ("x-forwarded-for", address.as_str())));
        headers.extend(more);
        if body.is_some() {
            headers.push(("content-type", "application/x-www-form-urlencoded"));
        }
        let answer = self.client.send(method, path, &headers, body.map(str::as_bytes));
        for (_, line) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = line.split(';').next().and_then(|pair| pair.split_once('=')).expect("a pair");
            if line.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// GET.
    pub fn get(&mut self, path: &str) -> Answer {
        self.call("GET", path, &[], None)
    }

    /// GET with further headers.
    pub fn get_with(&mut self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.call("GET", path, headers, None)
    }

    /// A form without a session's token.
    pub fn form(&mut self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        self.call("POST", path, &[], Some(&encoded(pairs)))
    }

    /// A form as a page of this session sends it.
    pub fn send(&mut self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        let token = self.form_token();
        let mut all = vec![("form_token", token.as_str())];
        all.extend(pairs);
        self.form(path, &all)
    }

    /// The token of this session's forms.
    pub fn form_token(&mut self) -> String {
        between(&self.get("/settings").text(), "name=\"form_token\" value=\"", "\"")
    }

    /// Tries a password; gives the status: 303 in, 200 a code is asked for, 401 wrong, 429 too often.
    pub fn try_password(&mut self, customer: &str, password: &str) -> Answer {
        self.form("/sign-in", &[("customer", customer), ("password", password)])
    }

    /// Comes in with the password.
    pub fn enter(mut self, customer: &str) -> Jar {
        let answer = self.try_password(customer, PASSWORD);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/assets")), "{}", answer.text());
        self
    }

    /// Whether somebody is signed in here.
    pub fn is_in(&mut self) -> bool {
        self.get("/assets").status == 200
    }
}
