//! A signed-in customer's ways in, changed: password, second factor, sessions, tokens.
//!
//! Whatever lets somebody in later asks for the password, or for a code of the second factor where one is set. Whatever lets nobody in
//! asks for nothing.

use crate::app::App;
use crate::auth::factor::{FactorAsked, Proof, ProposedFactor};
use crate::auth::tokens::Auth;
use crate::pages::failure::sentence;
use crate::pages::settings::{refused, with_token};
use crate::pages::shell::{Room, Shell, go, show, show_problem};
use crate::pages::sign_in::Bare;
use crate::pages::visitor::{Form, Visitor};
use crate::wire::input::Path;
use crate::wire::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use qrcode::QrCode;
use qrcode::render::svg;
use serde::Deserialize;
use usance_engine::operations::session::AlsoTokens;
use usance_store::{Scope, Scopes};

/// POST /sessions/{id}/end
pub async fn session_end_post(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(Bare {}): Form<Bare>,
) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    if let Ok(id) = id.parse() {
        app.auth.end_session(signed.customer(), id, signed.caller.actor)?;
    }
    Ok(go("/settings#sessions"))
}

/// POST /sessions/end-others
pub async fn sessions_end_post(State(app): State<App>, visitor: Visitor, Form(Bare {}): Form<Bare>) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    app.auth.end_other_sessions(signed.customer(), signed.session.id, signed.caller.actor)?;
    Ok(go("/settings#sessions"))
}

/// A new password, and the one before it.
#[derive(Deserialize)]
pub struct PasswordForm {
    current: String,
    password: String,
    #[serde(default)]
    revoke_tokens: bool,
}

/// POST /settings/password
pub async fn password_post(State(app): State<App>, visitor: Visitor, Form(form): Form<PasswordForm>) -> Result<Response, Problem> {
    let tokens = if form.revoke_tokens { AlsoTokens::Revoke } else { AlsoTokens::Keep };
    match app.auth.change_password(visitor.asking()?, (form.current, form.password), tokens).await {
        Ok(()) => Ok(go("/settings#activity")),
        Err(problem) => refused(&app, &visitor, "password", &problem).await,
    }
}

#[derive(Template)]
#[template(path = "factor.html")]
struct FactorPage {
    s: Shell,
    secret: String,
    drawing: String,
    /// Whether one is set that this one takes the place of.
    replaces: bool,
    fault: Option<String>,
}

impl FactorPage {
    async fn of(app: &App, visitor: &Visitor, proposed: ProposedFactor, problem: Option<&Problem>) -> Result<FactorPage, Problem> {
        let replaces = app.auth.has_second_factor(visitor.customer()?.customer())?;
        let s = Shell::of(app, visitor, Room::Settings).await?;
        let fault = problem.map(|problem| sentence(&s, problem, ""));
        Ok(FactorPage { s, drawing: drawing(&proposed.address), secret: proposed.secret, replaces, fault })
    }
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
    let proposed = Auth::propose_factor(visitor.customer()?.customer())?;
    show(&FactorPage::of(&app, &visitor, proposed, None).await?, StatusCode::OK)
}

/// A proposed second factor with its first code, and what the customer comes in with until now.
#[derive(Deserialize)]
pub struct FactorForm {
    secret: String,
    code: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    present_code: String,
}

/// POST /settings/second-factor
pub async fn factor_post(State(app): State<App>, visitor: Visitor, Form(form): Form<FactorForm>) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    let proof = Proof { password: form.password, code: form.present_code };
    let asked = FactorAsked { secret: form.secret.clone(), code: form.code, proof };
    match app.auth.set_factor(visitor.asking()?, asked).await {
        Ok(()) => Ok(go("/settings#second-factor")),
        Err(problem) => {
            let proposed = ProposedFactor::again(signed.customer(), &form.secret)?;
            show_problem(&FactorPage::of(&app, &visitor, proposed, Some(&problem)).await?, &problem)
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
    match app.auth.remove_factor(visitor.asking()?, form.code).await {
        Ok(()) => Ok(go("/settings#second-factor")),
        Err(problem) => refused(&app, &visitor, "second-factor", &problem).await,
    }
}

/// A new token of one's own.
#[derive(Deserialize)]
pub struct TokenForm {
    name: String,
    days: u32,
    #[serde(default)]
    acts: bool,
    #[serde(default)]
    password: String,
    #[serde(default)]
    code: String,
}

/// POST /settings/tokens
pub async fn token_post(State(app): State<App>, visitor: Visitor, Form(form): Form<TokenForm>) -> Result<Response, Problem> {
    let scopes: Scopes = [Scope::Reading].into_iter().chain(form.acts.then_some(Scope::Acting)).collect();
    let proof = Proof { password: form.password, code: form.code };
    match app.auth.make_own_token(visitor.asking()?, (form.name, scopes, form.days), proof).await {
        Ok(text) => with_token(&app, &visitor, text).await,
        Err(problem) => refused(&app, &visitor, "tokens", &problem).await,
    }
}

/// POST /settings/tokens/{id}/revoke
pub async fn token_revoke_post(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(Bare {}): Form<Bare>,
) -> Result<Response, Problem> {
    let signed = visitor.customer()?;
    if let Ok(id) = id.parse() {
        app.auth.revoke_own_token(signed.customer(), id, signed.caller.actor)?;
    }
    Ok(go("/settings#tokens"))
}
