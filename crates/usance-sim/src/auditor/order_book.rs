//! What the auditor knows of orders and validators, and the words of what is signed.

use std::collections::BTreeMap;
use usance_core::treasury::order::{Planned, Task};
use usance_core::treasury::policy::Policy;

/// An order.
#[derive(Clone, Debug)]
pub struct Order {
    pub(super) planned: Planned,
    pub(super) fee_max: u128,
    pub(super) expires_at: i64,
    pub(super) policy: u64,
    pub(super) needed: usize,
    pub(super) approved_by: Vec<usize>,
    pub(super) standing: &'static str,
    pub(super) hash: Option<String>,
    /// Sequence number and last height of what an agent signed.
    pub(super) signed: Option<(u64, Option<u64>)>,
    pub(super) picture: Option<u64>,
}

/// What was seen of a validator.
#[derive(Clone, Debug)]
pub struct Looked {
    pub(super) since: i64,
    pub(super) commission: u64,
    pub(super) changes: u32,
    pub(super) raises: u32,
    pub(super) out: bool,
    pub(super) jailings: u32,
    pub(super) slashes: u32,
}

/// All that orders are.
#[derive(Clone, Debug, Default)]
pub struct Orders {
    pub(super) policy: Option<(u64, Policy)>,
    /// By number, replaced ones too.
    pub(super) all: BTreeMap<u64, Order>,
    pub(super) epoch: u64,
    /// Whether something has happened after which the network is planned anew.
    pub(super) plan_due: bool,
    pub(super) looked: BTreeMap<String, Looked>,
}

impl Order {
    /// Where it stands at an instant.
    pub(super) fn standing_at(&self, at: i64) -> &'static str {
        if matches!(self.standing, "proposed" | "approved") && at >= self.expires_at { "expired" } else { self.standing }
    }
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.standing, "approved" | "prepared" | "sent")
    }
    pub(super) fn is_live(&self) -> bool {
        self.standing == "proposed" || self.is_under_way()
    }
    pub(super) fn is_top_up(&self) -> bool {
        matches!(self.planned.task, Task::TopUp { .. })
    }
}

/// What a task is called, and its lines in the text that is signed.
pub(super) fn words(task: &Task) -> (&'static str, String) {
    match task {
        Task::TopUp { .. } => ("top_up", String::new()),
        Task::Delegate { validator, .. } => ("delegate", format!("validator: {validator}\n")),
        Task::Undelegate { validator, .. } => ("undelegate", format!("validator: {validator}\n")),
        Task::CancelUndelegation { validator, started, .. } => {
            ("cancel_undelegation", format!("validator: {validator}\nstarted: {started}\n"))
        }
        Task::Redelegate { from, to, .. } => ("redelegate", format!("from: {from}\nto: {to}\n")),
        Task::Claim { validator, .. } => ("claim", format!("validator: {validator}\n")),
        Task::Sweep { to, memo, .. } => ("sweep", format!("to: {to}\nmemo: {memo}\n")),
    }
}
