//! The threads that read and merge, so that the engine never waits for either.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use driftline_storage::{SledEngine, Store};

use super::replica::Replica;

const THREADS: usize = 2;

/// Something that reads the store.
type Reading = dyn FnOnce(&Store<SledEngine>) + Send;

enum Task {
    Work(Arc<Replica>),
    Run(Box<Reading>),
}

/// A few threads that take tasks. Tasks of one document never run at the same time: a replica is handed over when
/// it has work, and not again before that is done.
#[derive(Clone)]
pub(crate) struct Pool {
    tasks: crossbeam_channel::Sender<Task>,
}

impl Pool {
    /// Starts the threads; they end when the last handle to the pool is gone.
    pub(super) fn start(store: &Arc<Store<SledEngine>>) -> (Self, Vec<JoinHandle<()>>) {
        let (sender, tasks) = crossbeam_channel::unbounded();
        let start = |number| {
            let (tasks, store) = (tasks.clone(), store.clone());
            let run = move || work(&tasks, &store);
            let started = thread::Builder::new().name(format!("merge-{number}")).spawn(run);
            let failed = |error: &_| tracing::error!(%error, "a merging thread did not start");
            started.inspect_err(failed).ok()
        };
        let threads = (0..THREADS).filter_map(start).collect();
        (Self { tasks: sender }, threads)
    }

    /// Runs something that reads the store.
    pub(super) fn run(&self, task: impl FnOnce(&Store<SledEngine>) + Send + 'static) {
        self.push(Task::Run(Box::new(task)));
    }

    /// Lets a replica do what waits for it.
    pub(super) fn work(&self, replica: Arc<Replica>) {
        self.push(Task::Work(replica));
    }

    fn push(&self, task: Task) {
        // The threads outlive every sender.
        _ = self.tasks.send(task);
    }
}

fn work(tasks: &crossbeam_channel::Receiver<Task>, store: &Store<SledEngine>) {
    for task in tasks {
        match task {
            Task::Work(replica) => unless_it_panics(|| replica.work(store)),
            Task::Run(task) => unless_it_panics(|| task(store)),
        }
    }
}

/// yrs may panic on what others wrote. That costs the document, and not the thread that all documents share.
fn unless_it_panics(task: impl FnOnce()) {
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(task)).is_err() {
        tracing::error!("a task of the pool panicked");
    }
}
