//! Who acts, for whom, and by what right.

pub use usance_store::Role;

/// A sender and the customer it acts for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// What it may do.
    pub role: Role,
    /// The account whose idempotency keys it uses: the customer, or the named service or operator.
    pub scope: String,
    /// The customer it acts for.
    pub customer: Option<String>,
}

impl Caller {
    /// A customer that acts for itself.
    #[must_use]
    pub fn customer(id: &str) -> Caller {
        Caller { role: Role::Customer, scope: format!("customer:{id}"), customer: Some(id.to_owned()) }
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
    /// Whoever may see a customer: the customer, service, operator, auditor.
    CustomerRead,
    /// Whoever may act for a customer: the customer, service, operator.
    CustomerWrite,
    /// Service and operator.
    Service,
    /// Operator alone.
    Operator,
    /// Operator and auditor.
    Back,
}

impl Permission {
    /// Whether a role may.
    #[must_use]
    pub const fn allows(self, role: Role) -> bool {
        match self {
            Permission::Public | Permission::CustomerRead => true,
            Permission::CustomerWrite => !matches!(role, Role::Auditor),
            Permission::Service => matches!(role, Role::Service | Role::Operator),
            Permission::Operator => matches!(role, Role::Operator),
            Permission::Back => matches!(role, Role::Operator | Role::Auditor),
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
