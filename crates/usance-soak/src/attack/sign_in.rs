//! Who comes in while others sign in without end: right sign-ins beside three kinds of crowd, and beside none.
//!
//! Each right sign-in comes from a network of its own, at a customer with few others, so that no budget of guesses is met: what
//! keeps it out is the crowd. How soon somebody comes in is a figure; that nine of ten come in at their first try is asked.

use super::report::Notes;
use super::target::{Budget, PASSWORD, Target};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::scope;
use std::time::{Duration, Instant};

/// Customers who come in rightly.
const CUSTOMERS: usize = 20;
/// Accounts that the attacker has.
const ACCOUNTS: usize = 33;
/// Between two right sign-ins.
const EVERY: Duration = Duration::from_millis(200);
/// What counts as soon.
const SOON: Duration = Duration::from_secs(2);

/// Somebody of a crowd: an address, the cookie of a known device if there is one, a customer, and a password.
struct Sender {
    address: String,
    device: Option<String>,
    customer: String,
    password: &'static str,
}

/// What became of one sign-in.
struct Tried {
    status: u16,
    device: Option<String>,
    took: Duration,
}

/// Right sign-ins beside a crowd.
struct Seen {
    right: Vec<Tried>,
    answered: u64,
    checked: u64,
    lasted: Duration,
}

/// Measures four times.
///
/// # Errors
/// When the target cannot be furnished.
pub fn attack(target: &Target, budget: Budget, notes: &mut Notes<'_>) -> anyhow::Result<()> {
    target.furnish()?;
    let right = target.customers((0..CUSTOMERS).map(|number| format!("right-{number}")))?;
    let accounts = target.customers((0..ACCOUNTS).map(|number| format!("mallory-{number}")))?;
    let devices = accounts.iter().map(|account| Ok(device_of(target, account, "203.0.113.1")?.unwrap_or_default()));
    let devices: Vec<String> = devices.collect::<anyhow::Result<_>>()?;
    let known = right.iter().enumerate().map(|(number, one)| device_of(target, one, &format!("198.18.{number}.7")));
    let known: Vec<Option<String>> = known.collect::<anyhow::Result<_>>()?;
    let strangers: Vec<Option<String>> = vec![None; right.len()];
    let guessing = (0..96).map(|number| Sender {
        address: format!("203.0.{}.{number}", number % 3),
        device: None,
        customer: format!("made-up-{number}"),
        password: "not this one",
    });
    let signing = accounts.iter().zip(&devices).flat_map(|(account, device)| [(account, device); 2]).map(|(account, device)| Sender {
        address: "203.0.113.1".to_owned(),
        device: Some(device.clone()),
        customer: account.clone(),
        password: PASSWORD,
    });
    let again =
        (0..8).map(|number| Sender { address: format!("192.0.2.{number}"), device: None, customer: "bob".to_owned(), password: PASSWORD });
    // Three measurements, and a short one before.
    let alone = beside(target, &[], (&right, &strangers), budget.measured / 3);
    tell("new devices, beside nobody", &alone, None, notes);
    for (what, crowd, devices) in [
        ("new devices, beside guesses from three /24 networks", guessing.collect::<Vec<_>>(), &strangers),
        ("known devices, beside right passwords of 33 accounts at one address", signing.collect(), &known),
        ("new devices, beside one account that signs in rightly without end", again.collect(), &strangers),
    ] {
        let seen = beside(target, &crowd, (&right, devices), budget.measured * 2 / 3);
        tell(what, &seen, Some(crowd.len()), notes);
    }
    Ok(())
}

/// Signs in; gives the status and the mark of the device.
fn sign_in(target: &Target, sender: &Sender) -> anyhow::Result<Tried> {
    let body = format!("customer={}&password={}", sender.customer, sender.password.replace(' ', "+"));
    let cookie = sender.device.as_ref().map(|device| format!("usance_device={device}"));
    let mut headers = vec![
        ("content-type", "application/x-www-form-urlencoded"),
        ("sec-fetch-site", "same-origin"),
        ("x-forwarded-for", sender.address.as_str()),
    ];
    headers.extend(cookie.iter().map(|cookie| ("cookie", cookie.as_str())));
    let begun = Instant::now();
    let answer = target.send("POST", "/sign-in", &headers, Some(&body))?;
    let set = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
    let device = set.filter_map(|(_, line)| line.strip_prefix("usance_device=")?.split(';').next().map(str::to_owned)).next();
    Ok(Tried { status: answer.status, device, took: begun.elapsed() })
}

/// The mark of a device on which a customer has signed in.
fn device_of(target: &Target, customer: &str, address: &str) -> anyhow::Result<Option<String>> {
    let sender = Sender { address: address.to_owned(), device: None, customer: customer.to_owned(), password: PASSWORD };
    Ok(sign_in(target, &sender)?.device)
}

/// Right sign-ins, at a fixed rate, while a crowd sends as fast as it is answered.
fn beside(target: &Target, crowd: &[Sender], (customers, devices): (&[String], &[Option<String>]), lasts: Duration) -> Seen {
    let (over, answered, checked) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    let right = scope(|scope| {
        for sender in crowd {
            let (over, answered, checked) = (&over, &answered, &checked);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let status = sign_in(target, sender).map_or(0, |tried| tried.status);
                    answered.fetch_add(1, Ordering::Relaxed);
                    checked.fetch_add(u64::from([303, 401].contains(&status)), Ordering::Relaxed);
                }
            });
        }
        if !crowd.is_empty() {
            std::thread::sleep(lasts / 10);
        }
        let (mut right, mut due) = (Vec::new(), Instant::now());
        while begun.elapsed() < lasts {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let customer = customers.get(number % customers.len()).cloned().unwrap_or_default();
            let device = devices.get(number % devices.len()).cloned().flatten();
            let sender = Sender { address: format!("198.18.{}.9", number % 256), device, customer, password: PASSWORD };
            // Each on a thread of its own: one that waits holds up no other.
            right.push(scope.spawn(move || sign_in(target, &sender).ok()));
            due += EVERY;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let right = right.into_iter().map(|one| one.join().ok().flatten().unwrap_or(Tried { status: 0, device: None, took: SOON * 10 }));
        let right: Vec<Tried> = right.collect();
        over.store(true, Ordering::Relaxed);
        right
    });
    Seen { right, answered: answered.into_inner(), checked: checked.into_inner(), lasted: begun.elapsed() }
}

fn tell(what: &str, seen: &Seen, crowd: Option<usize>, notes: &mut Notes<'_>) {
    let all = seen.right.len();
    let came_in: Vec<&Tried> = seen.right.iter().filter(|tried| tried.status == 303).collect();
    let soon = came_in.iter().filter(|tried| tried.took <= SOON).count();
    let mut took: Vec<u128> = came_in.iter().map(|tried| tried.took.as_millis()).collect();
    took.sort_unstable();
    let at = |percent: usize| took.get((took.len() * percent / 100).min(took.len().saturating_sub(1))).copied().unwrap_or_default();
    let share = format!("{} of {all} came in", came_in.len());
    notes.one(&format!("right sign-ins: {what}"), "nine of ten come in at once", share, came_in.len() * 10 >= all * 9 && all > 0);
    let per_second = |count: u64| count as f64 / seen.lasted.as_secs_f64();
    let others = crowd.map_or_else(String::new, |crowd| {
        format!("; {crowd} others sent {:.0}/s, of which {:.0}/s were checked", per_second(seen.answered), per_second(seen.checked))
    });
    notes.figure("how soon", format!("within {} s: {soon} of {all}; p50 {} ms, p99 {} ms{others}", SOON.as_secs(), at(50), at(99)));
}
