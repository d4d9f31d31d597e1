//! What a customer is shown before it is booked: today's reward as it grows, what a kept term brings, the most that can
//! be subscribed (RULES 3, 6, 7).

use crate::table::check;

// --- today, and how much of it is over (RULES 2, 3) ---

#[test]
fn todays_reward_grows_from_nothing_to_what_the_close_gives() {
    check(
        "
        day       2026-01-01 12:00
        product   flex flexible 36.5%
        deposit   alice SOL 300 funding
        subscribe alice flex 100 funding
        outlook   1                                | today 0 so_far 0 if_kept none     # its value date is tomorrow
        day       2026-01-02 00:00
        outlook   1                                | today 0.1 so_far 0
        day       2026-01-02 06:00
        outlook   1                                | today 0.1 so_far 0.025
        subscribe alice flex 100 funding
        day       2026-01-02 18:00
        outlook   1                                | today 0.1 so_far 0.075            # what was added waits
        day       2026-01-02 23:59:59.999
        outlook   1                                | today 0.1 so_far 0.099999998
        day       2026-01-03 00:00
        outlook   1                                | today 0.2 so_far 0
        position  1                                | distributed 0.1
        settle    flex 2026-01-03 18.25%
        outlook   1                                | today 0.1                         # a settled rate caps it
        day       2026-01-03 12:00
        outlook   1                                | today 0.1 so_far 0.05
        redeem    alice 1 100
        outlook   1                                | today 0.05 so_far 0.025           # less stays for the whole day
        redeem    alice 1
        outlook   1                                | today 0 so_far 0 if_kept none
        day       2026-01-04 00:00
        position  1                                | redeemed distributed 0.1
        ",
    );
}

#[test]
fn the_carry_is_part_of_todays_reward() {
    check(
        "
        day       2026-01-01 00:00
        product   flex flexible 1%
        deposit   alice SOL 0.000002739 funding
        subscribe alice flex 0.000002739 funding
        day       2026-01-13 12:00
        outlook   1                                | today 0                           # 12 days of 0.075 base units
        day       2026-01-14 12:00
        outlook   1                                | today 0.000000001 so_far 0
        day       2026-01-15 12:00
        outlook   1                                | today 0
        position  1                                | distributed 0.000000001
        ",
    );
}

#[test]
fn the_day_of_an_estimate_is_the_platforms() {
    check(
        "
        offset    480
        day       2026-01-01 16:00                                                     # 00:00 of 2 January there
        product   flex flexible 36.5%
        deposit   alice SOL 100 funding
        subscribe alice flex 100 funding
        outlook   1                                | today 0.1 so_far 0
        day       2026-01-02 00:00
        outlook   1                                | today 0.1 so_far 0.033333333
        day       2026-01-02 15:59:59.999
        outlook   1                                | today 0.1 so_far 0.099999998
        day       2026-01-02 16:00
        outlook   1                                | today 0.1 so_far 0
        position  1                                | distributed 0.1
        ",
    );
    check(
        "
        offset    -210
        day       2026-01-01 03:30                                                     # 00:00 of 1 January there
        product   flex flexible 36.5%
        deposit   alice SOL 100 funding
        subscribe alice flex 100 funding
        outlook   1                                | today 0.1 so_far 0
        day       2026-01-01 15:30
        outlook   1                                | today 0.1 so_far 0.05
        day       2026-01-02 00:00
        outlook   1                                | today 0.1 so_far 0.085416666
        day       2026-01-02 03:30
        outlook   1                                | today 0.1 so_far 0
        position  1                                | distributed 0.1
        ",
    );
}

// --- a term that is kept (RULES 7) ---

#[test]
fn a_kept_term_brings_the_same_on_every_day_of_it() {
    check(
        "
        day       2026-01-01 12:00
        product   term fixed:3 36.5% every 2
        deposit   alice SOL 100 funding
        subscribe alice term 100 funding
        outlook   1                                | today 0 if_kept 0.3
        day       2026-01-02 12:00
        outlook   1                                | today 0.1 so_far 0.05 if_kept 0.3
        announce  term 2026-01-03 73%
        settle    term 2026-01-02 0%
        outlook   1                                | today 0.1 if_kept 0.3             # it is locked
        day       2026-01-03 12:00
        position  1                                | accrued 0.1 distributed 0
        outlook   1                                | if_kept 0.3
        day       2026-01-04 12:00
        position  1                                | accrued 0 distributed 0.2
        outlook   1                                | today 0.1 if_kept 0.3
        day       2026-01-05 00:00
        position  1                                | matured distributed 0.3
        outlook   1                                | today 0 if_kept none
        ",
    );
}

#[test]
fn a_floating_term_follows_what_is_announced_and_settled_by_now() {
    check(
        "
        day       2026-01-01 00:00
        product   term fixed:4 36.5% floating renewal on
        deposit   alice SOL 100 funding
        subscribe alice term 100 funding renew
        outlook   1                                | today 0.1 if_kept 0.4
        announce  term 2026-01-03 73%
        outlook   1                                | today 0.1 if_kept 0.6
        settle    term 2026-01-04 3.65%
        outlook   1                                | if_kept 0.41
        settle    term 2026-01-05 0%
        outlook   1                                | if_kept 0.41                      # the day after its last
        day       2026-01-04 12:00
        outlook   1                                | today 0.01 so_far 0.005 if_kept 0.41
        day       2026-01-05 00:00
        position  1                                | renewed distributed 0.41
        outlook   1                                | today 0 if_kept none
        outlook   2                                | today 0 if_kept 0.6               # 0 of today, then three days
        ",
    );
}

#[test]
fn what_an_early_exit_gave_up_is_no_longer_shown() {
    check(
        "
        day       2026-01-01 00:00
        product   term fixed:30 36.5% daily
        deposit   alice SOL 100 funding
        subscribe alice term 100 funding
        day       2026-01-04 12:00
        outlook   1                                | today 0.1 if_kept 3
        redeem    alice 1
        outlook   1                                | today 0 so_far 0 if_kept none
        ",
    );
}

// --- the most that can be subscribed (RULES 6) ---

#[test]
fn the_most_is_what_balance_and_every_limit_leave() {
    check(
        "
        day       2026-01-01 12:00
        product   flex flexible 5% min 1
        deposit   bob SOL 100 funding
        most      alice flex funding_then_spot     | amount 0                          # no account yet
        deposit   alice SOL 7.3 funding
        deposit   alice SOL 0.9 spot
        most      alice flex funding               | amount 7.3
        most      alice flex spot                  | amount 0                          # below the minimum
        most      alice flex funding_then_spot     | amount 8.2
        change    flex step 0.5
        most      alice flex funding               | amount 7
        most      alice flex funding_then_spot     | amount 8
        change    flex capacity 10
        subscribe bob flex 4 funding
        most      alice flex funding               | amount 6
        change    flex max 5.75
        most      alice flex funding               | amount 5.5
        subscribe alice flex 5 funding
        most      alice flex funding               | amount 0                          # 0.75 of the maximum are left
        change    flex min 0.5
        most      alice flex funding               | amount 0.5
        change    flex max 4
        most      alice flex funding_then_spot     | amount 0
        status    flex paused
        change    flex max none
        most      alice flex funding               | amount 1                          # whether it is on sale is not asked
        ",
    );
}

#[test]
fn the_most_keeps_a_position_within_ten_to_the_twenty_eighth() {
    check(
        "
        day       2026-01-01 00:00
        product   flex flexible 365%
        product   term fixed:7 5%
        deposit   alice SOL 1e19 funding                                               # 1e28 base units
        subscribe alice flex 9999999999999999999 funding
        most      alice flex funding               | amount 1
        day       2026-01-02 00:00
        balance   alice SOL                        | funding 100000000000000000.99
        most      alice flex funding               | amount 1
        subscribe alice flex 1.000000001 funding   | above_limit
        subscribe alice flex 1 funding
        most      alice flex funding_then_spot     | amount 0
        most      alice term funding               | amount 99999999999999999.99
        redeem    alice 1 to spot
        most      alice term funding_then_spot     | amount 10000000000000000000       # another position, up to the limit
        subscribe alice term 1e19 funding_then_spot
        most      alice term funding_then_spot     | amount 99999999999999999.99
        ",
    );
}
