//! Who of its customers bears a loss, as the auditor keeps it.

/// Who bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// A position, by number from 0.
    Position(usize),
    /// An exit, by its place.
    Exit(usize),
}

/// One that bears.
#[derive(Clone, Debug)]
pub struct Bears {
    pub(super) who: Who,
    pub(super) principal: u128,
    /// At most.
    pub(super) most: u128,
    /// What it has borne.
    pub(super) borne: u128,
}

/// Who of its customers bears a loss.
#[derive(Clone, Debug, Default)]
pub struct Shared {
    pub(super) bearers: Vec<Bears>,
    pub(super) at_most: u128,
    /// What two people said that they bear, until they have.
    pub(super) to_bear: Option<u128>,
    /// What came back for them, until they have got it.
    pub(super) to_give: u128,
}

impl Shared {
    pub(super) fn principal(&self) -> u128 {
        self.bearers.iter().map(|one| one.principal).sum()
    }
}
