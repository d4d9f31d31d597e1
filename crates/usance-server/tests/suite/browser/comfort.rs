//! For everybody: by keyboard, at twice the text size, without movement, in another zone, and while the network is away.

use super::driver::View;
use super::layout::layout_faults;
use super::scene::{ALICE, Scene, folder};
use serde_json::json;
use thirtyfour::Key;

#[tokio::test]
async fn by_keyboard_the_focus_is_seen_and_never_under_the_bar() {
    let scene = Scene::empty();
    for view in [View::PHONE, View::DESK] {
        let page = scene.enter(&view, ALICE).await;
        page.goto("/products/sol-30/subscribe?amount=10").await;
        page.run("document.activeElement?.blur(); scrollTo(0, 0)", vec![]).await;
        let mut seen = Vec::new();
        for _ in 0..24 {
            page.press(&[Key::Tab]).await;
            let hidden = page
                .run(
                    "const own = document.activeElement, box = own.getBoundingClientRect(), bar = document.querySelector('.bar').getBoundingClientRect();
                     const style = getComputedStyle(own);
                     if (own === document.body) return 'end';
                     if (style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 2) return 'no outline';
                     const under = !own.closest('.bar') && box.bottom > bar.top + 1 && box.top < bar.bottom - 1;
                     return under || box.bottom > innerHeight + 1 || box.top < -1 ? `hidden at ${box.top}..${box.bottom}` : '';",
                    vec![],
                )
                .await;
            let element = page.focused().await;
            if hidden == json!("end") {
                break;
            }
            assert_eq!(hidden, json!(""), "{}: {element}", view.name);
            seen.push(element);
        }
        assert!(seen.iter().any(|element| element.contains("Confirm")), "{seen:#?}");
        // The first stop leads past the navigation.
        assert!(seen[0].contains("Skip"), "{}", seen[0]);
    }
}

#[tokio::test]
async fn text_at_twice_its_size_still_fits() {
    let scene = Scene::new();
    for view in [View::PHONE, View::DESK] {
        let page = scene.enter(&view, ALICE).await;
        for path in [
            "/assets",
            "/products",
            "/products/sol-30",
            "/products/sol-30/subscribe?amount=10",
            "/holdings/2",
            "/holdings/2/redeem",
            "/history",
            "/settings",
        ] {
            page.goto(path).await;
            page.run("document.documentElement.style.fontSize = '200%'", vec![]).await;
            let faults = layout_faults(&page).await;
            assert!(faults.is_empty(), "{} {path}: {faults:#?}", view.name);
        }
        page.screenshot(&folder(), "twice-the-text").await;
    }
}

#[tokio::test]
async fn nothing_moves_for_who_wants_it_still_and_live_digits_are_not_announced() {
    let scene = Scene::new();
    let page = scene.enter(&View { reduced_motion: true, ..View::PHONE }, ALICE).await;
    for path in ["/assets", "/holdings/2"] {
        page.goto(path).await;
        let moving = page
            .run(
                "return [...document.querySelectorAll('*')].filter(one => { const style = getComputedStyle(one);
                   return style.animationName !== 'none' || style.transitionDuration.split(',').some(time => parseFloat(time) > 0); }).length",
                vec![],
            )
            .await;
        assert_eq!(moving, json!(0), "{path}");
        let announced = page
            .run("return [...document.querySelectorAll('[hx-get] , [hx-get] *')].filter(one => one.closest('[aria-live], [role=status], [role=alert], [role=log]')).length", vec![])
            .await;
        assert_eq!(announced, json!(0), "{path}");
    }
}

#[tokio::test]
async fn a_running_day_is_seen_to_earn() {
    let scene = Scene::new();
    let page = scene.enter(&View::PHONE, ALICE).await;
    page.goto("/holdings/1").await;
    let before = page.text("[hx-get] .earned dd").await;
    page.wait_text("[hx-get]", "Next reward in 14 h 30 min").await;
    scene.move_to("2026-03-01T18:00:00Z");
    page.wait_text("[hx-get]", "Next reward in 6 h").await;
    let after = page.text("[hx-get] .earned dd").await;
    assert_ne!(before, after);
    // Of the 24 hours of the day 18 are over.
    let whole = page.run("return document.querySelectorAll('[hx-get] data')[4].value", vec![]).await;
    let (so_far, whole) = (page.run("return document.querySelector('[hx-get] .earned data').value", vec![]).await, whole);
    assert_eq!((so_far.as_str(), whole.as_str()), (Some("0.004315068"), Some("0.005753425")));
}

#[tokio::test]
async fn times_are_in_the_readers_zone_with_utc_beside() {
    let scene = Scene::new();
    let page = scene.enter(&View::DESK, ALICE).await;
    page.goto("/settings").await;
    page.run("document.querySelector('select[name=zone]').value = 'Asia/Shanghai'; document.querySelector('select[name=language]').value = 'zh-Hans'", vec![]).await;
    page.follow("form[action='/look'] button").await;
    page.wait_for("html[lang='zh-Hans']").await;
    page.goto("/products/sol-30").await;
    page.wait_text("main", "2026年3月2日 08:00").await;
    page.wait_text("main", "2026年3月2日 00:00 UTC").await;
    page.goto("/settings").await;
    page.run("document.querySelector('select[name=language]').value = 'ar'; document.querySelector('input[name=theme][value=dark]').checked = true", vec![]).await;
    page.follow("form[action='/look'] button").await;
    page.wait_for("html[lang=ar][dir=rtl][data-theme=dark]").await;
}

#[tokio::test]
async fn while_the_network_is_away_the_page_says_so() {
    let scene = Scene::new();
    let page = scene.enter(&View::PHONE, ALICE).await;
    page.goto("/holdings/1").await;
    let away = |away: bool| json!({"offline": away, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
    page.devtools("Network.enable", json!({})).await;
    page.devtools("Network.emulateNetworkConditions", away(true)).await;
    page.wait_for("#offline:not([hidden])").await;
    page.screenshot(&folder(), "offline").await;
    page.devtools("Network.emulateNetworkConditions", away(false)).await;
    page.wait_for("body:has(#offline[hidden])").await;
    // A sheet cannot be confirmed meanwhile, and goes on by itself.
    page.goto("/products/sol-30/subscribe?amount=10").await;
    page.devtools("Network.emulateNetworkConditions", away(true)).await;
    page.wait_for("#offline:not([hidden])").await;
    page.type_into("#amount", "11").await;
    page.wait_for("#confirm .bar button:disabled").await;
    page.devtools("Network.emulateNetworkConditions", away(false)).await;
    page.wait_for("#confirm .bar button:enabled").await;
    assert_eq!(page.run("return document.querySelector('#summary [name=amount]').value", vec![]).await, json!("11"));
}
