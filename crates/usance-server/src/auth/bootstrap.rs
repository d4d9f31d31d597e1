//! The operator's token of the environment: how the first operator comes in.
//!
//! Owns what such a token may be, and its place in the list, where it is seen and can be revoked like any other. It refuses one that
//! can be guessed, or that stands in somebody's example. A token that is not in the environment any more is revoked by the next
//! writer.

use usance_engine::operations::token::BOOTSTRAP_NAME;
use usance_store::{IdentityStore, NewSecurityEvent, NewToken, Role, SecurityKind, StoreError, atomically};

/// The environment variable that holds it.
pub const VARIABLE: &str = "USANCE_OPERATOR_TOKEN";
/// The shortest: 128 bits in hexadecimal.
const LETTERS_MIN: usize = 32;
/// Different letters at least: a random text of that length has more.
const DIFFERENT_MIN: usize = 8;
/// What stands in examples in the place of a token.
const PLACEHOLDERS: [&str; 9] =
    ["changeme", "change-me", "change_me", "choose", "example", "placeholder", "replace-", "replace_", "your-token"];

/// Why a text is no token for an operator.
///
/// # Errors
/// A sentence.
pub fn check(token: &str) -> Result<(), String> {
    let different = token.bytes().collect::<std::collections::BTreeSet<u8>>().len();
    let small = token.to_ascii_lowercase();
    let how = if token.len() < LETTERS_MIN {
        "is shorter than 32 characters"
    } else if different < DIFFERENT_MIN || PLACEHOLDERS.iter().any(|placeholder| small.contains(placeholder)) {
        "can be guessed"
    } else if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        "has characters that no header can carry"
    } else {
        return Ok(());
    };
    Err(format!("the token in {VARIABLE} {how}; make one with `openssl rand -hex 32`"))
}

/// Puts the token into the list, if it is not there.
pub(super) fn keep(store: &mut dyn IdentityStore, hash: Option<[u8; 32]>, now: i64) -> Result<(), StoreError> {
    let Some(hash) = hash else { return Ok(()) };
    let revoked = atomically(store, |people| -> Result<bool, StoreError> {
        if let Some(present) = people.find_token(&hash)? {
            return Ok(!present.is_live(now));
        }
        let token = NewToken { hash, is_bootstrap: true, ..NewToken::plain(BOOTSTRAP_NAME, Role::Operator, None) };
        let token = people.add_token(&token, now)?;
        people.add_security_event(&NewSecurityEvent::about_token(SecurityKind::TokenMade, &token, None), now)?;
        Ok(false)
    })?;
    if revoked {
        tracing::warn!("the token in {VARIABLE} was revoked: it opens nothing; set another one, or none");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_can_be_guessed_is_refused() {
        let long = "choose-one-that-is-longer-than-this-line";
        for weak in [
            "",
            "a",
            "test-operator-token",
            &"a".repeat(64),
            &"ab".repeat(20),
            long,
            &"changeme".repeat(8),
            "0123456789abcdef0123456789abcdeä",
        ] {
            assert!(check(weak).is_err(), "{weak}");
        }
        for strong in ["8f1d0c5b7a9e4236b0d1f2a3c4e5968778695a4b3c2d1e0f", "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZg=="] {
            assert_eq!(check(strong), Ok(()), "{strong}");
        }
    }
}
