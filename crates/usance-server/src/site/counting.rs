//! Every request is counted before anything else is looked at: by who sends it, or by the address that it comes from.

use crate::app::App;
use crate::auth::identity::Identity;
use crate::auth::rates::{Purpose, RateVerdict};
use crate::wire::problem::Problem;
use axum::extract::{ConnectInfo, Request};
use std::net::{IpAddr, SocketAddr};
use usance_engine::caller::{Caller, Role};
use usance_engine::lines::budget::{Budget, DAYS_MAX};

/// Who asks by token; counted before anything else is looked at, also where nothing comes of it: by the token, or by the address
/// where there is none that is valid.
pub(super) fn count(
    app: &App,
    request: &Request,
    purpose: Purpose,
    operation: Option<&str>,
    counted: &mut RateVerdict,
) -> Result<Identity, Problem> {
    let identified = app.auth.identify(request.headers(), source(app, request));
    *counted = match &identified {
        Ok(_) if is_free(request.uri().path()) => RateVerdict::default(),
        Ok(identity) => app.auth.count(identity, purpose, operation),
        Err(_) => count_stranger(app, request, operation),
    };
    identified
}

/// Counts a request of somebody unknown by its address.
pub(super) fn count_stranger(app: &App, request: &Request, operation: Option<&str>) -> RateVerdict {
    let address = sender_address(app, request).filter(|_| !is_free(request.uri().path()));
    address.map_or_else(RateVerdict::default, |address| app.auth.count_address(address, operation))
}

/// So much of the past costs one request of a customer's rate.
const REQUEST_DAYS: u64 = DAYS_MAX / 8;

/// Takes of a customer's rate what reading the past cost beyond one request, and has the answer say so. What reads no past, and
/// what operators and services read, costs nothing.
pub(super) fn charge(app: &App, purpose: Purpose, caller: Option<&Caller>, budget: &Budget, counted: &mut RateVerdict) {
    let customer = caller.filter(|caller| caller.role == Role::Customer).and_then(|caller| caller.customer.as_deref());
    if let (Purpose::History, Some(customer)) = (purpose, customer) {
        app.auth.owe(customer, u32::try_from(budget.spent() / REQUEST_DAYS).unwrap_or(u32::MAX), counted);
    }
}

/// Paths that say how this process is: nobody counts those.
const FREE: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Whether requests for a path are counted by nobody.
pub(super) fn is_free(path: &str) -> bool {
    FREE.contains(&path)
}

/// The address of whoever sent a request, where it is to be counted: a neighbour on this machine that says nothing of whom it
/// speaks for is a proxy or a program of the house.
pub(super) fn sender_address(app: &App, request: &Request) -> Option<IpAddr> {
    source(app, request).filter(|address| !address.is_loopback())
}

/// The address that a request comes from.
pub(super) fn source(app: &App, request: &Request) -> Option<IpAddr> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>()?.0;
    Some(app.site.proxies.source(request.headers(), peer.ip()))
}
