//! A product as the auditor keeps it: its announcements in a list, its limits, and what its status admits (RULES 3, 5).

use super::arithmetic::{Tiers, read};
use super::refused::Refused;
use usance_core::machine::verb::{Patch, ProductText, RateText, SaleText};
use usance_core::product::{Distribution, EarlyRedemption, Kind, RateMode, SlashingTerms, Status, YieldTerms};

/// A product.
#[derive(Clone, Debug)]
pub struct Product {
    /// Its id.
    pub id: String,
    /// Of which asset.
    pub asset: usize,
    /// The asset's decimals.
    pub decimals: u8,
    /// Days of the term; none for flexible.
    pub term: Option<i64>,
    /// Whether a position keeps the rate of its first day.
    pub locked: bool,
    /// When rewards are paid.
    pub distribution: Distribution,
    /// Whether a term may be left early.
    pub early: bool,
    /// Where it stands.
    pub status: Status,
    /// First day and tiers, in the order of announcement.
    pub announced: Vec<(i64, Tiers)>,
    /// Day and cap, in the order of settling.
    pub settled: Vec<(i64, u64)>,
    /// What may change.
    pub sale: Sale,
    /// Over how many days the network's yield is averaged, and the step, where it is passed on.
    pub passing: Option<(usize, u128)>,
    /// Whether its customers bear what a network takes.
    pub shared: bool,
    /// What was settled for the last closed day, where it is.
    pub paid_last: Option<u128>,
}

/// What may change.
#[derive(Clone, Debug, Default)]
pub struct Sale {
    /// The smallest amount.
    pub minimum: u128,
    /// What an amount is a multiple of.
    pub step: Option<u128>,
    /// The most of one customer.
    pub personal_maximum: Option<u128>,
    /// The most of all.
    pub capacity: Option<u128>,
    /// From when on.
    pub opens_at: Option<i64>,
    /// Until when.
    pub closes_at: Option<i64>,
    /// Whether terms may renew.
    pub renewal: bool,
}

impl Product {
    /// The latest announcement of the latest day that is not after `day`.
    #[must_use]
    pub fn reference(&self, day: i64) -> Option<&Tiers> {
        let from = self.announced.iter().map(|(from, _)| *from).filter(|from| *from <= day).max()?;
        self.announced_for(from)
    }
    /// What was last announced for a day.
    fn announced_for(&self, from: i64) -> Option<&Tiers> {
        self.announced.iter().rev().find(|(each, _)| *each == from).map(|(_, tiers)| tiers)
    }
    /// The next announcement after a day.
    #[must_use]
    pub fn next_after(&self, day: i64) -> Option<(i64, &Tiers)> {
        let from = self.announced.iter().map(|(from, _)| *from).filter(|from| *from > day).min()?;
        Some((from, self.announced_for(from)?))
    }
    /// What is paid for a day: the reference, capped by the rate that was settled for it; where the network's yield is passed on and the
    /// day is to come, by the last that was settled.
    #[must_use]
    pub fn paid(&self, day: i64) -> Tiers {
        let cap = self.settled_for(day).or(self.paid_last.and_then(|rate| u64::try_from(rate).ok()));
        let reference = self.reference(day).cloned().unwrap_or_default();
        reference.into_iter().map(|(up_to, rate)| (up_to, cap.map_or(rate, |cap| cap.min(rate)))).collect()
    }
    /// The rate that was settled for a day, if one was.
    #[must_use]
    pub fn settled_for(&self, day: i64) -> Option<u64> {
        self.settled.iter().rev().find(|(each, _)| *each == day).map(|(_, rate)| *rate)
    }
    /// The smallest amount that passes minimum and step.
    #[must_use]
    pub fn smallest(&self) -> u128 {
        let minimum = self.sale.minimum.max(1);
        self.sale.step.map_or(minimum, |step| minimum.div_ceil(step) * step)
    }
    /// Whether rewards are paid on interest day `k`.
    #[must_use]
    pub fn pays_on(&self, k: i64) -> bool {
        self.term == Some(k)
            || match self.distribution {
                Distribution::Daily => true,
                Distribution::EveryNDays(every) => k % i64::from(every) == 0,
                Distribution::AtMaturity => false,
            }
    }
    /// The first interest day from `k` on that pays.
    #[must_use]
    pub fn next_paying(&self, k: i64) -> i64 {
        (k..=self.term.unwrap_or(k)).find(|k| self.pays_on(*k)).unwrap_or(k)
    }
    /// What a customer is told of it at an instant.
    #[must_use]
    pub fn availability(&self, at: i64, staked: u128) -> &'static str {
        if self.status != Status::Open {
            "unavailable"
        } else if self.sale.opens_at.is_some_and(|opens| at < opens) {
            "upcoming"
        } else if self.sale.closes_at.is_some_and(|closes| at >= closes) {
            "ended"
        } else if self.sale.capacity.is_some_and(|most| most.saturating_sub(staked) < self.smallest()) {
            "sold_out"
        } else {
            "available"
        }
    }

    /// A product as it was described, with the defaults of its kind.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn described(asked: &ProductText, asset: usize, decimals: u8) -> Result<Product, Refused> {
        let flexible = asked.kind == Kind::Flexible;
        let by_kind = |of: Option<RateMode>| of.unwrap_or(if flexible { RateMode::Floating } else { RateMode::Locked });
        let sale = changed(&Sale { minimum: 1, ..Sale::default() }, &asked.sale, flexible, decimals)?;
        let distribution = asked.distribution.unwrap_or(if flexible { Distribution::Daily } else { Distribution::AtMaturity });
        let in_range = |days: u32| (1..=3_650).contains(&days);
        let fits = match (asked.kind, distribution) {
            (Kind::Flexible, distribution) => distribution == Distribution::Daily,
            (Kind::FixedTerm { term_days }, Distribution::EveryNDays(every)) => in_range(term_days) && in_range(every),
            (Kind::FixedTerm { term_days }, _) => in_range(term_days),
        };
        let locked = by_kind(asked.rate_mode) == RateMode::Locked;
        let (passing, is_possible) = match asked.staking.yields {
            YieldTerms::Reference => (None, true),
            YieldTerms::Network { over_days, step } => {
                let days = usize::try_from(over_days).unwrap_or(usize::MAX);
                (Some((days, step.units().into())), !locked && (2..=90).contains(&days) && step.units() > 0)
            }
        };
        if !fits || !is_possible {
            return Err(Refused::of("terms_invalid"));
        }
        let mut announced = Vec::new();
        for (from, rate) in &asked.rates {
            announced.push((i64::from(from.number()), tiers(rate, decimals)?));
        }
        Ok(Product {
            id: asked.id.clone(),
            asset,
            decimals,
            term: match asked.kind {
                Kind::Flexible => None,
                Kind::FixedTerm { term_days } => Some(i64::from(term_days)),
            },
            shared: asked.staking.slashing == SlashingTerms::Shared,
            locked,
            distribution,
            early: asked.early_redemption != Some(EarlyRedemption::NotAllowed),
            status: Status::Draft,
            announced,
            settled: Vec::new(),
            sale,
            passing,
            paid_last: None,
        })
    }
}

/// Rates as they were asked for.
///
/// # Errors
/// `amount_invalid` for a bound, `terms_invalid` for tiers that do not rise or end.
pub fn tiers(rate: &RateText, decimals: u8) -> Result<Tiers, Refused> {
    let mut tiers = Tiers::new();
    for (up_to, rate) in rate {
        let bound = match up_to {
            None => None,
            Some(text) => Some(read(text, decimals).filter(|units| *units > 0).ok_or_else(|| Refused::amount("up_to"))?),
        };
        tiers.push((bound, rate.units()));
    }
    let bounds: Vec<_> = tiers.iter().map(|(up_to, _)| up_to.unwrap_or(u128::MAX)).collect();
    let rises = bounds.is_sorted_by(|before, after| before < after);
    let ends = tiers.last().is_some_and(|(up_to, _)| up_to.is_none());
    if rises && ends { Ok(tiers) } else { Err(Refused::of("terms_invalid")) }
}

/// The changeable terms after a change.
///
/// # Errors
/// `amount_invalid` with its field, `terms_invalid`.
pub fn changed(now: &Sale, asked: &SaleText, flexible: bool, decimals: u8) -> Result<Sale, Refused> {
    let amount = |change: &Patch<String>, now: Option<u128>, field| match change {
        Patch::Keep => Ok(now),
        Patch::Clear => Ok(None),
        Patch::Set(text) => read(text, decimals).filter(|units| *units > 0).map(Some).ok_or_else(|| Refused::amount(field)),
    };
    let instant = |change: &Patch<usance_core::calendar::Timestamp>, now| match change {
        Patch::Keep => now,
        Patch::Clear => None,
        Patch::Set(at) => Some(at.ms()),
    };
    let sale = Sale {
        minimum: amount(&asked.minimum, Some(now.minimum), "minimum")?.unwrap_or(1),
        step: amount(&asked.step, now.step, "step")?,
        personal_maximum: amount(&asked.personal_maximum, now.personal_maximum, "personal_maximum")?,
        capacity: amount(&asked.capacity, now.capacity, "capacity")?,
        opens_at: instant(&asked.opens_at, now.opens_at),
        closes_at: instant(&asked.closes_at, now.closes_at),
        renewal: match asked.renewal {
            Patch::Keep => now.renewal,
            Patch::Clear => false,
            Patch::Set(renewal) => renewal,
        },
    };
    let backwards = sale.opens_at.zip(sale.closes_at).is_some_and(|(opens, closes)| closes <= opens);
    if (sale.renewal && flexible) || backwards { Err(Refused::of("terms_invalid")) } else { Ok(sale) }
}
