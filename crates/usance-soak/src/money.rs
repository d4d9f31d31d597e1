//! Decimal text as whole numbers of 10^-18, to add up what one is shown without ever rounding.
//!
//! It shares no arithmetic with the engine, on purpose. It refuses more than 18 decimals.

use anyhow::{Context, ensure};
use serde_json::Value;

const DECIMALS: usize = 18;

/// An amount's text in units of 10^-18; a sign is fine.
///
/// # Errors
/// When it is not an amount, or has more than 18 decimals.
pub fn units(text: &str) -> anyhow::Result<i128> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    ensure!(fraction.len() <= DECIMALS && !whole.is_empty(), "not an amount: {text:?}");
    let units = format!("{whole}{fraction:0<DECIMALS$}").parse::<i128>().with_context(|| format!("not an amount: {text:?}"))?;
    Ok(sign * units)
}

/// Units of 10^-18 as the shortest text.
#[must_use]
pub fn text(units: i128) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", units.unsigned_abs(), width = DECIMALS + 1);
    let (whole, fraction) = digits.split_at(digits.len() - DECIMALS);
    let shown = format!("{sign}{whole}.{fraction}");
    shown.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The units of a JSON field.
///
/// # Errors
/// When there is no such text, or it is not an amount.
pub fn field(line: &Value, name: &str) -> anyhow::Result<i128> {
    units(word(line, name)?)
}

/// The text of a JSON field.
///
/// # Errors
/// When there is none.
pub fn word<'a>(line: &'a Value, name: &str) -> anyhow::Result<&'a str> {
    line.get(name).and_then(Value::as_str).with_context(|| format!("no text {name} in {line}"))
}

#[cfg(test)]
mod tests {
    use super::{text, units};

    #[test]
    fn text_and_units_are_the_same_amount() {
        for shown in ["0", "1", "-1.5", "0.000000000000000001", "-0.07", "120000000000"] {
            assert_eq!(text(units(shown).unwrap()), shown);
        }
        for wrong in ["", ".5", "1.0000000000000000001", "1e3", "one"] {
            assert!(units(wrong).is_err(), "{wrong}");
        }
    }
}
