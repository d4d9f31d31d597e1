//! How bytes become a visit: a page of the one table, with its query or its form almost as a browser would send them.
//!
//! What a page takes stands in [`fields`]. Names, values and escapes are then changed, left out and doubled; cookies and
//! headers say what browsers say, and sometimes anything else.

use super::asking::encoded;
use super::dice::Dice;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderName, HeaderValue, Method, Request, Uri, header};
use serde_json::{Value, json};
use std::net::SocketAddr;
use usance_server::site::pages::{PageRoute, table};

/// What the browser of a customer holds.
#[derive(Clone, Default)]
pub struct Browser {
    /// The secret in the session's cookie; empty where nobody is signed in.
    pub session: String,
    /// What the session's forms carry.
    pub form_token: String,
    /// The number of the newest receipt.
    pub receipt: String,
}

/// A request for a page, and what it is for people.
pub struct Visit {
    pub request: Request<Body>,
    pub page: PageRoute,
    /// Whether it carries the browser's session.
    pub is_signed: bool,
    /// Whether it asks for a page as browsers do, or for the changing part of one.
    pub wants: Wants,
    pub shown: String,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    Page,
    Fragment,
    Anything,
}

type Field = (&'static str, &'static [&'static str]);

const AMOUNT: Field = ("amount", &["1", "0.5", "2.25", "1", " 3 ", "1000000", "0.000000001"]);
const CUSTOMER: Field = ("customer", &["alice", "alice", "nobody"]);
const NEXT: Field = ("next", &["/assets", "/products/sol-flex", "/holdings?closed=1", "//elsewhere.example", "https://elsewhere.example/"]);
const KEY: Field = ("key", &[]);
const CURSOR: Field = ("cursor", &[]);
const SHOWN: Field = ("shown", &["{}", "null", "{\"kind\":\"early\"}"]);
const SOURCE: Field = ("source", &["funding", "spot", "funding_then_spot"]);
const TO: Field = ("to", &["", "spot", "funding"]);
const CODE: Field = ("code", &["000000", "12 34 56"]);
const MOST: Field = ("most", &["", "1"]);
const ASSET: Field = ("asset", &["SOL", "", "BTC"]);
const PAST: &[Field] = &[
    ASSET,
    ("account", &["", "spot", "funding"]),
    ("product", &["", "sol-flex", "sol-7"]),
    ("kind", &["", "transfer", "deposit", "subscription"]),
    ("from", &["", "2026-01-01", "2025-12-31"]),
    ("to", &["", "2026-01-01", "2026-02-01"]),
    CURSOR,
];

/// What a page's query or form may carry, and what a browser would write there.
fn fields(operation: &str) -> &'static [Field] {
    match operation {
        "page_sign_in" => &[NEXT, ("link", &["", "usance_00"])],
        "page_sign_in_send" => &[CUSTOMER, ("password", &["a long password"]), NEXT],
        "page_sign_in_code" => &[("ticket", &["alice|9999999999999|00", "nobody|0|00"]), CODE, NEXT],
        "page_sign_in_link" => &[("link", &["usance_00"]), NEXT],
        "page_sign_in_sample" => &[CUSTOMER, NEXT],
        "page_sample_next_day" => &[("to", &["2026-01-02T00:00:00.000Z", "2026-01-05T00:00:00Z", "2026-02-01T12:00:00.500Z"])],
        "page_look" => &[
            ("language", &["en", "zh-Hans", "ar"]),
            ("zone", &["Europe/Berlin", "UTC", "Nowhere/Else"]),
            ("theme", &["device", "light", "dark"]),
            ("hide", &["0", "1"]),
            NEXT,
        ],
        "page_products" => &[ASSET, ("kind", &["", "flexible", "fixed_term"]), ("held", &["", "1"]), ("sort", &["coin", "apr", "term"])],
        "page_product" => &[AMOUNT],
        "page_transfer" => &[ASSET, ("from", &["spot", "funding"])],
        "page_transfer_send" => &[("asset", &["SOL"]), ("from", &["funding", "spot"]), AMOUNT, KEY],
        "page_subscribe" => &[AMOUNT, SOURCE, KEY, MOST],
        "page_subscribe_send" => &[AMOUNT, SOURCE, SHOWN, ("agreement", &["v1", "v1", ""]), ("auto_renew", &["", "1"]), KEY],
        "page_receipt" => &[("new", &["", "1"])],
        "page_holdings" => &[("closed", &["", "1"]), CURSOR],
        "page_holding" | "page_notices" | "page_acceptances" => &[CURSOR],
        "page_auto_renew_send" => &[("auto_renew", &["", "1"]), KEY],
        "page_redeem" => &[AMOUNT, TO, KEY, MOST],
        "page_redeem_send" => &[AMOUNT, TO, SHOWN, ("consent", &["", "1"]), KEY],
        "page_history" | "page_history_print" | "page_history_csv" => PAST,
        "page_exits" => &[CURSOR],
        "page_exit_cancel" => &[("agreement", &["v1", "v1", ""]), KEY],
        "page_password_send" => &[("current", &["", "a long password"]), ("password", &["a long password"])],
        "page_factor_send" => &[("secret", &["ABCD EFGH IJKL MNOP QRST UVWX YZ23 4567"]), CODE],
        "page_factor_remove" => &[CODE],
        _ => &[],
    }
}

/// The visit that the bytes ask for, if they ask for one that can be sent. `fresh` is a number that nobody had; `figures` are
/// what a preview at this path shows for this body, as text.
pub fn visit(data: &[u8], fresh: u64, browser: &Browser, figures: &dyn Fn(&str, &Value) -> String) -> Option<Visit> {
    let mut dice = Dice::new(data);
    let mut table = table();
    let page = table.swap_remove(dice.below(table.len()));
    let dice = &mut dice;
    let method = if dice.once_in(40) {
        dice.pick(&[Method::PUT, Method::DELETE, Method::HEAD, Method::OPTIONS, Method::POST]).clone()
    } else {
        page.method.clone()
    };
    let (path, id) = path(&page, dice, browser);
    let sends = page.method == Method::POST;
    let mut pairs = pairs(page.operation, dice, fresh);
    if let Some(place) = pairs.iter().position(|(name, _)| name == "shown")
        && !dice.once_in(4)
    {
        pairs[place].1 = shown(page.operation, &id, &pairs, figures);
    }
    if sends && !dice.once_in(30) {
        let token = if dice.once_in(30) { dice.text() } else { browser.form_token.clone() };
        pairs.push(("form_token".to_owned(), token));
    }
    let text = written(&pairs, dice);
    let (target, body) =
        if sends || text.is_empty() { (path, text) } else { (format!("{path}?{}", String::from_utf8_lossy(&text)), Vec::new()) };
    let mut request = Request::builder().method(method).uri(Uri::try_from(target).ok()?);
    let Headers { all, is_signed, wants } = headers(dice, browser);
    for (name, value) in all {
        request = request.header(name, value);
    }
    let said = format!("{request:?} {}", String::from_utf8_lossy(&body[..body.len().min(2_000)]));
    let mut request = request.body(Body::from(body)).ok()?;
    // Whoever signs in is counted by address; the listener puts it there.
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 40_000))));
    Some(Visit { request, page, is_signed, wants, shown: said })
}

/// A path of this page, and what stands in it as a name.
fn path(page: &PageRoute, dice: &mut Dice<'_>, browser: &Browser) -> (String, String) {
    let (mut path, mut id) = (String::new(), String::new());
    let receipt = [browser.receipt.as_str()];
    for part in page.path.split('/').skip(1) {
        path.push('/');
        if !part.starts_with('{') {
            path.push_str(part);
            continue;
        }
        let usual: &[&str] = match part {
            "{version}" => &["v1"],
            "{asset}" => &["SOL", "BTC"],
            "{mark}" => &["000000000000", "0"],
            "{name}" => &["app.css", "app.js", "htmx.min.js", "icon.svg", "none"],
            "{place}" => &receipt,
            _ if page.path.starts_with("/products") => &["sol-flex", "sol-7"],
            _ => &["1", "2", "3"],
        };
        match dice.below(20) {
            0 | 1 => path.push_str(&encoded(&dice.text())),
            // Escapes that stand for no text, for the end of the path's part, or for nothing.
            2 => path.push_str(dice.pick::<&str>(&["%FF", "%2F..", "%00", "%zz", "%"])),
            _ => {
                id = (*dice.pick(usual)).to_owned();
                path.push_str(&id);
            }
        }
    }
    (path, id)
}

/// The names and values of a query or a form.
fn pairs(operation: &str, dice: &mut Dice<'_>, fresh: u64) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (name, usual) in fields(operation) {
        let value = match *name {
            _ if dice.once_in(12) => dice.text(),
            // Some sheets are sent twice.
            "key" => format!("web-{:032x}", if dice.once_in(10) { 0 } else { fresh }),
            _ if usual.is_empty() => dice.text(),
            _ => (*dice.pick(usual)).to_owned(),
        };
        let name = if dice.once_in(60) { dice.text() } else { (*name).to_owned() };
        match dice.below(40) {
            // A cursor that is made up leads nowhere, so it is mostly left out.
            _ if name == "cursor" && !dice.once_in(5) => {}
            0 => {}
            1 => pairs.extend([(name.clone(), value.clone()), (name, value)]),
            _ => pairs.push((name, value)),
        }
    }
    if dice.once_in(30) {
        pairs.push((dice.text(), dice.text()));
    }
    pairs
}

/// What a sheet with these fields would show: its form sends that back.
fn shown(operation: &str, id: &str, pairs: &[(String, String)], figures: &dyn Fn(&str, &Value) -> String) -> String {
    let given = |name: &str| pairs.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value.trim());
    let some = |name: &str| Some(given(name)).filter(|value| !value.is_empty());
    match operation {
        // The id is empty where something else stands in the path.
        _ if id.is_empty() => String::new(),
        "page_subscribe_send" => {
            let asked = json!({"product": id, "amount": given("amount"), "source": some("source")});
            figures("/v1/subscriptions/preview", &asked)
        }
        _ => {
            let asked = json!({"amount": some("amount"), "to": some("to")});
            figures(&format!("/v1/positions/{id}/redemption-preview"), &asked)
        }
    }
}

/// A query or a form as it is sent, its escapes not always as they should be.
fn written(pairs: &[(String, String)], dice: &mut Dice<'_>) -> Vec<u8> {
    let mut parts = Vec::new();
    for (name, value) in pairs {
        let value = if dice.once_in(40) { value.clone() } else { encoded(value) };
        let name = if name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') { name.clone() } else { encoded(name) };
        parts.push(format!("{name}={value}"));
    }
    let mut text = parts.join("&").into_bytes();
    let at = dice.below(text.len() + 1);
    match dice.below(60) {
        0 => text.truncate(at),
        1 => drop(text.splice(at..at, dice.bytes(40))),
        2 => drop(text.splice(at..at, dice.pick(&["%", "%zz", "%FF", "%00", "&", "=", "+", "&&=&"]).bytes())),
        3 => text.extend_from_within(..),
        4 => text = dice.bytes(400),
        _ => {}
    }
    text
}

/// The headers of a visit.
struct Headers {
    all: Vec<(HeaderName, HeaderValue)>,
    is_signed: bool,
    wants: Wants,
}

fn headers(dice: &mut Dice<'_>, browser: &Browser) -> Headers {
    let mut all: Vec<(HeaderName, Vec<u8>)> = Vec::new();
    let is_signed = !dice.once_in(15);
    let mut cookies = if is_signed { vec![format!("usance_session={}", browser.session)] } else { Vec::new() };
    for (name, usual) in [
        ("usance_language", ["en", "ar"]),
        ("usance_zone", ["Europe%2FBerlin", "Asia/Kolkata"]),
        ("usance_theme", ["dark", "light"]),
        ("usance_hide", ["1", "0"]),
        ("usance_device", ["00", "alice|0|00"]),
        ("usance_session", ["00", ""]),
    ] {
        if dice.once_in(8) {
            let value = if dice.once_in(3) { dice.text() } else { (*dice.pick(&usual)).to_owned() };
            cookies.push(format!("{name}={value}"));
        }
    }
    // What cannot stand in a header takes the session with it.
    let cookie = cookies.join("; ").into_bytes();
    let is_signed = is_signed && HeaderValue::from_bytes(&cookie).is_ok();
    if !cookies.is_empty() {
        all.push((header::COOKIE, cookie));
    }
    let wants = match dice.below(20) {
        0 => Wants::Anything,
        1..=4 => Wants::Fragment,
        _ => Wants::Page,
    };
    let accept = if wants == Wants::Anything { dice.text() } else { "text/html,application/xhtml+xml;q=0.9".to_owned() };
    all.push((header::ACCEPT, accept.into_bytes()));
    if wants == Wants::Fragment {
        all.push((HeaderName::from_static("hx-request-type"), b"partial".to_vec()));
    }
    let kind = if dice.once_in(40) { dice.text() } else { "application/x-www-form-urlencoded".to_owned() };
    all.push((header::CONTENT_TYPE, kind.into_bytes()));
    let site = HeaderName::from_static("sec-fetch-site");
    for (name, often, usual) in [
        (site, 3, ["same-origin", "same-origin", "cross-site"]),
        (header::ACCEPT_LANGUAGE, 4, ["ar;q=0.9, zh;q=1.5", "zh-TW", "*"]),
        (header::REFERER, 6, ["http://127.0.0.1/holdings/1", "//", "http://elsewhere.example//x"]),
        (header::USER_AGENT, 6, ["Mozilla/5.0 (iPhone) Safari/1", "x", "Firefox/1 Windows"]),
        (header::ORIGIN, 40, ["http://127.0.0.1", "null", "http://"]),
    ] {
        if dice.once_in(often) {
            let value = if dice.once_in(12) { dice.text() } else { (*dice.pick(&usual)).to_owned() };
            all.push((name, value.into_bytes()));
        }
    }
    let made = all.into_iter().filter_map(|(name, value)| HeaderValue::from_bytes(&value).ok().map(|value| (name, value)));
    Headers { all: made.collect(), is_signed, wants }
}
