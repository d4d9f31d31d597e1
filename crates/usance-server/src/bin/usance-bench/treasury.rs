//! The treasury: pictures, the plan, a line of exits that is paid, and a loss that customers share.

use crate::measure::{Meter, Spent, resident};
use crate::memory::{PRODUCTS, founding, platform, product};
use rusqlite::{Connection, params};
use usance_core::calendar::Timestamp;
use usance_core::id::{NetworkIx, PositionId};
use usance_core::machine::verb::ProductText;
use usance_core::machine::verb::{Attest, NewNetwork, Redeem, SignProposal, Source, Subscribe};
use usance_core::machine::{Command, State, close, execute, pay_next};
use usance_core::money::{Amount, Rate};
use usance_core::person::proposal::{Matter, Verdict};
use usance_core::product::{SlashingTerms, StakingTerms, Status};
use usance_core::treasury::digest::digest;
use usance_core::treasury::network::NetworkTerms;
use usance_core::treasury::picture::{Delegation, Happened, Liquid, Picture, Validator, ValidatorStatus};
use usance_core::treasury::plan::plan;
use usance_core::treasury::policy::{Approvals, Approved, HALTED_MS_BY_HAND, Needed, Policy};
use usance_workload::Situation;
use usance_workload::people::{public_key_of, signed};

const NETWORK: &str = "bench";
const PEOPLE: [&str; 2] = ["anna", "ben"];
/// Validators whose delegations are observed, and addresses that have something with each.
const OBSERVED: (usize, usize) = (200, 10);
/// Validators that are planned over.
const PLANNED: usize = 500;

/// Measures all of it; so many exits wait in line, and so many positions share a loss.
pub fn run(exits: u64) -> anyhow::Result<()> {
    observations(200)?;
    plans(200)?;
    line(exits);
    shared_loss(exits);
    Ok(())
}

fn rate(hundredths_of_a_percent: u64) -> Rate {
    Rate::from_units(hundredths_of_a_percent * 10_000).unwrap_or(Rate::MAX)
}

fn done(state: &mut State, command: &Command) {
    let now = Timestamp::from_ms(state.registry.last_at.ms());
    let executed = execute(state, command, now);
    assert!(executed.outcome.is_ok(), "{command:?}: {:?}", executed.outcome);
}

/// Two people agree on something.
fn agreed(state: &mut State, matter: Matter) {
    let proposal = state.people.next_proposal();
    done(state, &Command::Propose { matter: Box::new(matter), expires_at: None });
    for name in PEOPLE {
        let text = state.text_to_sign(proposal, Verdict::Approve).unwrap_or_default();
        let (person, signature) = (name.to_owned(), signed(name, &text));
        done(state, &Command::SignProposal(Box::new(SignProposal { proposal, person, verdict: Verdict::Approve, signature })));
    }
}

fn attest(state: &mut State, amount: &str) {
    let asset = state.asset_ix("SOL").and_then(|asset| state.treasury.coverage(asset));
    let movement = asset.and_then(|coverage| coverage.movements.back()).map_or(0, |(number, _)| *number);
    let at = state.registry.last_at;
    done(state, &Command::Attest(Attest { asset: "SOL".into(), amount: amount.into(), at, movement }));
}

fn address(number: usize) -> String {
    format!("address-{number}")
}

fn validator(number: usize) -> String {
    format!("validator-{number:03}")
}

/// What a network shows first: so much with each of so many validators at each of so many addresses.
fn first(validators: usize, addresses: usize, at: Timestamp) -> Picture {
    let line = |address: &str, number: usize| Delegation {
        address: address.to_owned(),
        validator: validator(number),
        stake: Amount::from_units(1_000_000_000),
        claimable: Amount::from_units(7),
        shares: None,
    };
    let seen = |number: usize| Validator {
        validator: validator(number),
        name: validator(number),
        commission: rate(500),
        status: ValidatorStatus::Active,
        tokens: Amount::from_units(1 << 60),
        shares: None,
        power: rate(10),
        missed: 0,
    };
    let addresses: Vec<String> = (0..addresses).map(address).collect();
    let liquid =
        |address: &String| Liquid { address: address.clone(), denomination: "lamport".into(), amount: Amount::from_units(1 << 40) };
    Picture {
        number: 1,
        chain_id: "bench-1".into(),
        height: 1,
        hash: "block".into(),
        time: at,
        liquid: addresses.iter().map(liquid).collect(),
        delegations: addresses.iter().flat_map(|address| (0..validators).map(move |number| line(address, number))).collect(),
        addresses,
        validators: (0..validators).map(seen).collect(),
        ..Picture::default()
    }
}

/// A platform whose treasury has begun with that.
fn begun(mut state: State, validators: usize, addresses: usize) -> State {
    for name in PEOPLE {
        done(&mut state, &Command::RegisterPerson { name: name.into(), key: public_key_of(name) });
    }
    let terms = NetworkTerms { compounds: false, unbonding_ms: 86_400_000, earned_at_most: rate(100_000), slashed_at_most: rate(1_000) };
    let coins = vec![("SOL".to_owned(), "lamport".to_owned())];
    done(&mut state, &Command::CreateNetwork(Box::new(NewNetwork { name: NETWORK.into(), chain_id: "bench-1".into(), coins, terms })));
    for number in 0..addresses {
        agreed(&mut state, Matter::AddTreasuryAddress { network: NETWORK.into(), address: address(number) });
    }
    done(&mut state, &Command::FundRewardPool { asset: "SOL".into(), amount: "1e9".into() });
    attest(&mut state, "1e17");
    let picture = first(validators, addresses, state.registry.last_at);
    let matter = Matter::ConfirmPicture { network: NETWORK.into(), number: 1, digest: digest(&picture) };
    done(&mut state, &Command::Observe { network: NETWORK.into(), picture: Box::new(picture) });
    agreed(&mut state, matter);
    state
}

fn told(what: &str, count: u64, entries: u64, spent: Spent) {
    let (wall, cpu) = spent.each(count);
    let lines = (count * entries) as f64 / spent.wall.as_secs_f64();
    println!("  {what}: {lines:.0} entries a second; wall {:.3} ms, cpu {:.3} ms each", wall / 1e3, cpu / 1e3);
}

/// Pictures of 200 validators in which every entry has earned something, each decided, explained and booked.
fn observations(count: u64) -> anyhow::Result<()> {
    let (validators, addresses) = OBSERVED;
    let entries = (validators * addresses) as u64;
    println!("\npictures of {validators} validators and {addresses} addresses, {entries} entries that have earned ({count})");
    let mut state = begun(founded(1), validators, addresses);
    let mut pictures = Vec::new();
    let mut next = first(validators, addresses, state.registry.last_at);
    for _ in 0..count {
        next.number += 1;
        next.height += 1;
        next.delegations.iter_mut().for_each(|line| line.claimable = line.claimable.plus(Amount::ONE));
        pictures.push(next.clone());
    }
    let commands: Vec<Command> =
        pictures.iter().map(|picture| Command::Observe { network: NETWORK.into(), picture: Box::new(picture.clone()) }).collect();
    let meter = Meter::start();
    commands.iter().for_each(|command| done(&mut state, command));
    told("explained and booked", count, entries, meter.stop());
    let seen = state.treasury.network(NetworkIx(0)).and_then(|network| network.picture.as_ref()).map(|picture| picture.number);
    assert_eq!(seen, Some(count + 1), "every picture counted");
    let db = Connection::open_in_memory()?;
    db.execute_batch("CREATE TABLE line (address TEXT, validator TEXT, stake TEXT, claimable TEXT, PRIMARY KEY (address, validator))")?;
    let meter = Meter::start();
    for picture in &pictures {
        db.execute_batch("BEGIN")?;
        let mut put = db.prepare_cached("INSERT OR REPLACE INTO line VALUES (?, ?, ?, ?)")?;
        for line in &picture.delegations {
            put.execute(params![line.address, line.validator, line.stake.to_text(9), line.claimable.to_text(9)])?;
        }
        db.execute_batch("COMMIT")?;
    }
    told("beside it, the same lines put into SQLite in memory, one transaction a picture", count, entries, meter.stop());
    Ok(())
}

fn policy(validators: usize) -> Policy {
    let amount = Amount::from_units;
    let one = Needed { none_below: amount(0), people: 1 };
    let approved =
        |number: usize| Approved { validator: validator(number), weight: u32::try_from(number % 7 + 1).unwrap_or(1), cap: rate(500) };
    Policy {
        validators: (0..validators).map(approved).collect(),
        barred: Vec::new(),
        buffer_low: rate(0),
        buffer_target: rate(0),
        buffer_high: rate(10_000),
        gas_reserve: amount(0),
        order_min: amount(1_000),
        claim_above: amount(1),
        claim_days: 1,
        entries_max: 7,
        commission_max: rate(1_000),
        fee_max: amount(1),
        order_life_ms: 86_400_000,
        halted_after_ms: HALTED_MS_BY_HAND,
        redelegates: true,
        cancels: true,
        approvals: Approvals {
            top_up: one,
            delegate: one,
            undelegate: one,
            cancel_undelegation: one,
            redelegate: one,
            claim: one,
            sweep_one_below: amount(1),
        },
    }
}

/// The plan over many validators, with free coins to stake and something to claim from each.
fn plans(count: u64) -> anyhow::Result<()> {
    println!("\nthe plan over {PLANNED} validators, with coins to stake and something to claim from each ({count})");
    let state = begun(founded(1), PLANNED, 1);
    let (now, policy) = (state.registry.last_at, policy(PLANNED));
    anyhow::ensure!(policy.contradiction().is_none(), "{:?}", policy.contradiction());
    let network = state.treasury.network(NetworkIx(0)).ok_or_else(|| anyhow::anyhow!("no network"))?;
    let owed = state.owed(network, now);
    let meter = Meter::start();
    let mut orders = 0;
    for _ in 0..count {
        orders = plan(network, &policy, &owed, now).len();
    }
    told(&format!("planned, {orders} orders"), count, PLANNED as u64, meter.stop());
    let text = serde_json::to_string(&network.picture)?;
    let meter = Meter::start();
    for _ in 0..count {
        let read: Option<Box<Picture>> = serde_json::from_str(&text)?;
        assert!(read.is_some());
    }
    told("beside it, the picture that it is made after, read from JSON", count, PLANNED as u64, meter.stop());
    Ok(())
}

fn founded(customers: u64) -> State {
    let mut state = platform();
    for command in founding(customers) {
        done(&mut state, &command);
    }
    state
}

/// So many exits: queued while the wallet has nothing, and paid when it has; beside it as many that are paid at once.
fn line(exits: u64) {
    println!("\na line of {exits} exits, {PRODUCTS} products");
    let mut state = begun(founded(exits), 4, 1);
    for number in 0..exits {
        let subscribe = Subscribe {
            customer: format!("customer-{number}"),
            product: "product-0".into(),
            amount: "2".into(),
            source: Source::FundingThenSpot,
            agreement: "v1".into(),
            auto_renew: false,
        };
        done(&mut state, &Command::Subscribe(subscribe));
    }
    let leave = |number: u64| Redeem {
        customer: format!("customer-{number}"),
        position: Some(PositionId::from_index(usize::try_from(number).unwrap_or(0))),
        amount: Some("1".into()),
        to: None,
        quoted_payout: None,
        quoted_from_funding: None,
    };
    attest(&mut state, "1e17");
    let meter = Meter::start();
    (0..exits).for_each(|number| done(&mut state, &Command::Redeem(leave(number))));
    let at_once = meter.stop();
    attest(&mut state, "0");
    let before = resident();
    let meter = Meter::start();
    (0..exits).for_each(|number| done(&mut state, &Command::QueueExit(leave(number))));
    let queued = meter.stop();
    let bytes = resident().saturating_sub(before) as f64 / exits as f64;
    attest(&mut state, "1e17");
    let now = state.registry.last_at;
    let meter = Meter::start();
    let mut paid = 0;
    while pay_next(&mut state, now).is_some() {
        paid += 1;
    }
    let spent = meter.stop();
    assert_eq!(paid, exits, "everybody is paid");
    for (what, spent) in [("queued", queued), ("paid out of the line", spent), ("beside it, redeemed at once", at_once)] {
        let (wall, cpu) = spent.each(exits);
        println!("  {what}: {:.2} s; wall {wall:.3} us, cpu {cpu:.3} us each", spent.wall.as_secs_f64());
    }
    println!("  {bytes:.0} bytes of memory for each that waits");
}

/// A loss that so many positions share: found, with who bears it frozen; borne by each; and part of it given back to each. Beside it, a close
/// of the same positions.
fn shared_loss(positions: u64) {
    println!("\na loss that {positions} positions share");
    let mut state = begun(founded(positions), 4, 1);
    let shared = StakingTerms { slashing: SlashingTerms::Shared, ..StakingTerms::default() };
    let product = ProductText { id: "shared".into(), staking: shared, ..product(0) };
    done(&mut state, &Command::CreateProduct(Box::new(product)));
    done(&mut state, &Command::SetProductStatus { product: "shared".into(), status: Status::Open });
    for number in 0..positions {
        let subscribe = Subscribe {
            customer: format!("customer-{number}"),
            product: "shared".into(),
            amount: "0.001".into(),
            source: Source::FundingThenSpot,
            agreement: "v1".into(),
            auto_renew: false,
        };
        done(&mut state, &Command::Subscribe(subscribe));
    }
    close::close_day(&mut state);
    let before = resident();
    let mut next = first(4, 1, state.registry.last_at);
    (next.number, next.height) = (2, 2);
    for line in next.delegations.iter_mut().take(1) {
        line.stake = line.stake.left_after(Amount::from_units(line.stake.units() / 20));
    }
    next.happened = vec![Happened::Slashed { validator: validator(0) }];
    let meter = Meter::start();
    done(&mut state, &Command::Observe { network: NETWORK.into(), picture: Box::new(next) });
    let found = meter.stop();
    let bytes = resident().saturating_sub(before) as f64 / positions as f64;
    let (amount, at_most) = state.treasury.loss(1).map(|loss| (loss.amount, loss.bearing.at_most)).unwrap_or_default();
    let text = |amount: Amount| amount.to_text(9);
    let (asset, nothing) = (|| "SOL".to_owned(), || "0".to_owned());
    let (pool, customers) = (text(amount.left_after(at_most)), text(at_most));
    let reserve = nothing();
    agreed(&mut state, Matter::AllocateLoss { loss: 1, asset: asset(), reserve, commission: nothing(), pool, customers });
    let now = state.registry.last_at;
    let turns = |state: &mut State| {
        let meter = Meter::start();
        let mut turns = 0_u64;
        while pay_next(state, now).is_some() {
            turns += 1;
        }
        (turns, meter.stop())
    };
    let (borne, bearing) = turns(&mut state);
    agreed(&mut state, Matter::RecoverLoss { loss: 1, asset: asset(), amount: text(amount), difference: None });
    let (returned, returning) = turns(&mut state);
    let meter = Meter::start();
    close::close_day(&mut state);
    let closed = meter.stop();
    for (what, count, spent) in [
        ("found, and who bears it frozen", positions, found),
        ("borne, one after another", borne, bearing),
        ("given back", returned, returning),
    ] {
        let (wall, cpu) = spent.each(count.max(1));
        let ratio = spent.cpu.as_secs_f64() / closed.cpu.as_secs_f64().max(1e-9);
        println!("  {what}: {:.2} s; wall {wall:.3} us, cpu {cpu:.3} us each; {ratio:.1} times a close", spent.wall.as_secs_f64());
    }
    println!("  beside it, a close of them: {:.3} s; {bytes:.0} bytes of memory for each that bears", closed.wall.as_secs_f64());
}
