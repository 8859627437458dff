//! What this device and one connected member know of one another.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::effect::{Change, Effect, Notice, PeerFault, Position};
use super::journal::Accepted;
use super::message::{Message, Open, Stretch, VERSION};
use super::{Context, Space};
use crate::clock::SteadyTime;
use crate::id::{ChainId, DeviceId, DocumentId};
use crate::log::Frontier;

/// How long an answer may take before a message is taken for lost. Streams lose nothing, so this repairs
/// only what is broken otherwise.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How soon a quiet session is brought up to date about the feed's number.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// More claims than this that wait for an earlier one are not remembered.
const MAX_CLAIMS: usize = 256;

/// One connected member.
#[derive(Debug)]
pub(super) struct Session {
    /// The peer's incarnation, once its `Open` is here.
    theirs: Option<[u8; 16]>,
    /// Whether the peer has this device's `Open`.
    heard: bool,
    opened: SteadyTime,
    /// The end of this device's feed when the session began. What the peer sent before, it may have lost.
    began: u64,
    /// When this device last told the peer what let it in.
    pub(super) introduced: Option<SteadyTime>,
    /// Bytes handed over for sending that are not on their way yet.
    pub(super) queued: usize,
    /// How far the peer had saved this feed when that was last stored.
    persisted_ack: u64,
    next_housekeeping: SteadyTime,
    pub(super) inbound: Inbound,
    pub(super) outbound: Outbound,
}

/// Following the peer's feed.
#[derive(Debug, Default)]
pub(super) struct Inbound {
    /// Everything of it up to here has been taken in.
    received: u64,
    /// Where the peer's feed was when the session opened.
    head: u64,
    /// How far that is in the store.
    persisted: u64,
    /// Stretches that came in whole, and wait for what is before them.
    claims: Vec<Stretch>,
    /// What the peer offered last, and is not all here yet.
    pub(super) offer: Option<Offer>,
    /// When a document's missing entries were last asked for.
    pub(super) asked: BTreeMap<DocumentId, SteadyTime>,
    /// Chains whose author may not write, as far as this device knows.
    pub(super) refused: BTreeMap<ChainId, DocumentId>,
    /// What is to be acknowledged, once a batch is saved.
    unsaved: VecDeque<(u64, u64)>,
}

/// A stretch of the peer's feed, and what has to be here before it counts as received.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) stretch: Stretch,
    pub(super) missing: BTreeMap<DocumentId, Frontier>,
}

/// Serving this device's feed.
#[derive(Debug)]
pub(super) struct Outbound {
    pub(super) mode: Mode,
    /// Everything of the feed up to here has been sent, or the peer had it.
    pub(super) told: u64,
    /// What the peer acknowledged in this session. It may be less than what it did before: a peer notes
    /// lazily how far it followed, and goes by its notes after a crash.
    pub(super) acked: u64,
    /// When the peer last acknowledged something, or had nothing to acknowledge.
    pub(super) progress: SteadyTime,
    /// Documents to read for the peer, and what it holds of them.
    pub(super) queue: VecDeque<(DocumentId, Frontier)>,
    /// Whether a read is under way.
    pub(super) reading: bool,
}

/// How the feed gets to a peer.
#[derive(Debug)]
pub(super) enum Mode {
    /// The peer has not said yet how far it followed.
    Unopened,
    /// It is behind: an offer is to be made.
    Behind,
    /// It was offered a stretch and has not answered yet.
    Offered { stretch: Stretch, since: SteadyTime },
    /// It said what it wants, and gets it.
    Serving { stretch: Stretch },
    /// It has everything, and gets what is new as it is written.
    Live,
}

impl Session {
    fn new(now: SteadyTime, began: u64) -> Self {
        Self {
            theirs: None,
            heard: false,
            opened: now,
            began,
            introduced: None,
            queued: 0,
            persisted_ack: 0,
            next_housekeeping: now + HOUSEKEEPING,
            inbound: Inbound::default(),
            outbound: Outbound {
                mode: Mode::Unopened,
                told: 0,
                acked: 0,
                progress: now,
                queue: VecDeque::new(),
                reading: false,
            },
        }
    }

    pub(super) fn is_live(&self) -> bool {
        matches!(self.outbound.mode, Mode::Live)
    }

    /// Whether an entry of this device's feed came from the peer, so that the peer needs no copy.
    pub(super) fn brought(&self, accepted: &Accepted, peer: DeviceId) -> bool {
        accepted.origin == Some(peer) && accepted.feed > self.began
    }

    /// Whether the two have told one another where they are.
    pub(super) fn is_open(&self) -> bool {
        self.theirs.is_some()
    }

    pub(super) fn deadline(&self) -> SteadyTime {
        self.next_housekeeping
    }
}

impl Space {
    pub(super) fn peer_up(&mut self, peer: DeviceId, context: &mut Context<'_>) {
        // What came in before does not count as sent in the session that begins.
        self.settle_intake(context);
        self.connected.insert(peer);
        self.sessions.remove(&peer);
        self.open_session(peer, context);
    }

    pub(super) fn peer_down(&mut self, peer: DeviceId, context: &mut Context<'_>) {
        self.connected.remove(&peer);
        self.joiners.remove(&peer);
        if self.sessions.remove(&peer).is_some() {
            context.effects.push(Effect::Notify(Notice::Peers));
        }
    }

    /// Opens a session with a connected member that has none.
    pub(super) fn open_session(&mut self, peer: DeviceId, context: &mut Context<'_>) {
        let connected = self.connected.contains(&peer) && !self.sessions.contains_key(&peer);
        if connected && peer != self.me && self.roster.member(&peer).is_some() {
            let began = self.journal.feed().accepted;
            self.sessions.insert(peer, Session::new(context.now.steady, began));
            self.send_open(peer, false, context);
            context.effects.push(Effect::Notify(Notice::Peers));
        }
    }

    pub(super) fn on_open(
        &mut self,
        peer: DeviceId,
        open: Open,
        context: &mut Context<'_>,
    ) -> Result<(), PeerFault> {
        let Open { oldest, newest, head, seen, heard } = open;
        if !(oldest..=newest).contains(&VERSION) {
            return Err(PeerFault::Version { oldest, newest });
        }
        let followed = self.seen.get(&peer).filter(|seen| seen.incarnation == head.incarnation);
        let followed = followed.map_or(0, |seen| seen.number);
        let feed = self.journal.feed();
        let theirs = seen
            .filter(|seen| seen.incarnation == feed.incarnation && seen.number <= feed.accepted);
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        session.heard |= heard;
        if session.theirs.replace(head.incarnation) != Some(head.incarnation) {
            let (received, persisted) = (followed, followed);
            session.inbound =
                Inbound { received, persisted, head: head.number, ..Inbound::default() };
        }
        if matches!(session.outbound.mode, Mode::Unopened) {
            let saved = theirs.map_or(0, |seen| seen.number);
            session.outbound.told = saved;
            session.outbound.mode = Mode::Behind;
            self.on_saved(peer, saved, context);
        }
        if !heard {
            self.send_open(peer, true, context);
        }
        context.effects.push(Effect::Notify(Notice::Peers));
        Ok(())
    }

    /// The peer sent a whole stretch of its feed. It counts once everything before it is here too.
    pub(super) fn claim(&mut self, peer: DeviceId, stretch: Stretch) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        if session.inbound.claims.len() < MAX_CLAIMS {
            session.inbound.claims.push(stretch);
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
                && session.inbound.refused.is_empty()
            {
                self.seen.insert(*peer, Position { incarnation, number: received });
                let frame = Message::Saved(received).frame(self.tag);
                session.queued += frame.len();
                context.effects.push(Effect::Send { to: vec![*peer], frame });
            }
        }
    }

    /// The peer saved this device's feed up to a number.
    pub(super) fn on_saved(&mut self, peer: DeviceId, upto: u64, context: &mut Context<'_>) {
        let feed = self.journal.feed();
        if upto > feed.accepted {
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

    /// Bytes left for the peer: there is room for more.
    pub(super) fn sent(&mut self, peer: DeviceId, bytes: usize) {
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.queued = session.queued.saturating_sub(bytes);
        }
    }

    pub(super) fn tick(&mut self, context: &mut Context<'_>) {
        let now = context.now.steady;
        let due = |session: &Session| session.next_housekeeping <= now;
        let due: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, session)| due(session))
            .map(|(peer, _)| *peer)
            .collect();
        for peer in due {
            self.keep_house(peer, context);
        }
    }

    fn keep_house(&mut self, peer: DeviceId, context: &mut Context<'_>) {
        let now = context.now.steady;
        let feed = self.journal.feed();
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        session.next_housekeeping = now + HOUSEKEEPING;
        let unanswered = !(session.heard && session.is_open());
        let stale = session.inbound.persisted < session.inbound.received;
        let reopen = unanswered && now.since(session.opened) >= HOUSEKEEPING * 2;
        self.tell_position(peer, feed.written, context);
        if stale {
            self.persist_seen(peer);
        }
        if reopen {
            // Also where only the peer's word is missing that it has this device's: it answers this.
            self.send_open(peer, false, context);
        }
        self.persist_acked(peer);
        self.repair(peer, context);
    }

    /// Sends one message to one peer, and counts its bytes.
    pub(super) fn send(&mut self, peer: DeviceId, message: &Message, context: &mut Context<'_>) {
        let frame = message.frame(self.tag);
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.queued += frame.len();
        }
        context.effects.push(Effect::Send { to: vec![peer], frame });
    }

    fn send_open(&mut self, peer: DeviceId, heard: bool, context: &mut Context<'_>) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        session.opened = context.now.steady;
        let seen = self.seen.get(&peer).copied();
        let head = self.journal.head();
        let open = Open { oldest: VERSION, newest: VERSION, head, seen, heard };
        self.send(peer, &Message::Open(open), context);
    }

    fn persist_seen(&mut self, peer: DeviceId) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        let Some(incarnation) = session.theirs else { return };
        if session.inbound.refused.is_empty() {
            session.inbound.persisted = session.inbound.received;
            let position = Position { incarnation, number: session.inbound.received };
            self.journal.add(Change::Seen { space: self.id, peer, position });
        }
    }

    fn persist_acked(&mut self, peer: DeviceId) {
        let incarnation = self.journal.feed().incarnation;
        let Some(acked) = self.acked.get(&peer) else { return };
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        if session.persisted_ack != *acked {
            session.persisted_ack = *acked;
            let position = Position { incarnation, number: *acked };
            self.journal.add(Change::Acked { space: self.id, peer, position });
        }
    }
}

impl Outbound {
    /// More was told. The peer's time to acknowledge begins, if it had acknowledged all before.
    pub(super) fn advance(&mut self, told: u64, now: SteadyTime) {
        if self.told == self.acked {
            self.progress = now;
        }
        self.told = told;
    }
}

impl Inbound {
    /// Whether all that the peer had when the session opened, or has offered since, is here.
    pub(super) fn is_caught_up(&self) -> bool {
        self.received >= self.head && self.offer.is_none()
    }

    /// Strikes off what has arrived of the last offer; when nothing is missing, its stretch is received.
    fn settle_offer(&mut self, index: &super::Index) {
        let Some(offer) = &mut self.offer else { return };
        let refused = &self.refused;
        offer.missing.retain(|document, frontier| {
            let covers = |log: &super::DocumentLog| {
                log.covers(frontier, |chain| refused.contains_key(chain))
            };
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
