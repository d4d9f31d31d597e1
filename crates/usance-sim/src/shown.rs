//! What a sender was shown before it confirmed: by the machine, and as the auditor says that it must be.
//!
//! A redemption before the end of a term also shows what the whole term would give, by rates that are announced; the auditor does
//! not predict that, so such a one is sent without what was shown.

use crate::auditor::Auditor;
use crate::auditor::staking::Figures;
use crate::facts::Facts;
use usance_core::calendar::Timestamp;
use usance_core::machine::preview::{self, Preview};
use usance_core::machine::verb::Subscribe;
use usance_core::machine::{Command, State};

/// What its sender was shown when a request was made.
#[derive(Clone, Debug)]
pub struct Shown {
    /// By the machine.
    pub preview: Preview,
    /// The same, as the auditor says that it must be.
    pub facts: Facts,
}

impl Shown {
    /// What is shown to whoever is about to send a command now; nothing where nothing is.
    #[must_use]
    pub fn now(state: &State, auditor: &Auditor, command: &Command) -> Option<Shown> {
        let facts = to_be_shown(auditor, command, auditor.now)?;
        let preview = preview::of(state, command, Timestamp::from_ms(auditor.now))?;
        let predicted = !matches!(&preview, Preview::Redemption(redemption) if redemption.total_reward_if_kept.is_some());
        predicted.then_some(Shown { preview, facts })
    }
}

/// What a command has to be shown to book at an instant; nothing where a rule refuses it. Neither the agreement that is accepted
/// nor the wish to renew is asked.
#[must_use]
pub fn to_be_shown(auditor: &Auditor, command: &Command, at: i64) -> Option<Facts> {
    match command {
        Command::Subscribe(asked) => {
            let agreement = auditor.agreements.last()?.clone();
            let look = Subscribe { agreement, auto_renew: false, ..asked.clone() };
            let doing = auditor.check_subscription(&look, at).ok()?;
            Some(auditor.preview_facts(&doing).with("agreements", auditor.agreements.len()))
        }
        Command::Redeem(asked) | Command::QueueExit(asked) => {
            let (number, figures) = auditor.check_redemption(asked).ok()?;
            // Nobody is shown how much of the rest counts as having come from Spot.
            let shown = Figures { spot_part: 0, ..figures }.facts();
            Some(shown.with_all(auditor.outlook_of_exit(number, &figures, at)))
        }
        _ => None,
    }
}
