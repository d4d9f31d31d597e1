//! Decimal text as whole numbers of 10^-18, so that tests can add up what they are shown without ever rounding.

const DECIMALS: usize = 18;

/// An amount's text in units of 10^-18; a sign is fine, more than 18 decimals are not.
pub fn units(text: &str) -> i128 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    assert!(fraction.len() <= DECIMALS && !whole.is_empty(), "not an amount: {text:?}");
    sign * format!("{whole}{fraction:0<DECIMALS$}").parse::<i128>().unwrap_or_else(|error| panic!("not an amount: {text:?}: {error}"))
}

/// Units of 10^-18 as the shortest text.
pub fn text(units: i128) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", units.unsigned_abs(), width = DECIMALS + 1);
    let (whole, fraction) = digits.split_at(digits.len() - DECIMALS);
    let shown = format!("{sign}{whole}.{fraction}");
    shown.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The units of a JSON field.
pub fn field(line: &serde_json::Value, name: &str) -> i128 {
    units(line[name].as_str().unwrap_or_else(|| panic!("{name} is text in {line}")))
}

#[test]
fn text_and_units_are_the_same_amount() {
    for shown in ["0", "1", "-1.5", "0.000000000000000001", "-0.07", "120000000000"] {
        assert_eq!(text(units(shown)), shown);
    }
}
