//! What a golden case's file may say, word for word; anything else is refused.

use crate::driver::instant;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use usance_core::calendar::{Day, Timestamp};
use usance_core::machine::verb::{Patch, ProductText, RateText, SaleText};
use usance_core::money::Rate;
use usance_core::product::{Distribution, EarlyRedemption, Kind, RateMode, StakingTerms, Status};
use usance_core::reward::clawback::AccountKind;

pub fn read_case(text: &str) -> Result<Case, serde_json::Error> {
    serde_json::from_str(text)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    pub about: String,
    pub day_offset_minutes: i32,
    pub assets: Vec<GivenAsset>,
    pub agreement: String,
    pub products: Vec<GivenProduct>,
    pub steps: Vec<Step>,
    #[serde(rename = "final")]
    pub end: End,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenAsset {
    pub symbol: String,
    pub decimals: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenProduct {
    pub id: String,
    pub asset: String,
    pub kind: GivenKind,
    pub term_days: Option<u32>,
    pub rates: Vec<GivenRate>,
    pub rate: Option<GivenMode>,
    pub distribution: Option<GivenDistribution>,
    pub early_redemption: Option<GivenEarly>,
    pub minimum: Option<String>,
    pub step: Option<String>,
    pub personal_maximum: Option<String>,
    pub capacity: Option<String>,
    pub opens_at: Option<String>,
    pub closes_at: Option<String>,
    #[serde(default)]
    pub renewal: bool,
    #[serde(default)]
    pub status: GivenStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GivenKind {
    Flexible,
    FixedTerm,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GivenMode {
    Floating,
    Locked,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GivenDistribution {
    Daily,
    EveryNDays(u32),
    AtMaturity,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GivenEarly {
    Clawback,
    NotAllowed,
}

#[derive(Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GivenStatus {
    #[default]
    Open,
    Paused,
    Closed,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GivenAccount {
    Spot,
    Funding,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GivenSource {
    Spot,
    Funding,
    FundingThenSpot,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenRate {
    pub from: String,
    pub rate: Option<String>,
    pub tiers: Option<Vec<GivenBand>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenBand {
    pub up_to: Option<String>,
    pub rate: String,
}

#[derive(Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct Step {
    pub at: Timestamp,
    pub expect: Expect,
    pub verb: Verb,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    Ok,
    Rejected(String),
}

impl TryFrom<Map<String, Value>> for Step {
    type Error = String;
    fn try_from(mut fields: Map<String, Value>) -> Result<Step, String> {
        let mut take = |name: &str| fields.remove(name).ok_or(format!("a step has {name}"));
        let (at, expect) = (take("at")?, take("expect")?);
        let at = instant(at.as_str().ok_or("at is text")?);
        let expect = serde_json::from_value(expect).map_err(|error| error.to_string())?;
        let verb = serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())?;
        Ok(Step { at, expect, verb })
    }
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Verb {
    Advance,
    Deposit {
        customer: String,
        asset: String,
        account: GivenAccount,
        amount: String,
    },
    Withdraw {
        customer: String,
        asset: String,
        account: GivenAccount,
        amount: String,
    },
    Transfer {
        customer: String,
        asset: String,
        from: GivenAccount,
        to: GivenAccount,
        amount: String,
    },
    FundRewardPool {
        asset: String,
        amount: String,
    },
    Subscribe {
        customer: String,
        product: String,
        amount: String,
        source: GivenSource,
        auto_renew: Option<bool>,
        agreement: Option<String>,
    },
    Redeem {
        customer: String,
        position: u64,
        amount: Option<String>,
        to: Option<GivenAccount>,
    },
    SetAutoRenew {
        position: u64,
        auto_renew: bool,
    },
    SetRate {
        product: String,
        from: String,
        rate: String,
    },
    SettleRate {
        product: String,
        day: String,
        rate: String,
    },
    SetLimits {
        product: String,
        capacity: Option<String>,
        personal_maximum: Option<String>,
    },
    SetStatus {
        product: String,
        status: GivenStatus,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    pub balances: Vec<EndBalance>,
    pub positions: Vec<EndPosition>,
    pub reward_pool: BTreeMap<String, String>,
    pub custody: BTreeMap<String, String>,
    pub daily_rewards: Vec<EndReward>,
    pub distributions: Vec<EndDistribution>,
}

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[serde(deny_unknown_fields)]
pub struct EndBalance {
    pub customer: String,
    pub asset: String,
    pub spot: String,
    pub funding: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndPosition {
    pub position: u64,
    pub customer: String,
    pub product: String,
    pub state: String,
    pub principal: String,
    pub from_spot: String,
    pub from_funding: String,
    pub accrued: String,
    pub distributed: String,
    pub value_date: Option<String>,
    pub clawed_back: Option<String>,
    pub written_off: Option<String>,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct EndReward {
    pub position: u64,
    pub day: String,
    pub amount: String,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct EndDistribution {
    pub position: u64,
    pub day_closed: String,
    pub amount: String,
}

impl From<GivenAccount> for AccountKind {
    fn from(given: GivenAccount) -> AccountKind {
        match given {
            GivenAccount::Spot => AccountKind::Spot,
            GivenAccount::Funding => AccountKind::Funding,
        }
    }
}

pub fn day(text: &str) -> Day {
    Day::parse(text).unwrap_or_else(|| panic!("not a day: {text}"))
}

pub fn rate(text: &str) -> Rate {
    Rate::parse(text).unwrap_or_else(|_| panic!("not a rate: {text}"))
}

pub fn single(text: &str) -> RateText {
    vec![(None, rate(text))]
}

pub fn set<T>(given: Option<T>) -> Patch<T> {
    given.map_or(Patch::Keep, Patch::Set)
}

impl GivenRate {
    pub fn read(&self) -> (Day, RateText) {
        let bands = match (&self.rate, &self.tiers) {
            (Some(only), None) => single(only),
            (None, Some(tiers)) => tiers.iter().map(|band| (band.up_to.clone(), rate(&band.rate))).collect(),
            _ => panic!("a rate or tiers, not both"),
        };
        (day(&self.from), bands)
    }
}

impl GivenProduct {
    pub fn read(&self) -> ProductText {
        let kind = match (&self.kind, self.term_days) {
            (GivenKind::Flexible, None) => Kind::Flexible,
            (GivenKind::FixedTerm, Some(term_days)) => Kind::FixedTerm { term_days },
            _ => panic!("{}: a term belongs to a fixed term", self.id),
        };
        ProductText {
            id: self.id.clone(),
            asset: self.asset.clone(),
            name: self.id.clone(),
            kind,
            rates: self.rates.iter().map(GivenRate::read).collect(),
            rate_mode: self.rate.as_ref().map(|mode| match mode {
                GivenMode::Floating => RateMode::Floating,
                GivenMode::Locked => RateMode::Locked,
            }),
            distribution: self.distribution.as_ref().map(|given| match given {
                GivenDistribution::Daily => Distribution::Daily,
                GivenDistribution::EveryNDays(every) => Distribution::EveryNDays(*every),
                GivenDistribution::AtMaturity => Distribution::AtMaturity,
            }),
            early_redemption: self.early_redemption.as_ref().map(|given| match given {
                GivenEarly::Clawback => EarlyRedemption::Clawback,
                GivenEarly::NotAllowed => EarlyRedemption::NotAllowed,
            }),
            staking: StakingTerms::default(),
            sale: SaleText {
                minimum: set(self.minimum.clone()),
                step: set(self.step.clone()),
                personal_maximum: set(self.personal_maximum.clone()),
                capacity: set(self.capacity.clone()),
                opens_at: set(self.opens_at.as_deref().map(instant)),
                closes_at: set(self.closes_at.as_deref().map(instant)),
                renewal: Patch::Set(self.renewal),
                ..SaleText::default()
            },
        }
    }
}

impl From<GivenStatus> for Status {
    fn from(given: GivenStatus) -> Status {
        match given {
            GivenStatus::Open => Status::Open,
            GivenStatus::Paused => Status::Paused,
            GivenStatus::Closed => Status::Closed,
        }
    }
}
