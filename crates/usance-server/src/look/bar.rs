//! Shares as one bar in SVG, drawn on the server; a table beside it says the same.
//!
//! Colours are of the parts alone, and of a tone that stands out from a light page as from a dark one. They are attributes of the drawing, so
//! no style has to be allowed for them.

use usance_core::money::Rate;

/// Width of the paper: one unit for each ten-thousandth.
pub const WIDTH: u64 = 10_000;

/// Places and their colours.
const COLOURS: [(&str, &str); 6] = [
    ("wallet", "#3d7cc9"),
    ("in_transit", "#c2559a"),
    ("liquid", "#8a70d6"),
    ("staked", "#12876a"),
    ("unbonding", "#b4741c"),
    ("claimable", "#75833a"),
];

/// The colour of a place.
#[must_use]
pub fn colour(place: &str) -> &'static str {
    COLOURS.iter().find(|(name, _)| *name == place).map_or("currentColor", |(_, colour)| *colour)
}

/// One part of a bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it begins.
    pub from: u64,
    /// How wide it is, above nothing.
    pub width: u64,
    /// Its colour.
    pub colour: &'static str,
}

/// The parts of a bar: places with their shares as decimal text, in order. What has no share is left out.
#[must_use]
pub fn parts<'a>(shares: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Part> {
    let mut from = 0;
    let mut parts = Vec::new();
    for (place, share) in shares {
        // Shares are whole ten-thousandths, so nothing is lost.
        let width = Rate::parse(share).map_or(0, Rate::units) / WIDTH;
        if width > 0 && from + width <= WIDTH {
            parts.push(Part { from, width, colour: colour(place) });
            from += width;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::{COLOURS, WIDTH, colour, parts};
    use std::collections::BTreeSet;
    use usance_core::machine::staking::CoinPlace;

    #[test]
    fn parts_stand_side_by_side_and_fill_the_bar() {
        let shares = [("wallet", "0.39800000"), ("in_transit", "0.00000000"), ("staked", "0.60190000"), ("claimable", "0.00010000")];
        let drawn: Vec<(u64, u64)> = parts(shares).iter().map(|part| (part.from, part.width)).collect();
        assert_eq!(drawn, [(0, 3_980), (3_980, 6_019), (9_999, 1)]);
        assert_eq!(drawn.iter().map(|(_, width)| width).sum::<u64>(), WIDTH);
        assert!(parts([("wallet", "x"), ("staked", "0")]).is_empty());
    }

    #[test]
    fn every_place_has_a_colour_of_its_own() {
        let colours: BTreeSet<&str> = CoinPlace::ALL.iter().map(|(place, _)| colour(place.word())).collect();
        assert_eq!((colours.len(), colours.contains("currentColor")), (COLOURS.len(), false));
    }
}
