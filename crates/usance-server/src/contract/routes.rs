//! The table: method, path, operation, shapes, handler. Who may carry an operation out is the engine's to say (`caller`).

use super::route::Route;
use crate::json::{
    account, agreement, answer, asset, book, clock, customer, day, earning, events, exit, history, journal, loss, notices, order, person,
    policy, position, product, proposal, rate, redemption, reserve, reward, security, service, session, shape, statement, subscription,
    token, transfer, treasury,
};
use crate::wire::input::Nothing;
use axum::http::Method;
use axum::routing::{delete, get, patch, post};
use usance_engine::operations::exit::{AllowanceAsked, CancellationAsked};
use usance_engine::operations::position::PositionPatch;
use usance_engine::operations::redemption::{RedemptionAsked, RedemptionPreviewAsked};
use usance_engine::operations::subscription::{SubscriptionAsked, SubscriptionPreviewAsked};
use usance_engine::operations::token::TokenAsked;
use usance_engine::operations::transfer::TransferAsked;

/// Every route of the contract.
#[must_use]
pub fn table() -> Vec<Route> {
    const PAGING: &[&str] = &["limit", "cursor"];
    const HISTORY: &[&str] = &["asset", "limit", "cursor"];
    let get_route = |path, operation, summary, handler| Route::new(Method::GET, path, operation, summary, handler);
    let post_route = |path, operation, summary, handler| Route::new(Method::POST, path, operation, summary, handler);
    vec![
        get_route("/healthz", "health_get", "Whether the process answers.", || get(service::health)),
        get_route(
            "/readyz",
            "readiness_get",
            "Whether this instance writes, or with role=standby follows, and the read tables keep up.",
            || get(service::ready),
        )
        .query(&["role"]),
        get_route("/metrics", "metrics_get", "Metrics, as Prometheus text.", || get(service::metrics)),
        get_route("/openapi.json", "openapi_get", "This contract, as OpenAPI 3.1.", || get(service::openapi)),
        get_route("/docs", "docs_get", "This contract, as a page.", || get(service::docs)),
        get_route("/v1/assets", "asset_list", "The coins.", || get(asset::asset_list)).lists::<shape::AssetShape>(),
        get_route("/v1/assets/{asset}/staking", "staking_get", "Where the coins of an asset are, and with whom they are staked.", || {
            get(asset::staking_get)
        })
        .gives::<shape::StakingShape>(),
        get_route("/v1/products", "product_list", "The catalogue.", || get(product::product_list))
            .query(&["asset", "kind", "status"])
            .lists::<shape::ProductShape>(),
        get_route("/v1/products/{id}", "product_get", "One product.", || get(product::product_get)).gives::<shape::ProductShape>(),
        get_route("/v1/products/{id}/rates", "rate_list", "Announced rates and closed days, newest first.", || get(rate::rate_list))
            .query(PAGING)
            .lists::<rate::RateLine>(),
        get_route("/v1/products/{id}/estimate", "estimate_get", "What an amount would earn for a newcomer.", || get(product::estimate_get))
            .query(&["amount"])
            .gives::<shape::EstimateShape>(),
        get_route("/v1/agreement", "agreement_get", "The Staking Service Agreement in force.", || get(agreement::agreement_get))
            .gives::<shape::AgreementShape>(),
        get_route("/v1/agreements/{version}", "agreement_version_get", "An agreement by its version.", || {
            get(agreement::agreement_version_get)
        })
        .gives::<shape::AgreementShape>(),
        get_route("/v1/clock", "clock_get", "The engine's clock.", || get(clock::clock_get)).gives::<shape::ClockShape>(),
        get_route(
            "/v1/security-events",
            "security_event_list",
            "What happened to the ways into the customer's account, newest first.",
            || get(security::security_event_list),
        )
        .query(PAGING)
        .lists::<security::SecurityEventShape>()
        .stored(),
        get_route("/v1/accounts", "account_list", "Balances, stakes and rewards per asset.", || get(account::account_list))
            .lists::<account::AccountShape>(),
        post_route("/v1/transfers", "transfer_create", "Moves coins between Spot and Funding.", || post(transfer::transfer_create))
            .takes::<TransferAsked>()
            .makes::<answer::TransferShape>(),
        get_route("/v1/transfers", "transfer_list", "Transfers, newest first.", || get(history::transfer_list))
            .query(HISTORY)
            .lists::<history::TransferLine>()
            .stored(),
        post_route("/v1/subscriptions/preview", "subscription_preview", "What a subscription would book and earn.", || {
            post(subscription::subscription_preview)
        })
        .takes::<SubscriptionPreviewAsked>()
        .gives::<shape::preview::SubscriptionPreviewShape>(),
        post_route("/v1/subscriptions", "subscription_create", "Stakes.", || post(subscription::subscription_create))
            .takes::<SubscriptionAsked>()
            .makes::<answer::SubscribedShape>(),
        get_route("/v1/subscriptions", "subscription_list", "Subscriptions, newest first.", || get(history::subscription_list))
            .query(HISTORY)
            .lists::<history::SubscriptionLine>()
            .stored(),
        get_route("/v1/positions", "position_list", "Positions, newest first.", || get(position::position_list))
            .query(&["product", "asset", "state", "limit", "cursor"])
            .lists::<shape::PositionShape>(),
        get_route("/v1/positions/{id}", "position_get", "One position.", || get(position::position_get)).gives::<shape::PositionShape>(),
        Route::new(Method::PATCH, "/v1/positions/{id}", "position_change", "Switches automatic renewal.", || {
            patch(position::position_change)
        })
        .takes::<PositionPatch>()
        .gives::<shape::PositionShape>(),
        post_route("/v1/positions/{id}/redemption-preview", "redemption_preview", "What a redemption would pay and take back.", || {
            post(redemption::redemption_preview)
        })
        .takes::<RedemptionPreviewAsked>()
        .gives::<shape::preview::RedemptionPreviewShape>(),
        post_route("/v1/positions/{id}/redemptions", "redemption_create", "Unstakes.", || post(redemption::redemption_create))
            .takes::<RedemptionAsked>()
            .makes::<answer::RedeemedShape>(),
        get_route("/v1/redemptions", "redemption_list", "Redemptions, newest first.", || get(history::redemption_list))
            .query(HISTORY)
            .lists::<history::RedemptionLine>()
            .stored(),
        get_route("/v1/exits", "exit_list", "Redemptions that wait for coins, or have waited, newest first.", || get(exit::exit_list))
            .query(&["limit", "cursor"])
            .lists::<exit::ExitShape>(),
        get_route("/v1/exits/{id}", "exit_get", "One of them, by the number of its redemption.", || get(exit::exit_get))
            .gives::<exit::ExitShape>(),
        post_route("/v1/exits/{id}/cancellation", "exit_cancel", "Stakes again what still waits.", || post(exit::exit_cancel))
            .takes::<CancellationAsked>()
            .makes::<answer::ExitCancelledShape>(),
        get_route("/v1/rewards", "reward_list", "One line per position and day, newest first.", || get(history::reward_list))
            .query(&["asset", "position", "from", "to", "limit", "cursor"])
            .lists::<history::RewardShape>()
            .stored(),
        get_route(
            "/v1/statement",
            "statement_get",
            "Every movement of Spot and Funding with its balance; as CSV with Accept: text/csv.",
            || get(statement::statement_get),
        )
        .query(&["asset", "account", "product", "kind", "from", "to", "limit", "cursor"])
        .lists::<statement::MovementShape>()
        .stored(),
        get_route("/v1/acceptances", "acceptance_list", "Agreements accepted: version, hash, when.", || get(history::acceptance_list))
            .query(HISTORY)
            .lists::<history::AcceptanceLine>()
            .stored(),
        get_route("/v1/notices", "notice_list", "Rewards paid, rates ahead, maturities near, renewed.", || get(notices::notice_list))
            .query(HISTORY)
            .lists::<notices::NoticeShape>()
            .stored(),
        get_route("/v1/events", "event_stream", "Server-sent events; Last-Event-ID resumes.", || get(events::event_stream)).stored(),
        post_route("/v1/operator/assets", "asset_create", "Adds an asset.", || post(asset::asset_create))
            .takes::<asset::AssetAsked>()
            .makes::<shape::AssetShape>(),
        post_route("/v1/operator/customers", "customer_create", "Adds a customer.", || post(customer::customer_create))
            .takes::<customer::CustomerAsked>()
            .makes::<answer::CustomerShape>(),
        get_route("/v1/operator/customers/{id}", "customer_get", "A customer's accounts, positions and statement.", || {
            get(statement::customer_get)
        })
        .gives::<statement::CustomerView>()
        .stored(),
        post_route("/v1/operator/customers/{id}/password", "password_set", "Sets a customer's password for the web app.", || {
            post(session::password_set)
        })
        .takes::<session::PasswordAsked>()
        .gives::<session::PasswordSetShape>()
        .expensive(),
        Route::new(
            Method::DELETE,
            "/v1/operator/customers/{id}/second-factor",
            "second_factor_remove",
            "Removes a lost second factor; the customer's sessions and links end, and with revoke_tokens=true its tokens.",
            || delete(session::second_factor_remove),
        )
        .query(&["revoke_tokens"])
        .gives::<session::FactorRemovedShape>()
        .stored(),
        post_route(
            "/v1/operator/customers/{id}/sign-in-links",
            "sign_in_link_create",
            "Makes a short-lived link that signs a customer in once.",
            || post(session::sign_in_link_create),
        )
        .takes::<Nothing>()
        .makes::<session::SignInLinkShape>()
        .stored(),
        post_route("/v1/operator/agreements", "agreement_publish", "Puts an agreement in force.", || post(agreement::agreement_publish))
            .takes::<agreement::AgreementAsked>()
            .makes::<shape::AgreementShape>(),
        get_route("/v1/operator/treasury/networks", "network_list", "The networks that the treasury is on.", || {
            get(treasury::network_list)
        })
        .lists::<shape::treasury::NetworkShape>(),
        get_route("/v1/operator/treasury/networks/{id}", "network_get", "One network: places, differences, what is under way.", || {
            get(treasury::network_get)
        })
        .gives::<shape::treasury::NetworkShape>(),
        post_route("/v1/operator/treasury/networks", "network_create", "Adds a network.", || post(treasury::network_create))
            .takes::<treasury::NetworkAsked>()
            .makes::<shape::treasury::NetworkNamedShape>(),
        post_route("/v1/operator/treasury/networks/{id}/pictures", "picture_create", "Says what a network finally shows.", || {
            post(treasury::picture_create)
        })
        .takes::<treasury::PictureAsked>()
        .makes::<shape::treasury::PictureTakenShape>(),
        get_route("/v1/operator/treasury/coverage", "coverage_list", "What can be withdrawn, and what is there for it.", || {
            get(treasury::coverage_list)
        })
        .lists::<treasury::CoverageShape>(),
        get_route("/v1/operator/treasury/queues", "queue_list", "Who waits for coins, asset by asset.", || get(exit::queue_list))
            .lists::<exit::LineShape>(),
        get_route("/v1/operator/treasury/queues/{asset}", "queue_get", "Who waits of one asset, in line.", || get(exit::queue_get))
            .query(&["limit", "cursor"])
            .lists::<exit::ExitShape>(),
        Route::new(
            Method::PATCH,
            "/v1/operator/treasury/queues/{asset}",
            "queue_change",
            "Sets what each customer may take a day at once while anyone waits.",
            || patch(exit::queue_change),
        )
        .takes::<AllowanceAsked>()
        .gives::<answer::AllowanceShape>(),
        get_route("/v1/operator/treasury/networks/{id}/policy", "policy_get", "What is allowed on a network.", || get(policy::policy_get))
            .gives::<shape::policy::PolicyInForceShape>(),
        post_route(
            "/v1/operator/treasury/networks/{id}/policy",
            "policy_set",
            "Says what is allowed on a network; the plan that follows is made at once.",
            || post(policy::policy_set),
        )
        .takes::<shape::policy::PolicyShape>()
        .makes::<shape::policy::PolicySetShape>(),
        get_route("/v1/operator/treasury/networks/{id}/validators", "validator_list", "Validators with their scores.", || {
            get(policy::validator_list)
        })
        .lists::<shape::policy::ValidatorShape>(),
        get_route(
            "/v1/operator/treasury/networks/{id}/plan",
            "plan_get",
            "What the policy asks for now, beside what is under way.",
            || get(order::plan_get),
        )
        .gives::<shape::order::PlanShape>(),
        get_route("/v1/operator/treasury/networks/{id}/orders", "order_list", "Orders of a network, newest first.", || {
            get(order::order_list)
        })
        .query(&["standing", "limit", "cursor"])
        .lists::<shape::order::OrderShape>(),
        get_route("/v1/operator/treasury/networks/{id}/orders/{order}", "order_get", "One order, with the texts that are signed.", || {
            get(order::order_get)
        })
        .gives::<shape::order::OrderShape>(),
        post_route(
            "/v1/operator/treasury/networks/{id}/orders/{order}/signatures",
            "order_sign",
            "Brings a person's signature; the last one that is needed approves the order, and one against it ends it.",
            || post(order::order_sign),
        )
        .takes::<order::OrderSignatureAsked>()
        .makes::<shape::order::OrderToldShape>(),
        post_route("/v1/treasury/{id}/office", "office_take", "Makes an agent the one that carries out a network's orders.", || {
            post(order::office_take)
        })
        .takes::<order::OfficeAsked>()
        .makes::<shape::order::OfficeTakenShape>(),
        get_route("/v1/treasury/{id}/orders", "order_list_due", "Orders to be carried out, oldest first.", || get(order::order_list_due))
            .lists::<shape::order::OrderShape>(),
        post_route(
            "/v1/treasury/{id}/orders/{order}/prepared",
            "order_prepare",
            "Stores the bytes that an agent signed, before they are sent.",
            || post(order::order_prepare),
        )
        .takes::<order::PreparedAsked>()
        .makes::<shape::order::OrderToldShape>(),
        post_route("/v1/treasury/{id}/orders/{order}/sent", "order_send", "Says that an agent sent an order's transaction.", || {
            post(order::order_send)
        })
        .takes::<order::SentAsked>()
        .makes::<shape::order::OrderToldShape>(),
        post_route(
            "/v1/treasury/{id}/orders/{order}/done",
            "order_tell",
            "Says which transaction does an order by hand; books nothing.",
            || post(order::order_tell),
        )
        .takes::<order::DoneAsked>()
        .makes::<shape::order::OrderToldShape>(),
        post_route(
            "/v1/operator/treasury/networks/{id}/yield",
            "network_yield_set",
            "Sets the commission on what a network pays for customers, and how long that may stay undistributed.",
            || post(earning::network_yield_set),
        )
        .takes::<earning::NetworkYieldAsked>()
        .gives::<shape::treasury::NetworkNamedShape>(),
        get_route(
            "/v1/operator/treasury/assets/{id}/rates",
            "earning_get",
            "What networks paid of an asset day by day, from gross to net, and the rates that come of it.",
            || get(earning::earning_get),
        )
        .gives::<earning::EarningShape>(),
        get_route("/v1/operator/treasury/losses", "loss_list", "What networks took, newest first: who bears it, what came back.", || {
            get(loss::loss_list)
        })
        .query(&["asset", "standing", "limit", "cursor"])
        .lists::<loss::LossShape>(),
        get_route("/v1/operator/treasury/losses/{id}", "loss_get", "One loss.", || get(loss::loss_get)).gives::<loss::LossShape>(),
        post_route(
            "/v1/operator/treasury/losses/{id}/allocation-preview",
            "loss_allocation_preview",
            "What it would come to if a loss were borne so.",
            || post(loss::loss_allocation_preview),
        )
        .takes::<loss::AllocationAsked>()
        .gives::<loss::AllocationShape>(),
        get_route("/v1/operator/treasury/assets/{id}/reserve", "reserve_get", "What is set aside for losses of an asset.", || {
            get(reserve::reserve_get)
        })
        .gives::<reserve::EquityShape>(),
        post_route(
            "/v1/operator/treasury/assets/{id}/reserve",
            "reserve_move",
            "Sets something aside for losses, or takes it back.",
            || post(reserve::reserve_move),
        )
        .takes::<reserve::ReserveAsked>()
        .makes::<answer::EquityMovedShape>(),
        get_route(
            "/v1/operator/treasury/assets/{id}/commission",
            "commission_get",
            "The commission on what networks paid of an asset.",
            || get(reserve::commission_get),
        )
        .gives::<reserve::EquityShape>(),
        post_route("/v1/operator/treasury/assets/{id}/commission", "commission_withdraw", "Takes commission out.", || {
            post(reserve::commission_withdraw)
        })
        .takes::<reserve::CommissionAsked>()
        .makes::<answer::EquityMovedShape>(),
        post_route("/v1/treasury/attestations", "attestation_create", "Says what the wallet holds.", || post(treasury::attestation_create))
            .takes::<treasury::AttestationAsked>()
            .makes::<shape::treasury::AttestedShape>(),
        post_route("/v1/treasury/top-ups", "top_up_create", "Says that the wallet sent coins to the treasury.", || {
            post(treasury::top_up_create)
        })
        .takes::<treasury::TopUpAsked>()
        .makes::<shape::treasury::MovedShape>(),
        post_route("/v1/treasury/sweeps", "sweep_create", "Says that coins of the treasury came to the wallet.", || {
            post(treasury::sweep_create)
        })
        .takes::<treasury::SweepAsked>()
        .makes::<shape::treasury::MovedShape>(),
        get_route("/v1/operator/people", "person_list", "Who proposes and approves.", || get(person::person_list))
            .lists::<shape::person::PersonShape>(),
        post_route("/v1/operator/people", "person_create", "Registers one of the first two people; later ones are proposed.", || {
            post(person::person_create)
        })
        .takes::<person::PersonAsked>()
        .makes::<shape::person::PersonShape>(),
        get_route("/v1/operator/proposals", "proposal_list", "What two people have to sign, newest first.", || {
            get(proposal::proposal_list)
        })
        .query(&["standing", "limit", "cursor"])
        .lists::<shape::proposal::ProposalShape>(),
        get_route("/v1/operator/proposals/{id}", "proposal_get", "One proposal, with the texts that are signed.", || {
            get(proposal::proposal_get)
        })
        .gives::<shape::proposal::ProposalShape>(),
        post_route("/v1/operator/proposals", "proposal_create", "Proposes what two people have to sign.", || {
            post(proposal::proposal_create)
        })
        .takes::<proposal::ProposalAsked>()
        .makes::<shape::proposal::ProposalShape>(),
        post_route(
            "/v1/operator/proposals/{id}/signatures",
            "proposal_sign",
            "Brings a person's signature; the last one that is needed carries the proposal out.",
            || post(proposal::proposal_sign),
        )
        .takes::<proposal::SignatureAsked>()
        .makes::<shape::proposal::ProposalShape>(),
        get_route("/v1/operator/products", "product_list_all", "The catalogue with its drafts.", || get(product::product_list_all))
            .query(&["asset", "kind", "status"])
            .lists::<shape::ProductShape>(),
        post_route("/v1/operator/products", "product_create", "Adds a product, as a draft.", || post(product::product_create))
            .takes::<product::ProductAsked>()
            .makes::<shape::ProductShape>(),
        Route::new(Method::PATCH, "/v1/operator/products/{id}", "product_change", "Changes what may change; null clears.", || {
            patch(product::product_change)
        })
        .takes::<product::ProductPatch>()
        .gives::<shape::ProductShape>(),
        post_route("/v1/operator/products/{id}/status", "product_status_set", "Moves a product along its life.", || {
            post(product::product_status_set)
        })
        .takes::<product::StatusAsked>()
        .gives::<shape::ProductShape>(),
        post_route("/v1/operator/products/{id}/rates", "rate_announce", "Announces a rate from a later day on.", || {
            post(rate::rate_announce)
        })
        .takes::<rate::RateAsked>()
        .makes::<shape::RateVersionShape>(),
        post_route("/v1/operator/products/{id}/settled-rates", "rate_settle", "Settles the rate of a day before its close.", || {
            post(rate::rate_settle)
        })
        .takes::<rate::SettledAsked>()
        .makes::<answer::SettledShape>(),
        post_route("/v1/operator/deposits", "deposit_create", "Credits a customer.", || post(account::deposit_create))
            .takes::<account::WalletMoveAsked>()
            .makes::<answer::WalletMoveShape>(),
        post_route("/v1/operator/withdrawals", "withdrawal_create", "Debits a customer.", || post(account::withdrawal_create))
            .takes::<account::WalletMoveAsked>()
            .makes::<answer::WalletMoveShape>(),
        post_route("/v1/operator/reward-pool", "reward_pool_move", "Funds a reward pool, or takes back from it.", || {
            post(reward::reward_pool_move)
        })
        .takes::<reward::PoolAsked>()
        .makes::<answer::PoolShape>(),
        post_route("/v1/operator/clock", "clock_move", "Moves a simulated clock; answers when every day on the way is closed.", || {
            post(clock::clock_move)
        })
        .takes::<clock::ClockAsked>()
        .gives::<shape::ClockShape>(),
        post_route("/v1/operator/clock/confirmation", "clock_confirm", "Confirms a system clock far ahead of the open day.", || {
            post(clock::clock_confirm)
        })
        .takes::<Nothing>()
        .gives::<shape::ClockShape>(),
        get_route("/v1/operator/days", "day_list", "Closed days per product, newest first.", || get(day::day_list))
            .query(&["asset", "product", "limit", "cursor"])
            .lists::<day::DayShape>()
            .stored(),
        get_route("/v1/operator/books", "books_get", "The trial balance, now or at the close of a day.", || get(book::books_get))
            .query(&["at"])
            .lists::<book::BooksShape>(),
        get_route("/v1/operator/journal", "journal_list", "Journal entries with postings, newest first.", || get(journal::journal_list))
            .query(&["customer", "asset", "limit", "cursor"])
            .lists::<journal::EntryShape>()
            .expensive(),
        get_route("/v1/operator/records", "record_list", "Records of the log with who had each decided, newest first.", || {
            get(journal::record_list)
        })
        .query(PAGING)
        .lists::<journal::RecordShape>()
        .expensive(),
        post_route("/v1/operator/audit", "audit_run", "Runs every invariant.", || post(book::audit_run))
            .takes::<Nothing>()
            .gives::<book::AuditShape>()
            .expensive(),
        get_route(
            "/v1/operator/security-events",
            "security_event_list_all",
            "What happened to the ways in, of everybody or of one customer, newest first.",
            || get(security::security_event_list_all),
        )
        .query(&["customer", "limit", "cursor"])
        .lists::<security::SecurityEventShape>()
        .stored(),
        post_route("/v1/operator/tokens", "token_create", "Makes a token; its text is shown once.", || post(token::token_create))
            .takes::<TokenAsked>()
            .makes::<token::TokenMadeShape>()
            .stored(),
        get_route("/v1/operator/tokens", "token_list", "Tokens, without their text.", || get(token::token_list))
            .lists::<token::TokenShape>()
            .stored(),
        Route::new(Method::DELETE, "/v1/operator/tokens/{id}", "token_revoke", "Revokes a token.", || delete(token::token_revoke))
            .gives::<token::TokenRevokedShape>()
            .stored(),
    ]
}
