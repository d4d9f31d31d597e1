//! What the core promises, from the outside: golden cases, properties over random histories, and tables of
//! readable cases.
//!
//! One binary, because linking once is quicker than six times. `driver` is the engine in small that all of them run;
//! `world` makes the random histories of `properties` and `outlook`, `past` looks at them from behind, `table` reads those of `cases`;
//! `close` has positions by the chunk; `line` runs a treasury beside a twin of who waits for its coins;
//! `fuzz` hands the `entries` what `mutation` makes of a corpus.

#[path = "all/cases/mod.rs"]
mod cases;
#[path = "all/close.rs"]
mod close;
#[path = "all/driver.rs"]
mod driver;
#[path = "all/entries.rs"]
mod entries;
#[path = "all/fuzz.rs"]
mod fuzz;
#[path = "all/line.rs"]
mod line;
#[path = "all/mutation.rs"]
mod mutation;
#[path = "all/outlook.rs"]
mod outlook;
#[path = "all/past.rs"]
mod past;
#[path = "all/properties.rs"]
mod properties;
#[path = "all/table.rs"]
mod table;
#[path = "all/vectors/mod.rs"]
mod vectors;
#[path = "all/world.rs"]
mod world;
