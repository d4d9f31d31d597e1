//! Everything in order passes; anything missing, doubled or changed by one unit does not.

use super::books::{LINES, Line, answered, booked, shown, statement};
use serde_json::json;
use usance_soak::ledger::Open;
use usance_soak::ledger::compare::{Shown, compare, compare_rewards};

/// Expects a difference that names these words.
fn notices(what: &str, shown: &Shown, words: &str) {
    let error = compare(&mut booked(&answered()), shown).expect_err(what).to_string();
    assert!(error.contains(words), "{what}: {error}");
}

/// Lines whose balances run as they should.
fn running(lines: impl IntoIterator<Item = Line>) -> Shown {
    let (mut spot, mut funding) = (0, 0);
    let lines: Vec<Line> = lines
        .into_iter()
        .map(|(account, kind, amount, _, reference)| {
            let balance = if account == "spot" { &mut spot } else { &mut funding };
            *balance += usance_soak::money::units(amount).unwrap();
            let text: &'static str = Box::leak(usance_soak::money::text(*balance).into_boxed_str());
            (account, kind, amount, text, reference)
        })
        .collect();
    let mut seen = Shown { statement: statement(&lines), ..shown() };
    seen.accounts[0]["spot"] = usance_soak::money::text(spot).into();
    seen.accounts[0]["funding"] = usance_soak::money::text(funding).into();
    seen
}

#[test]
fn what_was_told_is_what_is_shown() {
    let mut holder = booked(&answered());
    assert_eq!(compare(&mut holder, &shown()).unwrap(), LINES.len() as u64);
    assert_eq!(holder.open, [Open { id: 3, is_flexible: true }, Open { id: 4, is_flexible: false }]);
    assert_eq!(compare(&mut booked(&answered()), &running(LINES)).unwrap(), LINES.len() as u64);
}

#[test]
fn every_missing_line_is_noticed_and_every_doubled_one() {
    for (place, line) in LINES.iter().enumerate() {
        let without = running(LINES.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, line)| *line));
        let error = compare(&mut booked(&answered()), &without).expect_err(line.1);
        assert!(error.to_string().contains("statement") || error.to_string().contains("balance"), "{line:?}: {error}");
        let doubled = LINES.iter().enumerate().flat_map(|(other, line)| std::iter::repeat_n(*line, 1 + usize::from(other == place)));
        compare(&mut booked(&answered()), &running(doubled)).expect_err(line.1);
    }
}

#[test]
fn a_reference_that_was_swapped_is_noticed() {
    let mut lines = LINES;
    lines[0].4 = "nobody's";
    notices("a reference", &running(lines), "references");
}

#[test]
fn a_position_that_is_missing_or_that_nobody_was_told_of_is_noticed() {
    let mut seen = shown();
    seen.positions.retain(|position| position["id"] != "3");
    notices("a position is missing", &seen, "position 3 was acknowledged and is gone");
    let mut seen = shown();
    let mut more = seen.positions[1].clone();
    more["id"] = "9".into();
    seen.positions.push(more);
    notices("a position too many", &seen, "nobody was told of");
}

#[test]
fn a_figure_that_is_off_by_one_unit_is_noticed() {
    for (name, value) in
        [("spot", "15.000000001"), ("funding", "59.999999999"), ("staked", "36.000000001"), ("rewards_total", "0.000000001")]
    {
        let mut seen = shown();
        seen.accounts[0][name] = value.into();
        notices(name, &seen, name.split('_').next().unwrap());
    }
    for (place, name, value) in [(0, "principal", "27.999999999"), (1, "principal", "8.000000001"), (2, "distributed", "0.500000001")] {
        let mut seen = shown();
        seen.positions[place][name] = value.into();
        compare(&mut booked(&answered()), &seen).expect_err(name);
    }
}

#[test]
fn reward_lines_that_are_missing_or_too_many_are_noticed_also_when_a_term_was_left_early() {
    let (holder, positions) = (booked(&answered()), shown().positions);
    let early = positions.iter().find(|position| position["state"] == "redeemed_early").unwrap();
    let lines = |rewards: &[&str]| rewards.iter().map(|reward| json!({"reward": reward})).collect::<Vec<_>>();
    compare_rewards(&holder, early, &lines(&["0.25", "0.25", "0.25"])).unwrap();
    for wrong in [&["0.25", "0.25"][..], &["0.25", "0.25", "0.250000001"], &["0.25", "0.25", "0.25", "0.25"]] {
        let error = compare_rewards(&holder, early, &lines(wrong)).expect_err("lines that differ").to_string();
        assert!(error.contains("0.25 was forfeited"), "{wrong:?}: {error}");
    }
    let open = positions.iter().find(|position| position["state"] == "active").unwrap();
    compare_rewards(&holder, open, &[]).unwrap();
    compare_rewards(&holder, open, &lines(&["0.1"])).expect_err("nothing was earned");
}

#[test]
fn an_answer_that_does_not_add_up_is_not_booked() {
    for (place, field, value) in [(6, "payout", "20"), (6, "clawback_distributed", "0.4"), (6, "principal", "21")] {
        let (path, asked, mut answer) = answered().remove(place);
        answer[field] = value.into();
        assert!(booked(&[]).book(path, &asked, &answer).is_err(), "{field}");
    }
    let (path, asked, answer) = answered().remove(0);
    assert!(booked(&answered()).book(path, &asked, &answer).is_err(), "one reference, two deposits");
}
