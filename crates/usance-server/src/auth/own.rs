//! What a signed-in customer does with the own password and the own tokens.
//!
//! Owns the proof that is asked first, and that what is changed and what ends with it are one transaction. Second factors are
//! `factor`'s, sessions `session`'s.

use super::factor::{Asking, Proof, Unchanged};
use super::refusals::failed;
use super::session::{now, random};
use super::tokens::Auth;
use crate::wire::problem::Problem;
use axum::http::StatusCode;
use usance_core::id::is_outside_id;
use usance_engine::caller::Actor;
use usance_engine::operations::session::{AlsoTokens, Keeps, hash_password, put_password};
use usance_engine::operations::token::{BOOTSTRAP_NAME, DAY_MS};
use usance_engine::people::{secret_hash, token_secret};
use usance_engine::refusal::Refusal;
use usance_store::{IdentityStore, NewSecurityEvent, NewToken, Role, Scopes, SecurityKind, StoreError, TokenRecord, atomically};

/// Live tokens that a customer may make at most.
const OWN_TOKENS_MAX: usize = 20;
/// The longest that one lasts, days.
const OWN_DAYS_MAX: u32 = 365;
/// The longest name.
const NAME_BYTES_MAX: usize = 64;

impl Auth {
    /// Sets the password of a session's customer, who shows the one before. Links and other sessions end, and tokens where that is
    /// asked.
    ///
    /// # Errors
    /// As [`Auth::prove`]; 400 for a password that is too short or too long.
    pub async fn change_password(
        &self,
        asking: Asking<'_>,
        (current, password): (String, String),
        tokens: AlsoTokens,
    ) -> Result<(), Problem> {
        let Asking { session, actor, .. } = asking;
        let proven = self.prove_password(asking, current).await?;
        let phc = hash_password(password).await.map_err(|refusal| match refusal {
            Refusal::Malformed(detail) => Problem::new(StatusCode::BAD_REQUEST, "password_length", detail),
            _ => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "hashing_failed", "The password could not be hashed."),
        })?;
        let keeps = Keeps { session: Some(session.id), tokens };
        let set = self.with_store(|store| {
            atomically(store, |people| -> Result<(), Unchanged> {
                proven.still(people, session)?;
                Ok(put_password(people, (&session.customer, &phc), keeps, actor, now())?)
            })
        });
        set.map_err(Unchanged::into_problem)?;
        match tokens {
            AlsoTokens::Keep => self.sessions_ended(),
            AlsoTokens::Revoke => self.tokens_changed(),
        }
        Ok(())
    }

    /// A customer's live tokens, newest first.
    ///
    /// # Errors
    /// 503 when the people cannot be read.
    pub fn tokens_of(&self, customer: &str) -> Result<Vec<TokenRecord>, Problem> {
        self.with_store(|store| live_tokens(store, customer)).map_err(|error| failed(&error))
    }

    /// Makes a token for a session's customer, who proves to be the customer; gives its text.
    ///
    /// # Errors
    /// As [`Auth::prove`]; 400 for a name or a number of days that cannot be, or where there are too many tokens.
    pub async fn make_own_token(
        &self,
        asking: Asking<'_>,
        (name, scopes, days): (String, Scopes, u32),
        proof: Proof,
    ) -> Result<String, Problem> {
        let Asking { session, actor, .. } = asking;
        let customer = session.customer.as_str();
        if !is_outside_id(&name, NAME_BYTES_MAX) || name == BOOTSTRAP_NAME || !(1..=OWN_DAYS_MAX).contains(&days) {
            let detail = format!("name: 1 to {NAME_BYTES_MAX} of A-Z a-z 0-9 . _ -; days: 1 to {OWN_DAYS_MAX}");
            return Err(Problem::new(StatusCode::BAD_REQUEST, "token_unclear", detail));
        }
        if self.tokens_of(customer)?.len() >= OWN_TOKENS_MAX {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "tokens_too_many", format!("At most {OWN_TOKENS_MAX} tokens.")));
        }
        let proven = self.prove(asking, proof).await?;
        let text = token_secret(&random()?);
        let (hash, expires_at_ms) = (secret_hash(&text), Some(now() + i64::from(days) * DAY_MS));
        let token = NewToken { scopes, hash, expires_at_ms, ..NewToken::plain(&name, Role::Customer, Some(customer)) };
        let made = self.with_store(|store| {
            atomically(store, |people| -> Result<(), Unchanged> {
                proven.still(people, session)?;
                let record = people.add_token(&token, now())?;
                people.add_security_event(&NewSecurityEvent::about_token(SecurityKind::TokenMade, &record, actor), now())?;
                Ok(())
            })
        });
        made.map_err(Unchanged::into_problem)?;
        Ok(text)
    }

    /// Revokes a token of a customer; one that is not there, or not this customer's, stays as it is.
    ///
    /// # Errors
    /// 503 when the people cannot be written.
    pub fn revoke_own_token(&self, customer: &str, id: i64, actor: Option<Actor>) -> Result<(), Problem> {
        let revoked = self.with_store(|store| {
            atomically::<_, StoreError>(store, |people| {
                let own = people.token(id)?.filter(|token| token.customer.as_deref() == Some(customer));
                let Some(token) = own else { return Ok(false) };
                let is_revoked = people.revoke_token(id, now())?;
                if is_revoked {
                    people.add_security_event(&NewSecurityEvent::about_token(SecurityKind::TokenRevoked, &token, actor), now())?;
                }
                Ok(is_revoked)
            })
        });
        if revoked.map_err(|error| failed(&error))? {
            self.tokens_changed();
        }
        Ok(())
    }
}

fn live_tokens(store: &dyn IdentityStore, customer: &str) -> Result<Vec<TokenRecord>, StoreError> {
    let at = now();
    Ok(store.tokens_of(customer)?.into_iter().filter(|token| token.is_live(at)).collect())
}
