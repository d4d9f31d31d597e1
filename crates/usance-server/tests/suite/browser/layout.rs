//! What is wrong with the layout of a page at one width: it is too wide, something is too small to hit, cut off, or half out
//! of sight.
//!
//! It measures boxes, so it knows nothing of beauty, and nothing of what only shows after a click. Heights are left to the
//! page: a page may always be taller.

use super::driver::{DESCRIBE, Page, texts};

/// Sizes are CSS pixels. 44 is the target size of WCAG 2.2, criterion 2.5.5; boxes come in 64ths of a pixel, hence the slack.
///
/// The width to keep is `clientWidth`: `innerWidth` counts the bar for scrolling, and on a telephone grows with a page that is
/// too wide, so that it would never be exceeded.
const MEASURE: &str = r#"
const TARGET_MIN = 44, SLACK = 0.5;
const root = document.documentElement, width = root.clientWidth, height = window.innerHeight;
const faults = [];

// Seen at all; a box of a pixel is text that is meant for the ear only.
const shown = element => {
    const box = element.getBoundingClientRect();
    return box.width > 1 && box.height > 1 && element.checkVisibility({ visibilityProperty: true, opacityProperty: true })
        && box.right > 0 && box.left + scrollX < Math.max(width, root.scrollWidth) && box.bottom + scrollY > 0;
};
const size = element => {
    const box = element.getBoundingClientRect();
    return `${Math.round(box.width * 10) / 10} × ${Math.round(box.height * 10) / 10}`;
};
const reachable = element => {
    const box = element.getBoundingClientRect();
    return box.width >= TARGET_MIN - SLACK && box.height >= TARGET_MIN - SLACK;
};

if (root.scrollWidth > width) {
    faults.push(`the page is ${root.scrollWidth} wide and has ${width}`);
}

const CONTROLS = "button, input:not([type=hidden]), select, textarea";
for (const element of document.querySelectorAll(`a[href], summary, [role=button], label, ${CONTROLS}`)) {
    const running = element.matches("a") && element.closest("p, li, dd, td") && getComputedStyle(element).display === "inline";
    // A label without a control inside is text; around one that can be hit, its own line may be low.
    const label = element.matches("label") && !Array.from(element.querySelectorAll(CONTROLS)).some(control => !reachable(control));
    // A click on the label of a box or a dot is a click on it.
    const labelled = element.matches("[type=checkbox], [type=radio]") && Array.from(element.labels).some(reachable);
    if (!running && !label && !labelled && !element.hasAttribute("data-inline") && shown(element) && !reachable(element)) {
        faults.push(`too small to hit: ${describe(element)} is ${size(element)}`);
    }
}

// A form field scrolls what it holds, so it cuts nothing off.
const hides = style => ["hidden", "clip"].includes(style.overflowX);
for (const element of document.body.querySelectorAll(":not(input, textarea, select, script, style)")) {
    if (hides(getComputedStyle(element)) && element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 1
        && element.innerText?.trim() && shown(element)) {
        faults.push(`cut off: ${describe(element)} needs ${element.scrollWidth} and has ${element.clientWidth}`);
    }
}

// Only the outermost is told. What stands inside a box that scrolls or hides ends where that box ends.
const outside = new Set();
const framed = element => {
    for (let parent = element.parentElement; parent && parent !== document.body; parent = parent.parentElement) {
        if (outside.has(parent) || getComputedStyle(parent).overflowX !== "visible") return true;
    }
    return false;
};
for (const element of document.body.querySelectorAll("*")) {
    const box = element.getBoundingClientRect(), left = box.left + scrollX, right = box.right + scrollX;
    const fixed = getComputedStyle(element).position === "fixed";
    const across = left < -SLACK || right > width + SLACK;
    const beyond = fixed && (box.top < -SLACK || box.bottom > height + SLACK);
    if ((across || beyond) && shown(element) && !framed(element)) {
        outside.add(element);
        const down = beyond ? `, and down from ${Math.round(box.top)} to ${Math.round(box.bottom)}` : "";
        faults.push(`over the edge: ${describe(element)} goes from ${Math.round(left)} to ${Math.round(right)}${down}`);
    }
}
return faults;
"#;

/// Every fault, one sentence each. An element with the attribute `data-inline` may be smaller than a finger.
pub async fn layout_faults(page: &Page) -> Vec<String> {
    texts(&page.run(&format!("{DESCRIBE}{MEASURE}"), Vec::new()).await)
}
