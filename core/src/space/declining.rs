//! Taking no more of something because a limit is reached, and hearing that others don't.
//!
//! Whoever sent it is told which chain it is about, once in a session. From then on it is passed over, and all else is
//! taken and acknowledged as ever. In the next session it is offered again: there may be room by then.

use std::collections::BTreeMap;

use super::effect::{Effect, Notice};
use super::holdings::{Growth, excess_of_acts};
use super::limits::Objection;
use super::message::Message;
use super::{Context, Space};
use crate::id::{ChainId, DeviceId, DocumentId};

/// How many chains of one peer are remembered of which no more is taken. What lies beyond is not acknowledged to it.
const MAX_DECLINED: usize = 4096;

/// What a peer said that it does not take of this device, and why.
#[derive(Debug)]
pub(super) struct Declined {
    /// What it said last.
    pub(super) objection: Objection,
    /// Of which chains it takes no more. What it acknowledges is all but these.
    pub(super) chains: BTreeMap<ChainId, DocumentId>,
}

impl Space {
    /// Takes no more of a chain from a peer while the session lasts, and says why.
    pub(super) fn decline(
        &mut self,
        peer: DeviceId,
        (document, chain): (DocumentId, ChainId),
        objection: Objection,
        context: &mut Context<'_>,
    ) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        let declined = &mut session.inbound.declined;
        if declined.len() < MAX_DECLINED && declined.insert(chain) {
            tracing::warn!(peer = %peer.short(), chain = %chain.short(), %objection, "no more is taken");
            self.send(peer, &Message::Objects(Some((document, chain)), objection), context);
        }
    }

    /// What is over a limit, if that much more of an author's was taken in. What waits to be checked counts in whole,
    /// whosever it is.
    pub(super) fn excess(
        &self,
        document: DocumentId,
        author: &DeviceId,
        growth: Growth,
    ) -> Option<Objection> {
        let log = self.index.get(&document)?;
        let waiting = self.intake.growth;
        let growth = Growth {
            entries: growth.entries.saturating_add(waiting.entries),
            bytes: growth.bytes.saturating_add(waiting.bytes),
            ..growth
        };
        if *author == self.me {
            // Its own from before a restored backup, say.
            return None;
        }
        if self.is_roster(document) {
            return excess_of_acts(&self.limits, log, author, growth);
        }
        let members = self.roster.members().count() as u64;
        let (who, chains) = ((author, members), log.chains_of(author));
        self.holdings.excess(&self.limits, who, (chains, self.intake.opened), growth)
    }

    /// A peer takes no more of a chain, or hangs up.
    pub(super) fn objected(
        &mut self,
        peer: DeviceId,
        what: Option<(DocumentId, ChainId)>,
        objection: Objection,
        context: &mut Context<'_>,
    ) {
        tracing::warn!(space = %self.id.short(), peer = %peer.short(), %objection, "a peer objects");
        // Chains that are not here cost memory and say nothing.
        let known = what.filter(|(document, chain)| self.chain(document, chain).is_some());
        let fresh = || Declined { objection, chains: BTreeMap::new() };
        let declined = self.declined.entry(peer).or_insert_with(fresh);
        declined.objection = objection;
        declined.chains.extend(known.map(|(document, chain)| (chain, document)));
        context.effects.push(Effect::Notify(Notice::Peers));
    }

    /// A session begins: a peer that took not all says so again, and what it acknowledged before counts only as far as
    /// it says now that it holds all.
    pub(super) fn forget_declined(&mut self, peer: DeviceId, saved: u64) {
        if self.declined.remove(&peer).is_some() {
            self.acked.insert(peer, saved);
        }
    }

    /// Whether a peer said that it takes no more of a chain.
    pub(super) fn is_declined_by(&self, peer: &DeviceId, chain: &ChainId) -> bool {
        self.declined.get(peer).is_some_and(|declined| declined.chains.contains_key(chain))
    }
}
