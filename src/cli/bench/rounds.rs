//! Measuring several times, by turns: what disturbs the machine meanwhile then disturbs what is measured and what it
//! is held against alike.

use std::time::Duration;

/// The median of the times that a work took.
pub(super) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Does what yrs does alone on a thread of its own, as the device does it on one of its own: there, what else this
/// process keeps in memory is in nobody's way.
pub(super) fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join()).expect("it does not panic")
}
