//! How fast the frames of one peer are taken.

use std::time::{Duration, Instant};

/// The time from one frame to the next, where there always is one. What comes live is joined by its sender, to about one
/// frame in 2 ms for each document; who has more to say than fits falls behind, and catches up in large frames.
const STEP: Duration = Duration::from_micros(500);

/// How many frames may be taken before their time.
const AHEAD: u32 = 256;

/// How far a peer's frames are ahead of an even pace.
pub(super) struct Pace {
    /// When the next frame would come if all had come evenly.
    due: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { due: now }
    }

    /// How long until the next frame may be taken.
    pub(super) fn pause(&self, now: Instant) -> Duration {
        self.due.saturating_duration_since(now + STEP * AHEAD)
    }

    /// A frame is taken.
    pub(super) fn step(&mut self, now: Instant) {
        self.due = self.due.max(now) + STEP;
    }

    /// Whether all has come that was due, so that a new one would be the same.
    pub(super) fn is_even(&self, now: Instant) -> bool {
        self.due <= now
    }
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;

    use super::*;

    quickcheck! {
        fn whoever_sends_without_a_break_is_heard_at_an_even_pace(breaks: Vec<u16>) -> bool {
            let start = Instant::now();
            let (mut now, mut taken, mut pace) = (start, 0, Pace::new(start));
            for pause in breaks {
                now += Duration::from_micros(pause.into());
                while pace.pause(now).is_zero() {
                    pace.step(now);
                    taken += 1;
                }
            }
            // One more, since what is due at this moment may be taken.
            taken <= AHEAD + 1 + (now - start).div_duration_f64(STEP) as u32
        }

        fn after_the_pause_it_names_the_next_may_be_taken(taken: u16) -> bool {
            let now = Instant::now();
            let mut pace = Pace::new(now);
            (0..taken).for_each(|_| pace.step(now));
            let pause = pace.pause(now);
            let early = Duration::from_nanos(1);
            pace.pause(now + pause).is_zero() && (pause.is_zero() || !pace.pause(now + pause - early).is_zero())
        }
    }
}
