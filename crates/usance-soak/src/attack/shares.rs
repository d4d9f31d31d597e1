//! Who is answered while one customer with a long history asks for it without end: others' answers beside it, and alone.
//!
//! The customer asks for a page of one withdrawal, of which there are none, so that whoever looks for it walks over everything; it
//! hangs up after a moment and asks again; and it opens as many event streams as it gets, from the first position of the log, and
//! reads none. It is a customer like others: its own token, its own rate. How long others wait is a figure; that no more than one
//! in ten of their requests is refused is asked.

use super::report::Notes;
use super::target::{Budget, Target};
use super::wire::Wire;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::scope;
use std::time::{Duration, Instant};

/// Who has the long history.
const HEAVY: &str = "hank";
/// Others, each on a thread.
const OTHERS: usize = 6;
/// Between two requests of one of them.
const EVERY: Duration = Duration::from_millis(50);
/// Statements that are asked for at a time.
const ASKING: usize = 8;
/// After which the heavy customer hangs up and asks again.
const HANG_UP: Duration = Duration::from_millis(300);
/// Event streams that it opens.
const STREAMS: usize = 32;

/// What others got.
#[derive(Default)]
struct Others {
    took: Vec<Duration>,
    refused: usize,
}

/// Furnishes a long history and measures twice.
///
/// # Errors
/// When the target cannot be furnished.
pub fn attack(target: &Target, budget: Budget, notes: &mut Notes<'_>) -> anyhow::Result<()> {
    target.furnish()?;
    let others = target.customers((0..OTHERS).map(|number| format!("other-{number}")))?;
    for one in &others {
        target.deposit(one, "100")?;
        target.subscribe(one, "flex", "10")?;
    }
    let positions = history(target, budget)?;
    notes.figure("the customer with a long history", format!("{positions} positions, {} days", budget.days));
    let heavy = target.token("customer", Some(HEAVY))?;
    let alone = measured(target, &others, budget.measured);
    let before = resident(target);
    let (over, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let (beside, at_most) = scope(|scope| {
        let (over, asked, heavy) = (&over, &asked, heavy.as_str());
        for _ in 0..ASKING {
            scope.spawn(move || ask_without_end(target, heavy, over, asked));
        }
        scope.spawn(move || hold_streams(target, heavy, over));
        let watched = scope.spawn(move || {
            let mut most = 0;
            while !over.load(Ordering::Relaxed) {
                most = most.max(resident(target));
                std::thread::sleep(Duration::from_millis(100));
            }
            most
        });
        std::thread::sleep(budget.measured / 10);
        let beside = measured(target, &others, budget.measured);
        over.store(true, Ordering::Relaxed);
        (beside, watched.join().unwrap_or_default())
    });
    tell("alone", alone, notes);
    tell(&format!("beside {ASKING} statements asked for again and again and {STREAMS} streams"), beside, notes);
    let mib = |bytes: u64| bytes >> 20;
    notes.figure("memory of the process", format!("{} MiB, at most {} MiB beside", mib(before), mib(at_most)));
    notes.figure("statements that the customer asked for", asked.into_inner().to_string());
    Ok(())
}

/// Many positions, and many days behind them; gives how many positions were granted.
fn history(target: &Target, budget: Budget) -> anyhow::Result<u32> {
    // Of a fixed term each subscription is a position of its own, and has a line for each day.
    let rates = json!([{"from": "2025-01-01", "rate": "0.05"}]);
    let long = json!({"id": "long", "asset": "SOL", "name": "Long", "kind": "fixed_term", "term_days": 720, "rates": rates,
        "distribution": {"every_n_days": 1}});
    target.done("/v1/operator/products", &long)?;
    target.done("/v1/operator/products/long/status", &json!({"status": "open"}))?;
    target.done("/v1/operator/customers", &json!({"id": HEAVY}))?;
    target.deposit(HEAVY, "1000000")?;
    let (left, granted) = (AtomicU32::new(budget.positions), AtomicU32::new(0));
    scope(|scope| {
        for _ in 0..ASKING {
            scope.spawn(|| {
                // A platform may bound how many positions one customer has.
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
                    && target.subscribe(HEAVY, "long", "1").is_ok_and(|answer| answer.status == 201)
                {
                    granted.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    // A move of the clock is one record with every close on the way.
    let to = jiff::civil::date(2026, 1, 1).checked_add(jiff::Span::new().days(i64::from(budget.days)))?;
    target.done("/v1/operator/clock", &json!({"to": format!("{to}T12:00:00Z")}))?;
    Ok(granted.into_inner())
}

/// Asks for what takes long, and hangs up.
fn ask_without_end(target: &Target, token: &str, over: &AtomicBool, asked: &AtomicU64) {
    let request = format!("GET /v1/statement?limit=1&kind=withdrawal HTTP/1.1\r\nHost: usance\r\nAuthorization: Bearer {token}\r\n\r\n");
    while !over.load(Ordering::Relaxed) {
        if let Ok(mut wire) = Wire::to(target) {
            wire.send(&request);
            asked.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(HANG_UP);
        }
    }
}

/// Opens streams from the first position of the log, and reads none of them.
fn hold_streams(target: &Target, token: &str, over: &AtomicBool) {
    let request = format!(
        "GET /v1/events HTTP/1.1\r\nHost: usance\r\nAuthorization: Bearer {token}\r\nLast-Event-ID: 0\r\nAccept: text/event-stream\r\n\r\n"
    );
    let open = || {
        let mut wire = Wire::to(target).ok()?;
        wire.send(&request).then_some(wire)
    };
    let held: Vec<Wire> = (0..STREAMS).filter_map(|_| open()).collect();
    while !over.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(held);
}

/// What others get meanwhile: reads of the present and of the past, and a sign-in link, in turn.
fn measured(target: &Target, others: &[String], lasts: Duration) -> Others {
    let begun = Instant::now();
    let each = |customer: &String| {
        let mut got = Others::default();
        let mut due = Instant::now();
        for number in 0.. {
            if begun.elapsed() >= lasts {
                break;
            }
            let paths = ["/v1/accounts", "/v1/statement?limit=20", "/v1/positions", "/v1/rewards?limit=20", "/v1/notices"];
            let asked = Instant::now();
            let link = format!("/v1/operator/customers/{customer}/sign-in-links");
            let answer = match paths.get(number % (paths.len() + 1)) {
                Some(path) => target.call(&target.operator, Some(customer), "GET", path, &Value::Null),
                None => target.call(&target.operator, None, "POST", &link, &json!({})),
            };
            got.took.push(asked.elapsed());
            got.refused += usize::from(!answer.is_ok_and(|answer| answer.status < 300));
            due += EVERY;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        got
    };
    scope(|scope| {
        let each = &each;
        let asking: Vec<_> = others.iter().map(|customer| scope.spawn(move || each(customer))).collect();
        asking.into_iter().filter_map(|one| one.join().ok()).fold(Others::default(), |mut all, one| {
            all.took.extend(one.took);
            all.refused += one.refused;
            all
        })
    })
}

fn tell(what: &str, Others { mut took, refused }: Others, notes: &mut Notes<'_>) {
    took.sort_unstable();
    let all = took.len();
    let at = |percent: usize| took.get((all * percent / 100).min(all.saturating_sub(1))).map(Duration::as_millis).unwrap_or_default();
    let seen = format!("{refused} of {all} refused");
    notes.one(&format!("others' requests, {what}"), "at most one in ten is refused", seen, refused * 10 <= all && all > 0);
    notes.figure("how long they took", format!("p50 {} ms, p99 {} ms", at(50), at(99)));
}

/// What the process has in memory, in bytes; nothing where the system does not say.
fn resident(target: &Target) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", target.process())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() << 10
}
