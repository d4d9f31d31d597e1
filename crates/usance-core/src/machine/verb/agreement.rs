//! `PublishAgreement`: the Staking Service Agreement in force (RULES 6).

use super::fact::{Fact, NO_MONEY};
use super::named::{check_text, invalid, last};
use crate::calendar::Timestamp;
use crate::id::{AgreementIx, is_outside_id};
use crate::ledger::{JournalEntry, Unbalanced};
use crate::limits::{AGREEMENT_TEXT_BYTES_MAX, AGREEMENT_VERSION_BYTES_MAX};
use crate::machine::answer::Answer;
use crate::machine::news::News;
use crate::machine::post::Catalogue;
use crate::machine::rejection::Rejection;
use crate::machine::state::{Agreement, State};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// An agreement came into force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreementPublished {
    /// Its version.
    pub version: String,
    /// Its words.
    pub text: String,
    /// SHA-256 of its words.
    pub sha256: [u8; 32],
}

/// Puts an agreement in force.
///
/// # Errors
/// `terms_invalid`, `already_exists`.
pub fn publish_agreement(state: &State, version: &str, text: &str) -> Result<AgreementPublished, Rejection> {
    if !is_outside_id(version, AGREEMENT_VERSION_BYTES_MAX) {
        return Err(invalid("version is 1 to 64 of A-Z a-z 0-9 . _ -"));
    }
    check_text("text", text, AGREEMENT_TEXT_BYTES_MAX)?;
    if state.registry.agreements.iter().any(|agreement| agreement.version == version) {
        return Err(Rejection::AlreadyExists);
    }
    Ok(AgreementPublished { version: version.to_owned(), text: text.to_owned(), sha256: Sha256::digest(text.as_bytes()).into() })
}

impl Fact for AgreementPublished {
    fn entries(&self, _: &dyn Catalogue) -> Result<Vec<JournalEntry>, Unbalanced> {
        NO_MONEY
    }
    fn apply(&self, state: &mut State, at: Timestamp) {
        let (version, text) = (self.version.clone(), self.text.clone());
        state.registry.agreements.push(Agreement { version, text, sha256: self.sha256, in_force_since: at });
    }
    fn answer(&self, state: &State, _: Timestamp) -> Answer {
        Answer::Agreement(AgreementIx::from_index(last(state.registry.agreements.len())))
    }
    fn news(&self) -> News<'_> {
        News::Nothing
    }
}
