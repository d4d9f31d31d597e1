//! The rooms put together: nobody leads here but the command line and the tests.
//!
//! `router` is made from the contract and from the table of `pages`; before both stand the `door` (load shedding), `counting` and
//! `freshness`: what a process may answer that is not, or may not be, the writer.

mod counting;
pub mod door;
pub mod freshness;
pub mod pages;
pub mod router;

use crate::app::{App, ContractTexts, Site};
use crate::auth::Auth;
use crate::contract::openapi;
use crate::wire::admission::Admission;
use crate::wire::constant::Constant;
use axum::body::Bytes;
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::LazyLock;
use usance_engine::Engine;

/// An app on a running engine, with the contract that this service keeps.
#[must_use]
pub fn app(engine: Engine, auth: Auth, metrics: PrometheusHandle, site: Site, admission: Admission) -> App {
    static DOCUMENT: LazyLock<Constant> = LazyLock::new(|| Constant::of(Bytes::from(openapi::document().to_string())));
    static PAGE: LazyLock<Constant> = LazyLock::new(|| Constant::of(Bytes::from(openapi::page())));
    let contract = ContractTexts { document: || &DOCUMENT, page: || &PAGE, policy: openapi::POLICY };
    App::new(engine, auth, metrics, site, admission, contract)
}
