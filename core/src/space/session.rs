//! What this device and one connected member know of one another.

use std::collections::VecDeque;
use std::time::Duration;

use super::allowance::Allowance;
use super::effect::{Effect, Notice};
use super::following::Inbound;
use super::journal::Accepted;
use super::message::{Message, Open, Stretch, VERSION};
use super::presence::Outgoing;
use super::{Context, Space};
use crate::clock::SteadyTime;
use crate::id::{DeviceId, DocumentId};
use crate::log::Frontier;

/// How long an answer may take before a message is taken for lost. Streams lose nothing, so this repairs
/// only what is broken otherwise.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How soon a quiet session is brought up to date about the feed's number.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// One connected member.
#[derive(Debug)]
pub(super) struct Session {
    /// The peer's incarnation, once its `Open` is here.
    pub(super) theirs: Option<[u8; 16]>,
    /// Whether the peer has this device's `Open`.
    heard: bool,
    opened: SteadyTime,
    /// The end of this device's feed when the session began. What the peer sent before, it may have lost.
    pub(super) began: u64,
    /// Bytes handed over for sending that are not on their way yet.
    pub(super) queued: usize,
    /// How far the peer had saved this feed when that was last stored.
    pub(super) persisted_ack: u64,
    next_housekeeping: SteadyTime,
    pub(super) inbound: Inbound,
    pub(super) outbound: Outbound,
    pub(super) presence: Outgoing,
}

/// Serving this device's feed.
#[derive(Debug)]
pub(super) struct Outbound {
    pub(super) mode: Mode,
    /// Everything of the feed up to here has been sent, or the peer had it.
    pub(super) told: u64,
    /// The furthest place of the feed that was mentioned in this session: nobody can have saved more.
    pub(super) mentioned: u64,
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
            queued: 0,
            persisted_ack: 0,
            next_housekeeping: now + HOUSEKEEPING,
            inbound: Inbound::default(),
            outbound: Outbound {
                mode: Mode::Unopened,
                told: 0,
                mentioned: 0,
                acked: 0,
                progress: now,
                queue: VecDeque::new(),
                reading: false,
            },
            presence: Outgoing::default(),
        }
    }

    pub(super) fn is_live(&self) -> bool {
        matches!(self.outbound.mode, Mode::Live)
    }

    /// Whether an entry of this device's feed came from the peer, so that the peer needs no copy.
    pub(super) fn brought(&self, accepted: &Accepted, peer: DeviceId) -> bool {
        accepted.origin == Some(peer) && accepted.feed > self.began
    }

    /// Whether the peer has this device's `Open`.
    pub(super) fn is_heard(&self) -> bool {
        self.heard
    }

    /// Whether the two have told one another where they are.
    pub(super) fn is_open(&self) -> bool {
        self.theirs.is_some()
    }

    /// Both feeds are gone through from the start.
    pub(super) fn begin_again(&mut self) {
        self.inbound = Inbound::at(0, self.inbound.head());
        self.tell_again();
    }

    /// This device's feed is gone through from the start.
    pub(super) fn tell_again(&mut self) {
        self.outbound.begin_again(0);
        // An acknowledgement that is on its way is not of what is told now: none counts before the peer has answered.
        self.outbound.mentioned = 0;
        self.heard = false;
    }

    pub(super) fn deadline(&self) -> SteadyTime {
        // Who has not said which version they speak is told nothing yet.
        let presence = self.presence.deadline(self.queued).filter(|_| self.is_open());
        presence.map_or(self.next_housekeeping, |at| at.min(self.next_housekeeping))
    }
}

impl Space {
    pub(super) fn peer_up(&mut self, peer: DeviceId, context: &mut Context<'_>) {
        if self.local {
            return;
        }
        // What came in before does not count as sent in the session that begins.
        self.settle_intake(context);
        self.connected.insert(peer, Allowance::new(&self.limits, context.now.steady));
        self.sessions.remove(&peer);
        self.introduced.remove(&peer);
        self.open_session(peer, context);
        self.press(peer, context);
    }

    pub(super) fn peer_down(&mut self, peer: DeviceId, context: &mut Context<'_>) {
        self.connected.remove(&peer);
        self.introduced.remove(&peer);
        self.joiners.remove(&peer);
        self.unshown.remove(&peer);
        if self.sessions.remove(&peer).is_some() {
            context.effects.push(Effect::Notify(Notice::Peers));
        }
    }

    /// Opens a session with a connected member that has none.
    pub(super) fn open_session(&mut self, peer: DeviceId, context: &mut Context<'_>) {
        let connected = self.connected.contains_key(&peer) && !self.sessions.contains_key(&peer);
        if connected && peer != self.me && self.both_are_in(&peer) {
            let began = self.journal.feed().accepted;
            self.sessions.insert(peer, Session::new(context.now.steady, began));
            self.send_open(peer, false, context);
            self.tell_presence(peer, context.now.steady);
            context.effects.push(Effect::Notify(Notice::Peers));
        }
    }

    /// Whether a connected member has said which version it speaks, and that is one of this device's.
    pub(super) fn has_opened(&self, peer: &DeviceId) -> bool {
        self.sessions.get(peer).is_some_and(Session::is_open)
    }

    pub(super) fn on_open(&mut self, peer: DeviceId, open: Open, context: &mut Context<'_>) {
        let Open { head, seen, heard, .. } = open;
        let followed = self.seen.get(&peer).filter(|seen| seen.incarnation == head.incarnation);
        let followed = followed.map_or(0, |seen| seen.number);
        let feed = self.journal.feed();
        let theirs = seen
            .filter(|seen| seen.incarnation == feed.incarnation && seen.number <= feed.accepted);
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        session.heard |= heard;
        if !heard {
            session.inbound.unsaved.clear();
        }
        if session.theirs.replace(head.incarnation) != Some(head.incarnation) {
            session.inbound = Inbound::at(followed, head.number);
        }
        // It counts as far as it was acknowledged: whoever may read more since is to go through all again.
        let acked = self.acked.get(&peer).copied().unwrap_or_default();
        let saved = theirs.map_or(0, |seen| seen.number).min(acked);
        // Later it means that the peer goes through all again, if it takes back what it acknowledged.
        if matches!(session.outbound.mode, Mode::Unopened) || saved < session.outbound.acked {
            session.outbound.begin_again(saved);
            self.forget_declined(peer, saved);
            self.on_saved(peer, saved, context);
            self.offer_strays(peer);
        }
        if !heard {
            self.send_open(peer, true, context);
        }
        self.ask_for_lost(peer, context);
        context.effects.push(Effect::Notify(Notice::Peers));
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
        let unanswered = unanswered && now.since(session.opened) >= HOUSEKEEPING * 2;
        let passed_over = session.inbound.is_passed_over(now);
        self.tell_position(peer, feed.written, context);
        if stale {
            self.persist_seen(peer);
        }
        if unanswered || passed_over {
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

    pub(super) fn send_open(&mut self, peer: DeviceId, heard: bool, context: &mut Context<'_>) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        session.opened = context.now.steady;
        let seen = self.seen.get(&peer).copied();
        let head = self.journal.head();
        let open = Open { oldest: VERSION, newest: VERSION, head, seen, heard };
        self.send(peer, &Message::Open(open), context);
    }
}

impl Outbound {
    /// Goes on from a place in the feed up to which the peer has everything.
    pub(super) fn begin_again(&mut self, from: u64) {
        (self.told, self.acked) = (from, 0);
        self.mentioned = self.mentioned.max(from);
        self.queue.clear();
        self.mode = Mode::Behind;
    }

    /// More was told. The peer's time to acknowledge begins, if it had acknowledged all before.
    pub(super) fn advance(&mut self, told: u64, now: SteadyTime) {
        if self.told == self.acked {
            self.progress = now;
        }
        self.told = told;
        self.mentioned = self.mentioned.max(told);
    }
}
