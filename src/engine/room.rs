//! Whether there is room on the disk, looked at before it is too late.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use driftline_storage::{SledEngine, Store};

/// When less than this is free, nothing more is taken in. What was taken in by then is still written: a database that
/// meets the end of the disk has to be opened anew.
const RESERVE_BYTES: u64 = 32 << 20;

/// So much more has to be free before it goes on, lest it stop and go at the edge.
const RELIEF_BYTES: u64 = 8 << 20;

/// How often the disk is looked at, at the most.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The room on the disk, for everybody who is about to take something in.
pub(crate) struct Room {
    store: Arc<Store<SledEngine>>,
    /// Whether the disk was full when it was last looked at, and when that was.
    looked: Mutex<(bool, Option<Instant>)>,
}

impl Room {
    pub(crate) fn of(store: &Arc<Store<SledEngine>>) -> Arc<Self> {
        Arc::new(Self { store: store.clone(), looked: Mutex::new((false, None)) })
    }

    /// Whether nothing more is to be taken in.
    pub(crate) fn is_full(&self) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let (full, at) = *looked;
        if at.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return full;
        }
        let wanted = if full { RESERVE_BYTES + RELIEF_BYTES } else { RESERVE_BYTES };
        let full = self.store.free_bytes().is_some_and(|free| free < wanted);
        *looked = (full, Some(Instant::now()));
        full
    }
}
