//! The world's time, and what each device's clocks make of it.

use std::time::Duration;

use driftline_core::clock::{Now, SteadyTime, WallTime};

use crate::random::Dice;

/// Microseconds since the world began.
pub type Time = u64;

/// A millisecond of the world's time.
pub const MILLISECOND: Time = 1_000;

/// A second of the world's time.
pub const SECOND: Time = 1_000 * MILLISECOND;

/// The wall time at which the world begins, in milliseconds since 1970.
const BEGINNING: u64 = 1_790_000_000_000;

const YEAR: u64 = 365 * 24 * 3_600_000;

/// A device's clocks: the wall clock is off and may jump, the steady one begins again with the process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// By how much the wall clock is ahead of the world's beginning, in milliseconds.
    ahead: u64,
    started: Time,
}

impl Clock {
    /// The wall clock is set to something up to a year off.
    pub fn jump(&mut self, dice: &mut Dice) {
        self.ahead = dice.between(0..2 * YEAR);
    }

    /// The wall clock is set to a year behind, or a year ahead.
    pub fn set_off(&mut self, ahead: bool) {
        self.ahead = if ahead { 2 * YEAR } else { 0 };
    }

    /// The wall clock is set to be right.
    pub fn right() -> Self {
        Self { ahead: YEAR, started: 0 }
    }

    /// A process begins.
    pub fn restart(&mut self, now: Time) {
        self.started = now;
    }

    /// What the clocks show.
    pub fn read(&self, now: Time) -> Now {
        let wall = WallTime(BEGINNING - YEAR + self.ahead + now / MILLISECOND);
        let steady = SteadyTime(Duration::from_micros(now - self.started));
        Now { wall, steady }
    }

    /// When the steady clock will show that.
    pub fn world_time(&self, at: SteadyTime) -> Time {
        self.started + at.0.as_micros() as u64
    }
}
