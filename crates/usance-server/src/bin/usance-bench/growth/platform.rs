//! A platform that grows by real commands, in phases of one kind each.

use crate::memory;
use usance_core::calendar::Timestamp;
use usance_core::id::hash16;
use usance_core::machine::verb::WalletMove;
use usance_core::machine::{Command, Event, Executed, State, close, execute};
use usance_core::reward::clawback::AccountKind;
use usance_store::codec::{Actor, AddressClass, Credential, Fact, Record, UsedKey};
use usance_store::person::Role;
use usance_workload::SplitMix64;

/// Open positions of a customer, and as many closed ones and further references.
pub const EACH: u64 = 4;

/// One kind of thing that a platform has ever more of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    Customers,
    Accounts,
    References,
    OpenPositions,
    ClosedPositions,
}

impl Phase {
    pub const ALL: [Phase; 5] = [Phase::Customers, Phase::Accounts, Phase::References, Phase::OpenPositions, Phase::ClosedPositions];

    pub const fn name(self) -> &'static str {
        match self {
            Phase::Customers => "customer",
            Phase::Accounts => "account, with its first reference",
            Phase::References => "further reference",
            Phase::OpenPositions => "open position",
            Phase::ClosedPositions => "closed position",
        }
    }
    pub const fn units(self, customers: u64) -> u64 {
        match self {
            Phase::Customers | Phase::Accounts => customers,
            Phase::References | Phase::OpenPositions | Phase::ClosedPositions => customers * EACH,
        }
    }
}

/// A platform that grows, and hands on what it does.
pub struct Grown<'a> {
    pub state: State,
    customers: u64,
    dice: SplitMix64,
    commands: u64,
    sink: &'a mut dyn FnMut(&'static str, Record) -> anyhow::Result<()>,
}

impl<'a> Grown<'a> {
    pub fn begin(customers: u64, sink: &'a mut dyn FnMut(&'static str, Record) -> anyhow::Result<()>) -> anyhow::Result<Self> {
        let mut grown = Grown { state: memory::platform(), customers, dice: SplitMix64::new(11), commands: 0, sink };
        let platform = Event::PlatformCreated(Box::new(grown.state.registry.platform.clone()));
        let record = Record::of_engine(grown.now(), vec![platform]);
        (grown.sink)("platform", record)?;
        for command in memory::founding(0) {
            grown.run("product", &command)?;
        }
        Ok(grown)
    }

    pub fn now(&self) -> Timestamp {
        self.state.registry.last_at
    }

    /// Runs a command as an integrator's service would send it: with a key, by a token.
    fn run(&mut self, what: &'static str, command: &Command) -> anyhow::Result<()> {
        let at = self.now();
        self.commands += 1;
        let hash = hash16(&[7; 32], "key", &[&self.commands.to_string()]);
        let Executed { events, outcome } = execute(&mut self.state, command, at);
        anyhow::ensure!(outcome.is_ok(), "{command:?}: {outcome:?}");
        let actor = Actor { role: Role::Service, credential: Credential::Token(7), address: AddressClass::Private };
        let fact = Fact { at, key: Some(UsedKey { hash, fingerprint: hash }), actor: Some(actor), events };
        (self.sink)(what, Record { fact, outcome })
    }

    pub fn close(&mut self) -> anyhow::Result<()> {
        let closed = close::close_day(&mut self.state);
        let record = Record::of_engine(self.now(), vec![Event::DayClosed(Box::new(closed))]);
        (self.sink)("close", record)
    }

    fn deposit(&mut self, customer: u64) -> anyhow::Result<()> {
        let deposit = WalletMove {
            customer: format!("customer-{customer}"),
            asset: "SOL".into(),
            account: AccountKind::Funding,
            amount: "1e6".into(),
            reference: format!("transfer-{:012}", self.commands),
        };
        self.run("deposit", &Command::Deposit(deposit))
    }

    pub fn phase(&mut self, phase: Phase) -> anyhow::Result<()> {
        for number in 0..phase.units(self.customers) {
            match phase {
                Phase::Customers => self.run("customer", &Command::CreateCustomer { id: format!("customer-{number}") })?,
                Phase::Accounts | Phase::References => self.deposit(number % self.customers)?,
                Phase::OpenPositions => self.subscribe()?,
                Phase::ClosedPositions => {
                    self.subscribe()?;
                    let newest = self.state.running.len() - 1;
                    let leaving = memory::leaving(&self.state, newest);
                    self.run("redemption", &leaving.ok_or_else(|| anyhow::anyhow!("a new position can be left"))?)?;
                }
            }
        }
        Ok(())
    }

    fn subscribe(&mut self) -> anyhow::Result<()> {
        let command = memory::subscription(&mut self.dice, self.customers, None);
        self.run("subscription", &command)
    }
}
