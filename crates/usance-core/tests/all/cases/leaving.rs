//! Redemptions, early exits and renewals (RULES 8).

use crate::table::check;

// --- leaving early (RULES 8) ---

#[test]
fn an_early_exit_forfeits_what_accrued() {
    check(
        "
        day       2026-01-01 12:00
        product   term fixed:30 36.5%
        deposit   alice SOL 60 funding
        deposit   alice SOL 40 spot
        subscribe alice term 100 funding_then_spot
        day       2026-01-05 12:00
        redeem    alice 1 50                       | partial_not_allowed principal 100
        redeem    alice 1 x                        | partial_not_allowed                # before the amount's form
        redeem    bob 1                            | position_not_found
        redeem    alice 2                          | position_not_found
        preview   alice 1                          | payout 100 to_spot 40 to_funding 60 clawback 0 forfeited 0.3 written_off 0
        redeem    alice 1 unquoted                 | quote_changed payout 100
        redeem    alice 1 quote 99                 | quote_changed payout 100
        redeem    alice 1 quote x                  | amount_invalid field quoted_payout
        redeem    alice 1 quote 100 quote_funding 1 | quote_changed from_funding 0
        redeem    alice 1 100.0 quote 1e2          | ok payout 100 forfeited 0.3        # the whole may be named
        position  1                                | redeemed_early accrued 0 distributed 0 returned 100
        balance   alice SOL                        | funding 60 spot 40
        books     SOL                              | reward_pool 0 rewards_payable 0
        ",
    );
}

#[test]
fn an_early_exit_gives_back_what_was_paid_the_funding_part_first() {
    check(
        "
        day       2026-01-01 00:00
        product   term fixed:60 365% daily                       # one per cent a day
        deposit   alice SOL 40 funding
        deposit   alice SOL 60 spot
        subscribe alice term 100 funding_then_spot
        day       2026-01-11 00:00
        preview   alice 1                          | payout 90 clawback 10 to_spot 60 to_funding 30
        preview   alice 1 to spot                  | payout 90 clawback 10 to_spot 90 to_funding 0
        day       2026-02-20 00:00                               # 50 paid: 40 of it fall on the Funding part, 10 on Spot's
        preview   alice 1                          | payout 50 clawback 50 to_spot 50 to_funding 0
        redeem    alice 1 quote 90                 | quote_changed payout 50
        redeem    alice 1                          | payout 50
        position  1                                | redeemed_early distributed 50 clawed_back 50 written_off 0 returned 50
        balance   alice SOL                        | funding 50 spot 50
        books     SOL                              | reward_pool 0 custody 100
        ",
    );
}

#[test]
fn what_neither_principal_nor_funding_can_give_is_written_off() {
    check(
        "
        day       2026-01-01 00:00
        product   term fixed:400 365% daily
        deposit   alice SOL 10 funding
        subscribe alice term 10 funding
        day       2026-05-31 00:00                               # 150 days: 15 were paid
        preview   alice 1                          | payout 0 clawback 15 from_funding 5 written_off 0
        transfer  alice SOL 12 funding spot
        preview   alice 1                          | payout 0 clawback 13 from_funding 3 written_off 2
        redeem    alice 1 quote 0                  | quote_changed from_funding 3       # what Funding gives is quoted too
        redeem    alice 1 quote 0 quote_funding 5  | quote_changed from_funding 3
        redeem    alice 1 quote 0 quote_funding 3  | ok written_off 2
        position  1                                | redeemed_early distributed 15 clawed_back 13 written_off 2 returned 0
        balance   alice SOL                        | funding 0 spot 12 principal 0
        books     SOL                              | reward_pool -2 custody 10
        ",
    );
}

#[test]
fn a_term_that_may_not_be_left_runs_to_its_end() {
    check(
        "
        day       2026-01-01 12:00
        product   term fixed:3 36.5% no-early
        deposit   alice SOL 100 funding
        subscribe alice term 100 funding
        redeem    alice 1 x                        | early_redemption_not_allowed matures_at 2026-01-05T00:00:00.000Z
        day       2026-01-04 23:59:59.999
        redeem    alice 1                          | early_redemption_not_allowed
        day       2026-01-05 00:00
        redeem    alice 1                          | position_closed
        balance   alice SOL                        | funding 100.3
        ",
    );
}

#[test]
fn a_term_can_be_left_before_it_begins() {
    check(
        "
        day       2026-01-01 12:00
        product   term fixed:3 36.5%
        deposit   alice SOL 100 spot
        subscribe alice term 100 spot              | value_date 2026-01-02
        redeem    alice 1                          | payout 100 to_spot 100 forfeited 0
        rewards   1                                | days 0
        day       2026-01-09 00:00
        balance   alice SOL                        | spot 100 funding 0
        ",
    );
}

#[test]
fn a_flexible_redemption_may_be_quoted() {
    check(
        "
        day       2026-01-01 12:00
        product   flex flexible 36.5%
        deposit   alice SOL 100 funding
        subscribe alice flex 100 funding
        redeem    alice 1 5 quote 6                | quote_changed payout 5
        redeem    alice 1 5 quote 5 quote_funding 1 | quote_changed from_funding 0
        redeem    alice 1 0                        | amount_invalid field amount
        redeem    alice 1 5 quote 5                | payout 5
        redeem    alice 1 5 unquoted               | payout 5
        renew     alice 1 on                       | renewal_not_allowed
        renew     alice 1 off                      | ok
        ",
    );
}

// --- renewal (RULES 8) ---

#[test]
fn a_renewal_takes_what_the_product_then_takes() {
    check(
        "
        day       2026-01-01 00:00
        product   term fixed:7 36.5% step 0.5 renewal on
        deposit   alice SOL 6 funding
        deposit   alice SOL 4 spot
        subscribe alice term 10 funding_then_spot renew
        announce  term 2026-01-08 73%
        day       2026-01-03 12:00
        change    term capacity 7.75
        day       2026-01-08 00:00                               # 7.5 go on; 2.5 go back, all of it to Spot
        position  1                                | renewed renewed_into 2 distributed 0.07 returned 2.5
        position  2                                | active principal 7.5 from_spot 1.5 from_funding 6 renewed_from 1
        position  2                                | value_date 2026-01-08 k 1 rate 0.73000000 auto_renew on
        balance   alice SOL                        | spot 2.5 funding 0.07
        change    term capacity none max 3.9
        day       2026-01-15 00:00                               # 3.5 go on; Spot's 1.5 go back first
        position  2                                | renewed renewed_into 3 distributed 0.105
        position  3                                | principal 3.5 from_spot 0 from_funding 3.5
        balance   alice SOL                        | spot 4 funding 2.675
        change    term max none min 3.5
        day       2026-01-22 00:00                               # the minimum itself goes on
        position  3                                | renewed renewed_into 4 returned 0
        change    term min 3.500000001
        day       2026-01-29 00:00                               # below it nothing does
        position  4                                | matured renewed_into none returned 3.5
        balance   alice SOL                        | spot 4 funding 6.273
        ",
    );
}

#[test]
fn capacity_counts_those_who_stay() {
    check(
        "
        day       2026-01-01 00:00
        product   term fixed:3 36.5% renewal on capacity 20
        deposit   alice SOL 10 funding
        deposit   bob SOL 10 funding
        subscribe alice term 10 funding renew
        subscribe bob term 10 funding renew
        change    term capacity 15
        day       2026-01-04 00:00                               # hers is gone, his is not: five are left
        position  1                                | renewed renewed_into 3
        position  3                                | principal 5
        position  2                                | renewed renewed_into 4
        position  4                                | principal 10
        offer     term                             | staked 15 left 0
        ",
    );
}

#[test]
fn a_personal_maximum_counts_what_its_customer_still_has() {
    check(
        "
        day       2026-01-01 00:00
        product   term fixed:3 36.5% renewal on max 20
        deposit   alice SOL 20 funding
        deposit   bob SOL 20 funding
        subscribe alice term 8 funding renew
        subscribe bob term 20 funding
        day       2026-01-02 00:00
        subscribe alice term 12 funding
        change    term max 15
        day       2026-01-04 00:00                               # her other twelve leave three
        position  1                                | renewed renewed_into 4 returned 5
        position  4                                | principal 3
        ",
    );
}

#[test]
fn a_paused_or_closed_product_renews_nothing_and_a_sale_window_does_not_matter() {
    check(
        "
        day       2026-01-01 00:00
        product   paused fixed:2 36.5% renewal on
        product   closed fixed:2 36.5% renewal on
        product   ended  fixed:2 36.5% renewal on closes 2026-01-02
        product   barred fixed:2 36.5% renewal on
        product   back   fixed:2 36.5% renewal on
        deposit   alice SOL 500 funding
        subscribe alice paused 100 funding renew   | position 1
        subscribe alice closed 100 funding renew   | position 2
        subscribe alice ended 100 funding renew    | position 3
        subscribe alice barred 100 funding renew   | position 4
        subscribe alice back 100 funding renew     | position 5
        status    paused paused
        status    closed closed
        change    barred renewal off
        status    back paused
        status    back open
        day       2026-01-03 00:00
        position  1                                | matured
        position  2                                | matured
        position  3                                | renewed renewed_into 6
        position  4                                | matured
        position  5                                | renewed renewed_into 7
        balance   alice SOL                        | funding 301 principal 200
        ",
    );
}

#[test]
fn automatic_renewal_can_be_switched_until_maturity() {
    check(
        "
        day       2026-01-01 12:00
        product   term fixed:2 36.5% renewal on
        product   once fixed:2 36.5%
        deposit   alice SOL 200 funding
        subscribe alice term 100 funding           | position 1
        subscribe alice once 100 funding           | position 2
        renew     alice 2 on                       | renewal_not_allowed
        renew     bob 1 on                         | position_not_found
        renew     alice 1 on                       | ok
        renew     alice 1 off                      | ok
        day       2026-01-03 23:59:59.999
        renew     alice 1 on                       | ok
        day       2026-01-04 00:00
        renew     alice 1 off                      | position_closed
        position  1                                | renewed renewed_into 3
        renew     alice 3 off                      | ok
        change    term renewal off
        renew     alice 3 on                       | renewal_not_allowed
        renew     alice 3 off                      | ok
        day       2026-01-06 00:00
        position  3                                | matured renewed_from 1
        ",
    );
}
