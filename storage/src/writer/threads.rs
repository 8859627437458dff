//! What the writing thread and the saving thread do.

use std::sync::{Arc, Mutex, PoisonError};

use super::queue::Queue;
use super::{Progress, WriteNumber};
use crate::engine::Engine;
use crate::record::Record;
use crate::store::{Store, StoreError};

/// Who is told of progress, one call at a time.
pub(super) type Report = Arc<Mutex<Box<dyn Fn(Progress) + Send>>>;

/// Writes what waits, in order, until the queue is closed and empty.
pub(super) fn write_all<E: Engine>(queue: &Queue<E>, store: &Store<E>, report: &Report) {
    let _ending = Ending { queue };
    let mut written = WriteNumber(0);
    while let Some(group) = queue.next_group() {
        if group.last > written {
            match write(store, &group.records) {
                Ok(()) => {
                    // In this order: a number must not be reported as saved before it is as written.
                    written = group.last;
                    tell(report, Progress::Written(written));
                    queue.wrote(written);
                }
                Err(error) => fail(queue, report, error),
            }
        }
        if let Some(job) = group.job {
            job(store);
        }
    }
    queue.drained();
}

/// Saves what was written, each time as much as there is, until nothing more will be.
pub(super) fn save_all<E: Engine>(queue: &Queue<E>, store: &Store<E>, report: &Report) {
    let _ending = Ending { queue };
    let mut saved = WriteNumber(0);
    while let Some(written) = queue.next_to_save(saved) {
        match store.save() {
            Ok(()) => {
                saved = written;
                tell(report, Progress::Saved(saved));
            }
            Err(error) => fail(queue, report, error),
        }
    }
}

fn write<E: Engine>(store: &Store<E>, records: &[Record]) -> Result<(), StoreError> {
    store.append(records)?;
    store.write()
}

fn fail<E: Engine>(queue: &Queue<E>, report: &Report, error: StoreError) {
    let cause = match error {
        StoreError::Broken { cause } => cause,
        other => Arc::new(other),
    };
    if queue.fail(&cause) {
        tracing::error!(error = &*cause as &dyn std::error::Error, "the store takes nothing more");
        tell(report, Progress::Failed(cause));
    }
}

fn tell(report: &Report, progress: Progress) {
    report.lock().unwrap_or_else(PoisonError::into_inner)(progress);
}

/// Ends the other thread too when this one panics in a job or a report, so that nobody waits for ever.
struct Ending<'a, E: Engine> {
    queue: &'a Queue<E>,
}

impl<E: Engine> Drop for Ending<'_, E> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.queue.drained();
        }
    }
}
