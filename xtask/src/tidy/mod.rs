//! The rules of the house, as data: which crate may lean on which ([`crates`]), which rooms they have and where arrows may lead
//! ([`rooms`], read by [`graph`], [`paths`] and [`code`]), how long a file may get ([`files`]), where amounts are computed
//! ([`arithmetic`]), who may make files ([`made_files`]), what pages may not do ([`pages`]), and which documents have to be true
//! of the tree ([`documents`]).

mod arithmetic;
mod code;
mod crates;
mod documents;
mod files;
mod graph;
mod made_files;
mod pages;
mod paths;
mod rooms;

pub use rooms::printed as printed_rooms;

use anyhow::bail;
use std::path::Path;

/// Checks everything; every breach is named.
pub fn check(root: &Path) -> anyhow::Result<()> {
    let mut breaches = Vec::new();
    crates::arrows(root, &mut breaches)?;
    crates::lints(root, &mut breaches)?;
    rooms::check(root, &mut breaches)?;
    files::check(root, &mut breaches)?;
    arithmetic::check(root, &mut breaches)?;
    made_files::check(root, &mut breaches)?;
    pages::check(root, &mut breaches)?;
    documents::check(root, &mut breaches)?;
    super::glossary::check(root, &mut breaches)?;
    super::dependencies::check(root, &mut breaches)?;
    if breaches.is_empty() {
        println!("tidy: the house is in order");
        return Ok(());
    }
    breaches.iter().for_each(|breach| println!("tidy: {breach}"));
    bail!("{} breaches", breaches.len())
}
