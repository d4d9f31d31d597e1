//! The judges can say no: a page that is spoilt on purpose is found out by each of them.

use super::axe::axe;
use super::driver::View;
use super::layout::layout_faults;
use super::scene::Scene;

#[tokio::test]
async fn a_spoilt_page_is_found_out() {
    let scene = Scene::empty();
    let page = scene.visit(&View::PHONE).await;
    assert!(axe(&page).await.is_empty());
    assert!(layout_faults(&page).await.is_empty());
    assert!(page.console().await.is_empty());
    page.run(
        "const image = document.createElement('img'); image.src = '/static/none/none.svg'; document.querySelector('main').append(image);
         const button = document.createElement('button'); button.textContent = 'x'; document.querySelector('main').append(button);
         const wide = document.createElement('p'); wide.textContent = 'far too wide'; wide.style.width = '900px'; document.querySelector('main').append(wide);",
        vec![],
    )
    .await;
    let found = axe(&page).await;
    assert!(found.iter().any(|violation| violation.id == "image-alt"), "{}", found.len());
    let faults = layout_faults(&page).await;
    assert!(faults.iter().any(|fault| fault.contains("too small to hit")), "{faults:?}");
    assert!(faults.iter().any(|fault| fault.contains("wide")), "{faults:?}");
    // What the policy forbids does not happen, and is noted.
    page.run(
        "const script = document.createElement('script'); script.textContent = 'window.ran = 1'; document.body.append(script);",
        vec![],
    )
    .await;
    assert!(page.run("return window.ran === undefined", vec![]).await.as_bool().expect("a truth"));
    let said = page.console().await.join("\n");
    assert!(said.contains("Content Security Policy") && said.contains("404"), "{said}");
}
