//! The rules as tables that can be read aloud: what a customer or operator asks, and what they see.
//!
//! How a line reads is in `table`. Most products pay 36.5 %, which is a tenth of a per cent a day, so that every figure
//! can be checked in the head. Where a bug was found its row stays.

use crate::table::check;

// --- what earns (RULES 3) ---

#[test]
fn an_amount_counts_from_its_value_date() {
    check(
        "
        day       2026-01-01 00:00
        product   flex flexible 36.5%
        deposit   alice SOL 300 funding
        deposit   bob SOL 100 funding
        subscribe alice flex 100 funding           | position 1 value_date 2026-01-01   # the first instant counts
        day       2026-01-01 00:00:00.001
        subscribe bob flex 100 funding             | position 2 value_date 2026-01-02   # a millisecond later does not
        position  1                                | active earning 100 pending 0 next_paid 2026-01-02T00:00:00.000Z
        position  2                                | active earning 0 pending 100 next_paid 2026-01-03T00:00:00.000Z
        day       2026-01-02 00:00
        balance   alice SOL                        | funding 200.1
        balance   bob SOL                          | funding 0
        day       2026-01-03 00:00
        balance   bob SOL                          | funding 0.1
        rewards   1                                | days 2 2026-01-01 0.1 2026-01-02 0.1
        rewards   2                                | days 1 2026-01-02 0.1
        books     SOL                              | custody 400 reward_pool -0.3 customer_principal 200 customer_funding 200.3
        ",
    );
}

#[test]
fn shorter_than_one_complete_day_earns_nothing() {
    check(
        "
        day       2026-01-01 00:00:00.001
        product   flex flexible 36.5%
        deposit   alice SOL 100 funding
        subscribe alice flex 100 funding
        day       2026-01-02 23:59:59.999
        redeem    alice 1                          | payout 100
        day       2026-01-05 00:00
        position  1                                | redeemed distributed 0
        balance   alice SOL                        | funding 100
        ",
    );
}

#[test]
fn a_redemption_at_the_first_instant_still_earned_the_day_before() {
    check(
        "
        day       2026-01-01 12:00
        product   flex flexible 36.5%
        deposit   alice SOL 100 funding
        subscribe alice flex 100 funding
        day       2026-01-03 00:00
        redeem    alice 1                          | payout 100 to_funding 100
        balance   alice SOL                        | funding 100.1 principal 0
        rewards   1                                | days 1 2026-01-02 0.1
        ",
    );
}

#[test]
fn the_day_is_the_platforms() {
    check(
        "
        offset    480
        day       2026-01-01 15:59:59.999                        # a millisecond before 2 January, 00:00 +08:00
        product   flex flexible 36.5%
        deposit   alice SOL 200 funding
        subscribe alice flex 100 funding           | value_date 2026-01-02
        day       2026-01-01 16:00
        subscribe alice flex 100 funding           | value_date 2026-01-02
        position  1                                | earning 200 pending 0
        day       2026-01-02 16:00
        balance   alice SOL                        | funding 0.2
        ",
    );
}

#[test]
fn a_top_up_waits_alone() {
    check(
        "
        day       2026-01-01 12:00
        product   flex flexible 36.5%
        deposit   alice SOL 300 funding
        subscribe alice flex 100 funding           | position 1 value_date 2026-01-02
        day       2026-01-03 12:00
        subscribe alice flex 200 funding           | position 1
        position  1                                | earning 100 pending 200 principal 300
        day       2026-01-06 00:00
        rewards   1                                | days 4 2026-01-02 0.1 2026-01-03 0.1 2026-01-04 0.3 2026-01-05 0.3
        position  1                                | earning 300 pending 0 distributed 0.8
        ",
    );
}

#[test]
fn a_redemption_takes_what_waits_first() {
    check(
        "
        day       2026-01-01 12:00
        product   flex flexible 36.5%
        deposit   alice SOL 200 funding
        subscribe alice flex 100 funding
        day       2026-01-03 12:00
        subscribe alice flex 100 funding
        redeem    alice 1 60                       | payout 60
        position  1                                | earning 100 pending 40
        redeem    alice 1 60                       | payout 60
        position  1                                | earning 80 pending 0
        day       2026-01-04 00:00
        rewards   1                                | 2026-01-03 0.08
        redeem    alice 1 80.000000001             | above_principal principal 80
        redeem    alice 1 80                       | payout 80
        position  1                                | redeemed returned 200
        redeem    alice 1                          | position_closed
        deposit   alice SOL 1 funding
        subscribe alice flex 1 funding             | position 2                         # an emptied position stays closed
        ",
    );
}

#[test]
fn dust_is_carried_and_dropped_when_the_position_empties() {
    check(
        "
        day       2026-01-01 00:00
        product   flex flexible 1%
        deposit   alice SOL 0.000002739 funding                  # 0.075041 units a day: the first whole one on day 14
        subscribe alice flex 0.000002739 funding
        day       2026-01-14 00:00
        position  1                                | distributed 0
        day       2026-01-15 00:00
        position  1                                | distributed 0.000000001
        day       2027-01-01 00:00
        position  1                                | distributed 0.000000027
        redeem    alice 1
        subscribe alice flex 0.000002739 funding   | position 2
        day       2027-01-14 00:00
        position  2                                | distributed 0
        day       2027-01-15 00:00
        position  2                                | distributed 0.000000001
        ",
    );
}

#[test]
fn tiers_are_marginal_per_position() {
    check(
        "
        day       2026-01-01 00:00
        product   tiered flexible 73%<10,36.5%<100,3.65%
        deposit   alice SOL 210 funding
        deposit   bob SOL 10 funding
        subscribe alice tiered 110 funding
        subscribe bob tiered 10 funding
        position  1                                | rate 0.36831818                    # (10 * 73 + 90 * 36.5 + 10 * 3.65) / 110
        offer     tiered                           | reference 0.73000000
        prospect  alice tiered 100                 | per_day 0.01 apr 0.03650000        # all of it in the last band
        prospect  carol tiered 100                 | per_day 0.11
        day       2026-01-02 00:00
        rewards   1                                | 2026-01-01 0.111                   # 0.02 + 0.09 + 0.001
        rewards   2                                | 2026-01-01 0.02
        product   bad flexible 5%<10,4%<10,3%      | terms_invalid
        product   bad flexible 5%<10               | terms_invalid
        product   bad flexible 5%<0,1%             | amount_invalid field up_to
        ",
    );
}

#[test]
fn a_settled_rate_caps_every_band_of_its_day() {
    check(
        "
        day       2026-01-01 00:00
        product   tiered flexible 73%<10,36.5%
        product   locked flexible 36.5% locked
        deposit   alice SOL 200 funding
        subscribe alice tiered 100 funding
        subscribe alice locked 100 funding
        settle    tiered 2026-01-01 73.00000100%   | rate_above_reference reference 0.73000000
        settle    tiered 2026-01-01 50%                          # caps the first band only
        settle    tiered 2026-01-02 3.65%
        settle    tiered 2026-01-02 7.3%                         # set again before its close
        settle    locked 2026-01-02 0%
        position  1                                | rate 0.37850000
        day       2026-01-04 00:00
        settle    tiered 2026-01-03 1%             | day_closed open_day 2026-01-04
        rewards   1                                | 2026-01-01 0.10369863 2026-01-02 0.02 2026-01-03 0.11
        rewards   2                                | 2026-01-01 0.1 2026-01-02 0.1 2026-01-03 0.1
        ",
    );
}

#[test]
fn a_cap_meets_the_reference_in_force_at_the_close() {
    check(
        "
        day       2026-01-01 00:00
        product   flex flexible 36.5%
        deposit   alice SOL 100 funding
        subscribe alice flex 100 funding
        settle    flex 2026-01-02 30%
        announce  flex 2026-01-02 3.65%                          # now the cap is above the reference
        day       2026-01-03 00:00
        rewards   1                                | 2026-01-01 0.1 2026-01-02 0.01
        ",
    );
}

#[test]
fn rates_change_on_announced_days_only() {
    check(
        "
        day       2026-01-01 12:00
        product   flex flexible 36.5%
        product   term fixed:5 36.5% daily
        deposit   alice SOL 200 funding
        subscribe alice flex 100 funding
        subscribe alice term 100 funding
        announce  flex 2026-01-01 10%              | rate_not_future earliest 2026-01-02
        announce  flex 2026-01-03 10%
        announce  flex 2026-01-03 73%                            # the same day again replaces it
        announce  term 2026-01-02 73%                            # announced for its value date, and yet locked
        offer     flex                             | reference 0.36500000 next_rate 2026-01-03
        day       2026-01-04 00:00
        rewards   1                                | 2026-01-02 0.1 2026-01-03 0.2
        rewards   2                                | 2026-01-02 0.1 2026-01-03 0.1
        announce  nothing 2026-02-01 1%            | product_not_found
        ",
    );
}

#[test]
fn a_top_up_of_a_locked_position_earns_and_promises_the_rate_it_is_locked_to() {
    check(
        "
        day       2026-01-01 00:00
        product   flex flexible 36.5% locked
        deposit   alice SOL 300 funding
        subscribe alice flex 100 funding
        announce  flex 2026-01-02 73%
        day       2026-01-02 00:00
        prospect  bob flex 100                     | per_day 0.2 apr 0.73000000         # a newcomer locks today's
        prospect  alice flex 100                   | per_day 0.1 apr 0.36500000         # hers is locked already
        subscribe alice flex 100 funding           | position 1
        day       2026-01-03 00:00
        rewards   1                                | 2026-01-01 0.1 2026-01-02 0.2
        ",
    );
}

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
        subscribe alice term 1 funding renew            | position 1 agreement 0
        agreement v2
        subscribe alice flex 1 funding                  | agreement_not_accepted in_force v2
        subscribe alice flex 1 funding agreement v2     | position 2 agreement 1
        day       2026-01-04 00:00
        position  1                                     | renewed renewed_into 3
        position  3                                     | agreement 0 auto_renew on     # under the agreement first accepted
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

// --- distribution (RULES 7) ---

#[test]
fn a_fixed_term_pays_on_its_distribution_days_and_at_maturity() {
    check(
        "
        day       2026-01-01 12:00
        product   every fixed:5 36.5% every 2
        product   end fixed:5 36.5%
        deposit   alice SOL 200 funding
        subscribe alice every 100 funding
        subscribe alice end 100 funding
        position  1                                | k 0 next_paid 2026-01-04T00:00:00.000Z
        day       2026-01-03 00:00
        position  1                                | k 2 accrued 0.1 distributed 0
        day       2026-01-04 00:00
        position  1                                | k 3 accrued 0 distributed 0.2 next_paid 2026-01-06T00:00:00.000Z
        day       2026-01-06 12:00
        position  1                                | k 5 distributed 0.4 next_paid 2026-01-07T00:00:00.000Z
        position  2                                | k 5 accrued 0.4 distributed 0 matures_at 2026-01-07T00:00:00.000Z
        books     SOL                              | rewards_payable 0.4 reward_pool -0.8
        day       2026-01-07 00:00
        position  1                                | matured k 5 distributed 0.5 principal 0 returned 100 next_paid none
        position  2                                | matured k 5 distributed 0.5 accrued 0
        balance   alice SOL                        | funding 201 principal 0
        books     SOL                              | rewards_payable 0 reward_pool -1 customer_principal 0
        ",
    );
}

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
        change    term max none min 4
        day       2026-01-22 00:00                               # below the minimum nothing goes on
        position  3                                | matured renewed_into none returned 3.5
        balance   alice SOL                        | spot 4 funding 6.224
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

// --- the clock (RULES 2) ---

#[test]
fn a_simulated_clock_goes_forward_and_not_too_far() {
    check(
        "
        day        2026-01-01 12:00
        product    flex flexible 36.5%
        deposit    alice SOL 100 funding
        subscribe  alice flex 100 funding
        move-clock 2026-01-01 11:59:59.999         | clock_backwards now 2026-01-01T12:00:00.000Z
        move-clock 2026-01-01 12:00                | ok                                 # to now is fine
        move-clock 2036-01-09 12:00:00.001         | clock_move_too_far latest 2036-01-09T12:00:00.000Z
        move-clock 2026-01-04 00:00                | ok
        balance    alice SOL                       | funding 0.2
        move-clock 2026-01-03 23:59:59.999         | clock_backwards
        rewards    1                               | days 2
        ",
    );
}

#[test]
fn a_system_clock_is_not_moved() {
    check(
        "
        system-clock
        day        2026-01-01 12:00
        move-clock 2026-01-02 12:00                | clock_not_simulated
        ",
    );
}

#[test]
fn missed_days_are_closed_each_with_its_own_rate() {
    check(
        "
        day       2026-01-01 12:00
        product   flex flexible 36.5%
        deposit   alice SOL 100 funding
        subscribe alice flex 100 funding
        announce  flex 2026-01-03 73%
        announce  flex 2026-01-04 3.65%
        settle    flex 2026-01-05 0%
        day       2026-01-07 18:00
        rewards   1                                | days 5 2026-01-02 0.1 2026-01-03 0.2 2026-01-04 0.01 2026-01-05 0 2026-01-06 0.01
        ",
    );
}
