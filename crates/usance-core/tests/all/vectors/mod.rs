//! The golden cases are law: every file of `vectors/` is run to its last expectation, to the base unit.
//!
//! A file that holds a word this reader does not know fails: nothing of a case may go unread. A case says what a step
//! answers and how everything stands in the end; the driver adds that a refused step changed nothing.

mod file;

use crate::driver::{Engine, Line};
use file::{Case, EndBalance, EndDistribution, EndPosition, EndReward, Expect, GivenAccount, GivenAsset, GivenSource, GivenStatus, Verb};
use file::{day, rate, read_case, set, single};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use usance_core::id::{AssetIx, PositionId};
use usance_core::ledger::LedgerAccount;
use usance_core::machine::state::ClockMode;
use usance_core::machine::verb::{Redeem, SaleText, Source, Subscribe, WalletMove};
use usance_core::machine::{Command, view};
use usance_core::position::PositionState;
use usance_core::product::Status;
use usance_core::reward::clawback::AccountKind;

impl Case {
    /// The platform as the case finds it: created at the instant of its first step.
    fn found(&self) -> Engine {
        let at = self.steps.first().expect("a case has steps").at;
        let mut engine = Engine::new(ClockMode::Simulated, self.day_offset_minutes, at);
        let mut done = |command: Command| {
            engine.run(&command, at).unwrap_or_else(|rejection| panic!("{}: {command:?}: {rejection:?}", self.name));
        };
        for GivenAsset { symbol, decimals } in &self.assets {
            done(Command::CreateAsset { symbol: symbol.clone(), name: symbol.clone(), decimals: *decimals, display_decimals: *decimals });
        }
        done(Command::PublishAgreement { version: self.agreement.clone(), text: "The words of the agreement.".to_owned() });
        let customers: BTreeSet<&String> = self.steps.iter().filter_map(|step| step.verb.customer()).collect();
        for id in customers {
            done(Command::CreateCustomer { id: id.clone() });
        }
        for product in &self.products {
            done(Command::CreateProduct(Box::new(product.read())));
            done(Command::SetProductStatus { product: product.id.clone(), status: Status::Open });
            if product.status != GivenStatus::Open {
                done(Command::SetProductStatus { product: product.id.clone(), status: product.status.into() });
            }
        }
        engine
    }
}

impl Verb {
    fn customer(&self) -> Option<&String> {
        match self {
            Verb::Deposit { customer, .. }
            | Verb::Withdraw { customer, .. }
            | Verb::Transfer { customer, .. }
            | Verb::Subscribe { customer, .. }
            | Verb::Redeem { customer, .. } => Some(customer),
            _ => None,
        }
    }
}

fn owner(engine: &Engine, position: u64) -> String {
    let account = engine.state.position(PositionId(position)).and_then(|(running, _)| engine.state.accounts.get(running.account.index()));
    let customer = account.and_then(|account| engine.state.customers.get(account.customer.index()));
    customer.or_else(|| engine.state.customers.get(0)).expect("a customer").id.to_string()
}

/// Runs one step; answers with the code of its rejection.
fn run(engine: &mut Engine, case: &Case, index: usize) -> Expect {
    let step = &case.steps[index];
    let reference = format!("step-{index}");
    let wallet = |customer: &String, asset: &String, account: &GivenAccount, amount: &String| WalletMove {
        customer: customer.clone(),
        asset: asset.clone(),
        account: (*account).into(),
        amount: amount.clone(),
        reference: reference.clone(),
    };
    let command = match &step.verb {
        Verb::Advance => Command::MoveClock { to: step.at },
        Verb::Deposit { customer, asset, account, amount } => Command::Deposit(wallet(customer, asset, account, amount)),
        Verb::Withdraw { customer, asset, account, amount } => Command::Withdraw(wallet(customer, asset, account, amount)),
        Verb::Transfer { customer, asset, from, to, amount } => Command::Transfer {
            customer: customer.clone(),
            asset: asset.clone(),
            from: (*from).into(),
            to: (*to).into(),
            amount: amount.clone(),
        },
        Verb::FundRewardPool { asset, amount } => Command::FundRewardPool { asset: asset.clone(), amount: amount.clone() },
        Verb::Subscribe { customer, product, amount, source, auto_renew, agreement } => Command::Subscribe(Subscribe {
            customer: customer.clone(),
            product: product.clone(),
            amount: amount.clone(),
            source: match source {
                GivenSource::Spot => Source::Spot,
                GivenSource::Funding => Source::Funding,
                GivenSource::FundingThenSpot => Source::FundingThenSpot,
            },
            agreement: agreement.clone().unwrap_or_else(|| case.agreement.clone()),
            auto_renew: auto_renew.unwrap_or(false),
        }),
        Verb::Redeem { customer, position, amount, to } => {
            let asked = Redeem {
                customer: customer.clone(),
                position: Some(PositionId(*position)),
                amount: amount.clone(),
                to: to.map(AccountKind::from),
                quoted_payout: None,
                quoted_from_funding: None,
            };
            return outcome(engine.redeem_as_shown(asked, step.at));
        }
        Verb::SetAutoRenew { position, auto_renew } => {
            engine.close_before(step.at); // a renewal on the way would be somebody's position
            Command::SetAutoRenew { customer: owner(engine, *position), position: Some(PositionId(*position)), auto_renew: *auto_renew }
        }
        Verb::SetRate { product, from, rate } => Command::AnnounceRate { product: product.clone(), from: day(from), rate: single(rate) },
        Verb::SettleRate { product, day: on, rate: cap } => Command::SettleRate { product: product.clone(), day: day(on), rate: rate(cap) },
        Verb::SetLimits { product, capacity, personal_maximum } => Command::ChangeProduct {
            product: product.clone(),
            sale: Box::new(SaleText {
                capacity: set(capacity.clone()),
                personal_maximum: set(personal_maximum.clone()),
                ..SaleText::default()
            }),
        },
        Verb::SetStatus { product, status } => Command::SetProductStatus { product: product.clone(), status: (*status).into() },
    };
    outcome(engine.run(&command, step.at))
}

fn outcome<T>(result: Result<T, usance_core::machine::Rejection>) -> Expect {
    result.map_or_else(|rejection| Expect::Rejected(rejection.code().to_owned()), |_| Expect::Ok)
}

fn check_end(engine: &Engine, case: &Case) {
    let name = &case.name;
    check_balances(engine, case);
    assert_eq!(case.end.positions.len(), engine.state.running.len(), "{name}: every position is expected");
    for expected in &case.end.positions {
        check_position(engine, name, expected);
    }
    for (kept, account) in [(&case.end.reward_pool, LedgerAccount::RewardPool), (&case.end.custody, LedgerAccount::Custody)] {
        let control = |(index, asset): (usize, &usance_core::machine::state::Asset)| {
            (asset.symbol.clone(), engine.state.registry.control[index].balance(account).to_text(asset.decimals))
        };
        let seen: BTreeMap<_, _> = engine.state.registry.assets.iter().enumerate().map(control).collect();
        assert_eq!(&seen, kept, "{name}: {}", account.name());
    }
    let rewards = |lines: &[Line]| -> Vec<EndReward> {
        let shown = |line: &Line| EndReward { position: line.position, day: line.day.to_string(), amount: text(engine, line) };
        lines.iter().map(shown).collect()
    };
    assert_eq!(rewards(&engine.rewards), case.end.daily_rewards, "{name}: rewards as the closes gave them");
    assert_eq!(rewards(&engine.derived_rewards()), case.end.daily_rewards, "{name}: rewards as history derives them");
    let shown = |line: &Line| EndDistribution { position: line.position, day_closed: line.day.to_string(), amount: text(engine, line) };
    let distributions: Vec<_> = engine.distributions.iter().map(shown).collect();
    assert_eq!(distributions, case.end.distributions, "{name}: distributions");
}

fn text(engine: &Engine, line: &Line) -> String {
    let (running, _) = engine.state.position(PositionId(line.position)).expect("a position");
    line.amount.to_text(engine.decimals(running.product))
}

/// Every account of every customer: those the case names as it says, all others empty.
fn check_balances(engine: &Engine, case: &Case) {
    let mut seen = Vec::new();
    for customer in engine.state.customers.iter() {
        for (index, asset) in engine.state.registry.assets.iter().enumerate() {
            let ix = engine.state.account_ix(engine.state.customer_ix(&customer.id).expect("a customer"), AssetIx::from_index(index));
            let balance = |kind| engine.state.balance(ix, kind).to_text(asset.decimals);
            let (spot, funding) = (balance(AccountKind::Spot), balance(AccountKind::Funding));
            let named = case.end.balances.iter().any(|each| *each.customer == *customer.id && each.asset == asset.symbol);
            if named || spot != "0" || funding != "0" {
                seen.push(EndBalance { customer: customer.id.to_string(), asset: asset.symbol.clone(), spot, funding });
            }
        }
    }
    seen.sort_unstable();
    let mut expected: Vec<&EndBalance> = case.end.balances.iter().collect();
    expected.sort_unstable();
    assert_eq!(seen.iter().collect::<Vec<_>>(), expected, "{}: balances", case.name);
}

fn check_position(engine: &Engine, name: &str, expected: &EndPosition) {
    let id = PositionId(expected.position);
    let shown = view::position(&engine.state, id).unwrap_or_else(|| panic!("{name}: there is no position {id}"));
    let decimals = engine.decimals(shown.product);
    let state = match shown.state {
        PositionState::Active => "active",
        PositionState::Matured => "matured",
        PositionState::Renewed => "renewed",
        PositionState::Redeemed => "redeemed",
        PositionState::RedeemedEarly => "redeemed_early",
    };
    let product = &engine.state.product(shown.product).expect("a product").id;
    assert_eq!((&owner(engine, id.0), product, state), (&expected.customer, &expected.product, &*expected.state), "{name}: position {id}");
    let amounts = [
        ("principal", shown.principal, Some(&expected.principal)),
        ("from_spot", shown.from_spot, Some(&expected.from_spot)),
        ("from_funding", shown.from_funding, Some(&expected.from_funding)),
        ("accrued", shown.accrued, Some(&expected.accrued)),
        ("distributed", shown.distributed, Some(&expected.distributed)),
        ("clawed_back", shown.clawed_back, expected.clawed_back.as_ref()),
        ("written_off", shown.written_off, expected.written_off.as_ref()),
    ];
    for (field, amount, expected) in amounts {
        if let Some(expected) = expected {
            assert_eq!(&amount.to_text(decimals), expected, "{name}: {field} of position {id}");
        }
    }
    if let Some(value_date) = &expected.value_date {
        assert_eq!(&shown.value_date.to_string(), value_date, "{name}: value date of position {id}");
    }
}

fn run_case(path: &Path) {
    let text = fs::read_to_string(path).expect("a readable file");
    let case = read_case(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(path.file_stem().and_then(|stem| stem.to_str()), Some(&*case.name), "a case is called what its file is called");
    assert!(!case.about.is_empty(), "{}: a case says what it is about", case.name);
    let mut engine = case.found();
    for (index, step) in case.steps.iter().enumerate() {
        assert_eq!(run(&mut engine, &case, index), step.expect, "{}: step {index} at {}", case.name, step.at);
        assert_eq!(engine.state.broken, None, "{}: step {index}", case.name);
    }
    check_end(&engine, &case);
    let findings = usance_core::audit::audit(&engine.state);
    assert!(usance_core::audit::is_healthy(&findings), "{}: {findings:#?}", case.name);
    assert!(engine.replayed() == engine.state, "{}: the log gives the same state again", case.name);
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors")
}

/// Every file of a folder, by name.
fn listing(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder entry").path()).collect();
    files.sort();
    files
}

#[test]
fn every_golden_case_holds() {
    let files = listing(&folder());
    let mut run_to_the_end = 0;
    for path in &files {
        run_case(path);
        run_to_the_end += 1;
    }
    assert!(run_to_the_end > 0, "there are golden cases");
    assert_eq!(run_to_the_end, fs::read_dir(folder()).expect("a folder").count(), "no file is left unread");
}

#[test]
fn a_word_that_is_not_known_fails_its_case() {
    let text = fs::read_to_string(folder().join("flexible-basic.json")).expect("a readable file");
    assert!(read_case(&text).is_ok());
    let sound: Value = serde_json::from_str(&text).expect("JSON");
    for pointer in ["", "/products/0", "/products/0/rates/0", "/steps/0", "/final", "/final/positions/0", "/final/daily_rewards/0"] {
        let mut changed = sound.clone();
        changed.pointer_mut(pointer).and_then(Value::as_object_mut).expect("an object").insert("surprise".to_owned(), Value::Null);
        assert!(read_case(&changed.to_string()).is_err(), "an unknown word in {pointer:?} is refused");
    }
    for (pointer, word) in [("/steps/0/do", "juggle"), ("/steps/0/expect", "perhaps"), ("/products/0/kind", "bendable")] {
        let mut changed = sound.clone();
        *changed.pointer_mut(pointer).expect("a word") = Value::String(word.to_owned());
        assert!(read_case(&changed.to_string()).is_err(), "{word} is refused");
    }
    assert!(read_case(&format!("{text} 1")).is_err(), "nothing may follow a case");
}
