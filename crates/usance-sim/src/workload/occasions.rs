//! Occasions: what several people do in one instant, or what somebody does because something is just so.

use super::{ASSETS, CAST, CUSTOMERS, LAUNCHED, customer_number, subscription, workload};
use crate::auditor::arithmetic::write;
use crate::auditor::terms::Sale;
use crate::auditor::{Account, Auditor};
use crate::facts::Facts;
use usance_core::calendar::Timestamp;
use usance_core::machine::Command;
use usance_core::machine::verb::{Patch, SaleText, SignProposal, Source, Subscribe, WalletMove};
use usance_core::person::proposal::{Matter, Verdict};
use usance_core::product::Status;
use usance_core::reward::clawback::AccountKind::{Funding, Spot};
use usance_workload::Dice;
use usance_workload::people::{PEOPLE, public_key_of, signed};

/// So many positions that mature in one close are everybody's at once.
const MANY_MATURED: u64 = 5;

/// Whether a day that was closed had many positions mature.
pub fn is_many_matured(day: &Facts) -> bool {
    day.number("matured") >= MANY_MATURED
}

/// Whether many positions matured at the close that ended yesterday.
pub fn have_many_matured(auditor: &Auditor) -> bool {
    let yesterday = (auditor.today - 1).to_string();
    auditor.closed.iter().rev().take_while(|day| day.get("day") == Some(&yesterday)).any(|day| is_many_matured(day))
}

/// Everybody takes out, moves or stakes again what has just come back.
pub fn after_maturity(auditor: &Auditor, dice: &mut Dice<'_>) -> Vec<Command> {
    let agreement = auditor.agreements.last().map_or("", String::as_str);
    let whole = |customer: &str, account| write(auditor.balance(customer_number(customer), 0, account), ASSETS[0].1);
    let each = |(number, customer): (usize, &&'static str)| {
        let (customer, funding) = ((*customer).to_owned(), whole(customer, Account::Funding));
        let asset = ASSETS[0].0.to_owned();
        match dice.below(4) {
            0 => {
                let reference = format!("out-{}-{number}", auditor.today);
                Command::Withdraw(WalletMove { customer, asset, account: Funding, amount: funding, reference })
            }
            1 => subscription(&customer, "sol-short", &funding, agreement),
            2 => Command::Transfer { customer, asset, from: Funding, to: Spot, amount: funding },
            _ => Command::Transfer { amount: whole(&customer, Account::Spot), customer, asset, from: Spot, to: Funding },
        }
    };
    CUSTOMERS.iter().enumerate().map(each).collect()
}

/// Whose rewards have outgrown the principal leaves early, with an empty Funding account: nothing is there to take back from. So does who
/// gives up what a network paid.
pub fn outgrown(auditor: &Auditor, dice: &mut Dice<'_>) -> Vec<Command> {
    let is_outgrown = |number: &usize| {
        let position = &auditor.positions[*number];
        let product = &auditor.products[position.product];
        let gives_up = product.term.is_some() && product.passing.is_some() && position.distributed + position.accrued > 0;
        position.is_active() && product.early && (position.distributed > position.principal() || gives_up)
    };
    let all: Vec<usize> = (0..auditor.positions.len()).filter(is_outgrown).collect();
    let Some(number) = all.get(dice.index(all.len())) else { return Vec::new() };
    let (customer, product) = (auditor.positions[*number].customer, &auditor.products[auditor.positions[*number].product]);
    let amount = write(auditor.balance(customer, product.asset, Account::Funding), product.decimals);
    let (id, asset) = (auditor.customers[customer].clone(), auditor.assets[product.asset].0.clone());
    let empty = Command::Transfer { customer: id.clone(), asset, from: Funding, to: Spot, amount };
    let mut emptied = auditor.clone();
    // What it is quoted is what holds once Funding is empty; if that was refused, nothing changed.
    let _ = emptied.run(&empty, auditor.now);
    vec![empty, workload(&emptied).redemption_of(dice, *number, None)]
}

/// Somebody stakes from both accounts for a term that renews, and only a part of it may.
pub fn partly_renewed(auditor: &Auditor, dice: &mut Dice<'_>) -> Vec<Command> {
    let (product, customer) = ("sol-short", dice.one_of(&CUSTOMERS));
    let sale = SaleText {
        minimum: Patch::Clear,
        step: Patch::Clear,
        personal_maximum: Patch::Clear,
        capacity: Patch::Clear,
        renewal: Patch::Set(true),
        ..SaleText::default()
    };
    let limited = SaleText { personal_maximum: Patch::Set(format!("{}", dice.below(20) + 1)), ..SaleText::default() };
    let (funding, spot) = [Account::Funding, Account::Spot].map(|account| auditor.balance(customer_number(customer), 0, account)).into();
    let subscribe = Command::Subscribe(Subscribe {
        customer: customer.to_owned(),
        product: product.to_owned(),
        amount: write(funding + spot / 256 * u128::from(dice.byte()), ASSETS[0].1),
        source: Source::FundingThenSpot,
        agreement: auditor.agreements.last().cloned().unwrap_or_default(),
        auto_renew: true,
    });
    let change = |sale| Command::ChangeProduct { product: product.to_owned(), sale: Box::new(sale) };
    let open = Command::SetProductStatus { product: product.to_owned(), status: Status::Open };
    vec![open, change(sale), subscribe, change(limited)]
}

/// Somebody comes in the very instant in which a sale begins or ends.
pub fn at_the_edge(auditor: &Auditor, dice: &mut Dice<'_>, clock: i64) -> Vec<Command> {
    let agreement = auditor.agreements.last().map_or("", String::as_str);
    let edges = |sale: &Sale| sale.opens_at == Some(clock) || sale.closes_at == Some(clock);
    let at_it = auditor.products.iter().filter(|product| edges(&product.sale));
    at_it
        .map(|product| subscription(CAST.customer(dice), &product.id, &write(product.smallest() * 3, product.decimals), agreement))
        .collect()
}

/// Whether a sale begins in this very instant.
pub fn opens_at(auditor: &Auditor, clock: i64) -> bool {
    auditor.products.iter().any(|product| product.sale.opens_at == Some(clock))
}

/// Everybody stakes for the same term, so that all of it matures in the same close.
pub fn same_term(auditor: &Auditor, dice: &mut Dice<'_>) -> Vec<Command> {
    let agreement = auditor.agreements.last().cloned().unwrap_or_default();
    let mut commands = Vec::new();
    for customer in CUSTOMERS {
        for _ in 0..=dice.below(3) {
            commands.push(Command::Subscribe(Subscribe {
                customer: customer.to_owned(),
                product: "sol-short".to_owned(),
                amount: format!("{}", u32::from(dice.below(6)) + 3),
                source: dice.one_of(&[Source::FundingThenSpot, Source::Funding, Source::Spot]),
                agreement: agreement.clone(),
                auto_renew: dice.below(2) == 1,
            }));
        }
    }
    commands
}

/// A product that goes on sale with little to sell, and everybody who wants it in that instant.
pub fn launch(auditor: &Auditor, dice: &mut Dice<'_>) -> Vec<Command> {
    let outline = &CAST.products[LAUNCHED];
    let id = outline.id;
    let mut commands = Vec::new();
    if auditor.products.iter().all(|product| product.id != id) {
        let mut product = CAST.product(dice, outline);
        product.sale.capacity = Patch::Set(dice.one_of(&["30", "10", "55.5"]).to_owned());
        if dice.below(2) == 1 {
            product.sale.opens_at = Patch::Set(Timestamp::from_ms(auditor.start_of(auditor.today + 1)));
        }
        commands.push(Command::CreateProduct(Box::new(product)));
        commands.push(Command::SetProductStatus { product: id.to_owned(), status: Status::Open });
    }
    let agreement = auditor.agreements.last().cloned().unwrap_or_default();
    for customer in CUSTOMERS {
        let amount = if dice.once_in(4) { workload(auditor).amount(dice, customer, 0) } else { format!("{}", dice.below(12) + 1) };
        commands.push(Command::Subscribe(Subscribe {
            customer: customer.to_owned(),
            product: id.to_owned(),
            amount,
            source: Source::FundingThenSpot,
            agreement: agreement.clone(),
            auto_renew: dice.below(2) == 1,
        }));
    }
    commands
}

/// Somebody adds to a flexible position and takes a part out again in the same instant.
pub fn in_and_out(auditor: &Auditor, dice: &mut Dice<'_>) -> Vec<Command> {
    let flexible = |number: &usize| {
        let position = &auditor.positions[*number];
        position.is_active() && auditor.products[position.product].term.is_none()
    };
    let running: Vec<usize> = (0..auditor.positions.len()).filter(flexible).collect();
    if running.is_empty() {
        return vec![workload(auditor).subscription(dice)];
    }
    let number = running[dice.index(running.len())];
    let position = &auditor.positions[number];
    let product = &auditor.products[position.product];
    let added = product.smallest() * (u128::from(dice.below(4)) + 1);
    let into = Command::Subscribe(Subscribe {
        customer: auditor.customers[position.customer].clone(),
        product: product.id.clone(),
        amount: write(added, product.decimals),
        source: Source::FundingThenSpot,
        agreement: auditor.agreements.last().cloned().unwrap_or_default(),
        auto_renew: false,
    });
    let out = workload(auditor).redemption_of(dice, number, Some((added / 2 + position.principal() / 3).max(1)));
    vec![into, out]
}

/// Everybody wants out of one product.
pub fn run_on(auditor: &Auditor, dice: &mut Dice<'_>) -> Vec<Command> {
    let product = dice.index(auditor.products.len());
    let staked = auditor.positions.iter().enumerate().filter(|(_, position)| position.is_active() && position.product == product);
    staked.map(|(number, _)| workload(auditor).redemption_of(dice, number, None)).take(24).collect()
}

/// People come, propose and sign, one after another: each knows what those before have done.
pub fn people(auditor: &Auditor, dice: &mut Dice<'_>) -> Vec<Command> {
    let mut meanwhile = auditor.clone();
    let mut commands = Vec::new();
    for _ in 0..4 + dice.below(8) {
        let active: Vec<String> = meanwhile.people.iter().filter(|person| !person.removed).map(|person| person.name.clone()).collect();
        let open = |place: &usize| meanwhile.proposals[*place].over.is_none() && meanwhile.proposals[*place].expires_at > meanwhile.now;
        let open: Vec<usize> = (0..meanwhile.proposals.len()).filter(open).collect();
        let name = dice.one_of(&PEOPLE).to_owned();
        let command = if active.len() < 2 {
            Command::RegisterPerson { key: public_key_of(&name), name }
        } else if open.len() < 2 && (open.is_empty() || dice.below(3) == 0) {
            let goes = dice.below(3) == 0;
            let matter = if goes { Matter::RemovePerson { name } } else { Matter::RegisterPerson { key: public_key_of(&name), name } };
            Command::Propose { matter: Box::new(matter), expires_at: None }
        } else {
            let (place, person) = (open[dice.index(open.len())], dice.one_of(&active));
            let verdict = if dice.once_in(12) { Verdict::Decline } else { Verdict::Approve };
            let text = meanwhile.to_sign(place, verdict == Verdict::Approve).unwrap_or_default();
            let signature = signed(if dice.once_in(8) { PEOPLE[0] } else { &person }, &text);
            Command::SignProposal(Box::new(SignProposal { proposal: place as u64 + 1, person, verdict, signature }))
        };
        // What is refused changes nothing for whoever comes next.
        let _ = meanwhile.run(&command, meanwhile.now);
        commands.push(command);
    }
    commands
}

/// One of three people approves something, is removed by the others, and they go on without that approval.
pub fn removed_meanwhile(auditor: &Auditor, dice: &mut Dice<'_>) -> Vec<Command> {
    let mut meanwhile = auditor.clone();
    let mut commands = Vec::new();
    let mut run = |meanwhile: &mut Auditor, command: Command| {
        let _ = meanwhile.run(&command, meanwhile.now);
        commands.push(command);
    };
    let sign = |auditor: &Auditor, proposal: usize, person: &str| {
        let text = auditor.to_sign(proposal - 1, true).unwrap_or_default();
        let (person, signature) = (person.to_owned(), signed(person, &text));
        Command::SignProposal(Box::new(SignProposal { proposal: proposal as u64, person, verdict: Verdict::Approve, signature }))
    };
    let register = |name: &str| Matter::RegisterPerson { name: name.to_owned(), key: public_key_of(name) };
    let propose = |matter| Command::Propose { matter: Box::new(matter), expires_at: None };
    let unknown = |auditor: &Auditor| PEOPLE.into_iter().find(|name| auditor.people.iter().all(|person| person.name != *name));
    for _ in 0..3 {
        let Some(name) = unknown(&meanwhile) else { break };
        run(&mut meanwhile, Command::RegisterPerson { name: name.to_owned(), key: public_key_of(name) });
        run(&mut meanwhile, propose(register(name)));
        let active: Vec<String> = meanwhile.people.iter().filter(|person| !person.removed).map(|person| person.name.clone()).collect();
        for person in active.iter().take(2) {
            let signature = sign(&meanwhile, meanwhile.proposals.len().max(1), person);
            run(&mut meanwhile, signature);
        }
    }
    let active: Vec<String> = meanwhile.people.iter().filter(|person| !person.removed).map(|person| person.name.clone()).collect();
    let (Some(name), [first, second, third, ..]) = (unknown(&meanwhile), active.as_slice()) else { return commands };
    run(&mut meanwhile, propose(register(name)));
    let proposal = meanwhile.proposals.len().max(1);
    let approval = sign(&meanwhile, proposal, first);
    run(&mut meanwhile, approval);
    run(&mut meanwhile, propose(Matter::RemovePerson { name: first.clone() }));
    let removal = meanwhile.proposals.len().max(1);
    let last = if dice.below(4) == 3 { first } else { third };
    for (proposal, person) in [(removal, second), (removal, third), (proposal, second), (proposal, last)] {
        let signature = sign(&meanwhile, proposal, person);
        run(&mut meanwhile, signature);
    }
    commands
}

/// A treasury goes on by several steps; now and then who has a part of what its network paid gives it up.
pub fn treasury(auditor: &Auditor, dice: &mut Dice<'_>) -> Vec<Command> {
    let mut meanwhile = auditor.clone();
    let mut commands = Vec::new();
    for _ in 0..6 + dice.below(10) {
        let command = workload(&meanwhile).treasury(dice);
        let _ = meanwhile.run(&command, meanwhile.now);
        commands.push(command);
    }
    if dice.once_in(2) {
        commands.extend(outgrown(&meanwhile, dice));
    }
    commands
}
