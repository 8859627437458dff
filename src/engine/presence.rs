//! Presence on its way between apps and the engine: the newest of each on both sides, and no queue.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use driftline_core::id::{DeviceId, SpaceId};
use driftline_core::presence::{PresenceError, check};
use tokio::sync::watch;

use super::inbox::Input;
use super::{Engine, EngineGone, Inbox};
use crate::presence::ShowError;

/// Somebody who is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Present {
    pub(crate) device: DeviceId,
    pub(crate) guest: u64,
    pub(crate) state: Arc<[u8]>,
}

/// Everybody who is here in one topic.
pub(crate) type Company = Arc<[Present]>;

/// Where apps leave what they show, and see what is shown, without waiting for the engine.
pub(crate) struct Stage {
    inbox: Inbox,
    /// In how many spots of one space a device shows itself at the most.
    limit: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    shown: BTreeMap<(SpaceId, Arc<str>), watch::Sender<Company>>,
    /// Where this device shows itself.
    own: BTreeMap<SpaceId, BTreeSet<(Arc<str>, u64)>>,
    /// What the engine has not taken yet; nothing where something is to be shown no more.
    wanted: BTreeMap<(SpaceId, Arc<str>, u64), Option<Vec<u8>>>,
    closed: bool,
}

impl Stage {
    pub(crate) fn new(inbox: Inbox, limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Self { inbox, limit, inner: Mutex::default() }
    }

    /// Has a state shown. Of two that the engine has not taken yet, it takes the later one.
    pub(crate) fn show(
        &self,
        (space, topic, guest): (SpaceId, Arc<str>, u64),
        state: Vec<u8>,
    ) -> Result<(), ShowError> {
        check(&topic, &state)?;
        let mut inner = self.lock();
        if inner.closed {
            return Err(EngineGone.into());
        }
        let own = inner.own.entry(space).or_default();
        let spot = (topic.clone(), guest);
        if own.len() >= self.limit && !own.contains(&spot) {
            return Err(PresenceError::TooMany { limit: self.limit }.into());
        }
        own.insert(spot);
        self.want(&mut inner, (space, topic, guest), Some(state));
        Ok(())
    }

    /// Has something shown no more.
    pub(crate) fn hide(&self, (space, topic, guest): (SpaceId, Arc<str>, u64)) {
        let mut inner = self.lock();
        let own = inner.own.get_mut(&space);
        if own.is_some_and(|own| own.remove(&(topic.clone(), guest))) {
            self.want(&mut inner, (space, topic, guest), None);
        }
    }

    /// Who is here, now and from now on.
    pub(crate) fn watch(&self, space: SpaceId, topic: &Arc<str>) -> watch::Receiver<Company> {
        let mut inner = self.lock();
        if inner.closed {
            return watch::Sender::default().subscribe();
        }
        inner.shown.entry((space, topic.clone())).or_default().subscribe()
    }

    /// Who is here now.
    pub(crate) fn company(&self, space: SpaceId, topic: &Arc<str>) -> Company {
        let inner = self.lock();
        let shown = inner.shown.get(&(space, topic.clone()));
        shown.map(|shown| shown.borrow().clone()).unwrap_or_default()
    }

    /// Nothing is shown any more: whoever waits for more waits in vain.
    pub(super) fn close(&self) {
        *self.lock() = Inner { closed: true, ..Inner::default() };
    }

    fn want(&self, inner: &mut Inner, spot: (SpaceId, Arc<str>, u64), state: Option<Vec<u8>>) {
        if inner.wanted.is_empty() {
            self.inbox.push(Input::Presence);
        }
        inner.wanted.insert(spot, state);
    }

    fn put(&self, space: SpaceId, topic: Arc<str>, company: Company) {
        let mut inner = self.lock();
        let key = (space, topic);
        if company.is_empty() && inner.shown.get(&key).is_none_or(|shown| shown.is_closed()) {
            inner.shown.remove(&key);
        } else {
            inner.shown.entry(key).or_default().send_replace(company);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // It is whole between any two statements, so a panic elsewhere spoils nothing.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Takes what apps want to be shown.
    pub(super) fn take_presence(&mut self) {
        let now = self.now();
        let wanted = std::mem::take(&mut self.stage.lock().wanted);
        for ((space, topic, guest), state) in wanted {
            let Some(slot) = self.spaces.get_mut(&space) else { continue };
            match state {
                None => slot.space.hide_presence(&topic, guest, now),
                Some(state) => {
                    if let Err(error) = slot.space.show_presence(&topic, guest, &state) {
                        // The stage has looked at it with the same eyes.
                        tracing::warn!(%error, "presence is not shown");
                    }
                }
            }
        }
    }

    /// What is shown in a topic is other than before.
    pub(super) fn put_on_stage(&self, id: SpaceId, topic: Arc<str>) {
        let Some(slot) = self.spaces.get(&id) else { return };
        let shown = slot.space.presence(&topic).into_iter();
        let company =
            shown.map(|(device, guest, state)| Present { device, guest, state }).collect();
        self.stage.put(id, topic, company);
    }

    /// Tells everybody that this device leaves.
    pub(super) fn leave(&mut self) {
        let now = self.now();
        for id in self.spaces.keys().copied().collect::<Vec<_>>() {
            let mut effects = Vec::new();
            if let Some(slot) = self.spaces.get_mut(&id) {
                slot.space.leave_presence(now, &mut effects);
            }
            self.perform(id, effects);
        }
    }
}
