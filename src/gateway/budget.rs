//! Memory for what is on its way to readers, who may be slow: so much in all. Whoever wants more than is left waits until
//! others have read.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is smaller than this is not counted; what is larger is, in multiples.
const UNIT: u64 = 64 << 10;

/// What is left.
pub(super) struct Budget {
    units: Arc<Semaphore>,
    all: u32,
}

/// A part of it, for as long as it is held.
pub(super) struct Part(Option<OwnedSemaphorePermit>);

impl Budget {
    pub(super) fn new(bytes: u64) -> Self {
        let all = units(bytes).max(1);
        Self { units: Arc::new(Semaphore::new(all as usize)), all }
    }

    /// Room for something that takes so many bytes at the most. What is larger than all there is takes all.
    pub(super) async fn take(&self, bytes: u64) -> Part {
        match units(bytes).min(self.all) {
            0 => Part(None),
            // It is never closed.
            units => Part(self.units.clone().acquire_many_owned(units).await.ok()),
        }
    }
}

impl Part {
    /// Whether it is any.
    pub(super) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// It turned out to take no more than that.
    pub(super) fn shrink(&mut self, bytes: usize) {
        let units = units(bytes as u64) as usize;
        if let Some(permit) = &mut self.0 {
            let excess = permit.num_permits().saturating_sub(units);
            drop(permit.split(excess));
        }
        self.0.take_if(|permit| permit.num_permits() == 0);
    }
}

fn units(bytes: u64) -> u32 {
    u32::try_from(bytes / UNIT).unwrap_or(u32::MAX >> 4).min(u32::MAX >> 4)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn whoever_wants_more_than_is_left_waits_until_others_have_read() {
        let budget = Budget::new(10 * UNIT);
        let mut first = budget.take(8 * UNIT).now_or_never().unwrap();
        assert!(budget.take(4 * UNIT).now_or_never().is_none());
        assert!(budget.take(UNIT / 2).now_or_never().is_some_and(|part| !part.is_some()));
        first.shrink(UNIT as usize);
        let second = budget.take(4 * UNIT).now_or_never();
        assert!(second.is_some());
        drop((first, second));
        assert!(budget.take(1_000 * UNIT).now_or_never().is_some(), "it takes all there is");
    }
}
