//! Tokens, passwords and sign-in links: who may come in. These live with the people, not in the log.
//!
//! Once only holds here too. A token or link is shown once and stored hashed, yet a repeated request gets the same bytes
//! again: its secret is derived from the server's own secret, the sender and the key, so it is never stored.

use crate::app::App;
use crate::auth::identity::token_hash;
use crate::json::call::{Call, REPLAYED};
use crate::json::shape;
use crate::wire::input::{Body, Nothing, Path};
use crate::wire::page::Page;
use crate::wire::problem::Problem;
use crate::wire::rejected::rejected;
use argon2::password_hash::PasswordHasher;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use usance_core::calendar::Timestamp;
use usance_core::id::hash16;
use usance_core::machine::Rejection;
use usance_engine::life::clock::EngineClock;
use usance_engine::random::random_bytes;
use usance_store::codec::UsedKey;
use usance_store::{Identities, NewToken, Remembered, Role, StoreError, TokenRecord, atomically};
use utoipa::ToSchema;

/// How long a sign-in link lasts.
const LINK_MS: i64 = 10 * 60 * 1000;
/// How long answers of this kind are remembered, in milliseconds of the system's clock. Keys are kept by engine time,
/// which may stand still for long; this is longer.
const REMEMBERED_MS: i64 = 366 * 24 * 60 * 60 * 1000;
/// The shortest and longest password.
const PASSWORD_LETTERS: std::ops::RangeInclusive<usize> = 10..=256;

/// `customer`, `service`, `operator` or `auditor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoleWord {
    /// One customer.
    Customer,
    /// Acts for any customer, creates customers, deposits, withdraws.
    Service,
    /// All that, and products, rates, the clock, tokens; reads everything.
    Operator,
    /// Reads everything, writes nothing.
    Auditor,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Customer => Role::Customer,
            RoleWord::Service => Role::Service,
            RoleWord::Operator => Role::Operator,
            RoleWord::Auditor => Role::Auditor,
        }
    }
}

/// A new token.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenAsked {
    /// Whose it is: idempotency keys are scoped to it.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    name: String,
    role: RoleWord,
    /// The customer, for a customer's token.
    #[serde(default)]
    customer: Option<String>,
}

/// A token as it is listed: never its text.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenShape {
    id: String,
    name: String,
    role: String,
    customer: Option<String>,
    created_at: String,
    revoked_at: Option<String>,
}

/// A token that was made; its text is shown here and nowhere else.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenMadeShape {
    #[serde(flatten)]
    token_record: TokenShape,
    /// The token's text.
    token: String,
}

/// A token that was revoked.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenRevokedShape {
    id: String,
    revoked: bool,
}

/// A password that was set.
#[derive(Debug, Serialize, ToSchema)]
pub struct PasswordSetShape {
    customer: String,
    password_set: bool,
}

/// A link that signs a customer in once.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignInLinkShape {
    customer: String,
    /// To be opened on this server.
    path: String,
    expires_at: String,
}

/// What stands for the secret in what is stored.
const SECRET: &str = "{secret}";

fn token_shape(record: &TokenRecord) -> TokenShape {
    TokenShape {
        id: record.id.to_string(),
        name: record.name.clone(),
        role: record.role.to_string(),
        customer: record.customer.clone(),
        created_at: Timestamp::from_ms(record.created_at_ms).to_string(),
        revoked_at: record.revoked_at_ms.map(|ms| Timestamp::from_ms(ms).to_string()),
    }
}

/// A random-looking secret that only this server can make again.
fn derived(server: &[u8; 32], purpose: &str, use_of_key: &[u8; 16]) -> String {
    let mut hasher = blake3::Hasher::new_keyed(server);
    hasher.update(purpose.as_bytes());
    hasher.update(use_of_key);
    format!("usance_{}", hasher.finalize().to_hex())
}

fn store_failed(error: &StoreError) -> Problem {
    tracing::error!(%error, "the identities could not be written");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store_unreadable", "The identities could not be read or written.").retry_after(1)
}

/// What goes wrong inside a transaction: the store, or a rule.
enum Refused {
    Store(StoreError),
    Rule(Problem),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Refused::Store(error)
    }
}

/// Does something once: the work and its remembered answer are one transaction. The work gets the secret of this request;
/// where its answer shows that secret, `{secret}` stands for it in what is stored.
async fn once(
    app: &App,
    key: UsedKey,
    purpose: &str,
    work: impl FnOnce(&dyn Identities, &str) -> Result<(StatusCode, serde_json::Value), Refused>,
) -> Result<Response, Problem> {
    // The log takes the key; where it lies there names this one use of it for the people, too.
    let place = app.engine.take_key(key).await.map_err(|refusal| app.refused(refusal))?;
    let use_of_key = hash16(&app.seed, "use of a key", &[&shape::hex(&key.hash), &place.to_string()]);
    let now = EngineClock::system().ms();
    let candidate = random_bytes().map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no_randomness", error.to_string()))?;
    let done = app.auth.with_store(|store| {
        let server = store.secret_or_insert("derived", &candidate)?;
        let secret = derived(&server, purpose, &use_of_key);
        let mut fingerprint = [0; 32];
        fingerprint[..16].copy_from_slice(&key.fingerprint);
        let (status, body, replayed) = atomically(store, |people| -> Result<_, Refused> {
            if let Some(before) = people.remembered(&use_of_key)? {
                return Ok((before.status, before.body, true));
            }
            people.forget_before(now - REMEMBERED_MS)?;
            let (status, body) = work(people, &secret)?;
            let body = body.to_string().into_bytes();
            people.remember(&use_of_key, &Remembered { fingerprint, status: status.as_u16(), body: body.clone() }, now)?;
            Ok((status.as_u16(), body, false))
        })?;
        Ok::<_, Refused>((status, String::from_utf8_lossy(&body).replace(SECRET, &secret), replayed))
    });
    let (status, body, replayed) = done.map_err(|refused| match refused {
        Refused::Store(error) => store_failed(&error),
        Refused::Rule(problem) => problem,
    })?;
    app.auth.reload().map_err(|error| store_failed(&error))?;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

async fn known_customer(app: &App, id: &str) -> Result<(), Problem> {
    let known = app.engine.read(|state, _| state.customer_ix(id).is_some()).await?;
    if known { Ok(()) } else { Err(app.engine.peek(|state| rejected(state, &Rejection::CustomerNotFound))) }
}

/// POST /v1/operator/tokens
pub async fn token_create(State(app): State<App>, call: Call, Body(asked): Body<TokenAsked>) -> Result<Response, Problem> {
    let key = call.used_key(&app, &asked)?;
    if !usance_core::id::is_outside_id(&asked.name, 64) {
        return Err(Problem::malformed("name: 1 to 64 of A-Z a-z 0-9 . _ -"));
    }
    match (asked.role, &asked.customer) {
        (RoleWord::Customer, Some(customer)) => known_customer(&app, customer).await?,
        (RoleWord::Customer, None) => return Err(Problem::malformed("customer: a customer's token needs it")),
        (_, Some(_)) => return Err(Problem::malformed("customer: only a customer's token has it")),
        (_, None) => {}
    }
    let now = EngineClock::system().ms();
    once(&app, key, "token", |people, secret| {
        let token =
            NewToken { name: asked.name.clone(), role: asked.role.into(), customer: asked.customer.clone(), hash: token_hash(secret) };
        let record = people.add_token(&token, now)?;
        Ok((StatusCode::CREATED, json!(TokenMadeShape { token_record: token_shape(&record), token: SECRET.to_owned() })))
    })
    .await
}

/// GET /v1/operator/tokens
pub async fn token_list(State(app): State<App>) -> Result<Json<Page<TokenShape>>, Problem> {
    let tokens = app.auth.with_store(|store| store.tokens()).map_err(|error| store_failed(&error))?;
    Ok(Json(Page::whole(tokens.iter().map(token_shape).collect())))
}

/// DELETE /v1/operator/tokens/{id}
pub async fn token_revoke(State(app): State<App>, call: Call, Path(id): Path<String>) -> Result<Response, Problem> {
    let key = call.used_key(&app, &json!({}))?;
    let missing = || Refused::Rule(Problem::not_found("token_not_found", "There is no such live token."));
    let now = EngineClock::system().ms();
    once(&app, key, "revoke", |people, _| {
        let id: i64 = id.parse().map_err(|_| missing())?;
        if !people.revoke_token(id, now)? {
            return Err(missing());
        }
        Ok((StatusCode::OK, json!(TokenRevokedShape { id: id.to_string(), revoked: true })))
    })
    .await
}

/// A password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordAsked {
    /// 10 to 256 characters.
    #[schema(value_type = String, min_length = 10, max_length = 256)]
    password: Password,
}

/// The text of a password. An error about it does not repeat it, and nothing prints it.
struct Password(String);

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Password).map_err(|_| serde::de::Error::custom("password: a text"))
    }
}

/// What stands for a password in the fingerprint of the request that sets it. The fingerprint lies in the log, so it is as slow
/// to guess from as the stored password is.
///
/// # Errors
/// When it cannot be hashed.
fn slow_print(seed: &[u8; 32], call: &Call, password: &str) -> Result<String, Problem> {
    let salt = hash16(seed, "password of a request", &[&call.caller.scope, &call.key_text()?]);
    let mut print = [0; 16];
    argon2::Argon2::default().hash_password_into(password.as_bytes(), &salt, &mut print).map_err(|_| not_hashed())?;
    Ok(shape::hex(&print))
}

fn not_hashed() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "hashing_failed", "The password could not be hashed.")
}

/// POST /v1/operator/customers/{id}/password
pub async fn password_set(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Body(asked): Body<PasswordAsked>,
) -> Result<Response, Problem> {
    call.key_text()?;
    let Password(password) = asked.password;
    if !PASSWORD_LETTERS.contains(&password.chars().count()) {
        return Err(Problem::malformed("password: 10 to 256 characters"));
    }
    let (seed, sent) = (app.seed, call.clone());
    let hashed = tokio::task::spawn_blocking(move || {
        let print = slow_print(&seed, &sent, &password)?;
        let phc = argon2::Argon2::default().hash_password(password.as_bytes()).map_err(|_| not_hashed())?;
        Ok::<_, Problem>((print, phc.to_string()))
    });
    let (print, phc) = hashed.await.map_err(|_| not_hashed())??;
    let key = call.used_key(&app, &json!({ "password": print }))?;
    known_customer(&app, &id).await?;
    let now = EngineClock::system().ms();
    once(&app, key, "password", |people, _| {
        people.set_password(&id, &phc, now)?;
        // Whoever came in with the old one goes out.
        people.end_sessions(&id, None)?;
        Ok((StatusCode::OK, json!(PasswordSetShape { customer: id, password_set: true })))
    })
    .await
}

/// A second factor that is no more.
#[derive(Serialize, ToSchema)]
pub struct FactorRemovedShape {
    /// Whose.
    customer: String,
    /// Whether there was one.
    removed: bool,
}

/// DELETE /v1/operator/customers/{id}/second-factor: for a customer who has lost it. Open sessions end.
pub async fn second_factor_remove(State(app): State<App>, call: Call, Path(id): Path<String>) -> Result<Response, Problem> {
    let key = call.used_key(&app, &json!({}))?;
    known_customer(&app, &id).await?;
    once(&app, key, "second-factor", |people, _| {
        let removed = people.remove_second_factor(&id)?;
        people.end_sessions(&id, None)?;
        Ok((StatusCode::OK, json!(FactorRemovedShape { customer: id, removed })))
    })
    .await
}

/// POST /v1/operator/customers/{id}/sign-in-links
pub async fn sign_in_link_create(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Body(asked): Body<Nothing>,
) -> Result<Response, Problem> {
    let key = call.used_key(&app, &asked)?;
    known_customer(&app, &id).await?;
    let expires_at = EngineClock::system().ms() + LINK_MS;
    once(&app, key, "sign-in", |people, secret| {
        people.add_sign_in_link(&token_hash(secret), &id, expires_at)?;
        let (path, expires_at) = (format!("/sign-in?link={SECRET}"), Timestamp::from_ms(expires_at).to_string());
        Ok((StatusCode::CREATED, json!(SignInLinkShape { customer: id, path, expires_at })))
    })
    .await
}
