//! Who is talked to: every frame passes here first, and only members get past.

use super::effect::{Effect, Notice, PeerFault};
use super::message::{Message, Refusal};
use super::session::PATIENCE;
use super::{Context, Space};
use crate::codec;
use crate::id::DeviceId;
use crate::roster::{Admission, JoinRequest};

/// More admissions than this are not looked at in one introduction.
const MAX_ADMISSIONS: usize = 1024;

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
            Message::Introduce(admissions) => self.introduced(peer, admissions, context),
            Message::Stranger => self.introduce(peer, context),
            // Meant for somebody who is not in yet, and here from an earlier request.
            Message::Welcome { .. } | Message::Refused(_) => {}
            _ if self.roster.member(&peer).is_none() => {
                self.send(peer, &Message::Stranger, context);
            }
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
            Message::Changed(changed) => return self.changed(peer, changed, context),
            Message::Want(documents) => self.wanted(peer, documents),
            Message::Segments(segments) => return self.segments(peer, segments, context),
            Message::Position(stretch) => self.claim(peer, stretch),
            Message::Saved(upto) => self.on_saved(peer, upto, context),
            _ => {}
        }
        Ok(())
    }

    /// Somebody holds a ticket.
    fn join(&mut self, peer: DeviceId, request: JoinRequest, context: &mut Context<'_>) {
        if request.device() != peer {
            return self.send(peer, &Message::Refused(Refusal::NotValid), context);
        }
        let held = self.roster.member(&peer).map(|member| member.role);
        if held < Some(request.certificate().role()) {
            let expired = request.certificate().expires() < context.now.wall;
            let admission = request.admit(&self.key, context.now.wall);
            if !self.roster.would_admit(&admission) {
                let refusal = if expired { Refusal::Expired } else { Refusal::NotValid };
                return self.send(peer, &Message::Refused(refusal), context);
            }
            tracing::info!(space = %self.id.short(), peer = %peer.short(), "let somebody in");
            self.add_to_roster(&codec::encode(&admission), context);
            self.take_admissions(vec![admission], context);
        }
        self.joiners.insert(peer, self.journal.latest());
    }

    /// Welcomes who is in by a word that would survive a power cut.
    pub(super) fn welcome(&mut self, context: &mut Context<'_>) {
        let journal = &self.journal;
        let ready: Vec<_> =
            self.joiners.extract_if(.., |_, batch| journal.is_saved(*batch)).collect();
        for (peer, _) in ready {
            let genesis = self.roster.genesis().clone();
            let admissions = self.roster.admissions();
            self.send(peer, &Message::Welcome { genesis, admissions }, context);
        }
    }

    /// A peer does not know this device as a member: show it what let it in.
    fn introduce(&mut self, peer: DeviceId, context: &mut Context<'_>) {
        let now = context.now.steady;
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        if session.introduced.is_none_or(|at| now.since(at) >= PATIENCE) {
            session.introduced = Some(now);
            let admissions = self.roster.admissions();
            self.send(peer, &Message::Introduce(admissions), context);
        }
    }

    fn introduced(
        &mut self,
        peer: DeviceId,
        mut admissions: Vec<Admission>,
        context: &mut Context<'_>,
    ) {
        admissions.truncate(MAX_ADMISSIONS);
        admissions.retain(|admission| !self.roster.knows(admission));
        self.take_admissions(admissions.clone(), context);
        // The member who countersigned may have lost its entry: whoever learns it here keeps it for all.
        for admission in admissions {
            if self.roster.would_admit(&admission) {
                self.add_to_roster(&codec::encode(&admission), context);
            }
        }
        self.open_session(peer, context);
    }

    /// Folds admissions into the roster; who became a member is talked to, and what was refused for want
    /// of a role is asked for again.
    pub(super) fn take_admissions(
        &mut self,
        admissions: Vec<Admission>,
        context: &mut Context<'_>,
    ) {
        let mut changed = false;
        for admission in admissions {
            changed |= self.roster.take(admission);
        }
        if !changed {
            return;
        }
        context.effects.push(Effect::Notify(Notice::Roster));
        for peer in self.connected.clone() {
            self.open_session(peer, context);
            self.ask_for_refused(peer, context);
        }
    }
}
