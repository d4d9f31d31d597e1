//! What really happened in a run: a trouble that never fires finds nothing.

use crate::plan::Trouble;
use std::collections::{BTreeMap, BTreeSet};

/// What really happened in a run: a trouble that never fires finds nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// How often each trouble happened.
    pub troubles: BTreeMap<Trouble, u32>,
    /// Every kind of answer, and every code of a refusal, that somebody got.
    pub answers: BTreeSet<String>,
}

impl Coverage {
    /// With what happened in another run.
    pub fn add(&mut self, other: Coverage) {
        for (trouble, times) in other.troubles {
            *self.troubles.entry(trouble).or_default() += times;
        }
        self.answers.extend(other.answers);
    }
}
