//! Everything that is tested against the real binary, over HTTP and on the command line.

mod suite {
    mod browser;
    mod cli;
    mod contract;
    mod crash;
    mod damage;
    mod document;
    mod harness;
    mod load;
    mod money;
    mod packaging;
    mod pages;
    mod platform;
    mod postgres;
    mod routes;
    mod standby;
    mod store;
    mod story;
    mod vectors;
}
