//! Losses: what networks took, who bears it, what came back.

use crate::app::App;
use crate::json::shape::{amount, balance};
use crate::wire::input::{Body, Path, Query, number};
use crate::wire::page::{Page, limit, place, turn};
use crate::wire::problem::Problem;
use crate::wire::rejected::rejected;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use usance_core::machine::{Rejection, State as Machine};
use usance_core::treasury::loss::{Evidence, Loss, Shares};
use usance_engine::operations::loss::{self, Allocation, Bearer};
use usance_store::secrets::Purpose;
use utoipa::ToSchema;

/// How a loss, or what came back of it, is shared.
#[derive(Debug, Serialize, ToSchema)]
pub struct SharesShape {
    loss_reserve: String,
    commission_income: String,
    reward_pool: String,
    /// Customers of products whose slashing is shared.
    customers: String,
}

/// Who of its customers may have to bear of a loss.
#[derive(Debug, Serialize, ToSchema)]
pub struct BearingShape {
    /// What bears: principal that earned, and exits that waited, when the evidence counted.
    principal: String,
    /// What they may bear together at most.
    at_most: String,
    /// How many positions and exits.
    bearers: u64,
    /// Whether each of them has had its turn to bear, and to get back what came back.
    settled: bool,
}

/// What a slash took of what was with one validator.
#[derive(Debug, Serialize, ToSchema)]
pub struct SlashedShape {
    validator: String,
    /// Empty where the picture did not say.
    name: String,
    amount: String,
}

/// What a loss was found by: a picture that shows a slash, or a difference that two people called a loss.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EvidenceShape {
    /// A slash.
    Slash {
        /// The picture's number.
        picture: String,
        /// By validator.
        from: Vec<SlashedShape>,
    },
    /// A difference.
    Difference {
        /// The difference's number.
        number: String,
    },
}

/// A loss.
#[derive(Debug, Serialize, ToSchema)]
pub struct LossShape {
    id: String,
    network: String,
    asset: String,
    amount: String,
    evidence: EvidenceShape,
    /// When the evidence counted.
    found_at: String,
    /// `open` until two people have said who bears it, then `allocated`.
    standing: &'static str,
    allocated_at: Option<String>,
    /// What customers may have to bear, where they share losses.
    customers: BearingShape,
    /// Who bears how much.
    borne_by: Option<SharesShape>,
    /// What came back to each.
    recovered: Option<SharesShape>,
}

fn shares(state: &Machine, loss: &Loss, shares: &Shares) -> SharesShape {
    let text = |units| amount(state, loss.asset, units);
    SharesShape {
        loss_reserve: text(shares.reserve),
        commission_income: text(shares.commission),
        reward_pool: text(shares.pool),
        customers: text(shares.customers),
    }
}

fn shape(state: &Machine, number: u64, loss: &Loss) -> LossShape {
    let evidence = match &loss.evidence {
        Evidence::Difference { number } => EvidenceShape::Difference { number: number.to_string() },
        Evidence::Slash { picture, from } => {
            let from = from.iter().map(|one| SlashedShape {
                validator: one.validator.clone(),
                name: one.name.clone(),
                amount: amount(state, loss.asset, one.amount),
            });
            EvidenceShape::Slash { picture: picture.to_string(), from: from.collect() }
        }
    };
    LossShape {
        id: number.to_string(),
        network: state.treasury.network(loss.network).map(|network| network.name.clone()).unwrap_or_default(),
        asset: state.asset(loss.asset).map(|asset| asset.symbol.clone()).unwrap_or_default(),
        amount: amount(state, loss.asset, loss.amount),
        evidence,
        found_at: loss.found_at.to_text(),
        standing: if loss.borne.is_some() { "allocated" } else { "open" },
        allocated_at: loss.borne.map(|borne| borne.at.to_text()),
        customers: BearingShape {
            principal: amount(state, loss.asset, loss.bearing.principal),
            at_most: amount(state, loss.asset, loss.bearing.at_most),
            bearers: loss.bearing.count(),
            settled: loss.borne.is_some() && loss.bearing.sharing.is_none() && loss.bearing.returning.is_none(),
        },
        borne_by: loss.borne.map(|borne| shares(state, loss, &borne.by)),
        recovered: loss.borne.map(|borne| shares(state, loss, &borne.recovered)),
    }
}

/// Filters of the losses.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossFilter {
    asset: Option<String>,
    standing: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// GET /v1/operator/treasury/losses: newest first.
pub async fn loss_list(State(app): State<App>, Query(filter): Query<LossFilter>) -> Result<Json<Page<LossShape>>, Problem> {
    let size = limit(filter.limit.as_deref())?;
    let open = match filter.standing.as_deref() {
        None => None,
        Some("open") => Some(true),
        Some("allocated") => Some(false),
        Some(_) => return Err(Problem::malformed("standing: open or allocated")),
    };
    let (list, key) = (format!("losses {:?} {open:?}", filter.asset), app.auth.key(Purpose::Cursors)?);
    let before: Option<u64> = place(&key, &list, filter.cursor.as_deref())?;
    let found = app.engine.read(|state, _| {
        let asset = filter.asset.as_deref().map(|symbol| state.asset_ix(symbol).ok_or_else(|| rejected(state, &Rejection::AssetNotFound)));
        let asset = asset.transpose()?;
        let end = u64::try_from(state.treasury.losses().len()).unwrap_or(u64::MAX).saturating_add(1);
        let all = (1..before.map_or(end, |before| before.min(end))).rev();
        let all = all.filter_map(|number| state.treasury.loss(number).map(|loss| (number, loss)));
        let fits = |(_, loss): &(u64, &Loss)| {
            asset.is_none_or(|asset| loss.asset == asset) && open.is_none_or(|open| loss.borne.is_none() == open)
        };
        let fitting = all.filter(fits).map(|(number, loss)| (number, shape(state, number, loss)));
        Ok::<Vec<_>, Problem>(fitting.take(size + 1).collect())
    });
    Ok(Json(turn(&key, &list, found.await??, size)))
}

/// GET /v1/operator/treasury/losses/{id}
pub async fn loss_get(State(app): State<App>, Path(id): Path<String>) -> Result<Json<LossShape>, Problem> {
    let number = number(&id);
    let found = app.engine.read(|state, _| {
        let loss = state.treasury.loss(number).ok_or_else(|| rejected(state, &Rejection::LossNotFound))?;
        Ok::<_, Problem>(shape(state, number, loss))
    });
    Ok(Json(found.await??))
}

/// An amount that is left out.
pub fn nothing() -> String {
    "0".to_owned()
}

/// What each is to bear; together all of the loss.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AllocationAsked {
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default = "nothing")]
    loss_reserve: String,
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default = "nothing")]
    commission_income: String,
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default = "nothing")]
    reward_pool: String,
    #[schema(max_length = 64, pattern = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")]
    #[serde(default = "nothing")]
    customers: String,
}

/// An account that would bear a part.
#[derive(Debug, Serialize, ToSchema)]
pub struct BearerShape {
    /// `loss_reserve`, `commission_income` or `reward_pool`.
    account: &'static str,
    share: String,
    /// What stands on it now.
    before: String,
    /// What would stand on it.
    after: String,
}

/// What an allocation would come to now.
#[derive(Debug, Serialize, ToSchema)]
pub struct AllocationShape {
    loss: String,
    asset: String,
    bearers: Vec<BearerShape>,
    /// What customers would bear together; what the division leaves of it is the reward pool's.
    customers: String,
    /// What customers may bear at most.
    customers_at_most: String,
}

/// POST /v1/operator/treasury/losses/{id}/allocation-preview
pub async fn loss_allocation_preview(
    State(app): State<App>,
    Path(id): Path<String>,
    Body(asked): Body<AllocationAsked>,
) -> Result<Json<AllocationShape>, Problem> {
    let number = number(&id);
    let AllocationAsked { loss_reserve: reserve, commission_income: commission, reward_pool: pool, customers } = asked;
    let shares = loss::Shares { reserve, commission, pool, customers };
    let would = loss::preview(&app.engine, number, shares).await.map_err(|refusal| app.refused(refusal))?;
    let Allocation { asset, bearers, customers, customers_at_most } = would;
    Ok(Json(app.engine.peek(|state| {
        let bearer = |one: &Bearer| BearerShape {
            account: one.account.name(),
            share: amount(state, asset, one.share),
            before: balance(state, asset, one.before),
            after: balance(state, asset, one.after),
        };
        AllocationShape {
            loss: number.to_string(),
            asset: state.asset(asset).map(|asset| asset.symbol.clone()).unwrap_or_default(),
            bearers: bearers.iter().map(bearer).collect(),
            customers: amount(state, asset, customers),
            customers_at_most: amount(state, asset, customers_at_most),
        }
    })))
}
