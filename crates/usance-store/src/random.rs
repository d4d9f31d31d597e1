//! Randomness for secrets, seeds and nonces: the operating system's, and nobody else's.

use std::io::Read;

/// Random bytes from the operating system.
///
/// # Errors
/// When the system has none to give.
pub fn random_bytes<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}
