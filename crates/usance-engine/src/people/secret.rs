//! Secrets as texts: how they are made, what is stored of them, and what stands for one in an answer that is remembered.

use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use usance_store::random::random_bytes;

/// What stands for the secret in an answer that is remembered.
pub const SECRET: &str = "{secret}";

/// SHA-256 of a secret's text: what is stored of it.
#[must_use]
pub fn secret_hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// What a secret looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretForm {
    /// For programs: `usance_` and 64 hexadecimal digits, 256 bits.
    Token,
    /// For people, who may have to type it: 26 letters and digits in groups, 130 bits.
    Code,
}

impl SecretForm {
    pub(super) fn make(self) -> std::io::Result<String> {
        match self {
            SecretForm::Token => Ok(token_secret(&random_bytes()?)),
            SecretForm::Code => Ok(code(&random_bytes()?)),
        }
    }
}

/// The text of a token.
#[must_use]
pub fn token_secret(bytes: &[u8; 32]) -> String {
    format!("usance_{}", hex(bytes))
}

/// Five bits a letter (the alphabet of Crockford's base 32: nothing that looks like something else), in groups that can be read.
fn code(bytes: &[u8; 26]) -> String {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let letters: Vec<char> = bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect();
    letters.chunks(5).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

/// The code as it was made, however it was typed: small letters, no hyphens, or spaces for them.
#[must_use]
pub fn code_as_made(typed: &str) -> String {
    let letters: Vec<char> = typed.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).take(64).collect();
    letters.chunks(5).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

/// Bytes as lowercase hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
