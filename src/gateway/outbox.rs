//! What waits for one reader of a document. It is bounded: of edits, many become one; of presence, the latest counts;
//! and if more waits than that, the reader gets the difference instead.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use super::closing::Closing;
use super::presence::State;

/// What one reader is still to be told.
pub(super) struct Outbox {
    waiting: Mutex<Waiting>,
    news: Arc<Notify>,
    max_bytes: usize,
}

/// All that waits, taken at once.
#[derive(Default)]
pub(super) struct Waiting {
    /// Whether the reader asked for what it lacks.
    pub(super) asked: bool,
    /// What is here, to ask the reader for the rest.
    pub(super) asks: Option<Bytes>,
    /// Edits, as Yjs updates.
    pub(super) updates: Vec<Bytes>,
    bytes: usize,
    /// Whether edits were let go of, because too much waited.
    pub(super) behind: bool,
    pub(super) presence: BTreeMap<u64, State>,
    pub(super) closing: Option<Closing>,
}

impl Outbox {
    /// An empty one, which tells `news` when there is something.
    pub(super) fn new(max_bytes: usize, news: Arc<Notify>) -> Self {
        Self { waiting: Mutex::default(), news, max_bytes }
    }

    /// An edit. If too much waits, none does any more, and the reader is behind.
    pub(super) fn update(&self, update: Bytes) {
        let mut waiting = self.lock();
        if !waiting.behind {
            waiting.bytes += update.len() + size_of::<Bytes>();
            waiting.updates.push(update);
            if waiting.bytes > self.max_bytes {
                waiting.fall_behind();
            }
        }
        self.tell(waiting);
    }

    /// The reader gets the difference to what it said that it has, instead of what waits.
    pub(super) fn resync(&self) {
        let mut waiting = self.lock();
        waiting.fall_behind();
        self.tell(waiting);
    }

    pub(super) fn presence(&self, states: &[State]) {
        let mut waiting = self.lock();
        for state in states {
            waiting.presence.insert(state.client, state.clone());
        }
        self.tell(waiting);
    }

    /// The reader asked for what it lacks. However often it asks, it gets one answer, once it reads.
    pub(super) fn asked(&self) {
        let mut waiting = self.lock();
        waiting.asked = true;
        self.tell(waiting);
    }

    /// Asks the reader for what is missing here, where this is.
    pub(super) fn ask(&self, version: Bytes) {
        let mut waiting = self.lock();
        waiting.asks = Some(version);
        self.tell(waiting);
    }

    /// The reader is to go.
    pub(super) fn close(&self, closing: Closing) {
        let mut waiting = self.lock();
        waiting.closing.get_or_insert(closing);
        self.tell(waiting);
    }

    pub(super) fn take(&self) -> Waiting {
        std::mem::take(&mut *self.lock())
    }

    fn tell(&self, waiting: MutexGuard<'_, Waiting>) {
        drop(waiting);
        self.news.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // It is whole between any two statements.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn fall_behind(&mut self) {
        self.updates.clear();
        (self.bytes, self.behind) = (0, true);
    }
}
