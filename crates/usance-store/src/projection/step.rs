//! From records to rows: the one place that knows which rows an event's [`News`] make. It reads no table and writes none.
//!
//! A [`Step`] begins where the tables stand, takes batches, proves each whole and in its place before it believes it, and
//! ends as [`Rows`], the same for every home. What an event does to accounts is asked of its journal entries
//! ([`verb::post`]): the tables cannot tell another story than the books.

#![deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

use usance_core::calendar::{Day, DayOffset, Timestamp};
use usance_core::id::{AssetIx, LogPosition, ProductIx, RateVersionIx};
use usance_core::ledger::LedgerAccount::{CustomerFunding, CustomerPrincipal, CustomerSpot};
use usance_core::ledger::{ControlAccounts, JournalEntry, LedgerAccount, Whose};
use usance_core::machine::day::DayClosed;
use usance_core::machine::news::{Deed, News};
use usance_core::machine::post::Fixed;
use usance_core::machine::{Event, verb};
use usance_core::product::rates::Bands;

use super::progress::Progress;
use super::rows::{AssetRow, BalanceDelta, BookRow, CloseRow, CustomerRow, DayRow, HistoryLine, ProductRow, RateRow, Rows, StakedRow};
use super::tables_state::TablesState;
use crate::batch::{Batch, missing};
use crate::codec::{self, Fact};
use crate::error::StoreError;

/// A step on its way.
pub(super) struct Step {
    offset: DayOffset,
    standing: TablesState,
    rows: Rows,
}

impl Step {
    /// A step from where tables stand.
    pub fn begin(shard: u16, offset: DayOffset, standing: TablesState) -> Step {
        Step { offset, rows: Rows::none(shard, standing.progress), standing }
    }

    /// Takes the next batch.
    pub fn batch(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let Progress { seq, hash, .. } = self.standing.progress;
        let expected = seq.saturating_add(1);
        if batch.seq != expected {
            return Err(missing(self.rows.shard, expected, batch.seq));
        }
        batch.verify(&hash)?;
        for item in codec::facts(batch) {
            let (place, fact) = item?;
            self.fact(&fact, place)?;
        }
        let open_day = self.standing.progress.open_day;
        self.standing.progress = Progress { seq: batch.seq, hash: batch.hash, at: Timestamp::from_ms(batch.at_ms), open_day };
        Ok(())
    }

    /// How many rows there are so far, but for balances.
    pub fn row_count(&self) -> usize {
        let rows = &self.rows;
        let few = rows.assets.len() + rows.products.len() + rows.rates.len() + rows.closes.len() + rows.days.len();
        few + rows.customers.len() + rows.history.len()
    }

    /// What came of the batches.
    pub fn end(mut self) -> Rows {
        self.carry(self.standing.progress.open_day);
        self.rows.after = self.standing.progress;
        self.rows
    }

    fn fact(&mut self, fact: &Fact, place: LogPosition) -> Result<(), StoreError> {
        for event in &fact.events {
            let entries = verb::post(&self.standing, event).map_err(|unbalanced| damaged(place, &unbalanced))?;
            verb::of(event, |told| {
                let news = told.news();
                entries.iter().try_for_each(|entry| self.book(entry, &news, place))?;
                self.news(event, &news, &entries, fact.at, place)
            })?;
        }
        Ok(())
    }

    /// Moves the balances of the open day.
    fn book(&mut self, entry: &JournalEntry, news: &News<'_>, place: LogPosition) -> Result<(), StoreError> {
        let change = delta_of(entry);
        let moved = |account| change.balance(account).units();
        let mut known = entry.asset().0 < self.standing.assets;
        for account in LedgerAccount::ALL.into_iter().filter(|account| entry.postings().any(|line| line.account == *account)) {
            let key = (entry.asset(), account);
            if !account.is_of_every_asset() {
                self.standing.books.begin_if_new(key);
            }
            known &= self.standing.books.add(key, moved(account));
        }
        let product = match (entry.whose(), news) {
            (Whose::Product(product), _) => Some(product),
            (_, News::Deed(Deed { staking: Some(staking), .. })) => Some(staking.product),
            _ => None,
        };
        if let Some(product) = product {
            known &= self.standing.staked.add(product, moved(CustomerPrincipal));
        }
        if known { Ok(()) } else { Err(damaged(place, &"it names what was never created")) }
    }

    fn news(
        &mut self,
        event: &Event,
        news: &News<'_>,
        entries: &[JournalEntry],
        at: Timestamp,
        place: LogPosition,
    ) -> Result<(), StoreError> {
        match news {
            News::Nothing => {}
            News::Platform(platform) => self.standing.progress.open_day = platform.offset.day_of(platform.created_at),
            News::Asset { symbol, decimals } => self.asset(symbol, *decimals),
            News::Customer { id } => {
                let day = self.offset.day_of(at);
                self.rows.customers.push(CustomerRow { number: self.standing.customers, id: (*id).to_owned(), at, day });
                self.standing.customers += 1;
            }
            News::Product { id, asset, kind, rewards_from, rates } => {
                self.product(id, Fixed { asset: *asset, kind: *kind, rewards_from: *rewards_from }, rates);
            }
            News::Rate { product, from, bands } => self.rate(*product, *from, Some(place), bands),
            News::Day(closed) => self.close(closed, place),
            News::Deed(deed) => self.history(event, deed, entries, (at, place))?,
        }
        Ok(())
    }

    fn asset(&mut self, symbol: &str, decimals: u8) {
        let asset = AssetIx(self.standing.assets);
        self.rows.assets.push(AssetRow { number: asset, symbol: symbol.to_owned(), decimals });
        self.standing.assets += 1;
        let everybodys = LedgerAccount::ALL.into_iter().filter(|account| account.is_of_every_asset());
        everybodys.for_each(|account| self.standing.books.begin((asset, account)));
    }

    fn product(&mut self, id: &str, fixed: Fixed, rates: &[(Day, Bands)]) {
        let product = ProductIx::from_index(self.standing.products.len());
        self.rows.products.push(ProductRow { number: product, id: id.to_owned(), fixed });
        self.standing.products.push(fixed);
        self.standing.staked.begin(product);
        rates.iter().for_each(|(from, bands)| self.rate(product, *from, None, bands));
    }

    fn rate(&mut self, product: ProductIx, from: Day, place: Option<LogPosition>, bands: &Bands) {
        let version = RateVersionIx(self.standing.rates);
        let tiers = (1_u64..).zip(bands.as_slice());
        self.rows.rates.extend(tiers.map(|(tier, band)| RateRow { version, tier, product, from, place, band: *band }));
        self.standing.rates += 1;
    }

    /// A closed day keeps the balances it ended with; the next one begins with them.
    fn close(&mut self, closed: &DayClosed, place: LogPosition) {
        self.rows.closes.push(CloseRow { day: closed.day, place });
        self.rows.days.extend(closed.products.iter().map(|line| DayRow { day: closed.day, line: line.clone() }));
        self.carry(closed.day);
        self.standing.books.next_day();
        self.standing.staked.next_day();
        self.standing.progress.open_day = closed.day.next();
    }

    /// Rows of the balances that a day's rows do not have yet.
    fn carry(&mut self, day: Day) {
        let books = self.standing.books.take_changed().into_iter();
        self.rows.books.extend(books.map(|((asset, account), balance)| BookRow { day, asset, account, balance }));
        let staked = self.standing.staked.take_changed().into_iter();
        self.rows.staked.extend(staked.map(|(product, principal)| StakedRow { day, product, principal }));
    }

    /// What a customer did: one row for each asset that it touched.
    fn history(
        &mut self,
        event: &Event,
        deed: &Deed<'_>,
        entries: &[JournalEntry],
        (at, place): (Timestamp, LogPosition),
    ) -> Result<(), StoreError> {
        let Deed { kind, reference, staking, .. } = *deed;
        for entry in entries {
            let Whose::Customer(customer) = entry.whose() else { continue };
            let change = delta_of(entry);
            let moved = |account| change.balance(account).units();
            let change = BalanceDelta { spot: moved(CustomerSpot), funding: moved(CustomerFunding), principal: moved(CustomerPrincipal) };
            let (day, asset, reference) = (self.offset.day_of(at), entry.asset(), reference.map(str::to_owned));
            let event = codec::encode_event(event)?;
            self.rows.history.push(HistoryLine { place, at, day, customer, asset, kind, change, reference, staking, event });
        }
        Ok(())
    }
}

/// What an entry does to the accounts of its asset.
fn delta_of(entry: &JournalEntry) -> ControlAccounts {
    let mut change = ControlAccounts::default();
    change.post(entry);
    change
}

fn damaged(place: LogPosition, how: &dyn std::fmt::Display) -> StoreError {
    StoreError::damaged("log record", format!("position {place}: {how}"))
}
