//! Stake and watch it earn: from the assets to the receipt, with script and without, on a phone and on a desk.

use super::driver::{Page, View};
use super::scene::{AGREEMENT, ALICE, Scene, VIEWS, expect_quiet, folder};
use serde_json::json;
use thirtyfour::Key;

/// Waits until what was typed has been answered.
async fn answered(page: &Page) {
    page.wait_for("#confirm .bar button:enabled").await;
}

/// From the assets to the receipt of 12.5 SOL for 30 days.
async fn subscribes(view: View) {
    let scene = Scene::empty();
    let page = scene.enter(&view, ALICE).await;
    page.wait_text("#coin-SOL", "SOL").await;
    page.follow("a[href='/products?asset=SOL']").await;
    page.follow("a[href='/products/sol-30']").await;
    page.wait_text("main", "6.50%").await;
    // The calculator answers while one types, with the API's own numbers.
    page.type_into("#calculator input[name=amount]", "12.5").await;
    let estimate = scene.server.public().get("/v1/products/sol-30/estimate?amount=12.5").ok();
    page.wait_text("#estimate", estimate["reward_per_day"].as_str().expect("text")).await;
    page.follow("a[href='/products/sol-30/subscribe']").await;
    page.type_into("#amount", "12.5").await;
    page.wait_text("#summary", "12.5").await;
    page.wait_text("#summary", "23 Mar 2026").await;
    answered(&page).await;
    page.click("input[name=source][value=spot]").await;
    page.wait_text("#summary", "12.5").await;
    page.click("input[name=agreement]").await;
    answered(&page).await;
    page.screenshot(&folder(), "flow-subscribe").await;
    page.follow("#confirm .bar button").await;
    page.wait_text("h1", "You are staking").await;
    page.screenshot(&folder(), "flow-receipt").await;
    expect_quiet(&page, &scene).await;
    assert_eq!((scene.sol("spot").as_str(), scene.sol("staked").as_str()), ("37.5", "12.5"));
    // The receipt keeps its address.
    let address = page.url().await;
    page.goto("/assets").await;
    page.goto(&address).await;
    page.wait_text("main", "12.5").await;
    // Days pass: the position shows them, with the maths of each.
    scene.move_to("2026-03-01T12:00:00Z");
    page.follow("a[href='/holdings/1']").await;
    let reward = scene.alice().get("/v1/rewards?position=1&limit=1").ok();
    let (reward, carry) = (reward["items"][0]["reward"].clone(), reward["items"][0]["numerator"].clone());
    page.wait_text("#days", reward.as_str().expect("text")).await;
    page.click("#days summary").await;
    let grouped = page.text("#days .maths").await.replace(',', "");
    assert!(grouped.contains(carry.as_str().expect("text")), "{grouped}");
    page.wait_text("main", "Day 9 of 30").await;
    page.screenshot(&folder(), "flow-holding").await;
    // The switch.
    page.follow("form.switch button").await;
    page.wait_for("form.switch .tag.active").await;
    assert_eq!(scene.alice().get("/v1/positions/1").ok()["auto_renew"], true);
    expect_quiet(&page, &scene).await;
}

#[tokio::test]
async fn on_a_phone() {
    subscribes(VIEWS[0]).await;
}

#[tokio::test]
async fn on_a_desk() {
    subscribes(VIEWS[2]).await;
}

#[tokio::test]
async fn in_the_dark() {
    subscribes(VIEWS[1]).await;
    subscribes(VIEWS[3]).await;
}

/// The sheet without script: look first, then confirm exactly that.
async fn subscribes_without_script(view: View) {
    let scene = Scene::empty();
    let page = scene.enter(&view, ALICE).await;
    page.goto("/products/sol-30/subscribe").await;
    page.follow("button[name=most]").await;
    page.wait_text("#summary", "From Funding").await;
    let most = page.run("return document.querySelector('#amount').value", vec![]).await;
    assert_eq!(most, json!("150"), "both accounts, below the maximum of 200");
    page.type_into("#amount", "110").await;
    page.follow("#ask > button.no-script:not(.leads)").await;
    page.wait_text("#summary", "110").await;
    page.screenshot(&folder(), "no-script-subscribe").await;
    page.click("input[name=agreement]").await;
    page.follow("#confirm .bar button").await;
    page.wait_text("h1", "You are staking").await;
    expect_quiet(&page, &scene).await;
    let position = scene.alice().get("/v1/positions/1").ok();
    assert_eq!((position["from_funding"].as_str(), position["from_spot"].as_str()), (Some("100"), Some("10")));
}

#[tokio::test]
async fn without_script() {
    subscribes_without_script(View { name: "phone-no-script", script: false, ..View::PHONE }).await;
    subscribes_without_script(View { name: "desk-no-script", script: false, ..View::DESK }).await;
}

#[tokio::test]
async fn a_double_tap_and_a_retry_book_once() {
    let scene = Scene::empty();
    let page = scene.enter(&View::PHONE, ALICE).await;
    page.goto("/products/sol-flex/subscribe?amount=100&source=funding").await;
    page.click("input[name=agreement]").await;
    // Both taps leave before any answer; all of Funding is staked, so the second one would be refused if it counted.
    page.run(
        "const form = document.querySelector('#confirm'); const body = new URLSearchParams(new FormData(form));
         window.done = Promise.all([1, 2, 3].map(() => fetch(form.action, { method: 'POST', body }).then(answer => answer.url)));",
        vec![],
    )
    .await;
    let urls = page.run_until_called("const done = arguments[arguments.length - 1]; window.done.then(done)", vec![]).await;
    let urls: Vec<&str> = urls.as_array().expect("three").iter().filter_map(|url| url.as_str()).collect();
    assert!(urls.iter().all(|url| url.contains("/receipts/") && url == &urls[0]), "{urls:?}");
    // The sheet that is still open confirms once more, as a customer does who saw no answer.
    page.follow("#confirm .bar button").await;
    page.wait_text("h1", "You are staking").await;
    assert!(page.url().await.starts_with(urls[0].split('?').next().expect("a path")));
    assert_eq!((scene.sol("staked").as_str(), scene.sol("funding").as_str()), ("100", "0"));
    expect_quiet(&page, &scene).await;
}

#[tokio::test]
async fn what_changed_meanwhile_is_said_before_anything_is_booked() {
    let scene = Scene::empty();
    let page = scene.enter(&View::DESK, ALICE).await;
    page.goto("/products/sol-30/subscribe?amount=10&source=funding").await;
    page.click("input[name=agreement]").await;
    scene.move_to("2026-02-21T00:00:00.001Z");
    page.follow("#confirm .bar button").await;
    page.wait_text(".fault", "Something changed").await;
    page.wait_text(".fault", "First day that counts").await;
    assert!(page.text(".fault").await.contains("22 Feb 2026"));
    page.screenshot(&folder(), "flow-changed").await;
    assert_eq!(scene.sol("staked"), "0");
    // A new agreement: the one that was ticked is not in force any more.
    page.click("input[name=agreement]").await;
    let words = json!({"version": "2026-02", "text": "Another agreement."});
    scene.server.operator().post("/v1/operator/agreements", words).ok();
    page.follow("#confirm .bar button").await;
    page.wait_text(".fault", "Agreement").await;
    assert!(page.text(".fault").await.contains(&format!("it was {AGREEMENT}, it is 2026-02 now")));
    // The balance: staked elsewhere meanwhile.
    page.click("input[name=agreement]").await;
    let all = json!({"asset": "SOL", "from": "funding", "to": "spot", "amount": "95"});
    scene.alice().post("/v1/transfers", all).ok();
    page.follow("#confirm .bar button").await;
    page.wait_text(".fault", "You have").await;
    page.type_into("#amount", "5").await;
    page.wait_text("#summary", "You stake").await;
    answered(&page).await;
    page.click("input[name=agreement]").await;
    page.follow("#confirm .bar button").await;
    page.wait_text("h1", "You are staking").await;
    assert_eq!(scene.sol("staked"), "5");
}

#[tokio::test]
async fn enter_looks_at_what_was_typed_and_takes_nothing_more() {
    let scene = Scene::new();
    for script in [true, false] {
        let page = scene.enter(&View { script, ..View::DESK }, ALICE).await;
        for sheet in ["/products/sol-flex/subscribe", "/holdings/1/redeem"] {
            page.goto(sheet).await;
            page.type_into("#amount", "5").await;
            page.press(&[Key::Enter]).await;
            page.wait_text("#summary", "What you confirm").await;
            for field in ["#amount", "#summary [name=amount]"] {
                let value = page.run("return document.querySelector(arguments[0]).value", vec![field.into()]).await;
                assert_eq!(value, json!("5"), "{sheet} {field}, script: {script}");
            }
        }
    }
}

#[tokio::test]
async fn max_is_there_where_something_is() {
    let scene = Scene::empty();
    let all = json!({"asset": "SOL", "from": "funding", "to": "spot", "amount": "100"});
    scene.alice().post("/v1/transfers", all).ok();
    let page = scene.enter(&View::PHONE, ALICE).await;
    page.goto("/products/sol-flex/subscribe?source=funding").await;
    page.wait_for("button[data-most]:disabled").await;
    page.click("input[name=source][value=spot]").await;
    page.wait_for("button[data-most]:enabled").await;
    page.click("button[data-most]").await;
    page.wait_text("#summary", "150 SOL").await;
}

#[tokio::test]
async fn nothing_is_confirmed_that_was_not_shown() {
    let scene = Scene::empty();
    let page = scene.enter(&View::PHONE, ALICE).await;
    page.goto("/products/sol-30/subscribe?amount=10&source=funding").await;
    // What is typed and not yet answered cannot be confirmed.
    page.run("document.querySelector('#amount').value = '99'; document.querySelector('#amount').dispatchEvent(new Event('input', { bubbles: true }));", vec![]).await;
    assert!(page.exists("#confirm .bar button:disabled").await);
    page.wait_text("#summary", "99").await;
    answered(&page).await;
    // Answers that come late and out of order: whatever can be confirmed is what stands in the field.
    page.devtools("Network.enable", json!({})).await;
    let slow = |latency: u32| json!({"offline": false, "latency": latency, "downloadThroughput": -1, "uploadThroughput": -1});
    page.devtools("Network.emulateNetworkConditions", slow(700)).await;
    let wrong = page
        .run_until_called(
            "const done = arguments[arguments.length - 1], field = document.querySelector('#amount'); let wrong = 0, right = 0;
             const type = text => { field.value = text; field.dispatchEvent(new Event('input', { bubbles: true })); };
             const started = performance.now();
             const look = setInterval(() => {
                 const button = document.querySelector('#confirm .bar button'), shown = document.querySelector('#summary [name=amount]').value;
                 if (!button.disabled) shown === field.value ? right++ : wrong++;
                 const since = performance.now() - started;
                 if (since > 4000 && (right || since > 15000)) { clearInterval(look); done([wrong, right > 0]); }
             }, 20);
             type('1'); setTimeout(() => type('17'), 400); setTimeout(() => type('171'), 900); setTimeout(() => type('99'), 1300);",
            vec![],
        )
        .await;
    assert_eq!(wrong, json!([0, true]));
    page.devtools("Network.emulateNetworkConditions", slow(0)).await;
    // Without the tick the sheet stays, says so, and keeps the amount.
    page.run("document.querySelector('input[name=agreement]').required = false", vec![]).await;
    page.follow("#confirm .bar button").await;
    page.wait_text(".fault", "Tick the agreement").await;
    assert_eq!(page.run("return document.querySelector('#amount').value", vec![]).await, json!("99"));
    for (amount, said) in
        [("0.001", "minimum"), ("abc", "positive amount"), ("250", "maximum leaves"), ("101", "You have"), ("1e-10", "decimals")]
    {
        page.type_into("#amount", amount).await;
        page.wait_text("#summary", said).await;
    }
    page.screenshot(&folder(), "flow-refused").await;
    assert_eq!(scene.sol("staked"), "0");
}
