//! What somebody came in with, to be looked at again while an answer goes on.
//!
//! A stream that was opened by a token ends when the token is revoked, one that was opened by a session when that ends.

use super::identity::Identity;
use super::tokens::Auth;
use crate::wire::problem::Problem;
use axum::http::{HeaderMap, header};
use usance_store::SessionRecord;

/// What somebody came in with.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A token, as it was sent, and who that was.
    Token {
        /// The header that holds it, and nothing else.
        headers: HeaderMap,
        /// Whose it was, with which role.
        identity: Identity,
    },
    /// A session of a customer.
    Session {
        /// Whose.
        customer: String,
        /// Which.
        id: i64,
    },
}

impl Credential {
    /// The token of a request.
    ///
    /// # Errors
    /// 401 without a token or with an unknown one.
    pub fn of_token(auth: &Auth, sent: &HeaderMap) -> Result<Credential, Problem> {
        let headers = sent.get(header::AUTHORIZATION).map(|value| (header::AUTHORIZATION, value.clone())).into_iter().collect();
        Ok(Credential::Token { identity: auth.identify(sent, None)?, headers })
    }

    /// A session.
    #[must_use]
    pub fn of_session(session: &SessionRecord) -> Credential {
        Credential::Session { customer: session.customer.clone(), id: session.id }
    }
}

impl Auth {
    /// Whether a credential opens what it opened before. One that nobody can look at opens nothing.
    #[must_use]
    pub fn still_opens(&self, credential: &Credential) -> bool {
        match credential {
            Credential::Token { headers, identity } => self.identify(headers, None).is_ok_and(|now| now == *identity),
            Credential::Session { customer, id } => self.sessions(customer).is_ok_and(|open| open.iter().any(|session| session.id == *id)),
        }
    }
}
