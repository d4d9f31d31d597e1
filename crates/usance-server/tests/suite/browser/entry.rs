//! Coming in: password, second factor, a link from the exchange, sample customers, sessions that can be ended.

use super::super::harness::{Server, binary, factor_code, seconds_now};
use super::driver::{Chrome, View};
use super::scene::{ALICE, PASSWORD, Scene, VIEWS, expect_quiet, folder, sign_in};
use serde_json::json;

#[tokio::test]
async fn a_password_lets_in_and_a_wrong_one_does_not() {
    for view in VIEWS {
        let scene = Scene::empty();
        let page = scene.visit(&view).await;
        page.goto("/holdings?closed=1").await;
        page.wait_for("input[name=password]").await;
        sign_in(&page, ALICE, "not the password").await;
        page.wait_text(".fault", "not right").await;
        page.screenshot(&folder(), "flow-sign-in-refused").await;
        sign_in(&page, "nobody-at-all", PASSWORD).await;
        page.wait_text(".fault", "not right").await;
        sign_in(&page, ALICE, PASSWORD).await;
        // Where the customer wanted to go.
        page.wait_text("h1", "Holdings").await;
        assert!(page.url().await.ends_with("/holdings?closed=1"));
        page.goto("/settings").await;
        page.follow("form[action='/sign-out'] button").await;
        page.wait_for("input[name=password]").await;
        page.goto("/assets").await;
        page.wait_for("input[name=password]").await;
    }
}

#[tokio::test]
async fn a_second_factor_is_asked_once_it_is_set_up() {
    for view in VIEWS {
        let scene = Scene::empty();
        let page = scene.enter(&view, ALICE).await;
        page.goto("/settings/second-factor").await;
        let secret = page.text("main code").await;
        page.type_into("input[name=code]", "000000").await;
        page.type_into("input[name=password]", PASSWORD).await;
        page.follow("main form button").await;
        page.wait_text(".fault", "not right").await;
        assert_eq!(page.text("main code").await, secret, "the same secret, so that the authenticator need not scan again");
        let start = seconds_now();
        page.type_into("input[name=code]", &factor_code(&secret, start)).await;
        page.type_into("input[name=password]", "not this one").await;
        page.follow("main form button").await;
        page.wait_text(".fault", "password is not right").await;
        page.type_into("input[name=code]", &factor_code(&secret, start)).await;
        page.type_into("input[name=password]", PASSWORD).await;
        page.follow("main form button").await;
        page.wait_text("#second-factor", "at every sign-in").await;
        page.follow("form[action='/sign-out'] button").await;
        page.wait_for("input[name=password]").await;
        sign_in(&page, ALICE, PASSWORD).await;
        page.wait_for("input[name=code]").await;
        page.screenshot(&folder(), "flow-second-factor").await;
        // A code counts once; the one of the next step is accepted a little early.
        page.type_into("input[name=code]", &factor_code(&secret, start)).await;
        page.follow("main form button").await;
        page.wait_text(".fault", "not right").await;
        page.type_into("input[name=code]", &factor_code(&secret, seconds_now() + 30)).await;
        page.follow("main form button").await;
        page.wait_for("a[href='/transfer']").await;
    }
}

#[tokio::test]
async fn a_link_from_the_exchange_lets_in_once() {
    for view in VIEWS {
        let scene = Scene::empty();
        let link = scene.server.operator().post(&format!("/v1/operator/customers/{ALICE}/sign-in-links"), json!({})).ok();
        let path = link["path"].as_str().expect("a path").to_owned();
        let page = scene.visit(&view).await;
        page.goto(&path).await;
        page.wait_text("main", ALICE).await;
        // Opening it is not using it.
        page.goto(&path).await;
        page.follow("main form button").await;
        page.wait_for("a[href='/transfer']").await;
        expect_quiet(&page, &scene).await;
        let other = scene.visit(&View::DESK).await;
        other.goto(&path).await;
        other.wait_text(".fault", "used already").await;
    }
}

#[tokio::test]
async fn sessions_are_listed_and_can_be_ended() {
    let scene = Scene::empty();
    let phone = scene.enter(&View::PHONE, ALICE).await;
    let desk = scene.enter(&View::DESK, ALICE).await;
    desk.goto("/settings").await;
    let count = desk.run("return document.querySelectorAll('.sessions li').length", vec![]).await;
    assert_eq!(count, json!(2));
    desk.follow(".sessions form button").await;
    desk.wait_text(".sessions", "This device").await;
    let count = desk.run("return document.querySelectorAll('.sessions li').length", vec![]).await;
    assert_eq!(count, json!(1));
    phone.goto("/assets").await;
    phone.wait_for("input[name=password]").await;
    let phone = scene.enter(&View::PHONE, ALICE).await;
    desk.goto("/settings").await;
    desk.follow("form[action='/sessions/end-others'] button").await;
    desk.wait_text(".sessions", "This device").await;
    phone.goto("/assets").await;
    phone.wait_for("input[name=password]").await;
}

#[tokio::test]
async fn a_demo_offers_its_sample_customers_and_nothing_else_does() {
    let scene = Scene::empty();
    let page = scene.visit(&View::PHONE).await;
    assert!(!page.exists(".samples").await);
    drop((page, scene));
    let directory = tempfile::TempDir::new().expect("a directory");
    let data = directory.path().join("demo");
    let mut command = binary();
    command.arg("demo").args(["--data".as_ref(), data.as_os_str()]).args(["--json", "--listen", "127.0.0.1:0"]);
    let server = Server::run(&mut command, &data).expect("the demo starts");
    let chrome = Chrome::start();
    let page = chrome.open(&View::PHONE).await;
    page.goto(&format!("{}/", server.url)).await;
    page.wait_text("h1", "Staking products").await;
    for state in ["Upcoming", "Sold out", "Ended"] {
        page.wait_text("main", state).await;
    }
    page.follow(".who .btn:not(.quiet)").await;
    page.follow(".samples li:first-child button").await;
    page.wait_text("h1", "Assets").await;
    page.wait_text(".who", "alice").await;
    page.screenshot(&folder(), "demo-assets").await;
    // Letting the day end pays the day's rewards, and leads back to where it was asked for.
    page.goto("/holdings").await;
    // The oldest that runs: it has days, whatever day the sample year ends on.
    page.follow(".offers li:last-child h2 a").await;
    let address = page.url().await;
    let before = page.text("#days li:first-child .day").await;
    page.follow("footer form button").await;
    page.wait_text("footer", "00:00 UTC").await;
    assert_eq!(page.url().await, address);
    assert_ne!(page.text("#days li:first-child .day").await, before);
    assert!(page.console().await.is_empty());
}
