//! The gate of a document that an app edits while others' entries come in.

use std::mem::take;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use super::Gate;

/// A gate to be locked before the document is: what it lets through has to reach yrs in the same order.
#[derive(Default)]
pub(in crate::document) struct SharedGate {
    gate: Mutex<Gate>,
    /// What was written here, and the gate has not heard of.
    written: Mutex<Vec<Vec<u8>>>,
}

impl SharedGate {
    /// The gate, which has heard of all that was written here.
    pub(in crate::document) fn lock(&self) -> MutexGuard<'_, Gate> {
        let mut gate = lock(&self.gate);
        self.tell(&mut gate);
        gate
    }

    /// Hears of an edit that was made here, while the document is locked. So it does not wait for the gate: whoever
    /// has that may be waiting for the document.
    pub(in crate::document) fn hear(&self, update: &[u8]) {
        lock(&self.written).push(update.to_vec());
        match self.gate.try_lock() {
            Ok(mut gate) => self.tell(&mut gate),
            Err(TryLockError::Poisoned(gate)) => self.tell(&mut gate.into_inner()),
            Err(TryLockError::WouldBlock) => {}
        }
    }

    fn tell(&self, gate: &mut Gate) {
        take(&mut *lock(&self.written)).iter().for_each(|update| gate.record(update));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Where yrs panics while it is locked, the document is not used any more.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
