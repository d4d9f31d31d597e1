//! Who and what there is: customers, assets, products, and what is asked for how often.
//!
//! A cast is data. Its names have to be those of the platform that commands are drawn against; whoever founds the platform
//! otherwise than by [`Cast::founding`] still describes its products here, so that a generator knows them.

use crate::dice::Dice;
use usance_core::product::Status;

/// What a product is like; how exactly is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Without a term.
    Flexible,
    /// With a term or without one.
    Either,
    /// A term of days or weeks.
    Term,
    /// So long and so well paid that it is mostly left early and its rewards can outgrow it.
    Long,
    /// So short that it renews.
    Short,
}

impl Form {
    /// Whether there is a term for sure.
    pub(crate) const fn has_term(self) -> bool {
        matches!(self, Form::Term | Form::Long | Form::Short)
    }
}

/// How a product is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// On sale from the beginning.
    Open,
    /// Created later, by somebody.
    Later,
    /// A draft without a rate, which is asked for seldom.
    Bare,
}

/// A product before its terms are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Its id.
    pub id: &'static str,
    /// The number of its asset.
    pub asset: usize,
    /// What it is like.
    pub form: Form,
    /// How it is there.
    pub entrance: Entrance,
}

/// What somebody may want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To stake.
    Subscription,
    /// To take out what is staked.
    Redemption,
    /// To renew at maturity, or not.
    Renewal,
    /// To move coins between Spot and Funding.
    Transfer,
    /// To leave nothing in Funding, so that a clawback finds nothing there.
    Emptying,
    /// To leave what has paid more than its principal, mostly with an empty Funding.
    Outgrown,
    /// To bring coins.
    Deposit,
    /// To take coins away.
    Withdrawal,
    /// To fund the reward pool, or to take from it.
    RewardPool,
    /// To change what is offered.
    Offering,
    /// To put on sale, or to lift every limit: without it a platform that lives long has nothing left to sell.
    Relief,
    /// To move the simulated clock.
    Clock,
    /// What should not be asked.
    Stray,
    /// To come, to propose or to sign as a person.
    People,
    /// To run a treasury.
    Treasury,
}

/// How often a wallet names a deposit or a withdrawal as another one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum References {
    /// There are only 32: soon most come again.
    Few,
    /// There are 32 a day.
    NewEachDay,
}

/// Who and what there is.
#[derive(Clone, Debug)]
pub struct Cast {
    /// Everybody.
    pub customers: Vec<String>,
    /// The numbers of those who do most of it, as often as they do it: what is delicate happens to who has several things
    /// in one product.
    pub usual_customers: Vec<usize>,
    /// Symbols and decimals.
    pub assets: Vec<(&'static str, u8)>,
    /// Every product there may be.
    pub products: Vec<Outline>,
    /// The numbers of those that are subscribed to, as often as they are.
    pub usual_products: Vec<usize>,
    /// Where an operator moves a product, as often as that is done.
    pub statuses: Vec<Status>,
    /// What deposits and withdrawals are called.
    pub references: References,
    /// What is asked for, and on how many sides of the die.
    pub wishes: Vec<(Wish, u8)>,
}

impl Cast {
    /// What somebody wants.
    pub(crate) fn wish(&self, dice: &mut Dice<'_>) -> Wish {
        let mut side = dice.below(self.wishes.iter().map(|(_, sides)| sides).sum());
        for (wish, sides) in &self.wishes {
            if side < *sides {
                return *wish;
            }
            side -= sides;
        }
        Wish::Subscription
    }

    /// Mostly one of a few.
    pub fn customer(&self, dice: &mut Dice<'_>) -> &str {
        &self.customers[dice.one_of(&self.usual_customers)]
    }

    /// What somebody subscribes to; now and then what has no rate.
    pub(crate) fn subscribed(&self, dice: &mut Dice<'_>) -> &Outline {
        match self.bare() {
            Some(bare) if dice.once_in(24) => bare,
            _ => &self.products[dice.one_of(&self.usual_products)],
        }
    }

    /// What an operator changes; now and then what has no rate.
    pub(crate) fn changed(&self, dice: &mut Dice<'_>) -> &Outline {
        match self.bare() {
            Some(bare) if dice.once_in(12) => bare,
            _ => {
                let others: Vec<&Outline> = self.products.iter().filter(|product| product.entrance != Entrance::Bare).collect();
                dice.one_of(&others)
            }
        }
    }

    /// The product without a rate, if there is one.
    pub(crate) fn bare(&self) -> Option<&Outline> {
        self.products.iter().find(|product| product.entrance == Entrance::Bare)
    }
}
