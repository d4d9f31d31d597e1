//! Everything the machine knows, in memory, and the only ways to change a balance.
//!
//! Columns of customers, accounts, holdings and positions are copy-on-write ([`crate::pieces`]), so a clone is a frozen
//! view that costs nothing. Every change of a sub-ledger goes through the methods here, which keep the totals that the
//! control accounts are checked against after every event. A broken invariant is remembered in [`State::broken`]; the
//! writer then stores nothing more.

use super::keys::KeyTable;
use super::maturing::Maturing;
use super::people::People;
pub use super::registry::{Agreement, Asset, BooksAtClose, ClockMode, Counters, Platform, Registry};
use super::staked::StakedCounts;
use super::treasury::Treasury;
use crate::calendar::Day;
use crate::id::{AccountIx, AgreementIx, AssetIx, CustomerIx, HoldingIx, PositionId, ProductIx, RateVersionIx, hash16};
use crate::ledger::{ControlAccounts, JournalEntry, SubLedgerTotals};
use crate::money::Amount;
use crate::pieces::packed::{Packed48, Packed128};
use crate::pieces::{Column, PieceMap};
use crate::position::active::ActiveSet;
use crate::position::{Origin, Running, position_link};
use crate::product::Product;
use crate::product::rates::Bands;
use crate::reward::clawback::AccountKind;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BinaryHeap};

/// The end of a chain of accounts or holdings.
pub const NONE: u32 = u32::MAX;

/// A customer and the first of its accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// The exchange's id.
    pub id: Box<str>,
    /// The newest account; [`NONE`] for none.
    pub accounts: u32,
}

/// A customer's Spot and Funding of one asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Spot balance.
    pub spot: Amount,
    /// Funding balance.
    pub funding: Amount,
    /// Whose.
    pub customer: CustomerIx,
    /// Of what.
    pub asset: AssetIx,
    /// The customer's account before this one.
    pub next: u32,
    /// The newest holding.
    pub holdings: u32,
}

/// What one account has in one product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// Which product.
    pub product: ProductIx,
    /// The account's holding before this one.
    pub next: u32,
    /// Principal staked now.
    pub staked: Packed128,
    /// The newest position; 0 for none.
    pub newest: Packed48,
}

/// An invariant that does not hold: a bug. Nothing may be stored any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub invariant: &'static str,
    /// What was seen.
    pub seen: String,
}

/// Everything the machine knows.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The small parts.
    pub registry: Registry,
    /// Customers in order of creation.
    pub customers: Column<Customer>,
    /// Accounts in order of first use.
    pub accounts: Column<Account>,
    /// Holdings in order of first subscription.
    pub holdings: Column<Holding>,
    /// Positions, what a close touches.
    pub running: Column<Running>,
    /// Positions, what it does not.
    pub origins: Column<Origin>,
    /// Positions, which of them a close visits; derived from them.
    pub(super) active: ActiveSet,
    /// Which principal comes back when; derived from positions.
    maturing: Maturing,
    /// What is staked in each product beside the principal that earns; derived from positions.
    pub(super) staked: StakedCounts,
    /// Idempotency keys.
    pub keys: KeyTable,
    /// References of deposits and withdrawals ever used.
    pub references: PieceMap<()>,
    /// People, and what they decide on.
    pub people: People,
    /// Where the pooled coins are.
    pub treasury: Treasury,
    /// Customers by hashed id.
    pub(super) customer_by_id: PieceMap<CustomerIx>,
    asset_by_symbol: BTreeMap<String, AssetIx>,
    product_by_id: BTreeMap<String, ProductIx>,
    /// Assets whose control accounts or sub-ledgers an event has moved, until their books are checked at its end.
    touched: Vec<AssetIx>,
    /// Set when an invariant did not hold.
    pub broken: Option<Broken>,
    /// It holds changes that are in no batch yet: a round is under way, or one broke off, and then nothing may be made of it any more.
    pub mid_round: bool,
}

impl State {
    /// The state before the first event of a platform.
    #[must_use]
    pub fn new(platform: Platform) -> State {
        let open_day = platform.offset.day_of(platform.created_at);
        State::from_parts(
            Registry {
                last_at: platform.created_at,
                open_day,
                confirmed_through: open_day,
                platform,
                assets: Vec::new(),
                agreements: Vec::new(),
                products: Vec::new(),
                rate_versions: Vec::new(),
                control: Vec::new(),
                sub_ledger: Vec::new(),
                books: BTreeMap::new(),
                written_off: BTreeMap::new(),
                counters: Counters::default(),
            },
            Columns::default(),
        )
    }

    /// A state of parts that were read back; what can be derived is derived.
    #[must_use]
    pub fn from_parts(registry: Registry, columns: Columns) -> State {
        let asset_by_symbol =
            registry.assets.iter().enumerate().map(|(ix, asset)| (asset.symbol.clone(), AssetIx::from_index(ix))).collect();
        let product_by_id =
            registry.products.iter().enumerate().map(|(ix, product)| (product.id.clone(), ProductIx::from_index(ix))).collect();
        let mut customer_by_id = PieceMap::default();
        for (index, customer) in columns.customers.iter().enumerate() {
            customer_by_id.insert(hash16(&registry.platform.seed, "customer", &[&customer.id]), CustomerIx::from_index(index));
        }
        let maturing = Maturing::of(&registry.products, &columns.running);
        State {
            registry,
            customers: columns.customers,
            accounts: columns.accounts,
            holdings: columns.holdings,
            active: ActiveSet::of(&columns.running),
            maturing,
            staked: StakedCounts::of(&columns.running),
            running: columns.running,
            origins: columns.origins,
            keys: columns.keys,
            references: columns.references,
            people: columns.people,
            treasury: columns.treasury,
            customer_by_id,
            asset_by_symbol,
            product_by_id,
            touched: Vec::new(),
            broken: None,
            mid_round: false,
        }
    }

    /// Remembers that an invariant does not hold; the first one stays.
    pub fn break_with(&mut self, invariant: &'static str, seen: String) {
        self.broken.get_or_insert(Broken { invariant, seen });
    }

    // --- names ---

    /// The customer with an outside id.
    #[must_use]
    pub fn customer_ix(&self, id: &str) -> Option<CustomerIx> {
        self.customer_by_id.get(&hash16(&self.registry.platform.seed, "customer", &[id]))
    }
    /// The asset with a symbol.
    #[must_use]
    pub fn asset_ix(&self, symbol: &str) -> Option<AssetIx> {
        self.asset_by_symbol.get(symbol).copied()
    }
    /// The product with an id.
    #[must_use]
    pub fn product_ix(&self, id: &str) -> Option<ProductIx> {
        self.product_by_id.get(id).copied()
    }
    /// An asset.
    #[must_use]
    pub fn asset(&self, asset: AssetIx) -> Option<&Asset> {
        self.registry.assets.get(asset.index())
    }
    /// A product.
    #[must_use]
    pub fn product(&self, product: ProductIx) -> Option<&Product> {
        self.registry.products.get(product.index())
    }
    /// An announced rate's bands.
    #[must_use]
    pub fn bands(&self, version: RateVersionIx) -> Option<&Bands> {
        self.registry.rate_versions.get(version.index()).map(|version| &version.bands)
    }
    /// The agreement in force.
    #[must_use]
    pub fn agreement_in_force(&self) -> Option<(AgreementIx, &Agreement)> {
        let last = self.registry.agreements.len().checked_sub(1)?;
        Some((AgreementIx::from_index(last), self.registry.agreements.get(last)?))
    }
    /// A customer's account of an asset.
    #[must_use]
    pub fn account_ix(&self, customer: CustomerIx, asset: AssetIx) -> Option<AccountIx> {
        self.accounts_of(customer).find(|(_, account)| account.asset == asset).map(|(ix, _)| ix)
    }
    /// A customer's accounts, newest first.
    pub fn accounts_of(&self, customer: CustomerIx) -> impl Iterator<Item = (AccountIx, &Account)> {
        let mut next = self.customers.get(customer.index()).map_or(NONE, |customer| customer.accounts);
        std::iter::from_fn(move || {
            let ix = AccountIx(next);
            let account = (next != NONE).then(|| self.accounts.get(ix.index())).flatten()?;
            next = account.next;
            Some((ix, account))
        })
    }
    /// An account's holdings, newest first.
    pub fn holdings_of(&self, account: AccountIx) -> impl Iterator<Item = (HoldingIx, &Holding)> {
        let mut next = self.accounts.get(account.index()).map_or(NONE, |account| account.holdings);
        std::iter::from_fn(move || {
            let ix = HoldingIx(next);
            let holding = (next != NONE).then(|| self.holdings.get(ix.index())).flatten()?;
            next = holding.next;
            Some((ix, holding))
        })
    }
    /// What an account has in a product.
    #[must_use]
    pub fn holding(&self, account: AccountIx, product: ProductIx) -> Option<(HoldingIx, &Holding)> {
        self.holdings_of(account).find(|(_, holding)| holding.product == product)
    }
    /// A position.
    #[must_use]
    pub fn position(&self, id: PositionId) -> Option<(&Running, &Origin)> {
        let index = id.index()?;
        Some((self.running.get(index)?, self.origins.get(index)?))
    }
    /// A position, if it is this customer's.
    #[must_use]
    pub fn position_of(&self, customer: CustomerIx, id: PositionId) -> Option<(&Running, &Origin)> {
        let (running, origin) = self.position(id)?;
        (self.accounts.get(running.account.index())?.customer == customer).then_some((running, origin))
    }
    /// A customer's positions in chosen accounts and products, newest first: a merge of one chain per holding.
    pub fn positions_of(&self, customer: CustomerIx, chosen: impl Fn(&Account, &Holding) -> bool) -> impl Iterator<Item = PositionId> {
        let mut newest: BinaryHeap<PositionId> = self
            .accounts_of(customer)
            .flat_map(|(ix, account)| self.holdings_of(ix).map(move |(_, holding)| (account, holding)))
            .filter(|(account, holding)| chosen(account, holding))
            .filter_map(|(_, holding)| position_link(holding.newest))
            .collect();
        std::iter::from_fn(move || {
            let id = newest.pop()?;
            let (_, origin) = self.position(id)?;
            newest.extend(position_link(origin.previous_in_holding));
            Some(id)
        })
    }
    /// How many positions a customer has staked now.
    #[must_use]
    pub fn open_positions(&self, customer: CustomerIx) -> usize {
        let accounts = self.accounts_of(customer);
        let holdings = accounts.flat_map(|(ix, _)| self.holdings_of(ix)).filter(|(_, holding)| !holding.staked.get().is_zero());
        let chains = holdings.map(|(_, holding)| {
            let first = position_link(holding.newest);
            let previous = |id: &PositionId| self.position(*id).and_then(|(_, origin)| position_link(origin.previous_in_holding));
            let chain = std::iter::successors(first, previous);
            chain.filter(|id| self.position(*id).is_some_and(|(running, _)| running.is_active())).count()
        });
        chains.fold(0, usize::saturating_add)
    }
    /// The positions that a close visits.
    #[must_use]
    pub const fn active(&self) -> &ActiveSet {
        &self.active
    }
    /// Which principal comes back when.
    #[must_use]
    pub const fn maturing(&self) -> &Maturing {
        &self.maturing
    }
    /// Principal of an asset in fixed terms that end up to the first instant of a day and do not start anew.
    #[must_use]
    pub fn maturing_until(&self, asset: AssetIx, day: Day) -> Amount {
        self.maturing.until(asset, day)
    }
    /// The number the next position gets.
    #[must_use]
    pub fn next_position(&self) -> PositionId {
        PositionId::from_index(self.running.len())
    }
    /// A balance; nothing where the customer has no account yet.
    #[must_use]
    pub fn balance(&self, account: Option<AccountIx>, kind: AccountKind) -> Amount {
        let account = account.and_then(|ix| self.accounts.get(ix.index()));
        account.map_or(Amount::ZERO, |account| match kind {
            AccountKind::Spot => account.spot,
            AccountKind::Funding => account.funding,
        })
    }
    /// What a position could not give back.
    #[must_use]
    pub fn written_off(&self, id: PositionId) -> Amount {
        self.registry.written_off.get(&id).copied().unwrap_or_default()
    }

    /// What the platform is called where somebody signs: its own for ever, and of no use to whoever reads it.
    #[must_use]
    pub fn platform_name(&self) -> String {
        hash16(&self.registry.platform.seed, "platform", &[]).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    // --- changes, called by `apply` and `close` only ---

    pub(super) fn add_asset(&mut self, asset: Asset) {
        let ix = AssetIx::from_index(self.registry.assets.len());
        self.asset_by_symbol.insert(asset.symbol.clone(), ix);
        self.registry.assets.push(asset);
        self.registry.control.push(ControlAccounts::default());
        self.registry.sub_ledger.push(SubLedgerTotals::default());
    }
    pub(super) fn add_customer(&mut self, id: &str) {
        let index = self.customers.push(Customer { id: id.into(), accounts: NONE });
        self.customer_by_id.insert(hash16(&self.registry.platform.seed, "customer", &[id]), CustomerIx::from_index(index));
    }
    pub(super) fn add_product(&mut self, product: Product) -> ProductIx {
        let ix = ProductIx::from_index(self.registry.products.len());
        self.product_by_id.insert(product.id.clone(), ix);
        self.registry.products.push(product);
        ix
    }
    /// The account of a customer and asset, made when it is missing.
    pub(super) fn ensure_account(&mut self, customer: CustomerIx, asset: AssetIx) -> AccountIx {
        if let Some(found) = self.account_ix(customer, asset) {
            return found;
        }
        let next = self.customers.get(customer.index()).map_or(NONE, |customer| customer.accounts);
        let ix = AccountIx::from_index(self.accounts.push(Account {
            spot: Amount::ZERO,
            funding: Amount::ZERO,
            customer,
            asset,
            next,
            holdings: NONE,
        }));
        match self.customers.get_mut(customer.index()) {
            Some(customer) => customer.accounts = ix.0,
            None => self.break_with("an account has a customer", format!("customer {}", customer.0)),
        }
        ix
    }
    /// The holding of an account and product, made when it is missing.
    pub(super) fn ensure_holding(&mut self, account: AccountIx, product: ProductIx) -> HoldingIx {
        if let Some((found, _)) = self.holding(account, product) {
            return found;
        }
        let next = self.accounts.get(account.index()).map_or(NONE, |account| account.holdings);
        let ix =
            HoldingIx::from_index(self.holdings.push(Holding { product, next, staked: Packed128::default(), newest: Packed48::default() }));
        match self.accounts.get_mut(account.index()) {
            Some(account) => account.holdings = ix.0,
            None => self.break_with("a holding has an account", format!("account {}", account.0)),
        }
        ix
    }
    /// Takes a position off what comes back, before it changes.
    pub(super) fn forget_maturing(&mut self, id: PositionId) {
        if let Some(position) = id.index().and_then(|index| self.running.get(index)) {
            self.maturing.remove(&self.registry.products, position);
        }
    }
    /// Adds a position to what comes back, after it has changed.
    pub(super) fn remember_maturing(&mut self, id: PositionId) {
        if let Some(position) = id.index().and_then(|index| self.running.get(index)) {
            self.maturing.add(&self.registry.products, position);
        }
    }
    /// Credits an account and its sub-ledger.
    pub(super) fn credit(&mut self, ix: AccountIx, kind: AccountKind, amount: Amount) {
        let Some(account) = self.accounts.get_mut(ix.index()) else {
            return self.break_with("a credit has an account", format!("account {}", ix.0));
        };
        let Some(totals) = self.registry.sub_ledger.get_mut(account.asset.index()) else {
            return self.break_with("an account has an asset", format!("account {}", ix.0));
        };
        let (balance, total) = match kind {
            AccountKind::Spot => (&mut account.spot, &mut totals.spot),
            AccountKind::Funding => (&mut account.funding, &mut totals.funding),
        };
        (*balance, *total) = (balance.plus(amount), total.plus(amount));
        let asset = account.asset;
        self.touch(asset);
    }
    /// Debits an account and its sub-ledger. A balance below zero is a broken invariant: whoever decided checked it.
    pub(super) fn debit(&mut self, ix: AccountIx, kind: AccountKind, amount: Amount) {
        let Some(account) = self.accounts.get_mut(ix.index()) else {
            return self.break_with("a debit has an account", format!("account {}", ix.0));
        };
        let Some(totals) = self.registry.sub_ledger.get_mut(account.asset.index()) else {
            return self.break_with("an account has an asset", format!("account {}", ix.0));
        };
        let (balance, total) = match kind {
            AccountKind::Spot => (&mut account.spot, &mut totals.spot),
            AccountKind::Funding => (&mut account.funding, &mut totals.funding),
        };
        match (balance.checked_minus(amount), total.checked_minus(amount)) {
            (Some(less), Some(total_less)) => {
                (*balance, *total) = (less, total_less);
                let asset = account.asset;
                self.touch(asset);
            }
            _ => self.break_with("no balance is negative", format!("account {} would fall below zero", ix.0)),
        }
    }
    /// Takes accrued rewards that are not paid any more off the sub-ledger.
    pub(super) fn forfeit(&mut self, asset: AssetIx, accrued: Amount) {
        let totals = self.registry.sub_ledger.get_mut(asset.index());
        match totals.and_then(|totals| totals.payable.checked_minus(accrued).map(|less| (totals, less))) {
            Some((totals, less)) => totals.payable = less,
            None => return self.break_with("accrued rewards are in the sub-ledger", format!("asset {}", asset.0)),
        }
        self.touch(asset);
    }
    /// Adds principal to the product, the holding and the sub-ledger.
    pub(super) fn stake(&mut self, product: ProductIx, holding: HoldingIx, amount: Amount) {
        if let Some(product) = self.registry.products.get_mut(product.index()) {
            product.staked = product.staked.plus(amount);
            let asset = product.asset;
            if let Some(totals) = self.registry.sub_ledger.get_mut(asset.index()) {
                totals.principal = totals.principal.plus(amount);
            }
            self.touch(asset);
        }
        if let Some(holding) = self.holdings.get_mut(holding.index()) {
            holding.staked = Packed128::new(holding.staked.get().plus(amount));
        }
    }
    /// Takes principal from the product, the holding and the sub-ledger.
    pub(super) fn unstake(&mut self, product: ProductIx, holding: HoldingIx, amount: Amount) {
        let product = self.registry.products.get_mut(product.index());
        let totals = product.as_ref().and_then(|product| self.registry.sub_ledger.get_mut(product.asset.index()));
        let (Some(product), Some(totals), Some(holding)) = (product, totals, self.holdings.get_mut(holding.index())) else {
            return self.break_with("a position has a product and a holding", String::new());
        };
        match (product.staked.checked_minus(amount), totals.principal.checked_minus(amount), holding.staked.get().checked_minus(amount)) {
            (Some(staked), Some(principal), Some(held)) => {
                product.staked = staked;
                totals.principal = principal;
                holding.staked = Packed128::new(held);
                let asset = product.asset;
                self.touch(asset);
            }
            _ => {
                let seen = format!("product {}", product.id);
                self.break_with("no principal is negative", seen);
            }
        }
    }
    /// Notes that an asset's books are to be checked when the event is applied.
    pub(super) fn touch(&mut self, asset: AssetIx) {
        if !self.touched.contains(&asset) {
            self.touched.push(asset);
        }
    }
    /// Checks the books of every asset that the event has moved, in the journal or in a sub-ledger.
    pub(super) fn check_touched_books(&mut self) {
        while let Some(asset) = self.touched.pop() {
            self.check_books(asset);
        }
    }
    /// Checks the books of every asset.
    pub(super) fn check_all_books(&mut self) {
        self.touched.clear();
        for index in 0..self.registry.assets.len() {
            self.check_books(AssetIx::from_index(index));
        }
    }
    /// Posts an entry to its asset's control accounts.
    pub(super) fn post(&mut self, entry: &JournalEntry) {
        self.touch(entry.asset());
        match self.registry.control.get_mut(entry.asset().index()) {
            Some(control) => control.post(entry),
            None => self.break_with("an entry has an asset", format!("asset {}", entry.asset().0)),
        }
    }
    /// Checks that an asset's control accounts balance and equal its sub-ledgers.
    fn check_books(&mut self, asset: AssetIx) {
        let (Some(control), Some(totals)) = (self.registry.control.get(asset.index()), self.registry.sub_ledger.get(asset.index())) else {
            return self.break_with("an asset has books", format!("asset {}", asset.0));
        };
        if !control.is_balanced() {
            let seen = format!("asset {}: {control:?}", asset.0);
            self.break_with("assets equal liabilities and equity", seen);
        } else if !totals.agrees_with(control) {
            let seen = format!("asset {}: {control:?} {totals:?}", asset.0);
            self.break_with("control accounts equal their sub-ledgers", seen);
        }
    }
}

/// The large parts of a state that was read back.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    /// See [`State`].
    pub customers: Column<Customer>,
    /// See [`State`].
    pub accounts: Column<Account>,
    /// See [`State`].
    pub holdings: Column<Holding>,
    /// See [`State`].
    pub running: Column<Running>,
    /// See [`State`].
    pub origins: Column<Origin>,
    /// See [`State`].
    pub keys: KeyTable,
    /// See [`State`].
    pub references: PieceMap<()>,
    /// See [`State`].
    pub people: People,
    /// See [`State`].
    pub treasury: Treasury,
}
