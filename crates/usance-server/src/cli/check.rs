//! One thing that `usance verify` checked, and what came of it.

use usance_store::StoreError;

/// One thing that was checked.
#[derive(Clone, Debug)]
pub struct Check {
    /// What should hold, as a sentence.
    pub name: String,
    /// Whether it does.
    pub verdict: Verdict,
    /// What was seen: figures, what is wrong and where, or what was in the way.
    pub seen: String,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Holds,
    /// It does not: something is damaged, missing, or differs.
    Broken,
    /// It could not be made: no room, no right, no answer. That says nothing about what is stored.
    Unchecked,
}

impl From<bool> for Verdict {
    fn from(holds: bool) -> Self {
        if holds { Verdict::Holds } else { Verdict::Broken }
    }
}

/// A check that came to an error: of the store, or of whatever stood in the way.
pub(super) fn failed(name: &str, error: &anyhow::Error) -> Check {
    Check { name: name.into(), verdict: verdict_of(error), seen: format!("{error:#}") }
}

pub(super) fn verdict_of(error: &anyhow::Error) -> Verdict {
    // The store's word on it comes before what the system said to the store.
    let hindered = match error.chain().find_map(|cause| cause.downcast_ref::<StoreError>()) {
        Some(error) => error.is_hindrance(),
        None => error.chain().any(|cause| cause.is::<std::io::Error>()),
    };
    if hindered { Verdict::Unchecked } else { Verdict::Broken }
}
