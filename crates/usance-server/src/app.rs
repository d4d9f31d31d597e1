//! What every handler can reach: the running machine, who may come in, and how this service is reached.

use crate::auth::Auth;
use crate::auth::credential::Credential;
use crate::auth::refusals::keyless;
use crate::wire::address::Proxies;
use crate::wire::admission::Admission;
use crate::wire::constant::Constant;
use crate::wire::problem::Problem;
use crate::wire::rejected::rejected;
use crate::wire::streams::Streams;
use crate::wire::text::hex;
use axum::http::StatusCode;
use metrics_exporter_prometheus::PrometheusHandle;
use std::fmt;
use std::sync::Arc;
use usance_core::calendar::Timestamp;
use usance_core::id::LogPosition;
use usance_core::machine::{Command, State};
use usance_engine::caller::{Actor, AddressClass, Caller, Credential as Shown};
use usance_engine::life::progress::Progress;
use usance_engine::once::Once;
use usance_engine::submit::{Told, Write};
use usance_engine::{Engine, Refusal};
use usance_store::random::random_bytes;
use usance_store::{Role, Scopes};
use usance_workload::sample::COMMANDS_MAX;

/// How this site is reached, and who may enter it without a password.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// Whether customers reach it over HTTPS (a proxy ends TLS): cookies are then for HTTPS only.
    pub https: bool,
    /// Proxies that are believed when they say where a request comes from.
    pub proxies: Proxies,
    /// Sample customers that anybody may enter as; none but in a demo.
    pub sample_customers: Vec<String>,
    /// What a demo does by itself when its clock has moved.
    pub script: Option<Script>,
}

/// The next command from how things stand; nothing when all is as it should be.
pub type NextOfScript = dyn Fn(&State, Timestamp) -> Option<Command> + Send + Sync;

/// What is done beside whoever looks at a demo.
#[derive(Clone)]
pub struct Script(pub Arc<NextOfScript>);

impl fmt::Debug for Script {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Script")
    }
}
/// Where its keys belong to: no path of the contract.
const SCRIPT_PATH: &str = "/demo/script";

/// The contract about itself, each made when it is first asked for and the same bytes each time.
#[derive(Clone, Copy, Debug)]
pub struct ContractTexts {
    /// As OpenAPI 3.1.
    pub document: fn() -> &'static Constant,
    /// As a page.
    pub page: fn() -> &'static Constant,
    /// What that page may do.
    pub policy: &'static str,
}

/// Event streams of one customer at a time: its devices and their tabs.
const EVENT_STREAMS_MAX: usize = 32;
/// Statements of one customer that are streamed at a time.
const STATEMENTS_MAX: usize = 4;

/// What every handler can reach.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// The parts of an [`App`].
pub struct Inner {
    /// The running machine.
    pub engine: Engine,
    /// Tokens and passwords.
    pub auth: Auth,
    /// Where metrics are gathered.
    pub metrics: PrometheusHandle,
    /// Ends when the service stops: event streams end with it.
    pub serving: Arc<Progress>,
    /// Who is let in, and who is told to come again.
    pub admission: Admission,
    /// Event streams that are open.
    pub event_streams: Arc<Streams<Credential>>,
    /// Statements on their way as CSV.
    pub statements: Arc<Streams<Credential>>,
    /// How the pages are reached.
    pub site: Site,
    /// The contract about itself.
    pub contract: ContractTexts,
}

/// A key of its own for each command of the script.
fn script_key() -> Option<Once> {
    let bytes: [u8; 16] = random_bytes().ok()?;
    Once::new(&hex(&bytes), SCRIPT_PATH, &()).ok()
}

impl App {
    /// An app on a running engine.
    #[must_use]
    pub fn new(engine: Engine, auth: Auth, metrics: PrometheusHandle, site: Site, admission: Admission, contract: ContractTexts) -> Self {
        App(Arc::new(Inner {
            engine,
            auth,
            metrics,
            serving: Arc::new(Progress::new(0)),
            admission,
            event_streams: Streams::new("event streams", EVENT_STREAMS_MAX, 15),
            statements: Streams::new("statements as CSV", STATEMENTS_MAX, 5),
            site,
            contract,
        }))
    }

    /// Has the script of a demo do all that is to be done now: its networks go on, its wallet attests. What it is refused ends it until the
    /// clock moves again.
    pub async fn go_on(&self) {
        let Some(Script(next)) = &self.site.script else { return };
        let actor = Actor { role: Role::Operator, credential: Shown::Demo, address: AddressClass::Loopback };
        let scope = "operator:demo-script".to_owned();
        let caller = Caller { role: Role::Operator, scopes: Scopes::ALL, scope, customer: None, actor: Some(actor) };
        for _ in 0..COMMANDS_MAX {
            let Ok(Some(command)) = self.engine.read(|state, now| next(state, now)).await else { return };
            let Some(once) = script_key() else { return };
            let told = self.engine.carry_out(Write { caller: &caller, once: &once, method: "POST" }, command, None).await;
            if let Err(problem) = self.booked(told) {
                tracing::warn!(problem = problem.code(), "what the demo does by itself was refused; it goes on when its clock moves again");
                return;
            }
        }
    }

    /// Where a write was booked, for whoever needs no more of its answer.
    ///
    /// # Errors
    /// Why it was not, also when a rule said no.
    pub fn booked(&self, told: Result<Told, Refusal>) -> Result<LogPosition, Problem> {
        let told = told.map_err(|refusal| self.refused(refusal))?;
        told.outcome.map(|_| told.place).map_err(|rejection| self.refused(rejection.into()))
    }

    /// Why an operation was not carried out, as an answer says it.
    #[must_use]
    pub fn refused(&self, refusal: Refusal) -> Problem {
        match refusal {
            Refusal::Rejected(rejection) => self.engine.peek(|state| rejected(state, &rejection)),
            Refusal::KeyReused => {
                Problem::new(StatusCode::CONFLICT, "idempotency_key_reused", "This Idempotency-Key was used for another request.")
            }
            Refusal::FiguresChanged => {
                Problem::new(StatusCode::CONFLICT, "figures_changed", "The figures are not the ones that were shown.")
            }
            Refusal::TooManyPositions { most } => {
                let detail = format!(
                    "This customer has {most} positions, as many as one may have at a time; one more is possible when one has ended."
                );
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "too_many_positions", detail).with("limit", most)
            }
            Refusal::TokenNotFound => Problem::not_found("token_not_found", "There is no such live token."),
            Refusal::NotHashed => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "hashing_failed", "The password could not be hashed."),
            Refusal::NoRandomness(why) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no_randomness", why),
            Refusal::PeopleUnreadable => {
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store_unreadable", "The identities could not be read or written.")
                    .retry_after(1)
            }
            Refusal::SecretForgotten => {
                let detail = "The secret that this answer showed is not kept any more; make a new one under another key.";
                Problem::new(StatusCode::GONE, "secret_forgotten", detail)
            }
            Refusal::SecretsOutdated => keyless(),
            Refusal::Malformed(detail) => Problem::malformed(detail),
            Refusal::Unavailable(unavailable) => unavailable.into(),
        }
    }
}

impl std::ops::Deref for App {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}
