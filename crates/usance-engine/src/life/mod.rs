//! The life of the machine in one process: from opening a store to the end of its writer.
//!
//! `start` opens a store and recovers (`settings`: how, `started`: what that gives); `recovering` is what every start does alike; `launch` begins the threads: `writer`
//! decides and makes durable, `workers` follow the log (read tables, snapshots). `live` is what the threads of one life
//! share, `engine` the handle on whichever life is the present one, `watching` who follows a customer and is woken when it is touched. On a store that several processes can write, `node` is
//! this process among them, `follow`, `takeover` and `write` its three states, `cycle` the way from one to the next;
//! `lease` says what it may believe to be, `loss` what is done about a log that lost its end, `proof` what of it is proven beside the running machine. `gate` is backpressure. `clock`, `pool`, `progress` and `message` are what they are made of.

pub mod clock;
mod cycle;
pub mod engine;
mod follow;
mod follower;
pub mod gate;
mod launch;
pub mod lease;
pub(crate) mod live;
pub mod loss;
pub mod message;
mod node;
pub mod pool;
pub mod progress;
mod proof;
mod recovering;
pub mod settings;
pub mod start;
pub mod started;
mod takeover;
pub mod watching;
mod workers;
mod write;
mod writer;
