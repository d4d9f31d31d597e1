//! What customers and operators ask for: drawn from dice against the world as the auditor sees it.
//!
//! Most commands are meaningful, many hit what is delicate: the first instant of a day and the millisecond beside it; all
//! of a balance, a unit more, a grain of dust; the quote that was shown and one that is a unit off. What several people do in one
//! instant stands in [`occasions`].

pub mod occasions;

use crate::auditor::arithmetic::{DAY_MS, write};
use crate::auditor::{Account, Auditor};
use crate::plan::Dice;
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::PositionId;
use usance_core::machine::Command;
use usance_core::machine::command::{Change, ProductText, RateText, Redeem, SaleText, Source, Subscribe, WalletMove};
use usance_core::money::Rate;
use usance_core::product::{Distribution, EarlyRedemption, Kind, RateMode, Status};
use usance_core::reward::clawback::AccountKind::{Funding, Spot};

/// Everybody.
pub const CUSTOMERS: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];
/// Symbols and decimals.
pub const ASSETS: [(&str, u8); 2] = [("SOL", 9), ("WEI", 18)];
/// Every product there may be; one is launched later, and the last has no rate.
pub const PRODUCTS: [&str; 7] = ["sol-flex", "sol-term", "wei-term", "wei-any", "sol-short", "sol-launch", "sol-bare"];

/// What the world begins with: everything is on sale and everybody has some coins. In some worlds the agreement comes last, and
/// somebody has tried before.
pub fn founding(dice: &mut Dice<'_>) -> Vec<Command> {
    let agreed_last = dice.below(4) == 3;
    let mut commands = if agreed_last { Vec::new() } else { vec![agreement(1)] };
    for (symbol, decimals) in ASSETS {
        commands.push(Command::CreateAsset { symbol: symbol.to_owned(), name: symbol.to_owned(), decimals, display_decimals: 4 });
    }
    commands.extend(CUSTOMERS.iter().map(|id| Command::CreateCustomer { id: (*id).to_owned() }));
    for product in &PRODUCTS[..5] {
        commands.push(Command::CreateProduct(Box::new(a_product(dice, product))));
        commands.push(Command::SetProductStatus { product: (*product).to_owned(), status: Status::Open });
    }
    let bare = ProductText { rates: Vec::new(), ..a_product(dice, PRODUCTS[6]) };
    commands.push(Command::CreateProduct(Box::new(bare)));
    for customer in CUSTOMERS {
        for (asset, _) in ASSETS {
            for (account, amount) in [(Funding, "100"), (Spot, "45.5")] {
                let reference = format!("first-{customer}-{account:?}");
                commands.push(Command::Deposit(WalletMove {
                    customer: customer.to_owned(),
                    asset: asset.to_owned(),
                    account,
                    amount: amount.to_owned(),
                    reference,
                }));
            }
        }
    }
    if agreed_last {
        commands.extend([subscription("alice", "sol-flex", "3", "v1"), agreement(1)]);
    }
    commands
}

fn agreement(number: usize) -> Command {
    Command::PublishAgreement { version: format!("v{number}"), text: format!("The words of version {number}.") }
}

/// A plain subscription.
fn subscription(customer: &str, product: &str, amount: &str, agreement: &str) -> Command {
    Command::Subscribe(Subscribe {
        customer: customer.to_owned(),
        product: product.to_owned(),
        amount: amount.to_owned(),
        source: Source::FundingThenSpot,
        agreement: agreement.to_owned(),
        auto_renew: false,
    })
}

fn a_product(dice: &mut Dice<'_>, id: &str) -> ProductText {
    let flexible = id == "sol-flex" || (id == "wei-any" && dice.below(2) == 0);
    // One term is long, so that it is mostly left early and its rewards can outgrow it; one is short, so that it renews.
    let term_days = match id {
        "wei-term" => 120,
        "sol-short" => u32::from(dice.below(3)) + 1,
        _ => dice.one_of(&[3, 1, 2, 5, 7, 14, 30, 45]),
    };
    let daily = Some(Distribution::Daily);
    let distributions = [daily, None, daily, Some(Distribution::EveryNDays(2)), Some(Distribution::EveryNDays(5))];
    let some = |dice: &mut Dice<'_>, choices: &[&str]| match dice.one_of(choices) {
        "" => Change::Keep,
        text => Change::Set(text.to_owned()),
    };
    ProductText {
        id: id.to_owned(),
        asset: ASSETS[usize::from(id.starts_with("wei"))].0.to_owned(),
        name: id.to_owned(),
        kind: if flexible { Kind::Flexible } else { Kind::FixedTerm { term_days } },
        rates: vec![(day_number(20_400), if id == "wei-term" { vec![(None, Rate::MAX)] } else { a_rate(dice) })],
        rate_mode: dice.one_of(&[None, Some(RateMode::Floating), Some(RateMode::Locked)]),
        distribution: if flexible { None } else { dice.one_of(&distributions) },
        early_redemption: if id == "wei-term" { None } else { dice.one_of(&[None, None, Some(EarlyRedemption::NotAllowed)]) },
        sale: SaleText {
            minimum: some(dice, &["", "", "0.5", "2"]),
            step: some(dice, &["", "", "", "", "0.25", "0.3"]),
            personal_maximum: some(dice, &["", "", "", "60", "12.5"]),
            capacity: some(dice, &["", "", "90", "30"]),
            renewal: Change::Set(!flexible),
            ..SaleText::default()
        },
    }
}

fn day_number(number: i64) -> Day {
    Day::from_number(i32::try_from(number).unwrap_or(i32::MAX))
}

/// One band or several; up to 1000 % a year, so that rewards outgrow a principal.
fn a_rate(dice: &mut Dice<'_>) -> RateText {
    let rates = [5_000_000, 1_000_000_000, 1_000_000_000, 8_000_000, 1, 0, 365_000_000, 12_345_678, 999_999_999];
    let mut rate = || Rate::from_units(dice.one_of(&rates)).unwrap_or(Rate::MAX);
    let bands = [rate(), rate(), rate()];
    match dice.below(4) {
        0 | 1 => vec![(None, bands[0])],
        2 => vec![(Some("5".to_owned()), bands[0]), (None, bands[1])],
        _ => vec![(Some("0.3".to_owned()), bands[0]), (Some("20".to_owned()), bands[1]), (None, bands[2])],
    }
}

/// One thing that somebody asks for.
pub fn a_command(auditor: &Auditor, dice: &mut Dice<'_>) -> Command {
    match dice.below(32) {
        0..=9 => subscribe(auditor, dice),
        10..=14 => redeem(auditor, dice),
        15 => wild(auditor, dice),
        16..=17 => {
            let (customer, position) = a_position(auditor, dice);
            Command::SetAutoRenew { customer, position, auto_renew: dice.below(4) != 1 }
        }
        18 => transfer(auditor, dice),
        19 => emptying(auditor, dice),
        20 => Command::Deposit(wallet_move(auditor, dice)),
        21..=22 => Command::Withdraw(wallet_move(auditor, dice)),
        23 => pool(auditor, dice),
        _ => an_operators(auditor, dice),
    }
}

/// What should not be asked.
fn wild(auditor: &Auditor, dice: &mut Dice<'_>) -> Command {
    let customer = dice.one_of(&["nobody", "alice"]).to_owned();
    let asset = if customer == "alice" { "GONE" } else { "SOL" }.to_owned();
    let amount = "1".to_owned();
    match dice.below(10) {
        6 => {
            let (symbol, decimals) = dice.one_of(&ASSETS);
            Command::CreateAsset { symbol: symbol.to_owned(), name: symbol.to_owned(), decimals, display_decimals: 2 }
        }
        7 => Command::ConfirmClock { clock: Timestamp::from_ms(auditor.now) },
        8 | 9 => Command::CreateProduct(Box::new(a_contradiction(auditor, dice))),
        0 => Command::Deposit(WalletMove { customer, asset, account: Spot, amount, reference: "wild".to_owned() }),
        1 => Command::Transfer { customer, asset, from: Spot, to: Funding, amount },
        2 => Command::FundRewardPool { asset: "GONE".to_owned(), amount },
        3 => Command::MoveClock { to: Timestamp::from_ms(auditor.now + 3_661 * DAY_MS) },
        4 => Command::SetAutoRenew { customer, position: Some(PositionId(1)), auto_renew: true },
        _ => Command::SetProductStatus { product: PRODUCTS[6].to_owned(), status: Status::Open },
    }
}

/// A product that may not be: its terms contradict themselves, or there is one with its id.
fn a_contradiction(auditor: &Auditor, dice: &mut Dice<'_>) -> ProductText {
    let mut product = a_product(dice, "sol-term");
    product.id = dice.one_of(&["odd", "odd", "odd", "odd", "sol-term"]).to_owned();
    match dice.below(6) {
        0 => product.kind = Kind::FixedTerm { term_days: 0 },
        1 => product.kind = Kind::FixedTerm { term_days: 3_651 },
        2 => (product.kind, product.distribution) = (Kind::Flexible, Some(Distribution::AtMaturity)),
        3 => product.distribution = Some(Distribution::EveryNDays(dice.one_of(&[0, 3_651]))),
        4 => {
            let opens = Timestamp::from_ms(auditor.start_of(auditor.today));
            (product.sale.opens_at, product.sale.closes_at) = (Change::Set(opens), Change::Set(opens));
        }
        _ => product.asset = "GONE".to_owned(),
    }
    product
}

/// Something that changes what is offered.
pub fn an_operators(auditor: &Auditor, dice: &mut Dice<'_>) -> Command {
    match dice.below(8) {
        0 | 1 => {
            let from = day_number(auditor.today + i64::from(dice.below(4)));
            Command::AnnounceRate { product: a_product_id(dice), from, rate: a_rate(dice) }
        }
        2 | 3 => {
            let day = day_number(auditor.today + i64::from(dice.below(4)) - 1);
            let rate = dice.one_of(&[1_000_000, 0, 6_000_000, 100_000_000, 1_000_000_000]);
            Command::SettleRate { product: a_product_id(dice), day, rate: Rate::from_units(rate).unwrap_or(Rate::MAX) }
        }
        4 => {
            let statuses = [Status::Open, Status::Open, Status::Open, Status::Paused, Status::Paused, Status::Draft, Status::Closed];
            Command::SetProductStatus { product: a_product_id(dice), status: dice.one_of(&statuses) }
        }
        5 | 6 => {
            // Mostly what sells, so that limits are met.
            Command::ChangeProduct { product: a_product_id(dice), sale: Box::new(a_change(auditor, dice)) }
        }
        _ => dice.one_of(&[
            agreement(auditor.agreements.len() + 1),
            agreement(auditor.agreements.len()),
            Command::CreateCustomer { id: "alice".to_owned() },
            Command::SetProductStatus { product: "nothing".to_owned(), status: Status::Open },
            Command::CreateCustomer { id: "frank".to_owned() },
        ]),
    }
}

fn a_product_id(dice: &mut Dice<'_>) -> String {
    if dice.once_in(12) { PRODUCTS[6] } else { dice.one_of(&PRODUCTS[..6]) }.to_owned()
}

/// Mostly one of two: what is delicate happens to who has several things in one product.
fn a_customer(dice: &mut Dice<'_>) -> &'static str {
    dice.one_of(&["alice", "alice", "alice", "bob", "bob", "carol", "dave", "erin"])
}

fn asset_of(product: &str) -> usize {
    usize::from(product.starts_with("wei"))
}

fn customer_number(id: &str) -> usize {
    CUSTOMERS.iter().position(|each| *each == id).unwrap_or_default()
}

fn subscribe(auditor: &Auditor, dice: &mut Dice<'_>) -> Command {
    let customer = a_customer(dice);
    let usual = ["sol-flex", "sol-term", "wei-term", "wei-any", "sol-short", "sol-launch", "sol-flex", "sol-short"];
    let product = if dice.once_in(24) { PRODUCTS[6] } else { dice.one_of(&usual) };
    let source = dice.one_of(&[Source::FundingThenSpot, Source::FundingThenSpot, Source::Funding, Source::Spot]);
    let auto_renew = dice.below(3) == 1;
    // The one in force; now and then the first, which may be old by now, or one that never was.
    let in_force = auditor.agreements.last().map_or("", String::as_str);
    let agreement = match dice.byte() % 16 {
        14 => "v0",
        15 => "v1",
        _ => in_force,
    };
    let amount = an_amount(auditor, dice, customer, asset_of(product));
    Command::Subscribe(Subscribe {
        customer: customer.to_owned(),
        product: product.to_owned(),
        amount,
        source,
        agreement: agreement.to_owned(),
        auto_renew,
    })
}

/// A position and its owner: mostly one that runs, now and then any number and any customer.
fn a_position(auditor: &Auditor, dice: &mut Dice<'_>) -> (String, Option<PositionId>) {
    let wild = dice.once_in(12);
    let active: Vec<usize> = (0..auditor.positions.len()).filter(|number| auditor.positions[*number].is_active()).collect();
    if wild || active.is_empty() {
        let id = dice.one_of(&[1, 2, 3, 5, 8, 0, 1_000_000]);
        let position = (dice.below(8) != 7).then_some(PositionId(id));
        return (dice.one_of(&CUSTOMERS).to_owned(), position);
    }
    // Those of mixed origin or with something waiting, if there are any, every other time.
    let delicate: Vec<usize> = active.iter().copied().filter(|number| is_delicate(auditor, *number)).collect();
    let among = if delicate.is_empty() || dice.below(2) == 0 { &active } else { &delicate };
    let number = among[dice.place(among.len())];
    let owner = CUSTOMERS[auditor.positions[number].customer.min(CUSTOMERS.len() - 1)];
    (owner.to_owned(), Some(PositionId(number as u64 + 1)))
}

fn is_delicate(auditor: &Auditor, number: usize) -> bool {
    let position = &auditor.positions[number];
    let (principal, earning) = (position.principal(), position.earning_on(auditor.today));
    let mixed = position.from_spot > 0 && position.from_spot < principal;
    mixed || (earning > 0 && earning < principal)
}

fn redeem(auditor: &Auditor, dice: &mut Dice<'_>) -> Command {
    let (customer, position) = a_position(auditor, dice);
    let number = position.and_then(|id| usize::try_from(id.0).ok()?.checked_sub(1)).filter(|number| *number < auditor.positions.len());
    match number {
        Some(number) if CUSTOMERS[auditor.positions[number].customer.min(CUSTOMERS.len() - 1)] == customer => {
            let amount = match dice.below(8) {
                0..=3 => None,
                4 | 5 => Some(auditor.positions[number].principal() / 3),
                6 => Some(auditor.positions[number].principal() + u128::from(dice.below(2))),
                _ => Some(u128::from(dice.byte())),
            };
            redemption(auditor, dice, number, amount)
        }
        _ => Command::Redeem(Redeem {
            customer,
            position,
            amount: None,
            to: None,
            quoted_payout: Some("1".to_owned()),
            quoted_from_funding: None,
        }),
    }
}

/// A redemption with the quote that its customer is shown, or one that is a unit off.
fn redemption(auditor: &Auditor, dice: &mut Dice<'_>, number: usize, units: Option<u128>) -> Command {
    let position = &auditor.positions[number];
    let product = &auditor.products[position.product];
    let mut asked = Redeem {
        customer: auditor.customers[position.customer].clone(),
        position: Some(PositionId(number as u64 + 1)),
        amount: units.map(|units| write(units, product.decimals)),
        to: dice.one_of(&[None, None, Some(Spot), Some(Funding)]),
        quoted_payout: None,
        quoted_from_funding: None,
    };
    if let Ok((_, figures)) = auditor.check_redemption(&asked) {
        let off = u128::from(dice.once_in(8));
        let quoted = if product.term.is_some() { !dice.once_in(12) } else { dice.below(2) == 1 };
        asked.quoted_payout = quoted.then(|| write(figures.payout + off, product.decimals));
        let from_funding = figures.clawback_from_funding;
        let off = u128::from(dice.once_in(8));
        asked.quoted_from_funding = (from_funding + off > 0).then(|| write(from_funding + off, product.decimals));
        if dice.once_in(24) {
            asked.quoted_payout = Some("1e".to_owned());
        }
    }
    Command::Redeem(asked)
}

fn transfer(auditor: &Auditor, dice: &mut Dice<'_>) -> Command {
    let (customer, asset) = (a_customer(dice), usize::from(dice.below(2)));
    let (from, to) = dice.one_of(&[(Spot, Funding), (Funding, Spot), (Spot, Spot)]);
    let amount = an_amount(auditor, dice, customer, asset);
    Command::Transfer { customer: customer.to_owned(), asset: ASSETS[asset].0.to_owned(), from, to, amount }
}

/// The owner of a position leaves nothing in Funding, so that a clawback finds nothing there.
fn emptying(auditor: &Auditor, dice: &mut Dice<'_>) -> Command {
    let (customer, position) = a_position(auditor, dice);
    let number = position.and_then(|id| usize::try_from(id.0).ok()?.checked_sub(1));
    let asset = number.and_then(|number| auditor.positions.get(number)).map_or(0, |position| auditor.products[position.product].asset);
    let amount = write(auditor.balance(customer_number(&customer), asset, Account::Funding), ASSETS[asset].1);
    Command::Transfer { customer, asset: ASSETS[asset].0.to_owned(), from: Funding, to: Spot, amount }
}

fn wallet_move(auditor: &Auditor, dice: &mut Dice<'_>) -> WalletMove {
    let (customer, asset) = (a_customer(dice), usize::from(dice.below(2)));
    WalletMove {
        customer: customer.to_owned(),
        asset: ASSETS[asset].0.to_owned(),
        account: dice.one_of(&[Funding, Spot]),
        amount: an_amount(auditor, dice, customer, asset),
        reference: format!("ref-{}", dice.byte() / 8),
    }
}

fn pool(auditor: &Auditor, dice: &mut Dice<'_>) -> Command {
    let asset = usize::from(dice.below(2));
    let (symbol, amount) = (ASSETS[asset].0.to_owned(), an_amount(auditor, dice, "bob", asset));
    if dice.below(3) == 0 {
        Command::WithdrawRewardPool { asset: symbol, amount }
    } else {
        Command::FundRewardPool { asset: symbol, amount }
    }
}

fn a_change(auditor: &Auditor, dice: &mut Dice<'_>) -> SaleText {
    let bound = |dice: &mut Dice<'_>| match dice.below(8) {
        0..=1 => Change::Clear,
        2 => Change::Set("0.25".to_owned()),
        _ => Change::Set(dice.byte().to_string()),
    };
    let start = |days: i64| Change::Set(Timestamp::from_ms(auditor.start_of(auditor.today + days)));
    let mut sale = SaleText::default();
    match dice.below(8) {
        0..=2 => sale.capacity = bound(dice),
        3 => sale.personal_maximum = bound(dice),
        4 => sale.minimum = bound(dice),
        5 => sale.step = bound(dice),
        6 => sale.renewal = Change::Set(dice.below(2) == 1),
        _ => {
            (sale.opens_at, sale.closes_at) =
                dice.one_of(&[(Change::Clear, Change::Clear), (start(-1), start(3)), (start(2), Change::Clear)])
        }
    }
    sale
}

/// An amount as text: an ordinary one, all or half of a balance, one unit, dust, the most there is, or none.
fn an_amount(auditor: &Auditor, dice: &mut Dice<'_>, customer: &str, asset: usize) -> String {
    let decimals = ASSETS[asset].1;
    let whole = |account| auditor.balance(customer_number(customer), asset, account);
    let units = match dice.below(32) {
        0..=7 => return format!("{}.{:02}", dice.below(40), dice.below(100)),
        8..=13 => return format!("{}.5", dice.below(30)),
        // More than Funding has, so that a part comes from Spot.
        14..=17 => whole(Account::Funding) + whole(Account::Spot) / 256 * u128::from(dice.below(32)),
        18..=20 => whole(Account::Funding) / 256 * u128::from(dice.byte()),
        21..=23 => whole(Account::Funding),
        24 => whole(Account::Spot),
        25 => whole(Account::Spot) + 1,
        26 => 1,
        27..=28 => u128::from(dice.large()),
        29 => return format!("{}e{}", dice.one_of(&["1", "9.5", "0.7"]), 28 - i32::from(decimals)),
        30 => return format!("{}e-2", dice.large()),
        _ => {
            let long = ["0".repeat(63), "0".repeat(64)].map(|zeros| format!("{zeros}1"));
            let odd = ["0", "", "1.", "-1", "1e-19", "1,5", "0.000", "1E0", "2e+0", "1e100", "1e-100", "1e0001", "+1", &long[0], &long[1]];
            return dice.one_of(&odd).to_owned();
        }
    };
    write(units, decimals)
}

/// How far time goes in a turn: not at all, a little, to the first instant of another day or of a sale or its end, or beside it,
/// or far.
pub fn later(auditor: &Auditor, dice: &mut Dice<'_>, now: i64) -> i64 {
    let start = |days: u8| auditor.start_of(auditor.today + i64::from(days));
    let at = match dice.below(20) {
        16..=18 => {
            let sales = auditor.products.iter().flat_map(|product| [product.sale.opens_at, product.sale.closes_at]);
            let ahead: Vec<i64> = sales.flatten().filter(|at| *at >= now).collect();
            ahead.get(dice.place(ahead.len())).map_or(now, |at| at + dice.one_of(&[0, 0, -1, 1]))
        }
        0..=4 => now,
        5..=6 => now + i64::from(dice.large()),
        7..=8 => start(1),
        9 => start(1) + 1,
        10 => start(1) - 1,
        11 => start(0) + DAY_MS / 256 * i64::from(dice.byte()),
        12 => start(dice.below(2) + 2),
        13 => start(dice.below(3) + 1) + DAY_MS / 256 * i64::from(dice.byte()),
        14 => start(dice.below(4)),
        _ => start(dice.below(32)),
    };
    at.max(now)
}
