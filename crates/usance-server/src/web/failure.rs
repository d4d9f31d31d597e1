//! When something cannot be done: the sentence for it in the reader's language, and the page that says it.

use super::shell::{Room, Shell, show};
use super::visitor::Visitor;
use crate::api::App;
use crate::api::error::Problem;
use askama::Template;
use axum::response::Response;

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage {
    s: Shell,
    code: &'static str,
    status: u16,
    sentence: String,
    retry: bool,
}

/// What a problem says, in the reader's language; its amounts are of `asset`.
#[must_use]
pub fn sentence(shell: &Shell, problem: &Problem, asset: &str) -> String {
    let id = format!("problem-{}", problem.code());
    if !shell.look.words.knows(&id) {
        return shell.tw("problem-other", &[("code", problem.code())]);
    }
    let shown = |name: &str, text: &str| match name {
        "minimum" | "step" | "left" | "principal" | "available" | "limit" | "payout" => shell.plain(asset, text),
        name if name.ends_with("_at") => shell.f.instant(text),
        _ => text.to_owned(),
    };
    let numbers: Vec<(&str, String)> = problem.numbers().map(|(name, text)| (name, shown(name, text))).collect();
    shell.look.words.say_with(&id, numbers.iter().map(|(name, text)| (*name, text.as_str())))
}

/// The page that says what cannot be done; the problem itself where not even that can be made.
pub async fn page(app: &App, visitor: &Visitor, problem: &Problem) -> Result<Response, Problem> {
    let s = Shell::of(app, visitor, Room::Elsewhere).await.map_err(|_| problem.clone())?;
    let sentence = sentence(&s, problem, "");
    let retry = problem.status().is_server_error() || problem.status().as_u16() == 429;
    show(&FailurePage { code: problem.code(), status: problem.status().as_u16(), sentence, retry, s }, problem.status())
}
