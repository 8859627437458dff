//! An open document: what the app's handles and the engine share.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use driftline_core::document::check::{self, Author};
use driftline_core::document::{Admission, ApplyError, OpenDocument};
use driftline_core::id::{ChainId, DocumentId, SpaceId};
use driftline_core::log::{Frontier, MAX_ENTRY_BYTES, Segment};
use driftline_core::space::Arrival;
use driftline_storage::{SledEngine, Snapshot, Store, StoreError};
use thiserror::Error;
use tokio::sync::oneshot;

use super::inbox::{Inbox, Input};
use super::pool::Pool;
use super::watchers::{Watcher, Watchers};
use crate::document::{Change, Entries, History};

/// When this many bytes of entries wait for a document, it is brought up to date from the store instead.
const MAX_WAITING: usize = 32 << 20;

/// How often a document's log is read again at a time, where more waits than is kept in memory.
const MAX_READINGS: usize = 8;

/// How many segments are brought in before watchers hear of them.
const SEGMENTS_AT_ONCE: usize = 64;

/// Whether an app may edit a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Access {
    Writable,
    ReadOnly,
    /// The device was removed from the space.
    Removed,
    /// The document was deleted for everybody.
    Deleted,
    /// Its chain ended: it was forked, can't be proven to be whole, or was cut off by a removal.
    Ended,
    /// The store failed.
    StoreFailed,
    /// The document broke while entries were brought in.
    Broken,
    /// An edit was made that is too large, or nests too deep, to be logged.
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
    /// What was edited here and can be undone. Whoever edits holds it meanwhile.
    history: Mutex<History>,
    pub(crate) open: OpenDocument,
    inbox: Inbox,
    /// How many updates were written on the chain in this run.
    edits: Arc<AtomicU64>,
    access: Arc<AtomicU8>,
    /// Whether this device may sign for guests.
    hosts: AtomicBool,
    /// Whether what the store held is in.
    loaded: AtomicBool,
    /// Whether entries of others come in by themselves; they don't on a branch.
    follows: bool,
    work: Mutex<Work>,
    watchers: Watchers<Change>,
    /// Those who want to hear of updates as they came into this copy.
    readers: Watchers<Vec<u8>>,
}

/// What the app's handles hold together; when the last is dropped, the engine hears of it.
pub(crate) struct Handle {
    pub(crate) replica: Arc<Replica>,
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
    /// Bring entries in, unless they were made here, and tell watchers.
    Take(Arrival),
    Load(Option<oneshot::Sender<Result<(), LoadError>>>),
    /// Keep the state, which stands where the frontier does once all jobs before are done.
    Fold {
        frontier: Frontier,
        edits: u64,
    },
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
        let (counter, edited, closed) = (edits.clone(), inbox.clone(), access.clone());
        let author = Author::Chain { client: chain.client_id(), clock: None };
        let open = OpenDocument::new(chain.client_id(), move |update| {
            let fits = update.len() <= MAX_ENTRY_BYTES && check::update(&update, author).is_ok();
            if !fits || closed.load(Ordering::Relaxed) == TOO_LARGE {
                // It can't be logged, as others would refuse it, and nothing that leans on it may be.
                closed.store(TOO_LARGE, Ordering::Relaxed);
                return;
            }
            counter.fetch_add(1, Ordering::Relaxed);
            edited.edit(space, document, chain, update);
        });
        Self {
            space,
            document,
            chain,
            history: Mutex::new(History::of(open.doc())),
            open,
            inbox: inbox.clone(),
            edits,
            access,
            hosts: AtomicBool::new(false),
            loaded: AtomicBool::new(false),
            follows,
            work: Mutex::default(),
            watchers: Watchers::default(),
            readers: Watchers::default(),
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
            2 => Access::Removed,
            3 => Access::Deleted,
            4 => Access::Ended,
            5 => Access::StoreFailed,
            6 => Access::Broken,
            TOO_LARGE => Access::TooLarge,
            _ => Access::Closed,
        }
    }

    pub(super) fn set_access(&self, access: Access) {
        let last = [Access::Ended, Access::Broken, Access::TooLarge, Access::Closed];
        let last = last.map(|access| access as u8);
        let changed = |held| (!last.contains(&held)).then_some(access as u8);
        // Where it stays as it is, nothing is to be done.
        _ = self.access.fetch_update(Ordering::Relaxed, Ordering::Relaxed, changed);
    }

    /// Whether this device may sign for guests now.
    pub(crate) fn hosts(&self) -> bool {
        self.hosts.load(Ordering::Relaxed)
    }

    pub(super) fn set_hosts(&self, hosts: bool) {
        self.hosts.store(hosts, Ordering::Relaxed);
    }

    /// Brings in what is new of what a guest wrote, and has it signed for them.
    pub(crate) fn admit(
        &self,
        guest: &str,
        update: &[u8],
        theirs: impl Fn(u64) -> bool,
    ) -> Result<Admission, ApplyError> {
        let admitted = self.open.admit(update, theirs, |news| {
            let fits = news.len() <= MAX_ENTRY_BYTES && check::update(news, Author::Guest).is_ok();
            if !fits || self.access() == Access::TooLarge {
                self.access.store(TOO_LARGE, Ordering::Relaxed);
                return;
            }
            self.edits.fetch_add(1, Ordering::Relaxed);
            let (space, chain) = (self.space, self.chain);
            self.inbox.guest_edit(space, chain, guest.to_owned(), news.to_vec());
        });
        match &admitted {
            Ok(admission) => admission.woken.iter().for_each(|update| self.readers.tell(update)),
            Err(ApplyError::Panicked) => {
                self.access.store(Access::Broken as u8, Ordering::Relaxed);
            }
            Err(_) => {}
        }
        admitted
    }

    /// Takes no more edits; returns when those under way are made.
    pub(super) fn close(&self) {
        self.set_access(Access::Closed);
        // Waiting for it once is enough: whoever gets it later looks at the access again.
        drop(self.history());
    }

    /// What can be undone. It is held by whoever edits, and may not be held for long.
    pub(crate) fn history(&self) -> MutexGuard<'_, History> {
        lock(&self.history)
    }

    /// Whether entries of others come in by themselves.
    pub(super) fn follows(&self) -> bool {
        self.follows
    }

    /// Whether what the store held when it was opened is in.
    pub(super) fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }

    /// Whether the app may make an edit now.
    pub(crate) fn has_room(&self) -> bool {
        self.inbox.has_room()
    }

    /// Whether there is no room for an edit on the disk.
    pub(crate) fn is_disk_full(&self) -> bool {
        self.inbox.is_disk_full()
    }

    /// A queue that hears of every change from now on.
    pub(crate) fn watch(&self) -> Arc<Watcher<Change>> {
        self.watchers.add()
    }

    /// A queue that gets every update from now on, as it came into this copy.
    pub(crate) fn read_along(&self) -> Arc<Watcher<Vec<u8>>> {
        self.readers.add()
    }

    /// Has the document loaded from the store.
    pub(super) fn load(
        self: &Arc<Self>,
        reply: oneshot::Sender<Result<(), LoadError>>,
        pool: &Pool,
    ) {
        self.push(Job::Load(Some(reply)), pool);
    }

    /// Has the document loaded again, because what came in meanwhile was let go.
    pub(super) fn reload(self: &Arc<Self>, pool: &Pool) {
        self.push(Job::Load(None), pool);
    }

    /// Has the state kept for the next time that the document is opened, once all that the replica was given is in.
    /// The engine hears of it as [`Input::Snapshot`].
    ///
    /// `frontier` is that of the log, and `edits` how many updates of this copy's own are in it: if more are made
    /// meanwhile, the state would hold what the log does not, so there is none.
    pub(super) fn fold(self: &Arc<Self>, frontier: Frontier, edits: u64, pool: &Pool) {
        self.push(Job::Fold { frontier, edits }, pool);
    }

    /// Takes entries that came into the log.
    ///
    /// Gives false when too much waits, because the app keeps the document locked. Then nothing waits any more, and
    /// the document has to be [loaded](Self::load) again when the store has it all.
    pub(super) fn take(self: &Arc<Self>, arrival: Arrival, pool: &Pool) -> bool {
        if !self.follows {
            return true;
        }
        self.push(Job::Take(arrival), pool);
        let mut work = lock(&self.work);
        let fits = work.bytes <= MAX_WAITING;
        if !fits {
            work.jobs.retain(|job| !matches!(job, Job::Take(_)));
            work.bytes = 0;
            self.loaded.store(false, Ordering::Relaxed);
        }
        fits
    }

    fn push(self: &Arc<Self>, job: Job, pool: &Pool) {
        let mut work = lock(&self.work);
        work.bytes += job.bytes();
        work.jobs.push_back(job);
        if !std::mem::replace(&mut work.scheduled, true) {
            pool.work(self.clone());
        }
    }

    /// Does what waits, until nothing does.
    pub(super) fn work(&self, store: &Store<SledEngine>) {
        while let Some((arrivals, job)) = self.next_jobs() {
            self.bring_in(arrivals);
            match job {
                Some(Job::Load(reply)) => self.load_now(store, reply),
                Some(Job::Fold { frontier, edits }) => self.fold_now(frontier, edits),
                Some(Job::Take(_)) | None => {}
            }
            // One reading may find that another is wanted, as what comes last in the log may free what came first.
            let mut readings = 0..MAX_READINGS;
            while readings.next().is_some() && self.open.wants_log() {
                self.load_now(store, None);
            }
        }
    }

    /// Everything to be brought in up to the next job of another kind, and that job. If there is nothing to do, the
    /// replica is given back to whoever schedules it next.
    fn next_jobs(&self) -> Option<(Vec<Arrival>, Option<Job>)> {
        let mut work = lock(&self.work);
        if work.jobs.is_empty() {
            work.scheduled = false;
            return None;
        }
        let mut arrivals = Vec::new();
        let mut other = None;
        while let Some(job) = work.jobs.pop_front() {
            match job {
                Job::Take(arrival) => arrivals.push(arrival),
                job => {
                    other = Some(job);
                    break;
                }
            }
        }
        work.bytes = work.jobs.iter().map(Job::bytes).sum();
        Some((arrivals, other))
    }

    fn load_now(
        &self,
        store: &Store<SledEngine>,
        reply: Option<oneshot::Sender<Result<(), LoadError>>>,
    ) {
        let loaded = self.load_from(store);
        if let Err(LoadError::Store { source }) = &loaded {
            self.inbox.found_damage(source);
        }
        match reply {
            Some(reply) => _ = reply.send(loaded),
            None => {
                if loaded.is_err() {
                    self.access.store(Access::Broken as u8, Ordering::Relaxed);
                }
                self.watchers.missed();
                self.readers.missed();
            }
        }
    }

    fn load_from(&self, store: &Store<SledEngine>) -> Result<(), LoadError> {
        let log = store.document(&self.document)?;
        if !log.snapshot.state.is_empty() {
            self.open.load(&log.snapshot.state)?;
        }
        self.apply(&updates(log.segments.iter()))?;
        self.loaded.store(true, Ordering::Release);
        Ok(())
    }

    /// Brings updates in. One that is bad is somebody else's fault, and no reason to keep back the others.
    fn apply(&self, updates: &[&[u8]]) -> Result<(), ApplyError> {
        let mut tell = |update: Vec<u8>| self.readers.tell(&update);
        match self.open.apply_and_tell(updates, &mut tell) {
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
                let entries = Entries::new(arrival, written_here(&arrival));
                if entries.local {
                    entries.own_updates().for_each(|update| self.readers.tell(update));
                }
                self.watchers.tell(&Change::Entries(entries));
            }
        }
    }

    fn fold_now(&self, frontier: Frontier, edits: u64) {
        let broken = matches!(self.access(), Access::Broken | Access::TooLarge);
        let sound = self.is_loaded() && !broken;
        let state = sound.then(|| self.open.state_if(|| self.edits() == edits)).flatten();
        let snapshot = state.map(|state| Snapshot { frontier, state });
        self.inbox.push(Input::Snapshot { document: self.document, snapshot });
    }
}

impl Job {
    /// About how much memory it holds, in bytes.
    fn bytes(&self) -> usize {
        match self {
            Self::Take(arrival) => size_of::<Self>() + arrival.segment.body.len(),
            Self::Load(_) | Self::Fold { .. } => 0,
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.replica.inbox.push(Input::Closed(self.replica.clone()));
    }
}

fn updates<'a>(segments: impl Iterator<Item = &'a Segment>) -> Vec<&'a [u8]> {
    let entries = segments.flat_map(|segment| segment.entries().map_while(Result::ok));
    entries.filter_map(|(entry, _)| entry.update()).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What they guard is whole between any two statements, so a panic elsewhere spoils nothing.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
