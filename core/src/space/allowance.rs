//! How much a peer may still say without being asked.

use super::limits::{Limits, Objection, Rate};
use crate::clock::SteadyTime;

/// What a frame of somebody who is no member counts as: answering one may take the checking of signatures, and the
/// whole roster.
pub const STRANGER_COST: u64 = 1_000;

/// What is left to a connected peer.
#[derive(Debug)]
pub(super) struct Allowance {
    entries: Tokens,
    bytes: Tokens,
}

/// Tokens, which come back at a rate.
#[derive(Debug)]
pub struct Tokens {
    left: u64,
    since: SteadyTime,
}

impl Allowance {
    pub(super) fn new(limits: &Limits, now: SteadyTime) -> Self {
        let full = |rate| Tokens::full(rate, now);
        Self { entries: full(limits.entry_rate), bytes: full(limits.byte_rate) }
    }

    /// Takes from what is left.
    pub(super) fn take(
        &mut self,
        limits: &Limits,
        (entries, bytes): (u64, u64),
        now: SteadyTime,
    ) -> Result<(), Objection> {
        let (entry_rate, byte_rate) = (limits.entry_rate, limits.byte_rate);
        match self.entries.take(entries, entry_rate, now) && self.bytes.take(bytes, byte_rate, now)
        {
            true => Ok(()),
            false => Err(Objection::TooFast {
                entries: entry_rate.per_second,
                bytes: byte_rate.per_second,
            }),
        }
    }
}

impl Tokens {
    /// As many as there can be.
    pub fn full(rate: Rate, now: SteadyTime) -> Self {
        Self { left: rate.burst, since: now }
    }

    /// Whether there are as many as there can be.
    pub fn is_full(&mut self, rate: Rate, now: SteadyTime) -> bool {
        self.refill(rate, now);
        self.left == rate.burst
    }

    /// Takes so much, if it is there.
    pub fn take(&mut self, cost: u64, rate: Rate, now: SteadyTime) -> bool {
        self.refill(rate, now);
        match self.left.checked_sub(cost) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    /// Takes as much of it as is there, and gives the rest.
    pub fn drain(&mut self, cost: u64, rate: Rate, now: SteadyTime) -> u64 {
        self.refill(rate, now);
        let taken = cost.min(self.left);
        self.left -= taken;
        cost - taken
    }

    fn refill(&mut self, rate: Rate, now: SteadyTime) {
        let back = now.since(self.since).as_nanos() * u128::from(rate.per_second) / 1_000_000_000;
        // Where nothing came back yet, the time goes on counting.
        if back > 0 {
            let back = u64::try_from(back).unwrap_or(u64::MAX);
            self.left = self.left.saturating_add(back).min(rate.burst);
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use quickcheck::quickcheck;

    use super::*;

    const RATE: Rate = Rate { per_second: 1_000, burst: 5_000 };

    fn at(micros: u64) -> SteadyTime {
        SteadyTime(Duration::from_micros(micros))
    }

    quickcheck! {
        fn nobody_gets_more_than_the_burst_and_what_came_back(steps: Vec<(u16, u16)>) -> bool {
            let mut tokens = Tokens { left: RATE.burst, since: at(0) };
            let (mut now, mut taken) = (0, 0);
            for (pause, cost) in steps {
                now += u64::from(pause);
                taken += if tokens.take(cost.into(), RATE, at(now)) { u64::from(cost) } else { 0 };
            }
            taken <= RATE.burst + now / 1_000
        }

        fn whoever_keeps_to_the_rate_is_never_refused(rounds: u8) -> bool {
            let mut tokens = Tokens { left: 0, since: at(0) };
            (1..=u64::from(rounds)).all(|round| tokens.take(1, RATE, at(round * 1_000)))
        }
    }
}
