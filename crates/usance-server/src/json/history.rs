//! A customer's past in lists: subscriptions, redemptions, transfers, acceptances, and every day's reward.

use crate::app::App;
use crate::json::security::ActorShape;
use crate::json::shape::{self, PartShape, RateShape, RedemptionShape};
use crate::wire::input::{self, Query};
use crate::wire::page::{Page, cursor, limit, place, turn_part};
use crate::wire::problem::Problem;
use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use usance_core::calendar::Day;
use usance_core::id::AssetIx;
use usance_core::machine::derive::Division;
use usance_core::machine::{Event, State as Machine};
use usance_engine::Refusal;
use usance_engine::caller::Actor;
use usance_engine::caller::Caller;
use usance_engine::lines::{Chosen, CloseLine, Cut, Part, Wanted};
use usance_engine::operations::journal;
use usance_engine::operations::redemption::ExitChoice;
use usance_engine::operations::reward::{self, DaysAsked};
use usance_engine::operations::words::AccountWord;
use usance_engine::operations::{agreement, redemption, subscription, transfer};
use usance_store::projection::{HistoryKind, HistoryRow};
use usance_store::secrets::Purpose;
use utoipa::ToSchema;

/// An asset and a page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryFilter {
    /// Only of this asset.
    pub asset: Option<String>,
    /// Items in the page.
    pub limit: Option<String>,
    /// Where it begins.
    pub cursor: Option<String>,
}

/// One page of a list of a customer's past, as it was asked for.
struct Turn {
    list: String,
    before: Option<u64>,
    size: usize,
}

impl Turn {
    fn of(app: &App, caller: &Caller, filter: &HistoryFilter, name: &str) -> Result<Turn, Problem> {
        let size = limit(filter.limit.as_deref())?;
        let list = format!("{name} {} {:?}", caller.acts_for(), filter.asset);
        let before = place(&app.auth.key(Purpose::Cursors)?, &list, filter.cursor.as_deref())?;
        Ok(Turn { list, before, size })
    }

    /// What to look for: one more than fits says that there is more.
    fn wanted<'a>(&self, filter: &'a HistoryFilter) -> Wanted<'a> {
        Wanted { asset: filter.asset.as_deref(), before: self.before, most: self.size + 1 }
    }

    /// What was found, each shown as `T`, with who had it decided.
    fn page<T: Decided>(
        &self,
        app: &App,
        found: Result<Vec<(AssetIx, HistoryRow)>, Refusal>,
        show: impl Fn(&Machine, AssetIx, &HistoryRow) -> Option<T>,
    ) -> Result<Json<Page<T>>, Problem> {
        let mut found = found.map_err(|refusal| app.refused(refusal))?;
        let more = found.len() > self.size;
        found.truncate(self.size);
        let key = app.auth.key(Purpose::Cursors)?;
        let next = if more { found.last().map(|(_, row)| cursor(&key, &self.list, &row.place.number())) } else { None };
        let actors = journal::actors(&app.engine, found.iter().map(|(_, row)| row.place))?;
        let decided = |((asset, row), actor): (&(AssetIx, HistoryRow), Option<Actor>), state: &Machine| {
            let mut line = show(state, *asset, row)?;
            line.by(actor.map(ActorShape::from));
            Some(line)
        };
        let items = app.engine.peek(|state| found.iter().zip(actors).filter_map(|pair| decided(pair, state)).collect());
        Ok(Json(Page { items, next_cursor: next }))
    }
}

/// A line that says who had it decided.
trait Decided {
    fn by(&mut self, actor: Option<ActorShape>);
}

macro_rules! decided {
    ($($line:ident),+) => {
        $(impl Decided for $line {
            fn by(&mut self, actor: Option<ActorShape>) {
                self.actor = actor;
            }
        })+
    };
}

decided!(SubscriptionLine, RedemptionLine, TransferLine, AcceptanceLine);

/// A subscription that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubscriptionLine {
    /// Its number.
    pub subscription_id: String,
    /// The position's number.
    pub position: String,
    /// The product's id.
    pub product: String,
    /// The asset's symbol.
    pub asset: String,
    /// How much, in the asset's unit.
    pub amount: String,
    /// What leaves Funding.
    pub from_funding: String,
    /// What leaves Spot.
    pub from_spot: String,
    /// The first day that counts.
    pub value_date: String,
    /// Whether it renews by itself.
    pub auto_renew: bool,
    /// The accepted agreement's version.
    pub agreement: String,
    /// The redemption that waited and is staked again; null where the coins came from Spot and Funding.
    pub of_exit: Option<String>,
    /// When.
    pub at: String,
    /// Who had it decided; null in records of releases before it was kept.
    pub actor: Option<ActorShape>,
}

/// A row as a subscription.
fn subscription_line(state: &Machine, asset: AssetIx, row: &HistoryRow) -> Option<SubscriptionLine> {
    let event = row.event.subscribed()?;
    let of_exit = match &row.event {
        Event::ExitCancelled(cancelled) => Some(cancelled.redemption.to_string()),
        _ => None,
    };
    Some(SubscriptionLine {
        actor: None,
        subscription_id: event.id.to_string(),
        position: event.position.to_string(),
        product: shape::product_id(state, event.product),
        asset: shape::symbol(state, asset),
        amount: shape::amount(state, asset, event.amount()),
        from_funding: shape::amount(state, asset, event.from_funding),
        from_spot: shape::amount(state, asset, event.from_spot),
        value_date: event.value_date.to_string(),
        auto_renew: event.auto_renew,
        agreement: shape::agreement_version(state, event.agreement),
        of_exit,
        at: row.at.to_string(),
    })
}

/// GET /v1/subscriptions
pub async fn subscription_list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Query(filter): Query<HistoryFilter>,
) -> Result<Json<Page<SubscriptionLine>>, Problem> {
    let turn = Turn::of(&app, &caller, &filter, "subscriptions")?;
    turn.page(&app, subscription::list(&app.engine, &caller, turn.wanted(&filter)).await, subscription_line)
}

/// A redemption that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct RedemptionLine {
    /// Its number.
    pub redemption_id: String,
    /// The position's number.
    pub position: String,
    /// The product's id.
    pub product: String,
    /// The asset's symbol.
    pub asset: String,
    /// Its amounts.
    #[serde(flatten)]
    pub figures: RedemptionShape,
    /// `queued` where the payout, or a part of it, waited, or still does.
    pub exit: ExitChoice,
    /// The day by which it was promised; null where it was paid at once.
    pub promised: Option<String>,
    /// What of the payout waited; the rest was paid at once. Null where all of it was.
    pub waits: Option<String>,
    /// What of that was not to be paid before two people had said who bears a loss.
    pub withheld: Option<String>,
    /// When.
    pub at: String,
    /// Who had it decided; null in records of releases before it was kept.
    pub actor: Option<ActorShape>,
}

/// A row as a redemption.
fn redemption_line(state: &Machine, asset: AssetIx, row: &HistoryRow) -> Option<RedemptionLine> {
    let event = row.event.redeemed()?;
    let queued = match &row.event {
        Event::ExitQueued(queued) => Some(&**queued),
        _ => None,
    };
    Some(RedemptionLine {
        actor: None,
        redemption_id: event.id.to_string(),
        position: event.position.to_string(),
        product: shape::product_id(state, event.product),
        asset: shape::symbol(state, asset),
        figures: shape::redemption(state, asset, event.early, &event.figures),
        exit: if queued.is_some() { ExitChoice::Queued } else { ExitChoice::Instant },
        promised: queued.map(|queued| queued.promised.to_string()),
        waits: queued.map(|queued| shape::amount(state, asset, queued.waits())),
        withheld: queued.map(|queued| shape::amount(state, asset, queued.withheld)),
        at: row.at.to_string(),
    })
}

/// GET /v1/redemptions
pub async fn redemption_list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Query(filter): Query<HistoryFilter>,
) -> Result<Json<Page<RedemptionLine>>, Problem> {
    let turn = Turn::of(&app, &caller, &filter, "redemptions")?;
    turn.page(&app, redemption::list(&app.engine, &caller, turn.wanted(&filter)).await, redemption_line)
}

/// A transfer that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct TransferLine {
    /// Its number.
    pub transfer_id: String,
    /// The asset's symbol.
    pub asset: String,
    /// Where it comes from.
    pub from: AccountWord,
    /// Where it goes.
    pub to: AccountWord,
    /// How much, in the asset's unit.
    pub amount: String,
    /// When.
    pub at: String,
    /// Who had it decided; null in records of releases before it was kept.
    pub actor: Option<ActorShape>,
}

/// A row as a transfer.
fn transfer_line(state: &Machine, asset: AssetIx, row: &HistoryRow) -> Option<TransferLine> {
    match &row.event {
        Event::Transferred(event) => Some(TransferLine {
            actor: None,
            transfer_id: event.id.to_string(),
            asset: shape::symbol(state, asset),
            from: event.from.into(),
            to: shape::other(event.from).into(),
            amount: shape::amount(state, asset, event.amount),
            at: row.at.to_string(),
        }),
        _ => None,
    }
}

/// GET /v1/transfers
pub async fn transfer_list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Query(filter): Query<HistoryFilter>,
) -> Result<Json<Page<TransferLine>>, Problem> {
    let turn = Turn::of(&app, &caller, &filter, "transfers")?;
    turn.page(&app, transfer::list(&app.engine, &caller, turn.wanted(&filter)).await, transfer_line)
}

/// What a customer did, at one place of the log.
#[derive(Debug)]
pub enum Receipt {
    /// Staked.
    Subscription(SubscriptionLine),
    /// Unstaked.
    Redemption(RedemptionLine),
    /// Moved between the accounts.
    Transfer(TransferLine),
}

/// The receipt of what a customer did at a place of the log.
///
/// # Errors
/// `receipt_not_found` when this customer did nothing there.
pub async fn receipt(app: &App, caller: &Caller, place: u64) -> Result<Receipt, Problem> {
    let cut = Cut::take(&app.engine, caller.acts_for(), Chosen::NO_POSITIONS).await.map_err(|no| app.refused(no))?;
    let found = cut.rows(&app.engine, None, place.checked_add(1), 1).await?;
    let there = found.first().filter(|(_, row)| row.place.number() == place);
    let shown = there.and_then(|(asset, row)| {
        app.engine.peek(|state| match row.kind {
            HistoryKind::Subscription => subscription_line(state, *asset, row).map(Receipt::Subscription),
            HistoryKind::Redemption => redemption_line(state, *asset, row).map(Receipt::Redemption),
            HistoryKind::Transfer => transfer_line(state, *asset, row).map(Receipt::Transfer),
            _ => None,
        })
    });
    shown.ok_or_else(|| Problem::not_found("receipt_not_found", "There is no receipt with that number."))
}

/// An agreement that was accepted.
#[derive(Debug, Serialize, ToSchema)]
pub struct AcceptanceLine {
    /// The agreement's version.
    pub version: String,
    /// SHA-256 of the agreement's words, hexadecimal.
    pub sha256: String,
    /// When it was accepted.
    pub accepted_at: String,
    /// Its number.
    pub subscription_id: String,
    /// The position's number.
    pub position: String,
    /// Who had it decided; null in records of releases before it was kept.
    pub actor: Option<ActorShape>,
}

/// GET /v1/acceptances: every subscription accepted an agreement.
pub async fn acceptance_list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Query(filter): Query<HistoryFilter>,
) -> Result<Json<Page<AcceptanceLine>>, Problem> {
    acceptance_page(&app, &caller, &filter).await
}

/// One page of the agreements that a caller accepted.
///
/// # Errors
/// For a limit or cursor that cannot be read, and as [`agreement::acceptances`].
async fn acceptance_page(app: &App, caller: &Caller, filter: &HistoryFilter) -> Result<Json<Page<AcceptanceLine>>, Problem> {
    let turn = Turn::of(app, caller, filter, "acceptances")?;
    let found = agreement::acceptances(&app.engine, caller, turn.wanted(filter)).await;
    acceptances(app, &turn, found)
}

/// As [`acceptance_page`], at a moment that was taken.
///
/// # Errors
/// For a limit or cursor that cannot be read.
pub async fn acceptance_page_at(app: &App, caller: &Caller, filter: &HistoryFilter, cut: &Cut) -> Result<Page<AcceptanceLine>, Problem> {
    let turn = Turn::of(app, caller, filter, "acceptances")?;
    let found = agreement::acceptances_at(&app.engine, cut, turn.wanted(filter)).await.map_err(Refusal::from);
    acceptances(app, &turn, found).map(|page| page.0)
}

fn acceptances(app: &App, turn: &Turn, found: Result<Vec<(AssetIx, HistoryRow)>, Refusal>) -> Result<Json<Page<AcceptanceLine>>, Problem> {
    turn.page(app, found, |state, _, row| {
        let event = row.event.subscribed()?;
        Some(AcceptanceLine {
            actor: None,
            version: shape::agreement_version(state, event.agreement),
            sha256: state
                .registry
                .agreements
                .get(event.agreement.index())
                .map(|agreement| shape::hex(&agreement.sha256))
                .unwrap_or_default(),
            accepted_at: row.at.to_string(),
            subscription_id: event.id.to_string(),
            position: event.position.to_string(),
        })
    })
}

/// Filters of reward lines.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewardFilter {
    /// Only of this asset.
    pub asset: Option<String>,
    /// Only of this position.
    pub position: Option<String>,
    /// Not before this day.
    pub from: Option<String>,
    /// Not after this day.
    pub to: Option<String>,
    /// Items in the page.
    pub limit: Option<String>,
    /// Where it begins.
    pub cursor: Option<String>,
}

/// One position's day.
#[derive(Debug, Serialize, ToSchema)]
pub struct RewardShape {
    /// The closed day.
    pub day: String,
    /// The position's number.
    pub position: String,
    /// The product's id.
    pub product: String,
    /// The asset's symbol.
    pub asset: String,
    /// The principal that earned that day.
    pub principal: String,
    /// The bands of that day.
    #[serde(flatten)]
    pub rate: RateShape,
    /// How the principal fell into the tiers, if there were several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_tier: Option<Vec<PartShape>>,
    /// The rest of the division of the day before, in units of 1 / (365 * 10^8) base units.
    pub carry_before: String,
    /// What was divided: the carry, and per tier principal in base units times rate in units of 10^-8.
    pub numerator: String,
    /// What the division left for the next day, in the same units.
    pub carry_after: String,
    /// What the day gave.
    pub reward: String,
    /// `accrued`, `paid`, `forfeited` or `clawed_back`.
    pub state: &'static str,
}

fn reward_shape(state: &Machine, line: &CloseLine) -> RewardShape {
    let digits = shape::decimals(state, line.asset);
    let Division { numerator, carry_after } = line.division();
    RewardShape {
        day: line.day.to_string(),
        position: line.position.to_string(),
        product: shape::product_id(state, line.product),
        asset: shape::symbol(state, line.asset),
        principal: line.principal.to_text(digits),
        rate: shape::bands(digits, &line.bands),
        by_tier: shape::parts(digits, &line.bands, line.principal),
        carry_before: line.carry_before.to_string(),
        numerator: numerator.to_string(),
        carry_after: carry_after.to_string(),
        reward: line.reward.to_text(digits),
        state: line.state.word(),
    }
}

/// GET /v1/rewards
pub async fn reward_list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Query(filter): Query<RewardFilter>,
) -> Result<Json<Page<RewardShape>>, Problem> {
    reward_page(&app, &caller, &filter).await.map(Json)
}

/// One page of what each day gave.
///
/// # Errors
/// For a filter, limit or cursor that cannot be read, and as [`reward::days`].
async fn reward_page(app: &App, caller: &Caller, filter: &RewardFilter) -> Result<Page<RewardShape>, Problem> {
    let (asked, list) = days_asked(app, caller, filter)?;
    let found = reward::days(&app.engine, caller, asked).await.map_err(|refusal| app.refused(refusal))?;
    days_page(app, found, &list, asked.most - 1)
}

/// As [`reward_page`], at a moment that was taken of the position that is wanted, however much has to be read for it.
///
/// # Errors
/// For a filter, limit or cursor that cannot be read.
pub async fn reward_page_at(app: &App, caller: &Caller, filter: &RewardFilter, cut: Cut) -> Result<Page<RewardShape>, Problem> {
    let (asked, list) = days_asked(app, caller, filter)?;
    cut.budget.lift();
    days_page(app, reward::days_at(&app.engine, cut, asked).await?, &list, asked.most - 1)
}

/// What is asked for, one more than fits, and the name of the list.
fn days_asked<'a>(app: &App, caller: &Caller, filter: &'a RewardFilter) -> Result<(DaysAsked<'a>, String), Problem> {
    let size = limit(filter.limit.as_deref())?;
    let RewardFilter { asset, position, from, to, .. } = filter;
    let list = format!("rewards {} {asset:?} {position:?} {from:?} {to:?}", caller.acts_for());
    let before: Option<(i32, u64)> = place(&app.auth.key(Purpose::Cursors)?, &list, filter.cursor.as_deref())?;
    let (from, to) = input::days(from.as_deref(), to.as_deref())?;
    let asked = DaysAsked {
        asset: asset.as_deref(),
        position: position.as_deref(),
        from,
        to,
        before: before.map(|(day, position)| (Day::from_number(day), position)),
        most: size + 1,
    };
    Ok((asked, list))
}

fn days_page(app: &App, part: Part<CloseLine, (Day, u64)>, list: &str, size: usize) -> Result<Page<RewardShape>, Problem> {
    let keyed = app.engine.peek(|state| {
        let shown = part.found.iter().map(|line| ((line.day.number(), line.position.0), reward_shape(state, line)));
        shown.collect()
    });
    let paused_at = part.paused_at.map(|(day, position)| (day.number(), position));
    Ok(turn_part(&app.auth.key(Purpose::Cursors)?, list, (keyed, paused_at), size))
}
