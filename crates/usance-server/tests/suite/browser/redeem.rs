//! Leaving: flexible by amount, early with every price agreed to, and what history, notices and transfers then show.

use super::driver::View;
use super::scene::{ALICE, Scene, VIEWS, expect_quiet, folder};
use serde_json::json;

async fn redeems(view: View) {
    let scene = Scene::new();
    let page = scene.enter(&view, ALICE).await;
    page.goto("/holdings").await;
    page.follow("a[href='/holdings/1']").await;
    page.follow("a[href='/holdings/1/redeem']").await;
    page.type_into("#amount", "1.5").await;
    page.wait_text("#summary", "You receive").await;
    page.wait_for("#confirm .bar button:enabled").await;
    page.follow("#confirm .bar button").await;
    page.wait_text("h1", "Redeemed").await;
    assert_eq!(scene.alice().get("/v1/positions/1").ok()["principal"], "38.5");
    // An early exit shows every price and asks for consent.
    page.goto("/holdings/2").await;
    page.follow("a[href='/holdings/2/redeem']").await;
    let preview = scene.alice().ask("/v1/positions/2/redemption-preview", json!({})).ok();
    for field in ["principal", "clawback_distributed", "forfeited_accrued", "payout", "to_funding", "to_spot", "total_reward_if_kept"] {
        page.wait_text("#summary", preview[field].as_str().expect("text")).await;
    }
    page.screenshot(&folder(), "flow-early-exit").await;
    page.run("document.querySelector('input[name=consent]').required = false", vec![]).await;
    page.follow("#confirm .bar button").await;
    page.wait_text(".fault", "give up").await;
    assert_eq!(scene.alice().get("/v1/positions/2").ok()["state"], "active");
    // A day passes while the sheet is open: what arrives is the same, what is given up is more, and nothing is done.
    page.click("input[name=consent]").await;
    scene.move_to("2026-03-02T12:00:00Z");
    page.follow("#confirm .bar button").await;
    page.wait_text(".fault", "Accrued rewards given up").await;
    assert_eq!(scene.alice().get("/v1/positions/2").ok()["state"], "active");
    // Days pass while the sheet is open: the quote is no longer right, and nothing is done.
    page.click("input[name=consent]").await;
    scene.move_to("2026-03-07T12:00:00Z");
    page.follow("#confirm .bar button").await;
    page.wait_text(".fault", "Something changed").await;
    let preview = scene.alice().ask("/v1/positions/2/redemption-preview", json!({})).ok();
    page.wait_text("#summary", preview["payout"].as_str().expect("text")).await;
    page.click("input[name=consent]").await;
    page.follow("#confirm .bar button").await;
    page.wait_text("h1", "Redeemed").await;
    page.screenshot(&folder(), "flow-early-exit-receipt").await;
    let position = scene.alice().get("/v1/positions/2").ok();
    assert_eq!(position["state"], "redeemed_early");
    // A refusal is noted by the browser; nothing else may be.
    assert!(page.console().await.iter().all(|line| line.contains("status of 4")));
}

#[tokio::test]
async fn on_a_phone() {
    redeems(VIEWS[0]).await;
}

#[tokio::test]
async fn on_a_desk() {
    redeems(VIEWS[2]).await;
}

#[tokio::test]
async fn in_the_dark() {
    redeems(VIEWS[1]).await;
    redeems(VIEWS[3]).await;
}

async fn redeems_without_script(view: View) {
    let scene = Scene::new();
    let page = scene.enter(&view, ALICE).await;
    page.goto("/holdings/1/redeem").await;
    page.type_into("#amount", "2").await;
    page.run("document.querySelector('select[name=to]').value = 'spot'", vec![]).await;
    page.follow("#ask > button.no-script:not(.leads)").await;
    page.wait_text("#summary", "You receive").await;
    page.follow("#confirm .bar button").await;
    page.wait_text("h1", "Redeemed").await;
    page.goto("/holdings/2/redeem").await;
    page.click("input[name=consent]").await;
    page.screenshot(&folder(), "no-script-early-exit").await;
    page.follow("#confirm .bar button").await;
    page.wait_text("h1", "Redeemed").await;
    expect_quiet(&page, &scene).await;
    let redemptions = scene.alice().get("/v1/redemptions").ok();
    assert_eq!(redemptions["items"][0]["kind"], "early");
    assert_eq!((redemptions["items"][1]["payout"].as_str(), redemptions["items"][1]["to_spot"].as_str()), (Some("2"), Some("2")));
}

#[tokio::test]
async fn without_script() {
    redeems_without_script(View { name: "phone-no-script", script: false, ..View::PHONE }).await;
    redeems_without_script(View { name: "desk-no-script", script: false, ..View::DESK }).await;
}

#[tokio::test]
async fn history_notices_and_transfers() {
    for view in VIEWS {
        let scene = Scene::new();
        let page = scene.enter(&view, ALICE).await;
        page.goto("/transfer?asset=SOL").await;
        page.click("input[name=from][value=spot]").await;
        page.type_into("input[name=amount]", "51").await;
        page.follow(".bar button").await;
        page.wait_text(".fault", "You have").await;
        page.type_into("input[name=amount]", "10").await;
        page.follow(".bar button").await;
        page.wait_text("h1", "Transferred").await;
        page.goto("/history").await;
        page.run("document.querySelector('select[name=kind]').value = 'transfer'", vec![]).await;
        page.follow("form.filter button").await;
        page.wait_text("table.moves", "Transfer").await;
        let lines = page.run("return document.querySelectorAll('table.moves tbody tr').length", vec![]).await;
        assert_eq!(lines, json!(2), "one line per account");
        page.goto("/history?product=sol-30").await;
        let products =
            page.run("return [...new Set([...document.querySelectorAll('td.product')].map(cell => cell.innerText))]", vec![]).await;
        assert_eq!(products, json!(["SOL 30 days"]));
        // The file holds the same choice, all of it.
        let file = page
            .run_until_called(
                "const done = arguments[arguments.length - 1]; fetch(document.querySelector('a[download]').href).then(answer => answer.text()).then(done)",
                vec![],
            )
            .await;
        let file = file.as_str().expect("text").to_owned();
        assert!(file.starts_with("at,asset,account,kind,amount,balance,day,position,product,reference"), "{file}");
        assert!(file.lines().skip(1).all(|line| line.contains("sol-30")) && file.lines().count() > 3, "{file}");
        page.goto("/notices").await;
        page.wait_text("main", "Rate change ahead").await;
        page.wait_text("main", "Reward paid").await;
        page.wait_text("main", "The rewards of 28 Feb 2026").await;
        page.goto("/acceptances").await;
        page.wait_text("main", "2026-01").await;
        // Amounts are covered when asked, and stay so.
        page.goto("/assets").await;
        page.follow("button[name=hide]").await;
        page.wait_for("button[aria-pressed=true]").await;
        let shown = page.text("main").await;
        let open = page.run("return [...document.querySelectorAll('main .coin .money')].filter(one => !one.querySelector('.covered') || one.querySelector('data')).length", vec![]).await;
        assert_eq!(open, json!(0), "{shown}");
        page.follow("button[name=hide]").await;
        page.wait_for("button[aria-pressed=false]").await;
        assert!(!page.exists(".covered").await);
    }
}
