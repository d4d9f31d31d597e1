//! Amounts are added, divided and rounded in the core: whoever else does it has written a rule a second time.
//!
//! Looks for the arithmetic of `usance_core::money` in the sources of every other crate. What computes on purpose, to be
//! compared with the core, is listed with its reason. Tests inside a file may compute.

use super::code::{Word, words};
use std::path::Path;

/// Where amounts may be computed outside the core, and why.
const ALLOWED: [(&str, &str); 9] = [
    ("crates/usance-workload/src/orders.rs", "a network that carries orders out, played for tests"),
    ("crates/usance-workload/src/sample.rs", "networks that pay and slash, played for a demo"),
    ("crates/usance-workload/src/treasury.rs", "a network that pays and slashes, played for tests"),
    ("crates/usance-core/", "the rules"),
    ("crates/usance-sim/src/auditor/", "the simulator's own books, written from the rules alone"),
    ("crates/usance-soak/src/", "the soak's own ledger, which knows the engine by its contract only"),
    ("crates/usance-store/src/projection/", "sums of the read tables"),
    ("crates/usance-server/src/bin/usance-bench/", "figures of a benchmark"),
    ("crates/usance-server/src/cli/world.rs", "draws the amounts of a sample world, and books none"),
];

/// Methods of amounts, balances and rates that compute.
const METHODS: [&str; 8] = ["plus", "minus", "before", "left_after", "checked_minus", "elapsed_part", "floor_to_step", "numerator"];

/// Functions that divide amounts.
const FUNCTIONS: [&str; 2] = ["split_day", "rate_floor"];

/// Signs between numbers.
const SIGNS: [char; 5] = ['+', '-', '*', '/', '%'];

/// Names every place that computes with amounts where it may not.
pub fn check(root: &Path, breaches: &mut Vec<String>) -> anyhow::Result<()> {
    for path in super::files::sources_of(&root.join("crates"))? {
        let name = path.strip_prefix(root)?.display().to_string();
        let is_source = name.split('/').nth(2) == Some("src");
        if !is_source || ALLOWED.iter().any(|(place, _)| name.starts_with(place)) {
            continue;
        }
        let text = std::fs::read_to_string(&path)?;
        breaches.extend(computing(&text).into_iter().map(|what| format!("{name} computes with amounts: {what}")));
    }
    Ok(())
}

/// The places that compute, each as the words around it.
fn computing(text: &str) -> Vec<String> {
    let words = words(text);
    (0..words.len()).filter(|at| computes(&words, *at)).map(|at| shown(&words, at)).collect()
}

fn name_at(words: &[Word], at: usize) -> Option<&str> {
    match words.get(at) {
        Some(Word::Name(name)) => Some(name),
        _ => None,
    }
}

fn sign_at(words: &[Word], at: usize) -> Option<char> {
    match words.get(at) {
        Some(Word::Sign(sign)) => Some(*sign),
        _ => None,
    }
}

/// Whether the name at a place computes: a method or function of money, or base units next to a sign between numbers.
fn computes(words: &[Word], at: usize) -> bool {
    let Some(name) = name_at(words, at) else { return false };
    let is_called = sign_at(words, at + 1) == Some('(');
    let is_method = at > 0 && sign_at(words, at - 1) == Some('.');
    if is_called && (is_method && METHODS.contains(&name) || FUNCTIONS.contains(&name) && name_at(words, at.wrapping_sub(1)) != Some("fn"))
    {
        return true;
    }
    is_called && is_method && name == "units" && (is_computed_behind(words, at + 3) || is_computed_ahead(words, at))
}

/// Whether what follows `units()` is a sign between numbers, or a method of numbers that computes.
fn is_computed_behind(words: &[Word], at: usize) -> bool {
    match sign_at(words, at) {
        Some('.') => {
            name_at(words, at + 1).is_some_and(|name| ["saturating_", "checked_", "wrapping_"].iter().any(|start| name.starts_with(start)))
        }
        // `->` and `=>` have no number behind the sign; neither does a closing bracket.
        Some(sign) => SIGNS.contains(&sign) && sign_at(words, at + 1) != Some('>'),
        None => false,
    }
}

/// Whether a sign between numbers stands before the value whose `units` are taken.
fn is_computed_ahead(words: &[Word], at: usize) -> bool {
    let mut start = at;
    while let Some(before) = start.checked_sub(1).and_then(|before| words.get(before)) {
        match before {
            Word::Name(_) | Word::Colons | Word::Sign('.') => start -= 1,
            Word::Sign(')') => start = opening(words, start - 1),
            Word::Sign(_) => break,
        }
    }
    let is_sign = start > 0 && sign_at(words, start - 1).is_some_and(|sign| SIGNS.contains(&sign));
    // Behind a name, a number or a closing bracket it stands between two numbers; anywhere else it is a reference or a minus.
    is_sign && start > 1 && matches!(words[start - 2], Word::Name(_) | Word::Sign(')' | ']' | '0'..='9'))
}

/// Where the bracket opens that closes at a place.
fn opening(words: &[Word], closes_at: usize) -> usize {
    let mut depth = 0_usize;
    for at in (0..=closes_at).rev() {
        match sign_at(words, at) {
            Some(')') => depth += 1,
            Some('(') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    0
}

fn shown(words: &[Word], at: usize) -> String {
    let around = words[at.saturating_sub(4)..words.len().min(at + 3)].iter();
    around
        .map(|word| match word {
            Word::Name(name) => name.clone(),
            Word::Colons => "::".to_owned(),
            Word::Sign(sign) => sign.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::computing;

    #[test]
    fn sums_of_amounts_are_seen_and_nothing_else() {
        let seen = [
            "let total = spot.plus(funding);",
            "let third = amount.units() / 3;",
            "let whole = rate * running.principal().units();",
            "let double = count * amount.units();",
            "let left = amount.left_after(paid);",
            "let more = amount.units().saturating_add(1);",
            "let (reward, rest) = split_day(numerator);",
        ];
        for text in seen {
            assert_eq!(computing(text).len(), 1, "{text}");
        }
        let passed = [
            "// a.plus(b)",
            "let text = \"x.plus(y)\";",
            "let day = today.plus_days(1);",
            "let shown = amount.units();",
            "fn split_day() {}",
            "let other = *amount.units();",
            "#[cfg(test)]\nmod tests {\n    fn sum() { a.plus(b); }\n}",
        ];
        for text in passed {
            assert_eq!(computing(text), [""; 0], "{text}");
        }
    }
}
