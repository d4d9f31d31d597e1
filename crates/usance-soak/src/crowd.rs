//! Customers of one thread: what they do next, and how each is compared with its ledger.
//!
//! A thread owns its customers: nobody else acts for them, and it waits for every answer, so it can compare one of them at any
//! moment while the clock stands still. Seeds decide what is asked; only what depends on answers (which positions there are) can
//! differ between two runs of a seed.

use crate::caller::{Caller, Done, Sent};
use crate::client::{Answer, Request};
use crate::founding::{ASSETS, OFFERS, Offer};
use crate::ledger::compare::{Shown, compare, compare_rewards};
use crate::ledger::{Holder, Open};
use crate::money::{text, word};
use crate::tally::{Kind, Tally};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use usance_workload::SplitMix64;

/// Customers that are compared after each restart, by each thread.
const COMPARED_AT_A_RESTART: usize = 3;
/// Earlier writes that are sent again after each restart, by each thread.
const ASKED_AGAIN: usize = 24;
/// One write in so many is sent twice at once.
const TWICE_ONE_IN: u64 = 25;
/// How long it is tried to sign in.
const SIGN_IN_PATIENCE: Duration = Duration::from_secs(120);
/// What customers look at.
const LOOKS: [&str; 9] = [
    "/v1/accounts",
    "/v1/accounts",
    "/v1/accounts",
    "/v1/positions",
    "/v1/positions?state=all&limit=50",
    "/v1/subscriptions?limit=20",
    "/v1/redemptions?limit=20",
    "/v1/transfers?limit=20",
    "/v1/notices?limit=20",
];
/// What anybody looks at.
const CATALOGUE: [&str; 4] =
    ["/v1/products", "/v1/products/sol-flex/rates?limit=10", "/v1/products/eth-tiers/estimate?amount=60", "/v1/clock"];
/// Pages of the app.
const PAGES: [&str; 8] = [
    "/assets",
    "/products",
    "/products/sol-3",
    "/products/sol-flex/subscribe?amount=1.5",
    "/holdings",
    "/history",
    "/notices",
    "/settings",
];

/// One thread's customers.
pub struct Crowd<'a> {
    caller: Caller<'a>,
    customers: Vec<String>,
    holders: BTreeMap<String, Holder>,
    cookie: Option<String>,
    turn: usize,
    aside: SplitMix64,
}

/// What a thread leaves behind.
pub struct Harvest {
    /// How long answers took.
    pub tally: Tally,
    /// Its customers' ledgers.
    pub holders: BTreeMap<String, Holder>,
}

impl<'a> Crowd<'a> {
    /// These customers.
    pub fn new(mut caller: Caller<'a>, customers: Vec<String>) -> Crowd<'a> {
        let aside = SplitMix64::new(caller.dice.roll());
        let holders = customers.iter().map(|id| (id.clone(), Holder::default())).collect();
        Crowd { caller, customers, holders, cookie: None, turn: 0, aside }
    }

    /// Works until the load is over, comparing after every restart.
    #[must_use]
    pub fn work(mut self, mean: Duration) -> Crowd<'a> {
        self.sign_in();
        let (mut due, mut seen) = (Instant::now(), self.caller.stage.up().life);
        while !self.caller.stage.is_over() {
            let life = self.caller.stage.up().life;
            if life != seen {
                seen = life;
                self.aside(|crowd| crowd.settle(COMPARED_AT_A_RESTART));
                due = Instant::now();
            }
            if self.caller.stage.is_rushing() {
                self.aside(Self::rush);
                due = Instant::now();
            } else {
                due = self.caller.next_due(due, mean);
                // However many dice the one before threw.
                let own = SplitMix64::new(self.caller.dice.roll());
                let ours = std::mem::replace(&mut self.caller.dice, own);
                self.one(due);
                self.caller.dice = ours;
            }
        }
        self
    }

    /// Does something with dice of its own: how often it comes to that is the machine's affair, and what is asked at the fixed rate
    /// shall not depend on it.
    fn aside(&mut self, work: impl FnOnce(&mut Self)) {
        std::mem::swap(&mut self.caller.dice, &mut self.aside);
        work(self);
        std::mem::swap(&mut self.caller.dice, &mut self.aside);
    }

    /// Compares everybody, once nothing moves any more.
    #[must_use]
    pub fn finish(mut self) -> Harvest {
        self.settle(self.customers.len());
        Harvest { tally: self.caller.tally, holders: self.holders }
    }

    /// Asks for earlier answers again and compares some customers, while the clock stands still.
    fn settle(&mut self, count: usize) {
        let stage = self.caller.stage;
        let _still = stage.clock.read();
        self.caller.ask_again(ASKED_AGAIN);
        for _ in 0..count {
            let Some(id) = self.customers.get(self.turn % self.customers.len().max(1)).cloned() else { return };
            self.turn += 1;
            match self.compare(&id) {
                Ok(lines) => {
                    self.caller.tally.customers_compared += 1;
                    self.caller.tally.lines_compared += lines;
                }
                Err(error) => stage.find(format!("{id}: {error:#}")),
            }
        }
    }

    fn compare(&mut self, id: &str) -> anyhow::Result<u64> {
        let customer = ("usance-customer", id);
        let accounts = self.caller.surely(Request { method: "GET", path: "/v1/accounts", headers: &[customer], body: None })?.json()?;
        let positions = self.caller.list_surely("/v1/positions?state=all", id)?;
        let as_csv = [customer, ("accept", "text/csv")];
        let statement = self.caller.surely(Request { method: "GET", path: "/v1/statement", headers: &as_csv, body: None })?;
        self.compare_rewards(id, &positions)?;
        let accounts = accounts.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        let Some(holder) = self.holders.get_mut(id) else { return Ok(0) };
        compare(holder, &Shown { accounts, positions, statement: statement.bytes })
    }

    /// The reward lines of one position, however it ended.
    fn compare_rewards(&mut self, id: &str, positions: &[Value]) -> anyhow::Result<()> {
        let Some(position) = positions.get(self.caller.dice.below(positions.len() as u64) as usize) else { return Ok(()) };
        let lines = self.caller.list_surely(&format!("/v1/rewards?position={}", word(position, "id")?), id)?;
        let Some(holder) = self.holders.get(id) else { return Ok(()) };
        compare_rewards(holder, position, &lines)
    }

    /// The first customer comes into the app by a link, as an exchange's own site would send it. Where that gets no answer (503, or
    /// the engine ends), it is tried again for a while.
    fn sign_in(&mut self) {
        let Some(id) = self.customers.first().cloned() else { return };
        let until = Instant::now() + SIGN_IN_PATIENCE;
        let mut answer = None;
        while answer.is_none() && Instant::now() < until && !self.caller.stage.is_over() {
            answer = self.try_to_sign_in(&id);
        }
        let cookie = answer.as_ref().and_then(|answer| answer.header("set-cookie")?.split(';').next());
        self.cookie = cookie.map(str::to_owned);
        if self.cookie.is_none() {
            let answer = answer.map_or_else(|| "no answer".to_owned(), |answer| format!("{} {}", answer.status, answer.text()));
            self.caller.stage.find(format!("{id} cannot sign in: {answer}"));
        }
    }

    /// Once, with a link of its own: one whose answer was lost may be used up.
    fn try_to_sign_in(&mut self, id: &str) -> Option<Answer> {
        let path = format!("/v1/operator/customers/{id}/sign-in-links");
        let key = self.caller.fresh_key();
        let sent = Sent { kind: Kind::Operator, key, method: "POST", path, customer: None, body: json!({}) };
        let done = self.caller.write(sent, Instant::now());
        let link = done.answer.json().ok().and_then(|link| Some(link.get("code")?.as_str()?.to_owned()));
        let form = format!("link={}&seen=true", link.unwrap_or_default());
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin"), ("cookie", "none=1")];
        let request = Request { method: "POST", path: "/sign-in/link", headers: &headers, body: Some(form.as_bytes()) };
        self.caller.read(Kind::Page, request, Instant::now())
    }

    /// The next request.
    fn one(&mut self, due: Instant) {
        let Some(id) = self.any_customer() else { return };
        match self.caller.dice.below(100) {
            0..46 => {
                if let Some(sent) = self.next_write(&id, due) {
                    self.write(&id, sent, due);
                }
            }
            46..68 => self.look(&id, due),
            68..75 => self.read_rewards(&id, due),
            75..82 => self.read_statement(&id, due),
            82..84 => {
                let headers = [("usance-customer", id.as_str()), ("accept", "text/csv")];
                let request = Request { method: "GET", path: "/v1/statement", headers: &headers, body: None };
                let answer = self.caller.read(Kind::Csv, request, due);
                answer.and_then(|answer| self.caller.expect_status(200, "/v1/statement as CSV", answer));
            }
            84..92 => self.preview(&id, due),
            92..94 => {
                if let Some(path) = self.caller.one_of(&CATALOGUE) {
                    self.caller.look(Kind::Look, path, None, due);
                }
            }
            _ => self.page(due),
        }
    }

    /// A write, at once.
    fn rush(&mut self) {
        let Some(id) = self.any_customer() else { return };
        let due = Instant::now();
        if let Some(sent) = self.next_write(&id, due) {
            self.write(&id, Sent { kind: Kind::Rush, ..sent }, due);
        }
    }

    fn any_customer(&mut self) -> Option<String> {
        let place = self.caller.dice.below(self.customers.len() as u64) as usize;
        self.customers.get(place).cloned()
    }

    fn write(&mut self, id: &str, sent: Sent, due: Instant) {
        let twice = self.caller.dice.once_in(TWICE_ONE_IN);
        let done = if twice { self.caller.write_twice(sent, due) } else { self.caller.write(sent, due) };
        self.book(id, &done);
    }

    fn book(&mut self, id: &str, done: &Done) {
        let Some(holder) = self.holders.get_mut(id).filter(|_| done.is_accepted()) else { return };
        let booked = done.answer.json().and_then(|answer| holder.book(&done.sent.path, &done.sent.body, &answer));
        if let Err(error) = booked {
            self.caller.stage.find(format!("{error:#}: {:?}", done.sent));
        }
    }

    /// An amount of a coin with all its digits.
    fn amount(&mut self, decimals: u32, coins: u64) -> String {
        let units = self.caller.dice.below(coins * 10u64.pow(decimals)) + 1;
        text(i128::from(units) * 10i128.pow(18 - decimals))
    }

    /// What somebody writes next; nothing when there is nothing to do it with.
    fn next_write(&mut self, id: &str, due: Instant) -> Option<Sent> {
        let (symbol, decimals) = self.caller.one_of(&ASSETS)?;
        let account = if self.caller.dice.once_in(3) { "spot" } else { "funding" };
        let key = self.caller.fresh_key();
        let customer = Some(id.to_owned());
        let post =
            |kind, path: &str, customer, body| Sent { kind, key: key.clone(), method: "POST", path: path.to_owned(), customer, body };
        Some(match self.caller.dice.below(46) {
            0..10 => {
                let amount = self.amount(decimals, 18);
                let body = json!({"customer": id, "asset": symbol, "account": account, "amount": amount, "reference": key});
                post(Kind::Deposit, "/v1/operator/deposits", None, body)
            }
            10..13 => {
                let amount = self.amount(decimals, 2);
                let body = json!({"customer": id, "asset": symbol, "account": account, "amount": amount, "reference": key});
                post(Kind::Withdrawal, "/v1/operator/withdrawals", None, body)
            }
            13..21 => {
                let other = if account == "spot" { "funding" } else { "spot" };
                let body = json!({"asset": symbol, "from": account, "to": other, "amount": self.amount(decimals, 4)});
                post(Kind::Transfer, "/v1/transfers", customer, body)
            }
            21..34 => {
                let offer = self.caller.one_of(&OFFERS)?;
                post(Kind::Subscription, "/v1/subscriptions", customer, self.subscription(offer, account))
            }
            // One refused write among many: its answer is remembered as well.
            34 => {
                let body = json!({"asset": symbol, "from": "spot", "to": "funding", "amount": "0"});
                post(Kind::Transfer, "/v1/transfers", customer, body)
            }
            35..43 => {
                let open = self.pick(id, |open| open.is_flexible)?;
                // Every coin has these digits.
                let body = json!({"amount": self.amount(6, 3), "to": account});
                post(Kind::Redemption, &format!("/v1/positions/{}/redemptions", open.id), customer, body)
            }
            43 => {
                let open = self.pick(id, |open| !open.is_flexible)?;
                let body = self.quote(id, open, due)?;
                post(Kind::Redemption, &format!("/v1/positions/{}/redemptions", open.id), customer, body)
            }
            _ => {
                let open = self.pick(id, |open| !open.is_flexible)?;
                let body = json!({"auto_renew": !self.caller.dice.once_in(3)});
                Sent { kind: Kind::Renewal, key, method: "PATCH", path: format!("/v1/positions/{}", open.id), customer, body }
            }
        })
    }

    fn subscription(&mut self, offer: Offer, account: &str) -> Value {
        let amount = match offer.id {
            "usdd-2" => text(i128::from(self.caller.dice.below(16) + 1) * 500_000_000_000_000_000),
            _ => self.amount(offer.decimals, 5),
        };
        if offer.is_flexible {
            return json!({"product": offer.id, "amount": amount, "source": account, "agreement": "v1"});
        }
        let renews = offer.renews && self.caller.dice.once_in(2);
        json!({"product": offer.id, "amount": amount, "source": "funding_then_spot", "agreement": "v1", "auto_renew": renews})
    }

    fn pick(&mut self, id: &str, is_wanted: impl Fn(&Open) -> bool) -> Option<Open> {
        let wanted: Vec<Open> = self.holders.get(id)?.open.iter().copied().filter(is_wanted).collect();
        self.caller.one_of(&wanted)
    }

    /// What an early redemption would pay, as its request has to carry it.
    fn quote(&mut self, id: &str, open: Open, due: Instant) -> Option<Value> {
        let path = format!("/v1/positions/{}/redemption-preview", open.id);
        let headers = [("usance-customer", id), ("content-type", "application/json")];
        let answer = self.caller.read(Kind::Preview, Request { method: "POST", path: &path, headers: &headers, body: Some(b"{}") }, due)?;
        let preview = answer.json().ok()?;
        Some(json!({"quoted_payout": preview.get("payout")?, "quoted_from_funding": preview.get("clawback_from_funding")?}))
    }

    fn look(&mut self, id: &str, due: Instant) {
        let held = if self.caller.dice.once_in(4) { self.pick(id, |_| true) } else { None };
        let path = held.map(|open| format!("/v1/positions/{}", open.id)).or_else(|| self.caller.one_of(&LOOKS).map(str::to_owned));
        self.caller.look(Kind::Look, &path.unwrap_or_default(), Some(id), due);
    }

    fn read_rewards(&mut self, id: &str, due: Instant) {
        let only = self.pick(id, |_| true).map(|open| format!("&position={}", open.id)).unwrap_or_default();
        self.caller.look(Kind::Statement, &format!("/v1/rewards?limit=50{only}"), Some(id), due);
    }

    /// A page of the statement, and the next one behind it.
    fn read_statement(&mut self, id: &str, due: Instant) {
        let Some(answer) = self.caller.look(Kind::Statement, "/v1/statement?limit=50", Some(id), due) else { return };
        let next = answer.json().ok().and_then(|page| Some(page.get("next_cursor")?.as_str()?.to_owned()));
        if let Some(cursor) = next {
            self.caller.look(Kind::Statement, &format!("/v1/statement?limit=50&cursor={cursor}"), Some(id), Instant::now());
        }
    }

    fn preview(&mut self, id: &str, due: Instant) {
        let Some(offer) = self.caller.one_of(&OFFERS) else { return };
        let body = json!({"product": offer.id, "amount": "1.5"}).to_string();
        let headers = [("usance-customer", id), ("content-type", "application/json")];
        let request = Request { method: "POST", path: "/v1/subscriptions/preview", headers: &headers, body: Some(body.as_bytes()) };
        let Some(answer) = self.caller.read(Kind::Preview, request, due) else { return };
        if !matches!(answer.status, 200 | 409 | 422) {
            self.caller.stage.find(format!("{} to a preview: {}", answer.status, answer.text()));
        }
    }

    fn page(&mut self, due: Instant) {
        let (Some(cookie), Some(path)) = (self.cookie.clone(), self.caller.one_of(&PAGES)) else { return };
        let headers = [("cookie", cookie.as_str()), ("accept", "text/html")];
        let answer = self.caller.read(Kind::Page, Request { method: "GET", path, headers: &headers, body: None }, due);
        answer.and_then(|answer| self.caller.expect_status(200, path, answer));
    }
}

#[cfg(test)]
mod tests {
    use super::Crowd;
    use crate::caller::Caller;
    use crate::stage::Stage;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{TcpListener, TcpStream};

    /// Takes one request and answers it.
    fn answer(connection: TcpStream, answer: &str) -> std::io::Result<()> {
        let (mut head, mut length) = (String::new(), 0);
        let mut incoming = BufReader::new(connection);
        while incoming.read_line(&mut head)? > 2 {
            let line = head.to_ascii_lowercase();
            length = line.strip_prefix("content-length:").and_then(|value| value.trim().parse().ok()).unwrap_or(length);
            head.clear();
        }
        incoming.read_exact(&mut vec![0; length])?;
        incoming.into_inner().write_all(answer.as_bytes())
    }

    #[test]
    fn a_503_does_not_keep_anybody_from_signing_in() {
        let link = "HTTP/1.1 200 OK\r\nContent-Length: 14\r\nConnection: close\r\n\r\n{\"code\":\"abc\"}";
        let refused = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        let signed = "HTTP/1.1 303 See Other\r\nLocation: /\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        let door = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", door.local_addr().expect("bound"));
        let engine = std::thread::spawn(move || [link, refused, link, signed].iter().try_for_each(|told| answer(door.accept()?.0, told)));
        let stage = Stage::default();
        stage.is_ready_at(&url, 0);
        let mut crowd = Crowd::new(Caller::new(&stage, "c0".to_owned(), 1), vec!["c0-0".to_owned()]);
        crowd.sign_in();
        assert_eq!((crowd.cookie.as_deref(), stage.findings().1), (Some("a=b"), Vec::new()));
        engine.join().expect("joined").expect("four requests");
    }
}
