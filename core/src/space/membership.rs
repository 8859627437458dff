//! Changing who may do what.

use rand_core::Rng;
use thiserror::Error;

use super::effect::{Effect, Notice, PeerFault};
use super::message::{Message, Refusal};
use super::{Context, Space, ledger_document};
use crate::clock::Now;
use crate::codec;
use crate::document::Label;
use crate::id::{DeviceId, DocumentId};
use crate::log::{EntryKind, Frontier, Segment};
use crate::record::Bucket;
use crate::roster::{Act, Former, JoinRequest, Rank, Role, Ticket};

/// This device may not do that to the roster, or it makes no sense: the subject is no member, say.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("this device may not do that: only an admin may, and only to a member")]
pub struct NotPermitted;

impl Space {
    /// Countersigns a request: lets its device in.
    ///
    /// # Errors
    /// If the ticket does not count, or this device is no member.
    pub fn admit(
        &mut self,
        request: JoinRequest,
        now: Now,
        rng: &mut dyn Rng,
        effects: &mut Vec<Effect>,
    ) -> Result<(), NotPermitted> {
        self.act(Act::Admit(Box::new(request)), &mut Context { now, rng, effects })
    }

    /// Gives a member another role or rank. What somebody who may not write any more has written counts as far as
    /// this device has it; and so does what an anchor has decided, which hands over, also to itself: an anchor that is made
    /// one again goes on from there.
    ///
    /// # Errors
    /// If this device is no admin, or the other no member.
    pub fn appoint(
        &mut self,
        device: DeviceId,
        (role, rank): (Role, Option<Rank>),
        now: Now,
        rng: &mut dyn Rng,
        effects: &mut Vec<Effect>,
    ) -> Result<(), NotPermitted> {
        let decided = self.roster.member(&device).is_some_and(|it| it.role == Role::Anchor);
        let cuts = match role {
            Role::Reader => self.ends_of(&device),
            _ if decided => self.ends_in_ledgers(&device).into_iter().collect(),
            Role::Writer | Role::Anchor | Role::Admin => Frontier::default(),
        };
        let act = Act::Appoint { device, role, rank, cuts };
        self.act(act, &mut Context { now, rng, effects })
    }

    /// Removes a member; or leaves, if it is this device. What they have written counts as far as this device has it.
    ///
    /// # Errors
    /// If this device is no admin, or the other no member.
    pub fn remove(
        &mut self,
        device: DeviceId,
        now: Now,
        rng: &mut dyn Rng,
        effects: &mut Vec<Effect>,
    ) -> Result<(), NotPermitted> {
        let act = Act::Remove { device, cuts: self.ends_of(&device) };
        self.act(act, &mut Context { now, rng, effects })
    }

    /// Closes a ticket: nobody is let in with it any more. Whoever is in stays in.
    ///
    /// # Errors
    /// If this device is no admin.
    pub fn close_ticket(
        &mut self,
        bearer: DeviceId,
        now: Now,
        rng: &mut dyn Rng,
        effects: &mut Vec<Effect>,
    ) -> Result<(), NotPermitted> {
        self.act(Act::Close { bearer }, &mut Context { now, rng, effects })
    }

    /// Lets a member read a bucket. Anchors and admins read all, and each member the common bucket and their own.
    ///
    /// # Errors
    /// If this device is no admin, or the other no member or one who was granted it already.
    pub fn grant(
        &mut self,
        bucket: &Bucket,
        device: DeviceId,
        now: Now,
        rng: &mut dyn Rng,
        effects: &mut Vec<Effect>,
    ) -> Result<(), NotPermitted> {
        let context = &mut Context { now, rng, effects };
        let ledger = ledger_document(&self.id, bucket);
        self.act(Act::Grant { ledger, device }, context)?;
        if !self.index.contains_key(&ledger) {
            // The roster does not say what it is called.
            let chain = self.ledger_chain(bucket, context);
            self.add_entry(chain, EntryKind::BEGUN, &[], context);
            self.seal_chain(chain, context);
        }
        Ok(())
    }

    /// Takes back that a member may read a bucket. What they asked for in it counts as far as this device has it, and the
    /// rest once they may read it again. Their device forgets what it holds of it as soon as it hears of this.
    ///
    /// # Errors
    /// If this device is no admin, or the other was not granted it.
    pub fn revoke(
        &mut self,
        bucket: &Bucket,
        device: DeviceId,
        now: Now,
        rng: &mut dyn Rng,
        effects: &mut Vec<Effect>,
    ) -> Result<(), NotPermitted> {
        let ledger = ledger_document(&self.id, bucket);
        let log = self.index.get(&ledger);
        let cuts = log.into_iter().flat_map(|log| self.ends_in(log, &device)).collect();
        self.act(Act::Revoke { ledger, device, cuts }, &mut Context { now, rng, effects })
    }

    /// Deletes a document for everybody. What others write in it before they hear of that is not taken any more. Whoever
    /// opens a document of its name then begins another.
    ///
    /// # Errors
    /// If this device is no admin, or the document deleted already.
    pub fn delete(
        &mut self,
        document: &Label,
        now: Now,
        rng: &mut dyn Rng,
        effects: &mut Vec<Effect>,
    ) -> Result<(), NotPermitted> {
        let document = document.clone();
        self.act(Act::Delete { document }, &mut Context { now, rng, effects })
    }

    /// Brings back a document that was deleted, with all that was written in it, whatever the device that wrote it had
    /// heard.
    ///
    /// # Errors
    /// If this device is no admin, or the document is not deleted.
    pub fn restore(
        &mut self,
        document: &Label,
        now: Now,
        rng: &mut dyn Rng,
        effects: &mut Vec<Effect>,
    ) -> Result<(), NotPermitted> {
        let document = document.clone();
        self.act(Act::Restore { document }, &mut Context { now, rng, effects })
    }

    /// Who deleted a document, and when; nothing if it is not deleted.
    pub fn deletion(&self, document: &DocumentId) -> Option<&Former> {
        self.roster.deletion(self.label(document)?)
    }

    /// Asks everybody who is or gets connected to be let in with a ticket: for a device that was removed, or may do
    /// less than the ticket offers. The answer is [`Notice::Roster`], or [`Notice::Refused`].
    pub fn petition(
        &mut self,
        ticket: &Ticket,
        now: Now,
        rng: &mut dyn Rng,
        effects: &mut Vec<Effect>,
    ) {
        self.petition = Some(ticket.request(&self.key));
        let context = &mut Context { now, rng, effects };
        for peer in self.connected.keys().copied().collect::<Vec<_>>() {
            self.press(peer, context);
        }
    }

    /// Shows a peer what this device asks for, if it does.
    pub(super) fn press(&mut self, peer: DeviceId, context: &mut Context<'_>) {
        if let Some(request) = self.petition.clone() {
            self.send(peer, &Message::Join(Box::new(request)), context);
        }
    }

    /// A member says that this device is in.
    pub(super) fn welcomed(
        &mut self,
        peer: DeviceId,
        roster: Vec<Segment>,
        context: &mut Context<'_>,
    ) -> Result<(), PeerFault> {
        match self.petition.take() {
            Some(_) => self.learn(peer, roster, context),
            // Here from an earlier request.
            None => Ok(()),
        }
    }

    /// A member says that this device's ticket does not count.
    pub(super) fn refused(&mut self, refusal: Refusal, context: &mut Context<'_>) {
        if self.petition.take().is_some() {
            context.effects.push(Effect::Notify(Notice::Refused(refusal)));
        }
    }

    /// Does something to the roster, if this device may.
    pub(super) fn act(&mut self, act: Act, context: &mut Context<'_>) -> Result<(), NotPermitted> {
        if !self.roster.permits(self.me, context.now.wall, &act) {
            return Err(NotPermitted);
        }
        let entry = self.roster.entry(act);
        self.add_to_roster(&codec::encode(&entry), context);
        Ok(())
    }

    /// Where somebody's chains end in all documents, as this device has saved them: what it loses when power fails, and
    /// nobody else has, must not be among what counts.
    fn ends_of(&self, device: &DeviceId) -> Frontier {
        let others = self.index.iter().filter(|(id, _)| !self.is_roster(**id));
        let documents = others.filter(|(id, _)| !self.is_ledger(**id));
        let ends = documents.flat_map(|(_, log)| self.ends_in(log, device));
        ends.chain(self.ends_in_ledgers(device)).collect()
    }
}
