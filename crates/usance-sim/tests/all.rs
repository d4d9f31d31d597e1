//! Every test of the simulator, in one binary. That it finds bugs is shown by `cargo xtask planted`.

#[path = "suite/worlds.rs"]
mod worlds;
