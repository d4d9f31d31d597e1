//! Every right in one table: who may carry out which operation.
//!
//! Each noun says its own beside its operations; what a role may is [`caller`](crate::caller)'s.

use crate::caller::{Permission, Right};
use crate::operations::{
    account, agreement, asset, book, clock, customer, day, earning, exit, journal, loss, notice, order, person, position, product,
    proposal, rate, redemption, reserve, reward, security, session, statement, subscription, token, transfer, treasury,
};

/// What every process answers about itself.
const PROCESS: &[Right] = &[
    ("health_get", Permission::Public),
    ("readiness_get", Permission::Public),
    ("metrics_get", Permission::Public),
    ("openapi_get", Permission::Public),
    ("docs_get", Permission::Public),
];

/// Every operation with its right.
pub fn rights() -> impl Iterator<Item = &'static Right> {
    let nouns = [
        PROCESS,
        account::RIGHTS,
        agreement::RIGHTS,
        asset::RIGHTS,
        book::RIGHTS,
        clock::RIGHTS,
        customer::RIGHTS,
        day::RIGHTS,
        earning::RIGHTS,
        exit::RIGHTS,
        journal::RIGHTS,
        loss::RIGHTS,
        notice::RIGHTS,
        order::RIGHTS,
        person::RIGHTS,
        position::RIGHTS,
        product::RIGHTS,
        proposal::RIGHTS,
        rate::RIGHTS,
        redemption::RIGHTS,
        reserve::RIGHTS,
        reward::RIGHTS,
        security::RIGHTS,
        session::RIGHTS,
        statement::RIGHTS,
        subscription::RIGHTS,
        token::RIGHTS,
        transfer::RIGHTS,
        treasury::RIGHTS,
    ];
    nouns.into_iter().flatten()
}

/// Who may carry out an operation; nothing for a name that is none.
#[must_use]
pub fn right(operation: &str) -> Option<Permission> {
    rights().find(|(name, _)| *name == operation).map(|(_, permission)| *permission)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_operation_has_one_right() {
        let names: BTreeSet<&str> = rights().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), rights().count());
        assert_eq!(right("subscription_create"), Some(Permission::CustomerWrite));
        assert_eq!(right("nothing_of_the_kind"), None);
    }
}
