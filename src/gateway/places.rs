//! How many of something there may be, in all and for each: connections of an address, sockets of a guest.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Places of one kind, counted by who has them.
pub(super) struct Places<K: Eq + Hash> {
    all: usize,
    each: usize,
    taken: Mutex<Taken<K>>,
    freed: Notify,
}

struct Taken<K> {
    all: usize,
    each: HashMap<K, usize>,
}

/// One place, for as long as it is held.
pub(super) struct Place<K: Eq + Hash> {
    places: Arc<Places<K>>,
    who: K,
}

impl<K: Eq + Hash + Clone> Places<K> {
    /// So many in all, and so many for each.
    pub(super) fn new(all: usize, each: usize) -> Arc<Self> {
        let taken = Mutex::new(Taken { all: 0, each: HashMap::new() });
        Arc::new(Self { all, each, taken, freed: Notify::new() })
    }

    /// A place, if there is one.
    pub(super) fn take(self: &Arc<Self>, who: &K) -> Option<Place<K>> {
        let mut taken = self.lock();
        let theirs = taken.each.get(who).copied().unwrap_or_default();
        if taken.all >= self.all || theirs >= self.each {
            return None;
        }
        taken.all += 1;
        taken.each.insert(who.clone(), theirs + 1);
        Some(Place { places: self.clone(), who: who.clone() })
    }
}

impl<K: Eq + Hash> Places<K> {
    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        self.lock().all
    }

    /// Resolves when none is taken.
    pub(super) async fn all_free(&self) {
        while self.taken() > 0 {
            self.freed.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Taken<K>> {
        // It is whole between any two statements.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all -= 1;
        if let Some(theirs) = taken.each.get_mut(&self.who) {
            *theirs -= 1;
            if *theirs == 0 {
                taken.each.remove(&self.who);
            }
        }
        self.places.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_in_all_and_for_each_and_free_again_when_left() {
        let places = Places::new(3, 2);
        let first = places.take(&"Ann").unwrap();
        let _second = places.take(&"Ann").unwrap();
        assert!(places.take(&"Ann").is_none(), "Ann has two");
        let _third = places.take(&"Bob").unwrap();
        assert!(places.take(&"Carol").is_none(), "three are taken");
        drop(first);
        assert!(places.take(&"Ann").is_some());
        assert_eq!(places.lock().each.len(), 2, "who has none is not remembered");
    }
}
