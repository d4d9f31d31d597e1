//! A third kind of product, which nothing outside the product's own room knows: it runs for a term, pays every day, and may
//! be left any time, in part too.

use crate::table::check;

#[test]
fn an_open_term_pays_every_day_is_left_in_part_and_matures() {
    check(
        "
        day       2026-01-01 00:00
        product   term open:10 36.5%
        deposit   alice SOL 60 funding
        deposit   alice SOL 40 spot
        subscribe alice term 50 funding            | position 1
        subscribe alice term 30 funding_then_spot  | position 2                          # it takes no top-ups
        position  1                                | active next_paid 2026-01-02T00:00:00.000Z matures_at 2026-01-11T00:00:00.000Z
        day       2026-01-03 00:00
        position  1                                | accrued 0 distributed 0.1
        position  2                                | accrued 0 distributed 0.06
        redeem    alice 1 20                       | payout 20 to_funding 20 clawback 0
        day       2026-01-11 00:00
        position  1                                | matured distributed 0.34 returned 50
        position  2                                | matured distributed 0.3 returned 30
        balance   alice SOL                        | funding 60.64 spot 40
        rewards   1                                | days 10
        books     SOL                              | rewards_payable 0 customer_principal 0 reward_pool -0.64
        redeem    alice 1 1                        | position_closed
        ",
    );
}

#[test]
fn an_open_term_renews_and_distributes_daily() {
    check(
        "
        day       2026-01-01 00:00
        product   term open:5 36.5% renewal on
        product   other open:5 36.5% every 2       | terms_invalid
        deposit   alice SOL 100 funding
        subscribe alice term 100 funding renew     | position 1
        day       2026-01-06 00:00
        position  1                                | renewed distributed 0.5
        redeem    alice 2 40                       | payout 40
        day       2026-01-08 00:00
        position  2                                | active distributed 0.12
        rewards   2                                | days 2 2026-01-06 0.06 2026-01-07 0.06
        ",
    );
}
