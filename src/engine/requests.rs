//! What the app asks of the engine.

use std::collections::BTreeSet;
use std::sync::Arc;

use driftline_core::document::Label;
use driftline_core::id::{ChainId, DeviceId, DocumentId, SpaceId};
use driftline_core::roster::{self, Former, Genesis, Rank, Reach, Role, Roster, Ticket};
use driftline_core::space::{
    Authorship, Event, Joining, NotAWriter, NotPermitted, Outcome, Refusal, Space, SpaceStatus,
};
use driftline_storage::{Record, SledEngine, Snapshot, Store};
use tokio::sync::{oneshot, watch};

use super::commands::Asking;
use super::replica::{Access, Handle, LoadError, Open, Replica};
use super::{Engine, Slot};
use crate::device::Connection;
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
    Members { space: SpaceId, reply: Reply<Option<Members>> },
    Deleted { space: SpaceId, reply: Reply<Vec<(Label, Former)>> },
    Govern { space: SpaceId, deed: Deed, reply: Reply<Result<(), NotPermitted>> },
    Open { space: SpaceId, label: Label, branch: bool, reply: Reply<Option<Opening>> },
    Command { space: SpaceId, asking: Asking },
    Reached { space: SpaceId, chain: ChainId, update: u64, level: Level, reply: Reply<bool> },
    CaughtUp { space: SpaceId, reply: Reply<()> },
    Status { space: SpaceId, reply: Reply<Option<SpaceStatus>> },
    Connections { reply: Reply<Vec<Connection>> },
    News { space: SpaceId, reply: Reply<Option<watch::Receiver<u64>>> },
    Roster { space: SpaceId, reply: Reply<Option<Roster>> },
    Look(Look),
}

/// Something that reads the store, and answers by itself.
pub(crate) type Look = Box<dyn FnOnce(&Store<SledEngine>) + Send>;

/// Something to be done to the roster.
pub(crate) enum Deed {
    Appoint { device: DeviceId, role: Role, rank: Option<Rank> },
    Remove { device: DeviceId },
    CloseTicket { bearer: DeviceId },
    Delete { document: Label },
    Restore { document: Label },
}

/// A document that is being opened.
pub(crate) struct Opening {
    pub(crate) handle: Arc<Handle>,
    /// Answered when what the store has is in; nothing to wait for if it was open already.
    pub(crate) loaded: Option<oneshot::Receiver<Result<(), LoadError>>>,
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
            Request::Members { space, reply } => {
                let roster = self.spaces.get(&space).map(|slot| slot.space.roster());
                _ = reply.send(roster.map(Members::of));
            }
            Request::Deleted { space, reply } => {
                let Some(slot) = self.spaces.get(&space) else { return };
                let deleted = slot.space.roster().deleted();
                _ = reply.send(deleted.map(|(label, by)| (label.clone(), *by)).collect());
            }
            Request::Govern { space, deed, reply } => _ = reply.send(self.govern(space, deed)),
            // Its last edits may still be on their way here, before the news that it was closed: wait for that.
            Request::Open { space, ref label, .. } if self.is_closing(space, label) => {
                self.inbox.request(request);
            }
            Request::Open { space, label, branch, reply } => {
                _ = reply.send(self.open_document(space, &label, branch));
            }
            Request::Command { space, asking } => self.asked(space, asking),
            Request::Reached { space, chain, update, level, reply } => {
                if let Some(slot) = self.spaces.get_mut(&space) {
                    slot.space.hasten(&chain);
                    slot.waiters.wait_for_edit((chain, update), level, reply, &slot.space);
                }
            }
            Request::CaughtUp { space, reply } => {
                if let Some(slot) = self.spaces.get_mut(&space) {
                    slot.waiters.wait_until_caught_up(reply, &slot.space);
                }
            }
            Request::Status { space, reply } => {
                _ = reply.send(self.spaces.get(&space).map(|slot| slot.space.status()));
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
        if self.writer.after(Box::new(move |_: &_| pool.run(look))).is_err() {
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

    /// The document that is meant by a name, as documents of that name may have been deleted.
    fn meant(&self, space: SpaceId, name: &Label) -> Label {
        let slot = self.spaces.get(&space);
        slot.map_or_else(|| name.clone(), |slot| slot.space.roster().named(name))
    }

    /// Whether an app let go of the document, and that is not dealt with yet.
    fn is_closing(&self, space: SpaceId, name: &Label) -> bool {
        let document = self.meant(space, name).document(&space);
        let mut open = self.open.get(&document).into_iter().flatten();
        open.any(|open| open.handle.strong_count() == 0)
    }

    /// Opens a document, or gives another handle to the one that is open.
    fn open_document(&mut self, space: SpaceId, label: &Label, branch: bool) -> Option<Opening> {
        let now = self.now();
        let label = &self.meant(space, label);
        let document = label.document(&space);
        let open = self.open.get(&document).into_iter().flatten();
        let mut handles = open.filter_map(|open| open.handle.upgrade());
        let main = handles.find(|handle| handle.replica.follows());
        if let Some(handle) = main.filter(|_| !branch) {
            let replica = handle.replica.clone();
            // While somebody else's opening is under way, loading again is the simplest way to wait for it.
            let loaded = (!replica.is_loaded()).then(|| self.load_replica(replica));
            return Some(Opening { handle, loaded });
        }
        let taken = self.chains_in_use(&document);
        let slot = self.spaces.get_mut(&space)?;
        let author = slot.space.author(label, &taken, now, &mut self.rng);
        let written = match author {
            Ok(Authorship { chain, updates }) => (chain, updates),
            // A reader writes nothing, so any client id of its own will do.
            Err(NotAWriter) => (ChainId(self.key.id().0), 0),
        };
        let access = self.access(space, document, written.0);
        let replica =
            Arc::new(Replica::new(space, document, written, access, !branch, &self.inbox));
        let handle = Arc::new(Handle { replica: replica.clone() });
        let open = self.open.entry(document).or_default();
        open.push(Open { replica: replica.clone(), handle: Arc::downgrade(&handle) });
        // What was written here a moment ago must be in what is loaded: the next edits on the chain go on from it.
        self.seal(space);
        Some(Opening { handle, loaded: Some(self.load_replica(replica)) })
    }

    /// Has a replica loaded once everything taken in so far is in the store.
    fn load_replica(&mut self, replica: Arc<Replica>) -> oneshot::Receiver<Result<(), LoadError>> {
        let (reply, loaded) = oneshot::channel();
        let pool = self.pool.clone();
        let job = Box::new(move |_: &_| replica.load(reply, &pool));
        if self.writer.after(job).is_err() {
            tracing::warn!("a document was opened while the store was closing");
        }
        loaded
    }

    /// Has a replica loaded again once everything taken in so far is in the store.
    pub(super) fn reload_replica(&mut self, replica: Arc<Replica>) {
        let pool = self.pool.clone();
        if self.writer.after(Box::new(move |_: &_| replica.reload(&pool))).is_err() {
            tracing::warn!("a document was to be loaded again while the store was closing");
        }
    }

    /// The app let go of a document: keep its state, so that it opens quickly the next time.
    pub(super) fn document_closed(&mut self, replica: &Arc<Replica>) {
        // What sealing takes in must still reach the replica, as its state is to stand for all that the log holds.
        self.seal(replica.space);
        self.fold(replica);
        let Some(open) = self.open.get_mut(&replica.document) else { return };
        open.retain(|open| !Arc::ptr_eq(&open.replica, replica));
        if open.is_empty() {
            self.open.remove(&replica.document);
        }
    }

    /// Lets no open document be edited any more, because the device closes.
    pub(super) fn close_documents(&mut self) {
        self.open.values().flatten().for_each(|open| open.replica.close());
    }

    /// Has the state of every open document kept, before the device closes.
    pub(super) fn fold_open_documents(&mut self) {
        let open = self.open.values().flatten();
        let replicas: Vec<_> = open.map(|open| open.replica.clone()).collect();
        replicas.iter().for_each(|replica| self.fold(replica));
    }

    /// Has the pool fold a document, when everything that its log holds has been given to the replica.
    fn fold(&mut self, replica: &Arc<Replica>) {
        let Some(slot) = self.spaces.get(&replica.space) else { return };
        let frontier = slot.space.frontier(&replica.document);
        if self.broken || !replica.follows() || frontier.is_empty() {
            return;
        }
        self.folding += 1;
        replica.fold(frontier, slot.space.updates_on(&replica.chain), &self.pool);
    }

    pub(super) fn keep_snapshot(&mut self, document: DocumentId, snapshot: Snapshot) {
        let record = Record::Snapshot { document, snapshot };
        if let Err(error) = self.writer.append(vec![record]) {
            tracing::warn!(%error, "a document's state was not kept");
        }
    }

    /// Nothing more is taken of a chain: a copy of the document that writes on it must be opened anew.
    pub(super) fn stop_writing(&mut self, document: DocumentId, chain: ChainId) {
        let open = self.open.get(&document).into_iter().flatten();
        for open in open.filter(|open| open.replica.chain == chain) {
            open.replica.set_access(Access::Ended);
        }
    }

    /// Tells open documents whether they may be edited.
    pub(super) fn set_access(&mut self) {
        for replica in self.open.values().flatten().map(|open| &open.replica) {
            replica.set_access(self.access(replica.space, replica.document, replica.chain));
        }
    }

    /// The chains of a document that somebody writes on.
    pub(super) fn chains_in_use(&self, document: &DocumentId) -> BTreeSet<ChainId> {
        let open = self.open.get(document).into_iter().flatten();
        let open = open.filter(|open| open.handle.strong_count() > 0);
        let mending = self.mending.get(document).copied();
        open.map(|open| open.replica.chain).chain(mending).collect()
    }

    /// Whether a copy of a document that writes on that chain may be edited.
    fn access(&self, space: SpaceId, document: DocumentId, chain: ChainId) -> Access {
        let me = self.key.id();
        let Some(slot) = self.spaces.get(&space) else { return Access::ReadOnly };
        let roster = slot.space.roster();
        match slot.space.role() {
            _ if self.broken => Access::StoreFailed,
            None => Access::Removed,
            _ if slot.space.deletion(&document).is_some() => Access::Deleted,
            // It was opened without a chain: it has to be opened again to be written.
            _ if chain.0 == me.0 => Access::ReadOnly,
            Some(role) if role.writes() && roster.reach(&me, &chain) == Reach::Whole => {
                Access::Writable
            }
            Some(role) if role.writes() => Access::Ended,
            _ => Access::ReadOnly,
        }
    }
}
