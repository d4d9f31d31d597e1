//! The read tables beside a world: filled in steps of any size, forgotten in crashes, and the same in the end as if they
//! had been built at once.

use crate::auditor::days::signed;
use crate::auditor::{Account, Auditor};
use crate::compare::{Found, equal, same};
use crate::facts::Facts;
use crate::seen;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use usance_core::calendar::DayOffset;
use usance_core::id::{AssetIx, CustomerIx};
use usance_store::LogPosition;
use usance_store::MemoryLog;
use usance_store::StoreError;

use usance_store::projection::{HistoryRow, Projector, Reading, Span};
use usance_workload::Dice;

/// Tables in a file, and who fills them.
pub struct Tables {
    dir: PathBuf,
    offset: DayOffset,
    projector: Option<Projector>,
}

impl Tables {
    /// Tables in a directory, to be opened when they are first filled.
    #[must_use]
    pub fn within(dir: &Path, offset: DayOffset) -> Tables {
        Tables { dir: dir.to_owned(), offset, projector: None }
    }

    /// Takes a step, sometimes; tells whether it did.
    ///
    /// # Errors
    /// As the file answers.
    pub fn turn(&mut self, log: &MemoryLog, dice: &mut Dice<'_>) -> Result<bool, Found> {
        if dice.below(4) != 3 {
            return Ok(false);
        }
        let batches = usize::from(dice.below(5)) + 1;
        self.projector()?.step(log, batches).map(|taken| taken > 0).map_err(|error| error.to_string())
    }

    /// They may come back as they stood some time ago, as after a crash of a server that had not stored the rest. Whoever asks for what they
    /// held is told that they do not; tells whether that happened.
    ///
    /// # Errors
    /// When they are taken for what they were.
    pub fn fall_back(&mut self, dice: &mut Dice<'_>) -> Result<bool, Found> {
        let told = |error: std::io::Error| error.to_string();
        let kept = self.dir.join("kept.sqlite");
        if dice.once_in(6) && self.path().exists() {
            self.forget();
            std::fs::copy(self.path(), &kept).map_err(told)?;
            return Ok(false);
        }
        if !dice.once_in(6) || !kept.exists() || !self.path().exists() {
            return Ok(false);
        }
        self.forget();
        let reached = |path: &Path| Reading::open(path, 0).and_then(|tables| tables.reached()).map_err(|error| error.to_string());
        let (stood, stands) = (reached(&self.path())?, reached(&kept)?);
        usance_store::remove_database(&self.path()).map_err(|error| error.to_string())?;
        std::fs::copy(&kept, self.path()).map_err(told)?;
        let asked = Reading::open(&self.path(), 0).and_then(|tables| tables.at(stood, Reading::reached));
        let is_behind = matches!(asked, Err(StoreError::Behind { .. }));
        equal("tables that fell back are told by them", stands.seq() < stood.seq(), is_behind)?;
        Ok(stands.seq() < stood.seq())
    }

    /// Whoever fills them is gone; what is stored stays.
    pub fn forget(&mut self) {
        self.projector = None;
    }

    /// Fills them to the end and gives their fingerprint; compares them with tables that are built at once, and holds what they tell against the auditor.
    ///
    /// # Errors
    /// When they differ.
    pub fn finish(&mut self, log: &MemoryLog, auditor: &Auditor) -> Result<[u8; 32], Found> {
        equal("the tables are of this log", Ok(true), self.projector()?.belongs_to(log).map_err(|error| error.to_string()))?;
        while self.projector()?.step(log, 64).map_err(|error| error.to_string())? > 0 {}
        let fresh = self.dir.join("fresh.sqlite");
        let mut once = Projector::open(&fresh, 0, self.offset).map_err(|error| error.to_string())?;
        while once.step(log, usize::MAX).map_err(|error| error.to_string())? > 0 {}
        let print = |path: &Path| Reading::open(path, 0).and_then(|reading| reading.fingerprint()).map_err(|error| error.to_string());
        equal("the read tables, filled in steps and at once", print(&fresh)?, print(&self.path())?)?;
        let reading = Reading::open(&self.path(), 0).map_err(|error| error.to_string())?;
        closed_days(&reading, auditor)?;
        histories(&reading, auditor)?;
        print(&fresh)
    }

    fn path(&self) -> PathBuf {
        self.dir.join("read.sqlite")
    }

    fn projector(&mut self) -> Result<&mut Projector, Found> {
        if self.projector.is_none() {
            self.projector = Some(Projector::open(&self.path(), 0, self.offset).map_err(|error| error.to_string())?);
        }
        self.projector.as_mut().ok_or_else(|| "no tables".into())
    }
}

/// Every closed day, product by product.
fn closed_days(reading: &Reading, auditor: &Auditor) -> Result<(), Found> {
    let mut days = reading.days(None, |_| true, usize::MAX).map_err(|error| error.to_string())?;
    days.reverse();
    equal("closed days in the read tables", auditor.closed.len(), days.len())?;
    auditor
        .closed
        .iter()
        .zip(&days)
        .try_for_each(|(expected, (day, totals))| same("a closed day in the read tables", expected, &seen::product_day(*day, totals)))
}

/// What customers did, line by line, whichever pages it is asked for in; with what closes paid it adds up to what they have.
fn histories(reading: &Reading, auditor: &Auditor) -> Result<(), Found> {
    let mut found = 0;
    for customer in 0..auditor.customers.len() {
        for asset in 0..auditor.assets.len() {
            let rows = pages(reading, customer, asset, 3)?;
            let whole = pages(reading, customer, asset, usize::MAX)?;
            equal("history in pages of three and at once", whole.len(), rows.len())?;
            let here = |line: &&Rc<Facts>| {
                line.get("customer") == Some(customer.to_string().as_str()) && line.get("asset") == Some(asset.to_string().as_str())
            };
            let expected: Vec<_> = auditor.journal.iter().filter(here).collect();
            equal(&format!("lines of customer {customer}, asset {asset}"), expected.len(), rows.len())?;
            for (expected, row) in expected.iter().zip(rows.iter().rev()) {
                same("a line of history", expected, &seen::history(customer, asset, row))?;
            }
            found += rows.len();
            let moved = |of: fn(&HistoryRow) -> i128| rows.iter().map(of).sum::<i128>();
            for (account, moved) in [(Account::Spot, moved(|row| row.spot)), (Account::Funding, moved(|row| row.funding))] {
                let paid = auditor.by_closes.get(&(customer, asset, account)).copied().unwrap_or_default();
                let has = auditor.balance(customer, asset, account);
                equal("an opening balance of nothing and every line", signed(has), signed(paid) + moved)?;
            }
        }
    }
    equal("lines of history", auditor.journal.len(), found)
}

/// A customer's history, newest first, in pages.
fn pages(reading: &Reading, customer: usize, asset: usize, limit: usize) -> Result<Vec<HistoryRow>, Found> {
    let (who, what) = (CustomerIx::from_index(customer), AssetIx::from_index(asset));
    let (mut rows, mut through) = (Vec::new(), LogPosition::end_of(LogPosition::SEQ_MAX));
    loop {
        let span = Span { after: LogPosition::START, through };
        let page = reading.history(who, what, span, None, limit).map_err(|error| error.to_string())?;
        let Some(last) = page.last() else { return Ok(rows) };
        through = LogPosition::from_number(last.place.number().saturating_sub(1));
        rows.extend(page);
    }
}
