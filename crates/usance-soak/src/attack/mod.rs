//! An attacker with the real binary: what somebody who runs Usance would try against the own build before others do.
//!
//! Starts an engine on a free port of the loopback interface and nothing else, attacks it over HTTP and through files, and says
//! what was tried, expected and seen. [`target`] is what is attacked, [`wire`] sends bytes that no client would, and each part is
//! a file: [`files`], [`tokens`], [`pages`], [`shapes`], [`sign_in`] and [`shares`]. Doors are judged; times and shares of the
//! last two are figures, but for what must not be refused. It knows the engine by its contract only, and is no part of the product.

pub mod files;
pub mod pages;
pub mod report;
pub mod shapes;
pub mod shares;
pub mod sign_in;
pub mod target;
pub mod tokens;
pub mod wire;

use clap::ValueEnum;
use report::Report;
use std::path::Path;
use target::{Budget, Target};

/// What can be attacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Links and pipes in copies, data directories and exports.
    Files,
    /// Bearer tokens: none, guessed, of others, of the wrong role; what an engine starts with.
    Tokens,
    /// Pages: made-up cookies, forms of other sites, open redirects, scripts, links used twice.
    Pages,
    /// Requests that two readers read differently, doubled headers, and sizes.
    Shapes,
    /// Who comes in while others sign in without end.
    SignIn,
    /// Who is answered while one customer with a long history asks without end.
    Shares,
}

impl Part {
    /// All of them.
    pub const ALL: [Part; 6] = [Part::Files, Part::Tokens, Part::Pages, Part::Shapes, Part::SignIn, Part::Shares];

    const fn name(self) -> &'static str {
        match self {
            Part::Files => "files",
            Part::Tokens => "tokens",
            Part::Pages => "pages",
            Part::Shapes => "shapes",
            Part::SignIn => "sign-in",
            Part::Shares => "shares",
        }
    }
}

/// Attacks parts, each on an engine of its own.
///
/// # Errors
/// When an engine does not start, or answers nothing any more.
pub fn run(parts: &[Part], binary: &Path, directory: &Path, budget: Budget) -> anyhow::Result<Report> {
    let mut report = Report::default();
    for part in parts {
        println!("attack: {}", part.name());
        let target = Target::start(binary, &directory.join(part.name()))?;
        let notes = &mut report.part(part.name());
        match part {
            Part::Files => files::attack(target, &directory.join("files"), notes)?,
            Part::Tokens => tokens::attack(&target, notes)?,
            Part::Pages => pages::attack(&target, notes)?,
            Part::Shapes => shapes::attack(&target, notes)?,
            Part::SignIn => sign_in::attack(&target, budget, notes)?,
            Part::Shares => shares::attack(&target, budget, notes)?,
        }
    }
    Ok(report)
}
