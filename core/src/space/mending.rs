//! What was written behind a cut, and the mends that make it harmless.
//!
//! Entries of somebody who was removed do not travel behind the cut, except to one member: whoever mends. That one makes
//! a mend, which names them, and from then on they travel like all others, as the mend undoes what they did.

use super::effect::Effect;
use super::{Context, Space};
use crate::id::{ChainId, DeviceId, DocumentId};
use crate::log::{EntryKind, Frontier, Mend, Segment};
use crate::roster::Reach;

impl Space {
    /// How far a chain counts in a document, or is mended.
    pub(super) fn counting_reach(
        &self,
        document: DocumentId,
        author: &DeviceId,
        chain: &ChainId,
    ) -> Reach {
        let reach = self.roster.reach(author, chain);
        let mended = self.index.get(&document).and_then(|log| log.mended.get(chain));
        match (reach, mended) {
            (Reach::Upto(cut), Some(mended)) if mended.number <= cut.number => Reach::Upto(cut),
            (Reach::Upto(_) | Reach::Nothing, Some(mended)) => Reach::Upto(*mended),
            (reach, _) => reach,
        }
    }

    /// Whether a device is the one that mends in this space.
    pub(super) fn is_mender(&self, device: &DeviceId) -> bool {
        self.roster.mender() == Some(*device)
    }

    /// Whether an author may have written the mends in a segment, and they are mends.
    pub(super) fn may_hold(&self, author: &DeviceId, segment: &Segment) -> bool {
        let entries = segment.entries().map_while(Result::ok).map(|(entry, _)| entry);
        let mut mends = entries.filter(|entry| entry.kind == EntryKind::MEND);
        mends.all(|mend| self.roster.may_mend(author) && Mend::read(mend.payload).is_ok())
    }

    /// Has what does not count mended, if that is this device's task.
    pub(super) fn mend_strays(&mut self, context: &mut Context<'_>) {
        let suspect = std::mem::take(&mut self.suspect);
        if !self.roster.has_cuts() || !self.is_mender(&self.me) {
            return;
        }
        for document in suspect {
            if self.mending.contains(&document) {
                continue;
            }
            let (counts, refused) = self.strays(document);
            if !refused.is_empty() {
                self.mending.insert(document);
                context.effects.push(Effect::Mend { document, counts, refused });
            }
        }
    }

    /// The mend is made: it becomes an entry, and with it what it mends may travel.
    pub(super) fn mended(
        &mut self,
        document: DocumentId,
        chain: ChainId,
        refused: Frontier,
        update: &[u8],
        context: &mut Context<'_>,
    ) {
        self.mending.remove(&document);
        self.suspect.insert(document);
        if !self.is_mender(&self.me) {
            return;
        }
        let mend = Mend { refused, update }.write();
        self.add_entry(chain, EntryKind::MEND, &mend, context);
        self.seal_chain(chain, context);
    }

    /// Takes note of what a segment mends, and asks for what is missing of that.
    pub(super) fn take_mends(
        &mut self,
        document: DocumentId,
        segment: &Segment,
        context: &mut Context<'_>,
    ) {
        self.suspect.insert(document);
        let entries = segment.entries().map_while(Result::ok).map(|(entry, _)| entry);
        let mends = entries.filter(|entry| entry.kind == EntryKind::MEND);
        let mut refused = Frontier::default();
        mends
            .filter_map(|entry| Mend::read(entry.payload).ok())
            .for_each(|mend| refused.join(&mend.refused));
        let Some(log) = self.index.get_mut(&document).filter(|_| !refused.is_empty()) else {
            return;
        };
        log.mended.join(&refused);
        let change = log.change(self.id);
        let missing = !log.frontier().covers(&refused);
        self.journal.add(change);
        for peer in self.sessions.keys().copied().collect::<Vec<_>>() {
            if missing {
                self.ask_again(peer, document, context);
            }
        }
    }

    /// The roster says something new: what counted may not count any more, and whoever mends has to get it.
    pub(super) fn suspect_all(&mut self) {
        if self.roster.has_cuts() {
            self.suspect.extend(self.index.keys());
            self.roster.mender().into_iter().for_each(|mender| self.offer_strays(mender));
        }
    }

    /// If a peer is the one that mends, and there is something here to be mended, it is offered everything again.
    pub(super) fn offer_strays(&mut self, peer: DeviceId) {
        let strays = |document: &DocumentId| !self.strays(*document).1.is_empty();
        if self.is_mender(&peer)
            && self.roster.has_cuts()
            && self.index.keys().any(strays)
            && let Some(session) = self.sessions.get_mut(&peer)
            && session.is_open()
        {
            session.outbound.begin_again(0);
        }
    }

    /// Where what counts of a document's chains ends, mended or not, and where those end of which there is more.
    fn strays(&self, document: DocumentId) -> (Frontier, Frontier) {
        let (mut counts, mut refused) = (Frontier::default(), Frontier::default());
        let mended = !self.is_roster(document)
            && !self.is_ledger(document)
            && self.deletion(&document).is_none();
        let Some(log) = self.index.get(&document).filter(|_| mended) else {
            return (counts, refused);
        };
        for (id, chain) in &log.chains {
            let end = match self.counting_reach(document, &chain.author, id) {
                Reach::Whole => chain.tip.number,
                Reach::Upto(end) => end.number.min(chain.tip.number),
                Reach::Nothing => 0,
            };
            if end < chain.tip.number {
                refused.advance(*id, chain.tip.point());
            }
            let point = crate::log::Point { number: end, ..chain.tip.point() };
            counts.advance(*id, point);
        }
        (counts, refused)
    }
}
