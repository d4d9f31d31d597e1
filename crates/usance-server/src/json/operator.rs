//! The operator's side: catalogue, rates, treasury, clock, closed days, books, journal, audit.

use crate::app::App;
use crate::json::call::Call;
use crate::json::shape::{self, DistributionWord, EarlyRedemptionWord, KindWord, RateModeWord, StatusWord, TierShape};
use crate::wire::input::{self, AccountWord, Body, Path, Query, nullable};
use crate::wire::page::{Page, cursor, limit, place};
use crate::wire::problem::Problem;
use crate::wire::rejected::rejected;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use usance_core::audit;
use usance_core::calendar::Day;
use usance_core::id::AssetIx;
use usance_core::ledger::{ControlAccounts, LedgerAccount, SubLedgerTotals};
use usance_core::machine::command::{Change, ProductText, RateText, SaleText, WalletMove};
use usance_core::machine::{Command, Rejection, State as Machine};
use usance_core::product::kind::NotAKind;
use usance_engine::life::clock::EngineClock;
use utoipa::ToSchema;

/// A new asset.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssetAsked {
    symbol: String,
    name: String,
    #[schema(maximum = 18)]
    #[serde(deserialize_with = "input::whole")]
    decimals: u8,
    #[schema(maximum = 18)]
    #[serde(deserialize_with = "input::whole")]
    display_decimals: u8,
}

/// POST /v1/operator/assets
pub async fn asset_create(State(app): State<App>, call: Call, Body(asked): Body<AssetAsked>) -> Result<Response, Problem> {
    let AssetAsked { symbol, name, decimals, display_decimals } = &asked;
    let command =
        Command::CreateAsset { symbol: symbol.clone(), name: name.clone(), decimals: *decimals, display_decimals: *display_decimals };
    call.execute(&app, &asked, command).await
}

/// A new customer.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerAsked {
    id: String,
}

/// POST /v1/operator/customers
pub async fn customer_create(State(app): State<App>, call: Call, Body(asked): Body<CustomerAsked>) -> Result<Response, Problem> {
    call.execute(&app, &asked, Command::CreateCustomer { id: asked.id.clone() }).await
}

/// A new agreement.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreementAsked {
    version: String,
    text: String,
}

/// POST /v1/operator/agreements
pub async fn agreement_publish(State(app): State<App>, call: Call, Body(asked): Body<AgreementAsked>) -> Result<Response, Problem> {
    call.execute(&app, &asked, Command::PublishAgreement { version: asked.version.clone(), text: asked.text.clone() }).await
}

/// A rate from a day on: one, or tiers.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RateAsked {
    #[schema(format = Date)]
    from: String,
    #[schema(pattern = r"^(10(\.0{1,8})?|[0-9](\.[0-9]{1,8})?)$")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rate: Option<String>,
    #[serde(default, deserialize_with = "input::some_objects", skip_serializing_if = "Option::is_none")]
    tiers: Option<Vec<TierShape>>,
}

fn rate_text(asked: &RateAsked) -> Result<(Day, RateText), Problem> {
    let from = input::day("from", &asked.from)?;
    let bands = match (&asked.rate, &asked.tiers) {
        (Some(rate), None) => vec![(None, input::rate("rate", rate)?)],
        (None, Some(tiers)) => {
            let read = tiers.iter().map(|tier| Ok((tier.up_to.clone(), input::rate("tiers.rate", &tier.rate)?)));
            read.collect::<Result<RateText, Problem>>()?
        }
        _ => return Err(Problem::malformed("a rate has either rate or tiers")),
    };
    Ok((from, bands))
}

/// A new product.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductAsked {
    id: String,
    asset: String,
    name: String,
    kind: KindWord,
    #[serde(default, deserialize_with = "input::some_whole")]
    term_days: Option<u32>,
    #[serde(deserialize_with = "input::objects")]
    rates: Vec<RateAsked>,
    #[serde(default)]
    rate: Option<RateModeWord>,
    #[serde(default)]
    distribution: Option<DistributionWord>,
    #[serde(default)]
    early_redemption: Option<EarlyRedemptionWord>,
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default)]
    minimum: Option<String>,
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default)]
    step: Option<String>,
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default)]
    personal_maximum: Option<String>,
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default)]
    capacity: Option<String>,
    #[schema(format = DateTime)]
    #[serde(default)]
    opens_at: Option<String>,
    #[schema(format = DateTime)]
    #[serde(default)]
    closes_at: Option<String>,
    #[serde(default)]
    renewal: Option<bool>,
    #[serde(default)]
    risk_notice: Option<String>,
}

fn set<T>(asked: Option<T>) -> Change<T> {
    asked.map_or(Change::Keep, Change::Set)
}

fn set_instant(field: &str, asked: Option<&str>) -> Result<Change<usance_core::calendar::Timestamp>, Problem> {
    asked.map_or(Ok(Change::Keep), |text| input::instant(field, text).map(Change::Set))
}

/// POST /v1/operator/products
pub async fn product_create(State(app): State<App>, call: Call, Body(asked): Body<ProductAsked>) -> Result<Response, Problem> {
    let name = asked.kind.0;
    let kind = name.with_term(asked.term_days).map_err(|why| match why {
        NotAKind::TermNotAllowed => Problem::malformed(format!("term_days: a {} product has none", name.word())),
        NotAKind::TermMissing => Problem::malformed(format!("term_days: a {} product needs it", name.word())),
    })?;
    let rates: Result<Vec<_>, Problem> = asked.rates.iter().map(rate_text).collect();
    let text = ProductText {
        id: asked.id.clone(),
        asset: asked.asset.clone(),
        name: asked.name.clone(),
        kind,
        rates: rates?,
        rate_mode: asked.rate.map(Into::into),
        distribution: asked.distribution.map(Into::into),
        early_redemption: asked.early_redemption.map(Into::into),
        sale: SaleText {
            name: Change::Keep,
            minimum: set(asked.minimum.clone()),
            step: set(asked.step.clone()),
            personal_maximum: set(asked.personal_maximum.clone()),
            capacity: set(asked.capacity.clone()),
            opens_at: set_instant("opens_at", asked.opens_at.as_deref())?,
            closes_at: set_instant("closes_at", asked.closes_at.as_deref())?,
            renewal: set(asked.renewal),
            risk_notice: set(asked.risk_notice.clone()),
        },
    };
    call.execute(&app, &asked, Command::CreateProduct(Box::new(text))).await
}

/// What to change of a product; null clears.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductPatch {
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    name: Option<Option<String>>,
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    minimum: Option<Option<String>>,
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    step: Option<Option<String>>,
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    personal_maximum: Option<Option<String>>,
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    capacity: Option<Option<String>>,
    #[schema(format = DateTime)]
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    opens_at: Option<Option<String>>,
    #[schema(format = DateTime)]
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    closes_at: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    renewal: Option<Option<bool>>,
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    risk_notice: Option<Option<String>>,
}

fn change<T: Clone>(asked: &Option<Option<T>>) -> Change<T> {
    match asked {
        None => Change::Keep,
        Some(None) => Change::Clear,
        Some(Some(value)) => Change::Set(value.clone()),
    }
}

fn change_instant(field: &str, asked: &Option<Option<String>>) -> Result<Change<usance_core::calendar::Timestamp>, Problem> {
    Ok(match asked {
        None => Change::Keep,
        Some(None) => Change::Clear,
        Some(Some(text)) => Change::Set(input::instant(field, text)?),
    })
}

/// PATCH /v1/operator/products/{id}
pub async fn product_change(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Body(asked): Body<ProductPatch>,
) -> Result<Response, Problem> {
    let sale = SaleText {
        name: change(&asked.name),
        minimum: change(&asked.minimum),
        step: change(&asked.step),
        personal_maximum: change(&asked.personal_maximum),
        capacity: change(&asked.capacity),
        opens_at: change_instant("opens_at", &asked.opens_at)?,
        closes_at: change_instant("closes_at", &asked.closes_at)?,
        renewal: change(&asked.renewal),
        risk_notice: change(&asked.risk_notice),
    };
    call.execute(&app, &asked, Command::ChangeProduct { product: id, sale: Box::new(sale) }).await
}

/// Where to move a product.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusAsked {
    status: StatusWord,
}

/// POST /v1/operator/products/{id}/status
pub async fn product_status_set(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Body(asked): Body<StatusAsked>,
) -> Result<Response, Problem> {
    call.execute(&app, &asked, Command::SetProductStatus { product: id, status: asked.status.into() }).await
}

/// POST /v1/operator/products/{id}/rates
pub async fn rate_announce(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Body(asked): Body<RateAsked>,
) -> Result<Response, Problem> {
    let (from, rate) = rate_text(&asked)?;
    call.execute(&app, &asked, Command::AnnounceRate { product: id, from, rate }).await
}

/// A day's settled rate.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettledAsked {
    #[schema(format = Date)]
    day: String,
    #[schema(pattern = r"^(10(\.0{1,8})?|[0-9](\.[0-9]{1,8})?)$")]
    rate: String,
}

/// POST /v1/operator/products/{id}/settled-rates
pub async fn rate_settle(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Body(asked): Body<SettledAsked>,
) -> Result<Response, Problem> {
    let (day, rate) = (input::day("day", &asked.day)?, input::rate("rate", &asked.rate)?);
    call.execute(&app, &asked, Command::SettleRate { product: id, day, rate }).await
}

/// A deposit or withdrawal.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletMoveAsked {
    customer: String,
    asset: String,
    account: AccountWord,
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    amount: String,
    /// The wallet's own name for it, 1 to 128 visible ASCII characters; unique per asset and kind, for ever.
    #[schema(pattern = "^[!-~]{1,128}$")]
    reference: String,
}

fn wallet_move(asked: &WalletMoveAsked) -> Result<WalletMove, Problem> {
    let fits = (1..=usance_core::limits::REFERENCE_BYTES_MAX).contains(&asked.reference.len());
    if !fits || !asked.reference.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Problem::malformed("reference: 1 to 128 visible ASCII characters"));
    }
    Ok(WalletMove {
        customer: asked.customer.clone(),
        asset: asked.asset.clone(),
        account: asked.account.into(),
        amount: asked.amount.clone(),
        reference: asked.reference.clone(),
    })
}

/// POST /v1/operator/deposits
pub async fn deposit_create(State(app): State<App>, call: Call, Body(asked): Body<WalletMoveAsked>) -> Result<Response, Problem> {
    call.execute(&app, &asked, Command::Deposit(wallet_move(&asked)?)).await
}

/// POST /v1/operator/withdrawals
pub async fn withdrawal_create(State(app): State<App>, call: Call, Body(asked): Body<WalletMoveAsked>) -> Result<Response, Problem> {
    call.execute(&app, &asked, Command::Withdraw(wallet_move(&asked)?)).await
}

/// Into or out of the reward pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PoolWord {
    /// Coins come in.
    #[default]
    Fund,
    /// Coins go out.
    Withdraw,
}

/// A movement of a reward pool.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolAsked {
    asset: String,
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    amount: String,
    #[serde(default)]
    kind: PoolWord,
}

/// POST /v1/operator/reward-pool
pub async fn reward_pool_move(State(app): State<App>, call: Call, Body(asked): Body<PoolAsked>) -> Result<Response, Problem> {
    let (asset, amount) = (asked.asset.clone(), asked.amount.clone());
    let command = match asked.kind {
        PoolWord::Fund => Command::FundRewardPool { asset, amount },
        PoolWord::Withdraw => Command::WithdrawRewardPool { asset, amount },
    };
    call.execute(&app, &asked, command).await
}

/// Where to move the clock.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockAsked {
    /// The instant, RFC 3339.
    #[schema(format = DateTime)]
    pub to: String,
}

/// POST /v1/operator/clock
pub async fn clock_move(State(app): State<App>, call: Call, Body(asked): Body<ClockAsked>) -> Result<Response, Problem> {
    let to = input::instant("to", &asked.to)?;
    call.execute(&app, &asked, Command::MoveClock { to }).await
}

/// Nothing to say.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// POST /v1/operator/clock/confirmation: the system clock is right, close the days it is ahead.
pub async fn clock_confirm(State(app): State<App>, call: Call, Body(asked): Body<Nothing>) -> Result<Response, Problem> {
    let clock = EngineClock::system();
    call.execute(&app, &asked, Command::ConfirmClock { clock }).await
}

/// Filters of the closed days.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DayFilter {
    asset: Option<String>,
    product: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// What a close did to one product.
#[derive(Debug, Serialize, ToSchema)]
pub struct DayShape {
    day: String,
    product: String,
    asset: String,
    /// The highest band's rate after the settled cap.
    rate: String,
    settled: bool,
    earning_positions: u64,
    rewards: String,
    distributed: String,
    /// Terms that ended.
    matured: u64,
    /// Principal paid out at their end.
    matured_principal: String,
    /// Terms that started again.
    renewed: u64,
    /// Principal that started again.
    renewed_principal: String,
}

/// GET /v1/operator/days
pub async fn day_list(State(app): State<App>, Query(filter): Query<DayFilter>) -> Result<Json<Page<DayShape>>, Problem> {
    let size = limit(filter.limit.as_deref())?;
    let list = format!("days {:?} {:?}", filter.asset, filter.product);
    let before: Option<(i32, u32)> = place(&app.seed, &list, filter.cursor.as_deref())?;
    let chosen = app.engine.read_at(|state, _| {
        let asset = filter
            .asset
            .as_ref()
            .map(|symbol| state.asset_ix(symbol).ok_or_else(|| rejected(state, &Rejection::AssetNotFound)))
            .transpose()?;
        let product = filter
            .product
            .as_ref()
            .map(|id| state.product_ix(id).ok_or_else(|| rejected(state, &Rejection::ProductNotFound)))
            .transpose()?;
        let keep: Vec<bool> = (0..state.registry.products.len())
            .map(|ix| {
                product.is_none_or(|only| only.index() == ix)
                    && asset.is_none_or(|only| state.registry.products.get(ix).is_some_and(|product| product.asset == only))
            })
            .collect();
        Ok::<_, Problem>(keep)
    });
    let (keep, seen) = chosen.await?;
    let keep = keep?;
    app.engine.projected(seen).await?;
    let before = before.map(|(day, product)| (Day::from_number(day), product));
    let mut lines =
        app.engine.tables(|tables| tables.days(before, |line| keep.get(line.product.index()).copied().unwrap_or(false), size + 1))?;
    let more = lines.len() > size;
    lines.truncate(size);
    let next = if more { lines.last().map(|(day, line)| cursor(&app.seed, &list, &(day.number(), line.product.0))) } else { None };
    let items = app.engine.peek(|state| lines.iter().map(|(day, line)| day_shape(state, *day, line)).collect());
    Ok(Json(Page { items, next_cursor: next }))
}

fn day_shape(state: &Machine, day: Day, line: &usance_core::machine::event::ProductDay) -> DayShape {
    let asset = state.product(line.product).map_or(AssetIx(0), |product| product.asset);
    let rate = state.bands(line.version).map(|bands| bands.capped(line.settled).highest()).unwrap_or_default();
    DayShape {
        day: day.to_string(),
        product: shape::product_id(state, line.product),
        asset: shape::symbol(state, asset),
        rate: rate.to_text(),
        settled: line.settled.is_some(),
        earning_positions: line.earning_positions,
        rewards: shape::amount(state, asset, line.rewards),
        distributed: shape::amount(state, asset, line.distributed),
        matured: line.matured,
        matured_principal: shape::amount(state, asset, line.returned()),
        renewed: line.renewed,
        renewed_principal: shape::amount(state, asset, line.renewed_principal),
    }
}

/// Which books.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BooksAsked {
    at: Option<String>,
}

/// One account of a trial balance.
#[derive(Debug, Serialize, ToSchema)]
pub struct BookAccountShape {
    account: &'static str,
    control: String,
    /// The sum of the customers' and positions' lines behind it; null where an account has none.
    sub_ledger: Option<String>,
}

/// One asset's trial balance.
#[derive(Debug, Serialize, ToSchema)]
pub struct BooksShape {
    asset: String,
    custody: String,
    customer_spot: String,
    customer_funding: String,
    customer_principal: String,
    rewards_payable: String,
    reward_pool: String,
    /// Custody equals everything owed and the pool, and every control account equals its sub-ledger.
    balanced: bool,
    /// Custody or reward pool is below zero.
    overdrawn: bool,
    accounts: Vec<BookAccountShape>,
}

/// GET /v1/operator/books
pub async fn books_get(State(app): State<App>, Query(asked): Query<BooksAsked>) -> Result<Json<Page<BooksShape>>, Problem> {
    let at = asked.at.as_deref().map(|text| input::day("at", text)).transpose()?;
    let books = app.engine.read(|state, _| books(state, at)).await??;
    Ok(Json(Page::whole(books)))
}

fn books(state: &Machine, at: Option<Day>) -> Result<Vec<BooksShape>, Problem> {
    let registry = &state.registry;
    Ok(match at {
        None => {
            let both = registry.control.iter().zip(&registry.sub_ledger).enumerate();
            both.map(|(ix, (control, totals))| book(state, AssetIx::from_index(ix), control, totals)).collect()
        }
        Some(day) => {
            let closed = registry
                .books
                .get(&day)
                .ok_or_else(|| Problem::not_found("day_not_closed", "That day is not closed, or before the platform's first."))?;
            closed.iter().enumerate().map(|(ix, books)| book(state, AssetIx::from_index(ix), &books.control, &books.sub_ledger)).collect()
        }
    })
}

fn book(state: &Machine, asset: AssetIx, control: &ControlAccounts, totals: &SubLedgerTotals) -> BooksShape {
    let text = |account| shape::balance(state, asset, control.balance(account));
    BooksShape {
        asset: shape::symbol(state, asset),
        custody: text(LedgerAccount::Custody),
        customer_spot: text(LedgerAccount::CustomerSpot),
        customer_funding: text(LedgerAccount::CustomerFunding),
        customer_principal: text(LedgerAccount::CustomerPrincipal),
        rewards_payable: text(LedgerAccount::RewardsPayable),
        reward_pool: text(LedgerAccount::RewardPool),
        balanced: control.is_balanced() && totals.agrees_with(control),
        overdrawn: control.balance(LedgerAccount::RewardPool).is_overdrawn() || control.balance(LedgerAccount::Custody).is_overdrawn(),
        accounts: LedgerAccount::ALL
            .into_iter()
            .map(|account| BookAccountShape {
                account: account.name(),
                control: text(account),
                sub_ledger: totals.of(account).map(|total| shape::amount(state, asset, total)),
            })
            .collect(),
    }
}

/// One invariant.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvariantShape {
    name: &'static str,
    holds: bool,
    figures: String,
}

/// The audit's answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditShape {
    healthy: bool,
    invariants: Vec<InvariantShape>,
}

/// POST /v1/operator/audit. Runs on a frozen view, so writes go on.
pub async fn audit_run(State(app): State<App>, Body(Nothing {}): Body<Nothing>) -> Result<Json<AuditShape>, Problem> {
    let frozen = app.engine.read(|state, _| state.clone()).await?;
    let findings = tokio::task::spawn_blocking(move || audit::audit(&frozen))
        .await
        .map_err(|error| Problem::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "audit_failed", error.to_string()))?;
    let healthy = audit::is_healthy(&findings);
    let invariants =
        findings.into_iter().map(|finding| InvariantShape { name: finding.name, holds: finding.holds, figures: finding.figures }).collect();
    Ok(Json(AuditShape { healthy, invariants }))
}
