//! Security events: who came in, and what was changed about how people come in.
//!
//! Owns the shape of an event, its words, and the chain that its bytes hang on: each event's hash covers the one before it, so one
//! that is changed or taken away shows. The homes of people keep the events and add to them in the transaction of the change itself.
//! No secret stands in one, and no address: a token or a session is named by its number.

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::error::StoreError;
use crate::person::TokenRecord;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecurityKind {
    /// A session was opened.
    SignedIn,
    /// A session was ended.
    SessionEnded,
    /// All sessions of a customer were ended, or all but the one that asked.
    SessionsEnded,
    /// A sign-in link was made.
    LinkMade,
    /// Sign-in links that nobody had used were ended.
    LinksEnded,
    /// A password was set.
    PasswordSet,
    /// A second factor was set, or replaced.
    FactorSet,
    /// A second factor was removed.
    FactorRemoved,
    /// A token was made.
    TokenMade,
    /// A token was revoked.
    TokenRevoked,
    /// A token has to be replaced: others may know it.
    TokenExposed,
    /// Everything that is sealed was sealed anew with another key.
    SecretsRotated,
    /// A key was lost: what it had sealed cannot be read again.
    SecretsLost,
    /// The people of a copy took the place of those that were here.
    PeopleRestored,
}

impl SecurityKind {
    /// Every kind.
    pub const ALL: [SecurityKind; 14] = [
        SecurityKind::SignedIn,
        SecurityKind::SessionEnded,
        SecurityKind::SessionsEnded,
        SecurityKind::LinkMade,
        SecurityKind::LinksEnded,
        SecurityKind::PasswordSet,
        SecurityKind::FactorSet,
        SecurityKind::FactorRemoved,
        SecurityKind::TokenMade,
        SecurityKind::TokenRevoked,
        SecurityKind::TokenExposed,
        SecurityKind::SecretsRotated,
        SecurityKind::SecretsLost,
        SecurityKind::PeopleRestored,
    ];

    /// The word that is stored and shown.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            SecurityKind::SignedIn => "signed_in",
            SecurityKind::SessionEnded => "session_ended",
            SecurityKind::SessionsEnded => "sessions_ended",
            SecurityKind::LinkMade => "link_made",
            SecurityKind::LinksEnded => "links_ended",
            SecurityKind::PasswordSet => "password_set",
            SecurityKind::FactorSet => "factor_set",
            SecurityKind::FactorRemoved => "factor_removed",
            SecurityKind::TokenMade => "token_made",
            SecurityKind::TokenRevoked => "token_revoked",
            SecurityKind::TokenExposed => "token_exposed",
            SecurityKind::SecretsRotated => "secrets_rotated",
            SecurityKind::SecretsLost => "secrets_lost",
            SecurityKind::PeopleRestored => "people_restored",
        }
    }

    /// The kind of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<SecurityKind> {
        SecurityKind::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// An event to be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewSecurityEvent {
    /// What happened.
    pub kind: SecurityKind,
    /// Whom it is about, where it is about a customer.
    pub customer: Option<String>,
    /// The number of the token or session it is about.
    pub subject: Option<i64>,
    /// Who did it; nobody where the service did it by itself.
    pub actor: Option<Actor>,
}

impl NewSecurityEvent {
    /// About a customer.
    #[must_use]
    pub fn about(kind: SecurityKind, customer: &str, actor: Option<Actor>) -> NewSecurityEvent {
        NewSecurityEvent { kind, customer: Some(customer.to_owned()), subject: None, actor }
    }

    /// About a token, and about the customer whose it is.
    #[must_use]
    pub fn about_token(kind: SecurityKind, token: &TokenRecord, actor: Option<Actor>) -> NewSecurityEvent {
        NewSecurityEvent { kind, customer: token.customer.clone(), subject: Some(token.id), actor }
    }
}

/// An event as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityEvent {
    /// Number, from 1 without a gap.
    pub id: i64,
    /// When it happened, milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The event.
    pub event: NewSecurityEvent,
    /// The chain's hash with this event at its end.
    pub hash: [u8; 32],
}

impl SecurityEvent {
    /// The event that follows `before` in the chain.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it cannot be written as bytes.
    pub fn after(before: Option<(i64, [u8; 32])>, at_ms: i64, event: &NewSecurityEvent) -> Result<SecurityEvent, StoreError> {
        let (last, hash) = before.unwrap_or((0, [0; 32]));
        let id = last + 1;
        let bytes = postcard::to_stdvec(&(id, at_ms, event)).map_err(|error| StoreError::damaged("security event", error.to_string()))?;
        let mut hasher = blake3::Hasher::new_derive_key("usance 2026 security events");
        hasher.update(&hash).update(&bytes);
        Ok(SecurityEvent { id, at_ms, event: event.clone(), hash: *hasher.finalize().as_bytes() })
    }
}

/// Holds all events of a home against their chain, from the newest back, so many at a time; gives its end.
///
/// # Errors
/// [`StoreError::Damaged`] with the number of the newest event that does not follow; as the home answers.
pub fn verify_events(
    mut before: impl FnMut(Option<i64>) -> Result<Vec<SecurityEvent>, StoreError>,
) -> Result<Option<(i64, [u8; 32])>, StoreError> {
    let (mut end, mut newer): (_, Option<SecurityEvent>) = (None, None);
    loop {
        let page = before(newer.as_ref().map(|event| event.id))?;
        if page.is_empty() {
            break;
        }
        for older in page {
            match &newer {
                None => end = Some((older.id, older.hash)),
                Some(newer) => follows(Some(&older), newer)?,
            }
            newer = Some(older);
        }
    }
    if let Some(first) = &newer {
        follows(None, first)?;
    }
    Ok(end)
}

fn follows(older: Option<&SecurityEvent>, newer: &SecurityEvent) -> Result<(), StoreError> {
    let before = older.map(|event| (event.id, event.hash));
    if SecurityEvent::after(before, newer.at_ms, &newer.event)? == *newer {
        return Ok(());
    }
    Err(StoreError::damaged("security event", format!("number {}: it does not follow the one before it", newer.id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_was_changed_left_out_or_moved_breaks_the_chain() {
        let mut events: Vec<SecurityEvent> = Vec::new();
        for (at_ms, kind) in (1..).zip(SecurityKind::ALL) {
            let new = NewSecurityEvent { kind, customer: Some("alice".into()), subject: None, actor: Some(Actor::COMMAND_LINE) };
            let end = events.last().map(|event| (event.id, event.hash));
            events.push(SecurityEvent::after(end, at_ms, &new).unwrap());
        }
        let verify_events = |events: &[SecurityEvent]| {
            super::verify_events(|before| {
                Ok(events.iter().rev().filter(|event| before.is_none_or(|before| event.id < before)).take(3).cloned().collect())
            })
        };
        assert_eq!(verify_events(&events).unwrap().map(|(id, _)| id), Some(14));
        let without: Vec<_> = events.iter().filter(|event| event.id != 4).cloned().collect();
        assert!(verify_events(&without).unwrap_err().to_string().contains("number 5"));
        let mut changed = events.clone();
        changed[2].event.customer = Some("bob".into());
        assert!(verify_events(&changed).unwrap_err().to_string().contains("number 3"));
        assert!(verify_events(&events[1..]).is_err(), "the first is missing");
    }

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        for kind in SecurityKind::ALL {
            assert_eq!(SecurityKind::from_word(kind.word()), Some(kind));
        }
    }
}
