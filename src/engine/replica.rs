//! An open document: what the app's handles and the engine share.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use driftline_core::document::{ApplyError, OpenDocument};
use driftline_core::id::{ChainId, DocumentId, SpaceId};
use driftline_core::log::{EntryKind, Frontier, MAX_ENTRY_BYTES, Segment};
use driftline_core::space::Arrival;
use driftline_storage::{SledEngine, Snapshot, Store, StoreError};
use thiserror::Error;
use tokio::sync::{Notify, oneshot};

use super::inbox::{Inbox, Input};
use super::pool::Pool;
use crate::document::{Change, Entries};

/// When this many bytes of entries wait for a document, it is brought up to date from the store instead.
const MAX_WAITING: usize = 32 << 20;

/// When this many bytes of changes wait for a watcher, it is told that it missed some instead.
const MAX_UNHEARD: usize = 4 << 20;

/// How many segments are brought in before watchers hear of them.
const SEGMENTS_AT_ONCE: usize = 64;

/// Whether an app may edit a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Access {
    Writable,
    ReadOnly,
    /// The store failed.
    StoreFailed,
    /// The document broke while entries were brought in.
    Broken,
    /// An edit was made that is too large to be logged.
    TooLarge,
    /// The device is closed.
    Closed,
}

const TOO_LARGE: u8 = Access::TooLarge as u8;

/// Why a document could not be loaded.
#[derive(Debug, Error)]
pub(crate) enum LoadError {
    #[error("the document can't be read from the store")]
    Store {
        #[from]
        source: StoreError,
    },
    #[error("the stored document does not load")]
    Apply {
        #[from]
        source: ApplyError,
    },
}

/// One copy of a document in memory, with a chain of its own to write on.
pub(crate) struct Replica {
    pub(crate) space: SpaceId,
    pub(crate) document: DocumentId,
    pub(crate) chain: ChainId,
    pub(crate) open: OpenDocument,
    /// How many updates were written on the chain in this run.
    edits: Arc<AtomicU64>,
    access: Arc<AtomicU8>,
    /// Whether what the store held is in.
    loaded: AtomicBool,
    /// Whether entries of others come in by themselves; they don't on a branch.
    follows: bool,
    work: Mutex<Work>,
    watchers: Mutex<Vec<Weak<Watcher>>>,
}

/// What the app's handles hold together; when the last is dropped, the engine hears of it.
pub(crate) struct Handle {
    pub(crate) replica: Arc<Replica>,
    pub(crate) inbox: Inbox,
}

/// What the engine holds: the replica until the app's letting go has been dealt with, so that it misses nothing
/// that is in the log by then.
pub(super) struct Open {
    pub(super) replica: Arc<Replica>,
    pub(super) handle: Weak<Handle>,
}

#[derive(Default)]
struct Work {
    jobs: VecDeque<Job>,
    bytes: usize,
    /// Whether the pool has the replica.
    scheduled: bool,
}

enum Job {
    Load(Option<oneshot::Sender<Result<(), LoadError>>>),
    /// Bring entries in, unless they were made here, and tell watchers.
    Take(Arrival),
}

/// One watcher's queue.
#[derive(Default)]
pub(crate) struct Watcher {
    queue: Mutex<(VecDeque<Change>, usize)>,
    news: Notify,
}

impl Replica {
    pub(super) fn new(
        space: SpaceId,
        document: DocumentId,
        (chain, written): (ChainId, u64),
        access: Access,
        follows: bool,
        inbox: &Inbox,
    ) -> Self {
        let edits = Arc::new(AtomicU64::new(written));
        let access = Arc::new(AtomicU8::new(access as u8));
        let (counter, inbox, closed) = (edits.clone(), inbox.clone(), access.clone());
        let open = OpenDocument::new(chain.client_id(), move |update| {
            if update.len() > MAX_ENTRY_BYTES || closed.load(Ordering::Relaxed) == TOO_LARGE {
                // It can't be logged, and nothing that leans on it may be.
                closed.store(TOO_LARGE, Ordering::Relaxed);
                return;
            }
            counter.fetch_add(1, Ordering::Relaxed);
            inbox.edit(space, document, chain, update);
        });
        Self {
            space,
            document,
            chain,
            open,
            edits,
            access,
            loaded: AtomicBool::new(false),
            follows,
            work: Mutex::default(),
            watchers: Mutex::default(),
        }
    }

    /// The number of the last update written here. One made just now by another thread may be counted in.
    pub(crate) fn edits(&self) -> u64 {
        self.edits.load(Ordering::Relaxed)
    }

    pub(crate) fn access(&self) -> Access {
        match self.access.load(Ordering::Relaxed) {
            0 => Access::Writable,
            1 => Access::ReadOnly,
            2 => Access::StoreFailed,
            3 => Access::Broken,
            TOO_LARGE => Access::TooLarge,
            _ => Access::Closed,
        }
    }

    pub(super) fn set_access(&self, access: Access) {
        let last = [Access::Broken as u8, TOO_LARGE, Access::Closed as u8];
        let changed = |held| (!last.contains(&held)).then_some(access as u8);
        // Where it stays as it is, nothing is to be done.
        _ = self.access.fetch_update(Ordering::Relaxed, Ordering::Relaxed, changed);
    }

    /// Takes no more edits; returns when those under way are made.
    pub(super) fn close(&self) {
        self.access.store(Access::Closed as u8, Ordering::Relaxed);
        // Waiting for its lock once is enough: whoever gets it later looks at the access again.
        drop(yrs::Transact::transact(self.open.doc()));
    }

    /// Whether entries of others come in by themselves.
    pub(super) fn follows(&self) -> bool {
        self.follows
    }

    /// Whether what the store held when it was opened is in.
    pub(super) fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }

    /// Whether entries that the log holds are not all in.
    pub(super) fn is_behind(&self) -> bool {
        lock(&self.work).scheduled || !self.is_loaded()
    }

    /// A queue that hears of every change from now on.
    pub(crate) fn watch(&self) -> Arc<Watcher> {
        let watcher = Arc::new(Watcher::default());
        lock(&self.watchers).push(Arc::downgrade(&watcher));
        watcher
    }

    /// Has the document loaded from the store.
    pub(super) fn load(
        self: &Arc<Self>,
        reply: oneshot::Sender<Result<(), LoadError>>,
        pool: &Pool,
    ) {
        self.push(Job::Load(Some(reply)), 0, pool);
    }

    /// Has the document loaded again, because what came in meanwhile was let go.
    pub(super) fn reload(self: &Arc<Self>, pool: &Pool) {
        self.push(Job::Load(None), 0, pool);
    }

    /// Takes entries that came into the log.
    ///
    /// Gives false when too much waits, because the app keeps the document locked. Then nothing waits any more, and
    /// the document has to be [loaded](Self::load) again when the store has it all.
    pub(super) fn take(self: &Arc<Self>, arrival: Arrival, pool: &Pool) -> bool {
        if !self.follows {
            return true;
        }
        let bytes = size_of::<Arrival>() + arrival.segment.body.len();
        self.push(Job::Take(arrival), bytes, pool);
        let mut work = lock(&self.work);
        let fits = work.bytes <= MAX_WAITING;
        if !fits {
            work.jobs.retain(|job| matches!(job, Job::Load(_)));
            work.bytes = 0;
            self.loaded.store(false, Ordering::Relaxed);
        }
        fits
    }

    fn push(self: &Arc<Self>, job: Job, bytes: usize, pool: &Pool) {
        let mut work = lock(&self.work);
        work.jobs.push_back(job);
        work.bytes += bytes;
        if !std::mem::replace(&mut work.scheduled, true) {
            pool.work(self.clone());
        }
    }

    /// Does what waits, until nothing does.
    pub(super) fn work(&self, store: &Store<SledEngine>) {
        loop {
            let mut work = lock(&self.work);
            let Some(first) = work.jobs.pop_front() else {
                work.scheduled = false;
                return;
            };
            let mut arrivals = Vec::new();
            let mut next = Some(first);
            let mut load = None;
            while let Some(job) = next {
                match job {
                    Job::Take(arrival) => arrivals.push(arrival),
                    Job::Load(reply) => {
                        load = Some(reply);
                        break;
                    }
                }
                next = work.jobs.pop_front();
            }
            work.bytes = 0;
            drop(work);
            self.bring_in(arrivals);
            if let Some(reply) = load {
                self.load_now(store, reply);
            }
        }
    }

    fn load_now(
        &self,
        store: &Store<SledEngine>,
        reply: Option<oneshot::Sender<Result<(), LoadError>>>,
    ) {
        let loaded = self.load_from(store);
        match reply {
            Some(reply) => _ = reply.send(loaded),
            None => {
                if loaded.is_err() {
                    self.access.store(Access::Broken as u8, Ordering::Relaxed);
                }
                self.tell(&Change::Missed);
            }
        }
    }

    fn load_from(&self, store: &Store<SledEngine>) -> Result<(), LoadError> {
        let log = store.document(&self.document)?;
        if !log.snapshot.state.is_empty() {
            self.apply(&[&log.snapshot.state])?;
        }
        self.apply(&updates(log.segments.iter()))?;
        self.loaded.store(true, Ordering::Release);
        Ok(())
    }

    /// Brings updates in. One that is bad is somebody else's fault, and no reason to keep back the others.
    fn apply(&self, updates: &[&[u8]]) -> Result<(), ApplyError> {
        match self.open.apply(updates) {
            Err(ApplyError::Panicked) => Err(ApplyError::Panicked),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, document = %self.document.short(), "an update in the log is passed over");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn bring_in(&self, arrivals: Vec<Arrival>) {
        for group in arrivals.chunks(SEGMENTS_AT_ONCE) {
            let written_here = |arrival: &&Arrival| {
                arrival.origin.is_none() && arrival.segment.chain == self.chain
            };
            let foreign = group.iter().filter(|arrival| !written_here(arrival));
            let foreign = updates(foreign.map(|arrival| &*arrival.segment));
            if let Err(error) = self.apply(&foreign) {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, document = %self.document.short(), "a document broke");
                self.access.store(Access::Broken as u8, Ordering::Relaxed);
            }
            for arrival in group {
                self.tell(&Change::Entries(Entries::new(arrival, written_here(&arrival))));
            }
        }
    }

    fn tell(&self, change: &Change) {
        let mut watchers = lock(&self.watchers);
        watchers.retain(|watcher| match watcher.upgrade() {
            Some(watcher) => {
                watcher.push(change.clone());
                true
            }
            None => false,
        });
    }

    /// The document's state, to be stored for the next time that it is opened.
    ///
    /// `edits` is how many updates of this copy's own are in the frontier: if more were made meanwhile, the state
    /// would hold what the log does not, so there is none.
    pub(super) fn snapshot(&self, frontier: Frontier, edits: u64) -> Option<Snapshot> {
        let state = self.open.state_if(|| self.edits() == edits)?;
        Some(Snapshot { frontier, state })
    }
}

impl Watcher {
    fn push(&self, change: Change) {
        let mut queue = lock(&self.queue);
        queue.1 += change.bytes();
        queue.0.push_back(change);
        if queue.1 > MAX_UNHEARD {
            *queue = (VecDeque::from([Change::Missed]), 0);
        }
        self.news.notify_one();
    }

    /// The next change, if there is one already.
    pub(crate) fn try_next(&self) -> Option<Change> {
        let mut queue = lock(&self.queue);
        let change = queue.0.pop_front()?;
        queue.1 = queue.1.saturating_sub(change.bytes());
        Some(change)
    }

    /// The next change.
    pub(crate) async fn next(&self) -> Change {
        loop {
            match self.try_next() {
                Some(change) => return change,
                None => self.news.notified().await,
            }
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.inbox.push(Input::Closed(self.replica.clone()));
    }
}

fn updates<'a>(segments: impl Iterator<Item = &'a Segment>) -> Vec<&'a [u8]> {
    let entries = segments.flat_map(|segment| segment.entries().map_while(Result::ok));
    entries
        .filter(|(entry, _)| entry.kind == EntryKind::UPDATE)
        .map(|(entry, _)| entry.payload)
        .collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What they guard is whole between any two statements, so a panic elsewhere spoils nothing.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
