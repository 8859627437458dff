//! What is stored and can't be read any more: named, asked for, and put back.

use std::collections::BTreeMap;

use driftline_core::id::{ChainId, DocumentId};
use driftline_core::space::{Event, Space};
use driftline_storage::{SledEngine, Store};

use super::Engine;
use super::inbox::Input;
use crate::device::{Damaged, DiskState, DiskStatus};

/// The first entry of each chain that can't be read.
pub(super) type Damage = BTreeMap<(DocumentId, ChainId), u64>;

impl Engine {
    /// What is stored of a chain can't be read from an entry on, or all of it can again.
    pub(super) fn readable(&mut self, place: (DocumentId, ChainId), lost: Option<u64>) {
        let (document, chain) = place;
        let holds = |space: &Space| space.frontier(&document).get(&chain).is_some();
        let Some((id, slot)) = self.spaces.iter().find(|(_, slot)| holds(&slot.space)) else {
            return;
        };
        let id = *id;
        let before = match lost {
            Some(first) => self.damage.insert(place, first),
            None => self.damage.remove(&place),
        };
        if before != lost {
            slot.tell();
        }
        match lost {
            Some(first) => {
                tracing::error!(
                    document = %document.short(),
                    chain = %chain.short(),
                    entry = first,
                    "stored bytes have changed: members are asked for the entry"
                );
                self.feed(id, Event::Lost { document, chain, first });
            }
            None if before.is_some() => {
                tracing::info!(document = %document.short(), chain = %chain.short(), "what was lost is back");
            }
            None => {}
        }
    }

    /// Once all that was taken in is written, looks whether a chain can be read now.
    pub(super) fn look_at_repair(&self, (document, chain): (DocumentId, ChainId)) {
        let (inbox, pool) = (self.inbox.clone(), self.pool.clone());
        let look = move |store: &Store<SledEngine>| {
            if let Ok(lost) = store.first_unreadable(&document, &chain) {
                inbox.push(Input::Readable { document, chain, lost });
            }
        };
        if self.writer.after(Box::new(move |_: &_| pool.run(look))).is_err() {
            tracing::warn!("something was put back while the store was closing");
        }
    }

    /// How the disk is.
    pub(super) fn disk_status(&self) -> DiskStatus {
        let state = match &self.broken {
            Some(cause) => DiskState::Failed { why: words(cause) },
            None if self.full => DiskState::Full,
            None => DiskState::Sound,
        };
        let name = |document: &DocumentId| {
            let mut labels = self.spaces.values().filter_map(|slot| slot.space.label(document));
            labels.next().map(|label| label.name().to_owned()).unwrap_or_default()
        };
        let damaged = self.damage.iter().map(|((document, chain), entry)| Damaged {
            document: *document,
            name: name(document),
            chain: *chain,
            entry: *entry,
        });
        DiskStatus { state, damaged: damaged.collect() }
    }
}

/// An error and its causes.
fn words(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut words: Vec<_> = causes.map(ToString::to_string).collect();
    words.dedup();
    words.join(": ")
}
