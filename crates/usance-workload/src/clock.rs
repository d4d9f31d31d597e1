//! How time goes: to the instants where something may break, and, on a simulated clock, by command.

use crate::dice::Dice;
use crate::workload::Workload;
use usance_core::calendar::Timestamp;
use usance_core::machine::Command;

/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 86_400_000;

impl Workload<'_> {
    /// How far time goes at a step: not at all, a little, to the first instant of another day or of a sale or its end, or
    /// beside it, or far.
    pub fn later(&self, dice: &mut Dice<'_>, now: Timestamp) -> Timestamp {
        let now = now.ms();
        let start = |days: u8| self.situation.first_instant(self.situation.today().plus_days(i32::from(days))).ms();
        let at = match dice.below(20) {
            16..=18 => {
                let offers = (0..self.situation.offers()).filter_map(|number| self.situation.offer(number));
                let edges = offers.flat_map(|offer| [offer.opens_at, offer.closes_at]).flatten().map(Timestamp::ms);
                let ahead: Vec<i64> = edges.filter(|at| *at >= now).collect();
                ahead.get(dice.index(ahead.len())).map_or(now, |at| at + dice.one_of(&[0, 0, -1, 1]))
            }
            0..=4 => now,
            5..=6 => now + i64::from(dice.large()),
            7..=8 => start(1),
            9 => start(1) + 1,
            10 => start(1) - 1,
            11 => start(0) + DAY_MS / 256 * i64::from(dice.byte()),
            12 => start(dice.below(2) + 2),
            13 => start(dice.below(3) + 1) + DAY_MS / 256 * i64::from(dice.byte()),
            14 => start(dice.below(4)),
            _ => start(dice.below(32)),
        };
        Timestamp::from_ms(at.max(now))
    }

    /// Somebody moves the simulated clock: nowhere, by days, back, or further than it may go.
    pub(crate) fn clock_move(&self, dice: &mut Dice<'_>) -> Command {
        let days = dice.one_of(&[0, 1, 6, -1, 3_661]);
        let to = self.situation.now().ms() + DAY_MS * days;
        Command::MoveClock { to: Timestamp::from_ms(to.max(0)) }
    }
}
