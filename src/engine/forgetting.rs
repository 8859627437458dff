//! When deleted documents leave the disk: a while after this device first heard that they are deleted, by its own clock.

use std::collections::BTreeMap;
use std::time::Duration;

use driftline_core::clock::{SteadyTime, WallTime};
use driftline_core::codec;
use driftline_core::id::DocumentId;
use driftline_storage::Record;

use super::Engine;

const SETTING: &str = "deleted/";

/// How often it is looked whether a document's time is over, at the most.
const LOOK_EVERY: Duration = Duration::from_secs(3600);

/// The deleted documents that are still here.
pub(super) struct Forgetting {
    /// How long they are kept.
    keep: Duration,
    /// When each was deleted, by the clock of who did it, and when that was heard of here.
    heard: BTreeMap<DocumentId, (WallTime, WallTime)>,
    looked: Option<SteadyTime>,
}

impl Forgetting {
    /// When it was heard of each, as settings of the store say.
    pub(super) fn load(keep: Duration, settings: &[(String, Vec<u8>)]) -> Self {
        let heard = settings.iter().filter_map(|(name, value)| {
            let document = name.strip_prefix(SETTING)?.parse().ok()?;
            Some((document, codec::decode(value).ok()?))
        });
        Self { keep, heard: heard.collect(), looked: None }
    }
}

impl Engine {
    /// Forgets the documents whose time is over.
    pub(super) fn forget_deleted(&mut self) {
        let now = self.now();
        let often = LOOK_EVERY.min(self.forgetting.keep);
        if self.forgetting.looked.is_some_and(|at| now.steady.since(at) < often) {
            return;
        }
        self.forgetting.looked = Some(now.steady);
        let spaces = self.spaces.iter().flat_map(|(id, slot)| {
            let here = slot.space.deleted_here();
            here.map(|(document, label, by)| (*id, document, label.clone(), by.at))
        });
        let deleted: Vec<_> = spaces.collect();
        for (space, document, label, at) in deleted {
            let heard = self.heard_of_deletion(document, at, now.wall);
            let mut effects = Vec::new();
            let Some(slot) = self.spaces.get_mut(&space) else { continue };
            if heard + self.forgetting.keep <= now.wall && slot.space.forget(&label, &mut effects) {
                tracing::info!(document = %document.short(), "a deleted document leaves the disk");
                self.perform(space, effects);
            }
        }
    }

    /// When it was first heard that a document was deleted then. It may have been deleted before, and restored.
    fn heard_of_deletion(&mut self, document: DocumentId, at: WallTime, now: WallTime) -> WallTime {
        match self.forgetting.heard.get(&document) {
            Some((deleted, heard)) if *deleted == at => *heard,
            _ => {
                self.forgetting.heard.insert(document, (at, now));
                let name = format!("{SETTING}{document}");
                self.write_setting(Record::Setting { name, value: codec::encode(&(at, now)) });
                now
            }
        }
    }
}
