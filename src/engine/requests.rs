//! What the app asks of the engine.

use std::collections::BTreeSet;

use driftline_core::document::Label;
use driftline_core::id::{ChainId, DeviceId, DocumentId, SpaceId};
use driftline_core::log::Frontier;
use driftline_core::record::Bucket;
use driftline_core::roster::{self, Former, Genesis, Rank, Role, Roster, Ticket};
use driftline_core::space::{
    Event, Extent, Joining, NotPermitted, Outcome, Refusal, Space, SpaceStatus,
};
use driftline_storage::{SledEngine, Store};
use tokio::sync::{oneshot, watch};

use super::commands::Asking;
use super::documents::Opening;
use super::guests::GuestAsking;
use super::{Engine, Slot};
use crate::device::{Connection, DiskStatus};
use crate::document::Level;
use crate::space::{Invitation, Members};

type Reply<T> = oneshot::Sender<T>;

/// A request, with where to send the answer.
pub(crate) enum Request {
    CreateSpace { name: String, reply: Reply<SpaceId> },
    LocalSpace { reply: Reply<SpaceId> },
    Join { ticket: Box<Ticket>, reply: Reply<Result<SpaceId, Refusal>> },
    Spaces { reply: Reply<Vec<(SpaceId, String)>> },
    Invite { space: SpaceId, invitation: Invitation, reply: Reply<Option<Ticket>> },
    IsWritable { reply: Reply<bool> },
    Guests { space: SpaceId, asking: GuestAsking },
    Members { space: SpaceId, reply: Reply<Option<Members>> },
    Deleted { space: SpaceId, reply: Reply<Vec<(Label, Former)>> },
    Buckets { space: SpaceId, reply: Reply<Buckets> },
    Govern { space: SpaceId, deed: Deed, reply: Reply<Result<(), NotPermitted>> },
    Open { space: SpaceId, label: Label, branch: bool, reply: Reply<Option<Opening>> },
    ClosedAt { space: SpaceId, label: Label, reply: Reply<Option<(DocumentId, Frontier)>> },
    Extent { space: SpaceId, label: Label, reply: Reply<Option<Extent>> },
    Command { space: SpaceId, asking: Asking },
    Reached { space: SpaceId, chain: ChainId, update: u64, level: Level, reply: Reply<bool> },
    Written { space: SpaceId, reply: Reply<()> },
    CaughtUp { space: SpaceId, reply: Reply<()> },
    Status { space: SpaceId, reply: Reply<Option<SpaceStatus>> },
    Connections { reply: Reply<Vec<Connection>> },
    Disk { reply: Reply<DiskStatus> },
    Lost { document: DocumentId, chain: ChainId, first: u64 },
    News { space: SpaceId, reply: Reply<Option<watch::Receiver<u64>>> },
    Roster { space: SpaceId, reply: Reply<Option<Roster>> },
    Look(Look),
}

/// The buckets that are known, with what they are called and to whom they were granted.
pub(crate) type Buckets = Vec<(DocumentId, Option<Bucket>, BTreeSet<DeviceId>)>;

/// Something that reads the store, and answers by itself.
pub(crate) type Look = Box<dyn FnOnce(&Store<SledEngine>) + Send>;

/// Something to be done to the roster.
pub(crate) enum Deed {
    Appoint { device: DeviceId, role: Role, rank: Option<Rank> },
    Remove { device: DeviceId },
    Grant { bucket: Bucket, device: DeviceId },
    Revoke { bucket: Bucket, device: DeviceId },
    CloseTicket { bearer: DeviceId },
    Delete { document: Label },
    Restore { document: Label },
}

/// A space that this device wants to join.
pub(super) struct Join {
    pub(super) joining: Joining,
    replies: Vec<Reply<Result<SpaceId, Refusal>>>,
}

impl Engine {
    pub(super) fn request(&mut self, request: Request) {
        // Who asked may have stopped waiting; an answer that nobody hears is no fault.
        match request {
            Request::CreateSpace { name, reply } => _ = reply.send(self.create_space(&name)),
            Request::LocalSpace { reply } => _ = reply.send(self.local_space()),
            Request::Join { ticket, reply } => self.join(*ticket, reply),
            Request::Spaces { reply } => _ = reply.send(self.space_names()),
            Request::Invite { space, invitation, reply } => {
                _ = reply.send(self.invite(space, invitation));
            }
            Request::IsWritable { reply } => _ = reply.send(self.broken.is_none()),
            Request::Guests { space, asking } => self.asked_about_guests(space, asking),
            Request::Members { space, reply } => {
                let roster = self.spaces.get(&space).map(|slot| slot.space.roster());
                _ = reply.send(roster.map(Members::of));
            }
            Request::Deleted { space, reply } => {
                let Some(slot) = self.spaces.get(&space) else { return };
                let deleted = slot.space.roster().deleted();
                _ = reply.send(deleted.map(|(label, by)| (label.clone(), *by)).collect());
            }
            Request::Buckets { space, reply } => {
                let buckets = self.spaces.get(&space).map(|slot| slot.space.buckets());
                _ = reply.send(buckets.unwrap_or_default());
            }
            Request::Govern { space, deed, reply } => _ = reply.send(self.govern(space, deed)),
            // Its last edits may still be on their way here, before the news that it was closed: wait for that.
            Request::Open { space, ref label, .. } if self.is_closing(space, label) => {
                self.inbox.request(request);
            }
            Request::Open { space, label, branch, reply } => {
                _ = reply.send(self.open_document(space, &label, branch));
            }
            Request::ClosedAt { space, label, reply } => {
                _ = reply.send(self.closed_at(space, &label));
            }
            Request::Extent { space, label, reply } => {
                _ = reply.send(self.extent(space, &label));
            }
            Request::Command { space, asking } => self.asked(space, asking),
            Request::Reached { space, chain, update, level, reply } => {
                if let Some(slot) = self.spaces.get_mut(&space) {
                    slot.space.hasten(&chain);
                    slot.waiters.wait_for_edit((chain, update), level, reply, &slot.space);
                }
            }
            Request::Written { space, reply } => {
                self.seal(space);
                self.written(Box::new(move |_: &_| _ = reply.send(())));
            }
            Request::CaughtUp { space, reply } => {
                if let Some(slot) = self.spaces.get_mut(&space) {
                    slot.waiters.wait_until_caught_up(reply, &slot.space);
                }
            }
            Request::Status { space, reply } => {
                _ = reply.send(self.spaces.get(&space).map(|slot| slot.space.status()));
            }
            Request::Disk { reply } => _ = reply.send(self.disk_status()),
            Request::Lost { document, chain, first } => {
                self.readable((document, chain), Some(first));
            }
            Request::Connections { reply } => _ = reply.send(self.peers.connections()),
            Request::News { space, reply } => {
                _ = reply.send(self.spaces.get(&space).map(|slot| slot.news.subscribe()));
            }
            Request::Roster { space, reply } => {
                _ = reply.send(self.spaces.get(&space).map(|slot| slot.space.roster().clone()));
            }
            Request::Look(look) => self.look(look),
        }
    }

    /// Has the pool look at the store, when everything taken in so far is there.
    fn look(&mut self, look: Look) {
        for space in self.spaces.keys().copied().collect::<Vec<_>>() {
            self.seal(space);
        }
        let pool = self.pool.clone();
        self.written(Box::new(move |_: &_| pool.run(look)));
    }

    /// Does something when everything taken in so far is in the store.
    pub(super) fn written(&self, job: Look) {
        if self.writer.after(job).is_err() {
            tracing::warn!("the store was to be looked at while it was closing");
        }
    }

    fn create_space(&mut self, name: &str) -> SpaceId {
        let genesis = Genesis::new(name, &self.key, self.now().wall, &mut self.rng);
        let mut effects = Vec::new();
        let space = Space::found(genesis, self.key.clone(), self.incarnation, &mut effects);
        self.add_space(space, effects)
    }

    /// The space that stays on this device, begun when it is first asked for.
    fn local_space(&mut self) -> SpaceId {
        let held = self.spaces.iter().find(|(_, slot)| slot.space.is_local());
        if let Some((id, _)) = held {
            return *id;
        }
        let genesis = Genesis::new("local", &self.key, self.now().wall, &mut self.rng);
        let mut effects = Vec::new();
        let space = Space::found_local(genesis, self.key.clone(), self.incarnation, &mut effects);
        self.add_space(space, effects)
    }

    fn add_space(&mut self, mut space: Space, effects: super::Effects) -> SpaceId {
        let (id, local) = (space.id(), space.is_local());
        space.run_with(self.registry.clone());
        space.set_full(self.full);
        self.spaces.insert(id, Slot::new(space, self.limits));
        self.perform(id, effects);
        if local {
            return id;
        }
        self.peers.add_space(id);
        for peer in self.peers.connected.keys().copied().collect::<Vec<_>>() {
            self.feed(id, Event::PeerUp { peer });
        }
        id
    }

    fn space_names(&self) -> Vec<(SpaceId, String)> {
        let name = |(id, slot): (&SpaceId, &Slot)| (*id, slot.space.name().to_owned());
        self.spaces.iter().filter(|(_, slot)| !slot.space.is_local()).map(name).collect()
    }

    fn join(&mut self, ticket: Ticket, reply: Reply<Result<SpaceId, Refusal>>) {
        let id = ticket.space();
        let addresses = ticket.addresses().iter().filter_map(|address| address.parse().ok());
        for address in addresses {
            self.reach.note(&address);
            self.network.remember(None, vec![address]);
        }
        if self.spaces.contains_key(&id) {
            return self.petition(&ticket, reply);
        }
        // A newer ticket to the same space takes the place of an older one.
        let earlier = self.joins.remove(&id).map(|join| join.replies).unwrap_or_default();
        let joining = Joining::new(ticket, self.key.clone(), self.incarnation);
        let replies = earlier.into_iter().chain([reply]).collect();
        self.joins.insert(id, Join { joining, replies });
        self.peers.add_space(id);
        for peer in self.peers.connected.keys().copied().collect::<Vec<_>>() {
            self.feed_join(id, Event::PeerUp { peer });
        }
    }

    /// Asks for what a ticket offers in a space that this device is in, or was.
    fn petition(&mut self, ticket: &Ticket, reply: Reply<Result<SpaceId, Refusal>>) {
        let (id, now) = (ticket.space(), self.now());
        let Some(slot) = self.spaces.get_mut(&id) else { return };
        let mut effects = Vec::new();
        let role = ticket.certificate().invitation().role;
        if slot.waiters.wait_for_role(role, reply, &slot.space) {
            slot.space.petition(ticket, now, &mut self.rng, &mut effects);
        }
        self.perform(id, effects);
    }

    /// Does something to the roster of a space.
    fn govern(&mut self, id: SpaceId, deed: Deed) -> Result<(), NotPermitted> {
        let now = self.now();
        let Some(slot) = self.spaces.get_mut(&id) else { return Err(NotPermitted) };
        let (space, rng, mut effects) = (&mut slot.space, &mut self.rng, Vec::new());
        let done = match deed {
            Deed::Appoint { device, role, rank } => {
                space.appoint(device, (role, rank), now, rng, &mut effects)
            }
            Deed::Remove { device } => space.remove(device, now, rng, &mut effects),
            Deed::Delete { document } => {
                let document = space.roster().named(&document);
                space.delete(&document, now, rng, &mut effects)
            }
            Deed::Restore { document } => space.restore(&document, now, rng, &mut effects),
            Deed::Grant { bucket, device } => space.grant(&bucket, device, now, rng, &mut effects),
            Deed::Revoke { bucket, device } => {
                space.revoke(&bucket, device, now, rng, &mut effects)
            }
            Deed::CloseTicket { bearer } => space.close_ticket(bearer, now, rng, &mut effects),
        };
        self.perform(id, effects);
        done
    }

    /// Gives an event to a space that is being joined.
    pub(super) fn feed_join(&mut self, id: SpaceId, event: Event) {
        let now = self.now();
        let mut effects = Vec::new();
        let Some(join) = self.joins.get_mut(&id) else { return };
        match join.joining.handle(event, now, &mut self.rng, &mut effects) {
            Outcome::Waiting => self.perform(id, effects),
            Outcome::Joined(space) => {
                let replies = self.joins.remove(&id).map(|join| join.replies).unwrap_or_default();
                self.add_space(*space, effects);
                self.exchange_addresses();
                replies.into_iter().for_each(|reply| _ = reply.send(Ok(id)));
            }
            Outcome::Refused(refusal) => {
                let replies = self.joins.remove(&id).map(|join| join.replies).unwrap_or_default();
                replies.into_iter().for_each(|reply| _ = reply.send(Err(refusal)));
            }
        }
    }

    /// A ticket to the space, if this device may issue one.
    fn invite(&mut self, space: SpaceId, invitation: Invitation) -> Option<Ticket> {
        let Invitation { role, rank, lasts } = invitation;
        let expires = self.now().wall + lasts;
        let invites =
            |slot: &&Slot| slot.space.role() == Some(Role::Admin) && !slot.space.is_local();
        let slot = self.spaces.get(&space).filter(invites)?;
        let me = self.key.id();
        let own = self.network.listen_addresses().into_iter().map(|address| (me, address));
        let others = self.peers.known_members(slot.space.roster());
        let addresses = own.chain(others).filter_map(|(device, address)| {
            let peer = driftline_net::peer_id(&device).ok()?;
            address.with_p2p(peer).ok().map(|address| address.to_string())
        });
        let addresses = addresses.collect();
        let seen = slot.space.roster().heads();
        let terms = roster::Invitation { role, rank, expires, seen };
        Some(Ticket::issue(space, &self.key, terms, addresses, &mut self.rng))
    }
}
