//! Accounts, the pool, products and what has to be true of a subscription (RULES 1, 4, 5, 6).

use crate::driver::Engine;
use crate::table::check;
use usance_core::calendar::Timestamp;
use usance_core::machine::state::ClockMode;
use usance_core::machine::verb::{AssetCreated, asset};
use usance_core::machine::{Event, Rejection, apply};

// --- accounts, references and the pool (RULES 4, 7) ---

#[test]
fn a_wallets_reference_is_used_once_per_asset_and_kind() {
    check(
        "
        day       2026-01-01 12:00
        asset     BTC 8
        deposit   alice SOL 10 funding ref tx-1    | funding 10 spot 0
        deposit   alice SOL 10 funding ref tx-1    | already_exists
        deposit   bob SOL 7 spot ref tx-1          | already_exists
        deposit   alice BTC 1 spot ref tx-1        | spot 1
        withdraw  alice SOL 10 funding ref tx-1    | funding 0
        withdraw  alice SOL 10 funding ref tx-1    | already_exists                     # not insufficient_balance
        withdraw  alice SOL 10 funding ref tx-2    | insufficient_balance available 0
        withdraw  alice SOL 1e funding ref tx-1    | amount_invalid field amount
        deposit   alice ETH 1 spot                 | asset_not_found
        deposit   dora SOL 1 spot                  | customer_not_found
        books     SOL                              | custody 0
        ",
    );
}

#[test]
fn transfers_move_between_own_accounts() {
    check(
        "
        day       2026-01-01 12:00
        deposit   alice SOL 10 funding
        transfer  alice SOL 4 funding spot         | funding 6 spot 4
        transfer  alice SOL 6.000000001 funding spot | insufficient_balance available 6
        transfer  alice SOL x spot spot            | same_account
        transfer  alice SOL 0 funding spot         | amount_invalid field amount
        transfer  bob SOL 1 spot funding           | insufficient_balance available 0
        books     SOL                              | custody 10 customer_spot 4 customer_funding 6
        ",
    );
}

#[test]
fn only_rewards_overdraw_the_pool() {
    check(
        "
        day       2026-01-01 00:00
        product   flex flexible 36.5%
        deposit   alice SOL 100 funding
        subscribe alice flex 100 funding
        pool      withdraw SOL 0.1                 | insufficient_balance available 0
        pool      fund SOL 0.25                    | pool 0.25
        day       2026-01-02 00:00
        pool      withdraw SOL 0.150000001         | insufficient_balance available 0.15
        pool      withdraw SOL 0.05                | pool 0.1
        day       2026-01-04 00:00
        books     SOL                              | reward_pool -0.1 custody 100.2
        pool      withdraw SOL 0.000000001         | insufficient_balance available -0.1
        pool      fund SOL 0.1                     | pool 0
        withdraw  alice SOL 0.3 funding
        pool      fund ETH 1                       | asset_not_found
        ",
    );
}

#[test]
fn custody_may_fall_below_zero_when_unfunded_rewards_leave() {
    check(
        "
        day       2026-01-01 00:00
        product   flex flexible 365%
        deposit   alice SOL 100 funding
        subscribe alice flex 100 funding
        day       2026-01-03 00:00
        redeem    alice 1
        withdraw  alice SOL 102 funding            | funding 0
        books     SOL                              | custody -2 reward_pool -2 customer_funding 0
        ",
    );
}

#[test]
fn no_total_passes_ten_to_the_twenty_eighth() {
    check(
        "
        day       2026-01-01 00:00
        product   flex flexible 365%
        deposit   alice SOL 1e19 funding                         # 10^28 base units
        deposit   bob SOL 0.000000001 spot         | above_limit limit 10000000000000000000
        pool      fund SOL 1                       | above_limit
        deposit   bob SOL 1e20 spot                | amount_invalid
        subscribe alice flex 1e19 funding
        day       2026-01-02 00:00
        balance   alice SOL                        | funding 100000000000000000
        subscribe alice flex 1 funding             | above_limit
        withdraw  alice SOL 1e17 funding
        books     SOL                              | custody 9900000000000000000 reward_pool -100000000000000000
        ",
    );
}

// --- products (RULES 5) ---

#[test]
fn a_products_life_goes_one_way() {
    check(
        "
        day       2026-01-01 12:00
        product   flex flexible 5% draft           | ok
        status    flex paused                      | status_not_reachable
        status    flex closed                      | status_not_reachable
        status    flex draft                       | ok
        status    flex open                        | ok
        status    flex open                        | ok                                 # the present status is fine
        status    flex draft                       | status_not_reachable
        status    flex paused                      | ok
        status    flex open                        | ok
        status    flex paused                      | ok
        status    flex closed                      | ok
        status    flex closed                      | ok
        status    flex open                        | product_closed
        change    flex min 2                       | product_closed
        status    nothing open                     | product_not_found
        product   flex flexible 5%                 | already_exists
        ",
    );
}

#[test]
fn a_product_cannot_open_before_it_has_a_rate() {
    check(
        "
        day       2026-01-01 12:00
        product   later flexible 5% from 2026-01-03 draft
        settle    later 2026-01-02 1%              | rate_missing
        settle    later 2026-01-03 1%              | ok
        status    later open                       | rate_missing
        day       2026-01-03 00:00
        status    later open                       | ok
        offer     later                            | available reference 0.05000000
        ",
    );
}

#[test]
fn terms_that_contradict_themselves_are_refused() {
    check(
        "
        day       2026-01-01 12:00
        product   a fixed:0 5%                     | terms_invalid
        product   a fixed:3651 5%                  | terms_invalid
        product   a fixed:30 5% every 0            | terms_invalid
        product   a flexible 5% every 2            | terms_invalid
        product   a flexible 5% renewal on         | terms_invalid
        product   a flexible 5% opens 2026-02-01 closes 2026-02-01 | terms_invalid
        product   a flexible 5% min 0              | amount_invalid field minimum
        product   a flexible 5% capacity 1e-10     | amount_invalid field capacity
        product   a flexible 5% asset ETH          | asset_not_found
        product   a/b flexible 5%                  | terms_invalid
        product   a flexible 5%                    | ok
        change    a renewal on                     | terms_invalid
        change    a step x                         | amount_invalid field step
        asset     SOL 9                            | already_exists
        asset     BIG 19                           | terms_invalid
        customer  alice                            | already_exists
        agreement v1                               | already_exists
        ",
    );
}

#[test]
fn availability_is_derived() {
    check(
        "
        day       2026-01-01 12:00
        product   sale flexible 5% min 1 step 0.4 capacity 10 opens 2026-01-02 closes 2026-01-04
        deposit   alice SOL 100 funding
        offer     sale                             | upcoming
        subscribe alice sale 2 funding             | outside_sale_window
        day       2026-01-02 00:00
        offer     sale                             | available left 10 value_date 2026-01-02
        subscribe alice sale 8.8 funding           | ok
        offer     sale                             | available left 1.2                 # the smallest allowed amount is 1.2
        change    sale capacity 9.999999999
        offer     sale                             | sold_out left 1.199999999
        change    sale capacity 5
        offer     sale                             | sold_out left 0 staked 8.8
        change    sale capacity none
        offer     sale                             | available left none
        day       2026-01-03 23:59:59.999
        offer     sale                             | available
        status    sale paused
        offer     sale                             | unavailable
        status    sale open
        day       2026-01-04 00:00
        offer     sale                             | ended
        subscribe alice sale 2 funding             | outside_sale_window
        change    sale closes none
        subscribe alice sale 2 funding             | ok
        status    sale closed
        offer     sale                             | unavailable
        day       2026-01-05 00:00
        redeem    alice 1 1                        | payout 1                           # what is staked keeps its terms
        ",
    );
}

// --- subscription (RULES 6) ---

#[test]
fn limits_name_what_is_left() {
    check(
        "
        day       2026-01-01 12:00
        product   flex flexible 5% min 1 step 0.5 max 20 capacity 25
        deposit   alice SOL 100 funding
        deposit   bob SOL 100 funding
        subscribe alice flex 0.5 funding           | below_minimum minimum 1
        subscribe alice flex 1.25 funding          | not_a_step_multiple step 0.5
        subscribe alice flex 20.5 funding          | above_personal_maximum left 20
        subscribe alice flex 18 funding            | ok
        subscribe alice flex 2.5 funding           | above_personal_maximum left 2
        subscribe bob flex 7.5 funding             | above_capacity left 7
        subscribe bob flex 7 funding               | ok
        redeem    alice 1 3                        | payout 3
        subscribe bob flex 3.5 funding             | above_capacity left 3
        subscribe alice flex 5.5 funding           | above_personal_maximum left 5
        change    flex max 10 capacity 12
        subscribe alice flex 1 funding             | above_personal_maximum left 0
        subscribe bob flex 1 funding               | above_capacity left 0
        ",
    );
}

#[test]
fn the_first_check_that_fails_is_the_answer() {
    check(
        "
        day       2026-01-01 12:00
        product   a fixed:5 5% min 2 step 1 max 6 capacity 5 opens 2026-01-02
        product   b flexible 5% draft
        subscribe dora nothing x funding agreement v0       | customer_not_found
        subscribe alice nothing x funding agreement v0      | product_not_found
        subscribe alice b x funding agreement v0            | product_not_found         # a draft is invisible
        status    a paused
        subscribe alice a x funding agreement v0 renew      | product_not_open
        status    a open
        subscribe alice a x funding agreement v0 renew      | outside_sale_window
        day       2026-01-02 12:00
        subscribe alice a x funding agreement v0 renew      | agreement_not_accepted in_force v1
        subscribe alice a x funding renew                   | amount_invalid field amount
        subscribe alice a 1.5 funding renew                 | below_minimum
        subscribe alice a 7.5 funding renew                 | not_a_step_multiple
        subscribe alice a 7 funding renew                   | above_personal_maximum left 6
        subscribe alice a 6 funding renew                   | above_capacity left 5
        subscribe alice a 5 funding renew                   | insufficient_balance available 0
        deposit   alice SOL 5 funding
        subscribe alice a 5 spot renew                      | insufficient_balance available 0
        subscribe alice a 5 funding renew                   | renewal_not_allowed
        subscribe alice a 5 funding                         | position 1 value_date 2026-01-03
        ",
    );
}

#[test]
fn the_agreement_in_force_has_to_be_accepted() {
    check(
        "
        day       2026-01-01 12:00
        product   flex flexible 5%
        product   term fixed:2 5% renewal on
        deposit   alice SOL 10 funding
        subscribe alice flex 1 funding                  | position 1 agreement 0        # the first published
        agreement v2
        subscribe alice term 1 funding renew            | agreement_not_accepted in_force v2
        subscribe alice term 1 funding renew agreement v2 | position 2 agreement 1
        agreement v3
        day       2026-01-04 00:00
        position  2                                     | renewed renewed_into 3
        position  3                                     | agreement 1 auto_renew on     # the one first accepted
        ",
    );
}

#[test]
fn funding_is_drawn_first_and_spot_is_paid_back_first() {
    check(
        "
        day       2026-01-01 12:00
        product   flex flexible 36.5%
        deposit   alice SOL 60 funding
        deposit   alice SOL 100 spot
        subscribe alice flex 161 funding_then_spot | insufficient_balance available 160
        subscribe alice flex 100 funding_then_spot | position 1
        balance   alice SOL                        | funding 0 spot 60 principal 100
        position  1                                | from_funding 60 from_spot 40
        redeem    alice 1 30                       | to_spot 30 to_funding 0
        position  1                                | from_funding 60 from_spot 10
        redeem    alice 1 15                       | to_spot 10 to_funding 5
        position  1                                | from_funding 55 from_spot 0
        subscribe alice flex 20 spot               | position 1
        redeem    alice 1 5 to funding             | to_spot 0 to_funding 5             # another own account may be named
        position  1                                | from_funding 55 from_spot 15
        redeem    alice 1 60 to spot               | to_spot 60 to_funding 0
        position  1                                | from_funding 10 from_spot 0
        redeem    alice 1                          | to_spot 0 to_funding 10
        balance   alice SOL                        | funding 20 spot 140 principal 0
        ",
    );
}

#[test]
fn a_preview_tells_dates_and_rewards() {
    check(
        "
        day       2026-01-01 12:00
        product   flex flexible 36.5%
        product   term fixed:30 36.5%
        product   every fixed:30 36.5% every 7
        product   tail fixed:30 36.5% every 45
        prospect  alice flex 100                   | value_date 2026-01-02 first_paid 2026-01-03T00:00:00.000Z per_day 0.1 total none matures_at none
        prospect  alice term 100                   | value_date 2026-01-02 first_paid 2026-02-01T00:00:00.000Z per_day 0.1 total 3 matures_at 2026-02-01T00:00:00.000Z
        prospect  alice every 100                  | value_date 2026-01-02 first_paid 2026-01-09T00:00:00.000Z total 3
        prospect  alice tail 100                   | first_paid 2026-02-01T00:00:00.000Z
        prospect  alice term 0                     | amount_invalid
        day       2026-01-02 00:00
        prospect  alice flex 100                   | value_date 2026-01-02 first_paid 2026-01-03T00:00:00.000Z
        prospect  alice term 0.000000001           | per_day 0 total 0
        ",
    );
}

/// What a name may hold is asked when it is given; a log of before that was asked is read as it is.
#[test]
fn a_name_that_is_refused_today_is_read_from_an_old_log() {
    let at = Timestamp::from_ms(1_767_225_600_000);
    let mut engine = Engine::new(ClockMode::Simulated, 0, at);
    let turned = "\u{202e}desrever";
    let asked = asset::create_asset(&engine.state, "OLD", turned, 9, 4);
    assert!(matches!(asked, Err(Rejection::TermsInvalid { .. })), "{asked:?}");
    let created = AssetCreated { symbol: "OLD".into(), name: turned.into(), decimals: 9, display_decimals: 4 };
    apply::apply(&mut engine.state, &Event::AssetCreated(created), at);
    assert_eq!(engine.state.registry.assets.iter().map(|asset| asset.name.as_str()).collect::<Vec<_>>(), [turned]);
}
