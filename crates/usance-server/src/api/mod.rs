//! The HTTP contract: requests in, JSON out. No rule lives here: handlers read text, ask the machine, and show.
//!
//! [`call`] is how every write goes to the machine once only; [`shape`] what everything looks like on the wire and [`answer`] what a write is told;
//! [`error`] which rejection gets which status; [`input`] how a request is read; [`streams`] how many answers a customer keeps open. One file per group of routes:
//! [`catalogue`] (public), [`customer`], [`history`], [`statement`], [`notices`], [`operator`], [`journal`], [`people`], [`events`], [`service`]. Which path leads
//! to which handler, and who may, stands in `crate::routes`.

pub mod answer;
pub mod call;
pub mod catalogue;
pub mod customer;
pub mod error;
pub mod events;
pub mod history;
pub mod input;
pub mod journal;
pub mod notices;
pub mod openapi;
pub mod operator;
pub mod page;
pub mod people;
pub mod service;
pub mod shape;
pub mod statement;
pub mod streams;

use crate::auth::Auth;
use crate::routes::admission::Admission;
use crate::web::Site;
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;
use streams::Streams;
use usance_engine::Engine;
use usance_engine::life::progress::Progress;

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
    /// The platform's seed: cursors are signed with it.
    pub seed: [u8; 32],
    /// Ends when the service stops: event streams end with it.
    pub serving: Arc<Progress>,
    /// Who is let in, and who is told to come again.
    pub admission: Admission,
    /// Event streams that are open.
    pub event_streams: Arc<Streams>,
    /// Statements on their way as CSV.
    pub statements: Arc<Streams>,
    /// How the pages are reached.
    pub site: Site,
}

impl App {
    /// An app on a running engine.
    #[must_use]
    pub fn new(engine: Engine, auth: Auth, metrics: PrometheusHandle, site: Site, admission: Admission) -> Self {
        let seed = engine.peek(|state| state.registry.platform.seed);
        App(Arc::new(Inner {
            engine,
            auth,
            metrics,
            seed,
            serving: Arc::new(Progress::new(0)),
            admission,
            event_streams: Streams::new("event streams", EVENT_STREAMS_MAX, 15),
            statements: Streams::new("statements as CSV", STATEMENTS_MAX, 5),
            site,
        }))
    }
}

impl std::ops::Deref for App {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}
