//! The door of the whole service: who is told 503 at once, before the router and with bytes that are made already, and who gets in.

use super::pages;
use super::router::router;
use crate::app::App;
use crate::pages::failure;
use crate::wire::headers::fill;
use crate::wire::listen::Answers;
use crate::wire::problem::Problem;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use std::time::Duration;
use tower::ServiceExt;
use usance_engine::Unavailable;

/// What is asked of a process that is overloaded, too: how it is.
const ALWAYS_OPEN: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// What connections hand their requests to: the router behind who is let in.
pub struct Door {
    app: App,
    router: Router,
    refusal: Refusal,
    refusal_page: Refusal,
    refused: metrics::Counter,
}

/// An answer to whoever is refused, made already.
struct Refusal {
    headers: HeaderMap,
    body: Bytes,
}

impl Refusal {
    fn of(mut headers: HeaderMap, body: Bytes) -> Refusal {
        fill(&mut headers);
        Refusal { headers, body }
    }

    fn response(&self) -> Response {
        let mut response = Response::new(Body::from(self.body.clone()));
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.headers_mut().clone_from(&self.headers);
        response
    }
}

impl Door {
    /// The door of the whole service.
    #[must_use]
    pub fn of(app: App) -> Door {
        let problem = Problem::from(Unavailable::Overloaded);
        let body = Bytes::from(problem.body());
        let refusal = Refusal::of(std::mem::take(problem.into_response().headers_mut()), body);
        let page = std::mem::take(pages::busy(app.site.https).headers_mut());
        let refusal_page = Refusal::of(page, failure::busy_page());
        let refused = metrics::counter!("usance_requests_refused_total");
        Door { router: router(app.clone()), app, refusal, refusal_page, refused }
    }
}

impl Answers for Door {
    /// Answers a request that waited that long on its connection, or refuses it before anything else looks at it: the refusal is
    /// made already, so that nine of ten cost little.
    async fn answer(&self, request: Request, queued: Duration) -> Response {
        let admission = &self.app.admission;
        let path = request.uri().path();
        let place = if ALWAYS_OPEN.contains(&path) {
            None
        } else if path == pages::SIGN_IN && *request.method() == Method::POST {
            Some(admission.place_to_sign_in())
        } else {
            Some(admission.place(queued))
        };
        if let Some(None) = place {
            self.refused.increment(1);
            let refusal = if pages::wants_page(&request) { &self.refusal_page } else { &self.refusal };
            return refusal.response();
        }
        let Ok(response) = self.router.clone().oneshot(request).await;
        response
    }
}
