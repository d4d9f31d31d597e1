//! What can be staked: the list of products, and everything about one.

use crate::app::App;
use crate::json::product::{TierExample, tier_example};
use crate::json::rate::{RateLine, rate_lines};
use crate::json::shape::{AvailabilityWord, DistributionWord, EarlyRedemptionWord, EstimateShape, ProductShape, RateModeWord};
use crate::look::chart::Chart;
use crate::pages::failure::sentence;
use crate::pages::risks::{self, RiskTerms};
use crate::pages::seen::{Seen, look};
use crate::pages::shell::{Room, Shell, show};
use crate::pages::visitor::{Signed, Visitor};
use crate::wire::input::{Path, Query};
use crate::wire::page::LIMIT_MAX;
use crate::wire::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use std::collections::BTreeSet;
use usance_core::product::KindName;
use usance_engine::operations::position::{Filter, StateFilter};
use usance_engine::operations::subscription::SubscriptionPreviewAsked;

/// Days that the rate chart and its table show, at most.
const CHART_DAYS: usize = 90;

/// How the list is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SortOrder {
    /// As the operator made them, coin by coin.
    #[default]
    Coin,
    /// The highest APR first.
    Apr,
    /// The shortest term first.
    Term,
}

impl SortOrder {
    const ALL: [SortOrder; 3] = [SortOrder::Coin, SortOrder::Apr, SortOrder::Term];

    const fn word(self) -> &'static str {
        match self {
            SortOrder::Coin => "coin",
            SortOrder::Apr => "apr",
            SortOrder::Term => "term",
        }
    }
}

/// What GET /products may carry.
#[derive(Clone, Default, Deserialize)]
pub struct ListLook {
    #[serde(default)]
    asset: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    held: String,
    #[serde(default)]
    sort: SortOrder,
}

impl ListLook {
    /// The address of the same list with one thing changed.
    fn address(&self, change: impl FnOnce(&mut ListLook)) -> String {
        let mut other = self.clone();
        change(&mut other);
        let sort = if other.sort == SortOrder::Coin { "" } else { other.sort.word() };
        let pairs = [("asset", other.asset.as_str()), ("kind", &other.kind), ("held", &other.held), ("sort", sort)];
        let chosen: Vec<_> = pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let query = serde_urlencoded::to_string(chosen).unwrap_or_default();
        if query.is_empty() { "/products".to_owned() } else { format!("/products?{query}") }
    }
}

/// A choice above the list: its words, where it leads, whether it is taken.
struct Choice {
    text: String,
    address: String,
    taken: bool,
}

#[derive(Template)]
#[template(path = "products.html")]
struct ProductsPage {
    s: Shell,
    coins: Vec<Choice>,
    kinds: Vec<Choice>,
    orders: Vec<Choice>,
    held: Option<Choice>,
    products: Vec<Offer>,
    reset: String,
}

/// One product in the list.
struct Offer {
    product: ProductShape,
    held: bool,
}

/// The word of an availability, as the pages name it.
#[must_use]
pub const fn availability_word(word: AvailabilityWord) -> &'static str {
    match word {
        AvailabilityWord::Available => "available",
        AvailabilityWord::Upcoming => "upcoming",
        AvailabilityWord::SoldOut => "sold_out",
        AvailabilityWord::Ended => "ended",
        AvailabilityWord::Unavailable => "unavailable",
    }
}

/// The name of a kind: Flexible, or a term of so many days.
#[must_use]
pub fn kind_name(s: &Shell, product: &ProductShape) -> String {
    product.term_days.map_or_else(|| s.t("kind-flexible"), |days| s.tn("kind-days", &u64::from(days)))
}

impl Offer {
    fn state(&self) -> &'static str {
        availability_word(self.product.availability)
    }
    fn kind(&self, s: &Shell) -> String {
        kind_name(s, &self.product)
    }
    fn capacity_percent(&self, s: &Shell) -> Option<u8> {
        s.f.percent_of(self.product.capacity_left.as_ref()?, self.product.capacity.as_ref()?)
    }
}

/// Every product that customers see.
///
/// # Errors
/// When the engine cannot answer.
pub async fn offered(app: &App) -> Result<Vec<ProductShape>, Problem> {
    look(app, |seen| Ok(seen.offered())).await
}

/// The name of a product; its id where it is not among them.
#[must_use]
pub fn product_name<'a>(products: &'a [ProductShape], id: &'a str) -> &'a str {
    products.iter().find(|product| product.id == id).map_or(id, |product| product.name.as_str())
}

/// The products that a customer holds something in.
fn held(seen: &Seen<'_>, visitor: &Visitor) -> Result<BTreeSet<String>, Problem> {
    let Some(signed) = &visitor.signed else { return Ok(BTreeSet::new()) };
    let active = Filter { state: StateFilter::Active, ..Filter::default() };
    let positions = seen.positions(&signed.caller, &active, LIMIT_MAX)?;
    Ok(positions.into_iter().map(|(_, position)| position.product).collect())
}

/// GET /products
pub async fn products_get(State(app): State<App>, visitor: Visitor, Query(wanted): Query<ListLook>) -> Result<Response, Problem> {
    let seen = look(&app, |seen| Ok((seen.shell(&visitor, Room::Products), held(seen, &visitor)?, seen.offered())));
    let (s, mine, mut products) = seen.await?;
    products.retain(|product| {
        (wanted.asset.is_empty() || product.asset == wanted.asset)
            && (wanted.kind.is_empty() || product.kind.0.word() == wanted.kind)
            && (wanted.held.is_empty() || mine.contains(&product.id))
    });
    let rate = |product: &ProductShape| product.reference_apr.clone().unwrap_or_default();
    let coin = |product: &ProductShape| s.coins.iter().position(|coin| coin.symbol == product.asset);
    match wanted.sort {
        SortOrder::Coin => products.sort_by_key(|product| (coin(product), product.term_days.unwrap_or(0))),
        SortOrder::Apr => products.sort_by(|left, right| by_rate(&rate(right), &rate(left))),
        SortOrder::Term => products.sort_by_key(|product| (product.term_days.unwrap_or(0), coin(product))),
    }
    let choice = |text: String, taken: bool, address: String| Choice { text, address, taken };
    let mut coins = vec![choice(s.t("filter-all-coins"), wanted.asset.is_empty(), wanted.address(|look| look.asset.clear()))];
    coins.extend(
        s.coins.iter().map(|coin| {
            choice(coin.symbol.clone(), wanted.asset == coin.symbol, wanted.address(|look| look.asset.clone_from(&coin.symbol)))
        }),
    );
    let mut kinds = vec![choice(s.t("filter-all-kinds"), wanted.kind.is_empty(), wanted.address(|look| look.kind.clear()))];
    kinds.extend(KindName::WORDS.iter().map(|word| {
        let address = wanted.address(|look| (*word).clone_into(&mut look.kind));
        choice(s.word("kind", word), wanted.kind == *word, address)
    }));
    let orders =
        SortOrder::ALL.map(|order| choice(s.word("sort", order.word()), wanted.sort == order, wanted.address(|look| look.sort = order)));
    let mine_word = if wanted.held.is_empty() { "1" } else { "" };
    let held = visitor
        .signed
        .as_ref()
        .map(|_| choice(s.t("filter-held"), !wanted.held.is_empty(), wanted.address(|look| mine_word.clone_into(&mut look.held))));
    let products = products.into_iter().map(|product| Offer { held: mine.contains(&product.id), product }).collect();
    show(&ProductsPage { coins, kinds, orders: orders.into(), held, products, reset: "/products".into(), s }, StatusCode::OK)
}

#[derive(Template)]
#[template(path = "product.html", blocks = ["calculator"])]
struct ProductPage {
    s: Shell,
    offer: Offer,
    chart: Option<Chart>,
    settled: Vec<RateLine>,
    announced: Vec<RateLine>,
    example: Option<TierExample>,
    amount: String,
    estimate: Option<EstimateShape>,
    is_own: bool,
    fault: Option<String>,
}

impl ProductPage {
    /// How rewards are paid, as a sentence.
    fn distribution(&self) -> String {
        match self.offer.product.distribution {
            DistributionWord::Daily => self.s.t("distribution-daily"),
            DistributionWord::AtMaturity => self.s.t("distribution-at-maturity"),
            DistributionWord::EveryNDays(days) => self.s.tn("distribution-every", &u64::from(days)),
        }
    }
    fn is_daily(&self) -> bool {
        self.offer.product.distribution == DistributionWord::Daily
    }
    /// With tiers a day pays at most its highest band.
    fn settled_message(&self) -> &'static str {
        if self.offer.product.tiers.is_some() { "settled-lately-tiers" } else { "settled-lately" }
    }
    fn accrues(&self) -> bool {
        self.offer.product.kind.0.accrues()
    }
    fn leaves_early(&self) -> bool {
        self.offer.product.kind.0.leaves_early()
    }
    /// The names of what can go wrong.
    fn risks(&self) -> Vec<&'static str> {
        risks::sentences(&self.offer.product)
    }
    /// The name of what is said of leaving any time.
    fn any_time(&self) -> &'static str {
        RiskTerms::of(&self.offer.product).any_time()
    }
    /// The name of the rule about redeeming any time.
    fn redeem_rule(&self) -> &'static str {
        RiskTerms::of(&self.offer.product).redeem_rule()
    }
    fn is_locked(&self) -> bool {
        self.offer.product.rate == RateModeWord::Locked
    }
    fn may_leave_early(&self) -> bool {
        self.offer.product.early_redemption == EarlyRedemptionWord::Clawback
    }
    fn is_available(&self) -> bool {
        self.offer.product.availability == AvailabilityWord::Available
    }
    fn rate_text(&self, line: &RateLine) -> String {
        let highest = || line.what.tiers.iter().flatten().map(|tier| tier.rate.clone()).max_by(|left, right| by_rate(left, right));
        self.s.f.percent(&line.what.rate.clone().or_else(highest).unwrap_or_default())
    }
}

/// What an amount would earn: a customer's by the preview of a subscription, a newcomer's by the public estimate.
fn estimate(seen: &Seen<'_>, own: Option<&Signed>, product: &str, amount: &str) -> Result<EstimateShape, Problem> {
    let Some(signed) = own else { return seen.estimate(product, amount) };
    let asked = SubscriptionPreviewAsked { product: product.to_owned(), amount: amount.to_owned(), source: None };
    let preview = seen.subscription(&signed.caller, &asked)?;
    Ok(EstimateShape {
        apr_for_amount: preview.apr_for_amount,
        reward_per_day: preview.reward_per_day,
        total_reward_at_maturity: preview.total_reward_at_maturity,
        estimated: true,
    })
}

/// What GET /products/{id} may carry.
#[derive(Deserialize)]
pub struct ProductLook {
    #[serde(default)]
    amount: String,
}

/// GET /products/{id}: the page, or only the answer of its calculator.
pub async fn product_get(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(wanted): Query<ProductLook>,
) -> Result<Response, Problem> {
    let page = look(&app, |seen| page(seen, &visitor, &id, wanted.amount.trim())).await?;
    if visitor.wants_fragment { show(&page.as_calculator(), StatusCode::OK) } else { show(&page, StatusCode::OK) }
}

fn page(seen: &Seen<'_>, visitor: &Visitor, id: &str, typed: &str) -> Result<ProductPage, Problem> {
    let (product, s) = (seen.product(id)?, seen.shell(visitor, Room::Products));
    // A round sum to begin with, as a newcomer's; what a customer types comes on top of what that customer has.
    let amount = if typed.is_empty() { "100".to_owned() } else { typed.to_owned() };
    let own = visitor.signed.as_ref().filter(|_| !typed.is_empty() && product.availability == AvailabilityWord::Available);
    let (estimate, fault) = match estimate(seen, own, id, &amount) {
        Ok(estimate) => (Some(estimate), None),
        Err(problem) => (None, Some(sentence(&s, &problem, &product.asset))),
    };
    let offer = Offer { held: false, product };
    let (settled, announced) = (Vec::new(), Vec::new());
    let is_own = own.is_some();
    let mut page = ProductPage { s, offer, chart: None, settled, announced, example: None, amount, estimate, is_own, fault };
    if visitor.wants_fragment {
        return Ok(page);
    }
    page.offer.held = held(seen, visitor)?.contains(id);
    page.example = tier_example(seen.state, id)?;
    let lines = rate_lines(seen.state, id, None, LIMIT_MAX)?.into_iter().map(|(_, line)| line);
    (page.announced, page.settled) = lines.partition(|line| line.from.is_some());
    page.settled.truncate(CHART_DAYS);
    let points = page.settled.iter().rev().filter_map(|line| Some((line.day.clone()?, line.what.rate.clone()?)));
    page.chart = Chart::of(points.collect());
    Ok(page)
}

/// The order of two rates: they are written with eight decimals, so the longer text is the higher rate.
#[must_use]
pub fn by_rate(left: &str, right: &str) -> std::cmp::Ordering {
    (left.len(), left).cmp(&(right.len(), right))
}
