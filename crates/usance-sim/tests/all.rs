//! Every test of the simulator, in one binary. With the feature `planted` it is another one: that the simulator finds bugs.

#[cfg(feature = "planted")]
#[path = "suite/planted.rs"]
mod planted;
#[cfg(not(feature = "planted"))]
#[path = "suite/worlds.rs"]
mod worlds;
