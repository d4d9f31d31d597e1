//! What operators set up, and the clock they move or confirm (RULES 2, 3, 5).

use super::Auditor;
use super::arithmetic::DAY_MS;
use super::refused::{Refused, Told};
use super::terms::{Product, changed, tiers};
use crate::facts::Facts;
use usance_core::machine::verb::{ProductText, RateText, SaleText};
use usance_core::product::Status;

impl Auditor {
    pub(super) fn move_clock(&mut self, to: i64) -> Told {
        if !self.simulated {
            return Err(Refused::of("clock_not_simulated"));
        }
        if to < self.now {
            return Err(Refused::of("clock_backwards").with("now", self.now));
        }
        let latest = self.now + 3_660 * DAY_MS;
        if to > latest {
            return Err(Refused::of("clock_move_too_far").with("latest", latest));
        }
        Ok(self.pass_to(to))
    }

    pub(super) fn confirm_clock(&mut self, clock: i64) -> Facts {
        self.pass_to(clock)
    }

    fn pass_to(&mut self, to: i64) -> Facts {
        while self.today < self.day_of(to) {
            self.close_day();
        }
        self.now = self.now.max(to);
        Facts::of("clock").with("now", self.now).with("day", self.today)
    }

    // --- what an operator sets up ---

    pub(super) fn create_asset(&mut self, symbol: &str, decimals: u8) -> Told {
        if self.asset(symbol).is_ok() {
            return Err(Refused::of("already_exists"));
        }
        self.assets.push((symbol.to_owned(), decimals));
        self.pool.push(0);
        self.custody.push(0);
        self.pots.push(super::paying::Pot::default());
        Ok(Facts::of("asset").with("number", self.assets.len() - 1))
    }

    pub(super) fn create_customer(&mut self, id: &str) -> Told {
        if self.customer(id).is_ok() {
            return Err(Refused::of("already_exists"));
        }
        self.customers.push(id.to_owned());
        Ok(Facts::of("customer").with("number", self.customers.len() - 1))
    }

    pub(super) fn publish_agreement(&mut self, version: &str) -> Told {
        if self.agreements.iter().any(|known| known == version) {
            return Err(Refused::of("already_exists"));
        }
        self.agreements.push(version.to_owned());
        Ok(Facts::of("agreement").with("number", self.agreements.len() - 1))
    }

    pub(super) fn create_product(&mut self, asked: &ProductText, at: i64) -> Told {
        let (asset, decimals) = self.asset(&asked.asset)?;
        if self.product(&asked.id).is_ok() {
            return Err(Refused::of("already_exists"));
        }
        let product = Product::described(asked, asset, decimals)?;
        self.versions += product.announced.len();
        self.products.push(product);
        Ok(self.product_facts(self.products.len() - 1, at))
    }

    pub(super) fn announce_rate(&mut self, id: &str, from: i64, rate: &RateText) -> Told {
        let product = self.product(id)?;
        if from <= self.today {
            return Err(Refused::of("rate_not_future").with("earliest", self.today + 1));
        }
        let tiers = tiers(rate, self.products[product].decimals)?;
        self.products[product].announced.push((from, tiers));
        self.versions += 1;
        Ok(Facts::of("rate").with("product", product).with("version", self.versions - 1))
    }

    pub(super) fn set_status(&mut self, id: &str, status: Status, at: i64) -> Told {
        let product = self.product(id)?;
        let goes = match (self.products[product].status, status) {
            (from, to) if from == to => true,
            (Status::Closed, _) => return Err(Refused::of("product_closed")),
            (Status::Draft, to) => to == Status::Open,
            (_, to) => to != Status::Draft,
        };
        if !goes {
            return Err(Refused::of("status_not_reachable"));
        }
        if status == Status::Open && self.products[product].reference(self.today).is_none() {
            return Err(Refused::of("rate_missing"));
        }
        self.products[product].status = status;
        Ok(self.product_facts(product, at))
    }

    pub(super) fn change_product(&mut self, id: &str, sale: &SaleText, at: i64) -> Told {
        let product = self.product(id)?;
        let terms = &self.products[product];
        if terms.status == Status::Closed {
            return Err(Refused::of("product_closed"));
        }
        self.products[product].sale = changed(&terms.sale, sale, terms.term.is_none(), terms.decimals)?;
        Ok(self.product_facts(product, at))
    }

    pub(super) fn settle_rate(&mut self, id: &str, day: i64, rate: u64, reason: Option<&str>) -> Told {
        let product = self.product(id)?;
        if day < self.today {
            return Err(Refused::of("day_closed").with("open_day", self.today));
        }
        let reference = self.products[product].reference(day).ok_or_else(|| Refused::of("rate_missing"))?;
        let highest = reference.iter().map(|(_, rate)| *rate).max().unwrap_or_default();
        if rate > highest {
            return Err(Refused::of("rate_above_reference").with("reference", highest));
        }
        // What a network pays is passed on as it is; who says otherwise says why, in a text that is seen whole.
        let is_said = match reason {
            Some(reason) => (1..=512).contains(&reason.len()) && !reason.contains('\u{202e}'),
            None => self.products[product].passing.is_none(),
        };
        if !is_said {
            return Err(Refused::of("terms_invalid"));
        }
        self.products[product].settled.push((day, rate));
        Ok(Facts::of("settled").with("product", product).with("day", day).with("rate", rate))
    }
}
