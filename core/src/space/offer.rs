//! Catching up: who is behind is offered what changed, says what it lacks, and gets that from the store.
//!
//! The feed's number says which documents changed; frontiers of those say what is missing. So "nothing new"
//! costs one number, and what a peer got from somebody else is not sent again.

use std::collections::BTreeSet;

use super::effect::{Effect, PeerFault};
use super::following::Offer;
use super::message::{Changed, Message, Segments, Stretch};
use super::session::{Mode, PATIENCE, Session};
use super::{Context, DocumentLog, Space};
use crate::document::Label;
use crate::id::{ChainId, DeviceId, DocumentId};
use crate::log::{Frontier, Point, Segment};
use crate::roster::Reach;

/// How many documents one offer names at the most.
const OFFERED_DOCUMENTS: usize = 256;

/// How many chains the frontiers of one offer name, about.
const OFFERED_CHAINS: usize = 4096;

/// How many bytes are read from the store at a time, about.
const READ_BYTES: usize = 256 << 10;

/// While more than this waits to be sent to a peer, nothing more is read for it, in bytes.
pub(super) const LOW_WATER: usize = 1 << 20;

/// How many documents a peer may have waiting to be read.
const MAX_WANTED: usize = 4 * OFFERED_DOCUMENTS;

impl Space {
    /// Moves every session on as far as it goes.
    pub(super) fn serve_everybody(&mut self, context: &mut Context<'_>) {
        let peers: Vec<_> = self.sessions.keys().copied().collect();
        for peer in peers {
            self.serve(peer, context);
        }
    }

    fn serve(&mut self, peer: DeviceId, context: &mut Context<'_>) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        if session.queued > LOW_WATER || session.outbound.reading {
            return;
        }
        if session.presence.is_due(context.now.steady) {
            // It waits for what is under way, and is no news any more if all the rest goes first.
            return;
        }
        if let Some((document, beyond)) = session.outbound.queue.front().cloned() {
            session.outbound.reading = true;
            let upto = self.index.get(&document).map(DocumentLog::written_frontier);
            let (upto, budget) = (upto.unwrap_or_default(), READ_BYTES);
            context.effects.push(Effect::Read { peer, document, beyond, upto, budget });
            return;
        }
        match session.outbound.mode {
            Mode::Behind => self.offer(peer, context),
            Mode::Serving { stretch } => {
                session.outbound.told = session.outbound.told.max(stretch.upto);
                session.outbound.mode = Mode::Behind;
                if !self.go_live(peer, context) {
                    self.offer(peer, context);
                }
            }
            Mode::Unopened | Mode::Offered { .. } | Mode::Live => {}
        }
    }

    /// Offers what changed behind the place in the feed that the peer was told last.
    fn offer(&mut self, peer: DeviceId, context: &mut Context<'_>) {
        let Some(session) = self.sessions.get(&peer) else { return };
        let from = session.outbound.told;
        let Some(changed) = self.changed_since(from, peer) else {
            self.go_live(peer, context);
            return;
        };
        let stretch = changed.stretch;
        self.send(peer, &Message::Changed(changed), context);
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.outbound.mentioned = session.outbound.mentioned.max(stretch.upto);
            session.outbound.mode = Mode::Offered { stretch, since: context.now.steady };
        }
    }

    /// The next documents that changed behind `from`, in the order of the feed; nothing if none did. Only
    /// what is saved is advertised.
    fn changed_since(&self, from: u64, peer: DeviceId) -> Option<Changed> {
        let changed = self.index.iter().filter(|(_, log)| log.saved_feed > from);
        let changed = changed.filter(|(document, _)| self.may_read(document, &peer));
        let mut changed: Vec<_> = changed.collect();
        changed.sort_unstable_by_key(|(_, log)| log.saved_feed);
        let mut chains = 0;
        let page = changed.iter().take(OFFERED_DOCUMENTS).take_while(|(_, log)| {
            chains += log.chains.len();
            chains == log.chains.len() || chains <= OFFERED_CHAINS
        });
        let page: Vec<_> = page.collect();
        let saved = self.journal.feed().saved;
        let upto = match page.last() {
            Some((_, log)) if page.len() < changed.len() => log.saved_feed,
            // Also where all that changed is not for the peer to read.
            _ if saved > from => saved,
            _ => return None,
        };
        let offered = |(document, log): &(&DocumentId, &super::DocumentLog)| {
            (log.label.clone(), self.offered_frontier(**document, log, &peer))
        };
        let documents = page.into_iter().map(offered).collect();
        Some(Changed { stretch: Stretch { from, upto }, documents })
    }

    /// What is saved of a document and travels to a peer.
    fn offered_frontier(
        &self,
        document: DocumentId,
        log: &super::DocumentLog,
        peer: &DeviceId,
    ) -> Frontier {
        let travels = |(id, point): (&ChainId, &Point)| match self.reach(
            document,
            &log.chains.get(id)?.author,
            id,
            peer,
        ) {
            Reach::Whole => Some((*id, *point)),
            Reach::Upto(cut) if cut.number == 0 => None,
            Reach::Upto(cut) if cut.number < point.number => Some((*id, cut)),
            Reach::Upto(_) => Some((*id, *point)),
            Reach::Nothing => None,
        };
        log.saved_frontier().iter().filter_map(travels).collect()
    }

    /// A peer says what changed at its end: answer with what is missing of it here.
    pub(super) fn changed(
        &mut self,
        peer: DeviceId,
        changed: Changed,
        context: &mut Context<'_>,
    ) -> Result<(), PeerFault> {
        if self.full {
            return Ok(());
        }
        let Changed { stretch, documents } = changed;
        // What an earlier offer lacked may have come in just before.
        self.settle_intake(context);
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.inbound.settle_offer(&self.index);
            // Once the peer knows what does not count, it offers it no more.
            session.inbound.barred.clear();
        }
        let Some(session) = self.sessions.get(&peer) else { return Ok(()) };
        let inbound = &session.inbound;
        let (mut missing, mut want, mut ledgers) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (label, offered) in documents {
            if !label.is_sound() {
                return Err(PeerFault::Label);
            }
            let document = label.document(&self.id);
            let is_for = |reader| !label.is_ledger() || self.reads_ledger(&document, reader);
            if !is_for(&self.me) || !is_for(&peer) {
                // It is asked for once the roster says that it may be.
                continue;
            }
            let log = self.index.get(&document);
            let covers =
                |log: &DocumentLog| log.covers(&offered, |chain| inbound.is_refused(chain));
            // Of one that is not to be had from the peer, there is nothing to wait for.
            if !offered.is_empty() && !log.is_some_and(covers) {
                let held = log.map(|log| log.frontier_for(&offered)).unwrap_or_default();
                want.push((document, held));
                missing.push((document, offered));
                ledgers.extend(label.is_ledger().then_some(document));
            }
        }
        // The roster comes first, so that authors are known when their entries come.
        let roster = Label::roster().document(&self.id);
        want.sort_by_key(|(document, _)| *document != roster);
        if let Some(session) = self.sessions.get_mut(&peer) {
            let missing = missing.into_iter().collect();
            session.inbound.offer = Some(Offer { stretch, missing, ledgers });
        }
        self.send(peer, &Message::Want(want), context);
        Ok(())
    }

    /// A peer says what it holds of documents that it wants more of.
    pub(super) fn wanted(&mut self, peer: DeviceId, documents: Vec<(DocumentId, Frontier)>) {
        let readable = documents.into_iter().filter(|(document, _)| self.may_read(document, &peer));
        let readable: Vec<_> = readable.collect();
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        let outbound = &mut session.outbound;
        for (document, held) in readable {
            outbound.queue.retain(|(queued, _)| *queued != document);
            let Some(log) = self.index.get(&document) else { continue };
            if outbound.queue.len() < MAX_WANTED {
                // Chains that are not here cost memory and say nothing.
                let known = held.iter().filter(|(chain, _)| log.chains.contains_key(chain));
                let held = known.map(|(chain, point)| (*chain, *point)).collect();
                outbound.queue.push_back((document, held));
            }
        }
        if let Mode::Offered { stretch, .. } = outbound.mode {
            outbound.mode = Mode::Serving { stretch };
        }
    }

    /// What was read for a peer.
    pub(super) fn read(
        &mut self,
        peer: DeviceId,
        document: DocumentId,
        segments: Vec<Segment>,
        more: bool,
        context: &mut Context<'_>,
    ) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        session.outbound.reading = false;
        let queue = &mut session.outbound.queue;
        if let Some((_, held)) = queue.pop_front_if(|(front, _)| *front == document)
            && more
            && !segments.is_empty()
        {
            queue.push_front((document, with(held, &segments)));
        }
        let travelling =
            segments.into_iter().filter_map(|segment| self.travelling(document, segment, &peer));
        let segments: Vec<_> = travelling.collect();
        if !segments.is_empty() {
            let begins = segments.iter().any(|segment| segment.head().is_some());
            let label = self.index.get(&document).filter(|_| begins).map(|log| log.label.clone());
            let message = Segments { document, label, segments, stretch: None };
            self.send(peer, &Message::Segments(message), context);
        }
    }

    /// What of a segment travels to a reader. The rest, of somebody who was removed, stays where it is.
    pub(super) fn travelling(
        &self,
        document: DocumentId,
        segment: Segment,
        reader: &DeviceId,
    ) -> Option<Segment> {
        let author = self.chain(&document, &segment.chain)?.author;
        match self.reach(document, &author, &segment.chain, reader) {
            Reach::Whole => Some(segment),
            Reach::Upto(cut) if segment.before().number < cut.number => segment.upto(cut).ok(),
            Reach::Upto(_) | Reach::Nothing => None,
        }
    }

    /// Entries are missing before what a peer sent: ask for them, though not over and over.
    pub(super) fn ask_again(
        &mut self,
        peer: DeviceId,
        document: DocumentId,
        context: &mut Context<'_>,
    ) {
        let now = context.now.steady;
        let held = self.frontier(&document);
        if !self.may_read(&document, &peer) {
            return;
        }
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        if session.inbound.asked.len() >= MAX_WANTED {
            session.inbound.asked.clear();
        }
        let asked = session.inbound.asked.get(&document);
        if asked.is_none_or(|at| now.since(*at) >= PATIENCE / 10) {
            session.inbound.asked.insert(document, now);
            self.send(peer, &Message::Want(vec![(document, held)]), context);
        }
    }

    /// Whether what a peer sends of a document answers this device.
    pub(super) fn has_asked_for(&self, peer: &DeviceId, document: &DocumentId) -> bool {
        self.sessions.get(peer).is_some_and(|Session { inbound, .. }| {
            let offered =
                inbound.offer.as_ref().is_some_and(|it| it.missing.contains_key(document));
            offered || inbound.asked.contains_key(document)
        })
    }

    /// Asks again for what was refused because its author was not known to be a writer.
    pub(super) fn ask_for_refused(&mut self, peer: DeviceId, context: &mut Context<'_>) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        let inbound = &mut session.inbound;
        let barred = std::mem::take(&mut inbound.barred);
        let refused = inbound.refused.values().copied();
        let documents: BTreeSet<_> = refused.chain(barred.into_values()).collect();
        let documents = documents.into_iter().filter(|document| self.may_read(document, &peer));
        let want: Vec<_> = documents.map(|id| (id, self.frontier(&id))).collect();
        if !want.is_empty() {
            self.send(peer, &Message::Want(want), context);
        }
    }

    /// Offers again what was not answered or not acknowledged for too long.
    pub(super) fn repair(&mut self, peer: DeviceId, context: &mut Context<'_>) {
        let now = context.now.steady;
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        let outbound = &mut session.outbound;
        let acked = outbound.acked;
        let late = match outbound.mode {
            Mode::Offered { since, .. } => now.since(since) >= PATIENCE,
            Mode::Live => acked < outbound.told && now.since(outbound.progress) >= PATIENCE,
            Mode::Unopened | Mode::Behind | Mode::Serving { .. } => false,
        };
        if late && session.queued == 0 {
            tracing::debug!(peer = %peer.short(), acked, told = outbound.told, "offering again");
            outbound.told = acked;
            outbound.progress = now;
            outbound.mode = Mode::Behind;
        }
    }
}

/// What a peer will hold once it has these too.
fn with(mut held: Frontier, segments: &[Segment]) -> Frontier {
    for segment in segments {
        if let Ok(tip) = segment.walk(crate::clock::WallTime::default()) {
            held.advance(segment.chain, tip.point());
        }
    }
    held
}
