//! What this device shows of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::board::in_topic;
use super::queue::Queue;
use crate::clock::{SteadyTime, WallTime};
use crate::id::DeviceId;
use crate::presence::{Spot, Statement, Version};

/// What the app wants to be shown, and what of it has yet to be said.
#[derive(Debug)]
pub(in crate::space) struct Mine {
    me: DeviceId,
    /// What was said last.
    version: Version,
    /// By topic and guest. An empty state is a farewell that is to be said.
    states: BTreeMap<(Arc<str>, u64), Arc<[u8]>>,
    pub(super) unsaid: Queue,
    /// When something may be said next.
    pub(super) next: SteadyTime,
}

impl Mine {
    pub(super) fn new(me: DeviceId) -> Self {
        Self {
            me,
            version: Version::default(),
            states: BTreeMap::new(),
            unsaid: Queue::default(),
            next: SteadyTime::default(),
        }
    }

    /// Shows a state; says whether that is other than before.
    pub(super) fn show(&mut self, topic: &Arc<str>, guest: u64, state: Arc<[u8]>) -> bool {
        let changed = self.states.get(&(topic.clone(), guest)) != Some(&state);
        if changed {
            self.states.insert((topic.clone(), guest), state);
            self.unsaid.push(&self.spot(topic, guest));
        }
        changed
    }

    /// Nothing was said of a spot, or what was said counts no more.
    pub(super) fn withdraw(&mut self, spot: &Spot) {
        self.states.remove(&(spot.topic.clone(), spot.guest));
        self.unsaid.forget(spot);
    }

    /// Something has to be said again.
    pub(super) fn renew(&mut self, spot: &Spot) {
        self.unsaid.push(spot);
    }

    /// What is to be said next, with its version.
    pub(super) fn next_to_say(&mut self, wall: WallTime) -> Option<(Spot, Version, Arc<[u8]>)> {
        let spot = self.unsaid.pop()?;
        let key = (spot.topic.clone(), spot.guest);
        let state = self.states.get(&key).cloned()?;
        if state.is_empty() {
            self.states.remove(&key);
        }
        if self.version.count == 0 {
            self.version.run = self.version.run.max(wall.0);
        }
        self.version.count += 1;
        Some((spot, self.version, state))
    }

    /// A peer has something that this device did not say in this run: what it says now has to be later than that.
    pub(super) fn hear(&mut self, earlier: &Statement) {
        let Statement { spot, version, .. } = earlier;
        if *version <= self.version {
            return;
        }
        self.version = Version { run: version.run.saturating_add(1), count: 0 };
        for (topic, guest) in self.states.keys().cloned().collect::<Vec<_>>() {
            self.unsaid.push(&self.spot(&topic, guest));
        }
        let key = (spot.topic.clone(), spot.guest);
        if !earlier.is_farewell() && !self.states.contains_key(&key) {
            self.states.insert(key, Arc::default());
            self.unsaid.push(spot);
        }
    }

    /// What is shown in a topic.
    pub(super) fn shown(&self, topic: &Arc<str>) -> impl Iterator<Item = (u64, &Arc<[u8]>)> {
        let states = self.states.range(in_topic(topic)).filter(|(_, state)| !state.is_empty());
        states.map(|((_, guest), state)| (*guest, state))
    }

    /// In how many spots this device shows itself.
    pub(super) fn count(&self) -> usize {
        self.states.values().filter(|state| !state.is_empty()).count()
    }

    /// Whether there is nothing to show, nor to say.
    pub(super) fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    pub(super) fn has(&self, topic: &Arc<str>, guest: u64) -> bool {
        self.states.contains_key(&(topic.clone(), guest))
    }

    /// All spots, with whether a farewell is to be said there.
    pub(super) fn spots(&self) -> Vec<(Spot, bool)> {
        let states = self.states.iter();
        states.map(|((topic, guest), state)| (self.spot(topic, *guest), state.is_empty())).collect()
    }

    pub(super) fn spot(&self, topic: &Arc<str>, guest: u64) -> Spot {
        Spot { device: self.me, topic: topic.clone(), guest }
    }
}
