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

/// Who may carry out which operation: the one table of rights.
pub const RIGHTS: [(&str, Permission); 55] = [
    ("health_get", Permission::Public),
    ("readiness_get", Permission::Public),
    ("metrics_get", Permission::Public),
    ("openapi_get", Permission::Public),
    ("docs_get", Permission::Public),
    ("asset_list", Permission::Public),
    ("product_list", Permission::Public),
    ("product_get", Permission::Public),
    ("rate_list", Permission::Public),
    ("estimate_get", Permission::Public),
    ("agreement_get", Permission::Public),
    ("agreement_version_get", Permission::Public),
    ("clock_get", Permission::Public),
    ("account_list", Permission::CustomerRead),
    ("transfer_create", Permission::CustomerWrite),
    ("transfer_list", Permission::CustomerRead),
    ("subscription_preview", Permission::CustomerRead),
    ("subscription_create", Permission::CustomerWrite),
    ("subscription_list", Permission::CustomerRead),
    ("position_list", Permission::CustomerRead),
    ("position_get", Permission::CustomerRead),
    ("position_change", Permission::CustomerWrite),
    ("redemption_preview", Permission::CustomerRead),
    ("redemption_create", Permission::CustomerWrite),
    ("redemption_list", Permission::CustomerRead),
    ("reward_list", Permission::CustomerRead),
    ("statement_get", Permission::CustomerRead),
    ("acceptance_list", Permission::CustomerRead),
    ("notice_list", Permission::CustomerRead),
    ("event_stream", Permission::CustomerRead),
    ("asset_create", Permission::Operator),
    ("customer_create", Permission::Service),
    ("customer_get", Permission::Back),
    ("password_set", Permission::Service),
    ("second_factor_remove", Permission::Service),
    ("sign_in_link_create", Permission::Service),
    ("agreement_publish", Permission::Operator),
    ("product_list_all", Permission::Back),
    ("product_create", Permission::Operator),
    ("product_change", Permission::Operator),
    ("product_status_set", Permission::Operator),
    ("rate_announce", Permission::Operator),
    ("rate_settle", Permission::Operator),
    ("deposit_create", Permission::Service),
    ("withdrawal_create", Permission::Service),
    ("reward_pool_move", Permission::Operator),
    ("clock_move", Permission::Operator),
    ("clock_confirm", Permission::Operator),
    ("day_list", Permission::Back),
    ("books_get", Permission::Back),
    ("journal_list", Permission::Back),
    ("audit_run", Permission::Back),
    ("token_create", Permission::Operator),
    ("token_list", Permission::Back),
    ("token_revoke", Permission::Operator),
];

/// Who may carry out an operation; nothing for a name that is none.
#[must_use]
pub fn right(operation: &str) -> Option<Permission> {
    RIGHTS.iter().find(|(name, _)| *name == operation).map(|(_, permission)| *permission)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_operation_has_one_right() {
        let names: BTreeSet<&str> = RIGHTS.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), RIGHTS.len());
        assert_eq!(right("subscription_create"), Some(Permission::CustomerWrite));
        assert_eq!(right("nothing_of_the_kind"), None);
    }
}
