//! Why an operation was not carried out. Only what a rule says uses an idempotency key.

use crate::once::NotAKey;
use crate::unavailable::Unavailable;
use usance_core::machine::Rejection;
use usance_core::person::NotAPublicKey;

/// Why an operation was not carried out.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// A rule said no.
    Rejected(Rejection),
    /// The key was used for another request.
    KeyReused,
    /// What was shown is not what would be booked now.
    FiguresChanged,
    /// The customer has as many positions as it may have at a time.
    TooManyPositions {
        /// So many.
        most: usize,
    },
    /// There is no such live token.
    TokenNotFound,
    /// A password could not be hashed.
    NotHashed,
    /// The system has no randomness to give: why.
    NoRandomness(String),
    /// The identities could not be read or written.
    PeopleUnreadable,
    /// The answer showed a secret, which is not kept any more.
    SecretForgotten,
    /// What is sealed cannot be opened or sealed here: the secrets file is not the store's.
    SecretsOutdated,
    /// The request cannot be read: a sentence that names the field.
    Malformed(String),
    /// The engine cannot answer now.
    Unavailable(Unavailable),
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Refusal::Rejected(rejection)
    }
}

impl From<Unavailable> for Refusal {
    fn from(unavailable: Unavailable) -> Self {
        Refusal::Unavailable(unavailable)
    }
}

impl From<NotAKey> for Refusal {
    fn from(error: NotAKey) -> Self {
        Refusal::Malformed(error.to_string())
    }
}

impl From<NotAPublicKey> for Refusal {
    /// Another form is a request that cannot be read. 32 bytes that are no key can be read, and are refused as a rule refuses.
    fn from(error: NotAPublicKey) -> Self {
        let reason = format!("public_key: {error}");
        match error {
            NotAPublicKey::Form => Refusal::Malformed(reason),
            NotAPublicKey::Point => Refusal::Rejected(Rejection::TermsInvalid { reason }),
        }
    }
}
