//! Everything that is tested against the real binary, over HTTP and on the command line.

mod suite {
    mod abuse;
    mod browser;
    mod cli;
    mod contract;
    mod crash;
    mod damage;
    mod demo;
    mod document;
    mod doubt;
    mod entries;
    mod fuzz;
    mod harness;
    mod load;
    mod money;
    #[path = "../../../usance-core/tests/all/mutation.rs"]
    mod mutation;
    mod packaging;
    mod pages;
    mod platform;
    mod postgres;
    mod released;
    mod routes;
    mod security;
    mod shipping;
    mod standby;
    mod store;
    mod story;
    mod tampering;
    mod vectors;
}
