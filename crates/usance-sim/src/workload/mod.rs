//! Who there is in a simulated world, and how an auditor tells a generator how things stand.
//!
//! What is asked for comes from `usance-workload`, drawn against what the auditor believes, by the auditor's own sums; what
//! several people do in one instant stands in [`occasions`] and [`leaving`]. Bytes are spent in the order in which the generator draws, so a
//! change of that order is another world for every plan that was kept.

pub mod leaving;
pub mod occasions;

use crate::auditor::{Account, Auditor};
use std::sync::LazyLock;
use usance_core::calendar::{Day, Timestamp};
use usance_core::machine::Command;
use usance_core::machine::verb::{Redeem, Source, Subscribe};
use usance_core::person::proposal::Verdict;
use usance_core::product::Status;
use usance_core::reward::clawback::AccountKind;
use usance_workload::{Cast, Dice, Entrance, Form, Held, Offer, Outline, Quote, References, Situation, TreasurySeen, Wish, Workload};

/// Everybody.
pub const CUSTOMERS: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];
/// Symbols and decimals.
pub const ASSETS: [(&str, u8); 2] = [("SOL", 9), ("WEI", 18)];
/// The number of the product that is launched later.
const LAUNCHED: usize = 5;

const fn outline(id: &'static str, asset: usize, form: Form, entrance: Entrance) -> Outline {
    Outline { id, asset, form, entrance }
}

/// Every product there may be.
const PRODUCTS: [Outline; 7] = [
    outline("sol-flex", 0, Form::Flexible, Entrance::Open),
    outline("sol-term", 0, Form::Term, Entrance::Open),
    outline("wei-term", 1, Form::Long, Entrance::Open),
    outline("wei-any", 1, Form::Either, Entrance::Open),
    outline("sol-short", 0, Form::Short, Entrance::Open),
    outline("sol-launch", 0, Form::Term, Entrance::Later),
    outline("sol-bare", 0, Form::Term, Entrance::Bare),
];

/// A die of 38 sides.
const WISHES: [(Wish, u8); 12] = [
    (Wish::Subscription, 10),
    (Wish::Redemption, 5),
    (Wish::Stray, 1),
    (Wish::Renewal, 2),
    (Wish::Transfer, 1),
    (Wish::Emptying, 1),
    (Wish::Deposit, 1),
    (Wish::Withdrawal, 2),
    (Wish::RewardPool, 1),
    (Wish::Offering, 8),
    (Wish::People, 3),
    (Wish::Treasury, 3),
];

static CAST: LazyLock<Cast> = LazyLock::new(|| Cast {
    customers: CUSTOMERS.map(str::to_owned).to_vec(),
    // Mostly one of two.
    usual_customers: vec![0, 0, 0, 1, 1, 2, 3, 4],
    assets: ASSETS.to_vec(),
    products: PRODUCTS.to_vec(),
    usual_products: vec![0, 1, 2, 3, 4, LAUNCHED, 0, 4],
    statuses: vec![Status::Open, Status::Open, Status::Open, Status::Paused, Status::Paused, Status::Draft, Status::Closed],
    references: References::Few,
    wishes: WISHES.to_vec(),
});

/// What is asked for as an auditor sees the world.
#[must_use]
pub fn workload(auditor: &Auditor) -> Workload<'_> {
    Workload::new(auditor, &CAST)
}

/// What the world begins with. In some worlds the agreement comes last, and somebody has tried before.
pub fn founding(dice: &mut Dice<'_>) -> Vec<Command> {
    let agreed_last = dice.below(4) == 3;
    let mut commands = CAST.founding(dice);
    if agreed_last {
        let agreement = commands.remove(0);
        commands.extend([subscription("alice", "sol-flex", "3", "v1"), agreement]);
    }
    commands
}

/// A plain subscription.
fn subscription(customer: &str, product: &str, amount: &str, agreement: &str) -> Command {
    Command::Subscribe(Subscribe {
        customer: customer.to_owned(),
        product: product.to_owned(),
        amount: amount.to_owned(),
        source: Source::FundingThenSpot,
        agreement: agreement.to_owned(),
        auto_renew: false,
    })
}

fn customer_number(id: &str) -> usize {
    CUSTOMERS.iter().position(|each| *each == id).unwrap_or_default()
}

/// How far time goes in a turn, in milliseconds.
pub fn later(auditor: &Auditor, dice: &mut Dice<'_>, now: i64) -> i64 {
    workload(auditor).later(dice, Timestamp::from_ms(now)).ms()
}

impl Situation for Auditor {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.now)
    }
    fn today(&self) -> Day {
        Day::from_number(i32::try_from(self.today).unwrap_or(i32::MAX))
    }
    fn first_instant(&self, day: Day) -> Timestamp {
        Timestamp::from_ms(self.start_of(i64::from(day.number())))
    }
    fn agreements(&self) -> usize {
        self.agreements.len()
    }
    fn agreement_in_force(&self) -> &str {
        self.agreements.last().map_or("", String::as_str)
    }
    fn balance(&self, customer: &str, asset: &str, account: AccountKind) -> u128 {
        let customer = self.customers.iter().position(|id| id == customer);
        let asset = self.assets.iter().position(|(symbol, _)| symbol == asset);
        let account = match account {
            AccountKind::Spot => Account::Spot,
            AccountKind::Funding => Account::Funding,
        };
        customer.zip(asset).map_or(0, |(customer, asset)| Auditor::balance(self, customer, asset, account))
    }
    fn offers(&self) -> usize {
        self.products.len()
    }
    fn offer(&self, number: usize) -> Option<Offer<'_>> {
        let product = self.products.get(number)?;
        Some(Offer {
            asset: &self.assets.get(product.asset)?.0,
            decimals: product.decimals,
            leaves_early: product.term.is_some(),
            opens_at: product.sale.opens_at.map(Timestamp::from_ms),
            closes_at: product.sale.closes_at.map(Timestamp::from_ms),
        })
    }
    fn positions(&self) -> usize {
        self.positions.len()
    }
    fn position(&self, number: usize) -> Option<Held<'_>> {
        let position = self.positions.get(number)?;
        Some(Held {
            owner: self.customers.get(position.customer)?,
            product: position.product,
            principal: position.principal(),
            earning: position.earning_on(self.today),
            from_spot: position.from_spot,
            distributed: position.distributed,
            is_active: position.is_active(),
        })
    }
    fn quote(&self, asked: &Redeem) -> Option<Quote> {
        let (number, figures) = self.check_redemption(asked).ok()?;
        let is_at_once = self.is_at_once(number, &figures, self.now);
        Some(Quote { payout: figures.payout, from_funding: figures.clawback_from_funding, is_at_once })
    }
    fn proposals(&self) -> usize {
        self.proposals.len()
    }
    fn text_to_sign(&self, number: u64, verdict: Verdict) -> Option<String> {
        let place = usize::try_from(number.checked_sub(1)?).ok()?;
        self.to_sign(place, verdict == Verdict::Approve)
    }
    fn order_text(&self, number: u64, verdict: Verdict) -> Option<String> {
        self.order_to_sign(number, verdict == Verdict::Approve)
    }
    fn treasury(&self) -> TreasurySeen {
        self.treasury_seen()
    }
}
