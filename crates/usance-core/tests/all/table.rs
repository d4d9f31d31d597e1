//! Reads the tables of `cases`: one line is one thing that happens or one look at how things stand, and after `|` what
//! is expected of it.
//!
//! ```text
//! product   sol-flex  flexible 5%  min 0.01
//! day       2026-01-01 12:00
//! subscribe alice sol-flex 100 funding   | position 1
//! day       2026-01-03 00:00
//! balance   alice SOL                    | funding 0.01369863
//! redeem    alice 1 100.1                | above_principal principal 100
//! ```
//!
//! A line without `|` has to be accepted. What is expected is a choice of what the line shows: bare words (a state, the
//! code of a rejection) and names followed by their value. The platform begins with the first `day`; SOL with nine
//! decimals, alice, bob and carol, and agreement v1 are there from then on.

use crate::driver::{Engine, instant};
use std::fmt::Debug;
use usance_core::calendar::{Day, Timestamp};
use usance_core::id::{AssetIx, PositionId};
use usance_core::ledger::LedgerAccount;
use usance_core::machine::state::ClockMode;
use usance_core::machine::verb::{Patch, ProductText, RateText, Redeem, Redeemed, SaleText, Source, Subscribe, WalletMove, subscribe};
use usance_core::machine::{Answer, Command, Rejection, outlook, preview, view};
use usance_core::money::{Amount, Rate};
use usance_core::product::{Distribution, EarlyRedemption, ExitTerms, Kind, RateMode, SlashingTerms, StakingTerms, Status, YieldTerms};
use usance_core::reward::clawback::{AccountKind, RedemptionFigures};

/// What a line shows: words that stand alone, and named values.
#[derive(Debug, Default)]
struct Shown {
    accepted: bool,
    words: Vec<String>,
    values: Vec<(String, String)>,
}

impl Shown {
    fn new(words: &[&str]) -> Shown {
        Shown { accepted: true, words: words.iter().map(|word| (*word).to_owned()).collect(), values: Vec::new() }
    }
    fn with(mut self, name: &str, value: impl ToString) -> Shown {
        self.values.push((name.to_owned(), value.to_string()));
        self
    }
    /// Whether every expected word and value is shown.
    fn fits(&self, expected: &[&str]) -> bool {
        let mut left = expected.iter();
        while let Some(word) = left.next() {
            let fits = match self.values.iter().find(|(name, _)| name == word) {
                Some((_, value)) => left.next() == Some(&value.as_str()),
                None => self.words.iter().any(|each| each == word),
            };
            if !fits {
                return false;
            }
        }
        true
    }
}

/// Runs a table; panics with the line that does not hold and what was seen.
pub fn check(text: &str) {
    let mut table = Table { engine: None, offset_minutes: 0, clock: ClockMode::Simulated, now: Timestamp::from_ms(0), references: 0 };
    let mut lines = 0;
    for line in text.lines().map(|line| line.split('#').next().unwrap_or("").trim()).filter(|line| !line.is_empty()) {
        let (asked, expected) = line.split_once('|').map_or((line, None), |(asked, expected)| (asked, Some(expected)));
        let shown = table.line(&mut Words(asked.split_whitespace().collect()));
        let expected: Option<Vec<&str>> = expected.map(|expected| expected.split_whitespace().collect());
        let holds = expected.as_ref().map_or(shown.accepted, |expected| !expected.is_empty() && shown.fits(expected));
        assert!(holds, "this line does not hold:\n  {line}\nseen:\n  {shown:?}");
        assert_eq!(table.engine.as_ref().and_then(|engine| engine.state.broken.clone()), None, "{line}");
        lines += 1;
    }
    assert!(lines > 0, "a table has lines");
    let engine = table.engine.expect("a table has a day");
    let findings = usance_core::audit::audit(&engine.state);
    assert!(usance_core::audit::is_healthy(&findings), "{findings:#?}");
}

/// The words of a line that were not read yet.
struct Words<'a>(Vec<&'a str>);

impl<'a> Words<'a> {
    fn next(&mut self) -> &'a str {
        assert!(!self.0.is_empty(), "the line is too short");
        self.0.remove(0)
    }
    /// Takes a word out, wherever it stands.
    fn flag(&mut self, word: &str) -> bool {
        let found = self.0.iter().position(|each| *each == word);
        found.map(|index| self.0.remove(index)).is_some()
    }
    /// Takes a name and the word after it out, wherever they stand.
    fn value(&mut self, name: &str) -> Option<&'a str> {
        let index = self.0.iter().position(|each| *each == name)?;
        self.0.remove(index);
        Some(self.0.remove(index))
    }
    fn text(&mut self, name: &str) -> Option<String> {
        self.value(name).map(str::to_owned)
    }
    fn done(&self) {
        assert!(self.0.is_empty(), "these words mean nothing here: {:?}", self.0);
    }
}

struct Table {
    engine: Option<Engine>,
    offset_minutes: i32,
    clock: ClockMode,
    now: Timestamp,
    references: u32,
}

fn day(text: &str) -> Day {
    Day::parse(text).unwrap_or_else(|| panic!("not a day: {text}"))
}

/// `2026-01-01 12:00`, seconds and milliseconds if need be.
fn moment(date: &str, time: &str) -> Timestamp {
    let full = match time.len() {
        5 => format!("{time}:00.000"),
        8 => format!("{time}.000"),
        _ => time.to_owned(),
    };
    instant(&format!("{date}T{full}Z"))
}

fn account(word: &str) -> AccountKind {
    match word {
        "spot" => AccountKind::Spot,
        "funding" => AccountKind::Funding,
        other => panic!("not an account: {other}"),
    }
}

fn source(word: &str) -> Source {
    match word {
        "funding" => Source::Funding,
        "spot" => Source::Spot,
        "funding_then_spot" => Source::FundingThenSpot,
        other => panic!("not a source: {other}"),
    }
}

/// `5%`, or tiers: `10%<5,1%` is ten per cent up to five, then one.
fn rate(text: &str) -> RateText {
    let percent = |text: &str| {
        let number = text.strip_suffix('%').unwrap_or_else(|| panic!("not a rate: {text}"));
        Rate::parse(&format!("{number}e-2")).unwrap_or_else(|_| panic!("not a rate: {text}"))
    };
    let band = |text: &str| match text.split_once('<') {
        Some((rate, up_to)) => (Some(up_to.to_owned()), percent(rate)),
        None => (None, percent(text)),
    };
    text.split(',').map(band).collect()
}

fn change(words: &mut Words<'_>, name: &str) -> Patch<String> {
    match words.value(name) {
        None => Patch::Keep,
        Some("none") => Patch::Clear,
        Some(text) => Patch::Set(text.to_owned()),
    }
}

impl Table {
    fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().expect("a table begins with a day")
    }

    fn line(&mut self, words: &mut Words<'_>) -> Shown {
        let shown = match words.next() {
            "offset" => {
                self.offset_minutes = words.next().parse().expect("minutes");
                Shown::new(&[])
            }
            "system-clock" => {
                self.clock = ClockMode::System;
                Shown::new(&[])
            }
            "day" => self.day(moment(words.next(), words.next())),
            "move-clock" => {
                let to = moment(words.next(), words.next());
                let shown = self.run(&Command::MoveClock { to });
                self.now = if shown.accepted { to } else { self.now };
                shown
            }
            "confirm-clock" => {
                let clock = moment(words.next(), words.next());
                let shown = self.run(&Command::ConfirmClock { clock });
                shown.with("through", self.engine().state.registry.confirmed_through)
            }
            "deposit" => {
                let moved = self.wallet_move(words);
                self.run(&Command::Deposit(moved))
            }
            "withdraw" => {
                let moved = self.wallet_move(words);
                self.run(&Command::Withdraw(moved))
            }
            "transfer" => {
                let (customer, asset) = (words.next().to_owned(), words.next().to_owned());
                let amount = words.next().to_owned();
                let (from, to) = (account(words.next()), account(words.next()));
                self.run(&Command::Transfer { customer, asset, from, to, amount })
            }
            "pool" => match (words.next(), words.next().to_owned(), words.next().to_owned()) {
                ("fund", asset, amount) => self.run(&Command::FundRewardPool { asset, amount }),
                ("withdraw", asset, amount) => self.run(&Command::WithdrawRewardPool { asset, amount }),
                (other, ..) => panic!("a pool is funded or withdrawn from, not {other}"),
            },
            "subscribe" => self.subscribe(words),
            "prospect" => self.prospect(words),
            "redeem" => self.redeem(words),
            "preview" => {
                let asked = a_redemption(words);
                let now = self.now;
                match self.engine().preview(&asked, now) {
                    Ok(Redeemed { figures, product, .. }) => show_figures(Shown::new(&[]), &figures, self.engine().decimals(product)),
                    Err(rejection) => self.refusal(&rejection),
                }
            }
            "renew" => {
                let (customer, position) = (words.next().to_owned(), a_position(words.next()));
                self.run(&Command::SetAutoRenew { customer, position: Some(position), auto_renew: words.next() == "on" })
            }
            "balance" => self.balance(words),
            "position" => self.position(words),
            "rewards" => self.rewards(words),
            "outlook" => self.outlook(words),
            "most" => self.most(words),
            "books" => self.books(words),
            verb => self.set_up(verb, words),
        };
        words.done();
        shown
    }

    /// What an operator sets up, and a look at a product.
    fn set_up(&mut self, verb: &str, words: &mut Words<'_>) -> Shown {
        match verb {
            "asset" => {
                let (symbol, decimals) = (words.next().to_owned(), words.next().parse().expect("decimals"));
                self.run(&Command::CreateAsset { name: symbol.clone(), symbol, decimals, display_decimals: decimals })
            }
            "customer" => self.run(&Command::CreateCustomer { id: words.next().to_owned() }),
            "agreement" => self.run(&Command::PublishAgreement { version: words.next().to_owned(), text: "Words.".to_owned() }),
            "product" => self.product(words),
            "status" => {
                let product = words.next().to_owned();
                let status = match words.next() {
                    "draft" => Status::Draft,
                    "open" => Status::Open,
                    "paused" => Status::Paused,
                    "closed" => Status::Closed,
                    other => panic!("not a status: {other}"),
                };
                self.run(&Command::SetProductStatus { product, status })
            }
            "change" => {
                let product = words.next().to_owned();
                let sale = self.sale(words);
                self.run(&Command::ChangeProduct { product, sale: Box::new(sale) })
            }
            "announce" => {
                let (product, from) = (words.next().to_owned(), day(words.next()));
                self.run(&Command::AnnounceRate { product, from, rate: rate(words.next()) })
            }
            "settle" => {
                let (product, day) = (words.next().to_owned(), day(words.next()));
                let cap = rate(words.next()).remove(0).1;
                self.run(&Command::SettleRate { product, day, rate: cap })
            }
            "offer" => self.offer(words),
            other => panic!("a table has no {other}"),
        }
    }

    fn day(&mut self, at: Timestamp) -> Shown {
        self.now = at;
        if self.engine.is_none() {
            let mut engine = Engine::new(self.clock, self.offset_minutes, at);
            let mut commands = vec![
                Command::CreateAsset { symbol: "SOL".to_owned(), name: "Solana".to_owned(), decimals: 9, display_decimals: 4 },
                Command::PublishAgreement { version: "v1".to_owned(), text: "The words of the agreement.".to_owned() },
            ];
            commands.extend(["alice", "bob", "carol"].map(|id| Command::CreateCustomer { id: id.to_owned() }));
            for command in commands {
                engine.run(&command, at).expect("a fresh platform");
            }
            self.engine = Some(engine);
        }
        if self.clock == ClockMode::Simulated { self.run(&Command::MoveClock { to: at }) } else { self.closed_until(at) }
    }

    fn closed_until(&mut self, at: Timestamp) -> Shown {
        self.engine().close_before(at);
        Shown::new(&[])
    }

    fn run(&mut self, command: &Command) -> Shown {
        let at = match command {
            Command::MoveClock { to } => self.now.max(*to),
            _ => self.now,
        };
        match self.engine().run(command, at) {
            Ok(answer) => self.answer(&answer),
            Err(rejection) => self.refusal(&rejection),
        }
    }

    fn decimals(&mut self, asset: AssetIx) -> u8 {
        self.engine().state.asset(asset).expect("an asset").decimals
    }

    fn answer(&mut self, answer: &Answer) -> Shown {
        let shown = Shown::new(&["ok"]);
        match answer {
            Answer::WalletMoved { asset, balances, .. } | Answer::Transferred { asset, balances, .. } => {
                let decimals = self.decimals(*asset);
                shown.with("spot", balances.spot.to_text(decimals)).with("funding", balances.funding.to_text(decimals))
            }
            Answer::RewardPool { asset, balance, .. } => shown.with("pool", balance.to_text(self.decimals(*asset))),
            Answer::Subscribed { position, .. } => {
                shown.with("position", position.id).with("value_date", position.value_date).with("agreement", position.agreement.0)
            }
            Answer::Redeemed { figures, position, .. } => show_figures(shown, figures, self.decimals(position.asset)),
            _ => shown,
        }
    }

    /// A rejection's code and its numbers.
    fn refusal(&mut self, rejection: &Rejection) -> Shown {
        let shown = Shown { accepted: false, ..Shown::new(&[rejection.code()]) };
        match rejection {
            Rejection::AbovePersonalMaximum { asset, left } | Rejection::AboveCapacity { asset, left } => {
                shown.with("left", left.to_text(self.decimals(*asset)))
            }
            Rejection::BelowMinimum { asset, minimum } => shown.with("minimum", minimum.to_text(self.decimals(*asset))),
            Rejection::NotAStepMultiple { asset, step } => shown.with("step", step.to_text(self.decimals(*asset))),
            Rejection::AbovePrincipal { asset, principal } | Rejection::PartialNotAllowed { asset, principal } => {
                shown.with("principal", principal.to_text(self.decimals(*asset)))
            }
            Rejection::InsufficientBalance { asset, available } => shown.with("available", available.to_text(self.decimals(*asset))),
            Rejection::AboveLimit { asset, limit } => shown.with("limit", limit.to_text(self.decimals(*asset))),
            Rejection::QuoteChanged { asset, figures } => show_figures(shown, figures, self.decimals(*asset)),
            Rejection::AgreementNotAccepted { in_force } => shown.with("in_force", in_force.as_deref().unwrap_or("none")),
            Rejection::EarlyRedemptionNotAllowed { matures_at } => shown.with("matures_at", matures_at),
            Rejection::AmountInvalid { field } => shown.with("field", field.name()),
            Rejection::RateNotFuture { earliest } => shown.with("earliest", earliest),
            Rejection::DayClosed { open_day } => shown.with("open_day", open_day),
            Rejection::RateAboveReference { reference } => shown.with("reference", reference.to_text()),
            Rejection::ClockBackwards { now } => shown.with("now", now),
            Rejection::ClockMoveTooFar { latest } => shown.with("latest", latest),
            _ => shown,
        }
    }

    fn wallet_move(&mut self, words: &mut Words<'_>) -> WalletMove {
        self.references += 1;
        let reference = words.text("ref").unwrap_or_else(|| format!("own-{}", self.references));
        let (customer, asset) = (words.next().to_owned(), words.next().to_owned());
        let amount = words.next().to_owned();
        WalletMove { customer, asset, account: account(words.next()), amount, reference }
    }

    fn subscribe(&mut self, words: &mut Words<'_>) -> Shown {
        let agreement = words.text("agreement").unwrap_or_else(|| "v1".to_owned());
        let auto_renew = words.flag("renew");
        let (customer, product) = (words.next().to_owned(), words.next().to_owned());
        let amount = words.next().to_owned();
        let source = source(words.next());
        self.run(&Command::Subscribe(Subscribe { customer, product, amount, source, agreement, auto_renew }))
    }

    fn prospect(&mut self, words: &mut Words<'_>) -> Shown {
        let (customer, product, amount) = (words.next(), words.next(), words.next());
        let asked = subscribe::Asked { customer, product, amount, source: None, agreement: None, auto_renew: false };
        let now = self.now;
        let state = &self.engine().state;
        let event = match subscribe::check(state, &asked, now) {
            Ok(event) => event,
            Err(rejection) => return self.refusal(&rejection),
        };
        let prospect = preview::prospect_of(state, &event).expect("a product");
        let product = state.product(event.product).expect("a product");
        let dates = view::if_subscribed(state, product, event.value_date);
        let decimals = self.engine().decimals(event.product);
        let shown = Shown::new(&["ok"]).with("value_date", dates.value_date).with("first_paid", dates.first_distribution_at);
        let shown = shown.with("apr", prospect.apr_for_amount.to_text()).with("per_day", prospect.reward_per_day.to_text(decimals));
        let total = prospect.total_reward_at_maturity.map_or("none".to_owned(), |total| total.to_text(decimals));
        shown.with("total", total).with("matures_at", dates.matures_at.map_or("none".to_owned(), Timestamp::to_text))
    }

    fn redeem(&mut self, words: &mut Words<'_>) -> Shown {
        let unquoted = words.flag("unquoted");
        let (payout, from_funding) = (words.text("quote"), words.text("quote_funding"));
        let asked = a_redemption(words);
        if unquoted || payout.is_some() || from_funding.is_some() {
            return self.run(&Command::Redeem(Redeem { quoted_payout: payout, quoted_from_funding: from_funding, ..asked }));
        }
        let now = self.now;
        match self.engine().redeem_as_shown(asked, now) {
            Ok(answer) => self.answer(&answer),
            Err(rejection) => self.refusal(&rejection),
        }
    }

    fn balance(&mut self, words: &mut Words<'_>) -> Shown {
        let (customer, symbol) = (words.next(), words.next());
        let engine = self.engine();
        let customer_ix = engine.state.customer_ix(customer).expect("a customer");
        let asset = engine.state.asset_ix(symbol).expect("an asset");
        let decimals = engine.state.asset(asset).expect("an asset").decimals;
        let staked = engine.state.positions_of(customer_ix, |account, _| account.asset == asset);
        let staked =
            staked.filter_map(|id| engine.state.position(id)).fold(Amount::ZERO, |sum, (running, _)| sum.plus(running.principal()));
        let balance = |kind| engine.balance(customer, symbol, kind).to_text(decimals);
        Shown::new(&[])
            .with("spot", balance(AccountKind::Spot))
            .with("funding", balance(AccountKind::Funding))
            .with("principal", staked.to_text(decimals))
    }

    fn position(&mut self, words: &mut Words<'_>) -> Shown {
        let id = a_position(words.next());
        let engine = self.engine();
        let seen = view::position(&engine.state, id).expect("a position");
        let decimals = engine.decimals(seen.product);
        let state = word(&seen.state);
        let at = |at: Option<Timestamp>| at.map_or("none".to_owned(), Timestamp::to_text);
        let link = |id: Option<PositionId>| id.map_or("none".to_owned(), |id| id.to_string());
        let amounts = [
            ("principal", seen.principal),
            ("earning", seen.earning),
            ("pending", seen.pending),
            ("from_spot", seen.from_spot),
            ("from_funding", seen.from_funding),
            ("accrued", seen.accrued),
            ("distributed", seen.distributed),
            ("clawed_back", seen.clawed_back),
            ("written_off", seen.written_off),
            ("returned", seen.principal_returned),
        ];
        let shown = amounts.iter().fold(Shown::new(&[&state]), |shown, (name, amount)| shown.with(name, amount.to_text(decimals)));
        shown
            .with("value_date", seen.value_date)
            .with("rate", seen.current_rate.to_text())
            .with("auto_renew", if seen.auto_renew { "on" } else { "off" })
            .with("agreement", seen.agreement.0)
            .with("k", seen.interest_day.map_or("none".to_owned(), |k| k.to_string()))
            .with("next_paid", at(seen.next_distribution_at))
            .with("matures_at", at(seen.matures_at))
            .with("renewed_from", link(seen.renewed_from))
            .with("renewed_into", link(seen.renewed_into))
    }

    fn rewards(&mut self, words: &mut Words<'_>) -> Shown {
        let id = a_position(words.next());
        let engine = self.engine();
        let (running, _) = engine.state.position(id).expect("a position");
        let decimals = engine.decimals(running.product);
        let lines = engine.derived_lines(id);
        let shown = Shown::new(&[]).with("days", lines.len());
        lines.iter().fold(shown, |shown, line| shown.with(&line.day.to_string(), line.amount.to_text(decimals)))
    }

    /// What today and the whole term bring a position, by what is known now.
    fn outlook(&mut self, words: &mut Words<'_>) -> Shown {
        let (id, now) = (a_position(words.next()), self.now);
        let engine = self.engine();
        let (running, _) = engine.state.position(id).expect("a position");
        let text = |amount: Amount| amount.to_text(engine.decimals(running.product));
        let today = outlook::reward_today(&engine.state, running);
        Shown::new(&[])
            .with("today", text(today))
            .with("so_far", text(outlook::reward_so_far(&engine.state, today, now)))
            .with("if_kept", outlook::reward_if_kept(&engine.state, id).map_or("none".to_owned(), text))
    }

    /// The most that a customer can subscribe.
    fn most(&mut self, words: &mut Words<'_>) -> Shown {
        let engine = self.engine();
        let customer = engine.state.customer_ix(words.next()).expect("a customer");
        let product = engine.state.product_ix(words.next()).expect("a product");
        let most = outlook::subscribable(&engine.state, customer, product, source(words.next()));
        Shown::new(&[]).with("amount", most.to_text(engine.decimals(product)))
    }

    fn books(&mut self, words: &mut Words<'_>) -> Shown {
        let engine = self.engine();
        let asset = engine.state.asset_ix(words.next()).expect("an asset");
        let decimals = engine.state.asset(asset).expect("an asset").decimals;
        let control = engine.state.registry.control[asset.index()];
        let shown = |shown: Shown, account: LedgerAccount| shown.with(account.name(), control.balance(account).to_text(decimals));
        LedgerAccount::ALL.into_iter().fold(Shown::new(&[]), shown)
    }

    fn product(&mut self, words: &mut Words<'_>) -> Shown {
        let (id, kind, rates) = (words.next().to_owned(), words.next(), rate(words.next()));
        let draft = words.flag("draft");
        let sale = self.sale(words);
        let rate_mode = if words.flag("floating") { Some(RateMode::Floating) } else { words.flag("locked").then_some(RateMode::Locked) };
        let every = words.value("every").map(|days| Distribution::EveryNDays(days.parse().expect("days")));
        let distribution = every.or_else(|| words.flag("daily").then_some(Distribution::Daily));
        let early_redemption = words.flag("no-early").then_some(EarlyRedemption::NotAllowed);
        let asset = words.text("asset").unwrap_or_else(|| "SOL".to_owned());
        let from = words.value("from").map_or(self.engine().state.registry.open_day, day);
        let kind = match kind.split_once(':') {
            Some(("fixed", days)) => Kind::FixedTerm { term_days: days.parse().expect("days") },
            #[cfg(feature = "third-kind")]
            Some(("open", days)) => Kind::OpenTerm { term_days: days.parse().expect("days") },
            Some((other, _)) => panic!("no kind with a term is called {other}"),
            None => Kind::Flexible,
        };
        let rates = vec![(from, rates)];
        let name = id.clone();
        let staking = StakingTerms {
            exit: if words.flag("may-queue") { ExitTerms::MayQueue } else { ExitTerms::Instant },
            slashing: if words.flag("shared") { SlashingTerms::Shared } else { SlashingTerms::Platform },
            yields: YieldTerms::Reference,
        };
        let product = ProductText { id: id.clone(), asset, name, kind, rates, rate_mode, distribution, early_redemption, staking, sale };
        let created = self.run(&Command::CreateProduct(Box::new(product)));
        if draft || !created.accepted { created } else { self.run(&Command::SetProductStatus { product: id, status: Status::Open }) }
    }

    fn sale(&mut self, words: &mut Words<'_>) -> SaleText {
        let offset = self.engine().offset();
        let start = |change: Patch<String>| match change {
            Patch::Keep => Patch::Keep,
            Patch::Clear => Patch::Clear,
            Patch::Set(date) => Patch::Set(offset.first_instant(day(&date))),
        };
        let renewal = match words.value("renewal") {
            None => Patch::Keep,
            Some(switch) => Patch::Set(switch == "on"),
        };
        SaleText {
            minimum: change(words, "min"),
            step: change(words, "step"),
            personal_maximum: change(words, "max"),
            capacity: change(words, "capacity"),
            opens_at: start(change(words, "opens")),
            closes_at: start(change(words, "closes")),
            renewal,
            ..SaleText::default()
        }
    }

    fn offer(&mut self, words: &mut Words<'_>) -> Shown {
        let now = self.now;
        let engine = self.engine();
        let ix = engine.state.product_ix(words.next()).expect("a product");
        let seen = view::product(&engine.state, ix, now).expect("a product");
        let decimals = engine.decimals(ix);
        let words = [word(&seen.availability), word(&seen.status)];
        let left = seen.capacity_left.map_or("none".to_owned(), |left| left.to_text(decimals));
        Shown::new(&[&words[0], &words[1]])
            .with("left", left)
            .with("staked", seen.staked.to_text(decimals))
            .with("reference", seen.bands.map_or("none".to_owned(), |bands| bands.highest().to_text()))
            .with("next_rate", seen.next_rate.map_or("none".to_owned(), |(from, _)| from.to_string()))
            .with("value_date", seen.if_subscribed_now.value_date)
    }
}

/// A variant's name as it stands on the wire: `SoldOut` is `sold_out`.
fn word(variant: &impl Debug) -> String {
    let mut word = String::new();
    for each in format!("{variant:?}").chars() {
        if each.is_ascii_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.push(each.to_ascii_lowercase());
    }
    word
}

fn a_position(word: &str) -> PositionId {
    PositionId(word.parse().expect("a position's number"))
}

fn a_redemption(words: &mut Words<'_>) -> Redeem {
    let to = words.value("to").map(account);
    let (customer, position) = (words.next().to_owned(), Some(a_position(words.next())));
    let amount = if words.0.is_empty() { None } else { Some(words.next().to_owned()) };
    Redeem { customer, position, amount, to, quoted_payout: None, quoted_from_funding: None }
}

fn show_figures(shown: Shown, figures: &RedemptionFigures, decimals: u8) -> Shown {
    let amounts = [
        ("principal", figures.principal),
        ("payout", figures.payout),
        ("to_spot", figures.to_spot),
        ("to_funding", figures.to_funding),
        ("clawback", figures.clawback_distributed),
        ("from_funding", figures.clawback_from_funding),
        ("written_off", figures.written_off),
        ("forfeited", figures.forfeited_accrued),
    ];
    amounts.iter().fold(shown, |shown, (name, amount)| shown.with(name, amount.to_text(decimals)))
}
