//! Who wants to hear of what comes into a document, each with a queue of its own that is bounded in bytes.

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

use crate::document::Change;

/// When this many bytes wait for a watcher, it is told that it missed some instead.
const MAX_UNHEARD: usize = 4 << 20;

/// Something that takes memory while it waits.
pub(crate) trait Weight {
    /// About how much, in bytes.
    fn bytes(&self) -> usize;
}

impl Weight for Change {
    fn bytes(&self) -> usize {
        Self::bytes(self)
    }
}

impl Weight for Vec<u8> {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.len()
    }
}

/// All who hear of the same.
pub(super) struct Watchers<T>(Mutex<Vec<Weak<Watcher<T>>>>);

/// One watcher's queue.
pub(crate) struct Watcher<T> {
    queue: Mutex<Queue<T>>,
    news: Notify,
}

struct Queue<T> {
    waiting: VecDeque<T>,
    bytes: usize,
    /// Whether some were let go of, before all that wait.
    missed: bool,
}

/// What a watcher hears.
pub(crate) enum Told<T> {
    News(T),
    /// More came than was listened to.
    Missed,
}

impl<T> Default for Watchers<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Weight> Watchers<T> {
    pub(super) fn add(&self) -> Arc<Watcher<T>> {
        let queue = Queue { waiting: VecDeque::new(), bytes: 0, missed: false };
        let watcher = Arc::new(Watcher { queue: Mutex::new(queue), news: Notify::new() });
        lock(&self.0).push(Arc::downgrade(&watcher));
        watcher
    }

    pub(super) fn tell<B>(&self, news: &B)
    where
        B: ToOwned<Owned = T> + ?Sized,
        T: Borrow<B>,
    {
        self.each(|watcher| watcher.push(news.to_owned()));
    }

    /// Something came in that nobody can be told of.
    pub(super) fn missed(&self) {
        self.each(Watcher::miss);
    }

    fn each(&self, told: impl Fn(&Watcher<T>)) {
        lock(&self.0).retain(|watcher| {
            let watcher = watcher.upgrade();
            watcher.as_deref().into_iter().for_each(&told);
            watcher.is_some()
        });
    }
}

impl<T: Weight> Watcher<T> {
    fn push(&self, news: T) {
        let mut queue = lock(&self.queue);
        queue.bytes += news.bytes();
        queue.waiting.push_back(news);
        if queue.bytes > MAX_UNHEARD {
            drop(queue);
            return self.miss();
        }
        self.news.notify_one();
    }

    fn miss(&self) {
        let mut queue = lock(&self.queue);
        queue.waiting.clear();
        (queue.bytes, queue.missed) = (0, true);
        self.news.notify_one();
    }

    /// The next news, if there is something already.
    pub(crate) fn try_next(&self) -> Option<Told<T>> {
        let mut queue = lock(&self.queue);
        if std::mem::take(&mut queue.missed) {
            return Some(Told::Missed);
        }
        let news = queue.waiting.pop_front()?;
        queue.bytes = queue.bytes.saturating_sub(news.bytes());
        Some(Told::News(news))
    }

    /// The next news.
    pub(crate) async fn next(&self) -> Told<T> {
        loop {
            match self.try_next() {
                Some(heard) => return heard,
                None => self.news.notified().await,
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What they guard is whole between any two statements, so a panic elsewhere spoils nothing.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
