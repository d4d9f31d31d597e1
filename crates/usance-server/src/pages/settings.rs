//! How the reader wants it, and a customer's ways in as they stand: password, second factor, sessions, tokens, and what happened to
//! them. They are changed by `ways_in`.

use crate::app::App;
use crate::look::format::{Format, Language};
use crate::pages::activity::Activity;
use crate::pages::failure::sentence;
use crate::pages::shell::{Room, Shell, go, show, show_problem};
use crate::pages::sign_in::own_path;
use crate::pages::visitor::{Form, Theme, Visitor, keep_look};
use crate::wire::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use usance_core::calendar::Timestamp;
use usance_engine::operations::security;
use usance_store::{Scope, SessionRecord, TokenRecord};

/// An open session, as its customer sees it.
struct Session {
    id: i64,
    device: String,
    created_at: String,
    seen_at: String,
    is_this: bool,
}

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    s: Shell,
    zones: Vec<String>,
    sessions: Vec<Session>,
    tokens: Vec<Token>,
    /// A token that was just made: it is shown here and nowhere else.
    made: Option<String>,
    activity: Vec<Activity>,
    has_factor: bool,
    fault: Option<Fault>,
}

/// What went wrong, and in which part of the page.
pub(super) struct Fault {
    part: &'static str,
    text: String,
}

/// A live token, as its customer sees it.
struct Token {
    id: i64,
    name: String,
    acts: bool,
    created_at: String,
    expires_at: Option<String>,
    replace: bool,
}

/// What has just happened on the page.
#[derive(Default)]
pub(super) struct Happened<'a> {
    /// What went wrong, and in which part of the page.
    pub fault: Option<(&'static str, &'a Problem)>,
    /// A token that was made.
    pub made: Option<String>,
}

/// Events that are shown.
const ACTIVITY: usize = 20;

impl SettingsPage {
    fn languages(&self) -> [Language; 3] {
        Language::ALL
    }
    fn themes(&self) -> [&'static str; 3] {
        Theme::ALL.map(Theme::word)
    }
    /// What is wrong in a part of the page.
    fn fault_in(&self, part: &str) -> Option<&str> {
        self.fault.as_ref().filter(|fault| fault.part == part).map(|fault| fault.text.as_str())
    }
    fn is_language(&self, language: &Language) -> bool {
        self.s.f.language() == *language
    }
}

/// GET /settings
pub async fn settings_get(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    show(&page(&app, &visitor, Happened::default()).await?, StatusCode::OK)
}

/// The page again, after something was not done.
///
/// # Errors
/// When it cannot be made.
pub(super) async fn refused(app: &App, visitor: &Visitor, part: &'static str, problem: &Problem) -> Result<Response, Problem> {
    let happened = Happened { fault: Some((part, problem)), made: None };
    show_problem(&page(app, visitor, happened).await?, problem)
}

/// The page with a token that was just made.
///
/// # Errors
/// When it cannot be made.
pub(super) async fn with_token(app: &App, visitor: &Visitor, text: String) -> Result<Response, Problem> {
    show(&page(app, visitor, Happened { fault: None, made: Some(text) }).await?, StatusCode::OK)
}

async fn page(app: &App, visitor: &Visitor, happened: Happened<'_>) -> Result<SettingsPage, Problem> {
    let s = Shell::of(app, visitor, Room::Settings).await?;
    let mut zones = Format::zones();
    if !zones.contains(&s.f.zone_name()) {
        zones.push(s.f.zone_name());
    }
    let fault = happened.fault.map(|(part, problem)| Fault { part, text: sentence(&s, problem, "") });
    let made = happened.made;
    let mut page =
        SettingsPage { s, zones, sessions: Vec::new(), tokens: Vec::new(), made, activity: Vec::new(), has_factor: false, fault };
    if let Some(signed) = &visitor.signed {
        let customer = signed.customer();
        page.has_factor = app.auth.has_second_factor(customer)?;
        page.sessions = app.auth.sessions(customer)?.into_iter().map(|session| shown_session(session, signed.session.id)).collect();
        page.tokens = app.auth.tokens_of(customer)?.into_iter().map(shown_token).collect();
        let events = security::list(&app.auth.people, Some(customer), None, ACTIVITY).map_err(|refusal| app.refused(refusal))?;
        page.activity = events.iter().map(Activity::of).collect();
    }
    Ok(page)
}

fn at(ms: i64) -> String {
    Timestamp::from_ms(ms).to_string()
}

fn shown_session(session: SessionRecord, own: i64) -> Session {
    let (created_at, seen_at) = (at(session.created_at_ms), at(session.seen_at_ms));
    Session { id: session.id, device: session.device, created_at, seen_at, is_this: session.id == own }
}

fn shown_token(token: TokenRecord) -> Token {
    let (created_at, expires_at) = (at(token.created_at_ms), token.expires_at_ms.map(at));
    Token { id: token.id, acts: token.scopes.has(Scope::Acting), created_at, expires_at, replace: token.is_exposed, name: token.name }
}

/// How pages are to look. What is not named stays.
#[derive(Deserialize)]
pub struct LookForm {
    #[serde(default)]
    language: String,
    #[serde(default)]
    zone: String,
    theme: Option<Theme>,
    #[serde(default)]
    hide: String,
    #[serde(default)]
    next: String,
}

/// POST /look
pub async fn look_post(State(app): State<App>, Form(form): Form<LookForm>) -> Result<Response, Problem> {
    let mut response = go(&own_path(&form.next));
    let mut keep = |name: &str, value: &str| response.headers_mut().append(header::SET_COOKIE, keep_look(app.site.https, name, value));
    if let Some(language) = Language::parse(&form.language) {
        keep("usance_language", language.tag());
    }
    if Format::is_zone(&form.zone) {
        keep("usance_zone", &form.zone);
    }
    if let Some(theme) = form.theme {
        keep("usance_theme", theme.word());
    }
    if matches!(form.hide.as_str(), "0" | "1") {
        keep("usance_hide", &form.hide);
    }
    Ok(response)
}
