//! Who is talked to: every frame passes here first, and only members get past.

use std::collections::BTreeSet;

use super::allowance::STRANGER_COST;
use super::effect::{Change, Effect, Notice, PeerFault, Position};
use super::limits::Objection;
use super::message::{Message, Refusal, Segments, VERSION};
use super::presence::STATEMENT_COST;
use super::session::{PATIENCE, Session};
use super::{Context, Space};
use crate::id::DeviceId;
use crate::log::Segment;
use crate::roster::{Act, JoinRequest, Member};

impl Space {
    pub(super) fn frame(&mut self, peer: DeviceId, frame: &[u8], context: &mut Context<'_>) {
        if !self.connected.contains_key(&peer) {
            // It was cut off, and what it said before it noticed is not heard any more.
            return;
        }
        let handled = Message::read(frame).and_then(|message| {
            self.allow(peer, &message, frame.len(), context)?;
            self.message(peer, message, context)
        });
        if let Err(fault) = handled {
            if matches!(fault, PeerFault::Version { .. }) {
                let objection = Objection::Version { oldest: VERSION, newest: VERSION };
                self.send(peer, &Message::Objects(None, objection), context);
            }
            self.cut_off(peer, fault, context);
        }
    }

    /// Hears no more of a peer, and has its connection closed.
    pub(super) fn cut_off(&mut self, peer: DeviceId, fault: PeerFault, context: &mut Context<'_>) {
        tracing::warn!(space = %self.id.short(), peer = %peer.short(), %fault, "a peer broke the rules");
        self.peer_down(peer, context);
        context.effects.push(Effect::Disconnect { peer, fault });
    }

    /// Whether a peer may say that much more, unless it was asked to. If not, it is told.
    fn allow(
        &mut self,
        peer: DeviceId,
        message: &Message,
        bytes: usize,
        context: &mut Context<'_>,
    ) -> Result<(), PeerFault> {
        let entries = match message {
            Message::Join(_) | Message::Introduce(_) => STRANGER_COST,
            _ if !self.both_are_in(&peer) => STRANGER_COST,
            Message::Segments(Segments { document, stretch: None, .. })
                if self.has_asked_for(&peer, document) =>
            {
                return Ok(());
            }
            Message::Segments(Segments { segments, .. }) => {
                let entries = segments.iter().map(|segment| segment.entries().count());
                entries.sum::<usize>().max(1) as u64
            }
            Message::Presence(told) => told.len() as u64 * STATEMENT_COST,
            _ => 1,
        };
        let Some(allowance) = self.connected.get_mut(&peer) else { return Ok(()) };
        let taken = allowance.take(&self.limits, (entries, bytes as u64), context.now.steady);
        taken.map_err(|source| {
            self.send(peer, &Message::Objects(None, source), context);
            PeerFault::TooFast { source }
        })
    }

    fn message(
        &mut self,
        peer: DeviceId,
        message: Message,
        context: &mut Context<'_>,
    ) -> Result<(), PeerFault> {
        match message {
            Message::Join(request) => self.join(peer, request, context),
            Message::Introduce(roster) => return self.introduced(peer, roster, context),
            Message::Stranger => self.introduce(peer, context),
            Message::Welcome { roster, .. } => return self.welcomed(peer, roster, context),
            Message::Refused(refusal) => self.refused(refusal, context),
            _ if !self.both_are_in(&peer) => self.turn_away(peer, context),
            message => return self.member_message(peer, message, context),
        }
        Ok(())
    }

    fn member_message(
        &mut self,
        peer: DeviceId,
        message: Message,
        context: &mut Context<'_>,
    ) -> Result<(), PeerFault> {
        self.open_session(peer, context);
        match message {
            Message::Open(open) => self.on_open(peer, open, context),
            Message::Objects(what, objection) => self.objected(peer, what, objection, context),
            // Whoever has not said which version they speak is not understood. What overtook that is told again.
            _ if !self.has_opened(&peer) => {}
            Message::Changed(changed) => return self.changed(peer, changed, context),
            Message::Want(documents) => self.wanted(peer, documents),
            Message::Segments(segments) => return self.segments(peer, segments, context),
            Message::Position(stretch) => self.claim(peer, stretch),
            Message::Presence(told) => return self.hear_presence(peer, told, context),
            Message::Saved(upto) if self.sessions.get(&peer).is_some_and(Session::is_heard) => {
                self.on_saved(peer, upto, context);
            }
            _ => {}
        }
        Ok(())
    }

    /// Somebody holds a ticket.
    fn join(&mut self, peer: DeviceId, request: Box<JoinRequest>, context: &mut Context<'_>) {
        if request.device() != peer {
            return self.send(peer, &Message::Refused(Refusal::NotValid), context);
        }
        if self.role().is_none() {
            // Whoever is out lets nobody in, and knows nothing of tickets.
            return;
        }
        let held = self.roster.member(&peer).map(|member| member.role);
        let invitation = request.certificate().invitation();
        if held < Some(invitation.role) {
            let expired = invitation.expires < context.now.wall;
            if self.act(Act::Admit(request), context).is_err() {
                let refusal = if expired { Refusal::Expired } else { Refusal::NotValid };
                return self.send(peer, &Message::Refused(refusal), context);
            }
            tracing::info!(space = %self.id.short(), peer = %peer.short(), "let somebody in");
        }
        self.joiners.insert(peer, self.journal.latest());
    }

    /// Welcomes who is in by a word that would survive a power cut.
    pub(super) fn welcome(&mut self, context: &mut Context<'_>) {
        let journal = &self.journal;
        let ready: Vec<_> =
            self.joiners.extract_if(.., |_, batch| journal.is_saved(*batch)).collect();
        for (peer, _) in ready {
            let genesis = Box::new(self.roster.genesis().clone());
            let roster = self.roster.segments();
            self.send(peer, &Message::Welcome { genesis, roster }, context);
        }
    }

    /// A peer does not know this device as a member: show it what let it in.
    fn introduce(&mut self, peer: DeviceId, context: &mut Context<'_>) {
        let now = context.now.steady;
        if !self.is_roster_written() {
            self.unshown.insert(peer);
        } else if self.introduced.get(&peer).is_none_or(|at| now.since(*at) >= PATIENCE) {
            self.introduced.insert(peer, now);
            let roster = self.roster.segments();
            self.send(peer, &Message::Introduce(roster), context);
        }
    }

    /// The roster may be written by now: shows it to those who wait for that.
    pub(super) fn introduce_waiting(&mut self, context: &mut Context<'_>) {
        if self.is_roster_written() {
            for peer in std::mem::take(&mut self.unshown) {
                self.introduce(peer, context);
            }
        }
    }

    /// A peer talks of what only members hear of. Who was a member is shown why it is none, and all are asked what lets
    /// them in.
    fn turn_away(&mut self, peer: DeviceId, context: &mut Context<'_>) {
        if self.roster.knows(&peer) {
            self.introduce(peer, context);
        }
        self.send(peer, &Message::Stranger, context);
    }

    /// A stranger shows what let it in.
    fn introduced(
        &mut self,
        peer: DeviceId,
        roster: Vec<Segment>,
        context: &mut Context<'_>,
    ) -> Result<(), PeerFault> {
        self.learn(peer, roster, context)?;
        self.open_session(peer, context);
        if !self.both_are_in(&peer) && self.roster.knows(&peer) {
            // What it goes by is not all there is.
            self.introduce(peer, context);
        }
        Ok(())
    }

    /// Folds a segment of the roster's log, and does what follows from what it says.
    pub(super) fn take_roster(
        &mut self,
        author: DeviceId,
        segment: &Segment,
        context: &mut Context<'_>,
    ) {
        let members: BTreeSet<_> = self.roster.members().map(|(device, _)| *device).collect();
        let mute = self.mute();
        let deleted: Vec<_> = self.roster.deleted().map(|(label, _)| label.clone()).collect();
        self.intake.roster_grew = true;
        if !self.roster.take([(author, segment)]) {
            return;
        }
        context.effects.push(Effect::Notify(Notice::Roster));
        self.suspect_all();
        self.recount_commands(context);
        let are: BTreeSet<_> = self.roster.members().map(|(device, _)| *device).collect();
        for device in members.difference(&are) {
            self.part_with(*device, context);
        }
        if are.contains(&self.me) && !members.contains(&self.me) {
            self.begin_again();
        } else if mute.iter().any(|device| self.roster.member(device).is_some_and(writes))
            || deleted.iter().any(|label| self.roster.deletion(label).is_none())
        {
            self.follow_again(context);
        }
        for peer in self.connected.keys().copied().collect::<Vec<_>>() {
            self.open_session(peer, context);
            self.ask_for_refused(peer, context);
        }
    }

    /// Somebody is no member any more, and hears why. Nothing is said to them from then on, nor by this device, if it
    /// is the one.
    fn part_with(&mut self, device: DeviceId, context: &mut Context<'_>) {
        self.acked.remove(&device);
        self.part_with_presence(&device);
        if self.sessions.remove(&device).is_some() {
            self.introduced.remove(&device);
            self.introduce(device, context);
        }
        if device == self.me {
            self.sessions.clear();
        }
        context.effects.push(Effect::Notify(Notice::Peers));
    }

    /// This device is let in again. What was passed over meanwhile has to be looked at from the start.
    fn begin_again(&mut self) {
        self.acked.clear();
        for (peer, position) in std::mem::take(&mut self.seen) {
            let position = Position { number: 0, ..position };
            self.journal.add(Change::Seen { space: self.id, peer, position });
        }
    }

    /// Those of whom something may be here that does not count, as they don't write, and would count if they did.
    fn mute(&self) -> BTreeSet<DeviceId> {
        let readers = self.roster.members().filter(|(_, member)| !writes(member));
        let formers = self.roster.formers().map(|(device, _)| device);
        readers.map(|(device, _)| device).chain(formers).copied().collect()
    }

    /// Somebody writes again, or a document is restored. What was written meanwhile was neither offered nor asked for,
    /// and positions in feeds went past it: so everything is offered again, and followed from the start.
    fn follow_again(&mut self, context: &mut Context<'_>) {
        self.begin_again();
        for peer in self.sessions.keys().copied().collect::<Vec<_>>() {
            let session = self.sessions.get_mut(&peer).filter(|session| session.is_open());
            if let Some(session) = session {
                session.begin_again();
                self.send_open(peer, false, context);
            }
        }
    }

    /// Whether this device and a peer are members both.
    pub(super) fn both_are_in(&self, peer: &DeviceId) -> bool {
        self.role().is_some() && self.roster.member(peer).is_some()
    }
}

fn writes(member: &Member) -> bool {
    member.role.writes()
}
