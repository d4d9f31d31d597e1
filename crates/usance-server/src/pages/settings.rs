//! How the reader wants it: language, time zone, light or dark; open sessions; the second factor.

use crate::app::App;
use crate::auth::session::ProposedFactor;
use crate::auth::tokens::Auth;
use crate::look::format::{Format, Language};
use crate::pages::failure::sentence;
use crate::pages::shell::{Room, Shell, go, show, show_problem};
use crate::pages::sign_in::{Bare, own_path};
use crate::pages::visitor::{Form, Theme, Visitor, keep_look};
use crate::wire::input::Path;
use crate::wire::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::Response;
use qrcode::QrCode;
use qrcode::render::svg;
use serde::Deserialize;
use usance_core::calendar::Timestamp;

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
    has_factor: bool,
    fault: Option<String>,
}

impl SettingsPage {
    fn languages(&self) -> [Language; 3] {
        Language::ALL
    }
    fn themes(&self) -> [&'static str; 3] {
        Theme::ALL.map(Theme::word)
    }
    fn is_language(&self, language: &Language) -> bool {
        self.s.f.language() == *language
    }
}

/// GET /settings
pub async fn settings_get(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    show(&page(&app, &visitor, None).await?, StatusCode::OK)
}

async fn page(app: &App, visitor: &Visitor, fault: Option<&Problem>) -> Result<SettingsPage, Problem> {
    let s = Shell::of(app, visitor, Room::Settings).await?;
    let mut zones = Format::zones();
    if !zones.contains(&s.f.zone_name()) {
        zones.push(s.f.zone_name());
    }
    let (mut sessions, mut has_factor) = (Vec::new(), false);
    if let Some(signed) = &visitor.signed {
        has_factor = app.auth.has_second_factor(signed.customer())?;
        sessions = app.auth.sessions(signed.customer())?;
    }
    let own = visitor.signed.as_ref().map(|signed| signed.session.id);
    let shown = |session: usance_store::SessionRecord| Session {
        id: session.id,
        device: session.device,
        created_at: Timestamp::from_ms(session.created_at_ms).to_string(),
        seen_at: Timestamp::from_ms(session.seen_at_ms).to_string(),
        is_this: Some(session.id) == own,
    };
    let fault = fault.map(|problem| sentence(&s, problem, ""));
    Ok(SettingsPage { s, zones, sessions: sessions.into_iter().map(shown).collect(), has_factor, fault })
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

/// POST /sessions/{id}/end
pub async fn session_end_post(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(Bare {}): Form<Bare>,
) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    if let Ok(id) = id.parse() {
        app.auth.end_session(signed.customer(), id)?;
    }
    Ok(go("/settings#sessions"))
}

/// POST /sessions/end-others
pub async fn sessions_end_post(State(app): State<App>, visitor: Visitor, Form(Bare {}): Form<Bare>) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    app.auth.end_other_sessions(signed.customer(), signed.session.id)?;
    Ok(go("/settings#sessions"))
}

#[derive(Template)]
#[template(path = "factor.html")]
struct FactorPage {
    s: Shell,
    secret: String,
    drawing: String,
    fault: Option<String>,
}

/// An address as a drawing that authenticators read. Dark on light in every theme: that is what they expect.
fn drawing(address: &str) -> String {
    QrCode::new(address.as_bytes())
        .map(|code| code.render::<svg::Color<'_>>().min_dimensions(200, 200).quiet_zone(true).build())
        .map(|text| text.split_once("?>").map(|(_, svg)| svg.to_owned()).unwrap_or(text))
        .unwrap_or_default()
}

/// GET /settings/second-factor
pub async fn factor_get(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    if app.auth.has_second_factor(signed.customer())? {
        return Ok(go("/settings#second-factor"));
    }
    let proposed = Auth::propose_factor(signed.customer())?;
    let s = Shell::of(&app, &visitor, Room::Settings).await?;
    show(&FactorPage { s, drawing: drawing(&proposed.address), secret: proposed.secret, fault: None }, StatusCode::OK)
}

/// A proposed second factor with its first code.
#[derive(Deserialize)]
pub struct FactorForm {
    secret: String,
    code: String,
}

/// POST /settings/second-factor
pub async fn factor_post(State(app): State<App>, visitor: Visitor, Form(form): Form<FactorForm>) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    if app.auth.has_second_factor(signed.customer())? {
        return Ok(go("/settings#second-factor"));
    }
    match app.auth.set_factor(&signed.session, &form.secret, &form.code) {
        Ok(()) => {
            // What was opened without a code does not stay open.
            app.auth.end_other_sessions(signed.customer(), signed.session.id)?;
            Ok(go("/settings#second-factor"))
        }
        Err(problem) => {
            let proposed = ProposedFactor::again(signed.customer(), &form.secret)?;
            let s = Shell::of(&app, &visitor, Room::Settings).await?;
            let fault = Some(sentence(&s, &problem, ""));
            show_problem(&FactorPage { s, drawing: drawing(&proposed.address), secret: proposed.secret, fault }, &problem)
        }
    }
}

/// A code.
#[derive(Deserialize)]
pub struct CodeForm {
    code: String,
}

/// POST /settings/second-factor/remove
pub async fn factor_remove_post(State(app): State<App>, visitor: Visitor, Form(form): Form<CodeForm>) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    match app.auth.remove_factor(&signed.session, &form.code) {
        Ok(()) => Ok(go("/settings#second-factor")),
        Err(problem) => show_problem(&page(&app, &visitor, Some(&problem)).await?, &problem),
    }
}
