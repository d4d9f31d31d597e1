//! How every resource grows, per unit, and what that comes to for a large platform: the figures of `docs/scale.md`.
//!
//! A [`platform`] is built by real commands in phases of one kind each, so that what a phase adds is divided by its units:
//! memory and snapshot ([`state`]), log, start, replay and read tables ([`stored`]), people ([`people`]). What a large
//! platform does in a day is an assumption ([`forecast`]); change it there. Small scales overstate what is paid once.

mod figures;
mod forecast;
mod people;
mod platform;
mod state;
mod stored;

use crate::memory::PRODUCTS;
use forecast::PerUnit;
use platform::EACH;

/// Measures, prints the figures per unit, and what they come to.
pub fn run(customers: u64) -> anyhow::Result<()> {
    println!("\ngrowth: {customers} customers, {} open and as many closed positions, {} products", customers * EACH, PRODUCTS);
    let mut per_unit = PerUnit::default();
    state::measure(customers, &mut per_unit)?;
    stored::measure(customers, &mut per_unit)?;
    people::measure(customers, &mut per_unit)?;
    forecast::print(&per_unit);
    Ok(())
}
