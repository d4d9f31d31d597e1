//! What axe-core has to say about a page: the rules of WCAG 2.2 up to AA and its own best practice.
//!
//! It is put into the page by the driver, so a content security policy that lets no foreign script in does not keep it out.
//! It finds what a machine can find; whether a page makes sense to the ear is not among that. The source and its licence are
//! in `vendor`.

use super::driver::{Page, texts};
use serde_json::Value;
use std::fmt;

/// As it was published.
const SOURCE: &str = include_str!("vendor/axe.min.js");

/// Answers with what [`Violation`] holds, or with an error; the whole result is far larger.
const RUN: &str = r#"
const done = arguments[arguments.length - 1];
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const why = node => [...node.any, ...node.all, ...node.none].map(check => check.message).join("; ");
const target = node => node.target.flat().join(" ") + " (" + why(node) + ")";
const violation = ({ id, impact, help, nodes }) => ({ id, impact, help, targets: nodes.map(target) });
axe.run(document, { resultTypes: ["violations"], runOnly: { type: "tag", values: tags } }).then(
    found => done({ violations: found.violations.map(violation) }),
    error => done({ error: String(error) }),
);
"#;

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule, such as `color-contrast`.
    pub id: String,
    /// `minor`, `moderate`, `serious` or `critical`.
    pub impact: String,
    /// What the rule asks for.
    pub help: String,
    /// Every element that breaks it: its selector and, in brackets, how.
    pub targets: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({}): {}", self.id, self.impact, self.help)?;
        self.targets.iter().try_for_each(|target| write!(formatter, "\n    {target}"))
    }
}

/// Everything it finds wrong with the page as it stands. Where the view forbids scripts they are allowed while it looks,
/// because it thinks in promises; the page's own have been passed over by then and do not come back.
pub async fn axe(page: &Page) -> Vec<Violation> {
    page.allow_scripts().await;
    if page.run("return typeof axe", Vec::new()).await == "undefined" {
        page.run(SOURCE, Vec::new()).await;
    }
    let found = page.run_until_called(RUN, Vec::new()).await;
    page.restore_scripts().await;
    assert!(found["violations"].is_array(), "axe did not come to an end: {found}");
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let violation = |one: &Value| Violation {
        id: text(&one["id"]),
        impact: text(&one["impact"]),
        help: text(&one["help"]),
        targets: texts(&one["targets"]),
    };
    found["violations"].as_array().into_iter().flatten().map(violation).collect()
}
