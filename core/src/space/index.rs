//! What this device holds of each document, by numbers and hashes: the entries themselves are in the store.

use std::collections::{BTreeMap, BTreeSet};

use super::effect::{ChainRecord, ChainState, Change};
use super::journal::Accepted;
use crate::document::Label;
use crate::id::{ChainId, DeviceId, DocumentId, Hash, SpaceId};
use crate::log::{ChainHead, Frontier, Point, Tip};

/// One document's chains.
#[derive(Debug)]
pub(super) struct DocumentLog {
    pub(super) label: Label,
    pub(super) chains: BTreeMap<ChainId, Chain>,
    /// How far chains that were cut off are mended.
    pub(super) mended: Frontier,
    /// Chains that this device opened and has not written to yet.
    pub(super) begun: BTreeSet<ChainId>,
    /// The feed's number when the document last changed.
    pub(super) changed: u64,
    /// The same, of what is saved.
    pub(super) saved_feed: u64,
}

/// One chain, as far as it is held.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) author: DeviceId,
    pub(super) tip: Tip,
    /// Where its Yjs client stands.
    pub(super) clock: u32,
    /// How many bytes its entries are.
    pub(super) bytes: u64,
    /// The feed's number when it last grew before the device was opened.
    pub(super) restored: u64,
    /// The last entry that would survive the process: what may be sent.
    pub(super) written: Point,
    /// The last entry that would survive a power cut: what may be advertised.
    pub(super) saved: Point,
    pub(super) state: ChainState,
}

impl DocumentLog {
    pub(super) fn new(label: Label) -> Self {
        Self {
            label,
            chains: BTreeMap::new(),
            mended: Frontier::default(),
            begun: BTreeSet::new(),
            changed: 0,
            saved_feed: 0,
        }
    }

    /// Puts back a chain that was read from the store, and is saved therefore.
    pub(super) fn restore(&mut self, chain: ChainId, head: &ChainHead, record: &ChainRecord) {
        let saved = record.tip.point();
        let ChainRecord { tip, clock, bytes, feed, state } = *record;
        let author = head.device;
        let restored = feed;
        let held = Chain { author, tip, clock, bytes, restored, written: saved, saved, state };
        self.chains.insert(chain, held);
        self.changed = self.changed.max(feed);
        self.saved_feed = self.changed;
    }

    /// A chain got longer, or began.
    pub(super) fn grow(
        &mut self,
        chain: ChainId,
        author: DeviceId,
        (tip, clock): (Tip, u32),
        feed: u64,
    ) -> &mut Chain {
        self.changed = feed;
        self.begun.remove(&chain);
        let start = Point { number: 0, hash: Hash(chain.0) };
        let state = ChainState::Open;
        let (bytes, restored) = (0, 0);
        let begun =
            Chain { author, tip, clock, bytes, restored, written: start, saved: start, state };
        let chain = self.chains.entry(chain).or_insert(begun);
        (chain.tip, chain.clock) = (tip, clock);
        chain
    }

    /// Whose document it is, where nobody else has written.
    pub(super) fn sole_author(&self) -> Option<DeviceId> {
        let mut authors = self.chains.values().map(|chain| chain.author);
        let first = authors.next()?;
        authors.all(|author| author == first).then_some(first)
    }

    /// How many of its chains are an author's.
    pub(super) fn chains_of(&self, author: &DeviceId) -> u64 {
        self.chains.values().filter(|chain| chain.author == *author).count() as u64
    }

    /// The change that stores what is known of the document as a whole.
    pub(super) fn change(&self, space: SpaceId) -> Change {
        Change::Document { space, label: self.label.clone(), mended: self.mended.clone() }
    }

    /// What was accepted is written now.
    pub(super) fn wrote(&mut self, accepted: &Accepted) {
        if let Some(chain) = self.chains.get_mut(&accepted.segment.chain) {
            chain.written = accepted.tip.point();
        }
    }

    /// What was accepted is saved now.
    pub(super) fn saved(&mut self, accepted: &Accepted) {
        self.saved_feed = accepted.feed;
        if let Some(chain) = self.chains.get_mut(&accepted.segment.chain) {
            chain.saved = accepted.tip.point();
        }
    }

    /// All that is held, saved or not.
    pub(super) fn frontier(&self) -> Frontier {
        self.chains.iter().map(|(id, chain)| (*id, chain.tip.point())).collect()
    }

    /// What may be sent.
    pub(super) fn written_frontier(&self) -> Frontier {
        let written = self.chains.iter().filter(|(_, chain)| chain.written.number > 0);
        written.map(|(id, chain)| (*id, chain.written)).collect()
    }

    /// What others may rely on.
    pub(super) fn saved_frontier(&self) -> Frontier {
        let saved = self.chains.iter().filter(|(_, chain)| chain.saved.number > 0);
        saved.map(|(id, chain)| (*id, chain.saved)).collect()
    }

    /// Whether all of `offered` is here, but for chains that are closed or refused.
    pub(super) fn covers(&self, offered: &Frontier, except: impl Fn(&ChainId) -> bool) -> bool {
        offered.iter().all(|(id, point)| {
            let held = self.chains.get(id);
            held.is_some_and(|chain| chain.covers(point)) || except(id)
        })
    }

    /// What to say is held to somebody who offers this: all, but for chains that went another way there.
    /// Those have to be seen from the start, so that it shows.
    pub(super) fn frontier_for(&self, offered: &Frontier) -> Frontier {
        let contradicts = |id: &ChainId, chain: &Chain| {
            let end = offered.get(id).filter(|point| point.number == chain.tip.number);
            end.is_some_and(|point| !chain.covers(point))
        };
        let told = self.chains.iter().filter(|(id, chain)| !contradicts(id, chain));
        told.map(|(id, chain)| (*id, chain.tip.point())).collect()
    }
}

impl Chain {
    /// Whether the chain up to that entry is here, as far as numbers tell, and hashes of one number.
    fn covers(&self, point: &Point) -> bool {
        self.state == ChainState::Forked
            || self.tip.number > point.number
            || self.tip.point() == *point
    }

    /// The change that stores this chain's end.
    pub(super) fn change(&self, document: DocumentId, chain: ChainId, feed: u64) -> Change {
        let Self { tip, clock, bytes, state, .. } = *self;
        let record = ChainRecord { tip, clock, bytes, feed, state };
        Change::Chain { document, chain, record }
    }
}

/// All documents of a space.
pub(super) type Index = BTreeMap<DocumentId, DocumentLog>;
