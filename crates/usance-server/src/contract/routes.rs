//! The API's part of the table: method, path, operation, permission, shapes, handler.

use crate::contract::route::{Permission, Route};
use crate::json::{answer, catalogue, customer, events, history, journal, notices, operator, people, service, shape, statement};
use axum::http::Method;
use axum::routing::{delete, get, patch, post};

/// Every route of the contract.
#[must_use]
pub fn table() -> Vec<Route> {
    use Permission::{Back, CustomerRead, CustomerWrite, Operator, Public, Service};
    const PAGING: &[&str] = &["limit", "cursor"];
    const HISTORY: &[&str] = &["asset", "limit", "cursor"];
    let get_route = |path, operation, permission, summary, handler| Route::new(Method::GET, path, operation, permission, summary, handler);
    let post_route =
        |path, operation, permission, summary, handler| Route::new(Method::POST, path, operation, permission, summary, handler);
    vec![
        get_route("/healthz", "health_get", Public, "Whether the process answers.", || get(service::health)),
        get_route(
            "/readyz",
            "readiness_get",
            Public,
            "Whether this instance writes, or with role=standby follows, and the read tables keep up.",
            || get(service::ready),
        )
        .query(&["role"]),
        get_route("/metrics", "metrics_get", Public, "Metrics, as Prometheus text.", || get(service::metrics)),
        get_route("/openapi.json", "openapi_get", Public, "This contract, as OpenAPI 3.1.", || get(service::openapi)),
        get_route("/docs", "docs_get", Public, "This contract, as a page.", || get(service::docs)),
        get_route("/v1/assets", "asset_list", Public, "The coins.", || get(catalogue::asset_list)).lists::<shape::AssetShape>(),
        get_route("/v1/products", "product_list", Public, "The catalogue.", || get(catalogue::product_list))
            .query(&["asset", "kind", "status"])
            .lists::<shape::ProductShape>(),
        get_route("/v1/products/{id}", "product_get", Public, "One product.", || get(catalogue::product_get))
            .gives::<shape::ProductShape>(),
        get_route("/v1/products/{id}/rates", "rate_list", Public, "Announced rates and closed days, newest first.", || {
            get(catalogue::rate_list)
        })
        .query(PAGING)
        .lists::<catalogue::RateLine>(),
        get_route("/v1/products/{id}/estimate", "estimate_get", Public, "What an amount would earn for a newcomer.", || {
            get(catalogue::estimate_get)
        })
        .query(&["amount"])
        .gives::<shape::EstimateShape>(),
        get_route("/v1/agreement", "agreement_get", Public, "The Staking Service Agreement in force.", || get(catalogue::agreement_get))
            .gives::<shape::AgreementShape>(),
        get_route("/v1/agreements/{version}", "agreement_version_get", Public, "An agreement by its version.", || {
            get(catalogue::agreement_version_get)
        })
        .gives::<shape::AgreementShape>(),
        get_route("/v1/clock", "clock_get", Public, "The engine's clock.", || get(catalogue::clock_get)).gives::<shape::ClockShape>(),
        get_route("/v1/accounts", "account_list", CustomerRead, "Balances, stakes and rewards per asset.", || get(customer::account_list))
            .lists::<customer::AccountShape>(),
        post_route("/v1/transfers", "transfer_create", CustomerWrite, "Moves coins between Spot and Funding.", || {
            post(customer::transfer_create)
        })
        .takes::<customer::TransferAsked>()
        .makes::<answer::TransferShape>(),
        get_route("/v1/transfers", "transfer_list", CustomerRead, "Transfers, newest first.", || get(history::transfer_list))
            .query(HISTORY)
            .lists::<history::TransferLine>()
            .stored(),
        post_route("/v1/subscriptions/preview", "subscription_preview", CustomerRead, "What a subscription would book and earn.", || {
            post(customer::subscription_preview)
        })
        .takes::<customer::SubscriptionPreviewAsked>()
        .gives::<shape::preview::SubscriptionPreviewShape>(),
        post_route("/v1/subscriptions", "subscription_create", CustomerWrite, "Stakes.", || post(customer::subscription_create))
            .takes::<customer::SubscriptionAsked>()
            .makes::<answer::SubscribedShape>(),
        get_route("/v1/subscriptions", "subscription_list", CustomerRead, "Subscriptions, newest first.", || {
            get(history::subscription_list)
        })
        .query(HISTORY)
        .lists::<history::SubscriptionLine>()
        .stored(),
        get_route("/v1/positions", "position_list", CustomerRead, "Positions, newest first.", || get(customer::position_list))
            .query(&["product", "asset", "state", "limit", "cursor"])
            .lists::<shape::PositionShape>(),
        get_route("/v1/positions/{id}", "position_get", CustomerRead, "One position.", || get(customer::position_get))
            .gives::<shape::PositionShape>(),
        Route::new(Method::PATCH, "/v1/positions/{id}", "position_change", CustomerWrite, "Switches automatic renewal.", || {
            patch(customer::position_change)
        })
        .takes::<customer::PositionPatch>()
        .gives::<shape::PositionShape>(),
        post_route(
            "/v1/positions/{id}/redemption-preview",
            "redemption_preview",
            CustomerRead,
            "What a redemption would pay and take back.",
            || post(customer::redemption_preview),
        )
        .takes::<customer::RedemptionPreviewAsked>()
        .gives::<shape::preview::RedemptionPreviewShape>(),
        post_route("/v1/positions/{id}/redemptions", "redemption_create", CustomerWrite, "Unstakes.", || post(customer::redemption_create))
            .takes::<customer::RedemptionAsked>()
            .makes::<answer::RedeemedShape>(),
        get_route("/v1/redemptions", "redemption_list", CustomerRead, "Redemptions, newest first.", || get(history::redemption_list))
            .query(HISTORY)
            .lists::<history::RedemptionLine>()
            .stored(),
        get_route("/v1/rewards", "reward_list", CustomerRead, "One line per position and day, newest first.", || get(history::reward_list))
            .query(&["asset", "position", "from", "to", "limit", "cursor"])
            .lists::<history::RewardShape>()
            .stored(),
        get_route(
            "/v1/statement",
            "statement_get",
            CustomerRead,
            "Every movement of Spot and Funding with its balance; as CSV with Accept: text/csv.",
            || get(statement::statement_get),
        )
        .query(&["asset", "account", "product", "kind", "from", "to", "limit", "cursor"])
        .lists::<statement::MovementShape>()
        .stored(),
        get_route("/v1/acceptances", "acceptance_list", CustomerRead, "Agreements accepted: version, hash, when.", || {
            get(history::acceptance_list)
        })
        .query(HISTORY)
        .lists::<history::AcceptanceLine>()
        .stored(),
        get_route("/v1/notices", "notice_list", CustomerRead, "Rewards paid, rates ahead, maturities near, renewed.", || {
            get(notices::notice_list)
        })
        .query(HISTORY)
        .lists::<notices::NoticeShape>()
        .stored(),
        get_route("/v1/events", "event_stream", CustomerRead, "Server-sent events; Last-Event-ID resumes.", || get(events::event_stream))
            .stored(),
        post_route("/v1/operator/assets", "asset_create", Operator, "Adds an asset.", || post(operator::asset_create))
            .takes::<operator::AssetAsked>()
            .makes::<shape::AssetShape>(),
        post_route("/v1/operator/customers", "customer_create", Service, "Adds a customer.", || post(operator::customer_create))
            .takes::<operator::CustomerAsked>()
            .makes::<answer::CustomerShape>(),
        get_route("/v1/operator/customers/{id}", "customer_get", Back, "A customer's accounts, positions and statement.", || {
            get(statement::customer_get)
        })
        .gives::<statement::CustomerView>()
        .stored(),
        post_route("/v1/operator/customers/{id}/password", "password_set", Service, "Sets a customer's password for the web app.", || {
            post(people::password_set)
        })
        .takes::<people::PasswordAsked>()
        .gives::<people::PasswordSetShape>()
        .expensive(),
        Route::new(
            Method::DELETE,
            "/v1/operator/customers/{id}/second-factor",
            "second_factor_remove",
            Service,
            "Removes a lost second factor; the customer's sessions end.",
            || delete(people::second_factor_remove),
        )
        .gives::<people::FactorRemovedShape>()
        .stored(),
        post_route(
            "/v1/operator/customers/{id}/sign-in-links",
            "sign_in_link_create",
            Service,
            "Makes a short-lived link that signs a customer in once.",
            || post(people::sign_in_link_create),
        )
        .takes::<operator::Nothing>()
        .makes::<people::SignInLinkShape>()
        .stored(),
        post_route("/v1/operator/agreements", "agreement_publish", Operator, "Puts an agreement in force.", || {
            post(operator::agreement_publish)
        })
        .takes::<operator::AgreementAsked>()
        .makes::<shape::AgreementShape>(),
        get_route("/v1/operator/products", "product_list_all", Back, "The catalogue with its drafts.", || get(catalogue::product_list_all))
            .query(&["asset", "kind", "status"])
            .lists::<shape::ProductShape>(),
        post_route("/v1/operator/products", "product_create", Operator, "Adds a product, as a draft.", || post(operator::product_create))
            .takes::<operator::ProductAsked>()
            .makes::<shape::ProductShape>(),
        Route::new(
            Method::PATCH,
            "/v1/operator/products/{id}",
            "product_change",
            Operator,
            "Changes what may change; null clears.",
            || patch(operator::product_change),
        )
        .takes::<operator::ProductPatch>()
        .gives::<shape::ProductShape>(),
        post_route("/v1/operator/products/{id}/status", "product_status_set", Operator, "Moves a product along its life.", || {
            post(operator::product_status_set)
        })
        .takes::<operator::StatusAsked>()
        .gives::<shape::ProductShape>(),
        post_route("/v1/operator/products/{id}/rates", "rate_announce", Operator, "Announces a rate from a later day on.", || {
            post(operator::rate_announce)
        })
        .takes::<operator::RateAsked>()
        .makes::<shape::RateVersionShape>(),
        post_route(
            "/v1/operator/products/{id}/settled-rates",
            "rate_settle",
            Operator,
            "Settles the rate of a day before its close.",
            || post(operator::rate_settle),
        )
        .takes::<operator::SettledAsked>()
        .makes::<answer::SettledShape>(),
        post_route("/v1/operator/deposits", "deposit_create", Service, "Credits a customer.", || post(operator::deposit_create))
            .takes::<operator::WalletMoveAsked>()
            .makes::<answer::WalletMoveShape>(),
        post_route("/v1/operator/withdrawals", "withdrawal_create", Service, "Debits a customer.", || post(operator::withdrawal_create))
            .takes::<operator::WalletMoveAsked>()
            .makes::<answer::WalletMoveShape>(),
        post_route("/v1/operator/reward-pool", "reward_pool_move", Operator, "Funds a reward pool, or takes back from it.", || {
            post(operator::reward_pool_move)
        })
        .takes::<operator::PoolAsked>()
        .makes::<answer::PoolShape>(),
        post_route(
            "/v1/operator/clock",
            "clock_move",
            Operator,
            "Moves a simulated clock; answers when every day on the way is closed.",
            || post(operator::clock_move),
        )
        .takes::<operator::ClockAsked>()
        .gives::<shape::ClockShape>(),
        post_route(
            "/v1/operator/clock/confirmation",
            "clock_confirm",
            Operator,
            "Confirms a system clock far ahead of the open day.",
            || post(operator::clock_confirm),
        )
        .takes::<operator::Nothing>()
        .gives::<shape::ClockShape>(),
        get_route("/v1/operator/days", "day_list", Back, "Closed days per product, newest first.", || get(operator::day_list))
            .query(&["asset", "product", "limit", "cursor"])
            .lists::<operator::DayShape>()
            .stored(),
        get_route("/v1/operator/books", "books_get", Back, "The trial balance, now or at the close of a day.", || get(operator::books_get))
            .query(&["at"])
            .lists::<operator::BooksShape>(),
        get_route("/v1/operator/journal", "journal_list", Back, "Journal entries with postings, newest first.", || {
            get(journal::journal_list)
        })
        .query(&["customer", "asset", "limit", "cursor"])
        .lists::<journal::EntryShape>()
        .expensive(),
        post_route("/v1/operator/audit", "audit_run", Back, "Runs every invariant.", || post(operator::audit_run))
            .takes::<operator::Nothing>()
            .gives::<operator::AuditShape>()
            .expensive(),
        post_route("/v1/operator/tokens", "token_create", Operator, "Makes a token; its text is shown once.", || {
            post(people::token_create)
        })
        .takes::<people::TokenAsked>()
        .makes::<people::TokenMadeShape>()
        .stored(),
        get_route("/v1/operator/tokens", "token_list", Back, "Tokens, without their text.", || get(people::token_list))
            .lists::<people::TokenShape>()
            .stored(),
        Route::new(Method::DELETE, "/v1/operator/tokens/{id}", "token_revoke", Operator, "Revokes a token.", || {
            delete(people::token_revoke)
        })
        .gives::<people::TokenRevokedShape>()
        .stored(),
    ]
}
