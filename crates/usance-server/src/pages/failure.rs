//! When something cannot be done: the sentence for it in the reader's language, and the page that says it.
//!
//! Where too much is asked for even that, one page says so in every language. It is made once and is the same for everybody, so
//! that a refusal looks at no session and takes no time.

use crate::app::App;
use crate::look::files;
use crate::look::format::Language;
use crate::look::words::Words;
use crate::pages::shell::{Room, Shell, show_problem};
use crate::pages::visitor::Visitor;
use crate::wire::problem::Problem;
use askama::Template;
use axum::body::Bytes;
use axum::response::Response;
use std::sync::LazyLock;

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
    show_problem(&FailurePage { code: problem.code(), status: problem.status().as_u16(), sentence, retry, s }, problem)
}

/// What one language says where too much is asked.
struct Said {
    language: Language,
    words: Words,
}

impl Said {
    fn t(&self, id: &str) -> String {
        self.words.say(id)
    }
}

#[derive(Template)]
#[template(path = "busy.html")]
struct BusyPage {
    icon: &'static str,
    style: &'static str,
    said: [Said; 3],
}

/// The page that says in every language that too much is asked; the same bytes each time.
#[must_use]
pub fn busy_page() -> Bytes {
    static PAGE: LazyLock<Bytes> = LazyLock::new(|| {
        let said = Language::ALL.map(|language| Said { language, words: Words::new(language) });
        let page = BusyPage { icon: files::address("icon.svg"), style: files::address("app.css"), said };
        // The template asks for nothing that could fail.
        Bytes::from(page.render().unwrap_or_default())
    });
    PAGE.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_for_too_much_says_so_in_every_language() {
        let page = String::from_utf8(busy_page().to_vec()).unwrap();
        for language in Language::ALL {
            let sentence = Words::new(language).say("problem-overloaded");
            let direction = format!("<section lang=\"{}\" dir=\"{}\"", language.tag(), language.direction());
            assert!(page.contains(&sentence) && page.contains(&direction), "{}: {page}", language.tag());
        }
    }
}
