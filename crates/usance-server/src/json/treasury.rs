//! The treasury's routes: networks, pictures, what is covered, and coins between the wallet and the treasury.

use crate::app::App;
use crate::json::call::{Call, created};
use crate::json::shape::treasury::{self as shape, CoinShape, NetworkShape};
use crate::json::shape::{balance, symbol};
use crate::wire::input::{self, Body, Path};
use crate::wire::page::Page;
use crate::wire::problem::Problem;
use crate::wire::rejected::rejected;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use usance_core::ledger::LedgerAccount;
use usance_core::machine::Rejection;
use usance_core::machine::verb::{Attest, NewNetwork, TopUp};
use usance_core::money::Amount;
use usance_core::treasury::network::NetworkTerms;
use usance_core::treasury::picture::{
    Delegation, Effect, Happened, Inflow, Liquid, Picture, Redelegation, Released, Settled, Unbonding, Validator, ValidatorStatus,
};
use usance_engine::operations::treasury;
use utoipa::ToSchema;

/// GET /v1/operator/treasury/networks
pub async fn network_list(State(app): State<App>) -> Result<Json<Page<NetworkShape>>, Problem> {
    let networks = app.engine.read(|state, _| state.treasury.networks().iter().map(|one| shape::network(state, one)).collect());
    Ok(Json(Page::whole(networks.await?)))
}

/// GET /v1/operator/treasury/networks/{id}
pub async fn network_get(State(app): State<App>, Path(id): Path<String>) -> Result<Json<NetworkShape>, Problem> {
    let found = app.engine.read(|state, _| {
        let found = state.treasury.named(&id).map(|(_, network)| shape::network(state, network));
        found.ok_or_else(|| rejected(state, &Rejection::NetworkNotFound))
    });
    Ok(Json(found.await??))
}

/// A new network.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkAsked {
    /// 1 to 64 of `A-Z a-z 0-9 . _ -`.
    name: String,
    /// What it calls itself.
    chain_id: String,
    /// The first is what is staked.
    #[serde(deserialize_with = "input::objects")]
    coins: Vec<CoinShape>,
    /// Whether rewards grow the stake; otherwise they wait to be claimed.
    #[serde(default)]
    compounds: bool,
    /// How long undelegated coins are not free.
    #[serde(deserialize_with = "usance_engine::operations::whole::whole")]
    unbonding_seconds: u32,
    /// The most that a year may earn of what is staked: a picture with more is kept aside.
    #[schema(pattern = r"^(10(\.0{1,8})?|[0-9](\.[0-9]{1,8})?)$")]
    earned_at_most: String,
    /// The largest part of a stake that a slash may take: a picture with more is kept aside.
    #[schema(pattern = r"^(10(\.0{1,8})?|[0-9](\.[0-9]{1,8})?)$")]
    slashed_at_most: String,
}

/// POST /v1/operator/treasury/networks
pub async fn network_create(State(app): State<App>, call: Call, Body(asked): Body<NetworkAsked>) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    let terms = NetworkTerms {
        compounds: asked.compounds,
        unbonding_ms: i64::from(asked.unbonding_seconds) * 1000,
        earned_at_most: input::rate("earned_at_most", &asked.earned_at_most)?,
        slashed_at_most: input::rate("slashed_at_most", &asked.slashed_at_most)?,
    };
    let coins = asked.coins.into_iter().map(|coin| (coin.asset, coin.denomination)).collect();
    let network = NewNetwork { name: asked.name, chain_id: asked.chain_id, coins, terms };
    created(&app, treasury::create_network(&app.engine, &call.caller, &once, network).await)
}

/// Free coins at an address.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LiquidAsked {
    address: String,
    denomination: String,
    #[schema(pattern = "^[0-9]{1,38}$")]
    amount: String,
}

/// What an address has with a validator.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DelegationAsked {
    address: String,
    validator: String,
    #[schema(pattern = "^[0-9]{1,38}$")]
    stake: String,
    #[serde(default = "nothing")]
    #[schema(pattern = "^[0-9]{1,38}$")]
    claimable: String,
    /// In units of 10^-18, where the network counts in shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9]{1,38}$")]
    shares: Option<String>,
}

/// A validator.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidatorAsked {
    validator: String,
    name: String,
    #[schema(pattern = r"^(10(\.0{1,8})?|[0-9](\.[0-9]{1,8})?)$")]
    commission: String,
    /// `active`, `inactive`, `jailed` or `tombstoned`.
    #[schema(pattern = "^(active|inactive|jailed|tombstoned)$")]
    status: String,
    #[schema(pattern = "^[0-9]{1,38}$")]
    tokens: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9]{1,38}$")]
    shares: Option<String>,
    #[schema(pattern = r"^(10(\.0{1,8})?|[0-9](\.[0-9]{1,8})?)$")]
    power: String,
    #[serde(default, deserialize_with = "usance_engine::operations::whole::whole")]
    missed: u32,
}

/// Coins that are being freed.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnbondingAsked {
    address: String,
    validator: String,
    /// What tells it from others of the same two: the height at which it began, as a rule.
    #[schema(pattern = "^[0-9]{1,19}$")]
    started: String,
    #[schema(format = DateTime)]
    completes_at: String,
    #[schema(pattern = "^[0-9]{1,38}$")]
    balance: String,
}

/// A redelegation that can still be slashed for where it came from.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedelegationAsked {
    address: String,
    from: String,
    to: String,
    #[schema(format = DateTime)]
    until: String,
    #[schema(pattern = "^[0-9]{1,38}$")]
    amount: String,
}

/// What a transaction did.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum EffectAsked {
    /// Free coins became stake.
    Delegated {
        /// With whom.
        validator: String,
        /// How much.
        #[schema(pattern = "^[0-9]{1,38}$")]
        amount: String,
    },
    /// Stake began to be freed.
    Undelegated {
        /// With whom.
        validator: String,
        /// What tells the entry from others.
        #[schema(pattern = "^[0-9]{1,19}$")]
        started: String,
        /// How much.
        #[schema(pattern = "^[0-9]{1,38}$")]
        amount: String,
    },
    /// What was being freed is stake again.
    Cancelled {
        /// With whom.
        validator: String,
        /// What tells the entry from others.
        #[schema(pattern = "^[0-9]{1,19}$")]
        started: String,
        /// How much.
        #[schema(pattern = "^[0-9]{1,38}$")]
        amount: String,
    },
    /// Stake changed its validator.
    Redelegated {
        /// From whom.
        from: String,
        /// To whom.
        to: String,
        /// How much.
        #[schema(pattern = "^[0-9]{1,38}$")]
        amount: String,
    },
    /// Coins left the address.
    Sent {
        /// Which coin.
        denomination: String,
        /// How much.
        #[schema(pattern = "^[0-9]{1,38}$")]
        amount: String,
        /// Where to.
        to: String,
        /// What was said beside it.
        #[serde(default)]
        memo: String,
    },
}

/// Rewards that became liquid.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleasedAsked {
    validator: String,
    denomination: String,
    #[schema(pattern = "^[0-9]{1,38}$")]
    amount: String,
}

/// A transaction of the treasury.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransactionAsked {
    hash: String,
    address: String,
    #[schema(pattern = "^[0-9]{1,19}$")]
    sequence: String,
    succeeded: bool,
    fee_denomination: String,
    #[schema(pattern = "^[0-9]{1,38}$")]
    fee: String,
    #[serde(default, deserialize_with = "input::objects")]
    effects: Vec<EffectAsked>,
    #[serde(default, deserialize_with = "input::objects")]
    released: Vec<ReleasedAsked>,
}

/// Coins that others sent.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InflowAsked {
    hash: String,
    address: String,
    from: String,
    denomination: String,
    #[schema(pattern = "^[0-9]{1,38}$")]
    amount: String,
}

/// What blocks did by themselves.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum HappenedAsked {
    /// Coins that were being freed are free.
    Matured {
        /// Whose.
        address: String,
        /// With whom.
        validator: String,
        /// What tells the entry from others.
        #[schema(pattern = "^[0-9]{1,19}$")]
        started: String,
        /// How much.
        #[schema(pattern = "^[0-9]{1,38}$")]
        amount: String,
    },
    /// Rewards became liquid without a transaction.
    ReleasedTo {
        /// Whose.
        address: String,
        /// With whom.
        validator: String,
        /// Which coin.
        denomination: String,
        /// How much.
        #[schema(pattern = "^[0-9]{1,38}$")]
        amount: String,
    },
    /// A validator was slashed; how much is what the pictures say.
    Slashed {
        /// With whom.
        validator: String,
    },
}

/// What a network finally shows of the treasury at one height, and what happened since the picture before. Amounts are whole numbers of
/// base units.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PictureAsked {
    /// Counted from 1 over the network.
    #[schema(pattern = "^[0-9]{1,19}$")]
    number: String,
    chain_id: String,
    #[schema(pattern = "^[0-9]{1,19}$")]
    height: String,
    hash: String,
    /// The block's time.
    #[schema(format = DateTime)]
    time: String,
    /// The treasury's addresses of which it tells all.
    addresses: Vec<String>,
    #[serde(default, deserialize_with = "input::objects")]
    liquid: Vec<LiquidAsked>,
    #[serde(default, deserialize_with = "input::objects")]
    delegations: Vec<DelegationAsked>,
    #[serde(default, deserialize_with = "input::objects")]
    validators: Vec<ValidatorAsked>,
    #[serde(default, deserialize_with = "input::objects")]
    unbonding: Vec<UnbondingAsked>,
    #[serde(default, deserialize_with = "input::objects")]
    redelegations: Vec<RedelegationAsked>,
    #[serde(default, deserialize_with = "input::objects")]
    transactions: Vec<TransactionAsked>,
    #[serde(default, deserialize_with = "input::objects")]
    inflows: Vec<InflowAsked>,
    #[serde(default, deserialize_with = "input::objects")]
    happened: Vec<HappenedAsked>,
}

fn nothing() -> String {
    "0".to_owned()
}

/// A whole number: digits alone, and not so many that nothing can come after it.
fn whole(field: &str, text: &str) -> Result<u64, Problem> {
    digits(field, text, 19)
}

fn digits<T: std::str::FromStr>(field: &str, text: &str, most: usize) -> Result<T, Problem> {
    let digits = Some(text).filter(|text| (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()));
    digits
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Problem::malformed(format!("{field}: a whole number of 1 to {most} digits, as text")))
}

fn units(field: &str, text: &str) -> Result<Amount, Problem> {
    digits(field, text, 38).map(Amount::from_units)
}

fn released(one: ReleasedAsked) -> Result<Released, Problem> {
    Ok(Released { validator: one.validator, denomination: one.denomination, amount: units("released.amount", &one.amount)? })
}

fn effect(one: EffectAsked) -> Result<Effect, Problem> {
    let amount = |text: &str| units("effects.amount", text);
    Ok(match one {
        EffectAsked::Delegated { validator, amount: units } => Effect::Delegated { validator, amount: amount(&units)? },
        EffectAsked::Undelegated { validator, started, amount: units } => {
            Effect::Undelegated { validator, started: whole("effects.started", &started)?, amount: amount(&units)? }
        }
        EffectAsked::Cancelled { validator, started, amount: units } => {
            Effect::Cancelled { validator, started: whole("effects.started", &started)?, amount: amount(&units)? }
        }
        EffectAsked::Redelegated { from, to, amount: units } => Effect::Redelegated { from, to, amount: amount(&units)? },
        EffectAsked::Sent { denomination, amount: units, to, memo } => Effect::Sent { denomination, amount: amount(&units)?, to, memo },
    })
}

fn happened(one: HappenedAsked) -> Result<Happened, Problem> {
    Ok(match one {
        HappenedAsked::Matured { address, validator, started, amount } => {
            let (started, amount) = (whole("happened.started", &started)?, units("happened.amount", &amount)?);
            Happened::Matured { address, validator, started, amount }
        }
        HappenedAsked::ReleasedTo { address, validator, denomination, amount } => {
            Happened::ReleasedTo { address, released: released(ReleasedAsked { validator, denomination, amount })? }
        }
        HappenedAsked::Slashed { validator } => Happened::Slashed { validator },
    })
}

fn validator(one: ValidatorAsked) -> Result<Validator, Problem> {
    let status = ValidatorStatus::ALL.into_iter().find(|status| status.word() == one.status);
    let unknown = || Problem::malformed("validators.status: active, inactive, jailed or tombstoned");
    Ok(Validator {
        validator: one.validator,
        name: one.name,
        commission: input::rate("validators.commission", &one.commission)?,
        status: status.ok_or_else(unknown)?,
        tokens: units("validators.tokens", &one.tokens)?,
        shares: one.shares.map(|shares| digits("validators.shares", &shares, 38)).transpose()?,
        power: input::rate("validators.power", &one.power)?,
        missed: one.missed.into(),
    })
}

fn settled(one: TransactionAsked) -> Result<Settled, Problem> {
    Ok(Settled {
        hash: one.hash,
        address: one.address,
        sequence: whole("transactions.sequence", &one.sequence)?,
        succeeded: one.succeeded,
        fee_denomination: one.fee_denomination,
        fee: units("transactions.fee", &one.fee)?,
        effects: one.effects.into_iter().map(effect).collect::<Result<_, _>>()?,
        released: one.released.into_iter().map(released).collect::<Result<_, _>>()?,
    })
}

fn each<A, B>(lines: Vec<A>, read: impl Fn(A) -> Result<B, Problem>) -> Result<Vec<B>, Problem> {
    lines.into_iter().map(read).collect()
}

fn picture(asked: PictureAsked) -> Result<Picture, Problem> {
    Ok(Picture {
        number: whole("number", &asked.number)?,
        chain_id: asked.chain_id,
        height: whole("height", &asked.height)?,
        hash: asked.hash,
        time: input::instant("time", &asked.time)?,
        addresses: asked.addresses,
        liquid: each(asked.liquid, |one| {
            Ok(Liquid { address: one.address, denomination: one.denomination, amount: units("liquid.amount", &one.amount)? })
        })?,
        delegations: each(asked.delegations, |one| {
            Ok(Delegation {
                address: one.address,
                validator: one.validator,
                stake: units("delegations.stake", &one.stake)?,
                claimable: units("delegations.claimable", &one.claimable)?,
                shares: one.shares.map(|shares| digits("delegations.shares", &shares, 38)).transpose()?,
            })
        })?,
        validators: each(asked.validators, validator)?,
        unbonding: each(asked.unbonding, |one| {
            Ok(Unbonding {
                address: one.address,
                validator: one.validator,
                started: whole("unbonding.started", &one.started)?,
                completes_at: input::instant("unbonding.completes_at", &one.completes_at)?,
                balance: units("unbonding.balance", &one.balance)?,
            })
        })?,
        redelegations: each(asked.redelegations, |one| {
            let (until, amount) = (input::instant("redelegations.until", &one.until)?, units("redelegations.amount", &one.amount)?);
            Ok(Redelegation { address: one.address, from: one.from, to: one.to, until, amount })
        })?,
        transactions: each(asked.transactions, settled)?,
        inflows: each(asked.inflows, |one| {
            let amount = units("inflows.amount", &one.amount)?;
            Ok(Inflow { hash: one.hash, address: one.address, from: one.from, denomination: one.denomination, amount })
        })?,
        happened: each(asked.happened, happened)?,
    })
}

/// POST /v1/operator/treasury/networks/{id}/pictures
pub async fn picture_create(
    State(app): State<App>,
    call: Call,
    Path(id): Path<String>,
    Body(asked): Body<PictureAsked>,
) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    let picture = picture(asked)?;
    created(&app, treasury::observe(&app.engine, &call.caller, &once, id, picture).await)
}

/// What can be withdrawn of an asset, and what is there for it.
#[derive(Debug, Serialize, ToSchema)]
pub struct CoverageShape {
    asset: String,
    /// What the books have in the exchange's wallets.
    custody: String,
    /// Not more than was attested, carried forward by the movements since; null where no treasury has begun.
    held: Option<String>,
    /// What customers may take beyond what is theirs already; below zero it is a shortfall.
    covered: Option<String>,
    attested: Option<AttestationShape>,
    /// Whether the last attestation is older than 26 hours, or there is none.
    stale: bool,
    /// The last movement of the wallet that an attestation may name.
    last_movement: Option<u64>,
}

/// What the wallet said last.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttestationShape {
    amount: String,
    at: String,
    movement: u64,
}

/// GET /v1/operator/treasury/coverage
pub async fn coverage_list(State(app): State<App>) -> Result<Json<Page<CoverageShape>>, Problem> {
    let lines = app.engine.read(|state, now| {
        let line = |(asset, coverage): (&usance_core::id::AssetIx, &usance_core::treasury::coverage::Coverage)| {
            let text = |units| balance(state, *asset, units);
            let control = state.registry.control.get(asset.index()).copied().unwrap_or_default();
            let attested = coverage.attested.map(|attested| AttestationShape {
                amount: crate::json::shape::amount(state, *asset, attested.amount),
                at: attested.at.to_string(),
                movement: attested.movement,
            });
            CoverageShape {
                asset: symbol(state, *asset),
                custody: text(control.balance(LedgerAccount::Custody)),
                held: state.held(*asset).map(text),
                covered: state.covered(*asset).map(text),
                attested,
                stale: coverage.is_stale(now),
                last_movement: coverage.movements.back().map(|(number, _)| *number),
            }
        };
        state.treasury.coverages().iter().map(line).collect()
    });
    Ok(Json(Page::whole(lines.await?)))
}

/// What the wallet holds.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttestationAsked {
    asset: String,
    /// May be nothing.
    amount: String,
    /// When it was so.
    #[schema(format = DateTime)]
    at: String,
    /// The last movement that is in it: the `id` of a deposit or withdrawal, the `movement` of a top-up or sweep.
    #[schema(pattern = "^[0-9]{1,19}$")]
    movement: String,
}

/// POST /v1/treasury/attestations
pub async fn attestation_create(State(app): State<App>, call: Call, Body(asked): Body<AttestationAsked>) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    let (at, movement) = (input::instant("at", &asked.at)?, whole("movement", &asked.movement)?);
    let attest = Attest { asset: asked.asset, amount: asked.amount, at, movement };
    created(&app, treasury::attest(&app.engine, &call.caller, &once, attest).await)
}

/// Coins that the wallet sent to the treasury.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TopUpAsked {
    network: String,
    address: String,
    asset: String,
    amount: String,
    /// The hash of the transaction.
    hash: String,
}

/// POST /v1/treasury/top-ups
pub async fn top_up_create(State(app): State<App>, call: Call, Body(asked): Body<TopUpAsked>) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    let TopUpAsked { network, address, asset, amount, hash } = asked;
    created(&app, treasury::top_up(&app.engine, &call.caller, &once, TopUp { network, address, asset, amount, hash }).await)
}

/// Coins of the treasury that came to the wallet.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SweepAsked {
    network: String,
    /// The hash of the transaction.
    hash: String,
}

/// POST /v1/treasury/sweeps
pub async fn sweep_create(State(app): State<App>, call: Call, Body(asked): Body<SweepAsked>) -> Result<Response, Problem> {
    let once = call.once(&asked)?;
    created(&app, treasury::sweep(&app.engine, &call.caller, &once, asked.network, asked.hash).await)
}
