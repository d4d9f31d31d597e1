//! What earns, when it is paid, and the clock that closes the days (RULES 2, 3, 7).

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
        move-clock 2036-01-12 00:00                | ok                                 # 3,660 days are not too far
        ",
    );
}

#[test]
fn a_system_clock_is_confirmed_and_not_moved() {
    check(
        "
        system-clock
        day        2026-01-01 12:00
        move-clock 2026-01-02 12:00                | clock_not_simulated
        confirm-clock 2026-03-01 12:00             | ok through 2026-03-01
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
