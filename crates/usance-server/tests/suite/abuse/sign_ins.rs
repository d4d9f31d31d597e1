//! Sign-ins without end: checking passwords takes long on purpose, and whoever has many checked keeps nobody else out.

use crate::suite::platform::Platform;
use crate::suite::security::{BEHIND_US, Jar, PASSWORD, house, set_password};
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{ScopedJoinHandle, scope};
use std::time::Duration;
use usance_server::site::pages::table;
use usance_server::wire::admission::Class;

/// Ends what goes on beside a test, however the test ends.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn whoever_signs_in_without_end_keeps_nobody_else_out() {
    let platform = house(&BEHIND_US);
    let server = &platform.server;
    let device = |address: &str, customer: &str| {
        let mut jar = Jar::at(server, address).enter(customer);
        jar.cookies.remove("usance_session");
        jar
    };
    let (phone, bobs) = (device("198.51.100.7", "alice"), device("203.0.113.1", "bob"));
    let (over, refused) = (AtomicBool::new(false), AtomicUsize::new(0));
    let statuses: Vec<u16> = scope(|scope| {
        let _stop = Stop(&over);
        for number in 0..24 {
            let jar = if number % 2 == 0 { bobs.clone() } else { Jar::at(server, "203.0.113.1") };
            let (over, refused) = (&over, &refused);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let answer = jar.clone().try_password("bob", PASSWORD);
                    let is_told_when = answer.status == 429 && answer.header("retry-after") == Some("1");
                    refused.fetch_add(usize::from(is_told_when), Ordering::Relaxed);
                }
            });
        }
        let tries = (0..5).flat_map(|number| [phone.clone(), Jar::at(server, &format!("198.51.{number}.9"))]);
        tries.map(|mut jar| jar.try_password("alice", PASSWORD).status).collect()
    });
    assert_eq!(statuses, [303; 10], "on a known device and on new ones");
    assert!(refused.load(Ordering::Relaxed) > 0, "one customer has few tries under way, also with the right password");
    // Whoever was refused has used up nothing.
    assert!(Jar::at(server, "203.0.113.1").enter("bob").is_in());
}

/// What became of sign-ins with the right password, one after another, while a crowd signs in without end.
fn beside<'a>(crowd: impl Iterator<Item = (Jar, String, &'a str)>, tries: impl Iterator<Item = Jar>) -> (Vec<u16>, usize) {
    let (over, refused) = (AtomicBool::new(false), AtomicUsize::new(0));
    let statuses = scope(|scope| {
        let _stop = Stop(&over);
        for (jar, customer, password) in crowd {
            let (over, refused) = (&over, &refused);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let status = jar.clone().try_password(&customer, password).status;
                    refused.fetch_add(usize::from([429, 503].contains(&status)), Ordering::Relaxed);
                }
            });
        }
        while refused.load(Ordering::Relaxed) == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        tries.map(|mut jar| jar.try_password("alice", PASSWORD).status).collect()
    });
    (statuses, refused.into_inner())
}

/// The way in of a device that is known: its mark, and no session.
fn known_device(platform: &Platform, address: &str, customer: &str) -> Jar {
    let mut jar = Jar::at(&platform.server, address).enter(customer);
    jar.cookies.remove("usance_session");
    jar
}

#[test]
fn three_networks_keep_no_stranger_out() {
    let platform = house(&BEHIND_US);
    let server = &platform.server;
    let stranger = |number: usize| Jar::at(server, &format!("203.0.{}.{}", number % 3, number));
    let crowd = (0..96).map(|number| (stranger(number), format!("c{number}"), "not this one"));
    let newcomers = (0..8).map(|number| Jar::at(server, &format!("198.51.{number}.9")));
    let (statuses, refused) = beside(crowd, newcomers);
    assert_eq!(statuses, [303; 8], "new devices, each at an address of its own; {refused} of the crowd were refused");
}

#[test]
fn accounts_at_one_address_keep_no_known_device_out() {
    let platform = house(&BEHIND_US);
    let phone = known_device(&platform, "198.51.100.7", "alice");
    let accounts: Vec<String> = (0..33).map(|number| format!("m{number}")).collect();
    let devices: Vec<Jar> = accounts
        .iter()
        .map(|account| {
            platform.operator.post("/v1/operator/customers", json!({"id": account})).ok();
            set_password(&platform.operator, account, PASSWORD);
            known_device(&platform, "203.0.113.1", account)
        })
        .collect();
    let each_twice = devices.iter().zip(&accounts).flat_map(|pair| [pair, pair]);
    let crowd = each_twice.map(|(device, account)| (device.clone(), account.clone(), PASSWORD));
    let (statuses, refused) = beside(crowd, (0..8).map(|_| phone.clone()));
    assert_eq!(statuses, [303; 8], "a device that is known; {refused} of the crowd were refused");
}

#[test]
fn sign_ins_that_wait_take_no_places_from_the_rest() {
    let platform = house(&["--requests", "16", "--trusted-proxy", "127.0.0.1"]);
    let server = &platform.server;
    let reader = platform.acting_for("alice");
    scope(|scope| {
        let guess = |number: usize| {
            let mut jar = Jar::at(server, &format!("203.{number}.113.1"));
            (0..3).map(|_| jar.try_password(&format!("c{number}"), "not this one").status).collect::<Vec<_>>()
        };
        let guessing: Vec<_> = (0..60).map(|number| scope.spawn(move || guess(number))).collect();
        while !guessing.iter().all(ScopedJoinHandle::is_finished) {
            reader.get("/v1/accounts").ok();
        }
        let statuses: Vec<u16> = guessing.into_iter().flat_map(|one| one.join().expect("no client panics")).collect();
        assert!(statuses.iter().all(|status| [401, 503].contains(status)), "{statuses:?}");
        assert!(statuses.contains(&401));
    });
}

#[test]
fn a_password_is_the_one_thing_that_waits_for_its_turn() {
    let waiting: Vec<_> = table().into_iter().filter(|page| page.class == Class::SignIn).map(|page| (page.method, page.path)).collect();
    let where_a_password_is_sent = ["/sign-in", "/settings/second-factor", "/settings/password", "/settings/tokens"];
    assert_eq!(waiting, where_a_password_is_sent.map(|path| (axum::http::Method::POST, path)));
}
