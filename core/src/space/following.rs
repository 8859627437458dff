//! Following one another's feeds: what came in whole, what is acknowledged, and what is noted of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::effect::{Change, Effect, Notice, Position};
use super::message::{Message, Stretch};
use super::session::PATIENCE;
use super::{Context, Space};
use crate::clock::SteadyTime;
use crate::id::{ChainId, DeviceId, DocumentId};
use crate::log::Frontier;

/// More claims than this that wait for an earlier one are not remembered.
const MAX_CLAIMS: usize = 256;

/// Following the peer's feed.
#[derive(Debug, Default)]
pub(super) struct Inbound {
    /// Everything of it up to here has been taken in.
    pub(super) received: u64,
    /// Where the peer's feed was when the session opened.
    head: u64,
    /// How far that is in the store.
    pub(super) persisted: u64,
    /// Stretches that came in whole, and wait for what is before them.
    claims: Vec<Stretch>,
    /// Since when that has been so.
    gap_since: Option<SteadyTime>,
    /// What the peer offered last, and is not all here yet.
    pub(super) offer: Option<Offer>,
    /// When a document's missing entries were last asked for.
    pub(super) asked: BTreeMap<DocumentId, SteadyTime>,
    /// Chains whose author may not write, as far as this device knows.
    pub(super) refused: BTreeMap<ChainId, DocumentId>,
    /// Chains of which the peer has more than counts.
    pub(super) barred: BTreeMap<ChainId, DocumentId>,
    /// Chains of which no more is taken, as a limit is reached, and the peer was told so.
    pub(super) declined: BTreeSet<ChainId>,
    /// What is to be acknowledged, once a batch is saved. A peer that begins again tells all of it again.
    pub(super) unsaved: VecDeque<(u64, u64)>,
}

/// A stretch of the peer's feed, and what has to be here before it counts as received.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) stretch: Stretch,
    pub(super) missing: BTreeMap<DocumentId, Frontier>,
    /// Which of these documents are buckets' ledgers.
    pub(super) ledgers: BTreeSet<DocumentId>,
}

impl Space {
    /// The peer sent a whole stretch of its feed. It counts once everything before it is here too.
    pub(super) fn claim(&mut self, peer: DeviceId, stretch: Stretch) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        let claims = &mut session.inbound.claims;
        let room = claims.len() < MAX_CLAIMS;
        match claims.last_mut() {
            Some(last) if last.upto == stretch.from => last.upto = stretch.upto,
            _ if room => claims.push(stretch),
            _ => {}
        }
    }

    /// Moves each session's place in its peer's feed as far as what came in allows.
    pub(super) fn settle_claims(&mut self) {
        let mut moved = Vec::new();
        // Where to go on from is known with the peer's `Open`, which may have been overtaken.
        for (peer, session) in self.sessions.iter_mut().filter(|(_, session)| session.is_open()) {
            let inbound = &mut session.inbound;
            inbound.settle_offer(&self.index);
            if inbound.advance() {
                inbound.unsaved.push_back((self.journal.current(), inbound.received));
                moved.push(*peer);
            }
        }
        // What only moves a number waits for housekeeping, or for entries to be written with.
        if self.journal.is_dirty() {
            moved.into_iter().for_each(|peer| self.persist_seen(peer));
        } else {
            let batch = self.journal.issued();
            for peer in moved {
                let session = self.sessions.get_mut(&peer);
                if let Some(last) = session.and_then(|session| session.inbound.unsaved.back_mut()) {
                    last.0 = batch;
                }
            }
        }
    }

    /// Tells peers what of their feeds is saved by now.
    pub(super) fn acknowledge(&mut self, context: &mut Context<'_>) {
        for (peer, session) in &mut self.sessions {
            let unsaved = &mut session.inbound.unsaved;
            let mut saved = None;
            while let Some((_, received)) =
                unsaved.pop_front_if(|(batch, _)| self.journal.is_saved(*batch))
            {
                saved = Some(received);
            }
            // Nothing of what holds refused entries is acknowledged: they are to be sent again.
            if let (Some(received), Some(incarnation)) = (saved, session.theirs)
                && session.inbound.takes_all()
            {
                // What was declined is acknowledged with the rest, as the peer knows of it, and is offered again in
                // the next session: then there may be room.
                if session.inbound.declined.is_empty() {
                    self.seen.insert(*peer, Position { incarnation, number: received });
                }
                let frame = Message::Saved(received).frame(self.tag);
                session.queued += frame.len();
                context.effects.push(Effect::Send { to: vec![*peer], frame });
            }
        }
    }

    /// The peer saved this device's feed up to a number.
    pub(super) fn on_saved(&mut self, peer: DeviceId, upto: u64, context: &mut Context<'_>) {
        let feed = self.journal.feed();
        // What was not mentioned in this session can't have been saved in it.
        let mentioned = self.sessions.get(&peer).map_or(0, |session| session.outbound.mentioned);
        if upto > feed.accepted.min(mentioned) {
            return;
        }
        let acked = self.acked.entry(peer).or_default();
        *acked = upto.max(*acked);
        if let Some(session) = self.sessions.get_mut(&peer)
            && session.outbound.acked < upto
        {
            session.outbound.acked = upto;
            session.outbound.progress = context.now.steady;
        }
        context.effects.push(Effect::Notify(Notice::Progress));
    }

    pub(super) fn persist_seen(&mut self, peer: DeviceId) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        let Some(incarnation) = session.theirs else { return };
        if session.inbound.takes_all() && session.inbound.declined.is_empty() {
            session.inbound.persisted = session.inbound.received;
            let position = Position { incarnation, number: session.inbound.received };
            self.journal.add(Change::Seen { space: self.id, peer, position });
        }
    }

    pub(super) fn persist_acked(&mut self, peer: DeviceId) {
        let incarnation = self.journal.feed().incarnation;
        let Some(acked) = self.acked.get(&peer) else { return };
        if self.declined.contains_key(&peer) {
            // It is no word to rely on once this is forgotten.
            return;
        }
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        if session.persisted_ack != *acked {
            session.persisted_ack = *acked;
            let position = Position { incarnation, number: *acked };
            self.journal.add(Change::Acked { space: self.id, peer, position });
        }
    }
}

impl Inbound {
    /// Goes on behind what was `followed` before; `head` is where the peer's feed is now.
    pub(super) fn at(followed: u64, head: u64) -> Self {
        Self { received: followed, persisted: followed, head, ..Self::default() }
    }

    /// Where the peer's feed was when the session opened.
    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// Whether nothing that the peer sent was left out for want of a right.
    fn takes_all(&self) -> bool {
        self.refused.is_empty() && self.barred.is_empty()
    }

    /// Whether a chain is not taken from the peer as far as it goes, for want of a right.
    pub(super) fn is_refused(&self, chain: &ChainId) -> bool {
        self.refused.contains_key(chain)
            || self.barred.contains_key(chain)
            || self.declined.contains(chain)
    }

    /// Whether all that the peer had when the session opened, or has offered since, is here.
    pub(super) fn is_caught_up(&self) -> bool {
        self.received >= self.head && self.offer.is_none()
    }

    /// Whether something has been missing for long in front of what came in: the peer takes this device to be further than
    /// it is. That is said once in a while.
    pub(super) fn is_passed_over(&mut self, now: SteadyTime) -> bool {
        if self.claims.is_empty() {
            self.gap_since = None;
            return false;
        }
        let since = *self.gap_since.get_or_insert(now);
        now.since(since) >= PATIENCE && self.gap_since.take().is_some()
    }

    /// Waits no more for ledgers of the last offer that are not to be had any more.
    pub(super) fn give_up(&mut self, barred: impl Fn(&DocumentId) -> bool) {
        if let Some(Offer { missing, ledgers, .. }) = &mut self.offer {
            missing.retain(|document, _| !(ledgers.contains(document) && barred(document)));
        }
    }

    /// Strikes off what has arrived of the last offer; when nothing is missing, its stretch is received.
    pub(super) fn settle_offer(&mut self, index: &super::Index) {
        let Some(offer) = &mut self.offer else { return };
        let (refused, barred, declined) = (&self.refused, &self.barred, &self.declined);
        let except = |chain: &ChainId| {
            refused.contains_key(chain) || barred.contains_key(chain) || declined.contains(chain)
        };
        offer.missing.retain(|document, frontier| {
            let covers = |log: &super::DocumentLog| log.covers(frontier, except);
            !index.get(document).is_some_and(covers)
        });
        if offer.missing.is_empty() {
            self.claims.push(offer.stretch);
            self.offer = None;
        }
    }

    /// Moves on over the claims that join what was received; says whether there is something to
    /// acknowledge.
    fn advance(&mut self) -> bool {
        let before = self.received;
        // A peer that tells again what was received has missed that it was acknowledged.
        let missed = self.claims.iter().any(|stretch| stretch.upto <= before);
        self.claims.sort_by_key(|stretch| stretch.from);
        for stretch in &self.claims {
            if stretch.from <= self.received {
                self.received = self.received.max(stretch.upto);
            }
        }
        self.claims.retain(|stretch| stretch.upto > self.received);
        missed || self.received > before
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A peer that was granted a bucket began again, and its acknowledgement of what came before overtook the word of that.
    /// So this device went on from there, for ever, and the peer waited for what was before it, for ever.
    #[test]
    fn whoever_is_passed_over_says_so_once_in_a_while() {
        let mut inbound = Inbound::at(0, 30);
        let at = |seconds| SteadyTime::default() + Duration::from_secs(seconds);
        assert!(!inbound.is_passed_over(at(0)));
        inbound.claims.push(Stretch { from: 25, upto: 30 });
        assert!(!inbound.advance(), "what is in front of it is missing");
        let said: Vec<_> = (0..13).filter(|second| inbound.is_passed_over(at(*second))).collect();
        assert_eq!(said, [5, 11]);
        inbound.claims.push(Stretch { from: 0, upto: 25 });
        assert!(inbound.advance());
        assert!((13..30).all(|second| !inbound.is_passed_over(at(second))));
    }
}
