//! An order: one thing that is to be done with the treasury's coins, from the plan that asked for it to the picture that shows it (TREASURY 9).
//!
//! [`Task`] says what; [`Order::text`] is what people sign; all that a network's orders are: [`super::desk`]. What an order is refused with:
//! [`super::ground`]. What a picture makes of orders: [`super::settle`].

use super::picture::{Effect, Settled};
use crate::calendar::Timestamp;
use crate::id::PersonIx;
use crate::money::Amount;
use crate::person::proposal::{Approval, Verdict};
use serde::{Deserialize, Serialize};

/// The kinds of orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum OrderKind {
    /// The wallet sends coins to the treasury.
    TopUp,
    /// Free coins become stake.
    Delegate,
    /// Stake begins to be freed.
    Undelegate,
    /// What is being freed becomes stake again.
    CancelUndelegation,
    /// Stake changes its validator.
    Redelegate,
    /// What was earned becomes free.
    Claim,
    /// Free coins go to the wallet.
    Sweep,
}

impl OrderKind {
    /// Every kind.
    pub const ALL: [OrderKind; 7] = [
        OrderKind::TopUp,
        OrderKind::Delegate,
        OrderKind::Undelegate,
        OrderKind::CancelUndelegation,
        OrderKind::Redelegate,
        OrderKind::Claim,
        OrderKind::Sweep,
    ];
    /// The word on the wire, and in the text that is signed.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            OrderKind::TopUp => "top_up",
            OrderKind::Delegate => "delegate",
            OrderKind::Undelegate => "undelegate",
            OrderKind::CancelUndelegation => "cancel_undelegation",
            OrderKind::Redelegate => "redelegate",
            OrderKind::Claim => "claim",
            OrderKind::Sweep => "sweep",
        }
    }
}

/// What is to be done. Addresses and validators are as the network writes them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Task {
    /// The wallet sends coins.
    TopUp {
        /// To this address of the treasury.
        address: String,
    },
    /// Free coins become stake.
    Delegate {
        /// Whose.
        address: String,
        /// With whom.
        validator: String,
    },
    /// Stake begins to be freed.
    Undelegate {
        /// Whose.
        address: String,
        /// From whom.
        validator: String,
    },
    /// What is being freed becomes stake again.
    CancelUndelegation {
        /// Whose.
        address: String,
        /// With whom.
        validator: String,
        /// Which entry.
        started: u64,
    },
    /// Stake changes its validator.
    Redelegate {
        /// Whose.
        address: String,
        /// From whom.
        from: String,
        /// To whom.
        to: String,
    },
    /// What was earned becomes free: all of it, whatever it is by then.
    Claim {
        /// Whose.
        address: String,
        /// From whom.
        validator: String,
    },
    /// Free coins go to the wallet.
    Sweep {
        /// From this address of the treasury.
        address: String,
        /// To this destination.
        to: String,
        /// With these words beside it.
        memo: String,
    },
}

impl Task {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> OrderKind {
        match self {
            Task::TopUp { .. } => OrderKind::TopUp,
            Task::Delegate { .. } => OrderKind::Delegate,
            Task::Undelegate { .. } => OrderKind::Undelegate,
            Task::CancelUndelegation { .. } => OrderKind::CancelUndelegation,
            Task::Redelegate { .. } => OrderKind::Redelegate,
            Task::Claim { .. } => OrderKind::Claim,
            Task::Sweep { .. } => OrderKind::Sweep,
        }
    }
    /// The treasury's address that does it; of a top-up the one that receives.
    #[must_use]
    pub fn address(&self) -> &str {
        match self {
            Task::TopUp { address }
            | Task::Delegate { address, .. }
            | Task::Undelegate { address, .. }
            | Task::CancelUndelegation { address, .. }
            | Task::Redelegate { address, .. }
            | Task::Claim { address, .. }
            | Task::Sweep { address, .. } => address,
        }
    }
    /// What it says beside its kind and address, in one order for ever.
    #[must_use]
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        match self {
            Task::TopUp { .. } => Vec::new(),
            Task::Delegate { validator, .. } | Task::Undelegate { validator, .. } | Task::Claim { validator, .. } => {
                vec![("validator", validator.clone())]
            }
            Task::CancelUndelegation { validator, started, .. } => {
                vec![("validator", validator.clone()), ("started", started.to_string())]
            }
            Task::Redelegate { from, to, .. } => vec![("from", from.clone()), ("to", to.clone())],
            Task::Sweep { to, memo, .. } => vec![("to", to.clone()), ("memo", memo.clone())],
        }
    }
}

/// What a plan asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Planned {
    /// What.
    pub task: Task,
    /// How much of the coin that is staked; of a claim, what could be claimed when it was planned.
    pub amount: Amount,
}

impl Planned {
    /// Whether another plan asks for the same: a claim is the same whatever can be claimed by then.
    #[must_use]
    pub fn is_same(&self, other: &Planned) -> bool {
        self.task == other.task && (self.amount == other.amount || self.task.kind() == OrderKind::Claim)
    }

    /// Whether a transaction that succeeded did this and nothing else. `coin` is what the network calls the coin that is staked.
    #[must_use]
    pub fn is_done_by(&self, settled: &Settled, coin: &str) -> bool {
        let amount = self.amount;
        if settled.address != self.task.address() {
            return false;
        }
        let expected = match &self.task {
            Task::TopUp { .. } => return false,
            Task::Claim { validator, .. } => {
                return settled.effects.is_empty() && settled.released.iter().all(|released| released.validator == *validator);
            }
            Task::Undelegate { validator, .. } => {
                let started = settled.effects.iter().find_map(|effect| match effect {
                    Effect::Undelegated { started, .. } => Some(*started),
                    Effect::Delegated { .. } | Effect::Cancelled { .. } | Effect::Redelegated { .. } | Effect::Sent { .. } => None,
                });
                let Some(started) = started else { return false };
                Effect::Undelegated { validator: validator.clone(), started, amount }
            }
            Task::Delegate { validator, .. } => Effect::Delegated { validator: validator.clone(), amount },
            Task::CancelUndelegation { validator, started, .. } => {
                Effect::Cancelled { validator: validator.clone(), started: *started, amount }
            }
            Task::Redelegate { from, to, .. } => Effect::Redelegated { from: from.clone(), to: to.clone(), amount },
            Task::Sweep { to, memo, .. } => Effect::Sent { denomination: coin.to_owned(), amount, to: to.clone(), memo: memo.clone() },
        };
        settled.effects == [expected]
    }
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum OrderStanding {
    /// It waits for signatures.
    Proposed,
    /// It may be begun.
    Approved,
    /// Its signed bytes are in the log.
    Prepared,
    /// Its transaction was sent, or told of.
    Sent,
    /// A picture has shown that it succeeded.
    Done,
    /// A picture has shown that it failed.
    Failed,
    /// It was not begun in time, or can never happen any more.
    Expired,
    /// Somebody said no.
    Declined,
    /// A later plan asked for something else before it was approved.
    Replaced,
}

impl OrderStanding {
    /// Every standing.
    pub const ALL: [OrderStanding; 9] = [
        OrderStanding::Proposed,
        OrderStanding::Approved,
        OrderStanding::Prepared,
        OrderStanding::Sent,
        OrderStanding::Done,
        OrderStanding::Failed,
        OrderStanding::Expired,
        OrderStanding::Declined,
        OrderStanding::Replaced,
    ];
    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            OrderStanding::Proposed => "proposed",
            OrderStanding::Approved => "approved",
            OrderStanding::Prepared => "prepared",
            OrderStanding::Sent => "sent",
            OrderStanding::Done => "done",
            OrderStanding::Failed => "failed",
            OrderStanding::Expired => "expired",
            OrderStanding::Declined => "declined",
            OrderStanding::Replaced => "replaced",
        }
    }
    /// Whether it is approved and not over: what it does counts as under way.
    #[must_use]
    pub const fn is_under_way(self) -> bool {
        matches!(self, OrderStanding::Approved | OrderStanding::Prepared | OrderStanding::Sent)
    }
}

/// A transaction that an agent has signed: the same bytes are sent again after any crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedTransaction {
    /// In which epoch.
    pub epoch: u64,
    /// The exact bytes.
    pub bytes: Vec<u8>,
    /// The sequence number that it uses.
    pub sequence: u64,
    /// The last height at which it can happen, where the network has one.
    pub last_valid_height: Option<u64>,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What.
    pub planned: Planned,
    /// The plan that asked for it.
    pub generation: u64,
    /// When that was.
    pub planned_at: Timestamp,
    /// The most that its transaction may cost.
    pub fee_max: Amount,
    /// The first instant at which it cannot be approved or begun any more.
    pub expires_at: Timestamp,
    /// The version of the policy it came of.
    pub policy: u64,
    /// So many people have to approve it.
    pub needed: u8,
    /// Who has approved, in order.
    pub approvals: Vec<Approval>,
    /// Who declined.
    pub declined_by: Option<PersonIx>,
    /// Where it stands.
    pub standing: OrderStanding,
    /// Since when.
    pub since: Timestamp,
    /// The transaction that an agent signed.
    pub signed: Option<SignedTransaction>,
    /// The hash of its transaction.
    pub hash: Option<String>,
    /// The picture that ended it.
    pub picture: Option<u64>,
}

/// What an order's text names beside the order.
#[derive(Clone, Copy, Debug)]
pub struct Heading<'a> {
    /// The platform's own name.
    pub platform: &'a str,
    /// The network's name.
    pub network: &'a str,
    /// What the network calls itself.
    pub chain_id: &'a str,
    /// What the network calls the coin that is staked.
    pub coin: &'a str,
    /// The order's number.
    pub number: u64,
}

impl Order {
    /// The text that is signed for a verdict: UTF-8, every line ended by a line feed.
    #[must_use]
    pub fn text(&self, heading: &Heading<'_>, verdict: Verdict) -> String {
        let Heading { platform, network, chain_id, coin, number } = heading;
        let mut text = format!("usance order, version 1\nverdict: {}\nplatform: {platform}\n", verdict.word());
        text.push_str(&format!("network: {network}\nchain_id: {chain_id}\norder: {number}\n"));
        text.push_str(&format!("kind: {}\naddress: {}\n", self.planned.task.kind().word(), self.planned.task.address()));
        for (name, value) in self.planned.task.lines() {
            text.push_str(&format!("{name}: {value}\n"));
        }
        let (amount, fee_max) = (self.planned.amount.units(), self.fee_max.units());
        text.push_str(&format!("coin: {coin}\namount: {amount}\nfee_max: {fee_max}\n"));
        text.push_str(&format!("expires_at: {}\npolicy: {}\n", self.expires_at, self.policy));
        text
    }
    /// Where it stands at an instant: one whose time is over before it was begun has expired, also before the log says so.
    #[must_use]
    pub fn standing_at(&self, now: Timestamp) -> OrderStanding {
        let waits = matches!(self.standing, OrderStanding::Proposed | OrderStanding::Approved);
        if waits && now >= self.expires_at { OrderStanding::Expired } else { self.standing }
    }
    /// Whether somebody may still decline it: it was not begun, or only told of by hand.
    #[must_use]
    pub const fn can_be_declined(&self, standing: OrderStanding) -> bool {
        match standing {
            OrderStanding::Proposed | OrderStanding::Approved => true,
            OrderStanding::Sent => self.signed.is_none(),
            OrderStanding::Prepared
            | OrderStanding::Done
            | OrderStanding::Failed
            | OrderStanding::Expired
            | OrderStanding::Declined
            | OrderStanding::Replaced => false,
        }
    }
    /// Whether a person has approved.
    #[must_use]
    pub fn is_approved_by(&self, person: PersonIx) -> bool {
        self.approvals.iter().any(|approval| approval.person == person)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_that_is_signed_never_changes() {
        let task = Task::Sweep { address: "addr1".to_owned(), to: "wallet".to_owned(), memo: "42".to_owned() };
        let order = Order {
            planned: Planned { task, amount: Amount::from_units(1_500) },
            generation: 3,
            planned_at: Timestamp::from_ms(0),
            fee_max: Amount::from_units(20),
            expires_at: Timestamp::from_ms(1_767_225_600_000),
            policy: 2,
            needed: 2,
            approvals: Vec::new(),
            declined_by: None,
            standing: OrderStanding::Proposed,
            since: Timestamp::from_ms(0),
            signed: None,
            hash: None,
            picture: None,
        };
        let heading = Heading { platform: "00ff", network: "hub", chain_id: "hub-1", coin: "uatom", number: 7 };
        let text = "usance order, version 1\nverdict: approve\nplatform: 00ff\nnetwork: hub\nchain_id: hub-1\norder: 7\nkind: sweep\n\
                    address: addr1\nto: wallet\nmemo: 42\ncoin: uatom\namount: 1500\nfee_max: 20\nexpires_at: 2026-01-01T00:00:00.000Z\n\
                    policy: 2\n";
        assert_eq!(order.text(&heading, Verdict::Approve), text);
        assert_eq!(order.standing_at(Timestamp::from_ms(1_767_225_600_000)), OrderStanding::Expired);
    }
}
