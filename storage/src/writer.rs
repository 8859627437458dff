//! The order in which a device's changes reach its disk.

mod queue;
mod threads;

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::engine::Engine;
use crate::record::Record;
use crate::store::{Store, StoreError};
use queue::{Item, Queue};
use threads::Report;

/// How much may wait to be written before [`Writer::append`] blocks, in bytes.
pub const MAX_WAITING_BYTES: usize = 64 << 20;

/// What was appended, counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteNumber(pub u64);

/// How far things have come. Both numbers only grow, and a number is written before it is saved.
#[derive(Debug)]
pub enum Progress {
    /// Everything up to here survives the process.
    Written(WriteNumber),
    /// Everything up to here survives a loss of power.
    Saved(WriteNumber),
    /// Writing failed, and why. Reported once; nothing beyond what was reported before is promised.
    Failed(Arc<StoreError>),
}

/// Something to do with the store when everything appended before is written.
pub type Job<E> = Box<dyn FnOnce(&Store<E>) + Send>;

/// The threads that own the order of writing.
///
/// One takes all that waits, makes one batch of it and writes it; the other saves whatever has been
/// written meanwhile. So a slow drive delays neither the writing of the next edits nor their number in
/// one save.
#[derive(Debug)]
pub struct Writer<E: Engine> {
    queue: Arc<Queue<E>>,
    store: Arc<Store<E>>,
    threads: Vec<JoinHandle<()>>,
}

impl<E: Engine> Writer<E> {
    /// Starts the threads. `on_progress` is called from both, one at a time; the threads wait for it, so
    /// it should only pass the news on.
    ///
    /// # Errors
    /// If the system starts no more threads.
    pub fn start(
        store: Arc<Store<E>>,
        on_progress: impl Fn(Progress) + Send + 'static,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let report: Report = Arc::new(Mutex::new(Box::new(on_progress)));
        let mut writer = Self { queue, store, threads: Vec::new() };
        writer.spawn("store-writer", &report, threads::write_all)?;
        writer.spawn("store-saver", &report, threads::save_all)?;
        Ok(writer)
    }

    /// Hands over records to be written together, in the order of the calls. Returns at once, unless
    /// more than [`MAX_WAITING_BYTES`] wait: then it waits until there is room.
    ///
    /// # Errors
    /// [`StoreError::Broken`] after a failure, [`StoreError::Closed`] when the threads have ended.
    pub fn append(&self, records: Vec<Record>) -> Result<WriteNumber, StoreError> {
        self.queue.push(Item::Append(records))
    }

    /// Runs a job on the writer's thread when everything appended before is written, so that its reads
    /// see it. Jobs run also when the store is broken. A job must not wait for this writer.
    ///
    /// # Errors
    /// [`StoreError::Closed`] when the threads have ended.
    pub fn after(&self, job: Job<E>) -> Result<(), StoreError> {
        self.queue.push(Item::Job(job)).map(drop)
    }

    /// Writes and saves what waits, ends the threads and closes the store cleanly.
    ///
    /// # Errors
    /// If that fails, or anything failed before: then the store is not marked as closed.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.end_threads();
        self.store.close()
    }

    fn spawn(
        &mut self,
        name: &str,
        report: &Report,
        body: impl FnOnce(&Queue<E>, &Store<E>, &Report) + Send + 'static,
    ) -> std::io::Result<()> {
        let (queue, store) = (Arc::clone(&self.queue), Arc::clone(&self.store));
        let report = Arc::clone(report);
        let run = move || body(&queue, &store, &report);
        self.threads.push(std::thread::Builder::new().name(name.to_owned()).spawn(run)?);
        Ok(())
    }

    fn end_threads(&mut self) {
        self.queue.close();
        for thread in self.threads.drain(..) {
            if let Err(panic) = thread.join()
                && !std::thread::panicking()
            {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

/// Without [`close`](Writer::close): what waits is still written and saved, but the store is not closed.
impl<E: Engine> Drop for Writer<E> {
    fn drop(&mut self) {
        self.end_threads();
    }
}
