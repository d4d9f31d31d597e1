//! The HTTP contract, promise by promise, against the real binary.
//!
//! One file per promise: [`once`] (a write happens once), [`malformed`] (what cannot be read changes nothing),
//! [`rejections`] (every rule that says no, with its numbers), [`paging`] (a list is the same whole however it is cut),
//! [`statement`] (what a customer sees adds up), [`cut`] (what is of which day), [`ledger`] (the books do), [`offer`] (what is shown before is what is
//! booked), [`live`] (events, health, notices), [`people`] (tokens, passwords, how often one may ask),
//! [`two_people`] (what nobody does alone), [`treasury`] (where the pooled coins are), [`exits`] (who is paid when), [`orders`] (what is to be done
//! with the coins).

mod accept;
mod cut;
pub mod exits;
mod filters;
mod ledger;
mod live;
pub mod losses;
mod malformed;
mod offer;
mod once;
pub mod orders;
mod paging;
mod people;
mod rejections;
mod statement;
pub mod treasury;
pub mod two_people;
