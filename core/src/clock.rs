//! Time as core is told it: two readings that come in with every event.

use std::ops::Add;
use std::time::Duration;

use bincode::{Decode, Encode};

/// What the clocks showed when an event happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The wall clock, which may be a year off and may jump.
    pub wall: WallTime,
    /// A clock that only goes forward; it means nothing on another device or after a restart.
    pub steady: SteadyTime,
}

/// Milliseconds since 1970, as the device believes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, serde::Serialize,
)]
#[serde(transparent)]
pub struct WallTime(pub u64);

impl Add<Duration> for WallTime {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// Time since some moment of this run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SteadyTime(pub Duration);

impl SteadyTime {
    /// How long ago `earlier` was; zero if it was not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for SteadyTime {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}
