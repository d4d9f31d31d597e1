//! A product's terms, as operators describe and change them.

use crate::cast::{Cast, Form, Outline};
use crate::dice::Dice;
use crate::workload::Workload;
use usance_core::calendar::Day;
use usance_core::machine::verb::{Patch, ProductText, RateText, SaleText};
use usance_core::money::Rate;
use usance_core::product::kind::KindName;
use usance_core::product::{Distribution, EarlyRedemption, ExitTerms, Kind, RateMode, SlashingTerms, StakingTerms, YieldTerms};

/// The day from which products have their first rate: before any platform of a test began.
const FIRST_RATE: Day = Day::from_number(20_400);

impl Workload<'_> {
    /// A product that may not be: its terms contradict themselves, or there is one with its id.
    pub(crate) fn contradiction(&self, dice: &mut Dice<'_>) -> ProductText {
        let products = &self.cast.products;
        let outline = products.iter().find(|outline| outline.form == Form::Term).unwrap_or(&products[0]);
        let mut product = self.cast.product(dice, outline);
        product.id = dice.one_of(&["odd", "odd", "odd", "odd", outline.id]).to_owned();
        match dice.below(6) {
            0 => product.kind = Kind::FixedTerm { term_days: 0 },
            1 => product.kind = Kind::FixedTerm { term_days: 3_651 },
            2 => (product.kind, product.distribution) = (Kind::Flexible, Some(Distribution::AtMaturity)),
            3 => product.distribution = Some(Distribution::EveryNDays(dice.one_of(&[0, 3_651]))),
            4 => {
                let opens = self.situation.first_instant(self.situation.today());
                (product.sale.opens_at, product.sale.closes_at) = (Patch::Set(opens), Patch::Set(opens));
            }
            _ if dice.once_in(2) => {
                product.rate_mode = dice.one_of(&[Some(RateMode::Locked), Some(RateMode::Floating)]);
                let over_days = if product.rate_mode == Some(RateMode::Locked) { 7 } else { dice.one_of(&[1, 91]) };
                product.staking.yields = YieldTerms::Network { over_days, step: units(1) };
            }
            _ => product.asset = "GONE".to_owned(),
        }
        product
    }

    /// A change of what may change.
    pub(crate) fn change(&self, dice: &mut Dice<'_>) -> SaleText {
        let bound = |dice: &mut Dice<'_>| match dice.below(8) {
            0..=1 => Patch::Clear,
            2 => Patch::Set("0.25".to_owned()),
            _ => Patch::Set(dice.byte().to_string()),
        };
        let start = |days: i32| Patch::Set(self.situation.first_instant(self.situation.today().plus_days(days)));
        let mut sale = SaleText::default();
        match dice.below(8) {
            0..=2 => sale.capacity = bound(dice),
            3 => sale.personal_maximum = bound(dice),
            4 => sale.minimum = bound(dice),
            5 => sale.step = bound(dice),
            6 => sale.renewal = Patch::Set(dice.below(2) == 1),
            _ => {
                (sale.opens_at, sale.closes_at) =
                    dice.one_of(&[(Patch::Clear, Patch::Clear), (start(-1), start(3)), (start(2), Patch::Clear)])
            }
        }
        sale
    }
}

impl Cast {
    /// A product whose terms are drawn within its outline.
    pub fn product(&self, dice: &mut Dice<'_>, outline: &Outline) -> ProductText {
        let flexible = outline.form == Form::Flexible || (outline.form == Form::Either && dice.below(2) == 0);
        let term_days = match outline.form {
            Form::Long => 120,
            Form::Short => u32::from(dice.below(3)) + 1,
            Form::Flexible | Form::Either | Form::Term => dice.one_of(&[3, 1, 2, 5, 7, 14, 30, 45]),
        };
        let kind = kind(dice, (!flexible).then_some(term_days));
        let is_long = outline.form == Form::Long;
        let daily = Some(Distribution::Daily);
        let distributions = [daily, None, daily, Some(Distribution::EveryNDays(2)), Some(Distribution::EveryNDays(5))];
        let rates = vec![(FIRST_RATE, if is_long { vec![(None, Rate::MAX)] } else { rate(dice) })];
        let modes = [None, Some(RateMode::Floating), Some(RateMode::Locked), Some(RateMode::Floating), Some(RateMode::Floating)];
        // Terms that float are what gives back, when it is left early, what a network paid.
        let rate_mode = dice.one_of(if flexible { &modes[..3] } else { &modes });
        let some = |dice: &mut Dice<'_>, choices: &[&str]| match dice.one_of(choices) {
            "" => Patch::Keep,
            text => Patch::Set(text.to_owned()),
        };
        ProductText {
            id: outline.id.to_owned(),
            asset: self.assets[outline.asset].0.to_owned(),
            name: outline.id.to_owned(),
            kind,
            // 1000 % a year: after 37 days the rewards are more than the principal.
            rates,
            rate_mode,
            distribution: if kind.accrues() { dice.one_of(&distributions) } else { None },
            early_redemption: if is_long { None } else { dice.one_of(&[None, None, Some(EarlyRedemption::NotAllowed)]) },
            staking: staking(outline, rate_mode),
            sale: SaleText {
                minimum: some(dice, &["", "", "0.5", "2"]),
                step: some(dice, &["", "", "", "", "0.25", "0.3"]),
                personal_maximum: some(dice, &["", "", "", "60", "12.5"]),
                capacity: some(dice, &["", "", "90", "30"]),
                renewal: Patch::Set(kind.can_renew()),
                ..SaleText::default()
            },
        }
    }
}

/// The terms of a stake follow from the product's id and what was drawn before, so that a plan which was kept means what it did. What
/// floats by name passes the network's yield on, where its asset is what the network stakes, and but for the one that is to outgrow its
/// principal.
fn staking(outline: &Outline, rate_mode: Option<RateMode>) -> StakingTerms {
    let sum = outline.id.bytes().fold(0_u32, |sum, byte| sum.wrapping_add(u32::from(byte)));
    let passes_on = rate_mode == Some(RateMode::Floating) && outline.asset == 0 && outline.form != Form::Long;
    let step = match sum % 4 {
        0 => Rate::MAX,
        1 => units(50_000),
        _ => units(2_000_000),
    };
    StakingTerms {
        exit: if sum.is_multiple_of(2) { ExitTerms::MayQueue } else { ExitTerms::Instant },
        slashing: if sum % 7 == 1 { SlashingTerms::Platform } else { SlashingTerms::Shared },
        yields: if passes_on { YieldTerms::Network { over_days: 2 + sum % 3, step } } else { YieldTerms::Reference },
    }
}

/// A kind with a term or without one; where there is one such kind only, nothing is drawn.
fn kind(dice: &mut Dice<'_>, term_days: Option<u32>) -> Kind {
    let fitting: Vec<Kind> = KindName::ALL.iter().filter_map(|name| name.with_term(term_days).ok()).collect();
    match fitting.as_slice() {
        [only] => *only,
        several => dice.one_of(several),
    }
}

/// One band or several; up to 1000 % a year, so that rewards outgrow a principal.
pub(crate) fn rate(dice: &mut Dice<'_>) -> RateText {
    let rates = [5_000_000, 1_000_000_000, 1_000_000_000, 8_000_000, 1, 0, 365_000_000, 12_345_678, 999_999_999];
    let mut rate = || units(dice.one_of(&rates));
    let bands = [rate(), rate(), rate()];
    match dice.below(4) {
        0 | 1 => vec![(None, bands[0])],
        2 => vec![(Some("5".to_owned()), bands[0]), (None, bands[1])],
        _ => vec![(Some("0.3".to_owned()), bands[0]), (Some("20".to_owned()), bands[1]), (None, bands[2])],
    }
}

/// A yearly rate in units of 10^-8.
pub(crate) fn units(units: u64) -> Rate {
    Rate::from_units(units).unwrap_or(Rate::MAX)
}
