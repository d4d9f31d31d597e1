//! People on the wire.

use serde::Serialize;
use usance_core::person::Person;
use utoipa::ToSchema;

/// A person.
#[derive(Debug, Serialize, ToSchema)]
pub struct PersonShape {
    name: String,
    /// The 32 bytes of an Ed25519 key as hexadecimal digits.
    public_key: String,
    registered_at: String,
    /// Since when it signs nothing more.
    #[serde(skip_serializing_if = "Option::is_none")]
    removed_at: Option<String>,
}

impl PersonShape {
    /// Somebody as it was registered.
    #[must_use]
    pub fn registered(person: &Person) -> PersonShape {
        let Person { name, key, registered_at, .. } = person;
        PersonShape { name: name.clone(), public_key: key.to_string(), registered_at: registered_at.to_string(), removed_at: None }
    }
    /// Somebody as things stand.
    #[must_use]
    pub fn now(person: &Person) -> PersonShape {
        PersonShape { removed_at: person.removed_at.map(|at| at.to_string()), ..PersonShape::registered(person) }
    }
}
