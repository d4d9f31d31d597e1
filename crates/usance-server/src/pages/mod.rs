//! The customer's app: pages made on the server, with the API's own code beneath.
//!
//! No rule and no arithmetic lives here: a page asks the handlers of [`crate::json`] and shows what they say. One file a
//! room: [`sign_in`], [`assets`], [`staking`], [`transfer`], [`products`], [`subscribe`], [`receipt`], [`holdings`], [`redeem`], [`exits`],
//! [`history`], [`notices`], [`activity`], [`agreements`], [`settings`], [`sample`], [`failure`]. [`risks`] decides what is said of a product's risks. [`sheet`] is what is confirmed as it was shown. [`visitor`] knows who looks, [`shell`] what every
//! page shares, [`words`] what is said, [`mod@format`] how money and times look, [`chart`] and [`bar`](crate::look::bar) draw, [`files`] are what browsers
//! fetch. Every page works without script: scripts only save a reload.

pub mod activity;
pub mod agreements;
pub mod assets;
pub mod exits;
pub mod failure;
pub mod file;
pub mod form_token;
pub mod history;
pub mod holdings;
pub mod notices;
pub mod products;
pub mod receipt;
pub mod redeem;
pub mod risks;
pub mod sample;
pub mod seen;
pub mod settings;
pub mod sheet;
pub mod shell;
pub mod sign_in;
pub mod staking;
pub mod subscribe;
pub mod transfer;
pub mod visitor;
pub mod ways_in;
