//! Lists that come in pages: newest first, stable while others write, with a signed cursor that says where to go on.
//!
//! A cursor holds what the next page needs and belongs to one list: its signature covers the list's name, the customer
//! and the filters. A cursor that was made up, cut or taken from another list is refused.

use crate::wire::problem::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Items when the caller names no limit.
const LIMIT_DEFAULT: usize = 100;
/// Items in a page, at most.
pub const LIMIT_MAX: usize = 500;

/// What everything that returns many returns.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// The items, newest first where they have a time; perhaps fewer than were asked for, though there are more.
    pub items: Vec<T>,
    /// Where the next page begins; null on the last.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A list that comes whole.
    #[must_use]
    pub fn whole(items: Vec<T>) -> Self {
        Page { items, next_cursor: None }
    }
}

/// Reads `limit`.
///
/// # Errors
/// 400 outside 1..=500.
pub fn limit(asked: Option<&str>) -> Result<usize, Problem> {
    let digits = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
    match asked.map(|text| Some(text).filter(digits).and_then(|text| text.parse::<usize>().ok())) {
        None => Ok(LIMIT_DEFAULT),
        Some(Some(limit)) if (1..=LIMIT_MAX).contains(&limit) => Ok(limit),
        Some(_) => Err(Problem::malformed("limit: a whole number from 1 to 500")),
    }
}

/// A page of what was found: `found` holds one more than fits when there is more, each with the key that a cursor names.
#[must_use]
pub fn turn<K: Serialize, T>(seed: &[u8; 32], list: &str, found: Vec<(K, T)>, size: usize) -> Page<T> {
    turn_part(seed, list, (found, None), size)
}

/// As [`turn`]; a page that was paused before it was full goes on where it was.
#[must_use]
pub fn turn_part<K: Serialize, T>(seed: &[u8; 32], list: &str, (mut found, paused_at): (Vec<(K, T)>, Option<K>), size: usize) -> Page<T> {
    let more = found.len() > size;
    found.truncate(size);
    let last = found.last().filter(|_| more).map(|(key, _)| key);
    let next_cursor = last.or(paused_at.as_ref()).map(|key| cursor(seed, list, key));
    Page { items: found.into_iter().map(|(_, item)| item).collect(), next_cursor }
}

fn signature(seed: &[u8; 32], list: &str, payload: &[u8]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new_keyed(seed);
    hasher.update(&(list.len() as u64).to_le_bytes());
    hasher.update(list.as_bytes());
    hasher.update(payload);
    let mut mark = [0; 8];
    hasher.finalize_xof().fill(&mut mark);
    mark
}

/// A cursor for a list.
#[must_use]
pub fn cursor(seed: &[u8; 32], list: &str, place: &impl Serialize) -> String {
    let payload = postcard::to_stdvec(place).unwrap_or_default();
    let mark = signature(seed, list, &payload);
    mark.iter().chain(&payload).map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a cursor of a list.
///
/// # Errors
/// 400 unless this engine made it for this list.
pub fn place<T: DeserializeOwned>(seed: &[u8; 32], list: &str, cursor: Option<&str>) -> Result<Option<T>, Problem> {
    let Some(text) = cursor else { return Ok(None) };
    let unknown = || Problem::malformed("cursor: not a cursor of this list");
    if text.len() > 64 * 1024 || !text.is_ascii() || text.len() % 2 != 0 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(unknown());
    }
    let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect();
    let bytes = bytes.ok_or_else(unknown)?;
    let (mark, payload) = bytes.split_first_chunk::<8>().ok_or_else(unknown)?;
    if signature(seed, list, payload) != *mark {
        return Err(unknown());
    }
    postcard::from_bytes(payload).map(Some).map_err(|_| unknown())
}
