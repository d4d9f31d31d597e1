//! The clocks of a simulated machine: a wall clock that may be set, and a steady one that only counts.
//!
//! The product's own trust in the wall clock (`ClockTrust`) is held, at every reading, against what the rule says (RULES 2), told here
//! once more in a few lines of its own.

use crate::auditor::ClockSays;
use crate::compare::{Found, equal};
use usance_core::calendar::Timestamp;
use usance_core::machine::clock_trust::ClockTrust;
use usance_core::machine::present::ClockReading;

const MINUTE_MS: i64 = 60_000;
/// Less than the life of a key, which is 48 hours.
const ALONE_MS: i64 = 48 * 60 * MINUTE_MS - 1;

/// The clocks of one machine, and what its process knows of the time.
#[derive(Clone, Debug)]
pub struct MachineClock {
    /// What the wall clock says.
    pub wall: i64,
    steady: i64,
    trust: ClockTrust,
    /// When the wall clock was last known to be right: what both clocks said.
    known: Option<(i64, i64)>,
    /// The latest of what others once said.
    told: i64,
}

impl MachineClock {
    /// Clocks of a machine that was just switched on.
    #[must_use]
    pub fn at(wall: i64) -> Self {
        MachineClock { wall, steady: 0, trust: ClockTrust::default(), known: None, told: i64::MIN }
    }

    /// Time passes, up to what the wall clock then says.
    pub fn pass_to(&mut self, wall: i64) {
        self.steady += (wall - self.wall).max(0);
        self.wall = wall;
    }

    /// Somebody sets the wall clock.
    pub fn set(&mut self, wall: i64) {
        self.wall = wall;
    }

    /// The process ends, and what it knew with it.
    pub fn forget(&mut self) {
        (self.trust, self.known, self.told) = (ClockTrust::default(), None, i64::MIN);
    }

    /// An operator says that the wall clock is right.
    pub fn confirm(&mut self) {
        self.trust.confirm(Timestamp::from_ms(self.wall), self.steady);
        self.known = Some((self.wall, self.steady));
    }

    /// What the time must be, as far as the process knows.
    #[must_use]
    pub fn known(&self) -> Option<i64> {
        self.known.map(|(wall, steady)| wall + self.steady - steady)
    }

    /// The writer says what the time is; it is there, or it was once.
    pub fn hear(&mut self, said: i64, stamped: i64, is_there: bool) {
        if is_there {
            self.trust.hear(Timestamp::from_ms(said), self.steady, Timestamp::from_ms(stamped));
            if said + 5 * MINUTE_MS < stamped {
                return;
            }
            self.known = Some((said, self.steady));
        } else {
            self.trust.learn(Timestamp::from_ms(said));
            self.told = self.told.max(said);
        }
    }

    /// Reads the clock for a platform that was last stamped at an instant.
    ///
    /// # Errors
    /// When more or less is believed than the rule says.
    pub fn read(&mut self, stamped: i64) -> Result<(ClockReading, ClockSays), Found> {
        let reading = self.trust.read(Timestamp::from_ms(self.wall), self.steady, Timestamp::from_ms(stamped));
        let believed = match self.known {
            Some((wall, steady)) => wall + (self.steady - steady) + 5 * MINUTE_MS,
            None => stamped.max(self.told) + ALONE_MS,
        };
        // An hour later it is learnt anew, and a clock that is behind teaches nothing.
        let teaches = match self.known {
            Some((_, steady)) => self.steady - steady >= 60 * MINUTE_MS && self.wall >= believed - 10 * MINUTE_MS,
            None => self.wall >= believed - ALONE_MS,
        };
        if teaches && self.wall <= believed {
            self.known = Some((self.wall, self.steady));
        }
        equal("the latest that a clock may say", believed, reading.believed.ms())?;
        Ok((reading, ClockSays { says: self.wall, believed }))
    }
}
