//! Every test of the stores that needs no private item, in one binary.

mod suite;
