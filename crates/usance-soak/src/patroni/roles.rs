//! Who led the cluster when, as each host's Patroni said it itself, many times a second.
//!
//! A host leads when `GET /primary` answers 200, so that it has the leader key by its own account, and its server runs as a primary;
//! 200 alone is also said while that server still follows or already stops. A host that does not answer does not lead.
//! [`Roles::over`] is a pure function of what was heard.

use super::cluster::NAMES;
use parking_lot::Mutex;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often each host is asked.
const EVERY: Duration = Duration::from_millis(100);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// From this moment on a host led, or did not.
#[derive(Clone, Copy, Debug)]
struct Heard {
    at: Instant,
    place: usize,
    leads: bool,
}

/// What was heard.
#[derive(Debug, Default)]
pub struct Roles {
    heard: Mutex<Vec<Heard>>,
}

/// Who led in a stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Led {
    /// The longest time in which nobody did.
    pub nobody: Duration,
    /// How long more than one said that it did.
    pub several: Duration,
    /// Who did, one after the other.
    pub in_turn: Vec<&'static str>,
}

impl Roles {
    /// Asks a host until told to stop.
    pub fn listen(&self, place: usize, rest: u16, is_done: &AtomicBool) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build().into();
        while !is_done.load(Ordering::Relaxed) {
            let asked = Instant::now();
            let leads = says_that_it_leads(&agent, rest).unwrap_or(false);
            // One that did not answer did not lead from when it was asked.
            self.heard.lock().push(Heard { at: if leads { Instant::now() } else { asked }, place, leads });
            std::thread::sleep(EVERY);
        }
    }

    /// Who led from one moment to another.
    #[must_use]
    pub fn over(&self, from: Instant, to: Instant) -> Led {
        let mut heard = self.heard.lock().clone();
        heard.sort_by_key(|heard| heard.at);
        let (before, within): (Vec<Heard>, Vec<Heard>) =
            heard.into_iter().filter(|heard| heard.at < to).partition(|heard| heard.at <= from);
        let mut leading = [false; NAMES.len()];
        for Heard { place, leads, .. } in before {
            leading.get_mut(place).into_iter().for_each(|state| *state = leads);
        }
        let mut led = Led::default();
        led.in_turn.extend(leading.iter().zip(NAMES).find(|(leads, _)| **leads).map(|(_, name)| name));
        let (mut nobody_since, mut at) = (from, from);
        let end = Heard { at: to, place: usize::MAX, leads: false };
        for Heard { at: next, place, leads } in within.into_iter().chain([end]) {
            let before = count(leading);
            match before {
                0 => led.nobody = led.nobody.max(next - nobody_since),
                1 => {}
                _ => led.several += next - at,
            }
            at = next;
            if let (Some(state), Some(name)) = (leading.get_mut(place), NAMES.get(place)) {
                if leads && !*state && led.in_turn.last() != Some(name) {
                    led.in_turn.push(name);
                }
                *state = leads;
            }
            if before > 0 && count(leading) == 0 {
                nobody_since = next;
            }
        }
        led
    }
}

/// What a host answers; nothing when it does not.
fn says_that_it_leads(agent: &ureq::Agent, rest: u16) -> Option<bool> {
    let mut response = agent.get(format!("http://127.0.0.1:{rest}/primary")).call().ok()?;
    let told: Value = serde_json::from_slice(&response.body_mut().read_to_vec().ok()?).ok()?;
    let word = |name: &str| told.get(name).and_then(Value::as_str);
    // The role has the first word in Patroni 3, the second one in later releases.
    Some(response.status() == 200 && word("state") == Some("running") && matches!(word("role"), Some("master" | "primary")))
}

fn count(leading: [bool; NAMES.len()]) -> usize {
    leading.into_iter().filter(|leads| *leads).count()
}

#[cfg(test)]
mod tests {
    use super::{Heard, Led, Roles};
    use parking_lot::Mutex;
    use std::time::{Duration, Instant};

    #[test]
    fn it_is_known_how_long_nobody_led_and_who_did_before_and_after() {
        let begun = Instant::now();
        let at = |second: u64| begun + Duration::from_secs(second);
        let heard = |second, place, leads| Heard { at: at(second), place, leads };
        let roles = Roles {
            heard: Mutex::new(vec![
                heard(0, 0, true),
                heard(0, 1, false),
                heard(10, 0, false),
                heard(31, 1, true),
                heard(33, 0, true),
                heard(37, 1, false),
                heard(40, 0, false),
                heard(45, 2, true),
            ]),
        };
        let seconds = Duration::from_secs;
        let led = |nobody, several, in_turn: &[&'static str]| Led {
            nobody: seconds(nobody),
            several: seconds(several),
            in_turn: in_turn.to_vec(),
        };
        assert_eq!(roles.over(at(5), at(60)), led(21, 4, &["one", "two", "one", "three"]));
        assert_eq!(roles.over(at(5), at(20)), led(10, 0, &["one"]));
        assert_eq!(roles.over(at(20), at(32)), led(11, 0, &["two"]));
        assert_eq!(roles.over(at(50), at(60)), led(0, 0, &["three"]));
    }
}
