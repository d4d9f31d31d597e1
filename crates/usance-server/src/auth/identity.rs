//! Who a request comes from, and for whom it acts.

use axum::http::HeaderName;
use std::net::IpAddr;
use usance_engine::caller::{Actor, AddressClass, Credential};
use usance_store::{Role, Scopes, TokenRecord};

/// The header in which an operator, service or auditor names a customer.
pub const CUSTOMER: HeaderName = HeaderName::from_static("usance-customer");

/// A known sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What it is.
    pub role: Role,
    /// What of its role's rights it has.
    pub scopes: Scopes,
    /// Its name: the scope of its idempotency keys.
    pub name: String,
    /// The customer it is, for a customer's token.
    pub customer: Option<String>,
    /// How it is known.
    pub credential: Credential,
}

impl Identity {
    /// The bearer of a token.
    #[must_use]
    pub fn of_token(token: TokenRecord) -> Identity {
        let TokenRecord { id, name, role, scopes, customer, .. } = token;
        Identity { role, scopes, name, customer, credential: Credential::Token(id.unsigned_abs()) }
    }

    /// The customer of a session. Its name is one that no token can have.
    #[must_use]
    pub fn of_session(customer: &str, session: i64) -> Identity {
        let credential = Credential::Session(session.unsigned_abs());
        let (name, customer) = ("(session)".to_owned(), Some(customer.to_owned()));
        Identity { role: Role::Customer, scopes: Scopes::ALL, name, customer, credential }
    }

    /// Who it is, as records say it.
    #[must_use]
    pub const fn actor(&self, address: AddressClass) -> Actor {
        Actor { role: self.role, credential: self.credential, address }
    }
}

/// What kind of address a request comes from.
#[must_use]
pub fn address_class(address: Option<IpAddr>) -> AddressClass {
    match address.map(|address| address.to_canonical()) {
        None => AddressClass::Unknown,
        Some(address) if address.is_loopback() => AddressClass::Loopback,
        // 100.64.0.0/10 is shared by a provider's customers (RFC 6598), and 169.254.0.0/16 is one link (RFC 3927).
        Some(IpAddr::V4(v4)) if v4.is_private() || v4.is_link_local() || (v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64) => {
            AddressClass::Private
        }
        Some(IpAddr::V6(v6)) if v6.is_unique_local() || v6.is_unicast_link_local() => AddressClass::Private,
        Some(_) => AddressClass::Public,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_as_its_class() {
        let rows = [
            ("127.0.0.1", AddressClass::Loopback),
            ("::1", AddressClass::Loopback),
            ("::ffff:127.0.0.1", AddressClass::Loopback),
            ("10.1.2.3", AddressClass::Private),
            ("192.168.7.7", AddressClass::Private),
            ("100.64.0.1", AddressClass::Private),
            ("100.128.0.1", AddressClass::Public),
            ("fd00::7", AddressClass::Private),
            ("fe80::7", AddressClass::Private),
            ("2001:db8::7", AddressClass::Public),
            ("198.51.100.7", AddressClass::Public),
        ];
        for (address, class) in rows {
            assert_eq!(address_class(address.parse().ok()), class, "{address}");
        }
        assert_eq!(address_class(None), AddressClass::Unknown);
    }
}
