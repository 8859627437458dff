//! Getting in: a device with a ticket asks whoever it meets, until a member answers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rand_core::Rng;

use super::effect::{Effect, SpaceRecord};
use super::message::{Message, Refusal, Tag, tag};
use super::{Context, Event, Space};
use crate::clock::{Now, SteadyTime};
use crate::id::{DeviceId, SpaceId};
use crate::identity::DeviceKey;
use crate::log::Segment;
use crate::roster::{Genesis, Ticket};

/// How often an unanswered request is made again.
const RETRY: Duration = Duration::from_secs(2);

/// A device that wants to join a space.
#[derive(Debug)]
pub struct Joining {
    ticket: Ticket,
    key: Arc<DeviceKey>,
    incarnation: [u8; 16],
    tag: Tag,
    connected: BTreeSet<DeviceId>,
    next: SteadyTime,
    /// Who said no, since when. Another member may know better, so it counts only if nobody says yes.
    refused: Option<(BTreeSet<DeviceId>, Refusal, SteadyTime)>,
}

/// How a step went.
#[derive(Debug)]
pub enum Outcome {
    /// Nobody has answered yet.
    Waiting,
    /// A member let the device in.
    Joined(Box<Space>),
    /// A member said no.
    Refused(Refusal),
}

impl Joining {
    /// Begins to ask.
    pub fn new(ticket: Ticket, key: Arc<DeviceKey>, incarnation: [u8; 16]) -> Self {
        let tag = tag(&ticket.space(), &key.id());
        let (connected, next) = (BTreeSet::new(), SteadyTime::default());
        Self { ticket, key, incarnation, tag, connected, next, refused: None }
    }

    /// The space that the ticket opens.
    pub fn space(&self) -> SpaceId {
        self.ticket.space()
    }

    /// Takes an event. After [`Outcome::Joined`], the new space wants to hear of the connected peers.
    pub fn handle(
        &mut self,
        event: Event,
        now: Now,
        rng: &mut dyn Rng,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        match event {
            Event::PeerUp { peer } => {
                self.connected.insert(peer);
                self.ask(peer, effects);
            }
            Event::PeerDown { peer } => _ = self.connected.remove(&peer),
            Event::Frame { peer, frame } => {
                return self.frame(peer, &frame, &mut Context { now, rng, effects });
            }
            Event::Tick if self.next <= now.steady => {
                if let Some((_, refusal, since)) = &self.refused
                    && now.steady.since(*since) >= RETRY
                {
                    return Outcome::Refused(*refusal);
                }
                self.next = now.steady + RETRY;
                self.connected.iter().for_each(|peer| self.ask(*peer, effects));
            }
            _ => {}
        }
        Outcome::Waiting
    }

    /// When [`Event::Tick`] wants to be given.
    pub fn deadline(&self) -> SteadyTime {
        self.next
    }

    fn ask(&self, peer: DeviceId, effects: &mut Vec<Effect>) {
        let frame = Message::Join(Box::new(self.ticket.request(&self.key))).frame(self.tag);
        effects.push(Effect::Send { to: vec![peer], frame });
    }

    fn frame(&mut self, peer: DeviceId, frame: &[u8], context: &mut Context<'_>) -> Outcome {
        match Message::read(frame) {
            Ok(Message::Welcome { genesis, roster }) => {
                self.welcome(peer, *genesis, roster, context)
            }
            Ok(Message::Refused(refusal)) => self.refused_by(peer, refusal, context.now),
            Ok(_) => Outcome::Waiting,
            Err(fault) => {
                context.effects.push(Effect::Disconnect { peer, fault });
                Outcome::Waiting
            }
        }
    }

    fn refused_by(&mut self, peer: DeviceId, refusal: Refusal, now: Now) -> Outcome {
        let nobody = || (BTreeSet::new(), refusal, now.steady);
        let (peers, ..) = self.refused.get_or_insert_with(nobody);
        peers.insert(peer);
        if self.connected.is_subset(peers) { Outcome::Refused(refusal) } else { Outcome::Waiting }
    }

    /// Believes nothing: the genesis must hash to the space's id, and the roster's log must add up.
    fn welcome(
        &self,
        peer: DeviceId,
        genesis: Genesis,
        roster: Vec<Segment>,
        context: &mut Context<'_>,
    ) -> Outcome {
        if genesis.space() != self.space() || genesis.verify().is_err() {
            return Outcome::Waiting;
        }
        let mut effects = Vec::new();
        let mut inner = Context { now: context.now, rng: context.rng, effects: &mut effects };
        let record = SpaceRecord { genesis, local: false };
        let mut space = Space::enter(record, self.key.clone(), self.incarnation);
        if space.learn(peer, roster, &mut inner).is_err() || space.role().is_none() {
            return Outcome::Waiting;
        }
        space.journal.write(inner.effects);
        context.effects.append(&mut effects);
        Outcome::Joined(Box::new(space))
    }
}
