//! The entry points over their corpora and over thousands of inputs made of those, with little memory where that can be. The
//! books stay healthy under all of it.

use super::entries::dice::Dice;
use super::entries::{self, Service, spreadsheet};
use super::mutation;
use std::collections::BTreeMap;
use std::path::PathBuf;
use usance_server::contract::route::Route;
use usance_server::contract::routes::table;
use usance_server::site::pages;

fn corpus(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name)
}

/// What holds no engine under load runs in a process that may have 2 GiB of addresses: the allocator of this program sets one of
/// them aside at its first step.
fn in_little_memory(name: &str, run: impl FnOnce()) {
    mutation::run_in_little_memory(&format!("suite::fuzz::{name}"), 2_048, run);
}

#[test]
fn instants() {
    in_little_memory("instants", || mutation::run(&corpus("instants"), 30_000, entries::instants));
}

#[test]
fn accepts() {
    in_little_memory("accepts", || mutation::run(&corpus("accepts"), 30_000, entries::accepts));
}

#[test]
fn cursors() {
    in_little_memory("cursors", || {
        let service = Service::start();
        mutation::run(&corpus("cursors"), 10_000, |data| entries::cursors(&service, data));
    });
}

#[test]
fn requests() {
    let service = Service::start();
    mutation::run(&corpus("requests"), 500, |data| {
        let _ = entries::requests(&service, data);
    });
    let mut answered: BTreeMap<&str, BTreeMap<u16, usize>> = BTreeMap::new();
    for number in 0..9_500 {
        if let Some((operation, status)) = entries::requests(&service, &entries::seed(number)) {
            *answered.entry(operation).or_default().entry(status).or_default() += 1;
        }
        if number % 500 == 0 {
            service.expect_healthy();
        }
    }
    service.expect_healthy();
    // Every route of the table was asked, and most of them did something.
    let asked = |route: &Route| answered.get(route.operation).cloned().unwrap_or_default();
    let (mut worked, table) = (0, table());
    for route in &table {
        let statuses = asked(route);
        assert!(statuses.values().sum::<usize>() >= 50, "{}: {statuses:?}", route.operation);
        worked += usize::from(statuses.keys().any(|status| *status < 300));
        println!("{}: {statuses:?}", route.operation);
    }
    let possible = table.iter().filter(|route| !BEYOND_WORDS.contains(&route.operation)).count();
    assert!(worked * 10 >= possible * 9, "{worked} of {possible} did something");
}

/// What no body of single words can be: it has to fit what was signed, seen, counted or ordered.
const BEYOND_WORDS: [&str; 10] = [
    "picture_create",
    "attestation_create",
    "top_up_create",
    "sweep_create",
    "proposal_sign",
    "order_sign",
    "order_prepare",
    "order_send",
    "order_tell",
    "commission_withdraw",
];

/// Forms that cannot be right here: what they carry is known to nobody, or stands for what has ended.
const IN_VAIN: [&str; 6] =
    ["page_sign_in_send", "page_sign_in_code", "page_sign_in_link", "page_auto_renew_send", "page_factor_send", "page_factor_remove"];

#[test]
fn pages_and_their_forms() {
    let service = Service::start();
    mutation::run(&corpus("pages"), 500, |data| {
        let _ = entries::pages(&service, data);
    });
    let mut answered: BTreeMap<&str, BTreeMap<String, usize>> = BTreeMap::new();
    for number in 0..4_200 {
        if let Some((operation, how)) = entries::pages(&service, &entries::seed(number)) {
            *answered.entry(operation).or_default().entry(how).or_default() += 1;
        }
        if number % 500 == 0 {
            service.expect_healthy();
        }
    }
    service.expect_healthy();
    // Every page was visited, and it was not always the page of a failure or the way to the sign-in page.
    for page in pages::table() {
        let ways = answered.get(page.operation).cloned().unwrap_or_default();
        println!("{}: {ways:?}", page.operation);
        assert!(ways.values().sum::<usize>() >= 20, "{}: {ways:?}", page.operation);
        let (did, signs_out) = (|how: &String| how.starts_with('2') || how.starts_with('3'), page.operation == "page_sign_out");
        let worked = ways.keys().any(|how| did(how) && (signs_out || how != "303 sign-in"));
        assert!(worked || IN_VAIN.contains(&page.operation), "{}: {ways:?}", page.operation);
    }
    // What customers come for was booked by forms.
    for form in ["page_transfer_send", "page_subscribe_send", "page_redeem_send"] {
        assert!(answered[form].contains_key("303 receipts"), "{form}: {:?}", answered[form]);
    }
}

#[test]
fn statements() {
    in_little_memory("statements", || {
        let service = Service::start();
        mutation::run(&corpus("statements"), 200, |data| spreadsheet::statements(&service, data));
        service.expect_healthy();
    });
}

#[test]
fn cells() {
    in_little_memory("cells", || mutation::run(&corpus("cells"), 30_000, spreadsheet::cells));
}

#[test]
fn a_byte_that_is_changed_changes_one_decision_and_few_bytes_are_enough() {
    let decisions = |data: &[u8]| {
        let mut dice = Dice::new(data);
        (0..60).map(|_| dice.below(100)).collect::<Vec<_>>()
    };
    let data: Vec<u8> = (0..50).collect();
    let mut changed = data.clone();
    changed[7] ^= 1;
    let (before, after) = (decisions(&data), decisions(&changed));
    let differ: Vec<usize> = (0..data.len()).filter(|at| before[*at] != after[*at]).collect();
    assert_eq!(differ, [7]);
    assert_ne!(decisions(b"a")[1..], decisions(b"b")[1..], "what goes on behind few bytes is of their making");
    assert_eq!(decisions(b"a"), decisions(b"a"));
}
