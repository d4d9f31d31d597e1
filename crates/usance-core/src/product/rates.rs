//! Rates: bands (tiers), announced versions, and how a settled rate caps them (RULES 3).
//!
//! Bands are marginal per position, like tax bands. A version is never changed once it is announced; a later one for
//! the same day replaces it in the schedule and both are kept.

use crate::calendar::{Day, Timestamp};
use crate::id::ProductIx;
use crate::limits::BANDS_MAX;
use crate::money::{Amount, Rate};
use serde::{Deserialize, Serialize};

/// One band: the part of a principal up to a bound, at a rate. The last band has no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Band {
    /// The principal up to which this band reaches; `None` in the last.
    pub up_to: Option<Amount>,
    /// The yearly rate of that part.
    pub rate: Rate,
}

/// Bands that cover every principal, strictly increasing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bands(Vec<Band>);

/// The bands do not cover every principal once: no band, a bound that does not rise, a last band with a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tiers are strictly increasing, at most 16, and only the last has no up_to")]
pub struct BadBands;

impl Bands {
    /// One rate for every principal.
    #[must_use]
    pub fn single(rate: Rate) -> Bands {
        Bands(vec![Band { up_to: None, rate }])
    }
    /// Checked bands.
    ///
    /// # Errors
    /// [`BadBands`] unless bounds rise strictly from above zero and only the last band has none.
    pub fn new(bands: Vec<Band>) -> Result<Bands, BadBands> {
        let Some((last, bounded)) = bands.split_last() else { return Err(BadBands) };
        if last.up_to.is_some() || bands.len() > BANDS_MAX {
            return Err(BadBands);
        }
        let mut below = Amount::ZERO;
        for band in bounded {
            match band.up_to {
                Some(bound) if bound > below => below = bound,
                _ => return Err(BadBands),
            }
        }
        Ok(Bands(bands))
    }
    /// The bands, lowest first.
    #[must_use]
    pub fn as_slice(&self) -> &[Band] {
        &self.0
    }
    /// The highest rate of any band: what is shown as the reference, "a maximum".
    #[must_use]
    pub fn highest(&self) -> Rate {
        self.0.iter().map(|band| band.rate).max().unwrap_or(Rate::ZERO)
    }
    /// Every band capped by a settled rate: `min(announced, settled)`.
    #[must_use]
    pub fn capped(&self, settled: Option<Rate>) -> Bands {
        let Some(cap) = settled else { return self.clone() };
        Bands(self.0.iter().map(|band| Band { up_to: band.up_to, rate: band.rate.min(cap) }).collect())
    }
    /// One day's numerator of a principal: the sum over the bands of `principal in band * rate` (RULES 3).
    ///
    /// ```
    /// use usance_core::{money::{Amount, Rate}, product::rates::{Band, Bands}};
    /// let rate = |text| Rate::parse(text).unwrap();
    /// let bands = Bands::new(vec![
    ///     Band { up_to: Some(Amount::from_units(100)), rate: rate("0.08") },
    ///     Band { up_to: None, rate: rate("0.02") },
    /// ]).unwrap();
    /// // 100 units at 8 % and 50 at 2 %
    /// assert_eq!(bands.numerator(Amount::from_units(150)), 100 * 8_000_000 + 50 * 2_000_000);
    /// ```
    #[must_use]
    #[inline]
    pub fn numerator(&self, principal: Amount) -> u128 {
        if let [only] = self.0.as_slice() {
            return only.rate.numerator(principal);
        }
        let mut below = Amount::ZERO;
        let mut sum = 0u128;
        for band in &self.0 {
            let top = band.up_to.map_or(principal, |bound| bound.min(principal));
            sum = sum.saturating_add(band.rate.numerator(top.left_after(below)));
            if top == principal {
                break;
            }
            below = top;
        }
        sum
    }
    /// How a principal falls into the bands, lowest first: the sum of `amount * rate` over them is [`Bands::numerator`].
    #[must_use]
    pub fn parts(&self, principal: Amount) -> Vec<(Amount, Rate)> {
        let mut below = Amount::ZERO;
        let part = |band: &Band| {
            let top = band.up_to.map_or(principal, |bound| bound.min(principal));
            let part = top.left_after(below);
            below = top;
            (part, band.rate)
        };
        self.0.iter().map(part).filter(|(part, _)| !part.is_zero()).collect()
    }
}

/// One announcement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateVersion {
    /// Whose rate.
    pub product: ProductIx,
    /// The first day on which it holds.
    pub from: Day,
    /// What it says.
    pub bands: Bands,
    /// When it was announced.
    pub announced_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(up_to: Option<u128>, rate: u64) -> Band {
        Band { up_to: up_to.map(Amount::from_units), rate: Rate::from_units(rate).unwrap() }
    }

    #[test]
    fn bands_cover_every_principal_once() {
        for bad in [
            vec![],
            vec![band(Some(5), 1)],
            vec![band(Some(5), 1), band(Some(5), 1), band(None, 1)],
            vec![band(Some(0), 1), band(None, 1)],
            vec![band(None, 1), band(None, 1)],
            (1..=16).map(|n| band(Some(n), 1)).chain([band(None, 1)]).collect(),
        ] {
            assert_eq!(Bands::new(bad.clone()), Err(BadBands), "{bad:?}");
        }
        assert!(Bands::new(vec![band(Some(5), 2), band(None, 1)]).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn every_unit_falls_into_one_band(principal in 0u128..400, rates in proptest::array::uniform4(0u64..1000)) {
            let bands = Bands::new(vec![band(Some(50), rates[0]), band(Some(51), rates[1]), band(Some(200), rates[2]), band(None, rates[3])]).unwrap();
            let mut slow = 0u128;
            for unit in 1..=principal {
                let rate = if unit <= 50 { rates[0] } else if unit <= 51 { rates[1] } else if unit <= 200 { rates[2] } else { rates[3] };
                slow += u128::from(rate);
            }
            proptest::prop_assert_eq!(bands.numerator(Amount::from_units(principal)), slow);
        }
    }
}
