//! Where callers, the writing thread and the saving thread meet.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::{Job, MAX_WAITING_BYTES, WriteNumber};
use crate::engine::Engine;
use crate::record::Record;
use crate::store::StoreError;

/// The most that goes into one batch, in bytes, as a batch is held in memory more than once.
const MAX_GROUP_BYTES: usize = 4 << 20;

/// What a job counts as while it waits, in bytes.
const JOB_BYTES: usize = 1 << 10;

/// One thing that waits.
pub(super) enum Item<E: Engine> {
    Append(Vec<Record>),
    Job(Job<E>),
}

/// What the writing thread does next: write the records up to a number, and then the job.
pub(super) struct Group<E: Engine> {
    pub(super) records: Vec<Record>,
    pub(super) last: WriteNumber,
    pub(super) job: Option<Job<E>>,
}

/// What waits to be written, and how far writing has come.
pub(super) struct Queue<E: Engine> {
    state: Mutex<State<E>>,
    changed: Condvar,
}

struct State<E: Engine> {
    waiting: VecDeque<Item<E>>,
    bytes: usize,
    /// The last that was taken in, the last that went into a group, and the last that was written.
    appended: WriteNumber,
    grouped: WriteNumber,
    written: WriteNumber,
    phase: Phase,
    failure: Option<Arc<StoreError>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// Nothing more is taken in; what waits is written.
    Closing,
    /// Nothing more is written; what was written is saved.
    Drained,
}

impl<E: Engine> Queue<E> {
    /// Puts an item behind the others, when there is room; says the number of the last append.
    pub(super) fn push(&self, item: Item<E>) -> Result<WriteNumber, StoreError> {
        let bytes = item.bytes();
        let mut state = self.when(|state| {
            state.bytes <= MAX_WAITING_BYTES
                || state.failure.is_some()
                || state.phase != Phase::Running
        });
        if state.phase != Phase::Running {
            return Err(StoreError::Closed);
        }
        if let Item::Append(_) = item {
            if let Some(cause) = &state.failure {
                return Err(StoreError::Broken { cause: Arc::clone(cause) });
            }
            state.appended.0 += 1;
        }
        state.bytes += bytes;
        state.waiting.push_back(item);
        self.changed.notify_all();
        Ok(state.appended)
    }

    /// Waits for something to do; `None` when there will be nothing more.
    pub(super) fn next_group(&self) -> Option<Group<E>> {
        let mut state =
            self.when(|state| !state.waiting.is_empty() || state.phase != Phase::Running);
        let mut group = Group { records: Vec::new(), last: state.grouped, job: None };
        let mut bytes = 0;
        while bytes < MAX_GROUP_BYTES
            && group.job.is_none()
            && let Some(item) = state.waiting.pop_front()
        {
            bytes += item.bytes();
            match item {
                Item::Append(records) => {
                    group.records.extend(records);
                    group.last.0 += 1;
                }
                Item::Job(job) => group.job = Some(job),
            }
        }
        state.grouped = group.last;
        state.bytes -= bytes;
        self.changed.notify_all();
        (bytes > 0 && state.phase != Phase::Drained).then_some(group)
    }

    /// Everything up to here is written.
    pub(super) fn wrote(&self, last: WriteNumber) {
        self.state().written = last;
        self.changed.notify_all();
    }

    /// Waits until more is written than was saved; `None` when there will be nothing more to save.
    pub(super) fn next_to_save(&self, saved: WriteNumber) -> Option<WriteNumber> {
        let state = self.when(|state| {
            state.written > saved || state.failure.is_some() || state.phase == Phase::Drained
        });
        (state.written > saved && state.failure.is_none()).then_some(state.written)
    }

    /// Refuses appends from now on and forgets those that wait; says whether this is news.
    pub(super) fn fail(&self, cause: &Arc<StoreError>) -> bool {
        let mut state = self.state();
        state.waiting.retain(|item| matches!(item, Item::Job(_)));
        state.bytes = state.waiting.iter().map(Item::bytes).sum();
        self.changed.notify_all();
        state.failure.replace(Arc::clone(cause)).is_none()
    }

    /// Takes nothing more in.
    pub(super) fn close(&self) {
        let mut state = self.state();
        if state.phase == Phase::Running {
            state.phase = Phase::Closing;
        }
        self.changed.notify_all();
    }

    /// Writes nothing more.
    pub(super) fn drained(&self) {
        self.state().phase = Phase::Drained;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn when(&self, ready: impl Fn(&State<E>) -> bool) -> MutexGuard<'_, State<E>> {
        self.changed
            .wait_while(self.state(), |state| !ready(state))
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: Engine> Item<E> {
    fn bytes(&self) -> usize {
        match self {
            Self::Append(records) => {
                size_of::<Self>() + records.iter().map(Record::bytes).sum::<usize>()
            }
            Self::Job(_) => JOB_BYTES,
        }
    }
}

impl<E: Engine> Default for Queue<E> {
    fn default() -> Self {
        let zero = WriteNumber(0);
        let state = State {
            waiting: VecDeque::new(),
            bytes: 0,
            appended: zero,
            grouped: zero,
            written: zero,
            phase: Phase::Running,
            failure: None,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }
}

impl<E: Engine> fmt::Debug for Queue<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Queue")
            .field("bytes", &state.bytes)
            .field("appended", &state.appended)
            .field("written", &state.written)
            .field("failure", &state.failure)
            .finish_non_exhaustive()
    }
}
