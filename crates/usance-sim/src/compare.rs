//! Holds a state against the auditor: everything that anybody can see, and what has to be remembered.

use crate::auditor::Auditor;
use crate::facts::Facts;
use crate::seen;
use usance_core::audit;
use usance_core::calendar::Day;
use usance_core::id::PositionId;
use usance_core::machine::derive::{last_day, reward_days};
use usance_core::machine::verb::Source;
use usance_core::machine::{Event, State};
use usance_core::reward::history::{Segment, push_segment};
use usance_store::{Batch, LogReader, codec};

/// What went wrong, as a sentence.
pub type Found = String;

/// One thing against what it must be.
///
/// # Errors
/// How they differ.
pub fn same(what: &str, expected: &Facts, seen: &Facts) -> Result<(), Found> {
    expected.differs_from(seen).map_or(Ok(()), |how| Err(format!("{what}: {how}")))
}

/// Two values that must be equal.
///
/// # Errors
/// Both of them.
pub fn equal<T: PartialEq + std::fmt::Debug>(what: &str, expected: T, seen: T) -> Result<(), Found> {
    if expected == seen { Ok(()) } else { Err(format!("{what}: expected {expected:?}, seen {seen:?}")) }
}

/// Everything that anybody can see of a state.
///
/// # Errors
/// The first thing that is not as the rules say.
pub fn state(state: &State, auditor: &Auditor) -> Result<(), Found> {
    if let Some(broken) = &state.broken {
        return Err(format!("the machine says itself that it is broken: {}: {}", broken.invariant, broken.seen));
    }
    equal("open day", auditor.today, i64::from(state.registry.open_day.number()))?;
    equal("last instant", auditor.now, state.registry.last_at.ms())?;
    let known = (auditor.assets.len(), auditor.customers.len(), auditor.agreements.len(), auditor.products.len());
    let registry = &state.registry;
    equal(
        "assets, customers, agreements, products",
        known,
        (registry.assets.len(), state.customers.len(), registry.agreements.len(), registry.products.len()),
    )?;
    for customer in 0..auditor.customers.len() {
        let own: Vec<usize> = (0..auditor.positions.len()).filter(|number| auditor.positions[*number].customer == customer).collect();
        equal("a customer's positions", own, seen::positions_of(state, customer))?;
    }
    for asset in 0..auditor.assets.len() {
        same("books", &auditor.books_facts(asset), &seen::books_now(state, asset))?;
        same("treasury", &auditor.treasury_facts(asset), &seen::treasury_now(state, asset))?;
        for customer in 0..auditor.customers.len() {
            same("accounts", &auditor.account_facts(customer, asset), &seen::accounts_now(state, customer, asset))?;
        }
    }
    for product in 0..auditor.products.len() {
        let shown = seen::product_now(state, product, auditor.now).ok_or("a product is missing")?;
        same("product", &auditor.product_facts(product, auditor.now), &shown)?;
        for source in [Source::Funding, Source::Spot, Source::FundingThenSpot] {
            let customer = product % auditor.customers.len().max(1);
            let most = seen::subscribable(state, customer, product, source);
            equal("the most that can be subscribed", auditor.subscribable(customer, product, source), most)?;
        }
    }
    people(state, auditor)?;
    treasury(state, auditor)?;
    exits(state, auditor)?;
    equal("positions", auditor.positions.len(), state.running.len())?;
    for number in 0..auditor.positions.len() {
        let id = PositionId::from_index(number);
        let shown = seen::position_now(state, id).ok_or("a position is missing")?;
        same(&format!("position {id}"), &auditor.position_facts(number), &shown)?;
        equal(&format!("what position {id} has lost"), auditor.positions[number].lost, state.principal_lost(id).units())?;
        let ahead = seen::outlook_now(state, id).ok_or("a position is missing")?;
        same(&format!("outlook of {id}"), &auditor.outlook_facts(number), &ahead)?;
    }
    let findings = audit::audit(state);
    if audit::is_healthy(&findings) { Ok(()) } else { Err(format!("the machine's own audit: {findings:?}")) }
}

fn treasury(state: &State, auditor: &Auditor) -> Result<(), Found> {
    let (_, last) = seen::planned_now(state);
    equal("orders", auditor.orders(), last)?;
    for number in 1..=last {
        same(&format!("order {number}"), &auditor.order_facts(number), &seen::order_now(state, number, auditor.now))?;
    }
    same("losses", &auditor.losses_facts(), &seen::losses_now(state))?;
    same("validators, policy, office", &auditor.validators_facts(), &seen::desk_now(state))?;
    match (auditor.waiting_facts(), seen::waiting_now(state)) {
        (Some(expected), Some(seen)) => same("what waits of a treasury", &expected, &seen),
        (expected, seen) => equal("a network", expected.is_some(), seen.is_some()),
    }
}

fn exits(state: &State, auditor: &Auditor) -> Result<(), Found> {
    equal("exits that ever waited", auditor.exits.len(), state.treasury.queue().exits().len())?;
    for place in 0..auditor.exits.len() {
        same("an exit", &auditor.exit_facts(place), &seen::exit_now(state, place).ok_or("an exit is missing")?)?;
    }
    for asset in 0..auditor.assets.len() {
        same("who waits", &auditor.line_facts(asset), &seen::line_now(state, asset))?;
    }
    for customer in 0..auditor.customers.len() {
        equal("a customer's exits", auditor.exits_of(customer), seen::exits_of(state, customer))?;
    }
    Ok(())
}

fn people(state: &State, auditor: &Auditor) -> Result<(), Found> {
    let known = (auditor.people.len(), auditor.proposals.len());
    equal("people, proposals", known, (state.people.people().len(), state.people.proposals().len()))?;
    for number in 0..auditor.people.len() {
        same("person", &auditor.person_facts(number), &seen::person_now(state, number).ok_or("a person is missing")?)?;
    }
    for place in 0..auditor.proposals.len() {
        let shown = seen::proposal_now(state, place as u64 + 1, auditor.now).ok_or("a proposal is missing")?;
        same("proposal", &auditor.proposal_facts(place), &shown)?;
    }
    Ok(())
}

/// Keys that have to be known, after a start: each leads to the record that answers it.
///
/// # Errors
/// The first that is forgotten or leads elsewhere.
pub fn keys(state: &State, auditor: &Auditor, log: &dyn LogReader) -> Result<(), Found> {
    for key in auditor.keys.keys() {
        let Some((kept, true)) = auditor.kept(key, auditor.now) else { continue };
        let place = state
            .keys
            .find(key)
            .ok_or_else(|| format!("a key of {} ms ago, at {}, is forgotten: {}", auditor.now - kept.at, kept.at, kept.told))?;
        let bytes = log.record(0, place).map_err(|error| error.to_string())?.ok_or("a key leads to no record")?;
        let record = codec::decode(&bytes).map_err(|error| error.to_string())?;
        equal("the request of a key", Some(kept.fingerprint), record.fact.key.map(|used| used.fingerprint))?;
        same("the answer of a key", &kept.told, &seen::outcome(&record.outcome))?;
    }
    Ok(())
}

/// The log itself: instants never run backwards in what changed something, every close in it gave what it must, and every
/// position's days, derived again, are what its closes gave.
///
/// # Errors
/// The first thing that is not as the rules say.
pub fn log(state: &State, auditor: &Auditor, batches: &[Batch]) -> Result<(), Found> {
    let mut last = i64::MIN;
    let mut segments: Vec<Vec<Segment>> = vec![Vec::new(); auditor.positions.len()];
    let (mut closed, mut divided, mut withheld) = (Vec::new(), Vec::new(), Vec::new());
    for item in batches.iter().flat_map(codec::records) {
        let (place, record) = item.map_err(|error| error.to_string())?;
        if record.fact.events.is_empty() {
            continue;
        }
        if record.fact.at.ms() < last {
            return Err(format!("instants run backwards at {place}"));
        }
        last = record.fact.at.ms();
        let day = state.registry.platform.offset.day_of(record.fact.at);
        for event in &record.fact.events {
            if let Event::DayClosed(day) = event {
                closed.extend(seen::closed_day(day));
                divided.extend(seen::divided(day));
                withheld.extend(seen::withheld(day));
            }
            let Some((id, _, stake)) = event.staked() else { continue };
            let of = id.index().and_then(|index| segments.get_mut(index)).ok_or("a record of a position that is not there")?;
            push_segment(of, Segment { from: day, stake });
        }
    }
    equal("closed days in the log", auditor.closed.len(), closed.len())?;
    auditor.closed.iter().zip(&closed).try_for_each(|(expected, seen)| same("a closed day in the log", expected, seen))?;
    equal("days whose yield was divided", auditor.divided.len(), divided.len())?;
    auditor.divided.iter().zip(&divided).try_for_each(|(expected, seen)| same("what a network paid", expected, seen))?;
    equal("days on which something of a term was withheld", auditor.withheld.len(), withheld.len())?;
    auditor.withheld.iter().zip(&withheld).try_for_each(|(expected, seen)| same("what was withheld of terms", expected, seen))?;
    let last_closed = state.registry.open_day.previous();
    for (number, position) in auditor.positions.iter().enumerate() {
        let id = PositionId::from_index(number);
        let (running, origin) = state.position(id).ok_or("a position is missing")?;
        let mut derived = Vec::new();
        let (from, to) = (Day::from_number(0), last_day(state, origin, last_closed));
        reward_days(state, running, origin, &segments[number], from, to, |line| {
            if !line.reward.is_zero() {
                derived.push((i64::from(line.day.number()), line.reward.units()));
            }
        });
        equal(&format!("the days of position {id}, derived again"), &position.rewards, &derived)?;
    }
    Ok(())
}
