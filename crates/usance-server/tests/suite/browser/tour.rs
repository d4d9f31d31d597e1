//! Every page in every look: what the accessibility checker, the ruler and the console say of it, and a picture.

use super::axe::axe;
use super::driver::{Page, View};
use super::layout::layout_faults;
use super::scene::{ALICE, NEWCOMER, Scene, VIEWS, folder};

/// Pages for everybody: name and path.
const PUBLIC: [(&str, &str); 12] = [
    ("sign-in", "/sign-in"),
    ("products-signed-out", "/products"),
    ("product-fixed", "/products/sol-30"),
    ("product-tiers", "/products/usdd-flex?amount=6000"),
    ("product-upcoming", "/products/sol-soon"),
    ("product-shared", "/products/sol-shared"),
    ("staking", "/assets/SOL/staking"),
    ("staking-platform", "/assets/USDD/staking"),
    ("agreement", "/agreement"),
    ("risks", "/risks"),
    ("settings-signed-out", "/settings"),
    ("not-there", "/nowhere"),
];

/// Pages for a customer who has everything.
const FULL: [(&str, &str); 27] = [
    ("assets", "/assets"),
    ("transfer", "/transfer?asset=SOL"),
    ("products", "/products"),
    ("products-held", "/products?held=1&sort=apr"),
    ("products-none", "/products?asset=USDD&kind=fixed_term"),
    ("product-flexible", "/products/sol-flex"),
    ("product-locked", "/products/sol-90"),
    ("product-fault", "/products/sol-30?amount=x"),
    ("subscribe-empty", "/products/sol-30/subscribe"),
    ("subscribe", "/products/sol-30/subscribe?amount=110&source=funding_then_spot"),
    ("subscribe-shared", "/products/sol-shared/subscribe?amount=1"),
    ("subscribe-fault", "/products/sol-30/subscribe?amount=5000"),
    ("holdings", "/holdings"),
    ("holdings-ended", "/holdings?closed=1"),
    ("holding-flexible", "/holdings/1"),
    ("holding-fixed", "/holdings/2"),
    ("holding-left-early", "/holdings/3"),
    ("redeem-flexible", "/holdings/1/redeem?amount=1.5"),
    ("redeem-early", "/holdings/2/redeem"),
    ("history", "/history"),
    ("history-filtered", "/history?asset=SOL&kind=reward&from=2026-02-22&to=2026-02-24"),
    ("history-fault", "/history?from=yesterday"),
    ("statement-paper", "/history/print?asset=SOL"),
    ("notices", "/notices"),
    ("settings", "/settings"),
    ("second-factor", "/settings/second-factor"),
    ("acceptances", "/acceptances"),
];

/// Pages for a customer who has nothing yet.
const EMPTY: [(&str, &str); 5] = [
    ("assets-empty", "/assets"),
    ("holdings-empty", "/holdings"),
    ("history-empty", "/history"),
    ("notices-empty", "/notices"),
    ("acceptances-empty", "/acceptances"),
];

async fn judge(page: &Page, scene: &Scene, name: &str, path: &str) -> Vec<String> {
    page.goto(path).await;
    page.wait_for("footer").await;
    // Whatever can be opened is opened: nothing hides from the judges.
    page.run("document.querySelectorAll('main details').forEach(one => { one.open = true; })", vec![]).await;
    let found = axe(page).await;
    let mut faults: Vec<String> = found.into_iter().map(|violation| format!("{path}: {violation}")).collect();
    faults.extend(layout_faults(page).await.into_iter().map(|fault| format!("{path}: {fault}")));
    page.screenshot(&folder(), name).await;
    // A browser notes by itself that a page was refused or is not there; everything else has to be silent.
    let refused = matches!(path, "/nowhere" | "/history?from=yesterday");
    let said = page.console().await.into_iter().filter(|line| !(refused && line.contains("status of 4")));
    faults.extend(said.map(|line| format!("{path}: the console says {line}")));
    let outside = page.external_requests(&scene.server.url).await;
    faults.extend(outside.into_iter().map(|address| format!("{path}: asked elsewhere for {address}")));
    faults
}

async fn tour(view: View) {
    let scene = Scene::new();
    scene.stake_on_a_network();
    let mut faults = Vec::new();
    let visitor = scene.visit(&view).await;
    for (name, path) in PUBLIC {
        faults.extend(judge(&visitor, &scene, name, path).await);
    }
    drop(visitor);
    for (customer, pages) in [(ALICE, FULL.as_slice()), (NEWCOMER, EMPTY.as_slice())] {
        let page = scene.enter(&view, customer).await;
        for (name, path) in pages {
            faults.extend(judge(&page, &scene, name, path).await);
        }
    }
    assert!(faults.is_empty(), "{}: {} faults\n{}", view.name, faults.len(), faults.join("\n"));
}

#[tokio::test]
async fn phone_light() {
    tour(VIEWS[0]).await;
}

#[tokio::test]
async fn phone_dark() {
    tour(VIEWS[1]).await;
}

#[tokio::test]
async fn desk_light() {
    tour(VIEWS[2]).await;
}

#[tokio::test]
async fn desk_dark() {
    tour(VIEWS[3]).await;
}

#[tokio::test]
async fn phone_in_arabic() {
    tour(View { name: "phone-arabic", language: "ar", ..View::PHONE }).await;
}

#[tokio::test]
async fn desk_in_chinese() {
    tour(View { name: "desk-chinese", language: "zh-CN,zh", dark: true, ..View::DESK }).await;
}
