//! A sheet: the page on which something is confirmed exactly as it was shown.
//!
//! It has one key from when it is opened, so that a double tap or a retry does one thing, and it sends back what was
//! shown. If what would be booked now differs, nothing is booked and the sheet says what changed.

use crate::pages::shell::Shell;
use crate::wire::problem::Problem;
use crate::wire::text::hex;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use usance_engine::once::Once;
use usance_store::random::random_bytes;

/// What the keys of our sheets begin with.
const MARK: &str = "web-";

/// A key for a newly opened sheet: 128 random bits.
///
/// # Errors
/// When the system has no randomness to give.
pub fn new_key() -> Result<String, Problem> {
    let bytes: [u8; 16] =
        random_bytes().map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no_randomness", error.to_string()))?;
    Ok(format!("{MARK}{}", hex(&bytes)))
}

/// The key that a sheet was opened with.
///
/// # Errors
/// 400 for a key that is none of ours: what cannot be done once only is not done.
pub fn key_of(key: &str) -> Result<&str, Problem> {
    let secret = key.strip_prefix(MARK).unwrap_or("");
    if secret.len() == 32 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(key)
    } else {
        Err(Problem::new(StatusCode::BAD_REQUEST, "idempotency_key_missing", "The sheet has no key; open it again."))
    }
}

/// What makes a confirmed sheet the same write as a request with its key: the contract's path and body.
///
/// # Errors
/// As [`key_of`].
pub fn once(key: &str, path: &str, body: &impl Serialize) -> Result<Once, Problem> {
    Once::new(key_of(key)?, path, body).map_err(|error| Problem::malformed(error.to_string()))
}

/// The key of a sheet that is looked at again, or a new one.
///
/// # Errors
/// As [`new_key`].
pub fn same_key(key: &str) -> Result<String, Problem> {
    key_of(key).map_or_else(|_| new_key(), |key| Ok(key.to_owned()))
}

/// One thing that is not as it was shown.
pub struct Difference {
    /// What it is.
    pub what: String,
    /// What was shown.
    pub was: String,
    /// What it is now.
    pub now: String,
}

/// Why a sheet was not booked. Nothing of it set: it was not shown yet, and is shown now.
#[derive(Default)]
pub struct Refused {
    /// The rule, or the service, that said no.
    pub problem: Option<Problem>,
    /// What has to be ticked is not.
    pub unticked: bool,
    /// What is not as it was shown: field, then, now.
    pub changes: Vec<(String, String, String)>,
}

impl Refused {
    /// The status of the sheet that says so.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match &self.problem {
            Some(problem) => problem.status(),
            None if self.changes.is_empty() => StatusCode::UNPROCESSABLE_ENTITY,
            None => StatusCode::CONFLICT,
        }
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Refused { problem: Some(problem), ..Refused::default() }
    }
}

/// What a sheet shows, as text to be sent back with the confirmation.
#[must_use]
pub fn shown(figures: &impl Serialize) -> String {
    serde_json::to_string(figures).unwrap_or_default()
}

/// The code of the problem when what was shown does not hold any more.
pub const CHANGED: &str = "figures_changed";

/// The fields that are not as they were shown, with both texts; all of them when nothing readable was shown.
#[must_use]
pub fn differences(was: &str, now: &impl Serialize) -> Vec<(String, String, String)> {
    let was: Map<String, Value> = serde_json::from_str(was).unwrap_or_default();
    let Ok(Value::Object(now)) = serde_json::to_value(now) else { return Vec::new() };
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("").to_owned();
    let differs = now.keys().filter(|field| was.get(*field) != now.get(*field));
    differs.map(|field| (field.clone(), text(was.get(field)), text(now.get(field)))).collect()
}

/// Differences as sentences; amounts are of `asset`.
#[must_use]
pub fn changes(s: &Shell, asset: &str, differences: Vec<(String, String, String)>) -> Vec<Difference> {
    let shown = |field: &str, text: &str| match field {
        "value_date" => s.f.day(text),
        "apr_for_amount" => s.f.percent(text),
        "agreement_version" | "kind" => text.to_owned(),
        "exit" if text.is_empty() => String::new(),
        "exit" => s.word("exit-when", text),
        "expected" if text.is_empty() => s.t("exit-at-once"),
        "expected" => s.f.day(text),
        "available" if text.is_empty() => s.t("exit-at-once"),
        at if at.ends_with("_at") || at == "accrues_from" => s.f.instant(text),
        _ => s.plain(asset, text),
    };
    let change = |(field, was, now): (String, String, String)| Difference {
        was: shown(&field, &was),
        now: shown(&field, &now),
        what: s.word("changed", &field),
    };
    differences.into_iter().map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::{differences, key_of, new_key, same_key};
    use serde_json::json;

    #[test]
    fn only_keys_of_ours_are_keys() {
        let key = new_key().unwrap();
        assert_eq!(key_of(&key).unwrap(), key);
        assert_eq!(same_key(&key).unwrap(), key);
        for other in ["", "abc", "web-", "web-0", "WEB-00000000000000000000000000000000", "web-0000000000000000000000000000000g"] {
            assert!(key_of(other).is_err(), "{other}");
            assert_ne!(same_key(other).unwrap(), other);
        }
    }

    #[test]
    fn what_differs_is_found_field_by_field() {
        let now = json!({"payout": "1", "to_spot": "0", "matures_at": null});
        assert!(differences(&now.to_string(), &now).is_empty());
        let was = json!({"payout": "2", "to_spot": "0", "matures_at": null}).to_string();
        assert_eq!(differences(&was, &now), vec![("payout".into(), "2".into(), "1".into())]);
        for unreadable in ["", "[]", "{}", "null", "\"\""] {
            assert_eq!(differences(unreadable, &now).len(), 3, "{unreadable}");
        }
    }
}
