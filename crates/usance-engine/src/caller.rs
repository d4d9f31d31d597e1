//! Who acts, for whom, and by what right.

pub use usance_store::actor::{Actor, AddressClass, Credential};
pub use usance_store::{Role, Scope, Scopes};

/// A sender and the customer it acts for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// What it is.
    pub role: Role,
    /// What of its role's rights it has.
    pub scopes: Scopes,
    /// The account whose idempotency keys it uses: the customer, or the named service or operator.
    pub scope: String,
    /// The customer it acts for.
    pub customer: Option<String>,
    /// Who it is, as records say it; nobody where a program of the house calls.
    pub actor: Option<Actor>,
}

impl Caller {
    /// A customer that acts for itself.
    #[must_use]
    pub fn customer(id: &str) -> Caller {
        Caller { role: Role::Customer, scopes: Scopes::ALL, scope: format!("customer:{id}"), customer: Some(id.to_owned()), actor: None }
    }

    /// The customer it acts for; nobody's id is empty, so where there is none, none is found.
    #[must_use]
    pub fn acts_for(&self) -> &str {
        self.customer.as_deref().unwrap_or("")
    }
}

/// Who may carry out an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Everybody, without a token.
    Public,
    /// Whoever may see a customer: the customer, service, operator, auditor; of customer and service who has `reading` or `acting`.
    CustomerRead,
    /// Whoever may act for a customer: the customer, service, operator; of customer and service who has `acting`.
    CustomerWrite,
    /// Service with `wallet`, and operator.
    Wallet,
    /// Service with `identity`, and operator.
    Identity,
    /// Operator alone.
    Operator,
    /// Operator and auditor.
    Back,
    /// Whoever carries out a treasury's orders, and operator.
    Treasury,
    /// Whoever carries out a treasury's orders, operator and auditor.
    TreasuryRead,
}

impl Permission {
    /// Whether a role may, with these of its rights.
    #[must_use]
    pub const fn allows(self, role: Role, scopes: Scopes) -> bool {
        match (self, role) {
            (Permission::Public, _) | (_, Role::Operator) => true,
            (Permission::CustomerRead | Permission::Back | Permission::TreasuryRead, Role::Auditor) => true,
            (Permission::Treasury | Permission::TreasuryRead, Role::Treasury) => true,
            (Permission::CustomerRead, Role::Customer | Role::Service) => scopes.has(Scope::Reading) || scopes.has(Scope::Acting),
            (Permission::CustomerWrite, Role::Customer | Role::Service) => scopes.has(Scope::Acting),
            (Permission::Wallet, Role::Service) => scopes.has(Scope::Wallet),
            (Permission::Identity, Role::Service) => scopes.has(Scope::Identity),
            (_, Role::Treasury) => false,
            (Permission::Operator | Permission::Back | Permission::Treasury | Permission::TreasuryRead, Role::Customer | Role::Service) => {
                false
            }
            (Permission::Wallet | Permission::Identity, Role::Customer) => false,
            (
                Permission::CustomerWrite | Permission::Wallet | Permission::Identity | Permission::Operator | Permission::Treasury,
                Role::Auditor,
            ) => false,
        }
    }

    /// Whether a customer has to be named.
    #[must_use]
    pub const fn for_customer(self) -> bool {
        matches!(self, Permission::CustomerRead | Permission::CustomerWrite)
    }
}

/// An operation by its name, and who may carry it out.
pub type Right = (&'static str, Permission);
