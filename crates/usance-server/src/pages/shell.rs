//! What every page shares: who is signed in, where the reader is, the coins, the clock, and how things are said and shown.

use crate::app::App;
use crate::json::shape::{self, AssetShape, ClockShape};
use crate::look::format::Format;
use crate::pages::visitor::{Look, Visitor};
use crate::wire::problem::Problem;
use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::fmt;
use usance_core::calendar::Timestamp;
use usance_core::id::AssetIx;
use usance_core::machine::State;

/// The rooms that the navigation leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Balances and rewards.
    Assets,
    /// What can be staked.
    Products,
    /// What is staked.
    Holdings,
    /// What happened.
    History,
    /// What the customer is told.
    Notices,
    /// How the reader wants it.
    Settings,
    /// None of them.
    Elsewhere,
}

/// What covers digits.
const COVER: &str = "••••••";

/// What every page shares.
pub struct Shell {
    /// How numbers and times are written.
    pub f: Format,
    /// How it looks.
    pub look: Look,
    /// The customer, once signed in.
    pub customer: Option<String>,
    /// What forms carry.
    pub form_token: String,
    /// Where the reader is.
    pub room: Room,
    /// The coins.
    pub coins: Vec<AssetShape>,
    /// The engine's clock.
    pub clock: ClockShape,
    /// Whether this is a demo, where anybody may let the day end.
    pub is_demo: bool,
}

impl Shell {
    /// The shell of a page that shows nothing else of the state.
    ///
    /// # Errors
    /// When the engine cannot answer.
    pub async fn of(app: &App, visitor: &Visitor, room: Room) -> Result<Shell, Problem> {
        let is_demo = !app.site.sample_customers.is_empty();
        Ok(app.engine.read(|state, now| Shell::at(state, now, visitor, room, is_demo)).await?)
    }

    /// The shell of a page at a moment.
    #[must_use]
    pub fn at(state: &State, now: Timestamp, visitor: &Visitor, room: Room, is_demo: bool) -> Shell {
        Shell {
            f: visitor.look.format.clone(),
            look: visitor.look.clone(),
            customer: visitor.signed.as_ref().map(|signed| signed.customer().to_owned()),
            form_token: visitor.signed.as_ref().map(|signed| signed.form_token.masked()).unwrap_or_default(),
            room,
            coins: (0..state.registry.assets.len()).filter_map(|ix| shape::asset(state, AssetIx::from_index(ix))).collect(),
            clock: shape::clock(state, now, state.registry.open_day),
            is_demo,
        }
    }

    /// A sentence.
    #[must_use]
    pub fn t(&self, id: &str) -> String {
        self.look.words.say(id)
    }
    /// A sentence whose name ends in a word of the contract: `kind-fixed_term`.
    #[must_use]
    pub fn word(&self, family: &str, word: &str) -> String {
        self.look.words.say(&format!("{family}-{word}"))
    }
    /// A sentence with texts in it.
    #[must_use]
    pub fn tw(&self, id: &str, texts: &[(&str, &str)]) -> String {
        self.look.words.say_with(id, texts.iter().copied())
    }
    /// A sentence about a count.
    #[must_use]
    pub fn tn(&self, id: &str, count: &u64) -> String {
        self.look.words.say_count(id, *count)
    }
    /// A whole number.
    #[must_use]
    pub fn count(&self, number: &u32) -> String {
        self.f.count(u64::from(*number))
    }
    /// Where a file lies.
    #[must_use]
    pub fn file(&self, name: &str) -> &'static str {
        crate::look::files::address(name)
    }
    /// Whether the reader is in a room.
    #[must_use]
    pub fn is_in(&self, room: Room) -> bool {
        self.room == room
    }
    /// A coin.
    #[must_use]
    pub fn coin(&self, symbol: &str) -> Option<&AssetShape> {
        self.coins.iter().find(|coin| coin.symbol == symbol)
    }
    /// A coin's name.
    #[must_use]
    pub fn coin_name<'a>(&'a self, symbol: &'a str) -> &'a str {
        self.coin(symbol).map_or(symbol, |coin| coin.name.as_str())
    }
    /// Which of eight colours a coin's mark has.
    #[must_use]
    pub fn coin_hue(&self, symbol: &str) -> u8 {
        symbol.bytes().fold(0u8, |sum, byte| sum.wrapping_mul(3).wrapping_add(byte)) % 8
    }
    /// The first letter of a coin's mark.
    #[must_use]
    pub fn coin_letter(&self, symbol: &str) -> String {
        symbol.chars().take(1).collect()
    }

    fn display_decimals(&self, symbol: &str) -> u8 {
        self.coin(symbol).map_or(0, |coin| coin.display_decimals)
    }
    /// An amount with every digit it has, and its coin.
    #[must_use]
    pub fn money(&self, symbol: &str, amount: &str) -> Money {
        Money { digits: self.f.amount(amount), exact: amount.to_owned(), symbol: symbol.to_owned(), covered: None }
    }
    /// An own amount in the coin's own display digits; covered when the reader hides balances. Every digit is in its title.
    #[must_use]
    pub fn own(&self, symbol: &str, amount: &str) -> Money {
        let digits = self.f.amount_display(amount, self.display_decimals(symbol));
        Money { digits, exact: amount.to_owned(), symbol: symbol.to_owned(), covered: self.cover() }
    }
    /// An own amount with every digit, covered when the reader hides balances.
    #[must_use]
    pub fn own_exact(&self, symbol: &str, amount: &str) -> Money {
        Money { covered: self.cover(), ..self.money(symbol, amount) }
    }
    fn cover(&self) -> Option<String> {
        self.look.hides.then(|| self.t("hidden"))
    }
    /// An own amount as text, to stand inside a sentence.
    #[must_use]
    pub fn own_plain(&self, symbol: &str, amount: &str) -> String {
        if self.look.hides { format!("{COVER}\u{a0}{symbol}") } else { self.plain(symbol, amount) }
    }
    /// An own amount that came or went, with its sign.
    #[must_use]
    pub fn own_signed(&self, symbol: &str, amount: &str) -> Money {
        Money { digits: self.f.amount_signed(amount), ..self.own_exact(symbol, amount) }
    }
    /// An amount and its coin as text, to stand inside a sentence.
    #[must_use]
    pub fn plain(&self, symbol: &str, amount: &str) -> String {
        format!("{}\u{a0}{symbol}", self.f.amount(amount))
    }
    /// An instant as a time element in the reader's zone, with UTC beside it where that differs.
    #[must_use]
    pub fn moment(&self, at: &str) -> Moment {
        let beside = (!self.f.is_utc()).then(|| self.f.utc(at));
        Moment { machine: at.to_owned(), shown: self.f.instant(at), zone: self.f.zone_offset(at), beside }
    }
    /// An instant in the reader's zone alone, for lists.
    #[must_use]
    pub fn moment_short(&self, at: &str) -> Moment {
        Moment { beside: None, ..self.moment(at) }
    }
    /// How long it is until an instant.
    #[must_use]
    pub fn until(&self, at: &str) -> String {
        self.f.until(&self.clock.now, at)
    }
}

/// An amount on a page: digits that are never torn apart, and its coin.
pub struct Money {
    digits: String,
    exact: String,
    symbol: String,
    /// What is said instead of the digits, when they are covered.
    covered: Option<String>,
}

impl fmt::Display for Money {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let symbol = Escaped(&self.symbol);
        if let Some(word) = &self.covered {
            let word = Escaped(word);
            write!(out, "<bdi class=\"money\" dir=\"ltr\"><span class=\"covered\" aria-hidden=\"true\">{COVER}</span>")?;
            return write!(out, "<span class=\"sr\">{word}</span> <span class=\"unit\">{symbol}</span></bdi>");
        }
        let (digits, exact) = (Escaped(&self.digits), Escaped(&self.exact));
        write!(
            out,
            "<bdi class=\"money\" dir=\"ltr\"><data value=\"{exact}\" title=\"{exact}\">{digits}</data> <span class=\"unit\">{symbol}</span></bdi>"
        )
    }
}
impl askama::filters::HtmlSafe for Money {}

/// An instant on a page.
pub struct Moment {
    machine: String,
    shown: String,
    zone: String,
    beside: Option<String>,
}

impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (machine, shown, zone) = (Escaped(&self.machine), Escaped(&self.shown), Escaped(&self.zone));
        write!(out, "<time datetime=\"{machine}\"><bdi>{shown}</bdi> <span class=\"unit\">{zone}</span></time>")?;
        match &self.beside {
            Some(utc) => write!(out, " <small class=\"beside\"><bdi>{}</bdi></small>", Escaped(utc)),
            None => Ok(()),
        }
    }
}
impl askama::filters::HtmlSafe for Moment {}

/// Text whose letters mean nothing to HTML.
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match askama::filters::escape(self.0, askama::filters::Html) {
            Ok(safe) => write!(out, "{safe}"),
            Err(never) => match never {},
        }
    }
}

/// A page, or the part of it that changes.
///
/// # Errors
/// 500 when the template fails, which none does for what it is given.
pub fn show(page: &impl Template, status: StatusCode) -> Result<Response, Problem> {
    let text = page.render().map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "page_failed", error.to_string()))?;
    Ok((status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response())
}

/// A page that says what went wrong, and when it is worth trying again.
///
/// # Errors
/// As [`show`].
pub fn show_problem(page: &impl Template, problem: &Problem) -> Result<Response, Problem> {
    let mut response = show(page, problem.status())?;
    if let Some(seconds) = problem.retry_after_seconds() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}

/// Sends the browser on with a GET.
#[must_use]
pub fn go(to: &str) -> Response {
    // Addresses are made here of checked parts; one that no header can hold leads to the start.
    let to = HeaderValue::from_str(to).unwrap_or_else(|_| HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}
