//! Guessing is slow wherever it comes from, and shuts nobody out.

use super::{BEHIND_US, Jar, PASSWORD, between, house, set_password};
use crate::suite::harness::{factor_code, seconds_now};
use crate::suite::platform::Platform;
use serde_json::json;

/// Wrong passwords from addresses of one network, each once; gives the statuses.
fn guesses(platform: &Platform, customer: &str, network: u8, count: u8) -> Vec<u16> {
    let guess = |last| Jar::at(&platform.server, &format!("203.0.{network}.{last}")).try_password(customer, "not this one").status;
    (0..count).map(guess).collect()
}

fn counter(platform: &Platform, name: &str) -> u64 {
    let text = platform.server.public().get("/metrics").text();
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    found.unwrap_or(0)
}

#[test]
fn many_addresses_guess_slowly_and_the_customers_own_device_comes_in() {
    let platform = house(&BEHIND_US);
    let mut phone = Jar::at(&platform.server, "198.51.100.7").enter("alice");
    phone.send("/sign-out", &[]);
    assert!(!phone.is_in());
    let statuses = guesses(&platform, "alice", 113, 30);
    assert_eq!(statuses, [vec![401; 20], vec![429; 10]].concat(), "twenty strangers, whoever they are");
    // A device that was never here still comes in, from a network that did not fail. Only many networks use that up, too.
    assert!(Jar::at(&platform.server, "198.51.100.8").enter("alice").is_in());
    let others: Vec<u16> = (0..12).flat_map(|network| guesses(&platform, "alice", network, 1)).collect();
    assert_eq!(others, [vec![401; 10], vec![429; 2]].concat());
    // The price: then such a device waits its turn, and is told how long, and which ways remain.
    let refused = Jar::at(&platform.server, "198.51.100.8").try_password("alice", PASSWORD);
    let wait: u64 = refused.header("retry-after").and_then(|wait| wait.parse().ok()).expect("seconds");
    assert!(refused.status == 429 && (1..=120).contains(&wait), "{}: {wait}", refused.status);
    assert!(refused.text().contains("a link from your exchange"), "{}", refused.text());
    // A device that was, from wherever, does not notice; nor does another customer; nor does a link of the exchange.
    phone = Jar { address: Some("203.0.113.1".into()), ..phone };
    assert!(phone.enter("alice").is_in());
    assert!(Jar::at(&platform.server, "203.0.113.2").enter("bob").is_in());
    let link = platform.operator.post("/v1/operator/customers/alice/sign-in-links", json!({})).ok();
    let mut tablet = Jar::at(&platform.server, "203.0.113.3");
    let secret = link["code"].as_str().expect("a link");
    assert_eq!(tablet.form("/sign-in/link", &[("seen", "true"), ("link", secret)]).status, 303);
    // The link made it a known device: from now on its password counts by itself, too.
    tablet.send("/sign-out", &[]);
    assert!(tablet.enter("alice").is_in());
    assert!(counter(&platform, "usance_sign_ins_total{step=\"password\",outcome=\"throttled\"}") >= 13);
    assert_eq!(counter(&platform, "usance_sign_ins_total{step=\"password\",outcome=\"wrong\"}"), 30);
}

#[test]
fn one_address_cannot_use_up_what_strangers_have() {
    let platform = house(&BEHIND_US);
    let mut one = Jar::at(&platform.server, "203.0.113.1");
    let statuses: Vec<u16> = (0..60).map(|_| one.try_password("alice", "not this one").status).collect();
    assert_eq!(statuses, [vec![401; 10], vec![429; 50]].concat());
    assert!(Jar::at(&platform.server, "198.51.100.8").enter("alice").is_in(), "a new device elsewhere");
    // A whole /64 of IPv6 is one address.
    let six = |last: u16| Jar::at(&platform.server, &format!("2001:db8:0:1::{last:x}")).try_password("bob", "not this one").status;
    let statuses: Vec<u16> = (1..=12).map(six).collect();
    assert_eq!(statuses, [vec![401; 10], vec![429; 2]].concat());
    assert!(Jar::at(&platform.server, "2001:db8:0:2::1").enter("bob").is_in());
}

#[test]
fn right_passwords_give_their_try_back_and_are_checked_sixty_times_at_once() {
    let platform = house(&BEHIND_US);
    let right = |last: usize| Jar::at(&platform.server, &format!("203.0.113.{last}")).try_password("alice", PASSWORD).status;
    let statuses: Vec<u16> = (0..62).map(right).collect();
    assert_eq!(statuses, [vec![303; 60], vec![429; 2]].concat(), "from one network");
    assert!(Jar::at(&platform.server, "198.51.100.8").enter("alice").is_in(), "elsewhere nobody notices");
    let mut bob = Jar::at(&platform.server, "203.0.113.1");
    assert_eq!(bob.try_password("bob", PASSWORD).status, 303, "nor does another customer there");
}

#[test]
fn a_forwarded_address_is_believed_from_a_named_proxy_only() {
    let spoofing = |more: &[&str], said: &dyn Fn(u8) -> String| -> Vec<u16> {
        let platform = house(more);
        (0..12).map(|last| Jar::at(&platform.server, &said(last)).try_password("alice", "not this one").status).collect()
    };
    let fresh = |last| format!("203.0.113.{last}");
    let slowed = [vec![401; 10], vec![429; 2]].concat();
    assert_eq!(spoofing(&[], &fresh), slowed, "nobody is believed");
    assert_eq!(spoofing(&["--https"], &fresh), slowed, "https says nothing about proxies");
    assert_eq!(spoofing(&["--trusted-proxy", "10.0.0.0/8,fd00::/8"], &fresh), slowed, "we are not among those");
    assert_eq!(spoofing(&BEHIND_US, &fresh), vec![401; 12]);
    // What the customer wrote stands to the left of what the proxy saw.
    let written = |last| format!("203.0.113.{last}, 198.51.100.7");
    assert_eq!(spoofing(&BEHIND_US, &written), slowed);
    let two_proxies = |last| format!("203.0.113.{last}, 198.51.100.7, 10.1.1.1");
    assert_eq!(spoofing(&["--trusted-proxy", "127.0.0.0/8", "--trusted-proxy", "10.0.0.0/8"], &two_proxies), slowed);
}

#[test]
fn a_proxy_that_nobody_named_is_said_once() {
    const SAID: &str = "X-Forwarded-For comes from an address that no --trusted-proxy names";
    let platform = house(&[]);
    for last in 1..4 {
        Jar::at(&platform.server, &format!("203.0.113.{last}")).try_password("alice", "not this one");
    }
    assert!(platform.server.log_line(SAID).contains("127.0.0.1"));
    assert_eq!(platform.server.printed().matches(SAID).count(), 1);
    let named = house(&BEHIND_US);
    Jar::at(&named.server, "203.0.113.1").try_password("alice", "not this one");
    assert!(!named.server.printed().contains(SAID));
}

#[test]
fn a_mark_of_a_device_cannot_be_made_moved_or_kept_past_a_new_password() {
    let platform = house(&BEHIND_US);
    let alice = Jar::at(&platform.server, "198.51.100.7").enter("alice");
    let bob = Jar::at(&platform.server, "198.51.100.7").enter("bob");
    let mark = alice.cookies["usance_device"].clone();
    assert!(!mark.contains("alice"), "it names nobody");
    (0..30).for_each(|network| drop(guesses(&platform, "alice", network, 1)));
    let with = |mark: &str, password: &str| {
        let mut jar = Jar::at(&platform.server, "198.51.100.99");
        jar.cookies.insert("usance_device".into(), mark.to_owned());
        jar.try_password("alice", password).status
    };
    let later = mark.replacen(mark.split('-').next().expect("an instant"), "99999999999999", 1);
    let changed = format!("{}0", &mark[..mark.len() - 1]);
    let changed = if changed == mark { format!("{}1", &mark[..mark.len() - 1]) } else { changed };
    let number = mark.replace(mark.split('-').nth(1).expect("a number"), "00000000000000000000000000000000");
    for forged in ["", "x", "~~~~", "1-2-3-4", &bob.cookies["usance_device"], &later, &changed, &number, &format!("{mark}-")] {
        assert_eq!(with(forged, PASSWORD), 429, "{forged:?} is a stranger's");
    }
    let crowded = ["a-b-c-d", "1-2-3-4", "~", &mark].join("~");
    assert_eq!(with(&crowded, PASSWORD), 429, "four are read, no more");
    assert_eq!(with(&mark, PASSWORD), 303);
    assert_eq!(with(&format!("{}~{mark}", bob.cookies["usance_device"]), PASSWORD), 303, "two who share a browser");
    // Ten wrong ones from it, and it waits as everybody does.
    let statuses: Vec<u16> = (0..11).map(|_| with(&mark, "not this one")).collect();
    assert_eq!(statuses, [vec![401; 10], vec![429]].concat());
    set_password(&platform.operator, "alice", "another password");
    assert_eq!(with(&mark, "another password"), 429, "whoever knew the old one is a stranger");
}

#[test]
fn whoever_has_the_password_cannot_use_up_the_codes_of_a_known_device() {
    let platform = house(&BEHIND_US);
    let mut phone = Jar::at(&platform.server, "198.51.100.7").enter("alice");
    let secret = between(&phone.get("/settings/second-factor").text(), "name=\"secret\" value=\"", "\"");
    assert_eq!(
        phone
            .send("/settings/second-factor", &[("secret", &secret), ("code", &factor_code(&secret, seconds_now())), ("password", PASSWORD)])
            .status,
        303
    );
    phone.send("/sign-out", &[]);
    let ticket = |jar: &mut Jar| {
        let asked = jar.try_password("alice", PASSWORD);
        assert_eq!(asked.status, 200, "{}", asked.text());
        between(&asked.text(), "name=\"ticket\" value=\"", "\"")
    };
    let mut statuses = Vec::new();
    for last in 0..8 {
        let mut thief = Jar::at(&platform.server, &format!("203.0.113.{last}"));
        let ticket = ticket(&mut thief);
        statuses.push(thief.form("/sign-in/code", &[("ticket", &ticket), ("code", "000000")]).status);
    }
    assert_eq!(statuses, [vec![401; 6], vec![429; 2]].concat(), "all thieves together have six");
    let carried = ticket(&mut phone);
    let wrong = phone.form("/sign-in/code", &[("ticket", &carried), ("code", "00000")]);
    assert_eq!(wrong.status, 401);
    let right = phone.form("/sign-in/code", &[("ticket", &carried), ("code", &factor_code(&secret, seconds_now() + 30))]);
    assert_eq!(right.status, 303, "{}", right.text());
    assert!(phone.is_in());
    // A new password ends what waits for a code.
    let mut again = Jar { cookies: phone.cookies.clone(), ..phone };
    again.cookies.remove("usance_session");
    let waiting = ticket(&mut again);
    set_password(&platform.operator, "alice", "another password");
    assert_eq!(again.form("/sign-in/code", &[("ticket", &waiting), ("code", &factor_code(&secret, seconds_now() + 30))]).status, 401);
}

#[test]
fn an_unknown_customer_costs_a_hash_like_a_known_one() {
    let platform = house(&[]);
    let hashes = || counter(&platform, "usance_password_hashes_total");
    for customer in ["alice", "nobody", "../alice", "al\0ice", ""] {
        let before = hashes();
        assert_eq!(Jar::new(&platform.server).try_password(customer, "not this one").status, 401, "{customer:?}");
        assert_eq!(hashes() - before, 1, "{customer:?}");
    }
}
