//! Entries that this device has lost, though it held them: asked for anew, and put back where they were.
//!
//! A disk may give back other bytes than it was given. What the store then can't read any more, peers still have, and
//! what they send can't be anything else: it has to lead to the hashes that are known.

use std::collections::{BTreeMap, BTreeSet};

use super::effect::Change;
use super::message::Message;
use super::{Context, Space};
use crate::clock::WallTime;
use crate::id::{ChainId, DeviceId, DocumentId};
use crate::log::{Frontier, Point, Segment};

/// What can't be read of chains, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Healing {
    /// The first entry of each chain that can't be read.
    lost: BTreeMap<(DocumentId, ChainId), u64>,
    /// What a peer sent of it, signed by its author.
    found: BTreeMap<(DocumentId, ChainId), Segment>,
}

impl Healing {
    /// Nothing of a document is held any more.
    pub(super) fn forget(&mut self, document: DocumentId) {
        self.lost.retain(|(of, _), _| *of != document);
        self.found.retain(|(of, _), _| *of != document);
    }
}

impl Space {
    /// A chain can't be read from an entry on: whoever is connected is asked for it, and whoever comes.
    pub(super) fn lost(
        &mut self,
        (document, chain): (DocumentId, ChainId),
        first: u64,
        context: &mut Context<'_>,
    ) {
        let held = self.chain(&document, &chain).map_or(0, |chain| chain.tip.number);
        if (1..=held).contains(&first) {
            self.healing.lost.insert((document, chain), first);
            for peer in self.sessions.keys().copied().collect::<Vec<_>>() {
                self.ask_for_lost(peer, context);
            }
        }
    }

    /// Asks a peer for what was lost.
    pub(super) fn ask_for_lost(&mut self, peer: DeviceId, context: &mut Context<'_>) {
        if self.healing.lost.is_empty() || !self.has_opened(&peer) {
            return;
        }
        let lost: BTreeSet<_> = self.healing.lost.keys().map(|(document, _)| *document).collect();
        let want: Vec<_> = lost.into_iter().map(|id| (id, self.readable(id))).collect();
        if let Some(session) = self.sessions.get_mut(&peer) {
            let asked = want.iter().map(|(document, _)| (*document, context.now.steady));
            session.inbound.asked.extend(asked);
        }
        self.send(peer, &Message::Want(want), context);
    }

    /// What is held of a document and can be read. Of a point, only the number counts to whoever serves it.
    fn readable(&self, document: DocumentId) -> Frontier {
        let readable = |(chain, point): (&ChainId, &Point)| {
            let lost = self.healing.lost.get(&(document, *chain));
            let number = lost.map_or(point.number, |first| first - 1);
            (number > 0).then_some((*chain, Point { number, ..*point }))
        };
        self.frontier(&document).iter().filter_map(readable).collect()
    }

    /// Keeps a segment that holds what was lost, if its author signed it. It goes the way of any other besides.
    pub(super) fn look_for_lost(&mut self, document: DocumentId, segment: &Segment) {
        let place = (document, segment.chain);
        let Some(first) = self.healing.lost.get(&place) else { return };
        let Some(author) = self.chain(&document, &segment.chain).map(|chain| chain.author) else {
            return;
        };
        if segment.first() <= *first
            && let Ok(Some(found)) = segment.after(first - 1)
            && let Ok(tip) = found.walk(WallTime::default())
            && found.verify(&author, &tip).is_ok()
        {
            self.healing.found.insert(place, found);
        }
    }

    /// Has put back what was found, but for what goes beyond all that is held: that comes again when it is asked for
    /// again.
    pub(super) fn settle_lost(&mut self) {
        for (place, segment) in std::mem::take(&mut self.healing.found) {
            let (document, id) = place;
            let held = self.chain(&document, &id).map_or(0, |chain| chain.tip.number);
            if segment.last() <= held {
                self.healing.lost.remove(&place);
                self.journal.add(Change::PutBack { document, segment: Box::new(segment) });
            }
        }
    }
}
