//! Who is talked to: every frame passes here first, and only who is or was a member gets past.

use std::collections::BTreeSet;

use super::effect::{Change, Effect, Notice, PeerFault, Position};
use super::message::{Message, Refusal};
use super::session::PATIENCE;
use super::{Context, Space};
use crate::id::{DeviceId, DocumentId};
use crate::log::Segment;
use crate::roster::{Act, JoinRequest};

impl Space {
    pub(super) fn frame(&mut self, peer: DeviceId, frame: &[u8], context: &mut Context<'_>) {
        let handled = match Message::read(frame) {
            Ok(message) => self.message(peer, message, context),
            Err(source) => Err(PeerFault::Malformed { source }),
        };
        if let Err(fault) = handled {
            tracing::warn!(space = %self.id.short(), peer = %peer.short(), %fault, "a peer broke the rules");
            context.effects.push(Effect::Disconnect { peer, fault });
        }
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
            _ if !self.roster.knows(&peer) => self.send(peer, &Message::Stranger, context),
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
            Message::Open(open) => return self.on_open(peer, open, context),
            Message::Changed(mut changed) => {
                changed
                    .documents
                    .retain(|(label, _)| self.may_read(&peer, &label.document(&self.id)));
                return self.changed(peer, changed, context);
            }
            Message::Want(documents) => self.wanted(peer, documents),
            Message::Segments(segments) if !self.may_read(&peer, &segments.document) => {}
            Message::Segments(segments) => return self.segments(peer, segments, context),
            Message::Position(stretch) => self.claim(peer, stretch),
            Message::Saved(upto) => self.on_saved(peer, upto, context),
            _ => {}
        }
        Ok(())
    }

    /// Somebody holds a ticket.
    fn join(&mut self, peer: DeviceId, request: Box<JoinRequest>, context: &mut Context<'_>) {
        if request.device() != peer {
            return self.send(peer, &Message::Refused(Refusal::NotValid), context);
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
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        if session.introduced.is_none_or(|at| now.since(at) >= PATIENCE) {
            session.introduced = Some(now);
            let roster = self.roster.segments();
            self.send(peer, &Message::Introduce(roster), context);
        }
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
        if !self.roster.take([(author, segment)]) {
            return;
        }
        context.effects.push(Effect::Notify(Notice::Roster));
        let joined: Vec<_> = self.roster.members().map(|(device, _)| *device).collect();
        for device in joined.into_iter().filter(|device| !members.contains(device)) {
            self.begin_again(device, context);
        }
        for peer in self.connected.clone() {
            self.open_session(peer, context);
            self.ask_for_refused(peer, context);
        }
    }

    /// Somebody is a member who was not. What was passed over while they were none has to be looked at from the start:
    /// theirs by this device, or if it is this device, everybody's.
    fn begin_again(&mut self, device: DeviceId, context: &mut Context<'_>) {
        if device != self.me {
            self.acked.remove(&device);
            if let Some(session) = self.sessions.get_mut(&device) {
                session.outbound.begin_again(0);
            }
            return;
        }
        self.acked.clear();
        for (peer, position) in std::mem::take(&mut self.seen) {
            let position = Position { number: 0, ..position };
            self.journal.add(Change::Seen { space: self.id, peer, position });
        }
        for peer in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.sessions.remove(&peer);
            self.open_session(peer, context);
        }
    }

    /// Whether a peer may have a document. The roster is for whoever was ever let in, so that who was removed learns
    /// of it; everything else is for members, and comes from members alone.
    pub(super) fn may_read(&self, peer: &DeviceId, document: &DocumentId) -> bool {
        let both = self.role().is_some() && self.roster.member(peer).is_some();
        both || *document == self.roster_document && self.roster.knows(peer)
    }
}
