//! The customer's app in a real browser: every page in every look, and every flow as a customer goes through it.

mod axe;
mod comfort;
mod driver;
mod entry;
mod evil;
mod layout;
mod proof;
mod redeem;
mod scene;
mod stake;
mod tour;
